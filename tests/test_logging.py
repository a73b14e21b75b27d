"""`Logger`: what is in the file, whoever writes, reopens, or fails in between."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import marl_ffi as mf
from marl_ffi.errors import ClosedError, DtypeError, InvalidInputError, UnknownNameError


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "training.csv"


def test_the_example(path: Path) -> None:
    with mf.Logger(path) as log:
        assert log.fields is None
        log.log(steps=1000, reward=1.5, length=21)
        log.log(length=3, steps=2000, reward=2)
        assert log.fields == ("steps", "reward", "length")
    assert path.read_bytes() == b"steps,reward,length\n1000,1.5,21\n2000,2,3\n"


def test_every_kind_of_value(path: Path) -> None:
    values = {
        "int64": np.int64(-3), "f32": np.float32(0.1), "f64": np.float64(0.1), "nan": math.nan, "inf": -math.inf,
        "bool": np.bool_(True), "text": 'two\nlines, "quoted"', "none": None, "array": np.array([2.5]),
        "exact": 0.1 + 0.2, "long": 2**70,
    }  # fmt: skip
    with mf.Logger(str(path)) as log:
        log.log(**values)
    header, row = rows(path)
    assert header == list(values)
    expected = ["-3", "0.1", "0.1", "nan", "-inf", "True", 'two\nlines, "quoted"', "", "2.5", "0.30000000000000004"]
    assert row == [*expected, str(2**70)]


def test_a_file_is_continued(path: Path) -> None:
    for number in (1, 2):
        with mf.Logger(path) as log:
            log.log(b=number, a=number)
    with mf.Logger(path) as log:
        assert log.fields == ("b", "a")
        log.log(a=7, b=8)
    assert rows(path) == [["b", "a"], ["1", "1"], ["2", "2"], ["8", "7"]]


def test_a_file_with_other_fields_is_not(path: Path) -> None:
    with mf.Logger(path) as log:
        log.log(steps=1, reward=2)
    before = path.read_bytes()
    with mf.Logger(path) as log:
        with pytest.raises(UnknownNameError, match="'rewards'; did you mean 'reward'"):
            log.log(steps=1, rewards=2)
        with pytest.raises(InvalidInputError, match="'reward' is missing; the header .* is steps, reward"):
            log.log(steps=1)
    assert path.read_bytes() == before


def test_a_new_field_in_the_middle_is_refused_and_the_log_goes_on(path: Path) -> None:
    with mf.Logger(path) as log:
        log.log(steps=1)
        with pytest.raises(UnknownNameError, match="'loss'"):
            log.log(steps=2, loss=1)
        log.log(steps=3)
    assert rows(path) == [["steps"], ["1"], ["3"]]


def test_a_line_that_was_cut_off_stays_alone(path: Path) -> None:
    path.write_text("steps,reward\n1,2\n3")
    with mf.Logger(path) as log:
        log.log(steps=5, reward=6)
    assert path.read_text() == "steps,reward\n1,2\n3\n5,6\n"


@pytest.mark.parametrize("content", [b"\n1,2\n", b"a,a\n1,2\n", b"a,,b\n", b"\xff\xfe\x00"])
def test_a_file_that_is_no_log_is_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"training\.csv"):
        mf.Logger(path)
    assert path.read_bytes() == content


def test_refused_values_write_nothing(path: Path) -> None:
    with mf.Logger(path) as log:
        for value in ([1, 2], np.zeros(2), {}, object(), 1j, b"bytes"):
            with pytest.raises(DtypeError, match="field 'reward'"):
                log.log(steps=1, reward=value)
        with pytest.raises(InvalidInputError, match="at least one field"):
            log.log()
        assert log.fields is None
    assert path.read_bytes() == b""


def test_bad_paths(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no existing directory"):
        mf.Logger(tmp_path / "missing" / "log.csv")
    with pytest.raises(InvalidInputError, match="is a directory"):
        mf.Logger(tmp_path)
    with pytest.raises(DtypeError, match="csv_path"):
        mf.Logger(3)  # type: ignore[arg-type]


def test_an_error_inside_loses_no_row(path: Path) -> None:
    log = mf.Logger(path)

    def train() -> None:
        with log:
            log.log(steps=1)
            raise RuntimeError("training failed")

    with pytest.raises(RuntimeError, match="training failed"):
        train()
    assert rows(path) == [["steps"], ["1"]]
    with pytest.raises(ClosedError):
        log.log(steps=2)
    log.close()
    log.flush()


def test_flush_and_the_end_of_a_process(path: Path) -> None:
    code = f"import marl_ffi, os; log = marl_ffi.Logger({str(path)!r}); log.log(a=1); log.flush(); log.log(a=2); "
    subprocess.run([sys.executable, "-W", "error", "-c", code + "log.flush(); os._exit(0)"], check=True)
    assert rows(path) == [["a"], ["1"], ["2"]]


def test_threads_do_not_mix_their_rows(path: Path) -> None:
    text = "x" * 300
    with mf.Logger(path) as log:
        workers = [
            threading.Thread(target=lambda who=who: [log.log(who=who, step=k, text=text) for k in range(300)])
            for who in range(8)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    found = rows(path)
    assert found[0] == ["who", "step", "text"] and len(found) == 1 + 8 * 300
    assert {(row[0], row[1]) for row in found[1:]} == {(str(who), str(k)) for who in range(8) for k in range(300)}
    assert {row[2] for row in found[1:]} == {text}


def test_the_live_line(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with mf.Logger(path, live=True) as log:
        for k in range(1, 201):
            log.log(steps=1000 * k, reward=float(k) if k % 2 else math.nan, length=np.int64(k))
    shown = capsys.readouterr().err.split("\r")[-1]
    # of the last 100 numbers that are some
    assert "steps 200,000" in shown and "steps/s" in shown and "reward 100" in shown and "length 150.5" in shown
    assert len(rows(path)) == 201


def test_the_live_line_takes_rows_without_the_usual_fields(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with mf.Logger(path, live=True) as log:
        log.log(loss=1.0, steps="many", reward=None)
    assert rows(path)[1] == ["1.0", "many", ""]


def test_a_missing_tqdm_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match=r"marl_ffi\[cli\]"):
        mf.Logger(path, live=True)
