"""The environments as Gymnasium's: `make` for one, `make_vec` for a true `gymnasium.vector.VectorEnv`.

The vector environments return, array for array, what `gymnasium.vector.SyncVectorEnv` around the single
environments would, in each of the three autoreset modes.
"""

from __future__ import annotations

import copy as copying
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.envs.registration import EnvSpec, registry
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from .. import _arguments as arguments
from .. import _backend, rendering
from .._policies import read_policies
from ..env import ENV_ID as MARKET_ID
from ..env import ElectricityMarketEnv
from ..errors import InvalidInputError
from ..history import INFO_KEYS, market_line
from ..vec_env import Rollout, VecEnv
from .single import GymnasiumEnv, info_dtype, several_learners

__all__ = ["GymnasiumEnv", "GymnasiumVectorEnv", "MarketVectorEnv", "make", "make_vec"]

Array = npt.NDArray[Any]
# Settings of the batch, not of the market.
VECTOR_SETTINGS = ("num_threads", "autoreset_mode", "copy", "render_mode")
# What a rollout has per agent.
AGENT_ARRAYS = ("observations", "final_observations", "rewards", "actions", "episode_returns")


def make(id: str, **kwargs: Any) -> gymnasium.Env[Any, Any]:
    """One environment: `ElectricityMarketEnv` for the market, `GymnasiumEnv` for every other id.

    Args:
        id: name of the environment, with or without `marl_ffi/` in front.
        **kwargs: settings of the environment, and `render_mode`.

    Raises:
        UnknownNameError: no such id or setting.
    """
    name = arguments.environment_id(id)
    if name == MARKET_ID:
        arguments.known_keywords(ElectricityMarketEnv, kwargs, "setting")
        env: gymnasium.Env[Any, Any] = ElectricityMarketEnv(**kwargs)
    else:
        env = GymnasiumEnv(name, **kwargs)
    env.spec = _registered(name, kwargs)
    return env


def make_vec(id: str, num_envs: int = 1, **kwargs: Any) -> GymnasiumVectorEnv:
    """`num_envs` environments as a `gymnasium.vector.VectorEnv`, each seen through one learner.

    Args:
        id: name of the environment, with or without `marl_ffi/` in front.
        num_envs: number of copies.
        **kwargs: `num_threads`, `autoreset_mode`, `copy` as for `marl_ffi.VecEnv`, `render_mode`, and the
            settings of the environment. For the market also `agent_index`, the learner, and `policies`, the
            constant actions of the others, as for `ElectricityMarketEnv`.

    Raises:
        UnknownNameError: no such id or setting.
    """
    name = arguments.environment_id(id)
    if name == MARKET_ID:
        env: GymnasiumVectorEnv = MarketVectorEnv(num_envs, **kwargs)
    else:
        env = GymnasiumVectorEnv(name, num_envs, **kwargs)
    env.spec = _registered(name, {**kwargs, "num_envs": num_envs, "vectorization_mode": "vector_entry_point"})
    return env


def _registered(name: str, kwargs: Mapping[str, Any]) -> EnvSpec | None:
    """Gymnasium's record of an environment, by which `gymnasium.make(env.spec)` makes the same again."""
    registered = registry.get(f"marl_ffi/{name}")
    if registered is None:
        return None
    spec = copying.copy(registered)
    spec.kwargs = {**registered.kwargs, **kwargs}
    return spec


