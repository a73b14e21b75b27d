"""What the tests of Bucket Brigade share: the recorded vectors, the engines to hold against them, scripted actions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from marl_ffi import _library
from marl_ffi._buffers import pointer
from marl_ffi.bucket_brigade import Game, Scenario, scenario
from marl_ffi.reference.bucket_brigade.episodes import Episode

GOLDEN = Path(__file__).parent / "golden"
VECTORS = json.loads((GOLDEN / "bucket_brigade_vectors.json").read_text(encoding="utf-8"))
# actions of the original's recorded replays, the strategies and some rows of its recorded tournaments
RECORDED = json.loads((GOLDEN / "bucket_brigade_recorded.json").read_text(encoding="utf-8"))


@dataclass
class Played:
    """A game that was played with given actions."""

    initial: list[int]
    houses: list[list[int]]
    rewards: list[list[float]]
    scores: list[float]
    done: bool


def scripted_actions(agents: int, houses: int, night: int, seed: int) -> np.ndarray:
    """Script S of the recorded vectors: (N, 3)."""
    return np.array([[(3 * i + 7 * night + seed) % houses, (i + night) % 2, (i + 2 * night) % 2] for i in range(agents)])


def scripted_signals(agents: int, night: int) -> np.ndarray:
    """Script S's first signals: (N,)."""
    return np.array([(i + night) % 2 for i in range(agents)])


def scenario_of(row: dict) -> Scenario:
    """The scenario of a recorded game, with its overrides under their short names."""
    changes = {VECTORS["override_keys"].get(key, key): value for key, value in row["overrides"].items()}
    if row["num_agents"] != 4:
        changes["num_agents"] = row["num_agents"]
    return scenario(row["scenario"], **changes)


def recorded_houses(row: dict) -> int:
    """How many houses a record shows. Two of ten houses show the first 5 and 3 only, and their script visits no other."""
    return len(row["initial"])


def play_reference(chosen: Scenario, seed: int, nights: int, houses_visited: int) -> Played:
    """Script S on the plain Python rules."""
    game = Episode(chosen, seed)
    initial, houses, rewards = game.town.houses.tolist(), [], []
    for night in range(nights):
        if chosen.commitment_mode == "two_phase":
            game.town.round1_signals[:] = scripted_signals(chosen.num_agents, night)
        rewards.append(game.step(scripted_actions(chosen.num_agents, houses_visited, night, seed)).tolist())
        houses.append(game.town.houses.tolist())
    return Played(initial, houses, rewards, game.scores.tolist(), game.town.over)


def play_game(chosen: Scenario, seed: int, nights: int, houses_visited: int) -> Played:
    """Script S on `Game`, which plays on the engine."""
    game = Game(chosen.replace(max_nights=None), chosen.num_agents, seed)
    initial, houses, rewards, done = game.houses.tolist(), [], [], False
    for night in range(nights):
        actions = scripted_actions(chosen.num_agents, houses_visited, night, seed)
        if chosen.commitment_mode == "two_phase":
            paid, done = game.step_two_phase(scripted_signals(chosen.num_agents, night), actions)
        else:
            paid, done = game.step(actions)
        rewards.append(paid.tolist())
        houses.append(game.houses.tolist())
    return Played(initial, houses, rewards, game.scores.tolist(), done)


BACKENDS = {"reference": play_reference, "game": play_game}


def record(
    game: Scenario, policies: list[Any] | None, seed: int, room: int = 120, decisions: str = "independent", **more: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """What the library records: houses, actions, rewards, and whether the game is over."""
    ffi, lib = _library.get()
    config = {"scenario": game.to_dict(), "decisions": decisions, **more}
    if policies is not None:
        config["policies"] = policies
    n, h = game.num_agents, game.num_houses
    houses = np.full((room + 1, h), 9, np.uint8)
    actions = np.full((room, n, 3), 9, np.uint8)
    rewards = np.full((room, n), np.nan, np.float32)
    nights, over, err = ffi.new("uint32_t *"), ffi.new("uint8_t *"), _library.new_error()
    status = lib.marl_brigade_record(
        _library.to_json(config), seed, room, pointer(houses, "uint8", writable=True), houses.size,
        pointer(actions, "uint8", writable=True), actions.size, pointer(rewards, "float32", writable=True), rewards.size,
        nights, over, err,
    )  # fmt: skip
    _library.check(status, err)
    t = nights[0]
    # rows beyond are left alone
    assert np.all(houses[t + 1 :] == 9) and np.all(actions[t:] == 9) and np.all(np.isnan(rewards[t:]))
    return houses[: t + 1], actions[:t], rewards[:t], bool(over[0])
