//! The auction against a plain sort, alone and in batches, on every instruction set, to the last bit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::Numbers;
use marl_ffi::envs::market::clearing::{LossOfLoad, Rules, ScarcityPrice, TieRule};
use marl_ffi::envs::market::kernels::{run_many, Checked, Costs, Offers, OneMarket, Order, Results};
use marl_ffi::envs::market::rewards::{RewardParams, RewardTerms};
use marl_ffi::simd::{self, Level, Real};
use marl_ffi::{Market, Status};

/// Everything about one market, as computed.
#[derive(Clone, Debug, PartialEq)]
struct Outcome<R> {
    price: R,
    cleared: Vec<R>,
    rewards: Vec<R>,
    unserved: R,
    lol: R,
}

impl<R: Real> Outcome<R> {
    fn bits(&self) -> Vec<u64> {
        let tail = [self.price, self.unserved, self.lol];
        self.cleared.iter().chain(&self.rewards).chain(&tail).map(|x| x.to_f64().to_bits()).collect()
    }
}

/// The rules as the textbook has them: sort, walk, pay.
mod naive {
    use super::{LossOfLoad, Outcome, Real, RewardParams, Rules, ScarcityPrice, TieRule};

    pub fn sum<R: Real>(x: &[R]) -> R {
        if x.len() < 8 {
            return x.iter().fold(R::ZERO, |sum, &x| sum + x);
        }
        if x.len() > 128 {
            let half = x.len() / 2 / 8 * 8;
            return sum(&x[..half]) + sum(&x[half..]);
        }
        let whole = x.len() / 8 * 8;
        let r: Vec<R> = (0..8).map(|k| (k + 8..whole).step_by(8).fold(x[k], |sum, at| sum + x[at])).collect();
        let pairs = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
        x[whole..].iter().fold(pairs, |sum, &x| sum + x)
    }

    fn positive<R: Real>(x: R) -> R {
        if x > R::ZERO {
            x
        } else {
            R::ZERO
        }
    }

    pub fn market<R: Real>(
        rules: &Rules,
        params: &RewardParams,
        bids: &[R],
        quantities: &[R],
        costs: &[R],
        demand: f64,
    ) -> Outcome<R> {
        let mut order: Vec<usize> = (0..bids.len()).collect();
        order.sort_by(|&a, &b| bids[a].partial_cmp(&bids[b]).unwrap());
        let mut cleared = vec![R::ZERO; bids.len()];
        let mut supply = R::ZERO;
        let mut margin = None;
        for (k, &unit) in order.iter().enumerate() {
            let before = supply;
            supply = if k == 0 { quantities[unit] } else { supply + quantities[unit] };
            if supply.to_f64() >= demand {
                cleared[unit] = R::from_f64(if k == 0 { demand } else { demand - before.to_f64() });
                margin = Some(unit);
                break;
            }
            cleared[unit] = quantities[unit];
        }
        let highest = order.iter().copied().rfind(|&k| quantities[k] > R::ZERO);
        let mut price = match margin {
            Some(unit) => bids[unit],
            None => {
                let last = *order.last().unwrap();
                match rules.scarcity_price {
                    ScarcityPrice::HighestBid => bids[last],
                    ScarcityPrice::HighestDispatchedBid => bids[highest.unwrap_or(last)],
                }
            }
        };
        if let (Some(_), TieRule::ProRata) = (margin, rules.tie_rule) {
            let cheaper: Vec<usize> = order.iter().copied().filter(|&k| bids[k] < price).collect();
            let before = cheaper
                .iter()
                .skip(1)
                .fold(cheaper.first().map(|&k| quantities[k]), |sum, &k| sum.map(|sum| sum + quantities[k]));
            let rest = R::from_f64(before.map_or(demand, |sum| demand - sum.to_f64()));
            let tied: Vec<usize> = (0..bids.len()).filter(|&k| bids[k] == price).collect();
            let offered = tied.iter().fold(R::ZERO, |sum, &k| sum + quantities[k]);
            let share = if offered > R::ZERO { rest / offered } else { R::ZERO };
            let share = if share > R::ONE { R::ONE } else { share };
            for k in 0..bids.len() {
                cleared[k] = if bids[k] < price { quantities[k] } else { R::ZERO };
            }
            for &k in &tied {
                cleared[k] = quantities[k] * share;
            }
        }
        if R::from_f64(rules.price_cap) < price {
            price = R::from_f64(rules.price_cap);
        }
        let unit_lol = R::from_f64(params.unit_lol_penalty);
        let (unserved, lol) = match rules.loss_of_load {
            LossOfLoad::Original => {
                let unserved = positive(R::from_f64(demand) - sum(&cleared));
                (unserved, unit_lol * unserved)
            }
            LossOfLoad::Robust => {
                let missing = if margin.is_some() { 0.0 } else { demand - supply.to_f64() };
                (R::from_f64(missing), R::from_f64(params.unit_lol_penalty * missing))
            }
        };
        let scale = R::from_f64(params.demand_scale) * R::from_f64(params.cost_scale);
        let denominator = scale * R::from_f64(params.time_horizon.max(1.0));
        let lambda = R::from_f64(params.lambda_bid_penalty);
        let rewards = (0..bids.len()).map(|k| {
            let distance = bids[k] - costs[k];
            let profit = ((price - costs[k]) * cleared[k] - lambda * (distance * distance)) - lol;
            profit / denominator * R::from_f64(20.0)
        });
        Outcome { price, rewards: rewards.collect(), cleared, unserved, lol }
    }
}

