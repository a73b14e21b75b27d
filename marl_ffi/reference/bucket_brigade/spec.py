"""The self-description of "BucketBrigade-v0"."""

from __future__ import annotations

from typing import Any

from .config import BrigadeConfig
from .observe import features

__all__ = ["ID", "brigade_spec"]

ID = "BucketBrigade-v0"
DESCRIPTION = (
    "Agents around a ring of houses choose, night by night, where to go and whether to fight fires. "
    "Who works pays for it, and all share what is saved."
)

PARAMETERS: list[tuple[str, str, Any, str, str]] = [
    ("scenario", "str or dict", "default", "", "A named scenario, or its fields. Fields may also be given beside it, and win."),  # noqa: E501
    ("agents", "list", None, "", "Learned agents, ascending; None for all."),
    ("policies", "list", None, "", "What each agent plays that does not learn: a name, ten numbers from 0 to 1 (a strategy), or None for firefighter."),  # noqa: E501
    ("decisions", "str", "independent", "", "Where policies draw from: independent, or original (the game's own numbers once more)."),  # noqa: E501
    ("observation", "str", "v1", "", "Layout of observations: v1, py_flat, py_flat_round1, core_flat or gym_2025_11."),
    ("observe_progress", "bool", False, "", "Show how far fires are put out (v1)."),
    ("actions", "str", "triples", "", "triples (house, mode, signal) or pairs (house, mode); in two-phase mode a round-1 signal comes last."),  # noqa: E501
    ("prob_fire_spreads_to_neighbor", "float", None, "", "Chance per night that a burning house lights a safe neighbour."),
    ("prob_solo_agent_extinguishes_fire", "float", None, "", "Chance p that one worker saves a burning house; k workers: 1 - (1 - p)^k."),  # noqa: E501
    ("prob_house_catches_fire", "float", None, "", "Chance that a safe house catches fire, at the start and every night."),
    ("team_reward_house_survives", "float", None, "points", "Paid to all each night, times the share of safe houses."),
    ("team_penalty_house_burns", "float", None, "points", "Taken from all each night, times the share of ruins; at least 0."),  # noqa: E501
    ("reward_own_house_survives", "float or list", None, "points", "For every own house saved tonight; one number, or one per agent."),  # noqa: E501
    ("reward_other_house_survives", "float or list", None, "points", "For every house of others saved tonight."),
    ("penalty_own_house_burns", "float or list", None, "points", "Taken each night for every own ruin; at least 0."),
    ("penalty_other_house_burns", "float or list", None, "points", "Taken each night for every ruin of others; at least 0."),
    ("cost_to_work_one_night", "float", None, "points", "Paid by who works; at least 0."),
    ("min_nights", "int", None, "nights", "The game ends no earlier than after this many nights and one more."),
    ("num_agents", "int", 4, "", "Agents, 1 to 255. House h is owned by agent h mod num_agents."),
    ("reward_rest", "float", 0.5, "points", "Paid to who rests."),
    ("agent_home_positions", "list", [], "", "House where each agent lives; empty: agent i at house i mod num_houses."),
    ("distance_cost_alpha", "float", 0.0, "points", "Extra cost of work per house of distance from home; at least 0."),
    ("distance_metric", "str", "ring_arc", "", "ring_arc: the shorter way around the ring."),
    ("num_houses", "int", 10, "", "Houses on the ring, 2 to 255."),
    ("action_shaping_alpha", "float", 0.0, "points", "Extra reward for a fire put out, shared among its workers."),
    ("action_shaping_beta", "float", 0.0, "points", "Extra reward for work at a house that was and stays safe."),
    ("progress_shaping_coef", "float", 0.0, "points", "Extra team reward per safe house more than the night before."),
    ("team_welfare_lambda", "float", 0.0, "", "Weight of the potential-based team reward."),
    ("team_welfare_gamma", "float", 1.0, "", "Its discount, 0 to 1."),
    ("team_welfare_kind", "str", "none", "", "none or team_welfare_closed_form."),
    ("action_validity_mode", "str", "always_valid", "", "always_valid, or adjacent_only: who goes further than next door stays at home."),  # noqa: E501
    ("extinguish_mode", "str", "bernoulli", "", "bernoulli, or continuous: fires burn on until enough work is done."),
    ("suppression_per_worker", "float", 0.0, "", "Share of a fire that one worker puts out per night in continuous mode; at least 0."),  # noqa: E501
    ("commitment_mode", "str", "simultaneous", "", "simultaneous, or two_phase: signals are exchanged before actions are chosen."),  # noqa: E501
    ("max_nights", "int", 100, "nights", "Nights after which an episode is cut off; None for no limit."),
    ("termination", "str", "all_safe_or_ruined", "", "When the game is over: all_safe_or_ruined or no_fire."),
    ("phase_order", "str", "burn_out_first", "", "burn_out_first, or spread_first: fires spread before what burns is ruined."),  # noqa: E501
]  # fmt: skip


