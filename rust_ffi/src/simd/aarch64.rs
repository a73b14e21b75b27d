//! NEON, which every 64-bit Arm CPU has.

use super::lanes::{store_rows_by_element, MOST_COLUMNS};
use super::lanes::{Lanes, Lanes32, Lanes64, Mask, Simd};
use super::{Isa, Kernel, Level};
use std::arch::aarch64::*;
use std::ops::{Add, Div, Mul, Sub};

/// The token of NEON.
#[derive(Clone, Copy)]
pub struct Neon(());

/// Runs `kernel` on NEON lanes.
#[inline]
pub fn run_neon<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Neon(()))
}

/// A NEON intrinsic.
macro_rules! isa {
    ($e:expr) => {{
        // SAFETY: NEON is part of every aarch64 target this is compiled for; loads and stores are given arrays or
        // checked slices of the full width.
        #[allow(unused_unsafe)]
        unsafe {
            $e
        }
    }};
}

impl super::lanes::Sealed for Neon {}

impl Simd for Neon {
    #[inline(always)]
    fn level(self) -> Level {
        Level(Isa::Neon)
    }
    type F32 = F32x4;
    type F64 = F64x2;
    #[inline(always)]
    fn join(self, low: F64x2, high: F64x2) -> F32x4 {
        F32x4(isa!(vcvt_high_f32_f64(vcvt_f32_f64(low.0), high.0)))
    }
    #[inline(always)]
    fn split(self, x: F32x4) -> [F64x2; 2] {
        [F64x2(isa!(vcvt_f64_f32(vget_low_f32(x.0)))), F64x2(isa!(vcvt_high_f64_f32(x.0)))]
    }
}

