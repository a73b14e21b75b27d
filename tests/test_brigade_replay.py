"""Replays: recorded, written, read, checked, played again; and what the original's files say."""

import copy
import json
import random

import numpy as np
import pytest

from marl_ffi.bucket_brigade import (
    SCENARIOS,
    Agent,
    Game,
    Recorder,
    Replay,
    ReplayError,
    archetype,
    run_heuristic_episode,
    scenario,
)
from marl_ffi.errors import ActionError, DtypeError, InvalidInputError, MarlError, ShapeError, UnknownNameError

TEAM = ["firefighter", "free_rider", "hero", "liar"]
def eventful():
    """A game with fires, losses and savings."""
    chosen = scenario("deceptive_calm", min_nights=30, termination="no_fire", max_nights=60)
    return Replay.play(chosen, TEAM, seed=0)


# -- recording ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decisions", ["original", "independent"])
@pytest.mark.parametrize("name", ["default", "rest_trap", "v2_minimal", "default_continuous"])
def test_a_replay_of_archetypes_is_the_engine_s_episode(name, decisions):
    for seed in range(3):
        replay = Replay.play(name, TEAM, seed, decisions=decisions)
        params = [archetype(each) for each in TEAM]
        scores, nights = run_heuristic_episode(name, params, seed, decisions=decisions)
        assert replay.num_nights == nights
        assert replay.rewards.astype(np.float32).cumsum(axis=0, dtype=np.float32)[-1].tolist() == scores.tolist()


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_is_recorded_and_verified(name):
    replay = Replay.play(name, ["specialist", "uniform", "early_containment", [0.5] * 10], seed=5)
    verified = replay.verify()
    assert verified.from_seed and verified.nights == replay.num_nights
    assert replay.agents == ("specialist", "uniform", "early_containment", "heuristic")
    assert Replay.from_json(replay.to_json()) == replay


def test_a_game_of_two_phases_keeps_the_first_signals():
    class Waverer(Agent):
        def signal_first(self, evening):
            return (evening.night + self.index) % 2

        def act(self, evening):
            assert evening.round1_signals.tolist() == [(evening.night + i) % 2 for i in range(3)]
            return 0, 1, 0

    replay = Replay.play(scenario("hard", commitment_mode="two_phase"), [Waverer(i) for i in range(3)], seed=1)
    assert replay.round1_signals[:3].tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert replay.lies.all() and replay.verify().from_seed
    assert Replay.from_json(replay.to_json()) == replay


def test_a_game_can_be_recorded_by_hand():
    recorder = Recorder("easy", seed=4)
    rewards = recorder.step([[0, 1], [1, 0], [2, 1], [3, 0]])
    replay = recorder.replay()
    assert replay.rewards[0].tolist() == rewards.tolist()
    assert replay.actions[0].tolist() == [[0, 1, 1], [1, 0, 0], [2, 1, 1], [3, 0, 0]]
    again = Replay.from_actions("easy", replay.actions, 4)
    assert again == replay and again.verify().from_seed


def test_what_cannot_be_played_is_not_recorded():
    with pytest.raises(UnknownNameError, match="unknown player 'heroo'; did you mean 'hero'"):
        Replay.play("easy", ["heroo"])
    with pytest.raises(DtypeError, match="agents: expected a list, one for each seat"):
        Replay.play("easy", "hero")
    with pytest.raises(ShapeError, match=r"agents\[1\]: expected shape \(10,\)"):
        Replay.play("easy", ["hero", [0.5] * 9])
    with pytest.raises(InvalidInputError, match="decisions: expected one of"):
        Replay.play("easy", ["hero"], decisions="mine")
    with pytest.raises(ShapeError, match=r"actions: expected shape \(nights, agents, 3\)"):
        Replay.from_actions("easy", np.zeros((3, 4)), 0)
    with pytest.raises(InvalidInputError, match=r"actions\[0, 0, 0\]: expected 0 to 255, got -1"):
        Replay.from_actions("easy", np.full((1, 4, 3), -1), 0)
    with pytest.raises(ActionError, match="from 0 to 9, got 20"):
        Replay.from_actions("easy", np.full((1, 4, 3), 20), 0)
    with pytest.raises(ReplayError, match="the game is over after 11 nights, got 12"):
        Replay.from_actions(scenario("easy", prob_house_catches_fire=0), np.zeros((12, 4, 3), int), 0)


