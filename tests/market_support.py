"""Small markets and exact comparisons, shared by the tests of the Python layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from marl_ffi.market.params import default_params
from marl_ffi.vec_env import VecEnv

MARKET = "ElectricityMarket-v0"
GOLDEN = Path(__file__).parent / "golden" / "market_golden.json"
E, N, T = 3, 4, 5


def make(num_envs: int = E, **kwargs: Any) -> VecEnv:
    """A batch of the small market: N generators, T hours."""
    return VecEnv(MARKET, num_envs, **{"params": default_params(N, T), **kwargs})


def actions(seed: int, *lead: int) -> np.ndarray:
    """Random actions of all agents in all environments, float32."""
    rng = np.random.default_rng(seed)
    return rng.uniform([0, -2], [1, 2], (*lead, E, N, 2)).astype(np.float32)


def play(env: VecEnv, steps: int, start: int = 0) -> list[Any]:
    return [env.step(actions(k)) for k in range(start, start + steps)]


def same(left: Any, right: Any) -> bool:
    """Equal to the last bit, dtype and shape included, through lists, tuples and dictionaries."""
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (tuple, list)):
        return len(left) == len(right) and all(map(same, left, right))
    left, right = np.asarray(left), np.asarray(right)
    if left.dtype == object:
        return left.shape == right.shape and all(
            a is b or (a is not None and b is not None and same(a, b))
            for a, b in zip(left.flat, right.flat, strict=True)
        )
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


def golden() -> dict[str, Any]:
    """The recorded market data."""
    data: dict[str, Any] = json.loads(GOLDEN.read_text())
    return data


def rows(episode: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps of a recorded episode, one dictionary each; the last one ends it."""
    steps = episode["steps"]
    length = len(steps["reward"])
    return [
        {**{name: column[k] for name, column in steps.items()}, "terminated": k == length - 1}
        for k in range(length)
    ]
