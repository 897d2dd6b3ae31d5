//! What works on elements one by one, and what moves and chooses them.

use linn::{DType, Tensor};

use super::{Case, case, constant, i64s, new, one, places, to};
use crate::memory::noise;
use crate::support::model::Build;
use crate::support::tensor;

pub(super) fn pointwise(all: &mut Vec<Case>) {
    let x = noise(&[4, 170, 100], 20);
    for operator in [
        "Relu",
        "Exp",
        "Erf",
        "Softplus",
        "HardSwish",
        "Neg",
        "IsNaN",
        "Not",
        "Gelu",
    ] {
        let x = match operator {
            "Not" => to(DType::Bool, &x),
            _ => x.clone(),
        };
        all.push(one(operator, new(operator), vec![x]));
    }
    all.push(one("Gelu f16", new("Gelu"), vec![to(DType::F16, &x)]));
    let others = vec![x.clone(), noise(&[170, 1], 21)];
    for operator in [
        "Add", "Mul", "Div", "Less", "Max", "Sum", "Mean", "Mod", "PRelu",
    ] {
        let node = match operator {
            "Mod" => new(operator).int("fmod", 1),
            _ => new(operator),
        };
        all.push(one(operator, node, others.clone()));
    }
    let squares = vec![x.clone(), places(DType::I32, &[4, 170, 100], 1, 3)];
    all.push(one("Pow", new("Pow"), squares));
    let condition = to(DType::Bool, &places(DType::I32, &[4, 170, 100], 1, 2));
    all.push(one(
        "Where",
        new("Where"),
        vec![condition, x.clone(), noise(&[1], 22)],
    ));
    all.push(one("Clip", new("Clip"), vec![x.clone()]));
    for (name, dtype) in [("f16", DType::F16), ("u8", DType::U8), ("i64", DType::I64)] {
        let node = new("Cast").int("to", dtype as i64);
        all.push(one(&format!("Cast to {name}"), node, vec![x.clone()]));
    }
    let scale = Tensor::new(&[], vec![0.1f32]).expect("one element");
    all.push(one(
        "QuantizeLinear",
        new("QuantizeLinear"),
        vec![noise(&[400, 400], 23), scale.clone()],
    ));
    let bytes = places(DType::U8, &[400, 400], 3, 255);
    all.push(one(
        "DequantizeLinear",
        new("DequantizeLinear"),
        vec![bytes, scale],
    ));
    let dynamic = new("DynamicQuantizeLinear").outputs(3);
    all.push(one(
        "DynamicQuantizeLinear",
        dynamic,
        vec![noise(&[400, 400], 24)],
    ));
}

