//! Many markets of many units: sorted one per lane, the keys of each down a column, and settled one after the other.
//!
//! ```text
//! bids: a row per market -> a column of tagged keys per lane     see merit_order
//! sort the columns                                               two instructions per pair
//! two keys alike but for their tags: are the bids in order?      if not, each market by itself: rare, slower
//! walk the columns up to the margin, all lanes at once           quantities are fetched by tag
//! each market: dispatch, rewards                                 whole registers along its row
//! ```

use super::clearing::{dispatch_in_order, dispatch_one, Walk};
use super::kernels::{costs_of, one_row, reward_units, Costs, ManyMarkets};
use super::lanes::conclude;
use super::merit_order::{MeritOrder, TAG};
use super::networks::{padded, sort_columns};
use super::offers::is_fine;
use super::rewards::sum_of_row;
use crate::simd::gather::{each_square, RowWalk};
use crate::simd::stream::fetch_all;
use crate::simd::{Kernel, Lanes, Lanes64, Mask, Real, Simd};

/// Markets of more units are cleared one by one.
pub(super) const MOST_UNITS: usize = 256;
const MOST_LANES: usize = 16;
/// Units that are walked before it is asked whether every market has met its demand.
const STRIDE: usize = 8;

/// As many bids and quantities as these are likely to be in the caches that belong to a core.
const NEARBY: usize = 1 << 15;

type V<S, R> = <R as Real>::Lanes<S>;

/// Keys of eight markets at most, where loads of whole registers do not cross lines.
#[repr(align(64))]
struct Keys<const N: usize>([[f64; MOST_LANES / 2]; N]);

/// At least as many markets as there are lanes, of at most `N` units, which [`MOST_UNITS`] are the most of.
pub struct InColumns<'a, R, const N: usize>(pub ManyMarkets<'a, R>);

/// What is known of the order of some markets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// It is right, and no two bids of a market are equal.
    Strict,
    /// It is right.
    Tied,
    /// Bids that differ in their last bits alone may be in the wrong order.
    Doubtful,
}

/// Where the margins lie: in each lane the place in the order, or the last place where demand is not met.
struct Margins<R> {
    position: [R; MOST_LANES],
    rest: [R; MOST_LANES],
    supply: [R; MOST_LANES],
    met: u32,
}

impl<R: Real, const N: usize> Kernel for InColumns<'_, R, N> {
    type Output = bool;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> bool {
        let InColumns(mut many) = self;
        let (n, width) = (many.offers.num_generators, V::<S, R>::WIDTH);
        let Some(mut walk) = RowWalk::new(n) else { return false };
        let mut keys = [const { Keys([[0.0; MOST_LANES / 2]; N]) }; 2];
        let mut order = MeritOrder::default();
        let last = many.offers.len() - width;
        let read_first = many.to_check || many.offers.bids.len() > NEARBY;
        let mut first = 0;
        loop {
            // This reads the rows from end to end, as memory likes it, before they are read side by side.
            if read_first && !is_fine(s, &many.offers, first..first + width) {
                return false;
            }
            if N > 64 && read_first {
                // Written only after the sort.
                fetch_all(&many.results.cleared[first * n..(first + width) * n]);
                if many.costs.is_some() {
                    fetch_all(&many.results.rewards[first * n..(first + width) * n]);
                }
            }
            match order_columns::<S, R, N>(
                s,
                &many.offers.bids[first * n..(first + width) * n],
                n,
                &mut keys,
                &mut walk,
            ) {
                Order::Doubtful => {
                    for row in first..first + width {
                        one_row(s, &mut many, row, &mut order);
                    }
                }
                certain => {
                    let margins = find::<S, R>(s, &many, first, &walk);
                    settle(s, &mut many, first, &walk, &margins, certain == Order::Tied);
                }
            }
            if first == last {
                return true;
            }
            // The last group may clear markets that the one before it did.
            first = last.min(first + width);
        }
    }
}

