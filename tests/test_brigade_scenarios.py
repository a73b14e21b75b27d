"""Scenarios and archetypes: values, names, and what is refused."""

import json

import numpy as np
import pytest

from marl_ffi.bucket_brigade import (
    ARCHETYPES,
    CORE_SCENARIOS,
    RESEARCH_SCENARIOS,
    SCENARIOS,
    Scenario,
    archetype,
    parameters,
    random_scenario,
    scenario,
    strategy,
    work_probability,
)
from marl_ffi.errors import DtypeError, InvalidInputError, ShapeError, UnknownNameError


def test_there_are_eighteen_scenarios():
    assert len(SCENARIOS) == 18
    assert len(CORE_SCENARIOS) == 12 and CORE_SCENARIOS[:3] == ("default", "easy", "hard")
    assert CORE_SCENARIOS[3:] == RESEARCH_SCENARIOS


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("default-v1", "9315a158ca5aedebae08b18d412509e480d2808d54ee9ffb34587b6413de84c7"),
        ("rest_trap-v1", "7fc1ea569029fe952101dfb77b6f80ad8c85efec0e3483a4cd4b6aeb9c6ef7e2"),
    ],
)
def test_fingerprints_are_the_original_s(name, expected):
    assert scenario(name).fingerprint() == f"sha256:{expected}"


def test_a_fingerprint_sees_every_original_field_and_no_added_one():
    default = scenario("default")
    assert default.replace(reward_rest=0.25).fingerprint() != default.fingerprint()
    assert default.replace(max_nights=7).fingerprint() == default.fingerprint()


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_goes_through_json_and_back(name):
    original = scenario(name)
    assert Scenario.from_dict(json.loads(json.dumps(original.to_dict()))) == original
    assert hash(original) == hash(Scenario.from_dict(original.to_dict()))


def test_a_field_can_be_replaced():
    changed = scenario("hard", num_houses=6, min_nights=3)
    assert (changed.num_houses, changed.min_nights) == (6, 3)
    assert changed.replace(num_houses=10, min_nights=15) == SCENARIOS["hard"]


def test_who_owns_and_lives_where():
    assert scenario("default").owners == (0, 1, 2, 3, 0, 1, 2, 3, 0, 1)
    assert scenario("default").homes == (0, 1, 2, 3)
    assert scenario("positional_default").homes == (0, 3, 5, 8)
    assert scenario("v2_minimal").homes == (0, 1, 0, 1)
    assert scenario("default").for_agents(3).per_agent("penalty_own_house_burns") == (40.0,) * 3


def test_inert_fields_name_the_dead_spread():
    default = scenario("default")
    assert "prob_fire_spreads_to_neighbor" in default.inert_fields
    assert "prob_fire_spreads_to_neighbor" not in default.replace(phase_order="spread_first").inert_fields
    assert "prob_fire_spreads_to_neighbor" not in scenario("default_continuous").inert_fields


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"num_house": 3}, UnknownNameError, "unknown scenario field 'num_house'; did you mean 'num_houses'"),
        ({"num_agents": 0}, InvalidInputError, "Scenario.num_agents: expected between 1 and 255, got 0"),
        ({"num_agents": True}, DtypeError, "Scenario.num_agents: expected an integer"),
        ({"num_houses": 1}, InvalidInputError, "Scenario.num_houses: expected between 2 and 255, got 1"),
        ({"num_houses": 256}, InvalidInputError, "got 256"),
        ({"min_nights": -1}, InvalidInputError, "Scenario.min_nights: expected between 0"),
        ({"max_nights": 0}, InvalidInputError, "Scenario.max_nights: expected between 1"),
        ({"prob_fire_spreads_to_neighbor": 1.5}, InvalidInputError, "expected a number from 0 to 1, got 1.5"),
        ({"prob_house_catches_fire": float("nan")}, InvalidInputError, "prob_house_catches_fire"),
        ({"reward_rest": float("inf")}, InvalidInputError, "Scenario.reward_rest: expected a finite number"),
        ({"reward_rest": 1e39}, InvalidInputError, "Scenario.reward_rest"),
        ({"reward_rest": "0.5"}, DtypeError, "Scenario.reward_rest"),
        ({"penalty_own_house_burns": -10}, InvalidInputError, "Scenario.penalty_own_house_burns: expected a number >= 0"),
        ({"penalty_own_house_burns": [1, 2, 3]}, ShapeError, "expected one number or 4, one per agent, got 3"),
        ({"penalty_own_house_burns": [1, [2], 3, 4]}, ShapeError, "expected one number or 4, one per agent, got rows"),
        ({"penalty_own_house_burns": np.ones((4, 2))}, ShapeError, "got rows"),
        ({"penalty_own_house_burns": np.array(3.0)}, DtypeError, "penalty_own_house_burns"),
        ({"penalty_own_house_burns": [1, 2, 3, -4]}, InvalidInputError, "penalty_own_house_burns[3]"),
        ({"cost_to_work_one_night": -0.5}, InvalidInputError, "cost_to_work_one_night"),
        ({"agent_home_positions": [0, 1]}, ShapeError, "expected 4 houses, one per agent, or none, got 2"),
        ({"agent_home_positions": [0, 1, 2, 10]}, InvalidInputError, "agent_home_positions[3]: expected between 0 and 9"),
        ({"agent_home_positions": 3}, DtypeError, "expected a list of houses"),
        ({"extinguish_mode": "poisson"}, InvalidInputError, "allowed values: 'bernoulli', 'continuous'"),
        ({"distance_metric": "euclidean"}, InvalidInputError, "allowed values: 'ring_arc'"),
        ({"termination": []}, InvalidInputError, "Scenario.termination=[] is not supported"),
    ],
)  # fmt: skip
def test_what_no_game_can_be_played_with_is_refused(changes, error, message):
    with pytest.raises(error) as caught:
        scenario("default", **changes)
    assert message in str(caught.value)


