"""Many markets in one call: lanes across markets in Rust, one compiled loop in numba.

Backends are compared on 4096 markets, cut into batches of `num_envs`: the same work at every batch size, so
a curve falls by what a call costs and then stays flat. Rust runs on one thread there, numba is the bare
compiled loop; `Threads` has the axis of threads to itself.
"""

from __future__ import annotations

import numpy as np

from . import common
from .common import BACKENDS, POSITIONAL, Suite

MARKETS = 4096
LOOKED_AT = 256  # markets of a large batch that are checked, at both ends and in the middle


def _cut(arrays, size):
    """The first markets of a batch, in batches of `size`; costs are common to all."""
    bids, quantities, costs, demand = arrays
    return [
        (bids[i : i + size], quantities[i : i + size], costs, demand[i : i + size]) for i in range(0, len(demand), size)
    ]


def _one_thread(backend):
    return {"num_threads": 1} if backend == "rust" else {}


class StepBatch(Suite):
    """`environment_step_batch`."""

    params = (BACKENDS, (1, 16, 256, 4096), (5, 20, 100))
    param_names = ("backend", "num_envs", "num_generators")
    skip_params = common.too_slow(params, lambda backend, e, n: backend == "numpy" and (e == 1 or n == 20))
    covers = ("environment_step_batch",)

    def build(self, backend, num_envs, num_generators):
        step, threads = common.function(backend, "environment_step_batch"), _one_thread(backend)
        self.cuts = cuts = _cut(common.batch(MARKETS, num_generators), num_envs)
        self.one = lambda cut: step(*cut, *POSITIONAL, **threads)

        def run():
            for cut in cuts:
                step(*cut, *POSITIONAL, **threads)

        self.run = run

    def check(self, backend, num_envs, num_generators):
        expected = common.function(common.other(backend), "environment_step_batch")
        for cut in (self.cuts[0], self.cuts[-1]):
            common.same(self.one(cut), expected(*cut, *POSITIONAL))

    def time_4096_markets(self, backend, num_envs, num_generators):
        self.run()


class ClearBatch(Suite):
    """`market_clearing_batch`."""

    params = (BACKENDS, (16, 4096), (5, 100))
    param_names = ("backend", "num_envs", "num_generators")
    covers = ("market_clearing_batch",)

    def build(self, backend, num_envs, num_generators):
        clear, threads = common.function(backend, "market_clearing_batch"), _one_thread(backend)
        self.cuts = cuts = [
            (bids, quantities, demand)
            for bids, quantities, _, demand in _cut(common.batch(MARKETS, num_generators), num_envs)
        ]
        self.one = lambda cut: clear(*cut, **threads)

        def run():
            for cut in cuts:
                clear(*cut, **threads)

        self.run = run

    def check(self, backend, num_envs, num_generators):
        expected = common.function(common.other(backend), "market_clearing_batch")
        for cut in (self.cuts[0], self.cuts[-1]):
            common.same(self.one(cut), expected(*cut))

    def time_4096_markets(self, backend, num_envs, num_generators):
        self.run()


class Threads(Suite):
    """One call of `environment_step_batch` on one and two threads; small ones must not pay for the second."""

    params = ((1, 2), (256, 4096, 65536), (5, 100))
    param_names = ("num_threads", "num_envs", "num_generators")
    covers = ("environment_step_batch",)

    def build(self, num_threads, num_envs, num_generators):
        step = common.native("environment_step_batch")
        self.arrays = arrays = common.batch(num_envs, num_generators)
        self.run = lambda: step(*arrays, *POSITIONAL, num_threads=num_threads)

    def check(self, num_threads, num_envs, num_generators):
        results = self.run()
        expected = common.function("numpy", "environment_step_batch")
        bids, quantities, costs, demand = self.arrays
        part = LOOKED_AT // 4
        middle = num_envs // 2
        rows = np.r_[0:part, middle - part : middle + part, num_envs - part : num_envs]
        common.same(
            [result[rows] for result in results],
            expected(bids[rows], quantities[rows], costs, demand[rows], *POSITIONAL),
        )

    def time_call(self, num_threads, num_envs, num_generators):
        self.run()


class Precision(Suite):
    """One call of `environment_step_batch` on 4096 markets: float64 has half the lanes of float32."""

    params = (("float32", "float64"), (5, 100))
    param_names = ("dtype", "num_generators")
    covers = ("environment_step_batch",)

    def build(self, dtype, num_generators):
        step = common.native("environment_step_batch")
        self.arrays = arrays = common.batch(MARKETS, num_generators, dtype)
        self.run = lambda: step(*arrays, *POSITIONAL, num_threads=1)

    def check(self, dtype, num_generators):
        bids, quantities, costs, demand = self.arrays
        rows = slice(LOOKED_AT)
        expected = common.function("numpy", "environment_step_batch")
        results = self.run()
        assert results[2].dtype == dtype
        common.same(
            [result[rows] for result in results],
            expected(bids[rows], quantities[rows], costs, demand[rows], *POSITIONAL),
        )

    def time_call(self, dtype, num_generators):
        self.run()
