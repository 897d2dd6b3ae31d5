//! `linn test`: the stored ONNX cases, and made-up suites for everything that can go wrong.
#![cfg(feature = "cli")]
#![allow(missing_docs, unreachable_pub)]

#[path = "conformance/cases.rs"]
mod cases;
#[path = "conformance/runs.rs"]
mod runs;
#[path = "conformance/suite.rs"]
mod suite;

use std::path::Path;

use serde_json::json;
use suite::linn;

#[test]
fn the_stored_cases_do_what_is_expected_of_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let arguments = [
        "test",
        "tests/data/node",
        "--expectations",
        "tests/data/node.txt",
        "--min-tests",
        "56",
        "--json",
        "-",
    ];
    let run = linn(root, &arguments).code(0);
    let report = run.json();
    assert_eq!(report["schema"], "linn.test/1");
    assert_eq!(report["linn"], env!("CARGO_PKG_VERSION"));
    assert_eq!(report["passed"], 55);
    assert_eq!(report["xfailed"], 1);
    for key in ["failed", "skipped", "xpassed", "unsupported"] {
        assert_eq!(report[key], 0, "{key}");
    }
    assert_eq!(report["stale"], json!([]));
    assert_eq!(report["cases"].as_array().map(Vec::len), Some(56));
    let summary = "55 passed, 0 failed, 0 skipped, 1 xfailed, 0 xpassed, 0 unsupported\n";
    assert!(run.stderr.ends_with(summary), "{}", run.stderr);
}

#[test]
fn a_stored_case_alone_leaves_no_expectation_stale() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let case = "tests/data/node/test_maxpool_2d_default";
    let run = linn(
        root,
        &["test", case, "--expectations", "tests/data/node.txt"],
    )
    .code(0);
    assert_eq!(
        run.last_line(),
        "1 passed, 0 failed, 0 skipped, 0 xfailed, 0 xpassed, 0 unsupported"
    );
}

#[test]
fn operators_are_listed() {
    let here = Path::new(".");
    let table = linn(here, &["ops"]).code(0).stdout;
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("| operator | versions | types |"));
    assert!(lines.any(|line| line.starts_with("| MaxPool | 1 8 10 11 12 22 | f32 ")));
    assert!(table.contains("| com.microsoft.NhwcMaxPool | 1 | u8 i8 |"));
    let document = linn(here, &["ops", "--format", "json"]).code(0).json();
    assert_eq!(document["schema"], "linn.ops/1");
    let operators = document["operators"].as_array().expect("an array");
    assert_eq!(operators.len() + 2, table.lines().count());
    let text = linn(here, &["ops", "--format", "text"]).code(0).stdout;
    assert_eq!(operators.len(), text.lines().count());
}
