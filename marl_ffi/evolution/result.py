"""What an evolution found, and how it went."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EvolutionResult", "Generation"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Generation:
    """One generation: fitness over its population, the noise of its best, how spread out it is."""

    generation: int
    best: float
    best_standard_error: float
    mean: float
    worst: float
    std: float
    diversity: float
    evaluations: int


@dataclass(frozen=True)
class EvolutionResult:
    """What an evolution found.

    Attributes:
        best: (D,) the genome.
        fitness, standard_error: of `best`, in games that played no part in finding it.
        units: what fitness counts.
        history: one entry per generation; its fitness is what selection saw, and the best of noisy numbers is
            too high.
        population, population_fitness: (P, D), (P,) at the end, the fittest first.
        converged_at: generation in which it stopped by itself, or `None`.
        seed: that makes the same run again.
        method: `"ga"` or `"cma"`.
    """

    best: Array
    fitness: float
    standard_error: float
    units: str
    history: tuple[Generation, ...] = field(repr=False)
    population: Array = field(repr=False)
    population_fitness: Array = field(repr=False)
    converged_at: int | None
    seed: int
    method: str

    @property
    def num_generations(self) -> int:
        """Generations that were evaluated."""
        return len(self.history)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for JSON."""
        return {
            "method": self.method,
            "seed": self.seed,
            "best": self.best.tolist(),
            "fitness": self.fitness,
            "standard_error": self.standard_error,
            "units": self.units,
            "converged_at": self.converged_at,
            "history": [asdict(each) for each in self.history],
        }

    def to_csv(self, path: str | Path) -> None:
        """Write the history, one row per generation."""
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(asdict(self.history[0])))
            writer.writeheader()
            writer.writerows(asdict(each) for each in self.history)

    def plot(
        self,
        path: str | Path | None = None,
        *,
        references: Mapping[str, float] | None = None,
        title: str = "Evolution",
    ) -> Figure:
        """Draw fitness and diversity over the generations.

        Args:
            path: where to save the picture, if at all. The ending chooses the format.
            references: name -> fitness of strategies to compare with.
            title: headline.

        Raises:
            ModuleNotFoundError: matplotlib is not installed.
        """
        from ..brigade_plots import evolution

        return evolution(self, references or {}, title=title, path=path)

    def __repr__(self) -> str:
        genome = np.array2string(self.best, precision=3, suppress_small=True, max_line_width=200)
        return (
            f"EvolutionResult({self.method}, {self.num_generations} generations, seed {self.seed}: fitness "
            f"{self.fitness:.6g} ± {self.standard_error:.3g} {self.units}\n  best {genome})"
        )
