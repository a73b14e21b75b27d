"""One auction at a time: what ordering N bids and walking up the merit order costs.

A time is a pass of 1000 calls over 64 markets: 1 ms is 1 us per call. Rust orders few bids with networks and
many in another way, numba inserts, then counts: a step at one size alone says which of them has changed.
"""

from __future__ import annotations

from . import common
from .common import BACKENDS, Suite


class BoundClear(Suite):
    """`Market.clear`, inputs in its own buffers, against the bare numba kernel and the NumPy reference."""

    params = (BACKENDS, (5, 10, 20, 50, 100, 200))
    param_names = ("backend", "num_generators")
    covers = ("Market",)

    def build(self, backend, num_generators):
        sets = common.offers(num_generators)
        if backend == "numba":
            clear_best = common.kernel("clear_best")
            inputs = common.in_turn([(each.bids, each.quantities, each.demand) for each in sets])
            self.results = [clear_best(*each) for each in inputs[: len(sets)]]

            def run():
                for bids, quantities, demand in inputs:
                    clear_best(bids, quantities, demand)

        else:
            markets = common.markets(backend, sets)
            calls = common.in_turn([(market.clear, each.demand) for market, each in zip(markets, sets)])
            self.results = [(market.clear(each.demand), market.q_cleared.copy()) for market, each in zip(markets, sets)]

            def run():
                for clear, demand in calls:
                    clear(demand)

        self.run = run

    def check(self, backend, num_generators):
        clear = common.function(common.other(backend), "market_clearing")
        for got, each in zip(self.results, common.offers(num_generators)):
            common.same(got, clear(each.bids, each.quantities, each.demand))

    def time_1000_calls(self, backend, num_generators):
        self.run()


class StatelessClear(Suite):
    """`market_clearing`: arguments checked (but in numba), the result in a fresh array."""

    params = (BACKENDS, (5, 20, 100))
    param_names = ("backend", "num_generators")
    covers = ("market_clearing",)

    def build(self, backend, num_generators):
        clear = common.function(backend, "market_clearing")
        sets = [(each.bids, each.quantities, each.demand) for each in common.offers(num_generators)]
        inputs = common.in_turn(sets)
        self.results = [clear(*each) for each in sets]

        def run():
            for bids, quantities, demand in inputs:
                clear(bids, quantities, demand)

        self.run = run

    def check(self, backend, num_generators):
        clear = common.function(common.other(backend), "market_clearing")
        for got, each in zip(self.results, common.offers(num_generators)):
            common.same(got, clear(each.bids, each.quantities, each.demand))

    def time_1000_calls(self, backend, num_generators):
        self.run()


class ClearWithStorage(Suite):
    """`clear_with_storage`. numba has none of its own."""

    params = (("rust", "numpy"), (5, 50))
    param_names = ("backend", "num_generators")
    covers = ("clear_with_storage",)

    def build(self, backend, num_generators):
        self.clear = clear = common.function(backend, "clear_with_storage")
        self.sets = [(each.bids, each.quantities, each.demand, 40.0, 20.0) for each in common.offers(num_generators)]
        inputs = common.in_turn(self.sets)

        def run():
            for each in inputs:
                clear(*each)

        self.run = run

    def check(self, backend, num_generators):
        expected = common.function(common.other(backend), "clear_with_storage")
        for each in self.sets:
            common.same(self.clear(*each), expected(*each))

    def time_1000_calls(self, backend, num_generators):
        self.run()
