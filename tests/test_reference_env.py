"""The reference engine of the market: recorded episodes, resets, autoreset, snapshots and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from marl_ffi.errors import MarlError
from marl_ffi.reference.classic import CLASSIC
from marl_ffi.reference.vec_env import env_ids, env_spec, make_engine

MARKET = "ElectricityMarket-v0"
GOLDEN = json.loads((Path(__file__).parent / "golden" / "market_golden.json").read_text())
EPISODES = {case["id"]: case for case in GOLDEN["episodes"]}
BATTERIES = {case["id"]: case for case in GOLDEN["storage_extension"]["hourly_episodes"]}
DAYS = {case["id"]: case for case in GOLDEN["storage_extension"]["day_ahead"]}
SMALL: dict[str, Any] = {
    "N_generators": 2, "T": 4, "demand_profile": [20.0, 30.0, 50.0, 10.0], "capacities": [30.0, 30.0],
    "costs": [10.0, 20.0],
}  # fmt: skip
BESS = {"power_mw": 10.0, "duration_h": 2.0, "efficiency_rt": 0.81, "initial_soc_frac": 0.5, "bid_ref": 15.0}


def engine_for(num_envs: int = 1, mode: str = "NextStep", seed: int | None = None, **config: Any) -> Any:
    """An engine that was reset, every environment i with seed + i."""
    engine = make_engine(MARKET, num_envs, mode, config)
    engine.reset(None if seed is None else np.arange(seed, seed + num_envs, dtype=np.uint64))
    return engine


def reason_of(function: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(MarlError) as caught:
        function(*arguments, **named)
    return caught.value.reason


def close(got: Any, wanted: Any, tolerance: float) -> bool:
    return bool(np.allclose(np.asarray(got, float), np.asarray(wanted, float), rtol=0, atol=tolerance))


def check_step(engine: Any, steps: dict[str, Any], t: int, learner: int) -> None:
    """Compare with recorded float32 values: prices and bids may differ by the tanh in use, quantities not at all."""
    infos = engine.out.infos
    wanted = {name: np.array(column[t], np.float32) for name, column in steps.items()}
    assert close(infos["price"][0], wanted["price"], 2e-5)
    assert close(infos["bids"][0], wanted["bids"], 2e-5)
    assert infos["quantities"][0].tolist() == wanted["q_offered"].tolist()
    assert infos["q_cleared"][0].tolist() == wanted["q_cleared"].tolist()
    assert close(infos["rewards"][0], wanted["rewards_all"], 1e-6)
    assert close(infos["rewards"][0][learner], wanted["reward"], 1e-6)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("episode", ["e1", "e2", "e5"])
def test_recorded_episodes_with_constant_opponents(
    episode: str, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARL_FFI_BACKEND", backend)
    case = EPISODES[episode]
    learner, steps = case["agent_index"], case["steps"]
    policies: list[Any] = [policy["action"] for policy in case["other_policies"]]
    policies[learner] = None
    engine = engine_for(
        mode="Disabled", seed=case["seed"], params=case["params"], observer=case["observer"], agents=[learner],
        policies=policies,
    )  # fmt: skip
    assert engine.column("demand")[0].tolist() == np.float32(case["demand_profile"]).tolist()
    for t, action in enumerate(steps["action"]):
        assert engine.out.observations[0, 0].tolist() == np.float32(steps["obs"][t]).tolist()
        engine.step(np.array(action, np.float32).reshape(1, 1, 2))
        check_step(engine, steps, t, learner)
        assert engine.out.terminations[0] == (t == len(steps["action"]) - 1)
        assert not engine.out.truncations[0]
    assert close(engine.out.episode_returns[0, 0], case["return"], 1e-5)
    assert engine.out.episode_lengths[0] == len(steps["action"])


@pytest.mark.parametrize("episode", ["e3", "e4"])
def test_recorded_episodes_with_opponents_that_watch(episode: str) -> None:
    case = EPISODES[episode]
    learner, steps = case["agent_index"], case["steps"]
    engine = engine_for(seed=case["seed"], params=case["params"], observer=case["observer"])
    assert engine.column("demand")[0].tolist() == np.float32(case["demand_profile"]).tolist()
    for t, action in enumerate(steps["action"]):
        seen = engine.out.observations[0].astype(np.float64)
        assert engine.out.observations[0, learner].tolist() == np.float32(steps["obs"][t]).tolist()
        actions = np.stack([0.25 * seen[:, 0], 0.5 * seen[:, 1] - 0.125], axis=1).astype(np.float32)
        if not case["fixed_evaluation"]:
            actions[learner] = action
        engine.step(actions[None])
        check_step(engine, steps, t, learner)


def test_perturbed_demand_is_numpys() -> None:
    for case in GOLDEN["params"]["seeded_demand"][:2]:
        engine = engine_for(seed=case["seed"])
        assert engine.column("demand")[0].tolist() == np.float32(case["demand_f32"]).tolist()


def test_demand_stays_positive_where_the_noise_bounds_cross() -> None:
    params = {**SMALL, "demand_profile": [10.0, 400.0, 1000.0, 500.0], "capacities": [75.0, 75.0]}
    demand = engine_for(seed=0, params=params).column("demand")[0]
    floor = np.float32(0.01) * np.float32(10)
    assert demand.tolist() == [floor, floor, 575.0, 75.0]


@pytest.mark.parametrize("episode", list(BATTERIES))
def test_recorded_battery_episodes(episode: str) -> None:
    case = BATTERIES[episode]
    learner, steps = case["agent_index"], case["steps"]
    engine = engine_for(seed=case["seed"], params=case["params"], observer=case["observer"], history=True)
    battery = case["params"]["N_generators"]
    widths = [agent["observation"]["shape"][0] for agent in engine.spec["agents"]]
    assert widths == [case["obs_dim_generator"]] * battery + [case["obs_dim_battery"]]
    assert engine.spec["agents"][learner]["action"]["low"] == case["action_low"]
    assert engine.column("soc")[0] == case["initial_soc"]
    for t, action in enumerate(steps["action"]):
        assert engine.out.observations[0, learner, : widths[learner]].tolist() == np.float32(steps["obs"][t]).tolist()
        actions = np.zeros((1, battery + 1, 2), np.float32)
        if learner != battery:
            soc = engine.out.observations[0, battery, widths[battery] - 1]
            actions[0, battery] = [-0.8, 1.0] if soc < 0.5 else [0.6, -0.5]
        actions[0, learner] = action
        engine.step(actions)
        check_step(engine, steps, t, learner)
        for name, info in (("bess_charge", "charged"), ("bess_discharge", "discharged"), ("soc", "soc")):
            assert close(np.float32(engine.out.infos[info][0]), np.float32(steps[name][t]), 1e-6)
        assert engine.out.infos["demand"][0] == np.float32(steps["demand"][t])
    assert engine.out.terminations[0]
    assert close(engine.column("history_soc")[0], steps["soc"], 2e-5)
    bids = engine.column("history_bids")[0, :, battery].astype(float)
    ours = engine.column("history_penalty")[0, -1, battery]
    missing = max(0.0, case["initial_soc"] - float(engine.column("soc")[0]))
    assert ours >= 0.01 * (bids[-1] - 30) ** 2 + missing * 80 - 1e-3
    assert close(missing * 80, steps["penalty"][-1][battery], 1e-2)


@pytest.mark.parametrize("episode", list(DAYS))
def test_recorded_days_ahead(episode: str) -> None:
    case = DAYS[episode]
    learner, output = case["agent_index"], case["output"]
    engine = engine_for(seed=case["seed"], params=case["params"], agents=[learner], history=True)
    before = engine.out.observations.copy()
    assert before[0, 0].tolist() == np.float32(case["obs"]).tolist()
    everyone = engine_for(seed=case["seed"], params=case["params"])
    assert everyone.out.observations[0, 0, :26].tolist() == np.float32(case["obs_generator_0"]).tolist()
    engine.step(np.array(case["action"], np.float32).reshape(1, 1, -1))
    assert engine.out.terminations[0] and (engine.out.observations == before).all()
    assert close(engine.out.rewards[0, 0], case["reward"], 1e-6)
    tolerances = {"bids": 2e-5, "market_prices": 2e-5, "q_offered": 1e-6, "q_cleared": 1e-6, "rewards": 1e-6, "demand": 0}
    for name, tolerance in tolerances.items():
        assert close(engine.column(f"history_{name}")[0], np.array(output[name], np.float32), tolerance), name
    if "soc" in output:
        for name, key in (("charge", "bess_charge"), ("discharge", "bess_discharge"), ("soc", "soc")):
            assert close(np.float32(engine.column(f"history_{name}")[0]), np.float32(output[key]), 1e-6), name
    assert engine.out.infos["price"].shape == (1, 24)


@pytest.mark.parametrize("case", GOLDEN["evaluate_agents"], ids=lambda case: f"N{case['N']}-seed{case['seed']}")
def test_recorded_evaluation_at_cost(case: dict[str, Any]) -> None:
    from marl_ffi.market.params import default_params

    params = default_params(case["N"], case["T"])
    costs, actions = np.array(params["costs"]), np.zeros((1, case["N"], 2), np.float32)
    rewards, profits, quantities, prices = [], [], [], []
    for episode in range(case["num_episodes"]):
        # Upstream takes seed 0 for no seed.
        seed = case["seed"] + episode if case["seed"] else None
        engine = engine_for(seed=seed or None, params=params, history=True)
        for _ in range(case["T"]):
            engine.step(actions)
        price, cleared = (engine.column(f"history_{name}")[0].astype(float) for name in ("market_prices", "q_cleared"))
        rewards.append(engine.out.episode_returns[0].copy())
        profits.append(((price[:, None] - costs) * cleared).sum(axis=0))
        quantities.append(cleared.sum(axis=0))
        prices.append(price)
    for name, values in (("rewards", rewards), ("profits", profits)):
        assert np.allclose(np.mean(values, axis=0), case["out"][f"mean_{name}"], rtol=1e-5, atol=1e-5)
        assert np.allclose(np.std(values, axis=0), case["out"][f"std_{name}"], rtol=1e-4, atol=1e-3)
    assert np.allclose(np.mean(quantities, axis=0), case["out"]["mean_quantities"], rtol=1e-5, atol=1e-4)
    assert close(np.mean(prices, axis=0), case["out"]["mean_market_prices_over_time"], 2e-5)
    assert close(np.mean(prices), case["out"]["mean_market_price"], 2e-5)
    assert close(np.std(prices), case["out"]["std_market_price"], 2e-5)


def test_when_demand_is_perturbed() -> None:
    base = np.array([SMALL["demand_profile"]], np.float32)

    def demands(**config: Any) -> list[bool]:
        """Whether demand equals the base after a reset without seed, with seed 7, and without seed again."""
        engine = make_engine(MARKET, 1, "NextStep", {"params": SMALL, **config})
        seen = []
        for seed in (None, 7, None):
            engine.reset(None if seed is None else np.array([seed], np.uint64))
            seen.append(engine.column("demand"))
        return [bool((d == base).all()) for d in seen] + [bool((seen[1] == seen[2]).all())]

    assert demands() == [True, False, False, True]
    assert demands(demand_noise="never") == [True, True, True, True]
    assert demands(demand_noise="every_reset") == [False, False, False, False]


def test_seeds_are_reported_and_belong_to_their_environment() -> None:
    engine = engine_for(3, seed=5, params=SMALL)
    assert engine.seeds().tolist() == [5, 6, 7]
    alone = engine_for(1, seed=6, params=SMALL)
    assert (alone.column("demand")[0] == engine.column("demand")[1]).all()
    before = engine.column("demand")
    engine.reset(np.array([9, 9, 9], np.uint64), np.array([True, False, True]), np.array([True, True, False]))
    assert engine.seeds().tolist() == [9, 6, 7]
    assert (engine.column("demand")[1:] == before[1:]).all()
    fresh = make_engine(MARKET, 2, "NextStep", {})
    fresh.reset()
    assert len(set(fresh.seeds().tolist())) == 2


def test_next_step_mode_ignores_one_action() -> None:
    engine = engine_for(2, params=SMALL)
    actions = np.zeros((2, 2, 2), np.float32)
    for _ in range(4):
        engine.step(actions)
    assert engine.out.terminations.all() and engine.out.final_mask.all()
    assert (engine.out.final_observations == engine.out.observations).all()
    assert engine.out.final_observations[0, 0, 0] == np.float32(10 / 50)
    assert engine.out.final_observations[0, 0, 3] == np.float32(4 / 24)
    engine.step(np.full((2, 2, 2), np.nan, np.float32))
    assert not (engine.out.terminations | engine.out.final_mask).any()
    assert (engine.out.rewards == 0).all() and (engine.out.infos["price"] == 0).all()
    assert engine.column("clock").tolist() == [0, 0]
    assert engine.out.observations[0, 0, 0] == np.float32(20 / 50)


def test_same_step_mode_keeps_the_final_observation() -> None:
    engine = engine_for(1, "SameStep", params=SMALL)
    arrays = engine.rollout(9, np.zeros((9, 1, 2, 2), np.float32))
    assert arrays["terminations"][:, 0].tolist() == [False, False, False, True] * 2 + [False]
    assert arrays["observations"][3, 0, 0, 0] == np.float32(20 / 50)
    assert arrays["final_observations"][3, 0, 0, 0] == np.float32(10 / 50)
    assert arrays["episode_lengths"][:, 0].tolist() == [0, 0, 0, 4, 0, 0, 0, 4, 0]
    total = arrays["rewards"][:4, 0].astype(np.float64).sum(axis=0)
    assert arrays["episode_returns"][3, 0].tolist() == total.tolist()


def test_disabled_mode_refuses_to_go_on() -> None:
    engine = engine_for(2, "Disabled", params=SMALL)
    actions = np.zeros((2, 2, 2), np.float32)
    for _ in range(4):
        engine.step(actions)
    assert reason_of(engine.step, actions) == "episode_over"
    engine.reset(mask=np.array([True, False]))
    with pytest.raises(MarlError, match="environment 1"):
        engine.step(actions)
    assert engine.column("clock").tolist() == [0, 4]


def test_time_limit_truncates() -> None:
    engine = engine_for(1, "SameStep", params=SMALL, max_episode_steps=2)
    arrays = engine.rollout(4, np.zeros((4, 1, 2, 2), np.float32))
    assert arrays["truncations"][:, 0].tolist() == [False, True, False, True]
    assert not arrays["terminations"].any()
    assert arrays["final_observations"][1, 0, 0, 0] == np.float32(50 / 50)
    whole = engine_for(1, params=SMALL, max_episode_steps=4).rollout(4, np.zeros((4, 1, 2, 2), np.float32))
    assert whole["terminations"][:, 0].tolist() == whole["truncations"][:, 0].tolist() == [False, False, False, True]


def test_nothing_steps_before_a_reset_or_with_bad_actions() -> None:
    engine = make_engine(MARKET, 2, "NextStep", {"params": SMALL})
    good = np.zeros((2, 2, 2), np.float32)
    engine.reset(mask=np.array([True, False]))
    assert reason_of(engine.step, good) == "not_reset"
    engine.reset()
    for value in (np.nan, np.inf, 1.5, -0.1):
        bad = good.copy()
        bad[1, 0, 0] = value
        with pytest.raises(MarlError, match=rf"environment 1, agent generator_0, component 0.*got {value}"):
            engine.step(bad)
    assert reason_of(engine.step, good.astype(np.float16)) == "dtype_mismatch"
    assert reason_of(engine.step, good[:1]) == "length_mismatch"
    assert engine.column("clock").tolist() == [0, 0]


def test_clipping_is_the_step_with_clipped_actions() -> None:
    engines = [engine_for(1, params=SMALL, out_of_range_actions="clip") for _ in range(2)]
    engines[0].step(np.array([[[-3.0, 99.0], [7.0, -11.0]]]))
    engines[1].step(np.array([[[0.0, 10.0], [1.0, -10.0]]]))
    assert (engines[0].out.rewards == engines[1].out.rewards).all()
    assert engines[0].out.infos["quantities"].tolist() == [[30.0, 0.0]]
    assert reason_of(engines[0].step, np.full((1, 2, 2), np.inf)) == "action_invalid"


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_a_snapshot_goes_on_bit_for_bit(mode: str) -> None:
    config = {"params": {**SMALL, "bess": BESS}, "demand_noise": "every_reset", "history": True}
    engine = engine_for(3, mode, seed=1, **config)
    engine.rollout(6)
    saved = engine.snapshot()
    first = engine.rollout(9)
    other = make_engine(MARKET, 3, mode, config)
    for target in (engine, other):
        target.restore(saved)
        again = target.rollout(9)
        for name in ("observations", "rewards", "terminations", "actions", "episode_returns", "episode_lengths"):
            assert again[name].tobytes() == first[name].tobytes(), name


def test_damaged_or_foreign_snapshots_are_refused() -> None:
    engine = engine_for(2, seed=1, params=SMALL)
    saved = engine.snapshot()
    engine.rollout(2)
    now = engine.snapshot()
    bad = [b"", b"nonsense" * 9, saved[:-1], saved + b"x"]
    bad += [saved[:k] + bytes([saved[k] ^ 1]) + saved[k + 1 :] for k in (0, 9, 40, len(saved) // 2, len(saved) - 1)]
    bad.append(engine_for(3, params=SMALL).snapshot())
    bad.append(engine_for(2, params={**SMALL, "costs": [10.0, 21.0]}).snapshot())
    for data in bad:
        assert reason_of(engine.restore, data) == "snapshot_invalid"
    assert engine.snapshot() == now


def test_columns_can_be_read_and_written() -> None:
    engine = engine_for(2, params={**SMALL, "bess": BESS}, history=True)
    demand = np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]])
    engine.set_column("demand", demand, np.array([False, True]))
    assert engine.column("demand").tolist() == [SMALL["demand_profile"], [5, 6, 7, 8]]
    engine.set_column("soc", np.array([0.0, 20.0]))
    engine.observe()
    assert engine.out.observations[:, 2, 4].tolist() == [0.0, 1.0]
    assert engine.out.observations[1, 0, 0] == np.float32(5 / 50)
    assert reason_of(engine.set_column, "soc", np.array([0.0, 20.1])) == "invalid_state"
    assert reason_of(engine.set_column, "demand", -demand) == "invalid_state"
    assert reason_of(engine.set_column, "demand", demand * np.nan) == "invalid_state"
    assert reason_of(engine.set_column, "clock", np.zeros(2)) == "invalid_state"
    assert reason_of(engine.set_column, "history_bids", np.zeros((2, 4, 3))) == "invalid_state"
    assert reason_of(engine.set_column, "demand", demand[:, :2]) == "length_mismatch"
    assert reason_of(engine.column, "demnd") == "unknown_column"


def test_sampled_actions_are_those_of_gymnasium() -> None:
    engine = engine_for(2, seed=3, params={**SMALL, "bess": BESS})
    drawn = engine.rollout(5)["actions"]
    low = np.array([[0, -10], [0, -10], [-1, -10]], np.float32)
    high = np.array([1, 10], np.float32)
    for i in range(2):
        boxes = [spaces.Box(row, high) for row in low]
        rng = np.random.default_rng(3 + i)
        for box in boxes:
            box._np_random = rng
        expected = np.array([[box.sample() for box in boxes] for _ in range(5)])
        assert drawn[:, i].tobytes() == expected.tobytes()


def test_history_is_what_the_steps_reported() -> None:
    engine = engine_for(1, seed=2, params=SMALL, history=True)
    rows: dict[str, list[Any]] = {"bids": [], "quantities": [], "q_cleared": [], "price": [], "rewards": []}
    for k in range(3):
        engine.step(np.full((1, 2, 2), 0.1 * k, np.float32))
        for name, values in rows.items():
            values.append(engine.out.infos[name][0].copy())
    names = {"quantities": "q_offered", "price": "market_prices"}
    for name, values in rows.items():
        kept = engine.column(f"history_{names.get(name, name)}")[0]
        assert (kept[:3] == np.array(values)).all() and (kept[3] == 0).all()
    bids, costs = engine.column("history_bids")[0, :3], np.array(SMALL["costs"], np.float32)
    penalty = np.float32(0.01) * ((bids - costs) * (bids - costs))
    lost = engine.column("history_penalty")[0, :3] - penalty
    assert (lost >= 0).all() and (lost[:, 0] == pytest.approx(lost[:, 1], abs=1e-5))
    engine.reset()
    assert not engine.column("history_bids").any()


def test_every_observation_lies_in_its_space() -> None:
    for observer in ("simple", "basic", "simple_v2", "simple_v3"):
        for extra in ({}, {"bess": BESS}, {"bess": BESS, "day_ahead": True}):
            engine = engine_for(2, seed=1, params={**SMALL, **extra}, observer=observer)
            arrays = engine.rollout(6)["observations"]
            for a, agent in enumerate(engine.spec["agents"]):
                space = agent["observation"]
                width = space["shape"][0]
                low = [-np.inf if x is None else x for x in space["low"]]
                high = [np.inf if x is None else x for x in space["high"]]
                seen = arrays[:, :, a]
                assert len(space["names"]) == len(set(space["names"])) == width
                assert (seen[..., :width] >= low).all() and (seen[..., :width] <= high).all()
                assert (seen[..., width:] == 0).all()


def test_float64_market() -> None:
    engine = engine_for(1, seed=0, params=SMALL, dtype="float64")
    assert engine.spec["dtype"] == engine.out.observations.dtype.name == engine.out.rewards.dtype.name == "float64"
    noise = np.clip(0.05 * 50.0 * np.random.default_rng(0).standard_normal(4), -5.0, 5.0)
    assert engine.column("demand")[0].tolist() == (np.array(SMALL["demand_profile"]) + noise).tolist()
    engine.step(np.zeros((1, 2, 2)))
    narrow = engine_for(1, seed=0, params=SMALL)
    narrow.step(np.zeros((1, 2, 2)))
    assert close(engine.out.rewards, narrow.out.rewards, 1e-6)


def test_unlearned_seats_play_their_policies() -> None:
    action = [0.25, 0.5]
    alone = engine_for(1, params=SMALL, agents=[1], policies=[action, None])
    both = engine_for(1, params=SMALL)
    alone.step(np.array([[[0.1, -0.3]]], np.float32))
    both.step(np.array([[action, [0.1, -0.3]]], np.float32))
    assert alone.out.rewards.tolist() == both.out.rewards[:, 1:].tolist()
    assert alone.out.infos["bids"].tolist() == both.out.infos["bids"].tolist()
    assert [agent["index"] for agent in alone.spec["agents"]] == [1]


@pytest.mark.parametrize(
    ("config", "reason", "said"),
    [
        ({"observr": "simple"}, "unknown_key", "observer"),
        ({"params": {**SMALL, "cost": [1]}}, "unknown_key", "costs"),
        ({"params": {**SMALL, "bess": {**BESS, "power": 1}}}, "unknown_key", "bess"),
        ({"params": {k: v for k, v in SMALL.items() if k != "costs"}}, "invalid_config", "costs: required"),
        ({"params": {**SMALL, "N_generators": 0}}, "invalid_config", "N_generators"),
        ({"params": {**SMALL, "T": 2.5}}, "invalid_config", "T: expected an integer"),
        ({"params": {**SMALL, "T": 5}}, "invalid_config", "demand_profile: expected 5"),
        ({"params": {**SMALL, "costs": [1.0]}}, "invalid_config", "costs: expected 2"),
        ({"params": {**SMALL, "costs": [1.0, np.nan]}}, "invalid_config", r"costs\[1\].*got nan"),
        ({"params": {**SMALL, "capacities": [1.0, -1.0]}}, "invalid_config", r"capacities\[1\].*got -1\.0"),
        ({"params": {**SMALL, "demand_profile": [1, 1, 0, 1]}}, "invalid_config", r"demand_profile\[2\]"),
        ({"params": {**SMALL, "max_bid_delta": -1}}, "invalid_config", "max_bid_delta"),
        ({"params": {**SMALL, "lambda_bid_penalty": np.inf}}, "invalid_config", "lambda_bid_penalty"),
        ({"params": {**SMALL, "unit_lol_penalty": -0.1}}, "invalid_config", "unit_lol_penalty"),
        ({"params": {**SMALL, "day_ahead": 1}}, "invalid_config", "day_ahead"),
        ({"params": {**SMALL, "bess": {**BESS, "efficiency_rt": 0}}}, "invalid_config", "efficiency_rt"),
        ({"params": {**SMALL, "bess": {**BESS, "power_mw": 0}}}, "invalid_config", "power_mw"),
        ({"params": {**SMALL, "bess": {**BESS, "duration_h": -1}}}, "invalid_config", "duration_h"),
        ({"params": {**SMALL, "bess": {**BESS, "initial_soc_frac": 1.1}}}, "invalid_config", "initial_soc_frac"),
        ({"observer": "simpel"}, "invalid_config", "simple_v3"),
        ({"dtype": "float16"}, "invalid_config", "float64"),
        ({"demand_noise": "always"}, "invalid_config", "every_reset"),
        ({"price_cap": np.nan}, "invalid_config", "price_cap"),
        ({"tie_rule": 3}, "invalid_config", "pro_rata"),
        ({"agents": [1, 0]}, "invalid_config", r"agents\[1\]"),
        ({"agents": [5]}, "invalid_config", "0 to 4"),
        ({"agents": [-1]}, "invalid_config", "0 to 4"),
        ({"agents": []}, "invalid_config", "empty"),
        ({"policies": [None]}, "invalid_config", "5 entries"),
        ({"policies": [[0, 0], None, None, None, None]}, "invalid_config", "learns"),
        ({"agents": [0], "policies": [None, [0], None, None, None]}, "invalid_config", r"policies\[1\]"),
        ({"agents": [0], "policies": [None, [2, 0], None, None, None]}, "invalid_config", r"policies\[1\]\[0\]"),
        ({"max_episode_steps": 0}, "invalid_config", "max_episode_steps"),
        ({"history": "yes"}, "invalid_config", "history"),
    ],
)
def test_bad_configurations_say_what_is_wrong(config: dict[str, Any], reason: str, said: str) -> None:
    with pytest.raises(MarlError, match=said) as caught:
        make_engine(MARKET, 1, "NextStep", config)
    assert caught.value.reason == reason


def test_unknown_parameters_are_ignored_and_ids_are_not() -> None:
    assert env_ids() == sorted([*CLASSIC, MARKET, "BucketBrigade-v0"])
    spec = env_spec(MARKET, {"params": {**SMALL, "comment_about_it": 1}})
    assert "comment_about_it" not in spec["config"]["params"]
    with pytest.raises(MarlError, match=MARKET):
        make_engine("ElectricityMarket-v1", 1)
    engine = engine_for(1, params=SMALL)
    assert reason_of(engine.reset, options={"no": 1}) == "unknown_key"
    engine.close()
    assert reason_of(engine.observe) == "closed"


def test_spec_is_plain_data_and_complete() -> None:
    spec = env_spec(MARKET, {"params": {**SMALL, "bess": BESS}, "history": True})
    assert json.loads(json.dumps(spec)) == spec
    assert {parameter["name"] for parameter in spec["parameters"]} == set(spec["config"])
    assert [agent["name"] for agent in spec["agents"]] == ["generator_0", "generator_1", "battery"]
    assert spec["columns"][-1]["name"] == "clock" and spec["action_dtypes"][0] == spec["dtype"]
    assert len(env_spec(MARKET)["agents"]) == 5
