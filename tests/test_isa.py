"""The same bytes whatever runs them: instruction set, number of threads, size of the batch, alone or in a batch.

`fingerprint` computes hashes over kernels, environments and snapshots; other processes import it from here.
"""

from __future__ import annotations

import functools
import json
from typing import Any

import numpy as np
import pytest
from c_support import run
from parity_support import (
    MARKET,
    SIZES,
    answer,
    bits,
    hash_of,
    random_actions,
    random_config,
    random_market,
    random_rules,
    random_settings,
    start,
)

import marl_ffi as mf
from marl_ffi.market import default_params
from marl_ffi.reference.classic import CLASSIC

LEVELS = ("scalar", "neon", "avx2", "avx512")  # slowest first
THREADS = (1, 2, 7, None)
LARGEST = 33
# Configurations with and without a battery, of both dtypes and tie rules, by the hour and by the day.
CASES = (7, 12, 22, 52, 71)
UNITS = (1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33, 64, 65, 129, 257)


def rows(units: int, dtype: Any, markets: int, seed: int = 0) -> tuple[Any, ...]:
    """A batch of hard markets of equal size: bids, quantities (E, N), costs (N,), demand (E,)."""
    rng = np.random.default_rng([seed, units, np.dtype(dtype).itemsize])
    made = [random_market(rng, units, dtype) for _ in range(markets)]
    bids, quantities, costs, demand = (np.stack(column) for column in zip(*made, strict=True))
    return bids, quantities, costs[0], demand


def single_markets() -> Any:
    """Bound markets of every size under random rules."""
    rng, results = np.random.default_rng(7), []
    for units in SIZES:
        for dtype in (np.float32, np.float64):
            bids, quantities, costs, demand = random_market(rng, units, dtype)
            market = mf.Market(units, dtype=dtype, **random_rules(rng))
            market.bids[:], market.quantities[:], market.costs[:] = bids, quantities, costs
            results.append((market.step(demand), market.q_cleared, market.rewards))
    return results


def batches_of_markets(threads: int | None) -> Any:
    """Batches of 1 to 33 markets: every smaller batch is the beginning of the largest."""
    results = []
    for units in UNITS:
        for dtype in (np.float32, np.float64):
            bids, quantities, costs, demand = rows(units, dtype, LARGEST)
            settings = random_settings(np.random.default_rng(units))

            def run(
                e: int, b: Any = bids, q: Any = quantities, c: Any = costs, d: Any = demand, s: Any = settings
            ) -> Any:
                cleared = mf.market_clearing_batch(b[:e], q[:e], d[:e], num_threads=threads)
                return *cleared, *mf.environment_step_batch(b[:e], q[:e], c, d[:e], *s, num_threads=threads)

            whole = run(LARGEST)
            for e in range(1, LARGEST):
                assert bits(run(e)) == bits(tuple(array[:e] for array in whole)), (units, dtype, e)
            results.append(whole)
    return results


def batches_of_environments(threads: int | None) -> Any:
    """Batches of 1 to 33 environments of random configurations: every environment is the same in all of them."""
    results = []
    for case in CASES:
        config = random_config(np.random.default_rng([8, case]), demand_noise="every_reset", history=case % 2 == 0)
        whole: dict[str, Any] = {}
        for e in range(LARGEST, 0, -1):
            with mf.VecEnv(
                MARKET, e, num_threads=threads, autoreset_mode=["NextStep", "SameStep"][case % 2], **config
            ) as env:
                env.reset(seed=5)
                given = random_actions(np.random.default_rng(case), env.spec, 5, LARGEST)[:, :e]
                made = {**env.rollout(given), **{f"sampled {k}": x for k, x in env.rollout(4).items()}}
                made = {name: array.swapaxes(0, 1) for name, array in made.items()} | env.state
                if e == LARGEST:
                    whole = made
                    results += [made, env.snapshot()]
                assert bits(made) == bits({name: array[:e] for name, array in whole.items()}), (config, e)
    return results


