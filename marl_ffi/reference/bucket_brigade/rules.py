"""The rules of one night, one agent and one house at a time.

The arithmetic of rewards and chances is float32, every operation rounded by itself, in the order written here. A
`Dialect` holds the few points in which the original's Python engine differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ...bucket_brigade.scenarios import Scenario
from ..market_rules import Array

__all__ = [
    "BURNING", "CORE", "REST", "RUINED", "SAFE", "WORK", "Dialect", "Draws", "Town", "new_town", "play_night", "reset",
]  # fmt: skip

SAFE, BURNING, RUINED = 0, 1, 2
REST, WORK = 0, 1
F32 = np.float32


class Draws(Protocol):
    """Where the game's uniform draws come from."""

    def __call__(self) -> Any: ...


@dataclass
class Town:
    """The state of one game: H houses, N agents."""

    houses: Array
    positions: Array
    signals: Array
    last_actions: Array
    fire_progress: Array
    round1_signals: Array
    rewards: Array
    night: int = 0
    over: bool = False
    # the Python engine remembers the houses it saw last; the true previous state is there anyhow
    remembered: Array = field(default_factory=lambda: np.zeros(0, np.uint8))


@dataclass(frozen=True)
class Dialect:
    """How an engine computes: in which precision, and what it does differently.

    Attributes:
        real: precision of the team reward and of chances.
        saved_chance: chance that `k` workers save a house, each alone with chance `kappa`.
        spread_in_place: a house lit in this night's spread spreads on in the same sweep.
        remembers_houses: what is compared with is the cache of the last step, all SAFE on the first night.
    """

    real: Any = np.float32
    saved_chance: Callable[[Any, int], Any] = lambda kappa, k: F32(1) - repeated_squares(F32(1) - kappa, k)
    spread_in_place: bool = False
    remembers_houses: bool = False


def repeated_squares(base: Any, exponent: int) -> Any:
    """`base**exponent` in the type of `base`, by squaring from the lowest bit of the exponent on."""
    result = type(base)(1)
    while True:
        if exponent & 1:
            result = result * base
        exponent //= 2
        if exponent == 0:
            return result
        base = base * base


CORE = Dialect()


def new_town(scenario: Scenario) -> Town:
    """The state before any reset."""
    houses, agents = scenario.num_houses, scenario.num_agents
    return Town(
        houses=np.zeros(houses, np.uint8),
        positions=np.zeros(agents, np.uint8),
        signals=np.zeros(agents, np.uint8),
        last_actions=np.zeros((agents, 3), np.uint8),
        fire_progress=np.zeros(houses, F32),
        round1_signals=np.zeros(agents, np.uint8),
        rewards=np.zeros(agents, F32),
        remembered=np.zeros(houses, np.uint8),
    )


def reset(scenario: Scenario, draw: Draws, dialect: Dialect = CORE) -> Town:
    """A new game. Draws once per house, also where none can burn."""
    town = new_town(scenario)
    rho = dialect.real(scenario.prob_house_catches_fire)
    for h in range(scenario.num_houses):
        if draw() < rho:
            town.houses[h] = BURNING
    return town


def ring_distance(a: int, b: int, houses: int) -> int:
    """Houses from `a` to `b` the shorter way around."""
    around = abs(int(a) - int(b))
    return min(around, houses - around)


def play_night(
    scenario: Scenario, town: Town, actions: Array, draw: Draws, dialect: Dialect = CORE, *, sparks: bool = True
) -> bool:
    """Play one night with valid actions (N, 3); true if the rules end the game. Changes the town.

    Without `sparks` no house catches fire by itself.
    """
    actions = sanitised(scenario, actions)
    before = town.houses.copy()
    town.signals[:] = actions[:, 2]
    town.positions[:] = actions[:, 0]
    town.last_actions[:] = actions

    extinguish(scenario, town, actions, draw, dialect)
    if scenario.phase_order == "burn_out_first":
        burn_out(scenario, town)
        spread(scenario, town, draw, dialect)
    else:
        spread(scenario, town, draw, dialect)
        burn_out(scenario, town)
    if sparks:
        ignite(scenario, town, draw, dialect)

    ended = is_over(scenario, town)
    seen_before = town.remembered if dialect.remembers_houses else before
    town.rewards = night_rewards(scenario, seen_before, town.houses, actions, ended, dialect)
    town.remembered = town.houses.copy()
    town.night += 1
    town.over = ended
    return ended


def sanitised(scenario: Scenario, actions: Array) -> Array:
    """Under adjacent_only, who aims further than next door stays at home."""
    actions = np.array(actions)
    if scenario.action_validity_mode == "adjacent_only":
        for i, home in enumerate(scenario.homes):
            if ring_distance(home, actions[i, 0], scenario.num_houses) > 1:
                actions[i, 0] = home
    return actions


def extinguish(scenario: Scenario, town: Town, actions: Array, draw: Draws, dialect: Dialect) -> None:
    """Workers fight the fires of the evening."""
    kappa = dialect.real(scenario.prob_solo_agent_extinguishes_fire)
    for h in np.flatnonzero(town.houses == BURNING).tolist():
        k = workers_at(h, actions)
        if scenario.extinguish_mode == "continuous":
            if k == 0:
                continue
            work = F32(dialect.real(k) * dialect.real(scenario.suppression_per_worker))
            town.fire_progress[h] = town.fire_progress[h] + work
            if town.fire_progress[h] >= 1:
                town.houses[h] = SAFE
                town.fire_progress[h] = 0
        # drawn also where nobody works
        elif draw() < dialect.saved_chance(kappa, k):
            town.houses[h] = SAFE


