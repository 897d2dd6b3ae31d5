//! What goes into a run and how it is made to fit, what comes out beside what is expected, and how mistakes are told.

use std::fs;

use linn::{DType, write_tensor};
use ndarray::{Array, Array3, array};
use ndarray_npy::write_npy;
use serde_json::{Value, json};

use crate::support::f32s;
use crate::support::model::{Build, node};
use crate::support::program::{Ran, case, linn, model};
use crate::{Files, PADS, UNPOOL};

/// A model that gives back what it is given.
fn identity(files: &Files, dtype: DType, dims: &str) -> String {
    let build = Build::new(21).input("x", dtype, dims);
    let build = build.node(node("Identity", &["x"], &["y"]));
    let file = files.at("identity.onnx");
    fs::write(&file, build.output("y").bytes()).unwrap();
    file
}

fn run(model: &str, args: &[&str]) -> Ran {
    linn(&[&["run", model], args].concat())
}

/// `y = -x`
fn negative(files: &Files) -> String {
    let build = Build::new(21).input("x", DType::F32, "2");
    let build = build.node(node("Neg", &["x"], &["y"]));
    let file = files.at("negative.onnx");
    fs::write(&file, build.output("y").bytes()).unwrap();
    file
}

#[test]
fn elements_of_another_type_are_cast_on_request() {
    let files = Files::new();
    let to_f32 = identity(&files, DType::F32, "N");
    let x = files.at("x.npy");
    write_npy(&x, &array![0.1f64, 0.5]).unwrap();
    run(&to_f32, &["-i", &x]).fails(
        5,
        "x.npy: the input 'x' has elements of type f64, must have f32: wanted f32[N], got f64[2]\n\
         help: add --cast\n",
    );
    let cast = run(&to_f32, &["-i", &x, "--cast"]).works();
    assert!(cast.text().contains("[0.1, 0.5]"), "{}", cast.text());
    let said = "x.npy f64[2]: cast to f32, 1 of 2 elements rounded\n";
    assert!(cast.stderr.ends_with(said), "{}", cast.stderr);

    let to_u8 = identity(&files, DType::U8, "2");
    write_npy(&x, &array![3.0f32, 255.0]).unwrap();
    let cast = run(&to_u8, &["-i", &x, "--cast"]).works();
    assert!(cast.stderr.ends_with("x.npy f32[2]: cast to u8 exactly\n"));
    assert!(cast.text().contains("[3, 255]"));
    let wide = identity(&files, DType::F64, "N");
    write_npy(&x, &Array::<u8, _>::zeros(300_000)).unwrap();
    run(&wide, &["-i", &x, "--cast", "--max-memory", "1M"]).fails(
        7,
        "the input 'x' needs 2400000 bytes, over the memory limit",
    );
    // Where the cast would fail, it is not advised.
    let to_u8 = identity(&files, DType::U8, "2");
    write_npy(&x, &array![3.5f32, 1.0]).unwrap();
    let refused = run(&to_u8, &["-i", &x]);
    assert!(!refused.stderr.contains("help: "), "{}", refused.stderr);
    run(&to_u8, &["-i", &x, "--cast"]).fails(
        5,
        "x.npy: the input 'x': element 0 is 3.5, not a value of type u8\n",
    );
}

