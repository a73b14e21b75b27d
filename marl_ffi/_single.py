"""The fast way from one action to the engine and from the engine's arrays to plain Python values.

A single environment is stepped millions of times with two or three numbers per call, so what costs is
not the rules but Python itself. Everything that can be looked up is looked up once, at construction:
memory views of the engine's own buffers (reading a scalar takes 15 ns instead of 40, writing an
action 60 ns instead of 120), bound `copy` methods, and the callable that steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from . import _arguments as arguments
from .errors import ClosedError, DtypeError

Array = npt.NDArray[Any]
Run = Callable[[], None]


class EngineEnv(gymnasium.Env[Array, Any]):
    """What all single environments share: one engine with one environment, its life and its seeds."""

    _engine: Any = None
    _step: Callable[..., Any]
    _place: tuple[Any, ...]  # of the learner's observation in the engine's array

    def observe(self) -> Array:
        """The observation of the present state, for instance after `restore`; a fresh array."""
        engine = self._opened()
        engine.observe()
        observation: Array = engine.out.observations[self._place].copy()
        return observation

    def snapshot(self) -> bytes:
        """Everything that decides the future, as bytes: state, clock, generator."""
        return bytes(self._opened().snapshot())

    def restore(self, data: bytes) -> None:
        """Go back to a snapshot of an environment with the same settings.

        Raises:
            SnapshotError: the bytes are no such snapshot. Nothing has changed.
        """
        engine = self._opened()
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise DtypeError(f"snapshot: expected bytes, got {type(data).__name__}")
        engine.restore(bytes(data))
        engine.observe()  # the next policy to be asked sees the restored hour

    def close(self) -> None:
        """Give the engine's memory back. Closing twice is fine; any other use afterwards is a ClosedError."""
        if self._engine is not None:
            engine, self._engine = self._engine, None
            # The fast step holds views of the engine's memory, not of `self`: it must go too.
            self._bind(lambda *_, **__: self._opened())
            engine.close()

    def _opened(self) -> Any:
        if self._engine is None:
            raise ClosedError(f"{type(self).__name__} is closed", reason="closed", code=601)
        return self._engine

    def _start(self, seed: Any, options: Mapping[str, Any] | None) -> int | None:
        """Reset the engine and Gymnasium's own generator; returns the seed as a Python integer."""
        engine = self._opened()
        number = None if seed is None else arguments.seed(seed)
        numbers, seeded = arguments.seeds(number, 1)
        _, others = arguments.reset_options(options, 1)
        engine.reset(numbers, seeded, None, others)
        super().reset(seed=number)
        return number

    def _bind(self, step: Callable[..., Any]) -> None:
        """Make `step` what a call of `env.step` runs.

        It is put on the instance, where a call finds it without a bound method or a second call in between,
        unless a subclass has a `step` of its own.
        """
        if self.render_mode == "human" and self._engine is not None:
            quiet = step

            def step(*args: Any, **kwargs: Any) -> Any:
                result = quiet(*args, **kwargs)
                self.render()
                return result

        self._step = step
        if type(self).step.__module__.startswith("marl_ffi."):
            self.step = step  # type: ignore[method-assign]


class ActionDoor:
    """Writes one action into the buffer of its dtype and says what to call to step with it.

    Attributes:
        view: flat memory view of the buffer of the action space's own dtype. `view[:] = action` is the
            short way in: it takes an array of exactly that dtype and size and refuses everything else.
        run: steps the engine with what is in that buffer.
        bare: the same for the hottest path: a function, its three arguments, and a callable. If the function
            returns anything but 0 or None, the callable raises why.
    """

    def __init__(self, engine: Any, space: spaces.Space[Any]) -> None:
        spec = engine.spec
        self._shape = tuple(spec["action_shape"])
        self._read = arguments.ActionReader(spec)
        self._doors: dict[np.dtype[Any], tuple[Any, Run]] = {}
        for name in spec["action_dtypes"]:
            self._doors[np.dtype(name)] = _door(engine, name, (1, 1, *self._shape))
        self.view, self.run = self._doors[np.dtype(space.dtype)]
        run, name = self.run, np.dtype(space.dtype).name
        parts = getattr(engine, "step_bare", None)
        self.bare = parts[name] if parts else (lambda *_: run(), (None, None, None), run)
        self._others = [door for door in self._doors.values() if door[0] is not self.view]

    def write(self, action: Any) -> Run:
        """The long way in, for every action that is not an array of the expected dtype.

        Lists and Python numbers count as float64 (int64 if the actions are discrete).

        Raises:
            ShapeError, DtypeError, ActionError: no action of this environment; nothing was written.
        """
        for view, run in self._others:
            try:
                view[:] = action
            except (TypeError, ValueError):
                continue
            return run
        array = self._read(action, self._shape, "action_shape")
        view, run = self._doors[array.dtype]
        view[:] = array.reshape(-1)
        return run


def flat_view(array: Any) -> Any:
    """The numbers of a C-ordered array of the engine, as one flat `memoryview`."""
    view = array.reshape(-1)
    assert np.shares_memory(view, array)
    return memoryview(view)


def _door(engine: Any, dtype: str, shape: tuple[int, ...]) -> tuple[Any, Run]:
    fast = getattr(engine, "step_fast", None)
    if fast is not None:
        return flat_view(engine.action_buffers[dtype]), fast[dtype]
    buffer, step = np.zeros(shape, dtype), engine.step

    def run() -> None:
        step(buffer)

    return flat_view(buffer), run
