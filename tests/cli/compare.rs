//! `linn compare`: models, ways to run one, and stored tensors.

use std::fs;

use linn::DType;
use ndarray::array;
use ndarray_npy::write_npy;

use crate::Files;
use crate::support::f32s;
use crate::support::model::{Build, node};
use crate::support::program::{Ran, linn};

/// What the program says of things that differ.
fn differ(args: &[&str]) -> Ran {
    let ran = linn(args);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    ran
}

/// `y = |-(x + w)|`, with the sum called `t`.
fn sum(w: f64) -> Vec<u8> {
    let build = Build::new(20)
        .input("x", DType::F32, "2")
        .initializer("w", &f32s(&[2], &[w, 1.0]))
        .node(node("Add", &["x", "w"], &["t"]))
        .node(node("Neg", &["t"], &["n"]))
        .node(node("Abs", &["n"], &["y"]));
    build.output("y").bytes()
}

#[test]
fn a_model_agrees_with_itself_in_every_way() {
    for way in ["none", "fallback"] {
        let said = linn(&[
            "compare",
            "models/branches",
            "--against",
            way,
            "--seed",
            "3",
        ]);
        let text = said.works().text();
        assert!(text.ends_with("all agree\n"), "{text}");
    }
}

#[test]
fn the_first_node_that_differs_is_named() {
    let files = Files::new();
    fs::write(files.path("a.onnx"), sum(1.0)).unwrap();
    fs::write(files.path("b.onnx"), sum(1.5)).unwrap();
    let (a, b) = (files.at("a.onnx"), files.at("b.onnx"));
    let args = ["compare", &a, &b, "-i", "[1,2]", "--first-diff"];
    let text = differ(&args).text();
    assert!(text.contains("f32[2]"), "{text}");
    assert!(text.contains("[0]: got 2.0, want 2.5"), "{text}");
    assert!(
        text.contains("first difference: node 0 writing 't' (Add, opset 20)"),
        "{text}"
    );
    let loose = [&args[..5], &["--rtol", "y=0.3"]].concat();
    linn(&loose).works();
    linn(&[&args[..5], &["--atol", "t=0.3"]].concat()).fails(2, "there is no output 't'");

    let document = differ(&[&args[..], &["--format", "json"]].concat()).json();
    assert_eq!(document["schema"], "linn.compare/1");
    assert_eq!(document["agree"], false);
    let output = &document["outputs"][0];
    assert_eq!(
        (&output["name"], &output["beyond"]),
        (&"y".into(), &1.into())
    );
    assert_eq!(output["absolute"], 0.5);
    assert_eq!(output["worst"]["index"][0], 0);
    let first = &document["first_difference"];
    assert_eq!(
        (&first["value"], &first["absolute"]),
        (&"t".into(), &0.5.into())
    );
    let node = &first["node"];
    assert_eq!(
        (&node["index"], &node["operator"], &node["output"]),
        (&0.into(), &"Add".into(), &"t".into())
    );
}

#[test]
fn stored_tensors_are_compared_with_models_and_with_each_other() {
    let files = Files::new();
    fs::write(files.path("a.onnx"), sum(1.0)).unwrap();
    write_npy(files.path("same.npy"), &array![2f32, 3.0]).unwrap();
    write_npy(files.path("other.npy"), &array![2f32, f32::NAN]).unwrap();
    write_npy(files.path("longer.npy"), &array![2f32, 3.0, 4.0]).unwrap();
    let (model, same) = (files.at("a.onnx"), files.at("same.npy"));
    let (other, longer) = (files.at("other.npy"), files.at("longer.npy"));
    linn(&["compare", &model, &same, "-i", "[1,2]"]).works();
    differ(&["compare", &model, &other, "-i", "[1,2]"]);
    linn(&["compare", &other, &other]).works();
    let text = differ(&["compare", &same, &longer]).text();
    assert!(text.contains("got f32[2], want f32[3]"), "{text}");
    linn(&["compare", &same, "--against", "none"]).fails(2, "--against needs a model");
    linn(&["compare", &same]).fails_as_usage("<OTHER>");
    for option in [&["-i", "[1]"][..], &["--seed", "1"], &["--first-diff"]] {
        let args = [&["compare", &same, &other], option].concat();
        linn(&args).fails(2, &format!("{} is for models", option[0]));
    }
    linn(&["compare", &same, &files.at("none.npy")]).fails(8, "none.npy");
}
