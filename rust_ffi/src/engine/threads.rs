//! The thread pool: one per process, built at first need, rebuilt after a fork.
//!
//! The calling thread always works too. Work is cut by position only, so results never depend on the number of
//! threads.

use super::columns::try_room;
use arc_swap::ArcSwapOption;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Below so many nanoseconds of estimated work per thread, a second one costs more than it saves: it may have to be
/// woken, and what one thread wrote the other has to fetch. Measured with the cheapest environments: on two threads they
/// gain from a step of 50 microseconds on.
const WORTH_A_THREAD: usize = 25_000;

/// Pieces of a thread's share: enough that a slow thread is helped, few enough that handing them out does not show.
pub(crate) const PIECES: usize = 8;

/// A thread's stack.
const STACK: usize = 2 << 20;

/// What a thread allocates while it starts, and some more. Where that fails, the C library ends the process.
const START: usize = 256 << 10;

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

/// How many threads are worth their while for `items` pieces, which take about `nanoseconds` together on one.
/// `num_threads` 0 means the default.
pub fn threads_for(num_threads: usize, items: usize, nanoseconds: usize) -> usize {
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

/// Runs `work` on every task, on up to `threads` threads, which it is told the number of. Each begins with a share of its
/// own, in order, and then helps those that are slower, or still asleep.
pub fn for_each<T: Send>(threads: usize, tasks: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
    check_then_each(threads, tasks, None::<fn(&T) -> bool>, work);
}

/// Likewise, but only once all tasks are checked and `check` holds of every one; if it does not, false. Both in one call, for
/// to have the helpers come and go takes as long as a check.
pub fn check_then_each<T: Send>(
    threads: usize,
    tasks: &mut [T],
    check: Option<impl Fn(&T) -> bool + Sync>,
    work: impl Fn(usize, &mut T) + Sync,
) -> bool {
    let threads = threads.min(tasks.len());
    let helpers = if threads > 1 { pool(threads - 1) } else { None };
    let (Some(pool), Ok(mut slots)) = (helpers, try_room(tasks.len())) else {
        let fine = check.is_none_or(|check| tasks.iter().all(check));
        if fine {
            tasks.iter_mut().for_each(|task| work(0, task));
        }
        return fine;
    };
    let checks = check.map(|check| (check, Shares::new(tasks.len(), threads)));
    let (unchecked, refused) = (AtomicUsize::new(tasks.len()), AtomicBool::new(false));
    let shares = Shares::new(tasks.len(), threads);
    slots.extend(tasks.iter_mut().map(|task| Mutex::new(Some(task))));
    let slot = |k: usize| slots.get(k).map(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner));
    let run = |own: usize| {
        if let Some((check, shares)) = &checks {
            while let Some(k) = shares.next(own) {
                // Counted even where it panics, or the others would wait for ever.
                let mut checked = Checked { fine: false, refused: &refused, left: &unchecked };
                checked.fine = slot(k).is_some_and(|task| task.as_ref().is_some_and(|task| check(task)));
            }
            wait_awake(&unchecked);
            while unchecked.load(Ordering::Acquire) > 0 {
                std::thread::yield_now();
            }
            if refused.load(Ordering::Relaxed) {
                return;
            }
        }
        while let Some(k) = shares.next(own) {
            if let Some(task) = slot(k).and_then(|mut task| task.take()) {
                work(own, task);
            }
        }
    };
    let call = CALLS.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
    let busy = AtomicUsize::new(threads - 1);
    pool.pool.in_place_scope(|scope| {
        for k in 1..threads {
            let (run, busy) = (&run, &busy);
            scope.spawn(move |_| {
                run(k);
                rayon::spawn(move || stay_awake(call));
                busy.fetch_sub(1, Ordering::Release);
            });
        }
        run(0);
        wait_awake(&busy);
    });
    !refused.into_inner()
}

/// A check under way.
struct Checked<'a> {
    fine: bool,
    refused: &'a AtomicBool,
    left: &'a AtomicUsize,
}

impl Drop for Checked<'_> {
    fn drop(&mut self) {
        if !self.fine {
            self.refused.store(true, Ordering::Relaxed);
        }
        self.left.fetch_sub(1, Ordering::Release);
    }
}

/// What the threads have left to do.
struct Shares(Vec<Share>);

impl Shares {
    fn new(tasks: usize, threads: usize) -> Self {
        Shares((0..threads).map(|k| Share::new(tasks * k / threads, tasks * (k + 1) / threads)).collect())
    }

    /// The next task of thread `own`: of its own share, or of another's.
    fn next(&self, own: usize) -> Option<usize> {
        let share = |k: usize| self.0.get(k % self.0.len());
        let help = || (own + 1..own + self.0.len()).find_map(|k| share(k).and_then(Share::last));
        share(own).and_then(Share::next).or_else(help)
    }
}

