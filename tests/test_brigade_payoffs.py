"""Payoffs of Bucket Brigade: the original's numbers digit by digit, and what ours have to be instead."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from brigade_support import VECTORS

from marl_ffi import game_theory as gt
from marl_ffi.bucket_brigade import (
    ARCHETYPES,
    EffectiveSpace,
    PayoffEvaluator,
    run_heuristic_episodes,
    scenario,
)
from marl_ffi.errors import DtypeError, InvalidInputError, ShapeError, UnknownNameError

MATRICES = VECTORS["core_payoff_matrix"]
POOL = ["firefighter", "free_rider", "hero", "coordinator"]
TWO = ["firefighter", "free_rider"]


def original(name, count, seed):
    return PayoffEvaluator(name, count, seed, seeds="original")


# ------------------------------------------------------------------------------------------------------------
# The original's numbers


@pytest.mark.parametrize("name", MATRICES["matrices"])
def test_payoff_matrices(name):
    evaluator = original(name, MATRICES["num_simulations"], MATRICES["seed"])
    got = evaluator.payoff_matrix(MATRICES["order"])
    assert got.values.tolist() == MATRICES["matrices"][name]
    assert got.names == tuple(MATRICES["order"]) and np.asarray(got).shape == (4, 4)


@pytest.mark.parametrize(
    ("name", "played", "value"),
    [
        ("default", {"hero": 1}, 2268.532501220703),
        ("early_containment", {"firefighter": 1}, 2565.775),
        ("easy", {"free_rider": 1}, 1844.2249995422362),
        ("hard", {"free_rider": 0.034782816228362365, "coordinator": 0.9652171837716377}, -2396.5554066411028),
        ("overcrowding", {"hero": 1}, 539.3425802230835),
        ("sparse_heroics", {"firefighter": 1}, 3990.0725415039065),
    ],
)
def test_first_iterations_of_its_double_oracle(name, played, value):
    """Matrix, linear program, and the mixture's value with the seeds that follow."""
    evaluator = original(name, 200, 42)
    found = gt.maxmin(evaluator.payoff_matrix(POOL).values, names=POOL)
    got = {name: p for name, p in zip(POOL, found.probabilities) if p > 1e-6}
    assert got == pytest.approx(played, rel=1e-9)
    shares = {POOL.index(name): p for name, p in played.items()}
    assert evaluator.mixture_vs_mixture(shares, shares, POOL).mean == pytest.approx(value, rel=1e-12)


def test_the_matrix_by_single_payoffs():
    """Entry by entry, row by row, the seeds are those of the whole matrix."""
    evaluator, whole = original("default", 50, 3), original("default", 50, 3).payoff_matrix(TWO)
    for (i, one), (j, other) in itertools.product(enumerate(TWO), repeat=2):
        got = evaluator.symmetric(one, other)
        assert got.mean == whole.values[i, j] and got.standard_error == whole.standard_errors[i, j]
    evaluator, again = original("default", 50, 3), original("default", 50, 3)
    mixed = evaluator.against_mixture("hero", {0: 0.25, 1: 0.75}, TWO)
    assert float(mixed) == 0.25 * float(again.symmetric("hero", TWO[0])) + 0.75 * float(again.symmetric("hero", TWO[1]))


@pytest.mark.parametrize(
    ("profile", "means"),
    [
        (["firefighter", "hero", "hero", "firefighter"], [25.008, 11.9621, 82.2121, 89.58055]),
        (["hero", "firefighter", "firefighter", "firefighter"], [0.715925, 10.226725, 74.353725, 76.761225]),
    ],
)
def test_profiles_of_the_phase_diagram(profile, means):
    evaluator = original("asym_b05_k09_c05", 2, 42)
    params = np.array([[ARCHETYPES[name] for name in profile]])
    scores = evaluator.simulate(params, evaluator.deviation_seeds(20_000)).astype(float)
    assert scores[0].mean(axis=0).tolist() == pytest.approx(means, rel=1e-9)


def test_a_vector_of_the_rest_trap():
    evaluator = original("rest_trap", 1000, 42)
    profile = np.tile([1, 0.2, 0, 1, 0, 0, 0, 0, 0, 0], (1, 4, 1))
    got = evaluator.simulate(profile, evaluator.draw_seeds(1000)).astype(float)[0].mean(axis=0)
    assert got.tolist() == [1906.472065639496, 1913.9291608924866, 1961.1298564567567, 1965.3159708251953]


