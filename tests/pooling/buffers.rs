//! Outputs that the caller gives: what does not fit is refused, and what does not lie in one piece.

use linn::pooling::{max_pool, max_pool_into};
use linn::{Class, Window};
use ndarray::{Array3, array, s};

#[test]
fn outputs_have_the_shape_of_the_result_and_lie_in_one_piece() {
    let x = array![[[1.0f32, 4.0, 2.0, 3.0]]];
    let window = Window::new([2]).strides([2]);
    let wanted = max_pool(x.view(), &window).expect("it fits");
    let mut y = Array3::zeros([1, 1, 2]);
    max_pool_into(x.view(), &window, y.view_mut()).expect("it fits");
    assert_eq!(y, wanted);
    let mut long = Array3::zeros([1, 1, 3]);
    let error = max_pool_into(x.view(), &window, long.view_mut()).unwrap_err();
    assert_eq!(error.class, Class::Input);
    assert!(
        error
            .to_string()
            .contains("has the shape [1, 1, 3], must have [1, 1, 2]"),
        "{error}"
    );
    let mut wide = Array3::zeros([1, 1, 4]);
    let apart = wide.slice_mut(s![.., .., ..;2]);
    let error = max_pool_into(x.view(), &window, apart).unwrap_err();
    assert!(error.to_string().contains("is not contiguous"), "{error}");
    assert!(wide.iter().all(|element| *element == 0.0));
}
