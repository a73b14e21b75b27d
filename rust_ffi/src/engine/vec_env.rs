//! A batch of environments: the engine's front.

use super::actions::{Action, ActionRule, Actions};
pub use super::block::Phase;
use super::block::{told, Block, Seeding, Settings};
use super::columns::{try_room, Dtype, Element};
use super::drawn::{bytes_for, Draws};
use super::environment::{Environment, Meanwhile};
use super::error::{did_you_mean, Error, Result, Status};
use super::outputs::cut;
pub use super::outputs::{info_offsets, Infos, Outputs, RawOutputs, RawRow, MOST_INFOS};
use super::snapshot;
use super::spec::Spec;
use super::stage::{Stage, WORTH_STREAMING};
use super::threads;
use crate::simd::Level;
use serde_json::Value;
use std::sync::{Mutex, PoisonError};

/// What happens to an environment after its episode ended, in the words of Gymnasium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Autoreset {
    /// The next step ignores the action and resets.
    NextStep = 0,
    /// The same step resets; the last observation is kept aside.
    SameStep = 1,
    /// Nothing: the caller resets.
    Disabled = 2,
}

impl Autoreset {
    /// The mode with number `x`.
    pub fn from_i32(x: i32) -> Option<Self> {
        [Autoreset::NextStep, Autoreset::SameStep, Autoreset::Disabled].into_iter().find(|mode| *mode as i32 == x)
    }

    /// Its name in Gymnasium.
    pub fn name(self) -> &'static str {
        match self {
            Autoreset::NextStep => "NextStep",
            Autoreset::SameStep => "SameStep",
            Autoreset::Disabled => "Disabled",
        }
    }
}

/// Most environments of a batch.
pub const MOST_ENVS: usize = 1 << 24;

/// Actions `(steps, num_envs, width)`.
#[derive(Clone, Copy)]
pub(super) struct Cut<'a> {
    actions: Actions<'a>,
    num_envs: usize,
    width: usize,
}

impl<'a> Cut<'a> {
    /// Those of a block in a step.
    #[inline]
    pub(super) fn of(&self, step: usize, block: &Block) -> Actions<'a> {
        let start = (step * self.num_envs + block.first) * self.width;
        self.actions.slice(start..start + block.rows * self.width)
    }
}

/// What a reset asks for.
#[derive(Clone, Copy, Default)]
pub struct ResetRequest<'a> {
    /// A seed per environment.
    pub seeds: Option<&'a [u64]>,
    /// Which of the seeds count; all, if None.
    pub seeded: Option<&'a [u8]>,
    /// Which environments to reset; all, if None.
    pub mask: Option<&'a [u8]>,
    /// Options as JSON; empty for none.
    pub options: &'a str,
}

