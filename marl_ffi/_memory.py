"""Large result arrays from memory that has been used before.

A fresh array of a megabyte costs more than what is computed into it: the operating system hands out every page zeroed,
on first touch. So the memory of large arrays that nobody refers to any more, nor any view of them, is lent again.
"""

from __future__ import annotations

import math
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SMALL = 1 << 16  # bytes below which the allocator of NumPy does as well
MOST_IDLE = 1 << 28  # bytes that are kept at most
ALIGNMENT = 64

# Memory, and where in it the first aligned byte lies, by size.
_Block = tuple[memoryview, int]
_idle: dict[int, list[_Block]] = {}
_idle_bytes = 0


class _Loan(weakref.ref[Array]):
    """Knows which memory an array borrowed, and gives it back when the array is gone."""

    __slots__ = ("block",)
    block: _Block


# By id: a weak reference is as unhashable as the array it refers to.
_loans: dict[int, _Loan] = {}


def _give_back(loan: _Loan) -> None:
    global _idle_bytes
    _loans.pop(id(loan), None)
    size = len(loan.block[0])
    if _idle_bytes + size <= MOST_IDLE:
        # Another thread may do the same: then a little more is kept than meant, or the count is a little off.
        _idle_bytes += size
        _idle.setdefault(size, []).append(loan.block)


def empty(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """An array with any content, as `numpy.empty` makes it."""
    global _idle_bytes
    dtype = np.dtype(dtype)
    count = math.prod(shape) if isinstance(shape, tuple) else shape
    size = count * dtype.itemsize
    if size < SMALL:
        return np.empty(shape, dtype)
    try:
        block = _idle[size + ALIGNMENT].pop()
        _idle_bytes -= size + ALIGNMENT
    except (KeyError, IndexError):
        # NumPy asks for large pages, which a bytearray does not: then writing in strips misses fewer translations.
        fresh = np.empty(size + ALIGNMENT, np.uint8)
        block = fresh.data, -fresh.ctypes.data % ALIGNMENT
    # Views of this array refer to it and not past it, for it is the first that is an array: it goes last.
    array = np.frombuffer(block[0], dtype, count, block[1])
    loan = _Loan(array, _give_back)
    loan.block = block
    _loans[id(loan)] = loan
    return array.reshape(shape)


def copy(array: Array) -> Array:
    """A copy of a C-ordered array."""
    if array.nbytes < SMALL:
        return array.copy()
    made = empty(array.shape, array.dtype)
    made[...] = array
    return made
