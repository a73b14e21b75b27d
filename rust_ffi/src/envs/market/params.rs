//! Parameters and options of the market environment, read and checked.

use super::clearing::{LossOfLoad, Rules, ScarcityPrice, TieRule};
use super::observers::{Observer, NAMES};
use super::storage::Battery;
use crate::engine::columns::check_room;
use crate::engine::config::{kind, numbers_of, Config};
use crate::engine::error::{Error, Result, Status};
use serde_json::Value;

/// 50 MW * (1.5 + sin) over a day of 24 points from 0 to 2 pi, both ends included.
const DEFAULT_DEMAND: [f64; 24] = [
    75.0,
    88.48983855785121,
    100.97919750177167,
    111.54179821390619,
    119.39426092011875,
    123.95420438411615,
    124.88343845952696,
    122.11304610594102,
    115.8484946505221,
    106.55439721630265,
    94.92005449231209,
    81.80833245481234,
    68.19166754518768,
    55.079945507687945,
    43.44560278369736,
    34.1515053494779,
    27.88695389405898,
    25.116561540473043,
    26.045795615883847,
    30.60573907988122,
    38.458201786093774,
    49.02080249822832,
    61.51016144214878,
    74.99999999999999,
];

/// Most hours of an episode and most generators: enough for any market, small enough to refuse slips.
const MOST: u64 = 1 << 20;

/// When demand is perturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DemandNoise {
    /// At each reset that is given a seed; other resets keep the day.
    OnSeed,
    /// Never.
    Never,
    /// At each reset.
    EveryReset,
}

/// A market: its fleet, its demand, and the fixed numbers of its reward.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    /// MW per hour of the episode.
    pub demand_profile: Vec<f64>,
    /// MW per generator.
    pub capacities: Vec<f64>,
    /// Marginal cost per generator (currency/MWh).
    pub costs: Vec<f64>,
    /// Largest distance of a bid from its cost (currency/MWh).
    pub max_bid_delta: f64,
    /// See [`super::rewards::RewardParams`].
    pub lambda_bid_penalty: f64,
    /// See [`super::rewards::RewardParams`].
    pub unit_lol_penalty: f64,
    /// A battery, as the last agent.
    pub battery: Option<Battery>,
    /// One step is a whole day.
    pub day_ahead: bool,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            demand_profile: DEFAULT_DEMAND.to_vec(),
            capacities: vec![30.0; 5],
            costs: vec![20.0, 25.0, 30.0, 35.0, 40.0],
            max_bid_delta: 50.0,
            lambda_bid_penalty: 0.01,
            unit_lol_penalty: 1.0,
            battery: None,
            day_ahead: false,
        }
    }
}

const NOT_NEGATIVE: &str = "a finite number of at least 0";

fn not_negative(x: f64) -> bool {
    x.is_finite() && x >= 0.0
}

impl Params {
    /// Number of generators.
    pub fn num_generators(&self) -> usize {
        self.capacities.len()
    }

    /// Number of agents: generators and battery.
    pub fn num_agents(&self) -> usize {
        self.num_generators() + usize::from(self.battery.is_some())
    }

    /// Hours of an episode.
    pub fn hours(&self) -> usize {
        self.demand_profile.len()
    }

    /// Checks that all numbers still are what they must be in the working precision, and that no bid overflows it.
    fn check_precision(&self, wide: bool) -> Result<()> {
        let rounded = |x: f64| if wide { x } else { f64::from(x as f32) };
        let name = if wide { "float64" } else { "float32" };
        let refuse = |what: String, expected: &str, x: f64| {
            Err(invalid(format!("params.{what}: expected {expected} in {name}, got {x:?}")))
        };
        for (t, x) in self.demand_profile.iter().enumerate() {
            if !(rounded(*x).is_finite() && rounded(*x) > 0.0) {
                return refuse(format!("demand_profile[{t}]"), "a finite demand above 0", *x);
            }
        }
        for (key, numbers) in [("capacities", &self.capacities), ("costs", &self.costs)] {
            if let Some(k) = numbers.iter().position(|x| !rounded(*x).is_finite()) {
                return refuse(format!("{key}[{k}]"), "a finite number", numbers[k]);
            }
        }
        let mut numbers = vec![
            ("lambda_bid_penalty", self.lambda_bid_penalty),
            ("unit_lol_penalty", self.unit_lol_penalty),
            ("max_bid_delta", self.max_bid_delta),
        ];
        let mut costliest = self.costs.iter().fold(0.0, |most: f64, cost| most.max(cost.abs()));
        if let Some(battery) = &self.battery {
            costliest = costliest.max(battery.bid_ref.abs());
            numbers.push(("bess.power_mw", battery.power_mw));
            numbers.push(("bess.duration_h", battery.energy()));
            numbers.push(("bess.bid_ref", battery.bid_ref));
        }
        for (key, x) in numbers {
            if !rounded(x).is_finite() {
                return refuse(key.into(), "a finite number", x);
            }
        }
        if !rounded(costliest + self.max_bid_delta).is_finite() {
            return refuse("max_bid_delta".into(), "bids that stay finite", self.max_bid_delta);
        }
        Ok(())
    }

