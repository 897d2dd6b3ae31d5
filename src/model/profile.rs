//! Where the time of a run goes: each node with its start, its duration, and what it has met.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::nodes::macs;
use super::{Model, NodeInfo, Outputs};
use crate::error::Error;
use crate::graph::{Dim, Node, ValueId, ValueInfo};
use crate::tensor::{DType, Shape, TensorError, TensorView, TensorViewMut};

/// Where the time of a run went.
///
/// The nodes are those that ran, in this order. Where the graph is rewritten ([`Options::optimize`]) that is fewer than
/// the file has: a node that does the work of the ones behind it has its own name and writes their output. A node with
/// graphs in it (If, Loop, Scan) counts as one.
///
/// [`Options::optimize`]: super::Options::optimize
///
/// ```
/// use linn::{Model, inputs};
/// let model = Model::load("models/branches/model.onnx")?;
/// let x = ndarray::Array4::<f32>::ones((1, 2, 4, 4));
/// let (outputs, profile) = model.profile(inputs! { "x" => x.view() })?;
/// for time in &profile.nodes {
///     println!("{:9.3} ms  {}", time.duration.as_secs_f64() * 1e3, time.node.name);
/// }
/// let in_nodes: std::time::Duration = profile.nodes.iter().map(|time| time.duration).sum();
/// assert!(in_nodes <= profile.duration && outputs.len() == 1);
/// # Ok::<(), linn::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Profile {
    /// How long the whole run took: with the checks of the inputs, and what lies between nodes.
    pub duration: Duration,
    /// The nodes, in the order in which they ran.
    pub nodes: Vec<NodeTime>,
}

/// A node in a run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NodeTime {
    /// The node, with the types and shapes that it met: all dimensions are known, so bytes are too, and MACs wherever
    /// [`NodeInfo::RULE`] counts them. Outputs that nothing reads are left out. Parameters are the elements of the
    /// initializers that it reads, and of what rewriting has made of them.
    pub node: NodeInfo,
    /// When it began, counted from the start of the run.
    pub start: Duration,
    /// How long it took.
    pub duration: Duration,
}

impl Model {
    /// As [`Model::run`], and tells where the time goes. What is noted between the nodes is not part of their times.
    ///
    /// # Errors
    /// As [`Model::run`].
    pub fn profile<'a, N: AsRef<str>, V: Into<TensorView<'a>>>(
        &self,
        inputs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(Outputs, Profile), Error> {
        let mut recorder = Recorder::new();
        let names = self.names.clone();
        let outputs = self.run_way(self.way(), names, inputs, Some(&mut recorder))?;
        Ok((outputs, recorder.finish(self)))
    }

    /// As [`Model::fetch`], and tells where the time goes. Where a value is not an output, these are the nodes as the
    /// file has them.
    ///
    /// # Errors
    /// As [`Model::fetch`].
    pub fn profile_fetch<'a, N: AsRef<str>, V: Into<TensorView<'a>>>(
        &self,
        inputs: impl IntoIterator<Item = (N, V)>,
        names: &[&str],
    ) -> Result<(Outputs, Profile), Error> {
        let mut recorder = Recorder::new();
        let outputs = self.fetch_way(inputs, names, Some(&mut recorder))?;
        Ok((outputs, recorder.finish(self)))
    }

    /// As [`Model::run_into`], and tells where the time goes.
    ///
    /// # Errors
    /// As [`Model::run_into`].
    pub fn profile_into<'a, 'b, N, V, M, W>(
        &self,
        inputs: impl IntoIterator<Item = (N, V)>,
        outputs: impl IntoIterator<Item = (M, W)>,
    ) -> Result<Profile, Error>
    where
        N: AsRef<str>,
        V: Into<TensorView<'a>>,
        M: AsRef<str>,
        W: TryInto<TensorViewMut<'b>>,
        TensorError: From<W::Error>,
    {
        let mut recorder = Recorder::new();
        self.run_way_into(inputs, outputs, Some(&mut recorder))?;
        Ok(recorder.finish(self))
    }
}

/// Notes what nodes do while a run goes on.
pub(super) struct Recorder<'n> {
    start: Instant,
    nodes: Vec<Recorded<'n>>,
}

/// The type and shape of a value of a node; `None` where it is left out.
type Met = Option<(DType, Shape)>;

