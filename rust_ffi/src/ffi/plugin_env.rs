//! A plug-in as an environment of the engine.

use super::plugin_call::{
    Caller, Function, Lent, ACTIONS, CLOCK, COLUMNS, INFOS, OBSERVATIONS, REWARDS, STATE, TERMINATIONS,
};
use crate::engine::actions::Actions;
use crate::engine::columns::{try_room, try_vec, Columns, Dtype, Element};
use crate::engine::config::{kind, Config};
use crate::engine::environment::{Environment, Turn};
use crate::engine::error::{Error, Result, Status};
use crate::engine::rng::Pcg64;
use crate::engine::spec::Spec;
use crate::engine::vec_env::Phase;
use crate::envs::plugin::{Description, Settings};
use crate::simd::{Level, Real};
use serde_json::{Map, Value};
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

/// See the module. Observations are of type `O`, rewards of type `R`.
pub(super) struct PluginEnv<O, R> {
    description: Description,
    options: Arc<Settings>,
    default_options: Vec<f64>,
    caller: Arc<Caller>,
    types: PhantomData<fn() -> (O, R)>,
}

/// The clocks of environments that are being reset.
static ZEROS: [u32; 256] = [0; 256];

/// Memory that is lent to a step: 64-bit words, so that whatever lies in it is aligned.
pub(super) struct Desk {
    actions: Vec<u64>,
    infos: Vec<Vec<u64>>,
}

impl<O: Element, R: Element + Real> PluginEnv<O, R> {
    pub fn new(description: Description, options: Arc<Settings>, caller: Arc<Caller>) -> Self {
        let default_options = numbers(&options, &Value::Null).unwrap_or_default();
        PluginEnv { description, options, default_options, caller, types: PhantomData }
    }

    /// Lends the state of the rows from `first` on, to be written.
    fn lend_state(&self, state: &mut Columns, first: usize, lent: &mut Lent<'_>) {
        for k in 0..state.len() {
            let place = if k < self.caller.num_columns() { COLUMNS + k } else { STATE };
            let (bytes, row_bytes) = state.bytes_mut(k);
            lent.at[place] = bytes.get_mut(first * row_bytes..).unwrap_or_default().as_mut_ptr();
        }
    }

    /// Resets neighbouring rows, whose generators are `rngs`.
    fn reset_range(&self, state: &mut Columns, first: usize, rngs: &mut [Pcg64], seeded: bool, options: &[f64]) {
        let mut long = Vec::new();
        let clock = ZEROS.get(..rngs.len()).unwrap_or_else(|| {
            long.resize(rngs.len(), 0);
            &long
        });
        let mut lent = Lent { rngs: rngs.as_mut_ptr(), seeded, options, ..Lent::new(rngs.len()) };
        self.lend_state(state, first, &mut lent);
        lent.at[CLOCK] = clock.as_ptr().cast_mut().cast();
        // SAFETY: columns, clock and generators have these rows, and are borrowed for the call.
        unsafe { self.caller.call(Function::Reset, &lent) };
    }
}

/// Cuts rows in ascending order into runs of neighbours.
fn runs(rows: &[u32]) -> impl Iterator<Item = Range<usize>> + '_ {
    rows.chunk_by(|a, b| a + 1 == *b).filter_map(|run| Some(*run.first()? as usize..*run.last()? as usize + 1))
}

/// The values of reset options.
fn numbers(settings: &Settings, options: &Value) -> Result<Vec<f64>> {
    let map = match options {
        Value::Null => Map::new(),
        Value::Object(map) => map.clone(),
        other => {
            let message = format!("options: expected a JSON object, got {}", kind(other));
            return Err(Error::new(Status::InvalidConfig, message));
        }
    };
    if let Some((key, _)) = map.iter().find(|(_, value)| value.is_null()) {
        let message = format!("reset option {key}: expected a finite number, got null");
        return Err(Error::new(Status::InvalidConfig, message));
    }
    let mut config = Config::of_object(map, "reset option ");
    let resolved = settings.resolve(&mut config)?;
    config.finish()?;
    Ok(resolved.numbers)
}

/// The actions in the type that the plug-in takes: the caller's own memory if it is of that type, else `desk`.
fn in_type(actions: Actions<'_>, dtype: Dtype, desk: &mut Vec<u64>) -> *mut u8 {
    fn fill<T: bytemuck::Pod>(desk: &mut Vec<u64>, len: usize, from: impl Fn(usize) -> T) -> *mut u8 {
        desk.resize((len * size_of::<T>()).div_ceil(8), 0);
        let to: &mut [T] = bytemuck::cast_slice_mut(desk);
        to.iter_mut().take(len).enumerate().for_each(|(k, to)| *to = from(k));
        desk.as_mut_ptr().cast()
    }
    if actions.dtype() == dtype {
        return actions.bytes().as_ptr().cast_mut();
    }
    let len = actions.len();
    match dtype {
        Dtype::Int64 => fill::<i64>(desk, len, |k| actions.get(k) as i64),
        Dtype::Float64 => fill::<f64>(desk, len, |k| actions.get(k)),
        _ => fill::<f32>(desk, len, |k| actions.get(k) as f32),
    }
}

impl<O: Element, R: Element + Real> Environment for PluginEnv<O, R> {
    type Obs = O;
    type Reward = R;
    type Scratch = Desk;

    fn spec(&self) -> &Spec {
        &self.description.spec
    }