/// A batch of any environment.
pub trait AnyVecEnv: Send {
    /// The self-description.
    fn spec(&self) -> &Spec;
    /// Number of environments.
    fn num_envs(&self) -> usize;
    /// Starts new episodes and writes the observations of the environments that were reset.
    fn reset(&mut self, request: ResetRequest<'_>, observations: &mut [u8]) -> Result<()>;
    /// Steps every environment once.
    fn step(&mut self, actions: Actions<'_>, out: RawOutputs<'_>) -> Result<()>;
    /// An error if a step would refuse actions of this type, or these arrays, whatever is in them.
    fn check_step(&self, dtype: Dtype, out: RawOutputs<'_>) -> Result<()>;
    /// [`AnyVecEnv::step`] of a single environment with the only number of its action, of a type that it takes. The
    /// reward, or infinity if the episode ended or the reward is no number below that.
    fn step_one(&mut self, action: Action, out: RawRow<'_>) -> Result<f64> {
        step_as_batch(self, action, out.all())
    }
    /// Steps every environment `steps` times; arrays have a leading axis of that length. Without actions,
    /// draws them.
    fn rollout(&mut self, steps: usize, actions: Option<Actions<'_>>, out: RawOutputs<'_>) -> Result<()>;
    /// Writes the observations of the present state.
    fn observe(&self, observations: &mut [u8]) -> Result<()>;
    /// Everything: state, clocks, generators.
    fn snapshot(&self) -> Result<Vec<u8>>;
    /// Takes up where a snapshot was made. On an error nothing is changed.
    fn restore(&mut self, bytes: &[u8]) -> Result<()>;
    /// Copies a state column, or `"clock"`, to `out`.
    fn column(&self, name: &str, out: &mut [u8]) -> Result<()>;
    /// Injects a state column, in the rows of `mask` or all. On an error nothing is changed.
    fn set_column(&mut self, name: &str, values: &[u8], mask: Option<&[u8]>) -> Result<()>;
    /// Bytes of a column, over all environments.
    fn column_bytes(&self, name: &str) -> Result<usize>;
    /// The seeds in force.
    fn seeds(&self) -> Vec<u64>;
    /// Which environments were ever reset.
    fn were_reset(&self) -> Vec<bool>;
}

/// A batch of one kind of environment.
pub struct VecEnv<E: Environment> {
    pub(super) env: E,
    pub(super) blocks: Vec<Block>,
    /// Of each thread.
    scratches: Vec<Mutex<E::Scratch>>,
    num_envs: usize,
    pub(super) rule: ActionRule,
    pub(super) settings: Settings,
    pub(super) threads: usize,
    info_offsets: Vec<usize>,
    info_bytes: usize,
}

/// How a batch is to run.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Number of environments.
    pub num_envs: usize,
    /// Most threads a step may use; 0 for the default.
    pub num_threads: usize,
    /// What follows the end of an episode.
    pub autoreset: Autoreset,
    /// Lanes to run on.
    pub level: Level,
}

/// Pieces of a thread's share in a step, where there are blocks for so many: one thread waits for the other's last piece.
const MOST_PIECES: usize = 4 * threads::PIECES;

/// Bytes that a block and its results may take, so that the passes of a step find them in a cache.
const BLOCK_BYTES: usize = 3 << 17;

/// Whole lanes per block, enough blocks for all threads, and none larger than a cache.
fn rows_per_block(spec: &Spec, num_envs: usize, threads: usize) -> usize {
    let state: usize = spec.columns.iter().map(|column| column.row_bytes()).sum();
    let infos: usize = spec.infos.iter().map(|info| info.row_bytes()).sum();
    let agent = spec.observation_len() * spec.observation_dtype.size() + spec.action_len() * 8 + 16;
    let most = BLOCK_BYTES / (state + infos + spec.agents.len() * agent + 32);
    // Fewer than this, and the work per block shows.
    let most = most.clamp(256, 1 << 16);
    let parts = num_envs.div_ceil(most).next_multiple_of(threads.max(1));
    let rows = num_envs.div_ceil(parts);
    // Blocks of a large batch begin at whole cache lines, even of bytes.
    rows.next_multiple_of(if rows >= 256 { 64 } else { 16 })
}

impl<E: Environment> VecEnv<E> {
    /// A batch of `env`, not yet reset.
    pub fn new(env: E, setup: Setup) -> Result<Self> {
        let Setup { num_envs, num_threads, autoreset, level } = setup;
        if num_envs == 0 {
            return Err(Error::new(Status::Empty, "num_envs: expected at least 1, got 0"));
        }
        if num_envs > MOST_ENVS {
            let message = format!("num_envs: expected at most {MOST_ENVS}, got {num_envs}");
            return Err(Error::new(Status::InvalidArgument, message));
        }
        let threads = if num_threads == 0 { threads::default_num_threads() } else { num_threads };
        let rows_each = rows_per_block(env.spec(), num_envs, threads.min(threads::MOST_THREADS));
        let mut blocks = try_room(num_envs.div_ceil(rows_each))?;
        for first in (0..num_envs).step_by(rows_each) {
            blocks.push(Block::new(&env, first, rows_each.min(num_envs - first))?);
        }
        // One for each thread that there may be work for: what one block leaves in a cache, the next finds there.
        let mut scratches = try_room(threads.min(blocks.len()))?;
        for _ in 0..threads.min(blocks.len()) {
            scratches.push(Mutex::new(env.scratch(rows_each.min(num_envs))?));
        }
        let rule = ActionRule::new(&env.spec().agents, env.clips_actions());
        let max_episode_steps = env.spec().max_episode_steps.unwrap_or(u32::MAX);
        let (info_offsets, info_bytes) = info_offsets(env.spec(), num_envs);
        let settings = Settings { autoreset, max_episode_steps, level };
        Ok(VecEnv { env, blocks, scratches, num_envs, rule, settings, threads, info_offsets, info_bytes })
    }

