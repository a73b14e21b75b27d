"""The generator of the original's compiled engine: PCG64 (XSL-RR 128/64), seeded and drawn from as Rust's `rand` does.

NumPy's `PCG64` is the same generator with other seeding, and keeps half of an output for the next 32-bit draw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Pcg64", "seed_bytes"]

MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645
MASK64 = (1 << 64) - 1
MASK128 = (1 << 128) - 1


def seed_bytes(seed: int, count: int = 8) -> bytes:
    """Expand a 64-bit seed to `4 * count` bytes, by a PCG32 that steps before each output."""
    state, words = seed & MASK64, []
    for _ in range(count):
        state = (state * 6364136223846793005 + 11634580027462260723) & MASK64
        x = (((state >> 18) ^ state) >> 27) & 0xFFFFFFFF
        turn = state >> 59
        words.append(((x >> turn) | (x << (32 - turn))) & 0xFFFFFFFF)
    return b"".join(word.to_bytes(4, "little") for word in words)


class Pcg64:
    """One stream of random numbers."""

    def __init__(self, seed: int) -> None:
        data = seed_bytes(seed)
        self.inc = int.from_bytes(data[16:], "little") | 1
        self.state = 0
        self.state = ((int.from_bytes(data[:16], "little") + self.inc) * MULTIPLIER + self.inc) & MASK128

    @classmethod
    def at(cls, state: int, inc: int) -> Self:
        """The stream with this increment, at this state."""
        made = cls.__new__(cls)
        made.state, made.inc = state, inc
        return made

    @classmethod
    def of(cls, generator: np.random.Generator) -> Self:
        """The stream of a NumPy generator that `as_numpy` made, where it stands."""
        numbers = generator.bit_generator.state["state"]
        return cls.at(numbers["state"], numbers["inc"])

    def put_back(self, generator: np.random.Generator) -> None:
        """Move a NumPy generator to where this stream stands."""
        numbers = {"state": self.state, "inc": self.inc}
        generator.bit_generator.state = {**generator.bit_generator.state, "state": numbers}

    def as_numpy(self) -> np.random.Generator:
        """A NumPy generator of the same stream, which is how the engine keeps them."""
        generator = np.random.Generator(np.random.PCG64())
        self.put_back(generator)
        return generator

    def next_u64(self) -> int:
        """64 random bits."""
        self.state = (self.state * MULTIPLIER + self.inc) & MASK128
        x = ((self.state >> 64) ^ self.state) & MASK64
        turn = self.state >> 122
        return ((x >> turn) | (x << (64 - turn))) & MASK64

    def random_f32(self) -> np.float32:
        """Uniform in [0, 1) with 24 bits, from one 64-bit output."""
        return np.float32(((self.next_u64() & 0xFFFFFFFF) >> 8) * 2.0**-24)

    def random(self) -> float:
        """Uniform in [0, 1) with 53 bits, from one 64-bit output."""
        return (self.next_u64() >> 11) * 2.0**-53

    def below(self, n: int) -> int:
        """Uniform in 0..n-1. Rejects so many outputs that even `below(1)` uses a random number of them."""
        zone = ((n << (64 - n.bit_length())) - 1) & MASK64
        while True:
            product = self.next_u64() * n
            if product & MASK64 <= zone:
                return product >> 64
