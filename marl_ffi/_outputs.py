"""What a batch of environments hands out besides the plain arrays: infos of a step, arrays of a rollout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

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


class Shown(NamedTuple):
    """The arrays of a step as a caller sees them: an environment with a single agent by nature has no agent axis."""

    observations: Array
    rewards: Array
    terminations: Array
    truncations: Array
    final_mask: Array
    ends: dict[str, Array]  # what infos tell of episodes that ended


def shown(out: Any, multi_agent: bool) -> Shown:
    """Views of an engine's arrays `out`."""
    rewards, returns = (x if multi_agent else x[:, 0] for x in (out.rewards, out.episode_returns))
    ends = {
        "final_obs": out.final_observations,
        "final_mask": out.final_mask,
        "episode_return": returns,
        "episode_length": out.episode_lengths,
    }
    return Shown(out.observations, rewards, out.terminations, out.truncations, out.final_mask, ends)


def itself(array: Array) -> Array:
    """What is given where the arrays are handed out as they are."""
    return array


def step_infos(
    infos: Mapping[str, Array],
    arrays: Shown,
    present: Callable[[], npt.NDArray[np.bool_]],
    given: Callable[[Array], Array],
) -> dict[str, Any]:
    """The infos of one step as Gymnasium lays them out: an array `k` and a mask `_k`, no empty keys.

    Args:
        infos: the environment's own.
        arrays: the other results.
        present: tells the environments (E,) that have infos: those that stepped and were not reset instead.
        given: makes of an engine's array what the caller may have: a copy, or the view itself.
    """
    told: dict[str, Any] = {}
    if infos and (stepped := present()).any():
        for name, array in infos.items():
            told[name] = given(array)
            told[f"_{name}"] = stepped.copy()
    if 1 not in arrays.final_mask.tobytes():  # a search in bytes takes a fraction of the time of `any`
        return told
    if given is itself:  # calls that do nothing are a fiftieth of a step of thousands of cheap environments
        told.update(arrays.ends)
        return told
    for name, array in arrays.ends.items():
        told[name] = given(array)
    # The caller's own: where it is 1, the engine's tells what has to be zeroed before these arrays are used again.
    told["final_mask"] = arrays.final_mask.copy()
    return told
