//! Tensors: elements of one type in C order, with a shape.
//!
//! A [`Tensor`] owns its elements, a [`TensorView`] borrows them. Both convert to and from ndarray
//! arrays and views at the border; inside, kernels see plain slices, always contiguous.

mod dtype;
mod narrow;
mod shape;

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;

use ndarray::{Array, ArrayView, ArrayViewD, ArrayViewMut, Dimension, IxDyn};

use dtype::DataViewMut;
pub use dtype::{DType, Element, Scalar};
pub(crate) use dtype::{Data, DataView, Visitor, dispatch};
pub(crate) use narrow::{Direction, Rounding};
pub use narrow::{F4E2M1, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, I2, I4, U2, U4};
pub use shape::{Shape, ShapeError};

/// A tensor that owns its elements.
pub struct Tensor {
    shape: Shape,
    /// As many as the shape has, and arbitrary ones behind them: a buffer that is used again is not cleared. Or none.
    data: Data,
}

/// A tensor whose elements are borrowed, or owned where a borrow was not possible
/// (an ndarray view that is not in C order is copied once).
#[derive(Clone)]
pub struct TensorView<'a> {
    shape: Shape,
    data: DataView<'a>,
}

/// A tensor of somebody else, to be written: a caller's buffer for an output.
#[derive(Debug)]
pub struct TensorViewMut<'a> {
    shape: Shape,
    data: DataViewMut<'a>,
}

/// A conversion that cannot fail, where one that can is asked for.
impl From<Infallible> for TensorError {
    fn from(never: Infallible) -> TensorError {
        match never {}
    }
}

/// Why a tensor could not be made or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// The dimensions are not a shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The elements do not fill the shape.
    #[error("{shape} needs {} elements, got {len}", shape.elements())]
    Length {
        /// The shape.
        shape: Shape,
        /// The number of elements.
        len: usize,
    },
    /// A view to be written is not contiguous in C order.
    #[error("the elements are not contiguous in C order")]
    Layout,
    /// Elements of one type were asked for, the tensor has another.
    #[error("the elements are {found}, not {wanted}")]
    Type {
        /// The type asked for.
        wanted: DType,
        /// The type of the tensor.
        found: DType,
    },
}

impl Tensor {
    /// A tensor of shape `dims` from its elements in C order.
    ///
    /// # Errors
    /// `dims` is no [`Shape`], or `data` does not have its number of elements.
    ///
    /// ```
    /// let x = linn::Tensor::new(&[2, 2], vec![1.0f32, 2.0, 3.0, 4.0])?;
    /// assert_eq!(x.to_string(), "f32[2,2]");
    /// # Ok::<(), linn::TensorError>(())
    /// ```
    pub fn new<T: Element>(dims: &[usize], data: Vec<T>) -> Result<Tensor, TensorError> {
        let shape = Shape::new(dims)?;
        match shape.elements() == data.len() {
            true => Ok(Tensor::from_parts(shape, T::wrap(data))),
            false => Err(TensorError::Length {
                shape,
                len: data.len(),
            }),
        }
    }

    /// A tensor from parts that fit each other; what follows its elements is arbitrary.
    pub(crate) fn from_parts(shape: Shape, data: Data) -> Tensor {
        debug_assert!(shape.elements() <= data.len());
        Tensor { shape, data }
    }

    /// A tensor of zeros (empty strings).
    pub(crate) fn zeros(dtype: DType, shape: Shape) -> Tensor {
        let data = Data::zeros(dtype, shape.elements());
        Tensor { shape, data }
    }

