//! Element types: [`DType`], the run-time name of a type, and [`Element`], the Rust type behind it.

use std::borrow::Cow;
use std::fmt;

use half::{bf16, f16};
use num_complex::Complex;

use crate::allocate;
use crate::lasting::Lasting;

use super::narrow::{F4E2M1, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, I2, I4, U2, U4};

/// Calls `$macro!` with every element type as `(Variant, Rust type, short name, ONNX number)`.
macro_rules! for_each_dtype {
    ($macro:ident) => {
        $macro! {
            (F32, f32, "f32", 1),
            (U8, u8, "u8", 2),
            (I8, i8, "i8", 3),
            (U16, u16, "u16", 4),
            (I16, i16, "i16", 5),
            (I32, i32, "i32", 6),
            (I64, i64, "i64", 7),
            (String, String, "string", 8),
            (Bool, bool, "bool", 9),
            (F16, f16, "f16", 10),
            (F64, f64, "f64", 11),
            (U32, u32, "u32", 12),
            (U64, u64, "u64", 13),
            (C64, Complex<f32>, "c64", 14),
            (C128, Complex<f64>, "c128", 15),
            (BF16, bf16, "bf16", 16),
            (F8E4M3FN, F8E4M3FN, "f8e4m3fn", 17),
            (F8E4M3FNUZ, F8E4M3FNUZ, "f8e4m3fnuz", 18),
            (F8E5M2, F8E5M2, "f8e5m2", 19),
            (F8E5M2FNUZ, F8E5M2FNUZ, "f8e5m2fnuz", 20),
            (U4, U4, "u4", 21),
            (I4, I4, "i4", 22),
            (F4E2M1, F4E2M1, "f4e2m1", 23),
            (F8E8M0, F8E8M0, "f8e8m0", 24),
            (U2, U2, "u2", 25),
            (I2, I2, "i2", 26),
        }
    };
}

