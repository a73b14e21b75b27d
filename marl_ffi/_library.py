"""The native library: found, loaded and checked once. Only this file and `_buffers.py` know cffi."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import errors

ABI_VERSION = 1
_HERE = Path(__file__).parent
_SUFFIXES = (".so", ".dylib", ".dll", ".pyd")

_loaded: tuple[Any, Any, str] | None = None
_reason: str | None = None


def _candidates() -> list[str]:
    named = os.environ.get("MARL_FFI_LIBRARY")
    if named:
        return [named]
    found = sorted(glob.glob(str(_HERE / "_native*")) + glob.glob(str(_HERE / "*marl_ffi*")))
    return [path for path in found if path.endswith(_SUFFIXES)]


def _load() -> tuple[Any, Any, str]:
    """cffi's `ffi`, the library, and its path.

    Raises:
        LibraryNotFoundError: with every place that was tried and why it did not do.
    """
    try:
        from ._cdef import ffi  # type: ignore[import-not-found, unused-ignore]
    except ImportError as e:
        raise errors.LibraryNotFoundError(f"its declarations (marl_ffi/_cdef.py) are missing: {e}") from None
    candidates = _candidates()
    if not candidates:
        raise errors.LibraryNotFoundError(
            f"no native library lies in {_HERE} (build it with `pip install .`, or set MARL_FFI_LIBRARY)"
        )
    failures = []
    for path in candidates:
        try:
            lib = ffi.dlopen(path)
            version = lib.marl_abi_version()
        except (OSError, AttributeError, ffi.error) as e:
            failures.append(f"{path}: {e}")
            continue
        if version != ABI_VERSION:
            failures.append(f"{path}: speaks ABI version {version}, this package needs {ABI_VERSION}")
            continue
        return ffi, lib, path
    raise errors.LibraryNotFoundError("; ".join(failures))


def available() -> bool:
    """Whether the native library can be used."""
    global _loaded, _reason
    if _loaded is None and _reason is None:
        try:
            _loaded = _load()
        except errors.LibraryNotFoundError as e:
            _reason = str(e)
            return False
        _check_simd(_loaded[0], _loaded[1])
    return _loaded is not None


def _check_simd(ffi: Any, lib: Any) -> None:
    wanted = os.environ.get("MARL_FFI_SIMD", "").strip().lower()
    got = ffi.string(lib.marl_simd_level()).decode()
    if wanted and wanted != got:
        raise errors.error_for(
            "invalid_config",
            f"MARL_FFI_SIMD={wanted!r}: this CPU and this build offer no such level (it would run {got!r}); "
            "levels are scalar, avx2, avx512 and neon",
        )


def why_unavailable() -> str:
    """Why `available()` is false."""
    return _reason or "it has not been looked for"


def get() -> tuple[Any, Any]:
    """cffi's `ffi` and the library.

    Raises:
        LibraryNotFoundError: there is none.
    """
    if not available() or _loaded is None:
        raise errors.LibraryNotFoundError(why_unavailable())
    return _loaded[0], _loaded[1]


def path() -> str | None:
    """Path of the loaded library, or None."""
    return _loaded[2] if available() and _loaded else None


def null() -> Any:
    """The pointer to nothing."""
    ffi, _ = get()
    return ffi.NULL


def struct(kind: str, like: Any = None) -> Any:
    """Memory for a C value of `kind`, zeroed or a copy of what `like` points to."""
    ffi, _ = get()
    return ffi.new(f"{kind} *") if like is None else ffi.new(f"{kind} *", like[0])


def size_of(kind: str) -> int:
    """Bytes of a C value of `kind`."""
    ffi, _ = get()
    return int(ffi.sizeof(kind))


def new_handle(kind: str, *args: Any, size: int, keep: Any = None) -> Any:
    """What `<kind>_new(*args, out, err)` makes; `<kind>_free` gets it when nothing refers to it any more.

    `size` is roughly the memory behind it, in bytes: PyPy, which counts no references, then knows when to look. `keep`
    lives as long as the handle.
    """
    ffi, lib = get()
    err, made = new_error(), ffi.new(f"{kind} **")
    check(getattr(lib, f"{kind}_new")(*args, made, err), err)
    free = getattr(lib, f"{kind}_free")
    # What the destructor refers to lives as long as it does.
    return ffi.gc(made[0], free if keep is None else lambda handle, _=keep: free(handle), size)


def shared_error(function: Any, *args: Any) -> tuple[Any, Callable[[], None]]:
    """A place for the errors of many calls `function(*args, place)`, and what raises the error after a refused one.

    Calls in other threads may write to the place while it is read. So a call that was refused, and changed nothing, is
    made once more with a place of its own. What is not met twice is told from the shared place.
    """
    shared = new_error()

    def explain() -> None:
        raise_unless_met_again(shared)
        err = new_error()
        check(function(*args, err), err)

    return shared, explain


def raise_unless_met_again(err: Any) -> None:
    """Raise what another call would not meet: a bug, or a failure of a plug-in. Once, for the handle remembers it."""
    status = int(err.status)
    if status in [errors.error_for(reason, "").code for reason in ("panic", "plugin_failed")]:
        err.status = 0
        raise errors.error_for(status, _message(err))


def new_error() -> Any:
    """Memory for an error that a C function may report."""
    ffi, _ = get()
    return ffi.new("marl_error *")


def raise_error(err: Any) -> None:
    """Raise the exception for what a C function reported."""
    raise errors.error_for(int(err.status), _message(err))


def _message(err: Any) -> str:
    ffi, _ = get()
    text: str = ffi.string(err.message).decode("utf-8", "replace")
    return text


def check(status: int, err: Any) -> None:
    """Raise unless `status` is that of success."""
    if status:
        raise_error(err)


def text_of(call: Any, *args: Any) -> bytes:
    """The bytes that a function of the form `call(*args, out, capacity, size, err)` writes."""
    ffi, _ = get()
    err, size = new_error(), ffi.new("size_t *")
    check(call(*args, ffi.NULL, 0, size, err), err)
    out = ffi.new("uint8_t[]", max(int(size[0]), 1))
    check(call(*args, out, len(out), size, err), err)
    return bytes(ffi.buffer(out, size[0]))


def to_json(config: Any) -> bytes:
    """A configuration as the engine reads it: JSON with NaN and infinities as texts."""
    return json.dumps(_plain(config), allow_nan=False).encode()


def _plain(x: Any) -> Any:
    if isinstance(x, dict):
        return {str(key): _plain(value) for key, value in x.items()}
    if isinstance(x, (list, tuple)):
        return [_plain(value) for value in x]
    if hasattr(x, "tolist"):
        plain = x.tolist()
        return _plain(float(x) if type(plain) is type(x) else plain)
    if isinstance(x, int) and not isinstance(x, bool) and abs(x) >= 2**1023:
        return "Infinity" if x > 0 else "-Infinity"  # more digits than JSON readers take
    if isinstance(x, float) and (x != x or x in (float("inf"), float("-inf"))):
        return "NaN" if x != x else "Infinity" if x > 0 else "-Infinity"
    if x is None or isinstance(x, (bool, int, float, str)):
        return x
    raise errors.error_for(
        "invalid_config", f"configuration: expected numbers, texts, lists and dictionaries, got {x!r}"
    )


def c_text(text: str) -> bytes:
    """A text as C takes it. A NUL would end it early: what stands for it here is in no name."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace")


def env_ids() -> list[str]:
    """Ids of the environments of the library."""
    _, lib = get()
    ids: list[str] = json.loads(text_of(lib.marl_env_list))
    return ids


def env_spec(env_id: str, config: dict[str, Any]) -> dict[str, Any]:
    """The self-description of an environment under a configuration."""
    _, lib = get()
    spec: dict[str, Any] = json.loads(text_of(lib.marl_env_spec, c_text(env_id), to_json(config)))
    return spec


def load_plugin(path: str) -> None:
    """Have the library load a plug-in; its environments are among `env_ids()` then."""
    _, lib = get()
    err = new_error()
    check(lib.marl_plugin_load(c_text(path), err), err)


def build_info() -> dict[str, Any]:
    """What the loaded library says of itself."""
    ffi, lib = get()
    return {
        "abi_version": int(lib.marl_abi_version()),
        "simd": ffi.string(lib.marl_simd_level()).decode(),
        "num_threads": int(lib.marl_default_num_threads()),
        "library": path(),
    }
