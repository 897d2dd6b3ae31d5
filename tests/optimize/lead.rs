//! BatchNormalization before convolutions of single elements, which do it as they read.

use linn::{DType, Form, Tensor, inputs};

use super::support::model::{Build, With, int, node};
use super::support::{Random, f32s, numbers};
use super::{load, noise, normalized, outputs_of};

#[test]
fn what_leads_to_a_convolution_of_single_elements_is_a_part_of_it() {
    let with = |kernel: usize, twice: bool| {
        let ones = f32s(&[3], &[1.0, 2.0, 0.5]);
        let mut build = Build::new(17)
            .input("x", DType::F32, "1,3,4,4")
            .output("y")
            .initializer("ones", &ones)
            .initializer(
                "w",
                &f32s(&[2, 3, kernel, kernel], &vec![0.5; 6 * kernel * kernel]),
            )
            .node(node(
                "BatchNormalization",
                &["x", "ones", "ones", "ones", "ones"],
                &["normal"],
            ))
            .node(node("Relu", &["normal"], &["active"]))
            .node(node("Conv", &["active", "w"], &["conv"]))
            .node(node("Relu", &["conv"], &["y"]));
        if twice {
            build = build.output("z").node(node("Neg", &["active"], &["z"]));
        }
        let model = load(&build, true);
        let absorbed = model.nodes_of(Form::Running).map(|node| {
            let names = node.absorbed.into_iter();
            names.map(|name| name.operator).collect::<Vec<_>>()
        });
        absorbed.collect::<Vec<_>>()
    };
    assert_eq!(with(1, false), [["BatchNormalization", "Relu", "Relu"]]);
    assert_eq!(with(3, false), [["Relu"], ["Relu"]]);
    assert_eq!(with(1, true), [&["Relu"][..], &["Relu"], &[]]);
}

/// The largest difference of what the rewritten model gives, and the operators that its last node has absorbed.
fn against_written(build: &Build, x: &Tensor) -> (f64, Vec<String>) {
    let [plain, got] = [false, true].map(|rewritten| outputs_of(build, rewritten, x));
    assert_eq!(plain.len(), got.len());
    let off = plain.iter().zip(&got).map(|(a, b)| (a - b).abs());
    let model = load(build, true);
    let last = model.nodes_of(Form::Running).last().expect("a node");
    let names = last.absorbed.into_iter().map(|name| name.operator);
    (off.fold(0.0, f64::max), names.collect())
}

/// BatchNormalization of `channels` channels, then a convolution of single elements.
fn led(random: &mut Random, channels: usize, group: usize, outputs: usize) -> Build {
    let build = Build::new(17)
        .input("x", DType::F32, &format!("2,{channels},5,7"))
        .output("y");
    normalized(build, random, channels, "x", "normal")
        .initializer(
            "w",
            &noise(random, &[outputs, channels / group, 1, 1], 0.0, 0.5),
        )
        .node(node("Conv", &["normal", "w"], &["y"]).with(int("group", group as i64)))
}

#[test]
fn what_leads_to_a_convolution_is_that_of_the_channels_of_each_group() {
    let mut random = Random::new(17);
    for (channels, group, outputs) in [(6, 1, 5), (6, 3, 9), (12, 2, 4), (1, 1, 1), (0, 1, 2)] {
        let build = led(&mut random, channels, group, outputs);
        let x = noise(&mut random, &[2, channels, 5, 7], 0.0, 1.0);
        let (off, absorbed) = against_written(&build, &x);
        assert!(off < 1e-5, "{channels} channels in {group} groups: {off}");
        assert_eq!(
            absorbed,
            ["BatchNormalization"],
            "{channels} channels in {group} groups"
        );
    }
    // Weights that come with each run.
    let mut build = led(&mut random, 4, 1, 3);
    let w = build.graph().initializer.pop().expect("the weights");
    let build = build
        .node(node("Identity", &["v"], &["w"]))
        .input("v", DType::F32, "3,4,1,1");
    let x = noise(&mut random, &[2, 4, 5, 7], 0.0, 1.0);
    let v = noise(&mut random, &[3, 4, 1, 1], 0.0, 0.5);
    assert_eq!(w.name, "w");
    let run = |rewritten| {
        let y = load(&build, rewritten).run(inputs! { "x" => &x, "v" => &v });
        numbers(&y.expect("it runs")["y"])
    };
    let (plain, got) = (run(false), run(true));
    assert!(plain.iter().zip(&got).all(|(a, b)| (a - b).abs() < 1e-5));
}

/// Factors that single precision cannot hold would make NaN of zeros.
#[test]
fn what_leads_to_a_convolution_stays_where_it_is_too_large() {
    let mut random = Random::new(19);
    let mut build = led(&mut random, 2, 1, 3);
    build
        .graph()
        .initializer
        .retain(|tensor| tensor.name == "w");
    for (name, number) in [
        ("scale", 3e38),
        ("shift", 1.0),
        ("mean", 0.0),
        ("variance", 0.0),
    ] {
        build = build.initializer(&format!("normal_{name}"), &f32s(&[2], &[number; 2]));
    }
    let x = f32s(&[2, 2, 5, 7], &[0.0; 140]);
    let (off, absorbed) = against_written(&build, &x);
    assert!(off < 1e-5 && absorbed.is_empty(), "{off}, {absorbed:?}");
}

#[test]
fn groups_without_outputs_take_no_time() {
    let mut random = Random::new(23);
    let mut build = led(&mut random, 0, 1, 0);
    let conv = build.graph().node.last_mut().expect("the convolution");
    *conv = conv.clone().with(int("group", 1 << 40));
    conv.attribute.remove(0);
    assert!(outputs_of(&build, true, &f32s(&[2, 0, 5, 7], &[])).is_empty());
}
