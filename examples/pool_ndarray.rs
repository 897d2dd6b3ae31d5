//! Pools an ndarray array without any model: the engine alone.
//!
//!     cargo run --example pool_ndarray

use linn::{Simd, Window, pooling};
use ndarray::{Array4, s};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Two channels of 6x6, as a convolution might leave them.
    let x = Array4::from_shape_fn((1, 2, 6, 6), |(_, channel, row, column)| {
        (row as f32 - 2.5).powi(2) + column as f32 * (1.0 + channel as f32)
    });

    // As ONNX has it: a stride of 1 and no padding unless something else is said.
    let window = Window::new([3, 3]).strides([2, 2]).pads([1, 1, 1, 1]);
    let largest = pooling::max_pool(x.view(), &window)?;
    println!(
        "max {:?}\n{:.2}",
        largest.dim(),
        largest.slice(s![0, 0, .., ..])
    );

    // The mean of what lies inside the array; `true` would count the padding as zeros.
    let mean = pooling::average_pool(x.view(), &window, false)?;
    println!("mean {:?}\n{:.2}", mean.dim(), mean.slice(s![0, 0, .., ..]));

    // A buffer of one's own is filled instead of a new one, so that a loop allocates nothing.
    let mut again = Array4::zeros(largest.dim());
    pooling::max_pool_into(x.view(), &window, again.view_mut())?;
    assert_eq!(again, largest);

    // The bits are the same for every instruction set.
    for simd in Simd::available() {
        let y = simd.install(|| pooling::average_pool(x.view(), &window, false))??;
        assert!(y.iter().zip(&mean).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
    Ok(())
}
