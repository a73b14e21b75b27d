"""The original's Python engine and its players against recorded games, decisions and published averages."""

import numpy as np
import pytest
from brigade_support import VECTORS, scripted_actions

from marl_ffi.bucket_brigade import scenario
from marl_ffi.bucket_brigade.agents import Evening, RichHeuristicAgent
from marl_ffi.bucket_brigade.scripted import Specialist
from marl_ffi.errors import EpisodeOverError, InvalidInputError
from marl_ffi.reference.bucket_brigade.python_engine import PythonGame, scenario_info

PARITY = VECTORS["py_parity"]["rows"]


@pytest.mark.parametrize("row", VECTORS["py_scripted"], ids=lambda row: f"{row['scenario']}-{row['seed']}")
def test_scripted_games_are_the_recorded_ones(row):
    game = PythonGame(scenario(row["scenario"]), row["seed"])
    assert game.town.houses.tolist() == row["initial"]
    done = False
    for night, (houses, rewards) in enumerate(zip(row["houses"], row["rewards"])):
        found, done = game.step(scripted_actions(4, len(row["initial"]), night, row["seed"]))
        assert (game.town.houses.tolist(), found.tolist()) == (houses, rewards), night
    assert done == row["done"]
    assert scenario_info(game.scenario).tolist() == row["scenario_info"]


def test_who_saves_a_house_on_the_first_night_is_not_paid():
    chosen = scenario("default", prob_solo_agent_extinguishes_fire=1.0, prob_house_catches_fire=0.0)
    rest = [[1, 0, 0], [2, 0, 0], [3, 0, 0]]
    game = PythonGame(chosen, 0)
    game.town.houses[0] = 1
    assert game.step(np.array([[0, 1, 1], *rest]))[0][0] == 99.5
    game.town.houses[0] = game.town.remembered[0] = 1
    assert game.step(np.array([[0, 1, 1], *rest]))[0][0] == 119.5


def test_a_finished_game_cannot_be_stepped():
    game = PythonGame(scenario("trivial_cooperation"), 0)
    actions = np.zeros((4, 3), int)
    while not game.step(actions)[1]:
        pass
    assert game.town.night == 13
    with pytest.raises(EpisodeOverError, match="the game is over"):
        game.step(actions)


def test_fields_whose_arithmetic_is_not_known_are_refused():
    with pytest.raises(InvalidInputError, match="progress_shaping_coef: the original's Python engine"):
        PythonGame(scenario("default", progress_shaping_coef=1.0), 0)


@pytest.mark.parametrize(
    "row", VECTORS["py_heuristic"]["rows"], ids=lambda row: f"{row['archetype']}-{row['agent_id']}"
)
def test_the_rich_heuristic_agent_decides_as_recorded(row):
    evenings = [
        Evening.of(each["houses"], len(each["locations"]), each["locations"])
        for each in VECTORS["py_heuristic"]["observations_cycle_3x"] * 3
    ]
    agent = RichHeuristicAgent(row["archetype"], row["agent_id"], row["global_seed"])
    assert [list(agent.act(evening)) for evening in evenings] == row["actions"]


def uniform_play(houses, draw):
    return np.stack([draw.integers(0, houses, size=4), draw.integers(0, 2, size=4), draw.integers(0, 2, size=4)], 1)


def per_night(name, episodes, seed, specialists):
    """Mean over episodes of the team's reward per night."""
    chosen = scenario(name)
    averages = []
    for game_seed in np.random.default_rng(seed).integers(0, 2**31 - 1, size=episodes):
        game, draw = PythonGame(chosen, int(game_seed)), np.random.default_rng(game_seed)
        agents = [Specialist(i, 4, chosen.num_houses) for i in range(4)]
        total, done = 0.0, False
        while not done:
            if specialists:
                evening = Evening.of(game.town.houses)
                actions = np.array([agent.act(evening) for agent in agents])
            else:
                actions = uniform_play(chosen.num_houses, draw)
            rewards, done = game.step(actions)
            total += float(np.sum(rewards))  # in float32, as the original adds up a night
        averages.append(total / game.town.night)
    return float(np.mean(averages))


@pytest.mark.parametrize("name", PARITY)
def test_averages_of_twenty_games_are_the_recorded_ones(name):
    assert per_night(name, 20, 0, False) == PARITY[name]["n20_seed0"]
    assert per_night(name, 20, 0, True) == PARITY[name]["specialist_n20_seed0"]


@pytest.mark.parametrize("name", PARITY)
def test_averages_of_five_hundred_games_are_the_published_ones(name):
    assert per_night(name, 500, 42, False) == PARITY[name]["n500_seed42"]
    assert per_night(name, 500, 42, True) == PARITY[name]["specialist_n500_seed42"]


def test_two_published_averages_by_their_numbers():
    # the file that the other tests read could be wrong too
    assert PARITY["default-v1"]["n500_seed42"] == 246.78980073260072
    assert PARITY["trivial_cooperation-v1"]["specialist_n500_seed42"] == 402.0
    assert PARITY["rest_trap-v1"]["specialist_n500_seed42"] == 387.6531842245984
