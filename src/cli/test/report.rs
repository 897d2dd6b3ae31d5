//! What a run of cases found, as text, as JSON, and in files.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::styling::AnsiColor;
use serde_json::json;

use super::discover::Case;
use super::expectations::Stale;
use crate::cli::colour::Colours;
use crate::cli::difference::Tolerance;
use crate::cli::whole_file::WholeFile;
use crate::cli::words::{counted, short};
use crate::cli::{Failure, Verdict, print};
use linn::text::Plain;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Passed,
    Failed,
    Skipped,
    /// Fails, as expected.
    Xfailed,
    /// Passes, though it was expected to fail.
    Xpassed,
    /// The model is valid and needs what linn lacks.
    Unsupported,
}

impl Status {
    pub(super) const ALL: [Status; 6] = [
        Status::Passed,
        Status::Failed,
        Status::Skipped,
        Status::Xfailed,
        Status::Xpassed,
        Status::Unsupported,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Status::Passed => "passed",
            Status::Failed => "failed",
            Status::Skipped => "skipped",
            Status::Xfailed => "xfailed",
            Status::Xpassed => "xpassed",
            Status::Unsupported => "unsupported",
        }
    }

    fn colour(self) -> AnsiColor {
        match self {
            Status::Passed => AnsiColor::Green,
            Status::Skipped | Status::Xfailed => AnsiColor::Yellow,
            Status::Failed | Status::Xpassed | Status::Unsupported => AnsiColor::Red,
        }
    }

    /// Whether it makes the whole run fail.
    pub(super) fn is_bad(self) -> bool {
        matches!(self, Status::Failed | Status::Xpassed | Status::Unsupported)
    }
}

/// What became of one case.
pub(super) struct Outcome {
    pub(super) folder: PathBuf,
    pub(super) name: String,
    pub(super) suite: String,
    pub(super) status: Status,
    /// Why, on one line; empty where it passed.
    pub(super) detail: String,
    pub(super) time: Duration,
}

/// What became of all of them.
pub(super) struct Report {
    /// Cases found; the outcomes are those of the selected ones.
    pub(super) found: usize,
    pub(super) rtol: Option<f64>,
    pub(super) atol: Option<f64>,
    /// How the models were run, as the options that say so.
    pub(super) ways: Vec<String>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) stale: Vec<Stale>,
}

impl Report {
    fn count(&self, status: Status) -> usize {
        let has_it = |outcome: &&Outcome| outcome.status == status;
        self.outcomes.iter().filter(has_it).count()
    }

    pub(super) fn verdict(&self) -> Verdict {
        let is_bad = self.outcomes.iter().any(|outcome| outcome.status.is_bad());
        match is_bad || !self.stale.is_empty() {
            true => Verdict::Failed,
            false => Verdict::Passed,
        }
    }

    /// A line a case that needs attention (with `verbose`, of every case not passed), for those that failed the command
    /// that runs them alone, then the counts.
    pub(super) fn text(&self, verbose: bool, colours: Colours) -> String {
        let mut text = String::new();
        let shown = |outcome: &&Outcome| match outcome.status {
            Status::Passed => false,
            Status::Skipped | Status::Xfailed => verbose,
            _ => true,
        };
        for outcome in self.outcomes.iter().filter(shown) {
            let (status, name) = (outcome.status, Plain(&outcome.name));
            let status = colours.paint(status.colour(), status.name());
            let _ = writeln!(text, "{status} {name}: {}", outcome.detail);
            if outcome.status == Status::Failed {
                text += &self.rerun(outcome);
            }
        }
        for stale in &self.stale {
            let name = Plain(&stale.name);
            let word = colours.paint(AnsiColor::Red, "stale");
            let _ = writeln!(text, "{word} {name}: {} names no case", stale.place);
        }
        let _ = writeln!(
            text,
            "{} of {} selected, rtol {}, atol {}, exact where nothing is rounded",
            self.outcomes.len(),
            counted(self.found, "case"),
            short(self.rtol.unwrap_or(Tolerance::ONNX.rtol)),
            short(self.atol.unwrap_or(Tolerance::ONNX.atol)),
        );
        let counts = Status::ALL.map(|status| match self.count(status) {
            0 => format!("0 {}", status.name()),
            count => colours.paint(status.colour(), &format!("{count} {}", status.name())),
        });
        text + &counts.join(", ") + "\n"
    }

    /// The command that runs one case alone.
    fn rerun(&self, outcome: &Outcome) -> String {
        let here = env::current_dir().unwrap_or_default();
        let folder = outcome.folder.strip_prefix(here);
        let folder = folder.unwrap_or(&outcome.folder).to_string_lossy();
        let Some(folder) = shell_word(&folder) else {
            return String::new();
        };
        let mut line = format!("  rerun: linn test {folder}");
        for (option, value) in [("rtol", self.rtol), ("atol", self.atol)] {
            if let Some(value) = value {
                let _ = write!(line, " --{option} {}", short(value));
            }
        }
        for way in &self.ways {
            let _ = write!(line, " {way}");
        }
        line + "\n"
    }

    pub(super) fn json(&self) -> String {
        let mut document = json!({
            "schema": "linn.test/1",
            "linn": env!("CARGO_PKG_VERSION"),
        });
        for status in Status::ALL {
            document[status.name()] = self.count(status).into();
        }
        let stale = self.stale.iter().map(|stale| stale.name.as_str());
        document["stale"] = stale.collect();
        let case = |outcome: &Outcome| {
            json!({
                "name": outcome.name,
                "status": outcome.status.name(),
                "detail": outcome.detail,
            })
        };
        document["cases"] = self.outcomes.iter().map(case).collect();
        format!("{document}\n")
    }
}

/// A text as one word of a command line, in quotes where a shell needs them; `None` if it holds what a terminal would
/// not show.
fn shell_word(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./,:+@%".contains(c);
    if text.chars().any(char::is_control) {
        return None;
    }
    match !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        true => Some(text.to_string()),
        // A folder that begins with a dash would be taken for an option.
        false if text.starts_with('-') => shell_word(&format!("./{text}")),
        false => Some(format!("'{}'", text.replace('\'', "'\\''"))),
    }
}

/// The names of cases, one a line.
pub(super) fn list(cases: &[&Case]) -> String {
    let line = |case: &&Case| format!("{}\n", Plain(&case.name));
    cases.iter().map(line).collect()
}

pub(super) fn is_stdout(file: &Path) -> bool {
    file == Path::new("-")
}

/// Prints to stdout. A reader that goes early does not turn a failed run into a good one.
pub(super) fn show(text: &str) -> Result<(), Failure> {
    match print(text) {
        Err(Failure::BrokenPipe) => Ok(()),
        printed => printed,
    }
}

/// The folder in which `file` would be written, which must exist.
pub(super) fn check_folder(file: &Path) -> Result<(), Failure> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::read_dir(folder).map(drop).map_err(Failure::io(folder))
}

/// Writes the whole file or leaves it as it was; `-` is stdout.
pub(super) fn write(file: &Path, text: &str) -> Result<(), Failure> {
    if is_stdout(file) {
        return show(text);
    }
    WholeFile::new(file, |to| to.write_all(text.as_bytes()))?.appear()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_shell() {
        let word = |text: &str| shell_word(text).unwrap_or_default();
        assert_eq!(word("node/test_a.b-1"), "node/test_a.b-1");
        assert_eq!(word("it's <&> $x"), r"'it'\''s <&> $x'");
        assert_eq!(word("-o"), "./-o");
        assert_eq!(word(""), "''");
        assert_eq!(shell_word("a\u{1b}[2J"), None);
    }
}
