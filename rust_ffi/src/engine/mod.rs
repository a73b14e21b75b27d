//! What every environment shares: batches, clocks, autoreset, seeds, snapshots, threads. No game lives here.

pub mod actions;
mod block;
mod checks;
pub mod columns;
pub mod config;
mod drawn;
pub mod draws;
pub mod entropy;
pub mod environment;
pub mod error;
mod outputs;
pub mod rng;
mod snapshot;
pub mod spec;
mod stage;
pub mod tally;
#[cfg_attr(target_family = "wasm", path = "threads_off.rs")]
pub mod threads;
pub mod vec_env;
mod ziggurat;
