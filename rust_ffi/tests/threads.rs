//! The pool of threads and the busy flag of handles, pressed from all sides: for ThreadSanitizer and Miri, which see
//! races that results do not show, and for results.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use marl_ffi::ffi::market::{marl_market_clear, marl_market_data, marl_market_free, marl_market_new};
use marl_ffi::ffi::vec_env::*;
use marl_ffi::{Options, Status, VecEnv};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Barrier;

/// Under Miri everything takes a thousand times as long.
const fn times(many: usize, few: usize) -> usize {
    if cfg!(miri) {
        few
    } else {
        many
    }
}

/// Work that is worth several threads: strategies against each other on many seeds.
fn played(threads: usize) -> Vec<f32> {
    use marl_ffi::ffi::brigade::marl_brigade_episodes;
    const AGENTS: usize = 3;
    let games = times(2000, 240);
    let params = [0.5; AGENTS * 10];
    let seeds: Vec<u64> = (0..games as u64).collect();
    let (mut scores, mut nights) = (vec![0.0; games * AGENTS], vec![0; games]);
    // SAFETY: all arrays have the lengths that are told.
    let status = unsafe {
        marl_brigade_episodes(
            c"{\"num_houses\":3,\"max_nights\":2}".as_ptr(),
            params.as_ptr(),
            params.len(),
            1,
            AGENTS,
            seeds.as_ptr(),
            games,
            games,
            0,
            threads,
            scores.as_mut_ptr(),
            scores.len(),
            nights.as_mut_ptr(),
            games,
            null_mut(),
        )
    };
    assert_eq!(status, Status::Ok);
    scores
}

#[test]
fn callers_share_a_pool_that_grows_under_them() {
    let alone = played(1);
    let start = Barrier::new(6);
    std::thread::scope(|scope| {
        for caller in 0..6 {
            let (alone, start) = (&alone, &start);
            scope.spawn(move || {
                start.wait();
                for round in 0..times(12, 1) {
                    assert!(played(2 + (caller + round) % 7) == *alone, "caller {caller}, round {round}");
                }
            });
        }
    });
}

#[test]
fn a_batch_moves_between_threads() {
    let envs = times(40_000, 20);
    let mut batch = VecEnv::new("CartPole-v1", envs, Options::new().threads(4)).unwrap();
    let mut twin = VecEnv::new("CartPole-v1", envs, Options::new().threads(1)).unwrap();
    batch.reset(Some(3)).unwrap();
    twin.reset(Some(3)).unwrap();
    let actions: Vec<i64> = (0..envs as i64).map(|k| k % 2).collect();
    for _ in 0..times(10, 2) {
        // Another thread each time.
        let seen = std::thread::scope(|scope| {
            let work = scope.spawn(|| batch.step(&actions).unwrap().observations.f32().unwrap().to_vec());
            work.join().unwrap()
        });
        assert!(seen == twin.step(&actions).unwrap().observations.f32().unwrap());
    }
}

/// A pointer that goes to other threads.
#[derive(Clone, Copy)]
struct Shared<T>(*mut T);
// SAFETY: handles may be used from any thread; that is what is tested.
unsafe impl<T> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    fn get(&self) -> *mut T {
        self.0
    }
}

#[test]
fn one_batch_takes_one_call_at_a_time() {
    let envs = 3;
    let mut env = null_mut();
    let mut seen = vec![0f32; 4 * envs];
    let bytes = size_of_val(seen.as_slice());
    // SAFETY: texts end with NUL, arrays have the lengths that are told.
    unsafe {
        let status = marl_vec_env_new(c"CartPole-v1".as_ptr(), null(), envs, 1, 1, &mut env, null_mut());
        assert_eq!(status, Status::Ok);
        let seeds = [1, 2, 3];
        let to = seen.as_mut_ptr().cast();
        marl_vec_env_reset(env, seeds.as_ptr(), null(), null(), null(), to, bytes, null_mut());
    }
    let (shared, stepped, busy) = (Shared(env), AtomicUsize::new(0), AtomicUsize::new(0));
    let threads = times(8, 3);
    let start = Barrier::new(threads);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let actions = [1i64; 3];
                let (mut seen, mut rewards) = ([0f32; 12], [0f64; 3]);
                let (mut terminations, mut truncations) = ([0u8; 3], [0u8; 3]);
                // SAFETY: a struct of numbers and pointers.
                let mut io: marl_step_io = unsafe { std::mem::zeroed() };
                io.size = size_of::<marl_step_io>();
                (io.actions, io.actions_bytes, io.actions_dtype) = (actions.as_ptr().cast(), 24, 3);
                (io.observations, io.observations_bytes) = (seen.as_mut_ptr().cast(), 48);
                (io.rewards, io.rewards_bytes) = (rewards.as_mut_ptr().cast(), 24);
                (io.terminations, io.terminations_len) = (terminations.as_mut_ptr(), 3);
                (io.truncations, io.truncations_len) = (truncations.as_mut_ptr(), 3);
                start.wait();
                for _ in 0..times(2000, 20) {
                    // SAFETY: the handle lives, buffers are this thread's own.
                    match unsafe { marl_vec_env_step(shared.get(), &io, null_mut()) } {
                        Status::Ok => stepped.fetch_add(1, Ordering::Relaxed),
                        Status::Busy => busy.fetch_add(1, Ordering::Relaxed),
                        other => panic!("{other:?}"),
                    };
                }
            });
        }
    });
    let (stepped, busy) = (stepped.into_inner(), busy.into_inner());
    assert_eq!(stepped + busy, threads * times(2000, 20));
    assert!(stepped > 0);
    // SAFETY: no call is inside any more.
    unsafe { marl_vec_env_free(env) };
}

#[test]
fn one_market_takes_one_call_at_a_time() {
    let mut market = null_mut();
    // SAFETY: places are good; the arrays have four elements.
    unsafe {
        assert_eq!(marl_market_new(4, 1, null(), &mut market, null_mut()), Status::Ok);
        for (k, x) in [(0, 20.0), (1, 10.0), (2, 5.0)] {
            std::slice::from_raw_parts_mut(marl_market_data(market, k).cast::<f64>(), 4).fill(x);
        }
    }
    let shared = Shared(market);
    std::thread::scope(|scope| {
        for _ in 0..times(4, 2) {
            scope.spawn(|| {
                for _ in 0..times(3000, 20) {
                    // SAFETY: the handle lives, and nobody touches its arrays now.
                    let price = unsafe { marl_market_clear(shared.get(), 25.0, null_mut()) };
                    assert!(price == 20.0 || price.is_nan());
                }
            });
        }
    });
    // SAFETY: no call is inside any more.
    unsafe { marl_market_free(market) };
}
