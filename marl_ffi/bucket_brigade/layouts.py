"""Observations of one layout as those of another, such as recordings of the original for an agent trained here."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .._backend import spec
from ..errors import InvalidInputError, ShapeError

__all__ = ["convert_observation", "observation_names"]

Array = npt.NDArray[Any]

# What an older layout calls otherwise. It had two names where the rules of today have one number.
_SYNONYMS = {
    "rho_ignite": "prob_house_catches_fire",
    "p_spark": "prob_house_catches_fire",
    "N_min": "min_nights",
    "N_spark": "min_nights",
}


def observation_names(layout: str = "v1", **config: Any) -> list[str]:
    """The name of every number of an observation, in order.

    Args:
        layout: `"v1"`, `"py_flat"`, `"py_flat_round1"`, `"core_flat"` or `"gym_2025_11"`.
        **config: settings of `BucketBrigade-v0` that decide the length, such as `scenario` or `num_agents`.

    Raises:
        InvalidInputError: no such layout or setting.
    """
    described = spec("BucketBrigade-v0", observation=layout, **config)
    names: list[str] = described["agents"][0]["observation"]["names"]
    return names


def convert_observation(
    observations: npt.ArrayLike, source: str, target: str, *, missing: float | None = None, **config: Any
) -> Array:
    """Observations `(..., numbers)` of the layout `source` in the layout `target`, float32.

    Numbers are found by name. The seat of the observer is one number in some layouts and a row of flags in others;
    each is made from the other.

    Args:
        observations: as an environment with `observation=source` and `config` gives them.
        source, target: names of layouts, see `observation_names`.
        missing: stands for what the source does not tell, such as last night's signals in the old layouts. Without
            it, this is an error.
        **config: settings of the environment.

    Raises:
        ShapeError: the last axis does not have the length of the source layout.
        InvalidInputError: no such layout; or something is missing.
    """
    given, wanted = observation_names(source, **config), observation_names(target, **config)
    array = np.asarray(observations, np.float32)
    if array.ndim == 0 or array.shape[-1] != len(given):
        raise ShapeError(f"observations: expected {len(given)} numbers ({source}) on the last axis, got {array.shape}")
    columns = {name: array[..., k] for k, name in enumerate(given)}
    for name, synonym in _SYNONYMS.items():
        if name in columns:
            columns.setdefault(synonym, columns[name])
        elif synonym in columns:
            columns[name] = columns[synonym]
    flags = [name for name in given if name.startswith("is_seat_")]
    if flags:
        columns["seat"] = np.argmax(np.stack([columns[name] for name in flags], axis=-1), axis=-1)
    elif "seat" in columns:
        for name in wanted:
            if name.startswith("is_seat_"):
                columns[name] = columns["seat"] == int(name.removeprefix("is_seat_"))
    unknown = [name for name in wanted if name not in columns]
    if unknown and missing is None:
        told = ", ".join(unknown[:4]) + (", ..." if len(unknown) > 4 else "")
        raise InvalidInputError(f"observations: {source} does not tell {told} of {target}; say what stands for it: missing=")
    out = np.full((*array.shape[:-1], len(wanted)), np.nan if missing is None else missing, np.float32)
    for k, name in enumerate(wanted):
        if name in columns:
            out[..., k] = columns[name]
    return out
