"""The electricity market: its auction, its parameters, and how well policies do in it."""

from .csv import params_from_csv
from .evaluation import evaluate
from .kernels import (
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
from .params import advanced_params, bess_params, competitive_params, default_params

__all__ = [
    "Market", "Observer", "advanced_params", "bess_params", "clear_with_storage", "competitive_params",
    "default_params", "environment_step", "environment_step_batch", "evaluate", "market_clearing",
    "market_clearing_batch", "params_from_csv", "simple_observer", "simple_observer_v3",
]  # fmt: skip
