//! A batch behind the C ABI, with all its buffers.

use crate::buffer::{Buffer, ErrorPlace};
use crate::input::{Input, Numbers};
use marl_ffi::engine::columns::Dtype;
use marl_ffi::engine::spec::{Space, Spec};
use marl_ffi::engine::vec_env::{info_offsets, widen};
use marl_ffi::envs;
use marl_ffi::ffi::vec_env::{
    marl_step_io, marl_vec_env, marl_vec_env_column, marl_vec_env_free, marl_vec_env_new, marl_vec_env_observe,
    marl_vec_env_reset, marl_vec_env_rollout, marl_vec_env_seeds, marl_vec_env_step,
};
use marl_ffi::ffi::vec_env_bound::{marl_bound_step_free, marl_bound_step_new, marl_bound_step_run};
use marl_ffi::Status;
use std::ffi::CString;
use std::ptr::{null, null_mut};

/// What a step with honest buffers may answer.
pub const STEP: [Status; 3] = [Status::ActionInvalid, Status::NotReset, Status::EpisodeOver];

/// A batch; freed when dropped.
pub struct Batch {
    pub env: *mut marl_vec_env,
    pub spec: Spec,
    pub envs: usize,
    pub mode: i32,
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: it was made by `marl_vec_env_new` and is freed once.
        unsafe { marl_vec_env_free(self.env) }
    }
}

/// The buffers of some steps.
pub struct Arrays {
    pub actions: Buffer<u64>,
    /// Each with its size in bytes.
    pub outputs: Vec<(Buffer<u64>, usize)>,
    pub io: marl_step_io,
}

impl Arrays {
    /// Has `write` write the actions; what points to them is made anew.
    pub fn write_actions(&mut self, write: impl FnOnce(&mut [u8])) {
        let bytes = self.io.actions_bytes;
        write(&mut bytemuck::cast_slice_mut(self.actions.get_mut())[..bytes]);
        self.io.actions = self.actions.pointer().cast_const().cast();
    }
}

impl Batch {
    pub fn new(id: &str, config: &str, envs: usize, threads: usize, mode: i32) -> Self {
        let spec = envs::spec(id, config).expect("a valid configuration");
        let (id, config) = (CString::new(id).unwrap_or_default(), CString::new(config).unwrap_or_default());
        let mut env = null_mut();
        // SAFETY: texts end with NUL, `env` is a place.
        let status =
            unsafe { marl_vec_env_new(id.as_ptr(), config.as_ptr(), envs, threads, mode, &mut env, null_mut()) };
        assert_eq!(status, Status::Ok, "{id:?} {config:?}");
        Batch { env, spec, envs, mode }
    }

    fn agents(&self) -> usize {
        self.spec.agents.len()
    }

    /// Bytes of the observations of `steps` steps.
    pub fn seen_bytes(&self, steps: usize) -> usize {
        steps * self.envs * self.agents() * self.spec.observation_len() * self.spec.observation_dtype.size()
    }

    /// Elements of the actions of one step of all environments.
    pub fn action_len(&self) -> usize {
        self.envs * self.agents() * self.spec.action_len()
    }

    /// Buffers for `steps` steps. Infos are wanted in a single one.
    pub fn arrays(&self, steps: usize, dtype: Dtype, infos: bool) -> Arrays {
        let rows = steps * self.envs;
        let agents = rows * self.agents();
        let seen = self.seen_bytes(steps);
        let info_bytes = if infos { info_offsets(&self.spec, self.envs).1 } else { 0 };
        let sizes =
            [seen, agents * self.spec.reward_dtype.size(), rows, rows, seen, rows, agents * 8, rows * 8, info_bytes];
        let mut outputs: Vec<_> = sizes.iter().map(|size| (Buffer::new(size.div_ceil(8)), *size)).collect();
        let bytes = steps * self.action_len() * dtype.size();
        let mut actions = Buffer::<u64>::new(bytes.div_ceil(8));
        let mut at = outputs.iter_mut().map(|(out, _): &mut (Buffer<u64>, usize)| out.pointer());
        let mut next = || at.next().unwrap_or(null_mut());
        let io = marl_step_io {
            size: size_of::<marl_step_io>(),
            actions: actions.pointer().cast_const().cast(),
            actions_bytes: bytes,
            actions_dtype: code(dtype),
            reserved: 0,
            observations: next().cast(),
            observations_bytes: sizes[0],
            rewards: next().cast(),
            rewards_bytes: sizes[1],
            terminations: next().cast(),
            terminations_len: rows,
            truncations: next().cast(),
            truncations_len: rows,
            final_observations: next().cast(),
            final_observations_bytes: sizes[4],
            final_mask: next().cast(),
            final_mask_len: rows,
            episode_returns: next().cast(),
            episode_returns_len: agents,
            episode_lengths: next().cast(),
            episode_lengths_len: rows,
            infos: if info_bytes > 0 { next().cast() } else { null_mut() },
            infos_bytes: info_bytes,
            actions_out: null_mut(),
            actions_out_bytes: 0,
        };
        Arrays { actions, outputs, io }
    }

