"""The PettingZoo adapter: PettingZoo's own checks, and the batch it must agree with."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pettingzoo
import pytest
from gymnasium.utils.env_checker import data_equivalence
from market_support import MARKET, T, same
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test
from pettingzoo.utils.conversions import parallel_to_aec

from marl_ffi.adapters.pettingzoo import MarlParallelEnv, parallel_env
from marl_ffi.errors import (
    ActionError,
    ClosedError,
    DtypeError,
    EpisodeOverError,
    InvalidInputError,
    NotResetError,
    ShapeError,
    UnknownNameError,
)
from marl_ffi.market.params import bess_params, default_params
from marl_ffi.registration import register_pettingzoo
from marl_ffi.vec_env import VecEnv

register_pettingzoo()

MARKETS: dict[str, dict[str, Any]] = {
    "hourly": {"params": default_params(3, T)},
    "battery": {"params": bess_params(3, T), "observer": "simple_v3", "dtype": "float64"},
    "day ahead": {"params": {**bess_params(3, T), "day_ahead": True}},
    "two learners": {
        "params": default_params(4, T),
        "agents": [1, 3],
        "policies": [[0.1, 0.2], None, None, None],
    },
    "truncated": {"params": default_params(2, T), "max_cycles": 3},
}


def new(market: str) -> MarlParallelEnv:
    return parallel_env(MARKET, **MARKETS[market])


def sampled(env: MarlParallelEnv) -> dict[str, Any]:
    return {agent: env.action_space(agent).sample() for agent in env.agents}


@pytest.mark.parametrize("market", MARKETS)
def test_pettingzoos_checks_pass(market: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_api_test(new(market), num_cycles=3 * T)
        parallel_seed_test(lambda: new(market), num_cycles=3 * T)


# A battery is no "player_0", it sees more than a generator, and demand has no bounds: advice, not errors.
@pytest.mark.filterwarnings("ignore:.*(infinity|recommend agents|different).*:UserWarning")
@pytest.mark.parametrize("market", ["hourly", "battery"])
def test_the_turn_based_checks_pass_after_conversion(market: str) -> None:
    api_test(parallel_to_aec(new(market)), num_cycles=3 * T)


@pytest.mark.parametrize("market", MARKETS)
def test_dictionaries_hold_what_the_batch_holds(market: str) -> None:
    settings = {key: value for key, value in MARKETS[market].items() if key != "max_cycles"}
    limit = MARKETS[market].get("max_cycles")
    env = new(market)
    batch = VecEnv(MARKET, 1, autoreset_mode="Disabled", max_episode_steps=limit, **settings)
    observations, infos = env.reset(seed=5)
    assert env.agents == env.possible_agents == batch.agents and infos == {agent: {} for agent in env.agents}
    rows, _ = batch.reset(seed=5)
    while True:
        for row, (agent, space) in enumerate(zip(batch.agents, batch.agent_observation_spaces, strict=True)):
            assert env.observation_space(agent) == space and observations[agent] in space
            assert same(observations[agent], rows[0, row, : space.shape[0]])
        assert same(env.state(), np.concatenate(list(observations.values())))
        if not env.agents:
            break
        actions = sampled(env)
        observations, rewards, terminations, truncations, infos = env.step(actions)
        rows, row_rewards, ended, cut, row_infos = batch.step(np.stack(list(actions.values()))[None])
        assert list(rewards.values()) == row_rewards[0].tolist()
        assert set(terminations.values()) == {bool(ended[0])} and set(truncations.values()) == {bool(cut[0])}
        for agent, info in infos.items():
            assert type(rewards[agent]) is float and type(terminations[agent]) is bool
            assert type(truncations[agent]) is bool and type(info) is dict
            for name, value in info.items():
                assert np.array_equal(np.asarray(value), row_infos[name][0])
    assert ended[0] != cut[0] == (limit is not None)


def test_nothing_handed_out_is_shared() -> None:
    env = new("battery")
    told = [env.reset(seed=1)]
    told += [env.step(sampled(env)) for _ in range(T)]
    arrays = [array for each in told for array in each[0].values()]
    arrays += [value for each in told for info in each[-1].values() for value in info.values()]
    arrays = [array for array in arrays if isinstance(array, np.ndarray)]
    assert len(arrays) > 40
    for k, array in enumerate(arrays):
        assert not any(np.shares_memory(array, other) for other in arrays[:k])


def test_spaces_are_the_same_objects_at_every_call() -> None:
    env = new("battery")
    for agent in env.possible_agents:
        assert env.observation_space(agent) is env.observation_space(agent)
        assert env.action_space(agent) is env.action_space(agent)
    assert env.action_space("battery").low.tolist() == [-1, -10]
    with pytest.raises(UnknownNameError, match="battery"):
        env.action_space("batery")


def test_the_episode_ends_for_all_and_then_only_reset_goes_on() -> None:
    env = new("hourly")
    with pytest.raises(NotResetError):
        env.step({})
    env.reset(seed=1)
    for _ in range(T):
        actions = sampled(env)
        env.step(actions)
    assert env.agents == [] and env.num_agents == 0 and env.max_num_agents == 3
    assert env.step({}) == ({}, {}, {}, {}, {})
    with pytest.raises(EpisodeOverError):
        env.step(actions)
    env.reset()
    assert env.agents == env.possible_agents


def test_seeds_are_numpy_like_everywhere_else() -> None:
    env, batch = new("hourly"), VecEnv(MARKET, 1, **MARKETS["hourly"])
    for seed in (0, np.int64(3), 2**64 - 1):
        assert same(env.reset(seed=seed)[0]["generator_0"], batch.reset(seed=[int(seed)])[0][0, 0])
        assert env.np_random_seed == int(seed)
    for seed, error in (
        (-1, InvalidInputError),
        (True, DtypeError),
        (0.0, DtypeError),
        (2**64, InvalidInputError),
    ):
        with pytest.raises(error, match="seed"):
            env.reset(seed=seed)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"generator_0": [0.0]}, ShapeError, "generator_0"),
        ({"generator_1": "ab"}, DtypeError, "actions"),
        ({"generator_2": [0.0, np.nan]}, ActionError, "generator_2"),
        ({"generator_2": np.array([1.5, 0.0], np.float32)}, ActionError, "generator_2"),
        ({"generator_3": [0.0, 0.0]}, UnknownNameError, "generator_"),
        ({"generator_1": None}, DtypeError, "actions"),
    ],
)
def test_bad_actions_name_their_agent_and_step_nothing(
    change: dict[str, Any], error: Any, words: str
) -> None:
    env, plain = new("hourly"), new("hourly")
    env.reset(seed=1)
    plain.reset(seed=1)
    good = {agent: np.zeros(2, np.float32) for agent in env.agents}
    with pytest.raises(error, match=words):
        env.step({**good, **change})
    with pytest.raises(InvalidInputError, match="generator_1, generator_2"):
        env.step({"generator_0": good["generator_0"]})
    with pytest.raises(DtypeError, match="dictionary"):
        env.step(list(good.values()))
    assert data_equivalence(env.step(good), plain.step(good), exact=True)


def test_a_closed_environment_does_nothing_more() -> None:
    env = new("hourly")
    env.reset(seed=1)
    env.close()
    env.close()
    for use in (env.reset, lambda: env.step({}), env.state, lambda: env.np_random_seed):
        with pytest.raises(ClosedError):
            use()


def test_names_and_settings_are_checked() -> None:
    assert new("hourly").metadata["name"] == str(new("hourly")) == "ElectricityMarket_v0"
    with pytest.raises(UnknownNameError):
        parallel_env("ElectricityMarkt-v0")
    with pytest.raises(UnknownNameError, match="observer"):
        parallel_env(MARKET, obsrver="simple")
    with pytest.raises(InvalidInputError, match="max_cycles"):
        parallel_env(MARKET, max_cycles=0)
    with pytest.raises(InvalidInputError, match="render_mode"):
        parallel_env(MARKET, render_mode="human")
    with pytest.raises(UnknownNameError, match="option"):
        new("hourly").reset(options={"demand": 1})


def test_pettingzoos_registry_makes_it() -> None:
    env = pettingzoo.make("parallel", f"marl_ffi/{MARKET}", max_cycles=2, params=default_params(3, T))
    assert isinstance(env, MarlParallelEnv) and len(env.possible_agents) == 3
    env.reset(seed=1)
    env.step(sampled(env))
    assert set(env.step(sampled(env))[3].values()) == {True}


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("first", ["marl_ffi", "pettingzoo"])
def test_the_registry_is_filled_in_either_order_of_imports(first: str) -> None:
    second = "pettingzoo" if first != "pettingzoo" else "marl_ffi"
    code = f"import {first}, sys; loaded = 'pettingzoo' in sys.modules\n"
    code += "import marl_ffi\n"
    # Many libraries only look whether PettingZoo is there.
    code += "import importlib.util; assert importlib.util.find_spec('pettingzoo')\n"
    code += f"import {second}, pettingzoo\n"
    code += f"print(loaded, pettingzoo.parallel_registry.get('marl_ffi/{MARKET}').id)"
    assert run(code) == f"{first == 'pettingzoo'} marl_ffi/{MARKET}"


def test_without_pettingzoo_the_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['pettingzoo'] = None\n"
        "import marl_ffi.registration; marl_ffi.registration.register_pettingzoo()\n"
        "try:\n    import marl_ffi.adapters.pettingzoo\nexcept ImportError as error: print(error)"
    )
    assert "pip install marl_ffi[pettingzoo]" in run(code)
