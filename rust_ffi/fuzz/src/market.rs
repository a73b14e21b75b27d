//! The auction's kernels: any numbers in, and out what an auction promises.

use crate::buffer::{Buffer, ErrorPlace};
use crate::input::Input;
use marl_ffi::engine::columns::Element;
use marl_ffi::envs::market::clearing::{LossOfLoad, Rules, ScarcityPrice, TieRule};
use marl_ffi::envs::market::kernels::{run_many, Costs, Offers, Results};
use marl_ffi::envs::market::rewards::{RewardParams, RewardTerms};
use marl_ffi::ffi::market::{
    marl_market_clear, marl_market_data, marl_market_free, marl_market_new, marl_market_params,
    marl_market_params_default, marl_market_step, MARL_MARKET_RESULTS_MAY_BE_LOST,
};
use marl_ffi::ffi::{market_f32 as f32s, market_f64 as f64s};
use marl_ffi::simd::{Level, Real};
use marl_ffi::Status;
use std::ptr::{null, null_mut};

const ERRORS: [Status; 9] = [
    Status::Empty,
    Status::LengthMismatch,
    Status::BidNotFinite,
    Status::QuantityNotFinite,
    Status::QuantityNegative,
    Status::DemandNotFinite,
    Status::DemandNegative,
    Status::CostNotFinite,
    Status::ParameterInvalid,
];

/// One precision's functions, with the arrays of [`Case`].
pub trait Precision: Real + Element {
    const DTYPE_CODE: i32;
    const EPSILON: f64;
    fn clear(case: &mut Case<Self>) -> Status;
    fn step(case: &mut Case<Self>) -> Status;
    fn clear_batch(case: &mut Case<Self>) -> Status;
    fn step_batch(case: &mut Case<Self>) -> Status;
    fn clear_with_storage(case: &mut Case<Self>, buy: (f64, f64), charged: *mut f64) -> Status;
    fn of(x: f64) -> Self;
}

/// Inputs and outputs of `markets` markets of `n` units.
pub struct Case<R> {
    n: usize,
    bids: Vec<R>,
    quantities: Vec<R>,
    costs: Vec<R>,
    demand: Vec<f64>,
    params: Option<marl_market_params>,
    threads: usize,
    price: Buffer<f64>,
    prices: Buffer<R>,
    cleared: Buffer<R>,
    rewards: Buffer<R>,
    err: ErrorPlace,
}

