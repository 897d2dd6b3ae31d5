//! Broken models: cut short, bits flipped, absurd sizes, noise. Each is an error or a model that runs or fails
//! cleanly; none is a panic, and none takes long.

#[path = "support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use linn::{DType, Dim, Model, Options, Tensor, ValueInfo, read_tensor};
use prost::Message;
use support::Random;
use support::model::{Build, OneNode, With, body, int, ints, node, tensor_proto};

/// Loads `bytes` and, where that works, runs the model on small inputs; whatever happens, it must come back soon.
fn survive(bytes: Vec<u8>) {
    let began = Instant::now();
    let mut random = Random::new(bytes.len() as u64);
    let size = random.range(0, 3) as usize;
    let mut options = Options::default();
    options.memory_limit = 64 << 20;
    options.round_limit = 1000;
    if let Ok(model) = Model::from_bytes_with(bytes, &options) {
        let inputs: Vec<(&str, Tensor)> = model
            .inputs()
            .iter()
            .filter_map(|info| Some((info.name.as_str(), small_input(info, size, &mut random)?)))
            .collect();
        let _ = model.run(inputs.iter().map(|(name, tensor)| (name, tensor)));
    }
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "it took {:?}",
        began.elapsed()
    );
}

/// Small numbers that serve as data, indices, regions and scales, half of the time without negative ones; `size` for
/// every dimension that is left open. `None` for an input too large for a test or of a type that no pool takes.
fn small_input(info: &ValueInfo, size: usize, random: &mut Random) -> Option<Tensor> {
    let dims: Vec<usize> = info
        .dims
        .iter()
        .flatten()
        .map(|dim| {
            if let Dim::Known(size) = dim {
                *size
            } else {
                size
            }
        })
        .collect();
    let len = dims
        .iter()
        .try_fold(1usize, |len, &dim| len.checked_mul(dim))
        .filter(|&len| len <= 1 << 18)?;
    let taken = [
        DType::F32,
        DType::F64,
        DType::F16,
        DType::BF16,
        DType::I8,
        DType::U8,
        DType::I64,
    ];
    let low = random.range(-1, 0) * 2;
    let high = if info.dtype == DType::I64 { 0 } else { 6 };
    let values: Vec<f64> = (0..len).map(|_| random.range(low, high) as f64).collect();
    taken
        .contains(&info.dtype)
        .then(|| support::tensor(info.dtype, &dims, &values))
}

/// A scan, a loop and branches inside one another.
fn with_graphs() -> Build {
    let graph = |build: Build| build.0.graph.expect("it has a graph");
    let branch = |from: &str, name: &str| {
        graph(
            Build::new(21)
                .node(node("Add", &["v", from], &[name]))
                .output(name),
        )
    };
    let choice = node("If", &["c"], &["w"])
        .with(body("then_branch", branch("x", "t")))
        .with(body("else_branch", branch("r", "e")));
    let rounds = Build::new(21)
        .input("i", DType::I64, "")
        .input("c", DType::Bool, "")
        .input("v", DType::F32, "?")
        .node(choice)
        .output("c")
        .output("w")
        .output("i");
    let rounds = node("Loop", &["m", "", "s"], &["last", "all"]).with(body("body", graph(rounds)));
    let slices = Build::new(21)
        .input("s", DType::F32, "2")
        .input("r", DType::F32, "2")
        .initializer("m", &support::i64s(&[], &[3]))
        .node(rounds)
        .output("last")
        .output("all");
    let scan = node("Scan", &["x", "rows"], &["y", "z"])
        .with(body("body", graph(slices)))
        .with(int("num_scan_inputs", 1));
    Build::new(21)
        .input("x", DType::F32, "2")
        .input("rows", DType::F32, "3,2")
        .node(scan)
        .output("y")
        .output("z")
}

