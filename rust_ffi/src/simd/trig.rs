//! Sine and cosine over lanes, of any finite float, from additions and multiplications alone.
//!
//! ```text
//! k, r      x = k * pi/2 + r with |r| <= pi/4, r as a sum of two floats: y0 + y1
//! near      |x| <= 1024: pi/2 in three parts, the first two short enough that k times each is exact (Cody, Waite)
//! far       one lane at a time, in integers; see [`super::far`]
//! kernels   polynomials on [-pi/4, pi/4], those of the FDLIBM library (Sun Microsystems) and of FreeBSD's
//!           single-precision kernels, which are published facts
//! quadrant  k mod 4 says which of the two is the sine, and the signs
//! ```
//!
//! In 32 bits the same steps happen in 32-bit lanes, twice as many: three shorter parts of pi/2, up to |x| <= 99, and
//! the short polynomials of the Cephes library. Farther angles are reduced in 64 bits.
//!
//! Errors, found by comparison with exact arithmetic (`tests/test_trig.py`): below 0.8 units in the last place in 64
//! bits, below 0.85 in 32.

#![allow(clippy::excessive_precision)] // published digits are easier to compare than rounded ones

use super::far::reduce_far;
use super::lanes::{Lanes, Lanes32, Lanes64, Real, Simd};
use super::math::ROUND;

/// Up to here, three parts of pi/2 give all the digits that a result needs.
const NEAR: f64 = 1024.0;
/// Up to here nothing is to be reduced.
const SMALL: f64 = std::f64::consts::FRAC_PI_4;
const TWO_OVER_PI: f64 = std::f64::consts::FRAC_2_PI;
/// pi/2: two parts of 33 bits and what is left.
const PIO2_1: f64 = 1.570_796_326_734_125_614_17;
const PIO2_2: f64 = 6.077_100_506_303_965_976_60e-11;
const PIO2_3: f64 = 2.022_266_248_795_950_631_54e-21;

const S: [f64; 6] = [
    -1.666_666_666_666_663_243_48e-1,
    8.333_333_333_322_489_461_24e-3,
    -1.984_126_982_985_794_931_34e-4,
    2.755_731_370_707_006_767_89e-6,
    -2.505_076_025_340_686_341_95e-8,
    1.589_690_995_211_550_102_21e-10,
];
const C: [f64; 6] = [
    4.166_666_666_666_660_190_37e-2,
    -1.388_888_888_887_410_957_49e-3,
    2.480_158_728_947_672_941_78e-5,
    -2.755_731_435_139_066_330_35e-7,
    2.087_572_321_298_174_827_90e-9,
    -1.135_964_755_778_819_482_65e-11,
];

/// The same for 32 bits: up to here a multiple of the first two parts of pi/2, of 18 bits each, is exact.
const NEAR_F32: f32 = 99.0;
/// A little below pi/4: whatever is smaller is no quarter turn, however it is rounded.
const SMALL_F32: f32 = 0.785;
/// `2^23 + 2^22`.
const ROUND_F32: f32 = 12_582_912.0;
const PIO2_F32: [f32; 3] = [1.570_793_151_855_468_75, 3.174_936_864_525_079_7e-6, 2.563_344_068_257_089_6e-12];
const S_F32: [f32; 3] = [-1.666_665_461_1e-1, 8.332_160_873_6e-3, -1.951_529_589_1e-4];
const C_F32: [f32; 3] = [4.166_664_568_298_827e-2, -1.388_731_625_493_765e-3, 2.443_315_711_809_948e-5];

/// Sine and cosine in 64 bits. NaN of what is not finite.
#[inline(always)]
pub fn sin_cos<L: Simd>(s: L, x: L::F64) -> (L::F64, L::F64) {
    let constant = |c: f64| L::F64::splat(s, c);
    if L::F64::all(x.abs().le(constant(SMALL))) {
        return kernels(s, x, constant(0.0));
    }
    let (biased, y0, y1) = reduce(s, x);
    let (sine, cosine) = kernels(s, y0, y1);
    quadrant(s, biased, sine, cosine)
}

