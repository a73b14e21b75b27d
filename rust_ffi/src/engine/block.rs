//! A block: a run of environments with their own state, clocks and generators. The unit of threading; nothing
//! that happens in one block depends on another.

use super::actions::{ActionRule, Actions, SampledRow};
use super::columns::{try_vec, Columns, Dtype, Element};
use super::error::{Error, Result, Status};
use super::rng::Pcg64;
use super::vec_env::{Autoreset, Environment, Outputs, Turn};
use crate::simd::{Level, Real};
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
pub struct Block<E: Environment> {
    /// Index of the first environment.
    pub first: usize,
    /// Number of environments.
    pub rows: usize,
    pub state: Columns,
    scratch: E::Scratch,
    pub rngs: Vec<Pcg64>,
    pub action_rngs: Vec<Pcg64>,
    pub seeds: Vec<u64>,
    pub phases: Vec<Phase>,
    pub clock: Vec<u32>,
    /// Sum of rewards in the episode, `(rows, agents)`.
    pub returns: Vec<f64>,
    drawn: Drawn,
}

/// Memory for random actions, of which one type is in use.
#[derive(Default)]
struct Drawn {
    float32: Vec<f32>,
    float64: Vec<f64>,
    int64: Vec<i64>,
}

impl<E: Environment> Block<E> {
    pub fn new(env: &E, first: usize, rows: usize) -> Result<Self> {
        let spec = env.spec();
        let kinds = spec.columns.iter().map(|column| (column.dtype, column.width()));
        let mut state = Columns::new(rows, kinds)?;
        env.initialise(&mut state, rows);
        Ok(Block {
            first,
            rows,
            state,
            scratch: E::Scratch::default(),
            rngs: try_vec(rows, Pcg64::from_numpy_seed(0))?,
            action_rngs: try_vec(rows, Pcg64::from_numpy_seed(0))?,
            seeds: try_vec(rows, 0)?,
            phases: try_vec(rows, Phase::Unborn)?,
            clock: try_vec(rows, 0)?,
            returns: try_vec(rows * spec.agents.len(), 0.0)?,
            drawn: Drawn::default(),
        })
    }

    /// A copy to try things on.
    pub fn rehearsal(&self) -> Self {
        Block {
            first: self.first,
            rows: self.rows,
            state: self.state.clone(),
            scratch: E::Scratch::default(),
            rngs: self.rngs.clone(),
            action_rngs: self.action_rngs.clone(),
            seeds: self.seeds.clone(),
            phases: self.phases.clone(),
            clock: self.clock.clone(),
            returns: self.returns.clone(),
            drawn: Drawn::default(),
        }
    }

    /// Starts a new episode in `row`.
    pub fn reset_row(&mut self, env: &E, row: usize, seeding: Option<Seeding>, options: &Value) {
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
        self.phases[row] = Phase::Running;
        self.clock[row] = 0;
        self.returns[row * agents..(row + 1) * agents].fill(0.0);
    }

    fn seed_row(&mut self, env: &E, row: usize, seed: u64) {
        self.seeds[row] = seed;
        self.rngs[row] = env.seed(&mut self.state, row, seed);
        self.action_rngs[row] = Pcg64::from_numpy_seed(seed);
    }

    /// Writes the observations of one row.
    pub fn observe_row(&self, env: &E, row: usize, out: &mut [E::Obs]) {
        env.observe(&self.state, &self.clock, row..row + 1, out);
    }

    /// An error if a row cannot be stepped, or its action cannot be played.
    pub fn check(&self, rule: &ActionRule, autoreset: Autoreset, actions: Actions<'_>) -> Result<()> {
        self.check_phases(autoreset)?;
        rule.check(actions, self.first, |row| self.rests(autoreset, row))
    }

