//! Many callers of one model: good inputs and bad ones, stopped runs, outputs and models that go away meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use linn::{Class, DType, Model, Options, Outputs, Stop, Tensor, inputs};
use rayon::prelude::*;

use crate::alone;
use crate::memory::{bits, noise, with_threads};
use crate::support::model::{Build, With, ints, node};
use crate::support::{Random, i64s};

const CALLERS: usize = 64;

/// A small network, whose rows are picked by an input, and which fails where that points beside them.
fn network(options: &Options) -> Model {
    let pads = || ints("pads", &[1; 4]);
    let build = Build::new(21)
        .input("x", DType::F32, "N,8,24,24")
        .input("rows", DType::I64, "M")
        .initializer("w", &noise(&[16, 8, 3, 3], 1))
        .initializer("v", &noise(&[16, 20], 2))
        .node(node("Conv", &["x", "w"], &["c"]).with(pads()))
        .node(
            node("MaxPool", &["c"], &["p"])
                .with(ints("kernel_shape", &[3, 3]))
                .with(pads()),
        )
        .node(node("GlobalAveragePool", &["p"], &["g"]))
        .node(node("Flatten", &["g"], &["f"]))
        .node(node("Gather", &["f", "rows"], &["picked"]))
        .node(node("MatMul", &["picked", "v"], &["m"]))
        .node(node("Softmax", &["m"], &["y"]))
        .output("y")
        .output("p");
    Model::from_bytes_with(build.bytes(), options).expect("it is valid")
}

fn good(number: usize) -> (Tensor, Tensor) {
    let batch = 1 + number % 3;
    let rows: Vec<i64> = (0..5)
        .map(|at| (at * number as i64) % batch as i64)
        .collect();
    (noise(&[batch, 8, 24, 24], number as u64), i64s(&[5], &rows))
}

fn run(model: &Model, (x, rows): &(Tensor, Tensor)) -> Result<Outputs, linn::Error> {
    model.run(inputs! { "x" => x, "rows" => rows })
}

/// Inputs, and the bits that they give.
type Known = ((Tensor, Tensor), Vec<Vec<u8>>);

/// Good inputs with what they give.
fn known(model: &Model) -> Vec<Known> {
    let known = |number| {
        let given = good(number);
        let outputs = run(model, &given).expect("it runs");
        (given, bits(&outputs))
    };
    (0..8).map(known).collect()
}

/// A call that fails, each in its way.
fn bad(model: &Model, number: usize) -> Class {
    let (x, rows) = good(number);
    let error = match number % 5 {
        0 => run(model, &(x, i64s(&[1], &[99]))),
        1 => run(model, &(rows, x)),
        2 => model.run(inputs! { "x" => &x }),
        3 => run(model, &(noise(&[1, 7, 24, 24], 1), rows)),
        _ => {
            let stop = Stop::new();
            stop.stop();
            stop.install(|| run(model, &(x, rows)))
        }
    };
    error.expect_err("it is bad").class()
}

const BAD: [Class; 5] = [
    Class::Run,
    Class::Input,
    Class::Input,
    Class::Input,
    Class::Limit,
];

/// One caller: each third call is bad, and none changes what the others give.
fn call(model: &Model, known: &[Known], caller: usize) {
    for round in 0..12 {
        let number = caller + round;
        if number.is_multiple_of(3) {
            assert_eq!(bad(model, number), BAD[number % 5], "{number}");
            continue;
        }
        let (given, wanted) = &known[number % known.len()];
        let outputs = run(model, given).expect("it runs");
        assert!(bits(&outputs) == *wanted, "caller {caller}, round {round}");
    }
}

#[test]
fn callers_do_not_disturb_one_another() {
    let _alone = alone();
    for options in [Options::default(), with_threads(3)] {
        let model = network(&options);
        let known = known(&model);
        thread::scope(|scope| {
            for caller in 0..CALLERS {
                let (model, known) = (&model, &known);
                scope.spawn(move || call(model, known, caller));
            }
        });
    }
}

#[test]
fn runs_inside_the_threads_of_the_caller_end() {
    let _alone = alone();
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.build().expect("threads start");
        for options in [Options::default(), with_threads(2)] {
            let model = network(&options);
            let known = known(&model);
            pool.install(|| {
                (0..CALLERS).into_par_iter().for_each(|caller| {
                    rayon::join(
                        || call(&model, &known, caller),
                        || call(&model, &known, caller + 1),
                    );
                });
                rayon::scope(|scope| {
                    for caller in 0..CALLERS {
                        let (model, known) = (&model, &known);
                        scope.spawn(move |_| call(model, known, caller));
                    }
                });
            });
        }
    }
}

#[test]
fn runs_that_are_stopped_at_any_time_leave_the_model_as_it_was() {
    let _alone = alone();
    for options in [Options::default(), with_threads(2)] {
        let model = network(&options);
        let known = known(&model);
        let (stopped, whole) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for caller in 0..8u64 {
                let (model, known, stopped, whole) = (&model, &known, &stopped, &whole);
                scope.spawn(move || {
                    let mut random = Random::new(caller);
                    for round in 0..60 {
                        let (given, wanted) = &known[round % known.len()];
                        let stop = Stop::new();
                        let wait = Duration::from_micros(random.next() % 4000);
                        let result = thread::scope(|scope| {
                            let other = stop.clone();
                            scope.spawn(move || {
                                thread::sleep(wait);
                                other.stop();
                            });
                            stop.install(|| run(model, given))
                        });
                        match result {
                            Ok(outputs) => {
                                assert!(bits(&outputs) == *wanted);
                                whole.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(error) => {
                                assert_eq!(error.class(), Class::Limit, "{error}");
                                stopped.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    }
                });
            }
        });
        let counts = [&stopped, &whole].map(|count| count.load(Ordering::Relaxed));
        assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
        call(&model, &known, 1);
    }
}

#[test]
fn outputs_and_models_go_away_while_others_run() {
    let _alone = alone();
    let (send, receive) = mpsc::channel::<Outputs>();
    let running = Arc::new(AtomicBool::new(true));
    let dropper = thread::spawn(move || {
        let checked = receive.iter().map(|outputs| {
            // Its elements are still whole when the model may be gone.
            let sums = outputs["y"].as_slice::<f32>().expect("f32");
            let rows = sums.chunks(20).map(|row| row.iter().sum::<f32>());
            rows.filter(|sum| (sum - 1.0).abs() < 1e-4).count()
        });
        checked.sum::<usize>()
    });
    let mut threads = Vec::new();
    for caller in 0..8 {
        let (send, running) = (send.clone(), running.clone());
        threads.push(thread::spawn(move || {
            let mut sent = 0;
            while running.load(Ordering::Relaxed) || sent == 0 {
                // The last of the two threads to end drops the model, and with it the threads of the model.
                let model = Arc::new(network(&with_threads(1 + caller % 2)));
                let shared = model.clone();
                let other = thread::spawn(move || run(&shared, &good(caller)).expect("it runs"));
                let own = run(&model, &good(caller + 1)).expect("it runs");
                drop(model);
                send.send(own).expect("somebody receives");
                send.send(other.join().expect("no panic"))
                    .expect("somebody receives");
                sent += 2;
            }
            sent
        }));
    }
    drop(send);
    thread::sleep(Duration::from_millis(500));
    running.store(false, Ordering::Relaxed);
    let sent: usize = threads
        .into_iter()
        .map(|one| one.join().expect("no panic"))
        .sum();
    assert_eq!(dropper.join().expect("no panic"), 5 * sent);
}
