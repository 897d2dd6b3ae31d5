//! Where an input comes from: a file, stdin, a generator or an inline literal.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use linn::text::{Plain, Quoted};
use linn::{DType, Dim, Error, Shape, Tensor, ValueInfo, read_tensor};

use super::generate::Generator;
use super::literal::Literal;
use super::npz::{Npz, NpzError};
use super::{Failure, note, npy, npz};

/// A SOURCE of the command line.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    File(FileSource),
    Generated(Generator),
    Literal(Literal),
}

/// A file with one tensor or several.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FileSource {
    /// `None` is stdin.
    path: Option<PathBuf>,
    /// The array of an `.npz` archive.
    key: Option<String>,
    /// As the path's ending says; by the first bytes where that says nothing.
    format: Option<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Npy,
    Npz,
    Pb,
}

impl Source {
    /// The source that a text stands for.
    pub(super) fn parse(text: &str) -> Result<Source, String> {
        if let Some(generator) = Generator::parse(text) {
            return generator.map(Source::Generated);
        }
        if Literal::is_meant(text) {
            return Literal::parse(text)
                .map(Source::Literal)
                .map_err(|reason| format!("{}: {reason}", Quoted(text)));
        }
        FileSource::parse(text).map(Source::File).ok_or_else(|| {
            format!(
                "{} is no source: must be a file .npy, .npz[:key] or .pb, - for stdin, rand[:low,high], zeros, \
                 ones, iota, or values as '[1,2;3,4]'",
                Quoted(text)
            )
        })
    }
}

impl FileSource {
    fn parse(text: &str) -> Option<FileSource> {
        let file = |path: &str, key: Option<&str>, format| {
            Some(FileSource {
                path: Some(PathBuf::from(path)),
                key: key.map(str::to_string),
                format,
            })
        };
        if text == "-" {
            return Some(FileSource {
                path: None,
                key: None,
                format: None,
            });
        }
        let lower = text.to_ascii_lowercase();
        // Before the endings: a key may end like a file.
        if let Some(at) = lower.find(".npz:") {
            let (path, key) = (&text[..at + 4], &text[at + 5..]);
            return file(path, Some(key), Some(Format::Npz));
        }
        for (ending, format) in [
            (".npy", Format::Npy),
            (".npz", Format::Npz),
            (".pb", Format::Pb),
        ] {
            if lower.ends_with(ending) {
                return file(text, None, Some(format));
            }
        }
        // A pipe of the shell, as /dev/fd/63, has no ending.
        match Path::new(text).metadata() {
            Ok(found) if !found.is_dir() => file(text, None, None),
            _ => None,
        }
    }

    fn shown(&self) -> String {
        match &self.path {
            Some(path) => Plain(&path.to_string_lossy()).to_string(),
            None => "stdin".to_string(),
        }
    }

    /// A failure of this file that is the fault of its bytes.
    fn broken(&self, reason: impl std::fmt::Display) -> Failure {
        Failure::Input(format!("{}: {reason}", self.shown()))
    }

    fn npz_failure(&self, error: NpzError) -> Failure {
        match error {
            NpzError::Broken(reason) => self.broken(reason),
            NpzError::Limit(reason) => Failure::Linn {
                file: Some(self.shown()),
                error: memory_limit(reason),
            },
        }
    }
}

/// What a file holds.
pub(super) enum Opened {
    Tensor(Tensor),
    Archive(Archive),
}

/// An open `.npz` archive that still knows where it came from.
pub(super) struct Archive {
    file: FileSource,
    npz: Npz,
}

impl Archive {
    pub(super) fn keys(&self) -> &[String] {
        self.npz.keys()
    }

    pub(super) fn read(&mut self, key: &str) -> Result<Tensor, Failure> {
        self.npz
            .read(key)
            .map_err(|error| self.file.npz_failure(error))
    }

    /// The array for the input `name`: the only one, or the one of that name.
    pub(super) fn read_for(&mut self, name: &str) -> Result<Tensor, Failure> {
        let key = match self.keys() {
            [only] => only.clone(),
            keys if keys.iter().any(|key| key == name) => name.to_string(),
            _ => {
                let failure = self.broken(format!("which array? It holds {}", self.npz.listed()));
                return Err(failure.help("name it behind a colon, as file.npz:key"));
            }
        };
        self.read(&key)
    }

    pub(super) fn broken(&self, reason: impl std::fmt::Display) -> Failure {
        self.file.broken(reason)
    }
}

/// What an input must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) dtype: DType,
    pub(super) dims: Option<&'a [Dim]>,
}

impl<'a> From<&'a ValueInfo> for Wanted<'a> {
    fn from(info: &'a ValueInfo) -> Wanted<'a> {
        Wanted {
            name: &info.name,
            dtype: info.dtype,
            dims: info.dims.as_deref(),
        }
    }
}

/// Loads the sources of one run.
pub(super) struct Loader {
    seed: u64,
    /// The most bytes that one input may take.
    limit: usize,
    stdin_is_taken: bool,
    /// The sizes that stand for named dimensions in this run.
    symbols: BTreeMap<String, usize>,
}

