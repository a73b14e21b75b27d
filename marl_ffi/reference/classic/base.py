"""What the classic control environments share: how they describe themselves, their settings and reset options.

A state is a dictionary of columns (E,), and every rule works on whole columns. The order of every sum and product is
Gymnasium's, so that in float64 only the sine and the cosine, which are ours, can differ from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ...errors import error_for
from ..config import Reader, unknown_name

Array = npt.NDArray[Any]
State = dict[str, Array]
Row = tuple[str, str, Any, str, str]  # a parameter: name, type, default, unit, description

DTYPES = ("float64", "float32")
MOST_STEPS = 2**32 - 2


class ClassicEnvironment:
    """The rules of one classic control environment under one configuration, for any number of rows.

    Attributes:
        id, description: how it is known.
        time_limit: steps after which an episode is truncated, unless `max_episode_steps` says otherwise.
        columns: name, unit and description of every state column.
        observed: name, lowest and highest value (None: unbounded) of everything seen.
        parameters: the environment's own configuration keys.
        options: the reset options it understands, with their defaults.
        clip_actions: finite actions out of range are taken; the rules below say what becomes of them.
    """

    id: ClassVar[str]
    description: ClassVar[str]
    time_limit: ClassVar[int]
    columns: ClassVar[Sequence[tuple[str, str, str]]]
    observed: ClassVar[Sequence[tuple[str, float | None, float | None]]]
    parameters: ClassVar[Sequence[Row]] = ()
    options: ClassVar[Mapping[str, float]] = {"low": 0.0, "high": 0.0}
    clip_actions = False

    def __init__(self, config: Mapping[str, Any]) -> None:
        reader = Reader(config)
        self.dtype: str = reader.choice("dtype", DTYPES)
        self.real: Any = np.dtype(self.dtype).type
        steps = reader.integer("max_episode_steps", 1, most=MOST_STEPS)
        settings = self.read(reader)
        reader.finish()
        limit = self.time_limit if steps is None else steps
        self.spec = self._describe(limit, {"dtype": self.dtype, "max_episode_steps": limit, **settings})

    # -- what an environment states -----------------------------------------------------------------------------------

    def read(self, reader: Reader) -> dict[str, Any]:
        """Take the environment's own settings; returns them as they are in force."""
        return {}

    def action_space(self) -> dict[str, Any]:
        """The action space."""
        raise NotImplementedError

    def draw(self, rng: np.random.Generator, options: Mapping[str, float]) -> Sequence[float] | Array:
        """The state at the start of an episode, one number per column, from the options in force."""
        raise NotImplementedError

    def step(self, state: State, actions: Array) -> tuple[Array, Array]:
        """Move every row on with actions (E, *action_shape): rewards and terminations (E,)."""
        raise NotImplementedError

    def observe(self, state: State, clock: Array) -> Array:
        """What is seen of every row, (E, width)."""
        raise NotImplementedError

    # -- the engine's questions ---------------------------------------------------------------------------------------

    def new_state(self, rows: int) -> State:
        """The state before any reset."""
        return {name: np.zeros(rows, self.real) for name, _, _ in self.columns}

    def read_options(self, options: Mapping[str, Any] | None) -> dict[str, float]:
        """The reset options in force; unknown ones and values that cannot be are refused."""
        given = dict(options or {})
        for key in given:
            if key not in self.options:
                raise unknown_name("unknown_key", "reset option", str(key), [*self.options, "reset_mask"])
        read = {name: self._number(name, given.get(name, default)) for name, default in self.options.items()}
        self.check_options(read)
        return read

    def check_options(self, options: Mapping[str, float]) -> None:
        """Refuse bounds that cross."""
        if options["low"] > options["high"]:
            message = f"low: expected at most high ({options['high']}), got {options['low']}"
            raise error_for("invalid_config", f"reset option {message}")

    def check_column(self, name: str, values: Array) -> None:
        """Refuse values (E,) that are not finite."""
        bad = ~np.isfinite(values)
        if bad.any():
            row = int(np.argmax(bad))
            raise error_for("invalid_state", f"{name}[{row}]: expected a finite number, got {values[row]}")

    # -- helpers ------------------------------------------------------------------------------------------------------

    def _number(self, name: str, value: Any) -> float:
        is_number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        if is_number:
            with np.errstate(over="ignore"):
                is_number = math.isfinite(self.real(value))
        if not is_number:
            raise error_for("invalid_config", f"reset option {name}: expected a finite number, got {value!r}")
        return float(value)

    def _describe(self, limit: int, config: dict[str, Any]) -> dict[str, Any]:
        names, low, high = zip(*self.observed, strict=True)
        seen = {
            "type": "box", "shape": [len(names)], "dtype": "float32", "low": list(low), "high": list(high),
            "names": list(names),
        }  # fmt: skip
        action = self.action_space()
        is_box = action["type"] == "box"
        rows: list[Row] = [
            *self.parameters,
            ("dtype", "str", "float64", "", "Working precision: float64 as in Gymnasium, or float32."),
            ("max_episode_steps", "int", self.time_limit, "steps", "Steps after which an episode is truncated, >= 1."),
        ]  # fmt: skip
        return {
            "id": self.id,
            "description": self.description,
            "multi_agent": False,
            "dtype": self.dtype,
            "max_episode_steps": limit,
            "agents": [{"name": "agent", "index": 0, "observation": seen, "action": action}],
            "observation_shape": [len(names)],
            "action_shape": [1] if is_box else [],
            "action_dtypes": ["float32", "float64"] if is_box else ["int64", "int32"],
            "reward_dtype": self.dtype,
            "observation_dtype": "float32",
            "infos": [],
            "columns": [
                {
                    "name": name, "dtype": self.dtype, "shape": [], "unit": unit, "description": text,
                    "writable": True,
                }
                for name, unit, text in self.columns
            ],
            "parameters": [
                {"name": name, "type": kind, "default": default, "unit": unit, "description": text}
                for name, kind, default, unit, text in rows
            ],
            "config": config,
        }  # fmt: skip


def discrete(n: int) -> dict[str, Any]:
    """The space of `n` actions."""
    return {"type": "discrete", "n": n, "dtype": "int64"}


def one_number(name: str, bound: float) -> dict[str, Any]:
    """The space of one float32 from `-bound` to `bound`."""
    return {"type": "box", "shape": [1], "dtype": "float32", "low": [-bound], "high": [bound], "names": [name]}
