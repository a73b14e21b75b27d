"""Benchmarks of one market: clearing, the fused step and the observers, stateless and bound.

Each row says what races, against what, and by how much it has to win.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import marl_ffi as mf

from ..market.params import default_params
from ..reference import market_numba as numba
from . import rivals
from .bench import Case, Race

__all__ = ["cases"]

Array = NDArray[Any]

SETS = 64
SETTINGS: dict[str, Any] = {
    "lambda_bid_penalty": 0.01,
    "unit_lol_penalty": 1.0,
    "demand_scale": 100.0,
    "cost_scale": 50.0,
    "time_horizon": 24,
}
POSITIONAL: tuple[Any, ...] = tuple(SETTINGS.values())
CLOSE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-12}  # the same sums in another order


class Offers(NamedTuple):
    """One input set: bids, quantities and costs (N,), the demand."""

    bids: Array
    quantities: Array
    costs: Array
    demand: float


def offers(n: int, count: int = SETS) -> list[Offers]:
    """Random markets whose demand is 70 % of what is offered."""
    rng = np.random.default_rng(42)
    sets = []
    for _ in range(count):
        quantities = rng.uniform(10, 50, n)
        sets.append(
            Offers(rng.uniform(20, 100, n), quantities, rng.uniform(15, 80, n), 0.7 * float(quantities.sum()))
        )
    return sets


def cases() -> list[Case]:
    """All rows, in the order of the report."""
    return [*_market(), *_observers()]


# ------------------------------------------------------------------------------------------------------------
# One market


def _market() -> list[Case]:
    rows = []
    textbook, best = "numba (argsort, cumsum, searchsorted)", "numba, best algorithm"
    for n in (5, 10, 20, 50, 100, 200):
        for against, kernel in ((textbook, numba.clear_argsort_quicksort), (best, numba.clear_best)):
            required, aim = (2.3 if n <= 20 else 2.8, 4.0) if against == textbook else (1.0, None)
            build = partial(_clear, n, kernel)
            rows.append(
                Case(
                    "market",
                    "Market.clear",
                    str(n),
                    against,
                    build,
                    required,
                    aim,
                    against == textbook and n in (5, 100),
                )
            )
    stateless = {
        5: (0.8, 1.0),
        10: (0.8, 1.0),
        20: (0.8, 1.0),
        50: (1.0, 1.3),
        100: (1.2, 2.0),
        200: (1.6, 3.0),
    }
    for n, (required, aim) in stateless.items():
        build = partial(_clear_stateless, n)
        rows.append(Case("market", "market_clearing", str(n), textbook, build, required, aim, n == 100))
    mixed, compiled = "numba clearing + NumPy rewards", "numba, whole step compiled"
    for n, required, aim in ((5, 14, 20), (10, 14, 19), (20, 13, 17), (50, 12, 16), (100, 9, 13)):
        build = partial(_step, n, rivals.numba_step)
        rows.append(Case("market", "Market.step", str(n), mixed, build, required, aim, n in (5, 100)))
    for n in (5, 10, 20, 50, 100):
        build = partial(_step, n, numba.step_best)
        rows.append(Case("market", "Market.step", str(n), compiled, build, 3.0, 4.5, n in (5, 100)))
    for n in (5, 100):
        build = partial(_step, n, numba.step_best, copy_in=True)
        rows.append(Case("market", "Market.step, inputs copied in", str(n), compiled, build))
    return rows


def _markets(sets: list[Offers]) -> list[Any]:
    """One bound market per input set, its inputs already in its buffers, as a program writes them there."""
    markets = []
    for each in sets:
        market = mf.Market(len(each.bids), **SETTINGS)
        market.bids[:], market.quantities[:], market.costs[:] = each.bids, each.quantities, each.costs
        markets.append(market)
    return markets


def _clear(n: int, kernel: Callable[..., Any]) -> Race:
    sets = offers(n)
    markets = _markets(sets)
    calls = [(market.clear, each.demand) for market, each in zip(markets, sets)]
    inputs = [(each.bids, each.quantities, each.demand) for each in sets]

    def ours() -> None:
        for clear, demand in calls:
            clear(demand)

    def rival() -> None:
        for bids, quantities, demand in inputs:
            kernel(bids, quantities, demand)

    def agree() -> None:
        for market, each in zip(markets, sets):
            price, q_cleared = kernel(each.bids, each.quantities, each.demand)
            assert market.clear(each.demand) == price
            np.testing.assert_array_equal(market.q_cleared, q_cleared)

    return Race(ours, rival, SETS, agree)


def _clear_stateless(n: int) -> Race:
    inputs = [(each.bids, each.quantities, each.demand) for each in offers(n)]

    def race(function: Callable[..., Any]) -> Callable[[], None]:
        def run() -> None:
            for bids, quantities, demand in inputs:
                function(bids, quantities, demand)

        return run

    def agree() -> None:
        for each in inputs:
            same(mf.market_clearing(*each), numba.clear_argsort_quicksort(*each))

    return Race(race(mf.market_clearing), race(numba.clear_argsort_quicksort), SETS, agree)


def _step(n: int, kernel: Callable[..., Any], copy_in: bool = False) -> Race:
    sets = offers(n)
    markets = _markets(sets)
    calls = [(market.step, each.demand) for market, each in zip(markets, sets)]

    def ours() -> None:
        for step, demand in calls:
            step(demand)

    def ours_with_copies() -> None:
        market = markets[0]
        for bids, quantities, costs, demand in sets:
            market.bids[:] = bids
            market.quantities[:] = quantities
            market.costs[:] = costs
            market.step(demand)

    def rival() -> None:
        for bids, quantities, costs, demand in sets:
            kernel(bids, quantities, costs, demand, *POSITIONAL)

    def agree() -> None:
        for market, each in zip(markets, sets):
            expected = kernel(*each, *POSITIONAL)
            same((market.step(each.demand), market.q_cleared, market.rewards), expected)

    return Race(ours_with_copies if copy_in else ours, rival, SETS, agree)


def same(ours: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    """Prices and quantities bit for bit; rewards, where there are any, up to the order of a sum."""
    np.testing.assert_array_equal(ours[0], expected[0])
    np.testing.assert_array_equal(ours[1], expected[1])
    if len(ours) > 2:
        np.testing.assert_allclose(ours[2], expected[2], **CLOSE)


# ------------------------------------------------------------------------------------------------------------
# Observers


def _observers() -> list[Case]:
    against = "NumPy function"
    rows = [
        Case(
            "observers", "Observer, simple", "1 agent", against, partial(_observer, "simple"), 2.0, 2.5, True
        ),
        Case(
            "observers",
            "Observer, simple_v3",
            "1 agent",
            against,
            partial(_observer, "simple_v3"),
            5.0,
            7.0,
            True,
        ),
    ]
    for name in ("simple", "simple_v3"):
        for n, required in ((5, 8.0), (100, 50.0)):
            work = f"all agents in one call, {name}"
            build = partial(_all_observers, name, n)
            rows.append(
                Case(
                    "observers",
                    work,
                    str(n),
                    "NumPy function in a loop",
                    build,
                    required,
                    None,
                    name == "simple",
                )
            )
    return rows


class _Look(NamedTuple):
    """What the observers of a market look at, as plain numbers for the NumPy functions."""

    params: dict[str, Any]
    function: Callable[..., Array]
    scales: tuple[float, float, float]


def _look(name: str, n: int) -> _Look:
    params = default_params(n, 168)
    scales = (max(params["demand_profile"]), max(params["capacities"]), max(params["costs"]))
    function = rivals.simple_observer if name == "simple" else rivals.simple_observer_v3
    return _Look(params, function, scales)


def _observer(name: str) -> Race:
    params, function, scales = _look(name, 5)
    demand, capacity, cost = params["demand_profile"], params["capacities"][0], params["costs"][0]
    look = mf.Observer(name, demand, params["capacities"], params["costs"], agent_index=0)
    hours = range(params["T"])

    def ours() -> None:
        for t in hours:
            look(t)

    def rival() -> None:
        for t in hours:
            function(demand[t], capacity, cost, t, *scales)

    def agree() -> None:
        for t in hours:
            np.testing.assert_allclose(look(t), function(demand[t], capacity, cost, t, *scales), **CLOSE)

    return Race(ours, rival, len(hours), agree)


def _all_observers(name: str, n: int) -> Race:
    params, function, scales = _look(name, n)
    demand = params["demand_profile"]
    units = list(zip(params["capacities"], params["costs"]))
    look = mf.Observer(name, demand, params["capacities"], params["costs"], agent_index=None)
    hours = range(params["T"])

    def everybody(t: int) -> Array:
        return np.array([function(demand[t], capacity, cost, t, *scales) for capacity, cost in units])

    def ours() -> None:
        for t in hours:
            look(t)

    def rival() -> None:
        for t in hours:
            everybody(t)

    def agree() -> None:
        for t in hours:
            np.testing.assert_allclose(look(t), everybody(t), **CLOSE)

    return Race(ours, rival, len(hours), agree)
