//! What the specification leaves open or engines get wrong, beyond the numbered cases: divisors, windows on
//! padding alone, NaN and infinities, precision, norms, global pools.

use linn::{DType, Tensor};

use crate::support::model::OneNode;
use crate::support::{Report, check_tensor, counting, f32s, i64s, numbers, run, tensor};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

fn pool(operator: &str, kernel: &[i64]) -> OneNode {
    OneNode::new(operator, 22).ints("kernel_shape", kernel)
}

/// Runs a node on one input of shape `[1, 1, ...]` and checks its first output.
fn gives(node: &OneNode, x: &Tensor, shape: &[usize], wanted: &[f64]) -> Result<(), String> {
    let outputs = run(node, std::slice::from_ref(x)).map_err(|error| error.to_string())?;
    check_tensor(&outputs[0], shape, wanted)
}

fn line(values: &[f64]) -> Tensor {
    f32s(&[1, 1, values.len()], values)
}

#[test]
fn divisors_count_padding_but_no_overhang() {
    let mut report = Report::default();
    let include = |node: OneNode| node.int("count_include_pad", 1);
    let average =
        |kernel: i64, stride: i64| pool("AveragePool", &[kernel]).ints("strides", &[stride]);
    let count = |size| counting(DType::F32, &[1, 1, size]);
    let mut check = |what: &str, node: OneNode, size, wanted: &[f64]| {
        report.check(
            what,
            gives(&node, &count(size), &[1, 1, wanted.len()], wanted),
        );
    };
    check(
        "the last divisor is 6",
        include(average(7, 3).ints("pads", &[3, 3]).int("ceil_mode", 1)),
        9,
        &[10.0 / 7.0, 4.0, 39.0 / 7.0, 4.0],
    );
    check(
        "the last divisor is 1",
        include(average(2, 2).int("ceil_mode", 1)),
        5,
        &[1.5, 3.5, 5.0],
    );
    check(
        "end padding beside an overhang",
        include(average(4, 4).ints("pads", &[0, 1]).int("ceil_mode", 1)),
        6,
        // The second window holds 5, 6, one element of padding and an overhang.
        &[2.5, 11.0 / 3.0],
    );
    check(
        "automatic pads count",
        include(average(3, 1).string("auto_pad", "SAME_UPPER")),
        3,
        &[1.0, 2.0, 5.0 / 3.0],
    );
    check(
        "any count_include_pad but 0 is true",
        average(3, 1)
            .ints("pads", &[1, 1])
            .int("count_include_pad", 7),
        3,
        &[1.0, 2.0, 5.0 / 3.0],
    );
    check(
        "padding does not count by default",
        average(3, 1).ints("pads", &[1, 1]),
        3,
        &[1.5, 2.0, 2.5],
    );
    check(
        "dilated taps count, not the span",
        average(2, 1).ints("dilations", &[3]).ints("pads", &[2, 0]),
        4,
        &[2.0, 3.0, 2.5],
    );
    // Different pads on the two axes, where one engine took the one for the other.
    let two = include(
        pool("AveragePool", &[3, 3])
            .ints("strides", &[2, 2])
            .ints("pads", &[2, 0, 0, 1])
            .int("ceil_mode", 1),
    );
    let ones = f32s(&[1, 1, 4, 4], &[1.0; 16]);
    // Rows with 1 of 3, 3 of 3 and 2 of 2 taps, columns with 3 of 3 and 2 of 3.
    let wanted = [1.0 / 3.0, 2.0 / 9.0, 1.0, 2.0 / 3.0, 1.0, 2.0 / 3.0];
    report.check(
        "pads of two axes",
        gives(&two, &ones, &[1, 1, 3, 2], &wanted),
    );
    report.finish(8);
}

