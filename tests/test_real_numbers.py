"""The market against arithmetic without rounding, against a real fleet, and every parameter doing something."""

from __future__ import annotations

import inspect
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from market_support import golden
from parity_support import MARKET, ROOT, bits
from plugin_support import own_envs

import marl_ffi as mf
from marl_ffi import demo
from marl_ffi.market import bess_params, default_params, params_from_csv

# -- arithmetic without rounding ------------------------------------------------------------------------


def auction(bids: Any, quantities: Any, demand: Any) -> tuple[Fraction, list[Fraction]]:
    """The rules in other words: everybody serves what is left over by those who stand before it, up to its offer."""
    b, q, d = [Fraction(float(x)) for x in bids], [Fraction(float(x)) for x in quantities], Fraction(float(demand))
    before = [sum((q[j] for j in range(len(b)) if (b[j], j) < (b[i], i)), Fraction(0)) for i in range(len(b))]
    cleared = [min(max(d - before[i], Fraction(0)), q[i]) for i in range(len(b))]
    reaching = [b[i] for i in range(len(b)) if before[i] + q[i] >= d]
    return min(reaching, default=max(b)), cleared


def dyadic_market(rng: np.random.Generator, dtype: Any) -> tuple[Any, ...]:
    """Numbers that are multiples of 1/8 and so small that no sum of them rounds, not even in float32."""
    n = int(rng.integers(1, 40))
    bids, quantities = rng.integers(-40, 400, n) / 8, rng.integers(0, 80, n) / 8
    costs, demand = rng.integers(-40, 400, n) / 8, float(rng.integers(0, 500) / 8)
    if rng.random() < 0.5:
        demand = float(rng.choice(np.cumsum(quantities[np.argsort(bids, kind="stable")])))
    return bids.astype(dtype), quantities.astype(dtype), costs.astype(dtype), demand


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clearing_and_rewards_against_fractions(dtype: Any) -> None:
    """Where nothing rounds the auction is exact; a reward is then off by its two roundings at most."""
    rng = np.random.default_rng(1)
    for _ in range(400):
        bids, quantities, costs, demand = dyadic_market(rng, dtype)
        price, cleared = auction(bids, quantities, demand)
        got_price, got_cleared, rewards = mf.environment_step(bids, quantities, costs, demand, 0.25, 2.0, 4.0, 8.0, 4)
        assert Fraction(got_price) == price and [Fraction(float(x)) for x in got_cleared] == cleared
        lost = 2 * max(Fraction(demand) - sum(cleared), Fraction(0))
        for bid, cost, amount, reward in zip(bids, costs, cleared, rewards, strict=True):
            away = Fraction(float(bid)) - Fraction(float(cost))
            exact = 20 * ((price - Fraction(float(cost))) * amount - away * away / 4 - lost) / 128
            assert abs(Fraction(float(reward)) - exact) <= 4 * Fraction(float(np.spacing(np.abs(reward))))


