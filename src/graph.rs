//! The graph that runs: names resolved to numbers, nodes checked and in execution order.

mod attribute;
mod bodies;
mod build;
mod captures;
mod declared;
mod inline;
mod opsets;
mod order;
mod read;

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Finding, NodeName, Quoted, did_you_mean};
use crate::model::ModelInfo;
use crate::ops::{Fact, Operator};
use crate::tensor::{DType, Tensor};
pub use attribute::{AttributeInfo, AttributeValue};
pub use declared::{Dim, ValueInfo};

/// The number of a value.
pub(crate) type ValueId = usize;

/// A model made ready to run.
#[derive(Debug)]
pub(crate) struct Graph {
    /// What leads to its nodes, see [`NodeName::calls`].
    pub(crate) calls: Arc<[String]>,
    /// The name of each value.
    pub(crate) names: Vec<String>,
    /// What is known of each value before a run, with the names that the file has for dimensions.
    pub(crate) values: Vec<Option<ValueInfo>>,
    /// What is known of each value from what computes it, whatever the file declares.
    pub(crate) facts: Vec<Option<Fact>>,
    pub(crate) ids: HashMap<String, ValueId>,
    pub(crate) inputs: Vec<(ValueId, ValueInfo)>,
    pub(crate) outputs: Vec<(ValueId, ValueInfo)>,
    /// The initializers, those that are also inputs being defaults.
    pub(crate) initializers: Vec<(ValueId, Arc<Tensor>)>,
    /// By number, the values that are the same in each run, unless an input replaces them: the initializers, and what
    /// nodes make of constants.
    pub(crate) constants: Vec<Option<Arc<Tensor>>>,
    /// In execution order.
    pub(crate) nodes: Vec<Node>,
}

/// A node made ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: NodeName,
    pub(crate) operator: Arc<dyn Operator>,
    /// Its inputs, and then the values that graphs among its attributes read from this one.
    pub(crate) inputs: Vec<Option<ValueId>>,
    /// How many of them are inputs of the node.
    pub(crate) own: usize,
    pub(crate) outputs: Vec<Option<ValueId>>,
    /// Whether its outputs hold input elements and fixed values only.
    pub(crate) exact: bool,
    /// Its attributes, as the file has them.
    pub(crate) attributes: Arc<[AttributeInfo]>,
    /// The nodes whose work it does too, in the order in which it does it.
    pub(crate) absorbed: Vec<NodeName>,
}

/// A graph, or what keeps it from running.
pub(crate) struct Built {
    pub(crate) info: ModelInfo,
    /// `None` if any finding says so.
    pub(crate) graph: Option<Graph>,
    /// What its constants take, those of graphs in nodes included.
    pub(crate) constant_bytes: usize,
    pub(crate) findings: Vec<Finding>,
    /// The first node that is not valid, as an error.
    pub(crate) invalid: Option<Error>,
}

impl Graph {
    /// Gives up the elements of its constants; their types and shapes stay.
    pub(crate) fn hollow(&mut self) {
        let hollow = |tensor: &mut Arc<Tensor>| {
            // The text of strings is told as a part of their size.
            if tensor.dtype() != DType::String {
                *tensor = Arc::new(tensor.hollow());
            }
        };
        self.constants.iter_mut().flatten().for_each(hollow);
        let facts = self.facts.iter_mut().flatten();
        facts.for_each(|fact| fact.value = None);
        let initializers = self.initializers.iter_mut();
        initializers.for_each(|(_, tensor)| hollow(tensor));
    }

    /// The value called `name`.
    pub(crate) fn find(&self, name: &str) -> Result<ValueId, Error> {
        self.ids.get(name).copied().ok_or_else(|| Error::Input {
            reason: format!("the model has no value {}", Quoted(name)),
            help: did_you_mean(name, self.names.iter().map(String::as_str)),
        })
    }
}

/// The most inputs of a node that a message shows.
const MOST_SHOWN: usize = 20;

/// `; inputs f32[1,3,8,8], i64[4]`
pub(crate) fn inputs_text(shown: &[String]) -> String {
    match shown {
        [] => String::new(),
        [one] => format!("; input {one}"),
        many if many.len() > MOST_SHOWN => format!(
            "; inputs {} and {} more",
            many[..MOST_SHOWN].join(", "),
            many.len() - MOST_SHOWN
        ),
        many => format!("; inputs {}", many.join(", ")),
    }
}
