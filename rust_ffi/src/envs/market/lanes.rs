//! Many small markets, one per lane.
//!
//! ```text
//! bids, quantities: a row per market -> a register per unit
//! sort bids with their quantities            a network: any order among equal bids
//! two equal bids somewhere: sort stably      rare, slower
//! walk the units up to the margin            all lanes at once, no branches
//! price and rest of the margin -> back to rows, where all else happens in whole registers
//! ```

use super::clearing::{dispatch, LossOfLoad, Walk};
use super::kernels::{ManyMarkets, Results};
use super::networks::{sort_pairs, sort_stably};
use super::offers::{Costs, Offers, Trace};
use super::rewards::{loss_of_load, pairwise_sum, scaled, unscaled};
use crate::simd::gather::each_square;
use crate::simd::{self, Kernel, Lanes, Mask, Real, Simd};

/// Markets of more units are never cleared in lanes.
const MOST_UNITS: usize = 32;
/// Most lanes a register has.
const MOST_LANES: usize = 16;

type V<S, R> = <R as Real>::Lanes<S>;
type Places<S, R> = <V<S, R> as Lanes<S>>::Places;

/// What is the same for all groups of as many markets as there are lanes. Their rows, one after the other, fill as many
/// registers as a market has units.
struct Group<S: Simd, R: Real> {
    /// The market that each lane of each of these registers belongs to.
    markets: [Places<S, R>; MOST_UNITS],
    /// Costs of the units in these registers.
    costs: [R; MOST_UNITS * MOST_LANES],
}

impl<S: Simd, R: Real> Group<S, R> {
    #[inline(always)]
    fn new(s: S, n: usize, costs: &[R]) -> Self {
        let width = V::<S, R>::WIDTH;
        let mut group =
            Group { markets: [V::<S, R>::places(s, |_| 0); MOST_UNITS], costs: [R::ZERO; MOST_UNITS * MOST_LANES] };
        let (mut market, mut unit) = (0, 0);
        for places in &mut group.markets[..n] {
            *places = V::<S, R>::places(s, |_| {
                let here = market;
                unit += 1;
                if unit == n {
                    (market, unit) = (market + 1, 0);
                }
                here
            });
        }
        if costs.len() == n {
            for row in group.costs[..n * width].chunks_exact_mut(n) {
                row.copy_from_slice(costs);
            }
        }
        group
    }
}

/// Where the margin of each market lies. Any unit below `level` clears in full, one at it clears `rest`.
struct Margin<S: Simd, R: Real> {
    /// The marginal bid; infinite in shortage.
    level: V<S, R>,
    rest: V<S, R>,
    /// The price, if there is no cap.
    price: V<S, R>,
    /// Where demand was met.
    met: <V<S, R> as Lanes<S>>::Mask,
    /// All supply.
    supply: V<S, R>,
}

impl<S: Simd, R: Real> Margin<S, R> {
    /// Walks up sorted offers. `highest` tells the highest bid of each market where the last of `bids` does not.
    #[inline(always)]
    fn find(s: S, bids: &[V<S, R>], quantities: &[V<S, R>], demand: &[f64], highest: Option<V<S, R>>) -> Self {
        let mut walk = Walk::<S, R>::start(s, demand, quantities[0]);
        let mut price = bids[0];
        for k in 1..bids.len() {
            price = V::<S, R>::select(walk.met, price, bids[k]);
            walk.pass(quantities[k]);
        }
        let met = walk.met;
        if let Some(highest) = highest {
            price = V::<S, R>::select(met, price, highest);
        }
        let rest = walk.rest(s, demand);
        let level = V::<S, R>::select(met, price, V::<S, R>::splat(s, R::INFINITY));
        Margin { level, rest, price, met, supply: walk.sum }
    }
}

/// At least as many markets as there are lanes, of at most `N` units.
pub struct LanesOf<'a, R, const N: usize>(pub ManyMarkets<'a, R>);

