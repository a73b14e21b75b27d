"""How the engine moves the rows of its batch: one after the other, or all at once where the rules are vectorised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from .classic.base import ClassicEnvironment
from .market_rules import Array

__all__ = ["AllAtOnce", "Environment", "OneByOne", "Rows", "action_bounds", "rows_of"]

State = dict[str, Array]
Stepped = tuple[Array, Array, Mapping[str, Array]]  # rewards (E, A), terminations (E,), infos


class Environment(Protocol):
    """The rules of one game under one configuration. A state is a dictionary of arrays, one per column."""

    spec: dict[str, Any]
    clip_actions: bool

    def new_state(self) -> State: ...
    def reset(
        self, state: State, rng: np.random.Generator, seeded: bool, options: Mapping[str, Any] | None
    ) -> None: ...
    def step(self, state: State, clock: int, actions: Array) -> tuple[Array, bool, dict[str, Any]]: ...
    def observe(self, state: State, clock: int) -> Array: ...
    def check_column(self, name: str, values: Array) -> None: ...


class DrawingEnvironment(Protocol):
    """Rules that draw in every step, from a generator that they seed themselves."""

    spec: dict[str, Any]
    clip_actions: bool

    def new_state(self) -> State: ...
    def seed(self, state: State, seed: int) -> np.random.Generator: ...
    def reset(
        self, state: State, rng: np.random.Generator, seeded: bool, options: Mapping[str, Any] | None
    ) -> None: ...
    def step(
        self, state: State, clock: int, actions: Array, rng: np.random.Generator
    ) -> tuple[Array, bool, dict[str, Any]]: ...
    def observe(self, state: State, clock: int) -> Array: ...
    def check_column(self, name: str, values: Array) -> None: ...


class Rows(Protocol):
    """The same for E rows, whose state is a dictionary of columns (E, ...)."""

    clips: bool

    def new_state(self, rows: int) -> State: ...
    def seed(self, state: State, row: int, seed: int) -> np.random.Generator: ...
    def read_options(self, options: Mapping[str, Any] | None) -> Any: ...
    def reset(self, state: State, row: int, rng: np.random.Generator, seeded: bool, options: Any) -> None: ...
    def step(
        self, state: State, clock: Array, actions: Array, live: Array, rngs: Sequence[np.random.Generator]
    ) -> Stepped: ...
    def observe(self, state: State, clock: Array) -> Array: ...
    def check_column(self, name: str, values: Array) -> None: ...


class OneByOne:
    """Rules for one environment, applied to one row after the other."""

    def __init__(self, environment: Environment | DrawingEnvironment) -> None:
        self.environment: Any = environment
        self.clips = environment.clip_actions
        self.check_column = environment.check_column
        spec = environment.spec
        self._agents, self._single = len(spec["agents"]), not spec["multi_agent"]
        self._infos = spec["infos"]
        self._bounds = action_bounds(spec)

    def new_state(self, rows: int) -> State:
        """The state before any reset."""
        return {name: np.stack([value] * rows) for name, value in self.environment.new_state().items()}

    def seed(self, state: State, row: int, seed: int) -> np.random.Generator:
        """The generator of one row for a seed."""
        return np.random.default_rng(seed)

    def read_options(self, options: Mapping[str, Any] | None) -> Any:
        """Left to the environment."""
        return options

    def reset(self, state: State, row: int, rng: np.random.Generator, seeded: bool, options: Any) -> None:
        """Start an episode in one row."""
        own = {name: column[row] for name, column in state.items()}
        self.environment.reset(own, rng, seeded, options)
        self._write(state, row, own)

    def step(
        self, state: State, clock: Array, actions: Array, live: Array, rngs: Sequence[np.random.Generator]
    ) -> Stepped:
        """Step the rows that are `live`; the others keep zeros."""
        rows = len(live)
        rewards, terminated = np.zeros((rows, self._agents)), np.zeros(rows, bool)
        infos = {info["name"]: np.zeros((rows, *info["shape"]), info["dtype"]) for info in self._infos}
        for row in np.flatnonzero(live).tolist():
            own = {name: column[row] for name, column in state.items()}
            given = actions[row]
            if self.clips:
                given = np.clip(given, *(bound.astype(given.dtype) for bound in self._bounds))
            rewards[row], terminated[row], told = self._play(own, int(clock[row]), given, rngs[row])
            self._write(state, row, own)
            for name, array in infos.items():
                array[row] = told[name]
        return rewards, terminated, infos

    def observe(self, state: State, clock: Array) -> Array:
        """What is seen of every row."""
        seen = [
            self.environment.observe({name: column[row] for name, column in state.items()}, int(clock[row]))
            for row in range(len(clock))
        ]
        return np.stack([each[0] for each in seen] if self._single else seen)

    def _play(
        self, own: State, clock: int, actions: Array, rng: np.random.Generator
    ) -> tuple[Array, bool, dict[str, Any]]:
        stepped: tuple[Array, bool, dict[str, Any]] = self.environment.step(own, clock, actions)
        return stepped

    @staticmethod
    def _write(state: State, row: int, own: State) -> None:
        for name, value in own.items():
            state[name][row] = value


class OneByOneDrawing(OneByOne):
    """The same for rules that draw in every step."""

    def seed(self, state: State, row: int, seed: int) -> np.random.Generator:
        """The generator of one row for a seed; whatever else starts anew with it is in its state."""
        own = {name: column[row] for name, column in state.items()}
        generator: np.random.Generator = self.environment.seed(own, seed)
        self._write(state, row, own)
        return generator

    def _play(
        self, own: State, clock: int, actions: Array, rng: np.random.Generator
    ) -> tuple[Array, bool, dict[str, Any]]:
        stepped: tuple[Array, bool, dict[str, Any]] = self.environment.step(own, clock, actions, rng)
        return stepped


class AllAtOnce:
    """Vectorised rules; only the draws of a reset go row by row, each from the row's own generator."""

    def __init__(self, environment: ClassicEnvironment) -> None:
        self.environment = environment
        self.clips = environment.clip_actions
        self.new_state = environment.new_state
        self.read_options = environment.read_options
        self.check_column = environment.check_column
        self.observe = environment.observe

    def seed(self, state: State, row: int, seed: int) -> np.random.Generator:
        """The generator of one row for a seed."""
        return np.random.default_rng(seed)

    def reset(self, state: State, row: int, rng: np.random.Generator, seeded: bool, options: Any) -> None:
        """Start an episode in one row."""
        with np.errstate(over="ignore"):
            for column, value in zip(state.values(), self.environment.draw(rng, options), strict=True):
                column[row] = value

    def step(
        self, state: State, clock: Array, actions: Array, live: Array, rngs: Sequence[np.random.Generator]
    ) -> Stepped:
        """Step all rows; what comes out of those that are not `live` has no meaning."""
        with np.errstate(invalid="ignore", over="ignore"):
            rewards, terminated = self.environment.step(state, actions[:, 0])
        return rewards[:, np.newaxis], terminated, {}


def rows_of(environment: Environment | DrawingEnvironment | ClassicEnvironment) -> Rows:
    """The rows of an environment, whichever way its rules are written."""
    if isinstance(environment, ClassicEnvironment):
        return AllAtOnce(environment)
    return OneByOneDrawing(environment) if hasattr(environment, "seed") else OneByOne(environment)


def action_bounds(spec: Mapping[str, Any]) -> tuple[Array, Array]:
    """Lowest and highest action of every agent, (A, *action_shape), in float64."""
    spaces = [agent["action"] for agent in spec["agents"]]
    if spaces[0]["type"] == "discrete":
        n = np.array([space["n"] for space in spaces])
        return np.zeros(len(spaces)), n - 1.0
    if spaces[0]["type"] == "multi_discrete":
        nvec = np.array([space["nvec"] for space in spaces])
        return np.zeros(nvec.shape), nvec - 1.0
    low, high = (
        np.array([[fallback if x is None else x for x in space[side]] for space in spaces], np.float64)
        for side, fallback in (("low", -np.inf), ("high", np.inf))
    )
    shape = (len(spaces), *spec["action_shape"])
    return low.reshape(shape), high.reshape(shape)
