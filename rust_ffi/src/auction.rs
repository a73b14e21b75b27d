//! The auction by itself, for Rust programs.

use crate::engine::error::{Error, Result};
use crate::envs::market::clearing::Rules;
use crate::envs::market::kernels::{check_costs, check_demand, Checked, Costs, Offers, OneMarket, Order};
use crate::envs::market::rewards::{RewardParams, RewardTerms};
use crate::simd::{self, Level, Real};

/// One market, cleared again and again: write offers, clear, read dispatch and rewards. `R` is `f32` or `f64`.
///
/// ```
/// use marl_ffi::Market;
///
/// # fn main() -> marl_ffi::Result<()> {
/// let mut market = Market::<f64>::new(3)?;
/// market.bids_mut().copy_from_slice(&[30.0, 20.0, 10.0]);
/// market.quantities_mut().fill(50.0);
/// assert_eq!(market.clear(60.0)?, 20.0);
/// assert_eq!(market.cleared(), [0.0, 10.0, 50.0]);
/// # Ok(())
/// # }
/// ```
pub struct Market<R: Real> {
    level: Level,
    rules: Rules,
    terms: RewardTerms<R>,
    bids: Vec<R>,
    quantities: Vec<R>,
    costs: Vec<R>,
    cleared: Vec<R>,
    rewards: Vec<R>,
    order: Order,
}

impl<R: Real> Market<R> {
    /// A market of default rules whose arrays are all zero.
    ///
    /// # Errors
    /// No generators, or no memory.
    pub fn new(num_generators: usize) -> Result<Self> {
        Self::with_rules(num_generators, Rules::default(), RewardParams::default())
    }

    /// A market with these options of the auction and fixed numbers of the reward.
    ///
    /// # Errors
    /// No generators, no memory, or a number out of its range.
    pub fn with_rules(num_generators: usize, rules: Rules, params: RewardParams) -> Result<Self> {
        if num_generators == 0 {
            return Err(Error::new(crate::Status::Empty, "num_generators: expected at least 1, got 0"));
        }
        if rules.price_cap.is_nan() {
            return Err(Error::new(crate::Status::ParameterInvalid, "price_cap: expected a number, got NaN"));
        }
        params.check()?;
        let array = || {
            let mut numbers = Vec::new();
            let no_memory = |_| Error::new(crate::Status::OutOfMemory, "no memory for the arrays of the market");
            numbers.try_reserve_exact(num_generators).map_err(no_memory)?;
            numbers.resize(num_generators, R::ZERO);
            Ok(numbers)
        };
        Ok(Market {
            level: Level::current(),
            rules,
            terms: RewardTerms::new(&params),
            bids: array()?,
            quantities: array()?,
            costs: array()?,
            cleared: array()?,
            rewards: array()?,
            order: Order::default(),
        })
    }

    /// Bids (currency/MWh), to write.
    pub fn bids_mut(&mut self) -> &mut [R] {
        &mut self.bids
    }

    /// Offered quantities (MW), to write.
    pub fn quantities_mut(&mut self) -> &mut [R] {
        &mut self.quantities
    }

    /// Costs (currency/MWh), to write.
    pub fn costs_mut(&mut self) -> &mut [R] {
        &mut self.costs
    }

    /// Dispatch (MW) of the last clearing.
    pub fn cleared(&self) -> &[R] {
        &self.cleared
    }

    /// Rewards of the last step.
    pub fn rewards(&self) -> &[R] {
        &self.rewards
    }

    /// Clears the market for a demand in MW; gives the price (currency/MWh).
    ///
    /// # Errors
    /// An offer or a demand that is not finite or below zero, named. Nothing was written then.
    pub fn clear(&mut self, demand: f64) -> Result<f64> {
        self.run(demand, false)
    }

    /// Clears the market and pays everybody; gives the price (currency/MWh).
    ///
    /// # Errors
    /// Those of [`Market::clear`], and a cost that is not finite.
    pub fn step(&mut self, demand: f64) -> Result<f64> {
        self.run(demand, true)
    }

    fn run(&mut self, demand: f64, paid: bool) -> Result<f64> {
        let costs = Costs { costs: &self.costs, terms: self.terms };
        let market = OneMarket {
            rules: &self.rules,
            bids: &self.bids,
            quantities: &self.quantities,
            demand,
            cleared: &mut self.cleared,
            order: &mut self.order,
            rewards: paid.then_some((costs, &mut self.rewards)),
        };
        match simd::run(self.level, Checked(market)) {
            Some(hour) => Ok(hour.price.to_f64()),
            None => Err(self.offender(demand)),
        }
    }

    /// Finds what the kernel refused.
    #[cold]
    fn offender(&self, demand: f64) -> Error {
        let (bids, quantities) = (&self.bids[..], &self.quantities[..]);
        // Demand keeps its own precision: it must not be judged after rounding.
        let offers = Offers { bids, quantities, demand: &[0.0], num_generators: bids.len() };
        let checks = offers
            .check(self.level, false, 1)
            .and_then(|()| check_demand("demand", demand))
            .and_then(|()| check_costs(self.level, &self.costs, &offers));
        checks.err().unwrap_or_else(|| Error::new(crate::Status::InvalidArgument, "market: invalid input"))
    }
}
