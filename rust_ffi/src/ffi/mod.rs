//! The C ABI: the only place with raw pointers. Each function checks what it is given and makes one call inward.
#![allow(unsafe_code, non_camel_case_types)]

pub mod brigade;
mod handle;
pub mod library;
pub mod market;
mod market_arrays;
pub mod market_f32;
pub mod market_f64;
pub mod observer;
pub mod plugin;
mod plugin_batch;
mod plugin_call;
pub mod plugin_draws;
mod plugin_env;
mod plugin_guest;
mod plugin_watch;
pub mod spec;
mod status;
mod step_io;
pub mod vec_env;
pub mod vec_env_bound;
#[cfg(target_family = "wasm")]
pub mod wasm;

pub use status::marl_error;

use crate::engine::columns::{Dtype, Element};
use crate::engine::error::{Error, Result, Status};
use status::{boundary, boundary_or};
use std::ffi::{c_char, CStr};

/// The type of the elements of a buffer.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum marl_dtype {
    /// 32-bit float.
    Float32 = 0,
    /// 64-bit float.
    Float64 = 1,
    /// 32-bit signed integer.
    Int32 = 2,
    /// 64-bit signed integer.
    Int64 = 3,
}

fn dtype(code: i32) -> Result<Dtype> {
    match code {
        0 => Ok(Dtype::Float32),
        1 => Ok(Dtype::Float64),
        2 => Ok(Dtype::Int32),
        3 => Ok(Dtype::Int64),
        _ => Err(Error::new(Status::DtypeMismatch, format!("dtype: expected 0 to 3 (marl_dtype), got {code}"))),
    }
}

fn null(what: &str) -> Error {
    Error::new(Status::NullPointer, format!("{what}: expected a pointer, got NULL"))
}

fn check_pointer<T>(what: &str, pointer: *const T, len: usize) -> Result<()> {
    if pointer.is_null() {
        return Err(null(what));
    }
    if !pointer.is_aligned() {
        let message = format!("{what}: expected a pointer aligned to {} bytes, got {pointer:p}", align_of::<T>());
        return Err(Error::new(Status::InvalidArgument, message));
    }
    if len > isize::MAX as usize / size_of::<T>() {
        return Err(Error::new(Status::InvalidArgument, format!("{what}: {len} elements are more than memory has")));
    }
    Ok(())
}

/// The `len` elements at `pointer`; NULL is fine for none.
///
/// # Safety
/// * unless NULL or `len` is 0, `pointer` is valid for reads of `len` elements for as long as `'a`, and nobody
///   writes to them.
unsafe fn slice<'a, T: Element>(what: &str, pointer: *const T, len: usize) -> Result<&'a [T]> {
    if len == 0 {
        return Ok(&[]);
    }
    check_pointer(what, pointer, len)?;
    // SAFETY: not NULL, aligned, not too long; readable by this function's contract.
    Ok(unsafe { std::slice::from_raw_parts(pointer, len) })
}

/// The `len` elements at `pointer`, to write; NULL is fine for none.
///
/// # Safety
/// * unless NULL or `len` is 0, `pointer` is valid for reads and writes of `len` elements for as long as `'a`,
///   and nobody else touches them.
unsafe fn slice_mut<'a, T: Element>(what: &str, pointer: *mut T, len: usize) -> Result<&'a mut [T]> {
    if len == 0 {
        return Ok(&mut []);
    }
    check_pointer(what, pointer, len)?;
    // SAFETY: not NULL, aligned, not too long; writable and unshared by this function's contract.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, len) })
}

/// The NUL-terminated text at `pointer`; NULL stands for `default` if there is one.
///
/// # Safety
/// * unless NULL, `pointer` is a NUL-terminated string that nobody writes to for as long as `'a`.
unsafe fn text<'a>(what: &str, pointer: *const c_char, default: Option<&'a str>) -> Result<&'a str> {
    if pointer.is_null() {
        return default.ok_or_else(|| null(what));
    }
    // SAFETY: NUL-terminated by this function's contract.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map_err(|_| Error::new(Status::InvalidArgument, format!("{what}: expected UTF-8 text")))
}

/// Writes a result to a place that must not be NULL.
///
/// # Safety
/// * unless NULL, `pointer` is valid for a write.
unsafe fn write_out<T>(what: &str, pointer: *mut T, value: T) -> Result<()> {
    check_pointer(what, pointer, 1)?;
    // SAFETY: not NULL, aligned; writable by this function's contract.
    unsafe { pointer.write(value) };
    Ok(())
}

/// Copies bytes to a caller's buffer of `capacity` bytes and tells how many there are. A NULL buffer asks for
/// the size alone.
///
/// # Safety
/// * `out` is NULL or valid for writes of `capacity` bytes; `size` is NULL or valid for a write.
unsafe fn copy_out(bytes: &[u8], out: *mut u8, capacity: usize, size: *mut usize) -> Result<()> {
    // SAFETY: by this function's contract.
    unsafe { write_out("size", size, bytes.len())? };
    if out.is_null() {
        return Ok(());
    }
    if capacity < bytes.len() {
        let message = format!("out: expected room for {} bytes, got {capacity}", bytes.len());
        return Err(Error::new(Status::LengthMismatch, message));
    }
    // SAFETY: `out` has room for `capacity` bytes by this function's contract, and `bytes` is not in it.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), out, bytes.len()) };
    Ok(())
}

/// An error if two buffers share a byte, at least one of which is written.
fn check_apart(written: &[(&str, usize, usize)], read: &[(&str, usize, usize)]) -> Result<()> {
    let overlap = |a: &(&str, usize, usize), b: &(&str, usize, usize)| {
        a.2 > 0 && b.2 > 0 && a.1 < b.1.saturating_add(b.2) && b.1 < a.1.saturating_add(a.2)
    };
    for (k, a) in written.iter().enumerate() {
        if let Some(b) = written[k + 1..].iter().chain(read).find(|b| overlap(a, b)) {
            let message = format!("{} and {}: expected separate buffers, got overlapping ones", a.0, b.0);
            return Err(Error::new(Status::InvalidArgument, message));
        }
    }
    Ok(())
}

/// Name, address and bytes of a buffer.
type Extent = (&'static str, usize, usize);

/// That of a buffer, for [`check_apart`].
fn extent<T>(what: &'static str, pointer: *const T, len: usize) -> Extent {
    (what, pointer as usize, if pointer.is_null() { 0 } else { len.saturating_mul(size_of::<T>()) })
}
