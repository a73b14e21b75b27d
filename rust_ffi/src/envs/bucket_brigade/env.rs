//! `BucketBrigade-v0`: the game as an environment.

use super::agents::{Action, PARAMETERS};
use super::describe;
use super::houses::{HouseSet, Wide};
use super::observe::{Observer, Seen};
use super::options::Options;
use super::policies::{Policy, Seat};
use super::rewards::{Ledger, MOST_GROUPS};
use super::rules::{Board, Moves, Rules, GROUP};
use super::stream::Stream;
use crate::engine::columns::{try_room, Columns};
use crate::engine::environment::{Environment, Turn};
use crate::engine::error::{Error, Result, Status};
use crate::engine::rng::Pcg64;
use crate::engine::spec::Spec;
use crate::engine::tally::Tally;
use crate::engine::vec_env::Phase;
use crate::simd::pcg64::Position;
use crate::simd::Level;
use serde_json::Value;
use std::marker::PhantomData;
use std::ops::Range;

/// The id.
pub const ID: &str = "BucketBrigade-v0";

/// Positions of the state columns.
mod column {
    pub(super) const HOUSES: usize = 0;
    pub(super) const PROGRESS: usize = 1;
    pub(super) const POSITIONS: usize = 2;
    pub(super) const SIGNALS: usize = 3;
    pub(super) const ROUND1: usize = 4;
    pub(super) const ACTIONS: usize = 5;
    pub(super) const REWARDS: usize = 6;
    pub(super) const SCORES: usize = 7;
    /// Only with policies.
    pub(super) const DECISIONS: usize = 8;
    /// Only with strategies.
    pub(super) const STRATEGIES: usize = 9;
}

const SAFE: u8 = 0;
const BURNING: u8 = 1;
const RUINED: u8 = 2;

/// The game on houses of `M`.
pub struct Brigade<M> {
    options: Options,
    spec: Spec,
    rules: Rules,
    observer: Observer,
    houses: PhantomData<fn() -> M>,
}

/// The game on a ring of at most 64 houses, and on a longer one.
pub enum AnyBrigade {
    /// The houses fit a word.
    Word(Brigade<u64>),
    /// They do not.
    Wide(Brigade<Wide>),
}

impl AnyBrigade {
    /// The game under `options`.
    pub fn new(options: Options) -> Self {
        if options.scenario.num_houses <= <u64 as HouseSet>::MOST {
            AnyBrigade::Word(Brigade::new(options))
        } else {
            AnyBrigade::Wide(Brigade::new(options))
        }
    }
}

impl<M: HouseSet> Brigade<M> {
    fn new(options: Options) -> Self {
        let observer = Observer::new(options.layout, options.observe_progress, &options.scenario, &options.seats);
        let spec = describe::spec(&options, &observer);
        Brigade { spec, rules: Rules::new(&options.scenario), observer, options, houses: PhantomData }
    }

    /// What all agents do in a night, and what those who learn said before. `action(k)` is element `k` of theirs.
    fn choose(
        &self,
        row: usize,
        board: Board<M>,
        state: &mut Columns,
        choices: &mut Vec<Choice>,
        action: impl Fn(usize) -> u8,
    ) {
        let (n, rules) = (self.rules.agents, &self.rules);
        let width = self.spec.action_len();
        let mut decisions = self.options.has_policies().then(|| read_stream(state.get(column::DECISIONS), row));
        let none = [0.0; PARAMETERS];
        let mut learned = 0;
        choices.clear();
        for (index, policy) in self.options.policies.iter().enumerate() {
            let mut choice = match (policy, &mut decisions) {
                (Some(policy), Some((stream, _))) => {
                    let strategy = self.strategy(state, row, index, policy).unwrap_or(&none);
                    let seat = Seat { index, agents: n, houses: rules.houses };
                    let action = policy.decide(seat, strategy, board, self.options.decisions, stream);
                    // A policy says the same twice.
                    Choice { action, round1: action.signal }
                }
                _ => {
                    let first = learned * width;
                    learned += 1;
                    let (house, mode) = (action(first), action(first + 1));
                    let signal = if self.options.has_signals { action(first + 2) } else { mode };
                    Choice { action: Action { house, mode, signal }, round1: action(first + width - 1) }
                }
            };
            choice.action.house = rules.reached(index, choice.action.house);
            choices.push(choice);
        }
        if let Some((stream, mut rng)) = decisions {
            stream.put_back(&mut rng);
            write_rng(state.get_mut(column::DECISIONS), row, &rng);
        }
    }

    fn strategy<'a>(
        &self,
        state: &'a Columns,
        row: usize,
        index: usize,
        policy: &Policy,
    ) -> Option<&'a [f64; PARAMETERS]> {
        let all = policy.has_strategy().then(|| state.get::<f64>(column::STRATEGIES))?;
        all.get((row * self.rules.agents + index) * PARAMETERS..)?.first_chunk()
    }
}

/// What one agent does, and what it said before.
struct Choice {
    action: Action,
    round1: u8,
}

