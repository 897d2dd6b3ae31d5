//! Products, convolutions, pools, attention and recurrence.

use super::{ALL, Buffers, Row, SIDE, ints, new, one, own, row, with_constants};
use crate::support::model::OneNode;

pub(super) fn all(b: &Buffers) -> Vec<Row<'_>> {
    let mut rows = products(b);
    rows.extend(sums_of_products(b));
    rows.extend(convolutions(b));
    rows.extend(other_convolutions(b));
    rows.extend(pools(b));
    rows.extend(global_pools(b));
    rows.extend(recurrent(b));
    rows
}

fn products(b: &Buffers) -> Vec<Row<'_>> {
    let square = || b.f32(&[4096, 4096]);
    let gemm = || new("Gemm").float("alpha", 0.5);
    vec![
        row("MatMul", new("MatMul"), vec![square(), square()]),
        row(
            "MatMul of f16",
            new("MatMul"),
            vec![b.f16(&[SIDE, SIDE]), b.f16(&[SIDE, 256])],
        ),
        row(
            "MatMul of a row of f16",
            new("MatMul"),
            vec![b.f16(&[1, SIDE]), b.f16(&[SIDE, SIDE])],
        ),
        row(
            "MatMul of a tall matrix",
            new("MatMul"),
            vec![b.f32(&[ALL / 64, 64]), b.f32(&[64, 16])],
        ),
        row(
            "MatMul of a row and a column",
            new("MatMul"),
            vec![b.f16(&[1, ALL]), b.f16(&[ALL, 1])],
        ),
        row(
            "MatMul of a wide matrix",
            new("MatMul"),
            vec![b.f32(&[64, ALL / 64]), b.f32(&[ALL / 64, 32])],
        ),
        row(
            "MatMul of a tall matrix and a column",
            new("MatMul"),
            vec![b.f32(&[SIDE, SIDE]), b.f32(&[SIDE, 2])],
        ),
        row(
            "MatMul of stacks",
            new("MatMul"),
            vec![b.f32(&[4096, 128, 128]), b.f32(&[4096, 128, 128])],
        ),
        row(
            "MatMul of i64",
            new("MatMul"),
            vec![b.i64(&[2048, 2048]), b.i64(&[2048, 2048])],
        ),
        row(
            "Gemm of thin matrices",
            gemm(),
            vec![b.f32(&[SIDE, 16]), b.f32(&[16, SIDE]), b.f32(&[SIDE])],
        ),
        row(
            "Gemm of transposed matrices",
            gemm().int("transA", 1).int("transB", 1),
            vec![b.f32(&[SIDE, SIDE]), b.f32(&[512, SIDE])],
        ),
        row(
            "MatMulInteger",
            new("MatMulInteger"),
            vec![b.u8(&[4096, 4096]), b.u8(&[4096, 4096]), one(3u8), one(5u8)],
        ),
        row(
            "MatMulInteger, zero points of rows",
            new("MatMulInteger"),
            vec![b.u8(&[SIDE, SIDE]), b.u8(&[SIDE, 16]), b.u8(&[SIDE])],
        ),
        row(
            "QLinearMatMul",
            new("QLinearMatMul"),
            vec![
                b.u8(&[SIDE, 64]),
                one(0.1f32),
                one(3u8),
                b.u8(&[64, SIDE]),
                one(0.1f32),
                one(3u8),
                one(0.2f32),
                one(3u8),
            ],
        ),
    ]
}

