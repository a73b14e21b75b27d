//! Bucket Brigade: whole episodes of heuristic agents.

use super::{boundary, check_apart, extent, marl_error, slice, slice_mut, text};
use crate::engine::config::Config;
use crate::engine::error::{Error, Result, Status};
use crate::envs::bucket_brigade::agents::Decisions;
use crate::envs::bucket_brigade::payoff::{play, Grid};
use crate::envs::bucket_brigade::scenario::{Scenario, MOST};
use std::ffi::c_char;

/// Where the decisions of heuristic agents draw from.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum marl_brigade_decisions {
    /// A second generator of the game's own seed, as the original does.
    Original = 0,
    /// A generator of their own, seeded with the first output of SplitMix64 for the game's seed.
    Independent = 1,
}

fn scenario(config_json: &str, num_agents: usize) -> Result<Scenario> {
    if !(1..=MOST).contains(&num_agents) {
        let message = format!("num_agents: expected 1 to {MOST}, got {num_agents}");
        return Err(Error::new(Status::InvalidArgument, message));
    }
    let mut config = Config::parse(config_json)?;
    let scenario = Scenario::read(&mut config, Some(num_agents))?;
    config.finish()?;
    Ok(scenario)
}

/// Plays whole episodes of Bucket Brigade between heuristic agents: every profile of strategies plays every seed.
///
/// Parameters: `config_json` is a JSON object with the key `scenario` (a name, or an object of fields) and, beside it,
/// any fields of a scenario, which win; NULL or "" for the default scenario. `params` holds `(num_profiles, num_agents,
/// 10)` numbers from 0 to 1, `params_len` in all: the strategy of every agent. `seeds` holds `num_seeds` seeds that all
/// profiles share (common random numbers), or `(num_profiles, num_seeds)`; `seeds_len` tells. `decisions` is a
/// `marl_brigade_decisions`. `num_threads` limits the threads; 0 for the default. `scores` receives each agent's sum
/// of rewards, `(num_profiles, num_seeds, num_agents)`, and `nights` the nights played, `(num_profiles, num_seeds)`.
/// Lengths are in elements. Results do not depend on `num_threads`, nor on what else is in the call.
///
/// Errors: `MARL_STATUS_UNKNOWN_ID`, `MARL_STATUS_UNKNOWN_KEY`, `MARL_STATUS_INVALID_CONFIG` (the scenario; also
/// one without a limit of nights), `MARL_STATUS_INVALID_ARGUMENT` (a strategy out of range, overlapping arrays),
/// `MARL_STATUS_LENGTH_MISMATCH`, `MARL_STATUS_EMPTY`, `MARL_STATUS_OUT_OF_MEMORY`, `MARL_STATUS_NULL_POINTER`. Safe
/// from any thread.
///
/// # Safety
/// * `config_json` is NULL or NUL-terminated; arrays are valid for their lengths; `err` is NULL or valid for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_brigade_episodes(
    config_json: *const c_char,
    params: *const f64,
    params_len: usize,
    num_profiles: usize,
    num_agents: usize,
    seeds: *const u64,
    seeds_len: usize,
    num_seeds: usize,
    decisions: i32,
    num_threads: usize,
    scores: *mut f32,
    scores_len: usize,
    nights: *mut u32,
    nights_len: usize,
    err: *mut marl_error,
) -> Status {
    let body = || {
        check_apart(
            &[extent("scores", scores, scores_len), extent("nights", nights, nights_len)],
            &[extent("params", params, params_len), extent("seeds", seeds, seeds_len)],
        )?;
        // SAFETY: by this function's contract.
        let (config, params, seeds, scores, nights) = unsafe {
            (
                text("config_json", config_json, Some(""))?,
                slice("params", params, params_len)?,
                slice("seeds", seeds, seeds_len)?,
                slice_mut("scores", scores, scores_len)?,
                slice_mut("nights", nights, nights_len)?,
            )
        };
        let decisions = Decisions::from_i32(decisions).ok_or_else(|| {
            let message = format!("decisions: expected 0 or 1 (marl_brigade_decisions), got {decisions}");
            Error::new(Status::InvalidArgument, message)
        })?;
        let scenario = scenario(config, num_agents)?;
        let grid = Grid { params, profiles: num_profiles, seeds, num_seeds, decisions, num_threads };
        play(&scenario, grid, scores, nights)
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}
