//! Actions of a batch in whatever type the caller has them, their check, and random ones.

use super::columns::Dtype;
use super::draws;
use super::error::{Error, Result, Status};
use super::rng::Pcg64;
use super::spec::{Agent, Space};
use crate::simd::{self, Kernel, Level, Real, Simd};
use std::ops::Range;

/// Actions, row-major `(rows, agents, action_len)`, borrowed in the caller's own type.
#[derive(Clone, Copy, Debug)]
pub enum Actions<'a> {
    /// 32-bit floats.
    F32(&'a [f32]),
    /// 64-bit floats.
    F64(&'a [f64]),
    /// 32-bit integers.
    I32(&'a [i32]),
    /// 64-bit integers.
    I64(&'a [i64]),
    /// Choices that the engine has drawn, for environments that [read them](super::environment::Environment::READS_BYTES).
    U8(&'a [u8]),
}

macro_rules! from_slices {
    ($($real:ty, $variant:ident);*) => {
        $(
            impl<'a> From<&'a [$real]> for Actions<'a> {
                fn from(x: &'a [$real]) -> Self {
                    Actions::$variant(x)
                }
            }
            impl<'a> From<&'a Vec<$real>> for Actions<'a> {
                fn from(x: &'a Vec<$real>) -> Self {
                    Actions::$variant(x)
                }
            }
            impl<'a, const N: usize> From<&'a [$real; N]> for Actions<'a> {
                fn from(x: &'a [$real; N]) -> Self {
                    Actions::$variant(x)
                }
            }
        )*
    };
}
from_slices!(f32, F32; f64, F64; i32, I32; i64, I64);

impl<'a> Actions<'a> {
    /// The bytes as actions of type `dtype`.
    pub fn from_bytes(bytes: &'a [u8], dtype: Dtype) -> Result<Self> {
        if !bytes.len().is_multiple_of(dtype.size()) {
            let message = format!("actions: {} bytes are no whole number of {}", bytes.len(), dtype.name());
            return Err(Error::new(Status::LengthMismatch, message));
        }
        let misfit =
            |_| Error::new(Status::DtypeMismatch, format!("actions: not an aligned array of {}", dtype.name()));
        // No bytes are aligned for nothing, but they are too few rather than of the wrong type.
        let bytes = if bytes.is_empty() { bytemuck::cast_slice::<u64, u8>(&[]) } else { bytes };
        match dtype {
            Dtype::Float32 => bytemuck::try_cast_slice(bytes).map(Actions::F32).map_err(misfit),
            Dtype::Float64 => bytemuck::try_cast_slice(bytes).map(Actions::F64).map_err(misfit),
            Dtype::Int32 => bytemuck::try_cast_slice(bytes).map(Actions::I32).map_err(misfit),
            Dtype::Int64 => bytemuck::try_cast_slice(bytes).map(Actions::I64).map_err(misfit),
            other => Err(Error::new(Status::DtypeMismatch, format!("actions: {} is no type of actions", other.name()))),
        }
    }

    /// The type of the elements.
    #[inline(always)]
    pub fn dtype(&self) -> Dtype {
        match self {
            Actions::F32(_) => Dtype::Float32,
            Actions::F64(_) => Dtype::Float64,
            Actions::I32(_) => Dtype::Int32,
            Actions::I64(_) => Dtype::Int64,
            Actions::U8(_) => Dtype::Uint8,
        }
    }

    /// Number of elements.
    #[inline(always)]
    pub fn len(&self) -> usize {
        match self {
            Actions::F32(x) => x.len(),
            Actions::F64(x) => x.len(),
            Actions::I32(x) => x.len(),
            Actions::I64(x) => x.len(),
            Actions::U8(x) => x.len(),
        }
    }

    /// The elements as bytes.
    pub fn bytes(&self) -> &'a [u8] {
        match self {
            Actions::F32(x) => bytemuck::cast_slice(x),
            Actions::F64(x) => bytemuck::cast_slice(x),
            Actions::I32(x) => bytemuck::cast_slice(x),
            Actions::I64(x) => bytemuck::cast_slice(x),
            Actions::U8(x) => x,
        }
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements in `range`.
    #[inline(always)]
    pub fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Actions::F32(x) => Actions::F32(&x[range]),
            Actions::F64(x) => Actions::F64(&x[range]),
            Actions::I32(x) => Actions::I32(&x[range]),
            Actions::I64(x) => Actions::I64(&x[range]),
            Actions::U8(x) => Actions::U8(&x[range]),
        }
    }

    /// Element `k` as a float.
    #[inline(always)]
    pub fn get(&self, k: usize) -> f64 {
        match self {
            Actions::F32(x) => f64::from(x[k]),
            Actions::F64(x) => x[k],
            Actions::I32(x) => f64::from(x[k]),
            Actions::I64(x) => x[k] as f64,
            Actions::U8(x) => f64::from(x[k]),
        }
    }
}

