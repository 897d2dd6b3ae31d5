//! How far one tensor is from another, and whether that is within a tolerance.

use half::{bf16, f16};
use linn::{DType, Scalar, Tensor};

/// Elements agree if `|got - want| <= atol + rtol * |want|`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tolerance {
    pub(super) rtol: f64,
    pub(super) atol: f64,
}

impl Tolerance {
    /// That of ONNX's own test runner.
    pub(super) const ONNX: Tolerance = Tolerance {
        rtol: 1e-3,
        atol: 1e-7,
    };

    /// Only equal elements agree.
    pub(super) const NONE: Tolerance = Tolerance {
        rtol: 0.0,
        atol: 0.0,
    };
}

/// How two tensors of one type and shape differ.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Difference {
    pub(super) elements: usize,
    /// How many elements are not equal.
    pub(super) unequal: usize,
    /// How many of these are not within the tolerance.
    pub(super) beyond: usize,
    /// The first element that is not within the tolerance.
    first: Option<usize>,
    /// The element with the largest absolute difference, of those that are not within the tolerance if there
    /// are any.
    pub(super) worst: Option<usize>,
    /// The largest differences; `None` where the elements are no numbers.
    pub(super) largest: Option<Largest>,
}

/// The largest differences of two tensors, each of any element. NaN is larger than all numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Largest {
    pub(super) absolute: f64,
    /// The absolute difference by what is wanted, where that is not 0.
    pub(super) relative: f64,
    /// How many steps of the type lie between two finite elements; for floats of 16 bits and more.
    pub(super) ulps: Option<u64>,
}

impl Difference {
    /// How `got` differs from `want`; `None` if its type or shape does.
    pub(super) fn new(got: &Tensor, want: &Tensor, tolerance: Tolerance) -> Option<Difference> {
        if got.dtype() != want.dtype() || got.shape() != want.shape() {
            return None;
        }
        let dtype = want.dtype();
        let mut difference = Difference {
            elements: want.shape().elements(),
            largest: Largest::none(dtype),
            ..Difference::default()
        };
        // What holds a NaN is never equal, and looked at more closely.
        if got == want {
            return Some(difference);
        }
        let (got, want) = (got.as_view(), want.as_view());
        let mut farthest = None;
        for (index, (got, want)) in got.scalars().zip(want.scalars()).enumerate() {
            if agrees(got, want, Tolerance::NONE) {
                continue;
            }
            difference.unequal += 1;
            let is_beyond = !agrees(got, want, tolerance);
            if is_beyond {
                difference.beyond += 1;
                difference.first.get_or_insert(index);
            }
            let off = difference
                .largest
                .as_mut()
                .map_or(0.0, |largest| largest.add(dtype, got, want));
            let rank = (is_beyond, off);
            if farthest.is_none_or(|farthest| outranks(rank, farthest)) {
                farthest = Some(rank);
                difference.worst = Some(index);
            }
        }
        Some(difference)
    }
}

/// Whether the first one is worse: not within the tolerance where the other is, else further off.
fn outranks(a: (bool, f64), b: (bool, f64)) -> bool {
    let is_further = a.1 > b.1 || (a.1.is_nan() && !b.1.is_nan());
    a.0 && !b.0 || a.0 == b.0 && is_further
}

impl Largest {
    fn none(dtype: DType) -> Option<Largest> {
        match dtype {
            DType::Bool | DType::String => None,
            _ => Some(Largest {
                ulps: steps(dtype, 0.0).map(|_| 0),
                ..Largest::default()
            }),
        }
    }

    /// Takes in two elements that are not equal, and returns their absolute difference.
    fn add(&mut self, dtype: DType, got: Scalar<'_>, want: Scalar<'_>) -> f64 {
        let Some((off, size)) = distance(got, want) else {
            return 0.0;
        };
        self.absolute = worse(self.absolute, off);
        if off.is_nan() || off.is_infinite() {
            self.relative = worse(self.relative, off);
        } else if size != 0.0 {
            self.relative = worse(self.relative, off / size);
        }
        let place = |x: Scalar<'_>| steps(dtype, x.to_f64().filter(|x| x.is_finite())?);
        if let (Some(got), Some(want)) = (place(got), place(want)) {
            let ulps = got.abs_diff(want);
            self.ulps = self.ulps.map(|largest| largest.max(ulps));
        }
        off
    }
}

/// The place of a float among all those of its type, from the least to the largest; both zeros are at 0.
fn steps(dtype: DType, x: f64) -> Option<i64> {
    let bits = match dtype {
        DType::F64 => x.abs().to_bits() as i64,
        DType::F32 => (x.abs() as f32).to_bits().into(),
        DType::F16 => f16::from_f64(x.abs()).to_bits().into(),
        DType::BF16 => bf16::from_f64(x.abs()).to_bits().into(),
        _ => return None,
    };
    Some(if x < 0.0 { -bits } else { bits })
}

