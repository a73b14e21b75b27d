"""Rollouts so long that their results leave the caches while later steps are computed: the bytes of short ones."""

from __future__ import annotations

import numpy as np
import pytest
from parity_support import MARKET

import marl_ffi as mf
from marl_ffi.market import default_params
from marl_ffi.reference.classic import CLASSIC

ROWS = 1 << 18  # agents times environments times steps from which on results go past the caches


def environment(env_id: str, count: int, threads: int, mode: str) -> mf.VecEnv:
    """A batch whose episodes end soon, started."""
    options = {"params": default_params(4, 3)} if env_id == MARKET else {}
    if env_id in CLASSIC:
        options["max_episode_steps"] = 7
    env = mf.VecEnv(env_id, count, num_threads=threads, autoreset_mode=mode, **options)
    env.reset(seed=5)
    return env


# Sizes whose rows begin at whole cache lines, and others.
@pytest.mark.parametrize("count", [4096, 4099])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("env_id", [*CLASSIC, MARKET, "BucketBrigade-v0"])
def test_a_long_rollout_is_many_short_ones(env_id: str, mode: str, threads: int, count: int) -> None:
    """Drawn actions and given ones, with and without the ends of episodes; and what follows."""
    long, short = (environment(env_id, count, threads, mode) for _ in range(2))
    agents = len(long.spec["agents"])
    steps = -(-ROWS // (count * agents)) + 1
    pieces = [3] * (steps // 3) + [steps % 3] * (steps % 3 > 0)
    assert 3 * count * agents < ROWS <= steps * count * agents
    for extras in (False, True):
        whole = long.rollout(steps, extras=extras)
        parts = [short.rollout(piece, extras=extras) for piece in pieces]
        mask = np.concatenate([part["final_mask"] for part in parts]) if extras else None
        assert mask is None or mask.any()
        for name, made in whole.items():
            expected = np.concatenate([part[name] for part in parts])
            if name == "final_observations":
                made, expected = made[mask], expected[mask]
            assert made.dtype == expected.dtype and made.tobytes() == expected.tobytes(), (name, extras)
    given = whole["actions"][:, ::-1].copy()
    whole = long.rollout(given)
    first = 0
    for piece in pieces:
        part = short.rollout(given[first : first + piece])
        for name in ("observations", "rewards", "terminations", "truncations"):
            assert whole[name][first : first + piece].tobytes() == part[name].tobytes(), name
        first += piece
    assert long.snapshot() == short.snapshot()