class GymnasiumVectorEnv(VectorEnv[Array, Any, Array]):
    """Any environment with one learner as a Gymnasium vector environment.

    Observations (E, *observation_shape), rewards float64 (E,), terminations and truncations bool (E,). Infos
    follow Gymnasium: an array `k` with a mask `_k`, no key where no environment has it, and in same-step
    mode `final_obs` and `final_info`. With `copy=False` observations are views that the next call overwrites.
    """

    # Of the class, for `gymnasium.make_vec`; each instance has that of its environment.
    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 30}

    def __init__(
        self,
        env_id: str,
        num_envs: int = 1,
        *,
        num_threads: int | None = None,
        autoreset_mode: str | AutoresetMode = "NextStep",
        copy: bool = True,
        render_mode: str | None = None,
        **config: Any,
    ) -> None:
        self.closed = True  # until there is something to close
        metadata = self._metadata(arguments.environment_id(env_id))
        self.render_mode = arguments.render_mode(render_mode, metadata)
        # The views are read before the next step and copied here, once, without the agent axis.
        self._vec = VecEnv(
            env_id, num_envs, num_threads=num_threads, autoreset_mode=autoreset_mode, copy=False, **config
        )
        if self._vec.num_agents != 1:
            self._vec.close()
            raise InvalidInputError(several_learners(env_id, self._vec.num_agents))
        self.copy = bool(copy)
        self.closed = False
        self.num_envs = self._vec.num_envs
        self.autoreset_mode = self._vec.autoreset_mode
        self.metadata = {**metadata, "autoreset_mode": self.autoreset_mode}
        self.single_observation_space = self._vec.agent_observation_spaces[0]
        self.single_action_space = self._vec.agent_action_spaces[0]
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._agent_axis = bool(self._vec.spec["multi_agent"])
        self._action_shape = (self.num_envs, *self._vec.spec["action_shape"])
        self._info_dtypes = {
            info["name"]: info_dtype(info) for info in self._vec.spec["infos"] if self._shows(info["name"])
        }

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start new episodes, all or where `options["reset_mask"]` is true; see `VecEnv.reset`."""
        observations, _ = self._vec.reset(seed=seed, options=options)
        return self._given(observations), {}

    def step(self, actions: Any) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """Step all environments with actions (E, *action_shape); errors as in `VecEnv.step`."""
        array = self._vec._read_actions(actions, self._action_shape, "(num_envs, *action_shape)")
        if self._agent_axis:
            array = array[:, np.newaxis]
        observations, rewards, terminations, truncations, given = self._vec.step(array)
        return (
            self._given(observations),
            rewards.reshape(self.num_envs).astype(np.float64),
            terminations.copy(),
            truncations.copy(),
            self._infos(given),
        )

    def rollout(self, actions: Any) -> Rollout:
        """Many steps in one call, with actions (T, E, *action_shape) or the integer T; see `VecEnv`."""
        if np.ndim(actions) > 0 and self._agent_axis:
            actions = np.expand_dims(actions, 2)
        arrays = self._vec.rollout(actions)
        if self._agent_axis:
            for name in AGENT_ARRAYS:
                arrays[name] = arrays[name][:, :, 0]
        return arrays

    def snapshot(self) -> bytes:
        """Everything that decides the future, as bytes; see `VecEnv.snapshot`."""
        return self._vec.snapshot()

    def restore(self, data: bytes) -> None:
        """Go back to a snapshot; see `VecEnv.restore`."""
        self._vec.restore(data)

    @property
    def state(self) -> dict[str, Array]:
        """The state in columns (E, ...); see `VecEnv.state`."""
        return self._vec.state

    @state.setter
    def state(self, columns: Mapping[str, Any]) -> None:
        self._vec.state = columns

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """Seed in force for each environment."""
        return tuple(self._vec.seeds.tolist())

    def render(self) -> tuple[Any, ...] | None:
        """A picture of every environment, (height, width, 3), uint8; None and a warning without a `render_mode`."""
        engine = self._vec._opened()
        if self.render_mode is None:
            gymnasium.logger.warn("render: no render_mode was given; use render_mode='rgb_array'")
            return None
        return rendering.draw_all(engine)

    def close_extras(self, **kwargs: Any) -> None:
        """Give the engine's memory back."""
        self._vec.close()

    @classmethod
    def _metadata(cls, env_id: str) -> dict[str, Any]:
        return rendering.metadata(env_id)

    def _shows(self, info: str) -> bool:
        return True

    def _without_agents(self, array: Array) -> Array:
        return array[:, 0] if self._agent_axis else array

    def _given(self, observations: Array) -> Array:
        array = self._without_agents(observations)
        return array.copy() if self.copy else array

    def _infos(self, given: dict[str, Any]) -> dict[str, Any]:
        infos: dict[str, Any] = {}
        present = next((given[f"_{name}"] for name in self._info_dtypes if f"_{name}" in given), None)
        ended = given.get("final_mask")
        if ended is not None and self.autoreset_mode is AutoresetMode.SAME_STEP:
            # The step's infos belong to the episode that ended; the reset that followed has none.
            terminal = self._without_agents(given["final_obs"])
            final_obs = np.full(self.num_envs, None, dtype=object)
            for env in np.flatnonzero(ended):
                final_obs[env] = terminal[env].copy()
            infos["final_obs"], infos["_final_obs"] = final_obs, ended.copy()
            infos["final_info"], infos["_final_info"] = self._select(given, ended), ended.copy()
            present = None if present is None else present & ~ended
        if present is not None and present.any():
            infos.update(self._select(given, present))
        return infos

    def _select(self, given: dict[str, Any], envs: npt.NDArray[np.bool_]) -> dict[str, Any]:
        """The infos of some environments; the others have zeros and a false mask."""
        selected = {}
        for name, dtype in self._info_dtypes.items():
            values = np.zeros(given[name].shape, dtype)
            values[envs] = given[name][envs]
            selected[name], selected[f"_{name}"] = values, envs.copy()
        return selected


class MarketVectorEnv(GymnasiumVectorEnv):
    """The electricity market with one learner: the batched twin of `ElectricityMarketEnv`.

    Args:
        agent_index, policies, params: as for `ElectricityMarketEnv`; policies must be constant.
        Everything else: as for `GymnasiumVectorEnv`.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "human"], "render_fps": 1}

    def __init__(
        self,
        num_envs: int = 1,
        *,
        agent_index: int = 0,
        policies: Sequence[Any] | None = None,
        **settings: Any,
    ) -> None:
        if "agents" in settings:
            raise InvalidInputError("agents: this environment has one learner; use agent_index")
        engine_settings = {key: value for key, value in settings.items() if key not in VECTOR_SETTINGS}
        agents = _backend.spec(MARKET_ID, **arguments.plain(engine_settings))["agents"]
        own = arguments.integer(agent_index, "agent_index", low=0, high=len(agents) - 1)
        constants, callables = read_policies(policies, len(agents), agents[own]["action"]["shape"][0])
        if callables.keys() - {own}:
            raise InvalidInputError(
                f"policies[{min(callables)}]: a batch plays constant policies only; step every agent with "
                "marl_ffi.VecEnv and ask the callables yourself"
            )
        played = [None if agent == own else constant.tolist() for agent, constant in enumerate(constants)]
        super().__init__(MARKET_ID, num_envs, agents=[own], policies=played, **settings)
        self.agent_index = own

    def render(self) -> tuple[Any, ...] | None:
        """Per environment the line of `ElectricityMarketEnv.render`: returned (`"ansi"`) or printed."""
        if self.render_mode is None:
            gymnasium.logger.warn("render: no render_mode was given; use render_mode='ansi' or 'human'")
            return None
        engine = self._vec._opened()
        lines = tuple(market_line(engine, env, self.agent_index) for env in range(self.num_envs))
        if self.render_mode == "ansi":
            return lines
        print("\n".join(lines))
        return None

    @classmethod
    def _metadata(cls, env_id: str) -> dict[str, Any]:
        return cls.metadata

    def _shows(self, info: str) -> bool:
        return info in INFO_KEYS
