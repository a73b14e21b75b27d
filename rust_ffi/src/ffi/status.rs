//! Errors on their way out, and the boundary that no panic crosses.

use crate::engine::error::{Error, Result, Status};
use std::ffi::c_char;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Bytes of a message, its NUL included.
const MESSAGE: usize = 508;

/// What went wrong, in a place that the caller owns.
///
/// Every function that can fail takes a pointer to one as its last argument and fills it on failure, and only
/// then. NULL is fine: the returned status still tells the kind.
#[repr(C)]
pub struct marl_error {
    /// The kind, as also returned.
    pub status: Status,
    /// Which input, where, what was expected and what was got. UTF-8, NUL-terminated.
    pub message: [c_char; 508],
}

/// Fills `err` unless it is NULL.
///
/// # Safety
/// * `err` is NULL or valid for writes.
#[cold]
pub(super) unsafe fn report(err: *mut marl_error, error: &Error) -> Status {
    if !err.is_null() && err.is_aligned() {
        let mut end = error.message.len().min(MESSAGE - 1);
        while !error.message.is_char_boundary(end) {
            end -= 1;
        }
        let mut message = [0 as c_char; MESSAGE];
        for (to, from) in message.iter_mut().zip(&error.message.as_bytes()[..end]) {
            // What the caller sent may be quoted, NUL and all, but the first NUL is the end.
            *to = if *from == 0 { b'?' } else { *from } as c_char;
        }
        // SAFETY: not NULL, aligned; writable by this function's contract.
        unsafe { err.write(marl_error { status: error.status, message }) };
    }
    error.status
}

fn panic_error(payload: &(dyn std::any::Any + Send)) -> Error {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("no message");
    Error::new(Status::Panic, format!("a bug in marl_ffi, please report it: {text}"))
}

/// Runs `body`; a failure or panic in it becomes a status and fills `err`.
///
/// # Safety
/// * `err` is NULL or valid for writes.
#[inline(always)]
pub(super) unsafe fn boundary(err: *mut marl_error, body: impl FnOnce() -> Result<()>) -> Status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => Status::Ok,
        // SAFETY: by this function's contract.
        Ok(Err(error)) => unsafe { report(err, &error) },
        // SAFETY: by this function's contract.
        Err(payload) => unsafe { report(err, &panic_error(&*payload)) },
    }
}

/// Runs `body`; a failure or panic in it becomes `otherwise` and fills `err`.
///
/// # Safety
/// * `err` is NULL or valid for writes.
#[inline(always)]
pub(super) unsafe fn boundary_or<T>(otherwise: T, err: *mut marl_error, body: impl FnOnce() -> Result<T>) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => {
            // SAFETY: by this function's contract.
            unsafe { report(err, &error) };
            otherwise
        }
        Err(payload) => {
            // SAFETY: by this function's contract.
            unsafe { report(err, &panic_error(&*payload)) };
            otherwise
        }
    }
}