macro_rules! precision {
    ($real:ty, $code:expr, $from:ident, $clear:ident, $step:ident, $clear_batch:ident, $step_batch:ident, $storage:ident) => {
        impl Precision for $real {
            const DTYPE_CODE: i32 = $code;
            const EPSILON: f64 = <$real>::EPSILON as f64;

            fn of(x: f64) -> Self {
                x as $real
            }

            fn clear(c: &mut Case<Self>) -> Status {
                let (params, price, cleared) = (c.params(), c.price.pointer(), c.cleared.pointer());
                // SAFETY: all arrays have the lengths that are told.
                unsafe {
                    $from::$clear(
                        c.bids.as_ptr(),
                        c.bids.len(),
                        c.quantities.as_ptr(),
                        c.quantities.len(),
                        c.demand[0],
                        params,
                        price,
                        cleared,
                        c.cleared.len(),
                        c.err.pointer(),
                    )
                }
            }

            fn step(c: &mut Case<Self>) -> Status {
                let (params, price) = (c.params(), c.price.pointer());
                let (cleared, rewards) = (c.cleared.pointer(), c.rewards.pointer());
                // SAFETY: as above.
                unsafe {
                    $from::$step(
                        c.bids.as_ptr(),
                        c.bids.len(),
                        c.quantities.as_ptr(),
                        c.quantities.len(),
                        c.costs.as_ptr(),
                        c.costs.len(),
                        c.demand[0],
                        params,
                        price,
                        cleared,
                        c.cleared.len(),
                        rewards,
                        c.rewards.len(),
                        c.err.pointer(),
                    )
                }
            }

            fn clear_batch(c: &mut Case<Self>) -> Status {
                let (params, prices, cleared) = (c.params(), c.prices.pointer(), c.cleared.pointer());
                // SAFETY: as above.
                unsafe {
                    $from::$clear_batch(
                        c.bids.as_ptr(),
                        c.bids.len(),
                        c.quantities.as_ptr(),
                        c.quantities.len(),
                        c.demand.as_ptr(),
                        c.demand.len(),
                        c.n,
                        params,
                        prices,
                        c.prices.len(),
                        cleared,
                        c.cleared.len(),
                        c.threads,
                        c.err.pointer(),
                    )
                }
            }

            fn step_batch(c: &mut Case<Self>) -> Status {
                let (params, prices) = (c.params(), c.prices.pointer());
                let (cleared, rewards) = (c.cleared.pointer(), c.rewards.pointer());
                // SAFETY: as above.
                unsafe {
                    $from::$step_batch(
                        c.bids.as_ptr(),
                        c.bids.len(),
                        c.quantities.as_ptr(),
                        c.quantities.len(),
                        c.costs.as_ptr(),
                        c.costs.len(),
                        c.demand.as_ptr(),
                        c.demand.len(),
                        c.n,
                        params,
                        prices,
                        c.prices.len(),
                        cleared,
                        c.cleared.len(),
                        rewards,
                        c.rewards.len(),
                        c.threads,
                        c.err.pointer(),
                    )
                }
            }

            fn clear_with_storage(c: &mut Case<Self>, (bid, quantity): (f64, f64), charged: *mut f64) -> Status {
                let (params, price, cleared) = (c.params(), c.price.pointer(), c.cleared.pointer());
                // SAFETY: as above.
                unsafe {
                    $from::$storage(
                        c.bids.as_ptr(),
                        c.bids.len(),
                        c.quantities.as_ptr(),
                        c.quantities.len(),
                        c.demand[0],
                        bid,
                        quantity,
                        params,
                        price,
                        cleared,
                        c.cleared.len(),
                        charged,
                        c.err.pointer(),
                    )
                }
            }
        }
    };
}

#[rustfmt::skip]
precision!(f32, 0, f32s, marl_market_clear_f32, marl_market_step_f32, marl_market_clear_batch_f32,
    marl_market_step_batch_f32, marl_market_clear_with_storage_f32);
#[rustfmt::skip]
precision!(f64, 1, f64s, marl_market_clear_f64, marl_market_step_f64, marl_market_clear_batch_f64,
    marl_market_step_batch_f64, marl_market_clear_with_storage_f64);

/// Plays one case in one of the precisions.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    if input.once_in(2) {
        play::<f64>(&mut input);
    } else {
        play::<f32>(&mut input);
    }
}

fn play<R: Precision>(input: &mut Input) {
    let which = input.below(6);
    let batch = which == 2 || which == 3;
    let markets = if batch { input.size(70) } else { 1 };
    let most = if markets > 20 { 40 } else { 300 };
    let n = input.size(most);
    let mut case = Case::<R>::new(input, n, markets, batch);
    match which {
        0 => one(&mut case, R::clear, false),
        1 => one(&mut case, R::step, true),
        2 => many(&mut case, R::clear_batch, false, input),
        3 => many(&mut case, R::step_batch, true, input),
        4 => with_storage(&mut case, input),
        _ => bound(&mut case, input),
    }
}

fn default_params() -> marl_market_params {
    // SAFETY: a plain struct of numbers, filled by the call.
    let mut p: marl_market_params = unsafe { std::mem::zeroed() };
    // SAFETY: a place for it.
    unsafe { marl_market_params_default(&mut p) };
    p
}

fn params(input: &mut Input) -> Option<marl_market_params> {
    if input.once_in(2) {
        return None;
    }
    let mut p = default_params();
    p.scarcity_price = input.below(2) as i32;
    p.loss_of_load = input.below(2) as i32;
    p.tie_rule = input.below(2) as i32;
    if input.once_in(3) {
        p.price_cap = input.number();
    }
    if input.once_in(3) {
        p.lambda_bid_penalty = input.fine_number(true);
        p.unit_lol_penalty = input.fine_number(true);
        p.demand_scale = input.fine_number(true);
        p.cost_scale = input.fine_number(true);
        p.time_horizon = input.below(9000) as i64;
    }
    if input.once_in(8) {
        match input.below(8) {
            0 => p.lambda_bid_penalty = input.number(),
            1 => p.unit_lol_penalty = input.number(),
            2 => p.demand_scale = input.number(),
            3 => p.cost_scale = input.number(),
            4 => p.time_horizon = input.bits() as i64,
            5 => p.tie_rule = input.bits() as i32,
            6 => p.loss_of_load = input.bits() as i32,
            _ => p.scarcity_price = input.bits() as i32,
        }
    }
    Some(p)
}

