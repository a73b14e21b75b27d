//! Classic control, as Gymnasium plays it: the same starts for the same seeds, the same physics in the same precision.
//!
//! One file per environment, each with the same parts in the same order: constants, description, settings, start,
//! step, observation. [`control`] is what such a file states; [`mod@env`] makes an environment of it, and
//! [`describe`] its specification.
//!
//! Precision: with `dtype` "float64" a rule is evaluated in 64 bits, in the order in which Gymnasium's Python
//! evaluates it, so that only sines and cosines can differ: `CartPole` and `Acrobot` evaluate those of the GNU C library,
//! the others differ by a unit in the last place. With "float32" the same
//! expressions are evaluated in 32 bits, on twice as many lanes.

pub mod acrobot;
pub mod cartpole;
pub mod continuous_mountain_car;
pub mod control;
pub mod describe;
pub mod env;
pub mod mountain_car;
pub mod pendulum;
