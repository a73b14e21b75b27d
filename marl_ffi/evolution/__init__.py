"""Evolution of strategies: a genetic algorithm, and CMA-ES through the package cma.

>>> from marl_ffi import evolution
>>> from marl_ffi.bucket_brigade.fitness import FitnessEvaluator
>>> fitness = FitnessEvaluator("default", games_per_individual=20, seed=1)
>>> result = evolution.evolve(fitness, num_generations=2, population_size=10, seed=1)
>>> result.num_generations
3
"""

from .evolve import METHODS, evolve
from .result import EvolutionResult, Generation

__all__ = ["METHODS", "EvolutionResult", "Generation", "evolve"]
