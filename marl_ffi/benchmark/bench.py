"""Rust against numba, NumPy and Gymnasium, on this machine, by rules that give the rival its due.

* Both sides run in one process, warm, with memory that was used before, on the same inputs, which rotate over at least
  64 sets.
* Equal work: arrays in, arrays out. Before a race both sides must agree on every input set.
* Rounds of the two sides alternate, so that a busy machine slows both; medians are compared.
* One thread, unless a row says otherwise.

The rows live in `market.py`, `env.py`, `classic.py` and `brigade.py`; this file races and reports them.
"""

from __future__ import annotations

import gc
import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from ..cli import console
from ..errors import MarlError, error_for

__all__ = [
    "LIMIT",
    "Case",
    "Disagreement",
    "Race",
    "Result",
    "all_cases",
    "apart",
    "machine",
    "report",
    "run",
    "select",
    "to_json",
]

# How a row names what `apart` measures.
LIMIT = "2 halves apart"

MIN_ROUNDS = 7
LARGEST_ON_THE_HEAP = 31 << 20  # bytes; glibc learns up to 32 MB
BLOCK_SECONDS = 0.004  # long enough that the clock's own cost and one interrupt do not show


def apart(first: Callable[[], object], second: Callable[[], object]) -> Callable[[], None]:
    """A pass of two pieces of work on two threads that share nothing and wait for each other only at the end.

    With a half of the work in each, this is what two threads can gain on this machine, whoever hands out the work:
    cores share caches and memory, and in a virtual machine perhaps more.
    """
    other = ThreadPoolExecutor(1)

    def run() -> None:
        done = other.submit(second)
        first()
        done.result()

    return run


class Disagreement(MarlError, AssertionError):
    """The two sides of a benchmark computed different results, so their times mean nothing."""


