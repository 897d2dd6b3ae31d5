//! A model checked and made ready to run: names to numbers, types and shapes as far as the file tells.

use std::collections::HashMap;
use std::sync::Arc;

use super::declared::{Declared, ValueInfo};
use super::inline::{self, Call};
use super::read::read;
use super::{Built, Graph, Node, ValueId, inputs_text, opsets, order};
use crate::error::{Class, Error, Finding, OpError, Quoted, Severity};
use crate::model::ModelInfo;
use crate::onnx::attributes::fits;
use crate::onnx::external::Folder;
use crate::onnx::proto::{GraphProto, ModelProto};
use crate::onnx::tensor;
use crate::ops::Fact;
use crate::tensor::Tensor;

impl Graph {
    /// Checks `model` and makes it ready to run; what is not supported is collected, what is invalid is an error.
    pub(crate) fn build(
        model: ModelProto,
        folder: &Folder,
        memory_limit: usize,
    ) -> Result<Built, Error> {
        let mut findings = Vec::new();
        opsets::check_ir_version(model.ir_version, &mut findings)?;
        let imports = opsets::Imports::of_model(&model.opset_import, &mut findings)?;
        let info = ModelInfo {
            ir_version: model.ir_version.unwrap_or(0),
            producer_name: model.producer_name,
            producer_version: model.producer_version,
            opsets: opsets::listed(&model.opset_import),
            fixed_inputs: Vec::new(),
        };
        let Some(mut graph) = model.graph else {
            return Err(Error::Invalid("the model has no graph".to_string()));
        };
        if graph.output.is_empty() {
            return Err(Error::Invalid("the graph has no output".to_string()));
        }
        let calls = inline::expand(std::mem::take(&mut graph.node), imports, &model.functions)?;
        let mut builder = Builder {
            names: Vec::new(),
            ids: HashMap::new(),
            facts: Vec::new(),
            findings,
            folder,
            memory_limit,
        };
        let initializers = builder.initializers(&mut graph)?;
        let inputs = builder.inputs(&graph, &initializers)?;
        let calls = builder.resolve(calls)?;
        let declared = builder.declared(&graph)?;
        let mut nodes = Vec::with_capacity(calls.len());
        for call in calls {
            if let Some(node) = builder.node(call, &declared)? {
                nodes.push(node);
            }
        }
        let outputs = builder.outputs(&graph)?;
        let runs = builder
            .findings
            .iter()
            .all(|finding| finding.severity == Severity::Warning);
        let values = builder.values(&inputs, declared);
        Ok(Built {
            graph: runs.then_some(Graph {
                info,
                names: builder.names,
                values,
                ids: builder.ids,
                inputs,
                outputs,
                initializers,
                nodes,
            }),
            findings: builder.findings,
        })
    }
}

/// A call whose names have become numbers.
pub(super) struct Resolved {
    pub(super) call: Call,
    pub(super) inputs: Vec<Option<ValueId>>,
    pub(super) outputs: Vec<Option<ValueId>>,
}

struct Builder<'a> {
    names: Vec<String>,
    ids: HashMap<String, ValueId>,
    /// What is known of each value; `None` behind a node that is not supported.
    facts: Vec<Option<Fact>>,
    findings: Vec<Finding>,
    folder: &'a Folder,
    memory_limit: usize,
}

