"""Demand shapes of the parameter generators, as plain numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["sine_day", "week"]

# Hourly samples (0-23) of a periodic cubic spline through a few points of a day: shipped as numbers, so that
# no spline solver is needed and no two of them can disagree.
WEEKDAY = (
    0.5, 0.47137297426999886, 0.48983194285503334, 0.5421734837018716, 0.6151941747572816, 0.6956905939680313,
    0.7704593192808891, 0.8262969286426226, 0.85, 0.833770091180922, 0.7914286795378198, 0.7422022223042563,
    0.7053171767137952, 0.7, 0.7389600022149212, 0.8088379046845583, 0.8897572815533982, 0.9618417069659272,
    1.005214755066632, 1.0, 0.9339255417328067, 0.8251375835209863, 0.6993868544427627, 0.5824240835763593,
)  # fmt: skip
WEEKEND = (
    0.45, 0.39830579096045204, 0.3895003138731952, 0.41430814500941615, 0.46345386064030136,
    0.5276620370370371, 0.5976572504708098, 0.664164077212806, 0.7179070935342122, 0.7496108757062148, 0.75,
    0.7152224576271187, 0.6631198995605775, 0.6169573917137476, 0.6, 0.6282701663527934, 0.6888198367859385,
    0.7614583333333333, 0.8259949780288764, 0.8622390929064658, 0.85, 0.7774870527306967,
    0.6665097300690521, 0.5472775423728813,
)  # fmt: skip


def sine_day(hours: int) -> NDArray[np.float64]:
    """One sine period over `hours` samples, between 0.5 and 2.5; both ends of the period are included."""
    return np.sin(np.linspace(0, 2 * np.pi, hours)) + 1.5


def week(hours: int) -> NDArray[np.float64]:
    """Five weekdays and a weekend, scaled so that their peak is 1; cut or repeated to `hours` samples."""
    shape = np.array(WEEKDAY * 5 + WEEKEND * 2)
    return np.resize(shape / shape.max(), hours)
