//! Files of 64 MiB that stand for much more.

use std::fs;
use std::path::Path;

use prost::Message;
use serde_json::{Value, json};

use super::made::{field, model_of};
use crate::support::model::Build;

const FILE: usize = 64 << 20;

/// Writes a file into `root`, and gives the case that it is, as the index has it. They are many: each goes before the next
/// one comes.
pub(crate) fn case(root: &Path, name: &str) -> Value {
    let file = format!("{name}.onnx");
    fs::write(root.join(&file), bytes(name)).expect("a file");
    let words = json!([
        "memory",
        "limit",
        "protobuf",
        "'y'",
        "is missing",
        "no output"
    ]);
    json!({
        "name": name, "file": file, "accept": ["load_error", "run_error", "valid"],
        "mention": words, "inputs": [], "outputs": [],
    })
}

pub(crate) const NAMES: [&str; 18] = [
    "zeros",
    "noise",
    "unknown",
    "imports",
    "metadata",
    "functions",
    "nodes",
    "tensors",
    "values",
    "text",
    "name",
    "names",
    "attributes",
    "integers",
    "floats",
    "dims",
    "strings",
    "weight",
];

fn bytes(name: &str) -> Vec<u8> {
    // What is filled with copies of `unit`, inside as many messages as it takes.
    let filled = |unit: &[u8]| unit.repeat(FILE / unit.len());
    let in_model = |inner: &[u8]| [&Build::new(21).0.encode_to_vec()[..], inner].concat();
    let in_node = |inner: &[u8]| model_of(&field(1, &[&field(4, b"Neg")[..], inner].concat()));
    let in_attribute = |inner: &[u8]| in_node(&field(5, &[&field(1, b"a")[..], inner].concat()));
    let in_tensor = |inner: &[u8]| model_of(&field(5, &[&field(8, b"w")[..], inner].concat()));
    match name {
        "zeros" => vec![0; FILE],
        "noise" => {
            let mut state = 1u32;
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            };
            (0..FILE).map(|_| next()).collect()
        }
        // Field 3000.
        "unknown" => in_model(&filled(&[0xc0, 0xbb, 0x01, 0])),
        "imports" => in_model(&filled(b"\x42\x00")),
        "metadata" => in_model(&filled(b"\x72\x00")),
        "functions" => in_model(&filled(b"\xca\x01\x00")),
        "nodes" => model_of(&filled(b"\x0a\x00")),
        "tensors" => model_of(&filled(b"\x2a\x00")),
        "values" => model_of(&filled(b"\x6a\x00")),
        "text" => model_of(&field(10, &filled(b"n"))),
        "name" => in_node(&field(3, &filled(b"n"))),
        "names" => in_node(&filled(b"\x0a\x01x")),
        "attributes" => in_node(&filled(b"\x2a\x00")),
        "integers" => in_attribute(&field(8, &filled(b"\x01"))),
        "floats" => in_attribute(&field(7, &filled(&[0; 4]))),
        "dims" => in_tensor(&field(1, &filled(b"\x01"))),
        "strings" => in_tensor(&filled(b"\x32\x00")),
        "weight" => {
            let head = [field(1, &[0x80, 0x80, 0x80, 0x08]), vec![0x10, 1]].concat();
            in_tensor(&[head, field(9, &vec![0; FILE])].concat())
        }
        _ => unreachable!("no such file"),
    }
}
