"""What threads and processes do to the engine, as functions whose results are plain data.

Tests run them in processes of their own, where a crash is a failed test and not the end of all tests.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from parity_support import MARKET, bits, hash_of, random_actions, random_market

import marl_ffi as mf
from marl_ffi.errors import BusyError, ClosedError, MarlError
from marl_ffi.market import default_params

LARGE = 3001
WIDE, STEPS = 600, 90


def large(threads: int | None = None) -> mf.VecEnv:
    """A batch with enough work for many threads, reset with seed 0."""
    env = mf.VecEnv(MARKET, LARGE, num_threads=threads, params=default_params(20, 12))
    env.reset(seed=0)
    return env


def large_hash(threads: int | None = None) -> str:
    """A hash over a rollout, a step and the state of such a batch."""
    with large(threads) as env:
        made = dict(env.rollout(3))
        last = env.step(random_actions(np.random.default_rng(0), env.spec, LARGE))
        return hash_of([made, list(last), env.state, env.snapshot()])


def pool_threads() -> int:
    """Threads of the engine's pool in this process. Linux tells their names."""
    names = []
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/comm") as comm:
            names.append(comm.read().strip())
    return sum(name.startswith("marl-") for name in names)


def together(*works: Callable[[], Any]) -> list[Any]:
    """Run works in threads that take turns as often as they can; their results, or what they raised."""
    results: list[Any] = [None] * len(works)

    def run(k: int, work: Callable[[], Any]) -> None:
        try:
            results[k] = work()
        except BaseException as error:
            results[k] = error

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    sys.setswitchinterval(before)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    return results


def shared_market() -> list[dict[str, int]]:
    """Four threads in one Market, each with a demand of its own, two of them impossible: what each is told."""
    market = mf.Market(300)
    market.bids[:], market.quantities[:] = np.arange(300)[::-1], 1

    def clear(demand: float) -> Callable[[], dict[str, int]]:
        def work() -> dict[str, int]:
            seen: Counter[str] = Counter()
            for _ in range(8000):
                try:
                    seen[f"price {market.clear(demand)}"] += 1
                except MarlError as error:
                    seen[f"{type(error).__name__} {error.reason} {str(error).split(',')[0]}"] += 1
            return dict(seen)

        return work

    return together(*map(clear, (100.0, float("nan"), -1.0, 5.0)))


def shared_vec_env() -> dict[str, Any]:
    """Threads that step one VecEnv with the same actions in two dtypes, and others with actions that are wrong."""
    count, steps = 300, 250
    # Not the next-step mode: there a wrong action is fine where it is ignored, in the step that resets.
    settings = {"num_threads": 1, "params": default_params(10, 6), "autoreset_mode": "SameStep"}
    with mf.VecEnv(MARKET, count, **settings) as serial:
        serial.reset(seed=1)
        expected = []
        for _ in range(6 * steps):
            observations, rewards, terminations, _, _ = serial.step(np.zeros((count, 10, 2), np.float32))
            expected.append(hash_of([observations, rewards, terminations]))
    env = mf.VecEnv(MARKET, count, **settings)
    env.reset(seed=1)
    tally: Counter[str] = Counter()
    results: list[str] = []

    def step(dtype: Any, value: float) -> Callable[[], None]:
        def work() -> None:
            for _ in range(steps):
                actions = np.zeros((count, 10, 2), dtype)  # made anew: memory that goes away again
                actions[-1, -1, 0] = value
                try:
                    observations, rewards, terminations, _, _ = env.step(actions)
                except MarlError as error:
                    tally[f"{'good' if value == 0 else 'bad'}: {type(error).__name__}"] += 1
                else:
                    tally[f"{'good' if value == 0 else 'bad'}: stepped"] += 1
                    results.append(hash_of([observations, rewards, terminations]))

        return work

    failures = together(*(step(dtype, value) for dtype in ("f4", "f8") for value in (0.0, 0.0, 9.0)))
    env.reset(seed=1)
    after, *_ = env.step(np.zeros((count, 10, 2)))
    with mf.VecEnv(MARKET, count, **settings) as fresh:
        fresh.reset(seed=1)
        usable = bits(after) == bits(fresh.step(np.zeros((count, 10, 2)))[0])
    done = Counter(results)
    return {
        "failures": [repr(x) for x in failures if x is not None],
        "tally": dict(tally),
        "foreign": sum((done - Counter(expected[: len(results)])).values()),
        "usable": usable,
    }


def laborious(threads: int) -> mf.VecEnv:
    """Few numbers in and out, and much work in between."""
    env = mf.VecEnv(MARKET, WIDE, num_threads=threads, params=default_params(300, 12), agents=[7])
    env.reset(seed=0)
    return env


def long_rollout(env: mf.VecEnv) -> tuple[threading.Thread, list[Any]]:
    """A thread that is inside the engine, in a rollout from seed 0, and the list that gets the result."""
    for attempt in range(20):
        env.reset(seed=0)
        made: list[Any] = []

        def work(made: list[Any] = made) -> None:
            with contextlib.suppress(BusyError):
                made.append(env.rollout(STEPS))

        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(0.05 * 0.8**attempt)
        try:
            env.seeds  # noqa: B018
        except BusyError:
            return thread, made
        thread.join()  # not yet inside, or over already: again
    raise AssertionError("the engine was never busy")


