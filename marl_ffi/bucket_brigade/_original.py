"""Games as the original's tournaments and evolution play them: engine and agents are seeded alike, agents draw from
NumPy's legacy generator, and a signal is the mode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..reference.bucket_brigade.agents import LegacyDecisions, decide
from ._scenario import Scenario
from .game import Game

__all__ = ["OriginalGame", "play_original"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class OriginalGame:
    """A game that was played.

    Attributes:
        payoffs: (N,) sums of the rewards in float64, as Python adds them up.
        final_score: sum of all rewards in float32, as the engine adds them up.
        nights: how many.
    """

    payoffs: Array
    final_score: float
    nights: int


def play_original(scenario: Scenario, profile: Array, seed: int) -> OriginalGame:
    """Play a game of heuristic agents with parameters (N, 10)."""
    game, draws = Game(scenario, len(profile), seed), LegacyDecisions(seed)
    strategies, payoffs = profile.tolist(), np.zeros(len(profile))
    while not game.done:
        houses = game.houses.tolist()
        actions = [decide(params, i, houses, draws, with_signal=False) for i, params in enumerate(strategies)]
        rewards, _ = game.step(actions)
        payoffs += rewards
    return OriginalGame(payoffs, game.final_score, game.night)
