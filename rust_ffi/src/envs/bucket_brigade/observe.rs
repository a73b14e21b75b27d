//! What agents see: one row of 32-bit floats per agent, in one of several layouts.

use super::scenario::{PerAgent, Scenario};
use crate::engine::columns::Dtype;
use crate::engine::spec::Space;

/// Order of the numbers of an observation. Houses are 0 safe, 1 burning, 2 ruined; modes and signals 0 rest, 1 work;
/// nothing is scaled. H houses, N agents:
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Houses (H); fire progress (H) if asked for; signals, positions (N); last actions (3N); round-1 signals (N) in
    /// two-phase mode; night; 16 numbers of the scenario; one-hot seat (N).
    V1,
    /// The original's Gymnasium adapter: houses, signals, positions, last actions as pairs (2N), 12 numbers, one-hot.
    PyFlat,
    /// The same with the round-1 signals (N) before the one-hot seat.
    PyFlatRound1,
    /// The original's compiled vector environment: signals, positions, houses, pairs (2N), 12 numbers, seat, night.
    CoreFlat,
    /// The original's training environment of 2025-11: houses, signals, positions, pairs (2N), 10 numbers.
    Gym2025,
}

/// Names of the layouts, in order.
pub const LAYOUTS: [(&str, Layout); 5] = [
    ("v1", Layout::V1),
    ("py_flat", Layout::PyFlat),
    ("py_flat_round1", Layout::PyFlatRound1),
    ("core_flat", Layout::CoreFlat),
    ("gym_2025_11", Layout::Gym2025),
];

/// The state of one environment, as its columns have it.
pub struct Seen<'a> {
    /// States of houses (H).
    pub houses: &'a [u8],
    /// Fire progress (H).
    pub progress: &'a [f32],
    /// Where agents went (N).
    pub positions: &'a [u8],
    /// What they said (N).
    pub signals: &'a [u8],
    /// What they did (N, 3).
    pub actions: &'a [u8],
    /// What they said before they did it (N).
    pub round1_signals: &'a [u8],
    /// Nights played.
    pub night: u32,
}

/// A number of an observation: its name, and its bounds if it has some.
type Feature = (String, Option<f64>, Option<f64>);

/// Writes observations.
pub struct Observer {
    layout: Layout,
    with_progress: bool,
    with_round1: bool,
    agents: usize,
    /// Numbers of the scenario, as each learned seat sees them.
    numbers: Vec<Vec<f32>>,
    seats: Vec<usize>,
    /// Names and bounds; those of the first seat.
    features: Vec<Feature>,
}

impl Observer {
    /// The observer of `seats` of a game.
    pub fn new(layout: Layout, with_progress: bool, scenario: &Scenario, seats: &[usize]) -> Self {
        let with_round1 = layout == Layout::PyFlatRound1 || (layout == Layout::V1 && scenario.is_two_phase);
        let numbered: Vec<_> = seats.iter().map(|&seat| numbers(layout, scenario, seat)).collect();
        let mut observer = Observer {
            layout,
            with_progress: with_progress && layout == Layout::V1,
            with_round1,
            agents: scenario.num_agents,
            numbers: numbered.iter().map(|all| all.iter().map(|each| each.1).collect()).collect(),
            seats: seats.to_vec(),
            features: Vec::new(),
        };
        let names = numbered.first().map(|all| all.iter().map(|each| each.0).collect()).unwrap_or_default();
        observer.features = observer.describe(scenario, names);
        observer
    }

    /// Numbers of one agent's observation.
    pub fn width(&self) -> usize {
        self.features.len()
    }

    /// The space of one agent's observations.
    pub fn space(&self) -> Space {
        Space::Box {
            shape: vec![self.width()],
            dtype: Dtype::Float32,
            low: self.features.iter().map(|feature| feature.1).collect(),
            high: self.features.iter().map(|feature| feature.2).collect(),
            names: self.features.iter().map(|feature| feature.0.clone()).collect(),
        }
    }

    fn describe(&self, scenario: &Scenario, numbers: Vec<&str>) -> Vec<Feature> {
        let (h, n) = (scenario.num_houses, scenario.num_agents);
        let last = (h - 1) as f64;
        let each = |name: &str, count: usize, high: f64| -> Vec<Feature> {
            (0..count).map(|k| (format!("{name}_{k}"), Some(0.0), Some(high))).collect()
        };
        let houses = each("house", h, 2.0);
        let (signals, positions) = (each("signal", n, 1.0), each("position", n, last));
        let parts: &[(&str, f64)] = match self.layout {
            Layout::V1 => &[("house", last), ("mode", 1.0), ("signal", 1.0)],
            _ => &[("house", last), ("mode", 1.0)],
        };
        let actions = (0..n)
            .flat_map(|i| parts.iter().map(move |(part, high)| (format!("last_{part}_{i}"), Some(0.0), Some(*high))));
        let actions: Vec<Feature> = actions.collect();
        let round1 = if self.with_round1 { each("round1_signal", n, 1.0) } else { vec![] };
        let progress = if self.with_progress { each("fire_progress", h, 1.0) } else { vec![] };
        let night = vec![("night".to_string(), Some(0.0), scenario.max_nights.map(f64::from))];
        let numbers = numbers.into_iter().map(|name| (name.to_string(), None, None)).collect();
        let seat = each("is_seat", n, 1.0);
        match self.layout {
            Layout::V1 => [houses, progress, signals, positions, actions, round1, night, numbers, seat].concat(),
            Layout::PyFlat | Layout::PyFlatRound1 => {
                [houses, signals, positions, actions, numbers, round1, seat].concat()
            }
            Layout::CoreFlat => {
                let index = vec![("seat".to_string(), Some(0.0), Some((n - 1).max(1) as f64))];
                [signals, positions, houses, actions, numbers, index, night].concat()
            }
            Layout::Gym2025 => [houses, signals, positions, actions, numbers].concat(),
        }
    }

