//! What comes into an auction, and whether it can be.

use super::rewards::RewardTerms;
use crate::engine::error::{Error, Result, Status};
use crate::engine::threads;
use crate::simd::{self, for_registers, Kernel, Lanes, Level, Mask, Real, Simd};
use std::ops::Range;

/// `E` markets of `N` units each. Rows follow each other; all slices have matching lengths.
#[derive(Clone, Copy)]
pub struct Offers<'a, R> {
    /// `(E, N)`, currency/MWh.
    pub bids: &'a [R],
    /// `(E, N)`, MW.
    pub quantities: &'a [R],
    /// `(E,)`, MW; 64-bit also for 32-bit offers, see [`super::clearing::clear_one`].
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
    /// `num_threads` as in [`super::kernels::run_many`].
    pub fn check(&self, level: Level, batched: bool, num_threads: usize) -> Result<()> {
        self.check_lengths()?;
        // Reading a number takes a fraction of a nanosecond.
        let count = threads::threads_for(num_threads, self.len(), self.bids.len() / 4);
        if count <= 1 {
            if simd::run(level, AreValid(*self)) {
                return Ok(());
            }
            return self.find_offender(batched);
        }
        let rows_each = self.len().div_ceil(count * threads::PIECES);
        let mut tasks: Vec<_> = (0..self.len())
            .step_by(rows_each)
            .map(|first| (AreValid(self.rows(first, rows_each.min(self.len() - first))), false))
            .collect();
        threads::for_each(count, &mut tasks, |_, (part, valid)| *valid = simd::run(level, *part));
        if tasks.iter().all(|(_, valid)| *valid) {
            return Ok(());
        }
        self.find_offender(batched)
    }

    /// Checks lengths alone.
    pub fn check_lengths(&self) -> Result<()> {
        let n = self.num_generators;
        if n == 0 {
            return Err(Error::new(Status::Empty, "bids: expected at least one generator, got none"));
        }
        // A product that overflows is the length of no array.
        let expected = self.demand.len().saturating_mul(n);
        Error::check_length("bids", self.bids.len(), expected)?;
        Error::check_length("quantities", self.quantities.len(), expected)
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

    /// The markets `first` to `first + count`.
    pub(super) fn rows(&self, first: usize, count: usize) -> Offers<'a, R> {
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
pub(super) struct AreValid<'a, R>(pub Offers<'a, R>);

/// True if the offers of these markets are all valid; does not ask about demand.
#[inline(always)]
pub(super) fn is_fine<S: Simd, R: Real>(s: S, offers: &Offers<'_, R>, markets: Range<usize>) -> bool {
    let units = markets.start * offers.num_generators..markets.end * offers.num_generators;
    all_finite(s, &offers.bids[units.clone()]) & all_offerable(s, &offers.quantities[units])
}

/// What is left to see of offers that came by in lanes.
pub(super) struct Trace<S: Simd, R: Real> {
    /// Zero as long as all were finite.
    bids: R::Lanes<S>,
    quantities: R::Lanes<S>,
    least: R::Lanes<S>,
}

impl<S: Simd, R: Real> Trace<S, R> {
    #[inline(always)]
    pub fn new(s: S) -> Self {
        let zero = R::Lanes::<S>::splat(s, R::ZERO);
        Trace { bids: zero, quantities: zero, least: zero }
    }

    /// Looks at one unit of each market.
    #[inline(always)]
    #[allow(clippy::eq_op)]
    pub fn add(&mut self, bids: R::Lanes<S>, quantities: R::Lanes<S>) {
        self.bids = self.bids + (bids - bids);
        self.quantities = self.quantities + (quantities - quantities);
        self.least = self.least.min(quantities);
    }

    /// True if all offers were valid.
    #[inline(always)]
    pub fn is_fine(&self, s: S) -> bool {
        let zero = R::Lanes::<S>::splat(s, R::ZERO);
        let fine = (self.bids + self.quantities).eq(zero).and(zero.le(self.least));
        !zero.eq(zero).and_not(fine).any()
    }
}

/// True if all of `x` are finite.
#[inline(always)]
pub(super) fn all_finite<S: Simd, R: Real>(s: S, x: &[R]) -> bool {
    all_above(s, x, -R::INFINITY)
}

/// True if all of `x` are finite and at least zero.
#[inline(always)]
pub(super) fn all_offerable<S: Simd, R: Real>(s: S, x: &[R]) -> bool {
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
