//! Models: loading, looking at inputs and outputs, running.

mod plan;
mod values;

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;

use crate::error::{Error, Finding, Quoted, Severity, did_you_mean, listed};
use crate::graph::{Built, Graph, ValueId, ValueInfo, check_input, inputs_text};
use crate::onnx;
use crate::onnx::external::Folder;
use crate::ops::{Memory, Outputs as NodeOutputs};
use crate::tensor::TensorView;
use plan::Plan;
pub use values::Outputs;
use values::Values;

/// How a model is loaded and run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The most bytes that the tensors of a model, or of one run, may take. 4 GiB by default.
    pub memory_limit: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            memory_limit: usize::try_from(4u64 << 30).unwrap_or(usize::MAX),
        }
    }
}

/// A model, ready to run, from many threads at once if need be.
///
/// ```
/// use linn::{Model, inputs};
/// use ndarray::Array4;
///
/// let model = Model::load("models/maxpool_2d_padding_stride/model.onnx")?;
/// let x = Array4::from_shape_fn((1, 1, 4, 4), |(_, _, row, column)| (4 * row + column) as f32);
/// let outputs = model.run(inputs! { "x" => x.view() })?;
/// let y = outputs["y"].view::<f32>()?;
/// assert_eq!(y.as_slice(), Some(&[5.0, 7.0, 13.0, 15.0][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Model {
    graph: Graph,
    warnings: Vec<Finding>,
    /// What a plain run computes.
    plan: Plan,
    inputs: Vec<ValueInfo>,
    outputs: Vec<ValueInfo>,
    memory_limit: usize,
}

const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Model>();
};

impl Model {
    /// Loads the model in the file `path`; external data are read from its folder.
    ///
    /// # Errors
    /// The file cannot be read, is not a valid model, or needs what linn lacks: then all of it is listed.
    pub fn load(path: impl AsRef<Path>) -> Result<Model, Error> {
        Model::load_with(path, &Options::default())
    }

