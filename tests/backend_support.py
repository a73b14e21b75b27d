"""Everything of the environments in one call, on whatever backend runs: for processes that a test compares."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from parity_support import (
    MARKET,
    hash_of,
    random_actions,
    random_classic_config,
    random_config,
    random_market,
    random_rules,
    random_settings,
)

import marl_ffi as mf
from marl_ffi.market import bess_params, competitive_params, default_params
from marl_ffi.reference.classic import CLASSIC


def kernels() -> Any:
    """All functions of the auction, single and in batches."""
    rng, results = np.random.default_rng(1), []
    for _ in range(60):
        bids, quantities, costs, demand = market = random_market(rng, int(rng.integers(1, 40)))
        settings, rows = random_settings(rng), [np.stack([array] * 3) for array in market[:2]]
        results += [
            mf.market_clearing(bids, quantities, demand),
            mf.market_clearing_batch(*rows, np.full(3, demand), num_threads=2),
            mf.environment_step(bids, quantities, costs, demand, *settings),
            mf.environment_step_batch(*rows, costs, np.full(3, demand), *settings, num_threads=1),
            mf.clear_with_storage(bids, quantities, demand, 20.0, 15.0),
        ]
        bound = mf.Market(len(bids), dtype=bids.dtype, **random_rules(rng))
        bound.bids[:], bound.quantities[:], bound.costs[:] = bids, quantities, costs
        results += [bound.clear(demand), bound.q_cleared.copy(), bound.step(demand), bound.rewards.copy()]
    return results


def observers() -> Any:
    rng, results = np.random.default_rng(2), []
    for name in ("simple", "basic", "simple_v2", "simple_v3"):
        for dtype in ("float32", "float64"):
            inputs = rng.uniform(1, 99, 30), rng.uniform(0, 60, 4), rng.uniform(-9, 60, 4)
            for agent in (None, 0, 3):
                look = mf.Observer(name, *inputs, agent_index=agent, dtype=dtype)
                results += [look(t).copy() for t in (0, 23, 24, 30)]
    for t in (0, 7, 500):
        results += [f(75.0, 30.0, 35.0, t, 99.0, 50.0, 51.0) for f in (mf.simple_observer, mf.simple_observer_v3)]
    return results


def vec_envs() -> Any:
    """Batches under random configurations: steps with infos, rollouts, state, a snapshot and back."""
    results: list[Any] = []
    for case in range(8):
        rng = np.random.default_rng([3, case])
        config = random_config(rng)
        mode = ["NextStep", "SameStep"][case % 2]
        with mf.VecEnv(MARKET, 4, autoreset_mode=mode, num_threads=2, **config) as env:
            results += [json.dumps(env.spec, sort_keys=True).encode(), env.reset(seed=case)[0]]
            results += [list(env.step(random_actions(rng, env.spec, 4))) for _ in range(4)]
            saved = env.snapshot()
            results += [dict(env.rollout(3)), env.state, env.seeds]
            env.restore(saved)
            results += [env.observe(), dict(env.rollout(random_actions(rng, env.spec, 3, 4)))]
    return results


def single_environments() -> Any:
    """With constant opponents and with opponents that are asked; Gymnasium's doors; whole evaluations."""
    results: list[Any] = []
    for policies in (None, [[0.1, 0.2], lambda seen: [0.25 * float(seen[0]), -0.5], None, None]):
        env = mf.ElectricityMarketEnv(bess_params(4, 6), policies=policies, agent_index=2, observer="simple_v3")
        results.append(env.reset(seed=4)[0])
        results += [list(env.step([0.3, 0.1 * k])) for k in range(6)]
        results += [env.history, env.demand_profile, json.dumps(env.get_metadata(), sort_keys=True).encode()]
    single, batch = mf.make(MARKET, agent_index=1), mf.make_vec(MARKET, 3)
    results += [single.reset(seed=1)[0], single.step(np.array([0.1, 0.2], np.float32))[0]]
    results += [batch.reset(seed=1)[0], batch.step(np.full((3, 2), 0.5, np.float32))[1]]
    told = mf.market.evaluate([None, [0.2, 0.1], None, None], competitive_params(4, 6), num_episodes=2, seed=3)
    return [*results, {name: np.asarray(figure) for name, figure in told.items()}]


