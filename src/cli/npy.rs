//! The format `.npy` of numpy: one array in a file. Versions 1.0 to 3.0 are read, 1.0 is written.
//!
//! Source: the text of `numpy.lib.format`. A file is a magic string, a header that is a Python dict of
//! literals, and the elements. Every size in it is checked against the length of the file before
//! memory is asked for.

mod header;

use std::io::{self, Write};

use half::{bf16, f16};
use linn::{DType, Element, Shape, Tensor};
use ndarray::{Array, IxDyn, ShapeBuilder};
use num_complex::Complex;

pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// An element that numpy can hold.
trait NpyElement: Element + Copy {
    const BYTES: usize;

    /// Reads all of `bytes`, a multiple of [`Self::BYTES`].
    fn read(bytes: &[u8], big_endian: bool) -> Vec<Self>;

    /// Appends the little-endian bytes of the element.
    fn write(self, bytes: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($type:ty),*) => {
        $(impl NpyElement for $type {
            const BYTES: usize = size_of::<$type>();

            fn read(bytes: &[u8], big_endian: bool) -> Vec<Self> {
                let (chunks, _) = bytes.as_chunks();
                match big_endian {
                    false => chunks.iter().map(|chunk| <$type>::from_le_bytes(*chunk)).collect(),
                    true => chunks.iter().map(|chunk| <$type>::from_be_bytes(*chunk)).collect(),
                }
            }

            fn write(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
        })*
    };
}
numbers!(f16, bf16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! complex_numbers {
    ($($type:ty),*) => {
        $(impl NpyElement for Complex<$type> {
            const BYTES: usize = 2 * size_of::<$type>();

            fn read(bytes: &[u8], big_endian: bool) -> Vec<Self> {
                let parts = <$type>::read(bytes, big_endian);
                let (pairs, _) = parts.as_chunks();
                pairs.iter().map(|&[re, im]| Complex { re, im }).collect()
            }

            fn write(self, bytes: &mut Vec<u8>) {
                self.re.write(bytes);
                self.im.write(bytes);
            }
        })*
    };
}
complex_numbers!(f32, f64);

impl NpyElement for bool {
    const BYTES: usize = 1;

    fn read(bytes: &[u8], _: bool) -> Vec<bool> {
        bytes.iter().map(|&byte| byte != 0).collect()
    }

    fn write(self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self));
    }
}

/// Runs `$body` with `$T` standing for the Rust type of `$dtype`, which numpy has; else `$other`.
macro_rules! numpy_type {
    ($dtype:expr, $T:ident => $body:expr, else $other:expr) => {
        numpy_type!(@ $dtype, $T => $body, else $other;
            F16 f16, BF16 bf16, F32 f32, F64 f64, I8 i8, I16 i16, I32 i32, I64 i64,
            U8 u8, U16 u16, U32 u32, U64 u64, Bool bool, C64 Complex<f32>, C128 Complex<f64>)
    };
    (@ $dtype:expr, $T:ident => $body:expr, else $other:expr; $($variant:ident $type:ty),*) => {
        match $dtype {
            $(DType::$variant => {
                type $T = $type;
                $body
            })*
            _ => $other,
        }
    };
}

/// Reads the one array of a file.
pub(super) fn read(bytes: &[u8]) -> Result<Tensor, String> {
    let (header, data) = header::read(bytes)?;
    numpy_type!(header.dtype, T => elements::<T>(&header, data), else Err(no_npy(header.dtype)))
}

fn elements<T: NpyElement>(header: &header::Header, data: &[u8]) -> Result<Tensor, String> {
    let shape = Shape::new(&header.shape).map_err(|error| error.to_string())?;
    let wanted = shape.elements().checked_mul(T::BYTES);
    if wanted != Some(data.len()) {
        return Err(format!(
            "{}{shape} needs {} bytes, {} follow the header",
            header.dtype,
            shape.elements() as u128 * T::BYTES as u128,
            data.len()
        ));
    }
    let elements = T::read(data, header.big_endian);
    match header.fortran_order {
        false => Tensor::new(&shape, elements).map_err(|error| error.to_string()),
        true => Array::from_shape_vec(IxDyn(&shape).f(), elements)
            .map(Tensor::from)
            .map_err(|error| error.to_string()),
    }
}

/// Checks that a tensor of this type can be written.
pub(super) fn check(dtype: DType) -> Result<(), String> {
    match header::descr(dtype) {
        Some(_) => Ok(()),
        None => Err(no_npy(dtype)),
    }
}

fn no_npy(dtype: DType) -> String {
    format!("numpy's files have no element type for {dtype}; a .pb file has")
}

/// Writes one array.
///
/// # Errors
/// Those of `to`, and [`io::ErrorKind::Unsupported`] for a type that does not pass [`check`].
pub(super) fn write(tensor: &Tensor, to: &mut impl Write) -> io::Result<()> {
    let unsupported = || io::Error::new(io::ErrorKind::Unsupported, no_npy(tensor.dtype()));
    let descr = header::descr(tensor.dtype()).ok_or_else(unsupported)?;
    to.write_all(&header::write(&descr, tensor.shape()))?;
    numpy_type!(tensor.dtype(), T => write_elements::<T>(tensor, to), else Err(unsupported()))
}

