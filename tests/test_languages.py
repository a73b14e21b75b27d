"""The example of every language builds without a warning, runs, and prints what Python prints, checksum and all."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import toolchains
from c_support import ROOT, WARNINGS, run
from install_support import built, clean_environment

pytestmark = pytest.mark.examples

EXAMPLES = ROOT / "examples"
# Always run: whoever builds this project has them.
ALWAYS = {"c", "cpp", "rust"}


def python(**environment: str) -> str:
    command = [sys.executable, "-W", "ignore", EXAMPLES / "checksum.py"]
    return run(command, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}).stdout


@pytest.fixture(scope="module")
def expected() -> str:
    """What every program prints."""
    told = python()
    assert re.fullmatch(
        r'refused: unknown_id \(200\): .*did you mean "CartPole-v1"\?\n'
        r"CartPole-v1: 1000 poles, 200 steps, [1-9]\d{3} episodes ended\n"
        r"ElectricityMarket-v0: 5 generators, 240 hours, 10 days ended\n"
        r"marl_market: 240 auctions, mean price \d+\.\d{6}\n"
        r"checksum: [0-9a-f]{16}\n",
        told,
    )
    return told


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of an example's directory, away from this tree."""
    language = str(request.node.callspec.params["language"])
    shutil.copytree(EXAMPLES / language, tmp_path / language, ignore=shutil.ignore_patterns("node_modules", "build"))
    return tmp_path / language


def library(prefix: Path) -> dict[str, str]:
    [shared] = (prefix / "lib").glob("libmarl_ffi.so.*")
    return {"MARL_FFI_LIBRARY": str(shared)}


def c(place: Path, prefix: Path) -> str:
    built("make", f"CFLAGS=-O2 {' '.join(WARNINGS)}", prefix=prefix, cwd=place)
    return run([place / "checksum"]).stdout


def cpp(place: Path, prefix: Path) -> str:
    strict = f"-DCMAKE_CXX_FLAGS={' '.join([*WARNINGS, '-Wshadow', '-Wconversion'])}"
    built("cmake", "-S", ".", "-B", "build", "-DCMAKE_BUILD_TYPE=Release", strict, prefix=prefix, cwd=place)
    built("cmake", "--build", "build", prefix=prefix, cwd=place)
    return run([place / "build" / "checksum"]).stdout


def rust(place: Path, prefix: Path) -> str:
    """The source of the package, as an example of the crate: so it is built by `cargo test` already."""
    manifest = ROOT / "rust_ffi" / "Cargo.toml"
    ours = ["cargo", "metadata", "--no-deps", "--format-version", "1", "--manifest-path", EXAMPLES / "rust" / "Cargo.toml"]
    [package] = json.loads(run(ours).stdout)["packages"]
    assert [Path(needed["path"]) for needed in package["dependencies"]] == [manifest.parent]
    return run(["cargo", "run", "--quiet", "--locked", "--manifest-path", manifest, "--example", "checksum"]).stdout


def go(place: Path, prefix: Path) -> str:
    assert run(["gofmt", "-l", "."], cwd=place).stdout == "", "run gofmt"
    built("go", "vet", "./...", prefix=prefix, cwd=place)
    built("go", "build", "-o", "checksum", ".", prefix=prefix, cwd=place)
    # Every pointer that goes to C is checked.
    found = {"LD_LIBRARY_PATH": str(prefix / "lib"), "GODEBUG": "cgocheck=1"}
    return run([place / "checksum"], env=clean_environment(**found)).stdout


def java(place: Path, prefix: Path) -> str:
    home = toolchains.java_home()
    assert home is not None
    sources = [place / name for name in ("Checksum.java", "MarlFfi.java")]
    oldest = ["--release", str(toolchains.OLDEST_JAVA)]
    run([home / "bin" / "javac", *oldest, "-Xlint:all", "-Werror", "-d", place / "build", *sources])
    command = [home / "bin" / "java", "--enable-native-access=ALL-UNNAMED", "-cp", place / "build", "Checksum"]
    return run(command, env=clean_environment(**library(prefix))).stdout


def javascript(place: Path, prefix: Path) -> str:
    run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=place)
    return run(["node", "checksum.js"], cwd=place, env=clean_environment(**library(prefix))).stdout


PROGRAMS: dict[str, Callable[[Path, Path], str]] = {
    "c": c, "cpp": cpp, "go": go, "java": java, "javascript": javascript, "rust": rust,
}  # fmt: skip


@pytest.mark.parametrize("language", sorted({*toolchains.chosen(), *ALWAYS}))
def test_prints_what_python_prints(language: str, place: Path, prefix: Path, expected: str) -> None:
    assert language in PROGRAMS, f"MARL_FFI_LANGUAGES: expected some of {' '.join(PROGRAMS)}, got {language!r}"
    lacking = toolchains.missing(language)
    assert lacking is None, f"the example in {language} needs {lacking}"
    assert PROGRAMS[language](place, prefix) == expected


def test_reference_in_numpy_comes_to_the_same(expected: str) -> None:
    """All but the sentence about the id that does not exist."""
    assert python(MARL_FFI_BACKEND="numpy").splitlines()[1:] == expected.splitlines()[1:]


def test_every_language_has_an_example_and_every_example_a_readme() -> None:
    directories = {path.name for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert set(PROGRAMS) == set(toolchains.LANGUAGES) <= directories
    for language in PROGRAMS:
        readme = (EXAMPLES / language / "README.md").read_text(encoding="utf-8")
        assert f"docs/languages/{language}.md" in readme and len(readme.splitlines()) < 40


def test_readmes_and_pages_show_what_is_printed(expected: str) -> None:
    pages = [*EXAMPLES.glob("*/README.md"), *(ROOT / "docs" / "languages").glob("*.md")]
    shown = [text for page in pages for text in re.findall(r"^checksum: .*$", page.read_text(), re.MULTILINE)]
    assert len(shown) >= len(PROGRAMS) and {f"{line}\n" for line in shown} == {expected.splitlines(keepends=True)[-1]}


def test_lock_files_name_no_registry() -> None:
    lock = json.loads((EXAMPLES / "javascript" / "package-lock.json").read_text())
    assert not [name for name, about in lock["packages"].items() if "resolved" in about]


def test_a_language_that_is_named_but_not_there_fails(tmp_path: Path) -> None:
    """CI names the languages that it found: one that goes missing is an error, not a skip."""
    where = {**os.environ, "MARL_FFI_LANGUAGES": "c go", "PATH": str(tmp_path)}
    code = "import toolchains; print(toolchains.chosen(), toolchains.missing('go'))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "tests", env=where, capture_output=True, text=True, check=True
    )
    assert done.stdout == "['c', 'go'] go and pkg-config\n"
