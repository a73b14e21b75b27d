"""What strategies earn against each other, by simulation: whole grids of episodes in one call of the engine."""

from __future__ import annotations

import csv
import itertools
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _arguments as arguments
from ..errors import InvalidInputError
from ..game_theory.games import SymmetricGame
from ..game_theory.simulation import TableMaker, checked_count, paired
from ._strategies import EffectiveSpace, mixture_of, pool_of
from .archetypes import PARAMETERS, strategy
from .episodes import DECISIONS, as_scenario, run_heuristic_episodes

__all__ = ["Payoff", "PayoffEvaluator", "PayoffMatrix"]

Array = npt.NDArray[np.float64]
Seeds = npt.NDArray[np.uint64]

SEEDS = ("common", "original")
LEGACY_HIGH = 2**31 - 1  # the original draws its seeds below this
BLOCK = 2**22  # scores of one call
MAX_PROFILES = 2**16  # of a payoff against a mixture


@dataclass(frozen=True)
class Payoff:
    """An estimated payoff.

    Attributes:
        mean, standard_error: in `units`.
        num_simulations: seeds it was measured with.
        units: what it counts.
    """

    mean: float
    standard_error: float
    num_simulations: int
    units: str

    def __float__(self) -> float:
        return self.mean

    def __repr__(self) -> str:
        return f"Payoff({self.mean:.6g} ± {self.standard_error:.3g} {self.units}, {self.num_simulations} simulations)"


@dataclass(frozen=True)
class PayoffMatrix:
    """What each strategy of a pool earns when all others play the same strategy.

    For more than two players this is not a game by itself: opponents who mix do not all play the same. See
    `PayoffEvaluator.payoff_table`.

    Attributes:
        values, standard_errors: (K, K); row: the strategy, column: that of all the others.
        names: of the strategies.
        num_simulations: seeds per entry.
        units: what a payoff counts.
    """

    values: Array
    standard_errors: Array
    names: tuple[str, ...]
    num_simulations: int
    units: str

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.array(self.values, dtype=dtype)

    def to_csv(self, path: str | Path) -> None:
        """One row per entry: strategy, others, payoff, standard_error."""
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["strategy", "others", "payoff", "standard_error"])
            for i, j in np.ndindex(self.values.shape):
                row = [repr(float(self.values[i, j])), repr(float(self.standard_errors[i, j]))]
                writer.writerow([self.names[i], self.names[j], *row])

    def __repr__(self) -> str:
        width = max(map(len, self.names))
        lines = [f"PayoffMatrix({self.units}; standard errors up to {self.standard_errors.max():.3g}"]
        lines += [
            f"  {name:<{width}} {' '.join(f'{value:>10.1f}' for value in row)}"
            for name, row in zip(self.names, self.values)
        ]
        return "\n".join(lines) + ")"


