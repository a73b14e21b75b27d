//! A block: a run of environments with their own state, clocks and generators. The unit of threading; nothing
//! that happens in one block depends on another.

use super::actions::{ActionRule, Actions};
use super::columns::{try_room, try_vec, Columns, Dtype, Element};
use super::drawn::{bytes_for, place, Drawn, Draws, Widening};
use super::environment::{Environment, Meanwhile, Turn};
use super::error::{Error, Result, Status};
use super::rng::Pcg64;
use super::tally::Tally;
use super::vec_env::{Autoreset, Infos, Outputs};
use crate::simd::{self, Kernel, Level, Real, Simd};
use serde_json::Value;

/// Where an environment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Never reset.
    Unborn = 0,
    /// In an episode.
    Running = 1,
    /// The episode ended and no reset followed yet.
    Over = 2,
}

impl Phase {
    /// The phase with number `x`.
    pub fn from_u8(x: u8) -> Option<Phase> {
        [Phase::Unborn, Phase::Running, Phase::Over].into_iter().find(|phase| *phase as u8 == x)
    }
}

/// What a reset asks of one environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeding {
    /// Start the generators afresh.
    Explicit(u64),
    /// Start them afresh from entropy, if they never were started.
    Entropy(u64),
}

/// The engine's settings that a step needs.
#[derive(Clone, Copy)]
pub struct Settings {
    /// What happens after the end of an episode.
    pub autoreset: Autoreset,
    /// Steps after which an episode is truncated.
    pub max_episode_steps: u32,
    /// Lanes to run on.
    pub level: Level,
}

/// See the module.
pub struct Block {
    /// Index of the first environment.
    pub first: usize,
    /// Number of environments.
    pub rows: usize,
    pub state: Columns,
    pub rngs: Vec<Pcg64>,
    pub action_rngs: Vec<Pcg64>,
    pub seeds: Vec<u64>,
    pub phases: Vec<Phase>,
    pub clock: Vec<u32>,
    /// Sum of rewards in the episode, `(rows, agents)`.
    pub returns: Vec<f64>,
    /// Rows that were never reset.
    unborn: usize,
    /// All rows whose episode is over, in ascending order, and perhaps some that were reset since.
    ended: Vec<u32>,
    /// Room for the places of rows that end.
    room: Vec<u32>,
    drawn: Drawn,
    no_infos: Infos<'static>,
}

impl Block {
    pub fn new<E: Environment>(env: &E, first: usize, rows: usize) -> Result<Self> {
        let spec = env.spec();
        let kinds = spec.columns.iter().map(|column| (column.dtype, column.width()));
        let behind = std::iter::repeat_n((E::Reward::DTYPE, 1), env.columns_behind());
        let mut state = Columns::new(rows, kinds.chain(behind))?;
        env.initialise(&mut state, rows);
        Ok(Block {
            first,
            rows,
            state,
            rngs: try_vec(rows, Pcg64::from_numpy_seed(0))?,
            action_rngs: try_vec(rows, Pcg64::from_numpy_seed(0))?,
            seeds: try_vec(rows, 0)?,
            phases: try_vec(rows, Phase::Unborn)?,
            clock: try_vec(rows, 0)?,
            returns: try_vec(rows * spec.agents.len(), 0.0)?,
            unborn: rows,
            ended: try_room(rows)?,
            room: try_vec(rows + MORE, 0)?,
            drawn: Drawn::default(),
            no_infos: Infos::none(),
        })
    }

    /// A copy to try things on.
    pub fn rehearsal<E: Environment>(&self, env: &E) -> Result<Self> {
        let mut copy = Self::new(env, self.first, self.rows)?;
        copy.state.copy_from(&self.state);
        copy.rngs.clone_from(&self.rngs);
        copy.action_rngs.clone_from(&self.action_rngs);
        copy.seeds.clone_from(&self.seeds);
        copy.phases.clone_from(&self.phases);
        copy.clock.clone_from(&self.clock);
        copy.returns.clone_from(&self.returns);
        copy.ended.clone_from(&self.ended);
        copy.unborn = self.unborn;
        Ok(copy)
    }

    /// Counts again what follows from phases, which were written from outside.
    pub fn count_phases(&mut self) {
        self.drawn.ahead.choices.clear();
        self.unborn = self.phases.iter().filter(|phase| **phase == Phase::Unborn).count();
        self.ended.clear();
        self.ended.extend((0..self.rows as u32).filter(|&row| self.phases[row as usize] == Phase::Over));
    }

