//! The shape of a tensor, checked once where it is made.

use std::fmt;
use std::ops::Deref;

use smallvec::SmallVec;

/// The dimensions of a tensor.
///
/// A `Shape` exists only if its rank is at most [`Shape::MAX_RANK`] and the product of its non-zero
/// dimensions does not exceed `isize::MAX`, so that no later product of some of them can overflow.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(SmallVec<[usize; 6]>);

impl Shape {
    /// The highest rank that linn accepts.
    pub const MAX_RANK: usize = 32;

    /// A shape of `dims`.
    ///
    /// # Errors
    /// More than [`Shape::MAX_RANK`] dimensions, or a product beyond `isize::MAX`.
    pub fn new(dims: &[usize]) -> Result<Shape, ShapeError> {
        if dims.len() > Shape::MAX_RANK {
            return Err(ShapeError::Rank(dims.len()));
        }
        let product = dims
            .iter()
            .filter(|&&dim| dim != 0)
            .try_fold(1usize, |product, &dim| product.checked_mul(dim));
        match product {
            Some(product) if product <= isize::MAX as usize => {
                Ok(Shape(SmallVec::from_slice(dims)))
            }
            _ => Err(ShapeError::TooLarge(format!("{dims:?}"))),
        }
    }

    /// A shape of dimensions as ONNX stores them.
    ///
    /// # Errors
    /// As [`Shape::new`], and a negative dimension.
    pub fn from_i64(dims: &[i64]) -> Result<Shape, ShapeError> {
        if dims.len() > Shape::MAX_RANK {
            return Err(ShapeError::Rank(dims.len()));
        }
        let mut sizes = SmallVec::<[usize; 6]>::with_capacity(dims.len());
        for (axis, &dim) in dims.iter().enumerate() {
            sizes.push(usize::try_from(dim).map_err(|_| ShapeError::Negative { axis, dim })?);
        }
        Shape::new(&sizes)
    }

    /// The number of elements, 1 for a scalar.
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (axis, dim) in self.0.iter().enumerate() {
            write!(f, "{}{dim}", if axis == 0 { "" } else { "," })?;
        }
        f.write_str("]")
    }
}

/// Why dimensions make no [`Shape`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A negative dimension.
    #[error("dimension {axis} is {dim}, must not be negative")]
    Negative {
        /// The axis, from 0.
        axis: usize,
        /// Its dimension.
        dim: i64,
    },
    /// Too many dimensions.
    #[error("rank {0} is above the limit of 32")]
    Rank(usize),
    /// More elements than can be addressed.
    #[error("the dimensions {0} overflow: they multiply to more elements than can be addressed")]
    TooLarge(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_on_both_sides() {
        let most = isize::MAX as usize;
        assert!(Shape::new(&[most]).is_ok());
        assert!(Shape::new(&[most + 1]).is_err());
        assert!(Shape::new(&[0, most, 2]).is_err(), "a zero hides nothing");
        assert!(Shape::from_i64(&[(1 << 62) + 1, 4]).is_err());
        assert!(Shape::new(&[1; 32]).is_ok());
        assert!(Shape::new(&[1; 33]).is_err());
        assert_eq!(
            Shape::from_i64(&[2, -1]),
            Err(ShapeError::Negative { axis: 1, dim: -1 })
        );
        assert_eq!(Shape::new(&[]).map(|shape| shape.elements()), Ok(1));
    }
}
