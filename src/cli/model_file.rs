//! The model that an argument names.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use linn::text::Plain;
use linn::{Error, Model, Options};

use super::source::Loader;
use super::{Failure, say};

/// A model, as an argument names it.
#[derive(clap::Args)]
pub(super) struct ModelFile {
    /// An .onnx file, a folder with a model.onnx, or - for stdin
    model: PathBuf,
}

/// A model that is ready to run.
pub(super) struct Loaded {
    pub(super) model: Model,
    /// How long loading took; waiting for stdin is not part of it.
    pub(super) load_time: Duration,
    /// The file that messages name.
    file: PathBuf,
}

impl ModelFile {
    /// The model that `text` names.
    pub(super) fn new(text: &str) -> ModelFile {
        ModelFile { model: text.into() }
    }

    /// The model as the user named it.
    pub(super) fn text(&self) -> String {
        self.model.to_string_lossy().into_owned()
    }

    /// Whether it comes from stdin, which can be read only once.
    pub(super) fn is_stdin(&self) -> bool {
        is_stdin(&self.model)
    }

    /// Loads the model, and says what looks wrong in it.
    pub(super) fn load(&self, options: &Options, loader: &mut Loader) -> Result<Loaded, Failure> {
        let (file, start, model) = if is_stdin(&self.model) {
            let bytes = loader.read(None)?;
            let start = Instant::now();
            let model = Model::from_bytes_with(bytes, options);
            (PathBuf::from("stdin"), start, model)
        } else {
            let file = file_of(&self.model);
            let start = Instant::now();
            let model = Model::load_with(&file, options);
            (file, start, model)
        };
        let load_time = start.elapsed();
        let model = model.map_err(|error| {
            let failure = Failure::of(&file)(error);
            match missing_in(&self.model) {
                Some(help) => failure.help(help),
                None => failure,
            }
        })?;
        for warning in model.warnings() {
            say("warning", warning);
        }
        Ok(Loaded {
            model,
            load_time,
            file,
        })
    }

    /// The folder that was named instead of a file.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.model.is_dir().then_some(&self.model)
    }
}

impl Loaded {
    /// A failure of this model.
    pub(super) fn blame(&self, error: Error) -> Failure {
        Failure::of(&self.file)(error)
    }
}

/// Whether the model is read from stdin.
pub(super) fn is_stdin(model: &Path) -> bool {
    model == Path::new("-")
}

/// What to do about a folder that has no model, but perhaps folders that have one.
pub(super) fn missing_in(folder: &Path) -> Option<String> {
    if !folder.is_dir() || file_of(folder).exists() {
        return None;
    }
    let entries = std::fs::read_dir(folder).ok()?;
    let is_model = |path: &PathBuf| {
        path.join("model.onnx").is_file()
            || path
                .extension()
                .is_some_and(|extension| extension == "onnx")
    };
    let mut models = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let first = models.find(is_model)?;
    Some(format!(
        "the folder has no model.onnx; a model in it is {}",
        Plain(&first.to_string_lossy())
    ))
}

/// The file of a model that is named by it or by its folder.
pub(super) fn file_of(model: &Path) -> PathBuf {
    match model.is_dir() {
        true => model.join("model.onnx"),
        false => model.to_path_buf(),
    }
}
