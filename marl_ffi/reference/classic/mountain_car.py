"""MountainCar-v0: rock a weak car out of a valley by pushing left, not at all, or right.

After Moore (1990), in Gymnasium's form.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..config import Reader
from ..trig import sincos
from .base import Array, ClassicEnvironment, State, discrete

LOW, HIGH = -1.2, 0.6
MAX_SPEED = 0.07
GOAL = 0.5
FORCE = 0.001
GRAVITY = 0.0025

COLUMNS = (
    ("position", "m", "Position of the car, from -1.2 to 0.6."),
    ("velocity", "m/step", "Velocity of the car, at most 0.07 to either side; 0 after a hit of the left wall."),
)
OBSERVED = (("position", LOW, HIGH), ("velocity", -MAX_SPEED, MAX_SPEED))
GOAL_VELOCITY = ("goal_velocity", "float", 0.0, "m/step", "Least velocity at the goal, finite.")
START = {"low": -0.6, "high": -0.4}


class MountainCar(ClassicEnvironment):
    """See the module."""

    id = "MountainCar-v0"
    description = "Rock a weak car out of a valley: push left (0), not at all (1) or right (2)."
    time_limit = 200
    columns = COLUMNS
    observed = OBSERVED
    parameters = (GOAL_VELOCITY,)
    options = START

    def read(self, reader: Reader) -> dict[str, Any]:
        self.goal_velocity = reader.number("goal_velocity", 0.0, "a finite number", math.isfinite)
        return {"goal_velocity": self.goal_velocity}

    def action_space(self) -> dict[str, Any]:
        return discrete(3)

    def draw(self, rng: np.random.Generator, options: Mapping[str, float]) -> Sequence[float]:
        return (rng.uniform(options["low"], options["high"]), 0.0)

    def step(self, state: State, actions: Array) -> tuple[Array, Array]:
        real = self.real
        position, velocity = state["position"], state["velocity"]
        _, cosine = sincos(real(3.0) * position)
        velocity = velocity + ((actions - 1).astype(real) * real(FORCE) + cosine * real(-GRAVITY))
        velocity = np.clip(velocity, real(-MAX_SPEED), real(MAX_SPEED))
        position = np.clip(position + velocity, real(LOW), real(HIGH))
        velocity = np.where((position == real(LOW)) & (velocity < 0), real(0.0), velocity)
        state.update(position=position, velocity=velocity)
        arrived = (position >= real(GOAL)) & (velocity >= real(self.goal_velocity))
        return np.full(len(position), -1.0, real), arrived

    def observe(self, state: State, clock: Array) -> Array:
        return np.stack([state["position"], state["velocity"]], axis=1)
