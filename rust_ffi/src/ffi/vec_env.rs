//! Batches of environments.

use super::handle::{handle, Handle};
use super::spec::to_json;
pub use super::step_io::marl_step_io;
use super::step_io::read_io;
use super::{
    boundary, boundary_or, check_apart, check_pointer, copy_out, extent, marl_error, slice, slice_mut, text, write_out,
};
use crate::engine::error::{Error, Result, Status};
use crate::engine::vec_env::{info_offsets, AnyVecEnv, Autoreset, ResetRequest, Setup};
use crate::envs;
use crate::simd::Level;
use std::ffi::{c_char, c_void};

/// What happens to an environment after its episode ended.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum marl_autoreset {
    /// The next step ignores the action, resets, and reports reward 0.
    NextStep = 0,
    /// The same step resets; the terminal observation goes to `final_observations`.
    SameStep = 1,
    /// Nothing: stepping on is an error until the caller resets.
    Disabled = 2,
}

/// A batch of environments.
///
/// First `marl_vec_env_new` and `marl_vec_env_reset`; then `marl_vec_env_step` or `marl_vec_env_rollout`, as often as
/// wanted; at last `marl_vec_env_free`.
///
/// A handle may move between threads but takes one call at a time: a second one answers `MARL_STATUS_BUSY`.
/// Different handles are independent.
pub struct marl_vec_env {
    pub(super) handle: Handle<Inner>,
}

pub(super) struct Inner {
    pub(super) venv: Box<dyn AnyVecEnv>,
    /// The last buffers that were found to be apart, to save the search: addresses only, never followed.
    apart: Option<marl_step_io>,
    info_bytes: usize,
}

impl Inner {
    fn check_apart(&mut self, io: &marl_step_io) -> Result<()> {
        if self.apart.as_ref() != Some(io) {
            io.check_apart(None)?;
            self.apart = Some(*io);
        }
        Ok(())
    }
}

/// Makes a batch of environments; reset it before the first step.
///
/// Parameters: `id` names the environment. `config_json` is a JSON object of its parameters; NULL or "" for the
/// default. `num_envs` is at least 1. `num_threads` limits the threads of a step; 0 for the default. `autoreset`
/// is a `marl_autoreset`. `out` receives the handle, which the caller owns and frees with `marl_vec_env_free`.
///
/// Errors: `MARL_STATUS_UNKNOWN_ID`, `MARL_STATUS_UNKNOWN_KEY`, `MARL_STATUS_INVALID_CONFIG`,
/// `MARL_STATUS_EMPTY`, `MARL_STATUS_INVALID_ARGUMENT`, `MARL_STATUS_OUT_OF_MEMORY`,
/// `MARL_STATUS_NULL_POINTER`. Safe from any thread.
///
/// # Safety
/// * `id` and `config_json` are NULL or NUL-terminated; `out` and `err` are NULL or valid for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_vec_env_new(
    id: *const c_char,
    config_json: *const c_char,
    num_envs: usize,
    num_threads: usize,
    autoreset: i32,
    out: *mut *mut marl_vec_env,
    err: *mut marl_error,
) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let (id, config) = unsafe { (text("id", id, None)?, text("config_json", config_json, Some(""))?) };
        let autoreset = Autoreset::from_i32(autoreset).ok_or_else(|| {
            Error::new(
                Status::InvalidArgument,
                format!("autoreset: expected 0, 1 or 2 (marl_autoreset), got {autoreset}"),
            )
        })?;
        check_pointer("out", out, 1)?;
        let venv = envs::make_vec(id, config, Setup { num_envs, num_threads, autoreset, level: Level::current() })?;
        let info_bytes = info_offsets(venv.spec(), num_envs).1;
        let made = Box::new(marl_vec_env { handle: Handle::new(Inner { venv, apart: None, info_bytes }) });
        // SAFETY: by this function's contract.
        unsafe { write_out("out", out, Box::into_raw(made)) }
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}

/// Frees a batch. NULL is fine. No call may be inside the handle, and none may follow.
///
/// # Safety
/// * `env` is NULL or came from `marl_vec_env_new` and was not freed.
#[no_mangle]
pub unsafe extern "C" fn marl_vec_env_free(env: *mut marl_vec_env) {
    let body = || {
        if !env.is_null() {
            // SAFETY: made by `Box::into_raw` in `marl_vec_env_new`, and not freed before.
            drop(unsafe { Box::from_raw(env) });
        }
        Ok(())
    };
    // SAFETY: no error place is given.
    unsafe { boundary(std::ptr::null_mut(), body) };
}

