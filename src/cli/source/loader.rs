//! Loading sources: their bytes, their tensors, and the sizes that generated inputs take from the others.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use linn::text::Quoted;
use linn::{Dim, Shape, Tensor, read_tensor};

use super::{Archive, FileSource, Format, Opened, Pixels, Wanted, memory_limit, pixels};
use crate::cli::generate::Generator;
use crate::cli::inputs::Fitting;
use crate::cli::npz::{self, Npz};
use crate::cli::{Failure, note, npy};

/// Loads the sources of one run.
pub(in crate::cli) struct Loader {
    seed: u64,
    /// The most bytes that one input may take.
    limit: usize,
    /// What is done to inputs so that they fit.
    fitting: Fitting,
    stdin_is_taken: bool,
    /// Whether random numbers, or a picture, were among the sources.
    has_drawn: bool,
    has_seen_picture: bool,
    /// The sizes that stand for named dimensions in this run.
    symbols: BTreeMap<String, usize>,
}

impl Loader {
    pub(in crate::cli) fn new(seed: u64, limit: usize) -> Loader {
        Loader {
            seed,
            limit,
            fitting: Fitting::default(),
            stdin_is_taken: false,
            has_drawn: false,
            has_seen_picture: false,
            symbols: BTreeMap::new(),
        }
    }

    /// Whether any source so far was of random numbers.
    pub(in crate::cli) fn has_drawn(&self) -> bool {
        self.has_drawn
    }

    /// Whether any source so far was a picture.
    pub(in crate::cli) fn has_seen_picture(&self) -> bool {
        self.has_seen_picture
    }

    /// Makes the inputs from now on fit as `fitting` says.
    pub(in crate::cli) fn fit(&mut self, fitting: Fitting) {
        self.fitting = fitting;
    }

    /// A tensor from a file or an argument, made to fit an input.
    pub(in crate::cli) fn admit(
        &mut self,
        tensor: Tensor,
        wanted: Wanted<'_>,
        from: Option<&str>,
    ) -> Result<Tensor, Failure> {
        if tensor.dtype() != wanted.dtype {
            self.check_bytes(wanted, tensor.shape())?;
        }
        let tensor = self.fitting.admit(tensor, wanted, from)?;
        self.learn(wanted, &tensor);
        Ok(tensor)
    }

    /// A picture as the tensor that an input takes; says what was done to it.
    pub(in crate::cli) fn picture(
        &mut self,
        pixels: &Pixels,
        wanted: Wanted<'_>,
    ) -> Result<Tensor, Failure> {
        self.has_seen_picture = true;
        let tensor = pixels.tensor(wanted, &self.fitting, self.limit)?;
        self.learn(wanted, &tensor);
        Ok(tensor)
    }

    /// Remembers the sizes that a tensor gives to named dimensions.
    fn learn(&mut self, wanted: Wanted<'_>, tensor: &Tensor) {
        for (dim, size) in wanted
            .dims
            .unwrap_or_default()
            .iter()
            .zip(tensor.shape().iter())
        {
            if let Dim::Symbol(symbol) = dim {
                self.symbols.entry(symbol.clone()).or_insert(*size);
            }
        }
    }

    /// Generates an input. Dimensions without a known size become 1, which is said once for each.
    pub(in crate::cli) fn generate(
        &mut self,
        generator: &Generator,
        wanted: Wanted<'_>,
    ) -> Result<Tensor, Failure> {
        self.has_drawn |= matches!(generator, Generator::Rand(_));
        let name = Quoted(wanted.name);
        let Some(dims) = wanted.dims else {
            let failure = Failure::Input(format!(
                "the input {name} is declared without a shape, so it cannot be generated"
            ));
            return Err(failure.help("give it a file or values"));
        };
        let mut sizes = Vec::new();
        for (axis, dim) in dims.iter().enumerate() {
            sizes.push(match dim {
                Dim::Known(size) => *size,
                Dim::Unknown => {
                    note(format!("dimension {axis} of {name} is not given, using 1"));
                    1
                }
                Dim::Symbol(symbol) => *self.symbols.entry(symbol.clone()).or_insert_with(|| {
                    note(format!(
                        "dimension {} is not given, using 1",
                        Quoted(symbol)
                    ));
                    1
                }),
            });
        }
        let of_input = |reason: String| Failure::Input(format!("the input {name}: {reason}"));
        let shape = Shape::new(&sizes).map_err(|error| of_input(error.to_string()))?;
        self.check_bytes(wanted, &shape)?;
        generator
            .tensor(wanted.dtype, &shape, self.seed, wanted.name)
            .map_err(of_input)
    }

