"""The market's observers in numba, unchecked, with the bits of `market_features.py`.

The clock of an hour takes few values, so sine and cosine are NumPy's own, looked up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .market_features import OBSERVERS, clock_features, observer_dim, scale_of
from .market_rules import Array

HOUR = np.array([clock_features("simple_v3", hour)[:2] for hour in range(24)])
DAY = np.array([clock_features("simple_v3", 24 * day)[2:] for day in range(7)])

compiled: Any = njit(cache=True, error_model="numpy")


@compiled
def simple_observer(
    demand_t: float, capacity_i: float, cost_i: float, t: int, demand_scale: float, capacity_scale: float,
    cost_scale: float,
) -> Array:  # fmt: skip
    """As `market.simple_observer`."""
    obs = np.empty(4)
    obs[0] = demand_t / demand_scale
    obs[1] = capacity_i / capacity_scale
    obs[2] = cost_i / cost_scale
    obs[3] = (t % 24) / 24
    return obs


@compiled
def simple_observer_v3(
    demand_t: float, capacity_i: float, cost_i: float, t: int, demand_scale: float, capacity_scale: float,
    cost_scale: float,
) -> Array:  # fmt: skip
    """As `market.simple_observer_v3`."""
    hour, day = t % 24, t // 24 % 7
    obs = np.empty(7)
    obs[0] = demand_t / demand_scale
    obs[1] = capacity_i / capacity_scale
    obs[2] = cost_i / cost_scale
    obs[3] = HOUR[hour, 0]
    obs[4] = HOUR[hour, 1]
    obs[5] = DAY[day, 0]
    obs[6] = DAY[day, 1]
    return obs


@compiled
def observe_into(
    kind: int, demand: Array, capacities: Array, costs: Array, t: int, demand_scale: Any, capacity_scale: Any,
    cost_scale: Any, obs: Array,
) -> None:  # fmt: skip
    """All agents at once into `obs` (N, dim). `kind` is the position in `OBSERVERS`; scales are NumPy scalars."""
    n = capacities.size
    now = demand[min(t, demand.size - 1)] / demand_scale
    hour, day = t % 24, t // 24 % 7
    for i in range(n):
        obs[i, 0] = now
        obs[i, 1] = capacities[i] / capacity_scale
        if kind == 1:
            k = 2
            for j in range(n):
                if j != i:
                    obs[i, k] = costs[j] / cost_scale
                    obs[i, k + n - 1] = capacities[j] / capacity_scale
                    k += 1
            continue
        obs[i, 2] = costs[i] / cost_scale
        if kind == 3:
            obs[i, 3], obs[i, 4] = HOUR[hour, 0], HOUR[hour, 1]
            obs[i, 5], obs[i, 6] = DAY[day, 0], DAY[day, 1]
        else:
            obs[i, 3] = hour / 24
            if kind == 2:
                obs[i, 4] = day / 7


def observe_all(name: str, demand: Array, capacities: Array, costs: Array, t: int) -> Array:
    """What every agent of a market sees before hour `t`: (N, dim), with the scales of these arrays."""
    obs = np.empty((capacities.size, observer_dim(name, capacities.size)), capacities.dtype)
    scales = scale_of(demand), scale_of(capacities), scale_of(costs)
    observe_into(OBSERVERS.index(name), demand, capacities, costs, t, *scales, obs)
    return obs
