"""Writes the generated tables of README.md and docs/: `python docs/update.py [RESULTS.json]`.

Tables between `<!-- NAME -->` and `<!-- /NAME -->` come from what the engine says of itself and from the C
header, code between `<!-- code:FILE#SECTION -->` and `<!-- /code -->` from the examples; a test fails while they are
out of date. RESULTS.json, made by `marl-ffi bench --all --json
RESULTS.json`, fills in the measured numbers between `<!-- bench:start -->` and `<!-- bench:end -->`.
"""

from __future__ import annotations

import json
import re
import struct
import sys
import textwrap
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import marl_ffi as mf
from marl_ffi.benchmark import bench
from marl_ffi.errors import STATUSES
from marl_ffi.reference.classic import CLASSIC
from marl_ffi.rendering import draw

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "include" / "marl_ffi.h"
MARKET = "ElectricityMarket-v0"
BRIGADE = "BucketBrigade-v0"
# What `spec` tells of the keys of `params` are their defaults; what they mean stands here.
PARAMS = {
    "N_generators": ("", "number of generators, at least 1"),
    "T": ("hours", "hours of an episode, at least 1"),
    "demand_profile": ("MW", "base demand, T numbers above 0"),
    "capacities": ("MW", "N numbers of at least 0"),
    "costs": ("$/MWh", "N finite numbers"),
    "max_bid_delta": ("$/MWh", "largest distance of a bid from the cost, at least 0"),
    "lambda_bid_penalty": ("", "weight of the bid penalty, at least 0"),
    "unit_lol_penalty": ("$/MWh", "penalty for unserved demand, at least 0"),
    "day_ahead": ("", "one step is a whole day"),
    "bess": ("", "a battery, or `None`"),
}
REQUIRED = ("N_generators", "T", "demand_profile", "capacities", "costs")
BESS = {
    "power_mw": ("MW", "largest charge and discharge, above 0"),
    "duration_h": ("hours", "hours of discharge at full power, above 0"),
    "efficiency_rt": ("", "round-trip efficiency, above 0 and at most 1"),
    "initial_soc_frac": (
        "",
        "charge at the start of every episode, as a fraction of the energy, from 0 to 1",
    ),
    "bid_ref": ("$/MWh", "price around which it bids, and its cost in observations"),
}


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(value: str) -> str:
    """A text set as code."""
    return f"`{value}`"


def spec_tables() -> dict[str, str]:
    """Tables of the market, from its specification."""
    spec = mf.spec(MARKET)
    battery = mf.market.bess_params(4)
    full = mf.spec(MARKET, params=battery, history=True)
    known = spec["config"]["params"]
    if set(known) != set(PARAMS) or set(battery["bess"]) != set(BESS):
        raise SystemExit(f"{__file__}: PARAMS or BESS is out of date")
    defaults = {key: "required" if key in REQUIRED else code(repr(known[key])) for key in PARAMS}
    axes = {4: "M", 24: "T"}

    def row(field: dict[str, Any]) -> list[str]:
        shape = ", ".join(axes[size] for size in field["shape"])
        return [code(field["name"]), field["dtype"], f"({shape})", field["unit"], field["description"]]

    return {
        "spec:parameters": table(
            ("setting", "type", "default", "unit", "meaning"),
            [
                (code(p["name"]), p["type"], code(repr(p["default"])), p["unit"], p["description"])
                for p in spec["parameters"]
            ],
        ),
        "spec:params": table(
            ("key", "default", "unit", "meaning"),
            [(code(key), defaults[key], *about) for key, about in PARAMS.items()],
        ),
        "spec:bess": table(
            ("key", "in `bess_params`", "unit", "meaning"),
            [(code(key), code(repr(battery["bess"][key])), *about) for key, about in BESS.items()],
        ),
        "spec:infos": table(("info", "dtype", "shape", "unit", "meaning"), [row(x) for x in full["infos"]]),
        "spec:columns": table(
            ("column", "dtype", "shape", "unit", "meaning", "writable"),
            [[*row(x), "yes" if x["writable"] else "no"] for x in full["columns"]],
        ),
    }


