"""Best responses, exploitability and double oracles on games with known answers, and on Bucket Brigade."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest

from marl_ffi import game_theory as gt
from marl_ffi.bucket_brigade import ARCHETYPES, PayoffEvaluator
from marl_ffi.errors import InvalidInputError, ShapeError
from marl_ffi.game_theory._oracle import Pool

NOISE = 50.0


class Cournot:
    """Three firms choose quantities in [0, 1]; the price is 1 - their sum, cost is 0, profits are times 100.

    The symmetric equilibrium is 1/4 each. All firms of a run share a large shock (which common seeds cancel), and each
    has a small one.
    """

    num_players, num_parameters, units = 3, 1, "profit per firm"

    def __init__(self, seed=0):
        self.stream = np.random.default_rng(seed)
        self.calls = []

    def draw_seeds(self, count):
        return self.stream.integers(0, 2**63, count, np.uint64)

    def simulate(self, profiles, seeds):
        quantities = np.asarray(profiles)[:, None, :, 0]
        seeds = np.broadcast_to(seeds, (len(profiles), np.shape(seeds)[-1]))
        self.calls.append(seeds.copy())
        shock = np.sin(seeds.astype(float) % 1000)[..., None] * NOISE
        own = np.cos((seeds.astype(float) % 997)[..., None] * (1 + np.arange(3)) + 40 * quantities) * 0.5
        return 100 * quantities * (1 - quantities.sum(axis=2, keepdims=True)) + shock + own


class Line:
    names, low, high = ("quantity",), np.zeros(1), np.ones(1)

    def strategies(self, points):
        return np.asarray(points, float)


class Plane(Line):
    """A second dimension that means nothing."""

    names, low, high = ("quantity", "nothing"), np.zeros(2), np.ones(2)

    def strategies(self, points):
        return np.asarray(points, float)[:, :1]


# ------------------------------------------------------------------------------------------------------------
# Best responses


@pytest.mark.parametrize(("others", "best"), [(0.1, 0.4), (0.25, 0.25), (0.5, 0.0)])
def test_best_response_to_a_profile(others, best):
    found = gt.best_response(Cournot(), Line(), [[others]] * 3, seat=1, search_simulations=200, num_simulations=400)
    assert found.point[0] == pytest.approx(best, abs=0.02)
    gain = 100 * (best * (1 - best - 2 * others) - others * (1 - 3 * others))
    assert abs(found.gain - gain) < 4 * found.gain_standard_error + 0.1
    # common seeds: the shock of 50 is not in the gain
    assert found.gain_standard_error < 0.1 * found.payoff_standard_error
    assert found.evaluations == 41 + 2 * 5 and "profit per firm" in repr(found)


def test_best_response_to_a_mixture():
    """Against 0 or 1/2 with equal chance the others' sum is 1/2 on average, and 1/4 is best."""
    found = gt.best_response(Cournot(1), Line(), [[0.0], [0.5]], [0.5, 0.5], search_simulations=3000, num_simulations=3000)
    assert found.point[0] == pytest.approx(0.25, abs=0.04)
    # before: half of the time 0, half of the time 1/2 at an expected price of 0
    assert abs(found.gain - 6.25) < 4 * found.gain_standard_error


@pytest.mark.parametrize("space", [Plane()])
def test_best_response_by_cma(space):
    found = gt.best_response(Cournot(), space, [[0.1]] * 3, seat=0, method="cma", search_simulations=100)
    assert found.point[0] == pytest.approx(0.4, abs=0.02)


def test_winners_are_measured_on_seeds_the_search_never_saw():
    game = Cournot()
    found = gt.best_response(game, Line(), [[0.25]] * 3, seat=0, search_simulations=50, num_simulations=60)
    *search, winner, _ = game.calls
    assert winner.shape == (60, 1) and not np.isin(winner, np.concatenate([each.ravel() for each in search])).any()
    assert found.num_simulations == 60


def test_a_gain_that_is_not_there_is_not_decisive():
    """At the equilibrium the search's own figure is too high in the mean; the fresh one is not."""
    found = [gt.best_response(Cournot(s), Line(), [[0.25]] * 3, seat=0, search_simulations=20, seed=s) for s in range(20)]
    assert sum(each.decisive() for each in found) <= 1
    assert np.mean([each.gain for each in found]) < 0.05


