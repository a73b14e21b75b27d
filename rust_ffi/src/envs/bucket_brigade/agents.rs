//! Those who play without learning.
//!
//! # The heuristic agent
//!
//! A strategy is ten numbers from 0 to 1, of which four are read: `p0` honesty, `p1` work tendency, `p3` priority of
//! the own house, `p8` rest bias. Agent `i` of a ring of `H` houses calls house `o = i mod H` its own. All agents see the
//! same houses and decide in the order of their index, drawing from one generator, the decisions' own:
//!
//! ```text
//! 1. u1 (53 bits).  u1 < p1 (1 - p8): work.  Otherwise rest at o.
//! 2. Work: if o burns, u2 (53 bits); u2 < p3: go to o.  Otherwise one of the burning houses, in ascending order, chosen
//!    by an integer draw; none burns: go to o.
//! 3. u3 (53 bits), always.  u3 < p0: signal the mode, otherwise its opposite.
//! ```
//!
//! # Where decisions come from
//!
//! The game with seed `s` draws from `rand`'s PCG64 seeded with `s` (`seed_from_u64(s)`). Decisions draw from another
//! PCG64, seeded alike but with
//!
//! * `"original"`: `s` itself, as the original does. Both generators then give the same numbers in the same order.
//! * `"independent"`: the first output of SplitMix64 with state `s`, modulo 2^64:
//!   `z = s + 0x9E3779B97F4A7C15; z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9; z = (z ^ z >> 27) * 0x94D049BB133111EB;
//!   z ^ z >> 31`. A choice among one house draws nothing then, where the original draws until its integer draw is
//!   content.
//!
//! A generator goes on over the episodes of an environment; both start anew where a seed is given.

use super::houses::HouseSet;
use super::stream::{Chance64, Draws};
use crate::engine::error::{Error, Result, Status};

/// Numbers of a strategy.
pub(crate) const PARAMETERS: usize = 10;

/// Names of those numbers.
pub const PARAMETER_NAMES: [&str; PARAMETERS] = [
    "honesty",
    "work_tendency",
    "neighbor_help",
    "own_house_priority",
    "risk_aversion",
    "coordination",
    "exploration",
    "fatigue_memory",
    "rest_bias",
    "altruism",
];

/// The archetypes.
pub const ARCHETYPES: [(&str, [f64; PARAMETERS]); 5] = [
    ("firefighter", [1.0, 0.9, 0.5, 0.8, 0.5, 0.7, 0.1, 0.0, 0.0, 0.8]),
    ("free_rider", [0.7, 0.2, 0.0, 0.9, 0.0, 0.0, 0.1, 0.0, 0.9, 0.0]),
    ("hero", [1.0, 1.0, 1.0, 0.5, 0.1, 0.5, 0.0, 0.9, 0.0, 1.0]),
    ("coordinator", [0.9, 0.6, 0.7, 0.6, 0.8, 1.0, 0.05, 0.0, 0.2, 0.6]),
    ("liar", [0.1, 0.7, 0.0, 0.9, 0.2, 0.8, 0.3, 0.0, 0.4, 0.2]),
];

/// Where decisions draw from; see the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decisions {
    /// A second generator of the game's seed.
    Original,
    /// A stream of their own.
    Independent,
}

impl Decisions {
    /// Names, in order of number.
    pub const NAMES: [&'static str; 2] = ["original", "independent"];

    /// The choice with number `x`.
    pub fn from_i32(x: i32) -> Option<Self> {
        [Decisions::Original, Decisions::Independent].into_iter().find(|choice| *choice as i32 == x)
    }

    /// The seed of the decisions' generator for the game's seed.
    pub fn seed(self, seed: u64) -> u64 {
        match self {
            Decisions::Original => seed,
            Decisions::Independent => {
                let z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                z ^ (z >> 31)
            }
        }
    }
}

/// What one agent does in a night.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Action {
    /// Where it goes.
    pub house: u8,
    /// Whether it works (1) or rests (0).
    pub mode: u8,
    /// What it says it does.
    pub signal: u8,
}

impl Action {
    /// Honest work.
    pub fn work(house: usize) -> Self {
        Action { house: house as u8, mode: 1, signal: 1 }
    }

    /// An honest rest.
    pub fn rest(house: usize) -> Self {
        Action { house: house as u8, mode: 0, signal: 0 }
    }
}

/// A strategy of the heuristic agent, as chances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heuristic {
    work: Chance64,
    own: Chance64,
    honest: Chance64,
}

impl Heuristic {
    /// The agent with these parameters, each from 0 to 1.
    pub fn new(p: &[f64; PARAMETERS]) -> Self {
        Heuristic { work: Chance64::new(p[1] * (1.0 - p[8])), own: Chance64::new(p[3]), honest: Chance64::new(p[0]) }
    }

    /// What agent `i` does where `burning` of `houses` houses burn.
    #[inline(always)]
    pub fn decide<M: HouseSet>(
        &self,
        i: usize,
        houses: usize,
        burning: M,
        decisions: Decisions,
        draws: &mut impl Draws,
    ) -> Action {
        let own = i % houses;
        let works = draws.hit64(self.work);
        let mut house = own;
        if works && !burning.is_empty() && !(burning.contains(own) && draws.hit64(self.own)) {
            let count = burning.count();
            let skips = count == 1 && decisions == Decisions::Independent;
            let k = if skips { 0 } else { draws.below(count as u64) as usize };
            house = burning.iter().nth(k).unwrap_or(own);
        }
        let signal = works == draws.hit64(self.honest);
        Action { house: house as u8, mode: u8::from(works), signal: u8::from(signal) }
    }

    /// The chance that it works, never who is not there.
    pub fn work(agent: Option<&Heuristic>) -> Chance64 {
        agent.map_or(Chance64::new(0.0), |agent| agent.work)
    }
}

/// Ten numbers from 0 to 1, or an error that calls them `name`.
pub fn check_strategy(name: impl Fn() -> String, p: &[f64]) -> Result<[f64; PARAMETERS]> {
    let strategy: [f64; PARAMETERS] = p.try_into().map_err(|_| {
        Error::new(Status::LengthMismatch, format!("{}: expected {PARAMETERS} numbers, got {}", name(), p.len()))
    })?;
    match strategy.iter().position(|x| !(0.0..=1.0).contains(x)) {
        None => Ok(strategy),
        Some(k) => Err(Error::new(
            Status::InvalidArgument,
            format!("{}[{k}] ({}): expected a number from 0 to 1, got {:?}", name(), PARAMETER_NAMES[k], p[k]),
        )),
    }
}