    fn read(mut config: Config) -> Result<Self> {
        let required = |what: &str, n: Option<u64>, path: String| {
            n.map(|n| n as usize)
                .ok_or_else(|| Error::new(Status::InvalidConfig, format!("{path}: required ({what}), but not given")))
        };
        let path = config.path("N_generators");
        let n = required("number of generators", config.integer("N_generators", 1, MOST)?, path)?;
        let path = config.path("T");
        let hours = required("hours per episode", config.integer("T", 1, MOST)?, path)?;
        let default = Params::default();
        let params = Params {
            demand_profile: config
                .numbers("demand_profile", hours, "a finite demand above 0", |x| x.is_finite() && x > 0.0)?,
            capacities: config.numbers("capacities", n, NOT_NEGATIVE, not_negative)?,
            costs: config.numbers("costs", n, "a finite number", f64::is_finite)?,
            max_bid_delta: config.number("max_bid_delta", default.max_bid_delta, NOT_NEGATIVE, not_negative)?,
            lambda_bid_penalty: config.number(
                "lambda_bid_penalty",
                default.lambda_bid_penalty,
                NOT_NEGATIVE,
                not_negative,
            )?,
            unit_lol_penalty: config.number(
                "unit_lol_penalty",
                default.unit_lol_penalty,
                NOT_NEGATIVE,
                not_negative,
            )?,
            battery: config.object("bess")?.map(Battery::read).transpose()?,
            day_ahead: config.boolean("day_ahead", false)?,
        };
        config.finish_leniently()?;
        Ok(params)
    }
}

/// Everything that shapes a market environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Fleet and demand.
    pub params: Params,
    /// What agents see.
    pub observer: Observer,
    /// Whether the working precision is 64-bit.
    pub wide: bool,
    /// When demand is perturbed.
    pub demand_noise: DemandNoise,
    /// Clip actions that are out of range instead of refusing them.
    pub clips: bool,
    /// Rules of the auction.
    pub rules: Rules,
    /// Agents that learn, ascending.
    pub seats: Vec<usize>,
    /// What the other agents play, for each agent: an action, or in day-ahead mode also two numbers for all hours.
    pub policies: Vec<Option<Vec<f64>>>,
    /// Keep the episode's arrays as state columns.
    pub history: bool,
    /// Time limit besides the end of the day.
    pub max_episode_steps: Option<u32>,
}

impl Options {
    /// Reads a configuration.
    pub fn read(mut config: Config) -> Result<Self> {
        let params = match config.object("params")? {
            Some(params) => Params::read(params)?,
            None => Params::default(),
        };
        let agents = params.num_agents();
        let simple_first = ["simple", "basic", "simple_v2", "simple_v3"];
        debug_assert!(simple_first.iter().all(|name| NAMES.contains(name)));
        let observer = Observer::named(simple_first[config.choice("observer", &simple_first)?])?;
        let wide = config.choice("dtype", &["float32", "float64"])? == 1;
        params.check_precision(wide)?;
        let demand_noise = match config.choice("demand_noise", &["on_seed", "never", "every_reset"])? {
            0 => DemandNoise::OnSeed,
            1 => DemandNoise::Never,
            _ => DemandNoise::EveryReset,
        };
        let clips = config.choice("out_of_range_actions", &["reject", "clip"])? == 1;
        let price_cap =
            config.number("price_cap", f64::INFINITY, "a finite number, or null for none", f64::is_finite)?;
        let scarcity_price = match config.choice("scarcity_price", &["highest_bid", "highest_dispatched_bid"])? {
            0 => ScarcityPrice::HighestBid,
            _ => ScarcityPrice::HighestDispatchedBid,
        };
        let loss_of_load = match config.choice("loss_of_load", &["original", "robust"])? {
            0 => LossOfLoad::Original,
            _ => LossOfLoad::Robust,
        };
        let tie_rule = match config.choice("tie_rule", &["index", "pro_rata"])? {
            0 => TieRule::Index,
            _ => TieRule::ProRata,
        };
        let seats = read_seats(&mut config, agents)?;
        let policies = read_policies(&mut config, &params, &seats, clips)?;
        let history = config.boolean("history", false)?;
        let max_episode_steps = config.integer("max_episode_steps", 1, u64::from(u32::MAX - 1))?.map(|n| n as u32);
        config.finish()?;
        let rules = Rules { price_cap, scarcity_price, loss_of_load, tie_rule };
        let options =
            Options { params, observer, wide, demand_noise, clips, rules, seats, policies, history, max_episode_steps };
        options.check_room()?;
        Ok(options)
    }

