//! Sequences of calls of the C ABI, in any order, with honest and impossible arguments, from one thread and from two.
//!
//! What is never done: what the header forbids and cannot see, such as a handle that was freed, or a length that is a
//! lie about memory.

use crate::buffer::{Buffer, ErrorPlace};
use crate::configs;
use crate::input::Input;
use crate::play::{spoil_actions, Arrays, Batch};
use crate::snapshots::take;
use marl_ffi::envs;
use marl_ffi::ffi::library::{
    marl_abi_version, marl_default_num_threads, marl_simd_level, marl_status_name, marl_version,
};
use marl_ffi::ffi::vec_env::*;
use marl_ffi::ffi::vec_env_bound::{marl_bound_step_free, marl_bound_step_new, marl_bound_step_run};
use marl_ffi::Status;
use std::ffi::{CStr, CString};
use std::ptr::{null, null_mut};

const SLOTS: usize = 3;

const ANY: [Status; 14] = [
    Status::NullPointer,
    Status::InvalidArgument,
    Status::LengthMismatch,
    Status::Empty,
    Status::DtypeMismatch,
    Status::UnknownId,
    Status::UnknownKey,
    Status::InvalidConfig,
    Status::UnknownColumn,
    Status::ActionInvalid,
    Status::NotReset,
    Status::EpisodeOver,
    Status::InvalidState,
    Status::SnapshotInvalid,
];

/// Numbers of steps, of which some are no number of rows in 64 bits.
const MANY_STEPS: [usize; 8] =
    [0, usize::MAX, 1 << 63, (1 << 62) + 1, (1 << 61) + 1, usize::MAX / 3, (1 << 32) + 1, isize::MAX as usize];

struct Play {
    slots: [Option<Batch>; SLOTS],
    shelf: Vec<u8>,
}

/// Plays one sequence.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut play = Play { slots: [None, None, None], shelf: Vec::new() };
    for _ in 0..24 {
        if input.is_empty() {
            break;
        }
        play.act(&mut input);
    }
}

impl Play {
    fn act(&mut self, input: &mut Input) {
        let slot = input.below(SLOTS);
        let Some(batch) = &mut self.slots[slot] else {
            match input.below(10) {
                0 => refused_new(input),
                1 => without_handle(input),
                2 => library(input),
                _ => self.slots[slot] = Some(fresh(input)),
            }
            return;
        };
        let before = input.once_in(4).then(|| take(batch));
        let done = match input.below(16) {
            0 => {
                self.slots[slot] = None;
                return;
            }
            1 | 2 => reset(batch, input),
            3..=5 => step(batch, input),
            6..=8 => rollout(batch, input),
            9 => {
                self.shelf = take(batch);
                snapshot(batch, input)
            }
            10 => restore(batch, &self.shelf, input),
            11 => column(batch, input),
            12 => set_column(batch, input),
            13 => small(batch, input),
            14 => {
                two_threads(batch, input);
                Status::Ok
            }
            _ => {
                batch.look();
                Status::Ok
            }
        };
        if let (Some(before), true) = (before, done != Status::Ok) {
            assert!(before == take(batch), "a call that was refused with {done:?} changed the batch");
        }
    }
}

fn fresh(input: &mut Input) -> Batch {
    let all = configs::all();
    let (id, config) = input.pick(&all);
    let envs = if input.once_in(12) { 300 } else { 1 + input.below(6) };
    let threads = input.pick(&[1, 1, 0, 2, 3, 1 << 20, usize::MAX]);
    Batch::new(id, config, envs, threads, input.below(3) as i32)
}

/// A batch that cannot be.
fn refused_new(input: &mut Input) {
    let mut env: *mut marl_vec_env = null_mut();
    let mut err = ErrorPlace::new();
    let id = c"CartPole-v1";
    let mut askew = [0u8; 24];
    let mut at = (id.as_ptr(), null(), 1, 1, 0, &mut env as *mut *mut marl_vec_env);
    match input.below(7) {
        0 => at.0 = null(),
        1 => at.0 = c"\xff".as_ptr(),
        2 => at.1 = c"\xff".as_ptr(),
        3 => at.2 = input.pick(&[0, (1 << 24) + 1, usize::MAX, 1 << 63]),
        4 => at.4 = input.pick(&[-1, 3, i32::MIN, i32::MAX]),
        5 => at.5 = null_mut(),
        _ => {
            let offset = askew.as_ptr().align_offset(8) + 1 + input.below(7);
            at.5 = askew[offset..].as_mut_ptr().cast();
        }
    }
    // SAFETY: texts end with NUL; places are NULL, no place for a pointer, or good.
    let status = unsafe { marl_vec_env_new(at.0, at.1, at.2, at.3, at.4, at.5, err.pointer()) };
    err.check("new", status, &[Status::NullPointer, Status::InvalidArgument, Status::Empty]);
    assert!(status != Status::Ok && env.is_null() && askew == [0; 24]);
}

