//! `Acrobot-v1`: swing a two-link arm up by the joint between the links. After Sutton (1996), in Gymnasium's form.
//! Masses, lengths and moments of inertia of both links are 1, their centres in the middle.

use super::control::{clip, constant, uniform, Ahead, Choice, Control, Moved, Row, Seen, State, MOST_STATE};
use crate::engine::config::Config;
use crate::engine::error::Result;
use crate::simd::{trig, Lanes, Mask, Real, Simd};
use serde_json::{json, Map, Value};
use std::f64::consts::{FRAC_PI_2, PI};

const DT: f64 = 0.2; // s per step
const G: f64 = 9.8; // m/s^2
const MAX_SPEED_1: f64 = 4.0 * PI; // rad/s
const MAX_SPEED_2: f64 = 9.0 * PI; // rad/s
/// An angle is wrapped by repeated subtraction, as Gymnasium's; beyond so many turns by a remainder.
const TURNS: usize = 16;

/// Of the classical Runge-Kutta method: the weight of each stage, and how far it leads to the next.
const STAGES: [[f64; 2]; 4] = [[1.0, DT / 2.0], [2.0, DT / 2.0], [2.0, DT], [1.0, 0.0]];

/// The equations of motion, the default first.
const EQUATIONS: [&str; 2] = ["book", "nips"];

/// The rules; see the module.
#[derive(Clone, Debug, Default)]
pub struct Acrobot {
    /// The equations of the paper instead of those of the book.
    pub nips: bool,
}

impl Acrobot {
    /// Time derivatives of the state.
    #[inline(always)]
    fn derivatives<S: Simd, R: Real>(
        &self,
        s: S,
        [theta1, theta2, theta1_dot, theta2_dot]: State<R::Lanes<S>>,
        torque: R::Lanes<S>,
    ) -> State<R::Lanes<S>> {
        let number = |x: f64| constant::<S, R>(s, x);
        let (sine2, cosine2) = R::libm_sin_cos(s, theta2);
        let (_, leaning) = R::libm_sin_cos(s, theta1 + theta2 - number(FRAC_PI_2));
        let (_, hanging) = R::libm_sin_cos(s, theta1 - number(FRAC_PI_2));
        let (half, one) = (number(0.5), number(1.0));
        // With masses, lengths and moments of 1, multiplications by them are left out: they are exact.
        let d1 = number(0.25) + (number(1.25) + cosine2) + one + one;
        let d2 = (number(0.25) + half * cosine2) + one;
        let phi2 = number(0.5 * G) * leaning;
        let phi1 = number(-0.5) * R::libm_square(s, theta2_dot) * sine2 - theta2_dot * theta1_dot * sine2
            + number(1.5 * G) * hanging
            + phi2;
        let mut pull = torque + d2 / d1 * phi1;
        if !self.nips {
            pull = pull - half * R::libm_square(s, theta1_dot) * sine2;
        }
        let theta2_acc = (pull - phi2) / (number(1.25) - R::libm_square(s, d2) / d1);
        let theta1_acc = (d2 * theta2_acc + phi1) * number(-1.0) / d1;
        [theta1_dot, theta2_dot, theta1_acc, theta2_acc]
    }

    #[inline(always)]
    fn wrapped<S: Simd, R: Real>(s: S, mut angle: R::Lanes<S>) -> R::Lanes<S> {
        let (pi, turn) = (constant::<S, R>(s, PI), constant::<S, R>(s, 2.0 * PI));
        let zero = constant::<S, R>(s, 0.0);
        for _ in 0..TURNS {
            let (over, under) = (pi.lt(angle), angle.lt(zero - pi));
            if !over.or(under).any() {
                return angle;
            }
            let up = R::Lanes::<S>::select(under, angle + turn, angle);
            angle = R::Lanes::<S>::select(over, angle - turn, up);
        }
        let far = pi.lt(angle.abs());
        R::Lanes::<S>::select(far, R::floored_remainder(s, angle + pi, R::from_f64(2.0 * PI)) - pi, angle)
    }
}

