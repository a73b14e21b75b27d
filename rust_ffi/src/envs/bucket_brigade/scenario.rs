//! The numbers and options of a game, read from JSON and checked.

use super::catalog::{named, FIELDS};
use crate::engine::config::{kind, Config};
use crate::engine::error::{Error, Result, Status};
use serde_json::{Map, Value};

/// Most houses and most agents of a game.
pub(crate) const MOST: usize = 255;
/// Most nights that a scenario may ask for.
pub(crate) const MOST_NIGHTS: u32 = u32::MAX - 1;
/// Nights after which an episode ends if nobody says otherwise.
pub(crate) const DEFAULT_MAX_NIGHTS: u32 = 100;

/// When a game is over, once the least number of nights has been played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Termination {
    /// All houses are safe, or all are ruined.
    AllSafeOrRuined,
    /// No house burns.
    NoFire,
}

/// What comes first after the fires were fought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhaseOrder {
    /// What burns is ruined, and so never spreads.
    BurnOutFirst,
    /// Fires spread; then all that burns is ruined, what was just lit included.
    SpreadFirst,
}

/// One number per agent, and whether it was given as one for all.
#[derive(Clone, Debug, PartialEq)]
pub struct PerAgent {
    /// A number for every agent.
    pub values: Vec<f64>,
    /// Whether one number was given for all.
    pub is_shared: bool,
}

/// Everything that decides a game but the seed and the actions. Numbers are rounded to 32 bits once.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // each field is described in `FIELDS`
pub struct Scenario {
    pub num_agents: usize,
    pub num_houses: usize,
    pub prob_fire_spreads_to_neighbor: f32,
    pub prob_solo_agent_extinguishes_fire: f32,
    pub prob_house_catches_fire: f32,
    pub team_reward_house_survives: f32,
    pub team_penalty_house_burns: f32,
    pub reward_own_house_survives: PerAgent,
    pub reward_other_house_survives: PerAgent,
    pub penalty_own_house_burns: PerAgent,
    pub penalty_other_house_burns: PerAgent,
    pub cost_to_work_one_night: f32,
    pub min_nights: u32,
    pub reward_rest: f32,
    pub agent_home_positions: Vec<u8>,
    pub distance_cost_alpha: f32,
    pub action_shaping_alpha: f32,
    pub action_shaping_beta: f32,
    pub progress_shaping_coef: f32,
    pub team_welfare_lambda: f32,
    pub team_welfare_gamma: f32,
    pub has_team_welfare: bool,
    pub adjacent_only: bool,
    pub is_continuous: bool,
    pub suppression_per_worker: f32,
    pub is_two_phase: bool,
    pub max_nights: Option<u32>,
    pub termination: Termination,
    pub phase_order: PhaseOrder,
    /// The fields as they were read, defaults filled in.
    pub echo: Value,
}

fn invalid(message: String) -> Error {
    Error::new(Status::InvalidConfig, message)
}

impl PerAgent {
    /// The numbers as the game computes with them.
    pub fn rounded(&self) -> Vec<f32> {
        self.values.iter().map(|x| *x as f32).collect()
    }
}

impl Scenario {
    /// Reads the key `scenario` (a name or an object of fields; absent: "default") and, beside it, any fields, which
    /// win. `num_agents` is the caller's number, if it has one.
    pub fn read(config: &mut Config, num_agents: Option<usize>) -> Result<Self> {
        let mut fields = match config.raw("scenario") {
            None | Some(Value::Null) => named("default")?,
            Some(Value::String(name)) => named(&name)?,
            Some(Value::Object(fields)) => fields,
            Some(other) => {
                return Err(invalid(format!("scenario: expected a name or an object, got {}", kind(&other))))
            }
        };
        for (name, ..) in FIELDS {
            if let Some(value) = config.raw(name) {
                fields.insert(name.into(), value);
            }
        }
        if let Some(n) = num_agents {
            fields.insert("num_agents".into(), n.into());
        }
        let echo = echo_of(&fields);
        let no_limit = fields.get("max_nights").is_some_and(Value::is_null);
        let mut fields = Config::of_object(fields, "scenario.");
        let mut scenario = Self::read_fields(&mut fields, echo)?;
        if no_limit {
            scenario.max_nights = None;
        }
        fields.finish()?;
        Ok(scenario)
    }

