//! Single steps, of which exporters make chains where there is an operator that does all of them.

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Difference,
    ErrorFunction,
    /// Over the axes from this one on, which stay, of size 1.
    Mean(usize),
    Power,
    Product,
    Quotient,
    /// To a shape that is constant.
    Reshape,
    Root,
    Sum,
    /// Of an axis and the one behind it.
    Swap(usize),
}
