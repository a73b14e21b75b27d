//! `Pendulum-v1`: swing a pendulum up with a torque too weak to lift it at once. Gymnasium's form.

use super::control::{clip, constant, uniform, Ahead, Choice, Control, Moved, Row, Seen, State, MOST_AHEAD};
use crate::engine::config::Config;
use crate::engine::error::{Error, Result, Status};
use crate::simd::{Lanes, Real, Simd};
use serde_json::{json, Map, Value};
use std::f64::consts::PI;

const MAX_SPEED: f64 = 8.0; // rad/s
const MAX_TORQUE: f64 = 2.0; // N m
const DT: f64 = 0.05; // s per step

/// The rules; mass and length are 1. See the module.
#[derive(Clone, Debug)]
pub struct Pendulum {
    /// Acceleration of gravity, m/s^2.
    pub g: f64,
}

impl Default for Pendulum {
    fn default() -> Self {
        Pendulum { g: 10.0 }
    }
}

/// Rounded to the precision of actions of 32 bits. No closure: one that is called so often is not always inlined.
#[inline(always)]
fn rounded<S: Simd, R: Real>(single: bool, x: R::Lanes<S>) -> R::Lanes<S> {
    if single {
        R::through_f32(x)
    } else {
        x
    }
}

impl Control for Pendulum {
    const ID: &'static str = "Pendulum-v1";
    const DESCRIPTION: &'static str = "Swing a pendulum up and hold it upright with a limited torque.";
    const TIME_LIMIT: u32 = 200;
    const COLUMNS: &'static [(&'static str, &'static str, &'static str)] = &[
        ("theta", "rad", "Angle from upright, counter-clockwise; not wrapped, so that it counts turns."),
        ("theta_dot", "rad/s", "Angular velocity, at most 8 to either side."),
    ];
    const OBSERVED: &'static [(&'static str, Option<f64>, Option<f64>)] = &[
        ("cos_theta", Some(-1.0), Some(1.0)),
        ("sin_theta", Some(-1.0), Some(1.0)),
        ("theta_dot", Some(-MAX_SPEED), Some(MAX_SPEED)),
    ];
    const ACTION: Choice = Choice::Box { name: "torque", bound: MAX_TORQUE };
    const NANOSECONDS: usize = 6;
    const OPTIONS: [(&'static str, f64); 2] = [("x_init", PI), ("y_init", 1.0)];
    const DRAWS: usize = 2;

    fn read(config: &mut Config) -> Result<Self> {
        Ok(Pendulum { g: config.number("g", 10.0, "a finite number", f64::is_finite)? })
    }

    fn settings(&self) -> Map<String, Value> {
        Map::from_iter([("g".into(), json!(self.g))])
    }

    fn parameters() -> Vec<Row> {
        vec![("g", "float", json!(10.0), "m/s^2", "Acceleration of gravity, finite.")]
    }

    fn check_options(options: [f64; 2]) -> Result<()> {
        for ((name, _), value) in Self::OPTIONS.iter().zip(options) {
            if value < 0.0 {
                let message = format!("reset option {name}: expected a number >= 0, got {value}");
                return Err(Error::new(Status::InvalidConfig, message));
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn start(&self, drawn: State<f64>, [x, y]: [f64; 2]) -> State<f64> {
        [uniform(drawn[0], [-x, x]), uniform(drawn[1], [-y, y]), 0.0, 0.0]
    }

    const AHEAD: usize = 1;
    const SEEN_AHEAD: Option<usize> = Some(1);
    /// The sine of the angle.
    #[inline(always)]
    fn ahead<S: Simd, R: Real>(&self, s: S, theta: R::Lanes<S>) -> Ahead<R::Lanes<S>> {
        [R::sin_cos(s, theta).0; MOST_AHEAD]
    }

    /// The two products with the torque are rounded to the precision of the actions, as Gymnasium's are.
    #[inline(always)]
    fn step<S: Simd, R: Real>(
        &self,
        s: S,
        [theta, theta_dot, ..]: State<R::Lanes<S>>,
        [sine, _]: Ahead<R::Lanes<S>>,
        action: R::Lanes<S>,
        single: bool,
    ) -> Moved<S, R> {
        let number = |x: f64| constant::<S, R>(s, x);
        let torque = clip(action, number(-MAX_TORQUE), number(MAX_TORQUE));
        let share = rounded::<S, R>(single, number(0.001));
        let effort = rounded::<S, R>(single, share * rounded::<S, R>(single, torque * torque));
        let turn = rounded::<S, R>(single, number(3.0) * torque);

        let angle = R::floored_remainder(s, theta + number(PI), R::from_f64(2.0 * PI)) - number(PI);
        let cost = angle * angle + number(0.1) * (theta_dot * theta_dot) + effort;
        let theta_dot = theta_dot + (number(3.0 * self.g / 2.0) * sine + turn) * number(DT);
        let theta_dot = clip(theta_dot, number(-MAX_SPEED), number(MAX_SPEED));
        let theta = theta + theta_dot * number(DT);
        let zero = number(0.0);
        Moved { state: [theta, theta_dot, zero, zero], reward: cost * number(-1.0), terminated: zero.lt(zero) }
    }

    #[inline(always)]
    fn observe<S: Simd, R: Real>(&self, s: S, &[theta, theta_dot, ..]: &State<R::Lanes<S>>) -> Seen<R::Lanes<S>> {
        let (sine, cosine) = R::sin_cos(s, theta);
        [cosine, sine, theta_dot, sine, sine, sine]
    }
}
