"""What the loader in JavaScript writes out of the C ABI is what the header says."""

from __future__ import annotations

import re

import abi_snapshot
from browser_support import PAGE

LOADER = "\n".join(path.read_text(encoding="utf-8") for path in sorted((PAGE / "marl_ffi").glob("*.js")))


def constant(name: str) -> int:
    found = re.search(rf"^(?:export )?const {name} = (\d+);", LOADER, re.MULTILINE)
    assert found is not None, name
    return int(found.group(1))


def names(pattern: str) -> dict[str, int]:
    found = re.search(pattern, LOADER)
    assert found is not None, pattern
    return {name: int(number) for name, number in re.findall(r"(\w+): (\d+)", found.group(1))}


def test_version_and_statuses() -> None:
    abi = abi_snapshot.take()
    assert constant("ABI_VERSION") == abi["constants"]["MARL_ABI_VERSION"]
    for name in ("PANIC", "LENGTH_MISMATCH", "OUT_OF_MEMORY", "INVALID_ARGUMENT"):
        assert constant(name) == abi["enums"]["marl_status"][f"MARL_STATUS_{name}"]


def test_enumerations() -> None:
    enums = abi_snapshot.take()["enums"]
    known = {
        "marl_dtype": (r"DTYPES = \{([^}]*)\}", ""),
        "marl_autoreset": (r"AUTORESET = \{([^}]*)\}", "_"),
        "marl_market_array": (r"\nconst ARRAYS = \{([^}]*)\}", ""),
        "marl_brigade_decisions": (r"DECISIONS = \{([^}]*)\}", ""),
    }
    for enum, (pattern, between) in known.items():
        prefix = enum.upper() + "_"
        expected = {name.removeprefix(prefix): number for name, number in enums[enum].items()}
        got = names(pattern)
        assert {re.sub(r"(?<=[a-z])(?=[A-Z])", between, name).upper(): number for name, number in got.items()} == expected


def test_fields_of_a_step_are_those_of_the_header_in_order() -> None:
    found = re.search(r"const STEP_IO = \[(.*?)\];", LOADER, re.DOTALL)
    assert found is not None
    fields = [name for name in abi_snapshot.take()["structs"]["marl_step_io"] if name != "sizeof"]
    assert re.findall(r'"(\w+)"', found.group(1)) == fields


def test_fields_of_a_market_are_where_32_bits_put_them() -> None:
    """`size_t` shrinks to four bytes; what follows is aligned to eight, and stays where it was."""
    fields = abi_snapshot.take()["structs"]["marl_market_params"]
    camel = {re.sub(r"_(\w)", lambda m: m.group(1).upper(), name): name for name in fields}
    shown = names(r"const DOUBLES = \{([^}]*)\}") | {"timeHorizon": constant("TIME_HORIZON")}
    shown |= {name: int(at) for name, at in re.findall(r"(\w+): \[(\d+), \{", LOADER)}
    assert len(shown) == 9
    assert {camel[name]: at for name, at in shown.items()} == {
        name: int(fields[name].split("+")[0]) for name in fields if name not in ("sizeof", "size", "reserved")
    }
    assert constant("SIZE") == int(fields["sizeof"])
