//! The program `linn` as a user meets it: arguments, streams, files, exit codes.
#![cfg(feature = "cli")]

#[path = "cli/about.rs"]
mod about;
#[path = "cli/compare.rs"]
mod compare;
#[path = "cli/deadline.rs"]
mod deadline;
#[path = "cli/documents.rs"]
mod documents;
#[path = "cli/graph.rs"]
mod graph;
#[path = "cli/inputs.rs"]
mod inputs;
#[path = "cli/manners.rs"]
mod manners;
#[cfg(feature = "image")]
#[path = "cli/picture.rs"]
mod picture;
#[path = "cli/profile.rs"]
mod profile;
#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use linn::{DType, Simd};
use ndarray::{Array4, ArrayD};
use ndarray_npy::{ReadNpyExt, WriteNpyExt, read_npy, write_npy};
use serde_json::{Value, json};
use support::model::{Build, node};
use support::program::{case, linn, linn_fed, model};
use tempfile::TempDir;

const DEFAULT: &str = "test_maxpool_2d_default";
const PADS: &str = "test_maxpool_2d_precomputed_pads";
const ARGMAX: &str = "test_maxpool_with_argmax_2d_precomputed_pads";
const UNPOOL: &str = "test_maxunpool_export_without_output_shape";

/// A folder for the files of one test.
struct Files(TempDir);