#[test]
fn axes_in_another_order_are_transposed_on_request() {
    let files = Files::new();
    let model = identity(&files, DType::F32, "N,3,4,5");
    let x = files.at("x.npy");
    let pixels = Array3::from_shape_fn((4, 5, 3), |(y, x, c)| (100 * c + 10 * y + x) as u8);
    write_npy(&x, &pixels).unwrap();
    run(&model, &["-i", &x]).fails(
        5,
        "x.npy: the input 'x': \
         wanted f32[N,3,4,5], got u8[4,5,3]\n\
         help: its channels look to be the last axis and it has no batch axis: add --layout nhwc --cast, \
         or give the picture itself, as cat.jpg\n",
    );
    let y = files.at("y.npy");
    let args = ["-i", &x, "--layout", "nhwc", "--cast", "-o", &y];
    let ran = run(&model, &args).works();
    let said = "x.npy u8[4,5,3]: transposed from NHWC to NCHW, a batch of 1, cast to f32 exactly\n";
    assert!(ran.stderr.ends_with(said), "{}", ran.stderr);
    let moved: Array<f32, ndarray::Ix4> = ndarray_npy::read_npy(&y).unwrap();
    for ((_, c, y, x), value) in moved.indexed_iter() {
        assert_eq!(*value, f32::from(pixels[[y, x, c]]));
    }

    write_npy(&x, &pixels.mapv(f32::from).insert_axis(ndarray::Axis(0))).unwrap();
    run(&model, &["-i", &x]).fails(
        5,
        "help: its channels look to be the last axis: add --layout nhwc\n",
    );
    run(&model, &["-i", &x, "--layout", "nhwc"]).works();
    let last = identity(&files, DType::F32, "1,4,5,3");
    let ran = run(&last, &["-i", &x, "--layout", "nhwc"]).works();
    assert_eq!(ran.stderr, "", "there is nothing to do");
    let first = Array::<f32, _>::zeros((1, 3, 4, 5));
    write_npy(&x, &first).unwrap();
    run(&last, &["-i", &x]).fails(
        5,
        "help: its channels look to be the first axis: add --layout nchw\n",
    );
    run(&last, &["-i", &x, "--layout", "nchw"]).works();
    let wrong = run(&last, &["-i", &x, "--layout", "nhwc"]);
    wrong.fails(
        5,
        "help: its channels look to be the first axis: add --layout nchw\n",
    );
    run(&last, &["-i", &x, "--layout", "x=nchw", "--layout", "nhwc"]).works();
    run(&last, &["--layout", "z=nchw"]).fails(5, "no input 'z'; its inputs are 'x'");
    run(&last, &["--layout", "hwc"]).fails_as_usage("must be nchw or nhwc");
    // Three axes without channels are no picture, unless it is said that they are.
    let words = identity(&files, DType::F32, "B,S,D");
    write_npy(&x, &Array::<f32, _>::zeros((2, 7, 5))).unwrap();
    let ran = run(&words, &["-i", &x, "--layout", "nhwc"]).works();
    assert!(ran.text().starts_with("y  f32[2,7,5]"));
    let ran = run(&words, &["-i", &x, "--layout", "x=nhwc"]).works();
    assert!(ran.text().starts_with("y  f32[5,2,7]"));
}

#[test]
fn shapes_settle_what_is_open_and_add_axes() {
    let files = Files::new();
    let model = identity(&files, DType::F32, "N,2,?");
    let shape = |args: &[&str]| run(&model, args).works();
    for written in ["x=4x2x3", "4,2,3", "x=[4,2,3]"] {
        let ran = shape(&["--shape", written]);
        assert!(ran.text().starts_with("y  f32[4,2,3]"), "{written}");
        assert_eq!(ran.stderr, "note: the inputs are random, from seed 0\n");
    }
    let ran = shape(&["--dim", "N=5"]);
    assert!(ran.text().starts_with("y  f32[5,2,1]"));
    assert!(
        ran.stderr
            .contains("dimension 2 of 'x' is not given, using 1")
    );

    run(&model, &["--shape", "x=4x3x3"])
        .fails(5, "--shape x=4x3x3: axis 1 is 3 where the model has 2\n");
    run(&model, &["--shape", "4x2"]).fails(5, "--shape x=4x2: rank 2 where the model has rank 3\n");
    run(&model, &["--shape", "X=4x2x3"]).fails(5, "help: did you mean 'x'?\n");
    run(&model, &["--shape", "4x2x3", "--shape", "x=1x2x3"])
        .fails(2, "the input 'x' is given two shapes\n");
    run(&model, &["--shape", "x=4x"]).fails_as_usage("must be NAME=SHAPE, as x=1x3x224x224");
    run(&model, &["--dim", "M=5"]).fails(5, "the dimension 'M' is of no input; there are 'N'");
    run(&model, &["--dim", "N=5", "--shape", "4x2x3"])
        .fails(5, "axis 0 is 4 where the model has 5");
    run(&model, &["--dim", "N"]).fails_as_usage("must be NAME=SIZE");

    let x = files.at("x.npy");
    write_npy(&x, &array![[1.0f32, 2.0], [3.0, 4.0]]).unwrap();
    run(&model, &["-i", &x]).fails(
        5,
        "x.npy: the input 'x' has rank 2, must have rank 3: wanted f32[N,2,?], got f32[2,2]\n\
         help: it lacks an axis of size 1 in front: add --shape x=1x2x2\n",
    );
    let ran = shape(&["-i", &x, "--shape", "x=1x2x2"]);
    assert!(ran.text().starts_with("y  f32[1,2,2]"));
    assert!(ran.stderr.ends_with("x.npy f32[2,2]: reshaped to 1x2x2\n"));
    run(&model, &["-i", &x, "--shape", "x=2x2x1"]).works();
    run(&model, &["-i", &x, "--shape", "x=1x2x4"]).fails(5, "wanted f32[1,2,4], got f32[2,2]\n");
    let flat = identity(&files, DType::F32, "4");
    run(&flat, &["-i", &x]).fails(
        5,
        "has rank 2, must have rank 1: wanted f32[4], got f32[2,2]\n",
    );
}