/// Every function, without a handle.
fn without_handle(input: &mut Input) {
    let none: *mut marl_vec_env = null_mut();
    let mut err = ErrorPlace::new();
    let e = if input.once_in(2) { null_mut() } else { err.pointer() };
    let mut size = 7;
    let mut room = Buffer::<u64>::new(8);
    let (out, bytes) = (room.pointer(), room.bytes());
    // SAFETY: NULL is no handle, and the rest is good.
    unsafe {
        let status = match input.below(14) {
            0 => marl_vec_env_reset(none, null(), null(), null(), null(), out.cast(), bytes, e),
            1 => marl_vec_env_step(none, null(), e),
            2 => marl_vec_env_rollout(none, 1, null(), e),
            3 => marl_vec_env_observe(none, out.cast(), bytes, e),
            4 => marl_vec_env_snapshot(none, out.cast(), bytes, &mut size, e),
            5 => marl_vec_env_restore(none, out.cast(), bytes, e),
            6 => marl_vec_env_column(none, c"x".as_ptr(), out.cast(), bytes, e),
            7 => marl_vec_env_set_column(none, c"x".as_ptr(), out.cast(), bytes, null(), e),
            8 => marl_vec_env_seeds(none, out, 8, e),
            9 => marl_vec_env_spec(none, out.cast(), bytes, &mut size, e),
            10 => {
                marl_vec_env_free(none);
                Status::NullPointer
            }
            11 => marl_bound_step_new(none, null(), null_mut(), &mut null_mut(), e),
            12 => {
                assert!(marl_bound_step_run(null(), 0.0).is_nan());
                marl_bound_step_free(null_mut());
                Status::NullPointer
            }
            _ => {
                assert_eq!(marl_vec_env_num_envs(none), 0);
                Status::NullPointer
            }
        };
        assert_eq!(status, Status::NullPointer);
    }
    assert_eq!(size, 7);
    room.assert_untouched("without a handle");
}

fn library(input: &mut Input) {
    // SAFETY: these functions take no pointers and their texts live for ever.
    unsafe {
        assert!(!CStr::from_ptr(marl_status_name(input.bits() as i32)).is_empty());
        assert!(!CStr::from_ptr(marl_version()).is_empty());
        assert!(!CStr::from_ptr(marl_simd_level()).is_empty());
    }
    assert!(marl_abi_version() > 0 && marl_default_num_threads() > 0);
}

fn reset(batch: &mut Batch, input: &mut Input) -> Status {
    let n = batch.envs;
    let bytes = batch.seen_bytes(1);
    let mut seen = Buffer::<u64>::new(bytes.div_ceil(8) + 2);
    let seeds: Vec<u64> = (0..n).map(|_| input.below(3) as u64 ^ if input.once_in(9) { u64::MAX } else { 0 }).collect();
    let mut flags = || (0..n).map(|_| input.below(2) as u8).collect::<Vec<u8>>();
    let (mut seeded, mut mask) = (flags(), flags());
    let (mut to, mut len) = (seen.pointer().cast::<u8>(), bytes);
    let mut seeds_at = if input.once_in(4) { null() } else { seeds.as_ptr() };
    let mut options = if input.once_in(3) { input.text(30) } else { CString::default() };
    match input.below(16) {
        0 => to = null_mut(),
        1 => to = to.wrapping_add(1),
        2 => len = input.pick(&[0, bytes - 1, bytes + 1, bytes + 8]),
        3 => len = input.pick(&[usize::MAX, 1 << 63]),
        4 => seeded[input.below(n)] = 2 + input.below(254) as u8,
        5 => mask[input.below(n)] = 2 + input.below(254) as u8,
        6 => seeds_at = seeds.as_ptr().wrapping_byte_add(1 + input.below(7)),
        7 => seeds_at = to.cast(),
        8 => options = CString::new("[".repeat(5000)).unwrap_or_default(),
        9 => {
            options = input
                .pick(&[c"\xff", c"{\"low\":1}", c"{\"low\":0.2,\"high\":-0.1}", c"null", c"{\"low\":1e999}"])
                .into()
        }
        _ => {}
    }
    let seeded_at = if input.once_in(2) { null() } else { seeded.as_ptr() };
    let mask_at = if input.once_in(2) { null() } else { mask.as_ptr() };
    let mut err = ErrorPlace::new();
    // SAFETY: the handle lives; what is not refused at sight is as long as told.
    let status = unsafe {
        marl_vec_env_reset(batch.env, seeds_at, seeded_at, mask_at, options.as_ptr(), to.cast(), len, err.pointer())
    };
    err.check("reset", status, &ANY);
    if status == Status::Ok {
        seen.assert_guards_of("reset", bytes);
    } else {
        seen.assert_untouched("reset");
    }
    status
}

