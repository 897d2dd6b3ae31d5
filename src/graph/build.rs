//! A model checked and made ready to run: names to numbers, types and shapes as far as the file tells.

mod fold;
mod sources;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::attribute::AttributeInfo;
use super::bodies::Bodies;
use super::declared::{Declared, ValueInfo};
use super::inline::{self, Call, Functions};
use super::opsets::Imports;
use super::read::read;
use super::{Built, Graph, Node, ValueId, captures, inputs_text, opsets, order};
use crate::custom::Registry;
use crate::error::{Class, Error, Finding, NodeName, OpError, Quoted, Severity};
use crate::model::{ModelInfo, Options};
use crate::onnx::external::Folder;
use crate::onnx::proto::{GraphProto, ModelProto};
use crate::onnx::stored::InFile;
use crate::ops::Fact;
use crate::stop;
use crate::tensor::Tensor;
use fold::Folded;

impl Graph {
    /// Checks `model` and makes it ready to run; what is not supported is collected, and so are nodes that are not valid. What
    /// else is not is an error.
    pub(crate) fn build(
        model: ModelProto,
        in_file: &InFile,
        folder: &Folder,
        options: &Options,
    ) -> Result<Built, Error> {
        let (custom, memory_limit) = (&options.operators, options.memory_limit);
        let mut findings = Vec::new();
        opsets::check_ir_version(model.ir_version, &mut findings)?;
        let imports = Imports::of_model(&model.opset_import, &mut findings)?;
        let mut info = ModelInfo {
            ir_version: model.ir_version.unwrap_or(0),
            producer_name: model.producer_name,
            producer_version: model.producer_version,
            doc_string: model.doc_string,
            metadata: model
                .metadata_props
                .into_iter()
                .map(|entry| (entry.key, entry.value))
                .collect(),
            opsets: opsets::listed(&model.opset_import),
            fixed_inputs: Vec::new(),
        };
        let Some(mut graph) = model.graph else {
            return Err(Error::Invalid("the model has no graph".to_string()));
        };
        if graph.output.is_empty() {
            return Err(Error::Invalid("the graph has no output".to_string()));
        }
        let mut shared = Shared {
            functions: Functions::new(&model.functions, custom, memory_limit)?,
            findings,
            folder,
            custom,
            memory_limit,
            fixed_inputs: options.fix_defaults.then(Vec::new),
            constant_bytes: 0,
            invalid: None,
        };
        let place = Place {
            imports,
            calls: Arc::default(),
            owner: None,
            depth: 0,
        };
        let mut builder = Builder::new(&mut shared, place);
        let calls = builder.expand(&mut graph)?;
        let initializers = builder.initializers(&mut graph, in_file)?;
        let inputs = builder.inputs(&graph, &initializers)?;
        let built = builder.finish(&graph, calls, initializers, inputs);
        let (built, _) = match built {
            Ok(built) => built,
            // What is not defined may be so for that reason.
            Err(error) => return Err(shared.invalid.take().unwrap_or(error)),
        };
        info.fixed_inputs = shared.fixed_inputs.take().unwrap_or_default();
        let mut findings = shared.findings.iter();
        let runs = findings.all(|finding| finding.severity == Severity::Warning);
        let invalid = shared.invalid.take();
        Ok(Built {
            info,
            graph: runs.then_some(built),
            constant_bytes: shared.constant_bytes,
            findings: shared.findings,
            invalid,
        })
    }
}

/// A call whose names have become numbers.
pub(super) struct Resolved {
    pub(super) call: Call,
    /// The values that the graphs in the node read from this one; they follow its own inputs.
    pub(super) captured: Vec<String>,
    pub(super) inputs: Vec<Option<ValueId>>,
    pub(super) outputs: Vec<Option<ValueId>>,
}

/// What the graph of a model and the graphs in its nodes have in common.
pub(super) struct Shared<'a> {
    pub(super) functions: Functions<'a>,
    pub(super) findings: Vec<Finding>,
    pub(super) folder: &'a Folder,
    pub(super) custom: &'a Registry,
    pub(super) memory_limit: usize,
    /// What the initializers take that have been read so far.
    constant_bytes: usize,
    /// Inputs of the model that are taken for constants, if those with a default are to be.
    fixed_inputs: Option<Vec<String>>,
    /// The first node that is not valid.
    invalid: Option<Error>,
}

