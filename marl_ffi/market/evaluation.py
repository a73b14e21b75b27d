"""How a set of policies fares when nobody learns: the figures a study of a market reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .. import _arguments as arguments
from ..env import ElectricityMarketEnv
from ..history import by_agent, profits

__all__ = ["evaluate"]


def evaluate(
    policies: Sequence[Any] | None,
    params: Mapping[str, Any],
    num_episodes: int = 1,
    seed: int | None = None,
    observer: str = "simple_v3",
    **settings: Any,
) -> dict[str, Any]:
    """Let every agent play its policy for some episodes.

    Args:
        policies: one entry per agent, as for `ElectricityMarketEnv`; `None`: all offer everything at cost.
        params: the market.
        num_episodes: number of episodes, at least 1.
        seed: episode k is seeded `seed + k`; 0 is a seed like any other. `None`: no episode is seeded, so
            that with `demand_noise="on_seed"` all see the base demand.
        observer: what callable policies see.
        **settings: further settings of `ElectricityMarketEnv`.

    Returns:
        Over the episodes, per agent (M,): `mean_rewards`, `std_rewards` (sums over an episode),
        `mean_profits`, `std_profits` ($; a battery's is what it sold minus what it bought) and
        `mean_quantities` (MWh cleared). Over all hours: `mean_market_price`, `std_market_price` ($/MWh) and
        `mean_market_prices_over_time` (T,). Standard deviations are those of the population; sums within an
        episode and everything about prices are in the market's dtype, all else over episodes in float64.
    """
    num_episodes = arguments.integer(num_episodes, "num_episodes", low=1)
    first = None if seed is None else arguments.seed(seed)
    rewards, earned, quantities, prices = [], [], [], []
    env = ElectricityMarketEnv(params, policies=policies, observer=observer, **{**settings, "history": True})
    costs = np.asarray(params["costs"], np.float64)
    try:
        for episode in _progress(num_episodes):
            env.reset(seed=None if first is None else first + episode)
            ended = False
            while not ended:
                _, _, terminated, truncated, _ = env.step(None, fixed_evaluation=True)
                ended = terminated or truncated
            history = env.history
            rewards.append(by_agent(history["rewards"]))
            earned.append(profits(history, costs))
            quantities.append(by_agent(history["q_cleared"]))
            prices.append(history["market_prices"])
    finally:
        env.close()
    hourly = np.array(prices)
    sums = [np.array(each, np.float64) for each in (rewards, earned, quantities)]
    return {
        "mean_rewards": sums[0].mean(axis=0),
        "std_rewards": sums[0].std(axis=0),
        "mean_profits": sums[1].mean(axis=0),
        "std_profits": sums[1].std(axis=0),
        "mean_quantities": sums[2].mean(axis=0),
        "mean_market_price": float(hourly.mean()),
        "std_market_price": float(hourly.std()),
        "mean_market_prices_over_time": hourly.mean(axis=0),
    }


def _progress(num_episodes: int) -> Iterator[int]:
    """The episodes, with a progress bar when tqdm is there and they take longer than a moment."""
    try:
        from tqdm import tqdm  # type: ignore[import-untyped]
    except ImportError:
        yield from range(num_episodes)
    else:
        yield from tqdm(range(num_episodes), desc="evaluate", unit="episode", delay=1.0, leave=False)
