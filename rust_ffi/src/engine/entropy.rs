//! Fresh entropy, for whoever gives no seed.

use super::error::{Error, Result, Status};

#[cfg(not(target_family = "wasm"))]
fn draw() -> std::result::Result<u64, String> {
    getrandom::u64().map_err(|error| error.to_string())
}

#[cfg(target_family = "wasm")]
use crate::ffi::wasm::entropy as draw;

/// 64 bits that nobody can foretell.
pub fn draw_seed() -> Result<u64> {
    draw().map_err(|error| Error::new(Status::InvalidArgument, format!("seed: the system gave no entropy: {error}")))
}