/// The cosine alone, the same. Where all lanes are an odd number of quarter turns from 0, it takes one polynomial.
#[inline(always)]
pub fn cos<L: Simd>(s: L, x: L::F64) -> L::F64 {
    if L::F64::all(x.abs().le(L::F64::splat(s, SMALL))) {
        return kernels(s, x, L::F64::splat(s, 0.0)).1;
    }
    let (biased, y0, y1) = reduce(s, x);
    let odd = biased.has_bit::<0>();
    if L::F64::all(odd) {
        let (sine, _) = kernels(s, y0, y1);
        return quadrant(s, biased, sine, sine).1;
    }
    let (sine, cosine) = kernels(s, y0, y1);
    quadrant(s, biased, sine, cosine).1
}

/// The nearest multiple of a quarter turn, in the last bits of a number, and what remains, as a sum of two.
#[inline(always)]
fn reduce<L: Simd>(s: L, x: L::F64) -> (L::F64, L::F64, L::F64) {
    let constant = |c: f64| L::F64::splat(s, c);
    let biased = x * constant(TWO_OVER_PI) + constant(ROUND);
    let k = biased - constant(ROUND);
    let t = x - k * constant(PIO2_1);
    let w = k * constant(PIO2_2);
    let r = t - w;
    let c = k * constant(PIO2_3) - ((t - r) - w);
    let y0 = r - c;
    let y1 = (r - y0) - c;
    if L::F64::all(x.abs().le(constant(NEAR))) {
        return (biased, y0, y1);
    }
    reduce_some_far(s, NEAR.next_up(), x, biased, y0, y1)
}

/// The polynomials.
#[inline(always)]
fn kernels<L: Simd>(s: L, x: L::F64, y: L::F64) -> (L::F64, L::F64) {
    let constant = |c: f64| L::F64::splat(s, c);
    let (half, one) = (constant(0.5), constant(1.0));
    let z = x * x;
    let w = z * z;

    let r =
        (constant(S[1]) + z * (constant(S[2]) + z * constant(S[3]))) + (z * w) * (constant(S[4]) + z * constant(S[5]));
    let v = z * x;
    let sine = x - ((z * (half * y - v * r) - y) - v * constant(S[0]));

    let r = z * (constant(C[0]) + z * (constant(C[1]) + z * constant(C[2])))
        + (w * w) * (constant(C[3]) + z * (constant(C[4]) + z * constant(C[5])));
    let hz = half * z;
    let w = one - hz;
    let cosine = w + (((one - w) - hz) + (z * r - x * y));
    (sine, cosine)
}

/// The last two bits of `biased` say which of the two is the sine, and the signs.
#[inline(always)]
fn quadrant<L: Simd>(s: L, biased: L::F64, sine: L::F64, cosine: L::F64) -> (L::F64, L::F64) {
    let next = biased + L::F64::splat(s, 1.0);
    turned(s, biased.has_bit::<0>(), [biased.has_bit::<1>(), next.has_bit::<1>()], [sine, cosine])
}

/// Sine and cosine after a quarter turn, where it is odd, and with their signs changed, where they are.
#[inline(always)]
fn turned<S: Simd, L: Lanes<S>>(s: S, odd: L::Mask, minus: [L::Mask; 2], [sine, cosine]: [L; 2]) -> (L, L) {
    let minus_one = L::splat(s, -L::Scalar::ONE);
    let (a, b) = (L::select(odd, cosine, sine), L::select(odd, sine, cosine));
    (L::select(minus[0], a * minus_one, a), L::select(minus[1], b * minus_one, b))
}

/// Sine and cosine in 32 bits. NaN of what is not finite.
#[inline(always)]
pub fn sin_cos_f32<L: Simd>(s: L, x: L::F32) -> (L::F32, L::F32) {
    let constant = |c: f32| L::F32::splat(s, c);
    if L::F32::all(x.abs().le(constant(SMALL_F32))) {
        return kernels_f32(s, x, None);
    }
    let (biased, y0, y1) = reduce_f32(s, x);
    let (sine, cosine) = kernels_f32(s, y0, Some(y1));
    quadrant_f32(s, biased, sine, cosine)
}

