"""Every function that leaves the library has a panic boundary, a description and a place in the header."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from c_support import HEADER, ROOT, run

FFI = ROOT / "rust_ffi" / "src" / "ffi"
# In WebAssembly alone: no other library has it, and the header does not declare it.
WASM = FFI / "wasm.rs"
# What plug-ins call through tables of pointers, without being exported.
CALLBACK = re.compile(r"^unsafe extern \"C\" fn (\w+)\([^)]*\)[^{]*\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
# Return a constant and cannot panic.
TRIVIAL = {"marl_abi_version", "marl_version", "marl_status_name"}

FUNCTION = re.compile(
    r"(?P<above>(?:^[ \t]*(?:///|#\[)[^\n]*\n)*)"
    r"^pub (?P<unsafe>unsafe )?extern \"C\" fn (?P<name>\w+)\s*\((?P<arguments>[^)]*)\)(?P<result>[^{]*)\{\n"
    r"(?P<body>.*?)^\}",
    re.MULTILINE | re.DOTALL,
)
# A closure with or without braces, as it is bound to a name.
CLOSURE = re.compile(r"let \w+ = (?:move )?\|[^|]*\| ?(?:\{.*?^    \};|[^\n]*;)", re.MULTILINE | re.DOTALL)


def functions() -> dict[str, dict[str, str]]:
    """Name -> parts of each `extern "C" fn` of the C ABI."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(set(FFI.glob("*.rs")) - {WASM}):
        for match in FUNCTION.finditer(path.read_text(encoding="utf-8")):
            parts = {key: value or "" for key, value in match.groupdict().items()}
            parts["docs"] = "\n".join(re.findall(r"^\s*/// ?(.*)$", parts["above"], re.MULTILINE))
            found[parts["name"]] = parts
    return found


def callbacks() -> dict[str, str]:
    """Name -> body of each function that plug-ins call."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(FFI.glob("plugin*.rs"))]
    return {name: body for text in texts for name, body in CALLBACK.findall(text)}


FUNCTIONS = functions()
EACH = pytest.mark.parametrize("name", sorted(FUNCTIONS))


def test_no_function_is_overlooked() -> None:
    """The pattern above sees every definition, and none of them outside of src/ffi."""
    sources = {path: path.read_text(encoding="utf-8") for path in (ROOT / "rust_ffi" / "src").rglob("*.rs")}
    del sources[WASM]
    definitions = sum(len(re.findall(r'extern "C" fn \w', text)) for text in sources.values())
    unmangled = sum(text.count("#[no_mangle]") for text in sources.values())
    assert definitions - len(callbacks()) == unmangled == len(FUNCTIONS) >= 35
    assert not [path for path, text in sources.items() if 'extern "C"' in text and path.parent != FFI]
    assert not [path for path, text in sources.items() if "export_name" in text]


def test_functions_of_webassembly_are_marked_as_such() -> None:
    names = re.findall(r'extern "C" fn (\w+)', WASM.read_text(encoding="utf-8"))
    assert len(names) == 3 and all(name.startswith("marl_wasm_") for name in names)
    assert '#[cfg(target_family = "wasm")]\npub mod wasm;' in (FFI / "mod.rs").read_text(encoding="utf-8")
    assert "marl_wasm_" not in HEADER.read_text(encoding="utf-8")


@EACH
def test_has_a_panic_boundary(name: str) -> None:
    body = re.sub(r"//.*", "", FUNCTIONS[name]["body"])
    if name in TRIVIAL:
        assert "boundary" not in body, "no longer trivial: take it off the list"
        return
    # The boundary is the last expression, so that whatever came before it is in its closure.
    last = body.rstrip().rsplit(";\n", 1)[-1]
    assert re.search(r"\bboundary(_or)?\(", body), f"{name}: a panic would cross into C"
    assert re.search(r"\bboundary(_or)?\(", last) or body.rstrip().endswith("body) };"), name


def test_what_plugins_call_has_a_panic_boundary() -> None:
    """Of its own, or that of `draw`, which all draws go through."""
    draws = (FFI / "plugin_draws.rs").read_text(encoding="utf-8")
    [draw] = re.findall(r"^unsafe fn draw<.*?^\}", draws, re.MULTILINE | re.DOTALL)
    assert "unsafe { boundary_or(otherwise, std::ptr::null_mut(), body) }" in draw
    found = callbacks()
    assert len(found) == 6
    for name, body in found.items():
        code = re.sub(r"//.*", "", body).strip()
        assert re.fullmatch(r"unsafe \{ draw\(.*\) \}", code) or code.endswith("unsafe { boundary(err, body) }"), name


@EACH
def test_does_nothing_outside_of_its_boundary(name: str) -> None:
    """Before the boundary are closures and plain structs, nothing that could panic or follow a pointer."""
    if name in TRIVIAL:
        return
    body = re.sub(r"//.*", "", FUNCTIONS[name]["body"])
    before = re.split(r"\bboundary(?:_or)?\(", body)[0]
    outside = CLOSURE.sub("", before)
    assert not re.search(r"\*\w|\.unwrap|\.expect|panic!|\[\w+\]|\.add\(|unsafe \{ \w", outside), outside


@EACH
def test_is_described(name: str) -> None:
    function, docs = FUNCTIONS[name], FUNCTIONS[name]["docs"]
    assert re.match(r"[A-Z].*[.,:;a-z]", docs), f"{name}: no description"
    assert "#[no_mangle]" in function["above"]
    if function["unsafe"]:
        assert "# Safety\n* " in docs, f"{name}: unsafe without a # Safety list"
    if "*mut marl_error" in function["arguments"]:
        assert re.search(r"[Ee]rrors:|Errors, in this order:", docs), f"{name}: does not tell its errors"
        assert re.search(r"err: \*mut marl_error,?\s*$", function["arguments"]), f"{name}: `err` comes last"
    if "Status" in function["result"]:
        assert "*mut marl_error" in function["arguments"], f"{name}: returns a status but takes no error"


@EACH
def test_takes_no_enum_and_no_bool(name: str) -> None:
    """A number outside of an enum or bool would be undefined behaviour before any check."""
    types = re.findall(r":\s*([^,]+)", FUNCTIONS[name]["arguments"])
    plain = r"(\*(const|mut) )*(c_char|c_void|[ui](8|32|64)|usize|f32|f64|marl_\w+)$"
    pointers_only = [kind.strip() for kind in types if kind.strip().startswith("marl_")]
    assert pointers_only == []
    assert [kind for kind in types if not re.match(plain, kind.strip())] == []


def test_header_declares_exactly_these() -> None:
    text = re.sub(r"//.*", "", HEADER.read_text(encoding="utf-8"))
    assert set(re.findall(r"\b(marl_\w+)\s*\((?!\*)", text)) == set(FUNCTIONS)


def test_library_exports_exactly_these(native_library: Path) -> None:
    assert sys.platform.startswith("linux"), "this test reads ELF files"
    said = run(["nm", "--dynamic", "--defined-only", "--extern-only", native_library]).stdout
    assert {line.split()[-1] for line in said.splitlines()} == set(FUNCTIONS)
