"""Market parameters from two CSV files: one row per generating unit, one row per hour of load."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .._arguments import unknown
from ..errors import InvalidInputError

__all__ = ["params_from_csv"]

Path_ = str | os.PathLike[str]
Hours = int | range | slice | tuple[int, int] | None


def params_from_csv(
    fleet: Path_,
    load: Path_,
    *,
    hours: Hours = 24,
    groups: Iterable[str] | None = None,
    units: Iterable[str] | None = None,
    cost_column: str = "cost_usd_per_mwh",
    capacity_column: str = "capacity_mw",
    load_column: str = "load_mw",
    unit_column: str = "unit_id",
    group_column: str = "group",
    fuel_column: str = "fuel",
    max_bid_delta: float = 50.0,
    lambda_bid_penalty: float = 0.01,
) -> dict[str, Any]:
    """Parameters of a market whose generators and load stand in two comma-separated files with a header.

    Args:
        fleet: file with one row per unit: its name, capacity (MW) and cost ($/MWh), and optionally group and
            fuel.
        load: file with one row per hour, in order, and the load in MW. Hour 0 is the first row.
        hours: which hours make the episode: a number (that many from the first), a `(start, stop)` pair, a
            range, a slice, or None for all of them. Nothing is cut silently: an hour that the file lacks is
            an error, except for the open ends of a slice.
        groups: keep only units of these groups, in file order. None keeps all.
        units: keep only these units, in the order given. None keeps all.
        cost_column, capacity_column, load_column, unit_column, group_column, fuel_column: names in the
            headers. The last three may be absent from the file as long as they are not needed.
        max_bid_delta: largest distance of a bid from the cost, $/MWh.
        lambda_bid_penalty: bid regulariser.

    Returns:
        The parameter dictionary, and for your own use `unit_ids`, `groups` and `fuels` in the order of the
        generators (without the columns: "unit_0", ..., and empty strings). The environment ignores these
        three.

    Raises:
        FileNotFoundError: no such file.
        UnknownNameError: a column, group or unit that is not there; the message names what is.
        InvalidInputError: a cell that is no number or out of range (row and column are named), nothing
            selected, or hours outside the file. `MarketInputError` is a kind of it.
    """
    table = _Table(fleet, "fleet")
    labels = {"id": unit_column, "group": group_column, "fuel": fuel_column}
    chosen = _read_fleet(table, capacity_column, cost_column, labels)
    if groups is not None:
        table.column(group_column)
        chosen = _select(table, chosen, "group", groups)
    if units is not None:
        table.column(unit_column)
        chosen = _select(table, chosen, "id", units)
    demand = _read_load(_Table(load, "load"), load_column, hours)
    return {
        "N_generators": len(chosen),
        "T": len(demand),
        "demand_profile": demand,
        "capacities": [unit["capacity"] for unit in chosen],
        "costs": [unit["cost"] for unit in chosen],
        "max_bid_delta": float(max_bid_delta),
        "lambda_bid_penalty": float(lambda_bid_penalty),
        "unit_ids": [unit["id"] for unit in chosen],
        "groups": [unit["group"] for unit in chosen],
        "fuels": [unit["fuel"] for unit in chosen],
    }


class _Table:
    """A CSV file in memory. `rows` holds (row number in the file, cells); the header is row 1."""

    def __init__(self, path: Path_, what: str) -> None:
        self.path = Path(path)
        self.what = what
        if not self.path.is_file():
            raise FileNotFoundError(f"no {what} file at {self.path}")
        try:
            # utf-8-sig: spreadsheets like to put a byte order mark in front of the header
            with self.path.open(newline="", encoding="utf-8-sig") as stream:
                reader = csv.reader(stream)
                lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row)]
        except (UnicodeDecodeError, csv.Error) as error:
            raise self.error(f"is not a readable CSV file in UTF-8: {error}") from error
        if not lines:
            raise self.error("is empty: a header and at least one row are needed")
        self.header = lines[0][1]
        self.rows = lines[1:]
        for number, row in self.rows:
            if len(row) != len(self.header):
                raise self.error(f"row {number} has {len(row)} cells, the header has {len(self.header)}")

    def error(self, message: str) -> InvalidInputError:
        return InvalidInputError(
            f"{self.what} file {self.path}: {message}", reason="invalid_argument", code=101
        )

    def column(self, name: str) -> int:
        if name in self.header:
            return self.header.index(name)
        raise unknown(name, f"column in {self.what} file {self.path}:", self.header)

    def text(self, name: str, row: list[str]) -> str:
        return row[self.header.index(name)] if name in self.header else ""

    def number(self, number: int, row: list[str], index: int) -> float:
        try:
            value = float(row[index])
        except ValueError:
            raise self.error(
                f"row {number}, column {self.header[index]!r}: {row[index]!r} is not a number"
            ) from None
        if not math.isfinite(value):
            raise self.error(f"row {number}, column {self.header[index]!r}: {row[index]!r} is not finite")
        return value


def _read_fleet(table: _Table, capacity: str, cost: str, labels: dict[str, str]) -> list[dict[str, Any]]:
    """All units of the file. `labels` maps what names a unit (id, group, fuel) to the columns' names."""
    capacity_index, cost_index = table.column(capacity), table.column(cost)
    fleet = []
    for position, (number, row) in enumerate(table.rows):
        unit: dict[str, Any] = {name: table.text(column, row) for name, column in labels.items()}
        unit["id"] = unit["id"] or f"unit_{position}"
        unit["capacity"] = table.number(number, row, capacity_index)
        unit["cost"] = table.number(number, row, cost_index)
        if unit["capacity"] < 0:
            raise table.error(
                f"row {number}, column {capacity!r}: a capacity must be at least 0, got {unit['capacity']!r}"
            )
        fleet.append(unit)
    if not fleet:
        raise table.error("has a header but no units")
    return fleet


