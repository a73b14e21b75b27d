"""Benchmarks of the market environment and of batches: one learner, many markets, two threads.

Each row says what races, against what, and by how much it has to win.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import marl_ffi as mf

from ..market.params import default_params
from ..reference import market_numba as numba
from . import rivals
from .bench import LIMIT, Case, Race, apart
from .market import POSITIONAL, SETS, same

__all__ = ["cases"]

Array = NDArray[Any]

BATCH, BIG_BATCH = 4096, 65_536
ENV_HOURS = 1024  # one long episode, so that resets stay out of the clock
# another tanh may move a float32 bid by one unit in the last place
CLOSE_F32: dict[str, Any] = {"rtol": 1e-3, "atol": 1e-5}


def cases() -> list[Case]:
    """All rows, in the order of the report."""
    return [*_env(), *_batch()]


# ------------------------------------------------------------------------------------------------------------
# The environment with one learner


def _env() -> list[Case]:
    rows = []
    # required and aimed ratio, and what the original project reports for its own loop
    goals: dict[int, tuple[float | None, float | None, int]] = {
        5: (12.0, 20.0, 21),
        20: (None, None, 55),
        100: (None, None, 244),
        200: (120.0, 250.0, 496),
    }
    for n, (required, aim, published) in goals.items():
        against, build = f"original's loop (it reports {published} us)", partial(_env_step, n)
        headline = required is not None
        rows.append(Case("env", "ElectricityMarketEnv.step", str(n), against, build, required, aim, headline))
    return rows


def _env_step(n: int) -> Race:
    params = default_params(n, ENV_HOURS)
    env, original = mf.ElectricityMarketEnv(params), rivals.PythonMarketEnv(params)
    rng = np.random.default_rng(7)
    actions = [np.array([rng.uniform(0, 1), rng.uniform(-2, 2)], np.float32) for _ in range(SETS)]
    inputs = actions * (ENV_HOURS // SETS)

    def prepare() -> None:
        env.reset()
        original.reset()

    def ours() -> None:
        step = env.step
        for action in inputs:
            step(action)

    def rival() -> None:
        step = original.step
        for action in inputs:
            step(action)

    def agree() -> None:
        prepare()
        for action in inputs:
            observation, reward, terminated, truncated, _ = env.step(action)
            expected, reward_expected, *ends, _ = original.step(action)
            np.testing.assert_array_equal(observation, expected)
            np.testing.assert_allclose(reward, reward_expected, **CLOSE_F32)
            assert [terminated, truncated] == ends

    return Race(ours, rival, len(inputs), agree, prepare)


# ------------------------------------------------------------------------------------------------------------
# Batches


def _batch() -> list[Case]:
    work = f"environment_step_batch, E={BATCH}"
    against, sizes = "numba, best algorithm, one loop", (5, 10, 20, 50, 100)
    rows = [
        Case("batch", work, str(n), against, partial(_compiled_loop, n), 3.0, 5.0, n in (5, 100))
        for n in sizes
    ]
    rows += [
        Case("batch", f"{work}, float64", str(n), "float32", partial(_precision, n), 0.6) for n in (5, 100)
    ]
    for n, headline in ((5, True), (20, False)):
        work, against = f"VecEnv.step, E={BIG_BATCH}, 2 threads", "1 thread"
        rows.append(Case("batch", work, str(n), against, partial(_env_threads, n), 1.8, 1.95, headline))
        work = f"VecEnv.step, E={BIG_BATCH}, {LIMIT}"
        rows.append(Case("batch", work, str(n), against, partial(_env_threads, n, halves=True)))
        work = f"environment_step_batch, E={BIG_BATCH}, 2 threads"
        rows.append(Case("batch", work, str(n), against, partial(_step_threads, n), 1.8, 1.95))
        work = f"environment_step_batch, E={BIG_BATCH}, {LIMIT}"
        rows.append(Case("batch", work, str(n), against, partial(_step_threads, n, halves=True)))
    return rows


class Batch(NamedTuple):
    """E input sets: bids and quantities (E, N), costs (N,), demand (E,)."""

    bids: Array
    quantities: Array
    costs: Array
    demand: Array

    def rows(self, part: slice) -> Batch:
        """Some of the input sets."""
        return Batch(self.bids[part], self.quantities[part], self.costs, self.demand[part])


def _batches(n: int, size: int, dtype: Any = np.float64) -> list[Batch]:
    """Two batches of different markets in turn; each is many input sets by itself."""
    rng = np.random.default_rng(42)
    batches = []
    for _ in range(2):
        bids, quantities = rng.uniform(20, 100, (size, n)), rng.uniform(10, 50, (size, n))
        arrays = (bids, quantities, rng.uniform(15, 80, n), 0.7 * quantities.sum(axis=1))
        batches.append(Batch(*(array.astype(dtype) for array in arrays)))
    return batches


def _over(batches: list[Batch], step: Callable[..., Any], **options: Any) -> Callable[[], None]:
    """A pass of a batched step over the batches."""

    def run() -> None:
        for batch in batches:
            step(*batch, *POSITIONAL, **options)

    return run


def _compiled_loop(n: int) -> Race:
    batches = _batches(n, BATCH)

    def agree() -> None:
        for batch in batches:
            same(mf.environment_step_batch(*batch, *POSITIONAL), numba.step_batch(*batch, *POSITIONAL))

    ours = _over(batches, mf.environment_step_batch, num_threads=1)
    return Race(ours, _over(batches, numba.step_batch), len(batches), agree)


def _precision(n: int) -> Race:
    double, single = _batches(n, BATCH), _batches(n, BATCH, np.float32)

    def agree() -> None:
        for wide, narrow in zip(double, single):
            ours = mf.environment_step_batch(*wide, *POSITIONAL)
            theirs = mf.environment_step_batch(*narrow, *POSITIONAL)
            np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5)

    step = mf.environment_step_batch
    return Race(_over(double, step, num_threads=1), _over(single, step, num_threads=1), len(double), agree)


def _step_threads(n: int, size: int = BIG_BATCH, halves: bool = False) -> Race:
    batches, step = _batches(n, size), mf.environment_step_batch
    ours = _over(batches, step, num_threads=2)
    if halves:
        parts = [[batch.rows(slice(*ends)) for batch in batches] for ends in ((0, size // 2), (size // 2, size))]
        ours = apart(*(_over(part, step, num_threads=1) for part in parts))

    def agree() -> None:
        for batch in batches:
            two, one = (step(*batch, *POSITIONAL, num_threads=threads) for threads in (2, 1))
            for mine, other in zip(two, one):
                np.testing.assert_array_equal(mine, other)

    return Race(ours, _over(batches, step, num_threads=1), len(batches), agree)


def _env_threads(n: int, size: int = BIG_BATCH, halves: bool = False) -> Race:
    def make(size: int, threads: int) -> mf.VecEnv:
        return mf.VecEnv("ElectricityMarket-v0", size, num_threads=threads, copy=False, params=default_params(n, 24))

    two, one = make(size, 2), make(size, 1)
    parts = [make(size // 2, 1) for _ in range(2)]
    rng = np.random.default_rng(7)
    actions = np.stack([rng.uniform(0, 1, (size, n)), rng.uniform(-2, 2, (size, n))], axis=-1)
    actions = actions.astype(np.float32)

    def steps(env: mf.VecEnv, actions: Array) -> Callable[[], None]:
        def ten_steps() -> None:
            for _ in range(10):
                env.step(actions)

        return ten_steps

    def prepare() -> None:
        for env in (two, one, *parts):
            env.reset(seed=0)

    def agree() -> None:
        prepare()
        for _ in range(3):
            for mine, other in zip(two.step(actions)[:4], one.step(actions)[:4]):
                np.testing.assert_array_equal(mine, other)

    ours = steps(two, actions)
    if halves:
        ours = apart(steps(parts[0], actions[: size // 2]), steps(parts[1], actions[size // 2 :]))
    return Race(ours, steps(one, actions), 10, agree, prepare)
