"""C and C++ programs against the built library: recorded results, abuse, threads, processes.

Each program is compiled without a warning and runs twice, the second time under the address and undefined
behaviour sanitizers, which also find leaks.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from c_support import PROGRAMS, build, episode_lines, market_lines
from market_support import golden

BOTH = pytest.mark.parametrize("sanitize", [False, True], ids=["plain", "sanitized"])


def start(program: Path, *arguments: Path, **environment: str) -> str:
    """What the program printed; it made checks and none failed."""
    done = subprocess.run(
        [program, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "RUST_BACKTRACE": "0", **environment},
    )
    told = f"{program.name}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, told
    made = re.search(r"^(\d+) checks, 0 failed$", done.stdout, re.MULTILINE)
    assert made and int(made.group(1)) > 0, told
    return done.stdout


@BOTH
@pytest.mark.parametrize(
    "name", ["hostile_market", "hostile_brigade", "hostile_library", "hostile_plugin", "hostile_vec_env", "threads"]
)
def test_program(name: str, sanitize: bool, native_library: Path, tmp_path: Path) -> None:
    start(build(tmp_path / name, [PROGRAMS / f"{name}.c"], native_library, sanitize))


@BOTH
@pytest.mark.parametrize(
    ("name", "render", "first_words"),
    [
        ("golden_market", market_lines, {"clear", "step", "storage"}),
        ("episodes", episode_lines, {"episode"}),
    ],
)
def test_recorded_results(
    name: str,
    render: Callable[[dict[str, Any]], list[str]],
    first_words: set[str],
    sanitize: bool,
    native_library: Path,
    tmp_path: Path,
) -> None:
    """The program reads the recorded cases, every one of them, and computes them again."""
    lines = render(golden())
    cases = sum(line.split()[0] in first_words for line in lines)
    recorded = tmp_path / "recorded.txt"
    recorded.write_text("\n".join([*lines, "end", ""]))
    program = build(tmp_path / name, [PROGRAMS / f"{name}.c"], native_library, sanitize)
    assert f"\n{cases} cases\n" in "\n" + start(program, recorded)


def test_recorded_results_that_differ_are_noticed(native_library: Path, tmp_path: Path) -> None:
    """The programs can fail: one last bit of one price is enough."""
    data = golden()
    expected = data["clearing"][0]["recommended"]
    expected["price"] = float.fromhex("0x1.4000000000001p+4")
    recorded = tmp_path / "recorded.txt"
    recorded.write_text("\n".join([*market_lines(data), "end", ""]))
    program = build(tmp_path / "golden_market", [PROGRAMS / "golden_market.c"], native_library)
    done = subprocess.run([program, recorded], capture_output=True, text=True)
    assert done.returncode == 1
    assert "in case c01" in done.stdout and "in case c02" not in done.stdout


@BOTH
def test_cpp(sanitize: bool, native_library: Path, tmp_path: Path) -> None:
    start(build(tmp_path / "smoke", [PROGRAMS / "smoke.cpp"], native_library, sanitize))


def test_header_in_two_translation_units(native_library: Path, tmp_path: Path) -> None:
    sources = [PROGRAMS / "include_a.c", PROGRAMS / "include_b.c"]
    start(build(tmp_path / "twice", sources, native_library))


@pytest.mark.parametrize("level", ["scalar", "avx2", "avx512", "neon"])
def test_recorded_results_on_every_instruction_set(level: str, native_library: Path, tmp_path: Path) -> None:
    """A level that this CPU lacks falls back to one that it has; the results are the same on all."""
    recorded = tmp_path / "recorded.txt"
    recorded.write_text("\n".join([*market_lines(golden()), "end", ""]))
    program = build(tmp_path / "golden_market", [PROGRAMS / "golden_market.c"], native_library)
    start(program, recorded, MARL_FFI_SIMD=level)
