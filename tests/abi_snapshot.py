"""What a compiled caller relies on: functions and their types, constants, enums, structs and offsets.

`python tests/abi_snapshot.py` writes tests/abi/v<MARL_ABI_VERSION>.json from the header, with the C compiler, unless
something changed that may not change within a version; docs/abi_policy.md tells what may.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from c_support import HEADER, build, run

SNAPSHOTS = Path(__file__).parent / "abi"
# Structs that begin with their own size may grow at the end.
GROW = (
    "marl_step_io", "marl_market_params", "marl_plugin_env", "marl_plugin_rows", "marl_plugin_setup", "marl_plugin_draws",
    "marl_plugin_host",
)  # fmt: skip

Snapshot = dict[str, Any]


def plain(text: str) -> str:
    """The text of a header without comments and C++ guards."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
    return re.sub(r"#ifdef __cplusplus.*?#endif", "", text, flags=re.DOTALL)


def plain_header(header: Path = HEADER) -> str:
    """A header without comments and C++ guards."""
    return plain(header.read_text(encoding="utf-8"))


def constants(header: Path = HEADER) -> dict[str, int]:
    found = re.findall(r"^#define (\w+) (\d+)$", plain_header(header), re.MULTILINE)
    return {name: int(value) for name, value in found}


def signature(result: str, arguments: str) -> str:
    """The types of a function. Names of arguments are not part of the ABI."""
    types = [re.sub(r"(?<=[\s*])\w+$", "", " ".join(argument.split())) for argument in arguments.split(",")]
    return f"{' '.join(result.split())} ({', '.join(kind.strip() for kind in types)})"


def fields_of(body: str) -> list[str]:
    """Names of the fields of a struct, pointers to functions among them, in order."""
    return [a or b for a, b in re.findall(r"\(\*(\w+)\)\([^)]*\);|(\w+)(?:\[\d+\])?;", body)]


def take(header: Path = HEADER) -> Snapshot:
    """The ABI that a header describes. Sizes and offsets are those of this platform's compiler."""
    text = plain_header(header)
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
        "constants": constants(header),
        "functions": functions,
        "callbacks": callbacks,
        "opaque": sorted(re.findall(r"typedef struct (\w+) \1;", text)),
        **measure(header, enums, structs),
    }


def measure(header: Path, enums: dict[str, dict[str, str]], structs: dict[str, list[str]]) -> Snapshot:
    """Values of enums, sizes and offsets of structs, as a compiled program has them."""
    lines = [f'#include "{header.resolve()}"', "#include <stdio.h>", "int main(void) {"]
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


def broken(old: Snapshot, new: Snapshot) -> list[str]:
    """What of `old` is gone or different in `new`, in words. Additions are fine."""
    found = []
    for kind in ("constants", "functions", "callbacks"):
        found += _changed(kind, old.get(kind, {}), new.get(kind, {}))
    found += [f"opaque/{name}: is gone" for name in old["opaque"] if name not in new["opaque"]]
    for kind in ("enums", "structs"):
        for name, members in old[kind].items():
            now = new[kind].get(name, {})
            if name in GROW and list(now)[: len(members)] == list(members):
                members, now = {**members, "sizeof": 0}, {**now, "sizeof": 0}
            elif kind == "structs" and list(now) != list(members):
                found.append(f"structs/{name}: fields were {', '.join(members)}; are {', '.join(now) or 'gone'}")
                continue
            found += _changed(f"{kind}/{name}", members, now)
    return found


def _changed(where: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [f"{where}/{key}: was {was}, is {new.get(key, 'gone')}" for key, was in old.items() if new.get(key) != was]


if __name__ == "__main__":
    snapshot = take()
    target = path(snapshot["constants"]["MARL_ABI_VERSION"])
    if target.exists():
        breaks = broken(json.loads(target.read_text(encoding="utf-8")), snapshot)
        if breaks:
            sys.exit("\n".join(["raise MARL_ABI_VERSION, or take this back:", *breaks]))
    target.write_text(json.dumps(snapshot, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {target}")
