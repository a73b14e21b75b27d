"""Files that the original wrote, of every kind: read, checked, and played again by the engine that they are of."""

import copy
import json

import numpy as np
import pytest

from marl_ffi.bucket_brigade import Replay, ReplayError, scenario
from marl_ffi.reference.bucket_brigade.early import EarlyGame, EarlyRules
from marl_ffi.reference.bucket_brigade.python_engine import PythonGame

EARLY = {
    "beta": 0.25, "kappa": 0.5, "A": 100.0, "L": 100.0, "c": 0.5, "rho_ignite": 0.2, "N_min": 12, "p_spark": 0.02,
    "N_spark": 12, "num_agents": 4,
}  # fmt: skip
# The example of the original's format: agent 0 saves house 0, house 1 burns down, paid as the compiled engine pays.
TINY = json.loads(
    """{"scenario":{"prob_fire_spreads_to_neighbor":0.25,"prob_solo_agent_extinguishes_fire":0.5,
    "prob_house_catches_fire":0.05,"team_reward_house_survives":10.0,"team_penalty_house_burns":10.0,
    "reward_own_house_survives":[50.0,50.0],"reward_other_house_survives":[0.0,0.0],
    "penalty_own_house_burns":[100.0,100.0],"penalty_other_house_burns":[0.0,0.0],
    "cost_to_work_one_night":0.5,"min_nights":0,"num_agents":2,"num_houses":2},
    "nights":[
    {"night":0,"houses":[1,1],"signals":[0,0],"locations":[0,0],"actions":[[0,0],[0,0]],"rewards":[0.0,0.0]},
    {"night":0,"houses":[0,2],"signals":[1,0],"locations":[0,1],"actions":[[0,1],[1,0]],"rewards":[49.5,-99.5]}]}"""
)


def test_a_file_of_the_python_engine_is_read():
    replay = Replay.from_dict(TINY)
    assert (replay.rules, replay.seed, replay.num_nights) == ("python", None, 1)
    assert replay.actions[0].tolist() == [[0, 1, 1], [1, 0, 0]]
    assert replay.scenario.termination == "no_fire" and replay.scenario.max_nights is None
    # that engine pays nobody for saving a house on the first night
    with pytest.raises(ReplayError, match=r"nights\[1\].rewards\[0\]: the game gives -0.5, the replay says 49.5"):
        replay.verify()
    paid = copy.deepcopy(TINY)
    paid["nights"][1]["rewards"][0] = -0.5
    assert Replay.from_dict(paid).verify().nights == 1


def test_a_file_of_the_compiled_engine_is_read():
    # it writes ten numbers per ownership field, and scores
    values = copy.deepcopy(TINY)
    for name in ("reward_own_house_survives", "penalty_own_house_burns"):
        values["scenario"][name] = [values["scenario"][name][0]] * 10
    for name in ("reward_other_house_survives", "penalty_other_house_burns"):
        values["scenario"][name] = [0.0] * 10
    del values["scenario"]["num_agents"]
    for record in values["nights"]:
        record["actions"] = [[*pair, pair[1]] for pair in record["actions"]]
    values |= {"final_score": -50.0, "agent_scores": [49.5, -99.5]}
    replay = Replay.from_dict(values)
    assert replay.rules == "core" and replay.verify().nights == 1
    assert replay.scores.tolist() == [49.5, -99.5]


def test_a_file_of_the_browser_is_read_but_not_played_again():
    values = {**TINY, "archetypes": ["hero", "hero"], "teamName": "x", "timestamp": 3, "statistics": {}}
    replay = Replay.from_dict(values)
    assert replay.rules == "browser" and "rules browser" in replay.text()
    with pytest.raises(ReplayError, match="cannot be played again"):
        replay.verify()


@pytest.mark.parametrize("seed", range(5))
def test_games_of_the_python_engine_verify_from_their_seed(seed):
    chosen, draw = scenario("hard"), np.random.default_rng(seed)
    game = PythonGame(chosen, seed)
    fields = chosen.to_dict()
    scenario_then = {k: v for k, v in fields.items() if k in TINY["scenario"]}
    records = [record(0, game.town, np.zeros((4, 3), int), np.zeros(4))]
    done = False
    while not done:
        actions = np.stack([draw.integers(0, 10, 4), *[draw.integers(0, 2, 4)] * 2], axis=1)
        rewards, done = game.step(actions)
        records.append(record(game.town.night - 1, game.town, actions, rewards))
    replay = Replay.from_json(json.dumps({"scenario": scenario_then, "nights": records}))
    assert replay.rules == "python" and replay.verify(seed).from_seed
    with pytest.raises(ReplayError):
        replay.verify(seed + 100)


