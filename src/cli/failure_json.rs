//! Failures as documents linn.error/1, one line on stderr, where `--format json` is asked for.

use std::ffi::OsString;

use linn::{Class, Error, Finding, NodeName};
use serde_json::{Value, json};

use super::{Failure, say_plain};

/// What `linn --help` says of them.
pub(super) const HELP: &str = "\
With --format json, a failure is one line on stderr, the last one: a document linn.error/1 with keys
  linn        the version
  class       usage, invalid, unsupported, input, run, limit, io
  exit_code   that of the program, of these classes: 2, 3, 4, 5, 6, 7, 8
  message     what stands behind `error:` otherwise
and, as far as they are known,
  file        the file that is at fault, or whose model is
  node        index, name, output, calls (the functions and nodes that it is in)
  operator, domain, opset, field
              of the node; the attribute, input or output that is at fault
  inputs      types and shapes that the node was given
  findings    all nodes that are not supported: node, operator, opset, reason
  input       the input of the model that was given what it does not take
  want, got   its type and shape, and those that it was given
  help        what to do about it
Lines before it are notes and warnings. docs/json.md lists the keys of all documents.";

/// Whether the arguments ask for JSON, before they are parsed: what is wrong with them may be all that there is to say.
pub(super) fn is_wanted(arguments: impl Iterator<Item = OsString>) -> bool {
    let mut last = OsString::new();
    arguments
        .take_while(|argument| argument != "--")
        .any(|argument| {
            let is_wanted =
                argument == "--format=json" || (last == "--format" && argument == "json");
            last = argument;
            is_wanted
        })
}

/// Says a failure on stderr.
pub(super) fn say(failure: &Failure) {
    say_plain(&format!("{}\n", document(failure)));
}

/// The document of a failure.
fn document(failure: &Failure) -> Value {
    let mut document = json!({
        "schema": "linn.error/1",
        "linn": env!("CARGO_PKG_VERSION"),
        "class": class(failure),
        "exit_code": failure.exit_code(),
        "message": failure.to_string(),
    });
    add_details(failure, &mut document);
    if let Some(help) = failure.shown_help() {
        document["help"] = json!(help);
    }
    document
}

fn class(failure: &Failure) -> &'static str {
    match failure {
        Failure::Usage(_) => "usage",
        Failure::Unsupported(_) => "unsupported",
        Failure::Input(_) | Failure::Broken { .. } | Failure::Misfit(_) => "input",
        Failure::Io { .. } | Failure::BrokenPipe => "io",
        Failure::Helped { failure, .. } => class(failure),
        Failure::Linn { error, .. } => match error.class() {
            Class::Invalid => "invalid",
            Class::Unsupported => "unsupported",
            Class::Input => "input",
            Class::Run => "run",
            Class::Limit => "limit",
            Class::Io => "io",
            _ => "other",
        },
    }
}

fn add_details(failure: &Failure, document: &mut Value) {
    match failure {
        Failure::Helped { failure, .. } => add_details(failure, document),
        Failure::Broken { file, .. } | Failure::Io { file, .. } => document["file"] = json!(file),
        Failure::Misfit(misfit) => {
            if let Some(file) = &misfit.file {
                document["file"] = json!(file);
            }
            document["input"] = json!(misfit.input);
            document["want"] = json!(misfit.want);
            document["got"] = json!(misfit.got);
        }
        Failure::Linn { file, error } => {
            if let Some(file) = file {
                document["file"] = json!(file);
            }
            add_error(error, document);
        }
        Failure::Usage(_) | Failure::Unsupported(_) | Failure::Input(_) | Failure::BrokenPipe => {}
    }
}

fn add_error(error: &Error, document: &mut Value) {
    match error {
        Error::Io { path, .. } => document["file"] = json!(path.to_string_lossy()),
        Error::Node {
            node,
            source,
            inputs,
            ..
        } => {
            add_node(node, document);
            if !source.field.is_empty() {
                document["field"] = json!(field(&source.field));
            }
            // One input, or several.
            let shown = inputs.strip_prefix("; inputs ");
            if let Some(inputs) = shown.or(inputs.strip_prefix("; input ")) {
                document["inputs"] = json!(inputs);
            }
        }
        Error::Unsupported(findings) => {
            if let [finding] = findings.as_slice()
                && let Some(node) = &finding.node
            {
                add_node(node, document);
            }
            document["findings"] = findings.iter().map(finding).collect();
        }
        _ => {}
    }
}

/// An attribute that an operator lacks is quoted where others are named.
fn field(field: &str) -> &str {
    let quoted = field.strip_prefix("attribute '");
    quoted
        .and_then(|rest| rest.strip_suffix('\''))
        .unwrap_or(field)
}

fn finding(finding: &Finding) -> Value {
    let mut value = json!({});
    if let Some(node) = &finding.node {
        add_node(node, &mut value);
    }
    value["reason"] = json!(finding.reason);
    value
}

fn add_node(node: &NodeName, document: &mut Value) {
    document["node"] = json!({
        "index": node.index,
        "name": node.name,
        "output": node.output,
        "calls": node.calls.to_vec(),
    });
    document["operator"] = json!(node.operator);
    if let Some((domain, _)) = node.operator.rsplit_once('.') {
        document["domain"] = json!(domain);
    }
    document["opset"] = json!(node.opset);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_say_whether_json_is_wanted() {
        let is_wanted = |text: &str| is_wanted(text.split(' ').map(OsString::from));
        assert!(is_wanted("run x --format json"));
        assert!(is_wanted("run --format=json x"));
        assert!(!is_wanted("run x --format text json"));
        assert!(!is_wanted("run json --format"));
        assert!(!is_wanted("run -- --format json"));
    }
}
