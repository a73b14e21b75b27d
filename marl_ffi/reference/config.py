"""Reading a configuration: values by type and range, with errors that name the key, the rule and what was got."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import MarlError, error_for

SLIP = 2


def edit_distance(a: str, b: str) -> int:
    """Fewest insertions, deletions, replacements and swaps of neighbours from `a` to `b`."""
    previous: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before_previous, previous, row = previous, row, [i]
        for j, y in enumerate(b, 1):
            best = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                best = min(best, before_previous[j - 2] + 1)
            row.append(best)
    return row[-1]


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that takes the fewest edits."""
    return min(known, key=lambda other: edit_distance(name, other))


def unknown_name(reason: str, what: str, name: str, known: Iterable[str]) -> MarlError:
    """The error for a name that does not exist."""
    return error_for(reason, f"{name}: no such {what}; did you mean {nearest(name, list(known))!r}?")


class Reader:
    """A mapping, read key by key; `finish` refuses what nobody asked for."""

    def __init__(self, values: Mapping[str, Any], prefix: str = "") -> None:
        self.values = dict(values)
        self.prefix = prefix
        self.known: list[str] = []

    def take(self, key: str) -> Any:
        """The value of a key; None if it is absent."""
        self.known.append(key)
        return self.values.get(key)

    def wrong(self, key: str, expected: str, got: Any) -> MarlError:
        """The error for a value that does not fit."""
        return error_for("invalid_config", f"{self.prefix}{key}: expected {expected}, got {got!r}")

    def number(
        self, key: str, default: float | None, expected: str, is_fine: Callable[[float], bool]
    ) -> float:
        """A finite number for which `is_fine` holds. Without a default it is required."""
        value = self.take(key)
        if value is None:
            if default is None:
                raise error_for("invalid_config", f"{self.prefix}{key}: required, but not given")
            return default
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
            raise self.wrong(key, expected, value)
        if not (math.isfinite(value) and is_fine(float(value))):
            raise self.wrong(key, expected, value)
        return float(value)

    def integer(self, key: str, least: int, required: bool = False, most: int = 2**32 - 2) -> int | None:
        """A whole number from `least` to `most`."""
        value = self.take(key)
        if value is None:
            if required:
                raise error_for("invalid_config", f"{self.prefix}{key}: required, but not given")
            return None
        whole = isinstance(value, (int, np.integer)) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, (bool, np.bool_)) or not whole or not least <= value <= most:
            raise self.wrong(key, f"an integer from {least} to {most}", value)
        return int(value)

    def boolean(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.take(key)
        if value is None:
            return default
        if not isinstance(value, (bool, np.bool_)):
            raise self.wrong(key, "true or false", value)
        return bool(value)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """One of the choices; the first is the default."""
        value = self.take(key)
        if value is None:
            return choices[0]
        if not isinstance(value, str) or value not in choices:
            raise self.wrong(key, f"one of {', '.join(choices)}", value)
        return str(value)

    def numbers(
        self, key: str, length: int, dtype: Any, expected: str, is_fine: Callable[[float], bool]
    ) -> list[float]:
        """A required list of exactly `length` numbers that are finite in `dtype` and fine."""
        value = self.take(key)
        if value is None:
            raise error_for("invalid_config", f"{self.prefix}{key}: required, but not given")
        if not isinstance(value, (list, tuple, np.ndarray)):
            raise self.wrong(key, f"a list of {length} numbers", value)
        if np.ndim(value) != 1 or len(value) != length:
            raise self.wrong(key, f"{length} numbers", len(value) if np.ndim(value) else value)
        for k, item in enumerate(value):
            if isinstance(item, (bool, np.bool_)) or not isinstance(item, (int, float, np.integer, np.floating)):
                raise self.wrong(f"{key}[{k}]", expected, item)
            with np.errstate(over="ignore"):
                narrowed = float(dtype(item))
            if not (math.isfinite(narrowed) and is_fine(narrowed)):
                raise self.wrong(f"{key}[{k}]", expected, item)
        return [float(item) for item in value]

    def mapping(self, key: str) -> Reader | None:
        """A mapping within this one."""
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise self.wrong(key, "a dictionary", value)
        return Reader(value, f"{self.prefix}{key}.")

    def sequence(self, key: str, expected: str) -> list[Any] | None:
        """A list of anything."""
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, (list, tuple, np.ndarray)):
            raise self.wrong(key, expected, value)
        return list(value)

    def finish(self) -> None:
        """Refuse keys that nobody asked for."""
        for key in self.values:
            if key not in self.known:
                raise unknown_name("unknown_key", "configuration key", f"{self.prefix}{key}", self._paths())

    def finish_leniently(self) -> None:
        """Ignore keys that nobody asked for, unless they look like a slip of the pen."""
        for key in self.values:
            if key not in self.known and any(edit_distance(str(key), known) <= SLIP for known in self.known):
                raise unknown_name("unknown_key", "configuration key", f"{self.prefix}{key}", self._paths())

    def _paths(self) -> list[str]:
        return [f"{self.prefix}{key}" for key in self.known]
