//! Loops of the auction over one market or many: clearing alone, or the fused step of clearing and rewards.

use super::clearing::{clear_one, Cleared, LossOfLoad, Rules};
use super::lanes::{fill_lanes, LanesOf};
pub use super::merit_order::MeritOrder as Order;
use super::merit_order::MeritOrder;
use super::rewards::{pairwise_sum, scaled, unscaled, RewardTerms};
use crate::engine::error::{Error, Result, Status};
use crate::engine::threads;
use crate::simd::{self, for_registers, Kernel, Lanes, Level, Mask, Real, Scalar, Simd};

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

impl<'a, R: Real> Offers<'a, R> {
    /// Number of markets.
    pub fn len(&self) -> usize {
        self.demand.len()
    }

    /// True if there is no market at all.
    pub fn is_empty(&self) -> bool {
        self.demand.is_empty()
    }

    /// Checks lengths, then, market by market, bids, quantities and demand; the message names the first offender.
    /// `num_threads` as in [`run_many`].
    pub fn check(&self, level: Level, batched: bool, num_threads: usize) -> Result<()> {
        let n = self.num_generators;
        if n == 0 {
            return Err(Error::new(Status::Empty, "bids: expected at least one generator, got none"));
        }
        // A product that overflows is the length of no array.
        let expected = self.demand.len().saturating_mul(n);
        Error::check_length("bids", self.bids.len(), expected)?;
        Error::check_length("quantities", self.quantities.len(), expected)?;
        // Reading a number takes a fraction of a nanosecond.
        let parts = threads::parts_for(num_threads, self.len(), expected / 4);
        if parts <= 1 {
            if simd::run(level, AreValid(*self)) {
                return Ok(());
            }
            return self.find_offender(batched);
        }
        let rows_each = self.len().div_ceil(parts);
        let mut tasks: Vec<_> = (0..self.len())
            .step_by(rows_each)
            .map(|first| (AreValid(self.rows(first, rows_each.min(self.len() - first))), false))
            .collect();
        threads::for_each(&mut tasks, |(part, valid)| *valid = simd::run(level, *part));
        if tasks.iter().all(|(_, valid)| *valid) {
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
                    let message = format!("bids{}: expected a finite price, got {:?}", at(k), self.bids[k]);
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

    fn rows(&self, first: usize, count: usize) -> Offers<'a, R> {
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
        return Err(Error::new(Status::QuantityNotFinite, format!("{what}: expected a finite quantity, got {q:?}")));
    }
    if q < 0.0 {
        return Err(Error::new(Status::QuantityNegative, format!("{what}: expected at least 0, got {q:?}")));
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
        return Err(Error::new(Status::DemandNotFinite, format!("{what}: expected a finite demand, got {demand:?}")));
    }
    Err(Error::new(Status::DemandNegative, format!("{what}: expected at least 0, got {demand:?}")))
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
            Err(Error::new(Status::CostNotFinite, format!("costs[{k}]: expected a finite cost, got {:?}", costs[k])))
        }
        None => Ok(()),
    }
}

#[derive(Clone, Copy)]
struct AreValid<'a, R>(Offers<'a, R>);

/// True if all of `x` are finite.
#[inline(always)]
fn all_finite<S: Simd, R: Real>(s: S, x: &[R]) -> bool {
    all_above(s, x, -R::INFINITY)
}

/// True if all of `x` are finite and at least zero.
#[inline(always)]
fn all_offerable<S: Simd, R: Real>(s: S, x: &[R]) -> bool {
    all_above(s, x, R::ZERO)
}

/// True if all of `x` are finite and at least `lowest`. A float less itself is zero if it is finite, else NaN.
#[inline(always)]
#[allow(clippy::eq_op)]
fn all_above<S: Simd, R: Real>(s: S, x: &[R], lowest: R) -> bool {
    type V<S, R> = <R as Real>::Lanes<S>;
    let width = V::<S, R>::WIDTH;
    let zero = V::<S, R>::splat(s, R::ZERO);
    // More than one trace, so that no addition waits for the one before it.
    let (mut traces, mut least) = ([zero; 4], [zero; 4]);
    let (blocks, rest) = x.split_at(x.len() / (4 * width) * (4 * width));
    for_registers!(blocks.len(), 4 * width, |k| {
        let block = &blocks[k];
        for part in 0..4 {
            let x = V::<S, R>::load_or(s, &block[part * width..][..width], R::ZERO);
            traces[part] = traces[part] + (x - x);
            least[part] = least[part].min(x);
        }
    });
    for_registers!(rest.len(), width, |k| {
        let x = V::<S, R>::load_or(s, &rest[k], R::ZERO);
        traces[0] = traces[0] + (x - x);
        least[0] = least[0].min(x);
    });
    let trace = (traces[0] + traces[1]) + (traces[2] + traces[3]);
    let least = least[0].min(least[1]).min(least[2].min(least[3]));
    let lowest = V::<S, R>::splat(s, lowest);
    !zero.eq(zero).and_not(trace.eq(zero).and(lowest.le(least))).any()
}

impl<R: Real> Kernel for AreValid<'_, R> {
    type Output = bool;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> bool {
        let Offers { bids, quantities, demand, .. } = self.0;
        all_finite(s, bids) & all_offerable(s, quantities) & all_offerable(s, demand)
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
    for_registers!(bids.len(), V::<S, R>::WIDTH, |k| {
        let cost = V::<S, R>::load_or(s, &costs.costs[k.clone()], R::ZERO);
        let bid = V::<S, R>::load_or(s, &bids[k.clone()], R::ZERO);
        let cleared = V::<S, R>::load_or(s, &cleared[k.clone()], R::ZERO);
        let profit = unscaled::<S, V<S, R>>(price, cost, bid, cleared, lambda, lol);
        scaled::<S, V<S, R>>(s, profit, denominator).store(&mut rewards[k]);
    });
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
        // More units than these are sorted faster within their own market than across markets; so is a single one.
        let most = if width > 1 { 32 } else { 5 };
        if !self.rules.suit_lanes() || n > most || self.offers.len() * 4 < width {
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
    let parts = threads::parts_for(num_threads, offers.len(), offers.len() * (2 + n + n * n / 50));
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
