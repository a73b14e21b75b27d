"""Replays as text: one line per night, or one night at length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..reference.bucket_brigade.rules import BURNING, RUINED, SAFE, WORK

if TYPE_CHECKING:
    from .replay import Replay

__all__ = ["agent_label", "night_text", "replay_text", "what_happened"]

SYMBOLS = {SAFE: ".", BURNING: "f", RUINED: "x"}
COLORS = {".": "32", "f": "1;33", "x": "90", "!": "31"}
STATES = ("safe", "burning", "ruined")


def paint(text: str, symbol: str, color: bool) -> str:
    """`text` in the colour of a symbol, if colours are wanted."""
    return f"\x1b[{COLORS[symbol]}m{text}\x1b[0m" if color else text


def agent_label(replay: Replay, index: int) -> str:
    """What to call an agent."""
    return f"agent {index}" if replay.agents is None else f"{index} {replay.agents[index]}"


def title(replay: Replay) -> str:
    """One line about the game."""
    scenario = replay.scenario
    seed = "unknown seed" if replay.seed is None else f"seed {replay.seed}"
    return (
        f"Bucket Brigade: {scenario.num_agents} agents, {scenario.num_houses} houses, {replay.num_nights} nights, "
        f"{seed}, rules {replay.rules}"
    )


def town(replay: Replay, night: int, color: bool) -> str:
    """The houses after `night` nights, one character each."""
    return "".join(paint(SYMBOLS[int(h)], SYMBOLS[int(h)], color) for h in replay.houses[night])


def move(replay: Replay, night: int, index: int, color: bool) -> str:
    """Where an agent went, with `+` for work and `-` for rest; `!` marks a lie."""
    house, mode, _ = (int(k) for k in replay.actions[night - 1, index])
    lie = paint("!", "!", color) if replay.lies[night - 1, index] else " "
    return f"{house:>3}{'+' if mode == WORK else '-'}{lie}"


def replay_text(replay: Replay, color: bool) -> str:
    """All nights, a line each."""
    agents = range(replay.scenario.num_agents)
    wide = max(replay.scenario.num_houses, len("houses"))
    lines = [
        title(replay),
        "houses: . safe, f burning, x ruined; agents: house, + works, - rests, ! lies",
        "",
        f"night  {'houses':<{wide}}  "
        + "  ".join(f"a{i}".center(5) for i in agents)
        + "   "
        + " ".join(f"r{i}".rjust(9) for i in agents),
    ]
    for night in range(replay.num_nights + 1):
        line = f"{night if night else 'start':>5}  {town(replay, night, color)}{' ' * (wide - replay.scenario.num_houses)}"
        if night:
            moves = "  ".join(move(replay, night, i, color) for i in agents)
            line += f"  {moves}   " + " ".join(f"{r:>9.2f}" for r in replay.rewards[night - 1])
        lines.append(line)
    gap = 7 + wide + 2 + 7 * len(agents) - 2 + 3
    lines += ["", f"{'scores':<{gap}}" + " ".join(f"{score:>9.2f}" for score in replay.scores)]
    return "\n".join(lines)


def what_happened(replay: Replay, night: int) -> dict[str, list[int]]:
    """Houses that were saved, lost or lit in a night (1 for the first); saved ones may burn anew."""
    before, after = replay.houses[night - 1], replay.houses[night]
    return {
        "saved": np.flatnonzero((before == BURNING) & (after == SAFE)).tolist(),
        "lost": np.flatnonzero((before != RUINED) & (after == RUINED)).tolist(),
        "lit": np.flatnonzero((before == SAFE) & (after == BURNING)).tolist(),
    }


def night_text(replay: Replay, night: int, color: bool) -> str:
    """One night: who did and said what, and what became of the houses."""
    counts = ", ".join(f"{int(np.sum(replay.houses[night] == k))} {name}" for k, name in enumerate(STATES))
    name = "Before the first night" if night == 0 else f"Night {night} of {replay.num_nights}"
    lines = [f"{name}: {town(replay, night, color)}  {counts}"]
    if night == 0:
        return lines[0]
    for what, houses in what_happened(replay, night).items():
        if houses:
            lines.append(f"  {what}: {', '.join(map(str, houses))}")
    wide = max(len(agent_label(replay, i)) for i in range(replay.scenario.num_agents))
    totals = replay.rewards[:night].sum(axis=0)
    for i, (house, mode, signal) in enumerate(replay.actions[night - 1].tolist()):
        does, says = ("works" if k == WORK else "rests" for k in (mode, signal))
        honesty = paint(f"but says it {says}", "!", color) if replay.lies[night - 1, i] else f"and says it {says}"
        # paint() adds characters that take no room
        lines.append(
            f"  {agent_label(replay, i):<{wide}}  {does} at house {house:>2}, {honesty:<17}"
            f"  {replay.rewards[night - 1, i]:>+9.2f}  total {totals[i]:>+10.2f}"
        )
    return "\n".join(lines)
