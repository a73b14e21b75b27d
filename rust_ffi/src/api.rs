//! The front door for Rust programs.

use crate::engine::actions::Actions;
use crate::engine::columns::{Aligned, Dtype, Element};
use crate::engine::error::{Error, Result, Status};
use crate::engine::spec::Spec;
use crate::engine::vec_env::{AnyVecEnv, Autoreset, RawOutputs, ResetRequest, Setup};
use crate::envs::{self, classic::control::Control};
use crate::simd::Level;
use serde_json::{Map, Value};

/// How a batch is configured: settings of the environment by name, threads, and what follows the end of an episode.
#[derive(Clone, Debug, Default)]
pub struct Options {
    settings: Map<String, Value>,
    num_threads: usize,
    autoreset: Option<Autoreset>,
}

impl Options {
    /// The defaults: those of the environment, as many threads as the machine has, [`Autoreset::NextStep`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a configuration key; `Spec::parameters` lists those of an environment.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.settings.insert(key.into(), value.into());
        self
    }

    /// The most threads a step may use.
    #[must_use]
    pub fn threads(mut self, num_threads: usize) -> Self {
        self.num_threads = num_threads;
        self
    }

    /// What happens to an environment after its episode ended.
    #[must_use]
    pub fn autoreset(mut self, mode: Autoreset) -> Self {
        self.autoreset = Some(mode);
        self
    }
}

/// Numbers of the type that the specification names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Array<'a> {
    /// 32-bit floats.
    F32(&'a [f32]),
    /// 64-bit floats.
    F64(&'a [f64]),
}

impl<'a> Array<'a> {
    fn of(memory: &'a Aligned, dtype: Dtype) -> Self {
        match dtype {
            Dtype::Float64 => Array::F64(memory.get()),
            _ => Array::F32(memory.get()),
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Array::F32(x) => x.len(),
            Array::F64(x) => x.len(),
        }
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers as 32-bit floats; None if they are of 64 bits.
    pub fn f32(&self) -> Option<&'a [f32]> {
        match self {
            Array::F32(x) => Some(x),
            Array::F64(_) => None,
        }
    }

    /// The numbers as 64-bit floats; None if they are of 32 bits.
    pub fn f64(&self) -> Option<&'a [f64]> {
        match self {
            Array::F64(x) => Some(x),
            Array::F32(_) => None,
        }
    }
}

/// What a step gave. Arrays are row-major and live until the next call.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// `(num_envs, agents, observation)`.
    pub observations: Array<'a>,
    /// `(num_envs, agents)`.
    pub rewards: Array<'a>,
    /// `(num_envs,)`: 1 where the rules ended the episode.
    pub terminations: &'a [u8],
    /// `(num_envs,)`: 1 where the time limit was reached; both may be 1.
    pub truncations: &'a [u8],
    /// Like observations: the last ones of the episodes that ended in this step.
    pub final_observations: Array<'a>,
    /// `(num_envs,)`: 1 where an episode ended.
    pub final_mask: &'a [u8],
    /// `(num_envs, agents)`: the sum of rewards of the episodes that ended, else 0.
    pub episode_returns: &'a [f64],
    /// `(num_envs,)`: the steps of the episodes that ended, else 0.
    pub episode_lengths: &'a [i64],
}

/// Many copies of one environment, stepped together.
///
/// ```
/// use marl_ffi::{Options, VecEnv};
///
/// # fn main() -> marl_ffi::Result<()> {
/// let mut env = VecEnv::new("CartPole-v1", 1024, Options::new().set("dtype", "float32"))?;
/// env.reset(Some(42))?;
/// let actions = vec![1_i64; 1024];
/// let mut steps = 0;
/// while env.step(&actions)?.final_mask.iter().all(|ended| *ended == 0) {
///     steps += 1;
/// }
/// assert_eq!(steps, 7); // always pushed to the right, the first pole falls in the eighth step
/// # Ok(())
/// # }
/// ```
pub struct VecEnv {
    batch: Box<dyn AnyVecEnv>,
    observations: Aligned,
    rewards: Aligned,
    terminations: Aligned,
    truncations: Aligned,
    final_observations: Aligned,
    final_mask: Aligned,
    episode_returns: Aligned,
    episode_lengths: Aligned,
}

impl VecEnv {
    /// `num_envs` copies of the environment `id`.
    ///
    /// # Errors
    /// An unknown id or setting, with the nearest valid one; a value out of its range; no memory.
    pub fn new(id: &str, num_envs: usize, options: Options) -> Result<Self> {
        let config = Value::Object(options.settings).to_string();
        let autoreset = options.autoreset.unwrap_or(Autoreset::NextStep);
        let setup = Setup { num_envs, num_threads: options.num_threads, autoreset, level: Level::current() };
        let batch = envs::make_vec(id, &config, setup)?;
        let spec = batch.spec();
        let agents = num_envs * spec.agents.len();
        let seen = agents * spec.observation_len() * spec.observation_dtype.size();
        Ok(VecEnv {
            observations: Aligned::new(seen)?,
            rewards: Aligned::new(agents * spec.reward_dtype.size())?,
            terminations: Aligned::new(num_envs)?,
            truncations: Aligned::new(num_envs)?,
            final_observations: Aligned::new(seen)?,
            final_mask: Aligned::new(num_envs)?,
            episode_returns: Aligned::new(agents * size_of::<f64>())?,
            episode_lengths: Aligned::new(num_envs * size_of::<i64>())?,
            batch,
        })
    }

