"""Pictures of environments, drawn in NumPy: no window, no graphics library.

Each environment that can be drawn has one function from its state to a picture. Layout, sizes and colours are
Gymnasium's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .classic import acrobot, cartpole, continuous_mountain_car, mountain_car, pendulum

__all__ = ["draw", "draw_all", "metadata"]

# id -> how to draw a state, and frames per second.
DRAWN: dict[str, tuple[Any, int]] = {
    "CartPole-v1": (cartpole, 50),
    "MountainCar-v0": (mountain_car, 30),
    "MountainCarContinuous-v0": (continuous_mountain_car, 30),
    "Pendulum-v1": (pendulum, 30),
    "Acrobot-v1": (acrobot, 15),
}


def metadata(env_id: str) -> dict[str, Any]:
    """Gymnasium's metadata of an environment: `render_modes`, and `render_fps` if there are any."""
    if env_id not in DRAWN:
        return {"render_modes": []}
    return {"render_modes": ["rgb_array"], "render_fps": DRAWN[env_id][1]}


def draw(env_id: str, state: Mapping[str, float]) -> npt.NDArray[np.uint8]:
    """The picture of one state, given by its columns: (height, width, 3), uint8."""
    picture: npt.NDArray[np.uint8] = DRAWN[env_id][0](state)
    return picture


def draw_all(engine: Any) -> tuple[npt.NDArray[np.uint8], ...]:
    """One picture per environment of an engine, of its present state."""
    columns = {each["name"]: engine.column(each["name"]).tolist() for each in engine.spec["columns"]}
    return tuple(
        draw(engine.spec["id"], {name: values[row] for name, values in columns.items()})
        for row in range(engine.num_envs)
    )