/// Number of environments of a batch; 0 for NULL or a busy handle.
///
/// # Safety
/// * `env` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn marl_vec_env_num_envs(env: *const marl_vec_env) -> usize {
    // SAFETY: by this function's contract.
    let body = || Ok(unsafe { handle("env", env)? }.handle.enter_poisoned()?.get().venv.num_envs());
    // SAFETY: no error place is given.
    unsafe { boundary_or(0, std::ptr::null_mut(), body) }
}

/// Describes a batch, as JSON: what `marl_env_spec` tells, and beside it `num_envs`, `infos_bytes` (the size of
/// the buffer of infos) and `info_offsets` (the byte offset of each info array in it).
///
/// Parameters: `out`, `capacity` and `size` as in `marl_env_list`.
///
/// Errors: those of `marl_env_list`; `MARL_STATUS_BUSY`.
///
/// # Safety
/// * `env` is NULL or a live handle; `out` is NULL or valid for writes of `capacity` bytes; `size` and `err` are
///   NULL or valid for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_vec_env_spec(
    env: *const marl_vec_env,
    out: *mut u8,
    capacity: usize,
    size: *mut usize,
    err: *mut marl_error,
) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let mut guard = unsafe { handle("env", env)? }.handle.enter_poisoned()?;
        let inner = guard.get();
        let spec = inner.venv.spec();
        let (offsets, bytes) = info_offsets(spec, inner.venv.num_envs());
        let mut json = to_json(spec)?;
        json.pop();
        json.extend_from_slice(
            format!(r#","num_envs":{},"infos_bytes":{bytes},"info_offsets":{offsets:?}}}"#, inner.venv.num_envs())
                .as_bytes(),
        );
        // SAFETY: by this function's contract.
        unsafe { copy_out(&json, out, capacity, size) }
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}

/// Starts new episodes.
///
/// Parameters: `seeds` holds a seed per environment, or is NULL for none: generators go on, or start from entropy
/// if they never started. `seeded` tells which seeds count (1) and which do not (0); NULL for all. `mask` tells
/// which environments to reset; NULL for all. Each of these arrays has `num_envs` elements. `options_json` is a
/// JSON object; NULL or "" for none. `observations` receives the first observations `(E, A, obs)`, exactly
/// `observations_bytes` bytes; rows that are not reset are left alone.
///
/// The generator of a seed is that of NumPy's `default_rng(seed)`; in `BucketBrigade-v0` that of Rust's `rand`. 0 is a
/// seed like any other.
///
/// Errors: `MARL_STATUS_LENGTH_MISMATCH`, `MARL_STATUS_INVALID_ARGUMENT`, `MARL_STATUS_INVALID_CONFIG`,
/// `MARL_STATUS_UNKNOWN_KEY`, `MARL_STATUS_NULL_POINTER`, `MARL_STATUS_BUSY`. A reset of all environments lifts
/// `MARL_STATUS_POISONED`.
///
/// # Safety
/// * `env` is NULL or a live handle; `seeds`, `seeded` and `mask` are NULL or valid for reads of `num_envs`
///   elements; `options_json` is NULL or NUL-terminated; `observations` is valid for writes of its size and
///   apart from the others; `err` is NULL or valid for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_vec_env_reset(
    env: *mut marl_vec_env,
    seeds: *const u64,
    seeded: *const u8,
    mask: *const u8,
    options_json: *const c_char,
    observations: *mut c_void,
    observations_bytes: usize,
    err: *mut marl_error,
) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let shell = &unsafe { handle("env", env)? }.handle;
        let mut guard = if mask.is_null() { shell.enter_poisoned()? } else { shell.enter()? };
        let inner = guard.get();
        let n = inner.venv.num_envs();
        check_apart(
            &[extent("observations", observations.cast::<u8>().cast_const(), observations_bytes)],
            &[extent("seeds", seeds, n), extent("seeded", seeded, n), extent("mask", mask, n)],
        )?;
        // SAFETY: by this function's contract.
        let (seeds, seeded, mask, options, out) = unsafe {
            (
                if seeds.is_null() { None } else { Some(slice("seeds", seeds, n)?) },
                if seeded.is_null() { None } else { Some(slice("seeded", seeded, n)?) },
                if mask.is_null() { None } else { Some(slice("mask", mask, n)?) },
                text("options_json", options_json, Some(""))?,
                slice_mut("observations", observations.cast::<u8>(), observations_bytes)?,
            )
        };
        inner.venv.reset(ResetRequest { seeds, seeded, mask, options }, out)?;
        shell.heal();
        Ok(())
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}

