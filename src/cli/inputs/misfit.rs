//! What does not fit an input, and the options that would make it fit.

use std::fmt;

use linn::text::{Plain, Quoted};
use linn::{DType, Dim, Tensor};

use crate::cli::Failure;
use crate::cli::cast::cast;
use crate::cli::layout::{Rearrangement, fits};
use crate::cli::shapes;
use crate::cli::source::Wanted;
use linn::picture::Layout;

/// An input that was given something else than it takes.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Misfit {
    /// The file that it came from.
    pub(in crate::cli) file: Option<String>,
    pub(in crate::cli) input: String,
    /// Empty where type and shape are both wrong, which speak for themselves.
    pub(in crate::cli) reason: String,
    /// Types and shapes, as `f32[N,3,224,224]`.
    pub(in crate::cli) want: String,
    pub(in crate::cli) got: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}: ")?;
        }
        let (input, reason) = (Quoted(&self.input), &self.reason);
        let (want, got) = (&self.want, &self.got);
        write!(f, "the input {input}")?;
        if !reason.is_empty() {
            write!(f, " {reason}")?;
        }
        write!(f, ": wanted {want}, got {got}")
    }
}

impl Misfit {
    /// That `tensor`, which was given as `given`, is not what is wanted.
    pub(super) fn new(
        tensor: &Tensor,
        given: &str,
        wanted: Wanted<'_>,
        from: Option<&str>,
    ) -> Misfit {
        let mut reasons = Vec::new();
        if tensor.dtype() != wanted.dtype {
            let (got, want) = (tensor.dtype(), wanted.dtype);
            reasons.push(format!("has elements of type {got}, must have {want}"));
        }
        reasons.extend(misshapen(wanted.dims, tensor.shape()));
        Misfit {
            file: from.map(str::to_string),
            input: wanted.name.to_string(),
            reason: match reasons.as_slice() {
                [one] => one.clone(),
                _ => String::new(),
            },
            want: wanted.to_string(),
            got: given.to_string(),
        }
    }

    pub(super) fn failure(self, help: Option<String>) -> Failure {
        let failure = Failure::Misfit(Box::new(self));
        match help {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}

/// The options that would make a tensor fit, found by trying; `layout` is the order that its axes were said to have.
pub(super) fn remedy(
    tensor: &Tensor,
    wanted: Wanted<'_>,
    layout: Option<Layout>,
) -> Option<String> {
    let mut help = String::new();
    let mut flags = Vec::new();
    let mut looks_like_picture = false;
    if !fits(wanted.dims, tensor.shape()) {
        let (cause, flag) = match layout_that_fits(tensor.shape(), wanted, layout) {
            Some(found) => {
                looks_like_picture = tensor.dtype() == DType::U8;
                found
            }
            None => match shape_that_fits(tensor.shape(), wanted) {
                Some(found) => found,
                None => return picture_that_fits(tensor, wanted),
            },
        };
        help += &format!("{cause}: ");
        flags.push(flag);
    }
    if tensor.dtype() != wanted.dtype {
        cast(tensor, wanted.dtype).ok()?;
        flags.push("--cast".to_string());
    }
    help += &format!("add {}", flags.join(" "));
    if looks_like_picture && cfg!(feature = "image") {
        help += ", or give the picture itself, as cat.jpg";
    }
    Some(help)
}

/// What to do with the pixels of a picture of another size.
fn picture_that_fits(tensor: &Tensor, wanted: Wanted<'_>) -> Option<String> {
    let is_picture = |sizes: &[usize]| match sizes {
        [first, _, last] => is_channels(*first) || is_channels(*last),
        _ => false,
    };
    let pixels = match &**tensor.shape() {
        [1, pixels @ ..] | pixels => pixels,
    };
    let takes_pictures = match wanted.dims? {
        [_, Dim::Known(first), _, _] if is_channels(*first) => true,
        [_, _, _, Dim::Known(last)] => is_channels(*last),
        _ => false,
    };
    let is_meant = tensor.dtype() == DType::U8 && is_picture(pixels) && takes_pictures;
    (is_meant && cfg!(feature = "image"))
        .then(|| "give the picture itself, as cat.jpg, which is resized".to_string())
}

/// The order of axes that a shape would fit in, other than `layout`: what it looks like, and the option.
fn layout_that_fits(
    shape: &[usize],
    wanted: Wanted<'_>,
    layout: Option<Layout>,
) -> Option<(String, String)> {
    let are_last = match shape {
        [.., first, _, last] => is_channels(*last) && !is_channels(*first),
        _ => false,
    };
    let lacks_batch = filled(shape, wanted.dims?).is_some_and(|with| with.len() > shape.len());
    if lacks_batch && !are_last {
        return None;
    }
    let others = [(Layout::Nhwc, "last"), (Layout::Nchw, "first")];
    let others = others
        .into_iter()
        .filter(|(other, _)| Some(*other) != layout);
    others
        .filter_map(|(other, place)| {
            let found = Rearrangement::of(shape, wanted.dims, other)?;
            found.transposes?;
            let batch = match found.adds_batch {
                true => " and it has no batch axis",
                false => "",
            };
            let cause = format!("its channels look to be the {place} axis{batch}");
            Some((cause, format!("--layout {}", other.name())))
        })
        .next()
}

/// The shape with other axes of size 1 that fits: what is wrong with it, and the option.
fn shape_that_fits(shape: &[usize], wanted: Wanted<'_>) -> Option<(String, String)> {
    let filled = filled(shape, wanted.dims?)?;
    let cause = match filled.len() > shape.len() {
        true => "it lacks an axis of size 1 in front",
        false => "it has axes of size 1 that the input has not",
    };
    let flag = format!("--shape {}={}", Plain(wanted.name), shapes::shown(&filled));
    Some((cause.to_string(), flag))
}

/// Whether a picture has so many channels.
pub(super) fn is_channels(size: usize) -> bool {
    matches!(size, 1 | 3)
}

/// What is wrong with a shape.
fn misshapen(dims: Option<&[Dim]>, shape: &[usize]) -> Option<String> {
    let dims = dims?;
    if dims.len() != shape.len() {
        return Some(format!(
            "has rank {}, must have rank {}",
            shape.len(),
            dims.len()
        ));
    }
    let mut pairs = dims.iter().zip(shape).enumerate();
    pairs.find_map(|(axis, (dim, size))| match dim {
        Dim::Known(known) if known != size => Some(format!(
            "has dimension {size} at axis {axis}, must have {known}"
        )),
        _ => None,
    })
}

/// The shape with axes of size 1 put in front, or taken away there, so that it fits.
fn filled(shape: &[usize], dims: &[Dim]) -> Option<Vec<usize>> {
    let filled = match dims.len().checked_sub(shape.len()) {
        Some(0) => return None,
        Some(missing) => [&vec![1; missing], shape].concat(),
        None => {
            let (front, rest) = shape.split_at(shape.len() - dims.len());
            front.iter().all(|size| *size == 1).then(|| rest.to_vec())?
        }
    };
    fits(Some(dims), &filled).then_some(filled)
}