/// A name that two inputs have is one size.
#[test]
fn names_of_dimensions_have_one_size_in_all_shapes() {
    let files = Files::new();
    let build = Build::new(21)
        .input("a", DType::F32, "N,2")
        .input("b", DType::F32, "N,2")
        .node(node("Add", &["a", "b"], &["y"]));
    let file = files.at("sum.onnx");
    fs::write(&file, build.output("y").bytes()).unwrap();
    let ran = run(&file, &["--shape", "b=3x2"]).works();
    assert!(ran.text().starts_with("y  f32[3,2]"));
    run(&file, &["--shape", "b=3x2", "--shape", "a=4x2"]).fails(
        5,
        "--shape a=4x2: the dimension 'N' at axis 0 is 4, and 3 elsewhere\n",
    );
    run(&file, &["--shape", "3x2"]).fails(2, "the model has 2 inputs: 'a', 'b'\n");
}

#[test]
fn a_folder_of_test_data_gives_inputs_and_what_is_expected() {
    let data = case(PADS) + "/test_data_set_0";
    let ran = run(&model(PADS), &["--data", &data, "--expect"]).works();
    let text = ran.text();
    assert!(text.starts_with("y  f32[1,1,5,5]  min 13"), "{text}");
    assert!(
        text.ends_with("\ny  as expected, rtol 0, atol 0\n"),
        "{text}"
    );
    assert_eq!(ran.stderr, "");
    let document = run(&case(PADS), &["--expect", "--format", "json"])
        .works()
        .json();
    let wanted = json!([{"name": "y", "agrees": true, "detail": null, "rtol": 0.0, "atol": 0.0}]);
    assert_eq!(document["expected"], wanted);
    // Where a source is named, the data give the others.
    let differ = run(
        &model(PADS),
        &["--data", &data, "-i", "x=zeros", "--expect"],
    );
    assert_eq!(differ.code, Some(1), "{}", differ.stderr);
    let text = differ.text();
    assert!(
        text.contains("\ny  differs: f32[1,1,5,5]: 25 of 25 differ, first at"),
        "{text}"
    );

    run(&model(PADS), &["--data", &case(PADS)])
        .fails(5, ": holds no input_0.pb\nhelp: did you mean ");
    run(&model(PADS), &["--data", "none"]).fails(8, "none: ");
    run(&model(UNPOOL), &["--data", &data]).fails(
        5,
        "input_0.pb: the input 'xT' has dimension 5 at axis 2, must have 2",
    );
    run(&model(PADS), &["-i", "x=zeros", "--expect"])
        .fails(2, "help: add --data DIR, or say --expect=SOURCE\n");
    linn(&["bench", &model(PADS), "--data", &data, "--runs", "2"]).works();
}

