//! The file that says what to expect of each case: lines `name: status reason`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::discover::{Case, Found};
use crate::cli::Failure;
use linn::text::Plain;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Pass,
    Xfail,
    Unsupported,
    Skip,
}

/// One line of the file.
#[derive(Debug)]
pub(super) struct Expectation {
    pub(super) expected: Expected,
    pub(super) reason: String,
    line: usize,
}

/// All lines of the file.
#[derive(Debug, Default)]
pub(super) struct Expectations {
    file: String,
    by_name: HashMap<String, Expectation>,
}

/// An expectation that names no case.
#[derive(Debug)]
pub(super) struct Stale {
    pub(super) name: String,
    /// `FILE:LINE`
    pub(super) place: String,
}

impl Expectations {
    pub(super) fn read(file: &Path) -> Result<Expectations, Failure> {
        let bytes = fs::read(file).map_err(Failure::io(file))?;
        let file = file.display().to_string();
        let by_name = parse(&bytes).map_err(|reason| Failure::Usage(format!("{file}:{reason}")))?;
        Ok(Expectations { file, by_name })
    }

    pub(super) fn of(&self, case: &Case) -> Option<&Expectation> {
        case.names().iter().find_map(|name| self.by_name.get(name))
    }

    /// The expectations that name no case of the suites, in the order of the file.
    pub(super) fn stale(&self, found: &Found) -> Vec<Stale> {
        let mut stale: Vec<_> = self
            .by_name
            .iter()
            .filter(|(name, _)| !found.knows(name))
            .collect();
        stale.sort_by_key(|(_, expectation)| expectation.line);
        stale
            .into_iter()
            .map(|(name, expectation)| Stale {
                name: name.clone(),
                place: format!("{}:{}", self.file, expectation.line),
            })
            .collect()
    }
}

/// Reads the lines; an error begins with the number of its line.
fn parse(bytes: &[u8]) -> Result<HashMap<String, Expectation>, String> {
    let mut by_name = HashMap::<String, Expectation>::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        let line = std::str::from_utf8(line).map_err(|_| format!("{number}: not UTF-8"))?;
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, expectation) =
            parse_line(line, number).map_err(|reason| format!("{number}: {reason}"))?;
        if let Some(first) = by_name.get(&name) {
            return Err(format!(
                "{number}: '{}' is already on line {}",
                Plain(&name),
                first.line
            ));
        }
        by_name.insert(name, expectation);
    }
    Ok(by_name)
}

fn parse_line(text: &str, line: usize) -> Result<(String, Expectation), String> {
    let (name, rest) = text
        .split_once(": ")
        .ok_or("not of the form `name: status reason`")?;
    let (status, reason) = rest
        .trim()
        .split_once(char::is_whitespace)
        .unwrap_or((rest.trim(), ""));
    let expected = match status {
        "pass" => Expected::Pass,
        "xfail" => Expected::Xfail,
        "unsupported" => Expected::Unsupported,
        "skip" => Expected::Skip,
        other => {
            return Err(format!(
                "status '{}' is none of pass, xfail, unsupported, skip",
                Plain(other)
            ));
        }
    };
    let reason = reason.trim().to_string();
    if expected != Expected::Pass && reason.is_empty() {
        return Err(format!("{status} needs a reason"));
    }
    match name.trim() {
        "" => Err("the name is empty".to_string()),
        name => Ok((
            name.to_string(),
            Expectation {
                expected,
                reason,
                line,
            },
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let text =
            b"\xef\xbb\xbf# all\r\n\r\na: pass\r\nnode/b:  xfail  it is\twrong \nc: skip slow: 2 s";
        let read = parse(text).expect("well formed");
        assert_eq!(read.len(), 3);
        assert_eq!(read["a"].expected, Expected::Pass);
        assert_eq!(read["node/b"].expected, Expected::Xfail);
        assert_eq!(read["node/b"].reason, "it is\twrong");
        assert_eq!(read["c"].reason, "slow: 2 s");
        assert_eq!(read["c"].line, 5);
    }

    #[test]
    fn malformed_lines_are_named() {
        let refused = |text: &[u8]| parse(text).expect_err("malformed");
        assert_eq!(
            refused(b"a: pass\nb pass"),
            "2: not of the form `name: status reason`"
        );
        assert_eq!(
            refused(b"a: maybe"),
            "1: status 'maybe' is none of pass, xfail, unsupported, skip"
        );
        assert_eq!(refused(b"\n\na: skip"), "3: skip needs a reason");
        assert_eq!(refused(b"a: pass\na: pass"), "2: 'a' is already on line 1");
        assert_eq!(refused(b"a: pass\n\xff: pass"), "2: not UTF-8");
    }
}
