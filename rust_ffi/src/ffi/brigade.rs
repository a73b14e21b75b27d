//! Bucket Brigade: whole episodes of agents that play by themselves.

use super::{boundary, check_apart, check_pointer, extent, marl_error, slice, slice_mut, text, write_out};
use crate::engine::config::Config;
use crate::engine::error::{Error, Result, Status};
use crate::envs::bucket_brigade::agents::Decisions;
use crate::envs::bucket_brigade::payoff::{play, Grid};
use crate::envs::bucket_brigade::record::{Record, Show};
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

/// Plays one game of Bucket Brigade between agents that all play by themselves, and records every night of it: what a
/// replay shows. The same game as in `BucketBrigade-v0` with the same seed and the same moves.
///
/// Parameters: `config_json` is a JSON object with those keys of `BucketBrigade-v0` that count when nobody learns:
/// `scenario` and fields of a scenario, `policies` (for each agent a name or ten numbers, firefighters if absent) and
/// `decisions` ("independent" or "original"); NULL or "" for the default. `num_nights` is the room, in nights. `houses`
/// receives `(num_nights + 1, num_houses)` states, 0 safe, 1 burning, 2 ruined, the first row being the evening before
/// the first night; `actions` `(num_nights, num_agents, 3)`: house, mode (0 rest, 1 work) and signal; `rewards`
/// `(num_nights, num_agents)` points. Lengths are in elements. `nights` receives the nights that were played: rows beyond
/// are left alone. `is_over` receives 1 if the game ended, and 0 if it needs more room.
///
/// Errors: `MARL_STATUS_UNKNOWN_ID`, `MARL_STATUS_UNKNOWN_KEY`, `MARL_STATUS_INVALID_CONFIG`,
/// `MARL_STATUS_LENGTH_MISMATCH`, `MARL_STATUS_INVALID_ARGUMENT`, `MARL_STATUS_OUT_OF_MEMORY`,
/// `MARL_STATUS_NULL_POINTER`. Safe from any thread.
///
/// # Safety
/// * `config_json` is NULL or NUL-terminated; arrays are valid for their lengths; `nights`, `is_over` and `err` are
///   NULL or valid for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_brigade_record(
    config_json: *const c_char,
    seed: u64,
    num_nights: usize,
    houses: *mut u8,
    houses_len: usize,
    actions: *mut u8,
    actions_len: usize,
    rewards: *mut f32,
    rewards_len: usize,
    nights: *mut u32,
    is_over: *mut u8,
    err: *mut marl_error,
) -> Status {
    let body = || {
        let written = [
            extent("houses", houses, houses_len),
            extent("actions", actions, actions_len),
            extent("rewards", rewards, rewards_len),
            extent("nights", nights, 1),
            extent("is_over", is_over, 1),
        ];
        check_apart(&written, &[])?;
        check_pointer("nights", nights, 1)?;
        check_pointer("is_over", is_over, 1)?;
        // SAFETY: by this function's contract.
        let (config, record) = unsafe {
            let houses = slice_mut("houses", houses, houses_len)?;
            let actions = slice_mut("actions", actions, actions_len)?;
            let rewards = slice_mut("rewards", rewards, rewards_len)?;
            (text("config_json", config_json, Some(""))?, Record { houses, actions, rewards })
        };
        let length = Show::read(Config::parse(config)?)?.play(seed, num_nights, record)?;
        // SAFETY: by this function's contract.
        unsafe {
            write_out("nights", nights, length.nights)?;
            write_out("is_over", is_over, u8::from(length.is_over))
        }
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}
