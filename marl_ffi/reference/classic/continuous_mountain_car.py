"""MountainCarContinuous-v0: MountainCar with a force between -1 and 1, and energy that costs. Gymnasium's form.

Gymnasium keeps the state of this one environment in float32 after its first step, and NumPy's rules then decide the
precision of every operation. With `dtype="float64"` the same is done here:

* The *state* after a step is rounded to float32.
* The *arithmetic* of a step is float32 if position and velocity are numbers of float32 and so are the actions. It is
  float64 otherwise: in the first step after a reset, after an injected float64, and with float64 actions.
* The *pull* on the car, force and slope together, is rounded in float32 term by term if the action is a float32
  within -1 and 1. A float32 beyond is replaced by a bound, a Python number: then the pull is a float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..config import Reader
from ..trig import sincos
from .base import Array, ClassicEnvironment, State, one_number
from .mountain_car import COLUMNS, GOAL_VELOCITY, HIGH, LOW, MAX_SPEED, OBSERVED, START

GOAL = 0.45
POWER = 0.0015
GRAVITY = 0.0025


class ContinuousMountainCar(ClassicEnvironment):
    """See the module."""

    id = "MountainCarContinuous-v0"
    description = "Rock a weak car out of a valley with as little effort as possible."
    time_limit = 999
    columns = COLUMNS
    observed = OBSERVED
    parameters = (GOAL_VELOCITY,)
    options = START
    clip_actions = True

    def read(self, reader: Reader) -> dict[str, Any]:
        self.goal_velocity = reader.number("goal_velocity", 0.0, "a finite number", math.isfinite)
        return {"goal_velocity": self.goal_velocity}

    def action_space(self) -> dict[str, Any]:
        return one_number("force", 1.0)

    def draw(self, rng: np.random.Generator, options: Mapping[str, float]) -> Sequence[float]:
        return (rng.uniform(options["low"], options["high"]), 0.0)

    def step(self, state: State, actions: Array, draws: Any) -> tuple[Array, Array]:
        position, velocity = state["position"], state["velocity"]
        given = actions[:, 0]
        narrow32 = given.dtype == np.float32
        # float32 throughout, wherever the state already is of float32
        single = [part.astype(np.float32) for part in (position, velocity)]
        low = self._move(np.float32, single[0], single[1], given, narrow32)
        if self.dtype == "float32":
            position, velocity, arrived = low
        else:
            high = self._move(np.float64, position, velocity, given, narrow32)
            is_single = (single[0] == position) & (single[1] == velocity) & narrow32
            position, velocity, arrived = (np.where(is_single, a, b) for a, b in zip(low, high, strict=True))
            position, velocity = (part.astype(np.float32).astype(np.float64) for part in (position, velocity))
        state.update(position=position, velocity=velocity)
        effort = given.astype(self.real)
        return np.where(arrived, self.real(100.0), self.real(0.0)) - effort * effort * self.real(0.1), arrived

    def _move(self, real: Any, position: Array, velocity: Array, given: Array, narrow: bool) -> tuple[Array, ...]:
        """One step in `real`; the pull is rounded to float32 where the action was a float32 in range."""
        force = np.clip(given, given.dtype.type(-1.0), given.dtype.type(1.0))
        _, cosine = self._slope(real(3.0) * position)
        pull = force.astype(np.float64) * POWER - GRAVITY * cosine
        if narrow:
            single = force * np.float32(POWER) - (GRAVITY * cosine).astype(np.float32)
            pull = np.where(np.abs(given) <= 1, single.astype(np.float64), pull)
        velocity = np.clip(velocity + pull.astype(real), real(-MAX_SPEED), real(MAX_SPEED))
        position = np.clip(position + velocity, real(LOW), real(HIGH))
        velocity = np.where((position == real(LOW)) & (velocity < 0), real(0.0), velocity)
        return position, velocity, (position >= real(GOAL)) & (velocity >= real(self.goal_velocity))

    @staticmethod
    def _slope(angle: Array) -> tuple[Array, Array]:
        """The cosine in float64 whatever the angle's precision, as Python's `math.cos` takes it."""
        return sincos(angle.astype(np.float64))

    def observe(self, state: State, clock: Array) -> Array:
        return np.stack([state["position"], state["velocity"]], axis=1)