impl<R: Precision> Case<R> {
    fn new(input: &mut Input, n: usize, markets: usize, batch: bool) -> Self {
        let round = |x: Vec<f64>| x.into_iter().map(R::of).collect::<Vec<R>>();
        let count = n * markets;
        let mut bids = round(input.numbers(count, false));
        let mut quantities = round(input.numbers(count, true));
        let num_costs = if batch && input.once_in(2) { n } else { count };
        let mut costs = round(input.numbers(num_costs, false));
        let mut demand = input.numbers(markets, true);
        if input.once_in(2) {
            // Within reach of what is offered.
            for (demand, offers) in demand.iter_mut().zip(quantities.chunks(n.max(1))) {
                let all: f64 = offers.iter().map(|q| q.to_f64()).sum();
                let share = all * input.below(9) as f64 / 7.0;
                *demand = if share.is_finite() { share } else { *demand };
            }
        }
        let params = params(input);
        let (mut cleared, mut rewards, mut prices) = (count, count, markets);
        if input.once_in(12) {
            match input.below(6) {
                0 => drop(bids.pop()),
                1 => quantities.push(R::ZERO),
                2 => drop(costs.pop()),
                3 => cleared += 1,
                4 => rewards = rewards.saturating_sub(1),
                _ => prices += 1,
            }
        }
        Case {
            n,
            bids,
            quantities,
            costs,
            demand,
            params,
            threads: input.pick(&[1, 1, 1, 0, 2, 7, usize::MAX]),
            price: Buffer::new(1),
            prices: Buffer::new(prices),
            cleared: Buffer::new(cleared),
            rewards: Buffer::new(rewards),
            err: ErrorPlace::new(),
        }
    }

    fn params(&self) -> *const marl_market_params {
        self.params.as_ref().map_or(null(), |params| params)
    }

    /// What the call must answer, by the order that the header tells.
    fn expected(&self, batch: bool, with_rewards: bool) -> Status {
        let count = if batch { self.n * self.demand.len() } else { self.bids.len() };
        if (batch && self.n == 0) || (!batch && self.bids.is_empty()) {
            return Status::Empty;
        }
        if self.bids.len() != count || self.quantities.len() != count {
            return Status::LengthMismatch;
        }
        let n = if batch { self.n } else { count };
        for (k, demand) in self.demand.iter().enumerate() {
            let units = k * n..(k + 1) * n;
            if self.bids[units.clone()].iter().any(|x| !x.to_f64().is_finite()) {
                return Status::BidNotFinite;
            }
            for q in self.quantities[units].iter().map(|q| q.to_f64()) {
                if !q.is_finite() {
                    return Status::QuantityNotFinite;
                }
                if q < 0.0 {
                    return Status::QuantityNegative;
                }
            }
            if !demand.is_finite() {
                return Status::DemandNotFinite;
            }
            if *demand < 0.0 {
                return Status::DemandNegative;
            }
        }
        if with_rewards {
            if self.costs.len() != count && !(batch && self.costs.len() == n) {
                return Status::LengthMismatch;
            }
            if self.costs.iter().any(|c| !c.to_f64().is_finite()) {
                return Status::CostNotFinite;
            }
        }
        if let Some(p) = &self.params {
            let choices = [p.scarcity_price, p.loss_of_load, p.tie_rule];
            let fine = |x: f64| x.is_finite() && x >= 0.0;
            let positive = |x: f64| x.is_finite() && x > 0.0;
            if p.price_cap.is_nan()
                || p.time_horizon < 0
                || choices.iter().any(|x| !(0..2).contains(x))
                || !fine(p.lambda_bid_penalty)
                || !fine(p.unit_lol_penalty)
                || !positive(p.demand_scale)
                || !positive(p.cost_scale)
            {
                return Status::ParameterInvalid;
            }
        }
        let wrong = (batch && self.prices.len() != self.demand.len())
            || self.cleared.len() != count
            || (with_rewards && self.rewards.len() != count);
        if wrong {
            return Status::LengthMismatch;
        }
        Status::Ok
    }

