"""How the heuristic agent of the engine decides."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from ..market_rules import Array
from .rules import BURNING, REST, WORK

__all__ = ["Decisions", "LegacyDecisions", "decide", "own_house"]

# The original counts ten houses here whatever the ring.
OWN_HOUSES = 10


class Decisions(Protocol):
    """Where an agent's draws come from."""

    def random(self) -> float: ...
    def below(self, n: int) -> int: ...


class LegacyDecisions:
    """Draws of NumPy's legacy generator, by which the original's tournaments and evolution decide."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.RandomState(seed)

    def random(self) -> float:
        """Uniform in [0, 1) with 53 bits."""
        return self.generator.random_sample()

    def below(self, n: int) -> int:
        """Uniform in 0..n-1."""
        return int(self.generator.randint(0, n))


def own_house(agent: int, houses: int) -> int:
    """The house an agent looks after first."""
    return agent % min(OWN_HOUSES, houses)


def decide(params: Array, agent: int, houses: Array, draws: Decisions, with_signal: bool = True) -> tuple[int, int, int]:
    """House, mode and signal of the heuristic agent with parameters (10,), of which it reads four.

    Without `with_signal` the signal is the mode, and no draw is made for it.
    """
    own = own_house(agent, len(houses))
    house, mode = own, REST
    if draws.random() < params[1] * (1 - params[8]):
        mode = WORK
        if not (houses[own] == BURNING and draws.random() < params[3]):
            burning = np.flatnonzero(np.asarray(houses) == BURNING)
            if len(burning):
                house = int(burning[draws.below(len(burning))])
    if not with_signal:
        return house, mode, mode
    signal: Any = mode if draws.random() < params[0] else 1 - mode
    return house, mode, signal
