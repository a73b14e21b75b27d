//! `MountainCarContinuous-v0`: a mountain car with a force between -1 and 1, and energy that costs. Gymnasium's form.
//!
//! Gymnasium keeps the state of this one environment in 32 bits after its first step, and NumPy's rules then decide
//! the precision of every operation. In 64 bits the same is done here:
//!
//! * the state after a step is rounded to 32 bits; *narrow* is a state of such numbers, as after every step, but not
//!   after a reset or an injected number of 64 bits;
//! * an action beyond -1 and 1 is replaced by a bound, a Python number, which takes any precision;
//! * the arithmetic of a step rounds every operation to 32 bits for a narrow state and a 32-bit or replaced action;
//!   the angle of the slope, three times the position, has 32 bits for every narrow state;
//! * the pull on the car, force and slope together, is rounded term by term for a 32-bit action, unless replaced.

use super::control::{clip, constant, uniform, Ahead, Choice, Control, Moved, Row, Seen, State, MOST_AHEAD};
use super::mountain_car::{goal_velocity, COLUMNS, HIGH, LOW, MAX_SPEED, OBSERVED, OPTIONS};
use crate::engine::config::Config;
use crate::engine::error::Result;
use crate::simd::{Lanes, Mask, Real, Simd};
use serde_json::{json, Map, Value};

const GOAL: f64 = 0.45; // m
const POWER: f64 = 0.0015;
const GRAVITY: f64 = 0.0025;

/// The rules; see the module.
#[derive(Clone, Debug, Default)]
pub struct ContinuousMountainCar {
    /// Least velocity at the goal, m per step.
    pub goal_velocity: f64,
}

/// Rounded to 32 bits where the arithmetic of a step is. No closure: one that is called so often is not always inlined.
#[inline(always)]
fn rounded<S: Simd, R: Real>(is_single: <R::Lanes<S> as Lanes<S>>::Mask, x: R::Lanes<S>) -> R::Lanes<S> {
    R::Lanes::<S>::select(is_single, R::through_f32(x), x)
}

impl Control for ContinuousMountainCar {
    const ID: &'static str = "MountainCarContinuous-v0";
    const DESCRIPTION: &'static str = "Rock a weak car out of a valley with as little effort as possible.";
    const TIME_LIMIT: u32 = 999;
    const COLUMNS: &'static [(&'static str, &'static str, &'static str)] = COLUMNS;
    const OBSERVED: &'static [(&'static str, Option<f64>, Option<f64>)] = OBSERVED;
    const ACTION: Choice = Choice::Box { name: "force", bound: 1.0 };
    const NANOSECONDS: usize = 2;
    const OPTIONS: [(&'static str, f64); 2] = OPTIONS;
    const DRAWS: usize = 1;

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

    #[inline(always)]
    fn start(&self, drawn: State<f64>, options: [f64; 2]) -> State<f64> {
        [uniform(drawn[0], options), 0.0, 0.0, 0.0]
    }

    const AHEAD: usize = 1;
    #[inline(always)]
    fn angle<S: Simd, R: Real>(&self, s: S, state: &State<R::Lanes<S>>) -> R::Lanes<S> {
        let angle = constant::<S, R>(s, 3.0) * state[0];
        R::Lanes::<S>::select(self.is_narrow::<S, R>(s, state), R::through_f32(angle), angle)
    }

    /// What the slope takes from the velocity.
    #[inline(always)]
    fn ahead<S: Simd, R: Real>(&self, s: S, angle: R::Lanes<S>) -> Ahead<R::Lanes<S>> {
        [constant::<S, R>(s, GRAVITY) * R::cos(s, angle); MOST_AHEAD]
    }
    #[inline(always)]
    fn is_usual<S: Simd, R: Real>(&self, s: S, action: R::Lanes<S>) -> bool {
        R::Lanes::<S>::all(action.abs().le(constant::<S, R>(s, 1.0)))
    }
    /// And what it and a bound of the force change.
    #[inline(always)]
    fn beyond<S: Simd, R: Real>(
        &self,
        s: S,
        [slope, _]: Ahead<R::Lanes<S>>,
        action: R::Lanes<S>,
    ) -> Ahead<R::Lanes<S>> {
        let number = |x: f64| constant::<S, R>(s, x);
        let bound = R::Lanes::<S>::select(action.lt(number(0.0)), number(-POWER), number(POWER));
        [slope, bound - slope]
    }

    #[inline(always)]
    fn step<S: Simd, R: Real>(
        &self,
        s: S,
        state @ [position, velocity, ..]: State<R::Lanes<S>>,
        [slope, bounded]: Ahead<R::Lanes<S>>,
        action: R::Lanes<S>,
        single: bool,
    ) -> Moved<S, R> {
        let number = |x: f64| constant::<S, R>(s, x);
        let zero = number(0.0);
        let narrow = self.is_narrow::<S, R>(s, &state);
        let replaced = number(1.0).lt(action.abs());
        let is_single = if single { narrow } else { narrow.and(replaced) };

        let force = if single {
            R::through_f32(R::through_f32(action * R::through_f32(number(POWER))) - R::through_f32(slope))
        } else {
            action * number(POWER) - slope
        };
        let pull = rounded::<S, R>(is_single, R::Lanes::<S>::select(replaced, bounded, force));
        let fast = rounded::<S, R>(is_single, velocity + pull);
        let fastest = rounded::<S, R>(is_single, number(MAX_SPEED));
        let velocity = clip(fast, zero - fastest, fastest);
        // A velocity at its bound is a Python number, too, and added to a position of 32 bits.
        let at_bound = narrow.and(velocity.lt(fast).or(fast.lt(velocity)));
        let single_position = R::through_f32(position + R::through_f32(velocity));
        let moved = rounded::<S, R>(is_single, position + velocity);
        let moved = R::Lanes::<S>::select(at_bound, single_position, moved);
        let low = rounded::<S, R>(is_single, number(LOW));
        let position = clip(moved, low, rounded::<S, R>(is_single, number(HIGH)));
        let hits = position.eq(low).and(velocity.lt(zero));
        let velocity = R::Lanes::<S>::select(hits, zero, velocity);
        let [goal, goal_velocity] = [number(GOAL), number(self.goal_velocity)];
        let arrived = rounded::<S, R>(is_single, goal).le(position);
        let terminated = arrived.and(rounded::<S, R>(is_single, goal_velocity).le(velocity));
        let prize = R::Lanes::<S>::select(terminated, number(100.0), zero);
        Moved { state: [R::through_f32(position), R::through_f32(velocity), zero, zero], reward: prize, terminated }
    }

    #[inline(always)]
    fn charged<S: Simd, R: Real>(&self, s: S, reward: R::Lanes<S>, action: R::Lanes<S>) -> R::Lanes<S> {
        reward - action * action * constant::<S, R>(s, 0.1)
    }

    const NARROWS: bool = true;
    #[inline(always)]
    fn is_narrow<S: Simd, R: Real>(
        &self,
        _: S,
        &[position, velocity, ..]: &State<R::Lanes<S>>,
    ) -> <R::Lanes<S> as Lanes<S>>::Mask {
        position.eq(R::through_f32(position)).and(velocity.eq(R::through_f32(velocity)))
    }

    #[inline(always)]
    fn observe<S: Simd, R: Real>(&self, _: S, &[position, velocity, ..]: &State<R::Lanes<S>>) -> Seen<R::Lanes<S>> {
        [position, velocity, position, position, position, position]
    }
}
