"""Players in Python: agents that look at the evening and say where they go, what they do and what they signal.

Every agent has its own generator, so that no other code changes what it does. The heuristic agents of whole batches
of games run inside the engine; these are for single games, replays and experiments.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._arguments import integer
from ..errors import DtypeError, InvalidInputError, ShapeError
from ..reference.bucket_brigade.agents import Decisions, LegacyDecisions, decide, own_house
from ..reference.bucket_brigade.rules import BURNING, REST, WORK, ring_distance
from .archetypes import strategy

__all__ = ["Agent", "Evening", "HeuristicAgent", "PolicyAgent", "RandomAgent", "RichHeuristicAgent", "UniformAgent"]

Ints = npt.NDArray[Any]
Move = tuple[int, int, int]
Seed = int | np.random.RandomState | Decisions | None
LEGACY_SEEDS = 2**32


@dataclass(frozen=True)
class Evening:
    """What every agent sees before a night.

    Attributes:
        houses: (H,) 0 safe, 1 burning, 2 ruined.
        locations: (N,) the house where each agent went last night.
        signals: (N,) what each agent signalled last night.
        last_actions: (N, 3) house, mode and signal of last night.
        night: nights played.
        round1_signals: (N,) this night's first signals; zeros unless the game has two phases.
    """

    houses: Ints
    locations: Ints
    signals: Ints
    last_actions: Ints
    night: int
    round1_signals: Ints

    @classmethod
    def of(cls, houses: Any, num_agents: int = 4, locations: Any = None) -> Evening:
        """An evening with these houses (H,); all else is as before the first night."""
        none = np.zeros(num_agents, np.uint8)
        where = none if locations is None else np.asarray(locations)
        return cls(np.asarray(houses), where, none, np.zeros((num_agents, 3), np.uint8), 0, none)


class Agent(ABC):
    """One player.

    Args:
        index: its seat, from 0.
        seed: of its own generator, 0 to 2**32 - 1; None for fresh entropy. Or where to draw from instead: a
            `numpy.random.RandomState` (shared, if you give the same one to several agents, as the original does), or
            anything with `random()` and `below(n)`.
    """

    def __init__(self, index: int, seed: Seed = None) -> None:
        self.index = integer(index, "index", low=0, high=254)
        self.draws = _draws(seed)

    @abstractmethod
    def act(self, evening: Evening) -> Move:
        """House, mode (0 rest, 1 work) and signal (0, 1) for the coming night."""

    def signal_first(self, evening: Evening) -> int:
        """The signal of the first of two phases, where the game has two; the last night's unless a player knows better."""
        return int(evening.signals[self.index])

    def reset(self, seed: Seed = None) -> None:
        """Forget the last game. With a seed the generator starts anew, else its stream goes on."""
        if seed is not None:
            self.draws = _draws(seed)

    def own(self, houses: Ints) -> int:
        """The house this agent looks after first."""
        return own_house(self.index, len(houses))


def _draws(seed: Seed) -> Decisions:
    """NumPy's legacy generator, whose streams never change and which the original draws from; or what was given."""
    if seed is None or isinstance(seed, np.random.RandomState):
        return LegacyDecisions(seed)
    if isinstance(seed, Decisions):
        return seed
    return LegacyDecisions(integer(seed, "seed", low=0, high=LEGACY_SEEDS - 1))


class HeuristicAgent(Agent):
    """The heuristic agent of the engine. It reads four of its ten parameters, and works even where nothing burns.

    1. With chance `work_tendency * (1 - rest_bias)` it works, else it rests at its own house.
    2. A worker whose own house burns goes there with chance `own_house_priority`; else to any burning house; where
       nothing burns, to its own.
    3. Its signal says what it does with chance `honesty`, else the contrary.

    Args:
        params: the name of an archetype, or ten numbers from 0 to 1.
        index: its seat.
        seed: as for every agent.
        with_signal: without, the signal is always honest and no draw is made for it.
    """

    def __init__(self, params: Any, index: int, seed: Seed = None, *, with_signal: bool = True) -> None:
        super().__init__(index, seed)
        self.params = strategy(params)
        self.with_signal = with_signal

    def act(self, evening: Evening) -> Move:
        """See the class."""
        return decide(self.params, self.index, evening.houses, self.draws, self.with_signal)


