//! Configurations: random bytes, JSON with any value in any place, and near misses of what is valid.

use crate::buffer::{Buffer, ErrorPlace};
use crate::configs;
use crate::input::Input;
use marl_ffi::envs::{self, REGISTRY};
use marl_ffi::ffi::spec::{marl_env_list, marl_env_spec};
use marl_ffi::ffi::vec_env::{marl_vec_env_free, marl_vec_env_new, marl_vec_env_reset};
use marl_ffi::Status;
use serde_json::{json, Map, Value};
use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::ptr::{null, null_mut};

const SPEC: [Status; 5] =
    [Status::NullPointer, Status::InvalidArgument, Status::UnknownId, Status::UnknownKey, Status::InvalidConfig];
const NEW: [Status; 7] = [
    Status::NullPointer,
    Status::InvalidArgument,
    Status::UnknownId,
    Status::UnknownKey,
    Status::InvalidConfig,
    Status::Empty,
    Status::OutOfMemory,
];

/// Reads one configuration through every function that takes one.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let id = match input.below(12) {
        11 => input.text(24),
        10 => CString::new("Cartpole-v1").unwrap_or_default(),
        k => CString::new(REGISTRY[k % REGISTRY.len()].id).unwrap_or_default(),
    };
    let text = match input.below(8) {
        7 => input.text(4096),
        6 => nested(&mut input),
        _ => CString::new(mutated(&id, &mut input).to_string()).unwrap_or_default(),
    };
    let Some(spec) = spec_of(&id, &text) else { return };
    // What is in force describes itself.
    let again: Value = serde_json::from_slice(&spec).expect("a specification is JSON");
    let config = CString::new(again["config"].to_string()).expect("no NUL in JSON");
    let echoed = spec_of(&id, &config).expect("the configuration in force is valid");
    assert!(spec == echoed, "{id:?} {text:?}: the configuration in force is another: {config:?}");
    make(&id, &text, &again, &mut input);
}

/// The specification, or None if it was refused.
fn spec_of(id: &CStr, text: &CStr) -> Option<Vec<u8>> {
    let mut err = ErrorPlace::new();
    let mut size = usize::MAX;
    // SAFETY: texts end with NUL, all places are valid.
    let status = unsafe { marl_env_spec(id.as_ptr(), text.as_ptr(), null_mut(), 0, &mut size, err.pointer()) };
    err.check("marl_env_spec", status, &SPEC);
    if status != Status::Ok {
        assert_eq!(size, usize::MAX, "a refused specification wrote its size");
        return None;
    }
    let mut out = Buffer::<u8>::new(size);
    let mut again = 0;
    // SAFETY: as above; `out` has `size` bytes.
    let status = unsafe { marl_env_spec(id.as_ptr(), text.as_ptr(), out.pointer(), size, &mut again, null_mut()) };
    assert_eq!((status, again), (Status::Ok, size), "the second call");
    out.assert_guards("marl_env_spec");
    Some(out.get().to_vec())
}

/// A small batch of it is made and reset.
fn make(id: &CStr, text: &CStr, spec: &Value, input: &mut Input) {
    let envs = input.below(4);
    let (threads, mode) = (input.below(3), input.below(4) as i32);
    let mut env = null_mut();
    let mut err = ErrorPlace::new();
    // SAFETY: texts end with NUL, all places are valid.
    let status = unsafe { marl_vec_env_new(id.as_ptr(), text.as_ptr(), envs, threads, mode, &mut env, err.pointer()) };
    err.check("marl_vec_env_new", status, &NEW);
    assert_eq!(status == Status::Ok, envs > 0 && mode < 3, "{id:?} {text:?}: {}", err.text());
    assert_eq!(status == Status::Ok, !env.is_null());
    if env.is_null() {
        return;
    }
    let numbers = |value: &Value| value.as_array().map_or(0, |shape| shape.iter().filter_map(Value::as_u64).product());
    let agents = spec["agents"].as_array().map_or(0, Vec::len);
    let width = if spec["observation_dtype"] == "float64" { 8 } else { 4 };
    let bytes = envs * agents * numbers(&spec["observation_shape"]) as usize * width;
    let mut seen = Buffer::<u64>::new(bytes.div_ceil(8));
    let seeds = vec![input.bits(); envs];
    // SAFETY: the handle lives, there are as many seeds as environments, and `seen` has room.
    unsafe {
        let out = seen.pointer().cast();
        let status = marl_vec_env_reset(env, seeds.as_ptr(), null(), null(), null(), out, bytes, err.pointer());
        assert_eq!(status, Status::Ok, "{id:?} {text:?}: {}", err.text());
        marl_vec_env_free(env);
    }
    seen.assert_guards("marl_vec_env_reset");
    // SAFETY: the list may be asked for at any time.
    let status = unsafe { marl_env_list(null_mut(), 0, &mut 0, null_mut()) };
    assert_eq!(status, Status::Ok);
}

