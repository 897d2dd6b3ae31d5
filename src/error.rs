//! Errors: [`Error`] at the border of the library, [`OpError`] inside an operator.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::tensor::{ShapeError, TensorError};

/// Whose turn it is when something fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// A file could not be read or written.
    Io,
    /// The model is invalid.
    Invalid,
    /// The model is valid, but linn does not support something in it.
    Unsupported,
    /// The inputs of the call do not fit the model, or an input file is broken.
    Input,
    /// The run failed on the values or shapes that it met.
    Run,
    /// A limit was reached.
    Limit,
}

/// Why loading or running a model failed.
///
/// The text is one line, lower case, without a full stop; names that come from the model are
/// escaped and cut. [`Error::class`] sorts the causes, [`Error::help`] may add what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("{}: {source}", Quoted::path(path))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The bytes are not an ONNX model (or tensor).
    #[error("not an ONNX {what}: {reason}")]
    Decode {
        /// `model` or `tensor`.
        what: &'static str,
        /// What the decoder found.
        reason: String,
    },
    /// The model contradicts itself or the ONNX specification.
    #[error("{0}")]
    Invalid(String),
    /// External data of the model lie behind a link that may not be followed.
    #[error("{0}")]
    Link(String),
    /// The model needs what linn lacks: every such node, of which the text shows the first.
    #[error("{}", findings_text(.0))]
    Unsupported(Vec<Finding>),
    /// The inputs of a call do not fit the model.
    #[error("{reason}")]
    Input {
        /// What is wanted and what came.
        reason: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// A node failed: at load where the file alone shows it, else when run.
    #[error("{node}: {source}{inputs}")]
    Node {
        /// The node.
        node: Box<NodeName>,
        /// What it said.
        source: Box<OpError>,
        /// The types and shapes that it was given, as `; inputs f32[1,3,8,8]`.
        inputs: String,
        /// Whether the model was being run.
        running: bool,
    },
    /// A limit outside any node was reached.
    #[error("{reason}")]
    Limit {
        /// Which limit, and how much was needed.
        reason: String,
        /// Whether it is [`Options::memory_limit`](crate::Options::memory_limit), which can be raised.
        memory: bool,
    },
}

impl Error {
    /// Whose turn it is.
    pub fn class(&self) -> Class {
        match self {
            Error::Io { .. } => Class::Io,
            Error::Decode { .. } | Error::Invalid(_) | Error::Link(_) => Class::Invalid,
            Error::Unsupported(_) => Class::Unsupported,
            Error::Input { .. } => Class::Input,
            Error::Limit { .. } => Class::Limit,
            Error::Node {
                source, running, ..
            } => match (source.class, running) {
                (Class::Invalid, true) => Class::Run,
                (class, _) => class,
            },
        }
    }

    /// What the caller can do, where that is known.
    pub fn help(&self) -> Option<&str> {
        match self {
            Error::Input { help, .. } => help.as_deref(),
            Error::Unsupported(findings) if findings.len() > 1 => {
                Some("Model::check lists all of them, as does `linn check`")
            }
            _ => self.remedy().map(|remedy| match remedy {
                Remedy::MemoryLimit => "raise the limit with Options::memory_limit",
                Remedy::RoundLimit => "raise the limit with Options::round_limit",
                Remedy::TimeLimit => "give Stop::after more time",
                Remedy::ExternalDataRoot => {
                    "Options::external_data_root names a folder that links may lead into"
                }
            }),
        }
    }

    /// The option that can help, if one can.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Error::Limit { memory: true, .. } => Some(Remedy::MemoryLimit),
            Error::Link(_) => Some(Remedy::ExternalDataRoot),
            Error::Node { source, .. } => source.remedy,
            _ => None,
        }
    }

    /// Whether [`Options::memory_limit`](crate::Options::memory_limit) was reached.
    pub fn is_memory_limit(&self) -> bool {
        self.remedy() == Some(Remedy::MemoryLimit)
    }

    pub(crate) fn io(path: impl Into<PathBuf>, source: io::Error) -> Error {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::OutOfMemory => {
                Error::limit(format!("{}: {source}", Quoted::path(&path)))
            }
            _ => Error::Io { path, source },
        }
    }

    /// A limit that no option raises.
    pub(crate) fn limit(reason: impl Into<String>) -> Error {
        Error::Limit {
            reason: reason.into(),
            memory: false,
        }
    }

    pub(crate) fn input(reason: impl Into<String>) -> Error {
        Error::Input {
            reason: reason.into(),
            help: None,
        }
    }
}

