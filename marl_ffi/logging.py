"""`Logger`: numbers of a training run as rows of a CSV file, and optionally as one live line on the terminal."""

from __future__ import annotations

import csv
import os
import threading
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from . import _arguments as arguments
from .errors import ClosedError, DtypeError, InvalidInputError

__all__ = ["Logger"]

# What a crash of the machine may cost, and how often the live line changes, in seconds.
FLUSH_EVERY = 1.0
SHOW_EVERY = 0.1
# Episodes that the means of the live line are over.
RECENT = 100


class Logger:
    """Writes one row per call of `log` to a CSV file; a context manager.

    The fields of the first row are the header. A file that already has rows is continued, if its header
    has the same fields. Several threads may log to one logger; several processes need a file each.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "training.csv")
    >>> with Logger(path) as log:
    ...     log.log(steps=1000, reward=21.5, length=21)
    ...     log.log(steps=2000, reward=float("nan"), length=30)
    >>> print(path.read_text(), end="")
    steps,reward,length
    1000,21.5,21
    2000,nan,30

    Args:
        csv_path: the file; its directory must exist.
        live: also show the last row on standard error, with steps per second, from the differences of a field
            `steps`, and means of the fields `reward` and `length` over the last 100 rows. Needs tqdm
            (`pip install marl_ffi[cli]`).

    Attributes:
        fields: the header, or None before the first row of a new file.

    Raises:
        InvalidInputError: the directory does not exist, or the file is no CSV file with a header.
    """

    def __init__(self, csv_path: str | os.PathLike[str], *, live: bool = False) -> None:
        if not isinstance(csv_path, (str, os.PathLike)):
            raise DtypeError(f"csv_path: expected a path, got {type(csv_path).__name__}")
        self.path = Path(csv_path)
        if not self.path.parent.is_dir():
            raise InvalidInputError(f"csv_path: {str(self.path.parent)!r} is no existing directory")
        if self.path.is_dir():
            raise InvalidInputError(f"csv_path: {str(self.path)!r} is a directory, not a file")
        self._lock = threading.Lock()
        self._line = _LiveLine() if live else None
        self.fields, needs_newline = _existing(self.path)
        self._file = self.path.open("a", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file, lineterminator="\n")
        if needs_newline:  # whoever wrote here before was interrupted
            self._file.write("\n")
        self._flushed = time.monotonic()

    def log(self, **values: Any) -> None:
        """Append a row.

        Args:
            **values: field -> number, bool, text or None (an empty cell). NumPy scalars and arrays of one
                number are numbers. NaN and infinities are written as `nan`, `inf`.

        Raises:
            UnknownNameError: a field that is not in the header. InvalidInputError: a field of the header is missing.
            DtypeError: a value of another kind. ClosedError: the logger is closed. Nothing was written then.
        """
        if not values:
            raise InvalidInputError("log: expected at least one field, such as log(steps=1000, reward=1.5)")
        cells = {name: _cell(name, value) for name, value in values.items()}
        with self._lock:
            if self._file.closed:
                raise ClosedError(f"the log of {str(self.path)!r} is closed", reason="closed", code=601)
            if self.fields is None:
                self.fields = tuple(cells)
                self._writer.writerow(self.fields)
            elif cells.keys() != set(self.fields):
                raise self._misfit(cells)
            self._writer.writerow([cells[name] for name in self.fields])
            now = time.monotonic()
            if now - self._flushed > FLUSH_EVERY:
                self._file.flush()
                self._flushed = now
            if self._line is not None:
                self._line.add(values, now)

    def flush(self) -> None:
        """Hand all rows to the operating system now; otherwise that happens every second and at the end."""
        with self._lock:
            if not self._file.closed:
                self._file.flush()

    def close(self) -> None:
        """Write what is left and close the file. Closing twice is fine; logging afterwards is a ClosedError."""
        with self._lock:
            if not self._file.closed:
                self._file.close()
            if self._line is not None:
                self._line.close()

    def __enter__(self) -> Logger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Logger({str(self.path)!r})"

    def _misfit(self, cells: dict[str, Any]) -> Exception:
        assert self.fields is not None
        for name in cells:
            if name not in self.fields:
                return arguments.unknown(name, f"field of {str(self.path)!r}", self.fields)
        missing = next(name for name in self.fields if name not in cells)
        return InvalidInputError(
            f"log: field {missing!r} is missing; the header of {str(self.path)!r} is {', '.join(self.fields)} "
            "(None makes an empty cell)"
        )


class _LiveLine:
    """One line on standard error that is written over and over."""

    def __init__(self) -> None:
        try:
            from tqdm import tqdm  # type: ignore[import-untyped]
        except ModuleNotFoundError as missing:
            raise ImportError("Logger(live=True) needs tqdm, which is not installed: pip install marl_ffi[cli]") from missing
        self._bar = tqdm(total=0, bar_format="{desc}", leave=True, dynamic_ncols=True)
        self._recent = {name: deque[float](maxlen=RECENT) for name in ("reward", "length")}
        self._first: tuple[float, float] | None = None
        self._text, self._shown = "", 0.0

    def add(self, values: dict[str, Any], now: float) -> None:
        parts = []
        if (steps := _number(values.get("steps"))) is not None:
            self._first = self._first or (steps, now)
            parts.append(f"steps {steps:,.0f}")
            if now > self._first[1]:
                parts.append(f"{(steps - self._first[0]) / (now - self._first[1]):,.0f} steps/s")
        for name, kept in self._recent.items():
            if (number := _number(values.get(name))) is not None and number == number:
                kept.append(number)
            if kept:
                parts.append(f"{name} {sum(kept) / len(kept):.4g}")
        self._text = "  ".join(parts)
        if now - self._shown >= SHOW_EVERY:
            self._shown = now
            self._bar.set_description_str(self._text)

    def close(self) -> None:
        self._bar.set_description_str(self._text)
        self._bar.close()


def _existing(path: Path) -> tuple[tuple[str, ...] | None, bool]:
    """The header of a file that has one, and whether its last line lacks an end."""
    if not path.exists() or path.stat().st_size == 0:
        return None, False
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header = next(csv.reader(file), [])
        with path.open("rb") as raw:
            raw.seek(-1, os.SEEK_END)
            needs_newline = raw.read(1) != b"\n"
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInputError(f"csv_path: {str(path)!r} is no CSV file: {error}") from None
    if not header or not all(header) or len(set(header)) != len(header):
        raise InvalidInputError(f"csv_path: {str(path)!r} does not begin with a header: {header}")
    return tuple(header), needs_newline


def _cell(name: str, value: Any) -> Any:
    """A value as the CSV writer takes it."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(())[()]
    if isinstance(value, (np.bool_, np.integer)):
        return value.item()
    if isinstance(value, np.floating):
        return str(value)  # the shortest digits of its own precision
    raise DtypeError(f"log: field {name!r}: expected a number, text or None, got {type(value).__name__} {value!r:.60}")


def _number(value: Any) -> float | None:
    try:
        return None if value is None or isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        return None
