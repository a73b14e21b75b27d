"""The market in numba: as fast as we can write it there, and bit for bit the NumPy oracle of `market.py`.

This is the rival of the benchmarks and the backend `numba`. The compiled kernels check nothing: bids and quantities must
be contiguous, of one floating dtype and length N >= 1, finite and (quantities, demand) not negative. The functions
named like those of `market.py` check first.

Ordering dominates a clearing. Counting how many bids stand before each one has no unpredictable branch and
vectorises, so it beats every O(N log N) sort up to a few hundred units; insertion wins below a dozen; above, counted
blocks are merged. No fastmath anywhere: each operation rounds as it is written.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from . import market_rules as inputs
from .market import DEFAULT_RULES, Cleared
from .market_numba_features import observe_all, simple_observer, simple_observer_v3  # noqa: F401
from .market_rules import Array, MarketRules, RewardSettings

INSERTION_LIMIT = 6
COUNTING_BLOCK = 256
ROWS = 32

compiled: Any = njit(cache=True, error_model="numpy")

# Each phase is a function of its own that works on the rows `start` to `end` of arrays (E, N): numba counts references
# atomically whenever an array is sliced or passed on, which per market would cost more than clearing a small one. So
# phases are called once per `ROWS` markets, and one market is a batch of one row. `order` (ROWS, N) and `ranks` (N,), both
# int32, `short` and `total` (ROWS,) are scratch; allocations count too, so they share arrays.


# --------------------------------------------------------------------------------------------------------------------
# Merit order


@compiled
def order_rows(bids: Array, start: int, end: int, order: Array, ranks: Array) -> None:
    """Stable ascending order of the bids of each row."""
    n = bids.shape[1]
    if n > 2 * COUNTING_BLOCK:
        for e in range(start, end):
            _count_and_merge(bids[e], order[e - start], ranks)
    elif n > INSERTION_LIMIT:
        for e in range(start, end):
            # Each pair is compared once: j < i stands before i unless its bid is larger, so equal bids keep their order.
            for i in range(n):
                bid = bids[e, i]
                before = np.int32(0)
                for j in range(i):
                    wins = np.int32(bids[e, j] <= bid)
                    before += wins
                    ranks[j] -= wins
                ranks[i] = before + (n - 1 - i)
            for i in range(n):
                order[e - start, ranks[i]] = i
    else:
        for e in range(start, end):
            for i in range(n):
                bid = bids[e, i]
                k = i
                while k > 0 and bids[e, order[e - start, k - 1]] > bid:
                    order[e - start, k] = order[e - start, k - 1]
                    k -= 1
                order[e - start, k] = i


@compiled
def _count_and_merge(bids: Array, order: Array, ranks: Array) -> None:
    """The order of one long row: counted blocks, merged pairwise."""
    n = bids.size
    for first in range(0, n, COUNTING_BLOCK):
        last = min(first + COUNTING_BLOCK, n)
        for i in range(first, last):
            before = np.int32(0)
            for j in range(first, i):
                wins = np.int32(bids[j] <= bids[i])
                before += wins
                ranks[j] -= wins
            ranks[i] = before + (last - 1 - i)
        for i in range(first, last):
            order[first + ranks[i]] = i
    spare = np.empty_like(order)
    width = COUNTING_BLOCK
    while width < n:
        for first in range(0, n, 2 * width):
            middle, last = min(first + width, n), min(first + 2 * width, n)
            i, j = first, middle
            for k in range(first, last):
                if j >= last or (i < middle and bids[order[i]] <= bids[order[j]]):
                    spare[k] = order[i]
                    i += 1
                else:
                    spare[k] = order[j]
                    j += 1
        order[:] = spare
        width *= 2


# --------------------------------------------------------------------------------------------------------------------
# Clearing


@compiled
def _share_margin(
    bids: Array, quantities: Array, demand: float, order: Array, m: int, price: Any, q_cleared: Array
) -> None:
    """As `market._share_margin`, on the vectors of one market."""
    zero = quantities.dtype.type(0)
    before = zero
    for k in range(m):
        if bids[order[k]] == price:
            break
        before += quantities[order[k]]
    offered = zero
    for i in range(bids.size):
        if bids[i] == price:
            offered += quantities[i]
    share = zero
    if offered > zero:
        rest = quantities.dtype.type(demand - np.float64(before))
        share = min(rest / offered, quantities.dtype.type(1))
    for i in range(bids.size):
        if bids[i] == price:
            q_cleared[i] = quantities[i] * share


@compiled
def clear_rows(
    bids: Array, quantities: Array, demand: Array, start: int, end: int, order: Array, prices: Array, short: Array,
    q_cleared: Array, price_cap: float, highest_dispatched: bool, pro_rata: bool,
) -> None:  # fmt: skip
    """Clear markets in merit order into `prices` and `q_cleared`; `short` gets the unserved MW by the running sum."""
    n = bids.shape[1]
    cap = bids.dtype.type(price_cap)
    for e in range(start, end):
        r = e - start
        wanted = demand[e]
        running = quantities.dtype.type(0)
        m = n
        for k in range(n):
            unit = order[r, k]
            quantity = quantities[e, unit]
            reached = running + quantity
            if np.float64(reached) >= wanted:
                q_cleared[e, unit] = wanted - np.float64(running)
                m = k
                break
            q_cleared[e, unit] = quantity
            running = reached
        if m < n:
            short[r] = 0.0
            price = bids[e, order[r, m]]
            for k in range(m + 1, n):
                q_cleared[e, order[r, k]] = 0
            if pro_rata:
                _share_margin(bids[e], quantities[e], wanted, order[r], m, price, q_cleared[e])
        else:
            short[r] = wanted - np.float64(running)
            price = bids[e, order[r, n - 1]]
            if highest_dispatched:
                for k in range(n - 1, -1, -1):
                    if quantities[e, order[r, k]] > 0:
                        price = bids[e, order[r, k]]
                        break
        prices[e] = min(price, cap)


@compiled
def clear_into(
    bids: Array, quantities: Array, demand: Array, prices: Array, q_cleared: Array, short: Array,
    price_cap: float = np.inf, highest_dispatched: bool = False, pro_rata: bool = False,
) -> None:  # fmt: skip
    """Clear E markets: `bids`, `quantities`, `q_cleared` (E, N), `demand` float64, `prices`, `short` float64 (E,)."""
    markets, n = bids.shape
    rows = min(ROWS, markets)
    scratch = np.empty((rows + 1, n), np.int32)
    order, ranks = scratch[:rows], scratch[rows]
    for start in range(0, markets, ROWS):
        end = min(start + ROWS, markets)
        order_rows(bids, start, end, order, ranks)
        clear_rows(
            bids, quantities, demand, start, end, order, prices, short[start:end], q_cleared, price_cap,
            highest_dispatched, pro_rata,
        )  # fmt: skip


@compiled
def clear_batch(bids: Array, quantities: Array, demand: Array) -> Any:
    """`bids`, `quantities` (E, N), `demand` (E,) float64 -> prices (E,), q_cleared (E, N)."""
    prices, q_cleared = np.empty(bids.shape[0], bids.dtype), np.empty(bids.shape, bids.dtype)
    clear_into(bids, quantities, demand, prices, q_cleared, np.empty(bids.shape[0]))
    return prices, q_cleared


@compiled
def clear_best(bids: Array, quantities: Array, demand: float) -> Any:
    """price, q_cleared (N,): the fastest way we know in numba, arrays in, arrays out."""
    row = (1, bids.size)
    q_cleared = np.empty(bids.size, bids.dtype)
    scratch, numbers = np.empty((2, bids.size), np.int32), np.empty(3)
    numbers[0] = demand
    order_rows(bids.reshape(row), 0, 1, scratch, scratch[1])
    clear_rows(
        bids.reshape(row), quantities.reshape(row), numbers, 0, 1, scratch, numbers[1:], numbers[2:],
        q_cleared.reshape(row), np.inf, False, False,
    )  # fmt: skip
    return bids.dtype.type(numbers[1]), q_cleared


@compiled
def _clear_in_order(bids: Array, quantities: Array, demand: float, order: Array) -> Any:
    n = bids.size
    running = np.cumsum(quantities[order])
    m = np.searchsorted(running, demand)
    q_cleared = np.zeros(n, quantities.dtype)
    if m == n:
        q_cleared[:] = quantities
        return bids[order[n - 1]], q_cleared
    for k in range(m):
        q_cleared[order[k]] = quantities[order[k]]
    q_cleared[order[m]] = demand - np.float64(running[m - 1]) if m > 0 else demand
    return bids[order[m]], q_cleared


@compiled
def clear_argsort(bids: Array, quantities: Array, demand: float) -> Any:
    """price, q_cleared (N,): the textbook way, with a stable sort."""
    return _clear_in_order(bids, quantities, demand, np.argsort(bids, kind="mergesort"))


@compiled
def clear_argsort_quicksort(bids: Array, quantities: Array, demand: float) -> Any:
    """price, q_cleared (N,): the textbook way with numba's default sort, which reorders equal bids from N = 16 on."""
    return _clear_in_order(bids, quantities, demand, np.argsort(bids))


