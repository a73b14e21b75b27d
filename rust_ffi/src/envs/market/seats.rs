//! Who sits in a market, and how what they play becomes an offer.

use super::env::Market;
use super::hours::{Work, MOST_LANES};
use super::params::Options;
use crate::engine::actions::Actions;
use crate::engine::columns::{Dtype, Element};
use crate::simd::{math, Lanes, Mask, Real, Scalar, Simd};

/// Who sits where, and what those play who do not learn.
pub struct Seats<R> {
    /// MW, of all agents.
    pub capacities: Vec<R>,
    /// Currency/MWh, of all agents.
    pub costs: Vec<R>,
    /// Those who learn, ascending.
    pub(super) learners: Vec<usize>,
    /// Numbers of each learner, repeated so that a register of lanes can be loaded at any learner: lowest first
    /// component, capacity, cost.
    lowest: Vec<f64>,
    wide_capacities: Vec<f64>,
    wide_costs: Vec<f64>,
    /// What each agent plays when it does not learn: `action_len` numbers.
    pub(super) constants: Vec<Vec<f64>>,
}

impl<R: Real> Seats<R> {
    pub fn new(options: &Options, capacities: Vec<R>, costs: Vec<R>) -> Self {
        let steps = if options.params.day_ahead { options.params.hours() } else { 1 };
        let learners = options.seats.clone();
        let of_learners = |f: &dyn Fn(usize) -> f64| {
            learners.iter().map(|&seat| f(seat)).cycle().take(learners.len() + MOST_LANES).collect::<Vec<_>>()
        };
        let n = options.params.num_generators();
        // Policies are what a trained agent would send: 32-bit numbers.
        let narrow = |x: &f64| f64::from(*x as f32);
        Seats {
            lowest: of_learners(&|seat| if seat < n { 0.0 } else { -1.0 }),
            wide_capacities: of_learners(&|seat| capacities[seat].to_f64()),
            wide_costs: of_learners(&|seat| wide_cost(options, &costs, seat)),
            constants: options
                .policies
                .iter()
                .map(|policy| {
                    let given: Vec<f64> = policy.as_ref().map_or(vec![0.0; 2], |p| p.iter().map(narrow).collect());
                    let (first, second) = given.split_at(given.len() / 2);
                    [first.repeat(steps / first.len()), second.repeat(steps / first.len())].concat()
                })
                .collect(),
            learners,
            capacities,
            costs,
        }
    }
}

/// What an agent's bid is measured from: a generator's cost in working precision, a battery's reference as given.
fn wide_cost<R: Real>(options: &Options, costs: &[R], seat: usize) -> f64 {
    match &options.params.battery {
        Some(battery) if seat == options.params.num_generators() => battery.bid_ref,
        _ => costs[seat].to_f64(),
    }
}

impl<R: Real + Element> Market<R> {
    /// Offer and bid for an action: `q = (1 - a0) K`, `b = c + tanh(a1) max_bid_delta`, rounded as in the
    /// original market. `narrow` tells that the action came in 32 bits.
    #[inline(always)]
    fn project<S: Simd>(
        &self,
        s: S,
        action: [S::F64; 2],
        lowest: S::F64,
        capacity: S::F64,
        cost: S::F64,
        narrow: bool,
    ) -> [S::F64; 2] {
        let splat = |x| S::F64::splat(s, x);
        let [mut a0, mut a1] = action;
        if self.options.clips {
            a0 = a0.max(lowest).min(splat(1.0));
            a1 = a1.max(splat(-10.0)).min(splat(10.0));
        }
        // A row whose episode is over may carry any action; nothing of it is kept, but it must not be NaN.
        let infinity = splat(f64::INFINITY);
        let usable = a0.abs().lt(infinity).and(a1.abs().lt(infinity));
        a0 = S::F64::select(usable, a0, splat(0.0));
        a1 = S::F64::select(usable, a1, splat(0.0));
        let offered = R::round_wide(s, splat(1.0) - a0) * capacity;
        let tanh = math::tanh(s, a1);
        let tanh = if narrow { R::round_wide(s, tanh) } else { tanh };
        let bid = cost + tanh * splat(self.options.params.max_bid_delta);
        [R::round_wide(s, offered), R::round_wide(s, bid)]
    }

