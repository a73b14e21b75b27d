//! Configuration: JSON in, checked values out, with errors that name the key, the rule and what was got.

use super::error::{did_you_mean, Error, Result, Status};
use serde_json::{Map, Value};

/// An object of configuration keys, consumed key by key.
pub struct Config {
    values: Map<String, Value>,
    /// How the object is called in messages; empty for the outermost.
    prefix: String,
    known: Vec<String>,
}

fn invalid(message: String) -> Error {
    Error::new(Status::InvalidConfig, message)
}

/// The number that a JSON value stands for. JSON has no NaN and no infinities: strings stand for them.
fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Number(x) => x.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

impl Config {
    /// Reads a JSON object. Empty text stands for an empty object.
    pub fn parse(json: &str) -> Result<Self> {
        if json.trim().is_empty() {
            return Ok(Self::from_map(Map::new(), String::new()));
        }
        match serde_json::from_str(json) {
            Ok(Value::Object(values)) => Ok(Self::from_map(values, String::new())),
            Ok(other) => Err(invalid(format!("configuration: expected a JSON object, got {}", kind(&other)))),
            Err(e) => Err(invalid(format!("configuration: not valid JSON: {e}"))),
        }
    }

    /// The keys of `values`, called `prefix` and the key in messages.
    pub fn of_object(values: Map<String, Value>, prefix: &str) -> Self {
        Self::from_map(values, prefix.into())
    }

    fn from_map(values: Map<String, Value>, prefix: String) -> Self {
        Config { values, prefix, known: Vec::new() }
    }

