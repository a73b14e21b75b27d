"""Acrobot-v1: swing a two-link arm up by the joint between the links. After Sutton (1996), in Gymnasium's form."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..config import Reader
from ..libm import libm_sincos
from ..libm_power import libm_square
from ..trig import numpy_sincos
from .base import Array, ClassicEnvironment, State, discrete

DT = 0.2  # seconds per step
G = 9.8
MAX_SPEED_1 = 4 * math.pi
MAX_SPEED_2 = 9 * math.pi
# An angle is wrapped by repeated subtraction, as Gymnasium's; beyond so many turns by a remainder.
TURNS = 16
COLUMNS = ("theta1", "theta2", "theta1_dot", "theta2_dot")


class Acrobot(ClassicEnvironment):
    """See the module. Masses, lengths and moments of inertia of both links are 1, their centres in the middle."""

    id = "Acrobot-v1"
    description = "Swing a two-link arm up with a torque of -1 (0), 0 (1) or 1 (2) between its links."
    time_limit = 500
    columns = (
        ("theta1", "rad", "Angle of the first link from hanging, from -pi to pi."),
        ("theta2", "rad", "Angle of the second link from the first, from -pi to pi."),
        ("theta1_dot", "rad/s", "Angular velocity of the first link, at most 4 pi to either side."),
        ("theta2_dot", "rad/s", "Angular velocity of the second link, at most 9 pi to either side."),
    )
    observed = (
        ("cos_theta1", -1.0, 1.0), ("sin_theta1", -1.0, 1.0), ("cos_theta2", -1.0, 1.0), ("sin_theta2", -1.0, 1.0),
        ("theta1_dot", -MAX_SPEED_1, MAX_SPEED_1), ("theta2_dot", -MAX_SPEED_2, MAX_SPEED_2),
    )  # fmt: skip
    parameters = (
        ("book_or_nips", "str", "book", "", "Equations of the book or of the paper: book or nips."),
    )
    options = {"low": -0.1, "high": 0.1}

    def read(self, reader: Reader) -> dict[str, Any]:
        equations = reader.choice("book_or_nips", ("book", "nips"))
        self.is_book = equations == "book"
        return {"book_or_nips": equations}

    def action_space(self) -> dict[str, Any]:
        return discrete(3)

    def draw(self, rng: np.random.Generator, options: Mapping[str, float]) -> Array:
        return rng.uniform(options["low"], options["high"], 4).astype(np.float32)

    def step(self, state: State, actions: Array) -> tuple[Array, Array]:
        real = self.real
        torque = (actions - 1).astype(real)
        start = [state[name] for name in COLUMNS]
        half, full = real(DT / 2), real(DT)
        k1 = self._derivatives(start, torque)
        k2 = self._derivatives([s + half * k for s, k in zip(start, k1, strict=True)], torque)
        k3 = self._derivatives([s + half * k for s, k in zip(start, k2, strict=True)], torque)
        k4 = self._derivatives([s + full * k for s, k in zip(start, k3, strict=True)], torque)
        two, sixth = real(2.0), real(DT / 6.0)
        theta1, theta2, theta1_dot, theta2_dot = (
            s + sixth * (a + two * b + two * c + d)
            for s, a, b, c, d in zip(start, k1, k2, k3, k4, strict=True)
        )
        theta1, theta2 = self._wrapped(theta1), self._wrapped(theta2)
        top_1, top_2 = real(MAX_SPEED_1), real(MAX_SPEED_2)
        theta1_dot, theta2_dot = np.clip(theta1_dot, -top_1, top_1), np.clip(theta2_dot, -top_2, top_2)
        state.update(theta1=theta1, theta2=theta2, theta1_dot=theta1_dot, theta2_dot=theta2_dot)
        _, (first, second) = libm_sincos(np.stack([theta1, theta2 + theta1]))
        up = -first - second > real(1.0)
        return np.where(up, real(0.0), real(-1.0)), up

    def observe(self, state: State, clock: Array) -> Array:
        (sine1, sine2), (cosine1, cosine2) = libm_sincos(np.stack([state["theta1"], state["theta2"]]))
        seen = np.stack([cosine1, sine1, cosine2, sine2, state["theta1_dot"], state["theta2_dot"]], axis=1)
        # Gymnasium's state is float32 from a reset to the first step, and so are its sine and cosine.
        single = {name: state[name].astype(np.float32) for name in COLUMNS}
        fresh = np.all([single[name] == state[name] for name in COLUMNS], axis=0) & (clock == 0)
        for column, name in ((0, "theta1"), (2, "theta2")):
            sine, cosine = numpy_sincos(single[name][fresh])
            seen[fresh, column], seen[fresh, column + 1] = cosine, sine
        return seen

    def _derivatives(self, at: Sequence[Array], torque: Array) -> list[Array]:
        """Time derivatives of the four columns."""
        real = self.real
        theta1, theta2, theta1_dot, theta2_dot = at
        quarter = real(math.pi / 2)
        (sine2, _, _), (cosine2, leaning, hanging) = libm_sincos(
            np.stack([theta2, theta1 + theta2 - quarter, theta1 - quarter])
        )
        one, half = real(1.0), real(0.5)
        # With masses, lengths and moments of 1, multiplications by them are left out: they are exact.
        d1 = real(0.25) + (real(1.25) + cosine2) + one + one
        d2 = (real(0.25) + half * cosine2) + one
        phi2 = real(0.5 * G) * leaning
        phi1 = (
            -half * libm_square(theta2_dot) * sine2
            - theta2_dot * theta1_dot * sine2
            + real(1.5 * G) * hanging
            + phi2
        )
        pull = torque + d2 / d1 * phi1
        if self.is_book:
            pull = pull - half * libm_square(theta1_dot) * sine2
        theta2_acc = (pull - phi2) / (real(1.25) - libm_square(d2) / d1)
        theta1_acc = -(d2 * theta2_acc + phi1) / d1
        return [theta1_dot, theta2_dot, theta1_acc, theta2_acc]

    def _wrapped(self, angle: Array) -> Array:
        pi, turn = self.real(math.pi), self.real(2 * math.pi)
        for _ in range(TURNS):
            over, under = angle > pi, angle < -pi
            if not (over | under).any():
                return angle
            angle = np.where(over, angle - turn, np.where(under, angle + turn, angle))
        far = np.abs(angle) > pi
        with np.errstate(invalid="ignore"):
            return np.where(far, np.mod(angle + pi, turn) - pi, angle)