impl<R: Real, const N: usize> Kernel for LanesOf<'_, R, N> {
    type Output = bool;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> bool {
        let LanesOf(mut many) = self;
        let n = many.offers.num_generators;
        let width = V::<S, R>::WIDTH;
        let group = Group::<S, R>::new(s, n.min(N), many.costs.map_or(&[], |costs| costs.costs));
        let last = many.offers.len() - width;
        let (mut first, mut trace) = (0, Trace::new(s));
        loop {
            if n == N || N <= 8 {
                one_group::<S, R, N>(s, &mut many, &group, first, N, &mut trace);
            } else {
                one_group::<S, R, N>(s, &mut many, &group, first, n, &mut trace);
            }
            if first == last {
                return !many.to_check || trace.is_fine(s);
            }
            // The last group may clear markets that the one before it did.
            first = last.min(first + width);
        }
    }
}

/// Clears fewer markets than there are lanes, by repeating the last one.
#[inline(always)]
pub fn fill_lanes<S: Simd, R: Real>(s: S, many: ManyMarkets<'_, R>) -> bool {
    fn repeat<T: Copy>(from: &[T], row: usize, to: &mut [T]) {
        let (there, missing) = to.split_at_mut(from.len());
        there.copy_from_slice(from);
        for to in missing.chunks_exact_mut(row) {
            to.copy_from_slice(&from[from.len() - row..]);
        }
    }
    let ManyMarkets { rules, offers, costs, results, .. } = many;
    let (n, width) = (offers.num_generators, V::<S, R>::WIDTH);
    let size = n * width;
    let mut arrays = [[R::ZERO; MOST_UNITS * MOST_LANES]; 5];
    let [bids, quantities, own_costs, cleared, rewards] = &mut arrays;
    let mut per_market = [[R::ZERO; MOST_LANES]; 3];
    let [prices, unserved, lol] = &mut per_market;
    let mut demand = [0.0; MOST_LANES];
    repeat(offers.bids, n, &mut bids[..size]);
    repeat(offers.quantities, n, &mut quantities[..size]);
    repeat(offers.demand, 1, &mut demand[..width]);
    let costs = costs.map(|given| {
        let costs = if given.costs.len() == n {
            given.costs
        } else {
            repeat(given.costs, n, &mut own_costs[..size]);
            &own_costs[..size]
        };
        Costs { costs, terms: given.terms }
    });
    let asked = |wanted: &[R], all: usize| if wanted.is_empty() { 0 } else { all };
    let full = ManyMarkets {
        rules,
        offers: Offers {
            bids: &bids[..size],
            quantities: &quantities[..size],
            demand: &demand[..width],
            num_generators: n,
        },
        to_check: false,
        costs,
        results: Results {
            prices: &mut prices[..width],
            cleared: &mut cleared[..size],
            rewards: &mut rewards[..asked(results.rewards, size)],
            unserved: &mut unserved[..asked(results.unserved, width)],
            lol: &mut lol[..asked(results.lol, width)],
        },
    };
    simd::run(s.level(), full);
    for (to, from) in [
        (results.prices, &prices[..]),
        (results.cleared, &cleared[..]),
        (results.rewards, &rewards[..]),
        (results.unserved, &unserved[..]),
        (results.lol, &lol[..]),
    ] {
        let count = to.len();
        to.copy_from_slice(&from[..count]);
    }
    true
}

