"""The genetic algorithm and CMA-ES over genomes in [0, 1]^D, with a fitness that is noisy and measured in batches."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .. import _arguments as arguments
from .._progress import progress
from ..errors import InvalidInputError, ShapeError
from ..game_theory._inputs import payoff_array, real, require
from . import operators
from ._state import Estimates, State
from .result import EvolutionResult, Generation

__all__ = ["METHODS", "evolve"]

Array = npt.NDArray[np.float64]

METHODS = ("ga", "cma")
ELITES = ("average", "keep")
FINAL_GAMES = 20  # times the games of a generation, to choose among the last elite and to measure the chosen


class FitnessFunction(Protocol):
    """Fitness of genomes (M, D), higher is better, all measured in the same games, which depend on the seed."""

    @property
    def games_per_individual(self) -> int: ...

    @property
    def units(self) -> str: ...

    def __call__(self, genomes: Array, seed: int, num_games: int | None = None) -> Any:
        """An object with `means` (M,), `standard_errors` (M,) and `num_games`."""


@dataclass(frozen=True)
class _Settings:
    """What a checkpoint must agree with. The number of generations may grow, unless mutation depends on it."""

    method: str
    dimensions: int
    population_size: int
    elite_size: int
    elites: str
    selection: str
    tournament_size: int
    crossover: str
    crossover_rate: float
    arithmetic_alpha: float
    mutation: str
    mutation_rate: float
    mutation_scale: float
    adaptive_rates: tuple[float, float]
    min_diversity: float

    def plain(self, num_generations: int) -> dict[str, Any]:
        made: dict[str, Any] = arguments.plain(asdict(self))
        if self.mutation == "adaptive":
            made["num_generations"] = num_generations
        return made


def evolve(
    fitness: FitnessFunction,
    *,
    dimensions: int = 10,
    method: str = "ga",
    population_size: int = 50,
    num_generations: int = 20,
    elite_size: int = 5,
    elites: str = "average",
    selection: str = "tournament",
    tournament_size: int = 3,
    crossover: str = "uniform",
    crossover_rate: float = 0.7,
    arithmetic_alpha: float = 0.5,
    mutation: str = "gaussian",
    mutation_rate: float = 0.1,
    mutation_scale: float = 0.1,
    adaptive_rates: tuple[float, float] = (0.3, 0.05),
    min_diversity: float = 0.1,
    patience: int | None = 5,
    z: float = 2.0,
    initial: Any = None,
    seed: int | None = None,
    checkpoint: str | Path | None = None,
    callback: Callable[[Generation], object] | None = None,
    show_progress: bool = True,
) -> EvolutionResult:
    """Look for the fittest genome.

    Within a generation all individuals play the same games, each generation new ones. The last elite is compared
    in many more games, and the winner is measured once more in fresh ones: that is the fitness that is reported.

    Args:
        fitness: for instance a `FitnessEvaluator`.
        dimensions: D, genes per genome.
        method: `"ga"`: the genetic algorithm; `"cma"`: CMA-ES of the package cma, with the same population size. All
            arguments from `elite_size` to `min_diversity` are the genetic algorithm's.
        population_size, num_generations: the first population counts as generation 0.
        elite_size: how many survive unchanged.
        elites: `"average"`: survivors play on, and their games add up, so that luck wears off; `"keep"`: their first
            estimate stands.
        selection: `"tournament"` (of `tournament_size`), `"roulette"` or `"rank"`.
        crossover: `"uniform"`, `"single_point"` or `"arithmetic"` (of `arithmetic_alpha`); with chance
            `crossover_rate`, otherwise children are copies.
        mutation: `"gaussian"`, `"uniform"` or `"adaptive"`: each gene with chance `mutation_rate`, by a normal step of
            sd `mutation_scale`, or drawn anew. Adaptive: gaussian, with a chance that falls over the generations
            from the first of `adaptive_rates` to the second.
        min_diversity: mean distance below which a tenth of the next population is drawn anew.
        patience: stop when the best gained no more than `z` standard errors in so many generations; `None`: never.
        initial: (M, D) genomes to start from, at most `population_size`; the rest is random. For CMA-ES the first of
            them is where it starts.
        seed: `None`: fresh entropy, which the result reports.
        checkpoint: file that is written after every generation, and gone on from if it is there.
        callback: called with every generation.
        show_progress: a bar on a terminal, where tqdm is installed.

    Raises:
        InvalidInputError: an argument out of range, or a checkpoint of another evolution.
        ModuleNotFoundError: `method="cma"` without the package cma.
    """
    size = arguments.integer(population_size, "population_size", low=2)
    settings = _Settings(
        method=arguments.choice(method, "method", METHODS),
        dimensions=arguments.integer(dimensions, "dimensions", low=1),
        population_size=size,
        elite_size=arguments.integer(elite_size, "elite_size", low=1, high=size - 1),
        elites=arguments.choice(elites, "elites", ELITES),
        selection=arguments.choice(selection, "selection", operators.SELECTIONS),
        tournament_size=arguments.integer(tournament_size, "tournament_size", low=1, high=size),
        crossover=arguments.choice(crossover, "crossover", operators.CROSSOVERS),
        crossover_rate=real(crossover_rate, "crossover_rate", low=0.0, high=1.0),
        arithmetic_alpha=real(arithmetic_alpha, "arithmetic_alpha", low=0.0, high=1.0),
        mutation=arguments.choice(mutation, "mutation", operators.MUTATIONS),
        mutation_rate=real(mutation_rate, "mutation_rate", low=0.0, high=1.0),
        mutation_scale=real(mutation_scale, "mutation_scale", low=0.0),
        adaptive_rates=_rates(adaptive_rates),
        min_diversity=real(min_diversity, "min_diversity", low=0.0),
    )
    if method == "cma" and dimensions < 2:
        raise InvalidInputError("method: 'cma' needs at least 2 dimensions")
    generations = arguments.integer(num_generations, "num_generations", low=0)
    rounds = None if patience is None else arguments.integer(patience, "patience", low=1)
    noise = real(z, "z", low=0.0)
    first = _initial(initial, settings)
    path = None if checkpoint is None else Path(checkpoint)
    config = settings.plain(generations)
    if path is not None and path.exists():
        state = State.load(path, config)
        if seed is not None and arguments.seed(seed) != state.seed:
            raise InvalidInputError(f"checkpoint {path}: made with seed {state.seed}, not {seed}")
    else:
        chosen = secrets.randbelow(2**63) if seed is None else arguments.seed(seed)
        rng = np.random.default_rng(chosen)
        start = first[0] if len(first) else np.full(settings.dimensions, 0.5)
        state = State(chosen, start, rng, _filled(first, settings, rng), Estimates.none(size))
    run = (_Genetic if settings.method == "ga" else _Covariance)(fitness, settings, state, generations)
    with progress(generations + 1, "evolve", "generation", show=show_progress) as advance:
        advance(len(state.history))
        while len(state.history) <= generations and state.converged_at is None:
            run.generation()
            if rounds is not None and _stalled(state.history, rounds, noise):
                state.converged_at = state.history[-1].generation
            if path is not None:
                state.save(path, config)
            advance(1)
            if callback is not None:
                callback(state.history[-1])
    return _result(fitness, settings, state, run.candidates())


def _rates(values: Any) -> tuple[float, float]:
    if not isinstance(values, (tuple, list)) or len(values) != 2:
        raise ShapeError(f"adaptive_rates: expected the first and the last rate, got {values!r}")
    first, last = (real(value, f"adaptive_rates[{i}]", low=0.0, high=1.0) for i, value in enumerate(values))
    return first, last


def _initial(values: Any, settings: _Settings) -> Array:
    if values is None:
        return np.empty((0, settings.dimensions))
    genomes = payoff_array(values, "initial", 2)
    if genomes.shape[1] != settings.dimensions or len(genomes) > settings.population_size:
        raise ShapeError(
            f"initial: expected at most {settings.population_size} genomes of {settings.dimensions} genes, got shape "
            f"{genomes.shape}"
        )
    if genomes.min() < 0 or genomes.max() > 1:
        raise InvalidInputError("initial: expected genes from 0 to 1")
    return genomes


def _filled(first: Array, settings: _Settings, rng: np.random.Generator) -> Array:
    missing = settings.population_size - len(first)
    return np.vstack([first, rng.random((missing, settings.dimensions))])


def _stalled(history: list[Generation], rounds: int, z: float) -> bool:
    if len(history) <= rounds:
        return False
    now, then = history[-1], history[-1 - rounds]
    return now.best - then.best <= z * float(np.hypot(now.best_standard_error, then.best_standard_error))


class _Run:
    """One way to make the next generation."""

    def __init__(self, fitness: FitnessFunction, settings: _Settings, state: State, generations: int) -> None:
        self.fitness, self.settings, self.state, self.generations = fitness, settings, state, generations

    def measure(self, some: npt.NDArray[np.intp]) -> None:
        """Let some of the population play this generation's games."""
        state = self.state
        got = self.fitness(state.population[some], int(state.rng.integers(2**63)))
        means, errors = np.asarray(got.means, np.float64), np.asarray(got.standard_errors, np.float64)
        if means.shape != (len(some),) or not np.isfinite(means).all():
            raise InvalidInputError(f"fitness: expected {len(some)} finite numbers, got {means}")
        state.estimates.add(some, means, errors, int(got.num_games))

    def record(self, evaluations: int) -> None:
        """Add the population to the history."""
        estimates, history = self.state.estimates, self.state.history
        best = int(estimates.means.argmax())
        history.append(
            Generation(
                len(history), float(estimates.means[best]), float(estimates.errors[best]),
                float(estimates.means.mean()), float(estimates.means.min()), float(estimates.means.std()),
                operators.diversity(self.state.population), evaluations,
            )
        )  # fmt: skip

    def generation(self) -> None:
        """Make and measure the next generation."""
        raise TypeError("made by subclasses")

    def candidates(self) -> Array:
        """Who may be the best, (C, D)."""
        order = np.argsort(-self.state.estimates.means, kind="stable")
        return self.state.population[order[: self.settings.elite_size]]


