"""What a batch of environments hands out besides the plain arrays: infos of a step, arrays of a rollout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ._arguments import unknown

Array = npt.NDArray[Any]


class Rollout(dict[str, Array]):
    """The arrays of a rollout, each with a leading axis of T steps, as keys and as attributes.

    `observations`, `rewards`, `terminations`, `truncations`, `actions` as `step` takes and returns them;
    `final_observations` with `final_mask` (T, num_envs), true where an episode ended in that step;
    `episode_returns` (float64) and `episode_lengths` (int64) of those episodes, 0 elsewhere.
    """

    def __getattr__(self, name: str) -> Array:
        try:
            return self[name]
        except KeyError:
            raise unknown(name, "array of the rollout", self) from None


def step_infos(
    out: Any, present: Callable[[], npt.NDArray[np.bool_]], episode_returns: Array, given: Callable[[Array], Array]
) -> dict[str, Any]:
    """The infos of one step as Gymnasium lays them out: an array `k` and a mask `_k`, no empty keys.

    Args:
        out: the engine's arrays.
        present: tells the environments (E,) that have infos: those that stepped and were not reset instead.
        episode_returns: returns of the episodes that ended, in the shape of the rewards.
        given: makes of an engine's array what the caller may have: a copy, or the view itself.
    """
    infos: dict[str, Any] = {}
    if out.infos and (stepped := present()).any():
        for name, array in out.infos.items():
            infos[name] = given(array)
            infos[f"_{name}"] = stepped.copy()
    if 1 in out.final_mask.tobytes():  # a search in bytes takes a fraction of the time of `any`
        infos["final_obs"] = given(out.final_observations)
        infos["final_mask"] = given(out.final_mask)
        infos["episode_return"] = given(episode_returns)
        infos["episode_length"] = given(out.episode_lengths)
    return infos
