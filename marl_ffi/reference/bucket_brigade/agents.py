"""How the heuristic agent of the engine decides."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from ...errors import error_for
from ..market_rules import Array
from .rng import Pcg64
from .rules import BURNING, REST, WORK

__all__ = ["Decisions", "IndependentDecisions", "LegacyDecisions", "decide", "decision_draws", "own_house"]

DECISIONS = ("original", "independent")
MASK64 = (1 << 64) - 1


@runtime_checkable
class Decisions(Protocol):
    """Where an agent's draws come from."""

    def random(self) -> float: ...
    def below(self, n: int) -> int: ...


class LegacyDecisions:
    """Draws of NumPy's legacy generator, by which the original's tournaments and evolution decide."""

    def __init__(self, seed: int | np.random.RandomState | None) -> None:
        self.generator = seed if isinstance(seed, np.random.RandomState) else np.random.RandomState(seed)

    def random(self) -> float:
        """Uniform in [0, 1) with 53 bits."""
        return self.generator.random_sample()

    def below(self, n: int) -> int:
        """Uniform in 0..n-1."""
        return int(self.generator.randint(0, n))


class IndependentDecisions(Pcg64):
    """Draws that have nothing to do with the game's, from another stream for the same seed."""

    def __init__(self, seed: int) -> None:
        super().__init__(split_mix(seed))

    def below(self, n: int) -> int:
        """Uniform in 0..n-1; where there is nothing to choose nothing is drawn."""
        return 0 if n == 1 else super().below(n)


def decision_draws(decisions: str, seed: int) -> Decisions:
    """Where the agents of a game with this seed draw from: its own numbers once more ("original"), or "independent"."""
    if decisions not in DECISIONS:
        expected = ", ".join(map(repr, DECISIONS))
        raise error_for("invalid_argument", f"decisions: expected one of {expected}, got {decisions!r}")
    return Pcg64(seed) if decisions == "original" else IndependentDecisions(seed)


def split_mix(seed: int) -> int:
    """The first output of SplitMix64 that starts from `seed`."""
    z = (seed + 0x9E3779B97F4A7C15) & MASK64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
    return z ^ (z >> 31)


def own_house(agent: int, houses: int) -> int:
    """The house an agent looks after first."""
    return agent % houses


def decide(params: Array, agent: int, houses: Array, draws: Decisions, with_signal: bool = True) -> tuple[int, int, int]:
    """House, mode and signal of the heuristic agent with parameters (10,), of which it reads four.

    Without `with_signal` the signal is the mode, and no draw is made for it.
    """
    own = own_house(agent, len(houses))
    house, mode = own, REST
    if draws.random() < params[1] * (1 - params[8]):
        mode = WORK
        if not (houses[own] == BURNING and draws.random() < params[3]):
            burning = [h for h, state in enumerate(houses) if state == BURNING]
            if burning:
                house = burning[draws.below(len(burning))]
    if not with_signal:
        return house, mode, mode
    signal: Any = mode if draws.random() < params[0] else 1 - mode
    return house, mode, signal
