"""The engine in plain Python: what every environment shares.

One `for` loop over the environments; their rules come from the registry below. Autoreset follows
`gymnasium.vector.SyncVectorEnv`:

* `NextStep`: the step after an episode's end ignores that environment's action and resets it, with reward 0.
* `SameStep`: an episode that ends is reset in the same step; its last observation is in `final_observations`.
* `Disabled`: stepping a finished environment is an error.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ..errors import MarlError, error_for
from . import snapshot
from .config import unknown_name
from .market_rules import Array

__all__ = ["REGISTRY", "Outputs", "ReferenceEngine", "env_ids", "env_spec", "make_engine"]

AUTORESET_MODES = ("NextStep", "SameStep", "Disabled")
CLOCK = {
    "name": "clock", "dtype": "uint32", "shape": [], "unit": "steps", "writable": False,
    "description": "Steps into the episode.",
}  # fmt: skip


class Environment(Protocol):
    """The rules of one game under one configuration. A state is a dictionary of arrays, one per column."""

    spec: dict[str, Any]
    clip_actions: bool

    def new_state(self) -> dict[str, Array]: ...
    def reset(
        self, state: dict[str, Array], rng: np.random.Generator, seeded: bool, options: Mapping[str, Any] | None
    ) -> None: ...
    def step(
        self, state: dict[str, Array], clock: int, actions: Array
    ) -> tuple[Array, bool, dict[str, Any]]: ...
    def observe(self, state: dict[str, Array], clock: int) -> Array: ...
    def check_column(self, name: str, values: Array) -> None: ...


def _market(config: Mapping[str, Any]) -> Environment:
    from . import market
    from .market_env import MarketEnvironment

    if os.environ.get("MARL_FFI_BACKEND", "").strip().lower() == "numba":
        from . import market_numba

        return MarketEnvironment(config, market_numba)
    return MarketEnvironment(config, market)


REGISTRY: dict[str, Callable[[Mapping[str, Any]], Environment]] = {"ElectricityMarket-v0": _market}


def env_ids() -> list[str]:
    """Ids of all environments, sorted."""
    return sorted(REGISTRY)


def _environment(env_id: str, config: Mapping[str, Any]) -> Environment:
    if env_id not in REGISTRY:
        raise unknown_name("unknown_id", "environment", env_id, REGISTRY)
    environment = REGISTRY[env_id](config)
    environment.spec["columns"].append(dict(CLOCK))
    return environment


def env_spec(env_id: str, config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The self-description of an environment under a configuration."""
    return _environment(env_id, config or {}).spec


def make_engine(
    env_id: str, num_envs: int, autoreset_mode: str = "NextStep", config: Mapping[str, Any] | None = None
) -> ReferenceEngine:
    """An engine with `num_envs` copies of an environment."""
    return ReferenceEngine(_environment(env_id, config or {}), num_envs, autoreset_mode)


@dataclass
class Outputs:
    """Arrays that every call overwrites; E environments, A learned agents."""

    observations: Array
    rewards: Array
    terminations: Array
    truncations: Array
    final_observations: Array
    final_mask: Array
    episode_returns: Array
    episode_lengths: Array
    infos: dict[str, Array]


@dataclass
class Slot:
    """One environment: its state, clock, generators and the returns of the running episode."""

    state: dict[str, Array]
    returns: Array
    clock: int = 0
    seed: int = 0
    was_reset: bool = False
    over: bool = False
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    action_rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def seed_with(self, seed: int) -> None:
        """Start both streams, of the environment and of sampled actions, anew."""
        self.seed = seed
        self.rng, self.action_rng = np.random.default_rng(seed), np.random.default_rng(seed)


