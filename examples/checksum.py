"""A thousand CartPoles and an electricity market, played alike in every language: all print one checksum.

Actions and offers follow rules in whole numbers, stated below, and every number that comes back goes into the checksum,
bit by bit: FNV-1a, 64 bits, over little-endian bytes. The programs beside this one do the same through the C ABI.
"""

import numpy as np

import marl_ffi as mf

POLES, STEPS, SEED = 1000, 200, 42  # pole e is seeded 42 + e
GENERATORS, HOURS, DAY_SEED = 5, 240, 7


class Checksum:
    """FNV-1a of everything added so far."""

    def __init__(self) -> None:
        self.value = 0xCBF29CE484222325

    def add(self, *arrays: np.ndarray) -> None:
        value = self.value
        for array in arrays:
            for byte in array.astype(array.dtype.newbyteorder("<")).tobytes():
                value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
        self.value = value


def cartpole(checksum: Checksum) -> int:
    """Steps the poles; returns how many episodes ended."""
    poles, ended = np.arange(POLES), 0
    with mf.VecEnv("CartPole-v1", POLES, autoreset_mode="SameStep") as env:
        observations, _ = env.reset(seed=SEED)
        checksum.add(observations)
        for step in range(STEPS):
            actions = (3 * step + poles) % 7 % 2
            observations, rewards, terminations, truncations, _ = env.step(actions)
            checksum.add(observations, rewards)
            ended += int((terminations | truncations).sum())
    return ended


def market(checksum: Checksum) -> int:
    """Plays the market as an environment, one day after the other; returns how many days ended."""
    agents, ended = np.arange(GENERATORS), 0
    with mf.VecEnv("ElectricityMarket-v0", 1, autoreset_mode="SameStep") as env:
        observations, _ = env.reset(seed=DAY_SEED)
        checksum.add(observations)
        for hour in range(HOURS):
            withheld = (hour + agents) % 3 / 4
            markup = ((2 * hour + 3 * agents) % 9 - 4) / 2
            actions = np.stack([withheld, markup], axis=-1).astype(np.float32)[None]
            observations, rewards, terminations, _, _ = env.step(actions)
            checksum.add(observations, rewards)
            ended += int(terminations.sum())
    return ended


def auctions(checksum: Checksum) -> float:
    """Clears the market by itself, without an environment; returns the mean price."""
    k, total = np.arange(GENERATORS), 0.0
    auction = mf.Market(GENERATORS)
    auction.costs[:] = 20 + 5 * k
    auction.quantities[:] = 30
    for hour in range(HOURS):
        auction.bids[:] = 20 + 5 * k + (hour + 2 * k) % 5
        price = auction.step(60 + (7 * hour) % 80)
        checksum.add(np.array(price), auction.q_cleared, auction.rewards)
        total += price
    return total / HOURS


def main() -> None:
    try:
        mf.VecEnv("CartPole-v2", POLES)
    except mf.errors.MarlError as refusal:
        print(f"refused: {refusal.reason} ({refusal.code}): {refusal}")
    checksum = Checksum()
    print(f"CartPole-v1: {POLES} poles, {STEPS} steps, {cartpole(checksum)} episodes ended")
    print(f"ElectricityMarket-v0: {GENERATORS} generators, {HOURS} hours, {market(checksum)} days ended")
    print(f"marl_market: {HOURS} auctions, mean price {auctions(checksum):.6f}")
    print(f"checksum: {checksum.value:016x}")


if __name__ == "__main__":
    main()