/// Clears the markets from `first` on.
#[inline(always)]
fn one_group<S: Simd, R: Real, const N: usize>(
    s: S,
    many: &mut ManyMarkets<'_, R>,
    group: &Group<S, R>,
    first: usize,
    n: usize,
    trace: &mut Trace<S, R>,
) {
    let width = V::<S, R>::WIDTH;
    let zero = V::<S, R>::splat(s, R::ZERO);
    let units = first * n..(first + width) * n;
    let demand = &many.offers.demand[first..first + width];
    let bid_rows = &many.offers.bids[units.clone()];
    let quantity_rows = &many.offers.quantities[units.clone()];
    let mut bids = [V::<S, R>::splat(s, R::NAN); N];
    let mut quantities = [zero; N];
    load_columns::<S, R, N>(s, bid_rows, n, &mut bids);
    load_columns::<S, R, N>(s, quantity_rows, n, &mut quantities);
    if many.to_check {
        for k in 0..n {
            trace.add(bids[k], quantities[k]);
        }
    }
    let (mut sorted_bids, mut sorted_quantities) = (bids, quantities);
    sort_pairs::<S, V<S, R>, N>(s, &mut sorted_bids, &mut sorted_quantities);
    let mut ties = V::<S, R>::none(s);
    for k in 1..N {
        ties = ties.or(sorted_bids[k - 1].eq(sorted_bids[k]));
    }

    let cleared = &mut many.results.cleared[units.clone()];
    let (margin, total) = if ties.any() {
        let mut found = [[R::ZERO; MOST_LANES]; 6];
        let tied =
            Tied { bids: bid_rows, quantities: quantity_rows, demand, n, cleared: &mut *cleared, found: &mut found };
        simd::run(s.level(), tied);
        let [level, rest, price, met, supply, total] = &found;
        let load = |x: &[R]| V::<S, R>::load_or(s, x, R::ZERO);
        let met = zero.lt(load(met));
        (Margin { level: load(level), rest: load(rest), price: load(price), met, supply: load(supply) }, load(total))
    } else {
        let highest = if n == N { None } else { Some(highest(s, &bids[..n])) };
        let margin = Margin::<S, R>::find(s, &sorted_bids, &sorted_quantities, demand, highest);
        let cleared = &mut cleared[..n * width];
        for k in 0..n {
            let bid = V::<S, R>::load_or(s, &bid_rows[k * width..][..width], R::ZERO);
            let quantity = V::<S, R>::load_or(s, &quantity_rows[k * width..][..width], R::ZERO);
            let (level, rest) = (margin.level.pick(group.markets[k]), margin.rest.pick(group.markets[k]));
            dispatch(s, bid, quantity, level, rest).store(&mut cleared[k * width..][..width]);
        }
        let mut columns = [zero; N];
        for k in 0..N {
            columns[k] = dispatch(s, bids[k], quantities[k], margin.level, margin.rest);
        }
        let total = pairwise_sum::<S, V<S, R>>(s, n, &|k: usize| columns[k]);
        (margin, total)
    };
    let mut missing = [0.0; MOST_LANES];
    if many.costs.is_some() && many.rules.loss_of_load == LossOfLoad::Robust {
        let (mut supply, mut met) = ([R::ZERO; MOST_LANES], [R::ZERO; MOST_LANES]);
        margin.supply.store(&mut supply);
        V::<S, R>::select(margin.met, V::<S, R>::splat(s, R::ONE), zero).store(&mut met);
        for lane in 0..width {
            missing[lane] = if met[lane] > R::ZERO { 0.0 } else { demand[lane] - supply[lane].to_f64() };
        }
    }
    let (price, lol) = conclude(s, many, first, margin.price, total, &missing);
    let Some(costs) = many.costs else { return };
    let terms = &costs.terms;
    let lambda = V::<S, R>::splat(s, terms.lambda);
    let denominator = V::<S, R>::splat(s, terms.denominator);
    let cost_rows = if costs.costs.len() == n { &group.costs[..width * n] } else { &costs.costs[units.clone()] };
    let cleared = &many.results.cleared[units.clone()];
    let rewards = &mut many.results.rewards[units];
    for k in 0..n {
        let at = k * width..(k + 1) * width;
        let bid = V::<S, R>::load_or(s, &bid_rows[at.clone()], R::ZERO);
        let cost = V::<S, R>::load_or(s, &cost_rows[at.clone()], R::ZERO);
        let cleared = V::<S, R>::load_or(s, &cleared[at.clone()], R::ZERO);
        let (price, lol) = (price.pick(group.markets[k]), lol.pick(group.markets[k]));
        let profit = unscaled::<S, V<S, R>>(price, cost, bid, cleared, lambda, lol);
        scaled::<S, V<S, R>>(s, profit, denominator).store(&mut rewards[at]);
    }
}

#[inline(always)]
fn highest<S: Simd, V: Lanes<S>>(_: S, bids: &[V]) -> V {
    let mut highest = bids[0];
    for bid in bids {
        highest = highest.max(*bid);
    }
    highest
}

/// A group in which units of a market tie: they clear in the order of their indices.
struct Tied<'a, R> {
    bids: &'a [R],
    quantities: &'a [R],
    demand: &'a [f64],
    n: usize,
    cleared: &'a mut [R],
    /// Level, rest, price, whether demand was met, supply, sum of dispatch.
    found: &'a mut [[R; MOST_LANES]; 6],
}

