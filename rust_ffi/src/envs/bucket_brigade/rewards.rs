//! What a night pays.

use super::houses::HouseSet;
use super::rules::{Board, Moves, GROUP};
use super::scenario::{PerAgent, Scenario, MOST};

/// Most groups of agents.
pub(crate) const MOST_GROUPS: usize = MOST.div_ceil(GROUP);

/// A number for every agent, in groups.
type Lanes = [f32; GROUP];

/// Extra rewards, each a weight that may be 0.
#[derive(Clone, Copy, Debug)]
struct Shaping {
    action_alpha: f32,
    action_beta: f32,
    progress: f32,
    welfare_lambda: f32,
    welfare_gamma: f32,
}

/// Everything that decides rewards.
#[derive(Clone, Debug)]
pub struct Rewards {
    agents: usize,
    groups: usize,
    houses: usize,
    /// Whether a reward depends on more than the mode of an agent, the houses saved and those in ruins.
    pub is_shaped: bool,
    /// House where each agent lives.
    pub homes: Vec<u8>,
    cost: f32,
    rest: f32,
    distance_cost: f32,
    /// What a house saved brings, and what a ruin costs: `(houses, groups)`.
    gains: Vec<Lanes>,
    losses: Vec<Lanes>,
    team_reward: f32,
    team_penalty: f32,
    /// What the team gets for a number of safe houses, and loses for one of ruins.
    team_of_safe: Vec<f32>,
    team_of_ruined: Vec<f32>,
    shaping: Shaping,
}

/// The rewards of a night, and what most nights have in common: that changes only when a house falls.
pub struct Ledger<M> {
    /// By agent, in groups.
    pub rewards: [Lanes; MOST_GROUPS],
    /// Houses in ruins for which the following holds.
    ruined: M,
    /// What each agent gets who rests, and who works, on a night on which nothing is saved; without the team's part.
    own: [[Lanes; MOST_GROUPS]; 2],
}

impl<M: HouseSet> Ledger<M> {
    /// A ledger for one set of rewards.
    pub fn new(rewards: &Rewards) -> Self {
        let own = [false, true].map(|works| [[rewards.for_mode(works); GROUP]; MOST_GROUPS]);
        Ledger { rewards: [[0.0; GROUP]; MOST_GROUPS], ruined: M::EMPTY, own }
    }
}

/// `a` for 1, `b` for 0; written so that compilers make lanes of it.
#[inline(always)]
fn either(choice: u32, a: f32, b: f32) -> f32 {
    let mask = choice.wrapping_neg();
    f32::from_bits(a.to_bits() & mask | b.to_bits() & !mask)
}

impl Rewards {
    /// The rewards of `scenario`.
    pub fn new(scenario: &Scenario) -> Self {
        let s = scenario;
        let (n, h) = (s.num_agents, s.num_houses);
        let groups = n.div_ceil(GROUP);
        let by_house = |own: &PerAgent, other: &PerAgent| {
            let (own, other) = (own.rounded(), other.rounded());
            let mut all = vec![[0.0; GROUP]; h * groups];
            for (house, lanes) in all.chunks_exact_mut(groups).enumerate() {
                for (i, to) in lanes.as_flattened_mut().iter_mut().take(n).enumerate() {
                    *to = if house % n == i { own[i] } else { other[i] };
                }
            }
            all
        };
        let share = |count: usize| count as f32 / h as f32;
        let shaping = Shaping {
            action_alpha: s.action_shaping_alpha,
            action_beta: s.action_shaping_beta,
            progress: s.progress_shaping_coef,
            welfare_lambda: if s.has_team_welfare { s.team_welfare_lambda } else { 0.0 },
            welfare_gamma: s.team_welfare_gamma,
        };
        let weights = [shaping.action_alpha, shaping.action_beta, shaping.progress, shaping.welfare_lambda];
        Rewards {
            agents: n,
            groups,
            houses: h,
            is_shaped: s.distance_cost_alpha != 0.0 || weights.iter().any(|weight| *weight != 0.0),
            homes: (0..n).map(|i| s.home(i)).collect(),
            cost: s.cost_to_work_one_night,
            rest: s.reward_rest,
            distance_cost: s.distance_cost_alpha,
            gains: by_house(&s.reward_own_house_survives, &s.reward_other_house_survives),
            losses: by_house(&s.penalty_own_house_burns, &s.penalty_other_house_burns),
            team_reward: s.team_reward_house_survives,
            team_penalty: s.team_penalty_house_burns,
            team_of_safe: (0..=h).map(|count| s.team_reward_house_survives * share(count)).collect(),
            team_of_ruined: (0..=h).map(|count| s.team_penalty_house_burns * share(count)).collect(),
            shaping,
        }
    }

    /// Way around the ring from the home of agent `i`.
    pub fn distance(&self, i: usize, house: usize) -> usize {
        let d = usize::from(self.homes[i]).abs_diff(house);
        d.min(self.houses - d)
    }

