//! The square as the power function of the GNU C library rounds it (2.28 and later, with a fused multiply-add), to the last
//! bit: of one float in twelve hundred, not as a product is rounded.
//!
//! NumPy hands `x ** 2` of a 64-bit float to that function. Its error is below 0.535 units, so that only squares that are
//! nearly halfway between two floats can differ; those are found by a fused multiply-add, and evaluated as a power:
//!
//! ```text
//! log       x = 2^k * z; c next to z, with 1/c a multiple of 1/256; r = z/c - 1, exact; log x as a sum of two floats
//! exp       2 log x = n * ln 2 / 128 + r; a polynomial of r times 2^(n/128), rounded once
//! ```
//!
//! The method and its numbers (Nagy, Arm optimized routines) are published facts; the tables are computed here, from their
//! definition.

use super::lanes::{Lanes, Lanes64, Mask, Simd};
use super::math::ROUND;
use super::{run, Kernel};

/// The bits of the least z.
const LEAST: u64 = 0x3fe6_9555_0000_0000;
const LN_2: [f64; 2] = [f64::from_bits(0x3fe6_2e42_fefa_3800), f64::from_bits(0x3d2e_f357_93c7_6730)];
const LOG: [f64; 7] = [
    -0.5,
    f64::from_bits(0xbfe5_5555_5555_5560),
    f64::from_bits(0x3fe0_0000_0000_0006),
    f64::from_bits(0x3fe9_9999_9959_554e),
    f64::from_bits(0xbfe5_5555_5529_a47a),
    f64::from_bits(0xbff2_495b_9b48_45e9),
    f64::from_bits(0x3ff0_002b_8b26_3fc3),
];
const PER_LN_2: f64 = f64::from_bits(0x4067_1547_652b_82fe);
const LESS_LN_2: [f64; 2] = [f64::from_bits(0xbf76_2e42_fefa_0000), f64::from_bits(0xbd0c_f79a_bc9e_3b3a)];
const EXP: [f64; 4] = [
    f64::from_bits(0x3fdf_ffff_ffff_fdbd),
    f64::from_bits(0x3fc5_5555_5555_543c),
    f64::from_bits(0x3fa5_5555_cf17_2b91),
    f64::from_bits(0x3f81_1111_67a4_d017),
];
/// (1/c, log c to 43 bits after the point, what that left) and (2^(k/128), the relative error of that).
static LOGS: [[f64; 3]; 128] = logs();
static POWERS: [[f64; 2]; 128] = powers();
/// Smaller squares, which the C library evaluates another way, are products; larger ones would overflow on their way.
const LEAST_PRODUCT: f64 = 1e-220;
const MOST_PRODUCT: f64 = 1e280;
/// Beyond half a unit, the exponential function adds 0.009 to the error, and the logarithm 0.00004 times the size of the
/// square's own: 0.035 in all within the bounds above. So a product is the power unless it is off by more than 0.465.
const ALMOST_HALF: f64 = 0.5 / 0.465;
/// Between these it is 0.0099 in all: one square in fifty is doubtful, not one in fourteen.
const MODERATE: [f64; 2] = [2.3e-10, 4.3e9];
const CLOSER_TO_HALF: f64 = 0.5 / 0.4899;
/// Bits after the point of the integers from which the tables are made.
const UNIT: u32 = 116;

const fn unit() -> f64 {
    f64::from_bits((1023 - UNIT as u64) << 52)
}

/// The size of the logarithm of a/b, by the series of the inverse hyperbolic tangent.
const fn log_of_ratio(a: u128, b: u128) -> u128 {
    let (d, s) = (a.abs_diff(b), a + b);
    let (mut term, mut n, mut total) = ((d << UNIT) / s, 1, 0);
    while term > 0 {
        total += term / n;
        term = term * d / s * d / s;
        n += 2;
    }
    2 * total
}

const fn logs() -> [[f64; 3]; 128] {
    let mut rows = [[0.0; 3]; 128];
    let mut k = 0;
    while k < 128 {
        let (first, end) = (f64::from_bits(LEAST + (k << 45)), f64::from_bits(LEAST + ((k + 1) << 45)));
        let parts = if first >= 1.0 { 256 } else { 128 };
        let inverse = (parts as f64 / ((first + end) / 2.0) + 0.5) as u128;
        let log = log_of_ratio(parts, inverse);
        let high = (log + (1 << (UNIT - 44))) >> (UNIT - 43);
        let left = log as i128 - (high << (UNIT - 43)) as i128;
        let sign = if parts >= inverse { 1.0 } else { -1.0 };
        rows[k as usize] = [
            inverse as f64 / parts as f64,
            sign * high as f64 * f64::from_bits((1023 - 43) << 52),
            sign * left as f64 * unit(),
        ];
        k += 1;
    }
    rows
}

const fn powers() -> [[f64; 2]; 128] {
    let mut rows = [[0.0; 2]; 128];
    let mut k = 0;
    while k < 128 {
        let x = log_of_ratio(2, 1) * k / 128;
        let (mut term, mut n, mut total) = (1 << UNIT, 1, 0);
        while term > 0 {
            total += term;
            term = product(term, x) / n;
            n += 1;
        }
        let high = total as f64;
        rows[k as usize] = [high * unit(), (total as i128 - high as i128) as f64 / high];
        k += 1;
    }
    rows
}

/// `a * b` in the units of both, rounded down.
const fn product(a: u128, b: u128) -> u128 {
    const LOW: u128 = u64::MAX as u128;
    // Both below 2^117: shifted, the product lies above bit 128.
    let (a, b) = (a << 6, b << 6);
    let (inner, outer) = ((a >> 64) * (b & LOW), (a & LOW) * (b >> 64));
    let carry = (((a & LOW) * (b & LOW)) >> 64) + (inner & LOW) + (outer & LOW);
    (a >> 64) * (b >> 64) + (inner >> 64) + (outer >> 64) + (carry >> 64)
}