    fn read_fields(from: &mut Config, echo: Value) -> Result<Self> {
        let count = |from: &mut Config, key, least, default| {
            from.integer(key, least, MOST as u64).map(|n| n.unwrap_or(default) as usize)
        };
        let n = count(from, "num_agents", 1, 4)?;
        let h = count(from, "num_houses", 2, 10)?;
        let min_nights = from
            .integer("min_nights", 0, u64::from(MOST_NIGHTS))?
            .ok_or_else(|| invalid("scenario.min_nights: required, but not given".into()))?;
        let max_nights = from.integer("max_nights", 1, u64::from(MOST_NIGHTS))?;
        from.choice("distance_metric", &["ring_arc"])?;
        Ok(Scenario {
            num_agents: n,
            num_houses: h,
            prob_fire_spreads_to_neighbor: required(from, "prob_fire_spreads_to_neighbor", Range::Unit)?,
            prob_solo_agent_extinguishes_fire: required(from, "prob_solo_agent_extinguishes_fire", Range::Unit)?,
            prob_house_catches_fire: required(from, "prob_house_catches_fire", Range::Unit)?,
            team_reward_house_survives: required(from, "team_reward_house_survives", Range::Any)?,
            team_penalty_house_burns: required(from, "team_penalty_house_burns", Range::NotNegative)?,
            reward_own_house_survives: per_agent(from, "reward_own_house_survives", n, Range::Any)?,
            reward_other_house_survives: per_agent(from, "reward_other_house_survives", n, Range::Any)?,
            penalty_own_house_burns: per_agent(from, "penalty_own_house_burns", n, Range::NotNegative)?,
            penalty_other_house_burns: per_agent(from, "penalty_other_house_burns", n, Range::NotNegative)?,
            cost_to_work_one_night: required(from, "cost_to_work_one_night", Range::NotNegative)?,
            min_nights: min_nights as u32,
            reward_rest: optional(from, "reward_rest", 0.5, Range::Any)?,
            agent_home_positions: homes(from, n, h)?,
            distance_cost_alpha: optional(from, "distance_cost_alpha", 0.0, Range::NotNegative)?,
            action_shaping_alpha: optional(from, "action_shaping_alpha", 0.0, Range::Any)?,
            action_shaping_beta: optional(from, "action_shaping_beta", 0.0, Range::Any)?,
            progress_shaping_coef: optional(from, "progress_shaping_coef", 0.0, Range::Any)?,
            team_welfare_lambda: optional(from, "team_welfare_lambda", 0.0, Range::Any)?,
            team_welfare_gamma: optional(from, "team_welfare_gamma", 1.0, Range::Unit)?,
            has_team_welfare: from.choice("team_welfare_kind", &["none", "team_welfare_closed_form"])? == 1,
            adjacent_only: from.choice("action_validity_mode", &["always_valid", "adjacent_only"])? == 1,
            is_continuous: from.choice("extinguish_mode", &["bernoulli", "continuous"])? == 1,
            suppression_per_worker: optional(from, "suppression_per_worker", 0.0, Range::NotNegative)?,
            is_two_phase: from.choice("commitment_mode", &["simultaneous", "two_phase"])? == 1,
            max_nights: Some(max_nights.map_or(DEFAULT_MAX_NIGHTS, |nights| nights as u32)),
            termination: match from.choice("termination", &["all_safe_or_ruined", "no_fire"])? {
                0 => Termination::AllSafeOrRuined,
                _ => Termination::NoFire,
            },
            phase_order: match from.choice("phase_order", &["burn_out_first", "spread_first"])? {
                0 => PhaseOrder::BurnOutFirst,
                _ => PhaseOrder::SpreadFirst,
            },
            echo,
        })
    }

    /// House where agent `i` lives.
    pub fn home(&self, i: usize) -> u8 {
        self.agent_home_positions.get(i).copied().unwrap_or((i % self.num_houses) as u8)
    }
}

/// All fields, those not given with their defaults.
fn echo_of(given: &Map<String, Value>) -> Value {
    let all = FIELDS.iter().map(|(name, _, default, ..)| {
        let default = || serde_json::from_str(default).unwrap_or(Value::Null);
        (name.to_string(), given.get(*name).cloned().unwrap_or_else(default))
    });
    Value::Object(all.collect())
}

#[derive(Clone, Copy)]
enum Range {
    Any,
    NotNegative,
    Unit,
}

impl Range {
    fn holds(self, x: f64) -> bool {
        // What overflows 32 bits is as good as infinite.
        (x as f32).is_finite()
            && match self {
                Range::Any => true,
                Range::NotNegative => x >= 0.0,
                Range::Unit => (0.0..=1.0).contains(&x),
            }
    }

    fn in_words(self) -> &'static str {
        match self {
            Range::Any => "a finite number",
            Range::NotNegative => "a finite number of at least 0",
            Range::Unit => "a number from 0 to 1",
        }
    }
}

fn required(from: &mut Config, key: &'static str, range: Range) -> Result<f32> {
    from.required(key, range.in_words(), |x| range.holds(x)).map(|x| x as f32)
}

fn optional(from: &mut Config, key: &'static str, default: f64, range: Range) -> Result<f32> {
    from.number(key, default, range.in_words(), |x| range.holds(x)).map(|x| x as f32)
}

fn per_agent(from: &mut Config, key: &'static str, n: usize, range: Range) -> Result<PerAgent> {
    if from.is_list(key) {
        let values = from.numbers(key, n, range.in_words(), |x| range.holds(x))?;
        return Ok(PerAgent { values, is_shared: false });
    }
    let shared = from.required(key, range.in_words(), |x| range.holds(x))?;
    Ok(PerAgent { values: vec![shared; n], is_shared: true })
}

fn homes(from: &mut Config, n: usize, h: usize) -> Result<Vec<u8>> {
    let path = from.path("agent_home_positions");
    let items = from.list("agent_home_positions")?.unwrap_or_default();
    if !items.is_empty() && items.len() != n {
        return Err(invalid(format!("{path}: expected {n} houses, one per agent, or none, got {}", items.len())));
    }
    let home = |(i, item): (usize, &Value)| {
        item.as_u64()
            .filter(|&home| home < h as u64)
            .map(|home| home as u8)
            .ok_or_else(|| invalid(format!("{path}[{i}]: expected a house from 0 to {}, got {}", h - 1, kind(item))))
    };
    items.iter().enumerate().map(home).collect()
}
