"""The bound step of single environments: the results of the plain one, for every action, whoever holds what."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from classic_support import CASES, IDS

import marl_ffi as mf
from marl_ffi._engine import NativeEngine
from marl_ffi.adapters import single
from marl_ffi.adapters.single import GymnasiumEnv
from marl_ffi.errors import BusyError, ClosedError, MarlError

DTYPES = ("float64", "float32")


def plain(monkeypatch: pytest.MonkeyPatch, env_id: str, **settings: Any) -> GymnasiumEnv:
    """The environment as it is where references are not counted: with the step that writes and copies."""
    with monkeypatch.context() as patched:
        patched.setattr(single, "counts_references", lambda: False)
        return GymnasiumEnv(env_id, **settings)


def moves(env: Any, count: int) -> list[Any]:
    env.action_space.seed(5)
    return [env.action_space.sample() for _ in range(count)]


def exact(result: tuple[Any, ...]) -> tuple[Any, ...]:
    observation, reward, terminated, truncated, infos = result
    assert type(reward) is float and type(terminated) is bool and type(truncated) is bool and infos == {}
    assert observation.dtype == np.float32 and observation.ndim == 1 and observation.flags.writeable
    return observation.tobytes(), reward, terminated, truncated


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("env_id", "settings"), CASES)
def test_the_same_episodes_as_a_batch_of_one(env_id: str, settings: dict[str, Any], dtype: str) -> None:
    settings = {**settings, "dtype": dtype, "max_episode_steps": 40}
    env = GymnasiumEnv(env_id, **settings)
    with mf.VecEnv(env_id, 1, autoreset_mode="Disabled", **settings) as batch:
        ends = 0
        for episode in range(4):
            first, _ = env.reset(seed=episode)
            assert first.tobytes() == batch.reset(seed=episode)[0].tobytes()
            for action in moves(env, 40):
                observation, reward, terminated, truncated, _ = batch.step(np.asarray([action]))
                told = exact(env.step(action))
                assert told == (observation.tobytes(), float(reward[0]), terminated[0], truncated[0])
                if terminated[0] or truncated[0]:
                    ends += 1
                    break
            assert env.snapshot() == batch.snapshot()
        assert ends == 4


@pytest.mark.parametrize("env_id", IDS)
def test_the_bound_step_is_what_runs(env_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without this, the other tests might compare the plain step with itself."""
    calls = []
    bind = NativeEngine.bind_step

    def counted(self: NativeEngine, *args: Any) -> Any:
        run, bound = bind(self, *args)
        return lambda *inner: (calls.append(1), run(*inner))[1], bound

    monkeypatch.setattr(NativeEngine, "bind_step", counted)
    env, other = GymnasiumEnv(env_id), plain(monkeypatch, env_id)
    for each in (env, other):
        each.reset(seed=1)
        for action in moves(each, 5):
            each.step(action)
    assert len(calls) == 5


HOLDERS: list[Callable[[Any], Any]] = [
    lambda seen: seen,
    lambda seen: seen[:1],
    lambda seen: seen.reshape(-1, 1)[::-1],
    lambda seen: memoryview(seen),
    lambda seen: np.asarray(memoryview(seen)),
]


@pytest.mark.parametrize("holder", HOLDERS, ids=["array", "slice", "view of a view", "buffer", "array of a buffer"])
@pytest.mark.parametrize("most", [1, 2, 3, 5, 100])
def test_what_is_held_is_never_written_again(holder: Callable[[Any], Any], most: int) -> None:
    env, twin = GymnasiumEnv("Pendulum-v1"), GymnasiumEnv("Pendulum-v1")
    env.reset(seed=1), twin.reset(seed=1)
    held: list[tuple[Any, bytes]] = []
    for action in moves(env, 60):
        seen = env.step(action)[0]
        assert np.array_equal(seen, twin.step(action)[0])
        kept = holder(seen)
        del seen
        held = [*held, (kept, bytes(kept))][-most:]
        assert all(bytes(each) == before for each, before in held)


def test_what_is_written_into_an_observation_does_not_come_back() -> None:
    env, twin = GymnasiumEnv("CartPole-v1"), GymnasiumEnv("CartPole-v1")
    env.reset(seed=1), twin.reset(seed=1)
    for action in moves(env, 8):
        seen, expected = env.step(action)[0], twin.step(action)[0].copy()
        assert np.array_equal(seen, expected)
        seen.fill(np.nan)
        seen.shape = (2, 2)
        seen.flags.writeable = False