/// Sorts the units of as many markets as there are lanes.
#[inline(always)]
fn order_columns<S: Simd, R: Real, const N: usize>(
    s: S,
    bids: &[R],
    n: usize,
    keys: &mut [Keys<N>; 2],
    walk: &mut RowWalk,
) -> Order {
    let wide = S::F64::WIDTH;
    let parts = V::<S, R>::WIDTH / wide;
    let zero = S::F64::splat(s, 0.0);
    each_square(s, bids, n, |first, units| {
        for (unit, bids) in (first..).zip(units) {
            for (part, keys) in R::widen(s, *bids).into_iter().zip(keys.iter_mut()).take(parts) {
                // Adding zero makes -0.0 positive, so that the two zeros tie.
                (part + zero).tag_all(unit as u8, TAG).store(&mut keys.0.as_flattened_mut()[unit * wide..][..wide]);
            }
        }
    });
    let mut alike = S::F64::none(s);
    for (part, Keys(keys)) in keys.iter_mut().enumerate().take(parts) {
        let keys = &mut keys.as_flattened_mut()[..padded(n) * wide];
        let filler = S::F64::splat(s, f64::INFINITY);
        for key in keys[n * wide..].chunks_exact_mut(wide) {
            filler.store(key);
        }
        sort_columns(s, keys);
        let mut before = filler;
        for (k, key) in keys[..n * wide].chunks_exact(wide).enumerate() {
            let key = S::F64::load_or(s, key, 0.0);
            walk.set::<S>(k, part * wide, key);
            alike = alike.or(key.alike(before, TAG));
            before = key;
        }
    }
    if !alike.any() {
        return Order::Strict;
    }
    // Equal bids are in the order of their tags.
    let mut before = walk.load::<S, R>(s, 0, bids);
    let mut wrong = V::<S, R>::none(s);
    for k in 1..n {
        let bid = walk.load::<S, R>(s, k, bids);
        wrong = wrong.or(bid.lt(before));
        before = bid;
    }
    if wrong.any() {
        Order::Doubtful
    } else {
        Order::Tied
    }
}

/// Walks up the order of the markets from `first` on.
#[inline(always)]
fn find<S: Simd, R: Real>(s: S, many: &ManyMarkets<'_, R>, first: usize, units: &RowWalk) -> Margins<R> {
    let (n, width) = (many.offers.num_generators, V::<S, R>::WIDTH);
    let demand = &many.offers.demand[first..first + width];
    let quantities = &many.offers.quantities[first * n..(first + width) * n];
    let one = V::<S, R>::splat(s, R::ONE);
    let mut position = V::<S, R>::splat(s, R::ZERO);
    let mut walk = Walk::<S, R>::start(s, demand, units.load(s, 0, quantities));
    let mut k = 1;
    while k < n {
        let stop = n.min(k + STRIDE);
        while k < stop {
            position = V::<S, R>::select(walk.met, position, position + one);
            walk.pass(units.load(s, k, quantities));
            k += 1;
        }
        if walk.met.bits().count_ones() as usize == width {
            break;
        }
    }
    let mut found = Margins {
        position: [R::ZERO; MOST_LANES],
        rest: [R::ZERO; MOST_LANES],
        supply: [R::ZERO; MOST_LANES],
        met: walk.met.bits(),
    };
    position.store(&mut found.position);
    walk.rest(s, demand).store(&mut found.rest);
    walk.sum.store(&mut found.supply);
    found
}

/// Dispatches and pays the units of the markets from `first` on.
#[inline(always)]
fn settle<S: Simd, R: Real>(
    s: S,
    many: &mut ManyMarkets<'_, R>,
    first: usize,
    walk: &RowWalk,
    margins: &Margins<R>,
    tied: bool,
) {
    let (n, width) = (many.offers.num_generators, V::<S, R>::WIDTH);
    let demand = &many.offers.demand[first..first + width];
    let mut prices = [R::ZERO; MOST_LANES];
    let mut sums = [R::ZERO; MOST_LANES];
    let mut missing = [0.0; MOST_LANES];
    for lane in 0..width {
        let units = (first + lane) * n..(first + lane + 1) * n;
        let bids = &many.offers.bids[units.clone()];
        let cleared = &mut many.results.cleared[units.clone()];
        let quantities = &many.offers.quantities[units];
        let (position, rest) = (margins.position[lane].to_f64() as usize, margins.rest[lane]);
        let marginal = bids[walk.element(position, lane)];
        if margins.met >> lane & 1 == 0 {
            missing[lane] = demand[lane] - margins.supply[lane].to_f64();
            cleared.copy_from_slice(quantities);
        } else if tied {
            dispatch_in_order(s, bids, quantities, position, |k| walk.element(k, lane), rest, cleared);
        } else {
            dispatch_one(s, bids, quantities, marginal, rest, cleared);
        }
        sums[lane] = sum_of_row(s, cleared);
        prices[lane] = marginal;
    }
    let (price, dispatched) = (V::<S, R>::load_or(s, &prices, R::ZERO), V::<S, R>::load_or(s, &sums, R::ZERO));
    let (price, penalty) = conclude(s, many, first, price, dispatched, &missing);
    let Some(costs) = &many.costs else { return };
    let mut lol = [R::ZERO; MOST_LANES];
    price.store(&mut prices);
    penalty.store(&mut lol);
    for lane in 0..width {
        let units = (first + lane) * n..(first + lane + 1) * n;
        let costs = Costs { costs: costs_of(costs, first + lane, n), terms: costs.terms };
        let (bids, cleared) = (&many.offers.bids[units.clone()], &many.results.cleared[units.clone()]);
        reward_units(s, prices[lane], lol[lane], &costs, bids, cleared, &mut many.results.rewards[units]);
    }
}
