"""Classic control through every door: Gymnasium's checks and wrappers, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from classic_support import IDS, MODES, backend, original, originals
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.env_match import check_environments_match
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import vector as wrappers
from parity_support import bits

import marl_ffi as mf
from marl_ffi.errors import (
    ActionError,
    ClosedError,
    DtypeError,
    EpisodeOverError,
    InvalidInputError,
    NotResetError,
    ShapeError,
    UnknownNameError,
)

__all__ = ["backend"]

pytestmark = pytest.mark.usefixtures("backend")
DISCRETE, BOXES = ("CartPole-v1", "MountainCar-v0", "Acrobot-v1"), ("MountainCarContinuous-v0", "Pendulum-v1")


# -- Gymnasium's own checks -----------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*we recommend using a symmetric and normalized space.*:UserWarning")
@pytest.mark.filterwarnings("ignore:.*A Box observation space m.* value is -?infinity.*:UserWarning")
@pytest.mark.parametrize("env_id", IDS)
def test_check_env(env_id: str) -> None:
    check_env(mf.make(env_id, render_mode="rgb_array").unwrapped, skip_render_check=False)
    made = gymnasium.make(f"marl_ffi/{env_id}")
    assert made.spec is not None and made.spec.id == f"marl_ffi/{env_id}"
    again = gymnasium.make(made.spec)
    assert bits(made.reset(seed=3)[0]) == bits(again.reset(seed=3)[0])


@pytest.mark.parametrize("env_id", [env_id for env_id in IDS if env_id != "Acrobot-v1"])
def test_environments_match(env_id: str) -> None:
    """Gymnasium's comparison, exact but for rewards, where NumPy squares a float32 torque with an error of its own."""
    theirs, ours = original(env_id).unwrapped, mf.make(env_id, max_episode_steps=10_000)
    mode = "skip" if env_id == "Pendulum-v1" else "strict"
    check_environments_match(theirs, ours, num_steps=100, seed=1, skip_rew=mode == "skip", skip_render=True)


def test_the_names_in_gymnasiums_registry() -> None:
    for env_id in IDS:
        vector = gymnasium.make_vec(f"marl_ffi/{env_id}", num_envs=3)
        assert isinstance(vector, mf.adapters.gymnasium.GymnasiumVectorEnv)
        sync = gymnasium.make_vec(f"marl_ffi/{env_id}", num_envs=3, vectorization_mode="sync")
        assert bits(vector.reset(seed=2)[0]) == bits(sync.reset(seed=2)[0])
    short = gymnasium.make("marl_ffi/CartPole-v1", sutton_barto_reward=True, max_episode_steps=2)
    short.reset(seed=1)
    assert short.step(0)[1] == 0.0 and short.step(0)[3] is True


# -- Gymnasium's wrappers -------------------------------------------------------------------------------

WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "RecordEpisodeStatistics": wrappers.RecordEpisodeStatistics,
    "NormalizeObservation": wrappers.NormalizeObservation,
    "NormalizeReward": wrappers.NormalizeReward,
    "ClipReward": lambda env: wrappers.ClipReward(env, -0.5, 0.5),
    "DictInfoToList": wrappers.DictInfoToList,
    "TransformReward": lambda env: wrappers.TransformReward(env, lambda reward: reward + 1),
}
CASES = [
    (name, mode)
    for name in WRAPPERS
    for mode in MODES
    if not (mode is AutoresetMode.SAME_STEP and "Observation" in name)
    and not (name == "NormalizeObservation" and mode is AutoresetMode.DISABLED)
]


def plain(told: Any) -> Any:
    """Results without the time that an episode took."""
    if isinstance(told, dict):
        return {key: plain(value) for key, value in told.items() if key not in ("t", "_t")}
    if isinstance(told, (list, tuple)):
        return [plain(each) for each in told]
    return told


@pytest.mark.parametrize(("wrapper", "mode"), CASES)
@pytest.mark.parametrize("env_id", ["CartPole-v1", "MountainCarContinuous-v0"])
def test_vector_wrappers_see_no_difference(env_id: str, wrapper: str, mode: AutoresetMode) -> None:
    """These two environments agree with Gymnasium's to the last digit shown, so that everything can be compared."""
    limit = 15
    vectors = originals(env_id, 3, mode, limit), mf.make_vec(env_id, 3, autoreset_mode=mode, max_episode_steps=limit)
    told: list[list[Any]] = []
    for vector in map(WRAPPERS[wrapper], vectors):
        vector.action_space.seed(4)
        found = [vector.reset(seed=8)]
        for _ in range(50):
            found.append(vector.step(vector.action_space.sample()))
            over = found[-1][2] | found[-1][3]
            if mode is AutoresetMode.DISABLED and over.any():
                # RecordEpisodeStatistics of SyncVectorEnv forgets all episodes after a partial reset: reset all.
                found.append(vector.reset())
        told.append(found)
    for one, other in zip(*told, strict=True):
        compare(plain(one), plain(other))


