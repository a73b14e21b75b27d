//! One step of a block of markets: actions become offers, offers are cleared, everybody is paid.

use super::clearing::{clear_one, LossOfLoad};
use super::env::{column, Market};
use super::kernels::{reward_units, total_cleared, Costs, ManyMarkets, Offers, Results};
use super::merit_order::MeritOrder;
use super::params::Options;
use super::storage::{purchase, Battery};
use crate::engine::actions::Actions;
use crate::engine::columns::{Columns, Dtype, Element};
use crate::engine::vec_env::{Infos, Turn};
use crate::simd::{self, math, Kernel, Lanes, Mask, Real, Scalar, Simd};

/// Who sits where, and what those play who do not learn.
pub struct Seats<R> {
    /// MW, of all agents.
    pub capacities: Vec<R>,
    /// Currency/MWh, of all agents.
    pub costs: Vec<R>,
    learners: Vec<usize>,
    /// Numbers of each learner, repeated so that a register of lanes can be loaded at any learner: lowest first
    /// component, capacity, cost.
    lowest: Vec<f64>,
    wide_capacities: Vec<f64>,
    wide_costs: Vec<f64>,
    /// What each agent plays when it does not learn: `action_len` numbers.
    constants: Vec<Vec<f64>>,
}

/// Most lanes a register has.
const MOST_LANES: usize = 16;

impl<R: Real> Seats<R> {
    pub fn new(options: &Options, capacities: Vec<R>, costs: Vec<R>) -> Self {
        let steps = if options.params.day_ahead { options.params.hours() } else { 1 };
        let learners = options.seats.clone();
        let of_learners = |f: &dyn Fn(usize) -> f64| {
            learners.iter().map(|&seat| f(seat)).cycle().take(learners.len() + MOST_LANES).collect::<Vec<_>>()
        };
        let n = options.params.num_generators();
        // Policies are what a trained agent would send: 32-bit numbers.
        let narrow = |x: &f64| f64::from(*x as f32);
        Seats {
            lowest: of_learners(&|seat| if seat < n { 0.0 } else { -1.0 }),
            wide_capacities: of_learners(&|seat| capacities[seat].to_f64()),
            wide_costs: of_learners(&|seat| wide_cost(options, &costs, seat)),
            constants: options
                .policies
                .iter()
                .map(|policy| {
                    let given: Vec<f64> = policy.as_ref().map_or(vec![0.0; 2], |p| p.iter().map(narrow).collect());
                    let (first, second) = given.split_at(given.len() / 2);
                    [first.repeat(steps / first.len()), second.repeat(steps / first.len())].concat()
                })
                .collect(),
            learners,
            capacities,
            costs,
        }
    }
}

/// What an agent's bid is measured from: a generator's cost in working precision, a battery's reference as given.
fn wide_cost<R: Real>(options: &Options, costs: &[R], seat: usize) -> f64 {
    match &options.params.battery {
        Some(battery) if seat == options.params.num_generators() => battery.bid_ref,
        _ => costs[seat].to_f64(),
    }
}

impl Options {
    /// Position of the first column that holds history.
    pub fn first_history_column(&self) -> usize {
        1 + usize::from(self.params.battery.is_some())
    }
}

/// Reusable memory of a step.
pub struct Work<R> {
    rows: usize,
    bids: Vec<R>,
    quantities: Vec<R>,
    demand: Vec<R>,
    wide_demand: Vec<f64>,
    prices: Vec<R>,
    cleared: Vec<R>,
    rewards: Vec<R>,
    unserved: Vec<R>,
    lol: Vec<R>,
    order: MeritOrder,
}

impl<R: Real> Default for Work<R> {
    fn default() -> Self {
        let empty = Vec::new;
        Work {
            rows: 0,
            bids: empty(),
            quantities: empty(),
            demand: empty(),
            wide_demand: Vec::new(),
            prices: empty(),
            cleared: empty(),
            rewards: empty(),
            unserved: empty(),
            lol: empty(),
            order: MeritOrder::default(),
        }
    }
}

