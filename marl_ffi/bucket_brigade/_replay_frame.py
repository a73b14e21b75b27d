"""Replays as pictures: the town after a night, drawn in NumPy.

Houses stand around a ring, house 0 at the top, clockwise; the bar under a house has the colour of its owner. Inside
the ring are the agents, by their house: a full disc works, a ring rests. The dot beside an agent is its signal: dark
for work, light for rest; around a lie it is red.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..reference.bucket_brigade.rules import BURNING, RUINED, WORK
from ..rendering.canvas import Canvas, Colour, Point

if TYPE_CHECKING:
    from .replay import Replay

__all__ = ["draw"]

PAPER: Colour = (255, 255, 255)
STREET: Colour = (235, 232, 223)
INK: Colour = (34, 38, 43)
SAFE_WALL: Colour = (95, 148, 112)
SAFE_ROOF: Colour = (71, 116, 90)
FIRE_WALL: Colour = (228, 87, 46)
FIRE_ROOF: Colour = (143, 45, 18)
FLAME: Colour = (255, 181, 46)
RUIN: Colour = (165, 161, 151)
LIE: Colour = (195, 39, 74)
# colours that stay apart for colour-blind eyes
AGENTS: tuple[Colour, ...] = (
    (0, 114, 178), (230, 159, 0), (204, 121, 167), (0, 158, 115), (86, 180, 233), (213, 94, 0), (240, 228, 66),
    (127, 107, 179),
)  # fmt: skip
# convex pieces of a ruin, in half widths of a house
RUBBLE: tuple[tuple[Point, ...], ...] = (
    ((-0.9, -0.8), (-0.9, 0.1), (-0.3, -0.3)),
    ((-0.4, -0.8), (0.0, 0.3), (0.4, -0.8)),
    ((0.3, -0.3), (0.9, 0.0), (0.9, -0.8)),
    ((-0.9, -0.8), (-0.9, -0.4), (0.9, -0.4), (0.9, -0.8)),
)
# lengths are in shares of half the picture
RADIUS, STREET_WIDTH = 0.76, 0.11


def draw(replay: Replay, night: int, size: int) -> npt.NDArray[np.uint8]:
    """See `Replay.frame`."""
    canvas = Canvas(size, size)
    half = size / 2
    canvas.circle((half, half), half * (RADIUS + STREET_WIDTH / 2), STREET)
    canvas.circle((half, half), half * (RADIUS - STREET_WIDTH / 2), PAPER)
    houses, agents = replay.scenario.num_houses, replay.scenario.num_agents
    # neighbours must not touch
    unit = half * min(0.085, 2 * math.pi * RADIUS / houses / 2.6)
    for h, state in enumerate(replay.houses[night].tolist()):
        _house(canvas, _around(half, h, houses, RADIUS), unit, state, AGENTS[h % agents % len(AGENTS)])
    if night > 0:
        _agents(canvas, replay, night, half, unit)
    return canvas.picture


def _around(half: float, house: int, houses: int, radius: float) -> Point:
    angle = math.pi / 2 - 2 * math.pi * house / houses
    return half + half * radius * math.cos(angle), half + half * radius * math.sin(angle)


def _house(canvas: Canvas, centre: Point, unit: float, state: int, owner: Colour) -> None:
    x, y = centre

    def at(*points: Point) -> list[Point]:
        return [(x + unit * dx, y + unit * dy) for dx, dy in points]

    if state == RUINED:
        for corners in RUBBLE:
            canvas.polygon(at(*corners), RUIN)
    else:
        wall, roof = (FIRE_WALL, FIRE_ROOF) if state == BURNING else (SAFE_WALL, SAFE_ROOF)
        if state == BURNING:
            canvas.polygon(at((-0.7, 0.7), (0.0, 2.3), (0.7, 0.7)), FLAME)
            canvas.circle(at((0.0, 0.9))[0], 0.7 * unit, FLAME)
        canvas.polygon(at((-0.8, -0.8), (-0.8, 0.3), (0.8, 0.3), (0.8, -0.8)), wall)
        canvas.polygon(at((-1.1, 0.25), (0.0, 1.25), (1.1, 0.25)), roof)
        canvas.polygon(at((-0.2, -0.8), (-0.2, -0.2), (0.2, -0.2), (0.2, -0.8)), PAPER)
    canvas.polygon(at((-0.8, -1.2), (-0.8, -0.95), (0.8, -0.95), (0.8, -1.2)), owner)


def _agents(canvas: Canvas, replay: Replay, night: int, half: float, unit: float) -> None:
    houses = replay.scenario.num_houses
    here: dict[int, list[int]] = {}
    for i, house in enumerate(replay.actions[night - 1, :, 0].tolist()):
        here.setdefault(house, []).append(i)
    radius = min(0.6 * unit, half * 0.5 / max(len(agents) for agents in here.values()))
    for house, agents in here.items():
        for k, i in enumerate(agents):
            # one behind the other, towards the middle and no further
            step = min(2.6 * radius, 0.45 * half / len(agents))
            inwards = RADIUS - STREET_WIDTH / 2 - (1.9 * unit + k * step) / half
            _, mode, signal = replay.actions[night - 1, i].tolist()
            x, y = centre = _around(half, house, houses, inwards)
            colour = AGENTS[i % len(AGENTS)]
            canvas.circle(centre, radius, colour)
            if mode != WORK:
                canvas.circle(centre, 0.62 * radius, PAPER)
            dot = (x + 1.15 * radius, y + 1.15 * radius)
            canvas.circle(dot, 0.5 * radius, LIE if replay.lies[night - 1, i] else INK)
            if signal != WORK:
                canvas.circle(dot, 0.3 * radius, PAPER)
