//! Environments from outside: the tables by which a shared library, or the calling program, brings its own.

use super::plugin_draws::{marl_plugin_draws, marl_rng};
use super::plugin_guest::PluginGuest;
use super::{boundary, marl_error, null, text};
use crate::engine::error::{Error, Result, Status};
use crate::envs::{self, plugin::invalid, Guest};
use std::ffi::{c_char, c_void};
use std::sync::{Arc, Mutex, PoisonError};

/// Version of the tables of plug-ins: what a plug-in writes to `marl_plugin_env.version`. Fields are only ever added at
/// the end of these structs; whatever else changes raises this number.
pub const MARL_PLUGIN_VERSION: u32 = 1;

/// Flag of `marl_plugin_env`: its functions may be called by several threads at a time, each with environments of its
/// own. Without it they are called by one thread at a time, whatever the number of batches.
pub const MARL_PLUGIN_THREAD_SAFE: u32 = 1;

/// What `create` of a plug-in is asked for, once for every batch and every question about its specification.
#[repr(C)]
pub struct marl_plugin_setup {
    /// `sizeof(marl_plugin_setup)`.
    pub size: usize,
    /// `user` of the plug-in's table.
    pub user: *mut c_void,
    /// The values of the declared parameters, in order, checked: numbers as they are, false and true as 0 and 1, a
    /// choice as its place in the list of choices, other texts and JSON as NaN.
    pub parameters: *const f64,
    /// Number of parameters.
    pub num_parameters: usize,
    /// The same as a JSON object, with a NUL at the end.
    pub config_json: *const c_char,
    /// To write, if wanted: what calls about this batch find in `marl_plugin_rows.instance`. Is `user` at first.
    pub instance: *mut c_void,
    /// To write, if the specification depends on the parameters: a JSON object whose keys replace those of the
    /// table's specification, NUL-terminated, valid until `destroy`. `parameters` and `options` cannot be replaced;
    /// `state_size` can. NULL at first.
    pub spec_json: *const c_char,
    /// Room for a sentence on what went wrong, for a call that does not return 0.
    pub message: *mut c_char,
    /// Bytes at `message`, a NUL included.
    pub message_size: usize,
}

/// Some environments of a batch, neighbours in memory, as `reset`, `step` and `observe` of a plug-in get them.
///
/// Every array begins with the first of these environments and has `count` rows: environment `k` of the range has
/// element `k * width` and those after it. Nothing may be written before or behind. Environments do not know of each
/// other: what a row becomes may depend on nothing but that row, its generator, its action and the parameters.
#[repr(C)]
pub struct marl_plugin_rows {
    /// `sizeof(marl_plugin_rows)`.
    pub size: usize,
    /// Number of environments, at least 1.
    pub count: usize,
    /// What `create` left, or `user` of the table.
    pub instance: *mut c_void,
    /// As in `marl_plugin_setup`.
    pub parameters: *const f64,
    /// `state_size` bytes per environment: the plug-in's own, for instance an array of a struct. Zero before the first
    /// reset; aligned for any type of which `state_size` is a multiple; saved and restored as bytes, so no pointers may
    /// be in it. Written by `reset` and `step` only. NULL if `state_size` is 0.
    pub state: *mut c_void,
    /// The declared state columns, in order, each `(count, ...)` in its type. As `state` otherwise.
    pub columns: *const *mut c_void,
    /// Steps made so far in the episode, `(count,)`. In `reset` and `step`, this step not counted.
    pub clock: *const u32,
    /// In `step`: the actions `(count, agents, action)`, all of them in their space. int64_t for discrete spaces, else
    /// in the space's dtype.
    pub actions: *const c_void,
    /// In `step`, to write: the rewards `(count, agents)` in the specification's `reward_dtype`.
    pub rewards: *mut c_void,
    /// In `step`, to write: `(count,)`, 1 where the rules ended the episode, else 0. The time limit is not a rule.
    pub terminations: *mut u8,
    /// In `step`, to write: the declared infos, in order, each `(count, ...)` in its type.
    pub infos: *const *mut c_void,
    /// In `observe`, to write: the observations `(count, agents, observation)` in their dtype. Behind the numbers of an
    /// agent that has fewer than the widest go zeros.
    pub observations: *mut c_void,
    /// In `reset` and `step`: the generators of these environments, for the functions of `draws`. NULL in `observe`.
    pub rng: *mut marl_rng,
    /// Draws random numbers.
    pub draws: *const marl_plugin_draws,
    /// In `reset`: the values of the declared options, in order, as numbers like `parameters`.
    pub options: *const f64,
    /// In `reset`: 1 if the caller gave a seed for this reset, else 0.
    pub seeded: i32,
    /// Not used; 0.
    pub reserved: i32,
    /// Room for a sentence on what went wrong, for a call that does not return 0.
    pub message: *mut c_char,
    /// Bytes at `message`, a NUL included.
    pub message_size: usize,
}

