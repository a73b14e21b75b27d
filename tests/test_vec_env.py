"""`VecEnv` at its doors: what comes in, what comes out, and that nothing changes when it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from market_support import MARKET, E, N, T, actions, make, same

from marl_ffi.errors import (
    ActionError,
    DtypeError,
    InvalidInputError,
    NotResetError,
    ShapeError,
    UnknownNameError,
)
from marl_ffi.market.params import bess_params, default_params
from marl_ffi.vec_env import VecEnv


def test_arrays_have_the_documented_shapes_and_dtypes() -> None:
    with make() as env:
        assert (env.num_envs, env.num_agents) == (E, N)
        assert env.agents == [f"generator_{i}" for i in range(N)]
        observations, infos = env.reset(seed=1)
        assert observations.shape == (E, N, 4) and observations.dtype == np.float32 and infos == {}
        assert observations in env.observation_space and observations[0] in env.single_observation_space
        observations, rewards, terminations, truncations, infos = env.step(actions(0))
        assert observations in env.observation_space
        assert rewards.shape == (E, N) and rewards.dtype == np.float32
        for flags in (terminations, truncations):
            assert flags.shape == (E,) and flags.dtype == np.bool_ and not flags.any()
        assert infos["price"].shape == (E,) and infos["q_cleared"].shape == (E, N)
        assert infos["_price"].dtype == np.bool_ and infos["_price"].all()
        assert "episode" not in infos and "final_obs" not in infos


def test_spaces_stack_agents_and_pad_the_narrow_ones_with_zero() -> None:
    with VecEnv(MARKET, 2, params=bess_params(3, 4), observer="simple_v3") as env:
        widths = [space.shape for space in env.agent_observation_spaces]
        assert widths == [(7,), (7,), (8,)]
        space = env.single_observation_space
        assert space.shape == (3, 8) and env.observation_space.shape == (2, 3, 8)
        assert space.low[0, 7] == space.high[0, 7] == 0 and space.high[2, 7] == 1
        assert env.action_space.low[0].tolist() == [[0, -10], [0, -10], [-1, -10]]
        observations, _ = env.reset(seed=0)
        assert observations in env.observation_space and (observations[:, :2, 7] == 0).all()
        assert (observations[:, 2, 7] == 0.5).all()


@pytest.mark.parametrize("seed", [0, 7, np.int64(7), np.uint8(7), 2**64 - E])
def test_an_integer_seeds_env_i_with_seed_plus_i(seed: Any) -> None:
    with make() as env, make() as other:
        first, _ = env.reset(seed=seed)
        second, _ = other.reset(seed=[int(seed) + i for i in range(E)])
        assert same(first, second)
        assert env.seeds.tolist() == [int(seed) + i for i in range(E)]
        assert len({row.tobytes() for row in env.state["demand"]}) == E, "environments are perturbed alike"


def test_a_none_among_the_seeds_leaves_that_environment_unseeded() -> None:
    with make() as env:
        env.reset(seed=[5, None, 5])
        demand = env.state["demand"]
        assert same(demand[0], demand[2])
        assert same(demand[1], np.array(default_params(N, T)["demand_profile"], np.float32))


def test_without_a_seed_entropy_is_drawn_and_reported() -> None:
    with make(demand_noise="every_reset") as env, make(demand_noise="every_reset") as replay:
        env.reset()
        assert len(set(env.seeds.tolist())) == E
        replay.reset(seed=env.seeds.tolist())
        assert same(env.state["demand"], replay.state["demand"])


@pytest.mark.parametrize(
    "seed", [True, np.True_, 1.0, np.float64(1), "1", b"1", [True] * E, [1, 2.0, 3], {1}]
)
def test_what_is_no_integer_is_no_seed(seed: Any) -> None:
    with make() as env, pytest.raises(DtypeError, match="seed"):
        env.reset(seed=seed)


@pytest.mark.parametrize(
    "seed", [-1, np.int64(-1), 2**64, 2**64 - E + 1, [0, 0, -1], [2**64, 0, 0], [1, 2], [1] * 4]
)
def test_seeds_out_of_range_and_lists_of_wrong_length_are_refused(seed: Any) -> None:
    with make() as env:
        before, _ = env.reset(seed=3)
        with pytest.raises(InvalidInputError, match="seed"):
            env.reset(seed=seed)
        assert same(before, env.observe()) and env.seeds.tolist() == [3, 4, 5]


def test_a_mask_resets_only_where_true_and_leaves_the_options_alone() -> None:
    with make() as env:
        env.reset(seed=1)
        stepped, *_ = env.step(actions(0))
        mask = np.array([False, True, False])
        options = {"reset_mask": mask}
        observations, _ = env.reset(seed=11, options=options)
        assert options == {"reset_mask": mask} and mask.tolist() == [False, True, False]
        assert same(observations[[0, 2]], stepped[[0, 2]])
        assert env.state["clock"].tolist() == [1, 0, 1]
        assert env.seeds.tolist() == [1, 12, 3]


@pytest.mark.parametrize(
    ("mask", "error"),
    [
        ([True] * E, TypeError),
        (np.ones(E), TypeError),
        (np.ones(E, np.uint8), TypeError),
        (np.ones(E + 1, bool), ValueError),
        (np.ones((E, 1), bool), ValueError),
        (np.zeros(E, bool), ValueError),
        (None, TypeError),
    ],
)
def test_masks_that_are_none_are_refused_as_gymnasium_does(mask: Any, error: type[Exception]) -> None:
    with make() as env:
        env.reset(seed=1)
        with pytest.raises(error, match="reset_mask"):
            env.reset(options={"reset_mask": mask})
    with make() as env, pytest.raises(TypeError, match="options"):
        env.reset(options=[("reset_mask", mask)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "shape", [(E, N), (E, N, 3), (N, E, 2), (E * N, 2), (E, 1, 2), (), (0,), (1, E, N, 2)]
)
def test_a_wrong_shape_says_what_was_expected_and_got(shape: tuple[int, ...]) -> None:
    with make() as env:
        env.reset(seed=1)
        with pytest.raises(ShapeError) as error:
            env.step(np.zeros(shape, np.float32))
        assert str((E, N, 2)) in str(error.value) and str(shape) in str(error.value)
        assert env.state["clock"].tolist() == [0] * E


def test_ragged_lists_are_a_shape_error() -> None:
    with make() as env:
        env.reset(seed=1)
        with pytest.raises(ShapeError):
            env.step([[[0.0, 0.0]] * N, [[0.0]] * N, [[0.0, 0.0]] * N])


@pytest.mark.parametrize("dtype", [object, "U3", "S3", complex, bool, "M8[s]"])
def test_only_numbers_are_actions(dtype: Any) -> None:
    with make() as env:
        env.reset(seed=1)
        with pytest.raises(DtypeError, match="float32.*float64"):
            env.step(np.zeros((E, N, 2)).astype(dtype))
        with pytest.raises(DtypeError):
            env.step(None)


def test_other_dtypes_and_layouts_step_like_the_dtype_they_are_converted_to() -> None:
    """Halves widen to float32; lists, integers, long doubles to float64; layout does not matter."""
    given = actions(3).astype(np.float16)
    single, double = given.astype(np.float32), given.astype(np.float64)
    strided = np.zeros((E, N, 4), np.float32)[:, :, ::2]
    strided[...] = single
    whole = np.random.default_rng(0).integers(0, 2, (E, N, 2))
    cases = [
        (given, single),
        (double.tolist(), double),
        (single.astype(">f4"), single),
        (double.astype(">f8"), double),
        (double.astype(np.longdouble), double),
        (np.asfortranarray(single), single),
        (strided, single),
        (whole, whole.astype(np.float64)),
        (whole.astype(np.uint8), whole.astype(np.float64)),
    ]
    for other, plain in cases:
        with make() as env, make() as expected:
            env.reset(seed=1)
            expected.reset(seed=1)
            assert same(env.step(other), expected.step(plain))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.5, 1.5])
def test_an_action_that_is_not_allowed_is_named_and_nothing_is_stepped(bad: float) -> None:
    with make() as env:
        before, _ = env.reset(seed=1)
        wrong = actions(0)
        wrong[1, 2, 0] = bad
        with pytest.raises(ActionError, match="1.*2"):
            env.step(wrong)
        assert same(env.observe(), before) and env.state["clock"].tolist() == [0] * E


def test_copies_are_yours_and_views_are_the_engines() -> None:
    with make() as env:
        first, _ = env.reset(seed=1)
        kept = first.copy()
        second, rewards, *_, infos = env.step(actions(0))
        saved = second.copy(), rewards.copy(), {key: value.copy() for key, value in infos.items()}
        env.step(actions(1))
        assert same(first, kept) and same((second, rewards, infos), saved)
    with make(copy=False) as env, make() as plain:
        first, _ = env.reset(seed=1)
        plain.reset(seed=1)
        for k in range(2 * T):
            views, copies = env.step(actions(k)), plain.step(actions(k))
            assert same(views, copies)
        assert np.shares_memory(views[0], first)
        overlapping = views[0].reshape(-1)[: E * N * 2].reshape(E, N, 2)
        with pytest.raises(InvalidInputError, match="own outputs"):
            env.step(overlapping)


def test_the_context_manager_closes_after_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError), make() as env:
        _ = 1 / 0
    assert env.closed


def test_a_step_before_the_first_reset_is_refused() -> None:
    with make() as env:
        with pytest.raises(NotResetError):
            env.step(actions(0))
        with pytest.raises(NotResetError):
            env.rollout(3)


@pytest.mark.parametrize("num_envs", [0, -1, True, 1.0, "3", None, 2**28, 2**63, 10**30])
def test_an_impossible_number_of_environments_is_refused_before_memory_is_asked_for(num_envs: Any) -> None:
    with pytest.raises((InvalidInputError, DtypeError), match="num_envs"):
        make(num_envs)


def test_a_batch_that_cannot_fit_the_memory_is_refused_before_memory_is_asked_for() -> None:
    with pytest.raises(InvalidInputError, match="num_envs=16777216: needs about .* GB"):
        make(2**24, params=default_params(N, 10_000), history=True)
    with make() as env:
        env.reset(seed=1)
        with pytest.raises(InvalidInputError, match="2147483647 steps of 3 environments"):
            env.rollout(2**31 - 1)


@pytest.mark.parametrize("num_threads", [0, -1, True, 1.5, "2", 2**40])
def test_an_impossible_number_of_threads_is_refused(num_threads: Any) -> None:
    with pytest.raises((InvalidInputError, DtypeError), match="num_threads"):
        make(num_threads=num_threads)


@pytest.mark.parametrize("num_threads", [1, 2, 7, np.int32(2), None])
def test_the_number_of_threads_changes_nothing(num_threads: Any) -> None:
    with make(num_threads=num_threads) as env, make() as plain:
        env.reset(seed=1)
        plain.reset(seed=1)
        assert same(dict(env.rollout(12)), dict(plain.rollout(12)))


@pytest.mark.parametrize("name", ["SameStep", "samestep", "SAME_STEP", "same-step", AutoresetMode.SAME_STEP])
def test_the_autoreset_mode_may_be_written_as_people_do(name: Any) -> None:
    with make(autoreset_mode=name) as env:
        assert env.autoreset_mode is AutoresetMode.SAME_STEP and "SameStep" in repr(env)


def test_other_autoreset_modes_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="NextStep.*SameStep.*Disabled"):
        make(autoreset_mode="Sometimes")
    with pytest.raises(DtypeError):
        make(autoreset_mode=1)


def test_unknown_names_come_with_the_nearest_valid_one() -> None:
    with pytest.raises(UnknownNameError, match=MARKET):
        VecEnv("ElectricityMarkt-v0", 1)
    with pytest.raises(UnknownNameError, match="observer"):
        make(obsrver="simple")
    with pytest.raises(DtypeError):
        VecEnv(3, 1)  # type: ignore[arg-type]
    with VecEnv(f"marl_ffi/{MARKET}", 1) as env:
        assert env.spec["id"] == MARKET


def test_one_learner_keeps_the_agent_axis_of_a_multi_agent_environment() -> None:
    with make(agents=[2]) as env, make() as everybody:
        own, _ = env.reset(seed=1)
        every, _ = everybody.reset(seed=1)
        assert env.agents == ["generator_2"] and same(own, every[:, 2:3])
        played = np.zeros((E, N, 2), np.float32)
        played[:, 2] = actions(0)[:, 2]
        assert same(env.step(played[:, 2:3])[1], everybody.step(played)[1][:, 2:3])
