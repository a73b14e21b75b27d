//! The auction by itself, bound to buffers of its own, and its parameters.

use super::handle::{handle, Handle, SharedBuffer};
use super::{boundary, boundary_or, check_pointer, dtype, marl_error, write_out};
use crate::engine::columns::{Dtype, Element};
use crate::engine::error::{Error, Result, Status};
use crate::envs::market::clearing::{LossOfLoad, Rules, ScarcityPrice, TieRule};
use crate::envs::market::kernels::{check_costs, check_demand, Checked, Costs, Offers, OneMarket};
use crate::envs::market::rewards::{RewardParams, RewardTerms};
use crate::simd::{self, Level, Real};
use std::ffi::c_void;

/// Options of the auction and fixed numbers of the reward. Start from `marl_market_params_default`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct marl_market_params {
    /// `sizeof(marl_market_params)`, for later versions to tell.
    pub size: usize,
    /// Regulariser on the distance of a bid from its cost; at least 0. Default 0.01.
    pub lambda_bid_penalty: f64,
    /// Penalty per MW of unserved demand, charged to every unit; at least 0. Default 1.
    pub unit_lol_penalty: f64,
    /// Demand that counts as one (MW); above 0. Default 1.
    pub demand_scale: f64,
    /// Cost that counts as one (currency/MWh); above 0. Default 1.
    pub cost_scale: f64,
    /// Upper limit of the price, applied last; infinite for none. Default infinite.
    pub price_cap: f64,
    /// Hours of an episode; at least 0, and counts as at least 1. Default 24.
    pub time_horizon: i64,
    /// Price in shortage: 0 the highest bid (default), 1 the highest bid among units that offer something.
    pub scarcity_price: i32,
    /// Unserved demand: 0 demand less dispatch, rounding included (default), 1 exactly 0 where demand is met.
    pub loss_of_load: i32,
    /// Equal marginal bids: 0 lower index first (default), 1 in proportion to what they offer.
    pub tie_rule: i32,
    /// 0 (default), or `MARL_MARKET_RESULTS_MAY_BE_LOST`. Other bits have no meaning yet; leave them 0.
    pub reserved: i32,
}

/// For `marl_market_params.reserved`: after an error of a batch, its results may hold anything, not what they held
/// before. Offers are then checked while they are cleared, not in a pass of their own.
pub const MARL_MARKET_RESULTS_MAY_BE_LOST: i32 = 1;

/// An array of a bound market.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum marl_market_array {
    /// Bids (currency/MWh), for the caller to write.
    Bids = 0,
    /// Offered quantities (MW), for the caller to write.
    Quantities = 1,
    /// Costs (currency/MWh), for the caller to write.
    Costs = 2,
    /// Dispatch (MW), written by `marl_market_clear` and `marl_market_step`.
    Cleared = 3,
    /// Rewards, written by `marl_market_step`.
    Rewards = 4,
}

/// A market bound to buffers of its own: the fast way to clear one market again and again.
///
/// First `marl_market_new`; then, again and again: write to the arrays of `marl_market_data`, call
/// `marl_market_clear` or `marl_market_step`, read dispatch and rewards; at last `marl_market_free`.
///
/// A handle takes one call at a time: a second one answers `MARL_STATUS_BUSY`.
pub struct marl_market {
    handle: Handle<Bound>,
    /// Addresses of the arrays, which never move.
    arrays: [*mut c_void; 5],
}

enum Bound {
    F32(Typed<f32>),
    F64(Typed<f64>),
}

struct Typed<R: Real + Element> {
    level: Level,
    rules: Rules,
    terms: RewardTerms<R>,
    bids: SharedBuffer<R>,
    quantities: SharedBuffer<R>,
    costs: SharedBuffer<R>,
    cleared: SharedBuffer<R>,
    rewards: SharedBuffer<R>,
    order: crate::envs::market::kernels::Order,
}

