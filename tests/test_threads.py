"""Threads and processes: one object in two threads, many objects in many, forks with a live pool."""

from __future__ import annotations

import functools
import os
import pickle
from typing import Any

import numpy as np
import pytest
from parity_support import MARKET, answer, bits
from plugin_support import FORAGE, load
from thread_support import large, large_hash, own_objects, together

import marl_ffi as mf
from marl_ffi.errors import ActionError, EpisodeOverError
from marl_ffi.market import bess_params, default_params


def child(call: str, **environment: str) -> Any:
    """The result of a call of a function of `thread_support` in another process."""
    return answer(f"import json, thread_support\nprint(json.dumps(thread_support.{call}))", **environment)


# -- one object in two threads --------------------------------------------------------------------------


def test_one_market_in_many_threads() -> None:
    """Every call has its own price or its own error, or is told that the market is busy."""
    told = child("shared_market()")
    own = [
        "price 99.0",
        "MarketInputError demand_not_finite demand: expected a finite demand",
        "MarketInputError demand_negative demand: expected at least 0",
        "price 4.0",
    ]
    for expected, seen in zip(own, told, strict=True):
        assert seen.pop(expected) > 0
        for other in seen:
            assert other.startswith("BusyError busy handle: another call is inside"), (expected, other)


def test_one_batch_in_many_threads() -> None:
    """The steps that were made are those of a serial run, each once; wrong actions never step."""
    told = child("shared_vec_env()")
    assert told["failures"] == [] and told["usable"]
    assert told["tally"].pop("good: stepped", 0), told
    # How many wrong actions got as far as being looked at is up to the scheduler.
    told["tally"].pop("bad: ActionError", 0)
    assert set(told["tally"]) <= {"good: BusyError", "bad: BusyError"}, told["tally"]
    assert told["foreign"] == 0, f"{told['foreign']} results are of no serial run"


def test_everything_is_busy_during_a_call_which_leaves_python_free() -> None:
    told = child("inside_a_rollout()")
    assert told["refused"] == dict.fromkeys(told["refused"], "BusyError busy") and len(told["refused"]) == 9
    assert told["loops"] > 1000, "Python stood still while the engine worked"
    assert told["same"]


def test_closing_during_a_call_lets_it_finish() -> None:
    assert child("closed_inside_a_rollout()") == {"in time": True, "refused": "closed", "same": True}


# -- many objects in many threads -----------------------------------------------------------------------


def test_objects_of_their_own_work_in_all_threads_at_once() -> None:
    expected = [own_objects(k) for k in range(8)]
    assert together(*(lambda k=k: own_objects(k) for k in range(8))) == expected
    assert len(set(expected)) == 8


def test_large_batches_of_their_own_share_the_pool() -> None:
    expected = large_hash(1)
    assert together(*(lambda n=n: large_hash(n) for n in (1, 2, 7, 3))) == [expected] * 4


# A battery, whole days, hours of many units; a game; a plug-in: all that has memory for a step.
SHARING: dict[str, tuple[str, dict[str, Any]]] = {
    "battery": (MARKET, {"params": bess_params(3, 2)}),
    "day ahead": (MARKET, {"params": default_params(3, 3) | {"day_ahead": True}}),
    "hours": (MARKET, {"params": default_params(30, 2), "agents": [1, 4], "dtype": "float64"}),
    "game": ("BucketBrigade-v0", {}),
    "classic": ("Pendulum-v1", {}),
    "plug-in": (FORAGE, {}),
}


@pytest.mark.parametrize("mode", ["SameStep", "NextStep"])
@pytest.mark.parametrize("kind", SHARING)
def test_blocks_that_share_memory_do_not_see_each_other(kind: str, mode: str) -> None:
    """An environment gives the same in a large batch, cut into blocks of unequal size, as in a small one; infos too."""
    env_id, config = SHARING[kind]
    if env_id == FORAGE:
        load(FORAGE)
    count, few, first = 2_101, 20, 2_081
    make = functools.partial(mf.VecEnv, env_id, autoreset_mode=mode, **config)
    with make(count, num_threads=1) as one, make(count, num_threads=3) as three, make(few, num_threads=1) as alone:
        for env in (one, three):
            env.reset(seed=0)
        alone.reset(seed=first)
        one.action_space.seed(3)
        for _ in range(7):
            actions = one.action_space.sample()
            told, again, of_few = one.step(actions), three.step(actions), alone.step(actions[first:])
            assert bits(told) == bits(again)
            for mine, expected in zip(told[:4], of_few[:4], strict=True):
                assert bits(mine[first:]) == bits(expected)
            for name, expected in of_few[4].items():
                assert bits(told[4][name][first:]) == bits(expected), name


