//! What a classic control environment states.

use crate::engine::config::Config;
use crate::engine::error::{Error, Result, Status};
use crate::simd::{Lanes, Real, Simd, MOST_COLUMNS};
use serde_json::{Map, Value};

/// Most numbers of a state.
pub const MOST_STATE: usize = 4;
/// The numbers of a state, one per column; what a shorter state leaves over is ignored.
pub type State<T> = [T; MOST_STATE];
/// Most numbers that are found ahead of a step.
pub(super) const MOST_AHEAD: usize = 2;
/// What is found ahead of a step, likewise.
pub type Ahead<T> = [T; MOST_AHEAD];
/// What is seen, likewise.
pub type Seen<T> = [T; MOST_COLUMNS];

/// The outcome of a step, in lanes.
pub struct Moved<S: Simd, R: Real> {
    /// The new state.
    pub state: State<R::Lanes<S>>,
    /// Reward.
    pub reward: R::Lanes<S>,
    /// Where the rules end the episode.
    pub terminated: <R::Lanes<S> as Lanes<S>>::Mask,
}

/// The actions of an environment.
#[derive(Clone, Copy)]
pub enum Choice {
    /// One of so many.
    Discrete(usize),
    /// A number called `name`, from `-bound` to `bound`; numbers beyond are clipped by the rules.
    Box {
        /// What it is.
        name: &'static str,
        /// Largest size.
        bound: f64,
    },
}

/// A configuration key: name, type, default, unit, description.
pub type Row = (&'static str, &'static str, Value, &'static str, &'static str);

/// The rules of one environment, over lanes.
pub trait Control: Clone + Send + Sync + Sized + 'static {
    /// The id, `Name-vN`.
    const ID: &'static str;
    /// One sentence.
    const DESCRIPTION: &'static str;
    /// Steps after which an episode is truncated, unless the configuration says otherwise.
    const TIME_LIMIT: u32;
    /// Name, unit and description of every state column.
    const COLUMNS: &'static [(&'static str, &'static str, &'static str)];
    /// Name, lowest and highest value (None: unbounded) of everything seen.
    const OBSERVED: &'static [(&'static str, Option<f64>, Option<f64>)];
    /// How many numbers are seen.
    const SEEN: usize = Self::OBSERVED.len();
    /// What can be done.
    const ACTION: Choice;
    /// A rough time of one step of one environment.
    const NANOSECONDS: usize;
    /// The two options of a reset, with their defaults.
    const OPTIONS: [(&'static str, f64); 2] = [("low", 0.0), ("high", 0.0)];

    /// Takes the environment's own settings from a configuration.
    fn read(config: &mut Config) -> Result<Self>;
    /// The settings in force.
    fn settings(&self) -> Map<String, Value>;
    /// Its configuration keys.
    fn parameters() -> Vec<Row>;
    /// Refuses options of a reset that cannot be: bounds that cross.
    fn check_options(options: [f64; 2]) -> Result<()> {
        if options[0] <= options[1] {
            return Ok(());
        }
        let message = format!("reset option low: expected at most high ({}), got {}", options[1], options[0]);
        Err(Error::new(Status::InvalidConfig, message))
    }
    /// How many numbers are drawn for the start of an episode: 1, 2 or 4.
    const DRAWS: usize;
    /// The state at the start of an episode, from numbers that are uniform in [0, 1).
    fn start(&self, drawn: State<f64>, options: [f64; 2]) -> State<f64>;
    /// How many numbers a step needs that take long to find, sines for the most part: at most two.
    const AHEAD: usize = 0;
    /// The angle from which those numbers follow.
    #[inline(always)]
    fn angle<S: Simd, R: Real>(&self, _: S, state: &State<R::Lanes<S>>) -> R::Lanes<S> {
        state[0]
    }
    /// Those numbers. They are found in a loop of their own.
    #[inline(always)]
    fn ahead<S: Simd, R: Real>(&self, _: S, angle: R::Lanes<S>) -> Ahead<R::Lanes<S>> {
        [angle; MOST_AHEAD]
    }
    /// Whether these actions are all within the usual bounds. What is [`beyond`](Control::beyond) them is seldom asked for.
    #[inline(always)]
    fn is_usual<S: Simd, R: Real>(&self, _: S, _action: R::Lanes<S>) -> bool {
        true
    }
    /// What was found ahead, and what actions need besides that are not usual.
    #[inline(always)]
    fn beyond<S: Simd, R: Real>(&self, _: S, ahead: Ahead<R::Lanes<S>>, _action: R::Lanes<S>) -> Ahead<R::Lanes<S>> {
        ahead
    }
    /// Where the first number ahead of a step stands among what was seen after the step before, if it does.
    const SEEN_AHEAD: Option<usize> = None;
    /// One step. `single` tells that the caller's actions are 32-bit floats.
    fn step<S: Simd, R: Real>(
        &self,
        s: S,
        state: State<R::Lanes<S>>,
        ahead: Ahead<R::Lanes<S>>,
        action: R::Lanes<S>,
        single: bool,
    ) -> Moved<S, R>;
    /// A reward less what the action costs.
    #[inline(always)]
    fn charged<S: Simd, R: Real>(&self, _: S, reward: R::Lanes<S>, _action: R::Lanes<S>) -> R::Lanes<S> {
        reward
    }
    /// Whether a step of 64 bits, of states that are narrow and actions of 32 bits, rounds to 32 bits throughout but for
    /// what is found ahead.
    const NARROWS: bool = false;
    /// Which states are narrow: floats of 32 bits.
    #[inline(always)]
    fn is_narrow<S: Simd, R: Real>(&self, s: S, _: &State<R::Lanes<S>>) -> <R::Lanes<S> as Lanes<S>>::Mask {
        R::Lanes::<S>::none(s)
    }
    /// What is seen of a state.
    fn observe<S: Simd, R: Real>(&self, s: S, state: &State<R::Lanes<S>>) -> Seen<R::Lanes<S>>;
    /// Whether the first observation of an episode is evaluated otherwise; see [`Control::see_first`].
    const SEES_FIRST: bool = false;
    /// Changes the first observation of an episode.
    fn see_first(&self, state: State<f64>, seen: &mut [f32]) {
        let _ = (state, seen);
    }
}

/// A number uniform between the options, as `Generator.uniform(low, high)` makes it of one that is uniform in [0, 1).
#[inline(always)]
pub fn uniform(drawn: f64, [low, high]: [f64; 2]) -> f64 {
    low + (high - low) * drawn
}

/// Lanes of one constant, rounded to the working precision.
#[inline(always)]
pub fn constant<S: Simd, R: Real>(s: S, x: f64) -> R::Lanes<S> {
    R::Lanes::<S>::splat(s, R::from_f64(x))
}

/// Lanes held between two bounds.
#[inline(always)]
pub fn clip<S: Simd, L: Lanes<S>>(x: L, low: L, high: L) -> L {
    // In this order, what is not a number stays so.
    high.min(low.max(x))
}