/// Kinds of bids, from harmless to nasty.
const KINDS: [&str; 6] = ["random", "tied", "nearly equal", "some nearly equal", "zero", "all one"];

/// A bid whose last eight mantissa bits are random: sorted by a key that gives them away, it may come out wrong.
fn nearly<R: Real>(base: f64, numbers: &mut Numbers) -> R {
    if size_of::<R>() == 4 {
        R::from_f64(f64::from(f32::from_bits((base as f32).to_bits() ^ numbers.below(256) as u32)))
    } else {
        R::from_f64(f64::from_bits(base.to_bits() ^ numbers.below(256) as u64))
    }
}

fn bid<R: Real>(kind: &str, numbers: &mut Numbers) -> R {
    match kind {
        "tied" => R::from_f64([-10.0, 0.0, 20.0, 35.5][numbers.below(4)]),
        "nearly equal" => nearly(if numbers.below(4) == 0 { -33.25 } else { 47.125 }, numbers),
        "some nearly equal" if numbers.below(16) == 0 => nearly(47.125, numbers),
        "random" | "some nearly equal" => R::from_f64(numbers.between(-50.0, 150.0)),
        "zero" => R::from_f64([0.0, -0.0][numbers.below(2)]),
        _ => R::from_f64(30.0),
    }
}

/// Markets of `n` units each, row after row.
struct Markets<R> {
    n: usize,
    bids: Vec<R>,
    quantities: Vec<R>,
    costs: Vec<R>,
    demand: Vec<f64>,
}

fn markets<R: Real>(count: usize, n: usize, kind: &str, seed: u64) -> Markets<R> {
    let mut numbers = Numbers(seed);
    let mut all = Markets { n, bids: vec![], quantities: vec![], costs: vec![], demand: vec![] };
    for row in 0..count {
        let quantities: Vec<R> =
            (0..n).map(|_| R::from_f64(if numbers.below(8) == 0 { 0.0 } else { numbers.between(0.0, 60.0) })).collect();
        all.bids.extend((0..n).map(|_| bid::<R>(kind, &mut numbers)));
        all.costs.extend((0..n).map(|_| R::from_f64(numbers.between(0.0, 60.0))));
        let running: Vec<f64> = quantities
            .iter()
            .scan(R::ZERO, |sum, &q| {
                *sum = *sum + q;
                Some(sum.to_f64())
            })
            .collect();
        all.demand.push(match row % 7 {
            0 => numbers.between(0.0, running[n - 1]),
            1 => running[numbers.below(n)],
            2 => running[n - 1],
            3 => running[n - 1] * 1.25 + 1.0,
            4 => 0.0,
            5 => f64::from_bits(running[numbers.below(n)].to_bits() + 1),
            _ => numbers.between(0.0, 1.0),
        });
        all.quantities.extend(quantities);
    }
    all
}

