"""The operators of the genetic algorithm: selection, crossover and mutation of genomes in [0, 1]^D."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["CROSSOVERS", "MUTATIONS", "SELECTIONS", "crossover", "diversity", "mutate", "select"]

Array = npt.NDArray[np.float64]

SELECTIONS = ("tournament", "roulette", "rank")
CROSSOVERS = ("uniform", "single_point", "arithmetic")
MUTATIONS = ("gaussian", "uniform", "adaptive")


def select(fitness: Array, count: int, strategy: str, tournament_size: int, rng: np.random.Generator) -> list[int]:
    """Indices of `count` parents, the fitter the likelier.

    "tournament": the fittest of some who are drawn without replacement; "roulette": in proportion to fitness, which
    is shifted where it is negative; "rank": in proportion to the rank from below.
    """
    size = len(fitness)
    if strategy == "tournament":
        drawn = (rng.choice(size, tournament_size, replace=False) for _ in range(count))
        return [int(some[fitness[some].argmax()]) for some in drawn]
    if strategy == "roulette":
        weights = fitness - min(float(fitness.min()) - 1e-6, 0.0)
    else:
        weights = np.empty(size)
        weights[np.argsort(fitness, kind="stable")] = np.arange(1.0, size + 1)
    total = weights.sum()
    chances = weights / total if total > 0 else np.full(size, 1.0 / size)
    return [int(i) for i in rng.choice(size, count, p=chances)]


def crossover(one: Array, two: Array, strategy: str, alpha: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Two children of two parents.

    "uniform": each gene from either parent; "single_point": up to a point from one, then from the other;
    "arithmetic": `alpha` of one and the rest of the other.
    """
    size = len(one)
    if strategy == "arithmetic":
        return np.clip(alpha * one + (1 - alpha) * two, 0, 1), np.clip(alpha * two + (1 - alpha) * one, 0, 1)
    if strategy == "uniform":
        first = rng.random(size) < 0.5
    else:
        first = np.arange(size) < rng.integers(1, max(size, 2))
    return np.where(first, one, two), np.where(first, two, one)


def mutate(genome: Array, strategy: str, rate: float, scale: float, rng: np.random.Generator) -> Array:
    """The genome with each gene changed with chance `rate`: by a normal step of sd `scale`, or drawn anew."""
    changed = rng.random(len(genome)) < rate
    if strategy == "uniform":
        return np.where(changed, rng.random(len(genome)), genome)
    return np.clip(genome + changed * rng.normal(0, scale, len(genome)), 0, 1)


def diversity(genomes: Array) -> float:
    """Mean Euclidean distance over all pairs; 0 for fewer than two."""
    count = len(genomes)
    if count < 2:
        return 0.0
    distances = np.sqrt(((genomes[:, None] - genomes[None]) ** 2).sum(axis=2))
    return float(distances.sum() / (count * (count - 1)))
