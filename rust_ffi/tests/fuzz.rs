//! Replays what fuzzing kept, and variations of it, without a fuzzer: the bodies of its targets are plain functions.
//!
//! `MARL_FFI_FUZZ_CASES` sets the number of variations per target, `MARL_FFI_FUZZ_SEED` the first of them, and
//! `MARL_FFI_FUZZ_TARGET` names the one target to play.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code)]

#[path = "../fuzz/src/brigade.rs"]
mod brigade;
#[path = "../fuzz/src/buffer.rs"]
mod buffer;
#[path = "../fuzz/src/calls.rs"]
mod calls;
#[path = "../fuzz/src/config.rs"]
mod config;
#[path = "../fuzz/src/configs.rs"]
mod configs;
#[path = "../fuzz/src/input.rs"]
mod input;
#[path = "../fuzz/src/market.rs"]
mod market;
#[path = "../fuzz/src/play.rs"]
mod play;
#[path = "../fuzz/src/snapshots.rs"]
mod snapshots;
#[path = "../fuzz/src/steps.rs"]
mod steps;

use input::Numbers;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};

/// Painted elements on either side of outputs.
const GUARD: usize = 8;

/// Counts bytes that are in use.
struct Counting;
static IN_USE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size() as isize, Relaxed);
        // SAFETY: as this function's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size() as isize, Relaxed);
        // SAFETY: as this function's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Most bytes of a varied case.
const MOST: usize = 600;

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let mut all: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect();
    all.sort();
    assert!(!all.is_empty(), "{folder} is empty");
    all
}

/// A case made from one or two of the corpus.
fn vary(corpus: &[(String, Vec<u8>)], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = corpus[numbers.below(corpus.len())].1.clone();
    if numbers.below(3) == 0 {
        let other = &corpus[numbers.below(corpus.len())].1;
        bytes.truncate(numbers.below(bytes.len() + 1));
        bytes.extend_from_slice(&other[numbers.below(other.len() + 1)..]);
    }
    bytes.truncate(MOST);
    for _ in 0..numbers.below(6) {
        let at = numbers.below(bytes.len() + 1);
        match (numbers.below(5), bytes.get_mut(at)) {
            (0, Some(byte)) => *byte ^= 1 << numbers.below(8),
            (1, Some(byte)) => *byte = numbers.bits() as u8,
            (2, Some(_)) => drop(bytes.remove(at)),
            (3, _) => bytes.extend((0..numbers.below(40)).map(|_| numbers.bits() as u8)),
            _ => bytes.insert(at, numbers.bits() as u8),
        }
    }
    bytes
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: expected a number")))
}

/// Tells which case a panic belongs to.
struct Case<'a>(&'a str, &'a [u8]);

impl Drop for Case<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let bytes: String = self.1.iter().map(|byte| format!("{byte:02x}")).collect();
            eprintln!("the case was {}: {bytes}", self.0);
        }
    }
}

fn replay(target: &str, run: fn(&[u8]), cases: u64) {
    if std::env::var("MARL_FFI_FUZZ_TARGET").is_ok_and(|only| only != target) {
        return;
    }
    let mut corpus = corpus(target);
    if cfg!(miri) {
        // A thousand times slower: the shortest ones.
        corpus.sort_by_key(|(_, bytes)| bytes.len());
        corpus.truncate(4);
    }
    let replay_corpus = || {
        for (name, bytes) in &corpus {
            let _case = Case(name, bytes);
            run(bytes);
        }
    };
    replay_corpus();
    let first = setting("MARL_FFI_FUZZ_SEED", 0);
    let mut before = 0;
    let cases = setting("MARL_FFI_FUZZ_CASES", cases);
    for k in 0..cases {
        if k == cases / 2 {
            // By now whatever is kept for later is kept.
            before = IN_USE.load(Relaxed);
        }
        let bytes = vary(&corpus, &mut Numbers(first.wrapping_add(k).wrapping_mul(0xD1B5_4A32_D192_ED03)));
        let name = format!("{target}, variation {k}");
        let _case = Case(&name, &bytes);
        run(&bytes);
    }
    let more = IN_USE.load(Relaxed) - before;
    assert!(more < 32 << 20, "{target}: {more} bytes more in use than after half of the cases");
}

#[test]
fn what_fuzzing_kept_and_variations_of_it() {
    // One after the other: the memory in use is that of all threads.
    replay("config", config::run, 3_000);
    replay("snapshots", snapshots::run, 6_000);
    replay("market", market::run, 20_000);
    replay("brigade", brigade::run, 10_000);
    replay("steps", steps::run, 1_500);
    replay("calls", calls::run, 5_000);
}