    /// An error if a row cannot be stepped.
    pub fn check_phases(&self, autoreset: Autoreset) -> Result<()> {
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
    pub fn step_sampled(&mut self, env: &E, rule: &ActionRule, settings: Settings, out: &mut Outputs<'_, E>) {
        let mut drawn = std::mem::take(&mut self.drawn);
        let bytes = match rule.sampled_dtype() {
            Dtype::Int64 => self.draw(rule, &mut drawn.int64, |row| SampledRow::I64(row)),
            Dtype::Float64 => self.draw(rule, &mut drawn.float64, |row| SampledRow::F64(row)),
            _ => self.draw(rule, &mut drawn.float32, |row| SampledRow::F32(row)),
        };
        if out.actions.len() == bytes.len() {
            out.actions.copy_from_slice(bytes);
        }
        let actions = match rule.sampled_dtype() {
            Dtype::Int64 => Actions::I64(&drawn.int64),
            Dtype::Float64 => Actions::F64(&drawn.float64),
            _ => Actions::F32(&drawn.float32),
        };
        self.step(env, settings, actions, out);
        self.drawn = drawn;
    }

    fn draw<'a, T: Element>(
        &mut self,
        rule: &ActionRule,
        drawn: &'a mut Vec<T>,
        place: impl for<'b> Fn(&'b mut [T]) -> SampledRow<'b>,
    ) -> &'a [u8] {
        drawn.resize(self.rows * rule.row_len(), T::zeroed());
        for (row, rng) in drawn.chunks_exact_mut(rule.row_len()).zip(&mut self.action_rngs) {
            rule.sample(rng, &mut place(row));
        }
        bytemuck::cast_slice(drawn)
    }

    /// Steps all rows. Actions were checked.
    pub fn step(&mut self, env: &E, settings: Settings, actions: Actions<'_>, out: &mut Outputs<'_, E>) {
        let agents = env.spec().agents.len();
        let obs_width = agents * env.spec().observation_len();
        let some_rest = settings.autoreset == Autoreset::NextStep && self.phases.contains(&Phase::Over);

        env.step(Turn {
            level: settings.level,
            rows: self.rows,
            state: &mut self.state,
            scratch: &mut self.scratch,
            rngs: &mut self.rngs,
            phases: &self.phases,
            clock: &self.clock,
            actions,
            rewards: out.rewards,
            terminated: out.terminations,
            infos: &mut out.infos,
        });
        for clock in &mut self.clock {
            *clock += 1;
        }
        if some_rest {
            for row in 0..self.rows {
                if self.phases[row] == Phase::Over {
                    self.reset_row(env, row, None, &Value::Null);
                    out.clear_row(env, row);
                }
            }
        }
        let limit = settings.max_episode_steps;
        let mut some_done = 0;
        for ((truncated, terminated), clock) in out.truncations.iter_mut().zip(&*out.terminations).zip(&self.clock) {
            *truncated = u8::from(*clock >= limit) & !*terminated & 1;
            some_done |= *truncated | *terminated;
        }
        for (sum, reward) in self.returns.iter_mut().zip(&*out.rewards) {
            *sum += (*reward).to_f64();
        }
        env.observe(&self.state, &self.clock, 0..self.rows, out.observations);
        out.final_mask.fill(0);
        out.episode_lengths.fill(0);
        out.episode_returns.fill(0.0);
        if some_done == 0 {
            return;
        }
        for row in 0..self.rows {
            if out.terminations[row] | out.truncations[row] == 0 {
                continue;
            }
            let observation = row * obs_width..(row + 1) * obs_width;
            if let Some(to) = out.final_observations.get_mut(observation.clone()) {
                to.copy_from_slice(&out.observations[observation.clone()]);
            }
            if let Some(to) = out.final_mask.get_mut(row) {
                *to = 1;
            }
            if let Some(to) = out.episode_lengths.get_mut(row) {
                *to = i64::from(self.clock[row]);
            }
            if let Some(to) = out.episode_returns.get_mut(row * agents..(row + 1) * agents) {
                to.copy_from_slice(&self.returns[row * agents..(row + 1) * agents]);
            }
            if settings.autoreset == Autoreset::SameStep {
                self.reset_row(env, row, None, &Value::Null);
                env.observe(&self.state, &self.clock, row..row + 1, &mut out.observations[observation]);
            } else {
                self.phases[row] = Phase::Over;
            }
        }
    }
}
