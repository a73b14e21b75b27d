"""Bad input at the doors of the environments: parameters, names, actions, arrays of a wrong size."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from parity_support import MARKET, STEP_OUTPUTS, bits, both_engines, random_actions, refused, told

import marl_ffi as mf
from marl_ffi.errors import (
    ActionError,
    DtypeError,
    InvalidInputError,
    MarlError,
    PanicError,
    ShapeError,
    UnknownNameError,
)
from marl_ffi.market import bess_params, default_params

NAN, INF, HUGE = float("nan"), float("inf"), 10**400
E, N, T = 3, 4, 5
GOOD = default_params(N, T)


def doors() -> list[Any]:
    """Everything that takes a configuration."""
    return [
        partial(mf.spec, MARKET), partial(mf.VecEnv, MARKET, 2), mf.ElectricityMarketEnv, partial(mf.make, MARKET),
        partial(mf.make_vec, MARKET, 2),
    ]  # fmt: skip


def params(**changes: Any) -> dict[str, Any]:
    made = {**GOOD, **changes}
    return {"params": {key: value for key, value in made.items() if value is not ...}}


def battery(**changes: Any) -> dict[str, Any]:
    made = bess_params(3, T)
    bess = {key: value for key, value in {**made["bess"], **changes}.items() if value is not ...}
    return {"params": {**made, "bess": bess}}


def replaced(key: str, index: int, value: Any) -> dict[str, Any]:
    values = list(GOOD[key])
    values[index] = value
    return params(**{key: values})


CONFIGS = [
    (params(N_generators=...), "params.N_generators: required"), (params(T=...), "params.T: required"),
    (params(demand_profile=...), "params.demand_profile: required"), (params(costs=...), "params.costs: required"),
    (params(capacities=...), "params.capacities: required"),
    *((params(N_generators=x), "params.N_generators: expected .*1.*, got") for x in (0, -1, 1.5, "4", True, NAN)),
    *((params(T=x), "params.T: expected .*1.*, got") for x in (0, -1, 1.5, "4", True, INF)),
    *((params(demand_profile=[1.0] * k), f"params.demand_profile: expected 5 .*{k}") for k in (0, 4)),
    *((params(capacities=[1.0] * k), f"params.capacities: expected 4 .*{k}") for k in (0, 3, 5)),
    *((params(costs=[1.0] * k), f"params.costs: expected 4 .*{k}") for k in (0, 3, 5)),
    *((replaced("demand_profile", 3, x), r"params.demand_profile\[3\]: expected .*0") for x in (0.0, -1.0, -0.0)),
    *((replaced("demand_profile", 3, x), r"params.demand_profile\[3\]: expected .*finite") for x in (NAN, INF, 1e39)),
    *((replaced("demand_profile", 3, x), r"params.demand_profile\[3\]: expected .*got") for x in (1e-50, "7", None)),
    *((replaced("capacities", 0, x), r"params.capacities\[0\]: expected .*got") for x in (-1.0, NAN, -INF, 1e39, True)),
    *((replaced("costs", 2, x), r"params.costs\[2\]: expected .*got") for x in (NAN, INF, -1e39, "x", [1.0])),
    *((params(max_bid_delta=x), "params.max_bid_delta: expected .*0.*got") for x in (-1.0, NAN, INF, "x", True)),
    *((params(lambda_bid_penalty=x), "params.lambda_bid_penalty: expected .*0.*got") for x in (-0.01, NAN, INF, [0.1])),
    *((params(unit_lol_penalty=x), "params.unit_lol_penalty: expected .*0.*got") for x in (-1, NAN, INF)),
    *((params(day_ahead=x), "params.day_ahead: expected true or false.*got") for x in (1, "yes")),
    (params(bess=7), "params.bess: expected"), (battery(power_mw=...), "params.bess.power_mw: required"),
    *((battery(power_mw=x), "params.bess.power_mw: expected .*0.*got") for x in (0.0, -1.0, NAN, INF)),
    *((battery(duration_h=x), "params.bess.duration_h: expected .*0.*got") for x in (0.0, -1.0, NAN)),
    *((battery(efficiency_rt=x), "params.bess.efficiency_rt: expected .*1.*got") for x in (0.0, 1.01, -0.5, NAN)),
    *((battery(initial_soc_frac=x), "params.bess.initial_soc_frac: expected .*0.*1.*got") for x in (-0.1, 1.1, NAN)),
    *((battery(bid_ref=x), "params.bess.bid_ref: expected .*got") for x in (NAN, "x")),
    *(({"observer": x}, "observer: expected .*simple_v3.*got") for x in ("simpel", 3, np.array([1.0, 2.0]))),
    ({"dtype": "float16"}, "dtype: expected .*float32.*got .*float16"),
    ({"demand_noise": "sometimes"}, "demand_noise: expected .*every_reset.*sometimes"),
    ({"out_of_range_actions": "ignore"}, "out_of_range_actions: expected .*clip.*ignore"),
    *(({"price_cap": x}, "price_cap: expected .*got") for x in (NAN, INF, "x")),
    ({"scarcity_price": "lowest"}, "scarcity_price: expected .*highest_dispatched_bid.*lowest"),
    ({"loss_of_load": "x"}, "loss_of_load: expected .*robust"), ({"tie_rule": "x"}, "tie_rule: expected .*pro_rata"),
    ({"history": "yes"}, "history: expected true or false"),
    *(({"max_episode_steps": x}, "max_episode_steps: expected .*1.*got") for x in (0, -1, 1.5, "x", 2**40)),
    *((params(**{key: HUGE}), f"params.{key}") for key in ("N_generators", "T", "max_bid_delta", "lambda_bid_penalty")),
    *((replaced(key, 1, HUGE), f"params.{key}") for key in ("demand_profile", "capacities", "costs")),
]  # fmt: skip


@pytest.mark.parametrize("case", CONFIGS, ids=[f"{k}-{each[1].split(':')[0]}" for k, each in enumerate(CONFIGS)])
def test_settings_that_cannot_be(case: tuple[dict[str, Any], str]) -> None:
    """Refused with the same words by the description, the batches and the single environments."""
    config, words = case
    for door in doors():
        refused(InvalidInputError, "invalid_config", f"^{words}", partial(door, **config))


SEATS = [
    ({"agents": []}, "agents: expected"), ({"agents": [0, 0]}, r"agents\[1\]: expected .*ascending"),
    ({"agents": [4]}, r"agents\[0\]: expected .*3.*got 4"), ({"agents": [-1]}, r"agents\[0\]: .*got -1"),
    ({"agents": [1.0]}, r"agents\[0\]: .*got 1"), ({"policies": [None] * 3}, "policies: expected .*4.*got 3"),
    ({"agents": [0], "policies": [[0.0, 0.0], None, None, None]}, r"policies\[0\]: expected"),
    ({"agents": [0], "policies": [None, [0.0], None, None]}, r"policies\[1\]: expected 2"),
    ({"agents": [0], "policies": [None, [1.5, 0.0], None, None]}, r"policies\[1\]\[0\]: expected .*0.* 1, got 1.5"),
    ({"agents": [0], "policies": [None, None, [0.0, NAN], None]}, r"policies\[2\]\[1\]: expected .*got nan"),
    ({"agents": [0], "policies": [None, "null", None, None]}, r"policies\[1\]: expected"),
]  # fmt: skip


@pytest.mark.parametrize("case", SEATS, ids=[str(k) for k in range(len(SEATS))])
def test_seats_that_cannot_be(case: tuple[dict[str, Any], str]) -> None:
    config, words = {"params": GOOD, **case[0]}, case[1]
    for door in doors()[:2]:
        refused(InvalidInputError, "invalid_config", f"^{words}", partial(door, **config))


def test_unknown_names_are_answered_with_the_nearest() -> None:
    unknown = UnknownNameError
    near = {
        "ElectricityMarkt-v0": MARKET, "electricitymarket-v0": MARKET, "": "v[01]", "ElectricityMarket-v0\0x": MARKET,
        "Pendulum-v0": "Pendulum-v1", "cartpole-v1": "CartPole-v1",
    }  # fmt: skip
    for name, nearest in near.items():
        for door in (mf.spec, partial(mf.VecEnv, num_envs=1), mf.make, partial(mf.make_vec, num_envs=1)):
            refused(unknown, "unknown_id", nearest, door, name)
    for name in (None, 3, b"ElectricityMarket-v0"):
        for door in (mf.spec, partial(mf.VecEnv, num_envs=1), mf.make, partial(mf.make_vec, num_envs=1)):
            refused(DtypeError, "dtype_mismatch", "id: expected a string", door, name)
    for door in doors()[:2]:
        refused(unknown, "unknown_key", "obsrver.*did you mean .observer.", partial(door, obsrver="simple"))
        refused(unknown, "unknown_key", "params.cost.*did you mean .*costs", partial(door, **params(cost=1.0)))
        refused(unknown, "unknown_key", "power.*did you mean .*power_mw", partial(door, **battery(power=1.0)))
        door(**params(colour="red"))  # other unknown parameters are ignored, as in the original
    with mf.VecEnv(MARKET, 1) as env:
        refused(unknown, "unknown_column", "demnd.*did you mean .demand.", env.set_state, {"demnd": [1.0]})
    assert mf.spec(f"marl_ffi/{MARKET}") == mf.spec(MARKET)


NUMBERS = (1e-300, 1e38, 3e38, 1e39, 1e300, 1.7e308)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("tie_rule", ["index", "pro_rata"])
def test_enormous_numbers_never_meet_a_bug(dtype: str, tie_rule: str) -> None:
    """They are refused by name, or every price and quantity that comes out is finite."""
    rng, refusals, runs = np.random.default_rng(5), 0, 0
    keys = ("max_bid_delta", "costs", "capacities", "demand_profile", "bid_ref", "power_mw", "duration_h")
    for key in keys:
        for number in NUMBERS:
            for n in (2, 3, 17):
                made = bess_params(n + 1, 3) if rng.random() < 0.5 or key in keys[4:] else default_params(n, 3)
                if key in keys[4:]:
                    made["bess"][key] = number
                else:
                    made[key] = number if key == "max_bid_delta" else [number] * len(made[key])
                try:
                    with mf.VecEnv(MARKET, 3, params=made, dtype=dtype, tie_rule=tie_rule) as env:
                        env.reset(seed=1)
                        for k in range(3):
                            actions = random_actions(np.random.default_rng(k), env.spec, 3)
                            actions[..., 1] *= 100 if k == 0 else 1
                            *_, infos = env.step(np.clip(actions, env.action_space.low, env.action_space.high))
                            for name in ("price", "q_cleared", "bids", "quantities", "demand"):
                                assert np.isfinite(infos[name]).all(), (key, number, n, name)
                        runs += 1
                except PanicError as error:
                    pytest.fail(f"{key} = {number}, N = {n}: {error}")
                except MarlError as error:
                    refusals += error.reason == "invalid_config" and str(error).startswith("params.")
    assert runs > 20 and refusals + runs == len(keys) * len(NUMBERS) * 3


# -- actions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [NAN, INF, -INF, -0.25, 1.25, 11.5])
def test_a_wrong_action_is_named_wherever_it_stands(value: float, dtype: Any, clip: bool) -> None:
    """Environment, agent, component, range and value; nothing was stepped and no output was touched."""
    for count in (1, 2, 9, 40, 600):
        with mf.VecEnv(
            MARKET, count, copy=False, num_threads=2, params=GOOD, out_of_range_actions="clip" if clip else "reject"
        ) as env:
            env.reset(seed=1)
            env.step(np.zeros((count, N, 2)))
            out = env._engine.out

            def shown(out: Any = out) -> list[Any]:
                return [getattr(out, name) for name in STEP_OUTPUTS] + list(out.infos.values())

            saved, before = env.snapshot(), bits(shown())
            for place in {(0, 0, 0), (count // 2, 2, 1), (count - 1, N - 1, 0), (count - 1, N - 1, 1)}:
                low, high = ((0, 1), (-10, 10))[place[2]]
                if np.isfinite(value) and (clip or low <= value <= high):
                    continue
                actions = np.zeros((count, N, 2), dtype)
                actions[place] = value
                actions[count - 1, N - 1, 1] = value if place[2] else 0
                agent, name = f"generator_{place[1]}", ("withheld_fraction", "bid_markup")[place[2]]
                rule = "finite" if clip else f"{low} to {high}"
                words = rf"env\D*{place[0]}\D.*{agent}.*{name}.*expected .*{rule}.*, got {value:g}"
                refused(ActionError, "action_invalid", words, env.step, actions)
                assert env.snapshot() == saved and bits(shown()) == before
            env.step(np.full((count, N, 2), 0.5))
            assert env.state["clock"].tolist() == [2] * count


def test_wrong_actions_of_a_single_environment() -> None:
    env, other = mf.ElectricityMarketEnv(GOOD, agent_index=1), mf.ElectricityMarketEnv(GOOD, agent_index=1)
    for each in (env, other):
        each.reset(seed=1)
    for action, kind in (
        ([NAN, 0.0], ActionError), ([0.0, INF], ActionError), ([1.5, 0.0], ActionError), ([0.0, -11.0], ActionError),
        ([0.0], ShapeError), ([0.0] * 3, ShapeError), ([[0.0, 0.0]] * 2, ShapeError), ([[0.0], [0.0, 1.0]], ShapeError),
        (None, DtypeError), ("ab", DtypeError), ([0j, 0j], DtypeError), ([True, False], DtypeError), ({}, DtypeError),
    ):  # fmt: skip
        refused(kind, None, "action", env.step, action)
        if not isinstance(action, (dict, str)) and action is not None and np.ndim([0]) == 1 and kind is not ShapeError:
            refused(kind, None, "action", env.step, np.array(action))
    assert bits(list(env.step([0.2, 0.3]))) == bits(list(other.step([0.2, 0.3])))


def test_ragged_and_foreign_arrays_are_refused_at_every_door_of_a_batch() -> None:
    with mf.VecEnv(MARKET, E, params=GOOD) as env:
        env.reset(seed=1)
        saved = env.snapshot()
        refused(ShapeError, "length_mismatch", "actions", env.rollout, [[1.0], [1.0, 2.0]])
        refused(ShapeError, "length_mismatch", "demand", env.set_state, {"demand": [[1.0], [1.0, 2.0], [3.0]]})
        refused(InvalidInputError, "invalid_state", "demand.*inf", env.set_state, {"demand": np.full((E, T), 1e39)})
        refused(DtypeError, "dtype_mismatch", "demand.*complex", env.set_state, {"demand": np.full((E, T), 1j)})
        refused(DtypeError, "dtype_mismatch", "snapshot", env.restore, "text")
        refused(UnknownNameError, "unknown_key", "wind", partial(env.reset, options={"wind": 1}))
        assert env.snapshot() == saved


def test_engines_check_the_lengths_of_what_they_are_given() -> None:
    """A wrong length is never read past its end."""
    for engine in both_engines(E, 1, "NextStep", {"params": GOOD}):
        engine.reset(np.arange(E, dtype=np.uint64), None, None, None)
        before, shown = engine.snapshot(), bits(told(engine))
        short, good = np.ones(1, bool), np.arange(E, dtype=np.uint64)
        for call, arguments in (
            (engine.reset, (good[:1], None, None, None)), (engine.reset, (good, short, None, None)),
            (engine.reset, (None, None, short, None)), (engine.set_column, ("demand", np.ones((E, T)), short)),
            (engine.set_column, ("demand", np.ones((1, T)))), (engine.step, (np.zeros((1, N, 2)),)),
            (engine.step, (np.zeros(0),)), (engine.rollout, (2, np.zeros((1, E, N, 2)))),
        ):  # fmt: skip
            refused(ShapeError, "length_mismatch", "expected", call, *arguments)
        assert engine.snapshot() == before and bits(told(engine)) == shown
