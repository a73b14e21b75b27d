//! Whole episodes of heuristic agents: many seeds for many profiles of strategies, in one call.

use super::agents::{check_strategy, Decisions, Heuristic, PARAMETERS};
use super::houses::{HouseSet, Wide};
use super::rewards::{Ledger, MOST_GROUPS};
use super::rules::{Moves, Rules, GROUP};
use super::scenario::{Scenario, MOST};
use super::stream::{Ahead, Chance64, Draws, MOST_PREPARED};
use crate::engine::columns::try_vec;
use crate::engine::error::{Error, Result, Status};
use crate::engine::threads;
use crate::simd::pcg64::{run_steps, Stepping, Steps};
use crate::simd::Level;
use std::marker::PhantomData;
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
    if grid.profiles == 0 || grid.num_seeds == 0 {
        return Err(Error::new(Status::Empty, "episodes: expected at least one profile and one seed"));
    }
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
    let level = Level::current();
    let count = threads::threads_for(grid.num_threads, episodes.div_ceil(CHUNK), episodes.saturating_mul(NANOSECONDS));
    let queue = scores.chunks_mut(CHUNK * n).zip(nights.chunks_mut(CHUNK)).enumerate();
    let queue = Mutex::new(queue);
    let next = || {
        let (chunk, (scores, nights)) = queue.lock().unwrap_or_else(PoisonError::into_inner).next()?;
        Some(Chunk { first: chunk * CHUNK, scores, nights })
    };
    let is_short = scenario.num_houses <= <u64 as HouseSet>::MOST;
    threads::for_each(count, &mut vec![(); count], |_, ()| {
        // What a thread plays, it plays in one piece of code for its instruction set.
        if is_short {
            run_steps(level, Player::<u64, _, _> { game: &game, next: &next, place: &place, houses: PhantomData });
        } else {
            run_steps(level, Player::<Wide, _, _> { game: &game, next: &next, place: &place, houses: PhantomData });
        }
    });
    Ok(())
}

/// What all episodes have in common.
struct Game {
    rules: Rules,
    max_nights: u32,
    decisions: Decisions,
}

/// Episodes that follow each other, and where their results go.
struct Chunk<'a> {
    first: usize,
    scores: &'a mut [f32],
    nights: &'a mut [u32],
}

/// Plays chunks while there are any. `place` tells who plays episode `k`, and its seed.
struct Player<'g, M, N, P> {
    game: &'g Game,
    next: &'g N,
    place: &'g P,
    houses: PhantomData<M>,
}

impl<'a, 'g, M, N, P> Stepping for Player<'g, M, N, P>
where
    M: HouseSet,
    N: Fn() -> Option<Chunk<'g>>,
    P: Fn(usize) -> (&'a [Heuristic], u64),
{
    type Output = ();

    #[inline(always)]
    fn run<S: Steps>(self, steps: S) {
        let n = self.game.rules.agents;
        let mut table = Table::<M, S>::new(steps, &self.game.rules);
        while let Some(chunk) = (self.next)() {
            for (k, (scores, nights)) in chunk.scores.chunks_exact_mut(n).zip(chunk.nights).enumerate() {
                let (agents, seed) = (self.place)(chunk.first + k);
                *nights = if n <= GROUP {
                    // A number known here makes loops over groups straight code.
                    self.game.episode(1, agents, seed, scores, &mut table)
                } else {
                    self.game.episode(n.div_ceil(GROUP), agents, seed, scores, &mut table)
                };
            }
        }
    }
}

/// Memory of a thread.
struct Table<M, S: Steps> {
    game: Ahead<S>,
    decisions: Ahead<S>,
    ledger: Ledger<M>,
    /// Where each agent is who stays.
    own: [[u32; GROUP]; MOST_GROUPS],
    houses: [[u32; GROUP]; MOST_GROUPS],
    modes: [[u32; GROUP]; MOST_GROUPS],
    /// Each agent's chance to work.
    work: [[Chance64; GROUP]; MOST_GROUPS],
    scores: [[f32; GROUP]; MOST_GROUPS],
    progress: [f32; MOST],
}

impl<M: HouseSet, S: Steps> Table<M, S> {
    #[inline(always)]
    fn new(steps: S, rules: &Rules) -> Self {
        let draws = Ahead::new(steps, 0);
        let mut own = [[0; GROUP]; MOST_GROUPS];
        for (i, own) in own.as_flattened_mut().iter_mut().take(rules.agents).enumerate() {
            *own = u32::from(rules.reached(i, (i % rules.houses) as u8));
        }
        Table {
            own,
            game: draws.clone(),
            decisions: draws,
            ledger: rules.ledger(),
            houses: [[0; GROUP]; MOST_GROUPS],
            modes: [[0; GROUP]; MOST_GROUPS],
            work: [[Chance64::new(0.0); GROUP]; MOST_GROUPS],
            scores: [[0.0; GROUP]; MOST_GROUPS],
            progress: [0.0; MOST],
        }
    }
}

impl Game {
    /// Plays one episode between `groups` groups of agents; returns the nights played.
    #[inline(always)]
    fn episode<M: HouseSet, S: Steps>(
        &self,
        groups: usize,
        agents: &[Heuristic],
        seed: u64,
        scores: &mut [f32],
        table: &mut Table<M, S>,
    ) -> u32 {
        let rules = &self.rules;
        let Table { game, decisions, ledger, own, houses, modes, work, scores: sums, progress } = table;
        let (houses, modes) = (&mut houses[..groups], &mut modes[..groups]);
        let (work, sums) = (&mut work[..groups], &mut sums[..groups]);
        for (i, work) in work.as_flattened_mut().iter_mut().enumerate() {
            *work = Heuristic::work(agents.get(i));
        }
        if rules.is_continuous {
            progress.fill(0.0);
        }
        game.restart(seed);
        decisions.restart(self.decisions.seed(seed));
        let most_draws = rules.most_draws().min(MOST_PREPARED);
        let mut board = rules.start::<M>(game);
        sums.fill([0.0; GROUP]);
        let mut night = 0;
        loop {
            if board.burning.is_empty() {
                // Where nothing burns, everybody stays, and draws twice: whether to work, and what to say.
                if rules.needs_houses() {
                    houses.copy_from_slice(&own[..groups]);
                }
                for (k, (modes, work)) in modes.iter_mut().zip(&*work).enumerate() {
                    *modes = decisions.hits64((agents.len() - k * GROUP).min(GROUP), work);
                }
            } else {
                for (i, agent) in agents.iter().enumerate() {
                    let action = agent.decide(i, rules.houses, board.burning, self.decisions, decisions);
                    houses[i / GROUP][i % GROUP] = u32::from(rules.reached(i, action.house));
                    modes[i / GROUP][i % GROUP] = u32::from(action.mode);
                }
            }
            game.prepare(most_draws);
            let moves = Moves { houses, modes };
            let before = board;
            board = rules.night(before, progress, moves, game);
            let is_over = rules.is_over(board, night);
            rules.pay(before, board, is_over, moves, ledger);
            for (sums, rewards) in sums.iter_mut().zip(&ledger.rewards) {
                (0..GROUP).for_each(|k| sums[k] += rewards[k]);
            }
            night += 1;
            if is_over || night >= self.max_nights {
                break;
            }
        }
        scores.copy_from_slice(&sums.as_flattened()[..scores.len()]);
        night
    }
}