impl<R: Real + Element> Work<R> {
    /// Makes room for `rows` markets and fills in the offers of all who do not learn.
    fn prepare(&mut self, market: &Market<R>, rows: usize) {
        if self.rows == rows {
            return;
        }
        let agents = market.options.params.num_agents();
        self.rows = rows;
        self.wide_demand.resize(rows, 0.0);
        for per_row in [&mut self.demand, &mut self.prices, &mut self.unserved, &mut self.lol] {
            per_row.resize(rows, R::ZERO);
        }
        for per_agent in [&mut self.bids, &mut self.quantities, &mut self.cleared, &mut self.rewards] {
            per_agent.resize(rows * agents, R::ZERO);
        }
        if market.options.params.day_ahead {
            return;
        }
        for seat in 0..agents {
            let action = &market.seats.constants[seat];
            let (quantity, bid) = market.project_one(seat, action[0], action[1], true);
            for row in 0..rows {
                self.quantities[row * agents + seat] = quantity;
                self.bids[row * agents + seat] = bid;
            }
        }
    }
}

impl<R: Real + Element> Market<R> {
    /// Offer and bid for an action: `q = (1 - a0) K`, `b = c + tanh(a1) max_bid_delta`, rounded as in the
    /// original market. `narrow` tells that the action came in 32 bits.
    #[inline(always)]
    fn project<S: Simd>(
        &self,
        s: S,
        action: [S::F64; 2],
        lowest: S::F64,
        capacity: S::F64,
        cost: S::F64,
        narrow: bool,
    ) -> [S::F64; 2] {
        let splat = |x| S::F64::splat(s, x);
        let [mut a0, mut a1] = action;
        if self.options.clips {
            a0 = a0.max(lowest).min(splat(1.0));
            a1 = a1.max(splat(-10.0)).min(splat(10.0));
        }
        // A row whose episode is over may carry any action; nothing of it is kept, but it must not be NaN.
        let infinity = splat(f64::INFINITY);
        let usable = a0.abs().lt(infinity).and(a1.abs().lt(infinity));
        a0 = S::F64::select(usable, a0, splat(0.0));
        a1 = S::F64::select(usable, a1, splat(0.0));
        let offered = R::round_wide(s, splat(1.0) - a0) * capacity;
        let tanh = math::tanh(s, a1);
        let tanh = if narrow { R::round_wide(s, tanh) } else { tanh };
        let bid = cost + tanh * splat(self.options.params.max_bid_delta);
        [R::round_wide(s, offered), R::round_wide(s, bid)]
    }

    fn project_one(&self, seat: usize, a0: f64, a1: f64, narrow: bool) -> (R, R) {
        type One = <Scalar as Simd>::F64;
        let splat = |x| One::splat(Scalar, x);
        let lowest = if seat < self.options.params.num_generators() { 0.0 } else { -1.0 };
        let capacity = self.seats.capacities[seat].to_f64();
        let cost = wide_cost(&self.options, &self.seats.costs, seat);
        let action = [splat(a0), splat(a1)];
        let [q, b] = self.project(Scalar, action, splat(lowest), splat(capacity), splat(cost), narrow);
        let (mut quantity, mut bid) = ([0.0], [0.0]);
        q.store(&mut quantity);
        b.store(&mut bid);
        (R::from_f64(quantity[0]), R::from_f64(bid[0]))
    }

    /// Offers of all learners of all rows.
    #[inline(always)]
    fn project_all<S: Simd>(&self, s: S, actions: Actions<'_>, work: &mut Work<R>) {
        let seats = &self.seats;
        let learners = seats.learners.len();
        let agents = self.options.params.num_agents();
        let narrow = actions.dtype() == Dtype::Float32;
        let count = actions.len() / 2;
        let (mut row_start, mut learner) = (0, 0);
        let mut first = 0;
        while first < count {
            let there = S::F64::WIDTH.min(count - first);
            let lowest = S::F64::load_or(s, &seats.lowest[learner..], 0.0);
            let capacity = S::F64::load_or(s, &seats.wide_capacities[learner..], 0.0);
            let cost = S::F64::load_or(s, &seats.wide_costs[learner..], 0.0);
            let action = match actions {
                Actions::F32(x) => [load_pairs(s, &x[2 * first..], 0), load_pairs(s, &x[2 * first..], 1)],
                Actions::F64(x) => [load_pairs(s, &x[2 * first..], 0), load_pairs(s, &x[2 * first..], 1)],
                _ => [S::F64::splat(s, 0.0); 2],
            };
            let [q, b] = self.project(s, action, lowest, capacity, cost, narrow);
            if learners == agents {
                R::store_rounded::<S>(q, &mut work.quantities[first..first + there]);
                R::store_rounded::<S>(b, &mut work.bids[first..first + there]);
                learner = (learner + there) % learners;
            } else {
                let (mut quantities, mut bids) = ([R::ZERO; MOST_LANES], [R::ZERO; MOST_LANES]);
                R::store_rounded::<S>(q, &mut quantities);
                R::store_rounded::<S>(b, &mut bids);
                for lane in 0..there {
                    let at = row_start + seats.learners[learner];
                    work.quantities[at] = quantities[lane];
                    work.bids[at] = bids[lane];
                    learner += 1;
                    if learner == learners {
                        learner = 0;
                        row_start += agents;
                    }
                }
            }
            first += S::F64::WIDTH;
        }
    }
}