/// An environment as a table of functions.
///
/// Each function returns 0, or any other number if it failed, having written a sentence to `message` if it likes. A
/// failure ends the call of the batch with `MARL_STATUS_PLUGIN_FAILED`; the batch then takes no steps until all its
/// environments are reset. No exception, panic or `longjmp` may leave a function.
///
/// The batch around it does the rest: time limit, autoreset in all modes, final observations, masks, seeds, snapshots,
/// threads, and the check of actions. `step` never sees an environment whose episode is over.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct marl_plugin_env {
    /// `sizeof(marl_plugin_env)`.
    pub size: usize,
    /// `MARL_PLUGIN_VERSION`.
    pub version: u32,
    /// `MARL_PLUGIN_THREAD_SAFE`, or 0.
    pub flags: u32,
    /// The specification, a JSON object, NUL-terminated; copied. Its keys are described in docs/plugins.md.
    pub spec_json: *const c_char,
    /// Private bytes of one environment, `marl_plugin_rows.state`; may be 0.
    pub state_size: usize,
    /// Whatever the functions need; handed through.
    pub user: *mut c_void,
    /// Prepares for a configuration; may be NULL.
    pub create: Option<unsafe extern "C" fn(setup: *mut marl_plugin_setup) -> i32>,
    /// Takes back what a `create` that returned 0 left in `instance`; may be NULL.
    pub destroy: Option<unsafe extern "C" fn(instance: *mut c_void)>,
    /// Looks at the options of a reset, before anything is changed; may be NULL. Gets no rows, `count` being 0, and
    /// only `options`, `parameters`, `instance` and room for a message. Not 0: the reset is refused with
    /// `MARL_STATUS_INVALID_CONFIG`, and nothing has happened. That every option is in its range was seen to.
    pub check: Option<unsafe extern "C" fn(rows: *const marl_plugin_rows) -> i32>,
    /// Starts a new episode in every row: writes the state. May draw.
    pub reset: Option<unsafe extern "C" fn(rows: *const marl_plugin_rows) -> i32>,
    /// Steps every row once: state, rewards, terminations, infos. May draw.
    pub step: Option<unsafe extern "C" fn(rows: *const marl_plugin_rows) -> i32>,
    /// Writes the observations of every row, from the state and the clock alone. Also called for states that a caller
    /// injected or restored, and, before the first reset, for a state of zeros.
    pub observe: Option<unsafe extern "C" fn(rows: *const marl_plugin_rows) -> i32>,
}

/// What a plug-in gets when it is loaded, valid during that call.
///
/// A plug-in is a shared library that exports
/// `int32_t marl_plugin_init(const marl_plugin_host *host, marl_error *err)`. It looks at `version`, registers its
/// environments and returns 0, or fills `err` and returns any other number: then none of them is registered. It
/// needs this header alone and is not linked with anything.
#[repr(C)]
pub struct marl_plugin_host {
    /// `sizeof(marl_plugin_host)` of the library.
    pub size: usize,
    /// `MARL_PLUGIN_VERSION` of the library.
    pub version: u32,
    /// `MARL_ABI_VERSION` of the library.
    pub abi_version: u32,
    /// Registers an environment; `host` comes first, the rest is as in `marl_env_register`.
    pub env_register: Option<
        unsafe extern "C" fn(
            host: *const marl_plugin_host,
            id: *const c_char,
            env: *const marl_plugin_env,
            err: *mut marl_error,
        ) -> Status,
    >,
    /// The library's own.
    pub context: *mut c_void,
}