fn read_stream(words: &[u64], row: usize) -> (Stream, Pcg64) {
    let [a, b, c, d] = std::array::from_fn(|k| u128::from(words[4 * row + k]));
    let mut rng = Pcg64::from_rand_seed(0);
    *rng.position_mut() = Position { state: b << 64 | a, inc: d << 64 | c };
    (Stream::of(&rng), rng)
}

fn write_rng(words: &mut [u64], row: usize, rng: &Pcg64) {
    let Position { state, inc } = *rng.position();
    let all = [state as u64, (state >> 64) as u64, inc as u64, (inc >> 64) as u64];
    words[4 * row..4 * row + 4].copy_from_slice(&all);
}

fn read_board<M: HouseSet>(houses: &[u8]) -> Board<M> {
    let of = |state: u8| {
        let all = houses.iter().enumerate().filter(|(_, house)| **house == state);
        all.fold(M::EMPTY, |set, (h, _)| set.with(h))
    };
    Board { burning: of(BURNING), ruined: of(RUINED) }
}

/// Writes a number for every house: 0 safe, 1 burning, 2 ruined.
pub(super) fn write_board<M: HouseSet>(houses: &mut [u8], board: Board<M>) {
    houses.fill(SAFE);
    board.burning.iter().for_each(|h| houses[h] = BURNING);
    board.ruined.iter().for_each(|h| houses[h] = RUINED);
}

/// Memory for a step.
pub struct Work<M> {
    ledger: Ledger<M>,
    choices: Vec<Choice>,
}

impl<M: HouseSet> Environment for Brigade<M> {
    type Obs = f32;
    type Reward = f32;
    type Scratch = Work<M>;

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn scratch(&self, _rows: usize) -> Result<Work<M>> {
        Ok(Work { ledger: self.rules.ledger(), choices: try_room(self.rules.agents)? })
    }

    fn nanoseconds_per_step(&self) -> usize {
        100 + 15 * self.rules.agents + 5 * self.rules.houses + self.options.seats.len() * self.observer.width()
    }

    fn initialise(&self, state: &mut Columns, rows: usize) {
        if !self.options.has_strategies() {
            return;
        }
        let strategies = state.get_mut::<f64>(column::STRATEGIES);
        for row in 0..rows {
            for (i, policy) in self.options.policies.iter().enumerate() {
                if let Some(Policy::Strategy(numbers)) = policy {
                    strategies[(row * self.rules.agents + i) * PARAMETERS..][..PARAMETERS].copy_from_slice(numbers);
                }
            }
        }
    }

    fn seed(&self, state: &mut Columns, row: usize, seed: u64) -> Pcg64 {
        if self.options.has_policies() {
            let rng = Pcg64::from_rand_seed(self.options.decisions.seed(seed));
            write_rng(state.get_mut(column::DECISIONS), row, &rng);
        }
        Pcg64::from_rand_seed(seed)
    }

    fn check_options(&self, options: &Value) -> Result<()> {
        match options {
            Value::Null => Ok(()),
            Value::Object(keys) => match keys.keys().next() {
                None => Ok(()),
                Some(key) => Err(Error::new(
                    Status::UnknownKey,
                    format!("options.{key}: this environment takes no options at reset"),
                )),
            },
            _ => Err(Error::new(Status::InvalidConfig, "options: expected a JSON object")),
        }
    }

    fn reset(&self, state: &mut Columns, row: usize, rng: &mut Pcg64, _seeded: bool, _options: &Value) {
        for k in column::PROGRESS..=column::SCORES {
            let (bytes, row_bytes) = state.bytes_mut(k);
            bytes[row * row_bytes..(row + 1) * row_bytes].fill(0);
        }
        let (n, h) = (self.rules.agents, self.rules.houses);
        let mut stream = Stream::of(rng);
        write_board(&mut state.get_mut(column::HOUSES)[row * h..(row + 1) * h], self.rules.start::<M>(&mut stream));
        stream.put_back(rng);
        if !self.options.policies.contains(&Some(Policy::RandomStrategy)) {
            return;
        }
        let (_, mut decisions) = read_stream(state.get(column::DECISIONS), row);
        let strategies = state.get_mut::<f64>(column::STRATEGIES);
        for (i, policy) in self.options.policies.iter().enumerate() {
            if *policy == Some(Policy::RandomStrategy) {
                strategies[(row * n + i) * PARAMETERS..][..PARAMETERS].fill_with(|| decisions.next_f64());
            }
        }
        write_rng(state.get_mut(column::DECISIONS), row, &decisions);
    }

