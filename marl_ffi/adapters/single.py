"""Any environment with one learner as a plain `gymnasium.Env`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from .. import _arguments as arguments
from .. import _backend, rendering
from .._leases import Loan, counts_references, getrefcount
from .._single import ActionDoor, EngineEnv, flat_view
from ..errors import InvalidInputError
from ..spaces import action_spaces, observation_spaces

Array = npt.NDArray[Any]
Step = tuple[Array, float, bool, bool, dict[str, Any]]


class GymnasiumEnv(EngineEnv):
    """The environment `env_id`, one copy, with its one learner.

    Observations are arrays that no later step changes while anything refers to them, rewards Python floats, flags
    Python bools, infos Python numbers and fresh arrays.
    The time limit is the environment's own setting `max_episode_steps`.

    Raises:
        UnknownNameError: no such id or setting. InvalidInputError: the environment has several learners.
    """

    # Of the class, for `gymnasium.make`; each instance has that of its environment.
    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 30}

    def __init__(self, env_id: str, *, render_mode: str | None = None, **config: Any) -> None:
        self.env_id = arguments.environment_id(env_id)
        self.metadata = rendering.metadata(self.env_id)
        self.render_mode = arguments.render_mode(render_mode, self.metadata)
        self._engine = _backend.make_engine(self.env_id, 1, None, "Disabled", arguments.plain(config))
        learners = len(self._engine.spec["agents"])
        if learners != 1:
            self._engine.close()
            raise InvalidInputError(several_learners(self.env_id, learners))
        self.observation_space = observation_spaces(self._engine.spec)[0]
        self.action_space = action_spaces(self._engine.spec)[0]
        # Single environments have no agent axis in their observations, multi-agent ones with one learner do.
        self._place = (0, 0) if self._engine.spec["multi_agent"] else (0,)
        self._bind(self._fast_step())

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start an episode. Returns the first observation and `{}`."""
        self._start(seed, options)
        return self._engine.out.observations[self._place].copy(), {}

    def step(self, action: Any) -> Step:
        """One step: observation, reward, terminated, truncated, infos. Errors as in `VecEnv.step`."""
        told: Step = self._step(action)
        return told

    def render(self) -> Array | None:
        """The picture of the present state, (height, width, 3), uint8; None and a warning without a `render_mode`."""
        engine = self._opened()
        if self.render_mode is None:
            gymnasium.logger.warn("render: no render_mode was given; use render_mode='rgb_array'")
            return None
        return rendering.draw_all(engine)[0]

    def __repr__(self) -> str:
        return f"GymnasiumEnv({self.env_id!r})"

    def _fast_step(self) -> Callable[[Any], Step]:
        """The step as a closure over everything it needs, see `marl_ffi._single`."""
        out, spec = self._engine.out, self._engine.spec
        door = ActionDoor(self._engine, self.action_space)
        view, write = door.view, door.write
        step_engine, (handle, io, nothing), explain = door.bare
        # One integer is written as a number, several numbers as a buffer.
        place = slice(None) if spec["action_shape"] else 0
        observation, read_info = out.observations[self._place].copy, _info_reader(self._engine)
        reward = flat_view(out.rewards)
        terminated, truncated = flat_view(out.terminations), flat_view(out.truncations)

        def step(action: Any) -> Step:
            try:
                view[place] = action
            except (TypeError, ValueError):
                write(action)()
            else:
                if step_engine(handle, io, nothing):
                    explain()
            return observation(), reward[0], terminated[0], truncated[0], read_info()

        def step_without_infos(action: Any) -> Step:
            try:
                view[place] = action
            except (TypeError, ValueError):
                write(action)()
            else:
                if step_engine(handle, io, nothing):
                    explain()
            return observation(), reward[0], terminated[0], truncated[0], {}

        if out.infos:
            return step
        bind = getattr(self._engine, "bind_step", None)
        # Larger choices would be rounded: the action goes by as a float.
        exact = getattr(self.action_space, "n", 0) <= 2**53
        if bind is None or math.prod(spec["action_shape"]) != 1 or not exact or not counts_references():
            return step_without_infos
        return self._bound_step(bind, step_without_infos)

    def _bound_step(self, bind: Callable[..., Any], otherwise: Callable[[Any], Step]) -> Callable[[Any], Step]:
        """The step where an action is one number, passed as such, and the reward is what comes back.

        Half of such a step is Python and the foreign call, which take longer the more different things are done: no
        memory view, no copy, one comparison. Whatever is out of the ordinary goes the way of `otherwise`.
        """
        out, dtype = self._engine.out, np.dtype(self.action_space.dtype)
        reward = flat_view(out.rewards)
        terminated, truncated = flat_view(out.terminations), flat_view(out.truncations)
        seen = out.observations[self._place]
        err, explain = self._engine.step_errors()
        run, spare = bind(dtype.name, out.observations, err)
        copy, references, infinity = seen.copy, getrefcount, math.inf
        # The caller holds what it was given last, as a rule, and nothing else.
        first, second = (
            Loan(seen.shape, seen.dtype, lambda array: bind(dtype.name, array, err)[1]) for _ in range(2)
        )
        integers = None if self.action_space.shape else (int, dtype.type)

        def step(action: Any) -> Step:
            nonlocal first, second
            try:
                if integers is None:
                    if action.dtype is not dtype or action.ndim != 1:
                        return otherwise(action)
                    action = action.item()
                elif type(action) not in integers:
                    return otherwise(action)
                # Taken before anybody else can look: who steps in another thread meanwhile sees that it is held.
                loan = first
                observation = loan.view()
                if references(loan.array) == loan.once:
                    first, second = second, loan
                    earned = run(loan.bound, action)
                else:
                    loan = second
                    observation = loan.view()
                    if references(loan.array) == loan.once:
                        earned = run(loan.bound, action)
                    else:
                        earned = run(spare, action)
                        observation = copy()
            except (AttributeError, ValueError, OverflowError):
                return otherwise(action)
            if earned < infinity:
                return observation, earned, False, False, {}
            if earned != earned:
                explain()
                return otherwise(action if integers else np.full(1, action, dtype))
            return observation, reward[0], terminated[0], truncated[0], {}

        return step


def info_dtype(info: Mapping[str, Any]) -> np.dtype[Any]:
    """The dtype of an info in a batch: single numbers are Python's (float64, int64, bool), arrays stay."""
    dtype: np.dtype[Any] = np.dtype(info["dtype"])
    if info["shape"]:
        return dtype
    return np.dtype(np.float64 if dtype.kind == "f" else np.bool_ if dtype.kind == "b" else np.int64)


def several_learners(env_id: str, learners: int) -> str:
    """What to say when an environment with several learners is asked for through a single-agent interface."""
    return (
        f"{env_id} has {learners} learners, Gymnasium's interface one; "
        "use marl_ffi.VecEnv, marl_ffi.parallel_env or a setting that leaves one learner"
    )


def _info_reader(engine: Any) -> Callable[[], dict[str, Any]]:
    infos = engine.out.infos
    numbers = {
        info["name"]: flat_view(infos[info["name"]]) for info in engine.spec["infos"] if not info["shape"]
    }
    arrays = {name: infos[name][0].copy for name in infos if name not in numbers}
    return lambda: {
        **{name: view[0] for name, view in numbers.items()},
        **{name: copy() for name, copy in arrays.items()},
    }
