//! Pools, convolutions and products.

use linn::{DType, Tensor};

use super::{Case, constant, i64s, new, one, places, to};
use crate::memory::noise;
use crate::support::model::OneNode;
use crate::support::tensor;

pub(super) fn pools(all: &mut Vec<Case>) {
    let x = noise(&[1, 16, 112, 112], 1);
    let wide = noise(&[1, 1, 500, 300], 2);
    let window = |operator: &str| new(operator).ints("kernel_shape", &[3, 3]);
    let long = |operator: &str| {
        new(operator)
            .ints("kernel_shape", &[31, 31])
            .ints("pads", &[15; 4])
    };
    for operator in ["MaxPool", "AveragePool", "LpPool"] {
        all.push(one(operator, window(operator), vec![x.clone()]));
        all.push(one(
            &format!("{operator} f16"),
            window(operator),
            vec![to(DType::F16, &x)],
        ));
        all.push(one(
            &format!("{operator} long"),
            long(operator),
            vec![wide.clone()],
        ));
    }
    all.push(one(
        "MaxPool with indices",
        window("MaxPool").outputs(2),
        vec![x.clone()],
    ));
    all.push(one(
        "MaxPool with indices long",
        long("MaxPool").outputs(2).int("storage_order", 1),
        vec![wide.clone()],
    ));
    all.push(one(
        "LpPool p 3",
        window("LpPool").int("p", 3),
        vec![x.clone()],
    ));
    let bytes = places(DType::U8, &[1, 4, 200, 200], 7, 251);
    all.push(one("MaxPool u8", window("MaxPool"), vec![bytes]));
    all.push(one(
        "GlobalAveragePool wide",
        new("GlobalAveragePool"),
        vec![noise(&[30_000, 1, 2, 2], 3)],
    ));
    let pooled = noise(&[1, 4, 64, 64], 4);
    let indices = places(DType::I64, &[1, 4, 64, 64], 4, 4 * 128 * 128);
    let unpool = new("MaxUnpool")
        .ints("kernel_shape", &[2, 2])
        .ints("strides", &[2, 2]);
    all.push(one("MaxUnpool", unpool, vec![pooled, indices]));
}

pub(super) fn convolutions(all: &mut Vec<Case>) {
    let x = noise(&[1, 32, 48, 48], 5);
    let conv = || new("Conv").ints("pads", &[1; 4]);
    for (name, w, groups, stride) in [
        ("pointwise", [48, 32, 1, 1], 1, 1),
        ("tiles", [48, 32, 3, 3], 1, 1),
        ("tiles with strides", [48, 32, 5, 5], 1, 2),
        ("columns", [32, 32, 6, 6], 1, 1),
        ("groups", [32, 8, 6, 6], 4, 1),
        ("depthwise", [32, 1, 3, 3], 32, 1),
    ] {
        let pads = match w[2] {
            1 => new("Conv"),
            _ => conv(),
        };
        let node = pads.int("group", groups).ints("strides", &[stride; 2]);
        let w = noise(&w, 6);
        let inputs = vec![x.clone(), w.clone()];
        let halves = inputs.iter().map(|x| to(DType::F16, x)).collect();
        all.push(one(&format!("Conv {name}"), node.clone(), inputs));
        all.push(one(&format!("Conv {name} f16"), node.clone(), halves));
        if name.starts_with("tiles") {
            // Tiles are not for such numbers.
            let mut large = x.clone().into_array::<f32>().expect("they are floats");
            large[[0, 0, 0, 0]] = 1e16;
            let name = format!("Conv {name} constant of large numbers");
            all.push(constant(
                &name,
                node.clone(),
                large.into(),
                std::slice::from_ref(&w),
            ));
        }
        all.push(constant(
            &format!("Conv {name} constant"),
            node,
            x.clone(),
            &[w],
        ));
    }
    let transposed = new("ConvTranspose").ints("strides", &[2, 2]);
    let w = noise(&[32, 24, 4, 4], 7);
    all.push(one(
        "ConvTranspose",
        transposed.clone(),
        vec![x.clone(), w.clone()],
    ));
    let halves = vec![to(DType::F16, &x), to(DType::F16, &w)];
    all.push(one("ConvTranspose f16", transposed, halves));
    let bytes = places(DType::U8, &[1, 8, 64, 64], 3, 255);
    let weights = places(DType::I8, &[16, 8, 3, 3], 5, 100);
    all.push(one(
        "ConvInteger",
        new("ConvInteger"),
        vec![bytes.clone(), weights.clone()],
    ));
    let scale = |value: f32| Tensor::new(&[], vec![value]).expect("one element");
    let zero = |dtype| tensor(dtype, &[], &[0.0]);
    let inputs = vec![
        bytes,
        scale(0.1),
        zero(DType::U8),
        weights,
        scale(0.01),
        zero(DType::I8),
        scale(2.0),
        zero(DType::U8),
    ];
    all.push(one("QLinearConv", new("QLinearConv"), inputs));
    let offset = noise(&[1, 2 * 9, 46, 46], 8);
    let w = noise(&[4, 32, 3, 3], 9);
    all.push(one(
        "DeformConv",
        OneNode::new("DeformConv", 22),
        vec![x, w, offset],
    ));
    let columns = noise(&[1, 4 * 9, 98 * 98], 10);
    let sizes = [i64s(&[100, 100]), i64s(&[3, 3])];
    all.push(constant("Col2Im", new("Col2Im"), columns, &sizes));
}

pub(super) fn products(all: &mut Vec<Case>) {
    let (a, b) = (noise(&[200, 300], 11), noise(&[300, 240], 12));
    let halves = || vec![to(DType::F16, &a), to(DType::F16, &b)];
    all.push(one("MatMul", new("MatMul"), vec![a.clone(), b.clone()]));
    all.push(one("MatMul f16", new("MatMul"), halves()));
    all.push(constant(
        "MatMul constant",
        new("MatMul"),
        a.clone(),
        std::slice::from_ref(&b),
    ));
    all.push(one(
        "Gemm",
        new("Gemm").float("alpha", 0.5),
        vec![a.clone(), b.clone()],
    ));
    all.push(one("Gemm f16", new("Gemm"), halves()));
    let row = noise(&[1, 1000], 13);
    all.push(one(
        "MatMul of a row",
        new("MatMul"),
        vec![row, noise(&[1000, 20_000], 14)],
    ));
    let stack = vec![noise(&[3, 100, 70], 15), noise(&[3, 70, 90], 16)];
    all.push(one("MatMul of stacks", new("MatMul"), stack.clone()));
    let einsum = |equation: &str| new("Einsum").string("equation", equation);
    all.push(one("Einsum product", einsum("bij,bjk->bki"), stack));
    all.push(one("Einsum sum", einsum("ij->j"), vec![a.clone()]));
    let bytes = |dims: &[usize]| places(DType::U8, dims, 3, 255);
    let inputs = vec![bytes(&[200, 300]), bytes(&[300, 200])];
    all.push(one("MatMulInteger", new("MatMulInteger"), inputs));
    let dims = [1, 4, 160, 32];
    let attention = vec![noise(&dims, 17), noise(&dims, 18), noise(&dims, 19)];
    all.push(one("Attention", OneNode::new("Attention", 23), attention));
}
