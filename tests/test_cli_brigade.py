"""The commands that analyse Bucket Brigade: what they print, write and draw, and what a wrong call is told."""

from __future__ import annotations

import json
import re
import time

import numpy as np
import pytest

from marl_ffi import brigade_plots
from marl_ffi import game_theory as gt
from marl_ffi.benchmark import bench
from marl_ffi.benchmark import brigade as bench_brigade
from marl_ffi.bucket_brigade import ARCHETYPES, PayoffEvaluator, Tournament, run_tournament
from marl_ffi.cli import main

PNG = b"\x89PNG"
TWO = ["--strategies", "firefighter,free_rider"]


def run(capsys, *arguments):
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def answer(capsys, *arguments):
    """What a command says as JSON on standard output, and nothing else there."""
    code, out, err = run(capsys, *arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def complaint(capsys, *arguments):
    code, out, err = run(capsys, *arguments)
    assert code == 2 and out == "" and err.startswith("marl-ffi: ") and err.count("\n") == 1
    return err


# ------------------------------------------------------------------------------------------------------------
# nash


def test_nash(capsys):
    code, out, _ = run(capsys, "nash", "rest_trap", *TWO, "--simulations", "300")
    assert code == 0
    for word in ("rest_trap: 1 symmetric equilibrium among 2 strategies (all there are)", "firefighter", "free_rider",
                 "points per agent and episode of at most 100 nights", "best response", "adversary", "regret"):  # fmt: skip
        assert word in out
    told = answer(capsys, "nash", "rest_trap", *TWO, "--simulations", "300")
    [found] = told["equilibria"]
    game = PayoffEvaluator("rest_trap", 300, 0).payoff_table(TWO[1].split(","))
    assert found == gt.symmetric_nash(game)[0].to_dict()
    assert found["distribution"]["free_rider"] == pytest.approx(0.48, abs=0.06)
    assert told["complete"] and told["num_agents"] == 4 and set(told["maxmin"]) == {"firefighter", "free_rider"}
    assert told["best_response"]["to"] == found["distribution"]


def test_nash_depends_on_the_seed_and_not_on_threads(capsys):
    settings = ("nash", "easy", *TWO, "--simulations", "50")
    first = answer(capsys, *settings, "--seed", "1", "--threads", "1")
    assert first == answer(capsys, *settings, "--seed", "1", "--threads", "2")
    assert first != answer(capsys, *settings, "--seed", "2")


def test_nash_writes_and_draws(capsys, tmp_path):
    files = {name: tmp_path / f"game.{name}" for name in ("csv", "nfg", "json", "png")}
    code, out, _ = run(
        capsys, "nash", "default", *TWO, "--simulations", "40", "--agents", "3", "--csv", str(files["csv"]), "--nfg",
        str(files["nfg"]), "--json", str(files["json"]), "--plot", str(files["png"]),
    )  # fmt: skip
    assert code == 0 and "probability" in out
    game = gt.SymmetricGame.from_csv(files["csv"])
    assert game.num_players == 3 and game.names == ("firefighter", "free_rider")
    assert files["nfg"].read_text().startswith('NFG 1 R "Bucket Brigade, default" { "Player 1" "Player 2" "Player 3" }')
    assert json.loads(files["json"].read_text())["num_agents"] == 3
    assert files["png"].read_bytes()[:4] == PNG


def test_nash_of_many_strategies_draws(capsys, tmp_path):
    picture = tmp_path / "new" / "game.svg"
    told = answer(capsys, "nash", "easy", "--simulations", "60", "--plot", str(picture))
    assert len(told["equilibria"]) >= 1 and "<svg" in picture.read_text()[:400]


def test_nash_searches(capsys, tmp_path):
    file = tmp_path / "found.json"
    code, out, _ = run(capsys, "nash", "easy", *TWO, "--simulations", "40", "--search", "--json", str(file))
    assert code == 0 and "double oracle" in out
    assert json.loads(file.read_text())["double_oracle"]["iterations"] >= 1


def test_nash_by_seats(capsys):
    told = answer(capsys, "nash", "trivial_cooperation", *TWO, "--simulations", "40", "--seats")
    # nothing ever burns: whoever works loses, and the free rider hardly works
    assert sum(told["starts"]) == 3 and all(max(p["gains"]) < 20 for p in told["profiles"])
    code, out, _ = run(capsys, "nash", "trivial_cooperation", *TWO, "--simulations", "40", "--seats")
    assert code == 0 and "where best responses lead" in out
    assert "--seats" in complaint(capsys, "nash", "--seats", "--plot", "x.png")


# ------------------------------------------------------------------------------------------------------------
# evolve


def test_evolve(capsys, tmp_path):
    settings = ("evolve", "default", "--population", "8", "--generations", "2", "--games", "5")
    told = answer(capsys, *settings)
    assert len(told["history"]) == 3 and len(told["best"]) == 10 and set(told["archetypes"]) == set(ARCHETYPES)
    assert told["work"] == pytest.approx(told["best"][1] * (1 - told["best"][8]))
    code, out, _ = run(
        capsys, *settings, "--csv", str(tmp_path / "h.csv"), "--plot", str(tmp_path / "h.png"), "--method", "cma", "--team",
        "heterogeneous", "--checkpoint", str(tmp_path / "run.json"),
    )  # fmt: skip
    assert code == 0 and "evolved" in out and "hero" in out and "points per candidate" in out
    assert (tmp_path / "h.png").read_bytes()[:4] == PNG and len((tmp_path / "h.csv").read_text().splitlines()) == 4
    assert (tmp_path / "run.json").exists()


def test_evolve_goes_on_from_a_checkpoint(capsys, tmp_path):
    settings = ("evolve", "easy", "--population", "6", "--games", "4", "--checkpoint", str(tmp_path / "run.json"))
    answer(capsys, *settings, "--generations", "1")
    pieces = answer(capsys, *settings, "--generations", "3")
    assert pieces == answer(capsys, *settings[:-2], "--generations", "3")
    assert "population_size" in complaint(capsys, *settings[:3], "7", *settings[4:])


# ------------------------------------------------------------------------------------------------------------
# tournament


def test_tournament(capsys, tmp_path):
    told = answer(capsys, "tournament", "easy", "default", "--games", "200", "--seed", "3")
    played = run_tournament(scenarios=["easy", "default"], num_games=200, seed=3, show_progress=False)
    assert [row["name"] for row in told["ranking"]] == [agent.name for agent in played.ranking().agents]
    assert set(told["mean_payoffs"]) == {"easy", "default"} and told["games"] == 200
    code, out, _ = run(
        capsys, "tournament", "--games", "150", "--csv", str(tmp_path / "t.csv"), "--plot", str(tmp_path / "t.png")
    )
    assert code == 0 and "Ranking from 150 games" in out and "replaced" in out
    assert len(Tournament.from_csv(tmp_path / "t.csv")) == 150 and (tmp_path / "t.png").read_bytes()[:4] == PNG


# ------------------------------------------------------------------------------------------------------------
# Wrong calls


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nash", "rest_trop"), "did you mean 'rest_trap'"),
        (("nash", "--strategies", "heroo"), "did you mean 'hero'"),
        (("nash", "--strategies", ","), "at least one"),
        (("nash", "--simulations", "1"), "--simulations"),
        (("nash", "--agents", "1"), "--agents"),
        (("nash", "--strategies", "hero,hero"), "different ones"),
        (("evolve", "defoult"), "did you mean 'default'"),
        (("evolve", "--method", "sgd"), "--method"),
        (("evolve", "--population", "1"), "--population"),
        (("tournament", "defoult"), "did you mean 'default'"),
        (("tournament", "--games", "5"), "more games than unknowns"),
        (("tournament", "--strategies", "hero"), "two agents"),
    ],
)
def test_wrong_calls(capsys, arguments, message):
    assert re.search(message, complaint(capsys, *arguments))


