"""CartPole-v1: balance a pole on a cart by pushing the cart left or right.

After Barto, Sutton and Anderson (1983), in Gymnasium's form.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..config import Reader
from ..libm import libm_sincos
from .base import Array, ClassicEnvironment, State, discrete

GRAVITY = 9.8
MASS_POLE = 0.1
TOTAL_MASS = 0.1 + 1.0
LENGTH = 0.5  # half the pole's
POLE_MASS_LENGTH = 0.1 * 0.5
FORCE = 10.0
TAU = 0.02  # seconds per step
THETA_LIMIT = 12 * 2 * math.pi / 360
X_LIMIT = 2.4


class CartPole(ClassicEnvironment):
    """See the module."""

    id = "CartPole-v1"
    description = "Balance a pole on a cart by pushing the cart left (0) or right (1)."
    time_limit = 500
    columns = (
        ("x", "m", "Position of the cart; an episode ends beyond 2.4 to either side."),
        ("x_dot", "m/s", "Velocity of the cart."),
        ("theta", "rad", "Angle of the pole from upright; an episode ends beyond 12 degrees to either side."),
        ("theta_dot", "rad/s", "Angular velocity of the pole."),
    )
    observed = (
        ("x", -2 * X_LIMIT, 2 * X_LIMIT),
        ("x_dot", None, None),
        ("theta", -2 * THETA_LIMIT, 2 * THETA_LIMIT),
        ("theta_dot", None, None),
    )
    parameters = (
        ("sutton_barto_reward", "bool", False, "", "Reward 0 per step and -1 at the fall, instead of 1 per step."),
        ("kinematics_integrator", "str", "euler", "", "Integrator: euler or semi-implicit euler."),
    )  # fmt: skip
    options = {"low": -0.05, "high": 0.05}

    def read(self, reader: Reader) -> dict[str, Any]:
        self.sutton_barto = reader.boolean("sutton_barto_reward", False)
        integrator = reader.choice("kinematics_integrator", ("euler", "semi-implicit euler"))
        self.is_euler = integrator == "euler"
        return {"sutton_barto_reward": self.sutton_barto, "kinematics_integrator": integrator}

    def action_space(self) -> dict[str, Any]:
        return discrete(2)

    def draw(self, rng: np.random.Generator, options: Mapping[str, float]) -> Array:
        return rng.uniform(options["low"], options["high"], 4)

    def step(self, state: State, actions: Array) -> tuple[Array, Array]:
        real = self.real
        x, x_dot, theta, theta_dot = (state[name] for name in ("x", "x_dot", "theta", "theta_dot"))
        tau, total, pole, length = real(TAU), real(TOTAL_MASS), real(POLE_MASS_LENGTH), real(LENGTH)
        force = np.where(actions == 1, real(FORCE), real(-FORCE))
        sine, cosine = libm_sincos(theta)

        push = (force + pole * (theta_dot * theta_dot) * sine) / total
        inertia = length * (real(4.0 / 3.0) - real(MASS_POLE) * (cosine * cosine) / total)
        theta_acc = (real(GRAVITY) * sine - cosine * push) / inertia
        x_acc = push - pole * theta_acc * cosine / total
        if self.is_euler:
            x = x + tau * x_dot
            x_dot = x_dot + tau * x_acc
            theta = theta + tau * theta_dot
            theta_dot = theta_dot + tau * theta_acc
        else:
            x_dot = x_dot + tau * x_acc
            x = x + tau * x_dot
            theta_dot = theta_dot + tau * theta_acc
            theta = theta + tau * theta_dot
        state.update(x=x, x_dot=x_dot, theta=theta, theta_dot=theta_dot)

        x_limit, theta_limit = real(X_LIMIT), real(THETA_LIMIT)
        fallen = (x < -x_limit) | (x > x_limit) | (theta < -theta_limit) | (theta > theta_limit)
        if self.sutton_barto:
            return np.where(fallen, real(-1.0), real(0.0)), fallen
        return np.ones(len(x), real), fallen

    def observe(self, state: State, clock: Array) -> Array:
        return np.stack([state[name] for name in ("x", "x_dot", "theta", "theta_dot")], axis=1)