    /// Writes the observations of all learned seats.
    pub fn write(&self, seen: &Seen, out: &mut [f32]) {
        for ((row, numbers), seat) in out.chunks_exact_mut(self.width()).zip(&self.numbers).zip(&self.seats) {
            let mut to = Writer(row);
            if self.layout == Layout::CoreFlat {
                to.bytes(seen.signals);
                to.bytes(seen.positions);
                to.bytes(seen.houses);
            } else {
                to.bytes(seen.houses);
                if self.with_progress {
                    to.floats(seen.progress);
                }
                to.bytes(seen.signals);
                to.bytes(seen.positions);
            }
            if self.layout == Layout::V1 {
                to.bytes(seen.actions);
                if self.with_round1 {
                    to.bytes(seen.round1_signals);
                }
                to.floats(&[seen.night as f32]);
                to.floats(numbers);
            } else {
                seen.actions.chunks_exact(3).for_each(|action| to.bytes(&action[..2]));
                to.floats(numbers);
                if self.with_round1 {
                    to.bytes(seen.round1_signals);
                }
            }
            match self.layout {
                Layout::CoreFlat => to.floats(&[*seat as f32, seen.night as f32]),
                Layout::Gym2025 => {}
                _ => to.one_hot(*seat, self.agents),
            }
        }
    }
}

/// Fills a row from left to right.
struct Writer<'a>(&'a mut [f32]);

impl<'a> Writer<'a> {
    fn take(&mut self, count: usize) -> &'a mut [f32] {
        let (front, rest) = std::mem::take(&mut self.0).split_at_mut_checked(count).unwrap_or_default();
        self.0 = rest;
        front
    }

    fn bytes(&mut self, from: &[u8]) {
        for (to, x) in self.take(from.len()).iter_mut().zip(from) {
            *to = f32::from(*x);
        }
    }

    fn floats(&mut self, from: &[f32]) {
        for (to, x) in self.take(from.len()).iter_mut().zip(from) {
            *to = *x;
        }
    }

    fn one_hot(&mut self, k: usize, count: usize) {
        for (i, to) in self.take(count).iter_mut().enumerate() {
            *to = if i == k { 1.0 } else { 0.0 };
        }
    }
}

/// Mean in double precision, then rounded.
fn mean(all: &PerAgent) -> f32 {
    (all.values.iter().sum::<f64>() / all.values.len() as f64) as f32
}

/// The original's compiled mean: of ten copies where one number is given for all.
fn compiled_mean(all: &PerAgent) -> f32 {
    let values = if all.is_shared { vec![all.values.first().map_or(0.0, |x| *x as f32); 10] } else { all.rounded() };
    values.iter().sum::<f32>() / values.len() as f32
}

/// The numbers of the scenario in the order of a layout.
fn numbers(layout: Layout, s: &Scenario, seat: usize) -> Vec<(&'static str, f32)> {
    let spread = ("prob_fire_spreads_to_neighbor", s.prob_fire_spreads_to_neighbor);
    let extinguish = ("prob_solo_agent_extinguishes_fire", s.prob_solo_agent_extinguishes_fire);
    let ignite = ("prob_house_catches_fire", s.prob_house_catches_fire);
    let team = ("team_reward_house_survives", s.team_reward_house_survives);
    let penalty = ("team_penalty_house_burns", s.team_penalty_house_burns);
    let cost = ("cost_to_work_one_night", s.cost_to_work_one_night);
    let min_nights = ("min_nights", s.min_nights as f32);
    let agents = ("num_agents", s.num_agents as f32);
    let owned = |of: &dyn Fn(&PerAgent) -> f32| {
        [
            ("reward_own_house_survives", of(&s.reward_own_house_survives)),
            ("reward_other_house_survives", of(&s.reward_other_house_survives)),
            ("penalty_own_house_burns", of(&s.penalty_own_house_burns)),
            ("penalty_other_house_burns", of(&s.penalty_other_house_burns)),
        ]
    };
    match layout {
        Layout::V1 => {
            let mut all = vec![spread, extinguish, ignite, team, penalty];
            all.extend(owned(&|all| all.values.get(seat).map_or(0.0, |x| *x as f32)));
            all.extend([
                cost,
                ("reward_rest", s.reward_rest),
                ("distance_cost_alpha", s.distance_cost_alpha),
                min_nights,
                ("max_nights", s.max_nights.unwrap_or(0) as f32),
                agents,
                ("home", f32::from(s.home(seat))),
            ]);
            all
        }
        Layout::PyFlat | Layout::PyFlatRound1 => {
            let mut all = vec![spread, extinguish, ignite, team, penalty];
            all.extend(owned(&mean));
            all.extend([cost, min_nights, agents]);
            all
        }
        Layout::CoreFlat => {
            let mut all = vec![spread, extinguish, team, penalty, cost, ignite, min_nights, agents];
            all.extend(owned(&compiled_mean));
            all
        }
        // The two chances of fire and the two limits of nights that the game had then are one each today.
        Layout::Gym2025 => vec![
            spread,
            extinguish,
            team,
            penalty,
            cost,
            ("rho_ignite", s.prob_house_catches_fire),
            ("N_min", s.min_nights as f32),
            ("p_spark", s.prob_house_catches_fire),
            ("N_spark", s.min_nights as f32),
            agents,
        ],
    }
}
