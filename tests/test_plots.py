"""The pictures: what is drawn is checked on the figure, and that it arrives in the file on its pixels."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from marl_ffi import plots

PARAMS = {
    "costs": [40.0, 0.0, 20.0, 20.0],
    "capacities": [30.0, 50.0, 60.0, 40.0],
    "demand_profile": [40.0, 100.0, 160.0, 190.0],
    "fuels": ["NG", "Hydro", "Coal", "Peat"],
}
PRICES = [0.0, 20.0, 40.0, 40.0]
Q_CLEARED = np.array([[0, 40, 0, 0], [0, 50, 50, 0], [10, 50, 60, 40], [30, 50, 60, 40]])
MARGINAL = [1, 2, 0, 0]
MARKS = [("lowest", 40.0, 0.0), ("highest", 190.0, 40.0)]


def pixels(path):
    image = imread(path)[..., :3]
    return {
        tuple(round(float(channel) * 255) for channel in pixel) for pixel in image[::2, ::2].reshape(-1, 3)
    }


def rgb(colour):
    return tuple(round(channel * 255) for channel in to_rgb(colour))


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_merit_order_draws_the_supply_curve(tmp_path):
    figure = plots.merit_order(PARAMS, MARKS, title="Supply", path=tmp_path / "sub" / "merit.png")
    axes = figure.axes[0]
    curve = axes.lines[0]
    assert curve.get_xdata().tolist() == [0, 50, 50, 110, 110, 150, 150, 180]
    assert curve.get_ydata().tolist() == [0, 0, 20, 20, 20, 20, 40, 40]
    assert legend(figure) == ["Hydro", "Coal", "Peat", "Natural gas"]
    said = " ".join(text.get_text() for text in axes.texts)
    assert "lowest load 40 MW\n0.00 $/MWh" in said
    assert "highest load 190 MW, 10 MW of it unserved\n40.00 $/MWh" in said
    assert axes.get_xlim()[1] > 190
    assert figure.texts[0].get_text() == "Supply"
    drawn = pixels(tmp_path / "sub" / "merit.png")
    assert {rgb(plots.PALETTE[fuel]) for fuel in ("Hydro", "Coal", "NG")} <= drawn


def test_merit_order_needs_neither_fuels_nor_marks():
    figure = plots.merit_order({"costs": [-5.0, 10.0], "capacities": [1.0, 2.0]})
    assert legend(figure) == ["unknown"]
    assert figure.axes[0].lines[0].get_ydata().tolist() == [-5, -5, 10, 10]


def test_merit_order_shows_negative_costs():
    figure = plots.merit_order({"costs": [-50.0, 10.0], "capacities": [1.0, 2.0]}, [("lowest", 0.5, -50.0)])
    assert figure.axes[0].get_ylim()[0] < -50


def test_day_draws_price_load_and_dispatch(tmp_path):
    figure = plots.day(PARAMS, PRICES, Q_CLEARED, MARGINAL, path=tmp_path / "day.png")
    price, load, dispatch = figure.axes
    assert price.patches[0].get_data().values.tolist() == PRICES
    assert load.patches[0].get_data().values.tolist() == PARAMS["demand_profile"]
    stack = [patch.get_data() for patch in dispatch.patches]
    assert stack[0].values.tolist() == [40, 50, 50, 50]  # hydro
    assert stack[1].values.tolist() == [40, 100, 110, 110]  # and coal upon it
    assert legend(figure) == ["Hydro", "Coal", "Peat", "Natural gas", "Unserved", "Load"]
    colours = [tuple(map(float, bars.get_color()[0][:3])) for bars in price.collections]
    assert colours == [to_rgb(plots.PALETTE[fuel]) for fuel in ("Hydro", "Coal", "NG")]
    assert rgb(plots.PALETTE["Coal"]) in pixels(tmp_path / "day.png")


def test_day_leaves_out_what_does_not_run():
    params = {**PARAMS, "demand_profile": [40.0, 100.0]}
    figure = plots.day(params, PRICES[:2], Q_CLEARED[:2])
    assert legend(figure) == ["Hydro", "Coal", "Load"]
    assert not figure.axes[0].collections


def test_colours_are_stable_and_distinct():
    fuels = ["Peat", "Coal", "Wood", "Hydro", "Coal"]
    colours = plots.fuel_colours(fuels)
    assert list(colours) == ["Peat", "Coal", "Wood", "Hydro"]
    assert len(set(colours.values())) == 4
    assert colours["Coal"] == plots.PALETTE["Coal"]


def test_pictures_open_no_window_and_touch_no_global_state(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    plots.merit_order(PARAMS, MARKS)
    plots.day(PARAMS, PRICES, Q_CLEARED)


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install marl_ffi\[plot\]"):
        plots.day(PARAMS, PRICES, Q_CLEARED)
