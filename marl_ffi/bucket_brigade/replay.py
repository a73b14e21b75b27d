"""Games that were played, night by night: recorded, saved, checked, played again and shown.

>>> from marl_ffi.bucket_brigade import Replay
>>> replay = Replay.play("rest_trap", ["firefighter", "free_rider", "hero", "liar"], seed=3)
>>> replay.verify().from_seed
True
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .._arguments import integer
from .._arguments import seed as checked_seed
from ..errors import DtypeError
from ..reference.bucket_brigade.agents import decision_draws
from . import _replay_check, _replay_file
from ._replay_data import Moves, ReplayError, Rules, Verified
from .agents import Agent, Evening, HeuristicAgent
from .archetypes import strategy
from .game import Game
from .scenarios import SCENARIOS, Scenario
from .scenarios import scenario as named_scenario
from .scripted import make_agent

__all__ = ["Recorder", "Replay", "ReplayError", "Verified"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Replay:
    """A game: T nights, N agents, H houses. Immutable.

    Attributes:
        scenario: what was played.
        houses: (T + 1, H) uint8: 0 safe, 1 burning, 2 ruined; row 0 is the first evening, row t the morning after
            night t - 1.
        actions: (T, N, 3) uint8: house, mode (0 rest, 1 work), signal.
        rewards: (T, N) float64, points.
        round1_signals: (T, N) uint8, the first signals of a game of two phases; else None.
        seed: the game's; None if unknown.
        rules: which engine played: "core", "python", "python-2025-11" or "browser"; only the first is for new games.
        agents: names of the players, or None.
        early: what "python-2025-11" had and a scenario has not.
    """

    scenario: Scenario
    houses: Array
    actions: Array
    rewards: Array
    round1_signals: Array | None = None
    seed: int | None = None
    rules: Rules = "core"
    agents: tuple[str, ...] | None = None
    early: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        for array in (self.houses, self.actions, self.rewards, self.round1_signals):
            if array is not None:
                array.flags.writeable = False
        _replay_check.check(self)

    # -- making one ---------------------------------------------------------------------------------------------------

    @classmethod
    def play(
        cls, scenario: str | Scenario, agents: Sequence[Any], seed: int | None = None, *, decisions: str = "independent"
    ) -> Replay:  # fmt: skip
        """Play a game to its end and record it.

        Args:
            scenario: a name or a `Scenario`, which is played with as many agents as are given.
            agents: one per seat: a name (`"hero"`, `"specialist"`, ...), the ten parameters of a heuristic agent, or
                any `Agent`.
            seed: of the game; None for fresh entropy. The recorded seed repeats the game.
            decisions: where agents given by name or parameters draw from, one after the other: a stream of their own
                ("independent"), or the game's own numbers once more ("original").

        Raises:
            UnknownNameError: for a scenario or agent that does not exist, with the nearest that does.
        """
        chosen = named_scenario(scenario).for_agents(len(agents))
        recorder = Recorder(chosen, seed, agents=_names(agents))
        players = _players(agents, chosen, recorder.seed, decisions)
        for player in players:
            player.reset()
        while not recorder.over:
            evening = recorder.evening()
            if chosen.commitment_mode == "two_phase":
                evening = recorder.with_signals([player.signal_first(evening) for player in players])
            recorder.step([player.act(evening) for player in players])
        return recorder.replay()

    @classmethod
    def from_actions(
        cls, scenario: str | Scenario, actions: Any, seed: int, *, round1_signals: Any = None
    ) -> Replay:  # fmt: skip
        """Record the game with this seed that these actions (T, N, 3) or (T, N, 2) give; it may stop before its end."""
        moves = Moves.read(actions, round1_signals)
        recorder = Recorder(named_scenario(scenario).for_agents(moves.actions.shape[1]), checked_seed(seed))
        for night, rows in enumerate(moves.actions):
            if recorder.over:
                raise ReplayError(f"actions: the game is over after {night} nights, got {len(moves.actions)}")
            if moves.round1_signals is not None:
                recorder.with_signals(moves.round1_signals[night].tolist())
            recorder.step(rows.tolist())
        return recorder.replay()

    # -- reading and writing ------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers; the format is described in docs/bucket_brigade.md."""
        return _replay_file.to_dict(self)

    @classmethod
    def from_dict(cls, values: Any) -> Replay:
        """The replay described by such a dictionary, or by one that any version of the original wrote.

        Raises:
            ReplayError: if it is of an unknown version, incomplete, or tells of something that cannot happen.
        """
        return cls(**_replay_file.read(values))

    def to_json(self) -> str:
        """The same as text."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Replay:
        """The replay written in JSON."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ReplayError(f"replay: this is no JSON: {error}") from None
        return cls.from_dict(values)

    def save(self, path: str | PathLike[str]) -> None:
        """Write it to a file: JSON, or a page to look at if the name ends in `.html`."""
        text = self.html() if Path(path).suffix.lower() in (".html", ".htm") else self.to_json() + "\n"
        Path(path).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Replay:
        """Read a JSON file."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise ReplayError(f"replay: {path} is no text") from None
        return cls.from_json(text)

    def __eq__(self, other: object) -> bool:
        """Whether two replays tell of the same game."""
        return self.to_dict() == other.to_dict() if isinstance(other, Replay) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    # -- what happened ------------------------------------------------------------------------------------------------

    @property
    def scenario_name(self) -> str:
        """The name of the scenario among `SCENARIOS`; "custom scenario" if it has none."""
        own = {**self.scenario.to_dict(), "num_agents": None}
        for name, known in SCENARIOS.items():
            if {**known.to_dict(), "num_agents": None} == own:
                return name
        return "custom scenario"

    @property
    def num_nights(self) -> int:
        """Nights played."""
        return len(self.actions)

    @property
    def scores(self) -> Array:
        """(N,) float64: the sum of each agent's rewards."""
        return self.rewards.sum(axis=0)

    @property
    def lies(self) -> Array:
        """(T, N) bool: who signalled what it did not do."""
        return (self.actions[:, :, 2] == 1) != (self.actions[:, :, 1] == 1)

    def verify(self, seed: int | None = None) -> Verified:
        """Play the game again and compare houses and rewards, to the bit.

        Without a seed, neither recorded nor given, only what follows from houses and actions is compared: rewards.

        Raises:
            ReplayError: at the first night that comes out otherwise; or if the engine that played is not known.
        """
        return _replay_check.verify(self, self.seed if seed is None else checked_seed(seed))

    # -- looking at it ------------------------------------------------------------------------------------------------

    def text(self, night: int | None = None, *, color: bool = False) -> str:
        """All nights as lines of text, or one of them at length; 0 is the first evening.

        Args:
            night: 0 to `num_nights`, or None for all.
            color: with the colours of a terminal.
        """
        from ._replay_text import night_text, replay_text

        return replay_text(self, color) if night is None else night_text(self, self._night(night), color)

    def frame(self, night: int, *, size: int = 480) -> npt.NDArray[np.uint8]:
        """A picture (size, size, 3), uint8 RGB, of the town after `night` nights; 0 is the first evening."""
        from ._replay_frame import draw

        return draw(self, self._night(night), integer(size, "size", low=64, high=4096))

    def frames(self, *, size: int = 480) -> npt.NDArray[np.uint8]:
        """Pictures (T + 1, size, size, 3) of all nights."""
        return np.stack([self.frame(night, size=size) for night in range(self.num_nights + 1)])

    def html(self) -> str:
        """A page that shows the game night by night, complete in one file, for any browser."""
        from ._replay_page import page

        return page(self)

    def _night(self, night: int) -> int:
        return integer(night, "night", low=0, high=self.num_nights)


