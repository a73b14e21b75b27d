//! Thermostat: a room to be kept at 20 degrees by heating and cooling, against weather and drafts. A plug-in for
//! marl_ffi.
//!
//! ```console
//! $ cargo build --release --manifest-path examples/plugins/rust/Cargo.toml
//! ```

mod tables;

use std::ffi::CStr;
use tables::{guarded, marl_error, marl_plugin_env, marl_plugin_host, marl_plugin_rows, Rows};

const SPEC: &CStr = cr#"{
    "description": "A room to be kept at 20 degrees by heating and cooling.",
    "observation": {"type": "box", "shape": [2], "low": [-80, -40], "high": [80, 40],
                    "names": ["too_warm", "outside"]},
    "action": {"type": "box", "shape": [1], "low": -1, "high": 1, "names": ["heating"]},
    "clips_actions": true,
    "max_episode_steps": 96,
    "nanoseconds_per_step": 30,
    "columns": [
        {"name": "inside", "dtype": "float64", "unit": "C", "low": -60, "high": 100},
        {"name": "outside", "dtype": "float64", "unit": "C", "low": -40, "high": 40}],
    "parameters": [
        {"name": "insulation", "type": "float", "default": 0.9, "low": 0, "high": 1,
         "description": "How much of the difference to outside is left after a step."},
        {"name": "draft", "type": "float", "default": 0.2, "low": 0, "high": 5, "unit": "C",
         "description": "Standard deviation of the change by drafts."}]
}"#;

/// Places of the columns and of the parameters.
const INSIDE: usize = 0;
const OUTSIDE: usize = 1;
const INSULATION: usize = 0;
const DRAFT: usize = 1;

const WANTED: f64 = 20.0; // C
const POWER: f64 = 4.0; // C per step
const FREEZING: f64 = 0.0; // C: pipes burst, the episode ends

unsafe extern "C" fn reset(rows: *const marl_plugin_rows) -> i32 {
    let work = |rows: Rows<'_>| {
        // SAFETY: these columns are declared as float64, one number per environment.
        let (inside, outside) = unsafe { (rows.column_mut::<f64>(INSIDE, 1), rows.column_mut::<f64>(OUTSIDE, 1)) };
        for env in 0..rows.count() {
            inside[env] = rows.uniform(env, 10.0, 30.0);
            outside[env] = rows.uniform(env, -10.0, 35.0);
        }
    };
    // SAFETY: `rows` comes from the engine.
    unsafe { guarded(rows, work) }
}

unsafe extern "C" fn step(rows: *const marl_plugin_rows) -> i32 {
    let work = |rows: Rows<'_>| {
        // SAFETY: as in `reset`.
        let (inside, outside) = unsafe { (rows.column_mut::<f64>(INSIDE, 1), rows.column::<f64>(OUTSIDE, 1)) };
        // SAFETY: this is a step; one float32 action and one float32 reward per environment.
        let (actions, rewards, terminations) =
            unsafe { (rows.actions::<f32>(1), rows.rewards::<f32>(1), rows.terminations()) };
        // SAFETY: two parameters are declared.
        let (insulation, draft) = unsafe { (rows.parameter(INSULATION), rows.parameter(DRAFT)) };
        for env in 0..rows.count() {
            let kept = outside[env] + insulation * (inside[env] - outside[env]);
            let effort = f64::from(actions[env]).clamp(-1.0, 1.0);
            let change = POWER * effort + draft * rows.standard_normal(env);
            inside[env] = (kept + change).clamp(-60.0, 100.0);
            let error = inside[env] - WANTED;
            rewards[env] = (-0.01 * error * error - 0.1 * effort * effort) as f32;
            terminations[env] = u8::from(inside[env] < FREEZING);
        }
    };
    // SAFETY: `rows` comes from the engine.
    unsafe { guarded(rows, work) }
}

unsafe extern "C" fn observe(rows: *const marl_plugin_rows) -> i32 {
    let work = |rows: Rows<'_>| {
        // SAFETY: as in `reset`.
        let (inside, outside) = unsafe { (rows.column::<f64>(INSIDE, 1), rows.column::<f64>(OUTSIDE, 1)) };
        // SAFETY: this is `observe`; an observation is two float32.
        let observations = unsafe { rows.observations::<f32>(2) };
        for (env, seen) in observations.chunks_exact_mut(2).enumerate() {
            seen[0] = (inside[env] - WANTED) as f32;
            seen[1] = outside[env] as f32;
        }
    };
    // SAFETY: `rows` comes from the engine.
    unsafe { guarded(rows, work) }
}

/// The entry.
///
/// # Safety
/// * called by the engine.
#[no_mangle]
pub unsafe extern "C" fn marl_plugin_init(host: *const marl_plugin_host, err: *mut marl_error) -> i32 {
    let env = marl_plugin_env {
        size: size_of::<marl_plugin_env>(),
        version: tables::MARL_PLUGIN_VERSION,
        flags: tables::MARL_PLUGIN_THREAD_SAFE,
        spec_json: SPEC.as_ptr(),
        state_size: 0,
        user: std::ptr::null_mut(),
        create: None,
        destroy: None,
        check: None,
        reset: Some(reset),
        step: Some(step),
        observe: Some(observe),
    };
    // SAFETY: the host's own function; id and table live during the call, the functions as long as the process.
    unsafe { ((*host).env_register)(host, c"examples.Thermostat-v0".as_ptr(), &env, err) }
}