/// Component `k` of the first pairs of `x`.
#[inline(always)]
fn load_pairs<S: Simd, A: Real>(s: S, x: &[A], k: usize) -> S::F64 {
    if x.len() >= 2 * S::F64::WIDTH {
        let x = &x[..2 * S::F64::WIDTH];
        S::F64::from_fn(s, |lane| x[2 * lane + k].to_f64())
    } else {
        S::F64::from_fn(s, |lane| x.get(2 * lane + k).map_or(0.0, |x| x.to_f64()))
    }
}

/// A step of a block, ready to run on lanes.
pub struct StepBlock<'a, 'b, 'c, R: Real + Element> {
    pub market: &'a Market<R>,
    pub turn: Turn<'b, 'c, Market<R>>,
}

impl<R: Real + Element> Kernel for StepBlock<'_, '_, '_, R> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let StepBlock { market, turn } = self;
        let params = &market.options.params;
        if params.day_ahead || params.battery.is_some() {
            turn.scratch.prepare(market, turn.rows);
            step_rows(s, market, turn);
        } else {
            turn.scratch.prepare(market, turn.rows.min(strip_rows(params.num_agents())));
            step_hour(s, market, turn);
        }
    }
}

/// Markets that go through a step together: as many as the nearest caches hold, for memory is slower than the rules.
fn strip_rows(agents: usize) -> usize {
    (8192 / agents).next_multiple_of(MOST_LANES)
}

/// One hour of generators alone: strips of the block go through the batch kernels.
#[inline(always)]
fn step_hour<S: Simd, R: Real + Element>(s: S, market: &Market<R>, turn: Turn<'_, '_, Market<R>>) {
    let Turn { rows, state, scratch: work, clock, actions, rewards, terminated, infos, .. } = turn;
    let agents = market.options.params.num_agents();
    let learners = market.seats.learners.len();
    let wanted = infos.wanted();
    // Arrays that nobody asked for are empty, and not aligned either.
    let mut infos = if wanted { infos.typed::<R, 7>() } else { Default::default() };
    let mut first = 0;
    while first < rows {
        let count = work.rows.min(rows - first);
        let paid = first * learners..(first + count) * learners;
        work.play(s, market, state, first, &clock[first..first + count], actions.slice(2 * paid.start..2 * paid.end));
        for (terminated, clock) in terminated[first..first + count].iter_mut().zip(&clock[first..]) {
            *terminated = u8::from(*clock as usize + 1 >= market.options.params.hours());
        }
        pay_learners(&market.seats.learners, agents, &work.rewards[..count * agents], &mut rewards[paid]);
        if wanted {
            let per_market = [&work.prices, &work.demand, &work.unserved];
            let per_agent = [&work.cleared, &work.rewards, &work.bids, &work.quantities];
            let (to_market, to_agent) = infos.split_at_mut(per_market.len());
            for (to, from) in to_market.iter_mut().zip(per_market) {
                to[first..first + count].copy_from_slice(&from[..count]);
            }
            for (to, from) in to_agent.iter_mut().zip(per_agent) {
                to[first * agents..(first + count) * agents].copy_from_slice(&from[..count * agents]);
            }
        }
        first += count;
    }
}

