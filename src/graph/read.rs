//! One node: its operator found, checked against the imported version, and its attributes read.

use std::sync::Arc;

use super::ValueId;
use super::bodies::Bodies;
use super::inline::Call;
use crate::custom::Custom;
use crate::error::{OpError, Quoted};
use crate::onnx::attributes::Attributes;
use crate::ops::schema::{self, Schema};
use crate::ops::{self, Fact, Operator};
use crate::tensor::DType;

/// A node's operator, its attributes read.
pub(super) struct Read {
    /// Whether its outputs hold input elements and fixed values only.
    pub(super) exact: bool,
    pub(super) operator: Arc<dyn Operator>,
    pub(super) warnings: Vec<String>,
}

/// Finds the operator of a node, checks the node against it, and reads its attributes.
pub(super) fn read(
    call: &Call,
    inputs: &[Option<ValueId>],
    outputs: &[Option<ValueId>],
    facts: &[Option<&Fact>],
    bodies: &mut Bodies<'_, '_>,
) -> Result<Read, OpError> {
    let (domain, name, opset) = (call.domain(), call.node.op_type.as_str(), call.name.opset);
    if name.is_empty() {
        return Err(OpError::invalid("op_type", "is empty"));
    }
    if opset == 0 {
        return Err(OpError::invalid(
            "",
            format!(
                "the operator is of domain {}, which the model does not import",
                Quoted(domain)
            ),
        ));
    }
    let (folder, memory_limit) = (bodies.shared.folder, bodies.shared.memory_limit);
    if let Some(read) = bodies.shared.custom.find(domain, name) {
        let mut attributes = Attributes::free(&call.node, opset, folder, memory_limit)?;
        let operator = Custom::read(read, &mut attributes)?;
        return Ok(Read {
            exact: false,
            operator: Arc::new(operator),
            warnings: attributes.finish()?,
        });
    }
    let versions = Schema::versions(domain, name);
    let unknown = format!("the operator {}", Quoted(name));
    let Some(newest) = versions.last() else {
        return match (domain, opset <= schema::NEWEST_OPSET) {
            ("ai.onnx", true) => Err(OpError::invalid(
                "",
                format!("{unknown} does not exist in opset {opset} of ai.onnx"),
            )),
            _ => Err(OpError::unsupported(unknown)),
        };
    };
    let Some(schema) = Schema::find(domain, name, opset) else {
        return Err(OpError::invalid(
            "",
            format!(
                "{unknown} is new in opset {}, the model imports {opset}",
                versions[0].since
            ),
        ));
    };
    let Some(op) = ops::find(domain, name) else {
        return Err(OpError::unsupported(format!(
            "the operator {}",
            newest.name
        )));
    };
    let named = |ids: &[Option<ValueId>]| ids.iter().map(Option::is_some).collect::<Vec<bool>>();
    schema.check_arity(&named(inputs), &named(outputs))?;
    let types: Vec<Option<DType>> = facts
        .iter()
        .map(|fact| fact.map(|fact| fact.dtype))
        .collect();
    schema.check_types(&types)?;
    let mut attributes = Attributes::new(&call.node, schema, folder, memory_limit)?;
    attributes.build_graphs_with(bodies);
    let operator = (op.read)(&mut attributes)?;
    let warnings = attributes.finish()?;
    Ok(Read {
        exact: op.exact,
        operator: operator.into(),
        warnings,
    })
}