#[test]
fn outputs_are_compared_with_what_is_expected() {
    let files = Files::new();
    let model = negative(&files);
    let expect = |expected: &str, args: &[&str]| {
        let expected = format!("--expect={expected}");
        run(
            &model,
            &[&["-i", "[1,2]", expected.as_str()], args].concat(),
        )
    };
    let wanted = files.at("y.npy");
    write_npy(&wanted, &array![-1.0f32, -2.125]).unwrap();
    assert!(
        expect("[-1,-2]", &[])
            .works()
            .text()
            .ends_with("y  as expected, rtol 1e-3, atol 1e-7\n")
    );
    let differ = expect(&format!("y={wanted}"), &[]);
    assert_eq!(differ.code, Some(1));
    let text = differ.text();
    assert!(
        text.contains("1 of 2 differ, first at [1]: got -2.0, want -2.125"),
        "{text}"
    );
    let near = expect(&wanted, &["--atol", "0.25"]).works();
    assert!(
        near.text()
            .ends_with("y  as expected, rtol 1e-3, atol 2.5e-1\n")
    );
    expect(&wanted, &["--rtol", "y=0.1"]).works();
    // With stdout taken by a tensor, the line is on stderr.
    let piped = expect("[-1,-2]", &["-o", "-"]).works();
    assert_eq!(piped.json()["data"], json!([-1.0, -2.0]));
    assert!(
        piped
            .stderr
            .ends_with("y  as expected, rtol 1e-3, atol 1e-7\n")
    );
    // What is of another type or shape differs.
    let text = files.at("y.pb");
    fs::write(&text, write_tensor("y", &f32s(&[1, 2], &[-1.0, -2.0]))).unwrap();
    let differ = expect(&text, &[]);
    assert_eq!(differ.code, Some(1));
    assert!(differ.text().contains("differs: got f32[2], want f32[1,2]"));

    expect("z=[1,2]", &[]).fails(5, "the model has no output 'z'; its outputs are 'y'");
    expect("zeros", &[]).fails(2, "an expected output is not generated");
    expect("[-1,-2]", &["--rtol", "z=1"]).fails(2, "there is no output 'z' to compare");
    expect("[-1,-2]", &["--rtol", "-1"]).fails_as_usage("not a finite number");
    run(&model, &["-i", "[1,2]", "--rtol", "1"]).fails(2, "--rtol and --atol are for --expect\n");
}

#[test]
fn the_largest_scores_are_shown_with_their_labels() {
    let files = Files::new();
    let model = identity(&files, DType::F32, "N,3");
    let labels = files.at("labels.txt");
    fs::write(&labels, "tench\ngreat white shark\ncock\n").unwrap();
    let rows = "[0.25,0.75,0;0.5,0.25,0.25]";
    let ran = run(&model, &["-i", rows, "--labels", &labels, "--top", "2"]).works();
    assert_eq!(
        ran.text(),
        "y  f32[2,3]  row 0\n  1  great white shark  0.7500  ████████████████\n  \
         0  tench              0.2500  █████\n\
         y  f32[2,3]  row 1\n  0  tench              0.5000  ████████████████\n  \
         1  great white shark  0.2500  ████████\n"
    );
    let args = ["-i", "[9,1,1]", "--labels", &labels, "--format", "json"];
    let ran = run(&model, &args).works();
    assert!(
        ran.stderr
            .contains("note: 'y' holds no probabilities, so softmax is taken of it")
    );
    let output = &ran.json()["outputs"][0];
    assert_eq!(output["softmax"], json!(true));
    let top = output["top"][0].as_array().unwrap();
    assert_eq!(top.len(), 3);
    assert_eq!(
        (&top[0]["class"], &top[0]["label"]),
        (&json!(0), &json!("tench"))
    );
    assert!((top[0]["score"].as_f64().unwrap() - 0.99933).abs() < 1e-5);
    let raw = run(
        &model,
        &["-i", "[9,1,1]", "--top", "1", "--softmax", "never"],
    )
    .works();
    assert_eq!(raw.text(), "y  f32[1,3]\n  0  9.0000  ████████████████\n");
    // Files are written all the same.
    let y = files.at("y.npy");
    let both = run(&model, &["-i", "[9,1,1]", "--top", "1", "-o", &y]).works();
    assert!(both.text().starts_with("y  f32[1,3]  softmax\n  0  0.9993"));
    assert!(files.path("y.npy").exists());

    fs::write(&labels, "tench\nshark\n").unwrap();
    run(&model, &["-i", rows, "--labels", &labels]).fails(
        5,
        "labels.txt: holds 2 labels, the output 'y' has 3 classes\n",
    );
    fs::write(&labels, "{\"0\": 1}").unwrap();
    run(&model, &["-i", rows, "--labels", &labels])
        .fails(5, "labels.txt: the name for 0 is no text\n");
    run(&model, &["--labels", &files.at("none.txt")]).fails(8, "none.txt: ");
    run(&model, &["--top", "0"]).fails_as_usage("must be at least 1");
    run(&case(PADS), &["--top", "3"])
        .fails(5, "no output is a row of scores: 'y' is f32[1,1,5,5]\n");
}

