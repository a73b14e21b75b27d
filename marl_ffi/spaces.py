"""From the spaces in an environment's self-description (`spec`) to Gymnasium's space objects.

The description comes from the engine as plain JSON: `{"type": "box", "shape": [4], "dtype": "float32",
"low": [..], "high": [..]}`, `{"type": "discrete", "n": 2, "dtype": "int64"}` or `{"type":
"multi_discrete", "nvec": [..], "dtype": "int64"}`. A bound of `null` means that there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector.utils import batch_space

from .errors import InvalidInputError

__all__ = ["BatchedSpaces", "action_spaces", "observation_spaces", "space_from_json", "stack_spaces"]


def space_from_json(description: Mapping[str, Any]) -> spaces.Space[Any]:
    """The Gymnasium space that a JSON description stands for.

    Raises:
        InvalidInputError: the kind of space is unknown.
    """
    kind = description["type"]
    if kind == "box":
        dtype = np.dtype(description["dtype"])
        shape = tuple(description["shape"])
        low = _bounds(description.get("low"), shape, dtype, sign=-1)
        high = _bounds(description.get("high"), shape, dtype, sign=1)
        return spaces.Box(low, high, shape, dtype.type)
    if kind == "discrete":
        return spaces.Discrete(int(description["n"]), start=int(description.get("start", 0)))
    if kind == "multi_discrete":
        return spaces.MultiDiscrete(
            np.asarray(description["nvec"], dtype=np.int64),
            dtype=np.dtype(description.get("dtype", "int64")).type,
        )
    raise InvalidInputError(f"space type {kind!r}: expected 'box', 'discrete' or 'multi_discrete'")


def observation_spaces(spec: Mapping[str, Any]) -> list[spaces.Space[Any]]:
    """One observation space per learned agent, each with its own width, in the order of `spec["agents"]`."""
    return [space_from_json(agent["observation"]) for agent in spec["agents"]]


def action_spaces(spec: Mapping[str, Any]) -> list[spaces.Space[Any]]:
    """One action space per learned agent, in the order of `spec["agents"]`."""
    return [space_from_json(agent["action"]) for agent in spec["agents"]]


def stack_spaces(agents: Sequence[spaces.Space[Any]], shape: Sequence[int]) -> spaces.Space[Any]:
    """The space of one environment's array, agents along the first axis.

    Args:
        agents: the spaces of the agents, all of one kind.
        shape: shape of the widest agent. Narrower ones are padded at the end of their last axis, and
            what is padded can only be 0.

    Raises:
        InvalidInputError: the agents' spaces are of different kinds.
    """
    if all(isinstance(space, spaces.Box) for space in agents):
        dtype = np.result_type(*[space.dtype for space in agents])
        full = (len(agents), *shape)
        low, high = np.zeros(full, dtype), np.zeros(full, dtype)
        for row, space in enumerate(agents):
            assert isinstance(space, spaces.Box)
            inside: tuple[int | slice, ...] = (row, *(slice(0, size) for size in space.shape))
            low[inside], high[inside] = space.low, space.high
        return spaces.Box(low, high, full, dtype.type)
    if all(isinstance(space, spaces.Discrete) for space in agents):
        return spaces.MultiDiscrete(
            np.array([space.n for space in agents]),  # type: ignore[attr-defined]
            start=np.array([space.start for space in agents]),  # type: ignore[attr-defined]
        )
    if all(isinstance(space, spaces.MultiDiscrete) for space in agents):
        return spaces.MultiDiscrete(np.stack([space.nvec for space in agents]))  # type: ignore[attr-defined]
    kinds = sorted({type(space).__name__ for space in agents})
    raise InvalidInputError(f"agents with spaces of different kinds do not fit one array: {', '.join(kinds)}")


class BatchedSpaces:
    """The spaces of `num_envs` copies of the environment that `spec` describes, made when first asked for.

    They hold bounds for every number of every environment, which a large batch may never need.
    """

    spec: dict[str, Any]
    num_envs: int

    @cached_property
    def agent_observation_spaces(self) -> list[spaces.Space[Any]]:
        """Observation space of each agent, with its own width."""
        return observation_spaces(self.spec)

    @cached_property
    def agent_action_spaces(self) -> list[spaces.Space[Any]]:
        """Action space of each agent."""
        return action_spaces(self.spec)

    @cached_property
    def single_observation_space(self) -> spaces.Space[Any]:
        """Space of one environment's observations, (A, *observation_shape); padding can only be 0."""
        if not self.spec["multi_agent"]:
            return self.agent_observation_spaces[0]
        return stack_spaces(self.agent_observation_spaces, self.spec["observation_shape"])

    @cached_property
    def single_action_space(self) -> spaces.Space[Any]:
        """Space of one environment's actions, (A, *action_shape)."""
        if not self.spec["multi_agent"]:
            return self.agent_action_spaces[0]
        return stack_spaces(self.agent_action_spaces, self.spec["action_shape"])

    @cached_property
    def observation_space(self) -> spaces.Space[Any]:
        """Space of the observations of all environments."""
        return batch_space(self.single_observation_space, self.num_envs)

    @cached_property
    def action_space(self) -> spaces.Space[Any]:
        """Space of the actions of all environments."""
        return batch_space(self.single_action_space, self.num_envs)


def _bounds(given: Any, shape: tuple[int, ...], dtype: np.dtype[Any], *, sign: int) -> npt.NDArray[Any]:
    """Bounds as an array of `shape`; `None`, alone or inside, is -inf or +inf by `sign`."""
    if given is None or np.isscalar(given):
        given = np.full(shape, sign * np.inf if given is None else given)
    values = np.asarray(given, dtype=object)
    missing = values == None  # noqa: E711, element by element
    return np.where(missing, sign * np.inf, np.where(missing, 0, values).astype(np.float64)).astype(dtype)