/// Where a graph stands in its model.
pub(super) struct Place {
    pub(super) imports: Imports,
    /// What leads to its nodes, see [`NodeName::calls`].
    pub(super) calls: Arc<[String]>,
    /// The node that has it as an attribute.
    pub(super) owner: Option<NodeName>,
    /// How many nodes are around it.
    pub(super) depth: usize,
}

/// A graph being built.
pub(super) struct Builder<'s, 'a> {
    shared: &'s mut Shared<'a>,
    place: Place,
    names: Vec<String>,
    ids: HashMap<String, ValueId>,
    /// What is known of each value; `None` behind a node that is not supported.
    facts: Vec<Option<Fact>>,
    folded: Folded,
}

impl<'s, 'a> Builder<'s, 'a> {
    pub(super) fn new(shared: &'s mut Shared<'a>, place: Place) -> Builder<'s, 'a> {
        Builder {
            shared,
            place,
            names: Vec::new(),
            ids: HashMap::new(),
            facts: Vec::new(),
            folded: Folded::default(),
        }
    }

    /// The nodes of a graph, calls of functions replaced by what they stand for.
    pub(super) fn expand(&mut self, graph: &mut GraphProto) -> Result<Vec<Call>, Error> {
        inline::expand(
            std::mem::take(&mut graph.node),
            self.place.imports.clone(),
            self.place.calls.clone(),
            &mut self.shared.functions,
        )
    }

    /// Builds what is left when initializers and inputs are known, and tells what is known of the outputs.
    pub(super) fn finish(
        mut self,
        graph: &GraphProto,
        calls: Vec<Call>,
        initializers: Vec<(ValueId, Arc<Tensor>)>,
        inputs: Vec<(ValueId, ValueInfo)>,
    ) -> Result<(Graph, Vec<Option<Fact>>), Error> {
        let calls = self.resolve(calls)?;
        let declared = self.declared(graph)?;
        let mut nodes = Vec::with_capacity(calls.len());
        for call in calls {
            if let Some(node) = self.node(call, &declared)? {
                nodes.push(node);
            }
        }
        let outputs = self.outputs(graph)?;
        let facts = graph.output.iter().map(|proto| {
            let id = self.ids.get(&proto.name)?;
            self.facts[*id].clone()
        });
        let facts = facts.collect();
        let results: Vec<ValueId> = outputs.iter().map(|(id, _)| *id).collect();
        self.shared.constant_bytes -= self.folded.prune(&nodes, &results);
        let mut constants = vec![None; self.names.len()];
        let initial = initializers
            .iter()
            .map(|(id, tensor)| (*id, tensor.clone()));
        for (id, tensor) in initial.chain(self.folded.values.drain()) {
            constants[id] = Some(tensor);
        }
        let graph = Graph {
            calls: self.place.calls.clone(),
            constants,
            values: self.values(&inputs, declared),
            facts: self.facts,
            names: self.names,
            ids: self.ids,
            inputs,
            outputs,
            initializers,
            nodes,
        };
        Ok((graph, facts))
    }

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

    /// Names to numbers, and nodes in an order in which every value is written before it is read.
    fn resolve(&mut self, calls: Vec<Call>) -> Result<Vec<Resolved>, Error> {
        let mut resolved = Vec::with_capacity(calls.len());
        for call in calls {
            stop::check_node(resolved.len())?;
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
            stop::check_node(nodes.len())?;
            let captured = captures::of_node(&call.node);
            let mut inputs = Vec::with_capacity(call.node.input.len() + captured.len());
            for name in call.node.input.iter().chain(&captured) {
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
                captured,
                inputs,
                outputs,
            });
        }
        order::sort(nodes, &self.names)
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