def classic_control() -> Any:
    """Batches and single environments of every classic control environment, in both precisions."""
    results: list[Any] = []
    for case, env_id in enumerate([*CLASSIC, *CLASSIC]):
        rng = np.random.default_rng([4, case])
        config = random_classic_config(rng, env_id)
        with mf.VecEnv(env_id, 3, autoreset_mode=["NextStep", "SameStep"][case % 2], **config) as env:
            results += [json.dumps(env.spec, sort_keys=True).encode(), env.reset(seed=case)[0]]
            results += [list(env.step(random_actions(rng, env.spec, 3)[:, 0])) for _ in range(4)]
            results += [dict(env.rollout(12)), env.state, env.seeds]
        alone = mf.make(env_id, render_mode="rgb_array", **config)
        results += [alone.reset(seed=2)[0], *alone.step(alone.action_space.low if case % 5 in (2, 3) else 1)[:2]]
        results.append(alone.render())
    return results


REFUSED = (
    lambda: mf.market_clearing([], [], 1.0),
    lambda: mf.market_clearing([1.0], [np.nan], 1.0),
    lambda: mf.market_clearing([1.0], [1.0], -1.0),
    lambda: mf.environment_step([1.0], [1.0], [np.inf], 1.0, 0.0, 0.0, 1.0, 1.0, 1),
    lambda: mf.environment_step([1.0], [1.0], [1.0], 1.0, 0.0, 0.0, 0.0, 1.0, 1),
    lambda: mf.simple_observer(np.nan, 1.0, 1.0, 0, 1.0, 1.0, 1.0),
    lambda: mf.simple_observer(1.0, 1.0, np.inf, 0, 1.0, 1.0, 1.0),
    lambda: mf.simple_observer_v3(1.0, 1.0, 1.0, 0, 1.0, 0.0, 1.0),
    lambda: mf.market_clearing_batch([[1.0]], [[1.0]], [1.0], num_threads=0),
    lambda: mf.Market(2, dtype="x"),
    lambda: mf.Observer("simple", [1.0], [1.0], [1.0], dtype="x"),
    lambda: mf.Observer("simple", [1.0], [1.0], [1.0])(True),
    lambda: mf.Observer("simplest", [1.0], [1.0], [1.0]),
    lambda: mf.spec("Nothing-v0"),
    lambda: mf.spec(MARKET, obsrver="simple"),
    lambda: mf.spec(MARKET, params=default_params(2, 2) | {"costs": [1.0, 1e39]}),
    lambda: mf.spec(MARKET, price_cap=float("inf")),
    lambda: mf.spec(MARKET, max_episode_steps=2**40),
    lambda: mf.spec(MARKET, observer=np.array([1.0, 2.0])),
    lambda: mf.VecEnv(MARKET, 2).step(np.zeros((2, 5, 2))),
)


def refusals() -> list[str]:
    """The kind of error and its reason, for each of the calls above."""
    reasons = []
    for call in REFUSED:
        try:
            call()
            reasons.append("accepted")
        except Exception as error:
            reasons.append(f"{type(error).__name__} {getattr(error, 'reason', '')}")
    return reasons


SECTIONS = (kernels, observers, vec_envs, single_environments, classic_control)


def play() -> dict[str, Any]:
    """Everything on the backend in force: a hash per section, and what was refused how."""
    found: dict[str, Any] = {section.__name__: hash_of(section()) for section in SECTIONS}
    return found | {"refusals": refusals(), "envs": mf.list_envs(), "info": mf.build_info()}


def play_little() -> dict[str, Any]:
    """The auction alone."""
    return {"kernels": hash_of(kernels()), "info": mf.build_info()}
