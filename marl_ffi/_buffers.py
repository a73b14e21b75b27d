"""Between NumPy arrays and C pointers: made once, checked once, kept alive."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _library, errors

Array = npt.NDArray[Any]

_C_TYPES = {
    np.dtype(name): f"{c_type}[]"
    for name, c_type in (
        ("float32", "float"), ("float64", "double"), ("int32", "int32_t"), ("int64", "int64_t"),
        ("uint8", "uint8_t"), ("bool", "uint8_t"), ("uint64", "uint64_t"), ("uint32", "uint32_t"),
    )
}  # fmt: skip


def aligned(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """A zeroed array that starts at a multiple of 64 bytes."""
    dtype = np.dtype(dtype)
    count = int(np.prod(shape, dtype=np.int64))
    raw = np.zeros(count * dtype.itemsize + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + count * dtype.itemsize].view(dtype).reshape(shape)


def pointer(array: Array, dtype: str, *, writable: bool = False) -> Any:
    """A pointer to the elements of a C-ordered array, which it keeps alive.

    Raises:
        DtypeError: another dtype than `dtype`. ShapeError: not C-ordered. InvalidInputError: read-only.
    """
    if array.dtype != dtype:
        raise errors.error_for("dtype_mismatch", f"expected an array of {dtype}, got {array.dtype}")
    if not array.flags.c_contiguous:
        raise errors.error_for("length_mismatch", "expected a C-ordered array, got one with other strides")
    if writable and not array.flags.writeable:
        raise errors.error_for("invalid_argument", "expected an array that can be written, got a read-only one")
    ffi, _ = _library.get()
    return ffi.from_buffer(_C_TYPES[array.dtype], array, require_writable=writable)


def quick_pointer(dtype: npt.DTypeLike) -> Callable[[Array], Any]:
    """A faster `pointer` for arrays that are known to be of `dtype`: a ValueError unless they are C-ordered."""
    ffi, _ = _library.get()
    return partial(ffi.from_buffer, ffi.typeof(_C_TYPES[np.dtype(dtype)]))


def view(address: Any, count: int, dtype: npt.DTypeLike, owner: Any) -> Array:
    """An array over memory of the library. The array, and every view of it, keeps `owner` alive."""
    ffi, _ = _library.get()
    dtype = np.dtype(dtype)
    # The destructor does nothing but hold the owner until the last array is gone.
    held = ffi.gc(address, lambda _, owner=owner: None)
    return np.frombuffer(ffi.buffer(held, count * dtype.itemsize), dtype)
