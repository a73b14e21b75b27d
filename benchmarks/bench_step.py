"""Clear and reward one market at a time.

A time is a pass of 1000 calls over 64 markets: 1 ms is 1 us per call. Next to `bench_clearing` it says
whether a slower step comes from the auction or from the rewards.
"""

from __future__ import annotations

from . import common
from .common import BACKENDS, POSITIONAL, Suite


class BoundStep(Suite):
    """`Market.step` against the whole step in one numba function and against the NumPy reference."""

    params = (BACKENDS, (5, 10, 20, 50, 100))
    param_names = ("backend", "num_generators")
    covers = ("Market",)

    def build(self, backend, num_generators):
        sets = common.offers(num_generators)
        if backend == "numba":
            step_best = common.kernel("step_best")
            inputs = common.in_turn(sets)
            self.results = [step_best(*each, *POSITIONAL) for each in sets]

            def run():
                for bids, quantities, costs, demand in inputs:
                    step_best(bids, quantities, costs, demand, *POSITIONAL)

        else:
            markets = common.markets(backend, sets)
            calls = common.in_turn([(market.step, each.demand) for market, each in zip(markets, sets)])
            self.results = [
                (market.step(each.demand), market.q_cleared.copy(), market.rewards.copy())
                for market, each in zip(markets, sets)
            ]

            def run():
                for step, demand in calls:
                    step(demand)

        self.run = run

    def check(self, backend, num_generators):
        step = common.function(common.other(backend), "environment_step")
        for got, each in zip(self.results, common.offers(num_generators)):
            common.same(got, step(*each, *POSITIONAL))

    def time_1000_calls(self, backend, num_generators):
        self.run()


class StatelessStep(Suite):
    """`environment_step`: arguments checked (but in numba), results in fresh arrays."""

    params = (BACKENDS, (5, 20, 100))
    param_names = ("backend", "num_generators")
    covers = ("environment_step",)

    def build(self, backend, num_generators):
        self.step = step = common.function(backend, "environment_step")
        inputs = common.in_turn(common.offers(num_generators))

        def run():
            for each in inputs:
                step(*each, *POSITIONAL)

        self.run = run

    def check(self, backend, num_generators):
        expected = common.function(common.other(backend), "environment_step")
        for each in common.offers(num_generators):
            common.same(self.step(*each, *POSITIONAL), expected(*each, *POSITIONAL))

    def time_1000_calls(self, backend, num_generators):
        self.run()
