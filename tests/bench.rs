//! `linn bench` as a user meets it: what it prints, and what it refuses.
#![cfg(feature = "cli")]

#[path = "support/mod.rs"]
mod support;

use linn::Simd;
use serde_json::Value;
use support::program::{Ran, case, linn, model};

const PADS: &str = "test_maxpool_2d_precomputed_pads";
const ARGMAX: &str = "test_maxpool_with_argmax_2d_precomputed_pads";
const UNPOOL: &str = "test_maxunpool_export_without_output_shape";
const WITHOUT_WAITING: [&str; 4] = ["--runs", "20", "--warmup", "0s"];

/// Runs `linn bench`, for a short time.
fn bench(args: &[&str]) -> Ran {
    linn(&[&["bench"], args, &WITHOUT_WAITING].concat())
}

fn document(args: &[&str]) -> Value {
    let args = [args, &["--format", "json"]].concat();
    bench(&args).works().json()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn the_document_has_what_scripts_read() {
    let document = document(&[&model(PADS)]);
    assert_eq!(document["schema"], "linn.bench/1");
    assert_eq!(
        document["tool"],
        concat!("linn ", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(document["model"], model(PADS));
    assert_eq!(document["inputs"][0]["dtype"], "f32");
    assert_eq!(document["simd"], Simd::best().name());
    assert_eq!(document["fresh"], false);
    assert!(document["cpu"].is_string() || document["cpu"].is_null());
    assert!(number(&document["load_s"]) > 0.0);
    // The output, of 5 x 5 elements of 4 bytes.
    assert!(number(&document["peak_bytes"]) >= 100.0);
    if cfg!(target_os = "linux") {
        assert!(number(&document["rss_bytes"]) > 100_000.0);
    }
    let rows = document["rows"].as_array().expect("a list");
    let [row] = rows.as_slice() else {
        panic!("{document}");
    };
    assert_eq!(row["runs"], 20);
    assert!(number(&row["threads"]) >= 1.0);
    let seconds = ["min_s", "p50_s", "p90_s", "p99_s"].map(|key| number(&row[key]));
    assert!(seconds[0] > 0.0 && seconds.is_sorted(), "{document}");
}

#[test]
fn a_sweep_gives_a_row_for_each_number_of_threads() {
    let document = document(&[&case(ARGMAX), "--threads-sweep", "1,2"]);
    let rows = document["rows"].as_array().expect("a list").iter();
    assert_eq!(
        rows.map(|row| number(&row["threads"])).collect::<Vec<_>>(),
        [1.0, 2.0]
    );

    let text = bench(&[&case(ARGMAX), "--threads-sweep", "2,1"])
        .works()
        .text();
    let lines: Vec<&str> = text.lines().collect();
    let [model, machine, head, two, one] = lines.as_slice() else {
        panic!("{text}");
    };
    assert!(
        model.contains("loaded in ") && model.contains("tensors take "),
        "{text}"
    );
    assert!(machine.starts_with(Simd::best().name()), "{text}");
    let words: Vec<&str> = head.split_whitespace().collect();
    assert_eq!(
        (words[0], words[1], words.last()),
        ("threads", "min", Some(&"runs")),
        "{text}"
    );
    assert!(
        two.starts_with("      2  ") && one.starts_with("      1  "),
        "{text}"
    );
    assert!(
        [two, one].iter().all(|line| line.ends_with("    20")),
        "{text}"
    );
    assert_eq!(
        lines[2..].iter().map(|line| line.len()).max(),
        Some(head.len()),
        "{text}"
    );
}

#[test]
fn inputs_are_those_of_run() {
    let random = bench(&[&model(PADS)]).works();
    assert!(
        random
            .stderr
            .contains("note: the inputs are random, from seed 0"),
        "{}",
        random.stderr
    );
    let stored = bench(&[&case(PADS)]).works();
    assert!(
        stored.stderr.contains("note: the inputs are those of "),
        "{}",
        stored.stderr
    );
    let given = document(&[&model(UNPOOL), "-i", "xT=ones", "-i", "xI=iota"]);
    assert_eq!(given["inputs"][1]["dtype"], "i64");
    // Every row is fed the same, and runs that make their outputs are timed as well.
    let fresh = document(&[&case(UNPOOL), "--fresh", "--threads", "1"]);
    assert_eq!(
        (&fresh["fresh"], &fresh["rows"][0]["threads"]),
        (&true.into(), &1.into())
    );
}

#[test]
fn a_time_is_kept_to() {
    let args = [
        "bench",
        &model(PADS),
        "--time",
        "50ms",
        "--warmup",
        "10ms",
        "--format",
        "json",
    ];
    let document = linn(&args).works().json();
    let row = &document["rows"][0];
    let total = number(&row["runs"]) * number(&row["min_s"]);
    assert!(total <= 0.2 && number(&row["runs"]) >= 5.0, "{document}");
}

#[test]
fn instruction_sets_are_chosen_by_name() {
    for simd in Simd::available() {
        assert_eq!(
            document(&[&case(PADS), "--simd", simd.name()])["simd"],
            simd.name()
        );
    }
    assert!(Simd::available().contains(&Simd::Fallback));
    bench(&[&case(PADS), "--simd", "sse42"]).fails_as_usage("a similar value exists: 'sse4.2'");
    let lacking = match cfg!(target_arch = "aarch64") {
        true => "avx2",
        false => "neon",
    };
    bench(&[&case(PADS), "--simd", lacking]).fails(4, "the instruction set");
}

#[test]
fn what_cannot_be_timed_is_refused() {
    bench(&["none.onnx"]).fails(8, "none.onnx: ");
    bench(&[&case("none")]).fails(8, "none: ");
    bench(&[&model(UNPOOL), "-i", "xT=ones"]).fails(5, "missing");
    bench(&[&model(UNPOOL), "-i", "xT=ones", "-i", "xI=[99,99;99,99]"]).fails(6, "is 99");
    bench(&[&model(PADS), "--max-memory", "64"]).fails(7, "limit");
    linn(&["bench"]).fails_as_usage("MODEL");
    let with = |args: &[&str]| linn(&[&["bench", &model(PADS)], args].concat());
    with(&["--threads", "0"]).fails_as_usage("0 is not in 1..=1024");
    with(&["--threads", "1", "--threads-sweep", "1,2"]).fails_as_usage("cannot be used with");
    with(&["--threads-sweep", "1,x"]).fails_as_usage("invalid");
    with(&["--time", "3"]).fails_as_usage("not a time");
    with(&["--time", "3s", "--runs", "3"]).fails_as_usage("cannot be used with");
    with(&["--runs", "0"]).fails_as_usage("zero");
}