    /// Writes actions that are allowed.
    pub fn fill_fine(&self, arrays: &mut Arrays, dtype: Dtype, seed: u64) {
        arrays.write_actions(|to| fine_actions(&self.spec, to, dtype, seed));
    }

    pub fn reset(&mut self, seed: u64) {
        let bytes = self.seen_bytes(1);
        let mut seen = Buffer::<u64>::new(bytes.div_ceil(8));
        let seeds: Vec<u64> = (0..self.envs as u64).map(|k| seed.wrapping_add(k)).collect();
        let mut err = ErrorPlace::new();
        // SAFETY: the handle lives, a seed per environment, room for what is seen.
        let status = unsafe {
            let out = seen.pointer().cast();
            marl_vec_env_reset(self.env, seeds.as_ptr(), null(), null(), null(), out, bytes, err.pointer())
        };
        assert_eq!(status, Status::Ok, "reset: {}", err.text());
        seen.assert_guards("reset");
    }

    /// A step that must succeed unless episodes are over in the mode that has the caller reset.
    pub fn step_fine(&mut self, seed: u64) {
        let dtype = self.spec.action_dtypes[0];
        let mut arrays = self.arrays(1, dtype, true);
        self.fill_fine(&mut arrays, dtype, seed);
        let status = self.step(&mut arrays);
        assert!(status == Status::Ok || (self.mode == 2 && status == Status::EpisodeOver), "{status:?}");
    }

    /// A step with actions of which some may be wrong.
    pub fn try_step(&mut self, seed: u64, input: &mut Input) -> Status {
        let dtype = self.spec.action_dtypes[input.below(self.spec.action_dtypes.len())];
        let infos = input.once_in(2);
        let mut arrays = self.arrays(1, dtype, infos);
        self.fill_fine(&mut arrays, dtype, seed);
        if input.once_in(4) {
            arrays.write_actions(|to| spoil_actions(to, dtype, input));
        }
        if self.envs == 1 && self.spec.agents.len() == 1 && self.spec.action_len() == 1 && input.once_in(2) {
            if input.once_in(2) {
                arrays.io.final_observations = null_mut();
                arrays.io.final_mask = null_mut();
                arrays.io.episode_returns = null_mut();
                arrays.io.episode_lengths = null_mut();
                arrays.io.infos = null_mut();
            }
            return self.step_bound(&mut arrays, dtype);
        }
        self.step(&mut arrays)
    }

    /// A step bound to its buffers.
    fn step_bound(&mut self, arrays: &mut Arrays, dtype: Dtype) -> Status {
        let (mut err, mut why, mut step) = (ErrorPlace::new(), ErrorPlace::new(), null_mut());
        let mut action = f64::NAN;
        arrays.write_actions(|to| action = widen(dtype, to));
        // SAFETY: the handle lives, all buffers have the sizes that are told and outlive what is bound to them.
        let (status, told) = unsafe {
            let status = marl_bound_step_new(self.env, &arrays.io, why.pointer(), &mut step, err.pointer());
            assert_eq!(status, Status::Ok, "bind: {}", err.text());
            let told = marl_bound_step_run(step, action);
            marl_bound_step_free(step);
            (if told.is_nan() { (*why.pointer()).status } else { Status::Ok }, told)
        };
        assert_eq!(told.is_nan(), status != Status::Ok);
        why.check("bound step", status, &STEP);
        check_arrays(arrays, status);
        status
    }

    fn step(&mut self, arrays: &mut Arrays) -> Status {
        let mut err = ErrorPlace::new();
        // SAFETY: the handle lives, all buffers have the sizes that are told.
        let status = unsafe { marl_vec_env_step(self.env, &arrays.io, err.pointer()) };
        err.check("step", status, &STEP);
        check_arrays(arrays, status);
        status
    }