# -- files --------------------------------------------------------------------------------------------------------------


def test_files_go_round(tmp_path):
    replay = eventful()
    replay.save(tmp_path / "game.json")
    read = Replay.load(tmp_path / "game.json")
    assert read == replay and read.verify().from_seed and read.scenario == replay.scenario
    values = json.loads((tmp_path / "game.json").read_text())
    assert (values["format"], values["version"]) == ("marl_ffi/bucket_brigade/replay", 1)
    assert values["generator"] == {"name": "pcg64-xsl-rr/seed_from_u64", "seed": 0}
    assert [record["night"] for record in values["nights"][:4]] == [0, 0, 1, 2]
    assert set(values["scenario"]) == set(SCENARIOS["easy"].to_dict())
    replay.save(tmp_path / "game.html")
    assert (tmp_path / "game.html").read_text().startswith("<!doctype html>")


def test_arrays_of_a_replay_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        eventful().houses[0, 0] = 1


def broken(change):
    """A replay's dictionary, changed."""
    values = copy.deepcopy(eventful().to_dict())
    change(values)
    return values


def put(*path_and_value):
    """A change that puts a value somewhere."""
    *path, key, value = path_and_value

    def change(values):
        for step in path:
            values = values[step]
        values[key] = value

    return change


def night_of(what):
    """A night (its record) and a house to which this happens in the eventful game."""
    houses = eventful().houses.astype(int)
    before, after = {"ruined": (2, 2), "lost": (1, 2), "saved": (1, 0), "lit": (0, 1)}[what]
    night, house = np.argwhere((houses[:-1] == before) & (houses[1:] == after))[0]
    return int(night) + 1, int(house)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("version", 2), "version: expected 1, got 2"),
        # of a version that is not known nothing else is asked
        (lambda values: [values.clear(), values.update(format="marl_ffi/bucket_brigade/replay", version=9)], "got 9"),
        (put("version", "1"), "version: expected 1, got '1'"),
        (put("format", "other"), "format: expected 'marl_ffi/bucket_brigade/replay', got 'other'"),
        (put("nihgts", []), "unknown replay key 'nihgts'; did you mean 'nights'"),
        (put("rules", "chess"), "rules: expected one of 'core'"),
        (put("generator", "name", "mt19937"), "generator: expected 'pcg64-xsl-rr/seed_from_u64'"),
        (put("generator", "seed", -1), "generator.seed: expected an integer from 0"),
        (put("generator", "seed", 1.5), "generator.seed"),
        (put("agents", ["a"]), "agents: expected 4 names, got 1"),
        (put("agents", 3), "agents: expected a list of names"),
        (put("early", {"N_spark": 3}), "early: expected rho_ignite, 0 to 1, and N_spark, a whole number"),
        (put("scenario", "num_house", 3), "unknown scenario field 'num_house'; did you mean 'num_houses'"),
        (put("scenario", "penalty_own_house_burns", -10), "penalty_own_house_burns: expected a number >= 0"),
        (put("scenario", []), "scenario: expected a dictionary"),
        (put("nights", []), "nights: expected a list of records"),
        (put("nights", 3, 7), "nights[3]: expected a dictionary, got 7"),
        (put("nights", 3, "night", 3), "nights[3].night: expected 2, got 3"),
        (put("nights", 3, "hauses", []), "nights[3]: unknown key 'hauses'; did you mean 'houses'"),
        (lambda values: values["nights"][3].pop("rewards"), "nights[3].rewards: required, but not given"),
        (put("nights", 3, "houses", [0] * 9), "nights[3].houses: expected shape (10,)"),
        (put("nights", 3, "houses", 4, 3), "nights[3].houses[4]: expected 0 to 2, got 3"),
        (put("nights", 3, "houses", 4, 0.5), "nights[3].houses: expected whole numbers"),
        (put("nights", 3, "houses", 4, -1), "nights[3].houses: expected numbers from 0 to 255"),
        (put("nights", 3, "houses", 4, [1]), "nights[3].houses: expected shape (10,)"),
        (put("nights", 3, "rewards", 1, "x"), "nights[3].rewards: expected numbers"),
        (put("nights", 3, "rewards", 1, float("nan")), "nights[3].rewards[1]: expected a finite number, got nan"),
        (put("nights", 3, "signals", 1, 7), "nights[3].signals[1]: the action says"),
        (put("nights", 3, "locations", 1, 7), "nights[3].locations[1]: the action says 1, got 7"),
        (put("nights", 3, "actions", 1, [1, 0]), "nights[3].actions: expected shape (4, 3)"),
        (put("nights", 0, "actions", 1, [1, 1, 1]), "nights[0]: expected no actions and rewards"),
        (put("nights", 0, "houses", 1, 2), "nights[0].houses[1]: no house is ruined before the first night"),
        (put("nights", 9, "round1_signals", [0] * 4), "round1_signals: expected on every night or on none"),
        (put("scenario", "max_nights", 5), "nights: at most 5 can be played (max_nights), got 31"),
        (put("scenario", "min_nights", 3), "the game is over after"),
        (put("scenario", "prob_house_catches_fire", 0), "safe cannot become burning: nothing could light it"),
        (put("scenario", "extinguish_mode", "continuous"), "burning cannot become ruined: fires burn on"),
    ],
)  # fmt: skip
def test_broken_files_are_refused_with_the_place(change, message):
    with pytest.raises(ReplayError) as caught:
        Replay.from_dict(broken(change))
    assert message in str(caught.value) and len(str(caught.value)) < 450


