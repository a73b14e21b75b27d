"""Five ways to play, as parameters of the heuristic agent.

A strategy is a vector of ten numbers from 0 to 1. The heuristic agent of the engine reads four of them, and its
payoffs depend on two: how often it works, `work_tendency * (1 - rest_reward_bias)`, and `own_house_priority`. The
richer agent of `agents.py` reads all ten.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from .._arguments import unknown
from ..errors import DtypeError, InvalidInputError, ShapeError

__all__ = ["ARCHETYPES", "PARAMETERS", "archetype", "parameters", "strategy", "work_probability"]

Vector = npt.NDArray[np.float64]

PARAMETERS = (
    "honesty", "work_tendency", "neighbor_help", "own_house_priority", "risk_aversion", "coordination",
    "exploration", "fatigue_memory", "rest_bias", "altruism",
)  # fmt: skip
"""Names of the ten parameters, in order."""


def _vector(*values: float) -> Vector:
    vector = np.array(values, np.float64)
    vector.flags.writeable = False
    return vector


ARCHETYPES: Mapping[str, Vector] = MappingProxyType(
    {
        "firefighter": _vector(1.0, 0.9, 0.5, 0.8, 0.5, 0.7, 0.1, 0.0, 0.0, 0.8),
        "free_rider": _vector(0.7, 0.2, 0.0, 0.9, 0.0, 0.0, 0.1, 0.0, 0.9, 0.0),
        "hero": _vector(1.0, 1.0, 1.0, 0.5, 0.1, 0.5, 0.0, 0.9, 0.0, 1.0),
        "coordinator": _vector(0.9, 0.6, 0.7, 0.6, 0.8, 1.0, 0.05, 0.0, 0.2, 0.6),
        "liar": _vector(0.1, 0.7, 0.0, 0.9, 0.2, 0.8, 0.3, 0.0, 0.4, 0.2),
    }
)
"""Parameters (10,) of every archetype, float64, read-only."""


def archetype(name: str) -> Vector:
    """Parameters (10,) of an archetype; upper and lower case are the same.

    Raises:
        UnknownNameError: for any other name. It is a `ValueError`.
    """
    if not isinstance(name, str):
        raise DtypeError(f"archetype: expected a name, got {type(name).__name__}")
    key = name.lower()
    if key not in ARCHETYPES:
        raise unknown(name, "archetype", ARCHETYPES)
    return ARCHETYPES[key]


def strategy(value: Any, name: str = "params") -> Vector:
    """Ten parameters (10,), float64, from the name of an archetype or from ten numbers from 0 to 1."""
    if isinstance(value, str):
        return archetype(value)
    try:
        vector = np.array(value, np.float64)
    except (TypeError, ValueError):
        raise DtypeError(f"{name}: expected an archetype or 10 numbers, got {value!r}") from None
    if vector.shape != (len(PARAMETERS),):
        raise ShapeError(f"{name}: expected shape ({len(PARAMETERS)},), got {vector.shape}")
    bad = ~((vector >= 0) & (vector <= 1))  # NaN is bad too
    if bad.any():
        k = int(np.flatnonzero(bad)[0])
        raise InvalidInputError(f"{name}[{k}] ({PARAMETERS[k]}): expected 0 to 1, got {vector[k]}")
    return vector


def parameters(base: Any = None, **named: float) -> Vector:
    """A strategy (10,) from named parameters; those not named come from `base`, or are 0.

    >>> parameters("hero", honesty=0.0)[:2].tolist()
    [0.0, 1.0]
    """
    vector = np.zeros(len(PARAMETERS)) if base is None else strategy(base, "base").copy()
    for name, value in named.items():
        if name not in PARAMETERS:
            raise unknown(name, "parameter", PARAMETERS)
        vector[PARAMETERS.index(name)] = value
    return strategy(vector)


def work_probability(params: Any) -> float:
    """Chance that the engine's heuristic agent works on a night."""
    vector = strategy(params)
    return float(vector[1] * (1 - vector[8]))