def batches_of_classic_control(threads: int | None) -> Any:
    """The same of classic control: 1 to 33 environments, both precisions, both types of actions."""
    results = []
    for case, env_id in enumerate([*CLASSIC, *CLASSIC]):
        dtype = ("float64", "float32")[case // len(CLASSIC)]
        mode = ("NextStep", "SameStep")[case % 2]
        whole: dict[str, Any] = {}
        for e in range(LARGEST, 0, -1):
            with mf.VecEnv(env_id, e, num_threads=threads, autoreset_mode=mode, dtype=dtype, max_episode_steps=7) as env:
                env.reset(seed=5)
                given = random_actions(np.random.default_rng(case), env.spec, 9, LARGEST)[:, :e, 0]
                made = {**env.rollout(given), **{f"sampled {k}": x for k, x in env.rollout(4).items()}}
                made = {name: array.swapaxes(0, 1) for name, array in made.items()} | env.state
                if e == LARGEST:
                    whole = made
                    results += [made, env.snapshot()]
                assert bits(made) == bits({name: array[:e] for name, array in whole.items()}), (env_id, e)
    return results


def large_batches(threads: int | None) -> Any:
    """So much work that it is cut into parts for all threads."""
    bids, quantities, costs, demand = rows(20, np.float32, 3001)
    settings = random_settings(np.random.default_rng(1))
    results: list[Any] = [
        mf.market_clearing_batch(bids, quantities, demand, num_threads=threads),
        mf.environment_step_batch(bids, quantities, costs, demand, *settings, num_threads=threads),
    ]
    for mode in ("NextStep", "SameStep"):
        with mf.VecEnv(
            MARKET,
            3001,
            params=default_params(20, 3),
            num_threads=threads,
            autoreset_mode=mode,
            observer="simple_v3",
        ) as env:
            env.reset(seed=3)
            results += [
                dict(env.rollout(5)),
                list(env.step(random_actions(np.random.default_rng(2), env.spec, 3001))),
            ]
            results += [env.snapshot(), env.state]
    for env_id in CLASSIC:
        with mf.VecEnv(env_id, 9001, num_threads=threads, max_episode_steps=5) as env:
            env.reset(seed=3)
            results += [dict(env.rollout(30)), env.snapshot()]  # so long that results go past the caches
    return results


def fingerprint(threads: int | None) -> dict[str, str]:
    """Hashes of everything above with so many threads; None: as many as by default."""
    return {
        "single markets": hash_of(single_markets()),
        "batches of markets": hash_of(batches_of_markets(threads)),
        "batches of environments": hash_of(batches_of_environments(threads)),
        "classic control": hash_of(batches_of_classic_control(threads)),
        "large batches": hash_of(large_batches(threads)),
    }


CHILD = """
import json, marl_ffi, test_isa
found = {str(threads): test_isa.fingerprint(threads) for threads in test_isa.THREADS}
print(json.dumps({"info": marl_ffi.build_info(), "fingerprints": found}))
"""


@functools.lru_cache(maxsize=1)
def offered() -> tuple[str, ...]:
    """The levels that the library says this CPU has; it refuses the others."""
    found = []
    for level in LEVELS:
        done = start("import marl_ffi; print(marl_ffi.build_info()['simd'])", MARL_FFI_SIMD=level)
        if done.returncode == 0:
            assert done.stdout.split() == [level]
            found.append(level)
        else:
            assert f"MARL_FFI_SIMD='{level}': this CPU and this build offer no such level" in done.stderr
    return tuple(found)


def test_the_widest_level_is_the_default() -> None:
    info = answer("import json, marl_ffi; print(json.dumps(marl_ffi.build_info()))")
    assert offered()[0] == "scalar" and info["simd"] == offered()[-1]


@functools.lru_cache(maxsize=1)
def expected() -> str:
    """The fingerprint of the slowest way: scalar code in one thread."""
    child = answer(CHILD.replace("test_isa.THREADS", "[1]"), MARL_FFI_SIMD="scalar")
    return json.dumps(child["fingerprints"]["1"])


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_and_number_of_threads_gives_the_same_bytes(level: str) -> None:
    """Kernels, environments and snapshots; a level that this CPU lacks is refused instead."""
    if level not in offered():
        done = start("import marl_ffi", MARL_FFI_SIMD=level)
        assert done.returncode == 1 and f"'{level}'" in done.stderr and "levels are scalar" in done.stderr
        return
    child = answer(CHILD, MARL_FFI_SIMD=level, MARL_FFI_NUM_THREADS="3")
    assert child["info"]["simd"] == level and child["info"]["num_threads"] == 3
    for threads in THREADS:
        assert child["fingerprints"][str(threads)] == json.loads(expected()), (level, threads)


def test_a_fingerprint_notices_one_bit() -> None:
    results = single_markets()
    before = hash_of(results)
    results[-1][2].view(np.uint8)[0] ^= 1
    assert hash_of(results) != before


@pytest.mark.parametrize("level", ["avx3", "sse2", "1", "scalar,avx2"])
def test_a_level_that_is_none_is_a_clear_error(level: str) -> None:
    done = start("import marl_ffi", MARL_FFI_SIMD=level)
    assert done.returncode == 1
    assert f"InvalidInputError: MARL_FFI_SIMD='{level}'" in done.stderr
    assert "levels are scalar, avx2, avx512 and neon" in done.stderr


def test_the_name_of_a_level_may_be_written_in_capitals_and_with_spaces() -> None:
    code = "import json, marl_ffi; print(json.dumps(marl_ffi.build_info()['simd']))"
    assert answer(code, MARL_FFI_SIMD=" Scalar ") == "scalar"
    assert answer(code, MARL_FFI_SIMD="") == offered()[-1]


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
@pytest.mark.parametrize("copy", [True, False])
def test_an_environment_steps_alone_as_inside_a_batch(mode: str, copy: bool) -> None:
    """With its own seed and actions, step by step, through ends of episodes, infos included."""
    params, count = default_params(6, 4), 21
    batch = mf.VecEnv(MARKET, count, params=params, autoreset_mode=mode, copy=copy)
    batch.reset(seed=11)
    actions = random_actions(np.random.default_rng(3), batch.spec, 10, count)
    steps = []
    for k in range(10):
        if mode == "Disabled" and k and k % 4 == 0:
            batch.reset()
        *arrays, infos = batch.step(actions[k])
        shown = dict(zip(("observations", "rewards", "terminations", "truncations"), arrays, strict=True)) | infos
        steps.append({name: np.array(array) for name, array in shown.items()})
    for i in (0, 1, 7, 8, 15, 16, 20):
        alone = mf.VecEnv(MARKET, 1, params=params, autoreset_mode=mode, copy=copy)
        alone.reset(seed=11 + i)
        for k in range(10):
            if mode == "Disabled" and k and k % 4 == 0:
                alone.reset()
            *arrays, infos = alone.step(actions[k, i : i + 1])
            shown = dict(zip(("observations", "rewards", "terminations", "truncations"), arrays, strict=True)) | infos
            assert bits(shown) == bits({name: array[i : i + 1] for name, array in steps[k].items()}), (i, k)


def test_the_configurations_are_of_every_kind() -> None:
    made = [random_config(np.random.default_rng([8, case])) for case in CASES]
    kinds = {("bess" in config["params"], config["dtype"]) for config in made}
    assert kinds == {(battery, dtype) for battery in (False, True) for dtype in ("float32", "float64")}
    assert {config["params"]["day_ahead"] for config in made} == {False, True}
    assert {config["tie_rule"] for config in made} == {"index", "pro_rata"}


def test_no_instruction_became_a_function() -> None:
    """Code that the compiler has not inlined into its kernel is compiled without the registers of the kernel's level.

    Results are the same then, at a fraction of the speed; an intrinsic with a symbol of its own is how that shows.
    """
    symbols = run(["nm", mf.build_info()["library"]]).stdout.split()
    assert any("Environment" in name for name in symbols), "the library was stripped"
    assert [name for name in symbols if "core_arch" in name and "xgetbv" not in name] == []