def test_the_rules_of_the_market_against_fractions() -> None:
    """Price cap, scarcity price, pro rata and storage, each in a few words of its own."""
    rng = np.random.default_rng(2)
    for _ in range(300):
        bids, quantities, _, demand = dyadic_market(rng, np.float64)
        bids = np.round(bids / 10) * 10
        price, cleared = auction(bids, quantities, demand)
        short = sum(map(Fraction, quantities)) < Fraction(demand)

        def cleared_by(b: Any = bids, q: Any = quantities, d: float = demand, **rules: Any) -> tuple[Fraction, Any]:
            market = mf.Market(len(b), **rules)
            market.bids[:], market.quantities[:] = b, q
            return Fraction(market.clear(d)), market.q_cleared

        assert cleared_by(price_cap=20.0)[0] == min(price, 20)
        offering = [Fraction(b) for b, q in zip(bids, quantities, strict=True) if q > 0]
        scarcity, amounts = cleared_by(scarcity_price="highest_dispatched_bid")
        assert scarcity == (max(offering, default=price) if short else price)
        assert [Fraction(x) for x in amounts] == cleared
        _, shared = cleared_by(tie_rule="pro_rata")
        tied = bids == float(price)
        rest, offered = sum((c for c, t in zip(cleared, tied, strict=True) if t), Fraction(0)), sum(quantities[tied])
        for k, (amount, alone) in enumerate(zip(shared, cleared, strict=True)):
            expected = (
                alone if short or not tied[k] or not offered else rest * Fraction(quantities[k]) / Fraction(offered)
            )
            assert abs(Fraction(amount) - expected) <= Fraction(1, 10**12)
        limit, wanted = float(rng.choice(bids)), float(rng.integers(0, 200) / 8)
        cheap = sum((Fraction(q) for b, q in zip(bids, quantities, strict=True) if b <= limit), Fraction(0))
        bought = min(max(cheap - Fraction(demand), Fraction(0)), Fraction(wanted))
        higher, more, charged = mf.clear_with_storage(bids, quantities, demand, limit, wanted)
        assert (
            Fraction(charged) == bought
            and [Fraction(x) for x in more] == auction(bids, quantities, demand + charged)[1]
        )
        assert charged == 0 or higher <= limit


# -- real fleets ----------------------------------------------------------------------------------------

PLACES = [os.environ.get(demo.DATA_VARIABLE), ROOT / "data", ROOT.parent / "shared" / "data", demo.EXAMPLE]
FLEETS = sorted({Path(place).resolve() for place in PLACES if place and list(Path(place).glob("*fleet.csv"))})
GROUPS = {"thermal": ("thermal",), "thermal+hydro": ("thermal", "hydro"), "all nameplate": None}


def year(directory: Path, groups: Any) -> dict[str, Any]:
    (fleet,), (load,) = directory.glob("*fleet.csv"), directory.glob("*load.csv")
    chosen = {} if groups is None else {"groups": groups}
    return params_from_csv(fleet, load, hours=None, **chosen)


@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("directory", FLEETS, ids=lambda path: path.name)
def test_a_fleet_over_all_hours_of_its_load(directory: Path, groups: str) -> None:
    """Energy is balanced, prices follow demand, nobody who bids at cost loses; known figures where there are some."""
    made = year(directory, GROUPS[groups])
    costs, capacities, load = (np.array(made[key]) for key in ("costs", "capacities", "demand_profile"))
    hours, units = len(load), len(costs)
    prices, cleared, rewards = mf.environment_step_batch(
        np.tile(costs, (hours, 1)), np.tile(capacities, (hours, 1)), costs, load, 0.01, 1.0, load.max(), costs.max(), 24
    )
    for k in np.linspace(0, hours - 1, 50).astype(int):
        price, exact = auction(costs, capacities, load[k])
        assert Fraction(prices[k]) == price
        np.testing.assert_allclose(cleared[k], [float(x) for x in exact], rtol=0, atol=1e-9)
    unserved = np.maximum(load - capacities.sum(), 0)
    np.testing.assert_allclose(cleared.sum(1) + unserved, load, rtol=1e-12)
    assert (np.diff(prices[np.argsort(load)]) >= 0).all()
    assert (rewards[unserved == 0] >= -1e-9).all()
    order = np.random.default_rng(0).permutation(units)
    moved, _ = mf.market_clearing_batch(np.tile(costs[order], (hours, 1)), np.tile(capacities[order], (hours, 1)), load)
    assert bits(moved) == bits(prices)
    for known in golden()["rts_sanity"]["fleets"]:
        if known["name"] == groups and known["units"] == units and np.isclose(known["capacity_mw"], capacities.sum()):
            assert prices[:24].tolist() == known["first_24_prices"]
            assert (prices[load.argmin()], prices[load.argmax()]) == (
                known["price_at_min_load"],
                known["price_at_max_load"],
            )
            assert prices.mean() == pytest.approx(known["year_mean_price"], rel=1e-12)
            assert (unserved > 0).sum() == known["hours_short"]
            assert mf.market_clearing(costs, capacities, 4286.8624)[0] == known["price_at_mean_load_4286.8624"]


