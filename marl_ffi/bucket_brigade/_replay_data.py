"""The small pieces that replays are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import DtypeError, InvalidInputError, ShapeError
from ..reference.market_rules import as_array

__all__ = ["RULES", "Moves", "ReplayError", "Rules", "Verified"]

Rules = Literal["core", "python", "python-2025-11", "browser"]
RULES: tuple[Rules, ...] = ("core", "python", "python-2025-11", "browser")


class ReplayError(InvalidInputError):
    """This is no replay, or of an unknown version, or it tells of something that cannot happen."""


@dataclass(frozen=True)
class Verified:
    """What was compared, and found equal.

    Attributes:
        nights: nights whose rewards follow from houses and actions.
        from_seed: whether houses too were compared, by playing the game again from its seed.
    """

    nights: int
    from_seed: bool


@dataclass(frozen=True)
class Moves:
    """Actions (T, N, 3) uint8, and the first signals (T, N) of a game of two phases."""

    actions: npt.NDArray[np.uint8]
    round1_signals: npt.NDArray[np.uint8] | None

    @classmethod
    def read(cls, actions: Any, round1_signals: Any) -> Moves:
        """Check shapes; pairs become honest triples. What agents and houses there are is the game's to check."""
        array = as_array("actions", actions)
        if array.ndim != 3 or array.shape[2] not in (2, 3):
            raise ShapeError(f"actions: expected shape (nights, agents, 3) or (nights, agents, 2), got {array.shape}")
        array = _bytes("actions", array)
        if array.shape[2] == 2:
            array = np.concatenate([array, array[:, :, 1:]], axis=2)
        if round1_signals is None:
            return cls(array, None)
        signals = as_array("round1_signals", round1_signals)
        if signals.shape != array.shape[:2]:
            raise ShapeError(f"round1_signals: expected shape {array.shape[:2]}, got {signals.shape}")
        return cls(array, _bytes("round1_signals", signals))


def _bytes(name: str, array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if array.dtype.kind not in "iub":
        raise DtypeError(f"{name}: expected integers, got dtype {array.dtype}")
    if array.size and not (array.min() >= 0 and array.max() <= 255):
        at = tuple(int(k) for k in np.argwhere((array < 0) | (array > 255))[0])
        raise InvalidInputError(f"{name}{list(at)}: expected 0 to 255, got {array[at]}")
    return array.astype(np.uint8)
