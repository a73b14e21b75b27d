"""Tournaments, rankings and statistics: recorded games, recovered effects, textbook numbers."""

from __future__ import annotations

import math
import random
import sys

import numpy as np
import pytest

from marl_ffi.bucket_brigade import (
    ARCHETYPES,
    RESEARCH_SCENARIOS,
    Replay,
    Tournament,
    TournamentGame,
    rank_agents,
    rank_by_membership,
    run_heuristic_episode,
    run_tournament,
    scenario,
    statistics,
    summarise,
)
from marl_ffi.errors import InvalidInputError, ShapeError, UnknownNameError

QUIET = {"show_progress": False}
# those games paid for work and rest only
PAID = {
    name: scenario(name).replace(
        team_reward_house_survives=0, team_penalty_house_burns=0, reward_own_house_survives=0, penalty_own_house_burns=0
    )
    for name in RESEARCH_SCENARIOS
}


# ------------------------------------------------------------------------------------------------------------
# Tournaments


def test_recorded_games():
    """Games 1 and 5 of the original's recorded tournament."""
    other = ("rest_trap", ["free_rider"])
    lineup = [other, ("trivial_cooperation", ["firefighter", "coordinator", "firefighter", "free_rider"]), other, other]
    lineup += [other, ("overcrowding", ["firefighter", "coordinator", "coordinator", "coordinator"])]
    played = run_tournament(None, PAID, lineup=lineup, decisions="original", **QUIET)
    for game, payoffs, steps in ((1, [-4.5, 3.5, -5.5, 6.5], 13), (5, [-7.3, -1.8, -0.7, 1.5], 14)):
        row = played.games[game]
        assert (row.game_id, row.steps, row.team) == (game, steps, tuple(lineup[game][1]))
        assert row.individual_payoffs == pytest.approx(payoffs, abs=1e-5)
        assert row.team_payoff == pytest.approx(np.mean(payoffs), abs=1e-5)


def test_games_are_single_episodes():
    played = run_tournament(["hero", "liar"], ["default", "easy"], num_games=20, seed=3, **QUIET)
    seeds = np.random.default_rng([3, 3]).integers(0, 2**63, 20, np.uint64).tolist()
    draw = random.Random(3)
    for game, seed in zip(played, seeds):
        town, team = draw.choice(["default", "easy"]), draw.choices(["hero", "liar"], k=4)
        assert (game.scenario, list(game.team)) == (town, team)
        scores, nights = run_heuristic_episode(town, [ARCHETYPES[n] for n in team], seed, decisions="independent")
        assert game.individual_payoffs == tuple(scores.astype(float).tolist()) and game.steps == nights
        assert game.team_payoff == pytest.approx(scores.astype(float).mean())


def test_defaults():
    played = run_tournament(num_games=300, **QUIET)
    assert played.agents == tuple(sorted(ARCHETYPES)) and {game.scenario for game in played} == set(RESEARCH_SCENARIOS)
    assert len(played) == 300 and played.seed == 42 and "per agent" in played.units
    assert played == run_tournament(num_games=300, num_threads=1, **QUIET)


def test_teams_of_any_size():
    played = run_tournament({"a": "hero", "b": [0.5] * 10}, "default", num_games=6, team_size=7, **QUIET)
    assert all(len(game.individual_payoffs) == 7 for game in played)


def test_csv_round_trip(tmp_path):
    played = run_tournament(num_games=30, **QUIET)
    played.to_csv(tmp_path / "games.csv")
    again = Tournament.from_csv(tmp_path / "games.csv")
    assert again.games == played.games
    lines = (tmp_path / "games.csv").read_text().splitlines()
    assert lines[0] == "game_id,scenario,team,individual_payoffs,team_payoff,steps"
    for broken, message in (
        (lines[:1], "no games"),
        ([lines[0].replace("team,", "teams,"), *lines[1:]], "no column team"),
        ([*lines, '30,default,"[""a""]","[1.0, 2.0]",1.0,3'], "line 32: 1 agents, 2 payoffs"),
        ([*lines, "x,default,[],[],1.0,3"], "line 32"),
    ):
        (tmp_path / "broken.csv").write_text("\n".join(broken) + "\n")
        with pytest.raises(InvalidInputError, match=message):
            Tournament.from_csv(tmp_path / "broken.csv")


