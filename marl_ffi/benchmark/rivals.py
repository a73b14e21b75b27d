"""What the benchmarks race against, besides the numba kernels: the market as a Python program would write it.

* The step of one market as numba clearing followed by NumPy reward arithmetic.
* The two observers as short NumPy functions.
* `PythonMarketEnv`: an environment with the structure of the original project's, written anew from its
  specification. Its cost is Python's: every agent is observed, asked and projected in a loop before the
  auction, and every observation builds the mask of the other agents that some observers need.

Nothing here checks its input, and nothing is slower than that structure asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from ..reference.market_numba import clear_argsort_quicksort

__all__ = ["PythonMarketEnv", "numba_step", "simple_observer", "simple_observer_v3"]

Array = NDArray[Any]
Policy = Callable[[Array], Sequence[float]]


def market_rewards(
    price: float, q_cleared: Array, bids: Array, costs: Array, demand: float, lambda_bid_penalty: float,
    unit_lol_penalty: float, demand_scale: float, cost_scale: float, time_horizon: int,
) -> tuple[Array, Array]:  # fmt: skip
    """Rewards (N,) and bid penalties (N,) in plain NumPy."""
    profit = (price - costs) * q_cleared
    away = bids - costs
    penalty = lambda_bid_penalty * (away * away)
    unserved = unit_lol_penalty * max(0.0, demand - q_cleared.sum())
    return (profit - penalty - unserved) / (demand_scale * cost_scale * max(1, time_horizon)) * 20, penalty


def numba_step(
    bids: Array, quantities: Array, costs: Array, demand: float, lambda_bid_penalty: float,
    unit_lol_penalty: float, demand_scale: float, cost_scale: float, time_horizon: int,
) -> tuple[float, Array, Array]:  # fmt: skip
    """price, q_cleared (N,), rewards (N,): compiled clearing, interpreted rewards."""
    price, q_cleared = clear_argsort_quicksort(bids, quantities, demand)
    rewards, _ = market_rewards(
        price, q_cleared, bids, costs, demand, lambda_bid_penalty, unit_lol_penalty, demand_scale, cost_scale,
        time_horizon,
    )  # fmt: skip
    return price, q_cleared, rewards


def simple_observer(
    demand_t: float, capacity_i: float, cost_i: float, t: int, demand_scale: float, capacity_scale: float,
    cost_scale: float,
) -> Array:  # fmt: skip
    """Four features, float64."""
    return np.array([demand_t / demand_scale, capacity_i / capacity_scale, cost_i / cost_scale, t % 24 / 24])


def simple_observer_v3(
    demand_t: float, capacity_i: float, cost_i: float, t: int, demand_scale: float, capacity_scale: float,
    cost_scale: float,
) -> Array:  # fmt: skip
    """Seven features, float64."""
    by_hour, by_day = 2 * np.pi * (t % 24) / 24, 2 * np.pi * (t // 24 % 7) / 7
    return np.array(
        [
            demand_t / demand_scale, capacity_i / capacity_scale, cost_i / cost_scale,
            np.sin(by_hour), np.cos(by_hour), np.sin(by_day), np.cos(by_day),
        ]
    )  # fmt: skip


def observe_simple(
    demand: Array, capacities: Array, costs: Array, agent: int, demand_scale: float, capacity_scale: float,
    cost_scale: float, others: Array, out: Array, demand_hour: int, clock: int,
) -> Array:  # fmt: skip
    """The environment's form of `simple_observer`: one signature for all observers, written into `out`."""
    out[0] = demand[demand_hour] / demand_scale
    out[1] = capacities[agent] / capacity_scale
    out[2] = costs[agent] / cost_scale
    out[3] = clock % 24 / 24
    return out


def null_policy(observation: Array) -> list[float]:
    """Offer everything at cost, whatever is observed."""
    return [0.0, 0.0]


class PythonMarketEnv(gym.Env[Array, Array]):
    """One learner among fixed policies, hour by hour: the loop over agents runs in Python, the auction in
    numba.

    Args:
        params: market parameters (no battery, no noise).
        agent_index: who learns.
        policies: one per agent; the learner's own is never asked.
    """

    def __init__(
        self, params: dict[str, Any], *, agent_index: int = 0, policies: Sequence[Policy] | None = None
    ) -> None:
        self.N, self.T = params["N_generators"], params["T"]
        self.agent_index = agent_index
        self.policies = list(policies) if policies is not None else [null_policy] * self.N
        self.demand = np.array(params["demand_profile"], np.float32)
        self.capacities = np.array(params["capacities"], np.float32)
        self.costs = np.array(params["costs"], np.float32)
        self.max_bid_delta = params["max_bid_delta"]
        self.lambda_bid_penalty = params["lambda_bid_penalty"]
        self.demand_scale = self.demand.max()
        self.capacity_scale = self.capacities.max()
        self.cost_scale = self.costs.max()
        self.action_space = gym.spaces.Box(np.array([0, -10], np.float32), np.array([1, 10], np.float32))
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
        self.buffer = np.zeros(4, np.float32)
        self.bids, self.quantities = np.zeros(self.N, np.float32), np.zeros(self.N, np.float32)
        self.t = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        super().reset(seed=seed)
        by_agent, by_hour = (self.T, self.N), self.T
        self.history = {
            **{
                name: np.zeros(by_agent, np.float32)
                for name in ("bids", "q_offered", "q_cleared", "rewards", "penalty")
            },
            "market_prices": np.zeros(by_hour, np.float32),
        }
        self.t = 0
        return self._observe(self.agent_index), {}

    def _observe(self, agent: int) -> Array:
        others = np.ones(self.N, dtype=np.bool_)
        others[agent] = False
        return observe_simple(
            self.demand, self.capacities, self.costs, agent, self.demand_scale, self.capacity_scale,
            self.cost_scale, others, self.buffer, min(self.t, self.T - 1), self.t,
        )  # fmt: skip

    def _project(self, agent: int, action: Array) -> None:
        self.quantities[agent] = (1 - action[0]) * self.capacities[agent]
        self.bids[agent] = self.costs[agent] + np.tanh(action[1]) * self.max_bid_delta

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        t = self.t
        self.bids.fill(np.nan)
        self.quantities.fill(np.nan)
        for agent in range(self.N):
            if agent == self.agent_index:
                continue
            chosen = np.asarray(self.policies[agent](self._observe(agent)), dtype=np.float32)
            if chosen.shape[0] < 2:
                raise ValueError(f"agent {agent} returned {chosen.shape[0]} values, expected 2")
            self._project(agent, chosen)
        self._project(self.agent_index, action)

        demand = self.demand[t]
        price, q_cleared = clear_argsort_quicksort(self.bids, self.quantities, demand)
        rewards, penalty = market_rewards(
            price, q_cleared, self.bids, self.costs, demand, self.lambda_bid_penalty, 1.0, self.demand_scale,
            self.cost_scale, self.T,
        )  # fmt: skip
        history = self.history
        history["bids"][t] = self.bids
        history["q_offered"][t] = self.quantities
        history["q_cleared"][t] = q_cleared
        history["market_prices"][t] = price
        history["rewards"][t] = rewards
        history["penalty"][t] = penalty

        self.t += 1
        return self._observe(self.agent_index), rewards[self.agent_index], self.t >= self.T, False, {}
