//! The random generator of every environment: PCG64 (XSL-RR 128/64), seeded either as NumPy or as Rust's `rand` does.
//!
//! Both worlds share the 128-bit linear congruential state and its output function. They differ in how a seed becomes a
//! state, in what a 32-bit draw consumes and in how a bounded integer is drawn, so those methods exist twice; the
//! methods of one world are not meant to be mixed with the seeding of the other.
//!
//! # Reproducibility
//!
//! Everything here is integer arithmetic or single, correctly rounded floating-point operations, and therefore equal on
//! every platform, with one exception. About 1.5 % of the draws of [`Pcg64::standard_normal`] leave its fast path and
//! need `exp` or `log1p`, which Rust, like NumPy, takes from the platform's C library. Two libraries (or one library
//! choosing another code path on another CPU) may differ there in the last bit:
//!
//! * In the tail (one normal in some 3 900, `|z| > 3.654`) the returned value itself comes from `log1p` and may differ
//!   by a unit in the last place.
//! * An accept decision falls differently only if its random number lands within such a difference: a chance below
//!   1e-13 per decision that leaves the fast path, so below 1e-15 per normal. It is not zero, and from such a point on
//!   that stream is shifted against the other platform's.
//!
//! On one machine the results equal NumPy's bit for bit as long as both use the same C library and NumPy's own compiler
//! did not fuse multiplications with additions (x86-64 builds do not).

use super::ziggurat::{FI, KI, WI};
use crate::simd::pcg64::{output, Position, MULTIPLIER};

/// The small generator by which `rand` widens a 64-bit seed.
const EXPANSION_MULTIPLIER: u64 = 6_364_136_223_846_793_005;
const EXPANSION_INCREMENT: u64 = 11_634_580_027_462_260_723;
pub(super) const TWO_M53: f64 = 1.0 / (1_u64 << 53) as f64;
const TWO_M24: f32 = 1.0 / (1_u32 << 24) as f32;
const MANTISSA: u64 = (1 << 52) - 1;
/// Where the ziggurat's tail begins, and the inverse of that.
const TAIL_START: f64 = 3.654152885361009;
const TAIL_INVERSE: f64 = 0.2736612373297583;

/// A PCG64 generator, with the half of a 64-bit output that NumPy keeps for the next 32-bit draw.
///
/// Two generators that compare equal give the same draws for ever. The converse fails for a spent half: like NumPy,
/// the generator leaves its value in place, and the comparison sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pcg64 {
    at: Position,
    has_uint32: bool,
    uinteger: u32,
}

impl Pcg64 {
    /// The generator of `numpy.random.default_rng(seed)`.
    pub fn from_numpy_seed(seed: u64) -> Self {
        Self::from_numpy_words(&[seed as u32, (seed >> 32) as u32])
    }

    /// The generator of `numpy.random.default_rng` for an integer of any width, given as its 32-bit words, least
    /// significant first.
    ///
    /// Zero words at the end change nothing up to the fourth word, but do beyond it; NumPy drops them from an integer
    /// and keeps them in an array. No words at all mean 0.
    pub fn from_numpy_words(words: &[u32]) -> Self {
        let pool = seed_sequence_pool(words);
        let mut hash = 0x8b51_f9dd;
        let mut outputs = [0_u64; 4];
        for (k, output) in outputs.iter_mut().enumerate() {
            let low = hash_word(pool[2 * k % 4], &mut hash, 0x58f3_8ded);
            let high = hash_word(pool[(2 * k + 1) % 4], &mut hash, 0x58f3_8ded);
            *output = u64::from(high) << 32 | u64::from(low);
        }
        let [s0, s1, s2, s3] = outputs.map(u128::from);
        Self::start(s0 << 64 | s1, (s2 << 64 | s3) << 1 | 1)
    }

    /// The generator of `Pcg64::seed_from_u64(seed)` in rand_pcg 0.3.
    pub fn from_rand_seed(seed: u64) -> Self {
        let mut s = seed;
        let mut words = [0_u32; 8];
        for word in &mut words {
            s = s.wrapping_mul(EXPANSION_MULTIPLIER).wrapping_add(EXPANSION_INCREMENT);
            *word = (((s >> 18 ^ s) >> 27) as u32).rotate_right((s >> 59) as u32);
        }
        let [s0, s1, s2, s3, i0, i1, i2, i3] = words.map(u128::from);
        let inc = i3 << 96 | i2 << 64 | i1 << 32 | i0 | 1;
        Self::start(s3 << 96 | s2 << 64 | s1 << 32 | s0, inc)
    }

