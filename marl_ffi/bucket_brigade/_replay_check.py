"""What can happen in a game and what cannot, and whether a replay is what its engine plays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..reference.bucket_brigade.early import EARLY, EarlyGame, EarlyRules
from ..reference.bucket_brigade.python_engine import PYTHON, PythonGame
from ..reference.bucket_brigade.rules import (
    BURNING,
    CORE,
    RUINED,
    SAFE,
    WORK,
    Dialect,
    Town,
    is_over,
    new_town,
    night_rewards,
    sanitised,
)
from ._replay_data import RULES, ReplayError, Rules, Verified
from .game import Game

if TYPE_CHECKING:
    from .replay import Replay

__all__ = ["check", "play_night", "verify"]

Array = npt.NDArray[Any]
STATES = ("safe", "burning", "ruined")
DIALECTS: dict[Rules, Dialect] = {"core": CORE, "python": PYTHON, "python-2025-11": EARLY}
# Old files were written with rewards rounded by other means than ours.
EARLY_TOLERANCE = 1e-4


def play_night(game: Game, actions: Any, round1_signals: Any) -> Array:
    """Play a night of a game of one phase or two; rewards (N,)."""
    if game.scenario.commitment_mode == "two_phase":
        rewards, _ = game.step_two_phase(round1_signals, actions)
    else:
        rewards, _ = game.step(actions)
    return rewards


def check(replay: Replay) -> None:
    """Refuse a replay that no game can have."""
    _check_shapes(replay)
    _check_numbers(replay)
    if replay.rules == "browser":
        transitions: Iterator[str] = _ruins_that_rise(replay)
    else:
        transitions = _impossible(replay)
    for message in transitions:
        raise ReplayError(f"replay: {message}")
    _check_end(replay)


def _check_shapes(replay: Replay) -> None:
    scenario, nights = replay.scenario, len(replay.actions)
    if replay.rules not in RULES:
        raise ReplayError(f"replay: rules: expected one of {', '.join(map(repr, RULES))}, got {replay.rules!r}")
    expected = {
        "houses": (nights + 1, scenario.num_houses), "actions": (nights, scenario.num_agents, 3),
        "rewards": (nights, scenario.num_agents),
    }  # fmt: skip
    if replay.round1_signals is not None:
        expected["round1_signals"] = (nights, scenario.num_agents)
    for name, shape in expected.items():
        got = np.shape(getattr(replay, name))
        if got != shape:
            raise ReplayError(f"replay: {name}: expected shape {shape}, got {got}")
    if replay.agents is not None and len(replay.agents) != scenario.num_agents:
        raise ReplayError(f"replay: agents: expected {scenario.num_agents} names, got {len(replay.agents)}")


def _check_numbers(replay: Replay) -> None:
    limits = [("houses", replay.houses, RUINED), ("rewards", replay.rewards, None)]
    columns = zip(("house", "mode", "signal"), (replay.scenario.num_houses - 1, 1, 1))
    limits += [(f"actions: {name}", replay.actions[:, :, k], high) for k, (name, high) in enumerate(columns)]
    if replay.round1_signals is not None:
        limits.append(("round1_signals", replay.round1_signals, 1))
    for name, values, high in limits:
        bad = ~np.isfinite(values) if high is None else values > high
        if bad.any():
            night, index = (int(k) for k in np.argwhere(bad)[0])
            expected = "a finite number" if high is None else f"0 to {high}"
            where = f"nights[{night}]" if name == "houses" else f"nights[{night + 1}]"
            raise ReplayError(f"replay: {where}.{name}[{index}]: expected {expected}, got {values[night, index]}")


def _ruins_that_rise(replay: Replay) -> Iterator[str]:
    for night, h in np.argwhere((replay.houses[:-1] == RUINED) & (replay.houses[1:] != RUINED)):
        after = STATES[replay.houses[night + 1, h]]
        yield f"nights[{night + 1}].houses[{h}]: a ruin cannot become {after}"


def _impossible(replay: Replay) -> Iterator[str]:
    """What the rules do not allow, in order."""
    scenario, nights = replay.scenario, len(replay.actions)
    for h in np.flatnonzero(replay.houses[0] == RUINED).tolist():
        yield f"nights[0].houses[{h}]: no house is ruined before the first night"
    if replay.early is None and scenario.prob_house_catches_fire == 0:
        for h in np.flatnonzero(replay.houses[0] == BURNING).tolist():
            yield f"nights[0].houses[{h}]: nothing burns first where prob_house_catches_fire is 0"
    for night in range(nights):
        if not np.array_equal(sanitised(scenario, replay.actions[night]), replay.actions[night]):
            yield f"nights[{night + 1}].actions: under adjacent_only nobody goes further than next door"
        for h in range(scenario.num_houses):
            before, after = (int(replay.houses[t, h]) for t in (night, night + 1))
            why = _why_not(replay, night, h, before, after)
            if why:
                yield f"nights[{night + 1}].houses[{h}]: {STATES[before]} cannot become {STATES[after]}: {why}"


def _why_not(replay: Replay, night: int, h: int, before: int, after: int) -> str:
    """Why a house cannot change so this night; empty if it can."""
    scenario, actions = replay.scenario, replay.actions[night]
    continuous = scenario.extinguish_mode == "continuous"
    spreads = continuous or scenario.phase_order == "spread_first"
    sparks = scenario.prob_house_catches_fire > 0 and _has_sparks(replay, night)
    workers = int(np.sum((actions[:, 0] == h) & (actions[:, 1] == WORK)))
    lit_next_door = spreads and scenario.prob_fire_spreads_to_neighbor > 0 and bool(
        np.any(replay.houses[night] == BURNING)
    )  # fmt: skip
    if before == RUINED:
        return "" if after == RUINED else "ruins stay"
    if before == SAFE and after == BURNING and not (sparks or lit_next_door):
        return "nothing could light it"
    if before == SAFE and after == RUINED and (continuous or not lit_next_door):
        return "it must burn first"
    if before == BURNING and after == SAFE:
        power = scenario.suppression_per_worker if continuous else scenario.prob_solo_agent_extinguishes_fire
        return "" if workers and power > 0 else "nobody worked there" if not workers else "no work puts it out"
    if before == BURNING and after == BURNING and not continuous:
        if workers == 0:
            return "nobody worked there"
        if not sparks:
            return "it could not catch fire again"
    if before == BURNING and after == RUINED and continuous:
        return "fires burn on in continuous mode"
    surely_saved = scenario.prob_solo_agent_extinguishes_fire == 1 and replay.early is None
    if before == BURNING and after == RUINED and workers and surely_saved and not spreads:
        return "who works there surely saves it"
    return ""


def _has_sparks(replay: Replay, night: int) -> bool:
    return replay.early is None or night < replay.early["N_spark"]


def _check_end(replay: Replay) -> None:
    """Refuse nights after the end of the game."""
    scenario, nights = replay.scenario, replay.num_nights
    if scenario.max_nights is not None and nights > scenario.max_nights:
        raise ReplayError(f"replay: nights: at most {scenario.max_nights} can be played (max_nights), got {nights}")
    if replay.rules in ("core", "python"):
        for night in range(nights - 1):
            if is_over(scenario, _town(replay, night)):
                raise ReplayError(f"replay: nights[{night + 2}]: the game is over after {night + 1} nights")


def _town(replay: Replay, night: int) -> Town:
    """The town after a night, before the clock moves on."""
    town = new_town(replay.scenario)
    town.houses[:], town.night = replay.houses[night + 1], night
    return town


def verify(replay: Replay, seed: int | None) -> Verified:
    """See `Replay.verify`."""
    if replay.rules == "browser":
        raise ReplayError("replay: the rules that the original's browser pages play by cannot be played again")
    for night in range(replay.num_nights):
        _compare(replay, night, "rewards", _rewards(replay, night), replay.rewards[night])
    if seed is not None:
        _play_again(replay, seed)
    return Verified(replay.num_nights, seed is not None)


def _rewards(replay: Replay, night: int) -> Array:
    dialect = DIALECTS[replay.rules]
    before, after = replay.houses[night], replay.houses[night + 1]
    if dialect.remembers_houses and night == 0:
        before = np.zeros_like(before)
    ended = is_over(replay.scenario, _town(replay, night))
    return night_rewards(replay.scenario, before, after, replay.actions[night], ended, dialect)


def _play_again(replay: Replay, seed: int) -> None:
    scenario = replay.scenario
    if replay.rules == "core":
        game = Game(scenario, scenario.num_agents, seed)
        _compare_houses(replay, 0, game.houses)
        for night, actions in enumerate(replay.actions):
            # old files do not tell the first signals, which change nothing
            signals = np.zeros(len(actions), np.int64) if replay.round1_signals is None else replay.round1_signals[night]
            rewards = play_night(game, actions, signals)
            _compare_houses(replay, night + 1, game.houses)
            _compare(replay, night, "rewards", rewards, replay.rewards[night])
        return
    if replay.early is not None:
        old: Any = EarlyGame(scenario, EarlyRules(**replay.early), seed)
    else:
        old = PythonGame(scenario, seed)
    _compare_houses(replay, 0, old.town.houses)
    for night, actions in enumerate(replay.actions):
        old.step(actions)
        _compare_houses(replay, night + 1, old.town.houses)


def _compare_houses(replay: Replay, record: int, houses: Array) -> None:
    _compare(replay, record - 1, "houses", houses, replay.houses[record])


def _compare(replay: Replay, night: int, what: str, played: Array, recorded: Array) -> None:
    tolerance = EARLY_TOLERANCE if replay.rules == "python-2025-11" and what == "rewards" else 0.0
    different = np.abs(np.asarray(played, np.float64) - recorded) > tolerance
    if different.any():
        k = int(np.flatnonzero(different)[0])
        raise ReplayError(
            f"replay: nights[{night + 1}].{what}[{k}]: the game gives {played[k]}, the replay says {recorded[k]}"
        )
