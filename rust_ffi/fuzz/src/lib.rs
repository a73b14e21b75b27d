//! What the library is attacked with: one function per target, from bytes to a panic if there is a defect.
//!
//! `fuzz_targets/` hands them to libFuzzer; `../tests/fuzz.rs` replays the corpus, and variations of it, without.

pub mod brigade;
pub mod buffer;
pub mod calls;
pub mod config;
pub mod configs;
pub mod input;
pub mod market;
pub mod play;
pub mod snapshots;
pub mod steps;

/// Painted elements on either side of outputs: none, for AddressSanitizer watches the ends.
pub const GUARD: usize = 0;
