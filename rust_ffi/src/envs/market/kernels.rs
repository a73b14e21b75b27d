//! Loops of the auction over one market or many: clearing alone, or the fused step of clearing and rewards.

use super::clearing::{clear_lanes, clear_one, Cleared, LossOfLoad, Rules, MOST_UNITS_IN_LANES};
use super::merit_order::all_finite;
pub use super::merit_order::MeritOrder as Order;
use super::merit_order::MeritOrder;
use super::rewards::{pairwise_sum, scaled, unscaled, RewardTerms};
use crate::engine::error::{Error, Result, Status};
use crate::engine::threads;
use crate::simd::{self, Kernel, Lanes, Level, Mask, Real, Scalar, Simd};

/// `E` markets of `N` units each. Rows follow each other; all slices have matching lengths.
#[derive(Clone, Copy)]
pub struct Offers<'a, R> {
    /// `(E, N)`, currency/MWh.
    pub bids: &'a [R],
    /// `(E, N)`, MW.
    pub quantities: &'a [R],
    /// `(E,)`, MW; 64-bit also for 32-bit offers, see [`clear_one`].
    pub demand: &'a [f64],
    /// N.
    pub num_generators: usize,
}

/// What the fused step adds to clearing.
#[derive(Clone, Copy)]
pub struct Costs<'a, R> {
    /// `(N,)` for all markets, or `(E, N)`, currency/MWh.
    pub costs: &'a [R],
    /// The fixed numbers of the reward.
    pub terms: RewardTerms<R>,
}

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

impl<R: Real> Offers<'_, R> {
    /// Number of markets.
    pub fn len(&self) -> usize {
        self.demand.len()
    }

    /// True if there is no market at all.
    pub fn is_empty(&self) -> bool {
        self.demand.is_empty()
    }

    /// Checks lengths, then, market by market, bids, quantities and demand; the message names the first offender.
    pub fn check(&self, level: Level, batched: bool) -> Result<()> {
        let n = self.num_generators;
        if n == 0 {
            return Err(Error::new(Status::Empty, "bids: expected at least one generator, got none"));
        }
        Error::check_length("bids", self.bids.len(), self.demand.len() * n)?;
        Error::check_length("quantities", self.quantities.len(), self.demand.len() * n)?;
        if simd::run(level, AreValid { bids: self.bids, quantities: self.quantities, demand: self.demand }) {
            return Ok(());
        }
        self.find_offender(batched)
    }

    #[cold]
    fn find_offender(&self, batched: bool) -> Result<()> {
        let at = |k: usize| match (batched, self.num_generators) {
            (true, n) => format!("[{}, {}]", k / n, k % n),
            (false, _) => format!("[{k}]"),
        };
        let n = self.num_generators;
        for (row, demand) in self.demand.iter().enumerate() {
            for k in row * n..(row + 1) * n {
                if !self.bids[k].is_finite() {
                    let message = format!("bids{}: expected a finite price, got {}", at(k), self.bids[k]);
                    return Err(Error::new(Status::BidNotFinite, message));
                }
            }
            for k in row * n..(row + 1) * n {
                check_quantity(&format!("quantities{}", at(k)), self.quantities[k].to_f64())?;
            }
            check_demand(&if batched { format!("demand[{row}]") } else { "demand".into() }, *demand)?;
        }
        Ok(())
    }

    fn rows(&self, first: usize, count: usize) -> Self {
        let n = self.num_generators;
        Offers {
            bids: &self.bids[first * n..(first + count) * n],
            quantities: &self.quantities[first * n..(first + count) * n],
            demand: &self.demand[first..first + count],
            num_generators: n,
        }
    }
}

fn check_quantity(what: &str, q: f64) -> Result<()> {
    if !q.is_finite() {
        return Err(Error::new(Status::QuantityNotFinite, format!("{what}: expected a finite quantity, got {q}")));
    }
    if q < 0.0 {
        return Err(Error::new(Status::QuantityNegative, format!("{what}: expected at least 0, got {q}")));
    }
    Ok(())
}