/// Models of a few hundred bytes.
fn seeds() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cases = [
        "models/branches",
        "models/local_function",
        "models/maxpool_maxunpool",
        "models/qlinearaveragepool_u8",
        "tests/data/node/test_averagepool_2d_ceil",
        "tests/data/node/test_lppool_2d_dilations",
        "tests/data/node/test_maxpool_with_argmax_2d_precomputed_strides",
        "tests/data/node/test_maxunpool_export_with_output_shape",
        "tests/data/node/test_roialign_mode_max",
    ];
    let mut seeds: Vec<Vec<u8>> = cases
        .iter()
        .map(|case| std::fs::read(root.join(case).join("model.onnx")).expect("a stored model"))
        .collect();
    let weights = support::f32s(&[2, 3], &[1.0; 6]);
    let with_initializer = Build::new(14)
        .initializer("w", &weights)
        .input("x", linn::DType::F32, "2,3")
        .node(node("Add", &["x", "w"], &["y"]))
        .output("y");
    seeds.push(with_initializer.bytes());
    seeds.push(with_graphs().bytes());
    seeds
}

#[test]
fn every_cut() {
    for seed in seeds() {
        for len in 0..seed.len() {
            survive(seed[..len].to_vec());
        }
    }
}

#[test]
fn flipped_bits() {
    for seed in seeds() {
        for at in 0..seed.len() {
            for bit in 0..8 {
                let mut mutant = seed.clone();
                mutant[at] ^= 1 << bit;
                survive(mutant);
            }
        }
    }
}

#[test]
fn bytes_put_in_left_out_and_replaced() {
    let mut random = Random::new(7);
    for seed in seeds() {
        for _ in 0..1000 {
            let mut mutant = seed.clone();
            for _ in 0..random.range(1, 4) {
                let at = random.range(0, mutant.len() as i64 - 1) as usize;
                let byte =
                    [0, 1, 0x7f, 0x80, 0xff, random.next() as u8][random.range(0, 5) as usize];
                match random.range(0, 2) {
                    0 => mutant[at] = byte,
                    1 => mutant.insert(at, byte),
                    _ => drop(mutant.remove(at)),
                }
            }
            survive(mutant);
        }
    }
}

#[test]
fn noise() {
    let mut random = Random::new(11);
    for _ in 0..2000 {
        let len = random.range(0, 400);
        survive((0..len).map(|_| random.next() as u8).collect());
    }
}

#[test]
fn attributes_at_their_extremes() {
    let extremes = [i64::MIN, -1, 0, 1, 2, 1 << 31, 1 << 40, 1 << 62, i64::MAX];
    for name in ["kernel_shape", "strides", "dilations", "pads"] {
        for a in extremes {
            for b in extremes {
                for dims in ["1,1,5,5", "N,C,H,W", "0,1,5,5", "1,1,0,0"] {
                    for (operator, count) in [("MaxPool", 1), ("MaxPool", 2), ("AveragePool", 1)] {
                        for ceil_mode in [0, 1] {
                            let mut model = OneNode::new(operator, 22).outputs(count);
                            if name != "kernel_shape" {
                                model = model.ints("kernel_shape", &[2, 2]);
                            }
                            let values = if name == "pads" {
                                vec![a, 0, 0, b]
                            } else {
                                vec![a, b]
                            };
                            model = model.ints(name, &values).int("ceil_mode", ceil_mode);
                            survive(model.input(linn::DType::F32, dims).bytes());
                        }
                    }
                }
            }
        }
    }
}

