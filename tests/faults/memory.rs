//! An allocator that fails once, for each of the large allocations of a load and a run in turn. Each case has a process of
//! its own, so that one that is aborted is one failure.

pub(crate) mod cases;

use std::env;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;

use linn::proto::ModelProto;
use linn::{Class, Error, Model, Options, Outputs, Tensor, Threads, write_tensor};
use prost::Message;

use crate::support::{Report, feed};
use crate::{alone, failing, large};
pub(crate) use cases::{Case, all};

/// Names the case that the process is for.
const CASE: &str = "LINN_FAULTS_CASE";

/// The test that is run for it.
const TEST: &str = "memory::an_allocation_that_fails_is_an_error_and_the_model_goes_on";

#[test]
fn an_allocation_that_fails_is_an_error_and_the_model_goes_on() {
    if let Ok(name) = env::var(CASE) {
        let cases = all();
        let case = cases.iter().find(|case| case.name == name);
        return one(case.expect("there is such a case"));
    }
    let _alone = alone();
    let program = env::current_exe().expect("the program has a path");
    let mut report = Report::default();
    for case in all() {
        let mut command = Command::new(&program);
        command.args(["--exact", TEST, "--nocapture", "--test-threads=1"]);
        let output = command.env(CASE, &case.name).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout);
        let result = match output.status.success() && said.contains("1 passed") {
            true => Ok(()),
            false => Err(format!(
                "{}: {} {}",
                output.status,
                said,
                String::from_utf8_lossy(&output.stderr)
            )),
        };
        report.check(&case.name, result);
    }
    report.finish(80);
}

/// The bits of all outputs.
pub(crate) fn bits(outputs: &Outputs) -> Vec<Vec<u8>> {
    let outputs = outputs.iter();
    outputs.map(|(name, y)| write_tensor(name, y)).collect()
}

/// Two threads that keep nothing from other runs.
fn options() -> Options {
    with_threads(2)
}

pub(crate) fn with_threads(count: usize) -> Options {
    let mut options = Options::default();
    options.threads = Threads::Count(NonZeroUsize::new(count).expect("some"));
    options
}

fn load(case: &Case) -> Result<Model, Error> {
    load_with(case, options())
}

pub(crate) fn load_with(case: &Case, mut options: Options) -> Result<Model, Error> {
    options.external_data = case.external_data.clone();
    match &case.path {
        Some(path) => Model::load_with(path, &options),
        None => Model::from_bytes_with(case.bytes.clone(), &options),
    }
}

/// Lets each allocation fail in turn, in loading and running, until there are no more.
fn one(case: &Case) {
    let expected = feed(&load(case).expect("it loads"), &case.inputs).expect("it runs");
    let expected = bits(&expected);
    // What decoding of protobuf takes is its own.
    let decoding = large(|| ModelProto::decode(case.bytes.clone()).map(drop));
    let loads = every_failure(case, decoding, |number| {
        let (loaded, failed) = failing(number, || load(case));
        let model = match refused(case, number, loaded) {
            Some(model) => model,
            None => load(case).expect("it loads again"),
        };
        let outputs = feed(&model, &case.inputs).expect("it runs");
        assert!(bits(&outputs) == expected, "{number}: another result");
        failed
    });
    let runs = every_failure(case, 0, |number| {
        let model = load(case).expect("it loads");
        let (ran, failed) = failing(number, || feed(&model, &case.inputs));
        if let Some(outputs) = refused(case, number, ran) {
            assert!(bits(&outputs) == expected, "{number}: another result");
        }
        for _ in 0..2 {
            let outputs = feed(&model, &case.inputs).expect("it runs again");
            assert!(bits(&outputs) == expected, "{number}: then another result");
        }
        failed
    });
    println!("{}: {loads} at loading, {runs} in a run", case.name);
    assert!(loads + runs > 0, "nothing large is allocated");
}

/// Calls `fails` for each number after `before` while it says that there was such an allocation: how many there are.
fn every_failure(case: &Case, before: usize, mut fails: impl FnMut(usize) -> bool) -> usize {
    let mut number = before + 1;
    while fails(number) {
        number += 1;
        assert!(number < 2000, "{}: it does not end", case.name);
    }
    number - 1 - before
}

/// What was made all the same; an error must be one of a limit, of one line.
fn refused<T>(case: &Case, number: usize, result: Result<T, Error>) -> Option<T> {
    match result {
        Ok(made) => Some(made),
        Err(error) => {
            let text = error.to_string();
            assert_eq!(
                error.class(),
                Class::Limit,
                "{}, {number}: {text}",
                case.name
            );
            assert!(!text.contains('\n') && !text.is_empty(), "{text}");
            None
        }
    }
}

/// A file that a case is loaded from.
fn written(name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults");
    std::fs::create_dir_all(&folder).expect("it can be made");
    let path = folder.join(name);
    // Written whole, since other processes read it meanwhile.
    let own = folder.join(format!("{name}.{}", std::process::id()));
    std::fs::write(&own, bytes).expect("it can be written");
    std::fs::rename(&own, &path).expect("it can be moved");
    path
}

/// Random numbers that are the same each time.
pub(crate) fn noise(dims: &[usize], seed: u64) -> Tensor {
    let mut random = crate::support::Random::new(seed);
    let count = dims.iter().product();
    let values = (0..count).map(|_| random.range(-1000, 1000) as f32 / 1000.0);
    Tensor::new(dims, values.collect()).expect("they fit")
}
