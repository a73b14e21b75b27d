//! What a kernel may ask of lanes. Every operation gives the same bits on every instruction set: IEEE
//! arithmetic without contraction, and comparisons, minima and selections defined to the last sign of zero.

use super::{libm, libm_power, remainder, trig, Level};
use bytemuck::Pod;
use std::fmt::{Debug, Display};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Kernels rely on what the instruction sets and precisions of this crate do: nobody adds others.
pub trait Sealed {}

impl Sealed for f32 {}
impl Sealed for f64 {}

/// A token for one instruction set. A value of it proves that the CPU supports the set.
pub trait Simd: Sealed + Copy + Send + Sync + 'static {
    /// The level that this token proves: for pieces of work that are compiled once and called, not inlined.
    fn level(self) -> Level;
    /// Lanes of 32-bit floats.
    type F32: Lanes32<Self>;
    /// Lanes of 64-bit floats: half as many, or one.
    type F64: Lanes64<Self>;
    /// Rounds two registers to one. One-lane registers take the first.
    fn join(self, low: Self::F64, high: Self::F64) -> Self::F32;
    /// Widens a register to two. Of one lane, both are the same.
    fn split(self, x: Self::F32) -> [Self::F64; 2];
    /// Writes the places where either flag (0 or 1) is set, counted from `first`, to the front of `to`, which has room
    /// for 80; what lies behind them may be overwritten. Gives their number.
    #[inline(always)]
    fn places_set(self, a: &[u8; 64], b: &[u8; 64], first: u32, to: &mut [u32]) -> usize {
        let mut set = 0u64;
        for k in 0..8 {
            let word = |x: &[u8; 64]| x.as_chunks::<8>().0.get(k).map_or(0, |x| u64::from_le_bytes(*x));
            // The lowest bits of the bytes, gathered in the uppermost byte.
            set |= ((word(a) | word(b)).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * k);
        }
        let count = set.count_ones() as usize;
        for to in to.iter_mut().take(count) {
            *to = first + set.trailing_zeros();
            set &= set - 1;
        }
        count
    }
}

/// A working precision: `f32` or `f64`.
pub trait Real:
    Sealed
    + Pod
    + PartialOrd
    + Debug
    + Display
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// The lanes of this precision under the instruction set `S`.
    type Lanes<S: Simd>: Lanes<S, Scalar = Self>;
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Positive infinity.
    const INFINITY: Self;
    /// Not a number.
    const NAN: Self;
    /// The largest finite number.
    const MAX: Self;
    /// Rounds to this precision.
    fn from_f64(x: f64) -> Self;
    /// Rounds or widens to this precision.
    fn from_f32(x: f32) -> Self;
    /// Rounds to this precision.
    fn from_i32(x: i32) -> Self;
    /// The least number of this precision that is not below `x`.
    fn not_below(x: f64) -> Self;
    /// Widens, exactly.
    fn to_f64(self) -> f64;
    /// True if a float of this precision, widened to 64 bits, has at least eight zero bits at its end.
    const HAS_SPARE_BITS: bool;
    /// The first elements, widened; where the slice is shorter, `fill` stands in.
    fn load_wide<S: Simd>(s: S, from: &[Self], fill: f64) -> S::F64;
    /// Rounds each lane to this precision and widens it again.
    fn round_wide<S: Simd>(s: S, x: S::F64) -> S::F64;
    /// Writes the lanes to as many elements as there are, rounded to this precision.
    fn store_rounded<S: Simd>(x: S::F64, to: &mut [Self]);
    /// Sine and cosine; see [`super::trig`].
    fn sin_cos<S: Simd>(s: S, x: Self::Lanes<S>) -> (Self::Lanes<S>, Self::Lanes<S>);
    /// That cosine alone.
    fn cos<S: Simd>(s: S, x: Self::Lanes<S>) -> Self::Lanes<S>;
    /// Sine and cosine, in 64 bits those of the C library; see [`super::libm`].
    fn libm_sin_cos<S: Simd>(s: S, x: Self::Lanes<S>) -> (Self::Lanes<S>, Self::Lanes<S>);
    /// The square, in 64 bits as a power of the C library; see [`libm_power`].
    fn libm_square<S: Simd>(s: S, x: Self::Lanes<S>) -> Self::Lanes<S>;
    /// The remainder of a division by `y > 0`, from 0 to `y`; see [`remainder`].
    fn floored_remainder<S: Simd>(s: S, x: Self::Lanes<S>, y: Self) -> Self::Lanes<S>;
    /// Rounds to 32 bits and widens again; of 32-bit lanes, nothing.
    fn through_f32<S: Simd>(x: Self::Lanes<S>) -> Self::Lanes<S>;
    /// Registers of this precision that make one of 32-bit lanes: 1 or 2.
    const PARTS: usize;
    /// The first `PARTS` registers as one of 32-bit floats.
    fn narrow<S: Simd>(s: S, parts: [Self::Lanes<S>; 2]) -> S::F32;
    /// A register of 32-bit lanes as `PARTS` of this precision.
    fn part<S: Simd>(s: S, x: S::F32) -> [Self::Lanes<S>; 2];
    /// Widens a register to two of 64-bit lanes; of 64-bit lanes, the first is the register itself.
    fn widen<S: Simd>(s: S, x: Self::Lanes<S>) -> [S::F64; 2];
    /// The first elements of `from`, which has as many as there are lanes, rounded to this precision.
    fn load_rounded<S: Simd>(s: S, from: &[f64]) -> Self::Lanes<S>;
    /// [`Real::not_below`] of the first elements of `from`, which has as many as there are lanes.
    fn load_not_below<S: Simd>(s: S, from: &[f64]) -> Self::Lanes<S>;
    /// The first elements of `from`, which has as many as there are lanes, less `x`, rounded once.
    fn load_less<S: Simd>(s: S, from: &[f64], x: Self::Lanes<S>) -> Self::Lanes<S>;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool {
        self.to_f64().is_finite()
    }
}