@pytest.mark.parametrize(
    ("error", "settings", "message"),
    [
        (UnknownNameError, {"pool": ["heroo"]}, "did you mean 'hero'"),
        (UnknownNameError, {"scenarios": ["rest_trop"]}, "did you mean 'rest_trap'"),
        (InvalidInputError, {"scenarios": []}, "at least one"),
        (InvalidInputError, {"num_games": 0}, "num_games"),
        (InvalidInputError, {"team_size": 0}, "team_size"),
        (InvalidInputError, {"decisions": "mine"}, "decisions"),
        (UnknownNameError, {"lineup": [("default", ["hero"])]}, "scenario of the lineup"),
        (UnknownNameError, {"lineup": [("rest_trap", ["her"])]}, "agent of the lineup"),
        (ShapeError, {"lineup": [("rest_trap", "hero")]}, "lineup"),
        (InvalidInputError, {"lineup": []}, "at least one game"),
    ],
)
def test_wrong_tournaments(error, settings, message):
    with pytest.raises(error, match=message):
        run_tournament(**settings, **QUIET)


# ------------------------------------------------------------------------------------------------------------
# Rankings


def made_up(seed, effects, games=800, noise=50.0):
    """Games whose team payoff is the scenario's level plus the sum of the members' effects."""
    rng = np.random.default_rng(seed)
    names, towns = list(effects), {"a": 0.0, "b": 1000.0}
    rows = []
    for g in range(games):
        team, town = rng.choice(names, 4), str(rng.choice(list(towns)))
        payoff = towns[town] + sum(effects[name] for name in team) + rng.normal(0, noise)
        rows.append(TournamentGame(g, town, tuple(map(str, team)), (payoff,) * 4, payoff, 13))
    return rows


EFFECTS = {"good": 60.0, "fair": 10.0, "poor": -40.0}


def test_effects_are_recovered():
    ranks = rank_agents(made_up(0, EFFECTS))
    assert [agent.name for agent in ranks.agents] == ["good", "fair", "poor"]
    for agent in ranks.agents:
        truth = EFFECTS[agent.name] - 10.0  # the mean agent has 10
        assert abs(agent.effect - truth) < 4 * agent.standard_error
        assert agent.low < agent.effect < agent.high
    assert sum(agent.effect for agent in ranks.agents) == pytest.approx(0, abs=1e-9)
    assert ranks["good"].games == sum("good" in game.team for game in made_up(0, EFFECTS))


def test_intervals_hold_as_often_as_they_say():
    hits = [
        agent.low <= EFFECTS[agent.name] - 10.0 <= agent.high
        for seed in range(60)
        for agent in rank_agents(made_up(seed, EFFECTS, games=120)).agents
    ]
    assert 0.9 < np.mean(hits) <= 1


def test_the_original_fit():
    """Ridge regression by its normal equations, penalised intercept included."""
    games = made_up(1, EFFECTS, games=200)
    ranks = rank_agents(games, method="original")
    names = sorted(EFFECTS)
    x = np.array([[1, game.scenario == "b", *(game.team.count(name) for name in names)] for game in games], float)
    y = np.array([game.team_payoff for game in games])
    # the same as least squares with one more observation of 0 for each unknown
    theta = np.linalg.lstsq(np.vstack([x, np.eye(5)]), np.append(y, np.zeros(5)), rcond=None)[0]
    for name, value in zip(names, theta[2:]):
        assert ranks[name].effect == pytest.approx(value, rel=1e-9)
    variance = ((y - x @ theta) ** 2).sum() / (200 - 5)
    error = math.sqrt(variance * np.linalg.inv(x.T @ x + np.eye(5))[2, 2])
    assert ranks["fair"].standard_error == pytest.approx(error) and ranks["fair"].high == pytest.approx(
        ranks["fair"].effect + 1.96 * error
    )


def test_a_tournament_knows_its_ranking(tmp_path):
    ranks = run_tournament(num_games=400, **QUIET).ranking()
    assert ranks.agents[-1].name == "free_rider"
    ranks.to_csv(tmp_path / "ranking.csv")
    rows = (tmp_path / "ranking.csv").read_text().splitlines()
    assert rows[0] == "rank,agent,effect,standard_error,low_95,high_95,games" and len(rows) == 6
    assert "replaced" in repr(ranks)
    with pytest.raises(UnknownNameError, match="did you mean 'hero'"):
        ranks["heroo"]