@pytest.mark.parametrize(
    ("what", "after", "message"),
    [
        ("ruined", 0, "ruined cannot become safe: ruins stay"),
        ("ruined", 1, "ruined cannot become burning: ruins stay"),
        ("lost", 0, "burning cannot become safe: nobody worked there"),
        ("lost", 1, "burning cannot become burning: nobody worked there"),
        ("lit", 2, "safe cannot become ruined: it must burn first"),
    ],
)
def test_what_cannot_happen_is_named_with_its_place(what, after, message):
    record, house = night_of(what)
    if what == "lost":
        # take everybody away from the house that is lost
        def change(values):
            for action in values["nights"][record]["actions"]:
                if action[0] == house:
                    action[1] = 0
            values["nights"][record]["houses"][house] = after
    else:
        change = put("nights", record, "houses", house, after)
    with pytest.raises(ReplayError) as caught:
        Replay.from_dict(broken(change))
    assert f"nights[{record}].houses[{house}]: {message}" in str(caught.value)


def one_night(before, after, actions, **changes):
    """A replay of a single night on three houses, with two agents."""
    fields = {"num_houses": 3, "num_agents": 2, "prob_house_catches_fire": 0.5, **changes}
    chosen = scenario("default", **fields)
    states = [[".fx".index(each) for each in houses] for houses in (before, after)]
    return Replay(chosen, np.array(states, np.uint8), np.array([actions], np.uint8), np.zeros((1, 2)))


