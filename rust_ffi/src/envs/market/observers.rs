//! What agents see: demand of the hour, capacities and costs, the clock; all scaled.
//!
//! | name | features |
//! |---|---|
//! | `basic` | demand, own capacity, costs of the others, capacities of the others |
//! | `simple` | demand, own capacity, own cost, hour/24 |
//! | `simple_v2` | as `simple`, then day/7 |
//! | `simple_v3` | demand, own capacity, own cost, sine and cosine of the hour, sine and cosine of the day |

use crate::engine::columns::{Dtype, Element};
use crate::engine::error::{did_you_mean, Error, Result, Status};
use crate::engine::spec::Space;
use crate::simd::Real;

/// sin(2 pi h / 24), evaluated from left to right, correctly rounded.
#[allow(clippy::approx_constant)] // the values of a table, not of a constant
const HOUR_SIN: [f64; 24] = [
    0.0,
    0.25881904510252074,
    0.49999999999999994,
    0.7071067811865475,
    0.8660254037844386,
    0.9659258262890683,
    1.0,
    0.9659258262890683,
    0.8660254037844387,
    0.7071067811865476,
    0.49999999999999994,
    0.258819045102521,
    1.2246467991473532e-16,
    -0.2588190451025208,
    -0.4999999999999997,
    -0.7071067811865471,
    -0.8660254037844384,
    -0.9659258262890683,
    -1.0,
    -0.9659258262890684,
    -0.8660254037844386,
    -0.7071067811865477,
    -0.5000000000000004,
    -0.25881904510252157,
];
/// cos(2 pi h / 24).
#[allow(clippy::approx_constant)]
const HOUR_COS: [f64; 24] = [
    1.0,
    0.9659258262890683,
    0.8660254037844387,
    0.7071067811865476,
    0.5000000000000001,
    0.25881904510252074,
    6.123233995736766e-17,
    -0.25881904510252063,
    -0.4999999999999998,
    -0.7071067811865475,
    -0.8660254037844387,
    -0.9659258262890682,
    -1.0,
    -0.9659258262890683,
    -0.8660254037844388,
    -0.7071067811865479,
    -0.5000000000000004,
    -0.25881904510252063,
    -1.8369701987210297e-16,
    0.2588190451025203,
    0.5000000000000001,
    0.7071067811865474,
    0.8660254037844384,
    0.9659258262890681,
];
/// sin(2 pi d / 7).
const DAY_SIN: [f64; 7] = [
    0.0,
    0.7818314824680298,
    0.9749279121818236,
    0.43388373911755823,
    -0.433883739117558,
    -0.9749279121818236,
    -0.7818314824680299,
];
/// cos(2 pi d / 7).
const DAY_COS: [f64; 7] = [
    1.0,
    0.6234898018587336,
    -0.22252093395631434,
    -0.900968867902419,
    -0.9009688679024191,
    -0.2225209339563146,
    0.6234898018587334,
];

/// The kind of observer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observer {
    /// Demand, own capacity, everybody else's costs and capacities; no clock.
    Basic,
    /// Demand, own capacity and cost, hour.
    Simple,
    /// And the day of the week.
    SimpleV2,
    /// Hour and day as points on circles.
    SimpleV3,
}

/// Names of all observers.
pub const NAMES: [&str; 4] = ["basic", "simple", "simple_v2", "simple_v3"];

impl Observer {
    /// The observer called `name`.
    pub fn named(name: &str) -> Result<Self> {
        let all = [Observer::Basic, Observer::Simple, Observer::SimpleV2, Observer::SimpleV3];
        all.into_iter().zip(NAMES).find(|(_, known)| *known == name).map(|(observer, _)| observer).ok_or_else(|| {
            let message = format!("observer: no observer is called {name:?}{}", did_you_mean(name, NAMES));
            Error::new(Status::UnknownId, message)
        })
    }

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Observer::Basic => "basic",
            Observer::Simple => "simple",
            Observer::SimpleV2 => "simple_v2",
            Observer::SimpleV3 => "simple_v3",
        }
    }

    /// Number of features with `n` agents.
    pub fn len(self, n: usize) -> usize {
        match self {
            Observer::Basic => 2 * n,
            Observer::Simple => 4,
            Observer::SimpleV2 => 5,
            Observer::SimpleV3 => 7,
        }
    }

    /// Names and bounds of the features of agent `i` of `n`.
    pub fn features(self, i: usize, n: usize) -> Vec<Feature> {
        let mut all = vec![free("demand"), within("capacity", 0.0)];
        if self == Observer::Basic {
            all.extend((0..n).filter(|&j| j != i).map(|j| free(&format!("cost_{j}"))));
            all.extend((0..n).filter(|&j| j != i).map(|j| within(&format!("capacity_{j}"), 0.0)));
            return all;
        }
        all.push(free("cost"));
        if self == Observer::SimpleV3 {
            all.extend(["hour_sin", "hour_cos", "day_sin", "day_cos"].map(|name| within(name, -1.0)));
            return all;
        }
        all.push(within("hour", 0.0));
        if self == Observer::SimpleV2 {
            all.push(within("day", 0.0));
        }
        all
    }

    /// Writes the clock features of hour `t` at their place in an observation.
    #[inline(always)]
    fn write_clock<R: Real>(self, t: usize, obs: &mut [R]) {
        let (hour, day) = (t % 24, t / 24 % 7);
        match (self, obs) {
            (Observer::Simple, [_, _, _, h, ..]) => *h = R::from_f64(hour as f64 / 24.0),
            (Observer::SimpleV2, [_, _, _, h, d, ..]) => {
                *h = R::from_f64(hour as f64 / 24.0);
                *d = R::from_f64(day as f64 / 7.0);
            }
            (Observer::SimpleV3, [_, _, _, hs, hc, ds, dc, ..]) => {
                *hs = R::from_f64(HOUR_SIN[hour]);
                *hc = R::from_f64(HOUR_COS[hour]);
                *ds = R::from_f64(DAY_SIN[day]);
                *dc = R::from_f64(DAY_COS[day]);
            }
            _ => {}
        }
    }

    /// The stand-alone observation of one agent, from numbers already at hand.
    pub fn write_alone<R: Real>(self, demand: R, capacity: R, cost: R, t: usize, obs: &mut [R]) {
        if let [d, k, c, ..] = obs {
            (*d, *k, *c) = (demand, capacity, cost);
        }
        self.write_clock(t, obs);
    }
}

