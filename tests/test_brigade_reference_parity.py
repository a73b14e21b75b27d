"""BucketBrigade-v0: the library against the plain Python rules, on random games, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from parity_support import bits, differences
from parity_support import told as everything

from marl_ffi import _backend
from marl_ffi.bucket_brigade import ARCHETYPES, SCENARIOS
from marl_ffi.errors import MarlError
from marl_ffi.reference import vec_env
from marl_ffi.reference.bucket_brigade.config import LAYOUTS, RULES

ID = "BucketBrigade-v0"
BLOCKS, GAMES = 6, 25


def random_config(rng: np.random.Generator) -> dict[str, Any]:
    """A configuration: sizes, modes, shaping, homes, seats, policies, layouts."""
    n, h = int(rng.choice([1, 2, 4, 4, 5, 9, 12])), int(rng.choice([2, 3, 10, 10, 11, 64, 65, 100]))
    number = lambda *choices: float(rng.choice(choices))  # noqa: E731
    per_agent = lambda high: float(rng.uniform(0, high)) if rng.random() < 0.5 else rng.uniform(0, high, n).tolist()  # noqa: E731
    config: dict[str, Any] = {
        "scenario": str(rng.choice([name for name in SCENARIOS if not name.startswith(("asym", "min", "v2", "pos"))])),
        "num_agents": n, "num_houses": h,
        "prob_fire_spreads_to_neighbor": number(0, 1, 0.3, rng.random()),
        "prob_solo_agent_extinguishes_fire": number(0, 1, 0.5, rng.random()),
        "prob_house_catches_fire": number(0, 0.02, 0.3, rng.random()),
        "team_reward_house_survives": number(100, rng.normal() * 50), "team_penalty_house_burns": number(100, 0, 33.3),
        "reward_own_house_survives": per_agent(50), "reward_other_house_survives": per_agent(5),
        "penalty_own_house_burns": per_agent(50), "penalty_other_house_burns": per_agent(5),
        "cost_to_work_one_night": number(0.5, 0.7, 0), "min_nights": int(rng.integers(0, 8)),
        "reward_rest": number(0.5, -0.1), "distance_cost_alpha": number(0, 0.1, 0.37),
        "agent_home_positions": [] if rng.random() < 0.5 else rng.integers(0, h, n).tolist(),
        "action_shaping_alpha": number(0, 0, 1.7), "action_shaping_beta": number(0, 0, -0.3),
        "progress_shaping_coef": number(0, 0, 2.3), "team_welfare_lambda": number(0, 1.1),
        "team_welfare_gamma": number(1, 0.99), "team_welfare_kind": str(rng.choice(["none", "team_welfare_closed_form"])),
        "action_validity_mode": str(rng.choice(["always_valid", "adjacent_only"])),
        "extinguish_mode": str(rng.choice(["bernoulli", "continuous"])),
        "suppression_per_worker": number(0, 0.5, 0.3, 0.1),
        "commitment_mode": str(rng.choice(["simultaneous", "two_phase"])),
        "max_nights": None if rng.random() < 0.2 else int(rng.integers(1, 12)),
        "termination": str(rng.choice(["all_safe_or_ruined", "no_fire"])),
        "phase_order": str(rng.choice(["burn_out_first", "spread_first"])),
        "decisions": str(rng.choice(["independent", "original"])), "observation": str(rng.choice(LAYOUTS)),
        "actions": str(rng.choice(["triples", "pairs"])),
    }  # fmt: skip
    config["observe_progress"] = config["observation"] == "v1" and bool(rng.random() < 0.5)
    if rng.random() < 0.7:
        learned = sorted(rng.choice(n, int(rng.integers(1, n + 1)), replace=False).tolist())
        others = [*ARCHETYPES, *RULES, None, rng.random(10).tolist()]
        config["agents"] = learned
        config["policies"] = [None if i in learned else others[rng.integers(len(others))] for i in range(n)]
    return config


def random_actions(rng: np.random.Generator, spec: dict[str, Any], count: int) -> np.ndarray:
    """Actions of all learned agents."""
    nvec = np.array([agent["action"]["nvec"] for agent in spec["agents"]])
    return rng.integers(0, nvec, (count, *nvec.shape)).astype(rng.choice(["int64", "int32"]))


def told(engine: Any, *, stepped: bool = True) -> dict[str, Any]:
    """Everything an engine shows; only observations and state where the last call was no step."""
    shown = everything(engine)
    return {name: each for name, each in shown.items() if stepped or name == "observations" or "state" in name}


def injected(rng: np.random.Generator, houses: int) -> np.ndarray:
    """A town in some state, for 3 games: fires that no scenario would have."""
    return rng.choice([0, 0, 1, 2], (3, houses)).astype(np.uint8)


def engines(count: int, threads: int, mode: str, config: dict[str, Any]) -> tuple[Any, Any]:
    assert _backend.backend() == "rust"
    native = _backend.make_engine(ID, count, threads, mode, config)
    return native, vec_env.make_engine(ID, count, mode, config)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_random_games(block: int) -> None:
    """150 configurations of 3 games: everything that is shown, step by step."""
    rng = np.random.default_rng([4, block])
    for case in range(GAMES):
        config, mode = random_config(rng), str(rng.choice(["NextStep", "SameStep"]))
        native, plain = engines(3, 1, mode, config)
        where = f"block {block}, case {case}, {mode}, {config}"
        assert native.spec == plain.spec, where
        seeds = rng.integers(0, 2**63, 3).astype(np.uint64)
        for engine in (native, plain):
            engine.reset(seeds, np.ones(3, bool), None, None)
        assert differences(told(native, stepped=False), told(plain, stepped=False)) == [], where
        for night in range(15):
            if night == 3:
                town = injected(rng, config["num_houses"])
                for engine in (native, plain):
                    engine.set_column("houses", town, None)
            actions = random_actions(rng, native.spec, 3)
            for engine in (native, plain):
                engine.step(actions)
            found, expected = told(native), told(plain)
            assert differences(found, expected) == [], f"night {night} of {where}"
        for engine in (native, plain):
            engine.reset(None, None, np.array([True, False, True]), None)
        left, right = (told(engine, stepped=False) for engine in (native, plain))
        assert differences(left, right) == [], f"a reset without a seed, {where}"


def test_the_random_games_contain_everything() -> None:
    """What the games above are meant to meet does happen in them."""
    seen = dict.fromkeys(("saved", "lost", "lit again", "ended", "cut off", "continuous fire", "spread"), 0)
    for block in range(BLOCKS):
        rng = np.random.default_rng([4, block])
        for _ in range(GAMES):
            config = random_config(rng)
            plain = vec_env.make_engine(ID, 1, "SameStep", config)
            plain.reset(np.array([rng.integers(2**63)], np.uint64), np.ones(1, bool), None, None)
            for night in range(15):
                if night == 3:
                    plain.set_column("houses", injected(rng, config["num_houses"])[:1], None)
                before = plain.column("houses")[0]
                plain.step(random_actions(rng, plain.spec, 1))
                after = plain.column("houses")[0]
                seen["ended"] += bool(plain.out.terminations[0])
                seen["cut off"] += bool(plain.out.truncations[0])
                seen["saved"] += int(plain.out.infos["num_saved"][0])
                seen["lost"] += int(plain.out.infos["num_lost"][0])
                if plain.out.final_mask[0]:
                    continue
                stayed = int(np.sum((before == 1) & (after == 1)))
                seen["continuous fire" if config["extinguish_mode"] == "continuous" else "lit again"] += stayed
                seen["spread"] += config["prob_house_catches_fire"] == 0 and int(np.sum((before == 0) & (after > 0)))
    assert min(seen.values()) > 20, seen


def test_snapshots_sampled_actions_and_columns_are_the_same() -> None:
    config = {"scenario": "hard", "agents": [0, 2], "policies": [None, "random_strategy", None, "uniform"]}
    native, plain = engines(5, 2, "NextStep", config)
    for engine in (native, plain):
        engine.reset(np.arange(5, dtype=np.uint64), np.ones(5, bool), None, None)
    left, right = native.rollout(30, None), plain.rollout(30, None)
    for name in right:
        assert bits(left[name]) == bits(right[name]), name
    for engine in (native, plain):
        kept = engine.snapshot()
        first = {name: each.copy() for name, each in engine.rollout(5, None).items()}
        engine.restore(kept)
        again = engine.rollout(5, None)
        assert all(bits(first[name]) == bits(again[name]) for name in first)
        houses = engine.column("houses")
        houses[:, 3] = 2
        engine.set_column("houses", houses, None)
        engine.observe()
    assert differences(told(native, stepped=False), told(plain, stepped=False)) == []


@pytest.mark.parametrize(
    "config",
    [
        {"scenario": "rest_trp"}, {"scenario": 3}, {"scenario": {"min_nights": 3}}, {"num_house": 3}, {"num_houses": 1},
        {"num_agents": 0}, {"num_agents": 2.5}, {"prob_house_catches_fire": 1.5}, {"penalty_own_house_burns": -1},
        {"reward_own_house_survives": [1, 2]}, {"reward_own_house_survives": "x"}, {"agent_home_positions": [0, 1]},
        {"agent_home_positions": [0, 1, 2, 10]}, {"extinguish_mode": "poisson"}, {"max_nights": 0}, {"agents": []},
        {"agents": [0, 4]}, {"agents": [1, 0]}, {"policies": [None]}, {"agents": [0], "policies": ["hero"] * 4},
        {"agents": [0], "policies": [None, "hro", None, None]}, {"agents": [0], "policies": [None, [0.5] * 9, None, None]},
        {"agents": [0], "policies": [None, [1.5] * 10, None, None]}, {"decisions": "mine"}, {"observation": "v2"},
        {"observe_progress": True, "observation": "py_flat"}, {"actions": "quads"},
        {"scenario": "v2_minimal", "num_agents": 3},
    ],
    ids=str,
)  # fmt: skip
def test_both_refuse_the_same_configurations(config: dict[str, Any]) -> None:
    errors = []
    for make in (
        lambda: _backend.make_engine(ID, 1, 1, "NextStep", config),
        lambda: vec_env.make_engine(ID, 1, "NextStep", config),
    ):
        with pytest.raises(MarlError) as caught:
            make()
        errors.append(caught.value)
    assert [type(error) for error in errors] == [type(errors[0])] * 2, errors
    assert errors[0].reason == errors[1].reason, errors
    assert all(len(str(error)) < 450 for error in errors)
