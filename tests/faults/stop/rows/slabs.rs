//! What folds elements along axes: reductions, extremes, cumulated sums and normalizations.

use super::{ALL, Buffers, Input, Row, SIDE, ints, new, one, own, row};
use crate::support::model::OneNode;

/// The shape of a matrix of many rows.
const TALL: [usize; 2] = [ALL / 64, 64];

pub(super) fn all(b: &Buffers) -> Vec<Row<'_>> {
    let mut rows = reductions(b);
    rows.extend(cumulations(b));
    rows.extend(softmaxes(b));
    rows.extend(normalizations(b));
    rows.extend(by_channels(b));
    rows
}

fn reductions(b: &Buffers) -> Vec<Row<'_>> {
    vec![
        row(
            "ReduceLogSumExp of rows",
            new("ReduceLogSumExp"),
            vec![b.f32(&[SIDE, SIDE]), ints(&[1])],
        ),
        row(
            "ReduceSum of columns",
            new("ReduceSum"),
            vec![b.f32(&TALL), ints(&[0])],
        ),
        row("ReduceMean of all", new("ReduceMean"), vec![b.f16(&[ALL])]),
        row(
            "ReduceMax of pairs",
            new("ReduceMax"),
            vec![b.f32(&[2, ALL / 2]), ints(&[0])],
        ),
        row(
            "ReduceProd of i64",
            new("ReduceProd"),
            vec![b.i64(&[ALL / 2])],
        ),
        row(
            "ReduceL2 in the middle",
            new("ReduceL2"),
            vec![b.f32(&[64, 1024, 1024]), ints(&[1])],
        ),
        row(
            "ReduceSum of both ends",
            new("ReduceSum"),
            vec![b.f32(&[ALL / 8, 2, 4]), ints(&[0, 2])],
        ),
        row(
            "ArgMax of rows",
            new("ArgMax").int("axis", 1),
            vec![b.f32(&[SIDE, SIDE])],
        ),
        row("ArgMin of a row", new("ArgMin"), vec![b.f32(&[ALL])]),
        row("ArgMax of columns", new("ArgMax"), vec![b.f32(&TALL)]),
    ]
}

fn cumulations(b: &Buffers) -> Vec<Row<'_>> {
    vec![
        row(
            "CumSum of a row",
            new("CumSum"),
            vec![b.f32(&[ALL]), one(0i64)],
        ),
        row(
            "CumSum of i64",
            new("CumSum").int("reverse", 1),
            vec![b.i64(&[ALL / 2]), one(0i64)],
        ),
        row(
            "CumSum of columns",
            new("CumSum").int("exclusive", 1),
            vec![b.f32(&TALL), one(0i64)],
        ),
        row(
            "CumSum of two rows",
            new("CumSum"),
            vec![b.f32(&[2, ALL / 2]), one(0i64)],
        ),
        row(
            "CumProd",
            OneNode::new("CumProd", 26),
            vec![b.f32(&[SIDE, SIDE]), one(1i64)],
        ),
        row(
            "LpNormalization of a row",
            new("LpNormalization"),
            vec![b.f32(&[ALL])],
        ),
        row(
            "LpNormalization of two rows",
            new("LpNormalization").int("axis", 0).int("p", 1),
            vec![b.f32(&[2, ALL / 2])],
        ),
    ]
}

fn softmaxes(b: &Buffers) -> Vec<Row<'_>> {
    vec![
        row(
            "Softmax of rows",
            new("Softmax"),
            vec![b.f32(&[SIDE, SIDE])],
        ),
        row("Softmax of a row", new("Softmax"), vec![b.f32(&[ALL])]),
        row("Softmax of f16", new("Softmax"), vec![b.f16(&[ALL])]),
        row(
            "LogSoftmax of columns",
            new("LogSoftmax").int("axis", 0),
            vec![b.f32(&TALL)],
        ),
        row(
            "LogSoftmax of two rows",
            new("LogSoftmax").int("axis", 0),
            vec![b.f32(&[2, ALL / 2])],
        ),
        row("Hardmax of a row", new("Hardmax"), vec![b.f32(&[ALL])]),
    ]
}

