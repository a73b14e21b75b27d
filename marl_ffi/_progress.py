"""Progress bars of long work in the library: tqdm's where it is installed, and only if it takes a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress"]


@contextmanager
def progress(total: int | None, description: str, unit: str, *, show: bool = True) -> Iterator[Callable[[int], None]]:
    """A bar of `total` units on a terminal; gives the function that moves it on."""
    try:
        from tqdm import tqdm  # type: ignore[import-untyped]
    except ImportError:
        yield lambda count: None
        return
    with tqdm(total=total, desc=description, unit=unit, delay=1.0, leave=False, disable=None if show else True) as bar:
        yield lambda count: bar.update(count)