def workers_at(house: int, actions: Array) -> int:
    """How many agents work at a house."""
    return int(np.sum((actions[:, 0] == house) & (actions[:, 1] == WORK)))


def burn_out(scenario: Scenario, town: Town) -> None:
    """What still burns falls to ruin; in continuous mode fires burn on."""
    if scenario.extinguish_mode == "bernoulli":
        burning = town.houses == BURNING
        town.houses[burning] = RUINED
        town.fire_progress[burning] = 0


def spread(scenario: Scenario, town: Town, draw: Draws, dialect: Dialect) -> None:
    """Burning houses light their safe neighbours, left before right."""
    beta, n = dialect.real(scenario.prob_fire_spreads_to_neighbor), scenario.num_houses
    source = town.houses if dialect.spread_in_place else town.houses.copy()
    for h in range(n):
        if source[h] != BURNING:
            continue
        for neighbour in ((h - 1) % n, (h + 1) % n):
            if source[neighbour] == SAFE and draw() < beta:
                town.houses[neighbour] = BURNING


def ignite(scenario: Scenario, town: Town, draw: Draws, dialect: Dialect) -> None:
    """Safe houses catch fire by themselves."""
    rho = dialect.real(scenario.prob_house_catches_fire)
    for h in range(scenario.num_houses):
        if town.houses[h] == SAFE and draw() < rho:
            town.houses[h] = BURNING
            town.fire_progress[h] = 0


def is_over(scenario: Scenario, town: Town) -> bool:
    """Whether the rules end the game after this night; the limit `max_nights` is the caller's."""
    if town.night < scenario.min_nights:
        return False
    if scenario.termination == "no_fire":
        return not np.any(town.houses == BURNING)
    return bool(np.all(town.houses == SAFE) or np.all(town.houses == RUINED))


def night_rewards(
    scenario: Scenario, before: Array, after: Array, actions: Array, ended: bool, dialect: Dialect = CORE
) -> Array:
    """Rewards (N,) float32 of a night that turned `before` into `after`."""
    real, n = dialect.real, scenario.num_houses
    own_saved, other_saved = (scenario.per_agent(f"reward_{who}_house_survives") for who in ("own", "other"))
    own_ruined, other_ruined = (scenario.per_agent(f"penalty_{who}_house_burns") for who in ("own", "other"))
    team = team_reward(scenario, before, after, real)
    shaping = welfare_shaping(scenario, before, after, ended)
    homes, owners = scenario.homes, scenario.owners
    counted = [h for h in range(n) if after[h] == RUINED or (before[h] != SAFE and after[h] == SAFE)]
    rewards = np.zeros(scenario.num_agents, F32)
    for i, (house, mode, _) in enumerate(actions.tolist()):
        r = F32(0)
        if mode == WORK:
            cost = real(scenario.cost_to_work_one_night)
            if scenario.distance_cost_alpha != 0:
                far = ring_distance(homes[i], house, n)
                cost = cost + real(scenario.distance_cost_alpha) * real(far)
            r = r - F32(cost)
        else:
            r = r + F32(scenario.reward_rest)
        for h in counted:
            if after[h] == RUINED:
                r = r - F32(own_ruined[i] if owners[h] == i else other_ruined[i])
            else:
                r = r + F32(own_saved[i] if owners[h] == i else other_saved[i])
        r = F32(r + team)
        if mode == WORK and after[house] == SAFE:
            if scenario.action_shaping_alpha != 0 and before[house] == BURNING:
                r = r + F32(scenario.action_shaping_alpha) / F32(workers_at(house, actions))
            if scenario.action_shaping_beta != 0 and before[house] == SAFE:
                r = r + F32(scenario.action_shaping_beta)
        if shaping is not None:
            r = r + shaping
        rewards[i] = r
    return rewards


def team_reward(scenario: Scenario, before: Array, after: Array, real: Any) -> Any:
    """What every agent gets for the state of the town."""
    houses = real(scenario.num_houses)
    safe, ruined = real(np.sum(after == SAFE)) / houses, real(np.sum(after == RUINED)) / houses
    team = real(scenario.team_reward_house_survives) * safe - real(scenario.team_penalty_house_burns) * ruined
    if scenario.progress_shaping_coef != 0:
        progress = int(np.sum(after == SAFE)) - int(np.sum(before == SAFE))
        team = team + real(scenario.progress_shaping_coef) * real(progress)
    return team


def welfare(scenario: Scenario, houses: Array) -> Any:
    """The potential of a state of the town."""
    count = F32(scenario.num_houses)
    safe, burning, ruined = (F32(np.sum(houses == state)) / count for state in (SAFE, BURNING, RUINED))
    penalty = F32(scenario.team_penalty_house_burns)
    return F32(scenario.team_reward_house_survives) * safe - penalty * ruined - (F32(0.5) * penalty) * burning


def welfare_shaping(scenario: Scenario, before: Array, after: Array, ended: bool) -> Any:
    """The potential-based reward of a night; None where it is off."""
    if scenario.team_welfare_lambda == 0 or scenario.team_welfare_kind == "none":
        return None
    following = F32(0) if ended else welfare(scenario, after)
    change = F32(scenario.team_welfare_gamma) * following - welfare(scenario, before)
    return F32(scenario.team_welfare_lambda) * change