    /// An error if arrays are not those of `steps` steps.
    #[inline(always)]
    fn check_outputs(&self, raw: &RawOutputs<'_>, steps: usize) -> Result<()> {
        let spec = self.env.spec();
        let rows = steps * self.num_envs;
        let agents = rows * spec.agents.len();
        let seen = agents * spec.observation_len();
        check_cast::<E::Obs>("observations", raw.observations, seen, true)?;
        check_cast::<E::Reward>("rewards", raw.rewards, agents, true)?;
        check_cast::<u8>("terminations", raw.terminations, rows, true)?;
        check_cast::<u8>("truncations", raw.truncations, rows, true)?;
        check_cast::<E::Obs>("final_observations", raw.final_observations, seen, false)?;
        check_cast::<u8>("final_mask", raw.final_mask, rows, false)?;
        optional("episode_returns", raw.episode_returns.len(), agents)?;
        optional("episode_lengths", raw.episode_lengths.len(), rows)?;
        optional("actions_out", raw.actions.len(), rows * self.action_bytes())?;
        optional("infos", raw.infos.len(), self.info_bytes)
    }

    /// Arrays that were checked, as what they are. Inlined and without a `Result`, for its hundreds of bytes would be
    /// copied on their way, which shows in single environments.
    #[inline(always)]
    fn typed<'a>(&self, raw: RawOutputs<'a>) -> Outputs<'a, E> {
        let mut out = Outputs {
            observations: cast(raw.observations),
            rewards: cast(raw.rewards),
            terminations: raw.terminations,
            truncations: raw.truncations,
            final_observations: cast(raw.final_observations),
            final_mask: raw.final_mask,
            episode_returns: raw.episode_returns,
            episode_lengths: raw.episode_lengths,
            actions: raw.actions,
            infos: Infos::none(),
        };
        if !raw.infos.is_empty() {
            let mut rest = raw.infos;
            let mut at = 0;
            for (k, field) in self.env.spec().infos.iter().enumerate() {
                cut(&mut rest, self.info_offsets[k] - at);
                out.infos.set(k, cut(&mut rest, field.row_bytes() * self.num_envs));
                at = self.info_offsets[k] + field.row_bytes() * self.num_envs;
            }
        }
        out
    }

    /// The actions that some blocks' steps are cut from.
    pub(super) fn cut<'a>(&self, actions: Actions<'a>) -> Cut<'a> {
        Cut { actions, num_envs: self.num_envs, width: self.action_width() }
    }

    /// Bytes of the drawn actions of one environment.
    fn action_bytes(&self) -> usize {
        self.action_width() * self.rule.sampled_dtype().size()
    }

    pub(super) fn action_width(&self) -> usize {
        self.env.spec().agents.len() * self.env.spec().action_len()
    }

    /// Estimated time of `steps` steps of all environments.
    fn nanoseconds(&self, steps: usize) -> usize {
        self.env.nanoseconds_per_step().saturating_mul(self.num_envs).saturating_mul(steps)
    }

    /// Steps all environments `steps` times. Actions were checked; without any, they are drawn. Where memory cannot be
    /// had, nothing is stepped.
    fn play(&mut self, steps: usize, actions: Option<Actions<'_>>, out: &mut Outputs<'_, E>) -> Result<()> {
        if let ([only], 1, Some(actions)) = (self.blocks.as_mut_slice(), steps, actions) {
            // Nothing to share out: the way of single environments, where it would show.
            if let Some(Ok(scratch)) = self.scratches.first_mut().map(Mutex::get_mut) {
                only.step(&self.env, self.settings, scratch, actions, out, None);
            }
            return Ok(());
        }
        let cut = actions.map(|actions| self.cut(actions));
        let action_bytes = if cut.is_none() { self.action_bytes() } else { 0 };
        let count = threads::threads_for(self.threads, self.blocks.len(), self.nanoseconds(steps));
        let (env, rule, settings, num_envs) = (&self.env, &self.rule, self.settings, self.num_envs);
        // One block through all of its steps before the next, while it is in a cache.
        let streams = steps > 1 && env.spec().agents.len() * num_envs * steps >= WORTH_STREAMING;
        let scratches = &self.scratches;
        let staging = if streams { count } else { 0 };
        let mut stages = try_room(staging)?;
        let most = self.blocks.iter().map(|block| block.rows).max().unwrap_or(0);
        // Drawn as bytes, they need no stage.
        let staged = if bytes_for::<E>(rule).is_some() { 0 } else { action_bytes };
        for _ in 0..staging {
            stages.push(Mutex::new(Stage::new(env, most, staged)?));
        }
        let run = |thread: usize, blocks: &mut [Block], outs: &mut [Outputs<'_, E>]| {
            // Nobody else has this thread's.
            let Some(scratch) = scratches.get(thread) else { return };
            let scratch = &mut *scratch.lock().unwrap_or_else(PoisonError::into_inner);
            let mut stage = stages.get(thread).map(|stage| stage.lock().unwrap_or_else(PoisonError::into_inner));
            for block in blocks {
                let rows = block.rows;
                let outs = outs.iter_mut().map(|out| out.cut_rows(env.spec(), rows, action_bytes));
                let mut next = 0..steps;
                let mut play = |out: &mut Outputs<'_, E>, meanwhile: Meanwhile<'_>| {
                    let Some(step) = next.next() else { return };
                    match cut {
                        Some(cut) => block.step(env, settings, scratch, cut.of(step, block), out, meanwhile),
                        None => block.step_sampled(
                            env,
                            Draws { rule, left: steps - step, streams },
                            settings,
                            scratch,
                            out,
                            meanwhile,
                        ),
                    }
                };
                match &mut stage {
                    Some(stage) => stage.roll(settings.level, outs, play),
                    None => outs.for_each(|mut out| play(&mut out, None)),
                }
            }
        };
        if count == 1 && steps == 1 {
            run(0, &mut self.blocks, std::slice::from_mut(out));
            return Ok(());
        }
        let each = self.blocks.len().div_ceil(if count == 1 { 1 } else { count * MOST_PIECES });
        let task = |blocks| try_room(steps).map(|outs| (blocks, outs));
        let mut tasks = self.blocks.chunks_mut(each).map(task).collect::<Result<Vec<_>>>()?;
        for _ in 0..steps {
            for (blocks, outs) in &mut tasks {
                let rows = blocks.iter().map(|block| block.rows).sum();
                outs.push(out.cut_rows(env.spec(), rows, action_bytes));
            }
        }
        threads::for_each(count, &mut tasks, |thread, (blocks, outs)| run(thread, blocks, outs));
        Ok(())
    }

    /// Checks the actions of a step and steps all environments, on some threads: what one has checked, it finds in its
    /// caches when it steps.
    fn step_on(&mut self, count: usize, actions: Actions<'_>, mut out: Outputs<'_, E>) -> Result<()> {
        let cut = self.cut(actions);
        let (env, rule, settings, scratches) = (&self.env, &self.rule, self.settings, &self.scratches);
        let each = self.blocks.len().div_ceil(count * MOST_PIECES);
        let mut tasks = try_room(self.blocks.len().div_ceil(each))?;
        for blocks in self.blocks.chunks_mut(each) {
            let rows = blocks.iter().map(|block| block.rows).sum();
            tasks.push((blocks, out.cut_rows(env.spec(), rows, 0)));
        }
        let check = |(blocks, _): &(&mut [Block], _)| {
            blocks.iter().all(|block| block.check(rule, settings.autoreset, cut.of(0, block)).is_ok())
        };
        let step = |thread: usize, (blocks, out): &mut (&mut [Block], Outputs<'_, E>)| {
            // Nobody else has this thread's.
            let Some(scratch) = scratches.get(thread) else { return };
            let scratch = &mut *scratch.lock().unwrap_or_else(PoisonError::into_inner);
            for block in blocks.iter_mut() {
                let mut out = out.cut_rows(env.spec(), block.rows, 0);
                block.step(env, settings, scratch, cut.of(0, block), &mut out, None);
            }
        };
        if threads::check_then_each(count, &mut tasks, Some(check), step) {
            return Ok(());
        }
        let changed = || Error::new(Status::InvalidArgument, "actions: changed by another thread while they were read");
        Err(self.first_refusal(actions, 1).err().unwrap_or_else(changed))
    }

    fn find_column(&self, name: &str) -> Result<usize> {
        let columns = &self.env.spec().columns;
        columns.iter().position(|column| column.name == name).ok_or_else(|| {
            let hint = did_you_mean(name, columns.iter().map(|column| column.name.as_str()));
            Error::new(Status::UnknownColumn, format!("{name:?}: no such state column{hint}"))
        })
    }
}

