//! Elementary functions over lanes, from additions, multiplications and divisions alone: no platform libm, no
//! contraction, hence the same bits everywhere.

#![allow(clippy::excessive_precision)] // published digits are easier to compare than rounded ones

use super::lanes::{Lanes, Lanes64, Simd};

/// `2^52 + 2^51`: adding it rounds a small float to an integer, to even, in its last mantissa bits.
pub(super) const ROUND: f64 = 6_755_399_441_055_744.0;
/// ln 2 in two parts; the first has enough trailing zeros to be multiplied exactly.
const LN_2_HIGH: f64 = 6.931_457_519_531_25e-1;
const LN_2_LOW: f64 = 1.428_606_820_309_417_232_12e-6;

// Coefficients of the rational approximations of the Cephes mathematical library (Moshier): tanh on
// [0, 0.625] and exp on [-ln(2)/2, ln(2)/2].
const TANH_P: [f64; 3] =
    [-9.643_991_794_250_522_386_28e-1, -9.928_772_310_019_185_865_64e1, -1.614_687_684_417_084_479_52e3];
const TANH_Q: [f64; 3] =
    [1.128_116_784_916_329_314_02e2, 2.235_488_390_601_004_485_83e3, 4.844_063_053_251_254_860_48e3];
const EXP_P: [f64; 3] =
    [1.261_771_930_748_105_908_78e-4, 3.029_944_077_074_419_613_00e-2, 9.999_999_999_999_999_999_10e-1];
const EXP_Q: [f64; 4] =
    [3.001_985_051_386_644_550_42e-6, 2.524_483_403_496_841_041_92e-3, 2.272_655_482_081_550_287_66e-1, 2.0];

/// `e^x` for `|x| <= 700`. Error below 1 unit in the last place.
#[inline(always)]
pub fn exp<S: Simd>(s: S, x: S::F64) -> S::F64 {
    let constant = |c: f64| S::F64::splat(s, c);
    let biased = x * constant(std::f64::consts::LOG2_E) + constant(ROUND);
    let k = biased - constant(ROUND);
    let r = (x - k * constant(LN_2_HIGH)) - k * constant(LN_2_LOW);
    let rr = r * r;
    let p = r * ((constant(EXP_P[0]) * rr + constant(EXP_P[1])) * rr + constant(EXP_P[2]));
    let q = ((constant(EXP_Q[0]) * rr + constant(EXP_Q[1])) * rr + constant(EXP_Q[2])) * rr + constant(EXP_Q[3]);
    (constant(1.0) + constant(2.0) * (p / (q - p))) * biased.exp2_of_biased()
}

/// The hyperbolic tangent. Error below 2 units in the last place.
#[inline(always)]
pub fn tanh<S: Simd>(s: S, x: S::F64) -> S::F64 {
    let constant = |c: f64| S::F64::splat(s, c);
    let size = x.abs();

    let z = x * x;
    let p = (constant(TANH_P[0]) * z + constant(TANH_P[1])) * z + constant(TANH_P[2]);
    let q = ((z + constant(TANH_Q[0])) * z + constant(TANH_Q[1])) * z + constant(TANH_Q[2]);
    let near_zero = x + (x * z) * (p / q);

    // From 22 on, the result rounds to one.
    let e = exp(s, size.min(constant(22.0)) * constant(2.0));
    let far = constant(1.0) - constant(2.0) / (e + constant(1.0));
    let far = S::F64::select(x.lt(constant(0.0)), constant(0.0) - far, far);

    S::F64::select(size.lt(constant(0.625)), near_zero, far)
}

/// [`tanh`] of one number.
pub fn tanh_of(x: f64) -> f64 {
    let mut out = [0.0];
    let s = super::scalar::Scalar;
    tanh(s, <super::scalar::Scalar as Simd>::F64::splat(s, x)).store(&mut out);
    out[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ulps(a: f64, b: f64) -> u64 {
        (a.to_bits() as i64).abs_diff(b.to_bits() as i64)
    }

    #[test]
    fn tanh_is_within_two_units_over_its_range() {
        // The platform's tanh is itself within one unit.
        let worst = (-400_000..=400_000).map(|k| f64::from(k) * 6.1e-5).map(|x| ulps(tanh_of(x), x.tanh())).max();
        assert!(worst <= Some(3), "{worst:?}");
        assert_eq!(tanh_of(1e-300), 1e-300);
        assert_eq!(tanh_of(-1e300), -1.0);
        assert_eq!(tanh_of(-0.0).to_bits(), 0);
    }
}
