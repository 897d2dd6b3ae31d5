//! What loading takes, tells and refuses, that no stored model shows.

#[path = "support/mod.rs"]
mod support;

use linn::proto::attribute_proto::AttributeType;
use linn::proto::type_proto::Value as TypeValue;
use linn::proto::{
    AttributeProto, GraphProto, SparseTensorProto, StringStringEntryProto, TypeProto,
};
use linn::{Class, DType, Model, Tensor, inputs};
use support::model::{
    Build, With, attribute, body, float, int, ints, node, string, tensor, tensor_proto,
};
use support::{Random, f32s, i64s, numbers};

/// `y = x + one`.
fn sum() -> Build {
    Build::new(17)
        .input("x", DType::F32, "2")
        .output("y")
        .initializer("one", &f32s(&[2], &[1.0, 1.0]))
        .node(node("Add", &["x", "one"], &["y"]))
}

/// The class and the message of the refusal.
fn refusal(build: &Build) -> (Class, String) {
    let error = Model::from_bytes(build.bytes()).expect_err("it is refused");
    (error.class(), error.to_string())
}

#[test]
fn models_come_from_readers_too() {
    let model = Model::from_reader(sum().bytes().as_slice()).expect("it is valid");
    let outputs = model.run(inputs! { "x" => &f32s(&[2], &[1.0, 2.0]) });
    let outputs = outputs.expect("it runs");
    assert!(!outputs.is_empty());
    assert_eq!(numbers(&outputs["y"]), [2.0, 3.0]);
    let nothing = model.fetch(inputs! { "x" => &f32s(&[2], &[1.0, 2.0]) }, &[]);
    assert!(nothing.expect("it runs").is_empty());
    let error = Model::from_reader(&b"\xff"[..]).expect_err("it is no model");
    assert_eq!(error.class(), Class::Invalid);
}

/// Long weights are left in the file until they are decoded.
#[test]
fn files_give_what_their_bytes_give() {
    let path = std::env::temp_dir().join(format!("linn_loading_{}.onnx", std::process::id()));
    let numbers =
        |len: usize, most: usize| -> Vec<f64> { (0..len).map(|at| (at % most) as f64).collect() };
    let cases = [
        (DType::F32, 40_001, 1000),
        (DType::F64, 20_000, 1000),
        (DType::F16, 50_000, 100),
        (DType::I64, 10_001, 1000),
        (DType::U8, 70_000, 256),
        (DType::Bool, 65_537, 2),
        (DType::U4, 140_001, 16),
        (DType::F32, 3, 2),
    ];
    let mut build = Build::new(25).input("x", DType::F32, "1");
    for (index, (dtype, len, most)) in cases.into_iter().enumerate() {
        let (from, to) = (format!("w{index}"), format!("y{index}"));
        build = build
            .initializer(&from, &support::tensor(dtype, &[len], &numbers(len, most)))
            .node(node("Identity", &[&from], &[&to]))
            .output(&to);
    }
    let bytes = build.bytes();
    let write = |bytes: &[u8]| std::fs::write(&path, bytes).expect("there is room for it");
    write(&bytes);
    let models = [Model::load(&path), Model::from_bytes(bytes.clone())];
    let [file, memory] = models.map(|model| {
        let x = f32s(&[1], &[0.0]);
        let model = model.expect("it is valid");
        let outputs = model.run(inputs! { "x" => &x }).expect("it runs");
        outputs.into_iter().map(|(_, y)| y).collect::<Vec<Tensor>>()
    });
    assert!(file == memory && file.len() == cases.len());
    // What is cut off or has one byte too few for its shape is refused in the same words.
    let mut wrong = build.clone();
    let raw = &mut wrong.graph().initializer[0].raw_data;
    let short = raw.as_ref().map(|raw| raw.slice(1..));
    *raw = short;
    for bytes in [&bytes[..bytes.len() / 2], &wrong.bytes()] {
        write(bytes);
        let [file, memory] = [Model::load(&path), Model::from_bytes(bytes.to_vec())]
            .map(|model| model.expect_err("it is refused").to_string());
        assert_eq!(file, memory);
    }
    std::fs::remove_file(&path).expect("it is there");
}

