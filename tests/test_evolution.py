"""The genetic algorithm and CMA-ES: operators, runs on problems with known answers, and runs that are resumed."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from marl_ffi import evolution
from marl_ffi.bucket_brigade import ARCHETYPES, FitnessEvaluator, work_probability
from marl_ffi.errors import DtypeError, InvalidInputError, ShapeError
from marl_ffi.evolution import operators
from marl_ffi.evolution._state import Estimates

QUIET = {"show_progress": False}


class Hill:
    """Fitness falls with the distance from a point, under noise that all genomes of a call share in part."""

    units, games_per_individual = "metres", 10

    def __init__(self, top=0.7, noise=0.05, dimensions=3):
        self.top, self.noise, self.dimensions = top, noise, dimensions
        self.calls = []

    def __call__(self, genomes, seed, num_games=None):
        games = num_games or self.games_per_individual
        rng = np.random.default_rng(seed)
        self.calls.append((len(genomes), seed, games))
        values = -np.abs(np.asarray(genomes) - self.top).sum(axis=1)[:, None]
        values = values + rng.normal(0, self.noise, games) + rng.normal(0, self.noise, (len(genomes), games))
        errors = values.std(axis=1, ddof=1) / np.sqrt(games)
        return SimpleNamespace(means=values.mean(axis=1), standard_errors=errors, num_games=games)


# ------------------------------------------------------------------------------------------------------------
# Operators


def shares(strategy, fitness, size=3, count=20_000):
    rng = np.random.default_rng(0)
    chosen = operators.select(np.array(fitness, float), count, strategy, size, rng)
    return np.bincount(chosen, minlength=len(fitness)) / count


def test_tournaments():
    """The fittest of 2 out of 4 without replacement: chances 3, 2, 1, 0 in 6."""
    np.testing.assert_allclose(shares("tournament", [4, 3, 2, 1], 2), [3 / 6, 2 / 6, 1 / 6, 0], atol=0.015)
    assert shares("tournament", [1, 5, 3], 3)[1] == 1


def test_roulette():
    np.testing.assert_allclose(shares("roulette", [1, 3, 0]), [1 / 4, 3 / 4, 0], atol=0.015)
    # negative fitness is shifted: the worst almost never
    np.testing.assert_allclose(shares("roulette", [-2, -1, 1]), [0, 1 / 4, 3 / 4], atol=0.015)
    np.testing.assert_allclose(shares("roulette", [0, 0, 0]), 1 / 3, atol=0.015)


def test_ranks():
    np.testing.assert_allclose(shares("rank", [10, 1e6, -5]), [2 / 6, 3 / 6, 1 / 6], atol=0.015)


@pytest.mark.parametrize("strategy", operators.CROSSOVERS)
def test_crossovers(strategy):
    rng = np.random.default_rng(1)
    one, two = np.zeros(10), np.ones(10)
    points = set()
    for _ in range(300):
        first, second = operators.crossover(one, two, strategy, 0.25, rng)
        np.testing.assert_allclose(first + second, 1)  # nothing is lost
        if strategy == "arithmetic":
            np.testing.assert_allclose(first, 0.75)
        else:
            assert set(first) <= {0.0, 1.0}
        points.add(int(first.sum()))
        if strategy == "single_point":
            assert (np.diff(first) >= 0).all() and 1 <= first.sum() <= 9
    if strategy != "arithmetic":
        assert {1, 9} <= points if strategy == "single_point" else {3, 7} <= points


@pytest.mark.parametrize("strategy", operators.MUTATIONS)
def test_mutations(strategy):
    rng = np.random.default_rng(2)
    genome = np.full(10, 0.5)
    made = np.array([operators.mutate(genome, strategy, 0.2, 0.1, rng) for _ in range(3000)])
    changed = made != genome
    assert changed.mean() == pytest.approx(0.2, abs=0.01)
    assert made[changed].std() == pytest.approx(1 / np.sqrt(12) if strategy == "uniform" else 0.1, rel=0.05)
    edge = np.array([operators.mutate(np.ones(10), strategy, 1.0, 5.0, rng) for _ in range(50)])
    assert edge.min() >= 0 and edge.max() <= 1
    assert (operators.mutate(genome, strategy, 0.0, 0.1, rng) == genome).all()


def test_diversity():
    assert operators.diversity(np.array([[0.0, 0], [3, 4], [0, 0]])) == pytest.approx(10 / 3)
    assert operators.diversity(np.zeros((1, 3))) == 0


# ------------------------------------------------------------------------------------------------------------
# Runs


@pytest.mark.parametrize(
    ("method", "selection"), [("ga", "tournament"), ("ga", "roulette"), ("ga", "rank"), ("cma", "tournament")]
)
def test_the_top_is_found(method, selection):
    found = evolution.evolve(
        Hill(), dimensions=3, method=method, population_size=30, num_generations=30, patience=None,
        mutation_rate=0.3, selection=selection, seed=1, **QUIET,
    )  # fmt: skip
    np.testing.assert_allclose(found.best, 0.7, atol=0.15 if method == "ga" else 0.05)
    assert found.num_generations == 31 and found.converged_at is None
    assert found.history[0].generation == 0 and found.history[-1].best > found.history[0].best


@pytest.mark.parametrize("crossover", operators.CROSSOVERS)
@pytest.mark.parametrize("mutation", operators.MUTATIONS)
def test_every_operator_climbs(crossover, mutation):
    found = evolution.evolve(
        Hill(), dimensions=3, population_size=20, num_generations=15, crossover=crossover, mutation=mutation,
        adaptive_rates=(0.5, 0.1), patience=None, seed=3, **QUIET,
    )  # fmt: skip
    assert found.fitness > -0.2 and found.history[0].best < -0.3


def test_the_reported_fitness_is_of_games_that_chose_nobody():
    """With noise only, the best that selection saw is far too high, and the report is right."""
    hill = Hill(noise=1.0, top=0.5)
    found = evolution.evolve(hill, dimensions=1, population_size=40, num_generations=3, elites="keep", seed=0, **QUIET)
    truth = -abs(found.best[0] - 0.5)
    assert abs(found.fitness - truth) < 4 * found.standard_error
    assert found.history[-1].best > truth + 0.3
    *_, (candidates, first, games), (one, second, again) = hill.calls
    assert candidates == 5 and one == 1 and games == again == 200 and first != second
    assert {first, second}.isdisjoint(seed for _, seed, _ in hill.calls[:-2])


def test_elites_that_keep_their_estimate_are_not_played_again():
    hill = Hill()
    kept = evolution.evolve(
        hill, dimensions=2, population_size=10, elite_size=4, num_generations=3, elites="keep", patience=None, seed=0,
        **QUIET,
    )  # fmt: skip
    assert [count for count, *_ in hill.calls] == [10, 6, 6, 6, 4, 1]
    assert [each.evaluations for each in kept.history] == [10, 6, 6, 6]
    best = [each.best for each in kept.history]
    assert best == sorted(best)  # the first of equals stays the best for ever, however lucky it was


def test_elites_that_play_on_get_surer():
    """Games of two generations count as one longer measurement."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(5, 2, (3, 40)), rng.normal(5, 2, (3, 60))
    known, both = Estimates.none(3), np.hstack([first, second])
    for games in (first, second):
        known.add(np.arange(3), games.mean(axis=1), games.std(axis=1, ddof=1) / np.sqrt(games.shape[1]), games.shape[1])
    np.testing.assert_allclose(known.means, both.mean(axis=1))
    np.testing.assert_allclose(known.errors, both.std(axis=1, ddof=1) / 10, rtol=0.05)
    assert known.games.tolist() == [100, 100, 100]
    hill = Hill()
    evolution.evolve(
        hill, dimensions=2, population_size=10, elite_size=4, num_generations=2, patience=None, seed=0, **QUIET
    )
    assert [count for count, *_ in hill.calls] == [10, 10, 10, 4, 1]