def test_free_riders_of_the_rest_trap():
    """The table of all 16 profiles, and the equilibrium of independent mixing."""
    game = original("rest_trap", 6000, 7).payoff_table(TWO)
    rows = [[1620.8, 1848.0, 2278.3, 2871.5], [1859.6, 2293.1, 2896.6, -971.3]]
    np.testing.assert_allclose(game.payoffs, rows, atol=0.051)
    assert 15 < game.standard_errors.mean() < 30
    [found] = gt.symmetric_nash(game)
    assert found.distribution["free_rider"] == pytest.approx(0.482, abs=0.01)
    assert found.payoff == pytest.approx(2086, abs=1)
    assert found.regret < 1e-6 and 0.001 < found.probabilities_standard_errors[1] < 0.01


# ------------------------------------------------------------------------------------------------------------
# Statistics: another generator of decisions, other seeds, the same game


@pytest.mark.parametrize("name", VECTORS["core_homogeneous"]["rows"])
def test_homogeneous_teams(name):
    """Means of 10,000 games, within 3 combined standard errors."""
    seeds = np.random.default_rng(1).integers(0, 2**63, 3000, np.uint64)
    misses = []
    for archetype, row in VECTORS["core_homogeneous"]["rows"][name].items():
        profile = np.repeat(ARCHETYPES[archetype][None], 4, axis=0)
        scores = run_heuristic_episodes(name, profile, seeds, decisions="independent")[0].astype(float).mean(axis=1)
        error = np.hypot(row["se"], scores.std(ddof=1) / np.sqrt(len(scores)))
        misses.append(abs(scores.mean() - row["mean_per_agent"]) / max(error, 1e-9))
    assert max(misses) < 3, misses


@pytest.mark.parametrize(
    ("name", "profile", "mean", "error"),
    [
        ("rest_trap", ["free_rider", "free_rider", "free_rider", "firefighter"], 2879.6, 34),
        ("minimal_specialization", ["hero"] * 4, -795.89, 13.4),
    ],
)
def test_published_profiles(name, profile, mean, error):
    evaluator = PayoffEvaluator(name, 2, 5)
    params = np.array([[ARCHETYPES[each] for each in profile]])
    scores = evaluator.simulate(params, evaluator.draw_seeds(4000))[0].astype(float).mean(axis=1)
    noise = np.hypot(error, scores.std() / np.sqrt(len(scores)))
    assert abs(scores.mean() - mean) < 3 * noise


def test_payoffs_depend_on_two_numbers_only():
    evaluator = PayoffEvaluator("default", 30, 1)
    base = ARCHETYPES["coordinator"]
    value = float(evaluator.symmetric(base, "hero"))
    for index in (0, 2, 4, 5, 6, 7, 9):
        other = base.copy()
        other[index] = 1 - other[index]
        assert float(evaluator.symmetric(other, "hero")) == value
    effective = evaluator.space.strategies(EffectiveSpace.point(base))[0]
    assert float(evaluator.symmetric(effective, "hero")) == pytest.approx(value, rel=1e-12)


# ------------------------------------------------------------------------------------------------------------
# Ours


def brute_force_table(evaluator, pool, seeds):
    """u(strategy, counts) from single games: every seat, every arrangement, one call each."""
    size, players = len(pool), evaluator.num_players
    counts = gt.opponent_counts(players, size)
    table = np.zeros((size, len(counts)))
    for (i, strategy), (c, row) in itertools.product(enumerate(pool), enumerate(counts.tolist())):
        others = [k for k, count in enumerate(row) for _ in range(count)]
        means = []
        for arrangement in set(itertools.permutations(others)):
            for seat in range(players):
                profile = [pool[k] for k in arrangement]
                profile.insert(seat, strategy)
                scores = evaluator.simulate(np.array([profile]), seeds)
                means.append(scores[0, :, seat].astype(float).mean())
        table[i, c] = np.mean(means)
    return table