def _field(name: str, dtype: str, shape: list[int], unit: str, description: str) -> dict[str, Any]:
    return {"name": name, "dtype": dtype, "shape": shape, "unit": unit, "description": description}


def _action(config: BrigadeConfig) -> dict[str, Any]:
    nvec, names = [config.scenario.num_houses, 2], ["house", "mode"]
    if config.has_signals:
        nvec, names = [*nvec, 2], [*names, "signal"]
    if config.scenario.commitment_mode == "two_phase":
        nvec, names = [*nvec, 2], [*names, "round1_signal"]
    return {"type": "multi_discrete", "nvec": nvec, "dtype": "int64", "names": names}


def _columns(config: BrigadeConfig) -> list[dict[str, Any]]:
    h, n = [config.scenario.num_houses], [config.scenario.num_agents]
    rows: list[tuple[str, str, list[int], bool, str, str]] = [
        ("houses", "uint8", h, True, "", "0 safe, 1 burning, 2 ruined."),
        ("fire_progress", "float32", h, True, "", "How far each fire is put out, in continuous mode."),
        ("positions", "uint8", n, True, "", "House where each agent went last night."),
        ("signals", "uint8", n, True, "", "What each agent said last night: 0 rest, 1 work."),
        ("round1_signals", "uint8", n, True, "", "What each agent said before it acted, in two-phase mode."),
        ("last_actions", "uint8", [*n, 3], False, "", "House, mode and signal of each agent last night."),
        ("rewards", "float32", n, False, "points", "Rewards of last night."),
        ("scores", "float32", n, False, "points", "Running sums of rewards, rounded night by night."),
    ]
    if config.has_policies:
        text = "Generator of the policies' decisions: state and increment, low words first."
        rows.append(("decision_rng", "uint64", [4], False, "", text))
    if config.has_strategies:
        text = "Strategies of the agents that play one; zeros for the others."
        rows.append(("strategies", "float64", [*n, 10], True, "", text))
    return [
        {**_field(name, dtype, shape, unit, text), "writable": writable}
        for name, dtype, shape, writable, unit, text in rows
    ]


def brigade_spec(config: BrigadeConfig) -> dict[str, Any]:
    """The self-description of the environment under a configuration, without the engine's own columns."""
    n = [config.scenario.num_agents]
    names, low, high = (list(column) for column in zip(*features(config)))
    box = {"type": "box", "shape": [len(names)], "dtype": "float32", "low": low, "high": high, "names": names}
    action = _action(config)
    return {
        "id": ID,
        "description": DESCRIPTION,
        "multi_agent": True,
        "dtype": "float32",
        "max_episode_steps": config.scenario.max_nights,
        "agents": [
            {"name": f"agent_{i}", "index": i, "observation": dict(box), "action": dict(action)} for i in config.learned
        ],
        "observation_shape": [len(names)],
        "action_shape": [len(action["nvec"])],
        "action_dtypes": ["int64", "int32"],
        "reward_dtype": "float32",
        "observation_dtype": "float32",
        "infos": [
            _field("rewards", "float32", n, "points", "Rewards of all agents, learned or not."),
            _field("actions", "uint8", [*n, 3], "", "House, mode and signal of all agents, as they were played."),
            _field("num_saved", "int32", [], "houses", "Houses saved tonight that are safe in the morning."),
            _field("num_lost", "int32", [], "houses", "Houses ruined tonight."),
            _field("num_burning", "int32", [], "houses", "Houses on fire in the morning."),
            _field("num_ruined", "int32", [], "houses", "Houses in ruins in the morning."),
        ],
        "columns": _columns(config),
        "parameters": [
            {"name": name, "type": kind, "default": default, "unit": unit, "description": text}
            for name, kind, default, unit, text in PARAMETERS
        ],
        "config": config.resolved,
    }
