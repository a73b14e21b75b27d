"""The engine in plain Python: what every environment shares.

The rules come from the registry below; `rows.py` applies them to the rows of a batch. Autoreset follows
`gymnasium.vector.SyncVectorEnv`:

* `NextStep`: the step after an episode's end ignores that environment's action and resets it, with reward 0.
* `SameStep`: an episode that ends is reset in the same step; its last observation is in `final_observations`.
* `Disabled`: stepping a finished environment is an error.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import MarlError, error_for
from .classic import CLASSIC, ClassicEnvironment
from .config import unknown_name
from .lives import Lives
from .market_rules import Array
from .rows import DrawingEnvironment, Environment, action_bounds, rows_of

__all__ = ["REGISTRY", "Outputs", "ReferenceEngine", "env_ids", "env_spec", "make_engine"]

AUTORESET_MODES = ("NextStep", "SameStep", "Disabled")
EXTRAS = ("final_observations", "final_mask", "episode_returns", "episode_lengths")
CLOCK = {
    "name": "clock", "dtype": "uint32", "shape": [], "unit": "steps", "writable": False,
    "description": "Steps into the episode.",
}  # fmt: skip


def _market(config: Mapping[str, Any]) -> Environment:
    from . import market
    from .market_env import MarketEnvironment

    if os.environ.get("MARL_FFI_BACKEND", "").strip().lower() == "numba":
        from . import market_numba

        return MarketEnvironment(config, market_numba)
    return MarketEnvironment(config, market)


def _brigade(config: Mapping[str, Any]) -> DrawingEnvironment:
    from .bucket_brigade.env import BrigadeEnvironment

    return BrigadeEnvironment(config)


AnyEnvironment = Environment | DrawingEnvironment | ClassicEnvironment
REGISTRY: dict[str, Callable[[Mapping[str, Any]], AnyEnvironment]] = {
    "ElectricityMarket-v0": _market,
    "BucketBrigade-v0": _brigade,
    **CLASSIC,
}


def env_ids() -> list[str]:
    """Ids of all environments, sorted."""
    return sorted(REGISTRY)


def _environment(env_id: str, config: Mapping[str, Any]) -> AnyEnvironment:
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


class ReferenceEngine:
    """`num_envs` copies of an environment, stepped together."""

    def __init__(self, environment: AnyEnvironment, num_envs: int, autoreset_mode: str) -> None:
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
        self._is_discrete = spec["agents"][0]["action"]["type"] != "box"
        self._low, self._high = action_bounds(spec)
        self._rows = rows_of(environment)
        self._lives = Lives(self._rows.new_state(self.num_envs), self.num_envs, agents)
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
        read = self._rows.read_options(options)
        rows = np.flatnonzero(mask)
        for i in rows:
            self._reset_row(int(i), int(seeds[i]) if seeds is not None and seeded[i] else None, read)
        self._show(rows)
        self._clear(rows)

    def step(self, actions: Array) -> None:
        """Step all environments with `actions` (E, A, *action_shape); refused actions step nothing."""
        self._check_open()
        actions = self._checked(actions)
        out, lives = self.out, self._lives
        out.final_mask[:] = False
        out.episode_returns[:] = 0
        out.episode_lengths[:] = 0
        resting = np.flatnonzero(lives.over)
        rewards, terminated, infos = self._rows.step(lives.state, lives.clock, actions, ~lives.over, lives.rngs)
        with np.errstate(over="ignore"):
            out.rewards[...] = rewards
        out.terminations[:] = terminated
        for name, array in out.infos.items():
            array[...] = infos[name]
        lives.clock += 1
        lives.returns += out.rewards
        options = self._rows.read_options(None)
        for i in resting:
            self._reset_row(int(i), None, options)
        self._clear(resting)
        limit = self.spec["max_episode_steps"]
        out.truncations[:] = False if limit is None else lives.clock >= limit
        out.truncations[resting] = False
        self._show(None)
        self._end(np.flatnonzero(out.terminations | out.truncations), options)

    def rollout(self, num_steps: int, actions: Array | None = None, extras: bool = True) -> dict[str, Array]:
        """Many steps at once, with `actions` (T, E, A, *action_shape) or sampled ones; arrays with a leading T.

        Without `extras`, nothing is reported of the ends of episodes but the flags.
        """
        self._check_open()
        if isinstance(num_steps, bool) or not isinstance(num_steps, (int, np.integer)) or num_steps < 1:
            raise error_for("invalid_argument", f"num_steps: expected an integer >= 1, got {num_steps!r}")
        if actions is not None and np.shape(actions) != (num_steps, *self._action_shape):
            expected = (num_steps, *self._action_shape)
            raise error_for("length_mismatch", f"actions: expected shape {expected}, got {np.shape(actions)}")
        if self.autoreset_mode == "Disabled":
            message = "a rollout needs an autoreset mode: NextStep or SameStep, not Disabled"
            raise error_for("invalid_argument", message)
        before = None if actions is None else self._lives.copy()
        names = [name for name in Outputs.__dataclass_fields__ if name != "infos" and (extras or name not in EXTRAS)]
        rows: dict[str, list[Array]] = {name: [] for name in [*names, "actions"]}
        for k in range(num_steps):
            row = self.sample_actions() if actions is None else np.asarray(actions[k])
            try:
                self.step(row)
            except MarlError as e:
                if before is not None:
                    self._lives = before
                    self.observe()
                raise error_for(e.reason, f"step {k}: {e}") from None
            rows["actions"].append(row.copy())
            for name in names:
                rows[name].append(getattr(self.out, name).copy())
            if extras:
                rows["final_observations"][-1][~self.out.final_mask] = 0
        return {name: np.stack(steps) for name, steps in rows.items()}

    def observe(self) -> None:
        """Recompute the observations from the state."""
        self._check_open()
        self._show(None)

    def snapshot(self) -> bytes:
        """Everything that decides the future, as bytes."""
        self._check_open()
        return self._lives.pack(self._identity())

    def restore(self, data: bytes) -> None:
        """Go back to a snapshot of the same environment; a refused one changes nothing."""
        self._check_open()
        self._lives = self._lives.unpack(data, self._identity())
        self.observe()

    def column(self, name: str) -> Array:
        """A copy of one column of the state, (E, ...)."""
        self._check_open()
        self._column(name)
        lives = self._lives
        return (lives.clock if name == "clock" else lives.state[name]).copy()

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
        self._rows.check_column(name, rows)
        self._lives.state[name] = rows

    def seeds(self) -> Array:
        """Seed in force for each environment, also where it came from entropy; 0 before the first reset."""
        self._check_open()
        return self._lives.seed.copy()

    def close(self) -> None:
        """End the use of this engine; further calls are errors."""
        self._closed = True

    def sample_actions(self) -> Array:
        """Actions as `gymnasium.spaces` would sample them, from every environment's own generator."""
        first = self.spec["agents"][0]["action"]
        drawn = np.empty(self._action_shape, first["dtype"])
        for i in range(self.num_envs):
            rng = self._lives.action_rng(i)
            for a, agent in enumerate(self.spec["agents"]):
                if agent["action"]["type"] == "discrete":
                    drawn[i, a] = rng.integers(agent["action"]["n"])
                elif agent["action"]["type"] == "multi_discrete":
                    drawn[i, a] = [rng.integers(n) for n in agent["action"]["nvec"]]
                else:
                    width = self._high[a] - self._low[a]
                    drawn[i, a] = self._low[a] + width * rng.random(self._low[a].shape)
        return drawn

    # -- rows ---------------------------------------------------------------------------------------------------------

    def _reset_row(self, i: int, seed: int | None, options: Any) -> None:
        lives = self._lives
        fresh = secrets.randbits(64) if seed is None and not lives.was_reset[i] else seed
        if fresh is not None:
            lives.seed_with(i, fresh, self._rows.seed(lives.state, i, fresh))
        self._rows.reset(lives.state, i, lives.rngs[i], seed is not None, options)
        lives.begin(i)

    def _end(self, rows: Array, options: Any) -> None:
        """Keep what episodes that are over showed last, and reset them now or later."""
        if not rows.size:
            return
        out, lives = self.out, self._lives
        out.final_mask[rows] = True
        out.final_observations[rows] = out.observations[rows]
        out.episode_returns[rows], out.episode_lengths[rows] = lives.returns[rows], lives.clock[rows]
        lives.over[rows] = True
        if self.autoreset_mode == "SameStep":
            for i in rows:
                self._reset_row(int(i), None, options)
            self._show(rows)

    def _show(self, rows: Array | None) -> None:
        """Observe some rows, or all."""
        lives, every = self._lives, slice(None) if rows is None else rows
        state = {name: column[every] for name, column in lives.state.items()}
        if rows is None or rows.size:
            with np.errstate(over="ignore"):
                self.out.observations[every] = self._rows.observe(state, lives.clock[every])

    def _clear(self, rows: Array) -> None:
        """What a reset reports of a step: nothing."""
        out = self.out
        out.rewards[rows] = 0
        out.terminations[rows] = out.truncations[rows] = False
        for array in out.infos.values():
            array[rows] = 0

    # -- checks -------------------------------------------------------------------------------------------------------

    def _checked(self, actions: Array) -> Array:
        """Actions that can be played, or the error that names environment, agent, component and value."""
        actions = np.asarray(actions)
        if actions.dtype.name not in self.spec["action_dtypes"]:
            expected = " or ".join(self.spec["action_dtypes"])
            raise error_for("dtype_mismatch", f"actions: expected dtype {expected}, got {actions.dtype}")
        if actions.shape != self._action_shape:
            message = f"actions: expected shape {self._action_shape}, got {actions.shape}"
            raise error_for("length_mismatch", message)
        lives = self._lives
        if not lives.was_reset.all():
            i = int(np.argmin(lives.was_reset))
            raise error_for("not_reset", f"environment {i} was never reset; call reset first")
        if self.autoreset_mode == "Disabled" and lives.over.any():
            i = int(np.argmax(lives.over))
            raise error_for("episode_over", f"environment {i}: its episode is over; reset it first")
        with np.errstate(invalid="ignore"):
            if self._rows.clips:
                bad = ~np.isfinite(actions)
            else:
                bad = ~((actions >= self._low) & (actions <= self._high))
        if bad.any():
            bad &= ~lives.over.reshape(-1, *[1] * (actions.ndim - 1))
            if bad.any():
                raise self._bad_action(actions, bad)
        return actions

    def _bad_action(self, actions: Array, bad: Array) -> MarlError:
        i, a, *component = (int(k) for k in np.argwhere(bad)[0])
        where = "".join(f"[{k}]" for k in component)
        at = (a, *component)
        low, high, got = self._low[at], self._high[at], actions[i][at]
        expected = "a finite number" if self._rows.clips else f"{low} to {high}"
        if self._is_discrete:
            expected = f"a whole number from {low:g} to {high:g}"
        return error_for(
            "action_invalid",
            f"actions[{i}][{a}]{where}: environment {i}, agent {self.spec['agents'][a]['name']}, component "
            f"{component[0] if component else 0}: expected {expected}, got {got}",
        )

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