impl<R: Real + Element> Typed<R> {
    fn new(n: usize, rules: Rules, params: &RewardParams) -> Result<Self> {
        Ok(Typed {
            level: Level::current(),
            rules,
            terms: RewardTerms::new(params),
            bids: SharedBuffer::new(n)?,
            quantities: SharedBuffer::new(n)?,
            costs: SharedBuffer::new(n)?,
            cleared: SharedBuffer::new(n)?,
            rewards: SharedBuffer::new(n)?,
            order: Default::default(),
        })
    }

    fn arrays(&self) -> [*mut c_void; 5] {
        [&self.bids, &self.quantities, &self.costs, &self.cleared, &self.rewards].map(|array| array.pointer().cast())
    }

    #[inline(always)]
    fn run(&mut self, demand: f64, with_rewards: bool) -> Result<f64> {
        let costs = Costs { costs: self.costs.get(), terms: self.terms };
        let market = OneMarket {
            rules: &self.rules,
            bids: self.bids.get(),
            quantities: self.quantities.get(),
            demand,
            cleared: self.cleared.get_mut(),
            order: &mut self.order,
            rewards: if with_rewards { Some((costs, self.rewards.get_mut())) } else { None },
        };
        match simd::run(self.level, Checked(market)) {
            Some(hour) => Ok(hour.price.to_f64()),
            None => Err(self.offender(demand)),
        }
    }

    #[cold]
    fn offender(&self, demand: f64) -> Error {
        // Demand keeps its own precision: it must not be judged after rounding.
        let zero = [0.0];
        let offers = offers_of(self.bids.get(), self.quantities.get(), &zero);
        let checks = offers
            .check(self.level, false, 1)
            .and_then(|()| check_demand("demand", demand))
            .and_then(|()| check_costs(self.level, self.costs.get(), &offers));
        checks.err().unwrap_or_else(|| Error::new(Status::InvalidArgument, "market: invalid input"))
    }
}

pub(super) fn offers_of<'a, R>(bids: &'a [R], quantities: &'a [R], demand: &'a [f64]) -> Offers<'a, R> {
    Offers { bids, quantities, demand, num_generators: bids.len() }
}

/// Whether the caller does without its old results after an error.
///
/// # Safety
/// * [`read_params`] accepted `params`.
pub(super) unsafe fn may_lose_results(params: *const marl_market_params) -> bool {
    // SAFETY: NULL, or of the full size by this function's contract.
    !params.is_null() && unsafe { params.read_unaligned() }.reserved & MARL_MARKET_RESULTS_MAY_BE_LOST != 0
}

/// Reads and checks the caller's parameters; NULL stands for the default.
///
/// # Safety
/// * `params` is NULL or valid for reads of as many bytes as its first field says.
pub(super) unsafe fn read_params(params: *const marl_market_params) -> Result<(Rules, RewardParams)> {
    if params.is_null() {
        return Ok((Rules::default(), RewardParams::default()));
    }
    // SAFETY: not NULL; the first field is readable by this function's contract.
    let size = unsafe { params.cast::<usize>().read_unaligned() };
    if size < size_of::<marl_market_params>() {
        let expected = size_of::<marl_market_params>();
        let message = format!("params.size: expected sizeof(marl_market_params), {expected}, got {size}");
        return Err(Error::new(Status::InvalidArgument, message));
    }
    // SAFETY: as many bytes are readable as the first field says.
    let p = unsafe { params.read_unaligned() };
    let wrong = |what: &str, expected: &str, got: &dyn std::fmt::Display| {
        Error::new(Status::ParameterInvalid, format!("{what}: expected {expected}, got {got}"))
    };
    if p.price_cap.is_nan() {
        return Err(wrong("price_cap", "a number", &p.price_cap));
    }
    if p.time_horizon < 0 {
        return Err(wrong("time_horizon", "a whole number of at least 0", &p.time_horizon));
    }
    let choice = |what, x: i32| match x {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(wrong(what, "0 or 1", &x)),
    };
    let rules = Rules {
        price_cap: p.price_cap,
        scarcity_price: match choice("scarcity_price", p.scarcity_price)? {
            false => ScarcityPrice::HighestBid,
            true => ScarcityPrice::HighestDispatchedBid,
        },
        loss_of_load: match choice("loss_of_load", p.loss_of_load)? {
            false => LossOfLoad::Original,
            true => LossOfLoad::Robust,
        },
        tie_rule: match choice("tie_rule", p.tie_rule)? {
            false => TieRule::Index,
            true => TieRule::ProRata,
        },
    };
    let rewards = RewardParams {
        lambda_bid_penalty: p.lambda_bid_penalty,
        unit_lol_penalty: p.unit_lol_penalty,
        demand_scale: p.demand_scale,
        cost_scale: p.cost_scale,
        time_horizon: p.time_horizon as f64,
    };
    rewards.check()?;
    Ok((rules, rewards))
}

