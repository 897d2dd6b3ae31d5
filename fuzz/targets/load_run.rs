//! Models of real operators, run on small inputs: on one thread and on three the results have the same bits, or the
//! errors the same words; rewritten or not, results are alike.

use std::sync::{Arc, OnceLock};

use linn::{Class, DType, Error, Model, Options, Outputs, Tensor, Threads, write_tensor};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::choices::Choices;
use crate::limits::{Reached, check_error, check_model, options, within_a_second};
use crate::structured::Made;

pub(crate) fn run(data: &[u8]) -> Reached {
    // What asks for no threads takes those around it, which is one.
    pool(1).install(|| compare(data))
}

fn compare(data: &[u8]) -> Reached {
    let made = Made::new(&mut Choices::new(data), false);
    let bytes = made.build.bytes();
    let on = |threads: Threads, optimize: bool| {
        let mut options: Options = options();
        options.threads = threads;
        options.optimize = optimize;
        Model::from_bytes_with(bytes.clone(), &options)
    };
    let (model, three, plain) = match (
        on(Threads::Current, true),
        on(Threads::Pool(pool(3)), true),
        on(Threads::Current, false),
    ) {
        (Ok(model), Ok(three), Ok(plain)) => (model, three, plain),
        (model, three, plain) => {
            let errors =
                [model, three, plain].map(|model| model.err().map(|error| error.to_string()));
            assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
            return Reached::Refused;
        }
    };
    let run = |model: &Model| {
        let inputs = made.inputs.iter().map(|(name, tensor)| (name, tensor));
        let result = within_a_second(|| model.run(inputs));
        check_model(model);
        result
    };
    let result = run(&model);
    // Once more with the buffers of the first run.
    for (what, other) in [("again", run(&model)), ("on three threads", run(&three))] {
        same(what, &result, &other);
    }
    let plain = run(&plain);
    match (&result, &plain) {
        (Ok(outputs), Ok(plain)) => {
            alike(&made, outputs, plain);
            Reached::Compared
        }
        (Err(error), Err(_)) => {
            check_error(error);
            Reached::Loaded
        }
        // What is rewritten takes another amount of memory and time.
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => {
            assert_eq!(
                error.class(),
                Class::Limit,
                "only one of the two fails: {error}"
            );
            Reached::Loaded
        }
    }
}

/// Pools of one and of three threads.
fn pool(threads: usize) -> Arc<ThreadPool> {
    static POOLS: [OnceLock<Arc<ThreadPool>>; 4] = [const { OnceLock::new() }; 4];
    let made = || {
        let builder = ThreadPoolBuilder::new().num_threads(threads);
        Arc::new(builder.build().expect("threads can be had"))
    };
    POOLS[threads].get_or_init(made).clone()
}

fn is_limit(result: &Result<Outputs, Error>) -> bool {
    matches!(result, Err(error) if error.class() == Class::Limit)
}

/// Checks that results have the same bits, or errors the same words.
fn same(what: &str, first: &Result<Outputs, Error>, other: &Result<Outputs, Error>) {
    if is_limit(first) || is_limit(other) {
        // Another number of threads takes another amount of memory and time.
        return;
    }
    match (first, other) {
        (Ok(first), Ok(other)) => {
            for ((name, first), (_, other)) in first.iter().zip(other.iter()) {
                let [a, b] = [first, other].map(|tensor| write_tensor(name, tensor));
                assert_eq!(a, b, "{what}: {name} is {first:?}, then {other:?}");
            }
        }
        (Err(first), Err(other)) => assert_eq!(first.to_string(), other.to_string(), "{what}"),
        (first, other) => panic!("{what}: {first:?}, then {other:?}"),
    }
}

/// Checks that rewriting changed what rounding may change. That is nothing without convolutions and normalizations.
fn alike(made: &Made, outputs: &Outputs, plain: &Outputs) {
    let nodes = &made.build.0.graph.as_ref().expect("it has a graph").node;
    let rewritten = |name: &str| {
        matches!(
            name,
            "Conv" | "ConvTranspose" | "BatchNormalization" | "Gemm" | "MatMul" | "LSTM"
        )
    };
    let is_rewritten = nodes.iter().any(|node| rewritten(&node.op_type));
    // Operators that make no difference larger than it was.
    let tame = |name: &str| {
        matches!(
            name,
            "Conv"
                | "Relu"
                | "LeakyRelu"
                | "Identity"
                | "Neg"
                | "MaxPool"
                | "Flatten"
                | "Transpose"
        )
    };
    let is_tame = nodes.iter().all(|node| tame(&node.op_type));
    for ((name, y), (_, plain)) in outputs.iter().zip(plain.iter()) {
        assert_eq!(
            (y.dtype(), y.shape()),
            (plain.dtype(), plain.shape()),
            "{name}"
        );
        if !is_rewritten {
            let [a, b] = [y, plain].map(|tensor| write_tensor(name, tensor));
            assert_eq!(a, b, "rewritten: {name} is {y:?}, else {plain:?}");
        } else if is_tame && matches!(y.dtype(), DType::F32 | DType::F64) {
            close(made, name, y, plain);
        }
    }
}

/// Checks that sums differ by what rounding of their largest terms may change.
fn close(made: &Made, name: &str, y: &Tensor, plain: &Tensor) {
    let graph = made.build.0.graph.as_ref().expect("it has a graph");
    let weights = graph
        .initializer
        .iter()
        .filter(|tensor| tensor.dims.len() > 2);
    let growth =
        |tensor: &linn::proto::TensorProto| 3.0 * tensor.dims[1..].iter().product::<i64>() as f64;
    let largest = 4.0
        * weights
            .map(growth)
            .fold(1.0, |product, growth| product * growth.max(1.0));
    let (a, b) = (y.as_view(), plain.as_view());
    for (a, b) in a.scalars().zip(b.scalars()) {
        let (a, b) = (a.to_f64().expect("a number"), b.to_f64().expect("a number"));
        let near = (a - b).abs() <= 1e-5 * largest || a == b || (a.is_nan() && b.is_nan());
        assert!(near, "{name}: {a} rewritten, else {b}; {y:?}");
    }
}
