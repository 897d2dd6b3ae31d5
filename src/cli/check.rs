//! `linn check`: what keeps models from running, all of it at once.

use std::path::{Path, PathBuf};

use linn::text::Plain;
use linn::{Class, Error, Finding, Model, Options, Remedy, Severity};
use serde_json::{Value, json};

use super::engine::Loading;
use super::model_file::{file_of, is_stdin, missing_in};
use super::node_name::node_json;
use super::run::Format;
use super::source::Loader;
use super::{Failure, Verdict, exit_code, option_for, print};

/// Check whether models run, and list all that keeps them from it
///
/// Lists for each model every node that is not supported or not valid, and what looks wrong. Nothing is run, so an error
/// that depends on values or on shapes that the file leaves open is not found.
///
/// The exit code is the first of these that holds for any model: 8 its file cannot be read, 7 a limit, 3 it is
/// invalid, 4 something in it is not supported; else 0.
#[derive(clap::Args)]
pub(super) struct Args {
    /// An .onnx file, a folder with a model.onnx, or - for stdin
    #[arg(required = true, value_name = "MODEL")]
    models: Vec<PathBuf>,

    #[command(flatten)]
    loading: Loading,

    /// What is printed: text, or a document linn.check/1
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The exit codes from the worst on.
const WORST_FIRST: [u8; 4] = [8, 7, 3, 4];

impl Args {
    pub(super) fn run(self) -> Result<Verdict, Failure> {
        if self.models.iter().filter(|model| is_stdin(model)).count() > 1 {
            return Err(Failure::Usage("stdin can be read only once".to_string()));
        }
        let options = self.loading.options();
        let checked: Vec<Checked> = self
            .models
            .iter()
            .map(|model| check(model, &options))
            .collect::<Result<_, _>>()?;
        print(match self.format {
            Format::Text => checked.iter().map(Checked::text).collect(),
            Format::Json => format!("{}\n", document(&checked)),
        })?;
        let codes: Vec<u8> = checked.iter().filter_map(Checked::code).collect();
        let rank = |code: &u8| WORST_FIRST.iter().position(|worst| worst == code);
        Ok(
            match codes.into_iter().min_by_key(|code| rank(code).unwrap_or(0)) {
                Some(code) => Verdict::Code(code),
                None => Verdict::Passed,
            },
        )
    }
}

/// A model and what was found in it.
struct Checked {
    model: String,
    findings: Vec<Finding>,
    /// What kept the rest of it from being looked at.
    error: Option<Error>,
}

fn check(model: &Path, options: &Options) -> Result<Checked, Failure> {
    let found = match is_stdin(model) {
        true => Model::check_bytes(Loader::new(0, options.memory_limit).read(None)?),
        false => Model::check_with(file_of(model), options),
    };
    let (findings, error) = match found {
        Ok(findings) => (findings, None),
        Err(Error::Unsupported(findings)) => (findings, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    Ok(Checked {
        model: model.to_string_lossy().into_owned(),
        findings,
        error,
    })
}

impl Checked {
    /// How many findings are as bad as this.
    fn count(&self, severity: Severity) -> usize {
        let findings = self.findings.iter();
        findings
            .filter(|finding| finding.severity == severity)
            .count()
    }

    /// What the findings come to, unless the model is fine.
    fn worst(&self) -> Option<Class> {
        if let Some(error) = &self.error {
            return Some(error.class());
        }
        match [Severity::Invalid, Severity::Unsupported].map(|severity| self.count(severity)) {
            [0, 0] => None,
            [0, _] => Some(Class::Unsupported),
            _ => Some(Class::Invalid),
        }
    }

    /// The exit code, unless the model is fine.
    fn code(&self) -> Option<u8> {
        self.worst().map(exit_code)
    }

    fn status(&self) -> &'static str {
        match self.worst() {
            Some(Class::Io) => "unreadable",
            Some(Class::Limit) => "limit",
            Some(Class::Unsupported) => "unsupported",
            Some(_) => "invalid",
            None => "ok",
        }
    }

    /// What can help with what kept the rest of the model from being looked at.
    fn help(&self) -> Option<String> {
        let error = self.error.as_ref()?;
        let helps = |remedy: &Remedy| {
            matches!(
                remedy,
                Remedy::ExternalDataRoot | Remedy::MemoryLimit | Remedy::TimeLimit
            )
        };
        if let Some(option) = error.remedy().filter(helps).and_then(option_for) {
            return Some(option.to_string());
        }
        missing_in(Path::new(&self.model))
    }

    fn text(&self) -> String {
        let model = Plain(&self.model);
        let mut text = match &self.error {
            // The model is its file, which need not be named twice.
            Some(Error::Io { source, path }) if *path == Path::new(&self.model) => {
                format!("{model}: {}: {source}\n", self.status())
            }
            Some(error) => format!("{model}: {}: {error}\n", self.status()),
            None => format!("{model}: {}\n", self.counts()),
        };
        for (index, finding) in self.findings.iter().enumerate() {
            text += &match finding.severity {
                Severity::Warning => format!("  warning: {finding}\n"),
                _ => format!("  {finding}\n"),
            };
            // Said once of those that have it in common.
            let next = self.findings.get(index + 1).and_then(hint);
            if let Some(hint) = hint(finding).filter(|hint| next != Some(hint)) {
                text += &format!("    help: {hint}\n");
            }
        }
        if let Some(help) = self.help() {
            text += &format!("  help: {help}\n");
        }
        text
    }

    /// `invalid: 1 node is wrong, 2 items are not supported`
    fn counts(&self) -> String {
        let items = |count: usize, one: &str, more: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {more}")),
        };
        let wrong = items(
            self.count(Severity::Invalid),
            "node is wrong",
            "nodes are wrong",
        );
        let lacking = items(
            self.count(Severity::Unsupported),
            "item is not supported",
            "items are not supported",
        );
        match (wrong, lacking) {
            (None, None) => "ok".to_string(),
            (None, Some(lacking)) => lacking,
            (Some(wrong), None) => format!("invalid: {wrong}"),
            (Some(wrong), Some(lacking)) => format!("invalid: {wrong}, {lacking}"),
        }
    }

    fn json(&self) -> Value {
        json!({
            "model": self.model,
            "status": self.status(),
            "error": self.error.as_ref().map(Error::to_string),
            "help": self.help(),
            "findings": self.findings.iter().map(finding_json).collect::<Vec<_>>(),
        })
    }
}

/// What to do about a finding.
pub(super) fn hint(finding: &Finding) -> Option<&'static str> {
    let node = finding.node.as_ref()?;
    let is_operator = finding.reason.starts_with("the operator");
    match (finding.severity, is_operator, node.operator.contains('.')) {
        (Severity::Unsupported, true, true) => {
            Some("an operator of another domain can be given in Rust, see linn::custom")
        }
        (Severity::Unsupported, true, false) => Some(
            "export the model with operators that `linn ops` lists, or give this one in Rust, see linn::custom",
        ),
        _ => None,
    }
}

fn finding_json(finding: &Finding) -> Value {
    let severity = match finding.severity {
        Severity::Warning => "warning",
        Severity::Unsupported => "unsupported",
        _ => "invalid",
    };
    let node = finding.node.as_ref().map(node_json);
    json!({ "severity": severity, "node": node, "reason": finding.reason, "help": hint(finding) })
}

fn document(checked: &[Checked]) -> Value {
    json!({
        "schema": "linn.check/1",
        "linn": env!("CARGO_PKG_VERSION"),
        "models": checked.iter().map(Checked::json).collect::<Vec<_>>(),
    })
}