@dataclass(frozen=True)
class Race:
    """The two sides of a benchmark, ready to run.

    Attributes:
        ours, rival: one pass over all input sets.
        calls: calls in a pass; times are reported per call.
        agree: raises AssertionError unless both sides compute the same.
        prepare: called before every pass, outside of the clock.
        elsewhere: seconds per call of a rival that is not here, or of a limit; then `rival` is not called.
    """

    ours: Callable[[], object]
    rival: Callable[[], object]
    calls: int
    agree: Callable[[], None]
    prepare: Callable[[], object] | None = None
    elsewhere: float | None = None


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        section: name of the group of rows.
        work, size, against: what is timed, how large, and against what.
        build: makes the race; costly inputs are made here, not at import.
        required, aim: ratio rival time / our time that must, and that should, be reached. None: for
            information.
        headline: part of the short table.
    """

    section: str
    work: str
    size: str
    against: str
    build: Callable[[], Race]
    required: float | None = None
    aim: float | None = None
    headline: bool = False


@dataclass(frozen=True)
class Result:
    """A raced row; times in seconds per call, medians and minima over the rounds."""

    section: str
    work: str
    size: str
    against: str
    ours: float
    rival: float
    ours_min: float
    rival_min: float
    ratio: float
    required: float | None
    aim: float | None
    rounds: int

    @property
    def verdict(self) -> str:
        """`"aim"`, `"pass"`, `"FAIL"`, or empty where nothing was required."""
        if self.required is None:
            return ""
        if self.ratio < self.required:
            return "FAIL"
        return "aim" if self.aim is not None and self.ratio >= self.aim else "pass"


def all_cases() -> list[Case]:
    """Every row there is.

    Raises:
        ModuleNotFoundError: numba, the rival, is not installed.
    """
    try:
        import numba  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("the benchmarks race against numba: pip install marl_ffi[numba]") from error
    from . import brigade, classic, env, market

    return [*market.cases(), *env.cases(), *classic.cases(), *brigade.cases()]


def select(cases: Iterable[Case], sections: Sequence[str] = (), everything: bool = False) -> list[Case]:
    """The rows of some sections; without sections, the short table or everything."""
    cases = list(cases)
    known = list(dict.fromkeys(case.section for case in cases))
    for section in sections:
        if section not in known:
            raise error_for("unknown_key", f"no benchmarks named {section!r}; there are {', '.join(known)}")
    if sections:
        return [case for case in cases if case.section in sections]
    return [case for case in cases if everything or case.headline]


def run(cases: Sequence[Case], rounds: int = 11) -> list[Result]:
    """Race every row, with a progress bar where there is a terminal.

    Raises:
        Disagreement: the two sides of a row differ; nothing of it was timed.
    """
    if rounds < MIN_ROUNDS:
        raise error_for("invalid_argument", f"rounds must be at least {MIN_ROUNDS}, got {rounds}")
    _keep_what_is_freed()
    return [_race(case, rounds) for case in console.track(cases, "benchmarks")]


def _keep_what_is_freed() -> None:
    """Spare both sides the wait for fresh pages at every result of a megabyte.

    glibc hands memory back to the system where it was of more bytes than any that was freed before. Which side that hits
    would depend on what ran earlier in the process, and can double its time.
    """
    np.ones(LARGEST_ON_THE_HEAP, np.uint8)


def _race(case: Case, rounds: int) -> Result:
    race = case.build()
    try:
        race.agree()
    except AssertionError as error:
        raise Disagreement(
            f"{case.work}, {case.size}, against {case.against}: the results differ: {error}"
        ) from error
    sides = (race.ours, race.rival)
    with _no_garbage_collection():
        # the first block warms up and says how many passes fill a block
        order = (0, 1) if race.elsewhere is None else (0,)
        passes = [max(1, math.ceil(BLOCK_SECONDS / _block(side, 2, race.prepare))) for side in sides[: len(order)]]
        times: list[list[float]] = [[], []]
        for number in range(rounds):
            for side in order if number % 2 else order[::-1]:
                seconds = _block(sides[side], passes[side], race.prepare)
                times[side].append(seconds / race.calls)
    if race.elsewhere is not None:
        times[1] = [race.elsewhere]
    ours, rival = statistics.median(times[0]), statistics.median(times[1])
    ratio = rival / ours
    return Result(
        case.section, case.work, case.size, case.against, ours, rival, min(times[0]), min(times[1]), ratio,
        case.required, case.aim, rounds,
    )  # fmt: skip


def _block(side: Callable[[], object], passes: int, prepare: Callable[[], object] | None) -> float:
    """Seconds per pass, averaged over a block of passes."""
    clock, total = time.perf_counter, 0.0
    for _ in range(passes):
        if prepare is not None:
            prepare()
        start = clock()
        side()
        total += clock() - start
    return total / passes


class _no_garbage_collection:
    def __enter__(self) -> None:
        self.was_on = gc.isenabled()
        gc.collect()
        gc.disable()

    def __exit__(self, *exception: object) -> None:
        if self.was_on:
            gc.enable()


def machine() -> dict[str, Any]:
    """CPU, cores, load and versions: what a table of times is worth nothing without."""
    versions = {name: version(name) for name in ("numpy", "numba", "gymnasium", "cffi")}
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "load": load,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **versions,
    }


def version(package: str) -> str | None:
    """Installed version of a package, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def report(results: Sequence[Result], build: dict[str, Any]) -> None:
    """Print the table, one block per section."""
    about = machine()
    console.line(
        f"{about['cpu']}, {about['cores']} cores, load {about['load']}; Python {about['python']}, "
        f"numpy {about['numpy']}, numba {about['numba']}; ours: {build['backend']}, {build['simd']}"
    )
    for section in dict.fromkeys(result.section for result in results):
        console.table(
            section,
            ("work", "N", "against", "rival", "ours", "ratio", "required", "aim", ""),
            [_cells(result) for result in results if result.section == section],
            numbers_from=3,
        )
    failed = [result for result in results if result.verdict == "FAIL"]
    judged = sum(bool(result.verdict) for result in results)
    rounds = results[0].rounds if results else 0
    console.line(
        f"{judged - len(failed)} of {judged} requirements met; medians of {rounds} alternating rounds, "
        "ratio = rival / ours"
    )


def _cells(result: Result) -> tuple[str, ...]:
    def times(ratio: float | None) -> str:
        return "" if ratio is None else f"{ratio:.4g}x"

    return (
        result.work, result.size, result.against, duration(result.rival), duration(result.ours),
        f"{result.ratio:.2f}x", times(result.required), times(result.aim), result.verdict,
    )  # fmt: skip


def duration(seconds: float) -> str:
    """A time with three digits and the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def to_json(results: Sequence[Result], build: dict[str, Any]) -> str:
    """Everything that `report` prints and the minima, as JSON text."""
    rows = [{**asdict(result), "verdict": result.verdict} for result in results]
    return json.dumps({"machine": machine(), "build": build, "results": rows}, indent=2)
