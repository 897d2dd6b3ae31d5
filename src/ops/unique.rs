//! Unique: each of the elements, or slices, of a tensor once.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Unique.html>
//! NaNs are one value, the largest, as numpy has it.

use std::cmp::Ordering;

use super::layout::{Slices, relocate};
use super::{Fact, Inputs, Op, Operator, Outputs, axes, elementwise, required, sorting};
use crate::allocate;
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::parts::{self, Looks, PART};
use crate::tensor::{DType, Element, Scalar, Shape, Visitor};

pub(super) const UNIQUE: Op = Op {
    domain: "ai.onnx",
    name: "Unique",
    newest: 11,
    read: |attributes| Ok(Box::new(Unique::read(attributes))),
    exact: true,
};

/// `X` to `Y`, in ascending order or in that of X; `indices`, where each is first in X;
/// `inverse_indices`, where each of X is in Y; and `counts`, how often each is in X.
#[derive(Debug)]
struct Unique {
    /// The axis of the slices; without it, elements are compared.
    axis: Option<i64>,
    sorted: bool,
}

impl Unique {
    fn read(attributes: &mut Attributes<'_>) -> Unique {
        Unique {
            axis: attributes.int("axis"),
            sorted: attributes.int("sorted").unwrap_or(1) != 0,
        }
    }
}

fn compare(a: Scalar<'_>, b: Scalar<'_>) -> Ordering {
    match (a, b) {
        (Scalar::Int(a), Scalar::Int(b)) => a.cmp(&b),
        (Scalar::UInt(a), Scalar::UInt(b)) => a.cmp(&b),
        (Scalar::Text(a), Scalar::Text(b)) => a.cmp(b),
        (Scalar::Complex(a, ai), Scalar::Complex(b, bi)) => floats(a, b).then(floats(ai, bi)),
        _ => match (a.to_f64(), b.to_f64()) {
            (Some(a), Some(b)) => floats(a, b),
            _ => Ordering::Equal,
        },
    }
}

fn floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(a.is_nan().cmp(&b.is_nan()))
}

/// Groups the slices of a tensor.
struct Grouping {
    outer: usize,
    size: usize,
    inner: usize,
}

/// The slices that are alike, by their places.
struct Groups {
    /// The groups ascending, the places in each as well.
    places: Vec<usize>,
    /// Where each group begins.
    starts: Vec<usize>,
}

impl Groups {
    fn of(&self, group: usize) -> &[usize] {
        let end = self.starts.get(group + 1).copied();
        &self.places[self.starts[group]..end.unwrap_or(self.places.len())]
    }

    /// The groups, in ascending order or in that of their first places.
    fn order(&self, sorted: bool) -> Result<Vec<usize>, OpError> {
        let mut order = parts::collected(0..self.starts.len())?;
        if !sorted {
            let first = |group: &usize| self.of(*group)[0];
            sorting::sort(&mut order, 1, |a, b| first(a).cmp(&first(b)))?;
        }
        Ok(order)
    }
}

impl Grouping {
    /// The order of two slices; equal ones if the run is to stop, which is looked at in long slices alone.
    fn compare<T: Element>(&self, data: &[T], a: usize, b: usize) -> Ordering {
        let mut looks = Looks::default();
        for outer in 0..self.outer {
            let slice = |at: usize| &data[(outer * self.size + at) * self.inner..][..self.inner];
            for (a, b) in slice(a).chunks(PART).zip(slice(b).chunks(PART)) {
                for (a, b) in a.iter().zip(b) {
                    let order = compare(a.scalar(), b.scalar());
                    if order != Ordering::Equal {
                        return order;
                    }
                }
                if looks.is_set(a.len()) {
                    return Ordering::Equal;
                }
            }
        }
        Ordering::Equal
    }
}

impl Visitor for Grouping {
    type Output = Result<Groups, OpError>;

