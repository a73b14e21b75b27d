"""A running evolution, and how it is written to a file and read back, so that a stopped one goes on bit for bit."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from .result import Generation

__all__ = ["Estimates", "State"]

Array = npt.NDArray[np.float64]

VERSION = 1


@dataclass
class Estimates:
    """Fitness of individuals as known so far; games of several generations add up.

    Attributes:
        means, errors: (P,) estimate and standard error.
        games: (P,) games behind it; 0 where there is no estimate yet.
    """

    means: Array
    errors: Array
    games: Array

    @classmethod
    def none(cls, size: int) -> Estimates:
        """Nothing known."""
        return cls(np.full(size, -np.inf), np.full(size, np.inf), np.zeros(size))

    def add(self, some: npt.NDArray[np.intp], means: Array, errors: Array, games: int) -> None:
        """Take in new games of some individuals."""
        old = self.games[some]
        known = old > 0
        total = old + games
        before, noise = np.where(known, self.means[some], 0.0), np.where(known, self.errors[some], 0.0)
        self.means[some] = (old * before + games * means) / total
        self.errors[some] = np.sqrt((old * noise) ** 2 + (games * errors) ** 2) / total
        self.games[some] = total

    def of(self, some: Any) -> Estimates:
        """Those of some individuals."""
        return Estimates(self.means[some].copy(), self.errors[some].copy(), self.games[some].copy())


@dataclass
class State:
    """Everything that the next generation depends on.

    Attributes:
        seed: that the run began with.
        start: (D,) where CMA-ES began.
        rng: the generator of all operators.
        population, estimates: now.
        history: of the generations so far.
        told: (generation, P) fitness that CMA-ES was told; it is replayed after a restart.
        converged_at: see `EvolutionResult`.
    """

    seed: int
    start: Array
    rng: np.random.Generator
    population: Array
    estimates: Estimates
    history: list[Generation] = field(default_factory=list)
    told: list[list[float]] = field(default_factory=list)
    converged_at: int | None = None

    def save(self, path: Path, config: dict[str, Any]) -> None:
        """Write it, at once or not at all."""
        data = {
            "version": VERSION,
            "config": config,
            "seed": self.seed,
            "start": self.start.tolist(),
            "rng": self.rng.bit_generator.state,
            "population": self.population.tolist(),
            "estimates": {name: values.tolist() for name, values in vars(self.estimates).items()},
            "history": [asdict(each) for each in self.history],
            "told": self.told,
            "converged_at": self.converged_at,
        }
        temporary = path.with_name(path.name + ".part")
        temporary.write_text(json.dumps(data), encoding="utf-8")
        os.replace(temporary, path)

    @classmethod
    def load(cls, path: Path, config: dict[str, Any]) -> State:
        """Read it.

        Raises:
            InvalidInputError: it is no such file, damaged, or of an evolution with other settings.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["version"] != VERSION:
                raise InvalidInputError(f"checkpoint {path}: version {data['version']}, this is version {VERSION}")
            for name, value in config.items():
                if data["config"].get(name) != value:
                    raise InvalidInputError(
                        f"checkpoint {path}: made with {name}={data['config'].get(name)!r}, not {value!r}; "
                        "take another file, or the same settings"
                    )
            rng = np.random.default_rng(0)
            rng.bit_generator.state = data["rng"]
            return cls(
                int(data["seed"]),
                np.array(data["start"], np.float64),
                rng,
                np.array(data["population"], np.float64),
                Estimates(**{name: np.array(values, np.float64) for name, values in data["estimates"].items()}),
                [Generation(**each) for each in data["history"]],
                data["told"],
                data["converged_at"],
            )
        except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, InvalidInputError):
                raise
            raise InvalidInputError(f"checkpoint {path}: no evolution in it ({error!r})") from None
