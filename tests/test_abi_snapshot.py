"""The ABI is a promise: nothing that a compiled caller could notice changes unless its version is raised."""

from __future__ import annotations

import copy
import json
import re
import sys
from pathlib import Path
from typing import Any

import abi_snapshot
import pytest
from c_support import run


def committed() -> dict[str, Any]:
    version = abi_snapshot.constants()["MARL_ABI_VERSION"]
    path = abi_snapshot.path(version)
    assert path.exists(), f"a new ABI version: run `python tests/abi_snapshot.py` and commit {path.name}"
    snapshot: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return snapshot


def differences(old: Any, new: Any, where: str = "") -> list[str]:
    """What differs, in words."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            line
            for key in [*old, *(key for key in new if key not in old)]
            for line in differences(old.get(key, "(nothing)"), new.get(key, "(nothing)"), f"{where}/{key}")
        ]
    return [] if old == new else [f"{where}: was {old}, is {new}"]


def test_nothing_changed_within_this_version() -> None:
    found = differences(committed(), abi_snapshot.take())
    assert found == [], "raise MARL_ABI_VERSION, or take this back:\n" + "\n".join(found)


def test_snapshot_is_not_empty() -> None:
    snapshot = committed()
    assert len(snapshot["functions"]) >= 35 and len(snapshot["opaque"]) >= 3
    assert len(snapshot["enums"]["marl_status"]) >= 26
    assert snapshot["structs"]["marl_error"]["sizeof"] == "512"
    assert all(fields["sizeof"] != "0" and len(fields) > 1 for fields in snapshot["structs"].values())


def test_nothing_of_an_earlier_version_is_lost() -> None:
    """Versions so far have only added: a program compiled for an older one finds all that it knows, where it was."""
    present = abi_snapshot.take()
    for path in abi_snapshot.SNAPSHOTS.glob("v*.json"):
        old = json.loads(path.read_text(encoding="utf-8"))
        for part in ("functions", "callbacks", "structs", "enums"):
            for name, known in old.get(part, {}).items():
                kept = present[part][name]
                kept = {key: kept[key] for key in known} if isinstance(known, dict) else kept
                assert kept == known, f"{path.name}: {name}"


def test_versioned_structs_begin_with_their_size() -> None:
    plugins = [name for name in abi_snapshot.take()["structs"] if name.startswith("marl_plugin_")]
    assert len(plugins) >= 5
    for name in ("marl_step_io", "marl_market_params", *plugins):
        first = list(abi_snapshot.take()["structs"][name].items())[1]
        assert first == ("size", "0+8")


def test_no_snapshot_lacks_its_successor() -> None:
    """Versions are 1, 2, 3 and so on up to the present one, each with its snapshot kept."""
    versions = sorted(int(path.stem[1:]) for path in abi_snapshot.SNAPSHOTS.glob("v*.json"))
    assert versions == list(range(1, abi_snapshot.constants()["MARL_ABI_VERSION"] + 1))


CHANGES = {
    "function taken away": lambda s: s["functions"].pop("marl_version"),
    "function changed": lambda s: s["functions"].update(marl_version="const char * (int)"),
    "number changed": lambda s: s["enums"]["marl_status"].update(MARL_STATUS_EMPTY=109),
    "number taken away": lambda s: s["enums"]["marl_status"].pop("MARL_STATUS_BUSY"),
    "field moved": lambda s: s["structs"]["marl_step_io"].update(rewards="40+8"),
    "field taken away": lambda s: s["structs"]["marl_step_io"].pop("infos"),
    "field in the middle": lambda s: insert(s["structs"]["marl_step_io"], 3, "extra", "16+8"),
    "field of another name": lambda s: insert(s["structs"]["marl_market_params"], 2, "other", "8+8", instead=True),
    "struct without a size that grew": lambda s: s["structs"]["marl_error"].update(more="512+8"),
    "struct without a size of another size": lambda s: s["structs"]["marl_error"].update(sizeof="520"),
    "callback changed": lambda s: s["callbacks"].update({"marl_plugin_env.step": "int32_t (void)"}),
    "handle taken away": lambda s: s["opaque"].remove("marl_market"),
}
ADDITIONS = {
    "function": lambda s: s["functions"].update(marl_extra="void (void)"),
    "constant": lambda s: s["constants"].update(MARL_EXTRA=3),
    "handle": lambda s: s["opaque"].append("marl_extra"),
    "status": lambda s: s["enums"]["marl_status"].update(MARL_STATUS_EXTRA=702),
    "enum": lambda s: s["enums"].update(marl_extra={"MARL_EXTRA_A": 0}),
    "struct": lambda s: s["structs"].update(marl_extra={"sizeof": "8", "size": "0+8"}),
    "field at the end": lambda s: s["structs"]["marl_step_io"].update(extra="192+8", sizeof="200"),
}


def insert(fields: dict[str, str], place: int, name: str, value: str, instead: bool = False) -> None:
    items = list(fields.items())
    items[place : place + instead] = [(name, value)]
    fields.clear()
    fields.update(items)


@pytest.mark.parametrize("change", [*CHANGES, *ADDITIONS])
def test_a_change_is_noticed(change: str) -> None:
    changed = copy.deepcopy(committed())
    {**CHANGES, **ADDITIONS}[change](changed)
    assert differences(committed(), changed) != []


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_callers_could_notice_is_refused(change: str) -> None:
    changed = copy.deepcopy(committed())
    CHANGES[change](changed)
    assert len(abi_snapshot.broken(committed(), changed)) == 1


@pytest.mark.parametrize("change", ADDITIONS)
def test_an_addition_is_not_refused(change: str) -> None:
    changed = copy.deepcopy(committed())
    ADDITIONS[change](changed)
    assert abi_snapshot.broken(committed(), changed) == []


def test_all_of_the_first_header_is_still_there() -> None:
    first = abi_snapshot.take(abi_snapshot.SNAPSHOTS / "marl_ffi_v1.h")
    assert len(first["functions"]) == 42 and "marl_brigade_episodes" not in first["functions"]
    assert abi_snapshot.broken(first, abi_snapshot.take()) == []


def test_symbols_of_the_library(native_library: Path) -> None:
    """The library has every function of the snapshot and leaks no other symbol."""
    assert sys.platform.startswith("linux"), "this test reads ELF files"
    said = run(["nm", "--dynamic", "--defined-only", native_library]).stdout
    symbols = {line.split()[-1] for line in said.splitlines()}
    assert symbols == set(committed()["functions"])
    needed = re.findall(r"NEEDED.*\[(.*?)\]", run(["readelf", "--dynamic", native_library]).stdout)
    assert all(re.match(r"(libc|libm|libgcc_s|libpthread|libdl|ld-linux)\b", name) for name in needed), needed
