//! What an environment from outside says of itself, read and checked: its specification, settings and id. How it is
//! called stands in [`crate::ffi`].

mod described;
mod settings;
mod spaces;

pub(crate) use described::MOST_COLUMNS;
pub use described::{Bounds, Description};
pub use settings::Settings;

use crate::engine::error::{Error, Result, Status};
use serde_json::{Map, Value};

/// The error for a plug-in that cannot be used.
pub fn invalid(message: impl Into<String>) -> Error {
    Error::new(Status::PluginInvalid, message)
}

/// Longest id.
const MOST_LETTERS: usize = 64;

/// An error unless `id` reads `Name-vN` or `namespace.Name-vN`, in letters that every registry takes.
pub fn check_id(id: &str) -> Result<()> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let is_right = id.rsplit_once("-v").is_some_and(|(name, version)| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.ends_with(|c: char| c.is_ascii_alphanumeric())
            && !name.contains("..")
            && name.chars().all(is_letter)
            && !version.is_empty()
            && version.chars().all(|c| c.is_ascii_digit())
    });
    if is_right && id.len() <= MOST_LETTERS {
        return Ok(());
    }
    Err(invalid(format!(
        "id: expected a name like \"Forage-v0\" or \"yours.Forage-v0\" of at most {MOST_LETTERS} letters, digits, \
         '_', '.' and '-', got {id:?}"
    )))
}

/// The specification that a plug-in gave as JSON.
pub fn parse(id: &str, json: &str) -> Result<Map<String, Value>> {
    match serde_json::from_str(json) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(invalid(format!("{id}: specification: expected a JSON object"))),
        Err(e) => Err(invalid(format!("{id}: specification: not valid JSON: {e}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_names_with_a_version() {
        for id in ["Forage-v0", "a-v12", "yours.Grid-World_2-v0", "x.y.Z-v1"] {
            assert_eq!(check_id(id), Ok(()), "{id}");
        }
        let long = format!("{}-v0", "x".repeat(62));
        let bad = ["", "Forage", "-v0", "Forage-v", "Forage-v0x", "Fo rage-v0", "a/b-v0", "9-v0", ".a-v0", "a.-v0"];
        for id in bad.into_iter().chain(["a..b-v0", "Für-v0", "a-v0\n", "a--v0", &long]) {
            assert_eq!(check_id(id).map_err(|e| e.status), Err(Status::PluginInvalid), "{id}");
        }
    }
}
