//! Tensors in files: what the program writes it reads again, in every format and type.
#![cfg(feature = "cli")]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use linn::{DType, Tensor};
use ndarray::{Array2, Array4};
use serde_json::Value;
use support::model::{Build, node};
use support::{f32s, tensor};
use tempfile::TempDir;

const POOL: &str = "models/maxpool_2d_padding_stride";

fn linn(arguments: &[&str]) -> Output {
    linn_reading(arguments, b"")
}

fn linn_reading(arguments: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_linn"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("linn starts");
    // It may end without reading its input.
    let _ = child.stdin.take().expect("a pipe").write_all(stdin);
    child.wait_with_output().expect("linn ends")
}

/// What a successful call prints.
fn stdout(arguments: &[&str]) -> String {
    let output = linn(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Checks the form of a failure, and returns what it says.
fn failure(arguments: &[&str], code: i32) -> String {
    let output = linn(arguments);
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    assert!(
        output.stdout.is_empty(),
        "{arguments:?}: stdout is not empty"
    );
    let errors = stderr.lines().filter(|line| line.starts_with("error: "));
    assert_eq!(errors.count(), 1, "{arguments:?}: {stderr}");
    assert!(
        stderr
            .lines()
            .filter(|line| line.starts_with("help: "))
            .count()
            <= 1
    );
    stderr
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A folder, and the path of a file in it.
fn file(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A model whose output is its input.
fn identity(folder: &TempDir, dtype: DType, dims: &str) -> String {
    let model = Build::new(22)
        .input("x", dtype, dims)
        .node(node("Identity", &["x"], &["y"]))
        .output("y");
    let path = file(folder, "identity.onnx");
    fs::write(&path, model.bytes()).expect("a file");
    path
}

#[test]
fn the_worked_examples() {
    let examples = [
        ("maxpool_2d", "[[4, 5], [7, 8]]"),
        ("averagepool_2d", "[[2, 3], [5, 6]]"),
        ("maxpool_2d_stride_of_window", "f32[1,1,1,1]  min 10"),
        ("maxpool_2d_padding_stride", "[[5, 7], [13, 15]]"),
        ("maxpool_2d_oblong_window", "[[5, 7], [13, 15]]"),
        (
            "maxpool_2d_two_channels",
            "[[[5, 7], [13, 15]], [[6, 8], [14, 16]]]",
        ),
    ];
    for (name, values) in examples {
        let printed = stdout(&["run", &format!("models/{name}")]);
        assert!(printed.contains(values), "{name}: {printed}");
    }
}

#[test]
fn sources_and_sinks_of_every_kind_agree() {
    let folder = folder();
    let x = Array4::from_shape_fn((1, 1, 4, 4), |(_, _, row, column)| {
        (4 * row + column) as f32
    });
    let npy = file(&folder, "x.npy");
    ndarray_npy::write_npy(&npy, &x).expect("an array");
    let pb = file(&folder, "x.pb");
    fs::write(&pb, linn::write_tensor("x", &Tensor::from(x.clone()))).expect("a file");
    let npz = file(&folder, "x.npz");
    let model = identity(&folder, DType::F32, "1,1,4,4");
    stdout(&["run", &model, "-i", &npy, "-o", &npz]);
    let keyed = format!("{npz}:y");
    let literal = "[0,1,2,3;4,5,6,7;8,9,10,11;12,13,14,15]";
    let wanted = stdout(&["run", POOL, "-o", "-"]);
    assert_eq!(
        json(&wanted)["data"],
        serde_json::json!([5.0, 7.0, 13.0, 15.0])
    );
    for source in [&npy, &pb, &npz, &keyed, literal, "iota"] {
        assert_eq!(
            stdout(&["run", POOL, "-i", source, "-o", "-"]),
            wanted,
            "{source}"
        );
        let named = format!("x={source}");
        assert_eq!(
            stdout(&["run", POOL, "-i", &named, "-o", "y=-"]),
            wanted,
            "{source}"
        );
    }
    for piped in [&npy, &pb, &npz] {
        let bytes = fs::read(piped).expect("a file");
        let output = linn_reading(&["run", POOL, "-i", "-", "-o", "-"], &bytes);
        assert_eq!(String::from_utf8_lossy(&output.stdout), wanted, "{piped}");
    }
    for sink in ["y.npy", "y.npz", "y.pb", "y.json"] {
        let sink = file(&folder, sink);
        assert_eq!(stdout(&["run", POOL, "-i", &npy, "-o", &sink]), "");
        assert!(Path::new(&sink).exists(), "{sink}");
    }
    let y: Array4<f32> = ndarray_npy::read_npy(file(&folder, "y.npy")).expect("an array");
    assert_eq!(y.into_raw_vec_and_offset().0, [5.0, 7.0, 13.0, 15.0]);
    let (name, y) =
        linn::read_tensor(fs::read(file(&folder, "y.pb")).expect("a file")).expect("a tensor");
    assert_eq!(
        (name.as_str(), y),
        ("y", f32s(&[1, 1, 2, 2], &[5.0, 7.0, 13.0, 15.0]))
    );
    let text = fs::read_to_string(file(&folder, "y.json")).expect("a file");
    assert_eq!(json(&text), json(&wanted));
}

#[test]
fn types_survive_npy_npz_and_pb() {
    let types = [
        DType::F16,
        DType::BF16,
        DType::F32,
        DType::F64,
        DType::I8,
        DType::U8,
        DType::I32,
        DType::I64,
        DType::Bool,
    ];
    for dtype in types {
        let folder = folder();
        let model = identity(&folder, dtype, "2,3");
        let x = tensor(dtype, &[2, 3], &[0.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
        let start = file(&folder, "x.pb");
        fs::write(&start, linn::write_tensor("x", &x)).expect("a file");
        let mut from = start;
        for to in ["a.npy", "b.npz", "c.pb"] {
            let to = file(&folder, to);
            stdout(&["run", &model, "-i", &from, "-o", &to]);
            from = to;
        }
        let (_, y) = linn::read_tensor(fs::read(&from).expect("a file")).expect("a tensor");
        assert_eq!(y, x);
    }
}

#[test]
fn npy_as_numpy_writes_it() {
    let folder = folder();
    let path = file(&folder, "x.npy");
    let model = identity(&folder, DType::I64, "2,3");
    let fortran =
        Array2::from_shape_vec(ndarray::ShapeBuilder::f((2, 3)), vec![1i64, 4, 2, 5, 3, 6])
            .expect("it fits");
    ndarray_npy::write_npy(&path, &fortran).expect("an array");
    let printed = json(&stdout(&["run", &model, "-i", &path, "-o", "-"]));
    assert_eq!(printed["data"], serde_json::json!([1, 2, 3, 4, 5, 6]));
    for broken in [
        &b""[..],
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff\xff{",
        b"\x93NUMPY\x01\x00\x06\x00{'a':}",
        b"not npy",
    ] {
        fs::write(&path, broken).expect("a file");
        let message = failure(&["run", &model, "-i", &path], 5);
        assert!(message.contains("x.npy"), "{message}");
    }
}

#[test]
fn a_folder_takes_every_output() {
    let folder = folder();
    let names = ["plain", "a/b:c", ".."];
    let mut model = Build::new(22).input("x", DType::F32, "2");
    for name in names {
        model = model.node(node("Relu", &["x"], &[name])).output(name);
    }
    let path = file(&folder, "net.onnx");
    fs::write(&path, model.bytes()).expect("a file");
    let out = format!("{}/", file(&folder, "out"));
    fs::create_dir(&out).expect("a folder");
    let ran = linn(&["run", &path, "-i", "[1,2]", "-o", &out]);
    let written: Vec<String> = fs::read_dir(&out)
        .expect("the folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    // Nothing but files in the folder, whatever a model calls its outputs.
    assert_eq!(
        fs::read_dir(folder.path()).expect("the folder").count(),
        2,
        "{ran:?}"
    );
    if ran.status.success() {
        assert_eq!(written.len(), names.len(), "{written:?}");
        assert!(written.contains(&"a_b_c.npy".to_string()), "{written:?}");
    }
    let clash = Build::new(22)
        .input("x", DType::F32, "2")
        .node(node("Relu", &["x"], &["a/b"]))
        .node(node("Relu", &["x"], &["a:b"]))
        .output("a/b")
        .output("a:b");
    fs::write(&path, clash.bytes()).expect("a file");
    let other = format!("{}/", file(&folder, "other"));
    fs::create_dir(&other).expect("a folder");
    assert!(
        !linn(&["run", &path, "-i", "[1,2]", "-o", &other])
            .status
            .success()
    );
    assert_eq!(fs::read_dir(&other).expect("the folder").count(), 0);
}

#[test]
fn a_failed_run_leaves_files_as_they_were() {
    let folder = folder();
    let (kept, other) = (file(&folder, "kept.npy"), "/nowhere/at/all.npy");
    fs::write(&kept, "before").expect("a file");
    let both = ["run", POOL, "-o", &kept, "-o", &format!("y={other}")];
    assert!(!linn(&both).status.success());
    assert_eq!(fs::read(&kept).expect("a file"), b"before");
    failure(&["run", POOL, "-i", "[1]", "-o", &kept], 5);
    assert_eq!(fs::read(&kept).expect("a file"), b"before");
    assert_eq!(
        fs::read_dir(folder.path()).expect("the folder").count(),
        1,
        "something is left"
    );
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_linn"))
        .args(["ops"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("linn starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("linn ends");
    assert!(output.status.success());
    assert!(output.stderr.is_empty());
}
