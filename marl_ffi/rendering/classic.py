"""The classic control environments: a cart with a pole, a car in a valley, a pendulum, an arm of two links."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .canvas import BLACK, Canvas, box, rotated

Picture = npt.NDArray[np.uint8]
State = Mapping[str, float]

POLE, AXLE = (202, 152, 101), (129, 132, 203)
WHEEL, FLAG = (128, 128, 128), (204, 204, 0)
ROD = (204, 77, 77)
LINK, JOINT = (0, 204, 204), (204, 204, 0)


def _turns(angle: float) -> float:
    """The angle without whole turns, so that the picture of a huge one is still that of its remainder."""
    return math.remainder(angle, 2 * math.pi) if math.isfinite(angle) else 0.0


def cartpole(state: State) -> Picture:
    """600 x 400: 4.8 m of track, the cart and its pole."""
    canvas = Canvas(600, 400)
    scale = 600 / 4.8
    x, y = state["x"] * scale + 300, 100.0
    canvas.polygon([(x + a, y + b) for a, b in box(-25, -15, 25, 15)], BLACK)
    axle = (x, y + 7.5)
    canvas.polygon(rotated(box(-5, -5, 5, scale - 5), -_turns(state["theta"]), axle), POLE)
    canvas.circle(axle, 5, AXLE)
    canvas.line((0, y + 0.5), (600, y + 0.5), BLACK)
    return canvas.picture


LEFT, SCALE = -1.2, 600 / 1.8


def _height(position: Any) -> Any:
    return np.sin(3 * position) * 0.45 + 0.55


@functools.cache
def _valley(goal: float) -> Picture:
    """What does not move: the ground and the flag."""
    canvas = Canvas(600, 400)
    positions = np.linspace(LEFT, 0.6, 100)
    xs, ys = (positions - LEFT) * SCALE, _height(positions) * SCALE
    canvas.path(zip(xs.tolist(), ys.tolist(), strict=True), BLACK)
    x, y = int((goal - LEFT) * SCALE), int(_height(goal) * SCALE)
    canvas.line((x + 0.5, y), (x + 0.5, y + 50), BLACK)
    canvas.polygon([(x, y + 50), (x, y + 40), (x + 25, y + 45)], FLAG)
    return canvas.picture


def mountain_car(state: State, goal: float = 0.5) -> Picture:
    """600 x 400: the valley from -1.2 to 0.6, the flag and the car."""
    canvas = Canvas(600, 400, _valley(goal))
    position = state["position"]
    if not math.isfinite(position):
        return canvas.picture
    slope = math.cos(3 * position)
    centre = ((position - LEFT) * SCALE, 10 + float(_height(position)) * SCALE)
    canvas.polygon(rotated(box(-20, 0, 20, 20), slope, centre), BLACK)
    for wheel in rotated([(10, 0), (-10, 0)], slope, centre):
        canvas.circle(wheel, 8, WHEEL)
    return canvas.picture


def continuous_mountain_car(state: State) -> Picture:
    """As `mountain_car`, with the flag a little lower."""
    return mountain_car(state, 0.45)


def pendulum(state: State) -> Picture:
    """500 x 500: the rod and its axle."""
    canvas = Canvas(500, 500)
    scale = 500 / 4.4
    angle, centre = _turns(state["theta"]) + math.pi / 2, (250.0, 250.0)
    canvas.polygon(rotated(box(0, -0.1 * scale, scale, 0.1 * scale), angle, centre), ROD)
    canvas.circle(centre, 0.1 * scale, ROD)
    canvas.circle(rotated([(scale, 0)], angle, centre)[0], 0.1 * scale, ROD)
    canvas.circle(centre, 0.05 * scale, BLACK)
    return canvas.picture


def acrobot(state: State) -> Picture:
    """500 x 500: both links, and the line that the free end is to reach."""
    canvas = Canvas(500, 500)
    scale = 500 / 4.4
    height = math.floor(250 + scale) + 0.5
    canvas.line((0, height), (500, height), BLACK)
    joint, angle = (250.0, 250.0), -math.pi / 2
    for name in ("theta1", "theta2"):
        angle += _turns(state[name])
        canvas.polygon(rotated(box(0, -0.1 * scale, scale, 0.1 * scale), angle, joint), LINK)
        canvas.circle(joint, 0.1 * scale, JOINT)
        joint = rotated([(scale, 0)], angle, joint)[0]
    return canvas.picture
