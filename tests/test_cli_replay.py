"""`marl-ffi replay`: games recorded, read, checked, shown and written; and what it refuses, in one line."""

import json

import pytest
from test_cli import complaint, run

from marl_ffi.bucket_brigade import Replay

RECORD = ("replay", "--record", "--scenario", "rest_trap", "--agents", "firefighter,free_rider,specialist", "--seed", "3")


@pytest.fixture
def game(tmp_path, capsys):
    path = tmp_path / "game.json"
    code, out, err = run(capsys, *RECORD, "-o", str(path))
    assert (code, err) == (0, "")
    assert out.startswith(f"{path}: ") and out.endswith("nights, seed 3\n")
    return path


def test_a_recorded_game_is_the_library_s(game):
    expected = Replay.play("rest_trap", ["firefighter", "free_rider", "specialist"], seed=3)
    assert Replay.load(game) == expected


def test_it_is_shown_as_text(game, capsys):
    replay = Replay.load(game)
    code, out, _ = run(capsys, "replay", str(game))
    assert (code, out) == (0, replay.text() + "\n")
    code, out, _ = run(capsys, "replay", str(game), "--night", "2")
    assert (code, out) == (0, replay.text(2) + "\n")


def test_it_is_written_as_a_page_and_as_text(game, tmp_path, capsys):
    for name, content in (("a.html", Replay.load(game).html()), ("a.txt", Replay.load(game).text() + "\n")):
        assert run(capsys, "replay", str(game), "-o", str(tmp_path / name))[0] == 0
        assert (tmp_path / name).read_text() == content


def test_without_a_seed_there_is_a_fresh_one_that_repeats_the_game(tmp_path, capsys):
    summaries = []
    for name in ("a.json", "b.json"):
        code, out, _ = run(capsys, "replay", "--record", "-o", str(tmp_path / name), "--json", "--verify")
        summaries.append(json.loads(out))
        assert code == 0 and summaries[-1]["verified"].endswith("from the seed")
    assert summaries[0]["seed"] != summaries[1]["seed"]
    assert Replay.play("default", ["firefighter", "free_rider", "hero", "liar"], summaries[0]["seed"]) == Replay.load(
        tmp_path / "a.json"
    )


def test_the_summary(game, capsys):
    replay = Replay.load(game)
    summary = json.loads(run(capsys, "replay", str(game), "--json")[1])
    assert summary["scores"] == replay.scores.tolist()
    assert summary["nights"] == replay.num_nights and summary["scenario"] == "rest_trap"
    assert summary["lies"] == replay.lies.sum(axis=0).tolist() and summary["verified"] is None
    assert sum(summary["houses"].values()) == 10
    assert summary["nights_worked"] == (replay.actions[:, :, 1] == 1).sum(axis=0).tolist()


def test_fields_can_be_set(capsys):
    code, out, _ = run(capsys, *RECORD, "--set", "num_houses=5", "--set", "termination=no_fire", "--set", "max_nights=null")
    assert code == 0 and "3 agents, 5 houses" in out


def test_a_replay_that_is_not_what_the_game_gives_fails(game, capsys):
    assert run(capsys, "replay", str(game), "--verify")[0] == 0
    values = json.loads(game.read_text())
    values["nights"][1]["rewards"][0] = 1e6
    game.write_text(json.dumps(values))
    code, out, err = run(capsys, "replay", str(game), "--verify")
    assert (code, out) == (1, "") and "nights[1].rewards[0]: the game gives" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected either a FILE or --record"),
        (("game.json", "--record"), "expected either a FILE or --record"),
        (("no_such_file.json",), "no_such_file.json: No such file or directory"),
        (("--record", "--agents", "heroo"), "unknown player 'heroo'; did you mean 'hero'"),
        (("--record", "--scenario", "rest_trp"), "unknown scenario 'rest_trp'; did you mean 'rest_trap'"),
        (("--record", "--set", "num_houses"), "--set: expected FIELD=VALUE, got 'num_houses'"),
        (("--record", "--set", "num_house=3"), "unknown scenario field 'num_house'; did you mean 'num_houses'"),
        (("--record", "--set", "num_houses=x"), "Scenario.num_houses: expected an integer"),
        (("--record", "--seed", "-1"), "-1 is not in the range"),
        (("--record", "-o", "game.png"), "--output: expected a name that ends in .json"),
        (("--record", "--seed", "3", "--night", "99"), "night: expected between 0 and"),
        (("--record", "-o", "/dev/null/game.json"), "/dev/null"),
    ],
)
def test_wrong_calls_get_one_line(arguments, message, capsys):
    assert message in complaint(capsys, "replay", *arguments)