def test_wrong_best_responses():
    game = Cournot()
    for error, arguments, settings, message in (
        (ShapeError, ([[0.1]] * 2,), {"seat": 0}, "a pool needs a mixture"),
        (InvalidInputError, ([[0.1]] * 3,), {"seat": 3}, "seat"),
        (TypeError, ([[0.1]] * 3,), {}, "seat"),
        (ShapeError, ([[0.1, 0.2]] * 3,), {"seat": 0}, "expected 1 numbers each"),
        (ShapeError, ([[0.1]] * 2, [1.0]), {}, "probabilities"),
        (InvalidInputError, ([[np.nan]] * 3,), {"seat": 0}, "nan"),
        (InvalidInputError, ([[0.1]] * 3,), {"seat": 0, "method": "gradient"}, "method"),
        (InvalidInputError, ([[0.1]] * 3,), {"seat": 0, "num_simulations": 1}, "num_simulations"),
        (InvalidInputError, ([[0.1]] * 3,), {"seat": 0, "method": "cma"}, "2 dimensions"),
    ):
        with pytest.raises(error, match=message):
            gt.best_response(game, Line(), *arguments, **settings)


def test_cma_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "cma", None)
    with pytest.raises(ModuleNotFoundError, match=r"cma: pip install marl_ffi\[evolution\]"):
        gt.best_response(Cournot(), Plane(), [[0.1]] * 3, seat=0, method="cma")


# ------------------------------------------------------------------------------------------------------------
# Exploitability


def test_exploitability_of_a_profile():
    found = gt.exploitability(Cournot(), [[0.1], [0.25], [0.25]], [[0.1], [0.25], [0.4]], num_simulations=500)
    # the first would do best with 0.25: 0.25 * 0.25 against 0.1 * 0.4
    assert (found.seat, found.deviation) == (0, 1)
    assert found.epsilon == pytest.approx(2.25, abs=0.3) and abs(found.fresh_gain - 2.25) < 0.3
    assert found.gains.shape == (3, 3) and found.gains[0, 0] == 0
    assert (found.standard_errors < 0.1).all() and "profit per firm" in repr(found)


def test_exploitability_of_an_equilibrium():
    found = gt.exploitability(Cournot(), [[0.25]] * 3, [[0.0], [0.2], [0.3], [1.0]], num_simulations=500)
    assert found.epsilon == 0 and found.seat is None and found.fresh_gain is None
    assert found.upper_bound < 0 and "no deviation" in repr(found)


def test_exploitability_on_given_seeds():
    seeds = np.arange(100)
    one, two = (gt.exploitability(Cournot(s), [[0.1]] * 3, [[0.3]], num_simulations=100, seeds=seeds) for s in (0, 1))
    assert (one.gains == two.gains).all() and one.fresh_gain != two.fresh_gain
    with pytest.raises(ShapeError, match="seeds: expected 5"):
        gt.exploitability(Cournot(), [[0.1]] * 3, [[0.3]], num_simulations=5, seeds=seeds)
    with pytest.raises(ShapeError, match="profile: expected 3"):
        gt.exploitability(Cournot(), [[0.1]] * 2, [[0.3]])


def test_the_frozen_profile_of_the_rest_trap():
    """Three free riders and a firefighter: no archetype gains in any seat."""
    names = ["free_rider", "free_rider", "free_rider", "firefighter"]
    evaluator = PayoffEvaluator("rest_trap", 2, 42, seeds="original")
    found = gt.exploitability(
        evaluator, [ARCHETYPES[name] for name in names], list(ARCHETYPES.values()), num_simulations=3000,
        seeds=evaluator.deviation_seeds(3000),
    )  # fmt: skip
    assert found.epsilon == 0
    assert (found.gains.max(axis=1) <= 0).all()


# ------------------------------------------------------------------------------------------------------------
# Double oracles


def test_double_oracle_finds_the_equilibrium():
    oracle = gt.DoubleOracle(
        Cournot(), Line(), num_simulations=300, search_simulations=300, fresh_simulations=600, show_progress=False
    )
    found = oracle.solve([[0.0], [1.0]], ["nothing", "all"])
    assert found.converged and len(found.steps) > 1
    mean = found.equilibrium.probabilities @ found.pool[:, 0]
    assert mean == pytest.approx(0.25, abs=0.03)
    assert found.response.gain < max(3 * found.response.gain_standard_error, 0.2)
    assert found.game.names[:2] == ("nothing", "all") and found.game.names[2].startswith("quantity=")
    data = found.to_dict()
    assert data["converged"] and data["units"] == "profit per firm" and len(data["pool"]) == len(found.pool)
    assert "converged after" in repr(found)


def test_double_oracle_says_when_it_did_not_converge():
    oracle = gt.DoubleOracle(Cournot(), Line(), num_simulations=50, max_iterations=1, show_progress=False)
    found = oracle.solve([[0.0]])
    assert not found.converged and found.response.decisive()