    /// `num_envs` copies of an environment of classic control with these rules.
    ///
    /// ```
    /// use marl_ffi::{Options, Pendulum, VecEnv};
    ///
    /// # fn main() -> marl_ffi::Result<()> {
    /// let mut moon = VecEnv::with_rules(&Pendulum { g: 1.62 }, 16, Options::new())?;
    /// assert_eq!(moon.reset(Some(0))?.len(), 16 * 3);
    /// let step = moon.step(&[0.5_f32; 16])?;
    /// assert!(step.rewards.f64().is_some_and(|rewards| rewards.iter().all(|r| *r <= 0.0)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`VecEnv::new`].
    pub fn with_rules<G: Control>(rules: &G, num_envs: usize, mut options: Options) -> Result<Self> {
        options.settings.extend(rules.settings());
        Self::new(G::ID, num_envs, options)
    }

    /// Spaces, agents, columns, settings.
    pub fn spec(&self) -> &Spec {
        self.batch.spec()
    }

    /// Number of environments.
    pub fn num_envs(&self) -> usize {
        self.batch.num_envs()
    }

    /// Starts new episodes: environment `i` is seeded `seed + i`. Without a seed the generators go on, the first time
    /// from entropy. Gives the first observations.
    ///
    /// # Errors
    /// None of a seed; where entropy is needed, the system may refuse it.
    pub fn reset(&mut self, seed: Option<u64>) -> Result<Array<'_>> {
        let seeds: Option<Vec<u64>> =
            seed.map(|seed| (0..self.num_envs() as u64).map(|k| seed.wrapping_add(k)).collect());
        let request = ResetRequest { seeds: seeds.as_deref(), ..Default::default() };
        self.batch.reset(request, self.observations.get_mut())?;
        Ok(Array::of(&self.observations, self.batch.spec().observation_dtype))
    }

    /// Steps every environment with `actions`, `(num_envs, agents, action)`, of a type that the environment takes.
    ///
    /// # Errors
    /// A wrong type or number of actions; an action that is not allowed, with environment and value; a first step
    /// before a reset. Nothing was stepped then.
    pub fn step<'a>(&mut self, actions: impl Into<Actions<'a>>) -> Result<Step<'_>> {
        let out = RawOutputs {
            observations: self.observations.get_mut(),
            rewards: self.rewards.get_mut(),
            terminations: self.terminations.get_mut(),
            truncations: self.truncations.get_mut(),
            final_observations: self.final_observations.get_mut(),
            final_mask: self.final_mask.get_mut(),
            episode_returns: self.episode_returns.get_mut(),
            episode_lengths: self.episode_lengths.get_mut(),
            ..Default::default()
        };
        self.batch.step(actions.into(), out)?;
        let spec = self.batch.spec();
        Ok(Step {
            observations: Array::of(&self.observations, spec.observation_dtype),
            rewards: Array::of(&self.rewards, spec.reward_dtype),
            terminations: self.terminations.get(),
            truncations: self.truncations.get(),
            final_observations: Array::of(&self.final_observations, spec.observation_dtype),
            final_mask: self.final_mask.get(),
            episode_returns: self.episode_returns.get(),
            episode_lengths: self.episode_lengths.get(),
        })
    }

    /// A state column, `(num_envs, …)`, of the type that the specification names.
    ///
    /// # Errors
    /// No column of that name, or of another type than `T`.
    pub fn column<T: Element>(&self, name: &str) -> Result<Vec<T>> {
        let dtype = match name {
            "clock" => Some(Dtype::Uint32),
            _ => self.spec().columns.iter().find(|column| column.name == name).map(|column| column.dtype),
        };
        if let Some(dtype) = dtype.filter(|dtype| *dtype != T::DTYPE) {
            let message = format!("{name}: expected {}, got {}", dtype.name(), T::DTYPE.name());
            return Err(Error::new(Status::DtypeMismatch, message));
        }
        let mut out = vec![T::zeroed(); self.batch.column_bytes(name)? / size_of::<T>()];
        self.batch.column(name, bytemuck::cast_slice_mut(&mut out))?;
        Ok(out)
    }

    /// Everything that decides the future, as bytes.
    ///
    /// # Errors
    /// No memory.
    pub fn snapshot(&self) -> Result<Vec<u8>> {
        self.batch.snapshot()
    }

    /// Goes back to a snapshot.
    ///
    /// # Errors
    /// Bytes that are no snapshot of such a batch. Nothing has changed then.
    pub fn restore(&mut self, snapshot: &[u8]) -> Result<()> {
        self.batch.restore(snapshot)
    }
}
