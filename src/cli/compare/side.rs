//! The two sides of a comparison: what a model computes, or tensors that are stored.

use linn::{Model, Tensor};

use crate::cli::Failure;
use crate::cli::inputs::Inputs;
use crate::cli::model_file::Loaded;
use crate::cli::source::{Loader, Opened, Source};

/// Tensors by name; those of a file that has no names have none.
pub(super) type Tensors = Vec<(Option<String>, Tensor)>;

/// One side of a comparison.
pub(super) enum Side {
    Model(Box<Loaded>),
    Stored(Tensors),
}

impl Side {
    /// The tensors of a file.
    pub(super) fn stored(text: &str, loader: &mut Loader) -> Result<Side, Failure> {
        let Source::File(file) = Source::parse(text).map_err(Failure::Usage)? else {
            return Err(Failure::Usage(format!("{text} is no file")));
        };
        Ok(Side::Stored(match loader.open(&file)? {
            Opened::Tensor(tensor) => vec![(None, tensor)],
            Opened::Picture(pixels) => return Err(pixels.refused()),
            Opened::Archive(mut archive) => {
                let keys = archive.keys().to_vec();
                keys.into_iter()
                    .map(|key| archive.read(&key).map(|tensor| (Some(key), tensor)))
                    .collect::<Result<_, _>>()?
            }
        }))
    }

    pub(super) fn model(&self) -> Option<&Model> {
        match self {
            Side::Model(loaded) => Some(&loaded.model),
            Side::Stored(_) => None,
        }
    }

    /// Its tensors: the outputs of the model for these inputs, or what is stored.
    pub(super) fn tensors(&self, inputs: &Inputs) -> Result<Tensors, Failure> {
        match self {
            Side::Stored(tensors) => Ok(tensors.clone()),
            Side::Model(loaded) => {
                let given = inputs.iter().map(|(name, tensor)| (name, tensor));
                let outputs = loaded.model.run(given);
                let outputs = outputs.map_err(|error| loaded.blame(error))?;
                Ok(outputs
                    .into_iter()
                    .map(|(name, x)| (Some(name), x))
                    .collect())
            }
        }
    }
}

/// Whether an argument names stored tensors, and no model.
pub(super) fn is_stored(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let endings = [".npy", ".npz", ".pb"];
    endings.iter().any(|ending| lower.ends_with(ending)) || lower.contains(".npz:")
}

/// Two tensors that belong together.
pub(super) struct Pair {
    pub(super) name: String,
    /// That of the second, where it has another one.
    pub(super) other_name: Option<String>,
    pub(super) a: Tensor,
    pub(super) b: Tensor,
}

/// Tensors of both sides that belong together, by the name that is shown, and what is left on either side.
pub(super) struct Pairs {
    pub(super) both: Vec<Pair>,
    pub(super) only_a: Vec<String>,
    pub(super) only_b: Vec<String>,
}

impl Pairs {
    /// By name; the others by their places, if both sides have as many.
    pub(super) fn new(a: Tensors, b: Tensors) -> Pairs {
        let mut b: Vec<Option<(Option<String>, Tensor)>> = b.into_iter().map(Some).collect();
        let mut both = Vec::new();
        let mut rest = Vec::new();
        for (place, (name, tensor)) in a.into_iter().enumerate() {
            let is_same = |other: &&mut Option<(Option<String>, Tensor)>| {
                let other = other.as_ref().and_then(|(other, _)| other.as_ref());
                name.is_some() && other == name.as_ref()
            };
            match b.iter_mut().find(is_same).and_then(Option::take) {
                Some((_, other)) => both.push((place, shown(name, place), None, tensor, other)),
                None => rest.push((place, name, tensor)),
            }
        }
        let left: Vec<(usize, (Option<String>, Tensor))> = b
            .into_iter()
            .enumerate()
            .filter_map(|(place, other)| Some((place, other?)))
            .collect();
        let (mut only_a, mut only_b) = (Vec::new(), Vec::new());
        if rest.len() == left.len() {
            for ((place, name, tensor), (_, (other_name, other))) in rest.into_iter().zip(left) {
                let other_name = other_name.filter(|other| name.as_ref() != Some(other));
                let has_name = name.is_some();
                let name = shown(name.or(other_name.clone()), place);
                let other_name = other_name.filter(|_| has_name);
                both.push((place, name, other_name, tensor, other));
            }
        } else {
            only_a.extend(rest.into_iter().map(|(place, name, _)| shown(name, place)));
            only_b.extend(
                left.into_iter()
                    .map(|(place, (name, _))| shown(name, place)),
            );
        }
        both.sort_by_key(|(place, ..)| *place);
        let both = both
            .into_iter()
            .map(|(_, name, other_name, a, b)| Pair {
                name,
                other_name,
                a,
                b,
            })
            .collect();
        Pairs {
            both,
            only_a,
            only_b,
        }
    }
}

fn shown(name: Option<String>, place: usize) -> String {
    name.unwrap_or_else(|| format!("#{place}"))
}
