"""Symmetric equilibria of symmetric games of N players: all of them for small games, each with its regret.

For every support, the payoff differences within it are polynomials in the mixture. `_subdivision.py` rules out
where they cannot vanish together, Newton's method finishes what is left, and a profile is an equilibrium only if
its regret, computed anew from the table, is small. For two players the equations are linear, and a linear program
per support takes their place.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _arguments as arguments
from ..errors import InvalidInputError
from ._inputs import real, require
from ._subdivision import Cells
from .games import SymmetricGame

__all__ = ["Equilibria", "Equilibrium", "symmetric_nash"]

Array = npt.NDArray[np.float64]

RESOLUTION = 1 / 128  # cells of this size are handed to Newton's method
FINEST = 1e-5  # cells that no root explains are halved down to here
MAX_CELLS = 4096  # of one support: more are alive only where equilibria are not isolated
MAX_STARTS = 512  # of Newton's method, likewise
MAX_ROOTS = 64  # of one support that are told apart; more are a continuum
SAME = 1e-5  # mixtures closer than this are one
SPACING = 0.05  # between the representatives of a continuum
NEGLIGIBLE = 1e-9  # probabilities below are rounding
TIE = 1e-9  # of the span of payoffs: gains closer to 0 make a best reply
NEWTON_STEPS = 60
MAX_SUPPORTS = 20_000


@dataclass(frozen=True)
class Equilibrium:
    """A symmetric equilibrium, or a candidate of known regret: everybody draws from the same mixture.

    Attributes:
        probabilities: (K,) of the strategies, sum 1.
        payoff: of each player, in `units`.
        regret: what the best switch would gain, in `units`, computed from the payoff table for exactly these
            probabilities; rounding apart 0.
        gains: (K,) what a switch to each strategy would gain; never more than `regret`.
        payoff_standard_error, gains_standard_errors, probabilities_standard_errors: from the noise of the table;
            `None` for an exact table, or where the equilibrium is not isolated.
        isolated: False if it belongs to a continuum, of which it is one representative, or nearly so.
        names, units: of the game.
    """

    probabilities: Array
    payoff: float
    regret: float
    gains: Array
    names: tuple[str, ...]
    units: str
    payoff_standard_error: float | None = None
    gains_standard_errors: Array | None = None
    probabilities_standard_errors: Array | None = None
    isolated: bool = True

    @property
    def support(self) -> tuple[int, ...]:
        """Indices of the strategies that are played."""
        return tuple(int(i) for i in np.flatnonzero(self.probabilities))

    @property
    def distribution(self) -> dict[str, float]:
        """Name -> probability of the strategies that are played."""
        return {self.names[i]: float(self.probabilities[i]) for i in self.support}

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers and lists, for JSON."""
        return {
            "distribution": self.distribution,
            "payoff": self.payoff,
            "payoff_standard_error": self.payoff_standard_error,
            "regret": self.regret,
            "gains": dict(zip(self.names, self.gains.tolist())),
            "gains_standard_errors": _named(self.names, self.gains_standard_errors),
            "probabilities_standard_errors": _named(self.names, self.probabilities_standard_errors),
            "isolated": self.isolated,
            "units": self.units,
        }

    def __repr__(self) -> str:
        errors = self.probabilities_standard_errors
        parts = []
        for i in self.support:
            noise = "" if errors is None or not errors[i] else f" ± {errors[i]:.3f}"
            parts.append(f"{self.names[i]} {self.probabilities[i]:.4g}{noise}")
        noise = "" if self.payoff_standard_error is None else f" ± {self.payoff_standard_error:.3g}"
        more = "" if self.isolated else ", one of a continuum"
        return (
            f"Equilibrium({', '.join(parts)}: payoff {self.payoff:.6g}{noise} {self.units}, "
            f"regret {self.regret:.2g}{more})"
        )


def _named(names: Sequence[str], values: Array | None) -> dict[str, float] | None:
    return None if values is None else dict(zip(names, values.tolist()))