#[test]
fn windows_on_padding_alone() {
    let mut report = Report::default();
    // Windows at -2..0, 0..2, 2..4 over two elements.
    let wide = |operator: &str| {
        pool(operator, &[2])
            .ints("strides", &[2])
            .ints("pads", &[2, 2])
    };
    for (operator, dtype, wanted) in [
        ("MaxPool", DType::F32, [-INF, 2.0, -INF]),
        ("MaxPool", DType::F64, [-INF, 2.0, -INF]),
        ("MaxPool", DType::F16, [-INF, 2.0, -INF]),
        ("MaxPool", DType::BF16, [-INF, 2.0, -INF]),
        ("MaxPool", DType::I8, [-128.0, 2.0, -128.0]),
        ("MaxPool", DType::U8, [0.0, 2.0, 0.0]),
        ("AveragePool", DType::F32, [0.0, 1.5, 0.0]),
        ("LpPool", DType::F32, [0.0, 5f64.sqrt(), 0.0]),
    ] {
        let x = tensor(dtype, &[1, 1, 2], &[1.0, 2.0]);
        report.check(
            format!("{operator} of {dtype}"),
            gives(&wide(operator), &x, &[1, 1, 3], &wanted),
        );
    }
    let included = wide("AveragePool").int("count_include_pad", 1);
    report.check(
        "AveragePool with count_include_pad",
        gives(&included, &line(&[1.0, 2.0]), &[1, 1, 3], &[0.0, 1.5, 0.0]),
    );
    // In every channel and in both storage orders the index is -1, no place in another channel.
    for order in [0, 1] {
        let node = wide("MaxPool").int("storage_order", order).outputs(2);
        let result = run(&node, &[counting(DType::F32, &[2, 2, 2])]);
        let result = result.map_err(|error| error.to_string());
        report.check(
            format!("Indices in storage order {order}"),
            result.and_then(|outputs| {
                let wanted = [-1, 1, -1, -1, 3, -1, -1, 5, -1, -1, 7, -1].map(f64::from);
                check_tensor(&outputs[1], &[2, 2, 3], &wanted)
            }),
        );
    }
    // A spatial axis without elements, made visible by padding.
    let padded = pool("MaxPool", &[2]).ints("pads", &[1, 2]).outputs(2);
    let outputs = run(&padded, &[f32s(&[1, 1, 0], &[])]).map_err(|error| error.to_string());
    report.check(
        "an axis of size 0",
        outputs.and_then(|outputs| {
            check_tensor(&outputs[0], &[1, 1, 2], &[-INF, -INF])?;
            check_tensor(&outputs[1], &[1, 1, 2], &[-1.0, -1.0])
        }),
    );
    for operator in ["AveragePool", "LpPool"] {
        let padded = pool(operator, &[2]).ints("pads", &[1, 2]);
        report.check(
            format!("{operator} of an axis of size 0"),
            gives(&padded, &f32s(&[1, 1, 0], &[]), &[1, 1, 2], &[0.0, 0.0]),
        );
    }
    for (dtype, least) in [(DType::I8, -128.0), (DType::U8, 0.0)] {
        let node = wide("NhwcMaxPool").domain("com.microsoft");
        // Two elements of two channels.
        let x = tensor(dtype, &[1, 2, 2], &[1.0, 4.0, 2.0, 3.0]);
        report.check(
            format!("NhwcMaxPool of {dtype}"),
            gives(
                &node,
                &x,
                &[1, 3, 2],
                &[least, least, 2.0, 4.0, least, least],
            ),
        );
    }
    report.finish(16);
}

