"""The Python engine as it was in the original's first days, when its oldest replay files were recorded.

Fires start in a fixed number of houses, sparks fly for the first nights only, `k` workers save a house with chance
`1 - exp(-kappa * k)`, and a game ends only when all houses are safe or all are ruined. On its first day fires spread
before they ruined their house (`phase_order="spread_first"`), from the next day on after.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...bucket_brigade.scenarios import Scenario
from ..market_rules import Array
from .rules import BURNING, Dialect, Town, new_town, play_night

__all__ = ["EARLY", "EarlyGame", "EarlyRules", "early_rules"]

EARLY = Dialect(
    real=np.float64,
    saved_chance=lambda kappa, k: 1 - np.exp(-kappa * k),
    spread_in_place=True,
    remembers_houses=True,
)
# That engine counted a tenth of the team's reward.
TEAM_SHARE = 0.1
OWN_SAVED, OWN_RUINED = 1.0, 2.0


@dataclass(frozen=True)
class EarlyRules:
    """What that engine had and a `Scenario` has not: the share of houses that burn first, and the nights with sparks."""

    rho_ignite: float
    N_spark: int


def early_rules(
    fields: Mapping[str, Any], phase_order: str = "burn_out_first"
) -> tuple[Scenario, EarlyRules]:
    """Today's scenario that pays the same, and what else there was, from the fields of an old file, which do not tell
    the order of phases."""
    scenario = Scenario(
        prob_fire_spreads_to_neighbor=fields["beta"],
        prob_solo_agent_extinguishes_fire=fields["kappa"],
        prob_house_catches_fire=fields["p_spark"],
        team_reward_house_survives=TEAM_SHARE * fields["A"],
        team_penalty_house_burns=TEAM_SHARE * fields["L"],
        reward_own_house_survives=OWN_SAVED,
        reward_other_house_survives=0.0,
        penalty_own_house_burns=OWN_RUINED,
        penalty_other_house_burns=0.0,
        cost_to_work_one_night=fields["c"],
        min_nights=fields["N_min"],
        num_agents=fields["num_agents"],
        max_nights=None,
        phase_order=phase_order,
    )
    return scenario, EarlyRules(fields["rho_ignite"], fields["N_spark"])


class EarlyGame:
    """One game; `town` is its state."""

    def __init__(self, scenario: Scenario, rules: EarlyRules, seed: int) -> None:
        self.scenario, self.rules = scenario, rules
        self.generator = np.random.RandomState(seed)
        self.town: Town = new_town(scenario)
        burning = round(scenario.num_houses * rules.rho_ignite)
        self.town.houses[self.generator.choice(scenario.num_houses, burning, replace=False)] = BURNING

    def step(self, actions: Array) -> Array:
        """Play a night with actions (N, 3); rewards (N,)."""
        sparks = self.town.night < self.rules.N_spark
        play_night(self.scenario, self.town, actions, self.generator.random_sample, EARLY, sparks=sparks)
        return self.town.rewards
