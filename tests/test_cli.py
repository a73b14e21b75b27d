"""The command line, its exit codes and messages; the rules of the benchmark harness; the examples."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from plugin_support import own_envs

import marl_ffi as mf
from marl_ffi import demo
from marl_ffi.benchmark import bench
from marl_ffi.benchmark import classic as bench_classic
from marl_ffi.benchmark import env as bench_env
from marl_ffi.benchmark import rivals as bench_rivals
from marl_ffi.cli import console, main
from marl_ffi.errors import InvalidInputError, UnknownNameError
from marl_ffi.market.params import default_params

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def no_data_directory(monkeypatch):
    monkeypatch.delenv(demo.DATA_VARIABLE, raising=False)


def run(capsys, *arguments):
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def complaint(capsys, *arguments):
    """The one line that a wrong call gets."""
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("marl-ffi: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


# ------------------------------------------------------------------------------------------------------------
# info, list


def test_info(capsys):
    code, out, _ = run(capsys, "info")
    assert code == 0
    shown = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert shown["backend"] == mf.build_info()["backend"]
    assert shown["numpy"] == np.__version__


def test_info_json(capsys):
    code, out, _ = run(capsys, "info", "--json")
    info = json.loads(out)
    assert code == 0
    assert mf.build_info().items() <= info.items()
    assert info["packages"]["numpy"] == np.__version__
    assert set(info["packages"]) == {"numpy", "numba", "gymnasium", "pettingzoo", "cffi"}


def test_module_is_the_command_line():
    done = subprocess.run(
        [sys.executable, "-m", "marl_ffi", "info", "--json"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["backend"] == mf.build_info()["backend"]
    wrong = subprocess.run(
        [sys.executable, "-m", "marl_ffi", "list", "Nothing"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr


def test_version(capsys):
    assert run(capsys, "--version")[:2] == (0, f"marl_ffi {mf.__version__}\n")


def test_without_a_command_there_is_help(capsys):
    code, out, _ = run(capsys)
    assert code == 0
    for command in ("demo", "bench", "info", "list"):
        assert command in out


def test_list(capsys):
    code, out, _ = run(capsys, "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == mf.list_envs()
    assert "ElectricityMarket-v0" in out


def test_list_json(capsys):
    code, out, _ = run(capsys, "list", "--json")
    assert code == 0
    assert json.loads(out) == {name: mf.spec(name)["description"] for name in mf.list_envs()}


@pytest.mark.parametrize("env_id", own_envs())
def test_list_one(capsys, env_id):
    code, out, _ = run(capsys, "list", env_id)
    assert code == 0
    for entry in (*mf.spec(env_id)["parameters"], *mf.spec(env_id)["infos"], *mf.spec(env_id)["agents"]):
        assert entry["name"] in out
    code, out, _ = run(capsys, "list", env_id, "--json")
    assert code == 0
    assert json.loads(out) == json.loads(json.dumps(mf.spec(env_id)))


def test_list_unknown_names_the_nearest(capsys):
    assert "ElectricityMarket-v0" in complaint(capsys, "list", "ElectrcityMarket-v0")


# ------------------------------------------------------------------------------------------------------------
# demo


def test_demo_on_the_example(capsys, tmp_path):
    code, out, _ = run(capsys, "demo", "--no-bench", "--output", str(tmp_path), "--day", "2")
    assert code == 0
    assert "made up" in out
    assert "Day 2 of example_load.csv, 21 units of example_fleet.csv" in out
    assert out.count("bit for bit") == 2
    assert "failed" not in out
    for name in ("merit_order.png", "day.png"):
        assert (tmp_path / name).read_bytes()[:4] == b"\x89PNG"


def test_demo_prints_the_prices_of_the_day(capsys, tmp_path):
    _, out, _ = run(capsys, "demo", "--no-bench", "--output", str(tmp_path), "--groups", "all")
    rows = [line.split() for line in out.splitlines()]
    hours = {row[0]: row for row in rows if row and row[0].isdigit() and len(row) == 6}
    assert sorted(map(int, hours)) == list(range(24))
    # 2573 MW at night: 1110 MW are free, 600 nuclear, then coal; the third coal unit ends at 2850 MW
    assert hours["2"] == ["2", "2,572.6", "26.18", "COAL_3", "Coal", "0.0"]


def test_demo_on_named_files(capsys, tmp_path):
    fleet, load = tmp_path / "f.csv", tmp_path / "l.csv"
    fleet.write_text("capacity_mw,cost_usd_per_mwh\n10,5\n10,7\n")
    load.write_text("load_mw\n" + "15\n" * 23 + "21\n")
    code, out, _ = run(
        capsys, "demo", "--no-bench", "--fleet", str(fleet), "--load", str(load), "--groups", "all",
        "--output", str(tmp_path / "pictures"),
    )  # fmt: skip
    assert code == 0
    assert "named on the command line" in out
    assert (tmp_path / "pictures" / "day.png").is_file()


def test_demo_on_a_data_directory(capsys, tmp_path, monkeypatch):
    (tmp_path / "my_fleet.csv").write_text("group,capacity_mw,cost_usd_per_mwh\nhydro,10,5\n")
    (tmp_path / "my_load.csv").write_text("load_mw\n" + "1\n" * 24)
    monkeypatch.setenv(demo.DATA_VARIABLE, str(tmp_path))
    code, out, _ = run(capsys, "demo", "--no-bench", "--groups", "hydro", "--output", str(tmp_path / "out"))
    assert code == 0
    assert "MARL_FFI_DATA" in out
    (tmp_path / "second_load.csv").write_text("load_mw\n1\n")
    assert "my_load.csv, second_load.csv" in complaint(capsys, "demo", "--no-bench")


def test_demo_fails_where_the_check_fails(capsys, tmp_path, monkeypatch):
    honest = demo.clear_day

    def wrong(params):
        day = honest(params)
        day.prices[3] += 1.0
        return day

    monkeypatch.setattr(demo, "clear_day", wrong)
    code, out, _ = run(capsys, "demo", "--no-bench", "--output", str(tmp_path))
    assert code == 1
    assert "failed" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["demo", "--fleet", "a.csv"], "--load"),
        (["demo", "--fleet", "a.csv", "--load", "b.csv"], "no fleet file at a.csv"),
        (["demo", "--groups", "termal"], "thermal"),
        (["demo", "--day", "7"], "hours 0 to 167"),
        (["demo", "--day", "-1"], "--day"),
        (["demo", "--output", str(Path(__file__))], "--output"),
        (["bench", "markets"], "market"),
        (["bench", "--rounds", "3"], "--rounds"),
        (["fly"], "fly"),
        (["list", "--nothing"], "--nothing"),
    ],
)
def test_wrong_calls_get_one_line(capsys, arguments, words):
    assert words in complaint(capsys, *arguments)


# ------------------------------------------------------------------------------------------------------------
# Missing extras


def test_without_click(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "click", None)
    assert "pip install marl_ffi[cli]" in complaint(capsys, "info")


def test_without_numba_bench_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    assert "pip install marl_ffi[numba]" in complaint(capsys, "bench")


def test_without_matplotlib_the_demo_has_no_pictures(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, _ = run(capsys, "demo", "--no-bench", "--output", str(tmp_path))
    assert code == 0
    assert "pip install marl_ffi[plot]" in out
    assert list(tmp_path.iterdir()) == []


def test_without_rich_tables_are_plain(capsys, monkeypatch):
    for name in ("rich", "rich.box", "rich.console", "rich.table", "rich.text", "rich.progress"):
        monkeypatch.setitem(sys.modules, name, None)
    console.table("Prices", ("hour", "price"), [("0", "24.20"), ("1", "7.5")])
    assert capsys.readouterr().out == "Prices\n  hour  price\n  0     24.20\n  1       7.5\n"
    assert list(console.track([1, 2], "counting")) == [1, 2]


def test_tables_take_brackets_as_they_are(capsys):
    console.table("T", ("shape",), [("[red]4[/red]",)])
    assert "[red]4[/red]" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------------------
# The harness of the benchmarks


def fake_case(log, *, agrees=True, required=None, aim=None, name="work"):
    def side(which):
        def call():
            log.append(which)

        return call

    def agree():
        log.append("agree")
        assert agrees, "1 is not 2"

    def build():
        return bench.Race(side("ours"), side("rival"), 4, agree, lambda: log.append("prepare"))

    return bench.Case("section", name, "5", "other", build, required, aim)


def test_both_sides_are_compared_before_they_are_timed_and_take_turns(monkeypatch):
    monkeypatch.setattr(bench, "BLOCK_SECONDS", 0.0)
    log = []
    (result,) = bench.run([fake_case(log)], rounds=7)
    assert log[0] == "agree"
    assert set(log[1::2]) == {"prepare"}
    turns = log[2::2]
    assert turns[:4] == ["ours", "ours", "rival", "rival"]  # warm
    assert turns[4:] == ["rival", "ours", "ours", "rival"] * 3 + ["rival", "ours"]
    assert result.rounds == 7
    assert result.ratio == result.rival / result.ours
    assert result.ours_min <= result.ours


def test_nothing_is_timed_where_the_sides_disagree():
    log = []
    with pytest.raises(bench.Disagreement, match="work, 5, against other: .*1 is not 2"):
        bench.run([fake_case(log, agrees=False)])
    assert log == ["agree"]


def test_few_rounds_are_refused():
    with pytest.raises(InvalidInputError, match="at least 7"):
        bench.run([], rounds=6)


@pytest.mark.parametrize(
    ("ratio", "required", "aim", "verdict"),
    [
        (0.9, 1.0, 2.0, "FAIL"),
        (1.0, 1.0, 2.0, "pass"),
        (2.0, 1.0, 2.0, "aim"),
        (5, 1, None, "pass"),
        (5, None, None, ""),
    ],
)
def test_verdicts(ratio, required, aim, verdict):
    assert bench.Result("s", "w", "5", "a", 1.0, ratio, 1.0, 1.0, ratio, required, aim, 7).verdict == verdict


def test_selection_of_rows():
    cases = bench.all_cases()
    sections = {case.section for case in cases}
    assert sections == {"market", "observers", "env", "batch", "classic", "brigade"}
    assert bench.select(cases, everything=True) == cases
    assert {case.section for case in bench.select(cases)} == sections
    assert {case.section for case in bench.select(cases, ["env", "batch"])} == {"env", "batch"}
    with pytest.raises(UnknownNameError, match="market"):
        bench.select(cases, ["markets"])


@pytest.mark.parametrize(
    "case",
    [case for case in bench.all_cases() if "2 threads" not in case.work],
    ids=lambda case: f"{case.work}-{case.size}-{case.against}",
)
def test_both_sides_of_every_row_agree(case, monkeypatch):
    monkeypatch.setattr(bench_env, "BATCH", 8)
    monkeypatch.setattr(bench_env, "ENV_HOURS", 64)
    monkeypatch.setattr(bench_classic, "BATCH", 40)
    monkeypatch.setattr(bench_classic, "BIG_BATCH", 80)
    race = case.build()
    race.agree()
    assert race.calls >= 1


@pytest.mark.parametrize("race", [bench_env._step_threads, bench_env._env_threads])
def test_two_threads_agree_with_one(race):
    race(5, 64).agree()


def test_two_threads_agree_with_one_in_classic_control(monkeypatch):
    monkeypatch.setattr(bench_classic, "BATCH", 40)
    monkeypatch.setattr(bench_classic, "BIG_BATCH", 80)
    for case in bench_classic.cases():
        if "2 threads" in case.work:
            case.build()


def test_rivals_that_are_not_installed_have_no_rows(monkeypatch):
    missing = {"envpool", "gymnax"}
    monkeypatch.setattr(bench_classic.importlib.util, "find_spec", lambda name: name not in missing or None)
    assert not {"EnvPool", "gymnax, jitted"} & {case.against for case in bench_classic.cases()}
    missing.clear()
    assert {"EnvPool", "gymnax, jitted"} < {case.against for case in bench_classic.cases()}


def test_bench_command_reports_and_writes(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "all_cases", lambda: [fake_case([], required=1e9), fake_case([], name="free")])
    target = tmp_path / "results.json"
    code, out, _ = run(capsys, "bench", "section", "--json", str(target))
    assert code == 1
    assert "FAIL" in out
    assert "0 of 1 requirements met" in out
    written = json.loads(target.read_text())
    assert [row["verdict"] for row in written["results"]] == ["FAIL", ""]
    assert written["machine"]["numpy"] == np.__version__
    assert written["build"]["backend"] == mf.build_info()["backend"]
    code, out, _ = run(capsys, "bench", "section", "--json", "-")
    assert json.loads(out)["results"][0]["work"] == "work"


def test_bench_command_passes_and_reports_disagreement(capsys, monkeypatch):
    monkeypatch.setattr(bench, "all_cases", lambda: [fake_case([], required=1e-9)])
    assert run(capsys, "bench", "--all")[0] == 0
    monkeypatch.setattr(bench, "all_cases", lambda: [fake_case([], agrees=False)])
    code, _, err = run(capsys, "bench", "--all")
    assert code == 1
    assert "results differ" in err


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.0, "2 s"), (3.21e-3, "3.21 ms"), (4.567e-6, "4.57 us"), (1.4e-7, "140 ns")]
)
def test_durations(seconds, text):
    assert bench.duration(seconds) == text


def test_the_python_environment_is_a_whole_episode_of_the_market():
    """The rival must be the same game as ours, or the race says nothing."""
    params = default_params(6, 24)
    ours, rival = (
        mf.ElectricityMarketEnv(params, agent_index=2),
        bench_rivals.PythonMarketEnv(params, agent_index=2),
    )
    ours.reset()
    rival.reset()
    rng = np.random.default_rng(3)
    for hour in range(24):
        action = np.array([rng.uniform(0, 1), rng.uniform(-3, 3)], np.float32)
        observation, reward, terminated, _, info = ours.step(action)
        expected, reward_expected, terminated_expected, _, _ = rival.step(action)
        np.testing.assert_array_equal(observation, expected)
        np.testing.assert_allclose(reward, reward_expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(info["price"], rival.history["market_prices"][hour], rtol=1e-6)
        np.testing.assert_allclose(info["q_cleared"], rival.history["q_cleared"][hour], rtol=1e-5, atol=1e-4)
        assert terminated == terminated_expected == (hour == 23)


# ------------------------------------------------------------------------------------------------------------
# Examples


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_examples_run(example, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(example)], cwd=tmp_path, env=environment, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
