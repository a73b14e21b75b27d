//! Lanes: one rule, written once, run on the widest registers the CPU has.
//!
//! A kernel implements [`Kernel`] generically over a [`Simd`] token and is started with [`run`]. Holding a
//! [`Level`] proves that the CPU can execute it: the only ways to get one are detection and a checked name.
#![allow(unsafe_code)]

mod far;
pub mod gather;
mod lanes;
pub mod libm;
pub mod libm_power;
pub mod math;
pub mod pcg64;
pub mod remainder;
mod scalar;
pub mod stream;
pub mod trig;

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod ifma;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use std::sync::OnceLock;

pub(crate) use lanes::for_registers;
pub use lanes::{Lanes, Lanes32, Lanes64, Mask, Real, Simd, MOST_COLUMNS};
pub use scalar::Scalar;

/// A piece of work that can run on any instruction set.
pub trait Kernel {
    /// What the work returns.
    type Output;
    /// The work itself, generic over the lanes of `S`.
    fn run<S: Simd>(self, s: S) -> Self::Output;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code)] // each target has only some of them
enum Isa {
    Scalar,
    Avx2,
    Avx512,
    Neon,
}

/// An instruction set that this CPU supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Isa);

impl Level {
    /// Plain scalar code: supported everywhere.
    pub const SCALAR: Level = Level(Isa::Scalar);

    /// All levels that this CPU supports, slowest first.
    pub fn supported() -> Vec<Level> {
        [Isa::Scalar, Isa::Neon, Isa::Avx2, Isa::Avx512]
            .into_iter()
            .filter(|isa| is_available(*isa))
            .map(Level)
            .collect()
    }

    /// The widest level that this CPU supports.
    pub fn detect() -> Level {
        Self::supported().last().copied().unwrap_or(Self::SCALAR)
    }

    /// The level called `name`, if there is one and the CPU supports it.
    pub fn named(name: &str) -> Option<Level> {
        Self::supported().into_iter().find(|level| level.name() == name)
    }

    /// The level in force: that of `MARL_FFI_SIMD` where the CPU supports it, else the widest.
    pub fn current() -> Level {
        static CURRENT: OnceLock<Level> = OnceLock::new();
        *CURRENT.get_or_init(|| {
            let wanted = std::env::var("MARL_FFI_SIMD").unwrap_or_default();
            Level::named(wanted.trim().to_ascii_lowercase().as_str()).unwrap_or_else(Level::detect)
        })
    }

    /// `"scalar"`, `"avx2"`, `"avx512"` or `"neon"`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Isa::Scalar => "scalar",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Neon => "neon",
        }
    }
}

fn is_available(isa: Isa) -> bool {
    match isa {
        Isa::Scalar => true,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => x86_64::avx2_available(),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => x86_64::avx512_available(),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => true,
        #[allow(unreachable_patterns)]
        _ => false,
    }
}

/// Runs `kernel` for a single row: on single numbers, which need no masks, with multiplications and additions fused as in
/// the lanes of `level`.
#[inline]
pub fn run_one<K: Kernel>(level: Level, kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if level != Level::SCALAR {
        // SAFETY: every other Level of this target exists only if the CPU supports AVX2.
        return unsafe { x86_64::run_one(kernel) };
    }
    let _ = level;
    kernel.run(Scalar)
}

/// Runs `kernel` on the lanes of `level`.
#[inline]
pub fn run<K: Kernel>(level: Level, kernel: K) -> K::Output {
    match level.0 {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a Level with this Isa exists only if the CPU supports it.
        Isa::Avx512 => unsafe { x86_64::run_avx512(kernel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx2 => unsafe { x86_64::run_avx2(kernel) },
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => aarch64::run_neon(kernel),
        _ => kernel.run(Scalar),
    }
}
