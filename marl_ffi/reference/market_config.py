"""Configuration of "ElectricityMarket-v0": read, checked and completed with defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import error_for
from .config import Reader
from .market_features import OBSERVERS
from .market_rules import LOSS_OF_LOAD, SCARCITY_PRICES, TIE_RULES, MarketRules

DTYPES = ("float32", "float64")
DEMAND_NOISE = ("on_seed", "never", "every_reset")
OUT_OF_RANGE = ("reject", "clip")
BESS_KEYS = ("power_mw", "duration_h", "efficiency_rt", "initial_soc_frac", "bid_ref")


@dataclass(frozen=True)
class Battery:
    """A storage unit: MW, MWh, efficiency of each way, MWh at the start of an episode, $/MWh around which it bids."""

    power: float
    energy: float
    efficiency: float
    initial_soc: float
    bid_ref: float


@dataclass(frozen=True)
class MarketConfig:
    """What the rules need to know; `resolved` is the whole configuration as plain data."""

    generators: int
    hours: int
    demand_profile: list[float]
    capacities: list[float]
    costs: list[float]
    max_bid_delta: float
    lambda_bid_penalty: float
    unit_lol_penalty: float
    day_ahead: bool
    battery: Battery | None
    observer: str
    dtype: Any
    demand_noise: str
    clip_actions: bool
    rules: MarketRules
    learned: list[int]
    policies: list[list[float] | None]
    history: bool
    max_episode_steps: int | None
    resolved: dict[str, Any]

    @property
    def agents(self) -> int:
        """Number of seats: generators, and the battery behind them."""
        return self.generators + (self.battery is not None)

    @property
    def decisions(self) -> int:
        """Hours that one action decides."""
        return self.hours if self.day_ahead else 1


def action_low(config_battery: bool) -> tuple[float, float]:
    """Lowest (a0, a1) of a battery, which can buy, or of a generator."""
    return (-1.0 if config_battery else 0.0, -10.0)


ACTION_HIGH = (1.0, 10.0)


def read_market_config(config: Mapping[str, Any]) -> MarketConfig:
    """Check a flat configuration.

    Raises:
        UnknownNameError: a key that does not exist. InvalidInputError: a value that cannot be.
    """
    top = Reader(config)
    params = top.mapping("params")
    if params is None:
        from ..market.params import default_params

        params = Reader(default_params(5, 24), "params.")
    observer = top.choice("observer", OBSERVERS)
    dtype_name = top.choice("dtype", DTYPES)
    dtype = np.dtype(dtype_name).type
    demand_noise = top.choice("demand_noise", DEMAND_NOISE)
    out_of_range = top.choice("out_of_range_actions", OUT_OF_RANGE)
    price_cap = None
    if top.values.get("price_cap") is not None:
        price_cap = top.number("price_cap", None, "a finite price or None", lambda x: True)
    top.known.append("price_cap")
    scarcity_price = top.choice("scarcity_price", SCARCITY_PRICES)
    loss_of_load = top.choice("loss_of_load", LOSS_OF_LOAD)
    tie_rule = top.choice("tie_rule", TIE_RULES)
    agents = top.sequence("agents", "a list of learned agents or None")
    policies = top.sequence("policies", "a list with an entry per agent, or None")
    history = top.boolean("history", False)
    max_episode_steps = top.integer("max_episode_steps", 1)
    top.finish()

    generators = params.integer("N_generators", 1, required=True)
    hours = params.integer("T", 1, required=True)
    assert generators is not None and hours is not None
    plain: dict[str, Any] = {
        "N_generators": generators,
        "T": hours,
        "demand_profile": params.numbers("demand_profile", hours, dtype, "a finite demand > 0", lambda x: x > 0),
        "capacities": params.numbers("capacities", generators, dtype, "a finite capacity >= 0", lambda x: x >= 0),
        "costs": params.numbers("costs", generators, dtype, "a finite cost", lambda x: True),
    }
    for key, default in (("max_bid_delta", 50.0), ("lambda_bid_penalty", 0.01), ("unit_lol_penalty", 1.0)):
        plain[key] = params.number(key, default, "a finite number >= 0", lambda x: x >= 0)
    plain["day_ahead"] = params.boolean("day_ahead", False)
    plain["bess"] = _read_bess(params)
    params.finish_leniently()

    battery = _battery(plain["bess"])
    references = [*plain["costs"], *([battery.bid_ref] if battery else [])]
    highest = max(abs(x) for x in references) + plain["max_bid_delta"]
    if highest > np.finfo(dtype).max:
        message = f"params.max_bid_delta: expected bids that stay finite in {dtype_name}, got {plain['max_bid_delta']!r}"
        raise error_for("invalid_config", message)
    seats = generators + (battery is not None)
    learned = _read_learned(agents, seats)
    clip = out_of_range == "clip"
    sizes = (2, 2 * hours) if plain["day_ahead"] else (2,)
    seat_policies = _read_policies(policies, seats, learned, generators, sizes, clip)
    resolved = {
        "params": plain, "observer": observer, "dtype": dtype_name, "demand_noise": demand_noise,
        "out_of_range_actions": out_of_range, "price_cap": price_cap, "scarcity_price": scarcity_price,
        "loss_of_load": loss_of_load, "tie_rule": tie_rule, "agents": learned, "policies": seat_policies,
        "history": history, "max_episode_steps": max_episode_steps,
    }  # fmt: skip
    return MarketConfig(
        generators, hours, plain["demand_profile"], plain["capacities"], plain["costs"], plain["max_bid_delta"],
        plain["lambda_bid_penalty"], plain["unit_lol_penalty"], plain["day_ahead"], battery, observer, dtype,
        demand_noise, clip, MarketRules(price_cap, scarcity_price, loss_of_load, tie_rule), learned, seat_policies,
        history, max_episode_steps, resolved,
    )  # fmt: skip


def _read_bess(params: Reader) -> dict[str, float] | None:
    bess = params.mapping("bess")
    if bess is None:
        return None
    ranges = {
        "power_mw": ("a finite power > 0", lambda x: x > 0),
        "duration_h": ("a finite duration > 0", lambda x: x > 0),
        "efficiency_rt": ("an efficiency in (0, 1]", lambda x: 0 < x <= 1),
        "initial_soc_frac": ("a fraction in [0, 1]", lambda x: 0 <= x <= 1),
        "bid_ref": ("a finite price", lambda x: True),
    }
    values = {key: bess.number(key, None, *ranges[key]) for key in BESS_KEYS}
    bess.finish()
    return values


def _battery(bess: dict[str, float] | None) -> Battery | None:
    if bess is None:
        return None
    energy = bess["power_mw"] * bess["duration_h"]
    efficiency = math.sqrt(bess["efficiency_rt"])
    return Battery(bess["power_mw"], energy, efficiency, bess["initial_soc_frac"] * energy, bess["bid_ref"])


def _read_learned(agents: list[Any] | None, seats: int) -> list[int]:
    if agents is None:
        return list(range(seats))
    expected = f"ascending agent indices from 0 to {seats - 1}, at least one"
    previous = -1
    for k, agent in enumerate(agents):
        if isinstance(agent, (bool, np.bool_)) or not isinstance(agent, (int, np.integer)):
            raise error_for("invalid_config", f"agents[{k}]: expected {expected}, got {agent!r}")
        if not previous < agent < seats:
            raise error_for("invalid_config", f"agents[{k}]: expected {expected}, got {agent}")
        previous = int(agent)
    if not agents:
        raise error_for("invalid_config", f"agents: expected {expected}, got an empty list")
    return [int(agent) for agent in agents]


def _read_policies(
    policies: list[Any] | None, seats: int, learned: list[int], generators: int, sizes: tuple[int, ...], clip: bool
) -> list[list[float] | None]:
    """What unlearned seats play, (0, 0) unless told; None for learned seats."""
    if policies is None:
        policies = [None] * seats
    if len(policies) != seats:
        raise error_for("invalid_config", f"policies: expected {seats} entries, one per agent, got {len(policies)}")
    seated: list[list[float] | None] = []
    for j, policy in enumerate(policies):
        if j in learned:
            if policy is not None:
                message = f"policies[{j}]: expected None, since this agent learns, got {policy!r}"
                raise error_for("invalid_config", message)
            seated.append(None)
            continue
        values = [0.0, 0.0] if policy is None else _policy_numbers(j, policy, sizes)
        half = len(values) // 2
        low = action_low(j == generators)
        for k, value in enumerate(values):
            bottom, top = low[k >= half], ACTION_HIGH[k >= half]
            if not math.isfinite(value) or not (clip or bottom <= value <= top):
                message = f"policies[{j}][{k}]: expected a number from {bottom} to {top}, got {value}"
                raise error_for("invalid_config", message)
            values[k] = min(max(value, bottom), top)
        seated.append(values)
    return seated


def _policy_numbers(seat: int, policy: Any, sizes: tuple[int, ...]) -> list[float]:
    expected = " or ".join(str(size) for size in sizes)
    if not isinstance(policy, (list, tuple, np.ndarray)) or len(policy) not in sizes:
        got = len(policy) if isinstance(policy, (list, tuple, np.ndarray)) else repr(policy)
        raise error_for("invalid_config", f"policies[{seat}]: expected {expected} numbers, got {got}")
    for k, value in enumerate(policy):
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
            raise error_for("invalid_config", f"policies[{seat}][{k}]: expected a number, got {value!r}")
    return [float(value) for value in policy]
