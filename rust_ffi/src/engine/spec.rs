//! How an environment describes itself: spaces, agents, arrays, parameters. Goes out as JSON.

use super::columns::Dtype;
use serde::Serialize;
use serde_json::Value;

/// A space of observations or actions of one agent.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Space {
    /// Numbers within bounds; None means unbounded.
    Box {
        /// Shape of one element.
        shape: Vec<usize>,
        /// Type of the numbers.
        dtype: Dtype,
        /// Lower bounds, row-major.
        low: Vec<Option<f64>>,
        /// Upper bounds, row-major.
        high: Vec<Option<f64>>,
        /// A name for each number.
        names: Vec<String>,
    },
    /// One of `n` choices, 0 to n-1.
    Discrete {
        /// Number of choices.
        n: usize,
        /// Type of the number.
        dtype: Dtype,
    },
    /// Several choices, each from 0 on.
    #[serde(rename = "multi_discrete")]
    MultiDiscrete {
        /// Number of choices of each.
        nvec: Vec<usize>,
        /// Type of the numbers.
        dtype: Dtype,
        /// A name for each number.
        names: Vec<String>,
    },
}

impl Space {
    /// Elements of one value.
    pub fn len(&self) -> usize {
        match self {
            Space::Box { shape, .. } => shape.iter().product(),
            Space::Discrete { .. } => 1,
            Space::MultiDiscrete { nvec, .. } => nvec.len(),
        }
    }

    /// True if a value has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One agent that learns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agent {
    /// Unique name.
    pub name: String,
    /// Seat in the game; unlearned seats leave gaps.
    pub index: usize,
    /// What it sees.
    pub observation: Space,
    /// What it does.
    pub action: Space,
}

/// An array per environment: an info of the last step or a state column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Field {
    /// Unique name.
    pub name: String,
    /// Type of the elements.
    pub dtype: Dtype,
    /// Shape per environment.
    pub shape: Vec<usize>,
    /// Physical unit.
    pub unit: String,
    /// What it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// For state columns: whether it may be injected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writable: Option<bool>,
}

impl Field {
    /// Elements per environment.
    pub fn width(&self) -> usize {
        self.shape.iter().product()
    }

    /// Bytes per environment.
    pub fn row_bytes(&self) -> usize {
        self.width() * self.dtype.size()
    }
}

/// A configuration key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Parameter {
    /// The key.
    pub name: String,
    /// The type, in words.
    #[serde(rename = "type")]
    pub kind: String,
    /// What holds if the key is absent.
    pub default: Value,
    /// Physical unit, if any.
    pub unit: String,
    /// Meaning and range.
    pub description: String,
}

/// The self-description of an environment under a configuration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spec {
    /// The id, `Name-vN`.
    pub id: String,
    /// One paragraph.
    pub description: String,
    /// Whether arrays have an agent axis.
    pub multi_agent: bool,
    /// Working precision of the rules.
    pub dtype: Dtype,
    /// Steps after which an episode is truncated.
    pub max_episode_steps: Option<u32>,
    /// Agents that learn, in order of the agent axis.
    pub agents: Vec<Agent>,
    /// Shape of one agent's observation; narrower agents are padded with zeros at the end.
    pub observation_shape: Vec<usize>,
    /// Shape of one agent's action.
    pub action_shape: Vec<usize>,
    /// Types in which actions are taken, the space's own first.
    pub action_dtypes: Vec<Dtype>,
    /// Type of rewards.
    pub reward_dtype: Dtype,
    /// Type of observations.
    pub observation_dtype: Dtype,
    /// Arrays that each step reports.
    pub infos: Vec<Field>,
    /// State columns.
    pub columns: Vec<Field>,
    /// Configuration keys.
    pub parameters: Vec<Parameter>,
    /// The configuration in force.
    pub config: Value,
}

impl Spec {
    /// The specification as JSON, with the column that the engine adds to every environment's own.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let mut all = self.clone();
        all.columns.push(Field {
            name: "clock".into(),
            dtype: Dtype::Uint32,
            shape: vec![],
            unit: "steps".into(),
            description: "Steps into the episode.".into(),
            writable: Some(false),
        });
        serde_json::to_vec(&all)
    }

    /// Elements of one agent's observation.
    pub fn observation_len(&self) -> usize {
        self.observation_shape.iter().product()
    }

    /// Elements of one agent's action.
    pub fn action_len(&self) -> usize {
        self.action_shape.iter().product()
    }
}
