//! The auction on the caller's arrays of 32-bit floats. The bodies are in `market_arrays`; functions made by a macro
//! would not be seen by cbindgen.

use super::market::marl_market_params;
use super::market_arrays::{many, one, one_with_storage, Arrays};
use super::{boundary, marl_error};
use crate::engine::error::Status;

/// Clears one market of 32-bit offers.
///
/// Parameters: `bids` (currency/MWh, finite) and `quantities` (MW, finite, at least 0) have as many elements as there
/// are generators. `demand` is in MW, finite, at least 0; it keeps its 64 bits in the search and is rounded once. `params` gives the options of the auction;
/// NULL for the default. `price` receives the price (currency/MWh), `cleared` the dispatch (MW).
///
/// Errors, in this order: `MARL_STATUS_EMPTY`, `MARL_STATUS_LENGTH_MISMATCH`, `MARL_STATUS_BID_NOT_FINITE`,
/// `MARL_STATUS_QUANTITY_NOT_FINITE`, `MARL_STATUS_QUANTITY_NEGATIVE`, `MARL_STATUS_DEMAND_NOT_FINITE`,
/// `MARL_STATUS_DEMAND_NEGATIVE`, `MARL_STATUS_PARAMETER_INVALID`; `MARL_STATUS_NULL_POINTER`,
/// `MARL_STATUS_INVALID_ARGUMENT` (overlapping arrays). Safe from any thread.
///
/// # Safety
/// * arrays are valid for their lengths; `params` is NULL or points to a struct as long as its first field says;
///   `price` and `err` are NULL or valid for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_market_clear_f32(
    bids: *const f32,
    num_bids: usize,
    quantities: *const f32,
    num_quantities: usize,
    demand: f64,
    params: *const marl_market_params,
    price: *mut f64,
    cleared: *mut f32,
    num_cleared: usize,
    err: *mut marl_error,
) -> Status {
    let arrays = Arrays::without_rewards((bids, num_bids), (quantities, num_quantities), (cleared, num_cleared));
    // SAFETY: by this function's contract.
    unsafe { boundary(err, || one(params, arrays, demand, price, false)) }
}

/// Clears one market of 32-bit offers and pays everybody.
///
/// Parameters: those of `marl_market_clear_f32`; `costs` (currency/MWh, finite) has an element per generator;
/// `rewards` receives the rewards.
///
/// Errors: those of `marl_market_clear_f32`, and `MARL_STATUS_COST_NOT_FINITE` after those of demand. Safe from any
/// thread.
///
/// # Safety
/// * as for `marl_market_clear_f32`.
#[no_mangle]
pub unsafe extern "C" fn marl_market_step_f32(
    bids: *const f32,
    num_bids: usize,
    quantities: *const f32,
    num_quantities: usize,
    costs: *const f32,
    num_costs: usize,
    demand: f64,
    params: *const marl_market_params,
    price: *mut f64,
    cleared: *mut f32,
    num_cleared: usize,
    rewards: *mut f32,
    num_rewards: usize,
    err: *mut marl_error,
) -> Status {
    let arrays = Arrays {
        bids: (bids, num_bids),
        quantities: (quantities, num_quantities),
        costs: (costs, num_costs),
        cleared: (cleared, num_cleared),
        rewards: (rewards, num_rewards),
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, || one(params, arrays, demand, price, true)) }
}

/// Clears `num_markets` markets of 32-bit offers.
///
/// Parameters: `bids` and `quantities` hold `(num_markets, num_generators)` numbers, `demand` and `prices`
/// `num_markets`, `cleared` `(num_markets, num_generators)`; units and ranges as in `marl_market_clear_f32`. Lengths
/// are in elements. `num_threads` limits the threads; 0 for the default. Results do not depend on it.
///
/// Errors: those of `marl_market_clear_f32`; the message names market and generator. Safe from any thread.
///
/// # Safety
/// * as for `marl_market_clear_f32`.
#[no_mangle]
pub unsafe extern "C" fn marl_market_clear_batch_f32(
    bids: *const f32,
    num_bids: usize,
    quantities: *const f32,
    num_quantities: usize,
    demand: *const f64,
    num_markets: usize,
    num_generators: usize,
    params: *const marl_market_params,
    prices: *mut f32,
    num_prices: usize,
    cleared: *mut f32,
    num_cleared: usize,
    num_threads: usize,
    err: *mut marl_error,
) -> Status {
    let arrays = Arrays::without_rewards((bids, num_bids), (quantities, num_quantities), (cleared, num_cleared));
    let (demand, prices) = ((demand, num_markets), (prices, num_prices));
    // SAFETY: by this function's contract.
    unsafe { boundary(err, || many(params, arrays, demand, num_generators, prices, num_threads, false)) }
}

/// Clears `num_markets` markets of 32-bit offers and pays everybody.
///
/// Parameters: those of `marl_market_clear_batch_f32`; `costs` holds `num_generators` numbers for all markets, or
/// `(num_markets, num_generators)`; `rewards` receives `(num_markets, num_generators)`.
///
/// Errors: those of `marl_market_step_f32`; the message names market and generator. Safe from any thread.
///
/// # Safety
/// * as for `marl_market_clear_f32`.
#[no_mangle]
pub unsafe extern "C" fn marl_market_step_batch_f32(
    bids: *const f32,
    num_bids: usize,
    quantities: *const f32,
    num_quantities: usize,
    costs: *const f32,
    num_costs: usize,
    demand: *const f64,
    num_markets: usize,
    num_generators: usize,
    params: *const marl_market_params,
    prices: *mut f32,
    num_prices: usize,
    cleared: *mut f32,
    num_cleared: usize,
    rewards: *mut f32,
    num_rewards: usize,
    num_threads: usize,
    err: *mut marl_error,
) -> Status {
    let arrays = Arrays {
        bids: (bids, num_bids),
        quantities: (quantities, num_quantities),
        costs: (costs, num_costs),
        cleared: (cleared, num_cleared),
        rewards: (rewards, num_rewards),
    };
    let (demand, prices) = ((demand, num_markets), (prices, num_prices));
    // SAFETY: by this function's contract.
    unsafe { boundary(err, || many(params, arrays, demand, num_generators, prices, num_threads, true)) }
}

/// Clears one market with a buyer that takes as much as it can, up to `buy_quantity` (MW), without lifting the price
/// above `buy_bid` (currency/MWh).
///
/// Parameters: those of `marl_market_clear_f32`; `charged` receives what the buyer got (MW), which `cleared`
/// includes.
///
/// Errors: those of `marl_market_clear_f32`; `MARL_STATUS_BID_NOT_FINITE`, `MARL_STATUS_QUANTITY_NOT_FINITE` and
/// `MARL_STATUS_QUANTITY_NEGATIVE` also for the buyer. Safe from any thread.
///
/// # Safety
/// * as for `marl_market_clear_f32`; `charged` is NULL or valid for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_market_clear_with_storage_f32(
    bids: *const f32,
    num_bids: usize,
    quantities: *const f32,
    num_quantities: usize,
    demand: f64,
    buy_bid: f64,
    buy_quantity: f64,
    params: *const marl_market_params,
    price: *mut f64,
    cleared: *mut f32,
    num_cleared: usize,
    charged: *mut f64,
    err: *mut marl_error,
) -> Status {
    let arrays = Arrays::without_rewards((bids, num_bids), (quantities, num_quantities), (cleared, num_cleared));
    let buyer = (buy_bid, buy_quantity);
    // SAFETY: by this function's contract.
    unsafe { boundary(err, || one_with_storage(params, arrays, demand, buyer, price, charged)) }
}
