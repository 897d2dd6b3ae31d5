//! `--timeout`: what takes longer ends, says so, and leaves nothing behind.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use linn::DType;
use serde_json::Value;

use crate::support::model::{Build, node};
use crate::support::program::{Ran, case, linn};

/// How long a program may take to start and to end on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(3);

/// Runs the program on arguments that would take an hour; its time limit is 300 ms.
fn limited(args: &[&str]) -> Ran {
    let began = Instant::now();
    let ran = linn(&[args, &["--timeout", "300ms"]].concat());
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(300), "{took:?}");
    assert!(took < PATIENCE, "{took:?}");
    ran
}

#[test]
fn a_run_that_takes_too_long_ends_and_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let product = Build::new(21)
        .input("x", DType::F32, "6000,6000")
        .node(node("MatMul", &["x", "x"], &["y"]))
        .output("y");
    std::fs::write(path("long.onnx"), product.bytes()).expect("a file");
    let run = [
        "run",
        &path("long.onnx"),
        "-i",
        "ones",
        "-o",
        &path("y.npy"),
    ];
    limited(&run).fails(7, "help: give it more time with --timeout");
    let json = limited(&[&run[..], &["--format", "json"]].concat());
    let said = json.stderr.lines().last().expect("a line");
    let said: Value = serde_json::from_str(said).expect("a document");
    assert_eq!(
        (&said["class"], &said["exit_code"]),
        (&"limit".into(), &7.into())
    );
    let message = said["message"].as_str().expect("a text");
    assert!(
        message.contains("the time limit of 300ms has passed"),
        "{message}"
    );
    let left = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 1, "only the model");
}

#[test]
fn what_does_not_look_at_the_clock_is_ended_too() {
    limited(&["bench", &case("test_maxpool_2d_default"), "--time", "1m"])
        .fails(7, "the time limit of 300ms has passed");
    // A model that never comes.
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_linn"))
        .args(["run", "-", "--timeout", "300ms"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let stdin = child.stdin.take();
    let output = child.wait_with_output().expect("the program ends");
    drop(stdin);
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(output.status.code(), Some(7));
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert_eq!(
        stderr,
        "error: the time limit of 300ms has passed\nhelp: give it more time with --timeout\n"
    );
}

#[test]
fn what_is_quick_does_not_notice() {
    let quick = linn(&["run", &case("test_maxpool_2d_default"), "--timeout", "60s"]);
    assert!(!quick.works().text().is_empty());
    linn(&["env", "--timeout", "soon"]).fails_as_usage("--timeout");
    linn(&["env", "--timeout", "0s"]).fails_as_usage("must be longer than 0");
}

#[test]
fn a_case_that_is_cut_off_has_not_failed() {
    let folder = tempfile::tempdir().expect("a folder");
    let set = folder.path().join("test_data_set_0");
    std::fs::create_dir(&set).expect("a folder");
    let product = Build::new(21)
        .input("sizes", DType::I64, "2")
        .node(node("ConstantOfShape", &["sizes"], &["x"]))
        .node(node("MatMul", &["x", "x"], &["y"]))
        .output("y");
    std::fs::write(folder.path().join("model.onnx"), product.bytes()).expect("a file");
    let sizes = linn::Tensor::new(&[2], vec![6000i64, 6000]).expect("it fits");
    let stored = |name: &str, file: &str| {
        std::fs::write(set.join(file), linn::write_tensor(name, &sizes)).expect("a file");
    };
    stored("sizes", "input_0.pb");
    stored("y", "output_0.pb");
    let case = folder.path().to_string_lossy();
    limited(&["test", &case]).fails(7, "help: give it more time with --timeout");
}