/// Steps every environment once. On any error nothing is stepped and no buffer is written.
///
/// Parameters: `io` as in `marl_step_io`.
///
/// Errors: `MARL_STATUS_ACTION_INVALID` with environment, agent and value; `MARL_STATUS_NOT_RESET`;
/// `MARL_STATUS_EPISODE_OVER`; `MARL_STATUS_DTYPE_MISMATCH`; `MARL_STATUS_LENGTH_MISMATCH`;
/// `MARL_STATUS_INVALID_ARGUMENT`; `MARL_STATUS_NULL_POINTER`; `MARL_STATUS_BUSY`; `MARL_STATUS_POISONED`.
///
/// # Safety
/// * `env` is NULL or a live handle; `io` is NULL or points to a struct as long as its first field says, whose
///   buffers are NULL or valid for their sizes; `err` is NULL or valid for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_vec_env_step(
    env: *mut marl_vec_env,
    io: *const marl_step_io,
    err: *mut marl_error,
) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let (mut guard, io) = unsafe { (handle("env", env)?.handle.enter()?, read_io(io)?) };
        let inner = guard.get();
        inner.check_apart(&io)?;
        io.check_outputs()?;
        // SAFETY: by this function's contract; apart and checked.
        let (actions, out) = unsafe { (io.actions()?, io.outputs()) };
        Error::check_length(
            "infos",
            if out.infos.is_empty() { inner.info_bytes } else { out.infos.len() },
            inner.info_bytes,
        )?;
        inner.venv.step(actions, out)
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}

/// Steps every environment `num_steps` times in one call, resetting as the autoreset mode says (which must not
/// be `MARL_AUTORESET_DISABLED`). The fastest way to collect experience.
///
/// Parameters: `num_steps` is at least 1. `io` as in `marl_step_io`, each array but `infos` with a leading axis of
/// `num_steps`. With `actions` NULL, each environment draws its own, uniformly from the action space, from a
/// generator of the same seed.
///
/// Errors: those of `marl_vec_env_step`, and `MARL_STATUS_OUT_OF_MEMORY`.
///
/// # Safety
/// * as for `marl_vec_env_step`.
#[no_mangle]
pub unsafe extern "C" fn marl_vec_env_rollout(
    env: *mut marl_vec_env,
    num_steps: usize,
    io: *const marl_step_io,
    err: *mut marl_error,
) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let (mut guard, io) = unsafe { (handle("env", env)?.handle.enter()?, read_io(io)?) };
        let inner = guard.get();
        inner.check_apart(&io)?;
        io.check_outputs()?;
        // SAFETY: by this function's contract; apart and checked.
        let out = unsafe { io.outputs() };
        // SAFETY: by this function's contract.
        let actions = if io.actions.is_null() { None } else { Some(unsafe { io.actions()? }) };
        inner.venv.rollout(num_steps, actions, out)
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}

/// Writes the observations of the present state, e.g. after `marl_vec_env_set_column`.
///
/// Parameters: `observations` receives `(E, A, obs)`, exactly `observations_bytes` bytes.
///
/// Errors: `MARL_STATUS_LENGTH_MISMATCH`, `MARL_STATUS_NULL_POINTER`, `MARL_STATUS_BUSY`,
/// `MARL_STATUS_POISONED`.
///
/// # Safety
/// * `env` is NULL or a live handle; `observations` is valid for writes of its size; `err` is NULL or valid for
///   writes.
#[no_mangle]
pub unsafe extern "C" fn marl_vec_env_observe(
    env: *mut marl_vec_env,
    observations: *mut c_void,
    observations_bytes: usize,
    err: *mut marl_error,
) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let mut guard = unsafe { handle("env", env)? }.handle.enter()?;
        // SAFETY: by this function's contract.
        let out = unsafe { slice_mut("observations", observations.cast::<u8>(), observations_bytes)? };
        guard.get().venv.observe(out)
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}

/// Saves everything: state, clocks, generators. A batch of the same environment, configuration and size takes it
/// up again with `marl_vec_env_restore`, on any number of threads.
///
/// Parameters: `out`, `capacity` and `size` as in `marl_env_list`; the size does not change from step to step.
///
/// Errors: `MARL_STATUS_LENGTH_MISMATCH` if the room is too small, `MARL_STATUS_OUT_OF_MEMORY`,
/// `MARL_STATUS_NULL_POINTER`, `MARL_STATUS_BUSY`, `MARL_STATUS_POISONED`.
///
/// # Safety
/// * `env` is NULL or a live handle; `out` is NULL or valid for writes of `capacity` bytes; `size` and `err` are
///   NULL or valid for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_vec_env_snapshot(
    env: *mut marl_vec_env,
    out: *mut u8,
    capacity: usize,
    size: *mut usize,
    err: *mut marl_error,
) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let mut guard = unsafe { handle("env", env)? }.handle.enter()?;
        let bytes = guard.get().venv.snapshot()?;
        // SAFETY: by this function's contract.
        unsafe { copy_out(&bytes, out, capacity, size) }
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}

