"""The auction through the native library: bound objects and stateless functions.

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
from ..reference.market_rules import MarketRules, as_arrays, as_demands, as_number, check_settings, check_shapes

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


def _params(settings: Any = None, rules: MarketRules | None = None) -> Any:
    """A `marl_market_params`."""
    ffi, lib = _library.get()
    params = ffi.new("marl_market_params *")
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
        ffi, lib = _library.get()
        err, made = _library.new_error(), ffi.new("marl_market **")
        status = lib.marl_market_new(n, _DTYPES[self.dtype], _params(settings, rules), made, err)
        _library.check(status, err)
        handle = ffi.gc(made[0], lib.marl_market_free)
        arrays = (view(lib.marl_market_data(handle, k), n, self.dtype, handle) for k in range(5))
        self._bids, self._quantities, self._costs, self._q_cleared, self._rewards = arrays
        # Put on the instance, where a call finds them without a bound method in between.
        self.clear = _pricing(lib.marl_market_clear, handle, err)  # type: ignore[method-assign]
        self.step = _pricing(lib.marl_market_step, handle, err)  # type: ignore[method-assign]

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


def _pricing(function: Any, handle: Any, err: Any) -> Callable[[float], float]:
    def price_for(demand: float) -> float:
        try:
            price: float = function(handle, demand, err)
        except TypeError:
            price = function(handle, as_number("demand", demand), err)
        if price != price:
            _library.raise_error(err)
        return price

    return price_for


class Observer:
    """What agents see of a market, written into one buffer.

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
        ffi, lib = _library.get()
        err, made = _library.new_error(), ffi.new("marl_observer **")
        profile, fleet, prices = (
            np.ascontiguousarray(x, np.float64) for x in (demand_profile, capacities, costs)
        )
        status = lib.marl_observer_new(
            name.encode(), pointer(profile, "float64"), profile.size, pointer(fleet, "float64"),
            pointer(prices, "float64"), fleet.size, -1 if agent_index is None else agent_index,
            _DTYPES[np.dtype(self.dtype)], made, err,
        )  # fmt: skip
        _library.check(status, err)
        handle = ffi.gc(made[0], lib.marl_observer_free)
        count = int(lib.marl_observer_len(handle))
        obs = view(lib.marl_observer_data(handle), count, self.dtype, handle)
        self._obs = obs.reshape(checked.obs.shape)
        self._look = _looking(lib.marl_observer_observe, handle, err, self._obs, profile.size)

    @property
    def obs(self) -> Array:
        """The buffer every call writes and returns."""
        return self._obs

    def __call__(self, t: int) -> Array:
        """Observe hour `t`, 0 to T; at T, the end, the demand is that of hour T-1."""
        return self._look(t)

    def close(self) -> None:
        """End the use of this observer; further calls are errors. Closing twice is fine."""
        self._look = _closed("Observer")


def _looking(function: Any, handle: Any, err: Any, obs: Array, hours: int) -> Callable[[int], Array]:
    def look(t: int) -> Array:
        try:
            status = function(handle, t, err)
        except (TypeError, OverflowError):
            raise error_for("invalid_argument", f"t: expected an hour from 0 to {hours}, got {t!r}") from None
        if status:
            _library.raise_error(err)
        return obs

    return look


# Markets waiting for stateless calls, by size and dtype. Taking one out and putting it back are single operations on
# a list, so threads never share one.
_waiting: dict[tuple[int, Any], list[Market]] = {}
_MOST_WAITING_UNITS = 4096


def _scratch(n: int, dtype: Any) -> tuple[Market, list[Market]]:
    shelf = _waiting.get((n, dtype))
    if shelf is None:
        shelf = _waiting.setdefault((n, dtype), [])
    try:
        return shelf.pop(), shelf
    except IndexError:
        return Market(n, dtype=dtype), shelf


def market_clearing(bids: ArrayLike, quantities: ArrayLike, demand: float) -> tuple[float, Array]:
    """Clear one uniform-price market.

    Args:
        bids: (N,) $/MWh, finite. quantities: (N,) MW, finite, >= 0. float32 if both are, otherwise float64.
        demand: MW, finite, >= 0.

    Returns:
        The price, $/MWh, and q_cleared (N,), MW. Ties go to the lower index; if demand is not met everybody clears
        in full and the highest bid sets the price.

    Raises:
        MarketInputError, ShapeError, DtypeError: `reason` is `bid_not_finite`, `quantity_not_finite`,
            `quantity_negative`, `demand_not_finite`, `demand_negative`, `empty`, `length_mismatch` or
            `dtype_mismatch`.
    """
    try:
        n, dtype = len(bids), bids.dtype  # type: ignore[arg-type, union-attr]
        fits = bids.shape == quantities.shape == (n,) and dtype is quantities.dtype and n  # type: ignore[union-attr]
    except (AttributeError, TypeError):
        fits = 0
    if not (fits and dtype in _DTYPES and n <= _MOST_WAITING_UNITS):
        bids, quantities = as_arrays(1, bids=bids, quantities=quantities)
        check_shapes(bids, quantities)
        n, dtype = len(bids), bids.dtype
    market, shelf = _scratch(n, dtype)
    market._bids[:] = bids
    market._quantities[:] = quantities
    price = market.clear(demand)
    cleared = market._q_cleared.copy()
    if n <= _MOST_WAITING_UNITS:
        shelf.append(market)
    return price, cleared


