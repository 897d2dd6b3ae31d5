//! ReverseSequence: the first elements of sequences in reverse order.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__ReverseSequence.html>

use super::layout::{Blocks, relocate, strides};
use super::{Fact, Inputs, Op, Operator, Outputs, elements, required};
use crate::allocate;
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::stop;

pub(super) const REVERSE_SEQUENCE: Op = Op {
    domain: "ai.onnx",
    name: "ReverseSequence",
    newest: 10,
    read: |attributes| Ok(Box::new(ReverseSequence::read(attributes)?)),
    exact: true,
};

/// `input: [time, batch, ..]`, or the other way round, to `Y`: of each of the batch, the first
/// `sequence_lens` elements are reversed.
#[derive(Debug)]
struct ReverseSequence {
    time_axis: usize,
}

impl ReverseSequence {
    fn read(attributes: &mut Attributes<'_>) -> Result<ReverseSequence, OpError> {
        let axes = (
            attributes.int("time_axis").unwrap_or(0),
            attributes.int("batch_axis").unwrap_or(1),
        );
        match axes {
            (0, 1) => Ok(ReverseSequence { time_axis: 0 }),
            (1, 0) => Ok(ReverseSequence { time_axis: 1 }),
            (time, batch) => Err(OpError::invalid(
                "time_axis",
                format!("is {time}, batch_axis is {batch}: they must be 0 and 1, or 1 and 0"),
            )),
        }
    }
}

impl Operator for ReverseSequence {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (input, lens) = (required(inputs, 0), required(inputs, 1));
        let lens_fit = |batch: Option<usize>| match lens.dims.as_deref() {
            None => true,
            Some([len]) => batch.is_none() || len.is_none() || batch == *len,
            Some(_) => false,
        };
        match input.dims.as_deref() {
            Some([] | [_]) => Err(OpError::invalid(
                "input",
                format!("is {input}, must have at least 2 axes"),
            )),
            Some(dims) if !lens_fit(dims[1 - self.time_axis]) => Err(OpError::invalid(
                "sequence_lens",
                format!("is {lens}, must have a value for each of the batch of {input}"),
            )),
            _ => Ok(vec![Fact::new(input.dtype, input.dims.clone())]),
        }
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (input, lens) = (required(inputs, 0), required(inputs, 1));
        self.infer(&[Some(&input.into()), Some(&lens.into())])?;
        let shape = input.shape();
        let strides = strides(shape);
        let (time, batch) = (self.time_axis, 1 - self.time_axis);
        let lens = elements::<i64>(lens);
        if let Some(at) = lens
            .iter()
            .position(|&len| len < 0 || len as usize > shape[time])
        {
            return Err(OpError::invalid(
                format!("sequence_lens[{at}]"),
                format!("is {}, must be in 0..={}", lens[at], shape[time]),
            ));
        }
        let blocks = match shape.elements() {
            0 => 0,
            _ => shape[0] * shape[1],
        };
        outputs.check_scratch(blocks.saturating_mul(size_of::<usize>()))?;
        let mut starts = allocate::with_capacity(blocks);
        for index in 0..blocks {
            stop::check_step(index)?;
            let place = [index / shape[1], index % shape[1]];
            let (at, len) = (place[time], lens[place[batch]] as usize);
            let from = if at < len { len - 1 - at } else { at };
            starts.push(from * strides[time] + place[batch] * strides[batch]);
        }
        let block = shape[2..].iter().product();
        relocate(input, &Blocks { starts, block }, 0, shape, outputs)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn lengths_are_checked() {
        let x = iota(&[3, 2]);
        let lens = |lens: Vec<i64>| tensor(&[lens.len()], lens);
        let reverse = node("ReverseSequence", 10);
        assert_eq!(
            reverse.run(&[Some(&x), Some(&lens(vec![0, 3]))]),
            Ok(vec![tensor(&[3, 2], vec![0.0f32, 5.0, 2.0, 3.0, 4.0, 1.0])])
        );
        assert_eq!(
            reverse.error(&[Some(&x), Some(&lens(vec![0, 4]))]),
            "sequence_lens[1] is 4, must be in 0..=3"
        );
        assert!(
            reverse
                .error(&[Some(&x), Some(&lens(vec![0]))])
                .contains("for each of the batch")
        );
        assert!(
            reverse
                .error(&[Some(&iota(&[2])), Some(&lens(vec![0]))])
                .contains("2 axes")
        );
        assert!(
            reverse
                .int("time_axis", 1)
                .error(&[Some(&x), Some(&lens(vec![0]))])
                .contains("0 and 1")
        );
    }
}
