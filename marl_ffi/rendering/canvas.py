"""A picture to draw convex shapes on, with smooth edges.

The origin is the lower left corner and y points up, as on paper. A pixel takes a shape's colour in proportion to how
much of it the shape covers, which is read off the distance of the pixel's centre from the shape's edge.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["BLACK", "WHITE", "Canvas", "Colour", "Point", "box", "rotated"]

Colour = tuple[int, int, int]
Point = tuple[float, float]

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)


class Canvas:
    """A white picture of so many pixels, or a copy of another."""

    def __init__(self, width: int, height: int, background: npt.NDArray[np.uint8] | None = None) -> None:
        self.width, self.height = width, height
        if background is None:
            self._rows = np.full((height, width, 3), 255, np.uint8)
        else:
            self._rows = background[::-1].copy()

    @property
    def picture(self) -> npt.NDArray[np.uint8]:
        """(height, width, 3), the top row first."""
        return np.ascontiguousarray(self._rows[::-1])

    def polygon(self, corners: Sequence[Point], colour: Colour) -> None:
        """A filled convex polygon; corners in either order."""
        xs, ys = zip(*corners, strict=True)
        area = sum(
            a[0] * b[1] - b[0] * a[1] for a, b in zip(corners, (*corners[1:], corners[0]), strict=True)
        )
        sign = 1.0 if area > 0 else -1.0

        def outside(x: Any, y: Any) -> Any:
            distance = None
            for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
                length = math.hypot(x1 - x0, y1 - y0)
                if length > 0:
                    edge = sign * ((x - x0) * ((y1 - y0) / length) - (y - y0) * ((x1 - x0) / length))
                    distance = edge if distance is None else np.maximum(distance, edge)
            return distance

        self._fill((min(xs), min(ys), max(xs), max(ys)), outside, colour)

    def circle(self, centre: Point, radius: float, colour: Colour) -> None:
        """A filled circle."""
        cx, cy = centre
        around = (cx - radius, cy - radius, cx + radius, cy + radius)
        self._fill(around, lambda x, y: np.hypot(x - cx, y - cy) - radius, colour)

    def line(self, start: Point, end: Point, colour: Colour, width: float = 1.0) -> None:
        """A straight line with round ends."""
        (x0, y0), (x1, y1) = start, end
        along, half = (x1 - x0, y1 - y0), width / 2
        square = along[0] ** 2 + along[1] ** 2

        def outside(x: Any, y: Any) -> Any:
            share = 0.0
            if square > 0:
                share = np.clip(((x - x0) * along[0] + (y - y0) * along[1]) / square, 0.0, 1.0)
            return np.hypot(x - x0 - share * along[0], y - y0 - share * along[1]) - half

        around = (min(x0, x1) - half, min(y0, y1) - half, max(x0, x1) + half, max(y0, y1) + half)
        self._fill(around, outside, colour)

    def path(self, points: Iterable[Point], colour: Colour, width: float = 1.0) -> None:
        """Straight lines from point to point."""
        for start, end in itertools.pairwise(points):
            self.line(start, end, colour, width)

    def _fill(self, around: tuple[float, float, float, float], outside: Any, colour: Colour) -> None:
        """Mix the colour into the pixels around, by the distance (pixels, negative inside) of their centres."""
        if not all(map(math.isfinite, around)):
            return  # a shape nowhere
        left, bottom = max(math.floor(around[0]) - 1, 0), max(math.floor(around[1]) - 1, 0)
        right = min(math.ceil(around[2]) + 1, self.width)
        top = min(math.ceil(around[3]) + 1, self.height)
        if left >= right or bottom >= top:
            return
        x = np.arange(left, right, dtype=np.float32) + np.float32(0.5)
        y = (np.arange(bottom, top, dtype=np.float32) + np.float32(0.5))[:, np.newaxis]
        covered = np.clip(0.5 - outside(x, y), 0, 1)[..., np.newaxis]
        area = self._rows[bottom:top, left:right]
        area[...] = np.rint(area + covered * (np.array(colour, np.float32) - area)).astype(np.uint8)


def box(left: float, bottom: float, right: float, top: float) -> list[Point]:
    """The corners of a rectangle."""
    return [(left, bottom), (left, top), (right, top), (right, bottom)]


def rotated(points: Iterable[Point], angle: float, centre: Point = (0.0, 0.0)) -> list[Point]:
    """Points turned counter-clockwise about the origin by `angle` (rad) and then moved by `centre`."""
    sine, cosine = math.sin(angle), math.cos(angle)
    return [(cosine * x - sine * y + centre[0], sine * x + cosine * y + centre[1]) for x, y in points]
