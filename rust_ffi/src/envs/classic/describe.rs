//! What a classic control environment says of itself, and what it reads of configurations and of options of a reset.

use super::control::{Choice, Control, Row};
use crate::engine::columns::Dtype;
use crate::engine::config::{kind, Config};
use crate::engine::error::{did_you_mean, Error, Result, Status};
use crate::engine::spec::{Agent, Field, Parameter, Space, Spec};
use crate::simd::Real;
use serde_json::{json, Map, Value};

/// The most steps that a configuration may ask for.
const MOST_STEPS: u64 = u32::MAX as u64 - 1;

/// What a configuration says, whatever the precision.
pub struct Options<G> {
    pub(super) game: G,
    pub(super) max_episode_steps: u32,
    /// Whether the working precision is 64 bits.
    pub wide: bool,
}

impl<G: Control> Options<G> {
    /// Reads a configuration.
    pub fn read(mut config: Config) -> Result<Self> {
        let wide = config.choice("dtype", &["float64", "float32"])? == 0;
        let steps = config.integer("max_episode_steps", 1, MOST_STEPS)?;
        let max_episode_steps = steps.and_then(|n| u32::try_from(n).ok()).unwrap_or(G::TIME_LIMIT);
        let game = G::read(&mut config)?;
        config.finish()?;
        Ok(Options { game, max_episode_steps, wide })
    }
}

pub(super) fn describe<G: Control>(options: &Options<G>, real: Dtype) -> Spec {
    let seen = Space::Box {
        shape: vec![G::OBSERVED.len()],
        dtype: Dtype::Float32,
        low: G::OBSERVED.iter().map(|(_, low, _)| *low).collect(),
        high: G::OBSERVED.iter().map(|(_, _, high)| *high).collect(),
        names: G::OBSERVED.iter().map(|(name, _, _)| (*name).into()).collect(),
    };
    let (action, action_shape, action_dtypes) = match G::ACTION {
        Choice::Discrete(n) => (Space::Discrete { n, dtype: Dtype::Int64 }, vec![], vec![Dtype::Int64, Dtype::Int32]),
        Choice::Box { name, bound } => {
            let (low, high) = (vec![Some(-bound)], vec![Some(bound)]);
            let space = Space::Box { shape: vec![1], dtype: Dtype::Float32, low, high, names: vec![name.into()] };
            (space, vec![1], vec![Dtype::Float32, Dtype::Float64])
        }
    };
    let column = |(name, unit, description): &(&str, &str, &str)| Field {
        name: (*name).into(),
        dtype: real,
        shape: vec![],
        unit: (*unit).into(),
        description: (*description).into(),
        writable: Some(true),
    };
    let shared = [
        ("dtype", "str", json!("float64"), "", "Working precision: float64 as in Gymnasium, or float32."),
        ("max_episode_steps", "int", json!(G::TIME_LIMIT), "steps", "Steps after which an episode is truncated, >= 1."),
    ];
    let parameter = |(name, kind, default, unit, description): Row| Parameter {
        name: name.into(),
        kind: kind.into(),
        default,
        unit: unit.into(),
        description: description.into(),
    };
    let mut config = options.game.settings();
    config.extend(Map::from_iter([
        ("dtype".into(), json!(real)),
        ("max_episode_steps".into(), json!(options.max_episode_steps)),
    ]));
    Spec {
        id: G::ID.into(),
        description: G::DESCRIPTION.into(),
        multi_agent: false,
        dtype: real,
        max_episode_steps: Some(options.max_episode_steps),
        agents: vec![Agent { name: "agent".into(), index: 0, observation: seen, action }],
        observation_shape: vec![G::OBSERVED.len()],
        action_shape,
        action_dtypes,
        reward_dtype: real,
        observation_dtype: Dtype::Float32,
        infos: vec![],
        columns: G::COLUMNS.iter().map(column).collect(),
        parameters: G::parameters().into_iter().chain(shared).map(parameter).collect(),
        config: Value::Object(config),
    }
}

/// The two options of a reset.
pub(super) fn read_options<G: Control, R: Real>(options: &Value) -> Result<[f64; 2]> {
    let mut read = G::OPTIONS.map(|(_, default)| default);
    let keys = match options {
        Value::Null => return Ok(read),
        Value::Object(keys) => keys,
        _ => return Err(Error::new(Status::InvalidConfig, "options: expected a JSON object")),
    };
    for (key, value) in keys {
        let Some(k) = G::OPTIONS.iter().position(|(name, _)| name == key) else {
            let known = G::OPTIONS.iter().map(|(name, _)| *name).chain(["reset_mask"]);
            let hint = did_you_mean(key, known);
            return Err(Error::new(Status::UnknownKey, format!("{key}: no such reset option{hint}")));
        };
        match value.as_f64() {
            Some(x) if R::from_f64(x).is_finite() => read[k] = x,
            _ => {
                let message = format!("reset option {key}: expected a finite number, got {}", kind(value));
                return Err(Error::new(Status::InvalidConfig, message));
            }
        }
    }
    G::check_options(read)?;
    Ok(read)
}
