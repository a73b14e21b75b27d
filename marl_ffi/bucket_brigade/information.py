"""What actions tell: entropies and mutual information of what agents say, do and see, in bits. Needs scipy.

Estimates from few nights are biased: entropies come out too low, and independent quantities seem to share
information. Both are corrected (Miller and Madow), and `mutual_information` says how often shuffled data share as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import _arguments as arguments
from ..errors import DtypeError, InvalidInputError, ShapeError
from ..game_theory._inputs import require

if TYPE_CHECKING:
    from .replay import Replay

__all__ = [
    "ActionInformation", "MutualInformation", "action_information", "conditional_entropy", "entropy", "mutual_information",
]  # fmt: skip

Array = npt.NDArray[Any]
Codes = npt.NDArray[np.int64]

BURNING = 1
BITS_PER_NAT = 1.0 / np.log(2.0)


@dataclass(frozen=True)
class MutualInformation:
    """What two quantities share.

    Attributes:
        bits: the estimate; slightly below 0 where nothing is shared.
        p: chance that as much is seen where nothing is shared; nan if it was not asked for.
        observations: how many pairs.
    """

    bits: float
    p: float
    observations: int


def entropy(values: Any) -> float:
    """How uncertain a discrete quantity is, in bits.

    Args:
        values: (T,) or, for several quantities at once, (T, D): whole numbers or names.
    """
    return _entropy(_codes(values, "values"))


def conditional_entropy(values: Any, given: Any) -> float:
    """How uncertain `values` is for who knows `given`, in bits; both (T,) or (T, D)."""
    x, z = _codes(values, "values"), _codes(given, "given", len(values))
    return _entropy(_joined(x, z)) - _entropy(z)


def mutual_information(
    first: Any, second: Any, given: Any = None, *, shuffles: int = 0, seed: int = 0
) -> MutualInformation:
    """How much two quantities tell of each other, in bits.

    Args:
        first, second: (T,) or (T, D) of the same T observations.
        given: what is known anyway, (T,) or (T, D).
        shuffles: how often `first` is shuffled, within equal values of `given`, to see what chance alone gives.
        seed: of the shuffles.
    """
    x, y = _codes(first, "first"), _codes(second, "second", len(first))
    known = np.zeros(len(x), np.int64) if given is None else _codes(given, "given", len(first))
    count = arguments.integer(shuffles, "shuffles", low=0)
    rng = np.random.default_rng(arguments.seed(seed))
    bits = _shared(x, y, known)
    if not count:
        return MutualInformation(bits, float("nan"), len(x))
    order = np.argsort(known, kind="stable")
    as_much = 0
    for _ in range(count):
        shuffled = np.empty_like(x)
        # a random order within each group of equal `given`
        shuffled[order] = x[np.lexsort((rng.random(len(x)), known))]
        as_much += _shared(shuffled, y, known) >= bits - 1e-12
    return MutualInformation(bits, (1 + as_much) / (1 + count), len(x))


def _shared(x: Codes, y: Codes, z: Codes) -> float:
    xz, yz = _joined(x, z), _joined(y, z)
    return _entropy(xz) + _entropy(yz) - _entropy(_joined(xz, y)) - _entropy(z)


def _entropy(codes: Codes) -> float:
    counts = np.bincount(codes)
    counts = counts[counts > 0]
    stats = require("scipy.stats", "scipy", "stats", "an entropy")
    correction = (len(counts) - 1) / (2 * len(codes)) * BITS_PER_NAT
    return float(stats.entropy(counts, base=2)) + float(correction)


def _joined(x: Codes, y: Codes) -> Codes:
    """One number for each pair that occurs."""
    return np.unique(x * (int(y.max()) + 1) + y, return_inverse=True)[1].reshape(-1)


def _codes(values: Any, name: str, length: int | None = None) -> Codes:
    """Observations as numbers 0, 1, ..."""
    array = np.asarray(values)
    if array.dtype.kind not in "iubU":
        raise DtypeError(f"{name}: expected whole numbers or names, got dtype {array.dtype}")
    if array.ndim not in (1, 2) or not array.size:
        raise ShapeError(f"{name}: expected shape (T,) or (T, D), nothing of it 0, got {array.shape}")
    if length is not None and len(array) != length:
        raise ShapeError(f"{name}: expected {length} observations, got {len(array)}")
    return np.unique(array, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


# ------------------------------------------------------------------------------------------------------------
# Games


@dataclass(frozen=True)
class ActionInformation:
    """What the actions of some games tell, in bits, one number per seat.

    Attributes:
        action_entropy: of house and mode.
        action_entropy_given_fires: of house and mode, for who sees which houses burn.
        mode_entropy: of work or rest; at most 1.
        signal_tells_mode: what a signal tells of the same agent's mode, the same night. 0: signals mean nothing.
        fires_tell_mode: what the number of fires tells of the mode.
        signals_are_heard: what the others' signals of a night tell of an agent's mode the next, the number of fires of
            that evening being known.
        modes_together: (N, N) what the modes of two agents of the same night tell of each other, the number of fires
            being known; the diagonal is what is left uncertain.
        nights: observations behind it.
    """

    action_entropy: tuple[float, ...]
    action_entropy_given_fires: tuple[float, ...]
    mode_entropy: tuple[float, ...]
    signal_tells_mode: tuple[float, ...]
    fires_tell_mode: tuple[float, ...]
    signals_are_heard: tuple[float, ...]
    modes_together: tuple[tuple[float, ...], ...]
    nights: int

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for JSON."""
        return {key: arguments.plain(value) for key, value in asdict(self).items()}

    def __repr__(self) -> str:
        rows = [
            f"  {name:<27} " + " ".join(f"{bits:6.3f}" for bits in getattr(self, name))
            for name in self.__dataclass_fields__
            if name not in ("modes_together", "nights")
        ]
        return "\n".join([f"ActionInformation({self.nights} nights; bits, one column per seat", *rows]) + ")"


