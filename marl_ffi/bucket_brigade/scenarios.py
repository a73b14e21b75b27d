"""The named scenarios of the original, and random ones."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from .._arguments import integer, unknown
from ..errors import DtypeError, InvalidInputError
from ._scenario import MAX_AGENTS, OWNERSHIP, Scenario

__all__ = ["CORE_SCENARIOS", "OWNERSHIP", "RESEARCH_SCENARIOS", "SCENARIOS", "Scenario", "random_scenario", "scenario"]

FROZEN = "-v1"


def _scenario(
    beta: float, kappa: float, rho: float, cost: float, min_nights: int, own: float = 1.0, penalty: float = 2.0,
    *, A: float = 100.0, L: float = 100.0, **others: Any,
) -> Scenario:  # fmt: skip
    return Scenario(
        prob_fire_spreads_to_neighbor=beta,
        prob_solo_agent_extinguishes_fire=kappa,
        prob_house_catches_fire=rho,
        team_reward_house_survives=A,
        team_penalty_house_burns=L,
        reward_own_house_survives=own,
        reward_other_house_survives=0.0,
        penalty_own_house_burns=penalty,
        penalty_other_house_burns=0.0,
        cost_to_work_one_night=cost,
        min_nights=min_nights,
        **others,
    )


def _lists_of_4(scenario: Scenario) -> Scenario:
    """The original writes these per agent, which fixes their number."""
    return scenario.replace(**{name: (getattr(scenario, name),) * 4 for name in OWNERSHIP})


SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        "default": _scenario(0.25, 0.5, 0.02, 0.5, 12, 20.0, 40.0),
        "easy": _scenario(0.1, 0.8, 0.01, 0.5, 10),
        "hard": _scenario(0.4, 0.3, 0.05, 0.5, 15),
        "trivial_cooperation": _scenario(0.15, 0.9, 0.0, 0.5, 12),
        "early_containment": _scenario(0.35, 0.6, 0.02, 0.5, 12),
        "greedy_neighbor": _scenario(0.15, 0.4, 0.02, 1.0, 12),
        "sparse_heroics": _scenario(0.1, 0.5, 0.02, 0.8, 20),
        "rest_trap": _scenario(0.05, 0.95, 0.02, 0.2, 12),
        "chain_reaction": _scenario(0.45, 0.6, 0.03, 0.7, 15),
        "deceptive_calm": _scenario(0.25, 0.6, 0.05, 0.4, 20),
        "overcrowding": _scenario(0.2, 0.3, 0.02, 0.6, 12, A=50.0),
        "mixed_motivation": _scenario(0.3, 0.5, 0.03, 0.6, 15),
        "minimal_specialization": _lists_of_4(_scenario(0.25, 0.5, 0.02, 0.5, 12, 50.0, 100.0, A=10.0, L=10.0)),
        "positional_default": _scenario(
            0.25, 0.5, 0.02, 0.5, 12, 20.0, 40.0, agent_home_positions=(0, 3, 5, 8), distance_cost_alpha=0.1
        ),
        "v2_minimal": _lists_of_4(_scenario(0.25, 0.5, 0.05, 0.5, 8, 50.0, 100.0, A=10.0, L=10.0, num_houses=2)),
        "default_continuous": _scenario(
            0.25, 0.5, 0.02, 0.5, 12, 20.0, 40.0, extinguish_mode="continuous", suppression_per_worker=0.5
        ),
        "asym_b05_k09_c05": _lists_of_4(_scenario(0.5, 0.9, 0.02, 0.5, 12, 50.0, 100.0, A=10.0, L=10.0)),
        "asym_b09_k09_c05": _lists_of_4(_scenario(0.9, 0.9, 0.02, 0.5, 12, 50.0, 100.0, A=10.0, L=10.0)),
    }
)
"""All 18 scenarios by name, in the original's order. `trivial_cooperation` never has a fire."""

CORE_SCENARIOS = tuple(SCENARIOS)[:12]
"""Those with published equilibria."""

RESEARCH_SCENARIOS = tuple(SCENARIOS)[3:12]
"""Those that published tournaments were played in."""


def scenario(name: str | Scenario, **changes: Any) -> Scenario:
    """A named scenario, with fields changed on request.

    Args:
        name: a name of `SCENARIOS`, or the original's frozen id of it (`"rest_trap-v1"`). A `Scenario` is passed on.
        changes: fields to replace.

    Raises:
        UnknownNameError: for a name or a field that does not exist, with the nearest that does. It is a `ValueError`.
    """
    if isinstance(name, Scenario):
        found = name
    elif not isinstance(name, str):
        raise DtypeError(f"scenario: expected a name or a Scenario, got {type(name).__name__}")
    else:
        # the only scenario without a frozen id is the newest
        frozen = name.removesuffix(FROZEN)
        key = frozen if frozen != "default_continuous" else name
        if key not in SCENARIOS:
            raise unknown(name, "scenario", SCENARIOS)
        found = SCENARIOS[key]
    return found.replace(**changes) if changes else found


def random_scenario(num_agents: int = 4, seed: int | None = None) -> Scenario:
    """A random scenario, the original's for the same seed.

    Fires start at random in every second one; in the others there is never any fire.

    Args:
        num_agents: number of agents.
        seed: 0 to 2**32 - 1; None for fresh entropy.
    """
    agents = integer(num_agents, "num_agents", low=1, high=MAX_AGENTS)
    if seed is not None and not 0 <= integer(seed, "seed", low=0) < 2**32:
        raise InvalidInputError(f"seed: expected at most {2**32 - 1}, got {seed}")
    draw = np.random.RandomState(seed)
    spark = draw.uniform(0.01, 0.05)
    rho = draw.choice([0.0, spark])
    beta = draw.uniform(0.15, 0.35)
    kappa = draw.uniform(0.4, 0.6)
    min_nights = int(draw.randint(10, 20))
    return _scenario(beta, kappa, rho, 0.5, min_nights, num_agents=agents)
