"""Batches of games, what to play next, and what actions tell."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest

from marl_ffi.bucket_brigade import ARCHETYPES, PolicyAgent, Replay, action_information, rank_by_membership, run_batch
from marl_ffi.bucket_brigade import information as info
from marl_ffi.errors import DtypeError, InvalidInputError, ShapeError, UnknownNameError

QUIET = {"show_progress": False}


# ------------------------------------------------------------------------------------------------------------
# Batches


def test_a_batch_tells_what_was_played(tmp_path):
    batch = run_batch(6, 3, agents=5, seed=4, output=tmp_path / "new" / "batch", **QUIET)
    assert len(batch) == 6 and len({game.scenario_id for game in batch}) == 6
    for game in batch:
        replay = Replay.load(game.replay_path)
        assert replay.verify().from_seed and replay.seed == game.seed
        assert replay.scores.tolist() == list(game.agent_rewards)
        assert sum(game.agent_rewards) == pytest.approx(game.team_reward)
        assert len(set(game.team)) == 3 and game.nights_played == replay.num_nights
        assert [game.saved_houses, game.ruined_houses] == [int((replay.houses[-1] == state).sum()) for state in (0, 2)]
        # those who played are those who are written down
        assert [batch.agents[name].tolist() for name in game.team] == [list(params) for params in game.agent_params]
        again = Replay.play(replay.scenario, list(map(list, game.agent_params)), game.seed)
        assert again.scores.tolist() == list(game.agent_rewards)
    assert batch.games == run_batch(6, 3, agents=5, seed=4, output=tmp_path / "new" / "batch", **QUIET).games
    with (tmp_path / "new" / "batch" / "games.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [json.loads(row["team"]) for row in rows] == [list(game.team) for game in batch]
    assert [float(row["team_reward"]) for row in rows] == [game.team_reward for game in batch]
    told = json.loads((tmp_path / "new" / "batch" / "summary.json").read_text())
    rewards = [game.team_reward for game in batch]
    assert told == batch.summary() and told["team_reward"] == pytest.approx(np.mean(rewards))
    assert told["team_reward_range"] == [min(rewards), max(rewards)] and "6 games of 5 agents" in repr(batch)


def test_a_batch_of_chosen_agents_towns_and_teams():
    teams = [["a", "b"], ["b", "b", "a"]]
    batch = run_batch(teams=teams, agents={"a": "hero", "b": [0.5] * 10}, scenarios=["easy"], seed=1, **QUIET)
    assert [list(game.team) for game in batch] == teams and all(game.replay_path is None for game in batch)
    assert batch.games[0].agent_params[0] == tuple(ARCHETYPES["hero"]) and {g.scenario_id for g in batch} == {0}
    assert run_batch(2, 2, agents=2, **QUIET).seed != run_batch(2, 2, agents=2, **QUIET).seed


def test_a_batch_is_ranked_and_asks_for_the_next():
    batch = run_batch(30, 4, agents=["hero", "firefighter", "free_rider", "liar", "coordinator"], scenarios=["hard"],
                      seed=0, **QUIET)  # fmt: skip
    ranks = batch.ranking()
    assert ranks.agents == tuple(sorted(batch.agents)) and np.isfinite(ranks.marginal_values).all()
    assert ranks.noise == pytest.approx(np.std([game.team_reward for game in batch], ddof=1))
    next_teams = ranks.suggest_next_batch(seed=3)
    assert [len(team) for team in next_teams] == [4, 5]
    run_batch(teams=next_teams, agents=batch.agents, seed=5, **QUIET)


def test_suggestions_take_those_of_whom_least_is_known():
    names = [f"p{k}" for k in range(12)]
    rng = np.random.default_rng(0)
    teams = [list(rng.choice(names[:9], 4, replace=False)) for _ in range(60)] + [[*names[9:], "p0"]]
    ranks = rank_by_membership(teams, rng.normal(size=61))
    suggested = ranks.suggest_next_batch(seed=1)
    assert [len(team) for team in suggested] == [4, 5, 6, 7, 8]
    for team in suggested:
        assert len(set(team)) == len(team)
        half = len(team) // 2
        assert set(team[:half]) <= set(names[9:]) if half <= 3 else set(names[9:]) <= set(team[:half])
    # whom to take of equals, and the others, is chance
    alike = rank_by_membership([["a", "b", "c", "d", "e", "f"]] * 3, [1.0, 2.0, 3.0])
    assert len({alike.suggest_next_batch([4], seed=s)[0] for s in range(20)}) > 10
    assert alike.suggest_next_batch([4, 2], seed=1) == alike.suggest_next_batch([4, 2], seed=1)
    with pytest.raises(InvalidInputError, match=r"sizes\[1\]: expected .*6"):
        alike.suggest_next_batch([4, 7])


@pytest.mark.parametrize(
    ("error", "settings", "message"),
    [
        (InvalidInputError, {"num_games": 0}, "num_games"),
        (InvalidInputError, {"team_size": 300}, "team_size"),
        (InvalidInputError, {"team_size": 21}, "team_size: expected at most 20"),
        (UnknownNameError, {"agents": ["heroo"]}, "did you mean 'hero'"),
        (UnknownNameError, {"scenarios": ["esy"]}, "did you mean 'easy'"),
        (InvalidInputError, {"scenarios": []}, "scenarios: expected at least one"),
        (UnknownNameError, {"teams": [["agent_0"], ["agent_99"]]}, r"teams\[1\]"),
        (ShapeError, {"teams": ["agent_0"]}, r"teams\[0\]"),
        (InvalidInputError, {"teams": []}, "teams: expected at least one"),
        (InvalidInputError, {"seed": -1}, "seed"),
    ],
)
def test_wrong_batches(error, settings, message, tmp_path):
    with pytest.raises(error, match=message):
        run_batch(**settings, output=tmp_path / "out", **QUIET)
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------------------------------
# Information


def test_textbook_entropies():
    coin, die = np.arange(4000) % 2, np.arange(6000) % 6
    assert info.entropy(coin) == pytest.approx(1, abs=1e-3) and info.entropy(die) == pytest.approx(math.log2(6), abs=2e-3)
    assert info.entropy(["x"] * 5) == 0
    assert info.entropy(np.column_stack([coin, np.repeat([0, 1], 2000)])) == pytest.approx(2, abs=1e-3)
    assert info.conditional_entropy(coin, coin) == 0 and info.conditional_entropy(coin, [7] * 4000) == info.entropy(coin)
    assert info.mutual_information(coin, 1 - coin).bits == pytest.approx(1, abs=1e-3)
    assert math.isnan(info.mutual_information(coin, coin).p)
    # the parity of two coins tells nothing of either, and all of it for who knows the other
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, (2, 5000))
    assert abs(info.mutual_information(a ^ b, a).bits) < 1e-3
    assert info.mutual_information(a ^ b, a, b).bits == pytest.approx(1, abs=5e-3)


def test_few_observations_are_not_taken_for_a_relation():
    rng = np.random.default_rng(1)
    found = [info.mutual_information(*rng.integers(0, 4, (2, 60))).bits for _ in range(300)]
    assert -0.025 < np.mean(found) < 0.025  # without the correction 0.13
    chances = [info.mutual_information(*rng.integers(0, 3, (2, 40)), shuffles=49, seed=k).p for k in range(60)]
    assert 0.35 < np.mean(chances) < 0.65
    x = rng.integers(0, 3, 40)
    related = info.mutual_information(x, x // 2, shuffles=199)
    assert related.p == 1 / 200 and related.observations == 40
    # related only through what is known: not related for who knows it
    z = rng.integers(0, 2, 400)
    x, y = z ^ (rng.random(400) < 0.1), z ^ (rng.random(400) < 0.1)
    assert info.mutual_information(x, y, shuffles=99).p == 0.01
    assert info.mutual_information(x, y, z, shuffles=99).p > 0.02
    # shuffled among equals only, what is known anyway stays what it is
    assert info.mutual_information(z, y, z, shuffles=99).p == 1


def test_what_actions_tell():
    team = ["firefighter", "liar", "honest_signaler", "uniform"]
    told = action_information([Replay.play("hard", team, seed) for seed in range(15)])
    assert told.nights > 500
    # the heuristic agent does not look at fires before it decides to work; the scripted one does nothing else
    assert max(map(abs, told.fires_tell_mode[:2])) < 0.02
    assert told.fires_tell_mode[2] == pytest.approx(told.mode_entropy[2], abs=0.01)
    assert told.action_entropy_given_fires[2] < 0.7 < told.action_entropy_given_fires[1]
    # who lies nine times in ten tells as much as who is honest nine times in ten
    assert told.signal_tells_mode[2] == pytest.approx(told.mode_entropy[2], abs=1e-9)
    assert told.signal_tells_mode[1] > 0.4 and abs(told.signal_tells_mode[3]) < 0.02
    assert max(map(abs, told.signals_are_heard)) < 0.03
    together = np.array(told.modes_together)
    np.testing.assert_allclose(together, together.T, atol=1e-9)
    assert np.abs(together - np.diag(np.diag(together))).max() < 0.03
    assert json.loads(json.dumps(told.to_dict()))["nights"] == told.nights and "signal_tells_mode" in repr(told)


def test_a_listener_is_noticed():
    def echo(evening, index):
        """Work if agent 0 said so the night before."""
        mode = int(evening.signals[0])
        return 1, mode, mode

    replays = [
        Replay.play("trivial_cooperation", ["uniform", PolicyAgent(echo, 1)], seed) for seed in range(40)
    ]
    told = action_information(replays)
    assert told.signals_are_heard[1] == pytest.approx(1, abs=0.02) and abs(told.signals_are_heard[0]) < 0.02


@pytest.mark.parametrize(
    ("error", "call", "message"),
    [
        (DtypeError, lambda: info.entropy([0.5, 1.5]), "values: expected whole numbers or names"),
        (ShapeError, lambda: info.entropy([]), "values|expected"),
        (ShapeError, lambda: info.mutual_information([0, 1], [0]), "second: expected 2 observations, got 1"),
        (ShapeError, lambda: info.conditional_entropy([0, 1], [0, 1, 1]), "given: expected 2"),
        (InvalidInputError, lambda: info.mutual_information([0, 1], [0, 1], shuffles=-1), "shuffles"),
        (InvalidInputError, lambda: action_information([]), "at least one game"),
        (
            InvalidInputError,
            lambda: action_information([Replay.play("easy", ["hero"] * n, 0) for n in (2, 3)]),
            "same numbers",
        ),
    ],
)
def test_wrong_information(error, call, message):
    with pytest.raises((error, DtypeError), match=message):
        call()