class Recorder:
    """A game that is being recorded: play it with `step`, then take the `replay`.

    Args:
        scenario: a name or a `Scenario`.
        seed: of the game; None for fresh entropy.
        agents: names of the players, for who looks at it later.
    """

    def __init__(
        self, scenario: str | Scenario, seed: int | None = None, agents: tuple[str, ...] | None = None
    ) -> None:
        self.scenario, self.agents = named_scenario(scenario), agents
        self._game = Game(self.scenario, self.scenario.num_agents, seed)
        self.seed = self._game.seed
        self._houses = [self._game.houses]
        self._actions: list[Array] = []
        self._rewards: list[Array] = []
        self._signals: list[Array] = []
        self._round1: list[int] | None = None

    @property
    def over(self) -> bool:
        """Whether the game has ended."""
        return self._game.done

    def evening(self) -> Evening:
        """What the agents see now."""
        game = self._game
        first = game.round1_signals if self._round1 is None else np.array(self._round1, np.uint8)
        return Evening(game.houses, game.positions, game.signals, game.last_actions, game.night, first)

    def with_signals(self, signals: list[int]) -> Evening:
        """The first signals of a night of two phases: what the agents see then."""
        self._round1 = [integer(s, f"round1_signals[{i}]", low=0, high=1) for i, s in enumerate(signals)]
        return self.evening()

    def step(self, actions: Sequence[Any]) -> Array:
        """Play a night with actions (N, 3); rewards (N,)."""
        rewards = _replay_check.play_night(self._game, actions, self._round1)
        if self._round1 is not None:
            self._signals.append(self._game.round1_signals)
        self._actions.append(self._game.last_actions)
        self._rewards.append(rewards.astype(np.float64))
        self._houses.append(self._game.houses)
        self._round1 = None
        return rewards

    def replay(self) -> Replay:
        """What was played so far."""
        agents = self.scenario.num_agents
        return Replay(
            self.scenario,
            np.array(self._houses, np.uint8),
            np.array(self._actions, np.uint8).reshape(-1, agents, 3),
            np.array(self._rewards, np.float64).reshape(-1, agents),
            np.array(self._signals).reshape(-1, agents) if self.scenario.commitment_mode == "two_phase" else None,
            seed=self.seed,
            agents=self.agents,
        )


def _players(agents: Sequence[Any], scenario: Scenario, seed: int, decisions: str) -> list[Agent]:
    if isinstance(agents, str) or not isinstance(agents, (Sequence, np.ndarray)) or len(agents) == 0:
        raise DtypeError(f"agents: expected a list, one for each seat, got {agents!r}")
    shared = decision_draws(decisions, seed)
    players: list[Agent] = []
    for index, agent in enumerate(agents):
        if isinstance(agent, Agent):
            players.append(agent)
            continue
        if isinstance(agent, str):
            player = make_agent(
                agent, index, num_agents=len(agents), num_houses=scenario.num_houses, seed=shared
            )
        else:
            player = HeuristicAgent(strategy(agent, f"agents[{index}]"), index, shared)
        players.append(player)
    return players


def _names(agents: Sequence[Any]) -> tuple[str, ...]:
    return tuple(
        agent.lower() if isinstance(agent, str) else type(agent).__name__ if isinstance(agent, Agent) else "heuristic"
        for agent in agents
    )  # fmt: skip
