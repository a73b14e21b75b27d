"""The rules of "BucketBrigade-v0" for one game: seed, reset, observe, step.

Time limit, autoreset and snapshots are the engine's (`vec_env.py`). The state is a dictionary of arrays; its names are
the state columns of the specification.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...bucket_brigade.agents import Agent, Evening, HeuristicAgent
from ...bucket_brigade.scripted import make_agent
from ...errors import error_for
from ..config import unknown_name
from ..market_rules import Array
from .agents import IndependentDecisions, decision_draws
from .config import RANDOM_STRATEGY, BrigadeConfig, read_config
from .observe import observe
from .rng import Pcg64
from .rules import BURNING, RUINED, SAFE, Town, play_night, reset
from .spec import ID, brigade_spec

__all__ = ["BrigadeEnvironment"]

State = dict[str, Array]
TOWN = ("houses", "fire_progress", "positions", "signals", "round1_signals", "last_actions", "rewards")
MASK64 = (1 << 64) - 1


class BrigadeEnvironment:
    """The game under one configuration."""

    id = ID
    clip_actions = False

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config: BrigadeConfig = read_config(config)
        self.scenario = self.config.scenario
        self.spec = brigade_spec(self.config)

    # -- state --------------------------------------------------------------------------------------------------------

    def new_state(self) -> State:
        """The state before any reset: all quiet, strategies as configured."""
        state = {c["name"]: np.zeros(c["shape"], c["dtype"]) for c in self.spec["columns"]}
        for i, policy in enumerate(self.config.policies):
            if isinstance(policy, tuple):
                state["strategies"][i] = policy
        return state

    def seed(self, state: State, seed: int) -> np.random.Generator:
        """The game's generator for a seed; that of the policies starts anew too."""
        if self.config.has_policies:
            self._keep(state, decision_draws(self.config.decisions, seed))
        return Pcg64(seed).as_numpy()

    def reset(
        self, state: State, rng: np.random.Generator, seeded: bool, options: Mapping[str, Any] | None
    ) -> None:
        """Start a game."""
        for key in options or {}:
            raise unknown_name("unknown_key", "reset option", str(key), ["reset_mask"])
        draws = Pcg64.of(rng)
        self._write(state, reset(self.scenario, draws.random_f32))
        draws.put_back(rng)
        state["scores"][:] = 0
        if RANDOM_STRATEGY in self.config.policies:
            decisions = self._decisions(state)
            for i, policy in enumerate(self.config.policies):
                if policy == RANDOM_STRATEGY:
                    state["strategies"][i] = [decisions.random() for _ in range(10)]
            self._keep(state, decisions)

    def check_column(self, name: str, values: Array) -> None:
        """Refuse values (E, ...) that the state cannot have."""
        continuous = self.scenario.extinguish_mode == "continuous"
        progress = "at least 0 and less than 1" if continuous else "0 but in continuous mode"
        low, high, expected = {
            "houses": (0, 2, "0 (safe), 1 (burning) or 2 (ruined)"),
            "positions": (0, self.scenario.num_houses - 1, f"a house from 0 to {self.scenario.num_houses - 1}"),
            "fire_progress": (0, np.nextafter(np.float32(1), np.float32(0)) if continuous else 0, progress),
            "strategies": (0, 1, "a number from 0 to 1"),
        }.get(name, (0, 1, "0 or 1"))
        bad = ~((values >= low) & (values <= high))
        if bad.any():
            index = tuple(int(k) for k in np.argwhere(bad)[0])
            where = "".join(f"[{k}]" for k in index)
            raise error_for("invalid_state", f"{name}{where}: expected {expected}, got {values[index]}")

    def _decisions(self, state: State) -> Pcg64:
        """The generator of the policies."""
        kind = Pcg64 if self.config.decisions == "original" else IndependentDecisions
        words = [int(word) for word in state["decision_rng"]]
        return kind.at(words[1] << 64 | words[0], words[3] << 64 | words[2])

    @staticmethod
    def _keep(state: State, decisions: Any) -> None:
        words = [decisions.state & MASK64, decisions.state >> 64, decisions.inc & MASK64, decisions.inc >> 64]
        state["decision_rng"] = np.array(words, np.uint64)

    def _write(self, state: State, town: Town) -> None:
        for name in TOWN:
            state[name] = np.array(getattr(town, name), state[name].dtype)

    # -- play ---------------------------------------------------------------------------------------------------------

    def observe(self, state: State, clock: int) -> Array:
        """What the learned agents see, (A, width)."""
        return observe(self.config, state, clock)

    def step(
        self, state: State, clock: int, actions: Array, rng: np.random.Generator
    ) -> tuple[Array, bool, dict[str, Any]]:
        """A night with checked actions (A, action size): rewards (A,), whether the rules end the game, infos."""
        before = state["houses"].copy()
        town = Town(**{name: state[name].copy() for name in TOWN}, night=clock, remembered=before)
        chosen, first = self._choose(state, clock, actions)
        if self.scenario.commitment_mode == "two_phase":
            town.round1_signals[:] = first
        draws = Pcg64.of(rng)
        ended = play_night(self.scenario, town, chosen, draws.random_f32)
        draws.put_back(rng)
        self._write(state, town)
        state["scores"] = state["scores"] + town.rewards
        after = town.houses
        infos = {
            "rewards": town.rewards,
            "actions": town.last_actions,
            "num_saved": np.sum((before == BURNING) & (after == SAFE)),
            "num_lost": np.sum((before != RUINED) & (after == RUINED)),
            "num_burning": np.sum(after == BURNING),
            "num_ruined": np.sum(after == RUINED),
        }
        return town.rewards[list(self.config.learned)], ended, infos

    def _choose(self, state: State, clock: int, actions: Array) -> tuple[Array, Array]:
        """Actions (N, 3) and first signals (N,) of all agents; policies say the same twice."""
        chosen = np.zeros((self.scenario.num_agents, 3), np.uint8)
        first = np.zeros(self.scenario.num_agents, np.uint8)
        decisions = self._decisions(state) if self.config.has_policies else None
        learners = iter(actions)
        evening = Evening(
            state["houses"], state["positions"], state["signals"], state["last_actions"], clock, state["round1_signals"]
        )
        for i, policy in enumerate(self.config.policies):
            if policy is None:
                action = next(learners)
                signal = action[2] if self.config.has_signals else action[1]
                chosen[i], first[i] = (action[0], action[1], signal), action[-1]
            else:
                chosen[i] = self._player(state, i, policy, decisions).act(evening)
                first[i] = chosen[i, 2]
        if decisions is not None:
            self._keep(state, decisions)
        return chosen, first

    def _player(self, state: State, i: int, policy: Any, decisions: Any) -> Agent:
        if isinstance(policy, tuple) or policy == RANDOM_STRATEGY:
            return HeuristicAgent(state["strategies"][i], i, decisions)
        sizes = {"num_agents": self.scenario.num_agents, "num_houses": self.scenario.num_houses}
        return make_agent(policy, i, seed=decisions, **sizes)
