"""Environments with one agent by nature have no agent axis; shown on a counter, legible as integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from market_support import same

from marl_ffi import _backend
from marl_ffi.adapters.gymnasium import GymnasiumVectorEnv, make, make_vec
from marl_ffi.adapters.single import GymnasiumEnv
from marl_ffi.errors import ActionError, DtypeError, ShapeError
from marl_ffi.reference import vec_env as reference
from marl_ffi.vec_env import VecEnv

COUNTER = "Counter-v0"


class Counter:
    """Counts by the action, 0 to 2, up to 4 or more; then the episode is over."""

    clip_actions = False

    def __init__(self, config: dict[str, Any]) -> None:
        infos = [
            {"name": "twice", "dtype": "int32", "shape": [], "unit": "", "description": "Twice the count."}
        ]
        column = {"name": "count", "dtype": "float32", "shape": [], "unit": "", "writable": True}
        box = {"type": "box", "shape": [2], "dtype": "float32", "low": [0, 0], "high": [None, 2]}
        agent = {
            "name": "player",
            "index": 0,
            "observation": box,
            "action": {"type": "discrete", "n": 3, "dtype": "int64"},
        }
        self.quiet = config.get("quiet", False)
        self.spec: dict[str, Any] = {
            "id": COUNTER, "multi_agent": False, "max_episode_steps": config.get("max_episode_steps"),
            "agents": [agent], "observation_shape": [2], "action_shape": [], "action_dtypes": ["int64"],
            "reward_dtype": "float32", "observation_dtype": "float32", "infos": [] if self.quiet else infos,
            "columns": [column], "parameters": [], "config": dict(config), "dtype": "float32",
        }  # fmt: skip

    def new_state(self) -> dict[str, Any]:
        return {"count": np.float32(0)}

    def reset(self, state: dict[str, Any], rng: np.random.Generator, seeded: bool, options: Any) -> None:
        state["count"] = np.float32(rng.integers(2))

    def step(
        self, state: dict[str, Any], clock: int, actions: np.ndarray
    ) -> tuple[Any, bool, dict[str, Any]]:
        state["count"] = np.float32(state["count"] + actions[0])
        infos = {} if self.quiet else {"twice": int(2 * state["count"])}
        return np.array([state["count"]]), bool(state["count"] >= 4), infos

    def observe(self, state: dict[str, Any], clock: int) -> np.ndarray:
        return np.array([[state["count"], clock % 3]], np.float32)

    def check_column(self, name: str, values: np.ndarray) -> None:
        pass


@pytest.fixture(autouse=True)
def counter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reference.REGISTRY, COUNTER, Counter)
    monkeypatch.setattr(_backend, "spec", lambda name, **config: reference.env_spec(name, config))
    monkeypatch.setattr(
        _backend,
        "make_engine",
        lambda name, num_envs, threads, mode, config: reference.make_engine(name, num_envs, mode, config),
    )


def test_the_batch_has_no_agent_axis() -> None:
    with VecEnv(COUNTER, 3) as env:
        assert env.single_action_space == spaces.Discrete(3)
        assert env.action_space == spaces.MultiDiscrete([3, 3, 3])
        assert env.observation_space.shape == (3, 2) and env.single_observation_space.shape == (2,)
        observations, _ = env.reset(seed=1)
        assert observations.shape == (3, 2) and observations in env.observation_space
        start = observations[:, 0]
        observations, rewards, terminations, _, infos = env.step([0, 1, 2])
        assert same(observations[:, 0], start + np.float32([0, 1, 2])) and same(rewards, observations[:, 0])
        assert infos["twice"].tolist() == (2 * rewards).astype(int).tolist() and not terminations.any()
        env.state = {"count": np.array([3, 3, 1])}
        infos = env.step(np.array([1, 0, 0]))[4]
        assert infos["final_mask"].tolist() == [True, False, False]
        assert infos["episode_return"].shape == (3,) and infos["episode_length"].tolist() == [2, 0, 0]
        rollout = env.rollout(4)
        assert rollout.actions.shape == rollout.rewards.shape == rollout.episode_returns.shape == (4, 3)
        assert same(env.rollout(rollout.actions[:, ::-1].copy()).actions, rollout.actions[:, ::-1])


@pytest.mark.parametrize(
    "actions",
    [[1, 2, 0], (1, 2, 0), np.array([1, 2, 0], np.uint8), np.array([1.0, 2.0, 0.0]), np.float16([1, 2, 0])],
)
def test_whole_numbers_of_any_kind_are_discrete_actions(actions: Any) -> None:
    with VecEnv(COUNTER, 3) as env, VecEnv(COUNTER, 3) as plain:
        env.reset(seed=1)
        plain.reset(seed=1)
        assert same(env.step(actions), plain.step(np.array([1, 2, 0])))
        assert same(env.step([True, False, True]), plain.step(np.array([1, 0, 1])))


@pytest.mark.parametrize(
    ("actions", "error", "words"),
    [
        ([1, 0.5, 0], ActionError, "environment 1.*0.5"),
        ([1, 0, np.nan], ActionError, "environment 2.*nan"),
        ([0, 3, 0], ActionError, "1.*3"),
        ([0, 0, -1], ActionError, "2.*-1"),
        (np.array([0, 2**63, 0], np.uint64), ActionError, "environment 1.*9223372036854775808"),
        ([0.0, 1e30, 0.0], ActionError, "environment 1"),
        (["0", "1", "2"], DtypeError, "int64"),
        ([0, 1], ShapeError, r"\(3,\)"),
        ([[0], [1], [2]], ShapeError, r"\(3, 1\)"),
        (1, ShapeError, r"\(\)"),
    ],
)
def test_other_discrete_actions_are_refused_by_name(actions: Any, error: type[Exception], words: str) -> None:
    with VecEnv(COUNTER, 3) as env:
        env.reset(seed=1)
        with pytest.raises(error, match=words):
            env.step(actions)
        assert env.state["clock"].tolist() == [0, 0, 0]


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("settings", [{}, {"quiet": True}, {"max_episode_steps": 3}])
def test_everything_equals_sync_vector_env(mode: AutoresetMode, settings: dict[str, Any]) -> None:
    ours = make_vec(COUNTER, 3, autoreset_mode=mode, **settings)
    theirs = SyncVectorEnv([lambda: GymnasiumEnv(COUNTER, **settings)] * 3, autoreset_mode=mode)
    assert ours.action_space == theirs.action_space and ours.observation_space == theirs.observation_space
    told: list[list[Any]] = [[], []]
    for env, steps in zip((ours, theirs), told, strict=True):
        rng = np.random.default_rng(5)
        steps.append(env.reset(seed=2))
        for _ in range(12):
            steps.append(env.step(rng.integers(3, size=3)))
            over = steps[-1][2] | steps[-1][3]
            if mode is AutoresetMode.DISABLED and over.any():
                steps.append(env.reset(options={"reset_mask": over}))
    assert same(told[0], told[1]) and sum((step[2] | step[3]).sum() for step in told[0] if len(step) == 5) > 3
    if settings == {"quiet": True}:
        keys = set().union(*(step[-1] for step in told[0]))
        assert keys == (
            {"final_obs", "_final_obs", "final_info", "_final_info"} if mode.value == "SameStep" else set()
        )


@pytest.mark.filterwarnings("ignore:.*Box observation space maximum value is infinity.*:UserWarning")
def test_the_single_environment_speaks_plain_python() -> None:
    env = make(COUNTER)
    assert isinstance(env, GymnasiumEnv) and env.action_space == spaces.Discrete(3)
    check_env(env, skip_render_check=True)
    observation, _ = env.reset(seed=3)
    for action in (1, np.int64(0), np.array(1), 0.0, True):
        count = observation[0] + int(action)
        observation, reward, terminated, truncated, info = env.step(action)
        assert observation.shape == (2,) and observation[0] == count == reward and type(reward) is float
        assert info == {"twice": 2 * count} and type(info["twice"]) is int
        assert type(terminated) is bool and truncated is False
    for action, error in (
        ([1], ShapeError),
        (0.5, ActionError),
        (7, ActionError),
        ("1", DtypeError),
        (None, DtypeError),
    ):
        env.reset()
        with pytest.raises(error):
            env.step(action)
    assert make(COUNTER, quiet=True).reset(seed=0)[1] == {}


def test_rollouts_of_the_batch_stay_without_agents() -> None:
    env = make_vec(COUNTER, 2)
    assert isinstance(env, GymnasiumVectorEnv)
    env.reset(seed=1)
    rollout = env.rollout(5)
    assert rollout.observations.shape == (5, 2, 2) and rollout.actions.shape == (5, 2)