/// One window of three elements, as a row, as a column and as the rows of a square; with and without Indices.
#[test]
fn the_first_nan_wins_and_minus_infinity_stays() {
    let mut report = Report::default();
    for (data, value, index) in [
        ([NAN, 1.0, 2.0], NAN, 0),
        ([1.0, NAN, 2.0], NAN, 1),
        ([1.0, 2.0, NAN], NAN, 2),
        ([NAN, NAN, NAN], NAN, 0),
        ([-INF, -INF, -INF], -INF, 0),
        ([INF, NAN, 1.0], NAN, 1),
        ([NAN, 1.0, NAN], NAN, 0),
        ([-INF, NAN, -INF], NAN, 1),
        ([-INF, INF, INF], INF, 1),
        ([-0.0, 0.0, -0.0], 0.0, 0),
    ] {
        for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
            let rows = data.repeat(3);
            // In a column of a wide tensor every third element is one of the window.
            let spread: Vec<f64> = data.iter().flat_map(|&x| [x, x, x]).collect();
            for (kernel, dims, values, output, indices) in [
                (
                    &[3][..],
                    &[1, 1, 3][..],
                    data.to_vec(),
                    vec![1, 1, 1],
                    vec![index],
                ),
                (&[3, 3], &[1, 1, 3, 3], rows, vec![1, 1, 1, 1], vec![index]),
                (
                    &[3, 1],
                    &[1, 1, 3, 3],
                    spread,
                    vec![1, 1, 1, 3],
                    vec![3 * index, 3 * index + 1, 3 * index + 2],
                ),
            ] {
                let x = tensor(dtype, dims, &values);
                let wanted = vec![value; indices.len()];
                let what = format!("MaxPool {kernel:?} of {data:?} in {dtype}");
                let node = pool("MaxPool", kernel);
                report.check(&what, gives(&node, &x, &output, &wanted));
                let both = run(&node.outputs(2), &[x]).map_err(|error| error.to_string());
                report.check(
                    format!("{what} with Indices"),
                    both.and_then(|both| {
                        check_tensor(&both[0], &output, &wanted)?;
                        let indices: Vec<f64> = indices.iter().map(|&i| f64::from(i)).collect();
                        check_tensor(&both[1], &output, &indices)
                    }),
                );
            }
            let x = tensor(dtype, &[1, 1, 3], &data);
            let global = OneNode::new("GlobalMaxPool", 22);
            report.check(
                format!("GlobalMaxPool of {data:?} in {dtype}"),
                gives(&global, &x, &[1, 1, 1], &[value]),
            );
        }
    }
    report.finish(10 * 4 * 7);
}

/// Zeros of both signs are equal, so the first one is the maximum, bit for bit.
#[test]
fn the_first_zero_wins_with_its_sign() {
    for (data, negative) in [([-0.0, 0.0], true), ([0.0, -0.0], false)] {
        for outputs in [1, 2] {
            let y = run(&pool("MaxPool", &[2]).outputs(outputs), &[line(&data)]).expect("it runs");
            let zero = numbers(&y[0])[0];
            assert_eq!((zero, zero.is_sign_negative()), (0.0, negative));
        }
    }
}

/// A window is its own sum: what is not finite stays in the windows that hold it.
#[test]
fn sums_follow_ieee_and_do_not_run_on() {
    let mut report = Report::default();
    let data = [1.0, NAN, 3.0, 4.0, INF, 6.0, -INF, 8.0, 9.0];
    let x = line(&data);
    let included = |include| pool("AveragePool", &[2]).int("count_include_pad", include);
    let means = [NAN, NAN, 3.5, INF, INF, -INF, -INF, 8.5];
    for include in [0, 1] {
        report.check(
            format!("AveragePool with count_include_pad {include}"),
            gives(&included(include), &x, &[1, 1, 8], &means),
        );
    }
    let norms = [NAN, NAN, 5.0, INF, INF, INF, INF, 145f64.sqrt()];
    report.check(
        "LpPool",
        gives(&pool("LpPool", &[2]), &x, &[1, 1, 8], &norms),
    );
    for p in [1, 3, 40] {
        let node = pool("LpPool", &[2]).int("p", p);
        let y = run(&node, std::slice::from_ref(&x)).expect("it runs");
        let got = numbers(&y[0]);
        let alike = got.iter().zip(norms).all(|(got, wanted)| {
            got.is_nan() == wanted.is_nan() && got.is_infinite() == wanted.is_infinite()
        });
        let result = if alike {
            Ok(())
        } else {
            Err(format!("{got:?}"))
        };
        report.check(format!("LpPool with p {p}"), result);
    }
    for (what, data, wanted) in [
        ("a NaN", [1.0, NAN, 2.0], NAN),
        ("an infinity", [1.0, INF, 2.0], INF),
        ("both infinities", [INF, 1.0, -INF], NAN),
    ] {
        for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
            let x = tensor(dtype, &[1, 1, 3], &data);
            report.check(
                format!("GlobalAveragePool of {what} in {dtype}"),
                gives(
                    &OneNode::new("GlobalAveragePool", 22),
                    &x,
                    &[1, 1, 1],
                    &[wanted],
                ),
            );
            let node = pool("AveragePool", &[3]);
            report.check(
                format!("AveragePool of {what} in {dtype}"),
                gives(&node, &x, &[1, 1, 1], &[wanted]),
            );
        }
    }
    report.finish(30);
}