@pytest.mark.parametrize(
    ("before", "after", "changes", "message"),
    [
        (".f.", "...", {"prob_house_catches_fire": 0}, "nothing burns first where prob_house_catches_fire is 0"),
        (".f.", "..f", {}, ""), (".f.", ".x.", {}, ""), (".f.", ".f.", {}, ""),
        (".f.", ".f.", {"phase_order": "spread_first"}, ""),
        (".f.", "x..", {"phase_order": "spread_first"}, ""),
        (".f.", "x..", {}, "safe cannot become ruined: it must burn first"),
        ("...", "x..", {"phase_order": "spread_first"}, "safe cannot become ruined: it must burn first"),
        ("..f", "..f", {}, "burning cannot become burning: nobody worked there"),
        ("..f", "..f", {"extinguish_mode": "continuous"}, ""),
        ("..f", "...", {"extinguish_mode": "continuous"}, "burning cannot become safe: nobody worked there"),
        (".f.", "...", {"extinguish_mode": "continuous"}, "burning cannot become safe: no work puts it out"),
        (".f.", "...", {"extinguish_mode": "continuous", "suppression_per_worker": 0.5}, ""),
        (".f.", ".x.", {"extinguish_mode": "continuous"}, "fires burn on in continuous mode"),
        (".f.", "...", {"prob_solo_agent_extinguishes_fire": 0}, "no work puts it out"),
        (".f.", ".x.", {"prob_solo_agent_extinguishes_fire": 1}, "who works there surely saves it"),
        (".f.", ".x.", {"prob_solo_agent_extinguishes_fire": 1, "phase_order": "spread_first"}, ""),
        ("...", "...", {"action_validity_mode": "adjacent_only", "agent_home_positions": [0, 0]}, ""),
        ("....", "....", {"num_houses": 4, "action_validity_mode": "adjacent_only", "agent_home_positions": [3, 0]},
         "nights[1].actions: under adjacent_only nobody goes further than next door"),
    ],
)  # fmt: skip
def test_what_one_night_can_do(before, after, changes, message):
    """Agent 0 works at house 1, agent 1 rests at house 0."""
    actions = [[1, 1, 1], [0, 0, 0]]
    if not message:
        assert one_night(before, after, actions, **changes).num_nights == 1
        return
    with pytest.raises(ReplayError) as caught:
        one_night(before, after, actions, **changes)
    assert message in str(caught.value)


def test_a_house_is_not_lit_again_without_sparks():
    quiet = {"prob_house_catches_fire": 0, "extinguish_mode": "continuous", "suppression_per_worker": 1.0}
    values = one_night("...", "...", [[1, 1, 1], [0, 0, 0]], **quiet).to_dict()
    values["nights"] += [{**values["nights"][1], "night": 1, "houses": [0, 1, 0]}]
    with pytest.raises(ReplayError, match=r"nights\[2\].houses\[1\]: safe cannot become burning: nothing could light it"):
        Replay.from_dict(values)


def test_what_can_happen_but_did_not_is_found_by_playing_again():
    wrong_reward = Replay.from_dict(broken(put("nights", 3, "rewards", 1, 12.0)))
    with pytest.raises(ReplayError, match=r"nights\[3\].rewards\[1\]: the game gives .*, the replay says 12.0"):
        wrong_reward.verify()
    replay = eventful()
    with pytest.raises(ReplayError, match=r"houses\[\d+\]: the game gives \d, the replay says \d"):
        replay.verify(seed=1)
    unknown_seed = Replay.from_dict(broken(put("generator", "seed", None)))
    assert unknown_seed.verify().from_seed is False and unknown_seed.verify(seed=0).from_seed


@pytest.mark.parametrize("text", ["", "[", "3", "null", "[]", '"x"', "{}", "[" * 100000, '{"nights": [], "scenario": {}}'])
def test_what_is_no_replay_is_refused(text):
    with pytest.raises(ReplayError):
        Replay.from_json(text)


def test_files_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "game.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ReplayError, match="is no text"):
        Replay.load(tmp_path / "game.json")
    with pytest.raises(OSError, match="no_such_file"):
        Replay.load(tmp_path / "no_such_file.json")


