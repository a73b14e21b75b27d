//! The specification of an environment from outside: JSON in, checked, and everything that was left out filled in.

use super::invalid;
use super::settings::{Resolved, Settings};
use super::spaces::{elements, space, Sentence, MOST_ELEMENTS};
use crate::engine::columns::Dtype;
use crate::engine::error::{Error, Result, Status};
use crate::engine::spec::{Agent, Field, Parameter, Space, Spec};
use crate::engine::vec_env::MOST_INFOS;
use serde::Deserialize;
use serde_json::{json, Map, Value};

/// Most state columns.
pub(crate) const MOST_COLUMNS: usize = 32;
/// Name of the column of private memory.
const PRIVATE: &str = "memory";
const MOST_AGENTS: usize = 1 << 12;

/// What a plug-in says of itself.
pub struct Description {
    /// For everybody. A column of private memory comes last, if there is any.
    pub spec: Spec,
    /// Of the values of each declared column.
    pub bounds: Vec<Bounds>,
    /// Private bytes per environment.
    pub state_size: usize,
    /// Whether actions out of range are the plug-in's to clip.
    pub clips_actions: bool,
    /// A rough time of a step of one environment.
    pub nanoseconds_per_step: usize,
}

/// Lowest and highest value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds(pub f64, pub f64);

impl Bounds {
    /// Whether there are any.
    pub fn are_any(&self) -> bool {
        self.0.is_finite() || self.1.is_finite()
    }