    /// Starts a new episode in `row`.
    pub fn reset_row<E: Environment>(&mut self, env: &E, row: usize, seeding: Option<Seeding>, options: &Value) {
        let agents = env.spec().agents.len();
        let explicit = match seeding {
            Some(Seeding::Explicit(seed)) => {
                self.seed_row(env, row, seed);
                true
            }
            Some(Seeding::Entropy(seed)) if self.phases[row] == Phase::Unborn => {
                self.seed_row(env, row, seed);
                false
            }
            _ => false,
        };
        env.reset(&mut self.state, row, &mut self.rngs[row], explicit, options);
        // What a rollout that was broken off has left.
        self.drawn.ahead.choices.clear();
        self.unborn -= usize::from(self.phases[row] == Phase::Unborn);
        self.phases[row] = Phase::Running;
        self.clock[row] = 0;
        self.returns[row * agents..(row + 1) * agents].fill(0.0);
    }

    fn seed_row<E: Environment>(&mut self, env: &E, row: usize, seed: u64) {
        self.seeds[row] = seed;
        self.rngs[row] = env.seed(&mut self.state, row, seed);
        self.action_rngs[row] = Pcg64::from_numpy_seed(seed);
    }

    /// Writes the observations of one row.
    pub fn observe_row<E: Environment>(&self, env: &E, row: usize, out: &mut [E::Obs]) {
        env.observe(Level::SCALAR, &self.state, &self.clock, row..row + 1, out);
    }

    /// An error if a row cannot be stepped, or its action cannot be played.
    pub fn check(&self, rule: &ActionRule, autoreset: Autoreset, actions: Actions<'_>) -> Result<()> {
        self.check_phases(autoreset)?;
        rule.check(actions, self.first, |row| self.rests(autoreset, row))
    }

    /// An error if a row cannot be stepped.
    #[inline(always)]
    pub fn check_phases(&self, autoreset: Autoreset) -> Result<()> {
        if self.unborn == 0 && (autoreset == Autoreset::NextStep || self.ended.is_empty()) {
            return Ok(());
        }
        self.find_offender(autoreset)
    }

    #[cold]
    fn find_offender(&self, autoreset: Autoreset) -> Result<()> {
        let offender = self.phases.iter().position(|phase| match phase {
            Phase::Unborn => true,
            Phase::Running => false,
            Phase::Over => autoreset != Autoreset::NextStep,
        });
        let Some(row) = offender else { return Ok(()) };
        let env = self.first + row;
        Err(match self.phases[row] {
            Phase::Unborn => Error::new(Status::NotReset, format!("env {env}: stepped before its first reset")),
            _ => Error::new(
                Status::EpisodeOver,
                format!("env {env}: its episode is over; reset it (e.g. with a reset mask) before the next step"),
            ),
        })
    }

    fn rests(&self, autoreset: Autoreset, row: usize) -> bool {
        autoreset == Autoreset::NextStep && self.phases[row] == Phase::Over
    }

    /// Draws random actions for all rows, plays them, and writes them to `out` if it has room.
    pub(super) fn step_sampled<E: Environment>(
        &mut self,
        env: &E,
        draws: Draws<'_>,
        settings: Settings,
        scratch: &mut E::Scratch,
        out: &mut Outputs<'_, E>,
        mut meanwhile: Meanwhile<'_>,
    ) {
        let Draws { rule, left, streams } = draws;
        let mut drawn = std::mem::take(&mut self.drawn);
        let (rngs, len) = (&mut self.action_rngs, self.rows * rule.row_len());
        let given = std::mem::take(&mut out.actions);
        if let Some(n) = bytes_for::<E>(rule) {
            let choices = drawn.ahead.next(settings.level, rngs, n, left);
            let mut widening = Widening { level: settings.level, from: choices, to: given };
            if !streams {
                widening.all();
            }
            let mut told = |rows| {
                widening.go_on(rows);
                if let Some(meanwhile) = &mut meanwhile {
                    meanwhile(rows);
                }
            };
            self.step(env, settings, scratch, Actions::U8(choices), out, Some(&mut told));
            widening.go_on(usize::MAX);
            self.drawn = drawn;
            return;
        }
        let (actions, copy) = match rule.sampled_dtype() {
            Dtype::Int64 => {
                let (to, copy) = place(given, &mut drawn.int64, len);
                match rule.few_choices() {
                    Some(n) => {
                        let from = drawn.ahead.next(settings.level, rngs, n, left);
                        Widening { level: settings.level, from, to: bytemuck::cast_slice_mut(to) }.all();
                    }
                    None => rule.sample_choices(settings.level, rngs, to),
                }
                (Actions::I64(to), copy)
            }
            Dtype::Float64 => {
                let (to, copy) = place(given, &mut drawn.float64, len);
                rule.sample_numbers(rngs, to);
                (Actions::F64(to), copy)
            }
            _ => {
                let (to, copy) = place(given, &mut drawn.float32, len);
                rule.sample_numbers(rngs, to);
                (Actions::F32(to), copy)
            }
        };
        if copy.len() == actions.bytes().len() {
            copy.copy_from_slice(actions.bytes());
        }
        self.step(env, settings, scratch, actions, out, meanwhile);
        self.drawn = drawn;
    }

