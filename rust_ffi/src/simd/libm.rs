//! The sine and the cosine of the GNU C library (2.28 and later, on CPUs with a fused multiply-add), to the last bit.
//!
//! NumPy and CPython hand 64-bit angles to the C library, and a fast arm enlarges the last bit of a sine to anything: whoever
//! is to repeat a run of theirs needs these functions, not only good ones. Twice the work of [`super::trig`], so only for
//! rules that need it.
//!
//! ```text
//! near 0    |x| < 0.855: nothing is to be reduced
//! near pi/2 |x| < 2.426: the distance from pi/2, in two floats
//! beyond    x = k * pi/2 + high + low, pi/2 in four parts
//! table     sine and cosine of the multiples of 1/128, each as a sum of two floats; what is left to the angle is at most
//!           1/256, where short polynomials do, and the sum of all is rounded once
//! around 0  |high| < 0.126: a sine is a polynomial alone
//! far       |x| >= 105414351: reduced as in [`super::trig`], which is as exact, but may end in another last bit
//! ```
//!
//! What is fused and what is not is part of the function. The method (Ziv, IBM Accurate Mathematical Library) and its numbers
//! are published facts; the table is computed here, from its definition.

use super::lanes::{Lanes, Lanes64, Mask, Simd};
use super::math::ROUND;
use super::trig;

/// `2^45 + 2^44`: adding it rounds to a multiple of 1/128.
const ROUND_128: f64 = 52_776_558_133_248.0;
/// The bounds of the three reductions.
const SMALL: f64 = 0.855_468_75;
const MIDDLE: f64 = f64::from_bits(0x4003_68fd_0000_0000);
const FAR: f64 = f64::from_bits(0x4199_21fb_0000_0000);
/// Below, a sine is a polynomial.
const AROUND_ZERO: f64 = 0.126;
/// pi/2 in two floats, and less pi/2 in four.
const HALF_PI: [f64; 2] = [std::f64::consts::FRAC_PI_2, f64::from_bits(0x3c91_a626_3314_5c07)];
const LESS_HALF_PI: [f64; 4] = [
    f64::from_bits(0xbff9_21fb_5800_0000),
    f64::from_bits(0x3e4d_de97_3c00_0000),
    f64::from_bits(0x3c8c_b3b3_9800_0000),
    f64::from_bits(0x3acd_747f_23e3_2ed7),
];
/// The sine less x, over x^3: around zero, the highest power first, and of what the table leaves.
const SINE: [f64; 5] = [
    f64::from_bits(0xbe5a_ddff_c2fc_df59),
    f64::from_bits(0x3ec7_1de2_7b9a_7ed9),
    f64::from_bits(0xbf2a_01a0_19db_08b8),
    f64::from_bits(0x3f81_1111_1111_0ece),
    f64::from_bits(0xbfc5_5555_5555_5555),
];
const SHORT_SINE: [f64; 2] = [f64::from_bits(0x3f81_1110_e829_872f), f64::from_bits(0xbfc5_5555_5555_5515)];
/// The cosine less one, over x^2.
const SHORT_COSINE: [f64; 3] = [f64::from_bits(0xbf56_c16b_edd9_e239), f64::from_bits(0x3fa5_5555_5555_5535), -0.5];

/// Sine and cosine of k/128, in rows of (high, low) of the sine and (high, low) of the cosine. Angles end before row 110.
static TABLE: [[f64; 4]; 128] = table();
const ROWS: usize = 110;

const fn table() -> [[f64; 4]; 128] {
    let mut rows = [[0.0; 4]; 128];
    let mut k = 0;
    while k < ROWS {
        let [sine, cosine] = sums(k as u128);
        rows[k] = [sine.0, sine.1, cosine.0, cosine.1];
        k += 1;
    }
    rows
}

/// Sine and cosine of k/128 by their series, in integers of 120 bits after the point.
const fn sums(k: u128) -> [(f64, f64); 2] {
    let (mut sums, mut term, mut n) = ([0u128; 2], 1u128 << 120, 0);
    while term > 0 {
        // The cosine takes the even powers.
        let sum = &mut sums[1 - (n % 2) as usize];
        *sum = if n % 4 < 2 { *sum + term } else { *sum - term };
        n += 1;
        term = term * k / (128 * n);
    }
    [in_two(sums[0]), in_two(sums[1])]
}

const fn in_two(sum: u128) -> (f64, f64) {
    let unit = f64::from_bits((1023 - 120) << 52);
    let high = sum as f64;
    (high * unit, (sum as i128 - high as i128) as f64 * unit)
}

/// Lanes of one number. No closure: one that is called so often is not always inlined.
#[inline(always)]
fn constant<L: Simd>(s: L, x: f64) -> L::F64 {
    L::F64::splat(s, x)
}

