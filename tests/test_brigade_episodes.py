"""Whole episodes of heuristic agents: equal to the original's, to the plain Python rules, and on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from brigade_support import VECTORS

from marl_ffi import errors
from marl_ffi.bucket_brigade import (
    ARCHETYPES,
    SCENARIOS,
    run_heuristic_episode,
    run_heuristic_episodes,
    scenario,
)
from marl_ffi.bucket_brigade import episodes as module

NAMES = list(ARCHETYPES)


def profiles(count: int, agents: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, agents, 10))


def test_the_recorded_episodes_are_the_originals():
    for row in VECTORS["core_heuristic_episodes"]:
        scores, nights = run_heuristic_episode(row["scenario"], row["profile"], row["seed"])
        assert (scores.tolist(), nights) == (row["scores"], row["steps"]), row
        assert scores.dtype == np.float32


def test_the_recorded_payoff_matrices_are_the_originals():
    recorded = VECTORS["core_payoff_matrix"]
    for name, matrix in recorded["matrices"].items():
        draw = np.random.RandomState(recorded["seed"])
        for row, focal in zip(matrix, recorded["order"], strict=True):
            for expected, other in zip(row, recorded["order"], strict=True):
                seeds = [draw.randint(0, 2**31 - 1) for _ in range(recorded["num_simulations"])]
                scores, _ = run_heuristic_episodes(name, [focal, other, other, other], seeds)
                assert np.mean(scores[:, 0].astype(np.float64)) == expected


def test_the_recorded_averages_are_the_originals():
    seeds = np.random.RandomState(0).randint(0, 2**31 - 1, size=10000)
    for name, row in VECTORS["core_homogeneous"]["rows"].items():
        many = np.array([[ARCHETYPES[archetype]] * 4 for archetype in row])
        scores, nights = run_heuristic_episodes(name, many, seeds)
        for k, expected in enumerate(row.values()):
            np.testing.assert_allclose(scores[k].mean(0, np.float64), expected["per_position"], rtol=1e-12)
            assert nights[k].mean() == expected["mean_nights"]
            assert (nights[k] == 100).mean() == expected["share_at_cap"]


VARIANTS = {
    "continuous": {"extinguish_mode": "continuous", "suppression_per_worker": 0.4},
    "spread first": {"phase_order": "spread_first", "prob_house_catches_fire": 0.1},
    "no fire": {"termination": "no_fire"},
    "adjacent": {"action_validity_mode": "adjacent_only", "distance_cost_alpha": 0.3},
    "shaped": {
        "action_shaping_alpha": 2.0, "action_shaping_beta": 0.25, "progress_shaping_coef": 1.5,
        "team_welfare_lambda": 0.3, "team_welfare_gamma": 0.9, "team_welfare_kind": "team_welfare_closed_form",
    },
    "others": {"reward_other_house_survives": 0.3, "penalty_other_house_burns": 0.7, "cost_to_work_one_night": 0.1},
    "short": {"max_nights": 3},
    "two phases": {"commitment_mode": "two_phase"},
}  # fmt: skip
SIZES = [(2, 1), (2, 3), (7, 4), (10, 1), (10, 13), (63, 5), (64, 4), (65, 4), (129, 70)]


@pytest.mark.parametrize("decisions", module.DECISIONS)
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("houses", "agents"), SIZES)
def test_the_library_plays_like_the_plain_rules(variant, houses, agents, decisions):
    fields = {"max_nights": 25, "num_houses": houses, "num_agents": agents, **VARIANTS[variant]}
    played = scenario("hard", **fields)
    many, seeds = profiles(2, agents, houses), np.array([3, 2**64 - 1], np.uint64)
    ours = module._play(played, many, seeds, decisions, 0)
    for mine, theirs in zip(ours, module._play_reference(played, many, seeds, decisions, 0), strict=True):
        assert mine.dtype == theirs.dtype
        assert mine.tobytes() == theirs.tobytes()


def test_decisions_of_their_own_are_others():
    seeds = range(50)
    same, _ = run_heuristic_episodes("hard", NAMES[:4], seeds, decisions="original")
    own, _ = run_heuristic_episodes("hard", NAMES[:4], seeds, decisions="independent")
    assert not np.array_equal(same, own)


def test_results_depend_neither_on_threads_nor_on_the_batch():
    many, seeds = profiles(7, 4), np.arange(101, dtype=np.uint64)
    scores, nights = run_heuristic_episodes("hard", many, seeds, num_threads=1)
    assert scores.shape == (7, 101, 4) and nights.shape == (7, 101)
    for threads in (2, 3, 7):
        again = run_heuristic_episodes("hard", many, seeds, num_threads=threads)
        assert again[0].tobytes() == scores.tobytes() and again[1].tobytes() == nights.tobytes()
    for p in range(7):
        alone = run_heuristic_episodes("hard", many[p], seeds[50:])
        assert alone[0].tobytes() == scores[p, 50:].tobytes() and np.array_equal(alone[1], nights[p, 50:])
    each, _ = run_heuristic_episodes("hard", many, np.tile(seeds, (7, 1)))
    assert each.tobytes() == scores.tobytes()
    own, _ = run_heuristic_episodes("hard", many, np.arange(7 * 5, dtype=np.uint64).reshape(7, 5))
    assert own[3].tobytes() == scores[3, 15:20].tobytes()


def test_scenarios_come_in_any_form():
    expected = run_heuristic_episode("rest_trap", NAMES[:4], 5)[0]
    chosen = SCENARIOS["rest_trap"]

    class Other:
        def to_dict(self):
            return chosen.to_dict()

    for form in ("rest_trap-v1", chosen, chosen.to_dict(), Other()):
        assert np.array_equal(run_heuristic_episode(form, NAMES[:4], 5)[0], expected)
    assert run_heuristic_episode(chosen, NAMES[:3], 5)[0].shape == (3,)
    short = run_heuristic_episode(chosen.replace(max_nights=2), NAMES[:4], 5)
    assert short[1] == 2


GOOD = (profiles(1, 4)[0], [1, 2, 3])


@pytest.mark.parametrize(
    ("params", "seeds", "kind", "message"),
    [
        (np.zeros((4, 9)), [1], errors.ShapeError, r"expected shape \(N, 10\)"),
        (np.zeros(10), [1], errors.ShapeError, "expected shape"),
        (np.zeros((0, 10)), [1], errors.ShapeError, "expected shape"),
        (np.zeros((256, 10)), [1], errors.ShapeError, "at most 255 agents"),
        (np.full((4, 10), 1.5), [1], errors.InvalidInputError, r"params\[0, 0\] \(honesty\): expected 0 to 1"),
        (np.full((2, 4, 10), np.nan), [1], errors.InvalidInputError, r"params\[0, 0, 0\]"),
        (np.full((4, 10), -1e-9), [1], errors.InvalidInputError, "expected 0 to 1"),
        ([["a"] * 10] * 4, [1], errors.DtypeError, "params"),
        (["hero", "hirro"], [1], errors.UnknownNameError, "hero"),
        (np.zeros((4, 10), complex), [1], errors.DtypeError, "params"),
        (GOOD[0], [], errors.ShapeError, "seeds"),
        (GOOD[0], [[1], [2]], errors.ShapeError, r"expected shape \(S,\) or \(1, S\)"),
        (GOOD[0], [-1], errors.InvalidInputError, "-1"),
        (GOOD[0], [2**64], errors.InvalidInputError, str(2**64)),
        (GOOD[0], [1.0], errors.DtypeError, "integers"),
        (GOOD[0], [True], errors.DtypeError, "integers"),
        (GOOD[0], "abc", errors.DtypeError, "seeds"),
        (GOOD[0], None, errors.DtypeError, "seeds"),
    ],
)
def test_what_is_no_strategy_or_seed_is_refused(params, seeds, kind, message):
    with pytest.raises(kind, match=message):
        run_heuristic_episodes("default", params, seeds)


def test_seeds_of_64_bits_arrive_whole():
    for seeds in ([2**64 - 1], [1, 2**64 - 1], [2**63, 2**64 - 1], np.array([2**64 - 1], np.uint64)):
        _, nights = run_heuristic_episodes("hard", GOOD[0], seeds)
        scores, _ = run_heuristic_episodes("hard", GOOD[0], np.array([2**64 - 1], np.uint64))
        assert np.array_equal(run_heuristic_episodes("hard", GOOD[0], seeds)[0][-1], scores[0]), nights


def test_other_arguments_are_checked():
    params, seeds = GOOD
    with pytest.raises(errors.UnknownNameError, match="rest_trap"):
        run_heuristic_episodes("rest_trp", params, seeds)
    with pytest.raises(errors.DtypeError, match="scenario"):
        run_heuristic_episodes(7, params, seeds)
    with pytest.raises(errors.InvalidInputError, match="'original' or 'independent'"):
        run_heuristic_episodes("default", params, seeds, decisions="mine")
    for threads in (0, -1, 1.5, True):
        with pytest.raises(errors.InvalidInputError, match="num_threads"):
            run_heuristic_episodes("default", params, seeds, num_threads=threads)
    with pytest.raises(errors.InvalidInputError, match="max_nights"):
        run_heuristic_episodes(scenario("default", max_nights=None), params, seeds)
    with pytest.raises(errors.ShapeError, match="expected one number or 3"):
        run_heuristic_episodes("minimal_specialization", params[:3], seeds)
    with pytest.raises(errors.ShapeError, match=r"\(N, 10\)"):
        run_heuristic_episode("default", params[np.newaxis], 1)