def test_there_is_a_fleet() -> None:
    assert demo.EXAMPLE.resolve() in FLEETS


# -- every parameter does something ---------------------------------------------------------------------

# A shortage in the third hour, a dear unit that offers nothing, and three units at one cost.
RICH = bess_params(6, 4) | {
    "demand_profile": [41.0, 90.3, 140.7, 60.1], "capacities": [30.1, 0.3, 17.7, 23.3, 0.0],
    "costs": [33.3, 20.0, 20.0, 20.0, 70.0], "lambda_bid_penalty": 0.01, "unit_lol_penalty": 1.0,
}  # fmt: skip
SETTINGS: dict[str, tuple[dict[str, Any], Any]] = {
    "params": ({}, default_params(6, 4)), "observer": ({}, "simple_v3"), "dtype": ({}, "float64"),
    "demand_noise": ({}, "never"), "out_of_range_actions": ({}, "clip"), "price_cap": ({}, 25.0),
    "scarcity_price": ({}, "highest_dispatched_bid"), "loss_of_load": ({}, "robust"), "tie_rule": ({}, "pro_rata"),
    "agents": ({}, [0, 2]), "policies": ({"agents": [0]}, [None, [0.5, 0.1], None, None, None, None]),
    "history": ({}, True), "max_episode_steps": ({}, 2),
}  # fmt: skip
PARAMS: dict[str, dict[str, Any]] = {
    "N_generators": {"N_generators": 4, "capacities": RICH["capacities"][:4], "costs": RICH["costs"][:4]},
    "T": {"T": 3, "demand_profile": RICH["demand_profile"][:3]},
    "demand_profile": {"demand_profile": [41.0, 90.3, 140.7, 61.0]},
    "capacities": {"capacities": [30.1, 0.3, 17.7, 23.4, 0.0]}, "costs": {"costs": [33.4, 20.0, 20.0, 20.0, 70.0]},
    "max_bid_delta": {"max_bid_delta": 50.5}, "lambda_bid_penalty": {"lambda_bid_penalty": 0.011},
    "unit_lol_penalty": {"unit_lol_penalty": 1.1}, "day_ahead": {"day_ahead": True}, "bess": {"bess": None},
}  # fmt: skip
BESS = {"power_mw": 26.0, "duration_h": 3.5, "efficiency_rt": 0.91, "initial_soc_frac": 0.4, "bid_ref": 31.0}


CLASSIC_SETTINGS: dict[str, dict[str, Any]] = {
    "CartPole-v1": {"sutton_barto_reward": True, "kinematics_integrator": "semi-implicit euler"},
    "MountainCar-v0": {"goal_velocity": 1.0},
    "MountainCarContinuous-v0": {"goal_velocity": 1.0},
    "Pendulum-v1": {"g": 9.81},
    "Acrobot-v1": {"book_or_nips": "nips"},
}
SHARED_SETTINGS = {"dtype": "float32", "max_episode_steps": 3}


def shown(config: dict[str, Any], env_id: str = MARKET) -> bytes:
    """Everything that a configuration brings about, without the configuration itself."""
    described = {key: value for key, value in mf.spec(env_id, **config).items() if key != "config"}
    with mf.VecEnv(env_id, 2, **config) as env:
        env.reset(seed=1)
        if "position" in env.state:
            env.state = {"position": [0.44, 0.49], "velocity": [0.06, 0.06]}  # about to arrive
        told: list[Any] = [repr(described).encode(), dict(env.rollout(9)), env.state]
        for actions in (np.zeros(env.action_space.shape), np.full(env.action_space.shape, 1.5)):
            env.reset()
            try:
                told += [list(env.step(actions)) for _ in range(3)]
            except mf.MarlError as error:
                told.append(error.reason.encode())
        return bits(told)


