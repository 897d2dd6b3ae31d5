//! `linn env`: what linn runs on, and what changes that: for reports of errors and of times.

use std::env::var;

use linn::Simd;
use linn::text::Plain;
use serde_json::{Value, json};

use super::bench::machine;
use super::bench::report::size;
use super::columns::{self, Column, table};
use super::engine::{available_memory, usual_memory_limit};
use super::run::Format;
use super::{Failure, Verdict, print, threads};

/// Show what linn runs on: version, processor, threads, memory, and the variables that change them
///
/// docs/json.md lists the keys of the document linn.env/1.
#[derive(clap::Args)]
pub(super) struct Args {
    /// What is printed: text, or a document linn.env/1
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

const THREADS: &str = "RAYON_NUM_THREADS";

/// The environment variables that change what linn does, and what they change.
const VARIABLES: [(&str, &str); 10] = [
    (THREADS, "how many threads work"),
    (
        "COLUMNS",
        "the width of tables and help, in files and pipes too",
    ),
    ("NO_COLOR", "no colours"),
    ("CLICOLOR", "the same, if it is 0"),
    ("CLICOLOR_FORCE", "colours in files and pipes too"),
    ("TERM", "no colours and no bar of progress, if it is dumb"),
    ("CI", "no bar of progress"),
    ("LC_ALL", "drawings in ASCII, if it is set and no UTF-8"),
    ("LC_CTYPE", "the same, where LC_ALL is not set"),
    ("LANG", "the same, where neither is set"),
];

/// The features of this build, in the order of the alphabet.
fn features() -> Vec<&'static str> {
    let features = [
        ("cli", true),
        ("definition", cfg!(feature = "definition")),
        ("fallback", cfg!(feature = "fallback")),
        ("image", cfg!(feature = "image")),
    ];
    let on = features.into_iter().filter(|(_, on)| *on);
    on.map(|(name, _)| name).collect()
}

/// Why there are as many threads as there are, given what is in the variable.
fn reason(variable: Option<&str>) -> String {
    match variable.map(|text| (text, text.parse::<usize>())) {
        Some((_, Ok(1..))) => format!("as {THREADS} says"),
        Some((text, Err(_))) => format!(
            "one for each processor that the process may use; {THREADS} is '{}', which is no number",
            Plain(text)
        ),
        None | Some((_, Ok(0))) => "one for each processor that the process may use".to_string(),
    }
}

/// All that is shown.
struct Environment {
    cpu: Option<String>,
    threads: usize,
    threads_reason: String,
    available: Option<usize>,
    limit: usize,
    variables: Vec<(&'static str, Option<String>, &'static str)>,
}

impl Args {
    pub(super) fn run(self) -> Result<Verdict, Failure> {
        let variables = VARIABLES.map(|(name, effect)| (name, var(name).ok(), effect));
        let environment = Environment {
            cpu: machine::cpu(),
            threads: threads::pool(0)?.current_num_threads(),
            threads_reason: reason(var(THREADS).ok().as_deref()),
            available: available_memory(),
            limit: usual_memory_limit(),
            variables: variables.to_vec(),
        };
        print(match self.format {
            Format::Text => environment.text(columns::width()),
            Format::Json => format!("{}\n", environment.document()),
        })?;
        Ok(Verdict::Passed)
    }
}

impl Environment {
    fn text(&self, width: Option<usize>) -> String {
        let levels: Vec<&str> = Simd::available().into_iter().map(Simd::name).collect();
        let available = match self.available {
            Some(bytes) => format!("{} available", size(bytes as u64)),
            None => "not known how much is available".to_string(),
        };
        let row = |what: &str, text: String| vec![what.to_string(), text];
        let target = format!("{} {}", std::env::consts::ARCH, std::env::consts::OS);
        let cpu = match &self.cpu {
            Some(cpu) => format!("{} ({target})", Plain(cpu)),
            None => target,
        };
        let rows = [
            row("linn", env!("CARGO_PKG_VERSION").to_string()),
            row("features", features().join(" ")),
            row("processor", cpu),
            row("simd", format!("{}, of {}", Simd::best(), levels.join(" "))),
            row(
                "threads",
                format!("{}: {}", self.threads, self.threads_reason),
            ),
            row(
                "memory",
                format!("{available}, tensors may take {}", size(self.limit as u64)),
            ),
        ];
        let variables = self.variables.iter().map(|(name, value, effect)| {
            let value = value.as_ref().map(|value| Plain(value).to_string());
            vec![
                name.to_string(),
                value.unwrap_or_else(|| "-".to_string()),
                effect.to_string(),
            ]
        });
        let head = ["variable", "value", "what it changes"].map(str::to_string);
        let variables: Vec<Vec<String>> = [head.to_vec()].into_iter().chain(variables).collect();
        let mut text = table(&[Column::Left, Column::Left], &rows, None);
        text += "\n";
        text += &table(
            &[Column::Left, Column::Name, Column::Left],
            &variables,
            width,
        );
        text
    }

    fn document(&self) -> Value {
        let levels: Vec<&str> = Simd::available().into_iter().map(Simd::name).collect();
        let variable = |(name, value, effect): &(&str, Option<String>, &str)| json!({"name": name, "value": value, "effect": effect});
        json!({
            "schema": "linn.env/1",
            "linn": env!("CARGO_PKG_VERSION"),
            "features": features(),
            "arch": std::env::consts::ARCH,
            "os": std::env::consts::OS,
            "cpu": self.cpu,
            "simd": {"best": Simd::best().name(), "available": levels},
            "threads": {"count": self.threads, "reason": self.threads_reason},
            "memory": {"available_bytes": self.available, "limit_bytes": self.limit},
            "variables": self.variables.iter().map(variable).collect::<Vec<_>>(),
        })
    }
}
