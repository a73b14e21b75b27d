//! The same bytes on every instruction set, any number of threads and any batch size; and from any snapshot.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{some_actions, Batch};
use marl_ffi::engine::vec_env::Autoreset;
use marl_ffi::simd::Level;

/// Configurations that walk every path of the market.
const CONFIGS: &[&str] = &[
    "{}",
    r#"{"observer": "simple_v3", "dtype": "float64", "demand_noise": "every_reset"}"#,
    r#"{"observer": "basic", "history": true, "max_episode_steps": 7, "loss_of_load": "robust", "price_cap": 31.5}"#,
    r#"{"agents": [1, 3], "policies": [[0.1, 0.3], null, null, null, [0.2, -0.4]], "scarcity_price":
        "highest_dispatched_bid", "tie_rule": "pro_rata", "observer": "simple_v2"}"#,
    r#"{"params": {"N_generators": 3, "T": 6, "demand_profile": [75, 120, 160, 90, 60, 100], "capacities":
        [50, 50, 50], "costs": [20, 20, 40], "bess": {"power_mw": 25, "duration_h": 4, "efficiency_rt": 0.9,
        "initial_soc_frac": 0.5, "bid_ref": 30}}, "observer": "simple_v3"}"#,
    r#"{"params": {"N_generators": 3, "T": 6, "demand_profile": [75, 120, 160, 90, 60, 100], "capacities":
        [50, 50, 50], "costs": [20, 20, 40], "day_ahead": true, "bess": {"power_mw": 25, "duration_h": 4,
        "efficiency_rt": 0.9, "initial_soc_frac": 0.5, "bid_ref": 30}}}"#,
];

const MOST_ENVS: usize = 33;
const STEPS: usize = 9;

fn rolled(
    config: &str,
    envs: usize,
    threads: usize,
    mode: Autoreset,
    level: Level,
) -> (Vec<u8>, common::Played, Vec<u8>) {
    let mut batch = Batch::new(config, envs, threads, mode, level);
    let first = batch.seed(11);
    let played = batch.rollout(STEPS).unwrap();
    (first, played, batch.env.snapshot().unwrap())
}

#[test]
fn every_level_thread_count_and_batch_size_gives_the_same_bytes() {
    let levels = Level::supported();
    assert!(levels.contains(&Level::SCALAR));
    for config in CONFIGS {
        for mode in [Autoreset::NextStep, Autoreset::SameStep] {
            let (first, reference, _) = rolled(config, MOST_ENVS, 1, mode, Level::SCALAR);
            for envs in 1..=MOST_ENVS {
                let (_, _, snapshot) = rolled(config, envs, 1, mode, Level::SCALAR);
                for &level in &levels {
                    for threads in [1, 2, 7] {
                        let context = format!("{envs} envs, {threads} threads, {}, {config}", level.name());
                        let got = rolled(config, envs, threads, mode, level);
                        assert!(got.0 == first[..first.len() / MOST_ENVS * envs], "first observations: {context}");
                        reference.of_first(envs).assert_same(&got.1, &context);
                        assert!(got.2 == snapshot, "snapshots: {context}");
                    }
                }
            }
        }
    }
}

#[test]
fn environments_and_seeds_do_differ() {
    // Or else all of the above would hold for an engine that always answers the same.
    for config in CONFIGS {
        let (first, played, snapshot) = rolled(config, 2, 1, Autoreset::SameStep, Level::SCALAR);
        let rewards = &played.arrays[1];
        let half = rewards.len() / STEPS / 2;
        assert!(rewards[..half] != rewards[half..2 * half], "{config}");
        let mut other = Batch::new(config, 2, 1, Autoreset::SameStep, Level::SCALAR);
        assert!(other.seed(500) != first || config.contains("basic"), "{config}");
        other.rollout(STEPS).unwrap();
        assert!(other.env.snapshot().unwrap() != snapshot, "{config}");
    }
}

#[test]
fn work_on_several_threads_gives_the_same_bytes() {
    // Batches large enough that threads really start.
    for config in [CONFIGS[0], CONFIGS[1]] {
        let reference = rolled(config, 1500, 1, Autoreset::SameStep, Level::detect());
        for threads in [2, 3, 7] {
            let got = rolled(config, 1500, threads, Autoreset::SameStep, Level::detect());
            assert!(got.0 == reference.0 && got.2 == reference.2);
            reference.1.assert_same(&got.1, &format!("{threads} threads, {config}"));
        }
    }
}