def test_observations_outlive_their_environment() -> None:
    env = GymnasiumEnv("CartPole-v1")
    env.reset(seed=1)
    seen = env.step(1)[0]
    before = seen.copy()
    env.close()
    del env
    assert np.array_equal(seen, before)


class Number(int):
    """An integer by another name."""


ODD: dict[bool, list[Any]] = {
    False: [
        np.float32([0.5]), np.float64([0.1]), np.int64([1]), np.int8([1]), [0.25], (1,), [1], np.float32([3]),
        np.float32([[0.5]]), np.float32(0.5), np.array(0.5, np.float32), np.float32([0.5, 0.5]), np.float32([]),
        np.float32([np.nan]), np.float32([np.inf]), np.float64([-np.inf]), np.float64([1e39]), np.float64([1e300]), 0.5, 1,
        True, None, "0", [None], [True], np.array([True]), np.array(["x"]), np.array([0.5], object), 1j, [[0.5]], {},
        np.float32([0.7, 0.2])[::2], np.array([0.5], ">f4"), np.array([0.5], np.float16),
        np.ma.array([0.5], np.float32),
    ],
    True: [
        0, 1, 2, -1, 3, 1.0, 0.5, True, False, Number(1), np.int64(1), np.int64(-1), np.int32(1), np.uint8(1),
        np.uint64(2**63), np.float64(1.0), np.bool_(True), np.array(1), np.array([1]), [1], (0,), 2**31, 2**32, 2**53 + 1,
        2**63, -(2**63), 10**400, -(10**400), float("nan"), float("inf"), None, "1", b"1", {}, 1j, [], object(),
    ],
}  # fmt: skip


def outcome(env: GymnasiumEnv, action: Any) -> Any:
    try:
        return exact(env.step(action))
    except MarlError as e:
        return type(e), str(e)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("env_id", IDS)
def test_odd_actions_fare_as_in_the_plain_step(env_id: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    env, other = GymnasiumEnv(env_id, dtype=dtype), plain(monkeypatch, env_id, dtype=dtype)
    fine = refused = 0
    actions = ODD[env.action_space.shape == ()]
    assert outcome(env, actions[0]) == outcome(other, actions[0])  # not reset yet
    for each in (env, other):
        each.reset(seed=3)
    for action in actions:
        told = outcome(env, action)
        assert told == outcome(other, action), repr(action)
        assert env.snapshot() == other.snapshot(), repr(action)
        fine, refused = fine + (len(told) == 4), refused + (len(told) == 2)
    assert fine >= 5 and refused >= 10


def test_the_end_is_told_once() -> None:
    env = GymnasiumEnv("MountainCarContinuous-v0", max_episode_steps=3)
    env.reset(seed=0)
    action = np.zeros(1, np.float32)
    assert [env.step(action)[3] for _ in range(3)] == [False, False, True]
    for _ in range(2):
        with pytest.raises(MarlError, match="episode is over"):
            env.step(action)
    env.reset(seed=0)
    assert env.step(action)[3] is False


def test_a_closed_environment_says_so_and_an_old_step_does_no_harm() -> None:
    env = GymnasiumEnv("CartPole-v1")
    env.reset(seed=1)
    old = env.step
    env.close()
    with pytest.raises(ClosedError):
        env.step(1)
    for _ in range(5):
        exact(old(1))


def test_a_reward_that_is_no_number_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    env, other = GymnasiumEnv("Pendulum-v1"), plain(monkeypatch, "Pendulum-v1")
    for each in (env, other):
        with np.errstate(all="ignore"):
            each.reset(seed=1, options={"x_init": 1e308})
        rewards = [each.step(np.zeros(1, np.float32))[1] for _ in range(3)]
        assert np.isnan(rewards).all() and each._engine.column("clock")[0] == 3


def test_two_threads_at_one_environment() -> None:
    """Each call has its effect, or is told that the environment is busy; what one was given, the other does not change."""
    env = GymnasiumEnv("Pendulum-v1", max_episode_steps=10**7)
    env.reset(seed=1)
    done, wrong = [0, 0], []
    action = np.zeros(1, np.float32)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def work(k: int) -> None:
        seen, before = np.empty(0, np.float32), b""
        for _ in range(40_000):
            try:
                next_seen = env.step(action)[0]
                done[k] += 1
                assert bytes(seen) == before
                seen, before = next_seen, bytes(next_seen)
            except BusyError:
                pass
            except Exception as e:
                wrong.append(e)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    assert not wrong and sum(done) == int(env._engine.column("clock")[0])