fn write_elements<T: NpyElement>(tensor: &Tensor, to: &mut impl Write) -> io::Result<()> {
    let mut bytes = Vec::new();
    for part in tensor.as_slice::<T>().unwrap_or_default().chunks(1 << 16) {
        bytes.clear();
        for element in part {
            element.write(&mut bytes);
        }
        to.write_all(&bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3, ArrayD};
    use ndarray_npy::{ReadNpyExt, ReadableElement, WritableElement, WriteNpyExt};

    fn written(tensor: &Tensor) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(tensor, &mut bytes).unwrap();
        bytes
    }

    /// A file by hand: a header of version 1.0, then `data`.
    fn file(dict: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = [MAGIC, &[1, 0], &(dict.len() as u16).to_le_bytes()].concat();
        bytes.extend_from_slice(dict.as_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    fn same_as_ndarray_npy<T: NpyElement + ReadableElement + WritableElement>(data: Vec<T>) {
        let array = Array3::from_shape_vec((2, data.len() / 2, 1), data)
            .unwrap()
            .into_dyn();
        let mut theirs = Vec::new();
        array.write_npy(&mut theirs).unwrap();
        let tensor = read(&theirs).unwrap();
        assert_eq!(tensor, Tensor::from(array.clone()));
        let ours = written(&tensor);
        assert_eq!(ours.len() % 64, (array.len() * T::BYTES) % 64);
        assert_eq!(ArrayD::<T>::read_npy(ours.as_slice()).unwrap(), array);

        let mut fortran = Vec::new();
        array
            .t()
            .as_standard_layout()
            .reversed_axes()
            .write_npy(&mut fortran)
            .unwrap();
        // With two elements both orders are the same.
        let is_fortran = String::from_utf8_lossy(&fortran).contains("'fortran_order': True");
        assert_eq!(is_fortran, array.len() > 2);
        assert_eq!(read(&fortran).unwrap(), Tensor::from(array));
    }

    #[test]
    fn agrees_with_the_crate_ndarray_npy() {
        same_as_ndarray_npy::<f32>(vec![1.5, -0.0, f32::INFINITY, 3e-40]);
        same_as_ndarray_npy::<f64>(vec![1.5, 1e300]);
        same_as_ndarray_npy::<i8>(vec![-128, 127, 0, 1]);
        same_as_ndarray_npy::<i16>(vec![-300, 300]);
        same_as_ndarray_npy::<i32>(vec![i32::MIN, i32::MAX]);
        same_as_ndarray_npy::<i64>(vec![i64::MIN, i64::MAX]);
        same_as_ndarray_npy::<u8>((0..=255).collect());
        same_as_ndarray_npy::<u16>(vec![65535, 1]);
        same_as_ndarray_npy::<u32>(vec![u32::MAX, 1]);
        same_as_ndarray_npy::<u64>(vec![u64::MAX, 1]);
        same_as_ndarray_npy::<bool>(vec![true, false, true, true]);
    }

    #[test]
    fn scalars_empty_arrays_and_types_that_the_crate_lacks_come_back() {
        for tensor in [
            Tensor::new(&[], vec![2.5f32]).unwrap(),
            Tensor::new(&[0, 3], Vec::<i64>::new()).unwrap(),
            Tensor::new(&[2], vec![f16::from_f32(0.1), f16::NEG_INFINITY]).unwrap(),
            Tensor::new(&[1, 2], vec![bf16::from_f32(0.1), bf16::ONE]).unwrap(),
            Tensor::new(&[1], vec![Complex::new(1.0f32, -2.0)]).unwrap(),
            Tensor::new(&[2], vec![Complex::new(1e300, -2.0), Complex::default()]).unwrap(),
            Tensor::new(&[1; 32], vec![7u8]).unwrap(),
        ] {
            assert_eq!(read(&written(&tensor)), Ok(tensor));
        }
        let strings = Tensor::new(&[1], vec!["a".to_string()]).unwrap();
        assert_eq!(
            write(&strings, &mut Vec::new()).unwrap_err().to_string(),
            "numpy's files have no element type for string; a .pb file has"
        );
    }

    #[test]
    fn big_endian_files_are_turned() {
        let dict = "{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }\n";
        let array = Array2::from_shape_vec((1, 2), vec![258i16, -2]).unwrap();
        let tensor = read(&file(dict, &[1, 2, 0xff, 0xfe])).unwrap();
        assert_eq!(tensor.as_slice::<i16>(), array.as_slice());
        let dict = "{'descr': '>c8', 'fortran_order': False, 'shape': (), }\n";
        let tensor = read(&file(dict, &[0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0])).unwrap();
        assert_eq!(tensor.as_slice(), Some(&[Complex::new(1.0f32, -2.0)][..]));
    }

    #[test]
    fn sizes_are_checked_before_memory_is_asked_for() {
        let reads = |shape: &str| {
            let dict = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}");
            read(&file(&dict, &[0; 8])).map_err(|error| error.to_string())
        };
        assert!(reads("(2,)").is_ok());
        assert_eq!(
            reads("(3,)").unwrap_err(),
            "f32[3] needs 12 bytes, 8 follow the header"
        );
        assert!(reads("(1,)").is_err(), "bytes too many");
        assert!(reads("(4611686018427387904, 1)").is_err());
        assert!(reads("(9223372036854775807,)").is_err());
        assert!(reads("(99999999999999999999, 0)").is_err());
        assert!(reads(&format!("({})", "1,".repeat(33))).is_err());
    }

    #[test]
    fn no_prefix_and_no_changed_byte_of_a_file_makes_a_panic() {
        let whole = written(&Tensor::new(&[2, 3], vec![1u8; 6]).unwrap());
        for len in 0..whole.len() {
            assert!(read(&whole[..len]).is_err());
        }
        for at in 0..whole.len() {
            for byte in [0, b'\'', b'(', b'9', b'{', 0xff] {
                let mut changed = whole.clone();
                changed[at] = byte;
                let _ = read(&changed);
            }
        }
    }
}