/// The attributes of the other operators; a size that memory cannot hold, or samples that take for ever, must be
/// refused.
#[test]
fn attributes_of_other_operators_at_their_extremes() {
    let extremes = [
        i64::MIN,
        -1,
        0,
        1,
        3,
        1 << 20,
        1 << 31,
        1 << 40,
        1 << 62,
        i64::MAX,
    ];
    let image = |node: OneNode| node.input(DType::F32, "1,1,5,5");
    for a in extremes {
        for b in extremes {
            let pair = [a, b];
            for name in ["kernel_shape", "strides", "pads"] {
                let values = if name == "pads" {
                    vec![a, 0, 0, b]
                } else {
                    pair.to_vec()
                };
                let with = |node: OneNode| match name {
                    "kernel_shape" => node.ints(name, &values),
                    _ => node.ints("kernel_shape", &[2, 2]).ints(name, &values),
                };
                survive(image(with(OneNode::new("LpPool", 22))).bytes());
                let unpool = image(with(OneNode::new("MaxUnpool", 22)));
                survive(unpool.input(DType::I64, "1,1,5,5").bytes());
                let quantized = |name| with(OneNode::new(name, 22).domain("com.microsoft"));
                survive(quantized("NhwcMaxPool").input(DType::U8, "1,5,5,1").bytes());
                let average = quantized("QLinearAveragePool").input(DType::U8, "1,1,5,5");
                let average = average.input(DType::F32, "").omitted();
                survive(average.input(DType::F32, "").bytes());
            }
            let pooled = image(OneNode::new("MaxRoiPool", 22).ints("pooled_shape", &pair));
            survive(pooled.input(DType::F32, "R,5").bytes());
            for ratio in [0, 1, 1 << 10] {
                let aligned = OneNode::new("RoiAlign", 22)
                    .int("output_height", a)
                    .int("output_width", b)
                    .int("sampling_ratio", ratio);
                let aligned = image(aligned).input(DType::F32, "R,4");
                survive(aligned.input(DType::I64, "R").bytes());
            }
        }
        let aligned = image(OneNode::new("RoiAlign", 22).int("sampling_ratio", a));
        let aligned = aligned.input(DType::F32, "R,4");
        survive(aligned.input(DType::I64, "R").bytes());
        for p in [a, a.saturating_add(1)] {
            let norm = image(OneNode::new("GlobalLpPool", 22).int("p", p));
            survive(norm.bytes());
        }
        survive(image(OneNode::new("Flatten", 21).int("axis", a)).bytes());
    }
}

/// Regions as large as their type allows, with as many samples as they are large.
#[test]
fn regions_at_their_extremes() {
    let extremes = [-f32::MAX, -1e18, -1e6, 0.0, 1e6, 1e18, f32::MAX];
    let load = |node: OneNode, columns: &str| {
        let node = node.input(DType::F32, "1,1,5,5").input(DType::F32, columns);
        match columns {
            "1,4" => Model::from_bytes(node.input(DType::I64, "1").bytes()),
            _ => Model::from_bytes(node.bytes()),
        }
        .expect("it is valid")
    };
    let models = [
        (load(OneNode::new("RoiAlign", 10), "1,4"), 4),
        (load(OneNode::new("RoiAlign", 22), "1,4"), 4),
        (
            load(OneNode::new("RoiAlign", 22).string("mode", "max"), "1,4"),
            4,
        ),
        (
            load(
                OneNode::new("MaxRoiPool", 22).ints("pooled_shape", &[2, 2]),
                "1,5",
            ),
            5,
        ),
    ];
    let (x, index) = (
        support::counting(DType::F32, &[1, 1, 5, 5]),
        support::i64s(&[1], &[0]),
    );
    for from in extremes {
        for to in extremes {
            for (model, columns) in &models {
                let mut roi = vec![from, from, to, to];
                if *columns == 5 {
                    roi.insert(0, 0.0);
                }
                let rois = Tensor::new(&[1, *columns], roi).expect("it fits");
                let began = Instant::now();
                let mut inputs = vec![("x0", &x), ("x1", &rois)];
                if *columns == 4 {
                    inputs.push(("x2", &index));
                }
                let _ = model.run(inputs);
                let took = began.elapsed();
                assert!(took < Duration::from_secs(5), "{from} to {to}: {took:?}");
            }
        }
    }
}