    /// Both worlds begin alike: add the starting state to the increment and advance once.
    fn start(state: u128, inc: u128) -> Self {
        let at = Position { state: inc.wrapping_add(state), inc };
        let mut rng = Self { at, has_uint32: false, uinteger: 0 };
        rng.advance();
        rng
    }

    #[inline(always)]
    fn advance(&mut self) {
        self.at.state = self.at.state.wrapping_mul(MULTIPLIER).wrapping_add(self.at.inc);
    }

    /// The next 64 random bits. A half kept by [`Self::next_u32`] stays kept.
    #[inline(always)]
    pub fn next_u64(&mut self) -> u64 {
        self.advance();
        output(self.at.state)
    }

    /// The next 32 random bits as NumPy draws them: the low half of a 64-bit output first, then the high half.
    #[inline(always)]
    pub fn next_u32(&mut self) -> u32 {
        if self.has_uint32 {
            self.has_uint32 = false;
            return self.uinteger;
        }
        let r = self.next_u64();
        self.has_uint32 = true;
        self.uinteger = (r >> 32) as u32;
        r as u32
    }

    /// A double in [0, 1) with 53 random bits, the same in NumPy (`Generator.random`) and `rand`.
    #[inline(always)]
    pub fn next_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * TWO_M53
    }

    /// `Generator.uniform(low, high)`: `low + (high - low) * double`.
    #[inline(always)]
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.next_f64()
    }

    /// An integer in [0, n), equal to `Generator.integers(n)`, with NumPy's default 64-bit result.
    ///
    /// Ranges of up to 2^32 consume 32-bit draws and may leave a half for the next one. `n` of 1 consumes nothing;
    /// neither does 0, which NumPy refuses and which gives 0 here. Above 2^63 this is the draw of `dtype=uint64`.
    #[inline(always)]
    pub fn below(&mut self, n: u64) -> u64 {
        if n <= 1 {
            return 0;
        }
        if n < 1 << 32 {
            return u64::from(self.below_u32(n as u32));
        }
        if n == 1 << 32 {
            return u64::from(self.next_u32());
        }
        let mut product = u128::from(self.next_u64()) * u128::from(n);
        if (product as u64) < n {
            let threshold = n.wrapping_neg() % n;
            while (product as u64) < threshold {
                product = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (product >> 64) as u64
    }

    #[inline(always)]
    fn below_u32(&mut self, n: u32) -> u32 {
        let bits = self.next_u32();
        self.below_from(bits, n)
    }

    /// An integer in [0, n) from a 32-bit draw, and from more of them where that is rejected.
    #[inline(always)]
    pub(super) fn below_from(&mut self, bits: u32, n: u32) -> u32 {
        let mut product = u64::from(bits) * u64::from(n);
        if (product as u32) < n {
            let threshold = n.wrapping_neg() % n;
            while (product as u32) < threshold {
                product = u64::from(self.next_u32()) * u64::from(n);
            }
        }
        (product >> 32) as u32
    }

    /// A standard normal, equal to `Generator.standard_normal()`; see the module's note on reproducibility.
    #[inline]
    pub fn standard_normal(&mut self) -> f64 {
        let r = self.next_u64();
        let layer = (r & 0xff) as usize;
        let m = r >> 9 & MANTISSA;
        if m < KI[layer] {
            return candidate(r, layer, m);
        }
        self.standard_normal_slow(r)
    }

    /// Decides a draw outside its layer's core, and draws again while it is rejected.
    #[cold]
    #[inline(never)]
    fn standard_normal_slow(&mut self, mut r: u64) -> f64 {
        loop {
            let layer = (r & 0xff) as usize;
            let m = r >> 9 & MANTISSA;
            let x = candidate(r, layer, m);
            if m < KI[layer] {
                return x;
            }
            if layer == 0 {
                return self.normal_tail(m >> 8 & 1 == 1);
            }
            // exp and ln_1p are the platform's: used only here and in the tail, never on the fast path.
            if (FI[layer - 1] - FI[layer]) * self.next_f64() + FI[layer] < (-0.5 * x * x).exp() {
                return x;
            }
            r = self.next_u64();
        }
    }

    fn normal_tail(&mut self, negative: bool) -> f64 {
        loop {
            let xx = -TAIL_INVERSE * (-self.next_f64()).ln_1p();
            let yy = -(-self.next_f64()).ln_1p();
            if yy + yy > xx * xx {
                let z = TAIL_START + xx;
                return if negative { -z } else { z };
            }
        }
    }

    /// Fills `out` in order, equal to `Generator.standard_normal(len)`.
    pub fn fill_standard_normal(&mut self, out: &mut [f64]) {
        for value in out {
            *value = self.standard_normal();
        }
    }

    /// The next 32 random bits as `rand` draws them: the low half of a whole step, nothing kept.
    #[inline]
    pub fn next_u32_whole(&mut self) -> u32 {
        self.next_u64() as u32
    }

    /// `rand`'s float in [0, 1) with 24 random bits; consumes a whole step.
    #[inline]
    pub fn next_f32_whole(&mut self) -> f32 {
        (self.next_u32_whole() >> 8) as f32 * TWO_M24
    }

    /// An integer in [0, n), equal to `gen_range(0..n)` of rand 0.8 for a 64-bit `usize`.
    ///
    /// Its rejection zone is coarse: even `n` of 1 consumes a random number of steps. `n` of 0, on which `rand`
    /// panics, gives 0 here and consumes nothing.
    #[inline]
    pub fn below_rand(&mut self, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        let zone = (n << n.leading_zeros()).wrapping_sub(1);
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            if product as u64 <= zone {
                return (product >> 64) as u64;
            }
        }
    }

    /// Whether half of an output is left for the next 32-bit draw.
    pub(super) fn has_half(&self) -> bool {
        self.has_uint32
    }

    /// The half of an output that was kept last.
    pub(super) fn half(&self) -> u32 {
        self.uinteger
    }

    /// Keeps half of an output, which the next 32-bit draw may still take or has taken already.
    pub(super) fn set_half(&mut self, half: u32, is_left: bool) {
        (self.has_uint32, self.uinteger) = (is_left, half);
    }

    /// State and increment.
    #[inline(always)]
    pub(crate) fn position(&self) -> &Position {
        &self.at
    }

    /// The same, to move.
    #[inline(always)]
    pub(crate) fn position_mut(&mut self) -> &mut Position {
        &mut self.at
    }

    /// The generator as 40 bytes, little-endian: state (16), increment (16), flag of the kept half (1), three zero
    /// bytes, the kept half (4).
    pub fn to_bytes(&self) -> [u8; 40] {
        let mut bytes = [0; 40];
        bytes[..16].copy_from_slice(&self.at.state.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.at.inc.to_le_bytes());
        bytes[32] = u8::from(self.has_uint32);
        bytes[36..].copy_from_slice(&self.uinteger.to_le_bytes());
        bytes
    }

    /// The generator [`Self::to_bytes`] wrote, or `None` for bytes it cannot have written: an even increment, a flag
    /// other than 0 or 1, or padding that is not zero.
    pub fn from_bytes(bytes: &[u8; 40]) -> Option<Self> {
        let inc = little_endian(&bytes[16..32]);
        let flag = little_endian(&bytes[32..36]);
        if inc & 1 == 0 || flag > 1 {
            return None;
        }
        Some(Self {
            at: Position { state: little_endian(&bytes[..16]), inc },
            has_uint32: flag == 1,
            uinteger: little_endian(&bytes[36..]) as u32,
        })
    }
}

