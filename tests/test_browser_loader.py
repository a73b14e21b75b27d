"""The engine in WebAssembly, through its loader in JavaScript, gives the native library's bytes: in a browser, in Node."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from browser_support import CHECKSUM, PAGE, in_node, serving
from c_support import ROOT

import marl_ffi as mf
from marl_ffi import _library as library

pytestmark = pytest.mark.browser

# Where Node is, it is tested too.
HOSTS = ["browser", *(["node"] if shutil.which("node") else [])]
Run = Callable[[str], Any]


@pytest.fixture(scope="module", params=HOSTS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs the body of an asynchronous function; it has `marl`, a loaded engine, and `library`, the loader."""
    if request.param == "node":
        directory = tmp_path_factory.mktemp("node")
        yield lambda script: in_node(script, directory)
        return
    with serving() as server:
        load = 'const base = ""; const library = await import("/marl_ffi/index.js"); const marl = await library.load();'
        yield lambda script: server.visit("/empty.html", load + script)


def same(got: np.ndarray, expected: np.ndarray, what: str) -> None:
    assert got.dtype == expected.dtype, what
    assert got.tobytes() == np.ascontiguousarray(expected).tobytes(), what


NAMES = {"finalObservations": "final_observations", "finalMask": "final_mask"}
NAMES |= {"episodeReturns": "episode_returns", "episodeLengths": "episode_lengths"}


def test_every_environment_every_array_and_a_snapshot(run: Run) -> None:
    """Rollouts of drawn actions, from two seeds, in two modes, and on from a snapshot taken in WebAssembly."""
    told = run("""
      const all = {};
      for (const id of marl.envs()) {
        for (const [autoreset, seed] of [["NextStep", 3], ["SameStep", "18446744073709551615"]]) {
          const env = marl.vecEnv(id, 7, { autoreset });
          const first = env.reset({ seed });
          const rolled = env.rollout(230);
          const snapshot = env.snapshot();
          const columns = Object.fromEntries(env.spec.columns.map(({ name }) => [name, env.column(name)]));
          const after = env.rollout(5).observations;
          all[`${id} ${autoreset}`] = { first, rolled, snapshot, columns, after };
          env.free();
        }
      }
      return all;
    """)
    assert len(told) == 2 * len(mf.list_envs())
    episodes = 0
    for key, got in told.items():
        env_id, mode = key.split()
        with mf.VecEnv(env_id, 7, autoreset_mode=mode) as env:
            observations, _ = env.reset(seed=3 if mode == "NextStep" else [(2**64 - 1 + k) % 2**64 for k in range(7)])
            same(got["first"], observations, key)
            rolled = env.rollout(230)
            for name, array in got["rolled"].items():
                expected = getattr(rolled, NAMES.get(name, name))
                # flags are booleans in Python; rows that are not written may hold anything
                if name == "finalObservations":
                    mask = rolled.final_mask.astype(bool).ravel()
                    array, expected = array.reshape(len(mask), -1)[mask], expected.reshape(len(mask), -1)[mask]
                same(array, expected.view(np.uint8) if expected.dtype == bool else expected, f"{key}: {name}")
            episodes += int(rolled.final_mask.sum())
            assert got["snapshot"].tobytes() == env.snapshot(), key
            assert {name: array.tobytes() for name, array in got["columns"].items()} == {
                name: array.tobytes() for name, array in env.state.items()
            }
            env.reset(seed=0)
            env.restore(got["snapshot"].tobytes())
            same(got["after"], env.rollout(5).observations, key)
    assert episodes > 50


def test_what_it_is(run: Run) -> None:
    told = run("return [marl.version, marl.abiVersion, marl.simdLevel, marl.envs().sort()]")
    assert told == [mf.__version__, library.ABI_VERSION, "scalar", sorted(mf.list_envs())]


def test_steps_with_given_actions(run: Run) -> None:
    told = run("""
      const rows = [];
      const env = marl.vecEnv("CartPole-v1", 64, { copy: false, config: { dtype: "float64" } });
      env.reset({ seed: 42 });
      for (let t = 0; t < 1000; t++) {
        const actions = Array.from({ length: 64 }, (_, k) => (k + t) % 2);
        const { observations, rewards, terminations, truncations } = env.step(actions);
        rows.push([observations.slice(), rewards.slice(), terminations.slice(), truncations.slice()]);
      }
      return rows;
    """)
    with mf.VecEnv("CartPole-v1", 64, dtype="float64") as env:
        env.reset(seed=42)
        for t, row in enumerate(told):
            step = env.step((np.arange(64) + t) % 2)
            for got, expected in zip(row, step[:4]):
                same(got, expected.view(np.uint8) if expected.dtype == bool else expected, f"step {t}")


