"""What decides the future of a batch, row by row: states, clocks, generators. And its snapshots."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

import numpy as np

from ..errors import MarlError, error_for
from .market_rules import Array

__all__ = ["Lives"]

MAGIC = b"MARLREF2"
DIGEST = 16
ARRAYS = ("clock", "seed", "was_reset", "over", "returns")


class Lives:
    """E environments of A agents: columns of state, clocks, seeds, returns of the running episodes, and generators.

    Generators are made when their environment is first seeded; the one of sampled actions when it is first asked for.
    """

    def __init__(self, state: dict[str, Array], rows: int, agents: int) -> None:
        self.state = state
        self.clock = np.zeros(rows, np.uint32)
        self.seed = np.zeros(rows, np.uint64)
        self.was_reset = np.zeros(rows, bool)
        self.over = np.zeros(rows, bool)
        self.returns = np.zeros((rows, agents))
        self.rngs: list[Any] = [None] * rows
        self.action_rngs: list[Any] = [None] * rows

    def seed_with(self, row: int, seed: int, rng: np.random.Generator) -> None:
        """Start both streams of a row, of the environment (`rng`) and of sampled actions, anew."""
        self.seed[row] = seed
        self.rngs[row], self.action_rngs[row] = rng, None

    def begin(self, row: int) -> None:
        """An episode starts."""
        self.clock[row], self.was_reset[row], self.over[row] = 0, True, False
        self.returns[row] = 0

    def action_rng(self, row: int) -> np.random.Generator:
        """The generator of a row's sampled actions."""
        if self.action_rngs[row] is None:
            self.action_rngs[row] = np.random.default_rng(int(self.seed[row]))
        made: np.random.Generator = self.action_rngs[row]
        return made

    def copy(self) -> Lives:
        """Another that shares nothing with this one."""
        return copy.deepcopy(self)

    # -- snapshots ----------------------------------------------------------------------------------------------------

    def pack(self, identity: dict[str, Any]) -> bytes:
        """As bytes: a JSON header, the arrays, and a checksum over both; `identity` says of which engine."""
        generators = {
            name: [None if rng is None else rng.bit_generator.state for rng in getattr(self, name)]
            for name in ("rngs", "action_rngs")
        }
        text = json.dumps({"identity": identity, **generators}).encode()
        body = b"".join(array.tobytes() for array in self._arrays())
        data = MAGIC + len(text).to_bytes(8, "little") + text + body
        return data + _digest(data)

    def unpack(self, data: bytes, identity: dict[str, Any]) -> Lives:
        """What a snapshot of the same engine holds, shaped like this one."""
        data = bytes(data)
        if len(data) < len(MAGIC) + 8 + DIGEST or not data.startswith(MAGIC):
            raise _refuse("these bytes are none of this engine")
        data, digest = data[:-DIGEST], data[-DIGEST:]
        if _digest(data) != digest:
            raise _refuse("the bytes were damaged (checksum)")
        start = len(MAGIC) + 8
        offset = start + int.from_bytes(data[len(MAGIC) : start], "little")
        header = json.loads(data[start:offset])
        for key, value in identity.items():
            found = header["identity"][key]
            if found != json.loads(json.dumps(value)):
                raise _refuse(f"it is of another environment: its {key} is {found!r}, expected {value!r}")
        restored = self.copy()
        for array in restored._arrays():
            array[...] = np.frombuffer(data, array.dtype, array.size, offset).reshape(array.shape)
            offset += array.nbytes
        restored.rngs, restored.action_rngs = (
            [_generator(saved) for saved in header[name]] for name in ("rngs", "action_rngs")
        )
        return restored

    def _arrays(self) -> list[Array]:
        return [getattr(self, name) for name in ARRAYS] + [self.state[name] for name in sorted(self.state)]


def _generator(state: dict[str, Any] | None) -> np.random.Generator | None:
    if state is None:
        return None
    generator = np.random.default_rng(0)
    generator.bit_generator.state = state
    return generator


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST).digest()


def _refuse(why: str) -> MarlError:
    return error_for("snapshot_invalid", f"snapshot: {why}")
