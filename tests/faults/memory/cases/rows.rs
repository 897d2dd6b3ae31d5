//! What works on whole rows and planes: normalizations, resizing, recurrence.

use linn::{DType, Tensor};

use super::{Case, case, constant, i64s, new, one, places, to};
use crate::memory::noise;
use crate::support::model::{Build, OneNode};
use crate::support::tensor;

pub(super) fn normalizations(all: &mut Vec<Case>) {
    let x = noise(&[3, 8, 5000], 35);
    for operator in ["Softmax", "LogSoftmax", "Hardmax"] {
        let along = new(operator).int("axis", 1);
        let x = noise(&[2, 4, 20_000], 36);
        all.push(one(
            &format!("{operator} f16"),
            along.clone(),
            vec![to(DType::F16, &x)],
        ));
        all.push(one(operator, along, vec![x]));
    }
    for operator in [
        "ReduceSum",
        "ReduceMax",
        "ReduceMean",
        "ReduceL2",
        "ReduceLogSumExp",
    ] {
        let wide = noise(&[30, 40_000], 37);
        let (halves, axis) = (to(DType::F16, &wide), i64s(&[0]));
        let name = format!("{operator} f16");
        all.push(constant(
            &name,
            new(operator),
            halves,
            std::slice::from_ref(&axis),
        ));
        all.push(constant(operator, new(operator), wide, &[axis]));
    }
    let last = |seed| noise(&[5000], seed);
    let layer = OneNode::new("LayerNormalization", 17);
    all.push(one(
        "LayerNormalization",
        layer.clone(),
        vec![x.clone(), last(38)],
    ));
    let halves = vec![to(DType::F16, &x), to(DType::F16, &last(38))];
    all.push(one("LayerNormalization f16", layer, halves));
    let channels = |seed| noise(&[8], seed);
    let positive = tensor(DType::F32, &[8], &[1.0; 8]);
    let batch = vec![
        x.clone(),
        channels(39),
        channels(40),
        channels(41),
        positive,
    ];
    let halves = batch.iter().map(|x| to(DType::F16, x)).collect();
    all.push(one("BatchNormalization", new("BatchNormalization"), batch));
    all.push(one(
        "BatchNormalization f16",
        new("BatchNormalization"),
        halves,
    ));
    let instance = vec![x.clone(), channels(42), channels(43)];
    all.push(one(
        "InstanceNormalization",
        new("InstanceNormalization"),
        instance.clone(),
    ));
    all.push(one(
        "GroupNormalization",
        new("GroupNormalization").int("num_groups", 2),
        instance,
    ));
    all.push(one(
        "LpNormalization",
        new("LpNormalization").int("axis", 1),
        vec![noise(&[2, 4, 20_000], 44)],
    ));
    let plane = noise(&[1, 8, 100, 100], 45);
    all.push(one("LRN", new("LRN").int("size", 3), vec![plane.clone()]));
    all.push(one(
        "MeanVarianceNormalization",
        new("MeanVarianceNormalization"),
        vec![plane],
    ));
}

pub(super) fn samplers(all: &mut Vec<Case>) {
    let x = noise(&[1, 4, 64, 64], 46);
    for mode in ["nearest", "linear", "cubic"] {
        let resize = new("Resize").string("mode", mode).like(&x).omitted();
        let scales = Tensor::new(&[4], vec![1f32, 1.0, 1.5, 2.0]).expect("they fit");
        let node = resize.constant(&scales);
        all.push(case(
            format!("Resize {mode}"),
            &Build(node.model()),
            vec![x.clone()],
        ));
    }
    let grid = noise(&[1, 80, 80, 2], 47);
    for mode in ["linear", "nearest", "cubic"] {
        let node = OneNode::new("GridSample", 20).string("mode", mode);
        all.push(one(
            &format!("GridSample {mode}"),
            node,
            vec![x.clone(), grid.clone()],
        ));
    }
    let regions: Vec<f64> = (0..2000)
        .flat_map(|at| [0.0, 1.0, 20.0 + f64::from(at % 40), 30.0])
        .collect();
    let regions = tensor(DType::F32, &[2000, 4], &regions);
    let images = places(DType::I64, &[2000], 1, 1);
    let align = new("RoiAlign")
        .int("output_height", 4)
        .int("output_width", 4);
    all.push(one("RoiAlign", align, vec![x.clone(), regions, images]));
    let regions: Vec<f64> = (0..2000)
        .flat_map(|at| [0.0, 0.0, 1.0, 20.0 + f64::from(at % 40), 30.0])
        .collect();
    let regions = tensor(DType::F32, &[2000, 5], &regions);
    let pool = new("MaxRoiPool").ints("pooled_shape", &[3, 3]);
    all.push(one("MaxRoiPool", pool, vec![x, regions]));
}

pub(super) fn recurrent(all: &mut Vec<Case>) {
    let (time, batch, input, hidden) = (40, 8, 64, 64);
    for (operator, gates) in [("LSTM", 4), ("GRU", 3), ("RNN", 1)] {
        let inputs = vec![
            noise(&[time, batch, input], 51),
            noise(&[1, gates * hidden, input], 52),
            noise(&[1, gates * hidden, hidden], 53),
        ];
        let node = new(operator).int("hidden_size", hidden as i64).outputs(2);
        let halves = inputs.iter().map(|x| to(DType::F16, x)).collect();
        all.push(one(&format!("{operator} f16"), node.clone(), halves));
        all.push(one(operator, node, inputs));
    }
}
