"""The C programs under Valgrind, against the library as it is released: no error, and nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from c_support import PROGRAMS, build, episode_lines, market_lines
from market_support import golden

pytestmark = pytest.mark.valgrind

RECORDED = {"golden_market": market_lines, "episodes": episode_lines}


@pytest.mark.parametrize(
    "name",
    ["hostile_market", "hostile_brigade", "hostile_library", "hostile_vec_env", "bound_step", "golden_market", "episodes"],
)
def test_program(name: str, native_library: Path, tmp_path: Path) -> None:
    """On scalar lanes: Valgrind knows no AVX-512, and not every instruction of AVX2.

    Not the program `threads`: Valgrind runs one thread at a time, and its child waits no longer than a minute.
    """
    assert shutil.which("valgrind"), "install Valgrind"
    arguments = []
    if name in RECORDED:
        recorded = tmp_path / "recorded.txt"
        recorded.write_text("\n".join([*RECORDED[name](golden()), "end", ""]))
        arguments = [recorded]
    program = build(tmp_path / name, [PROGRAMS / f"{name}.c"], native_library)
    checks = ["--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=definite,indirect"]
    checks += ["--errors-for-leak-kinds=definite,indirect", "--child-silent-after-fork=yes", "--fair-sched=yes"]
    done = subprocess.run(
        ["valgrind", *checks, program, *arguments],
        capture_output=True,
        text=True,
        timeout=3000,
        env={**os.environ, "MARL_FFI_SIMD": "scalar", "RUST_BACKTRACE": "0"},
    )
    told = f"{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    assert done.returncode == 0, told
    assert "ERROR SUMMARY: 0 errors" in done.stderr and "checks, 0 failed" in done.stdout, told
