"""The engine's rules against recorded games of the original's compiled engine: every house, reward and score."""

import numpy as np
import pytest
from brigade_support import BACKENDS, VECTORS, recorded_houses, scenario_of, scripted_actions

from marl_ffi.bucket_brigade import ARCHETYPES, scenario
from marl_ffi.reference.bucket_brigade.agents import LegacyDecisions
from marl_ffi.reference.bucket_brigade.episodes import Episode, play_episode, run_heuristic_episode
from marl_ffi.reference.bucket_brigade.rng import Pcg64
from marl_ffi.reference.bucket_brigade.rules import CORE, new_town, play_night, repeated_squares, welfare

SCRIPTED = VECTORS["core_scripted"] + VECTORS["core_options"]


@pytest.mark.parametrize("row", VECTORS["rng"], ids=lambda row: str(row["seed"]))
def test_the_generator_gives_the_recorded_numbers(row):
    assert [Pcg64(row["seed"]).next_u64()] == row["u64"][:1]
    for key, draw, read in (
        ("u64", Pcg64.next_u64, int),
        ("f32_hex", Pcg64.random_f32, float.fromhex),
        ("f64_hex", Pcg64.random, float.fromhex),
    ):
        generator = Pcg64(row["seed"])
        assert [draw(generator) for _ in row[key]] == [read(each) for each in row[key]]
    generator = Pcg64(row["seed"])
    assert [generator.below(n) for n in row["below_n_sequence"]] == row["below"]


def test_one_of_one_still_takes_random_outputs():
    # how many outputs a draw takes decides every later one
    generator, counting = Pcg64(42), Pcg64(42)
    for n in (1, 2, 3, 4, 5, 7, 10, 1, 2, 3, 8, 9):
        generator.below(n)
    for _ in range(22):
        counting.next_u64()
    assert generator.state == counting.state


def test_numpy_is_the_same_generator_with_another_seeding():
    ours = Pcg64(7)
    theirs = np.random.PCG64()
    theirs.state = {
        "bit_generator": "PCG64", "state": {"state": ours.state, "inc": ours.inc}, "has_uint32": 0, "uinteger": 0,
    }  # fmt: skip
    assert [ours.random() for _ in range(5)] == np.random.Generator(theirs).random(5).tolist()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "row", SCRIPTED, ids=lambda row: f"{row['scenario']}-{row['seed']}-{row['num_agents']}-{'-'.join(row['overrides'])}"
)
def test_scripted_games_are_the_recorded_ones(backend, row):
    shown = recorded_houses(row)
    played = BACKENDS[backend](scenario_of(row), row["seed"], len(row["houses"]), shown)
    assert played.initial[:shown] == row["initial"]
    assert [houses[:shown] for houses in played.houses] == row["houses"]
    assert played.rewards == row["rewards"]
    assert played.scores == row["scores"]
    assert played.done == row["done"]


def test_the_final_score_adds_up_in_float32():
    for row in SCRIPTED:
        game = Episode(scenario_of(row), row["seed"])
        for night in range(len(row["houses"])):
            game.step(scripted_actions(row["num_agents"], recorded_houses(row), night, row["seed"]))
        assert float(game.final_score) == row["final_score"]


def test_heuristic_games_are_the_recorded_ones():
    assert len(VECTORS["core_heuristic_episodes"]) == 255
    for row in VECTORS["core_heuristic_episodes"]:
        params = [ARCHETYPES[name] for name in row["profile"]]
        scores, nights = run_heuristic_episode(scenario(row["scenario"]), params, row["seed"])
        assert (scores.tolist(), nights) == (row["scores"], row["steps"]), row


@pytest.mark.parametrize(
    ("name", "profile", "seed", "scores", "nights"),
    [
        ("default", ["firefighter"] * 4, 0, [8207, 4611, 8086, 8088], 100),
        ("default", ["firefighter"] * 4, 1, [1385, 1364, 1384, 1384], 14),
        ("rest_trap", [*["free_rider"] * 3, "firefighter"], 1, [1378, 1377, 1377.300048828125, 1368.2000732421875], 14),
    ],
)
def test_published_games(name, profile, seed, scores, nights):
    params = [ARCHETYPES[each] for each in profile]
    found, played = run_heuristic_episode(scenario(name), params, seed)
    assert (found.tolist(), played) == (scores, nights)


