//! Nodes between DequantizeLinear and QuantizeLinear are done on the integers.

use std::num::NonZeroUsize;

use linn::proto::NodeProto;
use linn::{DType, Form, Model, Options, Simd, Tensor, Threads, inputs};

use super::support::model::{Build, With, int, ints, node};
use super::support::{Random, f32s, numbers, tensor};
use super::{load, outputs_of};

fn integers(random: &mut Random, dtype: DType, dims: &[usize], low: i64, high: i64) -> Tensor {
    let count = dims.iter().product();
    let values: Vec<f64> = (0..count).map(|_| random.range(low, high) as f64).collect();
    tensor(dtype, dims, &values)
}

fn scales(random: &mut Random, count: usize) -> Vec<f64> {
    let scale = |_| f64::from(random.range(50, 150) as f32 / 16384.0);
    (0..count).map(scale).collect()
}

/// A graph that reads the 8-bit `x` and `w` through DequantizeLinear and quantizes what `core` makes of `x_float`, `w_float`
/// and, if `bias` has their count and what their scale is off by, `b_float`. `channels` along `axis` of `w` have scales of
/// their own.
fn between(
    random: &mut Random,
    (x_dims, w): (&str, &Tensor),
    (channels, axis): (usize, i64),
    bias: Option<(usize, f64)>,
    core: impl FnOnce(Build, &str) -> Build,
) -> Build {
    let x_scale = scales(random, 1);
    let w_scales = scales(random, channels);
    let mut build = Build::new(17)
        .input("x", DType::U8, x_dims)
        .output("y")
        .initializer("w", w)
        .initializer("x_scale", &f32s(&[], &x_scale))
        .initializer("x_zero", &tensor(DType::U8, &[], &[117.0]))
        .initializer("w_scale", &f32s(&[channels], &w_scales))
        .initializer("w_zero", &integers(random, DType::I8, &[channels], -3, 3))
        .initializer("y_scale", &f32s(&[], &[0.037]))
        .initializer("y_zero", &tensor(DType::U8, &[], &[101.0]))
        .node(node(
            "DequantizeLinear",
            &["x", "x_scale", "x_zero"],
            &["x_float"],
        ))
        .node(
            node(
                "DequantizeLinear",
                &["w", "w_scale", "w_zero"],
                &["w_float"],
            )
            .with(int("axis", axis)),
        );
    if let Some((count, off)) = bias {
        let products: Vec<f64> = (0..count)
            .map(|at| off * x_scale[0] * w_scales[at % channels])
            .collect();
        build = build
            .initializer("b", &integers(random, DType::I32, &[count], -9000, 9000))
            .initializer("b_scale", &f32s(&[count], &products))
            .node(node("DequantizeLinear", &["b", "b_scale"], &["b_float"]).with(int("axis", 0)));
    }
    core(build, "float").node(node(
        "QuantizeLinear",
        &["float", "y_scale", "y_zero"],
        &["y"],
    ))
}

/// The operators of the nodes that run.
fn running(build: &Build) -> Vec<String> {
    let model = load(build, true);
    let names = model.nodes_of(Form::Running).map(|node| node.name.operator);
    names.collect()
}

/// Checks that one node is left and that its output is off by at most one, and rarely.
fn check(build: &Build, x: &Tensor, what: &str) {
    assert_eq!(running(build).len(), 1, "{what}: {:?}", running(build));
    let [plain, got] = [false, true].map(|rewritten| outputs_of(build, rewritten, x));
    assert_eq!(plain.len(), got.len());
    let off = |wanted: f64| {
        let both = plain.iter().zip(&got);
        both.filter(|(a, b)| (*a - *b).abs() >= wanted).count()
    };
    assert_eq!(off(2.0), 0, "{what}");
    assert!(
        off(1.0) * 200 <= plain.len(),
        "{what}: {} of {}",
        off(1.0),
        plain.len()
    );
    let mut kinds = plain.clone();
    kinds.sort_by(f64::total_cmp);
    kinds.dedup();
    assert!(kinds.len() > 5, "{what}: {kinds:?}");
}

