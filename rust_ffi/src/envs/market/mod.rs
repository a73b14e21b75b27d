//! The electricity market: a uniform-price, single-sided auction of one hour at a time.
//!
//! ```text
//! merit order     units by ascending bid (currency/MWh), ties by ascending index
//! running sum     S[k] = q of the first k+1 units in that order (MW), added from left to right
//! margin          the first k with S[k] >= demand
//! dispatch        units before the margin in full, the marginal unit what is left, later units nothing
//! price           the marginal bid, paid to everyone who clears
//! shortage        no such k: everybody clears in full and the price is the highest bid
//! ```
//!
//! [`clearing`] holds the rule; `merit_order` the sort; [`rewards`] what each unit earns; `offers` what comes in;
//! [`kernels`] the loops over one market or many, these by `lanes` and, of more units, by `columns`; [`observers`] the features agents see;
//! [`mod@env`] the environment.

pub mod clearing;
mod columns;
mod describe;
pub mod env;
mod hours;
pub mod kernels;
mod lanes;
mod merit_order;
mod networks;
pub mod observers;
mod offers;
pub mod params;
pub mod rewards;
mod seats;
pub mod storage;