    /// Its type and shape alone, for what nobody reads any more but may ask about.
    pub(crate) fn hollow(&self) -> Tensor {
        Tensor {
            shape: self.shape.clone(),
            data: Data::zeros(self.dtype(), 0),
        }
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    /// The dimensions.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Bytes that the elements take in memory, with the text of strings.
    pub fn bytes(&self) -> usize {
        self.as_view().bytes()
    }

    /// Bytes of the elements that it has, which may be none.
    pub(crate) fn held_bytes(&self) -> usize {
        let held = self.shape.elements().min(self.data.len());
        held * self.dtype().bytes()
    }

    /// The elements in C order, if they are of type `T`.
    pub fn as_slice<T: Element>(&self) -> Option<&[T]> {
        T::slice(&self.data).map(|data| &data[..self.shape.elements().min(data.len())])
    }

    /// The elements in C order, to be written, if they are of type `T`.
    pub(crate) fn as_mut_slice<T: Element>(&mut self) -> Option<&mut [T]> {
        T::lasting_mut(&mut self.data).map(|data| &mut data[..self.shape.elements()])
    }

    /// The tensor as an ndarray view.
    ///
    /// # Errors
    /// The elements are not of type `T`.
    pub fn view<T: Element>(&self) -> Result<ArrayViewD<'_, T>, TensorError> {
        shaped(&self.shape, self.dtype(), self.as_slice())
    }

    /// The tensor as an owned ndarray array, without a copy.
    ///
    /// # Errors
    /// The elements are not of type `T`.
    pub fn into_array<T: Element>(self) -> Result<Array<T, IxDyn>, TensorError> {
        let shape = IxDyn(&self.shape);
        let data = T::unwrap(self.into_data()).map_err(|data| TensorError::Type {
            wanted: T::DTYPE,
            found: data.dtype(),
        })?;
        Ok(Array::from_shape_vec(shape, data).expect("a tensor's elements fill its shape"))
    }

    /// The elements, without the shape.
    pub(crate) fn into_data(mut self) -> Data {
        self.data.truncate(self.shape.elements());
        self.data
    }

    /// The elements, without the shape, and the arbitrary ones behind them.
    pub(crate) fn into_buffer(self) -> Data {
        self.data
    }

    /// The tensor borrowed.
    pub fn as_view(&self) -> TensorView<'_> {
        TensorView {
            shape: self.shape.clone(),
            data: self.data.view(self.shape.elements().min(self.data.len())),
        }
    }
}

impl Clone for Tensor {
    fn clone(&self) -> Tensor {
        self.as_view().into_tensor()
    }
}

impl PartialEq for Tensor {
    fn eq(&self, other: &Tensor) -> bool {
        self.shape == other.shape && self.data.equals(&other.data, self.shape.elements())
    }
}

/// The elements of a tensor as an ndarray view, if they are of the type that is wanted.
fn shaped<'t, T: Element>(
    shape: &Shape,
    found: DType,
    elements: Option<&'t [T]>,
) -> Result<ArrayViewD<'t, T>, TensorError> {
    let elements = elements.ok_or(TensorError::Type {
        wanted: T::DTYPE,
        found,
    })?;
    Ok(ArrayView::from_shape(IxDyn(shape), elements).expect("a tensor's elements fill its shape"))
}

impl<'a> TensorView<'a> {
    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    /// The dimensions.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The elements in C order, if they are of type `T`.
    pub fn as_slice<T: Element>(&self) -> Option<&[T]> {
        T::slice_view(&self.data)
    }

    /// The tensor as an ndarray view.
    ///
    /// # Errors
    /// The elements are not of type `T`.
    pub fn view<T: Element>(&self) -> Result<ArrayViewD<'_, T>, TensorError> {
        shaped(&self.shape, self.dtype(), self.as_slice())
    }

    /// Element `index` in C order, if there are so many.
    pub fn scalar(&self, index: usize) -> Option<Scalar<'_>> {
        self.data.scalar(index)
    }

    /// All elements in C order.
    pub fn scalars(&self) -> impl ExactSizeIterator<Item = Scalar<'_>> {
        (0..self.data.len()).map(|index| {
            self.scalar(index)
                .expect("the index is below the number of elements")
        })
    }

    /// Bytes that a copy of the elements takes in memory, with the text of strings.
    pub(crate) fn bytes(&self) -> usize {
        let text: usize = match self.as_slice::<String>() {
            Some(strings) => strings.iter().map(String::len).sum(),
            None => 0,
        };
        self.shape.elements() * self.dtype().bytes() + text
    }

    /// Calls `visitor` with the elements as a slice of their type.
    pub(crate) fn visit<V: Visitor>(&self, visitor: V) -> V::Output {
        self.data.visit(visitor)
    }

    /// The same elements, borrowed from this view.
    pub(crate) fn reborrow(&self) -> TensorView<'_> {
        TensorView {
            shape: self.shape.clone(),
            data: self.data.reborrow(),
        }
    }

    /// Part `index` of those that the leading axes, `axes` of them, number in C order.
    pub(crate) fn part(&self, axes: usize, index: usize) -> TensorView<'_> {
        let shape = Shape::new(&self.shape[axes..]).expect("it is a part of a shape");
        let len = shape.elements();
        let data = self.data.part(index * len..(index + 1) * len);
        TensorView { shape, data }
    }

    /// A tensor with a copy of the elements; within [`attempt`](crate::allocate::attempt).
    pub(crate) fn copied(&self) -> Tensor {
        Tensor {
            shape: self.shape.clone(),
            data: self.data.copied(),
        }
    }

    /// A tensor with a copy of the elements where they were borrowed.
    pub fn into_tensor(self) -> Tensor {
        Tensor {
            shape: self.shape,
            data: self.data.into_owned(),
        }
    }
}