fn nested(input: &mut Input) -> CString {
    let depth = input.below(100_000);
    let (open, close) =
        input.pick(&[("[", "]"), ("{\"params\":", "}"), ("{\"scenario\":{\"a\":", "}}"), ("[{\"\":", "}]")]);
    let inner = input.pick(&["", "0", "\"", "null"]);
    let closed = if input.once_in(2) { 0 } else { depth };
    let text = [open.repeat(depth), inner.into(), close.repeat(closed)].concat();
    CString::new(text).unwrap_or_default()
}

thread_local! {
    /// Valid configurations by id, as the engine echoes them.
    static VALID: RefCell<Vec<(String, Value)>> = const { RefCell::new(Vec::new()) };
}

fn valid(id: &CStr, input: &mut Input) -> Value {
    VALID.with(|all| {
        let mut all = all.borrow_mut();
        if all.is_empty() {
            for (id, config) in configs::all() {
                let given = serde_json::from_str(config).unwrap_or_else(|_| json!({}));
                let spec = envs::spec(id, config).expect("a valid configuration");
                all.push((id.into(), given));
                all.push((id.into(), spec.config));
            }
        }
        let own: Vec<_> = all.iter().filter(|each| each.0.as_bytes() == id.to_bytes()).collect();
        if own.is_empty() {
            return json!({});
        }
        own[input.below(own.len())].1.clone()
    })
}

/// A valid configuration with a few changes.
fn mutated(id: &CStr, input: &mut Input) -> Value {
    let mut config = valid(id, input);
    for _ in 0..input.below(4) {
        change(&mut config, input, 0);
    }
    config
}

fn change(at: &mut Value, input: &mut Input, depth: usize) {
    if depth > 3 || input.once_in(8) {
        *at = any(input, 0);
        return;
    }
    match at {
        Value::Object(keys) if !keys.is_empty() => change_object(keys, input, depth),
        Value::Array(items) if !items.is_empty() => {
            let k = input.below(items.len());
            match input.below(6) {
                0 => drop(items.remove(k)),
                1 => items.push(items[k].clone()),
                2 => items.swap(0, k),
                _ => change(&mut items[k], input, depth + 1),
            }
        }
        Value::Number(x) => {
            let x = x.as_f64().unwrap_or(0.0);
            *at = match input.below(8) {
                0 => json!(x as i64),
                1 => json!((x as i64).wrapping_add(1)),
                2 => json!(-x),
                3 => json!(x.round() * 1.0),
                4 => json!(x * 1e39),
                5 => json!(x * 1e-46),
                _ => any(input, 2),
            };
        }
        Value::Bool(b) => *b = !*b,
        _ => *at = any(input, 1),
    }
}

fn change_object(keys: &mut Map<String, Value>, input: &mut Input, depth: usize) {
    let k = input.below(keys.len());
    let Some(key) = keys.keys().nth(k).cloned() else { return };
    match input.below(10) {
        0 => drop(keys.remove(&key)),
        1 => {
            // A slip of the pen.
            let mut slip = key.clone();
            let second = slip.char_indices().nth(1).map_or(slip.len(), |(at, _)| at);
            slip.insert(if input.below(2) == 0 { 0 } else { second }, 'x');
            let value = keys.remove(&key).unwrap_or(Value::Null);
            keys.insert(slip, value);
        }
        2 => drop(keys.insert(String::from_utf8_lossy(input.bytes(12)).into_owned(), any(input, 0))),
        3 => drop(keys.insert(key, Value::Null)),
        _ => {
            if let Some(value) = keys.get_mut(&key) {
                change(value, input, depth + 1);
            }
        }
    }
}

/// Any value.
fn any(input: &mut Input, depth: usize) -> Value {
    match input.below(if depth > 2 { 9 } else { 11 }) {
        0 => Value::Null,
        1 => json!(input.once_in(2)),
        2 => json!(input.below(300)),
        3 => json!(input.bits()),
        4 => json!(input.bits() as i64),
        5 | 6 => json!(input.number()),
        7 => {
            let words =
                ["NaN", "Infinity", "-Infinity", "float64", "v1", "default", "firefighter", "independent", "random"];
            json!(input.pick(&words))
        }
        8 => json!(String::from_utf8_lossy(input.bytes(40))),
        9 => (0..input.below(6)).map(|_| any(input, depth + 1)).collect(),
        _ => {
            let keys = (0..input.below(4))
                .map(|k| (["T", "params", "scenario", "bess"][k].to_string(), any(input, depth + 1)));
            Value::Object(keys.collect())
        }
    }
}