/// An activation from `from` to `to`.
fn activated(build: Build, activation: &str, from: &str, to: &str) -> Build {
    match activation {
        "Clip" => build
            .initializer("low", &f32s(&[], &[-0.81]))
            .initializer("high", &f32s(&[], &[1.9]))
            .node(node("Clip", &[from, "low", "high"], &[to])),
        _ => build.node(node(activation, &[from], &[to])),
    }
}

#[test]
fn convolutions_between_scales_are_done_on_integers() {
    let mut random = Random::new(5);
    for (group, channels, outputs, kernel, stride) in [
        (1, 3, 7, 3, 2),
        (1, 8, 20, 3, 1),
        (1, 9, 13, 1, 1),
        (2, 6, 8, 3, 1),
        (6, 6, 12, 3, 1),
        (7, 7, 7, 5, 2),
    ] {
        for (activation, bias, single) in [
            ("Identity", true, false),
            ("Relu", true, true),
            ("Clip", false, false),
        ] {
            let dims = [outputs, channels / group, kernel, kernel];
            let w = integers(&mut random, DType::I8, &dims, -128, 127);
            let scaled = if single { 1 } else { outputs };
            let build = between(
                &mut random,
                (&format!("2,{channels},9,11"), &w),
                (scaled, 0),
                bias.then_some((outputs, 1.0)),
                |build, to| {
                    let read = ["x_float", "w_float", "b_float"];
                    let read = if bias { &read[..] } else { &read[..2] };
                    let to_conv = if activation == "Identity" { to } else { "conv" };
                    let conv = node("Conv", read, &[to_conv])
                        .with(int("group", group as i64))
                        .with(ints("strides", &[stride; 2]))
                        .with(ints("pads", &[kernel as i64 / 2; 4]));
                    match activation {
                        "Identity" => build.node(conv),
                        _ => activated(build.node(conv), activation, "conv", to),
                    }
                },
            );
            let x = integers(&mut random, DType::U8, &[2, channels, 9, 11], 0, 255);
            let what = format!("{group} {channels} {outputs} {kernel} {activation}");
            check(&build, &x, &what);
        }
    }
}

#[test]
fn products_between_scales_are_done_on_integers() {
    let mut random = Random::new(6);
    for (rows, inner, columns) in [(1, 40, 70), (5, 33, 9), (30, 64, 40)] {
        for (operator, transposed, activation) in [
            ("MatMul", false, "Relu"),
            ("Gemm", false, "Clip"),
            ("Gemm", true, "Relu"),
        ] {
            let dims = if transposed {
                [columns, inner]
            } else {
                [inner, columns]
            };
            let w = integers(&mut random, DType::I8, &dims, -128, 127);
            let axis = i64::from(!transposed);
            let bias = (operator == "Gemm").then_some((columns, 1.0));
            let build = between(
                &mut random,
                (&format!("{rows},{inner}"), &w),
                (columns, axis),
                bias,
                |build, to| {
                    let product = match operator {
                        "MatMul" => node("MatMul", &["x_float", "w_float"], &["product"]),
                        _ => node("Gemm", &["x_float", "w_float", "b_float"], &["product"])
                            .with(int("transB", i64::from(transposed))),
                    };
                    activated(build.node(product), activation, "product", to)
                },
            );
            let x = integers(&mut random, DType::U8, &[rows, inner], 0, 255);
            check(&build, &x, &format!("{operator} {rows} {inner} {columns}"));
        }
    }
}