def compare(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            compare(one[key], other[key])
    elif isinstance(one, list):
        for a, b in zip(one, other, strict=True):
            compare(a, b)
    elif isinstance(one, np.ndarray) and one.dtype == object:
        compare(one.tolist(), other.tolist())
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype and one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)
    else:
        assert one == other


@pytest.mark.parametrize("env_id", IDS)
def test_native_statistics_are_those_of_the_wrapper(env_id: str) -> None:
    """`episode_return` and `episode_length` of `VecEnv`, and `r` and `l` of the wrapper on top of `make_vec`."""
    limit = 7
    plain_env = mf.VecEnv(env_id, 4, autoreset_mode="SameStep", max_episode_steps=limit)
    wrapped = wrappers.RecordEpisodeStatistics(mf.make_vec(env_id, 4, autoreset_mode="SameStep", max_episode_steps=limit))
    plain_env.reset(seed=2)
    wrapped.reset(seed=2)
    wrapped.action_space.seed(1)
    ends = 0
    for _ in range(30):
        actions = wrapped.action_space.sample()
        infos, statistics = plain_env.step(actions)[4], wrapped.step(actions)[4]
        assert ("final_mask" in infos) == ("episode" in statistics)
        if "episode" not in statistics:
            continue
        ended, found, ends = infos["final_mask"], statistics["episode"], ends + 1
        np.testing.assert_allclose(infos["episode_return"][ended], found["r"][ended], rtol=1e-6)
        assert infos["episode_length"][ended].tolist() == found["l"][ended].tolist() == [limit] * ended.sum()
    assert ends >= 4


# -- refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", DISCRETE)
def test_choices_that_do_not_exist(env_id: str) -> None:
    n = mf.spec(env_id)["agents"][0]["action"]["n"]
    with mf.VecEnv(env_id, 3) as env:
        env.reset(seed=1)
        before = env.snapshot()
        good = np.zeros(3, np.int64)
        for value, kind, words in [
            (n, ActionError, rf"1\b.*whole number from 0 to {n - 1}, got {n}"),
            (-1, ActionError, rf"1\b.*from 0 to {n - 1}, got -1"),
            (2**40, ActionError, rf"1\b.*got {2**40}"),
            (0.5, ActionError, r"environment 1.*0\.5 is not a whole number"),
            (np.nan, ActionError, "environment 1.*nan is not a whole number"),
            (np.inf, ActionError, "environment 1.*inf"),
        ]:
            bad = good.astype(type(value)) if isinstance(value, float) else good.copy()
            bad[1] = value
            with pytest.raises(kind, match=words):
                env.step(bad)
        for actions in (["a", "b", "c"], np.zeros(3, complex), np.array([None] * 3), np.zeros(3, "M8[s]"), {}):
            with pytest.raises((DtypeError, ShapeError), match="actions"):
                env.step(actions)
        for shape in ((2,), (4,), (3, 1), (1, 3), ()):
            with pytest.raises(ShapeError, match=r"actions: expected shape \(3,\)"):
                env.step(np.zeros(shape, np.int64))
        assert env.snapshot() == before
        for fine in (np.zeros(3, np.int8), [0, 0, 0], np.zeros(3, bool), np.zeros(3), np.zeros(6, np.int64)[::2]):
            env.restore(before)
            env.step(fine)


@pytest.mark.parametrize("env_id", BOXES)
def test_forces_that_cannot_be(env_id: str) -> None:
    """What is beyond the bounds is clipped, as in Gymnasium; what is no number is refused."""
    with mf.VecEnv(env_id, 3) as env:
        env.reset(seed=1)
        before = env.snapshot()
        for value in (np.nan, np.inf, -np.inf):
            for dtype in (np.float32, np.float64):
                bad = np.zeros((3, 1), dtype)
                bad[2] = value
                with pytest.raises(ActionError, match=rf"(?i)2\b.*expected a finite number, got -?{abs(value)}"):
                    env.step(bad)
        for shape in ((3,), (3, 2), (2, 1), (3, 1, 1)):
            with pytest.raises(ShapeError, match=r"actions: expected shape \(3, 1\)"):
                env.step(np.zeros(shape, np.float32))
        for actions in (np.zeros((3, 1), complex), [["a"], ["b"], ["c"]], np.zeros((3, 1), bool)):
            with pytest.raises(DtypeError, match="actions"):
                env.step(actions)
        assert env.snapshot() == before
        env.step(np.full((3, 1), 100.0))


