"""What a compiled caller relies on: functions and their types, constants, enums, structs and offsets.

`python tests/abi_snapshot.py` writes tests/abi/v<MARL_ABI_VERSION>.json from the header, with the C compiler.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from c_support import HEADER, build, run

SNAPSHOTS = Path(__file__).parent / "abi"

Snapshot = dict[str, Any]


def plain_header() -> str:
    """The header without comments, extra blanks and C++ guards."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", HEADER.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"#ifdef __cplusplus.*?#endif", "", text, flags=re.DOTALL)


def constants() -> dict[str, int]:
    found = re.findall(r"^#define (\w+) (\d+)$", plain_header(), re.MULTILINE)
    return {name: int(value) for name, value in found}


def signature(result: str, arguments: str) -> str:
    """The types of a function. Names of arguments are not part of the ABI."""
    types = [re.sub(r"(?<=[\s*])\w+$", "", " ".join(argument.split())) for argument in arguments.split(",")]
    return f"{' '.join(result.split())} ({', '.join(kind.strip() for kind in types)})"


def fields_of(body: str) -> list[str]:
    """Names of the fields of a struct, pointers to functions among them, in order."""
    return [a or b for a, b in re.findall(r"\(\*(\w+)\)\([^)]*\);|(\w+)(?:\[\d+\])?;", body)]


def take() -> Snapshot:
    """The ABI that the header describes. Sizes and offsets are those of this platform's compiler."""
    text = plain_header()
    enums = {
        name: dict(re.findall(r"(\w+) = (-?\d+)", body))
        for name, body in re.findall(r"typedef enum (\w+) \{(.*?)\}", text, re.DOTALL)
    }
    bodies = dict(re.findall(r"typedef struct (\w+) \{(.*?)\}", text, re.DOTALL))
    structs = {name: fields_of(body) for name, body in bodies.items()}
    callbacks = {
        f"{name}.{field}": signature(result, arguments)
        for name, body in bodies.items()
        for result, field, arguments in re.findall(r"(\w[\w ]*\**)\(\*(\w+)\)\(([^)]*)\);", body)
    }
    prototypes = re.findall(r"^([^#\n;{}]*?)\b(marl_\w+)\(([^)]*)\);", text, re.MULTILINE)
    functions = {name: signature(result, arguments) for result, name, arguments in prototypes}
    return {
        "constants": constants(),
        "functions": functions,
        "callbacks": callbacks,
        "opaque": sorted(re.findall(r"typedef struct (\w+) \1;", text)),
        **measure(enums, structs),
    }


def measure(enums: dict[str, dict[str, str]], structs: dict[str, list[str]]) -> Snapshot:
    """Values of enums, sizes and offsets of structs, as a compiled program has them."""
    lines = ['#include "marl_ffi.h"', "#include <stdio.h>", "int main(void) {"]
    lines += [f'printf("enum {name} {key} %d\\n", {key});' for name in enums for key in enums[name]]
    for name, fields in structs.items():
        lines.append(f'printf("size {name} _ %zu\\n", sizeof({name}));')
        for field in fields:
            place = f"offsetof({name}, {field}), sizeof((({name} *)0)->{field})"
            lines.append(f'printf("field {name} {field} %zu+%zu\\n", {place});')
    lines += ["return 0;", "}", ""]
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "measure.c"
        source.write_text("\n".join(lines))
        said = run([build(Path(directory) / "measure", [source], None)]).stdout
    measured: Snapshot = {"enums": {name: {} for name in enums}, "structs": {name: {} for name in structs}}
    for kind, name, key, value in (line.split() for line in said.splitlines()):
        if kind == "enum":
            measured["enums"][name][key] = int(value)
        else:
            measured["structs"][name]["sizeof" if kind == "size" else key] = value
    return measured


def path(version: int) -> Path:
    """Where the snapshot of an ABI version is committed. Offset and size of a field read `offset+size`."""
    return SNAPSHOTS / f"v{version}.json"


if __name__ == "__main__":
    snapshot = take()
    target = path(snapshot["constants"]["MARL_ABI_VERSION"])
    target.write_text(json.dumps(snapshot, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {target}")
