"""Plug-ins at all doors: the registries, specifications, `VecEnv`, Gymnasium, PettingZoo, child processes."""

from __future__ import annotations

import json
import os
import re
import warnings
from typing import Any

import gymnasium
import numpy as np
import pettingzoo
import pytest
from c_support import ROOT
from gymnasium.utils.env_checker import check_env
from parity_support import answer, bits, start
from pettingzoo.test import parallel_api_test, parallel_seed_test
from plugin_support import ALONE, CARTPOLE, FORAGE, THERMOSTAT, compiled, library_of, load, own_envs

import marl_ffi as mf
from marl_ffi.errors import ActionError, InvalidInputError, UnknownNameError

EACH = pytest.mark.parametrize("env_id", [CARTPOLE, ALONE, FORAGE, THERMOSTAT])
LEARNERS = pytest.mark.parametrize("env_id", [CARTPOLE, ALONE, THERMOSTAT])


def test_loading_tells_the_ids_and_twice_is_fine(tmp_path: Any) -> None:
    load(CARTPOLE)
    path = library_of(CARTPOLE)
    assert mf.load_plugin(path) == mf.load_plugin(str(path)) == [CARTPOLE, ALONE]
    link = tmp_path / "link.so"
    link.symlink_to(path)
    assert mf.load_plugin(link) == [CARTPOLE, ALONE]
    told = mf.loaded_plugins()
    assert told[os.path.realpath(path)] == [CARTPOLE, ALONE]
    told.clear()
    assert mf.loaded_plugins()
    assert {CARTPOLE, ALONE} <= set(mf.list_envs()) and mf.list_envs() == sorted(mf.list_envs())
    assert not {CARTPOLE, ALONE} & set(own_envs()) and "CartPole-v1" in own_envs()


def test_another_file_with_the_same_ids_is_refused() -> None:
    load(FORAGE)
    copy = compiled(ROOT / "examples" / "plugins" / "c" / "forage.c", "-DCOPY")
    with pytest.raises(mf.errors.PluginError, match='"examples.Forage-v0": an environment of that id is there already'):
        mf.load_plugin(copy)


def test_names_that_are_nearly_right() -> None:
    load(FORAGE)
    with pytest.raises(UnknownNameError, match='did you mean "examples.Forage-v0"'):
        mf.VecEnv("examples.Forrage-v0", 1)
    with pytest.raises(UnknownNameError, match='num_foods.*did you mean "num_food"'):
        mf.VecEnv(FORAGE, 1, num_foods=3)
    for settings, words in [
        ({"num_food": 0}, "num_food: expected a whole number from 1 to 32, got 0"),
        ({"num_food": 2.5}, "num_food: expected a whole number from 1 to 32, got 2.5"),
        ({"move_cost": "much"}, "move_cost: expected a finite number from 0 to 1"),
        ({"checked": 1}, "checked: expected true or false"),
        ({"max_episode_steps": 0}, "max_episode_steps: expected a whole number from 1"),
    ]:
        with pytest.raises(InvalidInputError, match=words):
            mf.VecEnv(FORAGE, 1, **settings)


def test_the_specification_of_the_plugin_is_filled_in() -> None:
    spec = mf.spec(load(FORAGE), num_food=3, max_episode_steps=7)
    assert spec["id"] == FORAGE and spec["multi_agent"] and spec["max_episode_steps"] == 7
    assert spec["config"] == {"num_food": 3, "move_cost": 0.01, "max_episode_steps": 7}
    assert [agent["name"] for agent in spec["agents"]] == ["forager_0", "forager_1"]
    assert spec["agents"][1]["observation"]["high"] == [1.0] * 7
    assert [column["name"] for column in spec["columns"]] == ["position", "food", "clock"]
    assert spec["action_dtypes"] == ["int64", "int32"] and spec["reward_dtype"] == "float32"
    assert mf.spec(CARTPOLE)["observation_dtype"] == "float32" and not mf.spec(CARTPOLE)["multi_agent"]
    own, plugin = mf.spec("CartPole-v1"), mf.spec(CARTPOLE)
    for key in ("agents", "observation_shape", "action_shape", "action_dtypes", "reward_dtype", "max_episode_steps"):
        assert plugin[key] == own[key]
    private = [column for column in mf.spec(ALONE)["columns"] if column["name"] == "memory"]
    assert private and private[0]["shape"] == [32] and private[0]["writable"] is False


