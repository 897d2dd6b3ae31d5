//! What works on elements one by one, and makes them of nothing.

use linn::DType;

use super::{ALL, Buffers, Row, SIDE, ints, new, one, own, row};
use crate::support::model::OneNode;

pub(super) fn all(b: &Buffers) -> Vec<Row<'_>> {
    let mut rows = unary(b);
    rows.extend(binary(b));
    rows.extend(conversions(b));
    rows.extend(makers(b));
    rows
}

fn unary(b: &Buffers) -> Vec<Row<'_>> {
    let f = || b.f32(&[SIDE, SIDE]);
    vec![
        row("Exp", new("Exp"), vec![f()]),
        row("Erf of f16", new("Erf"), vec![b.f16(&[ALL])]),
        row("Gelu", new("Gelu"), vec![f()]),
        row("Mish", OneNode::new("Mish", 22), vec![f()]),
        row("Abs of i64", new("Abs"), vec![b.i64(&[ALL / 2])]),
        row("Not", new("Not"), vec![b.bool(&[2 * ALL])]),
        row("IsInf", new("IsInf"), vec![f()]),
        row("Clip", new("Clip"), vec![f(), one(-0.5f32), one(0.5f32)]),
    ]
}

fn binary(b: &Buffers) -> Vec<Row<'_>> {
    let f = || b.f32(&[SIDE, SIDE]);
    let (column, line) = (|| b.f32(&[SIDE, 1]), || b.f32(&[1, SIDE]));
    let i = || b.i64(&[ALL / 2]);
    let t = || b.bool(&[2 * ALL]);
    let left = new("BitShift").string("direction", "LEFT");
    vec![
        row("Add of a column", new("Add"), vec![f(), column()]),
        row("Mul of f16", new("Mul"), vec![b.f16(&[ALL]), b.f16(&[ALL])]),
        row("Mod of i64", new("Mod"), vec![i(), i()]),
        row("Pow", new("Pow"), vec![f(), f()]),
        row("Pow of f16", new("Pow"), vec![b.f16(&[SIDE, SIDE]), f()]),
        row("Pow of i64", new("Pow"), vec![i(), i()]),
        row("Less", new("Less"), vec![f(), f()]),
        row("Or", new("Or"), vec![t(), t()]),
        row(
            "BitwiseXor",
            new("BitwiseXor"),
            vec![b.i64(&[ALL / 2]), b.i64(&[1])],
        ),
        row("BitShift", left, vec![b.u8(&[ALL]), b.u8(&[ALL])]),
        row("PRelu", new("PRelu"), vec![f(), line()]),
        row("Max", new("Max"), vec![f(), f(), f()]),
        row("Sum", new("Sum"), vec![f(), column(), line()]),
        row(
            "Mean of f16",
            new("Mean"),
            vec![b.f16(&[ALL]), b.f16(&[ALL])],
        ),
        row(
            "Where",
            new("Where"),
            vec![b.bool(&[SIDE, SIDE]), f(), b.f32(&[1])],
        ),
    ]
}

fn conversions(b: &Buffers) -> Vec<Row<'_>> {
    let f = || b.f32(&[SIDE, SIDE]);
    let cast = |dtype: DType| new("Cast").int("to", dtype as i64);
    let mut rows = vec![
        row("Cast to f16", cast(DType::F16), vec![f()]),
        row("Cast to u8", cast(DType::U8), vec![f()]),
        row("Cast to f8", cast(DType::F8E4M3FN), vec![f()]),
        row("Cast to i4", cast(DType::I4), vec![f()]),
        row("Cast from f16", cast(DType::F32), vec![b.f16(&[ALL])]),
        row(
            "Cast to string",
            cast(DType::String),
            vec![b.i64(&[8 << 20])],
        ),
        row(
            "Cast from string",
            cast(DType::F32),
            vec![b.text(&[4 << 20])],
        ),
        row(
            "BitCast",
            OneNode::new("BitCast", 26).int("to", DType::I32 as i64),
            vec![f()],
        ),
    ];
    rows.extend([
        row(
            "QuantizeLinear",
            new("QuantizeLinear"),
            vec![f(), one(0.01f32), one(3u8)],
        ),
        row(
            "QuantizeLinear of blocks",
            new("QuantizeLinear").int("block_size", 64),
            vec![f(), b.f32(&[SIDE, SIDE / 64])],
        ),
        row(
            "DequantizeLinear",
            new("DequantizeLinear"),
            vec![b.u8(&[SIDE, SIDE]), b.f32(&[SIDE]), b.u8(&[SIDE])],
        ),
        row(
            "DynamicQuantizeLinear",
            new("DynamicQuantizeLinear").outputs(3),
            vec![f()],
        ),
    ]);
    rows
}

fn makers(b: &Buffers) -> Vec<Row<'_>> {
    vec![
        row(
            "ConstantOfShape",
            new("ConstantOfShape"),
            vec![ints(&[2, SIDE as i64, SIDE as i64])],
        ),
        row(
            "Range",
            new("Range"),
            vec![one(0i64), one(50_000_000i64), one(1i64)],
        ),
        row("EyeLike", new("EyeLike"), vec![b.f32(&[SIDE, SIDE])]),
        row(
            "Dropout in training",
            new("Dropout").outputs(2).int("seed", 5),
            vec![b.f32(&[SIDE, SIDE]), one(0.5f32), one(true)],
        ),
        row(
            "OneHot",
            new("OneHot"),
            vec![b.i64(&[64 << 10]), one(1024i64), own(&[2], &[0f32, 1.0])],
        ),
        row(
            "OneHot of a short axis",
            new("OneHot").int("axis", 0),
            vec![b.i64(&[8 << 20]), one(8i64), own(&[2], &[0f32, 1.0])],
        ),
        row(
            "AffineGrid",
            OneNode::new("AffineGrid", 20),
            vec![
                b.f32(&[1, 2, 3]),
                ints(&[1, 1, SIDE as i64, SIDE as i64 / 2]),
            ],
        ),
    ]
}
