//! The numbers and options of a game, read from JSON and checked.

use crate::engine::config::{kind, Config};
use crate::engine::error::{did_you_mean, Error, Result, Status};
use serde_json::{json, Map, Value};

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

/// Name, type, default (null: required), unit and meaning of every field.
pub const FIELDS: [(&str, &str, &str, &str, &str); 30] = [
    (
        "prob_fire_spreads_to_neighbor",
        "float",
        "null",
        "",
        "Chance per night that a burning house lights a safe neighbour.",
    ),
    (
        "prob_solo_agent_extinguishes_fire",
        "float",
        "null",
        "",
        "Chance p that one worker saves a burning house; k workers: 1 - (1 - p)^k.",
    ),
    (
        "prob_house_catches_fire",
        "float",
        "null",
        "",
        "Chance that a safe house catches fire, at the start and every night.",
    ),
    (
        "team_reward_house_survives",
        "float",
        "null",
        "points",
        "Paid to all each night, times the share of safe houses.",
    ),
    (
        "team_penalty_house_burns",
        "float",
        "null",
        "points",
        "Taken from all each night, times the share of ruins; at least 0.",
    ),
    (
        "reward_own_house_survives",
        "float or list",
        "null",
        "points",
        "For every own house saved tonight; one number, or one per agent.",
    ),
    ("reward_other_house_survives", "float or list", "null", "points", "For every house of others saved tonight."),
    ("penalty_own_house_burns", "float or list", "null", "points", "Taken each night for every own ruin; at least 0."),
    (
        "penalty_other_house_burns",
        "float or list",
        "null",
        "points",
        "Taken each night for every ruin of others; at least 0.",
    ),
    ("cost_to_work_one_night", "float", "null", "points", "Paid by who works; at least 0."),
    ("min_nights", "int", "null", "nights", "The game ends no earlier than after this many nights and one more."),
    ("num_agents", "int", "4", "", "Agents, 1 to 255. House h is owned by agent h mod num_agents."),
    ("reward_rest", "float", "0.5", "points", "Paid to who rests."),
    (
        "agent_home_positions",
        "list",
        "[]",
        "",
        "House where each agent lives; empty: agent i at house i mod num_houses.",
    ),
    (
        "distance_cost_alpha",
        "float",
        "0.0",
        "points",
        "Extra cost of work per house of distance from home; at least 0.",
    ),
    ("distance_metric", "str", "\"ring_arc\"", "", "ring_arc: the shorter way around the ring."),
    ("num_houses", "int", "10", "", "Houses on the ring, 2 to 255."),
    ("action_shaping_alpha", "float", "0.0", "points", "Extra reward for a fire put out, shared among its workers."),
    ("action_shaping_beta", "float", "0.0", "points", "Extra reward for work at a house that was and stays safe."),
    ("progress_shaping_coef", "float", "0.0", "points", "Extra team reward per safe house more than the night before."),
    ("team_welfare_lambda", "float", "0.0", "", "Weight of the potential-based team reward."),
    ("team_welfare_gamma", "float", "1.0", "", "Its discount, 0 to 1."),
    ("team_welfare_kind", "str", "\"none\"", "", "none or team_welfare_closed_form."),
    (
        "action_validity_mode",
        "str",
        "\"always_valid\"",
        "",
        "always_valid, or adjacent_only: who goes further than next door stays at home.",
    ),
    (
        "extinguish_mode",
        "str",
        "\"bernoulli\"",
        "",
        "bernoulli, or continuous: fires burn on until enough work is done.",
    ),
    (
        "suppression_per_worker",
        "float",
        "0.0",
        "",
        "Share of a fire that one worker puts out per night in continuous mode; at least 0.",
    ),
    (
        "commitment_mode",
        "str",
        "\"simultaneous\"",
        "",
        "simultaneous, or two_phase: signals are exchanged before actions are chosen.",
    ),
    ("max_nights", "int", "100", "nights", "Nights after which an episode is cut off; None for no limit."),
    ("termination", "str", "\"all_safe_or_ruined\"", "", "When the game is over: all_safe_or_ruined or no_fire."),
    (
        "phase_order",
        "str",
        "\"burn_out_first\"",
        "",
        "burn_out_first, or spread_first: fires spread before what burns is ruined.",
    ),
];