fn sums_of_products(b: &Buffers) -> Vec<Row<'_>> {
    let einsum = |equation: &str| new("Einsum").string("equation", equation);
    let square = || b.f32(&[4096, 4096]);
    let heads = || b.f32(&[1, 8, 4096, 64]);
    let hidden = |length: usize| b.f32(&[1, length, 512]);
    let attention = || OneNode::new("Attention", 23);
    let flat = attention().int("q_num_heads", 8).int("kv_num_heads", 8);
    vec![
        row(
            "Einsum of a product",
            einsum("ij,jk->ik"),
            vec![square(), square()],
        ),
        row(
            "Einsum of a sum",
            einsum("ij->i"),
            vec![b.f32(&[SIDE, SIDE])],
        ),
        row(
            "Einsum of columns",
            einsum("ij->j"),
            vec![b.f16(&[SIDE, SIDE])],
        ),
        row(
            "Einsum of elements",
            einsum("ij,ij->ij"),
            vec![square(), square()],
        ),
        row(
            "Attention",
            attention().int("is_causal", 1),
            vec![heads(), heads(), heads()],
        ),
        row(
            "Attention with its scores",
            flat.outputs(4),
            vec![hidden(4096), hidden(4096), hidden(4096)],
        ),
        row(
            "Attention of one query",
            attention().outputs(3),
            vec![
                b.f32(&[1, 8, 1, 128]),
                b.f32(&[1, 8, 1, 128]),
                b.f32(&[1, 8, 1, 128]),
                own(&[1], &[0f32]),
                b.f32(&[1, 8, 60_000, 128]),
                b.f32(&[1, 8, 60_000, 128]),
            ],
        ),
    ]
}

fn convolutions(b: &Buffers) -> Vec<Row<'_>> {
    let conv = || new("Conv");
    let x = || b.f32(&[1, 64, 1024, 1024]);
    let pads = |pad: i64| conv().ints("pads", &[pad; 4]);
    vec![
        row(
            "Conv of 1x1",
            conv(),
            vec![b.f32(&[1, 256, 512, 512]), b.f32(&[256, 256, 1, 1])],
        ),
        row("Conv of 3x3", pads(1), vec![x(), b.f32(&[64, 64, 3, 3])]),
        with_constants(
            "Conv by tiles",
            pads(1),
            vec![x()],
            &[b.f32(&[64, 64, 3, 3])],
        ),
        with_constants(
            "Conv of constant weights",
            pads(3),
            vec![x()],
            &[b.f32(&[64, 64, 6, 6])],
        ),
        row(
            "Conv of 7x7",
            pads(3).ints("strides", &[2, 2]),
            vec![b.f32(&[1, 16, 2048, 2048]), b.f32(&[64, 16, 7, 7])],
        ),
        row(
            "Conv of 1x1, f16",
            conv(),
            vec![b.f16(&[1, 64, 1024, 1024]), b.f16(&[16, 64, 1, 1])],
        ),
        row(
            "Conv of 3x3, f16",
            pads(1),
            vec![b.f16(&[1, 64, 1024, 1024]), b.f16(&[16, 64, 3, 3])],
        ),
        row(
            "Conv of one channel",
            pads(1),
            vec![b.f32(&[1, 1, SIDE, SIDE]), b.f32(&[1, 1, 3, 3])],
        ),
        row(
            "Conv of no channels",
            conv(),
            vec![
                b.f32(&[1, 0, SIDE, SIDE]),
                b.f32(&[1, 0, 1, 1]),
                b.f32(&[1]),
            ],
        ),
        row(
            "Conv, depthwise",
            pads(3).int("group", 64),
            vec![x(), b.f32(&[64, 1, 7, 7])],
        ),
        row(
            "Conv, depthwise of large planes",
            pads(1).int("group", 2),
            vec![b.f32(&[1, 2, 4096, SIDE]), b.f32(&[2, 1, 3, 3])],
        ),
        row(
            "Conv, grouped",
            pads(1).int("group", 4),
            vec![x(), b.f32(&[64, 16, 3, 3])],
        ),
        row(
            "Conv of 1-D",
            conv(),
            vec![b.f32(&[1, 64, ALL / 64]), b.f32(&[64, 64, 9])],
        ),
        row(
            "Conv of 3-D",
            conv(),
            vec![b.f32(&[1, 16, 64, 256, 256]), b.f32(&[32, 16, 3, 3, 3])],
        ),
        row(
            "Conv of a large kernel",
            conv(),
            vec![b.f32(&[1, 1, 4096, 4096]), b.f32(&[1, 1, 1024, 1024])],
        ),
        row(
            "Conv of many channels",
            conv(),
            vec![b.f32(&[1, 4 << 20, 4, 4]), b.f32(&[1, 4 << 20, 1, 1])],
        ),
        row(
            "Conv, depthwise of a large kernel",
            conv().int("group", 2),
            vec![b.f32(&[1, 2, 2048, 2048]), b.f32(&[2, 1, 512, 512])],
        ),
        row(
            "Conv, dilated",
            conv().ints("dilations", &[4, 4]),
            vec![x(), b.f32(&[32, 64, 3, 3])],
        ),
    ]
}

