"""asv benchmarks of marl_ffi. `python benchmarks/run.py --help` says how to run them."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path


def machine_line() -> str:
    """CPU, instruction set, threads and versions: what a time is worth nothing without."""
    import numpy

    try:
        import marl_ffi

        info = marl_ffi.build_info()
    except Exception as error:  # an old or broken commit must not stop the others' benchmarks
        info = {"backend": f"no backend ({type(error).__name__}: {error})"}
    version, backend, simd, threads = map(info.get, ("version", "backend", "simd", "num_threads"))
    parts = [
        f"marl_ffi {version} on {backend}, {simd}, {threads} threads",
        f"{_cpu()} with {os.cpu_count()} cores",
        f"Python {platform.python_version()}, NumPy {numpy.__version__}",
    ]
    return "; ".join(parts)


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def announce(note: Path) -> None:
    """Print `machine_line` in the first benchmark process of an asv run; asv shows it with `--show-stderr`.

    asv starts a process per benchmark, and hides what they print while it looks for benchmarks. `note` is a file
    that says who spoke last: the run, known by asv's process, and the commit.
    """
    if Path(sys.argv[0]).name != "benchmark.py" or sys.argv[1:2] != ["run"]:
        return
    speaker = f"{os.getppid()} {os.environ.get('ASV_COMMIT')}"
    try:
        if note.is_file() and note.read_text() == speaker:
            return
        note.parent.mkdir(exist_ok=True)
        note.write_text(speaker)
    except OSError:
        return
    print(machine_line())


announce(Path(__file__).parents[1] / ".asv" / "announced")
