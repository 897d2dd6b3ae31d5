//! Which cases to run again: those that did not pass in an earlier run.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use linn::text::Plain;
use serde_json::Value;

use super::report::Status;
use crate::cli::Failure;

/// The names of the cases that made an earlier run fail, of which `file` has the document linn.test/1.
///
/// # Errors
/// The file cannot be read, is no such document, or has no such case.
pub(super) fn failed(file: &Path) -> Result<HashSet<String>, Failure> {
    let shown = file.to_string_lossy();
    let bytes = fs::read(file).map_err(Failure::io(file))?;
    let broken = |reason: String| Failure::Broken {
        file: Plain(&shown).to_string(),
        reason,
    };
    let names = parse(&bytes).map_err(|reason| broken(reason.to_string()))?;
    match names.is_empty() {
        true => Err(Failure::Usage(format!(
            "no case is selected: all of {} passed",
            Plain(&shown)
        ))),
        false => Ok(names),
    }
}

fn parse(bytes: &[u8]) -> Result<HashSet<String>, String> {
    let document: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if document.get("schema").and_then(Value::as_str) != Some("linn.test/1") {
        return Err("no document linn.test/1".to_string());
    }
    let cases = document.get("cases").and_then(Value::as_array);
    let cases = cases.ok_or("cases is missing, must be a list")?.iter();
    let mut names = HashSet::new();
    for (at, case) in cases.enumerate() {
        let text = |key: &str| {
            let text = case.get(key).and_then(Value::as_str);
            text.ok_or_else(|| format!("cases[{at}].{key} is missing, must be a text"))
        };
        let (name, status) = (text("name")?, text("status")?);
        let mut known = Status::ALL.into_iter();
        let status = known
            .find(|known| known.name() == status)
            .ok_or_else(|| format!("cases[{at}].status is '{}', no status", Plain(status)))?;
        if status.is_bad() {
            names.insert(name.to_string());
        }
    }
    Ok(names)
}