    fn check(&self, status: Status, expected: Status, batch: bool, with_rewards: bool) -> bool {
        self.err.check("market", status, &ERRORS);
        assert_eq!(status, expected, "{}", self.err.text());
        if status != Status::Ok {
            self.price.assert_untouched("price");
            self.prices.assert_untouched("prices");
            self.cleared.assert_untouched("cleared");
            self.rewards.assert_untouched("rewards");
            return false;
        }
        self.cleared.assert_guards("cleared");
        if !with_rewards {
            self.rewards.assert_untouched("rewards of a call without");
        }
        let price = |k: usize| if batch { self.prices.get()[k].to_f64() } else { self.price.get()[0] };
        let n = self.cleared.len() / self.demand.len().max(1);
        for k in 0..self.demand.len() {
            let units = k * n..(k + 1) * n;
            self.check_market(units, self.demand[k], price(k));
        }
        true
    }

    /// What an auction promises of one market.
    fn check_market(&self, units: std::ops::Range<usize>, demand: f64, price: f64) {
        let (bids, offered) = (&self.bids[units.clone()], &self.quantities[units.clone()]);
        let cleared = &self.cleared.get()[units];
        let wide = |x: &[R]| x.iter().map(|x| x.to_f64()).collect::<Vec<f64>>();
        let (bids, offered, cleared) = (wide(bids), wide(offered), wide(cleared));
        let sum = offered.iter().fold(R::ZERO, |sum, q| sum + R::of(*q)).to_f64();
        assert!(!price.is_nan(), "no price");
        if !sum.is_finite() || !R::of(demand).to_f64().is_finite() {
            return; // sums that overflow tell nothing of the parts
        }
        // One rounding per unit: of the sum, or among numbers too small for one.
        let tolerance = (bids.len() as f64 + 4.0) * (R::EPSILON * sum.max(demand)).max(1.5e-45);
        for (k, ((bid, q), got)) in bids.iter().zip(&offered).zip(&cleared).enumerate() {
            assert!(*got >= -tolerance && *got <= q + tolerance, "unit {k} offers {q} and clears {got}");
            if self.params.is_none_or(|p| p.price_cap == f64::INFINITY) {
                assert!(*bid >= price || got == q, "unit {k} bids {bid} below {price}, offers {q} and clears {got}");
                assert!(*bid <= price || *got == 0.0, "unit {k} bids {bid} above {price} and clears {got}");
            }
        }
        let total: f64 = cleared.iter().sum();
        assert!((total - demand.min(sum)).abs() <= tolerance, "{total} of {demand} cleared, {sum} offered");
        match self.params.map(|p| p.price_cap) {
            Some(cap) => assert!(bids.contains(&price) || price == R::of(cap).to_f64(), "{price} is nobody's bid"),
            None => assert!(bids.contains(&price), "{price} is nobody's bid"),
        }
    }
}

fn one<R: Precision>(case: &mut Case<R>, call: fn(&mut Case<R>) -> Status, with_rewards: bool) {
    let status = call(case);
    let expected = case.expected(false, with_rewards);
    if case.check(status, expected, false, with_rewards) {
        case.n = case.bids.len();
        let price = [R::of(case.price.get()[0])];
        all_levels(case, with_rewards, &price);
    }
}

/// The call again, where results may be lost: all is as it was, but for what an error leaves behind.
fn checked_on_the_way<R: Precision>(case: &mut Case<R>, call: fn(&mut Case<R>) -> Status, expected: Status) {
    let kept = case.params;
    let mut params = kept.unwrap_or_else(default_params);
    params.reserved = MARL_MARKET_RESULTS_MAY_BE_LOST;
    case.params = Some(params);
    let results = |case: &Case<R>| {
        let all = [case.prices.get(), case.cleared.get(), case.rewards.get()].concat();
        all.iter().map(|x| x.to_f64().to_bits()).collect::<Vec<u64>>()
    };
    let (before, text) = (results(case), case.err.text().to_string());
    assert_eq!(call(case), expected, "{}", case.err.text());
    assert_eq!(case.err.text(), text);
    if expected == Status::Ok {
        assert_eq!(results(case), before, "other results, checked on the way");
    }
    case.cleared.assert_guards("cleared");
    case.params = kept;
}

