//! `linn bench` as a user meets it: what it prints, and what it refuses.
#![cfg(feature = "cli")]

#[path = "support/mod.rs"]
mod support;

use std::fs;

use linn::Simd;
use serde_json::Value;
use support::program::{Ran, case, linn, model};
use tempfile::TempDir;

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
    assert_eq!(
        (&document["fresh"], &document["optimized"]),
        (&false.into(), &true.into())
    );
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
    with(&["--threads", "0"]).fails_as_usage("must be from 1 to 1024");
    with(&["--threads", "1", "--threads-sweep", "1,2"]).fails_as_usage("cannot be used with");
    with(&["--threads-sweep", "1,x"]).fails_as_usage("must be a whole number");
    with(&["--time", "3"]).fails_as_usage("not a time");
    with(&["--time", "3s", "--runs", "3"]).fails_as_usage("cannot be used with");
    with(&["--runs", "0"]).fails_as_usage("must be at least 1");
}

/// Runs `linn bench` for long enough to be compared.
fn compared(args: &[&str]) -> Ran {
    let time = ["--time", "100ms", "--warmup", "10ms", "--threads", "1"];
    linn(&[&["bench", &model(PADS)], &time[..], args].concat())
}

/// A baseline in a folder, and what has been made of it.
struct Made {
    folder: TempDir,
    document: Value,
}

impl Made {
    fn new() -> Made {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("base.json");
        compared(&["--save", &file.to_string_lossy()]).works();
        let text = fs::read(&file).expect("it was saved");
        Made {
            folder,
            document: serde_json::from_slice(&text).expect("a document"),
        }
    }

    /// The path of a file with this text.
    fn file(&self, text: &str) -> String {
        let file = self.folder.path().join("made.json");
        fs::write(&file, text).expect("it can be written");
        file.to_string_lossy().into_owned()
    }

    /// The path of the baseline with another value at a path in it.
    fn with(&self, at: &str, value: Value) -> String {
        let mut document = self.document.clone();
        *document.pointer_mut(at).expect("it is there") = value;
        self.file(&document.to_string())
    }

    /// The path of the baseline with all times so many times as long.
    fn scaled(&self, factor: f64) -> String {
        let mut document = self.document.clone();
        let row = &mut document["rows"][0];
        row["p50_s"] = (number(&row["p50_s"]) * factor).into();
        let stretches = row["stretches_s"].as_array().expect("a list").iter();
        row["stretches_s"] = stretches.map(|time| number(time) * factor).collect();
        self.file(&document.to_string())
    }
}

#[test]
fn percentiles_are_those_asked_for() {
    let document = document(&[&model(PADS), "--percentiles", "50,75,99.9"]);
    let row = &document["rows"][0];
    let percentiles = row["percentiles"].as_array().expect("a list");
    let percents = percentiles.iter().map(|entry| number(&entry["percent"]));
    assert_eq!(percents.collect::<Vec<_>>(), [50.0, 75.0, 99.9]);
    let times = percentiles.iter().map(|entry| number(&entry["time_s"]));
    assert!(times.is_sorted(), "{document}");
    assert_eq!(percentiles[0]["time_s"], row["p50_s"]);
    assert!(row["p90_s"].is_number() && row["p99_s"].is_number());

    let text = bench(&[&model(PADS), "--percentiles", "25,99.9"]).works();
    let text = text.text();
    let head = text.lines().nth(2).unwrap_or_default();
    let words: Vec<&str> = head.split_whitespace().collect();
    let unit = words[2];
    let expected = ["threads", "min", unit, "p25", unit, "p99.9", unit, "runs"];
    assert_eq!(words, expected);
    bench(&[&model(PADS), "--percentiles", "50,101"]).fails_as_usage("not a number from 0 to 100");
}

#[test]
fn callers_run_at_once() {
    let args = [&model(PADS), "--threads", "1", "--concurrent", "3"];
    let document = document(&args);
    let row = &document["rows"][0];
    assert_eq!((&row["concurrent"], &row["runs"]), (&3.into(), &60.into()));
    assert!(number(&row["runs_per_s"]) > 0.0);
    let text = bench(&args).works().text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[2].starts_with("callers  threads  min ") && lines[2].ends_with("  runs/s"),
        "{text}"
    );
    assert!(lines[3].starts_with("      3        1  "), "{text}");
    let with = |args: &[&str]| bench(&[&[model(UNPOOL).as_str()], args].concat());
    with(&["--concurrent", "0"]).fails_as_usage("must be from 1 to 256");
    with(&["--concurrent", "2", "--profile"]).fails_as_usage("cannot be used with");
    // Each of them fails.
    let failing = ["-i", "xT=ones", "-i", "xI=[99,99;99,99]"];
    with(&[&failing[..], &["--concurrent", "3"]].concat()).fails(6, "is 99");
}

