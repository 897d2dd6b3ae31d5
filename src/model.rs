//! Models: loading, looking at inputs and outputs, running.

mod bind;
mod body;
mod fix;
mod graphs;
mod load;
mod nodes;
mod options;
mod outputs;
mod plan;
mod profile;
mod values;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::allocate::attempt;
use crate::error::{Error, Finding, Quoted, Remedy};
use crate::graph::{Graph, Node, ValueId, ValueInfo};
use crate::ops::Memory;
use crate::optimize::Program;
use crate::tensor::{Tensor, TensorError, TensorView, TensorViewMut};
use bind::{Places, Symbols};
pub(crate) use body::{Body, Kept};
pub use graphs::{Form, GraphInfo, GraphValue};
pub use nodes::{ModelInfo, NodeInfo, Totals};
use options::Workers;
pub use options::{Options, Threads};
pub use outputs::Outputs;
use plan::Plan;
use profile::Recorder;
pub use profile::{NodeTime, Profile};
use values::{State, Values};

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
    info: ModelInfo,
    graph: Graph,
    warnings: Vec<Finding>,
    /// What a plain run computes, and how.
    program: Program,
    plan: Plan,
    inputs: Vec<ValueInfo>,
    outputs: Vec<ValueInfo>,
    /// The names of the outputs.
    names: Arc<[String]>,
    symbols: Symbols,
    places: Places,
    /// Whether a node computes a value.
    computed: Vec<bool>,
    constant_bytes: usize,
    memory_limit: usize,
    round_limit: usize,
    workers: Workers,
    /// What runs leave for the next ones: as many as have run at once.
    states: Mutex<Vec<State>>,
    peak_bytes: AtomicUsize,
}

const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Model>();
};

impl Model {
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

    /// The most bytes that one run has taken so far: the model's constants, the values that are live at the same
    /// time, and what the operator at work takes for itself. What the caller owns, inputs and buffers for outputs,
    /// does not count, nor do spare buffers.
    ///
    /// ```
    /// use linn::{Model, inputs};
    /// let model = Model::load("models/maxpool_2d_padding_stride/model.onnx")?;
    /// let x = ndarray::Array4::<f32>::ones((1, 1, 4, 4));
    /// model.run(inputs! { "x" => x.view() })?;
    /// assert!(model.peak_bytes() >= 16, "four outputs");
    /// # Ok::<(), linn::Error>(())
    /// ```
    pub fn peak_bytes(&self) -> usize {
        self.peak_bytes.load(Ordering::Relaxed)
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
        self.run_way(self.way(), self.names.clone(), inputs, None)
    }

    /// The names of the values that a run computes, in the order in which it does. What rewriting has joined away is not
    /// among them, see [`Options::optimize`].
    ///
    /// ```
    /// let model = linn::Model::load("models/branches/model.onnx")?;
    /// let names: Vec<&str> = model.computed().collect();
    /// assert!(names.contains(&"largest"));
    /// # Ok::<(), linn::Error>(())
    /// ```
    pub fn computed(&self) -> impl Iterator<Item = &str> {
        self.plan.steps.iter().flat_map(|step| {
            let outputs = self.program.nodes[step.node].outputs.iter();
            let wanted = outputs.zip(&step.wanted).filter(|(_, wanted)| **wanted);
            wanted.filter_map(|(id, _)| Some(self.graph.names[(*id)?].as_str()))
        })
    }

