"""Which implementation runs: the Rust engine, or the NumPy or numba reference.

`MARL_FFI_BACKEND=rust|numba|numpy` chooses; the default is Rust. Without a native library the NumPy
reference takes over, with the same results, and one `SlowPathWarning` says so.
"""

from __future__ import annotations

import os
import warnings
from functools import lru_cache
from typing import Any

from . import errors

BACKENDS = ("rust", "numba", "numpy")


@lru_cache(maxsize=1)
def backend() -> str:
    """Name of the backend in force: `"rust"`, `"numba"` or `"numpy"`. Decided once per process."""
    _check_num_threads()
    wanted = os.environ.get("MARL_FFI_BACKEND", "").strip().lower()
    if wanted and wanted not in BACKENDS:
        raise errors.error_for(
            "invalid_config", f"MARL_FFI_BACKEND={wanted!r}: expected one of {', '.join(BACKENDS)}"
        )
    if wanted in ("numba", "numpy"):
        return wanted
    from . import _library

    if _library.available():
        return "rust"
    if wanted == "rust":
        raise errors.LibraryNotFoundError(f"MARL_FFI_BACKEND=rust, but {_library.why_unavailable()}")
    warnings.warn(
        f"marl_ffi runs on its NumPy reference, the slow path with the same results, because {_library.why_unavailable()}",
        errors.SlowPathWarning,
        stacklevel=2,
    )
    return "numpy"


def _check_num_threads() -> None:
    wanted = os.environ.get("MARL_FFI_NUM_THREADS", "").strip()
    if wanted and not (wanted.isascii() and wanted.isdigit() and int(wanted) > 0):
        raise errors.error_for(
            "invalid_config", f"MARL_FFI_NUM_THREADS={wanted!r}: expected a whole number of at least 1"
        )


def make_engine(
    env_id: str, num_envs: int, num_threads: int | None, autoreset_mode: str, config: dict[str, Any]
) -> Any:
    """The engine that steps `num_envs` copies of `env_id`, on the backend in force."""
    if backend() == "rust":
        from ._engine import NativeEngine

        return NativeEngine(env_id, num_envs, num_threads, autoreset_mode, config)
    from .reference.vec_env import make_engine as make_reference_engine

    return make_reference_engine(env_id, num_envs, autoreset_mode, config)


def list_envs() -> list[str]:
    """Ids of all environments, sorted."""
    if backend() == "rust":
        from . import _library

        return sorted(_library.env_ids())
    from .reference.vec_env import env_ids

    return env_ids()


def spec(env_id: str, **config: Any) -> dict[str, Any]:
    """The self-description of an environment: spaces, agents, parameters with units and defaults.

    Raises:
        UnknownNameError: no such id or configuration key; the message names the nearest valid one.
    """
    from ._arguments import environment_id, plain

    env_id, config = environment_id(env_id), plain(config)
    if backend() == "rust":
        from . import _library

        return _library.env_spec(env_id, config)
    from .reference.vec_env import env_spec

    return env_spec(env_id, config)


def version() -> str:
    """Version of the package."""
    from importlib import metadata

    try:
        return metadata.version("marl_ffi")
    except metadata.PackageNotFoundError:
        return "unknown"


def build_info() -> dict[str, Any]:
    """What runs here: version, abi_version, backend, simd, num_threads, library (the path, or None)."""
    info: dict[str, Any] = {"version": version(), "backend": backend()}
    if backend() == "rust":
        from . import _library

        return {**info, **_library.build_info()}
    return {**info, "abi_version": None, "simd": None, "num_threads": 1, "library": None}