/// Goes back to where a snapshot was made. On an error nothing is changed.
///
/// Parameters: `bytes` holds the snapshot, `len` bytes.
///
/// Errors: `MARL_STATUS_SNAPSHOT_INVALID` if it is damaged, truncated, of another version, environment,
/// configuration or size; `MARL_STATUS_NULL_POINTER`, `MARL_STATUS_BUSY`, `MARL_STATUS_POISONED`.
///
/// # Safety
/// * `env` is NULL or a live handle; `bytes` is valid for reads of `len` bytes; `err` is NULL or valid for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_vec_env_restore(
    env: *mut marl_vec_env,
    bytes: *const u8,
    len: usize,
    err: *mut marl_error,
) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let (mut guard, bytes) = unsafe { (handle("env", env)?.handle.enter()?, slice("bytes", bytes, len)?) };
        guard.get().venv.restore(bytes)
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}

/// Copies a state column `(E, …)` to the caller. Columns, their types and shapes are in the specification;
/// "clock" (uint32, steps into the episode) is in every environment.
///
/// Parameters: `name` of the column. `out` receives it, exactly `out_bytes` bytes.
///
/// Errors: `MARL_STATUS_UNKNOWN_COLUMN`, `MARL_STATUS_LENGTH_MISMATCH`, `MARL_STATUS_NULL_POINTER`,
/// `MARL_STATUS_BUSY`, `MARL_STATUS_POISONED`.
///
/// # Safety
/// * `env` is NULL or a live handle; `name` is NULL or NUL-terminated; `out` is valid for writes of `out_bytes`
///   bytes; `err` is NULL or valid for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_vec_env_column(
    env: *mut marl_vec_env,
    name: *const c_char,
    out: *mut c_void,
    out_bytes: usize,
    err: *mut marl_error,
) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let (mut guard, name) = unsafe { (handle("env", env)?.handle.enter()?, text("name", name, None)?) };
        // SAFETY: by this function's contract.
        guard.get().venv.column(name, unsafe { slice_mut("out", out.cast::<u8>(), out_bytes)? })
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}

/// Injects a state column. On an error nothing is changed.
///
/// Parameters: `name` of a writable column. `values` holds `(E, …)`, exactly `values_bytes` bytes. `mask` tells
/// the environments to change, `(E,)`; NULL for all.
///
/// Errors: `MARL_STATUS_UNKNOWN_COLUMN`; `MARL_STATUS_INVALID_STATE` with environment, element and value;
/// `MARL_STATUS_LENGTH_MISMATCH`, `MARL_STATUS_INVALID_ARGUMENT`, `MARL_STATUS_NULL_POINTER`,
/// `MARL_STATUS_BUSY`, `MARL_STATUS_POISONED`.
///
/// # Safety
/// * `env` is NULL or a live handle; `name` is NULL or NUL-terminated; `values` is valid for reads of
///   `values_bytes` bytes; `mask` is NULL or valid for reads of `num_envs` bytes; `err` is NULL or valid for
///   writes.
#[no_mangle]
pub unsafe extern "C" fn marl_vec_env_set_column(
    env: *mut marl_vec_env,
    name: *const c_char,
    values: *const c_void,
    values_bytes: usize,
    mask: *const u8,
    err: *mut marl_error,
) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let (mut guard, name) = unsafe { (handle("env", env)?.handle.enter()?, text("name", name, None)?) };
        let inner = guard.get();
        // SAFETY: by this function's contract.
        let (values, mask) = unsafe {
            let mask = if mask.is_null() { None } else { Some(slice("mask", mask, inner.venv.num_envs())?) };
            (slice("values", values.cast::<u8>(), values_bytes)?, mask)
        };
        inner.venv.set_column(name, values, mask)
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}

/// Copies the seeds in force, those from entropy included, so that an unseeded run can be repeated.
///
/// Parameters: `out` receives `num_envs` seeds; `len` is the room, exactly `num_envs`.
///
/// Errors: `MARL_STATUS_LENGTH_MISMATCH`, `MARL_STATUS_NULL_POINTER`, `MARL_STATUS_BUSY`.
///
/// # Safety
/// * `env` is NULL or a live handle; `out` is valid for writes of `len` elements; `err` is NULL or valid for
///   writes.
#[no_mangle]
pub unsafe extern "C" fn marl_vec_env_seeds(
    env: *mut marl_vec_env,
    out: *mut u64,
    len: usize,
    err: *mut marl_error,
) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let (mut guard, out) = unsafe { (handle("env", env)?.handle.enter_poisoned()?, slice_mut("out", out, len)?) };
        let seeds = guard.get().venv.seeds();
        Error::check_length("out", out.len(), seeds.len())?;
        out.copy_from_slice(&seeds);
        Ok(())
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}