    /// How `key` is called in messages.
    pub fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.known.push(key.into());
        self.values.remove(key).filter(|value| !value.is_null())
    }

    /// The value of `key` as it is, null included.
    pub fn raw(&mut self, key: &str) -> Option<Value> {
        self.known.push(key.into());
        self.values.remove(key)
    }

    /// Gives `key` a value where it has none.
    pub fn set_default(&mut self, key: &str, value: &Value) {
        if self.values.get(key).is_none_or(Value::is_null) {
            self.values.insert(key.into(), value.clone());
        }
    }

    /// Whether `key` is there and holds a list.
    pub fn is_list(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(Value::is_array)
    }

    fn wrong(&self, key: &str, expected: &str, got: impl std::fmt::Display) -> Error {
        invalid(format!("{}: expected {expected}, got {got}", self.path(key)))
    }

    /// A number for which `is_fine` holds; `expected` says so in words.
    pub fn number(&mut self, key: &str, default: f64, expected: &str, is_fine: impl Fn(f64) -> bool) -> Result<f64> {
        let Some(value) = self.take(key) else { return Ok(default) };
        match number_of(&value) {
            Some(x) if is_fine(x) => Ok(x),
            Some(x) => Err(self.wrong(key, expected, format!("{x:?}"))),
            None => Err(self.wrong(key, expected, kind(&value))),
        }
    }

    /// [`Config::number`] without a default.
    pub fn required(&mut self, key: &str, expected: &str, is_fine: impl Fn(f64) -> bool) -> Result<f64> {
        if self.values.get(key).is_none_or(Value::is_null) {
            return Err(invalid(format!("{}: required, but not given", self.path(key))));
        }
        self.number(key, 0.0, expected, is_fine)
    }

    /// A whole number from `least` to `most`.
    pub fn integer(&mut self, key: &str, least: u64, most: u64) -> Result<Option<u64>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let whole = value.as_u64().or_else(|| {
            // Beyond 2^53 a float is no exact count.
            value.as_f64().filter(|x| x.fract() == 0.0 && (0.0..9.0e15).contains(x)).map(|x| x as u64)
        });
        match whole {
            Some(n) if (least..=most).contains(&n) => Ok(Some(n)),
            _ => Err(self.wrong(key, &format!("a whole number from {least} to {most}"), &value)),
        }
    }

    /// A boolean.
    pub fn boolean(&mut self, key: &str, default: bool) -> Result<bool> {
        match self.take(key) {
            None => Ok(default),
            Some(Value::Bool(b)) => Ok(b),
            Some(other) => Err(self.wrong(key, "true or false", kind(&other))),
        }
    }

    /// One of `choices`, as its position; the first is the default.
    pub fn choice(&mut self, key: &str, choices: &[&str]) -> Result<usize> {
        let Some(value) = self.take(key) else { return Ok(0) };
        let expected = format!("one of {}", choices.join(", "));
        let Some(text) = value.as_str() else { return Err(self.wrong(key, &expected, kind(&value))) };
        choices.iter().position(|choice| *choice == text).ok_or_else(|| {
            let hint = did_you_mean(text, choices.iter().copied());
            invalid(format!("{}: expected {expected}, got {text:?}{hint}", self.path(key)))
        })
    }

    /// A list of numbers, exactly `length` of them, for each of which `is_fine` holds.
    pub fn numbers(
        &mut self,
        key: &str,
        length: usize,
        expected: &str,
        is_fine: impl Fn(f64) -> bool,
    ) -> Result<Vec<f64>> {
        let Some(value) = self.take(key) else {
            return Err(invalid(format!("{}: required, but not given", self.path(key))));
        };
        let Value::Array(items) = &value else {
            return Err(self.wrong(key, &format!("a list of {length} numbers"), kind(&value)));
        };
        if items.len() != length {
            return Err(self.wrong(key, &format!("{length} numbers"), items.len()));
        }
        let item = |(k, value): (usize, &Value)| match number_of(value) {
            Some(x) if is_fine(x) => Ok(x),
            Some(x) => Err(invalid(format!("{}[{k}]: expected {expected}, got {x:?}", self.path(key)))),
            None => Err(invalid(format!("{}[{k}]: expected {expected}, got {}", self.path(key), kind(value)))),
        };
        items.iter().enumerate().map(item).collect()
    }

    /// A list of any values, or None if absent.
    pub fn list(&mut self, key: &str) -> Result<Option<Vec<Value>>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(other) => Err(self.wrong(key, "a list", kind(&other))),
        }
    }

    /// An object within this one, or None if absent.
    pub fn object(&mut self, key: &str) -> Result<Option<Config>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Object(values)) => Ok(Some(Self::from_map(values, format!("{}.", self.path(key))))),
            Some(other) => Err(self.wrong(key, "an object", kind(&other))),
        }
    }

    /// An error if a key is left that nobody asked for.
    pub fn finish(self) -> Result<()> {
        match self.values.keys().next() {
            None => Ok(()),
            Some(key) => Err(self.unknown(key)),
        }
    }

    /// Ignores keys that nobody asked for, unless they look like a slip of the pen.
    pub fn finish_leniently(self) -> Result<()> {
        let is_slip = |key: &&String| {
            let mut known = self.known.iter().filter(|known| known.len() > 3 && known.len().abs_diff(key.len()) <= 8);
            known.any(|known| strsim::damerau_levenshtein(key, known) <= 2)
        };
        match self.values.keys().find(is_slip) {
            None => Ok(()),
            Some(key) => Err(self.unknown(key)),
        }
    }

    fn unknown(&self, key: &str) -> Error {
        let known: Vec<String> = self.known.iter().map(|known| self.path(known)).collect();
        let hint = did_you_mean(&self.path(key), known.iter().map(String::as_str));
        Error::new(Status::UnknownKey, format!("{}: no such configuration key{hint}", self.path(key)))
    }
}

/// A JSON value in the words of a message.
pub fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(b) => b.to_string(),
        Value::Number(x) => x.to_string(),
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".into(),
    }
}

/// Reads two or more numbers of a list item, e.g. an action; None if it is something else.
pub fn numbers_of(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(number_of).collect()
}
