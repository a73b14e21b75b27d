"""The asv benchmarks work, check what they measure, and leave nothing public out.

Every benchmark is set up, which checks its result, and called once.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from c_support import ROOT
from plugin_support import own_envs

import marl_ffi
from marl_ffi.reference import market as reference
from marl_ffi.reference import objects, vec_env
from marl_ffi.reference.bucket_brigade import episodes, rules

HOME = ROOT / "benchmarks"
METHODS = ("time_", "timeraw_", "peakmem_")


def load() -> dict[str, ModuleType]:
    """The package `benchmarks` as asv imports it: from its directory, wherever the tests are started."""
    spec = importlib.util.spec_from_file_location("benchmarks", HOME / "__init__.py")
    assert spec is not None and spec.loader is not None
    sys.modules["benchmarks"] = package = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    names = ["common", *sorted(path.stem for path in HOME.glob("bench_*.py"))]
    return {name: importlib.import_module(f"benchmarks.{name}") for name in names}


MODULES = load()
COMMON = MODULES["common"]


def classes() -> list[type[Any]]:
    return [
        value
        for module in MODULES.values()
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__ == module.__name__ and methods(value)
    ]


def methods(cls: type[Any]) -> list[str]:
    return [name for name in dir(cls) if name.startswith(METHODS)]


def combinations(cls: type[Any]) -> list[tuple[Any, ...]]:
    skipped = getattr(cls, "skip_params", [])
    return [each for each in itertools.product(*cls.params) if each not in skipped]


def label(cls: type[Any], *more: Any) -> str:
    return "-".join([cls.__name__, *map(str, more)])


CASES = [
    pytest.param(cls, method, params, id=label(cls, method, *params))
    for cls in classes()
    for method in methods(cls)
    for params in combinations(cls)
]


# ------------------------------------------------------------------------------------------------------------
# Each benchmark


@pytest.mark.parametrize(("cls", "method", "params"), CASES)
def test_benchmark(cls: type[Any], method: str, params: tuple[Any, ...]) -> None:
    suite = cls()
    if method.startswith("timeraw_"):
        code = getattr(suite, method)(*params)
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)
        return
    suite.setup(*params)
    run, called = suite.run if hasattr(suite, "run") else suite.steps.run, []
    holder = suite if hasattr(suite, "run") else suite.steps
    holder.run = lambda: called.append(run())
    getattr(suite, method)(*params)
    assert len(called) == 1


@pytest.mark.parametrize("cls", classes(), ids=label)
def test_axes(cls: type[Any]) -> None:
    assert len(cls.params) == len(cls.param_names) == len(set(cls.param_names))
    assert cls.version
    assert all(each in itertools.product(*cls.params) for each in getattr(cls, "skip_params", []))
    for name, values in zip(cls.param_names, cls.params):
        if name == "backend":
            assert set(values) <= set(COMMON.BACKENDS) and "rust" in values
            left = {each[cls.param_names.index(name)] for each in combinations(cls)}
            assert left == set(values), "a backend without a single number"
        if name == "environment":
            assert values == COMMON.ENVIRONMENTS


def test_axes_of_the_suite() -> None:
    names = {name for cls in classes() for name in cls.param_names}
    assert {"backend", "num_generators", "num_envs", "num_threads"} <= names


def test_setup_builds_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """asv calls it before every timed call, and what is then built again would be timed cold."""
    cls, built = MODULES["bench_clearing"].StatelessClear, []
    build = cls.build
    monkeypatch.setattr(cls, "build", lambda self, *params: (built.append(params), build(self, *params)))
    suite = cls()
    for params in (("rust", 5), ("rust", 5), ("numba", 5)):
        suite.setup(*params)
    assert built == [("rust", 5), ("numba", 5)]


# ------------------------------------------------------------------------------------------------------------
# Nothing is left out


def covered() -> set[str]:
    return {name for cls in classes() for name in getattr(cls, "covers", ())}


def test_every_public_market_function_has_a_benchmark() -> None:
    public = set(marl_ffi.market.__all__) | {"ElectricityMarketEnv", "VecEnv"}
    assert sorted(public - covered()) == []


def test_every_registered_environment_has_a_benchmark() -> None:
    assert sorted(set(own_envs()) - set(COMMON.ENVIRONMENTS)) == []
    assert {cls.__name__ for cls in classes() if "environment" in cls.param_names} >= {
        "VecEnvStep",
        "Rollout",
    }


def test_what_is_covered_is_public() -> None:
    assert sorted(covered() - set(marl_ffi.__all__) - set(marl_ffi.market.__all__)) == []


# ------------------------------------------------------------------------------------------------------------
# A wrong result is an error


def one_more(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with something added to the first of its results."""

    def wrong(*args: Any, **kwargs: Any) -> Any:
        first, *others = function(*args, **kwargs)
        return first + 1, *others

    return wrong


