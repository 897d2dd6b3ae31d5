//! What is run: a model, and where its inputs come from.

use linn::text::Plain;
use linn::{Model, Options};

use super::inputs::{self, Inputs};
use super::model_file::{Loaded, ModelFile};
use super::source::Loader;
use super::{Failure, data_set, note};

/// A model and its inputs, as arguments name them.
#[derive(clap::Args)]
pub(super) struct Subject {
    #[command(flatten)]
    model: ModelFile,

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

impl Subject {
    /// The model as the user named it.
    pub(super) fn model(&self) -> String {
        self.model.text()
    }

    /// Loads the model, and says what looks wrong in it.
    pub(super) fn load(&self, options: &Options, loader: &mut Loader) -> Result<Loaded, Failure> {
        self.model.load(options, loader)
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
        if let Some(folder) = self.model.folder() {
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
}
