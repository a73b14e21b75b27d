//! One game, night by night, between agents that all play by themselves: what a replay shows.

use super::agents::{Decisions, PARAMETERS};
use super::env::write_board;
use super::houses::{HouseSet, Wide};
use super::options::{read_decisions, read_policies};
use super::policies::{Policy, Seat};
use super::rules::{Board, Moves, Rules, GROUP};
use super::scenario::Scenario;
use super::stream::Stream;
use crate::engine::columns::try_vec;
use crate::engine::config::Config;
use crate::engine::error::{Error, Result, Status};
use crate::engine::rng::Pcg64;

/// A game and who plays it.
pub struct Show {
    scenario: Scenario,
    policies: Vec<Policy>,
    decisions: Decisions,
}

/// Where a record goes, for at most `nights` nights.
pub struct Record<'a> {
    /// `(nights + 1, houses)`: 0 safe, 1 burning, 2 ruined; first the evening before the first night.
    pub houses: &'a mut [u8],
    /// `(nights, agents, 3)`: house, mode and signal.
    pub actions: &'a mut [u8],
    /// `(nights, agents)`.
    pub rewards: &'a mut [f32],
}

/// How long a game was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// Nights that were played and recorded.
    pub nights: u32,
    /// Whether it ended; if not, there was no room for more.
    pub is_over: bool,
}

impl Show {
    /// Reads `scenario` with its fields beside it, `policies` and `decisions`: those keys of an environment that count
    /// when nobody learns.
    pub fn read(mut config: Config) -> Result<Self> {
        let scenario = Scenario::read(&mut config, None)?;
        let policies = read_policies(&mut config, scenario.num_agents, &[])?.into_iter().flatten().collect();
        let decisions = read_decisions(&mut config)?;
        config.finish()?;
        Ok(Show { scenario, policies, decisions })
    }

    /// Plays the game with this seed until it ends or `most` nights are recorded. Rows beyond are left alone.
    pub fn play(&self, seed: u64, most: usize, record: Record<'_>) -> Result<Length> {
        let (n, h) = (self.scenario.num_agents, self.scenario.num_houses);
        let size = |nights: Option<usize>, width: usize| {
            let too_many =
                || Error::new(Status::InvalidArgument, format!("num_nights: {most} are more than memory has"));
            nights.and_then(|nights| nights.checked_mul(width)).ok_or_else(too_many)
        };
        Error::check_length("houses", record.houses.len(), size(most.checked_add(1), h)?)?;
        Error::check_length("actions", record.actions.len(), size(Some(most), 3 * n)?)?;
        Error::check_length("rewards", record.rewards.len(), size(Some(most), n)?)?;
        if h <= <u64 as HouseSet>::MOST {
            self.play_on::<u64>(seed, most, record)
        } else {
            self.play_on::<Wide>(seed, most, record)
        }
    }

    fn play_on<M: HouseSet>(&self, seed: u64, most: usize, record: Record<'_>) -> Result<Length> {
        let rules = Rules::new(&self.scenario);
        let (n, h) = (rules.agents, rules.houses);
        let most = most.min(self.scenario.max_nights.map_or(usize::MAX, |limit| limit as usize));
        let mut decisions = Pcg64::from_rand_seed(self.decisions.seed(seed));
        let mut strategies = try_vec(n, [0.0; PARAMETERS])?;
        for (strategy, policy) in strategies.iter_mut().zip(&self.policies) {
            match policy {
                Policy::Strategy(numbers) => *strategy = *numbers,
                Policy::RandomStrategy => strategy.fill_with(|| decisions.next_f64()),
                _ => {}
            }
        }
        let (mut game, mut decisions) = (Stream::seeded(seed), Stream::of(&decisions));
        let (mut ledger, mut progress) = (rules.ledger::<M>(), try_vec(h, 0.0)?);
        let mut board = rules.start::<M>(&mut game);
        let mut mornings = record.houses.chunks_exact_mut(h);
        if let Some(evening) = mornings.next() {
            write_board(evening, board);
        }
        let mut length = Length { nights: 0, is_over: false };
        let nights = record.actions.chunks_exact_mut(3 * n).zip(record.rewards.chunks_exact_mut(n));
        for ((actions, rewards), morning) in nights.zip(mornings).take(most) {
            let (mut houses, mut modes) = (vec![[0; GROUP]; n.div_ceil(GROUP)], vec![[0; GROUP]; n.div_ceil(GROUP)]);
            for (index, (policy, strategy)) in self.policies.iter().zip(&strategies).enumerate() {
                let seat = Seat { index, agents: n, houses: h };
                let action = policy.decide(seat, strategy, board, self.decisions, &mut decisions);
                let house = rules.reached(index, action.house);
                houses[index / GROUP][index % GROUP] = u32::from(house);
                modes[index / GROUP][index % GROUP] = u32::from(action.mode);
                actions[3 * index..3 * index + 3].copy_from_slice(&[house, action.mode, action.signal]);
            }
            let moves = Moves { houses: &houses, modes: &modes };
            let before: Board<M> = board;
            board = rules.night(before, &mut progress, moves, &mut game);
            let is_over = rules.is_over(board, length.nights);
            rules.pay(before, board, is_over, moves, &mut ledger);
            rewards.copy_from_slice(&ledger.rewards.as_flattened()[..n]);
            write_board(morning, board);
            length.nights += 1;
            length.is_over = is_over || self.scenario.max_nights == Some(length.nights);
            if is_over {
                break;
            }
        }
        Ok(length)
    }
}
