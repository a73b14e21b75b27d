"""Where on a simplex can several polynomials vanish together? Everywhere else is ruled out, piece by piece.

A payoff difference of a symmetric game is a polynomial of degree m = N - 1 in the mixture x:

    d(x) = sum over n of multinomial(m; n) * x^n * d_n,

which is its Bernstein form: the d_n are its coefficients, and over the simplex d lies between the smallest and
the largest of them. If all have one sign, d has no root there. If not, the simplex is halved along its longest
edge; de Casteljau's scheme gives the coefficients of both halves as averages of the old ones, and the bounds
close in. What is left in the end are small cells, each near a root or not yet told from one.

Each equation by itself rules out little near a curve on which it vanishes. So they are also combined: with
barycentric coordinates l(x) of a cell and any matrix W, a common root x has l(x) = l(x) - W d(x), and where the
right side is negative there is none. W from the linear part of d makes the right side almost constant.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["Cells"]

Array = npt.NDArray[np.float64]

ROUNDING = 1e-12  # coefficients closer to 0 count as 0, on a scale where payoffs span 1


@lru_cache(maxsize=64)
def _counts(degree: int, vertices: int) -> npt.NDArray[np.int64]:
    """Exponents of the coefficients, (C, s)."""
    from .games import opponent_counts

    return opponent_counts(degree + 1, vertices)


@lru_cache(maxsize=256)
def _halving(degree: int, vertices: int, a: int, b: int) -> tuple[Array, Array]:
    """Matrices (C, C) that take coefficients to those of the half without vertex `a`, and without `b`.

    In the first half the middle of the edge stands in place of `a`: its coefficient at n is the average of
    the old ones over all ways to split the n_a visits of the middle between both ends.
    """
    rows = [tuple(row) for row in _counts(degree, vertices).tolist()]
    where = {row: index for index, row in enumerate(rows)}
    halves = []
    for gone, kept in ((a, b), (b, a)):
        matrix = np.zeros((len(rows), len(rows)))
        for target, row in enumerate(rows):
            for moved in range(row[gone] + 1):
                source = list(row)
                source[gone] -= moved
                source[kept] += moved
                share = math.comb(row[gone], moved) * 0.5 ** row[gone]
                matrix[where[tuple(source)], target] += share
        halves.append(matrix)
    return halves[0], halves[1]


@dataclass
class Cells:
    """Pieces of the simplex over s vertices that may hold a common root.

    Attributes:
        degree: of the polynomials.
        corners: (cells, s, s); rows are the corners, as points of the simplex.
        equations: (cells, E, C) coefficients that must vanish together; the first s - 1 imply the others.
        bounds: (cells, B, C) coefficients that must not be positive everywhere.
    """

    degree: int
    corners: Array
    equations: Array
    bounds: Array

    @classmethod
    def whole(cls, degree: int, equations: Array, bounds: Array) -> Cells:
        """The simplex as one cell."""
        vertices = equations_vertices(degree, equations.shape[-1])
        return cls(degree, np.eye(vertices)[None], equations[None], bounds[None])._possible()

    def __len__(self) -> int:
        return len(self.corners)

    @property
    def centres(self) -> Array:
        """(cells, s)"""
        return np.asarray(self.corners.mean(axis=1))

    @property
    def diameters(self) -> Array:
        """Longest edge of each cell in the maximum norm, (cells,)."""
        return np.asarray(self._edges().max(axis=1))

    def _edges(self) -> Array:
        pairs = list(itertools.combinations(range(self.corners.shape[1]), 2))
        first, second = (self.corners[:, list(ends)] for ends in zip(*pairs))
        return np.asarray(np.abs(first - second).max(axis=2))

    def halved(self) -> Cells:
        """Both halves of every cell, without those that hold no common root."""
        pairs = list(itertools.combinations(range(self.corners.shape[1]), 2))
        longest = self._edges().argmax(axis=1)
        made = []
        for index, (a, b) in enumerate(pairs):
            mine = longest == index
            if not mine.any():
                continue
            middle = 0.5 * (self.corners[mine, a] + self.corners[mine, b])
            for gone, matrix in zip((a, b), _halving(self.degree, self.corners.shape[1], a, b)):
                corners = self.corners[mine].copy()
                corners[:, gone] = middle
                half = Cells(self.degree, corners, self.equations[mine] @ matrix, self.bounds[mine] @ matrix)
                made.append(half._possible())
        return Cells(
            self.degree,
            *(np.concatenate([getattr(each, name) for each in made]) for name in ("corners", "equations", "bounds")),
        )

    def only(self, chosen: npt.NDArray[np.bool_]) -> Cells:
        """Some of the cells."""
        return Cells(self.degree, self.corners[chosen], self.equations[chosen], self.bounds[chosen])

    def _possible(self) -> Cells:
        positive, negative = self.equations > ROUNDING, self.equations < -ROUNDING
        rootless = np.any(positive.all(axis=2) | negative.all(axis=2), axis=1)
        beaten = np.any((self.bounds > ROUNDING).all(axis=2), axis=1)
        left = self.only(np.logical_not(np.logical_or(rootless, beaten)))
        return left.only((left._coordinates_of_roots().max(axis=2) >= -1e-9).all(axis=1))

    def _coordinates_of_roots(self) -> Array:
        """Coefficients of l(x) - W d(x), whose values at roots are barycentric coordinates, (cells, s, C)."""
        size = self.corners.shape[1]
        counts = _counts(self.degree, size)
        independent = self.equations[:, : size - 1]
        linear = np.ones((len(self), size, size))
        linear[:, :-1] = independent[:, :, counts.max(axis=1) == self.degree]  # values at the corners, in order
        # scaled, so that the sum of coordinates weighs as much as the equations
        largest = np.abs(linear[:, :-1]).max(axis=(1, 2))
        linear[:, :-1] /= np.where(largest > 0, largest, 1.0)[:, None, None]
        weights = np.linalg.pinv(linear, rcond=1e-9)[:, :, :-1]
        weights = weights / np.where(largest > 0, largest, 1.0)[:, None, None]
        return np.asarray(counts.T / self.degree - weights @ independent)


def equations_vertices(degree: int, coefficients: int) -> int:
    """Number of vertices s with C(degree + s - 1, s - 1) coefficients."""
    vertices = 1
    while math.comb(degree + vertices - 1, vertices - 1) < coefficients:
        vertices += 1
    return vertices
