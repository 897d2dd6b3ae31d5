//! The order of the axes of pictures: where the channels stand in the shape of an input, and arrays brought into it.

use clap::ValueEnum;
use linn::{DType, Dim, Element, Tensor};
use ndarray::Axis;

use super::number::number_type;

/// The order of the axes of pictures; the batch axis may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Layout {
    /// Channels before height and width
    Nchw,
    /// Channels last
    Nhwc,
}

impl Layout {
    /// The name that people know it by.
    pub(super) fn name(self) -> &'static str {
        match self {
            Layout::Nchw => "NCHW",
            Layout::Nhwc => "NHWC",
        }
    }

    /// The axes of the channels, the height and the width in a shape of rank 3 or more.
    pub(super) fn axes(self, rank: usize) -> [usize; 3] {
        match self {
            Layout::Nchw => [rank - 3, rank - 2, rank - 1],
            Layout::Nhwc => [rank - 1, rank - 3, rank - 2],
        }
    }

    /// The order that an input of pictures has: 3 channels tell it, then 1; in doubt channels come first.
    /// `None` if no axis can be that of the channels of a picture.
    pub(super) fn of(dims: &[Dim]) -> Option<Layout> {
        if !matches!(dims.len(), 3 | 4) {
            return None;
        }
        let likelihood = |layout: &Layout| match dims[layout.axes(dims.len())[0]] {
            Dim::Known(3) => 3,
            Dim::Known(1) => 2,
            Dim::Known(_) => 0,
            Dim::Symbol(_) | Dim::Unknown => 1,
        };
        let layouts = [Layout::Nhwc, Layout::Nchw].into_iter();
        layouts
            .filter(|layout| likelihood(layout) > 0)
            // The last one of those that are equal.
            .max_by_key(likelihood)
    }
}

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
    /// Whether the channels are moved.
    pub(super) transposes: bool,
    /// Whether an axis of size 1 is put in front.
    pub(super) adds_batch: bool,
}

impl Rearrangement {
    /// What an array of shape `shape` needs for an input with dimensions `dims` in the order `layout`; `None` if
    /// nothing, or if nothing makes it fit.
    pub(super) fn of(shape: &[usize], dims: Option<&[Dim]>, layout: Layout) -> Option<Self> {
        let rank = dims.map_or(shape.len(), <[Dim]>::len);
        let adds_batch = match (rank, shape.len()) {
            (3, 3) | (4, 4) => false,
            (4, 3) => true,
            _ => return None,
        };
        let shape_with = |transposes: bool| {
            let mut sizes = vec![1; adds_batch.into()];
            sizes.extend(shape);
            if transposes {
                move_channels(&mut sizes, layout);
            }
            sizes
        };
        let (same, moved) = (shape_with(false), shape_with(true));
        let has_channels = |shape: &[usize]| matches!(shape[layout.axes(rank)[0]], 1 | 3);
        let transposes = match (fits(dims, &same), fits(dims, &moved)) {
            (true, true) => !has_channels(&same) && has_channels(&moved),
            (false, false) => return None,
            (_, moved) => moved,
        };
        (transposes || adds_batch).then_some(Rearrangement {
            transposes,
            adds_batch,
        })
    }

    /// The array rearranged.
    pub(super) fn apply(self, tensor: Tensor, layout: Layout) -> Tensor {
        match tensor.dtype() {
            DType::String => self.array::<String>(tensor, layout),
            dtype => number_type!(dtype, T => self.array::<T>(tensor, layout), else { tensor }),
        }
    }

    fn array<T: Element>(self, tensor: Tensor, layout: Layout) -> Tensor {
        let mut array = tensor
            .into_array::<T>()
            .expect("the type is that of the tensor");
        if self.transposes {
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

/// Moves what belongs to the channels from where the other order has it to where `layout` has it.
fn move_channels(axes: &mut [usize], layout: Layout) {
    let first = axes.len() - 3;
    match layout {
        Layout::Nchw => axes[first..].rotate_right(1),
        Layout::Nhwc => axes[first..].rotate_left(1),
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

    #[test]
    fn channels_tell_the_order() {
        let of = |text| Layout::of(&dims(text));
        assert_eq!(of("1 3 224 224"), Some(Layout::Nchw));
        assert_eq!(of("N 224 224 3"), Some(Layout::Nhwc));
        assert_eq!(of("1 1 28 28"), Some(Layout::Nchw));
        assert_eq!(of("28 28 1"), Some(Layout::Nhwc));
        assert_eq!(of("3 H W"), Some(Layout::Nchw));
        assert_eq!(of("N ? ? ?"), Some(Layout::Nchw));
        assert_eq!(of("1 ? ? 3"), Some(Layout::Nhwc));
        assert_eq!(of("1 3 3 3"), Some(Layout::Nchw));
        assert_eq!(of("1 4 64 64"), None);
        assert_eq!(of("1 3"), None);
    }

    fn arranged(shape: &[usize], declared: &str, layout: Layout) -> String {
        let len = shape.iter().product::<usize>();
        let tensor = Tensor::new(shape, (0..len as u32).collect()).unwrap();
        match Rearrangement::of(shape, Some(&dims(declared)), layout) {
            Some(rearrangement) => format!("{:?}", rearrangement.apply(tensor, layout)),
            None => "as it is".to_string(),
        }
    }

    #[test]
    fn an_array_in_the_other_order_is_transposed() {
        let moved = "u32[1,3,1,2] [0, 3, 1, 4, 2, 5]";
        assert_eq!(arranged(&[1, 1, 2, 3], "1 3 1 2", Layout::Nchw), moved);
        assert_eq!(arranged(&[1, 2, 3], "1 3 1 2", Layout::Nchw), moved);
        assert_eq!(
            arranged(&[2, 1, 3], "1 C H W", Layout::Nchw),
            "u32[1,3,2,1] [0, 3, 1, 4, 2, 5]"
        );
        assert_eq!(
            arranged(&[3, 1, 2], "1 2 3", Layout::Nhwc),
            "u32[1,2,3] [0, 2, 4, 1, 3, 5]"
        );
        assert_eq!(
            arranged(&[3, 1, 2], "N 3 H W", Layout::Nchw),
            "u32[1,3,1,2] [0, 1, 2, 3, 4, 5]"
        );
    }

    #[test]
    fn what_fits_or_cannot_fit_stays_as_it_is() {
        for (shape, declared, layout) in [
            (&[1, 3, 4, 5][..], "1 3 4 5", Layout::Nchw),
            (&[1, 3, 4, 5], "1 3 4 5", Layout::Nhwc),
            (&[1, 4, 5, 3], "1 3 4 6", Layout::Nchw),
            (&[3, 4], "1 3 4", Layout::Nchw),
            (&[6], "6", Layout::Nhwc),
        ] {
            assert_eq!(arranged(shape, declared, layout), "as it is", "{shape:?}");
        }
    }
}
