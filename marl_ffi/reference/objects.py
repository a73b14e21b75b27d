"""`Market` and `Observer` without the native library: the same attributes, the same numbers."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import error_for
from . import market
from .market_features import OBSERVERS, observe, observer_dim, scale_of
from .market_rules import Array, MarketRules, as_array, as_number, check_costs, check_market, check_settings

__all__ = ["Market", "Observer"]


def _dtype(dtype: Any) -> Any:
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = None
    # NumPy takes None for float64 in a comparison.
    if kind is None or kind not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise error_for("dtype_mismatch", f'dtype: expected "float32" or "float64", got {dtype!r}')
    return kind


class Market:
    """One market of N units with buffers of its own.

    Write `bids` ($/MWh), `quantities` (MW) and `costs` ($/MWh), call `clear` or `step`, read `q_cleared` (MW) and
    `rewards`. All are arrays (N,) of the market's dtype and stay the same objects. A refused call changes nothing.

    Args:
        num_generators: N >= 1.
        dtype: "float64" or "float32".
        lambda_bid_penalty, unit_lol_penalty: finite, >= 0.
        demand_scale, cost_scale: finite, > 0.
        time_horizon: hours, an integer >= 0.
        price_cap, scarcity_price, loss_of_load, tie_rule: see `MarketRules`.
        kernels: the module that clears, `market` or `market_numba`.
    """

    def __init__(
        self, num_generators: int, *, dtype: Any = "float64", lambda_bid_penalty: float = 0.01,
        unit_lol_penalty: float = 1.0, demand_scale: float = 1.0, cost_scale: float = 1.0, time_horizon: int = 24,
        price_cap: float | None = None, scarcity_price: str = "highest_bid", loss_of_load: str = "original",
        tie_rule: str = "index", kernels: ModuleType = market,
    ) -> None:  # fmt: skip
        if isinstance(num_generators, bool) or not isinstance(num_generators, (int, np.integer)):
            message = f"num_generators: expected an integer >= 1, got {num_generators!r}"
            raise error_for("invalid_argument", message)
        if num_generators < 1:
            raise error_for("empty", f"num_generators: expected an integer >= 1, got {num_generators}")
        self.dtype = _dtype(dtype)
        self.num_generators = int(num_generators)
        self._settings = check_settings(
            lambda_bid_penalty, unit_lol_penalty, demand_scale, cost_scale, time_horizon
        )
        self._rules = MarketRules(price_cap, scarcity_price, loss_of_load, tie_rule)
        self._kernels = kernels
        self._closed = False

        self._bids, self._quantities, self._costs, self._q_cleared, self._rewards = (
            np.zeros(self.num_generators, self.dtype) for _ in range(5)
        )

    @property
    def bids(self) -> Array:
        """Bids, $/MWh, (N,): yours to write."""
        return self._bids

    @property
    def quantities(self) -> Array:
        """Offers, MW, (N,): yours to write."""
        return self._quantities

    @property
    def costs(self) -> Array:
        """Marginal costs, $/MWh, (N,): yours to write."""
        return self._costs

    @property
    def q_cleared(self) -> Array:
        """Cleared MW of the last call, (N,)."""
        return self._q_cleared

    @property
    def rewards(self) -> Array:
        """Rewards of the last `step`, (N,)."""
        return self._rewards

    def clear(self, demand: float) -> float:
        """Clear the market for `demand` MW into `q_cleared`; returns the price."""
        d = self._check(demand)
        cleared = self._kernels.clear(self._bids, self._quantities, d, self._rules)
        self._q_cleared[:] = cleared.q_cleared
        return float(cleared.price)

    def step(self, demand: float) -> float:
        """Clear and reward: writes `q_cleared` and `rewards`, returns the price."""
        d = self._check(demand)
        check_costs(self._costs)
        price, self._q_cleared[:], self._rewards[:] = self._kernels.step(
            self._bids, self._quantities, self._costs, d, self._rules, self._settings
        )
        return float(price)

    def close(self) -> None:
        """End the use of this market; further calls are errors. Closing twice is fine."""
        self._closed = True

    def _check(self, demand: float) -> float:
        if self._closed:
            raise error_for("closed", "this Market was closed")
        d = as_number("demand", demand)
        check_market(self._bids, self._quantities, d)
        return d


class Observer:
    """What agents see of a market, written into one buffer.

    Args:
        name: "simple", "basic", "simple_v2" or "simple_v3".
        demand_profile: (T,) MW. capacities: (N,) MW. costs: (N,) $/MWh. They are copied; their maxima are the scales.
        agent_index: an agent, whose observation is (dim,), or None for all agents, (N, dim).
        dtype: "float64" or "float32".
    """

    def __init__(
        self, name: str, demand_profile: ArrayLike, capacities: ArrayLike, costs: ArrayLike, *,
        agent_index: int | None = 0, dtype: Any = "float64",
    ) -> None:  # fmt: skip
        if name not in OBSERVERS:
            raise error_for("unknown_key", f"observer: expected one of {', '.join(OBSERVERS)}, got {name!r}")
        self.dtype = _dtype(dtype)
        self.name = name
        self._demand = self._vector("demand_profile", demand_profile, "demand_not_finite")
        self._capacities = self._vector("capacities", capacities, "quantity_not_finite")
        self._costs = self._vector("costs", costs, "cost_not_finite")
        agents = len(self._capacities)
        if len(self._costs) != agents:
            message = f"costs: expected length {agents} like capacities, got {len(self._costs)}"
            raise error_for("length_mismatch", message)
        if agent_index is not None and (
            isinstance(agent_index, bool) or not isinstance(agent_index, (int, np.integer))
            or not 0 <= agent_index < agents
        ):  # fmt: skip
            message = f"agent_index: expected None or 0 to {agents - 1}, got {agent_index!r}"
            raise error_for("invalid_argument", message)
        self._agents = range(agents) if agent_index is None else [int(agent_index)]
        self._scales = {
            "demand_scale": scale_of(self._demand),
            "capacity_scale": scale_of(self._capacities),
            "cost_scale": scale_of(self._costs),
        }
        dim = observer_dim(name, agents)
        self._rows = np.zeros((len(self._agents), dim), self.dtype)
        self._obs = self._rows if agent_index is None else self._rows[0]
        self._closed = False

    @property
    def obs(self) -> Array:
        """The buffer every call writes and returns."""
        return self._obs

    def __call__(self, t: int) -> Array:
        """Observe hour `t`, 0 to T; at T, the end, the demand is that of hour T-1."""
        if self._closed:
            raise error_for("closed", "this Observer was closed")
        hours = len(self._demand)
        if isinstance(t, bool) or not isinstance(t, (int, np.integer)) or not 0 <= t <= hours:
            raise error_for("invalid_argument", f"t: expected an hour from 0 to {hours}, got {t!r}")
        for row, agent in zip(self._rows, self._agents):
            row[:] = observe(
                self.name, self._demand, self._capacities, self._costs, agent, int(t), dtype=self.dtype,
                **self._scales,
            )  # fmt: skip
        return self._obs

    def close(self) -> None:
        """End the use of this observer; further calls are errors. Closing twice is fine."""
        self._closed = True

    def _vector(self, name: str, values: ArrayLike, reason: str) -> Array:
        array = as_array(name, values)
        if array.ndim != 1:
            raise error_for("length_mismatch", f"{name}: expected 1 dimension, got shape {array.shape}")
        if array.size == 0:
            raise error_for("empty", f"{name}: expected at least one value, got none")
        if array.dtype.kind not in "fiu":
            raise error_for("dtype_mismatch", f"{name}: expected real numbers, got dtype {array.dtype}")
        with np.errstate(over="ignore"):
            array = array.astype(self.dtype)
        for i, value in enumerate(array):
            if not math.isfinite(value):
                raise error_for(reason, f"{name}[{i}]: expected a finite number, got {value}")
        return array
