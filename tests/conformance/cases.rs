//! What makes a case pass, and what is said of one that does not.

use std::fs;

use linn::proto::{ModelProto, TensorProto};
use linn::{DType, Tensor};
use prost::Message;
use serde_json::json;

use crate::suite::{Folder, model};

#[test]
fn files_are_taken_in_the_order_of_their_numbers() {
    let folder = Folder::new();
    folder.write("s/many/model.onnx", model("GlobalMaxPool", 12, DType::F32));
    for index in 0..12u8 {
        let set = "s/many/test_data_set_0";
        let x = f32::from(index);
        // Without names in the files, only their numbers say which is which.
        folder.tensor(
            &format!("{set}/input_{index}.pb"),
            "",
            &[1, 1, 2],
            &[x, -1.0],
        );
        folder.tensor(&format!("{set}/output_{index}.pb"), "", &[1, 1, 1], &[x]);
    }
    folder.test(&["s"]).code(0);
}

#[test]
fn files_go_by_the_names_in_them_first() {
    let folder = Folder::new();
    folder.write(
        "s/swapped/model.onnx",
        model("GlobalMaxPool", 2, DType::F32),
    );
    for (index, other) in [(0, 1), (1, 0)] {
        let set = "s/swapped/test_data_set_0";
        let x = index as f32;
        folder.tensor(
            &format!("{set}/input_{other}.pb"),
            &format!("x{index}"),
            &[1, 1, 1],
            &[x],
        );
        folder.tensor(
            &format!("{set}/output_{index}.pb"),
            &format!("y{index}"),
            &[1, 1, 1],
            &[x],
        );
    }
    folder.test(&["s"]).code(0);
}

#[test]
fn inputs_with_a_default_take_no_place_unless_all_are_given() {
    let folder = Folder::new();
    let mut model = ModelProto::decode(&*model("GlobalMaxPool", 2, DType::F32)).expect("a model");
    let default = Tensor::new(&[1, 1, 1], vec![7f32]).expect("it fits");
    let default = TensorProto::decode(&*linn::write_tensor("x0", &default)).expect("a tensor");
    let graph = model.graph.as_mut().expect("a graph");
    graph.initializer.push(default);
    folder.write("s/a/model.onnx", model.encode_to_vec());
    let tensor = |file: &str, x: f32| {
        let file = format!("s/a/test_data_set_0/{file}.pb");
        folder.tensor(&file, "", &[1, 1, 1], &[x]);
    };
    tensor("input_0", 5.0);
    tensor("output_0", 7.0);
    tensor("output_1", 5.0);
    folder.test(&["s"]).code(0);
    tensor("input_1", 6.0);
    tensor("output_0", 5.0);
    tensor("output_1", 6.0);
    folder.test(&["s"]).code(0);
}

#[test]
fn a_mismatch_is_told_in_full() {
    let folder = Folder::new();
    folder.maximum("s/right", 3.0);
    folder.maximum("s/wrong", 4.0);
    let run = folder.test(&["s", "--json", "out.json"]).code(1);
    let detail = "test_data_set_0: output 'y0' f32[1,1,1]: 1 of 1 differ, first at [0, 0, 0]: \
                  got 3.0, want 4.0; worst absolute difference 1, relative 0.2500, 4.194e6 ulp";
    assert_eq!(
        run.stdout.lines().next(),
        Some(format!("failed wrong: {detail}").as_str())
    );
    assert_eq!(
        run.last_line(),
        "1 passed, 1 failed, 0 skipped, 0 xfailed, 0 xpassed, 0 unsupported"
    );
    let report = fs::read_to_string(folder.path().join("out.json")).expect("it was written");
    let report: serde_json::Value = serde_json::from_str(&report).expect("it is JSON");
    assert_eq!(
        report["cases"],
        json!([
            {"name": "right", "status": "passed", "detail": ""},
            {"name": "wrong", "status": "failed", "detail": detail},
        ])
    );
}

#[test]
fn every_data_set_must_pass() {
    let folder = Folder::new();
    folder.maximum("s/a", 3.0);
    folder.data_set("s/a", 2, 3.0);
    folder.test(&["s"]).code(0);
    folder.data_set("s/a", 10, 5.0);
    let run = folder.test(&["s"]).code(1);
    assert!(
        run.stdout.starts_with("failed a: test_data_set_10: "),
        "{}",
        run.stdout
    );
}

#[test]
fn maxima_are_exact_and_means_have_a_tolerance() {
    let folder = Folder::new();
    folder.maximum("s/maximum", 3.0001);
    folder.mean("s/mean", 2.0001);
    let run = folder.test(&["s"]).code(1);
    assert!(run.stdout.starts_with("failed maximum:"), "{}", run.stdout);
    assert!(run.last_line().starts_with("1 passed, 1 failed,"));
    folder
        .test(&["s/mean", "--rtol", "1e-6", "--atol", "0"])
        .code(1);
    folder.test(&["s/mean", "--rtol", "-1"]).code(2);
}

