//! Shapes and sizes of dimensions, as arguments write them.

/// `1x3x224x224`, `1,3,224,224` or `16`.
pub(super) fn sizes(text: &str) -> Option<Vec<usize>> {
    text.split(['x', ','])
        .map(|size| size.trim().parse().ok())
        .collect()
}

/// The shape that an input has: `x=1x3x224x224`, in brackets if need be, the name of the only input left out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InputShape {
    pub(super) name: Option<String>,
    pub(super) sizes: Vec<usize>,
}

pub(super) fn parse_input_shape(text: &str) -> Result<InputShape, String> {
    let (name, shape) = match text.rsplit_once('=') {
        Some((name, shape)) => (Some(name), shape),
        None => (None, text),
    };
    let bare = shape
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(shape);
    let sizes = match bare.trim() {
        "" if bare != shape => Some(Vec::new()),
        bare => sizes(bare),
    };
    Ok(InputShape {
        name: name.map(str::to_string),
        sizes: sizes.ok_or("must be NAME=SHAPE, as x=1x3x224x224")?,
    })
}

/// `N=8`
pub(super) fn parse_dim(text: &str) -> Result<(String, usize), String> {
    let (name, size) = text.rsplit_once('=').ok_or("must be NAME=SIZE")?;
    let size = size.parse().map_err(|_| "SIZE is no whole number")?;
    Ok((name.to_string(), size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_written_in_three_ways() {
        let shape = |name: Option<&str>, sizes: &[usize]| {
            Ok(InputShape {
                name: name.map(str::to_string),
                sizes: sizes.to_vec(),
            })
        };
        for text in ["x=1x3x8x9", "x=1,3,8,9", "x=[1, 3, 8, 9]"] {
            assert_eq!(parse_input_shape(text), shape(Some("x"), &[1, 3, 8, 9]));
        }
        assert_eq!(parse_input_shape("16"), shape(None, &[16]));
        assert_eq!(parse_input_shape("a=b=2x0"), shape(Some("a=b"), &[2, 0]));
        assert_eq!(parse_input_shape("x=[]"), shape(Some("x"), &[]));
        for text in ["", "x=", "x=1x", "x=-1", "x=[1", "x=1x3.5", "x=N"] {
            assert!(parse_input_shape(text).is_err(), "{text}");
        }
    }
}
