"""Bad input at the doors of the auction: a specific error that names what, where, expected and got; nothing changes."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from parity_support import bits, refused

import marl_ffi as mf
from marl_ffi.errors import DtypeError, InvalidInputError, MarketInputError, MarlError, ShapeError, UnknownNameError

NAN, INF = float("nan"), float("inf")
HUGE = 10**400
SETTINGS = (0.01, 1.0, 100.0, 50.0, 24)
B, Q, C = np.array([10.0, 20, 30]), np.array([50.0, 50, 50]), np.array([9.0, 19, 29])


# -- the auction ----------------------------------------------------------------------------------------

# What is put where, the reason, and what the message says besides the place.
ELEMENTS = [
    ("bids", NAN, "bid_not_finite", "nan"), ("bids", INF, "bid_not_finite", "inf"),
    ("bids", -INF, "bid_not_finite", "-inf"),
    ("quantities", NAN, "quantity_not_finite", "nan"), ("quantities", INF, "quantity_not_finite", "inf"),
    ("quantities", -INF, "quantity_not_finite", "-inf"), ("quantities", -2.0, "quantity_negative", "-2"),
    ("quantities", -(2.0**-100), "quantity_negative", "-7.8886.*e-31"),
]  # fmt: skip
DEMANDS = [
    (NAN, "demand_not_finite"), (INF, "demand_not_finite"), (-INF, "demand_not_finite"), (-1.0, "demand_negative"),
    (-1e-300, "demand_negative"),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "value", "reason", "got"), ELEMENTS)
def test_an_element_that_cannot_be_is_named(name: str, value: float, reason: str, got: str, dtype: str) -> None:
    """Wherever it stands, in single markets and in batches; others behind it are not mentioned."""
    for n in (1, 2, 7, 8, 9, 16, 17, 33, 70, 300):
        for i in {0, n // 2, n - 1}:
            arrays = {"bids": np.ones((3, n), dtype), "quantities": np.ones((3, n), dtype)}
            arrays[name][1, i:] = value
            (b, q), costs = arrays.values(), np.ones(n, dtype)
            told = MarketInputError, reason, rf"^{name}\[{i}\]: expected .*got {got}"
            refused(*told, mf.market_clearing, b[1], q[1], 1.0)
            refused(*told, mf.environment_step, b[1], q[1], costs, NAN, *SETTINGS)
            refused(*told, mf.clear_with_storage, b[1], q[1], 1.0, 1.0, 1.0)
            told = MarketInputError, reason, rf"^{name}\[1, {i}\]: expected .*got {got}"
            refused(*told, mf.market_clearing_batch, b, q, np.ones(3))
            refused(*told, mf.environment_step_batch, b, q, costs, np.ones(3), *SETTINGS)


@pytest.mark.parametrize(("demand", "reason"), DEMANDS)
def test_a_demand_that_cannot_be_is_named(demand: float, reason: str) -> None:
    told = MarketInputError, reason, f"^demand: expected .*got {demand:g}"
    refused(*told, mf.market_clearing, B, Q, demand)
    refused(*told, mf.environment_step, B, Q, C, demand, *SETTINGS)
    refused(*told, mf.clear_with_storage, B, Q, demand, 20.0, 1.0)
    bids, quantities, demands = np.stack([B] * 40), np.stack([Q] * 40), np.full(40, 60.0)
    demands[37:] = demand
    told = MarketInputError, reason, rf"^demand\[37\]: expected .*got {demand:g}"
    refused(*told, mf.market_clearing_batch, bids, quantities, demands)
    refused(*told, mf.environment_step_batch, bids, quantities, C, demands, *SETTINGS)


def test_faults_are_reported_in_the_documented_order() -> None:
    """Lengths, bids, quantities (finite, then sign, unit by unit), demand, costs, parameters; market by market."""
    bad_b, bad_q, bad_c, bad = B * NAN, np.array([1.0, -1, NAN]), C * NAN, (NAN, NAN, 0.0, 0.0, -1)
    for reason, b, q, c, d in (
        ("length_mismatch", bad_b, bad_q[:2], bad_c, NAN), ("bid_not_finite", bad_b, bad_q, bad_c, NAN),
        ("quantity_negative", B, bad_q, bad_c, NAN), ("demand_not_finite", B, Q, bad_c, NAN),
        ("cost_not_finite", B, Q, bad_c, 1.0), ("parameter_invalid", B, Q, C, 1.0),
    ):  # fmt: skip
        kind = ShapeError if reason == "length_mismatch" else MarketInputError
        refused(kind, reason, "", mf.environment_step, b, q, c, d, *bad)
        refused(kind, reason, "", mf.environment_step_batch, [b] * 2, [q] * 2, c, [d] * 2, *bad)
    refused(MarketInputError, None, "lambda_bid_penalty.*nan", mf.environment_step, B, Q, C, 1.0, *bad)
    first = np.stack([B, bad_b]), np.stack([bad_q, Q])
    refused(MarketInputError, "quantity_negative", r"\[0, 1\]", mf.market_clearing_batch, *first, [NAN, 1.0])


SHAPE, EMPTY, DTYPE = (ShapeError, "length_mismatch"), (ShapeError, "empty"), (DtypeError, "dtype_mismatch")
ARGUMENT, SETTING = (InvalidInputError, "invalid_argument"), (MarketInputError, "parameter_invalid")
BID, QUANTITY, NEGATIVE, DEMAND, COST = (
    (MarketInputError, reason)
    for reason in ("bid_not_finite", "quantity_not_finite", "quantity_negative", "demand_not_finite", "cost_not_finite")
)
single, batch, step, storage = mf.market_clearing, mf.market_clearing_batch, mf.environment_step, mf.clear_with_storage
ONE = [1.0]


def look(*inputs: Any, t: Any = 0, **settings: Any) -> Any:
    return mf.Observer("simple", *inputs, **settings)(t)


ARGUMENTS = [
    (EMPTY, "bids", single, [], [], 1.0),
    (SHAPE, r"quantities.*\(3,\).*\(2,\)", single, B, Q[:2], 1.0),
    (SHAPE, r"quantities.*\(2,\).*\(3,\)", single, B[:2], Q, 1.0),
    (SHAPE, r"bids: .*1 .*\(1, 3\)", single, B[None], Q[None], 1.0),
    (SHAPE, r"bids: .*\(\)", single, np.array(1.0), np.array(2.0), 1.0),
    (SHAPE, "bids", single, [[1.0], [1.0, 2.0]], Q, 1.0),
    (SHAPE, "costs.*3.*2", step, B, Q, C[:2], 1.0, *SETTINGS),
    (SHAPE, "costs", step, B, Q, C[None], 1.0, *SETTINGS),
    (SHAPE, "bids.*2", batch, B, Q, ONE),
    (SHAPE, r"demand.*\(1,\).*\(2,\)", batch, [B], [Q], [1.0, 2.0]),
    (SHAPE, r"demand.*\(1,\).*\(\)", batch, [B], [Q], 1.0),
    (SHAPE, "demand", batch, [B], [Q], [[1.0], [1.0, 2.0]]),
    (EMPTY, "bids", batch, np.ones((2, 0)), np.ones((2, 0)), [1.0, 1.0]),
    (DTYPE, "bids.*complex", single, B + 1j, Q, 1.0),
    (DTYPE, "quantities.*object", single, B, [1.0, None, 2.0], 1.0),
    (DTYPE, "bids.*bool", single, [True, False], [1.0, 1.0], 1.0),
    (DTYPE, "bids.*U", single, ["10"], ONE, 1.0),
    (DTYPE, "bids", single, None, Q, 1.0),
    (DTYPE, "costs", step, B, Q, None, 1.0, *SETTINGS),
    (DTYPE, "demand.*object", batch, [B], [Q], [None]),
    (ARGUMENT, "demand.*'x'", single, B, Q, "x"),
    (ARGUMENT, "demand.*'60'", single, B, Q, "60"),
    (ARGUMENT, "demand.*b'60'", step, B, Q, C, b"60", *SETTINGS),
    (ARGUMENT, "demand.*None", single, B, Q, None),
    (ARGUMENT, "demand", single, B, Q, np.array([1.0, 2.0])),
    (ARGUMENT, "num_threads.*0", partial(batch, num_threads=0), [B], [Q], ONE),
    (ARGUMENT, "num_threads.*'2'", partial(batch, num_threads="2"), [B], [Q], ONE),
    (BID, "buy_bid.*nan", storage, B, Q, 1.0, NAN, 1.0),
    (QUANTITY, "buy_quantity.*inf", storage, B, Q, 1.0, 1.0, INF),
    (NEGATIVE, "buy_quantity.*-1", storage, B, Q, 1.0, 1.0, -1.0),
    (SETTING, "time_horizon.*1.5", step, B, Q, C, 1.0, 0, 0, 1, 1, 1.5),
    (EMPTY, "num_generators.*0", mf.Market, 0),
    (ARGUMENT, "num_generators.*2.5", mf.Market, 2.5),
    (ARGUMENT, "num_generators", mf.Market, 10**30),
    (DTYPE, "dtype.*float32.*float16", partial(mf.Market, dtype="float16"), 2),
    (DTYPE, "dtype.*'x'", partial(look, dtype="x"), ONE, ONE, ONE),
    (SETTING, "cost_scale.*0", partial(mf.Market, cost_scale=0.0), 2),
    (SETTING, "price_cap.*nan", partial(mf.Market, price_cap=NAN), 2),
    (SETTING, "tie_rule.*pro_rata.*'fair'", partial(mf.Market, tie_rule="fair"), 2),
    ((UnknownNameError, "unknown_key"), "observer.*simple_v2.*'simpel'", mf.Observer, "simpel", ONE, ONE, ONE),
    (SHAPE, "costs.*1.*2", look, ONE, ONE, [1.0, 2.0]),
    (SHAPE, "demand_profile", look, [1.0, [2.0]], ONE, ONE),
    (EMPTY, "demand_profile", look, [], ONE, ONE),
    (DEMAND, r"demand_profile\[1\].*nan", look, [1.0, NAN], ONE, ONE),
    (DEMAND, "demand_profile", partial(look, dtype="float32"), [1e39], ONE, ONE),
    (ARGUMENT, "agent_index.*0.*1", partial(look, agent_index=1), ONE, ONE, ONE),
    (ARGUMENT, "t: .*0 to 2.*3", partial(look, t=3), [1.0, 2.0], ONE, ONE),
    (ARGUMENT, "t: .*-1", partial(look, t=-1), ONE, ONE, ONE),
    (ARGUMENT, "t: .*True", partial(look, t=True), ONE, ONE, ONE),
    (COST, "cost_i.*inf", mf.simple_observer, 1, 1, INF, 0, 1, 1, 1),
    (SETTING, "cost_scale.*0", mf.simple_observer_v3, 1, 1, 1, 0, 1, 1, 0),
]


@pytest.mark.parametrize("case", ARGUMENTS, ids=[str(k) for k in range(len(ARGUMENTS))])
def test_arguments_of_a_wrong_kind(case: tuple[Any, ...]) -> None:
    expected, words, call, *arguments = case
    refused(*expected, words, call, *arguments)


def test_what_was_accepted_before_makes_nothing_else_acceptable() -> None:
    """Numbers that are equal to a good one, but of a kind that is refused, stay refused."""
    for settings, wrong in ((SETTINGS, (*SETTINGS[:4], 24.0)), ((0.0, 0.0, 1.0, 1.0, 1), (0.0, 0.0, 1.0, 1.0, True))):
        for _ in range(2):
            step(B, Q, C, 60.0, *settings)
            refused(*SETTING, f"time_horizon.*{wrong[4]}", step, B, Q, C, 60.0, *wrong)
            mf.environment_step_batch([B], [Q], C, [60.0], *settings)
            refused(*SETTING, "time_horizon", mf.environment_step_batch, np.stack([B]), np.stack([Q]), C, ONE, *wrong)
    for _ in range(2):
        batch(np.stack([B]), np.stack([Q]), np.array(ONE))
        refused(*SHAPE, "demand", batch, np.stack([B]), np.stack([Q]), np.ones(2))
        refused(*SHAPE, "demand", batch, np.stack([B]), np.stack([Q]), np.ones((1, 1)))
        single(B, Q, 60.0)
        refused(*SHAPE, "quantities", single, B, Q[:1], 60.0)


@pytest.mark.parametrize("position", range(9))
def test_integers_beyond_every_float_are_refused_by_name(position: int) -> None:
    names = ("demand", "lambda_bid_penalty", "unit_lol_penalty", "demand_scale", "cost_scale", "time_horizon")
    calls = [*(lambda k=k: mf.environment_step(B, Q, C, *[HUGE if i == k else 1 for i in range(6)]) for k in range(6))]
    calls += [lambda: mf.clear_with_storage(B, Q, 1.0, HUGE, 1.0), lambda: mf.Market(2, time_horizon=HUGE)]
    calls += [lambda: mf.Market(3).clear(HUGE)]
    with pytest.raises(InvalidInputError, match=(*names, "buy_bid", "time_horizon", "demand")[position]) as caught:
        calls[position]()
    assert caught.value.reason in ("invalid_argument", "demand_not_finite", "bid_not_finite", "parameter_invalid")
    assert len(str(caught.value)) < 450


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_refused_market_changes_nothing_and_works_afterwards(dtype: str) -> None:
    market = mf.Market(3, dtype=dtype)
    for name, index, value in [
        ("bids", 1, NAN),
        ("quantities", 2, -1),
        ("costs", 0, INF),
        ("demand", 0, NAN),
        ("demand", 0, "x"),
    ]:
        market.bids[:], market.quantities[:], market.costs[:] = B, Q, C
        market.q_cleared[:], market.rewards[:] = 7, 8
        demand = value if name == "demand" else 60.0
        if name != "demand":
            getattr(market, name)[index] = value
        before = bits([market.bids, market.quantities, market.costs])
        for call in (market.step, market.clear)[: 1 if name == "costs" else 2]:
            with pytest.raises(MarlError, match=rf"^{name}"):
                call(demand)
            assert market.q_cleared.tolist() == [7] * 3 and market.rewards.tolist() == [8] * 3
        assert bits([market.bids, market.quantities, market.costs]) == before
        market.bids[:], market.quantities[:], market.costs[:] = B, Q, C
        assert market.step(60.0) == 20.0 and market.q_cleared.tolist() == [50, 10, 0]