impl<R: Real> Kernel for Tied<'_, R> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Tied { bids: bid_rows, quantities: quantity_rows, demand, n, cleared: cleared_rows, found } = self;
        let zero = V::<S, R>::splat(s, R::ZERO);
        let one = V::<S, R>::splat(s, R::ONE);
        let (mut bids, mut quantities) = ([zero; MOST_UNITS], [zero; MOST_UNITS]);
        let n = n.min(MOST_UNITS);
        for k in 0..n {
            bids[k] = V::<S, R>::from_fn(s, |lane| bid_rows[lane * n + k]);
            quantities[k] = V::<S, R>::from_fn(s, |lane| quantity_rows[lane * n + k]);
        }
        let (mut sorted_bids, mut sorted_quantities) = (bids, quantities);
        sort_stably(s, &mut sorted_bids[..n], &mut sorted_quantities[..n]);
        let margin = Margin::<S, R>::find(s, &sorted_bids[..n], &sorted_quantities[..n], demand, None);
        // Units at the margin's level that come before it.
        let mut before = zero;
        let mut walk = Walk::<S, R>::start(s, demand, sorted_quantities[0]);
        for k in 0..n {
            if k > 0 {
                walk.pass(sorted_quantities[k]);
            }
            let is_before = sorted_bids[k].eq(margin.level).and_not(walk.met);
            before = before + V::<S, R>::select(is_before, one, zero);
        }
        let mut cleared = [zero; MOST_UNITS];
        let mut ties = zero;
        for k in 0..n {
            let at_level = bids[k].eq(margin.level);
            let in_full = bids[k].lt(margin.level).or(at_level.and(ties.lt(before)));
            let marginal = V::<S, R>::select(at_level.and(ties.eq(before)), margin.rest, zero);
            cleared[k] = V::<S, R>::select(in_full, quantities[k], marginal);
            ties = ties + V::<S, R>::select(at_level, one, zero);
            let mut lanes = [R::ZERO; MOST_LANES];
            cleared[k].store(&mut lanes);
            for (row, lane) in cleared_rows.chunks_exact_mut(n).zip(lanes) {
                row[k] = lane;
            }
        }
        let total = pairwise_sum::<S, V<S, R>>(s, n, &|k: usize| cleared[k]);
        let met = V::<S, R>::select(margin.met, one, zero);
        for (to, x) in found.iter_mut().zip([margin.level, margin.rest, margin.price, met, margin.supply, total]) {
            x.store(to);
        }
    }
}

/// Loads `n` units, at most `N`, of as many markets as there are lanes: rows become a register per unit.
#[inline(always)]
fn load_columns<S: Simd, R: Real, const N: usize>(s: S, rows: &[R], n: usize, columns: &mut [V<S, R>; N]) {
    each_square(s, &rows[..V::<S, R>::WIDTH * n], n, |first, units| {
        columns[first..first + units.len()].copy_from_slice(units);
    });
}

/// Caps the prices of the markets from `first` on, prices what was not served, and writes both. Gives the prices, and the
/// penalty of every unit. `missing` is demand less all supply, or zero where it was met.
#[inline(always)]
pub(super) fn conclude<S: Simd, R: Real>(
    s: S,
    many: &mut ManyMarkets<'_, R>,
    first: usize,
    price: V<S, R>,
    dispatched: V<S, R>,
    missing: &[f64; MOST_LANES],
) -> (V<S, R>, V<S, R>) {
    let markets = first..first + V::<S, R>::WIDTH;
    let cap = V::<S, R>::splat(s, R::from_f64(many.rules.price_cap));
    let price = V::<S, R>::select(cap.lt(price), cap, price);
    price.store(&mut many.results.prices[markets.clone()]);
    let Some(costs) = &many.costs else { return (price, V::<S, R>::splat(s, R::ZERO)) };
    let short = R::load_rounded(s, &many.offers.demand[markets.clone()]) - dispatched;
    let (unserved, penalty) = loss_of_load::<S, R>(s, many.rules, &costs.terms, short, missing);
    if !many.results.unserved.is_empty() {
        unserved.store(&mut many.results.unserved[markets.clone()]);
    }
    if !many.results.lol.is_empty() {
        penalty.store(&mut many.results.lol[markets]);
    }
    (price, penalty)
}
