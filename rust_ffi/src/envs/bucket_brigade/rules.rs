//! One night of the game.
//!
//! Draws happen in the order of houses, and arithmetic is IEEE binary32, every operation rounded by itself, in the order
//! in which it is written. Both are part of the rules: they make games equal to the original's, bit for bit.

use super::houses::HouseSet;
use super::rewards::{Ledger, Rewards};
use super::scenario::{PhaseOrder, Scenario, Termination};
use super::stream::{Chance32, Draws};

/// Agents come in groups of so many, as lanes of registers; the last one is filled up with agents who rest at house 0.
pub(crate) const GROUP: usize = 8;

/// Which houses burn and which are ruined; the others are safe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Board<M> {
    /// On fire.
    pub burning: M,
    /// Lost for good.
    pub ruined: M,
}

/// What all agents do in a night, in groups.
#[derive(Clone, Copy)]
pub struct Moves<'a> {
    /// Where each goes.
    pub houses: &'a [[u32; GROUP]],
    /// Whether each works (1) or rests (0).
    pub modes: &'a [[u32; GROUP]],
}

impl Moves<'_> {
    /// Where agent `i` goes, and whether it works.
    #[inline(always)]
    pub fn of(&self, i: usize) -> (usize, bool) {
        (self.houses[i / GROUP][i % GROUP] as usize, self.modes[i / GROUP][i % GROUP] == 1)
    }

    /// Number of agents who work at house `h`.
    #[inline(always)]
    pub fn workers_at(&self, h: usize) -> usize {
        let mut workers = 0;
        for (houses, modes) in self.houses.iter().zip(self.modes) {
            for (house, mode) in houses.iter().zip(modes) {
                workers += u32::from(*house == h as u32) & *mode;
            }
        }
        workers as usize
    }
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
    rewards: Rewards,
    adjacent_only: bool,
    ignite: Chance32,
    spread: Chance32,
    /// By number of workers.
    extinguish: Vec<Chance32>,
    suppression: f32,
    spread_first: bool,
    termination: Termination,
    min_nights: u32,
}

impl Rules {
    /// The rules of `scenario`.
    pub fn new(scenario: &Scenario) -> Self {
        let s = scenario;
        let kappa = s.prob_solo_agent_extinguishes_fire;
        Rules {
            agents: s.num_agents,
            houses: s.num_houses,
            is_continuous: s.is_continuous,
            rewards: Rewards::new(s),
            adjacent_only: s.adjacent_only,
            ignite: Chance32::new(s.prob_house_catches_fire),
            spread: Chance32::new(s.prob_fire_spreads_to_neighbor),
            extinguish: (0..=s.num_agents).map(|k| Chance32::new(1.0 - power(1.0 - kappa, k))).collect(),
            suppression: s.suppression_per_worker,
            spread_first: s.phase_order == PhaseOrder::SpreadFirst,
            termination: s.termination,
            min_nights: s.min_nights,
        }
    }

    /// A ledger for [`Rules::pay`].
    pub fn ledger<M: HouseSet>(&self) -> Ledger<M> {
        Ledger::new(&self.rewards)
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
        self.rewards.pay(before, after, is_over, moves, ledger);
    }

    /// A new game: every house draws once.
    #[inline(always)]
    pub fn start<M: HouseSet>(&self, draws: &mut impl Draws) -> Board<M> {
        Board { burning: self.lit(M::first(self.houses), draws), ruined: M::EMPTY }
    }

    /// Which of `safe` catch fire by themselves.
    #[inline(always)]
    fn lit<M: HouseSet>(&self, safe: M, draws: &mut impl Draws) -> M {
        let count = safe.count();
        let (mut lit, mut first) = (M::EMPTY, 0);
        loop {
            let some = (count - first).min(64);
            let hits = draws.hits32(some, self.ignite);
            if hits != 0 {
                let chosen = safe.iter().skip(first).take(some).enumerate();
                lit = chosen.filter(|(k, _)| hits >> k & 1 == 1).fold(lit, |lit, (_, h)| lit.with(h));
            }
            first += some;
            if M::MOST <= 64 || first >= count {
                return lit;
            }
        }
    }

    /// Draws that a night takes at most.
    pub fn most_draws(&self) -> usize {
        let spreads = self.is_continuous || self.spread_first;
        // A house may be fought for, be lit by two neighbours, and catch fire by itself.
        if spreads {
            4 * self.houses
        } else {
            2 * self.houses
        }
    }

    /// Whether rewards depend on where agents are on nights without fire.
    #[inline(always)]
    pub fn needs_houses(&self) -> bool {
        self.rewards.is_shaped
    }

    /// Where agent `i` ends up who wants to go to `house`.
    pub fn reached(&self, i: usize, house: u8) -> u8 {
        if self.adjacent_only && self.rewards.distance(i, usize::from(house)) > 1 {
            return self.rewards.homes[i];
        }
        house
    }

    /// The houses after a night. `progress` has a number for every house; in bernoulli mode it stays zero.
    #[inline(always)]
    pub fn night<M: HouseSet>(
        &self,
        board: Board<M>,
        progress: &mut [f32],
        moves: Moves,
        draws: &mut impl Draws,
    ) -> Board<M> {
        let Board { mut burning, mut ruined } = board;
        let all = M::first(self.houses);
        if !burning.is_empty() {
            burning = burning.without(self.extinguished(burning, progress, moves, draws));
            if self.spread_first {
                burning = burning.or(self.reached_by_fire(burning, ruined, draws));
            }
            if !self.is_continuous {
                ruined = ruined.or(burning);
                burning = M::EMPTY;
            } else if !self.spread_first {
                burning = burning.or(self.reached_by_fire(burning, ruined, draws));
            }
        }
        let lit = self.lit(all.without(burning).without(ruined), draws);
        if self.is_continuous {
            lit.iter().for_each(|h| progress[h] = 0.0);
        }
        Board { burning: burning.or(lit), ruined }
    }

    fn extinguished<M: HouseSet>(&self, burning: M, progress: &mut [f32], moves: Moves, draws: &mut impl Draws) -> M {
        let mut out = M::EMPTY;
        for h in burning.iter() {
            let workers = moves.workers_at(h);
            if !self.is_continuous {
                // Also without workers: the chance is 0 then, but the draw is made.
                if draws.hit32(self.extinguish[workers]) {
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
    fn reached_by_fire<M: HouseSet>(&self, burning: M, ruined: M, draws: &mut impl Draws) -> M {
        let taken = burning.or(ruined);
        let mut lit = M::EMPTY;
        for h in burning.iter() {
            let left = if h == 0 { self.houses - 1 } else { h - 1 };
            let right = if h + 1 == self.houses { 0 } else { h + 1 };
            for neighbour in [left, right] {
                if !taken.contains(neighbour) && draws.hit32(self.spread) {
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
