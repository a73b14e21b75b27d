"""The auction through the native library, on the caller's arrays.

Making a pointer costs more than clearing a small market. So small calls borrow a market, or arrays whose pointers are
made already: inputs are copied in, results copied out. Large calls work on the caller's arrays in place.

What a fast path does not take (lists, other dtypes, wrong shapes, a refusal of the library) goes the long way, which
checks everything and has the messages.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

from .. import _library
from .._buffers import aligned, pointer, quick_pointer
from .._memory import empty
from ..errors import error_for
from ..reference.market_rules import (
    RewardSettings,
    as_arrays,
    as_demands,
    as_number,
    check_settings,
    check_shapes,
    check_threads,
)
from .native import Market, new_params

Array = npt.NDArray[Any]

_F64 = np.dtype(np.float64)
# Of a `memoryview`, which takes an array of its own type in half of the time that an array needs for it.
_ALL = slice(None)
_MOST_BORROWED = 4096  # numbers in the largest array that is copied to a borrowed one
_MOST_KINDS = 256  # kinds of markets that wait at the same time

# What waits to be borrowed, by kind. Taking something out and putting it back are single operations on a list, so that
# threads never share one.
_Entry = tuple[Any, ...]
_clearing: dict[Any, list[_Entry]] = {}
_stepping: dict[Any, list[_Entry]] = {}
_clearing_batches: dict[Any, list[_Entry]] = {}
_stepping_batches: dict[Any, list[_Entry]] = {}


def _shelf(shelves: dict[Any, list[_Entry]], kind: Any) -> list[_Entry]:
    if kind not in shelves and len(shelves) >= _MOST_KINDS:
        shelves.clear()
    return shelves.setdefault(kind, [])


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
        (n,), (k,) = bids.shape, quantities.shape  # type: ignore[union-attr]
        if n != k or bids.dtype is not _F64 or quantities.dtype is not _F64:  # type: ignore[union-attr]
            raise LookupError
        shelf = _clearing[n]
        to_bids, to_quantities, clear, copy_cleared = entry = shelf.pop()
        to_bids[_ALL] = bids
        to_quantities[_ALL] = quantities
    except (AttributeError, TypeError, ValueError, LookupError):
        shelf, entry = _lend_market(bids, quantities)
        _, _, clear, copy_cleared = entry
    price = clear(demand)
    cleared = copy_cleared()
    shelf.append(entry)
    return price, cleared


def _lend_market(bids: ArrayLike, quantities: ArrayLike) -> tuple[list[_Entry], _Entry]:
    """A market with these bids and quantities in it, and where to put it back."""
    b, q = as_arrays(1, bids=bids, quantities=quantities)
    check_shapes(b, q)
    shelf = _shelf(_clearing, len(b) if b.dtype == _F64 else (len(b), "float32")) if len(b) <= _MOST_BORROWED else []
    try:
        entry = shelf.pop()
    except IndexError:
        market = Market(len(b), dtype=b.dtype)
        entry = (market.bids.data, market.quantities.data, market.clear, market.q_cleared.copy)
    _copy_to(entry, b, q)
    return shelf, entry


def _copy_to(entry: _Entry, *arrays: Array) -> None:
    for to, array in zip(entry, arrays, strict=False):
        np.asarray(to)[:] = array


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
    try:
        (n,) = shape = bids.shape  # type: ignore[union-attr]
        if not (
            time_horizon.__class__ is int  # 24.0 would find what 24 left
            and bids.dtype is quantities.dtype is costs.dtype is _F64  # type: ignore[union-attr]
            and quantities.shape == costs.shape == shape  # type: ignore[union-attr]
        ):
            raise LookupError
        shelf = _stepping[n, lambda_bid_penalty, unit_lol_penalty, demand_scale, cost_scale, time_horizon]
        to_bids, to_quantities, to_costs, step, copy_cleared, copy_rewards = entry = shelf.pop()
        to_bids[_ALL] = bids
        to_quantities[_ALL] = quantities
        to_costs[_ALL] = costs
    except (AttributeError, TypeError, ValueError, LookupError):
        settings = (lambda_bid_penalty, unit_lol_penalty, demand_scale, cost_scale, time_horizon)
        shelf, entry = _lend_step(bids, quantities, costs, demand, settings)
        _, _, _, step, copy_cleared, copy_rewards = entry
    price = step(demand)
    cleared, rewards = copy_cleared(), copy_rewards()
    shelf.append(entry)
    return price, cleared, rewards


def _lend_step(
    bids: ArrayLike, quantities: ArrayLike, costs: ArrayLike, demand: Any, settings: tuple[Any, ...]
) -> tuple[list[_Entry], _Entry]:
    """As `_lend_market`, with costs and settings."""
    b, q, c = as_arrays(1, bids=bids, quantities=quantities, costs=costs)
    check_shapes(b, q, c)
    try:
        checked = check_settings(*settings)
    except ValueError:
        # Wrong bids, quantities, demand and costs are reported before wrong settings.
        market = Market(len(b), dtype=b.dtype)
        market.bids[:], market.quantities[:], market.costs[:] = b, q, c
        market.step(demand)
        raise
    kind = (len(b), *settings) if b.dtype == _F64 else (len(b), *settings, "float32")
    shelf = _shelf(_stepping, kind) if len(b) <= _MOST_BORROWED else []
    try:
        entry = shelf.pop()
    except IndexError:
        market = Market(len(b), dtype=b.dtype, **vars(checked))
        buffers = (market.bids.data, market.quantities.data, market.costs.data)
        entry = (*buffers, market.step, market.q_cleared.copy, market.rewards.copy)
    _copy_to(entry, b, q, c)
    return shelf, entry


def market_clearing_batch(
    bids: ArrayLike, quantities: ArrayLike, demand: ArrayLike, *, num_threads: int | None = None
) -> tuple[Array, Array]:
    """Clear E markets of N units: `bids`, `quantities` (E, N), `demand` (E,) -> prices (E,), q_cleared (E, N).

    Units, dtypes and errors as in `market_clearing`; messages name market and unit. `num_threads` limits the threads
    (None: `MARL_FFI_NUM_THREADS` or what the machine offers); results do not depend on it.
    """
    threads = 0 if num_threads is None else _threads(num_threads)
    try:
        markets, _ = shape = bids.shape  # type: ignore[union-attr]
        if not (
            bids.dtype is quantities.dtype is demand.dtype is _F64  # type: ignore[union-attr]
            and quantities.shape == shape  # type: ignore[union-attr]
            and demand.shape == (markets,)  # type: ignore[union-attr]
        ):
            raise LookupError
        shelf = _clearing_batches[shape]
        entry = shelf.pop()
        if len(entry) == 1:
            results: tuple[Array, Array] = entry[0](threads, bids, quantities, demand)
            shelf.append(entry)
            return results
    except (AttributeError, TypeError, ValueError, LookupError):
        b, q = as_arrays(2, bids=bids, quantities=quantities)
        check_shapes(b, q)
        d = as_demands(demand, len(b))
        if b.dtype != _F64 or b.size == 0:
            return _clear_in_place(b, q, d, threads)
        shelf = _shelf(_clearing_batches, b.shape)
        if b.size > _MOST_BORROWED:
            results = _clear_in_place(b, q, d, threads)
            shelf.append((_in_place(*b.shape, costs=False),))
            return results
        bids, quantities, demand = b, q, d
        entry = shelf.pop() if shelf else _batch_entry(*b.shape, costs=False)
    to_bids, to_quantities, to_demand, prices, cleared, run, err = entry
    to_bids[:] = bids
    to_quantities[:] = quantities
    to_demand[:] = demand
    if run():
        _library.raise_error(err)
    prices, cleared = prices.copy(), cleared.copy()
    shelf.append(entry)
    return prices, cleared


def _clear_in_place(b: Array, q: Array, d: Array, threads: int) -> tuple[Array, Array]:
    _, lib = _library.get()
    kind, err = b.dtype.name, _library.new_error()
    prices, cleared = empty(len(b), b.dtype), empty(b.shape, b.dtype)
    call = lib.marl_market_clear_batch_f32 if kind == "float32" else lib.marl_market_clear_batch_f64
    status = call(
        pointer(b, kind), b.size, pointer(q, kind), q.size, pointer(d, "float64"), len(d), b.shape[1], _batch_params(),
        pointer(prices, kind), prices.size, pointer(cleared, kind), cleared.size, threads, err,
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
    threads = 0 if num_threads is None else _threads(num_threads)
    try:
        markets, units = shape = bids.shape  # type: ignore[union-attr]
        if not (
            time_horizon.__class__ is int  # 24.0 would find what 24 left
            and bids.dtype is quantities.dtype is costs.dtype is demand.dtype is _F64  # type: ignore[union-attr]
            and quantities.shape == shape  # type: ignore[union-attr]
            and costs.shape == (units,)  # type: ignore[union-attr]
            and demand.shape == (markets,)  # type: ignore[union-attr]
        ):
            raise LookupError
        shelf = _stepping_batches[
            shape, lambda_bid_penalty, unit_lol_penalty, demand_scale, cost_scale, time_horizon
        ]
        entry = shelf.pop()
        if len(entry) == 1:
            results: tuple[Array, Array, Array] = entry[0](threads, bids, quantities, costs, demand)
            shelf.append(entry)
            return results
    except (AttributeError, TypeError, ValueError, LookupError):
        settings = (lambda_bid_penalty, unit_lol_penalty, demand_scale, cost_scale, time_horizon)
        b, q, c = as_arrays(2, bids=bids, quantities=quantities, costs=costs)
        check_shapes(b, q, c)
        d = as_demands(demand, len(b))
        if b.dtype != _F64 or b.size == 0:
            return _step_in_place(b, q, c, d, settings, threads)
        if b.size > _MOST_BORROWED:
            results = _step_in_place(b, q, c, d, settings, threads)
            kind = (b.shape, *settings)
            _shelf(_stepping_batches, kind).append((_in_place(*b.shape, costs=True, settings=check_settings(*settings)),))
            return results
        try:
            checked = check_settings(*settings)
        except ValueError:
            # Wrong bids, quantities, demand and costs are reported before wrong settings.
            _step_in_place(b, q, c, d, tuple(vars(RewardSettings()).values()), 1)
            raise
        shelf = _shelf(_stepping_batches, (b.shape, *settings))
        bids, quantities, costs, demand = b, q, c, d
        entry = shelf.pop() if shelf else _batch_entry(*b.shape, costs=True, settings=checked)
    to_bids, to_quantities, to_demand, prices, cleared, run, err, to_costs, rewards = entry
    to_bids[:] = bids
    to_quantities[:] = quantities
    to_demand[:] = demand
    to_costs[:] = costs
    if run():
        _library.raise_error(err)
    prices, cleared, rewards = prices.copy(), cleared.copy(), rewards.copy()
    shelf.append(entry)
    return prices, cleared, rewards


def _step_in_place(
    b: Array, q: Array, c: Array, d: Array, settings: tuple[Any, ...], threads: int
) -> tuple[Array, Array, Array]:
    _, lib = _library.get()
    params = _unchecked_params(*settings)
    kind, err = b.dtype.name, _library.new_error()
    prices, cleared, rewards = empty(len(b), b.dtype), empty(b.shape, b.dtype), empty(b.shape, b.dtype)
    call = lib.marl_market_step_batch_f32 if kind == "float32" else lib.marl_market_step_batch_f64
    status = call(
        pointer(b, kind), b.size, pointer(q, kind), q.size, pointer(c, kind), c.size, pointer(d, "float64"), len(d),
        b.shape[1], params, pointer(prices, kind), prices.size, pointer(cleared, kind), cleared.size,
        pointer(rewards, kind), rewards.size, threads, err,
    )  # fmt: skip
    _library.check(status, err)
    return prices, cleared, rewards


def _unchecked_params(
    lambda_bid_penalty: Any, unit_lol_penalty: Any, demand_scale: Any, cost_scale: Any, time_horizon: Any
) -> Any:
    """The settings unchecked, so that the library reports wrong ones after wrong bids, quantities and demand."""
    params = _batch_params()
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


def _batch_params(settings: RewardSettings | None = None) -> Any:
    """For batches that write to new arrays, which nobody sees after an error."""
    _, lib = _library.get()
    params = new_params(settings)
    params.reserved = lib.MARL_MARKET_RESULTS_MAY_BE_LOST
    return params


def _batch_entry(markets: int, units: int, *, costs: bool, settings: RewardSettings | None = None) -> _Entry:
    """Arrays for a batch, and what clears them on the calling thread."""
    _, lib = _library.get()
    size = markets * units
    bids, quantities, cleared = (aligned((markets, units), _F64) for _ in range(3))
    demand, prices = (aligned(markets, _F64) for _ in range(2))
    err = _library.new_error()
    params = _batch_params(settings)
    b, q, d, p, a = (pointer(x, "float64", writable=True) for x in (bids, quantities, demand, prices, cleared))
    if not costs:
        args: tuple[Any, ...] = (b, size, q, size, d, markets, units, params, p, markets, a, size, 1, err)
        return bids, quantities, demand, prices, cleared, partial(lib.marl_market_clear_batch_f64, *args), err
    own_costs, rewards = aligned(units, _F64), aligned((markets, units), _F64)
    c, r = pointer(own_costs, "float64"), pointer(rewards, "float64", writable=True)
    args = (b, size, q, size, c, units, d, markets, units, params, p, markets, a, size, r, size, 1, err)
    run = partial(lib.marl_market_step_batch_f64, *args)
    return bids, quantities, demand, prices, cleared, run, err, own_costs, rewards


def _in_place(
    markets: int, units: int, *, costs: bool, settings: RewardSettings | None = None
) -> Callable[..., tuple[Array, ...]]:
    """What clears a batch of one shape on the caller's arrays of float64.

    It raises ValueError where they are not C-ordered, or the library refuses them.
    """
    _, lib = _library.get()
    size, shape = markets * units, (markets, units)
    err, params, at = _library.new_error(), _batch_params(settings), quick_pointer(_F64)
    clear_batch, step_batch = lib.marl_market_clear_batch_f64, lib.marl_market_step_batch_f64

    def clear(threads: int, bids: Array, quantities: Array, demand: Array) -> tuple[Array, ...]:
        prices, cleared = empty(markets, _F64), empty(shape, _F64)
        if clear_batch(
            at(bids), size, at(quantities), size, at(demand), markets, units, params, at(prices), markets,
            at(cleared), size, threads, err,
        ):  # fmt: skip
            raise ValueError
        return prices, cleared

    def step(
        threads: int, bids: Array, quantities: Array, own_costs: Array, demand: Array
    ) -> tuple[Array, ...]:
        prices, cleared, rewards = empty(markets, _F64), empty(shape, _F64), empty(shape, _F64)
        if step_batch(
            at(bids), size, at(quantities), size, at(own_costs), units, at(demand), markets, units, params,
            at(prices), markets, at(cleared), size, at(rewards), size, threads, err,
        ):  # fmt: skip
            raise ValueError
        return prices, cleared, rewards

    return step if costs else clear


def _threads(num_threads: int) -> int:
    if num_threads.__class__ is not int or num_threads < 1:
        check_threads(num_threads)
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
    _, lib = _library.get()
    n, kind, cleared, err = len(b), b.dtype.name, np.empty(len(b), b.dtype), _library.new_error()
    price, charged = _library.struct("double"), _library.struct("double")
    call = lib.marl_market_clear_with_storage_f32 if kind == "float32" else lib.marl_market_clear_with_storage_f64
    status = call(
        pointer(b, kind), n, pointer(q, kind), n, *numbers, _library.null(), price, pointer(cleared, kind), n, charged, err,
    )  # fmt: skip
    _library.check(status, err)
    return price[0], cleared, charged[0]


@lru_cache(maxsize=1)
def _observing() -> tuple[Any, Callable[[Array], Any], Any]:
    """What a call of an observer needs again and again."""
    return _library.get()[1], quick_pointer(_F64), _library.null()


def _alone(name: bytes, features: int, args: tuple[Any, ...]) -> Array:
    lib, at, nothing = _observing()
    out = np.empty(features)
    t = args[3]
    try:
        if t is not True and t is not False:
            # No place for an error: what is refused here goes the long way below.
            if not lib.marl_market_observe(name, *args, at(out), features, nothing):
                return out
    except (TypeError, OverflowError):
        pass
    names = ("demand_t", "capacity_i", "cost_i", "t", "demand_scale", "capacity_scale", "cost_scale")
    numbers = [as_number(*pair) for pair in zip(names, args, strict=True)]
    if isinstance(t, bool) or not isinstance(t, (int, np.integer)) or not 0 <= t < 2**62:
        raise error_for("invalid_argument", f"t: expected an hour >= 0, got {t!r}")
    err = _library.new_error()
    status = lib.marl_market_observe(
        name, *numbers[:3], int(t), *numbers[4:], pointer(out, "float64", writable=True), features, err
    )
    _library.check(status, err)
    return out


def simple_observer(
    demand_t: float, capacity_i: float, cost_i: float, t: int, demand_scale: float, capacity_scale: float,
    cost_scale: float,
) -> Array:  # fmt: skip
    """Demand, capacity and cost over their scales, and the hour of the day over 24: float64, shape (4,)."""
    return _alone(b"simple", 4, (demand_t, capacity_i, cost_i, t, demand_scale, capacity_scale, cost_scale))


def simple_observer_v3(
    demand_t: float, capacity_i: float, cost_i: float, t: int, demand_scale: float, capacity_scale: float,
    cost_scale: float,
) -> Array:  # fmt: skip
    """Demand, capacity and cost over their scales, sine and cosine of the hour and of the day: float64, (7,)."""
    return _alone(b"simple_v3", 7, (demand_t, capacity_i, cost_i, t, demand_scale, capacity_scale, cost_scale))
