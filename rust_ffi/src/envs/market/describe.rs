//! The market's self-description.

use super::clearing::{LossOfLoad, ScarcityPrice, TieRule};
use super::observers::{self, free, within, Feature, Observer};
use super::params::{DemandNoise, Options};
use crate::engine::columns::Dtype;
use crate::engine::spec::{Agent, Field, Parameter, Space, Spec};
use serde_json::{json, Value};

const DESCRIPTION: &str = "Generators, and optionally a battery, bid into a uniform-price electricity market hour by \
hour; the cheapest offers serve the demand and the last one sets the price.";

/// The specification of the market under `options`.
pub fn spec(options: &Options) -> Spec {
    let params = &options.params;
    let real = if options.wide { Dtype::Float64 } else { Dtype::Float32 };
    let (n, m, hours) = (params.num_generators(), params.num_agents(), params.hours());
    let has_battery = params.battery.is_some();
    let agents: Vec<Agent> = options.seats.iter().map(|&i| agent(options, i, real)).collect();
    let widest = agents.iter().map(|agent| agent.observation.len()).max().unwrap_or(0);

    let per_hour = |per_agent: bool| match (params.day_ahead, per_agent) {
        (false, false) => vec![],
        (false, true) => vec![m],
        (true, false) => vec![hours],
        (true, true) => vec![hours, m],
    };
    let info = |name: &str, dtype, shape: Vec<usize>, unit: &str, description: &str| Field {
        name: name.into(),
        dtype,
        shape,
        unit: unit.into(),
        description: description.into(),
        writable: None,
    };
    let mut infos = vec![
        info("price", real, per_hour(false), "$/MWh", "Clearing price."),
        info("demand", real, per_hour(false), "MW", "Demand that was cleared."),
        info("unserved", real, per_hour(false), "MW", "Demand that was not met."),
        info("q_cleared", real, per_hour(true), "MW", "Cleared quantity of every agent."),
        info("rewards", real, vec![m], "", "Rewards of all agents, learned or not."),
        info("bids", real, per_hour(true), "$/MWh", "Bid of every agent."),
        info("quantities", real, per_hour(true), "MW", "Offered quantity of every agent."),
    ];
    if has_battery {
        infos.push(info("charged", Dtype::Float64, per_hour(false), "MW", "What the battery bought."));
        infos.push(info("discharged", Dtype::Float64, per_hour(false), "MW", "What the battery sold."));
        infos.push(info("soc", Dtype::Float64, per_hour(false), "MWh", "Charge of the battery after the hour."));
    }
    Spec {
        id: super::env::ID.into(),
        description: DESCRIPTION.into(),
        multi_agent: true,
        dtype: real,
        max_episode_steps: options.max_episode_steps,
        agents,
        observation_shape: vec![widest],
        action_shape: vec![if params.day_ahead { 2 * hours } else { 2 }],
        action_dtypes: if options.wide {
            vec![Dtype::Float64, Dtype::Float32]
        } else {
            vec![Dtype::Float32, Dtype::Float64]
        },
        reward_dtype: real,
        observation_dtype: real,
        infos,
        columns: columns(options, real, m, hours),
        parameters: parameters(),
        config: config(options, n),
    }
}

fn agent(options: &Options, i: usize, real: Dtype) -> Agent {
    let params = &options.params;
    let (n, hours) = (params.num_generators(), params.hours());
    let is_battery = i == n;
    let mut features: Vec<Feature> = if params.day_ahead {
        let mut all: Vec<Feature> = (0..hours).map(|t| free(&format!("demand_{t}"))).collect();
        all.push(within("capacity", 0.0));
        if is_battery {
            all.push(("energy".into(), Some(0.0), None));
        }
        all.push(free("cost"));
        all
    } else {
        let seen = if is_battery { n + 1 } else { n };
        let mut all = options.observer.features(i, seen);
        if is_battery {
            all.push(within("soc", 0.0));
        }
        all
    };
    if let (true, Some(capacity)) = (is_battery, features.iter_mut().find(|feature| feature.0 == "capacity")) {
        // A battery may have more power than the largest generator has capacity.
        capacity.2 = None;
    }
    let steps = if params.day_ahead { hours } else { 1 };
    let lowest = if is_battery { -1.0 } else { 0.0 };
    let first = if is_battery { "power_fraction" } else { "withheld_fraction" };
    let name = |base: &str, t: usize| if params.day_ahead { format!("{base}_{t}") } else { base.to_string() };
    let action = Space::Box {
        shape: vec![2 * steps],
        dtype: real,
        low: [vec![Some(lowest); steps], vec![Some(-10.0); steps]].concat(),
        high: [vec![Some(1.0); steps], vec![Some(10.0); steps]].concat(),
        names: (0..steps).map(|t| name(first, t)).chain((0..steps).map(|t| name("bid_markup", t))).collect(),
    };
    let name = if is_battery { "battery".into() } else { format!("generator_{i}") };
    Agent { name, index: i, observation: observers::space(features, real), action }
}