/// Damaged in a few places, files and their bytes are refused in the same words, or accepted both.
#[test]
fn damaged_files_are_what_their_bytes_are() {
    let path = std::env::temp_dir().join(format!("linn_damaged_{}.onnx", std::process::id()));
    let weight = f32s(&[17_000], &[0.5; 17_000]);
    let mut build = Build::new(20)
        .input("x", DType::F32, "17000")
        .output("y")
        .initializer("a", &weight)
        .initializer("b", &weight)
        .node(node("Add", &["x", "a"], &["sum"]))
        .node(node("Mul", &["sum", "b"], &["y"]));
    build.graph().initializer[1].float_data = vec![1.0];
    build.graph().initializer[1].raw_data = None;
    build.graph().initializer[1].dims = vec![1];
    let bytes = build.bytes();
    assert!(Model::from_bytes(bytes.clone()).is_ok());
    let mut raw = build.clone();
    raw.graph().initializer[0].double_data = vec![1.0];
    let places: Vec<usize> = (0..bytes.len())
        .filter(|place| *place < 400 || place + 300 > bytes.len())
        .collect();
    let mut random = Random::new(8);
    let (mut refused, count) = (0, 400);
    for round in 0..count {
        let mut damaged = if round % 2 == 0 {
            bytes.clone()
        } else {
            raw.bytes()
        };
        for _ in 0..random.range(1, 3) {
            let place = places[random.range(0, places.len() as i64 - 1) as usize];
            damaged[place] ^= 1 << random.range(0, 7);
        }
        std::fs::write(&path, &damaged).expect("there is room for it");
        let [file, memory] = [Model::load(&path), Model::from_bytes(damaged)]
            .map(|model| model.map(|_| ()).map_err(|error| error.to_string()));
        refused += usize::from(file.is_err());
        assert_eq!(file, memory, "round {round}");
    }
    assert!(
        (count / 4..count).contains(&refused),
        "{refused} of {count}"
    );
    // A number that ends behind its field, just before raw data.
    let field = |number: u8, inner: &[u8]| {
        let mut bytes = vec![number << 3 | 2];
        prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
        bytes.extend(inner);
        bytes
    };
    for len in 0..9 {
        let double = vec![0; len];
        let tensor = [
            &[0x08, 1, 0x10, 11][..],
            &field(8, b"w"),
            &field(10, &double),
        ]
        .concat();
        let tensor = [&tensor[..], &field(9, &[0; 1 << 16])].concat();
        let graph = field(7, &field(5, &tensor));
        let model = [&[0x08, 8][..], &field(8, &[0x10, 17]), &graph].concat();
        std::fs::write(&path, &model).expect("there is room for it");
        let [file, memory] = [Model::load(&path), Model::from_bytes(model)]
            .map(|model| model.expect_err("it is refused").to_string());
        assert_eq!(file, memory, "{len}");
    }
    std::fs::remove_file(&path).expect("it is there");
}

#[test]
#[should_panic(expected = "no output 'z'")]
fn an_output_that_is_not_there_is_named() {
    let model = Model::from_bytes(sum().bytes()).expect("it is valid");
    let outputs = model.run(inputs! { "x" => &f32s(&[2], &[1.0, 2.0]) });
    let _ = &outputs.expect("it runs")["z"];
}

#[test]
fn inputs_have_names_and_are_tensors() {
    let mut build = sum();
    build.graph().input[0].name = String::new();
    let (class, words) = refusal(&build);
    assert!(
        class == Class::Invalid && words.contains("no name"),
        "{words}"
    );
    let mut build = sum();
    build.graph().input[0].r#type = Some(TypeProto {
        value: Some(TypeValue::SequenceType(Box::default())),
        ..TypeProto::default()
    });
    let (class, words) = refusal(&build);
    let named = words.contains("'x' of a type other than tensor");
    assert!(class == Class::Unsupported && named, "{words}");
}

#[test]
fn tensors_lie_in_one_place() {
    let mut build = sum();
    build.graph().initializer[0].external_data = vec![StringStringEntryProto {
        key: "location".to_string(),
        value: "data.bin".to_string(),
    }];
    let (class, words) = refusal(&build);
    assert_eq!(class, Class::Invalid, "{words}");
    assert!(
        words.contains("'one'") && words.contains("lists external data"),
        "{words}"
    );
}

