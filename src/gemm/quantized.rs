//! Products of 8-bit integers less their zero points, summed up exactly: sums wrap in 32 bits.
//!
//! Such differences have 9 bits. Panels hold them as 16-bit integers in pairs, two steps of the inner dimension in the
//! halves of an i32, as there are instructions that multiply and add them. What a sum becomes is found before it leaves
//! the tile.

mod pairs;
mod product;
mod requantize;
mod tile;

pub(crate) use pairs::{Bytes, lay_left, steps, widened};
pub(crate) use product::{GRAIN, block as multiply_laid, lay_right, multiply, scratch_bytes};
pub(crate) use requantize::{Lines, Output, Requantize, finish};

pub(crate) use super::panels::COLUMNS;
use super::panels::ROWS;
use crate::tensor::Element;

/// An integer of 8 bits.
pub(crate) trait Byte: Element + Copy + Default + Into<i32> {}
impl Byte for u8 {}
impl Byte for i8 {}

#[cfg(test)]
mod tests {
    use ndarray::ArrayViewMut2;

    use super::*;
    use crate::gemm::{Left, left_len};
    use crate::simd::Simd;

    /// Bytes with the lowest and the highest among them.
    fn bytes(len: usize, step: usize) -> Vec<u8> {
        let byte = |at: usize| match at % 5 {
            0 => 255,
            1 => 0,
            _ => (at * step % 256) as u8,
        };
        (0..len).map(byte).collect()
    }

    #[test]
    fn products_are_sums_of_products_of_differences() {
        for (rows, inner, columns) in [
            (1, 1, 1),
            (3, 7, 5),
            (13, 20, 33),
            (70, 301, 130),
            (300, 64, 17),
            (4, 0, 3),
        ] {
            let (a, b) = (bytes(rows * inner, 37), bytes(inner * columns, 91));
            let a_zeros: Vec<i32> = (0..rows).map(|row| row as i32 % 256).collect();
            let b_zeros: Vec<i32> = (0..columns).map(|column| 255 - column as i32).collect();
            let summands: Vec<i32> = (0..columns).map(|column| column as i32 - 3).collect();
            let steps = steps(inner, 1);
            let mut panels = vec![[0; ROWS]; left_len(rows, steps)];
            lay_left(&a, &a_zeros, inner, 1, &mut panels);
            let right = Bytes::new(Simd::installed(), &b, inner, columns, &b_zeros);
            let laid = lay_right(&right, steps, columns).expect("nobody stops it");
            let to = Requantize {
                summands: Lines {
                    rows: &[5],
                    columns: &summands,
                },
                ..Requantize::NONE
            };
            for laid in [None, Some(&laid[..])] {
                let mut c = vec![0i32; rows * columns];
                let view = ArrayViewMut2::from_shape((rows, columns), &mut c).expect("it fits");
                let left = Left::new(&panels, rows, steps);
                multiply(Simd::installed(), left, &right, laid, to, view);
                for (at, got) in c.iter().enumerate() {
                    let (row, column) = (at / columns, at % columns);
                    let product = |k: usize| {
                        let a = i32::from(a[row * inner + k]) - a_zeros[row];
                        a * (i32::from(b[k * columns + column]) - b_zeros[column])
                    };
                    let sum: i32 = (0..inner).map(product).sum();
                    assert_eq!(*got, sum + 5 + summands[column], "{rows} {inner} {columns}");
                }
            }
        }
    }

    #[test]
    fn sums_are_scaled_rounded_to_even_and_cut() {
        let to = Requantize {
            summands: Lines {
                rows: &[1, -1],
                columns: &[0],
            },
            factors: Lines {
                rows: &[0.5, f64::NAN],
                columns: &[1.0],
            },
            zeros: &[-3],
            bounds: [-100, 127],
        };
        let mut y = [0i8; 6];
        finish(&to, 0, &[0.0, 2.0, 4.0, -2.0, 1e6, -1e6], &mut y);
        // Halves of 1, 3, 5 and -1, less three.
        assert_eq!(y, [-3, -1, -1, -3, 127, -100]);
        finish(&to, 1, &[0.0; 6], &mut y);
        assert_eq!(y, [-100; 6]);
    }
}
