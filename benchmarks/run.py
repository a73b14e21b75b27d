"""Run the asv benchmarks so that a run which measured nothing, or in which something failed, looks red.

    python benchmarks/run.py smoke                          every benchmark once, on this Python, nothing kept
    python benchmarks/run.py continuous BASE HEAD           two commits, each built, interleaved, compared
    python benchmarks/run.py publish                        pages from the results of `asv run`, in html/

`asv run HEAD^!` measures a commit for the pages. There, choose the x-axis `num_generators` or `num_envs` to
read the backends against each other; the address of such a view ends in
#bench_clearing.BoundClear.time_1000_calls?x-axis=num_generators&p-backend='rust'&p-backend='numba'

asv's own exit status is 1 both for "slower" and for "no environment could be made". Here it is 0: fine; 1:
HEAD is slower than BASE; 2: nothing was measured, or a benchmark failed. What counts is what the results say.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FINE, SLOWER, BROKEN = 0, 1, 2
BENCH_HELP = 'only these: a regular expression for `name(parameters)`, such as "rust"; may be repeated'


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    if options.mode == "publish":
        return publish()
    introduce_machine()
    home = ROOT / ".asv" / options.mode
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    config = home / "asv.conf.json"
    config.write_text(json.dumps(configuration(home)))
    command = ["--config", str(config)]
    chosen = list(itertools.chain.from_iterable(("--bench", pattern) for pattern in options.bench))
    if options.mode == "smoke":
        commits = [commit("HEAD")]
        environment = ["--environment", f"existing:{sys.executable}", "--set-commit-hash", commits[0]]
        status = asv("run", *command, "--quick", "--show-stderr", *environment, *chosen)
    else:
        commits = [commit(options.base), commit(options.head)]
        # Without the attribute asv installs each commit a second time for a round that --quick leaves out.
        quick = ["--quick", "--attribute", "rounds=1"] if options.quick else []
        factor = ["--factor", str(options.factor)]
        status = asv("continuous", *command, *commits, "--show-stderr", *quick, *factor, *chosen)
        if options.quick and status == SLOWER:
            status = FINE  # one sample each says nothing about speed
    problems = judge(home / "results", commits, everything=not options.bench)
    return conclude(status, problems)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = made.add_subparsers(dest="mode", required=True)
    modes.add_parser("publish", help="make html/ from the results of `asv run`")
    smoke = modes.add_parser("smoke", help="every benchmark once, on this Python")
    two = modes.add_parser("continuous", help="compare two commits")
    two.add_argument("base", nargs="?", default="HEAD~1")
    two.add_argument("head", nargs="?", default="HEAD")
    two.add_argument("--quick", action="store_true", help="one sample each: shows that it works, not how fast")
    two.add_argument("--factor", type=float, default=1.2, help="what counts as slower (default 1.2)")
    for mode in (smoke, two):
        mode.add_argument("--bench", action="append", default=[], help=BENCH_HELP)
    return made


def asv(*arguments: str, cwd: Path = ROOT) -> int:
    return subprocess.run([sys.executable, "-m", "asv", *arguments], cwd=cwd).returncode


def commit(name: str) -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--verify", f"{name}^{{commit}}"], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(conclude(BROKEN, [f"no commit {name!r}: {done.stderr.strip()}"]))
    return done.stdout.strip()


def introduce_machine() -> None:
    """asv asks about a machine that it does not know, and nobody answers in CI. A known one is left alone."""
    from asv.machine import MachineCollection

    if not Path(MachineCollection.get_machine_file_path()).exists():
        asv("machine", "--yes")


def configuration(home: Path) -> dict[str, Any]:
    """The project's configuration with results in `home`, away from the history that is published."""
    commented = (ROOT / "asv.conf.json").read_text()
    settings: dict[str, Any] = json.loads(re.sub(r"(?m)^\s*//.*$", "", commented))
    settings["repo"] = str(ROOT)
    for key in ("benchmark_dir", "env_dir", "html_dir"):
        settings[key] = str(ROOT / settings[key])
    settings["results_dir"] = str(home / "results")
    # asv takes the place of the configuration file for {conf_dir}.
    settings["build_command"] = [
        line.replace("{conf_dir}", str(ROOT).replace(" ", "\\ ")) for line in settings["build_command"]
    ]
    return settings