impl Control for Acrobot {
    const ID: &'static str = "Acrobot-v1";
    const DESCRIPTION: &'static str =
        "Swing a two-link arm up with a torque of -1 (0), 0 (1) or 1 (2) between its links.";
    const TIME_LIMIT: u32 = 500;
    const COLUMNS: &'static [(&'static str, &'static str, &'static str)] = &[
        ("theta1", "rad", "Angle of the first link from hanging, from -pi to pi."),
        ("theta2", "rad", "Angle of the second link from the first, from -pi to pi."),
        ("theta1_dot", "rad/s", "Angular velocity of the first link, at most 4 pi to either side."),
        ("theta2_dot", "rad/s", "Angular velocity of the second link, at most 9 pi to either side."),
    ];
    const OBSERVED: &'static [(&'static str, Option<f64>, Option<f64>)] = &[
        ("cos_theta1", Some(-1.0), Some(1.0)),
        ("sin_theta1", Some(-1.0), Some(1.0)),
        ("cos_theta2", Some(-1.0), Some(1.0)),
        ("sin_theta2", Some(-1.0), Some(1.0)),
        ("theta1_dot", Some(-MAX_SPEED_1), Some(MAX_SPEED_1)),
        ("theta2_dot", Some(-MAX_SPEED_2), Some(MAX_SPEED_2)),
    ];
    const ACTION: Choice = Choice::Discrete(3);
    const NANOSECONDS: usize = 20;
    const OPTIONS: [(&'static str, f64); 2] = [("low", -0.1), ("high", 0.1)];
    const DRAWS: usize = 4;

    fn read(config: &mut Config) -> Result<Self> {
        Ok(Acrobot { nips: config.choice("book_or_nips", &EQUATIONS)? == 1 })
    }

    fn settings(&self) -> Map<String, Value> {
        Map::from_iter([("book_or_nips".into(), json!(EQUATIONS[usize::from(self.nips)]))])
    }

    fn parameters() -> Vec<Row> {
        vec![("book_or_nips", "str", json!("book"), "", "Equations of the book or of the paper: book or nips.")]
    }

    /// Rounded to 32 bits, as Gymnasium rounds it.
    #[inline(always)]
    fn start(&self, drawn: State<f64>, options: [f64; 2]) -> State<f64> {
        drawn.map(|x| f64::from(uniform(x, options) as f32))
    }

    #[inline(always)]
    fn step<S: Simd, R: Real>(
        &self,
        s: S,
        start: State<R::Lanes<S>>,
        _ahead: Ahead<R::Lanes<S>>,
        action: R::Lanes<S>,
        _single: bool,
    ) -> Moved<S, R> {
        let number = |x: f64| constant::<S, R>(s, x);
        let torque = action - number(1.0);
        // A loop, for four copies of a stage would not fit into the CPU's cache of decoded instructions.
        let mut at = start;
        let mut sum = [number(-0.0); MOST_STATE];
        for [weight, step] in STAGES {
            let slope = self.derivatives::<S, R>(s, at, torque);
            for k in 0..MOST_STATE {
                sum[k] = sum[k] + number(weight) * slope[k];
                at[k] = start[k] + number(step) * slope[k];
            }
        }
        let mut end = start;
        for k in 0..MOST_STATE {
            end[k] = end[k] + number(DT / 6.0) * sum[k];
        }
        let (theta1, theta2) = (Self::wrapped::<S, R>(s, end[0]), Self::wrapped::<S, R>(s, end[1]));
        let theta1_dot = clip(end[2], number(-MAX_SPEED_1), number(MAX_SPEED_1));
        let theta2_dot = clip(end[3], number(-MAX_SPEED_2), number(MAX_SPEED_2));

        let (_, first) = R::libm_sin_cos(s, theta1);
        let (_, second) = R::libm_sin_cos(s, theta2 + theta1);
        let up = number(1.0).lt(number(0.0) - first - second);
        let reward = R::Lanes::<S>::select(up, number(0.0), number(-1.0));
        Moved { state: [theta1, theta2, theta1_dot, theta2_dot], reward, terminated: up }
    }

    #[inline(always)]
    fn observe<S: Simd, R: Real>(
        &self,
        s: S,
        &[theta1, theta2, theta1_dot, theta2_dot]: &State<R::Lanes<S>>,
    ) -> Seen<R::Lanes<S>> {
        let ((sine1, cosine1), (sine2, cosine2)) = (R::libm_sin_cos(s, theta1), R::libm_sin_cos(s, theta2));
        [cosine1, sine1, cosine2, sine2, theta1_dot, theta2_dot]
    }

    /// Gymnasium's state is of 32 bits from a reset to the first step, and so are its sine and cosine: NumPy's own.
    const SEES_FIRST: bool = true;
    fn see_first(&self, state: State<f64>, seen: &mut [f32]) {
        let single = state.map(|x| x as f32);
        // Beyond, NumPy goes another way, and the short one is wrong.
        if single.map(f64::from) != state || single.iter().take(2).any(|theta| theta.abs() > trig::FARTHEST_NUMPY) {
            return;
        }
        for (seen, theta) in seen.chunks_exact_mut(2).zip(&single[..2]) {
            let (sine, cosine) = trig::numpy_sin_cos_f32(*theta);
            seen.copy_from_slice(&[cosine, sine]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_observation_far_from_rest_is_that_of_any_other() {
        let far = [3.0e38, -1.0e30, 0.0, 0.0].map(|x: f64| f64::from(x as f32));
        let before = [0.25, 0.5, 0.75, 1.0, 0.0, 0.0];
        let mut seen = before;
        Acrobot { nips: false }.see_first(far, &mut seen);
        assert_eq!(seen, before);
        Acrobot { nips: false }.see_first([0.0; 4], &mut seen);
        assert_eq!(seen[..4], [1.0, 0.0, 1.0, 0.0]);
    }
}
