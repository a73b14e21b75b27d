//! `CartPole-v1`: balance a pole on a cart. After Barto, Sutton and Anderson (1983), in Gymnasium's form.

use super::control::{constant, uniform, Ahead, Choice, Control, Moved, Row, Seen, State};
use crate::engine::config::Config;
use crate::engine::error::Result;
use crate::simd::{Lanes, Mask, Real, Simd};
use serde_json::{json, Map, Value};

const GRAVITY: f64 = 9.8; // m/s^2
const MASS_POLE: f64 = 0.1; // kg
const TOTAL_MASS: f64 = 0.1 + 1.0; // kg
const LENGTH: f64 = 0.5; // m, half the pole's
const POLE_MASS_LENGTH: f64 = 0.1 * 0.5;
const FORCE: f64 = 10.0; // N
const TAU: f64 = 0.02; // s per step
const THETA_LIMIT: f64 = 12.0 * 2.0 * std::f64::consts::PI / 360.0; // rad
const X_LIMIT: f64 = 2.4; // m

/// The integrators, the default first.
const INTEGRATORS: [&str; 2] = ["euler", "semi-implicit euler"];

/// The rules; see the module.
#[derive(Clone, Debug, Default)]
pub struct CartPole {
    /// Reward 0 per step and -1 at the fall, instead of 1 per step.
    pub sutton_barto_reward: bool,
    /// Velocities first, then positions with the new velocities.
    pub semi_implicit: bool,
}

