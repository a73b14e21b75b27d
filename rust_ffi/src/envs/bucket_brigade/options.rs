//! Everything that shapes an environment: the game, who learns, who plays what, what is seen.

use super::agents::Decisions;
use super::observe::{Layout, LAYOUTS};
use super::policies::Policy;
use super::scenario::Scenario;
use crate::engine::config::{kind, Config};
use crate::engine::error::{Error, Result, Status};
use serde_json::{json, Value};

/// The options of an environment.
pub struct Options {
    /// The game.
    pub scenario: Scenario,
    /// Agents that learn, ascending.
    pub seats: Vec<usize>,
    /// What the others play, by agent; None where one learns.
    pub policies: Vec<Option<Policy>>,
    /// Where their decisions draw from.
    pub decisions: Decisions,
    /// What agents see.
    pub layout: Layout,
    /// Whether they see how far fires are put out, in the layout that can show it.
    pub observe_progress: bool,
    /// Whether an action says a signal of its own; if not, the signal is the mode.
    pub has_signals: bool,
}

fn invalid(message: String) -> Error {
    Error::new(Status::InvalidConfig, message)
}

impl Options {
    /// Reads a configuration.
    pub fn read(mut config: Config) -> Result<Self> {
        let scenario = Scenario::read(&mut config, None)?;
        let seats = read_seats(&mut config, scenario.num_agents)?;
        let policies = read_policies(&mut config, scenario.num_agents, &seats)?;
        let decisions = read_decisions(&mut config)?;
        let (_, layout) = LAYOUTS[config.choice("observation", &LAYOUTS.map(|each| each.0))?];
        let observe_progress = config.boolean("observe_progress", false)?;
        if observe_progress && layout != Layout::V1 {
            return Err(invalid("observe_progress: expected false but with the observation \"v1\", got true".into()));
        }
        let has_signals = config.choice("actions", &["triples", "pairs"])? == 0;
        config.finish()?;
        Ok(Options { scenario, seats, policies, decisions, layout, observe_progress, has_signals })
    }

    /// The configuration in force.
    pub fn echo(&self) -> Value {
        let layout = LAYOUTS.iter().find(|each| each.1 == self.layout).map(|each| each.0);
        json!({
            "scenario": self.scenario.echo,
            "agents": self.seats,
            "policies": self.policies.iter().map(|each| each.map(|policy| policy.echo())).collect::<Vec<_>>(),
            "decisions": Decisions::NAMES[self.decisions as usize],
            "observation": layout,
            "observe_progress": self.observe_progress,
            "actions": if self.has_signals { "triples" } else { "pairs" },
        })
    }

    /// Whether any seat is played by a policy.
    pub fn has_policies(&self) -> bool {
        self.policies.iter().any(Option::is_some)
    }

    /// Whether any seat plays a strategy of the heuristic agent.
    pub fn has_strategies(&self) -> bool {
        self.policies.iter().flatten().any(Policy::has_strategy)
    }
}

fn read_seats(config: &mut Config, agents: usize) -> Result<Vec<usize>> {
    let Some(items) = config.list("agents")? else { return Ok((0..agents).collect()) };
    let mut seats: Vec<usize> = Vec::new();
    for (k, item) in items.iter().enumerate() {
        let seat = item.as_u64().filter(|&i| i < agents as u64).map(|i| i as usize).ok_or_else(|| {
            invalid(format!("agents[{k}]: expected a whole number from 0 to {}, got {}", agents - 1, kind(item)))
        })?;
        if let Some(last) = seats.last().filter(|&&last| last >= seat) {
            return Err(invalid(format!("agents[{k}]: expected agents in ascending order, got {seat} after {last}")));
        }
        seats.push(seat);
    }
    if seats.is_empty() {
        return Err(invalid("agents: expected at least one agent that learns, got none".into()));
    }
    Ok(seats)
}

pub(super) fn read_decisions(config: &mut Config) -> Result<Decisions> {
    Ok(match config.choice("decisions", &["independent", "original"])? {
        0 => Decisions::Independent,
        _ => Decisions::Original,
    })
}

/// What each agent plays that is not in `seats`.
pub(super) fn read_policies(config: &mut Config, agents: usize, seats: &[usize]) -> Result<Vec<Option<Policy>>> {
    let items = config.list("policies")?.unwrap_or_else(|| vec![Value::Null; agents]);
    if items.len() != agents {
        return Err(invalid(format!("policies: expected one for each of {agents} agents, got {}", items.len())));
    }
    let policy = |(i, item): (usize, &Value)| match (seats.binary_search(&i).is_ok(), item.is_null()) {
        (true, true) => Ok(None),
        (true, false) => {
            Err(invalid(format!("policies[{i}]: expected null, for agent {i} learns; got {}", kind(item))))
        }
        (false, true) => Policy::read("policies", &json!("firefighter")).map(Some),
        (false, false) => Policy::read(&format!("policies[{i}]"), item).map(Some),
    };
    items.iter().enumerate().map(policy).collect()
}