fn normalizations(b: &Buffers) -> Vec<Row<'_>> {
    let rms = || OneNode::new("RMSNormalization", 23);
    vec![
        row(
            "LayerNormalization",
            new("LayerNormalization"),
            vec![b.f32(&[SIDE, SIDE]), b.f32(&[SIDE]), b.f32(&[SIDE])],
        ),
        row(
            "LayerNormalization of a run",
            new("LayerNormalization").outputs(3).int("axis", 0),
            vec![b.f32(&[ALL]), b.f32(&[1])],
        ),
        row(
            "LayerNormalization of short runs",
            new("LayerNormalization").outputs(3),
            vec![b.f32(&[ALL / 4, 4]), b.f32(&[4])],
        ),
        row(
            "LayerNormalization, scales of all",
            new("LayerNormalization"),
            vec![b.f32(&[SIDE, SIDE]), b.f32(&[SIDE, 1])],
        ),
        row(
            "RMSNormalization",
            rms(),
            vec![b.f32(&[SIDE, SIDE]), b.f32(&[SIDE])],
        ),
        row(
            "RMSNormalization of f16",
            rms().int("axis", 0),
            vec![b.f16(&[SIDE, SIDE]), b.f16(&[SIDE, SIDE])],
        ),
        row(
            "MeanVarianceNormalization",
            new("MeanVarianceNormalization"),
            vec![b.f32(&[1, 4, 4096, 4096])],
        ),
    ]
}

fn by_channels<'a>(b: &'a Buffers) -> Vec<Row<'a>> {
    let x = || b.f32(&[1, 4, 4096, 4096]);
    let plane = || b.f32(&[1, 1, SIDE, SIDE]);
    let batch = || new("BatchNormalization");
    // Scale, bias, mean and variance.
    let with = |x: Input<'a>, count: usize| {
        let mut inputs = vec![x];
        inputs.extend((0..3).map(|_| b.f32(&[count])));
        inputs.push(own(&[count], &vec![1f32; count]));
        inputs
    };
    let halves = vec![
        b.f16(&[1, 4, 4096, 4096]),
        b.f16(&[4]),
        b.f16(&[4]),
        b.f16(&[4]),
        b.f16(&[4]),
    ];
    vec![
        row("BatchNormalization", batch(), with(plane(), 1)),
        row("BatchNormalization of f16", batch(), halves),
        row(
            "BatchNormalization in training",
            batch().int("training_mode", 1).outputs(3),
            with(x(), 4),
        ),
        row(
            "BatchNormalization of many channels",
            batch(),
            with(b.f32(&[1, 8 << 20, 2]), 8 << 20),
        ),
        row(
            "InstanceNormalization",
            new("InstanceNormalization"),
            vec![x(), b.f32(&[4]), b.f32(&[4])],
        ),
        row(
            "InstanceNormalization of a plane",
            new("InstanceNormalization"),
            vec![plane(), b.f32(&[1]), b.f32(&[1])],
        ),
        row(
            "GroupNormalization",
            new("GroupNormalization").int("num_groups", 2),
            vec![x(), b.f32(&[4]), b.f32(&[4])],
        ),
        row("LRN", new("LRN").int("size", 3), vec![x()]),
        row(
            "LRN of a plane",
            new("LRN").int("size", 1).float("beta", 0.6),
            vec![plane()],
        ),
        row(
            "RotaryEmbedding",
            OneNode::new("RotaryEmbedding", 23),
            vec![
                b.f32(&[1, 16, 4096, 1024]),
                b.f32(&[1024, 512]),
                b.f32(&[1024, 512]),
                b.i64(&[1, 4096]),
            ],
        ),
    ]
}
