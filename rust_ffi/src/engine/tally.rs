//! What the engine counts in every row of a step: clocks, truncations and returns.

use super::block::Settings;
use crate::simd::{Kernel, Real, Simd};
use std::ops::Range;

/// The arrays of a step that counting reads and writes. Flags are 0 or 1.
pub struct Tally<'a, R> {
    /// Steps after which an episode is truncated.
    limit: u32,
    /// Steps made in each episode, before this one.
    pub clock: &'a mut [u32],
    /// Sum of rewards in each episode, `(rows, agents)`.
    returns: &'a mut [f64],
    /// `(rows, agents)`; the rules write them.
    pub rewards: &'a mut [R],
    /// `(rows,)`; the rules write 1 where they end the episode.
    pub terminated: &'a mut [u8],
    /// `(rows,)`.
    truncated: &'a mut [u8],
    /// Whether an episode ended.
    some_done: &'a mut bool,
}

impl<'a, R: Real> Tally<'a, R> {
    /// Over clocks and returns, and rewards, terminations and truncations.
    pub(super) fn new(
        settings: Settings,
        (clock, returns): (&'a mut [u32], &'a mut [f64]),
        (rewards, terminated, truncated): (&'a mut [R], &'a mut [u8], &'a mut [u8]),
        some_done: &'a mut bool,
    ) -> Self {
        Tally { limit: settings.max_episode_steps, clock, returns, rewards, terminated, truncated, some_done }
    }

    /// Counts the step of some rows with a single agent, whose rewards and terminations are written. Plain loops, to be
    /// compiled for the registers of the kernel that calls.
    #[inline(always)]
    pub fn count(&mut self, rows: Range<usize>) {
        self.add_rewards(rows.clone());
        self.advance_clocks(rows);
    }

    #[inline(always)]
    fn add_rewards(&mut self, places: Range<usize>) {
        for (sum, reward) in self.returns[places.clone()].iter_mut().zip(&self.rewards[places]) {
            *sum += reward.to_f64();
        }
    }

    #[inline(always)]
    fn advance_clocks(&mut self, rows: Range<usize>) {
        let clocks = &mut self.clock[rows.clone()];
        let (truncated, terminated) = (&mut self.truncated[rows.clone()], &self.terminated[rows]);
        let mut some_done = 0;
        for ((truncated, terminated), clock) in truncated.iter_mut().zip(terminated).zip(clocks) {
            *clock = clock.wrapping_add(1);
            *truncated = u8::from(*clock >= self.limit);
            some_done |= *truncated | *terminated;
        }
        *self.some_done |= some_done != 0;
    }
}

/// Counts the step of all rows, of any number of agents.
impl<R: Real> Kernel for Tally<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, _: S) {
        self.add_rewards(0..self.returns.len());
        self.advance_clocks(0..self.clock.len());
    }
}
