"""What both double oracles do: look for a better strategy, decide whether it is one, add it to a pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _arguments as arguments
from ._inputs import real, strategy_names
from .responses import METHODS, BestResponse, best_response
from .simulation import Simulator, Space, checked_count, strategy_array

__all__ = ["Oracle", "Pool"]

Array = npt.NDArray[np.float64]


class Pool:
    """Strategies (K, D) with their names, which grow in number."""

    def __init__(self, strategies: Array, names: Sequence[str] | None) -> None:
        self.strategies = strategies
        self.names = list(strategy_names(names, len(strategies)))

    def index(self, strategy: Array) -> int | None:
        """Where a strategy is, if it is there."""
        same = np.flatnonzero((self.strategies == strategy).all(axis=1))
        return int(same[0]) if len(same) else None

    def add(self, found: BestResponse, axes: Sequence[str]) -> int:
        """The index of what was found, which is added, under the name of its place, if it is new."""
        known = self.index(found.strategy)
        if known is not None:
            return known
        self.strategies = np.vstack([self.strategies, found.strategy])
        name = " ".join(f"{axis}={value:.3g}" for axis, value in zip(axes, found.point))
        self.names.append(name if name not in self.names else f"{name} ({len(self.names)})")
        return len(self.names) - 1


class Oracle:
    """A simulated game, where better strategies are looked for, and which gain counts."""

    def __init__(
        self, simulator: Simulator, space: Space, *, num_simulations: int, search_simulations: int,
        response_simulations: tuple[str, int], z: float, epsilon: float, method: str, seed: int, show_progress: bool,
    ) -> None:  # fmt: skip
        """`response_simulations`: fresh ones of each best response, and the name of the argument they came from."""
        self.simulator, self.space = simulator, space
        self.num_simulations = checked_count(num_simulations, "num_simulations")
        self.search_simulations = checked_count(search_simulations, "search_simulations")
        self._fresh = checked_count(response_simulations[1], response_simulations[0])
        self.z, self.epsilon = real(z, "z", low=0.0), real(epsilon, "epsilon", low=0.0)
        self.method = arguments.choice(method, "method", METHODS)
        self.seed, self.show_progress = arguments.seed(seed), show_progress

    def _pool(self, strategies: Any, names: Sequence[str] | None) -> Pool:
        return Pool(strategy_array(strategies, self.simulator), names)

    def _respond(
        self, opponents: Array, seed: int, *, mixture: Array | None = None, seat: int | None = None
    ) -> BestResponse:
        return best_response(
            self.simulator, self.space, opponents, mixture, seat=seat, method=self.method,
            search_simulations=self.search_simulations, num_simulations=self._fresh, seed=seed,
        )  # fmt: skip

    def _counts(self, gain: float, error: float) -> bool:
        """Whether a gain is more than noise, and than what does not matter."""
        return gain > self.z * error and gain > self.epsilon
