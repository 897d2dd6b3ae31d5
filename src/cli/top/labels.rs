//! `--labels`: the names of classes.

use std::path::Path;

use linn::text::Plain;
use serde_json::{Map, Value};

use crate::cli::Failure;
use crate::cli::source::Loader;
use crate::cli::words::counted;

/// The names of classes, and the file that has them.
pub(super) struct Labels {
    file: String,
    names: Vec<String>,
}

impl Labels {
    pub(super) fn read(file: &Path, loader: &mut Loader) -> Result<Labels, Failure> {
        let bytes = loader.read(Some(file))?;
        let file = Plain(&file.to_string_lossy()).to_string();
        match parse(&bytes) {
            Ok(names) => Ok(Labels { file, names }),
            Err(reason) => Err(Failure::Broken { file, reason }),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn get(&self, class: usize) -> Option<&str> {
        self.names.get(class).map(String::as_str)
    }

    /// The failure where there are more or fewer classes than names.
    pub(super) fn wrong(&self, what: &str) -> Failure {
        Failure::Broken {
            file: self.file.clone(),
            reason: format!("holds {}, {what}", counted(self.names.len(), "label")),
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Vec<String>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is no UTF-8 text")?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let names = match text.trim_start().starts_with(['[', '{']) {
        true => {
            let document = serde_json::from_str(text)
                .map_err(|error| format!("begins as JSON and is none: {error}"))?;
            of_json(&document)?
        }
        false => text
            .trim_end()
            .lines()
            .map(|line| line.trim().to_string())
            .collect(),
    };
    match names.is_empty() || names == [""] {
        true => Err("holds no labels".to_string()),
        false => Ok(names),
    }
}

/// A list of names, or an object with a name for each number; a model's `config.json` has one as `id2label`.
fn of_json(document: &Value) -> Result<Vec<String>, String> {
    match document {
        Value::Array(names) => names
            .iter()
            .enumerate()
            .map(|(at, name)| text(at, name))
            .collect(),
        Value::Object(names) => match names.get("id2label") {
            Some(Value::Object(names)) => of_object(names),
            _ => of_object(names),
        },
        _ => Err("must be a list of names or an object".to_string()),
    }
}

fn of_object(names: &Map<String, Value>) -> Result<Vec<String>, String> {
    let name = |at: usize| match names.get(&at.to_string()) {
        Some(name) => text(at, name),
        None => Err(format!("has {} names, but none for {at}", names.len())),
    };
    (0..names.len()).map(name).collect()
}

/// A name; of a list, as `["n02123045", "tabby"]`, the last one.
fn text(at: usize, name: &Value) -> Result<String, String> {
    let last = name.as_array().and_then(|names| names.last());
    last.unwrap_or(name)
        .as_str()
        .map(str::to_string)
        .ok_or_else(|| format!("the name for {at} is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_lines_or_json() {
        let wanted = Ok(vec![
            "tench".to_string(),
            String::new(),
            "cock, 2".to_string(),
        ]);
        for text in [
            "tench\r\n\n cock, 2 \n\n",
            r#"["tench", "", "cock, 2"]"#,
            r#"{"0": "tench", "2": ["n1", "cock, 2"], "1": ""}"#,
            r#"{"model_type": "x", "id2label": {"0": "tench", "1": "", "2": "cock, 2"}}"#,
        ] {
            assert_eq!(parse(text.as_bytes()), wanted, "{text}");
        }
    }

    #[test]
    fn what_holds_no_labels_is_refused() {
        for text in [
            "",
            " \n",
            "[]",
            "{}",
            "[1]",
            "[[]]",
            r#"{"1": "a"}"#,
            "[",
            "{\"a\": \"b\"}",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(b"\xff\xfe").is_err());
    }
}
