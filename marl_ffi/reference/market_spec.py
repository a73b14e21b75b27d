"""How "ElectricityMarket-v0" describes itself: spaces, infos, columns, parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from .market_config import ACTION_HIGH, MarketConfig, action_low

ID = "ElectricityMarket-v0"
DESCRIPTION = (
    "Generators, and optionally a battery, bid into a uniform-price electricity market hour by hour; "
    "the cheapest offers serve the demand and the last one sets the price."
)

Feature = tuple[str, "float | None", "float | None"]

FREE = (None, None)
UNIT = (0.0, 1.0)
WAVE = (-1.0, 1.0)

CLOCKS: dict[str, list[Feature]] = {
    "basic": [],
    "simple": [("hour", *UNIT)],
    "simple_v2": [("hour", *UNIT), ("day", *UNIT)],
    "simple_v3": [("hour_sin", *WAVE), ("hour_cos", *WAVE), ("day_sin", *WAVE), ("day_cos", *WAVE)],
}

PARAMETERS: list[tuple[str, str, Any, str, str]] = [
    ("params", "dict", None, "", "The market: N_generators, T, demand_profile (MW), capacities (MW), costs ($/MWh), max_bid_delta, lambda_bid_penalty, unit_lol_penalty, day_ahead, bess. None: default_params(5, 24)."),  # noqa: E501
    ("observer", "str", "simple", "", "What agents see: simple, basic, simple_v2 or simple_v3."),
    ("dtype", "str", "float32", "", "Working precision: float32 or float64."),
    ("demand_noise", "str", "on_seed", "", "When demand is perturbed: on_seed (resets with a seed), never or every_reset."),
    ("out_of_range_actions", "str", "reject", "", "Finite actions out of bounds: reject or clip."),
    ("price_cap", "float", None, "$/MWh", "Largest price; None for no cap."),
    ("scarcity_price", "str", "highest_bid", "", "Price if demand is not met: highest_bid or highest_dispatched_bid."),
    ("loss_of_load", "str", "original", "", "Unserved demand from cleared quantities (original) or from supply (robust)."),
    ("tie_rule", "str", "index", "", "Who clears among equal bids at the margin: index or pro_rata."),
    ("agents", "list", None, "", "Learned agents, ascending; None for all. The battery is the last."),
    ("policies", "list", None, "", "Action of each agent that does not learn; None for (0, 0)."),
    ("history", "bool", False, "", "Keep the hours of the episode as state columns."),
    ("max_episode_steps", "int", None, "steps", "Steps after which an episode is truncated; None for no limit."),
]  # fmt: skip


def features(config: MarketConfig, agent: int) -> list[Feature]:
    """Name, lowest and highest value of everything an agent sees."""
    is_battery = agent == config.generators
    capacity: Feature = ("capacity", 0.0, None if is_battery else 1.0)
    if config.day_ahead:
        day: list[Feature] = [(f"demand_{t}", *FREE) for t in range(config.hours)]
        energy: list[Feature] = [("energy", 0.0, None)] if is_battery else []
        return [*day, capacity, *energy, ("cost", *FREE)]
    seen: list[Feature] = [("demand", *FREE), capacity]
    if config.observer == "basic":
        others = [j for j in range(config.agents if is_battery else config.generators) if j != agent]
        seen += [(f"cost_{j}", *FREE) for j in others] + [(f"capacity_{j}", *UNIT) for j in others]
    else:
        seen += [("cost", *FREE), *CLOCKS[config.observer]]
    return [*seen, ("soc", *UNIT)] if is_battery else seen


def _box(names: list[str], low: list[float | None], high: list[float | None], dtype: str) -> dict[str, Any]:
    return {"type": "box", "shape": [len(names)], "dtype": dtype, "low": low, "high": high, "names": names}


def _action(config: MarketConfig, agent: int, dtype: str) -> dict[str, Any]:
    is_battery = agent == config.generators
    hours = config.decisions
    names = ["power_fraction" if is_battery else "withheld_fraction", "bid_markup"]
    if config.day_ahead:
        names = [f"{name}_{t}" for name in names for t in range(hours)]
    low: list[float | None] = [x for x in action_low(is_battery) for _ in range(hours)]
    high: list[float | None] = [x for x in ACTION_HIGH for _ in range(hours)]
    return _box(names, low, high, dtype)


def _agent(config: MarketConfig, agent: int, dtype: str) -> dict[str, Any]:
    names, low, high = zip(*features(config, agent))
    return {
        "name": "battery" if agent == config.generators else f"generator_{agent}",
        "index": agent,
        "observation": _box(list(names), list(low), list(high), dtype),
        "action": _action(config, agent, dtype),
    }


def _field(name: str, dtype: str, shape: list[int], unit: str, description: str) -> dict[str, Any]:
    return {"name": name, "dtype": dtype, "shape": shape, "unit": unit, "description": description}


def _infos(config: MarketConfig, dtype: str) -> list[dict[str, Any]]:
    hours = [config.hours] if config.day_ahead else []
    units = [*hours, config.agents]
    fields = [
        _field("price", dtype, hours, "$/MWh", "Clearing price."),
        _field("demand", dtype, hours, "MW", "Demand that was cleared."),
        _field("unserved", dtype, hours, "MW", "Demand that was not met."),
        _field("q_cleared", dtype, units, "MW", "Cleared quantity of every agent."),
        _field("rewards", dtype, [config.agents], "", "Rewards of all agents, learned or not."),
        _field("bids", dtype, units, "$/MWh", "Bid of every agent."),
        _field("quantities", dtype, units, "MW", "Offered quantity of every agent."),
    ]
    if config.battery is not None:
        fields += [
            _field("charged", "float64", hours, "MW", "What the battery bought."),
            _field("discharged", "float64", hours, "MW", "What the battery sold."),
            _field("soc", "float64", hours, "MWh", "Charge of the battery after the hour."),
        ]
    return fields


def _columns(config: MarketConfig, dtype: str) -> list[dict[str, Any]]:
    hours, units = [config.hours], [config.hours, config.agents]
    has_battery = config.battery is not None
    rows = [("demand", dtype, hours, "MW", True, "Demand of every hour of the episode.")]
    if has_battery:
        rows.append(("soc", "float64", [], "MWh", True, "Charge of the battery."))
    if config.history:
        rows += [
            ("history_bids", dtype, units, "$/MWh", False, "Bids of the hours so far."),
            ("history_q_offered", dtype, units, "MW", False, "Offers of the hours so far."),
            ("history_q_cleared", dtype, units, "MW", False, "Cleared quantities of the hours so far."),
            ("history_rewards", dtype, units, "", False, "Rewards of the hours so far."),
            ("history_penalty", dtype, units, "$/h", False, "Penalties of the hours so far, before scaling."),
            ("history_market_prices", dtype, hours, "$/MWh", False, "Prices of the hours so far."),
            ("history_demand", dtype, hours, "MW", False, "Demand of the hours so far."),
        ]
        if has_battery:
            rows += [
                ("history_charge", "float64", hours, "MW", False, "What the battery bought so far."),
                ("history_discharge", "float64", hours, "MW", False, "What the battery sold so far."),
                ("history_soc", "float64", hours, "MWh", False, "Charge of the battery after the hours so far."),
            ]
    return [
        {**_field(name, kind, shape, unit, text), "writable": writable}
        for name, kind, shape, unit, writable, text in rows
    ]


def market_spec(config: MarketConfig) -> dict[str, Any]:
    """The self-description of the environment under a configuration, without the engine's own columns."""
    dtype = np.dtype(config.dtype).name
    other = "float64" if dtype == "float32" else "float32"
    agents = [_agent(config, agent, dtype) for agent in config.learned]
    return {
        "id": ID,
        "description": DESCRIPTION,
        "multi_agent": True,
        "dtype": dtype,
        "max_episode_steps": config.max_episode_steps,
        "agents": agents,
        "observation_shape": [max(agent["observation"]["shape"][0] for agent in agents)],
        "action_shape": agents[0]["action"]["shape"],
        "action_dtypes": [dtype, other],
        "reward_dtype": dtype,
        "observation_dtype": dtype,
        "infos": _infos(config, dtype),
        "columns": _columns(config, dtype),
        "parameters": [
            {"name": name, "type": kind, "default": default, "unit": unit, "description": text}
            for name, kind, default, unit, text in PARAMETERS
        ],
        "config": config.resolved,
    }