# --------------------------------------------------------------------------------------------------------------------
# Rewards


@compiled
def _pairwise_block(values: Array, start: int, n: int) -> Any:
    if n < 8:
        total = values[start]
        for i in range(start + 1, start + n):
            total += values[i]
        return total
    r0, r1, r2, r3 = values[start], values[start + 1], values[start + 2], values[start + 3]
    r4, r5, r6, r7 = values[start + 4], values[start + 5], values[start + 6], values[start + 7]
    whole = n - n % 8
    for i in range(start + 8, start + whole, 8):
        r0 += values[i]
        r1 += values[i + 1]
        r2 += values[i + 2]
        r3 += values[i + 3]
        r4 += values[i + 4]
        r5 += values[i + 5]
        r6 += values[i + 6]
        r7 += values[i + 7]
    total = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
    for i in range(start + whole, start + n):
        total += values[i]
    return total


@compiled
def pairwise_sum(values: Array) -> Any:
    """Sum of a vector of length >= 1 in NumPy's order and dtype.

    A stack instead of a recursion: numba cannot load a recursive function from its cache.
    """
    if values.size <= 128:
        return _pairwise_block(values, 0, values.size)
    starts, sizes = np.zeros(64, np.int64), np.zeros(64, np.int64)
    left, has_left = np.zeros(64, values.dtype), np.zeros(64, np.bool_)
    sizes[0] = values.size
    depth = 0
    while True:
        half = sizes[depth] // 2
        half -= half % 8
        if sizes[depth] > 128:
            starts[depth + 1], sizes[depth + 1] = starts[depth], half
            depth += 1
            continue
        total = _pairwise_block(values, starts[depth], sizes[depth])
        depth -= 1
        while depth >= 0 and has_left[depth]:
            total = left[depth] + total
            has_left[depth] = False
            depth -= 1
        if depth < 0:
            return total
        half = sizes[depth] // 2
        half -= half % 8
        left[depth], has_left[depth] = total, True
        starts[depth + 1], sizes[depth + 1] = starts[depth] + half, sizes[depth] - half
        depth += 1