/// An error if bytes are not `expected` elements.
#[inline(always)]
fn check_cast<T: Element>(what: &str, bytes: &[u8], expected: usize, required: bool) -> Result<()> {
    if bytes.is_empty() && !required {
        return Ok(());
    }
    if bytes.len() != expected * size_of::<T>() {
        let (found, wanted) = (bytes.len(), expected * size_of::<T>());
        return Err(Error::new(Status::LengthMismatch, format!("{what}: expected {wanted} bytes, got {found}")));
    }
    if !bytes.as_ptr().cast::<T>().is_aligned() {
        return Err(Error::new(Status::InvalidArgument, format!("{what}: not aligned for {}", T::DTYPE.name())));
    }
    Ok(())
}

/// Bytes that were checked, as elements.
#[inline(always)]
fn cast<T: Element>(bytes: &mut [u8]) -> &mut [T] {
    bytemuck::try_cast_slice_mut(bytes).unwrap_or_default()
}

#[inline(always)]
fn optional(what: &str, found: usize, expected: usize) -> Result<()> {
    if found == 0 {
        return Ok(());
    }
    Error::check_length(what, found, expected)
}

fn check_mask(what: &str, mask: Option<&[u8]>, num_envs: usize) -> Result<()> {
    let Some(mask) = mask else { return Ok(()) };
    Error::check_length(what, mask.len(), num_envs)?;
    match mask.iter().position(|x| *x > 1) {
        None => Ok(()),
        Some(k) => Err(Error::new(Status::InvalidArgument, format!("{what}[{k}]: expected 0 or 1, got {}", mask[k]))),
    }
}

