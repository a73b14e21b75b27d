"""Games of two players: equilibria through nashpy, and the maxmin strategy through a linear program."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError, ShapeError
from ._inputs import payoff_array, real, require, strategy_names

__all__ = ["BimatrixEquilibria", "BimatrixEquilibrium", "Maxmin", "bimatrix_nash", "maxmin"]

Array = npt.NDArray[np.float64]

MAX_SUPPORTS = 20_000  # pairs of supports of equal size: 8 by 8 strategies, and seconds
SAME = 1e-7
TIE = 1e-9


@dataclass(frozen=True)
class BimatrixEquilibrium:
    """A pair of mixtures, neither of which can be improved on alone.

    Attributes:
        row, column: (K,), (L,) probabilities.
        payoffs: of the row and of the column player.
        regrets: what each would gain by its best switch, computed from the matrices for exactly these mixtures.
    """

    row: Array
    column: Array
    payoffs: tuple[float, float]
    regrets: tuple[float, float]

    @property
    def regret(self) -> float:
        """The larger of both regrets."""
        return max(self.regrets)

    def __repr__(self) -> str:
        sides = (np.array2string(side, precision=4, suppress_small=True) for side in (self.row, self.column))
        return (
            f"BimatrixEquilibrium({', '.join(sides)}: payoffs {self.payoffs[0]:.6g}, {self.payoffs[1]:.6g}, "
            f"regret {self.regret:.2g})"
        )


@dataclass(frozen=True)
class BimatrixEquilibria(Sequence[BimatrixEquilibrium]):
    """The equilibria that were found.

    Attributes:
        found: the equilibria, in the order of their search.
        complete: True if every equilibrium is there: all supports were searched and the game is not degenerate.
        degenerate: True if some equilibrium has more best replies than strategies in play. There may be
            infinitely many then, of which `found` has the extreme ones.
    """

    found: tuple[BimatrixEquilibrium, ...]
    complete: bool
    degenerate: bool

    def __getitem__(self, index: Any) -> Any:
        return self.found[index]

    def __len__(self) -> int:
        return len(self.found)

    def __repr__(self) -> str:
        what = "all there are" if self.complete else "there may be others"
        return "\n  ".join([f"{len(self.found)} equilibria ({what})", *map(repr, self.found)])


def bimatrix_nash(row_payoffs: Any, column_payoffs: Any = None, *, tolerance: float = 1e-9) -> BimatrixEquilibria:
    """Equilibria of a game of two players; a wrong answer of the library is dropped, not passed on.

    Args:
        row_payoffs: (K, L), of the player who chooses the row.
        column_payoffs: (K, L), of the other; `None`: the game is symmetric, `row_payoffs` transposed.
        tolerance: largest regret of an equilibrium, as a fraction of the span of that player's payoffs.

    Raises:
        ShapeError: the matrices differ in shape, or one alone is not square.
        InvalidInputError: the game is too large to enumerate (from 9 by 9 on).
        ModuleNotFoundError: nashpy is not installed.
    """
    rows = payoff_array(row_payoffs, "row_payoffs", 2)
    columns = _other_matrix(rows, column_payoffs)
    allowed = real(tolerance, "tolerance", low=0.0, high=1.0)
    # the library's own tolerances are absolute
    matrices = [_scaled(rows), _scaled(columns)]
    small = min(rows.shape)
    supports = sum(math.comb(rows.shape[0], k) * math.comb(rows.shape[1], k) for k in range(1, small + 1))
    if supports > MAX_SUPPORTS:
        raise InvalidInputError(
            f"{rows.shape[0]} by {rows.shape[1]} strategies have {supports} pairs of supports, more than "
            f"{MAX_SUPPORTS}; symmetric_nash takes larger symmetric games"
        )
    game = require("nashpy", "nashpy", "nash", "a game of two players").Game(*matrices)
    found: list[BimatrixEquilibrium] = []
    # the first is complete where the game is not degenerate, the second finds the extreme ones where it is
    for search in (lambda: game.support_enumeration(non_degenerate=True), game.vertex_enumeration):
        for pair in _answers(search):
            sides = [_mixture(side) for side in pair]
            if any(side is None or len(side) != size for side, size in zip(sides, rows.shape)):
                continue
            checked = _checked(rows, columns, sides[0], sides[1])  # type: ignore[arg-type]
            spans = (_span(rows), _span(columns))
            good = all(regret <= allowed * span for regret, span in zip(checked.regrets, spans))
            if good and not any(_same(checked, other) for other in found):
                found.append(checked)
    degenerate = any(_ties(matrices, each) for each in found)
    return BimatrixEquilibria(tuple(found), bool(found) and not degenerate, degenerate)


def _other_matrix(rows: Array, column_payoffs: Any) -> Array:
    if column_payoffs is None:
        if rows.shape[0] != rows.shape[1]:
            raise ShapeError(f"row_payoffs: a symmetric game has a square matrix, got shape {rows.shape}")
        return np.ascontiguousarray(rows.T)
    columns = payoff_array(column_payoffs, "column_payoffs", 2)
    if columns.shape != rows.shape:
        raise ShapeError(f"column_payoffs: expected shape {rows.shape} as row_payoffs, got {columns.shape}")
    return columns


def _span(matrix: Array) -> float:
    return float(np.ptp(matrix)) or 1.0


def _scaled(matrix: Array) -> Array:
    return np.asarray((matrix - matrix.min()) / _span(matrix) + 1.0)


def _answers(search: Any) -> Iterator[tuple[Any, Any]]:
    """What a search of nashpy yields. Degenerate games make it warn, or end early; others go on from there."""
    qhull = require("scipy.spatial", "scipy", "nash", "vertex enumeration").QhullError
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield from search()
        except (qhull, ValueError, IndexError, np.linalg.LinAlgError):
            return


def _mixture(values: Any) -> Array | None:
    array = np.clip(np.asarray(values, np.float64), 0.0, None)
    total = array.sum()
    return array / total if np.isfinite(total) and total > 0 else None


def _checked(rows: Array, columns: Array, row: Array, column: Array) -> BimatrixEquilibrium:
    by_row, by_column = rows @ column, row @ columns
    payoffs = float(row @ by_row), float(by_column @ column)
    regrets = max(float(by_row.max()) - payoffs[0], 0.0), max(float(by_column.max()) - payoffs[1], 0.0)
    return BimatrixEquilibrium(row, column, payoffs, regrets)


def _same(one: BimatrixEquilibrium, other: BimatrixEquilibrium) -> bool:
    return bool(np.abs(one.row - other.row).max() < SAME and np.abs(one.column - other.column).max() < SAME)


def _ties(matrices: Sequence[Array], equilibrium: BimatrixEquilibrium) -> bool:
    by_row, by_column = matrices[0] @ equilibrium.column, equilibrium.row @ matrices[1]
    best = [int((each > each.max() - TIE).sum()) for each in (by_row, by_column)]
    played = [int((each > TIE).sum()) for each in (equilibrium.column, equilibrium.row)]
    return best[0] > played[0] or best[1] > played[1]


# ------------------------------------------------------------------------------------------------------------
# Security


@dataclass(frozen=True)
class Maxmin:
    """The mixture that does best against an adversary. No equilibrium, unless the game is one of zero sum.

    Attributes:
        probabilities: (K,) of the rows.
        value: what it earns at least, whatever the other side plays.
        names: of the rows.
        units: what `value` counts.
    """

    probabilities: Array
    value: float
    names: tuple[str, ...]
    units: str

    def __repr__(self) -> str:
        played = (f"{n} {p:.4g}" for n, p in zip(self.names, self.probabilities) if p > 0)
        return f"Maxmin({', '.join(played)}: at least {self.value:.6g} {self.units})"


def maxmin(
    payoffs: Any, *, names: Sequence[str] | None = None, units: str = "payoff of the row player"
) -> Maxmin:
    """The security strategy of the row player, by linear programming.

    This is what the original Bucket Brigade calls its Nash solver: maximise v subject to
    `sum_i p_i payoffs[i, j] >= v` for every column j. Against players who want their own good instead of our
    harm, it is not what an equilibrium means; see `symmetric_nash`.

    Args:
        payoffs: (K, L).
        names: K names of the rows.
        units: what a payoff counts.

    Raises:
        ModuleNotFoundError: scipy is not installed.
    """
    matrix = payoff_array(payoffs, "payoffs", 2)
    known = strategy_names(names, len(matrix))
    linprog = require("scipy.optimize", "scipy", "nash", "maxmin").linprog
    scaled, size = _scaled(matrix), len(matrix)
    result = linprog(
        np.append(np.zeros(size), -1.0),
        A_ub=np.hstack([-scaled.T, np.ones((scaled.shape[1], 1))]), b_ub=np.zeros(scaled.shape[1]),
        A_eq=np.append(np.ones(size), 0.0)[None], b_eq=[1.0],
        bounds=[(0, 1)] * size + [(None, None)], method="highs",
    )  # fmt: skip
    if result.status != 0:
        raise RuntimeError(f"the linear program failed: {result.message}")  # bounded and feasible: cannot be
    mixture = np.clip(result.x[:-1], 0.0, None)
    mixture /= mixture.sum()
    return Maxmin(mixture, float((mixture @ matrix).min()), known, units)
