"""`ElectricityMarketEnv` replays the recorded episodes of the original environment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from market_support import golden, rows, same

from marl_ffi.env import ElectricityMarketEnv

GOLDEN = golden()


def linear(observation: np.ndarray) -> list[float]:
    """The observation-driven opponent of the recorded episodes."""
    return [0.25 * float(observation[0]), 0.5 * float(observation[1]) - 0.125]


def charge_or_sell(observation: np.ndarray) -> list[float]:
    """The battery policy of the recorded storage episode."""
    return [-0.8, 1.0] if observation[-1] < 0.5 else [0.6, -0.5]


def recorded_policies(episode: dict[str, Any]) -> list[Any]:
    return [linear if each["type"] == "linear" else each["action"] for each in episode["other_policies"]]


def assert_step(env: ElectricityMarketEnv, step: dict[str, Any], result: Any, row: int) -> None:
    _, reward, terminated, truncated, info = result
    assert reward == pytest.approx(step["reward"], abs=1e-6)
    assert terminated is step["terminated"] and truncated is False
    assert info["price"] == pytest.approx(step["price"], abs=2e-5)
    history = env.history
    for got, name, tolerance in (
        (info["q_cleared"], "q_cleared", 1e-6),
        (info["rewards"], "rewards_all", 1e-6),
        (history["bids"][row], "bids", 2e-5),
        (history["q_offered"][row], "q_offered", 1e-6),
    ):
        np.testing.assert_allclose(got, np.array(step[name], np.float32), atol=tolerance, rtol=0)


@pytest.mark.parametrize("as_callables", [False, True])
@pytest.mark.parametrize("episode", GOLDEN["episodes"], ids=lambda each: each["id"])
def test_recorded_episodes(episode: dict[str, Any], as_callables: bool) -> None:
    """Both ways of playing the others, inside the engine and by asking Python, tell the recorded story."""
    policies = recorded_policies(episode)
    if as_callables:
        policies = [each if callable(each) else (lambda _, action=each: action) for each in policies]
    env = ElectricityMarketEnv(
        episode["params"], observer=episode["observer"], agent_index=episode["agent_index"], policies=policies
    )
    observation, info = env.reset(seed=episode["seed"])
    assert info == {}
    assert same(env.demand_profile, np.array(episode["demand_profile"], np.float32))
    total = 0.0
    for row, step in enumerate(rows(episode)):
        assert same(observation, np.array(step["obs"], np.float32))
        action = None if step["action"] is None else np.array(step["action"], np.float32)
        result = env.step(action, fixed_evaluation=episode["fixed_evaluation"])
        assert_step(env, step, result, row)
        observation = result[0]
        total += result[1]
    assert total == pytest.approx(episode["return"], abs=1e-5)
    assert observation in env.observation_space
    assert len(rows(episode)) == env.t == env.params["T"]


@pytest.mark.parametrize(
    "episode", GOLDEN["storage_extension"]["hourly_episodes"], ids=lambda each: each["id"]
)
def test_recorded_battery_episodes(episode: dict[str, Any]) -> None:
    policies = [None, None, None, charge_or_sell if episode["agent_index"] != 3 else None]
    env = ElectricityMarketEnv(
        episode["params"], observer=episode["observer"], agent_index=episode["agent_index"], policies=policies
    )
    observation, _ = env.reset(seed=episode["seed"])
    if episode["agent_index"] == 3:
        assert env.action_space.low.tolist() == episode["action_low"]
    for row, step in enumerate(rows(episode)):
        np.testing.assert_allclose(observation, step["obs"], atol=1e-7, rtol=0)
        result = env.step(np.array(step["action"], np.float32))
        assert_step(env, step, result, row)
        info = result[4]
        assert info["charged"] == pytest.approx(step["bess_charge"], abs=1e-5)
        assert info["discharged"] == pytest.approx(step["bess_discharge"], abs=1e-5)
        assert info["soc"] == pytest.approx(step["soc"], abs=1e-5)
        observation = result[0]
    history = env.history
    for name in ("bess_charge", "bess_discharge", "soc", "demand"):
        np.testing.assert_allclose(history[name], episode["steps"][name], atol=1e-5)


@pytest.mark.parametrize("day", GOLDEN["storage_extension"]["day_ahead"], ids=lambda each: each["id"])
def test_recorded_days_ahead(day: dict[str, Any]) -> None:
    env = ElectricityMarketEnv(day["params"], agent_index=day["agent_index"])
    observation, _ = env.reset(seed=day["seed"])
    np.testing.assert_allclose(observation, day["obs"], atol=1e-7, rtol=0)
    observation, reward, terminated, truncated, info = env.step(np.array(day["action"], np.float32))
    assert reward == pytest.approx(day["reward"], abs=1e-5) and terminated and not truncated
    assert observation in env.observation_space
    output, history = day["output"], env.history
    np.testing.assert_allclose(info["price"], output["market_prices"], atol=2e-5, rtol=0)
    np.testing.assert_allclose(history["bids"], output["bids"], atol=2e-5, rtol=0)
    np.testing.assert_allclose(history["q_cleared"], output["q_cleared"], atol=1e-5, rtol=0)
    np.testing.assert_allclose(info["rewards"], np.sum(output["rewards"], axis=0), atol=1e-5)
    assert "soc" not in output or np.allclose(info["soc"], output["soc"], atol=1e-5)