/// The point of layer `layer` at `m`, with the sign in bit 8 of the draw; a zero keeps its sign as in NumPy.
#[inline]
fn candidate(r: u64, layer: usize, m: u64) -> f64 {
    // m has 52 bits: the signed conversion is one instruction where the unsigned one is several.
    f64::from_bits((m as i64 as f64 * WI[layer]).to_bits() ^ (r & 0x100) << 55)
}

fn little_endian(bytes: &[u8]) -> u128 {
    let push = |value, &byte: &u8| value << 8 | u128::from(byte);
    bytes.iter().rev().fold(0, push)
}

/// The entropy pool of NumPy's `SeedSequence`.
fn seed_sequence_pool(words: &[u32]) -> [u32; 4] {
    const MULT: u32 = 0x931e_8875;
    let mut hash = 0x43b0_d7e5;
    let mut pool = [0; 4];
    for (k, slot) in pool.iter_mut().enumerate() {
        *slot = hash_word(words.get(k).copied().unwrap_or(0), &mut hash, MULT);
    }
    for src in 0..4 {
        for dst in 0..4 {
            if src != dst {
                pool[dst] = mix(pool[dst], hash_word(pool[src], &mut hash, MULT));
            }
        }
    }
    for &word in words.iter().skip(4) {
        for slot in &mut pool {
            *slot = mix(*slot, hash_word(word, &mut hash, MULT));
        }
    }
    pool
}