#[test]
fn data_json_sets_the_tolerance_and_options_override_it() {
    let folder = Folder::new();
    folder.mean("s/mean", 2.1);
    folder.test(&["s"]).code(1);
    folder.write("s/mean/data.json", r#"{"rtol": 0.1, "url": "anywhere"}"#);
    folder.test(&["s"]).code(0);
    folder.test(&["s", "--rtol", "1e-3"]).code(1);
    folder.write("s/mean/data.json", r#"{"atol": "a lot"}"#);
    let run = folder.test(&["s"]).code(1);
    assert!(
        run.stdout
            .starts_with("failed mean: data.json: atol is \"a lot\", no tolerance\n"),
        "{}",
        run.stdout
    );
}

/// The first line that a case leads to after `change` has been made to a passing one.
#[track_caller]
fn first_line(change: impl Fn(&Folder)) -> String {
    let folder = Folder::new();
    folder.mean("s/a", 2.0);
    folder.test(&["s"]).code(0);
    change(&folder);
    let run = folder.test(&["s"]).code(1);
    run.stdout.lines().next().unwrap_or_default().to_string()
}

#[test]
fn types_shapes_and_counts_must_be_equal() {
    let output = "s/a/test_data_set_0/output_0.pb";
    assert_eq!(
        first_line(|folder| folder.tensor(output, "y0", &[1, 1, 1], &[2f64])),
        "failed a: test_data_set_0: output 'y0' got f32[1,1,1], want f64[1,1,1]"
    );
    assert_eq!(
        first_line(|folder| folder.tensor(output, "y0", &[1, 1], &[2f32])),
        "failed a: test_data_set_0: output 'y0' got f32[1,1,1], want f32[1,1]"
    );
    let remove = |folder: &Folder| fs::remove_file(folder.path().join(output)).expect("removed");
    assert_eq!(
        first_line(remove),
        "failed a: test_data_set_0: 0 outputs are stored, the model has 1"
    );
    let second = "s/a/test_data_set_0/output_1.pb";
    assert_eq!(
        first_line(|folder| folder.tensor(second, "z", &[1], &[2f32])),
        "failed a: test_data_set_0: output_1.pb has no place among the 1 of the model"
    );
    assert_eq!(
        first_line(|folder| folder.tensor(second, "y0", &[1, 1, 1], &[2f32])),
        "failed a: test_data_set_0: output_1.pb is a second one for 'y0'"
    );
}

#[test]
fn broken_files_fail_their_case() {
    let line = first_line(|folder| {
        folder.write("s/a/test_data_set_0/input_0.pb", b"\xff\xff\xff");
    });
    let start = "failed a: test_data_set_0: input_0.pb: not an ONNX tensor: ";
    assert!(line.starts_with(start), "{line}");
    let line = first_line(|folder| {
        folder.write("s/a/model.onnx", b"\xff\xff\xff");
    });
    assert!(line.starts_with("failed a: not an ONNX model: "), "{line}");
    let line = first_line(|folder| {
        fs::remove_file(folder.path().join("s/a/model.onnx")).expect("removed");
    });
    assert!(line.starts_with("failed a: "), "{line}");
    assert!(line.contains("model.onnx"), "{line}");
    let line = first_line(|folder| {
        fs::remove_dir_all(folder.path().join("s/a/test_data_set_0")).expect("removed");
    });
    assert_eq!(line, "failed a: no test data: there is no test_data_set_0");
    let line = first_line(|folder| {
        folder.write("s/a/test_data_set_0/input_b.pb", "");
    });
    assert_eq!(
        line,
        "failed a: test_data_set_0: input_b.pb is not numbered"
    );
}

#[test]
fn what_is_unsupported_is_told_apart() {
    let folder = Folder::new();
    folder.maximum("s/a", 3.0);
    folder.write("s/a/model.onnx", model("Bernoulli", 1, DType::F32));
    let run = folder.test(&["s"]).code(1);
    assert!(run.stdout.starts_with("unsupported a: "), "{}", run.stdout);
    assert!(run.stdout.contains("Bernoulli"), "{}", run.stdout);
    assert_eq!(
        run.last_line(),
        "0 passed, 0 failed, 0 skipped, 0 xfailed, 0 xpassed, 1 unsupported"
    );
    folder.write("known.txt", "a: xfail not there yet\n");
    let run = folder
        .test(&["s", "--expectations", "known.txt", "-v"])
        .code(0);
    assert!(
        run.stdout.starts_with("xfailed a: not there yet ("),
        "{}",
        run.stdout
    );
}
