//! The program `linn`, started as a user starts it.

#![allow(
    dead_code,
    reason = "every program that includes this file uses a part of it"
)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A case of the ONNX test data.
pub(crate) fn case(name: &str) -> String {
    format!("{}/tests/data/node/{name}", env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn model(name: &str) -> String {
    case(name) + "/model.onnx"
}

/// What a run of the program gave.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("stdout is text")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).expect("stdout is one JSON document")
    }

    /// Checks an exit code, and that a failure says one thing on stderr and nothing on stdout.
    pub(crate) fn fails(self, code: i32, with: &str) {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        assert!(self.stderr.contains(with), "{}", self.stderr);
        assert_eq!(self.text(), "");
        let is_error = |line: &&str| {
            line.starts_with("error: ") || line.starts_with(r#"{"schema":"linn.error/"#)
        };
        let errors = self.stderr.lines().filter(is_error);
        assert_eq!(errors.count(), 1, "{}", self.stderr);
        assert!(self.stderr.matches("help: ").count() <= 1);
    }

    /// As [`Ran::fails`], for arguments that are wrong: one line of error, one of help at most, and no other.
    pub(crate) fn fails_as_usage(self, with: &str) {
        assert!(self.stderr.starts_with("error: "), "{}", self.stderr);
        assert!(self.stderr.lines().count() <= 2, "{}", self.stderr);
        self.fails(2, with);
    }

    pub(crate) fn works(self) -> Ran {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }
}

pub(crate) fn linn(args: &[&str]) -> Ran {
    linn_fed(args, &[])
}

pub(crate) fn linn_fed(args: &[&str], stdin: &[u8]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_linn"))
        .args(args)
        // As on a terminal that is wide enough and can show what is to be shown, whatever runs the tests.
        .envs([("LC_ALL", "C.UTF-8"), ("TERM", "xterm")])
        .env_remove("COLUMNS")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // It may end without reading its input.
    let _ = child.stdin.take().expect("stdin is piped").write_all(stdin);
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().expect("the program ends");
    Ran {
        code: status.code(),
        stdout,
        stderr: String::from_utf8(stderr).expect("stderr is text"),
    }
}
