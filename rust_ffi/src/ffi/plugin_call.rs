//! The call of a plug-in's function: memory lent for some rows, and what it reports.

use super::plugin::{marl_plugin_env, marl_plugin_rows};
use super::plugin_draws::{marl_rng, DRAWS};
use super::plugin_guest::Instance;
use crate::engine::error::{Error, Status};
use crate::engine::rng::Pcg64;
use crate::engine::spec::Spec;
use crate::engine::vec_env::MOST_INFOS;
use crate::envs::plugin::MOST_COLUMNS;
use std::ffi::c_char;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes of the message of a plug-in's function.
pub(super) const MESSAGE: usize = 256;

/// Places of the arrays that are lent.
pub(super) const STATE: usize = 0;
pub(super) const CLOCK: usize = 1;
pub(super) const ACTIONS: usize = 2;
pub(super) const REWARDS: usize = 3;
pub(super) const TERMINATIONS: usize = 4;
pub(super) const OBSERVATIONS: usize = 5;
pub(super) const COLUMNS: usize = 6;
pub(super) const INFOS: usize = COLUMNS + MOST_COLUMNS;
pub(super) const PLACES: usize = INFOS + MOST_INFOS;

/// The functions that are called for rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Check,
    Reset,
    Step,
    Observe,
}

impl Function {
    fn name(self) -> &'static str {
        match self {
            Function::Check => "check",
            Function::Reset => "reset",
            Function::Step => "step",
            Function::Observe => "observe",
        }
    }

    /// What the function may do with the array at `place`.
    pub(super) fn access(self, place: usize) -> Access {
        let is_state = place == STATE || (COLUMNS..INFOS).contains(&place);
        match self {
            _ if place == CLOCK => Access::Reads,
            Function::Observe if is_state => Access::Reads,
            _ if is_state => Access::Changes,
            Function::Observe if place == OBSERVATIONS => Access::Writes,
            Function::Step if place == ACTIONS => Access::Reads,
            Function::Step if place != OBSERVATIONS => Access::Writes,
            _ => Access::None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    None,
    Reads,
    Writes,
    Changes,
}

/// An array, of which every environment has a row.
struct Place {
    name: String,
    row_bytes: usize,
}

/// Memory lent to a call: where each array begins, at the first row of the call.
pub(super) struct Lent<'a> {
    pub count: usize,
    pub at: [*mut u8; PLACES],
    /// NULL where nothing may be drawn.
    pub rngs: *mut Pcg64,
    pub seeded: bool,
    pub options: &'a [f64],
}

impl Lent<'_> {
    /// Nothing yet, for `count` rows.
    pub fn new(count: usize) -> Self {
        Lent { count, at: [std::ptr::null_mut(); PLACES], rngs: std::ptr::null_mut(), seeded: false, options: &[] }
    }
}

/// Calls the functions of one instance and remembers the first failure.
pub(super) struct Caller {
    pub instance: Instance,
    places: Vec<Option<Place>>,
    num_columns: usize,
    pub checked: bool,
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
}

/// The text that a plug-in wrote.
pub(super) fn sentence(message: &[c_char]) -> String {
    let bytes: &[u8] = bytemuck::cast_slice(message);
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).trim().to_string()
}

impl Caller {
    /// Calls `instance`, whose arrays are those of `spec`; `state_size` of them are private.
    pub fn new(instance: Instance, spec: &Spec, state_size: usize, checked: bool) -> Self {
        let mut places: Vec<Option<Place>> = (0..PLACES).map(|_| None).collect();
        let mut put = |place: usize, name: String, row_bytes: usize| {
            if let Some(place) = places.get_mut(place) {
                *place = Some(Place { name, row_bytes });
            }
        };
        let agents = spec.agents.len();
        let declared = spec.columns.len() - usize::from(state_size > 0);
        if state_size > 0 {
            put(STATE, "state".into(), state_size);
        }
        put(CLOCK, "clock".into(), size_of::<u32>());
        let action = spec.action_dtypes.first().map_or(8, |dtype| dtype.size());
        put(ACTIONS, "actions".into(), agents * spec.action_len() * action);
        put(REWARDS, "rewards".into(), agents * spec.reward_dtype.size());
        put(TERMINATIONS, "terminations".into(), 1);
        put(OBSERVATIONS, "observations".into(), agents * spec.observation_len() * spec.observation_dtype.size());
        for (k, field) in spec.columns.iter().take(declared).enumerate() {
            put(COLUMNS + k, format!("columns[{k}] ({})", field.name), field.row_bytes());
        }
        for (k, field) in spec.infos.iter().enumerate() {
            put(INFOS + k, format!("infos[{k}] ({})", field.name), field.row_bytes());
        }
        Caller {
            instance,
            places,
            num_columns: declared,
            checked,
            failed: AtomicBool::new(false),
            failure: Mutex::new(None),
        }
    }

