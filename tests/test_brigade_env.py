"""`BucketBrigade-v0` and `Game`: the recorded games, seats played natively, layouts, seeds, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from brigade_support import VECTORS, recorded_houses, scenario_of, scripted_actions, scripted_signals

import marl_ffi as mf
from marl_ffi import errors
from marl_ffi.bucket_brigade import ARCHETYPES, Evening, Game, make_agent, scenario
from marl_ffi.reference.bucket_brigade.agents import decide, decision_draws
from marl_ffi.reference.bucket_brigade.python_engine import scenario_info
from marl_ffi.reference.bucket_brigade.rng import Pcg64
from marl_ffi.reference.bucket_brigade.rules import play_night, reset

ID = "BucketBrigade-v0"
NAMES = list(ARCHETYPES)
BURNING = 1


@pytest.mark.parametrize("kind", ["core_scripted", "core_options"])
def test_recorded_games_are_the_originals(kind):
    for row in VECTORS[kind]:
        chosen, agents, houses = scenario_of(row), row["num_agents"], recorded_houses(row)
        game = Game(chosen, agents, row["seed"])
        assert game.houses.tolist()[:houses] == row["initial"]
        for night, expected in enumerate(row["houses"]):
            actions = scripted_actions(agents, houses, night, row["seed"])
            if chosen.commitment_mode == "two_phase":
                signals = scripted_signals(agents, night)
                rewards, done = game.step_two_phase(signals, actions)
                assert game.round1_signals.tolist() == signals.tolist()
            else:
                rewards, done = game.step(actions)
            assert rewards.tolist() == game.rewards.tolist() == row["rewards"][night]
            assert game.houses.tolist()[:houses] == expected
            assert (game.night, done) == (night + 1, game.done)
        assert game.scores.tolist() == row["scores"] and game.final_score == row["final_score"]
        assert game.done == row["done"]
        if "scenario_info" in row:
            seen = game.observation(agents - 1)
            assert seen["scenario_info"].tolist() == np.array(row["scenario_info"], np.float32).tolist()


def random_actions(rng: np.random.Generator, chosen, rows: int | None = None) -> np.ndarray:
    shape = (chosen.num_agents,) if rows is None else (rows, chosen.num_agents)
    return np.stack([rng.integers(0, n, shape) for n in (chosen.num_houses, 2, 2)], axis=-1)


@pytest.mark.parametrize(("houses", "agents"), [(2, 1), (3, 5), (10, 4), (64, 9), (65, 4), (255, 40)])
@pytest.mark.parametrize("mode", ["bernoulli", "continuous"])
def test_games_are_those_of_the_plain_rules_reset_after_reset(houses, agents, mode):
    chosen = scenario(
        "hard", num_houses=houses, num_agents=agents, extinguish_mode=mode, suppression_per_worker=0.3,
        min_nights=3, max_nights=9, reward_other_house_survives=0.1, action_validity_mode="adjacent_only",
    )  # fmt: skip
    game, rng, draws = Game(chosen, agents, seed=5), np.random.default_rng(1), Pcg64(5)
    for episode in range(4):
        if episode:
            game.reset()
        town = reset(chosen, draws.random_f32)
        assert game.houses.tolist() == town.houses.tolist() and game.night == 0 and not game.scores.any()
        while not game.done:
            actions = random_actions(rng, chosen)
            rewards, done = game.step(actions)
            over = play_night(chosen, town, actions, draws.random_f32)
            assert rewards.tobytes() == town.rewards.tobytes()
            for name in ("houses", "positions", "signals", "last_actions", "fire_progress"):
                assert getattr(game, name).tobytes() == getattr(town, name).tobytes(), name
            assert done == (over or town.night == 9) and game.truncated == (done and not over)
    game.reset(seed=5)
    assert game.houses.tolist() == Game(chosen, agents, 5).houses.tolist()


def test_a_game_that_ends_by_the_rules_in_its_last_night_is_not_cut_short() -> None:
    quiet = {"prob_house_catches_fire": 0.0}
    last = Game(scenario("hard", **quiet), 4, 0)
    while not last.done:
        last.step(np.zeros((4, 3), np.int64))
    nights = last.night
    assert not last.truncated
    for limit, is_cut in ((nights - 1, True), (nights, False), (nights + 1, False)):
        game = Game(scenario("hard", max_nights=limit, **quiet), 4, 0)
        while not game.done:
            game.step(np.zeros((4, 3), np.int64))
        assert game.night == min(limit, nights) and game.truncated == is_cut


def test_the_seed_is_told_and_repeats_the_game():
    seen = set()
    for _ in range(5):
        first = Game("hard")
        second = Game("hard", seed=first.seed)
        seen.add(first.seed)
        for _ in range(5):
            actions = np.tile([3, 1, 0], (4, 1))
            assert first.step(actions)[0].tolist() == second.step(actions)[0].tolist()
    assert len(seen) == 5
    assert Game("hard", seed=2**64 - 1).seed == 2**64 - 1


def test_pairs_signal_the_mode():
    pairs = [[1, 1], [2, 0], [3, 1], [0, 0]]
    game = Game("default", seed=3)
    game.step(pairs)
    assert game.signals.tolist() == [1, 0, 1, 0]
    assert game.last_actions.tolist() == [[h, m, m] for h, m in pairs]
    env = mf.VecEnv(ID, 2, actions="pairs")
    env.reset(seed=3)
    assert env.single_action_space.nvec.tolist() == [[10, 2]] * 4
    assert env.step([pairs] * 2)[4]["actions"][0].tolist() == game.last_actions.tolist()


def native_and_plain(decisions: str, learned: list[int], strategies: list, nights: int, **fields):
    """The same game twice: unlearned seats played by the engine, and by the plain rules."""
    chosen = scenario("hard", **fields)
    policies = [None if i in learned else strategies[i] for i in range(chosen.num_agents)]
    env = mf.VecEnv(
        ID, 1, scenario=chosen.to_dict(), agents=learned, policies=policies, decisions=decisions, autoreset_mode="Disabled"
    )
    env.reset(seed=11)
    draws, shared = Pcg64(11), decision_draws(decisions, 11)
    rng = np.random.default_rng(0)
    for _ in range(3):
        town = reset(chosen, draws.random_f32)
        for _ in range(nights):
            actions = random_actions(rng, chosen)
            for i in range(chosen.num_agents):
                if i not in learned:
                    own = ARCHETYPES[strategies[i]] if isinstance(strategies[i], str) else strategies[i]
                    actions[i] = decide(np.asarray(own), i, town.houses, shared)
            over = play_night(chosen, town, actions, draws.random_f32)
            _, rewards, terminated, truncated, infos = env.step(actions[np.newaxis, learned])
            assert infos["actions"][0].tolist() == actions.tolist()
            assert infos["rewards"][0].tobytes() == town.rewards.tobytes()
            assert rewards[0].tobytes() == town.rewards[learned].tobytes()
            assert (terminated[0], truncated[0]) == (over, town.night == chosen.max_nights)
            if over or truncated[0]:
                break
        env.reset()


@pytest.mark.parametrize("decisions", ["original", "independent"])
def test_unlearned_seats_play_their_strategies(decisions):
    own = np.random.default_rng(3).random(10).tolist()
    native_and_plain(decisions, [1], ["liar", None, own, "HERO".lower()], 40)
    native_and_plain(decisions, [0, 3], [None, "coordinator", own, None], 40, max_nights=7)
    native_and_plain(decisions, [12], [own] * 12 + [None], 20, num_agents=13, num_houses=3)


RULES = [
    "specialist", "trivial_cooperator", "early_containment", "greedy_neighbor", "sparse_hero",
    "chain_reaction_coordinator",
]  # fmt: skip


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(("houses", "agents"), [(10, 4), (2, 3), (5, 7), (11, 2)])
def test_rules_play_like_the_players_in_python(name, houses, agents):
    rng = np.random.default_rng(houses)
    env = mf.VecEnv(
        ID, 40, num_houses=houses, num_agents=agents, agents=[agents - 1], policies=[name] * (agents - 1) + [None]
    )
    env.reset(seed=1)
    states = rng.choice(3, (40, houses), p=[0.4, 0.4, 0.2]).astype(np.uint8)
    env.state = {"houses": states}
    played = env.step(np.zeros((40, 1, 3), int))[4]["actions"]
    for row, town in enumerate(states):
        for i in range(agents - 1):
            agent = make_agent(name, i, num_agents=agents, num_houses=houses)
            assert agent.act(Evening.of(town, agents)) == tuple(played[row, i].tolist()), (town, i)


def test_random_players_and_random_strategies_are_random_and_repeatable():
    def play():
        env = mf.VecEnv(ID, 300, agents=[3], policies=["random", "uniform", "random_strategy", None])
        env.reset(seed=4)
        infos = [env.step(np.zeros((300, 1, 3), int))[4]["actions"] for _ in range(5)]
        return np.array(infos), env.state["strategies"]

    actions, strategies = play()
    again = play()
    assert np.array_equal(actions, again[0]) and np.array_equal(strategies, again[1])
    assert np.array_equal(actions[:, :, 0, 1], actions[:, :, 0, 2])  # honest
    assert abs((actions[:, :, 1, 1] == actions[:, :, 1, 2]).mean() - 0.5) < 0.05
    assert np.bincount(actions[:, :, :2, 0].ravel(), minlength=10).min() > 200
    assert not strategies[:, [0, 1, 3]].any() and abs(strategies[:, 2].mean() - 0.5) < 0.02


def test_strategies_can_differ_from_environment_to_environment():
    env = mf.VecEnv(ID, 2, agents=[3], policies=["hero", "hero", "hero", None])
    env.reset(seed=0)
    strategies = env.state["strategies"]
    assert strategies[0, 0].tolist() == ARCHETYPES["hero"].tolist() and not strategies[:, 3].any()
    strategies[1] = 0
    env.state = {"strategies": strategies}
    actions = env.step(np.zeros((2, 1, 3), int))[4]["actions"]
    assert actions[0, :3, 1].all() and not actions[1, :3, 1].any()
    with pytest.raises(errors.InvalidInputError, match="0 to 1"):
        env.state = {"strategies": strategies + 1.5}


def flat(parts: list) -> list[float]:
    return [float(x) for part in parts for x in np.ravel(part)]


@pytest.mark.parametrize("two_phase", [False, True])
def test_layouts(two_phase):
    own = [1.0, 2.0, 3.0, 4.0]
    chosen = scenario(
        "positional_default", commitment_mode="two_phase" if two_phase else "simultaneous", reward_own_house_survives=own,
        extinguish_mode="continuous", suppression_per_worker=0.25,
    )  # fmt: skip
    actions = np.array([[1, 1, 0], [2, 1, 1], [9, 0, 1], [4, 1, 1]])
    first = np.array([1, 0, 0, 1])
    given = np.concatenate([actions, first[:, np.newaxis]], 1) if two_phase else actions
    burning = np.array([0, 1, 1, 0, 0, 1, 0, 2, 0, 0], np.uint8)
    for layout in ("v1", "py_flat", "py_flat_round1", "core_flat", "gym_2025_11"):
        config = {"scenario": chosen.to_dict(), "observation": layout}
        if layout == "v1":
            config["observe_progress"] = True
        env = mf.VecEnv(ID, 1, agents=[1, 2], policies=["rest", None, None, "rest"], **config)
        env.reset(seed=0)
        env.state = {"houses": burning[np.newaxis]}
        assert np.array_equal(env.observe()[0, 0], env.observe()[0, 0])
        seen = env.step(given[np.newaxis, [1, 2]])[0][0]
        assert seen.shape == (2, env.spec["observation_shape"][0])
        assert all(space.contains(row) for space, row in zip(env.agent_observation_spaces, seen, strict=True))
        state = {name: column[0] for name, column in env.state.items()}
        assert state["fire_progress"][2] == 0.25 and state["houses"][2] == BURNING
        round1 = [state["round1_signals"]] if two_phase or layout == "py_flat_round1" else []
        pairs, info = state["last_actions"][:, :2], scenario_info(chosen)
        for seat, row in zip((1, 2), seen, strict=True):
            places = [state["signals"], state["positions"]]
            identity = np.eye(4)[seat]
            numbers = [
                0.25, 0.5, 0.02, 100, 100, own[seat], 0, 40, 0, 0.5, 0.5, 0.1, 12, 100, 4, [0, 3, 5, 8][seat],
            ]  # fmt: skip
            expected = {
                "v1": [
                    state["houses"], state["fire_progress"], *places, state["last_actions"],
                    *(round1 if two_phase else []), 1, numbers, identity,
                ],
                "py_flat": [state["houses"], *places, pairs, info, identity],
                "py_flat_round1": [state["houses"], *places, pairs, info, *round1, identity],
                "core_flat": [
                    *places, state["houses"], pairs, info[[0, 1, 3, 4, 9, 2, 10, 11, 5, 6, 7, 8]], seat, 1,
                ],
                "gym_2025_11": [
                    state["houses"], *places, pairs, [0.25, 0.5, 100, 100, 0.5, 0.02, 12, 0.02, 12, 4],
                ],
            }[layout]  # fmt: skip
            assert row.tolist() == np.float32(flat(expected)).tolist(), layout
        widths = {"py_flat": 42, "gym_2025_11": 36}
        assert len(seen[0]) == widths.get(layout, len(seen[0]))


def test_round_one_signals_can_be_shown_before_agents_act():
    env = mf.VecEnv(ID, 1, commitment_mode="two_phase", observation="py_flat_round1")
    env.reset(seed=0)
    env.state = {"round1_signals": np.array([[1, 0, 1, 1]], np.uint8)}
    assert env.observe()[0, 0, -8:-4].tolist() == [1, 0, 1, 1]
    after = env.step(np.array([[[0, 1, 1, 1]] * 4]))[0]
    assert after[0, 0, -8:-4].tolist() == [1, 1, 1, 1]
    assert env.single_action_space.nvec[0].tolist() == [10, 2, 2, 2]


def test_streams_go_on_in_the_same_way_in_every_mode():
    """A row that waits for its reset draws nothing."""
    rng = np.random.default_rng(2)
    actions = rng.integers(0, [10, 2, 2], (60, 1, 4, 3))
    config = {"scenario": "easy", "min_nights": 2, "agents": [0, 1, 2, 3]}
    games = []
    for mode in ("NextStep", "SameStep", "Disabled"):
        env = mf.VecEnv(ID, 1, autoreset_mode=mode, **config)
        env.reset(seed=7)
        starts, k, waits = [env.state["houses"].tolist()], 0, False
        while len(starts) < 6:
            if mode == "Disabled" and waits:
                env.reset()
            else:
                over = env.step(actions[k % 60])[2:4]
                k += not (mode == "NextStep" and waits)
                if mode != "SameStep" and not waits:
                    waits = bool(over[0][0] or over[1][0])
                    continue
                if mode == "SameStep" and not (over[0][0] or over[1][0]):
                    continue
            waits = False
            starts.append(env.state["houses"].tolist())
        games.append(starts)
    assert games[0] == games[1] == games[2]


def test_seeds_follow_each_other():
    env = mf.VecEnv(ID, 3, scenario="hard")
    env.reset(seed=41)
    assert env.seeds.tolist() == [41, 42, 43]
    houses = env.state["houses"]
    for row, seed in zip(houses, (41, 42, 43), strict=True):
        assert row.tolist() == Game("hard", seed=seed).houses.tolist()
    env.reset()
    assert env.seeds.tolist() == [41, 42, 43] and not np.array_equal(houses, env.state["houses"])


@pytest.mark.parametrize(
    ("actions", "kind", "words"),
    [
        ([[10, 0, 0]] * 4, errors.ActionError, "agent_0, house.*0 to 9, got 10"),
        ([[-1, 0, 0]] * 4, errors.ActionError, "0 to 9, got -1"),
        ([[0, 0, 0]] * 3 + [[0, 2, 0]], errors.ActionError, "agent_3, mode.*0 to 1, got 2"),
        ([[0, 0, 7]] * 4, errors.ActionError, "signal"),
        ([[0, 0, 0]] * 3, errors.ShapeError, "4, 3"),
        ([[0, 0, 0]] * 5, errors.ShapeError, "4, 3"),
        ([[0, 0, 0, 0]] * 4, errors.ShapeError, "4, 3"),
        ([0, 0, 0], errors.ShapeError, "4, 3"),
        ([[0, 0, 0], [0, 0]], errors.ShapeError, "lengths"),
        ([[0.5, 0, 0]] * 4, errors.ActionError, "0.5"),
        ([[np.nan, 0, 0]] * 4, errors.ActionError, "nan"),
        ([["a", 0, 0]] * 4, errors.DtypeError, "dtype"),
        (None, errors.MarlError, "actions"),
        ([[2**70, 0, 0]] * 4, errors.MarlError, "actions"),
    ],
)
def test_what_is_no_action_changes_nothing(actions, kind, words):
    game = Game("hard", seed=1)
    game.step([[1, 1, 1]] * 4)
    before = (game.houses.tolist(), game.scores.tolist(), game.night)
    with pytest.raises(kind, match=words):
        game.step(actions)
    assert before == (game.houses.tolist(), game.scores.tolist(), game.night)
    other = Game("hard", seed=1)
    other.step([[1, 1, 1]] * 4)
    assert game.step([[2, 1, 0]] * 4)[0].tolist() == other.step([[2, 1, 0]] * 4)[0].tolist()


def test_games_are_checked():
    with pytest.raises(errors.UnknownNameError, match="hard"):
        Game("hrad")
    for agents in (0, 256, 1.5, True):
        with pytest.raises(errors.MarlError, match="num_agents"):
            Game("hard", agents)
    for seed in (-1, 2**64, 0.5):
        with pytest.raises(errors.MarlError, match="seed"):
            Game("hard", 4, seed)
    with pytest.raises(errors.ShapeError):
        Game("v2_minimal", 3)
    game = Game("easy", seed=1)
    with pytest.raises(errors.InvalidInputError, match="one phase"):
        game.step_two_phase([0] * 4, [[0, 0, 0]] * 4)
    while not game.done:
        game.step([[0, 0, 0]] * 4)
    with pytest.raises(errors.EpisodeOverError, match="reset"):
        game.step([[0, 0, 0]] * 4)
    with pytest.raises(errors.InvalidInputError, match="agent"):
        game.observation(4)
    two = Game(scenario("easy", commitment_mode="two_phase"))
    with pytest.raises(errors.InvalidInputError, match="step_two_phase"):
        two.step([[0, 0, 0]] * 4)
    for signals, message in (
        ([0, 0, 0], "round1_signals: expected shape"), ([0, 0, 0, 2], "agent_3, round1_signal"),
        ([[0]] * 4, "round1_signals: expected shape"), ([[0], 0, 0, 0], "round1_signals: the rows"),
    ):  # fmt: skip
        with pytest.raises(errors.InvalidInputError, match=message):
            two.step_two_phase(signals, [[0, 0, 0]] * 4)
    assert two.night == 0


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("houses", np.full((2, 10), 3, np.uint8), "0 .safe., 1 .burning. or 2 .ruined."),
        ("positions", np.full((2, 4), 10, np.uint8), "a house from 0 to 9"),
        ("signals", np.full((2, 4), 2, np.uint8), "0 or 1"),
        ("fire_progress", np.full((2, 10), 0.5), "continuous"),
        ("last_actions", np.zeros((2, 4, 3), np.uint8), "not written"),
        ("scores", np.zeros((2, 4)), "not written"),
        ("houses", np.zeros((2, 9), np.uint8), "shape"),
    ],
)
def test_what_is_no_state_changes_nothing(column, values, words):
    env = mf.VecEnv(ID, 2, scenario="hard")
    env.reset(seed=1)
    before = env.state
    with pytest.raises(errors.MarlError, match=words):
        env.state = {column: values}
    assert all(np.array_equal(before[name], env.state[name]) for name in before)


def test_no_limit_of_nights():
    game = Game(scenario("hard", prob_house_catches_fire=0.0, max_nights=None), seed=0)
    game_env = mf.VecEnv(ID, 1, scenario="hard", max_nights=None)
    assert game_env.spec["max_episode_steps"] is None
    for _ in range(300):
        if game.step([[0, 0, 0]] * 4)[1]:
            break
    assert not game.truncated and game.night == 16
