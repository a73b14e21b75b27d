"""The auction through the native public names: recorded results to the last bit, and the life of its objects."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
from market_support import golden
from parity_support import answer, bits, hash_of

import marl_ffi as mf
from marl_ffi import _library
from marl_ffi.errors import STATUSES, ClosedError, MarlError, PanicError, error_for

GOLDEN = golden()
DTYPES = {"f32": np.float32, "f64": np.float64}
SCALES = ("lambda_bid_penalty", "unit_lol_penalty", "demand_scale", "cost_scale", "time_horizon")


def array(values: list[Any], dtype: str) -> np.ndarray:
    """Recorded numbers, with the texts "NaN" and "Infinity" among them."""
    return np.array([float(value) for value in values], DTYPES[dtype])


def offers(case: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, float]:
    bids, quantities = array(case["bids"], case["dtype"]), array(case["quantities"], case["dtype"])
    return bids, quantities, float(case["demand"])


def bound(bids: np.ndarray, quantities: np.ndarray, costs: Any = 0.0, **settings: Any) -> mf.Market:
    market = mf.Market(len(bids), dtype=bids.dtype, **settings)
    market.bids[:], market.quantities[:], market.costs[:] = bids, quantities, costs
    return market


def each(cases: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case["id"])


def test_the_backend_under_test_is_the_native_one() -> None:
    info = mf.build_info()
    assert info["backend"] == "rust" and info["library"]
    for public in (mf.Market, mf.Observer, mf.market_clearing, mf.environment_step_batch, mf.simple_observer):
        assert "reference" not in public.__module__


# -- recorded results -----------------------------------------------------------------------------------


def test_every_recorded_case_is_there() -> None:
    clearing = {case["id"] for case in GOLDEN["clearing"]}
    assert clearing == {f"c{k:02}" for k in range(1, 37)} | {f"i{k:02}" for k in range(1, 16)}
    assert len(GOLDEN["fused"]) == 15 and len(GOLDEN["observers"]) == 192
    assert len(GOLDEN["storage_extension"]["clear_with_storage"]) == 12


@each([case for case in GOLDEN["clearing"] if case["class"] == "valid"])
def test_recorded_clearing(case: dict[str, Any]) -> None:
    bids, quantities, demand = offers(case)
    expected = float(case["recommended"]["price"]), array(case["recommended"]["q_cleared"], case["dtype"])
    assert bits(mf.market_clearing(bids, quantities, demand)) == bits(expected)
    prices, cleared = mf.market_clearing_batch(np.stack([bids] * 9), np.stack([quantities] * 9), np.full(9, demand))
    assert bits(cleared) == bits(np.stack([expected[1]] * 9))
    assert bits(prices) == bits(np.full(9, expected[0], bids.dtype))
    market = bound(bids, quantities)
    for clear in (market.clear, market.step):
        assert bits(clear(demand)) == bits(expected[0]) and bits(market.q_cleared) == bits(expected[1])


@each([case for case in GOLDEN["clearing"] if case["class"] == "invalid"])
def test_recorded_refusal(case: dict[str, Any]) -> None:
    """The very reason that is recorded, at each of the doors that such an input can reach."""
    bids, quantities, demand = offers(case)
    reason = case["recommended"]["error"]
    rows = np.stack([bids] * 3), np.stack([quantities] * 3), np.full(3, demand)
    settings = (0.01, 1.0, 100.0, 50.0, 24)
    doors = [
        lambda: mf.market_clearing(bids, quantities, demand),
        lambda: mf.environment_step(bids, quantities, np.zeros(len(bids)), demand, *settings),
        lambda: mf.market_clearing_batch(*rows),
        lambda: mf.environment_step_batch(*rows[:2], np.zeros(len(bids)), rows[2], *settings),
        lambda: mf.clear_with_storage(bids, quantities, demand, 20.0, 5.0),
    ]
    if len(bids) == len(quantities) > 0:
        market = bound(bids, quantities)
        doors += [lambda: market.clear(demand), lambda: market.step(demand)]
    for door in doors:
        with pytest.raises(MarlError) as refused:
            door()
        code, kind = next((code, kind) for code, (name, kind) in STATUSES.items() if name == reason)
        assert (refused.value.reason, refused.value.code, type(refused.value)) == (reason, code, kind)


@each(GOLDEN["fused"])
def test_recorded_rewards(case: dict[str, Any]) -> None:
    bids, quantities, demand = offers(case)
    costs, terms = array(case["costs"], case["dtype"]), [case[name] for name in SCALES]
    wanted = case["recommended"]
    cleared, rewards = (array(wanted[name], case["dtype"]) for name in ("q_cleared", "rewards"))
    expected = float(wanted["price"]), cleared, rewards
    assert bits(mf.environment_step(bids, quantities, costs, demand, *terms)) == bits(expected)
    rows = np.stack([bids] * 5), np.stack([quantities] * 5)
    prices, batch, paid = mf.environment_step_batch(*rows, costs, np.full(5, demand), *terms)
    assert bits(paid) == bits(np.stack([rewards] * 5)) and bits(batch) == bits(np.stack([cleared] * 5))
    assert bits(prices) == bits(np.full(5, expected[0], bids.dtype))
    market = bound(bids, quantities, costs, **{name: case[name] for name in SCALES})
    assert bits((market.step(demand), market.q_cleared, market.rewards)) == bits(expected)


@each(GOLDEN["storage_extension"]["clear_with_storage"])
def test_recorded_purchase(case: dict[str, Any]) -> None:
    bids, quantities, demand = offers(case)
    buyer = float(case["buy_bid"]), float(case["buy_quantity"])
    if "error" in case:
        with pytest.raises(MarlError) as refused:
            mf.clear_with_storage(bids, quantities, demand, *buyer)
        assert refused.value.reason == case["error"]
        return
    price, cleared, charged = mf.clear_with_storage(bids, quantities, demand, *buyer)
    assert (price, charged) == (case["price"], case["charged"])
    assert bits(cleared) == bits(array(case["q_cleared"], case["dtype"]))


def test_recorded_observations() -> None:
    """The bound observer in float32 against all 192 of them, alone and with all agents in one call."""
    given = GOLDEN["observer_inputs"]
    inputs = given["D_profile"], given["K"], given["c"]
    for case in GOLDEN["observers"]:
        expected = np.array(case["obs"], np.float32)
        look = mf.Observer(case["observer"], *inputs, agent_index=case["agent_index"], dtype="float32")
        assert bits(look(case["t"])) == bits(expected), case
        everybody = mf.Observer(case["observer"], *inputs, agent_index=None, dtype="float32")
        assert bits(everybody(case["t"])[case["agent_index"]]) == bits(expected), case


def test_recorded_observations_of_plain_numbers() -> None:
    recorded = GOLDEN["observer_benchmark_inputs"]
    assert bits(mf.simple_observer(**recorded["args"])) == bits(np.array(recorded["simple_f64"]))
    assert bits(mf.simple_observer_v3(**recorded["args"])) == bits(np.array(recorded["simple_v3_f64"]))


def test_recorded_observation_widths() -> None:
    for name, widths in GOLDEN["observer_dims"].items():
        for agents, width in widths.items():
            assert mf.Observer(name, [1.0], [1.0] * int(agents), [1.0] * int(agents)).obs.shape == (width,)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("units", [2, 5, 16, 40, 300])
def test_among_equal_bids_the_last_in_merit_order_sets_a_scarcity_price(units: int, dtype: str) -> None:
    """Seen by the sign of zero: -0.0 stands first, so the price of a shortage is that of the other zeros."""
    bids = np.zeros(units, dtype)
    bids[0] = -0.0
    for rule in ("highest_bid", "highest_dispatched_bid"):
        market = bound(bids, np.ones(units, dtype), scarcity_price=rule)
        assert bits(market.clear(units + 1.0)) == bits(0.0), rule
        market.quantities[1:] = 0
        assert bits(market.clear(units + 1.0)) == bits(-0.0 if rule == "highest_dispatched_bid" else 0.0), rule


# -- objects --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_are_the_markets_own_and_stay(dtype: str) -> None:
    market = mf.Market(5, dtype=dtype)
    names = ("bids", "quantities", "costs", "q_cleared", "rewards")
    arrays = [getattr(market, name) for name in names]
    for one in arrays:
        assert one.dtype == dtype and one.shape == (5,) and one.flags.writeable and not one.any()
        assert one.ctypes.data % 64 == 0, "not at a 64-byte boundary"
    assert not any(np.shares_memory(a, b) for k, a in enumerate(arrays) for b in arrays[:k])
    market.bids[:], market.quantities[:], market.costs[:] = range(5), 10, range(5)
    assert market.step(25.0) == 2.0 and market.q_cleared.tolist() == [10, 10, 5, 0, 0]
    assert all(getattr(market, name) is one for name, one in zip(names, arrays, strict=True))
    market.quantities[2] = 0
    market.rewards[:] = 7
    assert market.clear(25.0) == 3.0 and market.rewards.tolist() == [7] * 5 and arrays[3].tolist() == [10, 10, 0, 5, 0]


def test_arrays_outlive_their_object() -> None:
    """The memory of deleted objects is not given to others while somebody holds an array, or a view of one."""
    held = []
    for k in range(200):
        market, look = (
            mf.Market(50),
            mf.Observer("simple_v3", [10.0], [5.0, 6.0], [1.0, 2.0], agent_index=None),
        )
        market.bids[:] = k
        look(0)
        held.append((market.bids[10:20], look.obs[1:], look.obs.copy()))
        if k % 2:
            market.close()
            look.close()
    del market, look
    gc.collect()
    others = [mf.Market(50) for _ in range(400)]
    for other in others:
        other.bids[:] = -1
    for k, (bids, seen, expected) in enumerate(held):
        assert (bids == k).all() and bits(seen) == bits(expected[1:])


def test_results_stay_while_anybody_holds_a_view_of_them() -> None:
    """Results are large enough here for their memory to be used again; not before the last view of it is gone."""
    rng = np.random.default_rng(0)
    bids, quantities, demand = rng.random((2000, 12)), rng.random((2000, 12)), rng.random(2000)
    held: list[tuple[Any, np.ndarray]] = []
    with mf.VecEnv("ElectricityMarket-v0", 2000) as env:
        env.reset(seed=1)
        for _ in range(6):
            _, cleared = mf.market_clearing_batch(bids, quantities, demand)
            observations, rewards, *_, infos = env.step(rng.random((2000, 5, 2)))
            run = env.rollout(3)
            arrays = (cleared, observations, rewards, infos["q_cleared"], run.observations, run.actions, run.rewards)
            held += [(array[7:, 1:2], array[7:, 1:2].copy()) for array in arrays]
            held += [(memoryview(array[1]), array[1].copy()) for array in arrays]
            del cleared, observations, rewards, infos, run, arrays
            quantities += 1.0
            gc.collect()
    assert len({hash_of(expected) for _, expected in held}) > 50
    for view, expected in held:
        assert bits(np.asarray(view)) == bits(expected)


def test_closed_objects_refuse_and_keep_their_arrays() -> None:
    market, look = mf.Market(2), mf.Observer("simple", [1.0], [1.0], [1.0])
    market.quantities[:] = 5
    for one in (market, look):
        one.close()
        one.close()
    for call in (lambda: market.clear(1.0), lambda: market.step(1.0), lambda: look(0)):
        with pytest.raises(ClosedError, match="closed") as refused:
            call()
        assert refused.value.reason == "closed"
    assert market.quantities.tolist() == [5, 5] and look.obs.shape == (4,)


def test_an_observer_copies_what_it_is_given() -> None:
    profile, fleet, costs = np.array([10.0, 20.0]), np.array([5.0, 2.0]), np.array([1.0, 4.0])
    look = mf.Observer("basic", profile, fleet, costs)
    before = look(0).copy()
    for given in (profile, fleet, costs):
        given[:] = 99
    assert look(0) is look.obs and bits(look.obs) == bits(before)


GROWTH = """
import json, resource, sys
import marl_ffi as mf
from marl_ffi.market import default_params
kilobyte = 1 if sys.platform != "darwin" else 1024
refused = 0

