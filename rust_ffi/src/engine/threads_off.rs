//! Where there are no threads: the same functions as `threads.rs`, all of them on the calling thread.
//!
//! Work is cut by position only, so results are those of any number of threads.

/// Threads to use when the caller does not say.
pub fn default_num_threads() -> usize {
    1
}

/// More threads than this are never used.
pub const MOST_THREADS: usize = 1;

/// Pieces of a thread's share.
pub(crate) const PIECES: usize = 1;

/// How many threads are worth their while.
pub fn threads_for(_num_threads: usize, _items: usize, _nanoseconds: usize) -> usize {
    1
}

/// Runs `work` on every task, one after the other, if `check` holds of all.
pub fn check_then_each<T: Send>(
    _threads: usize,
    tasks: &mut [T],
    check: Option<impl Fn(&T) -> bool + Sync>,
    work: impl Fn(usize, &mut T) + Sync,
) -> bool {
    let fine = check.is_none_or(|check| tasks.iter().all(check));
    if fine {
        for_each(1, tasks, work);
    }
    fine
}

/// Runs `work` on every task, one after the other.
pub fn for_each<T: Send>(_threads: usize, tasks: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
    tasks.iter_mut().for_each(|task| work(0, task));
}
