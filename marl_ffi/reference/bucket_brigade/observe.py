"""What agents see, in any of the layouts: names, bounds and values of every number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...bucket_brigade.scenarios import OWNERSHIP, Scenario
from ..market_rules import Array
from .config import BrigadeConfig

__all__ = ["features", "observe"]

Feature = tuple[str, "float | None", "float | None"]
F32 = np.float32
# The compiled engine keeps ten copies of a number that is given for all agents.
COPIES = 10


def features(config: BrigadeConfig) -> list[Feature]:
    """Name, lowest and highest value of everything an agent sees."""
    scenario = config.scenario
    h, n, last = scenario.num_houses, scenario.num_agents, float(scenario.num_houses - 1)
    is_v1 = config.observation == "v1"
    parts = [("house", last), ("mode", 1.0), ("signal", 1.0)][: 3 if is_v1 else 2]
    limit = None if scenario.max_nights is None else float(scenario.max_nights)
    pieces: dict[str, list[Feature]] = {
        "houses": [(f"house_{k}", 0.0, 2.0) for k in range(h)],
        "progress": [(f"fire_progress_{k}", 0.0, 1.0) for k in range(h)],
        "signals": [(f"signal_{i}", 0.0, 1.0) for i in range(n)],
        "positions": [(f"position_{i}", 0.0, last) for i in range(n)],
        "actions": [(f"last_{part}_{i}", 0.0, high) for i in range(n) for part, high in parts],
        "round1": [(f"round1_signal_{i}", 0.0, 1.0) for i in range(n)],
        "night": [("night", 0.0, limit)],
        "numbers": [(name, None, None) for name in numbers(config.observation, scenario, 0)],
        "one_hot": [(f"is_seat_{i}", 0.0, 1.0) for i in range(n)],
        "seat": [("seat", 0.0, float(max(n - 1, 1)))],
    }
    return [feature for piece in _order(config) for feature in pieces[piece]]


def observe(config: BrigadeConfig, state: Mapping[str, Array], night: int) -> Array:
    """Observations (A, width), float32, of the agents that learn."""
    scenario = config.scenario
    width = 3 if config.observation == "v1" else 2
    rows = []
    for seat in config.learned:
        pieces: dict[str, Any] = {
            "houses": state["houses"],
            "progress": state["fire_progress"],
            "signals": state["signals"],
            "positions": state["positions"],
            "actions": state["last_actions"][:, :width].ravel(),
            "round1": state["round1_signals"],
            "night": [night],
            "numbers": list(numbers(config.observation, scenario, seat).values()),
            "one_hot": np.arange(scenario.num_agents) == seat,
            "seat": [seat],
        }
        rows.append(np.concatenate([np.asarray(pieces[piece], F32) for piece in _order(config)]))
    return np.stack(rows)


def _order(config: BrigadeConfig) -> list[str]:
    """The pieces of an observation from left to right."""
    two_phase = config.scenario.commitment_mode == "two_phase"
    if config.observation == "v1":
        progress = ["progress"] if config.observe_progress else []
        round1 = ["round1"] if two_phase else []
        return ["houses", *progress, "signals", "positions", "actions", *round1, "night", "numbers", "one_hot"]
    if config.observation == "core_flat":
        return ["signals", "positions", "houses", "actions", "numbers", "seat", "night"]
    common = ["houses", "signals", "positions", "actions", "numbers"]
    return {
        "py_flat": [*common, "one_hot"],
        "py_flat_round1": [*common, "round1", "one_hot"],
        "gym_2025_11": common,
    }[config.observation]


def numbers(layout: str, scenario: Scenario, seat: int) -> dict[str, Any]:
    """The numbers of the scenario in the order of a layout."""
    values: dict[str, Any] = {
        name: getattr(scenario, name)
        for name in (
            "prob_fire_spreads_to_neighbor", "prob_solo_agent_extinguishes_fire", "prob_house_catches_fire",
            "team_reward_house_survives", "team_penalty_house_burns", "cost_to_work_one_night", "min_nights",
            "num_agents", "reward_rest", "distance_cost_alpha",
        )
    }  # fmt: skip
    beta, kappa, rho, team, penalty, cost, nights, agents, rest, distance = values
    if layout == "v1":
        values |= {name: scenario.per_agent(name)[seat] for name in OWNERSHIP}
        values |= {"max_nights": scenario.max_nights or 0, "home": scenario.homes[seat]}
        order = [
            beta, kappa, rho, team, penalty, *OWNERSHIP, cost, rest, distance, nights, "max_nights", agents, "home",
        ]  # fmt: skip
    elif layout == "core_flat":
        values |= {name: _compiled_mean(getattr(scenario, name)) for name in OWNERSHIP}
        order = [beta, kappa, team, penalty, cost, rho, nights, agents, *OWNERSHIP]
    elif layout == "gym_2025_11":
        # two chances of fire and two limits of nights then are one each today
        values |= {"rho_ignite": values[rho], "N_min": values[nights], "p_spark": values[rho], "N_spark": values[nights]}
        order = [beta, kappa, team, penalty, cost, "rho_ignite", "N_min", "p_spark", "N_spark", agents]
    else:
        values |= {name: sum(scenario.per_agent(name)) / scenario.num_agents for name in OWNERSHIP}
        order = [beta, kappa, rho, team, penalty, *OWNERSHIP, cost, nights, agents]
    return {name: values[name] for name in order}


def _compiled_mean(value: Any) -> Any:
    """The mean as the compiled engine has it: in float32, of what it stored."""
    stored = value if isinstance(value, tuple) else (value,) * COPIES
    total = F32(0)
    for each in stored:
        total = total + F32(each)
    return total / F32(len(stored))
