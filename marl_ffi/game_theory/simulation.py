"""Games that are known by playing them: what the analysis asks of a simulator, and tables made with one.

A strategy is a vector of D numbers, and a profile has one for each seat. Seats may differ (an agent who owns more
houses earns more); the symmetric game of a simulator is the one in which seats are dealt at random.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .. import _arguments as arguments
from .._progress import progress
from ..errors import InvalidInputError, ShapeError
from ._inputs import distribution, payoff_array, strategy_names
from .games import SymmetricGame, opponent_counts

__all__ = ["Mixed", "Simulator", "Situations", "Space", "TableMaker", "paired", "strategy_array"]

Array = npt.NDArray[np.float64]
Seeds = npt.NDArray[np.uint64]

BLOCK = 2**22  # payoffs of one call of a simulator, so that memory stays bounded
MAX_PROFILES = 2**18


class Simulator(Protocol):
    """What can be played.

    Attributes:
        num_players: N, seats of the game.
        num_parameters: D, numbers of a strategy.
        units: what a payoff counts, in words.
    """

    @property
    def num_players(self) -> int: ...

    @property
    def num_parameters(self) -> int: ...

    @property
    def units(self) -> str: ...

    def simulate(self, profiles: Array, seeds: Seeds) -> npt.NDArray[Any]:
        """Payoffs (P, S, N) of the profiles (P, N, D), each played with its S seeds (P, S)."""

    def draw_seeds(self, count: int) -> Seeds:
        """`count` seeds that were not handed out before, (count,)."""


class Space(Protocol):
    """The strategies among which a best response is looked for: a box of few dimensions.

    Attributes:
        names: of the dimensions.
        low, high: (d,) bounds.
    """

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def low(self) -> Array: ...

    @property
    def high(self) -> Array: ...

    def strategies(self, points: Array) -> Array:
        """The strategies (M, D) of points (M, d)."""


def strategy_array(values: Any, simulator: Simulator, name: str = "strategies") -> Array:
    """Strategies as (M, D); one alone counts as M = 1."""
    array = np.asarray(values)
    array = payoff_array(array[None] if array.ndim == 1 else array, name, 2)
    if array.shape[1] != simulator.num_parameters:
        raise ShapeError(f"{name}: expected {simulator.num_parameters} numbers each, got {array.shape[1]}")
    return array


def paired(differences: npt.NDArray[Any]) -> tuple[Array, Array]:
    """Mean and standard error of differences (..., S) between runs with the same seeds."""
    wide = np.asarray(differences, np.float64)
    return wide.mean(axis=-1), wide.std(axis=-1, ddof=1) / np.sqrt(wide.shape[-1])


class Mixed:
    """A mixture over a pool of strategies, from which players draw independently.

    Attributes:
        pool: (K, D).
        probabilities: (K,).
    """

    def __init__(self, pool: Array, probabilities: Any) -> None:
        self.pool = pool
        self.probabilities = distribution(probabilities, len(pool), "probabilities")


class Situations:
    """S situations in which strategies are compared: a seat, who sits on the others, and a seed.

    Every strategy that is tried meets the same situations (common random numbers), so that the difference
    between two is known much better than either payoff.
    """

    def __init__(self, simulator: Simulator, profiles: Array, seats: npt.NDArray[np.int64], seeds: Seeds) -> None:
        self.simulator, self.profiles, self.seats, self.seeds = simulator, profiles, seats, seeds

    @classmethod
    def against_mixture(cls, simulator: Simulator, mixture: Mixed, count: int, rng: np.random.Generator) -> Situations:
        """Seats in turn; all others draw from the mixture, each for itself."""
        players = simulator.num_players
        drawn = rng.choice(len(mixture.pool), size=(count, players), p=mixture.probabilities)
        seats = np.arange(count) % players
        return cls(simulator, mixture.pool[drawn], seats, simulator.draw_seeds(count))

    @classmethod
    def in_seat(cls, simulator: Simulator, profile: Array, seat: int, count: int) -> Situations:
        """One seat of a fixed profile (N, D)."""
        profiles = np.broadcast_to(profile, (count, *profile.shape))
        return cls(simulator, profiles, np.full(count, seat), simulator.draw_seeds(count))

    def __len__(self) -> int:
        return len(self.seats)

    def payoffs(self, strategies: Array) -> Array:
        """What each strategy earns in each situation, (M, S)."""
        count, players = len(self), self.simulator.num_players
        rows = np.arange(count)
        earned = np.empty((len(strategies), count))
        block = max(1, BLOCK // (count * players * max(1, self.simulator.num_parameters)))
        for start in range(0, len(strategies), block):
            tried = strategies[start : start + block]
            profiles = np.repeat(self.profiles[None], len(tried), axis=0)
            profiles[:, rows, self.seats] = tried[:, None]
            seeds = np.tile(self.seeds, len(tried))[:, None]
            played = self.simulator.simulate(profiles.reshape(-1, *profiles.shape[2:]), seeds)
            played = played.reshape(len(tried), count, players)
            earned[start : start + block] = played[:, rows, self.seats]
        return earned

    def payoffs_of(self, mixture: Mixed) -> Array:
        """What a player who draws from a mixture expects in each situation, (S,)."""
        played = np.flatnonzero(mixture.probabilities)
        return np.asarray(mixture.probabilities[played] @ self.payoffs(mixture.pool[played]))


class TableMaker:
    """Makes the payoff table of a pool of strategies, and extends it when the pool grows.

    All profiles are played with the same seeds. An entry (strategy i, counts of the others) is the mean over
    every seat that i can take and every arrangement of the others, all equally likely.
    """

    def __init__(self, simulator: Simulator, seeds: Seeds, *, show_progress: bool = False) -> None:
        self.simulator, self.seeds, self.show_progress = simulator, seeds, show_progress
        self._entries: dict[tuple[int, ...], Array] = {}
        self._pool: list[bytes] = []

    def table(self, pool: Array, names: Sequence[str] | None = None) -> SymmetricGame:
        """The game of a pool (K, D). A pool that begins with the last one is only extended.

        Raises:
            InvalidInputError: the game has more than 2**18 profiles.
        """
        players, size = self.simulator.num_players, len(pool)
        if size**players > MAX_PROFILES:
            raise InvalidInputError(
                f"{size} strategies in {players} seats make {size**players} profiles, more than {MAX_PROFILES}"
            )
        known = [row.tobytes() for row in pool]
        if known[: len(self._pool)] != self._pool:
            self._entries.clear()
            self._pool = []
        old = len(self._pool)
        new = [p for p in itertools.product(range(size), repeat=players) if max(p) >= old]
        sums: dict[tuple[int, ...], Array] = {}
        number: dict[tuple[int, ...], int] = {}
        for profile, scores in self._played(pool, new):
            counts = np.bincount(profile, minlength=size)
            for seat, own in enumerate(profile):
                counts[own] -= 1
                entry = (own, *_sparse(counts))
                counts[own] += 1
                sums[entry] = sums.get(entry, 0.0) + scores[:, seat]
                number[entry] = number.get(entry, 0) + 1
        self._entries.update({entry: total / number[entry] for entry, total in sums.items()})
        self._pool = known
        rows = opponent_counts(players, size)
        entries = [[(i, *_sparse(row)) for row in rows] for i in range(size)]
        samples = np.array([[self._entries[entry] for entry in row] for row in entries])
        samples = np.moveaxis(samples, -1, 0)
        return SymmetricGame(
            samples.mean(axis=0), players, names=strategy_names(names, size), samples=samples,
            units=self.simulator.units,
        )  # fmt: skip

    def _played(self, pool: Array, profiles: list[tuple[int, ...]]) -> Iterator[tuple[tuple[int, ...], Array]]:
        players, count = self.simulator.num_players, len(self.seeds)
        block = max(1, BLOCK // (count * players))
        with progress(len(profiles), "payoffs", "profile", show=self.show_progress) as advance:
            for start in range(0, len(profiles), block):
                some = profiles[start : start + block]
                seeds = np.broadcast_to(self.seeds, (len(some), count))
                scores = np.asarray(self.simulator.simulate(pool[np.array(some)], seeds), np.float64)
                yield from zip(some, scores)
                advance(len(some))


def _sparse(counts: npt.NDArray[np.int64]) -> Iterator[int]:
    """The counts as one number per opponent, which stays the same when the pool grows."""
    for index, count in enumerate(counts.tolist()):
        yield from [index] * count


def checked_count(value: Any, name: str) -> int:
    """A number of simulations: at least 2, without which there is no standard error."""
    return arguments.integer(value, name, low=2, high=2**31)
