//! A registered plug-in: its table, its settings, and the instances that it makes.

use super::null;
use super::plugin::{marl_plugin_env, marl_plugin_setup, MARL_PLUGIN_THREAD_SAFE};
use super::plugin_batch::PluginBatch;
use super::plugin_call::{sentence, Caller, MESSAGE};
use super::plugin_env::PluginEnv;
use super::text;
use crate::engine::columns::{Dtype, Element};
use crate::engine::config::Config;
use crate::engine::error::{Error, Result, Status};
use crate::engine::spec::Spec;
use crate::engine::vec_env::{AnyVecEnv, Setup};
use crate::envs::plugin::{invalid, parse, Description, Settings};
use crate::envs::{boxed, Guest};
use crate::simd::Real;
use serde_json::{Map, Value};
use std::ffi::{c_char, c_void, CStr, CString};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a registered plug-in is, shared by its batches.
struct Registered {
    id: String,
    table: marl_plugin_env,
    base: Map<String, Value>,
    parameters: Settings,
    options: Arc<Settings>,
    /// Held during every call of a plug-in that is not thread-safe.
    turn: Mutex<()>,
}

// SAFETY: whoever registered the table promised that its functions and `user` may be used from every thread, by one at
// a time unless it says that it is thread-safe; `turn` sees to that.
unsafe impl Send for Registered {}
// SAFETY: as above.
unsafe impl Sync for Registered {}

impl Registered {
    fn is_thread_safe(&self) -> bool {
        self.table.flags & MARL_PLUGIN_THREAD_SAFE != 0
    }

    fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        (!self.is_thread_safe()).then(|| self.turn.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// See the module.
pub(super) struct PluginGuest(Arc<Registered>);

/// What `create` made of a configuration, until `destroy`.
pub(super) struct Instance {
    registered: Arc<Registered>,
    pointer: *mut c_void,
    parameters: Vec<f64>,
    /// Whether there is something to destroy.
    created: bool,
}

// SAFETY: the pointer is the plug-in's, which promised what `Registered` says.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

impl Instance {
    pub fn id(&self) -> &str {
        &self.registered.id
    }

    pub fn table(&self) -> &marl_plugin_env {
        &self.registered.table
    }

    pub fn pointer(&self) -> *mut c_void {
        self.pointer
    }

    pub fn parameters(&self) -> &[f64] {
        &self.parameters
    }

    /// To be held during calls, if the plug-in is not thread-safe.
    pub fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        self.registered.turn()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let (true, Some(destroy)) = (self.created, self.registered.table.destroy) {
            let _turn = self.registered.turn();
            // SAFETY: `create` left this pointer, and nothing uses it any more.
            unsafe { destroy(self.pointer) };
        }
    }
}

/// Everything that a batch or a specification is made of.
struct Prepared {
    description: Description,
    instance: Instance,
    checked: bool,
}

/// Whether plug-ins are watched where a configuration does not tell.
fn checks_by_default() -> bool {
    std::env::var("MARL_FFI_CHECK_PLUGINS").is_ok_and(|value| !matches!(value.trim(), "" | "0"))
}

impl PluginGuest {
    /// Reads the specification of `table` and tries out its default configuration.
    ///
    /// # Safety
    /// * the texts of `table` are NUL-terminated, and its functions keep their promises.
    pub unsafe fn new(id: &str, table: marl_plugin_env) -> Result<Self> {
        let functions = [("reset", table.reset), ("step", table.step), ("observe", table.observe)];
        if let Some((name, _)) = functions.into_iter().find(|(_, function)| function.is_none()) {
            return Err(invalid(format!("{id}: {name}: expected a function, got NULL")));
        }
        if table.spec_json.is_null() {
            return Err(invalid(format!("{id}: spec_json: expected a text, got NULL")));
        }
        // SAFETY: by this function's contract.
        let json = unsafe { text("spec_json", table.spec_json, None) };
        let base = parse(id, json.map_err(|e| invalid(format!("{id}: {}", e.message)))?)?;
        let parameters = Settings::read(id, "parameters", base.get("parameters"))?;
        let options = Arc::new(Settings::read(id, "options", base.get("options"))?);
        // Both texts were copied.
        let table = marl_plugin_env { spec_json: std::ptr::null(), ..table };
        let registered = Registered { id: id.into(), table, base, parameters, options, turn: Mutex::new(()) };
        let guest = PluginGuest(Arc::new(registered));
        guest.prepare(Config::of_object(Map::new(), ""))?;
        Ok(guest)
    }

