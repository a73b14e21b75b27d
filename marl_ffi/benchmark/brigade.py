"""Benchmarks of Bucket Brigade: nights of heuristic agents, payoffs and fitness.

The original's compiled engine is not here. Its time per night, heuristic agents included, was measured elsewhere: one
thread of an AMD EPYC, about 870,000 nights per second.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bucket_brigade import ARCHETYPES, CORE_SCENARIOS, FitnessEvaluator, PayoffEvaluator, run_heuristic_episodes
from .bench import LIMIT, Case, Race, apart

__all__ = ["cases"]

Array = NDArray[Any]

ORIGINAL_NIGHT = 1.05e-6  # seconds
MATRIX_LIMIT = 0.1  # seconds for 25 payoffs of 1000 simulations, on two threads
EPISODES, MANY = 4096, 16_384
SETS = 8  # of seeds in turn
NAMES = tuple(ARCHETYPES)


def cases() -> list[Case]:
    """All rows, in the order of the report."""
    rows = [
        Case(
            "brigade", f"a night of heuristic agents, {decisions}", "4", "the original's engine, measured elsewhere",
            partial(_nights, decisions), required, aim, decisions == "original",
        )
        for decisions, required, aim in (("original", 20.0, 40.0), ("independent", None, None))
    ]  # fmt: skip
    work = f"run_heuristic_episodes, {MANY} seeds, 2 threads"
    rows.append(Case("brigade", work, "4", "1 thread", _threads, 1.8, 1.95, True))
    work = f"run_heuristic_episodes, {MANY} seeds, {LIMIT}"
    rows.append(Case("brigade", work, "4", "1 thread", partial(_threads, halves=True)))
    work, against = "payoff_matrix, 5 x 5, 1000 simulations, 2 threads", f"a limit of {MATRIX_LIMIT} s"
    rows.append(Case("brigade", work, "4", against, _matrix, 1.0, 2.0, True))
    rows.append(Case("brigade", "fitness of 50, 20 games each, 1 thread", "4", "one by one", _fitness))
    return rows


def _profile(*names: str) -> Array:
    return np.array([ARCHETYPES[name] for name in names])


def _seeds(count: int) -> list[Array]:
    rng = np.random.default_rng(42)
    return [rng.integers(0, 2**63, count, np.uint64) for _ in range(SETS)]


def _nights(decisions: str) -> Race:
    """Episodes of all archetypes in the core scenarios in turn; a call is a night."""
    profiles = np.array([_profile(*([name] * 4)) for name in NAMES] + [_profile(*NAMES[:4])])
    inputs = list(zip(CORE_SCENARIOS, _seeds(EPISODES // len(profiles)) * 2))

    def play() -> int:
        total = 0
        for scenario, seeds in inputs:
            nights = run_heuristic_episodes(scenario, profiles, seeds, decisions=decisions, num_threads=1)[1]
            total += int(nights.sum())
        return total

    nights = play()

    def agree() -> None:
        """The original's recorded games, which any change of the rules or the generator would break."""
        scores, nights = run_heuristic_episodes("default", _profile(*["firefighter"] * 4), [0, 1])
        np.testing.assert_array_equal(scores[0], [8207.0, 4611.0, 8086.0, 8088.0])
        np.testing.assert_array_equal(nights, [100, 14])

    return Race(play, play, nights, agree, elsewhere=ORIGINAL_NIGHT)


def _threads(halves: bool = False) -> Race:
    profile, inputs = _profile(*NAMES[:4]), _seeds(MANY)

    def play(threads: int, part: slice = slice(None)) -> list[Any]:
        return [run_heuristic_episodes("default", profile, seeds[part], num_threads=threads) for seeds in inputs]

    def agree() -> None:
        for two, one in zip(play(2), play(1)):
            for mine, other in zip(two, one):
                np.testing.assert_array_equal(mine, other)

    middle = MANY // 2
    ours: Callable[[], object] = partial(play, 2)
    if halves:
        ours = apart(partial(play, 1, slice(middle)), partial(play, 1, slice(middle, None)))
    return Race(ours, partial(play, 1), len(inputs), agree)


def _matrix() -> Race:
    evaluator, single = (PayoffEvaluator("default", 1000, 7, num_threads=threads) for threads in (2, 1))

    def ours() -> Array:
        return evaluator.payoff_matrix(NAMES).values

    def agree() -> None:
        np.testing.assert_array_equal(ours(), single.payoff_matrix(NAMES).values)

    return Race(ours, ours, 1, agree, elsewhere=MATRIX_LIMIT)


def _fitness() -> Race:
    fitness = FitnessEvaluator("default", games_per_individual=20, seed=0, num_threads=1)
    genomes = np.random.default_rng(3).random((50, 10))

    def together() -> Array:
        return fitness(genomes, 1).means

    def one_by_one() -> Array:
        return np.array([fitness(genome[None], 1).means[0] for genome in genomes])

    def agree() -> None:
        np.testing.assert_allclose(together(), one_by_one(), rtol=1e-12)

    return Race(together, one_by_one, len(genomes), agree)
