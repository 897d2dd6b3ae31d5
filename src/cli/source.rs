//! Where an input comes from: a file, stdin, a generator or an inline literal.

mod loader;
mod pixels;

use std::fmt;
use std::path::{Path, PathBuf};

use linn::text::{Plain, Quoted};
use linn::{DType, Dim, Error, Tensor, ValueInfo};

use super::Failure;
use super::generate::Generator;
use super::literal::Literal;
use super::npz::{Npz, NpzError};
pub(super) use loader::Loader;
pub(super) use pixels::Pixels;

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
    Picture,
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
                "{} is no source: must be a file .npy, .npz[:key] or .pb, a picture .png, .jpg, .webp or .bmp, \
                 - for stdin, rand[:low,high], zeros, ones, iota, or values as '[1,2;3,4]'",
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
            (".png", Format::Picture),
            (".jpg", Format::Picture),
            (".jpeg", Format::Picture),
            (".webp", Format::Picture),
            (".bmp", Format::Picture),
        ] {
            if lower.ends_with(ending) {
                return file(text, None, Some(format));
            }
        }
        // A pipe of the shell, as /dev/fd/63, has no ending.
        let path = Path::new(text);
        match path.metadata() {
            Ok(found) if found.is_dir() => None,
            Ok(found) if found.is_file() && path.extension().is_some() => None,
            Ok(_) => file(text, None, None),
            Err(_) => None,
        }
    }

    /// The file as messages name it.
    pub(super) fn shown(&self) -> String {
        match &self.path {
            Some(path) => Plain(&path.to_string_lossy()).to_string(),
            None => "stdin".to_string(),
        }
    }

    /// A failure of this file that is the fault of its bytes.
    fn broken(&self, reason: impl fmt::Display) -> Failure {
        Failure::Broken {
            file: self.shown(),
            reason: reason.to_string(),
        }
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
    Picture(Pixels),
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

    pub(super) fn broken(&self, reason: impl fmt::Display) -> Failure {
        self.file.broken(reason)
    }

    /// The file as messages name it.
    pub(super) fn shown(&self) -> String {
        self.file.shown()
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

/// `f32[N,3,224,224]`, as [`ValueInfo`] is shown.
impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims = self.dims.map(|dims| {
            let dims = dims.iter().map(|dim| match dim {
                Dim::Known(size) => size.to_string(),
                Dim::Symbol(name) => Plain(name).to_string(),
                Dim::Unknown => "?".to_string(),
            });
            dims.collect::<Vec<_>>().join(",")
        });
        write!(f, "{}[{}]", self.dtype, dims.as_deref().unwrap_or("..."))
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
        assert_eq!(
            Source::parse("Cat.JPEG"),
            file("Cat.JPEG", None, Format::Picture)
        );
        assert!(Source::parse("cat.tiff").is_err());
        assert!(Source::parse("").is_err());
    }
}