def environment_step(
    bids: ArrayLike, quantities: ArrayLike, costs: ArrayLike, demand: float, lambda_bid_penalty: float,
    unit_lol_penalty: float, demand_scale: float, cost_scale: float, time_horizon: int,
) -> tuple[float, Array, Array]:  # fmt: skip
    """Clear one market and pay everybody: price, q_cleared (N,) in MW, rewards (N,).

    `reward = 20 ((price - cost) q_cleared - lambda (bid - cost)^2 - lol) / (demand_scale cost_scale max(1, T))`, where
    the loss-of-load penalty `lol` is `unit_lol_penalty` per MW of unserved demand. Arguments, units and errors as in
    `market_clearing`; costs (N,) $/MWh are finite (`cost_not_finite`), penalties >= 0, scales > 0 and
    `time_horizon` an integer >= 0 (`parameter_invalid`).
    """
    b, q, c = as_arrays(1, bids=bids, quantities=quantities, costs=costs)
    check_shapes(b, q, c)
    d = as_number("demand", demand)
    params = _raw_settings(lambda_bid_penalty, unit_lol_penalty, demand_scale, cost_scale, time_horizon)
    ffi, lib = _library.get()
    n, kind = len(b), b.dtype.name
    cleared, rewards = np.empty(n, b.dtype), np.empty(n, b.dtype)
    price, err = ffi.new("double *"), _library.new_error()
    call = lib.marl_market_step_f32 if kind == "float32" else lib.marl_market_step_f64
    status = call(
        pointer(b, kind), n, pointer(q, kind), n, pointer(c, kind), n, d, params, price,
        pointer(cleared, kind), n, pointer(rewards, kind), n, err,
    )  # fmt: skip
    _library.check(status, err)
    return price[0], cleared, rewards


def _raw_settings(
    lambda_bid_penalty: Any, unit_lol_penalty: Any, demand_scale: Any, cost_scale: Any, time_horizon: Any
) -> Any:
    """The settings unchecked, so that the library reports wrong ones after wrong bids, quantities and demand."""
    params = _params()
    for name, value in (
        ("lambda_bid_penalty", lambda_bid_penalty), ("unit_lol_penalty", unit_lol_penalty),
        ("demand_scale", demand_scale), ("cost_scale", cost_scale),
    ):  # fmt: skip
        setattr(params, name, as_number(name, value, "parameter_invalid"))
    if isinstance(time_horizon, bool) or not isinstance(time_horizon, (int, np.integer)):
        message = f"time_horizon: expected an integer >= 0, got {time_horizon!r}"
        raise error_for("parameter_invalid", message)
    params.time_horizon = max(-1, min(int(time_horizon), 2**62))
    return params


def market_clearing_batch(
    bids: ArrayLike, quantities: ArrayLike, demand: ArrayLike, *, num_threads: int | None = None
) -> tuple[Array, Array]:
    """Clear E markets of N units: `bids`, `quantities` (E, N), `demand` (E,) -> prices (E,), q_cleared (E, N).

    Units, dtypes and errors as in `market_clearing`; messages name market and unit. `num_threads` limits the threads
    (None: `MARL_FFI_NUM_THREADS` or what the machine offers); results do not depend on it.
    """
    b, q = as_arrays(2, bids=bids, quantities=quantities)
    check_shapes(b, q)
    d = as_demands(demand, len(b))
    _, lib = _library.get()
    kind, err = b.dtype.name, _library.new_error()
    prices, cleared = np.empty(len(b), b.dtype), np.empty(b.shape, b.dtype)
    call = lib.marl_market_clear_batch_f32 if kind == "float32" else lib.marl_market_clear_batch_f64
    status = call(
        pointer(b, kind), b.size, pointer(q, kind), q.size, pointer(d, "float64"), len(d), b.shape[1], _params(),
        pointer(prices, kind), prices.size, pointer(cleared, kind), cleared.size, _threads(num_threads), err,
    )  # fmt: skip
    _library.check(status, err)
    return prices, cleared


