"""CartPole solved without learning: a thousand random linear policies at once, and the best of them kept.

A policy pushes right where a weighted sum of the observation is positive. Each try is one copy of the environment,
so a generation is one batch of episodes. Every candidate is then tried again from other starts.
"""

import time

import numpy as np

import marl_ffi as mf

TRIES, LIMIT, STARTS = 1000, 500, 100


def returns(weights: np.ndarray, seed: int) -> np.ndarray:
    """Return of one episode of every policy (tries, 4), in as many copies of the environment."""
    with mf.VecEnv("CartPole-v1", len(weights), autoreset_mode="NextStep") as env:
        observations, _ = env.reset(seed=seed)
        total, running = np.zeros(len(weights)), np.ones(len(weights), bool)
        while running.any():
            actions = ((observations * weights).sum(axis=1) > 0).astype(np.int64)
            observations, rewards, terminations, truncations, _ = env.step(actions)
            total += rewards * running
            running &= ~(terminations | truncations)
        return total


rng = np.random.default_rng(0)
start = time.perf_counter()
with mf.Logger("random_search.csv") as log:
    best, spread = np.zeros(4), 1.0
    for generation in range(10):
        weights = best + spread * rng.standard_normal((TRIES, 4))
        found = returns(weights, seed=generation * TRIES)
        finalists = weights[np.argsort(-found)[:10]]
        means = [returns(np.tile(each, (STARTS, 1)), seed=10**6).mean() for each in finalists]
        best, spread = finalists[int(np.argmax(means))], spread / 2
        log.log(generation=generation, best=max(means), mean=found.mean())
        print(f"generation {generation}: mean return {found.mean():6.1f}, best over {STARTS} starts {max(means):6.1f}")
        if max(means) == LIMIT:
            break

print(f"weights {np.round(best, 2).tolist()} hold the pole for {LIMIT} steps from {STARTS} starts")
print(f"{time.perf_counter() - start:.1f} s")
