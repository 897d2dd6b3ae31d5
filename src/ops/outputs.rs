//! Where an operator puts its outputs, and the account of memory that a run keeps.

use crate::error::OpError;
use crate::tensor::{Element, Shape, Tensor, TensorView};

/// The bytes that the tensors of a run take, held below a limit.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: usize,
    used: usize,
}

impl Memory {
    pub(crate) fn new(limit: usize) -> Memory {
        Memory { limit, used: 0 }
    }

    /// Checks that `bytes` more may be taken for a while.
    pub(crate) fn check(&self, bytes: usize) -> Result<(), OpError> {
        match self.used.checked_add(bytes) {
            Some(sum) if sum <= self.limit => Ok(()),
            _ => Err(OpError::memory(bytes, self.used, self.limit)),
        }
    }

    fn take(&mut self, bytes: usize) -> Result<(), OpError> {
        self.check(bytes)?;
        self.used += bytes;
        Ok(())
    }

    /// Adds bytes that are taken already.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.used = self.used.saturating_add(bytes);
    }

    /// Gives back what a tensor took.
    pub(crate) fn give_back(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
    }
}

/// One output of a node.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Whether anybody reads it.
    pub(crate) wanted: bool,
    /// What the operator put there.
    pub(crate) tensor: Option<Tensor>,
}

impl Slot {
    pub(crate) fn new(wanted: bool) -> Slot {
        Slot {
            wanted,
            tensor: None,
        }
    }

    /// A tensor of zeros, to be written.
    fn make<T: Element>(
        &mut self,
        shape: &Shape,
        memory: &mut Memory,
    ) -> Result<&mut [T], OpError> {
        let len = shape.elements();
        let bytes = len.saturating_mul(size_of::<T>());
        memory.take(bytes)?;
        let mut data = Vec::new();
        data.try_reserve_exact(len)
            .map_err(|_| OpError::memory(bytes, memory.used, memory.limit))?;
        data.resize(len, T::default());
        let tensor = Tensor::from_parts(shape.clone(), T::wrap(data));
        Ok(self
            .tensor
            .insert(tensor)
            .as_mut_slice()
            .expect("the tensor was made of this type"))
    }

    /// The elements of `x` under a shape that holds as many.
    fn copy(
        &mut self,
        x: &TensorView<'_>,
        shape: &Shape,
        memory: &mut Memory,
    ) -> Result<(), OpError> {
        let bytes = x.bytes();
        memory.take(bytes)?;
        let copy = x
            .try_copy(shape.clone())
            .map_err(|_| OpError::memory(bytes, memory.used, memory.limit))?;
        self.tensor = Some(copy);
        Ok(())
    }
}

/// The outputs of a node, to be made by its operator.
#[derive(Debug)]
pub(crate) struct Outputs<'a> {
    slots: &'a mut [Slot],
    memory: &'a mut Memory,
}

impl<'a> Outputs<'a> {
    pub(crate) fn new(slots: &'a mut [Slot], memory: &'a mut Memory) -> Outputs<'a> {
        Outputs { slots, memory }
    }

    /// Whether anybody reads output `index`.
    pub(crate) fn wanted(&self, index: usize) -> bool {
        self.slots.get(index).is_some_and(|slot| slot.wanted)
    }

    /// Checks that an operator may take `bytes` for itself while it runs.
    pub(crate) fn check_scratch(&self, bytes: usize) -> Result<(), OpError> {
        self.memory.check(bytes)
    }

    /// Makes the first output, which every operator has, and returns its elements: zeros, to be written.
    pub(crate) fn make<T: Element>(&mut self, shape: &Shape) -> Result<&mut [T], OpError> {
        self.slots[0].make(shape, self.memory)
    }

    /// Makes the first output a copy of `x`, of any type, under a shape that holds as many elements.
    pub(crate) fn copy(&mut self, x: &TensorView<'_>, shape: &Shape) -> Result<(), OpError> {
        self.slots[0].copy(x, shape, self.memory)
    }

    /// Makes the first two outputs, of one shape.
    pub(crate) fn make_two<T: Element, U: Element>(
        &mut self,
        shape: &Shape,
    ) -> Result<(&mut [T], &mut [U]), OpError> {
        let [first, second, ..] = self.slots else {
            unreachable!("the second output is wanted, so it has a slot");
        };
        Ok((
            first.make(shape, self.memory)?,
            second.make(shape, self.memory)?,
        ))
    }
}
