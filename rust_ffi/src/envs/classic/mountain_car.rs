//! `MountainCar-v0`: rock a weak car out of a valley. After Moore (1990), in Gymnasium's form.

use super::control::{clip, constant, uniform, Ahead, Choice, Control, Moved, Row, Seen, State, MOST_AHEAD};
use crate::engine::config::Config;
use crate::engine::error::Result;
use crate::simd::{Lanes, Mask, Real, Simd};
use serde_json::{json, Map, Value};

pub(super) const LOW: f64 = -1.2; // m
pub(super) const HIGH: f64 = 0.6; // m
pub(super) const MAX_SPEED: f64 = 0.07; // m per step
const GOAL: f64 = 0.5; // m
const FORCE: f64 = 0.001;
const GRAVITY: f64 = 0.0025;

pub(super) const COLUMNS: &[(&str, &str, &str)] = &[
    ("position", "m", "Position of the car, from -1.2 to 0.6."),
    ("velocity", "m/step", "Velocity of the car, at most 0.07 to either side; 0 after a hit of the left wall."),
];
pub(super) const OBSERVED: &[(&str, Option<f64>, Option<f64>)] =
    &[("position", Some(LOW), Some(HIGH)), ("velocity", Some(-MAX_SPEED), Some(MAX_SPEED))];
pub(super) const OPTIONS: [(&str, f64); 2] = [("low", -0.6), ("high", -0.4)];

/// The setting that both mountain cars have.
pub(super) fn goal_velocity() -> Row {
    ("goal_velocity", "float", json!(0.0), "m/step", "Least velocity at the goal, finite.")
}

/// The rules; see the module.
#[derive(Clone, Debug, Default)]
pub struct MountainCar {
    /// Least velocity at the goal, m per step.
    pub goal_velocity: f64,
}

impl Control for MountainCar {
    const ID: &'static str = "MountainCar-v0";
    const DESCRIPTION: &'static str = "Rock a weak car out of a valley: push left (0), not at all (1) or right (2).";
    const TIME_LIMIT: u32 = 200;
    const COLUMNS: &'static [(&'static str, &'static str, &'static str)] = COLUMNS;
    const OBSERVED: &'static [(&'static str, Option<f64>, Option<f64>)] = OBSERVED;
    const ACTION: Choice = Choice::Discrete(3);
    const NANOSECONDS: usize = 2;
    const OPTIONS: [(&'static str, f64); 2] = OPTIONS;
    const DRAWS: usize = 1;

    fn read(config: &mut Config) -> Result<Self> {
        let goal_velocity = config.number("goal_velocity", 0.0, "a finite number", f64::is_finite)?;
        Ok(MountainCar { goal_velocity })
    }

    fn settings(&self) -> Map<String, Value> {
        Map::from_iter([("goal_velocity".into(), json!(self.goal_velocity))])
    }

    fn parameters() -> Vec<Row> {
        vec![goal_velocity()]
    }

    #[inline(always)]
    fn start(&self, drawn: State<f64>, options: [f64; 2]) -> State<f64> {
        [uniform(drawn[0], options), 0.0, 0.0, 0.0]
    }

    const AHEAD: usize = 1;
    #[inline(always)]
    fn angle<S: Simd, R: Real>(&self, s: S, &[position, ..]: &State<R::Lanes<S>>) -> R::Lanes<S> {
        constant::<S, R>(s, 3.0) * position
    }

    /// The cosine of three times the position, which is the slope.
    #[inline(always)]
    fn ahead<S: Simd, R: Real>(&self, s: S, angle: R::Lanes<S>) -> Ahead<R::Lanes<S>> {
        [R::cos(s, angle); MOST_AHEAD]
    }

    #[inline(always)]
    fn step<S: Simd, R: Real>(
        &self,
        s: S,
        [position, velocity, ..]: State<R::Lanes<S>>,
        [cosine, _]: Ahead<R::Lanes<S>>,
        action: R::Lanes<S>,
        _single: bool,
    ) -> Moved<S, R> {
        let number = |x: f64| constant::<S, R>(s, x);
        let zero = number(0.0);
        let push = (action - number(1.0)) * number(FORCE) + cosine * number(-GRAVITY);
        let velocity = clip(velocity + push, number(-MAX_SPEED), number(MAX_SPEED));
        let position = clip(position + velocity, number(LOW), number(HIGH));
        let hits = position.eq(number(LOW)).and(velocity.lt(zero));
        let velocity = R::Lanes::<S>::select(hits, zero, velocity);
        let terminated = number(GOAL).le(position).and(number(self.goal_velocity).le(velocity));
        Moved { state: [position, velocity, zero, zero], reward: number(-1.0), terminated }
    }

    #[inline(always)]
    fn observe<S: Simd, R: Real>(&self, _: S, &[position, velocity, ..]: &State<R::Lanes<S>>) -> Seen<R::Lanes<S>> {
        [position, velocity, position, position, position, position]
    }
}
