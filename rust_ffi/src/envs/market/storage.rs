//! A battery that bids into the auction: as one more seller, or as a buyer of cheap energy.

use super::clearing::clear_one;
use super::env::Market;
use super::hours::Work;
use super::kernels::{reward_units, Costs};
use super::rewards::{loss_of_load_of_one, sum_of_row};
use crate::engine::columns::Element;
use crate::engine::config::Config;
use crate::engine::error::Result;
use crate::simd::{Real, Simd};

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

/// What a battery did in an hour.
#[derive(Clone, Copy)]
pub struct Exchange {
    /// What it bought (MW).
    pub charged: f64,
    /// What it sold (MW).
    pub discharged: f64,
    /// What it holds afterwards (MWh).
    pub soc: f64,
    /// The bid penalty, loss of load, and at the end of an episode what it took out of its store.
    pub penalty: f64,
}

impl<R: Real + Element> Market<R> {
    /// Clears hour `t` of the market whose offers are in row `at` of `work`, with a battery that holds `soc`
    /// and plays `intent` (the first component of its action).
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    pub(super) fn clear_with_battery<S: Simd>(
        &self,
        s: S,
        work: &mut Work<R>,
        at: usize,
        t: usize,
        battery: &Battery,
        soc: f64,
        intent: f64,
    ) -> Exchange {
        let params = &self.options.params;
        let (n, agents) = (params.num_generators(), params.num_agents());
        let units = at * agents..(at + 1) * agents;
        let (sells, buys) = battery.intent(intent, soc);
        work.quantities[units.start + n] = R::from_f64(sells);
        let bids = &work.bids[units.clone()];
        let quantities = &work.quantities[units.clone()];
        let cleared = &mut work.cleared[units.clone()];
        let demand = work.demand[at].to_f64();
        // An idle or buying battery is no seller, so that it never sets the price.
        let sellers = if quantities[n] > R::ZERO { agents } else { n };
        let charged = if sellers == agents {
            0.0
        } else {
            purchase(&bids[..n], &quantities[..n], demand, bids[n].to_f64(), buys)
        };
        let rules = &self.options.rules;
        cleared[n] = R::ZERO;
        let found = clear_one(
            s,
            rules,
            &bids[..sellers],
            &quantities[..sellers],
            demand + charged,
            &mut cleared[..sellers],
            &mut work.order,
        );
        // What the battery bought is no demand that anybody else could miss.
        let short = R::from_f64(demand - (sum_of_row(s, cleared).to_f64() - charged));
        let missing = found.shortage.map_or(0.0, |supply| demand + charged - supply.to_f64());
        let (unserved, lol) = loss_of_load_of_one(rules, &self.terms, short, missing);
        let costs = Costs { costs: &self.seats.costs, terms: self.terms };
        reward_units(s, found.price, lol, &costs, bids, cleared, &mut work.rewards[units.clone()]);

        let discharged = cleared[n].to_f64();
        let after = battery.after(soc, charged, discharged);
        let distance = bids[n].to_f64() - battery.bid_ref;
        let mut penalty = params.lambda_bid_penalty * (distance * distance) + lol.to_f64();
        let mut profit = found.price.to_f64() * (discharged - charged)
            - params.lambda_bid_penalty * (distance * distance)
            - lol.to_f64();
        if t + 1 == params.hours() {
            let missing = battery.initial_soc() - after;
            let terminal = if missing > 0.0 { missing } else { 0.0 } * (battery.bid_ref + params.max_bid_delta);
            profit -= terminal;
            penalty += terminal;
        }
        work.rewards[units.start + n] = R::from_f64(profit) / self.terms.denominator * R::from_f64(20.0);
        work.prices[at] = found.price;
        work.unserved[at] = unserved;
        work.lol[at] = lol;
        Exchange { charged, discharged, soc: after, penalty }
    }
}
