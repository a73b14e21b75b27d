"""MountainCarContinuous-v0: MountainCar with a force between -1 and 1, and energy that costs. Gymnasium's form.

Gymnasium keeps the state of this one environment in float32 after its first step, and NumPy's rules then decide the
precision of every operation. With `dtype="float64"` the same is done here:

* The *state* after a step is rounded to float32. `narrow` below is a state whose numbers are of float32, as after
  every step; not so after a reset or an injected float64.
* An action beyond -1 and 1 is replaced by a bound, a Python number, which takes any precision.
* The *arithmetic* of a step is float32 for a narrow state and a float32 or replaced action, and float64 otherwise.
  The angle of the slope, three times the position, is float32 for every narrow state.
* The *pull* on the car, force and slope together, is rounded to float32 term by term for a float32 action, unless it
  was replaced; else it is a float64.
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

    def step(self, state: State, actions: Array) -> tuple[Array, Array]:
        position, velocity, force = state["position"], state["velocity"], actions[:, 0]
        narrow = [part.astype(np.float32) for part in (position, velocity)]
        low = self._move(np.float32, narrow, force, None)
        if self.dtype == "float32":
            position, velocity, arrived = low
        else:
            is_narrow = (narrow[0] == position) & (narrow[1] == velocity)
            high = self._move(np.float64, [position, velocity], force, is_narrow)
            is_low = is_narrow & ((np.abs(force) > 1) | (force.dtype == np.float32))
            position, velocity, arrived = (np.where(is_low, a, b) for a, b in zip(low, high, strict=True))
            position, velocity = (part.astype(np.float32).astype(np.float64) for part in (position, velocity))
        state.update(position=position, velocity=velocity)
        effort = force.astype(self.real)
        return np.where(arrived, self.real(100.0), self.real(0.0)) - effort * effort * self.real(0.1), arrived

    def _move(self, real: Any, state: Sequence[Array], force: Array, is_narrow: Array | None) -> tuple[Array, ...]:
        """One step in `real`; `is_narrow` says where the state is of float32 nevertheless."""
        position, velocity = state
        angle = real(3.0) * position
        if is_narrow is not None:
            angle = np.where(is_narrow, np.float32(3.0) * position.astype(np.float32), angle)
        velocity = velocity + self._pull(force, angle).astype(real)
        limited = np.clip(velocity, real(-MAX_SPEED), real(MAX_SPEED))
        moved = position + limited
        if is_narrow is not None:
            # A velocity at its bound is a Python number, and added to a float32.
            single = position.astype(np.float32) + limited.astype(np.float32)
            moved = np.where(is_narrow & (limited != velocity), single, moved)
        position = np.clip(moved, real(LOW), real(HIGH))
        velocity = np.where((position == real(LOW)) & (limited < 0), real(0.0), limited)
        return position, velocity, (position >= real(GOAL)) & (velocity >= real(self.goal_velocity))

    def _pull(self, force: Array, angle: Array) -> Array:
        """Force and slope together, in the working precision; rounded term by term for a float32 force in range."""
        real = self.real
        _, cosine = sincos(angle.astype(real))
        bounded = np.clip(force, force.dtype.type(-1.0), force.dtype.type(1.0))
        slope = real(GRAVITY) * cosine
        pull = bounded.astype(real) * real(POWER) - slope
        if force.dtype != np.float32 or real is np.float32:
            return pull
        single = bounded * np.float32(POWER) - slope.astype(np.float32)
        return np.where(np.abs(force) <= 1, single.astype(np.float64), pull)

    def observe(self, state: State, clock: Array) -> Array:
        return np.stack([state["position"], state["velocity"]], axis=1)
