//! Bucket Brigade: the recorded games of the original, and the same bytes on every way to play them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::Batch;
use marl_ffi::engine::actions::Actions;
use marl_ffi::engine::config::Config;
use marl_ffi::engine::error::Status;
use marl_ffi::engine::vec_env::{AnyVecEnv, Autoreset, RawOutputs, ResetRequest, Setup};
use marl_ffi::envs::bucket_brigade::agents::{Decisions, ARCHETYPES};
use marl_ffi::envs::bucket_brigade::catalog::names;
use marl_ffi::envs::bucket_brigade::payoff::{play, Grid};
use marl_ffi::envs::bucket_brigade::scenario::Scenario;
use marl_ffi::envs::{make_vec, spec};
use marl_ffi::simd::Level;
use serde_json::Value;

const ID: &str = "BucketBrigade-v0";

fn vectors() -> Value {
    let text = include_str!("../../tests/golden/bucket_brigade_vectors.json");
    serde_json::from_str(text).unwrap()
}

fn scenario(config: &str, agents: usize) -> Scenario {
    let mut config = Config::parse(config).unwrap();
    let scenario = Scenario::read(&mut config, Some(agents)).unwrap();
    config.finish().unwrap();
    scenario
}

fn strategy(name: &Value) -> [f64; 10] {
    ARCHETYPES.iter().find(|each| *name == each.0).unwrap().1
}

