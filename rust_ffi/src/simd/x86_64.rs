//! AVX2 and AVX-512: their tokens. Lanes are in `avx2` and `avx512`.
//!
//! Each operation is one or two instructions; each `unsafe` rests on the same fact: a value of a lane type can
//! only be made from its token, and a token only exists inside [`run_avx2`] or [`run_avx512`].

use super::avx2::{F32x8, F64x4};
use super::avx512::{F32x16, F64x8};
use super::lanes::Simd;
use super::{Isa, Kernel, Level};

/// True if the CPU (and the operating system) support AVX2.
pub fn avx2_available() -> bool {
    is_x86_feature_detected!("avx2")
}

/// True if the CPU (and the operating system) support the parts of AVX-512 used here.
pub fn avx512_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && avx2_available()
}

/// Proof of AVX2.
#[derive(Clone, Copy)]
pub struct Avx2(());

/// Proof of AVX-512 (F, DQ, VL, BW).
#[derive(Clone, Copy)]
pub struct Avx512(());

/// Runs `kernel` with AVX2 code generation.
///
/// # Safety
/// * the CPU supports AVX2 ([`avx2_available`]).
#[target_feature(enable = "avx2")]
pub unsafe fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    debug_assert!(avx2_available());
    kernel.run(Avx2(()))
}

/// Runs `kernel` with AVX-512 code generation.
///
/// # Safety
/// * the CPU supports AVX-512 F, DQ, VL and BW ([`avx512_available`]).
#[target_feature(enable = "avx2,avx512f,avx512dq,avx512vl,avx512bw")]
pub unsafe fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    debug_assert!(avx512_available());
    kernel.run(Avx512(()))
}

impl Simd for Avx2 {
    #[inline(always)]
    fn level(self) -> Level {
        Level(Isa::Avx2)
    }
    type F32 = F32x8;
    type F64 = F64x4;
}

impl Simd for Avx512 {
    #[inline(always)]
    fn level(self) -> Level {
        Level(Isa::Avx512)
    }
    type F32 = F32x16;
    type F64 = F64x8;
}

/// An intrinsic of the instruction set whose token made the operands.
macro_rules! isa {
    ($e:expr) => {{
        // SAFETY: the operands exist, so their token did, so the CPU supports the instruction; loads and
        // stores are given arrays or checked slices of the full width.
        #[allow(unused_unsafe)]
        unsafe {
            $e
        }
    }};
}

macro_rules! arithmetic {
    ($lanes:ident, $($trait:ident $method:ident $intrinsic:ident),*) => {
        $(impl $trait for $lanes {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                $lanes(isa!($intrinsic(self.0, other.0)))
            }
        })*
    };
}
pub(super) use {arithmetic, isa};
