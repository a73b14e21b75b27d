//! The clearing rule, written once: [`Walk`] finds the margin and [`dispatch`] says what a unit clears, for one market
//! or for one per lane. Here they clear a single market; `lanes` clears many.

use super::merit_order::MeritOrder;
use crate::simd::{for_registers, Lanes, Mask, Real, Scalar, Simd};

/// Who sets the price when demand is not met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ScarcityPrice {
    /// The highest bid of all, even of a unit that offers nothing.
    #[default]
    HighestBid,
    /// The highest bid among units that offer something (of all, if none does).
    HighestDispatchedBid,
}

/// How unserved demand is measured for the loss-of-load penalty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LossOfLoad {
    /// Demand less the sum of dispatch, in working precision: rounding can leave a trace of a shortfall.
    #[default]
    Original,
    /// Demand less all supply where the margin was not reached, else exactly zero.
    Robust,
}

/// Who clears among units that bid the marginal price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TieRule {
    /// Lower index first.
    #[default]
    Index,
    /// All in proportion to what they offer.
    ProRata,
}

/// The options of the auction. The default is the rule of the original market.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Upper limit of the price, applied last; infinite for none.
    pub price_cap: f64,
    /// Price in shortage.
    pub scarcity_price: ScarcityPrice,
    /// Accounting of unserved demand.
    pub loss_of_load: LossOfLoad,
    /// Rule for ties.
    pub tie_rule: TieRule,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            price_cap: f64::INFINITY,
            scarcity_price: ScarcityPrice::default(),
            loss_of_load: LossOfLoad::default(),
            tie_rule: TieRule::default(),
        }
    }
}

impl Rules {
    /// True if markets of these rules can be cleared one per lane.
    pub fn suit_lanes(&self) -> bool {
        self.scarcity_price == ScarcityPrice::HighestBid && self.tie_rule == TieRule::Index
    }
}

/// What clearing found, besides the dispatch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cleared<R> {
    /// Price paid to all.
    pub price: R,
    /// All supply (MW) where it fell short of demand.
    pub shortage: Option<R>,
}

/// Clears one market. Inputs are valid: finite bids, finite quantities and demand of at least zero, at least
/// one unit, equal lengths. Demand is 64-bit also for 32-bit offers: the search and the last subtraction are
/// done there, and the marginal dispatch is rounded once.
#[inline(always)]
pub fn clear_one<S: Simd, R: Real>(
    s: S,
    rules: &Rules,
    bids: &[R],
    quantities: &[R],
    demand: f64,
    cleared: &mut [R],
    order: &mut MeritOrder,
) -> Cleared<R> {
    order.sort(s, bids);
    let by_keys = order.tagged().and_then(|units| find_margin(units, Some(order), bids, quantities, demand));
    let margin = match by_keys {
        Some(margin) => margin,
        None => {
            if order.tagged().is_some() {
                order.sort_exactly(bids);
            }
            let nothing = Margin::Short { last: 0, supply: R::ZERO };
            find_margin(order.exact(), None, bids, quantities, demand).unwrap_or(nothing)
        }
    };
    let mut outcome = match margin {
        Margin::Short { last, supply } => {
            cleared.copy_from_slice(quantities);
            let price = match rules.scarcity_price {
                ScarcityPrice::HighestBid => bids[last],
                ScarcityPrice::HighestDispatchedBid => highest_dispatched_bid(bids, quantities).unwrap_or(bids[last]),
            };
            Cleared { price, shortage: Some(supply) }
        }
        Margin::Met { position, unit, rest } => {
            match rules.tie_rule {
                TieRule::Index => dispatch_in_order(s, bids, quantities, position, |k| order.unit(k), rest, cleared),
                TieRule::ProRata => {
                    dispatch_one(s, bids, quantities, bids[unit], R::ZERO, cleared);
                    share_margin(order, bids, quantities, demand, bids[unit], cleared);
                }
            }
            Cleared { price: bids[unit], shortage: None }
        }
    };
    let cap = R::from_f64(rules.price_cap);
    if cap < outcome.price {
        outcome.price = cap;
    }
    outcome
}

enum Margin<R> {
    Met { position: usize, unit: usize, rest: R },
    Short { last: usize, supply: R },
}

/// True if unit `b` comes after unit `a`.
#[inline(always)]
fn follows<R: Real>(bids: &[R], a: usize, b: usize) -> bool {
    bids[a] < bids[b] || (bids[a] == bids[b] && a < b)
}

/// A walk up the merit order, of one market per lane: the rule itself. It takes in one unit after the other, and the
/// margin is where the running sum first reaches demand.
pub struct Walk<S: Simd, R: Real> {
    threshold: R::Lanes<S>,
    /// Supply of the units taken in (MW).
    pub sum: R::Lanes<S>,
    /// Supply of the units before the margin (MW), or before the last unit where demand is not met.
    before: R::Lanes<S>,
    /// Where demand is met.
    pub met: <R::Lanes<S> as Lanes<S>>::Mask,
}

impl<S: Simd, R: Real> Walk<S, R> {
    /// Starts at the first unit. `demand` (MW) has as many elements as there are lanes.
    #[inline(always)]
    pub fn start(s: S, demand: &[f64], quantity: R::Lanes<S>) -> Self {
        // A running sum reaches demand if it reaches the next number of its own precision.
        let threshold = R::load_not_below(s, demand);
        let before = R::Lanes::<S>::splat(s, R::ZERO);
        Walk { threshold, sum: quantity, before, met: threshold.le(quantity) }
    }