    /// Steps all rows. Actions were checked.
    pub fn step<E: Environment>(
        &mut self,
        env: &E,
        settings: Settings,
        scratch: &mut E::Scratch,
        actions: Actions<'_>,
        out: &mut Outputs<'_, E>,
        meanwhile: Meanwhile<'_>,
    ) {
        let mut over = std::mem::take(&mut self.ended);
        if settings.autoreset == Autoreset::NextStep {
            over.retain(|&row| self.phases[row as usize] == Phase::Over);
        } else {
            over.clear();
        }
        let mut some_done = false;
        if E::ONE_PASS {
            self.rest(&over);
        }
        env.step(Turn {
            level: settings.level,
            rows: self.rows,
            state: &mut self.state,
            scratch,
            rngs: &mut self.rngs,
            phases: &self.phases,
            actions,
            tally: Tally::new(
                settings,
                (&mut self.clock, &mut self.returns),
                (out.rewards, out.terminations, out.truncations),
                &mut some_done,
            ),
            observations: out.observations,
            infos: &mut out.infos,
            // Taken apart, for a shorter life.
            meanwhile: match meanwhile {
                Some(told) => Some(told),
                None => None,
            },
        });
        if !E::ONE_PASS {
            self.rest(&over);
        }
        if !over.is_empty() {
            self.restart(env, settings.level, &over);
            over.iter().for_each(|&row| out.clear_row(env, row as usize));
        }
        if E::ONE_PASS {
            // What was written of rows that were reset instead.
            env.observe_rows(&self.state, &self.clock, &over, out.observations);
        } else {
            simd::run(
                settings.level,
                Tally::new(
                    settings,
                    (&mut self.clock, &mut self.returns),
                    (out.rewards, out.terminations, out.truncations),
                    &mut some_done,
                ),
            );
            env.observe(settings.level, &self.state, &self.clock, 0..self.rows, out.observations);
        }
        self.ended = over;
        self.ended.clear();
        clear(out.final_mask);
        clear(out.episode_lengths);
        clear(out.episode_returns);
        if some_done {
            self.end(env, settings, out);
        }
    }

    /// [`Block::step`] of a single row of one agent, where the rules do it in one pass and nothing else is asked: as
    /// [`told`], and infinity if the episode ended. None, with nothing done, if there is more to do.
    #[inline(always)]
    pub fn step_one<E: Environment>(
        &mut self,
        env: &E,
        settings: Settings,
        scratch: &mut E::Scratch,
        actions: Actions<'_>,
        (observation, reward, terminated, truncated): (&mut [E::Obs], &mut E::Reward, &mut u8, &mut u8),
    ) -> Option<f64> {
        let simple = self.rows == 1 && self.unborn == 0 && self.ended.is_empty();
        if !simple || settings.autoreset == Autoreset::SameStep || observation.len() != env.spec().observation_len() {
            return None;
        }
        let mut done = false;
        let from_mut = std::slice::from_mut::<u8>;
        env.step(Turn {
            level: settings.level,
            rows: 1,
            state: &mut self.state,
            scratch,
            rngs: &mut self.rngs,
            phases: &self.phases,
            actions,
            tally: Tally::new(
                settings,
                (&mut self.clock, &mut self.returns),
                (std::slice::from_mut(reward), from_mut(terminated), from_mut(truncated)),
                &mut done,
            ),
            observations: observation,
            infos: &mut self.no_infos,
            meanwhile: None,
        });
        if !done {
            return Some(told(reward.to_f64()));
        }
        self.phases.fill(Phase::Over);
        self.ended.push(0);
        Some(f64::INFINITY)
    }

    /// Has the tally, which is about to count a step, begin at 0 in `rows`.
    fn rest(&mut self, rows: &[u32]) {
        for &row in rows {
            self.clock[row as usize] = u32::MAX;
        }
    }

