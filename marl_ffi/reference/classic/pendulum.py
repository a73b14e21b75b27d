"""Pendulum-v1: swing a pendulum up and hold it there with a torque too weak to lift it at once. Gymnasium's form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import error_for
from ..config import Reader
from ..trig import sincos
from .base import Array, ClassicEnvironment, State, one_number

MAX_SPEED = 8.0
MAX_TORQUE = 2.0
DT = 0.05  # seconds per step


class Pendulum(ClassicEnvironment):
    """See the module. Mass and length are 1."""

    id = "Pendulum-v1"
    description = "Swing a pendulum up and hold it upright with a limited torque."
    time_limit = 200
    columns = (
        ("theta", "rad", "Angle from upright, counter-clockwise; not wrapped, so that it counts turns."),
        ("theta_dot", "rad/s", "Angular velocity, at most 8 to either side."),
    )
    observed = (("cos_theta", -1.0, 1.0), ("sin_theta", -1.0, 1.0), ("theta_dot", -MAX_SPEED, MAX_SPEED))
    parameters = (("g", "float", 10.0, "m/s^2", "Acceleration of gravity, finite."),)
    options = {"x_init": math.pi, "y_init": 1.0}
    clip_actions = True

    def read(self, reader: Reader) -> dict[str, Any]:
        self.g = reader.number("g", 10.0, "a finite number", math.isfinite)
        return {"g": self.g}

    def action_space(self) -> dict[str, Any]:
        return one_number("torque", MAX_TORQUE)

    def check_options(self, options: Mapping[str, float]) -> None:
        for name, value in options.items():
            if value < 0:
                raise error_for("invalid_config", f"reset option {name}: expected a number >= 0, got {value}")

    def draw(self, rng: np.random.Generator, options: Mapping[str, float]) -> Array:
        high = np.array([options["x_init"], options["y_init"]])
        return rng.uniform(-high, high)

    def step(self, state: State, actions: Array) -> tuple[Array, Array]:
        """The two products with the torque are rounded in the dtype of the actions, as Gymnasium's are."""
        real = self.real
        theta, theta_dot = state["theta"], state["theta_dot"]
        kind = real if self.dtype == "float32" else actions.dtype.type
        torque = np.clip(actions[:, 0].astype(kind), kind(-MAX_TORQUE), kind(MAX_TORQUE))
        effort = (kind(0.001) * (torque * torque)).astype(real)
        turn = (kind(3.0) * torque).astype(real)

        angle = self._normalised(theta)
        cost = angle * angle + real(0.1) * (theta_dot * theta_dot) + effort
        sine, _ = sincos(theta)
        theta_dot = theta_dot + (real(3 * self.g / 2) * sine + turn) * real(DT)
        theta_dot = np.clip(theta_dot, real(-MAX_SPEED), real(MAX_SPEED))
        state.update(theta=theta + theta_dot * real(DT), theta_dot=theta_dot)
        return -cost, np.zeros(len(theta), bool)

    def observe(self, state: State, clock: Array) -> Array:
        sine, cosine = sincos(state["theta"])
        return np.stack([cosine, sine, state["theta_dot"]], axis=1)

    def _normalised(self, theta: Array) -> Array:
        """The angle from -pi to pi, by a remainder that has the sign of the divisor and is exact."""
        pi = self.real(math.pi)
        return np.mod(theta + pi, self.real(2 * math.pi)) - pi