impl<R: Real + Element> Work<R> {
    /// Clears the present hour of as many markets as there are clocks, from environment `first` on, into its arrays.
    #[inline(always)]
    fn play<S: Simd>(
        &mut self,
        s: S,
        market: &Market<R>,
        state: &mut Columns,
        first: usize,
        clock: &[u32],
        actions: Actions<'_>,
    ) {
        let (hours, agents) = (market.options.params.hours(), market.options.params.num_agents());
        let count = clock.len();
        market.project_all(s, actions, self);
        let demand = &state.get::<R>(column::DEMAND)[first * hours..(first + count) * hours];
        for (row, clock) in clock.iter().enumerate() {
            self.demand[row] = demand[row * hours + (*clock as usize).min(hours - 1)];
            self.wide_demand[row] = self.demand[row].to_f64();
        }
        let offers = Offers {
            bids: &self.bids[..count * agents],
            quantities: &self.quantities[..count * agents],
            demand: &self.wide_demand[..count],
            num_generators: agents,
        };
        let costs = Some(Costs { costs: &market.seats.costs, terms: market.terms });
        let results = Results {
            prices: &mut self.prices[..count],
            cleared: &mut self.cleared[..count * agents],
            rewards: &mut self.rewards[..count * agents],
            unserved: &mut self.unserved[..count],
            lol: &mut self.lol[..count],
        };
        simd::run(s.level(), ManyMarkets { rules: &market.options.rules, offers, costs, results });
        if market.options.history {
            for (row, clock) in clock.iter().enumerate() {
                let t = (*clock as usize).min(hours - 1);
                market.write_history(state, first + row, t, self, row, None);
            }
        }
    }
}

/// Hands the learners their own of all rewards.
fn pay_learners<R: Copy>(learners: &[usize], agents: usize, all: &[R], paid: &mut [R]) {
    if learners.len() == agents {
        return paid.copy_from_slice(all);
    }
    for (paid, all) in paid.chunks_exact_mut(learners.len()).zip(all.chunks_exact(agents)) {
        for (paid, seat) in paid.iter_mut().zip(learners) {
            *paid = all[*seat];
        }
    }
}

/// What a battery did in an hour.
#[derive(Clone, Copy)]
struct Exchange {
    charged: f64,
    discharged: f64,
    soc: f64,
    penalty: f64,
}

impl<R: Real + Element> Market<R> {
    /// Writes hour `t` of environment `row` to the history; the hour's arrays are in row `at` of `work`.
    fn write_history(
        &self,
        state: &mut Columns,
        row: usize,
        t: usize,
        work: &Work<R>,
        at: usize,
        battery: Option<Exchange>,
    ) {
        let (hours, agents) = (self.options.params.hours(), self.options.params.num_agents());
        let first = self.options.first_history_column();
        let hour = row * hours + t;
        let here = at * agents..(at + 1) * agents;
        for (k, from) in [&work.bids, &work.quantities, &work.cleared, &work.rewards].into_iter().enumerate() {
            state.get_mut::<R>(first + k)[hour * agents..(hour + 1) * agents].copy_from_slice(&from[here.clone()]);
        }
        let penalties = &mut state.get_mut::<R>(first + 4)[hour * agents..(hour + 1) * agents];
        for ((penalty, bid), cost) in penalties.iter_mut().zip(&work.bids[here]).zip(&self.seats.costs) {
            let distance = *bid - *cost;
            *penalty = self.terms.lambda * (distance * distance) + work.lol[at];
        }
        if let (Some(battery), Some(last)) = (battery, penalties.last_mut()) {
            *last = R::from_f64(battery.penalty);
        }
        state.get_mut::<R>(first + 5)[hour] = work.prices[at];
        state.get_mut::<R>(first + 6)[hour] = work.demand[at];
        if let Some(battery) = battery {
            state.get_mut::<f64>(first + 7)[hour] = battery.charged;
            state.get_mut::<f64>(first + 8)[hour] = battery.discharged;
            state.get_mut::<f64>(first + 9)[hour] = battery.soc;
        }
    }