/// Checks that demand is finite and not negative.
#[inline(always)]
pub fn check_demand(what: &str, demand: f64) -> Result<()> {
    if (0.0..f64::INFINITY).contains(&demand) {
        return Ok(());
    }
    if !demand.is_finite() {
        return Err(Error::new(Status::DemandNotFinite, format!("{what}: expected a finite demand, got {demand}")));
    }
    Err(Error::new(Status::DemandNegative, format!("{what}: expected at least 0, got {demand}")))
}

/// Checks that costs are finite and as many as one market or all markets have.
pub fn check_costs<R: Real>(level: Level, costs: &[R], offers: &Offers<'_, R>) -> Result<()> {
    let n = offers.num_generators;
    if costs.len() != n {
        Error::check_length("costs", costs.len(), offers.bids.len())?;
    }
    struct AreFinite<'a, R>(&'a [R]);
    impl<R: Real> Kernel for AreFinite<'_, R> {
        type Output = bool;
        fn run<S: Simd>(self, s: S) -> bool {
            all_finite(s, self.0)
        }
    }
    if simd::run(level, AreFinite(costs)) {
        return Ok(());
    }
    match costs.iter().position(|c| !c.is_finite()) {
        Some(k) => {
            Err(Error::new(Status::CostNotFinite, format!("costs[{k}]: expected a finite cost, got {}", costs[k])))
        }
        None => Ok(()),
    }
}

struct AreValid<'a, R> {
    bids: &'a [R],
    quantities: &'a [R],
    demand: &'a [f64],
}

#[inline(always)]
fn all_offerable<S: Simd, R: Real>(s: S, x: &[R]) -> bool {
    let zero = R::Lanes::<S>::splat(s, R::ZERO);
    let infinity = R::Lanes::<S>::splat(s, R::INFINITY);
    let mut bad = <R::Lanes<S> as Lanes<S>>::none(s);
    for x in x.chunks(R::Lanes::<S>::WIDTH) {
        let x = R::Lanes::<S>::load_or(s, x, R::ZERO);
        bad = bad.or(zero.eq(zero).and_not(zero.le(x).and(x.lt(infinity))));
    }
    !bad.any()
}

impl<R: Real> Kernel for AreValid<'_, R> {
    type Output = bool;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> bool {
        all_finite(s, self.bids) & all_offerable(s, self.quantities) & all_offerable(s, self.demand)
    }
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
        let (unserved, lol) = loss_of_load(rules, demand, cleared, &found, &costs.terms);
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
    for first in (0..bids.len()).step_by(V::<S, R>::WIDTH) {
        let load = |from: &[R]| V::<S, R>::load_or(s, &from[first..], R::ZERO);
        let profit = unscaled::<S, V<S, R>>(price, load(costs.costs), load(bids), load(cleared), lambda, lol);
        scaled::<S, V<S, R>>(s, profit, denominator).store(&mut rewards[first..]);
    }
}

/// Unserved demand (MW) and the penalty for it.
#[inline(always)]
fn loss_of_load<R: Real>(
    rules: &Rules,
    demand: f64,
    cleared: &[R],
    found: &Cleared<R>,
    terms: &RewardTerms<R>,
) -> (R, R) {
    match rules.loss_of_load {
        LossOfLoad::Original => {
            let total = total_cleared(cleared);
            let unserved = positive(R::from_f64(demand) - total);
            (unserved, terms.unit_lol * unserved)
        }
        LossOfLoad::Robust => {
            let unserved = found.shortage.map_or(0.0, |supply| demand - supply.to_f64());
            (R::from_f64(unserved), R::from_f64(terms.unit_lol_wide * unserved))
        }
    }
}

/// The sum of a dispatch (MW), in the order the rewards depend on.
#[inline(always)]
pub fn total_cleared<R: Real>(cleared: &[R]) -> R {
    let mut sum = [R::ZERO];
    let term = |k: usize| R::Lanes::<Scalar>::splat(Scalar, cleared[k]);
    pairwise_sum::<Scalar, R::Lanes<Scalar>>(Scalar, cleared.len(), &term).store(&mut sum);
    sum[0]
}