/// See [`cos`].
#[inline(always)]
pub fn cos_f32<L: Simd>(s: L, x: L::F32) -> L::F32 {
    if L::F32::all(x.abs().le(L::F32::splat(s, SMALL_F32))) {
        return kernels_f32(s, x, None).1;
    }
    let (biased, y0, y1) = reduce_f32(s, x);
    let odd = biased.has_bit::<0>();
    if L::F32::all(odd) {
        let (sine, _) = kernels_f32(s, y0, Some(y1));
        return quadrant_f32(s, biased, sine, sine).1;
    }
    let (sine, cosine) = kernels_f32(s, y0, Some(y1));
    quadrant_f32(s, biased, sine, cosine).1
}

/// See [`reduce`].
#[inline(always)]
fn reduce_f32<L: Simd>(s: L, x: L::F32) -> (L::F32, L::F32, L::F32) {
    let constant = |c: f32| L::F32::splat(s, c);
    let biased = x * constant(TWO_OVER_PI as f32) + constant(ROUND_F32);
    let k = biased - constant(ROUND_F32);
    let t = x - k * constant(PIO2_F32[0]);
    let w = k * constant(PIO2_F32[1]);
    let r = t - w;
    let c = k * constant(PIO2_F32[2]) - ((t - r) - w);
    let y0 = r - c;
    let y1 = (r - y0) - c;
    if L::F32::all(x.abs().le(constant(NEAR_F32))) {
        return (biased, y0, y1);
    }
    reduce_some_far_f32(s, x, biased, y0, y1)
}

/// See [`quadrant`].
#[inline(always)]
fn quadrant_f32<L: Simd>(s: L, biased: L::F32, sine: L::F32, cosine: L::F32) -> (L::F32, L::F32) {
    let next = biased + L::F32::splat(s, 1.0);
    turned(s, biased.has_bit::<0>(), [biased.has_bit::<1>(), next.has_bit::<1>()], [sine, cosine])
}

/// The polynomials, of a float or of a sum of two. A second one of zero changes nothing.
#[inline(always)]
fn kernels_f32<L: Simd>(s: L, x: L::F32, y: Option<L::F32>) -> (L::F32, L::F32) {
    let constant = |c: f32| L::F32::splat(s, c);
    let one = constant(1.0);
    let z = x * x;
    let half = constant(0.5) * z;
    let w = one - half;
    let r = x * (z * (constant(S_F32[0]) + z * (constant(S_F32[1]) + z * constant(S_F32[2]))));
    let v = z * (z * (constant(C_F32[0]) + z * (constant(C_F32[1]) + z * constant(C_F32[2]))));
    let (r, v) = match y {
        Some(y) => (r + y * w, v - x * y),
        None => (r, v),
    };
    let sine = x + r;
    // A sum of zeros has lost its sign.
    let sine = L::F32::select(x.eq(constant(0.0)), x, sine);
    (sine, w + (((one - w) - half) + v))
}

/// Replaces the reduction of the lanes that are far.
#[inline(always)]
fn reduce_some_far_f32<L: Simd>(s: L, x: L::F32, biased: L::F32, y0: L::F32, y1: L::F32) -> (L::F32, L::F32, L::F32) {
    let mut lanes = [[0.0; 16]; 4];
    for (lanes, register) in lanes.iter_mut().zip([x, biased, y0, y1]) {
        register.store(lanes);
    }
    let [x, biased, y0, y1] = &mut lanes;
    reduce_far_lanes_f32(x, biased, y0, y1);
    let load = |lanes: &[f32; 16]| L::F32::load_or(s, lanes, 0.0);
    (load(&lanes[1]), load(&lanes[2]), load(&lanes[3]))
}

#[cold]
#[inline(never)]
fn reduce_far_lanes_f32(x: &[f32; 16], biased: &mut [f32; 16], y0: &mut [f32; 16], y1: &mut [f32; 16]) {
    for k in 0..16 {
        let wide = f64::from(x[k]);
        if wide.abs() <= f64::from(NEAR_F32) {
            continue;
        }
        let (quadrant, rest) = if wide.abs() <= NEAR {
            let turns = (wide * TWO_OVER_PI + ROUND) - ROUND;
            (turns as i64 as u32 & 3, ((wide - turns * PIO2_1) - turns * PIO2_2) - turns * PIO2_3)
        } else {
            let (quadrant, rest, _) = reduce_far(wide);
            (quadrant, rest)
        };
        biased[k] = ROUND_F32 + quadrant as f32;
        y0[k] = rest as f32;
        y1[k] = (rest - f64::from(y0[k])) as f32;
    }
}

