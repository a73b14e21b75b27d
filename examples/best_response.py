"""Iterated best response by plain search: no learning library, only many markets at once.

In turn every generator tries a grid of actions against what the others do now, and keeps the best. Each try
is one copy of the environment, so a whole best response is one episode of a batch.
"""

import numpy as np

import marl_ffi as mf

ROUNDS = 4
params = mf.market.competitive_params(6, 24)
agents = params["N_generators"]

withheld, markups = np.meshgrid(np.linspace(0, 0.9, 10), np.linspace(-0.2, 1.0, 13))
grid = np.stack([withheld.ravel(), markups.ravel()], axis=1).astype(np.float32)  # (tries, 2)
played = np.zeros((agents, 2), np.float32)  # everybody starts at cost

with mf.VecEnv("ElectricityMarket-v0", len(grid), params=params, demand_noise="never") as env:

    def returns(actions: np.ndarray) -> tuple[np.ndarray, float]:
        """Return of every agent in every copy, and the mean price of the first copy."""
        env.reset()
        total, price = np.zeros((len(grid), agents)), 0.0
        for _ in range(params["T"]):
            _, rewards, _, _, infos = env.step(actions)
            total += rewards
            price += float(infos["price"][0]) / params["T"]
        return total, price

    for number in range(ROUNDS):
        for agent in range(agents):
            actions = np.tile(played, (len(grid), 1, 1))
            actions[:, agent] = grid
            total, _ = returns(actions)
            played[agent] = grid[total[:, agent].argmax()]
        total, price = returns(np.tile(played, (len(grid), 1, 1)))
        shown = " ".join(f"({a:.1f}, {b:+.1f})" for a, b in played)
        print(f"round {number + 1}: mean price {price:6.2f} $/MWh, withheld and markup: {shown}")