def changed(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two configurations that differ in one parameter."""
    if name in SETTINGS:
        base = {"params": RICH, **SETTINGS[name][0]}
        return base, {**base, name: SETTINGS[name][1]}
    if name in PARAMS:
        return {"params": RICH}, {"params": {**RICH, **PARAMS[name]}}
    return {"params": RICH}, {"params": {**RICH, "bess": {**RICH["bess"], name: BESS[name]}}}


@pytest.mark.parametrize("name", [*SETTINGS, *PARAMS, *BESS])
def test_every_parameter_is_alive(name: str) -> None:
    """Changing it changes an output, a refusal or what the environment says of itself."""
    base, other = changed(name)
    assert shown(base) == shown(base)
    assert shown(base) != shown(other), f"{name} does nothing"


@pytest.mark.parametrize("env_id", CLASSIC_SETTINGS)
def test_every_parameter_of_classic_control_is_alive(env_id: str) -> None:
    for name, value in {**CLASSIC_SETTINGS[env_id], **SHARED_SETTINGS}.items():
        assert shown({}, env_id) == shown({}, env_id) != shown({name: value}, env_id), f"{name} does nothing"


def test_no_parameter_is_forgotten_above() -> None:
    """Every environment, every parameter that it describes or resolves."""
    # Bucket Brigade has tests of its own.
    assert set(own_envs()) == {MARKET, "BucketBrigade-v0", *CLASSIC_SETTINGS}
    for env_id, settings in CLASSIC_SETTINGS.items():
        spec = mf.spec(env_id)
        assert {each["name"] for each in spec["parameters"]} == {*settings, *SHARED_SETTINGS} == set(spec["config"])
    spec = mf.spec(MARKET, params=RICH)
    assert {each["name"] for each in spec["parameters"]} == set(SETTINGS) == set(spec["config"])
    assert set(spec["config"]["params"]) == set(PARAMS) and set(spec["config"]["params"]["bess"]) == set(BESS)


def test_described_defaults_are_the_ones_in_force() -> None:
    for spec in map(mf.spec, [MARKET, *CLASSIC_SETTINGS]):
        for each in spec["parameters"]:
            assert {"name", "type", "default", "unit", "description"} <= set(each) and each["description"]
            if each["default"] is not None:
                assert spec["config"][each["name"]] == each["default"], each["name"]
    spec = mf.spec(MARKET)
    expected = default_params(5, 24) | {"unit_lol_penalty": 1.0, "day_ahead": False, "bess": None}
    assert spec["config"]["params"] == expected


MARKET_SETTINGS = {
    "num_generators": 4, "dtype": "float32", "lambda_bid_penalty": 0.02, "unit_lol_penalty": 2.0, "demand_scale": 2.0,
    "cost_scale": 3.0, "time_horizon": 25, "price_cap": 15.0, "scarcity_price": "highest_dispatched_bid",
    "loss_of_load": "robust", "tie_rule": "pro_rata",
}  # fmt: skip


@pytest.mark.parametrize("name", MARKET_SETTINGS)
def test_every_argument_of_a_market_is_alive(name: str) -> None:
    assert set(inspect.signature(mf.Market).parameters) == set(MARKET_SETTINGS)

    def run(num_generators: int = 5, **settings: Any) -> bytes:
        market, told = mf.Market(num_generators, **settings), []
        market.bids[:], market.costs[:] = [30.7, 20.1, 20.1, 20.1, 60.0][:num_generators], 19.3
        market.quantities[:] = [0.1, 0.2, 0.3, 5.3, 0.0][:num_generators]
        for demand in (3.0, 7.0):
            told += [market.step(demand), market.q_cleared.copy(), market.rewards.copy()]
        return bits(told)

    assert run(**{name: MARKET_SETTINGS[name]}) != run()