def test_a_run_that_gains_nothing_stops():
    found = evolution.evolve(
        Hill(), dimensions=2, population_size=20, num_generations=200, patience=5, seed=0, **QUIET
    )
    assert found.converged_at is not None and found.converged_at + 1 == found.num_generations < 100


def test_little_diversity_brings_newcomers():
    settings = {"dimensions": 2, "population_size": 20, "mutation_rate": 0.0, "num_generations": 6, "patience": None}
    same = np.full((20, 2), 0.3)
    closed = evolution.evolve(Hill(), initial=same, min_diversity=0.0, seed=0, **settings, **QUIET)
    opened = evolution.evolve(Hill(), initial=same, min_diversity=0.5, seed=0, **settings, **QUIET)
    assert (closed.best == 0.3).all() and closed.history[-1].diversity == 0
    assert (opened.best != 0.3).any() and opened.history[1].diversity > 0


def test_it_starts_where_it_is_told():
    start = np.full((1, 3), 0.7)
    for method in evolution.METHODS:
        found = evolution.evolve(
            Hill(noise=1e-6), method=method, dimensions=3, initial=start, num_generations=0, population_size=8, seed=1,
            **QUIET,
        )  # fmt: skip
        # CMA-ES starts around it, the genetic algorithm with it
        assert found.fitness == pytest.approx(0, abs=1e-5) if method == "ga" else found.fitness > -1


