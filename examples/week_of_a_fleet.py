"""A week of the fleet that ships with the package, at cost: prices, and what a dry week does to them.

Give two CSV files of your own with the same columns: `python week_of_a_fleet.py fleet.csv load.csv`.
"""

import sys
from pathlib import Path

import numpy as np

import marl_ffi as mf

data = Path(mf.__file__).parent / "data"
fleet, load = sys.argv[1:3] if len(sys.argv) > 2 else (data / "example_fleet.csv", data / "example_load.csv")

for name, groups in (("with hydro", ("thermal", "hydro")), ("without hydro", ("thermal",))):
    params = mf.market.params_from_csv(fleet, load, hours=168, groups=groups)
    demand = np.array(params["demand_profile"])
    hours, units = len(demand), params["N_generators"]

    # every hour is a market of its own, so the week is one batch
    bids = np.tile(params["costs"], (hours, 1))
    offers = np.tile(params["capacities"], (hours, 1))
    prices, cleared = mf.market_clearing_batch(bids, offers, demand)

    short = np.maximum(0.0, demand - cleared.sum(axis=1))
    print(f"{name}: {units} units, {sum(params['capacities']):,.0f} MW")
    print(f"  price, $/MWh: mean {prices.mean():.2f}, lowest {prices.min():.2f}, highest {prices.max():.2f}")
    print(f"  hours short of supply: {(short > 1e-6).sum()}, unserved {short.sum():,.1f} MWh")