def test_forage_follows_its_rules() -> None:
    """Random games against the rules written once more, in NumPy, from the state before each step."""
    load(FORAGE)
    moves = np.array([(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0)])
    rng, eaten = np.random.default_rng(3), 0
    with mf.VecEnv(FORAGE, 40, autoreset_mode="Disabled", num_food=4, move_cost=0.25) as env:
        env.reset(seed=8)
        start_rng = np.random.default_rng(8)
        place = env.state["position"][0]
        assert place.tolist() == [[start_rng.integers(8), start_rng.integers(8)] for _ in range(2)]
        assert (env.state["food"].sum((1, 2)) == 4).all()
        for _ in range(55):
            before, actions = env.state, rng.integers(0, 5, (40, 2))
            seen, rewards, over, cut, infos = env.step(actions)
            position = np.clip(before["position"] + moves[actions], 0, 7)
            assert bits(env.state["position"]) == bits(position.astype(np.int32))
            for k in range(40):
                food = before["food"][k].copy()
                expected = np.where(actions[k] == 0, 0, -0.25)
                together = (position[k, 0] == position[k, 1]).all()
                found = {tuple(xy) for xy in position[k] if food[xy[1], xy[0]]}
                for agent in range(2):
                    if tuple(position[k, agent]) in found:
                        expected[agent] += 0.5 if together else 1.0
                for x, y in found:
                    food[y, x] = 0
                assert rewards[k].tolist() == expected.tolist() and infos["eaten"][k] == len(found)
                assert bits(env.state["food"][k]) == bits(food) and over[k] == (food.sum() == 0)
                assert seen[k, 0, 6] == np.float32(food.sum() / 4)
                eaten += len(found)
            done = over | cut
            if done.any():
                env.reset(options={"reset_mask": done})
    assert eaten > 50


@EACH
def test_actions_in_every_dtype(env_id: str) -> None:
    """The plug-in gets its own type whatever the caller has."""
    spec = mf.spec(load(env_id))
    shape = (6, 2) if spec["multi_agent"] else (6, *spec["action_shape"])
    whole = spec["agents"][0]["action"]["type"] == "discrete"
    rng = np.random.default_rng(2)
    actions = rng.integers(0, 2, shape) if whole else rng.choice([-1.0, -0.5, 0.25, 1.0], shape)
    shown = set()
    for dtype in (np.int8, np.int32, np.int64, np.uint64, np.float64) if whole else (np.float16, np.float32, np.float64):
        with mf.VecEnv(env_id, 6) as env:
            env.reset(seed=1)
            shown.add(bits(list(env.step(actions.astype(dtype)))))
    assert len(shown) == 1
    with mf.VecEnv(env_id, 6) as env:
        env.reset(seed=1)
        with pytest.raises(ActionError):
            env.step(np.full(shape, np.nan))


# -- Gymnasium and PettingZoo ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*(Box observation space|recommend using a symmetric).*:UserWarning")
@LEARNERS
def test_gymnasium(env_id: str) -> None:
    load(env_id)
    check_env(mf.make(env_id).unwrapped, skip_render_check=True)
    made = gymnasium.make(f"marl_ffi/{env_id}", max_episode_steps=4)
    assert made.spec is not None and made.spec.id == f"marl_ffi/{env_id}"
    again = gymnasium.make(made.spec)
    assert bits(made.reset(seed=3)[0]) == bits(again.reset(seed=3)[0])
    vector = gymnasium.make_vec(f"marl_ffi/{env_id}", num_envs=3)
    sync = gymnasium.make_vec(f"marl_ffi/{env_id}", num_envs=3, vectorization_mode="sync")
    assert isinstance(vector, mf.adapters.gymnasium.GymnasiumVectorEnv)
    vector.action_space.seed(1)
    assert bits(vector.reset(seed=2)[0]) == bits(sync.reset(seed=2)[0])
    for _ in range(60):
        actions = vector.action_space.sample()
        for one, other in zip(vector.step(actions)[:4], sync.step(actions)[:4], strict=True):
            assert bits(one) == bits(other)
    vector.close()
    sync.close()


def test_several_learners_are_for_pettingzoo() -> None:
    load(FORAGE)
    for make in (mf.make, mf.make_vec, lambda env_id: gymnasium.make(f"marl_ffi/{env_id}")):
        with pytest.raises(InvalidInputError, match="2"):
            make(FORAGE)