    fn scratch(&self, rows: usize) -> Result<Desk> {
        let spec = &self.description.spec;
        let words = |k| (rows * self.caller.row_bytes(INFOS + k)).div_ceil(8);
        let infos = (0..spec.infos.len()).map(|k| try_vec(words(k), 0)).collect::<Result<_>>()?;
        // Room for actions of eight bytes, whose type the caller may change from step to step.
        Ok(Desk { actions: try_room(rows * spec.agents.len() * spec.action_len())?, infos })
    }

    fn clips_actions(&self) -> bool {
        self.description.clips_actions
    }

    fn nanoseconds_per_step(&self) -> usize {
        self.description.nanoseconds_per_step
    }

    fn check_options(&self, options: &Value) -> Result<()> {
        let options = numbers(&self.options, options)?;
        let refused = |message| Error::new(Status::InvalidConfig, format!("reset option: {message}"));
        self.caller.check_options(&options).map_err(refused)
    }

    fn reset(&self, state: &mut Columns, row: usize, rng: &mut Pcg64, seeded: bool, options: &Value) {
        let own = match options {
            Value::Null => None,
            options => numbers(&self.options, options).ok(),
        };
        let options = own.as_ref().unwrap_or(&self.default_options);
        self.reset_range(state, row, std::slice::from_mut(rng), seeded, options);
    }

    fn reset_rows(&self, _level: Level, state: &mut Columns, rows: &[u32], rngs: &mut [Pcg64]) {
        for run in runs(rows) {
            if let Some(rngs) = rngs.get_mut(run.clone()) {
                self.reset_range(state, run.start, rngs, false, &self.default_options);
            }
        }
    }

    fn step(&self, turn: Turn<'_, '_, Self>) {
        let (caller, rows) = (&*self.caller, turn.rows);
        let dtype = self.description.spec.action_dtypes.first().copied().unwrap_or(Dtype::Float32);
        let Desk { actions, infos } = turn.scratch;
        let actions = in_type(turn.actions, dtype, actions);
        // What other rows left there is nobody's.
        infos.iter_mut().for_each(|info| info.fill(0));
        // Runs of rows in an episode: a plug-in sees no others, and no actions that were not checked.
        let mut first = 0;
        while first < rows {
            let is_over = |row: &usize| turn.phases[*row] != Phase::Running;
            if is_over(&first) {
                turn.tally.terminated[first] = 0;
                first += 1;
                continue;
            }
            let end = (first..rows).find(is_over).unwrap_or(rows);
            let mut lent = Lent::new(end - first);
            self.lend_state(turn.state, first, &mut lent);
            let mut lend = |place: usize, start: *mut u8| {
                // Every array has a row for `first`.
                lent.at[place] = start.wrapping_add(first * caller.row_bytes(place));
            };
            lend(CLOCK, turn.tally.clock.as_ptr().cast_mut().cast());
            lend(ACTIONS, actions);
            lend(REWARDS, turn.tally.rewards.as_mut_ptr().cast());
            lend(TERMINATIONS, turn.tally.terminated.as_mut_ptr());
            for (k, info) in infos.iter_mut().enumerate() {
                lend(INFOS + k, info.as_mut_ptr().cast());
            }
            lent.rngs = turn.rngs[first..end].as_mut_ptr();
            // SAFETY: all arrays have a row for each row of the block, and are borrowed for the call; what is lent as
            // mutable behind a shared reference, clock and actions, is only read.
            unsafe { caller.call(Function::Step, &lent) };
            first = end;
        }
        if let Some(row) = turn.tally.terminated.iter().position(|flag| *flag > 1) {
            caller.fail(format!("step: terminations[{row}]: expected 0 or 1, got {}", turn.tally.terminated[row]));
            turn.tally.terminated.iter_mut().for_each(|flag| *flag = u8::from(*flag != 0));
        }
        if turn.infos.wanted() {
            for (k, info) in infos.iter().enumerate() {
                let to: &mut [u8] = turn.infos.get_mut(k);
                to.iter_mut().zip(bytemuck::cast_slice::<u64, u8>(info)).for_each(|(to, from)| *to = *from);
            }
        }
    }

    fn observe(&self, _level: Level, state: &Columns, clock: &[u32], rows: Range<usize>, out: &mut [O]) {
        let mut lent = Lent::new(rows.len());
        for k in 0..state.len() {
            let place = if k < self.caller.num_columns() { COLUMNS + k } else { STATE };
            let (bytes, row_bytes) = state.bytes(k);
            lent.at[place] = bytes.get(rows.start * row_bytes..).unwrap_or_default().as_ptr().cast_mut();
        }
        lent.at[CLOCK] = clock.get(rows).unwrap_or_default().as_ptr().cast_mut().cast();
        lent.at[OBSERVATIONS] = out.as_mut_ptr().cast();
        // SAFETY: columns and clock have these rows and are only read, by the plug-in's promise; `out` is theirs.
        unsafe { self.caller.call(Function::Observe, &lent) };
    }

    fn observe_rows(&self, state: &Columns, clock: &[u32], rows: &[u32], out: &mut [O]) {
        let width = self.description.spec.agents.len() * self.description.spec.observation_len();
        for run in runs(rows) {
            if let Some(out) = out.get_mut(run.start * width..run.end * width) {
                self.observe(Level::SCALAR, state, clock, run, out);
            }
        }
    }

    fn check_column(&self, name: &str, value: f64) -> Result<()> {
        let columns = self.description.spec.columns.iter().zip(&self.description.bounds);
        match columns.into_iter().find(|(field, _)| field.name == name) {
            Some((_, bounds)) => bounds.check(value),
            None => Ok(()),
        }
    }
}
