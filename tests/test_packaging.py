"""What is installed is what the project says: names, versions, extras, licence, commands."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata

import pytest
from c_support import ROOT, run

import marl_ffi

PROJECT = metadata.metadata("marl_ffi")
EXTRAS = {
    "numba": {"numba"},
    "pettingzoo": {"pettingzoo"},
    "plot": {"matplotlib"},
    "cli": {"click", "rich", "tqdm"},
}


def requirements() -> list[tuple[str, str, str]]:
    """Name, rest and marker of each requirement."""
    lines = metadata.requires("marl_ffi") or []
    pattern = re.compile(r"([\w.-]+)(?:\[[^]]*\])?\s*([^;]*?)\s*(?:;\s*(.*))?$")
    parts = [pattern.match(line) for line in lines]
    return [(found.group(1).lower(), found.group(2), found.group(3) or "") for found in parts if found]


def test_version_has_one_source() -> None:
    manifest = (ROOT / "rust_ffi" / "Cargo.toml").read_text()
    version = metadata.version("marl_ffi")
    assert f'\nversion = "{version}"\n' in manifest
    assert marl_ffi.__version__ == version
    others = [*(ROOT / "marl_ffi").rglob("*.py"), ROOT / "setup.py", ROOT / "pyproject.toml"]
    spelt_out = re.compile(rf"""["']{re.escape(version)}["']""")
    assert [path for path in others if spelt_out.search(path.read_text())] == []


def test_core_needs_numpy_cffi_and_gymnasium_alone() -> None:
    core = {name for name, _, marker in requirements() if "extra" not in marker}
    assert core == {"numpy", "cffi", "gymnasium"}
    [marker] = [marker for name, _, marker in requirements() if name == "cffi"]
    assert marker == 'platform_python_implementation != "PyPy"'


def test_requirements_are_lower_bounds() -> None:
    """Whoever trains agents decides about versions: nothing here may force an old one."""
    bounds = [(name, rest) for name, rest, _ in requirements() if name != "marl_ffi"]
    assert len(bounds) >= 10
    assert [(name, rest) for name, rest in bounds if not re.fullmatch(r">=[\d.]+", rest)] == []


@pytest.mark.parametrize("extra", EXTRAS)
def test_extras(extra: str) -> None:
    found = {name for name, _, marker in requirements() if marker == f'extra == "{extra}"'}
    assert found == EXTRAS[extra]
    assert extra in (PROJECT.get_all("Provides-Extra") or [])


def test_core_imports_no_extra() -> None:
    optional = sorted(name for names in EXTRAS.values() for name in names)
    code = f"import sys, marl_ffi; marl_ffi.list_envs(); print([m for m in {optional} if m in sys.modules])"
    assert run([sys.executable, "-c", code]).stdout.strip() == "[]"


def test_commands() -> None:
    [script] = [entry for entry in metadata.entry_points(group="console_scripts") if entry.name == "marl-ffi"]
    assert script.value == "marl_ffi.cli:main" and callable(script.load())
    said = run([sys.executable, "-m", "marl_ffi", "--version"]).stdout
    assert said.strip() == f"marl_ffi {metadata.version('marl_ffi')}"


def test_licence_is_the_same_everywhere() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith("MIT License\n") and "marl_ffi contributors" in text
    assert PROJECT["License-Expression"] == "MIT"
    assert '\nlicense = "MIT"\n' in (ROOT / "rust_ffi" / "Cargo.toml").read_text()


def test_typed() -> None:
    assert (ROOT / "marl_ffi" / "py.typed").read_bytes() == b""


def test_pythons_and_rusts_are_named_alike() -> None:
    assert PROJECT["Requires-Python"] == ">=3.10"
    manifest = (ROOT / "rust_ffi" / "Cargo.toml").read_text()
    minimum = re.search(r'^rust-version = "([\d.]+)"', manifest, re.MULTILINE)
    assert minimum is not None
    readme = (ROOT / "README.md").read_text()
    assert f"Rust >= {minimum.group(1)}" in readme or f"Rust {minimum.group(1)}" in readme


def test_lock_file_is_in_step_with_the_manifest() -> None:
    manifest = ROOT / "rust_ffi" / "Cargo.toml"
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--manifest-path", str(manifest)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_cbindgen_is_pinned_once() -> None:
    """The Makefile installs the version that cbindgen.toml speaks of."""
    pinned = re.search(r"^CBINDGEN_VERSION := ([\d.]+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert pinned is not None
    assert f"cbindgen {pinned.group(1)}" in (ROOT / "rust_ffi" / "cbindgen.toml").read_text()