    /// What an agent gets who works, or rests, whatever houses do.
    #[inline(always)]
    fn for_mode(&self, works: bool) -> f32 {
        if works {
            0.0 - self.cost
        } else {
            0.0 + self.rest
        }
    }

    /// Writes the rewards of a night that turned `before` into `after` to `ledger.rewards`.
    #[inline(always)]
    pub fn pay<M: HouseSet>(
        &self,
        before: Board<M>,
        after: Board<M>,
        is_over: bool,
        moves: Moves,
        ledger: &mut Ledger<M>,
    ) {
        let ruins = after.ruined.count();
        let team = self.team_of_safe[self.houses - after.burning.count() - ruins] - self.team_of_ruined[ruins];
        let saved = before.burning.without(after.burning.or(after.ruined));
        if self.is_shaped {
            return self.pay_shaped(before, after, is_over, moves, saved, team, ledger);
        }
        let groups = moves.modes.len();
        if !saved.is_empty() {
            return self.pay_savers(saved, after.ruined, moves, team, &mut ledger.rewards[..groups]);
        }
        if ledger.ruined != after.ruined {
            self.open(ledger, after.ruined);
        }
        let [rest, work] = &ledger.own;
        let own = rest.iter().zip(work).zip(moves.modes);
        for (rewards, ((rest, work), modes)) in ledger.rewards[..groups].iter_mut().zip(own) {
            for k in 0..GROUP {
                rewards[k] = either(modes[k], work[k], rest[k]) + team;
            }
        }
    }

    /// Rewards of a night on which houses are saved.
    #[inline(never)]
    fn pay_savers<M: HouseSet>(&self, saved: M, ruined: M, moves: Moves, team: f32, rewards: &mut [Lanes]) {
        let (rest, work) = (self.for_mode(false), self.for_mode(true));
        for (rewards, modes) in rewards.iter_mut().zip(moves.modes) {
            for k in 0..GROUP {
                rewards[k] = either(modes[k], work, rest);
            }
        }
        self.add_houses(rewards, saved, ruined);
        rewards.as_flattened_mut().iter_mut().for_each(|reward| *reward += team);
    }

    /// Makes `ledger` hold for nights with these ruins.
    #[inline(never)]
    fn open<M: HouseSet>(&self, ledger: &mut Ledger<M>, ruined: M) {
        ledger.ruined = ruined;
        for (works, own) in [false, true].into_iter().zip(&mut ledger.own) {
            let own = &mut own[..self.groups];
            own.fill([self.for_mode(works); GROUP]);
            self.add_houses(own, M::EMPTY, ruined);
        }
    }

    /// Adds what houses bring to what each agent earned so far.
    #[inline(always)]
    fn add_houses<M: HouseSet>(&self, rewards: &mut [Lanes], saved: M, ruined: M) {
        for h in saved.or(ruined).iter() {
            let place = h * rewards.len()..(h + 1) * rewards.len();
            if saved.contains(h) {
                for (rewards, gains) in rewards.iter_mut().zip(&self.gains[place]) {
                    (0..GROUP).for_each(|k| rewards[k] += gains[k]);
                }
            } else {
                for (rewards, losses) in rewards.iter_mut().zip(&self.losses[place]) {
                    (0..GROUP).for_each(|k| rewards[k] -= losses[k]);
                }
            }
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
        mut team: f32,
        ledger: &mut Ledger<M>,
    ) {
        let safe = |board: Board<M>| M::first(self.houses).without(board.burning.or(board.ruined));
        let (was_safe, is_safe) = (safe(before), safe(after));
        let shaping = &self.shaping;
        if shaping.progress != 0.0 {
            team += shaping.progress * (is_safe.count() as f32 - was_safe.count() as f32);
        }
        let welfare = if shaping.welfare_lambda == 0.0 {
            None
        } else {
            let next = if is_over { 0.0 } else { self.welfare(after) };
            Some(shaping.welfare_lambda * (shaping.welfare_gamma * next - self.welfare(before)))
        };
        let lanes = &mut ledger.rewards[..self.groups];
        for (i, reward) in lanes.as_flattened_mut().iter_mut().take(self.agents).enumerate() {
            let (house, works) = moves.of(i);
            *reward = self.for_mode(works);
            if works && self.distance_cost != 0.0 {
                *reward = 0.0 - (self.cost + self.distance_cost * self.distance(i, house) as f32);
            }
        }
        self.add_houses(lanes, saved, after.ruined);
        for (i, reward) in lanes.as_flattened_mut().iter_mut().take(self.agents).enumerate() {
            *reward += team;
            let (house, works) = moves.of(i);
            if works && shaping.action_alpha != 0.0 && saved.contains(house) {
                *reward += shaping.action_alpha / moves.workers_at(house) as f32;
            }
            if works && shaping.action_beta != 0.0 && was_safe.and(is_safe).contains(house) {
                *reward += shaping.action_beta;
            }
            if let Some(welfare) = welfare {
                *reward += welfare;
            }
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
