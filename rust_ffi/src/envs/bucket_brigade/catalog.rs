//! The fields of a scenario, and the named scenarios.

use crate::engine::error::{did_you_mean, Error, Result, Status};
use serde_json::{json, Map, Value};

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

/// Name; spread, extinguish, ignite, work cost, least nights, own reward and penalty, team reward and penalty; and what
/// else differs from the defaults.
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

/// Names of all scenarios.
pub fn names() -> impl Iterator<Item = &'static str> {
    NAMED.iter().map(|row| row.0)
}

/// The fields of a named scenario that differ from the defaults.
pub fn named(name: &str) -> Result<Map<String, Value>> {
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