#[test]
fn averages_do_not_overflow_or_cancel() {
    let mut report = Report::default();
    let mean = OneNode::new("GlobalAveragePool", 22);
    let mut check = |what: &str, x: Tensor, wanted: f64| {
        let size = x.shape()[2] as i64;
        report.check(what, gives(&mean, &x, &[1, 1, 1], &[wanted]));
        let node = pool("AveragePool", &[size]);
        report.check(
            format!("{what}, as AveragePool"),
            gives(&node, &x, &[1, 1, 1], &[wanted]),
        );
    };
    let large = f64::from(3e38f32);
    check("3e38 twice", line(&[large, large]), large);
    check("cancellation", line(&[1e8, 1.0, -1e8]), 1.0 / 3.0);
    let f64s = |values: &[f64]| tensor(DType::F64, &[1, 1, values.len()], values);
    check("cancellation in f64", f64s(&[1e100, 3.0, -1e100]), 1.0);
    let f16s = |values: &[f64]| tensor(DType::F16, &[1, 1, values.len()], values);
    check("f16 sums beyond its range", f16s(&[300.0; 300]), 300.0);
    check("f16 sums beyond its precision", f16s(&[1.0; 5000]), 1.0);
    let bf16s = |values: &[f64]| tensor(DType::BF16, &[1, 1, values.len()], values);
    check("bf16 sums beyond its precision", bf16s(&[1.0; 5000]), 1.0);

    // A million values in [1, 2): the mean is right to the last bit of f32.
    let mut random = crate::support::Random::new(5);
    let values: Vec<f64> = (0..1_000_000)
        .map(|_| f64::from(1.0 + random.range(0, (1 << 23) - 1) as f32 / (1 << 23) as f32))
        .collect();
    let exact = values.iter().sum::<f64>() / 1e6;
    let y = run(&mean, &[line(&values)]).expect("it runs");
    let error = (numbers(&y[0])[0] - exact).abs() / exact;
    assert!(error < 6e-8, "relative error {error:e}");
    report.finish(12);
}

