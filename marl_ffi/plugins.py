"""Plug-ins: environments in shared libraries of their own, see docs/plugins.md.

`MARL_FFI_PLUGINS`, paths separated as in `PATH`, names plug-ins that every process loads at import: child processes
that do not begin as a copy of their parent, and the command line.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from . import _backend, errors
from .registration import register_gymnasium, register_pettingzoo_when_imported

__all__ = ["load_plugin", "loaded_plugins"]

# Real path -> ids of the environments of a plug-in, which stays loaded as long as the process lives.
_loaded: dict[str, list[str]] = {}
_loading = threading.Lock()


def load_plugin(path: str | os.PathLike[str]) -> list[str]:
    """Load a plug-in: its environments are environments like all others from then on.

    They are in `list_envs`, `spec`, `VecEnv`, `make`, `make_vec` and `parallel_env`, and in Gymnasium's and
    PettingZoo's registries as `marl_ffi/<id>`. Loading a plug-in again changes nothing.

    Args:
        path: the shared library.

    Returns:
        The ids of its environments.

    Raises:
        PluginError: it cannot be loaded, is no plug-in, or registers what is not allowed; no environment was added
            then. LibraryNotFoundError: plug-ins need the native library.
    """
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        raise errors.DtypeError(f"path: expected a text or a path, got {path!r}")
    if _backend.backend() != "rust":
        raise errors.LibraryNotFoundError(f"plug-ins need the native library; the backend is {_backend.backend()}")
    from . import _library

    path = os.fspath(path)
    if "\0" in path:
        raise errors.error_for("plugin_invalid", f"{path!r}: there is no such file")
    # With a directory in it, the system's loader looks nowhere else.
    real = os.path.realpath(path)
    with _loading:
        if real not in _loaded:
            if not Path(real).is_file():
                raise errors.error_for("plugin_invalid", f"{path}: there is no such file")
            before = set(_library.env_ids())
            _library.load_plugin(real)
            _loaded[real] = [env_id for env_id in _library.env_ids() if env_id not in before]
    register_gymnasium()
    register_pettingzoo_when_imported()
    return list(_loaded[real])


def loaded_plugins() -> dict[str, list[str]]:
    """The plug-ins of this process: path -> ids of its environments."""
    return {path: list(ids) for path, ids in _loaded.items()}


def load_plugins_of_the_environment() -> None:
    """Load what `MARL_FFI_PLUGINS` names."""
    for path in os.environ.get("MARL_FFI_PLUGINS", "").split(os.pathsep):
        if path:
            load_plugin(path)