    /// As [`Model::run`], for values of the graph by name, intermediate ones too: inputs, outputs and those that a run
    /// [computes](Model::computed); with [`Options::keep_values`] all others, for which the nodes run as the file has them.
    ///
    /// # Errors
    /// As [`Model::run`], and a name that no value has, or that of a value which is not kept.
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
        self.fetch_way(inputs, names, None)
    }

    fn fetch_way<'m, 'a, N: AsRef<str>, V: Into<TensorView<'a>>>(
        &'m self,
        inputs: impl IntoIterator<Item = (N, V)>,
        names: &[&str],
        recorder: Option<&mut Recorder<'m>>,
    ) -> Result<Outputs, Error> {
        let ids = names
            .iter()
            .map(|name| self.graph.find(name))
            .collect::<Result<Vec<ValueId>, Error>>()?;
        let names = names.iter().map(|name| (*name).to_string()).collect();
        let mut is_computed = vec![false; self.graph.names.len()];
        let outside = self.graph.inputs.iter().chain(&self.graph.outputs);
        let written = self.program.nodes.iter().flat_map(|node| &node.outputs);
        let written = written.flatten().filter(|id| self.computed[**id]);
        for id in outside.map(|(id, _)| id).chain(written) {
            is_computed[*id] = true;
        }
        let (nodes, constants) = match ids.iter().find(|id| !is_computed[**id]) {
            None => (&self.program.nodes, &self.program.constants),
            Some(_) if self.program.keeps_graph() => (&self.graph.nodes, &self.graph.constants),
            Some(id) => {
                return Err(Error::Input {
                    reason: format!(
                        "the value {} is not computed, since the model was rewritten to run faster",
                        Quoted(&self.graph.names[*id])
                    ),
                    help: Some(
                        "load the model with Options::keep_values, or without Options::optimize"
                            .to_string(),
                    ),
                });
            }
        };
        let plan = Plan::new(nodes, constants, &ids);
        let plan = plan.map_err(|error| Error::limit(format!("the run {error}")))?;
        let way = Way {
            nodes,
            constants,
            plan: &plan,
        };
        self.run_way(way, names, inputs, recorder)
    }

    /// As [`Model::run`], into buffers that the caller owns; a repeated call of a small model asks the system
    /// for no memory at all. An output without a buffer is computed and dropped.
    ///
    /// # Errors
    /// As [`Model::run`], and a buffer whose type or shape is not that of its output, that is not contiguous,
    /// or that names no output. What the buffers hold after an error is not specified.
    ///
    /// ```
    /// use linn::{Model, inputs};
    /// use ndarray::Array4;
    ///
    /// let model = Model::load("models/maxpool_2d_padding_stride/model.onnx")?;
    /// let x = Array4::<f32>::ones((1, 1, 4, 4));
    /// let mut y = Array4::<f32>::zeros((1, 1, 2, 2));
    /// model.run_into(inputs! { "x" => x.view() }, [("y", &mut y)])?;
    /// assert_eq!(y.sum(), 4.0);
    /// # Ok::<(), linn::Error>(())
    /// ```
    pub fn run_into<'a, 'b, N, V, M, W>(
        &self,
        inputs: impl IntoIterator<Item = (N, V)>,
        outputs: impl IntoIterator<Item = (M, W)>,
    ) -> Result<(), Error>
    where
        N: AsRef<str>,
        V: Into<TensorView<'a>>,
        M: AsRef<str>,
        W: TryInto<TensorViewMut<'b>>,
        TensorError: From<W::Error>,
    {
        self.run_way_into(inputs, outputs, None)
    }

    fn run_way_into<'m, 'a, 'b, N, V, M, W>(
        &'m self,
        inputs: impl IntoIterator<Item = (N, V)>,
        outputs: impl IntoIterator<Item = (M, W)>,
        recorder: Option<&mut Recorder<'m>>,
    ) -> Result<(), Error>
    where
        N: AsRef<str>,
        V: Into<TensorView<'a>>,
        M: AsRef<str>,
        W: TryInto<TensorViewMut<'b>>,
        TensorError: From<W::Error>,
    {
        self.with_state(|state| {
            let way = self.way();
            let mut values = self.values(way, state);
            self.bind_inputs(inputs, &mut values)?;
            self.bind_outputs(outputs, &mut values)?;
            self.execute(way, &mut values, recorder)?;
            let computed = |id| self.computed[id];
            values
                .fill_targets(computed)
                .map_err(|error| Error::input(error.to_string()))
        })
    }

    fn run_way<'m, 'a, N: AsRef<str>, V: Into<TensorView<'a>>>(
        &self,
        way: Way<'m, '_>,
        names: Arc<[String]>,
        inputs: impl IntoIterator<Item = (N, V)>,
        recorder: Option<&mut Recorder<'m>>,
    ) -> Result<Outputs, Error> {
        self.with_state(|state| {
            let mut values = self.values(way, state);
            self.bind_inputs(inputs, &mut values)?;
            self.execute(way, &mut values, recorder)?;
            let results = values.results(way.plan);
            let results = results.map_err(|error| Error::Limit {
                reason: format!("copying the outputs {error}"),
                memory: error.remedy == Some(Remedy::MemoryLimit),
            })?;
            Ok(Outputs::new(names, results))
        })
    }

    /// Lends `run` what earlier runs have left, or something new where other threads have taken all of it.
    fn with_state<R>(&self, run: impl FnOnce(&mut State) -> Result<R, Error>) -> Result<R, Error> {
        let states = || self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = states().pop();
        let fresh = || {
            let memory = Memory::new(self.memory_limit).with_rounds(self.round_limit);
            State::new(self.program.constants.len(), memory)
        };
        let mut state = match kept {
            Some(state) => state,
            None => attempt(|| Ok::<_, Error>(fresh()))?,
        };
        let result = run(&mut state);
        // Most runs take what the ones before took, and need not write.
        if state.peak_bytes() > self.peak_bytes() {
            self.peak_bytes
                .fetch_max(state.peak_bytes(), Ordering::Relaxed);
        }
        states().push(state);
        result
    }

    /// How a plain run goes.
    fn way(&self) -> Way<'_, '_> {
        Way {
            nodes: &self.program.nodes,
            constants: &self.program.constants,
            plan: &self.plan,
        }
    }

    fn values<'v>(&self, way: Way<'v, '_>, state: &'v mut State) -> Values<'v> {
        Values::new(way.constants, self.constant_bytes, state)
    }

    fn execute<'m>(
        &self,
        way: Way<'m, '_>,
        values: &mut Values<'_>,
        recorder: Option<&mut Recorder<'m>>,
    ) -> Result<(), Error> {
        self.workers
            .install(|| values.steps(way.nodes, way.plan, recorder))
    }
}

/// The way of a run: what nodes do, in which steps.
#[derive(Clone, Copy)]
struct Way<'m, 'p> {
    nodes: &'m [Node],
    constants: &'m [Option<Arc<Tensor>>],
    plan: &'p Plan,
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
