"""What the benchmarks share: input sets, ways to the three implementations, a base class that checks results.

Rule for everything here and for every `params`: it may be appended to, never changed. Numbers measured years
apart are drawn in one curve, and a changed input would forge a regression.

Old commits are measured with today's files. So nothing of marl_ffi is imported before a benchmark needs it,
and what a commit does not have yet is n/a.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

BACKENDS = ("rust", "numba", "numpy")
CLASSIC = ("CartPole-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Pendulum-v1", "Acrobot-v1")
ENVIRONMENTS = ("ElectricityMarket-v0", *CLASSIC, "BucketBrigade-v0")

SETS = 64  # different inputs in turn, so that no branch predictor learns one by heart
CALLS = 1000  # calls in one timed pass: a pass of 1 ms is 1 us per call

SETTINGS: dict[str, Any] = {
    "lambda_bid_penalty": 0.01,
    "unit_lol_penalty": 1.0,
    "demand_scale": 100.0,
    "cost_scale": 50.0,
    "time_horizon": 24,
}
POSITIONAL = tuple(SETTINGS.values())

# ------------------------------------------------------------------------------------------------------------
# Inputs


class Offers(NamedTuple):
    """One market: bids ($/MWh), quantities (MW), costs ($/MWh), each (N,), and the demand (MW)."""

    bids: Any
    quantities: Any
    costs: Any
    demand: float


def offers(n: int) -> list[Offers]:
    """`SETS` random markets of N units whose demand is 70 % of what is offered."""
    rng = np.random.default_rng(42)
    sets = []
    for _ in range(SETS):
        quantities = rng.uniform(10, 50, n)
        bids, costs = rng.uniform(20, 100, n), rng.uniform(15, 80, n)
        sets.append(Offers(bids, quantities, costs, 0.7 * float(quantities.sum())))
    return sets


def batch(num_envs: int, n: int, dtype: str = "float64") -> tuple[Any, Any, Any, Any]:
    """Random markets: bids and quantities (E, N), costs (N,), demand (E,)."""
    rng = np.random.default_rng(43)
    bids, quantities = rng.uniform(20, 100, (num_envs, n)), rng.uniform(10, 50, (num_envs, n))
    arrays = (bids, quantities, rng.uniform(15, 80, n), 0.7 * quantities.sum(axis=1))
    return tuple(array.astype(dtype) for array in arrays)  # type: ignore[return-value]


def fleet(n: int, hours: int) -> tuple[Any, Any, Any]:
    """A market over time: demand (T,), capacities (N,), costs (N,)."""
    rng = np.random.default_rng(44)
    capacities, costs = rng.uniform(10, 50, n), rng.uniform(15, 80, n)
    return rng.uniform(0.3, 0.9, hours) * capacities.sum(), capacities, costs


def market_params(n: int, hours: int) -> dict[str, Any]:
    """The same market as parameters of the environment."""
    demand, capacities, costs = fleet(n, hours)
    return {
        "N_generators": n,
        "T": hours,
        "demand_profile": demand.tolist(),
        "capacities": capacities.tolist(),
        "costs": costs.tolist(),
        "max_bid_delta": 50.0,
        "lambda_bid_penalty": 0.01,
    }


def actions(spec: dict[str, Any], num_envs: int, count: int) -> list[Any]:
    """`count` arrays of random actions (E, A, *action_shape) that the environment's spaces contain."""
    rng = np.random.default_rng(45)
    columns = []
    for agent in spec["agents"]:
        space = agent["action"]
        if space["type"] == "discrete":
            columns.append(rng.integers(0, space["n"], (count, num_envs)))
            continue
        if space["type"] == "multi_discrete":
            columns.append(rng.integers(0, space["nvec"], (count, num_envs, len(space["nvec"]))))
            continue
        low, high = (
            np.array([sign * 2.0 if bound is None else bound for bound in space[side]], float)
            for side, sign in (("low", -1), ("high", 1))
        )
        low, high = np.maximum(low, -2.0), np.minimum(high, 2.0)
        drawn = rng.random((count, num_envs, *low.shape))
        columns.append((low + (high - low) * drawn).astype(space["dtype"]))
    return list(np.stack(columns, axis=2))


