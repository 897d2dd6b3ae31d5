//! What is run: a model, and where its inputs come from.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use linn::text::Plain;
use linn::{Error, Model, Options};

use super::inputs::{self, Inputs};
use super::source::Loader;
use super::{Failure, data_set, note, say};

/// A model and its inputs, as arguments name them.
#[derive(clap::Args)]
pub(super) struct Subject {
    /// An .onnx file, a folder with a model.onnx, or - for stdin
    model: PathBuf,

    /// Where an input comes from; NAME may be left out if the model has one input
    #[arg(
        short,
        long = "input",
        value_name = "[NAME=]SOURCE",
        allow_negative_numbers = true
    )]
    input: Vec<String>,

    /// Where random numbers start: the same seed gives the same inputs on every machine
    #[arg(long, value_name = "N", default_value_t)]
    seed: u64,
}

/// A model that is ready to run.
pub(super) struct Loaded {
    pub(super) model: Model,
    /// How long loading took; waiting for stdin is not part of it.
    pub(super) load_time: Duration,
    /// The file that messages name.
    file: PathBuf,
}

impl Subject {
    /// The model as the user named it.
    pub(super) fn model(&self) -> String {
        self.model.to_string_lossy().into_owned()
    }

    /// Loads the model, and says what looks wrong in it.
    pub(super) fn load(&self, options: &Options, loader: &mut Loader) -> Result<Loaded, Failure> {
        let (file, start, model) = if self.model == Path::new("-") {
            let bytes = loader.read(None)?;
            let start = Instant::now();
            let model = Model::from_bytes_with(bytes, options);
            (PathBuf::from("stdin"), start, model)
        } else {
            let file = match self.folder() {
                Some(folder) => folder.join("model.onnx"),
                None => self.model.clone(),
            };
            let start = Instant::now();
            let model = Model::load_with(&file, options);
            (file, start, model)
        };
        let load_time = start.elapsed();
        let model = model.map_err(Failure::of(&file))?;
        for warning in model.warnings() {
            say("warning", warning);
        }
        Ok(Loaded {
            model,
            load_time,
            file,
        })
    }

    /// A loader of the inputs.
    pub(super) fn loader(&self, options: &Options) -> Loader {
        Loader::new(self.seed, options.memory_limit)
    }

    /// The inputs that were given. If there are none, those of the test data beside the model, where a folder
    /// was named that has them, else random ones.
    pub(super) fn inputs(&self, model: &Model, loader: &mut Loader) -> Result<Inputs, Failure> {
        let infos = model.inputs();
        if !self.input.is_empty() {
            return inputs::load(&self.input, infos, loader);
        }
        if let Some(folder) = self.folder() {
            let data = folder.join("test_data_set_0");
            if let Some(inputs) = data_set::inputs(&data, infos, loader)? {
                let shown = data.to_string_lossy();
                note(format!("the inputs are those of {}", Plain(&shown)));
                return Ok(inputs);
            }
        }
        if infos.iter().any(|info| !info.optional) {
            note(format!("the inputs are random, from seed {}", self.seed));
        }
        inputs::random(infos, loader)
    }

    /// The folder that was named instead of a file.
    fn folder(&self) -> Option<&Path> {
        self.model.is_dir().then_some(&self.model)
    }
}

impl Loaded {
    /// A failure of this model.
    pub(super) fn blame(&self, error: Error) -> Failure {
        Failure::of(&self.file)(error)
    }
}
