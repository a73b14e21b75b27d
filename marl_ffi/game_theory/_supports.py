"""Mixtures of a given support in which all strategies of the support earn the same.

For two players the equations are linear, and a linear program takes their place where they are degenerate. For more
they are polynomials in the mixture: `_subdivision.py` rules out where they cannot vanish together, and Newton's method
finishes what is left.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt

from ._inputs import require
from ._subdivision import Cells
from .games import SymmetricGame

__all__ = ["NEGLIGIBLE", "SAME", "SPACING", "System", "linear", "polynomial", "spread"]

Array = npt.NDArray[np.float64]

RESOLUTION = 1 / 128  # cells of this size are handed to Newton's method
FINEST = 1e-5  # cells that no root explains are halved down to here
MAX_CELLS = 4096  # of one support: more are alive only where equilibria are not isolated
MAX_STARTS = 512  # of Newton's method, likewise
MAX_ROOTS = 64  # of one support that are told apart; more are a continuum
SAME = 1e-5  # mixtures closer than this are one
SPACING = 0.05  # between the representatives of a continuum
NEGLIGIBLE = 1e-9  # probabilities below are rounding
NEWTON_STEPS = 60


# ------------------------------------------------------------------------------------------------------------
# Two players: linear equations


def linear(game: SymmetricGame, support: tuple[int, ...], allowed: float) -> tuple[list[Array], bool]:
    """A mixture of exactly this support, or none. If equilibria of this support fill a polytope, two of it."""
    chosen, matrix = list(support), game._centred / game.span
    differences = matrix[np.ix_(chosen, chosen)]
    differences = differences[1:] - differences[:1]
    system = np.vstack([differences, np.ones(len(chosen))])
    right = np.append(np.zeros(len(chosen) - 1), 1.0)
    mixture = np.zeros(game.num_strategies)
    if np.linalg.cond(system) < 1e12:
        mixture[chosen] = np.linalg.solve(system, right)
        return ([mixture] if (mixture[chosen] > NEGLIGIBLE).all() else []), True
    optimize = require("scipy.optimize", "scipy", "nash", "the solver of degenerate games")
    outside = [j for j in range(game.num_strategies) if j not in support]
    worse = matrix[np.ix_(outside, chosen)] - matrix[np.ix_(chosen[:1], chosen)] if outside else None
    answers = []
    # the corner of the polytope that is largest in the first strategy, and that which is smallest
    for sign in (-1.0, 1.0):
        objective = np.zeros(len(chosen))
        objective[0] = sign
        result = optimize.linprog(
            objective, A_ub=worse, b_ub=None if worse is None else np.zeros(len(worse)),
            A_eq=system, b_eq=right, bounds=(0, 1), method="highs",
        )  # fmt: skip
        if result.status == 0:
            answers.append(np.array(result.x))
    if len(answers) == 2:
        answers.append(0.5 * (answers[0] + answers[1]))
    return [spread(answer, game.num_strategies, chosen) for answer in answers], True


def spread(part: Array, size: int, support: list[int]) -> Array:
    """The probabilities of a support as a mixture over all strategies."""
    mixture = np.zeros(size)
    mixture[support] = np.clip(part, 0.0, None)
    return mixture


# ------------------------------------------------------------------------------------------------------------
# More players: polynomials


def polynomial(game: SymmetricGame, support: tuple[int, ...], allowed: float) -> tuple[list[Array], bool]:
    """Mixtures of this support, and whether every other one is ruled out."""
    chosen = list(support)
    columns = np.flatnonzero(game.counts[:, chosen].sum(axis=1) == game.num_players - 1)
    table = game._centred[:, columns] / game.span
    pairs = list(itertools.combinations(chosen, 2))
    equations = np.array([table[a] - table[b] for a, b in pairs])
    outside = [j for j in range(game.num_strategies) if j not in support]
    # a strategy outside that is better than one inside, everywhere in a cell, leaves no equilibrium there
    bounds = np.array([table[j] - table[chosen[0]] for j in outside]).reshape(-1, len(columns))
    counts = game.counts[columns][:, chosen]
    system = System(table[chosen], counts)
    cells = Cells.whole(game.num_players - 1, equations, bounds)
    roots: list[Array] = []
    size = RESOLUTION
    while len(cells):
        while len(cells) and cells.diameters.max() > size and len(cells) <= MAX_CELLS:
            cells = cells.halved()
        starts = cells.centres[:: math.ceil(len(cells) / MAX_STARTS)] if len(cells) else cells.centres
        roots = _distinct([*roots, *system.roots(starts)], SAME)
        if len(roots) > MAX_ROOTS:
            roots = _distinct(roots, SPACING)
        if len(cells) > MAX_CELLS or size < FINEST:
            break
        if roots and len(cells):
            distance = np.abs(cells.centres[:, None] - np.array(roots)).max(axis=2).min(axis=1)
            cells = cells.only(distance > 3 * cells.diameters)
        size /= 4
    inside = [root for root in roots if (root > -NEGLIGIBLE).all()]
    return [spread(root, game.num_strategies, chosen) for root in inside], not len(cells)


def _distinct(points: list[Array], distance: float) -> list[Array]:
    """The points without those that are closer than `distance` to an earlier one."""
    kept: list[Array] = []
    for point in points:
        if not kept or np.abs(np.array(kept) - point).max(axis=1).min() > distance:
            kept.append(point)
    return kept


class System:
    """Newton's method for equal payoffs within a support, for many starting points at once."""

    def __init__(self, table: Array, counts: npt.NDArray[np.int64]) -> None:
        self.differences = table[1:] - table[:1]
        self.counts = counts
        self.weights = np.array(
            [math.factorial(sum(r)) / math.prod(map(math.factorial, r)) for r in counts.tolist()]
        )

    def values(self, points: Array) -> tuple[Array, Array]:
        """Equations (P, s) and their Jacobians (P, s, s); the last equation is the sum of probabilities."""
        powers = points[:, None, :] ** self.counts
        terms = self.weights * powers.prod(axis=2)
        size = points.shape[1]
        values = np.empty(points.shape)
        values[:, :-1] = terms @ self.differences.T
        values[:, -1] = points.sum(axis=1) - 1.0
        jacobian = np.ones((len(points), size, size))
        for k in range(size):
            lower = powers.copy()
            lower[:, :, k] = self.counts[:, k] * points[:, None, k] ** np.maximum(self.counts[:, k] - 1, 0)
            jacobian[:, :-1, k] = (self.weights * lower.prod(axis=2)) @ self.differences.T
        return values, jacobian

    def roots(self, starts: Array) -> list[Array]:
        """Where the starts end, as far as they converge near the simplex."""
        points = np.array(starts)
        for _ in range(NEWTON_STEPS):
            if not len(points):
                break
            values, jacobian = self.values(points)
            # the pseudo-inverse also has a step where roots are double or fill a curve
            step = np.einsum("pij,pj->pi", np.linalg.pinv(jacobian, rcond=1e-13), values)
            points = points - step
            points = points[(np.abs(points - 0.5) < 1.5).all(axis=1)]
            if len(step) == len(points) and np.abs(step).max() < 1e-15:
                break
        values, _ = self.values(points)
        return list(points[(np.abs(values) < 1e-10).all(axis=1)])
