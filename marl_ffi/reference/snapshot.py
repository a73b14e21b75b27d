"""Snapshots of the reference engine: a JSON header, the arrays, and a checksum over both."""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import MarlError, error_for

if TYPE_CHECKING:
    from .vec_env import Slot

MAGIC = b"MARLREF1"
DIGEST = 16


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST).digest()


def _arrays(slot: Slot) -> list[np.ndarray]:
    return [slot.returns, *(slot.state[name] for name in sorted(slot.state))]


def pack(identity: dict[str, Any], slots: list[Slot]) -> bytes:
    """The slots of an engine that is known by `identity`."""
    header = {
        "identity": identity,
        "slots": [
            {
                "clock": slot.clock, "seed": slot.seed, "was_reset": slot.was_reset, "over": slot.over,
                "rng": slot.rng.bit_generator.state, "action_rng": slot.action_rng.bit_generator.state,
            }
            for slot in slots
        ],
    }  # fmt: skip
    text = json.dumps(header).encode()
    body = b"".join(array.tobytes() for slot in slots for array in _arrays(slot))
    data = MAGIC + len(text).to_bytes(8, "little") + text + body
    return data + _digest(data)


def _refuse(why: str) -> MarlError:
    return error_for("snapshot_invalid", f"snapshot: {why}")


def unpack(data: bytes, identity: dict[str, Any], slots: list[Slot]) -> list[Slot]:
    """New slots, shaped like `slots`, with the content of a snapshot of the same engine."""
    data = bytes(data)
    if len(data) < len(MAGIC) + 8 + DIGEST or not data.startswith(MAGIC):
        raise _refuse("these bytes are none of this engine")
    data, digest = data[:-DIGEST], data[-DIGEST:]
    if _digest(data) != digest:
        raise _refuse("the bytes were damaged (checksum)")
    start = len(MAGIC) + 8
    end = start + int.from_bytes(data[len(MAGIC) : start], "little")
    header = json.loads(data[start:end])
    for key, value in identity.items():
        found = header["identity"][key]
        if found != json.loads(json.dumps(value)):
            raise _refuse(f"it is of another environment: its {key} is {found!r}, expected {value!r}")
    restored, offset = deepcopy(slots), end
    for slot, saved in zip(restored, header["slots"]):
        slot.clock, slot.seed = saved["clock"], saved["seed"]
        slot.was_reset, slot.over = saved["was_reset"], saved["over"]
        for name in ("rng", "action_rng"):
            generator = np.random.default_rng(0)
            generator.bit_generator.state = saved[name]
            setattr(slot, name, generator)
        names = sorted(slot.state)
        values = []
        for array in _arrays(slot):
            values.append(np.frombuffer(data, array.dtype, array.size, offset).reshape(array.shape).copy())
            offset += array.nbytes
        slot.returns, slot.state = values[0], dict(zip(names, values[1:]))
    return restored
