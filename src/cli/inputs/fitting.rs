//! Whether a tensor fits an input, what options make it fit, and which ones would.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use linn::text::{Plain, Quoted};
use linn::{Dim, Tensor};

use crate::cli::cast::cast;
use crate::cli::layout::{Rearrangement, fits};
use crate::cli::number::number_type;
use crate::cli::picture::Layout;
#[cfg(feature = "image")]
use crate::cli::picture::Recipe;
use crate::cli::shapes::{self, Shapes};
use crate::cli::source::Wanted;
use crate::cli::{Failure, note};

/// How what is given becomes what a model takes.
#[derive(clap::Args, Clone, Debug, Default)]
pub(in crate::cli) struct Fitting {
    /// Convert inputs to the element type of the model: floats are rounded to the nearest, and a number that the type
    /// does not have is an error
    #[arg(long)]
    cast: bool,

    /// The order of axes that given arrays have, if the model has another one; a batch of 1 is put in front if need be
    #[arg(long, value_name = "ORDER", value_parser = layouts())]
    layout: Option<Layout>,

    /// What is done to the pixels of a picture [default: imagenet; scale01 for one channel, raw for bytes]
    #[cfg(feature = "image")]
    #[arg(long, value_name = "RECIPE", value_parser = recipes())]
    pub(in crate::cli) preprocess: Option<Recipe>,

    /// The shapes that inputs were given, by name.
    #[arg(skip)]
    shapes: Shapes,
}

fn layouts() -> impl TypedValueParser<Value = Layout> {
    PossibleValuesParser::new(Layout::ALL.map(Layout::name)).try_map(|name| name.parse::<Layout>())
}

#[cfg(feature = "image")]
fn recipes() -> impl TypedValueParser<Value = Recipe> {
    PossibleValuesParser::new(Recipe::ALL.map(Recipe::name)).try_map(|name| name.parse::<Recipe>())
}

impl Fitting {
    /// With the shapes that inputs were given.
    pub(in crate::cli) fn with_shapes(self, shapes: Shapes) -> Fitting {
        Fitting { shapes, ..self }
    }

    /// The tensor, from the file `from` where it is of one, made to fit an input as the options say.
    pub(in crate::cli) fn admit(
        &self,
        tensor: Tensor,
        wanted: Wanted<'_>,
        from: Option<&str>,
    ) -> Result<Tensor, Failure> {
        let given = tensor.to_string();
        let mut done = Vec::new();
        let mut tensor = tensor;
        let layout = self.layout.into_iter();
        if let Some(rearrangement) = layout
            .filter_map(|layout| Rearrangement::of(tensor.shape(), wanted.dims, layout))
            .next()
        {
            done.extend(words(rearrangement));
            tensor = rearrangement.apply(tensor);
        }
        if let Some(shape) = self.shapes.get(wanted.name)
            && **tensor.shape() != **shape
            && same_but_for_ones(tensor.shape(), shape)
        {
            tensor = reshaped(tensor, shape);
            done.push(format!("reshaped to {}", shapes::shown(shape)));
        }
        let misfit = |tensor: &Tensor| self.misfit(tensor, wanted, from, &given);
        if self.cast && tensor.dtype() != wanted.dtype && fits(wanted.dims, tensor.shape()) {
            let (cast, rounded) = cast(&tensor, wanted.dtype).map_err(|reason| {
                let reason = format!("the input {}: {reason}", Quoted(wanted.name));
                match from.map(str::to_string) {
                    Some(file) => Failure::Broken { file, reason },
                    None => Failure::Input(reason),
                }
            })?;
            done.push(match rounded {
                0 => format!("cast to {} exactly", wanted.dtype),
                _ => format!(
                    "cast to {}, {rounded} of {} elements rounded",
                    wanted.dtype,
                    cast.shape().elements()
                ),
            });
            tensor = cast;
        }
        if tensor.dtype() != wanted.dtype || !fits(wanted.dims, tensor.shape()) {
            return Err(misfit(&tensor));
        }
        if !done.is_empty() {
            let from = from.map_or_else(|| Quoted(wanted.name).to_string(), str::to_string);
            note(format!("{from} {given}: {}", done.join(", ")));
        }
        Ok(tensor)
    }

