//! The bytes of a case, read as choices and numbers.

use arbitrary::Unstructured;
use std::ffi::CString;

/// A case. Where its bytes are over, every choice is the first one and every number is zero.
pub struct Input<'a>(Unstructured<'a>);

/// Numbers at which arithmetic changes its ways.
const ODD: [f64; 24] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    5e-324,
    -5e-324,
    f64::EPSILON,
    3.4028234663852886e38, // the largest of 32 bits, and what rounds to infinity there
    3.5e38,
    -3.4028234663852886e38,
    1.0e-45, // below the smallest of 32 bits, at half of it, above it
    7.006492321624085e-46,
    2147483647.0,
    -2147483648.0,
    9007199254740993.0,
    1e19,
    1e300,
];

/// What an array of numbers is made of.
const KINDS: usize = 8;

impl<'a> Input<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Input(Unstructured::new(data))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A whole number below `n`, which is not zero.
    pub fn below(&mut self, n: usize) -> usize {
        self.0.int_in_range(0..=n - 1).unwrap_or(0)
    }

    /// True once in so many times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    pub fn bits(&mut self) -> u64 {
        self.0.arbitrary().unwrap_or(0)
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn bytes(&mut self, most: usize) -> &'a [u8] {
        let count = self.below(most + 1).min(self.0.len());
        self.0.bytes(count).unwrap_or(&[])
    }

    /// Text without a NUL, UTF-8 or not.
    pub fn text(&mut self, most: usize) -> CString {
        let bytes: Vec<u8> = self.bytes(most).iter().copied().filter(|byte| *byte != 0).collect();
        CString::new(bytes).unwrap_or_default()
    }

    /// A size: mostly small, at times up to `most`.
    pub fn size(&mut self, most: usize) -> usize {
        if self.once_in(6) {
            self.below(most + 1)
        } else {
            self.below(most.min(20) + 1)
        }
    }

    /// Any number at all.
    pub fn number(&mut self) -> f64 {
        match self.below(6) {
            0 => self.below(100) as f64,
            1 => self.pick(&ODD),
            2 => f64::from_bits(self.bits()),
            3 => f64::from(f32::from_bits(self.bits() as u32)),
            4 => -(self.below(100) as f64) / 8.0,
            _ => 10f64.powi(self.below(640) as i32 - 320),
        }
    }

    /// A number that auctions take: finite, and at least zero if `positive`.
    pub fn fine_number(&mut self, positive: bool) -> f64 {
        let x = self.number();
        let x = if x.is_finite() { x } else { 1.0 };
        if positive {
            x.abs()
        } else {
            x
        }
    }

    /// `count` finite numbers of one kind, at least zero if `positive`, then up to three of them replaced by any number.
    pub fn numbers(&mut self, count: usize, positive: bool) -> Vec<f64> {
        let kind = self.below(KINDS);
        let (scale, same) = (self.fine_number(true), self.fine_number(positive));
        let mut stream = Numbers(self.bits());
        let mut number = |k: usize| match kind {
            0 => stream.below(8) as f64,
            1 => stream.unit() * 100.0,
            2 => same,
            3 => (k as f64 + 1.0) * 0.5,
            4 => finite(f64::from_bits(stream.bits())),
            5 => finite(f64::from(f32::from_bits(stream.bits() as u32))),
            6 => finite(stream.unit() * scale),
            _ => f64::from_bits(stream.bits() >> 13), // tiny, most of them denormal
        };
        let mut all: Vec<f64> = (0..count).map(|k| if positive { number(k).abs() } else { number(k) }).collect();
        if count > 0 {
            for _ in 0..self.below(16).saturating_sub(12) {
                let k = self.below(count);
                all[k] = self.number();
            }
        }
        all
    }
}

fn finite(x: f64) -> f64 {
    if x.is_finite() {
        x
    } else {
        0.25
    }
}

/// SplitMix64: many numbers from few bytes.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
}