class ReferenceEngine:
    """`num_envs` copies of an environment, stepped one after the other."""

    def __init__(self, environment: Environment, num_envs: int, autoreset_mode: str) -> None:
        if isinstance(num_envs, bool) or not isinstance(num_envs, (int, np.integer)) or num_envs < 1:
            raise error_for("invalid_argument", f"num_envs: expected an integer >= 1, got {num_envs!r}")
        if autoreset_mode not in AUTORESET_MODES:
            message = f"autoreset_mode: expected one of {', '.join(AUTORESET_MODES)}, got {autoreset_mode!r}"
            raise error_for("invalid_argument", message)
        self.environment = environment
        self.spec = spec = environment.spec
        self.num_envs = int(num_envs)
        self.autoreset_mode = autoreset_mode
        self._closed = False
        self._columns = {column["name"]: column for column in spec["columns"]}
        agents = len(spec["agents"])
        self._action_shape = (self.num_envs, agents, *spec["action_shape"])
        self._low, self._high = self._action_bounds()
        self._slots = [Slot(environment.new_state(), np.zeros(agents)) for _ in range(self.num_envs)]
        self.out = self._outputs(agents)

    # -- the protocol -------------------------------------------------------------------------------------------------

    def reset(
        self, seeds: Array | None = None, seeded: Array | None = None, mask: Array | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Start episodes where `mask` (E,) is true, with `seeds[i]` where `seeded[i]`, else with streams that go on."""
        self._check_open()
        mask = np.ones(self.num_envs, bool) if mask is None else self._vector("mask", mask)
        if seeds is None:
            seeded = np.zeros(self.num_envs, bool)
        else:
            seeds = self._vector("seeds", seeds)
            seeded = np.ones(self.num_envs, bool) if seeded is None else self._vector("seeded", seeded)
        for i in np.flatnonzero(mask):
            self._reset_one(int(i), int(seeds[i]) if seeds is not None and seeded[i] else None, options)

    def step(self, actions: Array) -> None:
        """Step all environments with `actions` (E, A, *action_shape); refused actions step nothing."""
        self._check_open()
        actions = self._checked(actions)
        out = self.out
        out.final_mask[:] = False
        out.episode_returns[:] = 0
        out.episode_lengths[:] = 0
        for i, slot in enumerate(self._slots):
            if slot.over:
                self._reset_one(i, None, None)
            else:
                self._step_one(i, slot, actions[i])

    def rollout(self, num_steps: int, actions: Array | None = None) -> dict[str, Array]:
        """Many steps at once, with `actions` (T, E, A, *action_shape) or sampled ones; arrays with a leading T."""
        self._check_open()
        if isinstance(num_steps, bool) or not isinstance(num_steps, (int, np.integer)) or num_steps < 1:
            raise error_for("invalid_argument", f"num_steps: expected an integer >= 1, got {num_steps!r}")
        if actions is not None and np.shape(actions) != (num_steps, *self._action_shape):
            expected = (num_steps, *self._action_shape)
            raise error_for("length_mismatch", f"actions: expected shape {expected}, got {np.shape(actions)}")
        if self.autoreset_mode == "Disabled":
            message = "a rollout needs an autoreset mode: NextStep or SameStep, not Disabled"
            raise error_for("invalid_argument", message)
        before = self.snapshot()
        names = [name for name in Outputs.__dataclass_fields__ if name != "infos"]
        rows: dict[str, list[Array]] = {name: [] for name in [*names, "actions"]}
        for k in range(num_steps):
            row = self.sample_actions() if actions is None else np.asarray(actions[k])
            try:
                self.step(row)
            except MarlError as e:
                self.restore(before)
                raise error_for(e.reason, f"step {k}: {e}") from None
            rows["actions"].append(row.copy())
            for name in names:
                rows[name].append(getattr(self.out, name).copy())
            rows["final_observations"][-1][~self.out.final_mask] = 0
        return {name: np.stack(steps) for name, steps in rows.items()}

    def observe(self) -> None:
        """Recompute the observations from the state."""
        self._check_open()
        for i, slot in enumerate(self._slots):
            self.out.observations[i] = self._seen(slot)

    def snapshot(self) -> bytes:
        """Everything that decides the future, as bytes."""
        self._check_open()
        return snapshot.pack(self._identity(), self._slots)

    def restore(self, data: bytes) -> None:
        """Go back to a snapshot of the same environment; a refused one changes nothing."""
        self._check_open()
        self._slots = snapshot.unpack(data, self._identity(), self._slots)
        self.observe()

    def column(self, name: str) -> Array:
        """A copy of one column of the state, (E, ...)."""
        self._check_open()
        column = self._column(name)
        if name == "clock":
            return np.array([slot.clock for slot in self._slots], np.uint32)
        return np.array([slot.state[name] for slot in self._slots], column["dtype"])

    def set_column(self, name: str, values: Array, mask: Array | None = None) -> None:
        """Write a column (E, ...) where `mask` (E,) is true; a refused value changes nothing."""
        self._check_open()
        column = self._column(name)
        if not column["writable"]:
            raise error_for("invalid_state", f"{name}: this column cannot be written")
        array = np.asarray(values)
        shape = (self.num_envs, *column["shape"])
        if array.shape != shape:
            raise error_for("length_mismatch", f"{name}: expected shape {shape}, got {array.shape}")
        array = array.astype(column["dtype"])
        chosen = np.ones(self.num_envs, bool) if mask is None else self._vector("mask", mask)
        rows = np.where(chosen.reshape(-1, *[1] * (array.ndim - 1)), array, self.column(name))
        self.environment.check_column(name, rows)
        for i in np.flatnonzero(chosen):
            self._slots[i].state[name] = array[i].copy()

    def seeds(self) -> Array:
        """Seed in force for each environment, also where it came from entropy; 0 before the first reset."""
        self._check_open()
        return np.array([slot.seed for slot in self._slots], np.uint64)

    def close(self) -> None:
        """End the use of this engine; further calls are errors."""
        self._closed = True

    def sample_actions(self) -> Array:
        """Actions as `gymnasium.spaces` would sample them, from every environment's own generator."""
        first = self.spec["agents"][0]["action"]
        drawn = np.empty(self._action_shape, first["dtype"])
        for i, slot in enumerate(self._slots):
            for a, agent in enumerate(self.spec["agents"]):
                if agent["action"]["type"] == "discrete":
                    drawn[i, a] = slot.action_rng.integers(agent["action"]["n"])
                else:
                    width = self._high[a] - self._low[a]
                    drawn[i, a] = self._low[a] + width * slot.action_rng.random(self._low[a].shape)
        return drawn

    # -- one environment ----------------------------------------------------------------------------------------------

    def _reset_one(self, i: int, seed: int | None, options: Mapping[str, Any] | None) -> None:
        slot = self._slots[i]
        if seed is not None:
            slot.seed_with(seed)
        elif not slot.was_reset:
            slot.seed_with(secrets.randbits(64))
        self.environment.reset(slot.state, slot.rng, seed is not None, options)
        self._begin(slot)
        out = self.out
        out.observations[i] = self._seen(slot)
        out.rewards[i] = 0
        out.terminations[i] = out.truncations[i] = False
        for array in out.infos.values():
            array[i] = 0

    def _begin(self, slot: Slot) -> None:
        slot.clock, slot.was_reset, slot.over = 0, True, False
        slot.returns = np.zeros_like(slot.returns)

    def _step_one(self, i: int, slot: Slot, actions: Array) -> None:
        out, limit = self.out, self.spec["max_episode_steps"]
        rewards, terminated, infos = self.environment.step(slot.state, slot.clock, actions)
        slot.clock += 1
        slot.returns = slot.returns + np.asarray(rewards, np.float64)
        truncated = not terminated and limit is not None and slot.clock >= limit
        out.rewards[i] = rewards
        out.terminations[i], out.truncations[i] = terminated, truncated
        for name, array in out.infos.items():
            array[i] = infos[name]
        out.observations[i] = self._seen(slot)
        if not (terminated or truncated):
            return
        out.final_mask[i] = True
        out.final_observations[i] = out.observations[i]
        out.episode_returns[i], out.episode_lengths[i] = slot.returns, slot.clock
        slot.over = True
        if self.autoreset_mode == "SameStep":
            self.environment.reset(slot.state, slot.rng, False, None)
            self._begin(slot)
            out.observations[i] = self._seen(slot)

    def _seen(self, slot: Slot) -> Array:
        seen = self.environment.observe(slot.state, slot.clock)
        return seen if self.spec["multi_agent"] else seen[0]

    # -- checks -------------------------------------------------------------------------------------------------------

    def _checked(self, actions: Array) -> Array:
        """Actions in range, or the error that names environment, agent, component and value."""
        actions = np.asarray(actions)
        if actions.dtype.name not in self.spec["action_dtypes"]:
            expected = " or ".join(self.spec["action_dtypes"])
            raise error_for("dtype_mismatch", f"actions: expected dtype {expected}, got {actions.dtype}")
        if actions.shape != self._action_shape:
            message = f"actions: expected shape {self._action_shape}, got {actions.shape}"
            raise error_for("length_mismatch", message)
        for i, slot in enumerate(self._slots):
            if not slot.was_reset:
                raise error_for("not_reset", f"environment {i} was never reset; call reset first")
            if slot.over and self.autoreset_mode == "Disabled":
                raise error_for("episode_over", f"environment {i}: its episode is over; reset it first")
        ignored = np.array([slot.over for slot in self._slots]).reshape(-1, *[1] * (actions.ndim - 1))
        with np.errstate(invalid="ignore"):
            outside = ~((actions >= self._low) & (actions <= self._high))
        bad = (~np.isfinite(actions) if self.environment.clip_actions else outside) & ~ignored
        if bad.any():
            i, a, *component = (int(k) for k in np.argwhere(bad)[0])
            where = "".join(f"[{k}]" for k in component)
            at = (a, *component)
            low, high, got = self._low[at], self._high[at], actions[i][at]
            message = (
                f"actions[{i}][{a}]{where}: environment {i}, agent {self.spec['agents'][a]['name']}, component "
                f"{component[0] if component else 0}: expected {low} to {high}, got {got}"
            )
            raise error_for("action_invalid", message)
        if not self.environment.clip_actions:
            return actions
        return np.clip(actions, self._low.astype(actions.dtype), self._high.astype(actions.dtype))

    def _check_open(self) -> None:
        if self._closed:
            raise error_for("closed", "this engine was closed")

    def _vector(self, name: str, values: Array) -> Array:
        array = np.asarray(values)
        if array.shape != (self.num_envs,):
            raise error_for("length_mismatch", f"{name}: expected shape ({self.num_envs},), got {array.shape}")
        return array

    def _column(self, name: str) -> dict[str, Any]:
        if name not in self._columns:
            raise unknown_name("unknown_column", "state column", name, self._columns)
        return self._columns[name]

    # -- arrays -------------------------------------------------------------------------------------------------------

    def _action_bounds(self) -> tuple[Array, Array]:
        spaces = [agent["action"] for agent in self.spec["agents"]]
        if spaces[0]["type"] == "discrete":
            n = np.array([space["n"] for space in spaces])
            return np.zeros(len(spaces)), n - 1.0
        bounds = [
            np.array([[fallback if x is None else x for x in space[side]] for space in spaces], np.float64)
            for side, fallback in (("low", -np.inf), ("high", np.inf))
        ]
        shape = (len(spaces), *self.spec["action_shape"])
        return bounds[0].reshape(shape), bounds[1].reshape(shape)

    def _outputs(self, agents: int) -> Outputs:
        spec, envs = self.spec, self.num_envs
        seats = (agents,) if spec["multi_agent"] else ()
        obs = (envs, *seats, *spec["observation_shape"])
        return Outputs(
            observations=np.zeros(obs, spec["observation_dtype"]),
            rewards=np.zeros((envs, agents), spec["reward_dtype"]),
            terminations=np.zeros(envs, bool),
            truncations=np.zeros(envs, bool),
            final_observations=np.zeros(obs, spec["observation_dtype"]),
            final_mask=np.zeros(envs, bool),
            episode_returns=np.zeros((envs, agents)),
            episode_lengths=np.zeros(envs, np.int64),
            infos={info["name"]: np.zeros((envs, *info["shape"]), info["dtype"]) for info in spec["infos"]},
        )

    def _identity(self) -> dict[str, Any]:
        return {
            "id": self.spec["id"], "config": self.spec["config"], "num_envs": self.num_envs,
            "autoreset_mode": self.autoreset_mode,
        }  # fmt: skip
