//! What each unit earns in an hour.
//!
//! `reward = 20 * ((P - c) * a - lambda * (b - c)^2 - lol) / (demand_scale * cost_scale * max(1, T))`
//!
//! with price `P`, cost `c` and bid `b` in currency/MWh, dispatch `a` in MW, and `lol` the loss-of-load penalty
//! that every unit is charged in full. The order of operations is part of the contract.

use super::clearing::{LossOfLoad, Rules};
use crate::engine::error::{Error, Result, Status};
use crate::simd::{self, Kernel, Lanes, Real, Scalar, Simd};

/// Fixed numbers of the reward.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RewardParams {
    /// Regulariser on the distance of a bid from its cost; finite, not negative.
    pub lambda_bid_penalty: f64,
    /// Penalty per MW of unserved demand; finite, not negative.
    pub unit_lol_penalty: f64,
    /// Demand that counts as one (MW); finite, positive.
    pub demand_scale: f64,
    /// Cost that counts as one (currency/MWh); finite, positive.
    pub cost_scale: f64,
    /// Hours of an episode; enters as `max(1, T)`.
    pub time_horizon: f64,
}

impl Default for RewardParams {
    fn default() -> Self {
        RewardParams {
            lambda_bid_penalty: 0.01,
            unit_lol_penalty: 1.0,
            demand_scale: 1.0,
            cost_scale: 1.0,
            time_horizon: 24.0,
        }
    }
}

impl RewardParams {
    /// Checks every field's range.
    pub fn check(&self) -> Result<()> {
        let not_negative = [
            ("lambda_bid_penalty", self.lambda_bid_penalty),
            ("unit_lol_penalty", self.unit_lol_penalty),
            ("time_horizon", self.time_horizon),
        ];
        for (name, x) in not_negative {
            if !(x.is_finite() && x >= 0.0) {
                return Err(Error::new(
                    Status::ParameterInvalid,
                    format!("{name}: expected a finite number of at least 0, got {x:?}"),
                ));
            }
        }
        for (name, x) in [("demand_scale", self.demand_scale), ("cost_scale", self.cost_scale)] {
            if !(x.is_finite() && x > 0.0) {
                return Err(Error::new(
                    Status::ParameterInvalid,
                    format!("{name}: expected a finite number above 0, got {x:?}"),
                ));
            }
        }
        Ok(())
    }
}

/// [`RewardParams`] in the working precision.
#[derive(Clone, Copy, Debug)]
pub struct RewardTerms<R> {
    /// See [`RewardParams::lambda_bid_penalty`].
    pub lambda: R,
    /// Penalty per MW, in working precision.
    pub unit_lol: R,
    /// The same, in full precision, for the robust accounting.
    pub unit_lol_wide: f64,
    /// `demand_scale * cost_scale * max(1, T)`, rounded after each product.
    pub denominator: R,
}

impl<R: Real> RewardTerms<R> {
    /// The terms of `params`.
    pub fn new(params: &RewardParams) -> Self {
        RewardTerms {
            lambda: R::from_f64(params.lambda_bid_penalty),
            unit_lol: R::from_f64(params.unit_lol_penalty),
            unit_lol_wide: params.unit_lol_penalty,
            denominator: R::from_f64(params.demand_scale)
                * R::from_f64(params.cost_scale)
                * R::from_f64(params.time_horizon.max(1.0)),
        }
    }
}

/// Unserved demand (MW) and the penalty for it, in each lane. `short` is demand less dispatch, which rounding may leave
/// a little off zero; `missing`, of as many as there are lanes, is demand less all supply, or zero where it was met.
#[inline(always)]
pub fn loss_of_load<S: Simd, R: Real>(
    s: S,
    rules: &Rules,
    terms: &RewardTerms<R>,
    short: R::Lanes<S>,
    missing: &[f64],
) -> (R::Lanes<S>, R::Lanes<S>) {
    match rules.loss_of_load {
        LossOfLoad::Original => {
            let zero = R::Lanes::<S>::splat(s, R::ZERO);
            let unserved = R::Lanes::<S>::select(zero.lt(short), short, zero);
            (unserved, R::Lanes::<S>::splat(s, terms.unit_lol) * unserved)
        }
        LossOfLoad::Robust => {
            let mut penalty = [0.0; 16];
            for (penalty, missing) in penalty.iter_mut().zip(missing) {
                *penalty = terms.unit_lol_wide * *missing;
            }
            (R::load_rounded(s, missing), R::load_rounded(s, &penalty))
        }
    }
}

