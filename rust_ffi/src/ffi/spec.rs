//! The registry and the self-descriptions.

use super::{boundary, copy_out, marl_error, text};
use crate::engine::error::{Error, Result, Status};
use crate::engine::spec::Spec;
use crate::envs;
use std::ffi::c_char;

pub(super) fn to_json(spec: &Spec) -> Result<Vec<u8>> {
    spec.to_json().map_err(|e| Error::new(Status::InvalidConfig, format!("specification: {e}")))
}

/// Lists the environments, those of plug-ins last: a JSON list of ids, e.g. `["ElectricityMarket-v0"]`.
///
/// Parameters: `out` receives the text, not NUL-terminated; NULL asks for the size alone. `capacity` is the room
/// at `out` in bytes. `size` receives the bytes of the text; must not be NULL.
///
/// Errors: `MARL_STATUS_LENGTH_MISMATCH` if the room is too small (`size` is still written),
/// `MARL_STATUS_NULL_POINTER`. Safe from any thread.
///
/// # Safety
/// * `out` is NULL or valid for writes of `capacity` bytes, `size` and `err` NULL or valid for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_env_list(
    out: *mut u8,
    capacity: usize,
    size: *mut usize,
    err: *mut marl_error,
) -> Status {
    let body = || {
        let json = serde_json::to_vec(&envs::ids()).map_err(|e| Error::new(Status::InvalidConfig, e.to_string()))?;
        // SAFETY: by this function's contract.
        unsafe { copy_out(&json, out, capacity, size) }
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}

/// Describes an environment under a configuration, as JSON: agents with their spaces, array shapes and types,
/// infos, state columns, parameters with defaults and units, and the configuration in force.
///
/// Parameters: `id` names the environment. `config_json` is a JSON object; NULL or "" for the default. `out`,
/// `capacity` and `size` as in `marl_env_list`.
///
/// Errors: `MARL_STATUS_UNKNOWN_ID` and `MARL_STATUS_UNKNOWN_KEY`, with the nearest valid name in the message;
/// `MARL_STATUS_INVALID_CONFIG`; those of `marl_env_list`. Safe from any thread.
///
/// # Safety
/// * `id` and `config_json` are NULL or NUL-terminated; `out` is NULL or valid for writes of `capacity` bytes;
///   `size` and `err` are NULL or valid for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_env_spec(
    id: *const c_char,
    config_json: *const c_char,
    out: *mut u8,
    capacity: usize,
    size: *mut usize,
    err: *mut marl_error,
) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let (id, config) = unsafe { (text("id", id, None)?, text("config_json", config_json, Some(""))?) };
        let json = to_json(&envs::spec(id, config)?)?;
        // SAFETY: by this function's contract.
        unsafe { copy_out(&json, out, capacity, size) }
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}