def test_epsilon_stops_a_double_oracle():
    found = gt.DoubleOracle(Cournot(), Line(), num_simulations=50, epsilon=1000.0, show_progress=False).solve([[0.0]])
    assert found.converged and len(found.steps) == 1


def test_double_oracle_is_reproducible():
    settings = {"num_simulations": 50, "search_simulations": 50, "fresh_simulations": 100, "show_progress": False}
    one, two = (gt.DoubleOracle(Cournot(3), Line(), seed=4, **settings).solve([[0.0], [1.0]]) for _ in range(2))
    assert one.to_dict() == two.to_dict()


def test_double_oracle_of_the_rest_trap():
    """From a firefighter and a free rider it goes to agents who work two nights in five, and earn much more."""
    evaluator = PayoffEvaluator("rest_trap", 400, 0)
    two = [ARCHETYPES["firefighter"], ARCHETYPES["free_rider"]]
    oracle = gt.DoubleOracle(evaluator, evaluator.space, num_simulations=400, fresh_simulations=10_000, show_progress=False)
    found = oracle.solve(two, ["firefighter", "free_rider"])
    first, last = found.steps[0].equilibrium, found.equilibrium
    assert first.distribution["free_rider"] == pytest.approx(0.48, abs=0.05)
    work = last.probabilities @ [params[1] * (1 - params[8]) for params in found.pool]
    assert 0.25 < work < 0.6 and last.payoff > first.payoff + 300


def test_a_pool_knows_what_it_has():
    pool = Pool(np.array([[0.1], [0.5]]), ["low", "middle"])
    settings = {"seat": 0, "search_simulations": 20, "num_simulations": 50}
    response = gt.best_response(Cournot(), Line(), [[0.5]] * 3, **settings)
    found = dataclasses.replace(response, strategy=np.array([0.25]), point=np.array([0.25]))
    assert pool.index(np.array([0.5])) == 1 and pool.index(found.strategy) is None
    assert pool.add(found, ["x"]) == pool.add(found, ["x"]) == 2 and pool.names == ["low", "middle", "x=0.25"]
    close = dataclasses.replace(found, strategy=np.array([0.2500001]), point=np.array([0.2500001]))
    assert pool.add(close, ["x"]) == 3 and pool.names[3] == "x=0.25 (3)" and len(pool.strategies) == 4


def test_wrong_double_oracles():
    with pytest.raises(InvalidInputError, match="same"):
        gt.DoubleOracle(Cournot(), Line()).solve([[0.1], [0.1]])
    with pytest.raises(ShapeError, match="names"):
        gt.DoubleOracle(Cournot(), Line()).solve([[0.1]], ["a", "b"])
    for settings in ({"z": -1}, {"max_iterations": 0}, {"num_simulations": 1}, {"epsilon": np.nan}, {"seed": -1}):
        with pytest.raises(InvalidInputError, match=next(iter(settings))):
            gt.DoubleOracle(Cournot(), Line(), **settings)
        if "max_iterations" not in settings:
            with pytest.raises(InvalidInputError, match=next(iter(settings))):
                gt.HeterogeneousDoubleOracle(Cournot(), Line(), **settings)


def test_seats_by_themselves():
    """Best responses in turn end where the total is 3/4; every seat's gain is then small."""
    oracle = gt.HeterogeneousDoubleOracle(
        Cournot(), Line(), num_simulations=300, search_simulations=200, max_rounds=12, num_restarts=2, epsilon=0.3,
        show_progress=False,
    )  # fmt: skip
    found = oracle.solve([[0.0], [0.5]], ["none", "half"])
    assert sum(found.starts) == 2
    for profile in found.profiles:
        assert profile.converged and (profile.gains < 0.5).all()
        assert profile.strategies.sum() == pytest.approx(0.75, abs=0.1)
        assert profile.mean_payoff == pytest.approx(profile.payoffs.mean(), rel=1e-9)
    assert "equilibrium" in repr(found) and found.best is found.profiles[0]
    assert found.best.to_dict()["units"] == "profit per firm"


def test_seats_of_the_rest_trap():
    evaluator = PayoffEvaluator("rest_trap", 2, 0)
    oracle = gt.HeterogeneousDoubleOracle(
        evaluator, evaluator.space, num_simulations=1000, search_simulations=100, num_restarts=1, max_rounds=6,
        show_progress=False,
    )  # fmt: skip
    found = oracle.solve([ARCHETYPES["firefighter"], ARCHETYPES["free_rider"]], ["firefighter", "free_rider"]).best
    worked = sorted(params[1] * (1 - params[8]) for params in found.strategies)
    assert found.converged and worked[-1] > 0.5 and worked[1] < 0.5
    assert found.mean_payoff > 2500