#[inline(always)]
fn positive<R: Real>(x: R) -> R {
    if x > R::ZERO {
        x
    } else {
        R::ZERO
    }
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

/// `E` valid markets on the calling thread.
pub struct ManyMarkets<'a, R> {
    /// Options of the auction.
    pub rules: &'a Rules,
    /// What is offered and wanted.
    pub offers: Offers<'a, R>,
    /// For rewards; None for clearing alone.
    pub costs: Option<Costs<'a, R>>,
    /// Where results go.
    pub results: Results<'a, R>,
}

impl<R: Real> Kernel for ManyMarkets<'_, R> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let n = self.offers.num_generators;
        let width = <R::Lanes<S> as Lanes<S>>::WIDTH;
        if self.rules.suit_lanes() && n <= MOST_UNITS_IN_LANES && (width > 1 || n <= 4) {
            let mut first = 0;
            while first < self.offers.len() {
                lanes_of_markets(s, &mut self, first);
                first += width;
            }
        } else {
            rows_of_markets(s, &mut self);
        }
    }
}

/// Costs of the units of market `row`.
#[inline(always)]
fn costs_of<'a, R>(costs: &Costs<'a, R>, row: usize, n: usize) -> &'a [R] {
    if costs.costs.len() == n {
        costs.costs
    } else {
        &costs.costs[row * n..(row + 1) * n]
    }
}

#[inline(always)]
fn rows_of_markets<S: Simd, R: Real>(s: S, many: &mut ManyMarkets<'_, R>) {
    let n = many.offers.num_generators;
    let mut order = MeritOrder::default();
    for row in 0..many.offers.len() {
        let units = row * n..(row + 1) * n;
        let one = OneMarket {
            rules: many.rules,
            bids: &many.offers.bids[units.clone()],
            quantities: &many.offers.quantities[units.clone()],
            demand: many.offers.demand[row],
            cleared: &mut many.results.cleared[units.clone()],
            order: &mut order,
            rewards: many.costs.map(|costs| {
                let own = Costs { costs: costs_of(&costs, row, n), terms: costs.terms };
                (own, &mut many.results.rewards[units])
            }),
        };
        let hour = one.trusted(s);
        many.results.prices[row] = hour.price;
        if let Some(unserved) = many.results.unserved.get_mut(row) {
            *unserved = hour.unserved;
        }
        if let Some(lol) = many.results.lol.get_mut(row) {
            *lol = hour.lol;
        }
    }
}