@pytest.mark.parametrize(
    ("game", "name", "team", "payoffs", "nights"),
    [
        (5, "overcrowding", ["firefighter", *["coordinator"] * 3], [-7.3, -1.8, -0.7, 1.5], 14),
        (1, "trivial_cooperation", ["firefighter", "coordinator", "firefighter", "free_rider"], [-4.5, 3.5, -5.5, 6.5], 13),
    ],
)
def test_rows_of_the_recorded_tournament(game, name, team, payoffs, nights):
    # those games paid for work and rest only
    paid = scenario(name).replace(
        team_reward_house_survives=0, team_penalty_house_burns=0, reward_own_house_survives=0, penalty_own_house_burns=0
    )
    draws = [LegacyDecisions(game)] * 4
    played = play_episode(paid, [ARCHETYPES[each] for each in team], game, draws, with_signal=False)
    assert played.town.night == nights
    assert played.scores == pytest.approx(payoffs, abs=1e-5)


def test_powers_are_repeated_squares():
    base = np.float32(0.55)
    naive = np.float32(1)
    for k in range(11):
        assert repeated_squares(base, k) == pytest.approx(float(naive), rel=1e-6)
        naive = naive * base
    assert repeated_squares(base, 0) == 1 and type(repeated_squares(base, 3)) is np.float32
    assert repeated_squares(base, 5) == base * ((base * base) * (base * base))


@pytest.mark.parametrize(("state", "expected"), [(0, 10), (1, -5), (2, -10)])
def test_the_welfare_of_a_town(state, expected):
    chosen = scenario("minimal_specialization")
    assert welfare(chosen, np.full(10, state, np.uint8)) == expected


def test_beta_is_dead_unless_fires_outlive_a_night():
    def games(**changes):
        return [BACKENDS["reference"](scenario("hard", **changes), seed, 12, 10).houses for seed in range(5)]

    beta = "prob_fire_spreads_to_neighbor"
    assert games(**{beta: 0.0}) == games(**{beta: 0.9})
    alive = {"extinguish_mode": "continuous", "suppression_per_worker": 0.5}
    assert games(**{beta: 0.0}, **alive) != games(**{beta: 0.9}, **alive)
    assert games(**{beta: 0.0}, phase_order="spread_first") != games(**{beta: 0.9}, phase_order="spread_first")


def test_who_aims_too_far_stays_at_home():
    chosen = scenario("positional_default", action_validity_mode="adjacent_only")
    town = new_town(chosen)
    play_night(chosen, town, np.array([[5, 1, 1], [7, 1, 1], [9, 1, 1], [0, 1, 1]]), lambda: 0.99, CORE)
    assert town.positions.tolist() == [0, 3, 5, 8]


def test_shares_of_a_saved_house_add_up():
    chosen = scenario("default", prob_solo_agent_extinguishes_fire=1.0, action_shaping_alpha=2.0)
    plain = chosen.replace(action_shaping_alpha=0.0)
    actions = np.array([[3, 1, 1], [3, 1, 1], [3, 1, 1], [0, 0, 0]])
    towns = [new_town(chosen), new_town(plain)]
    for town, each in zip(towns, (chosen, plain)):
        town.houses[3] = 1
        play_night(each, town, actions, lambda: 0.5, CORE)
    assert (towns[0].rewards - towns[1].rewards).tolist() == pytest.approx([2 / 3] * 3 + [0], abs=1e-5)


def test_two_phases_play_like_one_with_the_same_actions():
    one = BACKENDS["reference"](scenario("hard"), 3, 15, 10)
    two = BACKENDS["reference"](scenario("hard", commitment_mode="two_phase"), 3, 15, 10)
    assert (one.houses, one.rewards) == (two.houses, two.rewards)


def test_a_game_of_255_agents_on_3_houses_ends():
    chosen = scenario("default", num_agents=255, num_houses=3)
    scores, nights = run_heuristic_episode(chosen, [ARCHETYPES["hero"]] * 255, 0)
    assert scores.shape == (255,) and 13 <= nights <= 100


def test_max_nights_ends_a_game_that_the_rules_would_not():
    chosen = scenario("default", max_nights=5, min_nights=50)
    assert run_heuristic_episode(chosen, [ARCHETYPES["hero"]] * 4, 0)[1] == 5
