"""What one generator earns by withholding capacity, for 101 degrees of withholding at once.

The five generators of the default market all offer everything at cost, except one: in copy k of the market
it holds back k percent. One vectorised environment plays the 101 markets side by side.
"""

import numpy as np

import marl_ffi as mf

GENERATOR = 2
params = mf.market.default_params(5, 24)

withheld = np.linspace(0, 1, 101, dtype=np.float32)
actions = np.zeros((101, 5, 2), np.float32)  # copy, agent, (withheld fraction, bid markup)
actions[:, GENERATOR, 0] = withheld

prices, profit = np.zeros(101), np.zeros((101, 5))
costs = np.array(params["costs"])
with mf.VecEnv("ElectricityMarket-v0", 101, params=params, demand_noise="never") as env:
    env.reset()
    for _ in range(params["T"]):
        _, _, _, _, infos = env.step(actions)
        prices += infos["price"] / params["T"]
        profit += (infos["price"][:, None] - costs) * infos["q_cleared"]

best = int(profit[:, GENERATOR].argmax())
print(f"generator {GENERATOR} ({costs[GENERATOR]:.0f} $/MWh), one day of the default market")
print(f"{'withheld':>10} {'mean price':>11} {'own profit':>11} {'others':>11}")
for k in sorted({0, 25, 50, 75, 100, best}):
    others = profit[k].sum() - profit[k, GENERATOR]
    mark = "  <- best for itself" if k == best else ""
    print(f"{withheld[k]:>10.0%} {prices[k]:>11.2f} {profit[k, GENERATOR]:>11.0f} {others:>11.0f}{mark}")
