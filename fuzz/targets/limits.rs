//! What every target holds linn to: limits, and messages that can be shown.

use std::collections::BTreeMap;
use std::time::Duration;

use linn::{Error, Model, Options, Stop};

/// What a model may take, in bytes.
pub(crate) const MEMORY: usize = 64 << 20;

/// How far an input has come. Replaying the corpora counts them, so that no target is about refusals alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reached {
    /// It was refused at once.
    Refused,
    /// The model was loaded, but not run to its end.
    Loaded,
    /// Results were made, and compared with what they must be.
    Compared,
}

pub(crate) fn options() -> Options {
    let mut options = Options::default();
    options.memory_limit = MEMORY;
    options.round_limit = 1000;
    options.external_data = BTreeMap::new();
    options
}

/// Does `work`, which is stopped after a second.
pub(crate) fn within_a_second<R>(work: impl FnOnce() -> R) -> R {
    Stop::after(Duration::from_secs(1)).install(work)
}

/// Checks that a text is one line that can be shown on a terminal.
pub(crate) fn check_text(text: &str) {
    assert!(!text.is_empty(), "an empty message");
    assert!(text.len() <= 16 << 10, "{} bytes: {text:?}", text.len());
    assert!(!text.contains(char::is_control), "{text:?}");
}

pub(crate) fn check_error(error: &Error) {
    check_text(&error.to_string());
    if let Some(help) = error.help() {
        check_text(help);
    }
}

/// Checks what the model has taken so far, and that all that it says of itself can be shown.
pub(crate) fn check_model(model: &Model) {
    assert!(
        model.peak_bytes() <= MEMORY,
        "{} bytes were taken",
        model.peak_bytes()
    );
    for info in model.inputs().iter().chain(model.outputs()) {
        check_text(&info.to_string());
    }
    for warning in model.warnings() {
        check_text(&warning.to_string());
    }
}
