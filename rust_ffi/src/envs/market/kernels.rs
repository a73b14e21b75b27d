//! Loops of the auction over one market or many: clearing alone, or the fused step of clearing and rewards.

use super::clearing::{clear_one, Rules};
use super::columns::{self, InColumns};
use super::lanes::{fill_lanes, LanesOf};
pub use super::merit_order::MeritOrder as Order;
use super::merit_order::MeritOrder;
use super::offers::AreValid;
use super::offers::{all_finite, all_offerable};
pub use super::offers::{check_costs, check_demand, Costs, Offers};
use super::rewards::{loss_of_load_of_one, scaled, sum_of_row, unscaled};
use crate::engine::threads;
use crate::simd::{self, for_registers, Kernel, Lanes, Level, Real, Simd};

/// Where the results of `E` markets go.
pub struct Results<'a, R> {
    /// `(E,)`.
    pub prices: &'a mut [R],
    /// `(E, N)`, MW.
    pub cleared: &'a mut [R],
    /// `(E, N)`; empty for clearing alone.
    pub rewards: &'a mut [R],
    /// `(E,)`, MW of demand not served; empty if nobody asks.
    pub unserved: &'a mut [R],
    /// `(E,)`, the loss-of-load penalty charged to each unit; empty if nobody asks.
    pub lol: &'a mut [R],
}

/// One market whose arrays are at hand; see [`clear_one`] for demand.
pub struct OneMarket<'a, R> {
    /// Options of the auction.
    pub rules: &'a Rules,
    /// `(N,)`, currency/MWh.
    pub bids: &'a [R],
    /// `(N,)`, MW.
    pub quantities: &'a [R],
    /// MW.
    pub demand: f64,
    /// `(N,)`, MW, written.
    pub cleared: &'a mut [R],
    /// Scratch memory.
    pub order: &'a mut MeritOrder,
    /// Costs and where rewards go; None for clearing alone.
    pub rewards: Option<(Costs<'a, R>, &'a mut [R])>,
}

/// Price and unserved demand of one market.
#[derive(Clone, Copy, Debug)]
pub struct Hour<R> {
    /// Currency/MWh.
    pub price: R,
    /// MW.
    pub unserved: R,
    /// Loss-of-load penalty as charged to each unit.
    pub lol: R,
}

impl<R: Real> OneMarket<'_, R> {
    /// Checks all inputs and clears. None if an input is invalid; nothing is written then.
    #[inline(always)]
    fn checked<S: Simd>(self, s: S) -> Option<Hour<R>> {
        let costs_fine = self.rewards.as_ref().is_none_or(|(costs, _)| all_finite(s, costs.costs));
        let demand_fine = (0.0..f64::INFINITY).contains(&self.demand);
        if all_finite(s, self.bids) & all_offerable(s, self.quantities) & demand_fine & costs_fine {
            Some(self.trusted(s))
        } else {
            None
        }
    }

    /// Clears inputs that are known to be valid.
    #[inline(always)]
    pub fn trusted<S: Simd>(self, s: S) -> Hour<R> {
        let OneMarket { rules, bids, quantities, demand, cleared, order, rewards } = self;
        let found = clear_one(s, rules, bids, quantities, demand, cleared, order);
        let Some((costs, rewards)) = rewards else {
            return Hour { price: found.price, unserved: R::ZERO, lol: R::ZERO };
        };
        let short = R::from_f64(demand) - sum_of_row(s, cleared);
        let missing = found.shortage.map_or(0.0, |supply| demand - supply.to_f64());
        let (unserved, lol) = loss_of_load_of_one(rules, &costs.terms, short, missing);
        reward_units(s, found.price, lol, &costs, bids, cleared, rewards);
        Hour { price: found.price, unserved, lol }
    }
}

