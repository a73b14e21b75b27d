"""The Rust engine against the NumPy reference and numba, on random input, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from classic_support import random_states
from parity_support import (
    MARKET,
    SIZES,
    STEP_OUTPUTS,
    bits,
    both_engines,
    differences,
    random_actions,
    random_bids,
    random_classic_config,
    random_config,
    random_market,
    random_quantities,
    random_rules,
    random_settings,
    told,
)

import marl_ffi as mf
from marl_ffi.errors import ActionError
from marl_ffi.reference import market as numpy_market
from marl_ffi.reference import market_numba as numba_market
from marl_ffi.reference import objects
from marl_ffi.reference.classic import CLASSIC
from marl_ffi.reference.market_rules import MarketRules, check_settings

BLOCKS, CASES = 10, 1000
ENGINE_BLOCKS, ENGINES = 8, 25
CLASSIC_ENGINES = 60
KERNELS = ("market_clearing", "environment_step", "clear_with_storage")


# -- kernels --------------------------------------------------------------------------------------------


def results(
    package: Any, market: tuple[Any, ...], settings: tuple[Any, ...], buyer: tuple[float, float]
) -> dict[str, Any]:
    """What an implementation makes of one market."""
    bids, quantities, costs, demand = market
    told = {
        "market_clearing": package.market_clearing(bids, quantities, demand),
        "environment_step": package.environment_step(bids, quantities, costs, demand, *settings),
    }
    if hasattr(package, "clear_with_storage"):
        told["clear_with_storage"] = package.clear_with_storage(bids, quantities, demand, *buyer)
    return told


@pytest.mark.parametrize("block", range(BLOCKS))
def test_random_markets(block: int) -> None:
    """10,000 markets: Rust, NumPy and numba; stateless functions, and the bound market under all rules."""
    rng = np.random.default_rng([41, block])
    for case in range(CASES):
        market, settings, rules = random_market(rng), random_settings(rng), random_rules(rng)
        bids, quantities, costs, demand = market
        buyer = (
            float(rng.choice([rng.uniform(-20, 80), bids[0]])),
            float(rng.choice([0.0, rng.uniform(0, 90)])),
        )
        where = f"block {block}, case {case}, N = {len(bids)}, {bids.dtype}, demand {demand!r}, {settings}, {rules}"

        rust = results(mf, market, settings, buyer)
        assert differences(rust, results(numpy_market, market, settings, buyer)) == [], where
        compiled = results(numba_market, market, settings, buyer)
        assert differences({name: rust[name] for name in compiled}, compiled) == [], where
        assert rust["market_clearing"][1].dtype == rust["environment_step"][2].dtype == bids.dtype

        bound = mf.Market(
            len(bids), dtype=bids.dtype, lambda_bid_penalty=settings[0], unit_lol_penalty=settings[1],
            demand_scale=settings[2], cost_scale=settings[3], time_horizon=settings[4], **rules,
        )  # fmt: skip
        bound.bids[:], bound.quantities[:], bound.costs[:] = bids, quantities, costs
        cleared = {"price": bound.clear(demand), "q_cleared": bound.q_cleared.copy()}
        stepped = {**cleared, "price": bound.step(demand), "rewards": bound.rewards.copy()}
        for kernels in (numpy_market, numba_market):
            price, q_cleared, rewards = kernels.step(
                bids, quantities, costs, demand, MarketRules(**rules), check_settings(*settings)
            )
            expected = {"price": float(price), "q_cleared": q_cleared, "rewards": rewards}
            assert differences(stepped, expected) == [], where
            assert differences(cleared, {name: expected[name] for name in cleared}) == [], where
        bound.close()


def test_random_markets_are_the_hard_ones() -> None:
    """The cases above do contain what they are meant to contain."""
    kinds = (
        "tie at the margin",
        "on a step",
        "shortage",
        "float64 between float32",
        "nobody offers",
        "two zeros",
    )
    seen, sizes = dict.fromkeys(kinds, 0), set()
    for block in range(BLOCKS):
        rng = np.random.default_rng([41, block])
        for _ in range(CASES // 4):
            bids, quantities, _, demand = random_market(rng)
            running = np.cumsum(quantities[np.argsort(bids, kind="stable")])
            price, _ = numpy_market.market_clearing(bids, quantities, demand)
            sizes.add(len(bids))
            seen["tie at the margin"] += (bids == price).sum() > 1
            seen["on a step"] += demand in running.tolist() and demand > 0
            seen["shortage"] += demand > running[-1]
            seen["float64 between float32"] += bids.dtype == np.float32 and float(np.float32(demand)) != demand
            seen["two zeros"] += (bids == 0).any() and len(set(np.signbit(bids[bids == 0]))) == 2
            seen["nobody offers"] += not quantities.any()
    assert min(seen.values()) > 100, seen
    assert sizes == set(SIZES)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("units", [1, 2, 3, 5, 8, 9, 16, 17, 33, 64, 100, 129, 255, 256, 257, 300, 1000])
def test_batches(units: int, dtype: Any) -> None:
    """A batch is its rows: Rust alone, NumPy's batch and numba's."""
    rng = np.random.default_rng([42, units, np.dtype(dtype).itemsize])
    for markets in (1, 2, 7, 16, 33):
        bids = np.stack([random_bids(rng, units, dtype) for _ in range(markets)])
        quantities = np.stack([random_quantities(rng, units, dtype) for _ in range(markets)])
        demand = quantities.sum(1) * rng.choice([0.0, 0.5, 1.0, 1.3], markets)
        costs, settings = rng.uniform(-5, 80, units).astype(dtype), random_settings(rng)
        cleared = mf.market_clearing_batch(bids, quantities, demand)
        stepped = mf.environment_step_batch(bids, quantities, costs, demand, *settings)
        for kernels in (numpy_market, numba_market):
            assert bits(kernels.market_clearing_batch(bids, quantities, demand)) == bits(cleared)
            assert bits(kernels.environment_step_batch(bids, quantities, costs, demand, *settings)) == bits(stepped)
        for e in range(markets):
            price, q_cleared = mf.market_clearing(bids[e], quantities[e], demand[e])
            assert price == cleared[0][e] and bits(q_cleared) == bits(cleared[1][e])
            price, q_cleared, rewards = mf.environment_step(bids[e], quantities[e], costs, demand[e], *settings)
            assert bits((price, q_cleared, rewards)) == bits((float(stepped[0][e]), stepped[1][e], stepped[2][e]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["simple", "basic", "simple_v2", "simple_v3"])
def test_observers(name: str, dtype: str) -> None:
    """Every agent, alone and together, at hours of two weeks."""
    rng = np.random.default_rng([43, len(name), len(dtype)])
    for units in (1, 2, 3, 8, 17, 40):
        profile, fleet = rng.uniform(0, 150, 340), rng.uniform(0, 60, units)
        costs = rng.uniform(-50, 60 * rng.integers(0, 2), units)
        for agent in (None, 0, units - 1):
            look = mf.Observer(name, profile, fleet, costs, agent_index=agent, dtype=dtype)
            expected = objects.Observer(name, profile, fleet, costs, agent_index=agent, dtype=dtype)
            for t in [0, 1, 23, 24, 25, 167, 168, 339, 340]:
                assert bits(look(t)) == bits(expected(t)), (units, agent, t)
    for t in [0, 1, 23, 24, 167, 168, 10**6]:
        numbers = (*rng.uniform(-50, 90, 3), t, *rng.uniform(0.1, 100, 3))
        for function in ("simple_observer", "simple_observer_v3"):
            rust = getattr(mf, function)(*numbers)
            assert bits(rust) == bits(getattr(numpy_market, function)(*numbers))
            assert bits(rust) == bits(getattr(numba_market, function)(*numbers))


# -- engines --------------------------------------------------------------------------------------------


def both(method: str, engines: list[Any], *arguments: Any) -> list[Any]:
    """What a call on each engine returns, or the reason why it refuses."""
    answers = []
    for engine in engines:
        try:
            answers.append(getattr(engine, method)(*arguments))
        except mf.MarlError as error:
            answers.append(error.reason)
    return answers


def drive(rng: np.random.Generator, config: dict[str, Any], where: str, env_id: str = MARKET) -> None:
    """One random life of the native engine and the reference."""
    count, mode = int(rng.integers(1, 20)), str(rng.choice(["NextStep", "SameStep", "Disabled"]))
    engines = list(both_engines(count, int(rng.integers(1, 8)), mode, config, env_id))
    assert engines[0].spec == engines[1].spec == mf.spec(env_id, **config), where
    live(rng, engines, mode, where)


def live(rng: np.random.Generator, engines: list[Any], mode: str, where: str, farthest: int = 5) -> None:
    """One random life of two engines, which must tell the same at every moment."""
    rust = engines[0]
    count, env_id = rust.num_envs, rust.spec["id"]

    def agree(moment: str, answers: list[Any]) -> None:
        assert bits(answers[0]) == bits(answers[1]), f"{where}, {moment}: {answers}"
        shown = list(map(told, engines))
        if "step" not in moment:  # other calls leave the outputs of the last step as they are
            both("observe", engines)
            shown = [
                {name: x for name, x in told(engine).items() if "[" not in name or "state" in name}
                | dict.fromkeys(set(STEP_OUTPUTS) - {"observations"})
                for engine in engines
            ]
        assert differences(*shown) == [], f"{where}, {moment}"

    assert both("step", engines, random_actions(rng, rust.spec, count)) == ["not_reset", "not_reset"]
    agree("reset", both("reset", engines, rng.integers(0, 2**63, count).astype(np.uint64), None, None, None))
    for moment in range(int(rng.integers(8, 14))):
        deed = rng.integers(8)
        if mode == "Disabled" and (over := rust.out.terminations | rust.out.truncations).any() and rng.random() < 0.8:
            agree(f"{moment} reset", both("reset", engines, None, None, over.copy(), None))
        elif deed == 0:
            mask, seeds = rng.random(count) < 0.6, rng.integers(0, 50, count).astype(np.uint64)
            seeded = rng.random(count) < 0.5
            agree(f"{moment} masked reset", both("reset", engines, seeds, seeded, mask, None))
            assert bits(rust.out.observations[mask]) == bits(engines[1].out.observations[mask]), where
        elif deed == 1 and mode != "Disabled":
            agree(f"{moment} sampled", both("rollout", engines, int(rng.integers(1, 6)), None))
        elif deed == 2 and mode != "Disabled":
            steps = int(rng.integers(1, 6))
            agree(
                f"{moment} rollout",
                both("rollout", engines, steps, random_actions(rng, rust.spec, steps, count)),
            )
        elif deed == 3:
            name = str(rng.choice([each["name"] for each in rust.spec["columns"] if each["writable"]]))
            values = rust.column(name) * rng.uniform(0.2, 1.1)
            if env_id != MARKET and rng.random() < 0.5:  # around any number of turns, and through walls
                values = rng.uniform(-4, 4, count) * 10.0 ** rng.integers(-3, farthest, count)
            agree(f"{moment} {name}", both("set_column", engines, name, values, rng.random(count) < 0.5))
        elif deed == 4:
            saved = [engine.snapshot() for engine in engines]
            both("step", engines, random_actions(rng, rust.spec, count))
            for engine, data in zip(engines, saved, strict=True):
                engine.restore(data)
            agree(f"{moment} restored", ["", ""])
        else:
            agree(f"{moment} step", both("step", engines, random_actions(rng, rust.spec, count)))
    assert bits(rust.seeds()) == bits(engines[1].seeds()), where
    for engine in engines:
        engine.close()


@pytest.mark.parametrize("block", range(ENGINE_BLOCKS))
def test_random_environments(block: int) -> None:
    """200 configurations: outputs, infos, state columns, rollouts, refusals and seeds of Rust and the reference."""
    rng = np.random.default_rng([44, block])
    for case in range(ENGINES):
        config = random_config(rng)
        drive(rng, config, f"block {block}, case {case}, {config}")


@pytest.mark.parametrize("env_id", CLASSIC)
def test_random_classic_control(env_id: str) -> None:
    """The same lives for the other environments: both precisions, all settings, 1 to 7 threads, 1 to 19 rows."""
    rng = np.random.default_rng([45, len(env_id)])
    for case in range(CLASSIC_ENGINES):
        config = random_classic_config(rng, env_id)
        drive(rng, config, f"case {case}, {config}", env_id)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("env_id", CLASSIC)
def test_classic_control_from_anywhere(env_id: str, dtype: str) -> None:
    """8,000 states, one step each: usual ones, edges, and angles of millions of turns."""
    rng, count = np.random.default_rng([46, len(env_id)]), 4000
    for action_dtype in mf.spec(env_id)["action_dtypes"]:
        engines = both_engines(count, 2, "Disabled", {"dtype": dtype}, env_id)
        shown = []
        states = random_states(env_id, rng, count)
        wild = rng.random(states.shape) < 0.02
        if env_id == "Acrobot-v1":
            wild[:, 2:] = False  # such speeds overflow, and one NaN is not like another
        states[wild] = rng.uniform(-1, 1, wild.sum()) * 10.0 ** rng.integers(0, 12, wild.sum())
        if rng.random() < 0.5:
            states = states.astype(np.float32)
        actions = random_actions(rng, engines[0].spec, count, dtype=action_dtype)
        for engine in engines:
            engine.reset(np.arange(count, dtype=np.uint64), None, None, None)
            for name, values in zip([each["name"] for each in engine.spec["columns"]], states.T, strict=False):
                engine.set_column(name, values)
            engine.step(actions)
            shown.append(told(engine))
        assert differences(*shown) == []


def test_the_state_before_the_first_reset() -> None:
    """It can be read: base demand and a battery with its initial charge."""
    params = mf.market.bess_params(3, 4, initial_soc_frac=0.25)
    config = {"params": params, "history": True}
    engines = both_engines(2, 1, "NextStep", config)
    assert engines[1].column("soc").tolist() == [25.0, 25.0]
    assert differences(*map(told, engines)) == []


def test_a_rollout_ignores_the_actions_that_its_steps_ignore() -> None:
    """In NextStep mode the step after an end takes any action at all; so does the same step of a rollout."""
    config = {"params": mf.market.default_params(3, 1)}
    actions = np.zeros((4, 2, 3, 2), np.float32)
    actions[[1, 3]] = np.nan
    made = []
    for engine in both_engines(2, 1, "NextStep", config):
        engine.reset(np.arange(2, dtype=np.uint64), None, None, None)
        made.append(engine.rollout(4, actions))
    assert made[0]["final_mask"][:, 0].tolist() == [True, False, True, False]
    assert differences(*made) == []


def test_a_masked_reset_shows_the_others_as_they_are() -> None:
    """Also right after a rollout, which has outputs of its own."""
    with mf.VecEnv(MARKET, 3) as env:
        env.reset(seed=1)
        for run in (
            lambda: env.rollout(2),
            lambda: env.step(np.zeros((3, 5, 2))),
            lambda: env.rollout(np.zeros((1, 3, 5, 2))),
        ):
            run()
            observations, _ = env.reset(options={"reset_mask": np.array([False, True, False])})
            assert bits(observations) == bits(env.observe())
            assert env.state["clock"].tolist()[1] == 0 and env.state["clock"][0] > 0


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_a_refused_rollout_has_made_no_step(mode: str) -> None:
    """A bad action in a later step is found before the first one, and the message says in which step it is."""
    config = {"params": mf.market.default_params(3, 6)}
    for engine in both_engines(2, 1, mode, config):
        engine.reset(np.arange(2, dtype=np.uint64), None, None, None)
        before, actions = engine.snapshot(), np.zeros((4, 2, 3, 2), np.float32)
        actions[2, 1, 0, 0] = 7
        with pytest.raises(ActionError, match="step 2") as refused:
            engine.rollout(4, actions)
        assert refused.value.reason == "action_invalid" and engine.snapshot() == before
