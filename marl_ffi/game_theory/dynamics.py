"""Population dynamics through OpenSpiel: where learning and evolution lead, which need not be an equilibrium."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _arguments as arguments
from ..errors import InvalidInputError
from ._inputs import distribution, real, require
from .games import SymmetricGame

__all__ = ["AlphaRank", "ReplicatorPath", "alpha_rank", "replicator"]

Array = npt.NDArray[np.float64]

OPEN_SPIEL_PYTHON = (3, 11)  # below, the extra installs nothing
MAX_PROFILES = 2048  # of the Markov chain of alpha-rank, whose matrix has that many rows and columns


@dataclass(frozen=True)
class ReplicatorPath:
    """How the shares of strategies in a population change.

    Attributes:
        times: (T,); payoffs are divided by their span, so that a unit of time is about e-fold growth.
        shares: (T, K).
        regret: of the last shares, in `units`; near 0 only where the path ended at an equilibrium.
        names, units: of the game.
    """

    times: Array
    shares: Array
    regret: float
    names: tuple[str, ...]
    units: str

    @property
    def final(self) -> Array:
        """The last shares, (K,)."""
        return np.asarray(self.shares[-1])

    def __repr__(self) -> str:
        shares = ", ".join(f"{name} {share:.4f}" for name, share in zip(self.names, self.final))
        return f"ReplicatorPath({shares} at time {self.times[-1]:g}; regret {self.regret:.3g} {self.units})"


def replicator(
    game: SymmetricGame, start: Any = None, *, duration: float = 1000.0, num_times: int = 200
) -> ReplicatorPath:
    """Follow the replicator dynamics: strategies grow in proportion to how much they exceed the average.

    Args:
        game: any number of players; opponents are drawn from the population independently.
        start: (K,) shares; `None`: all equal. A share of 0 stays 0.
        duration: time to follow it for, above 0.
        num_times: points of the path, at least 2.

    Raises:
        ModuleNotFoundError: open_spiel (Python 3.11 or later) or scipy is not installed.
    """
    if not isinstance(game, SymmetricGame):
        game = SymmetricGame(game)
    size = game.num_strategies
    first = np.full(size, 1.0 / size) if start is None else distribution(start, size, "start")
    length = real(duration, "duration", low=1e-9)
    count = arguments.integer(num_times, "num_times", low=2)
    step = _open_spiel("dynamics", "replicator dynamics").replicator
    solve = require("scipy.integrate", "scipy", "egt", "replicator dynamics").solve_ivp

    def change(_: float, shares: Array) -> Array:
        now = np.clip(shares, 0.0, None)
        now /= now.sum()
        return np.asarray(step(now, (game.expected_payoffs(now) - game.payoffs.mean()) / game.span))

    times = np.linspace(0.0, length, count)
    path = solve(change, (0.0, length), first, method="LSODA", t_eval=times, rtol=1e-8, atol=1e-12)
    shares = np.clip(path.y.T, 0.0, None)
    shares /= shares.sum(axis=1, keepdims=True)
    return ReplicatorPath(np.asarray(path.t), shares, game.regret(shares[-1]), game.names, game.units)


@dataclass(frozen=True)
class AlphaRank:
    """How often each strategy is seen in the long run, when rare mutants take over if they do better.

    Attributes:
        probabilities: (K,) share of the time-average of the Markov-Conley chain.
        profiles: who plays together (names, one per player, seats aside) -> probability, those of at least
            1e-6, most likely first. With two players the chain runs on strategies, and a profile is one name.
        names: of the strategies.
    """

    probabilities: Array
    profiles: dict[tuple[str, ...], float]
    names: tuple[str, ...]

    @property
    def ranking(self) -> list[tuple[str, float]]:
        """Strategies with their probabilities, most likely first."""
        order = np.argsort(-self.probabilities, kind="stable")
        return [(self.names[i], float(self.probabilities[i])) for i in order]

    def __repr__(self) -> str:
        return f"AlphaRank({', '.join(f'{name} {share:.4f}' for name, share in self.ranking)})"


def alpha_rank(
    game: SymmetricGame, *, alpha: float | None = None, population: int = 50, mutation: float = 0.01
) -> AlphaRank:
    """Rank strategies by alpha-rank.

    Two players are one population. More players are one population per seat, as the method of OpenSpiel asks
    for; seats are alike here, and their shares are averaged.

    Args:
        game: the game; it does not matter in which units its payoffs are, their span counts as 1.
        alpha: strength of selection; `None`: infinite.
        population: number of individuals, for a finite `alpha`.
        mutation: chance of a step that does not pay, for an infinite `alpha`.

    Raises:
        InvalidInputError: the chain would have more than 2048 states, or a finite `alpha` makes steps so rare
            that no single long run can be told.
        ModuleNotFoundError: open_spiel (Python 3.11 or later) is not installed.
    """
    if not isinstance(game, SymmetricGame):
        game = SymmetricGame(game)
    players, size = game.num_players, game.num_strategies
    seats = 1 if players == 2 else players
    if size**seats > MAX_PROFILES:
        raise InvalidInputError(
            f"alpha-rank of {players} players with {size} strategies has {size**seats} states, more than "
            f"{MAX_PROFILES}"
        )
    strength = None if alpha is None else real(alpha, "alpha", low=1e-9)
    members = arguments.integer(population, "population", low=2)
    chance = real(mutation, "mutation", low=1e-9, high=0.5)
    if size == 1:
        return AlphaRank(np.ones(1), {game.names * seats: 1.0}, game.names)
    library = _open_spiel("alpharank", "alpha-rank")
    settings: dict[str, Any] = {"use_inf_alpha": True, "inf_alpha_eps": chance}
    if strength is not None:
        settings = {"m": members, "alpha": strength}
    tables = _tables(game)
    with np.errstate(all="ignore"):  # fixation probabilities of hopeless mutants underflow
        try:
            stationary = library.compute(tables, **settings)[2]
        except ValueError as error:
            raise InvalidInputError(f"alpha: {alpha} with {members} individuals: {error}") from None
    likely = np.clip(np.real(stationary), 0.0, None)
    likely = likely / likely.sum()
    shares, together = np.zeros(size), dict.fromkeys(
        itertools.combinations_with_replacement(range(size), seats), 0.0
    )
    for profile, share in zip(itertools.product(range(size), repeat=seats), likely):
        np.add.at(shares, list(profile), share / seats)
        together[tuple(sorted(profile))] += float(share)
    ordered = {
        tuple(game.names[i] for i in profile): share
        for profile, share in sorted(together.items(), key=lambda item: -item[1])
        if share >= 1e-6
    }
    return AlphaRank(shares, ordered, game.names)


def _open_spiel(module: str, what: str) -> Any:
    try:
        return require(f"open_spiel.python.egt.{module}", "open_spiel", "egt", what)
    except ModuleNotFoundError as error:
        here = tuple(sys.version_info[:2])
        if here >= OPEN_SPIEL_PYTHON:
            raise
        needed = ".".join(map(str, OPEN_SPIEL_PYTHON))
        raise ModuleNotFoundError(
            f"{what} needs open_spiel, which is there for Python {needed} and later; this is Python {here[0]}.{here[1]}"
        ) from error


def _tables(game: SymmetricGame) -> list[Any]:
    """The game as OpenSpiel takes it: a matrix, or one heuristic payoff table for every player."""
    scaled = (game.payoffs - game.payoffs.min()) / game.span
    if game.num_players == 2:
        return [scaled]
    library = _open_spiel("heuristic_payoff_table", "alpha-rank")
    table = library.PayoffTable(game.num_players, game.num_strategies)
    rows: dict[tuple[int, ...], Array] = {}
    for i in range(game.num_strategies):
        for c, others in enumerate(game.counts.tolist()):
            others[i] += 1
            rows.setdefault(tuple(others), np.zeros(game.num_strategies))[i] = scaled[i, c]
    for counts, payoffs in rows.items():
        table[counts] = payoffs
    return [table] * game.num_players
