"""`make install` into directories of the tests'."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from c_support import ROOT, run

# That of `cargo test`, which has been built by then; MARL_FFI_CARGO_PROFILE=release installs what users get.
PROFILE = os.environ.get("MARL_FFI_CARGO_PROFILE", "dev")


def clean_environment(**changes: str) -> dict[str, str]:
    """This process's environment without what an outer make or an earlier install left there."""
    ours = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "DESTDIR", "PREFIX", "LIBDIR", "INCLUDEDIR")
    return {**{name: value for name, value in os.environ.items() if name not in ours}, **changes}


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in the clone."""
    command = ["make", "--no-print-directory", "-C", str(ROOT), f"CARGO_PROFILE={PROFILE}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=clean_environment())


def install(prefix: Path, *arguments: str) -> None:
    done = make("install", f"PREFIX={prefix}", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def built(*command: Any, prefix: Path, cwd: Path) -> None:
    """Run a command of a build that must succeed, with the installed library where pkg-config and CMake look."""
    found = {"PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig"), "CMAKE_PREFIX_PATH": str(prefix)}
    run([*command], cwd=cwd, env=clean_environment(**found))