fn many<R: Precision>(case: &mut Case<R>, call: fn(&mut Case<R>) -> Status, with_rewards: bool, input: &mut Input) {
    let status = call(case);
    let expected = case.expected(true, with_rewards);
    let fine = case.check(status, expected, true, with_rewards);
    checked_on_the_way(case, call, expected);
    if !fine {
        return;
    }
    case.prices.assert_guards("prices");
    let prices = case.prices.get().to_vec();
    all_levels(case, with_rewards, &prices);
    if case.demand.is_empty() {
        return;
    }
    // A market of the batch, alone.
    let k = input.below(case.demand.len());
    let units = k * case.n..(k + 1) * case.n;
    let own = |all: &[R]| if all.len() == case.n { all.to_vec() } else { all[units.clone()].to_vec() };
    let mut alone = Case {
        n: case.n,
        bids: case.bids[units.clone()].to_vec(),
        quantities: case.quantities[units.clone()].to_vec(),
        costs: if with_rewards { own(&case.costs) } else { Vec::new() },
        demand: vec![case.demand[k]],
        params: case.params,
        threads: 1,
        price: Buffer::new(1),
        prices: Buffer::new(1),
        cleared: Buffer::new(case.n),
        rewards: Buffer::new(case.n),
        err: ErrorPlace::new(),
    };
    let status = if with_rewards { R::step(&mut alone) } else { R::clear(&mut alone) };
    assert_eq!(status, Status::Ok);
    assert!(bits(&[R::of(alone.price.get()[0])]) == bits(&prices[k..k + 1]), "price of market {k} alone");
    assert!(bits(alone.cleared.get()) == bits(&case.cleared.get()[units.clone()]), "dispatch of market {k} alone");
    if with_rewards {
        assert!(bits(alone.rewards.get()) == bits(&case.rewards.get()[units]), "rewards of market {k} alone");
    }
}

fn bits<R: Element>(x: &[R]) -> &[u8] {
    bytemuck::cast_slice(x)
}

/// The same on every instruction set of this machine.
fn all_levels<R: Precision>(case: &Case<R>, with_rewards: bool, prices: &[R]) {
    let p = case.params;
    let rules = p.map_or(Rules::default(), |p| Rules {
        price_cap: p.price_cap,
        scarcity_price: [ScarcityPrice::HighestBid, ScarcityPrice::HighestDispatchedBid][p.scarcity_price as usize],
        loss_of_load: [LossOfLoad::Original, LossOfLoad::Robust][p.loss_of_load as usize],
        tie_rule: [TieRule::Index, TieRule::ProRata][p.tie_rule as usize],
    });
    let rewards = p.map_or(RewardParams::default(), |p| RewardParams {
        lambda_bid_penalty: p.lambda_bid_penalty,
        unit_lol_penalty: p.unit_lol_penalty,
        demand_scale: p.demand_scale,
        cost_scale: p.cost_scale,
        time_horizon: p.time_horizon as f64,
    });
    for level in Level::supported() {
        let count = case.bids.len();
        let mut out =
            [Buffer::<R>::new(prices.len()), Buffer::new(count), Buffer::new(if with_rewards { count } else { 0 })];
        let [to_prices, cleared, paid] = &mut out;
        let (bids, quantities) = (case.bids.as_slice(), case.quantities.as_slice());
        let offers = Offers { bids, quantities, demand: &case.demand, num_generators: case.n };
        let costs = with_rewards.then(|| Costs { costs: &case.costs, terms: RewardTerms::new(&rewards) });
        let results = Results {
            prices: to_prices.get_mut(),
            cleared: cleared.get_mut(),
            rewards: paid.get_mut(),
            unserved: &mut [],
            lol: &mut [],
        };
        assert!(run_many(level, 1, &rules, offers, true, costs, results));
        let name = level.name();
        out.iter().for_each(|out| out.assert_guards(name));
        assert!(bits(out[0].get()) == bits(prices), "prices on {name}");
        assert!(bits(out[1].get()) == bits(case.cleared.get()), "dispatch on {name}");
        assert!(!with_rewards || bits(out[2].get()) == bits(case.rewards.get()), "rewards on {name}");
    }
}

