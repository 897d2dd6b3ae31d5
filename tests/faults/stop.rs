//! Deadlines and cancels: they take effect within a tenth of a second, whatever a load or a run is doing.

mod rows;

use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use linn::{Class, DType, Error, Model, Stop, Tensor};

use crate::alone;
use crate::growth::{float_input, name};
use crate::support::model::{Build, OneNode, node};
use crate::support::{Random, Report};
use rows::{Buffers, Input, Row};

/// How long work may go on behind its deadline.
const PATIENCE: Duration = Duration::from_millis(100);

/// When runs are stopped: soon, while many still take memory, and when all are at work.
const INSTANTS: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(120)];

/// Other programs make work late, none makes it early.
const TRIES: usize = 10;

/// Who stops.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Deadline,
    Thread,
}

const BY: [By; 2] = [By::Deadline, By::Thread];

/// How late work ends that is stopped after a while; `None` if it has ended before.
///
/// # Errors
/// It ends in another way.
fn late<R>(
    after: Duration,
    by: By,
    work: impl FnOnce() -> Result<R, Error>,
) -> Result<Option<Duration>, String> {
    let stop = match by {
        By::Deadline => Stop::after(after),
        By::Thread => Stop::new(),
    };
    let began = Instant::now();
    let (result, ended, due) = thread::scope(|scope| {
        let thread = (by == By::Thread).then(|| {
            scope.spawn(|| {
                thread::sleep(after);
                let now = Instant::now();
                stop.stop();
                now
            })
        });
        let result = stop.install(work);
        let ended = Instant::now();
        let stopped = thread.map(|thread| thread.join().expect("it only sleeps"));
        (result, ended, stopped.unwrap_or(began + after))
    });
    match result {
        Ok(_) => Ok(None),
        Err(error)
            if error.class() == Class::Limit && error.to_string().contains("was stopped") =>
        {
            Ok(Some(ended.saturating_duration_since(due)))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// As [`late`]: the first of several tries that is early enough, or the earliest.
fn earliest<R>(
    after: Duration,
    by: By,
    work: impl Fn() -> Result<R, Error>,
) -> Result<Option<Duration>, String> {
    let mut least = Duration::MAX;
    for _ in 0..TRIES {
        match late(after, by, &work)? {
            None => return Ok(None),
            Some(late) => least = least.min(late),
        }
        if least < PATIENCE {
            break;
        }
    }
    Ok(Some(least))
}

fn check(late: Duration) -> Result<(), String> {
    match late < PATIENCE {
        true => Ok(()),
        false => Err(format!("it ends {late:?} late")),
    }
}

/// Stops a row at each instant that comes before it has ended: whether there was one.
fn stop(row: &Row<'_>, by: By) -> Result<bool, String> {
    let model = Model::from_bytes(row.bytes.clone()).map_err(|error| error.to_string())?;
    let run = || {
        let names = model.inputs().iter().map(|info| &info.name);
        model.run(names.zip(row.inputs.iter().map(Input::view)))
    };
    for (number, after) in INSTANTS.into_iter().enumerate() {
        match earliest(after, by, run)? {
            Some(late) => {
                println!("{} after {after:?}: {late:?}", row.name);
                check(late).map_err(|reason| format!("after {after:?}: {reason}"))?;
            }
            None if number == 0 => return Ok(false),
            None => {}
        }
    }
    Ok(true)
}

#[test]
fn a_run_ends_soon_after_it_is_stopped() {
    let _alone = alone();
    let buffers = Buffers::new();
    let mut report = Report::default();
    let (rows, mut short) = (rows::all(&buffers), Vec::new());
    for (row, by) in rows.iter().zip(BY.into_iter().cycle()) {
        let stopped = stop(row, by);
        if stopped == Ok(false) {
            short.push(&row.name);
        }
        report.check(&row.name, stopped.map(drop));
    }
    // On a fast machine a few may end before they are stopped.
    println!("{} of {} are too short: {short:?}", short.len(), rows.len());
    assert!(20 * short.len() < rows.len(), "{short:?}");
    report.finish(230);
}

/// Stops the loading of a model at random instants of the time that it takes.
fn stop_loading(bytes: &Bytes) -> Result<(), String> {
    let load = || Model::from_bytes(bytes.clone());
    let began = Instant::now();
    load().map_err(|error| error.to_string())?;
    let took = began.elapsed();
    println!("{took:?} in all");
    let mut random = Random::new(1);
    for by in [BY; 3].concat() {
        let after = took.mul_f64(random.range(1, 95) as f64 / 100.0);
        if let Some(late) = earliest(after, by, load)? {
            println!("  after {after:?}: {late:?}");
            check(late).map_err(|reason| format!("after {after:?}: {reason}"))?;
        }
    }
    Ok(())
}

/// `0..len`, cut off so that products stay small.
fn small(dims: &[usize]) -> Tensor {
    let len = dims.iter().product();
    let values = (0..len).map(|at: usize| (at % 251) as f32 / 251.0);
    Tensor::new(dims, values.collect()).expect("they fit")
}

#[test]
fn loading_ends_soon_after_it_is_stopped() {
    let _alone = alone();
    let product = Build::new(21)
        .input("x", DType::F32, "2000")
        .initializer("a", &small(&[2000, 2000]))
        .node(node("MatMul", &["a", "a"], &["aa"]))
        .node(node("Add", &["aa", "x"], &["y"]))
        .output("y");
    let chain = (0..60_000).fold(float_input(Build::new(21), "v0"), |build, index| {
        build.node(node("Relu", &[&name(index)], &[&name(index + 1)]))
    });
    let conv = |dims: &[usize]| {
        let node = OneNode::new("Conv", 21).ints("pads", &[dims[2] as i64 / 2; 4]);
        let node = node.input(DType::F32, &format!("1,{},64,64", dims[1]));
        Build(node.constant(&small(dims)).model())
    };
    let cases = [
        ("a product of constants", product),
        ("a chain", chain.output(&name(60_000))),
        ("weights for tiles", conv(&[768, 768, 3, 3])),
        ("weights for products", conv(&[864, 864, 6, 6])),
    ];
    let mut report = Report::default();
    for (name, build) in cases {
        println!("{name}");
        report.check(name, stop_loading(&build.bytes().into()));
    }
    report.finish(4);
}