/// Squares of 64-bit floats.
#[inline(always)]
pub fn square<L: Simd>(s: L, x: L::F64) -> L::F64 {
    let constant = |c: f64| L::F64::splat(s, c);
    let product = x * x;
    let left = x.mul_add(x, product * constant(-1.0));
    let moderate = constant(MODERATE[0]).lt(product).and(product.lt(constant(MODERATE[1])));
    if L::F64::all(moderate.and(left.mul_add(constant(CLOSER_TO_HALF), product).eq(product))) {
        return product;
    }
    let certain = left.mul_add(constant(ALMOST_HALF), product).eq(product);
    if L::F64::all(certain) {
        return product;
    }
    let mut lanes = [[0.0; 8]; 2];
    x.store(&mut lanes[0]);
    product.store(&mut lanes[1]);
    let [x, products] = &mut lanes;
    run(s.level(), Doubtful { doubtful: !certain.bits(), x, products });
    L::F64::load_or(s, &lanes[1], 0.0)
}

/// Replaces products by powers. A piece of work of its own, since it is rare and long.
struct Doubtful<'a> {
    doubtful: u32,
    x: &'a [f64; 8],
    products: &'a mut [f64; 8],
}

impl Kernel for Doubtful<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let mut left = self.doubtful & ((1 << S::F64::WIDTH) - 1);
        while left != 0 {
            let k = left.trailing_zeros() as usize % 8;
            left &= left - 1;
            if self.products[k] > LEAST_PRODUCT && self.products[k] < MOST_PRODUCT {
                self.products[k] = power(self.x[k].abs());
            }
        }
    }
}

/// `x` to the power of two.
#[inline(always)]
fn power(x: f64) -> f64 {
    let above = x.to_bits().wrapping_sub(LEAST);
    let k = (above as i64) >> 52;
    let z = f64::from_bits(x.to_bits().wrapping_sub((k as u64) << 52));
    let [inverse, log, log_left] = LOGS[(above >> 45 & 127) as usize];
    let k = k as f64;
    let r = z.mul_add(inverse, -1.0);
    let t1 = k.mul_add(LN_2[0], log);
    let t2 = t1 + r;
    let lost1 = k.mul_add(LN_2[1], log_left);
    let lost2 = (t1 - t2) + r;
    let half = LOG[0] * r;
    let squared = r * half;
    let high = t2 + squared;
    let lost3 = half.mul_add(r, -squared);
    let lost4 = (t2 - high) + squared;
    let p = r.mul_add(LOG[6], LOG[5]).mul_add(squared, r.mul_add(LOG[4], LOG[3]));
    let p = squared.mul_add(p, r.mul_add(LOG[2], LOG[1]));
    let low = (r * squared).mul_add(p, ((lost1 + lost2) + lost3) + lost4);
    let log = high + low;
    let low = (high - log) + low;

    let twice = 2.0 * log;
    let n = twice.mul_add(PER_LN_2, ROUND) - ROUND;
    let r = n.mul_add(LESS_LN_2[1], n.mul_add(LESS_LN_2[0], twice)) + 2.0 * low;
    let whole = n as i64;
    let [scale, error] = POWERS[(whole & 127) as usize];
    let scale = f64::from_bits(scale.to_bits().wrapping_add((whole >> 7 << 52) as u64));
    let squared = r * r;
    let p = r.mul_add(EXP[1], EXP[0]).mul_add(squared, r + error);
    let p = r.mul_add(EXP[3], EXP[2]).mul_add(squared * squared, p);
    p.mul_add(scale, scale)
}

#[cfg(test)]
mod tests {
    use super::super::libm::tests::spread;
    use super::super::Level;
    use super::*;

    struct All<'a>(&'a [f64]);

    impl Kernel for All<'_> {
        type Output = Vec<u64>;
        fn run<S: Simd>(self, s: S) -> Vec<u64> {
            let mut all = vec![];
            for x in self.0.chunks(S::F64::WIDTH) {
                let mut out = [0.0; 8];
                square(s, S::F64::load_or(s, x, 0.0)).store(&mut out);
                all.extend(out[..x.len()].iter().map(|x| x.to_bits()));
            }
            all
        }
    }

    fn numbers() -> Vec<f64> {
        let mut numbers = vec![0.0, -0.0, 1.0, -1.0, 1e-200, 1e200, -5e-324, f64::INFINITY, f64::NAN, f64::MAX];
        numbers.extend(spread(&[1e-100, 1e-5, 1.0, 6.0, 30.0, 1e6, 1e100], 40_000));
        numbers
    }

    #[test]
    fn every_width_gives_the_same_bits_and_a_few_are_no_products() {
        let numbers = numbers();
        let plain = run(Level::SCALAR, All(&numbers));
        for level in Level::supported() {
            assert_eq!(run(level, All(&numbers)), plain, "{}", level.name());
        }
        let other = numbers.iter().zip(&plain).filter(|(x, square)| {
            let product = (**x * **x).to_bits();
            assert!(product.abs_diff(**square) <= 1, "{x:?}");
            product != **square
        });
        let count = other.count();
        assert!((140..420).contains(&count), "{count} of {}", numbers.len());
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn they_are_the_c_librarys() {
        #[cfg(target_arch = "x86_64")]
        if !is_x86_feature_detected!("fma") {
            return;
        }
        let numbers = numbers();
        for (x, square) in numbers.iter().zip(run(Level::current(), All(&numbers))) {
            let power = x.powf(std::hint::black_box(2.0));
            assert!(power.to_bits() == square || power.is_nan(), "{x:?}");
        }
    }
}
