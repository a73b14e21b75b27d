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
from c_support import HEADER, PROGRAMS, ROOT, build, episode_lines, market_lines
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
    "name",
    ["hostile_market", "hostile_brigade", "hostile_library", "hostile_plugin", "hostile_vec_env", "bound_step", "threads"],
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


CPP = [("smoke", False), ("smoke", True), ("wrapper", True)]


@pytest.mark.parametrize(("name", "sanitize"), CPP, ids=["smoke-plain", "smoke-sanitized", "wrapper-sanitized"])
def test_cpp(name: str, sanitize: bool, native_library: Path, tmp_path: Path) -> None:
    start(build(tmp_path / name, [PROGRAMS / f"{name}.cpp"], native_library, sanitize))


def test_cpp_header_wraps_every_function_of_the_first_header() -> None:
    wrapper = (HEADER.parent / "marl_ffi.hpp").read_text(encoding="utf-8")
    text = re.sub(r"//.*", "", FIRST.read_text(encoding="utf-8"))
    declared = set(re.findall(r"\b(marl_\w+)\s*\(", text))
    kinds = {name for name in declared if name.endswith(("_f32", "_f64"))}
    assert len(kinds) == 10
    missing = [name for name in declared - kinds if f"{name}(" not in wrapper]
    missing += [name for name in kinds if f"{name.removesuffix('_f32').removesuffix('_f64')}_##SUFFIX(" not in wrapper]
    assert missing == []


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


# ------------------------------------------------------------------------------------------------------------
# Programs of the past: compiled against the first header, run with the library of today

FIRST = ROOT / "tests" / "abi" / "marl_ffi_v1.h"
OLD_PROGRAMS = ["hostile_library", "hostile_market", "hostile_vec_env", "threads"]
OLD_READERS = {"golden_market": market_lines, "episodes": episode_lines}


@pytest.fixture
def first_header(tmp_path: Path) -> Path:
    """A directory that holds the first header under the name of today's."""
    home = tmp_path / "first"
    home.mkdir()
    (home / "marl_ffi.h").write_bytes(FIRST.read_bytes())
    return home


@pytest.mark.parametrize("name", OLD_PROGRAMS)
def test_program_of_the_first_header(
    name: str, native_library: Path, first_header: Path, tmp_path: Path
) -> None:
    start(build(tmp_path / name, [PROGRAMS / f"{name}.c"], native_library, include=first_header))


@pytest.mark.parametrize("name", OLD_READERS)
def test_recorded_results_by_a_program_of_the_first_header(
    name: str, native_library: Path, first_header: Path, tmp_path: Path
) -> None:
    recorded = tmp_path / "recorded.txt"
    recorded.write_text("\n".join([*OLD_READERS[name](golden()), "end", ""]))
    program = build(tmp_path / name, [PROGRAMS / f"{name}.c"], native_library, include=first_header)
    start(program, recorded)


def test_programs_of_the_first_header_call_all_of_it() -> None:
    """And today's header is another file: the programs above are not those of today under a second name."""
    text = re.sub(r"//.*", "", FIRST.read_text(encoding="utf-8"))
    declared = set(re.findall(r"\b(marl_\w+)\s*\(", text))
    sources = [PROGRAMS / f"{name}.c" for name in [*OLD_PROGRAMS, *OLD_READERS]]
    sources += [PROGRAMS / "batch.h", PROGRAMS / "check.h"]
    called = {name for path in sources for name in re.findall(r"\b(marl_\w+)\(", path.read_text())}
    assert len(declared) >= 40 and declared - called == set()
    assert "marl_brigade_episodes" not in declared


def test_first_header_promises_the_present_version_of_the_abi() -> None:
    """When the version is raised, this file keeps the name of its own, and the next version gets a first header."""
    versions = [re.findall(r"^#define MARL_ABI_VERSION (\d+)$", path.read_text(), re.MULTILINE) for path in (FIRST, HEADER)]
    assert versions == [["1"], ["1"]]
