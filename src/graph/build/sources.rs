//! What a graph has before its nodes run: initializers, inputs, and values of the graph around it.

use std::collections::HashSet;
use std::sync::Arc;

use super::Builder;
use crate::error::{Class, Error, Finding, OpError, Quoted, Remedy, Severity};
use crate::graph::ValueId;
use crate::graph::declared::{Declared, ValueInfo};
use crate::onnx::attributes::fits;
use crate::onnx::proto::GraphProto;
use crate::onnx::stored::InFile;
use crate::onnx::tensor;
use crate::ops::Fact;
use crate::stop;
use crate::tensor::Tensor;

impl Builder<'_, '_> {
    pub(in crate::graph) fn initializers(
        &mut self,
        graph: &mut GraphProto,
        in_file: &InFile,
    ) -> Result<Vec<(ValueId, Arc<Tensor>)>, Error> {
        let mut initializers = Vec::new();
        let (folder, limit) = (self.shared.folder, self.shared.memory_limit);
        let mut add = |builder: &mut Self, name: &str, tensor: Result<Tensor, OpError>| {
            if name.is_empty() {
                return Err(Error::Invalid("an initializer has no name".to_string()));
            }
            let tensor = tensor.map_err(|error| of_initializer(name, &error))?;
            let before = builder.shared.constant_bytes;
            let bytes = before.saturating_add(tensor.bytes());
            if bytes > limit {
                let error = OpError::memory(tensor.bytes(), before, limit);
                return Err(of_initializer(name, &error));
            }
            builder.shared.constant_bytes = bytes;
            let id = builder.define(name, || "an initializer".to_string())?;
            let tensor = Arc::new(tensor);
            builder.facts[id] = Some(Fact::constant(tensor.clone()));
            initializers.push((id, tensor));
            Ok(())
        };
        // Taken one by one, so that the bytes of the file are given back as they are decoded.
        let dense = std::mem::take(&mut graph.initializer);
        for (number, proto) in dense.into_iter().enumerate() {
            let tensor = tensor::decode_initializer(number, &proto, folder, in_file);
            stop::check_loading()?;
            add(self, &proto.name, tensor)?;
        }
        for proto in std::mem::take(&mut graph.sparse_initializer) {
            let name = proto.values.as_ref().map_or("", |values| &values.name);
            let tensor =
                tensor::decode_sparse(&proto, folder, |dtype, shape| fits(dtype, shape, limit));
            add(self, name, tensor)?;
        }
        Ok(initializers)
    }

    pub(super) fn inputs(
        &mut self,
        graph: &GraphProto,
        initializers: &[(ValueId, Arc<Tensor>)],
    ) -> Result<Vec<(ValueId, ValueInfo)>, Error> {
        let mut inputs: Vec<(ValueId, ValueInfo)> = Vec::new();
        let mut taken = vec![false; self.names.len()];
        for proto in &graph.input {
            let what = || format!("the input {}", Quoted(&proto.name));
            if proto.name.is_empty() {
                return Err(Error::Invalid("a graph input has no name".to_string()));
            }
            let Some(declared) = Declared::parse(proto.r#type.as_ref(), &what)? else {
                self.unsupported(format!("{} of a type other than tensor", what()));
                self.define(&proto.name, what)?;
                continue;
            };
            let info = |declared: Declared, optional| ValueInfo {
                name: proto.name.clone(),
                dtype: declared.dtype,
                dims: declared.dims,
                optional,
            };
            match self.ids.get(&proto.name).copied() {
                Some(id) if taken.get(id) == Some(&false) => {
                    taken[id] = true;
                    // A default: what is known of it ends with what is declared, since a run may replace it.
                    // The initializers were the first to get a number.
                    if let Some((_, tensor)) = initializers.get(id) {
                        let default = Fact::of(tensor.dtype(), tensor.shape());
                        declared.check(&default, &what())?;
                        if let Some(reason) = declared.difference(&default) {
                            return Err(Error::Invalid(format!(
                                "{} {reason} in its initializer",
                                what()
                            )));
                        }
                    }
                    if let Some(fixed) = &mut self.shared.fixed_inputs {
                        fixed.push(proto.name.clone());
                        continue;
                    }
                    self.facts[id] = Some(declared.fact());
                    inputs.push((id, info(declared, true)));
                }
                _ => {
                    let id = self.define(&proto.name, what)?;
                    self.facts[id] = Some(declared.fact());
                    inputs.push((id, info(declared, false)));
                }
            }
        }
        Ok(inputs)
    }

    /// The inputs of a graph in a node, of which `given` is known. Initializers may be listed among them, as
    /// old versions of the format have it.
    pub(in crate::graph) fn formals(
        &mut self,
        graph: &GraphProto,
        given: Vec<Option<Fact>>,
    ) -> Result<Vec<(ValueId, ValueInfo)>, Error> {
        let mut formals: Vec<_> = graph.input.iter().collect();
        if formals.len() != given.len() {
            formals.retain(|proto| !self.ids.contains_key(&proto.name));
        }
        if formals.len() != given.len() {
            return Err(Error::Invalid(format!(
                "has {} inputs, the node gives {}",
                formals.len(),
                given.len()
            )));
        }
        let mut inputs = Vec::with_capacity(given.len());
        let mut taken = HashSet::new();
        for (proto, fact) in formals.into_iter().zip(given) {
            let what = || format!("the input {}", Quoted(&proto.name));
            if proto.name.is_empty() {
                return Err(Error::Invalid("a graph input has no name".to_string()));
            }
            let id = match self.ids.get(&proto.name) {
                Some(&id) if taken.insert(id) => id,
                _ => {
                    let id = self.define(&proto.name, what)?;
                    taken.insert(id);
                    id
                }
            };
            let declared = match proto.r#type {
                None => None,
                Some(_) => Declared::parse(proto.r#type.as_ref(), &what)?,
            };
            match (&declared, &fact) {
                (Some(declared), Some(fact)) => declared.check(fact, &what())?,
                (None, None) if proto.r#type.is_some() => {
                    self.unsupported(format!("{} of a type other than tensor", what()));
                }
                (None, Some(fact)) if proto.r#type.is_some() => {
                    return Err(Error::Invalid(format!(
                        "{} is declared to be no tensor, the node gives {fact}",
                        what()
                    )));
                }
                _ => {}
            }
            if let Some(fact) = &fact {
                let info = ValueInfo {
                    name: proto.name.clone(),
                    dtype: fact.dtype,
                    dims: Declared::merge(declared, Some(fact)),
                    optional: false,
                };
                inputs.push((id, info));
            }
            self.facts[id] = fact;
        }
        Ok(inputs)
    }

    /// A value of the graph around this one.
    pub(in crate::graph) fn capture(
        &mut self,
        name: &str,
        fact: Option<Fact>,
    ) -> Result<ValueId, Error> {
        let id = self.define(name, || "the graph around it".to_string())?;
        self.facts[id] = fact;
        Ok(id)
    }
}

fn of_initializer(name: &str, error: &OpError) -> Error {
    let text = format!("the initializer {} {error}", Quoted(name));
    match error.class {
        Class::Limit => Error::Limit {
            reason: text,
            memory: true,
        },
        Class::Unsupported => Error::Unsupported(vec![Finding {
            severity: Severity::Unsupported,
            node: None,
            reason: text,
        }]),
        _ if error.remedy == Some(Remedy::ExternalDataRoot) => Error::Link(text),
        _ => Error::Invalid(text),
    }
}
