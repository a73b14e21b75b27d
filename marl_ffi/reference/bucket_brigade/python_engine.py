"""The original's Python engine, bit for bit: for its published numbers, not for new work.

It draws doubles from NumPy's legacy generator, spreads fire in place, ends a game on the first night without fire,
and forgets on the first night of every game which houses burned, so that nobody is paid for saving them.
"""

from __future__ import annotations

import numpy as np

from ...bucket_brigade.scenarios import OWNERSHIP, Scenario
from ...errors import error_for
from ..market_rules import Array
from .rules import Dialect, Town, play_night, reset

__all__ = ["PYTHON", "PythonGame", "scenario_info"]

PYTHON = Dialect(
    real=np.float64, saved_chance=lambda kappa, k: 1 - (1 - kappa) ** k, spread_in_place=True, remembers_houses=True
)
UNCHECKED = (
    "progress_shaping_coef", "action_shaping_alpha", "action_shaping_beta", "team_welfare_lambda",
)  # fmt: skip


class PythonGame:
    """One game; `town` is its state. A game made without a seed starts from fresh entropy."""

    def __init__(self, scenario: Scenario, seed: int | None = None) -> None:
        for name in UNCHECKED:
            if getattr(scenario, name) != 0:
                message = f"Scenario.{name}: the original's Python engine is only known without it, got "
                raise error_for("invalid_config", f"{message}{getattr(scenario, name)}")
        self.scenario = scenario.replace(termination="no_fire", max_nights=None)
        self.generator = np.random.RandomState(seed)
        self.town: Town = reset(self.scenario, self.generator.random_sample, PYTHON)

    def step(self, actions: Array) -> tuple[Array, bool]:
        """Play a night with actions (N, 3): rewards (N,) and whether the game is over."""
        if self.town.over:
            raise error_for("episode_over", "the game is over; start a new one")
        ended = play_night(self.scenario, self.town, actions, self.generator.random_sample, PYTHON)
        return self.town.rewards, ended


def scenario_info(scenario: Scenario) -> Array:
    """The twelve numbers (12,), float32, that agents of the Python engine and of the Gymnasium adapter see."""
    means = [float(np.mean(scenario.per_agent(name))) for name in OWNERSHIP]
    return np.array(
        [
            scenario.prob_fire_spreads_to_neighbor, scenario.prob_solo_agent_extinguishes_fire,
            scenario.prob_house_catches_fire, scenario.team_reward_house_survives, scenario.team_penalty_house_burns,
            *means, scenario.cost_to_work_one_night, scenario.min_nights, scenario.num_agents,
        ],
        np.float32,
    )  # fmt: skip
