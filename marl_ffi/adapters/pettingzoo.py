"""The environments as PettingZoo's `ParallelEnv`: dictionaries by agent, all agents act at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from .. import _arguments as arguments
from .. import _backend
from ..errors import ClosedError, DtypeError, EpisodeOverError, InvalidInputError, NotResetError
from ..spaces import action_spaces, observation_spaces

try:
    from pettingzoo import ParallelEnv  # type: ignore[import-untyped]
except ImportError as missing:
    raise ImportError(
        "marl_ffi.parallel_env needs PettingZoo, which is not installed: pip install marl_ffi[pettingzoo]"
    ) from missing

__all__ = ["MarlParallelEnv", "parallel_env"]

Array = npt.NDArray[Any]


def parallel_env(
    id: str, *, render_mode: str | None = None, max_cycles: int | None = None, **config: Any
) -> MarlParallelEnv:
    """The environment `id` as a `pettingzoo.ParallelEnv`.

    Args:
        id: name of the environment, with or without `marl_ffi/` in front.
        render_mode: modes the environment can draw itself in; at present `None`.
        max_cycles: PettingZoo's word for the setting `max_episode_steps`.
        **config: settings of the environment.

    Raises:
        UnknownNameError: no such id or setting. ImportError: PettingZoo is missing.
    """
    return MarlParallelEnv(id, render_mode=render_mode, max_cycles=max_cycles, **config)


class MarlParallelEnv(ParallelEnv[str, Array, Any]):  # type: ignore[misc]
    """All learned agents of one environment; see `parallel_env`.

    Every agent has its own observation space, without the padding of the batch. Observations and infos
    are fresh arrays, rewards Python floats, flags Python bools. An episode ends for all agents at once; then
    `agents` is empty until the next reset. The infos of the environment are given to every agent.
    """

    def __init__(
        self,
        env_id: str,
        *,
        render_mode: str | None = None,
        max_cycles: int | None = None,
        **config: Any,
    ) -> None:
        name = arguments.environment_id(env_id)
        self.metadata: dict[str, Any] = {"name": name.replace("-", "_"), "render_modes": []}
        self.render_mode = arguments.choice(render_mode, "render_mode", (None,))
        if max_cycles is not None:
            config["max_episode_steps"] = arguments.integer(max_cycles, "max_cycles", low=1)
        self._engine = _backend.make_engine(name, 1, None, "Disabled", arguments.plain(config))
        spec = self._engine.spec
        self.possible_agents: list[str] = [agent["name"] for agent in spec["agents"]]
        self.agents: list[str] = []
        self.observation_spaces = dict(zip(self.possible_agents, observation_spaces(spec), strict=True))
        self.action_spaces = dict(zip(self.possible_agents, action_spaces(spec), strict=True))
        self._seat = {agent: seat for seat, agent in enumerate(self.possible_agents)}
        # Observations of narrower agents are padded in the engine's array; this cuts each to its own size.
        self._width = {
            agent: tuple(map(slice, space.shape or ())) for agent, space in self.observation_spaces.items()
        }
        self._read = arguments.ActionReader(spec)
        self._scalars = {info["name"] for info in spec["infos"] if not info["shape"]}
        self._was_reset = False

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """The agent's observation space, the same object at every call."""
        return self.observation_spaces[self._known(agent)]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """The agent's action space, the same object at every call."""
        return self.action_spaces[self._known(agent)]

    def reset(
        self, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Array], dict[str, dict[str, Any]]]:
        """Start an episode of all agents: observations and empty infos by agent.

        Args:
            seed: `None` (randomness goes on) or an integer from 0 to 2**64 - 1.
            options: reset options of the environment; a key "options" is ignored.
        """
        engine = self._opened()
        numbers, seeded = arguments.seeds(None if seed is None else arguments.seed(seed), 1)
        _, others = arguments.reset_options(options, 1)
        if others is not None:
            # PettingZoo's api tests reset with {"options": 1} to see that options are taken at all.
            others.pop("options", None)
        engine.reset(numbers, seeded, None, others or None)
        self.agents, self._was_reset = list(self.possible_agents), True
        return self._observations(), {agent: {} for agent in self.agents}

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[
        dict[str, Array], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]
    ]:
        """One action of every agent: observations, rewards, terminations, truncations and infos by agent.

        Raises:
            InvalidInputError, UnknownNameError: an agent without an action, or an action without an agent.
            ShapeError, DtypeError, ActionError: not an action of that agent. Nothing was stepped.
            NotResetError, EpisodeOverError: nothing to step.
        """
        engine = self._opened()
        if not isinstance(actions, Mapping):
            raise DtypeError(f"actions: expected a dictionary by agent, got {type(actions).__name__}")
        if not self.agents:
            self._refuse_or_ignore(actions)
            return {}, {}, {}, {}, {}
        engine.step(self._joined(actions))
        out, agents = engine.out, self.agents
        terminated, truncated = bool(out.terminations[0]), bool(out.truncations[0])
        rewards = out.rewards[0].tolist()
        if terminated or truncated:
            self.agents = []
        return (
            self._observations(),
            dict(zip(agents, rewards, strict=True)),
            dict.fromkeys(agents, terminated),
            dict.fromkeys(agents, truncated),
            {agent: self._info() for agent in agents},
        )

    def state(self) -> Array:
        """What all agents observe, one after the other, as one fresh vector."""
        return np.concatenate([each.reshape(-1) for each in self._observations().values()])

    @property
    def np_random_seed(self) -> int:
        """The seed of the environment's generator, also where it was drawn from entropy."""
        return int(self._opened().seeds()[0])

    def render(self) -> None:
        """Nothing is drawn."""
        return None

    def close(self) -> None:
        """Give the engine's memory back. Closing twice is fine; any other use afterwards is a ClosedError."""
        if self._engine is not None:
            engine, self._engine = self._engine, None
            self.agents = []
            engine.close()

    def _opened(self) -> Any:
        if self._engine is None:
            raise ClosedError(f"{self.metadata['name']} is closed", reason="closed", code=601)
        return self._engine

    def _known(self, agent: str) -> str:
        if agent not in self._seat:
            raise arguments.unknown(agent, "agent", self._seat)
        return agent

    def _refuse_or_ignore(self, actions: Mapping[str, Any]) -> None:
        # With no live agent there is nothing to act for: PettingZoo's loops may still step with {}.
        if not self._was_reset:
            raise NotResetError("step before the first reset", reason="not_reset", code=401)
        if actions:
            raise EpisodeOverError("the episode is over: reset first", reason="episode_over", code=402)

    def _joined(self, actions: Mapping[str, Any]) -> Array:
        """The agents' actions as the engine's array (1, A, *action_shape), in their common dtype."""
        for agent in actions:
            self._known(agent)
        missing = [agent for agent in self.agents if agent not in actions]
        if missing:
            raise InvalidInputError(f"actions: no action for {', '.join(missing)}")
        shape = tuple(self._engine.spec["action_shape"])
        rows = [self._read(actions[agent], shape, f"action_shape of {agent}") for agent in self.agents]
        joined = np.stack(rows)[np.newaxis]
        return self._read(joined, joined.shape, "(1, num_agents, *action_shape)")

    def _observations(self) -> dict[str, Array]:
        rows = self._opened().out.observations[0]
        if not self._engine.spec["multi_agent"]:
            rows = rows[np.newaxis]
        return {agent: rows[seat][self._width[agent]].copy() for agent, seat in self._seat.items()}

    def _info(self) -> dict[str, Any]:
        infos = self._engine.out.infos
        return {
            name: array[0].item() if name in self._scalars else array[0].copy()
            for name, array in infos.items()
        }