class _Genetic(_Run):
    def generation(self) -> None:
        state = self.state
        if state.history:
            self._breed()
        fresh = state.estimates.games == 0
        play = np.arange(len(fresh)) if self.settings.elites == "average" else np.flatnonzero(fresh)
        self.measure(play)
        self.record(len(play))

    def _breed(self) -> None:
        settings, state = self.settings, self.state
        rng, size = state.rng, settings.population_size
        order = np.argsort(-state.estimates.means, kind="stable")
        elite = order[: settings.elite_size]
        count = size - settings.elite_size
        count += count % 2
        chosen = operators.select(
            state.estimates.means, count, settings.selection, settings.tournament_size, rng
        )
        rate = self._rate(len(state.history) - 1)
        children: list[Array] = []
        for one, two in zip(chosen[::2], chosen[1::2]):
            pair = state.population[one], state.population[two]
            if rng.random() < settings.crossover_rate:
                pair = operators.crossover(*pair, settings.crossover, settings.arithmetic_alpha, rng)
            children += [operators.mutate(g, settings.mutation, rate, settings.mutation_scale, rng) for g in pair]
        population = np.vstack([state.population[elite], *children])[:size]
        if state.history[-1].diversity < settings.min_diversity:
            newcomers = max(1, size // 10)
            population[-newcomers:] = rng.random((newcomers, settings.dimensions))
        estimates = Estimates.none(size)
        kept = np.arange(settings.elite_size)
        for name, values in vars(state.estimates.of(elite)).items():
            getattr(estimates, name)[kept] = values
        state.population, state.estimates = population, estimates

    def _rate(self, generation: int) -> float:
        if self.settings.mutation != "adaptive":
            return self.settings.mutation_rate
        first, last = self.settings.adaptive_rates
        return first + (last - first) * generation / max(self.generations, 1)


class _Covariance(_Run):
    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        settings, state = self.settings, self.state
        cma = require("cma", "cma", "evolution", "method='cma'")
        # a generator of its own, so that a resumed run can ask the same questions again
        steps = np.random.default_rng([state.seed, 1])
        options = {
            "bounds": [0, 1], "popsize": settings.population_size, "seed": np.nan, "verbose": -9, "verb_disp": 0,
            "verb_log": 0, "randn": lambda *shape: steps.standard_normal(shape),
        }  # fmt: skip
        self.strategy = cma.CMAEvolutionStrategy(state.start, 0.3, options)
        for told in state.told:
            self.strategy.tell(self.strategy.ask(), told)

    def generation(self) -> None:
        state = self.state
        asked = self.strategy.ask()
        state.population = np.clip(np.array(asked), 0, 1)
        state.estimates = Estimates.none(len(asked))
        self.measure(np.arange(len(asked)))
        told = (-state.estimates.means).tolist()
        self.strategy.tell(asked, told)
        state.told.append(told)
        self.record(len(asked))

    def candidates(self) -> Array:
        centre = np.clip(self.strategy.result.xfavorite, 0, 1)
        return np.vstack([centre, super().candidates()])


def _result(fitness: FitnessFunction, settings: _Settings, state: State, candidates: Array) -> EvolutionResult:
    games = FINAL_GAMES * fitness.games_per_individual
    # seeds that no generation has used, and that do not depend on how often the run was stopped
    choose, measure = (int(s) for s in np.random.SeedSequence([state.seed, 2]).generate_state(2, np.uint64))
    index = int(np.asarray(fitness(candidates, choose, games).means).argmax())
    final = fitness(candidates[index : index + 1], measure, games)
    order = np.argsort(-state.estimates.means, kind="stable")
    return EvolutionResult(
        candidates[index], float(final.means[0]), float(final.standard_errors[0]), fitness.units,
        tuple(state.history), state.population[order], state.estimates.means[order], state.converged_at,
        state.seed, settings.method,
    )  # fmt: skip
