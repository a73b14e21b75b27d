"""marl_brigade_record plays the very games that `Replay.play` records: players in Python, nights in the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from brigade_support import record

from marl_ffi import _library
from marl_ffi._buffers import pointer
from marl_ffi.bucket_brigade import SCENARIOS, Replay, scenario
from marl_ffi.errors import InvalidInputError, ShapeError, UnknownNameError

TEAM = ["firefighter", "free_rider", "hero", "liar"]
RULES = ["specialist", "trivial_cooperator", "early_containment", "greedy_neighbor", "sparse_hero"]
RULES += ["chain_reaction_coordinator", "rest", "coordinator"]
STRATEGY = [0.3, 0.8, 0.0, 0.4, 0.0, 0.0, 0.0, 0.0, 0.1, 0.0]


def same(replay: Replay, recorded: tuple[np.ndarray, np.ndarray, np.ndarray, bool]) -> None:
    houses, actions, rewards, over = recorded
    assert over
    assert np.array_equal(houses, replay.houses) and np.array_equal(actions, replay.actions)
    assert rewards.tobytes() == replay.rewards.astype(np.float32).tobytes()


@pytest.mark.parametrize("decisions", ["independent", "original"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_archetypes_play_the_same_game(name: str, decisions: str) -> None:
    game = scenario(name)
    team = [TEAM[k % 4] for k in range(game.num_agents)]
    lengths = set()
    for seed in (0, 1, 7, 2**64 - 1):
        replay = Replay.play(game, team, seed, decisions=decisions)
        same(replay, record(game, list(team), seed, decisions=decisions))
        lengths.add(replay.num_nights)
    assert min(lengths) > 1


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"commitment_mode": "two_phase"},
        {"extinguish_mode": "continuous", "suppression_per_worker": 0.3},
        {"action_validity_mode": "adjacent_only"},
        {"phase_order": "spread_first"},
        {"num_houses": 100},
        {"max_nights": 3},
        {"termination": "no_fire", "max_nights": 60},
    ],
)
def test_every_rule_and_player(changes: dict[str, Any]) -> None:
    game = scenario("hard", **changes).for_agents(len(RULES) + 1)
    for seed in range(4):
        players = [*RULES, STRATEGY]
        same(Replay.play(game, players, seed), record(game, players, seed))


def test_two_seats_that_draw_integers() -> None:
    game = scenario("default").for_agents(3)
    same(Replay.play(game, ["random", "hero", "uniform"], 5), record(game, ["random", "hero", "uniform"], 5))


def test_too_little_room_is_told() -> None:
    game = scenario("default")
    replay = Replay.play(game, ["firefighter"] * 4, 3)
    assert replay.num_nights > 2
    houses, actions, _, over = record(game, None, 3, room=2)
    assert not over and len(houses) == 3
    assert np.array_equal(houses, replay.houses[:3]) and np.array_equal(actions, replay.actions[:2])
    houses, _, _, over = record(game, None, 3, room=0)
    assert not over and np.array_equal(houses, replay.houses[:1])
    assert record(game, None, 3, room=replay.num_nights)[3]


def test_random_strategies_are_drawn_anew() -> None:
    game = scenario("hard")
    games = {record(game, ["random_strategy"] * 4, seed)[1].tobytes() for seed in range(8)}
    assert len(games) == 8


def test_what_is_refused() -> None:
    game = scenario("default")
    with pytest.raises(InvalidInputError, match="expected one for each of 4 agents, got 3"):
        record(game, ["hero"] * 3, 0)
    with pytest.raises(InvalidInputError, match="did you mean"):
        record(game, ["heroo"] * 4, 0)
    with pytest.raises((InvalidInputError, UnknownNameError), match="observation"):
        record(game, None, 0, observation="v1")
    ffi, lib = _library.get()
    err = _library.new_error()
    nights, over, houses = ffi.new("uint32_t *", 7), ffi.new("uint8_t *", 7), np.zeros(11, np.uint8)
    out = pointer(houses, "uint8", writable=True)
    status = lib.marl_brigade_record(ffi.NULL, 0, 0, out, 11, ffi.NULL, 0, ffi.NULL, 0, nights, over, err)
    with pytest.raises(ShapeError, match="houses: expected 10 elements, got 11"):
        _library.check(status, err)
    null = lib.marl_brigade_record(ffi.NULL, 0, 0, out, 10, ffi.NULL, 0, ffi.NULL, 0, ffi.NULL, over, err)
    assert ffi.string(lib.marl_status_name(null)) == b"null_pointer"
    beyond = lib.marl_brigade_record(ffi.NULL, 0, 2**64 - 1, out, 10, ffi.NULL, 0, ffi.NULL, 0, nights, over, err)
    assert ffi.string(lib.marl_status_name(beyond)) == b"invalid_argument"
    aliased = lib.marl_brigade_record(ffi.NULL, 0, 0, out, 10, ffi.NULL, 0, ffi.NULL, 0, nights, out, err)
    assert ffi.string(lib.marl_status_name(aliased)) == b"invalid_argument"
    assert nights[0] == 7 and over[0] == 7 and not houses.any()
