"""`evaluate` gives the figures recorded from the original, and right ones where that was wrong."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from market_support import golden

from marl_ffi.env import ElectricityMarketEnv
from marl_ffi.errors import DtypeError, InvalidInputError, ShapeError
from marl_ffi.market.evaluation import evaluate
from marl_ffi.market.params import bess_params, default_params

RECORDED = golden()["evaluate_agents"]


def assert_equal(got: dict[str, Any], expected: dict[str, Any], **tolerance: float) -> None:
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, err_msg=name, **tolerance)


@pytest.mark.parametrize("policies", ["none", "constants", "callables"])
@pytest.mark.parametrize("case", RECORDED, ids=lambda case: f"seed {case['seed']}")
def test_the_recorded_figures(case: dict[str, Any], policies: str) -> None:
    agents = {
        "none": None,
        "constants": [[0.0, 0.0]] * case["N"],
        "callables": [lambda _: [0.0, 0.0]] * case["N"],
    }
    # The original took seed 0 for no seed at all.
    seed = case["seed"] or None
    got = evaluate(agents[policies], default_params(case["N"], case["T"]), case["num_episodes"], seed)
    assert_equal(got, case["out"], rtol=0, atol=0)


def test_seed_zero_is_a_seed() -> None:
    unseeded, zero = evaluate(None, default_params(), 2), evaluate(None, default_params(), 2, seed=0)
    assert unseeded["std_rewards"].max() == 0 < zero["std_rewards"].max()
    env = ElectricityMarketEnv()
    env.reset(seed=0)
    cleared = env.step(None, fixed_evaluation=True)[4]
    assert zero["mean_market_prices_over_time"][0] == pytest.approx((cleared["price"] + 30) / 2, abs=5)


def test_episodes_are_seeded_one_after_the_other() -> None:
    together = evaluate(None, default_params(), 3, seed=7)
    alone = [evaluate(None, default_params(), 1, seed=7 + k) for k in range(3)]
    for name in ("rewards", "profits", "quantities"):
        each = [one[f"mean_{name}"] for one in alone]
        np.testing.assert_allclose(together[f"mean_{name}"], np.mean(each, axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        together["std_profits"], np.std([one["mean_profits"] for one in alone], axis=0)
    )


def test_a_battery_earns_what_it_sells_minus_what_it_buys() -> None:
    params, policy = (
        bess_params(3, 6),
        [None, None, lambda obs: [-0.5, 1.0] if obs[-1] < 0.6 else [0.9, -0.5]],
    )
    figures = evaluate(policy, params, seed=2)
    env = ElectricityMarketEnv(params, policies=policy, observer="simple_v3")
    env.reset(seed=2)
    earned, costs, ended = np.zeros(3), np.array(params["costs"]), False
    while not ended:
        *_, ended, _, info = env.step(None, fixed_evaluation=True)
        earned[:2] += (info["price"] - costs) * info["q_cleared"][:2]
        earned[2] += info["price"] * (info["discharged"] - info["charged"])
    np.testing.assert_allclose(figures["mean_profits"], earned, rtol=1e-5)
    assert figures["mean_profits"][2] != 0 and figures["mean_rewards"].shape == (3,)


def test_settings_reach_the_market() -> None:
    plain, capped = evaluate(None, default_params()), evaluate(None, default_params(), price_cap=25.0)
    assert (
        plain["mean_market_prices_over_time"].max() == 40
        and capped["mean_market_prices_over_time"].max() == 25
    )
    wide = evaluate(None, default_params(), dtype="float64", history=False)
    for each, dtype in ((plain, np.float32), (wide, np.float64)):
        assert each["mean_market_prices_over_time"].dtype == dtype
        assert each["mean_rewards"].dtype == each["std_profits"].dtype == np.float64


def test_day_ahead_markets_are_evaluated_by_the_hour() -> None:
    hourly, params = evaluate(None, default_params(3, 6), seed=1), {**default_params(3, 6), "day_ahead": True}
    ahead = evaluate([[0.0, 0.0]] * 3, params, seed=1)
    for name, figure in hourly.items():
        np.testing.assert_allclose(ahead[name], figure, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"num_episodes": 0}, InvalidInputError),
        ({"num_episodes": 1.5}, DtypeError),
        ({"seed": -1}, InvalidInputError),
        ({"seed": True}, DtypeError),
        ({"policies": [None] * 4}, ShapeError),
        ({"params": {}}, ValueError),
    ],
)
def test_what_cannot_be_evaluated_is_refused(change: dict[str, Any], error: Any) -> None:
    with pytest.raises(error):
        evaluate(**{"policies": None, "params": default_params(), **change})


def test_tqdm_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    with_bar = evaluate(None, default_params(), 2, seed=3)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert_equal(evaluate(None, default_params(), 2, seed=3), with_bar, rtol=0, atol=0)
