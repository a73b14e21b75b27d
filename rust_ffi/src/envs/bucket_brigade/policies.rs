//! What seats play that nobody learns: a strategy of the heuristic agent, or a rule that fits into a sentence.

use super::agents::{check_strategy, Action, Decisions, Heuristic, ARCHETYPES, PARAMETERS};
use super::houses::HouseSet;
use super::rules::Board;
use super::stream::Draws;
use crate::engine::config::{kind, numbers_of};
use crate::engine::error::{did_you_mean, Error, Result, Status};
use serde_json::{json, Value};

/// A policy of one seat. Draws come from the decisions' generator of the environment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Policy {
    /// The heuristic agent.
    Strategy([f64; PARAMETERS]),
    /// The heuristic agent with ten fresh numbers in every episode, drawn at its start.
    RandomStrategy,
    /// House and mode are integer draws; says honestly what it does.
    Random,
    /// House, mode and signal are integer draws.
    Uniform,
    /// Rests at its own house.
    Rest,
    /// Works at the first of its houses that burns; else rests at the first it owns (house 0 if it owns none).
    Specialist,
    /// Works at the first burning house, or at its own if none burns.
    TrivialCooperator,
    /// Works at the burning house with most fire next door; rests at its own if none burns.
    EarlyContainment,
    /// Works at its own house if that burns, else next door, left before right; else rests.
    GreedyNeighbor,
    /// Works at its own house if that burns, else at the first that burns; else rests.
    SparseHero,
    /// Works where a run of burning houses is longest and has most safe neighbours; else rests.
    ChainReactionCoordinator,
}

/// Policies with a name, archetypes aside.
const NAMED: [(&str, Policy); 10] = [
    ("random_strategy", Policy::RandomStrategy),
    ("random", Policy::Random),
    ("uniform", Policy::Uniform),
    ("rest", Policy::Rest),
    ("specialist", Policy::Specialist),
    ("trivial_cooperator", Policy::TrivialCooperator),
    ("early_containment", Policy::EarlyContainment),
    ("greedy_neighbor", Policy::GreedyNeighbor),
    ("sparse_hero", Policy::SparseHero),
    ("chain_reaction_coordinator", Policy::ChainReactionCoordinator),
];

/// A seat at the table.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// Which.
    pub index: usize,
    /// Number of agents.
    pub agents: usize,
    /// Number of houses.
    pub houses: usize,
}

fn all_names() -> impl Iterator<Item = &'static str> {
    ARCHETYPES.iter().map(|each| each.0).chain(NAMED.iter().map(|each| each.0))
}

impl Policy {
    /// Reads a name or ten numbers; `what` is how the value is called in messages.
    pub fn read(what: &str, value: &Value) -> Result<Policy> {
        let Value::String(name) = value else {
            let numbers = numbers_of(value).ok_or_else(|| {
                let message = format!("{what}: expected a name or {PARAMETERS} numbers, got {}", kind(value));
                Error::new(Status::InvalidConfig, message)
            })?;
            let strategy = check_strategy(|| what.into(), &numbers);
            return strategy.map(Policy::Strategy).map_err(|e| Error::new(Status::InvalidConfig, e.message));
        };
        let key = name.to_ascii_lowercase();
        let archetype = ARCHETYPES.iter().find(|each| each.0 == key).map(|each| Policy::Strategy(each.1));
        let policy = archetype.or_else(|| NAMED.iter().find(|each| each.0 == key).map(|each| each.1));
        policy.ok_or_else(|| {
            let hint = did_you_mean(&key, all_names());
            let all: Vec<_> = all_names().collect();
            let message =
                format!("{what}: expected one of {}, or {PARAMETERS} numbers, got {name:?}{hint}", all.join(", "));
            Error::new(Status::InvalidConfig, message)
        })
    }

    /// The policy as it is read: its numbers, or its name.
    pub fn echo(&self) -> Value {
        match self {
            Policy::Strategy(p) => json!(p),
            other => NAMED.iter().find(|each| each.1 == *other).map_or(Value::Null, |each| json!(each.0)),
        }
    }

    /// Whether it plays the strategy in its row of the column `strategies`.
    pub fn has_strategy(&self) -> bool {
        matches!(self, Policy::Strategy(_) | Policy::RandomStrategy)
    }

    /// What the seat does. `strategy` counts where the policy has one.
    pub fn decide<M: HouseSet>(
        &self,
        seat: Seat,
        strategy: &[f64; PARAMETERS],
        board: Board<M>,
        decisions: Decisions,
        draws: &mut impl Draws,
    ) -> Action {
        let own = seat.index % seat.houses;
        let (burning, first) = (board.burning, board.burning.iter().next());
        let burns = |h: &usize| burning.contains(*h);
        let around = |h: usize| [(h + seat.houses - 1) % seat.houses, (h + 1) % seat.houses];
        let at = match self {
            Policy::Strategy(_) | Policy::RandomStrategy => {
                return Heuristic::new(strategy).decide(seat.index, seat.houses, burning, decisions, draws)
            }
            Policy::Random | Policy::Uniform => {
                let (house, mode) = (draws.below(seat.houses as u64) as u8, draws.below(2) as u8);
                let signal = if *self == Policy::Uniform { draws.below(2) as u8 } else { mode };
                return Action { house, mode, signal };
            }
            Policy::Rest => None,
            Policy::Specialist => {
                let at = burning.iter().find(|h| h % seat.agents == seat.index);
                let first_owned = if seat.index < seat.houses { seat.index } else { 0 };
                return at.map_or(Action::rest(first_owned), Action::work);
            }
            Policy::TrivialCooperator => first.or(Some(own)),
            Policy::EarlyContainment => {
                let fires = |h: usize| around(h).iter().filter(|side| burns(side)).count();
                let better =
                    |best: Option<usize>, h| if best.is_some_and(|b| fires(b) >= fires(h)) { best } else { Some(h) };
                burning.iter().fold(None, better)
            }
            Policy::GreedyNeighbor => [own, around(own)[0], around(own)[1]].into_iter().find(burns),
            Policy::SparseHero => Some(own).filter(burns).or(first),
            Policy::ChainReactionCoordinator => longest_run(seat.houses, board),
        };
        at.map_or(Action::rest(own), Action::work)
    }
}

/// The lowest house of the run of fires that is longest, safe neighbours counted in; of equals the first.
fn longest_run<M: HouseSet>(houses: usize, board: Board<M>) -> Option<usize> {
    let is_safe = |h: usize| !board.burning.contains(h) && !board.ruined.contains(h);
    let (mut seen, mut best) = (M::EMPTY, None);
    for h in board.burning.iter() {
        if seen.contains(h) {
            continue;
        }
        let mut run = M::EMPTY.with(h);
        for step in [1, houses - 1] {
            let mut next = (h + step) % houses;
            while board.burning.contains(next) && !run.contains(next) {
                run = run.with(next);
                next = (next + step) % houses;
            }
        }
        seen = seen.or(run);
        let sides = run.iter().flat_map(|h| [(h + houses - 1) % houses, (h + 1) % houses]);
        let score = run.count() + sides.filter(|side| is_safe(*side)).count();
        if best.is_none_or(|(most, _)| score > most) {
            best = Some((score, h));
        }
    }
    best.map(|(_, h)| h)
}
