//! Every element type of the format, from every place that a file may keep elements in.

mod samples;
#[path = "../support/mod.rs"]
mod support;

use linn::proto::tensor_proto::Segment;
use linn::proto::{SparseTensorProto, TensorProto};
use linn::{Class, DType, Model, Tensor, inputs, read_tensor, write_tensor};
use prost::Message;
use samples::{sample, samples};
use support::model::{Build, node, tensor, tensor_proto};
use support::{Report, check_tensor, f32s, i64s};

/// Reads a tensor file, an initializer, an initializer behind an Identity and a Constant; all must be alike.
fn everywhere(proto: &TensorProto) -> Result<Tensor, String> {
    let (name, read) =
        read_tensor(proto.encode_to_vec()).map_err(|error| format!("as a file: {error}"))?;
    if name != proto.name {
        return Err(format!("the name is {name}"));
    }
    let mut build = Build::new(25)
        .node(node("Identity", &["w"], &["same"]))
        .node({
            let mut constant = node("Constant", &[], &["constant"]);
            constant.attribute = vec![tensor("value", proto.clone())];
            constant
        })
        .output("w")
        .output("same")
        .output("constant");
    build.graph().initializer.push(proto.clone());
    let model = Model::from_bytes(build.bytes()).map_err(|error| error.to_string())?;
    let none: [(&str, &Tensor); 0] = [];
    let outputs = model.run(none).map_err(|error| error.to_string())?;
    for (name, output) in outputs.iter() {
        // Compared as text, since NaN is not equal to itself.
        if format!("{output:?}") != format!("{read:?}") {
            return Err(format!("{name} is {output:?}, the file has {read:?}"));
        }
    }
    Ok(read)
}

fn check_round_trip(tensor: &Tensor, wanted: &str) -> Result<(), String> {
    let written = write_tensor("w", tensor);
    let (_, again) = read_tensor(written).map_err(|error| error.to_string())?;
    for (what, tensor) in [("read", tensor), ("written and read again", &again)] {
        if format!("{tensor:?}") != wanted {
            return Err(format!("{what}: {tensor:?}, wanted {wanted}"));
        }
    }
    Ok(())
}

#[test]
fn every_type_from_raw_data_and_from_its_field() {
    let mut report = Report::default();
    let samples = samples();
    for sample in &samples {
        let wanted = format!("{}[3] [{}]", sample.dtype, sample.shown);
        for raw in [true, false] {
            let place = if raw { "raw data" } else { "its field" };
            let read = everywhere(&sample.proto(raw));
            report.check(
                format!("{} from {place}", sample.dtype),
                read.and_then(|tensor| check_round_trip(&tensor, &wanted)),
            );
        }
    }
    let covered: Vec<DType> = samples.iter().map(|sample| sample.dtype).collect();
    for dtype in DType::ALL {
        assert!(
            covered.contains(dtype) || *dtype == DType::String,
            "{dtype}"
        );
    }
    report.finish(50);
}

#[test]
fn strings() {
    let texts = ["", "a", "\u{fc}ber"];
    let tensor = Tensor::new(&[3], texts.map(String::from).to_vec()).expect("three elements");
    let read = everywhere(&tensor_proto("w", &tensor)).expect("it is read");
    assert_eq!(read, tensor);
    assert_eq!(read.as_slice::<String>().expect("strings")[2], texts[2]);
}