pub(super) fn movers(all: &mut Vec<Case>) {
    let x = noise(&[4, 100, 100], 25);
    let concat = || new("Concat").int("axis", 1);
    all.push(one(
        "Concat",
        concat(),
        vec![x.clone(), x.clone(), x.clone()],
    ));
    all.push(one(
        "Transpose",
        new("Transpose").ints("perm", &[2, 0, 1]),
        vec![x.clone()],
    ));
    all.push(one(
        "Split",
        new("Split").int("num_outputs", 2).int("axis", 1).outputs(2),
        vec![x.clone()],
    ));
    all.push(one("Trilu", new("Trilu"), vec![x.clone()]));
    all.push(one("Flatten", new("Flatten"), vec![x.clone()]));
    all.push(one("Identity", new("Identity"), vec![x.clone()]));
    let given =
        |name: &str, x: &Tensor, others: &[Tensor]| constant(name, new(name), x.clone(), others);
    all.push(given("Reshape", &x, &[i64s(&[100, 400])]));
    all.push(given("Tile", &x, &[i64s(&[1, 2, 3])]));
    all.push(given("Expand", &noise(&[1, 300], 26), &[i64s(&[100, 300])]));
    all.push(given(
        "Slice",
        &x,
        &[i64s(&[90]), i64s(&[0]), i64s(&[2]), i64s(&[-1])],
    ));
    all.push(given("Pad", &x, &[i64s(&[0, 1, 2, 0, 3, 4])]));
    all.push(given("ConstantOfShape", &i64s(&[100, 300]), &[]));
    let space = noise(&[1, 64, 32, 32], 27);
    all.push(one(
        "DepthToSpace",
        new("DepthToSpace").int("blocksize", 4),
        vec![space.clone()],
    ));
    all.push(one(
        "SpaceToDepth",
        new("SpaceToDepth").int("blocksize", 4),
        vec![space],
    ));
    let lengths = places(DType::I64, &[100], 1, 30);
    let reversed = new("ReverseSequence")
        .int("batch_axis", 1)
        .int("time_axis", 0);
    all.push(one(
        "ReverseSequence",
        reversed,
        vec![noise(&[100, 100, 4], 28), lengths],
    ));
    let table = noise(&[500, 40], 29);
    for dtype in [DType::I64, DType::I32] {
        let indices = places(dtype, &[20_000], 7, 500);
        all.push(one(
            &format!("Gather {dtype}"),
            new("Gather"),
            vec![table.clone(), indices],
        ));
    }
    let indices = places(DType::I32, &[400, 40], 7, 500);
    all.push(one(
        "GatherElements",
        new("GatherElements"),
        vec![table.clone(), indices],
    ));
    let tuples = places(DType::I64, &[10_000, 1], 7, 500);
    all.push(one(
        "GatherND",
        new("GatherND"),
        vec![table.clone(), tuples],
    ));
    let rows = places(DType::I64, &[500, 1], 1, 500);
    let updates = vec![table.clone(), rows, noise(&[500, 40], 30)];
    all.push(one("ScatterND", new("ScatterND"), updates));
    let places_of = places(DType::I64, &[500, 40], 41, 500);
    let updates = vec![table, places_of, noise(&[500, 40], 31)];
    all.push(one(
        "ScatterElements",
        new("ScatterElements").string("reduction", "add"),
        updates,
    ));
    let texts: Vec<String> = (0..9000).map(|at| at.to_string()).collect();
    let texts = Tensor::new(&[90, 100], texts).expect("they fit");
    all.push(one("Transpose of texts", new("Transpose"), vec![texts]));
}

pub(super) fn choosers(all: &mut Vec<Case>) {
    let x = noise(&[2, 20_000], 32);
    let count = i64s(&[15_000]);
    all.push(constant(
        "TopK",
        new("TopK").outputs(2),
        x.clone(),
        &[count],
    ));
    all.push(one("ArgMax", new("ArgMax").int("axis", 0), vec![x.clone()]));
    all.push(one("NonZero", new("NonZero"), vec![x.clone()]));
    all.push(one("Unique", new("Unique").outputs(4), vec![x.clone()]));
    let chosen = to(DType::Bool, &places(DType::I32, &[20_000], 1, 2));
    all.push(one(
        "Compress",
        new("Compress").int("axis", 1),
        vec![x, chosen],
    ));
    let indices = places(DType::I64, &[9000], 7, 10);
    let values = Tensor::new(&[2], vec![0f32, 1.0]).expect("they fit");
    let depth = Tensor::new(&[], vec![10i64]).expect("one element");
    all.push(constant("OneHot", new("OneHot"), indices, &[depth, values]));
    let cumulated = new("CumSum");
    let axis = Tensor::new(&[], vec![0i64]).expect("one element");
    all.push(constant(
        "CumSum",
        cumulated,
        noise(&[10, 20_000], 33),
        &[axis],
    ));
    let corners: Vec<f64> = (0..3000)
        .flat_map(|at| [at, at, at + 3, at + 3].map(f64::from))
        .collect();
    let boxes = tensor(DType::F32, &[1, 3000, 4], &corners);
    let scores = noise(&[1, 2, 3000], 34);
    let most = i64s(&[3000]);
    let threshold = Tensor::new(&[1], vec![0.5f32]).expect("one element");
    let node = new("NonMaxSuppression").like(&boxes).like(&scores);
    let node = node.constant(&most).constant(&threshold);
    all.push(case(
        "NonMaxSuppression",
        &Build(node.model()),
        vec![boxes, scores],
    ));
}