def test_names_that_do_not_exist_are_refused():
    with pytest.raises(UnknownNameError, match="unknown scenario 'rest_trp'; did you mean 'rest_trap'") as caught:
        scenario("rest_trp")
    assert isinstance(caught.value, ValueError)
    for name in ("default_continuous-v1", "default-v2"):
        with pytest.raises(UnknownNameError):
            scenario(name)
    with pytest.raises(UnknownNameError, match="did you mean 'hero'"):
        archetype("hro")


def test_a_dictionary_must_be_complete_and_known():
    values = scenario("default").to_dict()
    values.pop("min_nights")
    with pytest.raises(InvalidInputError, match="Scenario.min_nights: required, but not given"):
        Scenario.from_dict(values)
    with pytest.raises(DtypeError, match="expected a dictionary, got list"):
        Scenario.from_dict([1, 2])


def test_random_scenarios_are_numpy_s_for_the_same_seed():
    draw = np.random.RandomState(3)
    spark = draw.uniform(0.01, 0.05)
    expected = [draw.choice([0.0, spark]), draw.uniform(0.15, 0.35), draw.uniform(0.4, 0.6), draw.randint(10, 20)]
    found = random_scenario(5, seed=3)
    assert found.num_agents == 5
    assert expected == [
        found.prob_house_catches_fire, found.prob_fire_spreads_to_neighbor, found.prob_solo_agent_extinguishes_fire,
        found.min_nights,
    ]  # fmt: skip
    with pytest.raises(InvalidInputError, match="seed: expected at most 4294967295"):
        random_scenario(4, seed=2**32)


def test_archetypes_are_vectors_of_ten():
    assert sorted(ARCHETYPES) == ["coordinator", "firefighter", "free_rider", "hero", "liar"]
    assert np.array_equal(archetype("HERO"), ARCHETYPES["hero"])
    expected = {"firefighter": 0.9, "free_rider": 0.02, "hero": 1.0, "coordinator": 0.48, "liar": 0.42}
    assert {name: pytest.approx(work_probability(name)) for name in ARCHETYPES} == expected
    with pytest.raises(ValueError, match="read-only"):
        ARCHETYPES["hero"][0] = 0.0


def test_strategies_are_checked():
    assert parameters("hero", honesty=0.25)[:2].tolist() == [0.25, 1.0]
    assert parameters(work_tendency=0.5).tolist() == [0, 0.5, 0, 0, 0, 0, 0, 0, 0, 0]
    with pytest.raises(ShapeError, match="expected shape (10,), got (9,)".replace("(", r"\(").replace(")", r"\)")):
        strategy([0.5] * 9)
    with pytest.raises(InvalidInputError, match=r"params\[3\] \(own_house_priority\): expected 0 to 1, got 1.5"):
        strategy([0, 0, 0, 1.5, 0, 0, 0, 0, 0, 0])
    with pytest.raises(InvalidInputError, match="got nan"):
        strategy([np.nan] * 10)
    with pytest.raises(UnknownNameError, match="did you mean 'honesty'"):
        parameters(honest=1)
