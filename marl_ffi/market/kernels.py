"""The auction by itself, on the backend in force: the same names and numbers on each."""

from __future__ import annotations

from .. import _backend

__all__ = [
    "Market", "Observer", "clear_with_storage", "environment_step", "environment_step_batch", "market_clearing",
    "market_clearing_batch", "simple_observer", "simple_observer_v3",
]  # fmt: skip

if _backend.backend() == "rust":
    from .native import Market, Observer
    from .stateless import (
        clear_with_storage,
        environment_step,
        environment_step_batch,
        market_clearing,
        market_clearing_batch,
        simple_observer,
        simple_observer_v3,
    )
else:
    from ..reference.market import clear_with_storage, simple_observer, simple_observer_v3
    from ..reference.objects import Market, Observer  # type: ignore[assignment]

    if _backend.backend() == "numba":
        from ..reference.market_numba import (
            environment_step,
            environment_step_batch,
            market_clearing,
            market_clearing_batch,
        )
    else:
        from ..reference.market import (
            environment_step,
            environment_step_batch,
            market_clearing,
            market_clearing_batch,
        )