@compiled
def sum_rows(values: Array, start: int, end: int, total: Array) -> None:
    """`pairwise_sum` of each row, with short rows added in place."""
    n = values.shape[1]
    if n >= 16:
        for e in range(start, end):
            total[e - start] = pairwise_sum(values[e])
        return
    for e in range(start, end):
        if n < 8:
            s = values[e, 0]
            for i in range(1, n):
                s += values[e, i]
        else:
            s = (values[e, 0] + values[e, 1]) + (values[e, 2] + values[e, 3])
            s += (values[e, 4] + values[e, 5]) + (values[e, 6] + values[e, 7])
            for i in range(8, n):
                s += values[e, i]
        total[e - start] = s


@compiled
def reward_rows(
    bids: Array, costs: Array, demand: Array, start: int, end: int, prices: Array, q_cleared: Array, short: Array,
    total: Array, lambda_bid_penalty: float, unit_lol_penalty: float, demand_scale: float, cost_scale: float,
    time_horizon: int, robust: bool, rewards: Array,
) -> None:  # fmt: skip
    """Rewards of cleared markets."""
    real = bids.dtype.type
    zero, weight, factor = real(0), real(lambda_bid_penalty), real(20)
    denominator = (real(demand_scale) * real(cost_scale)) * real(max(1, time_horizon))
    for e in range(start, end):
        if robust:
            penalty = real(np.float64(unit_lol_penalty) * short[e - start])
        else:
            missing = real(demand[e]) - total[e - start]
            penalty = real(unit_lol_penalty) * (max(zero, missing))
        price = prices[e]
        for i in range(bids.shape[1]):
            away = bids[e, i] - costs[i]
            raw = ((price - costs[i]) * q_cleared[e, i] - weight * (away * away)) - penalty
            rewards[e, i] = (raw / denominator) * factor