/// Clears as many markets as there are lanes, from row `first` on; past the end, lanes repeat the last market.
#[inline(always)]
fn lanes_of_markets<S: Simd, R: Real>(s: S, many: &mut ManyMarkets<'_, R>, first: usize) {
    type V<S, R> = <R as Real>::Lanes<S>;
    let n = many.offers.num_generators;
    let width = V::<S, R>::WIDTH;
    let last = many.offers.len() - 1;
    let there = width.min(many.offers.len() - first);
    let column = |from: &[R], unit: usize| {
        if there == width {
            let rows = &from[first * n..(first + width) * n];
            V::<S, R>::from_fn(s, |lane| rows[lane * n + unit])
        } else {
            V::<S, R>::from_fn(s, |lane| from[(first + lane).min(last) * n + unit])
        }
    };
    let zero = V::<S, R>::splat(s, R::ZERO);
    let mut bids = [zero; MOST_UNITS_IN_LANES];
    let mut quantities = [zero; MOST_UNITS_IN_LANES];
    for unit in 0..n {
        bids[unit] = column(many.offers.bids, unit);
        quantities[unit] = column(many.offers.quantities, unit);
    }
    let mut wanted = [0.0; 16];
    wanted[..there].copy_from_slice(&many.offers.demand[first..first + there]);
    let demand = V::<S, R>::from_fn(s, |lane| R::from_f64(wanted[lane]));
    let mut cleared = [zero; MOST_UNITS_IN_LANES];
    let found = clear_lanes::<S, V<S, R>>(s, many.rules, &bids[..n], &quantities[..n], &wanted, &mut cleared[..n]);
    found.price.store(&mut many.results.prices[first..]);

    let scatter = |to: &mut [R], columns: &[V<S, R>]| {
        let to = &mut to[first * n..(first + there) * n];
        for (unit, column) in columns.iter().enumerate() {
            let mut lanes = [R::ZERO; 16];
            column.store(&mut lanes);
            for lane in 0..there {
                to[lane * n + unit] = lanes[lane];
            }
        }
    };
    scatter(many.results.cleared, &cleared[..n]);
    let Some(costs) = many.costs else { return };

    let splat = |x| V::<S, R>::splat(s, x);
    let terms = &costs.terms;
    let (unserved, lol) = match many.rules.loss_of_load {
        LossOfLoad::Original => {
            let short = demand - pairwise_sum(s, n, &|k| cleared[k]);
            let unserved = V::<S, R>::select(zero.lt(short), short, zero);
            (unserved, splat(terms.unit_lol) * unserved)
        }
        LossOfLoad::Robust => {
            let mut supply = [R::ZERO; 16];
            let mut met = [R::ZERO; 16];
            found.supply.store(&mut supply);
            V::<S, R>::select(found.met, splat(R::ONE), zero).store(&mut met);
            let missing = |k: usize| if met[k] > R::ZERO { 0.0 } else { wanted[k] - supply[k].to_f64() };
            (
                V::<S, R>::from_fn(s, |k| R::from_f64(missing(k))),
                V::<S, R>::from_fn(s, |k| R::from_f64(terms.unit_lol_wide * missing(k))),
            )
        }
    };
    if !many.results.unserved.is_empty() {
        unserved.store(&mut many.results.unserved[first..]);
    }
    if !many.results.lol.is_empty() {
        lol.store(&mut many.results.lol[first..]);
    }
    let (lambda, denominator) = (splat(terms.lambda), splat(terms.denominator));
    let shared = costs.costs.len() == n;
    let mut rewards = [zero; MOST_UNITS_IN_LANES];
    for unit in 0..n {
        let cost = if shared { splat(costs.costs[unit]) } else { column(costs.costs, unit) };
        let profit = unscaled::<S, V<S, R>>(found.price, cost, bids[unit], cleared[unit], lambda, lol);
        rewards[unit] = scaled::<S, V<S, R>>(s, profit, denominator);
    }
    scatter(many.results.rewards, &rewards[..n]);
}

/// Clears `E` valid markets, with rewards if there are costs, on up to `num_threads` threads.
pub fn run_many<R: Real>(
    level: Level,
    num_threads: usize,
    rules: &Rules,
    offers: Offers<'_, R>,
    costs: Option<Costs<'_, R>>,
    mut results: Results<'_, R>,
) {
    let n = offers.num_generators;
    let parts = threads::parts_for(num_threads, offers.len(), offers.len() * (40 + 6 * n));
    let rows_each = offers.len().div_ceil(parts).next_multiple_of(16);
    let mut tasks = Vec::with_capacity(parts);
    let mut first = 0;
    while first < offers.len() {
        let count = rows_each.min(offers.len() - first);
        let mine = results.split_off_front(count, n);
        let own_costs = costs.map(|c| Costs {
            costs: if c.costs.len() == n { c.costs } else { &c.costs[first * n..(first + count) * n] },
            terms: c.terms,
        });
        tasks.push(Some(ManyMarkets { rules, offers: offers.rows(first, count), costs: own_costs, results: mine }));
        first += count;
    }
    threads::for_each(&mut tasks, |task| {
        if let Some(many) = task.take() {
            simd::run(level, many);
        }
    });
}

impl<'a, R> Results<'a, R> {
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