    /// Starts new episodes in `rows`, whose generators go on.
    fn restart<E: Environment>(&mut self, env: &E, level: Level, rows: &[u32]) {
        let agents = env.spec().agents.len();
        env.reset_rows(level, &mut self.state, rows, &mut self.rngs);
        for row in rows.iter().map(|&row| row as usize) {
            self.phases[row] = Phase::Running;
            fill_row(&mut self.returns[row * agents..(row + 1) * agents], 0.0);
        }
    }

    /// What follows the end of an episode, in the rows where one ended.
    fn end<E: Environment>(&mut self, env: &E, settings: Settings, out: &mut Outputs<'_, E>) {
        let agents = env.spec().agents.len();
        let obs_width = agents * env.spec().observation_len();
        let mut ended = std::mem::take(&mut self.ended);
        let flags = (&*out.terminations, &*out.truncations);
        simd::run(settings.level, Collect { flags, room: &mut self.room, to: &mut ended });
        let rows = || ended.iter().map(|&row| row as usize);
        // One array after the other: short loops, whose steps do not wait for each other.
        if !out.final_observations.is_empty() {
            for row in rows() {
                let row = row * obs_width..(row + 1) * obs_width;
                copy_row(&mut out.final_observations[row.clone()], &out.observations[row]);
            }
        }
        if !out.final_mask.is_empty() {
            rows().for_each(|row| out.final_mask[row] = 1);
        }
        if !out.episode_lengths.is_empty() {
            rows().for_each(|row| out.episode_lengths[row] = i64::from(self.clock[row]));
        }
        if !out.episode_returns.is_empty() {
            for row in rows() {
                let row = row * agents..(row + 1) * agents;
                copy_row(&mut out.episode_returns[row.clone()], &self.returns[row]);
            }
        }
        if settings.autoreset == Autoreset::SameStep {
            self.restart(env, settings.level, &ended);
            for &row in &ended {
                self.clock[row as usize] = 0;
            }
            env.observe_rows(&self.state, &self.clock, &ended, out.observations);
            self.ended = ended;
            self.ended.clear();
        } else {
            for &row in &ended {
                self.phases[row as usize] = Phase::Over;
            }
            self.ended = ended;
        }
    }
}

/// A reward as it is told where infinity says that there is more to see: as itself, if it is a number below that.
pub(super) fn told(reward: f64) -> f64 {
    if reward < f64::INFINITY {
        reward
    } else {
        f64::INFINITY
    }
}

/// `copy_from_slice` for the few elements of a row, which are no work for a library function.
#[inline(always)]
fn copy_row<T: Copy>(to: &mut [T], from: &[T]) {
    if let (Ok(to), Ok(from)) = (<&mut [T; 1]>::try_from(&mut *to), <&[T; 1]>::try_from(from)) {
        *to = *from;
    } else if let (Ok(to), Ok(from)) = (<&mut [T; 2]>::try_from(&mut *to), <&[T; 2]>::try_from(from)) {
        *to = *from;
    } else if let (Ok(to), Ok(from)) = (<&mut [T; 4]>::try_from(&mut *to), <&[T; 4]>::try_from(from)) {
        *to = *from;
    } else {
        to.copy_from_slice(from);
    }
}

/// `fill`, likewise.
#[inline(always)]
pub(super) fn fill_row<T: Copy>(to: &mut [T], x: T) {
    match to {
        [only] => *only = x,
        _ => to.fill(x),
    }
}

/// Zeros, where there is an array. Of none, a C library's `memset` may make a store with all lanes masked off at an address
/// that is none, and the CPU takes 50 ns to find that nothing is wrong.
#[inline(always)]
fn clear<T: bytemuck::Zeroable + Copy>(to: &mut [T]) {
    if !to.is_empty() {
        to.fill(T::zeroed());
    }
}

/// Most rows that are looked at together.
const PLACES: usize = 64;

/// What is overwritten behind their places.
const MORE: usize = 80;

/// Finds the rows where either flag is set. Flags are 0 or 1.
struct Collect<'a> {
    flags: (&'a [u8], &'a [u8]),
    /// Room for the places of all rows and [`MORE`].
    room: &'a mut [u32],
    to: &'a mut Vec<u32>,
}

impl Kernel for Collect<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (a, a_rest) = self.flags.0.as_chunks::<PLACES>();
        let (b, b_rest) = self.flags.1.as_chunks::<PLACES>();
        let whole = a.len();
        let mut count = 0;
        for (k, (a, b)) in a.iter().zip(b).enumerate() {
            count += s.places_set(a, b, (PLACES * k) as u32, &mut self.room[count..]);
        }
        self.to.extend_from_slice(&self.room[..count]);
        for (k, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
            if a | b != 0 {
                self.to.push((PLACES * whole + k) as u32);
            }
        }
    }
}