    fn prepare(&self, mut config: Config) -> Result<Prepared> {
        let this = &self.0;
        let resolved = this.parameters.resolve(&mut config)?;
        let checked = config.boolean("checked", checks_by_default())?;
        let time_limit = config.integer("max_episode_steps", 1, u64::from(u32::MAX) - 1)?;
        let time_limit = time_limit.and_then(|steps| u32::try_from(steps).ok());
        config.finish()?;
        let values = Value::Object(resolved.values.clone()).to_string();
        let (instance, overrides) = self.create(resolved.numbers.clone(), values)?;
        let state_size = this.table.state_size;
        let mut map = this.base.clone();
        map.extend(overrides);
        let description = Description::read(&this.id, &map, &this.parameters, &resolved, state_size, time_limit)?;
        Ok(Prepared { description, instance, checked })
    }

    /// Has the plug-in make an instance; with it come the keys of the specification that it replaces.
    fn create(&self, parameters: Vec<f64>, config: String) -> Result<(Instance, Map<String, Value>)> {
        let this = &self.0;
        let mut instance = Instance { registered: this.clone(), pointer: this.table.user, parameters, created: false };
        let Some(create) = this.table.create else { return Ok((instance, Map::new())) };
        let config_json = CString::new(config).map_err(|_| null("config"))?;
        let mut message = [0 as c_char; MESSAGE];
        let mut setup = marl_plugin_setup {
            size: size_of::<marl_plugin_setup>(),
            user: this.table.user,
            parameters: instance.parameters.as_ptr(),
            num_parameters: instance.parameters.len(),
            config_json: config_json.as_ptr(),
            instance: this.table.user,
            spec_json: std::ptr::null(),
            message: message.as_mut_ptr(),
            message_size: MESSAGE,
        };
        let code = {
            let _turn = this.turn();
            // SAFETY: the function takes such a setup, by the contract of whoever registered it.
            unsafe { create(&raw mut setup) }
        };
        message[MESSAGE - 1] = 0;
        if code != 0 {
            let told = sentence(&message);
            let told = if told.is_empty() { format!("the plug-in returned {code}") } else { told };
            return Err(Error::new(Status::PluginFailed, format!("{}: create: {told}", this.id)));
        }
        // From here on, what was created is destroyed whatever happens.
        (instance.pointer, instance.created) = (setup.instance, true);
        if setup.spec_json.is_null() {
            return Ok((instance, Map::new()));
        }
        // SAFETY: NUL-terminated and valid until `destroy`, by the contract of `create`.
        let told = unsafe { CStr::from_ptr(setup.spec_json) }.to_str();
        let overrides = parse(&this.id, told.map_err(|_| invalid(format!("{}: spec_json: expected UTF-8", this.id)))?)?;
        match ["parameters", "options"].into_iter().find(|key| overrides.contains_key(*key)) {
            Some(key) => Err(invalid(format!("{}: create: {key}: cannot be replaced", this.id))),
            None => Ok((instance, overrides)),
        }
    }
}

impl Guest for PluginGuest {
    fn id(&self) -> &str {
        &self.0.id
    }

    fn spec(&self, config: Config) -> Result<Spec> {
        Ok(self.prepare(config)?.description.spec)
    }

    fn make(&self, config: Config, setup: Setup) -> Result<Box<dyn AnyVecEnv>> {
        let prepared = self.prepare(config)?;
        let setup = if self.0.is_thread_safe() { setup } else { Setup { num_threads: 1, ..setup } };
        let options = self.0.options.clone();
        match prepared.description.spec.observation_dtype {
            Dtype::Float64 => batch_of::<f64>(prepared, options, setup),
            Dtype::Uint8 => batch_of::<u8>(prepared, options, setup),
            _ => batch_of::<f32>(prepared, options, setup),
        }
    }
}

fn batch_of<O: Element>(prepared: Prepared, options: Arc<Settings>, setup: Setup) -> Result<Box<dyn AnyVecEnv>> {
    match prepared.description.spec.reward_dtype {
        Dtype::Float64 => batch::<O, f64>(prepared, options, setup),
        _ => batch::<O, f32>(prepared, options, setup),
    }
}

fn batch<O: Element, R: Element + Real>(
    prepared: Prepared,
    options: Arc<Settings>,
    setup: Setup,
) -> Result<Box<dyn AnyVecEnv>> {
    let Prepared { description, instance, checked } = prepared;
    let caller = Arc::new(Caller::new(instance, &description.spec, description.state_size, checked));
    let bounds = description.bounds.clone();
    let env = PluginEnv::<O, R>::new(description, options, caller.clone());
    Ok(Box::new(PluginBatch::new(boxed(env, setup)?, caller, bounds)))
}