/// The norm overflows, or vanishes, only if the result does.
#[test]
fn norms_keep_their_scale() {
    let mut report = Report::default();
    let root2 = std::f64::consts::SQRT_2;
    for (what, dtype, p, data, wanted) in [
        ("large", DType::F32, 2, [1e20, 1e20], 1e20 * root2),
        ("small", DType::F32, 2, [1e-30, 1e-30], 1e-30 * root2),
        ("large in f16", DType::F16, 2, [300.0, 400.0], 500.0),
        ("large in bf16", DType::BF16, 2, [3e38, 0.0], 3e38),
        ("signs", DType::F32, 1, [-3.0, 4.0], 7.0),
        (
            "signs of odd powers",
            DType::F32,
            3,
            [-3.0, -4.0],
            91f64.cbrt(),
        ),
        ("one element", DType::F32, 3, [7.0, 0.0], 7.0),
        ("high power", DType::F32, 60, [1e20, 0.0], 1e20),
        ("high power in f16", DType::F16, 100, [300.0, 1.0], 300.0),
        ("zeros", DType::F32, 60, [0.0, 0.0], 0.0),
    ] {
        let x = tensor(dtype, &[1, 1, 2], &data);
        let node = pool("LpPool", &[2]).int("p", p);
        report.check(what, gives(&node, &x, &[1, 1, 1], &[wanted]));
        let global = OneNode::new("GlobalLpPool", 22).int("p", p);
        report.check(
            format!("{what}, global"),
            gives(&global, &x, &[1, 1, 1], &[wanted]),
        );
    }
    // In f64 there is no wider type to lean on.
    for (data, wanted) in [([3e200, 4e200], 5e200), ([3e-200, 4e-200], 5e-200)] {
        let x = tensor(DType::F64, &[1, 1, 2], &data);
        let y = run(&pool("LpPool", &[2]), &[x]).expect("it runs");
        let error = (numbers(&y[0])[0] / wanted - 1.0).abs();
        assert!(error < 1e-15, "relative error {error:e}");
    }
    // The first version has a fractional power.
    let node = OneNode::new("LpPool", 1)
        .ints("kernel_shape", &[2])
        .float("p", 1.5);
    let wanted = 2f64.powf(1.0 / 1.5);
    report.check(
        "fractional power",
        gives(&node, &line(&[-1.0, 1.0]), &[1, 1, 1], &[wanted]),
    );
    let global = OneNode::new("GlobalLpPool", 1).float("p", 1.5);
    report.check(
        "fractional power, global",
        gives(&global, &line(&[-1.0, 1.0]), &[1, 1, 1], &[wanted]),
    );
    report.finish(22);
}

/// Any rank from 2, all axes but the first two reduced; norms are not divided by the number of elements.
#[test]
fn global_pools_of_every_rank() {
    let mut report = Report::default();
    for rank in 2..=6 {
        let mut dims = vec![2; rank];
        dims[1] = 1;
        let plane = 1 << (rank - 2);
        let x = counting(DType::F32, &dims);
        let values: Vec<f64> = numbers(&x).iter().map(|x| -x).collect();
        let x = f32s(&dims, &values);
        let mut output = dims.clone();
        output[2..].fill(1);
        let of_planes =
            |fold: fn(&[f64]) -> f64| -> Vec<f64> { values.chunks(plane).map(fold).collect() };
        let largest = of_planes(|plane| plane.iter().copied().fold(-INF, f64::max));
        let mean = of_planes(|plane| plane.iter().sum::<f64>() / plane.len() as f64);
        let norm = of_planes(|plane| plane.iter().map(|x| x * x).sum::<f64>().sqrt());
        for (operator, wanted) in [
            ("GlobalMaxPool", largest),
            ("GlobalAveragePool", mean),
            ("GlobalLpPool", norm),
        ] {
            for opset in [2, 22] {
                let node = OneNode::new(operator, opset);
                report.check(
                    format!("{operator}-{opset} of rank {rank}"),
                    gives(&node, &x, &output, &wanted),
                );
            }
        }
    }
    report.finish(30);
}

/// The second output in one, three and four spatial axes, under strides, dilations, pads, ceil_mode and both
/// storage orders, against its definition: it must lead back to the value.
#[test]
fn indices_lead_back_to_the_values() {
    let mut random = crate::support::Random::new(11);
    let mut report = Report::default();
    for round in 0..60 {
        let spatial = 1 + round % 4;
        let mut dims = vec![2, 3];
        dims.extend((0..spatial).map(|_| random.range(3, 6) as usize));
        let mut list =
            |low, high, n: usize| -> Vec<i64> { (0..n).map(|_| random.range(low, high)).collect() };
        let node = pool("MaxPool", &list(1, 3, spatial))
            .ints("strides", &list(1, 3, spatial))
            .ints("pads", &list(0, 1, 2 * spatial))
            .int("ceil_mode", (round / 4 % 2) as i64)
            .outputs(2);
        let values = list(-9, 9, dims.iter().product());
        let values: Vec<f64> = values.iter().map(|&x| x as f64).collect();
        let x = f32s(&dims, &values);
        let row = run(
            &node.clone().int("storage_order", 0),
            std::slice::from_ref(&x),
        );
        let column = run(&node.int("storage_order", 1), &[x]);
        let result = match (row, column) {
            (Ok(row), Ok(column)) => leads_back(&dims, &values, &row, &column),
            (Err(error), _) | (_, Err(error)) => Err(error.to_string()),
        };
        report.check(format!("round {round} of shape {dims:?}"), result);
    }
    report.finish(60);
}

