//! The points of the transforms, and what they do to the numbers of a row.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

use fearless_simd::{Simd as Vectors, SimdBase, SimdFloat};

use super::filter::Filter;

/// The points at which polynomials are evaluated, one fewer than there are places and infinity: 0, those of `EACH` with
/// both signs, and perhaps a single one. Between numbers of like size fewer digits are lost than between small integers.
struct Points<const PLACES: usize>;

impl<const PLACES: usize> Points<PLACES> {
    const PAIRS: usize = (PLACES - 2) / 2;

    const EACH: [f64; 3] = match PLACES {
        4 => [1.0, 0.0, 0.0],
        6 => [FRAC_1_SQRT_2, SQRT_2, 0.0],
        7 => [0.9, 1.75, 0.0],
        8 => [0.5, 1.0, 2.0],
        _ => panic!("no filter has as many places"),
    };

    const SINGLE: Option<f64> = if PLACES == 7 { Some(0.4) } else { None };

    /// The coefficients of the product of `x - p * p` for all pairs, the lowest first.
    const PRODUCT: [f64; 4] = product(Self::EACH, Self::PAIRS, Self::PAIRS);

    /// As `PRODUCT`, without one pair.
    const OTHERS: [[f64; 4]; 3] = [
        product(Self::EACH, Self::PAIRS, 0),
        product(Self::EACH, Self::PAIRS, 1),
        product(Self::EACH, Self::PAIRS, 2),
    ];

    /// All points but infinity, in the order of places.
    fn all() -> Vec<f64> {
        let pairs = Self::EACH[..Self::PAIRS].iter();
        let signed = pairs.flat_map(|&point| [point, -point]);
        [0.0]
            .into_iter()
            .chain(signed)
            .chain(Self::SINGLE)
            .collect()
    }
}

/// The coefficients of the product of `x - p * p` for the first points but number `without`.
const fn product(points: [f64; 3], count: usize, without: usize) -> [f64; 4] {
    let mut coefficients = [1.0, 0.0, 0.0, 0.0];
    let mut at = 0;
    while at < count {
        if at != without {
            let mut power = 3;
            while power > 0 {
                coefficients[power] =
                    coefficients[power - 1] - points[at] * points[at] * coefficients[power];
                power -= 1;
            }
            coefficients[0] *= -points[at] * points[at];
        }
        at += 1;
    }
    coefficients
}

/// What transforms the weights of a row: the powers of a point, over its distances from the others.
pub(super) fn of_weights(filter: Filter) -> Vec<Vec<f64>> {
    let points = match filter.places() {
        4 => Points::<4>::all(),
        6 => Points::<6>::all(),
        7 => Points::<7>::all(),
        8 => Points::<8>::all(),
        _ => unreachable!("no filter has as many places"),
    };
    let powers = |point: f64| (0..filter.taps as i32).map(move |power| point.powi(power));
    let row = |(number, &point): (usize, &f64)| {
        let others = points
            .iter()
            .enumerate()
            .filter(|&(other, _)| other != number);
        let distances: f64 = others.map(|(_, other)| point - other).product();
        powers(point).map(|power| power / distances).collect()
    };
    let infinity = (0..filter.taps).map(|tap| f64::from(tap + 1 == filter.taps));
    let rows = points.iter().enumerate().map(row);
    rows.chain([infinity.collect()]).collect()
}

/// What makes weights of a row of transformed ones: the least squares of what [`of_weights`] does.
pub(super) fn to_weights(filter: Filter) -> Vec<Vec<f64>> {
    let of_weights = of_weights(filter);
    let taps = filter.taps;
    // The normal equations, with what is sought for each place behind them.
    let sum = |a: usize, b: usize| of_weights.iter().map(|powers| powers[a] * powers[b]).sum();
    let equation = |tap: usize| -> Vec<f64> {
        let right = of_weights.iter().map(|powers| powers[tap]);
        (0..taps)
            .map(|other| sum(tap, other))
            .chain(right)
            .collect()
    };
    let mut equations: Vec<Vec<f64>> = (0..taps).map(equation).collect();
    for tap in 0..taps {
        // Their matrix is positive definite: there is no other pivot to look for.
        let pivot = equations[tap][tap];
        for x in &mut equations[tap] {
            *x /= pivot;
        }
        let with = equations[tap].clone();
        for (other, equation) in equations.iter_mut().enumerate() {
            let factor = equation[tap];
            if other != tap {
                for (x, with) in equation.iter_mut().zip(&with) {
                    *x -= factor * with;
                }
            }
        }
    }
    equations
        .into_iter()
        .map(|equation| equation[taps..].to_vec())
        .collect()
}