macro_rules! neon_lanes {
    ($lanes:ident, $mask:ident, $real:ty, $bits:ty, $register:ty, $truth:ty, $width:literal, $dup:ident, $load:ident,
     $store:ident, $add:ident, $sub:ident, $mul:ident, $div:ident, $lt:ident, $le:ident, $eq:ident, $select:ident,
     $abs:ident, $and:ident, $or:ident, $and_not:ident, $store_truth:ident,
     $transpose:ident) => {
        #[doc = concat!(stringify!($width), " lanes of ", stringify!($real), ".")]
        #[derive(Clone, Copy)]
        pub struct $lanes($register);
        #[doc = concat!("The truth values of ", stringify!($lanes), ": all bits of a lane, or none.")]
        #[derive(Clone, Copy)]
        pub struct $mask($truth);

        impl Mask for $mask {
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                $mask(isa!($and(self.0, other.0)))
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                $mask(isa!($or(self.0, other.0)))
            }
            #[inline(always)]
            fn and_not(self, other: Self) -> Self {
                $mask(isa!($and_not(self.0, other.0)))
            }
            #[inline(always)]
            fn any(self) -> bool {
                let mut lanes: [$bits; $width] = [0; $width];
                isa!($store_truth(lanes.as_mut_ptr(), self.0));
                lanes.iter().any(|lane| *lane != 0)
            }
            #[inline(always)]
            fn bits(self) -> u32 {
                let mut lanes: [$bits; $width] = [0; $width];
                isa!($store_truth(lanes.as_mut_ptr(), self.0));
                let mut bits = 0;
                for (k, lane) in lanes.iter().enumerate() {
                    bits |= ((*lane & 1) as u32) << k;
                }
                bits
            }
        }

        impl Add for $lanes {
            type Output = Self;
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                $lanes(isa!($add(self.0, other.0)))
            }
        }
        impl Sub for $lanes {
            type Output = Self;
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                $lanes(isa!($sub(self.0, other.0)))
            }
        }
        impl Mul for $lanes {
            type Output = Self;
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                $lanes(isa!($mul(self.0, other.0)))
            }
        }
        impl Div for $lanes {
            type Output = Self;
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                $lanes(isa!($div(self.0, other.0)))
            }
        }

        impl Lanes<Neon> for $lanes {
            type Scalar = $real;
            type Mask = $mask;
            const WIDTH: usize = $width;
            #[inline(always)]
            fn splat(_: Neon, x: $real) -> Self {
                $lanes(isa!($dup(x)))
            }
            #[inline(always)]
            fn load_or(s: Neon, from: &[$real], fill: $real) -> Self {
                match from.first_chunk::<$width>() {
                    Some(full) => $lanes(isa!($load(full.as_ptr()))),
                    None => Self::from_fn(s, |k| from.get(k).copied().unwrap_or(fill)),
                }
            }
            #[inline(always)]
            fn store(self, to: &mut [$real]) {
                if let Some(full) = to.first_chunk_mut::<$width>() {
                    isa!($store(full.as_mut_ptr(), self.0));
                } else {
                    let mut all = [0.0; $width];
                    isa!($store(all.as_mut_ptr(), self.0));
                    for (to, x) in to.iter_mut().zip(all) {
                        *to = x;
                    }
                }
            }
            #[inline(always)]
            fn from_fn(_: Neon, mut f: impl FnMut(usize) -> $real) -> Self {
                // Not `array::from_fn`: it is no inline(always) function and would leave the lanes.
                let mut all = [0.0; $width];
                for (k, lane) in all.iter_mut().enumerate() {
                    *lane = f(k);
                }
                $lanes(isa!($load(all.as_ptr())))
            }
            #[inline(always)]
            fn lt(self, other: Self) -> $mask {
                $mask(isa!($lt(self.0, other.0)))
            }
            #[inline(always)]
            fn le(self, other: Self) -> $mask {
                $mask(isa!($le(self.0, other.0)))
            }
            #[inline(always)]
            fn eq(self, other: Self) -> $mask {
                $mask(isa!($eq(self.0, other.0)))
            }
            #[inline(always)]
            fn select(mask: $mask, yes: Self, no: Self) -> Self {
                $lanes(isa!($select(mask.0, yes.0, no.0)))
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $lanes(isa!($abs(self.0)))
            }
            type Places = [u8; $width];
            #[inline(always)]
            fn places(_: Neon, mut f: impl FnMut(usize) -> usize) -> Self::Places {
                let mut places = [0; $width];
                for (k, place) in places.iter_mut().enumerate() {
                    *place = f(k) as u8;
                }
                places
            }
            #[inline(always)]
            fn pick(self, places: Self::Places) -> Self {
                let (mut from, mut to) = ([0.0; $width], [0.0; $width]);
                isa!($store(from.as_mut_ptr(), self.0));
                for (lane, place) in to.iter_mut().zip(places) {
                    *lane = from[usize::from(place) % $width];
                }
                $lanes(isa!($load(to.as_ptr())))
            }
            #[inline(always)]
            fn transpose(square: &mut [Self; 16]) {
                $transpose(square)
            }
        }
    };
}

neon_lanes!(
    F32x4,
    M32x4,
    f32,
    u32,
    float32x4_t,
    uint32x4_t,
    4,
    vdupq_n_f32,
    vld1q_f32,
    vst1q_f32,
    vaddq_f32,
    vsubq_f32,
    vmulq_f32,
    vdivq_f32,
    vcltq_f32,
    vcleq_f32,
    vceqq_f32,
    vbslq_f32,
    vabsq_f32,
    vandq_u32,
    vorrq_u32,
    vbicq_u32,
    vst1q_u32,
    transpose_f32x4
);
neon_lanes!(
    F64x2,
    M64x2,
    f64,
    u64,
    float64x2_t,
    uint64x2_t,
    2,
    vdupq_n_f64,
    vld1q_f64,
    vst1q_f64,
    vaddq_f64,
    vsubq_f64,
    vmulq_f64,
    vdivq_f64,
    vcltq_f64,
    vcleq_f64,
    vceqq_f64,
    vbslq_f64,
    vabsq_f64,
    vandq_u64,
    vorrq_u64,
    vbicq_u64,
    vst1q_u64,
    transpose_f64x2
);

#[inline(always)]
fn transpose_f64x2(r: &mut [F64x2; 16]) {
    isa!({
        let (a, b) = (r[0].0, r[1].0);
        r[0].0 = vtrn1q_f64(a, b);
        r[1].0 = vtrn2q_f64(a, b);
    });
}

