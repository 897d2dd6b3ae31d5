//! Bytes of ONNX files to messages, and the messages themselves, compiled from `proto/onnx.proto`.

pub(crate) mod attributes;
pub(crate) mod external;
mod raw;
mod scan;
mod segments;
pub(crate) mod stored;
pub(crate) mod tensor;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
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
use scan::{Kind, Whole};
use segments::{Reading, Segments};
use stored::InFile;

/// What errors call a model.
const MODEL: &str = "model";

/// The largest file that protobuf allows.
const MOST_BYTES: usize = i32::MAX as usize;

/// Decodes a model, if that takes less than `memory_limit` bytes; its tensors keep pointing into `bytes`.
pub(crate) fn read(bytes: Bytes, memory_limit: usize) -> Result<ModelProto, Error> {
    check_len(MODEL, bytes.len())?;
    scan::scan(&mut Whole::new(&bytes), Kind::Model, MODEL, memory_limit)?;
    decode(bytes.into())
}

/// Files of so many bytes are read whatever the memory limit is, so that an error can tell what does not fit.
const ALWAYS_READ: usize = 1 << 20;

/// As [`read`], for the file `path`, in which long weights are left.
pub(crate) fn read_file(path: &Path, memory_limit: usize) -> Result<(ModelProto, InFile), Error> {
    let fail = |error| Error::io(path, error);
    let file = File::open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    let most = memory_limit.max(ALWAYS_READ);
    let larger = || Error::Limit {
        reason: format!("the file is larger than the memory limit of {most} bytes"),
        memory: true,
    };
    if !metadata.is_file() || metadata.len() == 0 {
        // What comes from a pipe, or from the system itself, has no length before it ends.
        let bytes = read_all(file, most).map_err(fail)?;
        return match bytes.len() <= most {
            true => Ok((read(bytes, memory_limit)?, InFile::default())),
            false => Err(larger()),
        };
    }
    let len = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if len > most {
        return Err(larger());
    }
    check_len(MODEL, len)?;
    let mut reading = Reading::new(file, path, len);
    scan::scan(&mut reading, Kind::Model, MODEL, memory_limit)?;
    let (segments, file, places) = reading.end();
    Ok((decode(segments)?, InFile::new(file, places)))
}

fn check_len(what: &'static str, len: usize) -> Result<(), Error> {
    match len {
        0 => Err(Error::Decode {
            what,
            reason: "the file is empty".to_string(),
        }),
        1..=MOST_BYTES => Ok(()),
        _ => Err(Error::limit(format!(
            "the file has {len} bytes, over protobuf's limit of {MOST_BYTES}"
        ))),
    }
}

fn decode(bytes: Segments) -> Result<ModelProto, Error> {
    let decoded = ModelProto::decode(bytes);
    // What is stopped lacks its end.
    stop::check_loading()?;
    decoded.map_err(|error| Error::Decode {
        what: MODEL,
        reason: one_line(&error),
    })
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
    check_len(what, bytes.len())?;
    scan::scan(&mut Whole::new(&bytes), Kind::Tensor, what, usize::MAX)?;
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
