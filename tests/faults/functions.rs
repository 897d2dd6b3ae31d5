//! Functions of a model, whose calls stand for more than is in the file.

use std::time::Instant;

use linn::proto::attribute_proto::AttributeType;
use linn::proto::{AttributeProto, FunctionProto, NodeProto, TensorProto};
use linn::{Class, DType, Model, Options};

use crate::alone;
use crate::growth::{PATIENCE, float_input, name};
use crate::support::model::{
    Build, With, import, int, ints, node, reference, tensor as tensor_attribute,
};

/// A function of domain `f`, without attributes.
pub(crate) fn function(inputs: &[&str], nodes: Vec<NodeProto>, outputs: &[&str]) -> FunctionProto {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    FunctionProto {
        name: "F".to_string(),
        domain: "f".to_string(),
        input: owned(inputs),
        output: owned(outputs),
        node: nodes,
        opset_import: vec![import("", 21)],
        ..FunctionProto::default()
    }
}

pub(crate) fn called(size: usize, function: FunctionProto) -> Build {
    let start = float_input(Build::new(21).import("f", 1), "v0").function(function);
    let all = (0..size).fold(start, |build, index| {
        build.node(node("F", &[&name(index)], &[&name(index + 1)]).of("f"))
    });
    all.output(&name(size))
}

/// A function of one node, called often, whose attribute or default is long: the file is small, what it stands for is not.
#[test]
fn functions_do_not_multiply_what_is_in_the_file() {
    let _alone = alone();
    let long = ints("value_ints", &[7; 200_000]);
    let constant = |attribute: AttributeProto| node("Constant", &[], &["k"]).with(attribute);
    let cast = || {
        vec![
            node("Size", &["k"], &["s"]),
            node("Cast", &["s"], &["f"]).with(int("to", 1)),
            node("Add", &["a", "f"], &["d"]),
        ]
    };
    let whole = |first: NodeProto| [vec![first], cast()].concat();
    let in_the_body = function(&["a"], whole(constant(long.clone())), &["d"]);
    let by_default = FunctionProto {
        attribute_proto: vec![AttributeProto {
            name: "given".to_string(),
            ..long
        }],
        ..function(
            &["a"],
            whole(constant(reference(
                "value_ints",
                "given",
                AttributeType::Ints,
            ))),
            &["d"],
        )
    };
    let typed = TensorProto {
        data_type: Some(DType::I64 as i32),
        dims: vec![200_000],
        int64_data: vec![7; 200_000],
        ..TensorProto::default()
    };
    let typed = function(
        &["a"],
        whole(constant(tensor_attribute("value", typed))),
        &["d"],
    );
    let mut options = Options::default();
    options.memory_limit = 256 << 20;
    for (what, function) in [
        ("the body", in_the_body),
        ("a default", by_default),
        ("a tensor", typed),
    ] {
        let load = |size| {
            let bytes = called(size, function.clone()).bytes();
            let began = Instant::now();
            let loaded = Model::from_bytes_with(bytes, &options);
            (loaded.map(|_| ()), began.elapsed())
        };
        assert!(load(3).0.is_ok(), "{what}");
        let (loaded, took) = load(10_000);
        let error = loaded.expect_err("it is too much");
        assert_eq!(error.class(), Class::Limit, "{what}: {error}");
        assert!(error.is_memory_limit(), "{what}: {error}");
        assert!(took < PATIENCE, "{what}: {took:?}");
    }
    // Inputs that no call gives, for each call.
    let inputs: Vec<String> = (0..10_000).map(|index| format!("i{index}")).collect();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let many = function(&inputs, vec![node("Neg", &["i0"], &["d"])], &["d"]);
    let began = Instant::now();
    let error = Model::from_bytes(called(10_000, many).bytes()).expect_err("it is too much");
    assert_eq!(error.class(), Class::Limit, "{error}");
    assert!(began.elapsed() < PATIENCE);
}
