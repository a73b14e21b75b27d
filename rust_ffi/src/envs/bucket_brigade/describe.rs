//! The game's self-description.

use super::catalog::FIELDS;
use super::observe::Observer;
use super::options::Options;
use crate::engine::columns::Dtype;
use crate::engine::spec::{Agent, Field, Parameter, Space, Spec};
use serde_json::{json, Value};

const DESCRIPTION: &str = "Agents around a ring of houses choose, night by night, where to go and whether to fight \
fires. Who works pays for it, and all share what is saved.";

/// The specification of the game under `options`.
pub fn spec(options: &Options, observer: &Observer) -> Spec {
    let scenario = &options.scenario;
    let (h, n) = (scenario.num_houses, scenario.num_agents);
    let (mut nvec, mut names) = (vec![h, 2], vec!["house".to_string(), "mode".into()]);
    if options.has_signals {
        nvec.push(2);
        names.push("signal".into());
    }
    if scenario.is_two_phase {
        nvec.push(2);
        names.push("round1_signal".into());
    }
    let agent = |&index: &usize| Agent {
        name: format!("agent_{index}"),
        index,
        observation: observer.space(),
        action: Space::MultiDiscrete { nvec: nvec.clone(), dtype: Dtype::Int64, names: names.clone() },
    };
    let info = |name: &str, dtype, shape: &[usize], unit: &str, description: &str| Field {
        name: name.into(),
        dtype,
        shape: shape.to_vec(),
        unit: unit.into(),
        description: description.into(),
        writable: None,
    };
    Spec {
        id: super::env::ID.into(),
        description: DESCRIPTION.into(),
        multi_agent: true,
        dtype: Dtype::Float32,
        max_episode_steps: scenario.max_nights,
        agents: options.seats.iter().map(agent).collect(),
        observation_shape: vec![observer.width()],
        action_shape: vec![nvec.len()],
        action_dtypes: vec![Dtype::Int64, Dtype::Int32],
        reward_dtype: Dtype::Float32,
        observation_dtype: Dtype::Float32,
        infos: vec![
            info("rewards", Dtype::Float32, &[n], "points", "Rewards of all agents, learned or not."),
            info("actions", Dtype::Uint8, &[n, 3], "", "House, mode and signal of all agents, as they were played."),
            info("num_saved", Dtype::Int32, &[], "houses", "Houses saved tonight that are safe in the morning."),
            info("num_lost", Dtype::Int32, &[], "houses", "Houses ruined tonight."),
            info("num_burning", Dtype::Int32, &[], "houses", "Houses on fire in the morning."),
            info("num_ruined", Dtype::Int32, &[], "houses", "Houses in ruins in the morning."),
        ],
        columns: columns(options, h, n),
        parameters: parameters(),
        config: options.echo(),
    }
}

fn columns(options: &Options, h: usize, n: usize) -> Vec<Field> {
    let column = |name: &str, dtype, shape: &[usize], writable: bool, unit: &str, description: &str| Field {
        name: name.into(),
        dtype,
        shape: shape.to_vec(),
        unit: unit.into(),
        description: description.into(),
        writable: Some(writable),
    };
    let byte = Dtype::Uint8;
    let mut columns = vec![
        column("houses", byte, &[h], true, "", "0 safe, 1 burning, 2 ruined."),
        column("fire_progress", Dtype::Float32, &[h], true, "", "How far each fire is put out, in continuous mode."),
        column("positions", byte, &[n], true, "", "House where each agent went last night."),
        column("signals", byte, &[n], true, "", "What each agent said last night: 0 rest, 1 work."),
        column("round1_signals", byte, &[n], true, "", "What each agent said before it acted, in two-phase mode."),
        column("last_actions", byte, &[n, 3], false, "", "House, mode and signal of each agent last night."),
        column("rewards", Dtype::Float32, &[n], false, "points", "Rewards of last night."),
        column("scores", Dtype::Float32, &[n], false, "points", "Running sums of rewards, rounded night by night."),
    ];
    if options.has_policies() {
        let text = "Generator of the policies' decisions: state and increment, low words first.";
        columns.push(column("decision_rng", Dtype::Uint64, &[4], false, "", text));
    }
    if options.has_strategies() {
        let text = "Strategies of the agents that play one; zeros for the others.";
        columns.push(column("strategies", Dtype::Float64, &[n, 10], true, "", text));
    }
    columns
}

fn parameters() -> Vec<Parameter> {
    let parameter = |name: &str, kind: &str, default: Value, unit: &str, description: &str| Parameter {
        name: name.into(),
        kind: kind.into(),
        default,
        unit: unit.into(),
        description: description.into(),
    };
    let none = Value::Null;
    let mut all = vec![
        parameter("scenario", "str or dict", json!("default"), "", "A named scenario, or its fields. Fields may also be given beside it, and win."),
        parameter("agents", "list", none.clone(), "", "Learned agents, ascending; None for all."),
        parameter("policies", "list", none, "", "What each agent plays that does not learn: a name, ten numbers from 0 to 1 (a strategy), or None for firefighter."),
        parameter("decisions", "str", json!("independent"), "", "Where policies draw from: independent, or original (the game's own numbers once more)."),
        parameter("observation", "str", json!("v1"), "", "Layout of observations: v1, py_flat, py_flat_round1, core_flat or gym_2025_11."),
        parameter("observe_progress", "bool", json!(false), "", "Show how far fires are put out (v1)."),
        parameter("actions", "str", json!("triples"), "", "triples (house, mode, signal) or pairs (house, mode); in two-phase mode a round-1 signal comes last."),
    ];
    all.extend(FIELDS.iter().map(|(name, kind, default, unit, description)| {
        let default = serde_json::from_str(default).unwrap_or(Value::Null);
        parameter(name, kind, default, unit, description)
    }));
    all
}