    /// A rollout with drawn actions, which succeeds wherever episodes start by themselves.
    pub fn roll(&mut self, steps: usize) -> Status {
        let mut arrays = self.arrays(steps, self.spec.action_dtypes[0], false);
        arrays.io.actions = null();
        let mut err = ErrorPlace::new();
        // SAFETY: as for a step.
        let status = unsafe { marl_vec_env_rollout(self.env, steps, &arrays.io, err.pointer()) };
        err.check("rollout", status, &[Status::NotReset, Status::EpisodeOver, Status::InvalidArgument]);
        assert!(self.mode == 2 || status != Status::InvalidArgument, "{}", err.text());
        check_arrays(&arrays, status);
        status
    }

    /// Everything that can be looked at.
    pub fn look(&mut self) {
        let bytes = self.seen_bytes(1);
        let mut seen = Buffer::<u64>::new(bytes.div_ceil(8));
        let mut seeds = Buffer::<u64>::new(self.envs);
        // SAFETY: the handle lives, buffers have the sizes that are told.
        unsafe {
            assert_eq!(marl_vec_env_observe(self.env, seen.pointer().cast(), bytes, null_mut()), Status::Ok);
            assert_eq!(marl_vec_env_seeds(self.env, seeds.pointer(), self.envs, null_mut()), Status::Ok);
        }
        for column in &self.spec.columns {
            let bytes = column.row_bytes() * self.envs;
            let mut out = Buffer::<u8>::new(bytes);
            let name = CString::new(column.name.as_str()).unwrap_or_default();
            // SAFETY: as above; the name ends with NUL.
            let status =
                unsafe { marl_vec_env_column(self.env, name.as_ptr(), out.pointer().cast(), bytes, null_mut()) };
            assert_eq!(status, Status::Ok, "{name:?}");
            out.assert_guards("column");
        }
        seen.assert_guards("observe");
        seeds.assert_guards("seeds");
    }
}

fn check_arrays(arrays: &Arrays, status: Status) {
    for (out, size) in &arrays.outputs {
        if status == Status::Ok {
            out.assert_guards_of("step", *size);
        } else {
            out.assert_untouched("step");
        }
    }
}

/// `marl_dtype` of actions.
pub fn code(dtype: Dtype) -> i32 {
    match dtype {
        Dtype::Float32 => 0,
        Dtype::Float64 => 1,
        Dtype::Int32 => 2,
        _ => 3,
    }
}

/// Lowest and highest value of each element, and whether it is a whole number.
fn spans(space: &Space) -> Vec<(f64, f64, bool)> {
    match space {
        Space::Box { low, high, .. } => {
            low.iter().zip(high).map(|(low, high)| (low.unwrap_or(-1.0), high.unwrap_or(1.0), false)).collect()
        }
        Space::Discrete { n, .. } => vec![(0.0, *n as f64 - 1.0, true)],
        Space::MultiDiscrete { nvec, .. } => nvec.iter().map(|n| (0.0, *n as f64 - 1.0, true)).collect(),
    }
}

/// Writes actions that are allowed, drawn with `seed`.
pub fn fine_actions(spec: &Spec, to: &mut [u8], dtype: Dtype, seed: u64) {
    let mut stream = Numbers(seed);
    let spans: Vec<(f64, f64, bool)> = spec.agents.iter().flat_map(|agent| spans(&agent.action)).collect();
    for (k, to) in to.chunks_exact_mut(dtype.size()).enumerate() {
        let (low, high, whole) = spans[k % spans.len()];
        let unit = stream.unit();
        let x = if whole { (low + unit * (high - low + 1.0)).floor().min(high) } else { low + unit * (high - low) };
        match dtype {
            Dtype::Float32 => to.copy_from_slice(&(x as f32).to_ne_bytes()),
            Dtype::Float64 => to.copy_from_slice(&x.to_ne_bytes()),
            Dtype::Int32 => to.copy_from_slice(&(x as i32).to_ne_bytes()),
            _ => to.copy_from_slice(&(x as i64).to_ne_bytes()),
        }
    }
}

/// Replaces up to three actions by anything.
pub fn spoil_actions(actions: &mut [u8], dtype: Dtype, input: &mut Input) {
    let count = actions.len() / dtype.size();
    for _ in 0..1 + input.below(3) {
        let at = input.below(count.max(1)) * dtype.size();
        let to = &mut actions[at..at + dtype.size()];
        match dtype {
            Dtype::Float32 => to.copy_from_slice(&(input.number() as f32).to_ne_bytes()),
            Dtype::Float64 => to.copy_from_slice(&input.number().to_ne_bytes()),
            Dtype::Int32 => to.copy_from_slice(&(input.bits() as i32).to_ne_bytes()),
            _ => to.copy_from_slice(&input.pick(&[-1, 2, 3, i64::MAX, i64::MIN, 1 << 32]).to_ne_bytes()),
        }
    }
}
