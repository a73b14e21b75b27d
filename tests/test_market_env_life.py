"""`ElectricityMarketEnv` around its steps: seeds, history, metadata, the printed line, fixed evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from market_support import golden, same

from marl_ffi.env import ElectricityMarketEnv
from marl_ffi.errors import DtypeError, InvalidInputError, ShapeError, SnapshotError
from marl_ffi.market.params import bess_params, competitive_params, default_params

NULL = np.zeros(2, np.float32)
BASE = np.array(default_params()["demand_profile"], np.float32)


def test_a_seeded_reset_sees_numpys_numbers() -> None:
    env = ElectricityMarketEnv()
    env.reset(seed=42)
    assert same(env.demand_profile, np.array(golden()["episodes"][0]["demand_profile"], np.float32))


def test_the_constructors_seed_is_for_the_first_reset_that_has_none() -> None:
    env, plain = ElectricityMarketEnv(seed=0), ElectricityMarketEnv()
    plain.reset(seed=0)
    env.reset()
    assert same(env.demand_profile, plain.demand_profile) and not same(env.demand_profile, BASE)
    env = ElectricityMarketEnv(seed=0)
    plain.reset(seed=5)
    env.reset(seed=5)
    assert same(env.demand_profile, plain.demand_profile)
    env.reset()
    assert same(env.demand_profile, plain.demand_profile), "the constructor's seed came back"


def test_demand_is_perturbed_when_asked_for() -> None:
    profiles = {}
    for mode in ("never", "on_seed", "every_reset"):
        env = ElectricityMarketEnv(demand_noise=mode)
        profiles[mode] = []
        for seed in (None, 3, None, None):
            env.reset(seed=seed)
            profiles[mode].append(env.demand_profile.tobytes())
    assert profiles["never"] == [BASE.tobytes()] * 4
    unseeded, *seeded = profiles["on_seed"]
    assert unseeded == BASE.tobytes() and len(set(seeded)) == 1 and seeded[0] != unseeded
    assert len(set(profiles["every_reset"])) == 4 and profiles["every_reset"][1] == seeded[0]


@pytest.mark.parametrize("seed", [-1, True, 1.5, 2**64, "3"])
def test_seeds_that_are_none_are_refused(seed: Any) -> None:
    env = ElectricityMarketEnv()
    with pytest.raises((InvalidInputError, DtypeError), match="seed"):
        env.reset(seed=seed)
    with pytest.raises(DtypeError, match="options"):
        env.reset(options=[])  # type: ignore[arg-type]


def test_gymnasiums_own_generator_is_seeded_too() -> None:
    env = ElectricityMarketEnv()
    env.reset(seed=np.int64(9))  # type: ignore[arg-type]
    first = env.np_random.random()
    env.reset(seed=9)
    assert env.np_random.random() == first and env.np_random_seed == 9


def test_history_is_the_course_of_the_episode() -> None:
    env = ElectricityMarketEnv(default_params(3, 4), agent_index=1)
    env.reset(seed=1)
    assert not any(array.any() for array in env.history.values())
    rewards, prices, demands = [], [], []
    for hour in range(3):
        _, reward, *_, info = env.step(np.array([0.1 * hour, 0.5], np.float32))
        rewards.append(reward)
        prices.append(info["price"])
        demands.append(info["demand"])
    history = env.history
    shapes = {name: array.shape for name, array in history.items()}
    assert shapes == {
        **dict.fromkeys(("bids", "q_offered", "q_cleared", "rewards", "penalty"), (4, 3)),
        **dict.fromkeys(("market_prices", "demand"), (4,)),
    }
    assert {array.dtype for array in history.values()} == {np.dtype(np.float32)}
    assert history["rewards"][:3, 1].tolist() == rewards and history["market_prices"][:3].tolist() == prices
    assert history["demand"].tolist() == [*demands, 0.0]
    markup = history["bids"][:3, 1] - np.float32(30)
    np.testing.assert_allclose(history["penalty"][:3, 1], 0.01 * markup**2, rtol=1e-5)
    assert not any(array[3].any() for array in history.values())
    env.reset()
    assert not any(array.any() for array in env.history.values())


def test_without_history_there_is_none() -> None:
    env, plain = ElectricityMarketEnv(history=False), ElectricityMarketEnv()
    env.reset(seed=1)
    plain.reset(seed=1)
    assert same(env.step(NULL), plain.step(NULL))
    with pytest.raises(InvalidInputError, match="history=False"):
        _ = env.history


@pytest.mark.parametrize("policies", [None, [lambda _: [0.0, 0.0]] * 3])
def test_the_line_shows_the_hour_cleared_last(policies: Any) -> None:
    env = ElectricityMarketEnv(default_params(3, 4), render_mode="ansi", agent_index=2, policies=policies)
    env.reset(seed=1)
    demand = env.demand_profile
    assert env.render() == f"t=0, Demand={demand[0]:.2f}, Bid=0.00"
    for hour in range(4):
        env.step(np.array([0, 0.5], np.float32))
        assert (
            env.render() == f"t={hour + 1}, Demand={demand[hour]:.2f}, Bid={env.history['bids'][hour, 2]:.2f}"
        )
    env.reset()
    assert env.render() == f"t=0, Demand={demand[0]:.2f}, Bid=0.00"


def test_human_mode_prints_each_step_and_no_mode_warns(capsys: pytest.CaptureFixture[str]) -> None:
    env = ElectricityMarketEnv(render_mode="human")
    env.reset(seed=1)
    env.step(NULL)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == ["t=0", "t=1"] and env.render() is None
    assert capsys.readouterr().out == f"{lines[1]}\n"
    with pytest.warns(UserWarning, match="render_mode"):
        assert ElectricityMarketEnv().render() is None


def test_a_day_ahead_line_shows_the_last_hour() -> None:
    env = ElectricityMarketEnv({**default_params(3, 4), "day_ahead": True}, render_mode="ansi")
    env.reset(seed=1)
    env.step([0.0, 0.5])
    history = env.history
    assert env.render() == f"t=4, Demand={history['demand'][3]:.2f}, Bid={history['bids'][3, 0]:.2f}"
    assert env.t == 4


@pytest.mark.parametrize("params", [default_params(4, 6), bess_params(3, 6)], ids=["hourly", "battery"])
def test_metadata_makes_the_same_market_again(params: dict[str, Any]) -> None:
    env = ElectricityMarketEnv(params, observer="simple_v3", agent_index=1)
    env.reset(seed=8)
    metadata = env.get_metadata()
    assert {name: metadata[name] for name in params} == params
    assert metadata["realised_demand_profile"] == env.demand_profile.tolist() != metadata["demand_profile"]
    assert (metadata["seed"], metadata["observer"], metadata["agent_index"]) == (8, "simple_v3", 1)
    again = ElectricityMarketEnv(metadata, observer="simple_v3", agent_index=1)
    assert same(again.reset(seed=8)[0], env.reset(seed=8)[0])
    assert same(again.step(NULL), env.step(NULL))


@pytest.mark.parametrize("own", [None, [0.2, 0.4], lambda observation: [observation[0] / 4, 0.4]])
@pytest.mark.parametrize("other", [None, [0.1, -0.3], lambda observation: [0.1, observation[1]]])
def test_fixed_evaluation_plays_every_policy_and_ignores_the_action(own: Any, other: Any) -> None:
    params = default_params(3, 5)
    env = ElectricityMarketEnv(params, agent_index=1, policies=[other, own, None])
    learner = ElectricityMarketEnv(params, agent_index=1, policies=[other, None, None])
    observation, _ = env.reset(seed=1)
    learner.reset(seed=1)
    for _ in range(5):
        action = own(observation) if callable(own) else ([0.0, 0.0] if own is None else own)
        expected = learner.step(np.array(action, np.float32))
        result = env.step(np.array([np.nan, np.nan]), fixed_evaluation=True)
        assert same(result, expected)
        observation = result[0]


def test_policies_may_be_objects_with_a_fixed_act_function() -> None:
    class Agent:
        def fixed_act_function(self, deterministic: bool = True) -> Any:
            return lambda observation: [0.1, 0.2]

    asked = ElectricityMarketEnv(default_params(3, 4), policies=[None, Agent(), None])
    plain = ElectricityMarketEnv(default_params(3, 4), policies=[None, [0.1, 0.2], None])
    asked.reset(seed=1)
    plain.reset(seed=1)
    assert same(asked.step(NULL), plain.step(NULL))


@pytest.mark.parametrize("policies", [None, [None, lambda observation: observation[:2] / 9, None]])
def test_snapshots_resume_an_episode(policies: Any) -> None:
    settings: dict[str, Any] = {"params": default_params(3, 6), "policies": policies}
    settings["demand_noise"] = "every_reset"
    env, other = ElectricityMarketEnv(**settings), ElectricityMarketEnv(**settings)
    env.reset(seed=1)
    observation = env.step(NULL)[0]
    saved = env.snapshot()
    expected = [env.step(NULL) for _ in range(5)] + [env.reset()[0]]
    other.restore(saved)
    assert same(other.observe(), observation)
    assert same([other.step(NULL) for _ in range(5)] + [other.reset()[0]], expected)
    with pytest.raises(SnapshotError):
        other.restore(saved[:-2])
    with pytest.raises(DtypeError):
        other.restore("saved")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"agent_index": -1}, InvalidInputError),
        ({"agent_index": 5}, InvalidInputError),
        ({"agent_index": True}, DtypeError),
        ({"agent_index": 1.0}, DtypeError),
        ({"policies": [None] * 4}, ShapeError),
        ({"policies": 3}, DtypeError),
        ({"policies": [None, [0.0], None, None, None]}, ShapeError),
        ({"policies": [None, [0.0, np.nan], None, None, None]}, InvalidInputError),
        ({"policies": [None, "null", None, None, None]}, DtypeError),
        ({"policies": [None, [2.0, 0.0], None, None, None]}, InvalidInputError),
        ({"observer": "simpel"}, ValueError),
        ({"render_mode": "rgb_array"}, InvalidInputError),
        ({"seed": -1}, InvalidInputError),
        ({"seed": True}, DtypeError),
        ({"dtype": "float16"}, InvalidInputError),
        ({"demand_noise": "sometimes"}, InvalidInputError),
        ({"params": {**default_params(), "capacities": [1.0]}}, InvalidInputError),
        ({"params": {**default_params(), "demand_profile": [np.nan] * 24}}, InvalidInputError),
        ({"params": {}}, ValueError),
        ({"params": 3}, (TypeError, ValueError)),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], error: Any) -> None:
    with pytest.raises(error):
        ElectricityMarketEnv(**settings)


def test_numbers_may_come_from_numpy() -> None:
    params = {name: np.asarray(value) for name, value in competitive_params(4, 6).items()}
    params["N_generators"], params["T"] = np.int64(4), np.int32(6)
    env = ElectricityMarketEnv(params, agent_index=np.int64(2), seed=np.int64(3))  # type: ignore[arg-type]
    plain = ElectricityMarketEnv(competitive_params(4, 6), agent_index=2)
    assert same(env.reset()[0], plain.reset(seed=3)[0])
    assert same(env.step(NULL), plain.step(NULL))
