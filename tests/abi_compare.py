"""Compares the C ABI that two headers declare, with libabigail: `python tests/abi_compare.py [REF]`.

REF is a commit or tag; without one, the last tag, or the first header (tests/abi/marl_ffi_v1.h) while there is no tag.
Each header becomes a library of functions that do nothing, compiled with debug information, so that what is compared
is what callers see: the insides of the real library, which no caller can touch, play no part. That the real library has
these functions with these types is the work of cbindgen and of tests/test_exports.py.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from abi_snapshot import GROW, SNAPSHOTS, plain
from c_support import HEADER, ROOT, compiler, run

FIRST = SNAPSHOTS / "marl_ffi_v1.h"


class Difference(NamedTuple):
    """Whether compiled callers could notice, and what abidiff says."""

    breaks: bool
    report: str


def stub(header: str) -> str:
    """A C program with every function and type of a header, and the functions empty."""
    text = plain(header)
    types = re.findall(r"^typedef (enum|struct) (\w+) \{", text, re.MULTILINE)
    lines = ['#include "marl_ffi.h"']
    # Enums come in as integers: only these functions mention them.
    lines += [f"void type_{name}({kind} {name} *x) {{}}" for kind, name in types]
    for result, name, arguments in re.findall(r"^([^#\n;{}]*?)\b(marl_\w+)\(([^)]*)\);", text, re.MULTILINE):
        body = "" if result.strip() == "void" else "return 0;"
        lines.append(f"{result}{name}({' '.join(arguments.split())}) {{ {body} }}")
    return "\n".join([*lines, ""])


def fields(header: str, struct: str) -> list[str]:
    """The declarations of the fields of a struct."""
    [body] = re.findall(rf"^typedef struct {struct} \{{(.*?)^\}}", header, re.MULTILINE | re.DOTALL)
    return [field.strip() for field in body.split(";") if field.strip()]


def without_growth(old: str, new: str) -> str:
    """The header `new`, without the fields that its structs have beyond those of `old`."""
    for struct in (name for name in GROW if f"typedef struct {name} {{" in old):
        for field in fields(new, struct)[len(fields(old, struct)) :]:
            if new.count(f"{field};") == 1:  # else it stays, and is reported
                new = new.replace(f"{field};", "")
    return new


def library(header: str, home: Path) -> Path:
    """Compiles the stub of a header."""
    home.mkdir()
    (home / "marl_ffi.h").write_text(header)
    (home / "stub.c").write_text(stub(header))
    target = home / "libmarl_ffi.so"
    run([*compiler("c"), "-g", "-O0", "-w", "-fPIC", "-shared", f"-I{home}", home / "stub.c", "-o", target])
    return target


def compare(old: str, new: str) -> Difference:
    """What a program compiled against the header `old` would notice of a library of the header `new`."""
    with tempfile.TemporaryDirectory() as directory:
        old, new = plain(old), plain(new)
        headers = {"old": old, "new": without_growth(old, new)}
        libraries = [str(library(text, Path(directory) / name)) for name, text in headers.items()]
        command = ["abidiff", "--no-added-syms", *libraries]
        done = subprocess.run(command, capture_output=True, text=True)
    # Bits: 1 and 2 an error of the tool, 4 a change, 8 one that it is sure is incompatible.
    assert not done.returncode & 3, f"abidiff failed: {done.stdout}{done.stderr}"
    return Difference(done.returncode != 0, done.stdout)


def version(header: str) -> int:
    """The version of the ABI that a header is of."""
    [number] = re.findall(r"^#define MARL_ABI_VERSION (\d+)$", header, re.MULTILINE)
    return int(number)


def git(*arguments: str) -> str | None:
    """What git says, or None if it fails."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


def baseline(ref: str | None = None) -> tuple[str, str]:
    """Name and text of the header to compare with."""
    ref = ref or (git("describe", "--tags", "--abbrev=0") or "").strip() or None
    if ref is None:
        return FIRST.name, FIRST.read_text(encoding="utf-8")
    text = git("show", f"{ref}:include/marl_ffi.h")
    if text is None:
        raise SystemExit(f"{ref}: no such commit here, or no include/marl_ffi.h in it")
    return ref, text


def main(arguments: list[str]) -> int:
    name, old = baseline(arguments[0] if arguments else None)
    new = HEADER.read_text(encoding="utf-8")
    if version(old) != version(new):
        print(f"{name} is of ABI version {version(old)}, this header of {version(new)}: they need not agree")
        return 0
    difference = compare(old, new)
    print(difference.report or f"no difference to {name} that a compiled caller could notice")
    return int(difference.breaks)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