/// What picks elements of `x_float`, written with the scale `y_scale`.
fn picking(picker: NodeProto, y_scale: f64) -> Build {
    Build::new(17)
        .input("x", DType::I8, "1,2,6,4")
        .output("y")
        .initializer("scale", &f32s(&[], &[0.0371]))
        .initializer("y_scale", &f32s(&[], &[y_scale]))
        .initializer("zero", &tensor(DType::I8, &[], &[-7.0]))
        .node(node(
            "DequantizeLinear",
            &["x", "scale", "zero"],
            &["x_float"],
        ))
        .node(picker)
        .node(node(
            "QuantizeLinear",
            &["float", "y_scale", "zero"],
            &["y"],
        ))
}

#[test]
fn what_picks_elements_picks_integers_of_the_same_scale() {
    let x = integers(&mut Random::new(7), DType::I8, &[1, 2, 6, 4], -128, 127);
    let pool = || {
        node("MaxPool", &["x_float"], &["float"])
            .with(ints("kernel_shape", &[3, 3]))
            .with(ints("pads", &[1; 4]))
    };
    let turn = || node("Transpose", &["x_float"], &["float"]);
    for build in [picking(pool(), 0.0371), picking(turn(), 0.0371)] {
        assert_eq!(running(&build).len(), 1);
        let [plain, got] = [false, true].map(|rewritten| outputs_of(&build, rewritten, &x));
        assert_eq!(plain, got);
    }
    assert_eq!(running(&picking(pool(), 0.05)).len(), 3);
}

#[test]
fn what_others_read_stays_and_other_scales_are_not_taken_for_products() {
    let mut random = Random::new(8);
    let w = integers(&mut random, DType::I8, &[4, 3, 3, 3], -128, 127);
    let mut operators = |seen: bool, off: f64| {
        let bias = Some((4, off));
        let build = between(&mut random, ("1,3,8,8", &w), (4, 0), bias, |build, to| {
            build.node(node("Conv", &["x_float", "w_float", "b_float"], &[to]))
        });
        running(&match seen {
            true => build.output("float"),
            false => build,
        })
    };
    assert_eq!(operators(false, 1.0), ["Conv"]);
    assert_eq!(
        operators(true, 1.0).last().map(String::as_str),
        Some("QuantizeLinear")
    );
    assert_eq!(
        operators(false, 1.001).last().map(String::as_str),
        Some("QuantizeLinear")
    );
}

/// Sums are exact, so that instruction sets and threads change no bit; the widest numbers there are.
#[test]
fn every_instruction_set_and_any_threads_give_the_same_integers() {
    let mut random = Random::new(9);
    let x = integers(&mut random, DType::U8, &[2, 34, 19, 23], 0, 255);
    let with = |operator: &str, group: usize, outputs: usize, random: &mut Random| {
        let w = integers(random, DType::U8, &[outputs, 34 / group, 3, 3], 0, 255);
        let build = Build::new(17)
            .input("x", DType::U8, "2,34,19,23")
            .output("y")
            .initializer("w", &w)
            .initializer("x_zero", &tensor(DType::U8, &[], &[255.0]))
            .initializer("w_zero", &integers(random, DType::U8, &[outputs], 0, 255))
            .initializer("x_scale", &f32s(&[], &[0.01]))
            .initializer("w_scale", &f32s(&[outputs], &scales(random, outputs)))
            .initializer("y_scale", &f32s(&[], &[0.3]))
            .initializer("y_zero", &tensor(DType::I8, &[], &[3.0]));
        let conv = match operator {
            "ConvInteger" => node(operator, &["x", "w", "x_zero", "w_zero"], &["y"]),
            _ => node(
                operator,
                &[
                    "x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero",
                ],
                &["y"],
            ),
        };
        build.node(
            conv.with(int("group", group as i64))
                .with(ints("pads", &[1; 4])),
        )
    };
    let cases = ["ConvInteger", "QLinearConv"]
        .into_iter()
        .flat_map(|operator| {
            [(1, 29), (2, 26), (34, 34)].map(|(group, outputs)| (operator, group, outputs))
        });
    for (operator, group, outputs) in cases {
        let build = with(operator, group, outputs, &mut random);
        let mut all = Vec::new();
        // As the file has it weights are not laid out for tiles.
        for (simd, optimize) in Simd::available()
            .into_iter()
            .flat_map(|simd| [(simd, false), (simd, true)])
        {
            for threads in [1, 2, 5] {
                let mut options = Options::default();
                options.optimize = optimize;
                options.simd = simd;
                options.threads = Threads::Count(NonZeroUsize::new(threads).expect("some"));
                let model = Model::from_bytes_with(build.bytes(), &options).expect("it is valid");
                let outputs = model.run(inputs! { "x" => &x }).expect("it runs");
                all.push(numbers(&outputs["y"]));
            }
        }
        assert!(all.len() > 3, "there is more than one instruction set");
        for other in &all[1..] {
            assert!(all[0] == *other, "{operator} {group} {outputs}");
        }
    }
}

