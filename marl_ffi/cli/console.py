"""Lines, tables and progress bars on the terminal: with rich where it is there, in plain text where not."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TypeVar

__all__ = ["count", "heading", "line", "table", "track"]

Item = TypeVar("Item")

STYLES = {"FAIL": "bold red", "failed": "bold red", "pass": "green", "ok": "green", "aim": "bold green"}


def line(text: str = "") -> None:
    """One line of output."""
    print(text, flush=True)


def count(number: int, one: str, many: str | None = None) -> str:
    """A number of things in words: `1 game`, `2 games`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def heading(text: str) -> None:
    """A line that begins a part of the output."""
    line()
    line(text)
    line("-" * len(text))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int = 1) -> None:
    """A table; columns from `numbers_from` on are aligned to the right."""
    try:
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ModuleNotFoundError:
        _plain_table(title, columns, rows, numbers_from)
        return
    drawn = Table(box=SIMPLE_HEAD, header_style="bold")
    for index, name in enumerate(columns):
        drawn.add_column(
            name, justify="right" if index >= numbers_from else "left", no_wrap=index >= numbers_from
        )
    for row in rows:
        # Text, not str: brackets in a cell are no markup
        drawn.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    sys.stdout.flush()
    # a pipe has no width; a table that is cut there would lose numbers
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 140)
    if title:
        # not the table's own title, which is folded to the width of the table
        console.print(Text(title, style="bold"))
    console.print(drawn)


def _plain_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int
) -> None:
    widths = [max(len(row[index]) for row in [columns, *rows]) for index in range(len(columns))]
    if title:
        line(title)
    for row in [columns, *rows]:
        cells = [
            cell.rjust(width) if index >= numbers_from else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths))
        ]
        line("  " + "  ".join(cells).rstrip())


def track(items: Sequence[Item], description: str) -> Iterator[Item]:
    """The items one by one, with a progress bar on standard error if that is a terminal."""
    try:
        from rich.console import Console
        from rich.progress import track as rich_track
    except ModuleNotFoundError:
        yield from items
        return
    console = Console(stderr=True)
    # refreshed between items only: a thread that draws meanwhile would disturb what is being timed
    yield from rich_track(
        items,
        description,
        console=console,
        transient=True,
        auto_refresh=False,
        disable=not console.is_terminal,
    )
