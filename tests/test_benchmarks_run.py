"""`benchmarks/run.py`: a run of asv that measured nothing counts as broken, and the pages have their curves.

asv is played by functions that leave behind what it would.
"""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import pytest
from c_support import ROOT

HOME = ROOT / "benchmarks"
SPEC = importlib.util.spec_from_file_location("benchmarks_run", HOME / "run.py")
assert SPEC is not None and SPEC.loader is not None
RUN: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(RUN)

OLD, NEW = "a" * 40, "b" * 40


def results(home: Path, commits: dict[str, dict[str, Any]]) -> Path:
    """What asv leaves behind, for two discovered benchmarks."""
    (home / "machine").mkdir(parents=True)
    (home / "benchmarks.json").write_text(json.dumps({"time_a": {}, "time_b": {}, "version": 2}))
    for commit, measured in commits.items():
        data = {
            "result_columns": ["result", "params"],
            "results": {name: [values, []] for name, values in measured.items()},
        }
        (home / "machine" / f"{commit[:8]}-virtualenv.json").write_text(json.dumps(data))
    return home


GOOD = {"time_a": [0.5, math.nan], "time_b": [0.25]}


def test_good_results(tmp_path: Path) -> None:
    older = {"time_a": [0.5, math.nan], "time_b": [math.nan]}  # not there yet
    home = results(tmp_path, {OLD: older, NEW: GOOD})
    assert RUN.judge(home, [OLD, NEW], everything=True) == []


@pytest.mark.parametrize(
    ("measured", "everything", "problem"),
    [
        (None, True, "bbbbbbbb: nothing was measured"),
        ({}, False, "bbbbbbbb: nothing was measured"),
        ({"time_a": None, "time_b": None}, True, "bbbbbbbb: nothing was measured"),
        ({**GOOD, "time_a": [0.5, None]}, True, "bbbbbbbb: time_a failed in 1 of 2 cases"),
        ({**GOOD, "time_b": None}, True, "bbbbbbbb: time_b failed in 1 of 1 cases"),
        ({**GOOD, "time_b": [math.nan]}, True, "bbbbbbbb: time_b measured nothing"),
        ({"time_a": [0.5]}, True, "bbbbbbbb: time_b did not run"),
        ({"time_a": [0.5]}, False, None),
    ],
)
def test_bad_results(tmp_path: Path, measured: dict[str, Any] | None, everything: bool, problem: str | None) -> None:
    home = results(tmp_path, {OLD: GOOD} if measured is None else {OLD: GOOD, NEW: measured})
    assert RUN.judge(home, [OLD, NEW], everything) == ([problem] if problem else [])


def test_failure_in_the_older_commit_counts(tmp_path: Path) -> None:
    home = results(tmp_path, {OLD: {"time_a": [None]}, NEW: GOOD})
    assert RUN.judge(home, [OLD, NEW], everything=True) == ["aaaaaaaa: nothing was measured"]


def test_no_discovery(tmp_path: Path) -> None:
    assert RUN.judge(tmp_path, [NEW], everything=True) == ["asv discovered no benchmarks"]


@pytest.mark.parametrize(
    ("status", "problems", "expected"),
    [(0, [], 0), (1, [], 1), (2, [], 2), (0, ["one"], 2), (1, ["one"], 2)],
)
def test_exit_status(capsys: pytest.CaptureFixture[str], status: int, problems: list[str], expected: int) -> None:
    assert RUN.conclude(status, problems) == expected
    assert ("FAILED" in capsys.readouterr().err) == (expected == 2)


