//! Where an operator puts its outputs, and the memory of a run.

use super::{Inputs, elementwise, required};
use crate::allocate::Refused;
use crate::error::{Class, OpError, Remedy};
use crate::parts;
use crate::stop;
use crate::tensor::{DType, Data, Element, Shape, Tensor, TensorView, TensorViewMut, Visitor};

/// The memory of a run: the bytes that its tensors take, held below a limit, and the buffers of tensors
/// that nobody reads any more, which the next ones are made of.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: usize,
    used: usize,
    /// What the operator that runs takes for itself.
    scratch: usize,
    /// The most that was taken at any time, scratch included.
    peak: usize,
    spares: Vec<Data>,
    /// The bytes of the spare buffers, which with those that are taken stay below the limit.
    spare_bytes: usize,
    /// How often loops have gone round, and how often they may.
    rounds: usize,
    round_limit: usize,
}

impl Memory {
    pub(crate) fn new(limit: usize) -> Memory {
        Memory {
            limit,
            used: 0,
            scratch: 0,
            peak: 0,
            spares: Vec::new(),
            spare_bytes: 0,
            rounds: 0,
            round_limit: usize::MAX,
        }
    }

    /// Memory of runs whose loops go round at most so often together.
    pub(crate) fn with_rounds(self, round_limit: usize) -> Memory {
        Memory {
            round_limit,
            ..self
        }
    }

    /// Checks that `bytes` more may be taken for a while.
    pub(crate) fn check(&self, bytes: usize) -> Result<(), OpError> {
        let used = self.used.saturating_add(self.scratch);
        match used.checked_add(bytes) {
            Some(sum) if sum <= self.limit => Ok(()),
            _ => Err(OpError::memory(bytes, used, self.limit)),
        }
    }

    /// Starts a run beside `bytes` that are taken already.
    pub(crate) fn start(&mut self, bytes: usize) {
        self.used = bytes;
        self.rounds = 0;
        self.settle();
    }

    /// Counts a round of a loop.
    pub(crate) fn round(&mut self) -> Result<(), OpError> {
        stop::check()?;
        if self.rounds >= self.round_limit {
            let reason = format!(
                "the loops of this run have gone round {} times, which is the limit",
                self.rounds
            );
            return Err(OpError::new(Class::Limit, "", reason).with(Remedy::RoundLimit));
        }
        self.rounds += 1;
        Ok(())
    }

    /// Takes `bytes` that the caller holds.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), OpError> {
        self.check(bytes)?;
        self.used += bytes;
        Ok(())
    }

    /// Gives up `bytes` that the caller held.
    pub(crate) fn release(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
    }

    /// A copy of `x`.
    pub(crate) fn copy(&mut self, x: &TensorView<'_>) -> Result<Tensor, OpError> {
        let mut slots = [Slot::new(true, None)];
        Outputs::new(&mut slots, self).copy(x, x.shape())?;
        let [slot] = slots;
        Ok(slot.tensor.expect("the copy was put there"))
    }

    /// Ends a node: what it took for itself is free again.
    pub(crate) fn settle(&mut self) {
        let scratch = std::mem::take(&mut self.scratch);
        self.peak = self.peak.max(self.used.saturating_add(scratch));
    }

    /// The most bytes that were taken at any time, in all runs so far.
    pub(crate) fn peak(&self) -> usize {
        self.peak
    }

    /// A tensor of `shape` whose elements are arbitrary.
    pub(crate) fn make<T: Element>(&mut self, shape: &Shape) -> Result<Tensor, OpError> {
        let len = shape.elements();
        let bytes = len.saturating_mul(size_of::<T>());
        self.check(bytes)?;
        let mut data = self.spare::<T>(len);
        if data.len() < len {
            if data.try_reserve_exact(len).is_err() {
                return Err(Refused::new::<T>(len).into());
            }
            parts::resize(&mut data, len, &T::default())?;
        }
        if T::DTYPE == DType::String {
            // Texts that nobody counts.
            data.truncate(len);
        }
        self.used += bytes;
        if self.used.saturating_add(self.spare_bytes) > self.limit {
            self.spares.clear();
            self.spare_bytes = 0;
        }
        Ok(Tensor::from_parts(shape.clone(), T::wrap(data)))
    }

    /// The smallest spare buffer that holds `len` elements, if it is not much longer; failing that an empty one, in place of
    /// the largest, so that runs of changing shapes do not pile up buffers.
    fn spare<T: Element>(&mut self, len: usize) -> Vec<T> {
        let mut best: Option<(usize, usize)> = None;
        for (index, spare) in self.spares.iter().enumerate() {
            let Some(room) = T::slice(spare).map(<[T]>::len) else {
                continue;
            };
            if room > len.saturating_mul(2).max(SHORT) {
                continue;
            }
            let better = match best {
                None => true,
                Some((_, best)) if best < len => room > best,
                Some((_, best)) => room >= len && room < best,
            };
            if better {
                best = Some((index, room));
            }
        }
        let Some((index, room)) = best else {
            return Vec::new();
        };
        let spare = self.spares.swap_remove(index);
        self.spare_bytes -= bytes(&spare);
        match T::unwrap(spare) {
            Ok(data) if room >= len => data,
            _ => Vec::new(),
        }
    }

    /// Takes back a tensor that nobody reads any more.
    pub(crate) fn give_back(&mut self, tensor: Tensor) {
        self.release(tensor.bytes());
        let data = tensor.into_buffer();
        let more = bytes(&data);
        let all = self.used.saturating_add(self.spare_bytes);
        if all.saturating_add(more) > self.limit {
            return;
        }
        if self.spares.len() < MOST_SPARES {
            self.spare_bytes += more;
            return self.spares.push(data);
        }
        let smallest = self.spares.iter_mut().min_by_key(|spare| bytes(spare));
        if let Some(smallest) = smallest.filter(|smallest| bytes(smallest) < more) {
            self.spare_bytes = self.spare_bytes - bytes(smallest) + more;
            *smallest = data;
        }
    }
}