#[test]
fn a_baseline_tells_whether_it_is_slower() {
    let made = Made::new();
    assert_eq!(made.document["schema"], "linn.bench/1");

    let slow = made.scaled(0.1);
    let over = compared(&["--baseline", &slow, "--fail-over", "100%"]);
    assert_eq!(over.code, Some(1), "{}", over.stderr);
    let text = over.text();
    let line = text.lines().last().unwrap_or_default();
    assert!(line.starts_with("1 thread  p50 "), "{text}");
    assert!(
        line.contains(" -> ") && line.contains(" % (95 % CI +"),
        "{text}"
    );
    assert!(line.ends_with(", over the limit of +100.0 %"), "{text}");
    let document = compared(&[
        "--baseline",
        &slow,
        "--fail-over",
        "100%",
        "--format",
        "json",
    ]);
    assert_eq!(document.code, Some(1));
    assert!(
        document.stderr.contains("over the limit"),
        "{}",
        document.stderr
    );
    let document = document.json();
    assert_eq!(document["baseline"]["fail_over"], 1.0);
    let change = &document["rows"][0]["change"];
    assert_eq!(change["over"], true);
    let bounds = ["low", "estimate", "high"].map(|key| number(&change[key]));
    assert!(bounds.is_sorted() && bounds[0] > 1.0, "{change}");

    // Without a limit it is only said.
    let said = compared(&["--baseline", &slow]).works().text();
    assert!(!said.contains("limit"), "{said}");
    let same = made.scaled(1.0);
    compared(&["--baseline", &same, "--fail-over", "500%"]).works();
    let fast = made.scaled(10.0);
    let fast = compared(&["--baseline", &fast, "--fail-over", "0%"]).works();
    assert!(fast.text().contains("(95 % CI -"), "{}", fast.text());
}

#[test]
fn a_baseline_that_is_too_fast_is_not_replaced() {
    let made = Made::new();
    let slow = made.scaled(0.1);
    let before = fs::read(&slow).unwrap();
    let args = ["--baseline", &slow, "--save", &slow, "--fail-over", "100%"];
    assert_eq!(compared(&args).code, Some(1));
    assert_eq!(fs::read(&slow).unwrap(), before);
    compared(&args[..4]).works();
    let after: Value = serde_json::from_slice(&fs::read(&slow).unwrap()).unwrap();
    assert_eq!(after["baseline"]["file"], slow.as_str());
}

#[test]
fn what_is_no_baseline_is_refused() {
    let made = Made::new();
    let against = |file: &str| compared(&["--baseline", file]);
    against("none.json").fails(8, "none.json: ");
    against(&made.file("{\"schema\":")).fails(5, "made.json: EOF while parsing");
    against(&made.file("\u{0}")).fails(5, "made.json: ");
    against(&made.with("/schema", "linn.test/1".into())).fails(5, "must be 'linn.bench/1'");
    against(&made.with("/rows/0/p50_s", "nan".into())).fails(5, "rows[0].p50_s is \"nan\"");
    against(&made.with("/rows/0/stretches_s", Value::Null)).fails(5, "rows[0].stretches_s is null");
    against(&made.with("/rows/0/threads", 2.into()))
        .fails(5, "no row has concurrent 1 and threads 1");
    against(&made.with("/inputs/0/shape/2", 6.into())).fails(5, "made.json: inputs is [{");
    against(&made.with("/fresh", true.into())).fails(5, "fresh is true, must be false as now");

    // What may be what is compared is only said.
    for key in ["simd", "cpu", "model", "optimized"] {
        let at = &format!("/{key}");
        let said = against(&made.with(at, "another".into())).works();
        let warning = format!("made.json: {key} is \"another\", now it is ");
        let known = !made.document[key].is_null();
        assert_eq!(said.stderr.contains(&warning), known, "{}", said.stderr);
    }
    if made.document["cpu"].is_string() {
        let other = made.with("/cpu", "another".into());
        compared(&["--baseline", &other, "--fail-over", "5%"])
            .fails(5, "cpu is \"another\", must be");
    }
    compared(&["--fail-over", "5%"]).fails_as_usage("--baseline");
    compared(&["--baseline", &made.scaled(1.0), "--fail-over", "5"])
        .fails_as_usage("not a percentage");
    compared(&["--save", "-"]).fails_as_usage("--format json prints the document");
    compared(&["--save", "none/base.json"]).fails_as_usage("not a file in a folder that exists");
    bench(&[&model(PADS), "--baseline", &made.file("{}")]).fails(5, "it has no schema");
    let few = [
        "bench",
        &model(PADS),
        "--threads",
        "1",
        "--iters",
        "3",
        "--baseline",
        &made.scaled(1.0),
    ];
    linn(&few).fails(
        2,
        "too few to compare, must be at least 4\nhelp: time more runs",
    );
}
