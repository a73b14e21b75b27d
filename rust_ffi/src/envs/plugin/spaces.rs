//! The spaces of a specification from outside.

use crate::engine::columns::Dtype;
use crate::engine::config::kind;
use crate::engine::spec::Space;
use serde::Deserialize;
use serde_json::Value;

/// Most elements of a space or an array of one environment.
pub(super) const MOST_ELEMENTS: usize = 1 << 22;

/// A result with a sentence about what is wrong, without the name of the plug-in.
pub(super) type Sentence<T> = std::result::Result<T, String>;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum ToldSpace {
    Box {
        shape: Vec<usize>,
        #[serde(default = "single")]
        dtype: Dtype,
        low: Option<Value>,
        high: Option<Value>,
        names: Option<Vec<String>>,
    },
    Discrete {
        n: usize,
    },
    MultiDiscrete {
        nvec: Vec<usize>,
        names: Option<Vec<String>>,
    },
}

fn single() -> Dtype {
    Dtype::Float32
}

/// Elements of an array of this shape.
pub(super) fn elements(shape: &[usize]) -> Sentence<usize> {
    let count = shape.iter().try_fold(1usize, |product, axis| product.checked_mul(*axis));
    count
        .filter(|count| (1..=MOST_ELEMENTS).contains(count))
        .ok_or_else(|| format!("shape {shape:?}: expected 1 to {MOST_ELEMENTS} elements"))
}

/// Reads a space, and gives names and bounds to all of its elements.
pub(super) fn space(told: Value) -> Sentence<Space> {
    let names_of = |names: Option<Vec<String>>, count: usize| {
        let names = names.unwrap_or_else(|| (0..count).map(|k| k.to_string()).collect());
        if names.len() == count {
            return Ok(names);
        }
        Err(format!("names: expected {count}, got {}", names.len()))
    };
    let choices = |n: usize| {
        if (1..=i32::MAX as usize).contains(&n) {
            return Ok(n);
        }
        Err(format!("expected 1 to {} choices, got {n}", i32::MAX))
    };
    match ToldSpace::deserialize(told).map_err(|e| e.to_string())? {
        ToldSpace::Box { shape, dtype, low, high, names } => {
            let count = elements(&shape)?;
            let (low, high) = (bounds("low", low, count)?, bounds("high", high, count)?);
            if let Some(k) = (0..count).find(|k| low[*k].zip(high[*k]).is_some_and(|(low, high)| low > high)) {
                return Err(format!("low[{k}]: expected at most high[{k}]"));
            }
            Ok(Space::Box { shape, dtype, low, high, names: names_of(names, count)? })
        }
        ToldSpace::Discrete { n } => Ok(Space::Discrete { n: choices(n)?, dtype: Dtype::Int64 }),
        ToldSpace::MultiDiscrete { nvec, names } => {
            elements(&[nvec.len()])?;
            let nvec = nvec.into_iter().map(choices).collect::<Sentence<Vec<_>>>()?;
            let names = names_of(names, nvec.len())?;
            Ok(Space::MultiDiscrete { nvec, dtype: Dtype::Int64, names })
        }
    }
}

/// Bounds of all elements: one for all, or one each, null for none.
fn bounds(what: &str, told: Option<Value>, count: usize) -> Sentence<Vec<Option<f64>>> {
    let one = |value: &Value| match value {
        Value::Null => Ok(None),
        other => other.as_f64().map(Some).ok_or_else(|| format!("{what}: expected a number, got {}", kind(other))),
    };
    match told {
        None | Some(Value::Null) => Ok(vec![None; count]),
        Some(Value::Array(list)) if list.len() == count => list.iter().map(one).collect(),
        Some(Value::Array(list)) => Err(format!("{what}: expected {count} numbers, got {}", list.len())),
        Some(number) => Ok(vec![one(&number)?; count]),
    }
}
