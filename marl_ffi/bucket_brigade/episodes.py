"""Whole episodes between heuristic agents: a call plays every profile of strategies with every seed.

The library plays them on threads; without it the plain Python rules do, one night at a time, with the same results.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

from .. import _backend, _library
from .._arguments import seed as one_seed
from .._buffers import pointer
from ..errors import DtypeError, InvalidInputError, ShapeError, error_for
from ..reference.market_rules import as_array, check_threads
from ._scenario import MAX_AGENTS, Scenario
from .archetypes import PARAMETERS, strategy
from .scenarios import scenario as named

__all__ = ["DECISIONS", "as_scenario", "run_heuristic_episode", "run_heuristic_episodes"]

DECISIONS = ("original", "independent")
"""Where agents draw from: a second generator of the game's seed, or a stream of their own."""

Floats = npt.NDArray[np.float32]
Counts = npt.NDArray[np.uint32]


def as_scenario(value: Any, num_agents: int | None = None) -> Scenario:
    """A scenario from its name, a dictionary of fields, or an object with `to_dict`; for `num_agents` if given."""
    if isinstance(value, (str, Scenario)):
        found = named(value)
    elif isinstance(value, Mapping):
        found = Scenario.from_dict(value)
    elif hasattr(value, "to_dict"):
        found = Scenario.from_dict(value.to_dict())
    else:
        raise DtypeError(f"scenario: expected a name, a Scenario or a dictionary, got {type(value).__name__}")
    return found if num_agents is None else found.for_agents(num_agents)


def run_heuristic_episode(
    scenario: Any, params: ArrayLike, seed: int, *, decisions: str = "original"
) -> tuple[Floats, int]:
    """Play one episode; see `run_heuristic_episodes`.

    Args:
        scenario: a name, a `Scenario` or a dictionary of its fields.
        params: (N, 10) strategies, one per agent; or a list of N archetypes and vectors.
        seed: 0 to 2**64 - 1.
        decisions: `"original"` or `"independent"`.

    Returns:
        scores (N,) float32, points per agent and episode, and the number of nights that were played.
    """
    profile = _profiles(params)
    if profile.ndim != 2:
        raise ShapeError(f"params: expected shape (N, {len(PARAMETERS)}), got {profile.shape}")
    seeds = np.array([one_seed(seed)], np.uint64)
    scores, nights = run_heuristic_episodes(scenario, profile, seeds, decisions=decisions, num_threads=1)
    return scores[0], int(nights[0])


def run_heuristic_episodes(
    scenario: Any,
    params: ArrayLike,
    seeds: ArrayLike,
    *,
    decisions: str = "original",
    num_threads: int | None = None,
) -> tuple[Floats, Counts]:
    """Play an episode for every seed, or for every profile and seed.

    All agents of a game see the same houses, decide one after the other, and the night is played, until the rules end
    the game or `max_nights` of the scenario are over. The engine's heuristic agent reads honesty, work tendency,
    own-house priority and rest bias; payoffs depend on `work_tendency * (1 - rest_bias)` and `own_house_priority`.

    Args:
        scenario: a name, a `Scenario` or a dictionary of its fields. It is played by as many agents as `params` has.
        params: (N, 10) strategies from 0 to 1, one per agent; or (P, N, 10), P such profiles.
        seeds: (S,) integers from 0 to 2**64 - 1, the same for all profiles (common random numbers); or (P, S).
        decisions: `"original"`: agents draw from a second generator of the game's seed, as the original's do;
            `"independent"`: from a stream of their own, which has nothing to do with the game's.
        num_threads: most threads; `None` for the default. Results do not depend on it.

    Returns:
        scores (S, N) float32, the running sum of each agent's rewards over the nights, points per episode; and nights
        (S,) uint32. With P profiles (P, S, N) and (P, S).

    Raises:
        ShapeError, DtypeError, InvalidInputError: not a strategy, seed or scenario; also a scenario without
            `max_nights`, whose games need not end. UnknownNameError: no scenario or field of that name.
    """
    given = _profiles(params)
    profiles = given if given.ndim == 3 else given[np.newaxis]
    grid = _seeds(seeds, len(profiles))
    chosen = as_scenario(scenario, profiles.shape[1])
    if decisions not in DECISIONS:
        expected = " or ".join(map(repr, DECISIONS))
        raise InvalidInputError(f"decisions: expected {expected}, got {decisions!r}")
    check_threads(num_threads)
    if chosen.max_nights is None:
        message = "Scenario.max_nights: expected a number of nights, for an episode may last for ever; got None"
        raise error_for("invalid_config", message)
    play = _play if _backend.backend() == "rust" else _play_reference
    scores, nights = play(chosen, profiles, grid, decisions, num_threads or 0)
    return (scores, nights) if given.ndim == 3 else (scores[0], nights[0])