class PayoffEvaluator:
    """Payoffs of heuristic agents in a scenario.

    With `seeds="common"` every evaluation uses the same seeds (common random numbers), a strategy is measured in
    all seats, which take turns over the seeds, and agents draw from a stream of their own.

    With `seeds="original"` everything is as in the original: new seeds from NumPy's legacy generator for every
    number, the strategy always in seat 0 (which owns more houses than others), decisions from the game's seed. Its
    published numbers come out digit by digit.

    Attributes:
        scenario: what is played.
        num_players, num_simulations: N, and the seeds per number.
        seed: of the seeds; drawn from the system where none was given.
        units: what a payoff counts.
        space: the strategies among which best responses are looked for.
    """

    num_parameters = len(PARAMETERS)

    def __init__(
        self,
        scenario: Any,
        num_simulations: int = 1000,
        seed: int | None = None,
        *,
        num_agents: int | None = None,
        seeds: str = "common",
        decisions: str | None = None,
        num_threads: int | None = None,
    ) -> None:
        """
        Args:
            scenario: a name, a `Scenario` or a dictionary of its fields.
            num_simulations: seeds per number, at least 2.
            seed: of the seeds; `None`: fresh entropy. For `seeds="original"` below 2**32.
            num_agents: N, at least 2; `None`: that of the scenario.
            seeds: `"common"` or `"original"`.
            decisions: `"independent"` or `"original"`; `None`: what suits `seeds`.
            num_threads: most threads; results do not depend on it.
        """
        self.scenario = as_scenario(scenario, num_agents)
        self.num_players = arguments.integer(self.scenario.num_agents, "num_agents", low=2)
        self.num_simulations = checked_count(num_simulations, "num_simulations")
        self.seeds = arguments.choice(seeds, "seeds", SEEDS)
        chosen = decisions or ("original" if seeds == "original" else "independent")
        self.decisions = arguments.choice(chosen, "decisions", DECISIONS)
        self.num_threads = num_threads
        high = 2**32 - 1 if seeds == "original" else arguments.MAX_SEED
        drawn = secrets.randbelow(2**32) if seed is None else seed
        self.seed = arguments.integer(drawn, "seed", low=0, high=high)
        self._legacy = np.random.RandomState(self.seed) if seeds == "original" else None
        self._stream = np.random.default_rng([self.seed, 1])
        self._common = np.random.default_rng([self.seed, 0]).integers(0, 2**63, self.num_simulations, np.uint64)
        self.space = EffectiveSpace()
        cap = self.scenario.max_nights
        self.units = f"points per agent and episode of at most {cap} nights"

    # --------------------------------------------------------------------------------------------------------
    # What the analysis asks of a simulator

    def simulate(self, profiles: Any, seeds: Any) -> npt.NDArray[np.float32]:
        """Scores (P, S, N) of the profiles (P, N, 10), each with its S seeds (P, S) or with the same (S,)."""
        return run_heuristic_episodes(
            self.scenario, profiles, seeds, decisions=self.decisions, num_threads=self.num_threads
        )[0]

    def draw_seeds(self, count: int) -> Seeds:
        """`count` seeds that were not handed out before."""
        if self._legacy is not None:
            return self._legacy.randint(0, LEGACY_HIGH, count).astype(np.uint64)
        return self._stream.integers(0, 2**63, count, np.uint64)

    def _table_seeds(self) -> Seeds:
        return self._common if self._legacy is None else self.draw_seeds(self.num_simulations)

    # --------------------------------------------------------------------------------------------------------
    # Payoffs

    def symmetric(self, focal: Any, opponents: Any) -> Payoff:
        """What `focal` earns when all others play `opponents`; each an archetype or a vector of 10."""
        one, others = strategy(focal, "focal"), strategy(opponents, "opponents")
        seeds = self._table_seeds()
        return self._payoff(self._against([one], [others], seeds[None])[0])

    def payoff_matrix(self, pool: Any) -> PayoffMatrix:
        """Entry (i, j): what strategy i earns when all others play j.

        Args:
            pool: K names, vectors, or a dictionary name -> either.
        """
        names, params = pool_of(pool)
        pairs = list(itertools.product(params, repeat=2))
        focal, others = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        seeds = np.broadcast_to(self._common, (len(pairs), self.num_simulations))
        if self._legacy is not None:  # new ones for every entry, row by row
            seeds = self.draw_seeds(len(pairs) * self.num_simulations).reshape(seeds.shape)
        samples = self._against(focal, others, seeds)
        means, errors = paired(samples)
        shape = (len(names), len(names))
        return PayoffMatrix(
            means.reshape(shape), errors.reshape(shape), tuple(names), self.num_simulations, self.units
        )

    def payoff_table(self, pool: Any, *, show_progress: bool = False) -> SymmetricGame:
        """The symmetric game of a pool: what each strategy earns against every mix of the others.

        Seats are dealt at random: an entry is the mean over all seats and arrangements. All entries share their
        seeds, which the table keeps as samples, so that equilibria come with standard errors.

        Args:
            pool: K names, vectors, or a dictionary name -> either.
            show_progress: a bar on a terminal, where tqdm is installed.
        """
        names, params = pool_of(pool)
        return TableMaker(self, self._table_seeds(), show_progress=show_progress).table(params, names)

    def against_mixture(self, focal: Any, mixture: Any, pool: Any) -> Payoff:
        """What `focal` earns when every other agent draws its strategy from a mixture, for itself.

        With `seeds="original"` all others play the same draw, as in the original.

        Args:
            focal: an archetype or a vector of 10.
            mixture: (K,) probabilities, or a dictionary index -> probability.
            pool: K names, vectors, or a dictionary name -> either.
        """
        _, params = pool_of(pool)
        shares = mixture_of(mixture, len(params))
        return self._mixed(strategy(focal, "focal")[None], np.ones(1), params, shares)

    def mixture_vs_mixture(self, focal: Any, others: Any, pool: Any) -> Payoff:
        """What an agent earns who draws from the mixture `focal`, when all others draw from `others`."""
        _, params = pool_of(pool)
        size = len(params)
        return self._mixed(params, mixture_of(focal, size, "focal"), params, mixture_of(others, size, "others"))

    def deviation_seeds(self, count: int) -> Seeds:
        """Seeds of the original's exploitability check: `RandomState(seed).randint(0, 2**31 - 1, size=count)`."""
        legacy = np.random.RandomState(arguments.integer(self.seed, "seed", low=0, high=2**32 - 1))
        return legacy.randint(0, LEGACY_HIGH, arguments.integer(count, "count", low=1)).astype(np.uint64)

    # --------------------------------------------------------------------------------------------------------

    def _payoff(self, samples: Array) -> Payoff:
        mean, error = paired(samples)
        return Payoff(float(mean), float(error), self.num_simulations, self.units)

    def _against(self, focal: Sequence[Array], others: Sequence[Array], seeds: Seeds) -> Array:
        """Payoffs (P, S) of each focal strategy against copies of the others, in seats that take turns over the
        seeds; in the original always in seat 0."""
        profiles = np.repeat(np.array(others)[:, None], self.num_players, axis=1)
        turns = 1 if self._legacy is not None else self.num_players
        earned = np.empty(seeds.shape)
        for seat in range(min(turns, seeds.shape[1])):
            taken = profiles.copy()
            taken[:, seat] = focal
            some = np.ascontiguousarray(seeds[:, seat::turns])
            earned[:, seat::turns] = self._in_blocks(taken, some)[:, :, seat]
        return earned

    def _mixed(self, focal: Array, chances: Array, params: Array, shares: Array) -> Payoff:
        played = [(i, chances[i]) for i in np.flatnonzero(chances)]
        if self._legacy is not None:
            terms = [
                (p * q, self._against([focal[i]], [params[j]], self._table_seeds()[None])[0])
                for i, p in played
                for j, q in enumerate(shares)
                if q > 0
            ]
            errors = [weight * paired(sample)[1] for weight, sample in terms]
            mean = sum(weight * float(sample.mean()) for weight, sample in terms)
            return Payoff(float(mean), float(np.sqrt(np.square(errors).sum())), self.num_simulations, self.units)
        support = [int(j) for j in np.flatnonzero(shares)]
        number = len(support) ** (self.num_players - 1)
        if number * self.num_players * len(played) > MAX_PROFILES:
            raise InvalidInputError(
                f"mixture: {len(support)} strategies in {self.num_players - 1} seats have {number} arrangements, too "
                "many to play them all"
            )
        arranged = itertools.product(support, repeat=self.num_players - 1)
        profiles, weights, seats = [], [], []
        for (i, chance), others, seat in itertools.product(played, arranged, range(self.num_players)):
            profile = params[list(others)]
            profiles.append(np.insert(profile, seat, focal[i], axis=0))
            weights.append(chance * float(np.prod(shares[list(others)])) / self.num_players)
            seats.append(seat)
        scores = self._in_blocks(np.array(profiles), np.broadcast_to(self._common, (len(seats), self.num_simulations)))
        mine = scores[np.arange(len(seats)), :, seats]
        return self._payoff(np.array(weights) @ mine)

    def _in_blocks(self, profiles: Array, seeds: Seeds) -> Array:
        scores = np.empty((*seeds.shape, self.num_players))
        block = max(1, BLOCK // (seeds.shape[1] * self.num_players))
        for start in range(0, len(profiles), block):
            some = slice(start, start + block)
            scores[some] = self.simulate(profiles[some], seeds[some])
        return scores

    def __repr__(self) -> str:
        return (
            f"PayoffEvaluator({self.num_players} agents, {self.num_simulations} simulations, seed={self.seed}, "
            f"seeds={self.seeds!r}; {self.units})"
        )


