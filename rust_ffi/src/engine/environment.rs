//! What an environment has to state to become a batch of the engine.

use super::actions::Actions;
use super::block::Phase;
use super::columns::{Columns, Element};
use super::error::Result;
use super::outputs::Infos;
use super::rng::Pcg64;
use super::spec::Spec;
use super::tally::Tally;
use crate::simd::{Level, Real};
use serde_json::Value;
use std::ops::Range;

/// The rules of a game, and nothing else: no threads, no autoreset, no time limit, no seeds.
///
/// A value holds the parameters. State lives in the columns that the specification names. Every function works
/// on rows that do not know of each other.
pub trait Environment: Send + Sync + Sized + 'static {
    /// Type of observations.
    type Obs: Element;
    /// Type of rewards.
    type Reward: Element + Real;
    /// Memory that is reused from step to step and holds nothing between them.
    type Scratch: Send + Sync;

    /// The self-description.
    fn spec(&self) -> &Spec;
    /// Whether actions out of range are clipped by the rules rather than refused by the engine.
    fn clips_actions(&self) -> bool {
        false
    }
    /// A rough time of one step of one environment, to decide about threads.
    fn nanoseconds_per_step(&self) -> usize;
    /// Memory for steps of up to `rows` environments, whichever they are, one block after the other; an error where it
    /// cannot be had, for a step has no error for that.
    fn scratch(&self, rows: usize) -> Result<Self::Scratch>;
    /// Number of columns of floats of the reward's type behind those of the specification: what is kept of a state to save
    /// work. Nobody outside sees them.
    fn columns_behind(&self) -> usize {
        0
    }
    /// States were written from outside: what is kept of them holds no longer.
    fn forget(&self, state: &mut Columns) {
        let _ = state;
    }
    /// Gives columns their first content, before any reset.
    fn initialise(&self, state: &mut Columns, rows: usize) {
        let _ = (state, rows);
    }
    /// The generator of a row for `seed`, which the caller gave or the system's entropy; a reset follows. Whatever else
    /// of the row starts anew with a seed does so here.
    fn seed(&self, state: &mut Columns, row: usize, seed: u64) -> Pcg64 {
        let _ = (state, row);
        Pcg64::from_numpy_seed(seed)
    }
    /// Checks the options of a reset.
    fn check_options(&self, options: &Value) -> Result<()>;
    /// Starts a new episode in `row`. `seeded` tells whether the caller gave a seed for it.
    fn reset(&self, state: &mut Columns, row: usize, rng: &mut Pcg64, seeded: bool, options: &Value);
    /// Starts new episodes in some rows, without seeds or options. `rngs` has one generator per row of the block.
    fn reset_rows(&self, _level: Level, state: &mut Columns, rows: &[u32], rngs: &mut [Pcg64]) {
        for &row in rows {
            self.reset(state, row as usize, &mut rngs[row as usize], false, &Value::Null);
        }
    }
    /// Steps all rows by one turn: state, rewards, terminations, infos. A row whose episode is over may be
    /// among them, with any action at all; whatever is written for it is discarded, but its generator must stay.
    fn step(&self, turn: Turn<'_, '_, Self>);
    /// Whether [`Environment::step`] also has every row counted by the tally and writes its observations, while the state
    /// is in registers: for rules so short that more passes over memory would show.
    const ONE_PASS: bool = false;
    /// Whether [`Environment::step`] also takes choices that the engine has drawn as [`Actions::U8`].
    const READS_BYTES: bool = false;
    /// Writes the observations `(rows, agents, observation_len)` of consecutive rows.
    fn observe(&self, level: Level, state: &Columns, clock: &[u32], rows: Range<usize>, out: &mut [Self::Obs]);
    /// Writes the observations of some rows to their places among those of all rows, `out`.
    fn observe_rows(&self, state: &Columns, clock: &[u32], rows: &[u32], out: &mut [Self::Obs]) {
        let width = self.spec().agents.len() * self.spec().observation_len();
        for row in rows.iter().map(|&row| row as usize) {
            let out = &mut out[row * width..(row + 1) * width];
            self.observe(Level::SCALAR, state, clock, row..row + 1, out);
        }
    }
    /// Checks one value of a column that a caller wants to inject.
    fn check_column(&self, name: &str, value: f64) -> Result<()>;
}

/// What is told of rows, if anybody listens.
pub type Meanwhile<'a> = Option<&'a mut dyn FnMut(usize)>;

/// The arguments of a step of a block.
pub struct Turn<'a, 'b, E: Environment> {
    /// Lanes to run on.
    pub level: Level,
    /// Number of environments.
    pub rows: usize,
    /// Their state.
    pub state: &'a mut Columns,
    /// Reusable memory.
    pub scratch: &'a mut E::Scratch,
    /// The generator of each row.
    pub rngs: &'a mut [Pcg64],
    /// Where each row stands.
    pub phases: &'a [Phase],
    /// `(rows, agents, action_len)`.
    pub actions: Actions<'a>,
    /// Clocks to read; rewards and terminations to write.
    pub tally: Tally<'a, E::Reward>,
    /// `(rows, agents, observation_len)`, to write in one pass or not at all.
    pub observations: &'a mut [E::Obs],
    /// To write.
    pub infos: &'a mut Infos<'b>,
    /// May be told now and then how many rows more are done: results of an earlier step go to memory meanwhile. What is not
    /// told of goes afterwards.
    pub meanwhile: Meanwhile<'a>,
}
