//! Elements of tensors: from the bytes of a file, and back.

use std::error::Error;

use half::f16;
use linn::Element;
use ndarray::{Array, ArrayD, Dimension};

use crate::workload::Workload;

/// An output: its elements, little-endian, and their type as NumPy calls it.
pub struct Output {
    pub dtype: &'static str,
    pub bytes: Vec<u8>,
}

impl Output {
    /// The outputs of a max-pool; an array without elements stands for no Indices.
    pub fn all<T: Number, D: Dimension>(
        y: &Array<T, D>,
        indices: Option<&Array<i64, D>>,
    ) -> Vec<Output> {
        let mut outputs = vec![Output::new(y.as_slice().unwrap_or_default())];
        let indices = indices.and_then(|indices| indices.as_slice());
        outputs.extend(
            indices
                .filter(|indices| !indices.is_empty())
                .map(Output::new),
        );
        outputs
    }

    pub fn new<T: Number>(elements: &[T]) -> Output {
        let mut bytes = Vec::with_capacity(size_of_val(elements));
        for element in elements {
            element.write(&mut bytes);
        }
        let dtype = T::NAME;
        Output { dtype, bytes }
    }
}

/// A type of elements.
pub trait Number: Element + Copy {
    /// As NumPy calls it.
    const NAME: &'static str;

    fn read(bytes: &[u8]) -> Option<Self>;

    fn write(self, bytes: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($name:literal $number:ty),*) => {
        $(impl Number for $number {
            const NAME: &'static str = $name;

            fn read(bytes: &[u8]) -> Option<Self> {
                Some(<$number>::from_le_bytes(bytes.try_into().ok()?))
            }

            fn write(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
        })*
    };
}

numbers!("float32" f32, "float64" f64, "float16" f16, "uint8" u8, "int32" i32, "int64" i64);

pub fn read<T: Number>(bytes: &[u8]) -> Result<Vec<T>, Box<dyn Error>> {
    let chunks = bytes.chunks(size_of::<T>());
    let elements: Option<Vec<T>> = chunks.map(T::read).collect();
    elements.ok_or_else(|| "the input ends within an element".into())
}

/// The inputs of a workload, whose elements stand one after another in `bytes`.
pub fn inputs<T: Number>(
    workload: &Workload,
    bytes: &[u8],
) -> Result<Vec<ArrayD<T>>, Box<dyn Error>> {
    let mut elements = read(bytes)?.into_iter();
    let shapes = [&workload.input, &workload.second].into_iter();
    shapes
        .filter(|shape| !shape.is_empty())
        .map(|shape| {
            let own = elements.by_ref().take(shape.iter().product()).collect();
            Ok(ArrayD::from_shape_vec(shape.as_slice(), own)?)
        })
        .collect()
}