/// Tasks of a thread that nobody has begun: from the lower half of the number to below the upper.
struct Share(AtomicU64);

impl Share {
    fn new(first: usize, end: usize) -> Self {
        Share(AtomicU64::new(first as u64 | (end as u64) << 32))
    }

    /// Takes the first one.
    fn next(&self) -> Option<usize> {
        self.take(|first, end| (first, first + 1, end))
    }

    /// Takes the last one.
    fn last(&self) -> Option<usize> {
        self.take(|first, end| (end - 1, first, end - 1))
    }

    /// `choose` makes of the ends of what is left which one to take, and the ends of what is left then.
    fn take(&self, choose: impl Fn(u64, u64) -> (u64, u64, u64)) -> Option<usize> {
        let mut both = self.0.load(Ordering::Relaxed);
        loop {
            let (first, end) = (both & u64::from(u32::MAX), both >> 32);
            if first >= end {
                return None;
            }
            let (taken, first, end) = choose(first, end);
            match self.0.compare_exchange_weak(both, first | end << 32, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some(taken as usize),
                Err(now) => both = now,
            }
        }
    }
}

/// Waits until nothing is left, or for a moment: to sleep and be woken mostly takes longer than what is waited for.
fn wait_awake(left: &AtomicUsize) {
    let start = Instant::now();
    while left.load(Ordering::Acquire) > 0 && start.elapsed() < STAYS_AWAKE {
        for _ in 0..16 {
            std::hint::spin_loop();
        }
    }
}

/// Whether memory has room for so many threads. One by one, as it will be asked for.
fn has_room(workers: usize) -> bool {
    (0..workers).map(|_| try_room::<u8>(STACK + START)).collect::<Result<Vec<_>, _>>().is_ok()
}

/// A pool of this process with at least `workers` threads. None if threads cannot be had.
fn pool(workers: usize) -> Option<Arc<Pool>> {
    let process = std::process::id();
    let current = POOL.load_full();
    if let Some(pool) = current.filter(|pool| pool.process == process && pool.workers >= workers) {
        return Some(pool);
    }
    if !has_room(workers) {
        return None;
    }
    let builder = rayon::ThreadPoolBuilder::new().num_threads(workers).stack_size(STACK);
    let built = builder.thread_name(|k| format!("marl-{k}")).build().ok()?;
    // All have started before this thread takes memory again.
    built.broadcast(|_| ());
    let fresh = Arc::new(Pool { process, workers, pool: built });
    if let Some(old) = POOL.swap(Some(fresh.clone())) {
        if old.process != process {
            // Its threads did not survive the fork and its locks may be held by them: never touch it again.
            std::mem::forget(old);
        }
    }
    Some(fresh)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squares(threads: usize, count: usize, fine: impl Fn(usize) -> bool + Sync) -> (bool, Vec<usize>) {
        let mut tasks: Vec<(usize, usize)> = (0..count).map(|k| (k, 0)).collect();
        let check = |task: &(usize, usize)| fine(task.0);
        let done = check_then_each(threads, &mut tasks, Some(check), |_, task| task.1 += task.0 * task.0);
        (done, tasks.into_iter().map(|task| task.1).collect())
    }

    #[test]
    fn each_task_is_done_once() {
        for threads in [1, 2, 7] {
            for count in [0, 1, 2, 6, 7, 8, 100] {
                let expected = (0..count).map(|k| k * k).collect();
                assert_eq!(squares(threads, count, |_| true), (true, expected), "{threads} {count}");
            }
        }
    }

    #[test]
    fn nothing_is_done_before_all_is_checked() {
        for threads in [1, 2, 7] {
            for offender in [0, 1, 31, 62, 63] {
                let slow = |k: usize| {
                    if k == offender {
                        std::thread::sleep(Duration::from_millis(3));
                    }
                    k != offender
                };
                assert_eq!(squares(threads, 64, slow), (false, vec![0; 64]), "{threads} {offender}");
            }
        }
    }

    #[test]
    fn a_check_that_panics_ends_for_all() {
        for threads in [1, 2, 7] {
            let done = AtomicUsize::new(0);
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let check = |k: &usize| {
                    assert_ne!(*k, 40, "on purpose");
                    true
                };
                check_then_each(threads, &mut (0..64).collect::<Vec<_>>(), Some(check), |_, _| {
                    done.fetch_add(1, Ordering::Relaxed);
                })
            }));
            assert!(outcome.is_err() && done.into_inner() == 0, "{threads}");
        }
    }
}
