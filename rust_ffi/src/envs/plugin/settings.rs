//! The settings that an environment from outside declares, configuration keys and options of a reset alike, and their
//! values as numbers: so that its author need not read JSON.

use super::invalid;
use crate::engine::config::{kind, Config};
use crate::engine::error::{Error, Result, Status};
use crate::engine::spec::Parameter;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Names that the engine itself takes for every plug-in.
pub const RESERVED: [&str; 3] = ["max_episode_steps", "checked", "reset_mask"];

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Float,
    Int,
    Bool,
    Str,
    Json,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Float => "float",
            Kind::Int => "int",
            Kind::Bool => "bool",
            Kind::Str => "str",
            Kind::Json => "json",
        }
    }
}

/// A setting as JSON tells it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    name: String,
    #[serde(rename = "type")]
    kind: Kind,
    default: Value,
    low: Option<f64>,
    high: Option<f64>,
    #[serde(default)]
    choices: Vec<String>,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    description: String,
}

struct Setting {
    name: String,
    kind: Kind,
    default: Value,
    low: f64,
    high: f64,
    choices: Vec<String>,
    unit: String,
    description: String,
}

/// Declared settings, in order.
pub struct Settings(Vec<Setting>);

/// Settings in force.
pub struct Resolved {
    /// One number each: false and true as 0 and 1, a choice as its place, texts and JSON as NaN.
    pub numbers: Vec<f64>,
    /// By name.
    pub values: Map<String, Value>,
}

impl Settings {
    /// Reads the list that a specification has under `key`.
    pub fn read(id: &str, key: &str, list: Option<&Value>) -> Result<Self> {
        let wrong = |message: String| invalid(format!("{id}: specification: {key}: {message}"));
        let items = match list {
            None | Some(Value::Null) => &[][..],
            Some(Value::Array(items)) => items,
            Some(other) => return Err(wrong(format!("expected a list, got {}", kind(other)))),
        };
        let mut settings: Vec<Setting> = Vec::new();
        for (k, item) in items.iter().enumerate() {
            let told = Told::deserialize(item).map_err(|e| wrong(format!("item {k}: {e}")))?;
            let taken = RESERVED.contains(&told.name.as_str()) || settings.iter().any(|s| s.name == told.name);
            if taken || told.name.is_empty() {
                return Err(wrong(format!("item {k}: the name {:?} is taken", told.name)));
            }
            let (low, high) = (told.low.unwrap_or(f64::NEG_INFINITY), told.high.unwrap_or(f64::INFINITY));
            settings.push(Setting {
                name: told.name,
                kind: told.kind,
                default: told.default,
                low,
                high,
                choices: told.choices,
                unit: told.unit,
                description: told.description,
            });
        }
        let settings = Settings(settings);
        // Defaults obey their own rules.
        let mut empty = Config::of_object(Map::new(), "default of ");
        settings.resolve(&mut empty).map_err(|e| wrong(e.message))?;
        Ok(settings)
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the settings from a configuration.
    pub fn resolve(&self, config: &mut Config) -> Result<Resolved> {
        let mut resolved = Resolved { numbers: Vec::with_capacity(self.0.len()), values: Map::new() };
        for setting in &self.0 {
            config.set_default(&setting.name, &setting.default);
            let (number, value) = setting.resolve(config)?;
            resolved.numbers.push(number);
            resolved.values.insert(setting.name.clone(), value);
        }
        Ok(resolved)
    }

    /// As a specification lists them.
    pub fn parameters(&self) -> Vec<Parameter> {
        let parameter = |setting: &Setting| Parameter {
            name: setting.name.clone(),
            kind: setting.kind.name().into(),
            default: setting.default.clone(),
            unit: setting.unit.clone(),
            description: setting.description.clone(),
        };
        self.0.iter().map(parameter).collect()
    }
}

impl Setting {
    fn resolve(&self, config: &mut Config) -> Result<(f64, Value)> {
        match self.kind {
            Kind::Float | Kind::Int => {
                let whole = self.kind == Kind::Int;
                let what = if whole { "a whole number" } else { "a finite number" };
                let expected = match (self.low.is_finite(), self.high.is_finite()) {
                    (true, true) => format!("{what} from {} to {}", self.low, self.high),
                    (true, false) => format!("{what} of at least {}", self.low),
                    (false, true) => format!("{what} of at most {}", self.high),
                    (false, false) => what.to_string(),
                };
                let is_fine = |x: f64| {
                    x.is_finite() && self.low <= x && x <= self.high && (!whole || (x.fract() == 0.0 && x.abs() < 9e15))
                };
                // Absent and null are the same, and neither is left: a default that is null is refused here.
                let x = config.required(&self.name, &expected, is_fine)?;
                Ok((x, if whole { Value::from(x as i64) } else { Value::from(x) }))
            }
            Kind::Bool => {
                let yes = config.boolean(&self.name, false)?;
                Ok((f64::from(u8::from(yes)), Value::Bool(yes)))
            }
            Kind::Str if !self.choices.is_empty() => {
                let choices: Vec<&str> = self.choices.iter().map(String::as_str).collect();
                let place = config.choice(&self.name, &choices)?;
                Ok((place as f64, Value::from(choices.get(place).copied().unwrap_or_default())))
            }
            Kind::Str => match config.raw(&self.name) {
                Some(Value::String(text)) => Ok((f64::NAN, Value::String(text))),
                other => {
                    let got = kind(&other.unwrap_or(Value::Null));
                    let message = format!("{}: expected a text, got {got}", config.path(&self.name));
                    Err(Error::new(Status::InvalidConfig, message))
                }
            },
            Kind::Json => Ok((f64::NAN, config.raw(&self.name).unwrap_or(Value::Null))),
        }
    }
}