/// The polynomials of what the table leaves: two factors of the sine less x, and the cosine less one.
#[inline(always)]
fn short<L: Simd>(s: L, x: L::F64) -> ([L::F64; 2], L::F64) {
    let square = x * x;
    let p = constant(s, SHORT_SINE[0]).mul_add(square, constant(s, SHORT_SINE[1]));
    let q = constant(s, SHORT_COSINE[0]).mul_add(square, constant(s, SHORT_COSINE[1]));
    ([x * square, p], square * q.mul_add(square, constant(s, SHORT_COSINE[2])))
}

/// An angle below 0.856: its sign, its size in two floats, its place in the table and what that leaves.
struct Place<L: Simd> {
    negative: <L::F64 as Lanes<L>>::Mask,
    high: L::F64,
    /// None for zero, which saves a third of the work.
    low: Option<L::F64>,
    biased: L::F64,
    rest: L::F64,
}

impl<L: Simd> Place<L> {
    #[inline(always)]
    #[allow(clippy::manual_map)] // a closure would not always be inlined
    fn of(s: L, angle: L::F64, low: Option<L::F64>) -> Self {
        let (negative, high) = (angle.has_bit::<63>(), angle.abs());
        let low = match low {
            Some(low) => Some(L::F64::select(negative, low * constant(s, -1.0), low)),
            None => None,
        };
        let biased = high + constant(s, ROUND_128);
        Place { negative, high, low, biased, rest: high - (biased - constant(s, ROUND_128)) }
    }

    #[inline(always)]
    fn sine(&self, s: L, row: &[L::F64; 4]) -> L::F64 {
        let (x, rest) = (self.high, self.rest);
        let square = x * x;
        let mut around = constant(s, SINE[0]);
        for c in &SINE[1..] {
            around = around.mul_add(square, constant(s, *c));
        }
        let ([cube, p], less) = short(s, rest);
        let (around_zero, sine, less) = match self.low {
            Some(low) => (
                x + square.mul_add(around.mul_add(x, low * constant(s, -0.5)), low),
                rest + cube.mul_add(p, low),
                rest.mul_add(low * constant(s, -1.0), less),
            ),
            None => (x + square * (around * x), rest + cube * p, less),
        };
        let from_table = row[0] + sine.mul_add(row[2], less.mul_add(row[0], sine.mul_add(row[3], row[1])));
        let found = L::F64::select(x.lt(constant(s, AROUND_ZERO)), around_zero, from_table);
        L::F64::select(self.negative, found * constant(s, -1.0), found)
    }

    #[inline(always)]
    fn cosine(&self, s: L, row: &[L::F64; 4]) -> L::F64 {
        // A cosine adds up what is left before anything else, a sine last.
        let rest = match self.low {
            Some(low) => self.rest + low,
            None => self.rest,
        };
        let ([cube, p], less) = short(s, rest);
        let turned = cube.mul_add(p, rest) * constant(s, -1.0);
        row[2] + turned.mul_add(row[0], less.mul_add(row[2], turned.mul_add(row[1], row[3])))
    }
}

/// The sine of one angle and the cosine of another, which have the same place in the table as a rule.
#[inline(always)]
fn look_up<L: Simd>(s: L, sine: &Place<L>, cosine: &Place<L>) -> (L::F64, L::F64) {
    let row = sine.biased.rows(s, &TABLE);
    let mut other = row;
    if !L::F64::all(sine.biased.eq(cosine.biased)) {
        other = cosine.biased.rows(s, &TABLE);
    }
    (sine.sine(s, &row), cosine.cosine(s, &other))
}

/// Sine and cosine in 64 bits. NaN of what is not finite.
#[inline(always)]
pub fn sin_cos<L: Simd>(s: L, x: L::F64) -> (L::F64, L::F64) {
    let select = L::F64::select;
    let size = x.abs();
    let is_small = size.lt(constant(s, SMALL));
    if L::F64::all(is_small) {
        let place = Place::of(s, x, None);
        let row = place.biased.rows(s, &TABLE);
        return (place.sine(s, &row), place.cosine(s, &row));
    }
    let middle = size.lt(constant(s, MIDDLE)).and_not(is_small);
    let (after, after_low) = (constant(s, HALF_PI[0]) - size, constant(s, HALF_PI[1]));
    let sum = after + after_low;
    let sum_low = (after - sum) + after_low;
    if L::F64::all(middle) {
        let (cosine, sine) = look_up(s, &Place::of(s, sum, Some(sum_low)), &Place::of(s, after, Some(after_low)));
        return (select(x.has_bit::<63>(), sine * constant(s, -1.0), sine), cosine);
    }
    let (biased, high, low) = reduce(s, x);
    let biased = select(is_small, constant(s, ROUND), biased);
    let high = select(is_small, x, high);
    let low = select(is_small, constant(s, 0.0), low);
    let of_sine = Place::of(s, select(middle, sum, high), Some(select(middle, sum_low, low)));
    let of_cosine = Place::of(s, select(middle, after, high), Some(select(middle, after_low, low)));
    let (even, odd) = look_up(s, &of_sine, &of_cosine);

    let next = biased + constant(s, 1.0);
    let turned = biased.has_bit::<0>().or(middle);
    let (sine, cosine) = (select(turned, odd, even), select(turned, even, odd));
    let minus = biased.has_bit::<1>().and_not(middle).or(middle.and(x.has_bit::<63>()));
    let sine = select(minus, sine * constant(s, -1.0), sine);
    let minus = next.has_bit::<1>().and_not(middle);
    (sine, select(minus, cosine * constant(s, -1.0), cosine))
}

