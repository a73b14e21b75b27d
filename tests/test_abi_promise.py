"""abidiff agrees that programs compiled against an older header of this ABI version still run, and can disagree."""

from __future__ import annotations

import re
import shutil

import abi_compare
import pytest
from c_support import HEADER

pytestmark = pytest.mark.examples

NOW = HEADER.read_text(encoding="utf-8")
FIRST = abi_compare.FIRST.read_text(encoding="utf-8")


def changed(pattern: str, replacement: str) -> str:
    """Today's header with one change."""
    text, count = re.subn(pattern, replacement, NOW, count=1, flags=re.DOTALL)
    assert count == 1, pattern
    return text


def test_abidiff_is_there() -> None:
    assert shutil.which("abidiff"), "these tests need abidiff: install libabigail (Debian: abigail-tools)"


def test_stub_has_every_function_and_type() -> None:
    text = abi_compare.plain(NOW)
    stub = abi_compare.stub(NOW)
    functions = set(re.findall(r"\b(marl_\w+)\s*\(", text))
    assert len(functions) > 40 and all(f"{name}(" in stub for name in functions)
    types = set(re.findall(r"typedef (?:enum|struct) (\w+) \{", text))
    assert len(types) >= 8 and all(f" {name} *x)" in stub for name in types)


@pytest.mark.parametrize(("name", "old"), [abi_compare.baseline(), ("marl_ffi_v1.h", FIRST)], ids=["last", "first"])
def test_nothing_that_callers_could_notice_has_changed(name: str, old: str) -> None:
    if abi_compare.version(old) == abi_compare.version(NOW):
        difference = abi_compare.compare(old, NOW)
        assert not difference.breaks, f"since {name}:\n{difference.report}"


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"uint32_t marl_abi_version\(void\);", ""),
        (r"uint32_t marl_abi_version\(void\);", "uint64_t marl_abi_version(void);"),
        (r"marl_status_name\(int32_t status\)", "marl_status_name(int64_t status)"),
        (r"size_t num_steps,\n", "size_t num_steps, int32_t extra,\n"),
        (r"  int32_t actions_dtype;", "  int64_t actions_dtype;"),
        (r"  uint8_t \*terminations;([^}]*?)  uint8_t \*truncations;", r"  uint8_t *truncations;\1  uint8_t *terminations;"),
        (r"  double price_cap;", "  double price_floor;\n  double price_cap;"),
        (r"  void \*actions_out;", "  double *more;\n  void *actions_out;"),
        (r"  size_t actions_out_bytes;", ""),
        (r"char message\[508\];", "char message[1020];"),
        (r"MARL_STATUS_EMPTY = 103", "MARL_STATUS_EMPTY = 109"),
        (r"  MARL_STATUS_BUSY = 600,", ""),
        (r"MARL_DTYPE_INT32 = 2", "MARL_DTYPE_INT32 = 4"),
        (r"  MARL_AUTORESET_DISABLED = 2,", ""),
    ],
)
def test_a_change_that_callers_could_notice_is_noticed(pattern: str, replacement: str) -> None:
    difference = abi_compare.compare(NOW, changed(pattern, replacement))
    assert difference.breaks


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"uint32_t marl_abi_version\(void\);", "uint32_t marl_abi_version(void);\nint32_t marl_new(int32_t x);"),
        (r"  size_t actions_out_bytes;", "  size_t actions_out_bytes;\n  double *more;\n  size_t more_len;"),
        (r"  MARL_STATUS_POISONED = 701,", "  MARL_STATUS_POISONED = 701,\n  MARL_STATUS_NEW = 702,"),
        (r"  MARL_DTYPE_INT64 = 3,", "  MARL_DTYPE_INT64 = 3,\n  MARL_DTYPE_UINT8 = 4,"),
        (r"int32_t dtype_code", "int32_t dtype"),
    ],
)
def test_a_change_that_the_policy_allows_passes(pattern: str, replacement: str) -> None:
    difference = abi_compare.compare(NOW, changed(pattern, replacement))
    assert not difference.breaks, difference.report


def test_a_commit_can_be_named() -> None:
    assert abi_compare.baseline("HEAD")[1].startswith("/*\n * marl_ffi")
    with pytest.raises(SystemExit, match="no-such-ref: no such commit"):
        abi_compare.baseline("no-such-ref")


def test_the_last_tag_comes_first_and_the_first_header_while_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"describe": "v0.1.0\n", "show": NOW}
    monkeypatch.setattr(abi_compare, "git", lambda *arguments: said[arguments[0]])
    assert abi_compare.baseline() == ("v0.1.0", NOW)
    monkeypatch.setattr(abi_compare, "git", lambda *arguments: None)
    assert abi_compare.baseline() == ("marl_ffi_v1.h", FIRST)


def test_a_new_version_is_not_compared(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    old = NOW.replace("#define MARL_ABI_VERSION 1", "#define MARL_ABI_VERSION 0").replace("marl_version(", "marl_gone(")
    monkeypatch.setattr(abi_compare, "git", lambda *arguments: old)
    assert abi_compare.main(["v0"]) == 0
    assert capsys.readouterr().out == "v0 is of ABI version 0, this header of 1: they need not agree\n"
    monkeypatch.setattr(abi_compare, "git", lambda *arguments: NOW.replace("marl_version(", "marl_gone("))
    assert abi_compare.main(["v1"]) == 1
    assert "marl_gone" in capsys.readouterr().out