@dataclass(frozen=True)
class Equilibria(Sequence[Equilibrium]):
    """The symmetric equilibria that were found, by falling payoff.

    Attributes:
        found: the equilibria.
        complete: True if the search proves, up to its resolution of 1/128 in probability, that there are no
            others. False if supports were left out, or there are infinitely many, or nearly so.
        degenerate: True if some equilibrium is not isolated: then `found` has representatives of a continuum.
        unsettled: supports (by index) in which not every region could be settled.
    """

    found: tuple[Equilibrium, ...]
    complete: bool
    degenerate: bool
    unsettled: tuple[tuple[int, ...], ...] = field(default=())

    def __getitem__(self, index: Any) -> Any:
        return self.found[index]

    def __len__(self) -> int:
        return len(self.found)

    def __repr__(self) -> str:
        what = "all there are" if self.complete else "there may be others"
        lines = [f"{len(self.found)} symmetric equilibria ({what})", *map(repr, self.found)]
        return "\n  ".join(lines)


def symmetric_nash(
    game: SymmetricGame | Any, *, tolerance: float = 1e-9, max_support: int | None = None
) -> Equilibria:
    """Find the symmetric equilibria of a symmetric game.

    Every finite symmetric game has one. An empty answer therefore means that the search was cut short by
    `max_support`, or failed at `tolerance`, and is never `complete`.

    Args:
        game: a `SymmetricGame`, or the row player's payoff matrix of a game of two.
        tolerance: largest regret of an equilibrium, as a fraction of the span of payoffs.
        max_support: largest number of strategies played at once; `None`: all.

    Raises:
        InvalidInputError: the game has more than 20,000 supports to look at; restrict it, or set `max_support`.
    """
    if not isinstance(game, SymmetricGame):
        game = SymmetricGame(game)
    strategies = game.num_strategies
    largest = strategies
    if max_support is not None:
        largest = min(arguments.integer(max_support, "max_support", low=1), strategies)
    allowed = real(tolerance, "tolerance", low=0.0, high=1.0) * game.span
    number = sum(math.comb(strategies, size) for size in range(1, largest + 1))
    if number > MAX_SUPPORTS:
        raise InvalidInputError(
            f"{strategies} strategies have {number} supports, more than {MAX_SUPPORTS}: set max_support"
        )
    search = _linear if game.num_players == 2 else _polynomial
    found: list[tuple[Array, bool]] = []
    unsettled = []
    for size in range(1, largest + 1):
        for support in itertools.combinations(range(strategies), size):
            mixtures, settled = search(game, support, allowed) if size > 1 else ([_pure(game, support)], True)
            for mixture in mixtures:
                cleaned = _cleaned(mixture)
                if game.regret(cleaned) <= allowed:
                    _add(found, cleaned, _isolated(game, cleaned))
            if not settled:
                unsettled.append(support)
    kept = _thinned(found)
    answers = sorted((_described(game, x, isolated) for x, isolated in kept), key=lambda e: -e.payoff)
    degenerate = not all(each.isolated for each in answers)
    complete = largest == strategies and not unsettled and not degenerate and bool(answers)
    return Equilibria(tuple(answers), complete, degenerate, tuple(unsettled))


def _pure(game: SymmetricGame, support: tuple[int, ...]) -> Array:
    mixture = np.zeros(game.num_strategies)
    mixture[list(support)] = 1.0
    return mixture


def _cleaned(mixture: Array) -> Array:
    kept = np.where(mixture > NEGLIGIBLE, mixture, 0.0)
    return np.asarray(kept / kept.sum())


def _add(found: list[tuple[Array, bool]], mixture: Array, isolated: bool) -> None:
    if all(np.abs(mixture - other).max() > SAME for other, _ in found):
        found.append((mixture, isolated))


def _thinned(found: list[tuple[Array, bool]]) -> Iterator[tuple[Array, bool]]:
    """All isolated ones; of a continuum, representatives at a distance, those of small support first."""
    kept: list[Array] = []
    for mixture, isolated in found:
        if isolated or all(np.abs(mixture - other).max() > SPACING for other in kept):
            kept.append(mixture)
            yield mixture, isolated


# ------------------------------------------------------------------------------------------------------------
# Two players: linear equations


def _linear(game: SymmetricGame, support: tuple[int, ...], allowed: float) -> tuple[list[Array], bool]:
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
    return [_spread(answer, game.num_strategies, chosen) for answer in answers], True


def _spread(part: Array, size: int, support: list[int]) -> Array:
    mixture = np.zeros(size)
    mixture[support] = np.clip(part, 0.0, None)
    return mixture


# ------------------------------------------------------------------------------------------------------------
# More players: polynomials