@EACH
def test_pettingzoo(env_id: str) -> None:
    load(env_id)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_api_test(mf.parallel_env(env_id), num_cycles=100)
        parallel_seed_test(lambda: mf.parallel_env(env_id), num_cycles=30)
    env, batch = mf.parallel_env(env_id, max_cycles=9), mf.VecEnv(env_id, 1, max_episode_steps=9)
    first, _ = env.reset(seed=4)
    expected, _ = batch.reset(seed=4)
    agents = mf.spec(env_id)["agents"]
    expected = expected if batch.spec["multi_agent"] else expected[:, np.newaxis]
    assert bits([first[agent["name"]] for agent in agents]) == bits([expected[0, k] for k in range(len(agents))])
    registered = getattr(pettingzoo, "parallel_registry", None)
    assert registered is None or f"marl_ffi/{env_id}" in registered


# -- other processes --------------------------------------------------------------------------------------


def test_child_processes_and_the_command_line_know_plugins_by_an_environment_variable() -> None:
    paths = os.pathsep.join(map(str, (library_of(FORAGE), library_of(CARTPOLE))))
    code = "import json, marl_ffi as mf; print(json.dumps([mf.list_envs(), sorted(mf.loaded_plugins().values())]))"
    ids, loaded = answer(code, MARL_FFI_PLUGINS=paths)
    assert loaded == [[FORAGE], [CARTPOLE, ALONE]] and {FORAGE, CARTPOLE, ALONE} <= set(ids)
    listed = start("from marl_ffi.cli import main; main()", "list", MARL_FFI_PLUGINS=paths)
    assert listed.returncode == 0 and f"{FORAGE} " in listed.stdout
    missing = start("import marl_ffi", MARL_FFI_PLUGINS="nowhere.so")
    assert missing.returncode == 1 and "nowhere.so: there is no such file" in missing.stderr


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method: str) -> None:
    """Plug-ins, thread-safe or not, in children of every kind, with a live pool."""
    code = (
        "import json, multiprocessing, warnings\n"
        "from plugin_support import played\n"
        "warnings.simplefilter('ignore')\n"
        "if __name__ == '__main__':\n"
        "    own = played(0)\n"
        f"    with multiprocessing.get_context('{method}').Pool(2) as pool:\n"
        "        print(json.dumps([own, *pool.map(played, range(3))]))\n"
    )
    assert len({json.dumps(told) for told in answer(code, MARL_FFI_PLUGINS=str(library_of(CARTPOLE)))}) == 1


def test_batches_of_a_plugin_that_is_not_thread_safe_take_turns() -> None:
    """In as many Python threads as one likes, with the results of one."""
    from thread_support import together

    load(ALONE)

    def work(k: int) -> str:
        with mf.VecEnv(ALONE, 500 + k) as env:
            env.reset(seed=k)
            return bits([dict(env.rollout(50)) for _ in range(5)]).hex()

    expected = [work(k) for k in range(4)]
    assert together(*(lambda k=k: work(k) for k in range(4))) == expected


# -- the header and the example in Rust ---------------------------------------------------------------------


def test_the_tables_of_the_example_in_rust_are_those_of_the_header() -> None:
    """Names and order of all fields; that the types fit, running it tells."""
    header = re.sub(r"//[^\n]*", "", (ROOT / "include" / "marl_ffi.h").read_text(encoding="utf-8"))
    rust = (ROOT / "examples" / "plugins" / "rust" / "src" / "tables.rs").read_text(encoding="utf-8")
    for name in ("marl_plugin_draws", "marl_plugin_rows", "marl_plugin_env", "marl_plugin_host"):
        body = re.search(rf"typedef struct {name} {{(.*?)}} {name};", header, re.DOTALL)
        own = re.search(rf"pub struct {name} {{(.*?)\n}}", rust, re.DOTALL)
        assert body is not None and own is not None
        declared = [a or b for a, b in re.findall(r"\(\*(\w+)\)\(|(\w+);", re.sub(r"\)\([^;]*\);", ")(", body.group(1)))]
        assert re.findall(r"pub (\w+):", own.group(1)) == declared, name
    constants = dict(re.findall(r"#define (MARL_PLUGIN_\w+) (\d+)", header))
    assert dict(re.findall(r"pub const (\w+): u32 = (\d+);", rust)) == constants
