"""Which implementation runs, how it is chosen, and that all of them give the same results and errors."""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from backend_support import SECTIONS, kernels, play, refusals
from c_support import compiler, run
from parity_support import ROOT, TESTS, answer, hash_of, start

import marl_ffi as mf

FIELDS = {"version", "backend", "abi_version", "simd", "num_threads", "library"}


# -- the same results -------------------------------------------------------------------------------------

PLAY = """
import json, warnings
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    import backend_support
    told = backend_support.play()
told["warnings"] = [[each.category.__name__, str(each.message)] for each in seen]
print(json.dumps(told))
"""


def assert_as_native(told: dict[str, Any]) -> None:
    expected = play()
    assert expected["info"]["backend"] == "rust"
    for name in (*(section.__name__ for section in SECTIONS), "envs"):
        assert told[name] == expected[name], name


@functools.lru_cache
def played(backend: str) -> dict[str, Any]:
    told: dict[str, Any] = answer(PLAY, MARL_FFI_BACKEND=backend)
    return told


@pytest.mark.parametrize("backend", ["rust", "numpy", "numba", " NumPy "])
def test_every_backend_gives_the_same_results(backend: str) -> None:
    """To the last bit; the ones that were asked for do not warn."""
    told = played(backend)
    assert told["info"]["backend"] == backend.strip().lower() and told["warnings"] == []
    assert_as_native(told)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_every_backend_refuses_alike(backend: str) -> None:
    """The same kind of error with the same reason, and nothing is accepted."""
    pairs = list(zip(refusals(), played(backend)["refusals"], strict=True))
    differing = [f"{k}: {native!r}, {backend} {other!r}" for k, (native, other) in enumerate(pairs) if native != other]
    assert not differing, "\n".join(differing)
    assert all(len(native.split()) == 2 for native, _ in pairs), pairs


# -- without the native library ---------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A copy of the package without its native library."""
    shutil.copytree(ROOT / "marl_ffi", tmp_path / "marl_ffi", ignore=shutil.ignore_patterns("_native.*", "__pycache__"))
    return tmp_path


def path_to(package: Path) -> str:
    return os.pathsep.join([str(package), str(TESTS)])


def test_without_the_library_everything_runs_and_says_so_once(elsewhere: Path) -> None:
    told = answer(PLAY, PYTHONPATH=path_to(elsewhere))
    [[category, message]] = told["warnings"]
    assert category == "SlowPathWarning" and "slow path with the same results" in message
    assert f"no native library lies in {elsewhere / 'marl_ffi'}" in message and "pip install" in message
    assert_as_native(told)
    info = told["info"]
    assert set(info) == FIELDS and info["backend"] == "numpy"
    assert (info["abi_version"], info["simd"], info["library"], info["num_threads"]) == (None, None, None, 1)


def test_the_warning_is_printed_once_by_default(elsewhere: Path) -> None:
    code = "import warnings; warnings.resetwarnings(); warnings.simplefilter('default')\n"
    code += "import marl_ffi as mf; mf.build_info(); mf.make_vec(mf.list_envs()[0], 2).reset(seed=1); mf.Market(2)"
    done = start(code, PYTHONPATH=path_to(elsewhere))
    assert done.returncode == 0 and done.stderr.count("SlowPathWarning") == 1, done.stderr


def test_missing_declarations_are_a_missing_library(elsewhere: Path, native_library: Path) -> None:
    # Not deleted: an editable installation would still find its own.
    (elsewhere / "marl_ffi" / "_cdef.py").write_text("raise ImportError('nothing here')")
    library = {"MARL_FFI_BACKEND": "rust", "MARL_FFI_LIBRARY": str(native_library)}
    done = start("import marl_ffi", PYTHONPATH=path_to(elsewhere), **library)
    assert done.returncode == 1 and "LibraryNotFoundError: MARL_FFI_BACKEND=rust" in done.stderr
    assert "_cdef.py) are missing: nothing here" in done.stderr


def c_library(directory: Path, source: str) -> Path:
    (directory / "other.c").write_text(source)
    run([*compiler("c"), "-shared", "-fPIC", directory / "other.c", "-o", directory / "other.so"])
    return directory / "other.so"