@pytest.mark.parametrize(("players", "size"), [(2, 3), (3, 3), (4, 2)])
def test_a_payoff_table_is_the_mean_over_seats_and_arrangements(players, size):
    evaluator = PayoffEvaluator(scenario("default"), 7, 3, num_agents=players)
    pool = list(ARCHETYPES.values())[:size]
    game = evaluator.payoff_table(pool)
    np.testing.assert_allclose(game.payoffs, brute_force_table(evaluator, pool, evaluator._common), rtol=1e-12)
    assert game.samples.shape == (7, *game.payoffs.shape) and game.num_players == players


def test_a_table_grows_without_playing_again():
    evaluator = PayoffEvaluator("easy", 5, 3)
    pool = np.array(list(ARCHETYPES.values()))
    played = []

    class Watched:
        num_players, num_parameters, units = 4, 10, "points"

        def simulate(self, profiles, seeds):
            played.append(len(profiles))
            return evaluator.simulate(profiles, seeds)

    maker = gt.simulation.TableMaker(Watched(), evaluator.draw_seeds(5))
    maker.table(pool[:2])
    whole = maker.table(pool[:3])
    assert played == [16, 81 - 16]
    fresh = gt.simulation.TableMaker(evaluator, maker.seeds).table(pool[:3])
    np.testing.assert_allclose(whole.payoffs, fresh.payoffs, rtol=1e-12)
    other = maker.table(pool[2:4])  # not a continuation
    np.testing.assert_allclose(other.payoffs, gt.simulation.TableMaker(evaluator, maker.seeds).table(pool[2:4]).payoffs)


def test_mixtures_mix_independently():
    evaluator = PayoffEvaluator("rest_trap", 40, 2)
    game = evaluator.payoff_table(TWO)
    shares = np.array([0.3, 0.7])
    for k, name in enumerate(TWO):
        got = evaluator.against_mixture(name, {0: 0.3, 1: 0.7}, TWO)
        assert got.mean == pytest.approx(game.expected_payoffs(shares)[k], rel=1e-9)
    got = evaluator.mixture_vs_mixture([0.5, 0.5], shares, TWO)
    assert got.mean == pytest.approx(float(np.dot([0.5, 0.5], game.expected_payoffs(shares))), rel=1e-9)
    # all others playing the same draw, as in the original, is another thing
    alike = 0.3 * game.payoffs[0, 0] + 0.7 * game.payoffs[0, 3]
    assert abs(alike - game.expected_payoffs(shares)[0]) > 100


def test_common_random_numbers():
    """The same strategy twice differs by nothing; two alike ones by much less than either is uncertain."""
    evaluator = PayoffEvaluator("default", 200, 4)
    assert evaluator.symmetric("hero", "hero") == evaluator.symmetric("hero", "hero")
    matrix = evaluator.payoff_matrix({"a": "hero", "b": "hero"})
    assert (matrix.values == matrix.values[0, 0]).all()
    game = evaluator.payoff_table(["firefighter", "hero"])
    gain = game.gains_standard_errors([1, 0])[1]
    assert gain < 0.5 * np.hypot(*game.standard_errors[:, 0])


def test_seats_take_turns():
    """Seat 0 owns three houses, seat 3 two: the mean over seats is not that of seat 0."""
    evaluator = PayoffEvaluator("minimal_specialization", 400, 0)
    whole = evaluator.symmetric("hero", "free_rider")
    seeds = evaluator._common
    profile = np.repeat(ARCHETYPES["free_rider"][None], 4, axis=0)
    by_hand = []
    for k, seed in enumerate(seeds.tolist()):
        turn = profile.copy()
        turn[k % 4] = ARCHETYPES["hero"]
        by_hand.append(float(evaluator.simulate(turn[None], np.array([[seed]], np.uint64))[0, 0, k % 4]))
    assert whole.mean == pytest.approx(np.mean(by_hand), rel=1e-12)
    assert whole.standard_error == pytest.approx(np.std(by_hand, ddof=1) / 20, rel=1e-12)


def test_threads_do_not_matter():
    one, two = (PayoffEvaluator("default", 300, 4, num_threads=n).payoff_table(TWO) for n in (1, 2))
    assert (one.samples == two.samples).all()