#[inline(always)]
fn times<S: Vectors>(s: S, x: f64) -> S::f32s {
    <S::f32s as SimdBase<S>>::splat(s, x as f32)
}

/// The coefficients of the products of all but one of the linear factors of the points.
#[inline(always)]
pub(super) fn to_places<S: Vectors, const PLACES: usize>(
    s: S,
    d: [S::f32s; PLACES],
) -> [S::f32s; PLACES] {
    let pairs = Points::<PLACES>::PAIRS;
    let mut places = d;
    // After the factor of the single point.
    let mut after = d;
    if let Some(point) = Points::<PLACES>::SINGLE {
        let point = times::<S>(s, -point);
        for i in 0..PLACES - 1 {
            after[i] = d[i].mul_add(point, d[i + 1]);
        }
        places[PLACES - 2] = of_all_pairs::<S, PLACES>(s, d, 1);
    }
    places[0] = of_all_pairs::<S, PLACES>(s, after, 0);
    places[PLACES - 1] = of_all_pairs::<S, PLACES>(s, after, 1);
    for pair in 0..pairs {
        let (mut even, mut odd) = (after[2 * pairs], after[2 * pairs - 1]);
        for power in (0..pairs - 1).rev() {
            let coefficient = times::<S>(s, Points::<PLACES>::OTHERS[pair][power]);
            even = after[2 * power + 2].mul_add(coefficient, even);
            odd = after[2 * power + 1].mul_add(coefficient, odd);
        }
        let point = Points::<PLACES>::EACH[pair];
        places[1 + 2 * pair] = odd.mul_add(times::<S>(s, point), even);
        places[2 + 2 * pair] = odd.mul_add(times::<S>(s, -point), even);
    }
    places
}

/// The product of all pairs, applied to every second number from `first` on.
#[inline(always)]
fn of_all_pairs<S: Vectors, const PLACES: usize>(
    s: S,
    d: [S::f32s; PLACES],
    first: usize,
) -> S::f32s {
    let pairs = Points::<PLACES>::PAIRS;
    let mut sum = d[first + 2 * pairs];
    for power in (0..pairs).rev() {
        let coefficient = times::<S>(s, Points::<PLACES>::PRODUCT[power]);
        sum = d[first + 2 * power].mul_add(coefficient, sum);
    }
    sum
}

/// The sums over the points of their powers.
#[inline(always)]
pub(super) fn to_outputs<S: Vectors, const PLACES: usize, const OUT: usize>(
    s: S,
    m: [S::f32s; PLACES],
) -> [S::f32s; OUT] {
    let pairs = Points::<PLACES>::PAIRS;
    let mut outputs = [m[0]; OUT];
    let (mut sums, mut differences) = (m, m);
    for pair in 0..pairs {
        let (plus, minus) = (m[1 + 2 * pair], m[2 + 2 * pair]);
        (sums[pair], differences[pair]) = (plus + minus, plus - minus);
    }
    let mut powers = [1.0; 3];
    let mut single = 1.0;
    for output in 0..OUT {
        let numbers = if output % 2 == 0 { sums } else { differences };
        // Those that are not multiplied first.
        let mut sum = numbers[pairs - 1];
        if output > 0 {
            sum *= times::<S>(s, powers[pairs - 1]);
        }
        if output + 1 == OUT {
            sum = m[PLACES - 1] + sum;
        }
        for pair in (0..pairs - 1).rev() {
            sum = numbers[pair].mul_add(times::<S>(s, powers[pair]), sum);
        }
        if let Some(point) = Points::<PLACES>::SINGLE {
            sum = m[PLACES - 2].mul_add(times::<S>(s, single), sum);
            single *= point;
        }
        outputs[output] = if output == 0 { m[0] + sum } else { sum };
        for pair in 0..pairs {
            powers[pair] *= Points::<PLACES>::EACH[pair];
        }
    }
    outputs
}