/// Breaks one thing about the buffers of a step.
fn tamper(arrays: &mut Arrays, input: &mut Input) {
    let io = &mut arrays.io;
    let delta = |x: usize, input: &mut Input| match input.below(6) {
        0 => 0,
        1 => x - 1,
        2 => usize::MAX,
        3 => 1 << 63,
        4 => x / 2,
        _ => (isize::MAX as usize) + 1,
    };
    match input.below(24) {
        0 => io.size = input.pick(&[0, 8, io.size - 1]),
        1 => io.actions_dtype = input.pick(&[-1, 0, 1, 2, 3, 4, i32::MIN]),
        2 => io.actions_bytes = delta(io.actions_bytes.max(1), input),
        3 => io.observations_bytes = delta(io.observations_bytes, input),
        4 => io.rewards_bytes = delta(io.rewards_bytes, input),
        5 => io.terminations_len = delta(io.terminations_len, input),
        6 => io.truncations_len = delta(io.truncations_len, input),
        7 => io.final_observations_bytes = delta(io.final_observations_bytes, input),
        8 => io.final_mask_len = delta(io.final_mask_len, input),
        9 => io.episode_returns_len = delta(io.episode_returns_len, input),
        10 => io.episode_lengths_len = delta(io.episode_lengths_len, input),
        11 => io.infos_bytes = delta(io.infos_bytes.max(1), input),
        12 => io.observations = null_mut(),
        13 => io.rewards = null_mut(),
        14 => io.terminations = null_mut(),
        15 => io.truncations = null_mut(),
        16 => io.actions = null(),
        17 => {
            let at = 1 + input.below(3);
            io.observations = io.observations.wrapping_byte_add(at);
            io.observations_bytes -= at.min(io.observations_bytes);
        }
        18 => {
            io.actions = io.actions.wrapping_byte_add(1);
            io.actions_bytes -= io.actions_bytes.min(1);
        }
        19 => io.episode_returns = io.episode_returns.wrapping_byte_add(4),
        20 => io.final_observations = io.observations,
        21 => io.truncations = io.terminations,
        22 => io.rewards = io.actions.cast_mut(),
        _ => io.episode_lengths = io.episode_returns.cast(),
    }
    if io.size >= size_of::<marl_step_io>() && input.once_in(4) {
        // What is optional, left away.
        io.final_observations = null_mut();
        io.episode_returns = null_mut();
        io.infos = null_mut();
        io.infos_bytes = 0;
    }
}

fn finish(arrays: &Arrays, status: Status, err: &ErrorPlace, context: &str) {
    err.check(context, status, &ANY);
    for (out, size) in &arrays.outputs {
        if status == Status::Ok {
            out.assert_guards_of(context, *size);
        } else {
            out.assert_untouched(context);
        }
    }
}

fn step(batch: &mut Batch, input: &mut Input) -> Status {
    let dtype = input.pick(&batch.spec.action_dtypes);
    let mut arrays = batch.arrays(1, dtype, input.once_in(2));
    batch.fill_fine(&mut arrays, dtype, input.below(9) as u64);
    if input.once_in(8) {
        arrays.write_actions(|to| spoil_actions(to, dtype, input));
    }
    let tampered = input.once_in(2);
    if tampered {
        tamper(&mut arrays, input);
    }
    let mut err = ErrorPlace::new();
    // SAFETY: the handle lives; what is not refused at sight is as long as told.
    let status = unsafe { marl_vec_env_step(batch.env, &arrays.io, err.pointer()) };
    finish(&arrays, status, &err, "step");
    status
}

