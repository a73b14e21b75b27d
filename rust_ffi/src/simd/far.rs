//! Angles so far from 0 that multiples of a quarter turn are taken from them in integers, as Payne and Hanek do: x times
//! 2/pi, from as many bits of 2/pi as matter.

/// Bits of 2/pi, the most significant first.
const TWO_OVER_PI_BITS: [u64; 20] = [
    0xa2f9836e4e441529,
    0xfc2757d1f534ddc0,
    0xdb6295993c439041,
    0xfe5163abdebbc561,
    0xb7246e3a424dd2e0,
    0x06492eea09d1921c,
    0xfe1deb1cb129a73e,
    0xe88235f52ebb4484,
    0xe99c7026b45f7e41,
    0x3991d639835339f4,
    0x9c845f8bbdf9283b,
    0x1ff897ffde05980f,
    0xef2f118b5a0a6d1f,
    0x6d367ecf27cb09b7,
    0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b,
    0x3d0739f78a5292ea,
    0x6bfb5fb11f8d5d08,
    0x56033046fc7b6bab,
    0xf0cfbc209af4361d,
];
/// pi/2 times 2^127.
const PIO2_BITS: u128 = 0xc90fdaa22168c234c4c6628b80dc1cd1;

/// 64 bits of 2/pi from bit `first` on, where bit 0 weighs one half. Bits outside of the table are zero.
fn bits_of_two_over_pi(first: i32) -> u64 {
    let word = |k: i32| usize::try_from(k).ok().and_then(|k| TWO_OVER_PI_BITS.get(k)).copied().unwrap_or(0);
    let (k, shift) = (first.div_euclid(64), first.rem_euclid(64) as u32);
    match shift {
        0 => word(k),
        _ => word(k) << shift | word(k + 1) >> (64 - shift),
    }
}

/// `(k mod 4, y0, y1)` with `x = k * pi/2 + y0 + y1`, for `|x| >= 1`. NaN of what is not finite.
pub(super) fn reduce_far(x: f64) -> (u32, f64, f64) {
    if !x.is_finite() {
        return (0, f64::NAN, f64::NAN);
    }
    let bits = x.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32 - 1075;
    let mantissa = bits & ((1 << 52) - 1) | 1 << 52;

    // x * 2/pi in units of 2^-254, without the multiples of 4: four words, the least significant first.
    let mut product = [0u64; 4];
    let mut carry = 0;
    for (k, word) in product.iter_mut().enumerate() {
        let window = bits_of_two_over_pi(exponent + 254 - 64 * (k as i32 + 1));
        let sum = u128::from(window) * u128::from(mantissa) + carry;
        *word = sum as u64;
        carry = sum >> 64;
    }
    let mut quadrant = (product[3] >> 62) as u32;
    let fraction = [product[0], product[1], product[2], product[3] << 2 >> 2];
    // Beyond one half: the next multiple is nearer, and the rest is negative.
    let negative = fraction[3] >> 61 == 1;
    let magnitude = if negative {
        quadrant += 1;
        let mut carry = true;
        let mut all = fraction.map(|word| !word);
        for word in &mut all {
            let (sum, over) = word.overflowing_add(u64::from(carry));
            (*word, carry) = (sum, over);
        }
        all[3] &= u64::MAX >> 2;
        all
    } else {
        fraction
    };
    // The first 128 bits from the leading one on.
    let mut top = magnitude;
    let mut zeros = 0;
    while top[3] >> 63 == 0 && zeros < 254 {
        for k in (1..4).rev() {
            top[k] = top[k] << 1 | top[k - 1] >> 63;
        }
        top[0] <<= 1;
        zeros += 1;
    }
    let rest = multiply_high(u128::from(top[3]) << 64 | u128::from(top[2]), PIO2_BITS) >> 1;
    // Rounded to a float, and what that left, in units of 2^-(124 + zeros).
    let y0 = rest as f64;
    let left = (rest as i128).wrapping_sub(y0 as u128 as i128);
    let unit = f64::from_bits((1023 - 124 - zeros) << 52);
    let sign = if negative == (x < 0.0) { unit } else { -unit };
    let quadrant = if x < 0.0 { quadrant.wrapping_neg() } else { quadrant };
    (quadrant & 3, y0 * sign, left as f64 * sign)
}

/// The upper half of the product.
fn multiply_high(a: u128, b: u128) -> u128 {
    const LOW: u128 = u64::MAX as u128;
    let (a1, a0, b1, b0) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let (inner, outer) = (a1 * b0, a0 * b1);
    let carry = ((a0 * b0) >> 64) + (inner & LOW) + (outer & LOW);
    a1 * b1 + (inner >> 64) + (outer >> 64) + (carry >> 64)
}