macro_rules! define_dtype {
    ($(($variant:ident, $type:ty, $name:literal, $number:literal),)*) => {
        /// The type of a tensor's elements, numbered as `TensorProto.DataType` of ONNX numbers them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(i32)]
        #[non_exhaustive]
        pub enum DType {
            $(#[doc = concat!("`", $name, "`")] $variant = $number,)*
        }

        impl DType {
            /// Every element type, in the order of ONNX's numbers.
            pub const ALL: &'static [DType] = &[$(DType::$variant),*];

            /// The short name that messages, files and options use: `f32`, `bf16`, `u8` ...
            pub const fn name(self) -> &'static str {
                match self { $(DType::$variant => $name,)* }
            }

            /// Bytes that one element takes in memory. The narrow types take one byte each.
            pub const fn bytes(self) -> usize {
                match self { $(DType::$variant => size_of::<$type>(),)* }
            }
        }

        /// The elements of a tensor, owned, in C order; arbitrary ones may follow.
        #[derive(Debug)]
        pub(crate) enum Data {
            $($variant(Lasting<$type>),)*
        }

        /// The elements of somebody else's tensor, to be written, in C order.
        #[derive(Debug)]
        pub(crate) enum DataViewMut<'a> {
            $($variant(&'a mut [$type]),)*
        }

        /// The elements of a tensor, borrowed where that was possible, in C order.
        #[derive(Clone, Debug)]
        pub(crate) enum DataView<'a> {
            $($variant(Cow<'a, [$type]>),)*
        }

        impl Data {
            pub(crate) fn dtype(&self) -> DType {
                match self { $(Data::$variant(_) => DType::$variant,)* }
            }

            /// All elements, the arbitrary ones counted.
            pub(crate) fn len(&self) -> usize {
                match self { $(Data::$variant(data) => data.len(),)* }
            }

            /// The first `len` elements.
            pub(crate) fn view(&self, len: usize) -> DataView<'_> {
                match self { $(Data::$variant(data) => DataView::$variant(Cow::Borrowed(&data[..len])),)* }
            }

            /// The first `len` elements, to be written.
            pub(crate) fn view_mut(&mut self, len: usize) -> DataViewMut<'_> {
                match self { $(Data::$variant(data) => DataViewMut::$variant(&mut data[..len]),)* }
            }

            /// Drops all but the first `len` elements.
            pub(crate) fn truncate(&mut self, len: usize) {
                match self { $(Data::$variant(data) => if data.len() > len { data.as_vec().truncate(len) },)* }
            }

            /// Whether the first `len` elements are those of `other`.
            pub(crate) fn equals(&self, other: &Data, len: usize) -> bool {
                match (self, other) {
                    $((Data::$variant(a), Data::$variant(b)) => a[..len] == b[..len],)*
                    _ => false,
                }
            }

            /// `len` zeros (empty strings) of type `dtype`.
            pub(crate) fn zeros(dtype: DType, len: usize) -> Data {
                match dtype { $(DType::$variant => Data::$variant(allocate::filled(<$type>::default(), len).into()),)* }
            }
        }

        impl DataViewMut<'_> {
            pub(crate) fn dtype(&self) -> DType {
                match self { $(DataViewMut::$variant(_) => DType::$variant,)* }
            }

            pub(crate) fn view(&self) -> DataView<'_> {
                match self { $(DataViewMut::$variant(data) => DataView::$variant(Cow::Borrowed(data)),)* }
            }
        }

        impl DataView<'_> {
            pub(crate) fn dtype(&self) -> DType {
                match self { $(DataView::$variant(_) => DType::$variant,)* }
            }

            pub(crate) fn len(&self) -> usize {
                match self { $(DataView::$variant(data) => data.len(),)* }
            }

            pub(crate) fn reborrow(&self) -> DataView<'_> {
                match self { $(DataView::$variant(data) => DataView::$variant(Cow::Borrowed(data)),)* }
            }

            pub(crate) fn part(&self, range: std::ops::Range<usize>) -> DataView<'_> {
                match self { $(DataView::$variant(data) => DataView::$variant(Cow::Borrowed(&data[range])),)* }
            }

            pub(crate) fn copied(&self) -> Data {
                match self { $(DataView::$variant(data) => Data::$variant(allocate::copied(data).into()),)* }
            }

            pub(crate) fn into_owned(self) -> Data {
                match self { $(DataView::$variant(data) => Data::$variant(data.into_owned().into()),)* }
            }

            /// Calls `visitor` with the elements as a slice of their type.
            pub(crate) fn visit<V: Visitor>(&self, visitor: V) -> V::Output {
                match self { $(DataView::$variant(data) => visitor.visit(data),)* }
            }

            pub(crate) fn scalar(&self, index: usize) -> Option<Scalar<'_>> {
                match self { $(DataView::$variant(data) => data.get(index).map(Element::scalar),)* }
            }
        }

        $(
            impl private::Sealed for $type {}

            impl ElementData for $type {
                fn wrap(data: impl Into<Lasting<Self>>) -> Data {
                    Data::$variant(data.into())
                }
                fn unwrap(data: Data) -> Result<Vec<Self>, Data> {
                    match data { Data::$variant(data) => Ok(data.into_vec()), other => Err(other) }
                }
                fn slice(data: &Data) -> Option<&[Self]> {
                    match data { Data::$variant(data) => Some(data), _ => None }
                }
                fn lasting_mut(data: &mut Data) -> Option<&mut Lasting<Self>> {
                    match data { Data::$variant(data) => Some(data), _ => None }
                }
                fn wrap_mut(data: &mut [Self]) -> DataViewMut<'_> {
                    DataViewMut::$variant(data)
                }
                fn slice_mut<'v>(data: &'v mut DataViewMut<'_>) -> Option<&'v mut [Self]> {
                    match data { DataViewMut::$variant(data) => Some(data), _ => None }
                }
                fn wrap_view(data: Cow<'_, [Self]>) -> DataView<'_> {
                    DataView::$variant(data)
                }
                fn slice_view<'v>(data: &'v DataView<'_>) -> Option<&'v [Self]> {
                    match data { DataView::$variant(data) => Some(data), _ => None }
                }
            }
        )*
    };
}
for_each_dtype!(define_dtype);

impl DType {
    /// Whether it is an integer of 8 bits.
    pub(crate) fn is_byte(self) -> bool {
        matches!(self, DType::U8 | DType::I8)
    }

    /// The type with this number in `TensorProto.DataType`, if there is one.
    pub fn from_onnx(number: i32) -> Option<DType> {
        DType::ALL
            .iter()
            .copied()
            .find(|dtype| *dtype as i32 == number)
    }

    /// The type with this [`name`](DType::name), if there is one.
    pub fn from_name(name: &str) -> Option<DType> {
        DType::ALL
            .iter()
            .copied()
            .find(|dtype| dtype.name() == name)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One element of any type, for printing, comparing and summing up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// A signed integer of any width.
    Int(i64),
    /// An unsigned integer of any width.
    UInt(u64),
    /// A float of 32 bits or fewer: the widening is exact.
    F32(f32),
    /// A float of 64 bits.
    F64(f64),
    /// A truth value.
    Bool(bool),
    /// A complex number: real and imaginary part.
    Complex(f64, f64),
    /// A string.
    Text(&'a str),
}

impl Scalar<'_> {
    /// The value as `f64`, `true` as 1; `None` for complex numbers and strings.
    pub fn to_f64(self) -> Option<f64> {
        match self {
            Scalar::Int(x) => Some(x as f64),
            Scalar::UInt(x) => Some(x as f64),
            Scalar::F32(x) => Some(f64::from(x)),
            Scalar::F64(x) => Some(x),
            Scalar::Bool(x) => Some(f64::from(u8::from(x))),
            Scalar::Complex(..) | Scalar::Text(_) => None,
        }
    }
}

impl fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Int(x) => x.fmt(f),
            Scalar::UInt(x) => x.fmt(f),
            Scalar::F32(x) => x.fmt(f),
            Scalar::F64(x) => x.fmt(f),
            Scalar::Bool(x) => x.fmt(f),
            Scalar::Complex(re, im) => write!(f, "{re}{im:+}i"),
            Scalar::Text(x) => write!(f, "{x:?}"),
        }
    }
}

