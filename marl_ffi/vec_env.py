"""`VecEnv`: many copies of one environment, stepped together on arrays `(num_envs, num_agents, ...)`.

This file knows no game. It checks what comes in, hands it to an engine (native or reference), and hands
out what the engine wrote, copied or as views.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from . import _arguments as arguments
from . import _backend, _memory, rendering
from ._outputs import Rollout, itself, shown, step_infos
from .errors import BusyError, ClosedError, DtypeError, InvalidInputError, ShapeError
from .reference.market_rules import as_array
from .spaces import BatchedSpaces

__all__ = ["Rollout", "VecEnv"]

Array = npt.NDArray[Any]
MAX_NUM_THREADS = 4096
# The method itself: one Python call less for each array of a step.
_view: Callable[[Array], Array] = np.ndarray.view


def _alone(method: Callable[..., Any]) -> Callable[..., Any]:
    """One thread at a time, from the arguments to the copies of the results; a second one is refused, not kept waiting."""

    @functools.wraps(method)
    def guarded(self: VecEnv, *args: Any, **kwargs: Any) -> Any:
        if not self._free.acquire(blocking=False):
            raise self._busy()
        try:
            return method(self, *args, **kwargs)
        finally:
            self._free.release()

    return guarded


class VecEnv(BatchedSpaces):
    """`num_envs` copies of the environment `id`, with every agent's data in one array.

    Args:
        id: name of the environment, such as `"ElectricityMarket-v0"`; see `marl_ffi.list_envs()`.
        num_envs: number of copies, at least 1.
        num_threads: threads that share a step, at least 1; `None` leaves the choice to the engine.
        autoreset_mode: `"NextStep"`, `"SameStep"` or `"Disabled"` in any case, or Gymnasium's
            `AutoresetMode`, with the meaning they have for `gymnasium.vector.SyncVectorEnv`.
        copy: `True`: all arrays returned are yours. `False`: they are views of memory that the next call
            overwrites, which saves the copies.
        render_mode: `"rgb_array"` if `render` is to be called, for environments that can be drawn.
        **config: settings of the environment; `marl_ffi.spec(id)["parameters"]` lists them.

    Attributes:
        num_envs, num_agents: E and A below.
        agents: names of the agents, in the order of the agent axis.
        spec: self-description of the environment.
        autoreset_mode: the `AutoresetMode` in force.
        closed: whether `close` was called.

    Environments with a single agent by nature have no agent axis in any array.

    Raises:
        UnknownNameError: no such id or setting. InvalidInputError, DtypeError: a value that cannot be.
    """

    def __init__(
        self,
        id: str,
        num_envs: int,
        *,
        num_threads: int | None = None,
        autoreset_mode: str | AutoresetMode = "NextStep",
        copy: bool = True,
        render_mode: str | None = None,
        **config: Any,
    ) -> None:
        self.closed = True  # until there is something to close
        self._free = threading.Lock()
        self.id = arguments.environment_id(id)
        self.render_mode = arguments.render_mode(render_mode, rendering.metadata(self.id))
        self.num_envs = arguments.integer(num_envs, "num_envs", low=1, high=arguments.MAX_NUM_ENVS)
        if num_threads is not None:
            num_threads = arguments.integer(num_threads, "num_threads", low=1, high=MAX_NUM_THREADS)
        self.autoreset_mode = arguments.autoreset_mode(autoreset_mode)
        self.copy = bool(copy)
        config = arguments.plain(config)
        arguments.memory(_backend.spec(self.id, **config), self.num_envs)

        engine = _backend.make_engine(self.id, self.num_envs, num_threads, self.autoreset_mode.value, config)
        self._engine, self.closed = engine, False
        self.spec: dict[str, Any] = engine.spec
        self.agents = [agent["name"] for agent in self.spec["agents"]]
        self.num_agents = len(self.agents)

        single = not self.spec["multi_agent"]
        self._given = _memory.copy if self.copy else itself
        self._is_native = hasattr(engine, "step_alone")
        self._lends = self.copy and self._is_native
        action = tuple(self.spec["action_shape"])
        self._engine_shape = (self.num_envs, self.num_agents, *action)
        self._action_shape = (self.num_envs, *action) if single else self._engine_shape
        axes = "num_envs" if single else "num_envs, num_agents"
        self._action_layout, self._rollout_layout = f"({axes}, *action_shape)", f"(T, {axes}, *action_shape)"
        # The method, which is found faster than the object that has it is called.
        self._read_actions = arguments.ActionReader(self.spec).__call__
        # Episodes that ended in the last step: the next one resets them in NextStep mode, and then there are
        # no infos for them. None after `restore`, when only the engine's clocks still tell.
        self._ended: npt.NDArray[np.bool_] | None = np.zeros(self.num_envs, np.bool_)
        self._rolled = False  # whether there may have been a rollout since the last reset

    @_alone
    def reset(
        self, *, seed: int | list[int | None] | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start new episodes and return the first observations (E, A, *observation_shape), and `{}`.

        Args:
            seed: `None`: random streams go on (the first time: from fresh entropy, see `seeds`). An integer
                `s`: environment i is seeded `s + i`. A list: one integer or `None` per environment.
            options: `{"reset_mask": bool array (E,)}` resets only where true; other keys go to the
                environment. The dictionary is not changed.
        """
        engine = self._opened()
        numbers, seeded = arguments.seeds(seed, self.num_envs)
        mask, others = arguments.reset_options(options, self.num_envs)
        self._own_arrays(engine)
        engine.reset(numbers, seeded, mask, others)
        if mask is not None and (self._lends or self._rolled):
            engine.observe()  # the others', which the last steps wrote elsewhere
        self._rolled = False
        if self._ended is not None:
            self._ended[... if mask is None else mask] = False
        elif mask is None:
            self._ended = np.zeros(self.num_envs, np.bool_)
        return self._given(engine.out.observations), {}

    def step(self, actions: Any) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """Step all environments.

        Args:
            actions: (E, A, *action_shape). Arrays of a dtype in `spec["action_dtypes"]` are used as they
                are; float16 is widened to float32, integers and lists to float64 (discrete actions: whole
                numbers of any kind to int64).

        Returns:
            observations (E, A, *observation_shape); rewards (E, A); terminations (E,) and truncations (E,),
            bool; infos: for every info `k` of the environment the array `k` and the mask `_k` of the
            environments that have it. Where episodes ended in this step also `final_obs` (their last
            observations), `episode_return` (float64) and `episode_length` (int64), valid where
            `final_mask` is true.

        Raises:
            ShapeError, DtypeError: not an array of actions. ActionError: an action that is not allowed.
            NotResetError, EpisodeOverError: nothing to step. In all cases nothing was stepped.
        """
        # `_alone` written out: one Python call less on the way of every step.
        if not self._free.acquire(False):
            raise self._busy()
        try:
            engine = self._opened() if self.closed else self._engine
            array = self._read_actions(actions, self._action_shape, self._action_layout)
            given: Callable[[Array], Array] = self._given
            if self._is_native:
                if self._lends and engine.lease():
                    given = _view
                try:
                    engine.step_alone(array)
                except InvalidInputError:
                    self._check_not_ours(array)
                    raise
                arrays = engine.shown
            else:
                if not self.copy:
                    self._check_not_ours(array)
                engine.step(array.reshape(self._engine_shape))
                arrays = shown(engine.out, self.spec["multi_agent"])
            own = engine.out.infos
            infos = step_infos(own, arrays, self._present, given)
            if own:
                self._ended = arrays.final_mask.copy()
            if given is itself:
                return arrays[0], arrays[1], arrays[2], arrays[3], infos
            return given(arrays[0]), given(arrays[1]), given(arrays[2]), given(arrays[3]), infos
        finally:
            self._free.release()

    @_alone
    def rollout(self, actions: Any, *, extras: bool = True) -> Rollout:
        """Many steps in one call.

        Args:
            actions: array (T, E, A, *action_shape), or the integer T: then every environment samples its own
                actions, uniform in the action space, from a generator with the environment's seed.
            extras: whether to report the ends of episodes: `final_observations`, `final_mask`, `episode_returns`
                and `episode_lengths`. Of cheap environments they are half of what has to be written to memory.

        Returns:
            The arrays of all steps, each with a leading axis T; fresh memory.
        """
        engine = self._opened()
        if isinstance(actions, (list, tuple)):
            actions = as_array("actions", actions)
        if np.ndim(actions) == 0:
            steps, given = arguments.integer(actions, "number of steps", low=1, high=2**31 - 1), None
            arguments.memory(self.spec, self.num_envs, steps)
        else:
            steps = len(actions)
            if steps == 0:
                raise ShapeError("actions: expected at least one step, got 0")
            given = self._read_actions(actions, (steps, *self._action_shape), self._rollout_layout)
            given = given.reshape(steps, *self._engine_shape)
        self._ended = None  # should a later step of the rollout be refused
        self._rolled = True
        self._own_arrays(engine)
        arrays = engine.rollout(steps, given, bool(extras))
        self._ended = arrays["terminations"][-1] | arrays["truncations"][-1]
        if not self.spec["multi_agent"]:
            for name in ("rewards", "actions", "episode_returns"):
                if name in arrays:
                    arrays[name] = arrays[name][:, :, 0]
        return Rollout(arrays)

    @_alone
    def observe(self) -> Array:
        """The observations of the present state (E, A, *observation_shape), for instance after `restore`."""
        engine = self._opened()
        self._own_arrays(engine)
        engine.observe()
        return self._given(engine.out.observations)

    def snapshot(self) -> bytes:
        """Everything that decides the future, as bytes: states, clocks, generators."""
        return bytes(self._opened().snapshot())

    def restore(self, data: bytes) -> None:
        """Go back to a snapshot of an environment with the same id, settings and number of copies.

        Raises:
            SnapshotError: the bytes are no such snapshot. Nothing has changed.
        """
        engine = self._opened()
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise DtypeError(f"snapshot: expected bytes, got {type(data).__name__}")
        self._own_arrays(engine)
        engine.restore(bytes(data))
        self._ended = None

    @property
    def state(self) -> dict[str, Array]:
        """The state in columns, name -> array (E, ...), copied. Assigning a dictionary writes its columns."""
        engine = self._opened()
        return {name: engine.column(name) for name in (each["name"] for each in self.spec["columns"])}

    @state.setter
    def state(self, columns: Mapping[str, Any]) -> None:
        self.set_state(columns)

    def set_state(self, columns: Mapping[str, Any], *, mask: npt.NDArray[np.bool_] | None = None) -> None:
        """Write columns of the state, in all environments or where `mask` (E,) is true, and observe anew.

        Raises:
            UnknownNameError: no such column. ShapeError, InvalidInputError: values that cannot be, or a
                column that cannot be written. Nothing has changed then.
        """
        engine = self._opened()
        if not isinstance(columns, Mapping):
            raise DtypeError(f"state: expected a dictionary of arrays, got {type(columns).__name__}")
        if mask is not None:
            mask, _ = arguments.reset_options({"reset_mask": mask}, self.num_envs)
        arrays = {name: arguments.column(self.spec, self.num_envs, name, columns[name]) for name in columns}
        before = {name: engine.column(name) for name in arrays}
        try:
            for name, array in arrays.items():
                engine.set_column(name, array, mask)
        except Exception:
            for name, array in before.items():
                engine.set_column(name, array, None)
            raise
        self._own_arrays(engine)
        engine.observe()

    @_alone
    def render(self) -> tuple[npt.NDArray[np.uint8], ...]:
        """A picture of every environment's present state, each (height, width, 3), uint8.

        Raises:
            InvalidInputError: the environment was made without `render_mode="rgb_array"`.
        """
        engine = self._opened()
        if self.render_mode is None:
            raise InvalidInputError("render: no render_mode was given; make the environment with render_mode='rgb_array'")
        return rendering.draw_all(engine)

    @property
    def seeds(self) -> npt.NDArray[np.uint64]:
        """Seed in force for each environment (E,), also where it was drawn from entropy."""
        return np.array(self._opened().seeds(), dtype=np.uint64)

    def close(self) -> None:
        """Give the engine's memory back. Closing twice is fine; any other use afterwards is a ClosedError."""
        if not self.closed:
            self.closed = True
            self._engine.close()

    def __enter__(self) -> VecEnv:
        self._opened()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = ", closed" if self.closed else ""
        return (
            f"VecEnv({self.id!r}, num_envs={self.num_envs}, num_agents={self.num_agents}, "
            f"autoreset_mode={self.autoreset_mode.value!r}{state})"
        )

    def _busy(self) -> BusyError:
        return BusyError(f"VecEnv({self.id!r}): another thread is inside; use one VecEnv per thread")

    def _opened(self) -> Any:
        if self.closed:
            raise ClosedError(f"VecEnv({self.id!r}) is closed", reason="closed", code=601)
        return self._engine

    def _own_arrays(self, engine: Any) -> None:
        # What was lent for the last step is the caller's by now.
        if self._lends:
            engine.give_back()

    def _present(self) -> npt.NDArray[np.bool_]:
        """Environments that took a step, not a reset, in the last call of `step`."""
        if self.autoreset_mode is not AutoresetMode.NEXT_STEP:
            return np.ones(self.num_envs, np.bool_)
        if self._ended is None:
            clocks: npt.NDArray[np.uint32] = self._engine.column("clock")
            return clocks > 0
        return ~self._ended

    def _check_not_ours(self, actions: Array) -> None:
        # Without copies the caller holds views of the memory that a step writes while it reads the actions.
        out = self._engine.out
        for array in (out.observations, out.rewards, out.final_observations, *out.infos.values()):
            if np.may_share_memory(actions, array):
                raise InvalidInputError("actions: a view of this environment's own outputs; pass a copy")
