//! The buffers of a step, and how they are read.

use super::{check_apart, dtype, extent, null, slice, slice_mut};
use crate::engine::actions::Actions;
use crate::engine::error::{Error, Result, Status};
use crate::engine::vec_env::RawOutputs;
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
    pub(super) fn check_apart(&self) -> Result<()> {
        let bytes = |what, pointer: *mut c_void, len| extent(what, pointer.cast::<u8>().cast_const(), len);
        check_apart(
            &[
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

    /// # Safety
    /// * all buffers are NULL or valid for their sizes, and were found to be apart.
    #[inline(always)]
    pub(super) unsafe fn outputs<'a>(&self) -> Result<RawOutputs<'a>> {
        fn wanted<T>(pointer: *mut T, len: usize) -> usize {
            if pointer.is_null() {
                0
            } else {
                len
            }
        }
        // SAFETY: by this function's contract.
        unsafe {
            Ok(RawOutputs {
                observations: slice_mut("observations", self.observations.cast(), self.observations_bytes)?,
                rewards: slice_mut("rewards", self.rewards.cast(), self.rewards_bytes)?,
                terminations: slice_mut("terminations", self.terminations, self.terminations_len)?,
                truncations: slice_mut("truncations", self.truncations, self.truncations_len)?,
                final_observations: slice_mut(
                    "final_observations",
                    self.final_observations.cast(),
                    wanted(self.final_observations, self.final_observations_bytes),
                )?,
                final_mask: slice_mut("final_mask", self.final_mask, wanted(self.final_mask, self.final_mask_len))?,
                episode_returns: slice_mut(
                    "episode_returns",
                    self.episode_returns,
                    wanted(self.episode_returns, self.episode_returns_len),
                )?,
                episode_lengths: slice_mut(
                    "episode_lengths",
                    self.episode_lengths,
                    wanted(self.episode_lengths, self.episode_lengths_len),
                )?,
                actions: slice_mut(
                    "actions_out",
                    self.actions_out.cast(),
                    wanted(self.actions_out, self.actions_out_bytes),
                )?,
                infos: slice_mut("infos", self.infos.cast(), wanted(self.infos, self.infos_bytes))?,
            })
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