@pytest.mark.parametrize(
    ("mode", "status", "measured", "expected"),
    [
        (["smoke"], 0, {NEW: GOOD}, 0),
        (["smoke"], 0, {}, 2),
        (["smoke"], 2, {NEW: GOOD}, 2),
        (["continuous", "HEAD~1", "HEAD"], 0, {NEW: GOOD}, 0),
        (["continuous", "HEAD~1", "HEAD"], 1, {NEW: GOOD}, 1),
        (["continuous", "HEAD~1", "HEAD", "--quick"], 1, {NEW: GOOD}, 0),
        (["continuous", "HEAD~1", "HEAD"], 1, {}, 2),
    ],
)
def test_whole_run(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    mode: list[str],
    status: int,
    measured: Any,
    expected: int,
) -> None:
    commands = []

    def asv(*arguments: str) -> int:
        config = json.loads(Path(arguments[2]).read_text())
        results(Path(config["results_dir"]), measured)
        commands.append(arguments)
        return status

    (tmp_path / "asv.conf.json").write_text((ROOT / "asv.conf.json").read_text())
    leftover = tmp_path / ".asv" / mode[0] / "results" / "machine" / f"{NEW[:8]}-virtualenv.json"
    leftover.parent.mkdir(parents=True)
    leftover.write_text("results of an earlier run")
    monkeypatch.setattr(RUN, "ROOT", tmp_path)
    monkeypatch.setattr(RUN, "commit", lambda name: NEW)
    monkeypatch.setattr(RUN, "introduce_machine", lambda: None)
    monkeypatch.setattr(RUN, "asv", asv)
    assert RUN.main(mode) == expected
    [command] = commands
    assert command[0] == {"smoke": "run"}.get(mode[0], mode[0])


def test_unknown_commit_is_not_taken_for_slower(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        RUN.commit("no-such-commit")
    assert end.value.code == 2 and "no-such-commit" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------------------
# Pages and configuration


def pages(home: Path, values: list[Any]) -> Path:
    both = {"param_names": ["backend", "n"], "params": [["'rust'", "'numba'"], ["5", "10"]]}
    (home / "graphs" / "summary").mkdir(parents=True)
    (home / "graphs" / "cpu-one").mkdir()
    (home / "index.json").write_text(json.dumps({"benchmarks": {"time_a": both}}))
    (home / "graphs" / "summary" / "time_a.json").write_text("[[0, 0.1]]")
    (home / "graphs" / "cpu-one" / "time_a.json").write_text(json.dumps([[0, values], [1, None]]))
    return home


def test_pages_with_curves_of_all_backends(tmp_path: Path) -> None:
    assert RUN.look(pages(tmp_path, [0.1, None, None, 0.4])) == []


def test_pages_without_curves(tmp_path: Path) -> None:
    assert RUN.look(pages(tmp_path / "a", [0.1, 0.2, None, None])) == ["time_a: no curve of 'numba'"]
    (tmp_path / "a" / "graphs" / "cpu-one" / "time_a.json").unlink()
    assert RUN.look(tmp_path / "a") == ["no benchmark with several backends was published"]
    [problem] = RUN.look(tmp_path / "b")
    assert problem.startswith("no pages in")


KNOWN_KEYS = {
    "version", "project", "project_url", "show_commit_url", "repo", "dvcs", "branches", "environment_type",
    "matrix", "build_command", "install_command", "uninstall_command", "build_cache_size", "install_timeout",
    "default_benchmark_timeout", "benchmark_dir", "env_dir", "results_dir", "html_dir", "hash_length",
    "regressions_thresholds",
}  # fmt: skip


def test_configuration(tmp_path: Path) -> None:
    settings = RUN.configuration(tmp_path)
    assert set(settings) == KNOWN_KEYS  # asv ignores a misspelt key without a word
    assert "pythons" not in settings  # a fixed version would leave machines without it "No environments selected"
    assert settings["environment_type"] == "virtualenv" and set(settings["matrix"]) == {"req"}
    assert Path(settings["benchmark_dir"]) == HOME and Path(settings["results_dir"]) == tmp_path / "results"
    [build] = settings["build_command"]
    assert build.startswith(f"CARGO_TARGET_DIR={ROOT}/.asv/cargo ") and "{conf_dir}" not in build
