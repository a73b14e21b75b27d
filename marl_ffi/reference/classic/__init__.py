"""Gymnasium's classic control environments in plain vectorised NumPy: one short file per environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .acrobot import Acrobot
from .base import ClassicEnvironment
from .cartpole import CartPole
from .continuous_mountain_car import ContinuousMountainCar
from .mountain_car import MountainCar
from .pendulum import Pendulum

__all__ = ["CLASSIC", "ClassicEnvironment"]

CLASSIC: dict[str, Callable[[Mapping[str, Any]], ClassicEnvironment]] = {
    rules.id: rules for rules in (CartPole, MountainCar, ContinuousMountainCar, Pendulum, Acrobot)
}
