"""Who makes a team earn more? Regressions of team payoffs on who was in the team."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import _arguments as arguments
from ..errors import InvalidInputError, ShapeError
from ..game_theory._inputs import payoff_array, real, require

if TYPE_CHECKING:
    from .tournament import TournamentGame

__all__ = ["MembershipRanking", "RankedAgent", "Ranking", "rank_agents", "rank_by_membership"]

Array = npt.NDArray[np.float64]

METHODS = ("ols", "original")
NORMAL_95 = 1.96
SUGGESTED_SIZES = range(4, 9)


@dataclass(frozen=True)
class RankedAgent:
    """An agent's effect on the mean payoff of its team, with a 95 % interval, from `games` games."""

    name: str
    effect: float
    standard_error: float
    low: float
    high: float
    games: int


@dataclass(frozen=True)
class Ranking:
    """Agents by falling effect.

    Attributes:
        agents: the rows.
        method: `"ols"` or `"original"`.
        meaning: what an effect is, in words.
    """

    agents: tuple[RankedAgent, ...]
    method: str
    meaning: str

    def __getitem__(self, name: str) -> RankedAgent:
        for agent in self.agents:
            if agent.name == name:
                return agent
        raise arguments.unknown(name, "agent", [agent.name for agent in self.agents])

    def to_csv(self, path: str | Path) -> None:
        """One row per agent, best first."""
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["rank", "agent", "effect", "standard_error", "low_95", "high_95", "games"])
            for rank, a in enumerate(self.agents, 1):
                writer.writerow([rank, a.name, a.effect, a.standard_error, a.low, a.high, a.games])

    def __repr__(self) -> str:
        width = max(len(agent.name) for agent in self.agents)
        lines = [f"Ranking({self.meaning}"]
        lines += [
            f"  {a.name:<{width}} {a.effect:>10.1f}  95 % {a.low:>10.1f} .. {a.high:>10.1f}  {a.games} games"
            for a in self.agents
        ]
        return "\n".join(lines) + ")"


def rank_agents(games: Sequence[TournamentGame], *, method: str = "ols") -> Ranking:
    """Rank the agents of a tournament.

    Args:
        games: of a `Tournament`.
        method: `"ols"`: least squares on scenarios and on how often each agent is in the team. As the members of a
            team always add up to its size, only differences between agents are determined; an effect is what the mean
            payoff changes when an average member is replaced by this agent. Standard errors allow for games of
            different spread (HC3).
            `"original"`: the original's ridge regression, whose penalty also pulls on the intercept.

    Raises:
        InvalidInputError: fewer games than unknowns, or fewer than two agents.
        ModuleNotFoundError: `method="ols"` without statsmodels.
    """
    arguments.choice(method, "method", METHODS)
    rows = list(games)
    names = sorted({name for game in rows for name in game.team})
    towns = sorted({game.scenario for game in rows})
    if len(names) < 2 or len(rows) <= len(names) + len(towns):
        raise InvalidInputError(
            f"games: expected two agents or more, and more games than unknowns; got {len(names)} agents, "
            f"{len(towns)} scenarios, {len(rows)} games"
        )
    counts = np.array([[game.team.count(name) for name in names] for game in rows], np.float64)
    places = np.array([[game.scenario == town for town in towns] for game in rows], np.float64)
    payoffs = np.array([game.team_payoff for game in rows])
    fit = _least_squares if method == "ols" else _ridge
    effects, errors, quantile = fit(counts, places, payoffs)
    taking_part = (counts > 0).sum(axis=0)
    agents = [
        RankedAgent(name, float(e), float(s), float(e - quantile * s), float(e + quantile * s), int(n))
        for name, e, s, n in zip(names, effects, errors, taking_part)
    ]
    meaning = {
        "ols": "change of the mean payoff per agent and episode when an average member is replaced",
        "original": "ridge coefficient of the number of copies in the team; penalised intercept",
    }[method]
    return Ranking(tuple(sorted(agents, key=lambda agent: -agent.effect)), method, meaning)


def _least_squares(counts: Array, places: Array, payoffs: Array) -> tuple[Array, Array, float]:
    """Effects against the average agent, HC3 errors, and the t quantile."""
    model = require("statsmodels.api", "statsmodels", "stats", "ranking by least squares")
    students = require("scipy.stats", "scipy", "stats", "ranking by least squares").t
    last = counts.shape[1] - 1
    # relative to the last agent, whose number follows from the others in teams of one size; a column for the size
    # where teams differ in it
    sizes = counts.sum(axis=1)
    columns = [places, counts[:, :last]] + ([sizes[:, None]] if np.ptp(sizes) else [])
    design = np.hstack(columns)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise InvalidInputError("games: some agents were always together, so that their effects cannot be told apart")
    fitted = model.OLS(payoffs, design).fit(cov_type="HC3")
    agents = last + 1
    contrasts = np.zeros((agents, design.shape[1]))
    contrasts[:, places.shape[1] : places.shape[1] + last] = np.eye(agents)[:, :last] - 1.0 / agents
    effects = contrasts @ fitted.params
    errors = np.sqrt(np.einsum("ij,jk,ik->i", contrasts, fitted.cov_params(), contrasts))
    return effects, errors, float(students.ppf(0.975, len(payoffs) - design.shape[1]))


