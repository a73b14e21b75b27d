"""The rules of one game of Bucket Brigade, as one immutable value.

Every number and option of the game is a field of `Scenario`; nothing else decides how a game goes but the seed and
the actions. Field names are those of the original's JSON.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from .._arguments import integer, unknown
from ..errors import DtypeError, MarlError, ShapeError, UnknownNameError, error_for

__all__ = ["CHOICES", "OWNERSHIP", "Scenario"]

MAX_HOUSES = 255
MAX_AGENTS = 255
MAX_NIGHTS = 2**32 - 2
MAX_NUMBER = float(np.finfo(np.float32).max)  # the engine computes in float32

# Allowed values of every option; the first is the original's default.
CHOICES: dict[str, tuple[str, ...]] = {
    "distance_metric": ("ring_arc",),
    "team_welfare_kind": ("none", "team_welfare_closed_form"),
    "action_validity_mode": ("always_valid", "adjacent_only"),
    "extinguish_mode": ("bernoulli", "continuous"),
    "commitment_mode": ("simultaneous", "two_phase"),
    "termination": ("all_safe_or_ruined", "no_fire"),
    "phase_order": ("burn_out_first", "spread_first"),
}
PROBABILITIES = (
    "prob_fire_spreads_to_neighbor", "prob_solo_agent_extinguishes_fire", "prob_house_catches_fire", "team_welfare_gamma",
)  # fmt: skip
# The engine subtracts these: a negative one would pay for ruin or work.
SUBTRACTED = (
    "team_penalty_house_burns", "penalty_own_house_burns", "penalty_other_house_burns", "cost_to_work_one_night",
    "distance_cost_alpha", "suppression_per_worker",
)  # fmt: skip
# One number for all agents, or one per agent.
OWNERSHIP = (
    "reward_own_house_survives", "reward_other_house_survives", "penalty_own_house_burns", "penalty_other_house_burns",
)  # fmt: skip
FREE = (
    "team_reward_house_survives", "reward_own_house_survives", "reward_other_house_survives", "reward_rest",
    "action_shaping_alpha", "action_shaping_beta", "progress_shaping_coef", "team_welfare_lambda",
)  # fmt: skip
# Fields that this project added; the rest makes up the original's fingerprint.
ADDED = ("max_nights", "termination", "phase_order")

PerAgent = float | tuple[float, ...]


@dataclass(frozen=True)
class Scenario:
    """Parameters and options of the game. Immutable, comparable, checked when made.

    The four ownership fields take one number for all agents or one per agent. Rewards are points per night; what is
    called a penalty or a cost is a number >= 0 that is subtracted.

    Attributes:
        prob_fire_spreads_to_neighbor: chance per night that a burning house lights a safe neighbour. Without effect
            where burning houses are ruined before they can spread: see `inert_fields`.
        prob_solo_agent_extinguishes_fire: chance that one worker saves a burning house; `k` workers: `1 - (1 - p)**k`.
        prob_house_catches_fire: chance that a safe house catches fire, at the start and at the end of every night.
        team_reward_house_survives: what all agents get each night, times the share of safe houses.
        team_penalty_house_burns: what all agents lose each night, times the share of ruined houses.
        reward_own_house_survives: for every own house saved this night.
        reward_other_house_survives: for every house of others saved this night.
        penalty_own_house_burns: each night for every own house in ruins.
        penalty_other_house_burns: each night for every ruin of others.
        cost_to_work_one_night: paid by who works.
        min_nights: the game cannot end before this many nights, and one more, are played.
        num_agents: number of agents, 1 to 255. House `h` is owned by agent `h % num_agents`.
        reward_rest: paid to who rests.
        agent_home_positions: house where each agent lives; empty for `i % num_houses`.
        distance_cost_alpha: extra cost of work per house of distance from home.
        distance_metric: "ring_arc", the shorter way around the ring.
        num_houses: houses on the ring, 2 to 255.
        action_shaping_alpha: extra reward for a fire put out, shared among its workers.
        action_shaping_beta: extra reward for work at a house that was and stays safe.
        progress_shaping_coef: extra team reward per safe house more than the night before.
        team_welfare_lambda: weight of the potential-based team reward.
        team_welfare_gamma: its discount, 0 to 1.
        team_welfare_kind: "none" or "team_welfare_closed_form".
        action_validity_mode: "always_valid", or "adjacent_only": who goes further than next door stays at home.
        extinguish_mode: "bernoulli", or "continuous": fires burn on until enough work is done.
        suppression_per_worker: share of a fire that one worker puts out per night in continuous mode.
        commitment_mode: "simultaneous", or "two_phase": signals are exchanged before actions are chosen.
        max_nights: nights after which the game is over whatever burns; None for no limit. Episodes of the original's
            analyses stop after 100.
        termination: when the game ends before that: "all_safe_or_ruined" (the original's compiled engine), or
            "no_fire": as soon as nothing burns (its Python engine).
        phase_order: "burn_out_first", or "spread_first": fires reach their neighbours before they ruin their house.
    """

    prob_fire_spreads_to_neighbor: float
    prob_solo_agent_extinguishes_fire: float
    prob_house_catches_fire: float
    team_reward_house_survives: float
    team_penalty_house_burns: float
    reward_own_house_survives: PerAgent
    reward_other_house_survives: PerAgent
    penalty_own_house_burns: PerAgent
    penalty_other_house_burns: PerAgent
    cost_to_work_one_night: float
    min_nights: int
    num_agents: int = 4
    reward_rest: float = 0.5
    agent_home_positions: tuple[int, ...] = ()
    distance_cost_alpha: float = 0.0
    distance_metric: str = "ring_arc"
    num_houses: int = 10
    action_shaping_alpha: float = 0.0
    action_shaping_beta: float = 0.0
    progress_shaping_coef: float = 0.0
    team_welfare_lambda: float = 0.0
    team_welfare_gamma: float = 1.0
    team_welfare_kind: str = "none"
    action_validity_mode: str = "always_valid"
    extinguish_mode: str = "bernoulli"
    suppression_per_worker: float = 0.0
    commitment_mode: str = "simultaneous"
    max_nights: int | None = 100
    termination: str = "all_safe_or_ruined"
    phase_order: str = "burn_out_first"

    def __post_init__(self) -> None:
        for name, value in _checked(self):
            object.__setattr__(self, name, value)

    def replace(self, **changes: Any) -> Scenario:
        """A copy with other values; unknown names are errors that say the nearest one."""
        _known(changes)
        return replace(self, **changes)

    def for_agents(self, num_agents: int) -> Scenario:
        """The same game for another number of agents. Fields given per agent must already have that length."""
        return self if num_agents == self.num_agents else replace(self, num_agents=num_agents)

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain numbers, strings and lists, ready for JSON."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Scenario:
        """The scenario described by a dictionary such as `to_dict` makes; absent fields take their defaults."""
        if not isinstance(values, Mapping):
            raise DtypeError(f"scenario: expected a dictionary, got {type(values).__name__}")
        _known(values)
        required = [f.name for f in fields(cls) if f.default is MISSING]
        for name in required:
            if name not in values:
                raise error_for("invalid_config", f"Scenario.{name}: required, but not given")
        return cls(**values)

    def per_agent(self, name: str) -> tuple[float, ...]:
        """One of the four ownership fields, one number per agent."""
        if name not in OWNERSHIP:
            raise unknown(name, "ownership field", OWNERSHIP)
        value = getattr(self, name)
        return value if isinstance(value, tuple) else (value,) * self.num_agents

    @property
    def homes(self) -> tuple[int, ...]:
        """House where each agent lives."""
        return self.agent_home_positions or tuple(i % self.num_houses for i in range(self.num_agents))

    @property
    def owners(self) -> tuple[int, ...]:
        """Agent that owns each house: round robin, so with 4 agents and 10 houses two of them own one more."""
        return tuple(h % self.num_agents for h in range(self.num_houses))

    @property
    def inert_fields(self) -> tuple[str, ...]:
        """Fields that change no game under the modes chosen, though agents may see them."""
        burns_out_first = self.extinguish_mode == "bernoulli" and self.phase_order == "burn_out_first"
        inert = {
            "prob_fire_spreads_to_neighbor": burns_out_first,
            "prob_solo_agent_extinguishes_fire": self.extinguish_mode == "continuous",
            "suppression_per_worker": self.extinguish_mode == "bernoulli",
            "team_welfare_gamma": self.team_welfare_kind == "none" or self.team_welfare_lambda == 0,
            "team_welfare_lambda": self.team_welfare_kind == "none",
            "agent_home_positions": self.action_validity_mode == "always_valid" and self.distance_cost_alpha == 0,
        }
        return tuple(name for name, is_inert in inert.items() if is_inert)

    def fingerprint(self) -> str:
        """Hash of all fields that the original knows, by which two installations can tell that they play the same."""
        values = {name: value for name, value in self.to_dict().items() if name not in ADDED}
        values |= {name: list(self.per_agent(name)) for name in OWNERSHIP}
        text = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _known(values: Mapping[str, Any]) -> None:
    names = [f.name for f in fields(Scenario)]
    for name in values:
        if name not in names:
            # there are too many to list them all
            near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.0)[0]
            raise UnknownNameError(f"unknown scenario field {name!r}; did you mean {near!r}?")


def _checked(scenario: Scenario) -> Iterator[tuple[str, Any]]:
    """Every field in its own type, or the error that names it."""
    agents = integer(scenario.num_agents, "Scenario.num_agents", low=1, high=MAX_AGENTS)
    houses = integer(scenario.num_houses, "Scenario.num_houses", low=2, high=MAX_HOUSES)
    yield "num_agents", agents
    yield "num_houses", houses
    yield "min_nights", integer(scenario.min_nights, "Scenario.min_nights", low=0, high=MAX_NIGHTS)
    if scenario.max_nights is not None:
        yield "max_nights", integer(scenario.max_nights, "Scenario.max_nights", low=1, high=MAX_NIGHTS)
    for name, choices in CHOICES.items():
        value = getattr(scenario, name)
        if value not in choices:
            allowed = ", ".join(map(repr, choices))
            raise _invalid(f"Scenario.{name}={value!r} is not supported; allowed values: {allowed}")
    yield "agent_home_positions", _homes(scenario.agent_home_positions, agents, houses)
    rules = [
        (PROBABILITIES, "a number from 0 to 1", lambda x: 0 <= x <= 1),
        (SUBTRACTED, "a number >= 0", lambda x: x >= 0),
        (FREE, "a finite number", lambda x: True),
    ]
    for names, expected, is_fine in rules:
        for name in names:
            value = getattr(scenario, name)
            if name in OWNERSHIP and _is_list(value):
                yield name, _per_agent(name, value, agents, expected, is_fine)
            else:
                yield name, _number(name, value, expected, is_fine)


def _number(name: str, value: Any, expected: str, is_fine: Callable[[float], bool]) -> float:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise DtypeError(f"Scenario.{name}: expected {expected}, got {value!r}")
    if not (abs(value) <= MAX_NUMBER and is_fine(float(value))):
        finite = expected if math.isfinite(value) else f"{expected}, finite"
        raise _invalid(f"Scenario.{name}: expected {finite}, got {float(value)!r}")
    return float(value)


def _per_agent(
    name: str, values: Sequence[Any], agents: int, expected: str, is_fine: Callable[[float], bool]
) -> tuple[float, ...]:
    if len(values) != agents or any(_is_list(value) for value in values):
        got = "rows" if any(_is_list(value) for value in values) else len(values)
        raise ShapeError(f"Scenario.{name}: expected one number or {agents}, one per agent, got {got}")
    return tuple(_number(f"{name}[{i}]", value, expected, is_fine) for i, value in enumerate(values))


def _homes(values: Any, agents: int, houses: int) -> tuple[int, ...]:
    name = "Scenario.agent_home_positions"
    if not _is_list(values):
        raise DtypeError(f"{name}: expected a list of houses, got {values!r}")
    if len(values) not in (0, agents):
        raise ShapeError(f"{name}: expected {agents} houses, one per agent, or none, got {len(values)}")
    return tuple(integer(v, f"{name}[{i}]", low=0, high=houses - 1) for i, v in enumerate(values))


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0)


def _invalid(message: str) -> MarlError:
    return error_for("invalid_config", message)