def _profiles(params: Any) -> npt.NDArray[np.float64]:
    """Strategies (N, 10) or (P, N, 10), checked."""
    if isinstance(params, (list, tuple)) and any(isinstance(each, str) for each in params):
        params = [strategy(each, f"params[{i}]") for i, each in enumerate(params)]
    array = as_array("params", params)
    if array.dtype.kind not in "iuf":
        raise DtypeError(f"params: expected numbers from 0 to 1, got dtype {array.dtype}")
    if array.ndim not in (2, 3) or array.shape[-1] != len(PARAMETERS) or 0 in array.shape:
        raise ShapeError(f"params: expected shape (N, {len(PARAMETERS)}) or (P, N, {len(PARAMETERS)}), got {array.shape}")
    if array.shape[-2] > MAX_AGENTS:
        raise ShapeError(f"params: expected at most {MAX_AGENTS} agents, got {array.shape[-2]}")
    array = np.ascontiguousarray(array, np.float64)
    bad = ~((array >= 0) & (array <= 1))  # NaN is bad too
    if bad.any():
        place = tuple(int(axis) for axis in np.argwhere(bad)[0])
        raise InvalidInputError(f"params{list(place)} ({PARAMETERS[place[-1]]}): expected 0 to 1, got {array[place]}")
    return array


def _seeds(seeds: Any, profiles: int) -> npt.NDArray[np.uint64]:
    """Seeds (S,) or (profiles, S), checked."""
    array = as_array("seeds", seeds)
    if array.dtype.kind not in "iu":
        # Python's integers above 2**63 come as objects, or next to small ones as floats.
        exact = np.array(seeds, object)
        if array.dtype.kind not in "Of" or not all(type(each) is int for each in exact.flat):
            raise DtypeError(f"seeds: expected integers, got dtype {array.dtype}")
        array = exact
    if array.ndim not in (1, 2) or (array.ndim == 2 and len(array) != profiles) or 0 in array.shape:
        raise ShapeError(f"seeds: expected shape (S,) or ({profiles}, S), got {array.shape}")
    if array.dtype != np.uint64:
        lowest, highest = int(array.min()), int(array.max())
        if lowest < 0 or highest >= 2**64:
            raise InvalidInputError(f"seeds: expected 0 to 2**64 - 1, got {lowest if lowest < 0 else highest}")
    return np.ascontiguousarray(array, np.uint64)


@lru_cache(maxsize=256)
def _config(scenario: Scenario) -> bytes:
    return _library.to_json({"scenario": scenario.to_dict()})


def _play(
    scenario: Scenario, profiles: npt.NDArray[np.float64], seeds: npt.NDArray[np.uint64], decisions: str, threads: int
) -> tuple[Floats, Counts]:
    """The grid in the library."""
    _, lib = _library.get()
    (count, agents, _), num_seeds = profiles.shape, seeds.shape[-1]
    scores = np.empty((count, num_seeds, agents), np.float32)
    nights = np.empty((count, num_seeds), np.uint32)
    err = _library.new_error()
    status = lib.marl_brigade_episodes(
        _config(scenario), pointer(profiles, "float64"), profiles.size, count, agents,
        pointer(seeds, "uint64"), seeds.size, num_seeds, DECISIONS.index(decisions), threads,
        pointer(scores, "float32", writable=True), scores.size, pointer(nights, "uint32", writable=True), nights.size,
        err,
    )  # fmt: skip
    _library.check(status, err)
    return scores, nights


def _play_reference(
    scenario: Scenario, profiles: npt.NDArray[np.float64], seeds: npt.NDArray[np.uint64], decisions: str, _: int
) -> tuple[Floats, Counts]:
    """The grid on the plain Python rules."""
    from ..reference.bucket_brigade.episodes import run_heuristic_episode as play_one

    seeds = np.broadcast_to(seeds, (len(profiles), seeds.shape[-1]))
    scores = np.empty((*seeds.shape, profiles.shape[1]), np.float32)
    nights = np.empty(seeds.shape, np.uint32)
    for place in np.ndindex(*seeds.shape):
        scores[place], nights[place] = play_one(scenario, profiles[place[0]], int(seeds[place]), decisions)
    return scores, nights