#[test]
fn every_value_is_saved_under_a_name_of_its_own() {
    let files = Files::new();
    let build = Build::new(21)
        .input("x", DType::F32, "2")
        .node(node("Neg", &["x"], &["../a"]))
        .node(node("Abs", &["../a"], &["..:a"]))
        .node(node("Sqrt", &["..:a"], &["y"]));
    let model = files.at("model.onnx");
    fs::write(&model, build.output("y").bytes()).unwrap();
    let folder = files.at("new/all");
    let args = ["-i", "[4,9]", "--save-all", &folder, "--opt", "none"];
    let ran = run(&model, &args).works();
    assert!(ran.text().starts_with("y  f32[2]"));
    let index: Value =
        serde_json::from_slice(&fs::read(files.path("new/all/values.json")).unwrap()).unwrap();
    assert_eq!(index["schema"], "linn.values/1");
    let values = index["values"].as_array().unwrap();
    let pairs: Vec<(&str, &str)> = values
        .iter()
        .map(|value| {
            (
                value["name"].as_str().unwrap(),
                value["file"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        pairs,
        [("../a", ".._a.npy"), ("..:a", ".._a-2.npy"), ("y", "y.npy")]
    );
    let read = |file: &str| -> Vec<f32> {
        let array: Array<f32, ndarray::Ix1> =
            ndarray_npy::read_npy(files.path("new/all").join(file)).unwrap();
        array.to_vec()
    };
    assert_eq!(read(".._a.npy"), [-4.0, -9.0]);
    assert_eq!(read(".._a-2.npy"), [4.0, 9.0]);
    assert_eq!(read("y.npy"), [2.0, 3.0]);
    assert_eq!(files.names(), ["model.onnx", "new"]);
    run(&model, &["--save-all", &files.at("model.onnx/all")]).fails(8, "model.onnx/all: ");
}

/// The one document on stderr of a failure.
fn error(args: &[&str]) -> Value {
    let ran = linn(&[args, &["--format", "json"]].concat());
    assert_eq!(ran.text(), "");
    let last = ran.stderr.lines().last().expect("something is said");
    let document: Value = serde_json::from_str(last).expect("it is a document");
    assert_eq!(document["schema"], "linn.error/1");
    assert_eq!(document["exit_code"], json!(ran.code));
    assert!(!ran.stderr.contains("error: "), "{}", ran.stderr);
    document
}

#[test]
fn failures_are_documents_where_json_is_asked_for() {
    let files = Files::new();
    let model = identity(&files, DType::F32, "N,3,4,5");
    let x = files.at("x.npy");
    write_npy(&x, &Array::<f32, _>::zeros((1, 4, 5, 3))).unwrap();
    assert_eq!(
        error(&["run", &model, "-i", &x]),
        json!({
            "schema": "linn.error/1",
            "linn": env!("CARGO_PKG_VERSION"),
            "class": "input",
            "exit_code": 5,
            "message": format!(
                "{x}: the input 'x' has dimension 4 at axis 1, must have 3: wanted f32[N,3,4,5], got f32[1,4,5,3]"
            ),
            "file": x,
            "input": "x",
            "want": "f32[N,3,4,5]",
            "got": "f32[1,4,5,3]",
            "help": "its channels look to be the last axis: add --layout nhwc",
        })
    );
    fs::write(&x, "text").unwrap();
    let broken = error(&["run", &model, "-i", &x]);
    assert_eq!(
        (&broken["class"], &broken["file"]),
        (&json!("input"), &json!(x))
    );
    let none = error(&["inspect", &files.at("none.onnx")]);
    assert_eq!(
        (&none["class"], &none["file"]),
        (&json!("io"), &json!(files.at("none.onnx")))
    );
    assert_eq!(error(&["run", &model, "-i", "x=zeroes"])["class"], "usage");
    assert_eq!(
        error(&["run"]),
        json!({
            "schema": "linn.error/1",
            "linn": env!("CARGO_PKG_VERSION"),
            "class": "usage",
            "exit_code": 2,
            "message": "the following required arguments were not provided: <MODEL>",
        })
    );
    assert_eq!(
        error(&["run", &model, "--sede", "1"])["help"],
        "a similar argument exists: '--seed'"
    );
    let page = linn(&["run", "--help", "--format", "json"]).works();
    assert!(page.text().contains("Usage: linn run"));

    let pool = node("MaxPool", &["x"], &["y"]);
    let build = Build::new(12).input("x", DType::F32, "1,1,4,4").node(pool);
    let file = files.at("pool.onnx");
    fs::write(&file, build.output("y").bytes()).unwrap();
    let invalid = error(&["run", &file]);
    assert_eq!(invalid["class"], "invalid");
    assert_eq!(
        invalid["node"],
        json!({"index": 0, "name": "", "output": "y", "calls": []})
    );
    assert_eq!(
        (&invalid["operator"], &invalid["opset"]),
        (&json!("MaxPool"), &json!(12))
    );
    assert_eq!(
        (&invalid["field"], &invalid["file"]),
        (&json!("kernel_shape"), &json!(file))
    );
    let random =
        Build::new(22)
            .input("x", DType::F32, "1,1,3,3")
            .node(node("Bernoulli", &["x"], &["y"]));
    fs::write(&file, random.output("y").bytes()).unwrap();
    let unsupported = error(&["run", &file]);
    assert_eq!(unsupported["class"], "unsupported");
    assert_eq!(unsupported["findings"][0]["operator"], "Bernoulli");
    let help = linn(&["--help"]).works().text();
    assert!(help.contains("linn.error/1"), "{help}");
}

#[test]
fn options_that_make_no_difference_are_refused() {
    let files = Files::new();
    let row = identity(&files, DType::F32, "1,3");
    run(&row, &["-i", "[1,2,3]", "--seed", "1"]).fails(2, "--seed is for random inputs");
    run(&row, &["-i", "rand", "--seed", "1"]).works();
    run(&row, &["--layout", "x=nhwc"]).fails(2, "the input has rank 2, must have 3 or 4");
    run(&row, &["--top", "1", "-o", "-"]).fails(2, "scores are asked for and not shown");
    #[cfg(feature = "image")]
    run(&row, &["--preprocess", "raw"]).fails(2, "--preprocess is for pictures");
}

#[test]
fn messages_say_what_to_do_in_plain_words() {
    let files = Files::new();
    let texts = identity(&files, DType::String, "2");
    let strings = run(&texts, &["-i", r#"["a, b","c"]"#]).works().text();
    assert!(strings.contains(r#"["a, b", "c"]"#), "{strings}");
    run(&texts, &["-i", "[1,2]"]).fails(5, "1 is no string: they stand in double quotes");

    let pictures = identity(&files, DType::F32, "N,3,8,8");
    let x = files.at("pixels.npy");
    write_npy(&x, &Array3::<u8>::zeros((30, 40, 3))).unwrap();
    #[cfg(feature = "image")]
    run(&pictures, &["-i", &x]).fails(5, "help: give the picture itself, as cat.jpg");
    run(&pictures, &["-i", &x]).fails(5, "the input 'x': wanted f32[N,3,8,8], got u8[30,40,3]");

    fs::write(files.path("names.txt"), "[tabby]\n").unwrap();
    let labels = files.at("names.txt");
    run(&pictures, &["--labels", &labels]).fails(5, "names.txt: begins as JSON and is none");
    let npz = files.at("a.npz");
    run(&pictures, &["-o", &npz, "-o", &npz]).fails(2, "would be written twice: for 'y'\n");

    let gather = node("Gather", &["x", "i"], &["y"]);
    let build = Build::new(17)
        .input("x", DType::F32, "2")
        .input("i", DType::I64, "40")
        .node(gather);
    let file = files.at("gather.onnx");
    fs::write(&file, build.output("y").bytes()).unwrap();
    run(&file, &[]).fails(6, "help: choose the values, as -i x=rand:0,3");
    let build = Build::new(17)
        .initializer("x", &linn::Tensor::new(&[1], vec![1f32]).unwrap())
        .node(node("Relu", &["x"], &["y"]));
    fs::write(&file, build.output("y").bytes()).unwrap();
    run(&file, &["-i", "[1]"]).fails(2, "error: the model has no inputs\n");
}

#[test]
fn random_inputs_stay_inside_their_bounds() {
    let files = Files::new();
    let many = identity(&files, DType::I64, "200");
    let args = ["-i", "rand:-3,4", "--format", "json"];
    let output = &run(&many, &args).works().json()["outputs"][0];
    assert_eq!((&output["min"], &output["max"]), (&json!(-3), &json!(4)));
    run(&many, &["-i", "rand:4,-3"]).fails(2, "the smaller one first");
}
