"""Ready-made parameters of the electricity market: small textbook markets, and real ones read from CSV files.

Every function returns a plain dictionary of numbers and lists, which can be printed, saved as JSON, changed
and given to `ElectricityMarketEnv` or to `VecEnv("ElectricityMarket-v0", ..., params=params)`. Nothing here
is random.

Units: MW for capacities and demand, $/MWh for costs and bids.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._arguments import integer
from ..errors import error_for
from .csv import params_from_csv
from .profiles import sine_day, week

__all__ = ["advanced_params", "bess_params", "competitive_params", "default_params", "params_from_csv"]

MAX_BID_DELTA = 50.0
LAMBDA_BID_PENALTY = 0.01
TOTAL_CAPACITY_MW = 30 * 5


def default_params(N: int = 5, T: int = 24) -> dict[str, Any]:
    """`N` equal generators, 150 MW together, costs spread evenly over 20-40 $/MWh, a sine-shaped demand.

    The demand runs from 25 to 125 MW over one period of `T` hours; its first and last hour are equal (75 MW).
    """
    N, T = integer(N, "N", low=1), integer(T, "T", low=1)
    return _params(sine_day(T) * 50, _equal_capacities(N), np.linspace(20, 40, N))


def competitive_params(N: int = 8, T: int = 24, competition_rate: int = 2) -> dict[str, Any]:
    """Like `default_params`, with `competition_rate` generators on every cost level, so that they undercut
    each other.

    The demand peaks 1 MW below the capacity that is left when one generator is away: no one is pivotal.
    That needs at least two generators.
    """
    N, T = integer(N, "N", low=2), integer(T, "T", low=1)
    competition_rate = integer(competition_rate, "competition_rate", low=1)
    capacities = _equal_capacities(N)
    shape = sine_day(T)
    levels = np.linspace(20, 40, math.ceil(N / competition_rate))
    costs = np.sort(np.tile(levels, competition_rate)[:N])
    return _params(shape / shape.max() * (sum(capacities[:-1]) - 1), capacities, costs)


def advanced_params(N: int = 5, T: int = 168) -> dict[str, Any]:
    """A week: five weekdays and a weekend with a morning and an evening peak, at most 75 % of the capacity.

    Five generators are two free renewables of 40 MW and three thermal units of 20 MW at 10, 20 and 30 $/MWh;
    any other `N` gives equal generators, 150 MW together, with costs spread over 10-30 $/MWh. `T` cuts or
    repeats the week.
    """
    N, T = integer(N, "N", low=1), integer(T, "T", low=1)
    if N == 5:
        capacities, costs = [40.0, 40.0, 20.0, 20.0, 20.0], np.array([0.0, 0.0, 10.0, 20.0, 30.0])
    else:
        capacities, costs = _equal_capacities(N), np.linspace(10, 30, N)
    return _params(week(T) * sum(capacities) * 0.75, capacities, costs)


def bess_params(
    N: int = 4,
    T: int = 24,
    power_mw: float = 25.0,
    duration_h: float = 4.0,
    efficiency_rt: float = 0.9,
    initial_soc_frac: float = 0.5,
    bid_ref: float = 30.0,
    day_ahead: bool = False,
) -> dict[str, Any]:
    """`N` agents: the `N - 1` generators of `default_params` and, as the last agent, a battery.

    Args:
        N: number of agents, battery included; at least 2.
        T: hours of an episode.
        power_mw: largest charge and discharge, MW, > 0.
        duration_h: hours of discharge at full power, > 0; the energy is `power_mw * duration_h` MWh.
        efficiency_rt: round-trip efficiency, in (0, 1].
        initial_soc_frac: charge at the start of every episode, as a fraction of the energy, in [0, 1].
        bid_ref: $/MWh around which the battery bids.
        day_ahead: one step is a whole day instead of an hour.
    """
    N = integer(N, "N", low=2)
    bess = {
        "power_mw": _number("power_mw", power_mw),
        "duration_h": _number("duration_h", duration_h),
        "efficiency_rt": _number("efficiency_rt", efficiency_rt),
        "initial_soc_frac": _number("initial_soc_frac", initial_soc_frac),
        "bid_ref": _number("bid_ref", bid_ref),
    }
    for name in ("power_mw", "duration_h"):
        if bess[name] <= 0:
            raise error_for("parameter_invalid", f"{name} must be greater than 0, got {bess[name]!r}")
    if not 0 < bess["efficiency_rt"] <= 1:
        raise error_for(
            "parameter_invalid", f"efficiency_rt must be in (0, 1], got {bess['efficiency_rt']!r}"
        )
    if not 0 <= bess["initial_soc_frac"] <= 1:
        raise error_for(
            "parameter_invalid", f"initial_soc_frac must be in [0, 1], got {bess['initial_soc_frac']!r}"
        )
    return {**default_params(N - 1, T), "day_ahead": bool(day_ahead), "bess": bess}


def _params(demand: Any, capacities: list[float], costs: Any) -> dict[str, Any]:
    return {
        "N_generators": len(capacities),
        "T": len(demand),
        "demand_profile": demand.tolist(),
        "capacities": capacities,
        "costs": costs.tolist(),
        "max_bid_delta": MAX_BID_DELTA,
        "lambda_bid_penalty": LAMBDA_BID_PENALTY,
    }


def _equal_capacities(count: int) -> list[float]:
    return [TOTAL_CAPACITY_MW / count] * count


def _number(name: str, value: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise error_for("parameter_invalid", f"{name} must be a number, got {value!r}") from None
    if not math.isfinite(number):
        raise error_for("parameter_invalid", f"{name} must be finite, got {number!r}")
    return number
