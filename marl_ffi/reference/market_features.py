"""From actions to bids, and from the state of a market to what an agent sees.

An action is (a0, a1): the fraction of its capacity that a unit withholds, and how far it bids away from its cost:

    quantity = (1 - a0) * capacity             bid = cost + tanh(a1) * max_bid_delta
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import error_for
from .market_rules import Array, as_number

LOG2E = 1.4426950408889634074
LN2_HIGH, LN2_LOW = 6.93145751953125e-1, 1.42860682030941723212e-6

OBSERVERS = ("simple", "basic", "simple_v2", "simple_v3")


def tanh64(x: Any) -> Any:
    """Hyperbolic tangent in float64, the same bits on every machine.

    Below 0.625 a rational function of x, above 1 - 2/(exp(2|x|) + 1) with |x| limited to 22, where the result is 1.
    Every operation rounds once; the error stays within a few units in the last place.
    """
    x = np.asarray(x, dtype=np.float64)
    size = np.abs(x)

    within = np.minimum(size, 1.0)
    z = within * within
    p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3
    q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3
    small = x + (x * z) * (p / q)

    y = np.minimum(size, 22.0) * 2.0
    k = np.rint(y * LOG2E)
    r = (y - k * LN2_HIGH) - k * LN2_LOW
    rr = r * r
    px = r * ((1.26177193074810590878e-4 * rr + 3.02994407707441961300e-2) * rr + 9.99999999999999999910e-1)
    qx = (3.00198505138664455042e-6 * rr + 2.52448340349684104192e-3) * rr + 2.27265548208155028766e-1
    qx = qx * rr + 2.0
    exp = np.ldexp(1.0 + 2.0 * (px / (qx - px)), k.astype(np.int64))
    large = np.copysign(1.0 - 2.0 / (exp + 1.0), x)
    return np.where(size < 0.625, small, large)[()]


def tanh_of(a1: Array, dtype: Any) -> Array:
    """tanh of actions as a market of `dtype` uses it: float32 actions of a float32 market get a float32 tanh."""
    t = np.asarray(tanh64(a1))
    return t.astype(np.float32) if dtype == np.float32 and a1.dtype == np.float32 else t


def project_actions(
    actions: Array, capacities: Array, costs: Array, max_bid_delta: float
) -> tuple[Array, Array]:
    """Actions (N, 2) of N units to quantities (N,) and bids (N,).

    The dtype of `capacities` and `costs` is that of the market; actions are float32 or float64. A float32 market forms
    `1 - a0` in the dtype of the action and the bid in float64, and narrows both; a float64 market widens first.
    """
    dtype = capacities.dtype.type
    if dtype == np.float64:
        actions = actions.astype(np.float64)
    withheld, markup = actions[:, 0], actions[:, 1]
    offered = (actions.dtype.type(1) - withheld).astype(dtype)
    bids = costs.astype(np.float64) + tanh_of(markup, dtype).astype(np.float64) * float(max_bid_delta)
    return offered * capacities, bids.astype(dtype)


def project_action(action: Array, capacity: Any, cost: Any, max_bid_delta: float) -> tuple[Any, Any]:
    """One action (2,) of one unit to its quantity and bid. `capacity` and `cost` are NumPy scalars of the market."""
    quantities, bids = project_actions(action[None], np.asarray([capacity]), np.asarray([cost]), max_bid_delta)
    return quantities[0], bids[0]


def clock_features(name: str, t: int) -> list[float]:
    """What an observer tells about the hour `t`, in float64."""
    hour, day = t % 24, t // 24 % 7
    if name == "simple":
        return [hour / 24]
    if name == "simple_v2":
        return [hour / 24, day / 7]
    if name == "simple_v3":
        by_hour, by_day = 2 * np.pi * hour / 24, 2 * np.pi * day / 7
        return [np.sin(by_hour), np.cos(by_hour), np.sin(by_day), np.cos(by_day)]
    return []


def observer_dim(name: str, agents: int) -> int:
    """Number of features of an observer in a market of that many agents."""
    if name == "basic":
        return 2 + 2 * (agents - 1)
    return 3 + len(clock_features(name, 0))


def scale_of(values: Array) -> Any:
    """The largest value, or 1 if nothing is positive."""
    largest = values.max()
    return largest if largest > 0 else values.dtype.type(1)


def observe(
    name: str, demand: Array, capacities: Array, costs: Array, agent: int, t: int, *,
    demand_scale: Any = None, capacity_scale: Any = None, cost_scale: Any = None, dtype: Any = np.float64,
) -> Array:  # fmt: skip
    """Features of one agent before hour `t`.

    `demand` (T,) is the profile, `capacities` and `costs` (N,) those of all agents. A scale that is not given is the
    largest value of its array. At the end (`t` = T) the demand is that of the last hour and the clock goes on.
    """
    d, k, c = (np.asarray(values, dtype=dtype) for values in (demand, capacities, costs))
    by_demand = scale_of(d) if demand_scale is None else d.dtype.type(demand_scale)
    by_capacity = scale_of(k) if capacity_scale is None else d.dtype.type(capacity_scale)
    by_cost = scale_of(c) if cost_scale is None else d.dtype.type(cost_scale)
    own = [d[min(t, len(d) - 1)] / by_demand, k[agent] / by_capacity]
    if name == "basic":
        others = [j for j in range(len(k)) if j != agent]
        features = own + [c[j] / by_cost for j in others] + [k[j] / by_capacity for j in others]
    else:
        features = own + [c[agent] / by_cost] + clock_features(name, t)
    return np.array(features, dtype=dtype)


def _observe_numbers(
    name: str, demand_t: float, capacity_i: float, cost_i: float, t: int, demand_scale: float,
    capacity_scale: float, cost_scale: float,
) -> Array:  # fmt: skip
    numbers = [
        as_number(label, value)
        for label, value in (("demand_t", demand_t), ("capacity_i", capacity_i), ("cost_i", cost_i))
    ]
    scales = [
        as_number(label, value, "parameter_invalid")
        for label, value in
        (("demand_scale", demand_scale), ("capacity_scale", capacity_scale), ("cost_scale", cost_scale))
    ]  # fmt: skip
    for label, number, reason in zip(
        ("demand_t", "capacity_i", "cost_i"), numbers, ("demand_not_finite", "quantity_not_finite", "cost_not_finite")
    ):
        if not math.isfinite(number):
            raise error_for(reason, f"{label}: expected a finite number, got {number}")
    for label, scale in zip(("demand_scale", "capacity_scale", "cost_scale"), scales):
        if not (math.isfinite(scale) and scale > 0):
            raise error_for("parameter_invalid", f"{label}: expected a finite number > 0, got {scale}")
    if isinstance(t, bool) or not isinstance(t, (int, np.integer)) or t < 0:
        raise error_for("invalid_argument", f"t: expected an hour >= 0, got {t!r}")
    own = [number / scale for number, scale in zip(numbers, scales)]
    return np.array(own + clock_features(name, int(t)), dtype=np.float64)


def simple_observer(
    demand_t: float, capacity_i: float, cost_i: float, t: int, demand_scale: float, capacity_scale: float,
    cost_scale: float,
) -> Array:  # fmt: skip
    """Demand, capacity and cost over their scales, and the hour of the day over 24: float64, shape (4,)."""
    return _observe_numbers("simple", demand_t, capacity_i, cost_i, t, demand_scale, capacity_scale, cost_scale)


def simple_observer_v3(
    demand_t: float, capacity_i: float, cost_i: float, t: int, demand_scale: float, capacity_scale: float,
    cost_scale: float,
) -> Array:  # fmt: skip
    """Demand, capacity and cost over their scales, sine and cosine of the hour and of the day: float64, shape (7,)."""
    return _observe_numbers("simple_v3", demand_t, capacity_i, cost_i, t, demand_scale, capacity_scale, cost_scale)
