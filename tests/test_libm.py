"""The C library's sine, cosine and square, as Acrobot evaluates them: against recorded values, and against this platform's.

The reference is tested here; the parity tests hold the native kernels to it, bit for bit.
"""

from __future__ import annotations

import json
import math
import platform
from fractions import Fraction
from pathlib import Path

import numpy as np
from classic_support import has_gnu_libm

from marl_ffi.reference.libm import FAR, fused, libm_sincos
from marl_ffi.reference.libm_power import libm_square
from marl_ffi.reference.trig import sincos

GOLDEN = json.loads((Path(__file__).parent / "golden" / "libm.json").read_text())
ANGLES = np.array([[float.fromhex(x) for x in row] for row in GOLDEN["angles"]]).T
SQUARES = np.array([[float.fromhex(x) for x in row] for row in GOLDEN["squares"]]).T


def test_recorded_angles() -> None:
    angles, sines, cosines = ANGLES
    found = libm_sincos(angles)
    assert (found[0] == sines).all() and (found[1] == cosines).all()
    other = sincos(angles)
    assert ((other[0] != sines) | (other[1] != cosines)).sum() > 40, "any good sine would pass"
    # Each alone, and all in rows, are what they are together.
    assert [libm_sincos(x[np.newaxis])[0][0] for x in angles] == sines.tolist()
    assert (libm_sincos(angles.reshape(6, -1))[1].ravel() == cosines).all()


def test_recorded_squares() -> None:
    numbers, squares = SQUARES
    assert (libm_square(numbers) == squares).all()
    assert (numbers * numbers != squares).sum() >= 36, "any product would pass"


def test_this_platform_is_recognised() -> None:
    """Else the tests that ask for the last bit would quietly ask for less."""
    if platform.libc_ver()[0] == "glibc" and platform.machine() in ("x86_64", "aarch64"):
        has_fused = platform.machine() == "aarch64" or " fma " in Path("/proc/cpuinfo").read_text()
        assert has_gnu_libm() == has_fused


def test_this_platforms_functions() -> None:
    """Where the C library is GNU's and has a fused multiply-add, every angle; else the same to a unit."""
    rng = np.random.default_rng(63)
    units = 0 if has_gnu_libm() else 1
    for top in (0.13, 0.9, 2.5, 12, 2000, 1e8):
        x = rng.uniform(-top, top, 60_000)
        for ours, theirs in zip(libm_sincos(x), (math.sin, math.cos), strict=True):
            expected = np.array([theirs(a) for a in x.tolist()])
            assert np.abs(ours.view(np.int64) - expected.view(np.int64)).max() <= units
    for top in (1e-100, 1e-5, 1.0, 6.0, 30.0, 1e6, 1e100):
        x = rng.uniform(-top, top, 60_000)
        expected = np.array([math.pow(a, 2) for a in x.tolist()])
        assert np.abs(libm_square(x).view(np.int64) - expected.view(np.int64)).max() <= units


def test_zeros_signs_far_angles_and_what_is_no_number() -> None:
    x = np.array([0.0, -0.0, 5e-324, -1e-300, 1e-9])
    sine, cosine = libm_sincos(x)
    assert sine.tobytes() == x.tobytes() and (cosine == 1).all()
    far = np.array([FAR, 1e9, -3e12, 1e300])
    sine, cosine = libm_sincos(far)
    # Reduced exactly, whatever the size; the last bit may be another.
    expected = sincos(far)
    assert np.abs(sine - expected[0]).max() < 2e-16 and np.abs(cosine - expected[1]).max() < 2e-16
    for pair in libm_sincos(np.array([np.inf, -np.inf, np.nan])):
        assert np.isnan(pair).all()
    with np.errstate(over="ignore"):
        squares = libm_square(np.array([0.0, -0.0, np.inf, np.nan, 1e200, 1e-200, 1.0]))
    assert squares[[0, 1, 2, 4, 5, 6]].tolist() == [0, 0, np.inf, np.inf, 0, 1] and np.isnan(squares[3])


def test_single_precision_is_the_other_modules() -> None:
    x = np.random.default_rng(64).uniform(-10, 10, 1000).astype(np.float32)
    for ours, theirs in zip(libm_sincos(x), sincos(x), strict=True):
        assert ours.dtype == np.float32 and (ours == theirs).all()
    assert libm_square(x).dtype == np.float32 and (libm_square(x) == x * x).all()


def test_a_fused_product_and_sum_is_rounded_once() -> None:
    """Against fractions, sums that are halfway between two floats but for the last bit of the product among them."""
    rng = np.random.default_rng(65)
    a, b = rng.uniform(-2, 2, (2, 3000))
    near = -(a * b) * (1 + rng.choice([0, 2.0**-52, 2.0**-40, 1e-3, 1], 3000))
    # c is halfway between two floats; the product is too small to be seen but for its sign.
    halves = np.full(3000, 1.0 + 2.0**-52)
    tiny = 2.0**-53 * (1 + rng.choice([-1, 0, 1], 3000) * 2.0**-52)
    for x, y, z in ((a, b, near), (tiny, np.ones(3000), halves), (tiny, -np.ones(3000), halves), (a, b, a * 1e-17)):
        expected = [float(Fraction(p) * Fraction(q) + Fraction(r)) for p, q, r in zip(x, y, z, strict=True)]
        assert fused(x, y, z).tolist() == expected