fn rollout(batch: &mut Batch, input: &mut Input) -> Status {
    let steps = 1 + input.below(5);
    let dtype = batch.spec.action_dtypes[0];
    let mut arrays = batch.arrays(steps, dtype, false);
    if input.once_in(2) {
        arrays.io.actions = null();
        arrays.io.actions_bytes = 0;
    } else {
        batch.fill_fine(&mut arrays, dtype, input.below(9) as u64);
        if input.once_in(4) {
            arrays.write_actions(|to| spoil_actions(to, dtype, input));
        }
    }
    let mut asked = steps;
    match input.below(4) {
        0 => tamper(&mut arrays, input),
        1 => asked = input.pick(&MANY_STEPS).wrapping_add(if input.once_in(2) { steps - 1 } else { 0 }),
        _ => {}
    }
    let mut err = ErrorPlace::new();
    // SAFETY: as for a step.
    let status = unsafe { marl_vec_env_rollout(batch.env, asked, &arrays.io, err.pointer()) };
    finish(&arrays, status, &err, "rollout");
    assert!(asked == steps || status != Status::Ok, "{asked} steps into buffers for {steps}");
    status
}

fn snapshot(batch: &mut Batch, input: &mut Input) -> Status {
    let whole = take(batch);
    let mut room = Buffer::<u8>::new(whole.len() + 3);
    let mut size = 1;
    let capacity = input.pick(&[0, whole.len() - 1, whole.len(), whole.len() + 3, usize::MAX]);
    let (mut to, mut size_at) = (room.pointer(), &mut size as *mut usize);
    match input.below(6) {
        0 => to = null_mut(),
        1 => size_at = null_mut(),
        2 => size_at = size_at.wrapping_byte_add(1),
        _ => {}
    }
    let mut err = ErrorPlace::new();
    // SAFETY: the handle lives; there is room for the snapshot, and no more is written.
    let status = unsafe { marl_vec_env_snapshot(batch.env, to, capacity, size_at, err.pointer()) };
    err.check("snapshot", status, &ANY);
    if status == Status::Ok && !to.is_null() {
        room.assert_guards_of("snapshot", whole.len());
        assert!(room.get()[..whole.len()] == whole && size == whole.len());
    } else {
        room.assert_untouched("snapshot");
    }
    status
}

fn restore(batch: &mut Batch, shelf: &[u8], input: &mut Input) -> Status {
    let mut bytes = shelf.to_vec();
    if input.once_in(3) && !bytes.is_empty() {
        let at = input.below(bytes.len());
        bytes[at] ^= 1 << input.below(8);
    }
    let (at, len) = match input.below(6) {
        0 => (null(), bytes.len()),
        1 => (bytes.as_ptr(), input.below(bytes.len() + 1)),
        2 => (bytes.as_ptr(), input.pick(&[usize::MAX, 1 << 63])),
        _ => (bytes.as_ptr(), bytes.len()),
    };
    let mut err = ErrorPlace::new();
    // SAFETY: the handle lives; what is not refused at sight is as long as told.
    let status = unsafe { marl_vec_env_restore(batch.env, at, len, err.pointer()) };
    err.check("restore", status, &ANY);
    status
}

fn column_name(batch: &Batch, input: &mut Input) -> (CString, usize) {
    let k = input.below(batch.spec.columns.len() + 2);
    match batch.spec.columns.get(k) {
        Some(column) => (CString::new(column.name.as_str()).unwrap_or_default(), column.row_bytes() * batch.envs),
        None if input.once_in(2) => (c"clock".into(), 4 * batch.envs),
        None => (input.text(20), 8 * batch.envs),
    }
}

fn column(batch: &mut Batch, input: &mut Input) -> Status {
    let (name, bytes) = column_name(batch, input);
    let mut out = Buffer::<u8>::new(bytes + 1);
    let (mut to, mut len) = (out.pointer(), bytes);
    match input.below(8) {
        0 => to = null_mut(),
        1 => len = input.pick(&[0, bytes - 1, bytes + 1]),
        2 => len = usize::MAX,
        _ => {}
    }
    let mut err = ErrorPlace::new();
    // SAFETY: the handle lives; what is not refused at sight is as long as told.
    let status = unsafe { marl_vec_env_column(batch.env, name.as_ptr(), to.cast(), len, err.pointer()) };
    err.check("column", status, &ANY);
    if status == Status::Ok {
        out.assert_guards_of("column", bytes);
    } else {
        out.assert_untouched("column");
    }
    status
}

