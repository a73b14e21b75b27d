//! The step of a single environment with everything but its action told beforehand.

use super::handle::{handle, Guard};
use super::step_io::{marl_step_io, read_io};
use super::vec_env::{marl_vec_env, Inner};
use super::{boundary, boundary_or, check_pointer, dtype, extent, marl_error, write_out};
use crate::engine::actions::Action;
use crate::engine::columns::Dtype;
use crate::engine::error::{Error, Status};
use crate::engine::vec_env::step_as_batch;

/// The step of a batch of one environment whose action is one number, bound to its buffers: for callers to whom each
/// argument of a call is work, such as the foreign functions of most languages.
pub struct marl_bound_step {
    env: *mut marl_vec_env,
    io: marl_step_io,
    dtype: Dtype,
    err: *mut marl_error,
    /// Whether anything optional is wanted.
    wants_extras: bool,
}

/// Binds the step of a batch of one environment to its buffers.
///
/// Parameters: `env` has one environment, one agent that learns and actions of one number; what is bound to it may be freed
/// later than it is, but not run. `io` is read now and not needed afterwards; its buffers are checked now and have to stay until the bound
/// step is freed. `actions_dtype` tells the type that the actions are of; `actions` and `actions_bytes` are not used.
/// `step_err` is filled by the steps that fail; NULL if not wanted. `out` receives the handle, to be freed with
/// `marl_bound_step_free`. Any number of steps may be bound to one environment.
///
/// Errors: `MARL_STATUS_INVALID_ARGUMENT` for another batch; those of `marl_vec_env_step` for `io`;
/// `MARL_STATUS_NULL_POINTER`; `MARL_STATUS_BUSY`.
///
/// # Safety
/// * as for `marl_vec_env_step`; the buffers of `io` and `step_err` stay valid until the bound step is freed, and
///   it is not run after `env` is freed; `out` is NULL or valid for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_bound_step_new(
    env: *mut marl_vec_env,
    io: *const marl_step_io,
    step_err: *mut marl_error,
    out: *mut *mut marl_bound_step,
    err: *mut marl_error,
) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let (mut guard, mut io) = unsafe { (handle("env", env)?.handle.enter_poisoned()?, read_io(io)?) };
        (io.actions, io.actions_bytes) = (std::ptr::null(), 0);
        check_pointer("out", out, 1)?;
        io.check_apart(Some(extent("step_err", step_err.cast_const(), 1)))?;
        io.check_outputs()?;
        let dtype = dtype(io.actions_dtype)?;
        // SAFETY: by this function's contract; apart and checked.
        let outputs = unsafe { io.outputs() };
        let venv = &guard.get().venv;
        let spec = venv.spec();
        if venv.num_envs() != 1 || spec.agents.len() != 1 || spec.action_len() != 1 {
            let message = "env: expected one environment with one agent that learns and actions of one number";
            return Err(Error::new(Status::InvalidArgument, message));
        }
        venv.check_step(dtype, outputs)?;
        let made = Box::new(marl_bound_step { env, io, dtype, err: step_err, wants_extras: io.wants_extras() });
        // SAFETY: by this function's contract.
        unsafe { write_out("out", out, Box::into_raw(made)) }
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}

/// Frees a bound step, not its environment, which may have been freed before. NULL is fine.
///
/// # Safety
/// * `step` is NULL or came from `marl_bound_step_new` and was not freed.
#[no_mangle]
pub unsafe extern "C" fn marl_bound_step_free(step: *mut marl_bound_step) {
    let body = || {
        if !step.is_null() {
            // SAFETY: made by `Box::into_raw` in `marl_bound_step_new`, and not freed before.
            drop(unsafe { Box::from_raw(step) });
        }
        Ok(())
    };
    // SAFETY: no error place is given.
    unsafe { boundary(std::ptr::null_mut(), body) };
}

/// Steps the environment once, as `marl_vec_env_step` would with this action and the bound buffers.
///
/// Returns the reward if the episode goes on, and infinity if the buffers tell more: it ended, or the reward is itself
/// infinite or not a number. NaN if the step failed: `step_err` tells why, and no other buffer is written. So the reward
/// is what is below infinity, and one comparison finds out. NaN, too, if another call is inside the environment: that is
/// not written to `step_err`, which is the other call's.
///
/// Parameters: `action` is rounded to the bound type, if that is of 32 bits.
///
/// Errors: those of `marl_vec_env_step` that its buffers have no part in, in `step_err`. An action that the bound type
/// has no number for is refused before anything else.
///
/// # Safety
/// * `step` is NULL or a live handle whose environment and buffers are still there.
#[no_mangle]
pub unsafe extern "C" fn marl_bound_step_run(step: *const marl_bound_step, action: f64) -> f64 {
    let body = || {
        // SAFETY: by this function's contract.
        let bound = unsafe { handle("step", step)? };
        // SAFETY: as above.
        let guard = unsafe { handle("env", bound.env)? }.handle.enter_poisoned()?;
        // SAFETY: as above.
        Ok(unsafe { run(bound, guard, action) })
    };
    // SAFETY: no error place is given: only who is inside writes to it.
    unsafe { boundary_or(f64::NAN, std::ptr::null_mut(), body) }
}

/// # Safety
/// * as for [`marl_bound_step_run`]; `guard` is of the bound environment.
#[inline(always)]
unsafe fn run(bound: &marl_bound_step, mut guard: Guard<'_, Inner>, action: f64) -> f64 {
    let body = || {
        guard.check_sound()?;
        let (venv, action) = (&mut guard.get().venv, Action::new(bound.dtype, action)?);
        if bound.wants_extras {
            // SAFETY: by this function's contract; apart and checked when they were bound.
            return step_as_batch(&mut **venv, action, unsafe { bound.io.outputs() });
        }
        // SAFETY: as above; the batch agreed to flags of one environment.
        venv.step_one(action, unsafe { bound.io.row() })
    };
    // SAFETY: by this function's contract.
    unsafe { boundary_or(f64::NAN, bound.err, body) }
}