def places(value, path=()):
    """Paths to everything in nested lists and dictionaries."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from places(child, (*path, key))


def test_random_damage_is_refused_or_does_no_harm():
    draw = random.Random(0)
    junk = [None, True, -1, 0, 1, 2, 255, 10**30, 1.5, float("nan"), "", "x", [], [1], [[1]], {}, {"a": 1}, [None] * 4]
    kinds = {"refused": 0, "harmless": 0}
    whole = Replay.play(scenario("hard", max_nights=4, commitment_mode="two_phase"), ["hero", "liar"], 1).to_dict()
    for _ in range(1500):
        values = copy.deepcopy(whole)
        *path, key = draw.choice(list(places(values)))
        parent = values
        for step in path:
            parent = parent[step]
        if draw.random() < 0.2:
            del parent[key]
        else:
            parent[key] = copy.deepcopy(draw.choice(junk))
        try:
            replay = Replay.from_dict(values)
        except ReplayError:
            kinds["refused"] += 1
        else:
            kinds["harmless"] += 1
            assert Replay.from_json(replay.to_json()) == replay
            assert replay.text() and replay.html()
    assert min(kinds.values()) > 20, kinds


# -- looking ------------------------------------------------------------------------------------------------------------


def test_the_text_tells_the_nights():
    replay = eventful()
    lines = replay.text().splitlines()
    assert len(lines) == replay.num_nights + 7
    assert "\x1b" not in replay.text() and "\x1b[" in replay.text(color=True)
    night = replay.text(15)
    counts = [int(np.sum(replay.houses[15] == state)) for state in range(3)]
    assert "{} safe, {} burning, {} ruined".format(*counts) in night
    assert "lost: 9" in night and "lit: 1, 6" in night
    assert "1 free_rider   rests at house  1, but says it works" in night
    for i, reward in enumerate(replay.rewards[14]):
        assert f"{reward:+.2f}" in night.splitlines()[-4 + i]
    assert replay.text(0).startswith("Before the first night")
    with pytest.raises(InvalidInputError, match="night: expected between 0 and 31, got 32"):
        replay.text(32)


def test_pictures_show_what_is_there():
    replay = eventful()
    fire, ruin = np.array([228, 87, 46]), np.array([165, 161, 151])
    for night in (0, 5, 15, 31):
        picture = replay.frame(night)
        assert picture.shape == (480, 480, 3) and picture.dtype == np.uint8
        for colour, state in ((fire, 1), (ruin, 2)):
            painted = int(np.sum((picture == colour).all(axis=2)))
            assert (painted > 100) == bool((replay.houses[night] == state).any())
    red = np.array([195, 39, 74])
    lying = [bool((replay.frame(night) == red).all(axis=2).any()) for night in range(1, 32)]
    assert lying == replay.lies.any(axis=1).tolist()
    assert replay.frames(size=64).shape == (32, 64, 64, 3)
    with pytest.raises(InvalidInputError, match="size: expected between 64 and 4096, got 10"):
        replay.frame(0, size=10)


def test_pictures_of_towns_of_any_size():
    for houses, agents in ((2, 1), (255, 255), (3, 100)):
        chosen = scenario("hard", num_houses=houses, max_nights=2)
        assert Replay.play(chosen, ["hero"] * agents, seed=1).frame(1, size=128).std() > 0


def test_recording_and_playing_agree_with_a_game_by_hand():
    replay = eventful()
    game = Game(replay.scenario, 4, 0)
    for night, actions in enumerate(replay.actions):
        rewards, done = game.step(actions)
        assert rewards.tolist() == replay.rewards[night].tolist()
        assert game.houses.tolist() == replay.houses[night + 1].tolist()
        assert done == (night == replay.num_nights - 1)
    assert issubclass(ReplayError, MarlError) and issubclass(ReplayError, ValueError)