/// Writes the rewards of all units of one market.
#[inline(always)]
pub fn reward_units<S: Simd, R: Real>(
    s: S,
    price: R,
    lol: R,
    costs: &Costs<'_, R>,
    bids: &[R],
    cleared: &[R],
    rewards: &mut [R],
) {
    type V<S, R> = <R as Real>::Lanes<S>;
    let splat = |x| V::<S, R>::splat(s, x);
    let (price, lambda, lol) = (splat(price), splat(costs.terms.lambda), splat(lol));
    let denominator = splat(costs.terms.denominator);
    for_registers!(bids.len(), V::<S, R>::WIDTH, |k| {
        let cost = V::<S, R>::load_or(s, &costs.costs[k.clone()], R::ZERO);
        let bid = V::<S, R>::load_or(s, &bids[k.clone()], R::ZERO);
        let cleared = V::<S, R>::load_or(s, &cleared[k.clone()], R::ZERO);
        let profit = unscaled::<S, V<S, R>>(price, cost, bid, cleared, lambda, lol);
        scaled::<S, V<S, R>>(s, profit, denominator).store(&mut rewards[k]);
    });
}

/// [`OneMarket`] with its inputs checked.
pub struct Checked<'a, R>(pub OneMarket<'a, R>);

impl<R: Real> Kernel for Checked<'_, R> {
    type Output = Option<Hour<R>>;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Option<Hour<R>> {
        self.0.checked(s)
    }
}

/// `E` markets on the calling thread. False if offers that were to be checked are not valid; results are any numbers
/// then.
pub struct ManyMarkets<'a, R> {
    /// Options of the auction.
    pub rules: &'a Rules,
    /// What is offered and wanted.
    pub offers: Offers<'a, R>,
    /// Whether offers and demand are still to be checked, which are valid otherwise.
    pub to_check: bool,
    /// For rewards; None for clearing alone.
    pub costs: Option<Costs<'a, R>>,
    /// Where results go.
    pub results: Results<'a, R>,
}

impl<R: Real> Kernel for ManyMarkets<'_, R> {
    type Output = bool;
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) -> bool {
        let n = self.offers.num_generators;
        let width = <R::Lanes<S> as Lanes<S>>::WIDTH;
        // More units than these are sorted faster down columns of keys, or each market by itself; so is a single one. Keys
        // are of 64 bits, half as many as 32-bit lanes.
        let most = match width {
            1 => 5,
            _ if width == S::F64::WIDTH => 24,
            _ => 32,
        };
        let fill_registers = self.rules.suit_lanes() && self.offers.len() >= width;
        if self.to_check {
            // Whoever reads all offers in lanes checks them on the way.
            let on_the_way = fill_registers && n <= if width > 1 { columns::MOST_UNITS } else { most };
            let offers = Offers { bids: &[], quantities: &[], ..self.offers };
            if !simd::run(s.level(), AreValid(if on_the_way { offers } else { self.offers })) {
                return false;
            }
            self.to_check = on_the_way;
        }
        if n > most {
            return match n {
                0..=64 if width > 1 && fill_registers => simd::run(s.level(), InColumns::<R, 64>(self)),
                65..=128 if width > 1 && fill_registers => simd::run(s.level(), InColumns::<R, 128>(self)),
                129..=columns::MOST_UNITS if width > 1 && fill_registers => {
                    simd::run(s.level(), InColumns::<R, { columns::MOST_UNITS }>(self))
                }
                _ => rows_of_markets(s, &mut self),
            };
        }
        if !self.rules.suit_lanes() || self.offers.len() * 4 < width {
            return rows_of_markets(s, &mut self);
        }
        if self.offers.len() < width {
            return fill_lanes(s, self);
        }
        // Each a function of its own: the compiler is at a loss with the registers of one large function.
        match n {
            0..=1 => simd::run(s.level(), LanesOf::<R, 1>(self)),
            2 => simd::run(s.level(), LanesOf::<R, 2>(self)),
            3 => simd::run(s.level(), LanesOf::<R, 3>(self)),
            4 => simd::run(s.level(), LanesOf::<R, 4>(self)),
            5 => simd::run(s.level(), LanesOf::<R, 5>(self)),
            6 => simd::run(s.level(), LanesOf::<R, 6>(self)),
            7 => simd::run(s.level(), LanesOf::<R, 7>(self)),
            8 => simd::run(s.level(), LanesOf::<R, 8>(self)),
            9..=10 => simd::run(s.level(), LanesOf::<R, 10>(self)),
            11..=12 => simd::run(s.level(), LanesOf::<R, 12>(self)),
            13..=16 => simd::run(s.level(), LanesOf::<R, 16>(self)),
            17..=20 => simd::run(s.level(), LanesOf::<R, 20>(self)),
            21..=24 => simd::run(s.level(), LanesOf::<R, 24>(self)),
            _ => simd::run(s.level(), LanesOf::<R, 32>(self)),
        }
    }
}

