"""The market kernels in NumPy and numba: recorded values, properties, and equality to the last bit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marl_ffi.errors import MarlError
from marl_ffi.reference import market, market_numba, objects
from marl_ffi.reference.market_features import OBSERVERS
from marl_ffi.reference.market_rules import MarketRules, RewardSettings

GOLDEN = json.loads((Path(__file__).parent / "golden" / "market_golden.json").read_text())
DTYPES = {"f32": np.float32, "f64": np.float64}
KERNELS = pytest.mark.parametrize("kernels", [market, market_numba], ids=["numpy", "numba"])


def by_id(cases: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=[case["id"] for case in cases])


def array(values: list[Any], dtype: str) -> np.ndarray:
    return np.array([float(value) for value in values], DTYPES[dtype])


def same(left: Any, right: Any) -> bool:
    left, right = np.asarray(left), np.asarray(right)
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


@KERNELS
@by_id(GOLDEN["clearing"])
def test_clearing_gives_the_recommended_result(kernels: Any, case: dict[str, Any]) -> None:
    bids, quantities = array(case["bids"], case["dtype"]), array(case["quantities"], case["dtype"])
    wanted = case["recommended"]
    if "error" in wanted:
        with pytest.raises(MarlError) as caught:
            kernels.market_clearing(bids, quantities, float(case["demand"]))
        assert caught.value.reason == wanted["error"]
        return
    price, q_cleared = kernels.market_clearing(bids, quantities, float(case["demand"]))
    assert same(price, float(wanted["price"]))
    assert same(q_cleared, array(wanted["q_cleared"], case["dtype"]))


@KERNELS
@by_id(GOLDEN["fused"])
def test_step_gives_the_recorded_rewards(kernels: Any, case: dict[str, Any]) -> None:
    bids, quantities, costs = (array(case[name], case["dtype"]) for name in ("bids", "quantities", "costs"))
    names = ("demand", "lambda_bid_penalty", "unit_lol_penalty", "demand_scale", "cost_scale", "time_horizon")
    price, q_cleared, rewards = kernels.environment_step(bids, quantities, costs, *(case[name] for name in names))
    wanted = case["recommended"]
    assert same(price, float(wanted["price"]))
    assert same(q_cleared, array(wanted["q_cleared"], case["dtype"]))
    assert same(rewards, array(wanted["rewards"], case["dtype"]))


@by_id(GOLDEN["storage_extension"]["clear_with_storage"])
def test_clearing_with_a_storage_buyer(case: dict[str, Any]) -> None:
    bids, quantities = array(case["bids"], case["dtype"]), array(case["quantities"], case["dtype"])
    arguments = (bids, quantities, case["demand"], case["buy_bid"], case["buy_quantity"])
    if "error" in case:
        with pytest.raises(MarlError) as caught:
            market.clear_with_storage(*arguments)
        assert caught.value.reason == case["error"]
        return
    price, q_cleared, charged = market.clear_with_storage(*arguments)
    assert price == case["price"]
    assert same(q_cleared, array(case["q_cleared"], case["dtype"]))
    assert charged == case["charged"]


def test_numpys_generator_is_the_recorded_one() -> None:
    for case in GOLDEN["numpy_rng"]:
        normals = np.random.default_rng(case["seed"]).standard_normal(len(case["standard_normals"]))
        assert normals.tolist() == case["standard_normals"]
        raw = np.random.PCG64(case["seed"]).random_raw(len(case["first_raw_u64"]))
        assert [int(x) for x in raw] == [int(x, 16) for x in case["first_raw_u64"]]


def test_observers_give_the_recorded_features() -> None:
    inputs = GOLDEN["observer_inputs"]
    scales = {name: inputs[name] for name in ("demand_scale", "capacity_scale", "cost_scale")}
    for case in GOLDEN["observers"]:
        obs = market.observe(
            case["observer"], inputs["D_profile"], inputs["K"], inputs["c"], case["agent_index"], case["t"],
            dtype=np.float32, **scales,
        )  # fmt: skip
        assert same(obs, np.array(case["obs"], np.float32)), case


@KERNELS
def test_observers_of_plain_numbers(kernels: Any) -> None:
    case = GOLDEN["observer_benchmark_inputs"]
    arguments = [float(v) if k != "t" else v for k, v in case["args"].items()]
    assert kernels.simple_observer(*arguments).tolist() == case["simple_f64"]
    assert kernels.simple_observer_v3(*arguments).tolist() == case["simple_v3_f64"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OBSERVERS)
def test_numba_observes_all_agents_like_numpy(name: str, dtype: Any) -> None:
    rng = np.random.default_rng(3)
    demand, capacities, costs = (rng.uniform(1, 90, n).astype(dtype) for n in (200, 6, 6))
    for t in (0, 1, 23, 24, 100, 167, 199, 200):
        seen = market_numba.observe_all(name, demand, capacities, costs, t)
        for agent in range(6):
            assert same(seen[agent], market.observe(name, demand, capacities, costs, agent, t, dtype=dtype))


def random_market(rng: np.random.Generator, n: int, dtype: Any) -> tuple[Any, ...]:
    """Ties, zeros, exact steps, shortage and plain cases, with random rules."""
    bids = rng.uniform(-20, 100, n).astype(dtype)
    if rng.random() < 0.5:
        bids = (np.round(bids / 20) * 20).astype(dtype)
    quantities = rng.uniform(0, 50, n).astype(dtype)
    quantities[rng.random(n) < rng.choice([0.0, 0.4])] = 0
    demand = float(quantities.sum()) * rng.uniform(0, 1.2)
    kind = rng.random()
    if kind < 0.1:
        demand = 0.0
    elif kind < 0.4:
        demand = float(np.cumsum(quantities[np.argsort(bids, kind="stable")])[rng.integers(n)])
    rules = MarketRules(
        (None, 30.0, -5.0)[rng.integers(3)], str(rng.choice(["highest_bid", "highest_dispatched_bid"])),
        str(rng.choice(["original", "robust"])), str(rng.choice(["index", "pro_rata"])),
    )  # fmt: skip
    return bids, quantities, rng.uniform(0, 80, n).astype(dtype), demand, rules


def random_markets(count: int) -> Iterator[tuple[Any, ...]]:
    rng = np.random.default_rng(11)
    for k in range(count):
        n = int(rng.choice([*range(1, 41), 100, 200])) if k % 100 else int(rng.choice([511, 513, 1100]))
        yield random_market(rng, n, [np.float32, np.float64][k % 2])


def test_numba_equals_numpy_to_the_last_bit() -> None:
    settings = RewardSettings(0.01, 1.5, 124.88, 40.0, 24)
    for bids, quantities, costs, demand, rules in random_markets(3000):
        expected = market.clear(bids, quantities, demand, rules)
        got = market_numba.clear(bids, quantities, demand, rules)
        assert same(got.price, expected.price) and same(got.q_cleared, expected.q_cleared)
        assert got.shortfall == expected.shortfall
        steps = [kernels.step(bids, quantities, costs, demand, rules, settings) for kernels in (market, market_numba)]
        assert all(map(same, *steps))


def test_all_numba_clearings_agree() -> None:
    for bids, quantities, _, demand, _ in random_markets(1000):
        expected = market.clear(bids, quantities, demand)
        for function in (market_numba.clear_best, market_numba.clear_argsort):
            price, q_cleared = function(bids, quantities, demand)
            assert same(bids.dtype.type(price), expected.price) and same(q_cleared, expected.q_cleared)
        price, _ = market_numba.clear_argsort_quicksort(bids, quantities, demand)
        assert bids.dtype.type(price) == expected.price or len(np.unique(bids)) < len(bids)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("units", [1, 5, 17, 130])
def test_batches_are_rows_of_single_markets(units: int, dtype: Any) -> None:
    rng = np.random.default_rng(units)
    bids, quantities = (rng.uniform(0, 50, (70, units)).astype(dtype) for _ in range(2))
    costs, demand = rng.uniform(0, 50, units).astype(dtype), quantities.sum(axis=1) * dtype(0.9)
    numbers = (0.01, 1.0, 100.0, 50.0, 24)
    for kernels in (market, market_numba):
        prices, q_cleared = kernels.market_clearing_batch(bids, quantities, demand)
        step = kernels.environment_step_batch(bids, quantities, costs, demand, *numbers)
        assert same(step[0], prices) and same(step[1], q_cleared)
        for e in range(70):
            one = market.environment_step(bids[e], quantities[e], costs, float(demand[e]), *numbers)
            assert same(dtype(one[0]), prices[e]) and same(one[1], q_cleared[e]) and same(one[2], step[2][e])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pairwise_sum_is_the_sum_of_numpy(dtype: Any) -> None:
    values = np.random.default_rng(1).uniform(0, 1000, 1200).astype(dtype)
    for n in [*range(1, 300), 511, 1024, 1025, 1200]:
        expected = np.sum(values[:n])
        assert market.pairwise_sum(values[:n]) == expected
        assert dtype(market_numba.pairwise_sum(values[:n])) == expected


def test_permuting_distinct_bids_permutes_the_result() -> None:
    rng = np.random.default_rng(2)
    for n in (2, 9, 31):
        bids, quantities = rng.permutation(n).astype(float), rng.uniform(0, 9, n)
        price, q_cleared = market.market_clearing(bids, quantities, 2.5 * n)
        p = rng.permutation(n)
        other_price, other = market.market_clearing(bids[p], quantities[p], 2.5 * n)
        assert other_price == price and same(other, q_cleared[p])


def test_ties_clear_by_index_or_pro_rata() -> None:
    bids, quantities = np.array([20.0, 10.0, 20.0, 20.0, 30.0]), np.array([10.0, 5.0, 30.0, 20.0, 10.0])
    by_index = market.clear(bids, quantities, 35.0)
    assert by_index.q_cleared.tolist() == [10, 5, 20, 0, 0]
    shared = market.clear(bids, quantities, 35.0, MarketRules(tie_rule="pro_rata"))
    assert shared.price == 20 and shared.q_cleared.tolist() == [5, 5, 15, 10, 0]
    short = market.clear(bids, quantities, 100.0, MarketRules(tie_rule="pro_rata"))
    assert short.q_cleared.tolist() == quantities.tolist() and short.shortfall == 25.0


def test_price_options() -> None:
    bids, quantities = np.array([10.0, 90.0, 40.0]), np.array([5.0, 0.0, 5.0])
    assert market.clear(bids, quantities, 20.0).price == 90
    assert market.clear(bids, quantities, 20.0, MarketRules(scarcity_price="highest_dispatched_bid")).price == 40
    capped = MarketRules(price_cap=25.0, scarcity_price="highest_dispatched_bid")
    assert market.clear(bids, quantities, 20.0, capped).price == 25
    assert market.clear(bids, quantities, 4.0, capped).price == 10
    nothing = MarketRules(scarcity_price="highest_dispatched_bid")
    assert market.clear(bids, np.zeros(3), 1.0, nothing).price == 90


def test_robust_loss_of_load_ignores_rounding() -> None:
    bids, quantities = np.arange(11, dtype=np.float32), np.full(11, 0.1, np.float32)
    met = market.clear(bids, quantities, 1.05)
    assert market.loss_of_load(met, 1.05, MarketRules(loss_of_load="robust"), 2.0) == (0, 0)
    unmet = market.clear(bids, quantities, 3.0)
    unserved, penalty = market.loss_of_load(unmet, 3.0, MarketRules(loss_of_load="robust"), 2.0)
    supply = float(np.cumsum(quantities)[-1])
    assert unserved == np.float32(3.0 - supply) and penalty == np.float32(2.0 * (3.0 - supply))


def test_tanh_is_accurate_and_odd() -> None:
    x = np.concatenate([np.linspace(-12, 12, 400_001), np.linspace(-0.7, 0.7, 100_001), np.geomspace(1e-12, 30, 999)])
    y, exact = market.tanh64(x), np.tanh(x)
    assert (np.abs(y - exact) <= 4 * np.spacing(np.abs(exact))).all()
    assert (market.tanh64(-x) == -y).all() and (np.abs(y) <= 1).all()
    assert market.tanh64(40.0) == 1.0 and market.tanh64(0.0) == 0.0


def test_actions_become_bids_in_the_dtype_of_the_market() -> None:
    actions = np.array([[0.25, 0.3], [0.1, -2.0]])
    for real in (np.float32, np.float64):
        capacities, costs = np.array([30, 40], real), np.array([20.1, 35.7], real)
        for dtype in (np.float32, np.float64):
            given = actions.astype(dtype)
            quantities, bids = market.project_actions(given, capacities, costs, 50.0)
            assert quantities.dtype == bids.dtype == real
            markup = np.tanh(given.astype(np.float64)[:, 1])
            assert np.allclose(bids, costs.astype(float) + 50 * markup, rtol=0, atol=8e-6 if real == np.float32 else 1e-13)
            for i in range(2):
                one = market.project_action(given[i], capacities[i], costs[i], 50.0)
                assert same(one[0], quantities[i]) and same(one[1], bids[i])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (([], [], 1.0), "empty"),
        (([1.0], [1.0, 2.0], 1.0), "length_mismatch"),
        (([1.0, 2.0], [1.0], 1.0), "length_mismatch"),
        (([[1.0]], [[1.0]], 1.0), "length_mismatch"),
        (([1.0, np.nan], [np.nan, 1.0], np.nan), "bid_not_finite"),
        (([1.0, 2.0], [-1.0, np.nan], np.nan), "quantity_negative"),
        (([1.0, 2.0], [1.0, np.inf], -1.0), "quantity_not_finite"),
        (([1.0], [1.0], np.nan), "demand_not_finite"),
        (([1.0], [1.0], -1e-300), "demand_negative"),
        ((["a"], [1.0], 1.0), "dtype_mismatch"),
        (([1.0], [1.0], "x"), "invalid_argument"),
    ],
)
def test_bad_input_is_named_in_the_stated_order(arguments: tuple[Any, ...], reason: str) -> None:
    for kernels in (market, market_numba):
        with pytest.raises(MarlError) as caught:
            kernels.market_clearing(*arguments)
        assert caught.value.reason == reason


def test_messages_name_the_place_and_the_value() -> None:
    with pytest.raises(MarlError, match=r"quantities\[1, 2\].*got -3\.0"):
        market.market_clearing_batch(np.ones((2, 3)), [[1, 1, 1], [1, 1, -3]], [1, 1])
    with pytest.raises(MarlError, match=r"costs\[1\].*got nan"):
        market.environment_step([1, 2], [1, 2], [1, np.nan], 1.0, 0.01, 1.0, 1.0, 1.0, 24)


@pytest.mark.parametrize("position", range(5))
def test_reward_settings_are_checked(position: int) -> None:
    good: list[Any] = [0.01, 1.0, 100.0, 50.0, 24]
    market.environment_step([1], [1], [1], 1.0, *good)
    for bad in (-1, float("nan"), "x") if position < 4 else (-1, 1.5, True):
        numbers = list(good)
        numbers[position] = bad
        with pytest.raises(MarlError) as caught:
            market.environment_step([1], [1], [1], 1.0, *numbers)
        assert caught.value.reason == "parameter_invalid"
    first, second = (market.environment_step([1], [1], [0], 1.0, *[*good[:4], t])[2] for t in (0, 1))
    assert same(first, second)


def test_integers_and_mixed_dtypes_are_float64() -> None:
    price, q_cleared = market.market_clearing([10, 20], np.array([3, 4], np.int32), 5)
    assert price == 20.0 and q_cleared.tolist() == [3.0, 2.0] and q_cleared.dtype == np.float64
    assert market.market_clearing(np.ones(1, np.float32), [1.0], 1.0)[1].dtype == np.float64


@KERNELS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_market_object_is_the_functions_with_buffers(kernels: Any, dtype: str) -> None:
    bound = objects.Market(3, dtype=dtype, demand_scale=100.0, cost_scale=50.0, kernels=kernels)
    bound.bids[:], bound.quantities[:], bound.costs[:] = [10, 20, 30], [5, 5, 5], [9, 8, 7]
    expected = market.environment_step(bound.bids, bound.quantities, bound.costs, 7.3, 0.01, 1.0, 100.0, 50.0, 24)
    buffers = bound.q_cleared, bound.rewards
    assert bound.clear(7.3) == expected[0] and same(bound.q_cleared, expected[1])
    assert bound.step(7.3) == expected[0] and same(bound.rewards, expected[2])
    assert buffers[0] is bound.q_cleared and buffers[1] is bound.rewards
    bound.bids[1] = np.nan
    with pytest.raises(MarlError, match="bids"):
        bound.step(1.0)
    assert same(bound.rewards, expected[2])
    bound.close()
    with pytest.raises(MarlError) as caught:
        bound.clear(1.0)
    assert caught.value.reason == "closed"


def test_observer_object() -> None:
    demand, capacities, costs = [50.0, 80.0, 60.0], [10.0, 20.0], [5.0, 8.0]
    one = objects.Observer("simple", demand, capacities, costs, agent_index=1)
    both = objects.Observer("simple", demand, capacities, costs, agent_index=None, dtype="float32")
    assert one(2) is one.obs and one.obs.tolist() == [0.75, 1.0, 1.0, 2 / 24]
    assert both(2).shape == (2, 4) and same(both.obs[1], one.obs.astype(np.float32))
    assert one(3).tolist() == [0.75, 1.0, 1.0, 3 / 24]
    hours: tuple[Any, ...] = (-1, 4, 1.0)
    for t in hours:
        with pytest.raises(MarlError) as caught:
            one(t)
        assert caught.value.reason == "invalid_argument"
    with pytest.raises(MarlError):
        objects.Observer("simple", demand, capacities, costs, agent_index=2)
