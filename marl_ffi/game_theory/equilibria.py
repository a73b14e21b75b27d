"""Symmetric equilibria of symmetric games of N players: all of them for small games, each with its regret.

For every support, `_supports.py` finds the mixtures in which its strategies earn the same. A profile is an equilibrium
only if its regret, computed anew from the table, is small.
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
from ._inputs import real
from ._supports import NEGLIGIBLE, SAME, SPACING, System, linear, polynomial, spread
from .games import SymmetricGame

__all__ = ["Equilibria", "Equilibrium", "symmetric_nash"]

Array = npt.NDArray[np.float64]

TIE = 1e-9  # of the span of payoffs: gains closer to 0 make a best reply
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
        name = "equilibrium" if len(self.found) == 1 else "equilibria"
        lines = [f"{len(self.found)} symmetric {name} ({what})", *map(repr, self.found)]
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
    search = linear if game.num_players == 2 else polynomial
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
    _, jacobian = System(table, game.counts[np.ix_(inside, support)]).values(mixture[support][None])
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
    return float(payoff_error), spread(errors, game.num_strategies, support.tolist())


def _payoff_slope(game: SymmetricGame, mixture: Array, support: npt.NDArray[np.int64]) -> Array:
    """How the payoff of the support's first strategy changes with each probability of the support, (s,)."""
    slope = np.empty(len(support))
    weights = game._weights
    for place, k in enumerate(support):
        lowered = np.power(mixture, game.counts)
        lowered[:, k] = game.counts[:, k] * mixture[k] ** np.maximum(game.counts[:, k] - 1, 0)
        slope[place] = game._centred[support[0]] @ (weights * lowered.prod(axis=1))
    return slope
