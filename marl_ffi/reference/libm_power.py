"""The square as the power function of the GNU C library rounds it (2.28 and later, with a fused multiply-add), anywhere.

NumPy hands `x ** 2` of a float64 scalar to that function, which rounds one square in twelve hundred otherwise than a
product is rounded. `rust_ffi/src/simd/libm_power.rs` has the story of each step, and the same expressions in the same order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from .libm import fused, number
from .trig import ROUND

__all__ = ["libm_square"]

Array = npt.NDArray[Any]

LEAST = 0x3FE6_9555_0000_0000
LN_2 = (number(0x3FE6_2E42_FEFA_3800), number(0x3D2E_F357_93C7_6730))
LOG = tuple(
    map(
        number,
        (0xBFE0_0000_0000_0000, 0xBFE5_5555_5555_5560, 0x3FE0_0000_0000_0006, 0x3FE9_9999_9959_554E,
         0xBFE5_5555_5529_A47A, 0xBFF2_495B_9B48_45E9, 0x3FF0_002B_8B26_3FC3),
    )
)  # fmt: skip
PER_LN_2, LESS_LN_2 = number(0x4067_1547_652B_82FE), (number(0xBF76_2E42_FEFA_0000), number(0xBD0C_F79A_BC9E_3B3A))
EXP = tuple(
    map(number, (0x3FDF_FFFF_FFFF_FDBD, 0x3FC5_5555_5555_543C, 0x3FA5_5555_CF17_2B91, 0x3F81_1111_67A4_D017))
)
# Smaller squares, which the C library evaluates another way, are products; larger ones would overflow on their way.
LEAST_PRODUCT, MOST_PRODUCT = 1e-220, 1e280
# A product is the power unless it is off by more than 0.465 units: the power itself is, by at most 0.535.
ALMOST_HALF = 0.5 / 0.465
_UNIT = 116  # bits after the point


def _log_of_ratio(a: int, b: int) -> int:
    """The logarithm of a/b, by the series of the inverse hyperbolic tangent."""
    d, s = abs(a - b), a + b
    term, n, total = (d << _UNIT) // s, 1, 0
    while term:
        total += term // n
        term, n = term * d // s * d // s, n + 2
    return 2 * total if a >= b else -2 * total


def _logs() -> Array:
    """(1/c, log c to 43 bits after the point, what that left) for c next to the middle of each 128th of [LEAST, 2 LEAST)."""
    rows = np.empty((128, 3))
    for k in range(128):
        first, end = (number(LEAST + (j << 45)) for j in (k, k + 1))
        parts = 256 if first >= 1 else 128
        inverse = int(parts / ((first + end) / 2) + 0.5)
        log = _log_of_ratio(parts, inverse)
        shift = _UNIT - 43
        high = (abs(log) + (1 << (shift - 1))) >> shift
        sign = 1 if log >= 0 else -1
        left = float(abs(log) - (high << shift))
        rows[k] = inverse / parts, sign * math.ldexp(high, -43), sign * math.ldexp(left, -_UNIT)
    return rows


def _powers() -> Array:
    """(2^(k/128), the relative error of that)."""
    rows, log_2 = np.empty((128, 2)), _log_of_ratio(2, 1)
    for k in range(128):
        x, term, n, total = log_2 * k // 128, 1 << _UNIT, 1, 0
        while term:
            total += term
            term, n = (term * x >> _UNIT) // n, n + 1
        high = float(total)
        rows[k] = math.ldexp(high, -_UNIT), float(total - int(high)) / high
    return rows


LOGS, POWERS = _logs(), _powers()


def libm_square(x: Array) -> Array:
    """Squares: of float64 those of the C library's power function, of float32 products."""
    product: Array = x * x
    if x.dtype == np.float32:
        return product
    usual = (product > LEAST_PRODUCT) & (product < MOST_PRODUCT)
    y = np.where(usual, x, 1.0)
    doubtful = usual & (fused(fused(y, y, -(y * y)), ALMOST_HALF, y * y) != y * y)
    if doubtful.any():
        product[doubtful] = _power(np.abs(x[doubtful]))
    return product


def _power(x: Array) -> Array:
    above = x.view(np.int64) - LEAST
    k, row = above >> 52, above >> 45 & 127
    z = (x.view(np.int64) - (k << 52)).view(np.float64)
    inverse, log, log_left = LOGS[row].T
    r = fused(z, inverse, -1.0)
    t1 = fused(k.astype(np.float64), LN_2[0], log)
    t2 = t1 + r
    lost1 = fused(k.astype(np.float64), LN_2[1], log_left)
    lost2 = (t1 - t2) + r
    half = LOG[0] * r
    squared = r * half
    high = t2 + squared
    lost3 = fused(half, r, -squared)
    lost4 = (t2 - high) + squared
    p = fused(squared, fused(fused(r, LOG[6], LOG[5]), squared, fused(r, LOG[4], LOG[3])), fused(r, LOG[2], LOG[1]))
    low = fused(r * squared, p, ((lost1 + lost2) + lost3) + lost4)
    log = high + low
    low = (high - log) + low

    twice = 2.0 * log
    n = fused(twice, PER_LN_2, ROUND) - ROUND
    r = fused(n, LESS_LN_2[1], fused(n, LESS_LN_2[0], twice)) + 2.0 * low
    whole = n.astype(np.int64)
    scale, error = POWERS[whole & 127].T
    scale = (scale.copy().view(np.int64) + (whole >> 7 << 52)).view(np.float64)
    squared = r * r
    p = fused(fused(r, EXP[1], EXP[0]), squared, r + error)
    p = fused(fused(r, EXP[3], EXP[2]), squared * squared, p)
    result: Array = fused(p, scale, scale)
    return result