#[test]
fn recorded_episodes() {
    for row in vectors()["core_heuristic_episodes"].as_array().unwrap() {
        let profile: Vec<f64> = row["profile"].as_array().unwrap().iter().flat_map(strategy).collect();
        let agents = profile.len() / 10;
        let played = scenario(&format!(r#"{{"scenario": {}}}"#, row["scenario"]), agents);
        let (mut scores, mut nights) = (vec![0.0; agents], [0]);
        let seeds = [row["seed"].as_u64().unwrap()];
        let decisions = Decisions::Original;
        let grid = Grid { params: &profile, profiles: 1, seeds: &seeds, num_seeds: 1, decisions, num_threads: 1 };
        play(&played, grid, &mut scores, &mut nights).unwrap();
        assert_eq!(serde_json::json!(scores), row["scores"], "{row}");
        assert_eq!(u64::from(nights[0]), row["steps"].as_u64().unwrap());
    }
}

/// One game with actions, its results as 32-bit floats and bytes.
struct Table {
    env: Box<dyn AnyVecEnv>,
    agents: usize,
}

impl Table {
    fn new(config: &str, seed: u64) -> Self {
        let setup = Setup { num_envs: 1, num_threads: 1, autoreset: Autoreset::Disabled, level: Level::current() };
        let mut env = make_vec(ID, config, setup).unwrap();
        let agents = env.spec().agents.len();
        let mut seen = vec![0_f32; agents * env.spec().observation_len()];
        let request = ResetRequest { seeds: Some(&[seed]), ..Default::default() };
        env.reset(request, bytemuck::cast_slice_mut(&mut seen)).unwrap();
        Table { env, agents }
    }

    fn column<T: bytemuck::Pod>(&self, name: &str) -> Vec<T> {
        let mut out = vec![T::zeroed(); self.env.column_bytes(name).unwrap() / size_of::<T>()];
        self.env.column(name, bytemuck::cast_slice_mut(&mut out)).unwrap();
        out
    }

    fn step(&mut self, actions: &[i64]) -> (Vec<f32>, bool) {
        let mut seen = vec![0_f32; self.agents * self.env.spec().observation_len()];
        let mut rewards = vec![0_f32; self.agents];
        let (mut terminations, mut truncations) = ([0], [0]);
        let out = RawOutputs {
            observations: bytemuck::cast_slice_mut(&mut seen),
            rewards: bytemuck::cast_slice_mut(&mut rewards),
            terminations: &mut terminations,
            truncations: &mut truncations,
            ..Default::default()
        };
        self.env.step(Actions::I64(actions), out).unwrap();
        (rewards, terminations[0] == 1)
    }
}

/// The script of the recorded games.
fn scripted(agents: usize, houses: usize, night: usize, seed: usize, two_phase: bool) -> Vec<i64> {
    let of = |i: usize| {
        let mut action = vec![(3 * i + 7 * night + seed) % houses, (i + night) % 2, (i + 2 * night) % 2];
        if two_phase {
            action.push((i + night) % 2);
        }
        action
    };
    (0..agents).flat_map(of).map(|x| x as i64).collect()
}

#[test]
fn recorded_games_and_options() {
    let all = vectors();
    let keys = &all["override_keys"];
    for row in all["core_scripted"].as_array().unwrap().iter().chain(all["core_options"].as_array().unwrap()) {
        let mut config = serde_json::json!({ "scenario": row["scenario"], "num_agents": row["num_agents"] });
        for (key, value) in row["overrides"].as_object().unwrap() {
            config[keys[key].as_str().unwrap_or(key)] = value.clone();
        }
        let two_phase = config["commitment_mode"] == "two_phase";
        let (seed, agents) = (row["seed"].as_u64().unwrap(), row["num_agents"].as_u64().unwrap() as usize);
        let mut game = Table::new(&config.to_string(), seed);
        // Of two houses the record shows fewer.
        let shown = row["initial"].as_array().unwrap().len();
        assert_eq!(serde_json::json!(game.column::<u8>("houses")[..shown]), row["initial"]);
        let mut over = false;
        for (night, houses) in row["houses"].as_array().unwrap().iter().enumerate() {
            let (rewards, ended) = game.step(&scripted(agents, shown, night, seed as usize, two_phase));
            assert_eq!(serde_json::json!(game.column::<u8>("houses")[..shown]), *houses, "night {night} of {row}");
            assert_eq!(serde_json::json!(rewards), row["rewards"][night], "night {night} of {row}");
            over = ended;
        }
        assert_eq!(Value::Bool(over), row["done"], "{row}");
        assert_eq!(serde_json::json!(game.column::<f32>("scores")), row["scores"], "{row}");
    }
}

const CONFIGS: &[&str] = &[
    r#"{"scenario": "hard", "max_nights": 23, "observation": "py_flat"}"#,
    r#"{"scenario": "hard", "agents": [1, 3], "policies": ["random_strategy", null, "uniform", null]}"#,
    r#"{"scenario": "default_continuous", "agents": [4], "num_agents": 9, "observe_progress": true, "decisions":
        "original", "policies": ["liar", "random", "rest", "specialist", null, "chain_reaction_coordinator",
        "greedy_neighbor", "early_containment", "sparse_hero"], "min_nights": 3, "prob_house_catches_fire": 0.3}"#,
    r#"{"num_houses": 100, "num_agents": 20, "commitment_mode": "two_phase", "min_nights": 2, "phase_order":
        "spread_first", "termination": "no_fire", "actions": "pairs", "observation": "core_flat"}"#,
];
const MOST_ENVS: usize = 21;

#[test]
fn threads_batches_and_snapshots_change_nothing() {
    for config in CONFIGS {
        for autoreset in [Autoreset::NextStep, Autoreset::SameStep] {
            let play = |num_envs, num_threads, level| {
                let setup = Setup { num_envs, num_threads, autoreset, level };
                let mut batch = Batch::of(ID, config, setup);
                let first = batch.seed(5);
                let before = batch.rollout(30).unwrap();
                let snapshot = batch.env.snapshot().unwrap();
                let after = batch.rollout(30).unwrap();
                let mut other = Batch::of(ID, config, Setup { num_threads: 3, ..setup });
                other.env.restore(&snapshot).unwrap();
                after.assert_same(&other.rollout(30).unwrap(), config);
                (first, before, after)
            };
            let all = play(MOST_ENVS, 1, Level::SCALAR);
            for num_envs in [1, 2, 16, 17, MOST_ENVS] {
                for num_threads in [1, 2, 7] {
                    let got = play(num_envs, num_threads, Level::current());
                    assert!(got.0 == all.0[..all.0.len() / MOST_ENVS * num_envs]);
                    all.1.of_first(num_envs).assert_same(&got.1, config);
                    all.2.of_first(num_envs).assert_same(&got.2, config);
                }
            }
        }
    }
}

