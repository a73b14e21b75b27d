"""Sine and cosine with an error below one unit in the last place, from additions and multiplications alone.

No function of a platform's library is called, so that the same angle gives the same bits everywhere. The native
kernels (`rust_ffi/src/simd/trig.rs`) evaluate the very same expressions in the very same order; there is the story
of each step. In short: `angle = k * pi/2 + y0 + y1`, near 0 by subtracting three parts of a quarter turn (Cody and
Waite), far from it in integers (Payne and Hanek); then the polynomials of FDLIBM on an eighth turn to either side.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["NEAR", "numpy_sincos", "reduced_far", "sincos"]

Array = npt.NDArray[Any]

# Up to here, three parts of a quarter turn give all the digits that a result needs.
NEAR = 1024.0
TWO_OVER_PI = 6.36619772367581382433e-01
# Adding and subtracting it rounds to a whole number, ties to even.
ROUND = 1.5 * 2.0**52
# pi / 2: two parts of 33 bits and what is left.
PARTS = (1.57079632673412561417e00, 6.07710050630396597660e-11, 2.02226624879595063154e-21)

SINE = (
    -1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04,
    2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10,
)  # fmt: skip
COSINE = (
    4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05,
    -2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11,
)  # fmt: skip

# The same for 32 bits: parts of 18 bits, whose multiples are exact up to here, and the polynomials of Cephes.
NEAR_SHORT = np.float32(99.0)
ROUND_SHORT = np.float32(1.5 * 2.0**23)
PARTS_SHORT = tuple(map(np.float32, (1.57079315185546875, 3.1749368645250797e-06, 2.5633440682570896e-12)))
SINE_SHORT = tuple(map(np.float32, (-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4)))
COSINE_SHORT = tuple(map(np.float32, (4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5)))


def sincos(angle: Array) -> tuple[Array, Array]:
    """Sine and cosine of an array of angles (rad), float64 or float32; NaN where the angle is not finite."""
    if angle.dtype == np.float32:
        k, (y0, y1) = _reduced_short(angle)
        return _turned(k, *_pair_short(y0, y1))
    k, (y0, y1) = _reduced(angle)
    return _turned(k, _sine(y0, y1), _cosine(y0, y1))


def _reduced_short(angle: Array) -> tuple[Array, tuple[Array, Array]]:
    """`_reduced` in 32 bits; far angles are reduced in 64."""
    far = ~(np.abs(angle) <= NEAR_SHORT)
    x = np.where(far, np.float32(0.0), angle)
    part1, part2, part3 = PARTS_SHORT
    k = (x * np.float32(TWO_OVER_PI) + ROUND_SHORT) - ROUND_SHORT
    t = x - k * part1
    w = k * part2
    r = t - w
    c = k * part3 - ((t - r) - w)
    y0 = r - c
    y1 = (r - y0) - c
    quarter = k.astype(np.int64)
    if far.any():
        wide = angle[far].astype(np.float64)
        turns, (rest, _) = _reduced(wide)
        # Up to NEAR the parts of pi / 2 one after the other, which is enough of them for 32 bits.
        near = np.abs(wide) <= NEAR
        turned = np.where(near, turns, 0).astype(np.float64)
        one_by_one = ((wide - turned * PARTS[0]) - turned * PARTS[1]) - turned * PARTS[2]
        rest = np.where(near, one_by_one, rest)
        quarter[far], y0[far] = turns, rest.astype(np.float32)
        y1[far] = (rest - y0[far].astype(np.float64)).astype(np.float32)
    return quarter, (y0, y1)


def _pair_short(x: Array, y: Array) -> tuple[Array, Array]:
    """Sine and cosine of the rest `x + y`."""
    half, one = np.float32(0.5), np.float32(1.0)
    s1, s2, s3 = SINE_SHORT
    c1, c2, c3 = COSINE_SHORT
    z = x * x
    h = half * z
    w = one - h
    r = x * (z * (s1 + z * (s2 + z * s3))) + y * w
    v = z * (z * (c1 + z * (c2 + z * c3))) - x * y
    return np.where(x == 0, x, x + r), w + (((one - w) - h) + v)


def _turned(quarter: Array, sine: Array, cosine: Array) -> tuple[Array, Array]:
    """Sine and cosine of an angle from those of its rest after so many quarter turns."""
    turned = (quarter & 1).astype(bool)
    first, second = np.where(turned, cosine, sine), np.where(turned, sine, cosine)
    return np.where(quarter & 2, -first, first), np.where((quarter + 1) & 2, -second, second)


def _reduced(angle: Array) -> tuple[Array, tuple[Array, Array]]:
    """Quarter turns and the rest, in two numbers."""
    far = ~(np.abs(angle) <= NEAR)
    x = np.where(far, 0.0, angle)
    part1, part2, part3 = PARTS
    k = (x * TWO_OVER_PI + ROUND) - ROUND
    t = x - k * part1
    w = k * part2
    r = t - w
    c = k * part3 - ((t - r) - w)
    y0 = r - c
    y1 = (r - y0) - c
    quarter = k.astype(np.int64)
    for index in zip(*np.nonzero(far), strict=True):
        quarter[index], y0[index], y1[index] = reduced_far(float(angle[index]))
    return quarter, (y0, y1)


def _sine(x: Array, y: Array) -> Array:
    s1, s2, s3, s4, s5, s6 = SINE
    z = x * x
    w = z * z
    r = (s2 + z * (s3 + z * s4)) + (z * w) * (s5 + z * s6)
    v = z * x
    return x - ((z * (0.5 * y - v * r) - y) - v * s1)


def _cosine(x: Array, y: Array) -> Array:
    c1, c2, c3, c4, c5, c6 = COSINE
    z = x * x
    w = z * z
    r = z * (c1 + z * (c2 + z * c3)) + (w * w) * (c4 + z * (c5 + z * c6))
    half = 0.5 * z
    w = 1.0 - half
    return w + (((1.0 - w) - half) + (z * r - x * y))


# -- far angles, in integers ----------------------------------------------------------------------------


def _pi(bits: int) -> int:
    """pi times 2**bits, rounded down, by Machin's formula."""
    unit = 1 << (bits + 32)

    def arctan_of_inverse(n: int) -> int:
        total = term = unit // n
        k, sign = 3, -1
        while term:
            term //= n * n
            total += sign * (term // k)
            k, sign = k + 2, -sign
        return total

    return 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239)) >> 32


