//! A repeated run asks the system for nothing but what it returns; with the caller's buffers, for nothing.
//! One test, since the count is of the whole process.

#![expect(
    unsafe_code,
    reason = "a global allocator that counts cannot be written without"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use linn::proto::tensor_shape_proto::{Dimension, dimension};
use linn::proto::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorShapeProto, TypeProto,
    ValueInfoProto, type_proto,
};
use linn::{Model, inputs};
use ndarray::Array4;
use prost::Message;

static COUNT: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The allocations of all threads while `run` runs.
fn allocations(run: impl FnOnce()) -> usize {
    let before = COUNT.load(Ordering::Relaxed);
    run();
    COUNT.load(Ordering::Relaxed) - before
}

fn value(name: &str, dims: [&str; 4]) -> ValueInfoProto {
    let dim = dims
        .iter()
        .map(|dim| Dimension {
            value: Some(match dim.parse() {
                Ok(size) => dimension::Value::DimValue(size),
                Err(_) => dimension::Value::DimParam((*dim).to_string()),
            }),
            ..Dimension::default()
        })
        .collect();
    ValueInfoProto {
        name: name.to_string(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(type_proto::Tensor {
                elem_type: 1,
                shape: Some(TensorShapeProto { dim }),
            })),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

/// Operators in a row, over a symbolic batch.
fn model(operators: &[&str]) -> Model {
    let mut nodes = Vec::new();
    for (index, op_type) in operators.iter().enumerate() {
        let input = if index == 0 {
            "x".to_string()
        } else {
            index.to_string()
        };
        nodes.push(NodeProto {
            op_type: (*op_type).to_string(),
            input: vec![input],
            output: vec![(index + 1).to_string()],
            ..NodeProto::default()
        });
    }
    nodes.last_mut().expect("there is a node").output[0] = "y".into();
    let proto = ModelProto {
        ir_version: Some(10),
        opset_import: vec![OperatorSetIdProto {
            version: Some(22),
            ..OperatorSetIdProto::default()
        }],
        graph: Some(GraphProto {
            node: nodes,
            input: vec![value("x", ["N", "16", "13", "13"])],
            output: vec![value("y", ["N", "16", "13", "13"])],
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    };
    Model::from_bytes(proto.encode_to_vec()).expect("the model is valid")
}

#[test]
fn a_repeated_run_asks_the_system_for_nothing() {
    for operators in [&["Relu"][..], &["Relu", "Identity", "Relu"]] {
        let model = model(operators);
        let x = Array4::<f32>::ones((1, 16, 13, 13));
        let run = || {
            let outputs = model.run(inputs! { "x" => x.view() });
            drop(outputs.expect("it runs"));
        };
        run();
        // The elements, and the list of outputs that holds them.
        assert_eq!(allocations(run), 2, "{operators:?}");

        let mut y = Array4::<f32>::zeros((1, 16, 13, 13));
        let mut run_into = || {
            let ran = model.run_into(inputs! { "x" => x.view() }, [("y", &mut y)]);
            ran.expect("it runs");
        };
        run_into();
        assert_eq!(allocations(run_into), 0, "{operators:?} into a buffer");
    }
}