/// Elements of a buffer that is never much longer than what is made of it.
const SHORT: usize = 1 << 10;

/// The most spare buffers: as many are looked through for each tensor.
const MOST_SPARES: usize = 256;

fn bytes(data: &Data) -> usize {
    data.len().saturating_mul(data.dtype().bytes())
}

/// One output of a node.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    /// Whether anybody reads it.
    wanted: bool,
    /// The caller's buffer, where it gave one.
    pub(crate) target: Option<TensorViewMut<'a>>,
    /// What the operator put here, where the caller gave no buffer.
    pub(crate) tensor: Option<Tensor>,
    /// The input that becomes this output, under another shape.
    pub(crate) passed: Option<(usize, Shape)>,
}

impl<'a> Slot<'a> {
    pub(crate) fn new(wanted: bool, target: Option<TensorViewMut<'a>>) -> Slot<'a> {
        Slot {
            wanted,
            target,
            tensor: None,
            passed: None,
        }
    }

    /// Elements of `shape` to be written; they are arbitrary before.
    fn make<T: Element>(
        &mut self,
        shape: &Shape,
        memory: &mut Memory,
    ) -> Result<&mut [T], OpError> {
        let elements = match &mut self.target {
            Some(target) => {
                fits::<T>(target, shape)?;
                target.as_mut_slice()
            }
            None => self.tensor.insert(memory.make::<T>(shape)?).as_mut_slice(),
        };
        Ok(elements.expect("the type was checked, or made so"))
    }
}

/// Whether a caller's buffer is as the output that goes there.
fn fits<T: Element>(target: &TensorViewMut<'_>, shape: &Shape) -> Result<(), OpError> {
    match target.dtype() == T::DTYPE && target.shape() == shape {
        true => Ok(()),
        false => Err(OpError::input(
            "the output buffer",
            format!("is {target}, must be {}{shape}", T::DTYPE),
        )),
    }
}

/// The outputs of a node, to be made by its operator.
#[derive(Debug)]
pub(crate) struct Outputs<'s, 'a> {
    slots: &'s mut [Slot<'a>],
    memory: &'s mut Memory,
    /// Whether each input is a value of the run that nobody reads any more, so that it may become an output.
    dying: &'s [bool],
}

