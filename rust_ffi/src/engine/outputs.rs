//! Where the results of a step go: the caller's arrays, cut by rows.

use super::block::fill_row;
use super::columns::Element;
use super::environment::Environment;
use super::spec::Spec;
use crate::simd::Real;

/// Most infos an environment can have.
pub const MOST_INFOS: usize = 16;

/// The info arrays of some rows; empty slices where nobody asks.
pub struct Infos<'a>([&'a mut [u8]; MOST_INFOS]);

impl<'a> Infos<'a> {
    /// No arrays.
    #[inline(always)]
    pub fn none() -> Self {
        Infos(Default::default())
    }

    /// Sets array `k`.
    pub fn set(&mut self, k: usize, bytes: &'a mut [u8]) {
        self.0[k] = bytes;
    }

    /// True if somebody asks.
    pub fn wanted(&self) -> bool {
        !self.0[0].is_empty()
    }

    /// The first `N` arrays, all of one type.
    pub fn typed<T: Element, const N: usize>(&mut self) -> [&mut [T]; N] {
        let mut arrays = self.0.iter_mut();
        std::array::from_fn(|_| arrays.next().map(|bytes| bytemuck::cast_slice_mut(bytes)).unwrap_or_default())
    }

    /// Array `k`, `(rows, width)`.
    #[inline]
    pub fn get_mut<T: Element>(&mut self, k: usize) -> &mut [T] {
        bytemuck::cast_slice_mut(self.0[k])
    }
}

/// Where the results for some rows go. Optional arrays are empty.
pub struct Outputs<'a, E: Environment> {
    /// `(rows, agents, observation_len)`.
    pub observations: &'a mut [E::Obs],
    /// `(rows, agents)`.
    pub rewards: &'a mut [E::Reward],
    /// `(rows,)`.
    pub terminations: &'a mut [u8],
    /// `(rows,)`.
    pub truncations: &'a mut [u8],
    /// Like observations; optional.
    pub final_observations: &'a mut [E::Obs],
    /// `(rows,)`; optional.
    pub final_mask: &'a mut [u8],
    /// `(rows, agents)`; optional.
    pub episode_returns: &'a mut [f64],
    /// `(rows,)`; optional.
    pub episode_lengths: &'a mut [i64],
    /// Bytes of the actions drawn by a rollout; optional.
    pub actions: &'a mut [u8],
    /// Optional.
    pub infos: Infos<'a>,
}

/// Cuts `count` elements off the front; from an empty slice, none.
pub(super) fn cut<'a, T>(slice: &mut &'a mut [T], count: usize) -> &'a mut [T] {
    let (front, rest) = std::mem::take(slice).split_at_mut_checked(count).unwrap_or_default();
    *slice = rest;
    front
}

impl<'a, E: Environment> Outputs<'a, E> {
    /// Cuts the first `rows` rows off.
    pub(super) fn cut_rows(&mut self, spec: &Spec, rows: usize, action_bytes: usize) -> Outputs<'a, E> {
        let agents = spec.agents.len();
        let obs = rows * agents * spec.observation_len();
        let mut infos = Infos::none();
        for (k, field) in spec.infos.iter().enumerate() {
            infos.set(k, cut(&mut self.infos.0[k], rows * field.row_bytes()));
        }
        Outputs {
            observations: cut(&mut self.observations, obs),
            rewards: cut(&mut self.rewards, rows * agents),
            terminations: cut(&mut self.terminations, rows),
            truncations: cut(&mut self.truncations, rows),
            final_observations: cut(&mut self.final_observations, obs),
            final_mask: cut(&mut self.final_mask, rows),
            episode_returns: cut(&mut self.episode_returns, rows * agents),
            episode_lengths: cut(&mut self.episode_lengths, rows),
            actions: cut(&mut self.actions, rows * action_bytes),
            infos,
        }
    }

    /// What a step says of a row that was reset instead of stepped.
    pub fn clear_row(&mut self, env: &E, row: usize) {
        let agents = env.spec().agents.len();
        fill_row(&mut self.rewards[row * agents..(row + 1) * agents], E::Reward::ZERO);
        self.terminations[row] = 0;
        for (k, field) in env.spec().infos.iter().enumerate() {
            let bytes = field.row_bytes();
            if let Some(info) = self.infos.0[k].get_mut(row * bytes..(row + 1) * bytes) {
                info.fill(0);
            }
        }
    }
}

/// Outputs as bytes: the shape they have on the other side of the C ABI. Empty where not wanted.
#[derive(Default)]
pub struct RawOutputs<'a> {
    /// See [`Outputs`].
    pub observations: &'a mut [u8],
    /// See [`Outputs`].
    pub rewards: &'a mut [u8],
    /// See [`Outputs`].
    pub terminations: &'a mut [u8],
    /// See [`Outputs`].
    pub truncations: &'a mut [u8],
    /// See [`Outputs`].
    pub final_observations: &'a mut [u8],
    /// See [`Outputs`].
    pub final_mask: &'a mut [u8],
    /// See [`Outputs`].
    pub episode_returns: &'a mut [f64],
    /// See [`Outputs`].
    pub episode_lengths: &'a mut [i64],
    /// See [`Outputs`].
    pub actions: &'a mut [u8],
    /// All info arrays, each at its offset; see [`info_offsets`].
    pub infos: &'a mut [u8],
}

impl RawOutputs<'_> {
    /// The same once more.
    #[inline(always)]
    pub fn again(&mut self) -> RawOutputs<'_> {
        RawOutputs {
            observations: &mut *self.observations,
            rewards: &mut *self.rewards,
            terminations: &mut *self.terminations,
            truncations: &mut *self.truncations,
            final_observations: &mut *self.final_observations,
            final_mask: &mut *self.final_mask,
            episode_returns: &mut *self.episode_returns,
            episode_lengths: &mut *self.episode_lengths,
            actions: &mut *self.actions,
            infos: &mut *self.infos,
        }
    }
}

/// The outputs of a single environment with one agent, as bytes, without what is optional.
pub struct RawRow<'a> {
    /// See [`Outputs`].
    pub observation: &'a mut [u8],
    /// See [`Outputs`].
    pub reward: &'a mut [u8],
    /// See [`Outputs`].
    pub terminated: &'a mut u8,
    /// See [`Outputs`].
    pub truncated: &'a mut u8,
}

impl<'a> RawRow<'a> {
    /// As those of a batch.
    pub fn all(self) -> RawOutputs<'a> {
        RawOutputs {
            observations: self.observation,
            rewards: self.reward,
            terminations: std::slice::from_mut(self.terminated),
            truncations: std::slice::from_mut(self.truncated),
            ..Default::default()
        }
    }
}

/// Offset of each info array in the buffer of all, and the size of that buffer. Arrays start at multiples of 64.
pub fn info_offsets(spec: &Spec, num_envs: usize) -> (Vec<usize>, usize) {
    let mut offsets = Vec::new();
    let mut end = 0usize;
    for field in &spec.infos {
        offsets.push(end);
        end = (end + field.row_bytes() * num_envs).next_multiple_of(64);
    }
    (offsets, end)
}