def environment_step_batch(
    bids: ArrayLike, quantities: ArrayLike, costs: ArrayLike, demand: ArrayLike, lambda_bid_penalty: float,
    unit_lol_penalty: float, demand_scale: float, cost_scale: float, time_horizon: int, *,
    num_threads: int | None = None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Clear E markets of the same N units and pay everybody: prices (E,), q_cleared (E, N), rewards (E, N).

    `bids`, `quantities` (E, N), `costs` (N,), `demand` (E,); the rest as in `environment_step` and
    `market_clearing_batch`.
    """
    b, q, c = as_arrays(2, bids=bids, quantities=quantities, costs=costs)
    check_shapes(b, q, c)
    d = as_demands(demand, len(b))
    params = _raw_settings(lambda_bid_penalty, unit_lol_penalty, demand_scale, cost_scale, time_horizon)
    _, lib = _library.get()
    kind, err = b.dtype.name, _library.new_error()
    prices, cleared, rewards = np.empty(len(b), b.dtype), np.empty(b.shape, b.dtype), np.empty(b.shape, b.dtype)
    call = lib.marl_market_step_batch_f32 if kind == "float32" else lib.marl_market_step_batch_f64
    status = call(
        pointer(b, kind), b.size, pointer(q, kind), q.size, pointer(c, kind), c.size, pointer(d, "float64"), len(d),
        b.shape[1], params, pointer(prices, kind), prices.size, pointer(cleared, kind), cleared.size,
        pointer(rewards, kind), rewards.size, _threads(num_threads), err,
    )  # fmt: skip
    _library.check(status, err)
    return prices, cleared, rewards


def _threads(num_threads: int | None) -> int:
    if num_threads is None:
        return 0
    if isinstance(num_threads, bool) or not isinstance(num_threads, (int, np.integer)) or num_threads < 1:
        message = f"num_threads: expected an integer >= 1 or None, got {num_threads!r}"
        raise error_for("invalid_argument", message)
    return min(int(num_threads), 1024)


def clear_with_storage(
    bids: ArrayLike, quantities: ArrayLike, demand: float, buy_bid: float, buy_quantity: float
) -> tuple[float, Array, float]:
    """Clear one market with a storage buyer, which takes cheap energy but never lifts the price above its bid.

    `buy_bid` in $/MWh, finite; `buy_quantity` in MW, finite, >= 0; the rest as in `market_clearing`. Returns price,
    q_cleared (N,) and the MW bought.
    """
    b, q = as_arrays(1, bids=bids, quantities=quantities)
    check_shapes(b, q)
    numbers = [as_number(*x) for x in (("demand", demand), ("buy_bid", buy_bid), ("buy_quantity", buy_quantity))]
    ffi, lib = _library.get()
    n, kind, cleared, err = len(b), b.dtype.name, np.empty(len(b), b.dtype), _library.new_error()
    price, charged = ffi.new("double *"), ffi.new("double *")
    call = lib.marl_market_clear_with_storage_f32 if kind == "float32" else lib.marl_market_clear_with_storage_f64
    status = call(
        pointer(b, kind), n, pointer(q, kind), n, *numbers, ffi.NULL, price, pointer(cleared, kind), n, charged, err,
    )  # fmt: skip
    _library.check(status, err)
    return price[0], cleared, charged[0]


def _alone(name: str, features: int, args: tuple[Any, ...]) -> Array:
    names = ("demand_t", "capacity_i", "cost_i", "t", "demand_scale", "capacity_scale", "cost_scale")
    numbers = [as_number(*pair) for pair in zip(names, args, strict=True)]
    t = args[3]
    if isinstance(t, bool) or not isinstance(t, (int, np.integer)) or not 0 <= t < 2**62:
        raise error_for("invalid_argument", f"t: expected an hour >= 0, got {t!r}")
    ffi, lib = _library.get()
    out, err = np.empty(features), _library.new_error()
    status = lib.marl_market_observe(
        name.encode(), *numbers[:3], int(t), *numbers[4:], pointer(out, "float64"), features, err
    )
    _library.check(status, err)
    return out


def simple_observer(
    demand_t: float, capacity_i: float, cost_i: float, t: int, demand_scale: float, capacity_scale: float,
    cost_scale: float,
) -> Array:  # fmt: skip
    """Demand, capacity and cost over their scales, and the hour of the day over 24: float64, shape (4,)."""
    return _alone("simple", 4, (demand_t, capacity_i, cost_i, t, demand_scale, capacity_scale, cost_scale))


def simple_observer_v3(
    demand_t: float, capacity_i: float, cost_i: float, t: int, demand_scale: float, capacity_scale: float,
    cost_scale: float,
) -> Array:  # fmt: skip
    """Demand, capacity and cost over their scales, sine and cosine of the hour and of the day: float64, (7,)."""
    return _alone("simple_v3", 7, (demand_t, capacity_i, cost_i, t, demand_scale, capacity_scale, cost_scale))