    /// [`Market::project`] of one agent.
    pub(super) fn project_one(&self, seat: usize, a0: f64, a1: f64, narrow: bool) -> (R, R) {
        type One = <Scalar as Simd>::F64;
        let splat = |x| One::splat(Scalar, x);
        let lowest = if seat < self.options.params.num_generators() { 0.0 } else { -1.0 };
        let capacity = self.seats.capacities[seat].to_f64();
        let cost = wide_cost(&self.options, &self.seats.costs, seat);
        let action = [splat(a0), splat(a1)];
        let [q, b] = self.project(Scalar, action, splat(lowest), splat(capacity), splat(cost), narrow);
        let (mut quantity, mut bid) = ([0.0], [0.0]);
        q.store(&mut quantity);
        b.store(&mut bid);
        (R::from_f64(quantity[0]), R::from_f64(bid[0]))
    }

    /// Offers of all learners of all rows.
    #[inline(always)]
    pub(super) fn project_all<S: Simd>(&self, s: S, actions: Actions<'_>, work: &mut Work<R>) {
        let seats = &self.seats;
        let learners = seats.learners.len();
        let agents = self.options.params.num_agents();
        let narrow = actions.dtype() == Dtype::Float32;
        let count = actions.len() / 2;
        let (mut row_start, mut learner) = (0, 0);
        let mut first = 0;
        while first < count {
            let there = S::F64::WIDTH.min(count - first);
            let lowest = S::F64::load_or(s, &seats.lowest[learner..], 0.0);
            let capacity = S::F64::load_or(s, &seats.wide_capacities[learner..], 0.0);
            let cost = S::F64::load_or(s, &seats.wide_costs[learner..], 0.0);
            let action = match actions {
                Actions::F32(x) => [load_pairs(s, &x[2 * first..], 0), load_pairs(s, &x[2 * first..], 1)],
                Actions::F64(x) => [load_pairs(s, &x[2 * first..], 0), load_pairs(s, &x[2 * first..], 1)],
                _ => [S::F64::splat(s, 0.0); 2],
            };
            let [q, b] = self.project(s, action, lowest, capacity, cost, narrow);
            if learners == agents {
                R::store_rounded::<S>(q, &mut work.quantities[first..first + there]);
                R::store_rounded::<S>(b, &mut work.bids[first..first + there]);
                learner = (learner + there) % learners;
            } else {
                let (mut quantities, mut bids) = ([R::ZERO; MOST_LANES], [R::ZERO; MOST_LANES]);
                R::store_rounded::<S>(q, &mut quantities);
                R::store_rounded::<S>(b, &mut bids);
                for lane in 0..there {
                    let at = row_start + seats.learners[learner];
                    work.quantities[at] = quantities[lane];
                    work.bids[at] = bids[lane];
                    learner += 1;
                    if learner == learners {
                        learner = 0;
                        row_start += agents;
                    }
                }
            }
            first += S::F64::WIDTH;
        }
    }
}

/// Component `k` of the first pairs of `x`.
#[inline(always)]
fn load_pairs<S: Simd, A: Real>(s: S, x: &[A], k: usize) -> S::F64 {
    if x.len() >= 2 * S::F64::WIDTH {
        let x = &x[..2 * S::F64::WIDTH];
        S::F64::from_fn(s, |lane| x[2 * lane + k].to_f64())
    } else {
        S::F64::from_fn(s, |lane| x.get(2 * lane + k).map_or(0.0, |x| x.to_f64()))
    }
}
