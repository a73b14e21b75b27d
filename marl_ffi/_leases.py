"""Arrays that a step may write to and the caller may keep: lent out, and lent again once nobody refers to them.

A copy of the results would cost about as much as a step of a cheap environment. So each step writes to a set of
arrays that nobody holds any more, and hands out views of it. Whether anybody does, Python's count of references tells:
every view of a set, and every view of such a view, refers to one root array.
"""

from __future__ import annotations

import platform
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _memory
from ._buffers import pointer

Array = npt.NDArray[Any]

# PyPy has none, and lends nothing.
getrefcount: Any = getattr(sys, "getrefcount", None)

ALIGNMENT = 64
# Sets that are looked at. A caller that keeps all results gets fresh ones, and soon an old one back.
MOST = 4


def counts_references() -> bool:
    """Whether a count of references is to be relied upon: CPython with its lock."""
    has_lock = getattr(sys, "_is_gil_enabled", lambda: True)()
    return platform.python_implementation() == "CPython" and bool(has_lock)


class Lease:
    """One set of arrays, all within one root.

    Attributes:
        out: arrays like those of the engine.
        info_bytes: the bytes of all infos.
        io, ways, shown: what the engine makes of them, once it has: the struct that points to them, structs for each
            dtype of actions, and the arrays as a caller sees them.
        root: the one array that every array of the set refers to.
        idle: the references to it where nobody else has any, as counted from here.
    """

    def __init__(self, like: SimpleNamespace) -> None:
        arrays = {name: array for name, array in vars(like).items() if name != "infos"}
        infos: dict[str, Array] = like.infos
        first = next(iter(infos.values()), None)
        start = 0 if first is None else first.__array_interface__["data"][0]
        ends = [each.__array_interface__["data"][0] - start + each.nbytes for each in infos.values()]
        # Padded as the engine pads: the buffer of infos has an exact size.
        info_bytes = -(-max(ends, default=0) // ALIGNMENT) * ALIGNMENT
        offsets, total = {}, 0
        for name, array in arrays.items():
            offsets[name], total = total, total + -(-array.nbytes // ALIGNMENT) * ALIGNMENT
        root = _memory.empty(total + info_bytes + ALIGNMENT, np.uint8)
        shift = -root.__array_interface__["data"][0] % ALIGNMENT

        def place(array: Array, offset: int) -> Array:
            return root[shift + offset : shift + offset + array.nbytes].view(array.dtype).reshape(array.shape)

        self.out = SimpleNamespace(**{name: place(array, offsets[name]) for name, array in arrays.items()})
        self.out.final_mask.fill(True)  # so that the first user cleans up
        # As bytes, which NumPy zeroes in half of the time that it takes for floats.
        self._finals = self.out.final_observations.reshape(-1).view(np.uint8)
        self.out.infos = {
            name: place(array, total + array.__array_interface__["data"][0] - start) for name, array in infos.items()
        }
        self.info_bytes = root[shift + total : shift + total + info_bytes]
        self.io: Any = None
        self.ways: Any = None
        self.shown: Any = None
        self._kept: list[Any] = []
        # What NumPy makes the base of every view.
        self.root: Any = root.base if isinstance(root.base, np.ndarray) else root
        self.idle: int | None = None

    def keep(self, array: Array) -> Any:
        """A pointer to one of the arrays, kept as long as this object."""
        self._kept.append(pointer(array, array.dtype.name, writable=True))
        return self._kept[-1]

    def clean(self) -> None:
        """Zero what the next step writes only in part, that results may not depend on who held which arrays."""
        if 1 in self.out.final_mask.tobytes():
            self._finals.fill(0)

    def settle(self) -> None:
        """Take the present count of references for that of an idle set."""
        self.idle = getrefcount(self.root)


class Loan:
    """One small array that a step writes to, lent as fresh views.

    Attributes:
        array: what is written to.
        view: makes a view of it.
        bound: what has a step write to it.
        once: the references to the array while there is one view of it, as `getrefcount(loan.array)` counts them.
    """

    __slots__ = ("array", "bound", "once", "view")

    def __init__(self, shape: tuple[int, ...], dtype: npt.DTypeLike, bind: Any) -> None:
        self.array = np.empty(shape, dtype)
        self.view, self.bound = self.array.view, bind(self.array)
        self.once = getrefcount(self.array) + 1


class Leases:
    """The sets of one engine."""

    def __init__(self, like: SimpleNamespace) -> None:
        self._like = like
        self._sets: list[Lease] = []
        self._works = counts_references()

    def take(self) -> Lease | None:
        """A set that nobody refers to; None where that cannot be known."""
        for lease in self._sets:
            if getrefcount(lease.root) == lease.idle:  # nobody else refers to an array of the set
                lease.clean()
                return lease
        if not self._works:
            return None
        if len(self._sets) == MOST:
            del self._sets[0]
        lease = Lease(self._like)
        lease.clean()
        lease.settle()
        self._sets.append(lease)
        return lease
