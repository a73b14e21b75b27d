"""How fit a strategy is: what evolution climbs. All candidates of a generation play in one call of the engine."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _arguments as arguments
from ..game_theory.simulation import checked_count, paired
from ._original import play_original
from ._strategies import pool_of
from .archetypes import PARAMETERS
from .episodes import DECISIONS, as_scenario, run_heuristic_episodes

__all__ = ["Fitness", "FitnessEvaluator"]

Array = npt.NDArray[np.float64]

TEAMS = ("homogeneous", "heterogeneous")
LEGACY_HIGH = 2**31 - 1
OPPONENTS = ("firefighter", "free_rider", "hero", "coordinator")


@dataclass(frozen=True)
class Fitness:
    """Estimated fitness of M candidates, who all played the same games.

    Attributes:
        means, standard_errors: (M,) in `units`.
        num_games: games of each.
        units: what fitness counts.
    """

    means: Array
    standard_errors: Array
    num_games: int
    units: str

    def __repr__(self) -> str:
        best = int(self.means.argmax())
        return (
            f"Fitness({len(self.means)} candidates, {self.num_games} games each; best {self.means[best]:.6g} ± "
            f"{self.standard_errors[best]:.3g} {self.units})"
        )


class FitnessEvaluator:
    """Fitness of heuristic agents in a scenario.

    `team="homogeneous"`: all agents are copies of the candidate, and fitness is the score of the team, the sum over
    agents. `team="heterogeneous"`: the candidate joins others, who are drawn from a pool anew for each game; seats
    take turns over the games, and fitness is the candidate's own score.

    `decisions="original"` is the original's fitness digit by digit: agents draw from NumPy's legacy generator, a
    homogeneous candidate plays games of its own, and a heterogeneous one always sits in seat 0, in games 0, 1, 2, ...
    and beside agents of its own. It runs in Python, several thousand times slower.

    Attributes:
        scenario, num_agents, games_per_individual, team, decisions: what is played.
        seed: of `evaluate` where it is not given one; drawn from the system where none was given.
        units: what fitness counts.
    """

    num_parameters = len(PARAMETERS)

    def __init__(
        self,
        scenario: Any = "trivial_cooperation",
        num_agents: int | None = None,
        games_per_individual: int = 20,
        seed: int | None = None,
        *,
        team: str = "homogeneous",
        opponents: Any = OPPONENTS,
        decisions: str = "independent",
        num_threads: int | None = None,
    ) -> None:
        """
        Args:
            scenario: a name, a `Scenario` or a dictionary of its fields.
            num_agents: `None`: that of the scenario.
            games_per_individual: at least 2.
            seed: `None`: fresh entropy. For `decisions="original"` below 2**32.
            team: `"homogeneous"` or `"heterogeneous"`.
            opponents: the pool of a heterogeneous team: names, vectors, or a dictionary name -> either.
            decisions: `"independent"` or `"original"`.
            num_threads: most threads; results do not depend on it.
        """
        self.scenario = as_scenario(scenario, num_agents)
        self.num_agents = self.scenario.num_agents
        self.games_per_individual = checked_count(games_per_individual, "games_per_individual")
        self.team = arguments.choice(team, "team", TEAMS)
        self.decisions = arguments.choice(decisions, "decisions", DECISIONS)
        self.num_threads = num_threads
        self._opponents = pool_of(opponents, "opponents")[1]
        high = 2**32 - 1 if decisions == "original" else arguments.MAX_SEED
        self.seed = arguments.integer(secrets.randbelow(2**32) if seed is None else seed, "seed", low=0, high=high)
        self._legacy = np.random.RandomState(self.seed % 2**32)
        self._calls = 0
        who = "team" if team == "homogeneous" else "candidate"
        self.units = f"points per {who} and episode of at most {self.scenario.max_nights} nights"

    def __call__(self, genomes: Any, seed: int, num_games: int | None = None) -> Fitness:
        """Fitness of genomes (M, 10), all in the same games, which depend on `seed` alone.

        Args:
            genomes: names, vectors, or an array (M, 10) from 0 to 1.
            seed: of the games. Not of the original's, which take the next numbers of a stream of their own.
            num_games: `None`: `games_per_individual`.
        """
        params = pool_of(genomes, "genomes")[1]
        games = self.games_per_individual if num_games is None else checked_count(num_games, "num_games")
        if self.decisions == "original":
            values = np.array([self._original(genome, games) for genome in params])
        else:
            rng = np.random.default_rng([arguments.seed(seed), 2])
            values = self._values(params, games, rng)
        means, errors = paired(values)
        return Fitness(means, errors, games, self.units)

    def evaluate(self, genomes: Any) -> Fitness:
        """Fitness of genomes (M, 10); every call plays new games."""
        self._calls += 1
        return self(genomes, int(np.random.SeedSequence([self.seed, self._calls]).generate_state(1, np.uint64)[0]))

    def _values(self, params: Array, games: int, rng: np.random.Generator) -> Array:
        """Fitness in each game, (M, games)."""
        seeds = rng.integers(0, 2**63, games, np.uint64)
        count, agents = len(params), self.num_agents
        if self.team == "homogeneous":
            profiles = np.repeat(params[:, None], agents, axis=1)
            scores = self._play(profiles, seeds)
            return scores.sum(axis=2)
        others = self._opponents[rng.integers(0, len(self._opponents), (games, agents))]
        turns = np.arange(games)
        profiles = np.repeat(others[None], count, axis=0)
        profiles[:, turns, turns % agents] = params[:, None]
        scores = self._play(profiles.reshape(-1, agents, self.num_parameters), np.tile(seeds, count)[:, None])
        return np.asarray(scores.reshape(count, games, agents)[:, turns, turns % agents])

    def _play(self, profiles: Array, seeds: npt.NDArray[np.uint64]) -> Array:
        scores = run_heuristic_episodes(
            self.scenario, profiles, seeds, decisions=self.decisions, num_threads=self.num_threads
        )[0]
        return np.asarray(scores, np.float64)

    def _original(self, genome: Array, games: int) -> list[float]:
        """What the original counts in the candidate's next games: the team's score, or the candidate's."""
        agents = self.num_agents
        if self.team == "homogeneous":
            seeds = [int(self._legacy.randint(0, LEGACY_HIGH)) for _ in range(games)]
            team = np.repeat(genome[None], agents, axis=0)
            return [play_original(self.scenario, team, seed).final_score for seed in seeds]
        scores = []
        for game in range(games):
            others = self._opponents[self._legacy.choice(len(self._opponents), agents - 1)]
            scores.append(float(play_original(self.scenario, np.vstack([genome, others]), game).payoffs[0]))
        return scores
