//! The inputs and outputs of a call, checked against what the model declares.

use std::collections::HashMap;

use smallvec::{SmallVec, smallvec};

use super::Model;
use super::values::Values;
use crate::error::{Error, Quoted, did_you_mean, listed};
use crate::graph::{Dim, ValueInfo};
use crate::tensor::{Shape, TensorError, TensorView, TensorViewMut};

/// The names of symbolic dimensions in the inputs of a model, numbered.
#[derive(Debug)]
pub(super) struct Symbols {
    /// The number of the symbol of each dimension of each input.
    numbers: Vec<Vec<Option<usize>>>,
    count: usize,
}

/// The size that each symbol has in a call, and the input that set it.
type Bound = SmallVec<[Option<(usize, usize)>; 8]>;

impl Symbols {
    pub(super) fn new(inputs: &[ValueInfo]) -> Symbols {
        let mut names: HashMap<&str, usize> = HashMap::new();
        let mut number = |name| {
            let next = names.len();
            *names.entry(name).or_insert(next)
        };
        let numbers = inputs
            .iter()
            .map(|info| {
                let dims = info.dims.as_deref().unwrap_or(&[]);
                dims.iter()
                    .map(|dim| match dim {
                        Dim::Symbol(name) => Some(number(name.as_str())),
                        Dim::Known(_) | Dim::Unknown => None,
                    })
                    .collect()
            })
            .collect();
        let count = names.len();
        Symbols { numbers, count }
    }

    /// Checks the shape of input `index`, and binds the symbols that it meets first.
    fn check(
        &self,
        inputs: &[ValueInfo],
        index: usize,
        shape: &Shape,
        bound: &mut Bound,
    ) -> Result<(), String> {
        let Some(dims) = &inputs[index].dims else {
            return Ok(());
        };
        if dims.len() != shape.len() {
            return Err(format!(
                "has rank {}, must have rank {}",
                shape.len(),
                dims.len()
            ));
        }
        for (axis, (dim, &size)) in dims.iter().zip(&**shape).enumerate() {
            match (dim, self.numbers[index][axis]) {
                (Dim::Known(wanted), _) if *wanted != size => {
                    return Err(format!(
                        "has dimension {size} at axis {axis}, must have {wanted}"
                    ));
                }
                (Dim::Symbol(name), Some(number)) => match bound[number] {
                    None => bound[number] = Some((size, index)),
                    Some((first, _)) if first == size => {}
                    Some((first, by)) => {
                        return Err(format!(
                            "has dimension {size} at axis {axis}, where the dimension {} is {first} as in {}",
                            Quoted(name),
                            Quoted(&inputs[by].name)
                        ));
                    }
                },
                _ => {}
            }
        }
        Ok(())
    }
}

impl Model {
    /// Checks the inputs of a call and lends them to the run.
    pub(super) fn bind_inputs<'v, 'a: 'v, N: AsRef<str>, V: Into<TensorView<'a>>>(
        &self,
        inputs: impl IntoIterator<Item = (N, V)>,
        values: &mut Values<'v>,
    ) -> Result<(), Error> {
        let mut bound: Bound = smallvec![None; self.symbols.count];
        let mut given: SmallVec<[bool; 8]> = smallvec![false; self.inputs.len()];
        for (name, view) in inputs {
            let (name, view) = (name.as_ref(), view.into());
            let index = self.places.input(&self.inputs, name)?;
            if std::mem::replace(&mut given[index], true) {
                return Err(Error::input(format!(
                    "the input {} is given twice",
                    Quoted(name)
                )));
            }
            let (id, info) = &self.graph.inputs[index];
            let wrong = |reason: String| {
                Error::input(format!(
                    "the input {} {reason}: wanted {info}, got {view}",
                    Quoted(name)
                ))
            };
            if info.dtype != view.dtype() {
                return Err(wrong(format!(
                    "has elements of type {}, must have {}",
                    view.dtype(),
                    info.dtype
                )));
            }
            self.symbols
                .check(&self.inputs, index, view.shape(), &mut bound)
                .map_err(wrong)?;
            values.lend(*id, view);
        }
        let is_missing = |index: &usize| !given[*index] && !self.inputs[*index].optional;
        match (0..self.inputs.len()).find(is_missing) {
            None => Ok(()),
            Some(first) => {
                let missing: Vec<&str> = (first..self.inputs.len())
                    .filter(is_missing)
                    .map(|index| self.inputs[index].name.as_str())
                    .collect();
                let what = match missing.len() {
                    1 => "an input is",
                    _ => "inputs are",
                };
                let first = &self.inputs[first];
                Err(Error::input(format!(
                    "{what} missing: {}; {} wants {first}",
                    listed(missing.into_iter()),
                    Quoted(&first.name),
                )))
            }
        }
    }

    /// Hands the caller's buffers to the run.
    pub(super) fn bind_outputs<'v, 'b: 'v, M: AsRef<str>, W: TryInto<TensorViewMut<'b>>>(
        &self,
        outputs: impl IntoIterator<Item = (M, W)>,
        values: &mut Values<'v>,
    ) -> Result<(), Error>
    where
        TensorError: From<W::Error>,
    {
        let mut given: SmallVec<[bool; 8]> = smallvec![false; self.outputs.len()];
        for (name, target) in outputs {
            let name = name.as_ref();
            let index = self.places.output(&self.outputs, name)?;
            let (id, _) = &self.graph.outputs[index];
            if std::mem::replace(&mut given[index], true) {
                return Err(Error::input(format!(
                    "the output {} is given two buffers",
                    Quoted(name)
                )));
            }
            let target = target.try_into().map_err(|error| {
                Error::input(format!(
                    "the buffer for the output {}: {}",
                    Quoted(name),
                    TensorError::from(error)
                ))
            })?;
            values.aim(*id, target);
        }
        Ok(())
    }
}

/// The places of inputs and outputs by name.
#[derive(Debug)]
pub(super) struct Places {
    inputs: HashMap<String, usize>,
    outputs: HashMap<String, usize>,
}

impl Places {
    pub(super) fn new(inputs: &[ValueInfo], outputs: &[ValueInfo]) -> Places {
        let places = |infos: &[ValueInfo]| {
            let names = infos.iter().map(|info| info.name.clone());
            names.zip(0..).collect()
        };
        Places {
            inputs: places(inputs),
            outputs: places(outputs),
        }
    }

    fn input(&self, infos: &[ValueInfo], name: &str) -> Result<usize, Error> {
        let place = self.inputs.get(name).copied();
        place.ok_or_else(|| unknown(infos, name, "input"))
    }

    fn output(&self, infos: &[ValueInfo], name: &str) -> Result<usize, Error> {
        let place = self.outputs.get(name).copied();
        place.ok_or_else(|| unknown(infos, name, "output"))
    }
}

/// There is no input or output of that name.
fn unknown(infos: &[ValueInfo], name: &str, what: &str) -> Error {
    let names = infos.iter().map(|info| info.name.as_str());
    Error::Input {
        reason: format!(
            "the model has no {what} {}; its {what}s are {}",
            Quoted(name),
            listed(names.clone())
        ),
        help: did_you_mean(name, names),
    }
}
