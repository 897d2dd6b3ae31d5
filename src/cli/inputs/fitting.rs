//! `--cast`, `--layout` and `--shape`: what is given made to fit the inputs of a model.

#[cfg(feature = "image")]
use clap::builder::{PossibleValuesParser, TypedValueParser};
use linn::text::{Plain, Quoted};
use linn::{Dim, Tensor, ValueInfo};

use crate::cli::cast::cast;
use crate::cli::layout::{Rearrangement, fits};
use crate::cli::number::number_type;
use crate::cli::shapes::{self, Shapes};
use crate::cli::source::Wanted;
use crate::cli::{Failure, note};
use linn::picture::Layout;
#[cfg(feature = "image")]
use linn::picture::Recipe;

use super::misfit::{Misfit, is_channels, remedy};
use super::{Role, unknown};

/// How what is given becomes what a model takes.
#[derive(clap::Args, Clone, Debug, Default)]
pub(in crate::cli) struct Fitting {
    /// Convert inputs to the element type of the model: floats are rounded to the nearest, and a number that the type
    /// does not have is an error
    #[arg(long)]
    cast: bool,

    /// The order of the axes of given arrays, nchw or nhwc, where an input has another one; a batch of 1 is put in
    /// front if need be. Without NAME of all inputs that can be pictures; may be repeated
    #[arg(long, value_name = "[NAME=]ORDER", value_parser = parse_layout)]
    layout: Vec<NamedLayout>,

    /// What is done to the pixels of a picture [default: imagenet; scale01 for one channel, raw for bytes]
    #[cfg(feature = "image")]
    #[arg(long, value_name = "RECIPE", value_parser = recipes())]
    pub(in crate::cli) preprocess: Option<Recipe>,

    /// The shapes that inputs were given, by name.
    #[arg(skip)]
    shapes: Shapes,
}

/// The order of axes of all inputs, or of the one with the name.
#[derive(Clone, Debug)]
struct NamedLayout {
    name: Option<String>,
    layout: Layout,
}

fn parse_layout(text: &str) -> Result<NamedLayout, String> {
    let (name, layout) = match text.rsplit_once('=') {
        Some((name, layout)) => (Some(name.to_string()), layout),
        None => (None, text),
    };
    let layout = layout.parse()?;
    Ok(NamedLayout { name, layout })
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

    /// Whether it was said what is done to pictures.
    pub(in crate::cli) fn has_recipe(&self) -> bool {
        #[cfg(feature = "image")]
        return self.preprocess.is_some();
        #[cfg(not(feature = "image"))]
        false
    }

    /// Refuses a layout of an input that there is not, or that has no such axes.
    pub(in crate::cli) fn check_names(&self, infos: &[ValueInfo]) -> Result<(), Failure> {
        for named in &self.layout {
            let Some(name) = &named.name else { continue };
            let Some(info) = infos.iter().find(|info| info.name == *name) else {
                return Err(unknown(name, infos, Role::Input));
            };
            let rank = info.dims.as_ref().map(Vec::len);
            if let Some(rank) = rank.filter(|rank| !matches!(rank, 3 | 4)) {
                return Err(Failure::Usage(format!(
                    "--layout {}={}: the input has rank {rank}, must have 3 or 4",
                    Plain(name),
                    named.layout.name()
                )));
            }
        }
        Ok(())
    }

    /// The order that the axes of an array of shape `shape` have, if it was said.
    fn layout_of(&self, shape: &[usize], wanted: Wanted<'_>) -> Option<Layout> {
        let last = |name: Option<&str>| {
            let mut layouts = self.layout.iter().rev();
            layouts
                .find(|named| named.name.as_deref() == name)
                .map(|named| named.layout)
        };
        let for_all = || {
            let layout = last(None)?;
            let rank = wanted.dims.map_or(shape.len(), <[Dim]>::len);
            // Three axes without channels are something else: words, say.
            let can_be_picture = match (rank, shape.len()) {
                (3, 3) => is_channels(shape[layout.axes(3)[0]]),
                _ => true,
            };
            can_be_picture.then_some(layout)
        };
        last(Some(wanted.name)).or_else(for_all)
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
        let layout = self.layout_of(tensor.shape(), wanted);
        let arrange = |layout| Rearrangement::of(tensor.shape(), wanted.dims, layout);
        if let Some(rearrangement) = layout.and_then(arrange) {
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
            let misfit = Misfit::new(&tensor, &given, wanted, from);
            return Err(misfit.failure(remedy(&tensor, wanted, layout)));
        }
        if !done.is_empty() {
            let from = from.map_or_else(|| Quoted(wanted.name).to_string(), str::to_string);
            note(format!("{from} {given}: {}", done.join(", ")));
        }
        Ok(tensor)
    }
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