#[test]
fn unusual_configurations_are_refused_with_their_place() {
    let cases = [
        (r#"{"scenario": "hrd"}"#, Status::UnknownId, "did you mean \"hard\""),
        (r#"{"scenario": 3}"#, Status::InvalidConfig, "a name or an object"),
        (r#"{"scenario": {"min_nights": 3}}"#, Status::InvalidConfig, "required"),
        (r#"{"num_house": 3}"#, Status::UnknownKey, "num_houses"),
        (r#"{"scenario": {"num_house": 3}}"#, Status::InvalidConfig, "required"),
        (r#"{"num_houses": 1}"#, Status::InvalidConfig, "from 2 to 255"),
        (r#"{"num_houses": 256}"#, Status::InvalidConfig, "from 2 to 255"),
        (r#"{"num_agents": 0}"#, Status::InvalidConfig, "from 1 to 255"),
        (r#"{"prob_house_catches_fire": 1.5}"#, Status::InvalidConfig, "from 0 to 1"),
        (r#"{"prob_house_catches_fire": "NaN"}"#, Status::InvalidConfig, "from 0 to 1"),
        (r#"{"team_reward_house_survives": 1e39}"#, Status::InvalidConfig, "finite"),
        (r#"{"penalty_own_house_burns": -1}"#, Status::InvalidConfig, "at least 0"),
        (r#"{"reward_own_house_survives": [1, 2, 3]}"#, Status::InvalidConfig, "4 numbers"),
        (r#"{"agent_home_positions": [1, 2]}"#, Status::InvalidConfig, "4 houses"),
        (r#"{"agent_home_positions": [1, 2, 3, 10]}"#, Status::InvalidConfig, "[3]: expected a house from 0 to 9"),
        (r#"{"extinguish_mode": "bernouli"}"#, Status::InvalidConfig, "did you mean \"bernoulli\""),
        (r#"{"max_nights": 0}"#, Status::InvalidConfig, "max_nights"),
        (r#"{"agents": [1, 1]}"#, Status::InvalidConfig, "ascending"),
        (r#"{"agents": []}"#, Status::InvalidConfig, "at least one"),
        (r#"{"agents": [4]}"#, Status::InvalidConfig, "from 0 to 3"),
        (r#"{"agents": [0], "policies": [null, "hiro", null, null]}"#, Status::InvalidConfig, "did you mean \"hero\""),
        (r#"{"agents": [0], "policies": [null, [0.5], null, null]}"#, Status::InvalidConfig, "10 numbers"),
        (
            r#"{"agents": [0], "policies": [null, [0,0,0,0,0,0,0,0,0,2], null, null]}"#,
            Status::InvalidConfig,
            "policies[1][9] (altruism)",
        ),
        (r#"{"policies": ["hero", null, null, null]}"#, Status::InvalidConfig, "agent 0 learns"),
        (r#"{"observation": "v2"}"#, Status::InvalidConfig, "v1"),
        (r#"{"observation": "py_flat", "observe_progress": true}"#, Status::InvalidConfig, "observe_progress"),
    ];
    for (config, status, words) in cases {
        let error = spec(ID, config).unwrap_err();
        assert_eq!(error.status, status, "{config}: {error}");
        assert!(error.message.contains(words), "{config}: {error}");
    }
    for name in names() {
        spec(ID, &format!(r#"{{"scenario": "{name}"}}"#)).unwrap();
    }
}
