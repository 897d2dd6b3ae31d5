//! Whether an output agrees with the stored one, and how far off it is.

use linn::{Scalar, Tensor};

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

/// What differs between two tensors, on one line; `None` if they agree.
pub(super) fn difference(got: &Tensor, want: &Tensor, tolerance: Tolerance) -> Option<String> {
    if got.dtype() != want.dtype() || got.shape() != want.shape() {
        return Some(format!("got {got}, want {want}"));
    }
    let (got_view, want_view) = (got.as_view(), want.as_view());
    let mut differing = got_view
        .scalars()
        .zip(want_view.scalars())
        .enumerate()
        .filter(|(_, (got, want))| !agrees(*got, *want, tolerance));
    let (first, (got_first, want_first)) = differing.next()?;
    let mut worst = distance(got_first, want_first);
    let mut count = 1;
    for (_, (got, want)) in differing {
        count += 1;
        worst = worst
            .zip(distance(got, want))
            .map(|(a, b)| (worse(a.0, b.0), worse(a.1, b.1)));
    }
    let mut text = format!(
        "{want}: {count} of {} differ, first at {:?}: got {}, want {}",
        want.shape().elements(),
        position(first, want.shape()),
        shown(got_first),
        shown(want_first),
    );
    if let Some((absolute, relative)) = worst {
        text += &format!(
            "; worst absolute difference {}, relative {}",
            rounded(absolute),
            rounded(relative)
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

/// The absolute and the relative difference of two numbers.
fn distance(got: Scalar<'_>, want: Scalar<'_>) -> Option<(f64, f64)> {
    let (off, size) = match (got, want) {
        (Scalar::Int(got), Scalar::Int(want)) => {
            (got.abs_diff(want) as f64, want.unsigned_abs() as f64)
        }
        (Scalar::UInt(got), Scalar::UInt(want)) => (got.abs_diff(want) as f64, want as f64),
        _ => {
            let (got, want) = (float(got)?, float(want)?);
            ((got.0 - want.0).hypot(got.1 - want.1), want.0.hypot(want.1))
        }
    };
    let relative = if off.is_infinite() { off } else { off / size };
    Some((off, relative))
}

/// The larger one, NaN being worst.
fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || a >= b { a } else { b }
}

/// The index of element `flat` along each axis.
fn position(flat: usize, dims: &[usize]) -> Vec<usize> {
    let mut rest = flat;
    let mut position: Vec<usize> = dims
        .iter()
        .rev()
        .map(|dim| {
            let index = rest % dim;
            rest /= dim;
            index
        })
        .collect();
    position.reverse();
    position
}

fn shown(x: Scalar<'_>) -> String {
    const SHOWN: usize = 60;
    match x {
        Scalar::F32(x) => format!("{x:?}"),
        Scalar::F64(x) => format!("{x:?}"),
        Scalar::Text(x) if x.chars().count() > SHOWN => {
            let start: String = x.chars().take(SHOWN).collect();
            format!("{start:?}...")
        }
        other => other.to_string(),
    }
}

/// Four digits are enough to see how bad it is.
fn rounded(x: f64) -> String {
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
                 worst absolute difference 4, relative 1"
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
