"""`ElectricityMarketEnv`: what goes into a step, what comes out, and what is refused."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from market_support import same

from marl_ffi.env import ElectricityMarketEnv
from marl_ffi.errors import (
    ActionError,
    ClosedError,
    DtypeError,
    EpisodeOverError,
    NotResetError,
    ShapeError,
)
from marl_ffi.market.params import bess_params, default_params

NULL = np.zeros(2, np.float32)


def linear(observation: np.ndarray) -> list[float]:
    """An opponent that looks at the market."""
    return [0.25 * float(observation[0]), 0.5 * float(observation[1]) - 0.125]


def day_ahead(**changes: Any) -> dict[str, Any]:
    return {**default_params(3, 6), "day_ahead": True, **changes}


def test_a_day_ahead_action_of_two_numbers_is_repeated() -> None:
    results = []
    for action in ([0.25, 0.5], [0.25] * 6 + [0.5] * 6, np.repeat([0.25, 0.5], 6), [[0.25] * 6, [0.5] * 6]):
        env = ElectricityMarketEnv(day_ahead())
        env.reset(seed=1)
        results.append(env.step(action))
    assert all(same(results[0], result) for result in results[1:])


@pytest.mark.parametrize("size", [0, 1, 3, 11, 13])
def test_other_day_ahead_sizes_are_refused_by_name(size: int) -> None:
    env = ElectricityMarketEnv(day_ahead())
    env.reset(seed=1)
    with pytest.raises(ValueError, match=f"2T = 12.*{size}"):
        env.step(np.zeros(size, np.float32))
    env = ElectricityMarketEnv(day_ahead(), policies=[None, lambda _: np.zeros(size), None])
    env.reset(seed=1)
    with pytest.raises(ValueError, match=f"2T = 12.*{size}"):
        env.step(NULL)


def test_day_ahead_policies_may_be_constant_per_hour() -> None:
    hours = np.r_[np.linspace(0, 0.5, 6), np.linspace(-1, 1, 6)]
    constant = ElectricityMarketEnv(day_ahead(), policies=[None, hours, [0.5, 0.5]])
    asked = ElectricityMarketEnv(day_ahead(), policies=[None, lambda _: hours, lambda _: [0.5, 0.5]])
    for env in (constant, asked):
        env.reset(seed=1)
    assert same(constant.step(NULL), asked.step(NULL))


@pytest.mark.parametrize("observer", ["basic", "simple", "simple_v2", "simple_v3"])
@pytest.mark.parametrize(
    "params", [default_params(), bess_params(3, 8), day_ahead()], ids=["h", "bess", "day"]
)
@pytest.mark.parametrize("policies", [None, "callable"])
@pytest.mark.filterwarnings("ignore:.*Box (observation|action) space:UserWarning")
@pytest.mark.filterwarnings("ignore:.*we recommend using a symmetric:UserWarning")
@pytest.mark.filterwarnings("ignore:.*Not able to test alternative render modes:UserWarning")
def test_gymnasiums_checker_passes(observer: str, params: dict[str, Any], policies: Any) -> None:
    agents = params["N_generators"] + ("bess" in params)
    others = None if policies is None else [lambda _: [0.1, 0.2]] * agents
    check_env(ElectricityMarketEnv(params, observer=observer, policies=others))


@pytest.mark.parametrize("policies", [None, [linear] * 5])
def test_nothing_handed_out_is_written_again(policies: Any) -> None:
    env = ElectricityMarketEnv(observer="basic", policies=policies)
    kept = [env.reset(seed=1)[0]]
    infos = []
    for _ in range(24):
        observation, *_, info = env.step(NULL)
        kept.append(observation)
        infos.append(info)
    copies = [each.copy() for each in kept]
    cleared = [info["q_cleared"].copy() for info in infos]
    history = {name: array.copy() for name, array in env.history.items()}
    first = env.history
    env.reset(seed=2)
    env.step(NULL)
    assert (
        same(kept, copies) and same([info["q_cleared"] for info in infos], cleared) and same(first, history)
    )
    assert len({each.tobytes() for each in kept}) > 20


def test_a_callable_may_keep_or_spoil_its_observation() -> None:
    seen: dict[int, list[np.ndarray]] = {1: [], 2: []}

    def spoil(agent: int) -> Any:
        def policy(observation: np.ndarray) -> list[float]:
            seen[agent].append(observation.copy())
            observation[:] = -1
            return [0.0, 0.0]

        return policy

    env = ElectricityMarketEnv(default_params(3, 6), policies=[None, spoil(1), spoil(2)])
    plain = ElectricityMarketEnv(default_params(3, 6))
    assert same(env.reset(seed=1)[0], plain.reset(seed=1)[0])
    for _ in range(6):
        assert same(env.step(NULL), plain.step(NULL))
    for agent, observations in seen.items():
        own = ElectricityMarketEnv(default_params(3, 6), agent_index=agent)
        expected = [own.reset(seed=1)[0], *(own.step(NULL)[0] for _ in range(5))]
        assert same(observations, expected)


def test_results_are_plain_python_values() -> None:
    env = ElectricityMarketEnv(bess_params(3, 4))
    env.reset(seed=1)
    for action in (NULL, [0.0, 0.0]):
        observation, reward, terminated, truncated, info = env.step(action)
        assert type(observation) is np.ndarray and type(reward) is float
        assert type(terminated) is bool and type(truncated) is bool and type(info) is dict
        assert {type(info[k]) for k in ("price", "demand", "unserved", "charged", "discharged", "soc")} == {
            float
        }


def test_actions_count_in_the_dtype_they_come_in() -> None:
    """A float64 markup keeps its digits up to the bid; float32 actions are projected in float32."""
    action = [0.123456789, 0.987654321]
    rewards = {}
    for name, given in {
        "list": action, "tuple": tuple(action), "f64": np.array(action), "f32": np.array(action, np.float32),
        "strided": np.array([action, action]).T.copy().T[0], "half": np.array(action, np.float16),
        "half as f32": np.array(action, np.float16).astype(np.float32),
    }.items():  # fmt: skip
        env = ElectricityMarketEnv(default_params(2, 3), dtype="float64")
        env.reset(seed=3)
        env.step(given)
        rewards[name] = env.history["bids"][0, 0]
    assert rewards["list"] == rewards["tuple"] == rewards["f64"] == rewards["strided"]
    assert rewards["half"] == rewards["half as f32"]
    assert len({rewards["list"], rewards["f32"], rewards["half"]}) == 3


@pytest.mark.parametrize("policies", [None, [linear] * 5])
@pytest.mark.parametrize(
    ("action", "error"),
    [
        ([0.0], ShapeError),
        ([0.0, 0.0, 0.0], ShapeError),
        (np.zeros((1, 2), np.float32), ShapeError),
        (0.5, ShapeError),
        (None, DtypeError),
        ("ab", DtypeError),
        ([None, 1.0], DtypeError),
        (np.array([0.0, 1.0], object), DtypeError),
        ([True, False], DtypeError),
        ([np.nan, 0.0], ActionError),
        ([0.0, np.inf], ActionError),
        (np.array([-0.1, 0.0], np.float32), ActionError),
        ([1.1, 0.0], ActionError),
        ([0.0, 10.5], ActionError),
    ],
)
def test_what_is_no_action_is_refused_and_nothing_is_stepped(policies: Any, action: Any, error: Any) -> None:
    env, untouched = (ElectricityMarketEnv(policies=policies) for _ in range(2))
    env.reset(seed=1)
    untouched.reset(seed=1)
    with pytest.raises(error):
        env.step(action)
    assert env.t == 0 and not env.history["bids"].any()
    assert same(env.step([0.5, 0.5]), untouched.step([0.5, 0.5]))


def test_actions_out_of_range_can_be_clipped() -> None:
    env, plain = ElectricityMarketEnv(out_of_range_actions="clip"), ElectricityMarketEnv()
    env.reset(seed=1)
    plain.reset(seed=1)
    assert same(env.step(np.array([-3, 20], np.float32)), plain.step(np.array([0, 10], np.float32)))
    with pytest.raises(ActionError):
        env.step(np.array([np.nan, 0], np.float32))


@pytest.mark.parametrize("policies", [None, [linear] * 5])
def test_steps_need_a_running_episode(policies: Any) -> None:
    env = ElectricityMarketEnv(default_params(5, 2), policies=policies)
    with pytest.raises(NotResetError):
        env.step(NULL)
    env.reset(seed=1)
    env.step(NULL)
    assert env.step(NULL)[2]
    with pytest.raises(EpisodeOverError):
        env.step(NULL)
    with pytest.raises(EpisodeOverError):
        env.step(None, fixed_evaluation=True)
    env.reset()
    env.step(NULL)


def test_the_terminal_observation_repeats_the_last_demand_and_shows_the_next_hour() -> None:
    env = ElectricityMarketEnv(default_params(3, 7))
    env.reset(seed=1)
    for _ in range(7):
        last = env.step(NULL)[0]
    scale = np.float32(max(default_params(3, 7)["demand_profile"]))
    assert last[0] == env.demand_profile[6] / scale and last[3] == np.float32(7 / 24)


def test_max_episode_steps_truncates() -> None:
    env = ElectricityMarketEnv(max_episode_steps=3)
    env.reset(seed=1)
    assert [env.step(NULL)[2:4] for _ in range(3)] == [(False, False), (False, False), (False, True)]
    with pytest.raises(EpisodeOverError):
        env.step(NULL)


def test_a_closed_environment_does_nothing_more() -> None:
    env = ElectricityMarketEnv(render_mode="ansi")
    env.reset(seed=1)
    env.close()
    env.close()
    for use in (
        env.reset, lambda: env.step(NULL), lambda: env.history, env.render, env.get_metadata, env.snapshot,
        lambda: env.t, lambda: env.demand_profile,
    ):  # fmt: skip
        with pytest.raises(ClosedError):
            use()


def test_a_subclass_may_have_a_step_of_its_own() -> None:
    class Scaled(ElectricityMarketEnv):
        def step(self, action: Any, fixed_evaluation: bool = False) -> Any:
            observation, reward, *rest = super().step(action, fixed_evaluation)
            return (observation, 10 * reward, *rest)

    scaled, plain = Scaled(), ElectricityMarketEnv()
    scaled.reset(seed=1)
    plain.reset(seed=1)
    assert scaled.step(NULL)[1] == 10 * plain.step(NULL)[1] != 0
    assert isinstance(gymnasium.Wrapper(scaled).step(NULL)[1], float)


def test_policies_may_answer_with_more_than_two_numbers() -> None:
    long, short = (
        ElectricityMarketEnv(
            policies=[None, lambda _, size=size: np.linspace(0.1, 0.5, 5)[:size]] + [None] * 3
        )
        for size in (5, 2)
    )
    long.reset(seed=1)
    short.reset(seed=1)
    assert same(long.step(NULL), short.step(NULL))


def test_policies_are_not_asked_outside_of_an_episode() -> None:
    asked = []
    policy = [None, lambda observation: asked.append(observation) or [0.0, 0.0]]
    env = ElectricityMarketEnv(default_params(2, 1), policies=policy)
    with pytest.raises(NotResetError):
        env.step(NULL)
    assert asked == []
    env.reset(seed=1)
    env.step(NULL)
    with pytest.raises(EpisodeOverError):
        env.step(NULL)
    assert len(asked) == 1


@pytest.mark.parametrize("answer", [[], [0.1], 0.3])
def test_policies_must_answer_with_two_numbers(answer: Any) -> None:
    env = ElectricityMarketEnv(policies=[None, lambda _: answer, None, None, None])
    env.reset(seed=1)
    with pytest.raises(ValueError, match="agent 1.*at least 2"):
        env.step(NULL)
    assert env.t == 0
