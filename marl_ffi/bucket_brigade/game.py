"""One game, night by night, on the engine: for players that are Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _backend
from .._arguments import ActionReader, integer
from .._arguments import seed as checked_seed
from ..errors import EpisodeOverError, InvalidInputError, ShapeError
from ._scenario import MAX_AGENTS, Scenario
from .episodes import as_scenario

__all__ = ["Game"]

ENV_ID = "BucketBrigade-v0"
INFO = 12  # numbers of a scenario in an observation

Array = npt.NDArray[Any]


class Game:
    """A game of Bucket Brigade, equal to the original's compiled engine for the same seed, bit for bit.

    Args:
        scenario: a name, a `Scenario` or a dictionary of its fields.
        num_agents: players, 1 to 255.
        seed: of the game, 0 to 2**64 - 1. `None` draws one from the system's entropy; `seed` tells which.

    The game ends by the rules of the scenario, or after its `max_nights` (`None` there: only by the rules). All arrays
    that it hands out are copies.

    Raises:
        UnknownNameError, InvalidInputError, ShapeError, DtypeError: no such scenario, or not one for so many agents.
    """

    def __init__(self, scenario: Any = "default", num_agents: int = 4, seed: int | None = None) -> None:
        agents = integer(num_agents, "num_agents", low=1, high=MAX_AGENTS)
        self._scenario = as_scenario(scenario, agents)
        config = {"scenario": self._scenario.to_dict(), "observation": "core_flat"}
        self._engine = _backend.make_engine(ENV_ID, 1, 1, "Disabled", config)
        self._two_phase = self._scenario.commitment_mode == "two_phase"
        self._read = ActionReader(self._engine.spec)
        self._actions = np.zeros((1, agents, *self._engine.spec["action_shape"]), np.int64)
        self._done = self._truncated = False
        self.reset(seed)

    def reset(self, seed: int | None = None) -> None:
        """Start a new game. Without a seed the stream of random numbers goes on, so the next game is another one."""
        seeds = None if seed is None else np.array([checked_seed(seed)], np.uint64)
        self._engine.reset(seeds, None, None, None)
        self._done = self._truncated = False

    def step(self, actions: Any) -> tuple[Array, bool]:
        """Play a night.

        Args:
            actions: (N, 3) integers, a row (house, mode, signal) per agent: house 0 to H - 1, mode 0 rest or 1 work,
                signal 0 or 1; or (N, 2), where the signal is the mode.

        Returns:
            rewards (N,) float32, points, and whether the game is over.

        Raises:
            ActionError, ShapeError, DtypeError: not actions of all agents. EpisodeOverError: the game is over.
            InvalidInputError: the scenario has two phases. In all cases nothing was played.
        """
        if self._two_phase:
            raise InvalidInputError("step: this scenario is played in two phases; call step_two_phase")
        return self._play(self._triples(actions))

    def step_two_phase(self, round1_signals: Any, actions: Any) -> tuple[Array, bool]:
        """Play a night of a scenario with `commitment_mode="two_phase"`.

        Args:
            round1_signals: (N,) 0 or 1, what each agent said before it chose. They cost nothing, bind nobody, and
                stay visible until the next night.
            actions: as in `step`.
        """
        if not self._two_phase:
            raise InvalidInputError("step_two_phase: this scenario is played in one phase; call step")
        shape = _shape_of(round1_signals, "round1_signals")
        if shape != (self.num_agents,):
            raise ShapeError(f"round1_signals: expected shape ({self.num_agents},) = (num_agents,), got {shape}")
        first = self._read(round1_signals, (self.num_agents,), "(num_agents,)")
        return self._play(np.concatenate([self._triples(actions), first[:, np.newaxis]], axis=1))

    def _triples(self, actions: Any) -> Array:
        shape = np.shape(actions) if not isinstance(actions, (list, tuple)) else _shape_of(actions)
        width = 2 if shape == (self.num_agents, 2) else 3
        array = self._read(actions, (self.num_agents, width), "(num_agents, 3) or (num_agents, 2)")
        return array if width == 3 else array[:, [0, 1, 1]]

    def _play(self, actions: Array) -> tuple[Array, bool]:
        if self._done:
            raise EpisodeOverError("the game is over; call reset for a new one")
        self._actions[0] = actions
        self._engine.step(self._actions)
        out = self._engine.out
        over, cut = bool(out.terminations[0]), bool(out.truncations[0])
        self._truncated, self._done = cut and not over, cut or over
        return self.rewards, self._done

    # -- the state ----------------------------------------------------------------------------------------------------

    @property
    def scenario(self) -> Scenario:
        """What is played."""
        return self._scenario

    @property
    def num_agents(self) -> int:
        """Number of players, N."""
        return self._scenario.num_agents

    @property
    def num_houses(self) -> int:
        """Number of houses, H."""
        return self._scenario.num_houses

    @property
    def seed(self) -> int:
        """The seed from which the stream of random numbers last started."""
        return int(self._engine.seeds()[0])

    @property
    def done(self) -> bool:
        """Whether the game is over."""
        return self._done

    @property
    def truncated(self) -> bool:
        """Whether it is over because `max_nights` were played, and not by the rules."""
        return self._truncated

    @property
    def night(self) -> int:
        """Nights played."""
        return int(self._engine.column("clock")[0])

    @property
    def houses(self) -> Array:
        """(H,) uint8: 0 safe, 1 burning, 2 ruined."""
        return self._column("houses")

    @property
    def fire_progress(self) -> Array:
        """(H,) float32: how far each fire is put out, 0 to 1; only in continuous mode."""
        return self._column("fire_progress")

    @property
    def positions(self) -> Array:
        """(N,) uint8: the house where each agent was last night; 0 before the first."""
        return self._column("positions")

    @property
    def signals(self) -> Array:
        """(N,) uint8: what each agent said last night, 0 rest or 1 work."""
        return self._column("signals")

    @property
    def round1_signals(self) -> Array:
        """(N,) uint8: what each agent said before it chose last night; zeros but in two-phase mode."""
        return self._column("round1_signals")

    @property
    def last_actions(self) -> Array:
        """(N, 3) uint8: what each agent did last night, as it was played."""
        return self._column("last_actions")

    @property
    def rewards(self) -> Array:
        """(N,) float32: last night's rewards, points."""
        return self._column("rewards")

    @property
    def scores(self) -> Array:
        """(N,) float32: running sums of the rewards of this game, rounded night by night, points."""
        return self._column("scores")

    @property
    def final_score(self) -> float:
        """Sum of all scores, added in the order of agents in float32."""
        total = np.float32(0)
        for score in self.scores:
            total = total + score
        return float(total)

    def observation(self, agent: int) -> dict[str, Any]:
        """What an agent sees, as the original's engine tells it.

        Returns:
            signals, locations, round1_signals (N,), houses (H,), last_actions (N, 2), scenario_info (12,) float32,
            agent_id and night. `scenario_info` is, in order: chances that fire spreads and that one worker saves a
            house, team reward and penalty, cost of work, chance of fire, min_nights, N, and the means of the four
            ownership fields.
        """
        index = integer(agent, "agent", low=0, high=self.num_agents - 1)
        self._engine.observe()
        before = 4 * self.num_agents + self.num_houses
        return {
            "signals": self.signals,
            "locations": self.positions,
            "houses": self.houses,
            "last_actions": self.last_actions[:, :2],
            "scenario_info": np.array(self._engine.out.observations[0, index, before : before + INFO]),
            "agent_id": index,
            "night": self.night,
            "round1_signals": self.round1_signals,
        }

    def __repr__(self) -> str:
        state = ", over" if self.done else ""
        return f"Game({self.num_agents} agents, {self.num_houses} houses, night {self.night}{state})"

    def _column(self, name: str) -> Array:
        array: Array = self._engine.column(name)[0]
        return array


def _shape_of(rows: Any, name: str = "actions") -> tuple[int, ...]:
    try:
        return np.shape(rows)
    except ValueError:
        raise ShapeError(f"{name}: the rows are of different lengths") from None