@compiled
def step_into(
    bids: Array, quantities: Array, costs: Array, demand: Array, lambda_bid_penalty: float, unit_lol_penalty: float,
    demand_scale: float, cost_scale: float, time_horizon: int, prices: Array, q_cleared: Array, rewards: Array,
    price_cap: float = np.inf, highest_dispatched: bool = False, robust: bool = False, pro_rata: bool = False,
) -> None:  # fmt: skip
    """Clear and reward E markets: `costs` (N,), `demand` float64 and `prices` (E,), all others (E, N)."""
    markets, n = bids.shape
    rows = min(ROWS, markets)
    scratch = np.empty((rows + 1, n), np.int32)
    order, ranks = scratch[:rows], scratch[rows]
    short, total = np.empty(rows), np.empty(rows, bids.dtype)
    for start in range(0, markets, ROWS):
        end = min(start + ROWS, markets)
        order_rows(bids, start, end, order, ranks)
        clear_rows(
            bids, quantities, demand, start, end, order, prices, short, q_cleared, price_cap, highest_dispatched,
            pro_rata,
        )  # fmt: skip
        if not robust:
            sum_rows(q_cleared, start, end, total)
        reward_rows(
            bids, costs, demand, start, end, prices, q_cleared, short, total, lambda_bid_penalty, unit_lol_penalty,
            demand_scale, cost_scale, time_horizon, robust, rewards,
        )  # fmt: skip


@compiled
def step_batch(
    bids: Array, quantities: Array, costs: Array, demand: Array, lambda_bid_penalty: float, unit_lol_penalty: float,
    demand_scale: float, cost_scale: float, time_horizon: int,
) -> Any:  # fmt: skip
    """E markets in one call: prices (E,), q_cleared (E, N), rewards (E, N)."""
    prices = np.empty(bids.shape[0], bids.dtype)
    q_cleared, rewards = np.empty(bids.shape, bids.dtype), np.empty(bids.shape, bids.dtype)
    step_into(
        bids, quantities, costs, demand, lambda_bid_penalty, unit_lol_penalty, demand_scale, cost_scale, time_horizon,
        prices, q_cleared, rewards,
    )  # fmt: skip
    return prices, q_cleared, rewards


@compiled
def step_best(
    bids: Array, quantities: Array, costs: Array, demand: float, lambda_bid_penalty: float, unit_lol_penalty: float,
    demand_scale: float, cost_scale: float, time_horizon: int,
) -> Any:  # fmt: skip
    """price, q_cleared (N,), rewards (N,): the whole step in one compiled function, arrays in, arrays out."""
    row = (1, bids.size)
    q_cleared, rewards = np.empty(bids.size, bids.dtype), np.empty(bids.size, bids.dtype)
    scratch, numbers, reals = np.empty((2, bids.size), np.int32), np.empty(2), np.empty(2, bids.dtype)
    b, a = bids.reshape(row), q_cleared.reshape(row)
    numbers[0] = demand
    order_rows(b, 0, 1, scratch, scratch[1])
    clear_rows(
        b, quantities.reshape(row), numbers, 0, 1, scratch, reals, numbers[1:], a, np.inf, False, False
    )
    sum_rows(a, 0, 1, reals[1:])
    reward_rows(
        b, costs, numbers, 0, 1, reals, a, numbers[1:], reals[1:], lambda_bid_penalty, unit_lol_penalty,
        demand_scale, cost_scale, time_horizon, False, rewards.reshape(row),
    )  # fmt: skip
    return reals[0], q_cleared, rewards