/// The scales that features are divided by; each 1 where the largest value is not positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scales<R> {
    /// Largest base demand (MW).
    pub demand: R,
    /// Largest capacity (MW).
    pub capacity: R,
    /// Largest cost (currency/MWh).
    pub cost: R,
}

impl<R: Real> Scales<R> {
    /// The scales of a market.
    pub fn of(demand: &[R], capacities: &[R], costs: &[R]) -> Self {
        let largest = |x: &[R]| {
            let most = x.iter().copied().reduce(|a, b| if a < b { b } else { a }).unwrap_or(R::ZERO);
            if most > R::ZERO {
                most
            } else {
                R::ONE
            }
        };
        Scales { demand: largest(demand), capacity: largest(capacities), cost: largest(costs) }
    }
}

/// An observation of each of some agents with all that does not change with time filled in.
#[derive(Clone)]
pub struct Templates<R> {
    observer: Observer,
    demand_scale: R,
    width: usize,
    templates: Vec<R>,
}

impl<R: Real + Element> Templates<R> {
    /// Templates for the agents `seats`, padded with zeros to `width`. `extended` are capacities and costs
    /// including a battery's; seats beyond the generators see all agents, generators only each other.
    pub fn new(
        observer: Observer,
        scales: Scales<R>,
        capacities: &[R],
        costs: &[R],
        num_generators: usize,
        seats: &[usize],
        width: usize,
    ) -> Self {
        let mut templates = vec![R::ZERO; seats.len() * width];
        for (obs, &i) in templates.chunks_exact_mut(width.max(1)).zip(seats) {
            let n = if i < num_generators { num_generators } else { capacities.len() };
            let others = || (0..n).filter(move |&j| j != i);
            let mut features = vec![R::ZERO, capacities[i] / scales.capacity];
            if observer == Observer::Basic {
                features.extend(others().map(|j| costs[j] / scales.cost));
                features.extend(others().map(|j| capacities[j] / scales.capacity));
            } else {
                features.push(costs[i] / scales.cost);
            }
            obs[..features.len()].copy_from_slice(&features);
        }
        Templates { observer, demand_scale: scales.demand, width, templates }
    }

    /// Writes the observations of hour `t`, in which `demand` (MW) is wanted, of all agents of the templates.
    #[inline(always)]
    pub fn write(&self, demand: R, t: usize, out: &mut [R]) {
        out.copy_from_slice(&self.templates);
        let scaled = demand / self.demand_scale;
        for obs in out.chunks_exact_mut(self.width) {
            obs[0] = scaled;
            self.observer.write_clock(t, obs);
        }
    }
}

/// A feature: its name and bounds.
pub type Feature = (String, Option<f64>, Option<f64>);

/// A feature without bounds.
pub fn free(name: &str) -> Feature {
    (name.to_string(), None, None)
}

/// A feature from `low` to 1.
pub fn within(name: &str, low: f64) -> Feature {
    (name.to_string(), Some(low), Some(1.0))
}

/// The space of observations made of `features`.
pub fn space(features: Vec<Feature>, dtype: Dtype) -> Space {
    Space::Box {
        shape: vec![features.len()],
        dtype,
        low: features.iter().map(|feature| feature.1).collect(),
        high: features.iter().map(|feature| feature.2).collect(),
        names: features.into_iter().map(|feature| feature.0).collect(),
    }
}
