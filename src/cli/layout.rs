//! `--layout`: arrays in one order of axes brought into the order that an input has.

use linn::{DType, Dim, Element, Tensor};
use ndarray::Axis;

use super::number::number_type;
use linn::picture::Layout;

/// Whether a shape is one of those that are declared.
pub(super) fn fits(dims: Option<&[Dim]>, shape: &[usize]) -> bool {
    let agrees = |(dim, size): (&Dim, &usize)| match dim {
        Dim::Known(wanted) => wanted == size,
        Dim::Symbol(_) | Dim::Unknown => true,
    };
    dims.is_none_or(|dims| dims.len() == shape.len() && dims.iter().zip(shape).all(agrees))
}

/// What brings an array into the order that an input has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rearrangement {
    /// The order that it has, if the channels are to be moved.
    pub(super) transposes: Option<Layout>,
    /// Whether an axis of size 1 is put in front.
    pub(super) adds_batch: bool,
}

impl Rearrangement {
    /// What an array of shape `shape` in the order `layout` needs for an input with dimensions `dims`; `None` if
    /// nothing, or if nothing makes it fit.
    pub(super) fn of(shape: &[usize], dims: Option<&[Dim]>, layout: Layout) -> Option<Self> {
        let rank = dims.map_or(shape.len(), <[Dim]>::len);
        let adds_batch = match (rank, shape.len()) {
            (3, 3) | (4, 4) => false,
            (4, 3) => true,
            _ => return None,
        };
        let mut same = vec![1; adds_batch.into()];
        same.extend(shape);
        let mut moved = same.clone();
        move_channels(&mut moved, layout);
        let transposes = match (fits(dims, &same), fits(dims, &moved)) {
            // Both would do: then the channels of the input tell, and where they do not, they come first.
            (true, true) => {
                let order = dims.and_then(Layout::of).unwrap_or(Layout::Nchw);
                order != layout
            }
            (false, false) => return None,
            (_, moved) => moved,
        };
        (transposes || adds_batch).then_some(Rearrangement {
            transposes: transposes.then_some(layout),
            adds_batch,
        })
    }

    /// The array rearranged.
    pub(super) fn apply(self, tensor: Tensor) -> Tensor {
        match tensor.dtype() {
            DType::String => self.array::<String>(tensor),
            dtype => number_type!(dtype, T => self.array::<T>(tensor), else { tensor }),
        }
    }

    fn array<T: Element>(self, tensor: Tensor) -> Tensor {
        let mut array = tensor
            .into_array::<T>()
            .expect("the type is that of the tensor");
        if let Some(layout) = self.transposes {
            let mut order: Vec<usize> = (0..array.ndim()).collect();
            move_channels(&mut order, layout);
            array = array.permuted_axes(order);
        }
        if self.adds_batch {
            array.insert_axis_inplace(Axis(0));
        }
        array.into()
    }
}

/// Moves what belongs to the channels from where `layout` has it to where the other order does.
fn move_channels(axes: &mut [usize], layout: Layout) {
    let first = axes.len() - 3;
    match layout {
        Layout::Nchw => axes[first..].rotate_left(1),
        Layout::Nhwc => axes[first..].rotate_right(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dims(text: &str) -> Vec<Dim> {
        let dim = |text: &str| match (text, text.parse()) {
            ("?", _) => Dim::Unknown,
            (_, Ok(size)) => Dim::Known(size),
            (name, _) => Dim::Symbol(name.to_string()),
        };
        text.split(' ').map(dim).collect()
    }

    fn arranged(shape: &[usize], layout: Layout, declared: &str) -> String {
        let len = shape.iter().product::<usize>();
        let tensor = Tensor::new(shape, (0..len as u32).collect()).unwrap();
        match Rearrangement::of(shape, Some(&dims(declared)), layout) {
            Some(rearrangement) => format!("{:?}", rearrangement.apply(tensor)),
            None => "as it is".to_string(),
        }
    }

    #[test]
    fn an_array_in_the_other_order_is_transposed() {
        use Layout::{Nchw, Nhwc};
        let moved = "u32[1,3,1,2] [0, 3, 1, 4, 2, 5]";
        assert_eq!(arranged(&[1, 1, 2, 3], Nhwc, "1 3 1 2"), moved);
        assert_eq!(arranged(&[1, 2, 3], Nhwc, "1 3 1 2"), moved);
        assert_eq!(
            arranged(&[2, 1, 3], Nhwc, "1 C H W"),
            "u32[1,3,2,1] [0, 3, 1, 4, 2, 5]"
        );
        assert_eq!(
            arranged(&[3, 1, 2], Nchw, "1 2 3"),
            "u32[1,2,3] [0, 2, 4, 1, 3, 5]"
        );
        assert_eq!(
            arranged(&[3, 1, 2], Nchw, "N 3 H W"),
            "u32[1,3,1,2] [0, 1, 2, 3, 4, 5]"
        );
        // Feature maps have many channels: what fits alone is taken.
        assert_eq!(
            arranged(&[1, 1, 1, 4], Nhwc, "1 4 1 1"),
            "u32[1,4,1,1] [0, 1, 2, 3]"
        );
    }

    #[test]
    fn what_fits_or_cannot_fit_stays_as_it_is() {
        for (shape, layout, declared) in [
            (&[1, 3, 4, 5][..], Layout::Nchw, "1 3 4 5"),
            (&[1, 4, 5, 3], Layout::Nhwc, "1 4 5 3"),
            (&[1, 3, 3, 3], Layout::Nchw, "1 3 3 3"),
            (&[1, 4, 5, 3], Layout::Nhwc, "1 3 4 6"),
            (&[3, 4], Layout::Nhwc, "1 3 4"),
            (&[6], Layout::Nhwc, "6"),
        ] {
            assert_eq!(arranged(shape, layout, declared), "as it is", "{shape:?}");
        }
    }
}
