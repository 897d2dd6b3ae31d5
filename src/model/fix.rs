//! What options settle before a model is checked: sizes of named dimensions.

use super::Options;
use crate::error::{Error, Quoted, did_you_mean, listed};
use crate::onnx::proto::tensor_shape_proto::dimension::Value as DimValue;
use crate::onnx::proto::type_proto::Value as TypeValue;
use crate::onnx::proto::{GraphProto, ModelProto, ValueInfoProto};

/// Gives dimensions of a model's inputs the sizes that `options` have for their names.
pub(super) fn fix(model: &mut ModelProto, options: &Options) -> Result<(), Error> {
    let Some(graph) = &mut model.graph else {
        return Ok(());
    };
    for (name, size) in &options.dims {
        fix_dimension(graph, name, *size)?;
    }
    Ok(())
}

fn fix_dimension(graph: &mut GraphProto, name: &str, size: usize) -> Result<(), Error> {
    let reason = |reason: &str| format!("the dimension {} {reason}", Quoted(name));
    let size = i64::try_from(size).map_err(|_| Error::input(reason("is too large")))?;
    let mut names: Vec<String> = Vec::new();
    let mut found = false;
    for value in graph.input.iter_mut().flat_map(dimensions) {
        match value {
            DimValue::DimParam(other) if other == name => {
                *value = DimValue::DimValue(size);
                found = true;
            }
            DimValue::DimParam(other) if !names.contains(other) => names.push(other.clone()),
            _ => {}
        }
    }
    match found {
        true => Ok(()),
        false => {
            let names = names.iter().map(String::as_str);
            let list = listed(names.clone());
            Err(Error::Input {
                reason: reason(&format!("is of no input; there are {list}")),
                help: did_you_mean(name, names),
            })
        }
    }
}

/// The dimensions of an input, as far as they say anything.
fn dimensions(info: &mut ValueInfoProto) -> impl Iterator<Item = &mut DimValue> {
    let value = info.r#type.as_mut().and_then(|proto| proto.value.as_mut());
    let shape = match value {
        Some(TypeValue::TensorType(tensor)) => tensor.shape.as_mut(),
        _ => None,
    };
    let dims = shape.into_iter().flat_map(|shape| &mut shape.dim);
    dims.filter_map(|dim| dim.value.as_mut())
}
