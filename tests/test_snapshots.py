"""Snapshots: a killed run goes on bit for bit in another process, and damaged bytes change nothing."""

from __future__ import annotations

import signal
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parity_support import MARKET, answer, bits, both_engines, hash_of, random_actions, random_config, start

import marl_ffi as mf
from marl_ffi._engine import NativeEngine
from marl_ffi.errors import MarlError, PanicError, SnapshotError
from marl_ffi.market import bess_params, default_params
from marl_ffi.reference.classic import CLASSIC
from marl_ffi.reference.vec_env import make_engine as make_reference_engine

CHUNKS, SAVED = 6, 3


def training(threads: int | None, mode: str = "NextStep", env_id: str = MARKET) -> mf.VecEnv:
    """A batch in which everything that a snapshot has to keep goes on: noise, battery, history, episodes."""
    if env_id != MARKET:
        return mf.VecEnv(env_id, 700, num_threads=threads, autoreset_mode=mode, max_episode_steps=6)
    params = bess_params(5, 7) | {"unit_lol_penalty": 2.0}
    return mf.VecEnv(
        MARKET, 700, num_threads=threads, autoreset_mode=mode, params=params, demand_noise="every_reset",
        history=True, observer="simple_v3", max_episode_steps=5,
    )  # fmt: skip


def chunk(env: mf.VecEnv, k: int) -> str:
    """One piece of a training run: given actions, sampled actions, single steps."""
    rng = np.random.default_rng(k)
    agents = slice(None) if env.spec["multi_agent"] else 0
    made = [dict(env.rollout(random_actions(rng, env.spec, 3, env.num_envs)[:, :, agents])), dict(env.rollout(2))]
    made += [list(env.step(random_actions(rng, env.spec, env.num_envs)[:, agents])) for _ in range(2)]
    return hash_of([made, env.state, env.seeds])


def unbroken(mode: str, env_id: str) -> list[str]:
    with training(1, mode, env_id) as env:
        env.reset(seed=9)
        return [chunk(env, k) for k in range(CHUNKS)]


def until_killed(file: str, mode: str, env_id: str) -> None:
    """Trains, saves after a while, goes on, and dies in the middle of it."""
    import os

    env = training(2, mode, env_id)
    env.reset(seed=9)
    for k in range(CHUNKS):
        if k == SAVED:
            Path(file).write_bytes(env.snapshot())
        print(chunk(env, k), flush=True)
        if k == SAVED + 1:
            os.kill(os.getpid(), signal.SIGKILL)


def resumed(file: str, mode: str, env_id: str, threads: int) -> list[str]:
    env = training(threads, mode, env_id)
    env.restore(Path(file).read_bytes())
    return [chunk(env, k) for k in range(SAVED, CHUNKS)]


def killed_and_resumed(env_id: str, mode: str, directory: Path, **environment: str) -> None:
    """With another number of threads, as if nothing had happened."""
    expected, file = unbroken(mode, env_id), directory / "snapshot"
    code = "import sys, test_snapshots as t; t.until_killed(*sys.argv[1:])"
    killed = start(code, file, mode, env_id, **environment)
    assert killed.returncode == -signal.SIGKILL and killed.stdout.split() == expected[: SAVED + 2], killed.stderr
    code = "import json, sys, test_snapshots as t; print(json.dumps(t.resumed(*sys.argv[1:4], int(sys.argv[4]))))"
    assert answer(code, file, mode, env_id, 7, **environment) == expected[SAVED:]
    assert resumed(str(file), mode, env_id, 1) == expected[SAVED:]


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("env_id", [MARKET, *CLASSIC])
def test_a_killed_run_goes_on_in_another_process(env_id: str, mode: str, tmp_path: Path) -> None:
    killed_and_resumed(env_id, mode, tmp_path)


def test_other_threads_write_the_same_snapshot() -> None:
    saved = set()
    for threads in (1, 2, 7, None):
        with training(threads) as env:
            env.reset(seed=2)
            env.rollout(4)
            saved.add(env.snapshot())
    assert len(saved) == 1


def test_a_single_environment_resumes_with_callable_policies() -> None:
    def watch(seen: np.ndarray) -> list[float]:
        return [0.25 * float(seen[0]), -0.5]

    policies = [None, watch, [0.1, 0.2], None]
    whole = mf.ElectricityMarketEnv(bess_params(4, 6), policies=policies, demand_noise="every_reset")
    whole.reset(seed=5)
    whole.step([0.1, 0.2])
    saved = whole.snapshot()
    other = mf.ElectricityMarketEnv(bess_params(4, 6), policies=policies, demand_noise="every_reset")
    other.restore(saved)
    assert bits(other.observe()) == bits(whole.observe())
    for _ in range(2):
        for k in range(1, 6):
            assert bits(list(other.step([0.1 * k, 1.0]))) == bits(list(whole.step([0.1 * k, 1.0])))
        assert bits(other.history) == bits(whole.history)
        assert bits(other.reset()[0]) == bits(whole.reset()[0])
        whole.step([0.0, 0.0])
        other.step([0.0, 0.0])


# -- damaged and foreign bytes --------------------------------------------------------------------------


def engines() -> list[Any]:
    """A small batch on both engines, in the middle of its episodes."""
    config = {"params": default_params(2, 3), "demand_noise": "every_reset"}
    made = list(both_engines(2, 1, "NextStep", config))
    for engine in made:
        engine.reset(np.array([3, 4], np.uint64), None, None, None)
        engine.rollout(2, None)
    return made