/// Fills `params` with the defaults. NULL is ignored.
///
/// # Safety
/// * `params` is NULL or valid for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_market_params_default(params: *mut marl_market_params) {
    let body = || {
        let rewards = RewardParams::default();
        let default = marl_market_params {
            size: size_of::<marl_market_params>(),
            lambda_bid_penalty: rewards.lambda_bid_penalty,
            unit_lol_penalty: rewards.unit_lol_penalty,
            demand_scale: rewards.demand_scale,
            cost_scale: rewards.cost_scale,
            price_cap: f64::INFINITY,
            time_horizon: rewards.time_horizon as i64,
            scarcity_price: 0,
            loss_of_load: 0,
            tie_rule: 0,
            reserved: 0,
        };
        // SAFETY: by this function's contract.
        unsafe { write_out("params", params, default) }
    };
    // SAFETY: no error place is given.
    unsafe { boundary(std::ptr::null_mut(), body) };
}

/// Makes a market with arrays of its own, all zero.
///
/// Parameters: `num_generators` is at least 1. `dtype` is `MARL_DTYPE_FLOAT32` or `MARL_DTYPE_FLOAT64`, of the
/// arrays and of all arithmetic. `params` as in `marl_market_params`; NULL for the default. `out` receives the
/// handle, to be freed with `marl_market_free`.
///
/// Errors: `MARL_STATUS_EMPTY`, `MARL_STATUS_PARAMETER_INVALID`, `MARL_STATUS_DTYPE_MISMATCH`,
/// `MARL_STATUS_INVALID_ARGUMENT`, `MARL_STATUS_OUT_OF_MEMORY`, `MARL_STATUS_NULL_POINTER`. Safe from any thread.
///
/// # Safety
/// * `params` is NULL or points to a struct as long as its first field says; `out` and `err` are NULL or valid
///   for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_market_new(
    num_generators: usize,
    dtype_code: i32,
    params: *const marl_market_params,
    out: *mut *mut marl_market,
    err: *mut marl_error,
) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let (rules, rewards) = unsafe { read_params(params)? };
        if num_generators == 0 {
            return Err(Error::new(Status::Empty, "num_generators: expected at least 1, got 0"));
        }
        if num_generators > u32::MAX as usize {
            let message = format!("num_generators: expected at most {}, got {num_generators}", u32::MAX);
            return Err(Error::new(Status::InvalidArgument, message));
        }
        check_pointer("out", out, 1)?;
        let (bound, arrays) = match dtype(dtype_code)? {
            Dtype::Float32 => {
                let typed = Typed::<f32>::new(num_generators, rules, &rewards)?;
                let arrays = typed.arrays();
                (Bound::F32(typed), arrays)
            }
            Dtype::Float64 => {
                let typed = Typed::<f64>::new(num_generators, rules, &rewards)?;
                let arrays = typed.arrays();
                (Bound::F64(typed), arrays)
            }
            other => {
                let message = format!("dtype: expected float32 or float64, got {}", other.name());
                return Err(Error::new(Status::DtypeMismatch, message));
            }
        };
        // SAFETY: by this function's contract.
        unsafe { write_out("out", out, Box::into_raw(Box::new(marl_market { handle: Handle::new(bound), arrays }))) }
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}