def action_information(replays: Sequence[Replay]) -> ActionInformation:
    """Say what the actions of games tell; the games are taken together, night by night.

    Raises:
        InvalidInputError: there are none, or games of different numbers of agents or houses, or no two nights.
    """
    games = list(replays)
    if len({(game.rewards.shape[1], game.houses.shape[1]) for game in games}) != 1:
        raise InvalidInputError("replays: expected at least one game, all of the same numbers of agents and houses")
    actions = np.concatenate([game.actions for game in games]).astype(np.int64)
    burning = np.concatenate([game.houses[:-1] for game in games]) == BURNING
    if len(actions) < 2:
        raise InvalidInputError(f"replays: expected two nights or more, got {len(actions)}")
    fires = burning.sum(axis=1)
    modes, signals = actions[:, :, 1], actions[:, :, 2]
    # nights that follow another one of the same game
    later = np.concatenate([np.arange(game.num_nights) > 0 for game in games])
    earlier = np.flatnonzero(later) - 1
    seats = range(actions.shape[1])

    def heard(i: int) -> float:
        others = np.delete(signals, i, axis=1)[earlier].sum(axis=1)
        if not others.size:
            return 0.0
        return mutual_information(modes[later, i], others, fires[later]).bits

    def together(i: int, j: int) -> float:
        return mutual_information(modes[:, i], modes[:, j], fires).bits

    return ActionInformation(
        tuple(entropy(actions[:, i, :2]) for i in seats),
        tuple(conditional_entropy(actions[:, i, :2], burning) for i in seats),
        tuple(entropy(modes[:, i]) for i in seats),
        tuple(mutual_information(signals[:, i], modes[:, i]).bits for i in seats),
        tuple(mutual_information(modes[:, i], fires).bits for i in seats),
        tuple(heard(i) for i in seats),
        tuple(tuple(together(i, j) for j in seats) for i in seats),
        len(actions),
    )