def record(night, town, actions, rewards):
    """A night as the original writes it, with pairs."""
    return {
        "night": night, "houses": town.houses.tolist(), "signals": actions[:, 2].tolist(),
        "locations": actions[:, 0].tolist(), "actions": actions[:, :2].tolist(),
        "rewards": np.asarray(rewards, float).tolist(),
    }  # fmt: skip


def early_file(seed, nights=51):
    """A file of the original's first week: 51 nights, cut off by its script."""
    chosen = Replay.from_dict({"scenario": EARLY, "nights": [first_record()]}).scenario
    game, draw = EarlyGame(chosen, EarlyRules(0.2, 12), seed), np.random.default_rng(seed)
    records = [record(0, game.town, np.zeros((4, 3), int), np.zeros(4))]
    for night in range(nights):
        actions = np.stack([draw.integers(0, 10, 4), *[draw.integers(0, 2, 4)] * 2], axis=1)
        records.append(record(night, game.town, actions, game.step(actions)))
        records[-1]["houses"] = game.town.houses.tolist()
    return {"scenario": EARLY, "nights": records}


def first_record():
    none = {"signals": [0] * 4, "locations": [0] * 4, "actions": [[0, 0]] * 4, "rewards": [0.0] * 4}
    return {"night": 0, "houses": [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], **none}


def test_the_recorded_game_of_the_first_week_began_as_ours_does():
    # houses 1 and 8 burn first in every file that was recorded with seed 42; who rests is paid 10.5, who works 9.5
    chosen = Replay.from_dict({"scenario": EARLY, "nights": [first_record()]}).scenario
    game = EarlyGame(chosen, EarlyRules(0.2, 12), 42)
    assert np.flatnonzero(game.town.houses).tolist() == [1, 8]
    # both are saved on the first night, but that engine does not know that they burned
    assert game.step(np.array([[1, 1, 1], [8, 1, 1], [0, 0, 0], [0, 0, 0]])).tolist() == [9.5, 9.5, 10.5, 10.5]
    assert not game.town.houses.any()


@pytest.mark.parametrize("seed", [42, 0, 1])
def test_files_of_the_first_week_are_read_and_verified(seed):
    replay = Replay.from_dict(early_file(seed))
    assert replay.rules == "python-2025-11" and replay.num_nights == 51
    assert replay.verify(seed).from_seed
    assert int(np.sum(replay.houses[0] == 1)) == 2
    # nothing burns two evenings long, ruins stay, and no spark flies after the twelfth night
    houses = replay.houses.astype(int)
    assert not ((houses[:-1] == 1) & (houses[1:] == 1) & (np.arange(51)[:, None] >= 12)).any()
    assert (houses[1:][houses[:-1] == 2] == 2).all()
    assert not (houses[13:] == 1).any()
    assert Replay.from_json(replay.to_json()) == replay
    with pytest.raises(ReplayError):
        replay.verify(seed + 1)


def test_a_spark_after_the_nights_of_sparks_is_refused():
    values = early_file(42)
    quiet = next(k for k in range(20, 52) if values["nights"][k - 1]["houses"].count(0))
    house = values["nights"][quiet - 1]["houses"].index(0)
    values["nights"][quiet]["houses"][house] = 1
    with pytest.raises(ReplayError, match="safe cannot become burning: nothing could light it"):
        Replay.from_dict(values)


def test_an_incomplete_file_of_the_first_week_is_refused():
    values = early_file(42)
    values["scenario"] = {name: value for name, value in EARLY.items() if name != "N_spark"}
    with pytest.raises(ReplayError, match="scenario.N_spark: expected a number, got None"):
        Replay.from_dict(values)


def test_a_house_is_not_lit_again_after_the_nights_of_sparks():
    # what is saved on the second night cannot burn in the third evening if sparks fly in the first night only
    work = {"signals": [1] * 4, "locations": [1] * 4, "actions": [[1, 1]] * 4, "rewards": [0.0] * 4}
    houses = [0, 1, 0, 0, 0, 0, 0, 0, 2, 0]
    nights = [first_record(), *({"night": night, "houses": houses, **work} for night in range(2))]
    Replay.from_dict({"scenario": {**EARLY, "N_spark": 2}, "nights": nights})
    with pytest.raises(ReplayError, match=r"nights\[2\].houses\[1\]: .*: it could not catch fire again"):
        Replay.from_dict({"scenario": {**EARLY, "N_spark": 1}, "nights": nights})