impl Files {
    fn new() -> Files {
        Files(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn at(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.0.path())
            .expect("the folder is there")
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// The stored input and output of a case, as arrays.
fn stored(name: &str) -> (ArrayD<f32>, ArrayD<f32>) {
    let read = |file: &str| {
        let bytes = fs::read(format!("{}/test_data_set_0/{file}", case(name))).unwrap();
        linn::read_tensor(bytes).unwrap().1.into_array().unwrap()
    };
    (read("input_0.pb"), read("output_0.pb"))
}

#[test]
fn a_folder_with_test_data_is_run_on_them() {
    let ran = linn(&["run", &case(PADS)]).works();
    let text = ran.text();
    assert!(text.starts_with("y  f32[1,1,5,5]  min 13  mean 21.4  max 25  nan 0  inf 0\n"));
    assert!(text.contains("\n  13 14 15 15 15\n"));
    assert!(ran.stderr.contains("note: the inputs are those of "));
}

#[test]
fn a_file_alone_is_run_on_random_inputs_that_a_seed_repeats() {
    let run =
        |seed: &str| linn(&["run", &model(DEFAULT), "--seed", seed, "--format", "json"]).works();
    let first = run("0");
    assert!(first.stderr.contains("the inputs are random, from seed 0"));
    assert_eq!(first.stdout, run("0").stdout);
    assert_ne!(first.stdout, run("1").stdout);
    let document = first.json();
    assert_eq!(document["schema"], "linn.run/1");
    let output = &document["outputs"][0];
    assert_eq!(
        (&output["dtype"], &output["shape"]),
        (&json!("f32"), &json!([1, 3, 31, 31]))
    );
    assert_eq!((&output["nan"], output.get("data")), (&json!(0), None));
    let least = output["min"].as_f64().unwrap();
    assert!((0.0..1.0).contains(&least));
}

#[test]
fn numpy_files_go_in_and_come_out() {
    let files = Files::new();
    let (x, y) = stored(DEFAULT);
    write_npy(files.path("x.npy"), &x).unwrap();
    let (input, output) = (format!("x={}", files.at("x.npy")), files.at("y.npy"));
    let ran = linn(&["run", &model(DEFAULT), "-i", &input, "-o", &output]).works();
    assert_eq!((ran.text().as_str(), ran.stderr.as_str()), ("", ""));
    assert_eq!(read_npy::<_, ArrayD<f32>>(files.path("y.npy")).unwrap(), y);

    // In Fortran order, through stdin.
    let mut fortran = Vec::new();
    x.t()
        .as_standard_layout()
        .reversed_axes()
        .write_npy(&mut fortran)
        .unwrap();
    linn_fed(
        &["run", &model(DEFAULT), "-i", "-", "-o", &output],
        &fortran,
    )
    .works();
    let again = ArrayD::<f32>::read_npy(fs::File::open(output).unwrap()).unwrap();
    assert_eq!(again, y);
}

#[test]
fn npz_archives_go_in_and_come_out() {
    let files = Files::new();
    let (z, folder) = (files.at("all.npz"), files.at("out/"));
    linn(&["run", &case(ARGMAX), "-o", &z, "-o", &folder]).works();
    assert_eq!(files.names(), ["all.npz", "out"]);
    let y: Array4<f32> = read_npy(files.path("out/y.npy")).unwrap();
    let indices: Array4<i64> = read_npy(files.path("out/z.npy")).unwrap();
    assert_eq!((y[[0, 0, 0, 0]], indices[[0, 0, 0, 0]]), (13.0, 12));

    // Arrays by key, and an archive whose keys are the names of the inputs.
    let (y, z) = (format!("xT={z}:y"), format!("xI={z}:z.npy"));
    let direct = linn(&[
        "pool",
        "max",
        "--input",
        &format!("{}:y", files.at("all.npz")),
        "-k",
        "1",
        "-s",
        "1",
    ]);
    assert!(direct.works().text().starts_with("[[13, 14"));
    linn(&["run", &model(UNPOOL), "-i", &y, "-i", &z]).fails(5, "xT");
    linn(&[
        "run",
        &case(UNPOOL),
        "-o",
        &files.at("no.npz"),
        "-i",
        &files.at("all.npz"),
    ])
    .fails(5, "the model has no input 'y'; its inputs are 'xT', 'xI'");
    assert!(!files.path("no.npz").exists());
    let which = format!("x={}", files.at("all.npz"));
    linn(&["run", &model(PADS), "-i", &which]).fails(5, "which array? It holds 'y', 'z'");
    let none = format!("x={}:q", files.at("all.npz"));
    linn(&["run", &model(PADS), "-i", &none]).fails(5, "no array 'q'; it holds 'y', 'z'");
}

#[test]
fn tensors_as_pb_and_json() {
    let files = Files::new();
    let input = case(PADS) + "/test_data_set_0/input_0.pb";
    let (pb, file) = (files.at("y.pb"), files.at("y.json"));
    linn(&["run", &model(PADS), "-i", &input, "-o", &pb, "-o", &file]).works();
    let (name, tensor) = linn::read_tensor(fs::read(pb).unwrap()).unwrap();
    assert_eq!((name.as_str(), tensor), ("y", stored(PADS).1.into()));
    let document: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(document["schema"], "linn.tensor/1");
    assert_eq!(document["shape"], json!([1, 1, 5, 5]));
    assert_eq!(document["data"][24], json!(25.0));
    // On stdout, a tensor takes the place of the other document.
    let piped = linn(&[
        "run",
        &model(PADS),
        "-i",
        &input,
        "-o",
        "y=-",
        "--format",
        "json",
    ])
    .works();
    assert_eq!(piped.json(), document);
}

#[test]
fn values_in_the_arguments() {
    let run = |input: &str| linn(&["run", &model(PADS), "-i", input, "--format", "json"]);
    let rows = "[1,2,3,4,5;6,7,8,9,10;11,12,13,14,15;16,17,18,19,20;21,22,23,24,25]";
    let (named, plain) = (run(&format!("x={rows}")).works(), run(rows).works());
    assert_eq!(
        named.json()["outputs"][0]["data"],
        plain.json()["outputs"][0]["data"]
    );
    assert_eq!(plain.json()["outputs"][0]["max"], json!(25.0));
    run("iota").works();
    run("x=rand:-1,1").works();
    run("[1,2;3]").fails(2, "row 1 has 1 elements, the rows before it have 2");
    run("[1,2;3,4]").fails(5, "got f32[1,1,2,2]");
    run("x=zeroes").fails(2, "'zeroes' is no source");
    let bytes = model("test_maxpool_2d_uint8");
    linn(&["run", &bytes, "-i", "[1,300]"]).fails(5, "element 1 is 300, not a value of type u8");
}

#[test]
fn a_model_from_stdin() {
    let bytes = fs::read(model(PADS)).unwrap();
    let ran = linn_fed(&["run", "-", "-i", "ones"], &bytes).works();
    assert!(
        ran.text()
            .starts_with("y  f32[1,1,5,5]  min 1  mean 1  max 1")
    );
    linn_fed(&["run", "-", "-i", "-"], &bytes).fails(2, "stdin can be read only once");
    linn_fed(&["run", "-"], b"").fails(3, "stdin: not an ONNX model: the file is empty");
}

#[test]
fn names_are_checked() {
    let x = "x=rand";
    linn(&["run", &model(PADS), "-i", "X=rand"]).fails(
        5,
        "no input 'X'; its inputs are 'x'\nhelp: did you mean 'x'?",
    );
    linn(&["run", &model(PADS), "-i", x, "-i", x]).fails(2, "the input 'x' is given twice");
    linn(&["run", &model(UNPOOL), "-i", "rand"]).fails(2, "help: say which one a source is for");
    linn(&["run", &model(UNPOOL), "-i", "xT=rand"]).fails(5, "xI");
    linn(&["run", &model(PADS), "-i", x, "-o", "q=-"]).fails(5, "'q'");
    linn(&["run", &case(ARGMAX), "-o", "-"])
        .fails(2, "takes one tensor, the model has 2 outputs: 'y', 'z'");
    linn(&["run", &case(ARGMAX), "-o", "y=-", "-o", "z=-"]).fails(2, "two outputs go to stdout");
    linn(&["run", &case(ARGMAX), "-o", "y=a.npy", "-o", "z=./a.npy"])
        .fails(2, "would be written twice");
    // The inputs are values of the graph too.
    let fetched = linn(&["run", &case(PADS), "-o", "x=-"]).works();
    assert_eq!(fetched.json()["data"][1], json!(2.0));
}

#[test]
fn exit_codes_tell_whose_turn_it_is() {
    let files = Files::new();
    linn(&["run"]).code.map(|code| assert_eq!(code, 2)).unwrap();
    linn(&["run", &files.at("none.onnx")]).fails(8, "none.onnx: ");
    linn(&["run", &files.at(".")]).fails(8, "model.onnx");
    fs::write(files.path("bad.onnx"), b"not a model").unwrap();
    linn(&["run", &files.at("bad.onnx")]).fails(3, "bad.onnx: not an ONNX model");
    linn(&["run", &model(PADS), "-i", &files.at("none.npy")]).fails(8, "none.npy: ");
    fs::write(files.path("bad.npy"), b"\x93NUMPY\x01\x00\xff\xff{").unwrap();
    linn(&["run", &model(PADS), "-i", &files.at("bad.npy")])
        .fails(5, "bad.npy: the file ends inside its header");
    fs::write(files.path("bad.npz"), b"PK\x03\x04").unwrap();
    linn(&["run", &model(PADS), "-i", &files.at("bad.npz")]).fails(5, "bad.npz: not an .npz file");
    fs::write(files.path("bad.pb"), b"\xff\xff").unwrap();
    linn(&["run", &model(PADS), "-i", &files.at("bad.pb")]).fails(5, "bad.pb: not an ONNX tensor");
    linn(&["run", &model(DEFAULT), "--max-memory", "1K"]).fails(7, "limit");
    linn(&["run", &model(PADS), "--max-memory", "lots"]).fails_as_usage("not a size");
}

#[test]
fn nothing_is_written_by_halves() {
    let files = Files::new();
    fs::write(files.path("old.npy"), "old").unwrap();
    let (old, new) = (
        format!("y={}", files.at("old.npy")),
        format!("z={}", files.at("none/z.npy")),
    );
    linn(&["run", &case(ARGMAX), "-o", &old, "-o", &new])
        .fails(8, "z.npy: its folder does not exist\n");
    linn(&[
        "run",
        &model(PADS),
        "-i",
        "[1,2]",
        "-o",
        &files.at("old.npy"),
    ])
    .fails(5, "wanted");
    linn(&["run", &case(PADS), "-o", &files.at("old.npy/y.npy")])
        .fails(8, "y.npy: not a directory\n");
    assert_eq!(fs::read(files.path("old.npy")).unwrap(), b"old");
    assert_eq!(files.names(), ["old.npy"]);
    #[cfg(target_os = "linux")]
    linn(&["run", &case(PADS), "-o", "/proc/y.npy"]).fails(8, "/proc/y.npy: ");
}

#[cfg(unix)]
#[test]
fn new_files_have_the_permissions_of_new_files_and_links_stay_links() {
    use std::os::unix::fs::{MetadataExt, symlink};
    let files = Files::new();
    fs::write(files.path("plain"), "").unwrap();
    linn(&["run", &case(PADS), "-o", &files.at("y.npy")]).works();
    let mode = |name: &str| files.path(name).metadata().unwrap().mode();
    assert_eq!(mode("y.npy"), mode("plain"));

    symlink(files.path("plain"), files.path("link.npy")).unwrap();
    linn(&["run", &case(PADS), "-o", &files.at("link.npy")]).works();
    assert!(
        files
            .path("link.npy")
            .symlink_metadata()
            .unwrap()
            .is_symlink()
    );
    assert!(
        fs::read(files.path("plain"))
            .unwrap()
            .starts_with(b"\x93NUMPY")
    );
}

#[test]
fn pool_explains_the_divisor_of_ceil_mode() {
    let input = "[1,2,3,4;5,6,7,8;9,10,11,12;13,14,15,16]";
    let ran = linn(&[
        "pool",
        "avg",
        "--input",
        input,
        "--kernel",
        "3",
        "--stride",
        "2",
        "--pad",
        "1",
        "--ceil",
        "--count-include-pad",
        "--explain",
    ]);
    let text = ran.works().text();
    for part in [
        "in 4x4 -> out 3x3",
        "out = ceil((4 + 1 + 1 - 3) / 2) + 1 = 3; last window starts at 3 < 4 (input end): kept",
        "o=2 [3,6) 1 real + 1 pad + 1 outside -> 2",
        " 1.5556  3.3333  2.0000\n 6.3333 11.0000  6.0000\n 4.5000  7.5000  4.0000\n",
        "note: corner divisor is 2*2 = 4, not 9: taps outside the padding never count",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn pool_takes_every_kind_and_says_what_does_not_fit() {
    let pool = |args: &str| {
        let args: Vec<&str> = args.split(' ').collect();
        linn(&[&["pool"], args.as_slice()].concat())
    };
    let shows = |args: &str, text: &str| assert_eq!(pool(args).works().text(), text, "{args}");
    shows(
        "max --input 4x4 --kernel 2 --stride 2",
        "[[5, 7], [13, 15]]\n",
    );
    shows(
        "max -i 1,1,4,4 -k 2 -s 2 --indices",
        "Y  [[5, 7], [13, 15]]\nIndices  [[5, 7], [13, 15]]\n",
    );
    shows(
        "max -i 4x4 -k 2 -s 2 --indices --storage-order 1 --dtype u8",
        "Y  [[5, 7], [13, 15]]\nIndices  [[5, 13], [7, 15]]\n",
    );
    shows("max -i [1,2,3,4] -k 2 -s 1", "[2, 3, 4]\n");
    shows(
        "avg -i 3x3 -k 2 -s 2 --auto-pad SAME_LOWER",
        "[[0, 1.5], [4.5, 6]]\n",
    );
    shows("lp -i [3,4] -k 2 -s 1", "5\n");
    shows("glp -i [1,2] --p 1", "3\n");
    shows("gmax -i 4x4", "15\n");
    shows(
        "gavg -i 2x3x2x2",
        "[[[[1.5]], [[5.5]], [[9.5]]], [[[13.5]], [[17.5]], [[21.5]]]]\n",
    );
    let document = pool("max -i 4x4 -k 2 -s 2 --format json --explain").works();
    assert_eq!(document.json()["schema"], "linn.pool/1");
    assert_eq!(document.json()["axes"][1]["output"], json!(2));
    let explanation = document.json()["explanation"].to_string();
    assert!(explanation.contains("MaxPool   in 4x4"), "{explanation}");
    assert_eq!(
        pool("max -i 4x4 -k 2 -s 2 -o -").works().json()["data"],
        json!([5.0, 7.0, 13.0, 15.0])
    );

    pool("max -i 4x4").fails(2, "needs a --kernel");
    pool("max -i 4x4 -k 0 -s 1").fails(2, "kernel_shape[0] is 0, must be at least 1");
    pool("max -i 4x4 -k 2x2x2 -s 1")
        .fails(2, "--kernel has 3 numbers, the input has 2 spatial axes");
    pool("max -i [1,1,4,4] -k 2x2 -s 1").fails(2, "help: brackets hold values");
    pool("max -i 4x4 -k 9 -s 1").fails(5, "the output size would be -4");
    pool("max -i 4x4 -k 2 -s 1 --p 2").fails(2, "MaxPool has no --p");
    pool("gavg -i 4x4 --kernel 2").fails(2, "GlobalAveragePool has no --kernel");
    pool("max -i rand -k 2 -s 1").fails(2, "help: give a shape");
    pool("avg -i 4x4 -k 1 -s 1 --dtype i64").fails(5, "i64");
    pool("max -i 4 -k 1 -s 1 --pad 1000000000").fails(7, "limit");
    pool("max -i 1000000000x1000 -k 1 -s 1").fails(7, "limit");
    pool("max -i 99999999999999999999x1 -k 1 -s 1").fails(2, "is no source");
    pool("max -i 4x4 -k a").fails_as_usage("must be a number");
    pool("med -i 4x4 -k 1").fails_as_usage("gmax");
}

#[test]
fn every_instruction_set_gives_the_same_and_an_unknown_one_is_refused() {
    let run = |simd: &str| linn(&["run", &case(ARGMAX), "--format", "json", "--simd", simd]);
    let auto = run("auto").works();
    for simd in Simd::available() {
        assert_eq!(run(simd.name()).works().stdout, auto.stdout, "{simd}");
    }
    let lacking = match cfg!(target_arch = "aarch64") {
        true => "avx2",
        false => "neon",
    };
    run(lacking).fails(4, "the instruction set");
    for args in [
        &["test", &case(ARGMAX)][..],
        &["pool", "max", "--input", "4x4", "--kernel", "2"],
    ] {
        let simd = |name| linn(&[args, &["--simd", name]].concat());
        simd("auto").works();
        simd("fallback").works();
        simd(lacking).fails(4, "the instruction set");
        simd("sse42").fails_as_usage("a similar value exists: 'sse4.2'");
    }
}

#[test]
fn help_has_examples() {
    for command in ["run", "bench", "pool"] {
        for flag in ["-h", "--help"] {
            let help = linn(&[command, flag]).works().text();
            assert!(help.contains("Examples:\n  linn "), "{help}");
        }
    }
}

#[test]
fn test_data_are_where_these_tests_think() {
    assert!(Path::new(&model(DEFAULT)).is_file());
}

/// The codes of models that are valid: not supported, and failed on the values of a run.
#[test]
fn exit_codes_of_models_that_are_valid() {
    let files = Files::new();
    let random = Build::new(22)
        .input("x", DType::F32, "1,1,3,3")
        .node(node("Bernoulli", &["x"], &["y"]))
        .output("y");
    fs::write(files.path("random.onnx"), random.bytes()).unwrap();
    linn(&["run", &files.at("random.onnx")]).fails(4, "the operator Bernoulli is not supported");
    let indices = "xI=[99,99;99,99]";
    linn(&["run", &model(UNPOOL), "-i", "xT=ones", "-i", indices]).fails(6, "the index I[0] is 99");
}