/// An action of one number.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// A 32-bit float.
    F32([f32; 1]),
    /// A 64-bit float.
    F64([f64; 1]),
    /// A 32-bit integer.
    I32([i32; 1]),
    /// A 64-bit integer.
    I64([i64; 1]),
}

/// The first float that 64-bit integers do not have.
const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;

impl Action {
    /// The number as type `dtype` has it; an error if that is of integers and has none such.
    #[inline(always)]
    pub fn new(dtype: Dtype, x: f64) -> Result<Self> {
        match dtype {
            Dtype::Float32 => Ok(Action::F32([x as f32])),
            Dtype::Float64 => Ok(Action::F64([x])),
            Dtype::Int32 if f64::from(x as i32) == x => Ok(Action::I32([x as i32])),
            Dtype::Int64 if (x as i64) as f64 == x && x < TOO_LARGE => Ok(Action::I64([x as i64])),
            other => {
                let message = format!("actions[env 0]: expected {}, got {x:?}", other.name());
                Err(Error::new(Status::ActionInvalid, message))
            }
        }
    }

    /// As a float.
    #[inline(always)]
    pub fn value(&self) -> f64 {
        self.all().get(0)
    }

    /// As those of a batch.
    #[inline(always)]
    pub fn all(&self) -> Actions<'_> {
        match self {
            Action::F32(x) => Actions::F32(x),
            Action::F64(x) => Actions::F64(x),
            Action::I32(x) => Actions::I32(x),
            Action::I64(x) => Actions::I64(x),
        }
    }
}

/// What an element of an action may be, for every element of a row.
pub struct ActionRule {
    /// Bounds of each element of `tile / row` rows, repeated so that loops are long enough for lanes.
    low: Vec<f64>,
    high: Vec<f64>,
    row: usize,
    clips: bool,
    discrete: bool,
    /// The largest choice of each element, repeated like the bounds; empty where actions are no choices.
    choices: Vec<u64>,
    names: Vec<String>,
    sampled: Dtype,
}

/// Whether all actions are fine: plain loops, compiled for the widest registers. False may mean that one has to look
/// more closely.
struct AllFine<'a> {
    rule: &'a ActionRule,
    actions: Actions<'a>,
}

impl Kernel for AllFine<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> bool {
        match self.actions {
            Actions::F32(x) => self.rule.floats_fine(x),
            Actions::F64(x) => self.rule.floats_fine(x),
            Actions::I32(x) => self.rule.choices_fine(x, |x| u64::from(x as u32)),
            Actions::I64(x) => self.rule.choices_fine(x, |x| x as u64),
            Actions::U8(x) => self.rule.choices_fine(x, u64::from),
        }
    }
}

impl ActionRule {
    /// The rule of `agents`; with `clips`, numbers out of range are fine (the environment clips them).
    pub fn new(agents: &[Agent], clips: bool) -> Self {
        let (mut low, mut high, mut names) = (Vec::new(), Vec::new(), Vec::new());
        let mut discrete = false;
        let mut sampled = Dtype::Float32;
        for agent in agents {
            match &agent.action {
                Space::Box { low: l, high: h, names: n, dtype, .. } => {
                    low.extend(l.iter().map(|x| x.unwrap_or(f64::MIN)));
                    high.extend(h.iter().map(|x| x.unwrap_or(f64::MAX)));
                    names.extend(n.iter().map(|name| format!("{}, {name}", agent.name)));
                    sampled = *dtype;
                }
                Space::Discrete { n, dtype } => {
                    low.push(0.0);
                    high.push(n.saturating_sub(1) as f64);
                    names.push(agent.name.clone());
                    discrete = true;
                    sampled = *dtype;
                }
                Space::MultiDiscrete { nvec, dtype, names: n } => {
                    low.extend(nvec.iter().map(|_| 0.0));
                    high.extend(nvec.iter().map(|n| n.saturating_sub(1) as f64));
                    names.extend(n.iter().map(|name| format!("{}, {name}", agent.name)));
                    discrete = true;
                    sampled = *dtype;
                }
            }
        }
        let row = low.len();
        let repeats = 64usize.div_ceil(row.max(1));
        ActionRule {
            choices: if discrete { high.repeat(repeats).iter().map(|x| *x as u64).collect() } else { Vec::new() },
            low: low.repeat(repeats),
            high: high.repeat(repeats),
            row,
            clips,
            discrete,
            names,
            sampled,
        }
    }

    /// Elements of the actions of one environment.
    pub fn row_len(&self) -> usize {
        self.row
    }