#[test]
fn single_steps_with_infos_agree_too() {
    for config in &CONFIGS[..4] {
        for mode in [Autoreset::NextStep, Autoreset::SameStep] {
            let mut all: Vec<(String, Batch)> = Level::supported()
                .into_iter()
                .flat_map(|level| [1, 2, 7].map(|threads| (level, threads)))
                .map(|(level, threads)| {
                    (format!("{}, {threads}", level.name()), Batch::new(config, 19, threads, mode, level))
                })
                .collect();
            for (_, batch) in &mut all {
                batch.seed(3);
            }
            let mut ends = 0;
            for step in 0..30 {
                let actions = some_actions(step, 19 * all[0].1.action_width());
                let reference = all[0].1.step(&actions).unwrap();
                let observed = all[0].1.observe();
                assert!(mode == Autoreset::SameStep || observed == reference.arrays[0]);
                ends += reference.ends();
                for (name, batch) in &mut all[1..] {
                    batch.step(&actions).unwrap().assert_same(&reference, &format!("step {step}, {name}, {config}"));
                    assert!(batch.observe() == observed);
                }
            }
            assert!(ends >= 19, "no episode ended: {config}");
        }
    }
}

#[test]
fn a_rollout_is_its_steps() {
    for config in &CONFIGS[..4] {
        for mode in [Autoreset::NextStep, Autoreset::SameStep] {
            let mut rolling = Batch::new(config, 5, 1, mode, Level::detect());
            let mut stepping = Batch::new(config, 5, 1, mode, Level::detect());
            rolling.seed(1);
            stepping.seed(1);
            let width = 5 * rolling.action_width();
            let actions = some_actions(77, 30 * width);
            let rolled = rolling.replay(30, &actions).unwrap();
            assert!(rolled.ends() >= 5);
            for step in 0..30 {
                let stepped = stepping.step(&actions[step * width..(step + 1) * width]).unwrap();
                for k in [0, 1, 2, 3, 5, 6, 7] {
                    let row = rolled.arrays[k].len() / 30;
                    let part = &rolled.arrays[k][step * row..(step + 1) * row];
                    assert!(part == stepped.arrays[k], "{} of step {step}, {config}", common::NAMES[k]);
                }
            }
            assert!(rolling.env.snapshot().unwrap() == stepping.env.snapshot().unwrap());
        }
    }
}

#[test]
fn a_snapshot_goes_on_as_if_nothing_had_happened() {
    for config in CONFIGS {
        for &level in &Level::supported() {
            let mut saved = Batch::new(config, 21, 7, Autoreset::NextStep, level);
            saved.seed(5);
            saved.rollout(4).unwrap();
            let snapshot = saved.env.snapshot().unwrap();
            let ahead = saved.rollout(12).unwrap();
            let mut fresh = Batch::new(config, 21, 1, Autoreset::NextStep, Level::SCALAR);
            fresh.env.restore(&snapshot).unwrap();
            assert!(fresh.env.snapshot().unwrap() == snapshot);
            fresh.rollout(12).unwrap().assert_same(&ahead, config);
            assert!(fresh.env.snapshot().unwrap() == saved.env.snapshot().unwrap());
            saved.env.restore(&snapshot).unwrap();
            saved.rollout(12).unwrap().assert_same(&ahead, config);
        }
    }
}

#[test]
fn a_snapshot_of_another_batch_is_refused() {
    let mut batch = Batch::new(CONFIGS[0], 4, 1, Autoreset::NextStep, Level::detect());
    batch.seed(1);
    let own = batch.env.snapshot().unwrap();
    for (config, envs) in [(CONFIGS[0], 5), (CONFIGS[1], 4), (CONFIGS[2], 4)] {
        let mut other = Batch::new(config, envs, 1, Autoreset::NextStep, Level::detect());
        other.seed(1);
        let refused = batch.env.restore(&other.env.snapshot().unwrap()).unwrap_err();
        assert_eq!(refused.status.name(), "snapshot_invalid");
        assert!(batch.env.snapshot().unwrap() == own);
    }
}