def brigade_tables() -> dict[str, str]:
    """Tables of Bucket Brigade, from its specification, its scenarios and its players."""
    bb = mf.bucket_brigade
    full = mf.spec(BRIGADE, agents=[0], observe_progress=False)
    axes = {4: "N", 10: "H"}

    def row(field: dict[str, Any]) -> list[str]:
        shape = ", ".join(axes.get(size, str(size)) for size in field["shape"])
        return [code(field["name"]), field["dtype"], f"({shape})", field["unit"], field["description"]]

    def first_sentence(text: str | None) -> str:
        return " ".join((text or "").split("\n\n")[0].split())

    def number(value: Any) -> str:
        return f"{value:g}" if not isinstance(value, tuple) else f"{value[0]:g} each"

    short = {
        "prob_fire_spreads_to_neighbor": "beta", "prob_solo_agent_extinguishes_fire": "kappa",
        "prob_house_catches_fire": "rho", "team_reward_house_survives": "A", "team_penalty_house_burns": "L",
        "cost_to_work_one_night": "cost", "min_nights": "min nights", "reward_own_house_survives": "own reward",
        "penalty_own_house_burns": "own penalty",
    }  # fmt: skip
    others = ("num_houses", "agent_home_positions", "distance_cost_alpha", "extinguish_mode", "suppression_per_worker")
    usual = bb.SCENARIOS["default"]

    def special(chosen: Any) -> str:
        found = [(name, getattr(chosen, name)) for name in others if getattr(chosen, name) != getattr(usual, name)]
        return ", ".join(f"{name} {list(x) if isinstance(x, tuple) else x}" for name, x in found)

    players = {name: bb.make_agent(name, 0) for name in bb.PLAYERS if name not in bb.ARCHETYPES}
    return {
        "brigade:scenarios": table(
            ("scenario", *short.values(), "else"),
            [
                (code(name), *(number(getattr(chosen, field)) for field in short), special(chosen))
                for name, chosen in bb.SCENARIOS.items()
            ],
        ),
        "brigade:players": table(
            ("player", "what it does"),
            [
                (", ".join(map(code, bb.ARCHETYPES)), first_sentence(bb.HeuristicAgent.__doc__)),
                *((code(name), first_sentence(type(agent).__doc__)) for name, agent in players.items()),
            ],
        ),
        "brigade:archetypes": table(
            ("parameter", *bb.ARCHETYPES),
            [
                (code(name), *(f"{vector[k]:g}" for vector in bb.ARCHETYPES.values()))
                for k, name in enumerate(bb.PARAMETERS)
            ],
        ),
        "brigade:parameters": table(
            ("setting", "type", "default", "unit", "meaning"),
            [
                (code(p["name"]), p["type"], code(repr(p["default"])), p["unit"], p["description"])
                for p in full["parameters"]
            ],
        ),
        "brigade:infos": table(("info", "dtype", "shape", "unit", "meaning"), [row(x) for x in full["infos"]]),
        "brigade:columns": table(
            ("column", "dtype", "shape", "unit", "meaning", "writable"),
            [[*row(x), "yes" if x["writable"] else "no"] for x in full["columns"]],
        ),
        "brigade:layouts": table(("layout", "numbers", "in order"), [layout(name) for name in LAYOUTS]),
    }


LAYOUTS = {
    "v1": {}, "v1 with fire progress": {"observe_progress": True},
    "v1 in two phases": {"commitment_mode": "two_phase"},
    **{name: {"observation": name} for name in ("py_flat", "py_flat_round1", "core_flat", "gym_2025_11")},
}  # fmt: skip


def layout(name: str) -> list[str]:
    """A row about an observation layout: its name, its width, and its numbers, runs of a name taken together."""
    box = mf.spec(BRIGADE, **LAYOUTS[name])["agents"][0]["observation"]
    pieces: list[list[str]] = []
    for each in box["names"]:
        stem = re.sub(r"_\d+$", "", each)
        if each != stem and pieces and pieces[-1][0] == stem:
            pieces[-1].append(each)
        elif stem.startswith("last_") and each != stem and any(piece[0] == stem for piece in pieces[-3:]):
            next(piece for piece in pieces[-3:] if piece[0] == stem).append(each)
        else:
            pieces.append([stem, each])
    told = [f"{stem} ({len(names)})" if len(names) > 1 else stem for stem, *names in pieces]
    return [name, str(box["shape"][0]), ", ".join(map(code, told))]


