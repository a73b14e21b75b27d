"""Pure equilibria of seats that differ: every seat answers in turn, until no seat can gain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _arguments as arguments
from .._progress import progress
from ._oracle import Oracle, Pool
from .simulation import Simulator, Situations, Space, paired

__all__ = ["HeterogeneousDoubleOracle", "HeterogeneousProfile", "HeterogeneousResult"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HeterogeneousProfile:
    """A profile in which the search from one start ended.

    Attributes:
        names: of the strategy in each seat.
        strategies: (N, D).
        payoffs, standard_errors: (N,) of each seat, on fresh seeds.
        mean_payoff, mean_standard_error: over the seats. A mean per agent, no sum.
        gains, gains_standard_errors: (N,) of the best response found in each seat in the last round, on fresh seeds.
        converged: True if no seat gains more than `epsilon` and `z` standard errors.
        rounds: over all seats.
        units: what a payoff counts.
    """

    names: tuple[str, ...]
    strategies: Array
    payoffs: Array
    standard_errors: Array
    mean_payoff: float
    mean_standard_error: float
    gains: Array
    gains_standard_errors: Array
    converged: bool
    rounds: int
    units: str

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for JSON."""
        return {key: arguments.plain(value) for key, value in vars(self).items()}

    def __repr__(self) -> str:
        how = "equilibrium" if self.converged else "not converged"
        return (
            f"HeterogeneousProfile({' / '.join(self.names)}: mean {self.mean_payoff:.6g} ± "
            f"{self.mean_standard_error:.3g} {self.units}; {how}, largest gain {self.gains.max():.4g} ± "
            f"{self.gains_standard_errors[self.gains.argmax()]:.3g})"
        )


@dataclass(frozen=True)
class HeterogeneousResult:
    """What all starts led to.

    Attributes:
        profiles: distinct by names in their seats; converged ones first, then by falling mean payoff. The best of
            several noisy means is too high: measure it again before you quote it.
        starts: how many led to each profile.
    """

    profiles: tuple[HeterogeneousProfile, ...]
    starts: tuple[int, ...]

    @property
    def best(self) -> HeterogeneousProfile:
        """The first profile."""
        return self.profiles[0]

    def __repr__(self) -> str:
        lines = [f"{count} starts: {profile!r}" for profile, count in zip(self.profiles, self.starts)]
        return "HeterogeneousResult(\n  " + "\n  ".join(lines) + ")"


class HeterogeneousDoubleOracle(Oracle):
    """Iterated best responses, seat by seat, from several random starts, over a pool that all starts share."""

    def __init__(
        self,
        simulator: Simulator,
        space: Space,
        *,
        num_simulations: int = 2000,
        search_simulations: int = 300,
        max_rounds: int = 10,
        num_restarts: int = 5,
        z: float = 3.0,
        epsilon: float = 0.0,
        method: str = "grid",
        seed: int = 0,
        show_progress: bool = True,
    ) -> None:
        """
        Args:
            simulator, space: the game, and where better strategies are looked for.
            num_simulations: fresh paired runs that decide about a change.
            search_simulations: runs during a search.
            max_rounds: over all seats, per start.
            num_restarts: random starts.
            z, epsilon: a seat changes for a gain of more than `z` standard errors and more than `epsilon`.
            method: of the search, `"grid"` or `"cma"`.
            seed: of starts and searches.
            show_progress: a bar on a terminal, where tqdm is installed.
        """
        super().__init__(
            simulator, space, num_simulations=num_simulations, search_simulations=search_simulations,
            response_simulations=("num_simulations", num_simulations), z=z, epsilon=epsilon, method=method, seed=seed,
            show_progress=show_progress,
        )  # fmt: skip
        self.max_rounds = arguments.integer(max_rounds, "max_rounds", low=1)
        self.num_restarts = arguments.integer(num_restarts, "num_restarts", low=1)

    def solve(self, strategies: Any, names: Sequence[str] | None = None) -> HeterogeneousResult:
        """Search from random profiles of some strategies (K, D)."""
        pool, rng = self._pool(strategies, names), np.random.default_rng(self.seed)
        ended: dict[tuple[str, ...], HeterogeneousProfile] = {}
        starts: dict[tuple[str, ...], int] = {}
        with progress(self.num_restarts, "heterogeneous double oracle", "start", show=self.show_progress) as advance:
            for _ in range(self.num_restarts):
                start = rng.integers(0, len(pool.names), self.simulator.num_players)
                profile = self._descend(pool, start.tolist(), rng)
                ended.setdefault(profile.names, profile)
                starts[profile.names] = starts.get(profile.names, 0) + 1
                advance(1)
        order = sorted(ended, key=lambda key: (not ended[key].converged, -ended[key].mean_payoff))
        return HeterogeneousResult(tuple(ended[k] for k in order), tuple(starts[k] for k in order))

    def _descend(self, pool: Pool, profile: list[int], rng: np.random.Generator) -> HeterogeneousProfile:
        seats = range(self.simulator.num_players)
        gains, errors = np.zeros(len(seats)), np.zeros(len(seats))
        converged, rounds = False, 0
        while not converged and rounds < self.max_rounds:
            converged, rounds = True, rounds + 1
            for seat in seats:
                gains[seat], errors[seat], changed = self._improve(pool, profile, seat, rng)
                converged = converged and not changed
        played = pool.strategies[profile]
        seeds = self.simulator.draw_seeds(self.num_simulations)
        scores = np.asarray(self.simulator.simulate(played[None], seeds[None]), np.float64)[0]
        payoffs, noise = paired(scores.T)
        mean, mean_noise = paired(scores.mean(axis=1))
        return HeterogeneousProfile(
            tuple(pool.names[i] for i in profile), played, payoffs, noise, float(mean), float(mean_noise), gains,
            errors, converged, rounds, self.simulator.units,
        )  # fmt: skip

    def _improve(
        self, pool: Pool, profile: list[int], seat: int, rng: np.random.Generator
    ) -> tuple[float, float, bool]:
        """Let a seat change to the best of the pool or of the space, if it gains: (gain, error, changed)."""
        played = pool.strategies[profile]
        index, gain, error = self._from_pool(pool, played, profile[seat], seat)
        found = self._respond(played, int(rng.integers(0, 2**63)), seat=seat)
        if self._counts(found.gain, found.gain_standard_error) and found.gain > gain + error:
            profile[seat] = pool.add(found, self.space.names)
            return found.gain, found.gain_standard_error, True
        if index != profile[seat] and self._counts(gain, error):
            profile[seat] = index
            return gain, error, True
        return (gain, error, False) if gain >= found.gain else (found.gain, found.gain_standard_error, False)

    def _from_pool(self, pool: Pool, played: Array, own: int, seat: int) -> tuple[int, float, float]:
        """The member of the pool that looks best in a seat, and its gain on fresh seeds."""
        looked = Situations.in_seat(self.simulator, played, seat, self.search_simulations)
        index = int(looked.payoffs(pool.strategies).mean(axis=1).argmax())
        if index == own:
            return index, 0.0, 0.0
        again = Situations.in_seat(self.simulator, played, seat, self.num_simulations)
        earned = again.payoffs(pool.strategies[[index, own]])
        gain, error = paired(earned[0] - earned[1])
        return index, float(gain), float(error)
