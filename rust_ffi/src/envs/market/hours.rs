//! One step of a block of markets: actions become offers, offers are cleared, everybody is paid.

use super::env::{column, Market};
use super::kernels::{Costs, ManyMarkets, Offers, Results};
use super::merit_order::MeritOrder;
use super::params::Options;
use super::storage::Exchange;
use crate::engine::actions::Actions;
use crate::engine::columns::{try_vec, Columns, Dtype, Element};
use crate::engine::environment::Turn;
use crate::engine::error::Result;
use crate::engine::tally::Tally;
use crate::engine::vec_env::Infos;
use crate::simd::{self, Kernel, Real, Simd};

/// Most lanes a register has.
pub(super) const MOST_LANES: usize = 16;

impl Options {
    /// Position of the first column that holds history.
    pub fn first_history_column(&self) -> usize {
        1 + usize::from(self.params.battery.is_some())
    }
}

/// Reusable memory of a step.
pub struct Work<R> {
    rows: usize,
    pub(super) bids: Vec<R>,
    pub(super) quantities: Vec<R>,
    pub(super) demand: Vec<R>,
    pub(super) wide_demand: Vec<f64>,
    pub(super) prices: Vec<R>,
    pub(super) cleared: Vec<R>,
    pub(super) rewards: Vec<R>,
    pub(super) unserved: Vec<R>,
    pub(super) lol: Vec<R>,
    /// What each agent has earned in the day so far.
    sums: Vec<f64>,
    pub(super) order: MeritOrder,
}

impl<R: Real + Element> Work<R> {
    /// Room for a step of a block of `block_rows`, with the offers of all who do not learn.
    pub(super) fn new(market: &Market<R>, block_rows: usize) -> Result<Self> {
        let params = &market.options.params;
        let agents = params.num_agents();
        let whole = params.day_ahead || params.battery.is_some();
        let rows = if whole { block_rows } else { block_rows.min(strip_rows(agents)) };
        let (per_row, per_agent) = (|| try_vec(rows, R::ZERO), || try_vec(rows * agents, R::ZERO));
        let mut work = Work {
            rows,
            bids: per_agent()?,
            quantities: per_agent()?,
            demand: per_row()?,
            wide_demand: try_vec(rows, 0.0)?,
            prices: per_row()?,
            cleared: per_agent()?,
            rewards: per_agent()?,
            unserved: per_row()?,
            lol: per_row()?,
            sums: try_vec(agents, 0.0)?,
            order: MeritOrder::default(),
        };
        if params.day_ahead {
            return Ok(work);
        }
        for seat in 0..agents {
            let action = &market.seats.constants[seat];
            let (quantity, bid) = market.project_one(seat, action[0], action[1], true);
            for row in 0..rows {
                work.quantities[row * agents + seat] = quantity;
                work.bids[row * agents + seat] = bid;
            }
        }
        Ok(work)
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
            step_rows(s, market, turn);
        } else {
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
    let Turn { rows, state, scratch: work, actions, tally, infos, .. } = turn;
    let Tally { clock, rewards, terminated, .. } = tally;
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
        simd::run(s.level(), ManyMarkets { rules: &market.options.rules, offers, to_check: false, costs, results });
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
}

/// Hours with a battery, or whole days: market by market.
#[inline(always)]
fn step_rows<S: Simd, R: Real + Element>(s: S, market: &Market<R>, turn: Turn<'_, '_, Market<R>>) {
    let Turn { rows, state, scratch: work, actions, tally, infos, .. } = turn;
    let Tally { clock, rewards, terminated, .. } = tally;
    let params = &market.options.params;
    let (hours, agents, n) = (params.hours(), params.num_agents(), params.num_generators());
    let learners = &market.seats.learners;
    let steps = if params.day_ahead { hours } else { 1 };
    let narrow = actions.dtype() == Dtype::Float32;
    for row in 0..rows {
        let start = if params.day_ahead { 0 } else { (clock[row] as usize).min(hours - 1) };
        terminated[row] = u8::from(params.day_ahead || start + 1 >= hours);
        work.sums.fill(0.0);
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
            for (sum, reward) in work.sums.iter_mut().zip(&work.rewards[row * agents..(row + 1) * agents]) {
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
            for (reward, sum) in work.rewards[row * agents..(row + 1) * agents].iter_mut().zip(&work.sums) {
                *reward = R::from_f64(*sum);
            }
        }
    }
    // There may be memory for more rows than there are.
    let all = &work.rewards[..rows * agents];
    pay_learners(learners, agents, all, rewards);
    if infos.wanted() {
        infos.get_mut::<R>(4).copy_from_slice(all);
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