impl Loader {
    pub(super) fn new(seed: u64, limit: usize) -> Loader {
        Loader {
            seed,
            limit,
            stdin_is_taken: false,
            symbols: BTreeMap::new(),
        }
    }

    /// The tensor that a source gives for an input.
    pub(super) fn tensor(
        &mut self,
        source: &Source,
        wanted: Wanted<'_>,
    ) -> Result<Tensor, Failure> {
        let tensor = match source {
            Source::File(file) => match self.open(file)? {
                Opened::Tensor(tensor) => tensor,
                Opened::Archive(mut archive) => archive.read_for(wanted.name)?,
            },
            Source::Literal(literal) => literal
                .tensor(wanted.dtype, wanted.dims.map_or(0, <[Dim]>::len))
                .map_err(|reason| {
                    Failure::Input(format!("the input {}: {reason}", Quoted(wanted.name)))
                })?,
            Source::Generated(generator) => return self.generate(generator, wanted),
        };
        self.learn(wanted, &tensor);
        Ok(tensor)
    }

    /// Remembers the sizes that a tensor gives to named dimensions.
    pub(super) fn learn(&mut self, wanted: Wanted<'_>, tensor: &Tensor) {
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
    pub(super) fn generate(
        &mut self,
        generator: &Generator,
        wanted: Wanted<'_>,
    ) -> Result<Tensor, Failure> {
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
        self.check_bytes(wanted.dtype, &shape)
            .map_err(|error| Failure::Linn {
                file: None,
                error: memory_limit(format!("the input {name} {error}")),
            })?;
        generator
            .tensor(wanted.dtype, &shape, self.seed, wanted.name)
            .map_err(of_input)
    }

    fn check_bytes(&self, dtype: DType, shape: &Shape) -> Result<(), String> {
        let bytes = shape.elements() as u128 * dtype.bytes() as u128;
        match bytes <= self.limit as u128 {
            true => Ok(()),
            false => Err(format!(
                "needs {bytes} bytes, over the memory limit of {} bytes",
                self.limit
            )),
        }
    }

    /// Opens a file and reads its tensor, if it is meant to hold or to give just one.
    pub(super) fn open(&mut self, file: &FileSource) -> Result<Opened, Failure> {
        let bytes = self.read(file.path.as_deref())?;
        match file.format.unwrap_or_else(|| sniff(&bytes)) {
            Format::Npy => npy::read(&bytes)
                .map(Opened::Tensor)
                .map_err(|reason| file.broken(reason)),
            Format::Pb => read_tensor(bytes)
                .map(|(_, tensor)| Opened::Tensor(tensor))
                .map_err(|error| file.broken(error)),
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
    pub(super) fn read(&mut self, path: Option<&Path>) -> Result<Bytes, Failure> {
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
    } else {
        Format::Pb
    }
}

/// The failure of a source that needs more than the memory limit allows.
fn memory_limit(reason: String) -> Error {
    Error::Limit {
        reason,
        memory: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, key: Option<&str>, format: Format) -> Result<Source, String> {
        Ok(Source::File(FileSource {
            path: Some(path.into()),
            key: key.map(str::to_string),
            format: Some(format),
        }))
    }

    #[test]
    fn the_grammar_of_sources() {
        assert_eq!(Source::parse("a/x.npy"), file("a/x.npy", None, Format::Npy));
        assert_eq!(Source::parse("X.NPZ"), file("X.NPZ", None, Format::Npz));
        assert_eq!(
            Source::parse("x.npz:a/b:0"),
            file("x.npz", Some("a/b:0"), Format::Npz)
        );
        assert_eq!(
            Source::parse("input_0.pb"),
            file("input_0.pb", None, Format::Pb)
        );
        assert_eq!(
            Source::parse("iota"),
            Ok(Source::Generated(Generator::Iota))
        );
        assert!(matches!(
            Source::parse("rand:-1,1"),
            Ok(Source::Generated(Generator::Rand(Some(_))))
        ));
        assert!(matches!(
            Source::parse("-"),
            Ok(Source::File(FileSource { path: None, .. }))
        ));
        assert!(matches!(Source::parse("-1.5"), Ok(Source::Literal(_))));
        assert!(matches!(Source::parse("[1,2]"), Ok(Source::Literal(_))));
        assert!(Source::parse("rand:1").is_err());
        assert!(Source::parse("cat.jpeg").is_err());
        assert!(Source::parse("").is_err());
    }

    #[test]
    fn named_dimensions_have_one_size_in_a_run() {
        let dims = [Dim::Symbol("N".into()), Dim::Known(2)];
        let wanted = |name| Wanted {
            name,
            dtype: DType::F32,
            dims: Some(&dims),
        };
        let mut loader = Loader::new(0, 1 << 20);
        let given = Source::parse("[1,2;3,4;5,6]").unwrap();
        let x = loader.tensor(&given, wanted("x")).unwrap();
        let y = loader.generate(&Generator::Iota, wanted("y")).unwrap();
        assert_eq!(
            (x.to_string(), y.to_string()),
            ("f32[3,2]".into(), "f32[3,2]".into())
        );
        let row = Source::parse("[7,8]").unwrap();
        assert_eq!(
            loader.tensor(&row, wanted("z")).unwrap().to_string(),
            "f32[1,2]"
        );
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