def test_infos_masks_and_columns(run: Run) -> None:
    told = run("""
      const env = marl.vecEnv("BucketBrigade-v0", 3, { config: { scenario: "hard", agents: [0], decisions: "original" } });
      const first = env.reset({ seeds: [1, 5n, "9"] });
      env.setColumn("houses", new Uint8Array(30).fill(1), [0, 1, 0]);
      const { infos, observations, rewards } = env.step([[[0, 1, 1]], [[3, 1, 0]], [[9, 0, 0]]]);
      const again = env.reset({ seed: 11, mask: [0, 0, 1] });
      return { first, infos, observations, rewards, again, houses: env.column("houses"), seeds: env.seeds() };
    """)
    with mf.VecEnv("BucketBrigade-v0", 3, scenario="hard", agents=[0], decisions="original") as env:
        first, _ = env.reset(seed=[1, 5, 9])
        same(told["first"], first, "first")
        state = env.state["houses"]
        state[1] = 1
        env.state = {"houses": state}
        observations, rewards, *_, infos = env.step(np.array([[[0, 1, 1]], [[3, 1, 0]], [[9, 0, 0]]]))
        same(told["observations"], observations, "observations")
        same(told["rewards"], rewards, "rewards")
        assert len(told["infos"]) == 6
        for name, array in told["infos"].items():
            same(array, infos[name], name)
        assert told["houses"].size == 30 and told["seeds"].tolist()[2] == 13


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_auctions(run: Run, dtype: str) -> None:
    rng = np.random.default_rng(5)
    cases = [(rng.integers(0, 60, 9) / 2, rng.integers(0, 90, 9) / 3, rng.integers(0, 40, 9) / 7) for _ in range(40)]
    demands = [float(x) for x in rng.uniform(0, 300, 40)]
    plain = json.dumps([[list(map(float, each)) for each in case] for case in cases])
    told = run(f"""
      const market = marl.market(9, {{ dtype: "{dtype}", tieRule: "pro_rata", lambdaBidPenalty: 0.05, priceCap: 25 }});
      const demands = {json.dumps(demands)};
      return {plain}.map(([bids, quantities, costs], k) => {{
        Object.assign(market, {{ bids, quantities, costs }});
        const price = market.step(demands[k]);
        return [Float64Array.of(price, market.clear(demands[k] / 2)), market.cleared.slice(), market.rewards.slice()];
      }});
    """)
    market = mf.Market(9, dtype=dtype, lambda_bid_penalty=0.05, tie_rule="pro_rata", price_cap=25.0)
    for (bids, quantities, costs), demand, (prices, cleared, rewards) in zip(cases, demands, told):
        market.bids[:], market.quantities[:], market.costs[:] = bids, quantities, costs
        expected = [market.step(demand), market.clear(demand / 2)]
        same(prices, np.array(expected), "prices")
        same(cleared, market.q_cleared, "dispatch")
        same(rewards, market.rewards, "rewards")


def test_entropy_differs_and_is_told(run: Run) -> None:
    told = run("""
      const seeds = [];
      for (let k = 0; k < 3; k++) {
        const env = marl.vecEnv("Pendulum-v1", 1);
        const first = env.reset();
        const [seed] = env.seeds();
        env.reset({ seed });
        seeds.push([seed, first, env.reset({ seed }), library.Marl.freshSeed()]);
      }
      return seeds;
    """)
    assert len({row[0] for row in told} | {row[3] for row in told}) == 6
    assert all(row[1].tobytes() == row[2].tobytes() for row in told)


def test_a_host_without_entropy_needs_seeds(run: Run) -> None:
    told = run("""
      const env = marl.vecEnv("Pendulum-v1", 1);
      Object.defineProperty(globalThis, "crypto", { value: undefined });
      return { refused: failing(() => env.reset()), first: env.reset({ seed: 1 }) };
    """)
    assert told["refused"]["reason"] == "invalid_argument"
    assert "the system gave no entropy: the host's function `entropy` answered 1" in told["refused"]["message"]
    assert told["first"].size == 3