# --------------------------------------------------------------------------------------------------------------------
# The functions of `market.py`, on these kernels


def clear(bids: Array, quantities: Array, demand: float, rules: MarketRules = DEFAULT_RULES) -> Cleared:
    """As `market.clear`."""
    prices, q_cleared, short = np.empty(1, bids.dtype), np.empty((1, bids.size), bids.dtype), np.empty(1)
    clear_into(
        bids[None], quantities[None], np.full(1, demand, np.float64), prices, q_cleared, short,
        np.inf if rules.price_cap is None else float(rules.price_cap),
        rules.scarcity_price == "highest_dispatched_bid", rules.tie_rule == "pro_rata",
    )  # fmt: skip
    return Cleared(prices[0], q_cleared[0], float(short[0]))


def step(
    bids: Array, quantities: Array, costs: Array, demand: float, rules: MarketRules, settings: RewardSettings
) -> tuple[Any, Array, Array]:
    """As `market.step`."""
    prices, q_cleared, rewards = np.empty(1, bids.dtype), np.empty((1, bids.size), bids.dtype), np.empty_like(bids)
    step_into(
        bids[None], quantities[None], costs, np.full(1, demand, np.float64), *astuple(settings), prices, q_cleared,
        rewards[None], np.inf if rules.price_cap is None else float(rules.price_cap),
        rules.scarcity_price == "highest_dispatched_bid", rules.loss_of_load == "robust",
        rules.tie_rule == "pro_rata",
    )  # fmt: skip
    return prices[0], q_cleared[0], rewards


def market_clearing(bids: ArrayLike, quantities: ArrayLike, demand: float) -> tuple[float, Array]:
    """As `market.market_clearing`."""
    price, q_cleared = clear_best(*inputs.checked_market(bids, quantities, demand))
    return float(price), q_cleared


def market_clearing_batch(
    bids: ArrayLike, quantities: ArrayLike, demand: ArrayLike, *, num_threads: int | None = None
) -> tuple[Array, Array]:
    """As `market.market_clearing_batch`; `num_threads` has no effect here."""
    inputs.check_threads(num_threads)
    prices, q_cleared = clear_batch(*inputs.checked_markets(bids, quantities, demand))
    return prices, q_cleared


def environment_step(
    bids: ArrayLike, quantities: ArrayLike, costs: ArrayLike, demand: float, lambda_bid_penalty: float,
    unit_lol_penalty: float, demand_scale: float, cost_scale: float, time_horizon: int,
) -> tuple[float, Array, Array]:  # fmt: skip
    """As `market.environment_step`."""
    b, q, d, c = inputs.checked_market(bids, quantities, demand, costs)
    settings = inputs.check_settings(lambda_bid_penalty, unit_lol_penalty, demand_scale, cost_scale, time_horizon)
    price, q_cleared, rewards = step_best(b, q, c, d, *astuple(settings))
    return float(price), q_cleared, rewards


def environment_step_batch(
    bids: ArrayLike, quantities: ArrayLike, costs: ArrayLike, demand: ArrayLike, lambda_bid_penalty: float,
    unit_lol_penalty: float, demand_scale: float, cost_scale: float, time_horizon: int, *,
    num_threads: int | None = None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """As `market.environment_step_batch`; `num_threads` has no effect here."""
    inputs.check_threads(num_threads)
    b, q, d, c = inputs.checked_markets(bids, quantities, demand, costs)
    settings = inputs.check_settings(lambda_bid_penalty, unit_lol_penalty, demand_scale, cost_scale, time_horizon)
    prices, q_cleared, rewards = step_batch(b, q, c, d, *astuple(settings))
    return prices, q_cleared, rewards
