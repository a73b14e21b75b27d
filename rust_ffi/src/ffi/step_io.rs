//! The buffers of a step, and how they are read.

use super::{check_apart, check_pointer, dtype, extent, null, slice, Extent};
use crate::engine::actions::Actions;
use crate::engine::columns::Element;
use crate::engine::error::{Error, Result, Status};
use crate::engine::vec_env::{RawOutputs, RawRow};
use std::ffi::c_void;

/// Buffers of a step, all owned by the caller and used during the call only. Fill it once and pass it each time.
///
/// `E` is the number of environments, `A` of agents that learn, `obs` and `act` the elements of one agent's
/// observation and action; arrays are row-major. In a rollout of `T` steps every array but `infos` has a leading
/// axis of length `T`. No two buffers may overlap. Sizes must be exact.
#[repr(C)]
#[derive(Clone, Copy, PartialEq)]
pub struct marl_step_io {
    /// `sizeof(marl_step_io)`, for later versions to tell.
    pub size: usize,
    /// Actions `(E, A, act)`. NULL in a rollout: actions are drawn.
    pub actions: *const c_void,
    /// Bytes at `actions`.
    pub actions_bytes: usize,
    /// Type of the actions, a `marl_dtype`.
    pub actions_dtype: i32,
    /// Not used; 0.
    pub reserved: i32,
    /// Receives observations `(E, A, obs)`. After an autoreset in the same step, those of the new episode.
    pub observations: *mut c_void,
    /// Bytes at `observations`.
    pub observations_bytes: usize,
    /// Receives rewards `(E, A)`.
    pub rewards: *mut c_void,
    /// Bytes at `rewards`.
    pub rewards_bytes: usize,
    /// Receives `(E,)`: 1 where the rules ended the episode, else 0.
    pub terminations: *mut u8,
    /// Elements at `terminations`.
    pub terminations_len: usize,
    /// Receives `(E,)`: 1 where the time limit was reached, else 0; both flags may be 1.
    pub truncations: *mut u8,
    /// Elements at `truncations`.
    pub truncations_len: usize,
    /// Receives the terminal observation `(E, A, obs)` of each episode that ended; other rows are left alone.
    /// NULL if not wanted.
    pub final_observations: *mut c_void,
    /// Bytes at `final_observations`.
    pub final_observations_bytes: usize,
    /// Receives `(E,)`: 1 where an episode ended, else 0. NULL if not wanted.
    pub final_mask: *mut u8,
    /// Elements at `final_mask`.
    pub final_mask_len: usize,
    /// Receives the sum of rewards `(E, A)` of each episode that ended, else 0. NULL if not wanted.
    pub episode_returns: *mut f64,
    /// Elements at `episode_returns`.
    pub episode_returns_len: usize,
    /// Receives the steps `(E,)` of each episode that ended, else 0. NULL if not wanted.
    pub episode_lengths: *mut i64,
    /// Elements at `episode_lengths`.
    pub episode_lengths_len: usize,
    /// Receives the info arrays of the environment, each at the offset that `marl_vec_env_spec` tells. NULL if
    /// not wanted, and in a rollout.
    pub infos: *mut c_void,
    /// Bytes at `infos`.
    pub infos_bytes: usize,
    /// Receives the actions `(T, E, A, act)` that a rollout draws. NULL if not wanted.
    pub actions_out: *mut c_void,
    /// Bytes at `actions_out`.
    pub actions_out_bytes: usize,
}

impl marl_step_io {
    /// An error if two of the buffers, or one of them and `other`, which is written, too, share a byte.
    pub(super) fn check_apart(&self, other: Option<Extent>) -> Result<()> {
        let bytes = |what, pointer: *mut c_void, len| extent(what, pointer.cast::<u8>().cast_const(), len);
        check_apart(
            &[
                other.unwrap_or_default(),
                bytes("observations", self.observations, self.observations_bytes),
                bytes("rewards", self.rewards, self.rewards_bytes),
                extent("terminations", self.terminations, self.terminations_len),
                extent("truncations", self.truncations, self.truncations_len),
                bytes("final_observations", self.final_observations, self.final_observations_bytes),
                extent("final_mask", self.final_mask, self.final_mask_len),
                extent("episode_returns", self.episode_returns, self.episode_returns_len),
                extent("episode_lengths", self.episode_lengths, self.episode_lengths_len),
                bytes("infos", self.infos, self.infos_bytes),
                bytes("actions_out", self.actions_out, self.actions_out_bytes),
            ],
            &[extent("actions", self.actions.cast::<u8>(), self.actions_bytes)],
        )
    }

