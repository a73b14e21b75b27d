"""Results are lent: nobody's arrays are ever overwritten, and memory that nobody refers to is used again."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import marl_ffi as mf
from marl_ffi import _leases

ENVS = 64


def new(**settings) -> mf.VecEnv:
    env = mf.VecEnv("CartPole-v1", ENVS, autoreset_mode="SameStep", **settings)
    env.reset(seed=3)
    return env


def steps(env: mf.VecEnv, count: int, keep) -> list:
    rng = np.random.default_rng(0)
    return [keep(env.step(rng.integers(0, 2, ENVS))) for _ in range(count)]


def flat(result) -> list[np.ndarray]:
    *arrays, infos = result
    return [*arrays, *(infos[name] for name in sorted(infos))]


@pytest.mark.parametrize("keep", [flat, lambda result: [array[:] for array in flat(result)]], ids=["arrays", "views"])
def test_what_is_held_is_not_written_to(keep):
    with new() as env, new() as twin:
        held = steps(env, 30, keep)
        copies = steps(twin, 30, lambda result: [array.copy() for array in flat(result)])
        for one, other in zip(held, copies, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_buffer_without_its_array_is_held_too():
    with new() as env:
        views = steps(env, 6, lambda result: memoryview(result[0]))
        before = [bytes(view) for view in views]
        steps(env, 6, lambda result: None)
        assert [bytes(view) for view in views] == before


def test_what_nobody_holds_is_used_again():
    with new() as env:
        places = set(steps(env, 20, lambda result: result[0].ctypes.data))
        gc.collect()
        assert len(places) <= 2


def test_other_calls_leave_the_last_results_alone():
    with new() as env:
        observations, rewards, *_ = env.step(np.zeros(ENVS, int))
        before = observations.copy(), rewards.copy()
        saved = env.snapshot()
        env.rollout(5)
        env.reset(seed=9)
        env.restore(saved)
        env.state = {"x": np.full(ENVS, 0.5)}
        env.observe()
        assert np.array_equal(observations, before[0]) and np.array_equal(rewards, before[1])


def test_a_masked_reset_shows_the_others_as_they_are():
    with new() as env:
        for _ in range(3):
            observations, *_ = env.step(np.ones(ENVS, int))
        mask = np.arange(ENVS) % 3 == 0
        after, _ = env.reset(options={"reset_mask": mask})
        assert np.array_equal(after[~mask], observations[~mask])
        assert not np.array_equal(after[mask], observations[mask])


@pytest.mark.parametrize("copy", [True, False])
def test_a_masked_reset_after_a_rollout_shows_the_others_as_they_are(copy):
    with new(copy=copy) as env:
        last = env.rollout(7).observations[-1]
        mask = np.arange(ENVS) % 3 == 0
        after, _ = env.reset(options={"reset_mask": mask})
        assert np.array_equal(after[~mask], last[~mask])
        assert not np.array_equal(after[mask], last[mask])


def test_without_counts_of_references_results_are_copied(monkeypatch):
    monkeypatch.setattr(_leases, "counts_references", lambda: False)
    with new() as env, new(copy=False) as views:
        first, *_ = env.step(np.zeros(ENVS, int))
        kept = first.copy()
        env.step(np.ones(ENVS, int))
        assert np.array_equal(first, kept)
        shown, *_ = views.step(np.zeros(ENVS, int))
        views.step(np.ones(ENVS, int))
        assert not np.array_equal(shown, kept)


@pytest.mark.parametrize("mode", ["SameStep", "NextStep"])
def test_final_observations_are_zero_where_no_episode_ended(mode):
    rng, envs = np.random.default_rng(1), 5000
    with mf.VecEnv("CartPole-v1", envs, autoreset_mode=mode, num_threads=2) as env:
        env.reset(seed=3)
        seen = 0
        for _ in range(40):
            *_, infos = env.step(rng.integers(0, 2, envs))
            if "final_mask" not in infos:
                continue
            mask, finals = infos["final_mask"], infos["final_obs"]
            assert finals[mask].any(axis=1).all() and not finals[~mask].any()
            assert not infos["episode_return"][~mask].any() and infos["episode_length"][mask].all()
            seen += mask.sum()
            # What is the caller's may be written to, and leaves no trace in later results.
            finals[...], mask[...] = 9.0, False
        assert seen > envs