    /// Number of declared columns.
    pub fn num_columns(&self) -> usize {
        self.num_columns
    }

    /// Bytes of a row of the array at `place`.
    pub fn row_bytes(&self, place: usize) -> usize {
        self.places.get(place).and_then(Option::as_ref).map_or(0, |place| place.row_bytes)
    }

    /// Remembers a failure, unless there was one before.
    #[cold]
    pub fn fail(&self, message: String) {
        let message = format!("{}: {message}", self.instance.id());
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(Error::new(Status::PluginFailed, message));
        self.failed.store(true, Ordering::Release);
    }

    /// The failure since this was asked last.
    pub fn take_failure(&self) -> Option<Error> {
        if !self.failed.swap(false, Ordering::AcqRel) {
            return None;
        }
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Calls a function for the rows that are lent, unless one failed before.
    ///
    /// # Safety
    /// * every array that the function uses is valid for `count` rows, for writes where it writes, and so are the
    ///   generators, unless NULL; nobody else touches them.
    pub unsafe fn call(&self, function: Function, lent: &Lent<'_>) {
        if lent.count == 0 || self.failed.load(Ordering::Acquire) {
            return;
        }
        // SAFETY: by this function's contract.
        let outcome = unsafe {
            if self.checked {
                self.watched(function, lent)
            } else {
                self.invoke(function, lent)
            }
        };
        if let Err(message) = outcome {
            self.fail(format!("{}: {message}", function.name()));
        }
    }

    /// Whether the plug-in takes these options of a reset; the error is a sentence.
    pub fn check_options(&self, options: &[f64]) -> std::result::Result<(), String> {
        if self.instance.table().check.is_none() {
            return Ok(());
        }
        // SAFETY: there are no rows.
        unsafe { self.invoke(Function::Check, &Lent { options, ..Lent::new(0) }) }
    }

    /// The bare call; the error is a sentence.
    ///
    /// # Safety
    /// * as for [`Caller::call`].
    pub(super) unsafe fn invoke(&self, function: Function, lent: &Lent<'_>) -> std::result::Result<(), String> {
        let table: &marl_plugin_env = self.instance.table();
        let call = match function {
            Function::Check => table.check,
            Function::Reset => table.reset,
            Function::Step => table.step,
            Function::Observe => table.observe,
        };
        let Some(call) = call else { return Err("the function is NULL".into()) };
        let step = function == Function::Step;
        let mut rng = marl_rng { rngs: lent.rngs, count: lent.count, stray: None };
        let mut message = [0 as c_char; MESSAGE];
        let at = |place: usize| lent.at[place].cast();
        let rows = marl_plugin_rows {
            size: size_of::<marl_plugin_rows>(),
            count: lent.count,
            instance: self.instance.pointer(),
            parameters: self.instance.parameters().as_ptr(),
            state: at(STATE),
            columns: lent.at[COLUMNS..INFOS].as_ptr().cast(),
            clock: at(CLOCK).cast_const().cast(),
            actions: at(ACTIONS),
            rewards: at(REWARDS),
            terminations: lent.at[TERMINATIONS],
            infos: if step { lent.at[INFOS..].as_ptr().cast() } else { std::ptr::null() },
            observations: at(OBSERVATIONS),
            rng: if lent.rngs.is_null() { std::ptr::null_mut() } else { &raw mut rng },
            draws: &raw const DRAWS,
            options: lent.options.as_ptr(),
            seeded: i32::from(lent.seeded),
            reserved: 0,
            message: message.as_mut_ptr(),
            message_size: MESSAGE,
        };
        // SAFETY: the function takes such rows, by the contract of whoever registered it; all that they point to is
        // valid for this call.
        let code = unsafe { call(&raw const rows) };
        message[MESSAGE - 1] = 0;
        if code != 0 {
            let told = sentence(&message);
            return Err(if told.is_empty() { format!("the plug-in returned {code}") } else { told });
        }
        match rng.stray {
            Some(env) => Err(format!("drew for environment {env} of a range of {}", lent.count)),
            None => Ok(()),
        }
    }

    /// Name of the array at `place`.
    pub(super) fn name(&self, place: usize) -> &str {
        self.places.get(place).and_then(Option::as_ref).map_or("", |place| place.name.as_str())
    }
}
