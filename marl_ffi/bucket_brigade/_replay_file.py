"""Replays as JSON: one format of our own, and every format that the original ever wrote.

`nights[0]` is the first evening, with `night` 0 and nobody acting; `nights[k]` is the town after `k` nights and has
`night` k - 1, as in the original.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._arguments import unknown
from ..errors import MarlError
from ..reference.bucket_brigade.early import early_rules
from ..reference.bucket_brigade.rules import RUINED, SAFE
from ._replay_data import RULES, ReplayError
from .scenarios import OWNERSHIP, Scenario

if TYPE_CHECKING:
    from .replay import Replay

__all__ = ["FORMAT", "VERSION", "read", "to_dict"]

Array = npt.NDArray[Any]
FORMAT, VERSION = "marl_ffi/bucket_brigade/replay", 1
GENERATORS = {"core": "pcg64-xsl-rr/seed_from_u64", "python": "mt19937", "python-2025-11": "mt19937", "browser": None}
KEYS = ("format", "version", "rules", "generator", "agents", "early", "scenario", "nights", "agent_scores", "final_score")
RECORD_KEYS = ("night", "houses", "signals", "locations", "actions", "rewards", "round1_signals")
REQUIRED = RECORD_KEYS[:-1]
EARLY_FIELDS = ("beta", "kappa", "A", "L", "c", "rho_ignite", "N_min", "p_spark", "N_spark", "num_agents")
BROWSER_KEYS = ("archetypes", "statistics", "timestamp", "teamName", "scenarioName")


def to_dict(replay: Replay) -> dict[str, Any]:
    """See `Replay.to_dict`."""
    agents = replay.scenario.num_agents
    first = {
        "night": 0, "houses": replay.houses[0].tolist(), "signals": [0] * agents, "locations": [0] * agents,
        "actions": [[0, 0, 0]] * agents, "rewards": [0.0] * agents,
    }  # fmt: skip
    return {
        "format": FORMAT,
        "version": VERSION,
        "rules": replay.rules,
        "generator": {"name": GENERATORS[replay.rules], "seed": replay.seed},
        "agents": None if replay.agents is None else list(replay.agents),
        "early": None if replay.early is None else dict(replay.early),
        "scenario": replay.scenario.to_dict(),
        "nights": [first, *(_record(replay, night) for night in range(replay.num_nights))],
        "agent_scores": replay.scores.tolist(),
        "final_score": float(replay.scores.sum()),
    }


def _record(replay: Replay, night: int) -> dict[str, Any]:
    actions = replay.actions[night]
    record = {
        "night": night, "houses": replay.houses[night + 1].tolist(), "signals": actions[:, 2].tolist(),
        "locations": actions[:, 0].tolist(), "actions": actions.tolist(), "rewards": replay.rewards[night].tolist(),
    }  # fmt: skip
    if replay.round1_signals is not None:
        record["round1_signals"] = replay.round1_signals[night].tolist()
    return record


def read(values: Any) -> dict[str, Any]:
    """The arguments of `Replay` from a dictionary of any known format."""
    if not isinstance(values, Mapping):
        raise ReplayError(f"replay: expected a dictionary, got {type(values).__name__}")
    own = "format" in values or "version" in values
    if own:
        for key, expected in (("format", FORMAT), ("version", VERSION)):
            if values.get(key) != expected:
                raise ReplayError(f"replay: {key}: expected {expected!r}, got {values.get(key)!r:.80}")
    for key in ("scenario", "nights"):
        if key not in values:
            raise ReplayError(f"replay: {key}: required, but not given")
    if not isinstance(values["scenario"], Mapping):
        raise ReplayError(f"replay: scenario: expected a dictionary, got {values['scenario']!r:.80}")
    records = values["nights"]
    if not isinstance(records, list) or not records:
        raise ReplayError("replay: nights: expected a list of records, the first evening at least")
    try:
        head = _own_head(values) if own else _old_head(values)
    except MarlError as error:
        raise ReplayError(f"replay: {error}" if not isinstance(error, ReplayError) else str(error)) from None
    return {**head, **_records(records, head["scenario"])}


def _own_head(values: Mapping[str, Any]) -> dict[str, Any]:
    for key in values:
        if key not in KEYS:
            raise unknown(key, "replay key", KEYS)
    rules, generator = values.get("rules", "core"), values.get("generator") or {}
    if rules not in RULES:
        raise ReplayError(f"replay: rules: expected one of {', '.join(map(repr, RULES))}, got {rules!r:.80}")
    if not isinstance(generator, Mapping) or generator.get("name", GENERATORS[rules]) != GENERATORS[rules]:
        raise ReplayError(f"replay: generator: expected {GENERATORS[rules]!r} for rules {rules!r}, got {generator!r:.80}")
    seed = generator.get("seed")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**64):
        raise ReplayError(f"replay: generator.seed: expected an integer from 0 to {2**64 - 1}, got {seed!r:.80}")
    agents, early = values.get("agents"), values.get("early")
    if agents is not None and not (isinstance(agents, list) and all(isinstance(each, str) for each in agents)):
        raise ReplayError(f"replay: agents: expected a list of names, got {agents!r:.80}")
    if (early is not None) != (rules == "python-2025-11") or not (early is None or _is_early(early)):
        message = "expected rho_ignite, 0 to 1, and N_spark, a whole number, with 'python-2025-11' only"
        raise ReplayError(f"replay: early: {message}, got {early!r:.80}")
    return {
        "scenario": Scenario.from_dict(values["scenario"]), "rules": rules, "seed": seed, "early": early,
        "agents": None if agents is None else tuple(agents),
    }  # fmt: skip


def _is_early(early: Any) -> bool:
    """Whether these are what only the first week's engine had: a share of houses, a number of nights."""
    if not isinstance(early, Mapping) or set(early) != {"rho_ignite", "N_spark"}:
        return False
    share, nights = early["rho_ignite"], early["N_spark"]
    is_share = isinstance(share, (int, float)) and not isinstance(share, bool) and 0 <= share <= 1
    return is_share and isinstance(nights, int) and not isinstance(nights, bool) and nights >= 0


