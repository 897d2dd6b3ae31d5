//! Values that are written over, or become others under another shape, when nobody reads them any more.

use linn::{DType, Model, Options, inputs};

use super::noise;
use super::support::model::{Build, node};
use super::support::{self, Random, Report, f32s};

/// A value that is computed, and its shape.
type Value = (String, Vec<usize>);

/// Random nodes that may write over what they read, or pass it on under another shape.
fn chain(random: &mut Random) -> (Build, Vec<String>) {
    let full = vec![2, 3, 4];
    let mut build = Build::new(20).input("x", DType::F32, "2,3,4");
    for (name, dims) in [("row", &[1, 4][..]), ("whole", &full), ("flat", &[24])] {
        build = build.initializer(name, &noise(random, dims, 0.5, 1.0));
    }
    let shapes = [("to_whole", vec![2, 3, 4]), ("to_flat", vec![24])];
    for (name, dims) in &shapes {
        build = build.initializer(name, &support::i64s(&[dims.len()], dims));
    }
    let mut values: Vec<Value> = vec![("x".to_string(), full.clone())];
    for index in 0..12 {
        let pick = |random: &mut Random| {
            let back = random.range(0, 2).min(values.len() as i64 - 1) as usize;
            values[values.len() - 1 - back].clone()
        };
        let (a, shape) = pick(random);
        let (b, b_shape) = pick(random);
        let name = format!("v{index}");
        let constant = match shape.len() {
            1 => "flat",
            _ if random.one_in(2) => "row",
            _ => "whole",
        };
        let operator = ["Add", "Sub", "Mul"][random.range(0, 2) as usize];
        let (made, shape) = match random.range(0, 4) {
            0 => (node("Sigmoid", &[&a], &[&name]), shape),
            1 => (node(operator, &[&a, constant], &[&name]), shape),
            2 => (node(operator, &[constant, &a], &[&name]), shape),
            3 if b_shape == shape => (node(operator, &[&a, &b], &[&name]), shape),
            _ => {
                let (to, wanted) = &shapes[usize::from(shape.len() == 3)];
                let wanted = wanted.iter().map(|size| *size as usize).collect();
                (node("Reshape", &[&a, to], &[&name]), wanted)
            }
        };
        build = build.node(made);
        values.push((name, shape));
    }
    let names: Vec<String> = values.into_iter().skip(1).map(|(name, _)| name).collect();
    for name in &names {
        build = build.output(name);
    }
    (build, names)
}

/// Where only the last value is asked for, all others die on the way; where all are asked for, none does.
#[test]
fn what_nobody_reads_any_more_may_be_written_over() {
    let mut random = Random::new(11);
    let mut report = Report::default();
    for round in 0..300 {
        let (build, names) = chain(&mut random);
        let mut options = Options::default();
        options.optimize = false;
        let model = Model::from_bytes_with(build.bytes(), &options).expect("it loads");
        let x = noise(&mut random, &[2, 3, 4], 0.0, 2.0);
        let all = model.run(inputs! { "x" => &x }).expect("it runs");
        for name in &names {
            let alone = model
                .fetch(inputs! { "x" => &x }, &[name])
                .expect("it runs");
            let same = alone[name.as_str()] == all[name.as_str()];
            let result = if same {
                Ok(())
            } else {
                Err("differs".to_string())
            };
            report.check(format!("round {round}, {name}"), result);
        }
    }
    report.finish(3600);
}

#[test]
fn a_chain_takes_the_memory_of_one_value() {
    let mut build = Build::new(20).input("x", DType::F32, "64,1024");
    build = build.initializer("shape", &support::i64s(&[1], &[-1]));
    build = build.node(node("Reshape", &["x", "shape"], &["v0"]));
    for index in 0..6 {
        let (from, to) = (format!("v{index}"), format!("v{}", index + 1));
        build = build.node(node("Sigmoid", &[&from], &[&to]));
    }
    let model = Model::from_bytes(build.output("v6").bytes()).expect("it loads");
    let x = f32s(&[64, 1024], &vec![0.5; 1 << 16]);
    model.run(inputs! { "x" => &x }).expect("it runs");
    let most = (1 << 18) + 1024;
    assert!(model.peak_bytes() <= most, "{} bytes", model.peak_bytes());
}

/// What rewriting has made others of is not kept, unless it is asked for.
#[test]
fn weights_are_held_once() {
    let mut random = Random::new(12);
    let build = Build::new(20)
        .input("x", DType::F32, "1,64,4,4")
        .initializer("w", &noise(&mut random, &[96, 64, 1, 1], 0.0, 0.1))
        .node(node("Conv", &["x", "w"], &["conv"]))
        .node(node("Relu", &["conv"], &["y"]))
        .output("y");
    let x = noise(&mut random, &[1, 64, 4, 4], 0.0, 1.0);
    let [lean, whole] = [false, true].map(|keep_values| {
        let mut options = Options::default();
        options.keep_values = keep_values;
        let model = Model::from_bytes_with(build.bytes(), &options).expect("it loads");
        model.run(inputs! { "x" => &x }).expect("it runs");
        model
    });
    let weights = 96 * 64 * 4;
    assert_eq!(whole.peak_bytes() - lean.peak_bytes(), weights);
    let conv = |model: &Model| model.fetch(inputs! { "x" => &x }, &["conv"]).map(|_| ());
    assert_eq!(conv(&whole).map_err(|error| error.to_string()), Ok(()));
    let error = conv(&lean).expect_err("it is joined away").to_string();
    assert_eq!(
        error,
        "the value 'conv' is not computed, since the model was rewritten to run faster"
    );
    assert!(lean.fetch(inputs! { "x" => &x }, &["x", "y"]).is_ok());
    let parameters = |model: &Model| model.totals().parameters;
    assert_eq!(parameters(&lean), parameters(&whole));
}

/// An input that no node reads still has its default.
#[test]
fn defaults_that_no_node_reads_can_be_fetched() {
    let build = Build::new(8)
        .input("x", DType::F32, "2")
        .input("unused", DType::F32, "3")
        .initializer("unused", &f32s(&[3], &[1.0, 2.0, 3.0]))
        .node(node("Neg", &["x"], &["y"]))
        .output("y");
    let model = Model::from_bytes(build.bytes()).expect("it loads");
    let x = f32s(&[2], &[1.0, 2.0]);
    let values = model.fetch(inputs! { "x" => &x }, &["unused"]);
    let values = values.expect("it is an input");
    assert_eq!(values["unused"], f32s(&[3], &[1.0, 2.0, 3.0]));
}
