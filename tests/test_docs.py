"""README and docs/ say what is true: examples run, tables agree with the code, links lead somewhere."""

from __future__ import annotations

import builtins
import contextlib
import importlib.util
import io
import json
import re
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import click
import pytest
from c_support import HEADER, ROOT, WARNINGS, build, compiler, run

import marl_ffi as mf
from marl_ffi import errors
from marl_ffi.benchmark import bench
from marl_ffi.cli.commands import cli

PAGES = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FENCE = re.compile(r"^( *)```(\S*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: its language, its text, its first line in the page, and the output shown for it."""

    language: str
    text: str
    line: int
    output: str | None


def blocks(page: Path) -> list[Block]:
    """All fenced blocks. A `text` block that follows a `python` or `c` block directly is its output."""
    text = page.read_text(encoding="utf-8")
    found = list(FENCE.finditer(text))
    made = []
    for block, following in zip(found, [*found[1:], None]):
        output = None
        if following is not None and following.group(2) == "text":
            between = text[block.end() : following.start()]
            output = following.group(3) if not between.strip() else None
        line = text.count("\n", 0, block.start()) + 2
        made.append(Block(block.group(2), block.group(3), line, output))
    return made


def of(language: str) -> list[str]:
    """Pages that have blocks of a language."""
    return [name for name, page in zip(NAMES, PAGES) if any(b.language == language for b in blocks(page))]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def loaded(path: Path) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(f"script_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def update() -> ModuleType:
    """docs/update.py, which makes the generated tables."""
    return loaded(ROOT / "docs" / "update.py")


# ------------------------------------------------------------------------------------------------------------
# Examples


def run_python(page: Path) -> int:
    """Run the Python blocks of a page in one namespace; returns how many have an output to compare."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    compared = 0
    for block in blocks(page):
        if block.language != "python":
            continue
        # Empty lines in front, so that a traceback shows the line of the page.
        code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)
        assert printed.getvalue() == (block.output or ""), f"{page.name}, line {block.line}"
        compared += block.output is not None
    return compared


def plugins_of(page: Path, directory: Path) -> list[Path]:
    """The plug-ins of a page, as its command compiles them: `/* name.c */` becomes name.so."""
    made = []
    for block in blocks(page):
        if block.language == "c,plugin":
            found = re.match(r"/\* (\w+)\.c \*/\n", block.text)
            assert found is not None, f"{page.name}, line {block.line}: which file is it?"
            source = directory / f"{found.group(1)}.c"
            source.write_text(block.text)
            [command] = [line for line in commands() if f" {source.name} " in line]
            _, *flags = command.replace("-Iinclude", f"-I{HEADER.parent}").split()
            run([*compiler("c"), *WARNINGS, *flags], cwd=directory)
            source.unlink()
            made.append(source.with_suffix(".so"))
    return made


@pytest.mark.parametrize("name", of("python"))
def test_python_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plugins = plugins_of(ROOT / name, tmp_path)
    assert run_python(ROOT / name) > 0
    for plugin in plugins:
        plugin.unlink()
    assert list(tmp_path.iterdir()) == [], "an example leaves files behind"


def test_an_example_that_tells_a_lie_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n")
    with pytest.raises(AssertionError, match="line 2"):
        run_python(page)
    page.write_text("```python\nprint(1 + 1)\n```\n\nSilence.\n")
    with pytest.raises(AssertionError, match="line 2"):
        run_python(page)
    page.write_text("```python\n1 / 0\n```\n")
    with pytest.raises(ZeroDivisionError):
        run_python(page)


def programs() -> list[tuple[str, int]]:
    """Those of the pages. Excerpts of programs that are run elsewhere are no programs."""
    every = [(n, b) for n, p in zip(NAMES, PAGES) for b in blocks(p) if b.language == "c"]
    return [(name, block.line) for name, block in every if not name.startswith("docs/languages/")]


@pytest.mark.parametrize(("name", "line"), programs())
def test_c_programs(name: str, line: int, native_library: Path, tmp_path: Path) -> None:
    """Each compiles as C99 without a warning, runs, and prints what the page shows."""
    [block] = [block for block in blocks(ROOT / name) if block.line == line]
    source = tmp_path / "program.c"
    source.write_text(block.text)
    program = build(tmp_path / "program", [source], native_library)
    done = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", block.output)


def test_there_are_c_programs() -> None:
    assert len(programs()) >= 2


def test_no_block_escapes() -> None:
    """Every language that a page uses is one that this file knows what to do with."""
    # JavaScript is run by tests/test_browser_loader.py
    known = {"python", "c", "c,plugin", "text", "console", "rust", "rust,ignore", "js"}
    of_languages = known | {"cmake", "cpp", "go", "java", "toml"}
    for page in PAGES:
        assert {block.language for block in blocks(page)} <= (of_languages if page.parent.name == "languages" else known)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("docs/languages/")])
def test_code_of_other_languages_is_that_of_the_examples(name: str, update: ModuleType) -> None:
    """Every block of code stands between marks, so that it is an excerpt of a program that tests run."""
    text = (ROOT / name).read_text(encoding="utf-8")
    rest = update.CODE.sub("", text)
    code = [f.group(2) for f in FENCE.finditer(rest) if f.group(2) not in ("console", "text", "python")]
    assert code == [], f"{name}: code of no example"
    assert len(update.CODE.findall(text)) >= 2


def test_an_excerpt_that_has_changed_is_noticed(update: ModuleType) -> None:
    page = ROOT / "docs" / "languages" / "go.md"
    text = page.read_text(encoding="utf-8")
    assert update.with_code(text) == text
    assert update.with_code(text.replace("env.Step()", "env.Stop()")) == text != text.replace("env.Step()", "env.Stop()")
    with pytest.raises(SystemExit, match="expected one section"):
        update.excerpt(ROOT / "examples" / "go" / "checksum.go", "nothing")


# ------------------------------------------------------------------------------------------------------------
# Commands


def commands() -> list[str]:
    """Lines of `console` blocks that begin with a prompt, without it."""
    lines = [
        line
        for page in PAGES
        for b in blocks(page)
        if b.language == "console"
        for line in b.text.splitlines()
    ]
    assert lines and all(line.startswith("$ ") for line in lines), lines
    return [line.removeprefix("$ ") for line in lines]


def test_marl_ffi_commands_exist_and_take_these_arguments() -> None:
    """In blocks and in prose."""
    lines = [line for line in commands() if line.startswith("marl-ffi")]
    lines += [found for page in PAGES for found in re.findall(r"`(marl-ffi [^`]+)`", prose(page))]
    assert len(lines) >= 8
    group = cli
    assert isinstance(group, click.Group)
    for line in lines:
        _, command, *arguments = line.split()
        group.commands[command].make_context(command, arguments)


def test_commands_of_the_history_take_these_arguments() -> None:
    lines = [line for line in commands() if line.startswith("python benchmarks/run.py")]
    assert lines
    parser = loaded(ROOT / "benchmarks" / "run.py").parser()
    for line in lines:
        parser.parse_args(line.split()[2:])


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {line.split()[1] for line in commands() if line.startswith("make ")}
    named |= {found for page in PAGES for found in re.findall(r"`make ([a-z-]+)`", prose(page))}
    assert {"demo", "test"} <= named
    assert named <= targets


def test_extras_exist() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = project.split("[project.optional-dependencies]", 1)[1].split("\n[", 1)[0]
    known = set(re.findall(r"^(\w+) = ", extras, re.MULTILINE))
    named = {name for line in commands() for name in re.findall(r"'\.\[(\w+)\]'", line)}
    named |= {name for page in PAGES for name in re.findall(r"'\.\[(\w+)\]'", prose(page))}
    assert "all" in named and named <= known


# ------------------------------------------------------------------------------------------------------------
# Tables


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("CHANGELOG.md", "CONTRIBUTING.md")])
def test_generated_tables_are_up_to_date(name: str, update: ModuleType) -> None:
    page = ROOT / name
    said, right = page.read_text(encoding="utf-8"), update.updated(page)
    assert said == right, "run `python docs/update.py`"


def rows_of(page: str, mark: str) -> list[list[str]]:
    """Cells of the table between two marks, without its head."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    body = text.split(f"<!-- {mark} -->", 1)[1].split(f"<!-- /{mark} -->", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in body.strip().splitlines()[2:]]


def test_settings_are_those_of_the_specification() -> None:
    """Not only fresh, but complete: read back from the page and compared with the engine, field by field."""
    spec = mf.spec("ElectricityMarket-v0")
    shown = rows_of("market.md", "spec:parameters")
    expected = [
        [f"`{p['name']}`", p["type"], f"`{p['default']!r}`", p["unit"], p["description"]]
        for p in spec["parameters"]
    ]
    assert shown == expected and len(shown) >= 13
    keys = [row[0].strip("`") for row in rows_of("market.md", "spec:params")]
    assert set(keys) == set(spec["config"]["params"])
    bess = [row[0].strip("`") for row in rows_of("market.md", "spec:bess")]
    assert set(bess) == set(mf.market.bess_params()["bess"])


def test_infos_and_columns_are_those_of_the_specification() -> None:
    spec = mf.spec("ElectricityMarket-v0", params=mf.market.bess_params(4), history=True)
    for mark, key in (("spec:infos", "infos"), ("spec:columns", "columns")):
        shown = [(row[0].strip("`"), row[1], row[3], row[4]) for row in rows_of("market.md", mark)]
        assert shown == [(x["name"], x["dtype"], x["unit"], x["description"]) for x in spec[key]]


def test_required_params_are_required() -> None:
    params = mf.market.default_params()
    for key, default, *_ in rows_of("market.md", "spec:params"):
        less = {name: value for name, value in params.items() if f"`{name}`" != key}
        if default == "required":
            with pytest.raises(errors.InvalidInputError, match="required"):
                mf.spec("ElectricityMarket-v0", params=less)
        else:
            mf.spec("ElectricityMarket-v0", params=less)


def test_reasons_are_those_of_the_package() -> None:
    shown = {int(code): (reason, kind) for code, reason, kind, _ in rows_of("errors.md", "errors:reasons")}
    assert shown == {n: (f"`{name}`", f"`{kind.__name__}`") for n, (name, kind) in errors.STATUSES.items()}
    assert all(row[3] for row in rows_of("errors.md", "errors:reasons"))


def test_exceptions_are_those_of_the_package() -> None:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    body = text.split("## Exceptions", 1)[1].split("## Reasons", 1)[0]
    shown = re.findall(r"^\| `(\w+)` \| (.*?) \|", body, re.MULTILINE)
    public = {name for name in errors.__all__ if name.endswith("Error")}
    assert {name for name, _ in shown} == public
    for name, bases in shown:
        for base in re.findall(r"`(\w+)`", bases):
            known = getattr(errors, base, None) or getattr(builtins, base)
            assert issubclass(getattr(errors, name), known), (name, base)


def test_functions_and_buffers_of_the_abi_are_all_there() -> None:
    header = (ROOT / "include" / "marl_ffi.h").read_text(encoding="utf-8")
    code = re.sub(r"//[^\n]*|/\*.*?\*/", "", header, flags=re.DOTALL)
    declared = re.findall(r"\b(marl_\w+)\(", code)
    functions = rows_of("c_abi.md", "header:functions")
    assert [row[0].strip("`") for row in functions] == declared and len(declared) > 35
    struct = re.search(r"typedef struct marl_step_io \{(.*?)\}", code, re.DOTALL)
    assert struct is not None
    fields = re.findall(r"(\w+);", struct.group(1))
    assert [row[0].strip("`") for row in rows_of("c_abi.md", "header:step_io")] == fields
    assert all(row[-1] for row in [*functions, *rows_of("c_abi.md", "header:step_io")])


def test_keys_of_a_specification() -> None:
    text = (ROOT / "docs" / "c_abi.md").read_text(encoding="utf-8")
    body = text.split("## The specification", 1)[1].split("A space is", 1)[0]
    shown = {
        key
        for cell in re.findall(r"^\| (`.*?) \|", body, re.MULTILINE)
        for key in re.findall(r"`(\w+)`", cell)
    }
    assert shown == set(mf.spec("ElectricityMarket-v0"))


def test_measured_numbers_can_be_filled_in(update: ModuleType, tmp_path: Path) -> None:
    cases = [case for case in bench.all_cases() if case.headline][:1]
    cases += [case for case in bench.all_cases() if not case.headline][:1]
    results = [
        bench.Result(c.section, c.work, c.size, c.against, 2e-7, 8e-7, 1e-7, 7e-7, 4.0, c.required, c.aim, 7)
        for c in cases
    ]
    text = bench.to_json(results, mf.build_info())
    for name, count in (("README.md", 1), ("docs/performance.md", 2)):
        filled = update.updated(ROOT / name, json.loads(text))
        body = filled.split("<!-- bench:start -->", 1)[1].split("<!-- bench:end -->", 1)[0]
        rows = [line for line in body.splitlines() if line.startswith("|")][2:]
        assert len(rows) == count and all("| 800 ns | 200 ns | 4.00 |" in row for row in rows)


@pytest.mark.parametrize("name", ["README.md", "docs/performance.md"])
def test_measured_numbers_are_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    body = text.split("<!-- bench:start -->", 1)[1].split("<!-- bench:end -->", 1)[0]
    rows = [line for line in body.splitlines() if line.startswith("|")]
    assert len(rows) > 10
    assert re.search(r"\d+ cores.*Python 3\.\d+.*NumPy \d.*numba \d", body), "numbers without a machine"


# ------------------------------------------------------------------------------------------------------------
# The guide to new environments


def signatures(rust: str) -> dict[str, str]:
    """Name -> signature of each `fn` of Rust code, white space and the names of unused arguments aside."""
    found = re.findall(r"fn (\w+)(\([^{};]*)", rust)
    return {
        name: re.sub(r"\b_(\w+:)", r"\1", re.sub(r"\s+", "", rest)).replace(",)", ")") for name, rest in found
    }


def test_rust_of_the_guide_has_the_signatures_of_the_trait() -> None:
    source = (ROOT / "rust_ffi" / "src" / "engine" / "environment.rs").read_text(encoding="utf-8")
    trait = source.split("pub trait Environment", 1)[1].split("\n}", 1)[0]
    right = signatures(trait)
    guide = blocks(ROOT / "docs" / "adding_an_environment.md")
    [shown] = [b.text for b in guide if b.language == "rust,ignore" and "pub trait Environment" in b.text]
    assert signatures(shown) == right and len(right) >= 8
    [example] = [b.text for b in guide if "impl Environment for" in b.text]
    concrete = {"&mut[Self::Obs]": "&mut[f32]"}
    for name, signature in signatures(example.split("impl Environment for", 1)[1]).items():
        if name in right:
            expected = right[name]
            for general, special in concrete.items():
                expected = expected.replace(general, special)
            assert signature == expected, name


def test_rust_of_the_page_of_plugins_is_that_of_the_example() -> None:
    example = (ROOT / "examples" / "plugins" / "rust" / "src" / "lib.rs").read_text(encoding="utf-8")
    [shown] = [b.text for b in blocks(ROOT / "docs" / "plugins.md") if b.language == "rust,ignore"]
    assert shown in example and "fn step" in shown


def test_every_key_of_a_plugins_specification_is_described() -> None:
    """The table has what the reader of specifications takes, no more and no less."""
    source = (ROOT / "rust_ffi" / "src" / "envs" / "plugin" / "described.rs").read_text(encoding="utf-8")
    body = source.split("struct Told {", 1)[1].split("\n}", 1)[0]
    keys = {name.lstrip("_") for name in re.findall(r"^    (\w+):", body, re.MULTILINE)}
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8").split("## The specification", 1)[1]
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == keys and len(keys) >= 13


# ------------------------------------------------------------------------------------------------------------
# Links


def anchors(page: Path) -> set[str]:
    """Anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    links = re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose(page))
    for link in links:
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT) and target.exists(), f"{name}: {link}"
        assert not anchor or anchor in anchors(target), f"{name}: {link}"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")} - {"index.md"}
    assert set(re.findall(r"\]\(([\w/]+\.md)\)", index)) == pages


def test_files_that_are_named_exist() -> None:
    """Paths in backquotes, seen from the root, with a wildcard or without."""
    pattern = r"`((?:marl_ffi|rust_ffi|tests|docs|include|benchmarks|examples)/[\w./*-]*)`"
    named = {path for page in PAGES for path in re.findall(pattern, prose(page))}
    named -= {f"marl_ffi/{env_id}" for env_id in mf.list_envs()}  # names in Gymnasium's registry
    assert len(named) >= 10
    assert [path for path in sorted(named) if not any(ROOT.glob(path.rstrip("/")))] == []


def test_nothing_of_one_machine_is_told() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"/(home|root|tmp|work|Users)/", text), page.name