impl Real for f32 {
    type Lanes<S: Simd> = S::F32;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const INFINITY: Self = f32::INFINITY;
    const NAN: Self = f32::NAN;
    const MAX: Self = f32::MAX;
    const HAS_SPARE_BITS: bool = true;
    const PARTS: usize = 1;
    #[inline(always)]
    fn cos<S: Simd>(s: S, x: S::F32) -> S::F32 {
        trig::cos_f32(s, x)
    }
    #[inline(always)]
    fn sin_cos<S: Simd>(s: S, x: S::F32) -> (S::F32, S::F32) {
        trig::sin_cos_f32(s, x)
    }
    #[inline(always)]
    fn libm_sin_cos<S: Simd>(s: S, x: S::F32) -> (S::F32, S::F32) {
        trig::sin_cos_f32(s, x)
    }
    #[inline(always)]
    fn libm_square<S: Simd>(_: S, x: S::F32) -> S::F32 {
        x * x
    }
    #[inline(always)]
    fn floored_remainder<S: Simd>(s: S, x: S::F32, y: Self) -> S::F32 {
        remainder::floored_f32(s, x, y)
    }
    #[inline(always)]
    fn through_f32<S: Simd>(x: S::F32) -> S::F32 {
        x
    }
    #[inline(always)]
    fn narrow<S: Simd>(_: S, parts: [S::F32; 2]) -> S::F32 {
        parts[0]
    }
    #[inline(always)]
    fn part<S: Simd>(_: S, x: S::F32) -> [S::F32; 2] {
        [x; 2]
    }
    #[inline(always)]
    fn widen<S: Simd>(s: S, x: S::F32) -> [S::F64; 2] {
        s.split(x)
    }
    #[inline(always)]
    fn load_wide<S: Simd>(s: S, from: &[Self], fill: f64) -> S::F64 {
        S::F64::from_fn(s, |k| from.get(k).map_or(fill, |x| f64::from(*x)))
    }
    #[inline(always)]
    fn round_wide<S: Simd>(s: S, x: S::F64) -> S::F64 {
        let mut lanes = [0.0; 8];
        x.store(&mut lanes);
        S::F64::from_fn(s, |k| f64::from(lanes[k] as f32))
    }
    #[inline(always)]
    fn store_rounded<S: Simd>(x: S::F64, to: &mut [Self]) {
        let mut lanes = [0.0; 8];
        x.store(&mut lanes);
        for (to, lane) in to.iter_mut().zip(&lanes[..S::F64::WIDTH]) {
            *to = *lane as f32;
        }
    }
    #[inline(always)]
    fn load_rounded<S: Simd>(s: S, from: &[f64]) -> S::F32 {
        let mut lanes = [0.0; 16];
        for k in 0..S::F32::WIDTH {
            lanes[k] = from[k] as f32;
        }
        S::F32::load_or(s, &lanes, 0.0)
    }
    #[inline(always)]
    fn load_not_below<S: Simd>(s: S, from: &[f64]) -> S::F32 {
        let mut lanes = [0.0; 16];
        for k in 0..S::F32::WIDTH {
            lanes[k] = f32::not_below(from[k]);
        }
        S::F32::load_or(s, &lanes, 0.0)
    }
    #[inline(always)]
    fn load_less<S: Simd>(s: S, from: &[f64], x: S::F32) -> S::F32 {
        let mut lanes = [0.0; 16];
        x.store(&mut lanes);
        for k in 0..S::F32::WIDTH {
            lanes[k] = (from[k] - f64::from(lanes[k])) as f32;
        }
        S::F32::load_or(s, &lanes, 0.0)
    }
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn from_f32(x: f32) -> Self {
        x
    }
    #[inline(always)]
    fn from_i32(x: i32) -> Self {
        x as f32
    }
    #[inline(always)]
    fn not_below(x: f64) -> Self {
        let nearest = x as f32;
        if f64::from(nearest) < x {
            nearest.next_up()
        } else {
            nearest
        }
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    type Lanes<S: Simd> = S::F64;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const INFINITY: Self = f64::INFINITY;
    const NAN: Self = f64::NAN;
    const MAX: Self = f64::MAX;
    const HAS_SPARE_BITS: bool = false;
    const PARTS: usize = 2;
    #[inline(always)]
    fn cos<S: Simd>(s: S, x: S::F64) -> S::F64 {
        trig::cos(s, x)
    }
    #[inline(always)]
    fn sin_cos<S: Simd>(s: S, x: S::F64) -> (S::F64, S::F64) {
        trig::sin_cos(s, x)
    }
    #[inline(always)]
    fn libm_sin_cos<S: Simd>(s: S, x: S::F64) -> (S::F64, S::F64) {
        libm::sin_cos(s, x)
    }
    #[inline(always)]
    fn libm_square<S: Simd>(s: S, x: S::F64) -> S::F64 {
        libm_power::square(s, x)
    }
    #[inline(always)]
    fn floored_remainder<S: Simd>(s: S, x: S::F64, y: Self) -> S::F64 {
        remainder::floored(s, x, y)
    }
    #[inline(always)]
    fn through_f32<S: Simd>(x: S::F64) -> S::F64 {
        x.through_f32()
    }
    #[inline(always)]
    fn narrow<S: Simd>(s: S, parts: [S::F64; 2]) -> S::F32 {
        s.join(parts[0], parts[1])
    }
    #[inline(always)]
    fn part<S: Simd>(s: S, x: S::F32) -> [S::F64; 2] {
        s.split(x)
    }
    #[inline(always)]
    fn widen<S: Simd>(_: S, x: S::F64) -> [S::F64; 2] {
        [x; 2]
    }
    #[inline(always)]
    fn load_wide<S: Simd>(s: S, from: &[Self], fill: f64) -> S::F64 {
        S::F64::load_or(s, from, fill)
    }
    #[inline(always)]
    fn round_wide<S: Simd>(_: S, x: S::F64) -> S::F64 {
        x
    }
    #[inline(always)]
    fn store_rounded<S: Simd>(x: S::F64, to: &mut [Self]) {
        x.store(to);
    }
    #[inline(always)]
    fn load_rounded<S: Simd>(s: S, from: &[f64]) -> S::F64 {
        S::F64::load_or(s, from, 0.0)
    }
    #[inline(always)]
    fn load_not_below<S: Simd>(s: S, from: &[f64]) -> S::F64 {
        S::F64::load_or(s, from, 0.0)
    }
    #[inline(always)]
    fn load_less<S: Simd>(s: S, from: &[f64], x: S::F64) -> S::F64 {
        S::F64::load_or(s, from, 0.0) - x
    }
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn from_f32(x: f32) -> Self {
        f64::from(x)
    }
    #[inline(always)]
    fn from_i32(x: i32) -> Self {
        f64::from(x)
    }
    #[inline(always)]
    fn not_below(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
}

/// One truth value per lane.
pub trait Mask: Copy {
    /// Lane-wise and.
    fn and(self, other: Self) -> Self;
    /// Lane-wise or.
    fn or(self, other: Self) -> Self;
    /// Lane-wise `self and not other`.
    fn and_not(self, other: Self) -> Self;
    /// True if any lane is.
    fn any(self) -> bool;
    /// Bit `k` is lane `k`.
    fn bits(self) -> u32;
    /// Writes 1 or 0 for each lane, for as many as there are bytes.
    #[inline(always)]
    fn store_flags(self, to: &mut [u8]) {
        let bits = self.bits();
        for (k, to) in to.chunks_mut(8).enumerate() {
            let spread = u64::from(bits >> (8 * k) & 0xff).wrapping_mul(0x0101_0101_0101_0101) & 0x8040_2010_0804_0201;
            let flags = (spread.wrapping_add(0x7f7f_7f7f_7f7f_7f7f) >> 7 & 0x0101_0101_0101_0101).to_le_bytes();
            match to.first_chunk_mut::<8>() {
                Some(full) => *full = flags,
                None => to.copy_from_slice(&flags[..to.len()]),
            }
        }
    }
}

/// `WIDTH` floats that move together.
pub trait Lanes<S: Simd>:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// The type of one lane.
    type Scalar: Real;
    /// The outcome of a comparison.
    type Mask: Mask;
    /// Number of lanes.
    const WIDTH: usize;
    /// All lanes equal to `x`.
    fn splat(s: S, x: Self::Scalar) -> Self;
    /// The first `WIDTH` elements; where the slice is shorter, `fill` stands in.
    fn load_or(s: S, from: &[Self::Scalar], fill: Self::Scalar) -> Self;
    /// Writes the first `WIDTH` elements, or as many as the slice has.
    fn store(self, to: &mut [Self::Scalar]);
    /// Lane `k` is `f(k)`.
    fn from_fn(s: S, f: impl FnMut(usize) -> Self::Scalar) -> Self;
    /// `a < b` in each lane; false for NaN, as are the other comparisons.
    fn lt(self, other: Self) -> Self::Mask;
    /// `a <= b` in each lane.
    fn le(self, other: Self) -> Self::Mask;
    /// `a == b` in each lane.
    fn eq(self, other: Self) -> Self::Mask;
    /// `if mask { yes } else { no }` in each lane.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// `self / d` of a constant, correctly rounded like any division; the reciprocal of `d` must itself round well (see
    /// the tests of CartPole, which has the only one).
    #[inline(always)]
    fn divided_by(self, s: S, d: Self::Scalar) -> Self {
        self / Self::splat(s, d)
    }
    /// The absolute value.
    fn abs(self) -> Self;
    /// Which lane goes to which, for [`Lanes::pick`].
    type Places: Copy;
    /// Lane `k` is to take lane `f(k)`, which is below `WIDTH`.
    fn places(s: S, f: impl FnMut(usize) -> usize) -> Self::Places;
    /// Lane `k` takes the lane that `places` names.
    fn pick(self, places: Self::Places) -> Self;
    /// Swaps rows and columns of the square of the first `WIDTH` registers.
    fn transpose(square: &mut [Self; 16]);
    /// `if a < b { a } else { b }` in each lane.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self::select(self.lt(other), self, other)
    }
    /// `if b < a { a } else { b }` in each lane.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self::select(other.lt(self), self, other)
    }
    /// True if every lane is.
    #[inline(always)]
    fn all(mask: Self::Mask) -> bool {
        mask.bits() == ((1_u64 << Self::WIDTH) - 1) as u32
    }
    /// A mask with no lane set.
    #[inline(always)]
    fn none(s: S) -> Self::Mask {
        let zero = Self::splat(s, Self::Scalar::ZERO);
        zero.lt(zero)
    }
}

