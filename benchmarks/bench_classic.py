"""Classic control: batches of every size in both precisions, and one environment alone.

Rust against the vectorised NumPy reference and Gymnasium itself: its own vector class for CartPole, `SyncVectorEnv`
for small batches of the others.
"""

from __future__ import annotations

import numpy as np

from . import common
from .common import CLASSIC, Suite

STEPS = 10
SIZES = (1, 16, 256, 4096, 65536)
SINGLE_STEPS = 100
LARGEST_SYNC = 256  # a loop in Python over environments


def given_actions(env_id, num_envs, count=4):
    """Random actions as the environment's own arrays, (E,) or (E, 1)."""
    spec = common.find("marl_ffi", "spec")(env_id)
    return [np.ascontiguousarray(drawn[:, 0]) for drawn in common.actions(spec, num_envs, count)]


def gymnasium_vector(env_id, num_envs):
    import gymnasium
    from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv

    if env_id == "CartPole-v1" and num_envs > LARGEST_SYNC:
        return CartPoleVectorEnv(num_envs)
    return gymnasium.vector.SyncVectorEnv([lambda: gymnasium.make(env_id)] * num_envs)


class _Batch(Suite):
    """Ten steps of a batch; its first steps are held against the Rust engine, or that against the reference."""

    def build_steps(self, env_id, backend, dtype, num_envs, num_threads=1):
        actions = self.actions = given_actions(env_id, num_envs)
        if backend == "rust":
            env = common.native("VecEnv")(env_id, num_envs, num_threads=num_threads, copy=False, dtype=dtype)
            self.reset, self.step = lambda: env.reset(seed=0)[0], lambda action: env.step(action)[0]
        elif backend == "gymnasium":
            env = gymnasium_vector(env_id, num_envs)
            self.reset, self.step = lambda: env.reset(seed=0)[0], lambda action: env.step(action)[0]
        else:
            engine = common.find("marl_ffi.reference.vec_env", "make_engine")(
                env_id, num_envs, "NextStep", {"dtype": dtype}
            )
            seeds = np.arange(num_envs, dtype=np.uint64)

            def reset():
                engine.reset(seeds)
                return engine.out.observations

            def step(action):
                engine.step(action[:, np.newaxis])
                return engine.out.observations

            self.reset, self.step = reset, step
        step, turns = self.step, common.in_turn(actions, STEPS)

        def run():
            for action in turns:
                step(action)

        self.run = run

    def check_steps(self, env_id, backend, dtype):
        first = self.reset()
        few = min(len(first), 16)
        if backend == "gymnasium" and few < len(first):
            return  # its own vector class has other random numbers
        other = type(self)()
        other.build_steps(env_id, common.other(backend) if backend != "gymnasium" else "rust", dtype, len(first))
        compare = np.testing.assert_array_equal
        if backend == "gymnasium":

            def compare(mine, theirs):
                np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)

        compare(first, other.reset())
        for action in self.actions:
            compare(self.step(action), other.step(action))


class ClassicStep(_Batch):
    """Ten calls of a batched step on one thread, resets included."""

    params = (CLASSIC, ("rust", "reference", "gymnasium"), ("float64", "float32"), SIZES)
    param_names = ("env_id", "engine", "dtype", "num_envs")
    skip_params = common.too_slow(
        params,
        lambda env_id, engine, dtype, e: (
            engine == "gymnasium" and (dtype == "float32" or (e > LARGEST_SYNC and env_id != "CartPole-v1"))
        )
        or (engine == "reference" and e > 4096),
    )
    covers = ("VecEnv",)

    def build(self, env_id, engine, dtype, num_envs):
        self.build_steps(env_id, "numpy" if engine == "reference" else engine, dtype, num_envs)

    def check(self, env_id, engine, dtype, num_envs):
        self.check_steps(env_id, "numpy" if engine == "reference" else engine, dtype)

    def time_10_steps(self, env_id, engine, dtype, num_envs):
        self.run()


class ClassicThreads(_Batch):
    """Ten calls of `VecEnv.step` on one and two threads."""

    params = (CLASSIC, ("float64", "float32"), (1, 2), (4096, 65536))
    param_names = ("env_id", "dtype", "num_threads", "num_envs")
    covers = ("VecEnv",)

    def build(self, env_id, dtype, num_threads, num_envs):
        self.build_steps(env_id, "rust", dtype, num_envs, num_threads)

    def check(self, env_id, dtype, num_threads, num_envs):
        first, other = self.reset(), type(self)()
        other.build_steps(env_id, "rust", dtype, num_envs, 3 - num_threads)
        np.testing.assert_array_equal(first, other.reset())
        for action in self.actions:
            np.testing.assert_array_equal(self.step(action), other.step(action))

    def time_10_steps(self, env_id, dtype, num_threads, num_envs):
        self.run()


class ClassicSingle(Suite):
    """A hundred calls of `.unwrapped.step`, a reset every ten."""

    params = (CLASSIC, ("rust", "gymnasium"))
    param_names = ("env_id", "engine")
    covers = ("make",)

    def build(self, env_id, engine):
        import gymnasium

        make = common.native("make") if engine == "rust" else gymnasium.make
        env = self.env = make(env_id).unwrapped
        drawn = [each[0] for each in given_actions(env_id, 1, common.SETS)]
        # CartPole: right and left in turn, so that no pole falls within ten steps
        actions = self.actions = [0, 1] * 5 if env_id == "CartPole-v1" else drawn[:10]
        reset, step = env.reset, env.step

        def run():
            for _ in range(SINGLE_STEPS // 10):
                reset()
                for action in actions:
                    step(action)

        self.run = run

    def check(self, env_id, engine):
        other = type(self)()
        other.build(env_id, "gymnasium" if engine == "rust" else "rust")
        np.testing.assert_array_equal(self.env.reset(seed=3)[0], other.env.reset(seed=3)[0])
        for action in self.actions:
            mine, theirs = self.env.step(action), other.env.step(action)
            np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-5, atol=1e-6)
            assert abs(mine[1] - theirs[1]) < 1e-9 and mine[2:4] == theirs[2:4]

    def time_100_steps(self, env_id, engine):
        self.run()