/// The named scenarios: spread, extinguish, ignite, work cost, least nights, own reward and penalty, team reward and
/// penalty, and what else differs from the defaults.
#[rustfmt::skip]
type Row = (&'static str, [f64; 9], &'static str);
const PER_AGENT: &str = r#"{"lists_of": 4}"#;
#[rustfmt::skip]
const NAMED: [Row; 18] = [
    ("default", [0.25, 0.5, 0.02, 0.5, 12.0, 20.0, 40.0, 100.0, 100.0], "{}"),
    ("easy", [0.1, 0.8, 0.01, 0.5, 10.0, 1.0, 2.0, 100.0, 100.0], "{}"),
    ("hard", [0.4, 0.3, 0.05, 0.5, 15.0, 1.0, 2.0, 100.0, 100.0], "{}"),
    ("trivial_cooperation", [0.15, 0.9, 0.0, 0.5, 12.0, 1.0, 2.0, 100.0, 100.0], "{}"),
    ("early_containment", [0.35, 0.6, 0.02, 0.5, 12.0, 1.0, 2.0, 100.0, 100.0], "{}"),
    ("greedy_neighbor", [0.15, 0.4, 0.02, 1.0, 12.0, 1.0, 2.0, 100.0, 100.0], "{}"),
    ("sparse_heroics", [0.1, 0.5, 0.02, 0.8, 20.0, 1.0, 2.0, 100.0, 100.0], "{}"),
    ("rest_trap", [0.05, 0.95, 0.02, 0.2, 12.0, 1.0, 2.0, 100.0, 100.0], "{}"),
    ("chain_reaction", [0.45, 0.6, 0.03, 0.7, 15.0, 1.0, 2.0, 100.0, 100.0], "{}"),
    ("deceptive_calm", [0.25, 0.6, 0.05, 0.4, 20.0, 1.0, 2.0, 100.0, 100.0], "{}"),
    ("overcrowding", [0.2, 0.3, 0.02, 0.6, 12.0, 1.0, 2.0, 50.0, 100.0], "{}"),
    ("mixed_motivation", [0.3, 0.5, 0.03, 0.6, 15.0, 1.0, 2.0, 100.0, 100.0], "{}"),
    ("minimal_specialization", [0.25, 0.5, 0.02, 0.5, 12.0, 50.0, 100.0, 10.0, 10.0], PER_AGENT),
    ("positional_default", [0.25, 0.5, 0.02, 0.5, 12.0, 20.0, 40.0, 100.0, 100.0],
        r#"{"agent_home_positions": [0, 3, 5, 8], "distance_cost_alpha": 0.1}"#),
    ("v2_minimal", [0.25, 0.5, 0.05, 0.5, 8.0, 50.0, 100.0, 10.0, 10.0], r#"{"lists_of": 4, "num_houses": 2}"#),
    ("default_continuous", [0.25, 0.5, 0.02, 0.5, 12.0, 20.0, 40.0, 100.0, 100.0],
        r#"{"extinguish_mode": "continuous", "suppression_per_worker": 0.5}"#),
    ("asym_b05_k09_c05", [0.5, 0.9, 0.02, 0.5, 12.0, 50.0, 100.0, 10.0, 10.0], PER_AGENT),
    ("asym_b09_k09_c05", [0.9, 0.9, 0.02, 0.5, 12.0, 50.0, 100.0, 10.0, 10.0], PER_AGENT),
];

fn invalid(message: String) -> Error {
    Error::new(Status::InvalidConfig, message)
}

/// Names of all scenarios.
pub fn names() -> impl Iterator<Item = &'static str> {
    NAMED.iter().map(|row| row.0)
}

/// The fields of a named scenario that differ from the defaults.
fn named(name: &str) -> Result<Map<String, Value>> {
    // `default_continuous` is younger than the frozen ids `<name>-v1`.
    let plain = name.strip_suffix("-v1").filter(|plain| *plain != "default_continuous").unwrap_or(name);
    let (_, numbers, others) = NAMED.iter().find(|row| row.0 == plain).ok_or_else(|| {
        let hint = did_you_mean(name, names());
        let all: Vec<_> = names().collect();
        Error::new(Status::UnknownId, format!("scenario {name:?}: no such scenario{hint} Valid: {}", all.join(", ")))
    })?;
    let mut others: Map<String, Value> = serde_json::from_str(others).unwrap_or_default();
    let lists = others.remove("lists_of").is_some();
    let [beta, kappa, rho, cost, nights, own, penalty, team_reward, team_penalty] = *numbers;
    let owned = |x: f64| if lists { json!([x, x, x, x]) } else { json!(x) };
    let fields = json!({
        "prob_fire_spreads_to_neighbor": beta,
        "prob_solo_agent_extinguishes_fire": kappa,
        "prob_house_catches_fire": rho,
        "team_reward_house_survives": team_reward,
        "team_penalty_house_burns": team_penalty,
        "reward_own_house_survives": owned(own),
        "reward_other_house_survives": owned(0.0),
        "penalty_own_house_burns": owned(penalty),
        "penalty_other_house_burns": owned(0.0),
        "cost_to_work_one_night": cost,
        "min_nights": nights as u32,
    });
    if let Value::Object(fields) = fields {
        others.extend(fields);
    }
    Ok(others)
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