    /// An error where memory has no room for what is made of these options, before there is a batch: every agent has a
    /// space whose numbers have names and bounds, and in some markets as many as there are agents or hours.
    fn check_room(&self) -> Result<()> {
        let hours = if self.params.day_ahead { self.params.hours() } else { 1 };
        let seen = if self.params.day_ahead { hours + 3 } else { self.observer.len(self.params.num_agents()) + 1 };
        // A name, two bounds, a copy of each, and JSON.
        check_room(self.seats.len().saturating_mul(seen + 2 * hours), 256)?;
        check_room(self.policies.len().saturating_mul(2 * hours), 2 * size_of::<f64>())
    }
}

fn invalid(message: String) -> Error {
    Error::new(Status::InvalidConfig, message)
}

fn read_seats(config: &mut Config, agents: usize) -> Result<Vec<usize>> {
    let Some(items) = config.list("agents")? else { return Ok((0..agents).collect()) };
    let mut seats: Vec<usize> = Vec::new();
    for (k, item) in items.iter().enumerate() {
        let seat = item.as_u64().filter(|&i| i < agents as u64).map(|i| i as usize).ok_or_else(|| {
            invalid(format!("agents[{k}]: expected a whole number from 0 to {}, got {}", agents - 1, kind(item)))
        })?;
        if seats.last().is_some_and(|&last| last >= seat) {
            return Err(invalid(format!(
                "agents[{k}]: expected agents in ascending order, got {seat} after {}",
                seats[k - 1]
            )));
        }
        seats.push(seat);
    }
    if seats.is_empty() {
        return Err(invalid("agents: expected at least one agent that learns, got none".into()));
    }
    Ok(seats)
}

fn read_policies(config: &mut Config, params: &Params, seats: &[usize], clips: bool) -> Result<Vec<Option<Vec<f64>>>> {
    let agents = params.num_agents();
    let Some(items) = config.list("policies")? else { return Ok(vec![None; agents]) };
    if items.len() != agents {
        return Err(invalid(format!("policies: expected one for each of {agents} agents, got {}", items.len())));
    }
    let mut policies = Vec::with_capacity(agents);
    for (i, item) in items.iter().enumerate() {
        if item.is_null() {
            policies.push(None);
            continue;
        }
        if seats.binary_search(&i).is_ok() {
            return Err(invalid(format!("policies[{i}]: expected null, for agent {i} learns; got {}", kind(item))));
        }
        policies.push(Some(read_policy(item, i, params, clips)?));
    }
    Ok(policies)
}

fn read_policy(item: &Value, i: usize, params: &Params, clips: bool) -> Result<Vec<f64>> {
    let half = if params.day_ahead { params.hours() } else { 1 };
    let expected = if half == 1 { "2 numbers".to_string() } else { format!("2 or {} numbers", 2 * half) };
    let numbers = numbers_of(item).filter(|x| x.len() == 2 || x.len() == 2 * half);
    let mut action =
        numbers.ok_or_else(|| invalid(format!("policies[{i}]: expected {expected}, got {}", kind(item))))?;
    let half = action.len() / 2;
    let lowest = if i == params.num_generators() { -1.0 } else { 0.0 };
    for (k, x) in action.iter_mut().enumerate() {
        let (low, high) = if k < half { (lowest, 1.0) } else { (-10.0, 10.0) };
        if clips && x.is_finite() {
            *x = x.clamp(low, high);
        }
        if !(low..=high).contains(x) {
            return Err(invalid(format!("policies[{i}][{k}]: expected a number from {low} to {high}, got {x:?}")));
        }
    }
    Ok(action)
}
