"""`make install`: what lies where, and that programs outside of this tree build against it in every way."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from c_support import HEADER, ROOT, WARNINGS, compiler, run
from install_support import built, clean_environment, install, make

pytestmark = pytest.mark.examples

VERSION = re.search(r'^version = "(.*)"', (ROOT / "rust_ffi/Cargo.toml").read_text(), re.MULTILINE)[1]  # type: ignore[index]
ABI = re.search(r"^#define MARL_ABI_VERSION (\d+)$", HEADER.read_text(), re.MULTILINE)[1]  # type: ignore[index]
SHARED = f"libmarl_ffi.so.{ABI}"
FILES = {
    "include/marl_ffi.h",
    "include/marl_ffi.hpp",
    f"lib/{SHARED}",
    "lib/libmarl_ffi.so",
    "lib/libmarl_ffi.a",
    "lib/pkgconfig/marl_ffi.pc",
    "lib/cmake/marl_ffi/marl_ffi-config.cmake",
    "lib/cmake/marl_ffi/marl_ffi-config-version.cmake",
}
SOURCE = ROOT / "examples" / "c" / "checksum.c"
CMAKE = """
cmake_minimum_required(VERSION 3.14)
project(outside C)
find_package(marl_ffi {asked} REQUIRED)
foreach(kind shared static)
  add_executable(${{kind}} "{source}")
  set_target_properties(${{kind}} PROPERTIES C_STANDARD 99 C_STANDARD_REQUIRED YES C_EXTENSIONS NO)
