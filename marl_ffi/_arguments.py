"""What comes in at the doors of the Python layer: seeds, masks, counts, modes and actions, checked once.

Every check names the argument, what was expected and what was got. Wrong kinds of objects are
`DtypeError` (a `TypeError`), wrong values `InvalidInputError` (a `ValueError`).
"""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from .errors import ActionError, DtypeError, InvalidInputError, ShapeError, UnknownNameError, error_for
from .reference.market_rules import as_array

MAX_SEED = 2**64 - 1
# As many as the engines take; sizes in bytes are far from overflowing.
MAX_NUM_ENVS = 2**24

_MODES = {mode.value.lower(): mode for mode in AutoresetMode}


def integer(value: Any, name: str, *, low: int, high: int | None = None) -> int:
    """A Python or NumPy integer within `[low, high]`. A bool is not an integer here."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise DtypeError(f"{name}: expected an integer, got {value!r} of type {type(value).__name__}")
    number = int(value)
    if number < low or (high is not None and number > high):
        limits = f"at least {low}" if high is None else f"between {low} and {high}"
        raise InvalidInputError(f"{name}: expected {limits}, got {number}")
    return number


def autoreset_mode(value: str | AutoresetMode) -> AutoresetMode:
    """The mode named by a string in any case (`"NextStep"`, `"same_step"`) or by Gymnasium's enum."""
    if isinstance(value, AutoresetMode):
        return value
    if not isinstance(value, str):
        raise DtypeError(f"autoreset_mode: expected a string or AutoresetMode, got {type(value).__name__}")
    mode = _MODES.get(value.lower().replace("_", "").replace("-", ""))
    if mode is None:
        expected = ", ".join(repr(each.value) for each in AutoresetMode)
        raise InvalidInputError(f"autoreset_mode: expected one of {expected}, got {value!r}")
    return mode


def seed(value: Any, name: str = "seed") -> int:
    """One seed: an integer from 0 to 2**64 - 1."""
    return integer(value, name, low=0, high=MAX_SEED)


def seeds(value: Any, num_envs: int) -> tuple[npt.NDArray[np.uint64] | None, npt.NDArray[np.bool_] | None]:
    """Seeds per environment, and which environments have one.

    An integer `s` gives environment `i` the seed `s + i`, as in Gymnasium; a sequence has one integer
    or `None` per environment; `None` seeds nothing.
    """
    if value is None:
        return None, None
    if isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, (str, bytes)):
        if np.ndim(value) > 1 or len(value) != num_envs:
            raise ShapeError(f"seed: expected {num_envs} seeds, one per environment, got {np.shape(value)}")
        numbers = np.zeros(num_envs, np.uint64)
        seeded = np.zeros(num_envs, np.bool_)
        for index, each in enumerate(value):
            if each is not None:
                numbers[index] = seed(each, f"seed[{index}]")
                seeded[index] = True
        return numbers, seeded
    first = seed(value)
    if first + num_envs - 1 > MAX_SEED:
        last = num_envs - 1
        raise InvalidInputError(f"seed: environment {last} would have seed {first + last}, above {MAX_SEED}")
    return np.arange(num_envs, dtype=np.uint64) + np.uint64(first), np.ones(num_envs, np.bool_)


def reset_options(options: Any, num_envs: int) -> tuple[npt.NDArray[np.bool_] | None, dict[str, Any] | None]:
    """Split `options` into its `reset_mask` and everything else. The caller's dictionary stays as it is."""
    if options is None:
        return None, None
    if not isinstance(options, Mapping):
        raise DtypeError(f"options: expected a dictionary, got {type(options).__name__}")
    others = {key: plain(value) for key, value in options.items() if key != "reset_mask"}
    if "reset_mask" not in options:
        return None, others or None
    mask = options["reset_mask"]
    name = "options['reset_mask']"
    if not isinstance(mask, np.ndarray):
        raise DtypeError(f"{name}: expected a NumPy array, got {type(mask).__name__}")
    if mask.shape != (num_envs,):
        raise ShapeError(f"{name}: expected shape {(num_envs,)}, got {mask.shape}")
    if mask.dtype != np.bool_:
        raise DtypeError(f"{name}: expected dtype bool, got {mask.dtype}")
    if not mask.any():
        raise InvalidInputError(f"{name}: expected at least one True")
    return np.ascontiguousarray(mask), others or None


def choice(value: Any, name: str, valid: Sequence[Any]) -> Any:
    """`value`, if it is one of `valid`."""
    if value not in valid:
        raise InvalidInputError(f"{name}: expected one of {', '.join(map(repr, valid))}, got {value!r}")
    return value


def render_mode(value: Any, metadata: Mapping[str, Any]) -> Any:
    """`value`, if it is None or one of the render modes in an environment's metadata."""
    return choice(value, "render_mode", (None, *metadata["render_modes"]))


