"""Published averages of heuristic games, to the last digit; and small facts about the game and its players."""

import numpy as np
import pytest
from brigade_support import scripted_actions

from marl_ffi.bucket_brigade import Game, Replay, parameters, run_heuristic_episodes, scenario, strategy
from marl_ffi.reference.bucket_brigade.episodes import Episode
from marl_ffi.reference.bucket_brigade.rng import Pcg64

LAST_SEED = 2**31 - 1


@pytest.mark.parametrize(
    ("profile", "expected", "mean"),
    [
        (["firefighter", "hero", "hero", "firefighter"], [25.008, 11.9621, 82.2121, 89.58055], 52.1906875),
        (["hero", "firefighter", "firefighter", "firefighter"], [0.715925, 10.226725, 74.353725, 76.761225], 40.5144),
    ],
)
def test_the_published_deviation_check(profile, expected, mean):
    seeds = np.random.RandomState(42).randint(0, LAST_SEED, size=20_000)
    scores, _ = run_heuristic_episodes("asym_b05_k09_c05", [strategy(each) for each in profile], seeds)
    found = scores.mean(axis=0, dtype=np.float64)
    assert found == pytest.approx(expected, rel=1e-12) and found.mean() == pytest.approx(mean, rel=1e-12)


def test_the_published_specialist_team():
    draw = np.random.RandomState(42)
    seeds = [draw.randint(0, LAST_SEED) for _ in range(1000)]
    vector = parameters(honesty=1.0, work_tendency=0.2, own_house_priority=1.0)
    scores, _ = run_heuristic_episodes("rest_trap", [vector] * 4, seeds)
    expected = [1906.472065639496, 1913.9291608924866, 1961.1298564567567, 1965.3159708251953]
    assert scores.mean(axis=0, dtype=np.float64).tolist() == expected


@pytest.mark.parametrize("k", [0, 2, 4, 5, 6, 7, 9])
def test_parameters_that_the_engine_s_agent_does_not_read(k):
    base = parameters("coordinator")
    flipped = base.copy()
    flipped[k] = 1 - flipped[k]
    seeds = np.arange(200)
    left, right = (run_heuristic_episodes("default", [each] * 4, seeds)[0] for each in (base, flipped))
    assert left.tolist() == right.tolist()


def test_who_loses_a_house_can_earn_more():
    # one ruin keeps the game alive to its limit, and every night pays for the houses that stand
    scores, nights = run_heuristic_episodes("default", [strategy("firefighter")] * 4, [0, 1])
    assert nights.tolist() == [100, 14]
    assert scores[0, 0] == 8207 and scores[1, 0] == 1385


def test_trivial_cooperation_never_has_a_fire():
    rest, work = parameters(), parameters(work_tendency=1.0)
    seeds = np.arange(300)
    for params, score in ((rest, 1306.5), (work, 1293.5)):
        scores, nights = run_heuristic_episodes("trivial_cooperation", [params] * 4, seeds)
        assert (nights == 13).all() and (scores == score).all()


def test_the_two_scenarios_that_differ_in_a_dead_parameter_are_one_game():
    seeds, team = np.arange(300), [strategy("hero")] * 4
    left, right = (run_heuristic_episodes(f"asym_b0{b}_k09_c05", team, seeds)[0] for b in (5, 9))
    assert left.tolist() == right.tolist()


def test_the_chance_that_uniform_play_saves_a_house():
    chosen = scenario("default", prob_house_catches_fire=0.5)
    saved = burned = 0
    for seed in range(40):
        replay = Replay.play(chosen, ["uniform"] * 4, seed)
        before, after = replay.houses[0], replay.houses[1]
        burned += int(np.sum(before == 1))
        # what was saved may be lit again, but is no ruin
        saved += int(np.sum((before == 1) & (after != 2)))
    chance = 1 - (1 - 0.5 / (2 * 10)) ** 4
    deviation = np.sqrt(chance * (1 - chance) / burned)
    assert abs(saved / burned - chance) < 3 * deviation


@pytest.mark.parametrize(
    ("name", "seed", "nights"),
    [
        ("default", 0, ["0000010000", *["0000020000"] * 4, "0000120000", "0000220000"]),
        ("default", 1, [*["0000000000"] * 3, "0001000000", "0002000000"]),
        ("hard", 42, ["0001000000", "0002000000", "0002000100", "0002000200", "0002000200", "0002110200", "0002220200"]),
    ],
)
def test_first_nights_of_scripted_games(name, seed, nights):
    game = Game(name, 4, seed)
    assert not game.houses.any()
    for night, houses in enumerate(nights):
        rewards, _ = game.step(scripted_actions(4, 10, night, seed))
        assert "".join(map(str, game.houses)) == houses
        if (name, seed, night) == ("default", 0, 0):
            assert rewards.tolist() == [90.5, 89.5, 90.5, 89.5]


@pytest.mark.parametrize("houses", [2, 10, 33])
def test_a_reset_draws_once_per_house(houses):
    for chance in (0.0, 0.3):
        chosen = scenario("default", num_houses=houses, prob_house_catches_fire=chance)
        used, skipped = Episode(chosen, 7).rng, Pcg64(7)
        for _ in range(houses):
            skipped.random_f32()
        assert used.random() == skipped.random()


def test_a_game_with_the_original_s_default_seed():
    # without a seed the original plays seed 42; here a seed is drawn, and told
    game, again = Game("hard", 4), Game("hard", 4, 42)
    assert Game("hard", 4, game.seed).seed == game.seed and again.seed == 42
    assert len({Game("hard", 4).seed for _ in range(4)}) == 4


def test_rewards_are_bounded():
    for name in ("default", "hard", "positional_default", "minimal_specialization"):
        chosen = scenario(name)
        own = max(*chosen.per_agent("reward_own_house_survives"), *chosen.per_agent("penalty_own_house_burns"))
        bound = (
            chosen.cost_to_work_one_night + chosen.distance_cost_alpha * (chosen.num_houses // 2) + chosen.reward_rest
            + chosen.num_houses * own + chosen.team_reward_house_survives + chosen.team_penalty_house_burns
        )  # fmt: skip
        for seed in range(5):
            assert np.abs(Replay.play(name, ["uniform"] * 4, seed).rewards).max() <= bound
