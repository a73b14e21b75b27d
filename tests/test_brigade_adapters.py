"""Bucket Brigade behind Gymnasium and PettingZoo, and observations of one layout as those of another."""

from __future__ import annotations

import itertools

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test
from pettingzoo.utils.conversions import parallel_to_aec

import marl_ffi as mf
from marl_ffi import bucket_brigade as bb
from marl_ffi.errors import InvalidInputError, ShapeError, UnknownNameError
from marl_ffi.reference.bucket_brigade.python_engine import scenario_info

BRIGADE = "BucketBrigade-v0"
LAYOUTS = ("v1", "py_flat", "core_flat", "gym_2025_11")
SETTINGS = (
    {"scenario": "hard"},
    {"scenario": "rest_trap", "agents": [1, 3], "policies": ["firefighter", None, "liar", None]},
    {"scenario": "default", "num_agents": 6, "num_houses": 7, "actions": "pairs", "observe_progress": True},
    {"scenario": "default_continuous", "commitment_mode": "two_phase"},
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("settings", SETTINGS)
def test_pettingzoo_finds_nothing_to_complain_about(settings):
    def new() -> mf.adapters.pettingzoo.ParallelEnv:
        return mf.parallel_env(BRIGADE, **settings)

    parallel_api_test(new(), num_cycles=120)
    parallel_seed_test(new, num_cycles=120)
    api_test(parallel_to_aec(new()), num_cycles=60)


@pytest.mark.filterwarnings("ignore:.*Box observation space.*:UserWarning")  # scenario numbers have no bounds
@pytest.mark.parametrize("seat", [0, 3])
@pytest.mark.parametrize("opponents", ["firefighter", "free_rider", "specialist", "random"])
def test_one_learner_against_three(seat, opponents):
    policies = [None if k == seat else opponents for k in range(4)]
    env = mf.make(BRIGADE, scenario="default", agents=[seat], policies=policies)
    check_env(env.unwrapped, skip_render_check=True)
    observation, _ = env.reset(seed=seat)
    total, over = 0.0, False
    while not over:
        observation, reward, terminated, truncated, _ = env.step(np.array([seat, 1, 1]))
        total += reward
        over = terminated or truncated
    assert env.observation_space.contains(observation) and np.isfinite(total)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_vectors_keep_statistics(mode):
    policies = [None, *["firefighter"] * 3]
    vector = gymnasium.make_vec(f"marl_ffi/{BRIGADE}", 5, agents=[0], policies=policies, autoreset_mode=mode)
    env = gymnasium.wrappers.vector.RecordEpisodeStatistics(vector)
    env.reset(seed=0)
    env.action_space.seed(0)
    seen, lengths = 0, np.zeros(5, int)
    over = np.zeros(5, bool)
    for _ in range(150):
        _, _, terminated, truncated, infos = env.step(env.action_space.sample())
        # In NextStep mode the step after the end resets and does not count.
        lengths = np.where(over & (mode == "NextStep"), 0, lengths + 1)
        over = terminated | truncated
        if over.any():
            assert (infos["episode"]["l"][over] == lengths[over]).all() and infos["_episode"].tolist() == over.tolist()
            seen += int(over.sum())
            if mode == "SameStep":
                lengths[over] = 0
    assert seen >= 5


def played(layout: str) -> np.ndarray:
    with mf.VecEnv(BRIGADE, 3, scenario="hard", observation=layout) as env:
        env.reset(seed=4)
        rng = np.random.default_rng(0)
        for _ in range(6):
            observations, *_ = env.step(rng.integers(0, [10, 2, 2], (3, 4, 3)))
    return observations


@pytest.mark.parametrize("target", LAYOUTS)
@pytest.mark.parametrize("source", LAYOUTS)
def test_layouts_turn_into_each_other(source, target):
    given, expected = played(source), played(target)
    made = bb.convert_observation(given, source, target, scenario="hard", missing=-7.0)
    told = made != -7.0
    assert (made[told] == expected[told]).all()
    names = np.array(bb.observation_names(target, scenario="hard"))
    untold = set(names[~told.all(axis=(0, 1))])
    allowed = {f"last_signal_{k}" for k in range(4)} | {"reward_rest", "distance_cost_alpha", "max_nights", "home", "night"}
    if source == "gym_2025_11":
        allowed |= {name for name in names if name.startswith(("is_seat", "reward_", "penalty_"))} | {"seat"}
    assert untold <= allowed
    if source == target:
        assert told.all()


def test_what_a_layout_does_not_tell_is_named():
    with pytest.raises(InvalidInputError, match="py_flat does not tell last_signal_0"):
        bb.convert_observation(played("py_flat"), "py_flat", "v1", scenario="hard")
    with pytest.raises(ShapeError, match="expected 42 numbers"):
        bb.convert_observation(np.zeros((2, 51)), "py_flat", "v1", scenario="hard")
    with pytest.raises(InvalidInputError, match="py_flat"):
        bb.convert_observation(np.zeros((2, 42)), "py_flt", "v1")


def test_scenario_info_of_the_original_s_layouts():
    chosen = bb.scenario("minimal_specialization")
    core = [0.25, 0.5, 10, 10, 0.5, 0.02, 12, 4, 50, 0, 100, 0]
    py = [0.25, 0.5, 0.02, 10, 10, 50, 0, 100, 0, 0.5, 12, 4]
    # the engines themselves
    game = bb.Game(chosen, 4, 0)
    assert game.observation(0)["scenario_info"].tolist() == pytest.approx(core)
    assert scenario_info(chosen).tolist() == pytest.approx(py)
    expected = {
        "core": core, "core_2025_11": core, "py": py,
        "training": [0.25, 0.5, 0.02, 10, 10, 0.5, 12, 0, 0, 0],
        "py_2025_11": [0.25, 0.5, 10, 10, 0.5, 0.02, 12, 0.02, 12, 4],
        "gym_core_2025_11": [0.25, 0.5, 0.02, 10, 10, 0.5, 12, 4, 0, 0],
    }  # fmt: skip
    assert set(expected) == set(bb.SCENARIO_INFO)
    for (source, given), (target, wanted) in itertools.product(expected.items(), repeat=2):
        made = bb.convert_scenario_info([[given]], source, target, missing=-7)
        assert made.shape == (1, 1, len(wanted)) and made.dtype == np.float32
        told = made[0, 0] != -7
        assert made[0, 0][told].tolist() == pytest.approx(np.array(wanted)[told])
        if source in ("core", "py"):
            assert told.all()
    with pytest.raises(InvalidInputError, match="training does not tell num_agents"):
        bb.convert_scenario_info(expected["training"], "training", "core")
    with pytest.raises(ShapeError, match="expected 12 numbers"):
        bb.convert_scenario_info([1, 2], "core", "py")
    with pytest.raises(UnknownNameError, match="did you mean 'core'"):
        bb.convert_scenario_info(core, "cor", "py")
