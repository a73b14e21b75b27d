"""Randomness is NumPy's and Gymnasium's: the engine's streams against theirs, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Box
from market_support import golden
from parity_support import MARKET, bits

import marl_ffi as mf
from marl_ffi.market import bess_params, default_params

GOLDEN = golden()
SEEDS = (0, 1, 42, 2**31, 2**32 - 1, 2**32, 2**40 + 17, 2**63, 2**64 - 1)


def flat(hours: int, level: float = 20.0) -> dict[str, Any]:
    """A market whose noise has the scale 0.05 * level and is clipped beyond ten standard deviations only."""
    return default_params(2, hours) | {"demand_profile": [level] * hours, "capacities": [1e4, 1e4]}


def noise_by_hand(base: np.ndarray, capacities: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """The perturbed demand of a float32 market, written once more."""
    lower = np.float32(-0.5) * base.min()
    upper = np.float32(0.5) * (capacities.sum(dtype=np.float32) - base.max())
    scale = np.float32(0.05) * base.max()
    shift = (0.0 + float(scale) * normals).astype(np.float32)
    return base + np.minimum(np.maximum(shift, lower), upper)


def demand_of(seed: int, **config: Any) -> np.ndarray:
    with mf.VecEnv(MARKET, 1, **config) as env:
        env.reset(seed=seed)
        return env.state["demand"][0]


# -- demand ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recorded", GOLDEN["numpy_rng"], ids=lambda each: str(each["seed"]))
def test_recorded_normals(recorded: dict[str, Any]) -> None:
    """A level of 20 MW has a noise of scale 1 MW, so that the demand shows the normals themselves."""
    normals = np.array(recorded["standard_normals"])
    demand = demand_of(recorded["seed"], params=flat(len(normals)), dtype="float64")
    assert bits(demand) == bits(20.0 + normals)


@pytest.mark.parametrize("recorded", GOLDEN["params"]["seeded_demand"][:2], ids=lambda each: str(each["seed"]))
def test_recorded_demand(recorded: dict[str, Any]) -> None:
    demand = demand_of(recorded["seed"], params=default_params(recorded["N"], recorded["T"]))
    assert bits(demand) == bits(np.array(recorded["demand_f32"], np.float32))


def test_recorded_demand_where_the_bounds_cross() -> None:
    """The formula would make demand negative; it stays at a hundredth of the smallest base demand there."""
    recorded = GOLDEN["params"]["seeded_demand"][2]
    base = np.array(recorded["base_demand_f32"], np.float32)
    params = default_params(5, len(base)) | {"demand_profile": base.tolist()}
    formula = np.array(recorded["demand_f32"], np.float32)
    floor = np.float32(0.01) * base.min()
    assert (formula < 0).any() and (formula > floor).any()
    assert bits(demand_of(0, params=params)) == bits(np.maximum(formula, floor))


@pytest.mark.parametrize("seed", SEEDS)
def test_demand_is_made_of_numpys_normals(seed: int) -> None:
    """20,000 of them, the rare ones from the tail included."""
    normals = np.random.default_rng(seed).standard_normal(20_000)
    assert np.abs(normals).max() > 3.7, "no draw from the tail of the ziggurat"
    assert bits(demand_of(seed, params=flat(20_000), dtype="float64")) == bits(20.0 + normals)


@pytest.mark.parametrize("seed", SEEDS[:5])
def test_demand_in_float32_and_its_bounds(seed: int) -> None:
    params = default_params(5, 400)
    base = np.array(params["demand_profile"], np.float32)
    normals = np.random.default_rng(seed).standard_normal(400)
    expected = noise_by_hand(base, np.full(5, 30, np.float32), normals)
    assert bits(demand_of(seed, params=params)) == bits(expected)
    assert (np.abs(expected - base) > 12.49).any(), "nothing was clipped: the bounds are not tested"


def test_an_environment_i_of_a_batch_has_seed_plus_i() -> None:
    with mf.VecEnv(MARKET, 70, params=flat(30), dtype="float64") as env:
        env.reset(seed=1000)
        for i, demand in enumerate(env.state["demand"]):
            assert bits(demand) == bits(20.0 + np.random.default_rng(1000 + i).standard_normal(30))


def test_the_stream_goes_on_over_episodes() -> None:
    """Noise at every reset is drawn from one stream, by autoreset too, until a seed starts another one."""
    hours = 5
    for mode in ("NextStep", "SameStep"):
        with mf.VecEnv(
            MARKET, 3, params=flat(hours), dtype="float64", demand_noise="every_reset", autoreset_mode=mode
        ) as env:
            env.reset(seed=[7, 8, 9])
            streams = [np.random.default_rng(seed) for seed in (7, 8, 9)]

            def check(which: Any = range(3), streams: Any = streams, env: Any = env) -> None:
                demand = env.state["demand"]
                for i in which:
                    assert bits(demand[i]) == bits(20.0 + streams[i].standard_normal(hours)), i

            check()
            env.rollout(hours + (mode == "NextStep"))
            check()
            env.reset()
            check()
            mask = np.array([False, True, False])
            env.reset(seed=100, options={"reset_mask": mask})
            streams[1] = np.random.default_rng(101)
            check([1])
            env.reset(options={"reset_mask": ~mask})
            check([0, 2])


@pytest.mark.parametrize("make", [mf.make, mf.ElectricityMarketEnv], ids=["make", "class"])
def test_single_environments_draw_the_same(make: Any) -> None:
    env = make(MARKET, params=flat(9)) if make is mf.make else make(flat(9))
    env.reset(seed=2**40)
    normals = np.random.default_rng(2**40).standard_normal(9)
    expected = noise_by_hand(np.full(9, 20, np.float32), np.full(2, 1e4, np.float32), normals)
    assert bits(env.unwrapped.demand_profile) == bits(expected)
    env.reset()
    assert bits(env.unwrapped.demand_profile) == bits(expected), "an unseeded reset draws noise"


# -- actions --------------------------------------------------------------------------------------------


CONFIGS = [
    {"params": default_params(4, 5)},
    {"params": bess_params(3, 4), "dtype": "float64"},
    {"params": bess_params(3, 3, day_ahead=True)},
    {"params": bess_params(4, 6), "agents": [1, 3]},
    {"params": default_params(1, 3), "out_of_range_actions": "clip"},
]


def gymnasiums(env: mf.VecEnv, seeds: Any, steps: int) -> np.ndarray:
    """What Gymnasium samples from the action space of one environment with each of the seeds."""
    space = env.single_action_space
    assert isinstance(space, Box) and space.dtype == env.spec["dtype"]
    boxes = [Box(space.low, space.high, dtype=space.dtype.type, seed=int(seed)) for seed in seeds]
    return np.stack([[box.sample() for box in boxes] for _ in range(steps)])


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_sampled_actions_are_those_of_gymnasium(config: dict[str, Any], mode: str) -> None:
    """One stream per environment, which goes on over rollouts, episodes and unseeded resets."""
    with mf.VecEnv(MARKET, 5, autoreset_mode=mode, num_threads=2, **config) as env:
        env.reset(seed=12)
        expected = gymnasiums(env, range(12, 17), 22)
        first, second = env.rollout(9), env.rollout(6)
        env.reset()
        third = env.rollout(7)
        drawn = np.concatenate([first.actions, second.actions, third.actions])
        assert bits(drawn) == bits(expected)
        assert all(row in env.action_space for row in drawn)

    with mf.VecEnv(MARKET, 5, autoreset_mode=mode, **config) as env:
        env.reset(seed=12)
        given = env.rollout(first.actions)
        del given["actions"], first["actions"]
        assert bits(dict(given)) == bits(dict(first)), "sampled actions are not the ones that were played"


@pytest.mark.parametrize("seed", SEEDS)
def test_sampled_actions_for_unusual_seeds(seed: int) -> None:
    with mf.VecEnv(MARKET, 1) as env:
        env.reset(seed=seed)
        assert bits(env.rollout(50).actions) == bits(gymnasiums(env, [seed], 50))


def test_a_masked_seed_starts_only_its_own_actions_anew() -> None:
    with mf.VecEnv(MARKET, 3) as env:
        env.reset(seed=5)
        env.rollout(4)
        env.reset(seed=50, options={"reset_mask": np.array([False, False, True])})
        drawn = env.rollout(3).actions
        assert bits(drawn[:, :2]) == bits(gymnasiums(env, [5, 6], 7)[4:])
        assert bits(drawn[:, 2:]) == bits(gymnasiums(env, [52], 3))


def test_noise_and_actions_do_not_share_a_stream() -> None:
    """Drawing actions does not move the noise, nor the other way round."""
    with mf.VecEnv(MARKET, 2, params=flat(4), demand_noise="every_reset", autoreset_mode="SameStep") as env:
        env.reset(seed=3)
        drawn = env.rollout(9).actions
        assert bits(drawn) == bits(gymnasiums(env, [3, 4], 9))
        sampled = env.state["demand"]
        env.reset(seed=3)
        env.rollout(np.zeros((9, 2, 2, 2)))
        assert bits(env.state["demand"]) == bits(sampled)


# -- seeds ----------------------------------------------------------------------------------------------


def test_entropy_seeds_are_reported_and_reproduce_the_run() -> None:
    settings: dict[str, Any] = {"params": default_params(3, 5), "demand_noise": "every_reset"}
    with mf.VecEnv(MARKET, 40, **settings) as env, mf.VecEnv(MARKET, 40, **settings) as again:
        first, _ = env.reset()
        seeds = env.seeds
        assert seeds.dtype == np.uint64 and len(set(seeds.tolist())) == 40
        assert (seeds > 2**53).sum() > 30, "64 bits of entropy are expected"
        run = dict(env.rollout(13))
        assert bits(again.reset(seed=seeds.tolist())[0]) == bits(first)
        assert bits(dict(again.rollout(13))) == bits(run)
        assert bits(again.seeds) == bits(seeds) == bits(env.seeds)
        env.reset()
        assert bits(env.seeds) == bits(seeds), "an unseeded reset goes on with the stream it has"
    with mf.VecEnv(MARKET, 40, **settings) as other:
        other.reset()
        assert not set(other.seeds.tolist()) & set(seeds.tolist())


def test_a_mixture_of_seeds_and_entropy() -> None:
    with mf.VecEnv(MARKET, 4, demand_noise="every_reset") as env:
        env.reset(seed=[0, None, 2**64 - 1, None])
        seeds = env.seeds.tolist()
        assert (seeds[0], seeds[2]) == (0, 2**64 - 1) and seeds[1] != seeds[3]
        demand = env.state["demand"]
        saved = env.snapshot()
        env.reset(seed=seeds)
        assert bits(env.state["demand"]) == bits(demand)
        env.reset(seed=8)
        env.restore(saved)
        assert env.seeds.tolist() == seeds


@pytest.mark.parametrize("seed", [-1, -(2**70), 2**64, np.int64(-5)])
def test_seeds_that_no_generator_takes(seed: Any) -> None:
    """Refused by name at each door, and the stream in force goes on."""
    with mf.VecEnv(MARKET, 1) as env:
        env.reset(seed=4)
        before = env.snapshot()
        for wrong in (seed, [seed]):
            with pytest.raises(mf.errors.InvalidInputError, match=f"seed.*got {int(seed)}"):
                env.reset(seed=wrong)
        assert env.snapshot() == before and env.seeds.tolist() == [4]
    for make in (lambda: mf.make(MARKET).reset(seed=seed), lambda: mf.ElectricityMarketEnv(seed=seed)):
        with pytest.raises(mf.errors.InvalidInputError, match=f"seed.*got {int(seed)}"):
            make()
    with pytest.raises(mf.errors.InvalidInputError, match=f"seed.*got {int(seed)}"):
        mf.make_vec(MARKET, 2).reset(seed=seed)
