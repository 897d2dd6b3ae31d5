//! `--shape` and `--dim`: shapes and sizes of dimensions, as arguments write them.

use std::collections::BTreeMap;

use linn::text::{Plain, Quoted};
use linn::{Dim, ValueInfo};

use super::Failure;
use super::inputs::{Role, only, unknown};

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

/// Sizes of named dimensions.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Dims {
    /// The size of a dimension that the inputs have a name for; may be repeated
    #[arg(long, value_name = "NAME=SIZE", value_parser = parse_dim)]
    pub(super) dim: Vec<(String, usize)>,
}

/// `N=8`
fn parse_dim(text: &str) -> Result<(String, usize), String> {
    let (name, size) = text.rsplit_once('=').ok_or("must be NAME=SIZE")?;
    let size = size.parse().map_err(|_| "SIZE is no whole number")?;
    Ok((name.to_string(), size))
}

/// Shapes by the names of their inputs.
pub(super) type Shapes = BTreeMap<String, Vec<usize>>;

/// What the inputs `infos` are when some of them have these shapes. Names of dimensions that get a size have it in all
/// inputs.
pub(super) fn apply(
    shapes: &[InputShape],
    infos: &[ValueInfo],
) -> Result<(Vec<ValueInfo>, Shapes), Failure> {
    let mut infos = infos.to_vec();
    let mut by_name = Shapes::new();
    let mut symbols: BTreeMap<String, usize> = BTreeMap::new();
    for shape in shapes {
        let name = match &shape.name {
            None => only(&infos, Role::Input)?.name.clone(),
            Some(name) => name.clone(),
        };
        let Some(info) = infos.iter_mut().find(|info| info.name == name) else {
            return Err(unknown(&name, &infos, Role::Input));
        };
        if by_name.insert(name.clone(), shape.sizes.clone()).is_some() {
            let name = Quoted(&name);
            return Err(Failure::Usage(format!(
                "the input {name} is given two shapes"
            )));
        }
        let known = |size: &usize| Dim::Known(*size);
        let dims: Vec<Dim> = shape.sizes.iter().map(known).collect();
        let wanted = info.dims.replace(dims);
        let Some(wanted) = wanted else { continue };
        let contradiction = |reason: String| {
            let shown = shown(&shape.sizes);
            let name = Plain(&name);
            Err(Failure::Input(format!("--shape {name}={shown}: {reason}")))
        };
        if wanted.len() != shape.sizes.len() {
            return contradiction(format!(
                "rank {} where the model has rank {}",
                shape.sizes.len(),
                wanted.len()
            ));
        }
        for (axis, (dim, &size)) in wanted.iter().zip(&shape.sizes).enumerate() {
            match dim {
                Dim::Known(known) if *known != size => {
                    return contradiction(format!(
                        "axis {axis} is {size} where the model has {known}"
                    ));
                }
                Dim::Symbol(symbol) => match symbols.insert(symbol.clone(), size) {
                    Some(other) if other != size => {
                        let symbol = Quoted(symbol);
                        return contradiction(format!(
                            "the dimension {symbol} at axis {axis} is {size}, and {other} elsewhere"
                        ));
                    }
                    _ => {}
                },
                _ => {}
            }
        }
    }
    for dim in infos
        .iter_mut()
        .flat_map(|info| info.dims.iter_mut().flatten())
    {
        if let Dim::Symbol(symbol) = dim
            && let Some(size) = symbols.get(symbol)
        {
            *dim = Dim::Known(*size);
        }
    }
    Ok((infos, by_name))
}

/// `1x3x224x224`, `[]` for a scalar.
pub(super) fn shown(sizes: &[usize]) -> String {
    let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
    match sizes.is_empty() {
        true => "[]".to_string(),
        false => sizes.join("x"),
    }
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