    /// The type in which random actions are drawn: that of the space.
    pub fn sampled_dtype(&self) -> Dtype {
        self.sampled
    }

    /// Checks all rows but those that `is_resting`; `first` is the index of the first environment.
    pub fn check(&self, actions: Actions<'_>, first: usize, is_resting: impl Fn(usize) -> bool) -> Result<()> {
        if simd::run(Level::current(), AllFine { rule: self, actions }) {
            return Ok(());
        }
        for k in 0..actions.len() {
            let (row, element) = (k / self.row, k % self.row);
            let x = actions.get(k);
            if !is_resting(row) && !self.is_fine(element, x) {
                return Err(self.complaint(first + row, element, x));
            }
        }
        Ok(())
    }

    /// Whether a number is fine as the whole action of an environment.
    #[inline(always)]
    pub fn is_fine_alone(&self, x: f64) -> bool {
        self.row == 1 && self.is_fine(0, x)
    }

    #[inline(always)]
    fn is_fine(&self, element: usize, x: f64) -> bool {
        let within = self.low[element] <= x && x <= self.high[element];
        (within || (self.clips && x.is_finite())) && (!self.discrete || x.fract() == 0.0)
    }

    #[inline(always)]
    fn floats_fine<R: Real>(&self, x: &[R]) -> bool {
        if self.discrete {
            return self.all_fine(x, R::to_f64);
        }
        if self.clips {
            return x.iter().fold(true, |fine, x| fine & x.is_finite());
        }
        let mut fine = true;
        for x in x.chunks(self.low.len()) {
            for ((x, low), high) in x.iter().zip(&self.low).zip(&self.high) {
                let x = x.to_f64();
                fine &= (*low <= x) & (x <= *high);
            }
        }
        fine
    }

    #[inline(always)]
    fn all_fine<T: Copy>(&self, x: &[T], widen: impl Fn(T) -> f64) -> bool {
        x.iter().enumerate().all(|(k, x)| self.is_fine(k % self.row, widen(*x)))
    }

    /// Whether integers are choices: below zero, they are large as unsigned numbers.
    #[inline(always)]
    fn choices_fine<T: Copy>(&self, x: &[T], widen: impl Fn(T) -> u64) -> bool {
        if self.choices.is_empty() {
            return false;
        }
        x.chunks(self.choices.len())
            .fold(true, |fine, x| x.iter().zip(&self.choices).fold(fine, |fine, (x, most)| fine & (widen(*x) <= *most)))
    }

    #[cold]
    fn complaint(&self, env: usize, element: usize, x: f64) -> Error {
        let whole = if self.discrete { "a whole number" } else { "a number" };
        let expected = if self.clips && !self.discrete {
            "a finite number".to_string()
        } else {
            format!("{whole} from {} to {}", self.low[element], self.high[element])
        };
        let message = format!("actions[env {env}] ({}): expected {expected}, got {x:?}", self.names[element]);
        Error::new(Status::ActionInvalid, message)
    }

    /// Among how many to choose, where an environment has a single choice of a few and they can be drawn ahead.
    pub fn few_choices(&self) -> Option<u32> {
        match (self.choices.as_slice(), self.row) {
            ([most, ..], 1) => u32::try_from(*most + 1).ok().filter(|n| (2..=256).contains(n)),
            _ => None,
        }
    }

    /// Draws the actions of environments, one generator each, as NumPy-seeded `space.sample()` of each agent in turn
    /// would: discrete ones.
    pub fn sample_choices(&self, level: Level, rngs: &mut [Pcg64], out: &mut [i64]) {
        match (self.choices.as_slice(), self.row) {
            ([most, ..], 1) => draws::integers_below(level, rngs, *most + 1, out),
            _ => simd::run(level, Choices { rule: self, rngs, out }),
        }
    }

    /// Likewise, numbers within bounds.
    pub fn sample_numbers<R: Real>(&self, rngs: &mut [Pcg64], out: &mut [R]) {
        for (row, rng) in out.chunks_exact_mut(self.row).zip(rngs) {
            for ((to, low), high) in row.iter_mut().zip(&self.low).zip(&self.high) {
                *to = R::from_f64(rng.uniform(*low, *high));
            }
        }
    }
}

/// Random choices of several agents: a plain loop, compiled for the best multiplications.
struct Choices<'a> {
    rule: &'a ActionRule,
    rngs: &'a mut [Pcg64],
    out: &'a mut [i64],
}

impl Kernel for Choices<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for (row, rng) in self.out.chunks_exact_mut(self.rule.row).zip(self.rngs) {
            for (to, high) in row.iter_mut().zip(&self.rule.high) {
                *to = rng.below(*high as u64 + 1) as i64;
            }
        }
    }
}
