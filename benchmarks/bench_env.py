"""Environments, alone and in batches, and what users do around them.

Rust steps through the public classes. numba and NumPy step through the reference engine, a loop in Python
over environments; its times grow with the batch, so it stays out of the large ones.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from . import common
from .common import BACKENDS, ENVIRONMENTS, Suite

STEPS = 10
CHECKED_ENVS, CHECKED_STEPS = 4, 30  # past the end of a market's day, so that a reset is among them
WEEK = 168
# With either kernel the reference spends its time in its own loops, so numba stops early.
LARGEST = {"rust": 65536, "numba": 16, "numpy": 256}


@contextmanager
def _backend_variable(backend):
    """The reference engine takes its kernels from the environment variable when it is made."""
    before = os.environ.get("MARL_FFI_BACKEND")
    os.environ["MARL_FFI_BACKEND"] = backend
    try:
        yield
    finally:
        if before is None:
            del os.environ["MARL_FFI_BACKEND"]
        else:
            os.environ["MARL_FFI_BACKEND"] = before


def reference_engine(backend, env_id, num_envs, autoreset_mode="NextStep", **config):
    make = common.find("marl_ffi.reference.vec_env", "make_engine")
    with _backend_variable(backend):
        return make(env_id, num_envs, autoreset_mode, config)


class Batch:
    """`num_envs` environments of one backend behind the same calls; actions are (E, A, *action_shape)."""

    def __init__(self, backend, env_id, num_envs, num_threads=1):
        self.num_envs = num_envs
        if backend == "rust":
            env = common.native("VecEnv")(env_id, num_envs, num_threads=num_threads, copy=False)
            self.spec, self.step, self.rollout = env.spec, env.step, env.rollout
            self.reset = lambda: env.reset(seed=0)
            self.told = lambda actions: env.step(actions)[:4]
            return
        engine = reference_engine(backend, env_id, num_envs)
        out, seeds = engine.out, np.arange(num_envs, dtype=np.uint64)
        self.spec, self.step, self.rollout = engine.spec, engine.step, engine.rollout
        self.reset = lambda: engine.reset(seeds)

        def told(actions):
            engine.step(actions)
            return out.observations, out.rewards, out.terminations, out.truncations

        self.told = told
        self.engine_axes = True

    engine_axes = False  # the engine has an agent axis also where an environment has one agent by nature

    def actions(self, drawn):
        """Drawn actions as this batch takes them."""
        alone = not self.spec["multi_agent"] and not self.engine_axes
        return np.ascontiguousarray(drawn[: self.num_envs, 0] if alone else drawn[: self.num_envs])


def same_course(batch, other, drawn):
    """Both batches see the same, bit for bit, in the environments that both have."""
    both = min(batch.num_envs, other.num_envs)
    batch.reset()
    other.reset()
    for array in common.in_turn(drawn, CHECKED_STEPS):
        results = zip(batch.told(batch.actions(array)), other.told(other.actions(array)))
        common.same(*zip(*((np.reshape(a[:both], -1), np.reshape(b[:both], -1)) for a, b in results)))


class _Steps(Suite):
    """Ten steps of a batch, held against the first environments of a small one of another backend."""

    def build_steps(self, backend, env_id, num_envs, num_threads=1):
        batch = self.batch = Batch(backend, env_id, num_envs, num_threads)
        drawn = self.drawn = common.actions(batch.spec, num_envs, 4)
        step, actions = batch.step, common.in_turn([batch.actions(each) for each in drawn], STEPS)

        def run():
            for each in actions:
                step(each)

        self.run = run

    def check_steps(self, backend, env_id):
        few = min(self.batch.num_envs, CHECKED_ENVS)
        same_course(self.batch, Batch(common.other(backend), env_id, few), self.drawn)
        self.batch.reset()


class VecEnvStep(_Steps):
    """Ten calls of `VecEnv.step` on one thread, resets included."""

    params = (ENVIRONMENTS, BACKENDS, (1, 16, 256, 4096, 65536))
    param_names = ("environment", "backend", "num_envs")
    skip_params = common.too_slow(params, lambda _, backend, e: e > LARGEST[backend])
    covers = ("VecEnv",)

    def build(self, environment, backend, num_envs):
        self.build_steps(backend, environment, num_envs)

    def check(self, environment, backend, num_envs):
        self.check_steps(backend, environment)

    def time_10_steps(self, environment, backend, num_envs):
        self.run()


class VecEnvThreads(_Steps):
    """Ten calls of `VecEnv.step` on one and two threads."""

    params = (ENVIRONMENTS, (1, 2), (256, 4096, 65536))
    param_names = ("environment", "num_threads", "num_envs")
    covers = ("VecEnv",)

    def build(self, environment, num_threads, num_envs):
        self.build_steps("rust", environment, num_envs, num_threads)

    def check(self, environment, num_threads, num_envs):
        self.check_steps("rust", environment)

    def time_10_steps(self, environment, num_threads, num_envs):
        self.run()


class Rollout(Suite):
    """Ten steps in one call, with actions that the engine samples."""

    params = (ENVIRONMENTS, BACKENDS, (16, 4096))
    param_names = ("environment", "backend", "num_envs")
    skip_params = common.too_slow(params, lambda _, backend, e: backend != "rust" and e > 16)
    covers = ("VecEnv", "Rollout")

    def build(self, environment, backend, num_envs):
        batch = self.batch = Batch(backend, environment, num_envs)
        self.run = lambda: batch.rollout(STEPS)

    def check(self, environment, backend, num_envs):
        held_against = Batch(common.other(backend), environment, min(num_envs, CHECKED_ENVS))
        for batch in (self.batch, held_against):
            batch.reset()
        got, expected = self.batch.rollout(CHECKED_STEPS), held_against.rollout(CHECKED_STEPS)
        for name in ("observations", "actions", "rewards", "terminations", "truncations"):
            rows = slice(held_against.num_envs)
            common.same(np.reshape(got[name][:, rows], -1), np.reshape(expected[name], -1))

    def time_10_steps(self, environment, backend, num_envs):
        self.run()


class SingleLearner(Suite):
    """A week of `ElectricityMarketEnv` with one learner, reset included: 168 steps.

    The other backends step the reference engine with one environment, without Gymnasium around it.
    """

    params = (BACKENDS, (5, 20, 100, 200))
    param_names = ("backend", "num_generators")
    skip_params = common.too_slow(params, lambda backend, n: backend != "rust" and n > 20)
    covers = ("ElectricityMarketEnv",)

    def build(self, backend, num_generators):
        market = common.market_params(num_generators, WEEK)
        rng = np.random.default_rng(46)
        actions = [np.array([a, b], np.float32) for a, b in rng.uniform((0, -2), (1, 2), (WEEK, 2))]
        if backend == "rust":
            env = common.native("ElectricityMarketEnv")(market, demand_noise="never")
            self.week = env.reset, env.step, actions, lambda told: told[1]
        else:
            config = {"params": market, "agents": [0], "demand_noise": "never", "history": True}
            engine = reference_engine(backend, "ElectricityMarket-v0", 1, "Disabled", **config)
            actions = [action.reshape(1, 1, 2) for action in actions]
            self.week = engine.reset, engine.step, actions, lambda told: engine.out.rewards[0, 0]
        reset, step, actions, _ = self.week

        def run():
            reset()
            for action in actions:
                step(action)

        self.run = run

    def rewards(self):
        reset, step, actions, reward = self.week
        reset()
        return [float(reward(step(action))) for action in actions]

    def check(self, backend, num_generators):
        expected = SingleLearner()
        expected.build(common.other(backend), num_generators)
        got = self.rewards()
        assert np.ptp(got) > 0
        common.same(got, expected.rewards())

    def time_week(self, backend, num_generators):
        self.run()


class Evaluate(Suite):
    """`market.evaluate`: ten days in which everybody offers at cost."""

    params = ((5, 100),)
    param_names = ("num_generators",)
    covers = ("evaluate",)

    def build(self, num_generators):
        market = self.market = common.market_params(num_generators, 24)
        common.native("VecEnv")  # raises unless Rust runs
        evaluate = common.find("marl_ffi.market", "evaluate")
        self.run = lambda: evaluate(None, market, num_episodes=10)

    def check(self, num_generators):
        clear = common.function("numpy", "market_clearing")
        costs, capacities, demand = (
            np.array(self.market[name], np.float32) for name in ("costs", "capacities", "demand_profile")
        )
        prices = [clear(costs, capacities, float(hour))[0] for hour in demand]
        np.testing.assert_allclose(self.run()["mean_market_prices_over_time"], prices, rtol=1e-6)

    def time_10_days(self, num_generators):
        self.run()


class Parameters(Suite):
    """Making the parameters of a market, or reading them from two CSV files: 20 units, a week."""

    params = (("default_params", "competitive_params", "advanced_params", "bess_params", "params_from_csv"),)
    param_names = ("function",)
    covers = params[0]

    def build(self, function):
        make = common.find("marl_ffi.market", function)
        if function == "params_from_csv":
            home = Path(__file__).parent / "data"
            arguments, settings = (home / "fleet.csv", home / "load.csv"), {"hours": WEEK}
        else:
            arguments, settings = (20, WEEK), {}
        self.make = lambda: make(*arguments, **settings)

        def run():
            for _ in range(100):
                make(*arguments, **settings)

        self.run = run

    def check(self, function):
        made = self.make()
        assert len(made["demand_profile"]) == WEEK
        assert made["N_generators"] in (19, 20)  # a battery is not counted as a generator
        assert len(made["capacities"]) == len(made["costs"]) == made["N_generators"]
        if function == "params_from_csv":
            assert sum(made["capacities"]) == 4100.0 and made["demand_profile"][0] == 2250.0

    def time_100_calls(self, function):
        self.run()
