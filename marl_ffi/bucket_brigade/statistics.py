"""Statistics of payoffs and games: intervals, comparisons, Shapley values, summaries of replays. Needs scipy."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import _arguments as arguments
from ..errors import InvalidInputError
from ..game_theory._inputs import payoff_array, real, require

if TYPE_CHECKING:
    from .replay import Replay

__all__ = [
    "Centre", "Comparison", "Interval", "Summary", "bootstrap_interval", "centre", "compare", "confidence_interval",
    "correlation", "shapley_values", "summarise",
]  # fmt: skip

Array = npt.NDArray[np.float64]

CENTRES = ("mean", "median", "trimmed")
SUCCESS = 0.7  # share of houses that are safe in the end: 7 of 10 in the original
EXACT_SHAPLEY = 10  # players up to which every coalition is asked for
SAFE, RUINED, WORK = 0, 2, 1


@dataclass(frozen=True)
class Interval:
    """A mean with its interval."""

    mean: float
    low: float
    high: float
    level: float


def confidence_interval(values: Any, level: float = 0.95) -> Interval:
    """Mean and t interval. One value alone has an interval without bounds: nothing is known of its spread."""
    sample = payoff_array(values, "values", 1)
    chance = real(level, "level", low=1e-9, high=1 - 1e-9)
    mean = float(sample.mean())
    if len(sample) < 2:
        return Interval(mean, -math.inf, math.inf, chance)
    t = require("scipy.stats", "scipy", "stats", "a confidence interval").t
    half = float(t.ppf(0.5 + chance / 2, len(sample) - 1) * sample.std(ddof=1) / math.sqrt(len(sample)))
    return Interval(mean, mean - half, mean + half, chance)


def bootstrap_interval(
    values: Any, level: float = 0.95, *, statistic: Callable[..., Any] = np.mean, resamples: int = 9999, seed: int = 0
) -> Interval:
    """Percentile bootstrap of a statistic; `mean` of the result is the statistic of the sample."""
    sample = payoff_array(values, "values", 1)
    chance = real(level, "level", low=1e-9, high=1 - 1e-9)
    count = arguments.integer(resamples, "resamples", low=1)
    rng = np.random.default_rng(arguments.seed(seed))
    if len(sample) < 2:
        return Interval(float(statistic(sample)), -math.inf, math.inf, chance)
    bootstrap = require("scipy.stats", "scipy", "stats", "the bootstrap").bootstrap
    if not np.ptp(sample):
        return Interval(float(statistic(sample)), float(statistic(sample)), float(statistic(sample)), chance)
    found = bootstrap(
        (sample,), statistic, n_resamples=count, confidence_level=chance, method="percentile", rng=rng
    ).confidence_interval
    return Interval(float(statistic(sample)), float(found.low), float(found.high), chance)


@dataclass(frozen=True)
class Centre:
    """A typical value with its standard error."""

    value: float
    standard_error: float
    method: str


def centre(values: Any, method: str = "mean") -> Centre:
    """Where values lie: `"mean"`; `"median"`, error from the median absolute deviation; `"trimmed"`, without a tenth
    at either end, error from the winsorised variance.
    """
    sample = payoff_array(values, "values", 1)
    arguments.choice(method, "method", CENTRES)
    root = math.sqrt(len(sample))
    if method == "median":
        middle = float(np.median(sample))
        # sqrt(pi / 2): the median of normal values is that much less certain than their mean
        spread = math.sqrt(math.pi / 2) * 1.4826 * float(np.median(np.abs(sample - middle)))
        return Centre(middle, spread / root, method)
    if len(sample) < 2:
        return Centre(float(sample[0]), math.inf, method)
    if method == "mean":
        return Centre(float(sample.mean()), float(sample.std(ddof=1)) / root, method)
    stats = require("scipy.stats", "scipy", "stats", "a trimmed mean")
    winsorised = np.asarray(stats.mstats.winsorize(sample, limits=(0.1, 0.1)))
    return Centre(float(stats.trim_mean(sample, 0.1)), float(winsorised.std(ddof=1)) / (0.8 * root), method)


@dataclass(frozen=True)
class Comparison:
    """Two samples side by side.

    Attributes:
        difference: mean of the first less mean of the second.
        low, high: 95 % interval of it (Welch).
        welch_p, mann_whitney_p: chance of a difference like this between equals.
        cohens_d: difference in pooled standard deviations; nan where there is no spread.
        win_rate: chance that a value of the first is larger than one of the second, ties counting half.
    """

    difference: float
    low: float
    high: float
    welch_p: float
    mann_whitney_p: float
    cohens_d: float
    win_rate: float


def compare(first: Any, second: Any) -> Comparison:
    """Compare two independent samples of at least two values each."""
    one, two = payoff_array(first, "first", 1), payoff_array(second, "second", 1)
    if min(len(one), len(two)) < 2:
        raise InvalidInputError(f"first, second: expected at least 2 values each, got {len(one)} and {len(two)}")
    stats = require("scipy.stats", "scipy", "stats", "a comparison")
    difference = float(one.mean() - two.mean())
    ranks = stats.mannwhitneyu(one, two)
    win_rate = float(ranks.statistic) / (len(one) * len(two))
    freedom = len(one) + len(two) - 2
    pooled = math.sqrt(((len(one) - 1) * one.var(ddof=1) + (len(two) - 1) * two.var(ddof=1)) / freedom)
    if not pooled:
        p = 1.0 if difference == 0 else 0.0
        return Comparison(difference, difference, difference, p, float(ranks.pvalue), math.nan, win_rate)
    welch = stats.ttest_ind(one, two, equal_var=False)
    interval = welch.confidence_interval(0.95)
    return Comparison(
        difference, float(interval.low), float(interval.high), float(welch.pvalue), float(ranks.pvalue),
        difference / pooled, win_rate,
    )  # fmt: skip


def correlation(first: Any, second: Any) -> dict[str, float]:
    """Pearson's and Spearman's correlation of pairs, with their p values; nan where one side does not vary."""
    one, two = payoff_array(first, "first", 1), payoff_array(second, "second", 1)
    if len(one) != len(two) or len(one) < 3:
        raise InvalidInputError(f"first, second: expected pairs, at least 3, got {len(one)} and {len(two)} values")
    if not np.ptp(one) or not np.ptp(two):
        return dict.fromkeys(("pearson", "pearson_p", "spearman", "spearman_p"), math.nan)
    stats = require("scipy.stats", "scipy", "stats", "a correlation")
    linear, ranked = stats.pearsonr(one, two), stats.spearmanr(one, two)
    return {
        "pearson": float(linear.statistic), "pearson_p": float(linear.pvalue),
        "spearman": float(ranked.statistic), "spearman_p": float(ranked.pvalue),
    }  # fmt: skip


def shapley_values(
    value: Callable[[frozenset[Any]], float], players: Sequence[Any], *, orderings: int = 1000, seed: int = 0
) -> dict[Any, tuple[float, float]]:
    """What each player adds to a coalition, averaged over the orders in which they could join.

    Args:
        value: of a coalition, also of the empty one. It must know every coalition that it is asked for: a missing one
            is no coalition of value 0.
        players: distinct; up to 10 every coalition is used, beyond that `orderings` random orders.
        orderings: at least 2.
        seed: of the orders.

    Returns:
        Player -> (value, standard error); the error is 0 where every coalition was used.
    """
    members = list(players)
    if len(set(members)) != len(members) or not members:
        raise InvalidInputError(f"players: expected distinct ones, got {members}")
    count = arguments.integer(orderings, "orderings", low=2)
    known: dict[frozenset[Any], float] = {}

    def worth(coalition: frozenset[Any]) -> float:
        if coalition not in known:
            known[coalition] = real(value(coalition), f"value of {sorted(map(str, coalition))}")
        return known[coalition]

    if len(members) <= EXACT_SHAPLEY:
        return {member: (_exact_share(worth, members, member), 0.0) for member in members}
    rng = np.random.default_rng(arguments.seed(seed))
    added = np.empty((count, len(members)))
    for row in added:
        coalition: frozenset[Any] = frozenset()
        for index in rng.permutation(len(members)):
            joined = coalition | {members[index]}
            row[index] = worth(joined) - worth(coalition)
            coalition = joined
    errors = added.std(axis=0, ddof=1) / math.sqrt(count)
    return {member: (float(m), float(e)) for member, m, e in zip(members, added.mean(axis=0), errors)}


def _exact_share(worth: Callable[[frozenset[Any]], float], members: list[Any], member: Any) -> float:
    others = [each for each in members if each != member]
    total = 0.0
    for size in range(len(others) + 1):
        weight = 1.0 / (len(members) * math.comb(len(others), size))
        for some in itertools.combinations(others, size):
            coalition = frozenset(some)
            total += weight * (worth(coalition | {member}) - worth(coalition))
    return total


@dataclass(frozen=True)
class Summary:
    """What happened in some games. Rewards are sums over all nights; the first evening is no night.

    Attributes:
        num_games: how many.
        team_reward: mean of the sum over agents and nights, points per team and episode, with its 95 % interval.
        team_reward_std, team_reward_median: over games.
        team_reward_range: the smallest and the largest.
        agent_rewards: mean per seat, points per agent and episode.
        nights: mean number played.
        success_rate: share of games that end with at least 70 % of the houses safe.
        safe_houses, ruined_houses: mean at the end.
        work_share: share of actions that were work, per seat.
        work_and_reward: correlation over games between the share of work and the team's reward, or nan.
    """

    num_games: int
    team_reward: Interval
    team_reward_std: float
    team_reward_median: float
    team_reward_range: tuple[float, float]
    agent_rewards: tuple[float, ...]
    nights: float
    success_rate: float
    safe_houses: float
    ruined_houses: float
    work_share: tuple[float, ...]
    work_and_reward: float

    def to_json(self) -> str:
        """As JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Summary:
        """Read what `to_json` wrote."""
        try:
            data = json.loads(text)
            if not isinstance(data, Mapping):
                raise TypeError(f"expected an object, got {type(data).__name__}")
            interval = Interval(**data["team_reward"])
            lists = {name: tuple(data[name]) for name in ("team_reward_range", "agent_rewards", "work_share")}
            return cls(**{**data, **lists, "team_reward": interval})
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise InvalidInputError(f"summary: no summary of games ({error})") from None


