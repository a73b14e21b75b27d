//! The thread pool: one per process, built at first need, rebuilt after a fork.
//!
//! The calling thread always works too. Work is cut by position only, so results never depend on the number of
//! threads.

use arc_swap::ArcSwapOption;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Below so many nanoseconds of estimated work per thread, a second one costs more than it saves: it may have to be
/// woken, and what one thread wrote the other has to fetch. Measured with the cheapest environments in large batches.
const WORTH_A_THREAD: usize = 80_000;

/// How long a worker waits for the next call before it sleeps.
const STAYS_AWAKE: Duration = Duration::from_micros(200);

struct Pool {
    process: u32,
    workers: usize,
    pool: rayon::ThreadPool,
}

/// Swapped without a lock: a lock held by another thread during a fork would stay held in the child forever.
static POOL: ArcSwapOption<Pool> = ArcSwapOption::const_empty();

/// Threads to use when the caller does not say: `MARL_FFI_NUM_THREADS` or what the machine offers.
pub fn default_num_threads() -> usize {
    static DEFAULT: OnceLock<usize> = OnceLock::new();
    *DEFAULT.get_or_init(|| {
        let text = std::env::var("MARL_FFI_NUM_THREADS").unwrap_or_default();
        let digits = text.trim();
        let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        // A number that no machine could count to is one, too.
        let asked = is_number.then(|| digits.parse().unwrap_or(MOST_THREADS));
        let offered = || std::thread::available_parallelism().map_or(1, usize::from);
        asked.filter(|&n| n > 0).unwrap_or_else(offered).min(MOST_THREADS)
    })
}

/// More threads than this are never used.
pub const MOST_THREADS: usize = 1024;

/// How many parts to cut `items` pieces into, which take about `nanoseconds` together on one thread.
/// `num_threads` 0 means the default.
pub fn parts_for(num_threads: usize, items: usize, nanoseconds: usize) -> usize {
    let threads = if num_threads == 0 { default_num_threads() } else { num_threads.min(MOST_THREADS) };
    threads.min(nanoseconds / WORTH_A_THREAD).min(items).max(1)
}

/// Counts the calls that use the pool.
static CALLS: AtomicUsize = AtomicUsize::new(0);

/// Keeps a worker from falling asleep after `call` until the next one, or for a moment: to wake one takes as long as a step of
/// thousands of environments.
fn stay_awake(call: usize) {
    let start = Instant::now();
    while CALLS.load(Ordering::Relaxed) == call && start.elapsed() < STAYS_AWAKE {
        for _ in 0..16 {
            std::hint::spin_loop();
        }
    }
}

/// Runs `work` on every task, each on its own thread where the pool allows it.
pub fn for_each<T: Send>(tasks: &mut [T], work: impl Fn(&mut T) + Sync) {
    let Some((mine, others)) = tasks.split_first_mut() else { return };
    if others.is_empty() {
        return work(mine);
    }
    match pool(others.len()) {
        Some(pool) => {
            let call = CALLS.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            pool.pool.in_place_scope(|scope| {
                for task in others {
                    let work = &work;
                    scope.spawn(move |_| {
                        work(task);
                        rayon::spawn(move || stay_awake(call));
                    });
                }
                work(mine);
            });
        }
        None => {
            work(mine);
            others.iter_mut().for_each(work);
        }
    }
}

/// A pool of this process with at least `workers` threads. None if threads cannot be had.
fn pool(workers: usize) -> Option<Arc<Pool>> {
    let process = std::process::id();
    let current = POOL.load_full();
    if let Some(pool) = current.filter(|pool| pool.process == process && pool.workers >= workers) {
        return Some(pool);
    }
    let built =
        rayon::ThreadPoolBuilder::new().num_threads(workers).thread_name(|k| format!("marl-{k}")).build().ok()?;
    let fresh = Arc::new(Pool { process, workers, pool: built });
    if let Some(old) = POOL.swap(Some(fresh.clone())) {
        if old.process != process {
            // Its threads did not survive the fork and its locks may be held by them: never touch it again.
            std::mem::forget(old);
        }
    }
    Some(fresh)
}
