//! The values of one run, and the outputs that it returns.

use std::ops::Index;

use crate::error::{OpError, Quoted, listed};
use crate::graph::ValueId;
use crate::ops::{Memory, Slot};
use crate::tensor::{Tensor, TensorView};

/// A value while a run needs it.
enum Value<'a> {
    /// An input of the call or an initializer.
    Lent(TensorView<'a>),
    Computed(Tensor),
}

/// The values of one run, by number.
pub(super) struct Values<'a> {
    values: Vec<Option<Value<'a>>>,
    memory: Memory,
}

impl<'a> Values<'a> {
    pub(super) fn new(count: usize, memory: Memory) -> Values<'a> {
        Values {
            values: (0..count).map(|_| None).collect(),
            memory,
        }
    }

    /// Puts in a value that belongs to somebody else; the model's own count as `bytes` of memory.
    pub(super) fn lend(&mut self, id: ValueId, view: TensorView<'a>, bytes: usize) {
        self.memory.count(bytes);
        self.values[id] = Some(Value::Lent(view));
    }

    /// Calls `run` with the values of `inputs` and a slot for each output.
    #[expect(
        clippy::type_complexity,
        reason = "the slots or the error, and a text beside them"
    )]
    pub(super) fn with<R>(
        &mut self,
        inputs: &[Option<ValueId>],
        wanted: &[bool],
        run: impl FnOnce(
            &[Option<TensorView<'_>>],
            &mut [Slot],
            &mut Memory,
        ) -> (Result<(), OpError>, R),
    ) -> (Result<Vec<Slot>, OpError>, R) {
        let views: Vec<Option<TensorView<'_>>> = inputs
            .iter()
            .map(|id| id.map(|id| view(&self.values, id)))
            .collect();
        let mut slots: Vec<Slot> = wanted.iter().map(|&wanted| Slot::new(wanted)).collect();
        let (ran, rest) = run(&views, &mut slots, &mut self.memory);
        (ran.map(|()| slots), rest)
    }

    /// Keeps what a node computed and somebody wants.
    pub(super) fn keep(&mut self, outputs: &[Option<ValueId>], slots: Vec<Slot>) {
        for (id, slot) in outputs.iter().zip(slots) {
            match (id, slot) {
                (
                    Some(id),
                    Slot {
                        wanted: true,
                        tensor: Some(tensor),
                    },
                ) => {
                    self.values[*id] = Some(Value::Computed(tensor));
                }
                (
                    _,
                    Slot {
                        tensor: Some(tensor),
                        ..
                    },
                ) => self.memory.give_back(tensor.bytes()),
                _ => {}
            }
        }
    }

    /// Drops a value that nobody reads any more.
    pub(super) fn free(&mut self, id: ValueId) {
        if let Some(Value::Computed(tensor)) = self.values[id].take() {
            self.memory.give_back(tensor.bytes());
        }
    }

    /// The results; one that is asked for twice is copied.
    pub(super) fn results(mut self, ids: &[ValueId]) -> Vec<Tensor> {
        (0..ids.len())
            .map(|index| {
                let id = ids[index];
                let again = ids[index + 1..].contains(&id);
                match self.values[id].take() {
                    Some(Value::Computed(tensor)) if !again => tensor,
                    other => {
                        self.values[id] = other;
                        view(&self.values, id).into_tensor()
                    }
                }
            })
            .collect()
    }
}

fn view<'v>(values: &'v [Option<Value<'_>>], id: ValueId) -> TensorView<'v> {
    match &values[id] {
        Some(Value::Lent(view)) => view.reborrow(),
        Some(Value::Computed(tensor)) => tensor.as_view(),
        None => unreachable!("the plan computes every value before it is read"),
    }
}

/// The outputs of a run, by name or in order.
///
/// ```
/// # let model = linn::Model::load("models/maxpool_2d_padding_stride/model.onnx")?;
/// # let x = ndarray::Array4::<f32>::zeros((1, 1, 4, 4));
/// let outputs = model.run([("x", x.view())])?;
/// assert_eq!(outputs["y"], outputs[0]);
/// # Ok::<(), linn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    names: Vec<String>,
    tensors: Vec<Tensor>,
}

impl Outputs {
    pub(super) fn new(names: Vec<String>, tensors: Vec<Tensor>) -> Outputs {
        Outputs { names, tensors }
    }

    /// The output called `name`.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        let index = self.names.iter().position(|other| other == name)?;
        self.tensors.get(index)
    }

    /// The number of outputs.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Names and tensors, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.names.iter().map(String::as_str).zip(&self.tensors)
    }
}

/// # Panics
/// No output has that name.
impl Index<&str> for Outputs {
    type Output = Tensor;

    fn index(&self, name: &str) -> &Tensor {
        match self.get(name) {
            Some(tensor) => tensor,
            None => panic!(
                "no output {}; the outputs are {}",
                Quoted(name),
                listed(self.names.iter().map(String::as_str))
            ),
        }
    }
}

/// # Panics
/// There are not so many outputs.
impl Index<usize> for Outputs {
    type Output = Tensor;

    fn index(&self, index: usize) -> &Tensor {
        &self.tensors[index]
    }
}

impl IntoIterator for Outputs {
    type Item = (String, Tensor);
    type IntoIter = std::iter::Zip<std::vec::IntoIter<String>, std::vec::IntoIter<Tensor>>;

    fn into_iter(self) -> Self::IntoIter {
        self.names.into_iter().zip(self.tensors)
    }
}
