"""Games that the original recorded and published: its replay files to the byte, its tournaments, its ranking."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import random

import numpy as np
import pytest
from brigade_support import RECORDED

from marl_ffi.bucket_brigade import ARCHETYPES, Replay, ReplayError, parameters, rank_agents, run_tournament, scenario
from marl_ffi.reference.bucket_brigade.early import EarlyGame, early_rules
from marl_ffi.reference.bucket_brigade.rules import night_rewards

FIELDS, SEED, FILES = (RECORDED["replays"][key] for key in ("fields", "seed", "files"))
BURNING, RUINED = 1, 2

# ------------------------------------------------------------------------------------------------------------
# Replays. Only their actions are kept here: all else follows from the seed, and the digest tells that it does.


def recorded_actions(file):
    """(51, 4, 3); written as house and mode, and the signal was always the mode."""
    pairs = [(int(word[0]), int(word[1])) for word in file["actions"].split()]
    return np.array([[house, mode, mode] for house, mode in pairs]).reshape(-1, 4, 3)


def played(file, phase_order=None):
    """The file as the original wrote it."""
    actions = recorded_actions(file)
    chosen, rules = early_rules(FIELDS, phase_order or file["phase_order"])
    game = EarlyGame(chosen, rules, SEED)
    none = {"signals": [0] * 4, "locations": [0] * 4, "actions": [[0, 0]] * 4, "rewards": [0.0] * 4}
    nights = [{"night": 0, "houses": game.town.houses.tolist(), **none}]
    for night, action in enumerate(actions):
        rewards = game.step(action).tolist()
        nights.append(
            {
                "night": night, "houses": game.town.houses.tolist(), "signals": action[:, 2].tolist(),
                "locations": action[:, 0].tolist(), "actions": action[:, :2].tolist(),
                "rewards": [round(reward, 4) for reward in rewards],
            }
        )  # fmt: skip
    return {"scenario": FIELDS, "nights": nights}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file["recorded"])
def test_the_recorded_replays_to_the_byte(file):
    text = json.dumps(played(file), indent=2)
    for digest, ending in file["md5"].items():
        assert hashlib.md5((text + ending).encode()).hexdigest() == digest


@pytest.mark.parametrize("file", FILES, ids=lambda file: file["recorded"])
def test_the_recorded_replays_are_read_and_verified(file):
    replay = Replay.from_dict(played(file))
    assert replay.rules == "python-2025-11" and replay.num_nights == 51
    # the file does not tell the order of phases, the houses do
    assert replay.scenario.phase_order == file["phase_order"]
    assert replay.verify(SEED).from_seed
    with pytest.raises(ReplayError):
        replay.verify(SEED + 1)
    assert Replay.from_json(replay.to_json()) == replay
    other = {"burn_out_first": "spread_first", "spread_first": "burn_out_first"}[file["phase_order"]]
    houses = [night["houses"] for night in played(file)["nights"]]
    wrong = [night["houses"] for night in played(file, other)["nights"]]
    assert sum(a == b for a, b in zip(houses, wrong)) <= 8


def test_facts_of_the_published_replay():
    values = played(FILES[0])
    replay = Replay.from_dict(values)
    houses = replay.houses.astype(int)
    for record in values["nights"]:
        assert record["signals"] == [mode for _, mode in record["actions"]]
        assert record["locations"] == [house for house, _ in record["actions"]]
    assert (houses[1:][houses[:-1] == RUINED] == RUINED).all()
    assert not ((houses[:-1] == BURNING) & (houses[1:] == BURNING)).any()
    assert np.argwhere(houses == BURNING).tolist() == [[0, 1], [0, 8], [7, 5]]
    assert not (houses[13:] == BURNING).any()  # sparks fly for twelve nights
    # what the night paid, by the true houses of the evening before: all nights but the first
    true = [
        night_rewards(replay.scenario, replay.houses[t], replay.houses[t + 1], replay.actions[t], False) for t in range(51)
    ]
    different = np.flatnonzero((np.abs(np.array(true, float) - replay.rewards) > 1e-4).any(axis=1))
    assert different.tolist() == [0]
    assert replay.rewards[0].tolist() == [9.5, 10.5, 9.5, 10.5]
    assert true[0].tolist() == pytest.approx([10.5, 11.5, 9.5, 10.5])


# ------------------------------------------------------------------------------------------------------------
# Tournaments. They paid for work and rest only.


def paid(names):
    nothing = dict.fromkeys(
        ("team_reward_house_survives", "team_penalty_house_burns", "reward_own_house_survives", "penalty_own_house_burns"),
        0,
    )
    return {name: scenario(name, **nothing) for name in names}


def test_a_recorded_tournament_of_archetypes():
    record = RECORDED["tournament_100"]
    found = run_tournament(
        record["pool"], paid(record["scenarios"]), num_games=100, seed=record["seed"], decisions="original",
        show_progress=False,
    )  # fmt: skip
    for game, (nights, *payoffs) in zip(found, record["nights_and_payoffs"], strict=True):
        assert game.steps == nights and game.individual_payoffs == pytest.approx(payoffs, abs=1e-4), game


@pytest.fixture(scope="module")
def published():
    """All 2000 games; the strategy that is called "evolved" is another one in each scenario."""
    record = RECORDED["tournament_2000"]
    towns, draw = record["scenarios"], random.Random(record["seed"])
    pool = {name: ARCHETYPES.get(name, parameters()) for name in record["pool"]}  # later evolved ones never work
    for town, (work, own, rest) in record["evolved"].items():
        pool[f"evolved {town}"] = parameters(work_tendency=work, own_house_priority=own, rest_bias=rest)
    lineup = []
    for _ in range(2000):
        town = draw.choice(towns)
        team = [f"evolved {town}" if name == "evolved" else name for name in draw.choices(record["pool"], k=4)]
        lineup.append((town, team))
    found = run_tournament(pool, paid(towns), lineup=lineup, decisions="original", show_progress=False)
    return [dataclasses.replace(game, team=tuple(name.split(" ")[0] for name in game.team)) for game in found]


def test_rows_of_the_published_tournament(published):
    for number, (nights, *payoffs) in RECORDED["tournament_2000"]["rows"].items():
        game = published[int(number)]
        assert (game.steps, list(game.individual_payoffs)) == (nights, payoffs)


def test_the_published_ranking(published):
    """Twelve digits of a fit to all 2000 games."""
    record = RECORDED["tournament_2000"]
    ranks = rank_agents(published, method="original")
    assert [agent.name for agent in ranks.agents] == list(record["ranking"])
    for agent in ranks.agents:
        assert agent.effect == pytest.approx(record["ranking"][agent.name], abs=2e-12)
    assert ranks["evolved_v3"].standard_error == pytest.approx(record["evolved_v3_standard_error"], abs=1e-12)
