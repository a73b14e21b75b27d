//! Whole episodes of heuristic agents: many seeds for many profiles of strategies, in one call.

use super::agents::{check_strategy, Decisions, Heuristic, PARAMETERS};
use super::houses::{HouseSet, Wide};
use super::rules::{Ledger, Moves, Rules};
use super::scenario::{Scenario, MOST};
use super::stream::Stream;
use crate::engine::columns::try_vec;
use crate::engine::error::{Error, Result, Status};
use crate::engine::threads;
use std::sync::{Mutex, PoisonError};

/// Episodes that a thread takes at a time.
const CHUNK: usize = 32;
/// A rough time of an episode, to decide about threads.
const NANOSECONDS: usize = 1_500;

/// A grid of episodes: every profile plays every seed.
pub struct Grid<'a> {
    /// Strategies `(profiles, agents, 10)`.
    pub params: &'a [f64],
    /// Number of profiles.
    pub profiles: usize,
    /// A row of seeds for all profiles, or `(profiles, seeds)`.
    pub seeds: &'a [u64],
    /// Number of seeds of a profile.
    pub num_seeds: usize,
    /// Where decisions draw from.
    pub decisions: Decisions,
    /// Most threads; 0 for the default.
    pub num_threads: usize,
}

/// Plays the grid: scores `(profiles, seeds, agents)`, and the nights `(profiles, seeds)` that were played.
///
/// A score is the running sum of an agent's rewards, rounded to 32 bits night by night.
pub fn play(scenario: &Scenario, grid: Grid<'_>, scores: &mut [f32], nights: &mut [u32]) -> Result<()> {
    let n = scenario.num_agents;
    let episodes =
        grid.profiles.checked_mul(grid.num_seeds).filter(|count| count.checked_mul(n * PARAMETERS).is_some());
    let too_many = || Error::new(Status::InvalidArgument, "num_profiles x num_seeds: more than memory has");
    let episodes = episodes.ok_or_else(too_many)?;
    Error::check_length("params", grid.params.len(), grid.profiles * n * PARAMETERS)?;
    if grid.seeds.len() != grid.num_seeds && grid.seeds.len() != episodes {
        let message = format!("seeds: expected {} or {episodes} elements, got {}", grid.num_seeds, grid.seeds.len());
        return Err(Error::new(Status::LengthMismatch, message));
    }
    Error::check_length("scores", scores.len(), episodes * n)?;
    Error::check_length("nights", nights.len(), episodes)?;
    if episodes == 0 {
        return Err(Error::new(Status::Empty, "episodes: expected at least one profile and one seed"));
    }
    let Some(max_nights) = scenario.max_nights else {
        let message = "scenario.max_nights: expected a number of nights, for an episode may last for ever; got null";
        return Err(Error::new(Status::InvalidConfig, message));
    };
    let mut agents = try_vec(grid.profiles * n, Heuristic::new(&[0.0; PARAMETERS]))?;
    for (k, (agent, p)) in agents.iter_mut().zip(grid.params.chunks_exact(PARAMETERS)).enumerate() {
        let name = || format!("params[profile {}, agent {}]", k / n, k % n);
        *agent = Heuristic::new(&check_strategy(name, p)?);
    }
    let game = Game { rules: Rules::new(scenario), max_nights, decisions: grid.decisions };
    let place = |k: usize| {
        let profile = k / grid.num_seeds;
        let seed = if grid.seeds.len() == episodes { grid.seeds[k] } else { grid.seeds[k % grid.num_seeds] };
        (&agents[profile * n..(profile + 1) * n], seed)
    };
    if scenario.num_houses <= <u64 as HouseSet>::MOST {
        spread::<u64>(&game, &place, grid.num_threads, scores, nights);
    } else {
        spread::<Wide>(&game, &place, grid.num_threads, scores, nights);
    }
    Ok(())
}

/// What all episodes have in common.
struct Game {
    rules: Rules,
    max_nights: u32,
    decisions: Decisions,
}

/// Plays all episodes, on threads where that is worth it. `place` tells who plays episode `k`, and its seed.
fn spread<'a, M: HouseSet>(
    game: &Game,
    place: &(impl Fn(usize) -> (&'a [Heuristic], u64) + Sync),
    num_threads: usize,
    scores: &mut [f32],
    nights: &mut [u32],
) {
    let n = game.rules.agents;
    let chunks = nights.len().div_ceil(CHUNK);
    let parts = threads::parts_for(num_threads, chunks, nights.len().saturating_mul(NANOSECONDS));
    let queue = scores.chunks_mut(CHUNK * n).zip(nights.chunks_mut(CHUNK)).enumerate();
    let queue = Mutex::new(queue);
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    threads::for_each(&mut vec![(); parts], |()| {
        let mut ledger = Ledger::<M>::new(&game.rules);
        while let Some((chunk, (scores, nights))) = next() {
            let rows = scores.chunks_exact_mut(n).zip(nights).enumerate();
            for (k, (scores, nights)) in rows {
                let (agents, seed) = place(chunk * CHUNK + k);
                *nights = match n {
                    // A number known here makes loops over agents straight code.
                    4 => game.episode(4, agents, seed, scores, &mut ledger),
                    _ => game.episode(n, agents, seed, scores, &mut ledger),
                };
            }
        }
    });
}

impl Game {
    /// Plays one episode; returns the nights played.
    #[inline(always)]
    fn episode<M: HouseSet>(
        &self,
        n: usize,
        agents: &[Heuristic],
        seed: u64,
        scores: &mut [f32],
        ledger: &mut Ledger<M>,
    ) -> u32 {
        let rules = &self.rules;
        let (agents, scores) = (&agents[..n], &mut scores[..n]);
        let (mut houses, mut modes) = ([0; MOST], [0; MOST]);
        let (houses, modes) = (&mut houses[..n], &mut modes[..n]);
        let mut progress = [0.0; MOST];
        let mut stream = Stream::seeded(seed);
        let mut decisions = match self.decisions {
            Decisions::Original => stream.clone(),
            Decisions::Independent => Stream::seeded(self.decisions.seed(seed)),
        };
        let mut board = rules.start::<M>(&mut stream);
        scores.fill(0.0);
        let mut night = 0;
        loop {
            if board.burning.is_empty() && !rules.needs_houses() {
                Heuristic::decide_quietly(agents, modes, &mut decisions);
            } else {
                for (i, agent) in agents.iter().enumerate() {
                    let action = agent.decide(i, rules.houses, board.burning, self.decisions, &mut decisions);
                    houses[i] = rules.reached(i, action.house);
                    modes[i] = action.mode;
                }
            }
            let moves = Moves { houses, modes };
            let before = board;
            board = rules.night(before, &mut progress, moves, &mut stream);
            let is_over = rules.is_over(board, night);
            rules.pay(before, board, is_over, moves, ledger);
            for (score, reward) in scores.iter_mut().zip(&ledger.rewards) {
                *score += *reward;
            }
            night += 1;
            if is_over || night >= self.max_nights {
                return night;
            }
        }
    }
}
