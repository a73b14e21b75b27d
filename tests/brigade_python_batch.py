"""Many games of the original's Python engine at once, written over games instead of one game at a time.

A second, independent writing of the rules of `python_engine.py` for games of the ordinary kind, fast enough for published
averages over 10,000 episodes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from marl_ffi.bucket_brigade import Scenario

SAFE, BURNING, RUINED = 0, 1, 2
DRAWS = 420  # of a game, made beforehand: enough for some forty nights
F32 = np.float32

Actions = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Houses (G, H) of the evening and the numbers of the games (G,) -> actions (G, N, 2)."""


def uniform(seeds: np.ndarray, houses: int, agents: int = 4) -> Actions:
    """Uniform random play: a generator per game, and each night houses, modes and signals in this order."""
    draws = [np.random.default_rng(seed) for seed in seeds]

    def play(evening: np.ndarray, games: np.ndarray) -> np.ndarray:
        made = np.empty((len(games), agents, 2), np.int64)
        for row, g in enumerate(games):
            draw = draws[g]
            made[row, :, 0] = draw.integers(0, houses, size=agents)
            made[row, :, 1] = draw.integers(0, 2, size=agents)
            draw.integers(0, 2, size=agents)
        return made

    return play


def specialists(evening: np.ndarray, games: np.ndarray, agents: int = 4) -> np.ndarray:
    """Work at the first of one's own houses that burns; rest at the first, or at house 0."""
    houses = evening.shape[1]
    made = np.zeros((len(games), agents, 2), np.int64)
    for i in range(agents):
        own = np.arange(i, houses, agents)
        if len(own):
            burning = evening[:, own] == BURNING
            made[:, i, 1] = burning.any(axis=1)
            made[:, i, 0] = own[burning.argmax(axis=1)]
    return made


def draws_of(seeds: np.ndarray) -> np.ndarray:
    """The first draws of each game's generator, (G, DRAWS)."""
    return np.stack([np.random.RandomState(seed).random_sample(DRAWS) for seed in seeds])


def per_night(chosen: Scenario, draws: np.ndarray, actions: Actions) -> np.ndarray:
    """The team's reward per night in each game, (G,)."""
    count, n, agents = len(draws), chosen.num_houses, chosen.num_agents
    used = np.zeros(count, np.int64)
    games = np.arange(count)

    def draw(wanted: np.ndarray) -> np.ndarray:
        """The next draw of each game for each wanted place, in order, (G, H); 1 elsewhere."""
        places = used[:, None] + np.cumsum(wanted, axis=1) - 1
        assert places.max() < DRAWS
        used[:] += wanted.sum(axis=1)
        return np.where(wanted, draws[games[:, None], np.maximum(places, 0)], 1.0)

    houses = np.where(draw(np.ones((count, n), bool)) < chosen.prob_house_catches_fire, BURNING, SAFE)
    remembered = np.zeros_like(houses)
    totals, averages = np.zeros(count), np.zeros(count)
    night = 0
    while len(games):
        chosen_actions = actions(houses, games)
        place, work = chosen_actions[:, :, 0], chosen_actions[:, :, 1] == 1
        workers = ((place[:, :, None] == np.arange(n)) & work[:, :, None]).sum(axis=1)
        chances = np.array([1 - (1 - chosen.prob_solo_agent_extinguishes_fire) ** k for k in range(agents + 1)])
        saved = draw(houses == BURNING) < chances[workers]
        after = np.where(houses == BURNING, np.where(saved, SAFE, RUINED), houses)
        after = np.where(draw(after == SAFE) < chosen.prob_house_catches_fire, BURNING, after)
        totals += rewards(chosen, remembered, after, place, work).sum(axis=1, dtype=F32).astype(float)
        remembered = houses = after
        night += 1
        ended = (after != BURNING).all(axis=1) & (night > chosen.min_nights)
        averages[games[ended]] = totals[ended] / night
        games, houses, remembered, totals, used = (each[~ended] for each in (games, houses, remembered, totals, used))
    return averages


def rewards(chosen: Scenario, before: np.ndarray, after: np.ndarray, place: np.ndarray, work: np.ndarray) -> np.ndarray:
    """(G, N) float32: a float64 team reward, added last to float32 sums."""
    n = chosen.num_houses
    safe, ruined = ((after == state).sum(axis=1) / n for state in (SAFE, RUINED))
    team = chosen.team_reward_house_survives * safe - chosen.team_penalty_house_burns * ruined
    around = np.abs(np.array(chosen.homes) - place)
    costs = chosen.cost_to_work_one_night + chosen.distance_cost_alpha * np.minimum(around, n - around)
    paid = np.where(work, F32(0) - costs.astype(F32), F32(chosen.reward_rest))
    for h in range(n):
        won = (before[:, h] != SAFE) & (after[:, h] == SAFE)
        lost = after[:, h] == RUINED
        for i in range(chosen.num_agents):
            whose = "own" if chosen.owners[h] == i else "other"
            gain = F32(chosen.per_agent(f"reward_{whose}_house_survives")[i])
            loss = F32(chosen.per_agent(f"penalty_{whose}_house_burns")[i])
            paid[:, i] += np.where(won, gain, F32(0)) - np.where(lost, loss, F32(0))
    return (paid.astype(float) + team[:, None]).astype(F32)
