//! Random actions of a block: drawn some steps ahead, and written to those who asked for them.

use super::actions::ActionRule;
use super::columns::Dtype;
use super::draws;
use super::environment::Environment;
use super::outputs::cut;
use super::rng::Pcg64;
use crate::simd::{stream, Level};

/// What is asked of random actions.
pub(super) struct Draws<'a> {
    pub rule: &'a ActionRule,
    /// For how many steps they will be asked, this one included.
    pub left: usize,
    /// Whether they leave the caches before anybody reads them.
    pub streams: bool,
}

/// Among how many to choose, where the rules take choices as bytes: these are widened on their way to whoever asked.
pub(super) fn bytes_for<E: Environment>(rule: &ActionRule) -> Option<u32> {
    rule.few_choices().filter(|_| E::READS_BYTES && rule.sampled_dtype() == Dtype::Int64)
}

/// Memory for random actions, of which one type is in use.
#[derive(Default)]
pub(super) struct Drawn {
    pub(super) float32: Vec<f32>,
    pub(super) float64: Vec<f64>,
    pub(super) int64: Vec<i64>,
    pub(super) ahead: Ahead,
}

/// Choices that were drawn for later steps.
#[derive(Default)]
pub(super) struct Ahead {
    /// `(steps, rows)`.
    pub(super) choices: Vec<u8>,
    /// How many of the steps were played.
    played: usize,
}

impl Ahead {
    /// The choices of the next step, one per row, of which `left` will be asked for.
    pub(super) fn next(&mut self, level: Level, rngs: &mut [Pcg64], n: u32, left: usize) -> &[u8] {
        let rows = rngs.len();
        if self.played * rows >= self.choices.len() {
            self.played = 0;
            self.choices.resize(rows * left.min(draws::MOST_AHEAD), 0);
            draws::choices_ahead(level, rngs, n, &mut self.choices);
        }
        self.played += 1;
        self.choices.chunks_exact(rows).nth(self.played - 1).unwrap_or_default()
    }
}

/// Where `len` actions are drawn to: what the caller has given for them, or memory of our own if that is not aligned or
/// nothing; and what they have to be copied to then.
pub(super) fn place<'a, T: bytemuck::Pod>(
    given: &'a mut [u8],
    own: &'a mut Vec<T>,
    len: usize,
) -> (&'a mut [T], &'a mut [u8]) {
    if given.len() == len * size_of::<T>() && bytemuck::try_cast_slice::<u8, T>(given).is_ok() {
        return (bytemuck::cast_slice_mut(given), &mut []);
    }
    own.resize(len, T::zeroed());
    (own, given)
}

/// Choices on their way to those who asked for them, as 64-bit integers.
pub(super) struct Widening<'a> {
    pub(super) level: Level,
    pub(super) from: &'a [u8],
    /// Integers of the machine, or nothing.
    pub(super) to: &'a mut [u8],
}

impl Widening<'_> {
    /// All at once, into the caches.
    pub(super) fn all(&mut self) {
        let from = std::mem::take(&mut self.from);
        stream::widen_in_caches(self.level, from, self.to);
    }

    /// Some more, past the caches.
    pub(super) fn go_on(&mut self, rows: usize) {
        let (now, later) = self.from.split_at(rows.min(self.from.len()));
        stream::widen(self.level, now, cut(&mut self.to, now.len() * 8));
        self.from = later;
    }
}
