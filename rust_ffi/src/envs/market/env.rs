//! `ElectricityMarket-v0`: the auction as an environment.

use super::describe;
use super::hours::{StepBlock, Work};
use super::observers::{Scales, Templates};
use super::params::{DemandNoise, Options};
use super::rewards::{sum_of_row, RewardParams, RewardTerms};
use super::seats::Seats;
use crate::engine::columns::{Columns, Element};
use crate::engine::environment::{Environment, Turn};
use crate::engine::error::{Error, Result, Status};
use crate::engine::rng::Pcg64;
use crate::engine::spec::Spec;
use crate::simd::{self, Level, Real, Scalar};
use serde_json::Value;
use std::ops::Range;

/// The id.
pub const ID: &str = "ElectricityMarket-v0";

/// Positions of the state columns.
pub mod column {
    /// Realised demand, `(T,)`.
    pub const DEMAND: usize = 0;
    /// Charge of the battery; only with one.
    pub const SOC: usize = 1;
}

/// The market in working precision `R`.
pub struct Market<R: Real + Element> {
    pub(super) options: Options,
    spec: Spec,
    pub(super) seats: Seats<R>,
    pub(super) terms: RewardTerms<R>,
    scales: Scales<R>,
    base_demand: Vec<R>,
    templates: Templates<R>,
    /// Where each learned agent's observation has its charge, if it is the battery.
    soc_feature: Option<(usize, usize)>,
}

impl<R: Real + Element> Market<R> {
    /// The market under `options`.
    pub fn new(options: Options) -> Self {
        let params = &options.params;
        let spec = describe::spec(&options);
        let round = |x: &[f64]| x.iter().map(|x| R::from_f64(*x)).collect::<Vec<R>>();
        let base_demand = round(&params.demand_profile);
        let (mut capacities, mut costs) = (round(&params.capacities), round(&params.costs));
        let scales = Scales::of(&base_demand, &capacities, &costs);
        if let Some(battery) = &params.battery {
            capacities.push(R::from_f64(battery.power_mw));
            costs.push(R::from_f64(battery.bid_ref));
        }
        let terms = RewardTerms::new(&RewardParams {
            lambda_bid_penalty: params.lambda_bid_penalty,
            unit_lol_penalty: params.unit_lol_penalty,
            demand_scale: scales.demand.to_f64(),
            cost_scale: scales.cost.to_f64(),
            time_horizon: params.hours() as f64,
        });
        let n = params.num_generators();
        // A day ahead, agents see the whole day instead.
        let watching: &[usize] = if params.day_ahead { &[] } else { &options.seats };
        let width = spec.observation_len();
        let templates = Templates::new(options.observer, scales, &capacities, &costs, n, watching, width);
        let battery_row = options.seats.iter().position(|&seat| seat == n).filter(|_| params.battery.is_some());
        let soc_feature = battery_row.map(|row| (row, spec.agents[row].observation.len() - 1));
        let seats = Seats::new(&options, capacities, costs);
        Market { spec, seats, terms, scales, base_demand, templates, soc_feature, options }
    }

    /// Perturbs the base demand with fresh normals.
    fn perturb(&self, rng: &mut Pcg64, demand: &mut [R]) {
        let smallest = self.base_demand.iter().copied().reduce(|a, b| if b < a { b } else { a }).unwrap_or(R::ZERO);
        let half = R::from_f64(0.5);
        let generators = &self.seats.capacities[..self.options.params.num_generators()];
        let capacity = sum_of_row(Scalar, generators);
        let lower = R::from_f64(-0.5) * smallest;
        // Base demand is positive, so its scale is its largest value.
        let upper = half * (capacity - self.scales.demand);
        let crossed = upper < lower;
        let floor = R::from_f64(0.01) * smallest;
        let scale = (R::from_f64(0.05) * self.scales.demand).to_f64();
        for (to, base) in demand.iter_mut().zip(&self.base_demand) {
            let noise = R::from_f64(scale * rng.standard_normal());
            let noise = if noise < lower { lower } else { noise };
            let noise = if upper < noise { upper } else { noise };
            *to = *base + noise;
            if crossed && *to < floor {
                *to = floor;
            }
        }
    }