    /// An error if a buffer for results is not aligned, too long, or missing where it is not optional.
    #[inline(always)]
    pub(super) fn check_outputs(&self) -> Result<()> {
        fn check<T>(what: &str, pointer: *const T, len: usize, optional: bool) -> Result<()> {
            match len == 0 || (optional && pointer.is_null()) {
                true => Ok(()),
                false => check_pointer(what, pointer, len),
            }
        }
        check("observations", self.observations.cast::<u8>(), self.observations_bytes, false)?;
        check("rewards", self.rewards.cast::<u8>(), self.rewards_bytes, false)?;
        check("terminations", self.terminations, self.terminations_len, false)?;
        check("truncations", self.truncations, self.truncations_len, false)?;
        check("final_observations", self.final_observations.cast::<u8>(), self.final_observations_bytes, true)?;
        check("final_mask", self.final_mask, self.final_mask_len, true)?;
        check("episode_returns", self.episode_returns, self.episode_returns_len, true)?;
        check("episode_lengths", self.episode_lengths, self.episode_lengths_len, true)?;
        check("actions_out", self.actions_out.cast::<u8>(), self.actions_out_bytes, true)?;
        check("infos", self.infos.cast::<u8>(), self.infos_bytes, true)
    }

    /// The buffers for results. No `Result`: it would be copied, with its hundreds of bytes, on its way out.
    ///
    /// # Safety
    /// * all buffers are NULL or valid for their sizes, were found to be apart and passed [`Self::check_outputs`].
    #[inline(always)]
    pub(super) unsafe fn outputs<'a>(&self) -> RawOutputs<'a> {
        // SAFETY: by this function's contract.
        unsafe {
            RawOutputs {
                observations: wanted(self.observations.cast(), self.observations_bytes),
                rewards: wanted(self.rewards.cast(), self.rewards_bytes),
                terminations: wanted(self.terminations, self.terminations_len),
                truncations: wanted(self.truncations, self.truncations_len),
                final_observations: wanted(self.final_observations.cast(), self.final_observations_bytes),
                final_mask: wanted(self.final_mask, self.final_mask_len),
                episode_returns: wanted(self.episode_returns, self.episode_returns_len),
                episode_lengths: wanted(self.episode_lengths, self.episode_lengths_len),
                actions: wanted(self.actions_out.cast(), self.actions_out_bytes),
                infos: wanted(self.infos.cast(), self.infos_bytes),
            }
        }
    }

    /// Whether anything optional is wanted.
    pub(super) fn wants_extras(&self) -> bool {
        let optional = [
            self.final_observations.cast_const().cast::<u8>(),
            self.final_mask,
            self.episode_returns.cast(),
            self.episode_lengths.cast(),
            self.infos.cast(),
            self.actions_out.cast(),
        ];
        optional.iter().any(|pointer| !pointer.is_null())
    }

    /// The buffers for the results of a single environment.
    ///
    /// # Safety
    /// * as for [`Self::outputs`]; and there is room for the flags of one environment.
    #[inline(always)]
    pub(super) unsafe fn row<'a>(&self) -> RawRow<'a> {
        // SAFETY: by this function's contract.
        unsafe {
            RawRow {
                observation: wanted(self.observations.cast(), self.observations_bytes),
                reward: wanted(self.rewards.cast(), self.rewards_bytes),
                terminated: &mut *self.terminations,
                truncated: &mut *self.truncations,
            }
        }
    }

    /// # Safety
    /// * `actions` is NULL or valid for reads of its size.
    pub(super) unsafe fn actions<'a>(&self) -> Result<Actions<'a>> {
        // SAFETY: by this function's contract.
        let bytes = unsafe { slice("actions", self.actions.cast::<u8>(), self.actions_bytes)? };
        Actions::from_bytes(bytes, dtype(self.actions_dtype)?)
    }
}

/// The `len` elements at `pointer`, to write; none if it is NULL.
///
/// # Safety
/// * `pointer` is NULL, or aligned and valid for reads and writes of `len` elements for as long as `'a`, and nobody else
///   touches them; they are no more bytes than `isize` counts.
#[inline(always)]
unsafe fn wanted<'a, T: Element>(pointer: *mut T, len: usize) -> &'a mut [T] {
    if pointer.is_null() || len == 0 {
        return &mut [];
    }
    // SAFETY: not NULL; the rest by this function's contract.
    unsafe { std::slice::from_raw_parts_mut(pointer, len) }
}

/// Reads the caller's struct.
///
/// # Safety
/// * `io` is NULL or valid for reads of as many bytes as its first field says, at least a `size_t`.
#[inline(always)]
pub(super) unsafe fn read_io(io: *const marl_step_io) -> Result<marl_step_io> {
    if io.is_null() {
        return Err(null("io"));
    }
    // SAFETY: not NULL; the first field is readable by this function's contract.
    let size = unsafe { io.cast::<usize>().read_unaligned() };
    if size < size_of::<marl_step_io>() {
        let message = format!("io.size: expected sizeof(marl_step_io), {}, got {size}", size_of::<marl_step_io>());
        return Err(Error::new(Status::InvalidArgument, message));
    }
    // SAFETY: as many bytes are readable as the first field says.
    Ok(unsafe { io.read_unaligned() })
}