def _select(
    table: _Table, fleet: list[dict[str, Any]], key: str, names: Iterable[str]
) -> list[dict[str, Any]]:
    """The units whose id, or group, is one of `names`: ids in the order of `names`, groups in file order."""
    wanted = [names] if isinstance(names, str) else list(names)
    present = list(dict.fromkeys(unit[key] for unit in fleet))
    for name in wanted:
        if name not in present:
            raise unknown(name, f"{'unit' if key == 'id' else key} in fleet file {table.path}:", present)
        if wanted.count(name) > 1:
            raise table.error(f"{key} {name!r} is asked for twice")
    if key == "id":
        if len(present) < len(fleet):
            raise table.error("units cannot be chosen by name: two rows have the same name")
        by_id = {unit["id"]: unit for unit in fleet}
        chosen = [by_id[name] for name in wanted]
    else:
        chosen = [unit for unit in fleet if unit[key] in wanted]
    if not chosen:
        raise table.error(f"no unit is selected: the list of {key}s is empty")
    return chosen


def _read_load(table: _Table, load_column: str, hours: Hours) -> list[float]:
    index = table.column(load_column)
    demand = []
    for hour in _hours(hours, len(table.rows), table):
        number, row = table.rows[hour]
        value = table.number(number, row, index)
        if value <= 0:
            raise table.error(
                f"row {number} (hour {hour}), column {load_column!r}: the load must be greater than 0, "
                f"got {value!r}; floor it at a small load, or curtail generation, before clearing"
            )
        demand.append(value)
    return demand


def _hours(hours: Hours, available: int, table: _Table) -> Sequence[int]:
    if hours is None:
        chosen: Sequence[int] = range(available)
    elif isinstance(hours, slice):
        start, stop = hours.start, hours.stop
        for bound in (start, stop):
            if bound is not None and not -available <= bound <= available:
                raise table.error(f"hours {hours} reach outside of the file, which has {available} hours")
        chosen = range(available)[hours]
    elif isinstance(hours, range):
        chosen = hours
    elif isinstance(hours, tuple):
        if len(hours) != 2:
            raise table.error(f"hours as a tuple must be (start, stop), got {hours!r}")
        chosen = range(*hours)
    elif isinstance(hours, bool) or not hasattr(hours, "__index__"):
        raise table.error(f"hours must be a number, a (start, stop) pair, a range or a slice, got {hours!r}")
    else:
        chosen = range(hours)
    if not chosen:
        raise table.error(f"no hour is selected by hours={hours!r}; the file has {available} hours")
    if min(chosen) < 0 or max(chosen) >= available:
        if not available:
            raise table.error("has a header but no hours")
        asked = f"hours {min(chosen)} to {max(chosen)}"
        raise table.error(f"{asked} were asked for, but the file has hours 0 to {available - 1}")
    return chosen