REFUSED = {
    'marl.vecEnv("CartPole-v2", 1)': ("unknown_id", 'did you mean "CartPole-v1"'),
    'marl.vecEnv("CartPole-v1", 0)': ("invalid_argument", "numEnvs: expected a whole number from 1"),
    'marl.vecEnv("CartPole-v1", 2.5)': ("invalid_argument", "got 2.5"),
    'marl.vecEnv("CartPole-v1", 1, { autoreset: "Never" })': ("invalid_argument", 'Disabled, got "Never"'),
    'marl.vecEnv("CartPole-v1", 1, { config: { gravityy: 1 } })': ("unknown_key", "gravity"),
    "env.step([0, 1])": ("not_reset", "reset"),
    "fresh.step([0])": ("length_mismatch", "actions: expected 2 elements, got 1"),
    "fresh.step([0, 2])": ("action_invalid", "env 1"),
    "fresh.step([0, 0.5])": ("invalid_argument", "actions[1]: expected a whole number, got 0.5"),
    "fresh.step([0, 2 ** 53])": ("invalid_argument", "actions[1]"),
    "fresh.step()": ("invalid_argument", "actions: expected an array of 2 numbers, got undefined"),
    "fresh.rollout(0)": ("invalid_argument", "steps"),
    "fresh.reset({ seed: -1 })": ("invalid_argument", "from 0 to 18446744073709551615, got -1"),
    "fresh.reset({ seed: 2 ** 60 })": ("invalid_argument", "give it as a BigInt or a text"),
    "fresh.reset({ seed: 1.5 })": ("invalid_argument", "got 1.5"),
    'fresh.reset({ seed: "seven" })': ("invalid_argument", 'got "seven"'),
    'fresh.reset({ seed: "" })': ("invalid_argument", "got nothing"),
    "fresh.reset({ seed: 1n << 64n })": ("invalid_argument", "got 18446744073709551616"),
    "fresh.reset({ seed: 1, seeds: [1, 2] })": ("invalid_argument", "got both"),
    "fresh.reset({ seeds: [1] })": ("length_mismatch", "seeds: expected 2 elements, got 1"),
    "fresh.reset({ mask: [1, 2] })": ("invalid_argument", "mask[1]: expected 0 or 1, got 2"),
    'fresh.column("thetta")': ("unknown_column", "theta"),
    'fresh.setColumn("theta", [1])': ("length_mismatch", "theta: expected 2 elements, got 1"),
    "fresh.restore(new Uint8Array(100))": ("snapshot_invalid", "snapshot"),
    "freed.step([0, 1])": ("invalid_argument", "freed"),
    "market.clear(-1)": ("demand_negative", "demand: expected at least 0, got -1.0"),
    'market.clear("10")': ("invalid_argument", "demand: expected a number, got string"),
    "(market.bids[1] = NaN, market.clear(1))": ("bid_not_finite", "1"),
    "market.bids = [1]": ("invalid_argument", "bids: expected 2 numbers, got 1"),
    "marl.market(2, { tieRule: 'coin' })": ("invalid_argument", "tieRule"),
    "marl.market(2, { priceCapp: 3 })": ("invalid_argument", "priceCapp"),
    "marl.market(2, { demandScale: 0 })": ("parameter_invalid", "demand_scale"),
    'marl.brigadeEpisodes({ agents: ["heroo"], seeds: [1] })': ("invalid_config", "did you mean"),
    'marl.brigadeEpisodes({ agents: ["hero"], seeds: [] })': ("empty", "at least one profile and one seed"),
    'marl.brigadeEpisodes({ agents: ["specialist"], seeds: [1] })': ("invalid_argument", "agents[0]"),
    'marl.brigadeRecord({ agents: ["hero"], scenario: "harder", seed: 1 })': ("unknown_id", "hard"),
    'marl.brigadeRecord({ agents: ["hero"] })': ("invalid_argument", "seed: expected"),
}


def test_what_is_refused(run: Run) -> None:
    calls = ", ".join(f"[{json.dumps(call)}, failing(() => {call})]" for call in REFUSED)
    told = run(f"""
      const make = () => marl.vecEnv("CartPole-v1", 2);
      const [env, fresh, freed, market] = [make(), make(), make(), marl.market(2)];
      fresh.reset({{ seed: 1 }});
      freed.free();
      freed.free();
      market.quantities = [1, 1];
      const all = [{calls}];
      return {{ all, still: fresh.reset({{ seed: 1 }}), isAn: failing(() => env.step([])) }};
    """)
    for call, error in told["all"]:
        reason, part = REFUSED[call]
        assert error is not None, f"{call} was not refused"
        assert (error["name"], error["reason"]) == ("MarlError", reason), (call, error)
        assert part in error["message"], (call, error)
        assert mf.errors.STATUSES[error["status"]][0] == reason
    with mf.VecEnv("CartPole-v1", 2) as env:
        same(told["still"], env.reset(seed=1)[0], "after all that")