@pytest.mark.parametrize(
    ("module", "name", "params"),
    [
        ("bench_clearing", "BoundClear", ("rust", 5)),
        ("bench_clearing", "BoundClear", ("numba", 20)),
        ("bench_clearing", "StatelessClear", ("rust", 5)),
        ("bench_clearing", "ClearWithStorage", ("rust", 5)),
        ("bench_step", "BoundStep", ("numba", 5)),
        ("bench_step", "StatelessStep", ("rust", 20)),
        ("bench_batch", "StepBatch", ("rust", 16, 5)),
        ("bench_batch", "ClearBatch", ("numba", 16, 5)),
        ("bench_batch", "Threads", (2, 256, 5)),
        ("bench_batch", "Precision", ("float32", 5)),
        ("bench_env", "Evaluate", (5,)),
    ],
)
def test_market_that_differs_from_the_oracle(
    monkeypatch: pytest.MonkeyPatch, module: str, name: str, params: tuple[Any, ...]
) -> None:
    for function in (
        "market_clearing", "market_clearing_batch", "environment_step", "environment_step_batch",
        "clear_with_storage",
    ):  # fmt: skip
        monkeypatch.setattr(reference, function, one_more(getattr(reference, function)))
    suite = getattr(MODULES[module], name)()
    for _ in range(2):  # also the second time: nothing counts as built before it was checked
        with pytest.raises(AssertionError):
            suite.setup(*params)


@pytest.mark.parametrize("name", ["OneAgent", "Stateless"])
def test_observer_that_differs_from_the_oracle(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    look = objects.Observer.__call__
    monkeypatch.setattr(objects.Observer, "__call__", lambda self, t: look(self, t) + 1)
    with pytest.raises(AssertionError):
        getattr(MODULES["bench_observers"], name)().setup("rust", "simple")


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("VecEnvStep", ("ElectricityMarket-v0", "rust", 16)),
        ("VecEnvThreads", ("ElectricityMarket-v0", 2, 256)),
        ("Rollout", ("ElectricityMarket-v0", "rust", 16)),
        ("SingleLearner", ("rust", 5)),
    ],
)
def test_environment_that_differs_from_the_oracle(
    monkeypatch: pytest.MonkeyPatch, name: str, params: tuple[Any, ...]
) -> None:
    step = vec_env.ReferenceEngine.step

    def wrong(self: Any, actions: Any) -> None:
        step(self, actions)
        self.out.rewards += 1

    monkeypatch.setattr(vec_env.ReferenceEngine, "step", wrong)
    with pytest.raises(AssertionError):
        getattr(MODULES["bench_env"], name)().setup(*params)


@pytest.mark.parametrize(
    ("name", "params"), [("Night", ("rust",)), ("Night", ("numpy",)), ("Episodes", ("default", "original", 1))]
)
def test_bucket_brigade_that_differs_from_the_oracle(
    monkeypatch: pytest.MonkeyPatch, name: str, params: tuple[Any, ...]
) -> None:
    play = rules.play_night

    def wrong(scenario: Any, town: Any, *args: Any) -> None:
        play(scenario, town, *args)
        town.rewards = town.rewards + np.float32(1)

    monkeypatch.setattr(episodes, "play_night", wrong)
    with pytest.raises(AssertionError):
        getattr(MODULES["bench_brigade"], name)().setup(*params)


