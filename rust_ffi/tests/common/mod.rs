//! What more than one test file needs: numbers that look random, and a batch with all its buffers.
#![allow(dead_code)]

use marl_ffi::engine::actions::Actions;
use marl_ffi::engine::error::Result;
use marl_ffi::engine::vec_env::{info_offsets, AnyVecEnv, Autoreset, RawOutputs, ResetRequest, Setup};
use marl_ffi::envs::make_vec;
use marl_ffi::simd::Level;

pub const MARKET: &str = "ElectricityMarket-v0";

/// SplitMix64: enough to make inputs from a seed.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.bits() >> 11) as f64 / (1u64 << 53) as f64)
    }
}

/// Zeroed memory, aligned for any element.
pub struct Memory {
    words: Vec<u64>,
    len: usize,
}

impl Memory {
    pub fn new(len: usize) -> Self {
        Memory { words: vec![0; len.div_ceil(8)], len }
    }

    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.len]
    }
}

/// A batch under test.
pub struct Batch {
    pub env: Box<dyn AnyVecEnv>,
}

/// What a step or rollout gave, as bytes, in a fixed order: see `NAMES`.
#[derive(Clone, PartialEq)]
pub struct Played {
    pub steps: usize,
    pub envs: usize,
    pub arrays: Vec<Vec<u8>>,
}

/// The arrays of `Played`; infos follow one by one if there are any.
pub const NAMES: [&str; 9] = [
    "observations",
    "rewards",
    "terminations",
    "truncations",
    "final_observations",
    "final_mask",
    "episode_returns",
    "episode_lengths",
    "actions",
];

impl Batch {
    pub fn new(config: &str, num_envs: usize, num_threads: usize, autoreset: Autoreset, level: Level) -> Self {
        Self::of(MARKET, config, Setup { num_envs, num_threads, autoreset, level })
    }

    pub fn of(id: &str, config: &str, setup: Setup) -> Self {
        Batch { env: make_vec(id, config, setup).unwrap() }
    }

    pub fn num_envs(&self) -> usize {
        self.env.num_envs()
    }

    fn row(&self) -> (usize, usize) {
        let spec = self.env.spec();
        let observation: usize = spec.observation_shape.iter().product();
        (spec.agents.len(), observation)
    }

    /// Elements of the actions of one environment.
    pub fn action_width(&self) -> usize {
        let spec = self.env.spec();
        spec.agents.len() * spec.action_shape.iter().product::<usize>()
    }

    /// Resets every environment `k` with seed `first + k` and returns the observations.
    pub fn seed(&mut self, first: u64) -> Vec<u8> {
        let seeds: Vec<u64> = (0..self.num_envs() as u64).map(|k| first + k).collect();
        let mut observations = self.observation_memory();
        let request = ResetRequest { seeds: Some(&seeds), ..ResetRequest::default() };
        self.env.reset(request, observations.bytes_mut()).unwrap();
        observations.bytes().to_vec()
    }

    fn observation_memory(&self) -> Memory {
        let (agents, observation) = self.row();
        Memory::new(self.num_envs() * agents * observation * self.env.spec().observation_dtype.size())
    }

    pub fn observe(&self) -> Vec<u8> {
        let mut memory = self.observation_memory();
        self.env.observe(memory.bytes_mut()).unwrap();
        memory.bytes().to_vec()
    }

    /// One step with actions that lie within the bounds, drawn from `numbers`.
    pub fn step(&mut self, actions: &[f32]) -> Result<Played> {
        self.play(1, Some(actions), true)
    }

    /// `steps` steps with actions that the batch draws itself.
    pub fn rollout(&mut self, steps: usize) -> Result<Played> {
        self.play(steps, None, false)
    }

    /// `steps` steps with given actions.
    pub fn replay(&mut self, steps: usize, actions: &[f32]) -> Result<Played> {
        self.play(steps, Some(actions), false)
    }

