"""Bad input at every door: a specific error that names what, where, expected and got; nothing changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from parity_support import bits

import marl_ffi as mf
from marl_ffi.errors import (
    STATUSES,
    DtypeError,
    InvalidInputError,
    MarketInputError,
    MarlError,
    ShapeError,
    UnknownNameError,
)

NAN, INF = float("nan"), float("inf")
HUGE = 10**400
SETTINGS = (0.01, 1.0, 100.0, 50.0, 24)
B, Q, C = np.array([10.0, 20, 30]), np.array([50.0, 50, 50]), np.array([9.0, 19, 29])
E, N, T = 3, 4, 5


def refused(call: Callable[[], Any], kind: type[MarlError], reason: str | None, *words: str) -> None:
    """The call raises exactly this kind for this reason, and says each of these words in one readable message."""
    with pytest.raises(MarlError) as caught:
        call()
    error = caught.value
    assert type(error) is kind, repr(error)
    assert STATUSES.get(error.code) == (error.reason, kind), (
        f"code {error.code}, reason {error.reason!r}: {error}"
    )
    assert reason is None or error.reason == reason, repr(error)
    for word in words:
        assert re.search(word, str(error), re.IGNORECASE), f"{word!r} is not in {error}"
    assert len(str(error)) < 450, "nobody reads that"


# -- the auction ----------------------------------------------------------------------------------------

# What is put where, the reason, and what the message says besides the place.
ELEMENTS = [
    ("bids", NAN, "bid_not_finite", "nan"), ("bids", INF, "bid_not_finite", "inf"), ("bids", -INF, "bid_not_finite", "-inf"),
    ("quantities", NAN, "quantity_not_finite", "nan"), ("quantities", INF, "quantity_not_finite", "inf"),
    ("quantities", -INF, "quantity_not_finite", "-inf"), ("quantities", -2.0, "quantity_negative", "-2"),
    ("quantities", -1e-30, "quantity_negative", "-1e-30"),
]  # fmt: skip
DEMANDS = [
    (NAN, "demand_not_finite"), (INF, "demand_not_finite"), (-INF, "demand_not_finite"), (-1.0, "demand_negative"),
    (-1e-300, "demand_negative"),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "value", "reason", "got"), ELEMENTS)
def test_an_element_that_cannot_be_is_named(
    name: str, value: float, reason: str, got: str, dtype: str
) -> None:
    """Wherever it stands, in single markets and in batches; a second one behind it is not mentioned."""
    for n in (1, 2, 7, 8, 9, 16, 17, 33, 70, 300):
        for i in {0, n // 2, n - 1}:
            arrays = {"bids": np.ones((3, n), dtype), "quantities": np.ones((3, n), dtype)}
            arrays[name][1, i:] = value
            b, q = arrays.values()
            place, costs = rf"^{name}\[{i}\]: expected .*got {got}", np.ones(n, dtype)
            refused(lambda: mf.market_clearing(b[1], q[1], 1.0), MarketInputError, reason, place)
            refused(
                lambda: mf.environment_step(b[1], q[1], costs, NAN, *SETTINGS),
                MarketInputError,
                reason,
                place,
            )
            refused(lambda: mf.clear_with_storage(b[1], q[1], 1.0, 1.0, 1.0), MarketInputError, reason, place)
            place = rf"^{name}\[1, {i}\]: expected .*got {got}"
            refused(lambda: mf.market_clearing_batch(b, q, np.ones(3)), MarketInputError, reason, place)
            refused(
                lambda: mf.environment_step_batch(b, q, costs, np.ones(3), *SETTINGS),
                MarketInputError,
                reason,
                place,
            )


@pytest.mark.parametrize(("demand", "reason"), DEMANDS)
def test_a_demand_that_cannot_be_is_named(demand: float, reason: str) -> None:
    got = "nan" if demand != demand else f"{demand:g}"
    told = MarketInputError, reason, rf"^demand: expected .*got {got}"
    refused(lambda: mf.market_clearing(B, Q, demand), *told)
    refused(lambda: mf.environment_step(B, Q, C, demand, *SETTINGS), *told)
    refused(lambda: mf.clear_with_storage(B, Q, demand, 20.0, 1.0), *told)
    rows, demands = (np.stack([B] * 40), np.stack([Q] * 40)), np.full(40, 60.0)
    demands[37:] = demand
    told = MarketInputError, reason, rf"^demand\[37\]: expected .*got {got}"
    refused(lambda: mf.market_clearing_batch(*rows, demands, num_threads=2), *told)
    refused(lambda: mf.environment_step_batch(*rows, C, demands, *SETTINGS), *told)


def test_faults_are_reported_in_the_documented_order() -> None:
    """Lengths, bids, quantities (finite, then sign, unit by unit), demand, costs, parameters; market by market."""
    bad_b, bad_q, bad_c, bad_settings = B * NAN, np.array([1.0, -1, NAN]), C * NAN, (NAN, NAN, 0.0, 0.0, -1)
    steps = [
        ("length_mismatch", bad_b, bad_q[:2], bad_c, NAN, bad_settings), ("bid_not_finite", bad_b, bad_q, bad_c, NAN, bad_settings),
        ("quantity_negative", B, bad_q, bad_c, NAN, bad_settings), ("demand_not_finite", B, Q, bad_c, NAN, bad_settings),
        ("cost_not_finite", B, Q, bad_c, 1.0, bad_settings), ("parameter_invalid", B, Q, C, 1.0, bad_settings),
    ]  # fmt: skip
    for reason, b, q, c, d, settings in steps:
        kind = ShapeError if reason == "length_mismatch" else MarketInputError
        refused(lambda: mf.environment_step(b, q, c, d, *settings), kind, reason)
        refused(lambda: mf.environment_step_batch([b] * 2, [q] * 2, c, [d] * 2, *settings), kind, reason)
    refused(
        lambda: mf.environment_step(B, Q, C, 1.0, *bad_settings),
        MarketInputError,
        None,
        "lambda_bid_penalty.*nan",
    )
    first = np.stack([B, bad_b]), np.stack([bad_q, Q])
    refused(
        lambda: mf.market_clearing_batch(*first, [NAN, 1.0]),
        MarketInputError,
        "quantity_negative",
        r"\[0, 1\]",
    )


SHAPES = [
    (ShapeError, "empty", "bids", lambda: mf.market_clearing([], [], 1.0)),
    (ShapeError, "length_mismatch", r"quantities.*\(3,\).*\(2,\)", lambda: mf.market_clearing(B, Q[:2], 1.0)),
    (ShapeError, "length_mismatch", r"quantities.*\(2,\).*\(3,\)", lambda: mf.market_clearing(B[:2], Q, 1.0)),
    (ShapeError, "length_mismatch", r"bids: .*1 .*\(1, 3\)", lambda: mf.market_clearing(B[None], Q[None], 1.0)),
    (ShapeError, "length_mismatch", r"bids: .*\(\)", lambda: mf.market_clearing(np.array(1.0), np.array(2.0), 1.0)),
    (ShapeError, "length_mismatch", "bids", lambda: mf.market_clearing([[1.0], [1.0, 2.0]], Q, 1.0)),
    (ShapeError, "length_mismatch", "costs.*3.*2", lambda: mf.environment_step(B, Q, C[:2], 1.0, *SETTINGS)),
    (ShapeError, "length_mismatch", "costs", lambda: mf.environment_step(B, Q, C[None], 1.0, *SETTINGS)),
    (ShapeError, "length_mismatch", "bids.*2", lambda: mf.market_clearing_batch(B, Q, [1.0])),
    (ShapeError, "length_mismatch", r"demand.*\(1,\).*\(2,\)", lambda: mf.market_clearing_batch([B], [Q], [1.0, 2.0])),
    (ShapeError, "length_mismatch", r"demand.*\(1,\).*\(\)", lambda: mf.market_clearing_batch([B], [Q], 1.0)),
    (ShapeError, "length_mismatch", "demand", lambda: mf.market_clearing_batch([B], [Q], [[1.0], [1.0, 2.0]])),
    (ShapeError, "empty", "bids", lambda: mf.market_clearing_batch(np.ones((2, 0)), np.ones((2, 0)), [1.0, 1.0])),
    (DtypeError, "dtype_mismatch", "bids.*complex", lambda: mf.market_clearing(B + 1j, Q, 1.0)),
    (DtypeError, "dtype_mismatch", "quantities.*object", lambda: mf.market_clearing(B, [1.0, None, 2.0], 1.0)),
    (DtypeError, "dtype_mismatch", "bids.*bool", lambda: mf.market_clearing([True, False], [1.0, 1.0], 1.0)),
    (DtypeError, "dtype_mismatch", "bids.*U", lambda: mf.market_clearing(["10"], [1.0], 1.0)),
    (DtypeError, "dtype_mismatch", "bids", lambda: mf.market_clearing(None, Q, 1.0)),
    (DtypeError, "dtype_mismatch", "costs", lambda: mf.environment_step(B, Q, None, 1.0, *SETTINGS)),
    (DtypeError, "dtype_mismatch", "demand.*object", lambda: mf.market_clearing_batch([B], [Q], [None])),
    (InvalidInputError, "invalid_argument", "demand.*'x'", lambda: mf.market_clearing(B, Q, "x")),
    (InvalidInputError, "invalid_argument", "demand.*'60'", lambda: mf.market_clearing(B, Q, "60")),
    (InvalidInputError, "invalid_argument", "demand.*b'60'", lambda: mf.environment_step(B, Q, C, b"60", *SETTINGS)),
    (InvalidInputError, "invalid_argument", "demand.*None", lambda: mf.market_clearing(B, Q, None)),
    (InvalidInputError, "invalid_argument", "demand", lambda: mf.market_clearing(B, Q, np.array([1.0, 2.0]))),
    (InvalidInputError, "invalid_argument", "num_threads.*0", lambda: mf.market_clearing_batch([B], [Q], [1.0], num_threads=0)),
    (InvalidInputError, "invalid_argument", "num_threads.*'2'", lambda: mf.market_clearing_batch([B], [Q], [1.0], num_threads="2")),
    (MarketInputError, "bid_not_finite", "buy_bid.*nan", lambda: mf.clear_with_storage(B, Q, 1.0, NAN, 1.0)),
    (MarketInputError, "quantity_not_finite", "buy_quantity.*inf", lambda: mf.clear_with_storage(B, Q, 1.0, 1.0, INF)),
    (MarketInputError, "quantity_negative", "buy_quantity.*-1", lambda: mf.clear_with_storage(B, Q, 1.0, 1.0, -1.0)),
    (MarketInputError, "parameter_invalid", "time_horizon.*1.5", lambda: mf.environment_step(B, Q, C, 1.0, 0, 0, 1, 1, 1.5)),
    (ShapeError, "empty", "num_generators.*0", lambda: mf.Market(0)),
    (InvalidInputError, "invalid_argument", "num_generators.*2.5", lambda: mf.Market(2.5)),
    (InvalidInputError, "invalid_argument", "num_generators", lambda: mf.Market(10**30)),
    (DtypeError, "dtype_mismatch", "dtype.*float32.*float16", lambda: mf.Market(2, dtype="float16")),
    (DtypeError, "dtype_mismatch", "dtype.*'x'", lambda: mf.Observer("simple", [1.0], [1.0], [1.0], dtype="x")),
    (MarketInputError, "parameter_invalid", "cost_scale.*0", lambda: mf.Market(2, cost_scale=0.0)),
    (MarketInputError, "parameter_invalid", "price_cap.*nan", lambda: mf.Market(2, price_cap=NAN)),
    (MarketInputError, "parameter_invalid", "tie_rule.*pro_rata.*'fair'", lambda: mf.Market(2, tie_rule="fair")),
    (UnknownNameError, "unknown_key", "observer.*simple_v2.*'simpel'", lambda: mf.Observer("simpel", [1.0], [1.0], [1.0])),
    (ShapeError, "length_mismatch", "costs.*1.*2", lambda: mf.Observer("simple", [1.0], [1.0], [1.0, 2.0])),
    (ShapeError, "length_mismatch", "demand_profile", lambda: mf.Observer("simple", [1.0, [2.0]], [1.0], [1.0])),
    (ShapeError, "empty", "demand_profile", lambda: mf.Observer("simple", [], [1.0], [1.0])),
    (MarketInputError, "demand_not_finite", r"demand_profile\[1\].*nan", lambda: mf.Observer("simple", [1.0, NAN], [1.0], [1.0])),
    (MarketInputError, "demand_not_finite", "demand_profile", lambda: mf.Observer("simple", [1e39], [1.0], [1.0], dtype="float32")),
    (InvalidInputError, "invalid_argument", "agent_index.*0.*1", lambda: mf.Observer("simple", [1.0], [1.0], [1.0], agent_index=1)),
    (InvalidInputError, "invalid_argument", "t: .*0 to 2.*3", lambda: mf.Observer("simple", [1.0, 2.0], [1.0], [1.0])(3)),
    (InvalidInputError, "invalid_argument", "t: .*-1", lambda: mf.Observer("simple", [1.0], [1.0], [1.0])(-1)),
    (InvalidInputError, "invalid_argument", "t: .*True", lambda: mf.Observer("simple", [1.0], [1.0], [1.0])(True)),
    (MarketInputError, "cost_not_finite", "cost_i.*inf", lambda: mf.simple_observer(1, 1, INF, 0, 1, 1, 1)),
    (MarketInputError, "parameter_invalid", "cost_scale.*0", lambda: mf.simple_observer_v3(1, 1, 1, 0, 1, 1, 0)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "reason", "words", "call"), SHAPES, ids=[f"{k}-{each[2]}" for k, each in enumerate(SHAPES)]
)
def test_arguments_of_a_wrong_kind(kind: Any, reason: str, words: str, call: Any) -> None:
    refused(call, kind, reason, words)


@pytest.mark.parametrize("position", range(9))
def test_integers_beyond_every_float_are_refused_by_name(position: int) -> None:
    names = ("demand", "lambda_bid_penalty", "unit_lol_penalty", "demand_scale", "cost_scale", "time_horizon")
    calls = [
        *(
            lambda k=k: mf.environment_step(B, Q, C, *[HUGE if i == k else 1 for i in range(6)])
            for k in range(6)
        )
    ]
    calls += [lambda: mf.clear_with_storage(B, Q, 1.0, HUGE, 1.0), lambda: mf.Market(2, time_horizon=HUGE)]
    calls += [lambda: mf.Market(3).clear(HUGE)]
    with pytest.raises(
        InvalidInputError, match=(*names, "buy_bid", "time_horizon", "demand")[position]
    ) as caught:
        calls[position]()
    assert (
        STATUSES[caught.value.code] == (caught.value.reason, type(caught.value))
        and len(str(caught.value)) < 450
    )


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
