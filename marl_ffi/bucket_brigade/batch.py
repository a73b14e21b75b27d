"""Batches of games: random teams of many random agents in random towns, with a row and, if wanted, a replay of each."""

from __future__ import annotations

import csv
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _arguments as arguments
from .._progress import progress
from ..errors import InvalidInputError, ShapeError
from ._scenario import MAX_AGENTS, Scenario
from ._strategies import pool_of
from .episodes import as_scenario
from .ranking import MembershipRanking, rank_by_membership
from .replay import Replay
from .scenarios import random_scenario

__all__ = ["Batch", "BatchGame", "run_batch"]

SAFE, RUINED = 0, 2
COLUMNS = (
    "game_id", "scenario_id", "seed", "team", "agent_params", "team_reward", "agent_rewards", "nights_played",
    "saved_houses", "ruined_houses", "replay_path",
)  # fmt: skip


@dataclass(frozen=True)
class BatchGame:
    """One game.

    Attributes:
        game_id, scenario_id: its number, and that of its town.
        seed: that plays it again.
        team: names, in the order of seats.
        agent_params: (N, 10) of the agents that played.
        team_reward: sum over agents and nights, points per team and episode.
        agent_rewards: sum over nights of each agent.
        nights_played: how many.
        saved_houses, ruined_houses: safe, and ruined, in the end.
        replay_path: the file, or None.
    """

    game_id: int
    scenario_id: int
    seed: int
    team: tuple[str, ...]
    agent_params: tuple[tuple[float, ...], ...]
    team_reward: float
    agent_rewards: tuple[float, ...]
    nights_played: int
    saved_houses: int
    ruined_houses: int
    replay_path: str | None = None


@dataclass(frozen=True)
class Batch:
    """The games of a batch.

    Attributes:
        games: one by one.
        agents: name -> parameters (10,) of all that could play.
        seed: that makes the same batch again.
    """

    games: tuple[BatchGame, ...]
    agents: dict[str, npt.NDArray[np.float64]]
    seed: int

    def __len__(self) -> int:
        return len(self.games)

    def __iter__(self) -> Iterator[BatchGame]:
        return iter(self.games)

    def ranking(self, *, regularization: float = 1.0, noise_variance: float | None = None) -> MembershipRanking:
        """Who makes a team earn more, by presence; see `rank_by_membership`.

        Args:
            regularization: precision of the prior around 0.
            noise_variance: of a game; `None`: that of the team rewards.
        """
        rewards = np.array([game.team_reward for game in self.games])
        spread = float(rewards.var(ddof=1)) if len(rewards) > 1 else 0.0
        chosen = (spread or 1.0) if noise_variance is None else noise_variance
        teams = [game.team for game in self.games]
        return rank_by_membership(teams, rewards, regularization=regularization, noise_variance=chosen)

    def to_csv(self, path: str | PathLike[str]) -> None:
        """One row per game; teams, parameters and rewards as JSON lists."""
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for game in self.games:
                cells = [getattr(game, name) for name in COLUMNS]
                writer.writerow([json.dumps(cell) if isinstance(cell, tuple) else cell for cell in cells])

    def summary(self) -> dict[str, Any]:
        """The batch in a few numbers; rewards are points per team and episode."""
        rewards = np.array([game.team_reward for game in self.games])
        error = float(rewards.std(ddof=1) / np.sqrt(len(rewards))) if len(rewards) > 1 else None
        return {
            "num_games": len(self.games),
            "num_agents": len(self.agents),
            "seed": self.seed,
            "team_reward": float(rewards.mean()),
            "team_reward_standard_error": error,
            "team_reward_median": float(np.median(rewards)),
            "team_reward_range": [float(rewards.min()), float(rewards.max())],
            "nights_played": float(np.mean([game.nights_played for game in self.games])),
            "saved_houses": float(np.mean([game.saved_houses for game in self.games])),
            "ruined_houses": float(np.mean([game.ruined_houses for game in self.games])),
        }

    def __repr__(self) -> str:
        told = self.summary()
        noise = "" if told["team_reward_standard_error"] is None else f" ± {told['team_reward_standard_error']:.3g}"
        return (
            f"Batch({len(self.games)} games of {len(self.agents)} agents, seed {self.seed}; team reward "
            f"{told['team_reward']:.6g}{noise} points per team and episode)"
        )


