//! What the stateless functions of the auction do with the caller's arrays, in either precision.

use super::market::{marl_market_params, may_lose_results, offers_of, read_params};
use super::{check_apart, check_pointer, extent, slice, slice_mut, write_out};
use crate::engine::columns::Element;
use crate::engine::error::{Error, Result, Status};
use crate::envs::market::kernels::{check_costs, check_demand, run_many, Checked, Costs, Offers, OneMarket, Results};
use crate::envs::market::rewards::RewardTerms;
use crate::envs::market::storage::purchase;
use crate::simd::{self, Level, Real};

/// The arrays of a stateless call.
pub(super) struct Arrays<R> {
    pub bids: (*const R, usize),
    pub quantities: (*const R, usize),
    /// NULL and 0 for clearing alone.
    pub costs: (*const R, usize),
    pub cleared: (*mut R, usize),
    pub rewards: (*mut R, usize),
}

impl<R: Real + Element> Arrays<R> {
    /// The arrays of a call that only clears.
    pub fn without_rewards(bids: (*const R, usize), quantities: (*const R, usize), cleared: (*mut R, usize)) -> Self {
        Arrays { bids, quantities, costs: (std::ptr::null(), 0), cleared, rewards: (std::ptr::null_mut(), 0) }
    }

    fn check_apart(&self, prices: (*mut R, usize), demand: (*const f64, usize)) -> Result<()> {
        check_apart(
            &[
                extent("q_cleared", self.cleared.0, self.cleared.1),
                extent("rewards", self.rewards.0, self.rewards.1),
                extent("prices", prices.0, prices.1),
            ],
            &[
                extent("bids", self.bids.0, self.bids.1),
                extent("quantities", self.quantities.0, self.quantities.1),
                extent("costs", self.costs.0, self.costs.1),
                extent("demand", demand.0, demand.1),
            ],
        )
    }
}

/// One market on the caller's arrays.
///
/// # Safety
/// * arrays are valid for their lengths, `price` for a write, `params` as in [`read_params`].
pub(super) unsafe fn one<R: Real + Element>(
    params: *const marl_market_params,
    arrays: Arrays<R>,
    demand: f64,
    price: *mut f64,
    with_rewards: bool,
) -> Result<()> {
    // SAFETY: by this function's contract.
    let (bids, quantities, costs) = unsafe {
        (
            slice("bids", arrays.bids.0, arrays.bids.1)?,
            slice("quantities", arrays.quantities.0, arrays.quantities.1)?,
            slice("costs", arrays.costs.0, arrays.costs.1)?,
        )
    };
    arrays.check_apart((std::ptr::null_mut(), 0), (std::ptr::null(), 0))?;
    let level = Level::current();
    let zero = [0.0];
    let offers = offers_of(bids, quantities, &zero);
    check_pointer("price", price, 1)?;
    offers.check(level, false, 1)?;
    check_demand("demand", demand)?;
    if with_rewards {
        check_costs(level, costs, &offers)?;
    }
    // SAFETY: by this function's contract.
    let (rules, rewards_params) = unsafe { read_params(params)? };
    Error::check_length("q_cleared", arrays.cleared.1, bids.len())?;
    if with_rewards {
        Error::check_length("rewards", arrays.rewards.1, bids.len())?;
    }
    // SAFETY: by this function's contract, and found to be apart.
    let (cleared, rewards) = unsafe {
        (
            slice_mut("q_cleared", arrays.cleared.0, arrays.cleared.1)?,
            slice_mut("rewards", arrays.rewards.0, arrays.rewards.1)?,
        )
    };
    let costs = Costs { costs, terms: RewardTerms::new(&rewards_params) };
    let market = OneMarket {
        rules: &rules,
        bids,
        quantities,
        demand,
        cleared,
        order: &mut Default::default(),
        rewards: if with_rewards { Some((costs, rewards)) } else { None },
    };
    let hour = simd::run(level, Checked(market));
    let hour = hour.ok_or_else(|| Error::new(Status::InvalidArgument, "market: invalid input"))?;
    // SAFETY: by this function's contract.
    unsafe { write_out("price", price, hour.price.to_f64()) }
}