@pytest.mark.parametrize("method", ["ols", "original"])
def test_scenarios_are_ranked_by_themselves(method):
    played = run_tournament(num_games=400, scenarios=["easy", "hard"], seed=2, **QUIET)
    found = played.rankings(method)
    assert list(found) == ["easy", "hard"]
    for town, ranks in found.items():
        own = [game for game in played if game.scenario == town]
        assert ranks == rank_agents(own, method=method)
        assert max(agent.games for agent in ranks.agents) <= len(own) < 400
    # without other scenarios the fit of the original is one of an intercept and of counts
    if method == "original":
        own = [game for game in played if game.scenario == "hard"]
        names = played.agents
        design = np.array([[1, *(game.team.count(name) for name in names)] for game in own], float)
        theta = np.linalg.solve(design.T @ design + np.eye(6), design.T @ [game.team_payoff for game in own])
        assert [found["hard"][name].effect for name in names] == pytest.approx(theta[1:].tolist())


def test_what_cannot_be_ranked():
    with pytest.raises(InvalidInputError, match="more games than unknowns"):
        rank_agents(made_up(0, EFFECTS, games=5))
    with pytest.raises(InvalidInputError, match="two agents"):
        rank_agents(made_up(0, {"one": 1.0}))
    pairs = [TournamentGame(g, "a", ("x", "y"), (1.0, 1.0), float(g), 13) for g in range(10)]
    with pytest.raises(InvalidInputError, match="always together"):
        rank_agents(pairs)
    with pytest.raises(InvalidInputError, match="method"):
        rank_agents(made_up(0, EFFECTS), method="elo")


def test_membership_model_of_the_original():
    teams = [[0, 1, 2, 3], [0, 1, 2, 4], [1, 2, 3, 4], [0, 2, 3, 4], [0, 1, 3, 4]]
    found = rank_by_membership(teams, [250, 220, 200, 230, 240])
    skills = [14.00018239937981, -0.99981760062002, -5.99981760062019, 4.00018239937987, -10.9998176006202]
    np.testing.assert_allclose(found.skills, skills, atol=1e-10)
    np.testing.assert_allclose(found.uncertainties, 0.7745962561245542, rtol=1e-10)
    assert found.marginal_values.tolist() == [35, -2.5, -15, 10, -27.5]
    # unlike the original's, a prediction knows of the intercept
    assert found.predict([0, 1, 2, 3]) == pytest.approx(239, abs=1) and found.predict([0, 0]) == found.predict([0])
    said = found.accuracy(teams, [250, 220, 200, 230, 240])
    assert said["rmse"] == pytest.approx(math.sqrt(said["mse"])) and 0.9 < said["correlation"] <= 1
    with pytest.raises(UnknownNameError, match="agent"):
        found.predict([9])
    with pytest.raises(ShapeError, match="rewards"):
        rank_by_membership(teams, [1, 2])
    with pytest.raises(InvalidInputError, match="noise_variance"):
        rank_by_membership(teams, [1] * 5, noise_variance=0)


# ------------------------------------------------------------------------------------------------------------
# Statistics


def test_intervals():
    found = statistics.confidence_interval([1, 2, 3, 4, 5])
    assert (found.mean, found.low, found.high) == pytest.approx((3, 1.036757, 4.963243), abs=1e-6)
    alone = statistics.confidence_interval([7])
    assert (alone.mean, alone.low, alone.high) == (7, -math.inf, math.inf)
    sample = np.random.default_rng(0).normal(10, 2, 400)
    boot, exact = statistics.bootstrap_interval(sample, seed=1), statistics.confidence_interval(sample)
    assert boot == statistics.bootstrap_interval(sample, seed=1)
    assert (boot.low, boot.high) == pytest.approx((exact.low, exact.high), abs=0.05)
    middle = statistics.bootstrap_interval(sample, statistic=np.median, resamples=999)
    assert middle.low < np.median(sample) == middle.mean < middle.high
    assert statistics.bootstrap_interval([2, 2, 2]).low == 2


@pytest.mark.parametrize("method", ["mean", "median", "trimmed"])
def test_centres(method):
    rng = np.random.default_rng(0)
    runs = [statistics.centre(rng.normal(5, 3, 200), method) for _ in range(300)]
    assert np.mean([run.value for run in runs]) == pytest.approx(5, abs=0.1)
    assert np.mean([run.standard_error for run in runs]) == pytest.approx(np.std([run.value for run in runs]), rel=0.15)


