//! Products with constant matrices, which are laid out once and do what follows them.

use linn::{DType, Form, Model, Simd, Tensor, inputs};

use super::support::model::{Build, With, float, int, node};
use super::support::{Random, Report, numbers};
use super::{model_on, small};

fn run(model: &Model, x: &Tensor) -> Vec<f64> {
    numbers(&model.run(inputs! { "x" => x }).expect("it runs")["y"])
}

/// What follows a product of `columns` in a random order, each at most once, from `product` to `y`.
fn followed(
    mut build: Build,
    random: &mut Random,
    dtype: DType,
    y_dims: &[usize],
) -> (Build, Vec<&'static str>) {
    let columns = y_dims[y_dims.len() - 1];
    let mut from = "product".to_string();
    let mut operators = Vec::new();
    for step in 0..random.range(0, 5) {
        let (to, other) = (format!("v{step}"), format!("c{step}"));
        let mut pair = [from.as_str(), other.as_str()];
        if random.range(0, 1) == 0 {
            pair.reverse();
        }
        let (operator, constant) = match random.range(0, 4) {
            0 => ("Add", Some(small(random, dtype, &[columns]))),
            1 => ("Mul", Some(small(random, dtype, &[1, columns]))),
            2 => ("Mul", Some(small(random, dtype, &[]))),
            3 => ("Add", Some(small(random, dtype, y_dims))),
            _ => ("Relu", None),
        };
        build = match constant {
            Some(constant) => {
                build
                    .initializer(&other, &constant)
                    .node(node(operator, &pair, &[&to]))
            }
            None => build.node(node(operator, &[&from], &[&to])),
        };
        operators.push(operator);
        from = to;
    }
    let build = build.node(node("Identity", &[&from], &["y"])).output("y");
    (build, operators)
}

#[test]
fn random_products_and_what_follows_them() {
    let mut random = Random::new(31);
    let mut report = Report::default();
    let (mut count, mut absorbed) = (0, 0);
    for round in 0..150 {
        let dtype = [DType::F32, DType::F32, DType::F64, DType::F16][round % 4];
        let large = round % 10 == 0;
        let mut size = |most: i64| random.range(1, if large { 4 * most } else { most }) as usize;
        let (rows, inner, columns) = (size(70), size(90), size(80));
        let batch = if random.range(0, 2) == 0 { 2 } else { 1 };
        let with_gemm = random.range(0, 1) == 0;
        let transposed = with_gemm && random.range(0, 1) == 0;
        let leading: &[usize] = if with_gemm { &[] } else { &[batch] };
        let x_dims = [leading, &[rows, inner]].concat();
        let y_dims = [leading, &[rows, columns]].concat();
        let matrix = if transposed {
            [columns, inner]
        } else {
            [inner, columns]
        };
        let text: Vec<String> = x_dims.iter().map(ToString::to_string).collect();
        let mut build = Build::new(20)
            .input("x", dtype, &text.join(","))
            .initializer("b", &small(&mut random, dtype, &matrix));
        build = match with_gemm {
            false => build.node(node("MatMul", &["x", "b"], &["product"])),
            true => {
                let c_dims = match random.range(0, 3) {
                    0 => vec![columns],
                    1 => vec![1, columns],
                    2 => vec![rows, 1],
                    _ => vec![],
                };
                let gemm = node("Gemm", &["x", "b", "c"], &["product"])
                    .with(int("transB", i64::from(transposed)))
                    .with(float(
                        "alpha",
                        [1.0, 2.0][usize::from(random.range(0, 3) == 0)],
                    ));
                let c = small(&mut random, dtype, &c_dims);
                build.initializer("c", &c).node(gemm)
            }
        };
        let (build, operators) = followed(build, &mut random, dtype, &y_dims);
        let x = small(&mut random, dtype, &x_dims);
        let wanted = run(&model_on(&build, Simd::Auto, 1, false), &x);
        for (simd, threads) in Simd::available()
            .into_iter()
            .flat_map(|simd| [(simd, 1), (simd, 3)])
        {
            let rewritten = model_on(&build, simd, threads, true);
            let nodes = rewritten.nodes_of(Form::Running);
            absorbed += nodes.map(|node| node.absorbed.len()).sum::<usize>();
            count += 1;
            // Half-precision floats are rounded once where more is done at once.
            let near = |(a, b): (&f64, &f64)| match dtype {
                DType::F16 => (a - b).abs() <= a.abs() / 256.0,
                _ => a == b,
            };
            let got = run(&rewritten, &x);
            let agrees = wanted.len() == got.len() && wanted.iter().zip(&got).all(near);
            let case = format!(
                "round {round}: {simd} {threads} {dtype} {x_dims:?} {columns} {with_gemm} {transposed} {operators:?}"
            );
            report.check(case, agrees.then_some(()).ok_or("differs".to_string()));
        }
    }
    assert!(absorbed > count / 2, "{absorbed} of {count}");
    report.finish(count);
}

#[test]
fn a_matrix_on_the_left_and_many_on_the_right() {
    let mut random = Random::new(32);
    for (batch, inner, columns) in [(1, 40, 33), (3, 7, 20), (2, 300, 1), (1, 400, 500)] {
        let (rows, x_dims) = (50, [batch, inner, columns]);
        let build = Build::new(20)
            .input("x", DType::F32, &format!("N,{inner},?"))
            .initializer("a", &small(&mut random, DType::F32, &[rows, inner]))
            .node(node("MatMul", &["a", "x"], &["y"]))
            .output("y");
        let x = small(&mut random, DType::F32, &x_dims);
        let models = [false, true].map(|optimize| model_on(&build, Simd::Auto, 2, optimize));
        let [wanted, got] = models.each_ref().map(|model| run(model, &x));
        assert_eq!(wanted, got, "{x_dims:?}");
        // What is laid out takes the place of the matrix: 50 rows are filled up to 60.
        let [plain, laid] = models.map(|model| model.peak_bytes());
        assert!(laid >= 60 * inner * size_of::<f32>(), "{laid}");
        assert!(plain > 0);
    }
}

#[test]
fn what_was_declared_need_not_be_what_came() {
    let mut random = Random::new(33);
    let build = Build::new(20)
        .input("x", DType::F32, "N,?,6")
        .initializer("b", &small(&mut random, DType::F32, &[6, 9]))
        .initializer("c", &small(&mut random, DType::F32, &[9]))
        .node(node("MatMul", &["x", "b"], &["product"]))
        .node(node("Add", &["product", "c"], &["sum"]))
        .node(node("Relu", &["sum"], &["y"]))
        .output("y");
    let [plain, rewritten] =
        [false, true].map(|optimize| model_on(&build, Simd::Auto, 2, optimize));
    assert_eq!(rewritten.nodes_of(Form::Running).count(), 1);
    for dims in [[1, 1, 6], [4, 1, 6], [1, 13, 6], [0, 2, 6], [3, 0, 6]] {
        let x = small(&mut random, DType::F32, &dims);
        assert_eq!(run(&plain, &x), run(&rewritten, &x), "{dims:?}");
    }
}
