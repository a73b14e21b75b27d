"""Whole games of heuristic agents."""

from __future__ import annotations

import numpy as np

from ...bucket_brigade.scenarios import Scenario
from ..market_rules import Array
from .agents import Decisions, decide, decision_draws
from .rng import Pcg64
from .rules import Town, play_night, reset

__all__ = ["Episode", "play_episode", "run_heuristic_episode"]


class Episode:
    """A running game with float32 scores, added up night by night as the original does."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.rng = Pcg64(seed)
        self.town: Town = reset(scenario, self.rng.random_f32)
        self.scores = np.zeros(scenario.num_agents, np.float32)

    @property
    def over(self) -> bool:
        """Whether the rules or the limit of nights have ended the game."""
        limit = self.scenario.max_nights
        return self.town.over or (limit is not None and self.town.night >= limit)

    def step(self, actions: Array) -> Array:
        """Play a night with actions (N, 3); rewards (N,)."""
        play_night(self.scenario, self.town, actions, self.rng.random_f32)
        self.scores = self.scores + self.town.rewards
        return self.town.rewards

    @property
    def final_score(self) -> np.float32:
        """Sum of the scores, added up in order."""
        total = np.float32(0)
        for score in self.scores:
            total = total + score
        return total


def play_episode(
    scenario: Scenario, params: Array, seed: int, draws: list[Decisions], with_signal: bool = True
) -> Episode:
    """A game to its end; agent `i` has parameters `params[i]` and draws from `draws[i]`. All see the same evening."""
    game = Episode(scenario, seed)
    while not game.over:
        houses = game.town.houses
        actions = [decide(params[i], i, houses, draws[i], with_signal) for i in range(scenario.num_agents)]
        game.step(np.array(actions, np.uint8))
    return game


def run_heuristic_episode(
    scenario: Scenario, params: Array, seed: int, decisions: str = "original"
) -> tuple[Array, int]:
    """Scores (N,) and nights of a game whose agents share a second generator; see `decision_draws`."""
    shared = decision_draws(decisions, seed)
    game = play_episode(scenario, params, seed, [shared] * scenario.num_agents)
    return game.scores, game.town.night
