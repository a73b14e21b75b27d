//! One night of the game.
//!
//! Arithmetic is IEEE binary32, every operation rounded by itself, in the order in which it is written; draws happen in
//! the order of houses. Both are part of the rules: they make games equal to the original's, bit for bit.

use super::houses::HouseSet;
use super::scenario::{PhaseOrder, Scenario, Termination, MOST};
use super::stream::{Chance32, Stream};

/// Which houses burn and which are ruined; the others are safe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Board<M> {
    /// On fire.
    pub burning: M,
    /// Lost for good.
    pub ruined: M,
}

/// What all agents do in a night.
#[derive(Clone, Copy)]
pub struct Moves<'a> {
    /// Where each goes.
    pub houses: &'a [u8],
    /// Whether each works (1) or rests (0).
    pub modes: &'a [u8],
}

impl Moves<'_> {
    /// Number of agents who work at house `h`.
    #[inline(always)]
    pub fn workers_at(&self, h: usize) -> usize {
        self.houses
            .iter()
            .zip(self.modes)
            .map(|(house, mode)| usize::from(usize::from(*house) == h && *mode == 1))
            .sum()
    }
}

/// Extra rewards, each a weight that may be 0.
#[derive(Clone, Copy, Debug)]
struct Shaping {
    action_alpha: f32,
    action_beta: f32,
    progress: f32,
    welfare_lambda: f32,
    welfare_gamma: f32,
}

/// A scenario made ready to play.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Number of agents.
    pub agents: usize,
    /// Number of houses.
    pub houses: usize,
    /// Whether fires die by progress rather than by chance.
    pub is_continuous: bool,
    /// Whether an agent stays at home rather than go further than next door.
    pub adjacent_only: bool,
    ignite: Chance32,
    spread: Chance32,
    /// By number of workers.
    extinguish: Vec<Chance32>,
    suppression: f32,
    spread_first: bool,
    termination: Termination,
    min_nights: u32,
    cost: f32,
    rest: f32,
    distance_cost: f32,
    homes: Vec<u8>,
    own_reward: Vec<f32>,
    other_reward: Vec<f32>,
    own_penalty: Vec<f32>,
    other_penalty: Vec<f32>,
    team_reward: f32,
    team_penalty: f32,
    /// What the team gets for a number of safe houses, and loses for one of ruins.
    team_of_safe: Vec<f32>,
    team_of_ruined: Vec<f32>,
    shaping: Shaping,
    /// Whether the reward depends on anything but the mode of an agent, the houses saved and those ruined.
    is_shaped: bool,
}

impl Rules {
    /// The rules of `scenario`.
    pub fn new(scenario: &Scenario) -> Self {
        let s = scenario;
        let (n, h) = (s.num_agents, s.num_houses);
        let kappa = s.prob_solo_agent_extinguishes_fire;
        let share = |count: usize| count as f32 / h as f32;
        let welfare_lambda = if s.has_team_welfare { s.team_welfare_lambda } else { 0.0 };
        let shaping = Shaping {
            action_alpha: s.action_shaping_alpha,
            action_beta: s.action_shaping_beta,
            progress: s.progress_shaping_coef,
            welfare_lambda,
            welfare_gamma: s.team_welfare_gamma,
        };
        Rules {
            agents: n,
            houses: h,
            is_continuous: s.is_continuous,
            adjacent_only: s.adjacent_only,
            ignite: Chance32::new(s.prob_house_catches_fire),
            spread: Chance32::new(s.prob_fire_spreads_to_neighbor),
            extinguish: (0..=n).map(|k| Chance32::new(1.0 - power(1.0 - kappa, k))).collect(),
            suppression: s.suppression_per_worker,
            spread_first: s.phase_order == PhaseOrder::SpreadFirst,
            termination: s.termination,
            min_nights: s.min_nights,
            cost: s.cost_to_work_one_night,
            rest: s.reward_rest,
            distance_cost: s.distance_cost_alpha,
            homes: (0..n).map(|i| s.home(i)).collect(),
            own_reward: s.reward_own_house_survives.rounded(),
            other_reward: s.reward_other_house_survives.rounded(),
            own_penalty: s.penalty_own_house_burns.rounded(),
            other_penalty: s.penalty_other_house_burns.rounded(),
            team_reward: s.team_reward_house_survives,
            team_penalty: s.team_penalty_house_burns,
            team_of_safe: (0..=h).map(|count| s.team_reward_house_survives * share(count)).collect(),
            team_of_ruined: (0..=h).map(|count| s.team_penalty_house_burns * share(count)).collect(),
            shaping,
            is_shaped: s.distance_cost_alpha != 0.0
                || shaping.action_alpha != 0.0
                || shaping.action_beta != 0.0
                || shaping.progress != 0.0
                || welfare_lambda != 0.0,
        }
    }

