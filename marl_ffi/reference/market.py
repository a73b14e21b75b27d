"""The electricity market in plain NumPy: one uniform-price auction, its rewards and its observers.

The auction, for bids `b` (price, $/MWh), offers `q` (MW) and a demand `d` (MW):

1. Units stand in *merit order*: ascending bid, equal bids by ascending index.
2. `S[k]` is the strictly left-to-right running sum of the offers in that order.
3. The *marginal* unit is the first with `S[k] >= d`. Units before it clear their offer, it clears the rest
   `d - S[k-1]` (one subtraction, not limited to its offer), units behind it clear nothing.
4. Its bid is the price of everybody. If no unit reaches the demand, all clear and the highest bid is the price.

Every operation rounds in the working dtype R (float32 or float64), in the order written here. The demand stays
float64 until it is stored, so that a float64 demand meets float32 offers without being narrowed first.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .market_features import (
    observe,
    project_action,
    project_actions,
    simple_observer,
    simple_observer_v3,
    tanh64,
)
from .market_rules import (
    Array,
    MarketRules,
    RewardSettings,
    check_settings,
    check_threads,
    checked_market,
    checked_markets,
    checked_purchase,
)

__all__ = [
    "Cleared", "MarketRules", "RewardSettings", "clear", "clear_with_storage", "environment_step",
    "environment_step_batch", "loss_of_load", "market_clearing", "market_clearing_batch", "observe", "pairwise_sum",
    "project_action", "project_actions", "rewards", "scale_rewards", "simple_observer", "simple_observer_v3", "step",
    "storage_purchase", "tanh64",
]  # fmt: skip

DEFAULT_RULES = MarketRules()


class Cleared(NamedTuple):
    """Outcome of one auction: price (a scalar of dtype R), MW per unit (N,), unserved MW by the running sum."""

    price: Any
    q_cleared: Array
    shortfall: float


def clear(bids: Array, quantities: Array, demand: float, rules: MarketRules = DEFAULT_RULES) -> Cleared:
    """One auction on valid input: `bids` and `quantities` of one dtype and length N >= 1, `demand` in float64."""
    dtype, demand = bids.dtype.type, float(demand)
    order = np.argsort(bids, kind="stable")
    running = np.cumsum(quantities[order])
    met = np.flatnonzero(running.astype(np.float64) >= demand)
    q_cleared = np.zeros_like(quantities)
    shortfall = 0.0
    if met.size:
        m = met[0]
        before = float(running[m - 1]) if m > 0 else 0.0
        q_cleared[order[:m]] = quantities[order[:m]]
        q_cleared[order[m]] = dtype(demand - before)
        price = bids[order[m]]
        if rules.tie_rule == "pro_rata":
            _share_margin(bids, quantities, demand, order, running, price, q_cleared)
    else:
        q_cleared[:] = quantities
        shortfall = demand - float(running[-1])
        price = bids[order[-1]]
        dispatched = order[quantities[order] > 0]
        if rules.scarcity_price == "highest_dispatched_bid" and dispatched.size:
            price = bids[dispatched[-1]]
    if rules.price_cap is not None and dtype(rules.price_cap) < price:
        price = dtype(rules.price_cap)
    return Cleared(price, q_cleared, shortfall)


def _share_margin(
    bids: Array, quantities: Array, demand: float, order: Array, running: Array, price: Any, q_cleared: Array
) -> None:
    """Share what is left for the marginal price among all units that bid it, in proportion to their offers."""
    dtype = bids.dtype.type
    tied = bids == price
    first = int(np.argmax(tied[order]))
    rest = dtype(demand - (float(running[first - 1]) if first > 0 else 0.0))
    offered = dtype(0)
    for quantity in quantities[tied]:
        offered = offered + quantity
    share = min(rest / offered, dtype(1)) if offered > 0 else dtype(0)
    q_cleared[tied] = quantities[tied] * share


def pairwise_sum(values: Array) -> Any:
    """NumPy's own sum of a contiguous vector, in its dtype.

    Fewer than 8 values are added left to right. Up to 128, eight accumulators take every eighth value, are combined
    as ((0+1)+(2+3))+((4+5)+(6+7)), and the rest is added one by one. Longer vectors are split at half the length,
    rounded down to a multiple of 8, and the two sums added.
    """
    return np.add.reduce(np.ascontiguousarray(values))


def loss_of_load(
    cleared: Cleared, demand: float, rules: MarketRules, unit_lol_penalty: float, charged: float = 0.0
) -> tuple[Any, Any]:
    """Unserved demand (MW) and the penalty everybody pays for it, both in dtype R.

    `charged` is what a storage buyer took out of the cleared total.
    """
    dtype = cleared.q_cleared.dtype.type
    if rules.loss_of_load == "robust":
        return dtype(cleared.shortfall), dtype(float(unit_lol_penalty) * cleared.shortfall)
    served = float(pairwise_sum(cleared.q_cleared)) - charged
    missing = dtype(float(dtype(demand)) - served)
    unserved = missing if missing > 0 else dtype(0)
    return unserved, dtype(unit_lol_penalty) * unserved


def scale_rewards(raw: Array, settings: RewardSettings) -> Array:
    """Profits to rewards: divided by demand scale, cost scale and hours, times 20, each step rounded to the dtype."""
    dtype = raw.dtype.type
    hours = dtype(max(1, settings.time_horizon))
    denominator = (dtype(settings.demand_scale) * dtype(settings.cost_scale)) * hours
    return (raw / denominator) * dtype(20)


def rewards(
    cleared: Cleared, bids: Array, costs: Array, loss_of_load_penalty: Any, settings: RewardSettings
) -> Array:
    """Scaled reward of every unit: profit, minus a penalty for bidding away from cost, minus lost load. (N,)"""
    away = bids - costs
    penalty = bids.dtype.type(settings.lambda_bid_penalty) * (away * away)
    raw = ((cleared.price - costs) * cleared.q_cleared - penalty) - loss_of_load_penalty
    return scale_rewards(raw, settings)


def storage_purchase(
    bids: Array, quantities: Array, demand: float, buy_bid: float, buy_quantity: float
) -> float:
    """What a storage buyer takes: all it wants, as long as offers at or below its bid cover it. MW, float64."""
    cheap = 0.0
    for bid, quantity in zip(bids.tolist(), quantities.tolist()):
        if bid <= buy_bid:
            cheap += quantity
    return min(max(cheap - demand, 0.0), buy_quantity)


# The functions below check their input before anything else; outputs exist only if every check passed.


def market_clearing(bids: ArrayLike, quantities: ArrayLike, demand: float) -> tuple[float, Array]:
    """Clear one market. `bids`, `quantities` (N,) -> price, q_cleared (N,); float32 stays float32."""
    b, q, d = checked_market(bids, quantities, demand)
    cleared = clear(b, q, d)
    return float(cleared.price), cleared.q_cleared


def market_clearing_batch(
    bids: ArrayLike, quantities: ArrayLike, demand: ArrayLike, *, num_threads: int | None = None
) -> tuple[Array, Array]:
    """Clear E markets. `bids`, `quantities` (E, N), `demand` (E,) -> prices (E,), q_cleared (E, N).

    `num_threads` has no effect here.
    """
    check_threads(num_threads)
    b, q, d = checked_markets(bids, quantities, demand)
    prices, q_cleared = np.empty(len(b), b.dtype), np.empty_like(b)
    for e in range(len(b)):
        prices[e], q_cleared[e], _ = clear(b[e], q[e], d[e])
    return prices, q_cleared


def step(
    bids: Array, quantities: Array, costs: Array, demand: float, rules: MarketRules, settings: RewardSettings
) -> tuple[Any, Array, Array]:
    """Auction and rewards on valid input: price, q_cleared (N,), rewards (N,)."""
    cleared = clear(bids, quantities, demand, rules)
    with np.errstate(over="ignore", invalid="ignore"):
        _, penalty = loss_of_load(cleared, demand, rules, settings.unit_lol_penalty)
        return cleared.price, cleared.q_cleared, rewards(cleared, bids, costs, penalty, settings)


def environment_step(
    bids: ArrayLike, quantities: ArrayLike, costs: ArrayLike, demand: float, lambda_bid_penalty: float,
    unit_lol_penalty: float, demand_scale: float, cost_scale: float, time_horizon: int,
) -> tuple[float, Array, Array]:  # fmt: skip
    """Clear one market and reward its units: price, q_cleared (N,), rewards (N,)."""
    b, q, d, c = checked_market(bids, quantities, demand, costs)
    settings = check_settings(lambda_bid_penalty, unit_lol_penalty, demand_scale, cost_scale, time_horizon)
    price, q_cleared, reward = step(b, q, c, d, DEFAULT_RULES, settings)
    return float(price), q_cleared, reward


def environment_step_batch(
    bids: ArrayLike, quantities: ArrayLike, costs: ArrayLike, demand: ArrayLike, lambda_bid_penalty: float,
    unit_lol_penalty: float, demand_scale: float, cost_scale: float, time_horizon: int, *,
    num_threads: int | None = None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """E markets of the same N units: `bids`, `quantities` (E, N), `costs` (N,), `demand` (E,).

    Returns prices (E,), q_cleared (E, N) and rewards (E, N).
    """
    check_threads(num_threads)
    b, q, d, c = checked_markets(bids, quantities, demand, costs)
    settings = check_settings(lambda_bid_penalty, unit_lol_penalty, demand_scale, cost_scale, time_horizon)
    prices, q_cleared, reward = np.empty(len(b), b.dtype), np.empty_like(b), np.empty_like(b)
    for e in range(len(b)):
        prices[e], q_cleared[e], reward[e] = step(b[e], q[e], c, d[e], DEFAULT_RULES, settings)
    return prices, q_cleared, reward


def clear_with_storage(
    bids: ArrayLike, quantities: ArrayLike, demand: float, buy_bid: float, buy_quantity: float
) -> tuple[float, Array, float]:
    """Clear one market with a storage buyer, which never lifts the price above its bid.

    `buy_bid` in $/MWh, `buy_quantity` in MW. Returns price, q_cleared (N,) and the MW bought.
    """
    b, q, d = checked_market(bids, quantities, demand)
    price, wanted = checked_purchase(buy_bid, buy_quantity)
    charged = storage_purchase(b, q, d, price, wanted)
    cleared = clear(b, q, d + charged)
    return float(cleared.price), cleared.q_cleared, charged