def assert_refused(engine: Any, data: bytes) -> None:
    with pytest.raises(SnapshotError, match="^snapshot: ") as refused:
        engine.restore(data)
    assert refused.value.reason == "snapshot_invalid" and refused.value.code == 500


@pytest.mark.parametrize("which", [0, 1], ids=["rust", "reference"])
def test_every_truncation_and_every_changed_bit_is_refused(which: int) -> None:
    engine = engines()[which]
    saved = engine.snapshot()
    for length in range(len(saved)):
        assert_refused(engine, saved[:length])
    assert_refused(engine, saved + b"\0")
    for bit in range(8 * len(saved)):
        data = bytearray(saved)
        data[bit // 8] ^= 1 << bit % 8
        assert_refused(engine, bytes(data))
    assert engine.snapshot() == saved
    expected = engine.rollout(5, None)
    engine.restore(saved)
    assert bits(engine.rollout(5, None)) == bits(expected)


def test_bytes_with_a_right_checksum_that_mean_nothing_do_no_harm() -> None:
    """Whatever is in them, they are refused or stepped with; the engine meets no bug and goes back to what was."""
    rng = np.random.default_rng(0)
    tally = {"refused": 0, "accepted": 0}
    for case in range(3):
        config = random_config(np.random.default_rng([9, case]), history=True)
        with mf.VecEnv(MARKET, 3, **config) as env:
            env.reset(seed=1)
            env.rollout(2)
            saved = env.snapshot()
            expected = bits(dict(env.rollout(4)))
            header = 16 + struct.unpack_from("<I", saved, 12)[0]
            for _ in range(400):
                data = bytearray(saved[:-4])
                for _ in range(rng.integers(1, 5)):
                    place = int(rng.integers(0 if rng.random() < 0.2 else header, len(data)))
                    data[place] = rng.choice([0, 1, 127, 128, 255])
                data += struct.pack("<I", zlib.crc32(data))
                try:
                    env.restore(bytes(data))
                    tally["accepted"] += 1
                    env.rollout(3)
                except PanicError:
                    pytest.fail(f"a bug was met: {config}, {data.hex()}")
                except MarlError as error:
                    tally["refused"] += isinstance(error, SnapshotError)
            env.restore(saved)
            assert bits(dict(env.rollout(4))) == expected, config
    assert min(tally.values()) > 100, tally


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_envs": 3}, "num_envs"),
        ({"params": default_params(3, 3)}, "config"),
        ({"params": default_params(2, 3) | {"max_bid_delta": 49.0}}, "config"),
        ({"dtype": "float64"}, "config"),
        ({"tie_rule": "pro_rata"}, "config"),
        ({"agents": [0]}, "config"),
    ],
)
def test_snapshots_of_other_environments_are_refused(change: dict[str, Any], words: str) -> None:
    """The message says what differs, what was expected and what was got."""
    with mf.VecEnv(MARKET, 2, params=default_params(2, 3)) as env:
        env.reset(seed=1)
        env.step(np.zeros((2, 2, 2)))
        saved, state = env.snapshot(), env.state
        settings = {"num_envs": 2, "params": default_params(2, 3)} | change
        with mf.VecEnv(MARKET, **settings) as other:
            other.reset(seed=7)
            before = other.snapshot()
            with pytest.raises(SnapshotError, match=f"{words}: expected .*, got ") as refused:
                other.restore(saved)
            assert refused.value.reason == "snapshot_invalid" and other.snapshot() == before
            with pytest.raises(SnapshotError):
                env.restore(before)
        assert env.snapshot() == saved and bits(env.state) == bits(state)


def test_snapshots_of_another_id_version_or_engine_are_refused() -> None:
    rust, reference = engines()
    for engine, other in ((rust, reference), (reference, rust)):
        assert_refused(engine, other.snapshot())
    saved = rust.snapshot()

    def resealed(data: bytes) -> bytes:
        return data[:-4] + struct.pack("<I", zlib.crc32(data[:-4]))

    renamed = resealed(saved.replace(MARKET.encode(), b"ElectricityMarket-v9"))
    with pytest.raises(SnapshotError, match="another id: expected .*-v0.*, got .*-v9"):
        rust.restore(renamed)
    with pytest.raises(SnapshotError, match="expected version 1, got 2"):
        rust.restore(resealed(saved[:8] + struct.pack("<I", 2) + saved[12:]))
    assert rust.snapshot() == saved


def test_snapshots_of_another_autoreset_mode_are_refused() -> None:
    """By both engines: what an environment does after the end of its episode is part of its future."""
    for make in (NativeEngine, make_reference_engine):
        settings = (MARKET, 2, None) if make is NativeEngine else (MARKET, 2)
        engine, other = (make(*settings, mode, {}) for mode in ("NextStep", "SameStep"))
        other.reset(np.arange(2, dtype=np.uint64), None, None, None)
        with pytest.raises(SnapshotError, match="autoreset_mode.*(expected.*NextStep|SameStep.*expected)"):
            engine.restore(other.snapshot())


def test_a_snapshot_before_the_first_reset_is_one() -> None:
    with mf.VecEnv(MARKET, 2) as env, mf.VecEnv(MARKET, 2) as other:
        other.reset(seed=1)
        other.restore(env.snapshot())
        with pytest.raises(mf.errors.NotResetError):
            other.step(np.zeros((2, 5, 2)))


def test_taking_a_snapshot_changes_nothing() -> None:
    with training(1) as env, training(1) as other:
        for each in (env, other):
            each.reset(seed=1)
        for k in range(2):
            env.snapshot()
            assert chunk(env, k) == chunk(other, k)
