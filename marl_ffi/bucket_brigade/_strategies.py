"""Pools of strategies as callers give them, and the two numbers in which strategies differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .._arguments import integer
from ..errors import DtypeError, InvalidInputError, ShapeError
from .archetypes import strategy

__all__ = ["EffectiveSpace", "mixture_of", "pool_of"]

Array = npt.NDArray[np.float64]


class EffectiveSpace:
    """The heuristic agent as a square: how often it works, and how often a worker goes to its own burning house.

    Its other parameters change no payoff, so that this is all of its strategy space.

    Attributes:
        names: of both dimensions, `("work", "own")`.
        low, high: (2,) 0 and 1.
    """

    names = ("work", "own")
    low = np.zeros(2)
    high = np.ones(2)

    def strategies(self, points: Any) -> Array:
        """Parameters (M, 10) of points (M, 2): an honest agent with `work_tendency` and `own_house_priority`."""
        array = np.atleast_2d(np.asarray(points, np.float64))
        if array.ndim != 2 or array.shape[1] != 2:
            raise ShapeError(f"points: expected shape (M, 2) = work, own, got {np.shape(points)}")
        made = np.zeros((len(array), 10))
        made[:, 0], made[:, 1], made[:, 3] = 1.0, array[:, 0], array[:, 1]
        return made

    @staticmethod
    def point(params: Any) -> Array:
        """Where a strategy lies, (2,)."""
        vector = strategy(params)
        return np.array([vector[1] * (1 - vector[8]), vector[3]])


def pool_of(values: Any, name: str = "pool") -> tuple[list[str], Array]:
    """Names and parameters (K, 10) of a pool: names of archetypes, vectors, or a dictionary name -> either.

    Raises:
        UnknownNameError, ShapeError, DtypeError, InvalidInputError: an entry is no strategy, or there is none.
    """
    if isinstance(values, str):
        raise DtypeError(f"{name}: expected a sequence of strategies, got the string {values!r}")
    if isinstance(values, Mapping):
        entries = [(str(key), value) for key, value in values.items()]
    elif isinstance(values, (Sequence, np.ndarray)):
        entries = [(each if isinstance(each, str) else f"strategy {i}", each) for i, each in enumerate(values)]
    else:
        raise DtypeError(f"{name}: expected a sequence of strategies, got {type(values).__name__}")
    if not entries:
        raise ShapeError(f"{name}: expected at least one strategy")
    params = np.array([strategy(value, f"{name}[{key!r}]") for key, value in entries])
    names: list[str] = []
    for key, _ in entries:
        copies = sum(other == key or other.startswith(f"{key} (") for other in names)
        names.append(key if not copies else f"{key} ({copies + 1})")
    return names, params


def mixture_of(values: Any, size: int, name: str = "mixture") -> Array:
    """Probabilities (size,) from a sequence, or from a dictionary index -> probability, the rest being 0."""
    if isinstance(values, Mapping):
        array = np.zeros(size)
        for index, probability in values.items():
            array[integer(index, f"{name}: index", low=0, high=size - 1)] = probability
    else:
        try:
            array = np.asarray(values, np.float64)
        except (TypeError, ValueError):
            raise DtypeError(f"{name}: expected probabilities, got {values!r}") from None
    if array.shape != (size,):
        raise ShapeError(f"{name}: expected {size} probabilities, one per strategy, got shape {array.shape}")
    if not (array >= 0).all() or abs(array.sum() - 1) > 1e-6:
        raise InvalidInputError(f"{name}: expected probabilities of sum 1, got {array.tolist()}")
    return np.asarray(array / array.sum())