/// A scalar is one element without dimensions; no element at all needs no field.
#[test]
fn scalars_and_empty_tensors_of_every_type() {
    let mut report = Report::default();
    let mut samples = samples();
    samples.push(sample(DType::String, vec![], "", |proto| {
        proto.string_data = vec!["a".into(), "b".into(), "c".into()];
    }));
    for sample in samples {
        let dtype = sample.dtype;
        let places: &[bool] = if dtype == DType::String {
            &[false]
        } else {
            &[true, false]
        };
        for &raw in places {
            let mut empty = TensorProto {
                dims: vec![2, 0],
                ..sample.proto(raw)
            };
            let mut scalar = TensorProto {
                dims: vec![],
                ..sample.proto(raw)
            };
            // A third of three elements; of packed ones the first byte.
            let size = (sample.raw.len() / 3).max(1);
            for (proto, part) in [(&mut empty, 0), (&mut scalar, 1)] {
                if let Some(raw) = &mut proto.raw_data {
                    raw.truncate(part * size);
                }
                let pairs = if matches!(dtype, DType::C64 | DType::C128) {
                    2 * part
                } else {
                    part
                };
                proto.float_data.truncate(pairs);
                proto.double_data.truncate(pairs);
                proto.int32_data.truncate(part);
                proto.int64_data.truncate(part);
                proto.uint64_data.truncate(part);
                proto.string_data.truncate(part);
            }
            let result = everywhere(&empty).and_then(|tensor| {
                match tensor.shape()[..] == [2, 0] && tensor.dtype() == dtype {
                    true => Ok(()),
                    false => Err(format!("{tensor:?}")),
                }
            });
            report.check(format!("no {dtype}, raw data {raw}"), result);
            let first = sample.shown.split(", ").next().unwrap_or_default();
            let result = everywhere(&scalar).and_then(|tensor| {
                let shown = format!("{tensor:?}");
                match dtype == DType::String || shown == format!("{dtype}[] [{first}]") {
                    true => Ok(()),
                    false => Err(shown),
                }
            });
            report.check(format!("one {dtype}, raw data {raw}"), result);
        }
    }
    report.finish(102);
}

#[test]
fn tensors_of_every_type_as_inputs() {
    for sample in samples() {
        let dtype = sample.dtype;
        let (_, x) = read_tensor(sample.proto(true).encode_to_vec()).expect("it is read");
        let model = Build::new(25)
            .input("x", dtype, "N")
            .node(node("Identity", &["x"], &["y"]))
            .typed_output("y", dtype, "N");
        let model = Model::from_bytes(model.bytes()).expect("it is valid");
        let outputs = model.run(inputs! { "x" => &x }).expect("it runs");
        assert_eq!(outputs["y"], x, "{dtype}");
    }
}

#[test]
fn data_that_do_not_fit_their_type() {
    let plain = |dtype: DType, len: i64| TensorProto {
        name: "w".to_string(),
        dims: vec![len],
        data_type: Some(dtype as i32),
        ..TensorProto::default()
    };
    let ints = |dtype, ints: &[i32]| TensorProto {
        int32_data: ints.to_vec(),
        ..plain(dtype, ints.len() as i64)
    };
    let raw = |dtype, len, raw: &'static [u8]| TensorProto {
        raw_data: Some(raw.into()),
        ..plain(dtype, len)
    };
    let floats = |dtype, len, floats: &[f32]| TensorProto {
        float_data: floats.to_vec(),
        ..plain(dtype, len)
    };
    let cases = [
        (ints(DType::U8, &[256]), "holds 256, out of the range"),
        (ints(DType::U8, &[-1]), "holds -1, out of the range"),
        (ints(DType::I8, &[128]), "holds 128, out of the range"),
        (ints(DType::Bool, &[2]), "bool 2, must be 0 or 1"),
        (raw(DType::Bool, 1, &[2]), "bool 2, must be 0 or 1"),
        (ints(DType::F16, &[0x1_0000]), "no 16-bit pattern"),
        (ints(DType::F8E4M3FN, &[300]), "holds 300, out of the range"),
        (
            TensorProto {
                uint64_data: vec![1 << 32],
                ..plain(DType::U32, 1)
            },
            "holds 4294967296, out of the range",
        ),
        (
            floats(DType::I32, 1, &[1.0]),
            "in float_data, they belong into int32_data",
        ),
        (
            ints(DType::F32, &[1]),
            "in int32_data, they belong into float_data",
        ),
        (
            floats(DType::F32, 2, &[1.0]),
            "has 1 elements, its dimensions need 2",
        ),
        (
            floats(DType::F32, 1, &[1.0, 2.0]),
            "has 2 elements, its dimensions need 1",
        ),
        (floats(DType::C64, 1, &[1.0]), "without an imaginary part"),
        (
            plain(DType::F32, 1),
            "has 0 elements, its dimensions need 1",
        ),
        (raw(DType::F32, 1, &[0, 0, 0]), "has 3 bytes of data"),
        (
            raw(DType::U4, 3, &[0]),
            "its type and dimensions need a length of 2",
        ),
        (
            raw(DType::String, 1, b"a"),
            "in raw_data, they belong into string_data",
        ),
        (
            TensorProto {
                string_data: vec![b"\xff"[..].into()],
                ..plain(DType::String, 1)
            },
            "not UTF-8",
        ),
        (
            TensorProto {
                raw_data: Some(vec![0; 4].into()),
                ..floats(DType::F32, 1, &[1.0])
            },
            "has data in raw_data and float_data",
        ),
        (plain(DType::F32, -1), "dimension 0 is -1"),
        (
            TensorProto {
                dims: vec![1; 33],
                ..floats(DType::F32, 1, &[1.0])
            },
            "rank 33",
        ),
        (
            TensorProto {
                data_type: Some(27),
                ..plain(DType::F32, 0)
            },
            "unknown data type 27",
        ),
        (
            TensorProto {
                data_type: None,
                ..plain(DType::F32, 0)
            },
            "unknown data type 0",
        ),
        (
            TensorProto {
                data_location: Some(7),
                ..floats(DType::F32, 1, &[1.0])
            },
            "unknown data location 7",
        ),
    ];
    for (proto, words) in cases {
        let mut build = Build::new(25).output("w");
        build.graph().initializer.push(proto.clone());
        let error = Model::from_bytes(build.bytes()).expect_err(words);
        assert_eq!(error.class(), Class::Invalid, "{error}");
        for text in [
            error.to_string(),
            read_tensor(proto.encode_to_vec())
                .expect_err(words)
                .to_string(),
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(error.to_string().contains("'w'"), "{error}");
    }
    let segment = TensorProto {
        segment: Some(Segment::default()),
        ..floats(DType::F32, 1, &[1.0])
    };
    let mut build = Build::new(25).output("w");
    build.graph().initializer.push(segment);
    let error = Model::from_bytes(build.bytes()).expect_err("not supported");
    assert_eq!(error.class(), Class::Unsupported, "{error}");
}

