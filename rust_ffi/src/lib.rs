//! Vectorised multi-agent reinforcement-learning environments.
//!
//! The way of one step, from the outside in:
//!
//! * [`ffi`]: the C ABI; checks, then one call inward. The only raw pointers.
//! * [`engine`]: batches, threads, clocks, autoreset, seeds, snapshots. Knows no game.
//! * [`envs`]: the rules of each game, written once over lanes. Know neither threads nor autoreset.
//! * [`simd`]: lanes on scalar, AVX2, AVX-512 and NEON registers.
#![deny(unsafe_code)]

pub mod engine;
pub mod envs;
pub mod ffi;
pub mod simd;

/// The guide to a new environment compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/adding_an_environment.md")]
struct Guide;