def test_comparisons():
    rng = np.random.default_rng(0)
    one, two = rng.normal(1, 1, 60), rng.normal(0, 2, 80)
    found = statistics.compare(one, two)
    assert found.difference == pytest.approx(one.mean() - two.mean()) and found.low < found.difference < found.high
    assert found.win_rate == pytest.approx(np.mean(one[:, None] > two[None]))
    pooled = math.sqrt((59 * one.var(ddof=1) + 79 * two.var(ddof=1)) / 138)
    assert found.cohens_d == pytest.approx(found.difference / pooled)
    assert 0 < found.welch_p < 0.01 and 0 < found.mann_whitney_p < 0.01
    same = statistics.compare([1, 1], [1, 1])
    assert same.welch_p == 1 and math.isnan(same.cohens_d) and same.win_rate == 0.5
    assert statistics.compare([2, 2], [1, 1]).welch_p == 0


def test_correlations():
    found = statistics.correlation([1, 2, 3, 4], [1, 4, 9, 16])
    assert found["spearman"] == pytest.approx(1) and found["pearson"] == pytest.approx(0.98437, abs=1e-5)
    assert math.isnan(statistics.correlation([1, 1, 1], [1, 2, 3])["pearson"])


def test_shapley_values():
    """The glove game: one left glove, two right ones."""

    def pairs(team):
        return min(int("left" in team), len(team - {"left"}))

    found = statistics.shapley_values(pairs, ["left", "a", "b"])
    assert found == {"left": (pytest.approx(2 / 3), 0.0), "a": (pytest.approx(1 / 6), 0.0), "b": (pytest.approx(1 / 6), 0.0)}
    many = statistics.shapley_values(lambda team: len(team) ** 2, range(12), orderings=3000, seed=1)
    for value, error in many.values():
        assert abs(value - 12) < 4 * error
    assert sum(value for value, _ in many.values()) == pytest.approx(144)
    with pytest.raises(KeyError):  # a coalition that is not known is not worth 0
        statistics.shapley_values({frozenset(): 0.0, frozenset("a"): 1.0}.__getitem__, ["a", "b"])


def test_summaries():
    games = [Replay.play("rest_trap", ["firefighter", "free_rider", "hero", "liar"], seed=seed) for seed in range(6)]
    found = summarise(games)
    teams = [game.rewards.sum() for game in games]
    assert found.team_reward.mean == pytest.approx(np.mean(teams))
    assert found.team_reward_std == pytest.approx(np.std(teams, ddof=1))
    assert found.team_reward_median == np.median(teams) and found.team_reward_range == (min(teams), max(teams))
    assert sum(found.agent_rewards) == pytest.approx(found.team_reward.mean)
    # nights that were played, and what was done in them: the first evening is no night
    assert found.nights == np.mean([len(game.actions) for game in games])
    assert found.work_share[2] == 1 and found.work_share[1] < 0.1
    assert found.safe_houses + found.ruined_houses <= 10
    assert statistics.Summary.from_json(found.to_json()) == found
    with pytest.raises(InvalidInputError, match="at least one game"):
        summarise([])
    for text in ("", "[]", "{}"):
        with pytest.raises(InvalidInputError, match="no summary"):
            statistics.Summary.from_json(text)


@pytest.mark.parametrize(
    ("error", "call", "message"),
    [
        (ShapeError, lambda: statistics.confidence_interval([]), "length 0"),
        (InvalidInputError, lambda: statistics.confidence_interval([1, math.nan]), "nan"),
        (InvalidInputError, lambda: statistics.confidence_interval([1, 2], level=1.5), "level"),
        (InvalidInputError, lambda: statistics.compare([1], [1, 2]), "at least 2"),
        (InvalidInputError, lambda: statistics.correlation([1, 2, 3], [1, 2]), "pairs"),
        (InvalidInputError, lambda: statistics.centre([1, 2], "mode"), "method"),
        (InvalidInputError, lambda: statistics.shapley_values(len, ["a", "a"]), "distinct"),
        (InvalidInputError, lambda: statistics.shapley_values(lambda team: math.nan, ["a"]), "value of"),
    ],
)
def test_wrong_statistics(error, call, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("package", "call"),
    [
        ("statsmodels", lambda: rank_agents(made_up(0, EFFECTS))),
        ("scipy", lambda: statistics.confidence_interval([1, 2])),
    ],
)
def test_a_missing_package_is_named_with_its_extra(monkeypatch, package, call):
    for name in list(sys.modules):
        if name.split(".")[0] == package:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=rf"{package}: pip install marl_ffi\[stats\]"):
        call()