#[test]
fn sparse_initializers() {
    let sparse = |values: &Tensor, indices: &Tensor, dims: &[i64]| {
        let mut build = Build::new(25).output("w");
        build.graph().sparse_initializer.push(SparseTensorProto {
            values: Some(tensor_proto("w", values)),
            indices: Some(tensor_proto("", indices)),
            dims: dims.to_vec(),
        });
        let none: [(&str, &Tensor); 0] = [];
        Model::from_bytes(build.bytes())
            .and_then(|model| model.run(none))
            .map_err(|error| error.to_string())
    };
    let values = f32s(&[2], &[5.0, 6.0]);
    let wanted = [0.0, 0.0, 5.0, 0.0, 0.0, 6.0];
    for indices in [i64s(&[2], &[2, 5]), i64s(&[2, 2], &[0, 2, 1, 2])] {
        let outputs = sparse(&values, &indices, &[2, 3]).expect("it runs");
        check_tensor(&outputs["w"], &[2, 3], &wanted).expect("the dense tensor");
    }
    let none = sparse(&f32s(&[0], &[]), &i64s(&[0], &[]), &[2]).expect("it runs");
    check_tensor(&none["w"], &[2], &[0.0, 0.0]).expect("zeros");
    for (indices, dims, words) in [
        (i64s(&[2], &[5, 2]), &[2, 3], "do not ascend"),
        (i64s(&[2], &[2, 2]), &[2, 3], "do not ascend"),
        (i64s(&[2], &[2, 6]), &[2, 3], "with the index [6]"),
        (i64s(&[2], &[-1, 2]), &[2, 3], "with the index [-1]"),
        (
            i64s(&[2, 2], &[0, 3, 1, 0]),
            &[2, 3],
            "with the index [0, 3]",
        ),
        (i64s(&[3], &[0, 1, 2]), &[2, 3], "with indices i64[3]"),
        (i64s(&[2], &[0, 1]), &[2, -3], "dimension 1 is -3"),
        (i64s(&[2], &[0, 1]), &[1 << 40, 1 << 10], "memory limit"),
    ] {
        let error = sparse(&values, &indices, dims).expect_err(words);
        assert!(error.contains(words), "{words}: {error}");
    }
    let error = sparse(&values, &f32s(&[2], &[0.0, 1.0]), &[2, 3]).expect_err("not i64");
    assert!(error.contains("not i64"), "{error}");
}