/// Frees a market and its arrays. NULL is fine.
///
/// # Safety
/// * `market` is NULL or came from `marl_market_new` and was not freed.
#[no_mangle]
pub unsafe extern "C" fn marl_market_free(market: *mut marl_market) {
    let body = || {
        if !market.is_null() {
            // SAFETY: made by `Box::into_raw` in `marl_market_new`, and not freed before.
            drop(unsafe { Box::from_raw(market) });
        }
        Ok(())
    };
    // SAFETY: no error place is given.
    unsafe { boundary(std::ptr::null_mut(), body) };
}

/// An array of a market, `(num_generators,)` in the market's type, 64-byte aligned. It belongs to the market,
/// lives as long, and must not be touched during a call. NULL for NULL or another number than those of
/// `marl_market_array`.
///
/// # Safety
/// * `market` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn marl_market_data(market: *const marl_market, array: i32) -> *mut c_void {
    let nothing = std::ptr::null_mut();
    let body = || {
        // SAFETY: by this function's contract.
        let market = unsafe { handle("market", market)? };
        Ok(usize::try_from(array).ok().and_then(|k| market.arrays.get(k)).copied().unwrap_or(nothing))
    };
    // SAFETY: no error place is given.
    unsafe { boundary_or(nothing, std::ptr::null_mut(), body) }
}

/// Clears the market: reads bids and quantities, writes dispatch, returns the price (currency/MWh).
///
/// Parameters: `demand` in MW, finite and at least 0. It keeps its precision also in a 32-bit market.
///
/// Returns NaN on an error, and only then; nothing is written to the arrays in that case. Errors:
/// `MARL_STATUS_BID_NOT_FINITE`, `MARL_STATUS_QUANTITY_NOT_FINITE`, `MARL_STATUS_QUANTITY_NEGATIVE`,
/// `MARL_STATUS_DEMAND_NOT_FINITE`, `MARL_STATUS_DEMAND_NEGATIVE`, `MARL_STATUS_NULL_POINTER`,
/// `MARL_STATUS_BUSY`.
///
/// # Safety
/// * `market` is NULL or a live handle whose arrays nobody touches during the call; `err` is NULL or valid for
///   writes.
#[no_mangle]
pub unsafe extern "C" fn marl_market_clear(market: *mut marl_market, demand: f64, err: *mut marl_error) -> f64 {
    let body = || {
        // SAFETY: by this function's contract.
        let mut guard = unsafe { handle("market", market)? }.handle.enter()?;
        match guard.get() {
            Bound::F32(typed) => typed.run(demand, false),
            Bound::F64(typed) => typed.run(demand, false),
        }
    };
    // SAFETY: by this function's contract.
    unsafe { boundary_or(f64::NAN, err, body) }
}

/// Clears the market and pays everybody: reads bids, quantities and costs, writes dispatch and rewards, returns
/// the price (currency/MWh).
///
/// Parameters, result and errors: those of `marl_market_clear`, and `MARL_STATUS_COST_NOT_FINITE`.
///
/// # Safety
/// * as for `marl_market_clear`.
#[no_mangle]
pub unsafe extern "C" fn marl_market_step(market: *mut marl_market, demand: f64, err: *mut marl_error) -> f64 {
    let body = || {
        // SAFETY: by this function's contract.
        let mut guard = unsafe { handle("market", market)? }.handle.enter()?;
        match guard.get() {
            Bound::F32(typed) => typed.run(demand, true),
            Bound::F64(typed) => typed.run(demand, true),
        }
    };
    // SAFETY: by this function's contract.
    unsafe { boundary_or(f64::NAN, err, body) }
}
