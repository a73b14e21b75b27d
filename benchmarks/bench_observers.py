"""What agents see: a handful of divisions, so these benchmarks measure the way in and out.

A time is a pass of 1000 calls over the hours of a week: 1 ms is 1 us per call.
"""

from __future__ import annotations

import numpy as np

from . import common
from .common import BACKENDS, Suite

HOURS = 168
OBSERVERS = ("simple", "simple_v3")


def plain(name, demand_t, capacity, cost, t, demand_scale, capacity_scale, cost_scale):
    """The observers as a Python program would write them, unchecked: the rival in NumPy."""
    if name == "simple":
        return np.array([demand_t / demand_scale, capacity / capacity_scale, cost / cost_scale, t % 24 / 24])
    by_hour, by_day = 2 * np.pi * (t % 24) / 24, 2 * np.pi * (t // 24 % 7) / 7
    return np.array(
        [
            demand_t / demand_scale, capacity / capacity_scale, cost / cost_scale,
            np.sin(by_hour), np.cos(by_hour), np.sin(by_day), np.cos(by_day),
        ]
    )  # fmt: skip


class _Observing(Suite):
    """Calls of `look(t)` over the hours, held against the reference's `Observer`."""

    num_generators = 5
    agent_index: int | None = 0

    def build(self, backend, observer, *sizes):
        n = sizes[0] if sizes else self.num_generators
        self.market = demand, capacities, costs = common.fleet(n, HOURS)
        self.look = look = self.looking(backend, observer, demand, capacities, costs)
        hours = common.in_turn(range(HOURS))

        def run():
            for t in hours:
                look(t)

        self.run = run

    def looking(self, backend, observer, demand, capacities, costs):
        raise TypeError("an observer is made by subclasses")

    def check(self, backend, observer, *sizes):
        make = common.find("marl_ffi.reference.objects", "Observer")
        expected = make(observer, *self.market, agent_index=self.agent_index)
        for t in range(HOURS):
            common.same([self.look(t)], [expected(t)])


class OneAgent(_Observing):
    """A bound `Observer` of one agent, against the compiled function and a plain NumPy one."""

    params = (BACKENDS, OBSERVERS)
    param_names = ("backend", "observer")
    covers = ("Observer",)

    def looking(self, backend, observer, demand, capacities, costs):
        if backend == "rust":
            return common.native("Observer")(observer, demand, capacities, costs, agent_index=0)
        scales = demand.max(), capacities.max(), costs.max()
        capacity, cost, profile = float(capacities[0]), float(costs[0]), demand.tolist()
        if backend == "numpy":
            return lambda t: plain(observer, profile[t], capacity, cost, t, *scales)
        compiled = common.kernel("simple_observer" if observer == "simple" else "simple_observer_v3")
        return lambda t: compiled(profile[t], capacity, cost, t, *scales)

    def time_1000_calls(self, backend, observer):
        self.run()


class AllAgents(_Observing):
    """All agents in one call, against one compiled loop into a buffer and NumPy functions in a loop."""

    params = (BACKENDS, OBSERVERS, (5, 100))
    param_names = ("backend", "observer", "num_generators")
    covers = ("Observer",)
    agent_index = None

    def looking(self, backend, observer, demand, capacities, costs):
        if backend == "rust":
            return common.native("Observer")(observer, demand, capacities, costs, agent_index=None)
        scales = demand.max(), capacities.max(), costs.max()
        if backend == "numpy":
            units, profile = list(zip(capacities.tolist(), costs.tolist())), demand.tolist()
            return lambda t: np.array([plain(observer, profile[t], *unit, t, *scales) for unit in units])
        compiled = common.find("marl_ffi.reference.market_numba_features", "observe_into")
        kind = common.find("marl_ffi.reference.market_features", "OBSERVERS").index(observer)
        seen = np.empty((len(capacities), 4 if observer == "simple" else 7))

        def look(t):
            compiled(kind, demand, capacities, costs, t, *scales, seen)
            return seen

        return look

    def time_1000_calls(self, backend, observer, num_generators):
        self.run()


class Stateless(_Observing):
    """`simple_observer` and `simple_observer_v3`: seven numbers in, a fresh array out."""

    params = (BACKENDS, OBSERVERS)
    param_names = ("backend", "observer")
    covers = ("simple_observer", "simple_observer_v3")

    def looking(self, backend, observer, demand, capacities, costs):
        function = common.function(backend, "simple_observer" if observer == "simple" else "simple_observer_v3")
        scales = float(demand.max()), float(capacities.max()), float(costs.max())
        capacity, cost, profile = float(capacities[0]), float(costs[0]), demand.tolist()
        return lambda t: function(profile[t], capacity, cost, t, *scales)

    def time_1000_calls(self, backend, observer):
        self.run()