/// Most columns that [`Lanes32::store_rows`] can write.
pub const MOST_COLUMNS: usize = 6;

/// What only lanes of 32-bit floats can do.
pub trait Lanes32<S: Simd>: Lanes<S, Scalar = f32> {
    /// Writes the first `D` registers as rows of `D` floats, a row per lane, for as many lanes as `to` has rows.
    #[inline(always)]
    fn store_rows<const D: usize>(columns: &[Self; MOST_COLUMNS], to: &mut [f32]) {
        store_rows_by_element::<S, Self, D>(columns, to);
    }
    /// Whether bit `BIT` of each float's representation is set.
    fn has_bit<const BIT: u32>(self) -> Self::Mask;
}

/// The plain way of [`Lanes32::store_rows`].
#[inline(always)]
pub fn store_rows_by_element<S: Simd, L: Lanes<S, Scalar = f32>, const D: usize>(
    columns: &[L; MOST_COLUMNS],
    to: &mut [f32],
) {
    let mut tile = [[0.0; 16]; MOST_COLUMNS];
    for (column, lanes) in columns[..D].iter().zip(&mut tile) {
        column.store(lanes);
    }
    for (lane, row) in to.chunks_exact_mut(D).enumerate().take(L::WIDTH) {
        for (to, lanes) in row.iter_mut().zip(&tile) {
            *to = lanes[lane & 15];
        }
    }
}

