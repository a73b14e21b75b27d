"""Compiles C programs against the native library, and renders recorded cases for them to read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "include" / "marl_ffi.h"
PROGRAMS = Path(__file__).parent / "c"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]


def compiler(language: str) -> list[str]:
    """The command and standard for `"c"` or `"c++"`.

    Raises:
        AssertionError: there is no compiler.
    """
    usual = {"c": ["cc", "gcc", "clang"], "c++": ["c++", "g++", "clang++"]}[language]
    found = os.environ.get({"c": "CC", "c++": "CXX"}[language]) or next(filter(shutil.which, usual), None)
    assert found, f"the tests of the C ABI need a {language} compiler on the PATH: install gcc and g++"
    return [*found.split(), {"c": "-std=c99", "c++": "-std=c++17"}[language]]


def run(command: list[Any], **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed; what it printed is in the message if it does not."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **kwargs)
    assert done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def build(
    target: Path,
    sources: list[Path],
    library: Path | None,
    sanitize: bool = False,
    include: Path = HEADER.parent,
) -> Path:
    """Compile `sources` without a warning, and link them against the native library if there is one."""
    language = "c++" if sources[0].suffix == ".cpp" else "c"
    flags = ["-g", "-O1", f"-I{include}", *WARNINGS, *(SANITIZERS if sanitize else [])]
    link = [] if library is None else [library, f"-Wl,-rpath,{library.parent}", "-lm", "-lpthread"]
    run([*compiler(language), *flags, *sources, *link, "-o", target])
    return target


def number(x: Any) -> str:
    """A number that C's strtod reads back to the last bit."""
    return float(x).hex()


def numbers(xs: Any) -> str:
    values = [number(x) for x in np.ravel(xs)]
    return " ".join([str(len(values)), *values])


def market_lines(golden: dict[str, Any]) -> list[str]:
    """Every recorded market, one per line, in the order in which golden_market.c reads."""
    lines = []
    for case in golden["clearing"]:
        lines.append(f"clear {offers(case)} {result(case['recommended'])}")
    for case in golden["fused"]:
        scales = ("lambda_bid_penalty", "unit_lol_penalty", "demand_scale", "cost_scale", "time_horizon")
        terms = " ".join(number(case[name]) for name in scales)
        expected = f"{result(case['recommended'])} {numbers(case['recommended']['rewards'])}"
        lines.append(f"step {offers(case)} {numbers(case['costs'])} {terms} {expected}")
    for case in golden["storage_extension"]["clear_with_storage"]:
        buyer = f"{number(case['buy_bid'])} {number(case['buy_quantity'])}"
        charged = "" if "error" in case else number(case["charged"])
        lines.append(f"storage {offers(case)} {buyer} {result(case)} {charged}")
    return lines


def offers(case: dict[str, Any]) -> str:
    both = f"{numbers(case['bids'])} {numbers(case['quantities'])}"
    return f"{case['id']} {case['dtype']} {both} {number(case['demand'])}"


def result(expected: dict[str, Any]) -> str:
    if "error" in expected:
        return str(expected["error"])
    return f"ok {number(expected['price'])} {numbers(expected['q_cleared'])}"


def episode_lines(golden: dict[str, Any]) -> list[str]:
    """The recorded episodes in the order in which episodes.c reads."""
    lines = []
    for episode in golden["episodes"]:
        steps, params = episode["steps"], episode["params"]
        features = len(steps["obs"][0])
        lines.append(f"episode {episode['id']}")
        lines.append(f"config {json.dumps({'params': params, 'observer': episode['observer']})}")
        lines.append(f"agents {params['N_generators']} {episode['agent_index']} {features}")
        lines.append("unseeded" if episode["seed"] is None else f"seed {episode['seed']}")
        for policy in episode["other_policies"]:
            lines.append("linear" if policy["type"] == "linear" else "constant " + pair(policy["action"]))
        lines.append(f"hours {params['T']}")
        lines.append(f"demand {numbers(episode['demand_profile'])}")
        for hour in range(params["T"]):
            played = [] if episode["fixed_evaluation"] else steps["action"][hour]
            lines.append(f"obs {numbers(steps['obs'][hour])} action {numbers(played)}")
            for name in ("price", "q_cleared", "bids", "q_offered"):
                lines.append(f"{name} {numbers(steps[name][hour])}")
            lines.append(f"rewards {numbers(steps['rewards_all'][hour])}")
        lines.append(f"return {number(episode['return'])}")
    return lines


def pair(action: Any) -> str:
    return f"{number(action[0])} {number(action[1])}"