fn one<R: Real>(
    level: Level,
    rules: &Rules,
    params: &RewardParams,
    all: &Markets<R>,
    row: usize,
    order: &mut Order,
) -> Outcome<R> {
    let units = row * all.n..(row + 1) * all.n;
    let (mut cleared, mut rewards) = (vec![R::INFINITY; all.n], vec![R::INFINITY; all.n]);
    let costs = Costs { costs: &all.costs[units.clone()], terms: RewardTerms::new(params) };
    let market = OneMarket {
        rules,
        bids: &all.bids[units.clone()],
        quantities: &all.quantities[units],
        demand: all.demand[row],
        cleared: &mut cleared,
        order,
        rewards: Some((costs, &mut rewards)),
    };
    let hour = simd::run(level, Checked(market)).unwrap();
    Outcome { price: hour.price, unserved: hour.unserved, lol: hour.lol, cleared, rewards }
}

fn many<R: Real>(
    level: Level,
    threads: usize,
    rules: &Rules,
    params: &RewardParams,
    all: &Markets<R>,
) -> Vec<Outcome<R>> {
    let (count, n) = (all.demand.len(), all.n);
    let wrong = || vec![R::INFINITY; count];
    let (mut prices, mut unserved, mut lol) = (wrong(), wrong(), wrong());
    let (mut cleared, mut rewards) = (vec![R::INFINITY; count * n], vec![R::INFINITY; count * n]);
    let offers = Offers { bids: &all.bids, quantities: &all.quantities, demand: &all.demand, num_generators: n };
    offers.check(level, true, threads).unwrap();
    let results = Results {
        prices: &mut prices,
        cleared: &mut cleared,
        rewards: &mut rewards,
        unserved: &mut unserved,
        lol: &mut lol,
    };
    let costs = Costs { costs: &all.costs, terms: RewardTerms::new(params) };
    // Both ways, whichever this is.
    let to_check = threads % 2 == 1;
    assert!(run_many(level, threads, rules, offers, to_check, Some(costs), results));
    let outcome = |row: usize| Outcome {
        price: prices[row],
        cleared: cleared[row * n..(row + 1) * n].to_vec(),
        rewards: rewards[row * n..(row + 1) * n].to_vec(),
        unserved: unserved[row],
        lol: lol[row],
    };
    (0..count).map(outcome).collect()
}

fn rules() -> Vec<Rules> {
    vec![
        Rules::default(),
        Rules { price_cap: 31.25, loss_of_load: LossOfLoad::Robust, ..Rules::default() },
        Rules { scarcity_price: ScarcityPrice::HighestDispatchedBid, tie_rule: TieRule::ProRata, ..Rules::default() },
    ]
}

fn sizes() -> Vec<usize> {
    (1..=40).chain([50, 63, 64, 65, 88, 100, 127, 128, 129, 160, 200, 255, 256, 257, 300]).collect()
}

fn params() -> RewardParams {
    RewardParams { unit_lol_penalty: 1.1, demand_scale: 97.3, cost_scale: 41.7, ..RewardParams::default() }
}