def classic_tables() -> dict[str, str]:
    """What each classic control environment says of itself: a block of tables per environment."""
    return {f"classic:{env_id}": _classic_block(mf.spec(env_id)) for env_id in CLASSIC}


def _classic_block(spec: dict[str, Any]) -> str:
    def bound(value: float | None) -> str:
        return "none" if value is None else f"{value:.6g}"

    seen, action = spec["agents"][0]["observation"], spec["agents"][0]["action"]
    if action["type"] == "discrete":
        does = f"One of {action['n']} actions, {action['dtype']}."
    else:
        low, high, name = action["low"][0], action["high"][0], action["names"][0]
        does = f"One number, the {name}, from {low:g} to {high:g}, {action['dtype']}; beyond, it is clipped."
    observed = table(
        ("observation, float32", "lowest", "highest"),
        [(code(name), bound(a), bound(b)) for name, a, b in zip(seen["names"], seen["low"], seen["high"])],
    )
    columns = table(
        ("state column", "unit", "meaning"),
        [(code(each["name"]), each["unit"], each["description"]) for each in spec["columns"]],
    )
    settings = table(
        ("setting", "type", "default", "unit", "meaning"),
        [
            (code(p["name"]), p["type"], code(repr(p["default"])), p["unit"], p["description"])
            for p in spec["parameters"]
        ],
    )
    return f"{spec['description']} {does}\n\n{observed}\n\n{columns}\n\n{settings}"


def pictures() -> None:
    """One picture of every classic control environment, side by side, into docs/images/."""
    states = {
        "CartPole-v1": {"x": 0.4, "theta": 0.12},
        "MountainCar-v0": {"position": -0.2},
        "Pendulum-v1": {"theta": 2.2},
        "Acrobot-v1": {"theta1": 0.8, "theta2": 1.1},
    }
    strips = []
    for env_id, state in states.items():
        picture = draw(env_id, state)
        paper = np.full((500, picture.shape[1] + 20, 3), 230, np.uint8)
        top = (500 - len(picture)) // 2
        paper[top : top + len(picture), 10:-10] = picture
        strips.append(paper)
    strip = np.hstack(strips)[::2, ::2]
    rows = b"".join(b"\0" + row.tobytes() for row in strip)
    height, width, _ = strip.shape
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    png = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    (ROOT / "docs" / "images").mkdir(exist_ok=True)
    (ROOT / "docs" / "images" / "classic_control.png").write_bytes(b"\x89PNG\r\n\x1a\n" + png)


def comment_before(header: str, start: int) -> str:
    """The `//` lines that end just before position `start`, as one text."""
    lines: list[str] = []
    for line in reversed(header[:start].splitlines()):
        if not line.strip().startswith("//"):
            break
        lines.append(line.strip().removeprefix("//").strip())
    return " ".join(reversed(lines)).strip()


def header_tables() -> dict[str, str]:
    """Tables of the C ABI, from the comments of the header."""
    header = HEADER.read_text(encoding="utf-8")
    meanings = {
        int(found.group(1)): comment_before(header, found.start())
        for found in re.finditer(r"^ *MARL_STATUS_\w+ = (\d+),$", header, re.MULTILINE)
    }
    meanings[601] = "The object was closed. Raised by the Python layer alone."
    body = re.search(r"^typedef struct marl_step_io \{\n(.*?)^\}", header, re.MULTILINE | re.DOTALL)
    assert body is not None
    fields = [
        (code(found.group(2)), code(found.group(1).strip()), comment_before(body.group(1), found.start()))
        for found in re.finditer(r"^ +([\w ]+?[ *]+)(\w+);$", body.group(1), re.MULTILINE)
    ]
    functions = [
        (code(found.group(1)), re.split(r"(?<=\.)(?<!e\.g\.)\s", comment_before(header, found.start()))[0])
        for found in re.finditer(r"^[\w ]+?[ *]+(marl_\w+)\(", header, re.MULTILINE)
    ]
    return {
        "errors:reasons": table(
            ("code", "reason", "exception", "meaning"),
            [(str(n), code(name), code(kind.__name__), meanings[n]) for n, (name, kind) in STATUSES.items()],
        ),
        "header:step_io": table(("field", "type", "meaning"), fields),
        "header:functions": table(("function", "what it does"), functions),
    }