    /// An error unless `value` is finite and within.
    pub fn check(&self, value: f64) -> Result<()> {
        if value.is_finite() && self.0 <= value && value <= self.1 {
            return Ok(());
        }
        let expected = if self.are_any() { format!(" from {} to {}", self.0, self.1) } else { String::new() };
        Err(Error::new(Status::InvalidState, format!("expected a finite number{expected}, got {value:?}")))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    #[serde(default)]
    description: String,
    agents: Option<Vec<Value>>,
    observation: Option<Value>,
    action: Option<Value>,
    max_episode_steps: Option<u32>,
    #[serde(default = "single")]
    reward_dtype: Dtype,
    #[serde(default)]
    infos: Vec<ToldField>,
    #[serde(default)]
    columns: Vec<ToldField>,
    state_size: Option<usize>,
    #[serde(default)]
    clips_actions: bool,
    #[serde(default = "some_nanoseconds")]
    nanoseconds_per_step: usize,
    // Read apart, as settings.
    #[serde(rename = "parameters")]
    _parameters: Option<Value>,
    #[serde(rename = "options")]
    _options: Option<Value>,
}

fn single() -> Dtype {
    Dtype::Float32
}

fn some_nanoseconds() -> usize {
    50
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToldAgent {
    name: String,
    observation: Option<Value>,
    action: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToldField {
    name: String,
    dtype: Dtype,
    #[serde(default)]
    shape: Vec<usize>,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    description: String,
    writable: Option<bool>,
    low: Option<f64>,
    high: Option<f64>,
}

/// What the engine itself takes as settings.
fn own_parameters(time_limit: Option<u32>) -> [Parameter; 2] {
    let parameter = |name: &str, kind: &str, default, unit: &str, description: &str| Parameter {
        name: name.into(),
        kind: kind.into(),
        default,
        unit: unit.into(),
        description: description.into(),
    };
    let limit = "Steps after which an episode is truncated, >= 1.";
    let checked =
        "Watch the plug-in: guards around its memory, every call made twice, values against the spaces. Slow.";
    [
        parameter("max_episode_steps", "int", json!(time_limit), "steps", limit),
        parameter("checked", "bool", json!(false), "", checked),
    ]
}

impl Description {
    /// Reads the specification `map` of `id` under `resolved` settings. `state_size` holds where the specification
    /// does not tell another one, `time_limit` is the caller's wish.
    pub fn read(
        id: &str,
        map: &Map<String, Value>,
        settings: &Settings,
        resolved: &Resolved,
        state_size: usize,
        time_limit: Option<u32>,
    ) -> Result<Self> {
        let told = Told::deserialize(Value::Object(map.clone())).map_err(|e| e.to_string());
        told.and_then(|told| describe(id, told, settings, resolved, state_size, time_limit))
            .map_err(|message| invalid(format!("{id}: specification: {message}")))
    }
}

fn describe(
    id: &str,
    told: Told,
    settings: &Settings,
    resolved: &Resolved,
    state_size: usize,
    time_limit: Option<u32>,
) -> Sentence<Description> {
    let multi_agent = told.agents.is_some();
    let agents = read_agents(told.agents, told.observation, told.action)?;
    let (observation_shape, observation_dtype) = observations(&agents)?;
    let (action_shape, action_dtypes) = actions(&agents)?;
    if !matches!(told.reward_dtype, Dtype::Float32 | Dtype::Float64) {
        return Err(format!("reward_dtype: expected float32 or float64, got {}", told.reward_dtype.name()));
    }
    if told.max_episode_steps == Some(0) {
        return Err("max_episode_steps: expected at least 1, got 0".into());
    }
    let (infos, _) = fields("infos", told.infos, MOST_INFOS, None)?;
    let (mut columns, bounds) = fields("columns", told.columns, MOST_COLUMNS, Some(true))?;
    let state_size = told.state_size.unwrap_or(state_size);
    if state_size > MOST_ELEMENTS {
        return Err(format!("state_size: expected at most {MOST_ELEMENTS}, got {state_size}"));
    }
    if state_size > 0 {
        columns.push(Field {
            name: PRIVATE.into(),
            dtype: Dtype::Uint8,
            shape: vec![state_size],
            unit: String::new(),
            description: "The plug-in's own bytes.".into(),
            writable: Some(false),
        });
    }
    let max_episode_steps = time_limit.or(told.max_episode_steps);
    let mut config = resolved.values.clone();
    config.insert("max_episode_steps".into(), json!(max_episode_steps));
    let spec = Spec {
        id: id.into(),
        description: told.description,
        multi_agent,
        dtype: told.reward_dtype,
        max_episode_steps,
        agents,
        observation_shape,
        action_shape,
        action_dtypes,
        reward_dtype: told.reward_dtype,
        observation_dtype,
        infos,
        columns,
        parameters: settings.parameters().into_iter().chain(own_parameters(told.max_episode_steps)).collect(),
        config: Value::Object(config),
    };
    let clips_actions = told.clips_actions && matches!(spec.agents.first(), Some(a) if is_box(&a.action));
    let nanoseconds_per_step = told.nanoseconds_per_step.clamp(1, 1 << 30);
    Ok(Description { spec, bounds, state_size, clips_actions, nanoseconds_per_step })
}

fn is_box(space: &Space) -> bool {
    matches!(space, Space::Box { .. })
}

fn read_agents(told: Option<Vec<Value>>, seen: Option<Value>, done: Option<Value>) -> Sentence<Vec<Agent>> {
    let told = told.unwrap_or_else(|| vec![json!("agent")]);
    if told.is_empty() || told.len() > MOST_AGENTS {
        return Err(format!("agents: expected 1 to {MOST_AGENTS}, got {}", told.len()));
    }
    let mut agents: Vec<Agent> = Vec::new();
    for (index, item) in told.into_iter().enumerate() {
        let agent = match item {
            Value::String(name) => ToldAgent { name, observation: None, action: None },
            other => ToldAgent::deserialize(other).map_err(|e| format!("agents[{index}]: {e}"))?,
        };
        let name = agent.name;
        if name.is_empty() || agents.iter().any(|other| other.name == name) {
            return Err(format!("agents[{index}]: the name {name:?} is taken"));
        }
        let space = |what: &str, own: Option<Value>, shared: &Option<Value>| {
            let value = own.or_else(|| shared.clone()).ok_or_else(|| format!("{name}: no {what} space is given"))?;
            space(value).map_err(|message| format!("{name}: {what}: {message}"))
        };
        let (observation, action) =
            (space("observation", agent.observation, &seen)?, space("action", agent.action, &done)?);
        agents.push(Agent { name: name.clone(), index, observation, action });
    }
    Ok(agents)
}

/// Shape and type of the widest observation.
fn observations(agents: &[Agent]) -> Sentence<(Vec<usize>, Dtype)> {
    let mut found: Option<(Vec<usize>, Dtype)> = None;
    for agent in agents {
        let Space::Box { shape, dtype, .. } = &agent.observation else {
            return Err(format!("{}: observation: expected a box", agent.name));
        };
        match &mut found {
            None => found = Some((shape.clone(), *dtype)),
            Some((widest, same)) => {
                if same != dtype {
                    return Err(format!("{}: observation: expected {}, as before", agent.name, same.name()));
                }
                match (widest.as_mut_slice(), shape.as_slice()) {
                    ([widest], [width]) => *widest = (*widest).max(*width),
                    (widest, shape) if widest == shape => {}
                    (widest, shape) => {
                        return Err(format!("{}: observation: shape {shape:?} and {widest:?} before", agent.name))
                    }
                }
            }
        }
    }
    let (shape, dtype) = found.ok_or("agents: expected at least 1")?;
    if !matches!(dtype, Dtype::Float32 | Dtype::Float64 | Dtype::Uint8) {
        return Err(format!("observation: expected float32, float64 or uint8, got {}", dtype.name()));
    }
    if agents.len().saturating_mul(elements(&shape)?) > MOST_ELEMENTS {
        return Err(format!("observation: more than {MOST_ELEMENTS} elements of all agents"));
    }
    Ok((shape, dtype))
}

/// Shape of an action, and the types in which it is taken.
fn actions(agents: &[Agent]) -> Sentence<(Vec<usize>, Vec<Dtype>)> {
    let Some(first) = agents.first() else { return Err("agents: expected at least 1".into()) };
    let shape_of = |space: &Space| match space {
        Space::Box { shape, .. } => shape.clone(),
        Space::Discrete { .. } => vec![],
        Space::MultiDiscrete { nvec, .. } => vec![nvec.len()],
    };
    let shape = shape_of(&first.action);
    for agent in agents {
        let alike = std::mem::discriminant(&agent.action) == std::mem::discriminant(&first.action);
        if !alike || shape_of(&agent.action) != shape {
            return Err(format!("{}: action: expected the same kind and shape as before", agent.name));
        }
        if let Space::Box { dtype, low, high, .. } = &agent.action {
            if !matches!(dtype, Dtype::Float32 | Dtype::Float64) {
                return Err(format!("{}: action: expected float32 or float64, got {}", agent.name, dtype.name()));
            }
            let is_finite = |x: &Option<f64>| x.is_some_and(|x| x.abs() < f64::from(f32::MAX) / 2.0);
            if !low.iter().chain(high).all(is_finite) {
                return Err(format!("{}: action: expected bounds to both sides of every number", agent.name));
            }
        }
    }
    let dtypes = match &first.action {
        Space::Box { dtype: Dtype::Float64, .. } => vec![Dtype::Float64, Dtype::Float32],
        Space::Box { .. } => vec![Dtype::Float32, Dtype::Float64],
        _ => vec![Dtype::Int64, Dtype::Int32],
    };
    if let Some(other) = agents.iter().find(|agent| match (&agent.action, &first.action) {
        (Space::Box { dtype, .. }, Space::Box { dtype: first, .. }) => dtype != first,
        _ => false,
    }) {
        return Err(format!("{}: action: expected the same dtype as before", other.name));
    }
    Ok((shape, dtypes))
}

fn fields(key: &str, told: Vec<ToldField>, most: usize, writable: Option<bool>) -> Sentence<(Vec<Field>, Vec<Bounds>)> {
    if told.len() > most {
        return Err(format!("{key}: expected at most {most}, got {}", told.len()));
    }
    let (mut fields, mut bounds): (Vec<Field>, Vec<Bounds>) = (Vec::new(), Vec::new());
    for told in told {
        let name = told.name;
        let wrong = |message: String| format!("{key}: {name:?}: {message}");
        let taken = name == "clock" || name == PRIVATE || fields.iter().any(|field| field.name == name);
        if name.is_empty() || taken {
            return Err(wrong("the name is taken".into()));
        }
        elements(&told.shape).map_err(wrong)?;
        let (low, high) = (told.low.unwrap_or(f64::NEG_INFINITY), told.high.unwrap_or(f64::INFINITY));
        if writable.is_none() && (told.low.is_some() || told.high.is_some() || told.writable.is_some()) {
            return Err(wrong("low, high and writable are for columns".into()));
        }
        if low > high {
            return Err(wrong(format!("low: expected at most {high}, got {low}")));
        }
        bounds.push(Bounds(low, high));
        fields.push(Field {
            name,
            dtype: told.dtype,
            shape: told.shape,
            unit: told.unit,
            description: told.description,
            writable: writable.map(|default| told.writable.unwrap_or(default)),
        });
    }
    Ok((fields, bounds))
}