    fn visit<T: Element>(self, data: &[T]) -> Result<Groups, OpError> {
        let len = self.outer.saturating_mul(self.inner);
        let mut places = parts::collected(0..self.size)?;
        sorting::sort(&mut places, len, |a, b| {
            self.compare(data, *a, *b).then(a.cmp(b))
        })?;
        let (mut starts, mut looks) = (Vec::new(), Looks::default());
        for at in 0..places.len() {
            looks.check(len.max(1))?;
            if at == 0 || self.compare(data, places[at - 1], places[at]) != Ordering::Equal {
                allocate::push(&mut starts, at);
            }
        }
        Ok(Groups { places, starts })
    }
}

impl Operator for Unique {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = required(inputs, 0);
        let dims = match (&x.dims, self.axis) {
            (_, None) => Some(vec![None]),
            (None, Some(_)) => None,
            (Some(dims), Some(axis)) => {
                let mut dims = dims.clone();
                let axis = axes::axis("axis", axis, dims.len())?;
                dims[axis] = None;
                Some(dims)
            }
        };
        let list = Fact::new(DType::I64, Some(vec![None]));
        Ok(vec![
            Fact::new(x.dtype, dims),
            list.clone(),
            list.clone(),
            list,
        ])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let x = required(inputs, 0);
        let mut shape = match self.axis {
            None => vec![x.shape().elements()],
            Some(_) => x.shape().to_vec(),
        };
        let axis = axes::axis("axis", self.axis.unwrap_or(0), shape.len())?;
        let size = shape[axis];
        // Places and groups, each while they are sorted too, where groups begin, and the slices that are taken.
        outputs.check_scratch(size.saturating_mul(6 * size_of::<usize>()))?;
        let inner = shape[axis + 1..].iter().product();
        let groups = x.visit(Grouping {
            outer: shape[..axis].iter().product(),
            size,
            inner,
        })?;
        let order = groups.order(self.sorted)?;
        shape[axis] = order.len();
        let slices = Slices {
            places: parts::collected(order.iter().map(|&group| groups.of(group)[0]))?,
            size,
            block: inner,
        };
        relocate(x, &slices, 0, &Shape::new(&shape)?, outputs)?;
        let list = Shape::new(&[order.len()])?;
        for (output, value) in [
            (1, (|group| group[0] as i64) as fn(&[usize]) -> i64),
            (3, |group| group.len() as i64),
        ] {
            if outputs.wanted(output) {
                elementwise::map(&order, outputs.make_at(output, &list)?, |order, y| {
                    for (y, &group) in y.iter_mut().zip(order) {
                        *y = value(groups.of(group));
                    }
                });
            }
        }
        if outputs.wanted(2) {
            let inverse = outputs.make_at::<i64>(2, &Shape::new(&[size])?)?;
            let mut looks = Looks::default();
            for (at, &group) in order.iter().enumerate() {
                for places in groups.of(group).chunks(PART) {
                    looks.check(places.len())?;
                    for &place in places {
                        inverse[place] = at as i64;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn nans_are_one_value() {
        let x = tensor(&[4], vec![f32::NAN, 2.0, f32::NAN, 2.0]);
        let unique = |sorted| node("Unique", 11).int("sorted", sorted).outputs(4);
        let y = unique(1).run(&[Some(&x)]).expect("it runs");
        let values = y[0].as_slice::<f32>().expect("f32");
        assert!(values.len() == 2 && values[0] == 2.0 && values[1].is_nan());
        assert_eq!(y[1], tensor(&[2], vec![1i64, 0]));
        assert_eq!(y[2], tensor(&[4], vec![1i64, 0, 1, 0]));
        assert_eq!(y[3], tensor(&[2], vec![2i64, 2]));
        let y = unique(0).run(&[Some(&x)]).expect("it runs");
        assert_eq!(y[1], tensor(&[2], vec![0i64, 1]));
        let y = unique(1)
            .int("axis", 1)
            .run(&[Some(&iota(&[0, 3]))])
            .expect("it runs");
        assert_eq!(**y[0].shape(), [0, 1]);
        let y = unique(1).run(&[Some(&iota(&[0]))]).expect("it runs");
        assert_eq!(**y[0].shape(), [0]);
    }
}
