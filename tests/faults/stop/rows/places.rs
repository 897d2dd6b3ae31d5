//! What moves, picks, sorts and samples elements.

use super::{ALL, Buffers, Row, SIDE, ints, new, one, own, row};
use crate::support::model::OneNode;

/// The side of a square of a quarter of all elements.
const HALF: usize = SIDE / 2;

pub(super) fn all(b: &Buffers) -> Vec<Row<'_>> {
    let mut rows = moved(b);
    rows.extend(repeated(b));
    rows.extend(picked(b));
    rows.extend(written(b));
    rows.extend(sorted(b));
    rows.extend(resized(b));
    rows.extend(sampled(b));
    rows
}

fn moved(b: &Buffers) -> Vec<Row<'_>> {
    let square = || b.f32(&[SIDE, SIDE]);
    let transpose = |order: &[i64]| new("Transpose").ints("perm", order);
    let quarter = || b.f32(&[ALL / 4]);
    vec![
        row("Identity", new("Identity"), vec![square()]),
        row("Flatten of u8", new("Flatten"), vec![b.bool(&[2, ALL])]),
        row("Transpose", transpose(&[1, 0]), vec![square()]),
        row(
            "Transpose of three axes",
            transpose(&[2, 1, 0]),
            vec![b.u8(&[256, 512, 512])],
        ),
        row(
            "Transpose of planes",
            transpose(&[1, 0, 2]),
            vec![b.f32(&[2, 2, ALL / 4])],
        ),
        row(
            "Slice backwards",
            new("Slice"),
            vec![
                b.f32(&[ALL]),
                ints(&[-1]),
                ints(&[i64::MIN]),
                ints(&[0]),
                ints(&[-1]),
            ],
        ),
        row(
            "Slice of every second",
            new("Slice"),
            vec![
                b.i64(&[2, ALL / 4]),
                ints(&[-1]),
                ints(&[i64::MIN]),
                ints(&[1]),
                ints(&[-2]),
            ],
        ),
        row(
            "Concat",
            new("Concat").int("axis", 0),
            vec![quarter(), quarter(), quarter(), quarter()],
        ),
        row(
            "Concat of columns",
            new("Concat").int("axis", 1),
            vec![b.f32(&[ALL / 4, 1]), b.f32(&[ALL / 4, 2])],
        ),
        row(
            "Split",
            new("Split").int("num_outputs", 2).outputs(2),
            vec![b.f32(&[ALL])],
        ),
        row(
            "Split of columns",
            new("Split").int("num_outputs", 2).int("axis", 1).outputs(2),
            vec![b.f32(&[ALL / 8, 8])],
        ),
        row("Trilu", new("Trilu"), vec![square()]),
        row(
            "Trilu of a wide matrix",
            new("Trilu"),
            vec![b.f32(&[2, ALL / 2]), one(1000i64)],
        ),
        row(
            "ReverseSequence",
            new("ReverseSequence")
                .int("time_axis", 0)
                .int("batch_axis", 1),
            vec![square(), b.i64(&[SIDE])],
        ),
        row(
            "DepthToSpace",
            new("DepthToSpace").int("blocksize", 4),
            vec![b.f32(&[1, 64, 1024, 1024])],
        ),
        row(
            "SpaceToDepth",
            new("SpaceToDepth").int("blocksize", 4),
            vec![b.f32(&[1, 1, SIDE, SIDE])],
        ),
        row(
            "Transpose of texts",
            transpose(&[1, 0]),
            vec![b.text(&[2048, 2048])],
        ),
    ]
}

fn repeated(b: &Buffers) -> Vec<Row<'_>> {
    let pad = |mode: &str| new("Pad").string("mode", mode);
    let quarter = || b.f32(&[HALF, HALF]);
    let around = || ints(&[HALF as i64 / 2; 4]);
    vec![
        row(
            "Expand",
            new("Expand"),
            vec![b.f32(&[1, SIDE]), ints(&[SIDE as i64, 1])],
        ),
        row(
            "Expand of one",
            new("Expand"),
            vec![b.f32(&[1]), ints(&[2 * ALL as i64])],
        ),
        row("Tile", new("Tile"), vec![quarter(), ints(&[2, 2])]),
        row(
            "Tile of a row",
            new("Tile"),
            vec![b.f32(&[ALL / 4]), ints(&[4])],
        ),
        row(
            "Tile of pairs",
            new("Tile"),
            vec![b.f32(&[2]), ints(&[ALL as i64 / 2])],
        ),
        row("Pad", pad("constant"), vec![quarter(), around()]),
        row(
            "Pad of one element",
            pad("constant"),
            vec![b.f32(&[1]), ints(&[0, 2 * ALL as i64])],
        ),
        row(
            "Pad by reflection",
            pad("reflect"),
            vec![quarter(), around()],
        ),
        row(
            "Pad by many reflections",
            pad("reflect"),
            vec![b.f32(&[3]), ints(&[ALL as i64 / 4, ALL as i64 / 4])],
        ),
        row("Pad of edges", pad("edge"), vec![quarter(), around()]),
        row("Pad around", pad("wrap"), vec![quarter(), around()]),
        row(
            "CenterCropPad",
            new("CenterCropPad"),
            vec![quarter(), ints(&[SIDE as i64, SIDE as i64])],
        ),
    ]
}