impl<E: Environment> AnyVecEnv for VecEnv<E> {
    fn spec(&self) -> &Spec {
        self.env.spec()
    }

    fn num_envs(&self) -> usize {
        self.num_envs
    }

    fn reset(&mut self, request: ResetRequest<'_>, observations: &mut [u8]) -> Result<()> {
        let spec = self.env.spec();
        let width = spec.agents.len() * spec.observation_len();
        check_cast::<E::Obs>("observations", observations, self.num_envs * width, true)?;
        let out: &mut [E::Obs] = cast(observations);
        if let Some(seeds) = request.seeds {
            Error::check_length("seeds", seeds.len(), self.num_envs)?;
        }
        check_mask("seeded", request.seeded, self.num_envs)?;
        check_mask("mask", request.mask, self.num_envs)?;
        let options = match request.options.trim() {
            "" => Value::Null,
            text => serde_json::from_str(text)
                .map_err(|e| Error::new(Status::InvalidConfig, format!("options: not valid JSON: {e}")))?,
        };
        self.env.check_options(&options)?;
        // Who gives every seed needs no entropy, and has it refused by no host.
        let is_seeded = request.seeds.is_some() && request.seeded.is_none();
        let entropy = if is_seeded { 0 } else { super::entropy::draw_seed()? };
        for block in &mut self.blocks {
            for row in 0..block.rows {
                let k = block.first + row;
                if request.mask.is_some_and(|mask| mask[k] == 0) {
                    continue;
                }
                let explicit = request.seeds.filter(|_| request.seeded.is_none_or(|seeded| seeded[k] != 0));
                let seeding = match explicit {
                    Some(seeds) => Seeding::Explicit(seeds[k]),
                    // One draw for all: the batch can be repeated from the seed of its first environment.
                    None => Seeding::Entropy((entropy >> 2) + k as u64),
                };
                block.reset_row(&self.env, row, Some(seeding), &options);
                block.observe_row(&self.env, row, &mut out[k * width..(k + 1) * width]);
            }
        }
        Ok(())
    }