impl Control for CartPole {
    const ID: &'static str = "CartPole-v1";
    const DESCRIPTION: &'static str = "Balance a pole on a cart by pushing the cart left (0) or right (1).";
    const TIME_LIMIT: u32 = 500;
    const COLUMNS: &'static [(&'static str, &'static str, &'static str)] = &[
        ("x", "m", "Position of the cart; an episode ends beyond 2.4 to either side."),
        ("x_dot", "m/s", "Velocity of the cart."),
        ("theta", "rad", "Angle of the pole from upright; an episode ends beyond 12 degrees to either side."),
        ("theta_dot", "rad/s", "Angular velocity of the pole."),
    ];
    const OBSERVED: &'static [(&'static str, Option<f64>, Option<f64>)] = &[
        ("x", Some(-2.0 * X_LIMIT), Some(2.0 * X_LIMIT)),
        ("x_dot", None, None),
        ("theta", Some(-2.0 * THETA_LIMIT), Some(2.0 * THETA_LIMIT)),
        ("theta_dot", None, None),
    ];
    const ACTION: Choice = Choice::Discrete(2);
    const NANOSECONDS: usize = 3;
    const OPTIONS: [(&'static str, f64); 2] = [("low", -0.05), ("high", 0.05)];
    const DRAWS: usize = 4;

    fn read(config: &mut Config) -> Result<Self> {
        let sutton_barto_reward = config.boolean("sutton_barto_reward", false)?;
        let semi_implicit = config.choice("kinematics_integrator", &INTEGRATORS)? == 1;
        Ok(CartPole { sutton_barto_reward, semi_implicit })
    }

    fn settings(&self) -> Map<String, Value> {
        Map::from_iter([
            ("sutton_barto_reward".into(), json!(self.sutton_barto_reward)),
            ("kinematics_integrator".into(), json!(INTEGRATORS[usize::from(self.semi_implicit)])),
        ])
    }

    fn parameters() -> Vec<Row> {
        vec![
            (
                "sutton_barto_reward",
                "bool",
                json!(false),
                "",
                "Reward 0 per step and -1 at the fall, instead of 1 per step.",
            ),
            ("kinematics_integrator", "str", json!("euler"), "", "Integrator: euler or semi-implicit euler."),
        ]
    }

    #[inline(always)]
    fn start(&self, drawn: State<f64>, options: [f64; 2]) -> State<f64> {
        drawn.map(|x| uniform(x, options))
    }

    const AHEAD: usize = 2;
    #[inline(always)]
    fn angle<S: Simd, R: Real>(&self, _: S, &[_, _, theta, _]: &State<R::Lanes<S>>) -> R::Lanes<S> {
        theta
    }

    /// The sine and the cosine of the pole's angle.
    #[inline(always)]
    fn ahead<S: Simd, R: Real>(&self, s: S, theta: R::Lanes<S>) -> Ahead<R::Lanes<S>> {
        R::libm_sin_cos(s, theta).into()
    }

    #[inline(always)]
    fn step<S: Simd, R: Real>(
        &self,
        s: S,
        [x, x_dot, theta, theta_dot]: State<R::Lanes<S>>,
        [sine, cosine]: Ahead<R::Lanes<S>>,
        action: R::Lanes<S>,
        _single: bool,
    ) -> Moved<S, R> {
        let number = |x: f64| constant::<S, R>(s, x);
        let right = action.eq(number(1.0));
        let force = R::Lanes::<S>::select(right, number(FORCE), number(-FORCE));

        let total = R::from_f64(TOTAL_MASS);
        let temp = (force + number(POLE_MASS_LENGTH) * (theta_dot * theta_dot) * sine).divided_by(s, total);
        let share = (number(MASS_POLE) * (cosine * cosine)).divided_by(s, total);
        let theta_acc = (number(GRAVITY) * sine - cosine * temp) / (number(LENGTH) * (number(4.0 / 3.0) - share));
        let x_acc = temp - (number(POLE_MASS_LENGTH) * theta_acc * cosine).divided_by(s, total);

        let tau = number(TAU);
        let new_x_dot = x_dot + tau * x_acc;
        let new_theta_dot = theta_dot + tau * theta_acc;
        let (x, theta) = if self.semi_implicit {
            (x + tau * new_x_dot, theta + tau * new_theta_dot)
        } else {
            (x + tau * x_dot, theta + tau * theta_dot)
        };

        let terminated = number(X_LIMIT).lt(x.abs()).or(number(THETA_LIMIT).lt(theta.abs()));
        let reward = if self.sutton_barto_reward {
            R::Lanes::<S>::select(terminated, number(-1.0), number(0.0))
        } else {
            number(1.0)
        };
        Moved { state: [x, new_x_dot, theta, new_theta_dot], reward, terminated }
    }

    #[inline(always)]
    fn observe<S: Simd, R: Real>(&self, _: S, &[x, x_dot, theta, theta_dot]: &State<R::Lanes<S>>) -> Seen<R::Lanes<S>> {
        [x, x_dot, theta, theta_dot, x, x]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{self, Kernel, Level};

    /// Divides by the mass on lanes, and counts where that is not the plain division.
    struct Differences<'a, R>(&'a [R]);

    impl<R: Real> Kernel for Differences<'_, R> {
        type Output = usize;

        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> usize {
            let total = R::from_f64(TOTAL_MASS);
            let mut different = 0;
            for numbers in self.0.chunks(R::Lanes::<S>::WIDTH) {
                let mut found = [R::ZERO; 16];
                R::Lanes::<S>::load_or(s, numbers, R::ONE).divided_by(s, total).store(&mut found);
                let bits = |x: R| x.to_f64().to_bits();
                different += numbers.iter().zip(found).filter(|(x, found)| bits(**x / total) != bits(*found)).count();
            }
            different
        }
    }

    #[test]
    fn a_division_by_the_mass_is_a_division_on_all_lanes() {
        // Every mantissa of 32 bits; of 64 bits a walk, and numbers without a reciprocal.
        let singles: Vec<f32> = (0x3f80_0000..0x4000_0000).map(f32::from_bits).collect();
        let odd = [0.0, -0.0, f64::INFINITY, -f64::INFINITY, 1e300, -1e-300];
        let walk = (0..1_000_000_u64).map(|k| f64::from_bits(0x3ff0_0000_0000_0000 + k * 4_503_599_627));
        let doubles: Vec<f64> = walk.chain(odd).collect();
        for level in Level::supported() {
            assert_eq!(simd::run(level, Differences(&singles)), 0, "{}", level.name());
            assert_eq!(simd::run(level, Differences(&doubles)), 0, "{}", level.name());
        }
    }
}