fn all_ways_agree<R: Real>() {
    let params = params();
    // One memory for all sizes and kinds: nothing may be left over from the market before.
    let mut order = Order::default();
    for n in sizes() {
        for kind in KINDS {
            let all = markets::<R>(if n <= 40 { 37 } else { 15 }, n, kind, n as u64);
            for rules in rules() {
                let expected: Vec<Outcome<R>> = (0..all.demand.len())
                    .map(|row| {
                        let units = row * n..(row + 1) * n;
                        let (bids, quantities) = (&all.bids[units.clone()], &all.quantities[units.clone()]);
                        naive::market(&rules, &params, bids, quantities, &all.costs[units], all.demand[row])
                    })
                    .collect();
                for level in Level::supported() {
                    let context = format!("{kind}, {n} units, {}, {rules:?}", level.name());
                    let batch = many(level, 1, &rules, &params, &all);
                    for (row, expected) in expected.iter().enumerate() {
                        let alone = one(level, &rules, &params, &all, row, &mut order);
                        assert!(
                            alone.bits() == expected.bits(),
                            "alone, row {row}: {context}\n{alone:?}\n{expected:?}"
                        );
                        let batched = &batch[row];
                        assert!(
                            batched.bits() == expected.bits(),
                            "batch, row {row}: {context}\n{batched:?}\n{expected:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn float64_agrees_with_a_plain_sort() {
    all_ways_agree::<f64>();
}

#[test]
fn float32_agrees_with_a_plain_sort() {
    all_ways_agree::<f32>();
}

#[test]
fn threads_change_nothing() {
    fn check<R: Real>() {
        for n in [3, 5, 16, 17, 40, 100] {
            let all = markets::<R>(2500, n, "nearly equal", 9);
            for rules in rules() {
                let expected = many(Level::SCALAR, 1, &rules, &params(), &all);
                for level in Level::supported() {
                    for threads in [1, 2, 7] {
                        let got = many(level, threads, &rules, &params(), &all);
                        let same = got.iter().zip(&expected).all(|(a, b)| a.bits() == b.bits());
                        assert!(same && got.len() == expected.len(), "{n} units, {threads} threads, {}", level.name());
                    }
                }
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn every_batch_size_is_a_part_of_a_larger_one() {
    fn check<R: Real>() {
        for n in [1, 4, 5, 16, 20, 28, 50] {
            let whole = markets::<R>(33, n, "tied", 4);
            for level in Level::supported() {
                let expected = many(level, 1, &Rules::default(), &params(), &whole);
                for count in 1..=33 {
                    let part = Markets {
                        n,
                        bids: whole.bids[..count * n].to_vec(),
                        quantities: whole.quantities[..count * n].to_vec(),
                        costs: whole.costs[..count * n].to_vec(),
                        demand: whole.demand[..count].to_vec(),
                    };
                    let got = many(level, 1, &Rules::default(), &params(), &part);
                    assert!(got.iter().zip(&expected).all(|(a, b)| a.bits() == b.bits()) && got.len() == count);
                }
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn a_check_on_the_way_finds_what_a_check_beforehand_does() {
    fn check<R: Real>() {
        for n in [1, 5, 8, 13, 24, 28, 40, 70, 130, 257] {
            let count = 35;
            let mut all = markets::<R>(count, n, "random", 3);
            for (at, rules) in (0..count * n).step_by(n / 3 + 1).zip(rules().iter().cycle()) {
                for level in Level::supported() {
                    let run = |all: &Markets<R>, threads: usize| {
                        let (mut prices, mut cleared) = (vec![R::ZERO; count], vec![R::ZERO; count * n]);
                        let (bids, quantities, demand) = (&all.bids, &all.quantities, &all.demand);
                        let offers = Offers { bids, quantities, demand, num_generators: n };
                        let fine = offers.check(level, true, threads).is_ok();
                        let (prices, cleared) = (&mut prices[..], &mut cleared[..]);
                        let results = Results { prices, cleared, rewards: &mut [], unserved: &mut [], lol: &mut [] };
                        assert_eq!(run_many(level, threads, rules, offers, true, None, results), fine);
                        fine
                    };
                    assert!(run(&all, 1));
                    for wrong in [R::NAN, R::INFINITY, -R::INFINITY] {
                        let kept = std::mem::replace(&mut all.bids[at], wrong);
                        assert!(!run(&all, 1) && !run(&all, 7), "bids[{at}] of {n} units, {}", level.name());
                        all.bids[at] = kept;
                    }
                    for wrong in [R::NAN, R::INFINITY, -R::ONE] {
                        let kept = std::mem::replace(&mut all.quantities[at], wrong);
                        assert!(!run(&all, 1) && !run(&all, 7), "quantities[{at}] of {n} units, {}", level.name());
                        all.quantities[at] = kept;
                    }
                    for wrong in [f64::NAN, f64::INFINITY, -1.0] {
                        let kept = std::mem::replace(&mut all.demand[at / n], wrong);
                        assert!(!run(&all, 1) && !run(&all, 7), "demand[{}], {n} units, {}", at / n, level.name());
                        all.demand[at / n] = kept;
                    }
                }
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn inputs_are_what_they_claim_to_be() {
    // Ties, pairs that differ in the last eight bits only, and shortage are really among the inputs.
    let near = markets::<f64>(20, 30, "nearly equal", 1);
    let close = near.bids.windows(2).filter(|w| w[0] != w[1] && (w[0].to_bits() ^ w[1].to_bits()) < 256).count();
    assert!(close > 200);
    let near = markets::<f32>(20, 30, "nearly equal", 1);
    assert!(near.bids.windows(2).any(|w| w[0] != w[1] && (w[0].to_bits() ^ w[1].to_bits()) < 256));
    let zero = markets::<f64>(2, 30, "zero", 1);
    assert!(zero.bids.iter().any(|b| b.is_sign_negative()) && zero.bids.iter().any(|b| b.is_sign_positive()));
    let tied = markets::<f32>(1, 30, "tied", 1);
    assert!((1..30).any(|k| tied.bids[k] == tied.bids[0]));
    let all = markets::<f64>(37, 5, "random", 1);
    let outcomes = many(Level::SCALAR, 1, &Rules::default(), &params(), &all);
    let short = outcomes.iter().filter(|outcome| outcome.unserved > 1.0).count();
    assert!((3..30).contains(&short));
}

fn bound_market_agrees<R: Real>() {
    for rules in rules() {
        for n in [1, 2, 5, 8, 33] {
            let batch = markets::<R>(4, n, "random", 11);
            let mut market = Market::<R>::with_rules(n, rules, params()).unwrap();
            for k in 0..4 {
                let row = k * n..(k + 1) * n;
                market.bids_mut().copy_from_slice(&batch.bids[row.clone()]);
                market.quantities_mut().copy_from_slice(&batch.quantities[row.clone()]);
                market.costs_mut().copy_from_slice(&batch.costs[row.clone()]);
                let right = naive::market(
                    &rules,
                    &params(),
                    &batch.bids[row.clone()],
                    &batch.quantities[row.clone()],
                    &batch.costs[row],
                    batch.demand[k],
                );
                let price = market.step(batch.demand[k]).unwrap();
                assert_eq!(price.to_bits(), right.price.to_f64().to_bits());
                assert_eq!((market.cleared(), market.rewards()), (&right.cleared[..], &right.rewards[..]));
                assert_eq!(market.clear(batch.demand[k]).unwrap().to_bits(), price.to_bits());
            }
        }
    }
}

#[test]
fn bound_market_agrees_with_a_plain_sort() {
    bound_market_agrees::<f32>();
    bound_market_agrees::<f64>();
}

#[test]
fn bound_market_names_what_it_refuses() {
    let refused = |what: &str, status, message: &str, demand: f64, spoil: fn(&mut Market<f64>)| {
        let mut market = Market::<f64>::new(3).unwrap();
        market.quantities_mut().fill(10.0);
        market.step(15.0).unwrap();
        let before = market.cleared().to_vec();
        spoil(&mut market);
        let error = market.step(demand).unwrap_err();
        assert_eq!(error.status, status, "{what}: {}", error.message);
        assert!(error.message.contains(message), "{what}: {}", error.message);
        assert_eq!(market.cleared(), before);
    };
    refused("bid", Status::BidNotFinite, "bids[1]", 1.0, |market| market.bids_mut()[1] = f64::NAN);
    refused("quantity", Status::QuantityNegative, "quantities[2]", 1.0, |market| market.quantities_mut()[2] = -1.0);
    refused("cost", Status::CostNotFinite, "costs[0]", 1.0, |market| market.costs_mut()[0] = f64::INFINITY);
    refused("demand", Status::DemandNegative, "-1", -1.0, |_| ());
    refused("demand", Status::DemandNotFinite, "NaN", f64::NAN, |_| ());

    assert_eq!(Market::<f32>::new(0).err().unwrap().status, Status::Empty);
    let capped = Rules { price_cap: f64::NAN, ..Rules::default() };
    let made = Market::<f32>::with_rules(1, capped, RewardParams::default());
    assert_eq!(made.err().unwrap().status, Status::ParameterInvalid);
    let unscaled = RewardParams { demand_scale: 0.0, ..RewardParams::default() };
    assert_eq!(
        Market::<f32>::with_rules(1, Rules::default(), unscaled).err().unwrap().status,
        Status::ParameterInvalid
    );
}