def _polynomial(game: SymmetricGame, support: tuple[int, ...], allowed: float) -> tuple[list[Array], bool]:
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
    system = _System(table[chosen], counts)
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
    return [_spread(root, game.num_strategies, chosen) for root in inside], not len(cells)


def _distinct(points: list[Array], distance: float) -> list[Array]:
    """The points without those that are closer than `distance` to an earlier one."""
    kept: list[Array] = []
    for point in points:
        if not kept or np.abs(np.array(kept) - point).max(axis=1).min() > distance:
            kept.append(point)
    return kept


class _System:
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


# ------------------------------------------------------------------------------------------------------------
# What is said of an equilibrium


def _isolated(game: SymmetricGame, mixture: Array) -> bool:
    """Whether the equations of all best replies, also of those that are not played, have no solution close by."""
    best = np.flatnonzero(game.gains(mixture) > -TIE * game.span)
    return _sensitivity(game, mixture, np.union1d(best, np.flatnonzero(mixture))) is not None


def _sensitivity(game: SymmetricGame, mixture: Array, support: npt.NDArray[np.int64]) -> Array | None:
    """How the mixture moves with the payoffs of its support, (s, s - 1); None if it is not determined."""
    if len(support) == 1:
        return np.zeros((1, 0))
    inside = np.flatnonzero(game.counts[:, support].sum(axis=1) == game.num_players - 1)
    table = game._centred[np.ix_(support, inside)] / game.span
    _, jacobian = _System(table, game.counts[np.ix_(inside, support)]).values(mixture[support][None])
    if np.linalg.cond(jacobian[0]) > 1e6:
        return None
    return np.asarray(-np.linalg.inv(jacobian[0])[:, :-1] / game.span)


def _described(game: SymmetricGame, mixture: Array, isolated: bool) -> Equilibrium:
    gains = game.gains(mixture)
    payoff_error, mixture_errors = _noise(game, mixture)
    return Equilibrium(
        mixture, game.payoff(mixture), max(float(gains.max()), 0.0), gains, game.names, game.units, payoff_error,
        game.gains_standard_errors(mixture), mixture_errors, isolated,
    )  # fmt: skip


def _noise(game: SymmetricGame, mixture: Array) -> tuple[float | None, Array | None]:
    """Standard errors of payoff and probabilities to first order: the table's noise moves the mixture too."""
    support = np.flatnonzero(mixture)
    sensitivity = _sensitivity(game, mixture, support)
    if game.standard_errors is None or sensitivity is None:
        return None, None
    likely = game.probabilities_of_counts(mixture)
    if game.samples is not None:
        expected = game.samples[:, support] @ likely  # (S, s)
        moved = (expected[:, 1:] - expected[:, :1]) @ sensitivity.T
    # each independent entry of the table is one direction of noise, instead of each seed
    else:
        size = len(support) * len(likely)
        directions = np.zeros((size, len(support), len(likely)))
        directions.reshape(size, -1)[np.arange(size), np.arange(size)] = game.standard_errors[support].ravel()
        expected = directions @ likely
        moved = (expected[:, 1:] - expected[:, :1]) @ sensitivity.T
    # payoff of the first strategy of the support, whose opponents' mixture moves along
    slope = _payoff_slope(game, mixture, support)
    payoff = expected[:, 0] + moved @ slope
    if game.samples is not None:
        scale = 1.0 / math.sqrt(len(expected))
        payoff_error, errors = payoff.std(ddof=1) * scale, moved.std(axis=0, ddof=1) * scale
    else:
        payoff_error, errors = np.sqrt((payoff**2).sum()), np.sqrt((moved**2).sum(axis=0))
    return float(payoff_error), _spread(errors, game.num_strategies, support.tolist())


def _payoff_slope(game: SymmetricGame, mixture: Array, support: npt.NDArray[np.int64]) -> Array:
    """How the payoff of the support's first strategy changes with each probability of the support, (s,)."""
    slope = np.empty(len(support))
    weights = game._weights
    for place, k in enumerate(support):
        lowered = np.power(mixture, game.counts)
        lowered[:, k] = game.counts[:, k] * mixture[k] ** np.maximum(game.counts[:, k] - 1, 0)
        slope[place] = game._centred[support[0]] @ (weights * lowered.prod(axis=1))
    return slope
