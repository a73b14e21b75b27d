//! `MountainCarContinuous-v0`: a mountain car with a force between -1 and 1, and energy that costs. Gymnasium's form.
//!
//! Gymnasium keeps the state of this one environment in 32 bits after its first step, and NumPy's rules then decide
//! the precision of every operation. In 64 bits the same is done here:
//!
//! * the state after a step is rounded to 32 bits;
//! * the arithmetic of a step rounds every operation to 32 bits if position and velocity are numbers of 32 bits and
//!   so are the actions: always, but in the first step after a reset, from an injected state, or by 64-bit actions;
//! * the pull on the car, force and slope together, is rounded term by term where the action is a number of 32 bits
//!   within -1 and 1. One beyond is replaced by a bound, which is a Python number: then the pull has 64 bits.

use super::control::{clip, constant, Choice, Control, Moved, Row, Seen, State};
use super::mountain_car::{goal_velocity, COLUMNS, HIGH, LOW, MAX_SPEED, OBSERVED, OPTIONS};
use crate::engine::config::Config;
use crate::engine::error::Result;
use crate::engine::rng::Pcg64;
use crate::simd::{Lanes, Mask, Real, Simd};
use serde_json::{json, Map, Value};

const GOAL: f64 = 0.45; // m
const POWER: f64 = 0.0015;
const GRAVITY: f64 = 0.0025;

/// The rules; see the module.
pub struct ContinuousMountainCar {
    goal_velocity: f64,
}

impl Control for ContinuousMountainCar {
    const ID: &'static str = "MountainCarContinuous-v0";
    const DESCRIPTION: &'static str = "Rock a weak car out of a valley with as little effort as possible.";
    const TIME_LIMIT: u32 = 999;
    const COLUMNS: &'static [(&'static str, &'static str, &'static str)] = COLUMNS;
    const OBSERVED: &'static [(&'static str, Option<f64>, Option<f64>)] = OBSERVED;
    const ACTION: Choice = Choice::Box { name: "force", bound: 1.0 };
    const NANOSECONDS: usize = 3;
    const OPTIONS: [(&'static str, f64); 2] = OPTIONS;

    fn read(config: &mut Config) -> Result<Self> {
        let goal_velocity = config.number("goal_velocity", 0.0, "a finite number", f64::is_finite)?;
        Ok(ContinuousMountainCar { goal_velocity })
    }

    fn settings(&self) -> Map<String, Value> {
        Map::from_iter([("goal_velocity".into(), json!(self.goal_velocity))])
    }

    fn parameters() -> Vec<Row> {
        vec![goal_velocity()]
    }

    fn start(&self, rng: &mut Pcg64, [low, high]: [f64; 2]) -> State<f64> {
        [rng.uniform(low, high), 0.0, 0.0, 0.0]
    }

    #[inline(always)]
    fn step<S: Simd, R: Real>(
        &self,
        s: S,
        [position, velocity, ..]: State<R::Lanes<S>>,
        action: R::Lanes<S>,
        single: bool,
    ) -> Moved<S, R> {
        let number = |x: f64| constant::<S, R>(s, x);
        let select = R::Lanes::<S>::select;
        let zero = number(0.0);
        // Where every operation is rounded to 32 bits; in 32-bit lanes it is anyway.
        let is_single = if single {
            position.eq(R::through_f32(position)).and(velocity.eq(R::through_f32(velocity)))
        } else {
            zero.lt(zero)
        };
        let round = |x: R::Lanes<S>| select(is_single, R::through_f32(x), x);
        let bound = |x: f64| round(number(x));

        let (_, cosine) = R::sin_cos(s, round(number(3.0) * position));
        let force = clip(action, number(-1.0), number(1.0));
        let slope = number(GRAVITY) * cosine;
        let mut pull = force * number(POWER) - slope;
        if single {
            let power = R::through_f32(number(POWER));
            let rounded = R::through_f32(R::through_f32(force * power) - R::through_f32(slope));
            pull = select(action.abs().le(number(1.0)), rounded, pull);
        }
        let velocity = clip(round(velocity + round(pull)), bound(-MAX_SPEED), bound(MAX_SPEED));
        let position = clip(round(position + velocity), bound(LOW), bound(HIGH));
        let hits = position.eq(bound(LOW)).and(velocity.lt(zero));
        let velocity = select(hits, zero, velocity);
        let terminated = bound(GOAL).le(position).and(bound(self.goal_velocity).le(velocity));
        let prize = select(terminated, number(100.0), zero);
        let reward = prize - action * action * number(0.1);
        Moved { state: [R::through_f32(position), R::through_f32(velocity), zero, zero], reward, terminated }
    }

    #[inline(always)]
    fn observe<S: Simd, R: Real>(&self, _: S, &[position, velocity, ..]: &State<R::Lanes<S>>) -> Seen<R::Lanes<S>> {
        [position, velocity, position, position, position, position]
    }
}
