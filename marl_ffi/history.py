"""What happened in a market: the infos of the last step, and the episode hour by hour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ._single import flat_view
from .errors import InvalidInputError

__all__ = ["INFO_KEYS", "by_agent", "info_reader", "market_history", "market_line", "profits"]

Array = npt.NDArray[Any]

# What a step of one learner tells besides the reward. The engine keeps more; each costs a copy per step.
INFO_KEYS = ("price", "demand", "unserved", "q_cleared", "rewards", "charged", "discharged", "soc")

# Column of the engine -> name in the history.
_COLUMNS = {
    "history_bids": "bids",
    "history_q_offered": "q_offered",
    "history_q_cleared": "q_cleared",
    "history_market_prices": "market_prices",
    "history_rewards": "rewards",
    "history_penalty": "penalty",
    "history_demand": "demand",
    "history_charge": "bess_charge",
    "history_discharge": "bess_discharge",
    "history_soc": "soc",
}


def market_history(engine: Any, env: int = 0) -> dict[str, Array]:
    """What happened in environment `env` since its last reset; hours still to come are 0.

    Returns:
        Fresh arrays of the environment's dtype: `bids` ($/MWh), `q_offered`, `q_cleared` (MW), `rewards` and
        `penalty` (bid regulariser plus loss of load, before scaling), all (T, M) for M agents;
        `market_prices` ($/MWh) and `demand` (MW), (T,). With a battery also `bess_charge`,
        `bess_discharge` (MW) and `soc` (MWh, after the hour), (T,) float64.

    Raises:
        InvalidInputError: the environment was built with `history=False`.
    """
    present = [column["name"] for column in engine.spec["columns"] if column["name"] in _COLUMNS]
    if not present:
        raise InvalidInputError("history: the environment was built with history=False and keeps none")
    return {_COLUMNS[name]: np.array(engine.column(name)[env]) for name in present}


def by_agent(hourly: Array) -> Array:
    """Sums over the hours (T, M) -> (M,), in the array's dtype, by NumPy's pairwise sum."""
    sums: Array = np.ascontiguousarray(hourly.T).sum(axis=1)
    return sums


def profits(history: dict[str, Array], costs: Array) -> Array:
    """Operating profit of every agent over the episode, $, in the dtype of the history, (M,).

    A generator earns (price - cost) per MWh cleared; a battery, the agent behind the generators, earns the
    price of what it sells and pays the price of what it buys.
    """
    prices = history["market_prices"]
    generators = len(costs)
    margins = prices[:, None] - np.asarray(costs, prices.dtype)
    earned = by_agent(margins * history["q_cleared"][:, :generators])
    if "bess_charge" not in history:
        return earned
    battery = np.sum(prices * (history["bess_discharge"] - history["bess_charge"]))
    return np.append(earned, earned.dtype.type(battery))


def info_reader(engine: Any) -> Callable[[], dict[str, Any]]:
    """What `step` tells of environment 0 of `engine`: Python floats and fresh arrays."""
    infos = engine.out.infos
    q_cleared, rewards = infos["q_cleared"][0].copy, infos["rewards"][0].copy
    if infos["price"].ndim > 1:  # day-ahead: one price per hour
        hourly = {name: infos[name][0].copy for name in INFO_KEYS if name in infos}
        return lambda: {name: copy() for name, copy in hourly.items()}
    price, demand = flat_view(infos["price"]), flat_view(infos["demand"])
    unserved = flat_view(infos["unserved"])

    def read() -> dict[str, Any]:
        return {
            "price": price[0],
            "demand": demand[0],
            "unserved": unserved[0],
            "q_cleared": q_cleared(),
            "rewards": rewards(),
        }

    if "soc" not in infos:
        return read
    battery = {name: flat_view(infos[name]) for name in ("charged", "discharged", "soc")}
    return lambda: {**read(), **{name: view[0] for name, view in battery.items()}}


def market_line(engine: Any, env: int, agent: int) -> str:
    """Hours cleared, demand (MW) and the bid ($/MWh) of `agent` in the hour cleared last."""
    infos = engine.out.infos
    if engine.column("clock")[env] == 0:
        return f"t=0, Demand={engine.column('demand')[env, 0]:.2f}, Bid=0.00"
    demand, bids = infos["demand"][env], infos["bids"][env]
    if demand.ndim == 0:
        return f"t={engine.column('clock')[env]}, Demand={demand:.2f}, Bid={bids[agent]:.2f}"
    return f"t={len(demand)}, Demand={demand[-1]:.2f}, Bid={bids[-1, agent]:.2f}"