fn other_convolutions(b: &Buffers) -> Vec<Row<'_>> {
    let bytes = || b.u8(&[1, 64, 1024, 1024]);
    let transposed = |stride: i64| new("ConvTranspose").ints("strides", &[stride; 2]);
    let quantized = vec![
        bytes(),
        one(0.1f32),
        one(3u8),
        b.u8(&[8, 64, 1, 1]),
        one(0.1f32),
        one(3u8),
        one(2f32),
        one(3u8),
    ];
    let large = vec![
        b.u8(&[1, 1, SIDE, SIDE]),
        one(0.1f32),
        one(3u8),
        b.u8(&[1, 1, 1, 1]),
        one(0.1f32),
        one(3u8),
        one(2f32),
        one(3u8),
    ];
    vec![
        row(
            "ConvInteger",
            new("ConvInteger"),
            vec![bytes(), b.u8(&[8, 64, 3, 3]), one(3u8)],
        ),
        row("QLinearConv", new("QLinearConv"), quantized),
        row("QLinearConv of one channel", new("QLinearConv"), large),
        row(
            "DeformConv",
            OneNode::new("DeformConv", 22),
            vec![
                b.f32(&[1, 16, 512, 512]),
                b.f32(&[16, 16, 3, 3]),
                b.f32(&[1, 18, 510, 510]),
            ],
        ),
        row(
            "ConvTranspose",
            transposed(2),
            vec![b.f32(&[1, 64, 512, 512]), b.f32(&[64, 32, 4, 4])],
        ),
        row(
            "ConvTranspose of one channel",
            transposed(4),
            vec![b.f32(&[1, 1, 2048, 2048]), b.f32(&[1, 1, 8, 8])],
        ),
        row(
            "ConvTranspose of f16",
            transposed(1),
            vec![b.f16(&[1, 64, 1024, 1024]), b.f16(&[64, 1, 1, 1])],
        ),
        row(
            "Col2Im",
            new("Col2Im"),
            vec![
                b.f32(&[1, 16, 1997 * 1997]),
                ints(&[2000, 2000]),
                ints(&[4, 4]),
            ],
        ),
    ]
}