/// Registrations of a plug-in that is being loaded.
type Pending = Mutex<Vec<Arc<dyn Guest>>>;

/// Reads a table and tries it out.
///
/// # Safety
/// * `id` is NULL or NUL-terminated; `env` is NULL or valid for reads of as many bytes as its first field says, at
///   least a `size_t`; its functions and texts are what they should be.
unsafe fn guest(id: *const c_char, env: *const marl_plugin_env) -> Result<Arc<dyn Guest>> {
    // SAFETY: by this function's contract.
    let id = unsafe { text("id", id, None)? };
    envs::plugin::check_id(id)?;
    if env.is_null() {
        return Err(null("env"));
    }
    // SAFETY: not NULL; the first field is readable by this function's contract.
    let size = unsafe { env.cast::<usize>().read_unaligned() };
    if size < size_of::<marl_plugin_env>() {
        let expected = size_of::<marl_plugin_env>();
        return Err(invalid(format!("{id}: size: expected sizeof(marl_plugin_env), {expected}, got {size}")));
    }
    // SAFETY: as many bytes are readable as the first field says.
    let env = unsafe { env.read_unaligned() };
    if env.version != MARL_PLUGIN_VERSION {
        return Err(invalid(format!(
            "{id}: version: this library takes plug-ins of version {MARL_PLUGIN_VERSION}, got one of version {}; \
             compile it with the header of this library",
            env.version
        )));
    }
    if env.flags & !MARL_PLUGIN_THREAD_SAFE != 0 {
        return Err(invalid(format!("{id}: flags: expected 0 or MARL_PLUGIN_THREAD_SAFE, got {}", env.flags)));
    }
    // SAFETY: by this function's contract.
    Ok(Arc::new(unsafe { PluginGuest::new(id, env)? }))
}

/// Adds an environment to those that `marl_env_list` lists and `marl_vec_env_new` makes, for as long as the process
/// lives. For programs that bring an environment themselves; a library that does so is a plug-in, and loaded with
/// `marl_plugin_load`.
///
/// Parameters: `id` reads `Name-vN` or `yours.Name-vN`: letters, digits, '_', '.' and '-', at most 64. `env` is copied;
/// its functions and `user` must stay valid for as long as the process lives. The environment is created once, with
/// its default configuration, to see that its specification is right.
///
/// Errors: `MARL_STATUS_PLUGIN_INVALID` for an id that is taken or not allowed, a table of another size or version, a
/// function that is NULL, or a specification that is wrong; `MARL_STATUS_PLUGIN_FAILED` if `create` does not return 0;
/// `MARL_STATUS_NULL_POINTER`; `MARL_STATUS_INVALID_ARGUMENT`. Nothing is added then. Safe from any thread.
///
/// # Safety
/// * `id` is NULL or NUL-terminated; `env` is NULL or points to a struct as long as its first field says, whose
///   functions and texts are what they should be; `err` is NULL or valid for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_env_register(
    id: *const c_char,
    env: *const marl_plugin_env,
    err: *mut marl_error,
) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let guest = unsafe { guest(id, env)? };
        envs::add(vec![guest])
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}