def plain(value: Any) -> Any:
    """Settings as dictionaries, lists and numbers of Python, which is what the engines and JSON take."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value


def known_keywords(target: Callable[..., Any], given: Iterable[str], kind: str) -> None:
    """Refuse keywords that `target` does not take, naming the nearest one it does."""
    valid = [name for name in inspect.signature(target).parameters if name != "self"]
    for name in given:
        if name not in valid:
            raise unknown(name, kind, valid)


def unknown(name: object, kind: str, valid: Iterable[str]) -> UnknownNameError:
    """The error for a name that does not exist, with the nearest one that does."""
    choices = sorted(valid)
    near = difflib.get_close_matches(str(name), choices, n=1, cutoff=0.0)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return UnknownNameError(f"unknown {kind} {name!r}{hint} Valid: {', '.join(choices)}")


def column(spec: Mapping[str, Any], num_envs: int, name: str, values: Any) -> npt.NDArray[Any]:
    """`values` for the writable state column `name`, as a C-ordered array (num_envs, ...) of its dtype."""
    columns = {each["name"]: each for each in spec["columns"]}
    if name not in columns:
        raise error_for("unknown_column", str(unknown(name, "column", columns)))
    if not columns[name].get("writable", False):
        raise InvalidInputError(f"column {name!r} can be read but not written")
    dtype, shape = columns[name]["dtype"], (num_envs, *columns[name]["shape"])
    array = as_array(f"column {name!r}", values)
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"column {name!r}: expected numbers of dtype {dtype}, got {array.dtype}")
    if array.shape != shape:
        raise ShapeError(f"column {name!r}: expected shape {shape}, got {array.shape}")
    with np.errstate(over="ignore"):  # what overflows is refused as infinite
        converted = np.ascontiguousarray(array.astype(dtype))
    if np.dtype(dtype).kind in "biu" and not np.array_equal(converted, array):
        raise InvalidInputError(f"column {name!r}: expected whole numbers that fit {dtype}")
    return converted


def environment_id(id: Any) -> str:
    """The engine's id: the name without the namespace it has in Gymnasium's registry."""
    if not isinstance(id, str):
        raise DtypeError(f"id: expected a string, got {type(id).__name__}")
    return id.removeprefix("marl_ffi/")


def memory(spec: Mapping[str, Any], num_envs: int, steps: int = 1) -> None:
    """Refuse a batch that cannot fit in this machine's memory, before anything is asked for."""
    agents = len(spec["agents"])
    observation = agents * _size(spec["observation_shape"], spec["observation_dtype"])
    action = agents * _size(spec["action_shape"], "float64")
    extra = sum(_size(each["shape"], each["dtype"]) for each in (*spec["infos"], *spec["columns"]))
    total = num_envs * (steps * (2 * observation + action + 16 * agents) + extra)
    try:
        available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not every platform tells
        return
    if total > available:
        what = f"num_envs={num_envs}" if steps == 1 else f"{steps} steps of {num_envs} environments"
        raise InvalidInputError(
            f"{what}: needs about {total / 1e9:.1f} GB, the machine has {available / 1e9:.1f} GB"
        )


def _size(shape: Any, dtype: str) -> int:
    size = np.dtype(dtype).itemsize
    for axis in shape:
        size *= int(axis)
    return size


class ActionReader:
    """Turns what a caller passes as actions into the array the engine takes.

    An array of a dtype the environment takes, in C order, is passed on as it is. Everything else is
    converted once. Continuous actions: float16 to float32; integers, longer floats and lists of
    Python numbers to float64. Discrete actions: bools, integers of any width and floats without a
    fraction to int64. No other kind of number or object is taken.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        # dtype objects, not names: the name is put together anew, slowly, each time it is asked for.
        self.accepted = frozenset(np.dtype(name) for name in spec["action_dtypes"])
        self.discrete = not any(dtype.kind == "f" for dtype in self.accepted)

    def __call__(self, actions: Any, shape: tuple[int, ...], layout: str) -> npt.NDArray[Any]:
        """`actions` as an aligned C-ordered array of `shape`; `layout` names its axes in messages."""
        if type(actions) is np.ndarray and actions.dtype in self.accepted:
            if actions.shape == shape and actions.flags.carray:
                return actions  # the way of every step: nothing else is looked at
            array = actions
        else:
            array = self._convert(actions)
        if array.shape != shape:
            raise ShapeError(f"actions: expected shape {shape} = {layout}, got {array.shape}")
        if self.discrete and array.dtype.kind == "f":
            array = self._whole(array)
        return np.require(array, requirements=["C", "A"])

    def _convert(self, actions: Any) -> npt.NDArray[Any]:
        try:
            array = np.asarray(actions)
        except ValueError as ragged:
            raise ShapeError(f"actions: the nested sequences are of different lengths ({ragged})") from None
        dtype = array.dtype.newbyteorder("=")
        if dtype.kind not in ("biuf" if self.discrete else "iuf"):
            expected = ", ".join(sorted(each.name for each in self.accepted))
            raise DtypeError(f"actions: expected numbers of dtype {expected}, got dtype {array.dtype}")
        if dtype in self.accepted:
            return array.astype(dtype, copy=False)
        if self.discrete:
            return array if dtype.kind == "f" else self._narrow(array)
        return array.astype(np.float32 if dtype == np.float16 else np.float64)

    def _narrow(self, array: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        if array.dtype == np.uint64 and array.size and int(array.max()) > np.iinfo(np.int64).max:
            self._refuse(array, array > np.uint64(np.iinfo(np.int64).max), "too large")
        return array.astype(np.int64)

    def _whole(self, array: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        wide = array.astype(np.float64)
        bad = ~(np.isfinite(wide) & (np.floor(wide) == wide) & (np.abs(wide) < 2.0**62))
        if bad.any():
            self._refuse(array, bad, "not a whole number")
        return wide.astype(np.int64)

    @staticmethod
    def _refuse(array: npt.NDArray[Any], bad: npt.NDArray[np.bool_], why: str) -> None:
        place = tuple(int(axis) for axis in np.argwhere(bad)[0])
        env = f"environment {place[0]}" if place else "environment 0"
        raise ActionError(f"actions: {env}, index {place}: {array[place]} is {why}")
