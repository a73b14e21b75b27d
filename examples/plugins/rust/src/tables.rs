//! The tables of plug-ins as `marl_ffi.h` declares them, and a safe view of the rows of a call.
//!
//! Nothing here is about one environment: copy this file into a plug-in of your own.
#![allow(non_camel_case_types, dead_code)]

use std::ffi::{c_char, c_void};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// The version of the tables that this file describes.
pub const MARL_PLUGIN_VERSION: u32 = 1;
/// The functions may be called by several threads at a time.
pub const MARL_PLUGIN_THREAD_SAFE: u32 = 1;

/// A place for an error.
#[repr(C)]
pub struct marl_error {
    pub status: i32,
    pub message: [c_char; 508],
}

/// The generators of a call; opaque.
#[repr(C)]
pub struct marl_rng {
    _private: [u8; 0],
}

/// Functions that draw random numbers.
#[repr(C)]
pub struct marl_plugin_draws {
    pub size: usize,
    pub next_u64: unsafe extern "C" fn(rng: *mut marl_rng, env: usize) -> u64,
    pub next_double: unsafe extern "C" fn(rng: *mut marl_rng, env: usize) -> f64,
    pub uniform: unsafe extern "C" fn(rng: *mut marl_rng, env: usize, low: f64, high: f64) -> f64,
    pub below: unsafe extern "C" fn(rng: *mut marl_rng, env: usize, n: u64) -> u64,
    pub standard_normal: unsafe extern "C" fn(rng: *mut marl_rng, env: usize) -> f64,
}

/// The rows of a call.
#[repr(C)]
pub struct marl_plugin_rows {
    pub size: usize,
    pub count: usize,
    pub instance: *mut c_void,
    pub parameters: *const f64,
    pub state: *mut c_void,
    pub columns: *const *mut c_void,
    pub clock: *const u32,
    pub actions: *const c_void,
    pub rewards: *mut c_void,
    pub terminations: *mut u8,
    pub infos: *const *mut c_void,
    pub observations: *mut c_void,
    pub rng: *mut marl_rng,
    pub draws: *const marl_plugin_draws,
    pub options: *const f64,
    pub seeded: i32,
    pub reserved: i32,
    pub message: *mut c_char,
    pub message_size: usize,
}

/// A call of reset, step or observe.
pub type Call = unsafe extern "C" fn(rows: *const marl_plugin_rows) -> i32;

/// An environment.
#[repr(C)]
pub struct marl_plugin_env {
    pub size: usize,
    pub version: u32,
    pub flags: u32,
    pub spec_json: *const c_char,
    pub state_size: usize,
    pub user: *mut c_void,
    pub create: Option<unsafe extern "C" fn(setup: *mut c_void) -> i32>,
    pub destroy: Option<unsafe extern "C" fn(instance: *mut c_void)>,
    pub check: Option<Call>,
    pub reset: Option<Call>,
    pub step: Option<Call>,
    pub observe: Option<Call>,
}

/// What `marl_plugin_init` is given.
#[repr(C)]
pub struct marl_plugin_host {
    pub size: usize,
    pub version: u32,
    pub abi_version: u32,
    pub env_register: unsafe extern "C" fn(
        host: *const marl_plugin_host,
        id: *const c_char,
        env: *const marl_plugin_env,
        err: *mut marl_error,
    ) -> i32,
    pub context: *mut c_void,
}

/// The rows of a call as slices.
pub struct Rows<'a>(&'a marl_plugin_rows);

impl<'a> Rows<'a> {
    /// Number of environments.
    pub fn count(&self) -> usize {
        self.0.count
    }

    /// Parameter `k`.
    ///
    /// # Safety
    /// * the specification declares more than `k` parameters.
    pub unsafe fn parameter(&self, k: usize) -> f64 {
        // SAFETY: there are that many numbers.
        unsafe { *self.0.parameters.add(k) }
    }

    /// State column `k`, `width` elements per environment.
    ///
    /// # Safety
    /// * the specification declares a column `k` of type `T` and this width.
    pub unsafe fn column<T>(&self, k: usize, width: usize) -> &'a [T] {
        // SAFETY: the engine lends `count` rows of each declared column.
        unsafe { std::slice::from_raw_parts((*self.0.columns.add(k)).cast(), self.0.count * width) }
    }

    /// The same, to write.
    ///
    /// # Safety
    /// * as for [`Rows::column`]; this is `reset` or `step`, and the column is asked for once.
    pub unsafe fn column_mut<T>(&self, k: usize, width: usize) -> &'a mut [T] {
        // SAFETY: the engine lends `count` rows of each declared column.
        unsafe { std::slice::from_raw_parts_mut((*self.0.columns.add(k)).cast(), self.0.count * width) }
    }

    /// The actions of a step.
    ///
    /// # Safety
    /// * this is a step, and actions of all agents are `width` elements of type `T`.
    pub unsafe fn actions<T>(&self, width: usize) -> &'a [T] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts(self.0.actions.cast(), self.0.count * width) }
    }

    /// The rewards of a step, to write.
    ///
    /// # Safety
    /// * this is a step, `T` is the specification's `reward_dtype`; asked for once.
    pub unsafe fn rewards<T>(&self, agents: usize) -> &'a mut [T] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.0.rewards.cast(), self.0.count * agents) }
    }

    /// Where the rules end an episode, to write: 0 or 1.
    ///
    /// # Safety
    /// * this is a step; asked for once.
    pub unsafe fn terminations(&self) -> &'a mut [u8] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.0.terminations, self.0.count) }
    }

    /// The observations, to write.
    ///
    /// # Safety
    /// * this is `observe`, and observations of all agents are `width` elements of type `T`; asked for once.
    pub unsafe fn observations<T>(&self, width: usize) -> &'a mut [T] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.0.observations.cast(), self.0.count * width) }
    }

    /// A double in [low, high) from the generator of `env`.
    pub fn uniform(&self, env: usize, low: f64, high: f64) -> f64 {
        // SAFETY: the engine's function, which checks what it is given.
        unsafe { ((*self.0.draws).uniform)(self.0.rng, env, low, high) }
    }

    /// A standard normal from the generator of `env`.
    pub fn standard_normal(&self, env: usize) -> f64 {
        // SAFETY: the engine's function, which checks what it is given.
        unsafe { ((*self.0.draws).standard_normal)(self.0.rng, env) }
    }
}

/// Runs `work` on the rows of a call. No panic may leave a plug-in: one becomes a failure with its message.
///
/// # Safety
/// * `rows` is what the engine called with.
pub unsafe fn guarded(rows: *const marl_plugin_rows, work: impl FnOnce(Rows<'_>)) -> i32 {
    // SAFETY: by this function's contract.
    let rows = unsafe { &*rows };
    let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(Rows(rows)))) else { return 0 };
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("a panic without a message").as_bytes();
    let count = text.len().min(rows.message_size.saturating_sub(1));
    // SAFETY: there is room for `message_size` bytes, zero at first.
    unsafe { std::ptr::copy_nonoverlapping(text.as_ptr().cast(), rows.message, count) };
    1
}
