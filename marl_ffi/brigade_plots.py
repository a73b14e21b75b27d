"""Pictures of the analysis: equilibria, an evolution, a ranking. Needs matplotlib; draws to files, opens no window."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .plots import GRID, INK, MUTED, _figure, _finish, _headline, _legend, _panel_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .bucket_brigade.ranking import Ranking
    from .evolution.result import EvolutionResult
    from .game_theory import Equilibria, SymmetricGame

__all__ = ["equilibria", "evolution", "ranking"]

COLOURS = ("#3a7fb5", "#c8603a", "#5a9b6f", "#8d6cab", "#b5942f", "#a8402f", "#4f6d9e", "#8a8f98")
SHOWN = 4  # equilibria in one picture
STEPS = 201


def equilibria(
    game: SymmetricGame,
    found: Equilibria,
    *,
    title: str = "Symmetric equilibria",
    path: str | Path | None = None,
) -> Figure:
    """Draw a symmetric game and its equilibria.

    Two strategies: what each earns, by how many of the others play the second. More: the probabilities of up to four
    equilibria of highest payoff, and what a switch away from the first would gain, with 95 % intervals.

    Args:
        game: the payoff table.
        found: its equilibria.
        title: headline.
        path: where to save the picture, if at all. The ending chooses the format.
    """
    noise = "" if game.samples is None else f", {len(game.samples):,} simulations per entry, intervals of 95 %"
    subtitle = f"{game.num_players} players; {game.units}{noise}"
    if game.num_strategies == 2:
        figure, axes = _figure(11, 6.2)
        _two(axes, game, found)
    else:
        figure, (upper, lower) = _figure(11, 8.0, ratios=(1.0, 0.9))
        _probabilities(upper, game, found)
        _gains(lower, game, found)
    _headline(figure, title, subtitle)
    panels = figure.axes[0]
    _legend(figure, *panels.get_legend_handles_labels())
    return _finish(figure, path)


def _two(axes: Axes, game: SymmetricGame, found: Equilibria) -> None:
    shares = np.linspace(0, 1, STEPS)
    payoffs = np.array([game.expected_payoffs([1 - s, s]) for s in shares])
    bands = np.zeros_like(payoffs)
    if game.samples is not None:
        likely = np.array([game.probabilities_of_counts([1 - s, s]) for s in shares])
        each = np.einsum("skc,tc->stk", game.samples, likely)
        bands = 1.96 * each.std(axis=0, ddof=1) / np.sqrt(len(each))
    for k, name in enumerate(game.names):
        axes.plot(shares, payoffs[:, k], color=COLOURS[k], linewidth=1.8, label=name)
        low, high = payoffs[:, k] - bands[:, k], payoffs[:, k] + bands[:, k]
        axes.fill_between(shares, low, high, color=COLOURS[k], alpha=0.18, linewidth=0)
    height = float(payoffs.max() - payoffs.min()) or 1.0
    axes.set_ylim(payoffs.min() - 0.08 * height, payoffs.max() + 0.2 * height)
    for each_found in list(found)[:SHOWN]:
        share, payoff = float(each_found.probabilities[1]), each_found.payoff
        axes.plot([share, share], [axes.get_ylim()[0], payoff], color=MUTED, linewidth=0.9, linestyle=(0, (4, 2)))
        axes.plot(share, payoff, "o", color="white", markeredgecolor=INK, markersize=8, zorder=5)
        side = "left" if share < 0.15 else "right" if share > 0.85 else "center"
        axes.annotate(
            f"equilibrium: {share:.1%} {game.names[1]}\n{payoff:,.1f} each", (share, payoff), (0, 26),
            textcoords="offset points", ha=side, va="bottom", fontsize=9.5, color=INK, linespacing=1.35,
        )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.set_xlabel(f"Probability of {game.names[1]}, which all others draw from independently")
    _panel_title(axes, "Expected payoff of each strategy")


def _probabilities(axes: Axes, game: SymmetricGame, found: Equilibria) -> None:
    shown = list(found)[:SHOWN]
    width = 0.8 / max(len(shown), 1)
    places = np.arange(game.num_strategies)
    for i, each in enumerate(shown):
        left = places - 0.4 + (i + 0.5) * width
        label = f"equilibrium {i + 1}: {each.payoff:,.1f} each"
        axes.bar(left, each.probabilities, width * 0.92, color=COLOURS[i], label=label)
        if each.probabilities_standard_errors is not None:
            errors = 1.96 * each.probabilities_standard_errors
            # a probability is not known to be below 0 or above 1
            inside = np.minimum(errors, each.probabilities), np.minimum(errors, 1 - each.probabilities)
            axes.errorbar(
                left, each.probabilities, inside, fmt="none", ecolor=INK, capsize=3, elinewidth=1
            )
    axes.set_ylim(0, 1.05)
    axes.yaxis.set_major_formatter("{x:.0%}")
    rest = len(found) - len(shown)
    more = f" ({rest} more of lower payoff)" if rest > 0 else ""
    _panel_title(axes, f"Probability of each strategy{more}")


def _gains(axes: Axes, game: SymmetricGame, found: Equilibria) -> None:
    places = np.arange(game.num_strategies)
    axes.axhline(0, color=MUTED, linewidth=0.9)
    shown = list(found)[:SHOWN]
    width = 0.8 / max(len(shown), 1)
    for i, each in enumerate(shown):
        errors = each.gains_standard_errors
        left = places - 0.4 + (i + 0.5) * width
        axes.errorbar(
            left, each.gains, None if errors is None else 1.96 * errors, fmt="o", color=COLOURS[i], capsize=3,
            markersize=5, elinewidth=1,
        )  # fmt: skip
    axes.set_xticks(places, game.names)
    axes.set_xlim(-0.6, game.num_strategies - 0.4)
    axes.margins(y=0.12)
    _panel_title(axes, "What one player gains by switching to it, the others staying")


def evolution(
    result: EvolutionResult,
    references: Mapping[str, float] | None = None,
    *,
    title: str = "Evolution",
    path: str | Path | None = None,
) -> Figure:
    """Draw fitness and diversity of the population over the generations.

    Args:
        result: of `evolve`.
        references: name -> fitness of strategies to compare with.
        title: headline.
        path: where to save the picture, if at all.
    """
    figure, (upper, lower) = _figure(11, 7.4, ratios=(2.4, 1.0))
    history = result.history
    times = np.array([each.generation for each in history])
    best, mean, std = (np.array([getattr(each, name) for each in history]) for name in ("best", "mean", "std"))
    noise = 1.96 * np.array([each.best_standard_error for each in history])
    low, high = mean - std, mean + std
    upper.fill_between(times, low, high, color=COLOURS[0], alpha=0.14, linewidth=0, label="one standard deviation")
    upper.plot(times, mean, color=COLOURS[0], linewidth=1.6, label="mean of the population")
    upper.errorbar(
        times, best, noise, color=COLOURS[1], linewidth=1.6, capsize=2, elinewidth=0.8, label="best, as selection saw it"
    )
    half = 1.96 * result.standard_error
    upper.axhspan(result.fitness - half, result.fitness + half, color=COLOURS[2], alpha=0.18, linewidth=0)
    label = f"the best in new games: {result.fitness:,.0f}"
    upper.axhline(result.fitness, color=COLOURS[2], linewidth=1.4, label=label)
    right = max(float(times[-1]), 1.0)
    _references(upper, references or {})
    _panel_title(upper, f"Fitness, {result.units}")
    lower.plot(times, [each.diversity for each in history], color=INK, linewidth=1.4)
    lower.set_ylim(bottom=0)
    lower.yaxis.set_major_formatter("{x:.1f}")
    lower.set_xlim(-0.012 * right, 1.012 * right)  # room for the first and last interval
    lower.set_xlabel("Generation")
    lower.xaxis.get_major_locator().set_params(integer=True)
    _panel_title(lower, "Diversity: mean distance between two genomes")
    stop = f"stopped by itself after {result.converged_at}" if result.converged_at is not None else f"{len(history) - 1}"
    _headline(figure, title, f"{result.method}, {stop} generations, seed {result.seed}; intervals of 95 %")
    _legend(figure, *upper.get_legend_handles_labels())
    _finish(figure, None)
    return _saved(figure, path, right=0.88)


def _references(axes: Axes, references: Mapping[str, float]) -> None:
    """A dashed line for each that is in sight, its name beside the axes, apart from its neighbours' names."""
    low, high = axes.get_ylim()
    gap = 0.045 * (high - low)
    below = -np.inf
    for name, value in sorted(references.items(), key=lambda item: item[1]):
        if not low < value < high:
            continue
        axes.axhline(value, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        place = max(value, below + gap)
        below = place
        axes.annotate(
            name, (1, place), (6, 0), xycoords=("axes fraction", "data"), textcoords="offset points", va="center",
            fontsize=9, color=MUTED, annotation_clip=False,
        )  # fmt: skip


def _saved(figure: Figure, path: str | Path | None, **margins: float) -> Figure:
    """The figure with other margins, saved if there is a path."""
    figure.subplots_adjust(**margins)
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
    return figure


def ranking(
    ranks: Ranking, *, title: str = "Ranking", subtitle: str = "", path: str | Path | None = None
) -> Figure:
    """Draw the effects of agents with their 95 % intervals, the best on top.

    Args:
        ranks: of `rank_agents`.
        title, subtitle: headline; without a subtitle what an effect means.
        path: where to save the picture, if at all.
    """
    figure, axes = _figure(11, 2.2 + 0.5 * len(ranks.agents))
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x", color=GRID, linewidth=0.8)
    axes.axvline(0, color=MUTED, linewidth=0.9)
    rows = np.arange(len(ranks.agents))[::-1]
    for row, agent in zip(rows, ranks.agents):
        colour = COLOURS[2] if agent.low > 0 else COLOURS[1] if agent.high < 0 else MUTED
        axes.plot([agent.low, agent.high], [row, row], color=colour, linewidth=2.2, solid_capstyle="round")
        axes.plot(agent.effect, row, "o", color=colour, markersize=8)
        axes.annotate(
            f"{agent.effect:+,.0f}".replace("-", "\N{MINUS SIGN}"), (agent.effect, row), (0, 8), ha="center", fontsize=9,
            textcoords="offset points", color=INK,
        )  # fmt: skip
    axes.set_yticks(rows, [f"{agent.name}\n{agent.games:,} games" for agent in ranks.agents])
    axes.set_ylim(-0.6, len(rows) - 0.2)
    axes.spines["bottom"].set_visible(False)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    _headline(figure, title, subtitle or ranks.meaning)
    _finish(figure, None)
    return _saved(figure, path, left=0.13, top=1 - 0.85 / figure.get_figheight())