fn picked(b: &Buffers) -> Vec<Row<'_>> {
    vec![
        row(
            "Gather",
            new("Gather"),
            vec![b.f32(&[1024, ALL / 1024]), b.i64(&[1024])],
        ),
        row(
            "Gather of elements",
            new("Gather"),
            vec![b.f32(&[1024]), b.i64(&[ALL / 4])],
        ),
        row(
            "Gather of columns",
            new("Gather").int("axis", 1),
            vec![b.f32(&[ALL / 1024, 1024]), b.i64(&[1024])],
        ),
        row(
            "GatherElements",
            new("GatherElements"),
            vec![b.f32(&[1024, ALL / 2048]), b.i64(&[1024, ALL / 2048])],
        ),
        row(
            "GatherND",
            new("GatherND"),
            vec![b.f32(&[1024, 1024]), b.i64(&[ALL / 4, 2])],
        ),
        row(
            "Compress",
            new("Compress"),
            vec![b.f32(&[SIDE, SIDE]), b.bool(&[ALL])],
        ),
        row(
            "Compress of columns",
            new("Compress").int("axis", 1),
            vec![b.f32(&[SIDE, SIDE]), b.bool(&[SIDE])],
        ),
        row("NonZero", new("NonZero"), vec![b.bool(&[SIDE, SIDE])]),
    ]
}

fn written(b: &Buffers) -> Vec<Row<'_>> {
    let half = || b.f32(&[1024, ALL / 2048]);
    let tuples = || b.i64(&[ALL / 4, 2]);
    let unpool = new("MaxUnpool")
        .ints("kernel_shape", &[2, 2])
        .ints("strides", &[2, 2]);
    vec![
        row(
            "ScatterElements",
            new("ScatterElements"),
            vec![half(), b.i64(&[1024, ALL / 2048]), half()],
        ),
        row(
            "ScatterElements of few",
            new("ScatterElements"),
            vec![b.f32(&[ALL]), b.i64(&[1]), b.f32(&[1])],
        ),
        row(
            "ScatterElements that adds",
            new("ScatterElements").string("reduction", "add"),
            vec![half(), b.i64(&[1024, ALL / 2048]), half()],
        ),
        row(
            "ScatterND",
            new("ScatterND"),
            vec![b.f32(&[1024, 1024]), tuples(), b.f32(&[ALL / 4])],
        ),
        row(
            "ScatterND of rows",
            new("ScatterND").string("reduction", "max"),
            vec![
                b.f32(&[1024, ALL / 1024]),
                b.i64(&[1024, 1]),
                b.f32(&[1024, ALL / 1024]),
            ],
        ),
        row(
            "MaxUnpool",
            unpool,
            vec![b.f32(&[1, 8, 2048, 2048]), b.i64(&[1, 8, 2048, 2048])],
        ),
    ]
}

fn sorted(b: &Buffers) -> Vec<Row<'_>> {
    let top = || new("TopK").outputs(2);
    vec![
        row(
            "TopK of a row",
            top(),
            vec![b.f32(&[1, ALL / 2]), ints(&[1000])],
        ),
        row(
            "TopK of half a row",
            top().int("largest", 0),
            vec![b.f32(&[1, ALL / 8]), ints(&[ALL as i64 / 16])],
        ),
        row(
            "TopK of a whole row",
            top(),
            vec![b.f32(&[1, ALL / 8]), ints(&[ALL as i64 / 8])],
        ),
        row(
            "TopK of columns",
            top().int("axis", 0),
            vec![b.f32(&[ALL / 64, 64]), ints(&[100])],
        ),
        row(
            "TopK of equal elements",
            top(),
            vec![b.u8(&[1, ALL / 4]), ints(&[ALL as i64 / 8])],
        ),
        row("Unique", new("Unique").outputs(4), vec![b.f32(&[ALL / 16])]),
        row(
            "Unique in order",
            new("Unique").outputs(4).int("sorted", 0),
            vec![b.f32(&[ALL / 16])],
        ),
        row(
            "Unique of few values",
            new("Unique").outputs(4),
            vec![b.i64(&[ALL / 4])],
        ),
        row(
            "Unique of rows",
            new("Unique").int("axis", 0),
            vec![b.u8(&[ALL / 64, 64])],
        ),
        row("Unique of texts", new("Unique"), vec![b.text(&[2 << 20])]),
        row(
            "NonMaxSuppression",
            new("NonMaxSuppression"),
            vec![
                b.f32(&[1, 4 << 20, 4]),
                b.f32(&[1, 1, 4 << 20]),
                ints(&[100_000]),
                own(&[1], &[0.5f32]),
            ],
        ),
        row(
            "NonMaxSuppression of many classes",
            new("NonMaxSuppression").int("center_point_box", 1),
            vec![
                b.f32(&[1, 1 << 10, 4]),
                b.f32(&[1, 4 << 10, 1 << 10]),
                ints(&[10]),
                own(&[1], &[0.1f32]),
            ],
        ),
    ]
}