/// A product of `inner` elements of 255 each, quantized with `scale` behind a Relu.
fn of_ones(inner: usize, scale: f64) -> Build {
    Build::new(17)
        .input("x", DType::U8, &format!("1,{inner}"))
        .output("y")
        .initializer("w", &tensor(DType::U8, &[inner, 1], &vec![255.0; inner]))
        .initializer("one", &f32s(&[], &[1.0]))
        .initializer("zero", &tensor(DType::U8, &[], &[0.0]))
        .initializer("scale", &f32s(&[], &[scale]))
        .initializer("middle", &tensor(DType::U8, &[], &[100.0]))
        .node(node(
            "DequantizeLinear",
            &["x", "one", "zero"],
            &["x_float"],
        ))
        .node(node(
            "DequantizeLinear",
            &["w", "one", "zero"],
            &["w_float"],
        ))
        .node(node("MatMul", &["x_float", "w_float"], &["product"]))
        .node(node("Relu", &["product"], &["last"]))
        .node(node("QuantizeLinear", &["last", "scale", "middle"], &["y"]))
}

#[test]
fn sums_that_may_wrap_and_scales_that_turn_the_order_stay_with_floats() {
    for (inner, scale, one) in [
        (3, 65_025.0, true),
        (33_024, 65_025.0 * 4096.0, true),
        (33_026, 65_025.0 * 4096.0, false),
        (3, -65_025.0, false),
    ] {
        let build = of_ones(inner, scale);
        let x = tensor(DType::U8, &[1, inner], &vec![255.0; inner]);
        let [plain, got] = [false, true].map(|rewritten| outputs_of(&build, rewritten, &x));
        assert_eq!(plain, got, "{inner}, {scale}");
        let count = running(&build).len();
        assert_eq!(count == 1, one, "{inner}, {scale}: {count} nodes");
    }
}

#[test]
fn weights_without_elements_are_left_alone() {
    let build = Build::new(17)
        .input("x", DType::U8, "1,2,3,3")
        .output("y")
        .initializer("w", &tensor(DType::I8, &[0, 2, 1, 1], &[]))
        .initializer("b", &tensor(DType::I32, &[0], &[]))
        .initializer("one", &f32s(&[], &[1.0]))
        .initializer("none", &f32s(&[0], &[]))
        .node(node("DequantizeLinear", &["x", "one"], &["x_float"]))
        .node(node("DequantizeLinear", &["w", "none"], &["w_float"]).with(int("axis", 0)))
        .node(node("DequantizeLinear", &["b", "one"], &["b_float"]))
        .node(node("Conv", &["x_float", "w_float", "b_float"], &["conv"]))
        .node(node("QuantizeLinear", &["conv", "one"], &["y"]));
    let x = tensor(DType::U8, &[1, 2, 3, 3], &[1.0; 18]);
    for rewritten in [false, true] {
        assert_eq!(outputs_of(&build, rewritten, &x), [0.0; 0]);
    }
}