impl<'a> TensorViewMut<'a> {
    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    /// The dimensions.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The elements in C order, if they are of type `T`.
    pub(crate) fn as_mut_slice<T: Element>(&mut self) -> Option<&mut [T]> {
        T::slice_mut(&mut self.data)
    }

    /// The tensor borrowed, to be read.
    pub fn as_view(&self) -> TensorView<'_> {
        TensorView {
            shape: self.shape.clone(),
            data: self.data.view(),
        }
    }
}

/// `f32[1,3,224,224]`
impl fmt::Display for TensorViewMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_view().fmt(f)
    }
}

/// # Errors
/// The view is not contiguous in C order, or has more than [`Shape::MAX_RANK`] axes.
impl<'a, T: Element, D: Dimension> TryFrom<ArrayViewMut<'a, T, D>> for TensorViewMut<'a> {
    type Error = TensorError;

    fn try_from(view: ArrayViewMut<'a, T, D>) -> Result<TensorViewMut<'a>, TensorError> {
        Ok(TensorViewMut {
            shape: Shape::new(view.shape())?,
            data: T::wrap_mut(view.into_slice().ok_or(TensorError::Layout)?),
        })
    }
}

/// # Errors
/// As for a view.
impl<'a, T: Element, D: Dimension> TryFrom<&'a mut Array<T, D>> for TensorViewMut<'a> {
    type Error = TensorError;

    fn try_from(array: &'a mut Array<T, D>) -> Result<TensorViewMut<'a>, TensorError> {
        array.view_mut().try_into()
    }
}

impl<'a> From<&'a mut Tensor> for TensorViewMut<'a> {
    fn from(tensor: &'a mut Tensor) -> TensorViewMut<'a> {
        TensorViewMut {
            shape: tensor.shape.clone(),
            data: tensor.data.view_mut(tensor.shape.elements()),
        }
    }
}

/// `f32[1,3,224,224]`
impl fmt::Display for TensorView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.dtype(), self.shape)
    }
}

/// `f32[1,3,224,224]`
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_view().fmt(f)
    }
}

impl fmt::Debug for TensorView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 64;
        write!(f, "{self} [")?;
        for (index, scalar) in self.scalars().take(SHOWN).enumerate() {
            write!(f, "{}{scalar}", if index == 0 { "" } else { ", " })?;
        }
        f.write_str(if self.data.len() > SHOWN {
            ", ...]"
        } else {
            "]"
        })
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_view().fmt(f)
    }
}

/// ndarray itself keeps the product of the dimensions below `isize::MAX`; the rank is checked where it matters.
fn ndarray_shape(dims: &[usize]) -> Shape {
    Shape::new(dims).unwrap_or_else(|error| panic!("an ndarray of rank {}: {error}", dims.len()))
}