@pytest.mark.parametrize(
    ("command", "option"),
    [("nash", "--csv"), ("nash", "--nfg"), ("nash", "--json"), ("nash", "--plot"), ("evolve", "--checkpoint"),
     ("evolve", "--csv"), ("tournament", "--csv"), ("tournament", "--json"), ("tournament", "--plot")],
)  # fmt: skip
def test_where_nothing_can_be_written_is_said_before_the_work(capsys, tmp_path, command, option):
    (tmp_path / "file").write_text("")
    said = complaint(capsys, command, option, str(tmp_path / "file" / "x.png"))
    assert option in said and "its directory cannot be made" in said


def test_a_plot_of_another_kind_is_refused(capsys, tmp_path):
    for command in ("tournament", "nash", "evolve"):
        assert ".png, .svg, .pdf" in complaint(capsys, command, "--plot", str(tmp_path / "t.xyz"))


# ------------------------------------------------------------------------------------------------------------
# Pictures


def test_a_picture_of_two_strategies_shows_every_equilibrium():
    game = gt.SymmetricGame([[2, 0], [0, 1]], names=["a", "b"], units="points")
    figure = brigade_plots.equilibria(game, gt.symmetric_nash(game))
    said = [text.get_text() for text in figure.axes[0].texts]
    assert len(said) == 3 and any("66.7% b" in text for text in said)
    [line, _] = [line for line in figure.axes[0].lines if line.get_label() in ("a", "b")]
    np.testing.assert_allclose(line.get_ydata()[[0, -1]], [2, 0])


def test_a_picture_of_many_shows_probabilities_and_gains():
    game = gt.SymmetricGame([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], names=["rock", "paper", "scissors"], units="points")
    upper, lower = brigade_plots.equilibria(game, gt.symmetric_nash(game)).axes
    assert [bar.get_height() for bar in upper.patches] == pytest.approx([1 / 3] * 3)
    assert [label.get_text() for label in lower.get_xticklabels()] == ["rock", "paper", "scissors"]


# ------------------------------------------------------------------------------------------------------------
# Benchmarks


def test_a_rival_that_is_elsewhere_is_not_raced():
    """Its time stands, whatever the rival's function is; the ratio is to our median."""

    def never():
        raise AssertionError("the rival was called")

    race = bench.Race(lambda: time.sleep(0.002), never, 2, lambda: None, elsewhere=0.5)
    [result] = bench.run([bench.Case("s", "w", "n", "a number", lambda: race, 1.0)], 7)
    assert result.rival == result.rival_min == 0.5 and 0.001 <= result.ours < 0.4
    assert result.ratio == result.rival / result.ours and result.verdict == "pass"


def test_two_threads_agree_with_one():
    cases = [case for case in bench_brigade.cases() if "2 threads" in case.work]
    assert len(cases) == 2
    for case in cases:
        case.build().agree()
