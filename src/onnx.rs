//! Bytes of ONNX files to messages, and the messages themselves, compiled from `proto/onnx.proto`.

pub(crate) mod attributes;
pub(crate) mod external;
mod scan;
pub(crate) mod tensor;

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use prost::Message;

use crate::allocate::attempt;
use crate::error::{Class, Error};
use crate::stop;

/// The messages of the ONNX format, for programs that write or edit models.
#[allow(missing_docs, clippy::doc_markdown)]
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/onnx.rs"));
}

use proto::{ModelProto, TensorProto};
use scan::Kind;

/// The largest file that protobuf allows.
const MOST_BYTES: usize = i32::MAX as usize;

/// Decodes a model, if that takes less than `memory_limit` bytes; its tensors keep pointing into `bytes`.
pub(crate) fn read(bytes: Bytes, memory_limit: usize) -> Result<ModelProto, Error> {
    let what = "model";
    if bytes.is_empty() {
        return Err(Error::Decode {
            what,
            reason: "the file is empty".to_string(),
        });
    }
    if bytes.len() > MOST_BYTES {
        return Err(Error::limit(format!(
            "the file has {} bytes, over protobuf's limit of {MOST_BYTES}",
            bytes.len()
        )));
    }
    scan::scan(&bytes, Kind::Model, what, memory_limit)?;
    let decoded = ModelProto::decode(Watched::new(bytes));
    // What is stopped lacks its end.
    stop::check_loading()?;
    decoded.map_err(|error| Error::Decode {
        what,
        reason: one_line(&error),
    })
}

/// Bytes that end when the work is to stop.
struct Watched {
    bytes: Bytes,
    /// How often some were taken.
    taken: usize,
    stopped: bool,
}

impl Watched {
    fn new(bytes: Bytes) -> Watched {
        Watched {
            bytes,
            taken: 0,
            stopped: false,
        }
    }

    fn take(&mut self) {
        self.taken += 1;
        if self.taken.is_multiple_of(stop::READ) {
            self.stopped |= stop::is_set();
        }
    }
}

impl Buf for Watched {
    fn remaining(&self) -> usize {
        if self.stopped { 0 } else { self.bytes.len() }
    }

    fn chunk(&self) -> &[u8] {
        if self.stopped { &[] } else { &self.bytes }
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.take();
    }

    /// Numbers of several bytes are read one by one, after a single look at how many there are.
    fn get_u8(&mut self) -> u8 {
        self.bytes.get_u8()
    }

    /// Without a copy.
    fn copy_to_bytes(&mut self, len: usize) -> Bytes {
        let bytes = self.bytes.split_to(len);
        self.take();
        bytes
    }
}

/// All bytes of a reader; a file over protobuf's limit is not read further than that.
pub(crate) fn read_all(reader: impl Read, limit: usize) -> io::Result<Bytes> {
    let most = MOST_BYTES.min(limit) as u64;
    let mut bytes = Vec::new();
    reader
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

/// Decodes a tensor file, as `input_0.pb` of the ONNX test data is one.
///
/// # Errors
/// The bytes are not a `TensorProto`, or its data do not fit its type and dimensions.
pub fn read_tensor(bytes: impl Into<Bytes>) -> Result<(String, crate::Tensor), Error> {
    let what = "tensor";
    let bytes = bytes.into();
    if bytes.is_empty() {
        return Err(Error::Decode {
            what,
            reason: "the file is empty".to_string(),
        });
    }
    scan::scan(&bytes, Kind::Tensor, what, usize::MAX)?;
    let proto = TensorProto::decode(bytes).map_err(|error| Error::Decode {
        what,
        reason: one_line(&error),
    })?;
    let tensor = attempt(|| tensor::decode(&proto, &external::Folder::none()));
    let tensor = tensor.map_err(|error| match error.class {
        Class::Limit => Error::limit(format!("the tensor {error}")),
        _ => Error::Decode {
            what,
            reason: error.to_string(),
        },
    })?;
    Ok((proto.name, tensor))
}

/// Encodes a tensor as a `TensorProto` named `name`, its elements as raw data.
pub fn write_tensor(name: &str, tensor: &crate::Tensor) -> Vec<u8> {
    tensor::encode(name, tensor).encode_to_vec()
}

/// prost's text with its line breaks folded; the chain of a nested message can be long, so it is cut.
fn one_line(error: &prost::DecodeError) -> String {
    crate::error::Plain(&error.to_string()).to_string()
}
