//! One case: load the model, run every data set, compare the outputs.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use linn::text::Plain;
use linn::{Class, Error, Finding, Model, Options, Remedy, Tensor, ValueInfo};
use serde_json::Value;

use crate::cli::difference::{Tolerance, difference};

/// What all cases share.
pub(super) struct Settings {
    pub(super) options: Options,
    /// Before what data.json says.
    pub(super) rtol: Option<f64>,
    pub(super) atol: Option<f64>,
}

/// Why a case does not pass.
pub(super) struct Trouble {
    pub(super) unsupported: bool,
    pub(super) detail: String,
    /// The error where the time was up.
    pub(super) late: Option<Error>,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble {
            unsupported: error.class() == Class::Unsupported,
            detail: match &error {
                Error::Unsupported(findings) if findings.len() > 1 => reasons(findings),
                _ => error.to_string(),
            },
            late: (error.remedy() == Some(Remedy::TimeLimit)).then_some(error),
        }
    }
}

/// What a model lacks, each thing once: a network can lack one operator at a thousand nodes.
fn reasons(findings: &[Finding]) -> String {
    const SHOWN: usize = 12;
    let mut seen = HashSet::new();
    let mut reasons: Vec<&str> = findings
        .iter()
        .map(|finding| finding.reason.as_str())
        .filter(|reason| seen.insert(*reason))
        .collect();
    if reasons.len() > SHOWN {
        reasons.truncate(SHOWN);
        reasons.push("...");
    }
    format!("{} findings: {}", findings.len(), reasons.join(" | "))
}

impl From<String> for Trouble {
    fn from(detail: String) -> Trouble {
        Trouble {
            unsupported: false,
            detail,
            late: None,
        }
    }
}

/// Runs the case in `folder`.
pub(super) fn run(folder: &Path, settings: &Settings) -> Result<(), Trouble> {
    let model = Model::load_with(folder.join("model.onnx"), &settings.options)?;
    let tolerance = match model.is_exact() {
        true => Tolerance::NONE,
        false => tolerance(folder, settings)?,
    };
    let sets = numbered(folder, "test_data_set_", "")?;
    if sets.is_empty() {
        return Err("no test data: there is no test_data_set_0"
            .to_string()
            .into());
    }
    for (_, set) in sets {
        run_set(&model, &set, tolerance).map_err(|trouble| Trouble {
            detail: format!("{}: {}", file_name(&set), trouble.detail),
            ..trouble
        })?;
    }
    Ok(())
}

fn run_set(model: &Model, set: &Path, tolerance: Tolerance) -> Result<(), Trouble> {
    let inputs = read_files(set, "input_", model.inputs())?;
    let wanted = read_files(set, "output_", model.outputs())?;
    if wanted.len() != model.outputs().len() {
        return Err(format!(
            "{} outputs are stored, the model has {}",
            wanted.len(),
            model.outputs().len()
        )
        .into());
    }
    let outputs = model.run(inputs.iter().map(|(info, tensor)| (&info.name, tensor)))?;
    let mut differences = Vec::new();
    for (info, want) in &wanted {
        let name = Plain(&info.name);
        match outputs.get(&info.name) {
            None => differences.push(format!("output '{name}' is missing")),
            Some(got) => differences.extend(
                difference(got, want, tolerance).map(|text| format!("output '{name}' {text}")),
            ),
        }
    }
    match differences.is_empty() {
        true => Ok(()),
        false => Err(differences.join(" | ").into()),
    }
}

/// Reads `input_N.pb` or `output_N.pb`, and finds the graph's input or output of each: by the name in
/// the file where the graph has it, else by position.
fn read_files<'a>(
    set: &Path,
    prefix: &str,
    values: &'a [ValueInfo],
) -> Result<Vec<(&'a ValueInfo, Tensor)>, Trouble> {
    let files = numbered(set, prefix, ".pb")?;
    // Old models list their initializers among the inputs, and their data leave them out.
    let required: Vec<&ValueInfo> = values.iter().filter(|info| !info.optional).collect();
    let positions = match files.len() <= required.len() {
        true => required,
        false => values.iter().collect(),
    };
    let mut read: Vec<(&ValueInfo, Tensor)> = Vec::with_capacity(files.len());
    for (number, file) in files {
        let file_name = file_name(&file);
        let bytes = fs::read(&file).map_err(|error| format!("{file_name}: {error}"))?;
        let (name, tensor) =
            linn::read_tensor(bytes).map_err(|error| format!("{file_name}: {error}"))?;
        let info = values
            .iter()
            .find(|info| info.name == name)
            .or_else(|| positions.get(number).copied())
            .ok_or_else(|| {
                format!(
                    "{file_name} has no place among the {} of the model",
                    values.len()
                )
            })?;
        if read.iter().any(|(other, _)| other.name == info.name) {
            return Err(format!("{file_name} is a second one for '{}'", Plain(&info.name)).into());
        }
        read.push((info, tensor));
    }
    Ok(read)
}

/// The entries of `folder` named by prefix, number and suffix, in the order of their numbers.
fn numbered(folder: &Path, prefix: &str, suffix: &str) -> Result<Vec<(usize, PathBuf)>, String> {
    let in_folder = |error| format!("{}: {error}", file_name(folder));
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(in_folder)? {
        let path = entry.map_err(in_folder)?.path();
        let name = file_name(&path);
        let Some(number) = name
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_suffix(suffix))
        else {
            continue;
        };
        match number.parse::<usize>() {
            Ok(number) => entries.push((number, path)),
            Err(_) => return Err(format!("{name} is not numbered")),
        }
    }
    entries.sort();
    Ok(entries)
}

/// The tolerance of the command line, else of data.json beside the model, else ONNX's.
fn tolerance(folder: &Path, settings: &Settings) -> Result<Tolerance, String> {
    let file = folder.join("data.json");
    let data = match file.try_exists() {
        Ok(false) => Value::Null,
        _ => {
            let bytes = fs::read(&file).map_err(|error| format!("data.json: {error}"))?;
            serde_json::from_slice(&bytes).map_err(|error| format!("data.json: {error}"))?
        }
    };
    let stored = |key: &str, default: f64| match data.get(key) {
        None => Ok(default),
        Some(value) => value
            .as_f64()
            .filter(|number| *number >= 0.0)
            .ok_or_else(|| {
                format!(
                    "data.json: {key} is {}, no tolerance",
                    Plain(&value.to_string())
                )
            }),
    };
    Ok(Tolerance {
        rtol: match settings.rtol {
            Some(rtol) => rtol,
            None => stored("rtol", Tolerance::ONNX.rtol)?,
        },
        atol: match settings.atol {
            Some(atol) => atol,
            None => stored("atol", Tolerance::ONNX.atol)?,
        },
    })
}

fn file_name(path: &Path) -> String {
    Plain(&path.file_name().unwrap_or_default().to_string_lossy()).to_string()
}