def _old_head(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the original wrote says nothing of its version; its fields tell."""
    fields = dict(values["scenario"])
    if "beta" in fields:
        for name in EARLY_FIELDS:
            if isinstance(fields.get(name), bool) or not isinstance(fields.get(name), (int, float)):
                raise ReplayError(f"replay: scenario.{name}: expected a number, got {fields.get(name)!r:.80}")
        early = {name: fields[name] for name in ("rho_ignite", "N_spark")}
        if not _is_early(early):
            raise ReplayError(f"replay: scenario: expected rho_ignite, 0 to 1, and N_spark, a whole number, got {early}")
        scenario, _ = early_rules(fields, _phase_order(values["nights"]))
        return {"scenario": scenario, "rules": "python-2025-11", "early": early}
    first = values["nights"][0]
    rows = first.get("actions") if isinstance(first, Mapping) else None
    if not isinstance(rows, list) or not rows:
        raise ReplayError("replay: nights[0].actions: expected one action per agent")
    fields.setdefault("num_agents", len(rows))
    for name in OWNERSHIP:
        # the compiled engine always writes ten
        if isinstance(fields.get(name), list) and "agent_scores" in values:
            fields[name] = fields[name][: fields["num_agents"]]
    if any(key in values for key in BROWSER_KEYS):
        return {"scenario": Scenario.from_dict(fields), "rules": "browser"}
    if "agent_scores" in values:
        return {"scenario": Scenario.from_dict({**fields, "max_nights": None}), "rules": "core"}
    fields |= {"max_nights": None, "termination": "no_fire"}
    return {"scenario": Scenario.from_dict(fields), "rules": "python"}


def _phase_order(records: list[Any]) -> str:
    """Which of the first days' two orders was played: only where fires spread before they ruin their house can a house
    be safe one evening and a ruin the next."""
    for before, after in itertools.pairwise(records):
        try:
            evenings = zip(before["houses"], after["houses"])
        except (TypeError, KeyError):
            break  # no records: whoever reads them says what is wrong
        if any(a == SAFE and b == RUINED for a, b in evenings):
            return "spread_first"
    return "burn_out_first"


def _records(records: list[Any], scenario: Scenario) -> dict[str, Any]:
    """Houses, actions, rewards and first signals of all nights."""
    agents, houses = scenario.num_agents, scenario.num_houses
    rows: dict[str, list[Array]] = {name: [] for name in RECORD_KEYS}
    for k, record in enumerate(records):
        where = f"nights[{k}]"
        if not isinstance(record, Mapping):
            raise ReplayError(f"replay: {where}: expected a dictionary, got {record!r:.80}")
        for key in record:
            if key not in RECORD_KEYS:
                raise ReplayError(f"replay: {where}: {unknown(key, 'key', RECORD_KEYS)}")
        for key in REQUIRED:
            if key not in record:
                raise ReplayError(f"replay: {where}.{key}: required, but not given")
        if record["night"] != max(k - 1, 0) or isinstance(record["night"], bool):
            raise ReplayError(f"replay: {where}.night: expected {max(k - 1, 0)}, got {record['night']!r:.80}")
        rows["houses"].append(_whole(f"{where}.houses", record["houses"], (houses,)))
        signals = _whole(f"{where}.signals", record["signals"], (agents,))
        locations = _whole(f"{where}.locations", record["locations"], (agents,))
        actions = _actions(f"{where}.actions", record["actions"], agents, signals)
        if k == 0:
            if actions.any() or np.any(np.asarray(record["rewards"], object) != 0):
                raise ReplayError("replay: nights[0]: expected no actions and rewards on the first evening")
            continue
        for name, column, expected in (("signals", 2, signals), ("locations", 0, locations)):
            for i in np.flatnonzero(actions[:, column] != expected):
                got = expected[i]
                raise ReplayError(f"replay: {where}.{name}[{i}]: the action says {actions[i, column]}, got {got}")
        rows["actions"].append(actions)
        rows["rewards"].append(_real(f"{where}.rewards", record["rewards"], agents))
        if "round1_signals" in record:
            rows["round1_signals"].append(_whole(f"{where}.round1_signals", record["round1_signals"], (agents,)))
    first = rows["round1_signals"]
    if first and len(first) != len(rows["actions"]):
        raise ReplayError("replay: round1_signals: expected on every night or on none")
    return {
        "houses": np.array(rows["houses"], np.uint8),
        "actions": np.array(rows["actions"], np.uint8).reshape(-1, agents, 3),
        "rewards": np.array(rows["rewards"], np.float64).reshape(-1, agents),
        "round1_signals": np.array(first, np.uint8) if first else None,
    }


def _actions(where: str, value: Any, agents: int, signals: Array) -> Array:
    """Triples (N, 3); the signal of a pair is written elsewhere in the record."""
    wide = isinstance(value, list) and bool(value) and isinstance(value[0], list) and len(value[0]) == 3
    actions = _whole(where, value, (agents, 3 if wide else 2))
    return actions if wide else np.concatenate([actions, signals[:, None]], axis=1)


def _whole(where: str, value: Any, shape: tuple[int, ...]) -> Array:
    array = _array(where, value, shape)
    if array.dtype.kind not in "iu":
        raise ReplayError(f"replay: {where}: expected whole numbers, got {value!r:.80}")
    if array.size and not (array.min() >= 0 and array.max() <= 255):
        raise ReplayError(f"replay: {where}: expected numbers from 0 to 255, got {value!r:.80}")
    return array


def _real(where: str, value: Any, agents: int) -> Array:
    array = _array(where, value, (agents,))
    if array.dtype.kind not in "iuf":
        raise ReplayError(f"replay: {where}: expected numbers, got {value!r:.80}")
    return array.astype(np.float64)


def _array(where: str, value: Any, shape: tuple[int, ...]) -> Array:
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        array = np.zeros(0, object)
    if array.shape != shape or not isinstance(value, list):
        raise ReplayError(f"replay: {where}: expected shape {shape}, got {value!r:.80}")
    return array
