//! A run as a file of Chrome trace events, which Perfetto and chrome://tracing show.

use std::path::{Path, PathBuf};
use std::time::Duration;

use linn::Profile;
use serde_json::{Value, json};

use super::shapes;
use crate::cli::Failure;
use crate::cli::inspect::node_text;
use crate::cli::whole_file::WholeFile;

/// A file of this kind is known by its ending.
pub(in crate::cli) fn parse_file(text: &str) -> Result<PathBuf, String> {
    match text.to_ascii_lowercase().ends_with(".json") {
        true => Ok(PathBuf::from(text)),
        false => Err("must be a file .json".to_string()),
    }
}

/// The file of the events of a run of `model`, complete but not yet in its place.
pub(in crate::cli) fn whole(
    file: &Path,
    model: &str,
    profile: &Profile,
) -> Result<WholeFile, Failure> {
    let document = document(model, profile);
    WholeFile::new(file, |to| writeln!(to, "{document}"))
}

/// One complete event for the run and one for each node in it; times are microseconds.
fn document(model: &str, profile: &Profile) -> Value {
    let event = |name: &str, category: &str, start: Duration, duration: Duration, args: Value| {
        json!({
            "name": name,
            "cat": category,
            "ph": "X",
            "ts": start.as_secs_f64() * 1e6,
            "dur": duration.as_secs_f64() * 1e6,
            "pid": 1,
            "tid": 1,
            "args": args,
        })
    };
    let mut events = vec![
        json!({"name": "process_name", "ph": "M", "pid": 1, "tid": 1, "args": {"name": format!("linn {model}")}}),
        event(
            "run",
            "run",
            Duration::ZERO,
            profile.duration,
            json!({"model": model}),
        ),
    ];
    events.extend(profile.nodes.iter().map(|time| {
        let node = &time.node;
        let args = json!({
            "operator": node.name.operator,
            "opset": node.name.opset,
            "index": node.name.index,
            "inputs": shapes(&node.inputs),
            "outputs": shapes(&node.outputs),
            "bytes": node.bytes,
            "macs": node.macs,
        });
        let name = format!("{} {}", node.name.operator, node_text(node));
        event(&name, &node.name.operator, time.start, time.duration, args)
    }));
    // Perfetto wants the events first, and stops reading at a key that it does not know.
    json!({
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {"schema": "linn.trace/1", "linn": env!("CARGO_PKG_VERSION")},
    })
}
