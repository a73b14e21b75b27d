"""Scripted players: each a rule that fits into a sentence, all honest. And every player by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._arguments import integer, unknown
from ..errors import ShapeError
from ..reference.bucket_brigade.rules import BURNING, SAFE
from .agents import (
    Agent,
    Evening,
    HeuristicAgent,
    Ints,
    Move,
    RandomAgent,
    RestingAgent,
    Seed,
    UniformAgent,
    burning_houses,
    check_seat,
    rest_at,
    work_at,
)
from .archetypes import ARCHETYPES

__all__ = [
    "PLAYERS", "ChainReactionCoordinator", "EarlyContainment", "GreedyNeighbor", "HonestSignaler", "RestTrapAdaptive",
    "SparseHero", "Specialist", "TrivialCooperator", "make_agent",
]  # fmt: skip

LONG = 2


class Specialist(Agent):
    """Works at the first of its own houses that burns; else rests at the first it owns (house 0 if it owns none).

    Args:
        index: its seat, below `num_agents`.
        num_agents: agents of the game, by which houses are owned.
        num_houses: houses of the game.
    """

    def __init__(
        self, index: int, num_agents: int = 4, num_houses: int = 10, seed: Seed = None
    ) -> None:
        super().__init__(index, seed)
        self.num_agents = integer(num_agents, "num_agents", low=1, high=255)
        self.num_houses = integer(num_houses, "num_houses", low=2, high=255)
        check_seat(self.index, self.num_agents)
        self.owned = [h for h in range(self.num_houses) if h % self.num_agents == self.index]

    def act(self, evening: Evening) -> Move:
        """See the class."""
        if len(evening.houses) != self.num_houses:
            raise ShapeError(f"houses: expected {self.num_houses}, got {len(evening.houses)}")
        for h in self.owned:
            if evening.houses[h] == BURNING:
                return work_at(h)
        return rest_at(self.owned[0] if self.owned else 0)


class TrivialCooperator(Agent):
    """Works at the first burning house, or at its own if none burns."""

    def act(self, evening: Evening) -> Move:
        """See the class."""
        burning = burning_houses(evening)
        return work_at(burning[0] if burning else self.own(evening.houses))


class EarlyContainment(Agent):
    """Works at the burning house with most fire next door; rests at its own if none burns."""

    def act(self, evening: Evening) -> Move:
        """See the class."""
        burning = burning_houses(evening)
        if not burning:
            return rest_at(self.own(evening.houses))
        n = len(evening.houses)
        # max() takes the first of equals
        return work_at(max(burning, key=lambda h: sum(evening.houses[(h + side) % n] == BURNING for side in (-1, 1))))


class GreedyNeighbor(Agent):
    """Works at its own house if that burns, else next door, left before right; else rests at its own."""

    def act(self, evening: Evening) -> Move:
        """See the class."""
        n, own = len(evening.houses), self.own(evening.houses)
        for h in (own, (own - 1) % n, (own + 1) % n):
            if evening.houses[h] == BURNING:
                return work_at(h)
        return rest_at(own)


class SparseHero(Agent):
    """Works at its own house if that burns, else at the first that burns; else rests at its own."""

    def act(self, evening: Evening) -> Move:
        """See the class."""
        own, burning = self.own(evening.houses), burning_houses(evening)
        if not burning:
            return rest_at(own)
        return work_at(own if own in burning else burning[0])


class HonestSignaler(Agent):
    """Works at the first fire that was not there the night before, else at the first fire; else rests at its own."""

    def __init__(self, index: int, seed: Seed = None) -> None:
        super().__init__(index, seed)
        self.seen: Ints | None = None

    def reset(self, seed: Seed = None) -> None:
        """Forget the last game."""
        super().reset(seed)
        self.seen = None

    def act(self, evening: Evening) -> Move:
        """See the class."""
        burning = burning_houses(evening)
        new = [h for h in burning if self.seen is None or self.seen[h] != BURNING]
        self.seen = np.array(evening.houses)
        if not burning:
            return rest_at(self.own(evening.houses))
        return work_at(new[0] if new else burning[0])


class ChainReactionCoordinator(Agent):
    """Works where a run of burning houses is longest and has most safe neighbours; else rests at its own."""

    def act(self, evening: Evening) -> Move:
        """See the class. Of equal runs the one with the lowest house wins."""
        best, best_score = None, 0
        for run in _runs(evening.houses):
            n = len(evening.houses)
            in_danger = sum(evening.houses[(h + side) % n] == SAFE for h in run for side in (-1, 1))
            if len(run) + in_danger > best_score:
                best, best_score = run, len(run) + in_danger
        return rest_at(self.own(evening.houses)) if best is None else work_at(best[0])


def _runs(houses: Ints) -> list[list[int]]:
    """Runs of burning houses around the ring, each ascending, in the order of their lowest house."""
    n = len(houses)
    left = [h for h in range(n) if houses[h] == BURNING]
    runs = []
    while left:
        run, edge = [], [left[0]]
        while edge:
            h = edge.pop()
            if h in left:
                left.remove(h)
                run.append(h)
                edge += [(h - 1) % n, (h + 1) % n]
        runs.append(sorted(run))
    return runs


class RestTrapAdaptive(Agent):
    """Works at the first house that burns for the third evening in a row; else rests at its own.

    Unless fires burn on (`extinguish_mode="continuous"`), that is never.
    """

    def __init__(self, index: int, seed: Seed = None) -> None:
        super().__init__(index, seed)
        self.evenings: dict[int, int] = {}

    def reset(self, seed: Seed = None) -> None:
        """Forget the last game."""
        super().reset(seed)
        self.evenings = {}

    def act(self, evening: Evening) -> Move:
        """See the class."""
        self.evenings = {h: self.evenings.get(h, 0) + 1 for h in burning_houses(evening)}
        for h, evenings in self.evenings.items():
            if evenings > LONG:
                return work_at(h)
        return rest_at(self.own(evening.houses))


Maker = Callable[[int, int, int, Seed], Agent]


def _heuristic(name: str) -> Maker:
    return lambda index, agents, houses, seed: HeuristicAgent(name, index, seed)


def _simple(kind: Any) -> Maker:
    return lambda index, agents, houses, seed: kind(index, seed)


PLAYERS: dict[str, Maker] = {
    **{name: _heuristic(name) for name in ARCHETYPES},
    "random": _simple(RandomAgent),
    "uniform": _simple(UniformAgent),
    "rest": _simple(RestingAgent),
    "specialist": Specialist,
    "trivial_cooperator": _simple(TrivialCooperator),
    "early_containment": _simple(EarlyContainment),
    "greedy_neighbor": _simple(GreedyNeighbor),
    "sparse_hero": _simple(SparseHero),
    "honest_signaler": _simple(HonestSignaler),
    "chain_reaction_coordinator": _simple(ChainReactionCoordinator),
    "rest_trap_adaptive": _simple(RestTrapAdaptive),
}
"""Every player by name: a function of seat, number of agents, number of houses and seed."""


def make_agent(
    name: str, index: int, *, num_agents: int = 4, num_houses: int = 10,
    seed: Seed = None,
) -> Agent:  # fmt: skip
    """A player by name; upper and lower case are the same.

    Raises:
        UnknownNameError: for any other name, with the nearest. It is a `ValueError`.
    """
    key = name.lower() if isinstance(name, str) else name
    if key not in PLAYERS:
        raise unknown(name, "player", PLAYERS)
    return PLAYERS[key](index, num_agents, num_houses, seed)