    fn step(&mut self, actions: Actions<'_>, out: RawOutputs<'_>) -> Result<()> {
        self.check_action_shape(&actions, 1)?;
        self.check_outputs(&out, 1)?;
        let count = threads::threads_for(self.threads, self.blocks.len(), self.nanoseconds(1));
        if count > 1 {
            let out = self.typed(out);
            return self.step_on(count, actions, out);
        }
        self.check_blocks(actions, 1)?;
        let mut out = self.typed(out);
        self.play(1, Some(actions), &mut out)
    }

    fn step_one(&mut self, action: Action, out: RawRow<'_>) -> Result<f64> {
        let fine = self.rule.is_fine_alone(action.value());
        let ([only], true) = (self.blocks.as_mut_slice(), E::ONE_PASS && fine) else {
            return step_as_batch(self, action, out.all());
        };
        let observation = bytemuck::try_cast_slice_mut(&mut *out.observation);
        let (Ok(observation), Ok([reward])) = (observation, bytemuck::try_cast_slice_mut(&mut *out.reward)) else {
            return step_as_batch(self, action, out.all());
        };
        let Some(Ok(scratch)) = self.scratches.first_mut().map(Mutex::get_mut) else {
            return step_as_batch(self, action, out.all());
        };
        let row = (observation, reward, &mut *out.terminated, &mut *out.truncated);
        match only.step_one(&self.env, self.settings, scratch, action.all(), row) {
            Some(earned) => Ok(earned),
            None => step_as_batch(self, action, out.all()),
        }
    }

    fn check_step(&self, dtype: Dtype, out: RawOutputs<'_>) -> Result<()> {
        self.check_action_dtype(dtype)?;
        self.check_outputs(&out, 1)
    }

    fn rollout(&mut self, steps: usize, actions: Option<Actions<'_>>, out: RawOutputs<'_>) -> Result<()> {
        if steps == 0 {
            return Err(Error::new(Status::InvalidArgument, "num_steps: expected at least 1, got 0"));
        }
        self.check_steps(steps)?;
        if let Some(actions) = &actions {
            self.check_action_shape(actions, steps)?;
        }
        if !out.infos.is_empty() {
            return Err(Error::new(Status::InvalidArgument, "infos: a rollout reports none; expected NULL"));
        }
        self.check_outputs(&out, steps)?;
        let mut out = self.typed(out);
        for block in &self.blocks {
            block.check_phases(self.settings.autoreset)?;
        }
        if self.settings.autoreset == Autoreset::Disabled {
            let message = "a rollout needs an autoreset mode: NextStep or SameStep, not Disabled";
            return Err(Error::new(Status::InvalidArgument, message));
        }
        if let Some(actions) = actions {
            if self.check_blocks(actions, steps).is_err() {
                self.rehearse(actions, steps)?;
            }
        }
        self.play(steps, actions, &mut out)
    }