    /// A new game: every house draws once.
    #[inline(always)]
    pub fn start<M: HouseSet>(&self, stream: &mut Stream) -> Board<M> {
        Board { burning: self.lit(M::first(self.houses), stream), ruined: M::EMPTY }
    }

    /// Which of `safe` catch fire by themselves.
    #[inline(always)]
    fn lit<M: HouseSet>(&self, safe: M, stream: &mut Stream) -> M {
        let count = safe.count();
        let (mut lit, mut first) = (M::EMPTY, 0);
        while first < count {
            let draws = (count - first).min(64);
            let hits = stream.hits32(draws, self.ignite);
            if hits != 0 {
                let chosen = safe.iter().skip(first).take(draws).enumerate();
                lit = chosen.filter(|(k, _)| hits >> k & 1 == 1).fold(lit, |lit, (_, h)| lit.with(h));
            }
            first += draws;
        }
        lit
    }

    /// Whether rewards depend on where agents are on nights without fire.
    #[inline(always)]
    pub fn needs_houses(&self) -> bool {
        self.is_shaped
    }

    /// Where agent `i` ends up who wants to go to `house`.
    pub fn reached(&self, i: usize, house: u8) -> u8 {
        if self.adjacent_only && self.distance(i, house) > 1 {
            return self.homes[i];
        }
        house
    }

    /// Way around the ring from the home of agent `i`.
    fn distance(&self, i: usize, house: u8) -> usize {
        let d = usize::from(self.homes[i].abs_diff(house));
        d.min(self.houses - d)
    }

    /// The houses after a night. `progress` has a number for every house; in bernoulli mode it stays zero.
    #[inline(always)]
    pub fn night<M: HouseSet>(
        &self,
        board: Board<M>,
        progress: &mut [f32],
        moves: Moves,
        stream: &mut Stream,
    ) -> Board<M> {
        let Board { mut burning, mut ruined } = board;
        let all = M::first(self.houses);
        if !burning.is_empty() {
            burning = burning.without(self.extinguished(burning, progress, moves, stream));
            if self.spread_first {
                burning = burning.or(self.reached_by_fire(burning, ruined, stream));
            }
            if !self.is_continuous {
                ruined = ruined.or(burning);
                burning = M::EMPTY;
            } else if !self.spread_first {
                burning = burning.or(self.reached_by_fire(burning, ruined, stream));
            }
        }
        let lit = self.lit(all.without(burning).without(ruined), stream);
        if self.is_continuous {
            lit.iter().for_each(|h| progress[h] = 0.0);
        }
        Board { burning: burning.or(lit), ruined }
    }

    fn extinguished<M: HouseSet>(&self, burning: M, progress: &mut [f32], moves: Moves, stream: &mut Stream) -> M {
        let mut out = M::EMPTY;
        for h in burning.iter() {
            let workers = moves.workers_at(h);
            if !self.is_continuous {
                // Also without workers: the chance is 0 then, but the draw is made.
                if stream.hit32(self.extinguish[workers]) {
                    out = out.with(h);
                }
            } else if workers > 0 {
                progress[h] += workers as f32 * self.suppression;
                if progress[h] >= 1.0 {
                    progress[h] = 0.0;
                    out = out.with(h);
                }
            }
        }
        out
    }

    /// Safe houses that catch fire from a neighbour. A house between two fires draws twice.
    fn reached_by_fire<M: HouseSet>(&self, burning: M, ruined: M, stream: &mut Stream) -> M {
        let taken = burning.or(ruined);
        let mut lit = M::EMPTY;
        for h in burning.iter() {
            let left = if h == 0 { self.houses - 1 } else { h - 1 };
            let right = if h + 1 == self.houses { 0 } else { h + 1 };
            for neighbour in [left, right] {
                if !taken.contains(neighbour) && stream.hit32(self.spread) {
                    lit = lit.with(neighbour);
                }
            }
        }
        lit
    }

    /// Whether the game is over after night `night`, counted from 0.
    #[inline(always)]
    pub fn is_over<M: HouseSet>(&self, board: Board<M>, night: u32) -> bool {
        if night < self.min_nights {
            return false;
        }
        match self.termination {
            Termination::NoFire => board.burning.is_empty(),
            Termination::AllSafeOrRuined => {
                board.burning.is_empty() && (board.ruined.is_empty() || board.ruined == M::first(self.houses))
            }
        }
    }

    /// Writes the rewards of a night to `ledger.rewards`.
    #[inline(always)]
    pub fn pay<M: HouseSet>(
        &self,
        before: Board<M>,
        after: Board<M>,
        is_over: bool,
        moves: Moves,
        ledger: &mut Ledger<M>,
    ) {
        let safe = self.houses - after.burning.count() - after.ruined.count();
        let mut team = self.team_of_safe[safe] - self.team_of_ruined[after.ruined.count()];
        let saved = before.burning.without(after.burning.or(after.ruined));
        if self.is_shaped {
            return self.pay_shaped(before, after, is_over, moves, saved, &mut team, ledger);
        }
        if saved.is_empty() {
            if ledger.ruined != after.ruined {
                self.open(ledger, after.ruined);
            }
            let entries = ledger.work.iter().zip(&ledger.rest).zip(moves.modes);
            for (to, ((work, rest), mode)) in ledger.rewards.iter_mut().zip(entries) {
                *to = if *mode == 1 { *work } else { *rest } + team;
            }
            return;
        }
        for i in 0..self.agents {
            let own = if moves.modes[i] == 1 { 0.0 - self.cost } else { 0.0 + self.rest };
            ledger.rewards[i] = self.with_houses(i, own, saved, after.ruined) + team;
        }
    }