def test_memory_is_given_back(run: Run) -> None:
    grew = run("""
      const size = () => marl.memoryBytes;
      const play = () => {
        const env = marl.vecEnv("CartPole-v1", 2000);
        env.reset({ seed: 1 });
        env.rollout(20);
        failing(() => env.step([3]));
        env.restore(env.snapshot());
        env.free();
        const market = marl.market(1000);
        market.clear(1);
        market.free();
        marl.brigadeEpisodes({ agents: ["hero", "liar"], seeds: [1, 2, 3] });
        marl.brigadeRecord({ agents: ["hero", "liar"], seed: 1 });
        failing(() => marl.brigadeRecord({ agents: ["hero", "liarr"], seed: 1 }));
      };
      play();
      play();
      const before = size();
      for (let k = 0; k < 30; k++) play();
      return [before, size()];
    """)
    assert grew[0] == grew[1] > 2**20


def test_views_follow_memory_that_grows(run: Run) -> None:
    told = run("""
      const market = marl.market(3);
      Object.assign(market, { bids: [1, 2, 3], quantities: [4, 5, 6] });
      const held = market.bids;
      const before = marl.memoryBytes;
      const large = marl.vecEnv("CartPole-v1", 300000, { copy: false });
      large.reset({ seed: 1 });
      return { price: market.clear(8), bids: market.bids, grew: marl.memoryBytes > before, held: held.length };
    """)
    assert told["grew"] and told["held"] == 0
    assert told["price"] == 2 and told["bids"].tolist() == [1, 2, 3]


def test_a_trap_ends_the_instance_and_says_so(run: Run) -> None:
    """No call of the loader can trap; one with a wild pointer does."""
    told = run("""
      const env = marl.vecEnv("CartPole-v1", 1);
      const wild = failing(() => marl.call("vec_env_reset", 0x7ffffff0, 0, 0, 0, 0, 0, 0, 0));
      const other = await library.load(marl.module);
      return { wild, after: failing(() => env.reset()), other: other.vecEnv("CartPole-v1", 1).reset({ seed: 1 }) };
    """)
    assert told["wild"]["reason"] == "panic" and "vec_env_reset" in told["wild"]["message"]
    assert told["after"]["status"] == 700 and "load another" in told["after"]["message"]
    assert told["other"].size == 4


def test_what_is_no_module_is_told(run: Run) -> None:
    told = run("""
      const empty = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
      const tries = [new Uint8Array([1, 2, 3]), empty, new URL("nothing.wasm", import.meta.url)];
      const failed = ({ name, message }) => ({ name, message });
      return Promise.all(tries.map((source) => library.load(source).then(() => null, failed)));
    """)
    assert [each["name"] for each in told] == ["LoadError"] * 3
    assert "no module of marl_ffi" in told[0]["message"]
    assert f"version {library.ABI_VERSION} of the ABI, got none" in told[1]["message"]
    assert "nothing.wasm: not found; run `make wasm`" in told[2]["message"]


def test_examples_of_the_documentation(run: Run) -> None:
    """Blocks of JavaScript on docs/browser.md print what stands below them."""
    text = (ROOT / "docs" / "browser.md").read_text(encoding="utf-8")
    examples = re.findall(r"```js\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)
    assert len(examples) == text.count("```js") >= 3
    for code, printed in examples:
        code = re.sub(r'import (\{.*?\}) from "./marl_ffi/index.js";', "", code).replace("await load()", "marl")
        told = run(f"""
          const shown = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));
          const lines = [];
          const console = {{ log: (...values) => lines.push(values.map(shown).join(" ")) }};
          {{ {code.replace("const marl = marl;", "")} }}
          return lines;
        """)
        assert told == printed.splitlines()


def test_checksum_of_all_languages(run: Run) -> None:
    assert run("const { lines } = await import(`${base}/checksum.js`); return lines(marl);") == CHECKSUM


@pytest.mark.parametrize("host", [each for each in HOSTS if each == "node"])
def test_checksum_as_a_program(host: str) -> None:
    done = subprocess.run([host, str(PAGE / "checksum.js")], capture_output=True, text=True, timeout=120)
    assert (done.stdout.splitlines(), done.stderr) == (CHECKSUM, "")


def test_checksum_is_that_of_python() -> None:
    program = ROOT / "examples" / "checksum.py"
    if program.exists():
        done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=120, cwd=ROOT)
        refused, *rest = done.stdout.splitlines()
        # the sentence after the reason is Python's own
        assert refused.startswith("refused: unknown_id (200): ") and rest == CHECKSUM[1:]