    /// As [`Model::load`], with options.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_with(path: impl AsRef<Path>, options: &Options) -> Result<Model, Error> {
        let path = path.as_ref();
        Model::new(
            build(read_file(path)?, &Folder::of(path), options)?,
            options,
        )
    }

    /// Loads a model from memory; it cannot have external data.
    ///
    /// # Errors
    /// As [`Model::load`].
    ///
    /// ```
    /// let bytes = std::fs::read("models/maxpool_2d_padding_stride/model.onnx")?;
    /// let model = linn::Model::from_bytes(bytes)?;
    /// assert_eq!(model.inputs()[0].to_string(), "f32[1,1,4,4]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Model, Error> {
        Model::from_bytes_with(bytes, &Options::default())
    }

    /// As [`Model::from_bytes`], with options.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_bytes_with(bytes: impl Into<Bytes>, options: &Options) -> Result<Model, Error> {
        Model::new(build(bytes.into(), &Folder::none(), options)?, options)
    }

    /// Loads a model from a reader, which is read to its end; it cannot have external data.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_reader(reader: impl Read) -> Result<Model, Error> {
        Model::from_bytes(onnx::read_all(reader).map_err(|error| Error::io("the reader", error))?)
    }

    /// Lists what keeps the model in the file `path` from running, and what looks wrong in it.
    ///
    /// # Errors
    /// The file cannot be read or is not a valid model.
    ///
    /// ```
    /// let findings = linn::Model::check("models/maxpool_2d_padding_stride/model.onnx")?;
    /// assert!(findings.is_empty());
    /// # Ok::<(), linn::Error>(())
    /// ```
    pub fn check(path: impl AsRef<Path>) -> Result<Vec<Finding>, Error> {
        let path = path.as_ref();
        let built = build(read_file(path)?, &Folder::of(path), &Options::default())?;
        Ok(built.findings)
    }

    fn new(built: Built, options: &Options) -> Result<Model, Error> {
        let Some(graph) = built.graph else {
            return Err(Error::Unsupported(
                built
                    .findings
                    .into_iter()
                    .filter(|finding| finding.severity == Severity::Unsupported)
                    .collect(),
            ));
        };
        let results: Vec<ValueId> = graph.outputs.iter().map(|(id, _)| *id).collect();
        Ok(Model {
            plan: Plan::new(&graph, &results),
            inputs: graph.inputs.iter().map(|(_, info)| info.clone()).collect(),
            outputs: graph.outputs.iter().map(|(_, info)| info.clone()).collect(),
            warnings: built.findings,
            memory_limit: options.memory_limit,
            graph,
        })
    }

    /// The inputs, in the order of the model; those with a default are optional.
    pub fn inputs(&self) -> &[ValueInfo] {
        &self.inputs
    }

    /// The outputs, in the order of the model.
    pub fn outputs(&self) -> &[ValueInfo] {
        &self.outputs
    }

    /// What looked wrong in the model when it was loaded.
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }

    /// Whether every operator of the model only passes elements on (maxima, reshapes and the like), so that
    /// its outputs can be compared exactly.
    pub fn is_exact(&self) -> bool {
        self.graph.nodes.iter().all(|node| node.exact)
    }

    /// Computes the model's outputs from inputs by name, which are borrowed and not copied.
    ///
    /// # Errors
    /// An input that is missing, unknown, or of another type or shape than the model declares; a limit;
    /// a node that fails on the shapes or values it meets.
    pub fn run<'a, N: AsRef<str>, V: Into<TensorView<'a>>>(
        &self,
        inputs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Outputs, Error> {
        let names = self.outputs.iter().map(|info| info.name.clone()).collect();
        self.execute(&self.plan, names, inputs)
    }

    /// As [`Model::run`], for any values of the graph by name, intermediate ones too.
    ///
    /// # Errors
    /// As [`Model::run`], and a name that no value has.
    ///
    /// ```
    /// use linn::{Model, inputs};
    /// let model = Model::load("models/branches/model.onnx")?;
    /// let x = ndarray::Array4::<f32>::ones((1, 2, 4, 4));
    /// let values = model.fetch(inputs! { "x" => x.view() }, &["largest"])?;
    /// assert_eq!(values["largest"].shape()[..], [1, 2, 2, 2]);
    /// # Ok::<(), linn::Error>(())
    /// ```
    pub fn fetch<'a, N: AsRef<str>, V: Into<TensorView<'a>>>(
        &self,
        inputs: impl IntoIterator<Item = (N, V)>,
        names: &[&str],
    ) -> Result<Outputs, Error> {
        let ids = names
            .iter()
            .map(|name| self.graph.find(name))
            .collect::<Result<Vec<ValueId>, Error>>()?;
        let names = names.iter().map(|name| (*name).to_string()).collect();
        self.execute(&Plan::new(&self.graph, &ids), names, inputs)
    }

    fn execute<'a, N: AsRef<str>, V: Into<TensorView<'a>>>(
        &self,
        plan: &Plan,
        names: Vec<String>,
        inputs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Outputs, Error> {
        let graph = &self.graph;
        let mut values = Values::new(graph.names.len(), Memory::new(self.memory_limit));
        for (id, tensor) in &graph.initializers {
            values.lend(*id, tensor.as_view(), tensor.bytes());
        }
        self.bind(inputs, &mut values)?;
        for step in &plan.steps {
            let node = &graph.nodes[step.node];
            let (ran, shown) = values.with(&node.inputs, &step.wanted, |inputs, slots, memory| {
                let ran = node
                    .operator
                    .run(inputs, &mut NodeOutputs::new(slots, memory));
                let shown = match &ran {
                    Ok(()) => Vec::new(),
                    Err(_) => inputs
                        .iter()
                        .map(|input| {
                            input
                                .as_ref()
                                .map_or("-".to_string(), TensorView::to_string)
                        })
                        .collect(),
                };
                (ran, shown)
            });
            match ran {
                Ok(slots) => values.keep(&node.outputs, slots),
                Err(source) => {
                    return Err(Error::Node {
                        node: Box::new(node.name.clone()),
                        source: Box::new(source),
                        inputs: inputs_text(&shown),
                        running: true,
                    });
                }
            }
            for id in &step.last_uses {
                values.free(*id);
            }
        }
        Ok(Outputs::new(names, values.results(&plan.results)))
    }

    /// Checks the inputs of a call and lends them to the run.
    fn bind<'v, 'a: 'v, N: AsRef<str>, V: Into<TensorView<'a>>>(
        &self,
        inputs: impl IntoIterator<Item = (N, V)>,
        values: &mut Values<'v>,
    ) -> Result<(), Error> {
        let graph = &self.graph;
        let mut symbols = HashMap::new();
        let mut given = vec![false; graph.inputs.len()];
        for (name, view) in inputs {
            let (name, view) = (name.as_ref(), view.into());
            let shown = Quoted(name);
            let Some(index) = self.inputs.iter().position(|info| info.name == name) else {
                let names = self.inputs.iter().map(|info| info.name.as_str());
                return Err(Error::Input {
                    reason: format!(
                        "the model has no input {shown}; its inputs are {}",
                        listed(names.clone())
                    ),
                    help: did_you_mean(name, names),
                });
            };
            if std::mem::replace(&mut given[index], true) {
                return Err(Error::input(format!("the input {shown} is given twice")));
            }
            let (id, info) = &graph.inputs[index];
            let wrong = |reason: String| {
                Error::input(format!(
                    "the input {shown} {reason}: wanted {info}, got {view}"
                ))
            };
            if info.dtype != view.dtype() {
                return Err(wrong(format!(
                    "has elements of type {}, must have {}",
                    view.dtype(),
                    info.dtype
                )));
            }
            check_input(info, view.shape(), &mut symbols).map_err(wrong)?;
            values.lend(*id, view, 0);
        }
        let missing: Vec<&ValueInfo> = self
            .inputs
            .iter()
            .zip(&given)
            .filter(|(info, given)| !**given && !info.optional)
            .map(|(info, _)| info)
            .collect();
        match missing.as_slice() {
            [] => Ok(()),
            [first, ..] => Err(Error::input(format!(
                "{} missing: {}; {} wants {first}",
                match missing.len() {
                    1 => "an input is",
                    _ => "inputs are",
                },
                listed(missing.iter().map(|info| info.name.as_str())),
                Quoted(&first.name),
            ))),
        }
    }
}

fn read_file(path: &Path) -> Result<Bytes, Error> {
    let fail = |error| Error::io(path, error);
    let file = File::open(path).map_err(fail)?;
    onnx::read_all(file).map_err(fail)
}

fn build(bytes: Bytes, folder: &Folder, options: &Options) -> Result<Built, Error> {
    Graph::build(onnx::read(bytes)?, folder, options.memory_limit)
}

/// Inputs by name, of any types, for [`Model::run`]: `inputs! { "x" => x.view(), "n" => &tensor }`.
///
/// A value is anything that makes a [`TensorView`]: an ndarray view, or a reference to an ndarray array or a
/// [`Tensor`](crate::Tensor).
#[macro_export]
macro_rules! inputs {
    ($($name:expr => $value:expr),* $(,)?) => {
        [$(($name, $crate::TensorView::from($value))),*]
    };
}