    /// Takes in the next unit.
    #[inline(always)]
    pub fn pass(&mut self, quantity: R::Lanes<S>) {
        self.before = R::Lanes::<S>::select(self.met, self.before, self.sum);
        self.sum = self.sum + quantity;
        // Sums never fall, so what is met stays so.
        self.met = self.threshold.le(self.sum);
    }

    /// What is left of demand for the marginal unit (MW), subtracted in full precision and rounded once.
    #[inline(always)]
    pub fn rest(&self, s: S, demand: &[f64]) -> R::Lanes<S> {
        R::load_less(s, demand, self.before)
    }
}

/// What a unit clears that ties with no other: everything below the marginal bid `level`, the `rest` at it, nothing
/// above. An infinite level clears everybody.
#[inline(always)]
pub fn dispatch<S: Simd, V: Lanes<S>>(s: S, bid: V, quantity: V, level: V, rest: V) -> V {
    let marginal = V::select(bid.eq(level), rest, V::splat(s, V::Scalar::ZERO));
    V::select(bid.lt(level), quantity, marginal)
}

/// Walks the order up to the margin. None if the order turns out wrong on the way, which only that by `keys` can.
#[inline(always)]
fn find_margin<R: Real>(
    mut units: impl Iterator<Item = usize>,
    keys: Option<&MeritOrder>,
    bids: &[R],
    quantities: &[R],
    demand: f64,
) -> Option<Margin<R>> {
    type One<R> = <R as Real>::Lanes<Scalar>;
    let mut orderly = true;
    let mut position = 0;
    let mut unit = units.next()?;
    let mut walk = Walk::<Scalar, R>::start(Scalar, &[demand], One::<R>::splat(Scalar, quantities[unit]));
    while !walk.met.any() {
        position += 1;
        if position == bids.len() {
            return orderly.then_some(Margin::Short { last: unit, supply: only(walk.sum) });
        }
        let next = units.next()?;
        orderly &= R::HAS_SPARE_BITS || follows(bids, unit, next);
        walk.pass(One::<R>::splat(Scalar, quantities[next]));
        unit = next;
    }
    if let Some(order) = keys {
        let mut later = position;
        while later + 1 < bids.len() && order.is_doubtful::<R>(later) {
            orderly &= follows(bids, order.unit(later), order.unit(later + 1));
            later += 1;
        }
    }
    orderly.then_some(Margin::Met { position, unit, rest: only(walk.rest(Scalar, &[demand])) })
}

/// The number in a single lane.
#[inline(always)]
fn only<V: Lanes<Scalar>>(x: V) -> V::Scalar {
    let mut lane = [V::Scalar::ZERO];
    x.store(&mut lane);
    lane[0]
}

/// [`dispatch`] of all units of one market.
#[inline(always)]
pub fn dispatch_one<S: Simd, R: Real>(s: S, bids: &[R], quantities: &[R], price: R, rest: R, cleared: &mut [R]) {
    let width = R::Lanes::<S>::WIDTH;
    let price = R::Lanes::<S>::splat(s, price);
    let rest = R::Lanes::<S>::splat(s, rest);
    for_registers!(bids.len(), width, |k| {
        let bid = R::Lanes::<S>::load_or(s, &bids[k.clone()], R::ZERO);
        let offered = R::Lanes::<S>::load_or(s, &quantities[k.clone()], R::ZERO);
        dispatch(s, bid, offered, price, rest).store(&mut cleared[k]);
    });
}

/// Dispatches all units of one market, the marginal one at `position` of the order that `unit` tells. Others may bid the
/// same: those before it clear in full, those after it nothing.
#[inline(always)]
pub fn dispatch_in_order<S: Simd, R: Real>(
    s: S,
    bids: &[R],
    quantities: &[R],
    position: usize,
    unit: impl Fn(usize) -> usize,
    rest: R,
    cleared: &mut [R],
) {
    let marginal = unit(position);
    dispatch_one(s, bids, quantities, bids[marginal], R::ZERO, cleared);
    for tied in (0..position).rev().map(unit).take_while(|&k| bids[k] == bids[marginal]) {
        cleared[tied] = quantities[tied];
    }
    cleared[marginal] = rest;
}

fn highest_dispatched_bid<R: Real>(bids: &[R], quantities: &[R]) -> Option<R> {
    let offered = bids.iter().zip(quantities).filter(|(_, q)| **q > R::ZERO).map(|(b, _)| *b);
    offered.reduce(|a, b| if b < a { a } else { b })
}

/// Shares what the cheaper units leave among those that bid `price`.
#[inline(never)]
fn share_margin<R: Real>(order: &MeritOrder, bids: &[R], quantities: &[R], demand: f64, price: R, cleared: &mut [R]) {
    let in_order = (0..bids.len()).map(|k| order.unit(k));
    let cheaper = in_order.take_while(|&k| bids[k] < price).map(|k| quantities[k]).reduce(|sum, q| sum + q);
    let rest = R::from_f64(cheaper.map_or(demand, |sum| demand - sum.to_f64()));
    let tied = || (0..bids.len()).filter(|&k| bids[k] == price);
    let offered = tied().fold(R::ZERO, |sum, k| sum + quantities[k]);
    let share = if offered > R::ZERO { rest / offered } else { R::ZERO };
    let share = if share > R::ONE { R::ONE } else { share };
    for k in tied() {
        cleared[k] = quantities[k] * share;
    }
}
