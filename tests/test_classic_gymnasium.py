"""Classic control against the installed Gymnasium: the same seeds give the same runs."""

from __future__ import annotations

import functools
from typing import Any

import gymnasium
import numpy as np
import pytest
from classic_support import (
    CASES,
    EPS,
    IDS,
    MODES,
    backend,
    error,
    has_gnu_libm,
    inject,
    original,
    original_id,
    originals,
    random_actions,
    random_states,
    state_of,
    states_of,
)
from gymnasium.vector import AutoresetMode
from parity_support import bits

import marl_ffi as mf

__all__ = ["backend"]

SEEDS, INJECTED, RESETS = 1000, 100_000, 50
# Steps of the episodes in which autoreset is compared; CartPole falls by itself.
LIMITS = {"CartPole-v1": None, "MountainCar-v0": 9, "MountainCarContinuous-v0": 9, "Pendulum-v1": 9, "Acrobot-v1": 9}
pytestmark = pytest.mark.usefixtures("backend")


@functools.cache
def starts(env_id: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Gymnasium's states and observations for the seeds 0 to 999, and of the episodes after those."""
    env = original(env_id)
    found: list[tuple[Any, ...]] = []
    for seed in range(SEEDS):
        first = env.reset(seed=seed)[0], np.array(env.unwrapped.state, np.float64)
        found.append((*first, env.reset()[0], np.array(env.unwrapped.state, np.float64)))
    observations, states, second, second_states = (np.array(each) for each in zip(*found, strict=True))
    return observations, states, second, second_states


@pytest.mark.parametrize("env_id", IDS)
def test_a_thousand_seeds_start_alike(env_id: str) -> None:
    observations, states, second, second_states = starts(env_id)
    env = mf.make_vec(env_id, SEEDS)
    seen, infos = env.reset(seed=0)
    assert bits(seen) == bits(observations) and bits(state_of(env)) == bits(states) and infos == {}
    assert bits(env.reset()[0]) == bits(second) and bits(state_of(env)) == bits(second_states)
    alone = mf.make(env_id)
    for seed in (0, 1, 7, 999):
        assert bits(alone.reset(seed=seed)[0]) == bits(observations[seed])
        assert bits(alone.reset()[0]) == bits(second[seed])


@pytest.mark.parametrize("env_id", IDS)
def test_reset_options(env_id: str) -> None:
    """Bounds as for Gymnasium, one of them or both."""
    keys = ("x_init", "y_init") if env_id == "Pendulum-v1" else ("low", "high")
    values = (0.3, 0.7) if env_id == "Pendulum-v1" else (-0.02, 0.02)
    theirs, ours, vector = original(env_id), mf.make(env_id), mf.make_vec(env_id, 3)
    given = dict(zip(keys, values, strict=True))
    options = [given] if "Mountain" in env_id else [given, {keys[0]: -0.03}, {keys[1]: 0.08}]
    if env_id == "Pendulum-v1":
        options = [given, {"x_init": 1}, {"y_init": 0.0}]
    for option in options:
        for seed in (3, None):
            expected, _ = theirs.reset(seed=seed, options=dict(option))
            assert bits(ours.reset(seed=seed, options=option)[0]) == bits(expected)
        vector.reset(seed=3, options=option)
        assert bits(vector.reset(options={**option, "reset_mask": np.array([True, False, False])})[0][0]) == bits(expected)
    # An autoreset goes back to the usual bounds, as Gymnasium's does.
    assert bits(ours.reset()[0]) == bits(theirs.reset()[0])


def test_many_spaces_are_gymnasiums() -> None:
    for env_id in IDS:
        theirs, ours, vector = gymnasium.make(env_id), mf.make(env_id), mf.make_vec(env_id, 3)
        assert ours.observation_space == theirs.observation_space and ours.action_space == theirs.action_space
        assert vector.single_observation_space == theirs.observation_space
        assert vector.single_action_space == theirs.action_space
        both = originals(env_id, 3, AutoresetMode.NEXT_STEP)
        assert vector.observation_space == both.observation_space and vector.action_space == both.action_space
        assert ours.metadata["render_fps"] == theirs.metadata["render_fps"]
        assert mf.spec(env_id)["max_episode_steps"] == theirs.spec.max_episode_steps


@functools.cache
def steps_of_the_original(env_id: str, frozen: tuple[tuple[str, Any], ...]) -> tuple[Any, ...]:
    """States and actions, and what Gymnasium makes of each in one step."""
    rng = np.random.default_rng([51, len(env_id), len(frozen)])
    states, actions = random_states(env_id, rng, INJECTED), random_actions(env_id, rng, INJECTED)
    narrow = np.zeros(INJECTED, bool)
    if env_id == "MountainCarContinuous-v0":
        # Its state is float32 after the first step, and then so is its arithmetic: of whole batches, and of rows in one.
        narrow[: INJECTED // 2] = narrow[::2] = True
        states[narrow] = states[narrow].astype(np.float32)
    env: Any = original(env_id, **dict(frozen)).unwrapped
    env.reset(seed=0)
    after, rewards = np.empty_like(states), np.empty(INJECTED)
    observations = np.empty((INJECTED, *env.observation_space.shape), np.float32)
    ends = np.empty(INJECTED, bool)
    with np.errstate(all="ignore"):
        for k in range(INJECTED):
            env.state = states[k].astype(np.float32) if narrow[k] else states[k].copy()
            env.steps_beyond_terminated = None
            observations[k], rewards[k], ends[k], truncated, info = env.step(actions[k])
            assert not truncated and info == {}
            after[k] = env.state
    return states, actions, after, observations, rewards, ends


@pytest.mark.parametrize(("env_id", "settings"), CASES)
def test_one_step_from_a_hundred_thousand_states(env_id: str, settings: dict[str, Any]) -> None:
    """Within 4 units in the last place; rewards and ends of episodes alike, on walls, edges and bounds too."""
    states, actions, after, observations, rewards, ends = steps_of_the_original(env_id, tuple(settings.items()))
    with mf.VecEnv(env_id, INJECTED, **settings) as env:
        env.reset(seed=0)
        inject(env, states)
        seen, got, terminated, truncated, infos = env.step(actions)
        reached = state_of(env)
    units = error(reached, after)
    if env_id in EXACT and has_gnu_libm():
        assert bits(reached) == bits(after) and bits(seen) == bits(observations)
    elif env_id == "Acrobot-v1":
        # Fast links: the four stages of a step meet speeds far beyond the bounds, and enlarge the rounding of a sine.
        calm = (np.abs(states[:, 2:]) < (2, 3)).all(1)
        assert calm.sum() > 1000 and units[calm].max() <= 4
        assert (units.max(1) <= 4).mean() > 0.985 and units.max() < 5000
    else:
        assert units.max() <= 4, np.argmax(units) // units.shape[1]
    assert not truncated.any()
    assert np.abs(seen - observations).max() <= 2**-22 * 8
    if env_id == "Pendulum-v1":
        # The power function of the platform squares a float32 torque with an error of its own now and then.
        assert np.abs(got - rewards).max() < 1e-9
    else:
        assert bits(got) == bits(rewards)
    assert bits(terminated) == bits(ends)
    if env_id != "Pendulum-v1":
        assert 0.005 < ends.mean() < 0.6
        assert infos["final_mask"].sum() == ends.sum()
    if env_id == "MountainCar-v0":
        wall = (reached[:, 0] == -1.2) & (states[:, 1] < 0)
        assert wall.sum() > 1000 and not reached[wall, 1].any()


@pytest.mark.parametrize(("env_id", "settings"), CASES)
def test_episodes_of_a_hundred_steps(env_id: str, settings: dict[str, Any]) -> None:
    """From the same seeds with the same actions: states within 1e-9, rewards and flags alike, to the end."""
    for seed in range(8):
        rng = np.random.default_rng([52, seed])
        theirs, ours = original(env_id, **settings), mf.VecEnv(env_id, 1, autoreset_mode="Disabled", **settings)
        theirs.reset(seed=seed)
        ours.reset(seed=seed)
        for action in random_actions(env_id, rng, 100):
            if env_id == "Pendulum-v1" or "Continuous" in env_id:
                # The same number in every precision: a float32 is one as a float64, too.
                action = action.astype(rng.choice([np.float32, np.float64]))
            observation, reward, terminated, truncated, _ = theirs.step(action)
            seen, got, ended, cut, _ = ours.step(action[np.newaxis])
            assert np.abs(state_of(ours)[0] - np.asarray(theirs.unwrapped.state)).max() <= 1e-9
            assert np.abs(seen[0] - observation).max() <= 1e-6
            assert abs(got[0] - reward) <= 1e-9 and (ended[0], cut[0]) == (terminated, truncated)
            if terminated or truncated:
                break


@pytest.mark.parametrize("mode", MODES)
def test_a_fall_in_the_last_step_is_both(mode: AutoresetMode) -> None:
    """A step that ends an episode by the rules and by the clock says so, twice."""
    both = 0
    for limit in (8, 9, 10):
        theirs = originals("CartPole-v1", 40, mode, limit)
        ours = mf.make_vec("CartPole-v1", 40, autoreset_mode=mode, max_episode_steps=limit)
        theirs.reset(seed=3)
        ours.reset(seed=3)
        for _ in range(limit):
            expected, found = theirs.step(np.ones(40, np.int64)), ours.step(np.ones(40, np.int64))
            assert bits(expected[2]) == bits(found[2]) and bits(expected[3]) == bits(found[3])
            both += (found[2] & found[3]).sum()
            if mode is AutoresetMode.DISABLED and (found[2] | found[3]).any():
                break
    assert both > 0


EXACT = ("Acrobot-v1", "CartPole-v1")


@pytest.mark.parametrize(("env_id", "settings"), [case for case in CASES if case[0] in EXACT])
def test_whole_episodes_to_the_last_bit(env_id: str, settings: dict[str, Any]) -> None:
    """Up to five hundred steps, each from where the one before ended: a chaotic arm, and a pole that is kept up.

    With other sines than those of the GNU C library Gymnasium's own run is another, and parts from ours sooner or later.
    """
    exact = has_gnu_libm()
    theirs, ours = original(env_id, **settings), mf.VecEnv(env_id, 1, autoreset_mode="Disabled", **settings)
    longest = 0
    for seed in range(3):
        rng = np.random.default_rng([54, seed])
        observation, _ = theirs.reset(seed=seed)
        ours.reset(seed=seed)
        for step in range(500 if exact else 20):
            # Along with the swing of the arm, for speed; under the pole as it falls.
            forward = observation[5] > 0 if env_id == "Acrobot-v1" else observation[2] + 0.5 * observation[3] > 0
            last = theirs.action_space.n - 1
            action = last * int(forward) if rng.random() < 0.8 else int(rng.integers(last + 1))
            observation, reward, terminated, truncated, _ = theirs.step(action)
            seen, got, ended, cut, _ = ours.step(np.array([action]))
            assert (got[0], ended[0], cut[0]) == (reward, terminated, truncated), step
            assert np.abs(seen[0] - observation).max() < 1e-6, step
            assert not exact or bits(state_of(ours)[0]) == bits(np.array(theirs.unwrapped.state)), step
            longest = max(longest, step + 1)
            if terminated or truncated:
                break
    assert longest >= (100 if exact else 20)


@pytest.mark.parametrize("count", [1, 2, 7, 33])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", IDS)
def test_fifty_autoresets(env_id: str, mode: AutoresetMode, count: int) -> None:
    """Vectors of any size live through fifty episodes each as `SyncVectorEnv` does, infos and masks included."""
    limit = LIMITS[original_id(env_id)]
    theirs = originals(env_id, count, mode, limit)
    ours = mf.make_vec(env_id, count, autoreset_mode=mode, **({} if limit is None else {"max_episode_steps": limit}))
    assert bits(theirs.reset(seed=11)[0]) == bits(ours.reset(seed=11)[0])
    ours.action_space.seed(5)
    resets = np.zeros(count, int)
    over = np.zeros(count, bool)
    while resets.min() < RESETS:
        if mode is AutoresetMode.DISABLED and over.any():
            # SyncVectorEnv takes the mask out of the dictionary.
            first, _ = theirs.reset(options={"reset_mask": over.copy()})
            again, _ = ours.reset(options={"reset_mask": over.copy()})
            assert bits(first[over]) == bits(again[over])
            resets += over
        actions = ours.action_space.sample()
        expected, found = theirs.step(actions), ours.step(actions)
        for one, other, tolerance in zip(expected[:4], found[:4], (2e-6, 1e-9, 0, 0), strict=True):
            assert one.dtype == other.dtype and one.shape == other.shape
            assert np.abs(one.astype(float) - other.astype(float)).max() <= tolerance
        assert expected[4].keys() == found[4].keys()
        fresh = over if mode is AutoresetMode.NEXT_STEP else expected[2] | expected[3]
        if mode is not AutoresetMode.DISABLED:
            resets += fresh
            # What a reset gives is equal to the last bit.
            assert bits(states_of(theirs)[fresh]) == bits(state_of(ours)[fresh])
            assert bits(expected[0][fresh]) == bits(found[0][fresh])
        if "final_obs" in expected[4]:
            assert bits(expected[4]["_final_obs"]) == bits(found[4]["_final_obs"])
            assert expected[4]["final_info"].keys() == found[4]["final_info"].keys() == set()
            assert bits(expected[4]["_final_info"]) == bits(found[4]["_final_info"])
            for one, other in zip(expected[4]["final_obs"], found[4]["final_obs"], strict=True):
                assert (one is None) == (other is None)
                assert one is None or (one.dtype == other.dtype and np.abs(one - other).max() <= 2e-6)
        over = expected[2] | expected[3]
    ours.close()
    theirs.close()


@pytest.mark.parametrize("env_id", IDS)
def test_float32_stays_close(env_id: str) -> None:
    """The fast precision starts where the exact one starts and drifts slowly."""
    exact, fast = mf.VecEnv(env_id, 200), mf.VecEnv(env_id, 200, dtype="float32")
    first, again = exact.reset(seed=5)[0], fast.reset(seed=5)[0]
    assert np.abs(first - again).max() <= 2**-22
    assert {array.dtype for name, array in fast.state.items() if name != "clock"} == {np.dtype(np.float32)}
    rng = np.random.default_rng(53)
    for _ in range(20):
        actions = random_actions(env_id, rng, 200)
        seen, rewards, *_ = exact.step(actions)
        close, also, *_ = fast.step(actions)
        assert also.dtype == np.float32 and rewards.dtype == np.float64
        same = np.abs(state_of(exact) - state_of(fast)).max(1) < 1e-3
        assert same.mean() > 0.97  # an episode that ends a step earlier is elsewhere
        assert np.abs(seen - close)[same].max() < 2e-3


@pytest.mark.parametrize("env_id", IDS)
def test_the_least_digits_of_a_state_matter(env_id: str) -> None:
    """The comparison above would notice an error of a few units: a state moved by 8 of them is another."""
    states = random_states(env_id, np.random.default_rng(1), 1000)
    with mf.VecEnv(env_id, 1000) as env:
        env.reset(seed=0)
        inject(env, states)
        assert error(state_of(env), states).max() == 0
        inject(env, states + 8 * EPS * np.maximum(1, np.abs(states)))
        assert error(state_of(env), states).max() > 4
