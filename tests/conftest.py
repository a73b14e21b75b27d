"""Fixtures that more than one test file needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Pictures are drawn without a screen, also in the processes that tests start.
os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(scope="session")
def native_library() -> Path:
    """Path of the shared library that the package loads; a test that asks for it cannot do without.

    `MARL_FFI_C_LIBRARY` names another one for C programs, which no Python could load: `make asan`.
    """
    from marl_ffi import _library

    if named := os.environ.get("MARL_FFI_C_LIBRARY"):
        return Path(named).resolve(strict=True)
    found = _library.path()
    assert found is not None, f"the native library is not there: {_library.why_unavailable()}"
    return Path(found).resolve()


@pytest.fixture(scope="session")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `make install` put the C library, once for all tests."""
    from install_support import install

    target = tmp_path_factory.mktemp("installed")
    install(target)
    return target