@pytest.mark.parametrize("env_id", IDS)
def test_life_has_an_order(env_id: str) -> None:
    env = mf.VecEnv(env_id, 2, autoreset_mode="Disabled", max_episode_steps=1)
    action = np.zeros((2, *mf.spec(env_id)["action_shape"]))
    with pytest.raises(NotResetError):
        env.step(action)
    env.reset(seed=1, options={"reset_mask": np.array([True, False])})
    with pytest.raises(NotResetError, match="1"):
        env.step(action)
    env.reset(seed=1)
    env.step(action)
    with pytest.raises(EpisodeOverError, match="0"):
        env.step(action)
    env.reset()
    with pytest.raises(InvalidInputError, match="(?i)disabled"):
        env.rollout(3)
    env.close()
    for call in (lambda: env.step(action), env.reset, lambda: env.state, env.observe, env.snapshot):
        with pytest.raises(ClosedError):
            call()
    alone = mf.make(env_id)
    with pytest.raises(NotResetError):
        alone.step(alone.action_space.sample())
    alone.close()
    with pytest.raises(ClosedError):
        alone.step(alone.action_space.sample())


@pytest.mark.parametrize("env_id", IDS)
def test_resets_that_cannot_be(env_id: str) -> None:
    keys = ("x_init", "y_init") if env_id == "Pendulum-v1" else ("low", "high")
    with mf.VecEnv(env_id, 2) as env:
        env.reset(seed=1)
        before = env.snapshot()
        for key in keys:
            for value in (np.nan, np.inf, "much", None, True, [1.0]):
                with pytest.raises((InvalidInputError, DtypeError), match=f"reset option {key}: expected a finite number"):
                    env.reset(options={key: value})
        with pytest.raises(UnknownNameError, match=f"{keys[0]}x?"):
            env.reset(options={f"{keys[0]}x": 1.0})
        crossing = {"x_init": -0.1} if env_id == "Pendulum-v1" else {"low": 0.3, "high": 0.2}
        with pytest.raises(InvalidInputError, match="reset option"):
            env.reset(options=crossing)
        for mask in (np.zeros(2, bool), np.ones(3, bool), np.ones(2, int)):
            with pytest.raises((InvalidInputError, DtypeError), match="reset_mask"):
                env.reset(options={"reset_mask": mask})
        with pytest.raises(DtypeError, match="reset_mask"):
            env.reset(options={"reset_mask": [True, True]})
        for seed in (-1, 2**64, 1.5, "a"):
            with pytest.raises((InvalidInputError, DtypeError), match="seed"):
                env.reset(seed=seed)
        assert env.snapshot() == before


@pytest.mark.parametrize("env_id", IDS)
def test_states_that_cannot_be(env_id: str) -> None:
    with mf.VecEnv(env_id, 2) as env:
        env.reset(seed=1)
        before = env.snapshot()
        name = next(iter(env.state))
        for value in (np.nan, np.inf):
            with pytest.raises(InvalidInputError, match=rf"(?i){name}.*expected a finite number, got {value}"):
                env.state = {name: np.array([0.0, value])}
        with pytest.raises(ShapeError, match=name):
            env.state = {name: np.zeros(3)}
        with pytest.raises(UnknownNameError, match=name):
            env.state = {f"{name}s": np.zeros(2)}
        with pytest.raises(InvalidInputError, match="clock"):
            env.state = {"clock": np.zeros(2, np.uint32)}
        assert env.snapshot() == before


def test_settings_that_cannot_be() -> None:
    for env_id, settings, words in [
        ("CartPole-v1", {"sutton_barto_reward": 1}, "sutton_barto_reward: expected true or false"),
        ("CartPole-v1", {"kinematics_integrator": "rk4"}, "kinematics_integrator: expected one of euler, semi-implicit"),
        ("CartPole-v1", {"max_episode_steps": 0}, "max_episode_steps: expected .* from 1"),
        ("CartPole-v1", {"dtype": "float16"}, "dtype: expected one of float64, float32"),
        ("MountainCar-v0", {"goal_velocity": np.nan}, "goal_velocity: expected a finite number"),
        ("MountainCarContinuous-v0", {"goal_velocity": "fast"}, "goal_velocity: expected a finite number"),
        ("Pendulum-v1", {"g": np.inf}, "g: expected a finite number"),
        ("Acrobot-v1", {"book_or_nips": "blog"}, "book_or_nips: expected one of book, nips"),
    ]:  # fmt: skip
        for door in (mf.spec, lambda env_id, **each: mf.VecEnv(env_id, 1, **each), mf.make):
            with pytest.raises(InvalidInputError, match=words):
                door(env_id, **settings)
    with pytest.raises(UnknownNameError, match="sutton_barto_rewards.*sutton_barto_reward"):
        mf.make("CartPole-v1", sutton_barto_rewards=True)
    for count in (0, -1, 2**40):
        with pytest.raises(InvalidInputError, match="num_envs"):
            mf.VecEnv("CartPole-v1", count)
    with pytest.raises(InvalidInputError, match="num_threads"):
        mf.VecEnv("CartPole-v1", 1, num_threads=0)