/// # Panics
/// The array has more than [`Shape::MAX_RANK`] axes.
impl<T: Element, D: Dimension> From<Array<T, D>> for Tensor {
    fn from(array: Array<T, D>) -> Tensor {
        let shape = ndarray_shape(array.shape());
        let data = match array.is_standard_layout() {
            true => {
                let len = array.len();
                let (mut data, offset) = array.into_raw_vec_and_offset();
                let offset = offset.unwrap_or(0);
                data.truncate(offset + len);
                data.drain(..offset);
                data
            }
            false => array.iter().cloned().collect(),
        };
        Tensor::from_parts(shape, T::wrap(data))
    }
}

/// # Panics
/// The view has more than [`Shape::MAX_RANK`] axes.
impl<'a, T: Element, D: Dimension> From<ArrayView<'a, T, D>> for TensorView<'a> {
    fn from(view: ArrayView<'a, T, D>) -> TensorView<'a> {
        let shape = ndarray_shape(view.shape());
        let data = match view.to_slice() {
            Some(slice) => Cow::Borrowed(slice),
            None => Cow::Owned(view.iter().cloned().collect()),
        };
        TensorView {
            shape,
            data: T::wrap_view(data),
        }
    }
}

/// # Panics
/// The array has more than [`Shape::MAX_RANK`] axes.
impl<'a, T: Element, D: Dimension> From<&'a Array<T, D>> for TensorView<'a> {
    fn from(array: &'a Array<T, D>) -> TensorView<'a> {
        array.view().into()
    }
}

impl<'a> From<&'a Tensor> for TensorView<'a> {
    fn from(tensor: &'a Tensor) -> TensorView<'a> {
        tensor.as_view()
    }
}

#[cfg(test)]
mod tests {
    use super::dtype::ElementData;
    use super::*;
    use ndarray::{Array2, Axis, array};

    #[test]
    fn arrays_of_any_layout_keep_their_elements() {
        let array: Array2<i32> = array![[1, 2, 3], [4, 5, 6]];
        let transposed = TensorView::from(array.t());
        assert_eq!(transposed.to_string(), "i32[3,2]");
        assert_eq!(transposed.as_slice::<i32>(), Some(&[1, 4, 2, 5, 3, 6][..]));
        assert!(matches!(
            TensorView::from(&array).data,
            DataView::I32(Cow::Borrowed(_))
        ));
        let mut sliced = array.clone();
        sliced.slice_axis_inplace(Axis(0), (1..).into());
        assert_eq!(Tensor::from(sliced).as_slice(), Some(&[4, 5, 6][..]));
        let back = Tensor::from(array.clone()).into_array::<i32>();
        assert_eq!(back, Ok(array.into_dyn()));
    }

    #[test]
    fn what_lies_behind_the_elements_is_no_part_of_them() {
        let shape = Shape::new(&[2]).expect("it is small");
        let mut long = Tensor::from_parts(shape, u8::wrap(vec![1, 2, 9]));
        let short = Tensor::new(&[2], vec![1u8, 2]).expect("two elements");
        assert_eq!(long, short);
        assert_eq!(short, long);
        assert_eq!(long.clone(), short);
        assert_eq!(long.as_slice::<u8>(), Some(&[1, 2][..]));
        assert_eq!((long.bytes(), long.as_view().scalars().len()), (2, 2));
        assert_eq!(
            TensorViewMut::from(&mut long)
                .as_mut_slice::<u8>()
                .map(|y| y.len()),
            Some(2)
        );
        long.as_mut_slice::<u8>().expect("they are u8")[0] = 3;
        assert_eq!(format!("{long:?}"), "u8[2] [3, 2]");
        assert_eq!(long.clone().into_data().len(), 2);
        assert_eq!(long.into_array::<u8>(), Ok(array![3u8, 2].into_dyn()));
        let more = Tensor::from_parts(
            Shape::new(&[2]).expect("it is small"),
            u8::wrap(vec![1, 2, 3]),
        );
        assert_ne!(more.into_buffer().len(), 2);
    }

    #[test]
    fn a_wrong_type_or_length_is_an_error() {
        assert!(Tensor::new(&[2], vec![1u8]).is_err());
        let tensor = Tensor::new(&[1], vec![1u8]).expect("one element");
        assert_eq!(
            tensor.view::<f32>().unwrap_err().to_string(),
            "the elements are u8, not f32"
        );
    }
}
