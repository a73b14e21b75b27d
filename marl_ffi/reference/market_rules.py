"""What the market accepts: its rules, its reward settings and the checks of every input.

Checks run in a fixed order, so that the first fault decides the error: shapes, then market by market all bids, all
quantities (finite, then sign, unit by unit) and the demand, then costs, then parameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import error_for

Array = NDArray[Any]

SCARCITY_PRICES = ("highest_bid", "highest_dispatched_bid")
LOSS_OF_LOAD = ("original", "robust")
TIE_RULES = ("index", "pro_rata")


@dataclass(frozen=True)
class MarketRules:
    """The choices an auction leaves open.

    Attributes:
        price_cap: largest price ($/MWh), applied last; None for no cap.
        scarcity_price: the price when demand is not met: the `"highest_bid"` of all units, or the
            `"highest_dispatched_bid"` among units that offer something.
        loss_of_load: `"original"` measures unserved demand from the cleared total, rounding included;
            `"robust"` from the running sum, in float64, and only if demand is not met.
        tie_rule: who clears among equal bids at the margin: by `"index"`, or all of them `"pro_rata"`.
    """

    price_cap: float | None = None
    scarcity_price: str = "highest_bid"
    loss_of_load: str = "original"
    tie_rule: str = "index"

    def __post_init__(self) -> None:
        if self.price_cap is not None and not math.isfinite(as_number("price_cap", self.price_cap)):
            raise error_for("parameter_invalid", f"price_cap: expected None or a finite price, got {self.price_cap}")
        for name, allowed in (
            ("scarcity_price", SCARCITY_PRICES), ("loss_of_load", LOSS_OF_LOAD), ("tie_rule", TIE_RULES),
        ):  # fmt: skip
            if getattr(self, name) not in allowed:
                message = f"{name}: expected one of {', '.join(allowed)}, got {getattr(self, name)!r}"
                raise error_for("parameter_invalid", message)


@dataclass(frozen=True)
class RewardSettings:
    """What a reward depends on besides the auction: penalties ($/MWh) and the scales (MW, $/MWh, hours)."""

    lambda_bid_penalty: float = 0.01
    unit_lol_penalty: float = 1.0
    demand_scale: float = 1.0
    cost_scale: float = 1.0
    time_horizon: int = 24


def as_array(name: str, value: ArrayLike) -> Array:
    """`value` as an array, or a clear error."""
    try:
        return np.asarray(value)
    except ValueError:
        raise error_for("length_mismatch", f"{name}: expected an array, got rows of different lengths") from None


def as_arrays(ndim: int, **inputs: ArrayLike) -> list[Array]:
    """The inputs as contiguous arrays of one dtype: float32 if all came as float32, otherwise float64."""
    arrays = []
    for name, value in inputs.items():
        array = as_array(name, value)
        if array.dtype.kind not in "fiu" and array.size:
            raise error_for("dtype_mismatch", f"{name}: expected real numbers, got dtype {array.dtype}")
        wanted = 1 if name == "costs" else ndim
        if array.ndim != wanted:
            message = f"{name}: expected {wanted} dimension(s), got shape {array.shape}"
            raise error_for("length_mismatch", message)
        arrays.append(array)
    dtype = np.float32 if all(a.dtype == np.float32 for a in arrays) else np.float64
    return [np.require(a, dtype, ["C_CONTIGUOUS", "ALIGNED"]) for a in arrays]


def as_number(name: str, value: Any, reason: str = "invalid_argument") -> float:
    """`value` as a Python float, or a clear error."""
    if isinstance(value, (str, bytes)):
        raise error_for(reason, f"{name}: expected a number, got {value!r}")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise error_for(reason, f"{name}: expected a number, got {value!r}") from None


def check_shapes(bids: Array, quantities: Array, costs: Array | None = None) -> None:
    """Every array must speak about the same N >= 1 units (and, in a batch, the same markets)."""
    units = bids.shape[-1]
    if units == 0:
        raise error_for("empty", "bids: expected at least one unit, got none")
    if quantities.shape != bids.shape:
        message = f"quantities: expected shape {bids.shape} like bids, got {quantities.shape}"
        raise error_for("length_mismatch", message)
    if costs is not None and costs.shape != (units,):
        raise error_for("length_mismatch", f"costs: expected length {units} like bids, got {costs.shape[0]}")


def _first(bad: Array) -> int | None:
    return int(np.argmax(bad)) if bad.any() else None


def check_market(bids: Array, quantities: Array, demand: float, market: int | None = None) -> None:
    """Refuse numbers that no market can be cleared with. `market` is its row in a batch, for the message."""
    row = "" if market is None else f"{market}, "
    if (i := _first(~np.isfinite(bids))) is not None:
        raise error_for("bid_not_finite", f"bids[{row}{i}]: expected a finite price, got {bids[i]}")
    if (i := _first(~(np.isfinite(quantities) & (quantities >= 0)))) is not None:
        reason = "quantity_negative" if np.isfinite(quantities[i]) else "quantity_not_finite"
        raise error_for(reason, f"quantities[{row}{i}]: expected a finite quantity >= 0, got {quantities[i]}")
    name = "demand" if market is None else f"demand[{market}]"
    if not math.isfinite(demand):
        raise error_for("demand_not_finite", f"{name}: expected a finite demand >= 0, got {demand}")
    if demand < 0:
        raise error_for("demand_negative", f"{name}: expected a finite demand >= 0, got {demand}")


def check_costs(costs: Array) -> None:
    """Costs may be negative but must be finite."""
    if (i := _first(~np.isfinite(costs))) is not None:
        raise error_for("cost_not_finite", f"costs[{i}]: expected a finite cost, got {costs[i]}")


def check_settings(
    lambda_bid_penalty: Any, unit_lol_penalty: Any, demand_scale: Any, cost_scale: Any, time_horizon: Any
) -> RewardSettings:
    """Penalties finite and >= 0, scales finite and > 0, `time_horizon` an integer >= 0 (0 counts as 1)."""
    numbers = []
    for name, value, positive in (
        ("lambda_bid_penalty", lambda_bid_penalty, False),
        ("unit_lol_penalty", unit_lol_penalty, False),
        ("demand_scale", demand_scale, True),
        ("cost_scale", cost_scale, True),
    ):
        number = as_number(name, value, "parameter_invalid")
        if not math.isfinite(number) or number < 0 or (positive and number == 0):
            bound = "> 0" if positive else ">= 0"
            raise error_for("parameter_invalid", f"{name}: expected a finite number {bound}, got {number}")
        numbers.append(number)
    whole = isinstance(time_horizon, (int, np.integer)) and not isinstance(time_horizon, bool)
    if not whole or not 0 <= time_horizon <= 2**53:
        got = f"{time_horizon!r:.50}"
        raise error_for("parameter_invalid", f"time_horizon: expected an integer from 0 to 2**53, got {got}")
    weight, lost_load, demand_unit, cost_unit = numbers
    return RewardSettings(weight, lost_load, demand_unit, cost_unit, int(time_horizon))


def as_demands(demand: ArrayLike, markets: int) -> Array:
    """One float64 demand per market of a batch."""
    d = as_array("demand", demand)
    if d.dtype.kind not in "fiu" and d.size:
        raise error_for("dtype_mismatch", f"demand: expected real numbers, got dtype {d.dtype}")
    if d.shape != (markets,):
        raise error_for("length_mismatch", f"demand: expected shape ({markets},), got {d.shape}")
    return d.astype(np.float64)


def checked_market(bids: ArrayLike, quantities: ArrayLike, demand: Any, costs: ArrayLike | None = None) -> Any:
    """One market as arrays of one dtype and a float: bids, quantities, demand and, if given, costs."""
    named = {"bids": bids, "quantities": quantities} | ({} if costs is None else {"costs": costs})
    arrays = as_arrays(1, **named)
    check_shapes(*arrays)
    d = as_number("demand", demand)
    check_market(arrays[0], arrays[1], d)
    if costs is not None:
        check_costs(arrays[2])
    return (arrays[0], arrays[1], d, *arrays[2:])


def checked_markets(bids: ArrayLike, quantities: ArrayLike, demand: Any, costs: ArrayLike | None = None) -> Any:
    """A batch of markets (E, N): bids, quantities, demands and, if given, the costs they share."""
    named = {"bids": bids, "quantities": quantities} | ({} if costs is None else {"costs": costs})
    arrays = as_arrays(2, **named)
    check_shapes(*arrays)
    d = as_demands(demand, len(arrays[0]))
    for e in range(len(d)):
        check_market(arrays[0][e], arrays[1][e], d[e], e)
    if costs is not None:
        check_costs(arrays[2])
    return (arrays[0], arrays[1], d, *arrays[2:])


def checked_purchase(buy_bid: Any, buy_quantity: Any) -> tuple[float, float]:
    """What a storage buyer would pay at most, and for how much."""
    price, wanted = as_number("buy_bid", buy_bid), as_number("buy_quantity", buy_quantity)
    if not math.isfinite(price):
        raise error_for("bid_not_finite", f"buy_bid: expected a finite price, got {price}")
    if not (math.isfinite(wanted) and wanted >= 0):
        reason = "quantity_negative" if math.isfinite(wanted) else "quantity_not_finite"
        raise error_for(reason, f"buy_quantity: expected a finite quantity >= 0, got {wanted}")
    return price, wanted


def check_threads(num_threads: int | None) -> None:
    """A number of threads, or None for the default."""
    if num_threads is None:
        return
    if isinstance(num_threads, bool) or not isinstance(num_threads, (int, np.integer)) or num_threads < 1:
        message = f"num_threads: expected an integer >= 1 or None, got {num_threads!r}"
        raise error_for("invalid_argument", message)