    fn observe(&self, observations: &mut [u8]) -> Result<()> {
        let spec = self.env.spec();
        let width = spec.agents.len() * spec.observation_len();
        check_cast::<E::Obs>("observations", observations, self.num_envs * width, true)?;
        let out: &mut [E::Obs] = cast(observations);
        for block in &self.blocks {
            let rows = &mut out[block.first * width..(block.first + block.rows) * width];
            self.env.observe(self.settings.level, &block.state, &block.clock, 0..block.rows, rows);
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<Vec<u8>> {
        snapshot::save(self)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        snapshot::load(self, bytes)
    }

    fn column(&self, name: &str, out: &mut [u8]) -> Result<()> {
        let expected = self.column_bytes(name)?;
        Error::check_length(name, out.len(), expected)?;
        let row_bytes = expected / self.num_envs;
        for block in &self.blocks {
            let bytes = match name {
                "clock" => bytemuck::cast_slice(&block.clock),
                _ => block.state.bytes(self.find_column(name)?).0,
            };
            out[block.first * row_bytes..][..bytes.len()].copy_from_slice(bytes);
        }
        Ok(())
    }

    fn set_column(&mut self, name: &str, values: &[u8], mask: Option<&[u8]>) -> Result<()> {
        let k = self.find_column(name)?;
        let field = &self.env.spec().columns[k];
        if field.writable != Some(true) {
            return Err(Error::new(Status::InvalidState, format!("{name:?}: this column is computed, not injected")));
        }
        let row_bytes = field.row_bytes();
        Error::check_length(name, values.len(), row_bytes * self.num_envs)?;
        check_mask("mask", mask, self.num_envs)?;
        let chosen = |env: usize| mask.is_none_or(|mask| mask[env] != 0);
        for (env, row) in values.chunks_exact(row_bytes).enumerate().filter(|(env, _)| chosen(*env)) {
            for (element, value) in row.chunks_exact(field.dtype.size()).enumerate() {
                self.env
                    .check_column(name, widen(field.dtype, value))
                    .map_err(|e| Error::new(e.status, format!("{name}[env {env}, {element}]: {}", e.message)))?;
            }
        }
        for block in &mut self.blocks {
            let (to, _) = block.state.bytes_mut(k);
            for row in (0..block.rows).filter(|row| chosen(block.first + row)) {
                let from = &values[(block.first + row) * row_bytes..][..row_bytes];
                to[row * row_bytes..][..row_bytes].copy_from_slice(from);
            }
            self.env.forget(&mut block.state);
        }
        Ok(())
    }

    fn column_bytes(&self, name: &str) -> Result<usize> {
        if name == "clock" {
            return Ok(self.num_envs * size_of::<u32>());
        }
        Ok(self.env.spec().columns[self.find_column(name)?].row_bytes() * self.num_envs)
    }

    fn seeds(&self) -> Vec<u64> {
        self.blocks.iter().flat_map(|block| block.seeds.iter().copied()).collect()
    }

    fn were_reset(&self) -> Vec<bool> {
        self.blocks.iter().flat_map(|block| block.phases.iter().map(|phase| *phase != Phase::Unborn)).collect()
    }
}

/// [`AnyVecEnv::step_one`] of any environment.
pub fn step_as_batch<V: AnyVecEnv + ?Sized>(batch: &mut V, action: Action, mut out: RawOutputs<'_>) -> Result<f64> {
    batch.step(action.all(), out.again())?;
    let goes_on = out.terminations.first() == Some(&0) && out.truncations.first() == Some(&0);
    Ok(if goes_on { told(widen(batch.spec().reward_dtype, out.rewards)) } else { f64::INFINITY })
}

/// One element as a float, exactly or (64-bit integers) nearly.
pub fn widen(dtype: Dtype, bytes: &[u8]) -> f64 {
    match dtype {
        Dtype::Float32 => f64::from(bytemuck::pod_read_unaligned::<f32>(bytes)),
        Dtype::Float64 => bytemuck::pod_read_unaligned(bytes),
        Dtype::Int32 => f64::from(bytemuck::pod_read_unaligned::<i32>(bytes)),
        Dtype::Int64 => bytemuck::pod_read_unaligned::<i64>(bytes) as f64,
        Dtype::Uint64 => bytemuck::pod_read_unaligned::<u64>(bytes) as f64,
        Dtype::Uint32 => f64::from(bytemuck::pod_read_unaligned::<u32>(bytes)),
        Dtype::Uint8 => f64::from(bytemuck::pod_read_unaligned::<u8>(bytes)),
    }
}
