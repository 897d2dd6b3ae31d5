//! The tricky cases of pooling, run as ONNX models: forty numbered ones where engines are known to disagree,
//! their companions in other types, opsets and shapes, and the facts about NaN, precision and regions.

mod channels_last;
mod facts;
mod quantized;
mod regions;
#[path = "../support/mod.rs"]
mod support;
mod table;

use linn::{DType, Error, Tensor};
use support::model::OneNode;
use support::{Report, check_tensor, counting, i64s, numbers, run, tensor};
use table::Case;

fn check(case: &Case) -> Result<(), String> {
    let outputs = run(&case.node, &case.inputs).map_err(|error| error.to_string())?;
    check_tensor(&outputs[0], &case.shape, &case.values)?;
    if let Some(indices) = &case.indices {
        let wanted: Vec<f64> = indices.iter().map(|&index| index as f64).collect();
        check_tensor(&outputs[1], &case.shape, &wanted)
            .map_err(|reason| format!("Indices: {reason}"))?;
    }
    Ok(())
}

/// The cases whose number is one of `numbers`.
fn numbered(numbers: &[&str]) -> Vec<Case> {
    let mut cases = table::cases();
    cases.retain(|case| numbers.contains(&case.number));
    assert_eq!(cases.len(), numbers.len(), "a number is not in the table");
    cases
}

#[test]
fn the_forty_cases() {
    let mut report = Report::default();
    for case in table::cases() {
        report.check(format!("case {}", case.number), check(&case));
    }
    report.finish(43);
}

/// Case 33: the size of the output is not computed in floats, which cannot count so far.
#[test]
fn case_33() {
    let len = 16_777_219;
    let data: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
    let wanted: Vec<u8> = data
        .chunks(2)
        .map(|pair| pair[0].max(*pair.last().expect("a chunk is not empty")))
        .collect();
    let node = OneNode::new("MaxPool", 22)
        .ints("kernel_shape", &[2])
        .ints("strides", &[2])
        .int("ceil_mode", 1);
    let x = Tensor::new(&[1, 1, len], data).expect("the data fill the shape");
    let outputs = run(&node, &[x]).expect("it runs");
    assert_eq!(outputs[0].shape()[..], [1, 1, 8_388_610]);
    assert!(outputs[0].as_slice::<u8>() == Some(&wanted[..]));
}

/// A tensor like `tensor` with `size` at axis 0, its elements repeated or left out.
fn resized(tensor: &Tensor, size: usize) -> Tensor {
    let mut dims = tensor.shape().to_vec();
    let per_sample: usize = dims[1..].iter().product();
    dims[0] = size;
    let elements = numbers(tensor);
    let cycle = elements.iter().copied().cycle().take(size * per_sample);
    support::tensor(tensor.dtype(), &dims, &cycle.collect::<Vec<f64>>())
}

/// Every case without a sample (without a region, where the first axis of the output counts regions).
#[test]
fn cases_without_samples() {
    let mut report = Report::default();
    for mut case in table::cases() {
        let emptied: &[usize] = match case.number {
            "36" | "36b" => {
                let mut output_shape = case.inputs[2].as_slice::<i64>().expect("i64").to_vec();
                output_shape[0] = 0;
                case.inputs[2] = i64s(&[output_shape.len()], &output_shape);
                &[0, 1]
            }
            "37" => &[1],
            "38, opset 10" | "38, opset 16" | "39" => &[1, 2],
            _ => &[0],
        };
        for &input in emptied {
            case.inputs[input] = resized(&case.inputs[input], 0);
        }
        case.shape[0] = 0;
        case.values.clear();
        case.indices = case.indices.map(|_| vec![]);
        report.check(
            format!("case {} without samples", case.number),
            check(&case),
        );
    }
    report.finish(43);
}

#[test]
fn averages_in_other_types() {
    let mut report = Report::default();
    for case in numbered(&["3", "4", "6"]) {
        for dtype in [DType::F16, DType::BF16, DType::F64] {
            let mut case = case.clone();
            if dtype == DType::BF16 {
                case.node = case.node.opset(22);
            }
            case.inputs[0] = tensor(dtype, case.inputs[0].shape(), &numbers(&case.inputs[0]));
            report.check(format!("case {} in {dtype}", case.number), check(&case));
        }
    }
    report.finish(9);
}

/// bf16 came with opset 22.
#[test]
fn bf16_needs_opset_22() {
    for operator in ["MaxPool", "AveragePool", "LpPool"] {
        let node = |opset| OneNode::new(operator, opset).ints("kernel_shape", &[1]);
        let x = counting(DType::BF16, &[1, 1, 2]);
        assert!(run(&node(22), std::slice::from_ref(&x)).is_ok());
        let error = run(&node(21), &[x]).expect_err("not in 21").to_string();
        assert!(error.contains("X has elements of type bf16"), "{error}");
    }
}

/// Sixteen channels, as some engines switch to another layout for them.
#[test]
fn auto_pads_with_sixteen_channels() {
    let mut report = Report::default();
    for mut case in numbered(&["7", "8", "9", "10", "11"]) {
        let channels = 16;
        let size = case.inputs[0].shape()[2];
        let tiled = numbers(&case.inputs[0]).repeat(channels);
        case.inputs[0] = tensor(DType::F32, &[1, channels, size], &tiled);
        case.shape[1] = channels;
        case.values = case.values.repeat(channels);
        case.indices = case.indices.map(|indices| {
            let per_channel = |channel| {
                let base = (channel * size) as i64;
                indices.iter().map(move |index| base + index)
            };
            (0..channels).flat_map(per_channel).collect()
        });
        report.check(
            format!("case {} with 16 channels", case.number),
            check(&case),
        );
    }
    report.finish(5);
}

/// Cases 1 to 6 mean the same at every opset that has their attributes; at an older one the attribute is refused.
#[test]
fn output_sizes_at_every_opset() {
    let mut report = Report::default();
    for case in numbered(&["1", "2", "3", "4", "5", "6"]) {
        for opset in [10, 11, 12, 18, 19, 21] {
            let mut case = case.clone();
            case.node = case.node.opset(opset);
            let result = match case.number {
                // Only case 6 is a dilated average.
                "6" if opset < 19 => refused(&case, "dilations"),
                _ => check(&case),
            };
            report.check(format!("case {} at opset {opset}", case.number), result);
        }
    }
    for case in numbered(&["1", "2", "3", "4", "30"]) {
        let opset = if case.number == "30" { 17 } else { 9 };
        let mut case = case.clone();
        case.node = case.node.opset(opset);
        report.check(
            format!("case {} at opset {opset}", case.number),
            refused(&case, "ceil_mode"),
        );
    }
    report.finish(41);
}

/// Checks that the model does not load and that the reason names `attribute`.
fn refused(case: &Case, attribute: &str) -> Result<(), String> {
    match run(&case.node, &case.inputs) {
        Ok(_) => Err("ran".to_string()),
        Err(Error::Node {
            source,
            running: false,
            ..
        }) if source.field == format!("attribute '{attribute}'")
            && source.reason.contains("is new in") =>
        {
            Ok(())
        }
        Err(error) => Err(format!("wanted {attribute} to be refused, got: {error}")),
    }
}
