"""Fitness of Bucket Brigade: the original's numbers digit by digit, and batches that equal single games."""

from __future__ import annotations

import numpy as np
import pytest
from brigade_support import VECTORS

from marl_ffi.bucket_brigade import ARCHETYPES, FitnessEvaluator, run_heuristic_episode, scenario
from marl_ffi.errors import DtypeError, InvalidInputError, ShapeError, UnknownNameError
from marl_ffi.reference.bucket_brigade.agents import LegacyDecisions, decide
from marl_ffi.reference.bucket_brigade.episodes import Episode

RECORDED = VECTORS["fitness"]


@pytest.mark.parametrize(("name", "archetype", "value"), RECORDED["rows"])
def test_recorded_fitness(name, archetype, value):
    evaluator = FitnessEvaluator(
        name, 4, RECORDED["games_per_individual"], RECORDED["seed"], decisions="original"
    )
    assert evaluator.evaluate([archetype]).means.tolist() == [value]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("default", [8049.5, -17806.2, 9428.6, -129.8, 494.05]),
        ("trivial_cooperation", [5179.3, 5225.1, 5174.0, 5202.05, 5205.5]),
    ],
)
def test_published_fitness(name, values):
    got = [FitnessEvaluator(name, 4, 20, 42, decisions="original").evaluate([each]).means[0] for each in ARCHETYPES]
    assert got == pytest.approx(values, abs=0.06)


def test_a_team_is_the_sum_over_its_copies():
    evaluator = FitnessEvaluator("hard", games_per_individual=6, seed=2)
    genomes = np.random.default_rng(0).random((3, 10))
    got = evaluator(genomes, 11)
    seeds = np.random.default_rng([11, 2]).integers(0, 2**63, 6, np.uint64).tolist()
    for k, genome in enumerate(genomes):
        profile = np.repeat(genome[None], 4, axis=0)
        teams = [
            run_heuristic_episode("hard", profile, seed, decisions="independent")[0].astype(float).sum() for seed in seeds
        ]
        assert got.means[k] == pytest.approx(np.mean(teams), rel=1e-12)
        assert got.standard_errors[k] == pytest.approx(np.std(teams, ddof=1) / np.sqrt(6), rel=1e-12)
    assert "points per team" in repr(got)


def test_a_candidate_among_others_is_measured_alone():
    evaluator = FitnessEvaluator("default", games_per_individual=400, seed=2, team="heterogeneous", opponents=["free_rider"])
    rider, hero = evaluator(["free_rider", "hero"], 5).means
    assert hero - rider > 500  # the only one who fights, in a town of free riders
    alike = FitnessEvaluator("default", games_per_individual=400, seed=2)(["free_rider"], 5).means[0] / 4
    assert rider == pytest.approx(alike, abs=600)
    assert "points per candidate" in evaluator.units


def test_a_candidate_among_others_in_the_original():
    """Always in seat 0, beside teammates of one stream that goes on, in games 0, 1, 2, ... of every evaluation."""
    evaluator = FitnessEvaluator("hard", 4, 5, 42, team="heterogeneous", decisions="original")
    got = [evaluator.evaluate(["liar"]).means[0], evaluator.evaluate(["hero"]).means[0]]
    mates = np.random.RandomState(42)
    expected = []
    for candidate in ("liar", "hero"):
        total = 0.0
        for seed in range(5):
            others = mates.choice(["firefighter", "free_rider", "hero", "coordinator"], size=3, replace=True)
            team = [ARCHETYPES[name] for name in (candidate, *others)]
            game, draws = Episode(scenario("hard"), seed), LegacyDecisions(seed)
            while not game.over:
                actions = [decide(each, i, game.town.houses, draws, False) for i, each in enumerate(team)]
                total += float(game.step(np.array(actions, np.uint8))[0])
        expected.append(total / 5)
    assert got == expected


def test_all_candidates_play_the_same_games():
    evaluator = FitnessEvaluator("default", games_per_individual=50, seed=0, team="heterogeneous")
    one, two = evaluator(["hero", "hero"], 3).means
    assert one == two == evaluator(["hero"], 3).means[0]
    assert evaluator(["hero"], 4).means[0] != one


def test_evaluate_goes_on_and_can_be_repeated():
    runs = []
    for _ in range(2):
        evaluator = FitnessEvaluator("default", games_per_individual=20, seed=9)
        runs.append([evaluator.evaluate(["hero"]).means[0] for _ in range(3)])
    assert runs[0] == runs[1] and len(set(runs[0])) == 3


def test_unseeded_evaluators_differ():
    one, two = FitnessEvaluator("default"), FitnessEvaluator("default")
    assert one.seed != two.seed and one.evaluate(["liar"]).means[0] != two.evaluate(["liar"]).means[0]


def test_fields_of_a_scenario_count():
    town = scenario("default", reward_rest=5.0)
    base = FitnessEvaluator("default", seed=1)(["coordinator"], 1).means[0]
    assert FitnessEvaluator(town, seed=1)(["coordinator"], 1).means[0] > base


@pytest.mark.parametrize(
    ("error", "settings", "message"),
    [
        (UnknownNameError, {"scenario": "trivial_coperation"}, "did you mean 'trivial_cooperation'"),
        (InvalidInputError, {"games_per_individual": 1}, "games_per_individual"),
        (InvalidInputError, {"team": "mixed"}, "team: expected one of"),
        (InvalidInputError, {"decisions": "orginal"}, "decisions"),
        (UnknownNameError, {"opponents": ["heroo"]}, "did you mean 'hero'"),
        (InvalidInputError, {"seed": 2**64}, "seed"),
        (InvalidInputError, {"num_agents": 0}, "num_agents"),
    ],
)
def test_wrong_evaluators(error, settings, message):
    with pytest.raises(error, match=message):
        FitnessEvaluator(**settings)


@pytest.mark.parametrize(
    ("error", "genomes", "message"),
    [
        (ShapeError, np.zeros((2, 9)), r"\(10,\)"),
        (ShapeError, [], "at least one"),
        (InvalidInputError, np.full((1, 10), 1.5), "expected 0 to 1"),
        (InvalidInputError, np.full((1, 10), np.nan), "nan"),
        (DtypeError, [[None] * 10], "archetype or 10 numbers|expected"),
    ],
)
def test_wrong_genomes(error, genomes, message):
    with pytest.raises((error, InvalidInputError), match=message):
        FitnessEvaluator("default", seed=0).evaluate(genomes)
