"""Replays as a page: style, script and the nights themselves in one file, which asks for nothing else."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .replay import Replay

__all__ = ["page"]

PARTS = Path(__file__).parent / "page"


def page(replay: Replay) -> str:
    """See `Replay.html`."""
    title = replay.scenario_name.replace("_", " ")
    data = json.dumps({"title": title, "replay": replay.to_dict()}, separators=(",", ":"))
    parts = {
        "title": html.escape(f"Bucket Brigade: {title}"),
        "style": _part("page.css"),
        "view": _part("view.html"),
        "script": "\n".join(_part(name) for name in ("theme.js", "view.js", "page.js")),
        # within a script element only `<` could end it
        "replay": data.replace("<", "\\u003c"),
    }
    text = _part("page.html")
    before, *pieces = text.split("{{")
    filled = [before]
    for piece in pieces:
        name, after = piece.split("}}", 1)
        filled += [parts[name], after]
    return "".join(filled)


def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")