/// [`loss_of_load`] of a single market.
#[inline(always)]
pub fn loss_of_load_of_one<R: Real>(rules: &Rules, terms: &RewardTerms<R>, short: R, missing: f64) -> (R, R) {
    let (mut unserved, mut lol) = ([R::ZERO], [R::ZERO]);
    let short = R::Lanes::<Scalar>::splat(Scalar, short);
    let (u, l) = loss_of_load::<Scalar, R>(Scalar, rules, terms, short, &[missing]);
    u.store(&mut unserved);
    l.store(&mut lol);
    (unserved[0], lol[0])
}

/// The profit of a unit less its penalties, before scaling.
#[inline(always)]
pub fn unscaled<S: Simd, V: Lanes<S>>(price: V, cost: V, bid: V, cleared: V, lambda: V, lol: V) -> V {
    let distance = bid - cost;
    ((price - cost) * cleared - lambda * (distance * distance)) - lol
}

/// Brings a profit to the scale of rewards.
#[inline(always)]
pub fn scaled<S: Simd, V: Lanes<S>>(s: S, profit: V, denominator: V) -> V {
    profit / denominator * V::splat(s, V::Scalar::from_f64(20.0))
}

/// The sum of `n` terms in NumPy's pairwise order, which the recorded rewards depend on: left to right below
/// eight terms; eight interleaved sums up to 128; halves (of a multiple of eight) above.
#[inline(always)]
pub fn pairwise_sum<S: Simd, V: Lanes<S>>(s: S, n: usize, term: &impl Fn(usize) -> V) -> V {
    if n <= 128 {
        return short_sum(s, 0, n, term);
    }
    long_sum(s, 0, n, term)
}

fn long_sum<S: Simd, V: Lanes<S>>(s: S, first: usize, n: usize, term: &impl Fn(usize) -> V) -> V {
    if n <= 128 {
        return short_sum(s, first, n, term);
    }
    let half = n / 2 / 8 * 8;
    long_sum(s, first, half, term) + long_sum(s, first + half, n - half, term)
}

#[inline(always)]
fn short_sum<S: Simd, V: Lanes<S>>(s: S, first: usize, n: usize, term: &impl Fn(usize) -> V) -> V {
    if n < 8 {
        let mut sum = V::splat(s, V::Scalar::ZERO);
        for k in first..first + n {
            sum = sum + term(k);
        }
        return sum;
    }
    let mut sums = [term(first); 8];
    for (k, sum) in sums.iter_mut().enumerate() {
        *sum = term(first + k);
    }
    let blocks = n / 8 * 8;
    for block in (8..blocks).step_by(8) {
        for (k, sum) in sums.iter_mut().enumerate() {
            *sum = *sum + term(first + block + k);
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    let mut sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
    for k in first + blocks..first + n {
        sum = sum + term(k);
    }
    sum
}

/// [`pairwise_sum`] of numbers that lie in a row: the eight interleaved sums are lanes.
#[inline(always)]
pub fn sum_of_row<S: Simd, R: Real>(s: S, row: &[R]) -> R {
    if row.len() <= 128 {
        return sum_of_short_row(s, row);
    }
    let (first, second) = row.split_at(row.len() / 2 / 8 * 8);
    simd::run(s.level(), SumOfRow(first)) + simd::run(s.level(), SumOfRow(second))
}

struct SumOfRow<'a, R>(&'a [R]);

impl<R: Real> Kernel for SumOfRow<'_, R> {
    type Output = R;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> R {
        sum_of_row(s, self.0)
    }
}

#[inline(always)]
fn sum_of_short_row<S: Simd, R: Real>(s: S, row: &[R]) -> R {
    let (eights, rest) = row.as_chunks::<8>();
    let Some((first, eights)) = eights.split_first() else {
        return left_to_right(R::ZERO, rest);
    };
    let width = R::Lanes::<S>::WIDTH.min(8);
    let mut sums = [R::Lanes::<S>::splat(s, R::ZERO); 8];
    for (sum, x) in sums.iter_mut().zip(first.chunks_exact(width)) {
        *sum = R::Lanes::<S>::load_or(s, x, R::ZERO);
    }
    for eight in eights {
        for (sum, x) in sums.iter_mut().zip(eight.chunks_exact(width)) {
            *sum = *sum + R::Lanes::<S>::load_or(s, x, R::ZERO);
        }
    }
    let mut lanes = [R::ZERO; 8];
    for (sum, to) in sums.into_iter().zip(lanes.chunks_exact_mut(width)) {
        sum.store(to);
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    left_to_right(((a + b) + (c + d)) + ((e + f) + (g + h)), rest)
}

#[inline(always)]
fn left_to_right<R: Real>(mut sum: R, terms: &[R]) -> R {
    for x in terms {
        sum = sum + *x;
    }
    sum
}