# ------------------------------------------------------------------------------------------------------------
# What the results say


def judge(results: Path, commits: list[str], everything: bool) -> list[str]:
    """What is wrong with the results of `commits`, the last of which must have all that was discovered.

    Args:
        everything: no benchmarks were chosen, so all that were discovered must have run.
    """
    try:
        discovered = json.loads((results / "benchmarks.json").read_text())
    except OSError:
        return ["asv discovered no benchmarks"]
    problems = []
    for name in commits:
        measured = read(results, name)
        short = name[:8]
        if not any(is_number(value) for values in measured.values() for value in values):
            problems.append(f"{short}: nothing was measured")
            continue
        for benchmark, values in measured.items():
            if None in values:
                problems.append(f"{short}: {benchmark} failed in {values.count(None)} of {len(values)} cases")
            elif name == commits[-1] and not any(map(is_number, values)):
                problems.append(f"{short}: {benchmark} measured nothing")
        if everything and name == commits[-1]:
            absent = sorted(set(discovered) - {"version"} - set(measured))
            problems += [f"{short}: {benchmark} did not run" for benchmark in absent]
    return problems


def read(results: Path, commit: str) -> dict[str, list[Any]]:
    """Benchmark -> a value per combination of parameters: a number, NaN if skipped, None if it failed."""
    measured: dict[str, list[Any]] = {}
    for path in sorted(results.glob(f"*/{commit[:8]}-*.json")):
        data = json.loads(path.read_text())
        column = data["result_columns"].index("result")
        for benchmark, row in data["results"].items():
            values = row[column]
            measured.setdefault(benchmark, []).extend(values if isinstance(values, list) else [values])
    return measured


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not math.isnan(value)


def conclude(status: int, problems: list[str], success: str = "all benchmarks ran and none failed") -> int:
    """Print what is wrong, or that nothing is, and return the exit status."""
    if problems or status not in (FINE, SLOWER):
        for problem in problems or [f"asv ended with status {status}"]:
            print(f"run.py: {problem}", file=sys.stderr)
        print("run.py: FAILED", file=sys.stderr)
        return BROKEN
    print(f"run.py: {'slower' if status == SLOWER else success}")
    return status


# ------------------------------------------------------------------------------------------------------------
# Pages


def publish() -> int:
    """`asv publish`, and a look at what it made: pages without curves to compare are of no use."""
    status = asv("publish")
    if status:
        return conclude(BROKEN, [f"asv publish ended with status {status}"])
    return conclude(FINE, look(ROOT / "html"), "html/index.html has the curves")


def look(html: Path) -> list[str]:
    """What is wrong with published pages: no benchmark with backends has a curve, or one lacks a backend."""
    try:
        benchmarks = json.loads((html / "index.json").read_text())["benchmarks"]
    except (OSError, KeyError) as error:
        return [f"no pages in {html}: {error!r}"]
    problems, drawn = [], 0
    for name, each in benchmarks.items():
        if "backend" not in each["param_names"]:
            continue
        axis = each["param_names"].index("backend")
        for path in html.glob(f"graphs/**/{name}.json"):
            if "summary" in path.relative_to(html).parts:
                continue
            drawn += 1
            shown = {
                combination[axis]
                for _, values in json.loads(path.read_text())
                for combination, value in zip(itertools.product(*each["params"]), values or ())
                if is_number(value)
            }
            missing = sorted(set(each["params"][axis]) - shown)
            if missing:
                problems.append(f"{name}: no curve of {', '.join(missing)}")
    return problems if drawn else ["no benchmark with several backends was published"]


if __name__ == "__main__":
    sys.exit(main())
