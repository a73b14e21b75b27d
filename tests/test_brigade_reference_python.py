"""The original's Python engine and its players against recorded games, decisions and published averages."""

import functools

import brigade_python_batch as batch
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


# What was published of uniform random play and of four specialists: a reference from 1000 games with its 95 % interval, and
# both averages over the 500 games of seed 42.
PUBLISHED = {
    "default-v1": (251.23, 244.86, 257.51, 246.78980073260072, 309.6356518315019),
    "easy-v1": (355.07, 352.07, 358.06, 355.2271783216783, 389.4845664335664),
    "hard-v1": (124.66, 118.62, 130.63, 112.95866817165464, 166.82848224114207),
    "trivial_cooperation-v1": (399.99, 399.98, 400.01, 400.0043076923077, 402.0),
    "early_containment-v1": (297.24, 292.88, 301.55, 295.0409399267399, 347.00891483516483),
    "greedy_neighbor-v1": (292.78, 288.46, 297.13, 290.03457216117215, 325.45196474358977),
    "sparse_heroics-v1": (246.06, 240.99, 251.08, 244.2310205194695, 306.3577102293702),
    "rest_trap-v1": (302.87, 298.63, 307.07, 301.07441595720917, 387.6531842245984),
    "chain_reaction-v1": (227.39, 221.96, 232.70, 222.48498722490078, 308.082460197694),
    "deceptive_calm-v1": (78.55, 72.68, 84.49, 74.50259329245894, 215.45042969628412),
    "overcrowding-v1": (120.24, 116.93, 123.42, 118.5150808436516, 139.14363268897472),
    "mixed_motivation-v1": (224.06, 218.83, 229.26, 218.8039198274609, 288.88625067257766),
    "minimal_specialization-v1": (-87.72, -93.31, -82.16, -91.66865201465203, -32.328003113553116),
    "positional_default-v1": (250.73, 244.36, 257.01, 246.29579784840874, 309.5869513820505),
    "asym_b05_k09_c05-v1": (-78.27, -83.88, -72.81, -81.73568937728938, 33.54982026862027),
    "asym_b09_k09_c05-v1": (-78.27, -83.88, -72.81, -81.73568937728938, 33.54982026862027),
    "v2_minimal-v1": (None, None, None, -1.6335616161616167, 6.669),
}


def one_by_one(name, seeds, specialists):
    """The team's reward per night in each game, by the reference and its players."""
    chosen = scenario(name)
    averages = []
    for game_seed in seeds:
        game, draw = PythonGame(chosen, int(game_seed)), np.random.default_rng(game_seed)
        agents = [Specialist(i, 4, chosen.num_houses) for i in range(4)]
        total, done = 0.0, False
        while not done:
            if specialists:
                evening = Evening.of(game.town.houses)
                actions = np.array([agent.act(evening) for agent in agents])
            else:
                columns = [draw.integers(0, high, size=4) for high in (chosen.num_houses, 2, 2)]
                actions = np.stack(columns, axis=1)
            rewards, done = game.step(actions)
            total += float(np.sum(rewards))  # in float32, as the original adds up a night
        averages.append(total / game.town.night)
    return averages


@functools.cache
def games(seed, count):
    """Seeds of the original's published averages, and the draws of those games."""
    seeds = np.random.default_rng(seed).integers(0, 2**31 - 1, size=count)
    return seeds, batch.draws_of(seeds)


def all_at_once(name, seed, count):
    """The same for uniform play and for specialists, by the rules written over games."""
    chosen, (seeds, draws) = scenario(name), games(seed, count)
    play = batch.uniform(seeds, chosen.num_houses)
    return [batch.per_night(chosen, draws, actions).tolist() for actions in (play, batch.specialists)]


@pytest.mark.parametrize("name", PARITY)
def test_averages_of_twenty_games_are_the_recorded_ones(name):
    seeds = games(0, 20)[0]
    random, specialist = one_by_one(name, seeds, False), one_by_one(name, seeds, True)
    assert float(np.mean(random)) == PARITY[name]["n20_seed0"]
    assert float(np.mean(specialist)) == PARITY[name]["specialist_n20_seed0"]
    assert all_at_once(name, 0, 20) == [random, specialist]


@pytest.mark.parametrize("name", PUBLISHED)
def test_averages_of_five_hundred_games_are_the_published_ones(name):
    reference, low, high, random, specialist = PUBLISHED[name]
    found = all_at_once(name, 42, 500)
    assert [float(np.mean(each)) for each in found] == [random, specialist]
    if name in PARITY:
        assert [random, specialist] == [PARITY[name]["n500_seed42"], PARITY[name]["specialist_n500_seed42"]]
    if reference is not None:
        error = np.hypot((high - low) / 2 / 1.96, np.std(found[0], ddof=1) / np.sqrt(500))
        assert abs(random - reference) <= max(3 * error, 0.05)


def test_five_hundred_games_by_the_reference():
    random, specialist = PUBLISHED["deceptive_calm-v1"][3:]
    assert float(np.mean(one_by_one("deceptive_calm-v1", games(42, 500)[0], False))) == random
    assert float(np.mean(one_by_one("deceptive_calm-v1", games(42, 500)[0], True))) == specialist


@pytest.mark.parametrize(
    ("name", "seed", "random", "specialist"),
    [
        ("minimal_specialization", 0, -87.92927320351218, -28.376003772893775),
        ("asym_b05_k09_c05", 0, -77.58709070620557, 31.97455147004955),
        ("rest_trap", 500_009, 302.93569726118903, 386.60293309775534),
    ],
)
def test_averages_of_ten_thousand_games_are_the_published_ones(name, seed, random, specialist):
    found = [float(np.mean(each)) for each in all_at_once(name, seed, 10_000)]
    assert found == pytest.approx([random, specialist], rel=1e-14, abs=2e-13)


@pytest.mark.slow
def test_the_published_average_of_the_frozen_profile():
    """A hero and three firefighters as the Python agent plays them, which takes minutes."""
    averages = []
    for game_seed in games(0, 10_000)[0].tolist():
        game = PythonGame(scenario("asym_b05_k09_c05"), game_seed)
        draws = np.random.RandomState((game_seed + 991) % (2**31 - 1))
        team = [RichHeuristicAgent(name, i, draws) for i, name in enumerate(["hero", *["firefighter"] * 3])]
        total, done = 0.0, False
        while not done:
            town = game.town
            evening = Evening(town.houses, town.positions, town.signals, town.last_actions, town.night, town.round1_signals)
            rewards, done = game.step(np.array([agent.act(evening) for agent in team]))
            total += float(np.sum(rewards))
        averages.append(total / game.town.night)
    assert float(np.mean(averages)) == pytest.approx(-10.883405113930186, rel=1e-14)
