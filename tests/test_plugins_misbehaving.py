"""Plug-ins that break their promises: a clear error, a batch in a defined state, and a process that lives on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from c_support import PROGRAMS
from parity_support import bits, refused, start
from plugin_support import FORAGE, compiled, library_of

import marl_ffi as mf
from marl_ffi.errors import (
    ActionError,
    InvalidInputError,
    LibraryNotFoundError,
    PanicError,
    PluginError,
    SnapshotError,
    UnknownNameError,
)

SOURCE = PROGRAMS / "plugin_misbehaves.c"
ENV = "test.Misbehaves-v0"
COUNT = 5

# What happens in every batch: fault -> words of the message.
ALWAYS = {
    "reset fails": "test.Misbehaves-v0: reset: cannot start again",
    "step fails": "test.Misbehaves-v0: step: the rope broke",
    "silent": "step: the plug-in returned -7",
    "long message": "step: x{255}$",
    "termination two": r"step: terminations\[0\]: expected 0 or 1, got 2",
    "draws beyond": "step: drew for environment 5 of a range of 5",
}
# What a checked batch sees besides.
CHECKED = {
    "nan observation": r"observations\[env 0\] \(agent, 0\): expected a finite number within \[-9, 9\], got NaN",
    "observation out of space": r"observations\[env 0\] \(agent, 0\): .* within \[-9, 9\], got 10",
    "observation unwritten": "observe: observations, row 0: .* different results: something was not written",
    "nan reward": r"rewards\[env 0\] \(agent\): expected a finite number, got NaN",
    "reward unwritten": "step: rewards, row 0: .*something was not written",
    "writes before": r"step: wrote beyond its rows of columns\[0\] \(x\)",
    "writes beyond state": "step: wrote beyond its rows of state",
    "writes beyond observations": "observe: wrote beyond its rows of observations",
    "writes beyond rewards": "step: wrote beyond its rows of rewards",
    "writes clock": "step: wrote to clock, which it may only read",
    "changes state in observe": r"observe: wrote to columns\[0\] \(x\), which it may only read",
    "hidden state": r"step: columns\[0\] \(x\), row 0: .* comes from elsewhere than the row's state",
    "neighbours": r"step: columns\[0\] \(x\), row 2: .* comes from elsewhere than the row's state",
    "draws in observe": "observations.*: expected a finite number within .* got NaN",
    "state out of bounds": r"columns: x\[env 0, 0\]: expected a finite number from -5 to 5, got 6",
}


@pytest.fixture(autouse=True)
def _loaded() -> None:
    mf.load_plugin(compiled(SOURCE))


def played(fault: str, **config: Any) -> Iterator[mf.VecEnv]:
    """A batch before its first fault, and again after every step that went well."""
    with mf.VecEnv(ENV, COUNT, fault=fault, **config) as env:
        env.reset(seed=3)
        yield env
        for _ in range(4):
            env.step(np.zeros(COUNT, np.int64))
            yield env


def fails(fault: str, words: str, **config: Any) -> mf.VecEnv:
    """A batch whose plug-in just failed, at the right moment and with these words."""
    env = mf.VecEnv(ENV, COUNT, fault=fault, **config)
    env.reset(seed=3)
    if fault == "reset fails":
        refused(PluginError, "plugin_failed", words, lambda: env.reset(seed=3))
        return env
    zeros = np.zeros(COUNT, np.int64)
    env.step(zeros)
    env.step(zeros)
    refused(PluginError, "plugin_failed", words, env.step, zeros)
    return env


def test_every_fault_is_among_the_cases() -> None:
    [fault] = [each for each in mf.spec(ENV)["parameters"] if each["name"] == "fault"]
    others = {"create fails", "create replaces parameters", "create tells nonsense", "observe fails", "none"}
    assert fault["default"] == "none"
    with pytest.raises(InvalidInputError) as error:
        mf.spec(ENV, fault="all")
    named = str(error.value).split("one of ")[1].split(", got")[0].split(", ")
    assert set(named) == {*ALWAYS, *CHECKED, *others}


@pytest.mark.parametrize("checked", [False, True], ids=["fast", "checked"])
@pytest.mark.parametrize("fault", ALWAYS)
def test_failures(fault: str, checked: bool) -> None:
    fails(fault, ALWAYS[fault], checked=checked).close()


@pytest.mark.parametrize("fault", CHECKED)
def test_what_a_checked_batch_sees(fault: str) -> None:
    fails(fault, CHECKED[fault], checked=True).close()


def test_who_does_nothing_wrong_is_not_accused() -> None:
    for checked in (False, True):
        *_, env = played("none", checked=checked)
        assert env.closed


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_a_step_sees_no_environment_that_is_over_and_no_action_that_does_not_exist(mode: str) -> None:
    """The plug-in would fail. In the next-step mode, the step after an end ignores whatever its action is."""
    rng, ends = np.random.default_rng(1), 0
    with mf.VecEnv(ENV, 200, ends=True, autoreset_mode=mode) as env:
        env.reset(seed=1)
        over = np.zeros(200, bool)
        for _ in range(60):
            actions = rng.integers(0, 2, 200)
            if mode == "NextStep":
                actions[over] = 7
            _, rewards, terminations, truncations, _ = env.step(actions)
            assert mode == "SameStep" or (rewards == 0).tolist() == over.tolist()
            over = terminations | truncations
            ends += int(over.sum())
        env.rollout(60)
        lives = env.state["memory"].view(np.int32)
        assert ends > 500 and lives[:, 0].sum() > ends


def test_a_plugin_that_is_not_thread_safe_is_entered_by_one_thread_at_a_time() -> None:
    """By several batches in several threads, each of which would share its work."""
    from thread_support import together

    def work(k: int) -> None:
        with mf.VecEnv(ENV, 3000, num_threads=2) as env:
            env.reset(seed=k)
            for _ in range(10):
                env.rollout(20)

    assert together(*(lambda k=k: work(k) for k in range(4))) == [None] * 4


@pytest.mark.parametrize(("fault", "words"), [("step fails", ALWAYS["step fails"]), ("nan reward", CHECKED["nan reward"])])
def test_a_failed_batch_waits_for_a_reset(fault: str, words: str) -> None:
    """Everything is refused, with the reason; a reset of all environments makes it as good as new."""
    env = fails(fault, words, checked=True)
    zeros, mask = np.zeros(COUNT, np.int64), np.array([True] + [False] * (COUNT - 1))
    calls: list[Any] = [
        lambda: env.step(zeros), lambda: env.rollout(2), env.observe, env.snapshot, lambda: env.state,
        lambda: env.set_state({"x": np.zeros(COUNT)}), lambda: env.reset(options={"reset_mask": mask}),
        lambda: env.restore(b""),
    ]  # fmt: skip
    for call in calls:
        refused(PanicError, "poisoned", "the plug-in failed .*reset all environments", call)
    assert env.seeds.tolist() == [3, 4, 5, 6, 7]
    first, _ = env.reset(seed=3)
    with mf.VecEnv(ENV, COUNT) as fresh:
        assert bits(fresh.reset(seed=3)[0]) == bits(first)
        for _ in range(2):
            assert bits(list(fresh.step(zeros))) == bits(list(env.step(zeros)))
    env.close()


def test_a_failing_rollout() -> None:
    env = mf.VecEnv(ENV, COUNT, fault="step fails", num_threads=7)
    env.reset(seed=1)
    refused(PluginError, "plugin_failed", "the rope broke", env.rollout, 9)
    refused(PanicError, "poisoned", "the rope broke", env.rollout, 9)
    env.reset()
    assert len(env.rollout(2).rewards) == 2
    env.close()


def test_an_observation_that_fails_changes_nothing() -> None:
    """`observe` by itself: the state is as good as it was."""
    env = mf.VecEnv(ENV, COUNT, fault="observe fails")
    env.reset(seed=1)
    for _ in range(2):
        env.step(np.zeros(COUNT, np.int64))
    saved = env.snapshot()
    # The observation of a step is part of the step.
    refused(PluginError, "plugin_failed", "observe: it is dark", env.step, np.zeros(COUNT, np.int64))
    env.reset(seed=1)
    env.restore(saved)
    assert env.snapshot() == saved
    env.close()


def test_what_the_engine_refuses_is_not_the_plugins_fault() -> None:
    """Wrong actions, injected states and snapshots beyond the bounds of a column: refused, and the batch goes on."""
    for env in played("none"):
        before = env.snapshot()
        refused(ActionError, "action_invalid", "expected a whole number from 0 to 1, got 2", env.step, np.full(COUNT, 2))
        for value in (6.0, np.nan, np.inf):
            refused(
                InvalidInputError, "invalid_state", r"x\[env 1, 0\]: expected a finite number from -5 to 5",
                env.set_state, {"x": np.array([0, value, 0, 0, 0])},
            )  # fmt: skip
        forged = forge(before, 6.0)
        refused(SnapshotError, "snapshot_invalid", r"x\[env 0, 0\]: .* from -5 to 5, got 6", env.restore, forged)
        assert env.snapshot() == before


def forge(snapshot: bytes, x: float) -> bytes:
    """A snapshot whose first column begins with another number, with its checksum made right."""
    import struct
    import zlib

    header = 16 + struct.unpack_from("<I", snapshot, 12)[0]
    data = snapshot[:header] + struct.pack("<d", x) + snapshot[header + 8 : -4]
    return data + struct.pack("<I", zlib.crc32(data))


def test_before_the_first_reset_bounds_do_not_matter() -> None:
    with mf.VecEnv(ENV, 2) as env:
        env.restore(env.snapshot())
        assert env.state["x"].tolist() == [0, 0]


def test_create_that_fails_or_tells_nonsense() -> None:
    for fault, reason, words in [
        ("create fails", "plugin_failed", "test.Misbehaves-v0: create: no such thing"),
        ("create replaces parameters", "plugin_invalid", "create: parameters: cannot be replaced"),
        ("create tells nonsense", "plugin_invalid", "agent: action: expected 1 to 2147483647 choices, got 0"),
    ]:
        for door in (lambda **config: mf.VecEnv(ENV, 1, **config), lambda **config: mf.spec(ENV, **config)):
            refused(PluginError, reason, words, lambda door=door, fault=fault: door(fault=fault))
    with pytest.raises(UnknownNameError, match="falt.*fault"):
        mf.VecEnv(ENV, 1, falt="none")


def test_checks_may_be_the_default() -> None:
    """By an environment variable, for a whole test run."""
    code = (
        "import sys, marl_ffi as mf\n"
        f"env = mf.VecEnv('{ENV}', 3, fault='nan reward')\n"
        "env.reset(seed=1)\n"
        "env.rollout(4)\n"
    )
    plugin = str(compiled(SOURCE))
    assert start(code, MARL_FFI_PLUGINS=plugin).returncode == 0
    done = start(code, MARL_FFI_PLUGINS=plugin, MARL_FFI_CHECK_PLUGINS="1")
    assert done.returncode == 1 and "expected a finite number, got NaN" in done.stderr


# -- entries that do wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "reason", "words"),
    [
        ("nothing", "plugin_invalid", "registered no environment"),
        ("fails", "plugin_failed", "needs another library"),
        ("silent", "plugin_failed", "marl_plugin_init returned -1"),
        ("version", "plugin_failed", "test.Second-v0: version: .* takes plug-ins of version 1, got one of version 99"),
        ("size", "plugin_failed", r"test.Second-v0: size: expected sizeof\(marl_plugin_env\), \d+, got 16"),
        ("step", "plugin_failed", "test.Second-v0: step: expected a function, got NULL"),
        ("json", "plugin_failed", "test.Second-v0: specification: not valid JSON"),
        ("id", "plugin_failed", 'id: expected a name like .*, got "no version"'),
        ("twice", "plugin_invalid", '"test.First-v0": an environment of that id is there already'),
        ("taken", "plugin_invalid", '"CartPole-v1": an environment of that id is there already'),
    ],
)
def test_entries_that_do_wrong(wrong: str, reason: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is registered, not even the environment that was right."""
    plugin, before = compiled(SOURCE, f"-DWRONG_{wrong}"), mf.list_envs()
    # C reads the environment of the process itself.
    monkeypatch.setitem(os.environ, "MARL_TEST_INIT", wrong)
    refused(PluginError, reason, words, mf.load_plugin, plugin)
    assert mf.list_envs() == before and os.path.realpath(plugin) not in mf.loaded_plugins()


def test_files_that_are_no_plugins(tmp_path: Any) -> None:
    (tmp_path / "text.so").write_text("I am a text")
    (tmp_path / "empty.so").touch()
    (tmp_path / "empty.c").write_text("int nothing(void);\nint nothing(void) { return 0; }\n")
    other = compiled(tmp_path / "empty.c", "-DOTHER")
    for path, words in [
        (tmp_path / "missing.so", "missing.so: there is no such file"),
        (tmp_path, "there is no such file"),
        (tmp_path / "text.so", "text.so: .*(invalid ELF header|file too short)"),
        (tmp_path / "empty.so", "empty.so: .*file too short"),
        (other, "this library is no plug-in: it exports no marl_plugin_init"),
        (str(tmp_path / "a\0b.so"), "a"),
    ]:
        refused(PluginError, "plugin_invalid", words, mf.load_plugin, path)
    for thing in (None, 3, b"plugin.so"):
        with pytest.raises(TypeError, match="path"):
            mf.load_plugin(thing)  # type: ignore[arg-type]


def test_plugins_need_the_native_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marl_ffi._backend.backend", lambda: "numpy")
    with pytest.raises(LibraryNotFoundError, match="native library.*numpy"):
        mf.load_plugin(library_of(FORAGE))