fn columns(options: &Options, real: Dtype, m: usize, hours: usize) -> Vec<Field> {
    let column = |name: &str, dtype, shape: &[usize], unit: &str, writable: bool, description: &str| Field {
        name: name.into(),
        dtype,
        shape: shape.to_vec(),
        unit: unit.into(),
        description: description.into(),
        writable: Some(writable),
    };
    let wide = Dtype::Float64;
    let mut columns = vec![column("demand", real, &[hours], "MW", true, "Demand of every hour of the episode.")];
    let has_battery = options.params.battery.is_some();
    if has_battery {
        columns.push(column("soc", wide, &[], "MWh", true, "Charge of the battery."));
    }
    if options.history {
        let (hourly, all) = (&[hours][..], &[hours, m][..]);
        columns.extend([
            column("history_bids", real, all, "$/MWh", false, "Bids of the hours so far."),
            column("history_q_offered", real, all, "MW", false, "Offers of the hours so far."),
            column("history_q_cleared", real, all, "MW", false, "Cleared quantities of the hours so far."),
            column("history_rewards", real, all, "", false, "Rewards of the hours so far."),
            column("history_penalty", real, all, "$/h", false, "Penalties of the hours so far, before scaling."),
            column("history_market_prices", real, hourly, "$/MWh", false, "Prices of the hours so far."),
            column("history_demand", real, hourly, "MW", false, "Demand of the hours so far."),
        ]);
        if has_battery {
            columns.extend([
                column("history_charge", wide, hourly, "MW", false, "What the battery bought so far."),
                column("history_discharge", wide, hourly, "MW", false, "What the battery sold so far."),
                column("history_soc", wide, hourly, "MWh", false, "Charge of the battery after the hours so far."),
            ]);
        }
    }
    columns
}

fn parameters() -> Vec<Parameter> {
    let none = Value::Null;
    let rows = [
        ("params", "dict", none.clone(), "", "The market: N_generators, T, demand_profile (MW), capacities (MW), costs ($/MWh), max_bid_delta, lambda_bid_penalty, unit_lol_penalty, day_ahead, bess. None: default_params(5, 24)."),
        ("observer", "str", json!("simple"), "", "What agents see: simple, basic, simple_v2 or simple_v3."),
        ("dtype", "str", json!("float32"), "", "Working precision: float32 or float64."),
        ("demand_noise", "str", json!("on_seed"), "", "When demand is perturbed: on_seed (resets with a seed), never or every_reset."),
        ("out_of_range_actions", "str", json!("reject"), "", "Finite actions out of bounds: reject or clip."),
        ("price_cap", "float", none.clone(), "$/MWh", "Largest price; None for no cap."),
        ("scarcity_price", "str", json!("highest_bid"), "", "Price if demand is not met: highest_bid or highest_dispatched_bid."),
        ("loss_of_load", "str", json!("original"), "", "Unserved demand from cleared quantities (original) or from supply (robust)."),
        ("tie_rule", "str", json!("index"), "", "Who clears among equal bids at the margin: index or pro_rata."),
        ("agents", "list", none.clone(), "", "Learned agents, ascending; None for all. The battery is the last."),
        ("policies", "list", none.clone(), "", "Action of each agent that does not learn; None for (0, 0)."),
        ("history", "bool", json!(false), "", "Keep the hours of the episode as state columns."),
        ("max_episode_steps", "int", none.clone(), "steps", "Steps after which an episode is truncated; None for no limit."),
    ];
    let row = |(name, kind, default, unit, description): (&str, &str, Value, &str, &str)| Parameter {
        name: name.into(),
        kind: kind.into(),
        default,
        unit: unit.into(),
        description: description.into(),
    };
    rows.into_iter().map(row).collect()
}

fn config(options: &Options, n: usize) -> Value {
    let params = &options.params;
    let mut fleet = json!({
        "N_generators": n,
        "T": params.hours(),
        "demand_profile": params.demand_profile,
        "capacities": params.capacities,
        "costs": params.costs,
        "max_bid_delta": params.max_bid_delta,
        "lambda_bid_penalty": params.lambda_bid_penalty,
        "unit_lol_penalty": params.unit_lol_penalty,
        "day_ahead": params.day_ahead,
    });
    fleet["bess"] = params.battery.as_ref().map_or(Value::Null, |battery| {
        json!({
            "power_mw": battery.power_mw,
            "duration_h": battery.duration_h,
            "efficiency_rt": battery.efficiency_rt,
            "initial_soc_frac": battery.initial_soc_frac,
            "bid_ref": battery.bid_ref,
        })
    });
    let rules = &options.rules;
    json!({
        "params": fleet,
        "observer": Observer::name(options.observer),
        "dtype": if options.wide { "float64" } else { "float32" },
        "demand_noise": match options.demand_noise {
            DemandNoise::OnSeed => "on_seed",
            DemandNoise::Never => "never",
            DemandNoise::EveryReset => "every_reset",
        },
        "out_of_range_actions": if options.clips { "clip" } else { "reject" },
        "price_cap": if rules.price_cap.is_finite() { json!(rules.price_cap) } else { Value::Null },
        "scarcity_price": match rules.scarcity_price {
            ScarcityPrice::HighestBid => "highest_bid",
            ScarcityPrice::HighestDispatchedBid => "highest_dispatched_bid",
        },
        "loss_of_load": match rules.loss_of_load {
            LossOfLoad::Original => "original",
            LossOfLoad::Robust => "robust",
        },
        "tie_rule": match rules.tie_rule {
            TieRule::Index => "index",
            TieRule::ProRata => "pro_rata",
        },
        "agents": options.seats,
        "policies": policies(options),
        "history": options.history,
        "max_episode_steps": options.max_episode_steps,
    })
}

/// What unlearned seats play; null for the others.
fn policies(options: &Options) -> Vec<Option<Vec<f64>>> {
    let all = options.policies.iter().enumerate();
    let played = all.map(|(seat, policy)| {
        let learned = options.seats.binary_search(&seat).is_ok();
        (!learned).then(|| policy.clone().unwrap_or_else(|| vec![0.0; 2]))
    });
    played.collect()
}