mod private {
    pub trait Sealed {}
}

/// What to do with the elements of a tensor, whatever their type.
pub(crate) trait Visitor {
    type Output;
    fn visit<T: Element>(self, data: &[T]) -> Self::Output;
}

/// How an element type is stored; kept apart from [`Element`] so that storage stays private.
pub(crate) trait ElementData: Sized + Clone {
    fn wrap(data: impl Into<Lasting<Self>>) -> Data;
    fn unwrap(data: Data) -> Result<Vec<Self>, Data>;
    fn slice(data: &Data) -> Option<&[Self]>;
    fn lasting_mut(data: &mut Data) -> Option<&mut Lasting<Self>>;
    fn wrap_mut(data: &mut [Self]) -> DataViewMut<'_>;
    fn slice_mut<'v>(data: &'v mut DataViewMut<'_>) -> Option<&'v mut [Self]>;
    fn wrap_view(data: Cow<'_, [Self]>) -> DataView<'_>;
    fn slice_view<'v>(data: &'v DataView<'_>) -> Option<&'v [Self]>;
}

/// A Rust type that a tensor can hold. Sealed: the types are those of ONNX.
#[expect(
    private_bounds,
    reason = "storage is private; the bound seals the trait"
)]
pub trait Element:
    private::Sealed + ElementData + Clone + Default + PartialEq + fmt::Debug + Send + Sync + 'static
{
    /// The run-time name of this type.
    const DTYPE: DType;

    /// This element as a [`Scalar`].
    fn scalar(&self) -> Scalar<'_>;
}

macro_rules! elements {
    ($($type:ty, $variant:ident, $x:ident => $scalar:expr;)*) => {
        $(impl Element for $type {
            const DTYPE: DType = DType::$variant;
            fn scalar(&self) -> Scalar<'_> {
                let $x = self;
                $scalar
            }
        })*
    };
}
elements! {
    f32, F32, x => Scalar::F32(*x);
    f64, F64, x => Scalar::F64(*x);
    f16, F16, x => Scalar::F32(x.to_f32());
    bf16, BF16, x => Scalar::F32(x.to_f32());
    u8, U8, x => Scalar::UInt((*x).into());
    u16, U16, x => Scalar::UInt((*x).into());
    u32, U32, x => Scalar::UInt((*x).into());
    u64, U64, x => Scalar::UInt(*x);
    i8, I8, x => Scalar::Int((*x).into());
    i16, I16, x => Scalar::Int((*x).into());
    i32, I32, x => Scalar::Int((*x).into());
    i64, I64, x => Scalar::Int(*x);
    bool, Bool, x => Scalar::Bool(*x);
    String, String, x => Scalar::Text(x);
    Complex<f32>, C64, x => Scalar::Complex(x.re.into(), x.im.into());
    Complex<f64>, C128, x => Scalar::Complex(x.re, x.im);
    F8E4M3FN, F8E4M3FN, x => Scalar::F32(x.to_f32());
    F8E4M3FNUZ, F8E4M3FNUZ, x => Scalar::F32(x.to_f32());
    F8E5M2, F8E5M2, x => Scalar::F32(x.to_f32());
    F8E5M2FNUZ, F8E5M2FNUZ, x => Scalar::F32(x.to_f32());
    F8E8M0, F8E8M0, x => Scalar::F32(x.to_f32());
    F4E2M1, F4E2M1, x => Scalar::F32(x.to_f32());
    U4, U4, x => Scalar::UInt(x.get().into());
    I4, I4, x => Scalar::Int(x.get().into());
    U2, U2, x => Scalar::UInt(x.get().into());
    I2, I2, x => Scalar::Int(x.get().into());
}

/// Runs `$body` with `$T` standing for the Rust type of `$dtype`, one of the listed types;
/// any other type is the error of an operator that does not support it.
macro_rules! dispatch {
    ($dtype:expr, $T:ident in [$($type:ty),+ $(,)?] => $body:expr) => {{
        let dtype: $crate::tensor::DType = $dtype;
        $(if dtype == <$type as $crate::tensor::Element>::DTYPE {
            type $T = $type;
            $body
        } else)+ {
            Err($crate::error::OpError::unsupported(format!("element type {dtype}")))
        }
    }};
}
pub(crate) use dispatch;
