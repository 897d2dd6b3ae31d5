//! Operators of the caller: what they read and compute, and that nothing they do breaks a model.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use linn::custom::{Attributes, Fact, Operator, Outputs};
use linn::proto::NodeProto;
use linn::{Class, DType, Model, OpError, Options, Tensor, TensorView, inputs};

use crate::support::model::{
    Build, With, float, import, int, ints, node, string, tensor, tensor_proto,
};
use crate::support::{counting, f32s, numbers};

const DOMAIN: &str = "com.example";

type Infer = fn(&[Option<&Fact>]) -> Result<Vec<Fact>, OpError>;
type Run = fn(&[Option<TensorView<'_>>], &mut Outputs<'_, '_, '_>) -> Result<(), OpError>;

/// What is inferred, and what runs.
struct Made {
    infer: Infer,
    run: Run,
}

impl Operator for Made {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        (self.infer)(inputs)
    }

    fn run(
        &self,
        inputs: &[Option<TensorView<'_>>],
        outputs: &mut Outputs<'_, '_, '_>,
    ) -> Result<(), OpError> {
        (self.run)(inputs, outputs)
    }
}

fn first(inputs: &[Option<&Fact>]) -> Result<Fact, OpError> {
    let first = inputs.first().copied().flatten();
    let first = first.ok_or_else(|| OpError::invalid("inputs[0]", "is left out"))?;
    Ok(Fact::new(first.dtype, first.dims.clone()))
}

fn alike(inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
    Ok(vec![first(inputs)?])
}

fn twice(
    inputs: &[Option<TensorView<'_>>],
    outputs: &mut Outputs<'_, '_, '_>,
) -> Result<(), OpError> {
    let x = inputs[0].as_ref().expect("it is inferred from");
    let y = outputs.make::<f32>(0, x.shape())?;
    for (y, x) in y.iter_mut().zip(x.view::<f32>()?) {
        *y = 2.0 * x;
    }
    Ok(())
}

/// The node `Own` that reads `x`, behind and before others.
fn build(own: NodeProto) -> Build {
    Build::new(21)
        .import(DOMAIN, 7)
        .input("x", DType::F32, "N,4")
        .node(node("Neg", &["x"], &["before"]))
        .node(own.of(DOMAIN).named("own"))
        .node(node("Neg", &["made"], &["y"]))
        .output("y")
}

fn own() -> NodeProto {
    node("Own", &["before"], &["made"])
}

fn options(made: impl Fn() -> Made + Send + Sync + 'static) -> Options {
    let mut options = Options::default();
    let read = move |_: &mut Attributes<'_, '_>| Ok(made());
    options.operators.add(DOMAIN, "Own", read);
    options
}

fn load(build: &Build, options: &Options) -> Result<Model, linn::Error> {
    Model::from_bytes_with(build.bytes(), options)
}

fn run(model: &Model) -> Result<Vec<f64>, linn::Error> {
    let x = counting(DType::F32, &[1, 4]);
    Ok(numbers(&model.run(inputs! { "x" => &x })?["y"]))
}

#[test]
fn a_node_of_a_domain_of_the_caller_runs_among_others() {
    let options = options(|| Made {
        infer: alike,
        run: twice,
    });
    let model = load(&build(own()), &options).expect("it is known");
    assert_eq!(run(&model).expect("it runs"), [2.0, 4.0, 6.0, 8.0]);
    // Only with these options.
    let error = Model::from_bytes(build(own()).bytes()).unwrap_err();
    assert_eq!(error.class(), Class::Unsupported);
    assert!(error.to_string().contains("'own'"), "{error}");
    let found = Model::check_bytes_with(build(own()).bytes(), &options).expect("it is valid");
    assert_eq!(found, []);
    assert_eq!(
        Model::check_bytes(build(own()).bytes())
            .map(|found| found.len())
            .ok(),
        Some(1)
    );
    // It runs in the buffers of the caller too, and again and again.
    let x = counting(DType::F32, &[1, 4]);
    let mut y = f32s(&[1, 4], &[0.0; 4]);
    for _ in 0..3 {
        model
            .run_into(inputs! { "x" => &x }, [("y", &mut y)])
            .expect("it runs");
        assert_eq!(numbers(&y), [2.0, 4.0, 6.0, 8.0]);
    }
}

#[test]
fn attributes_are_read_by_kind_and_all_of_them() {
    struct Sum(f64);
    impl Operator for Sum {
        fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
            alike(inputs)
        }
        fn run(
            &self,
            inputs: &[Option<TensorView<'_>>],
            outputs: &mut Outputs<'_, '_, '_>,
        ) -> Result<(), OpError> {
            let x = inputs[0].as_ref().expect("it is inferred from");
            outputs.make::<f32>(0, x.shape())?.fill(self.0 as f32);
            Ok(())
        }
    }
    let mut options = Options::default();
    options
        .operators
        .add(DOMAIN, "Own", |attributes: &mut Attributes<'_, '_>| {
            let floats = attributes.floats("floats")?;
            assert_eq!(floats, None);
            assert_eq!(attributes.strings("strings")?, None);
            let ints = attributes.ints("ints")?.unwrap_or_default();
            let tensor = attributes.tensor("tensor")?;
            let sum = attributes.int("int")?.unwrap_or(0) as f64
                + f64::from(attributes.float("float")?.unwrap_or(0.0))
                + ints.iter().sum::<i64>() as f64
                + attributes.string("string")?.unwrap_or_default().len() as f64
                + tensor.map_or(0.0, |tensor| numbers(&tensor).iter().sum());
            let counts = attributes.inputs() + 10 * attributes.outputs();
            Ok(Sum(sum
                + 1000.0 * attributes.opset() as f64
                + 10_000.0 * counts as f64))
        });
    let value = |own: NodeProto| -> Result<f64, linn::Error> {
        Ok(-run(&load(&build(own), &options)?)?[0])
    };
    let all = own()
        .with(int("int", 3))
        .with(float("float", 0.5))
        .with(ints("ints", &[10, 20]))
        .with(string("string", "abcd"))
        .with(tensor(
            "tensor",
            tensor_proto("", &f32s(&[2], &[100.0, 200.0])),
        ));
    assert_eq!(value(all).expect("it runs"), 117_337.5);
    assert_eq!(value(own()).expect("it runs"), 117_000.0);
    for (bad, words) in [
        (
            own().with(int("imt", 3)),
            "the attribute imt is not supported",
        ),
        (
            own().with(float("int", 3.0)),
            "attribute 'int' has type float, must have type int",
        ),
        (
            own().with(int("int", 3)).with(int("int", 3)),
            "attribute 'int' is given twice",
        ),
    ] {
        let error = value(bad).unwrap_err().to_string();
        assert!(
            error.contains("'own' (com.example.Own, opset 7)") && error.contains(words),
            "{error}"
        );
    }
}

#[test]
fn an_operator_that_does_not_keep_its_word_fails_alone() {
    let cases: [(Run, &str); 9] = [
        (|_, _| Ok(()), "outputs[0] has not been made"),
        (
            |_, outputs| outputs.make::<i64>(0, &[1, 4]).map(|_| ()),
            "outputs[0] is i64[1,4], the operator has inferred f32[?,4]",
        ),
        (
            |_, outputs| outputs.make::<f32>(0, &[1, 5]).map(|_| ()),
            "outputs[0] is f32[1,5], the operator has inferred f32[?,4]",
        ),
        (
            |_, outputs| outputs.make::<f32>(0, &[2, 4]).map(|_| ()),
            "outputs[0] is f32[2,4], the operator has inferred f32[1,4]",
        ),
        (
            |_, outputs| outputs.put(1, f32s(&[1, 4], &[0.0; 4])),
            "outputs[1] is none of the node's",
        ),
        (
            |_, outputs| {
                outputs.make::<f32>(0, &[1, 4])?;
                outputs.put(0, f32s(&[1, 4], &[0.0; 4]))
            },
            "outputs[0] is made twice",
        ),
        (
            |_, outputs| outputs.make::<f32>(0, &[usize::MAX, 4]).map(|_| ()),
            "own",
        ),
        (
            |_, _| panic!("as {}", "intended"),
            "the operator panicked: 'as intended'",
        ),
        (|_, _| Err(OpError::run("x", "is odd")), "x is odd"),
    ];
    for (run_it, words) in cases {
        let broken = options(move || Made {
            infer: alike,
            run: run_it,
        });
        let model = load(&build(own()), &broken).expect("it is known");
        for _ in 0..2 {
            let error = run(&model).unwrap_err();
            assert_eq!(error.class(), Class::Run, "{error}");
            let text = error.to_string();
            assert!(
                text.contains("'own'") && text.contains(words),
                "{text}: {words}"
            );
        }
    }
}

#[test]
fn what_is_inferred_must_be_there_and_stay() {
    let none = options(|| Made {
        infer: |_| Ok(Vec::new()),
        run: twice,
    });
    let error = load(&build(own()), &none).unwrap_err().to_string();
    assert!(
        error.contains("the node has 1 outputs, the operator infers 0"),
        "{error}"
    );
    let panics = options(|| Made {
        infer: |_| panic!("as intended"),
        run: twice,
    });
    let error = load(&build(own()), &panics).unwrap_err().to_string();
    assert!(error.contains("the operator panicked"), "{error}");
    // Said to be i64 before the run, when the first dimension is not known, and f32 in it.
    let fickle = options(|| Made {
        infer: |inputs| {
            let x = first(inputs)?;
            let known = x.dims.iter().flatten().all(Option::is_some);
            Ok(vec![Fact::new(
                if known { x.dtype } else { DType::I64 },
                x.dims,
            )])
        },
        run: twice,
    });
    let model = load(&build(own()), &fickle).expect("it is known");
    let error = run(&model).unwrap_err().to_string();
    assert!(
        error.contains("outputs[0] is f32[1,4], the operator has inferred i64[?,4]"),
        "{error}"
    );
}

#[test]
fn outputs_that_nobody_reads_need_not_be_made() {
    let two = options(|| Made {
        infer: |inputs| {
            Ok(vec![
                first(inputs)?,
                Fact::new(DType::I64, Some(vec![Some(1)])),
            ])
        },
        run: |inputs, outputs| {
            assert!(outputs.wanted(0) && !outputs.wanted(2));
            if outputs.wanted(1) {
                outputs.put(1, Tensor::new(&[1], vec![5i64])?)?;
            }
            twice(inputs, outputs)
        },
    });
    let both = node("Own", &["before"], &["made", "count"]);
    let model = load(&build(both), &two).expect("it is known");
    assert_eq!(run(&model).expect("it runs"), [2.0, 4.0, 6.0, 8.0]);
    let x = counting(DType::F32, &[1, 4]);
    let fetched = model.fetch(inputs! { "x" => &x }, &["count", "y"]);
    assert_eq!(numbers(&fetched.expect("it runs")["count"]), [5.0]);
}

#[test]
fn the_memory_limit_holds_for_them() {
    let mut large = options(|| Made {
        infer: |_| Ok(vec![Fact::of(DType::F32, &[1 << 20])]),
        run: |_, outputs| outputs.put(0, Tensor::new(&[1 << 20], vec![0f32; 1 << 20])?),
    });
    large.memory_limit = 1 << 20;
    let error = run(&load(&build(own()), &large).expect("it is known")).unwrap_err();
    assert!(error.is_memory_limit(), "{error}");
}

#[test]
fn constants_are_not_computed_beforehand() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let counting = options(|| Made {
        infer: alike,
        run: |inputs, outputs| {
            CALLS.fetch_add(1, Ordering::Relaxed);
            twice(inputs, outputs)
        },
    });
    let constant = Build::new(21)
        .import(DOMAIN, 1)
        .initializer("c", &f32s(&[2], &[1.0, 2.0]))
        .node(node("Own", &["c"], &["y"]).of(DOMAIN))
        .output("y");
    let model = load(&constant, &counting).expect("it is known");
    assert_eq!(CALLS.load(Ordering::Relaxed), 0);
    for calls in 1..=2 {
        let none: [(&str, &Tensor); 0] = [];
        let outputs = model.run(none).expect("it runs");
        assert_eq!(numbers(&outputs["y"]), [2.0, 4.0]);
        assert_eq!(CALLS.load(Ordering::Relaxed), calls);
    }
}

#[test]
fn they_stand_in_for_operators_and_functions_of_the_same_names() {
    let mut options = Options::default();
    let read = |_: &mut Attributes<'_, '_>| {
        Ok(Made {
            infer: alike,
            run: twice,
        })
    };
    options.operators.add("", "Neg", read);
    let neg = Build::new(21)
        .input("x", DType::F32, "1,4")
        .node(node("Neg", &["x"], &["y"]))
        .output("y");
    let model = load(&neg, &options).expect("it is known");
    assert_eq!(run(&model).expect("it runs"), [2.0, 4.0, 6.0, 8.0]);
    // A function of the model says what to do where the caller has nothing better.
    let function = linn::proto::FunctionProto {
        name: "Own".to_string(),
        domain: DOMAIN.to_string(),
        input: vec!["a".to_string()],
        output: vec!["b".to_string()],
        node: vec![node("Abs", &["a"], &["b"])],
        opset_import: vec![import("", 21)],
        ..linn::proto::FunctionProto::default()
    };
    let with_function = build(own()).function(function);
    let plain = load(&with_function, &Options::default()).expect("it has a function");
    assert_eq!(run(&plain).expect("it runs"), [-1.0, -2.0, -3.0, -4.0]);
    let replaced = self::options(|| Made {
        infer: alike,
        run: twice,
    });
    let model = load(&with_function, &replaced).expect("it is known");
    assert_eq!(run(&model).expect("it runs"), [2.0, 4.0, 6.0, 8.0]);
}

#[test]
fn a_model_with_them_runs_from_many_threads() {
    let options = options(|| Made {
        infer: alike,
        run: twice,
    });
    let model = Arc::new(load(&build(own()), &options).expect("it is known"));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let model = model.clone();
            std::thread::spawn(move || (0..50).map(|_| run(&model)).collect::<Result<Vec<_>, _>>())
        })
        .collect();
    for thread in threads {
        let results = thread.join().expect("no panic").expect("all run");
        assert!(results.iter().all(|y| y == &[2.0, 4.0, 6.0, 8.0]));
    }
}