/// Replaces the reduction of the lanes from `far`, which is at least 1, on.
#[inline(always)]
pub(super) fn reduce_some_far<L: Simd>(
    s: L,
    far: f64,
    x: L::F64,
    biased: L::F64,
    y0: L::F64,
    y1: L::F64,
) -> (L::F64, L::F64, L::F64) {
    let mut lanes = [[0.0; 8]; 4];
    for (lanes, register) in lanes.iter_mut().zip([x, biased, y0, y1]) {
        register.store(lanes);
    }
    let [x, biased, y0, y1] = &mut lanes;
    reduce_far_lanes(far, x, biased, y0, y1);
    let load = |lanes: &[f64; 8]| L::F64::load_or(s, lanes, 0.0);
    (load(&lanes[1]), load(&lanes[2]), load(&lanes[3]))
}

#[cold]
#[inline(never)]
fn reduce_far_lanes(far: f64, x: &[f64; 8], biased: &mut [f64; 8], y0: &mut [f64; 8], y1: &mut [f64; 8]) {
    for k in 0..8 {
        if x[k].abs() >= far {
            let (quadrant, high, low) = reduce_far(x[k]);
            (biased[k], y0[k], y1[k]) = (ROUND + f64::from(quadrant), high, low);
        }
    }
}

/// [`sin_cos`] of one number.
pub fn sin_cos_of(x: f64) -> (f64, f64) {
    let s = super::scalar::Scalar;
    let (sine, cosine) = sin_cos(s, <super::scalar::Scalar as Simd>::F64::splat(s, x));
    let mut out = [[0.0]; 2];
    sine.store(&mut out[0]);
    cosine.store(&mut out[1]);
    (out[0][0], out[1][0])
}

/// [`sin_cos_f32`] of one number.
pub fn sin_cos_f32_of(x: f32) -> (f32, f32) {
    let s = super::scalar::Scalar;
    let (sine, cosine) = sin_cos_f32(s, <super::scalar::Scalar as Simd>::F32::splat(s, x));
    let mut out = [[0.0]; 2];
    sine.store(&mut out[0]);
    cosine.store(&mut out[1]);
    (out[0][0], out[1][0])
}

/// Largest angle of [`numpy_sin_cos_f32`].
pub(crate) const FARTHEST_NUMPY: f32 = 71_476.0;

