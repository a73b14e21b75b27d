//! Vectorised multi-agent reinforcement-learning environments.
//!
//! [`VecEnv`] is the front door: `VecEnv::new("CartPole-v1", 1024, Options::new())`. [`Market`] is
//! the auction of the electricity market by itself. The same engine is reached from C, and from every language that
//! calls C, through [`ffi`].
//!
//! The way of one step, from the outside in:
//!
//! * [`ffi`]: the C ABI; checks, then one call inward. The only raw pointers.
//! * [`engine`]: batches, threads, clocks, autoreset, seeds, snapshots. Knows no game.
//! * [`envs`]: the rules of each game, written once over lanes. Know neither threads nor autoreset.
//! * [`simd`]: lanes on scalar, AVX2, AVX-512 and NEON registers.
#![deny(unsafe_code)]

mod api;
mod auction;
pub mod engine;
pub mod envs;
pub mod ffi;
pub mod simd;

pub use api::{Array, Options, Step, VecEnv};
pub use auction::Market;
pub use engine::actions::Actions;
pub use engine::error::{Error, Result, Status};
pub use engine::vec_env::Autoreset;
pub use envs::classic::acrobot::Acrobot;
pub use envs::classic::cartpole::CartPole;
pub use envs::classic::continuous_mountain_car::ContinuousMountainCar;
pub use envs::classic::mountain_car::MountainCar;
pub use envs::classic::pendulum::Pendulum;

/// The guide to a new environment compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/adding_an_environment.md")]
struct Guide;