fn resized(b: &Buffers) -> Vec<Row<'_>> {
    let square = || b.f32(&[1, 1, HALF, HALF]);
    let resize = |mode: &str| new("Resize").string("mode", mode);
    let scales = |scales: [f32; 4]| vec![own::<f32>(&[0], &[]), own(&[4], &scales)];
    let with = |x, by: [f32; 4]| {
        let mut inputs = vec![x];
        inputs.extend(scales(by));
        inputs
    };
    let twice = [1.0, 1.0, 2.0, 2.0];
    let antialias = resize("linear").int("antialias", 1);
    vec![
        row("Resize, nearest", resize("nearest"), with(square(), twice)),
        row("Resize, linear", resize("linear"), with(square(), twice)),
        row("Resize, cubic", resize("cubic"), with(square(), twice)),
        row(
            "Resize of u8",
            resize("linear"),
            with(b.u8(&[1, 1, HALF, HALF]), twice),
        ),
        row(
            "Resize, antialiased",
            antialias,
            with(b.f32(&[1, 1, SIDE, SIDE]), [1.0, 1.0, 0.25, 0.25]),
        ),
        row(
            "Resize of channels",
            resize("linear"),
            with(b.f32(&[1, 3, 2, ALL / 64]), [1.0, 3.0, 1.0, 1.0]),
        ),
        row(
            "Resize to one element",
            resize("linear").int("antialias", 1),
            with(b.f32(&[1, 1, 1, ALL / 4]), [1.0, 1.0, 1.0, 6e-8]),
        ),
        row(
            "Resize of a row, nearest",
            resize("nearest"),
            with(b.f32(&[1, 1, 1, ALL / 4]), [1.0, 1.0, 1.0, 3.0]),
        ),
        row(
            "Resize of a row, linear",
            resize("linear"),
            with(b.f32(&[1, 1, 1, ALL / 16]), [1.0, 1.0, 1.0, 4.0]),
        ),
        row(
            "Upsample",
            OneNode::new("Upsample", 9).string("mode", "linear"),
            vec![square(), own(&[4], &twice)],
        ),
    ]
}

fn sampled(b: &Buffers) -> Vec<Row<'_>> {
    let sample = |mode: &str| OneNode::new("GridSample", 20).string("mode", mode);
    let x = || b.f32(&[1, 4, 1024, 1024]);
    let grid = || b.f32(&[1, 2048, 2048, 2]);
    let align = |mode: &str, side: i64| {
        OneNode::new("RoiAlign", 22)
            .string("mode", mode)
            .int("output_height", side)
            .int("output_width", side)
    };
    let regions = |columns: usize, side: f32| {
        let mut row = vec![0f32, 0.0, 0.0, side, side];
        row.drain(..5 - columns);
        own(&[256, columns], &row.repeat(256))
    };
    let images = || b.f32(&[1, 16, 2048, 2048]);
    let plane = || b.f32(&[1, 1, SIDE, SIDE]);
    let all_of_it = |columns: usize| {
        let mut row = vec![0f32, 0.0, 0.0, SIDE as f32 - 1.0, SIDE as f32 - 1.0];
        row.drain(..5 - columns);
        own(&[1, columns], &row)
    };
    vec![
        row("GridSample, linear", sample("linear"), vec![x(), grid()]),
        row("GridSample, nearest", sample("nearest"), vec![x(), grid()]),
        row("GridSample, cubic", sample("cubic"), vec![x(), grid()]),
        row(
            "GridSample of many channels",
            sample("linear"),
            vec![b.f32(&[1, 1024, 256, 256]), b.f32(&[1, 64, 1024, 2])],
        ),
        row(
            "RoiAlign",
            align("avg", 32),
            vec![images(), regions(4, 2000.0), own(&[256], &[0i64; 256])],
        ),
        row(
            "RoiAlign, maxima",
            align("max", 32),
            vec![images(), regions(4, 2000.0), own(&[256], &[0i64; 256])],
        ),
        row(
            "RoiAlign of many regions",
            align("avg", 1),
            vec![
                b.f32(&[1024, 1, 8, 8]),
                b.f32(&[4 << 20, 4]),
                b.i64(&[4 << 20]),
            ],
        ),
        row(
            "RoiAlign of a whole plane",
            align("avg", 1),
            vec![plane(), all_of_it(4), own(&[1], &[0i64])],
        ),
        row(
            "MaxRoiPool",
            new("MaxRoiPool").ints("pooled_shape", &[2, 2]),
            vec![images(), regions(5, 2000.0)],
        ),
        row(
            "MaxRoiPool of a whole plane",
            new("MaxRoiPool").ints("pooled_shape", &[1, 1]),
            vec![plane(), all_of_it(5)],
        ),
    ]
}