_BITS = 1280  # of 2 / pi: enough for every float64
_INVERSE = (2 << (2 * _BITS + 64)) // _pi(_BITS + 64)
_HALF_PI = _pi(126)  # pi / 2 times 2**127


def reduced_far(x: float) -> tuple[int, float, float]:
    """Quarter turns (modulo 4) and the rest of an angle of at least 1."""
    if not math.isfinite(x):
        return 0, math.nan, math.nan
    bits = struct.unpack("<Q", struct.pack("<d", abs(x)))[0]
    exponent, mantissa = (bits >> 52) - 1075, bits & (1 << 52) - 1 | 1 << 52
    # x times 2/pi in units of 2**-254, without the multiples of 4
    window = _shifted(_INVERSE, exponent + 254 - _BITS) & (1 << 256) - 1
    product = window * mantissa & (1 << 256) - 1
    quarter, fraction = product >> 254, product & (1 << 254) - 1
    # beyond one half the next multiple is nearer, and the rest is negative
    is_negative = bool(fraction >> 253)
    if is_negative:
        quarter, fraction = quarter + 1, (1 << 254) - fraction
    zeros = min(256 - fraction.bit_length(), 254)
    rest = ((fraction << zeros) >> 128) * _HALF_PI >> 129
    y0 = float(rest)
    y1 = float(rest - int(y0))
    unit = math.ldexp(1.0 if is_negative == (x < 0) else -1.0, -(124 + zeros))
    return (-quarter if x < 0 else quarter) & 3, y0 * unit, y1 * unit


def _shifted(number: int, left: int) -> int:
    return number << left if left >= 0 else number >> -left


# -- NumPy's ------------------------------------------------------------------------------------------


# NumPy's own float32 pair, where it has a fused multiply-add: a quarter turn in three pieces, two short polynomials.
_NUMPY_INVERSE, _NUMPY_ROUNDER = np.float32(float.fromhex("0x1.45f306p-1")), np.float32(1.5 * 2.0**23)
_NUMPY_PIECES = tuple(map(float.fromhex, ("-0x1.921fb0p+00", "-0x1.5110b4p-22", "-0x1.846988p-48")))
_NUMPY_COSINE = tuple(
    map(float.fromhex, ("0x1.98e616p-16", "-0x1.6c06dcp-10", "0x1.55553cp-05", "-0x1p-1", "0x1p0"))
)
_NUMPY_SINE = tuple(
    map(float.fromhex, ("0x1.7d3bbcp-19", "-0x1.a06bbap-13", "0x1.11119ap-07", "-0x1.555556p-03"))
)


def numpy_sincos(angle: Array) -> tuple[Array, Array]:
    """The sine and the cosine that NumPy gives for float32, for angles of a few turns.

    Gymnasium's Acrobot shows them after a reset. A fused multiply-add is a float64 product and sum, rounded once
    more: the product of two float32 is exact.
    """
    k = (angle * _NUMPY_INVERSE + _NUMPY_ROUNDER) - _NUMPY_ROUNDER
    rest = angle
    for piece in _NUMPY_PIECES:
        rest = _fused(k, piece, rest)
    square = rest * rest
    cosine = np.full_like(rest, _NUMPY_COSINE[0])
    for coefficient in _NUMPY_COSINE[1:]:
        cosine = _fused(cosine, square, coefficient)
    sine = np.full_like(rest, _NUMPY_SINE[0])
    for coefficient in _NUMPY_SINE[1:]:
        sine = _fused(sine, square, coefficient)
    sine = _fused(sine * square, rest, rest)
    return _turned(k.astype(np.int64), sine, cosine)


def _fused(a: Array, b: Any, c: Any) -> Array:
    exact = a.astype(np.float64) * np.asarray(b, np.float64) + np.asarray(c, np.float64)
    rounded: Array = exact.astype(np.float32)
    return rounded
