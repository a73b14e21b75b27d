"""Symmetric games of N players as payoff tables: what a strategy earns against every mix of the others."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _arguments as arguments
from ..errors import InvalidInputError, ShapeError
from ._inputs import distribution, payoff_array, strategy_names

__all__ = ["SymmetricGame", "opponent_counts"]

Array = npt.NDArray[np.float64]

MAX_ENTRIES = 10**7  # of a table: beyond that it is a mistake in N or K rather than a game to solve
MAX_PROFILES = 10**5  # of an .nfg file, which lists every profile


def opponent_counts(num_players: int, num_strategies: int) -> npt.NDArray[np.int64]:
    """All ways in which N - 1 opponents can share K strategies, (C, K), C = C(N+K-2, K-1).

    Row c says how many opponents play each strategy. The first row has all of them on strategy 0, the last
    on strategy K - 1; with two players, row c is the opponent's strategy c.
    """
    others = arguments.integer(num_players, "num_players", low=2) - 1
    strategies = arguments.integer(num_strategies, "num_strategies", low=1)
    size = math.comb(others + strategies - 1, strategies - 1)
    if size * strategies > MAX_ENTRIES:
        raise InvalidInputError(
            f"{num_players} players with {num_strategies} strategies need {size * strategies} payoffs, "
            f"more than {MAX_ENTRIES}"
        )
    rows = np.zeros((size, strategies), np.int64)
    for row, chosen in zip(rows, itertools.combinations_with_replacement(range(strategies), others)):
        np.add.at(row, list(chosen), 1)
    return rows


class SymmetricGame:
    """A symmetric game of N players with K strategies each.

    Attributes:
        payoffs: (K, C) float64; `payoffs[i, c]` is the expected payoff of a player of strategy i when the
            N - 1 others play `counts[c]`.
        counts: (C, K), see `opponent_counts`.
        num_players, num_strategies: N and K.
        names: of the strategies.
        samples: (S, K, C) or None; one table per random seed, of which `payoffs` is the mean. Because every
            entry of a row saw the same seed, they say how uncertain any comparison within the table is.
        standard_errors: (K, C) or None; of `payoffs`.
        units: what a payoff counts, in words.
    """

    def __init__(
        self,
        payoffs: Any,
        num_players: int = 2,
        *,
        names: Sequence[str] | None = None,
        samples: Any = None,
        standard_errors: Any = None,
        units: str = "payoff per player",
    ) -> None:
        """
        Args:
            payoffs: (K, C); with two players the matrix of the row player.
            num_players: N, at least 2.
            names: K distinct names; `None`: "0", "1", ...
            samples: (S, K, C), at least two; their mean must be `payoffs`.
            standard_errors: (K, C), not negative; taken from `samples` where those are given.
            units: what a payoff counts.

        Raises:
            ShapeError: an array does not fit N and K.
            InvalidInputError: an entry is not finite, or something contradicts something else.
        """
        self.payoffs = payoff_array(payoffs, "payoffs", 2)
        self.num_players = arguments.integer(num_players, "num_players", low=2)
        self.num_strategies = len(self.payoffs)
        self.counts = opponent_counts(self.num_players, self.num_strategies)
        shape = (self.num_strategies, len(self.counts))
        if self.payoffs.shape != shape:
            raise ShapeError(
                f"payoffs: expected shape {shape} for {num_players} players and {shape[0]} strategies, "
                f"got {self.payoffs.shape}"
            )
        self.names = strategy_names(names, self.num_strategies)
        self.units = str(units)
        self.samples = None if samples is None else self._checked_samples(samples)
        self.standard_errors = self._checked_errors(standard_errors)
        self._weights = np.array([_multinomial(row) for row in self.counts.tolist()])
        # regrets do not change with a common offset, and are more exact without it
        self._centre = 0.5 * (self.payoffs.max() + self.payoffs.min())
        self._centred = self.payoffs - self._centre

    def _checked_samples(self, samples: Any) -> Array:
        array = payoff_array(samples, "samples", 3)
        if array.shape[1:] != self.payoffs.shape or len(array) < 2:
            raise ShapeError(
                f"samples: expected shape (at least 2, {self.payoffs.shape[0]}, {self.payoffs.shape[1]}), "
                f"got {array.shape}"
            )
        if not np.allclose(array.mean(axis=0), self.payoffs, rtol=1e-6, atol=1e-6 * self.span):
            raise InvalidInputError("samples: their mean is not the table of payoffs")
        return array

    def _checked_errors(self, errors: Any) -> Array | None:
        if self.samples is not None:
            return np.asarray(self.samples.std(axis=0, ddof=1) / math.sqrt(len(self.samples)))
        if errors is None:
            return None
        array = payoff_array(errors, "standard_errors", 2)
        if array.shape != self.payoffs.shape:
            raise ShapeError(f"standard_errors: expected shape {self.payoffs.shape}, got {array.shape}")
        if (array < 0).any():
            raise InvalidInputError(f"standard_errors: expected none below 0, got {array.min()}")
        return array

    @cached_property
    def span(self) -> float:
        """Largest minus smallest payoff, or 1 if all are equal: the scale on which a regret is small."""
        return float(self.payoffs.max() - self.payoffs.min()) or 1.0

    def probabilities_of_counts(self, mixture: Any) -> Array:
        """How likely each row of `counts` is when every opponent draws from `mixture` by itself, (C,)."""
        powers = np.power(distribution(mixture, self.num_strategies), self.counts)
        return np.asarray(self._weights * powers.prod(axis=1))

    def expected_payoffs(self, mixture: Any) -> Array:
        """Payoff of each strategy against opponents who all draw from `mixture`, independently, (K,)."""
        return np.asarray(self._centred @ self.probabilities_of_counts(mixture) + self._centre)

    def payoff(self, mixture: Any) -> float:
        """Payoff of a player when everybody draws from `mixture`."""
        return float(distribution(mixture, self.num_strategies) @ self.expected_payoffs(mixture))

    def gains(self, mixture: Any) -> Array:
        """What a player gains by switching from `mixture` to each strategy while the others stay, (K,)."""
        chosen = distribution(mixture, self.num_strategies)
        expected = self._centred @ self.probabilities_of_counts(chosen)
        return np.asarray(expected - chosen @ expected)

    def regret(self, mixture: Any) -> float:
        """The largest gain, at least 0: `mixture` is a symmetric equilibrium exactly if it is 0."""
        return max(float(self.gains(mixture).max()), 0.0)

    def gains_standard_errors(self, mixture: Any) -> Array | None:
        """Standard errors of `gains`, (K,): from `samples` with what entries have in common, from
        `standard_errors` as if entries were independent, `None` without either."""
        chosen = distribution(mixture, self.num_strategies)
        likely = self.probabilities_of_counts(chosen)
        if self.samples is not None:
            each = self.samples @ likely
            each -= (each @ chosen)[:, None]
            return np.asarray(each.std(axis=0, ddof=1) / math.sqrt(len(each)))
        if self.standard_errors is None:
            return None
        variances = self.standard_errors**2 @ likely**2  # of each strategy's expected payoff
        switch = np.eye(self.num_strategies) - chosen
        return np.asarray(np.sqrt(switch**2 @ variances))

    def against_alike(self) -> Array:
        """What each strategy earns when all others play the same one, (K, K). For two players the whole game; for
        more it says nothing of mixed teams."""
        columns = [int(self.counts[:, j].argmax()) for j in range(self.num_strategies)]
        return np.asarray(self.payoffs[:, columns])

    def restricted(self, strategies: Sequence[int]) -> SymmetricGame:
        """The game in which only some strategies, given by index, exist."""
        kept = [arguments.integer(i, "strategies", low=0, high=self.num_strategies - 1) for i in strategies]
        if len(set(kept)) != len(kept) or not kept:
            raise InvalidInputError(f"strategies: expected distinct indices, at least one, got {kept}")
        others = [i for i in range(self.num_strategies) if i not in kept]
        rows = {tuple(row[kept]): c for c, row in enumerate(self.counts) if not row[others].any()}
        columns = [rows[tuple(row)] for row in opponent_counts(self.num_players, len(kept))]
        chosen = np.ix_(kept, columns)
        samples = None if self.samples is None else self.samples[:, chosen[0], chosen[1]]
        errors = None if self.standard_errors is None else self.standard_errors[chosen]
        return SymmetricGame(
            self.payoffs[chosen], self.num_players, names=[self.names[i] for i in kept], samples=samples,
            standard_errors=errors, units=self.units,
        )  # fmt: skip

    # --------------------------------------------------------------------------------------------------------
    # Files

    def to_csv(self, path: str | Path) -> None:
        """Write one row per entry: strategy, number of opponents on each strategy, payoff, standard error."""
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["strategy", *(f"opponents:{name}" for name in self.names), "payoff", "standard_error"])
            for i, name in enumerate(self.names):
                for c, row in enumerate(self.counts.tolist()):
                    error = "" if self.standard_errors is None else repr(float(self.standard_errors[i, c]))
                    writer.writerow([name, *row, repr(float(self.payoffs[i, c])), error])

    @classmethod
    def from_csv(cls, path: str | Path, *, units: str = "payoff per player") -> SymmetricGame:
        """Read what `to_csv` wrote; rows may come in any order, but each entry exactly once.

        Raises:
            InvalidInputError: columns are missing, a number cannot be read, an entry is missing or there twice.
        """
        with Path(path).open(newline="", encoding="utf-8") as file:
            head, *rows = list(csv.reader(file)) or [[]]
        prefix = "opponents:"
        names = [column.removeprefix(prefix) for column in head if column.startswith(prefix)]
        if head != ["strategy", *(prefix + name for name in names), "payoff", "standard_error"] or not rows:
            raise InvalidInputError(f"{path}: not a payoff table: columns {head}, {len(rows)} rows")
        entries: dict[tuple[int, ...], tuple[float, float | None]] = {}
        for line, row in enumerate(rows, 2):
            try:
                place = (names.index(row[0]), *(int(cell) for cell in row[1:-2]))
                value = (float(row[-2]), float(row[-1]) if row[-1] else None)
            except (ValueError, IndexError) as error:
                raise InvalidInputError(f"{path}, line {line}: {error}") from None
            if place in entries or len(place) != 1 + len(names) or min(place) < 0:
                raise InvalidInputError(f"{path}, line {line}: this entry is there twice or makes no sense")
            entries[place] = value
        num_players = 1 + sum(next(iter(entries))[1:])
        if num_players < 2:
            raise InvalidInputError(f"{path}: a game has at least 2 players")
        counts = opponent_counts(num_players, len(names)).tolist()
        places = [(i, *row) for i in range(len(names)) for row in counts]
        if set(places) != set(entries):
            raise InvalidInputError(
                f"{path}: expected {len(places)} entries of a game of {num_players} players, got {len(entries)}"
            )
        payoffs, errors = zip(*(entries[place] for place in places))
        shape = (len(names), len(counts))
        known = None if None in errors else np.reshape(errors, shape)
        return cls(np.reshape(payoffs, shape), num_players, names=names, standard_errors=known, units=units)

    def to_nfg(self, path: str | Path, title: str = "symmetric game") -> None:
        """Write the game in Gambit's normal form (payoff version), every profile of the K**N.

        Raises:
            InvalidInputError: the game has more than 100,000 profiles.
        """
        n, k = self.num_players, self.num_strategies
        if k**n > MAX_PROFILES:
            raise InvalidInputError(f"an .nfg file of this game has {k}**{n} profiles, more than {MAX_PROFILES}")
        strategies = "{ " + " ".join(f'"{_quoted(name)}"' for name in self.names) + " }"
        players = " ".join(f'"Player {i + 1}"' for i in range(n))
        lines = [f'NFG 1 R "{_quoted(title)}" {{ {players} }}', "", "{ " + "\n".join([strategies] * n) + " }"]
        lines += [f'"{_quoted(self.units)}"', ""]
        where = {tuple(row): c for c, row in enumerate(self.counts.tolist())}
        numbers = []
        for backwards in itertools.product(range(k), repeat=n):
            profile = backwards[::-1]  # the first player's strategy runs fastest
            total = np.bincount(profile, minlength=k)
            for own in profile:
                others = total.copy()
                others[own] -= 1
                # without an exponent, which not every reader of the format takes
                payoff = self.payoffs[own, where[tuple(others.tolist())]]
                numbers.append(np.format_float_positional(payoff, trim="-"))
        Path(path).write_text("\n".join([*lines, " ".join(numbers), ""]), encoding="utf-8")

    def __repr__(self) -> str:
        noise = "exact"
        if self.standard_errors is not None:
            noise = f"standard errors up to {self.standard_errors.max():.3g}"
        return (
            f"SymmetricGame({self.num_players} players, strategies {', '.join(self.names)}; "
            f"{self.units}; {noise})"
        )


def _multinomial(row: Sequence[int]) -> float:
    return math.factorial(sum(row)) / math.prod(math.factorial(each) for each in row)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