def in_turn(items: Sequence[Any], count: int = CALLS) -> list[Any]:
    """`count` items, over and over."""
    return list(itertools.islice(itertools.cycle(items), count))


# ------------------------------------------------------------------------------------------------------------
# Implementations


class Missing(NotImplementedError):
    """The commit under test does not have it. asv shows such a benchmark as n/a."""


def find(module: str, name: str) -> Any:
    """`name` of a module of marl_ffi.

    Raises:
        Missing: this commit has no such name.
    """
    try:
        return getattr(importlib.import_module(module), name)
    except AttributeError as error:
        raise Missing(f"{module}.{name}") from error
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("marl_ffi."):
            raise Missing(f"{module}.{name}") from error
        raise  # numba, or marl_ffi itself, is not installed: that must not pass for "n/a"


def native(name: str) -> Any:
    """A public name of marl_ffi, on the Rust engine.

    Raises:
        RuntimeError: the package runs on something else, whose times must not be taken for Rust's.
    """
    backend = find("marl_ffi", "build_info")()["backend"]
    if backend != "rust":
        raise RuntimeError(f"marl_ffi runs on {backend}: no native library, or MARL_FFI_BACKEND={backend}")
    return find("marl_ffi", name)


def kernel(name: str) -> Callable[..., Any]:
    """A compiled numba function, arrays in and arrays out, unchecked: the honest rival."""
    return find("marl_ffi.reference.market_numba", name)


# The numba kernel of each public function. Rust and NumPy check the arguments, numba does not.
KERNELS = {
    "market_clearing": "clear_best",
    "market_clearing_batch": "clear_batch",
    "environment_step": "step_best",
    "environment_step_batch": "step_batch",
    "simple_observer": "simple_observer",
    "simple_observer_v3": "simple_observer_v3",
}


def function(backend: str, name: str) -> Callable[..., Any]:
    """The stateless function `name`: public in Rust, the bare kernel in numba, the reference in NumPy."""
    if backend == "rust":
        return native(name)
    return kernel(KERNELS[name]) if backend == "numba" else find("marl_ffi.reference.market", name)


def markets(backend: str, sets: Iterable[Offers]) -> list[Any]:
    """A bound market per input set, its inputs already in its own buffers."""
    made = []
    cls = native("Market") if backend == "rust" else find("marl_ffi.reference.objects", "Market")
    for each in sets:
        market = cls(len(each.bids), **SETTINGS)
        market.bids[:], market.quantities[:], market.costs[:] = each.bids, each.quantities, each.costs
        made.append(market)
    return made


def other(backend: str) -> str:
    """Whose results a backend is held against: the NumPy oracle, and that against Rust."""
    return "rust" if backend == "numpy" else "numpy"


def too_slow(params: Sequence[Sequence[Any]], when: Callable[..., bool]) -> list[tuple[Any, ...]]:
    """`skip_params` of a class: combinations in which slow implementations would take everybody's time."""
    return [combination for combination in itertools.product(*params) if when(*combination)]


# ------------------------------------------------------------------------------------------------------------
# Checks


def same(got: Any, expected: Any) -> None:
    """Bit for bit: what all backends promise."""
    assert len(got) == len(expected), f"{len(got)} results, expected {len(expected)}"
    for mine, theirs in zip(got, expected):
        np.testing.assert_array_equal(mine, theirs)


class Suite:
    """Base of all benchmarks: `build` makes the work, `check` verifies its result, both once per process.

    asv calls `setup` before every timed call and does not batch the calls of a benchmark that has one. So
    `setup` does nothing after the first time, and every timed body is a whole pass of work, long next to what
    reading the clock takes.
    """

    version = "1"  # of the work, not of its source: raise it in a class whose work changes
    rounds = 2
    repeat = (5, 100, 0.4)
    warmup_time = 0.1
    covers: tuple[str, ...] = ()  # public names that this benchmark measures
    run: Callable[[], Any]
    _built: tuple[Any, ...] | None = None

    def setup(self, *params: Any) -> None:
        if self._built == params:
            return
        self._built = None
        self.build(*params)
        self.check(*params)
        self._built = params

    def build(self, *params: Any) -> None:
        raise TypeError(f"{type(self).__name__} has no build")

    def check(self, *params: Any) -> None:
        raise TypeError(f"{type(self).__name__} has no check")