fn with_storage<R: Precision>(case: &mut Case<R>, input: &mut Input) {
    let buy = if input.once_in(4) {
        (input.number(), input.number())
    } else {
        (input.fine_number(false), input.fine_number(true))
    };
    let mut charged = Buffer::<f64>::new(1);
    let status = R::clear_with_storage(case, buy, charged.pointer());
    case.err.check("storage", status, &ERRORS);
    let fine = case.expected(false, false) == Status::Ok && buy.0.is_finite() && buy.1.is_finite() && buy.1 >= 0.0;
    if status != Status::Ok {
        case.price.assert_untouched("price");
        case.cleared.assert_untouched("cleared");
        charged.assert_untouched("charged");
        // Demand and purchase may overflow together.
        assert!(!fine || status == Status::DemandNotFinite, "{}", case.err.text());
        return;
    }
    assert!(fine, "what is wrong was taken");
    let bought = charged.get()[0];
    assert!((0.0..=buy.1).contains(&bought), "{bought} bought of {}", buy.1);
    case.check_market(0..case.bids.len(), case.demand[0] + bought, case.price.get()[0]);
}

/// A market with buffers of its own says the same as the function without.
fn bound<R: Precision>(case: &mut Case<R>, input: &mut Input) {
    let dtype = if input.once_in(20) { input.below(6) as i32 - 1 } else { R::DTYPE_CODE };
    let n = case.bids.len();
    let mut market = null_mut();
    let params = case.params();
    // SAFETY: places are valid.
    let status = unsafe { marl_market_new(n, dtype, params, &mut market, case.err.pointer()) };
    case.err.check("marl_market_new", status, &[Status::Empty, Status::DtypeMismatch, Status::ParameterInvalid]);
    assert_eq!(status == Status::Ok, !market.is_null());
    if market.is_null() || dtype != R::DTYPE_CODE {
        // SAFETY: NULL or fresh.
        unsafe { marl_market_free(market) };
        return;
    }
    let with_rewards = input.once_in(2);
    case.quantities.resize(n, R::ZERO);
    case.costs.resize(n, R::ZERO);
    // SAFETY: the handle lives, its arrays have `n` elements each, nobody else touches them.
    unsafe {
        let array = |k: i32| std::slice::from_raw_parts_mut(marl_market_data(market, k).cast::<R>(), n);
        array(0).copy_from_slice(&case.bids);
        array(1).copy_from_slice(&case.quantities);
        array(2).copy_from_slice(&case.costs);
        assert!(marl_market_data(market, 5).is_null() && marl_market_data(market, -1).is_null());
        let mut err = ErrorPlace::new();
        let call = if with_rewards { marl_market_step } else { marl_market_clear };
        let price = call(market, case.demand[0], err.pointer());
        (case.cleared, case.rewards, case.err) = (Buffer::new(n), Buffer::new(n), ErrorPlace::new());
        let status = if with_rewards { R::step(case) } else { R::clear(case) };
        assert_eq!(price.is_nan(), status != Status::Ok, "{}", err.text());
        if status != Status::Ok {
            assert!(err.text() == case.err.text(), "{} but {}", err.text(), case.err.text());
            assert!(
                array(3).iter().chain(&*array(4)).all(|x| *x == R::ZERO),
                "an output was written in spite of an error"
            );
        } else {
            assert!(R::of(price).to_f64().to_bits() == R::of(case.price.get()[0]).to_f64().to_bits());
            assert!(bits(array(3)) == bits(case.cleared.get()), "dispatch of a bound market");
            assert!(!with_rewards || bits(array(4)) == bits(case.rewards.get()), "rewards of a bound market");
        }
        marl_market_free(market);
    }
}