def market(k):
    global refused
    made = mf.Market(500, dtype="float64" if k % 2 else "float32")
    made.quantities[:] = 1
    made.clear(1.0)
    try:
        made.clear(-1.0)
    except mf.MarlError:
        refused += 1

def observer(k):
    mf.Observer("basic", [1.0] * 50, [1.0] * 40, [1.0] * 40, agent_index=None)(1)

def environment(k):
    with mf.VecEnv("ElectricityMarket-v0", 64, params=default_params(10, 24), history=True) as env:
        env.reset(seed=1)
        data = env.snapshot()
        env.restore(data)
        try:
            env.restore(data[:-1])
        except mf.MarlError:
            pass
        env.rollout(2)

growth = {}
for make, warm, count in ((market, 500, 10_000), (observer, 500, 10_000), (environment, 60, 600)):
    for k in range(warm):
        make(k)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for k in range(count):
        make(k)
    growth[make.__name__] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // kilobyte
assert refused == 10_500, refused
print(json.dumps(growth))
"""


def test_nothing_leaks() -> None:
    """A market here has 20 kB, an observer 13 kB, a batch over 700 kB: a leak of a fraction would show."""
    growth = answer(GROWTH)
    assert set(growth) == {"market", "observer", "environment"}
    assert all(kilobytes < 2048 for kilobytes in growth.values()), growth


def test_a_bug_is_reported_in_its_own_words() -> None:
    """Any other refusal is asked for again, with an error of its own; after a bug that would only tell of the first."""
    answers: list[tuple[str, str]] = []

    def library(handle: str, err: Any) -> int:
        reason, message = answers.pop(0)
        code = int(error_for(reason, "").code or 0) if reason else 0
        err.status, err.message = code, message.encode()
        return code

    shared, explain = _library.shared_error(library, "handle")

    def call() -> None:
        if library("handle", shared):
            explain()

    answers[:] = [("", ""), ("panic", "it fell over"), ("busy", "first"), ("busy", "second"), ("busy", "first"), ("", "")]
    call()
    with pytest.raises(PanicError, match="^it fell over$"):
        call()
    with pytest.raises(MarlError, match="^second$"):
        call()
    call()
    assert answers == []
