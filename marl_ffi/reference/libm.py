"""The sine and the cosine of the GNU C library (2.28 and later, with a fused multiply-add), to the last bit, anywhere.

NumPy hands float64 angles to the C library, and a fast arm enlarges the last bit of a sine to anything: whoever is to
repeat a run of Gymnasium's Acrobot needs these functions, not only good ones. The native kernels
(`rust_ffi/src/simd/libm.rs`) evaluate the same expressions in the same order; there is the story of each step.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from .trig import ROUND, TWO_OVER_PI, reduced_far, sincos

__all__ = ["fused", "libm_sincos", "number"]

Array = npt.NDArray[Any]


def number(bits: int) -> float:
    """The float64 of a representation."""
    found: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return found


ROUND_128 = 1.5 * 2.0**45
SMALL, MIDDLE, FAR = 0.85546875, number(0x4003_68FD_0000_0000), number(0x4199_21FB_0000_0000)
AROUND_ZERO = 0.126
HALF_PI, HALF_PI_LOW = math.pi / 2, number(0x3C91_A626_3314_5C07)
LESS_HALF_PI = tuple(
    map(number, (0xBFF9_21FB_5800_0000, 0x3E4D_DE97_3C00_0000, 0x3C8C_B3B3_9800_0000, 0x3ACD_747F_23E3_2ED7))
)
SINE = tuple(
    map(
        number,
        (0xBE5A_DDFF_C2FC_DF59, 0x3EC7_1DE2_7B9A_7ED9, 0xBF2A_01A0_19DB_08B8, 0x3F81_1111_1111_0ECE,
         0xBFC5_5555_5555_5555),
    )
)  # fmt: skip
SHORT_SINE = (number(0x3F81_1110_E829_872F), number(0xBFC5_5555_5555_5515))
SHORT_COSINE = (number(0xBF56_C16B_EDD9_E239), number(0x3FA5_5555_5555_5535), -0.5)


def _sums(k: int) -> list[tuple[float, float]]:
    """Sine and cosine of k/128, each as a sum of two floats, from series in integers of 120 bits."""
    sums, term, n = [0, 0], 1 << 120, 0
    while term:
        sums[1 - n % 2] += term if n % 4 < 2 else -term
        n += 1
        term = term * k // (128 * n)
    return [(math.ldexp(high := float(x), -120), math.ldexp(float(x - int(high)), -120)) for x in sums]


def _table() -> Array:
    """Rows of (high, low) of the one looked for and of its derivative; the sine first, from row 128 on the cosine."""
    table = np.zeros((256, 4))
    for k in range(110):
        sine, cosine = _sums(k)
        table[k], table[k + 128] = (*sine, *cosine), (*cosine, -sine[0], -sine[1])
    return table


TABLE = _table()


def libm_sincos(angle: Array) -> tuple[Array, Array]:
    """Sine and cosine of an array of angles (rad).

    Those of the C library up to 105,414,351 in float64; beyond, the last bit may be another. Of float32, those of `trig`.
    """
    if angle.dtype == np.float32:
        return sincos(angle)
    far = ~(np.abs(angle) < FAR)
    x = np.where(far, 0.0, angle)
    size = np.abs(x)
    small = (size < SMALL) & ~far
    middle = (size < MIDDLE) & ~small & ~far

    biased = fused(x, TWO_OVER_PI, ROUND)
    k = biased - ROUND
    rest = fused(k, LESS_HALF_PI[1], fused(k, LESS_HALF_PI[0], x))
    shorter = fused(k, LESS_HALF_PI[2], rest)
    high = fused(k, LESS_HALF_PI[3], shorter)
    low = fused(k, LESS_HALF_PI[2], rest - shorter) + fused(k, LESS_HALF_PI[3], shorter - high)
    quarter = np.where(small, 0, k.astype(np.int64))
    high, low = np.where(small, x, high), np.where(small, 0.0, low)
    for index in zip(*np.nonzero(far), strict=True):
        quarter[index], high[index], low[index] = reduced_far(float(angle[index]))

    after = HALF_PI - size
    total = after + HALF_PI_LOW
    odd, turned = (quarter & 1).astype(bool), (quarter & 2).astype(bool)
    sine, cosine = _look_up(
        np.stack([odd | middle, ~odd & ~middle]),
        np.stack([np.where(middle, after, high), np.where(middle, total, high)]),
        np.stack([np.where(middle, HALF_PI_LOW, low), np.where(middle, (after - total) + HALF_PI_LOW, low)]),
    )
    sine = np.where(np.where(middle, np.signbit(x), turned), -sine, sine)
    cosine = np.where((odd ^ turned) & ~middle, -cosine, cosine)
    return sine, cosine


def _look_up(is_cosine: Array, high: Array, low: Array) -> Array:
    """Sine or cosine of `high + low`, which is at most 0.856."""
    sign = np.where(np.signbit(high), -1.0, 1.0)
    x, low = np.abs(high), low * sign
    biased = x + ROUND_128
    rest = x - (biased - ROUND_128)
    total = rest + low
    rest, inner = np.where(is_cosine, total, rest), np.where(is_cosine, total, low)
    outer, less_low = np.where(is_cosine, 0.0, rest), np.where(is_cosine, 0.0, -low)
    square = rest * rest
    p = fused(SHORT_SINE[0], square, SHORT_SINE[1])
    sine = outer + fused(rest * square, p, inner)
    q = fused(SHORT_COSINE[0], square, SHORT_COSINE[1])
    cosine = fused(rest, less_low, square * fused(q, square, SHORT_COSINE[2]))
    places = (biased.view(np.int64) & 127) + np.where(is_cosine, 128, 0)
    a, b, c, d = np.moveaxis(TABLE[places], -1, 0)
    from_table = a + fused(sine, c, fused(cosine, a, fused(sine, d, b)))

    square = x * x
    p = np.full_like(x, SINE[0])
    for coefficient in SINE[1:]:
        p = fused(p, square, coefficient)
    around_zero = x + fused(square, fused(p, x, low * -0.5), low)
    found = np.where(x < AROUND_ZERO, around_zero, from_table)
    result: Array = np.where(is_cosine, from_table, found * sign)
    return result


def fused(a: Any, b: Any, c: Any) -> Array:
    """`a * b + c`, rounded once, after Boldo and Melquiond: what two sums leave is rounded to odd before the last one."""
    product, left = _product(a, b)
    upper, lower = _sum(np.asarray(c), left)
    upper, middle = _sum(product, upper)
    last, lost = _sum(lower, middle)
    bits = last.view(np.int64)
    towards = np.where(np.signbit(lost) == np.signbit(last), 1, -1)
    odd = np.where((lost != 0) & (bits & 1 == 0), bits + towards, bits)
    result: Array = upper + odd.view(np.float64)
    return result


def _sum(a: Array, b: Array) -> tuple[Array, Array]:
    """A sum, and what rounding took from it (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _product(a: Any, b: Any) -> tuple[Array, Array]:
    """A product, and what rounding took from it (Dekker, Veltkamp)."""
    product = np.asarray(a * b)
    (a1, a0), (b1, b0) = _halves(a), _halves(b)
    return product, ((a1 * b1 - product) + a1 * b0 + a0 * b1) + a0 * b0


def _halves(x: Any) -> tuple[Any, Any]:
    scaled = 134_217_729.0 * x
    high = scaled - (scaled - x)
    return high, x - high
