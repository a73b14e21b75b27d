"""`VecEnv` over whole episodes: their ends in every autoreset mode, rollouts, snapshots, state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from market_support import MARKET, E, N, T, actions, make, play, same

from marl_ffi.errors import (
    ClosedError,
    DtypeError,
    EpisodeOverError,
    InvalidInputError,
    ShapeError,
    SnapshotError,
    UnknownNameError,
)
from marl_ffi.market.params import bess_params, default_params
from marl_ffi.vec_env import VecEnv


def test_next_step_resets_in_the_step_after_the_end_and_ignores_its_action() -> None:
    with make(autoreset_mode="NextStep") as env:
        first, _ = env.reset(seed=1)
        *_, (_, _, terminations, truncations, infos) = play(env, T)
        assert terminations.all() and not truncations.any() and infos["_price"].all()
        ignored = np.full((E, N, 2), np.nan, np.float32)
        observations, rewards, terminations, truncations, infos = env.step(ignored)
        assert same(observations, first), "unseeded resets repeat the day"
        assert not rewards.any() and not terminations.any() and infos == {}
        assert env.step(actions(9))[4]["_price"].all()


def test_next_step_marks_the_infos_of_environments_that_were_reset_as_absent() -> None:
    with make(autoreset_mode="NextStep") as env:
        env.reset(seed=1)
        play(env, 1)
        env.reset(options={"reset_mask": np.array([True, False, False])})
        play(env, T - 1)
        infos = env.step(actions(0))[4]
        assert infos["_price"].tolist() == [True, False, False]
        assert infos["price"][0] != 0 and not infos["price"][1:].any() and not infos["q_cleared"][1:].any()


def test_same_step_returns_the_first_observation_and_keeps_the_last() -> None:
    with make(autoreset_mode="SameStep") as env, make(autoreset_mode="Disabled") as plain:
        first, _ = env.reset(seed=1)
        plain.reset(seed=1)
        *_, same_step = play(env, T)
        *_, disabled = play(plain, T)
        assert same(same_step[0], first) and same(same_step[4]["final_obs"], disabled[0])
        assert same(same_step[1:4], disabled[1:4]) and same(same_step[4], disabled[4])
        assert env.state["clock"].tolist() == [0] * E


def test_disabled_refuses_to_step_a_finished_environment_and_names_it() -> None:
    with make(autoreset_mode="Disabled") as env:
        env.reset(seed=1)
        play(env, 1)
        env.reset(options={"reset_mask": np.array([True, True, False])})
        play(env, T - 1)
        before = env.state
        with pytest.raises(EpisodeOverError, match="2"):
            env.step(actions(0))
        assert same(env.state, before)
        env.reset(options={"reset_mask": np.array([False, False, True])})
        assert env.step(actions(0))[2].tolist() == [True, True, False]


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_the_end_of_an_episode_reports_its_return_and_length(mode: str) -> None:
    with make(autoreset_mode=mode) as env:
        env.reset(seed=1)
        steps = play(env, T)
        assert all("final_mask" not in step[4] for step in steps[:-1])
        infos = steps[-1][4]
        assert infos["final_mask"].all() and infos["episode_length"].tolist() == [T] * E
        total = np.sum([step[1].astype(np.float64) for step in steps], axis=0)
        np.testing.assert_allclose(infos["episode_return"], total, rtol=1e-12)
        assert infos["episode_return"].dtype == np.float64 and infos["final_obs"].shape == (E, N, 4)


def test_max_episode_steps_truncates() -> None:
    with make(max_episode_steps=2, autoreset_mode="Disabled") as env:
        env.reset(seed=1)
        (_, _, *one, _), (_, _, *two, _) = play(env, 2)
        assert not one[1].any() and two[1].all() and not two[0].any()


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_rollout_is_its_steps(mode: str, dtype: Any) -> None:
    steps = 2 * T + 3
    played = actions(0, steps).astype(dtype)
    with make(autoreset_mode=mode) as env, make(autoreset_mode=mode) as stepped:
        env.reset(seed=1)
        stepped.reset(seed=1)
        rollout = env.rollout(played)
        assert all(len(array) == steps for array in rollout.values())
        for k in range(steps):
            observations, rewards, terminations, truncations, infos = stepped.step(played[k])
            assert same(rollout.observations[k], observations) and same(rollout["rewards"][k], rewards)
            assert same(rollout.terminations[k], terminations) and same(rollout.truncations[k], truncations)
            if "final_mask" in infos:
                assert rollout.final_mask[k].all()
                assert same(rollout.final_observations[k], infos["final_obs"])
                assert same(rollout.episode_returns[k], infos["episode_return"])
                assert same(rollout.episode_lengths[k], infos["episode_length"])
        assert same(env.step(played[0]), stepped.step(played[0]))


def test_a_rollout_without_actions_samples_them_from_the_environments_seeds() -> None:
    with make() as env, make() as again, make(num_envs=1) as alone:
        for each in (env, again):
            each.reset(seed=4)
        alone.reset(seed=5)
        first, second, third = env.rollout(2 * T), again.rollout(np.int64(2 * T)), alone.rollout(2 * T)
        assert same(dict(first), dict(second))
        assert same(first.actions[:, 1], third.actions[:, 0]) and same(
            first.rewards[:, 1], third.rewards[:, 0]
        )
        assert all(row in env.action_space for row in first.actions)
        assert len(np.unique(first.actions)) == first.actions.size
        again.reset(seed=4)
        replayed = again.rollout(first.actions)
        assert same(replayed.rewards, first.rewards)
        with pytest.raises(UnknownNameError, match="rewards"):
            _ = first.reward


@pytest.mark.parametrize("steps", [0, -1, True, 1.5, 2**40, None, "3"])
def test_a_rollout_needs_a_number_of_steps_or_actions(steps: Any) -> None:
    with make() as env:
        env.reset(seed=1)
        with pytest.raises((InvalidInputError, DtypeError)):
            env.rollout(steps)
        with pytest.raises(ShapeError):
            env.rollout(np.zeros((2, E, N)))
        with pytest.raises(ShapeError):
            env.rollout(np.zeros((0, E, N, 2)))


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
@pytest.mark.parametrize("moment", [0, 2, T])
def test_a_snapshot_goes_on_as_if_nothing_had_happened(mode: str, moment: int) -> None:
    with make(autoreset_mode=mode, demand_noise="every_reset") as env:
        env.reset(seed=1)
        play(env, moment)
        saved = env.snapshot()
        assert isinstance(saved, bytes)
        last = T - moment if mode == "Disabled" else 2 * T
        expected = play(env, last, start=moment)
        with make(autoreset_mode=mode, demand_noise="every_reset") as other:
            for target in (env, other):
                target.restore(saved)
                assert same(play(target, last, start=moment), expected)


def test_a_snapshot_that_is_none_is_refused_and_nothing_changes() -> None:
    with make() as env, make(num_envs=E + 1) as bigger:
        env.reset(seed=1)
        bigger.reset(seed=1)
        before = env.snapshot()
        damaged = bytearray(before)
        damaged[len(damaged) // 2] ^= 1
        for data in (b"", b"marl", before[:-1], before + b"x", bytes(damaged), bigger.snapshot()):
            with pytest.raises(SnapshotError):
                env.restore(data)
        for data in (None, "text", np.zeros(3)):
            with pytest.raises(DtypeError):
                env.restore(data)  # type: ignore[arg-type]
        assert env.snapshot() == before


def test_state_can_be_read_and_written() -> None:
    with make() as env:
        env.reset(seed=1)
        state = env.state
        assert state["demand"].shape == (E, T) and state["clock"].tolist() == [0] * E
        state["demand"][:] = -1
        assert (env.state["demand"] > 0).all(), "reading gives copies"
        demand = np.linspace(10, 60, E * T, dtype=np.float32).reshape(E, T)
        env.state = {"demand": demand}
        assert same(env.state["demand"], demand)
        scale = np.float32(max(default_params(N, T)["demand_profile"]))
        assert same(env.observe()[:, 0, 0], demand[:, 0] / scale)
        assert same(env.step(actions(0))[4]["demand"], demand[:, 0])
        env.set_state({"demand": demand * 2}, mask=np.array([True, False, False]))
        seen, _ = env.reset(options={"reset_mask": np.array([False, False, True])})
        assert seen[0, 0, 0] == demand[0, 1] * 2 / scale, "the state was written but not observed"
        assert same(env.state["demand"][1:], demand[1:]) and same(env.state["demand"][0], demand[0] * 2)


@pytest.mark.parametrize(
    ("columns", "error", "words"),
    [
        ({"demands": np.ones((E, T))}, UnknownNameError, "demand"),
        ({"clock": np.zeros(E)}, InvalidInputError, "clock"),
        ({"demand": np.ones((E, T + 1))}, ShapeError, "demand"),
        ({"demand": np.ones(T)}, ShapeError, "demand"),
        ({"demand": np.full((E, T), "a")}, DtypeError, "demand"),
        ({"demand": np.full((E, T), np.nan)}, InvalidInputError, "demand"),
        ({"demand": np.full((E, T), -1.0)}, InvalidInputError, "demand"),
        ([1, 2], DtypeError, "dictionary"),
    ],
)
def test_a_state_that_cannot_be_is_refused_whole(columns: Any, error: type[Exception], words: str) -> None:
    with make() as env:
        env.reset(seed=1)
        before = env.state
        with pytest.raises(error, match=words):
            env.state = columns
        assert same(env.state, before)


def test_columns_are_written_together_or_not_at_all() -> None:
    with VecEnv(MARKET, E, params=bess_params(3, T)) as env:
        env.reset(seed=1)
        before = env.state
        with pytest.raises(InvalidInputError):
            env.state = {"demand": np.ones((E, T)), "soc": np.full(E, 1e9)}
        assert same(env.state, before)


def test_a_closed_environment_does_nothing_more() -> None:
    env = make()
    env.reset(seed=1)
    saved = env.snapshot()
    env.close()
    env.close()
    assert env.closed and "closed" in repr(env)
    uses = [
        env.reset,
        lambda: env.step(actions(0)),
        lambda: env.rollout(2),
        env.observe,
        env.snapshot,
        lambda: env.restore(saved),
        lambda: env.state,
        lambda: env.set_state({}),
        lambda: env.seeds,
        env.__enter__,
    ]
    for use in uses:
        with pytest.raises(ClosedError):
            use()