impl Builder<'_> {
    /// A new value; its name must be new too.
    fn define(&mut self, name: &str, by: impl FnOnce() -> String) -> Result<ValueId, Error> {
        let id = self.names.len();
        if self.ids.insert(name.to_string(), id).is_some() {
            return Err(Error::Invalid(format!(
                "{} defines {}, which is already defined",
                by(),
                Quoted(name)
            )));
        }
        self.names.push(name.to_string());
        self.facts.push(None);
        Ok(id)
    }

    fn initializers(
        &mut self,
        graph: &mut GraphProto,
    ) -> Result<Vec<(ValueId, Arc<Tensor>)>, Error> {
        let mut initializers = Vec::new();
        let mut bytes = 0usize;
        let limit = self.memory_limit;
        let mut add = |builder: &mut Self, name: &str, tensor: Result<Tensor, OpError>| {
            if name.is_empty() {
                return Err(Error::Invalid("an initializer has no name".to_string()));
            }
            let tensor = tensor.map_err(|error| of_initializer(name, &error))?;
            bytes = bytes.saturating_add(tensor.bytes());
            if bytes > limit {
                let error = OpError::memory(tensor.bytes(), bytes - tensor.bytes(), limit);
                return Err(of_initializer(name, &error));
            }
            let id = builder.define(name, || "an initializer".to_string())?;
            let tensor = Arc::new(tensor);
            builder.facts[id] = Some(Fact::constant(tensor.clone()));
            initializers.push((id, tensor));
            Ok(())
        };
        // Taken one by one, so that the bytes of the file are given back as they are decoded.
        for proto in std::mem::take(&mut graph.initializer) {
            let tensor = tensor::decode(&proto, self.folder);
            add(self, &proto.name, tensor)?;
        }
        for proto in std::mem::take(&mut graph.sparse_initializer) {
            let name = proto.values.as_ref().map_or("", |values| &values.name);
            let tensor = tensor::decode_sparse(&proto, self.folder, |dtype, shape| {
                fits(dtype, shape, limit)
            });
            add(self, name, tensor)?;
        }
        Ok(initializers)
    }

    fn inputs(
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
                    let tensor = initializers
                        .iter()
                        .find(|(other, _)| *other == id)
                        .map(|(_, tensor)| tensor);
                    let default = tensor.map(|tensor| Fact::of(tensor.dtype(), tensor.shape()));
                    if let Some(default) = default {
                        declared.check(&default, &what())?;
                        if let Some(reason) = declared.difference(&default) {
                            return Err(Error::Invalid(format!(
                                "{} {reason} in its initializer",
                                what()
                            )));
                        }
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

    /// Names to numbers, and nodes in an order in which every value is written before it is read.
    fn resolve(&mut self, calls: Vec<Call>) -> Result<Vec<Resolved>, Error> {
        let mut resolved = Vec::with_capacity(calls.len());
        for call in calls {
            let mut outputs = Vec::with_capacity(call.node.output.len());
            for name in &call.node.output {
                outputs.push(match name.as_str() {
                    "" => None,
                    name => Some(self.define(name, || call.name.to_string())?),
                });
            }
            resolved.push((call, outputs));
        }
        let mut nodes = Vec::with_capacity(resolved.len());
        for (call, outputs) in resolved {
            let mut inputs = Vec::with_capacity(call.node.input.len());
            for name in &call.node.input {
                inputs.push(match name.as_str() {
                    "" => None,
                    name => Some(*self.ids.get(name).ok_or_else(|| {
                        Error::Invalid(format!(
                            "{} reads {}, which is not defined anywhere",
                            call.name,
                            Quoted(name)
                        ))
                    })?),
                });
            }
            nodes.push(Resolved {
                call,
                inputs,
                outputs,
            });
        }
        order::sort(nodes, self.names.len())
    }

    /// The declared types of values that nodes write.
    fn declared(&self, graph: &GraphProto) -> Result<HashMap<ValueId, Declared>, Error> {
        let mut declared = HashMap::new();
        for proto in graph.value_info.iter().chain(&graph.output) {
            let what = || format!("the value {}", Quoted(&proto.name));
            let Some(&id) = self.ids.get(&proto.name) else {
                continue;
            };
            if proto.r#type.is_none() {
                continue;
            }
            if let Some(parsed) = Declared::parse(proto.r#type.as_ref(), &what)? {
                declared.insert(id, parsed);
            }
        }
        Ok(declared)
    }

    /// Reads one node; `None` if it is not supported.
    fn node(
        &mut self,
        resolved: Resolved,
        declared: &HashMap<ValueId, Declared>,
    ) -> Result<Option<Node>, Error> {
        let Resolved {
            call,
            inputs,
            outputs,
        } = resolved;
        let facts: Vec<Option<&Fact>> = inputs
            .iter()
            .map(|id| id.and_then(|id| self.facts[id].as_ref()))
            .collect();
        let known = inputs
            .iter()
            .zip(&facts)
            .all(|(id, fact)| id.is_none() || fact.is_some());
        let read = read(
            &call,
            &inputs,
            &outputs,
            &facts,
            self.folder,
            self.memory_limit,
        );
        let inferred = read.and_then(|read| {
            let inferred = match known {
                true => read.operator.infer(&facts)?,
                false => Vec::new(),
            };
            // A dimension that is known to overflow is better said now than when it is run.
            for fact in &inferred {
                fact.shape()?;
            }
            Ok((read, inferred))
        });
        let (mut read, inferred) = match inferred {
            Ok(both) => both,
            Err(error) if error.class == Class::Unsupported => {
                self.findings.push(Finding {
                    severity: Severity::Unsupported,
                    node: Some(call.name),
                    reason: error.to_string(),
                });
                return Ok(None);
            }
            Err(source) => {
                let shown: Vec<String> = facts
                    .iter()
                    .map(|fact| fact.map_or("-".to_string(), Fact::to_string))
                    .collect();
                return Err(Error::Node {
                    node: Box::new(call.name),
                    source: Box::new(source),
                    inputs: inputs_text(&shown),
                    running: false,
                });
            }
        };
        if known {
            read.operator.prepare(&facts);
        }
        for warning in read.warnings {
            self.findings.push(Finding {
                severity: Severity::Warning,
                node: Some(call.name.clone()),
                reason: warning,
            });
        }
        for (id, fact) in outputs.iter().zip(inferred) {
            let Some(id) = *id else { continue };
            if let Some(declared) = declared.get(&id) {
                let what = format!("{}: its output {}", call.name, Quoted(&self.names[id]));
                declared.check(&fact, &what)?;
                if let Some(reason) = declared.difference(&fact) {
                    self.warn(format!("{what} {reason}"));
                }
            }
            self.facts[id] = Some(fact);
        }
        Ok(Some(Node {
            name: call.name,
            operator: read.operator,
            inputs,
            outputs,
            exact: read.op.exact,
        }))
    }

    fn outputs(&mut self, graph: &GraphProto) -> Result<Vec<(ValueId, ValueInfo)>, Error> {
        let mut outputs: Vec<(ValueId, ValueInfo)> = Vec::with_capacity(graph.output.len());
        for proto in &graph.output {
            let what = || format!("the output {}", Quoted(&proto.name));
            let Some(&id) = self.ids.get(&proto.name) else {
                return Err(Error::Invalid(format!(
                    "{} is not defined anywhere",
                    what()
                )));
            };
            if outputs.iter().any(|(other, _)| *other == id) {
                return Err(Error::Invalid(format!("{} is listed twice", what())));
            }
            let declared = match proto.r#type {
                None => None,
                Some(_) => Declared::parse(proto.r#type.as_ref(), &what)?,
            };
            let fact = self.facts[id].as_ref();
            if let (Some(declared), Some(fact)) = (&declared, fact) {
                declared.check(fact, &what())?;
            }
            let Some(dtype) = fact
                .map(|fact| fact.dtype)
                .or(declared.as_ref().map(|declared| declared.dtype))
            else {
                // Its node is not supported, which is a finding already.
                continue;
            };
            outputs.push((
                id,
                ValueInfo {
                    name: proto.name.clone(),
                    dtype,
                    dims: Declared::merge(declared, fact),
                    optional: false,
                },
            ));
        }
        Ok(outputs)
    }

    /// What is known of each value in the end.
    fn values(
        &self,
        inputs: &[(ValueId, ValueInfo)],
        mut declared: HashMap<ValueId, Declared>,
    ) -> Vec<Option<ValueInfo>> {
        let mut values: Vec<Option<ValueInfo>> = Vec::with_capacity(self.facts.len());
        for (id, fact) in self.facts.iter().enumerate() {
            let declared = declared.remove(&id);
            values.push(fact.as_ref().map(|fact| ValueInfo {
                name: self.names[id].clone(),
                dtype: fact.dtype,
                dims: Declared::merge(declared, Some(fact)),
                optional: false,
            }));
        }
        for (id, info) in inputs {
            values[*id] = Some(info.clone());
        }
        values
    }

    fn warn(&mut self, reason: String) {
        self.findings.push(Finding {
            severity: Severity::Warning,
            node: None,
            reason,
        });
    }

    fn unsupported(&mut self, reason: String) {
        self.findings.push(Finding {
            severity: Severity::Unsupported,
            node: None,
            reason: format!("{reason} is not supported by linn"),
        });
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
        _ => Error::Invalid(text),
    }
}