/// The sine and cosine that NumPy gives for 32-bit floats up to 71,476, where the CPU has a fused
/// multiply-add: a quarter turn in three pieces, two short polynomials.
pub fn numpy_sin_cos_f32(x: f32) -> (f32, f32) {
    // As bits: their decimal forms say nothing.
    const INVERSE: f32 = f32::from_bits(0x3f22_f983);
    const ROUND_F32: f32 = 12_582_912.0; // 2^23 + 2^22
    const PIECES: [u32; 3] = [0xbfc9_0fd8, 0xb4a8_885a, 0xa7c2_34c4];
    const COSINE: [u32; 4] = [0xbab6_036e, 0x3d2a_aa9e, 0xbf00_0000, 0x3f80_0000];
    const SINE: [u32; 3] = [0xb950_35dd, 0x3c08_88cd, 0xbe2a_aaab];
    // A product and a sum in 64 bits, rounded once more: the product is exact.
    let fused = |a: f32, b: f32, c: f32| (f64::from(a) * f64::from(b) + f64::from(c)) as f32;

    let k = (x * INVERSE + ROUND_F32) - ROUND_F32;
    let rest = PIECES.iter().fold(x, |rest, piece| fused(k, f32::from_bits(*piece), rest));
    let square = rest * rest;
    let horner = |first: u32, others: &[u32]| {
        others.iter().fold(f32::from_bits(first), |sum, next| fused(sum, square, f32::from_bits(*next)))
    };
    let cosine = horner(0x37cc_730b, &COSINE);
    let sine = fused(horner(0x363e_9dde, &SINE) * square, rest, rest);
    let quarter = k as i64;
    let (a, b) = if quarter & 1 == 1 { (cosine, sine) } else { (sine, cosine) };
    (if quarter & 2 == 2 { -a } else { a }, if quarter.wrapping_add(1) & 2 == 2 { -b } else { b })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{self, Kernel, Level, Real};

    fn ulps(a: f64, b: f64) -> u64 {
        (a.to_bits() as i64).abs_diff(b.to_bits() as i64)
    }

    #[test]
    fn near_and_far_agree_with_the_platform() {
        // The platform's functions are themselves within one unit.
        for k in 0..200_000 {
            let x = (f64::from(k) * 0.37 - 37_000.0) * 0.973;
            let (sine, cosine) = sin_cos_of(x);
            assert!(ulps(sine, x.sin()) <= 2 && ulps(cosine, x.cos()) <= 2, "{x}");
        }
        for exponent in 11..1024 {
            let x = f64::from_bits((exponent + 1023) << 52 | 0x000a_bcde_f012_3456 & ((1 << 52) - 1));
            let (sine, cosine) = sin_cos_of(-x);
            assert!(ulps(sine, (-x).sin()) <= 2 && ulps(cosine, x.cos()) <= 2, "{x}");
        }
    }

    #[test]
    fn multiples_of_a_quarter_turn_keep_all_digits() {
        for k in 0..652 {
            let x = f64::from(k) * std::f64::consts::FRAC_PI_2;
            let (sine, cosine) = sin_cos_of(x);
            assert!(ulps(sine, x.sin()) <= 2 && ulps(cosine, x.cos()) <= 2, "{k}");
        }
        assert_eq!(sin_cos_of(-0.0).0.to_bits(), (-0.0f64).to_bits());
        assert_eq!(sin_cos_f32_of(-0.0).0.to_bits(), (-0.0f32).to_bits());
        assert!(sin_cos_of(f64::INFINITY).0.is_nan() && sin_cos_of(f64::NAN).1.is_nan());
        assert!(sin_cos_f32_of(f32::INFINITY).0.is_nan());
    }

    /// Whether the cosine alone is that beside the sine.
    struct Alone<'a, R>(&'a [R]);

    impl<R: Real> Kernel for Alone<'_, R> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let mut places = [[R::ZERO; 16]; 2];
            for x in self.0.chunks(R::Lanes::<S>::WIDTH) {
                let angle = R::Lanes::<S>::load_or(s, x, R::ZERO);
                R::sin_cos(s, angle).1.store(&mut places[0][..x.len()]);
                R::cos(s, angle).store(&mut places[1][..x.len()]);
                let [beside, alone] = places.map(|place| place.map(|x| x.to_f64().to_bits()));
                assert_eq!(beside[..x.len()], alone[..x.len()], "{x:?}");
            }
        }
    }

    #[test]
    fn a_cosine_alone_is_that_beside_the_sine() {
        // Registers within one quarter turn, odd and even, of all signs; across its ends; and far.
        let mut angles = Vec::new();
        for turn in -9..=9 {
            angles.extend((0..64).map(|k| f64::from(turn) * std::f64::consts::FRAC_PI_2 + f64::from(k - 32) * 0.024));
            angles.extend((0..37).map(|k| f64::from(turn) + f64::from(k) * 0.31));
        }
        angles.extend((0..100).map(|k| f64::from(k) * 1e7));
        let singles: Vec<f32> = angles.iter().map(|x| *x as f32).collect();
        for level in Level::supported() {
            simd::run(level, Alone(&angles));
            simd::run(level, Alone(&singles));
        }
    }

    #[test]
    fn single_precision_is_within_a_unit() {
        for bits in (0..0x7f80_0000).step_by(1_009) {
            let x = f32::from_bits(bits);
            let (sine, cosine) = sin_cos_f32_of(x);
            for (got, want) in [(sine, f64::from(x).sin()), (cosine, f64::from(x).cos())] {
                let size = (want as f32).abs();
                let unit = f64::from(f32::from_bits(size.to_bits() + 1)) - f64::from(size);
                assert!((f64::from(got) - want).abs() <= 0.85 * unit, "{x:?}: {got} {want}");
            }
        }
    }
}
