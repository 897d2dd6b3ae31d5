//! The points of the transforms, and what they do to six numbers.

use fearless_simd::{Simd as Vectors, SimdBase, SimdFloat};

use super::{IN, OUT};

/// The points at which polynomials are evaluated are 0, these two with both signs, and infinity. Between numbers of like
/// size fewer digits are lost than between those of the small integers 1 and 2.
const A: f64 = std::f64::consts::FRAC_1_SQRT_2;
const B: f64 = std::f64::consts::SQRT_2;

/// What transforms three weights of a row: the powers of a point, over its distances from the others.
pub(super) const G: [[f64; 3]; IN] = [
    [1.0 / (A * A * B * B), 0.0, 0.0],
    powers(A, 2.0 * A * A * (A * A - B * B)),
    powers(-A, 2.0 * A * A * (A * A - B * B)),
    powers(B, 2.0 * B * B * (B * B - A * A)),
    powers(-B, 2.0 * B * B * (B * B - A * A)),
    [0.0, 0.0, 1.0],
];

const fn powers(point: f64, distances: f64) -> [f64; 3] {
    [
        1.0 / distances,
        point / distances,
        point * point / distances,
    ]
}

#[inline(always)]
fn times<S: Vectors>(s: S, x: f64) -> S::f32s {
    <S::f32s as SimdBase<S>>::splat(s, x as f32)
}

/// The coefficients of the products of all but one of the linear factors of the points.
#[inline(always)]
pub(super) fn to_places<S: Vectors>(s: S, d: [S::f32s; IN]) -> [S::f32s; IN] {
    let [d0, d1, d2, d3, d4, d5] = d;
    let (product, sum) = (
        times::<S>(s, A * A * B * B),
        times::<S>(s, -(A * A + B * B)),
    );
    let (minus_a, minus_b) = (times::<S>(s, -A * A), times::<S>(s, -B * B));
    let (even_a, odd_a) = (d2.mul_add(minus_b, d4), d1.mul_add(minus_b, d3));
    let (even_b, odd_b) = (d2.mul_add(minus_a, d4), d1.mul_add(minus_a, d3));
    [
        d0.mul_add(product, d2.mul_add(sum, d4)),
        odd_a.mul_add(times::<S>(s, A), even_a),
        odd_a.mul_add(times::<S>(s, -A), even_a),
        odd_b.mul_add(times::<S>(s, B), even_b),
        odd_b.mul_add(times::<S>(s, -B), even_b),
        d1.mul_add(product, d3.mul_add(sum, d5)),
    ]
}

/// The sums over the points of their powers.
#[inline(always)]
pub(super) fn to_outputs<S: Vectors>(s: S, m: [S::f32s; IN]) -> [S::f32s; OUT] {
    let [m0, m1, m2, m3, m4, m5] = m;
    let (even_a, odd_a) = (m1 + m2, m1 - m2);
    let (even_b, odd_b) = (m3 + m4, m3 - m4);
    [
        m0 + (even_a + even_b),
        odd_a.mul_add(times::<S>(s, A), odd_b * times::<S>(s, B)),
        even_a.mul_add(times::<S>(s, A * A), even_b * times::<S>(s, B * B)),
        odd_a.mul_add(
            times::<S>(s, A * A * A),
            odd_b.mul_add(times::<S>(s, B * B * B), m5),
        ),
    ]
}