fn pools(b: &Buffers) -> Vec<Row<'_>> {
    let x = || b.f32(&[1, 64, 1024, 1024]);
    let pool = |operator: &str, size: i64| new(operator).ints("kernel_shape", &[size; 2]);
    let padded = |operator: &str| pool(operator, 3).ints("pads", &[1; 4]);
    vec![
        row("MaxPool", padded("MaxPool"), vec![x()]),
        row(
            "MaxPool with indices",
            padded("MaxPool").outputs(2),
            vec![x()],
        ),
        row(
            "MaxPool with indices by columns",
            padded("MaxPool").outputs(2).int("storage_order", 1),
            vec![x()],
        ),
        row(
            "MaxPool of u8 with indices",
            padded("MaxPool").outputs(2),
            vec![b.u8(&[1, 64, 1024, 1024])],
        ),
        row(
            "MaxPool of a wide plane",
            padded("MaxPool"),
            vec![b.f32(&[1, 1, 2, ALL / 2])],
        ),
        row("MaxPool of a long window", pool("MaxPool", 301), vec![x()]),
        row(
            "MaxPool of a row",
            new("MaxPool").ints("kernel_shape", &[3]),
            vec![b.f32(&[1, 1, ALL])],
        ),
        row("AveragePool", padded("AveragePool"), vec![x()]),
        row(
            "AveragePool of a row",
            new("AveragePool").ints("kernel_shape", &[300]),
            vec![b.f32(&[1, 1, ALL])],
        ),
        row(
            "AveragePool of a long window",
            pool("AveragePool", 300),
            vec![b.f32(&[1, 1, SIDE, SIDE])],
        ),
        row(
            "AveragePool of f16",
            pool("AveragePool", 2).ints("strides", &[2, 2]),
            vec![b.f16(&[1, 64, 1024, 1024])],
        ),
        row("LpPool", pool("LpPool", 5), vec![x()]),
        row("LpPool, p 3", pool("LpPool", 5).int("p", 3), vec![x()]),
        row(
            "NhwcMaxPool",
            pool("NhwcMaxPool", 7).domain("com.microsoft"),
            vec![b.u8(&[1, 1024, 1024, 64])],
        ),
        row(
            "QLinearAveragePool",
            pool("QLinearAveragePool", 5).domain("com.microsoft"),
            vec![
                b.u8(&[1, 64, 1024, 1024]),
                one(0.1f32),
                one(3u8),
                one(0.2f32),
                one(3u8),
            ],
        ),
    ]
}

fn global_pools(b: &Buffers) -> Vec<Row<'_>> {
    let plane = || b.f32(&[1, 1, SIDE, SIDE]);
    let quantized = new("QLinearGlobalAveragePool")
        .domain("com.microsoft")
        .int("channels_last", 0);
    vec![
        row("GlobalMaxPool", new("GlobalMaxPool"), vec![plane()]),
        row("GlobalAveragePool", new("GlobalAveragePool"), vec![plane()]),
        row(
            "GlobalAveragePool of f16",
            new("GlobalAveragePool"),
            vec![b.f16(&[1, 1, SIDE, SIDE])],
        ),
        row(
            "GlobalLpPool",
            new("GlobalLpPool").int("p", 3),
            vec![plane()],
        ),
        row(
            "QLinearGlobalAveragePool",
            quantized,
            vec![
                b.u8(&[1, 1, SIDE, SIDE]),
                one(0.1f32),
                one(3u8),
                one(0.2f32),
                one(3u8),
            ],
        ),
    ]
}

fn recurrent(b: &Buffers) -> Vec<Row<'_>> {
    let node = |operator: &str, hidden: i64, outputs: usize| {
        new(operator).int("hidden_size", hidden).outputs(outputs)
    };
    let inputs = |gates: usize| {
        vec![
            b.f32(&[512, 64, 256]),
            b.f32(&[1, gates * 512, 256]),
            b.f32(&[1, gates * 512, 512]),
        ]
    };
    let wide = |gates: usize| {
        vec![
            b.f32(&[1, 64 << 10, 16]),
            b.f32(&[1, gates * 128, 16]),
            b.f32(&[1, gates * 128, 128]),
            b.f32(&[1, 2 * gates * 128]),
        ]
    };
    vec![
        row("RNN", node("RNN", 512, 2), inputs(1)),
        row("GRU", node("GRU", 512, 2), inputs(3)),
        row("LSTM", node("LSTM", 512, 3), inputs(4)),
        row("LSTM of a large batch", node("LSTM", 128, 3), wide(4)),
        row("GRU of a large batch", node("GRU", 128, 2), wide(3)),
        row(
            "RNN of a long sequence of f16",
            node("RNN", 1, 1).int("layout", 1),
            vec![
                b.f16(&[4, 16 << 20, 1]),
                b.f16(&[1, 1, 1]),
                b.f16(&[1, 1, 1]),
            ],
        ),
    ]
}