    fn play(&mut self, steps: usize, actions: Option<&[f32]>, step: bool) -> Result<Played> {
        let spec = self.env.spec().clone();
        let (agents, observation) = self.row();
        let envs = self.num_envs();
        let rows = steps * envs;
        let (offsets, info_bytes) = info_offsets(&spec, envs);
        let mut observations = Memory::new(rows * agents * observation * spec.observation_dtype.size());
        let mut finals = Memory::new(rows * agents * observation * spec.observation_dtype.size());
        let mut rewards = Memory::new(rows * agents * spec.reward_dtype.size());
        let mut drawn = Memory::new(rows * self.action_width() * spec.action_dtypes[0].size());
        let mut infos = Memory::new(if step { info_bytes } else { 0 });
        let (mut terminations, mut truncations, mut final_mask) = (vec![9; rows], vec![9; rows], vec![9; rows]);
        let (mut returns, mut lengths) = (vec![f64::NAN; rows * agents], vec![-1i64; rows]);
        let out = RawOutputs {
            observations: observations.bytes_mut(),
            rewards: rewards.bytes_mut(),
            terminations: &mut terminations,
            truncations: &mut truncations,
            final_observations: finals.bytes_mut(),
            final_mask: &mut final_mask,
            episode_returns: &mut returns,
            episode_lengths: &mut lengths,
            actions: if actions.is_none() { drawn.bytes_mut() } else { &mut [] },
            infos: infos.bytes_mut(),
        };
        match actions {
            Some(actions) if step => self.env.step(Actions::F32(actions), out)?,
            Some(actions) => self.env.rollout(steps, Some(Actions::F32(actions)), out)?,
            None => self.env.rollout(steps, None, out)?,
        }
        let mut arrays = vec![
            observations.bytes().to_vec(),
            rewards.bytes().to_vec(),
            terminations,
            truncations,
            finals.bytes().to_vec(),
            final_mask,
            bytemuck::cast_slice(&returns).to_vec(),
            bytemuck::cast_slice(&lengths).to_vec(),
            drawn.bytes().to_vec(),
        ];
        if step {
            for (field, start) in spec.infos.iter().zip(offsets) {
                arrays.push(infos.bytes()[start..start + field.row_bytes() * envs].to_vec());
            }
        }
        Ok(Played { steps, envs, arrays })
    }
}

impl Played {
    /// The same of the first `envs` environments alone.
    pub fn of_first(&self, envs: usize) -> Played {
        let cut = |array: &Vec<u8>| {
            let row = array.len() / self.envs / self.steps;
            array.chunks(self.envs * row).flat_map(|step| &step[..envs * row]).copied().collect()
        };
        let arrays = self.arrays.iter().map(|array| if array.is_empty() { vec![] } else { cut(array) }).collect();
        Played { steps: self.steps, envs, arrays }
    }

    /// Panics with the name of the first array that differs.
    pub fn assert_same(&self, other: &Played, context: &str) {
        assert_eq!((self.steps, self.envs, self.arrays.len()), (other.steps, other.envs, other.arrays.len()));
        for (k, (a, b)) in self.arrays.iter().zip(&other.arrays).enumerate() {
            if let Some(at) = a.iter().zip(b).position(|(x, y)| x != y) {
                let name = NAMES.get(k).copied().unwrap_or("infos");
                panic!("{context}: {name} differ from byte {at} of {}", a.len());
            }
            assert_eq!(a.len(), b.len(), "{context}");
        }
    }

    /// How many episodes ended.
    pub fn ends(&self) -> usize {
        self.arrays[5].iter().map(|&x| usize::from(x)).sum()
    }
}

/// Actions for `count` elements of a market without battery: (withheld fraction, markup) pairs, with `seed`.
pub fn some_actions(seed: u64, count: usize) -> Vec<f32> {
    let mut numbers = Numbers(seed);
    (0..count).map(|k| if k % 2 == 0 { numbers.between(0.0, 1.0) } else { numbers.between(-3.0, 3.0) } as f32).collect()
}