fn leads_back(
    dims: &[usize],
    values: &[f64],
    row: &[Tensor],
    column: &[Tensor],
) -> Result<(), String> {
    let plane: usize = dims[2..].iter().product();
    let outputs = row[0].shape()[2..].iter().product::<usize>();
    if row[0] != column[0] {
        return Err("the values depend on the storage order".to_string());
    }
    let (ys, row, column) = (numbers(&row[0]), numbers(&row[1]), numbers(&column[1]));
    for (at, y) in ys.iter().enumerate() {
        // A kernel of 1 on a pad of 1 sees no element.
        if row[at] == -1.0 {
            if (*y, column[at]) != (-INF, -1.0) {
                return Err(format!("output {at}: no index, but {y} and {}", column[at]));
            }
            continue;
        }
        let index = row[at] as usize;
        if values.get(index) != Some(y) || index / plane != at / outputs {
            return Err(format!("output {at}: index {index} is not where {y} is"));
        }
        // The same place counted with the first spatial axis fastest.
        let (mut rest, mut coordinates) = (index % plane, vec![]);
        for dim in dims[2..].iter().rev() {
            coordinates.insert(0, rest % dim);
            rest /= dim;
        }
        let turned = coordinates
            .iter()
            .zip(&dims[2..])
            .rev()
            .fold(0, |sum, (coordinate, dim)| sum * dim + coordinate);
        let wanted = index / plane * plane + turned;
        if column[at] != wanted as f64 {
            return Err(format!(
                "output {at}: {} by columns, wanted {wanted}",
                column[at]
            ));
        }
    }
    Ok(())
}

#[test]
fn unpooling_facts() {
    let unpool = || pool("MaxUnpool", &[2]).ints("strides", &[2]);
    let x = line(&[1.0, 2.0]);
    // Without output_shape: (X - 1) * stride + kernel - pads.
    let y = run(&unpool(), &[x.clone(), i64s(&[1, 1, 2], &[3, 0])]).expect("it runs");
    check_tensor(&y[0], &[1, 1, 4], &[2.0, 0.0, 0.0, 1.0]).expect("the inferred size");
    let padded = unpool().ints("pads", &[1, 0]);
    let y = run(&padded, &[x.clone(), i64s(&[1, 1, 2], &[2, 0])]).expect("it runs");
    check_tensor(&y[0], &[1, 1, 3], &[2.0, 0.0, 1.0]).expect("pads make it smaller");
    // The last one of equal indices stays.
    let y = run(&unpool(), &[x, i64s(&[1, 1, 2], &[1, 1])]).expect("it runs");
    check_tensor(&y[0], &[1, 1, 4], &[0.0, 2.0, 0.0, 0.0]).expect("the last write stays");
    // Indices count samples and channels.
    let x = f32s(&[2, 2, 1], &[1.0, 2.0, 3.0, 4.0]);
    let y = run(&unpool(), &[x, i64s(&[2, 2, 1], &[1, 2, 5, 6])]).expect("it runs");
    let wanted = [0.0, 1.0, 2.0, 0.0, 0.0, 3.0, 4.0, 0.0];
    check_tensor(&y[0], &[2, 2, 2], &wanted).expect("all planes");
}