endforeach()
target_link_libraries(shared PRIVATE marl_ffi::marl_ffi)
target_link_libraries(static PRIVATE marl_ffi::marl_ffi_static)
"""


def files(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*") if not path.is_dir()}


def dynamic(path: Path) -> str:
    assert sys.platform.startswith("linux"), "this test reads ELF files"
    return run(["readelf", "--dynamic", "--wide", path]).stdout


def needed(program: Path) -> list[str]:
    return re.findall(r"\(NEEDED\).*\[(libmarl.*?)\]", dynamic(program))


@pytest.fixture(scope="module")
def checksum() -> str:
    """What the program prints, told by Python."""
    return run([sys.executable, ROOT / "examples" / "checksum.py"], env=clean_environment(PYTHONPATH=str(ROOT))).stdout


def pkg_config(prefix: Path, *arguments: str) -> list[str]:
    path = clean_environment(PKG_CONFIG_PATH=str(prefix / "lib" / "pkgconfig"))
    return run(["pkg-config", *arguments, "marl_ffi"], env=path).stdout.split()


def test_everything_is_there_and_nothing_else(prefix: Path) -> None:
    assert files(prefix) == FILES
    assert (prefix / "include" / "marl_ffi.h").read_bytes() == HEADER.read_bytes()
    assert (prefix / "lib" / "libmarl_ffi.so").readlink() == Path(SHARED)


def test_shared_library_has_a_soname_and_exports_the_header_alone(prefix: Path) -> None:
    library = prefix / "lib" / SHARED
    assert re.findall(r"\(SONAME\).*\[(.*?)\]", dynamic(library)) == [SHARED]
    text = re.sub(r"//.*", "", HEADER.read_text(encoding="utf-8"))
    declared = set(re.findall(r"\b(marl_\w+)\s*\((?!\*)", text))
    said = run(["nm", "--dynamic", "--defined-only", library]).stdout
    assert {line.split()[-1] for line in said.splitlines()} == declared
    others = re.findall(r"NEEDED.*\[(.*?)\]", dynamic(library))
    assert all(re.match(r"(libc|libm|libgcc_s|libpthread|libdl|librt|libutil|ld-linux)\b", name) for name in others)


def test_library_of_the_wheel_has_no_soname(native_library: Path) -> None:
    """Else a program that needs the installed library could be given that of a wheel, of another version."""
    assert "(SONAME)" not in dynamic(native_library)


def test_pkg_config_tells_versions(prefix: Path) -> None:
    assert pkg_config(prefix, "--modversion") == [VERSION]
    assert pkg_config(prefix, "--variable=abi_version") == [ABI]


def test_outside_program_by_pkg_config_shared(prefix: Path, tmp_path: Path, checksum: str) -> None:
    program = tmp_path / "program"
    flags = pkg_config(prefix, "--cflags", "--libs")
    run([*compiler("c"), *WARNINGS, SOURCE, *flags, f"-Wl,-rpath,{prefix}/lib", "-o", program], cwd=tmp_path)
    assert needed(program) == [SHARED]
    assert run([program]).stdout == checksum


def test_outside_program_by_pkg_config_static(prefix: Path, tmp_path: Path, checksum: str) -> None:
    program = tmp_path / "program"
    flags = pkg_config(prefix, "--static", "--cflags", "--libs")
    run([*compiler("c"), *WARNINGS, "-static", SOURCE, *flags, "-o", program], cwd=tmp_path)
    assert "NEEDED" not in dynamic(program)
    assert run([program]).stdout == checksum


def test_outside_program_by_cmake(prefix: Path, tmp_path: Path, checksum: str) -> None:
    (tmp_path / "CMakeLists.txt").write_text(CMAKE.format(asked="0.1", source=SOURCE))
    built("cmake", "-S", ".", "-B", "build", prefix=prefix, cwd=tmp_path)
    built("cmake", "--build", "build", prefix=prefix, cwd=tmp_path)
    shared, static = tmp_path / "build" / "shared", tmp_path / "build" / "static"
    assert (needed(shared), needed(static)) == ([SHARED], [])
    assert run([shared]).stdout == run([static]).stdout == checksum


@pytest.mark.parametrize(("asked", "told"), [("9", "version: 0.1"), ("0.9", "version: 0.1")])
def test_cmake_refuses_a_version_that_is_not_there(asked: str, told: str, prefix: Path, tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text(CMAKE.format(asked=asked, source=SOURCE))
    where = clean_environment(CMAKE_PREFIX_PATH=str(prefix))
    done = subprocess.run(["cmake", "-B", "build"], cwd=tmp_path, env=where, capture_output=True, text=True)
    assert done.returncode != 0 and told in done.stderr, done.stderr


def test_staging_and_uninstalling(tmp_path: Path) -> None:
    """Files go to DESTDIR and speak of PREFIX; what is taken away is what was put there."""
    stage, clone = tmp_path / "stage", sorted(ROOT.iterdir())
    install(Path("/opt/marl"), f"DESTDIR={stage}", "LIBDIR=/opt/marl/lib64")
    home = stage / "opt" / "marl"
    assert sorted(ROOT.iterdir()) == clone, "leaves files behind in the clone"
    assert files(home) == {name.replace("lib/", "lib64/", 1) if name.startswith("lib/") else name for name in FILES}
    for path in [*home.rglob("*.pc"), *home.rglob("*.cmake")]:
        text = path.read_text()
        assert str(stage) not in text and "@" not in text, path
    assert "/opt/marl/lib64" in (home / "lib64" / "pkgconfig" / "marl_ffi.pc").read_text()
    (home / "include" / "other.h").write_text("")
    done = make("uninstall", "PREFIX=/opt/marl", f"DESTDIR={stage}", "LIBDIR=/opt/marl/lib64")
    assert done.returncode == 0, done.stderr
    assert files(stage) == {"opt/marl/include/other.h"}


@pytest.mark.parametrize(
    ("prefix_asked", "told"),
    [("relative/place", "expected an absolute directory, got 'relative/place'"), ("/with blank", "must hold no blank")],
)
def test_a_prefix_that_cannot_be_is_refused(prefix_asked: str, told: str, tmp_path: Path) -> None:
    done = make("uninstall", f"PREFIX={prefix_asked}", f"DESTDIR={tmp_path}")
    assert done.returncode != 0 and told in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_script_is_plain_sh() -> None:
    shell = shutil.which("dash") or "sh"
    run([shell, "-n", ROOT / "rust_ffi" / "install" / "install.sh"])