class RichHeuristicAgent(Agent):
    """The original's heuristic agent in Python, which reads all ten parameters.

    It scores every house by distance from its own, by fire there and next door and by where the others went, and
    draws one of them; it means to work the more, the more burns; it keeps its word with chance `honesty`; it
    explores, and repeats itself when tired.
    """

    def __init__(self, params: Any, index: int, seed: Seed = None) -> None:
        super().__init__(index, seed)
        self.params = strategy(params)
        self.memory: tuple[int, int] | None = None

    def reset(self, seed: Seed = None) -> None:
        """Forget the last game."""
        super().reset(seed)
        self.memory = None

    def act(self, evening: Evening) -> Move:
        """See the class; the order of its draws is the original's."""
        honesty, exploration, fatigue, altruism = (self.params[k] for k in (0, 6, 7, 9))
        draw = self.draws.random
        houses = np.asarray(evening.houses)
        intent = self._intent(houses)
        wanted = int(intent > 0.5)
        signal = wanted if draw() < honesty else 1 - wanted
        house = self._house(houses, np.asarray(evening.locations), draw())
        mode = int(draw() < (honesty if signal == WORK else intent * altruism))
        if draw() < exploration:
            house, mode = self.draws.below(len(houses)), self.draws.below(2)
        if self.memory is not None and draw() < fatigue:
            house, mode = self.memory
        self.memory = house, mode
        return house, mode, signal

    def _intent(self, houses: Ints) -> float:
        work, own_first, risk_aversion, rest_bias = (float(self.params[k]) for k in (1, 3, 4, 8))
        intent = work + risk_aversion * (int(np.sum(houses == BURNING)) / len(houses))
        if houses[self.index % len(houses)] == BURNING:
            intent += 0.5 * own_first
        return min(max(intent * (1 - rest_bias), 0.0), 1.0)

    def _house(self, houses: Ints, locations: Ints, u: float) -> int:
        """The house that the uniform draw `u` picks."""
        neighbor_help, own_first, risk_aversion, coordination = (float(self.params[k]) for k in (2, 3, 4, 5))
        n = len(houses)
        own = self.index % n
        scores = np.zeros(n)
        for h in range(n):
            burning_next_door = int(houses[(h - 1) % n] == BURNING) + int(houses[(h + 1) % n] == BURNING)
            score = (1 / (1 + ring_distance(h, own, n))) * 0.1
            if h == own:
                score += own_first
            if houses[h] == BURNING:
                score += 0.5
            if burning_next_door:
                score += neighbor_help * 0.3
            score += (coordination * int(np.sum(locations == h))) * 0.1
            score -= (risk_aversion * burning_next_door) * 0.2
            scores[h] = max(score, 0.01)
        up_to = np.cumsum(scores / np.sum(scores))
        return int(np.searchsorted(up_to / up_to[-1], u, side="right"))


class RandomAgent(Agent):
    """Goes anywhere, works every second time, and says so honestly."""

    def act(self, evening: Evening) -> Move:
        """See the class."""
        house, mode = self.draws.below(len(evening.houses)), self.draws.below(2)
        return house, mode, mode


class RestingAgent(Agent):
    """Rests at its own house, and says so."""

    def act(self, evening: Evening) -> Move:
        """See the class."""
        return rest_at(self.own(evening.houses))


class UniformAgent(Agent):
    """Draws house, mode and signal independently: the "random play" of published baselines."""

    def act(self, evening: Evening) -> Move:
        """See the class."""
        return self.draws.below(len(evening.houses)), self.draws.below(2), self.draws.below(2)


class PolicyAgent(Agent):
    """Any function of `(evening, index)` that returns a house, a mode and a signal, as a player."""

    def __init__(self, policy: Any, index: int, seed: Seed = None) -> None:
        super().__init__(index, seed)
        if not callable(policy):
            raise DtypeError(f"policy: expected a function of (evening, index), got {type(policy).__name__}")
        self.policy = policy

    def act(self, evening: Evening) -> Move:
        """What the policy says, checked."""
        move = self.policy(evening, self.index)
        if not isinstance(move, (Sequence, np.ndarray)) or len(move) != 3:
            raise ShapeError(f"policy of agent {self.index}: expected (house, mode, signal), got {move!r}")
        limits = (("house", len(evening.houses) - 1), ("mode", 1), ("signal", 1))
        house, mode, signal = (
            integer(value, f"policy of agent {self.index}: {name}", low=0, high=high)
            for value, (name, high) in zip(move, limits)
        )
        return house, mode, signal


def burning_houses(evening: Evening) -> list[int]:
    """Houses on fire, ascending."""
    return [int(h) for h in np.flatnonzero(np.asarray(evening.houses) == BURNING)]


def rest_at(house: int) -> Move:
    """An honest rest."""
    return house, REST, REST


def work_at(house: int) -> Move:
    """Honest work."""
    return house, WORK, WORK


def check_seat(index: int, num_agents: int) -> None:
    """Refuse a seat that the game does not have."""
    if index >= num_agents:
        raise InvalidInputError(f"index: expected below num_agents={num_agents}, got {index}")