@pytest.fixture(params=["text", "directory", "nothing", "other symbols", "other abi"])
def no_library(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """Something that is not our library, and what should be said about it."""
    kind = request.param
    if kind == "text":
        (tmp_path / "text.so").write_text("not a library")
        return tmp_path / "text.so", "cannot load"
    if kind == "directory":
        return tmp_path, "cannot load"
    if kind == "nothing":
        return tmp_path / "nothing.so", "cannot load"
    if kind == "other symbols":
        return c_library(tmp_path, "int marl_something(void) { return 1; }\n"), "marl_abi_version"
    source = "#include <stdint.h>\nuint32_t marl_abi_version(void) { return 4242; }\n"
    return c_library(tmp_path, source), f"speaks ABI version 4242, this package needs {mf.build_info()['abi_version']}"


def test_what_is_not_our_library_is_the_slow_path(no_library: tuple[Path, str]) -> None:
    path, reason = no_library
    told = answer(PLAY.replace("play()", "play_little()"), MARL_FFI_LIBRARY=str(path))
    [[category, message]] = told["warnings"]
    assert category == "SlowPathWarning" and str(path) in message and reason in message
    assert told["info"]["backend"] == "numpy" and told["kernels"] == hash_of(kernels())


def test_what_is_not_our_library_is_an_error_if_rust_is_demanded(no_library: tuple[Path, str]) -> None:
    path, reason = no_library
    code = (
        "import json\ntry:\n    import marl_ffi\nexcept ImportError as error:\n"
        "    print(json.dumps([type(error).__name__, str(error)]))\n"
    )
    name, message = answer(code, MARL_FFI_LIBRARY=str(path), MARL_FFI_BACKEND="rust")
    assert name == "LibraryNotFoundError" and message.startswith("MARL_FFI_BACKEND=rust, but ")
    assert str(path) in message and reason in message


def test_the_library_may_lie_anywhere(elsewhere: Path, native_library: Path) -> None:
    copy = shutil.copy(native_library, elsewhere / "renamed.bin")
    told = answer(PLAY.replace("play()", "play_little()"), PYTHONPATH=path_to(elsewhere), MARL_FFI_LIBRARY=str(copy))
    assert told["warnings"] == [] and told["kernels"] == hash_of(kernels())
    assert told["info"] == mf.build_info() | {
        "library": str(copy),
        "num_threads": told["info"]["num_threads"],
    }


# -- the choice -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nonsense", "rust,numpy", "c"])
def test_a_backend_that_is_none_is_a_clear_error(name: str) -> None:
    done = start("import marl_ffi", MARL_FFI_BACKEND=name)
    assert done.returncode == 1
    assert f"InvalidInputError: MARL_FFI_BACKEND={name!r}: expected one of rust, numba, numpy" in done.stderr


def test_build_info_of_the_native_library(native_library: Path) -> None:
    info = mf.build_info()
    assert set(info) == FIELDS and info["backend"] == "rust"
    assert Path(info["library"]).resolve() == native_library and info["num_threads"] >= 1
    assert info["simd"] in ("scalar", "avx2", "avx512", "neon") and info["version"] == mf.__version__
    assert info["abi_version"] == 1


# -- the number of threads ------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["rust", "numpy", "numba"])
@pytest.mark.parametrize("wanted", ["0", "-1", "many", "2.5", "1e3", "٣"])
def test_a_number_of_threads_that_is_none_is_refused(backend: str, wanted: str) -> None:
    """By whatever is used first, on every backend, in words that name the variable."""
    code = "import json\ntry:\n    import marl_ffi as mf\n    mf.market_clearing_batch([[1.0]], [[1.0]], [1.0])\n"
    code += "except ValueError as e:\n    print(json.dumps([type(e).__name__, str(e)]))"
    name, message = answer(code, MARL_FFI_BACKEND=backend, MARL_FFI_NUM_THREADS=wanted)
    assert name == "InvalidInputError"
    assert message == f"MARL_FFI_NUM_THREADS={wanted!r}: expected a whole number of at least 1"


def test_any_whole_number_of_threads_is_one() -> None:
    code = "import json, marl_ffi as mf; print(json.dumps(mf.build_info()['num_threads']))"
    assert [answer(code, MARL_FFI_NUM_THREADS=wanted) for wanted in (" 3 ", "1" + "0" * 40)] == [3, 1024]
    assert answer(code, MARL_FFI_NUM_THREADS="") == answer(code)
