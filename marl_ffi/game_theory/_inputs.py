"""What comes in at the doors of the game theory: payoffs, mixtures, names, and the packages of its extras."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DtypeError, InvalidInputError, ShapeError

__all__ = ["distribution", "payoff_array", "real", "require", "strategy_names"]

Array = npt.NDArray[np.float64]

LARGEST = 1e300  # so that a difference of two payoffs is finite
SLACK = 1e-6  # by which probabilities may miss a sum of 1


def payoff_array(values: Any, name: str, axes: int) -> Array:
    """Numbers as a fresh float64 array of so many axes, none of them empty, every entry finite.

    Raises:
        DtypeError: no numbers.
        ShapeError: other axes, or ragged.
        InvalidInputError: an entry is NaN, infinite, or larger than 1e300.
    """
    try:
        array = np.asarray(values)
    except ValueError:
        raise ShapeError(f"{name}: rows of different lengths") from None
    if array.dtype.kind not in "iuf":
        raise DtypeError(f"{name}: expected numbers, got dtype {array.dtype}")
    if array.ndim != axes or not array.size:
        raise ShapeError(f"{name}: expected {axes} axes, none of length 0, got shape {array.shape}")
    made = array.astype(np.float64)
    bad = ~(np.abs(made) <= LARGEST)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InvalidInputError(f"{name}: expected finite numbers, got {made[place]} at {list(place)}")
    return made


def real(value: Any, name: str, *, low: float = -LARGEST, high: float = LARGEST) -> float:
    """A finite number within `[low, high]`. A bool is not a number here."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise DtypeError(f"{name}: expected a number, got {value!r} of type {type(value).__name__}")
    if not low <= value <= high:
        raise InvalidInputError(f"{name}: expected a number between {low:g} and {high:g}, got {value}")
    return float(value)


def distribution(values: Any, size: int, name: str = "mixture") -> Array:
    """Probabilities over `size` strategies: none negative, their sum 1 up to 1e-6, then exactly normalised."""
    array = payoff_array(values, name, 1)
    if array.shape != (size,):
        raise ShapeError(f"{name}: expected {size} probabilities, one per strategy, got {array.shape[0]}")
    total = float(array.sum())
    if (array < 0).any() or abs(total - 1.0) > SLACK:
        raise InvalidInputError(
            f"{name}: expected probabilities of sum 1, got smallest {array.min()}, sum {total}"
        )
    return np.asarray(array / total)


def strategy_names(names: Sequence[str] | None, size: int) -> tuple[str, ...]:
    """`size` distinct names; the numbers from 0 on for `None`."""
    if names is None:
        return tuple(map(str, range(size)))
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise DtypeError(f"names: expected a sequence of strings, got {names!r}")
    if len(names) != size:
        raise ShapeError(f"names: expected {size}, one per strategy, got {len(names)}")
    if len(set(names)) != size:
        raise InvalidInputError(f"names: expected distinct ones, got {list(names)}")
    return tuple(names)


def require(module: str, package: str, extra: str, what: str) -> Any:
    """A module of an optional package.

    Raises:
        ModuleNotFoundError: it is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != module.split(".")[0]:
            raise  # the package is there, something it needs is not
        raise ModuleNotFoundError(f"{what} needs {package}: pip install marl_ffi[{extra}]") from error
