//! The remainder of a division, with the sign of the divisor: NumPy's and Python's `%`.
//!
//! ```text
//! truncated   x - q * y with q = x / y without its fraction: a float, hence exact if nothing rounds on the way
//! exact       y in two parts of 26 and 27 bits: q times each is exact for q up to 2^26, and so are the differences
//! floored     y more where that is negative: this sum is rounded, as NumPy's is
//! ```

use super::lanes::{Lanes, Simd};
use super::math::ROUND;

/// Up to here a quotient times a part of the divisor is exact, for divisors of about a turn.
const NEAR: f64 = 1.0e8;

/// The remainder of `x / y`, for `1 <= y <= 16`. NaN of what is not finite.
#[inline(always)]
pub fn floored<S: Simd>(s: S, x: S::F64, y: f64) -> S::F64 {
    let truncated = truncated(s, x, y);
    lift(s, truncated, truncated + S::F64::splat(s, y))
}

/// [`floored`] in 32 bits.
#[inline(always)]
pub fn floored_f32<S: Simd>(s: S, x: S::F32, y: f32) -> S::F32 {
    let wide = f64::from(y);
    let [low, high] = s.split(x);
    let (low, high) = (truncated(s, low, wide), truncated(s, high, wide));
    let remainder = s.join(low, if S::F32::WIDTH == S::F64::WIDTH { low } else { high });
    let zero = S::F32::splat(s, 0.0);
    let lifted = remainder + S::F32::splat(s, y);
    S::F32::select(remainder.lt(zero), lifted, S::F32::select(remainder.eq(zero), zero, remainder))
}

#[inline(always)]
fn lift<S: Simd>(s: S, remainder: S::F64, lifted: S::F64) -> S::F64 {
    let zero = S::F64::splat(s, 0.0);
    S::F64::select(remainder.lt(zero), lifted, S::F64::select(remainder.eq(zero), zero, remainder))
}

/// The remainder with the sign of `x`, exactly.
#[inline(always)]
fn truncated<S: Simd>(s: S, x: S::F64, y: f64) -> S::F64 {
    let constant = |c: f64| S::F64::splat(s, c);
    let high = f64::from_bits(y.to_bits() & !((1 << 27) - 1));
    let (zero, one) = (constant(0.0), constant(1.0));
    let size = x.abs();
    let near = size.le(constant(NEAR));
    if !S::F64::all(near) {
        let mut lanes = [0.0; 8];
        x.store(&mut lanes);
        remainders(&mut lanes, y);
        return S::F64::load_or(s, &lanes, 0.0);
    }
    // The nearest whole number; one less where that is too much.
    let quotient = (size / constant(y) + constant(ROUND)) - constant(ROUND);
    let rest = (size - quotient * constant(high)) - quotient * constant(y - high);
    let quotient = S::F64::select(rest.lt(zero), quotient - one, quotient);
    let rest = (size - quotient * constant(high)) - quotient * constant(y - high);
    S::F64::select(x.lt(zero), rest * constant(-1.0), rest)
}

/// Lane by lane. The language's own remainder is exact, on every platform.
#[cold]
#[inline(never)]
fn remainders(x: &mut [f64; 8], y: f64) {
    for x in x {
        *x %= y;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Scalar;

    fn floored_of(x: f64, y: f64) -> f64 {
        let mut out = [0.0];
        floored(Scalar, <Scalar as Simd>::F64::splat(Scalar, x), y).store(&mut out);
        out[0]
    }

    /// NumPy's definition, from the language's exact remainder.
    fn expected(x: f64, y: f64) -> f64 {
        let rest = x % y;
        match rest {
            _ if rest == 0.0 => 0.0,
            _ if rest < 0.0 => rest + y,
            _ => rest,
        }
    }

    #[test]
    fn equals_the_definition_near_and_far_and_beside_every_multiple() {
        let turn = 2.0 * std::f64::consts::PI;
        for k in 0..100_000 {
            let x = f64::from(k - 50_000) * 0.01737;
            assert_eq!(floored_of(x, turn).to_bits(), expected(x, turn).to_bits(), "{x}");
            let multiple = f64::from(k - 50_000) * turn;
            for x in [multiple.next_down(), multiple, multiple.next_up(), multiple * 1000.0, multiple * 1e12] {
                assert_eq!(floored_of(x, turn).to_bits(), expected(x, turn).to_bits(), "{x}");
            }
        }
        assert!(floored_of(f64::INFINITY, turn).is_nan());
    }
}