    fn step(&self, turn: Turn<'_, '_, Self>) {
        let Turn { rows, state, scratch, rngs, phases, actions, tally, infos, .. } = turn;
        let Tally { clock, rewards, terminated, .. } = tally;
        let (n, h, rules) = (self.rules.agents, self.rules.houses, &self.rules);
        let ledger = &mut scratch.ledger;
        let groups = n.div_ceil(GROUP);
        let (learned, width) = (self.options.seats.len(), self.options.seats.len() * self.spec.action_len());
        for row in 0..rows {
            if phases[row] == Phase::Over {
                terminated[row] = 0;
                continue;
            }
            let before = read_board::<M>(&state.get(column::HOUSES)[row * h..(row + 1) * h]);
            // Checked to be whole numbers in range.
            self.choose(row, before, state, &mut scratch.choices, |k| actions.get(row * width + k) as u8);
            let (mut houses, mut modes) = ([[0; GROUP]; MOST_GROUPS], [[0; GROUP]; MOST_GROUPS]);
            for (i, choice) in scratch.choices.iter().enumerate() {
                let Action { house, mode, signal } = choice.action;
                houses[i / GROUP][i % GROUP] = u32::from(house);
                modes[i / GROUP][i % GROUP] = u32::from(mode);
                state.get_mut::<u8>(column::POSITIONS)[row * n + i] = house;
                state.get_mut::<u8>(column::SIGNALS)[row * n + i] = signal;
                let played = &mut state.get_mut::<u8>(column::ACTIONS)[(row * n + i) * 3..][..3];
                played.copy_from_slice(&[house, mode, signal]);
                if self.options.scenario.is_two_phase {
                    state.get_mut::<u8>(column::ROUND1)[row * n + i] = choice.round1;
                }
            }
            let moves = Moves { houses: &houses[..groups], modes: &modes[..groups] };
            let mut stream = Stream::of(&rngs[row]);
            let progress = &mut state.get_mut::<f32>(column::PROGRESS)[row * h..(row + 1) * h];
            let after = rules.night(before, progress, moves, &mut stream);
            stream.put_back(&mut rngs[row]);
            let is_over = rules.is_over(after, clock[row]);
            rules.pay(before, after, is_over, moves, ledger);

            terminated[row] = u8::from(is_over);
            write_board(&mut state.get_mut(column::HOUSES)[row * h..(row + 1) * h], after);
            let paid = &ledger.rewards.as_flattened()[..n];
            state.get_mut::<f32>(column::REWARDS)[row * n..(row + 1) * n].copy_from_slice(paid);
            for (score, reward) in state.get_mut::<f32>(column::SCORES)[row * n..].iter_mut().zip(paid) {
                *score += *reward;
            }
            for (to, seat) in rewards[row * learned..].iter_mut().zip(&self.options.seats) {
                *to = paid[*seat];
            }
            if infos.wanted() {
                infos.get_mut::<f32>(0)[row * n..(row + 1) * n].copy_from_slice(paid);
                let played = &state.get::<u8>(column::ACTIONS)[row * n * 3..(row + 1) * n * 3];
                infos.get_mut::<u8>(1)[row * n * 3..(row + 1) * n * 3].copy_from_slice(played);
                let saved = before.burning.without(after.burning).without(after.ruined).count();
                let lost = after.ruined.without(before.ruined).count();
                let counts = [saved, lost, after.burning.count(), after.ruined.count()];
                for (k, count) in counts.into_iter().enumerate() {
                    infos.get_mut::<i32>(2 + k)[row] = count as i32;
                }
            }
        }
    }

    fn observe(&self, _level: Level, state: &Columns, clock: &[u32], rows: Range<usize>, out: &mut [f32]) {
        let (n, h) = (self.rules.agents, self.rules.houses);
        let bytes = |k: usize, row: usize, width: usize| &state.get::<u8>(k)[row * width..(row + 1) * width];
        let width = self.options.seats.len() * self.observer.width();
        for (row, out) in rows.zip(out.chunks_exact_mut(width)) {
            let seen = Seen {
                houses: bytes(column::HOUSES, row, h),
                progress: &state.get::<f32>(column::PROGRESS)[row * h..(row + 1) * h],
                positions: bytes(column::POSITIONS, row, n),
                signals: bytes(column::SIGNALS, row, n),
                actions: bytes(column::ACTIONS, row, 3 * n),
                round1_signals: bytes(column::ROUND1, row, n),
                night: clock[row],
            };
            self.observer.write(&seen, out);
        }
    }

    fn check_column(&self, name: &str, value: f64) -> Result<()> {
        let (fine, expected) = match name {
            "houses" => (value <= 2.0, "0 (safe), 1 (burning) or 2 (ruined)".to_string()),
            "positions" => (value < self.rules.houses as f64, format!("a house from 0 to {}", self.rules.houses - 1)),
            "fire_progress" if !self.rules.is_continuous => (value == 0.0, "0 but in continuous mode".into()),
            "fire_progress" => ((0.0..1.0).contains(&value), "at least 0 and less than 1".into()),
            "strategies" => ((0.0..=1.0).contains(&value), "a number from 0 to 1".into()),
            _ => (value <= 1.0, "0 or 1".into()),
        };
        if fine {
            return Ok(());
        }
        Err(Error::new(Status::InvalidState, format!("expected {expected}, got {value:?}")))
    }
}
