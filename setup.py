"""Builds the Rust library and the cffi declarations; everything else is in pyproject.toml.

The wheel holds no extension module but a plain shared library (`marl_ffi/_native.so`) and a pure Python file
of declarations (`marl_ffi/_cdef.py`), made from the C header. So one wheel per platform serves every Python.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.errors import PlatformError
from setuptools_rust import Binding, RustExtension, Strip
from setuptools_rust.build import build_rust

ROOT = Path(__file__).resolve().parent
HEADER = ROOT / "include" / "marl_ffi.h"
MANIFEST = ROOT / "rust_ffi" / "Cargo.toml"


def manifest_field(name: str) -> str:
    """A text of the `[package]` section of Cargo.toml. (tomllib is not in Python 3.10.)"""
    package = MANIFEST.read_text(encoding="utf-8").split("[package]", 1)[1].split("\n[", 1)[0]
    found = re.search(rf'^{re.escape(name)}\s*=\s*"([^"]+)"', package, re.MULTILINE)
    if found is None:
        raise SystemExit(f"{MANIFEST}: no {name} in [package]")
    return found.group(1)


def declarations(header: str) -> str:
    """What cffi can read of the C header: no comments, no preprocessor but integer constants."""
    header = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    header = re.sub(r"//[^\n]*", "", header)
    header = re.sub(r"#ifdef __cplusplus.*?#endif", "", header, flags=re.DOTALL)
    lines = [line.rstrip() for line in header.splitlines() if line.strip()]
    kept = [line for line in lines if line[0] != "#" or re.match(r"#define \w+ \d+$", line)]
    return "\n".join(kept) + "\n"


def write_declarations(target: Path) -> None:
    """Write the pure Python module from which cffi takes the declarations without parsing."""
    from cffi import FFI

    ffi = FFI()
    ffi.set_source("marl_ffi._cdef", None)
    ffi.cdef(declarations(HEADER.read_text(encoding="utf-8")))
    target.parent.mkdir(parents=True, exist_ok=True)
    ffi.emit_python_code(str(target))


class BuildPy(build_py):
    """Adds the declarations: to the source tree if the install is editable."""

    def run(self) -> None:
        if not self.editable_mode:
            # A build directory outlives its build, and what was renamed since would end up in the wheel.
            shutil.rmtree(Path(self.build_lib) / "marl_ffi", ignore_errors=True)
        super().run()
        home = ROOT if self.editable_mode else Path(self.build_lib)
        write_declarations(home / "marl_ffi" / "_cdef.py")


class BuildRust(build_rust):
    """Says in one sentence what is missing, and names the library alike for every Python."""

    def run(self) -> None:
        needed = manifest_field("rust-version")
        found = rust_version()
        if found is None or numbers(found) < numbers(needed):
            what = "no Rust compiler was found" if found is None else f"rustc is {found}"
            raise PlatformError(
                f"building marl_ffi needs Rust >= {needed} (rustc and cargo on the PATH), but {what}"
            )
        super().run()

    def get_dylib_ext_path(self, ext: RustExtension, target_fname: str) -> str:
        path = Path(super().get_dylib_ext_path(ext, target_fname))
        return str(path.with_name("_native.dll" if sys.platform == "win32" else "_native.so"))


def rust_version() -> str | None:
    """The version of rustc, or None if it does not run."""
    try:
        said = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.split()[1]


def numbers(version: str) -> list[int]:
    """`"1.89"` and `"1.95.0-nightly"` as numbers to compare."""
    return [int(part) for part in version.split("-")[0].split(".")]


class BdistWheel(bdist_wheel):
    """Tags the wheel for any Python on this platform."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


if __name__ == "__main__":
    library = RustExtension(
        "marl_ffi._native",
        path="rust_ffi/Cargo.toml",
        binding=Binding.NoBinding,
        debug=False,  # else an editable install, and what it measures, would be a debug build
        cargo_manifest_args=["--locked"],
        strip=Strip.Debug,
    )
    setup(
        version=manifest_field("version"),
        rust_extensions=[library],
        cmdclass={"build_py": BuildPy, "build_rust": BuildRust, "bdist_wheel": BdistWheel},
    )