def _ridge(counts: Array, places: Array, payoffs: Array) -> tuple[Array, Array, float]:
    """The fit of the original's published ranking."""
    design = np.hstack([np.ones((len(payoffs), 1)), places[:, 1:], counts])
    inverse = np.linalg.inv(design.T @ design + np.eye(design.shape[1]))
    theta = inverse @ (design.T @ payoffs)
    residuals = payoffs - design @ theta
    variance = float(residuals @ residuals) / (len(payoffs) - design.shape[1])
    errors = np.sqrt(variance * np.diag(inverse))
    agents = slice(places.shape[1], None)
    return theta[agents], errors[agents], NORMAL_95


# ------------------------------------------------------------------------------------------------------------
# Presence or absence


@dataclass(frozen=True)
class MembershipRanking:
    """Skills by presence in a team: a Bayesian linear model with one unknown per agent.

    Attributes:
        agents: their numbers or names, in order.
        intercept: reward of a team of nobody.
        skills, uncertainties: (A,) posterior mean and standard deviation of what an agent's presence adds.
        marginal_values: (A,) mean reward of the games with an agent less that of those without; the skill where one
            of both is missing.
        noise: standard deviation of a game's reward around the model, as it was assumed.
    """

    agents: tuple[Any, ...]
    intercept: float
    skills: Array
    uncertainties: Array
    marginal_values: Array
    noise: float

    def predict(self, team: Sequence[Any]) -> float:
        """Expected reward of a team, the intercept included."""
        for name in team:
            if name not in self.agents:
                raise arguments.unknown(name, "agent", map(str, self.agents))
        return self.intercept + float(sum(self.skills[self.agents.index(name)] for name in dict.fromkeys(team)))

    def suggest_next_batch(self, sizes: Sequence[int] | None = None, *, seed: int = 0) -> list[tuple[Any, ...]]:
        """Teams whose games would tell most: half of each the agents of whom least is known, the others at random.

        Args:
            sizes: of the teams, one team each; `None`: 4 to 8, as far as there are agents.
            seed: of the random choice, also among agents of whom equally little is known.
        """
        known = len(self.agents)
        if sizes is None:
            sizes = [size for size in SUGGESTED_SIZES if size <= known] or [known]
        rng = np.random.default_rng(arguments.seed(seed))
        teams = []
        for k, value in enumerate(sizes):
            size = arguments.integer(value, f"sizes[{k}]", low=1, high=known)
            mixed = rng.permutation(known)
            # rounded, so that what differs by rounding only is a tie, and ties are in random order
            doubt = np.round(self.uncertainties[mixed] / self.uncertainties.max(), 9)
            ordered = mixed[np.argsort(-doubt, kind="stable")]
            half = size // 2
            team = [*ordered[:half], *rng.permutation(ordered[half:])[: size - half]]
            teams.append(tuple(self.agents[int(i)] for i in team))
        return teams

    def accuracy(self, teams: Sequence[Sequence[Any]], rewards: Any) -> dict[str, float]:
        """Mean squared and absolute errors on games, their correlation, and the share within one sd of the noise."""
        truth = payoff_array(rewards, "rewards", 1)
        guess = np.array([self.predict(team) for team in teams])
        if len(guess) != len(truth):
            raise ShapeError(f"rewards: expected {len(guess)}, one per team, got {len(truth)}")
        errors = guess - truth
        spread = np.ptp(guess) > 0 and np.ptp(truth) > 0
        return {
            "mse": float((errors**2).mean()),
            "rmse": float(np.sqrt((errors**2).mean())),
            "mae": float(np.abs(errors).mean()),
            "correlation": float(np.corrcoef(guess, truth)[0, 1]) if spread else math.nan,
            "within_one_sd": float((np.abs(errors) <= self.noise).mean()),
        }


def rank_by_membership(
    teams: Sequence[Sequence[Any]], rewards: Any, *, regularization: float = 1.0, noise_variance: float = 1.0
) -> MembershipRanking:
    """Fit the original's library model: reward = intercept + skills of who is there. A doubled agent counts once.

    Args:
        teams: the members of each game's team.
        rewards: (G,) of each game.
        regularization: precision of the prior around 0 on skills, above 0; the intercept's is 1e-6.
        noise_variance: of a game, above 0.
    """
    values = payoff_array(rewards, "rewards", 1)
    if len(teams) != len(values):
        raise ShapeError(f"rewards: expected {len(teams)}, one per team, got {len(values)}")
    prior = real(regularization, "regularization", low=1e-12)
    variance = real(noise_variance, "noise_variance", low=1e-12)
    names = sorted({name for team in teams for name in team})
    present = np.array([[name in team for name in names] for team in teams], np.float64)
    design = np.hstack([np.ones((len(values), 1)), present])
    penalty = prior * np.eye(design.shape[1])
    penalty[0, 0] = 1e-6
    covariance = variance * np.linalg.inv(design.T @ design + penalty / variance)
    mean = covariance @ (design.T @ values) / variance
    marginal = mean[1:].copy()
    for index, member in enumerate(present.T > 0):
        if member.any() and not member.all():
            marginal[index] = values[member].mean() - values[~member].mean()
    uncertainties = np.sqrt(np.diag(covariance)[1:])
    return MembershipRanking(tuple(names), float(mean[0]), mean[1:], uncertainties, marginal, math.sqrt(variance))
