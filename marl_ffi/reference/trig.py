"""Sine and cosine with an error below one unit in the last place, from additions and multiplications alone.

No function of a platform's library is called, so that the same angle gives the same bits everywhere; the native
kernels (`rust_ffi/src/simd/trig.rs`) evaluate the very same expressions in the very same order.

An angle is reduced to `k` quarter turns and a rest `y0 + y1` of at most an eighth turn, in two numbers, because the
quarter turn is subtracted in three pieces and every rounding error is kept (Cody and Waite). The rest goes through
the minimax polynomials of FDLIBM. Angles beyond `FAR` are reduced exactly, with integers of any length.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["FAR", "numpy_sincos", "sincos"]

Array = npt.NDArray[Any]

# Beyond, k times a piece of a quarter turn is no longer exact.
FAR = 2.0**19

INVERSE = 6.36619772367581382433e-01  # 2 / pi
# Adding and subtracting it rounds to a whole number, ties to even.
ROUNDER = 1.5 * 2.0**52
# pi / 2 = PIECE_1 + PIECE_2 + PIECE_3 + REST_3, pieces of 33 bits; REST_n is what follows piece n.
PIECE_1 = 1.57079632673412561417e00
PIECE_2 = 6.07710050630396597660e-11
PIECE_3 = 2.02226624871116645580e-21
REST_3 = 8.47842766036889956997e-32

SINE = (
    -1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04,
    2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10,
)  # fmt: skip
COSINE = (
    4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05,
    -2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11,
)  # fmt: skip

# pi / 2 to 1400 bits, as an integer: enough for every float64.
_BITS = 1400


def sincos(angle: Array) -> tuple[Array, Array]:
    """Sine and cosine of an array of angles (rad), float64 or float32; NaN where the angle is not finite."""
    if angle.dtype == np.float32:
        sine, cosine = sincos(angle.astype(np.float64))
        return sine.astype(np.float32), cosine.astype(np.float32)
    far = ~(np.abs(angle) <= FAR)
    quarter, y0, y1 = _reduced(np.where(far, 0.0, angle))
    for index in np.argwhere(far):
        place = tuple(index)
        quarter[place], y0[place], y1[place] = _reduced_exactly(float(angle[place]))
    return _turned(quarter, _sine(y0, y1), _cosine(y0, y1))


def _turned(quarter: Array, sine: Array, cosine: Array) -> tuple[Array, Array]:
    """Sine and cosine of an angle from those of its rest after so many quarter turns."""
    turned = (quarter & 1).astype(bool)
    first, second = np.where(turned, cosine, sine), np.where(turned, sine, cosine)
    return np.where(quarter & 2, -first, first), np.where((quarter + 1) & 2, -second, second)


def _reduced(x: Array) -> tuple[Array, Array, Array]:
    """Quarter turns and the rest `y0 + y1`."""
    k = (x * INVERSE + ROUNDER) - ROUNDER
    r = x - k * PIECE_1
    w = k * PIECE_2
    s = r - w
    e = (r - s) - w  # what the subtraction lost
    w = k * PIECE_3 - e
    y0 = s - w
    y1 = (s - y0) - w
    w = k * REST_3
    y1 = y1 - w
    return k.astype(np.int64), y0, y1


def _sine(x: Array, y: Array) -> Array:
    s1, s2, s3, s4, s5, s6 = SINE
    z = x * x
    w = z * z
    r = s2 + z * (s3 + z * s4) + z * w * (s5 + z * s6)
    v = z * x
    return x - ((z * (0.5 * y - v * r) - y) - v * s1)


def _cosine(x: Array, y: Array) -> Array:
    c1, c2, c3, c4, c5, c6 = COSINE
    z = x * x
    w = z * z
    r = z * (c1 + z * (c2 + z * c3)) + w * w * (c4 + z * (c5 + z * c6))
    half = 0.5 * z
    w = 1.0 - half
    return w + (((1.0 - w) - half) + (z * r - x * y))


def _half_pi(bits: int) -> int:
    """pi / 2 times 2**bits, rounded down, by Machin's formula."""
    guard = bits + 32
    unit = 1 << guard

    def arctan_of_inverse(n: int) -> int:
        total = term = unit // n
        k, sign = 3, -1
        while term:
            term //= n * n
            total += sign * (term // k)
            k, sign = k + 2, -sign
        return total

    return (2 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239))) >> 32


_HALF_PI = Fraction(_half_pi(_BITS), 1 << _BITS)


def _reduced_exactly(x: float) -> tuple[int, float, float]:
    """Quarter turns (modulo 4) and the rest of any angle, by exact fractions."""
    if not np.isfinite(x):
        return 0, float("nan"), 0.0
    exact = Fraction(x)
    k = round(exact / _HALF_PI)
    rest = exact - k * _HALF_PI
    y0 = float(rest)
    return k % 4, y0, float(rest - Fraction(y0))


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