def bench_block(results: dict[str, Any], headlines_only: bool) -> str:
    """Machine and table of a benchmark run."""
    machine, build = results["machine"], results["build"]
    wanted = {(c.section, c.work, c.size, c.against) for c in bench.all_cases() if c.headline}
    rows = [
        row
        for row in results["results"]
        if not headlines_only or (row["section"], row["work"], row["size"], row["against"]) in wanted
    ]

    def cells(row: dict[str, Any]) -> list[str]:
        times = [bench.duration(row[side]) for side in ("rival", "ours")]
        goal = "" if row["required"] is None else f"{row['required']:g}"
        return [row["work"], row["size"], row["against"], *times, f"{row['ratio']:.2f}", goal]

    about = (
        f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']}, {machine['system']}, "
        f"{build['simd']}; Python {machine['python']}, NumPy {machine['numpy']}, numba {machine['numba']}."
    )
    columns = ("work", "size", "against", "rival", "marl_ffi", "ratio", "goal")
    return f"{about}\n\n{table(columns, [cells(row) for row in rows])}"


CODE = re.compile(r"(<!-- code:([\w./]+?)(?:#(\w+))? -->\n).*?(<!-- /code -->)", re.DOTALL)
LANGUAGES = {
    ".c": "c", ".cpp": "cpp", ".go": "go", ".java": "java", ".js": "js", ".rs": "rust,ignore", ".toml": "toml",
    ".txt": "cmake",
}  # fmt: skip


def excerpt(path: Path, section: str | None) -> str:
    """A file of the examples, or its lines between the comments `[section]` and `[/section]`."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if section is not None:
        marks = [re.compile(rf"\s*(//|/\*|#) \[{slash}{section}\](\s*\*/)?$") for slash in ("", "/")]
        places = [[k for k, line in enumerate(lines) if mark.match(line)] for mark in marks]
        if [len(found) for found in places] != [1, 1]:
            raise SystemExit(f"{path}: expected one section [{section}] ... [/{section}], got {places}")
        lines = lines[places[0][0] + 1 : places[1][0]]
    return textwrap.dedent("\n".join(lines)).strip("\n")


def with_code(text: str) -> str:
    """`text` with the code of the examples between its marks `<!-- code:PATH#SECTION -->` and `<!-- /code -->`."""

    def filled(found: re.Match[str]) -> str:
        path = ROOT / found.group(2)
        fence = f"```{LANGUAGES[path.suffix]}\n{excerpt(path, found.group(3))}\n```"
        return f"{found.group(1)}\n{fence}\n\n{found.group(4)}"

    return CODE.sub(filled, text)


def replaced(text: str, start: str, end: str, body: str) -> str:
    """`text` with `body` between the marks `start` and `end`."""
    before, found, rest = text.partition(start)
    if not found:
        return text
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{start} without {end}")
    return f"{before}{start}\n\n{body}\n\n{end}{after}"


def pages() -> list[Path]:
    """README and all pages."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def updated(path: Path, results: dict[str, Any] | None = None) -> str:
    """What a page should say."""
    text = with_code(path.read_text(encoding="utf-8"))
    made = {**spec_tables(), **classic_tables(), **brigade_tables(), **header_tables()}
    for name, body in made.items():
        text = replaced(text, f"<!-- {name} -->", f"<!-- /{name} -->", body)
    if results is not None:
        body = bench_block(results, headlines_only=path.name == "README.md")
        text = replaced(text, "<!-- bench:start -->", "<!-- bench:end -->", body)
    return text


if __name__ == "__main__":
    measured = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")) if len(sys.argv) > 1 else None
    pictures()
    for page in pages():
        page.write_text(updated(page, measured), encoding="utf-8")
