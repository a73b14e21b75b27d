//! A battery that bids into the auction: as one more seller, or as a buyer of cheap energy.

use crate::engine::config::Config;
use crate::engine::error::Result;
use crate::simd::Real;

/// A battery's fixed numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Battery {
    /// Largest charge and discharge (MW).
    pub power_mw: f64,
    /// Hours of discharge at full power.
    pub duration_h: f64,
    /// Share of the energy that comes back from a round trip.
    pub efficiency_rt: f64,
    /// Share of the energy it starts an episode with.
    pub initial_soc_frac: f64,
    /// The bid that counts as its cost (currency/MWh).
    pub bid_ref: f64,
}

impl Battery {
    /// Reads the `bess` part of the parameters.
    pub fn read(mut config: Config) -> Result<Self> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        let fraction = |x: f64| (0.0..=1.0).contains(&x);
        let battery = Battery {
            power_mw: config.required("power_mw", "a finite power above 0", positive)?,
            duration_h: config.required("duration_h", "a finite duration above 0", positive)?,
            efficiency_rt: config
                .required("efficiency_rt", "a number above 0 and up to 1", |x| fraction(x) && x > 0.0)?,
            initial_soc_frac: config.required("initial_soc_frac", "a number from 0 to 1", fraction)?,
            bid_ref: config.required("bid_ref", "a finite number", f64::is_finite)?,
        };
        config.finish()?;
        Ok(battery)
    }

    /// What it can hold (MWh).
    pub fn energy(&self) -> f64 {
        self.power_mw * self.duration_h
    }

    /// Efficiency of one way.
    pub fn leg_efficiency(&self) -> f64 {
        self.efficiency_rt.sqrt()
    }

    /// What it holds at the start of an episode (MWh).
    pub fn initial_soc(&self) -> f64 {
        self.initial_soc_frac * self.energy()
    }

    /// Splits an action into what it offers to sell and what it would buy (MW), within its limits.
    pub fn intent(&self, action: f64, soc: f64) -> (f64, f64) {
        let eta = self.leg_efficiency();
        if action >= 0.0 {
            (lesser(action * self.power_mw, soc * eta), 0.0)
        } else {
            (0.0, lesser(-action * self.power_mw, (self.energy() - soc) / eta))
        }
    }

    /// The charge after an hour (MWh).
    pub fn after(&self, soc: f64, charged: f64, discharged: f64) -> f64 {
        let eta = self.leg_efficiency();
        let next = soc + (charged * eta - discharged / eta);
        lesser(if next > 0.0 { next } else { 0.0 }, self.energy())
    }
}

fn lesser(a: f64, b: f64) -> f64 {
    if b < a {
        b
    } else {
        a
    }
}

/// What a buyer gets (MW) who takes as much as it can without lifting the price above its bid: cheap offers
/// beyond the demand, up to the wanted quantity.
pub fn purchase<R: Real>(bids: &[R], quantities: &[R], demand: f64, buy_bid: f64, buy_quantity: f64) -> f64 {
    let cheap = bids.iter().zip(quantities).filter(|(b, _)| b.to_f64() <= buy_bid);
    let supply = cheap.fold(0.0, |sum, (_, q)| sum + q.to_f64());
    let spare = supply - demand;
    lesser(if spare > 0.0 { spare } else { 0.0 }, buy_quantity)
}