/// A node that has its attribute as a constant.
fn constant(attribute: AttributeProto) -> Build {
    Build::new(17)
        .output("y")
        .node(node("Constant", &[], &["y"]).with(attribute))
}

#[test]
fn sparse_tensors_have_elements_of_most_types() {
    let sparse = |values: &Tensor| {
        constant(AttributeProto {
            sparse_tensor: Some(SparseTensorProto {
                values: Some(tensor_proto("", values)),
                indices: Some(tensor_proto("", &i64s(&[1], &[2]))),
                dims: vec![4],
            }),
            ..attribute("sparse_value", AttributeType::SparseTensor)
        })
    };
    let model = Model::from_bytes(sparse(&f32s(&[1], &[5.0])).bytes()).expect("it is valid");
    let y = model.run::<&str, &Tensor>([]).expect("it runs");
    assert_eq!(numbers(&y["y"]), [0.0, 0.0, 5.0, 0.0]);
    let narrow = Tensor::new(&[1], vec![linn::U4::default()]).expect("one element");
    let (class, words) = refusal(&sparse(&narrow));
    assert!(
        class == Class::Unsupported && words.contains("sparse tensor of u4"),
        "{words}"
    );
}

#[test]
fn attributes_hold_what_their_types_say() {
    let (class, words) = refusal(&constant(attribute("value", AttributeType::Tensor)));
    assert!(
        class == Class::Invalid && words.contains("holds no tensor"),
        "{words}"
    );
    let build = Build::new(17).input("x", DType::Bool, "").output("y").node(
        node("If", &["x"], &["y"])
            .with(attribute("then_branch", AttributeType::Graph))
            .with(body("else_branch", GraphProto::default())),
    );
    let (class, words) = refusal(&build);
    assert!(
        class == Class::Invalid && words.contains("then_branch holds no graph"),
        "{words}"
    );
    let kinds = [
        (AttributeType::SparseTensors, "sparse_tensors"),
        (AttributeType::TypeProtos, "type_protos"),
    ];
    for (kind, name) in kinds {
        let (class, words) = refusal(&constant(attribute("value", kind)));
        assert!(class == Class::Invalid && words.contains(name), "{words}");
    }
}

#[test]
fn attributes_are_shown_whole_unless_they_are_long() {
    let floats = |count: usize| AttributeProto {
        floats: vec![0.5; count],
        ..attribute("value_floats", AttributeType::Floats)
    };
    let strings = AttributeProto {
        strings: vec!["a".into(), "b\nc".into()],
        ..attribute("value_strings", AttributeType::Strings)
    };
    let value = tensor("value", tensor_proto("", &f32s(&[2], &[1.0, 2.0])));
    for (attribute, shown) in [
        (int("value_int", -3), "-3"),
        (float("value_float", 0.25), "0.25"),
        (string("value_string", "text"), "text"),
        (string("value_string", &"x".repeat(5000)), "(5000 elements)"),
        (ints("value_ints", &[1, 2]), "[1,2]"),
        (ints("value_ints", &[7; 300]), "(300 elements)"),
        (floats(2), "[0.5,0.5]"),
        (floats(257), "(257 elements)"),
        (strings, "[a,b\\nc]"),
        (value, "f32[2]"),
    ] {
        let model = Model::from_bytes(constant(attribute).bytes()).expect("it is valid");
        let node = model.nodes().next().expect("it has a node");
        assert_eq!(node.attributes[0].value.to_string(), shown);
    }
    let branch = |nodes: &[&str]| GraphProto {
        name: "branch".to_string(),
        node: nodes
            .iter()
            .map(|name| node("Identity", &["x"], &[name]))
            .collect(),
        output: sum().output(nodes[0]).graph().output.split_off(1),
        ..GraphProto::default()
    };
    let build = Build::new(17).input("x", DType::Bool, "").output("y").node(
        node("If", &["x"], &["y"])
            .with(body("then_branch", branch(&["a"])))
            .with(body("else_branch", branch(&["b", "c"]))),
    );
    let model = Model::from_bytes(build.bytes()).expect("it is valid");
    let node = model.nodes().next().expect("it has a node");
    let mut shown: Vec<String> = node
        .attributes
        .iter()
        .map(|a| a.value.to_string())
        .collect();
    shown.sort();
    assert_eq!(shown, ["(a graph of 1 node)", "(a graph of 2 nodes)"]);
}
