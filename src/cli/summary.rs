//! What a tensor holds, in a line of text or a few keys of JSON.

use linn::text::Plain;
use linn::{DType, Scalar, Tensor, TensorView};
use serde_json::{Value, json};

use super::{cells, columns, grid, tensor_json};

/// The most elements whose values are shown.
const FEW: usize = 64;
/// The most elements, and characters, of values that share the line of their tensor.
const FEW_IN_LINE: usize = 16;
const WIDTH_IN_LINE: usize = 72;

/// Least, mean and largest of the finite elements, and how many are not finite.
#[derive(Debug, PartialEq)]
struct Statistics<'a> {
    /// `None` without finite elements, and for types that have no order.
    range: Option<Range<'a>>,
    /// `None` for types that are always finite.
    non_finite: Option<NonFinite>,
}

#[derive(Debug, PartialEq)]
struct Range<'a> {
    least: Scalar<'a>,
    mean: f64,
    most: Scalar<'a>,
}

#[derive(Debug, Default, PartialEq)]
struct NonFinite {
    nan: usize,
    inf: usize,
}

impl<'a> Statistics<'a> {
    fn of(view: &'a TensorView<'_>) -> Statistics<'a> {
        let mut counts = NonFinite::default();
        let mut range: Option<Range<'_>> = None;
        let (mut sum, mut count) = (0.0, 0usize);
        let mut is_float = false;
        for scalar in view.scalars() {
            is_float = matches!(scalar, Scalar::F32(_) | Scalar::F64(_));
            match scalar.to_f64() {
                // Neither strings nor complex numbers have an order.
                None => break,
                Some(x) if x.is_nan() => counts.nan += 1,
                Some(x) if x.is_infinite() => counts.inf += 1,
                Some(x) => {
                    sum += x;
                    count += 1;
                    let range = range.get_or_insert(Range {
                        least: scalar,
                        mean: 0.0,
                        most: scalar,
                    });
                    if less(scalar, range.least) {
                        range.least = scalar;
                    }
                    if less(range.most, scalar) {
                        range.most = scalar;
                    }
                }
            }
        }
        if let Some(range) = &mut range {
            range.mean = sum / count as f64;
        }
        Statistics {
            range,
            non_finite: is_float.then_some(counts),
        }
    }
}

/// Whether `a` is below `b`, without the rounding that 64-bit integers would suffer as floats.
fn less(a: Scalar<'_>, b: Scalar<'_>) -> bool {
    match (a, b) {
        (Scalar::Int(a), Scalar::Int(b)) => a < b,
        (Scalar::UInt(a), Scalar::UInt(b)) => a < b,
        _ => a.to_f64() < b.to_f64(),
    }
}

/// One line for each tensor: name, type and shape, statistics, and the values where they are few.
pub(super) fn lines<'a>(tensors: impl IntoIterator<Item = (&'a str, &'a Tensor)>) -> String {
    let tensors: Vec<(&str, &Tensor)> = tensors.into_iter().collect();
    let rows: Vec<Vec<String>> = tensors
        .iter()
        .map(|(name, tensor)| row(name, tensor))
        .collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let widths = rows.iter().filter_map(|line| line.get(column));
        widths.map(|cell| cells::cells(cell)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for (line, (_, tensor)) in rows.iter().zip(&tensors) {
        let mut padded = String::new();
        for (cell, width) in line.iter().zip(&widths).filter(|(_, width)| **width > 0) {
            padded += &columns::padded(cell, *width);
            padded += "  ";
        }
        let (in_line, below) = values(&tensor.as_view());
        padded += &in_line;
        text += padded.trim_end();
        text += "\n";
        for row in below.lines() {
            text += &format!("  {row}\n");
        }
    }
    text
}

/// The cells of a tensor's line before its values.
fn row(name: &str, tensor: &Tensor) -> Vec<String> {
    let view = tensor.as_view();
    let statistics = Statistics::of(&view);
    let mut cells = vec![Plain(name).to_string(), tensor.to_string()];
    match &statistics.range {
        Some(range) => {
            cells.push(format!("min {}", grid::element(range.least)));
            cells.push(format!(
                "mean {}",
                grid::element(mean(range, tensor.dtype()))
            ));
            cells.push(format!("max {}", grid::element(range.most)));
        }
        None => cells.extend([const { String::new() }; 3]),
    }
    cells.push(match statistics.non_finite {
        Some(counts) => format!("nan {}  inf {}", counts.nan, counts.inf),
        None => String::new(),
    });
    cells
}

