"""Gymnasium's doors: what is made and registered there, what is refused, and what a batch can do besides."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from market_support import MARKET, same

from marl_ffi.adapters.gymnasium import GymnasiumVectorEnv, MarketVectorEnv, make, make_vec
from marl_ffi.adapters.single import GymnasiumEnv
from marl_ffi.env import ElectricityMarketEnv
from marl_ffi.errors import (
    ActionError,
    ClosedError,
    DtypeError,
    EpisodeOverError,
    InvalidInputError,
    NotResetError,
    ShapeError,
    SnapshotError,
    UnknownNameError,
)
from marl_ffi.market.params import default_params
from marl_ffi.registration import register_gymnasium

register_gymnasium()

T = 4
MODES = list(AutoresetMode)


def test_the_mode_belongs_to_the_instance() -> None:
    envs = [make_vec(MARKET, 1, autoreset_mode=mode) for mode in MODES]
    assert [env.metadata["autoreset_mode"] for env in envs] == MODES == [env.autoreset_mode for env in envs]
    assert "autoreset_mode" not in MarketVectorEnv.metadata


@pytest.mark.parametrize("how", [None, "sync", "vector_entry_point"])
def test_gymnasium_makes_the_registered_batch(how: str | None) -> None:
    env = gymnasium.make_vec(f"marl_ffi/{MARKET}", 2, vectorization_mode=how, observer="simple_v3")
    assert isinstance(env.unwrapped, SyncVectorEnv if how == "sync" else MarketVectorEnv)
    assert env.spec is not None and env.spec.id == f"marl_ffi/{MARKET}"
    ours = make_vec(f"marl_ffi/{MARKET}", 2, observer="simple_v3")
    assert ours.spec is not None and ours.spec.id == env.spec.id and ours.spec.kwargs["num_envs"] == 2
    again = gymnasium.make_vec(ours.spec)
    told = []
    for each in (env, ours, again):
        told.append((each.reset(seed=1), each.step(np.zeros((2, 2), np.float32))))
        each.close()
    assert same(told[0], told[1]) and same(told[1], told[2])


def test_the_batch_runs_in_subprocesses() -> None:
    """Single environments pickle by their constructor, and hand nothing out that a process cannot send."""
    env = gymnasium.make_vec(f"marl_ffi/{MARKET}", 2, vectorization_mode="async", params=default_params(3, T))
    ours = make_vec(MARKET, 2, params=default_params(3, T))
    try:
        assert same(env.reset(seed=1)[0], ours.reset(seed=1)[0])
        for _ in range(T + 2):
            assert same(env.step(np.zeros((2, 2), np.float32)), ours.step(np.zeros((2, 2), np.float32)))
    finally:
        env.close()


@pytest.mark.filterwarnings("ignore:.*(Box observation space|recommend using a symmetric).*:UserWarning")
@pytest.mark.parametrize("kwargs", [{}, {"render_mode": "ansi"}, {"max_episode_steps": 3}])
def test_gymnasium_makes_and_checks_the_registered_environment(kwargs: dict[str, Any]) -> None:
    env = gymnasium.make(f"marl_ffi/{MARKET}", **kwargs)
    check_env(env.unwrapped)
    env.reset(seed=1)
    told = [env.step(np.zeros(2, np.float32)) for _ in range(kwargs.get("max_episode_steps", 24))]
    assert told[-1][3] is ("max_episode_steps" in kwargs) and told[-1][2] is not told[-1][3]


def test_the_plain_single_environment_is_the_market_with_one_learner() -> None:
    plain, market = GymnasiumEnv(MARKET, agents=[0]), make(MARKET)
    assert isinstance(market, ElectricityMarketEnv) and plain.observation_space == market.observation_space
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # unbounded observations, unsymmetric actions
        check_env(plain, skip_render_check=True)
    assert same(plain.reset(seed=1), market.reset(seed=1))
    for action in (np.zeros(2, np.float32), [0.5, 0.5], (0, 1)):
        observation, reward, terminated, truncated, info = plain.step(action)
        expected = market.step(action)
        assert same((observation, reward, terminated, truncated), expected[:4])
        assert same({name: info[name] for name in expected[4]}, expected[4])
        assert type(reward) is float and type(terminated) is bool and type(info["price"]) is float
    for action, error in (([0.0], ShapeError), ("ab", DtypeError), ([2.0, 0.0], ActionError)):
        with pytest.raises(error):
            plain.step(action)
    plain.close()
    plain.close()
    for use in (plain.reset, lambda: plain.step([0.0, 0.0]), plain.snapshot):
        with pytest.raises(ClosedError):
            use()


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"policies": [None, lambda _: [0, 0], None, None, None]}, InvalidInputError, "constant"),
        ({"policies": [None] * 3}, ShapeError, "5"),
        ({"agents": [0, 1]}, InvalidInputError, "agent_index"),
        ({"agent_index": 5}, InvalidInputError, "agent_index"),
        ({"obsrver": "simple"}, UnknownNameError, "observer"),
        ({"render_mode": "rgb_array"}, InvalidInputError, "render_mode"),
        ({"autoreset_mode": "never"}, InvalidInputError, "NextStep"),
        ({"num_envs": 0}, InvalidInputError, "num_envs"),
        ({"num_threads": 0}, InvalidInputError, "num_threads"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        make_vec(MARKET, **{"num_envs": 2, **settings})


def test_what_was_made_here_can_be_made_again_there() -> None:
    env = make(MARKET, observer="basic", policies=[None, lambda _: [0.1, 0.1], None, None, None])
    assert env.spec is not None
    again = gymnasium.make(env.spec)
    assert same(env.reset(seed=4)[0], again.reset(seed=4)[0])
    assert same(env.step(np.zeros(2, np.float32)), again.step(np.zeros(2, np.float32)))
    assert gymnasium.spec(f"marl_ffi/{MARKET}").kwargs == {}


def test_several_learners_are_no_gymnasium_environment() -> None:
    for maker in (lambda: GymnasiumEnv(MARKET), lambda: GymnasiumVectorEnv(MARKET, 2)):
        with pytest.raises(InvalidInputError, match="5 learners.*parallel_env"):
            maker()
    for maker in (
        lambda: make(MARKET, obsrver=1),
        lambda: make("ElectricityMarkt-v0"),
        lambda: make_vec("No-v0"),
    ):
        with pytest.raises(UnknownNameError):
            maker()


def test_bad_actions_and_closed_environments_are_refused() -> None:
    env = make_vec(MARKET, 2, autoreset_mode="Disabled", params=default_params(3, 1))
    with pytest.raises(NotResetError):
        env.step(np.zeros((2, 2)))
    env.reset(seed=1)
    for actions, error in (
        (np.zeros((2, 3)), ShapeError), (np.zeros((2, 1, 2)), ShapeError), ([["a", "b"]] * 2, DtypeError),
        ([[0, 0], [np.nan, 0]], ActionError),
    ):  # fmt: skip
        with pytest.raises(error):
            env.step(actions)
    env.step([[0, 0], [0.5, 1]])
    with pytest.raises(EpisodeOverError):
        env.step(np.zeros((2, 2)))
    env.close()
    env.close()
    assert env.closed
    for use in (env.reset, lambda: env.step(np.zeros((2, 2))), env.snapshot):
        with pytest.raises(ClosedError):
            use()


def test_rollout_snapshot_state_and_seeds_have_no_agent_axis() -> None:
    env, stepped = (make_vec(MARKET, 2, params=default_params(3, T)) for _ in range(2))
    env.reset(seed=1)
    stepped.reset(seed=1)
    saved = env.snapshot()
    rollout = env.rollout(6)
    assert rollout.actions.shape == (6, 2, 2) and rollout.rewards.shape == (6, 2)
    for k in range(6):
        observations, rewards, *_ = stepped.step(rollout.actions[k])
        assert same(rollout.observations[k], observations) and (rollout.rewards[k] == rewards).all()
    env.restore(saved)
    again = env.rollout(rollout.actions)
    assert same(again.rewards, rollout.rewards) and same(again.observations, rollout.observations)
    ended = rollout.final_mask
    assert same(again.final_mask, ended) and ended.sum() == 2
    assert same(again.final_observations[ended], rollout.final_observations[ended])
    assert env.np_random_seed == (1, 2) and env.state["demand"].shape == (2, T)
    env.state = {"demand": np.ones((2, T))}
    assert (env.state["demand"] == 1).all()
    with pytest.raises(SnapshotError):
        env.restore(saved[1:])


def test_rendering_gives_a_line_per_environment(capsys: pytest.CaptureFixture[str]) -> None:
    env = make_vec(MARKET, 2, render_mode="ansi", agent_index=1)
    singles = [ElectricityMarketEnv(render_mode="ansi", agent_index=1) for _ in range(2)]
    env.reset(seed=1)
    for k, single in enumerate(singles):
        single.reset(seed=1 + k)
    for _ in range(3):
        assert env.render() == tuple(single.render() for single in singles)
        env.step(np.full((2, 2), 0.5, np.float32))
        for single in singles:
            single.step(np.full(2, 0.5, np.float32))
    env = make_vec(MARKET, 2, render_mode="human")
    env.reset(seed=1)
    assert env.render() is None and capsys.readouterr().out.count("t=0") == 2
    with pytest.warns(UserWarning, match="render_mode"):
        assert make_vec(MARKET, 2).render() is None