/// What differs between two tensors, on one line; `None` if they agree.
pub(super) fn difference(got: &Tensor, want: &Tensor, tolerance: Tolerance) -> Option<String> {
    let Some(difference) = Difference::new(got, want, tolerance) else {
        return Some(format!("got {got}, want {want}"));
    };
    let first = difference.first?;
    let mut text = format!(
        "{want}: {} of {} differ, first at {}: got {}, want {}",
        difference.beyond,
        difference.elements,
        position(first, want),
        shown(got, first),
        shown(want, first),
    );
    if let Some(largest) = difference.largest {
        text += &format!(
            "; worst absolute difference {}, relative {}",
            rounded(largest.absolute),
            rounded(largest.relative)
        );
        if let Some(ulps) = largest.ulps.filter(|ulps| *ulps > 0) {
            text += &format!(", {} ulp", rounded(ulps as f64));
        }
    }
    if let Some(worst) = difference.worst.filter(|worst| *worst != first) {
        text += &format!(
            ", at {}: got {}, want {}",
            position(worst, want),
            shown(got, worst),
            shown(want, worst),
        );
    }
    Some(text)
}

/// Integers, booleans and strings agree only if they are equal.
fn agrees(got: Scalar<'_>, want: Scalar<'_>, tolerance: Tolerance) -> bool {
    match (float(got), float(want)) {
        (Some(got), Some(want)) => close(got, want, tolerance),
        _ => got == want,
    }
}

/// A float as a complex number.
fn float(x: Scalar<'_>) -> Option<(f64, f64)> {
    match x {
        Scalar::F32(x) => Some((x.into(), 0.0)),
        Scalar::F64(x) => Some((x, 0.0)),
        Scalar::Complex(re, im) => Some((re, im)),
        Scalar::Int(_) | Scalar::UInt(_) | Scalar::Bool(_) | Scalar::Text(_) => None,
    }
}

/// NaN agrees with NaN and with nothing else, an infinity with itself.
fn close(got: (f64, f64), want: (f64, f64), tolerance: Tolerance) -> bool {
    let is_nan = |(re, im): (f64, f64)| re.is_nan() || im.is_nan();
    if got == want || (is_nan(got) && is_nan(want)) {
        return true;
    }
    let size = want.0.hypot(want.1);
    let off = (got.0 - want.0).hypot(got.1 - want.1);
    size.is_finite() && off <= tolerance.atol + tolerance.rtol * size
}

/// The absolute difference of two numbers, and the size of the wanted one.
fn distance(got: Scalar<'_>, want: Scalar<'_>) -> Option<(f64, f64)> {
    Some(match (got, want) {
        (Scalar::Int(got), Scalar::Int(want)) => {
            (got.abs_diff(want) as f64, want.unsigned_abs() as f64)
        }
        (Scalar::UInt(got), Scalar::UInt(want)) => (got.abs_diff(want) as f64, want as f64),
        _ => {
            let (got, want) = (float(got)?, float(want)?);
            ((got.0 - want.0).hypot(got.1 - want.1), want.0.hypot(want.1))
        }
    })
}

/// The larger one, NaN being worst.
fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || a >= b { a } else { b }
}

/// The index of element `flat` along each axis.
pub(super) fn index(flat: usize, tensor: &Tensor) -> Vec<usize> {
    let mut rest = flat;
    let mut index: Vec<usize> = tensor
        .shape()
        .iter()
        .rev()
        .map(|dim| {
            let at = rest % dim;
            rest /= dim;
            at
        })
        .collect();
    index.reverse();
    index
}

/// `[0, 2]`
pub(super) fn position(flat: usize, tensor: &Tensor) -> String {
    format!("{:?}", index(flat, tensor))
}

