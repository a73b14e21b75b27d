"""Puts every environment into the registries of Gymnasium and PettingZoo, under `marl_ffi/<id>`.

Gymnasium is a dependency: its registry is filled at import. PettingZoo is optional and takes time to
import: its registry is filled at once when PettingZoo is loaded already, otherwise right after somebody
imports it.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType

from gymnasium.envs.registration import register, registry

from . import _backend

__all__ = ["register_gymnasium", "register_pettingzoo", "register_pettingzoo_when_imported"]

NAMESPACE = "marl_ffi"
MARKET_ID = "ElectricityMarket-v0"


def register_gymnasium() -> None:
    """Register all environments for `gymnasium.make` and `gymnasium.make_vec`; again is fine."""
    for env_id in _backend.list_envs():
        name = f"{NAMESPACE}/{env_id}"
        if name in registry:
            continue
        if env_id == MARKET_ID:
            register(
                name,
                entry_point="marl_ffi.env:ElectricityMarketEnv",
                vector_entry_point="marl_ffi.adapters.gymnasium:MarketVectorEnv",
            )
        else:
            register(
                name,
                entry_point="marl_ffi.adapters.single:GymnasiumEnv",
                vector_entry_point="marl_ffi.adapters.gymnasium:GymnasiumVectorEnv",
                kwargs={"env_id": env_id},
            )


def register_pettingzoo() -> None:
    """Register all environments for `pettingzoo.make("parallel", ...)`; again is fine.

    PettingZoo before 1.27 has no registry: then there is nothing to do.
    """
    try:
        from pettingzoo import parallel_registry  # type: ignore[import-untyped]
        from pettingzoo import register as register_parallel
    except ImportError:
        return
    for env_id in _backend.list_envs():
        name = f"{NAMESPACE}/{env_id}"
        if name not in parallel_registry:
            entry_point = "marl_ffi.adapters.pettingzoo:MarlParallelEnv"
            register_parallel("parallel", name, entry_point=entry_point, kwargs={"env_id": env_id})


def register_pettingzoo_when_imported() -> None:
    """Register for PettingZoo now if it is loaded, else when it will be."""
    if "pettingzoo" in sys.modules:
        register_pettingzoo()
    elif not any(isinstance(finder, _PettingZooWatch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _PettingZooWatch())


class _PettingZooWatch(importlib.abc.MetaPathFinder):
    """Waits for the import of `pettingzoo`, lets it happen as usual, then registers and goes away."""

    _searching = False

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "pettingzoo" or self._searching:
            return None
        self._searching = True  # the search below asks this finder, too
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._searching = False
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def load_and_register(module: ModuleType) -> None:
            load(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            register_pettingzoo()

        spec.loader.exec_module = load_and_register  # type: ignore[method-assign]
        return spec