    /// Reads one node; `None` if it is not supported, or not valid.
    fn node(
        &mut self,
        resolved: Resolved,
        declared: &HashMap<ValueId, Declared>,
    ) -> Result<Option<Node>, Error> {
        let Resolved {
            call,
            captured,
            inputs,
            outputs,
        } = resolved;
        let stopped = |source: OpError| Error::Node {
            node: Box::new(call.name.clone()),
            source: Box::new(source),
            inputs: String::new(),
            running: false,
        };
        stop::check().map_err(stopped)?;
        let own = call.node.input.len();
        let facts: Vec<Option<&Fact>> = inputs
            .iter()
            .map(|id| id.and_then(|id| self.facts[id].as_ref()))
            .collect();
        let known = inputs
            .iter()
            .zip(&facts)
            .all(|(id, fact)| id.is_none() || fact.is_some());
        let mut bodies = Bodies::new(self.shared, &call, self.place.depth, &captured, &facts);
        let read = read(&call, &inputs[..own], &outputs, &facts[..own], &mut bodies);
        let (complete, exact) = (bodies.complete, bodies.exact);
        let inferred = read.and_then(|read| {
            let inferred = match known && complete {
                true => read.operator.infer(&facts)?,
                false => Vec::new(),
            };
            // A dimension that is known to overflow is better said now than when it is run.
            for fact in &inferred {
                fact.shape()?;
            }
            Ok((read, inferred))
        });
        let (read, inferred) = match inferred {
            Ok(both) => both,
            Err(error) if error.class == Class::Unsupported => {
                self.shared.findings.push(Finding {
                    severity: Severity::Unsupported,
                    node: Some(call.name),
                    reason: error.to_string(),
                });
                return Ok(None);
            }
            Err(source) => {
                let shown: Vec<String> = facts[..own]
                    .iter()
                    .map(|fact| fact.map_or("-".to_string(), Fact::to_string))
                    .collect();
                let inputs = inputs_text(&shown);
                let is_own = self.place.depth == 0 && source.class == Class::Invalid;
                let reason = format!("{source}{inputs}");
                let error = Error::Node {
                    node: Box::new(call.name.clone()),
                    source: Box::new(source),
                    inputs,
                    running: false,
                };
                // In a graph of a node, it is that node which is not valid.
                if !is_own {
                    return Err(error);
                }
                self.shared.findings.push(Finding {
                    severity: Severity::Invalid,
                    node: Some(call.name),
                    reason,
                });
                self.shared.invalid.get_or_insert(error);
                return Ok(None);
            }
        };
        let folded = Folded::run(
            &*read.operator,
            &facts,
            &inputs,
            &outputs,
            self.shared.constant_bytes,
            self.shared.memory_limit,
        );
        // What is stopped is left half computed.
        stop::check().map_err(stopped)?;
        for warning in read.warnings {
            self.shared.findings.push(Finding {
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
        for (id, tensor) in folded.into_iter().flatten() {
            self.shared.constant_bytes += tensor.bytes();
            self.facts[id] = Some(Fact::constant(tensor.clone()));
            self.folded.values.insert(id, tensor);
        }
        Ok(Some(Node {
            name: call.name,
            operator: read.operator,
            inputs,
            own,
            outputs,
            exact: read.exact && exact,
            attributes: call.node.attribute.iter().map(AttributeInfo::new).collect(),
            absorbed: Vec::new(),
        }))
    }

    fn outputs(&mut self, graph: &GraphProto) -> Result<Vec<(ValueId, ValueInfo)>, Error> {
        let mut outputs: Vec<(ValueId, ValueInfo)> = Vec::with_capacity(graph.output.len());
        let mut listed = HashSet::with_capacity(graph.output.len());
        for proto in &graph.output {
            let what = || format!("the output {}", Quoted(&proto.name));
            let Some(&id) = self.ids.get(&proto.name) else {
                return Err(Error::Invalid(format!(
                    "{} is not defined anywhere",
                    what()
                )));
            };
            // Those of a graph in a node have no names but places.
            let named = self.place.owner.is_none();
            if named && !listed.insert(id) {
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
        self.shared.findings.push(Finding {
            severity: Severity::Warning,
            node: self.place.owner.clone(),
            reason,
        });
    }

    fn unsupported(&mut self, reason: String) {
        self.shared.findings.push(Finding {
            severity: Severity::Unsupported,
            node: self.place.owner.clone(),
            reason: format!("{reason} is not supported by linn"),
        });
    }
}