def test_what_is_refused_is_told_alike_by_any_number_of_threads() -> None:
    """Environments come before actions, and one step before the next, however the batch is cut."""
    told = []
    for threads in (1, 2, 5):
        with mf.VecEnv("CartPole-v1", 64, num_threads=threads, autoreset_mode="Disabled", max_episode_steps=1) as env:
            env.reset(seed=0)
            actions = np.zeros(64, np.int64)
            env.step(actions)
            env.reset(options={"reset_mask": np.arange(64) != 60})
            actions[1] = 7
            with pytest.raises(EpisodeOverError) as over:
                env.step(actions)
        with mf.VecEnv("CartPole-v1", 64, num_threads=threads, max_episode_steps=1) as env:
            env.reset(seed=0)
            several = np.zeros((4, 64), np.int64)
            several[2, 1] = several[0, 60] = 7
            with pytest.raises(ActionError) as wrong:
                env.rollout(several)
        told.append((str(over.value), str(wrong.value)))
    assert told[0] == told[1] == told[2]
    assert "env 60" in told[0][0] and "step 0" in told[0][1] and "env 60" in told[0][1]


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_a_large_batch_is_stepped_as_a_whole_or_not_at_all(threads: int) -> None:
    """Enough work for seven threads, each of which checks its share: one wrong action anywhere, and nobody has stepped."""
    count = 1 << 16
    with mf.VecEnv("CartPole-v1", count, num_threads=threads, dtype="float32") as env:
        env.reset(seed=0)
        rng = np.random.default_rng(0)
        for _ in range(12):
            *_, terminations, _, _ = env.step(rng.integers(0, 2, count))
        assert 0 < terminations.sum() < count
        before = env.snapshot()
        going_on = np.flatnonzero(~terminations)
        for places in ([0], [-1], [count // 2], [-1, 5], [count // 3, -2, 2 * count // 5], slice(None)):
            actions = rng.integers(0, 2, count)
            offenders = np.unique(going_on[places])
            actions[offenders] = 2
            with pytest.raises(ActionError, match=rf"env {offenders[0]}\b"):
                env.step(actions)
            assert env.snapshot() == before
        # Who is reset instead may be asked for anything.
        actions = np.where(terminations, 99, 1)
        rewards = env.step(actions)[1]
        assert np.array_equal(rewards, (~terminations).astype(np.float32))


# -- the pool -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "asked", "sizes"),
    [
        ("1", "None", [0, 0]),
        ("3", "None, 1", [0, 2, 2]),
        ("1", "5, None", [0, 4, 4]),
    ],
)
def test_the_number_of_threads_is_the_one_asked_for(variable: str, asked: str, sizes: list[int]) -> None:
    """By `MARL_FFI_NUM_THREADS` or the argument; there are none at import."""
    told = child(f"pool_sizes({asked})", MARL_FFI_NUM_THREADS=variable)
    assert told["info"] == int(variable) and told["hashes"] == [large_hash(1)]
    assert told["sizes"] == (sizes if told["linux"] else [0] * len(sizes))


def test_there_may_be_more_threads_than_cores() -> None:
    told = child("pool_sizes(64, 4096)")
    assert told["hashes"] == [large_hash(1)]
    assert not told["linux"] or told["sizes"][1] > min(os.cpu_count() or 1, 30)


def test_without_a_wish_there_are_as_many_threads_as_cores() -> None:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    told = answer("import json, marl_ffi; print(json.dumps(marl_ffi.build_info()['num_threads']))")
    assert 1 <= told <= available, "a quota may allow fewer than there are, nothing allows more"


def test_a_small_batch_stays_in_the_calling_thread() -> None:
    code = "import json, thread_support as t; env = t.mf.make_vec(t.MARKET, 4); env.reset(seed=0)\n"
    code += "for _ in range(30): env.step(env.action_space.sample())\n"
    code += "print(json.dumps(t.pool_threads() if t.sys.platform == 'linux' else 0))"
    assert answer(code, MARL_FFI_NUM_THREADS="8") == 0


# -- processes ------------------------------------------------------------------------------------------


def test_a_fork_with_a_live_pool() -> None:
    """The child has no threads of its parent, makes its own, and both go on with the same results."""
    code = "import json, warnings; warnings.simplefilter('ignore')\n"
    told = answer(code + "import thread_support; print(json.dumps(thread_support.forked()))")
    assert told == [large_hash(1)] * 4 + ["exit 0"]


def test_an_object_cannot_be_sent_to_another_process() -> None:
    """Rather than arrive there as a dead handle."""
    for thing in (mf.Market(2), mf.Observer("simple", [1.0], [1.0], [1.0]), large(1)):
        with pytest.raises((TypeError, AttributeError), match="pickle|local"):
            pickle.dumps(thing)
