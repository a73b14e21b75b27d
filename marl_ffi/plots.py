"""Pictures of a market day. Needs matplotlib (`pip install marl_ffi[plot]`); draws to files, opens no window.

These functions know no market rule: prices and cleared quantities come in as numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["day", "fuel_colours", "merit_order"]

INK, MUTED, GRID = "#22262b", "#6b7280", "#e5e7eb"
PALETTE = {
    "Nuclear": "#8d6cab",
    "Coal": "#54585f",
    "NG": "#e0a13a",
    "Oil": "#a8402f",
    "Hydro": "#3a7fb5",
    "Wind": "#5ab09b",
    "Solar": "#f0cf4f",
}
LABELS = {"NG": "Natural gas"}
SPARE = ("#c77ba8", "#7f9f5a", "#4f6d9e", "#c8875f", "#8a8f98", "#b5b04c")


def fuel_colours(fuels: Sequence[str]) -> dict[str, str]:
    """A colour for every distinct fuel, the same in every picture; unknown fuels get spare ones in turn."""
    colours: dict[str, str] = {}
    spare = 0
    for fuel in dict.fromkeys(fuels):
        colours[fuel] = PALETTE.get(fuel) or SPARE[spare % len(SPARE)]
        spare += fuel not in PALETTE
    return colours


def merit_order(
    params: dict[str, Any],
    demands: Sequence[tuple[str, float, float]] = (),
    *,
    title: str = "Merit order",
    path: str | Path | None = None,
) -> Figure:
    """The supply curve: units by ascending cost, as wide as their capacity (MW), as high as their cost
    ($/MWh).

    Args:
        params: market parameters; `fuels`, where present, gives the colours.
        demands: (name, MW, price) of the demands to mark, for instance of the hours with least and most load.
        title: headline.
        path: where to save the picture, if at all. The ending chooses the format.
    """
    capacities, costs = np.asarray(params["capacities"], float), np.asarray(params["costs"], float)
    fuels = _fuels(params)
    colours = fuel_colours(_by_cost(fuels, costs))
    order = np.argsort(costs, kind="stable")
    right = np.cumsum(capacities[order])
    left = right - capacities[order]

    figure, axes = _figure(11, 6.2)
    # a label stands above its price, so the highest price needs more room above it than the highest cost
    top = max([float(costs.max()) * 1.12, 1.0, *(price * 1.3 for _, _, price in demands)])
    foot = top * 0.018  # free units have no height: a strip below zero keeps them, and every fuel, visible
    handles = {}
    for fuel, colour in colours.items():
        mine = np.array([fuels[i] == fuel for i in order])
        widths, heights = capacities[order][mine], costs[order][mine]
        style = {"width": widths, "align": "edge", "color": colour, "edgecolor": "white", "linewidth": 0.2}
        axes.bar(left[mine], heights, alpha=0.88, **style)
        handles[_label(fuel)] = axes.bar(left[mine], -foot, **{**style, "edgecolor": colour})
    axes.plot(
        np.repeat(np.append(left, right[-1]), 2)[1:-1], np.repeat(costs[order], 2), color=INK, linewidth=1.1
    )

    for _, load, price in demands:
        axes.plot([load, load], [-foot, price], color=INK, linewidth=1.2, linestyle=(0, (4, 2)))
        axes.plot([0, load], [price, price], color=MUTED, linewidth=0.7, linestyle=(0, (1, 2)))
        axes.plot(
            min(load, right[-1]), price, "o", color="white", markeredgecolor=INK, markersize=6.5, zorder=5
        )
    _annotate_demands(axes, demands, top, right[-1])

    axes.set_xlim(0, max(right[-1], *(load for _, load, _ in demands), 0.0) * 1.01)
    axes.set_ylim(min(float(costs.min()) * 1.1, 0.0) - foot, top)
    axes.set_xlabel("Cumulative capacity, MW")
    _panel_title(axes, "Marginal cost, $/MWh")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.spines["bottom"].set_visible(False)
    _headline(figure, title, f"{len(costs)} units, {capacities.sum():,.0f} MW, every unit at its cost")
    _legend(figure, list(handles.values()), list(handles))
    return _finish(figure, path)


def _annotate_demands(
    axes: Axes, demands: Sequence[tuple[str, float, float]], top: float, width: float
) -> None:
    """One label above each demand line, staggered in height so that neighbours do not overlap."""
    for rank, (name, load, price) in enumerate(sorted(demands, key=lambda row: row[1])):
        height = max(price + 0.12 * top, top * (0.34 + 0.12 * rank))
        side, anchor = ("right", 1.0) if load > 0.8 * width else ("center", 0.5)
        short = f", {load - width:,.0f} MW of it unserved" if load > width else ""
        axes.annotate(
            f"{name} load {load:,.0f} MW{short}\n{price:,.2f} $/MWh",
            xy=(min(load, width), price),
            xytext=(min(load, width), min(height, top * 0.88)),
            ha=side,
            va="bottom",
            color=INK,
            fontsize=9.5,
            linespacing=1.35,
            arrowprops={
                "arrowstyle": "-",
                "color": MUTED,
                "linewidth": 0.8,
                "shrinkA": 2,
                "shrinkB": 5,
                "relpos": (anchor, 0),
            },
            bbox={"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
        )


def day(
    params: dict[str, Any],
    prices: ArrayLike,
    q_cleared: ArrayLike,
    marginal: Sequence[int] | None = None,
    *,
    title: str = "One day of the market",
    path: str | Path | None = None,
) -> Figure:
    """Price, load and dispatch hour by hour.

    Args:
        params: market parameters of T hours; `fuels`, where present, gives the colours.
        prices: (T,) $/MWh.
        q_cleared: (T, N) MW.
        marginal: index of the unit that set the price, per hour; colours the price curve.
        title: headline.
        path: where to save the picture, if at all. The ending chooses the format.
    """
    load, price = np.asarray(params["demand_profile"], float), np.asarray(prices, float)
    cleared, costs = np.asarray(q_cleared, float), np.asarray(params["costs"], float)
    fuels = _fuels(params)
    order = _by_cost(fuels, costs)
    colours = fuel_colours(order)
    hours = np.arange(len(load) + 1)

    figure, (upper, middle, lower) = _figure(11, 8.6, ratios=(1.0, 0.75, 1.35))
    upper.stairs(price, hours, color=INK, linewidth=1.6, baseline=None)
    if marginal is not None:
        for fuel in order:
            mine = [t for t in range(len(load)) if fuels[marginal[t]] == fuel]
            if mine:
                upper.hlines(price[mine], hours[mine], hours[mine] + 1, color=colours[fuel], linewidth=5)
    _label_extremes(upper, price, "{:.2f}")
    _panel_title(upper, "Price, $/MWh")
    upper.margins(y=0.28)

    middle.stairs(load, hours, color=INK, linewidth=1.6, baseline=None)
    _label_extremes(middle, load, "{:,.0f}")
    _panel_title(middle, "Load, MW")
    middle.margins(y=0.28)

    floor = np.zeros(len(load))
    for fuel in order:
        part = cleared[:, [f == fuel for f in fuels]].sum(axis=1)
        if not part.any():
            continue
        lower.stairs(floor + part, hours, baseline=floor, fill=True, color=colours[fuel], label=_label(fuel))
        floor = floor + part
    unserved = load - floor > 1e-6 * load  # beyond the rounding of the sums
    if unserved.any():
        top = np.where(unserved, load, floor)
        lower.stairs(top, hours, baseline=floor, fill=True, color="#f6d5d3", hatch="////", label="Unserved")
    lower.stairs(load, hours, color=INK, linewidth=1.4, linestyle=(0, (4, 2)), baseline=None, label="Load")
    lower.set_ylim(0, max(load.max(), floor.max()) * 1.06)
    _panel_title(lower, "Dispatch by fuel, MW")
    lower.set_xlabel("Hour")
    for axes in (upper, middle, lower):
        axes.set_xlim(0, len(load))
    step = max(1, round(len(load) / 8))
    lower.set_xticks(range(0, len(load) + 1, step))
    _headline(figure, title, "Every unit bids its cost. The price wears the colour of the fuel that set it.")
    _legend(figure, *lower.get_legend_handles_labels())
    return _finish(figure, path)


def _label_extremes(axes: Axes, values: np.ndarray[Any, Any], form: str) -> None:
    for index, offset, vertical in ((int(values.argmax()), 6, "bottom"), (int(values.argmin()), -6, "top")):
        axes.annotate(
            form.format(values[index]), (index + 0.5, values[index]), (0, offset), textcoords="offset points",
            ha="center", va=vertical, fontsize=9, color=INK,
        )  # fmt: skip


def _panel_title(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=10.5, color=INK, pad=7)


def _legend(figure: Figure, handles: list[Any], labels: list[str]) -> None:
    anchor = (0.0495, 1 - 0.62 / figure.get_figheight())
    figure.legend(
        handles, labels, loc="upper left", bbox_to_anchor=anchor, ncols=9, frameon=False, fontsize=9.5,
        handlelength=1.1, handleheight=1.0, handletextpad=0.5, columnspacing=1.4, labelcolor=INK,
    )  # fmt: skip


def _figure(width: float, height: float, ratios: Sequence[float] = ()) -> tuple[Figure, Any]:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("pictures need matplotlib: pip install marl_ffi[plot]") from error
    # a Figure without pyplot: no window, no global state, and savefig draws with Agg
    figure = Figure(figsize=(width, height), facecolor="white")
    rows = max(len(ratios), 1)
    panels = figure.subplots(rows, 1, sharex=True, height_ratios=ratios or None)
    for axes in np.atleast_1d(panels):
        axes.grid(axis="y", color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(MUTED)
        axes.tick_params(colors=MUTED, length=0, labelsize=9.5)
        axes.xaxis.label.set_color(INK)
        axes.yaxis.label.set_color(INK)
        axes.yaxis.set_major_formatter("{x:,.0f}")
    return figure, panels


def _headline(figure: Figure, title: str, subtitle: str) -> None:
    down = 1 / figure.get_figheight()  # one inch in figure units: the header is as high on every figure
    figure.text(0.06, 1 - 0.13 * down, title, fontsize=15, fontweight="bold", color=INK, va="top")
    figure.text(0.06, 1 - 0.40 * down, subtitle, fontsize=10, color=MUTED, va="top")


def _finish(figure: Figure, path: str | Path | None) -> Figure:
    down = 1 / figure.get_figheight()
    figure.subplots_adjust(left=0.06, right=0.975, top=1 - 1.25 * down, bottom=0.6 * down, hspace=0.2)
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
    return figure


def _fuels(params: dict[str, Any]) -> list[str]:
    fuels = params.get("fuels") or [""] * len(params["costs"])
    return [fuel or "unknown" for fuel in fuels]


def _label(fuel: str) -> str:
    return LABELS.get(fuel, fuel)


def _by_cost(fuels: Sequence[str], costs: np.ndarray[Any, Any]) -> list[str]:
    """Distinct fuels, cheapest on average first."""
    mean = {fuel: float(np.mean([cost for f, cost in zip(fuels, costs) if f == fuel])) for fuel in fuels}
    return sorted(mean, key=lambda fuel: mean[fuel])
