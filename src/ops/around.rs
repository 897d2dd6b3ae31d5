//! Shapes cut at an axis.

/// How many elements are on an axis, and after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    pub(super) size: usize,
    pub(super) inner: usize,
}

impl Around {
    pub(super) fn new(shape: &[usize], axis: usize) -> Around {
        Around {
            size: shape[axis],
            inner: shape[axis + 1..].iter().product(),
        }
    }
}