    /// What agent `i` earned so far, with what houses bring.
    fn with_houses<M: HouseSet>(&self, i: usize, mut reward: f32, saved: M, ruined: M) -> f32 {
        for h in saved.or(ruined).iter() {
            let is_owner = h % self.agents == i;
            if saved.contains(h) {
                reward += if is_owner { self.own_reward[i] } else { self.other_reward[i] };
            } else {
                reward -= if is_owner { self.own_penalty[i] } else { self.other_penalty[i] };
            }
        }
        reward
    }

    /// Fills `ledger` for nights on which nothing is saved and `ruined` is in ruins.
    fn open<M: HouseSet>(&self, ledger: &mut Ledger<M>, ruined: M) {
        ledger.ruined = ruined;
        for i in 0..self.agents {
            ledger.work[i] = self.with_houses(i, 0.0 - self.cost, M::EMPTY, ruined);
            ledger.rest[i] = self.with_houses(i, 0.0 + self.rest, M::EMPTY, ruined);
        }
    }

    #[cold]
    #[inline(never)]
    #[allow(clippy::too_many_arguments)]
    fn pay_shaped<M: HouseSet>(
        &self,
        before: Board<M>,
        after: Board<M>,
        is_over: bool,
        moves: Moves,
        saved: M,
        team: &mut f32,
        ledger: &mut Ledger<M>,
    ) {
        let safe = |board: Board<M>| M::first(self.houses).without(board.burning.or(board.ruined));
        let (was_safe, is_safe) = (safe(before), safe(after));
        let shaping = &self.shaping;
        if shaping.progress != 0.0 {
            *team += shaping.progress * (is_safe.count() as f32 - was_safe.count() as f32);
        }
        let welfare = if shaping.welfare_lambda == 0.0 {
            None
        } else {
            let next = if is_over { 0.0 } else { self.welfare(after) };
            Some(shaping.welfare_lambda * (shaping.welfare_gamma * next - self.welfare(before)))
        };
        for i in 0..self.agents {
            let (house, works) = (moves.houses[i], moves.modes[i] == 1);
            let mut reward = 0.0;
            if !works {
                reward += self.rest;
            } else if self.distance_cost == 0.0 {
                reward -= self.cost;
            } else {
                reward -= self.cost + self.distance_cost * self.distance(i, house) as f32;
            }
            reward = self.with_houses(i, reward, saved, after.ruined) + *team;
            let h = usize::from(house);
            if works && shaping.action_alpha != 0.0 && saved.contains(h) {
                reward += shaping.action_alpha / moves.workers_at(h) as f32;
            }
            if works && shaping.action_beta != 0.0 && was_safe.and(is_safe).contains(h) {
                reward += shaping.action_beta;
            }
            if let Some(welfare) = welfare {
                reward += welfare;
            }
            ledger.rewards[i] = reward;
        }
    }

    /// The potential of the team reward.
    fn welfare<M: HouseSet>(&self, board: Board<M>) -> f32 {
        let share = |count: usize| count as f32 / self.houses as f32;
        let (burning, ruined) = (board.burning.count(), board.ruined.count());
        self.team_reward * share(self.houses - burning - ruined)
            - self.team_penalty * share(ruined)
            - 0.5 * self.team_penalty * share(burning)
    }
}

/// `base^k` by squaring, each product rounded to 32 bits.
fn power(mut base: f32, mut k: usize) -> f32 {
    let mut result = 1.0;
    loop {
        if k & 1 == 1 {
            result *= base;
        }
        k /= 2;
        if k == 0 {
            return result;
        }
        base *= base;
    }
}

/// The rewards of a night, and what most nights have in common: that changes only when a house falls.
pub struct Ledger<M> {
    /// By agent.
    pub rewards: [f32; MOST],
    ruined: M,
    /// What an agent gets who works, and who rests, on a night on which nothing is saved; without the team's part.
    work: [f32; MOST],
    rest: [f32; MOST],
}

impl<M: HouseSet> Ledger<M> {
    /// A ledger for one set of rules.
    pub fn new(rules: &Rules) -> Self {
        let mut ledger = Ledger { rewards: [0.0; MOST], ruined: M::EMPTY, work: [0.0; MOST], rest: [0.0; MOST] };
        rules.open(&mut ledger, M::EMPTY);
        ledger
    }
}
