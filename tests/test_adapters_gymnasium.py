"""The vector environment returns, array for array, what `SyncVectorEnv` around single ones does."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.wrappers import vector as wrappers
from market_support import MARKET, same

from marl_ffi.adapters.gymnasium import GymnasiumVectorEnv, make_vec
from marl_ffi.env import ElectricityMarketEnv
from marl_ffi.market.params import bess_params, default_params
from marl_ffi.registration import register_gymnasium

register_gymnasium()

E, T = 3, 4
MODES = list(AutoresetMode)
MARKETS: dict[str, dict[str, Any]] = {
    "hourly": {"params": default_params(3, T), "agent_index": 1, "policies": [[0.2, 0.3], None, None]},
    "float64": {"params": default_params(3, T), "dtype": "float64", "observer": "simple_v3"},
    "battery": {"params": bess_params(3, T), "agent_index": 2, "observer": "basic"},
    "day ahead": {"params": {**bess_params(3, T), "day_ahead": True}},
    "truncated": {"params": default_params(3, T), "max_episode_steps": 2, "demand_noise": "every_reset"},
}


def pair(mode: AutoresetMode, **settings: Any) -> tuple[GymnasiumVectorEnv, SyncVectorEnv]:
    ours = make_vec(MARKET, E, autoreset_mode=mode, **settings)
    single = [lambda: ElectricityMarketEnv(**settings)] * E
    return ours, SyncVectorEnv(single, autoreset_mode=mode)


def drive(env: VectorEnv, mode: AutoresetMode, steps: int, dtype: Any = np.float32) -> list[Any]:
    """Reset, partial resets that put the episodes out of step, and steps to beyond several ends."""
    env.action_space.seed(7)
    told = [env.reset(seed=3)]
    for k in range(steps):
        told.append(env.step(env.action_space.sample().astype(dtype)))
        over = told[-1][2] | told[-1][3]
        if k in (0, 6):
            mask = np.array([False, True, False])
            told.append(env.reset(seed=[None, 40 + k, None], options={"reset_mask": mask}))
            over &= ~mask
        if mode is AutoresetMode.DISABLED and over.any():
            told.append(env.reset(options={"reset_mask": over}))
    told.append(env.reset(seed=[5, None, 6]))
    return told


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("mode", MODES)
def test_everything_equals_sync_vector_env(mode: AutoresetMode, market: str) -> None:
    ours, theirs = pair(mode, **MARKETS[market])
    assert ours.single_observation_space == theirs.single_observation_space
    assert ours.observation_space == theirs.observation_space and ours.action_space == theirs.action_space
    expected, told = drive(theirs, mode, 3 * T), drive(ours, mode, 3 * T)
    assert data_equivalence(told, expected, exact=True) and same(told, expected)
    assert sum("final_obs" in each[-1] for each in told) == (
        0
        if mode is not AutoresetMode.SAME_STEP
        else sum(each[2].any() or each[3].any() for each in told if len(each) == 5)
    )
    assert any(each[-1] == {} for each in told[1:]), "no step without infos was met"
    assert any((each[2] | each[3]).any() for each in told if len(each) == 5), "no end was met"


@pytest.mark.parametrize("mode", MODES)
def test_float64_actions_equal_too(mode: AutoresetMode) -> None:
    ours, theirs = pair(mode, **MARKETS["hourly"])
    assert same(drive(ours, mode, T, np.float64), drive(theirs, mode, T, np.float64))


WRAPPERS: dict[str, Any] = {
    "RecordEpisodeStatistics": wrappers.RecordEpisodeStatistics,
    "NormalizeObservation": wrappers.NormalizeObservation,
    "NormalizeReward": wrappers.NormalizeReward,
    "ClipReward": lambda env: wrappers.ClipReward(env, -0.01, 0.01),
    "ClipAction": wrappers.ClipAction,
    "RescaleAction": lambda env: wrappers.RescaleAction(env, -1.0, 1.0),
    "TransformObservation": lambda env: wrappers.TransformObservation(env, lambda x: 2 * x),
    "VectorizeTransformObservation": lambda env: wrappers.VectorizeTransformObservation(
        env, gymnasium.wrappers.TransformObservation, func=lambda x: x + 1, observation_space=None
    ),
    "DtypeObservation": lambda env: wrappers.DtypeObservation(env, np.float64),
    "DictInfoToList": wrappers.DictInfoToList,
    "FlattenObservation": wrappers.FlattenObservation,
}


def without_times(told: Any) -> Any:
    """`RecordEpisodeStatistics` tells how long an episode took, which is never the same."""
    for each in told:
        if isinstance(each[-1], dict) and "episode" in each[-1]:
            each[-1]["episode"].pop("t", None)
            each[-1]["episode"].pop("_t", None)
    return told


# Gymnasium's own rules: what changes observations cannot change `final_obs`, nor normalise it.
WRAPPED = [
    (name, mode)
    for name in WRAPPERS
    for mode in MODES
    if not ("Observation" in name and mode is AutoresetMode.SAME_STEP)
    and not (name == "NormalizeObservation" and mode is AutoresetMode.DISABLED)
]


@pytest.mark.filterwarnings("ignore:.*precision lowered by casting.*:UserWarning")  # RescaleAction's own
@pytest.mark.parametrize(("wrapper", "mode"), WRAPPED)
def test_gymnasiums_vector_wrappers_see_no_difference(wrapper: str, mode: AutoresetMode) -> None:
    told = []
    for env in pair(mode, **MARKETS["hourly"]):
        wrapped = WRAPPERS[wrapper](env)
        wrapped.action_space.seed(7)
        steps = [wrapped.reset(seed=3)]
        for k in range(1, 2 * T + 3):
            # RecordEpisodeStatistics later writes into a mask it has returned.
            steps.append(deepcopy(wrapped.step(wrapped.action_space.sample())))
            if mode is AutoresetMode.DISABLED and k % T == 0:
                steps.append(wrapped.reset(options={"reset_mask": np.ones(E, bool)}))
        told.append(without_times(steps))
    assert data_equivalence(told[0], told[1], exact=True)


@pytest.mark.parametrize("mode", MODES)
def test_a_wrapper_that_needs_the_reset_mask_finds_it(mode: AutoresetMode) -> None:
    env = wrappers.RecordEpisodeStatistics(
        make_vec(MARKET, 2, params=default_params(3, T), autoreset_mode=mode)
    )
    env.reset(seed=1)
    env.step(np.zeros((2, 2), np.float32))
    env.reset(options={"reset_mask": np.array([True, False])})
    assert env.episode_lengths.tolist() == [0, 1]


@pytest.mark.parametrize("copy", [True, False])
def test_copies_are_yours_and_views_are_the_engines(copy: bool) -> None:
    env = make_vec(MARKET, E, params=default_params(3, T), autoreset_mode="SameStep", copy=copy)
    env.action_space.seed(1)
    kept, saved = [], []
    told: Any = env.reset(seed=1)
    for _ in range(2 * T):
        kept.append(told)
        saved.append(tuple(x.copy() if isinstance(x, np.ndarray) else dict(x) for x in told))
        told = env.step(env.action_space.sample())
    if copy:
        assert same(kept, saved)
    else:
        assert np.shares_memory(kept[0][0], told[0]) and same(kept[1][1:], saved[1][1:])


@pytest.mark.parametrize("policies", [None, [None, lambda observation: observation[:2] / 9, None]])
def test_single_environments_keep_nothing_of_what_sync_vector_env_was_given(policies: Any) -> None:
    """The last observation of an episode survives the reset that follows it in the same step."""
    kept = []
    for mode in (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED):
        single = [
            lambda: ElectricityMarketEnv(default_params(3, T), observer="simple_v2", policies=policies)
        ] * E
        env = SyncVectorEnv(single, autoreset_mode=mode)
        env.reset(seed=1)
        steps = [env.step(np.full((E, 2), 0.1, np.float32)) for _ in range(T)]
        last = steps[-1]
        kept.append(np.stack(last[4]["final_obs"]) if mode is AutoresetMode.SAME_STEP else last[0])
    assert same(*kept) and not same(kept[0], steps[0][0])