/// Many markets on the caller's arrays.
///
/// # Safety
/// * arrays are valid for their lengths, `params` as in [`read_params`].
pub(super) unsafe fn many<R: Real + Element>(
    params: *const marl_market_params,
    arrays: Arrays<R>,
    demand: (*const f64, usize),
    num_generators: usize,
    prices: (*mut R, usize),
    num_threads: usize,
    with_rewards: bool,
) -> Result<()> {
    arrays.check_apart(prices, demand)?;
    // SAFETY: by this function's contract.
    let (bids, quantities, costs, demand) = unsafe {
        (
            slice("bids", arrays.bids.0, arrays.bids.1)?,
            slice("quantities", arrays.quantities.0, arrays.quantities.1)?,
            slice("costs", arrays.costs.0, arrays.costs.1)?,
            slice("demand", demand.0, demand.1)?,
        )
    };
    let level = Level::current();
    let offers = Offers { bids, quantities, demand, num_generators };
    offers.check_lengths()?;
    let check_rest = || {
        if with_rewards {
            check_costs(level, costs, &offers)?;
        }
        // SAFETY: by this function's contract.
        let settings = unsafe { (read_params(params)?, may_lose_results(params)) };
        Error::check_length("prices", prices.1, demand.len())?;
        Error::check_length("q_cleared", arrays.cleared.1, bids.len())?;
        if with_rewards {
            Error::check_length("rewards", arrays.rewards.1, bids.len())?;
        }
        Ok(settings)
    };
    let settings = check_rest();
    let check_on_the_way = matches!(settings, Ok((_, true)));
    if !check_on_the_way {
        // Offers come before all else that may be wrong, and before anything is written.
        offers.check(level, true, num_threads)?;
    }
    let ((rules, reward_params), _) = settings?;
    // SAFETY: by this function's contract, and found to be apart.
    let results = unsafe {
        Results {
            prices: slice_mut("prices", prices.0, prices.1)?,
            cleared: slice_mut("q_cleared", arrays.cleared.0, arrays.cleared.1)?,
            rewards: slice_mut("rewards", arrays.rewards.0, arrays.rewards.1)?,
            unserved: &mut [],
            lol: &mut [],
        }
    };
    let costs = with_rewards.then(|| Costs { costs, terms: RewardTerms::new(&reward_params) });
    if run_many(level, num_threads, &rules, offers, check_on_the_way, costs, results) {
        return Ok(());
    }
    offers.check(level, true, num_threads)?;
    Err(Error::new(Status::InvalidArgument, "market: invalid input"))
}

/// One market with a buyer of (bid, quantity), on the caller's arrays.
///
/// # Safety
/// * as for [`one`]; `charged` is NULL or valid for a write.
pub(super) unsafe fn one_with_storage<R: Real + Element>(
    params: *const marl_market_params,
    arrays: Arrays<R>,
    demand: f64,
    (buy_bid, buy_quantity): (f64, f64),
    price: *mut f64,
    charged: *mut f64,
) -> Result<()> {
    // SAFETY: by this function's contract.
    let (bids, quantities) = unsafe {
        (slice("bids", arrays.bids.0, arrays.bids.1)?, slice("quantities", arrays.quantities.0, arrays.quantities.1)?)
    };
    let level = Level::current();
    let nothing = [0.0];
    offers_of(bids, quantities, &nothing).check(level, false, 1)?;
    check_demand("demand", demand)?;
    offers_of::<f64>(&[buy_bid], &[buy_quantity], &nothing).check(level, false, 1).map_err(|e| {
        let message = e.message.replace("bids[0]", "buy_bid").replace("quantities[0]", "buy_quantity");
        Error::new(e.status, message)
    })?;
    check_pointer("charged", charged, 1)?;
    let bought = purchase(bids, quantities, demand, buy_bid, buy_quantity);
    // SAFETY: by this function's contract.
    unsafe {
        one(params, arrays, demand + bought, price, false)?;
        write_out("charged", charged, bought)
    }
}
