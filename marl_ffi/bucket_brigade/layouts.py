"""Observations of one layout as those of another, such as recordings of the original for an agent trained here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from .._arguments import unknown
from .._backend import spec
from ..errors import InvalidInputError, ShapeError

__all__ = ["SCENARIO_INFO", "convert_observation", "convert_scenario_info", "observation_names"]

Array = npt.NDArray[Any]

# What an older layout calls otherwise. It had two names where the rules of today have one number.
_SYNONYMS = {
    "rho_ignite": "prob_house_catches_fire",
    "p_spark": "prob_house_catches_fire",
    "N_min": "min_nights",
    "N_spark": "min_nights",
}


_CHANCES = ("prob_fire_spreads_to_neighbor", "prob_solo_agent_extinguishes_fire")
_TEAM = ("team_reward_house_survives", "team_penalty_house_burns")
_OWNERSHIP = (
    "reward_own_house_survives", "reward_other_house_survives", "penalty_own_house_burns", "penalty_other_house_burns",
)  # fmt: skip
_COST = "cost_to_work_one_night"

SCENARIO_INFO: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "core": (*_CHANCES, *_TEAM, _COST, "prob_house_catches_fire", "min_nights", "num_agents", *_OWNERSHIP),
        "py": (*_CHANCES, "prob_house_catches_fire", *_TEAM, *_OWNERSHIP, _COST, "min_nights", "num_agents"),
        "training": (*_CHANCES, "prob_house_catches_fire", *_TEAM, _COST, "min_nights", "", "", ""),
        "core_2025_11": (*_CHANCES, *_TEAM, _COST, "prob_house_catches_fire", "min_nights", "num_agents", *_OWNERSHIP),
        "py_2025_11": (*_CHANCES, *_TEAM, _COST, "rho_ignite", "N_min", "p_spark", "N_spark", "num_agents"),
        "gym_core_2025_11": (*_CHANCES, "p_spark", *_TEAM, _COST, "N_min", "num_agents", "", ""),
    }
)
"""What the numbers of the original's `scenario_info` mean, in each of its layouts: those of its compiled engine, of its
Python engine with its pages, of its trainer, and three of its first month. Empty names are zeros."""


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
    return _converted(np.asarray(observations, np.float32), given, wanted, source, target, missing)


def convert_scenario_info(
    values: npt.ArrayLike, source: str, target: str, *, missing: float | None = None
) -> Array:
    """The original's `scenario_info` `(..., numbers)` of one layout in another, float32.

    Args:
        values: as the original's `source` gives them.
        source, target: names of `SCENARIO_INFO`.
        missing: stands for what the source does not tell. Without it, this is an error.

    Raises:
        UnknownNameError: no such layout.
        ShapeError: the last axis does not have the length of the source layout.
        InvalidInputError: something is missing.
    """
    for name in (source, target):
        if name not in SCENARIO_INFO:
            raise unknown(name, "layout of scenario_info", SCENARIO_INFO)
    return _converted(np.asarray(values, np.float32), SCENARIO_INFO[source], SCENARIO_INFO[target], source, target, missing)


def _converted(
    array: Array, given: Sequence[str], wanted: Sequence[str], source: str, target: str, missing: float | None
) -> Array:
    """Numbers under the names `given` as those `wanted`, found by name; an empty name is a zero."""
    if array.ndim == 0 or array.shape[-1] != len(given):
        raise ShapeError(f"observations: expected {len(given)} numbers ({source}) on the last axis, got {array.shape}")
    columns = {name: array[..., k] for k, name in enumerate(given) if name}
    columns[""] = np.zeros(array.shape[:-1], np.float32)
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
    untold = [name for name in wanted if name not in columns]
    if untold and missing is None:
        told = ", ".join(untold[:4]) + (", ..." if len(untold) > 4 else "")
        raise InvalidInputError(f"observations: {source} does not tell {told} of {target}; say what stands for it: missing=")
    out = np.full((*array.shape[:-1], len(wanted)), np.nan if missing is None else missing, np.float32)
    for k, name in enumerate(wanted):
        if name in columns:
            out[..., k] = columns[name]
    return out
