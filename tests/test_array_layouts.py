"""Arrays of every layout are read right or refused, and wrong calls in between change nothing."""

from __future__ import annotations

import gc
from functools import partial
from typing import Any

import numpy as np
import pytest
from parity_support import MARKET, bits, random_actions, random_config

import marl_ffi as mf
from marl_ffi.errors import MarlError
from marl_ffi.market import default_params

NAN, INF = float("nan"), float("inf")
E, N, T = 3, 4, 5
GOOD = default_params(N, T)


def batch(**config: Any) -> mf.VecEnv:
    return mf.VecEnv(MARKET, 4, autoreset_mode="SameStep", **config)


def misaligned(array: np.ndarray) -> np.ndarray:
    raw = np.zeros(array.nbytes + 1, np.uint8)[1:]
    view = raw.view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def locked(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.setflags(write=False)
    return array


LAYOUTS = {
    "strided": lambda x: np.repeat(x, 3, axis=-1)[..., ::3],
    "reversed": lambda x: np.ascontiguousarray(x[..., ::-1])[..., ::-1],
    "fortran": np.asfortranarray,
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "read-only": locked,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "misaligned": misaligned,
    "broadcast": lambda x: np.broadcast_to(x, (2, *x.shape))[1],
    "list": lambda x: x.tolist(),
    "tuple": lambda x: tuple(x.tolist()),
    "long double": lambda x: x.astype(np.longdouble),
    "subclass": lambda x: x.view(np.recarray),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_of_any_layout_are_read_right(layout: str) -> None:
    """Copied where needed; what was passed in stays as it was."""
    change, rng = LAYOUTS[layout], np.random.default_rng(6)
    bids, quantities, costs = rng.uniform(0, 90, (4, 7)), rng.uniform(0, 50, (4, 7)), rng.uniform(0, 60, 7)
    demand, settings = rng.uniform(20, 300, 4), (0.01, 1.0, 100.0, 50.0, 24)
    given = {name: change(x) for name, x in (("b", bids), ("q", quantities), ("c", costs), ("d", demand))}
    one = change(bids[2]), change(quantities[2])
    before = bits(given)
    assert bits(mf.market_clearing(*one, demand[2])) == bits(mf.market_clearing(bids[2], quantities[2], demand[2]))
    assert bits(mf.environment_step(*one, given["c"], demand[2], *settings)) == bits(
        mf.environment_step(bids[2], quantities[2], costs, demand[2], *settings)
    )
    assert bits(mf.market_clearing_batch(given["b"], given["q"], given["d"])) == bits(
        mf.market_clearing_batch(bids, quantities, demand)
    )
    assert bits(mf.environment_step_batch(given["b"], given["q"], given["c"], given["d"], *settings)) == bits(
        mf.environment_step_batch(bids, quantities, costs, demand, *settings)
    )
    look = mf.Observer("basic", given["d"], *one[::-1], agent_index=None)
    plain = mf.Observer("basic", demand, quantities[2], bids[2], agent_index=None)
    assert bits(look(1)) == bits(plain(1))
    config = {"demand_profile": change(demand), "capacities": change(quantities[2]), "costs": change(costs)}
    listed = {key: np.asarray(value, np.float64).tolist() for key, value in config.items()}
    with batch(params=default_params(7, 4) | config) as env, batch(params=default_params(7, 4) | listed) as other:
        assert bits(env.reset(seed=1)[0]) == bits(other.reset(seed=1)[0])
        actions = random_actions(rng, env.spec, 3, 4, dtype=np.float64)
        assert bits(list(env.step(change(actions[0])))) == bits(list(other.step(actions[0])))
        assert bits(dict(env.rollout(change(actions)))) == bits(dict(other.rollout(actions)))
        for each, values in ((env, change(bids[:, :4])), (other, bids[:, :4])):
            each.set_state({"demand": values})
        assert bits(env.state) == bits(other.state)
    assert bits(given) == before


def test_masks_and_seeds_of_any_layout() -> None:
    mask, seeds = np.array([True, False, True, False, False, True])[::2], np.arange(6, dtype=np.int64)[::-2]
    with mf.VecEnv(MARKET, E, params=GOOD) as env, mf.VecEnv(MARKET, E, params=GOOD) as other:
        for each, given in ((env, seeds), (other, seeds.tolist())):
            each.reset(seed=given)
            each.step(np.zeros((E, N, 2)))
        assert env.seeds.tolist() == [5, 3, 1]
        env.reset(seed=9, options={"reset_mask": mask})
        other.reset(seed=9, options={"reset_mask": np.ascontiguousarray(mask)})
        assert bits(env.state) == bits(other.state) and env.state["clock"].tolist() == [0, 0, 1]


def test_views_outlive_their_batch() -> None:
    """Without copies the arrays are the engine's own; closing or deleting it does not take them away."""
    held = []
    for k in range(30):
        env = mf.VecEnv(MARKET, 50, copy=False, params=GOOD)
        env.reset(seed=k)
        observations, rewards, *_, infos = env.step(np.full((50, N, 2), 0.5))
        arrays = [observations[5:], rewards[:, 1], infos["q_cleared"], env.state["demand"]]
        held.append((arrays, bits(arrays)))
        if k % 2:
            env.close()
        del env, observations, rewards, infos
    gc.collect()
    others = [mf.VecEnv(MARKET, 50, params=GOOD) for _ in range(60)]
    for other in others:
        other.reset(seed=99)
        other.rollout(2)
    assert len({expected for _, expected in held}) == 30
    for arrays, expected in held:
        assert bits(arrays) == expected


def test_random_configurations_survive_random_abuse() -> None:
    """Wrong calls of every sort in between change nothing in what a run gives."""
    for case in range(6):
        rng = np.random.default_rng([10, case])
        config = random_config(rng)
        with batch(**config) as env, batch(**config) as calm:
            for each in (env, calm):
                each.reset(seed=3)
            shape = env.action_space.shape
            wrong = [
                partial(env.step, np.full(shape, NAN)), partial(env.step, np.zeros(shape[1:])), partial(env.rollout, 0),
                partial(env.restore, b"MARLSNAP"), partial(env.reset, seed=-1), partial(env.set_state, {"x": 1}),
                partial(env.set_state, {"demand": np.full((4, config["params"]["T"]), -1.0)}), partial(env.step, None),
                partial(env.rollout, np.full((2, *shape), INF)), partial(env.reset, options={"y": 2}),
            ]  # fmt: skip
            for _ in range(6):
                for call in rng.permutation(np.array(wrong, object))[:4]:
                    with pytest.raises(MarlError):
                        call()
                actions = random_actions(rng, env.spec, 4)
                assert bits(list(env.step(actions))) == bits(list(calm.step(actions))), config
            assert bits(dict(env.rollout(3))) == bits(dict(calm.rollout(3)))