fn set_column(batch: &mut Batch, input: &mut Input) -> Status {
    let (name, bytes) = column_name(batch, input);
    let mut values = vec![0u8; bytes + 1];
    let pattern = input.bytes(9);
    if !pattern.is_empty() {
        values.iter_mut().zip(pattern.iter().cycle()).for_each(|(to, from)| *to = *from);
    }
    let mut mask: Vec<u8> = (0..batch.envs).map(|_| input.below(2) as u8).collect();
    let (mut at, mut len) = (values.as_ptr(), bytes);
    match input.below(8) {
        0 => at = null(),
        1 => len = input.pick(&[0, bytes - 1, bytes + 1]),
        2 => len = usize::MAX,
        3 => mask[0] = 7,
        4 => at = at.wrapping_add(1), // any alignment is fine
        _ => {}
    }
    let mask_at = if input.once_in(2) { null() } else { mask.as_ptr() };
    let mut err = ErrorPlace::new();
    // SAFETY: the handle lives; what is not refused at sight is as long as told.
    let status = unsafe { marl_vec_env_set_column(batch.env, name.as_ptr(), at.cast(), len, mask_at, err.pointer()) };
    err.check("set_column", status, &ANY);
    status
}

/// Observations, seeds and specification, with impossible places.
fn small(batch: &mut Batch, input: &mut Input) -> Status {
    let bytes = batch.seen_bytes(1);
    let mut room = Buffer::<u64>::new(bytes.div_ceil(8).max(batch.envs) + 1);
    let to = input.pick(&[room.pointer(), null_mut(), room.pointer().wrapping_byte_add(1)]);
    let mut err = ErrorPlace::new();
    let mut size = 0;
    // SAFETY: the handle lives; what is not refused at sight is as long as told.
    let status = unsafe {
        match input.below(3) {
            0 => {
                let len = input.pick(&[bytes, 0, bytes - 1, usize::MAX]);
                marl_vec_env_observe(batch.env, to.cast(), len, err.pointer())
            }
            1 => {
                let len = input.pick(&[batch.envs, 0, batch.envs - 1, usize::MAX]);
                marl_vec_env_seeds(batch.env, to, len, err.pointer())
            }
            _ => marl_vec_env_spec(batch.env, to.cast(), input.pick(&[0, 8]), &mut size, err.pointer()),
        }
    };
    err.check("look", status, &ANY);
    if status != Status::Ok {
        room.assert_untouched("look");
    }
    status
}

/// Two threads at one handle: each call has its effect, or is told that the handle is busy.
fn two_threads(batch: &mut Batch, input: &mut Input) {
    let steps = 1 + input.below(8);
    let mut arrays = batch.arrays(steps, batch.spec.action_dtypes[0], false);
    arrays.io.actions = null();
    let bytes = batch.seen_bytes(1);
    let (env, envs) = (batch.env as usize, batch.envs);
    let (calls, first) = (1 + input.below(12), input.below(4));
    let io = &arrays.io as *const marl_step_io as usize;
    let rolled = std::thread::scope(|scope| {
        let other = scope.spawn(move || {
            let mut room = Buffer::<u64>::new(bytes.div_ceil(8).max(envs));
            let env = env as *mut marl_vec_env;
            for k in 0..calls {
                let mut size = 0;
                // SAFETY: the handle lives for as long as the scope; buffers are this thread's own.
                let status = unsafe {
                    match (k + first) % 4 {
                        0 => marl_vec_env_seeds(env, room.pointer(), envs, null_mut()),
                        1 => marl_vec_env_observe(env, room.pointer().cast(), bytes, null_mut()),
                        2 => marl_vec_env_snapshot(env, null_mut(), 0, &mut size, null_mut()),
                        _ => {
                            let told = marl_vec_env_num_envs(env);
                            assert!(told == envs || told == 0);
                            Status::Ok
                        }
                    }
                };
                assert!(status == Status::Ok || status == Status::Busy, "{status:?}");
            }
            room.assert_guards("two threads");
        });
        // SAFETY: as above; these buffers are the other thread's.
        let rolled = unsafe { marl_vec_env_rollout(env as *mut _, steps, io as *const _, null_mut()) };
        assert!(other.join().is_ok());
        rolled
    });
    let mode = batch.mode;
    let allowed = [Status::Ok, Status::Busy, Status::NotReset];
    assert!(allowed.contains(&rolled) || mode == 2, "{rolled:?}");
    for (out, size) in &arrays.outputs {
        out.assert_guards_of("two threads", *size);
        if rolled == Status::Busy {
            out.assert_untouched("two threads");
        }
    }
    assert!(envs::REGISTRY.iter().any(|entry| entry.id == batch.spec.id));
}