fn hash_word(value: u32, hash: &mut u32, multiplier: u32) -> u32 {
    let mixed = value ^ *hash;
    *hash = hash.wrapping_mul(multiplier);
    let mixed = mixed.wrapping_mul(*hash);
    mixed ^ mixed >> 16
}

fn mix(x: u32, y: u32) -> u32 {
    let mixed = x.wrapping_mul(0xca01_f9dd).wrapping_sub(y.wrapping_mul(0x4973_f715));
    mixed ^ mixed >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    const SIZES: [u64; 12] = [
        1, 2, 3, 7, 10, 1000, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 32) + 1, 1 << 40, 1 << 63,
    ];

    /// What NumPy gives for a seed, each list from a fresh generator.
    struct NumpyVector {
        seed: u64,
        state: u128,
        inc: u128,
        raw: [u64; 3],
        doubles: [f64; 3],
        normals: [f64; 4],
        /// `integers(n)` for the sizes in turn.
        integers: [u64; 12],
        /// After 100 000 normals: their sum, and the next 64 bits.
        sum: f64,
        after: u64,
    }

    #[rustfmt::skip]
    const NUMPY: [NumpyVector; 5] = [
        NumpyVector {
            seed: 0,
            state: 0x1aa1b5345996452d09585eb7a69561e3,
            inc: 0x418ddadb3af71a82588133bc447873a9,
            raw: [0xa30febcfd9c2825f, 0x4510bdf882d9d721, 0x0a7d3da94ecde8b8],
            doubles: [0.6369616873214543, 0.2697867137638703, 0.04097352393619469],
            normals: [0.1257302210933933, -0.1321048632913019, 0.6404226504432821, 0.10490011715303971],
            integers: [
                0, 1, 1, 3, 2, 307, 87989972, 323153948, 70985654,
                3492969080, 1003585370534, 5595227450766711103,
            ],
            sum: -90.825077312059, after: 0xbbc3e3a965b5c865,
        },
        NumpyVector {
            seed: 1,
            state: 0x9c5b484bfedb756c2a6e7d6f320fbc7e,
            inc: 0x922af2da2645f895a19857b95740937b,
            raw: [0x8306bdf37922e4ff, 0xf35196bbc152a866, 0x24e7a4f608ec18cd],
            doubles: [0.5118216247002567, 0.9504636963259353, 0.14415961271963373],
            normals: [0.345584192064786, 0.8216181435011584, 0.33043707618338714, -1.303157231604361],
            integers: [
                0, 0, 1, 5, 9, 34, 309580411, 3534516177, 4074418350,
                1339305888, 465452352990, 7634208958675629714,
            ],
            sum: -459.0572042875884, after: 0x1d0b4f12d41e79ac,
        },
        NumpyVector {
            seed: 42,
            state: 0xcea44f6798798f2aacbc7c9d68860ac8,
            inc: 0xfa505436c9a8416e66caf2e28d25abff,
            raw: [0xc621fbcd16d92688, 0x705a5661a791ffc1, 0xdbcd12c26eda1624],
            doubles: [0.7739560485559633, 0.4388784397520523, 0.8585979199113825],
            normals: [0.30471707975443135, -1.0399841062404955, 0.7504511958064572, 0.9405647163912139],
            integers: [
                0, 0, 2, 4, 4, 433, 1843824993, 369133708, 2995172878,
                404488629, 1072708119942, 7020274643477799480,
            ],
            sum: -423.2930278922835, after: 0x772337eb56135dcf,
        },
        NumpyVector {
            seed: 1 << 32,
            state: 0x24d060cf1520dbdd21bbf7fbff1ac5d4,
            inc: 0x77ff3ed86c5c56337b62eea7340ca9c7,
            raw: [0xe3c5ebe285ac1625, 0x8ea09968fe31dbcc, 0xcd084ff84d8de9be],
            doubles: [0.8897387912781343, 0.5571380502062263, 0.8009080868919721],
            normals: [0.10296768001436127, -0.9805271710302613, -0.8174783249223175, -1.027881871299033],
            integers: [
                0, 1, 2, 6, 5, 302, 1719937020, 982227333, 4108195564,
                251750195, 259925313296, 7266284996147225390,
            ],
            sum: 99.50075103256964, after: 0x1db85d52daf58ed9,
        },
        NumpyVector {
            seed: 1 << 63,
            state: 0x19f38fac928ef115ada495ade18f7415,
            inc: 0x71efe86c260ef309545d80ba006e813b,
            raw: [0xcfb443e389167cfd, 0x98b11eb7647f71b8, 0xde463a1436212dfd],
            doubles: [0.8113443785196867, 0.5964526365028158, 0.8682590770096154],
            normals: [1.629426797845334, -1.5075699421794106, -3.141192621359472, 0.22021335222348798],
            integers: [
                0, 1, 2, 2, 5, 211, 1864572170, 2546860042, 1825901412,
                1071585264, 250986412680, 4226687135479717336,
            ],
            sum: -92.05821863070307, after: 0x3b2fbbe57e86b42b,
        },
    ];

    #[test]
    fn numpy_vectors() {
        for v in &NUMPY {
            let fresh = Pcg64::from_numpy_seed(v.seed);
            assert_eq!((fresh.at.state, fresh.at.inc), (v.state, v.inc));
            let mut rng = fresh.clone();
            assert_eq!(v.raw.map(|_| rng.next_u64()), v.raw);
            let mut rng = fresh.clone();
            assert_eq!(v.doubles.map(|_| rng.next_f64()), v.doubles);
            let mut rng = fresh.clone();
            assert_eq!(v.normals.map(|_| rng.standard_normal()), v.normals);
            let mut rng = fresh.clone();
            assert_eq!(SIZES.map(|n| rng.below(n)), v.integers);
            // The sum may feel the platform's log1p; the position in the stream tells every accept decision.
            let mut rng = fresh.clone();
            let mut normals = vec![0.0; 100_000];
            rng.fill_standard_normal(&mut normals);
            assert!((normals.iter().sum::<f64>() - v.sum).abs() < 1e-9);
            assert_eq!(rng.next_u64(), v.after);
        }
    }

    #[test]
    fn numpy_seed_words() {
        let wide = Pcg64::from_numpy_words;
        assert_eq!(wide(&[]), Pcg64::from_numpy_seed(0));
        assert_eq!(wide(&[7, 0, 0, 0]), Pcg64::from_numpy_seed(7));
        assert_ne!(wide(&[7, 0, 0, 0, 0]), Pcg64::from_numpy_seed(7));
        // 2^70 + 5 and 2^200 + 3
        assert_eq!(wide(&[5, 0, 64]).next_u64(), 0x31c9728b708a519d);
        assert_eq!(wide(&[3, 0, 0, 0, 0, 0, 256]).next_u64(), 0xfced3be8a67b0635);
    }

    #[test]
    fn numpy_tail() {
        for (seed, normal) in [(755, -4.38237508460643), (1950, 4.554726270024058_f64)] {
            let value = Pcg64::from_numpy_seed(seed).standard_normal();
            assert!((value - normal).abs() < 2e-15, "seed {seed}: {value}");
        }
    }

    #[test]
    fn kept_half_survives_other_draws() {
        let mut rng = Pcg64::from_numpy_seed(9);
        assert_eq!(rng.below(10), 4);
        assert_eq!(rng.standard_normal(), 0.2428499070790021);
        assert_eq!(rng.below(10), 8);
        assert_eq!(rng.below(1 << 40), 663168404253);
        assert_eq!(rng.uniform(-2.5, 4.0), 2.5539715389811617);
        assert_eq!((rng.below(7), rng.below(7)), (4, 5));
        let mut rng = Pcg64::from_numpy_seed(9);
        let halves = [0; 3].map(|_| rng.next_u32());
        assert_eq!(halves, [0x6bea8721, 0xdec8a6de, 0xf6070420]);
        assert_eq!((rng.below(0), rng.below(1)), (0, 0));
        assert_eq!(rng.next_u32(), 0x496cda44);
    }

    /// What `rand` gives for a seed, each from a fresh generator: two u64, an f64, then `gen_range(0..n)` for
    /// `RAND_SIZES` and how many steps those took.
    type RandVector = (u64, [u64; 2], f64, [u64; 12], usize);

    #[rustfmt::skip]
    const RAND: [RandVector; 6] = [
        (0, [2354861276966075475, 6411218084291373563], 0.12765728561943035,
            [0, 1, 0, 3, 2, 5, 9, 0, 0, 0, 0, 0], 24),
        (1, [15492934433077865799, 319104231195455319], 0.8398736585259249,
            [0, 0, 2, 2, 2, 0, 8, 0, 0, 2, 4, 4], 22),
        (42, [4178418447715145737, 4410739922618931473], 0.2265125179283135,
            [0, 0, 2, 2, 2, 5, 2, 0, 0, 1, 6, 2], 22),
        (12345, [4242560371181940401, 12172536656654349994], 0.2299896585668183,
            [0, 1, 0, 2, 2, 0, 1, 0, 0, 2, 4, 5], 18),
        (2147483646, [17201493018511229763, 13644429661082592896], 0.9324948050332056,
            [0, 1, 2, 3, 4, 6, 9, 0, 0, 1, 6, 5], 22),
        (u64::MAX, [15532479649269844593, 13660700689182349338], 0.8420174089912625,
            [0, 0, 0, 3, 3, 0, 8, 0, 0, 1, 2, 7], 26),
    ];
    const RAND_SIZES: [u64; 12] = [1, 2, 3, 4, 5, 7, 10, 1, 2, 3, 8, 9];

    #[test]
    fn rand_vectors() {
        for (seed, raw, double, integers, steps) in RAND {
            let fresh = Pcg64::from_rand_seed(seed);
            let mut rng = fresh.clone();
            assert_eq!(raw.map(|_| rng.next_u64()), raw, "seed {seed}");
            let mut rng = fresh.clone();
            assert_eq!(raw.map(|_| rng.next_u32_whole()), raw.map(|r| r as u32));
            assert_eq!(fresh.clone().next_f64(), double);
            let mut rng = fresh.clone();
            assert_eq!(RAND_SIZES.map(|n| rng.below_rand(n)), integers);
            let mut stepped = fresh.clone();
            (0..steps).for_each(|_| stepped.advance());
            assert_eq!(rng, stepped);
            assert_eq!((rng.below_rand(0), rng), (0, stepped));
        }
        let mut rng = Pcg64::from_rand_seed(42);
        assert_eq!(rng.next_f32_whole(), 0.636_720_2);
        assert_eq!(rng.next_f32_whole(), 0.173_184_93);
    }

    #[test]
    fn reference_stream_of_pcg() {
        let mut rng = Pcg64::start(42, 54 << 1 | 1);
        let expected = [0x86b1da1d72062b68, 0x1304aa46c9853d39, 0xa3670e9e0dd50358];
        assert_eq!(expected.map(|_| rng.next_u64()), expected);
    }

    #[test]
    fn bytes_round_trip_and_refuse_damage() {
        let mut rng = Pcg64::from_numpy_seed(3);
        rng.next_u32();
        let bytes = rng.to_bytes();
        assert_eq!(bytes[..16], rng.at.state.to_le_bytes());
        assert_eq!(bytes[36..], rng.uinteger.to_le_bytes());
        assert_eq!(Pcg64::from_bytes(&bytes), Some(rng));
        for (position, value) in [(16, bytes[16] & !1), (32, 2), (33, 1), (35, 1)] {
            let mut damaged = bytes;
            damaged[position] = value;
            assert_eq!(Pcg64::from_bytes(&damaged), None, "byte {position}");
        }
    }
}
