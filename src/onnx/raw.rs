//! Elements as raw data hold them.

use bytemuck::Pod;
use half::{bf16, f16};
use num_complex::Complex;

use crate::error::OpError;
use crate::lasting::Lasting;
use crate::parts;
use crate::tensor::{
    Element, F4E2M1, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, I2, I4, U2, U4,
};

/// An element that raw data can hold, little-endian, `BITS` wide.
pub(super) trait Raw: Element {
    const BITS: usize;

    /// Zeros that last, to be written over.
    fn lasting(len: usize) -> Result<Lasting<Self>, OpError> {
        in_vector(len)
    }

    /// Writes the elements that `bytes` are.
    fn read(bytes: &[u8], elements: &mut [Self]) -> Result<(), OpError>;

    /// Appends elements.
    fn write(elements: &[Self], bytes: &mut Vec<u8>);
}

fn in_pages<T: Element + Pod>(len: usize) -> Result<Lasting<T>, OpError> {
    Lasting::zeroed(len, true)
}

/// Zeros that somebody may take as a vector.
pub(super) fn in_vector<T: Element>(len: usize) -> Result<Lasting<T>, OpError> {
    parts::filled(T::default(), len).map(Lasting::from)
}

macro_rules! raw_number {
    ($lasting:path: $($type:ty),*) => {
        $(impl Raw for $type {
            const BITS: usize = 8 * size_of::<$type>();

            fn lasting(len: usize) -> Result<Lasting<Self>, OpError> {
                $lasting(len)
            }

            fn read(bytes: &[u8], elements: &mut [Self]) -> Result<(), OpError> {
                let (chunks, _) = bytes.as_chunks();
                for (element, chunk) in elements.iter_mut().zip(chunks) {
                    *element = <$type>::from_le_bytes(*chunk);
                }
                Ok(())
            }

            fn write(elements: &[Self], bytes: &mut Vec<u8>) {
                for element in elements {
                    bytes.extend_from_slice(&element.to_le_bytes());
                }
            }
        })*
    };
}
raw_number!(in_pages: f32, f64, u8, u16, u32, u64, i8, i16, i32, i64);
raw_number!(in_vector: f16, bf16);

macro_rules! raw_complex {
    ($($type:ty),*) => {
        $(impl Raw for Complex<$type> {
            const BITS: usize = 2 * <$type as Raw>::BITS;

            fn read(bytes: &[u8], elements: &mut [Self]) -> Result<(), OpError> {
                let (chunks, _) = bytes.as_chunks();
                let (pairs, _) = chunks.as_chunks();
                for (element, &[re, im]) in elements.iter_mut().zip(pairs) {
                    *element = Complex {
                        re: <$type>::from_le_bytes(re),
                        im: <$type>::from_le_bytes(im),
                    };
                }
                Ok(())
            }

            fn write(elements: &[Self], bytes: &mut Vec<u8>) {
                for element in elements {
                    <$type>::write(&[element.re, element.im], bytes);
                }
            }
        })*
    };
}
raw_complex!(f32, f64);

macro_rules! raw_byte {
    ($($type:ty),*) => {
        $(impl Raw for $type {
            const BITS: usize = 8;

            fn read(bytes: &[u8], elements: &mut [Self]) -> Result<(), OpError> {
                for (element, &byte) in elements.iter_mut().zip(bytes) {
                    *element = <$type>::from_bits(byte);
                }
                Ok(())
            }

            fn write(elements: &[Self], bytes: &mut Vec<u8>) {
                bytes.extend(elements.iter().map(|element| element.to_bits()));
            }
        })*
    };
}
raw_byte!(F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0);

/// Types narrower than a byte share one, the first element in the lowest bits.
macro_rules! raw_packed {
    ($($type:ty, $bits:literal;)*) => {
        $(impl Raw for $type {
            const BITS: usize = $bits;

            fn read(bytes: &[u8], elements: &mut [Self]) -> Result<(), OpError> {
                for (elements, &byte) in elements.chunks_mut(8 / $bits).zip(bytes) {
                    for (at, element) in elements.iter_mut().enumerate() {
                        *element = <$type>::from_bits(byte >> (at * $bits) & (u8::MAX >> (8 - $bits)));
                    }
                }
                Ok(())
            }

            fn write(elements: &[Self], bytes: &mut Vec<u8>) {
                for chunk in elements.chunks(8 / $bits) {
                    bytes.push(chunk.iter().rev().fold(0, |byte, element| byte << $bits | element.to_bits()));
                }
            }
        })*
    };
}
raw_packed! {
    U4, 4;
    I4, 4;
    F4E2M1, 4;
    U2, 2;
    I2, 2;
}

impl Raw for bool {
    const BITS: usize = 8;

    fn read(bytes: &[u8], elements: &mut [Self]) -> Result<(), OpError> {
        for (element, &byte) in elements.iter_mut().zip(bytes) {
            *element = truth(byte.into())?;
        }
        Ok(())
    }

    fn write(elements: &[Self], bytes: &mut Vec<u8>) {
        bytes.extend(elements.iter().map(|&element| u8::from(element)));
    }
}

/// The bool that a number stands for.
pub(super) fn truth(number: i64) -> Result<bool, OpError> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(OpError::invalid(
            "",
            format!("holds the bool {other}, must be 0 or 1"),
        )),
    }
}