    /// Why `tensor`, which was given as `given`, does not fit, and the options that would help.
    fn misfit(
        &self,
        tensor: &Tensor,
        wanted: Wanted<'_>,
        from: Option<&str>,
        given: &str,
    ) -> Failure {
        let mut reasons = Vec::new();
        if tensor.dtype() != wanted.dtype {
            let (got, want) = (tensor.dtype(), wanted.dtype);
            reasons.push(format!("has elements of type {got}, must have {want}"));
        }
        reasons.extend(misshapen(wanted.dims, tensor.shape()));
        let failure = Failure::Misfit(Box::new(Misfit {
            file: from.map(str::to_string),
            input: wanted.name.to_string(),
            reason: reasons.join(" and "),
            want: wanted.to_string(),
            got: given.to_string(),
        }));
        match self.remedy(tensor, wanted) {
            Some(help) => failure.help(help),
            None => failure,
        }
    }

    /// The options that would make a tensor fit, found by trying.
    fn remedy(&self, tensor: &Tensor, wanted: Wanted<'_>) -> Option<String> {
        let mut causes = Vec::new();
        let mut flags = Vec::new();
        if !fits(wanted.dims, tensor.shape()) {
            let (cause, flag) = self.remedy_of_shape(tensor.shape(), wanted)?;
            causes.push(cause);
            flags.push(flag);
        }
        if tensor.dtype() != wanted.dtype {
            cast(tensor, wanted.dtype).ok()?;
            flags.push("--cast".to_string());
        }
        let causes = match causes.is_empty() {
            true => String::new(),
            false => causes.join(" and ") + ": ",
        };
        Some(format!("{causes}add {}", flags.join(" ")))
    }

    fn remedy_of_shape(&self, shape: &[usize], wanted: Wanted<'_>) -> Option<(String, String)> {
        let arrange = |layout| Rearrangement::of(shape, wanted.dims, layout);
        let with_ones = filled(shape, wanted.dims?);
        let lacks_batch = with_ones
            .as_ref()
            .is_some_and(|with| with.len() > shape.len());
        let are_last = match shape {
            [.., first, _, last] => is_channels(*last) && !is_channels(*first),
            _ => false,
        };
        if self.layout.is_none() && (are_last || !lacks_batch) {
            let [last, first] = [Layout::Nhwc, Layout::Nchw].map(arrange);
            if let Some(found) = last.filter(|found| found.transposes.is_some()) {
                let batch = match found.adds_batch {
                    true => " and it has no batch axis",
                    false => "",
                };
                let cause = format!("its channels look to be the last axis{batch}");
                return Some((cause, "--layout nhwc".to_string()));
            }
            if first.is_some_and(|found| found.transposes.is_some()) {
                let cause = "its channels look to be the first axis".to_string();
                return Some((cause, "--layout nchw".to_string()));
            }
        }
        let cause = match lacks_batch {
            true => "it lacks an axis of size 1 in front",
            false => "it has axes of size 1 that the input has not",
        };
        let shape = shapes::shown(&with_ones?);
        let flag = format!("--shape {}={shape}", Plain(wanted.name));
        Some((cause.to_string(), flag))
    }
}

fn is_channels(size: usize) -> bool {
    matches!(size, 1 | 3)
}

/// What is done, in words.
fn words(rearrangement: Rearrangement) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(layout) = rearrangement.transposes {
        let other = match layout {
            Layout::Nchw => Layout::Nhwc,
            Layout::Nhwc => Layout::Nchw,
        };
        words.push(format!("transposed from {layout} to {other}"));
    }
    if rearrangement.adds_batch {
        words.push("a batch of 1".to_string());
    }
    words
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

/// Whether two shapes differ in axes of size 1 alone.
fn same_but_for_ones(a: &[usize], b: &[usize]) -> bool {
    let others = |shape: &[usize]| -> Vec<usize> {
        shape.iter().copied().filter(|size| *size != 1).collect()
    };
    others(a) == others(b)
}

/// The same elements in a shape of as many.
fn reshaped(tensor: Tensor, shape: &[usize]) -> Tensor {
    fn array<T: linn::Element>(tensor: Tensor, shape: &[usize]) -> Tensor {
        let array = tensor.into_array::<T>().expect("it is of this type");
        array
            .into_shape_with_order(shape)
            .expect("the shapes differ in axes of size 1 alone")
            .into()
    }
    number_type!(tensor.dtype(), T => array::<T>(tensor, shape), else { array::<String>(tensor, shape) })
}

/// An input that was given something else than it takes.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Misfit {
    /// The file that it came from.
    pub(in crate::cli) file: Option<String>,
    pub(in crate::cli) input: String,
    pub(in crate::cli) reason: String,
    /// Types and shapes, as `f32[N,3,224,224]`.
    pub(in crate::cli) want: String,
    pub(in crate::cli) got: String,
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}: ")?;
        }
        let (input, reason) = (Quoted(&self.input), &self.reason);
        let (want, got) = (&self.want, &self.got);
        write!(f, "the input {input} {reason}: wanted {want}, got {got}")
    }
}