/// A node in a run, in the fewest words.
struct Recorded<'n> {
    node: &'n Node,
    start: Instant,
    end: Instant,
    inputs: SmallVec<[Met; 4]>,
    outputs: SmallVec<[Met; 2]>,
}

impl<'n> Recorder<'n> {
    fn new() -> Recorder<'n> {
        Recorder {
            start: Instant::now(),
            nodes: Vec::new(),
        }
    }

    /// Notes that a node begins, and its inputs, which it may write over.
    pub(super) fn begin<'v>(&mut self, node: &'n Node, value: impl Fn(ValueId) -> TensorView<'v>) {
        let own = node.inputs[..node.own].iter();
        let inputs = own.map(|id| id.map(|id| met(&value(id)))).collect();
        let start = Instant::now();
        self.nodes.push(Recorded {
            node,
            start,
            end: start,
            inputs,
            outputs: SmallVec::new(),
        });
    }

    /// Notes that the node has ended; `wanted` says which of its outputs it has written.
    pub(super) fn end<'v>(&mut self, wanted: &[bool], value: impl Fn(ValueId) -> TensorView<'v>) {
        let end = Instant::now();
        if let Some(last) = self.nodes.last_mut() {
            last.end = end;
            let outputs = last.node.outputs.iter().zip(wanted);
            let written = outputs.map(|(id, wanted)| id.filter(|_| *wanted));
            last.outputs = written.map(|id| id.map(|id| met(&value(id)))).collect();
        }
    }

    /// What was noted in a run of `model` that has just ended.
    fn finish(self, model: &Model) -> Profile {
        let duration = self.start.elapsed();
        // What rewriting adds to the constants comes behind the values of the graph.
        let mut parameter = vec![false; model.graph.names.len()];
        for (id, _) in &model.graph.initializers {
            parameter[*id] = true;
        }
        let is_parameter = |id: ValueId| parameter.get(id).copied().unwrap_or(true);
        let nodes = self.nodes.iter().map(|recorded| NodeTime {
            node: recorded.info(&model.graph.names, is_parameter),
            start: recorded.start.duration_since(self.start),
            duration: recorded.end.duration_since(recorded.start),
        });
        Profile {
            duration,
            nodes: nodes.collect(),
        }
    }
}

impl Recorded<'_> {
    fn info(&self, names: &[String], is_parameter: impl Fn(ValueId) -> bool) -> NodeInfo {
        let (node, mut seen) = (self.node, Vec::new());
        let (mut parameters, mut bytes) = (0, 0u64);
        let ids = node.inputs.iter().zip(&self.inputs);
        let ids = ids.chain(node.outputs.iter().zip(&self.outputs));
        for (id, met) in ids {
            let (Some(id), Some((dtype, shape))) = (id, met) else {
                continue;
            };
            if seen.contains(id) {
                continue;
            }
            seen.push(*id);
            let elements = shape.elements() as u64;
            bytes = bytes.saturating_add(elements.saturating_mul(dtype.bytes() as u64));
            parameters += if is_parameter(*id) { elements } else { 0 };
        }
        let inputs = infos(&node.inputs, &self.inputs, names);
        let outputs = infos(&node.outputs, &self.outputs, names);
        NodeInfo {
            name: node.name.clone(),
            absorbed: node.absorbed.clone(),
            attributes: node.attributes.to_vec(),
            reads: node.inputs[..node.own].to_vec(),
            writes: node.outputs.clone(),
            parameters,
            macs: macs(&node.name.operator, &inputs, &outputs),
            bytes: Some(bytes),
            inputs,
            outputs,
        }
    }
}

fn met(view: &TensorView<'_>) -> (DType, Shape) {
    (view.dtype(), view.shape().clone())
}

/// Values with their names; a constant that rewriting has made has none.
fn infos(ids: &[Option<ValueId>], met: &[Met], names: &[String]) -> Vec<Option<ValueInfo>> {
    let info = |(id, met): (&Option<ValueId>, &Met)| {
        let (dtype, shape) = met.as_ref()?;
        Some(ValueInfo {
            name: names.get((*id)?).cloned().unwrap_or_default(),
            dtype: *dtype,
            dims: Some(shape.iter().copied().map(Dim::Known).collect()),
            optional: false,
        })
    };
    ids.iter().zip(met).map(info).collect()
}
