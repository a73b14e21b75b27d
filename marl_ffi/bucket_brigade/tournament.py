"""Tournaments: random teams in random scenarios, a row per game, all games of a scenario in one call of the engine."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _arguments as arguments
from .._progress import progress
from ..errors import InvalidInputError, ShapeError
from ._original import play_original
from ._scenario import Scenario
from ._strategies import pool_of
from .archetypes import ARCHETYPES
from .episodes import DECISIONS, as_scenario, run_heuristic_episodes
from .ranking import Ranking, rank_agents
from .scenarios import RESEARCH_SCENARIOS

__all__ = ["Tournament", "TournamentGame", "run_tournament"]

COLUMNS = ("game_id", "scenario", "team", "individual_payoffs", "team_payoff", "steps")


@dataclass(frozen=True)
class TournamentGame:
    """One game.

    Attributes:
        game_id: its number.
        scenario, team: names; of the agents in the order of their seats.
        individual_payoffs: points of each agent over the episode.
        team_payoff: their **mean**, points per agent and episode.
        steps: nights.
    """

    game_id: int
    scenario: str
    team: tuple[str, ...]
    individual_payoffs: tuple[float, ...]
    team_payoff: float
    steps: int


@dataclass(frozen=True)
class Tournament:
    """The games of a tournament.

    Attributes:
        games: one by one.
        units: what a payoff counts.
        seed: that makes the same tournament again.
    """

    games: tuple[TournamentGame, ...]
    units: str
    seed: int | None = None

    def __len__(self) -> int:
        return len(self.games)

    def __iter__(self) -> Iterator[TournamentGame]:
        return iter(self.games)

    @property
    def agents(self) -> tuple[str, ...]:
        """Who played, in alphabetical order."""
        return tuple(sorted({name for game in self.games for name in game.team}))

    def ranking(self, method: str = "ols") -> Ranking:
        """Who makes a team earn more; see `rank_agents`."""
        return rank_agents(self.games, method=method)

    def rankings(self, method: str = "ols") -> dict[str, Ranking]:
        """The same for the games of each scenario by themselves; scenario -> ranking."""
        towns = sorted({game.scenario for game in self.games})
        return {town: rank_agents([g for g in self.games if g.scenario == town], method=method) for town in towns}

    def to_csv(self, path: str | Path) -> None:
        """One row per game; teams and payoffs as JSON lists."""
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for game in self.games:
                lists = json.dumps(list(game.team)), json.dumps(list(game.individual_payoffs))
                writer.writerow([game.game_id, game.scenario, *lists, repr(game.team_payoff), game.steps])

    @classmethod
    def from_csv(cls, path: str | Path, *, units: str = "points per agent and episode") -> Tournament:
        """Read what `to_csv` wrote.

        Raises:
            InvalidInputError: a column is missing or a row cannot be read; the message says which.
        """
        games = []
        with Path(path).open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise InvalidInputError(f"{path}: no column {', '.join(missing)}")
            for line, row in enumerate(reader, 2):
                try:
                    team, payoffs = json.loads(row["team"]), json.loads(row["individual_payoffs"])
                    if len(team) != len(payoffs) or not team:
                        raise ValueError(f"{len(team)} agents, {len(payoffs)} payoffs")
                    games.append(
                        TournamentGame(
                            int(row["game_id"]), row["scenario"], tuple(map(str, team)), tuple(map(float, payoffs)),
                            float(row["team_payoff"]), int(row["steps"]),
                        )
                    )  # fmt: skip
                except (ValueError, TypeError) as error:
                    raise InvalidInputError(f"{path}, line {line}: {error}") from None
        if not games:
            raise InvalidInputError(f"{path}: no games")
        return cls(tuple(games), units)

    def __repr__(self) -> str:
        return f"Tournament({len(self.games)} games of {', '.join(self.agents)}; {self.units})"


def run_tournament(
    pool: Any = None,
    scenarios: Any = None,
    *,
    num_games: int = 1000,
    team_size: int = 4,
    seed: int = 42,
    lineup: Sequence[tuple[str, Sequence[str]]] | None = None,
    decisions: str = "independent",
    num_threads: int | None = None,
    show_progress: bool = True,
) -> Tournament:
    """Play random teams in random scenarios.

    Scenarios and teams are drawn as in the original, by Python's `random.Random(seed)`: a scenario, then each member
    of the team, who may be there more than once.

    Args:
        pool: names of archetypes, vectors, or a dictionary name -> either; `None`: all archetypes.
        scenarios: names, or a dictionary name -> scenario; `None`: the nine of the original's tournaments.
        num_games, team_size: how many games of how many agents.
        seed: of the draws and, with `decisions="independent"`, of the games.
        lineup: (scenario, names of the team) of each game, instead of drawing them.
        decisions: `"independent"`; or `"original"`: game g has seed g, and agents draw from NumPy's legacy generator
            with seed g. That runs in Python, several thousand times slower.
        num_threads: most threads; results do not depend on it.
        show_progress: a bar on a terminal, where tqdm is installed.
    """
    names, params = pool_of(ARCHETYPES if pool is None else pool)
    towns = _towns(scenarios)
    arguments.choice(decisions, "decisions", DECISIONS)
    first = arguments.seed(seed)
    drawn = _drawn(list(towns), names, num_games, team_size, first) if lineup is None else _given(lineup, towns, names)
    strategies = dict(zip(names, params))
    seeds = np.random.default_rng([first, 3]).integers(0, 2**63, len(drawn), np.uint64)
    played: list[TournamentGame | None] = [None] * len(drawn)
    with progress(len(drawn), "tournament", "game", show=show_progress) as advance:
        for town, size in dict.fromkeys((town, len(team)) for town, team in drawn):
            games = [g for g, (other, team) in enumerate(drawn) if other == town and len(team) == size]
            profiles = np.array([[strategies[name] for name in drawn[g][1]] for g in games])
            scenario = as_scenario(towns[town], size)
            if decisions == "original":
                outcomes = _original(scenario, profiles, games)
            else:
                outcomes = run_heuristic_episodes(
                    scenario, profiles, seeds[games][:, None], decisions=decisions, num_threads=num_threads
                )
            scores, nights = (np.asarray(each).reshape(len(games), -1) for each in outcomes)
            for g, mine, steps in zip(games, scores.astype(np.float64), nights[:, 0].tolist()):
                payoffs = tuple(mine.tolist())
                played[g] = TournamentGame(g, town, tuple(drawn[g][1]), payoffs, float(mine.mean()), steps)
            advance(len(games))
    caps = sorted({str(as_scenario(town).max_nights) for town in towns.values()})
    units = f"points per agent and episode of at most {' or '.join(caps)} nights"
    return Tournament(tuple(game for game in played if game is not None), units, first)


def _towns(scenarios: Any) -> dict[str, Scenario]:
    if scenarios is None:
        scenarios = RESEARCH_SCENARIOS
    if isinstance(scenarios, str):
        scenarios = [scenarios]
    if isinstance(scenarios, Mapping):
        found = {str(name): as_scenario(value) for name, value in scenarios.items()}
    else:
        found = {str(name): as_scenario(name) for name in scenarios}
    if not found:
        raise InvalidInputError("scenarios: expected at least one")
    return found


def _drawn(
    towns: list[str], names: list[str], num_games: int, team_size: int, seed: int
) -> list[tuple[str, list[str]]]:
    count = arguments.integer(num_games, "num_games", low=1)
    size = arguments.integer(team_size, "team_size", low=1, high=255)
    draw = random.Random(seed)
    return [(draw.choice(towns), draw.choices(names, k=size)) for _ in range(count)]


def _given(lineup: Any, towns: Mapping[str, Any], names: Sequence[str]) -> list[tuple[str, list[str]]]:
    made = []
    for g, entry in enumerate(lineup):
        if not isinstance(entry, (tuple, list)) or len(entry) != 2 or isinstance(entry[1], str) or not len(entry[1]):
            raise ShapeError(f"lineup[{g}]: expected (scenario, names of the team), got {entry!r}")
        town, team = entry
        if town not in towns:
            raise arguments.unknown(town, "scenario of the lineup", towns)
        for name in team:
            if name not in names:
                raise arguments.unknown(name, "agent of the lineup", names)
        made.append((town, list(team)))
    if not made:
        raise InvalidInputError("lineup: expected at least one game")
    return made


def _original(scenario: Scenario, profiles: npt.NDArray[np.float64], games: Sequence[int]) -> tuple[Any, Any]:
    played = [play_original(scenario, profile, game) for profile, game in zip(profiles, games)]
    return np.array([each.payoffs for each in played]), np.array([each.nights for each in played])