/// An option that can help where something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// [`Options::memory_limit`](crate::Options::memory_limit) was reached.
    MemoryLimit,
    /// [`Options::round_limit`](crate::Options::round_limit) was reached.
    RoundLimit,
    /// The deadline of a [`Stop`](crate::Stop) has passed.
    TimeLimit,
    /// [`Options::external_data_root`](crate::Options::external_data_root) is not a folder that the link leads into.
    ExternalDataRoot,
}

fn findings_text(findings: &[Finding]) -> String {
    match findings {
        [one] => one.to_string(),
        many => {
            const MOST: usize = 4;
            let mut list: Vec<String> = many.iter().take(MOST).map(Finding::to_string).collect();
            if many.len() > MOST {
                list.push(format!("and {} more", many.len() - MOST));
            }
            format!(
                "{} items are not supported: {}",
                many.len(),
                list.join(" | ")
            )
        }
    }
}

/// Something that [`Model::check`](crate::Model::check) found in a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Whether the model runs in spite of it.
    pub severity: Severity,
    /// The node, where there is one.
    pub node: Option<NodeName>,
    /// What was found.
    pub reason: String,
}

/// How much a [`Finding`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Severity {
    /// The model runs; something in it looks wrong.
    Warning,
    /// The model needs what linn lacks.
    Unsupported,
    /// The model contradicts the ONNX specification.
    Invalid,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Some(node) => write!(f, "{node}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

/// A node as messages name it: `node 3 'pool1' (MaxPool, opset 12)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeName {
    /// Its place in the list of nodes of the graph, or of the function that holds it, from 0.
    pub index: usize,
    /// Its name, often empty.
    pub name: String,
    /// Its first output that has a name.
    pub output: String,
    /// Its operator, with the domain in front unless that is `ai.onnx`.
    pub operator: String,
    /// The version of the operator's domain that the model imports, 0 if it imports none.
    pub opset: i64,
    /// The calls of model-local functions, and the nodes with graphs as attributes, that led to it, outermost
    /// first; empty in the graph itself.
    pub calls: Arc<[String]>,
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for call in &*self.calls {
            write!(f, "{} / ", Quoted(call))?;
        }
        write!(f, "node {} ", self.index)?;
        match (self.name.as_str(), self.output.as_str()) {
            ("", "") => f.write_str("(unnamed) ")?,
            ("", output) => write!(f, "writing {} ", Quoted(output))?,
            (name, _) => write!(f, "{} ", Quoted(name))?,
        }
        write!(f, "({}, opset {})", Plain(&self.operator), self.opset)
    }
}

/// Why an operator cannot be read or run. It knows its attributes and inputs, not the graph.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}{}{reason}", field, if field.is_empty() { "" } else { " " })]
pub struct OpError {
    /// Whose turn it is.
    pub class: Class,
    /// The attribute, input or output, as `strides[0]`; may be empty.
    pub field: String,
    /// What is wrong with it: the value, then the rule.
    pub reason: String,
    /// The option that can help, if one can.
    pub(crate) remedy: Option<Remedy>,
}

impl OpError {
    /// An error of this class: `field` is the attribute, input or output, and `reason` what is wrong with it.
    pub fn new(class: Class, field: impl Into<String>, reason: impl Into<String>) -> OpError {
        OpError {
            class,
            field: field.into(),
            reason: reason.into(),
            remedy: None,
        }
    }

    /// This error, which an option can help.
    pub(crate) fn with(self, remedy: Remedy) -> OpError {
        OpError {
            remedy: Some(remedy),
            ..self
        }
    }

    /// An error of a graph in the node, shown as `text`.
    pub(crate) fn within(error: &Error, text: String) -> OpError {
        OpError {
            remedy: error.remedy(),
            ..OpError::new(error.class(), "", text)
        }
    }

