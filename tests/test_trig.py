"""The sine and the cosine of all kernels, against integers of 300 bits: over every scale, not near zero only.

The reference is tested here; the parity tests hold the native kernels to it, bit for bit.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from marl_ffi.reference.trig import NEAR, NEAR_SHORT, numpy_sincos, sincos

BITS = 1500
ONE = 1 << BITS


def _pi() -> int:
    """pi times 2**1500, by the formula of Gauss: another one than the package uses."""

    def arctan_of_inverse(n: int) -> int:
        total = term = ONE * 2**40 // n
        k, sign = 3, -1
        while term:
            term //= n * n
            total += sign * (term // k)
            k, sign = k + 2, -sign
        return total

    return 4 * (12 * arctan_of_inverse(18) + 8 * arctan_of_inverse(57) - 5 * arctan_of_inverse(239)) >> 40


PI = _pi()


def exact(x: float) -> tuple[Fraction, Fraction]:
    """Sine and cosine to more than 300 bits."""
    angle = Fraction(x)
    turns = round(angle / Fraction(2 * PI, ONE))
    scale = 1 << 400
    rest = int((angle - turns * Fraction(2 * PI, ONE)) * scale)
    sums, term, k = [0, scale], scale, 0
    sums[1] = 0
    while term:
        sums[(k + 1) % 2] += term if k % 4 < 2 else -term
        k += 1
        term = term * rest // (scale * k)
    return Fraction(sums[0], scale), Fraction(sums[1], scale)


def units(got: float, want: Fraction, dtype: type) -> float:
    """The distance in units in the last place of the exact result."""
    size = dtype(abs(float(want)))
    return float(abs(Fraction(float(got)) - want) / Fraction(float(np.spacing(size))))


def angles(dtype: type, count: int) -> np.ndarray:
    """Of every scale, of both signs, and next to multiples of a quarter turn."""
    rng = np.random.default_rng(61)
    top = np.log2(float(np.finfo(dtype).max)) * 0.999
    every = rng.choice([-1, 1], count) * 2.0 ** rng.uniform(-30, top, count)
    usual = rng.uniform(-100, 100, count)
    small = rng.uniform(-4, 4, count)
    around = rng.integers(-2000, 2000, count) * (math.pi / 2) * (1 + rng.choice([0, 1, -1], count) * np.finfo(dtype).eps)
    edges = np.array([NEAR, float(NEAR_SHORT), math.pi / 4])[:, np.newaxis] + rng.uniform(-1, 1, (3, count))
    with np.errstate(over="ignore"):
        return np.concatenate([every, usual, small, around, edges.ravel()]).astype(dtype)


def test_pi_is_pi() -> None:
    assert str(PI * 10**40 // ONE) == "31415926535897932384626433832795028841971"
    sine, cosine = exact(1.0)
    assert abs(float(sine) - math.sin(1)) < 2e-16 and abs(float(cosine) - math.cos(1)) < 2e-16
    assert abs(sine * sine + cosine * cosine - 1) < Fraction(1, 1 << 380)


@pytest.mark.parametrize(("dtype", "most"), [(np.float64, 0.8), (np.float32, 0.85)])
def test_the_error_is_below_one_unit(dtype: type, most: float) -> None:
    x = angles(dtype, 1500)
    sine, cosine = sincos(x)
    assert sine.dtype == cosine.dtype == dtype
    errors = [
        max(units(s, want_s, dtype), units(c, want_c, dtype))
        for s, c, (want_s, want_c) in zip(sine, cosine, map(exact, x.tolist()), strict=True)
    ]
    worst = int(np.argmax(errors))
    assert errors[worst] < most, f"{x[worst]!r}: {errors[worst]} units"
    assert errors[worst] > 0.45, "nothing was rounded"


def test_signs_zeros_and_what_is_no_number() -> None:
    for dtype in (np.float64, np.float32):
        x = angles(dtype, 200)
        sine, cosine = sincos(x)
        minus_sine, same_cosine = sincos(-x)
        assert (minus_sine == -sine).all() and (same_cosine == cosine).all()
        sine, cosine = sincos(np.array([0.0, -0.0], dtype))
        assert np.signbit(sine).tolist() == [False, True] and cosine.tolist() == [1.0, 1.0]
        for pair in sincos(np.array([np.inf, -np.inf, np.nan], dtype)):
            assert np.isnan(pair).all()
        # Batches are their rows.
        assert sincos(x[:1])[0][0] == sincos(x)[0][0]


def test_numpys_own_float32_pair() -> None:
    """Gymnasium's Acrobot shows it after a reset; where NumPy has a fused multiply-add it is this one."""
    rng = np.random.default_rng(62)
    for limit in (0.1, 0.7, 3.2, 30):
        x = rng.uniform(-limit, limit, 200_000).astype(np.float32)
        sine, cosine = numpy_sincos(x)
        assert (sine == np.sin(x)).all() and (cosine == np.cos(x)).all()