def inside_a_rollout() -> dict[str, Any]:
    """Everything that can be called while another thread is in a long rollout, and what becomes of the rollout."""
    env, loops, refused = laborious(1), 0, {}
    thread, made = long_rollout(env)
    actions = np.zeros((WIDE, 1, 2), np.float32)
    calls: dict[str, Callable[[], Any]] = {
        "step": lambda: env.step(actions), "rollout": lambda: env.rollout(1), "reset": lambda: env.reset(),
        "snapshot": lambda: env.snapshot(), "state": lambda: env.state, "seeds": lambda: env.seeds,
        "observe": lambda: env.observe(), "restore": lambda: env.restore(b""),
        "set_state": lambda: env.set_state({"demand": np.ones((WIDE, 12))}),
    }  # fmt: skip
    for name, call in calls.items():
        try:
            call()
            refused[name] = "it went through" if thread.is_alive() else "the rollout was over too soon"
        except MarlError as error:
            refused[name] = f"{type(error).__name__} {error.reason}"
    while thread.is_alive():
        loops += 1
    thread.join()
    expected = laborious(2).rollout(STEPS)
    return {"refused": refused, "loops": loops, "same": bits(dict(made[0])) == bits(dict(expected))}


def closed_inside_a_rollout() -> dict[str, Any]:
    env = laborious(2)
    thread, made = long_rollout(env)
    in_time = thread.is_alive()
    env.close()
    thread.join()
    try:
        env.step(np.zeros((WIDE, 1, 2)))
        refused = ""
    except ClosedError as error:
        refused = error.reason
    return {
        "in time": in_time,
        "refused": refused,
        "same": bits(dict(made[0])) == bits(dict(laborious(1).rollout(STEPS))),
    }


def own_objects(k: int) -> str:
    """Stateless functions, a market, an observer and a batch of one thread."""
    rng, results = np.random.default_rng(k), []
    env = mf.VecEnv(MARKET, 40, num_threads=2, params=default_params(5, 6))
    env.reset(seed=k)
    for _ in range(60):
        bids, quantities, costs, demand = random_market(rng, int(rng.integers(1, 40)))
        market = mf.Market(len(bids), dtype=bids.dtype)
        market.bids[:], market.quantities[:], market.costs[:] = bids, quantities, costs
        results.append((market.step(demand), market.rewards.copy(), mf.market_clearing(bids, quantities, demand)))
        results.append(list(env.step(random_actions(rng, env.spec, 40))))
        look = mf.Observer("basic", costs * costs + 1, quantities, costs, agent_index=None)
        results.append(look(0).copy())
    return hash_of(results)


def pool_sizes(*asked: int | None) -> dict[str, Any]:
    """The size of the pool after import, and after work with each of these numbers of threads."""
    linux = sys.platform == "linux"
    sizes = [pool_threads() if linux else 0]
    hashes = set()
    for threads in asked:
        hashes.add(large_hash(threads))
        sizes.append(pool_threads() if linux else 0)
    return {"linux": linux, "sizes": sizes, "hashes": sorted(hashes), "info": mf.build_info()["num_threads"]}


def forked() -> list[str]:
    """Hashes of a process with a live pool, of its child and of its grandchild."""
    here = large_hash(3)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        inner = os.fork()
        if inner == 0:
            os.write(write, (large_hash(3) + "\n").encode())
            os._exit(0)
        os.waitpid(inner, 0)
        os.write(write, (large_hash(2) + "\n").encode())
        os._exit(0)
    os.close(write)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(read) as pipe:
        return [here, *pipe.read().split(), large_hash(4), f"exit {status}"]


def cartpole() -> Any:
    import gymnasium

    return gymnasium.make("marl_ffi/CartPole-v1")


def asynchronous(method: str) -> dict[str, Any]:
    """Environments in processes of their own against the same in this one, while this one's pool is alive."""
    import gymnasium

    here = large_hash(3)
    makers = [cartpole] * 3
    apart = gymnasium.vector.AsyncVectorEnv(makers, context=method)
    together_ = gymnasium.vector.SyncVectorEnv(makers)
    same = bits(apart.reset(seed=5)[0]) == bits(together_.reset(seed=5)[0])
    rng = np.random.default_rng(0)
    for _ in range(40):
        actions = rng.integers(0, 2, 3)
        same &= bits(list(apart.step(actions))[:4]) == bits(list(together_.step(actions))[:4])
    apart.close()
    return {"same": same, "steps": 40, "here": here}


def forked_inside() -> dict[str, Any]:
    """Children of a process one of whose threads, and its pool with it, is inside a rollout."""
    env = laborious(2)
    expected = bits(dict(env.rollout(STEPS)))
    children = []
    rolled = True
    for _ in range(4):
        thread, made = long_rollout(env)
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(write, large_hash(3).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            children.append(pipe.read())
        os.waitpid(pid, 0)
        thread.join()
        rolled &= bits(dict(made[0])) == expected
    return {"children": children, "rolled": rolled}


def crowd(count: int) -> dict[str, Any]:
    """Many threads of Python, each with a batch of its own that asks for as many threads."""
    hashes = together(*(lambda: large_hash(count) for _ in range(count)))
    linux = sys.platform == "linux"
    return {"hashes": sorted(set(map(str, hashes))), "linux": linux, "threads": pool_threads() if linux else 0}