impl<'s, 'a> Outputs<'s, 'a> {
    pub(crate) fn new(slots: &'s mut [Slot<'a>], memory: &'s mut Memory) -> Outputs<'s, 'a> {
        Outputs {
            slots,
            memory,
            dying: &[],
        }
    }

    /// Outputs of a node whose inputs may become them where they are `dying`.
    pub(crate) fn with_dying(self, dying: &'s [bool]) -> Outputs<'s, 'a> {
        Outputs { dying, ..self }
    }

    /// How many outputs the node lists.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether anybody reads output `index`.
    pub(crate) fn wanted(&self, index: usize) -> bool {
        self.slots.get(index).is_some_and(|slot| slot.wanted)
    }

    /// Checks that an output of `bytes` may be made, before work that takes as long as it is large.
    pub(crate) fn check_output(&self, bytes: usize) -> Result<(), OpError> {
        self.memory.check(bytes)
    }

    /// Checks that an operator may take `bytes` for itself while it runs.
    pub(crate) fn check_scratch(&mut self, bytes: usize) -> Result<(), OpError> {
        self.memory.check(bytes)?;
        self.memory.scratch = self.memory.scratch.saturating_add(bytes);
        Ok(())
    }

    /// Makes the first output, which every operator has, and returns its elements, which are arbitrary and
    /// have all to be written.
    pub(crate) fn make<T: Element>(&mut self, shape: &Shape) -> Result<&mut [T], OpError> {
        self.slots[0].make(shape, self.memory)
    }

    /// Makes output `index`, which the node has, as [`Outputs::make`].
    pub(crate) fn make_at<T: Element>(
        &mut self,
        index: usize,
        shape: &Shape,
    ) -> Result<&mut [T], OpError> {
        self.slots[index].make(shape, self.memory)
    }

    /// Makes the first two outputs, of one shape, as [`Outputs::make`].
    pub(crate) fn make_two<T: Element, U: Element>(
        &mut self,
        shape: &Shape,
    ) -> Result<(&mut [T], &mut [U]), OpError> {
        let [first, second, ..] = &mut *self.slots else {
            unreachable!("the second output is wanted, so it has a slot");
        };
        Ok((
            first.make(shape, self.memory)?,
            second.make(shape, self.memory)?,
        ))
    }

    /// Makes the first output of input `index` under a shape that holds as many elements: the input itself if nobody
    /// reads it any more, else a copy.
    pub(crate) fn pass(
        &mut self,
        inputs: Inputs<'_, '_>,
        index: usize,
        shape: &Shape,
    ) -> Result<(), OpError> {
        let slot = &mut self.slots[0];
        if slot.target.is_none() && self.dying.get(index) == Some(&true) {
            slot.passed = Some((index, shape.clone()));
            return Ok(());
        }
        self.copy(required(inputs, index), shape)
    }

    /// Makes the first output a copy of `x`, of any type, under a shape that holds as many elements.
    pub(crate) fn copy(&mut self, x: &TensorView<'_>, shape: &Shape) -> Result<(), OpError> {
        self.copy_at(0, x, shape)
    }

    /// As [`Outputs::copy`], for output `index`, which the node has.
    pub(crate) fn copy_at(
        &mut self,
        index: usize,
        x: &TensorView<'_>,
        shape: &Shape,
    ) -> Result<(), OpError> {
        self.memory.check(x.bytes())?;
        x.visit(Copy {
            slot: &mut self.slots[index],
            memory: self.memory,
            shape,
        })
    }

    /// Makes `tensor`, which is counted already, output `index`, if the node lists so many.
    pub(crate) fn put(&mut self, index: usize, tensor: Tensor) -> Result<(), OpError> {
        let Some(slot) = self.slots.get_mut(index) else {
            self.memory.give_back(tensor);
            return Ok(());
        };
        match (slot.wanted, &slot.target) {
            (true, None) => slot.tensor = Some(tensor),
            (true, Some(_)) => {
                self.copy_at(index, &tensor.as_view(), tensor.shape())?;
                self.memory.give_back(tensor);
            }
            (false, _) => self.memory.give_back(tensor),
        }
        Ok(())
    }

    /// The memory of the run.
    pub(crate) fn memory(&mut self) -> &mut Memory {
        self.memory
    }
}

struct Copy<'o, 'a> {
    slot: &'o mut Slot<'a>,
    memory: &'o mut Memory,
    shape: &'o Shape,
}

impl Visitor for Copy<'_, '_> {
    type Output = Result<(), OpError>;

    fn visit<T: Element>(self, data: &[T]) -> Result<(), OpError> {
        let made = self.slot.make::<T>(self.shape, self.memory)?;
        elementwise::copy(data, made);
        Ok(())
    }
}
