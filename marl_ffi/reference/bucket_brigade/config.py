"""The configuration of "BucketBrigade-v0": the game, who learns, who plays what, what is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ...bucket_brigade.archetypes import ARCHETYPES, PARAMETERS
from ...bucket_brigade.scenarios import SCENARIOS, Scenario, scenario
from ...errors import MarlError, UnknownNameError, error_for
from ..config import Reader, nearest

__all__ = ["LAYOUTS", "RANDOM_STRATEGY", "BrigadeConfig", "read_config"]

LAYOUTS = ("v1", "py_flat", "py_flat_round1", "core_flat", "gym_2025_11")
RANDOM_STRATEGY = "random_strategy"
RULES = (
    RANDOM_STRATEGY, "random", "uniform", "rest", "specialist", "trivial_cooperator", "early_containment",
    "greedy_neighbor", "sparse_hero", "chain_reaction_coordinator",
)  # fmt: skip
DEFAULT_POLICY = "firefighter"

Policy = str | tuple[float, ...]


@dataclass(frozen=True)
class BrigadeConfig:
    """A checked configuration. A policy is a rule's name, ten numbers, or None where an agent learns."""

    scenario: Scenario
    learned: tuple[int, ...]
    policies: tuple[Policy | None, ...]
    decisions: str
    observation: str
    observe_progress: bool
    has_signals: bool

    @property
    def resolved(self) -> dict[str, Any]:
        """The configuration in force, all defaults filled in."""
        return {
            "scenario": self.scenario.to_dict(),
            "agents": list(self.learned),
            "policies": [list(each) if isinstance(each, tuple) else each for each in self.policies],
            "decisions": self.decisions,
            "observation": self.observation,
            "observe_progress": self.observe_progress,
            "actions": "triples" if self.has_signals else "pairs",
        }

    @property
    def has_policies(self) -> bool:
        """Whether anyone plays who does not learn."""
        return any(policy is not None for policy in self.policies)

    @property
    def has_strategies(self) -> bool:
        """Whether anyone plays a strategy of the heuristic agent."""
        return any(isinstance(policy, tuple) or policy == RANDOM_STRATEGY for policy in self.policies)


def read_config(values: Mapping[str, Any]) -> BrigadeConfig:
    """Read and check a configuration."""
    reader = Reader(values)
    played = _scenario(reader)
    learned = _learned(reader, played.num_agents)
    policies = _policies(reader, played.num_agents, learned)
    decisions = reader.choice("decisions", ("independent", "original"))
    observation = reader.choice("observation", LAYOUTS)
    progress = reader.boolean("observe_progress", False)
    if progress and observation != "v1":
        raise reader.wrong("observe_progress", 'false but with the observation "v1"', progress)
    has_signals = reader.choice("actions", ("triples", "pairs")) == "triples"
    reader.finish()
    return BrigadeConfig(played, learned, policies, decisions, observation, progress, has_signals)


def _scenario(reader: Reader) -> Scenario:
    """The key `scenario`, and any of its fields beside it, which win."""
    value = reader.take("scenario")
    if isinstance(value, Mapping):
        values = dict(value)
    elif value is None or isinstance(value, str):
        try:
            values = scenario(value or "default").to_dict()
        except UnknownNameError:
            raise error_for(
                "unknown_id",
                f"scenario {value!r}: no such scenario; did you mean {nearest(str(value), SCENARIOS)!r}? "
                f"Valid: {', '.join(SCENARIOS)}",
            ) from None
    else:
        raise reader.wrong("scenario", "a name or a dictionary", value)
    for field in fields(Scenario):
        beside = reader.take(field.name)
        if beside is not None or field.name in reader.values:
            values[field.name] = beside
    # a field without a value has its default; only the limit of nights can be none
    values = {name: value for name, value in values.items() if value is not None or name == "max_nights"}
    try:
        return Scenario.from_dict(values)
    except UnknownNameError as error:
        raise error_for("unknown_key", f"scenario: {error}") from None
    except MarlError as error:
        raise error_for("invalid_config", str(error)) from None


def _learned(reader: Reader, agents: int) -> tuple[int, ...]:
    items = reader.sequence("agents", "a list of agents, ascending")
    if items is None:
        return tuple(range(agents))
    learned: list[int] = []
    for k, item in enumerate(items):
        whole = isinstance(item, (int, np.integer)) and not isinstance(item, bool)
        if not whole or not 0 <= item < agents:
            raise reader.wrong(f"agents[{k}]", f"a whole number from 0 to {agents - 1}", item)
        if learned and item <= learned[-1]:
            raise reader.wrong(f"agents[{k}]", "agents in ascending order", item)
        learned.append(int(item))
    if not learned:
        raise reader.wrong("agents", "at least one agent that learns", items)
    return tuple(learned)


def _policies(reader: Reader, agents: int, learned: tuple[int, ...]) -> tuple[Policy | None, ...]:
    items = reader.sequence("policies", f"a list of {agents}, one for each agent")
    if items is None:
        items = [None] * agents
    if len(items) != agents:
        raise reader.wrong("policies", f"one for each of {agents} agents", len(items))
    policies: list[Policy | None] = []
    for i, item in enumerate(items):
        if i not in learned:
            policies.append(_policy(reader, f"policies[{i}]", DEFAULT_POLICY if item is None else item))
        elif item is None:
            policies.append(None)
        else:
            raise reader.wrong(f"policies[{i}]", f"None, for agent {i} learns", item)
    return tuple(policies)


def _policy(reader: Reader, where: str, value: Any) -> Policy:
    if isinstance(value, str):
        name = value.lower()
        if name in ARCHETYPES:
            return tuple(ARCHETYPES[name].tolist())
        if name in RULES:
            return name
        known = [*ARCHETYPES, *RULES]
        hint = f"; did you mean {nearest(name, known)!r}?"
        raise reader.wrong(where, f"one of {', '.join(known)}, or {len(PARAMETERS)} numbers{hint}", value)
    try:
        strategy = np.array(value, np.float64)
    except (TypeError, ValueError):
        strategy = np.zeros(0)
    if strategy.shape != (len(PARAMETERS),):
        raise reader.wrong(where, f"a name or {len(PARAMETERS)} numbers", value)
    for k, number in enumerate(strategy):
        if not 0 <= number <= 1:
            raise reader.wrong(f"{where}[{k}] ({PARAMETERS[k]})", "a number from 0 to 1", number)
    return tuple(strategy.tolist())