def summarise(replays: Sequence[Replay]) -> Summary:
    """Summarise games of the same number of agents.

    Raises:
        InvalidInputError: there are none, or games of different numbers of agents.
    """
    games = list(replays)
    if not games or len({game.rewards.shape[1] for game in games}) != 1:
        raise InvalidInputError("replays: expected at least one game, all of the same number of agents")
    rewards = np.array([game.rewards.sum(axis=0, dtype=np.float64) for game in games])
    work = np.array([(game.actions[:, :, 1] == WORK).mean(axis=0) for game in games])
    ends = [game.houses[-1] for game in games]
    safe = np.array([(end == SAFE).sum() for end in ends], np.float64)
    teams = rewards.sum(axis=1)
    together = correlation(work.mean(axis=1), teams)["pearson"] if len(games) > 2 else math.nan
    return Summary(
        len(games), confidence_interval(teams), float(teams.std(ddof=1)) if len(games) > 1 else 0.0,
        float(np.median(teams)), (float(teams.min()), float(teams.max())),
        tuple(rewards.mean(axis=0).tolist()), float(np.mean([game.num_nights for game in games])),
        float(np.mean([(end == SAFE).mean() >= SUCCESS for end in ends])), float(safe.mean()),
        float(np.mean([(end == RUINED).sum() for end in ends])), tuple(work.mean(axis=0).tolist()), together,
    )  # fmt: skip