    /// The node breaks a rule of its operator.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> OpError {
        OpError::new(Class::Invalid, field, reason)
    }

    /// What the caller gave does not fit.
    pub(crate) fn input(field: impl Into<String>, reason: impl Into<String>) -> OpError {
        OpError::new(Class::Input, field, reason)
    }

    /// linn does not do this.
    pub(crate) fn unsupported(what: impl fmt::Display) -> OpError {
        OpError::new(
            Class::Unsupported,
            "",
            format!("{what} is not supported by linn"),
        )
    }

    /// The values met at run time break a rule.
    pub fn run(field: impl Into<String>, reason: impl Into<String>) -> OpError {
        OpError::new(Class::Run, field, reason)
    }

    /// `bytes` more are needed than the limit allows.
    pub(crate) fn memory(bytes: usize, used: usize, limit: usize) -> OpError {
        let reason = format!(
            "needs {bytes} bytes more than the {used} in use, over the memory limit of {limit} bytes"
        );
        OpError::new(Class::Limit, "", reason).with(Remedy::MemoryLimit)
    }
}

impl From<ShapeError> for OpError {
    fn from(error: ShapeError) -> OpError {
        OpError::invalid("", error.to_string())
    }
}

impl From<TensorError> for OpError {
    fn from(error: TensorError) -> OpError {
        OpError::invalid("", error.to_string())
    }
}

/// The most characters of a string from outside that a message shows.
const SHOWN: usize = 200;

/// A string from outside, in single quotes, escaped and cut.
pub struct Quoted<'a>(pub &'a str);

impl Quoted<'_> {
    pub(crate) fn path(path: &std::path::Path) -> String {
        Plain(&path.to_string_lossy()).to_string()
    }
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", Plain(self.0))
    }
}

/// A string from outside, escaped and cut.
pub struct Plain<'a>(pub &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for (count, character) in self.0.chars().enumerate() {
            if count == SHOWN {
                return f.write_str("...");
            }
            match character {
                '\'' | '"' => f.write_char(character)?,
                other => write!(f, "{}", other.escape_debug())?,
            }
        }
        Ok(())
    }
}

/// `a, b and 3 more`: a list from outside, cut.
pub fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const MOST: usize = 12;
    let len = names.len();
    let mut shown: Vec<String> = names
        .take(MOST)
        .map(|name| Quoted(name).to_string())
        .collect();
    if len > MOST {
        shown.push(format!("{} more", len - MOST));
    }
    match shown.as_slice() {
        [] => "none".to_string(),
        _ => shown.join(", "),
    }
}

/// The most edits between a misspelt name and the one that was meant.
const MOST_EDITS: usize = 4;

/// A hint at the name nearest to a misspelt one, if one is near.
pub fn did_you_mean<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    // Names from outside may be many and long.
    let length = wanted.chars().take(SHOWN).count();
    let near = |name: &&str| name.chars().take(SHOWN).count().abs_diff(length) <= MOST_EDITS;
    names
        .filter(near)
        .filter(|name| name.len() <= 4 * SHOWN && wanted.len() <= 4 * SHOWN)
        .map(|name| (strsim::damerau_levenshtein(wanted, name), name))
        .filter(|(distance, name)| {
            let length = name.chars().count();
            let is_near = *distance <= (1 + length / 4).min(MOST_EDITS);
            is_near && (2 * *distance <= length || name.eq_ignore_ascii_case(wanted))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| format!("did you mean {}?", Quoted(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_are_escaped_and_cut() {
        assert_eq!(Quoted("a\u{1b}[31m\nb").to_string(), "'a\\u{1b}[31m\\nb'");
        let long = "x".repeat(1000);
        assert_eq!(Plain(&long).to_string().len(), SHOWN + 3);
    }

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let names = ["data", "mask"];
        assert_eq!(
            did_you_mean("dtaa", names.into_iter()).as_deref(),
            Some("did you mean 'data'?")
        );
        assert_eq!(did_you_mean("image", names.into_iter()), None);
    }

    #[test]
    fn an_unnamed_node_is_named_by_what_it_writes() {
        let node = NodeName {
            index: 3,
            name: String::new(),
            output: "y".into(),
            operator: "MaxPool".into(),
            opset: 12,
            calls: Arc::default(),
        };
        assert_eq!(node.to_string(), "node 3 writing 'y' (MaxPool, opset 12)");
    }
}