# ------------------------------------------------------------------------------------------------------------
# Old commits and other backends


def test_what_a_commit_does_not_have_is_skipped() -> None:
    for module, name in (("marl_ffi.reference.market", "not_there"), ("marl_ffi.not_there", "name")):
        with pytest.raises(COMMON.Missing):
            COMMON.find(module, name)
    assert issubclass(COMMON.Missing, NotImplementedError)  # which asv takes for n/a


def test_what_is_not_installed_is_not_skipped() -> None:
    with pytest.raises(ModuleNotFoundError, match="not_there"):
        COMMON.find("not_there", "name")


def test_times_of_another_backend_do_not_pass_for_those_of_rust(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marl_ffi, "build_info", lambda: {"backend": "numpy"})
    with pytest.raises(RuntimeError, match="runs on numpy"):
        MODULES["bench_clearing"].BoundClear().setup("rust", 5)


def test_nothing_is_imported_from_the_package_before_it_is_needed() -> None:
    """A commit that cannot be imported must not take the benchmarks of NumPy's import with it."""
    code = f"""if True:
        import sys
        sys.modules["marl_ffi"] = None
        sys.path.insert(0, {str(ROOT)!r})
        import importlib
        for name in {list(MODULES)}:
            importlib.import_module("benchmarks." + name)
        from benchmarks import machine_line
        print(machine_line())
        """
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "no backend" in said and "NumPy" in said


def test_machine_is_described_once_per_run(tmp_path: Path) -> None:
    code = f"""if True:
        import sys, pathlib
        sys.path.insert(0, {str(ROOT)!r})
        import benchmarks
        sys.argv = ["asv/benchmark.py", "run", "benchmarks"]
        benchmarks.announce(pathlib.Path({str(tmp_path / "new" / "note")!r}))
        """
    command = [sys.executable, "-c", code]
    said = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    info = marl_ffi.build_info()
    assert f"on {info['backend']}, {info['simd']}, " in said[0] and " threads" in said[0]
    assert said[1] == ""


# ------------------------------------------------------------------------------------------------------------
# Input


def test_input_has_not_changed() -> None:
    """It may only be appended to: changed input would look like a regression."""
    sets = COMMON.offers(5)
    sums = [sum(float(np.sum(each.bids)) for each in sets), sum(each.demand for each in sets)]
    bids, quantities, costs, demand = COMMON.batch(16, 5)
    sums += [float(np.sum(array)) for array in (bids, quantities, costs, demand)]
    sums += [float(np.sum(array)) for array in COMMON.fleet(5, 24)]
    np.testing.assert_allclose(sums, SUMS, rtol=1e-12)


SUMS = [
    19425.3455204821, 6515.6028396778, 4693.1336078633, 2592.4369997833, 297.8317077385,
    1814.7058998483, 1894.423793756, 126.7180154079, 247.416262365,
]  # fmt: skip


def test_actions_fit_the_spaces() -> None:
    box = {"type": "box", "shape": [2], "dtype": "float32", "low": [0.0, None], "high": [1.0, 10.0]}
    spec = {"agents": [{"action": box}, {"action": box}]}
    first, *others = COMMON.actions(spec, 6, 3)
    assert first.shape == (6, 2, 2) and first.dtype == np.float32 and len(others) == 2
    assert 0 <= first[..., 0].min() < first[..., 0].max() <= 1 and first[..., 1].min() < 0
    discrete = {"agents": [{"action": {"type": "discrete", "n": 3, "dtype": "int64"}}]}
    [drawn] = COMMON.actions(discrete, 50, 1)
    assert drawn.shape == (50, 1) and set(drawn.flat) == {0, 1, 2}
    several = {"agents": [{"action": {"type": "multi_discrete", "nvec": [4, 2], "dtype": "int64"}}] * 3}
    [drawn] = COMMON.actions(several, 50, 1)
    assert drawn.shape == (50, 3, 2) and set(drawn[..., 0].flat) == {0, 1, 2, 3} and set(drawn[..., 1].flat) == {0, 1}
