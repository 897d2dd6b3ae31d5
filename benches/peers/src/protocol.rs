//! What benches/peers.py asks, and what it is told.

use std::error::Error;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::timing::Round;
use crate::workload::Workload;

/// A line of stdin.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Command {
    /// Gets a workload ready.
    Load {
        workload: Box<Workload>,
        /// The ONNX model.
        model: PathBuf,
        /// The elements of its inputs, one input after another, little-endian.
        input: PathBuf,
    },
    /// Computes once and writes the outputs.
    Answer { outputs: Vec<PathBuf> },
    /// Computes again and again for about so many seconds.
    Time { seconds: f64 },
}

/// A line of stdout.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Reply {
    Version { version: &'static str },
    Done {},
    Types { types: Vec<&'static str> },
    Round(Round),
    Error { error: String },
}

impl Reply {
    /// With all causes: engines put what they lack into the innermost.
    pub fn error(error: &dyn Error) -> Reply {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Reply::Error { error: text }
    }
}