#[test]
fn absurd_tensors_are_refused_before_they_are_made() {
    let extremes = [i64::MIN, -1, 0, 1 << 31, (1 << 62) + 1, i64::MAX];
    for a in extremes {
        for b in extremes {
            for number in [-1, 0, 1, 8, 22, 27, 99] {
                let mut model = Build::new(14).output("w");
                let mut proto = tensor_proto("w", &support::f32s(&[2], &[1.0, 2.0]));
                proto.dims = vec![a, b];
                proto.data_type = Some(number);
                model.graph().initializer.push(proto.clone());
                survive(model.bytes());
                assert!(read_tensor(proto.encode_to_vec()).is_err());
            }
        }
    }
    // Larger than any memory, and asked for by a few bytes.
    let shape = support::i64s(&[2], &[1 << 40, 1 << 20]);
    let reshape = Build::new(14)
        .input("x", linn::DType::F32, "N")
        .initializer("shape", &shape)
        .node(node("Reshape", &["x", "shape"], &["y"]))
        .output("y");
    survive(reshape.bytes());
    let pool = node("AveragePool", &["x"], &["y"]);
    let mut pool = Build::new(14).input("x", linn::DType::F32, "1,1,N").node({
        let mut pool = pool;
        pool.attribute = vec![
            ints("kernel_shape", &[1]),
            ints("pads", &[1 << 40, 1 << 40]),
        ];
        pool
    });
    pool = pool.output("y");
    survive(pool.bytes());
}

#[test]
fn nesting_and_functions_without_end() {
    // A function of 2^30 nodes in two kilobytes, and one that calls itself.
    for (count, recursive) in [(30, false), (3, true)] {
        let mut model = Build::new(14).input("x", linn::DType::F32, "N");
        for index in 0..count {
            let next = match index + 1 {
                last if last == count && recursive => "f0".to_string(),
                last if last == count => "Identity".to_string(),
                next => format!("f{next}"),
            };
            let domain = if next == "Identity" { "" } else { "local" };
            let mut body = vec![node(&next, &["a"], &["b"]), node(&next, &["b"], &["c"])];
            for node in &mut body {
                node.domain = domain.to_string();
            }
            model = model.function(linn::proto::FunctionProto {
                name: format!("f{index}"),
                domain: "local".into(),
                input: vec!["a".into()],
                output: vec!["c".into()],
                node: body,
                opset_import: vec![
                    support::model::import("", 14),
                    support::model::import("local", 1),
                ],
                ..Default::default()
            });
        }
        let mut call = node("f0", &["x"], &["y"]);
        call.domain = "local".into();
        let model = model.import("local", 1).node(call).output("y");
        let error = Model::from_bytes(model.bytes()).expect_err("it must not be accepted");
        let class = if recursive {
            linn::Class::Invalid
        } else {
            linn::Class::Limit
        };
        assert_eq!(error.class(), class, "{error}");
    }
    // Messages inside one another, deeper than a reader may follow.
    let mut bytes = Vec::new();
    for _ in 0..5000 {
        let mut outer = vec![0x32];
        prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
        outer.extend(&bytes);
        bytes = outer;
    }
    let mut model = vec![0x3a];
    prost::encoding::encode_varint(bytes.len() as u64, &mut model);
    model.extend(bytes);
    survive(model);
}

#[test]
fn broken_tensor_files() {
    let folder: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("models/branches/test_data_set_0/input_0.pb");
    let bytes = std::fs::read(folder).expect("a stored tensor");
    for len in 1..bytes.len() {
        let _ = read_tensor(bytes[..len].to_vec());
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut mutant = bytes.clone();
            mutant[at] ^= 1 << bit;
            let _ = read_tensor(mutant);
        }
    }
}

/// The decoder ends its sentence with a line break.
#[test]
#[cfg(feature = "image")]
fn a_picture_without_anything_between_its_ends() {
    let bytes = [0xff, 0xd8, 0xff, 0xd8, 0xff, 0xd9];
    let picture = linn::picture::Picture::decode(&bytes, 1 << 20);
    let text = picture.err().expect("it has no pixels").to_string();
    assert!(text.contains("Not enough bytes"), "{text}");
    assert!(!text.contains(char::is_control), "{text:?}");
}
