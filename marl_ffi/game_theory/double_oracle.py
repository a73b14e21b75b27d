"""Double oracle: solve the game of a few strategies, look for a better one outside, add it, repeat.

Whether something is better is decided on fresh seeds, in paired runs, and in standard errors. An answer therefore
says how much could still be gained, and how sure that is, instead of comparing two independent noisy numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _arguments as arguments
from .._progress import progress
from ..errors import InvalidInputError
from ._oracle import Oracle
from .equilibria import Equilibrium, symmetric_nash
from .games import SymmetricGame
from .responses import BestResponse
from .simulation import Simulator, Space, TableMaker

__all__ = ["DoubleOracle", "DoubleOracleResult", "DoubleOracleStep"]

Array = npt.NDArray[np.float64]

MAX_SUPPORT = 5  # tried first; larger supports are slow and rarely needed


@dataclass(frozen=True)
class DoubleOracleStep:
    """One round: the equilibrium among the strategies known so far, and the best found against it."""

    equilibrium: Equilibrium
    response: BestResponse


@dataclass(frozen=True)
class DoubleOracleResult:
    """Where a double oracle ended.

    Attributes:
        pool: (K, D) strategies.
        game: their payoff table, with the seeds it was made of as samples.
        equilibrium: of that table; its regret is within the pool, on the table's seeds.
        response: the last best response, that is, how much leaving the pool gains, on fresh seeds.
        converged: True if that gain is not more than `epsilon` and `z` standard errors.
        steps: all rounds.
        units: what payoffs count.
    """

    pool: Array
    game: SymmetricGame
    equilibrium: Equilibrium
    response: BestResponse
    converged: bool
    z: float
    epsilon: float
    steps: tuple[DoubleOracleStep, ...] = field(repr=False, default=())

    @property
    def distribution(self) -> dict[str, float]:
        """Name -> probability of the strategies in play."""
        return self.equilibrium.distribution

    @property
    def units(self) -> str:
        """What payoffs count."""
        return self.equilibrium.units

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for JSON."""
        return {
            "converged": self.converged,
            "iterations": len(self.steps),
            "z": self.z,
            "epsilon": self.epsilon,
            "units": self.units,
            "pool": dict(zip(self.game.names, self.pool.tolist())),
            "equilibrium": self.equilibrium.to_dict(),
            "best_response": {
                "strategy": self.response.strategy.tolist(),
                "payoff": self.response.payoff,
                "gain": self.response.gain,
                "gain_standard_error": self.response.gain_standard_error,
            },
            "gains": [[s.response.gain, s.response.gain_standard_error] for s in self.steps],
        }

    def __repr__(self) -> str:
        how = "converged" if self.converged else "not converged"
        return (
            f"DoubleOracleResult({how} after {len(self.steps)} rounds, {len(self.pool)} strategies\n"
            f"  {self.equilibrium!r}\n  {self.response!r})"
        )


class DoubleOracle(Oracle):
    """Looks for a symmetric equilibrium of a simulated game whose seats are dealt at random."""

    def __init__(
        self,
        simulator: Simulator,
        space: Space,
        *,
        num_simulations: int = 1000,
        search_simulations: int = 400,
        fresh_simulations: int = 4000,
        max_iterations: int = 20,
        z: float = 2.0,
        epsilon: float = 0.0,
        method: str = "grid",
        seed: int = 0,
        show_progress: bool = True,
    ) -> None:
        """
        Args:
            simulator: the game.
            space: where better strategies are looked for.
            num_simulations: runs of every profile of the payoff table, with the same seeds.
            search_simulations, fresh_simulations: of each best response, see `best_response`.
            max_iterations: rounds at most.
            z: a gain counts if it is more than this many standard errors above 0 ...
            epsilon: ... and more than this, in units of payoff.
            method: of the search, `"grid"` or `"cma"`.
            seed: of everything that the simulator does not seed.
            show_progress: a bar on a terminal, where tqdm is installed.
        """
        super().__init__(
            simulator, space, num_simulations=num_simulations, search_simulations=search_simulations,
            response_simulations=("fresh_simulations", fresh_simulations), z=z, epsilon=epsilon, method=method, seed=seed,
            show_progress=show_progress,
        )  # fmt: skip
        self.fresh_simulations = self._fresh
        self.max_iterations = arguments.integer(max_iterations, "max_iterations", low=1)

    def solve(self, strategies: Any, names: Sequence[str] | None = None) -> DoubleOracleResult:
        """Start from some strategies (K, D) and go on until no better one is found.

        Raises:
            InvalidInputError: two of the strategies are the same.
        """
        pool = self._pool(strategies, names)
        if len(np.unique(pool.strategies, axis=0)) < len(pool.names):
            raise InvalidInputError("strategies: expected different ones, some are the same")
        maker = TableMaker(self.simulator, self.simulator.draw_seeds(self.num_simulations))
        steps: list[DoubleOracleStep] = []
        with progress(self.max_iterations, "double oracle", "round", show=self.show_progress) as advance:
            while True:
                played = pool.strategies
                game = maker.table(played, pool.names)
                equilibrium = _equilibrium(game)
                seed = (self.seed + len(steps)) % 2**64
                response = self._respond(played, seed, mixture=equilibrium.probabilities)
                steps.append(DoubleOracleStep(equilibrium, response))
                advance(1)
                converged = not self._counts(response.gain, response.gain_standard_error)
                if converged or pool.index(response.strategy) is not None or len(steps) == self.max_iterations:
                    break
                pool.add(response, self.space.names)
        return DoubleOracleResult(
            played, game, equilibrium, response, converged, self.z, self.epsilon, tuple(steps)
        )


def _equilibrium(game: SymmetricGame) -> Equilibrium:
    """The symmetric equilibrium with the highest payoff, of small support where there is one."""
    found = symmetric_nash(game, max_support=MAX_SUPPORT) or symmetric_nash(game)
    if not found:
        raise InvalidInputError(f"no equilibrium of {game!r} was found at the tolerance of the search")
    best: Equilibrium = found[0]
    return best