/// Element `flat` for people.
pub(super) fn shown(tensor: &Tensor, flat: usize) -> String {
    const SHOWN: usize = 60;
    match tensor.as_view().scalar(flat) {
        Some(Scalar::F32(x)) => format!("{x:?}"),
        Some(Scalar::F64(x)) => format!("{x:?}"),
        Some(Scalar::Text(x)) if x.chars().count() > SHOWN => {
            let start: String = x.chars().take(SHOWN).collect();
            format!("{start:?}...")
        }
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// Four digits are enough to see how bad it is.
pub(super) fn rounded(x: f64) -> String {
    match x {
        _ if x.fract() == 0.0 && x < 1e6 => format!("{x}"),
        _ if (1e-3..1e6).contains(&x) => format!("{x:.4}"),
        _ => format!("{x:.3e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linn::Element;

    fn compare<T: Element>(got: Vec<T>, want: Vec<T>, tolerance: Tolerance) -> Option<String> {
        let tensor = |data: Vec<T>| Tensor::new(&[1, data.len()], data).expect("it fits");
        difference(&tensor(got), &tensor(want), tolerance)
    }

    #[test]
    fn the_tolerance_is_relative_to_what_is_wanted() {
        let agrees =
            |got: f64, want: f64| compare(vec![got], vec![want], Tolerance::ONNX).is_none();
        assert!(agrees(1.001, 1.0));
        assert!(!agrees(1.0011, 1.0));
        assert!(agrees(1e-7, 0.0));
        assert!(!agrees(1.1e-7, 0.0));
        assert!(agrees(0.0, -0.0));
        assert!(!agrees(f64::MAX, -f64::MAX));
    }

    #[test]
    fn nan_and_infinities_agree_with_themselves() {
        let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e38, 0.0];
        for got in special {
            for want in special {
                for tolerance in [Tolerance::ONNX, Tolerance::NONE] {
                    let agrees = compare(vec![got], vec![want], tolerance).is_none();
                    assert_eq!(agrees, got.to_bits() == want.to_bits(), "{got} {want}");
                }
            }
        }
    }

    #[test]
    fn the_first_and_the_worst_are_told() {
        let got = vec![1.0f32, 2.5, 0.0, 7.0];
        let want = vec![1.0f32, 2.0, 4.0, 7.0];
        assert_eq!(
            compare(got, want, Tolerance::ONNX).as_deref(),
            Some(
                "f32[1,4]: 2 of 4 differ, first at [0, 1]: got 2.5, want 2.0; \
                 worst absolute difference 4, relative 1, 1.082e9 ulp, at [0, 2]: got 0.0, want 4.0"
            )
        );
        assert_eq!(
            compare(vec![f32::NAN], vec![0.0], Tolerance::ONNX).as_deref(),
            Some(
                "f32[1,1]: 1 of 1 differ, first at [0, 0]: got NaN, want 0.0; \
                 worst absolute difference NaN, relative NaN"
            )
        );
    }

    #[test]
    fn steps_are_those_of_the_type() {
        let of = |got: Tensor, want: Tensor| {
            let difference = Difference::new(&got, &want, Tolerance::ONNX).expect("alike");
            let ulps = difference.largest.expect("they are numbers").ulps;
            (difference.unequal, difference.beyond, ulps)
        };
        fn one<T: Element>(x: T) -> Tensor {
            Tensor::new(&[1], vec![x]).expect("it fits")
        }
        let next = f32::from_bits(1.0f32.to_bits() + 1);
        assert_eq!(of(one(next), one(1.0f32)), (1, 0, Some(1)));
        assert_eq!(of(one(f64::from(next)), one(1.0f64)).2, Some(1 << 29));
        let least = f32::from_bits(1);
        assert_eq!(of(one(least), one(-least)), (1, 0, Some(2)));
        assert_eq!(of(one(0.0f32), one(-0.0f32)), (0, 0, Some(0)));
        let half = |x: f32| one(f16::from_f32(x));
        assert_eq!(of(half(1.0), half(2.0)), (1, 1, Some(1 << 10)));
        let brain = |x: f32| one(bf16::from_f32(x));
        assert_eq!(of(brain(1.0), brain(2.0)), (1, 1, Some(1 << 7)));
        assert_eq!(of(one(1i32), one(2i32)), (1, 1, None));
        assert_eq!(of(one(f32::NAN), one(1.0f32)), (1, 1, Some(0)));
    }

    #[test]
    fn the_worst_element_is_beyond_the_tolerance_if_any_is() {
        let got = Tensor::new(&[2, 2], vec![1000.5f32, 0.0, 2.0, 0.1]).expect("it fits");
        let want = Tensor::new(&[2, 2], vec![1000.0f32, 0.0, 2.0, 0.2]).expect("it fits");
        let worst = |rtol| {
            let tolerance = Tolerance { rtol, atol: 0.0 };
            let difference = Difference::new(&got, &want, tolerance).expect("alike");
            let worst = difference.worst.expect("they differ");
            (difference.beyond, position(worst, &want))
        };
        assert_eq!(worst(1e-3), (1, "[1, 1]".to_string()));
        assert_eq!(worst(0.0), (2, "[0, 0]".to_string()));
        assert_eq!(worst(1.0), (0, "[0, 0]".to_string()));
    }

    #[test]
    fn integers_and_strings_have_no_tolerance() {
        let loose = Tolerance {
            rtol: 1.0,
            atol: 1.0,
        };
        assert_eq!(
            compare(vec![i64::MAX], vec![i64::MAX - 1], loose).as_deref(),
            Some(
                "i64[1,1]: 1 of 1 differ, first at [0, 0]: got 9223372036854775807, \
                 want 9223372036854775806; worst absolute difference 1, relative 1.084e-19"
            )
        );
        assert_eq!(
            compare(vec!["a".to_string()], vec!["b\n".to_string()], loose).as_deref(),
            Some(r#"string[1,1]: 1 of 1 differ, first at [0, 0]: got "a", want "b\n""#)
        );
        assert!(compare(vec![true], vec![false], loose).is_some());
    }
}
