//! Tensors as text: nested brackets on one line, or aligned rows. Axes of size 1 in front are left out.

use linn::{Scalar, TensorView};

use super::tensor_json::non_finite;

/// The shortest text that reads back as the same element.
pub(super) fn element(scalar: Scalar<'_>) -> String {
    let number = |x: f64, text: String| match x.is_finite() {
        true => text.strip_suffix(".0").map_or(text.clone(), str::to_string),
        false => non_finite(x).to_string(),
    };
    match scalar {
        Scalar::F32(x) => number(x.into(), format!("{x:?}")),
        Scalar::F64(x) => number(x, format!("{x:?}")),
        other => other.to_string(),
    }
}

/// `[[5, 7], [13, 15]]`
pub(super) fn nested(view: &TensorView<'_>) -> String {
    let blocks = blocks(view);
    let count = view.shape().elements();
    if count == 0 {
        return "[]".to_string();
    }
    let mut text = String::new();
    for (index, scalar) in view.scalars().enumerate() {
        let edges = |at: usize| {
            blocks
                .iter()
                .filter(|&&block| at.is_multiple_of(block))
                .count()
        };
        if index > 0 {
            text += ", ";
        }
        text += &"[".repeat(edges(index));
        text += &element(scalar);
        text += &"]".repeat(edges(index + 1));
    }
    text
}

/// A line for each row, the columns aligned, and a line with its indices before each plane if there are
/// several.
pub(super) fn rows(view: &TensorView<'_>, cell: impl Fn(Scalar<'_>) -> String) -> String {
    let blocks = blocks(view);
    let [.., row] = blocks.as_slice() else {
        return view
            .scalar(0)
            .map_or(String::new(), |scalar| cell(scalar) + "\n");
    };
    let cells: Vec<String> = view.scalars().map(cell).collect();
    let width = cells
        .iter()
        .map(|cell| cell.chars().count())
        .max()
        .unwrap_or(0);
    let plane = blocks
        .len()
        .checked_sub(2)
        .map_or(*row, |axis| blocks[axis]);
    let mut text = String::new();
    for (index, row_cells) in cells.chunks(*row).enumerate() {
        let at = index * row;
        if plane < cells.len() && at % plane == 0 {
            text += &plane_name(&blocks, at);
        }
        let aligned: Vec<String> = row_cells
            .iter()
            .map(|cell| format!("{cell:>width$}"))
            .collect();
        text += &aligned.join(" ");
        text += "\n";
    }
    text
}

/// A cell for numbers that people compare: whole numbers as they are, else four decimals, unless those
/// would hide a value.
pub(super) fn decimals(view: &TensorView<'_>) -> impl Fn(Scalar<'_>) -> String + use<> {
    let values: Vec<f64> = view
        .scalars()
        .filter_map(Scalar::to_f64)
        .filter(|x| x.is_finite())
        .collect();
    let whole = values.iter().all(|x| x.fract() == 0.0);
    let plain = values
        .iter()
        .all(|x| *x == 0.0 || (1e-2..1e6).contains(&x.abs()));
    move |scalar| match scalar {
        Scalar::F32(x) if x.is_finite() && plain && !whole => format!("{x:.4}"),
        Scalar::F64(x) if x.is_finite() && plain && !whole => format!("{x:.4}"),
        other => element(other),
    }
}

/// The number of elements below each axis that is left, outermost first: the last is a row.
fn blocks(view: &TensorView<'_>) -> Vec<usize> {
    let dims = view.shape();
    let first = dims.iter().position(|&dim| dim != 1).unwrap_or(dims.len());
    (first..dims.len())
        .map(|axis| dims[axis..].iter().product())
        .collect()
}

/// `[0,1]`: the indices of the plane that begins at element `at`.
fn plane_name(blocks: &[usize], at: usize) -> String {
    let indices: Vec<String> = blocks[..blocks.len() - 2]
        .iter()
        .zip(&blocks[1..])
        .map(|(whole, part)| (at % whole / part).to_string())
        .collect();
    format!("[{}]\n", indices.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use linn::Tensor;

    fn iota(dims: &[usize]) -> Tensor {
        let len = dims.iter().product::<usize>();
        Tensor::new(dims, (0..len).map(|i| i as f32).collect()).unwrap()
    }

    #[test]
    fn brackets_nest_as_the_axes_do() {
        let nested = |dims: &[usize]| super::nested(&iota(dims).as_view());
        assert_eq!(nested(&[1, 1, 2, 2]), "[[0, 1], [2, 3]]");
        assert_eq!(nested(&[2, 1, 2]), "[[[0, 1]], [[2, 3]]]");
        assert_eq!(nested(&[1, 3]), "[0, 1, 2]");
        assert_eq!(nested(&[]), "0");
        assert_eq!(nested(&[1, 1]), "0");
        assert_eq!(nested(&[2, 0]), "[]");
    }

    #[test]
    fn rows_are_aligned_and_planes_named() {
        let rows = |dims: &[usize]| super::rows(&iota(dims).as_view(), element);
        assert_eq!(
            rows(&[1, 1, 3, 4]),
            " 0  1  2  3\n 4  5  6  7\n 8  9 10 11\n"
        );
        assert_eq!(rows(&[2, 1, 2, 1]), "[0,0]\n0\n1\n[1,0]\n2\n3\n");
        assert_eq!(rows(&[3]), "0 1 2\n");
        assert_eq!(rows(&[1]), "0\n");
        assert_eq!(rows(&[0, 2]), "");
    }

    #[test]
    fn elements_are_short_and_exact() {
        let text = |x: f32| element(Scalar::F32(x));
        assert_eq!(
            (text(0.1), text(5.0), text(1e30)),
            ("0.1".into(), "5".into(), "1e30".into())
        );
        assert_eq!(
            (text(f32::NAN), text(f32::NEG_INFINITY)),
            ("nan".into(), "-inf".into())
        );
        let thirds = Tensor::new(&[2], vec![1.0f32 / 3.0, 2.0]).unwrap();
        assert_eq!(
            rows(&thirds.as_view(), decimals(&thirds.as_view())),
            "0.3333 2.0000\n"
        );
        let tiny = Tensor::new(&[2], vec![1e-7f32, 2.5]).unwrap();
        assert_eq!(
            rows(&tiny.as_view(), decimals(&tiny.as_view())),
            "1e-7  2.5\n"
        );
    }
}
