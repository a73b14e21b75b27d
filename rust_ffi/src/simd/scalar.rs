//! One lane: the fallback everywhere, and the plainest reading of what each operation means.

use super::lanes::{Lanes, Lanes32, Lanes64, Mask, Simd};
use super::Level;
use std::ops::{Add, Div, Mul, Sub};

/// No special instructions.
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

impl super::lanes::Sealed for Scalar {}

impl Simd for Scalar {
    #[inline(always)]
    fn level(self) -> Level {
        Level::SCALAR
    }
    type F32 = One<f32>;
    type F64 = One<f64>;
    #[inline(always)]
    fn join(self, low: One<f64>, _high: One<f64>) -> One<f32> {
        One(low.0 as f32)
    }
    #[inline(always)]
    fn split(self, x: One<f32>) -> [One<f64>; 2] {
        [One(f64::from(x.0)); 2]
    }
}

/// A single float as lanes of width one.
#[derive(Clone, Copy, Debug)]
pub struct One<R>(R);

impl Mask for bool {
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        self & other
    }
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        self | other
    }
    #[inline(always)]
    fn and_not(self, other: Self) -> Self {
        self & !other
    }
    #[inline(always)]
    fn any(self) -> bool {
        self
    }
    #[inline(always)]
    fn bits(self) -> u32 {
        u32::from(self)
    }
}

macro_rules! one_lane {
    ($real:ty) => {
        impl Add for One<$real> {
            type Output = Self;
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                One(self.0 + other.0)
            }
        }
        impl Sub for One<$real> {
            type Output = Self;
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                One(self.0 - other.0)
            }
        }
        impl Mul for One<$real> {
            type Output = Self;
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                One(self.0 * other.0)
            }
        }
        impl Div for One<$real> {
            type Output = Self;
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                One(self.0 / other.0)
            }
        }
        impl Lanes<Scalar> for One<$real> {
            type Scalar = $real;
            type Mask = bool;
            const WIDTH: usize = 1;
            #[inline(always)]
            fn splat(_: Scalar, x: $real) -> Self {
                One(x)
            }
            #[inline(always)]
            fn load_or(_: Scalar, from: &[$real], fill: $real) -> Self {
                One(from.first().copied().unwrap_or(fill))
            }
            #[inline(always)]
            fn store(self, to: &mut [$real]) {
                if let Some(first) = to.first_mut() {
                    *first = self.0;
                }
            }
            #[inline(always)]
            fn from_fn(_: Scalar, mut f: impl FnMut(usize) -> $real) -> Self {
                One(f(0))
            }
            #[inline(always)]
            fn lt(self, other: Self) -> bool {
                self.0 < other.0
            }
            #[inline(always)]
            fn le(self, other: Self) -> bool {
                self.0 <= other.0
            }
            #[inline(always)]
            fn eq(self, other: Self) -> bool {
                self.0 == other.0
            }
            #[inline(always)]
            fn select(mask: bool, yes: Self, no: Self) -> Self {
                if mask {
                    yes
                } else {
                    no
                }
            }
            #[inline(always)]
            fn abs(self) -> Self {
                One(self.0.abs())
            }
            type Places = ();
            #[inline(always)]
            fn places(_: Scalar, _: impl FnMut(usize) -> usize) {}
            #[inline(always)]
            fn pick(self, (): ()) -> Self {
                self
            }
            #[inline(always)]
            fn transpose(_: &mut [Self; 16]) {}
        }
    };
}

one_lane!(f32);
one_lane!(f64);

impl Lanes32<Scalar> for One<f32> {
    #[inline(always)]
    fn has_bit<const BIT: u32>(self) -> bool {
        self.0.to_bits() >> BIT & 1 == 1
    }
}

impl Lanes64<Scalar> for One<f64> {
    #[inline(always)]
    fn has_bit<const BIT: u32>(self) -> bool {
        self.0.to_bits() >> BIT & 1 == 1
    }
    #[inline(always)]
    fn through_f32(self) -> Self {
        One(f64::from(self.0 as f32))
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        One(self.0.mul_add(a.0, b.0))
    }
    #[inline(always)]
    fn exchange<const D: usize>(self) -> Self {
        self
    }
    #[inline(always)]
    fn exp2_of_biased(self) -> Self {
        One(f64::from_bits((self.0.to_bits() << 52).wrapping_add(1023 << 52)))
    }
    #[inline(always)]
    fn tag(self, index: [u8; 8], low: u64) -> Self {
        let bits = self.0.to_bits();
        let flip = ((bits as i64) >> 63) as u64;
        One(f64::from_bits((bits & !low) | ((u64::from(index[0]) ^ flip) & low)))
    }
    #[inline(always)]
    fn tag_all(self, index: u8, low: u64) -> Self {
        self.tag([index; 8], low)
    }
    #[inline(always)]
    fn tags(self, last: u8) -> [u8; 8] {
        let bits = self.0.to_bits();
        let flip = ((bits as i64) >> 63) as u64;
        [((bits ^ flip) as u8).min(last), 0, 0, 0, 0, 0, 0, 0]
    }
    #[inline(always)]
    fn alike(self, other: Self, low: u64) -> bool {
        (self.0.to_bits() ^ other.0.to_bits()) & !low == 0
    }
}