#[inline(always)]
fn transpose_f32x4(r: &mut [F32x4; 16]) {
    isa!({
        let even = vreinterpretq_f64_f32(vtrn1q_f32(r[0].0, r[1].0));
        let odd = vreinterpretq_f64_f32(vtrn2q_f32(r[0].0, r[1].0));
        let even_below = vreinterpretq_f64_f32(vtrn1q_f32(r[2].0, r[3].0));
        let odd_below = vreinterpretq_f64_f32(vtrn2q_f32(r[2].0, r[3].0));
        r[0].0 = vreinterpretq_f32_f64(vtrn1q_f64(even, even_below));
        r[1].0 = vreinterpretq_f32_f64(vtrn1q_f64(odd, odd_below));
        r[2].0 = vreinterpretq_f32_f64(vtrn2q_f64(even, even_below));
        r[3].0 = vreinterpretq_f32_f64(vtrn2q_f64(odd, odd_below));
    });
}

impl Lanes32<Neon> for F32x4 {
    #[inline(always)]
    fn has_bit<const BIT: u32>(self) -> M32x4 {
        M32x4(isa!(vtstq_u32(vreinterpretq_u32_f32(self.0), vdupq_n_u32(1 << BIT))))
    }
    #[inline(always)]
    fn store_rows<const D: usize>(columns: &[Self; MOST_COLUMNS], to: &mut [f32]) {
        let [a, b, c, d, ..] = columns.map(|column| column.0);
        match (D, to.first_chunk_mut::<16>()) {
            (4, Some(full)) => isa!(vst4q_f32(full.as_mut_ptr(), float32x4x4_t(a, b, c, d))),
            _ => store_rows_by_element::<Neon, Self, D>(columns, to),
        }
    }
}

impl Lanes64<Neon> for F64x2 {
    #[inline(always)]
    fn has_bit<const BIT: u32>(self) -> M64x2 {
        M64x2(isa!(vtstq_u64(vreinterpretq_u64_f64(self.0), vdupq_n_u64(1 << BIT))))
    }
    #[inline(always)]
    fn through_f32(self) -> Self {
        F64x2(isa!(vcvt_f64_f32(vcvt_f32_f64(self.0))))
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        F64x2(isa!(vfmaq_f64(b.0, self.0, a.0)))
    }
    #[inline(always)]
    fn exchange<const D: usize>(self) -> Self {
        match D {
            1 => F64x2(isa!(vextq_f64::<1>(self.0, self.0))),
            _ => self,
        }
    }
    #[inline(always)]
    fn exp2_of_biased(self) -> Self {
        F64x2(isa!({
            let exponent = vshlq_n_u64::<52>(vreinterpretq_u64_f64(self.0));
            vreinterpretq_f64_u64(vaddq_u64(exponent, vdupq_n_u64(1023 << 52)))
        }))
    }
    #[inline(always)]
    fn tag(self, index: [u8; 8], low: u64) -> Self {
        F64x2(isa!({
            let bits = vreinterpretq_u64_f64(self.0);
            let flip = vreinterpretq_u64_s64(vshrq_n_s64::<63>(vreinterpretq_s64_f64(self.0)));
            let index = vcombine_u64(vcreate_u64(u64::from(index[0])), vcreate_u64(u64::from(index[1])));
            vreinterpretq_f64_u64(vbslq_u64(vdupq_n_u64(low), veorq_u64(index, flip), bits))
        }))
    }
    #[inline(always)]
    fn tag_all(self, index: u8, low: u64) -> Self {
        self.tag([index; 8], low)
    }
    #[inline(always)]
    fn tags(self, last: u8) -> [u8; 8] {
        let bits = [isa!(vgetq_lane_f64::<0>(self.0)).to_bits(), isa!(vgetq_lane_f64::<1>(self.0)).to_bits()];
        let [first, second] = bits.map(|bits| ((bits ^ ((bits as i64) >> 63) as u64) as u8).min(last));
        [first, second, 0, 0, 0, 0, 0, 0]
    }
    #[inline(always)]
    fn alike(self, other: Self, low: u64) -> M64x2 {
        M64x2(isa!({
            let different = veorq_u64(vreinterpretq_u64_f64(self.0), vreinterpretq_u64_f64(other.0));
            vceqzq_u64(vandq_u64(different, vdupq_n_u64(!low)))
        }))
    }
}
