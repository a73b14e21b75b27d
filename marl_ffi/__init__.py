"""Vectorised multi-agent reinforcement-learning environments on a Rust engine.

>>> import marl_ffi as mf
>>> price, q_cleared = mf.market_clearing([10.0, 20.0], [50.0, 50.0], 60.0)
>>> price, q_cleared.tolist()
(20.0, [50.0, 10.0])
"""

from __future__ import annotations

from typing import Any

from . import _backend, bucket_brigade, errors, evolution, game_theory, market
from ._backend import build_info, list_envs, spec
from .env import ElectricityMarketEnv
from .errors import MarlError, SlowPathWarning
from .logging import Logger
from .market import (
    Market,
    Observer,
    clear_with_storage,
    environment_step,
    environment_step_batch,
    market_clearing,
    market_clearing_batch,
    simple_observer,
    simple_observer_v3,
)
from .plugins import load_plugin, load_plugins_of_the_environment, loaded_plugins
from .registration import register_gymnasium, register_pettingzoo_when_imported
from .vec_env import Rollout, VecEnv

__all__ = [
    "ElectricityMarketEnv", "Logger", "Market", "MarlError", "Observer", "Rollout", "SlowPathWarning", "VecEnv",
    "bucket_brigade", "build_info", "clear_with_storage", "environment_step", "environment_step_batch", "errors",
    "evolution", "game_theory", "list_envs", "load_plugin", "loaded_plugins", "make", "make_vec", "market",
    "market_clearing", "market_clearing_batch", "parallel_env", "simple_observer", "simple_observer_v3", "spec",
]  # fmt: skip

__version__ = _backend.version()


def make(id: str, **kwargs: Any) -> Any:
    """A single environment as a `gymnasium.Env`; see `marl_ffi.adapters.gymnasium.make`."""
    from .adapters import gymnasium

    return gymnasium.make(id, **kwargs)


def make_vec(id: str, num_envs: int = 1, **kwargs: Any) -> Any:
    """A batch as a `gymnasium.vector.VectorEnv`; see `marl_ffi.adapters.gymnasium.make_vec`."""
    from .adapters import gymnasium

    return gymnasium.make_vec(id, num_envs, **kwargs)


def parallel_env(id: str, **kwargs: Any) -> Any:
    """An environment as a `pettingzoo.ParallelEnv`; see `marl_ffi.adapters.pettingzoo.parallel_env`."""
    from .adapters import pettingzoo

    return pettingzoo.parallel_env(id, **kwargs)


load_plugins_of_the_environment()
register_gymnasium()
register_pettingzoo_when_imported()
