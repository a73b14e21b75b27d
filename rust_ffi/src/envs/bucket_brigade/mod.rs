//! Bucket Brigade: agents around a ring of houses choose, night by night, where to go and whether to fight fires.
//!
//! ```text
//! a night   positions, signals | extinguish | burn out | spread | ignite | rewards | is it over?
//! houses    safe -> burning -> ruined; ruins stay
//! ```
//!
//! [`scenario`] holds the numbers and options of a game, [`catalog`] those with a name; [`rules`] one night and
//! [`rewards`] what it pays; [`stream`] its random numbers; [`agents`] and [`policies`] those who play without learning;
//! [`payoff`] whole episodes of them, thousands at a time, and [`record`] a single one, night by night;
//! [`mod@env`] the environment, and [`observe`] what is seen.

pub mod agents;
pub mod catalog;
mod describe;
pub mod env;
mod houses;
pub mod observe;
pub mod options;
pub mod payoff;
pub mod policies;
pub mod record;
pub mod rewards;
pub mod rules;
pub mod scenario;
pub mod stream;

pub use houses::{HouseSet, Wide};
