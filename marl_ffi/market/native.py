"""The auction through the native library, bound to buffers of its own.

What is called a million times is kept short: pointers are made once, functions are bound to locals, and a good
result costs one comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

from .. import _library
from .._buffers import pointer, view
from ..errors import error_for
from ..reference.market_rules import MarketRules, as_number, check_settings

Array = npt.NDArray[Any]

_DTYPES = {np.dtype(np.float32): 0, np.dtype(np.float64): 1}
_SCARCITY = {"highest_bid": 0, "highest_dispatched_bid": 1}
_LOSS_OF_LOAD = {"original": 0, "robust": 1}
_TIES = {"index": 0, "pro_rata": 1}


def _dtype(dtype: Any) -> np.dtype[Any]:
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = None
    if kind is None or kind not in _DTYPES:
        raise error_for("dtype_mismatch", f'dtype: expected "float32" or "float64", got {dtype!r}')
    return kind


def new_params(settings: Any = None, rules: MarketRules | None = None) -> Any:
    """A `marl_market_params`."""
    _, lib = _library.get()
    params = _library.struct("marl_market_params")
    lib.marl_market_params_default(params)
    if settings is not None:
        params.lambda_bid_penalty = settings.lambda_bid_penalty
        params.unit_lol_penalty = settings.unit_lol_penalty
        params.demand_scale = settings.demand_scale
        params.cost_scale = settings.cost_scale
        params.time_horizon = settings.time_horizon
    if rules is not None:
        params.price_cap = float("inf") if rules.price_cap is None else rules.price_cap
        params.scarcity_price = _SCARCITY[rules.scarcity_price]
        params.loss_of_load = _LOSS_OF_LOAD[rules.loss_of_load]
        params.tie_rule = _TIES[rules.tie_rule]
    return params


def _closed(what: str) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise error_for("closed", f"this {what} was closed")

    return refuse


class Market:
    """One market of N units with buffers of its own, at 64-byte boundaries.

    Write `bids` ($/MWh), `quantities` (MW) and `costs` ($/MWh), call `clear` or `step`, read `q_cleared` (MW) and
    `rewards`. All are arrays (N,) of the market's dtype and stay the same objects. A refused call changes nothing.

    Args:
        num_generators: N >= 1.
        dtype: `"float64"` or `"float32"`, of the arrays and of all arithmetic.
        lambda_bid_penalty, unit_lol_penalty: finite, >= 0.
        demand_scale, cost_scale: finite, > 0.
        time_horizon: hours, an integer >= 0.
        price_cap: highest price, $/MWh, or None.
        scarcity_price: `"highest_bid"` or `"highest_dispatched_bid"`.
        loss_of_load: `"original"` or `"robust"`.
        tie_rule: `"index"` or `"pro_rata"`.

    Raises:
        MarketInputError, ShapeError, DtypeError: an argument, or on `clear` and `step` a bid, quantity, cost or
            demand, that no market can have. BusyError: another thread is inside.
    """

    def __init__(
        self, num_generators: int, *, dtype: Any = "float64", lambda_bid_penalty: float = 0.01,
        unit_lol_penalty: float = 1.0, demand_scale: float = 1.0, cost_scale: float = 1.0, time_horizon: int = 24,
        price_cap: float | None = None, scarcity_price: str = "highest_bid", loss_of_load: str = "original",
        tie_rule: str = "index",
    ) -> None:  # fmt: skip
        if isinstance(num_generators, bool) or not isinstance(num_generators, (int, np.integer)):
            message = f"num_generators: expected an integer >= 1, got {num_generators!r}"
            raise error_for("invalid_argument", message)
        if not 1 <= num_generators < 2**32:
            message = f"num_generators: expected an integer from 1 to 2**32 - 1, got {num_generators}"
            raise error_for("empty" if num_generators < 1 else "invalid_argument", message)
        settings = check_settings(
            lambda_bid_penalty, unit_lol_penalty, demand_scale, cost_scale, time_horizon
        )
        rules = MarketRules(price_cap, scarcity_price, loss_of_load, tie_rule)
        self.dtype = _dtype(dtype)
        self.num_generators = n = int(num_generators)
        _, lib = _library.get()
        params = new_params(settings, rules)
        handle = _library.new_handle("marl_market", n, _DTYPES[self.dtype], params, size=(n + 200) * 100)
        arrays = (view(lib.marl_market_data(handle, k), n, self.dtype, handle) for k in range(5))
        self._bids, self._quantities, self._costs, self._q_cleared, self._rewards = arrays
        # Put on the instance, where a call finds them without a bound method in between.
        self.clear = _pricing(lib.marl_market_clear, handle)  # type: ignore[method-assign, assignment]
        self.step = _pricing(lib.marl_market_step, handle)  # type: ignore[method-assign, assignment]

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
        """Clear the market for `demand` MW into `q_cleared`; returns the price, $/MWh."""
        raise NotImplementedError  # __init__ puts the real one on the instance

    def step(self, demand: float) -> float:
        """Clear and reward: writes `q_cleared` and `rewards`, returns the price, $/MWh."""
        raise NotImplementedError  # __init__ puts the real one on the instance

    def close(self) -> None:
        """End the use of this market; further calls are errors. Closing twice is fine.

        The arrays stay valid as long as somebody holds them.
        """
        self.clear = self.step = _closed("Market")  # type: ignore[method-assign]


def _pricing(function: Any, handle: Any) -> Callable[[float], float]:
    nothing = _library.null()

    def price_for(demand: float) -> float:
        try:
            price: float = function(handle, demand, nothing)
        except (TypeError, OverflowError):
            demand = as_number("demand", demand)
            price = function(handle, demand, nothing)
        if price != price:
            # Once more, with a place for the error that no other thread writes to.
            err = _library.new_error()
            price = function(handle, demand, err)
            if price != price:
                _library.raise_error(err)
        return price

    return price_for


# Numbers that an observer of one agent keeps at most.
_MOST_TABULATED = 1 << 20


class Observer:
    """What agents see of a market, written into one buffer.

    What one agent sees at any hour is worked out when the observer is made, for all agents when it is asked.

    Args:
        name: `"simple"`, `"basic"`, `"simple_v2"` or `"simple_v3"`.
        demand_profile: (T,) MW. capacities: (N,) MW. costs: (N,) $/MWh. They are copied; their maxima are the
            scales.
        agent_index: an agent, whose observation is (dim,), or None for all agents, (N, dim).
        dtype: `"float64"` or `"float32"`.
    """

    def __init__(
        self, name: str, demand_profile: ArrayLike, capacities: ArrayLike, costs: ArrayLike, *,
        agent_index: int | None = 0, dtype: Any = "float64",
    ) -> None:  # fmt: skip
        # The reference has the checks and their messages; making one is not the hot path.
        from ..reference.objects import Observer as Reference

        checked = Reference(name, demand_profile, capacities, costs, agent_index=agent_index, dtype=dtype)
        self.name, self.dtype = name, checked.dtype
        _, lib = _library.get()
        profile, fleet, prices = (
            np.require(x, np.float64, ["C_CONTIGUOUS", "ALIGNED"]) for x in (demand_profile, capacities, costs)
        )
        handle = _library.new_handle(
            "marl_observer", name.encode(), pointer(profile, "float64"), profile.size, pointer(fleet, "float64"),
            pointer(prices, "float64"), fleet.size, -1 if agent_index is None else agent_index,
            _DTYPES[np.dtype(self.dtype)], size=(profile.size + fleet.size + 100) * 100,
        )  # fmt: skip
        count = int(lib.marl_observer_len(handle))
        obs = view(lib.marl_observer_data(handle), count, self.dtype, handle)
        self._obs = obs.reshape(checked.obs.shape)
        self._observe, self._handle, self._nothing = lib.marl_observer_observe, handle, _library.null()
        self._hours = profile.size
        # One agent's observations of all hours are few numbers. Copying a row takes less than a call of the library.
        self._view: Any = memoryview(obs)  # type: ignore[arg-type, unused-ignore]
        self._rows: list[Any] = []
        if agent_index is not None and (self._hours + 1) * count <= _MOST_TABULATED:
            table = np.empty((self._hours + 1, count), self.dtype)
            for t, row in enumerate(table):
                row[:] = self._ask(t)
            obs[:] = 0
            self._rows = [memoryview(row) for row in table]  # type: ignore[arg-type, unused-ignore]

    @property
    def obs(self) -> Array:
        """The buffer every call writes and returns."""
        return self._obs

    def __call__(self, t: int) -> Array:
        """Observe hour `t`, 0 to T; at T, the end, the demand is that of hour T-1."""
        if t.__class__ is int:
            rows = self._rows
            try:
                if not rows:
                    if not self._observe(self._handle, t, self._nothing):
                        return self._obs
                elif t >= 0:
                    self._view[:] = rows[t]
                    return self._obs
            except (IndexError, OverflowError):
                pass
        return self._ask(t)

    def _ask(self, t: int) -> Array:
        try:
            if t is True or t is False or isinstance(t, np.bool_):
                raise TypeError
            status = self._observe(self._handle, t, self._nothing)
        except (TypeError, OverflowError):
            message = f"t: expected an hour from 0 to {self._hours}, got {t!r}"
            raise error_for("invalid_argument", message) from None
        if status:
            # Once more, with a place for the error that no other thread writes to.
            err = _library.new_error()
            _library.check(self._observe(self._handle, t, err), err)
        return self._obs

    def close(self) -> None:
        """End the use of this observer; further calls are errors. Closing twice is fine."""
        self._observe, self._rows = _closed("Observer"), []
