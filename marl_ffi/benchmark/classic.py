"""Benchmarks of classic control: Gymnasium, the vectorised NumPy reference, and EnvPool or gymnax if installed.

Each row says what races, against what, and by how much it has to win.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from gymnasium.vector import SyncVectorEnv
from numpy.typing import NDArray

import marl_ffi as mf

from ..reference.classic import CLASSIC
from ..reference.vec_env import make_engine
from .bench import LIMIT, Case, Race, apart

__all__ = ["cases"]

Array = NDArray[Any]

BATCH, BIG_BATCH, FEW = 4096, 65_536, 16
SETS = 64  # arrays of actions in turn
STEPS = 16  # of a pass
ROLLOUT = 32  # steps, few for what learners collect at a time
ROLLOUTS = 4  # one after the other: both sides are warm for the most part of a pass
CLOSE: dict[str, Any] = {"rtol": 1e-3, "atol": 1e-4}  # float32 against float64, after a few steps


def cases() -> list[Case]:
    """All rows, in the order of the report."""
    rows = [
        Case(
            "classic", f"CartPole VecEnv.step, E={BATCH}", "float32", "Gymnasium's CartPoleVectorEnv", _cartpole_vector,
            15.0, 20.0, True,
        ),
        Case(
            "classic", f"CartPole rollout(T, extras=False), E={BIG_BATCH}, 2 threads", "float32",
            f"VecEnv.step, E={BATCH}", partial(_rollout, True), 2.0, None, True,
        ),
        Case(
            "classic", f"CartPole rollout(actions), E={BIG_BATCH}, 2 threads", "float32", f"VecEnv.step, E={BATCH}",
            partial(_rollout, False),
        ),
    ]  # fmt: skip
    for env_id in CLASSIC:
        name, work = env_id.split("-")[0], f"{env_id.split('-')[0]} VecEnv.step, E={BATCH}"
        goal = (15.0, 25.0) if env_id in ("MountainCar-v0", "Pendulum-v1", "Acrobot-v1") else (None, None)
        for dtype in ("float32", "float64"):
            required, aim = goal if dtype == "float32" else (None, None)
            build = partial(_numpy, env_id, dtype)
            rows.append(Case("classic", work, dtype, "NumPy reference", build, required, aim, required is not None))
        rows.append(Case("classic", work, "float64", "the same in float32", partial(_precision, env_id), 0.6))
        build = partial(_threads, env_id, BIG_BATCH)
        work = f"{name} VecEnv.step, E={BIG_BATCH}, 2 threads"
        rows.append(Case("classic", work, "float32", "1 thread", build, 1.8, 1.95, env_id == "CartPole-v1"))
        work = f"{name} VecEnv.step, E={BIG_BATCH}, {LIMIT}"
        rows.append(Case("classic", work, "float32", "1 thread", partial(_apart, env_id, BIG_BATCH)))
        build, against = partial(_sync, env_id), "SyncVectorEnv of Gymnasium's"
        rows.append(Case("classic", f"{name} make_vec, E={FEW}", "float64", against, build))
        build, against = partial(_single, env_id), "Gymnasium's, .unwrapped.step"
        rows.append(Case("classic", f"{name} .unwrapped.step", "1", against, build, 2.5, 4.0, True))
    if importlib.util.find_spec("envpool") is not None:
        rows += [
            Case("classic", f"{env_id} VecEnv.step, E={BATCH}", "float64", "EnvPool", partial(_envpool, env_id))
            for env_id in CLASSIC
        ]
    if importlib.util.find_spec("gymnax") is not None:
        rows += [
            Case("classic", f"{env_id} VecEnv.step, E={BATCH}", "float32", "gymnax, jitted", partial(_gymnax, env_id))
            for env_id in CLASSIC
        ]
    return rows


def _actions(env_id: str, count: int, sets: int = SETS) -> list[Array]:
    """Random actions of so many environments, in the dtype of the space."""
    space, rng = mf.spec(env_id)["agents"][0]["action"], np.random.default_rng(7)
    if space["type"] == "discrete":
        return list(rng.integers(0, space["n"], (sets, count)))
    return list(rng.uniform(space["low"], space["high"], (sets, count, 1)).astype(np.float32))


def _vec(env_id: str, count: int, threads: int = 1, **settings: Any) -> mf.VecEnv:
    return mf.VecEnv(env_id, count, num_threads=threads, copy=False, **settings)


def _stepping(step: Callable[[Array], object], actions: list[Array]) -> Callable[[], None]:
    """A pass: `STEPS` steps, with actions that rotate from pass to pass."""
    source = itertools.cycle(actions)

    def run() -> None:
        for action in itertools.islice(source, STEPS):
            step(action)

    return run


def _cartpole_vector() -> Race:
    ours, theirs = _vec("CartPole-v1", BATCH, dtype="float32"), cast(Any, CartPoleVectorEnv(BATCH))
    actions = _actions("CartPole-v1", BATCH)

    def agree() -> None:
        ours.reset(seed=0)
        theirs.reset(seed=0)
        columns = ("x", "x_dot", "theta", "theta_dot")
        theirs.state = np.stack([ours.state[name] for name in columns]).astype(np.float64)
        for action in actions[:5]:
            mine, expected = ours.step(action), theirs.step(action)
            np.testing.assert_allclose(mine[0], expected[0], **CLOSE)
            np.testing.assert_array_equal(mine[2], expected[2])

    agree()  # also resets both
    return Race(_stepping(ours.step, actions), _stepping(theirs.step, actions), STEPS, agree)


def _numpy(env_id: str, dtype: str) -> Race:
    ours, engine = _vec(env_id, BATCH, dtype=dtype), make_engine(env_id, BATCH, "NextStep", {"dtype": dtype})
    actions = _actions(env_id, BATCH)

    def agree() -> None:
        ours.reset(seed=0)
        engine.reset(np.arange(BATCH, dtype=np.uint64))
        for action in actions[:5]:
            observations, rewards, terminations, truncations, _ = ours.step(action)
            engine.step(action[:, np.newaxis])
            np.testing.assert_array_equal(observations, engine.out.observations)
            np.testing.assert_array_equal(rewards, engine.out.rewards[:, 0])
            np.testing.assert_array_equal(terminations, engine.out.terminations)
            np.testing.assert_array_equal(truncations, engine.out.truncations)

    agree()
    shaped = [action[:, np.newaxis] for action in actions]
    return Race(_stepping(ours.step, actions), _stepping(engine.step, shaped), STEPS, agree)


def _precision(env_id: str) -> Race:
    double, single = _vec(env_id, BATCH), _vec(env_id, BATCH, dtype="float32")
    actions = _actions(env_id, BATCH)

    def agree() -> None:
        np.testing.assert_allclose(double.reset(seed=0)[0], single.reset(seed=0)[0], **CLOSE)
        for action in actions[:3]:
            np.testing.assert_allclose(double.step(action)[0], single.step(action)[0], **CLOSE)

    agree()
    return Race(_stepping(double.step, actions), _stepping(single.step, actions), STEPS, agree)


def _threads(env_id: str, count: int) -> Race:
    two, one = (_vec(env_id, count, threads, dtype="float32") for threads in (2, 1))
    actions = _actions(env_id, count, 8)

    def agree() -> None:
        np.testing.assert_array_equal(two.reset(seed=0)[0], one.reset(seed=0)[0])
        for action in actions[:3]:
            for mine, other in zip(two.step(action)[:4], one.step(action)[:4], strict=True):
                np.testing.assert_array_equal(mine, other)

    agree()
    return Race(_stepping(two.step, actions), _stepping(one.step, actions), STEPS, agree)


def _apart(env_id: str, count: int) -> Race:
    one, *halves = (_vec(env_id, size, dtype="float32") for size in (count, count // 2, count // 2))
    actions = _actions(env_id, count, 8)
    parts = [[action[: count // 2] for action in actions], [action[count // 2 :] for action in actions]]

    def agree() -> None:
        expected = one.reset(seed=0)[0]
        for k, half in enumerate(halves):
            found = half.reset(seed=k * count // 2)[0]
            np.testing.assert_array_equal(found, expected[k * count // 2 :][: count // 2])

    agree()
    ours = apart(*(_stepping(half.step, part) for half, part in zip(halves, parts, strict=True)))
    return Race(ours, _stepping(one.step, actions), STEPS, agree)


def _rollout(drawn: bool) -> Race:
    """Equally many steps of environments on both sides; times are per step of one environment.

    `drawn`: the engine draws the actions and reports no ends of episodes but the flags.
    """
    large, small = _vec("CartPole-v1", BIG_BATCH, 2, dtype="float32"), _vec("CartPole-v1", BATCH, dtype="float32")
    actions = np.stack(_actions("CartPole-v1", BIG_BATCH, ROLLOUT))
    few = _actions("CartPole-v1", BATCH)
    source = itertools.cycle(few)
    steps = ROLLOUTS * ROLLOUT * BIG_BATCH // BATCH

    def agree() -> None:
        large.reset(seed=0)
        small.reset(seed=0)
        rolled = large.rollout(actions)
        for step in range(ROLLOUT):
            observations, rewards, *_ = small.step(actions[step, :BATCH])
            np.testing.assert_array_equal(observations, rolled.observations[step, :BATCH])
            np.testing.assert_array_equal(rewards, rolled.rewards[step, :BATCH])

    def rival() -> None:
        for action in itertools.islice(source, steps):
            small.step(action)

    roll = partial(large.rollout, ROLLOUT, extras=False) if drawn else partial(large.rollout, actions)

    def ours() -> None:
        for _ in range(ROLLOUTS):
            roll()

    agree()
    return Race(ours, rival, ROLLOUTS * ROLLOUT * BIG_BATCH, agree)


def _sync(env_id: str) -> Race:
    ours = mf.make_vec(env_id, FEW, num_threads=1)
    theirs = SyncVectorEnv([partial(gymnasium.make, env_id)] * FEW)
    actions = _actions(env_id, FEW)

    def agree() -> None:
        np.testing.assert_array_equal(ours.reset(seed=0)[0], theirs.reset(seed=0)[0])
        for action in actions[:5]:
            mine, expected = ours.step(action), theirs.step(action)
            np.testing.assert_allclose(mine[0], expected[0], rtol=1e-5, atol=1e-6)
            np.testing.assert_array_equal(mine[2], expected[2])

    agree()
    return Race(_stepping(ours.step, actions), _stepping(theirs.step, actions), STEPS, agree)


def _single(env_id: str) -> Race:
    """Both start again before each pass, outside of the clock: short passes stay within one episode."""
    ours, theirs = mf.make(env_id).unwrapped, gymnasium.make(env_id).unwrapped
    inputs = [each[0] if each.ndim > 1 else int(each[0]) for each in _actions(env_id, 1)]
    if env_id == "CartPole-v1":
        inputs = [0, 1] * (SETS // 2)  # so that no pole falls
    source = {side: itertools.cycle(inputs) for side in ("ours", "theirs")}

    def prepare() -> None:
        ours.reset(seed=3)
        theirs.reset(seed=3)

    def side(env: Any, name: str) -> Callable[[], None]:
        def run() -> None:
            step = env.step
            for action in itertools.islice(source[name], STEPS):
                step(action)

        return run

    def agree() -> None:
        prepare()
        for action in inputs[:STEPS]:
            mine, expected = ours.step(action), theirs.step(action)
            np.testing.assert_allclose(mine[0], expected[0], rtol=1e-5, atol=1e-6)
            assert abs(mine[1] - expected[1]) < 1e-9 and mine[2:4] == expected[2:4]

    return Race(side(ours, "ours"), side(theirs, "theirs"), STEPS, agree, prepare)


def _other(env_id: str, dtype: str, reset: Callable[[], Array], step: Callable[[Array], Array]) -> Race:
    """Against a library with random numbers of its own: the arrays must have the same shapes and be finite."""
    ours, actions = _vec(env_id, BATCH, dtype=dtype), _actions(env_id, BATCH)

    def agree() -> None:
        for mine, expected in (
            (ours.reset(seed=0)[0], reset()),
            (ours.step(actions[0])[0], step(actions[0])),
        ):
            assert mine.shape == np.shape(expected) and np.isfinite(expected).all()

    agree()
    return Race(_stepping(ours.step, actions), _stepping(step, actions), STEPS, agree)


def _envpool(env_id: str) -> Race:
    import envpool  # type: ignore[import-not-found]

    theirs = envpool.make_gymnasium(env_id, num_envs=BATCH, num_threads=1)
    return _other(env_id, "float64", lambda: theirs.reset()[0], lambda action: theirs.step(action)[0])


def _gymnax(env_id: str) -> Race:
    import gymnax  # type: ignore[import-not-found]
    import jax  # type: ignore[import-not-found]

    env, params = gymnax.make("MountainCarContinuous-v0" if "Continuous" in env_id else env_id)
    step = jax.jit(jax.vmap(env.step, in_axes=(0, 0, 0, None)))
    start = jax.jit(jax.vmap(env.reset, in_axes=(0, None)))
    kept: dict[str, Any] = {"keys": jax.random.split(jax.random.PRNGKey(0), BATCH)}

    def reset() -> Array:
        observations, kept["state"] = start(kept["keys"], params)
        return np.asarray(observations)

    def run(action: Array) -> Array:
        flat = action[:, 0] if action.ndim > 1 else action
        observations, kept["state"], *_ = step(kept["keys"], kept["state"], flat, params)
        return np.asarray(observations)

    return _other(env_id, "float32", reset, run)
