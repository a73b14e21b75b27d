"""Processes and more threads than cores: every way of starting a process, with the pool of threads alive in its parent."""

from __future__ import annotations

import multiprocessing
import sys
from typing import Any

import pytest
from c_support import PROGRAMS, build
from parity_support import answer
from test_c_abi import start
from thread_support import large_hash

METHODS = pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())


def in_main(*lines: str) -> str:
    """A program whose children import it without running it; its threads are alive when they are made."""
    head = "import json, warnings, multiprocessing, thread_support\nwarnings.simplefilter('ignore')\n"
    body = ["here = thread_support.large_hash(3)", *lines]
    return head + "if __name__ == '__main__':\n" + "".join(f"    {line}\n" for line in body)


@METHODS
def test_a_pool_of_processes(method: str) -> None:
    told = answer(
        in_main(
            f"with multiprocessing.get_context('{method}').Pool(2) as pool:",
            "    made = pool.map(thread_support.large_hash, [1, 2, 3, 4])",
            "print(json.dumps([here, *made, thread_support.large_hash(2)]))",
        )
    )
    assert told == [large_hash(1)] * 6


@METHODS
def test_gymnasium_in_processes_of_its_own(method: str) -> None:
    """`AsyncVectorEnv` plays what the same environments play in one process."""
    told = answer(in_main(f"print(json.dumps(thread_support.asynchronous('{method}')))"))
    assert told["same"] and told["steps"] == 40 and told["here"] == large_hash(1)


def test_a_child_that_was_forked_in_the_middle_of_a_call() -> None:
    """Another thread is inside the engine at the fork: the child makes a pool of its own and goes on."""
    code = "import json, warnings; warnings.simplefilter('ignore')\n"
    told = answer(code + "import thread_support; print(json.dumps(thread_support.forked_inside()))")
    assert told == {"children": [large_hash(1)] * 4, "rolled": True}


def test_twenty_four_threads_on_few_cores() -> None:
    """As many at once in the pool, and as many Python threads that all use it."""
    told: dict[str, Any] = answer(
        "import json, thread_support\nprint(json.dumps(thread_support.crowd(24)))", MARL_FFI_NUM_THREADS="24"
    )
    assert told["hashes"] == [large_hash(1)]
    assert not told["linux"] or told["threads"] > 4, "they all worked in the threads that asked"


def test_little_memory_is_an_error(native_library: Any, tmp_path: Any) -> None:
    if sys.platform == "linux":  # elsewhere nothing limits the memory of one process
        start(build(tmp_path / "memory", [PROGRAMS / "memory.c"], native_library))