/// `marl_plugin_host.env_register`.
///
/// # Safety
/// * `host` is NULL or what `marl_plugin_init` was given, during that call; the rest as for [`marl_env_register`].
unsafe extern "C" fn register_pending(
    host: *const marl_plugin_host,
    id: *const c_char,
    env: *const marl_plugin_env,
    err: *mut marl_error,
) -> Status {
    let body = || {
        // SAFETY: by this function's contract, `context` is the `Pending` of the load that is under way.
        let pending = unsafe { host.as_ref().and_then(|host| host.context.cast::<Pending>().as_ref()) };
        let pending = pending.ok_or_else(|| null("host"))?;
        // SAFETY: by this function's contract.
        let guest = unsafe { guest(id, env)? };
        pending.lock().unwrap_or_else(PoisonError::into_inner).push(guest);
        Ok(())
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}

/// The exported function of a plug-in.
type Init = unsafe extern "C" fn(*const marl_plugin_host, *mut marl_error) -> i32;

/// Loads a plug-in: a shared library with environments, see `marl_plugin_host`. It stays loaded for as long as the
/// process lives.
///
/// Parameters: `path` of the library, as the system's loader takes it: a name without a directory is looked for where
/// libraries are.
///
/// Errors: `MARL_STATUS_PLUGIN_INVALID` if it cannot be loaded, has no `marl_plugin_init`, or registers nothing or
/// something that is refused; `MARL_STATUS_PLUGIN_FAILED` if `marl_plugin_init` does not return 0. No environment is
/// added then. `MARL_STATUS_NULL_POINTER`; `MARL_STATUS_INVALID_ARGUMENT`. Safe from any thread.
///
/// # Safety
/// * `path` is NULL or NUL-terminated; what the library does when it is loaded, and its functions, keep their
///   promises; `err` is NULL or valid for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_plugin_load(path: *const c_char, err: *mut marl_error) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let path = unsafe { text("path", path, None)? };
        // SAFETY: by this function's contract.
        let init = unsafe { open(path)? };
        let pending = Pending::default();
        let host = marl_plugin_host {
            size: size_of::<marl_plugin_host>(),
            version: MARL_PLUGIN_VERSION,
            abi_version: super::library::MARL_ABI_VERSION,
            env_register: Some(register_pending),
            context: (&raw const pending).cast_mut().cast(),
        };
        let mut told = marl_error { status: Status::Ok, message: [0; 508] };
        // SAFETY: the function of that name has this type, by this function's contract.
        let code = unsafe { init(&host, (&raw mut told).cast()) };
        if code != 0 {
            let message = super::plugin_call::sentence(&told.message);
            let message = if message.is_empty() { format!("marl_plugin_init returned {code}") } else { message };
            return Err(Error::new(Status::PluginFailed, format!("{path}: {message}")));
        }
        let guests = pending.into_inner().unwrap_or_else(PoisonError::into_inner);
        if guests.is_empty() {
            return Err(invalid(format!("{path}: the plug-in registered no environment")));
        }
        envs::add(guests)
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}

/// The entry of the shared library at `path`.
///
/// # Safety
/// * what the library does when it is loaded keeps the promises of a library.
#[cfg(any(unix, windows))]
unsafe fn open(path: &str) -> Result<Init> {
    #[cfg(unix)]
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    #[cfg(windows)]
    use libloading::os::windows::Library;
    // Chains of causes: what a loader says is the last of them.
    let told = |e: libloading::Error| {
        let cause = std::error::Error::source(&e).map(|cause| format!(": {cause}"));
        invalid(format!("{path}: {e}{}", cause.unwrap_or_default()))
    };
    // SAFETY: by this function's contract. Everything it needs is found now, not in the middle of a step.
    #[cfg(unix)]
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map_err(told)?;
    // SAFETY: by this function's contract.
    #[cfg(windows)]
    let library = unsafe { Library::new(path) }.map_err(told)?;
    // SAFETY: only the type is assumed, by the contract of the caller.
    let init = unsafe { library.get::<Init>(c"marl_plugin_init") }
        .map_err(|_| invalid(format!("{path}: this library is no plug-in: it exports no marl_plugin_init")))?;
    let init = *init;
    // Functions of it are about to be kept: it is never closed.
    let _ = library.into_raw();
    Ok(init)
}

#[cfg(not(any(unix, windows)))]
unsafe fn open(path: &str) -> Result<Init> {
    Err(invalid(format!("{path}: this platform has no shared libraries; use marl_env_register")))
}
