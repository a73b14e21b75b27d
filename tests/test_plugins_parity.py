"""CartPole as a plug-in is the engine's own CartPole, to the last bit: seeds, all autoreset modes, threads, batches of
any size, rollouts, masks, infos, state columns, snapshots. And it passes the tests that our own environments pass.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_classic_doors as doors
import test_classic_gymnasium as gymnasiums
import test_snapshots as snapshots
from classic_support import MODES, VARIANTS, has_gnu_libm
from gymnasium.vector import AutoresetMode
from parity_support import answer, bits, hash_of, random_actions
from plugin_support import ALONE, CARTPOLE, FORAGE, THERMOSTAT, library_of, load
from test_parity import live

import marl_ffi as mf
from marl_ffi import _backend

OWN = "CartPole-v1"
BOTH = pytest.mark.parametrize("env_id", [CARTPOLE, ALONE])
EACH = pytest.mark.parametrize("env_id", [CARTPOLE, ALONE, FORAGE, THERMOSTAT])
LIKE_OWN = pytest.mark.skipif(
    not has_gnu_libm(), reason="the plug-in takes its sine from the C library, which here is not that of the engine"
)
SETTINGS: list[dict[str, Any]] = [{}, *VARIANTS[OWN]]
LIVES = 60


def told(env: mf.VecEnv, made: Any) -> bytes:
    """Results and state, be it in columns or in private memory."""
    state = env.state
    columns = [state[name] for name in ("x", "x_dot", "theta", "theta_dot")] if "x" in state else []
    numbers = np.stack(columns, 1) if columns else state["memory"].view(np.float64)
    return bits([made, numbers, state["clock"]])


# -- the same bytes as the engine's own -----------------------------------------------------------------


@LIKE_OWN
@pytest.mark.parametrize("checked", [False, True], ids=["fast", "checked"])
def test_random_lives(checked: bool) -> None:
    """Resets with masks, rollouts, injected states, snapshots, refusals: both tell the same at every moment."""
    rng = np.random.default_rng([61, checked])
    load(CARTPOLE)
    for case in range(LIVES // (3 if checked else 1)):
        count, mode = int(rng.integers(1, 20)), str(rng.choice(["NextStep", "SameStep", "Disabled"]))
        config: dict[str, Any] = dict(SETTINGS[rng.integers(len(SETTINGS))])
        if rng.random() < 0.7:
            config["max_episode_steps"] = int(rng.integers(1, 8))
        threads = int(rng.integers(1, 8))
        pair = [
            _backend.make_engine(CARTPOLE, count, threads, mode, config | {"checked": checked}),
            _backend.make_engine(OWN, count, threads, mode, config),
        ]
        # A checked batch would have to complain of states that were injected far outside of what is seen.
        live(rng, pair, mode, f"case {case}, {config}, {mode}", farthest=-1 if checked else 2)


@LIKE_OWN
@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
@BOTH
def test_batches_of_any_size_on_any_number_of_threads(env_id: str, mode: str) -> None:
    """200 steps and a rollout, through several ends of episodes each."""
    load(env_id)
    for count, threads in ((1, 1), (2, 7), (3, 2), (7, 1), (16, 2), (17, 1), (33, 2), (1000, 7), (3000, 2)):
        rng = np.random.default_rng([62, count])
        shown: list[bytes] = []
        chosen = rng.integers(0, 2, (60, count))
        for name in (env_id, OWN):
            with mf.VecEnv(name, count, num_threads=threads, autoreset_mode=mode, max_episode_steps=25) as env:
                made: list[Any] = [env.reset(seed=2**40 + 3)]
                for actions in chosen:
                    made.append(env.step(actions))
                    over = made[-1][2] | made[-1][3]
                    if mode == "Disabled" and over.any():
                        made.append(env.reset(options={"reset_mask": over})[0][over])
                if mode != "Disabled":
                    made += [dict(env.rollout(chosen[:40])), dict(env.rollout(30)), env.observe()]
                made.append(env.seeds)
                shown.append(told(env, made))
        assert shown[0] == shown[1], (count, threads)


def test_a_large_batch_uses_threads_if_the_plugin_says_it_may() -> None:
    """The same bytes; how many threads there are tells Linux."""
    code = (
        "import json, sys, numpy as np, marl_ffi as mf, thread_support as t\n"
        "from parity_support import hash_of\n"
        "def play(env_id, threads):\n"
        "    with mf.VecEnv(env_id, 50_000, num_threads=threads) as env:\n"
        "        env.reset(seed=1)\n"
        "        return hash_of([dict(env.rollout(20)), env.observe()])\n"
        "own = play('CartPole-v1', 1)\n"
        "alone = [play('test.CartPoleAlone-v1', 7), t.pool_threads() if sys.platform == 'linux' else 0]\n"
        "safe = [play('test.CartPole-v1', 3), t.pool_threads() if sys.platform == 'linux' else 2]\n"
        "print(json.dumps([own, alone, safe]))"
    )
    own, alone, safe = answer(code, MARL_FFI_PLUGINS=str(library_of(CARTPOLE)))
    assert alone == [own, 0] and safe == [own, 2]


@BOTH
def test_an_environment_alone_is_one_of_a_batch(env_id: str) -> None:
    load(env_id)
    actions = np.random.default_rng(5).integers(0, 2, (100, 9))
    with mf.VecEnv(env_id, 9) as batch:
        batch.reset(seed=30)
        whole = batch.rollout(actions)
    for k in (0, 4, 8):
        with mf.VecEnv(env_id, 1) as env:
            env.reset(seed=30 + k)
            one = env.rollout(actions[:, k : k + 1])
        for name in one:
            assert bits(one[name]) == bits(whole[name][:, k : k + 1]), name


# -- tests of our own environments, for plug-ins ----------------------------------------------------------


@pytest.mark.parametrize(
    ("env_id", "mode"),
    [(CARTPOLE, "NextStep"), (ALONE, "SameStep"), (FORAGE, "NextStep"), (THERMOSTAT, "SameStep")],
)
def test_a_killed_run_goes_on_in_another_process(env_id: str, mode: str, tmp_path: Path) -> None:
    load(env_id)
    snapshots.killed_and_resumed(env_id, mode, tmp_path, MARL_FFI_PLUGINS=str(library_of(env_id)))


@EACH
def test_other_threads_write_the_same_snapshot_and_taking_it_changes_nothing(env_id: str) -> None:
    load(env_id)
    saved = set()
    for threads in (1, 2, 7, None):
        with mf.VecEnv(env_id, 700, num_threads=threads, max_episode_steps=6) as env:
            env.reset(seed=2)
            env.rollout(4)
            saved.add(env.snapshot())
            before = hash_of(dict(env.rollout(9)))
            env.restore(next(iter(saved)))
            assert hash_of(dict(env.rollout(9))) == before
    assert len(saved) == 1


@EACH
def test_checked_runs_are_the_same(env_id: str) -> None:
    """The examples keep their promises, and watching them changes nothing."""
    load(env_id)
    for mode in ("NextStep", "SameStep"):
        shown = set()
        for checked in (False, True):
            with mf.VecEnv(env_id, 37, autoreset_mode=mode, max_episode_steps=9, checked=checked) as env:
                made: list[Any] = [env.reset(seed=4), dict(env.rollout(25))]
                agents = slice(None) if env.spec["multi_agent"] else 0
                actions = random_actions(np.random.default_rng(1), env.spec, 8, 37)[:, :, agents]
                made += [env.step(each) for each in actions]
                shown.add(hash_of([made, env.state, env.snapshot()]))
        assert len(shown) == 1


def test_a_thousand_seeds_start_alike() -> None:
    gymnasiums.test_a_thousand_seeds_start_alike(load(CARTPOLE))


def test_reset_options() -> None:
    gymnasiums.test_reset_options(load(CARTPOLE))


@pytest.mark.parametrize("settings", SETTINGS)
def test_one_step_from_a_hundred_thousand_states(settings: dict[str, Any]) -> None:
    gymnasiums.test_one_step_from_a_hundred_thousand_states(load(CARTPOLE), settings)


@pytest.mark.parametrize("settings", SETTINGS)
def test_episodes_of_a_hundred_steps(settings: dict[str, Any]) -> None:
    gymnasiums.test_episodes_of_a_hundred_steps(load(CARTPOLE), settings)


@pytest.mark.parametrize("count", [1, 7])
@pytest.mark.parametrize("mode", MODES)
def test_fifty_autoresets(mode: AutoresetMode, count: int) -> None:
    gymnasiums.test_fifty_autoresets(load(CARTPOLE), mode, count)


@pytest.mark.parametrize(
    "test",
    [
        doors.test_native_statistics_are_those_of_the_wrapper, doors.test_choices_that_do_not_exist,
        doors.test_life_has_an_order, doors.test_resets_that_cannot_be, doors.test_states_that_cannot_be,
        gymnasiums.test_the_least_digits_of_a_state_matter,
    ],
)  # fmt: skip
def test_doors(test: Any) -> None:
    test(load(CARTPOLE))


@pytest.mark.parametrize(("wrapper", "mode"), doors.CASES)
def test_vector_wrappers_see_no_difference(wrapper: str, mode: AutoresetMode) -> None:
    doors.test_vector_wrappers_see_no_difference(load(CARTPOLE), wrapper, mode)


@EACH
def test_every_parameter_is_alive(env_id: str) -> None:
    """Changing it changes an output, as for our own."""
    spec = mf.spec(load(env_id))
    settings: dict[str, Any] = {
        "sutton_barto_reward": True, "kinematics_integrator": "semi-implicit euler", "num_food": 2, "move_cost": 0.5,
        "insulation": 0.5, "draft": 3.0, "max_episode_steps": 3,
    }  # fmt: skip

    def shown(**config: Any) -> str:
        with mf.VecEnv(env_id, 5, **config) as env:
            return hash_of([env.reset(seed=1)[0], dict(env.rollout(30))])

    for each in spec["parameters"]:
        assert {"name", "type", "default", "unit", "description"} <= set(each)
        if each["name"] == "checked":
            assert shown(checked=True) == shown()
        else:
            assert spec["config"][each["name"]] == each["default"]
            assert shown() == shown() != shown(**{each["name"]: settings[each["name"]]}), each["name"]
    assert {each["name"] for each in spec["parameters"]} == {*spec["config"], "checked"}
    assert json.loads(json.dumps(spec)) == spec