/// Costs of the units of market `row`.
#[inline(always)]
pub(super) fn costs_of<'a, R>(costs: &Costs<'a, R>, row: usize, n: usize) -> &'a [R] {
    if costs.costs.len() == n {
        costs.costs
    } else {
        &costs.costs[row * n..(row + 1) * n]
    }
}

#[inline(always)]
fn rows_of_markets<S: Simd, R: Real>(s: S, many: &mut ManyMarkets<'_, R>) -> bool {
    let mut order = MeritOrder::default();
    for row in 0..many.offers.len() {
        one_row(s, many, row, &mut order);
    }
    true
}

/// Clears market `row`.
#[inline(always)]
pub(super) fn one_row<S: Simd, R: Real>(s: S, many: &mut ManyMarkets<'_, R>, row: usize, order: &mut MeritOrder) {
    let n = many.offers.num_generators;
    let units = row * n..(row + 1) * n;
    let one = OneMarket {
        rules: many.rules,
        bids: &many.offers.bids[units.clone()],
        quantities: &many.offers.quantities[units.clone()],
        demand: many.offers.demand[row],
        cleared: &mut many.results.cleared[units.clone()],
        order,
        rewards: many.costs.map(|costs| {
            let own = Costs { costs: costs_of(&costs, row, n), terms: costs.terms };
            (own, &mut many.results.rewards[units])
        }),
    };
    let hour = one.trusted(s);
    many.results.put(row, hour);
}

/// Clears `E` markets, with rewards if there are costs, on up to `num_threads` threads. Lengths match; all else is as
/// [`ManyMarkets`] has it.
pub fn run_many<R: Real>(
    level: Level,
    num_threads: usize,
    rules: &Rules,
    offers: Offers<'_, R>,
    to_check: bool,
    costs: Option<Costs<'_, R>>,
    mut results: Results<'_, R>,
) -> bool {
    let n = offers.num_generators;
    let count = threads::threads_for(num_threads, offers.len(), offers.len() * (2 + n + n * n / 50));
    let pieces = if count == 1 { 1 } else { count * threads::PIECES };
    let rows_each = offers.len().div_ceil(pieces).next_multiple_of(16);
    let mut tasks = Vec::with_capacity(pieces);
    let mut first = 0;
    while first < offers.len() {
        let rows = rows_each.min(offers.len() - first);
        let mine = results.split_off_front(rows, n);
        let own_costs = costs.map(|c| Costs {
            costs: if c.costs.len() == n { c.costs } else { &c.costs[first * n..(first + rows) * n] },
            terms: c.terms,
        });
        let offers = offers.rows(first, rows);
        tasks.push((Some(ManyMarkets { rules, offers, to_check, costs: own_costs, results: mine }), true));
        first += rows;
    }
    threads::for_each(count, &mut tasks, |_, (task, fine)| {
        if let Some(many) = task.take() {
            *fine = simd::run(level, many);
        }
    });
    tasks.iter().all(|(_, fine)| *fine)
}

impl<'a, R> Results<'a, R> {
    /// Writes price and unserved demand of market `row`.
    #[inline(always)]
    fn put(&mut self, row: usize, hour: Hour<R>) {
        self.prices[row] = hour.price;
        if let Some(unserved) = self.unserved.get_mut(row) {
            *unserved = hour.unserved;
        }
        if let Some(lol) = self.lol.get_mut(row) {
            *lol = hour.lol;
        }
    }

    fn split_off_front(&mut self, count: usize, n: usize) -> Results<'a, R> {
        fn front<'a, R>(slice: &mut &'a mut [R], count: usize) -> &'a mut [R] {
            let count = count.min(slice.len());
            let (front, rest) = std::mem::take(slice).split_at_mut(count);
            *slice = rest;
            front
        }
        Results {
            prices: front(&mut self.prices, count),
            cleared: front(&mut self.cleared, count * n),
            rewards: front(&mut self.rewards, count * n),
            unserved: front(&mut self.unserved, count),
            lol: front(&mut self.lol, count),
        }
    }
}
