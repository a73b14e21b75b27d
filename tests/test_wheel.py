"""One source archive, one wheel from it, and that wheel on every Python of this machine.

Slow, so `make wheel-test` runs it and plain pytest does not. MARL_FFI_WHEEL names a wheel to try instead of
building one.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from c_support import ROOT, run

pytestmark = pytest.mark.slow

OLDEST = (3, 10)
CHECK = Path(__file__).parent / "wheel_check.py"
ABOUT = "import platform, sys; print(platform.python_implementation(), *sys.version_info[:2])"


@dataclass(frozen=True)
class Python:
    command: str
    implementation: str
    version: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.implementation}-{self.version[0]}.{self.version[1]}"


def pythons() -> list[Python]:
    """One interpreter of each kind and version: on the PATH, installed by pyenv or uv, and this one."""
    names = [f"python3.{minor}" for minor in range(OLDEST[1], 20)] + ["pypy3"]
    commands = [sys.executable, *filter(None, map(shutil.which, names))]
    # Beside the directory of pyenv's stand-ins, which may refuse to run, lie the interpreters themselves.
    pyenvs = {Path(command).parent.parent for command in commands if Path(command).parent.name == "shims"}
    for root in [*sorted(pyenvs), Path.home() / ".pyenv"]:
        commands += sorted(glob.glob(f"{root}/versions/*/bin/python"))
    commands += sorted(glob.glob(str(Path.home() / ".local/share/uv/python/*/bin/python3")))
    found: dict[str, Python] = {}
    for command in commands:
        said = subprocess.run([command, "-c", ABOUT], capture_output=True, text=True)
        words = said.stdout.split()
        if said.returncode == 0 and len(words) == 3:
            python = Python(command, words[0], (int(words[1]), int(words[2])))
            if python.version >= OLDEST or python.implementation == "PyPy":
                found.setdefault(str(python), python)
    return list(found.values())


PYTHONS = pythons()
digests: dict[str, str] = {}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("sdist")
    run([sys.executable, "-m", "build", "--sdist", "--outdir", target, ROOT])
    [archive] = target.iterdir()
    return archive


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel under test, built from the source archive and not from the tree."""
    named = os.environ.get("MARL_FFI_WHEEL")
    if named:
        return Path(named).resolve()
    target = tmp_path_factory.mktemp("wheel")
    # Compiled dependencies stay from run to run, apart from those of the clone's own builds.
    apart = {**os.environ, "CARGO_TARGET_DIR": str(ROOT / "rust_ffi" / "target" / "wheel")}
    run([sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", target, sdist], env=apart)
    [made] = target.iterdir()
    return made


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def test_source_archive_has_what_a_build_needs_and_nothing_built(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    needed = {"setup.py", "pyproject.toml", "LICENSE", "README.md", "include/marl_ffi.h"}
    needed |= {f"rust_ffi/{name}" for name in ("Cargo.toml", "Cargo.lock", "cbindgen.toml")}
    needed |= {str(path.relative_to(ROOT)) for path in (ROOT / "rust_ffi" / "src").rglob("*.rs")}
    needed |= {str(path.relative_to(ROOT)) for path in (ROOT / "marl_ffi" / "data").iterdir()}
    assert needed - names == set()
    built = r"(^|/)(_cdef\.py|__pycache__|target|build|\.venv|\.tools|.*\.(so|dylib|dll|pyc))(/|$)"
    assert [name for name in names if re.search(built, name)] == []


def test_wheel_is_for_every_python_of_the_platform(wheel: Path, unpacked: Path) -> None:
    assert re.fullmatch(r"marl_ffi-[\d.]+-py3-none-(?!any)\w+\.whl", wheel.name)
    [metadata] = unpacked.glob("*.dist-info")
    about = (metadata / "WHEEL").read_text()
    assert "Root-Is-Purelib: false" in about
    tag = wheel.name.removesuffix(".whl").split("-", 2)[2]
    assert re.findall(r"^Tag: (.*)$", about, re.MULTILINE) == [tag]


def test_wheel_holds_the_package_and_no_stray_file(unpacked: Path) -> None:
    sources = {path for path in (ROOT / "marl_ffi").rglob("*.py") if "__pycache__" not in path.parts}
    sources |= {*(ROOT / "marl_ffi" / "data").iterdir(), ROOT / "marl_ffi" / "py.typed"}
    expected = {str(path.relative_to(ROOT)) for path in sources}
    expected |= {str(path.relative_to(ROOT)) for path in (ROOT / "marl_ffi/bucket_brigade/page").iterdir()}
    expected |= {"marl_ffi/_cdef.py", "marl_ffi/_native.so"}
    found = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert {name for name in found if ".dist-info/" not in name} == expected
    assert {Path(name).name for name in found if ".dist-info/" in name} == {
        "METADATA", "WHEEL", "RECORD", "LICENSE", "entry_points.txt", "top_level.txt",
    }  # fmt: skip


def test_library_in_the_wheel_stands_alone(unpacked: Path) -> None:
    """It needs the C library and nothing else, and carries no debug information."""
    [library] = unpacked.rglob("*.so")
    dynamic = run(["readelf", "--dynamic", "--wide", library]).stdout
    needed = re.findall(r"NEEDED.*\[(.*?)\]", dynamic)
    system = re.compile(r"(libc|libm|libgcc_s|libpthread|libdl|ld-linux)\b")
    assert needed and all(map(system.match, needed)), needed
    assert "RPATH" not in dynamic and "RUNPATH" not in dynamic
    assert ".debug_info" not in run(["readelf", "--sections", "--wide", library]).stdout
    assert library.stat().st_size < 8_000_000


def test_wheel_compiles_on_the_oldest_python(unpacked: Path) -> None:
    """Syntax that only later Pythons know would fail at import, perhaps of a module that no test imports."""
    cpythons = [python for python in PYTHONS if python.implementation == "CPython"]
    oldest = min(cpythons, key=lambda python: python.version)
    run([oldest.command, "-m", "compileall", "-q", "-f", unpacked / "marl_ffi"])


@pytest.mark.parametrize("python", PYTHONS, ids=str)
def test_wheel_works(python: Python, wheel: Path, unpacked: Path, tmp_path: Path) -> None:
    """The same file on every Python, with the same results to the last bit."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MARL_FFI_", "PYTHON"))}
    if python.version < OLDEST:
        # A PyPy older than the package takes the library and its declarations all the same.
        run([python.command, CHECK, unpacked], env=clean, cwd=tmp_path)
        return
    run([python.command, "-m", "venv", tmp_path / "venv"], env=clean)
    inside = tmp_path / "venv" / "bin" / "python"
    run([inside, "-m", "pip", "install", "--quiet", wheel], env=clean)
    digests[str(python)] = run([inside, CHECK], env=clean, cwd=tmp_path).stdout
    assert set(digests.values()) == {digests[str(python)]}, digests


def test_without_rust_the_build_says_so_in_one_sentence(sdist: Path, tmp_path: Path) -> None:
    """The interpreter and a C compiler are there, rustc and cargo are not."""
    empty = tmp_path / "bin"
    empty.mkdir()
    poor = {**os.environ, "PATH": str(empty)}
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(sdist)]
    done = subprocess.run(command, capture_output=True, text=True, env=poor)
    assert done.returncode != 0
    sentence = r"error: building marl_ffi needs Rust >= 1\.\d+ \(.*\), but no Rust compiler was found"
    assert re.search(sentence, done.stdout + done.stderr)


def test_with_an_old_rust_the_build_says_so_too(sdist: Path, tmp_path: Path) -> None:
    old = tmp_path / "rustc"
    old.write_text("#!/bin/sh\necho 'rustc 1.70.0 (90c541806 2023-05-31)'\n")
    old.chmod(0o755)
    poor = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(sdist)]
    done = subprocess.run(command, capture_output=True, text=True, env=poor)
    assert done.returncode != 0
    assert re.search(r"needs Rust >= 1\.\d+ \(.*\), but rustc is 1\.70\.0", done.stdout + done.stderr)
