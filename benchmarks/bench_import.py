"""What a process pays before its first step, in time and in memory.

The package's import is shown next to those of NumPy and Gymnasium, which it cannot do without: the
difference is ours. Extras such as numba must not be part of it; the benchmark fails if they are.
"""

from __future__ import annotations

from . import common
from .common import Suite

EXTRAS = ("click", "matplotlib", "numba", "pettingzoo", "rich", "tqdm")
FIRST_STEP = """
import marl_ffi
assert marl_ffi.build_info()["backend"] == "rust"
price, cleared = marl_ffi.market_clearing([10.0, 20.0], [50.0, 50.0], 60.0)
assert price == 20.0 and cleared.tolist() == [50.0, 10.0]
"""


class ImportTime:
    """A new interpreter per sample. `first call` also loads the native library and clears a market."""

    params = (("numpy", "gymnasium", "marl_ffi", "first call"),)
    param_names = ("what",)
    version = "1"
    rounds = 2
    repeat = 5
    number = 1

    def timeraw_import(self, what):
        if what == "first call":
            return FIRST_STEP
        extras = f"import sys\nassert not [name for name in {EXTRAS} if name in sys.modules]"
        return f"import {what}\n{extras}"


class PeakMemory(Suite):
    """Peak memory of a process that steps `VecEnv`; the smallest batch shows the package's own need."""

    params = (("rust", "numpy"), (1, 256, 4096, 65536))
    param_names = ("backend", "num_envs")
    skip_params = common.too_slow(params, lambda backend, e: backend == "numpy" and e > 256)

    def build(self, backend, num_envs):
        from .bench_env import VecEnvStep

        self.steps = VecEnvStep()
        self.steps.build(common.ENVIRONMENTS[0], backend, num_envs)

    def check(self, backend, num_envs):
        self.steps.check(common.ENVIRONMENTS[0], backend, num_envs)

    def peakmem_10_steps(self, backend, num_envs):
        self.steps.run()