def run_batch(
    num_games: int = 50,
    team_size: int = 6,
    *,
    agents: Any = 20,
    scenarios: Sequence[Any] | None = None,
    teams: Sequence[Sequence[str]] | None = None,
    seed: int | None = None,
    output: str | PathLike[str] | None = None,
    show_progress: bool = True,
) -> Batch:
    """Play games of random teams in random towns.

    Args:
        num_games: how many.
        team_size: different agents per team.
        agents: how many random heuristic agents there are (`"agent_0"`, ...); or who, as names of archetypes, vectors,
            or a dictionary name -> either.
        scenarios: towns that are drawn from; `None`: a new random one for each game.
        teams: who plays each game, instead of drawing `num_games` teams: say, of `suggest_next_batch`.
        seed: of everything; `None`: fresh entropy.
        output: a directory for `games.csv`, `summary.json` and `replays/`; made if it is not there.
        show_progress: a bar on a terminal, where tqdm is installed.
    """
    count = arguments.integer(num_games, "num_games", low=1)
    size = arguments.integer(team_size, "team_size", low=1, high=MAX_AGENTS)
    first = secrets.randbelow(2**32) if seed is None else arguments.seed(seed)
    rng = np.random.default_rng([first, 4])
    pool = _pool(agents, rng)
    town = _towns(scenarios)
    lineup = [_drawn(list(pool), size, rng) for _ in range(count)] if teams is None else _given(teams, pool)
    folder = None if output is None else Path(output)
    if folder is not None:
        (folder / "replays").mkdir(parents=True, exist_ok=True)
    played = []
    with progress(len(lineup), "batch", "game", show=show_progress) as advance:
        for number, team in enumerate(lineup):
            scenario_id, scenario = town(number, len(team), rng)
            replay = Replay.play(scenario, [pool[name] for name in team], int(rng.integers(0, 2**63)))
            path = None if folder is None else folder / "replays" / f"game_{number:04d}.json"
            if path is not None:
                replay.save(path)
            played.append(_row(number, scenario_id, team, pool, replay, path))
            advance(1)
    batch = Batch(tuple(played), pool, first)
    if folder is not None:
        batch.to_csv(folder / "games.csv")
        (folder / "summary.json").write_text(json.dumps(batch.summary(), indent=2) + "\n", encoding="utf-8")
    return batch


def _row(
    number: int, scenario_id: int, team: Sequence[str], pool: dict[str, Any], replay: Replay, path: Path | None
) -> BatchGame:
    scores, last = replay.scores, replay.houses[-1]
    assert replay.seed is not None
    return BatchGame(
        number, scenario_id, replay.seed, tuple(team), tuple(tuple(pool[name].tolist()) for name in team),
        float(scores.sum()), tuple(scores.tolist()), replay.num_nights, int((last == SAFE).sum()),
        int((last == RUINED).sum()), None if path is None else str(path),
    )  # fmt: skip


def _pool(agents: Any, rng: np.random.Generator) -> dict[str, npt.NDArray[np.float64]]:
    if isinstance(agents, (int, np.integer)) and not isinstance(agents, bool):
        number = arguments.integer(agents, "agents", low=1, high=10_000)
        return {f"agent_{k}": rng.random(10) for k in range(number)}
    return dict(zip(*pool_of(agents, "agents")))


def _towns(scenarios: Sequence[Any] | None) -> Callable[[int, int, np.random.Generator], tuple[int, Scenario]]:
    """What a game of so many agents is played in, and its number."""
    if scenarios is None:
        return lambda number, size, rng: (number, random_scenario(size, int(rng.integers(0, 2**32))))
    chosen = [scenarios] if isinstance(scenarios, str) else list(scenarios)
    if not chosen:
        raise InvalidInputError("scenarios: expected at least one")
    for each in chosen:
        as_scenario(each)

    def draw(number: int, size: int, rng: np.random.Generator) -> tuple[int, Scenario]:
        which = int(rng.integers(0, len(chosen)))
        return which, as_scenario(chosen[which], size)

    return draw


def _drawn(names: list[str], size: int, rng: np.random.Generator) -> list[str]:
    if size > len(names):
        raise InvalidInputError(f"team_size: expected at most {len(names)}, the number of agents, got {size}")
    return [names[k] for k in rng.choice(len(names), size, replace=False)]


def _given(teams: Sequence[Sequence[str]], pool: dict[str, Any]) -> list[list[str]]:
    made = []
    for g, team in enumerate(teams):
        if isinstance(team, str) or not 1 <= len(team) <= MAX_AGENTS:
            raise ShapeError(f"teams[{g}]: expected 1 to {MAX_AGENTS} names, got {team!r:.80}")
        for name in team:
            if name not in pool:
                raise arguments.unknown(str(name), f"agent of teams[{g}]", pool)
        made.append(list(team))
    if not made:
        raise InvalidInputError("teams: expected at least one")
    return made
