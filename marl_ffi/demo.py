"""A day of a power system: cleared hour by hour at cost, checked against NumPy, drawn and timed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import (
    ElectricityMarketEnv,
    Market,
    build_info,
    market_clearing,
    market_clearing_batch,
    plots,
)
from .benchmark import bench
from .cli import console
from .errors import InvalidInputError
from .market.params import params_from_csv
from .reference import market as reference

__all__ = ["Data", "Day", "clear_day", "find_data", "run", "self_check", "year_summary"]

DATA_VARIABLE = "MARL_FFI_DATA"
EXAMPLE = Path(__file__).parent / "data"
PERFECT = 1e-9  # relative; sums of exact numbers in another order

# Prices of the RTS-GMLC fleet and load (public test system, 154 units, 8784 hours), every unit at its
# full-load cost and nameplate capacity. Known from an independent computation; `self_check` finds them again.
RTS_GMLC = {
    ("thermal",): {
        "units": 73, "capacity": 8076.0, "at_min": 27.43202, "at_mean": 28.012603, "at_max": 149.28492,
        "year_mean": 29.231247053051003, "hours_short": 2, "unserved_mwh": 149.611,
    },
    ("thermal", "hydro"): {
        "units": 93, "capacity": 9076.0, "at_min": 23.250508, "at_mean": 27.685566, "at_max": 39.287355,
        "year_mean": 26.9056571617714, "hours_short": 0, "unserved_mwh": 0.0,
    },
    ("thermal", "hydro", "wind", "solar"): {
        "units": 154, "capacity": 14499.8, "at_min": 0.0, "at_mean": 0.0, "at_max": 23.250508,
        "year_mean": 0.9480666436703096, "hours_short": 0, "unserved_mwh": 0.0,
    },
}  # fmt: skip
RTS_GMLC_FIRST_DAY = (
    *(24.200958, 23.952775, 23.952775, 23.952775, 24.200958, 25.242061), *([27.43202] * 11),
    *(27.799207, 27.799207, 27.799207, 27.685566, 27.43202, 25.242061, 24.200958),
)  # fmt: skip


@dataclass(frozen=True)
class Data:
    """Where the fleet and the load come from."""

    fleet: Path
    load: Path
    origin: str


@dataclass(frozen=True)
class Day:
    """T hours of a market of N units at cost.

    Attributes:
        params: the market.
        prices: (T,) $/MWh.
        q_cleared: (T, N) MW.
        unserved: (T,) MW.
        marginal: T indices, of the unit that set the price.
    """

    params: dict[str, Any]
    prices: NDArray[np.float64]
    q_cleared: NDArray[np.float64]
    unserved: NDArray[np.float64]
    marginal: list[int]


@dataclass(frozen=True)
class Check:
    """One line of the self-check."""

    name: str
    passed: bool
    detail: str


def find_data(fleet: str | None = None, load: str | None = None) -> Data:
    """The two files named; or those in the directory `MARL_FFI_DATA`; or the example shipped with the
    package.

    Raises:
        InvalidInputError: one file named without the other, or the directory does not hold one of each.
    """
    if fleet is not None and load is not None:
        return Data(Path(fleet), Path(load), "the files named on the command line")
    if fleet is not None or load is not None:
        raise InvalidInputError("--fleet and --load belong together: one was given without the other")
    directory = os.environ.get(DATA_VARIABLE)
    if directory:
        return Data(_only(directory, "fleet"), _only(directory, "load"), f"the directory of {DATA_VARIABLE}")
    return Data(
        EXAMPLE / "example_fleet.csv", EXAMPLE / "example_load.csv", "the example in the package (made up)"
    )


def _only(directory: str, what: str) -> Path:
    found = sorted(Path(directory).glob(f"*{what}*.csv"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise InvalidInputError(f"{DATA_VARIABLE}={directory}: expected one file *{what}*.csv, found {names}")
    return found[0]


def clear_day(params: dict[str, Any]) -> Day:
    """Clear every hour with every unit at its cost and full capacity, on a bound `Market` in float64."""
    demand = params["demand_profile"]
    market = Market(params["N_generators"])
    market.bids[:], market.quantities[:] = params["costs"], params["capacities"]
    prices, q_cleared = np.empty(len(demand)), np.empty((len(demand), len(params["costs"])))
    for hour, load in enumerate(demand):
        prices[hour] = market.clear(load)
        q_cleared[hour] = market.q_cleared
    # the unit that set the price is the last one in merit order that runs
    order = np.argsort(params["costs"], kind="stable")
    marginal = [int(order[np.flatnonzero(row[order])[-1]]) for row in q_cleared]
    unserved = np.maximum(0.0, np.array(demand) - q_cleared.sum(axis=1))
    unserved[unserved <= PERFECT * np.array(demand)] = 0.0  # rounding of the sum
    return Day(params, prices, q_cleared, unserved, marginal)


def year_summary(params: dict[str, Any]) -> dict[str, float]:
    """All hours at cost in one batch: units, MW, prices at lowest, mean and highest load, and shortage."""
    demand, capacities = np.array(params["demand_profile"]), np.array(params["capacities"])
    costs = np.array(params["costs"])
    shape = (len(demand), len(costs))
    prices, q_cleared = market_clearing_batch(
        np.broadcast_to(costs, shape).copy(), np.broadcast_to(capacities, shape).copy(), demand
    )
    unserved = np.maximum(0.0, demand - q_cleared.sum(axis=1))
    return {
        "units": len(costs),
        "capacity": float(capacities.sum()),
        "at_min": float(prices[demand.argmin()]),
        "at_mean": market_clearing(costs, capacities, float(demand.mean()))[0],
        "at_max": float(prices[demand.argmax()]),
        "year_mean": float(prices.mean()),
        "hours_short": int((unserved > PERFECT * demand).sum()),
        "unserved_mwh": float(unserved[unserved > PERFECT * demand].sum()),
    }


def self_check(data: Data, day: Day) -> list[Check]:
    """Compare the day and the environment with the NumPy reference, and known data with known numbers."""
    checks = [_check_reference(day), _check_environment(day), _check_balance(day)]
    every = params_from_csv(data.fleet, data.load, hours=None)
    if (
        every["N_generators"] == 154
        and every["T"] == 8784
        and set(every["groups"]) == set(list(RTS_GMLC)[-1])
    ):
        checks.extend(_check_known(data))
    return checks


def _check_reference(day: Day) -> Check:
    costs, capacities = np.array(day.params["costs"]), np.array(day.params["capacities"])
    wrong = 0
    for hour, load in enumerate(day.params["demand_profile"]):
        price, q_cleared = reference.market_clearing(costs, capacities, load)
        wrong += price != day.prices[hour] or not np.array_equal(q_cleared, day.q_cleared[hour])
    hours = len(day.prices)
    return Check(
        "Market equals the NumPy reference, float64",
        not wrong,
        f"{hours - wrong} of {hours} hours bit for bit",
    )


def _check_environment(day: Day) -> Check:
    costs, capacities, demand = (
        np.array(day.params[name], np.float32) for name in ("costs", "capacities", "demand_profile")
    )
    env = ElectricityMarketEnv(day.params)
    env.reset()
    wrong, hours, terminated = 0, len(demand), False
    for hour in range(hours):
        _, _, terminated, _, info = env.step(np.zeros(2, np.float32))
        price, q_cleared = reference.market_clearing(costs, capacities, float(demand[hour]))
        wrong += info["price"] != price or not np.array_equal(info["q_cleared"], q_cleared)
    env.close()
    detail = f"{hours - wrong} of {hours} hours bit for bit" + (
        "" if terminated else ", but the episode did not end"
    )
    return Check("ElectricityMarketEnv equals the NumPy reference, float32", not wrong and terminated, detail)


def _check_balance(day: Day) -> Check:
    demand = np.array(day.params["demand_profile"])
    gap = float(np.max(np.abs(day.q_cleared.sum(axis=1) + day.unserved - demand) / demand))
    return Check("cleared + unserved = load", gap <= PERFECT, f"largest relative gap {gap:.1e}")


def _check_known(data: Data) -> list[Check]:
    checks = []
    for groups, expected in RTS_GMLC.items():
        got = year_summary(params_from_csv(data.fleet, data.load, hours=None, groups=groups))
        # the known numbers carry six decimals (MWh: three)
        wrong = [
            key
            for key in expected
            if abs(got[key] - expected[key]) > (1e-3 if key == "unserved_mwh" else 1e-6)
        ]
        detail = ", ".join(f"{key} {got[key]:g} instead of {expected[key]:g}" for key in wrong)
        found = f"year mean {got['year_mean']:.4f} $/MWh, {got['hours_short']} hours short"
        checks.append(
            Check(f"RTS-GMLC, {' + '.join(groups)}: known prices of the year", not wrong, detail or found)
        )
    first = clear_day(params_from_csv(data.fleet, data.load, groups=("thermal", "hydro")))
    same = int(np.sum(np.abs(first.prices - RTS_GMLC_FIRST_DAY) < 1e-6))
    checks.append(
        Check("RTS-GMLC, thermal + hydro: known prices of the first day", same == 24, f"{same} of 24 hours")
    )
    return checks


def run(
    data: Data,
    *,
    groups: Sequence[str] | None = ("thermal", "hydro"),
    day: int = 0,
    output: str | Path = "demo",
    benchmarks: bool = True,
) -> bool:
    """The whole demo, printed. Returns whether every self-check passed."""
    params = params_from_csv(data.fleet, data.load, groups=groups, hours=(24 * day, 24 * day + 24))
    cleared = clear_day(params)
    console.heading(f"Day {day} of {data.load.name}, {params['N_generators']} units of {data.fleet.name}")
    console.line(f"Data: {data.origin}. Groups: {', '.join(groups) if groups else 'all'}.")
    _print_day(cleared)
    for path in _draw(data, groups, cleared, day, Path(output)):
        console.line(f"Picture: {path}")

    console.heading("Self-check")
    checks = self_check(data, cleared)
    rows = [(check.name, check.detail, "ok" if check.passed else "failed") for check in checks]
    console.table("", ("check", "found", ""), rows, numbers_from=3)

    if benchmarks:
        _run_benchmarks()
    return all(check.passed for check in checks)


def _print_day(day: Day) -> None:
    params, rows = day.params, []
    for hour, (load, unit) in enumerate(zip(params["demand_profile"], day.marginal)):
        price, unserved = f"{day.prices[hour]:.2f}", f"{day.unserved[hour]:,.1f}"
        rows.append(
            (str(hour), f"{load:,.1f}", price, params["unit_ids"][unit], params["fuels"][unit], unserved)
        )
    columns = ("hour", "load MW", "price $/MWh", "marginal unit", "fuel", "unserved MW")
    console.table("Every unit at its cost", columns, rows, numbers_from=0)


def _draw(data: Data, groups: Sequence[str] | None, day: Day, number: int, output: Path) -> list[Path]:
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError:
        console.line("No pictures: matplotlib is missing (pip install marl_ffi[plot]).")
        return []
    demand = np.array(params_from_csv(data.fleet, data.load, groups=groups, hours=None)["demand_profile"])
    costs, capacities = np.array(day.params["costs"]), np.array(day.params["capacities"])
    marks = [
        (name, load, market_clearing(costs, capacities, load)[0])
        for name, load in (
            ("lowest", float(demand.min())), ("mean", float(demand.mean())), ("highest", float(demand.max())),
        )
    ]  # fmt: skip
    paths = [output / "merit_order.png", output / "day.png"]
    plots.merit_order(day.params, marks, title=f"Merit order: {data.fleet.stem}", path=paths[0])
    plots.day(
        day.params,
        day.prices,
        day.q_cleared,
        day.marginal,
        title=f"Day {number}: {data.load.stem}",
        path=paths[1],
    )
    return paths


def _run_benchmarks() -> None:
    console.heading("Speed")
    try:
        cases = bench.all_cases()
    except ModuleNotFoundError as error:
        console.line(f"No race: {error}")
        return
    bench.report(bench.run(bench.select(cases)), build_info())
