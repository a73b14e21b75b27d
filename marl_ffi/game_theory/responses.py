"""Best responses and exploitability of strategies that are known by simulation.

What is compared meets the same situations (common random numbers). What wins a search is the luckiest as much as
the best, so that its gain is measured again on fresh seeds before anything is concluded.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _arguments as arguments
from ..errors import InvalidInputError, ShapeError
from ._inputs import real, require
from .simulation import Mixed, Simulator, Situations, Space, checked_count, paired, strategy_array

__all__ = ["BestResponse", "Exploitability", "best_response", "exploitability"]

Array = npt.NDArray[np.float64]

GRID = {1: 41, 2: 11, 3: 7}  # points per axis of the first grid, by dimensions
FACTORS = (1, 4, 8)  # situations of all candidates, of the better ones, of the last few
BETTER, FINALISTS = 32, 8
ZOOMS, ZOOM_POINTS = 2, 5  # finer grids around the best, and their points per axis
METHODS = ("grid", "cma")


@dataclass(frozen=True)
class BestResponse:
    """The best strategy that a search found against given opponents, measured on fresh seeds.

    Attributes:
        strategy: (D,).
        point: (d,) where it lies in the space that was searched.
        payoff, payoff_standard_error: what it earns.
        gain, gain_standard_error: how much more than what was played before, in paired runs.
        search_payoff: its payoff during the search: the maximum of noisy numbers, and therefore too high.
        evaluations: strategies that were tried.
        num_simulations: fresh runs behind payoff and gain.
        units: what they count.
    """

    strategy: Array
    point: Array
    payoff: float
    payoff_standard_error: float
    gain: float
    gain_standard_error: float
    search_payoff: float
    evaluations: int
    num_simulations: int
    units: str

    def decisive(self, z: float = 3.0) -> bool:
        """Whether the gain is more than `z` standard errors above 0."""
        return self.gain > z * self.gain_standard_error

    def __repr__(self) -> str:
        point = ", ".join(f"{value:.3f}" for value in self.point)
        return (
            f"BestResponse(at {point}: payoff {self.payoff:.6g} ± {self.payoff_standard_error:.3g}, gain "
            f"{self.gain:.4g} ± {self.gain_standard_error:.3g} {self.units}; {self.evaluations} strategies tried, "
            f"{self.num_simulations} fresh runs)"
        )


def best_response(
    simulator: Simulator,
    space: Space,
    opponents: Any,
    mixture: Any = None,
    *,
    seat: int | None = None,
    method: str = "grid",
    search_simulations: int = 400,
    num_simulations: int = 2000,
    seed: int = 0,
) -> BestResponse:
    """Look for the strategy that earns most against given opponents.

    Args:
        simulator: the game.
        space: where to look.
        opponents: with `mixture`, a pool (K, D) from which everybody else draws; the seat is random, and the
            gain is over drawing from the mixture too. Without, a profile (N, D), with `seat`.
        mixture: (K,) probabilities.
        seat: whose response, from 0 on; the gain is over what the profile has in this seat.
        method: `"grid"`: a grid, and finer ones around its best, for up to 3 dimensions; `"cma"`: the evolution
            strategy of the package cma, from 2 on.
        search_simulations: situations in which all candidates are compared; the better ones then meet four times as
            many, and the last few eight times.
        num_simulations: fresh situations for payoff and gain.
        seed: of the draws of opponents and of the search; runs are seeded by the simulator.

    Raises:
        InvalidInputError, ShapeError: what does not fit together.
        ModuleNotFoundError: `method="cma"` without the package cma.
    """
    arguments.choice(method, "method", METHODS)
    rng = np.random.default_rng(arguments.seed(seed))
    searches = checked_count(search_simulations, "search_simulations")
    fresh = checked_count(num_simulations, "num_simulations")
    pool = strategy_array(opponents, simulator, "opponents")
    if mixture is not None:
        before = Mixed(pool, mixture)

        def situations(count: int) -> Situations:
            return Situations.against_mixture(simulator, before, count, rng)
    else:
        place = _seat(simulator, pool, seat)
        before = Mixed(pool[place : place + 1], [1.0])

        def situations(count: int) -> Situations:
            return Situations.in_seat(simulator, pool, place, count)

    rounds = [situations(factor * searches) for factor in FACTORS]
    search = _grid_search if method == "grid" else _cma_search
    points, means, evaluations = search(space, rounds, rng)
    finalists = points[_best(means, FINALISTS)]
    compared = rounds[-1].payoffs(space.strategies(finalists)).mean(axis=1)
    point, found = finalists[int(compared.argmax())], float(compared.max())
    strategy = space.strategies(point[None])
    again = situations(fresh)
    earned = again.payoffs(strategy)[0]
    payoff, error = paired(earned)
    gain, gain_error = paired(earned - again.payoffs_of(before))
    return BestResponse(
        strategy[0], point, float(payoff), float(error), float(gain), float(gain_error), found, evaluations,
        fresh, simulator.units,
    )  # fmt: skip


def _seat(simulator: Simulator, profile: Array, seat: Any) -> int:
    if len(profile) != simulator.num_players:
        raise ShapeError(
            f"opponents: expected a profile of {simulator.num_players} strategies, one per seat, got "
            f"{len(profile)}; a pool needs a mixture"
        )
    return arguments.integer(seat, "seat", low=0, high=simulator.num_players - 1)


def _best(means: Array, count: int) -> npt.NDArray[np.intp]:
    """Indices of the highest, the earlier of equals first."""
    return np.argsort(-means, kind="stable")[:count]


def _grid(low: Array, high: Array, points: int) -> Array:
    return np.array(list(itertools.product(*(np.linspace(a, b, points) for a, b in zip(low, high)))))


def _grid_search(
    space: Space, rounds: Sequence[Situations], rng: np.random.Generator
) -> tuple[Array, Array, int]:
    """The better points (P, d), their means (P,) in the second round, and how many were tried in all."""
    dimensions = len(space.low)
    if dimensions not in GRID:
        raise InvalidInputError(f"method: a grid has at most 3 dimensions, not {dimensions}; use 'cma'")
    low, high = np.array(space.low), np.array(space.high)
    grid = _grid(low, high, GRID[dimensions])
    # noise is large next to what neighbours differ by, but small next to what the better regions have in common
    points = grid[_best(rounds[0].payoffs(space.strategies(grid)).mean(axis=1), BETTER)]
    means = rounds[1].payoffs(space.strategies(points)).mean(axis=1)
    step, tried = (high - low) / (GRID[dimensions] - 1), len(grid)
    for _ in range(ZOOMS):
        best = points[int(means.argmax())]
        closer = _grid(np.maximum(low, best - step), np.minimum(high, best + step), ZOOM_POINTS)
        points = np.vstack([points, closer])
        means = np.append(means, rounds[1].payoffs(space.strategies(closer)).mean(axis=1))
        step, tried = step / 2, tried + len(closer)
    return points, means, tried


def _cma_search(
    space: Space, rounds: Sequence[Situations], rng: np.random.Generator
) -> tuple[Array, Array, int]:
    """The better points (P, d), their means (P,) in the second round, and how many were tried in all."""
    low, high = np.asarray(space.low), np.asarray(space.high)
    if len(low) < 2:
        raise InvalidInputError("method: 'cma' needs at least 2 dimensions; use 'grid'")
    cma = require("cma", "cma", "evolution", "method='cma'")
    # on the unit cube; the situations stay the same, so that the objective is a fixed function
    options = {
        "bounds": [0, 1], "seed": int(rng.integers(1, 2**31)), "popsize": 16, "maxfevals": 100 * (len(low) + 3),
        "tolx": 1e-3, "tolflatfitness": 10, "verbose": -9, "verb_disp": 0, "verb_log": 0,
    }  # fmt: skip
    strategy = cma.CMAEvolutionStrategy([0.5] * len(low), 0.3, options)
    tried, earned = np.empty((0, len(low))), np.empty(0)
    while not strategy.stop():
        cube = strategy.ask()
        points = low + (high - low) * np.array(cube)
        means = rounds[0].payoffs(space.strategies(points)).mean(axis=1)
        strategy.tell(cube, list(-means))
        tried, earned = np.vstack([tried, points]), np.append(earned, means)
    better = tried[_best(earned, BETTER)]
    return better, rounds[1].payoffs(space.strategies(better)).mean(axis=1), len(tried)


@dataclass(frozen=True)
class Exploitability:
    """What single players could gain by leaving a profile.

    Attributes:
        gains, standard_errors: (N, M) of the player in each seat by each deviation, in paired runs.
        epsilon: the largest decisive gain, 0 if none is: the profile is an epsilon-equilibrium as far as these
            deviations and this many runs tell.
        seat, deviation: whose and which that is; `None` without one.
        fresh_gain, fresh_standard_error: that gain measured again on fresh seeds, free of the winner's curse.
        upper_bound: largest gain plus `z` standard errors: more is unlikely for each deviation that was tried.
        z: standard errors that make a gain decisive.
        num_simulations: runs with the same seeds for the profile and every deviation.
        units: what a gain counts.
    """

    gains: Array
    standard_errors: Array
    epsilon: float
    seat: int | None
    deviation: int | None
    fresh_gain: float | None
    fresh_standard_error: float | None
    upper_bound: float
    z: float
    num_simulations: int
    units: str

    def __repr__(self) -> str:
        what = f"no deviation gains decisively, none more than {self.upper_bound:.4g}"
        if self.seat is not None:
            what = (
                f"seat {self.seat} gains {self.epsilon:.4g} by deviation {self.deviation}; on fresh seeds "
                f"{self.fresh_gain:.4g} ± {self.fresh_standard_error:.3g}"
            )
        return f"Exploitability({what}; {self.units}; {self.num_simulations} paired runs, z = {self.z:g})"


def exploitability(
    simulator: Simulator,
    profile: Any,
    deviations: Any,
    *,
    num_simulations: int = 20_000,
    z: float = 3.0,
    seeds: Any = None,
) -> Exploitability:
    """Let every player of a profile try every deviation, on the same seeds as the profile itself.

    Args:
        simulator: the game.
        profile: (N, D), one strategy per seat.
        deviations: (M, D) to try.
        num_simulations: paired runs per deviation.
        z: standard errors above 0 that make a gain decisive.
        seeds: (num_simulations,) of the runs; `None`: the simulator's next.
    """
    played = strategy_array(profile, simulator, "profile")
    if len(played) != simulator.num_players:
        raise ShapeError(f"profile: expected {simulator.num_players} strategies, got {len(played)}")
    tried = strategy_array(deviations, simulator, "deviations")
    count = checked_count(num_simulations, "num_simulations")
    needed = real(z, "z", low=0.0)
    if seeds is not None:
        seeds = np.asarray(seeds)
        if seeds.shape != (count,):
            raise ShapeError(f"seeds: expected {count}, one per simulation, got shape {seeds.shape}")
    shared = simulator.draw_seeds(count) if seeds is None else seeds.astype(np.uint64)
    gains, errors = _paired_gains(simulator, played, tried, shared)
    decisive = np.where(gains > needed * errors, gains, 0.0)
    seat, deviation = (int(i) for i in np.unravel_index(decisive.argmax(), decisive.shape))
    upper = float((gains + needed * errors).max())
    if decisive[seat, deviation] <= 0:
        return Exploitability(gains, errors, 0.0, None, None, None, None, upper, needed, count, simulator.units)
    again = Situations.in_seat(simulator, played, seat, count)
    pair = again.payoffs(np.array([tried[deviation], played[seat]]))
    fresh, fresh_error = paired(pair[0] - pair[1])
    return Exploitability(
        gains, errors, float(decisive[seat, deviation]), seat, deviation, float(fresh), float(fresh_error), upper,
        needed, count, simulator.units,
    )  # fmt: skip


def _paired_gains(
    simulator: Simulator, profile: Array, deviations: Array, seeds: npt.NDArray[np.uint64]
) -> tuple[Array, Array]:
    shape = (simulator.num_players, len(deviations))
    gains, errors = np.empty(shape), np.empty(shape)
    stay = np.asarray(simulator.simulate(profile[None], seeds[None]), np.float64)[0]
    for seat, deviation in np.ndindex(shape):
        changed = profile.copy()
        changed[seat] = deviations[deviation]
        move = np.asarray(simulator.simulate(changed[None], seeds[None]), np.float64)[0]
        gains[seat, deviation], errors[seat, deviation] = paired(move[:, seat] - stay[:, seat])
    return gains, errors