/// What only lanes of 64-bit floats can do.
pub trait Lanes64<S: Simd>: Lanes<S, Scalar = f64> {
    /// Lane `k` takes lane `k ^ D`, for `D` of 1 to `WIDTH - 1`, one of 1, 2, 3, 4, 7.
    fn exchange<const D: usize>(self) -> Self;
    /// `2^k` in each lane, where the lane holds `1.5 * 2^52 + k` with `-1022 <= k <= 1023`.
    fn exp2_of_biased(self) -> Self;
    /// The float with its last mantissa bits (`low`: a mask of trailing ones, at most eight) replaced by the
    /// lane's index, complemented for negative floats, so that equal floats come to compare like their indices.
    fn tag(self, index: [u8; 8], low: u64) -> Self;
    /// [`Lanes64::tag`] with one index for all lanes.
    fn tag_all(self, index: u8, low: u64) -> Self;
    /// The index that [`Lanes64::tag`] wrote over the last eight mantissa bits, but at most `last`: a byte for each lane.
    fn tags(self, last: u8) -> [u8; 8];
    /// Where the representations are equal but for the bits of `low`.
    fn alike(self, other: Self, low: u64) -> Self::Mask;
    /// Whether bit `BIT` of each float's representation is set.
    fn has_bit<const BIT: u32>(self) -> Self::Mask;
    /// Rounds to 32 bits and widens again.
    fn through_f32(self) -> Self;
    /// `self * a + b`, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// Columns of the rows that the last seven bits of each lane's representation name.
    #[inline(always)]
    fn rows(self, s: S, table: &[[f64; 4]; 128]) -> [Self; 4] {
        let mut lanes = [0.0; 8];
        self.store(&mut lanes);
        let mut rows = [[0.0; 4]; 8];
        for k in 0..Self::WIDTH {
            rows[k] = table[(lanes[k].to_bits() & 0x7f) as usize];
        }
        [0, 1, 2, 3].map(|column| Self::from_fn(s, |k| rows[k][column]))
    }
}

/// Runs `$body` for the index range of each full register of `$width` lanes, then for that of what is left.
///
/// A macro, so that the compiler sees two pieces of code: one where loads are known to be full, one where not.
macro_rules! for_registers {
    ($len:expr, $width:expr, |$range:ident| $body:block) => {{
        let len: usize = $len;
        let full = len - len % $width;
        let mut first = 0;
        while first < full {
            let $range = first..first + $width;
            $body
            first += $width;
        }
        if full < len {
            let $range = full..len;
            $body
        }
    }};
}
pub(crate) use for_registers;