@pytest.mark.parametrize("method", evolution.METHODS)
def test_a_stopped_run_goes_on_bit_for_bit(method, tmp_path):
    fitness = FitnessEvaluator("default", games_per_individual=10, seed=0)
    settings = {"method": method, "population_size": 12, "patience": None, **QUIET}
    whole = evolution.evolve(fitness, num_generations=6, seed=5, **settings)
    file = tmp_path / "run.json"
    for generations in (0, 2, 6):
        seed = 5 if generations == 0 else None  # from then on it is in the file
        pieces = evolution.evolve(fitness, num_generations=generations, checkpoint=file, seed=seed, **settings)
    assert pieces.to_dict() == whole.to_dict()
    assert (pieces.population == whole.population).all()
    # one that is through only reports
    again = evolution.evolve(fitness, num_generations=6, checkpoint=file, **settings)
    assert again.to_dict() == whole.to_dict()
    assert list(tmp_path.iterdir()) == [file]


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    file = tmp_path / "run.json"
    settings = {"dimensions": 2, "population_size": 8, "num_generations": 1, **QUIET}
    evolution.evolve(Hill(), checkpoint=file, seed=1, **settings)
    for changes, message in (
        ({"mutation_rate": 0.2}, "mutation_rate=0.1, not 0.2"),
        ({"population_size": 9}, "population_size"),
        ({"seed": 2}, "seed 1, not 2"),
        ({"method": "cma"}, "method"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            evolution.evolve(Hill(), checkpoint=file, **{**settings, **changes})
    good = json.loads(file.read_text())
    for broken in ("", "{}", "[1]", json.dumps({**good, "version": 2}), json.dumps({**good, "rng": 5})):
        file.write_text(broken)
        with pytest.raises(InvalidInputError, match=r"run\.json"):
            evolution.evolve(Hill(), checkpoint=file, **settings)


def test_runs_are_reproducible_and_unseeded_ones_differ():
    one, two, other = (
        evolution.evolve(Hill(), dimensions=2, population_size=8, num_generations=2, seed=seed, **QUIET)
        for seed in (1, 1, None)
    )
    assert one.to_dict() == two.to_dict() != other.to_dict()
    again = evolution.evolve(Hill(), dimensions=2, population_size=8, num_generations=2, seed=other.seed, **QUIET)
    assert again.to_dict() == other.to_dict()


def test_callback_sees_every_generation():
    seen = []
    found = evolution.evolve(Hill(), dimensions=2, population_size=8, num_generations=3, callback=seen.append, **QUIET)
    assert tuple(seen) == found.history


def test_evolution_of_bucket_brigade():
    """In the default scenario it pays a team to work nearly always."""
    fitness = FitnessEvaluator("default", games_per_individual=60, seed=0)
    found = evolution.evolve(fitness, population_size=30, num_generations=12, patience=None, seed=1, **QUIET)
    hero = fitness([ARCHETYPES["hero"]], 1, 2000)
    assert found.fitness > hero.means[0] - 4 * np.hypot(hero.standard_errors[0], found.standard_error)
    assert work_probability(found.best) > 0.75


def test_files_and_pictures(tmp_path):
    found = evolution.evolve(Hill(), dimensions=2, population_size=8, num_generations=3, seed=1, **QUIET)
    found.to_csv(tmp_path / "history.csv")
    rows = (tmp_path / "history.csv").read_text().splitlines()
    assert rows[0].startswith("generation,best,") and len(rows) == 5
    figure = found.plot(tmp_path / "run.png", references={"a": -0.5, "b": -0.51, "far away": -99.0})
    assert (tmp_path / "run.png").read_bytes()[:4] == b"\x89PNG"
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert texts == ["b", "a"]
    assert "metres" in figure.axes[0].get_title(loc="left") and "metres" in repr(found)


# ------------------------------------------------------------------------------------------------------------
# Bad input


@pytest.mark.parametrize(
    ("error", "settings", "message"),
    [
        (InvalidInputError, {"population_size": 1}, "population_size"),
        (InvalidInputError, {"elite_size": 8}, "elite_size"),
        (InvalidInputError, {"tournament_size": 9}, "tournament_size"),
        (InvalidInputError, {"num_generations": -1}, "num_generations"),
        (InvalidInputError, {"method": "sgd"}, "method: expected one of"),
        (InvalidInputError, {"selection": "best"}, "selection"),
        (InvalidInputError, {"crossover": "two_point"}, "crossover"),
        (InvalidInputError, {"mutation": "bitflip"}, "mutation"),
        (InvalidInputError, {"elites": "forget"}, "elites"),
        (InvalidInputError, {"mutation_rate": 1.5}, "mutation_rate"),
        (InvalidInputError, {"crossover_rate": np.nan}, "crossover_rate"),
        (DtypeError, {"mutation_scale": "big"}, "mutation_scale"),
        (ShapeError, {"adaptive_rates": (0.1,)}, "adaptive_rates"),
        (InvalidInputError, {"patience": 0}, "patience"),
        (InvalidInputError, {"seed": -1}, "seed"),
        (ShapeError, {"initial": np.zeros((9, 2))}, "initial"),
        (ShapeError, {"initial": np.zeros((2, 3))}, "initial"),
        (InvalidInputError, {"initial": [[0.5, 1.5]]}, "genes from 0 to 1"),
        (InvalidInputError, {"method": "cma", "dimensions": 1}, "2 dimensions"),
    ],
)
def test_wrong_settings(error, settings, message):
    hill = Hill()
    with pytest.raises(error, match=message):
        evolution.evolve(hill, **{"dimensions": 2, "population_size": 8, **settings}, **QUIET)
    assert hill.calls == []


def test_a_fitness_that_is_no_number():
    class Broken(Hill):
        def __call__(self, genomes, seed, num_games=None):
            got = super().__call__(genomes, seed, num_games)
            got.means[0] = np.nan
            return got

    with pytest.raises(InvalidInputError, match="finite"):
        evolution.evolve(Broken(), dimensions=2, population_size=8, num_generations=1, **QUIET)


def test_cma_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "cma", None)
    with pytest.raises(ModuleNotFoundError, match=r"cma: pip install marl_ffi\[evolution\]"):
        evolution.evolve(Hill(), dimensions=2, method="cma", **QUIET)