    fn observe_day(&self, demand: &[R], out: &mut [R]) {
        let params = &self.options.params;
        let hours = params.hours();
        let n = params.num_generators();
        for (obs, &seat) in out.chunks_exact_mut(self.spec.observation_len()).zip(&self.options.seats) {
            for (to, d) in obs.iter_mut().zip(demand) {
                *to = *d / self.scales.demand;
            }
            let own = &mut obs[hours..];
            own.fill(R::ZERO);
            own[0] = self.seats.capacities[seat] / self.scales.capacity;
            match &params.battery {
                Some(battery) if seat == n => {
                    own[1] = R::from_f64(battery.energy() / (self.scales.capacity.to_f64() * hours as f64));
                    own[2] = self.seats.costs[seat] / self.scales.cost;
                }
                _ => own[1] = self.seats.costs[seat] / self.scales.cost,
            }
        }
    }
}

impl<R: Real + Element> Environment for Market<R> {
    type Obs = R;
    type Reward = R;
    type Scratch = Work<R>;

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn scratch(&self, rows: usize) -> Result<Work<R>> {
        Work::new(self, rows)
    }

    fn clips_actions(&self) -> bool {
        self.options.clips
    }

    fn nanoseconds_per_step(&self) -> usize {
        let params = &self.options.params;
        let hours = if params.day_ahead { params.hours() } else { 1 };
        hours * (15 + 5 * params.num_agents())
    }

    fn initialise(&self, state: &mut Columns, _rows: usize) {
        for day in state.get_mut::<R>(column::DEMAND).chunks_exact_mut(self.base_demand.len()) {
            day.copy_from_slice(&self.base_demand);
        }
        if let Some(battery) = &self.options.params.battery {
            state.get_mut::<f64>(column::SOC).fill(battery.initial_soc());
        }
    }

    fn check_options(&self, options: &Value) -> Result<()> {
        match options {
            Value::Null => Ok(()),
            Value::Object(keys) => match keys.keys().next() {
                None => Ok(()),
                Some(key) => Err(Error::new(
                    Status::UnknownKey,
                    format!("options.{key}: this environment takes no options at reset"),
                )),
            },
            _ => Err(Error::new(Status::InvalidConfig, "options: expected a JSON object")),
        }
    }

    fn reset(&self, state: &mut Columns, row: usize, rng: &mut Pcg64, seeded: bool, _options: &Value) {
        let hours = self.base_demand.len();
        let draws = match self.options.demand_noise {
            DemandNoise::Never => false,
            DemandNoise::OnSeed => seeded,
            DemandNoise::EveryReset => true,
        };
        if draws {
            self.perturb(rng, &mut state.get_mut(column::DEMAND)[row * hours..(row + 1) * hours]);
        }
        if let Some(battery) = &self.options.params.battery {
            state.get_mut::<f64>(column::SOC)[row] = battery.initial_soc();
        }
        for k in self.options.first_history_column()..state.len() {
            let (bytes, row_bytes) = state.bytes_mut(k);
            bytes[row * row_bytes..(row + 1) * row_bytes].fill(0);
        }
    }

    fn step(&self, turn: Turn<'_, '_, Self>) {
        let level = turn.level;
        simd::run(level, StepBlock { market: self, turn });
    }

    fn observe(&self, _level: Level, state: &Columns, clock: &[u32], rows: Range<usize>, out: &mut [R]) {
        let hours = self.base_demand.len();
        let demand = state.get::<R>(column::DEMAND);
        let width = self.spec.agents.len() * self.spec.observation_len();
        for (row, out) in rows.zip(out.chunks_exact_mut(width)) {
            let day = &demand[row * hours..(row + 1) * hours];
            if self.options.params.day_ahead {
                self.observe_day(day, out);
                continue;
            }
            let t = clock[row] as usize;
            self.templates.write(day[t.min(hours - 1)], t, out);
            if let (Some((agent, feature)), Some(battery)) = (self.soc_feature, &self.options.params.battery) {
                let soc = state.get::<f64>(column::SOC)[row];
                out[agent * self.spec.observation_len() + feature] = R::from_f64(soc / battery.energy());
            }
        }
    }

    fn check_column(&self, name: &str, value: f64) -> Result<()> {
        let fine = match (name, &self.options.params.battery) {
            ("soc", Some(battery)) => (0.0..=battery.energy()).contains(&value),
            _ => value.is_finite() && value >= 0.0,
        };
        if fine {
            return Ok(());
        }
        let expected = match (name, &self.options.params.battery) {
            ("soc", Some(battery)) => format!("a charge from 0 to {} MWh", battery.energy()),
            _ => "a finite demand of at least 0".into(),
        };
        Err(Error::new(Status::InvalidState, format!("expected {expected}, got {value:?}")))
    }
}