    /// Clears hour `t` of the market whose offers are in row `at` of `work`, with a battery that holds `soc`
    /// and plays `intent` (the first component of its action).
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn clear_with_battery<S: Simd>(
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
        let (unserved, lol) = match rules.loss_of_load {
            LossOfLoad::Original => {
                let short = R::from_f64(demand - (total_cleared(cleared).to_f64() - charged));
                let short = if short > R::ZERO { short } else { R::ZERO };
                (short, self.terms.unit_lol * short)
            }
            LossOfLoad::Robust => {
                let short = found.shortage.map_or(0.0, |supply| demand + charged - supply.to_f64());
                (R::from_f64(short), R::from_f64(self.terms.unit_lol_wide * short))
            }
        };
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

/// Hours with a battery, or whole days: market by market.
#[inline(always)]
fn step_rows<S: Simd, R: Real + Element>(s: S, market: &Market<R>, turn: Turn<'_, '_, Market<R>>) {
    let Turn { rows, state, scratch: work, clock, actions, rewards, terminated, infos, .. } = turn;
    let params = &market.options.params;
    let (hours, agents, n) = (params.hours(), params.num_agents(), params.num_generators());
    let learners = &market.seats.learners;
    let steps = if params.day_ahead { hours } else { 1 };
    let narrow = actions.dtype() == Dtype::Float32;
    let mut sums = vec![0.0; agents];
    for row in 0..rows {
        let start = if params.day_ahead { 0 } else { (clock[row] as usize).min(hours - 1) };
        terminated[row] = u8::from(params.day_ahead || start + 1 >= hours);
        sums.fill(0.0);
        for step in 0..steps {
            let t = start + step;
            let mut intent = 0.0;
            for seat in 0..agents {
                let (a0, a1, narrow) = match learners.binary_search(&seat) {
                    Ok(learner) => {
                        let at = (row * learners.len() + learner) * 2 * steps + step;
                        (actions.get(at), actions.get(at + steps), narrow)
                    }
                    Err(_) => (market.seats.constants[seat][step], market.seats.constants[seat][steps + step], true),
                };
                let (quantity, bid) = market.project_one(seat, a0, a1, narrow);
                work.quantities[row * agents + seat] = quantity;
                work.bids[row * agents + seat] = bid;
                if seat == n && a0.is_finite() {
                    intent = a0.clamp(-1.0, 1.0);
                }
            }
            work.demand[row] = state.get::<R>(column::DEMAND)[row * hours + t];
            let exchange = match &params.battery {
                Some(battery) => {
                    let soc = state.get::<f64>(column::SOC)[row];
                    let exchange = market.clear_with_battery(s, work, row, t, battery, soc, intent);
                    state.get_mut::<f64>(column::SOC)[row] = exchange.soc;
                    Some(exchange)
                }
                None => {
                    clear_generators(s, market, work, row);
                    None
                }
            };
            for (sum, reward) in sums.iter_mut().zip(&work.rewards[row * agents..(row + 1) * agents]) {
                *sum += reward.to_f64();
            }
            if infos.wanted() {
                write_hour(infos, work, row, row * steps + step, agents, exchange);
            }
            if market.options.history {
                market.write_history(state, row, t, work, row, exchange);
            }
        }
        if params.day_ahead {
            for (reward, sum) in work.rewards[row * agents..(row + 1) * agents].iter_mut().zip(&sums) {
                *reward = R::from_f64(*sum);
            }
        }
    }
    pay_learners(learners, agents, &work.rewards, rewards);
    if infos.wanted() {
        infos.get_mut::<R>(4).copy_from_slice(&work.rewards);
    }
}

#[inline(always)]
fn clear_generators<S: Simd, R: Real + Element>(s: S, market: &Market<R>, work: &mut Work<R>, row: usize) {
    let agents = market.options.params.num_agents();
    let units = row * agents..(row + 1) * agents;
    let one = super::kernels::OneMarket {
        rules: &market.options.rules,
        bids: &work.bids[units.clone()],
        quantities: &work.quantities[units.clone()],
        demand: work.demand[row].to_f64(),
        cleared: &mut work.cleared[units.clone()],
        order: &mut work.order,
        rewards: Some((Costs { costs: &market.seats.costs, terms: market.terms }, &mut work.rewards[units])),
    };
    let hour = one.trusted(s);
    work.prices[row] = hour.price;
    work.unserved[row] = hour.unserved;
    work.lol[row] = hour.lol;
}

/// Writes the infos of one hour: row `row` of `work` to place `at` of the arrays.
fn write_hour<R: Real + Element>(
    infos: &mut Infos<'_>,
    work: &Work<R>,
    row: usize,
    at: usize,
    agents: usize,
    battery: Option<Exchange>,
) {
    infos.get_mut::<R>(0)[at] = work.prices[row];
    infos.get_mut::<R>(1)[at] = work.demand[row];
    infos.get_mut::<R>(2)[at] = work.unserved[row];
    let here = row * agents..(row + 1) * agents;
    let there = at * agents..(at + 1) * agents;
    infos.get_mut::<R>(3)[there.clone()].copy_from_slice(&work.cleared[here.clone()]);
    infos.get_mut::<R>(5)[there.clone()].copy_from_slice(&work.bids[here.clone()]);
    infos.get_mut::<R>(6)[there].copy_from_slice(&work.quantities[here]);
    if let Some(battery) = battery {
        infos.get_mut::<f64>(7)[at] = battery.charged;
        infos.get_mut::<f64>(8)[at] = battery.discharged;
        infos.get_mut::<f64>(9)[at] = battery.soc;
    }
}
