"""Gymnasium's own classic control environments, as the tests compare with them."""

from __future__ import annotations

import functools
import json
import math
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import marl_ffi as mf
from marl_ffi import _backend
from marl_ffi.reference.classic import CLASSIC

IDS = tuple(CLASSIC)
MODES = tuple(AutoresetMode)
EPS = 2.0**-52

# Settings that differ from the default; every one of Gymnasium's arguments is among them.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "CartPole-v1": [{"sutton_barto_reward": True}, {"kinematics_integrator": "semi-implicit euler"}],
    "MountainCar-v0": [{"goal_velocity": 0.03}],
    "MountainCarContinuous-v0": [{"goal_velocity": 0.03}],
    "Pendulum-v1": [{"g": 9.81}],
    "Acrobot-v1": [{"book_or_nips": "nips"}],
}
# Those that Gymnasium knows as attributes, not as arguments.
ATTRIBUTES = ("kinematics_integrator", "book_or_nips")
CASES = [(env_id, settings) for env_id in IDS for settings in [{}, *VARIANTS[env_id]]]


def original_id(env_id: str) -> str:
    """The name that Gymnasium has for an environment: that of a plug-in without its namespace."""
    return env_id.rsplit(".", 1)[-1]


@functools.cache
def has_gnu_libm() -> bool:
    """True if the sines and powers of Python and NumPy are those that Acrobot repeats here, as some recorded ones tell."""
    golden = json.loads((Path(__file__).parent / "golden" / "libm.json").read_text())
    angles = [tuple(map(float.fromhex, row)) for row in golden["angles"]]
    squares = [tuple(map(float.fromhex, row)) for row in golden["squares"]]
    return all(
        (sine, cosine) == (math.sin(x), math.cos(x)) == (np.sin(np.float64(x)), np.cos(np.float64(x)))
        for x, sine, cosine in angles
    ) and all(square == math.pow(x, 2) == np.float64(x) ** 2 for x, square in squares)


@pytest.fixture(params=["rust", "numpy"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test that asks for it runs on the Rust engine and on the NumPy reference."""
    name: str = request.param
    if name == "numpy":
        monkeypatch.setattr(_backend, "backend", lambda: "numpy")
    else:
        assert _backend.backend() == "rust"
    return name


def original(env_id: str, limit: int | None = None, **settings: Any) -> gymnasium.Env[Any, Any]:
    """Gymnasium's environment under the same settings, with its time limit."""
    arguments = {key: value for key, value in settings.items() if key not in ATTRIBUTES}
    env = gymnasium.make(original_id(env_id), max_episode_steps=limit, disable_env_checker=True, **arguments)
    for key in settings.keys() & set(ATTRIBUTES):
        setattr(env.unwrapped, key, settings[key])
    return env


def originals(env_id: str, count: int, mode: AutoresetMode, limit: int | None = None, **settings: Any) -> SyncVectorEnv:
    """A vector of them."""
    return SyncVectorEnv([functools.partial(original, env_id, limit, **settings)] * count, autoreset_mode=mode)


def states_of(vector: SyncVectorEnv) -> np.ndarray:
    """States (E, columns) of Gymnasium's environments."""
    return np.array([np.asarray(env.unwrapped.state, np.float64) for env in vector.envs])


def columns(env: Any) -> list[str]:
    """Names of the state columns, without the engine's clock."""
    spec = env.spec if isinstance(env.spec, dict) else env._vec.spec
    return [each["name"] for each in spec["columns"] if each["name"] != "clock"]


def state_of(env: Any) -> np.ndarray:
    """The same of ours."""
    state = env.state
    return np.stack([state[name] for name in columns(env)], axis=1).astype(np.float64)


def inject(env: mf.VecEnv, states: np.ndarray) -> None:
    """Put environments into states (E, columns)."""
    env.state = dict(zip(columns(env), states.T, strict=True))


def error(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """The difference in units in the last place of the larger number, and of 1 for numbers below it."""
    scale = np.maximum(1.0, np.maximum(np.abs(ours), np.abs(theirs)))
    return np.abs(ours - theirs) / (EPS * scale)


def random_actions(env_id: str, rng: np.random.Generator, count: int) -> np.ndarray:
    """Actions (count, ...) of the space; forces also beyond their bounds and on them."""
    env_id = original_id(env_id)
    if env_id in ("CartPole-v1", "MountainCar-v0", "Acrobot-v1"):
        return rng.integers(0, 2 if env_id == "CartPole-v1" else 3, count)
    bound = 2.0 if env_id == "Pendulum-v1" else 1.0
    actions = rng.uniform(-1.5 * bound, 1.5 * bound, (count, 1))
    edges = rng.random(count) < 0.1
    actions[edges] = rng.choice([-bound, bound, 0.0], (edges.sum(), 1))
    return actions.astype(np.float32)


def random_states(env_id: str, rng: np.random.Generator, count: int) -> np.ndarray:
    """States over the whole reachable range, a tenth of them with a number on an edge."""
    pi = math.pi
    ranges, edges = {
        "CartPole-v1": (
            [(-2.45, 2.45), (-4, 4), (-0.22, 0.22), (-5, 5)],
            [(-2.4, 2.4, 0.0), (0.0, 2.5), (12 * pi / 180, -12 * pi / 180, 0.0), (0.0, -3.0)],
        ),
        "MountainCar-v0": ([(-1.2, 0.6), (-0.07, 0.07)], [(-1.2, 0.6, 0.5, -1.19), (-0.07, 0.07, 0.0)]),
        "MountainCarContinuous-v0": ([(-1.2, 0.6), (-0.07, 0.07)], [(-1.2, 0.6, 0.45, -1.19), (-0.07, 0.07, 0.0)]),
        "Pendulum-v1": ([(-90, 90), (-8, 8)], [(pi, -pi, 0.0, 3 * pi, -25 * pi, 1e5, 3e9), (-8.0, 8.0, 0.0)]),
        "Acrobot-v1": (
            [(-pi, pi), (-pi, pi), (-4 * pi, 4 * pi), (-9 * pi, 9 * pi)],
            [(pi, -pi, 0.0), (pi, -pi, 0.0), (4 * pi, -4 * pi, 0.0), (9 * pi, -9 * pi, 0.0)],
        ),
    }[original_id(env_id)]
    states = rng.uniform(*zip(*ranges, strict=True), (count, len(ranges)))
    for column, values in enumerate(edges):
        rows = rng.random(count) < 0.03
        states[rows, column] = rng.choice(values, rows.sum())
    return states