def test_unseeded_evaluators_differ_and_say_their_seed():
    one, two = PayoffEvaluator("default", 20), PayoffEvaluator("default", 20)
    assert one.seed != two.seed
    again = PayoffEvaluator("default", 20, one.seed)
    assert again.symmetric("hero", "hero") == one.symmetric("hero", "hero") != two.symmetric("hero", "hero")
    assert f"seed={one.seed}" in repr(one)
    assert (again.draw_seeds(5) == one.draw_seeds(5)).all() and (one.draw_seeds(5) != again.draw_seeds(6)[1:]).any()


def test_the_whole_scenario_is_played():
    """Houses, rest, distance and limits are not dropped on the way to the engine."""
    base = PayoffEvaluator(scenario("default"), 50, 1).symmetric("firefighter", "coordinator").mean
    for changes in ({"reward_rest": 2.0}, {"num_houses": 5}, {"max_nights": 20}, {"distance_cost_alpha": 1.0}):
        assert PayoffEvaluator(scenario("default", **changes), 50, 1).symmetric("firefighter", "coordinator").mean != base
    assert "20 nights" in PayoffEvaluator(scenario("default", max_nights=20), 5, 1).units


def test_matrix_to_csv(tmp_path):
    matrix = PayoffEvaluator("default", 20, 1).payoff_matrix(TWO)
    matrix.to_csv(tmp_path / "matrix.csv")
    rows = [line.split(",") for line in (tmp_path / "matrix.csv").read_text().splitlines()]
    assert rows[0] == ["strategy", "others", "payoff", "standard_error"]
    assert [float(row[2]) for row in rows[1:]] == matrix.values.ravel().tolist()
    assert "points per agent and episode" in repr(matrix)


# ------------------------------------------------------------------------------------------------------------
# Bad input


@pytest.mark.parametrize(
    ("error", "settings", "message"),
    [
        (UnknownNameError, {"scenario": "rest_trop"}, "did you mean 'rest_trap'"),
        (DtypeError, {"scenario": 5}, "scenario"),
        (InvalidInputError, {"num_simulations": 1}, "num_simulations"),
        (DtypeError, {"num_simulations": 10.5}, "num_simulations"),
        (InvalidInputError, {"seed": -1}, "seed"),
        (InvalidInputError, {"seed": 2**32, "seeds": "original"}, "seed"),
        (InvalidInputError, {"seeds": "orginal"}, "seeds: expected one of"),
        (InvalidInputError, {"decisions": "mine"}, "decisions"),
        (InvalidInputError, {"num_agents": 1}, "num_agents"),
    ],
)
def test_wrong_evaluators(error, settings, message):
    with pytest.raises(error, match=message):
        PayoffEvaluator(**{"scenario": "default", **settings})


@pytest.mark.parametrize(
    ("error", "pool", "message"),
    [
        (UnknownNameError, ["heros"], "did you mean 'hero'"),
        (ShapeError, [], "at least one"),
        (ShapeError, [[0.5] * 9], r"strategy 0.*\(10,\)"),
        (InvalidInputError, [[0.5] * 9 + [1.1]], r"altruism.*1\.1"),
        (InvalidInputError, [[0.5] * 9 + [np.nan]], "nan"),
        (DtypeError, "hero", "sequence of strategies"),
        (DtypeError, 7, "sequence of strategies"),
    ],
)
def test_wrong_pools(error, pool, message):
    evaluator = PayoffEvaluator("default", 10, 0)
    for ask in (evaluator.payoff_table, evaluator.payoff_matrix):
        with pytest.raises(error, match=message):
            ask(pool)


@pytest.mark.parametrize(
    ("mixture", "message"), [([1], "2 probabilities"), ([0.5, 0.6], "sum 1"), ({2: 1}, "index"), ({0: -1, 1: 2}, "sum 1")]
)
def test_wrong_mixtures(mixture, message):
    with pytest.raises((ShapeError, InvalidInputError), match=message):
        PayoffEvaluator("default", 10, 0).against_mixture("hero", mixture, TWO)


def test_too_many_profiles():
    evaluator = PayoffEvaluator("default", 2, 0, num_agents=10)
    with pytest.raises(InvalidInputError, match="profiles"):
        evaluator.payoff_table(list(ARCHETYPES))
    with pytest.raises(InvalidInputError, match="arrangements"):
        evaluator.against_mixture("hero", [0.2] * 5, list(ARCHETYPES))