    /// Refuses an input that would take more memory than is allowed.
    fn check_bytes(&self, wanted: Wanted<'_>, shape: &Shape) -> Result<(), Failure> {
        let bytes = shape.elements() as u128 * wanted.dtype.bytes() as u128;
        if bytes <= self.limit as u128 {
            return Ok(());
        }
        let (name, limit) = (Quoted(wanted.name), self.limit);
        Err(Failure::Linn {
            file: None,
            error: memory_limit(format!(
                "the input {name} needs {bytes} bytes, over the memory limit of {limit} bytes"
            )),
        })
    }

    /// Opens a file and reads its tensor, if it is meant to hold or to give just one.
    pub(in crate::cli) fn open(&mut self, file: &FileSource) -> Result<Opened, Failure> {
        let bytes = self.read(file.path.as_deref())?;
        match file.format.unwrap_or_else(|| sniff(&bytes)) {
            Format::Npy => npy::read(&bytes)
                .map(Opened::Tensor)
                .map_err(|reason| file.broken(reason)),
            Format::Pb => read_tensor(bytes)
                .map(|(_, tensor)| Opened::Tensor(tensor))
                .map_err(|error| file.broken(error)),
            Format::Picture => Ok(Opened::Picture(Pixels::new(file.clone(), bytes))),
            Format::Npz => {
                let npz = Npz::open(bytes, self.limit).map_err(|error| file.npz_failure(error))?;
                let mut archive = Archive {
                    file: file.clone(),
                    npz,
                };
                match &file.key {
                    Some(key) => archive.read(key).map(Opened::Tensor),
                    None => Ok(Opened::Archive(archive)),
                }
            }
        }
    }

    /// The bytes of a file or of stdin.
    pub(in crate::cli) fn read(&mut self, path: Option<&Path>) -> Result<Bytes, Failure> {
        let (shown, bytes) = match path {
            Some(path) => {
                let bytes = File::open(path).and_then(|file| self.read_limited(file));
                (path.to_path_buf(), bytes)
            }
            None if std::mem::replace(&mut self.stdin_is_taken, true) => {
                return Err(Failure::Usage("stdin can be read only once".to_string()));
            }
            None => (
                PathBuf::from("stdin"),
                self.read_limited(io::stdin().lock()),
            ),
        };
        let bytes = bytes.map_err(Failure::io(&shown))?;
        match bytes.len() <= self.limit {
            true => Ok(bytes.into()),
            false => Err(Failure::of(&shown)(memory_limit(format!(
                "the file is larger than the memory limit of {} bytes",
                self.limit
            )))),
        }
    }

    /// All bytes of a reader, or some more than the limit allows.
    fn read_limited(&self, reader: impl Read) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        reader
            .take((self.limit as u64).saturating_add(1))
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn sniff(bytes: &[u8]) -> Format {
    if bytes.starts_with(npy::MAGIC) {
        Format::Npy
    } else if npz::MAGIC.iter().any(|magic| bytes.starts_with(magic)) {
        Format::Npz
    } else if pixels::is_picture(bytes) {
        Format::Picture
    } else {
        Format::Pb
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linn::DType;

    #[test]
    fn named_dimensions_have_one_size_in_a_run() {
        let dims = [Dim::Symbol("N".into()), Dim::Known(2)];
        let wanted = |name| Wanted {
            name,
            dtype: DType::F32,
            dims: Some(&dims),
        };
        let mut loader = Loader::new(0, 1 << 20);
        let given = Tensor::new(&[3, 2], vec![0.0f32; 6]).unwrap();
        loader.admit(given, wanted("x"), None).unwrap();
        let y = loader.generate(&Generator::Iota, wanted("y")).unwrap();
        assert_eq!(y.to_string(), "f32[3,2]");
    }

    #[test]
    fn a_generated_input_over_the_limit_is_refused_before_memory_is_asked_for() {
        let dims = [Dim::Known(1 << 30), Dim::Known(1 << 30)];
        let wanted = Wanted {
            name: "x",
            dtype: DType::F32,
            dims: Some(&dims),
        };
        let failure = Loader::new(0, 1 << 20)
            .generate(&Generator::Zeros, wanted)
            .unwrap_err();
        assert_eq!(failure.exit_code(), 7);
    }
}