/// `k` in the last bits of the first, and what `k * pi/2` leaves, in two floats.
#[inline(always)]
fn reduce<L: Simd>(s: L, x: L::F64) -> (L::F64, L::F64, L::F64) {
    let biased = x.mul_add(constant(s, std::f64::consts::FRAC_2_PI), constant(s, ROUND));
    let k = biased - constant(s, ROUND);
    let rest = k.mul_add(constant(s, LESS_HALF_PI[1]), k.mul_add(constant(s, LESS_HALF_PI[0]), x));
    let shorter = k.mul_add(constant(s, LESS_HALF_PI[2]), rest);
    let high = k.mul_add(constant(s, LESS_HALF_PI[3]), shorter);
    let low = k.mul_add(constant(s, LESS_HALF_PI[2]), rest - shorter)
        + k.mul_add(constant(s, LESS_HALF_PI[3]), shorter - high);
    if L::F64::all(x.abs().lt(constant(s, FAR))) {
        return (biased, high, low);
    }
    trig::reduce_some_far(s, FAR, x, biased, high, low)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::{run, Kernel, Level};
    use super::*;

    /// So many numbers between each bound and its negative.
    pub fn spread(bounds: &[f64], count: usize) -> Vec<f64> {
        let mut state = 1u64;
        let mut next = |bound: f64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 52) as f64 * bound - bound
        };
        bounds.iter().flat_map(|bound| vec![*bound; count]).map(&mut next).collect()
    }

    /// Angles of every size that a rule meets, both signs, and what lies at the bounds.
    fn angles() -> Vec<f64> {
        let mut angles: Vec<f64> = vec![0.0, -0.0, 1e-300, -1e-300, 5e-324, 1e9, -1e300, f64::INFINITY, f64::NAN];
        for bound in [AROUND_ZERO, SMALL, MIDDLE, FAR, HALF_PI[0], 2.0 * HALF_PI[0], 2f64.powi(-26)] {
            angles.extend([bound, bound.next_up(), bound.next_down(), -bound, -bound.next_down()]);
        }
        // Halfway between two places of the table, where a sine and a cosine take different ones.
        for k in 0..ROWS {
            let part = (k as f64 + 0.5) / 128.0;
            angles.extend([HALF_PI[0] - part, HALF_PI[0] + part, -HALF_PI[0] - part, part, -part]);
        }
        angles.extend(spread(&[0.2, 0.9, 2.5, 10.0, 1e3, 1e8], 4000));
        angles
    }

    struct All<'a>(&'a [f64]);

    impl Kernel for All<'_> {
        type Output = Vec<[u64; 2]>;
        fn run<S: Simd>(self, s: S) -> Self::Output {
            let mut all = vec![];
            for x in self.0.chunks(S::F64::WIDTH) {
                let (sine, cosine) = sin_cos(s, S::F64::load_or(s, x, 0.0));
                let mut out = [[0.0; 8]; 2];
                sine.store(&mut out[0]);
                cosine.store(&mut out[1]);
                // Which NaN comes out of an operation is up to compilers and processors.
                let bits = |x: f64| if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() };
                all.extend((0..x.len()).map(|k| [bits(out[0][k]), bits(out[1][k])]));
            }
            all
        }
    }

    #[test]
    fn every_width_gives_the_same_bits() {
        let angles = angles();
        let plain = run(Level::SCALAR, All(&angles));
        for level in Level::supported() {
            for ((x, found), plain) in angles.iter().zip(run(level, All(&angles))).zip(&plain) {
                assert_eq!(found, *plain, "{} {x:?}", level.name());
            }
        }
    }

    #[test]
    fn they_are_close_to_any_other_librarys() {
        let angles: Vec<f64> = angles().into_iter().filter(|x| x.abs() < FAR).collect();
        for (x, [sine, cosine]) in angles.iter().zip(run(Level::SCALAR, All(&angles))) {
            let ulps = |a: f64, bits: u64| (a.to_bits() as i64).abs_diff(bits as i64);
            assert!(ulps(x.sin(), sine) <= 1 && ulps(x.cos(), cosine) <= 1, "{x:?}");
        }
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn they_are_the_c_librarys() {
        #[cfg(target_arch = "x86_64")]
        if !is_x86_feature_detected!("fma") {
            return;
        }
        let angles: Vec<f64> = angles().into_iter().filter(|x| x.abs() < FAR).collect();
        for (x, found) in angles.iter().zip(run(Level::SCALAR, All(&angles))) {
            // Apart, or the compiler asks the library for both at once, which is another function.
            let [sine, cosine] = [std::hint::black_box(*x).sin(), std::hint::black_box(*x).cos()];
            assert_eq!(found, [sine.to_bits(), cosine.to_bits()], "{x:?}");
        }
    }
}
