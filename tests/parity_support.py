"""Random markets and environments, exact comparisons, and other processes: for tests that compare implementations."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marl_ffi import _backend
from marl_ffi.errors import STATUSES, MarlError
from marl_ffi.market import bess_params, default_params
from marl_ffi.reference import vec_env

MARKET = "ElectricityMarket-v0"
TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
SIZES = (*range(1, 35), 48, 63, 64, 65, 100, 127, 128, 129, 136, 200, 255, 256, 257, 300, 1000)

STEP_OUTPUTS = (
    "observations", "rewards", "terminations", "truncations", "final_observations", "final_mask", "episode_returns",
    "episode_lengths",
)  # fmt: skip


# -- exact comparison -----------------------------------------------------------------------------------


def bits(value: Any) -> bytes:
    """Bytes that are equal exactly if dtype, shape and every bit are, through lists, tuples and dictionaries."""
    if isinstance(value, bytes):
        return b"b%d:" % len(value) + value
    if isinstance(value, dict):
        return b"{" + b"".join(repr(key).encode() + bits(value[key]) for key in sorted(value)) + b"}"
    if isinstance(value, (tuple, list)):
        return b"(" + b"".join(map(bits, value)) + b")"
    array = np.asarray(value)
    return f"{array.dtype.str}{array.shape}".encode() + array.tobytes()


def differences(left: dict[str, Any], right: dict[str, Any]) -> list[str]:
    """What differs between two dictionaries of results, in words."""
    found = [f"only one has {sorted(left.keys() ^ right.keys())}"] if left.keys() != right.keys() else []
    for key in left.keys() & right.keys():
        if bits(left[key]) != bits(right[key]):
            found.append(f"{key}: {left[key]!r} != {right[key]!r}")
    return found


def hash_of(value: Any) -> str:
    """A short name of the bits of a value."""
    return hashlib.sha256(bits(value)).hexdigest()


# -- random markets -------------------------------------------------------------------------------------


def random_bids(rng: np.random.Generator, n: int, dtype: Any) -> np.ndarray:
    """Bids that merit orders go wrong on: ties, bids that differ in their last 8 bits, zeros of both signs."""
    kind = rng.integers(9)
    if kind == 0:
        bids = np.round(rng.uniform(-50, 100, n) / 20) * 20
    elif kind == 1:
        bids = np.full(n, dtype(30)) + rng.integers(0, 256, n) * np.spacing(dtype(30))
    elif kind == 2:
        bids = rng.choice([0.0, -0.0, rng.choice([1.0, -1.0])], n)
    elif kind == 3:
        bids = np.full(n, rng.uniform(-5, 5))
    elif kind == 4:
        bids = np.sort(rng.uniform(-50, 100, n))[:: rng.choice([-1, 1])]
    elif kind == 5:
        bids = rng.uniform(-1, 1, n) * 10.0 ** rng.integers(-30, 15, n)
    elif kind == 6:
        bids = rng.integers(-2, 3, n) * np.finfo(dtype).tiny * 2.0**-10
    else:
        bids = rng.uniform(-50, 100, n)
    return bids.astype(dtype)


def random_quantities(rng: np.random.Generator, n: int, dtype: Any) -> np.ndarray:
    """Offers with zeros of both signs, round numbers, and numbers whose sum rounds."""
    kind = rng.integers(6)
    if kind == 0:
        quantities = rng.choice([0.0, -0.0, 0.1, 1.0], n)
    elif kind == 1:
        quantities = np.round(rng.uniform(0, 50, n) / 10) * 10
    elif kind == 2:
        quantities = np.where(rng.random(n) < 0.3, 1e6, rng.uniform(0, 0.1, n))
    elif kind == 3:
        quantities = np.zeros(n)
    else:
        quantities = rng.uniform(0, 50, n)
    return quantities.astype(dtype)


def random_demand(rng: np.random.Generator, bids: np.ndarray, quantities: np.ndarray) -> float:
    """Demands on, just below and just above a step of the running sum, and everywhere else. Always float64."""
    running = np.cumsum(quantities[np.argsort(bids, kind="stable")])
    step, total = running[rng.integers(len(running))], float(running[-1])
    kind = rng.integers(9)
    if kind == 0:
        return float(step)
    if kind == 1:
        return float(np.nextafter(step, step.dtype.type(np.inf)))
    if kind == 2:
        return max(float(np.nextafter(step, step.dtype.type(-1))), 0.0)
    if kind == 3:
        # Between two neighbours of a float32 sum: the demand must not be narrowed before it is compared.
        return float(np.nextafter(float(step), np.inf))
    if kind == 4:
        return float(rng.choice([0.0, -0.0, 5e-324, 1e-300]))
    if kind == 5:
        return total * rng.uniform(1, 2) + rng.uniform(0, 1)
    return float(rng.choice([total * rng.random(), np.float32(total * rng.random())]))


def random_market(rng: np.random.Generator, n: int | None = None, dtype: Any = None) -> tuple[Any, ...]:
    """bids, quantities, costs (N,) of one dtype, and a demand."""
    n = int(rng.choice(SIZES)) if n is None else n
    dtype = rng.choice([np.float32, np.float64]) if dtype is None else dtype
    bids, quantities = random_bids(rng, n, dtype), random_quantities(rng, n, dtype)
    costs = np.where(rng.random(n) < 0.2, bids, rng.uniform(-5, 80, n)).astype(dtype)
    return bids, quantities, costs, random_demand(rng, bids, quantities)


def random_rules(rng: np.random.Generator) -> dict[str, Any]:
    """Choices that the auction leaves open."""
    return {
        "price_cap": None if rng.random() < 0.6 else float(rng.choice([45.0, 0.0, -20.0, 30.000001])),
        "scarcity_price": str(rng.choice(["highest_bid", "highest_dispatched_bid"])),
        "loss_of_load": str(rng.choice(["original", "robust"])),
        "tie_rule": str(rng.choice(["index", "pro_rata"])),
    }


def random_settings(rng: np.random.Generator) -> tuple[Any, ...]:
    """lambda_bid_penalty, unit_lol_penalty, demand_scale, cost_scale, time_horizon."""
    return (
        float(rng.choice([0.01, 0.0, 0.3])), float(rng.choice([1.0, 2.5, 0.0, 0.1])),
        float(rng.choice([100.0, 73.3])), float(rng.choice([50.0, 1.0, 0.7])), int(rng.choice([24, 1, 0, 168])),
    )  # fmt: skip


# -- random environments --------------------------------------------------------------------------------


def random_config(rng: np.random.Generator, **fixed: Any) -> dict[str, Any]:
    """A configuration of the market: sizes, shortages, ties, batteries, whole days, seats, rules."""
    n, hours = int(rng.integers(1, 8)), int(rng.integers(1, 7))
    params = bess_params(n + 1, hours) if rng.random() < 0.4 else default_params(n, hours)
    params |= {
        "demand_profile": rng.uniform(1, 160, hours).tolist(),
        "costs": np.round(rng.uniform(-10, 60, n), int(rng.integers(-1, 3))).tolist(),
        "capacities": (rng.uniform(0, 60, n) * (rng.random(n) < 0.9)).tolist(),
        "unit_lol_penalty": float(rng.choice([1, 2.5])), "lambda_bid_penalty": float(rng.choice([0.01, 0.2])),
        "max_bid_delta": float(rng.choice([50.0, 12.3, 0.0])), "day_ahead": bool(rng.random() < 0.25),
    }  # fmt: skip
    if "bess" in params:
        params["bess"] |= {"initial_soc_frac": float(rng.random()), "bid_ref": 30.1, "efficiency_rt": 0.87}
    config: dict[str, Any] = {
        "params": params, **random_rules(rng),
        "observer": str(rng.choice(["basic", "simple", "simple_v2", "simple_v3"])),
        "dtype": str(rng.choice(["float32", "float64"])),
        "demand_noise": str(rng.choice(["on_seed", "never", "every_reset"])),
        "out_of_range_actions": str(rng.choice(["reject", "clip"])), "history": bool(rng.random() < 0.5),
        "max_episode_steps": None if rng.random() < 0.6 else int(rng.integers(1, 6)),
    }  # fmt: skip
    seats = n + ("bess" in params)
    if rng.random() < 0.5:
        learned = sorted(rng.choice(seats, int(rng.integers(1, seats + 1)), replace=False).tolist())
        hourly = 1 if not params["day_ahead"] or rng.random() < 0.5 else hours
        played = [rng.uniform([0] * hourly + [-3] * hourly, [1] * hourly + [3] * hourly).tolist() for _ in range(seats)]
        config["agents"] = learned
        config["policies"] = [None if i in learned or rng.random() < 0.5 else played[i] for i in range(seats)]
    return config | fixed


def random_classic_config(rng: np.random.Generator, env_id: str) -> dict[str, Any]:
    """A configuration of a classic control environment."""
    own: dict[str, dict[str, Any]] = {
        "CartPole-v1": {
            "sutton_barto_reward": bool(rng.integers(2)),
            "kinematics_integrator": str(rng.choice(["euler", "semi-implicit euler"])),
        },
        "MountainCar-v0": {"goal_velocity": float(rng.choice([0.0, 0.02, -1.0]))},
        "MountainCarContinuous-v0": {"goal_velocity": float(rng.choice([0.0, 0.02, -1.0]))},
        "Pendulum-v1": {"g": float(rng.choice([10.0, 9.81, 0.0, -3.7]))},
        "Acrobot-v1": {"book_or_nips": str(rng.choice(["book", "nips"]))},
    }
    steps = {} if rng.random() < 0.4 else {"max_episode_steps": int(rng.integers(1, 9))}
    return {**own[env_id], **steps, "dtype": str(rng.choice(["float32", "float64"]))}


def random_actions(rng: np.random.Generator, spec: dict[str, Any], *lead: int, dtype: Any = None) -> np.ndarray:
    """Actions of all agents within their bounds; beyond them where the environment clips."""
    spaces = [agent["action"] for agent in spec["agents"]]
    chosen = rng.choice(spec["action_dtypes"]) if dtype is None else dtype
    if spaces[0]["type"] == "discrete":
        return rng.integers(0, [space["n"] for space in spaces], (*lead, len(spaces))).astype(chosen)
    low, high = (np.array([space[side] for space in spaces], np.float64) for side in ("low", "high"))
    actions = rng.uniform(low, high, (*lead, *low.shape))
    actions[rng.random(actions.shape) < 0.1] = 0  # null actions tie
    # Classic control clips always, the market if told to.
    if spec["config"].get("out_of_range_actions", "clip") == "clip":
        actions *= 1.5
    return actions.astype(chosen)


def both_engines(
    count: int, threads: int, mode: str, config: dict[str, Any], env_id: str = MARKET
) -> tuple[Any, Any]:
    """The native engine and the reference, alike."""
    assert _backend.backend() == "rust"
    native = _backend.make_engine(env_id, count, threads, mode, config)
    return native, vec_env.make_engine(env_id, count, mode, config)


def told(engine: Any) -> dict[str, Any]:
    """Everything an engine shows after a step: outputs, infos and state."""
    shown = {name: getattr(engine.out, name).copy() for name in STEP_OUTPUTS}
    shown["final_observations"][~engine.out.final_mask] = 0  # old content, whatever it is
    shown |= {f"infos[{name}]": array.copy() for name, array in engine.out.infos.items()}
    return shown | {f"state[{each['name']}]": engine.column(each["name"]) for each in engine.spec["columns"]}


# -- refusals -------------------------------------------------------------------------------------------


def refused(kind: type[MarlError], reason: str | None, words: str, call: Callable[..., Any], *args: Any) -> None:
    """The call raises exactly this kind for this reason, and `words` describe its readable message."""
    with pytest.raises(MarlError) as caught:
        call(*args)
    error = caught.value
    assert type(error) is kind, repr(error)
    assert STATUSES.get(error.code) == (error.reason, kind), f"code {error.code}, reason {error.reason!r}: {error}"
    assert reason is None or error.reason == reason, repr(error)
    assert re.search(words, str(error), re.IGNORECASE), f"{words!r} is not in {error}"
    assert len(str(error)) < 450, "nobody reads that"


# -- other processes ------------------------------------------------------------------------------------


def start(code: str, *arguments: Any, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python code that can import the package and the test helpers, with no other `MARL_FFI_*` set than given."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MARL_FFI_")}
    paths = os.pathsep.join([str(ROOT), str(TESTS)])
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=300,
        cwd=TESTS, env={**clean, "PYTHONPATH": paths, "RUST_BACKTRACE": "0", **environment},
    )  # fmt: skip


def answer(code: str, *arguments: Any, **environment: str) -> Any:
    """What such code prints last, as JSON; it must succeed."""
    done = start(code, *arguments, **environment)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1])