/// The mean with as many digits as the elements have.
fn mean(range: &Range<'_>, dtype: DType) -> Scalar<'static> {
    match dtype {
        DType::F64 => Scalar::F64(range.mean),
        _ => Scalar::F32(range.mean as f32),
    }
}

/// The values of a small tensor: behind its line, or in rows below it.
fn values(view: &TensorView<'_>) -> (String, String) {
    let count = view.shape().elements();
    if count > FEW {
        return (String::new(), String::new());
    }
    let in_line = grid::nested(view);
    match count <= FEW_IN_LINE && in_line.chars().count() <= WIDTH_IN_LINE {
        true => (in_line, String::new()),
        false => (String::new(), grid::rows(view, grid::element)),
    }
}

/// `{"name":..,"dtype":..,"shape":..,"min":..,"mean":..,"max":..,"nan":..,"inf":..}`, with `"data"` where
/// they are few.
pub(super) fn json(name: &str, tensor: &Tensor) -> Value {
    let view = tensor.as_view();
    let statistics = Statistics::of(&view);
    let range = statistics.range.as_ref();
    let of_range = |pick: fn(&Range<'_>) -> Value| range.map_or(Value::Null, pick);
    let counts = statistics.non_finite.unwrap_or_default();
    let mut document = json!({
        "name": name,
        "dtype": tensor.dtype().name(),
        "shape": tensor.shape().to_vec(),
        "min": of_range(|range| tensor_json::value(range.least)),
        "mean": of_range(|range| tensor_json::value(Scalar::F64(range.mean))),
        "max": of_range(|range| tensor_json::value(range.most)),
        "nan": counts.nan,
        "inf": counts.inf,
    });
    if tensor.shape().elements() <= FEW {
        document["data"] = view.scalars().map(tensor_json::value).collect();
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use linn::Element;

    fn tensor<T: Element>(dims: &[usize], data: Vec<T>) -> Tensor {
        Tensor::new(dims, data).unwrap()
    }

    #[test]
    fn a_small_tensor_is_one_line_and_lines_are_aligned() {
        let y = tensor(&[1, 1, 2, 2], vec![5.0f32, 7.0, 13.0, 15.0]);
        let index = tensor(&[1], vec![i64::MAX]);
        assert_eq!(
            lines([("y", &y)]),
            "y  f32[1,1,2,2]  min 5  mean 10  max 15  nan 0  inf 0  [[5, 7], [13, 15]]\n"
        );
        let text = lines([("y", &y), ("Indices", &index)]);
        let (first, second) = text.split_once('\n').unwrap();
        assert_eq!(first.find("min"), second.find("min"));
        assert!(second.trim_end().ends_with("9223372036854775807"));
    }

    #[test]
    fn larger_tensors_have_rows_and_large_ones_statistics_alone() {
        let rows = lines([("y", &tensor(&[5, 5], (0..25u8).collect()))]);
        assert_eq!(rows.lines().count(), 6);
        assert_eq!(rows.lines().nth(2), Some("   5  6  7  8  9"));
        let large = lines([("y", &tensor(&[65], vec![0.5f32; 65]))]);
        assert_eq!(
            large,
            "y  f32[65]  min 0.5  mean 0.5  max 0.5  nan 0  inf 0\n"
        );
    }

    #[test]
    fn statistics_leave_out_what_is_not_finite() {
        let tensor = tensor(&[4], vec![f32::NAN, f32::INFINITY, 1.0, 2.0]);
        let document = json("y", &tensor);
        let key = |key: &str| document[key].clone();
        assert_eq!(
            (key("min"), key("mean"), key("max")),
            (json!(1.0), json!(1.5), json!(2.0))
        );
        assert_eq!((key("nan"), key("inf")), (json!(1), json!(1)));
        assert_eq!(key("data"), json!(["nan", "inf", 1.0, 2.0]));
    }

    #[test]
    fn types_without_order_and_empty_tensors_have_no_range() {
        let strings = tensor(&[2], vec!["a\u{1b}".to_string(), "b".to_string()]);
        assert_eq!(
            lines([("s", &strings)]),
            "s  string[2]  [\"a\\u{1b}\", \"b\"]\n"
        );
        assert_eq!(json("s", &strings)["min"], Value::Null);
        assert_eq!(
            lines([("e", &tensor(&[0], Vec::<f32>::new()))]),
            "e  f32[0]  []\n"
        );
        let large = tensor(&[2], vec![u64::MAX, u64::MAX - 1]);
        assert_eq!(json("u", &large)["min"], json!(u64::MAX - 1));
        let truth = tensor(&[2], vec![true, false]);
        assert_eq!(
            lines([("b", &truth)]),
            "b  bool[2]  min false  mean 0.5  max true  [true, false]\n"
        );
    }
}
