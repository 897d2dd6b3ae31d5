//! What is run: a model, and where its inputs come from.

use std::path::PathBuf;

use linn::text::Plain;
use linn::{Model, Options, ValueInfo};

use super::inputs::{self, Fitting, Inputs, Role};
use super::model_file::{Loaded, ModelFile};
use super::shapes::{self, Dims, InputShape, parse_input_shape};
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

    /// Where random numbers start: the same seed gives the same inputs on every machine [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// A folder of test data, input_0.pb, input_1.pb ..., for the inputs that no -i gives
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The shape of an input, where the model leaves sizes open; adds axes of size 1 to what is given, or takes some
    /// away. May be repeated
    #[arg(long, value_name = "[NAME=]SHAPE", value_parser = parse_input_shape)]
    shape: Vec<InputShape>,

    #[command(flatten)]
    dims: Dims,

    #[command(flatten)]
    fitting: Fitting,
}

impl Subject {
    /// The model as the user named it.
    pub(super) fn model(&self) -> String {
        self.model.text()
    }

    /// Loads the model, and says what looks wrong in it.
    pub(super) fn load(&self, options: &Options, loader: &mut Loader) -> Result<Loaded, Failure> {
        let mut options = options.clone();
        options.dims.clone_from(&self.dims.dim);
        // Inputs with a default that nobody gives are constants, and what depends on them need not be computed in
        // each run.
        options.fix_defaults = self.data_set().is_none() && !self.may_name_any();
        let loaded = self.model.load(&options, loader)?;
        if !self.names_one_of(&loaded.model.info().fixed_inputs) {
            return Ok(loaded);
        }
        options.fix_defaults = false;
        self.model.load(&options, loader)
    }

    /// Whether inputs are given that only the loaded model tells apart, or that can be read only once.
    fn may_name_any(&self) -> bool {
        let is_archive = |text: &String| text.to_ascii_lowercase().contains(".npz");
        self.input.iter().any(is_archive) || (self.model.is_stdin() && !self.input.is_empty())
    }

    /// Whether one of these inputs is given a source or a shape.
    fn names_one_of(&self, names: &[String]) -> bool {
        let is_named = |name: &String| {
            let has_source = |text: &String| {
                let rest = text.strip_prefix(name);
                rest.is_some_and(|rest| rest.starts_with('='))
            };
            let has_shape = |shape: &InputShape| shape.name.as_ref() == Some(name);
            self.input.iter().any(has_source) || self.shape.iter().any(has_shape)
        };
        names.iter().any(is_named)
    }

    /// A loader of the inputs.
    pub(super) fn loader(&self, options: &Options) -> Loader {
        Loader::new(self.seed.unwrap_or(0), options.memory_limit)
    }

    /// An option about inputs that was given.
    pub(super) fn option(&self) -> Option<&'static str> {
        let options = [
            ("-i", !self.input.is_empty()),
            ("--seed", self.seed.is_some()),
            ("--data", self.data.is_some()),
            ("--shape", !self.shape.is_empty()),
            ("--dim", !self.dims.dim.is_empty()),
        ];
        let given = options.into_iter().find(|(_, is_given)| *is_given);
        given.map(|(name, _)| name)
    }

    /// Refuses options that made no difference to the inputs, which are loaded.
    fn check_use(&self, loader: &Loader) -> Result<(), Failure> {
        // Where a folder has test data, a seed is for those models that have none.
        let are_chosen = !self.input.is_empty() || self.data.is_some();
        if self.seed.is_some() && are_chosen && !loader.has_drawn() {
            return Err(Failure::Usage(
                "--seed is for random inputs, and none is".to_string(),
            ));
        }
        if self.fitting.has_recipe() && !loader.has_seen_picture() {
            return Err(Failure::Usage(
                "--preprocess is for pictures, and no input is one".to_string(),
            ));
        }
        Ok(())
    }

    /// A failure of a run, with what to do about it where the values were not chosen.
    pub(super) fn advise(&self, failure: Failure, inputs: &Inputs) -> Failure {
        let are_random = self.input.is_empty() && self.data_set().is_none();
        match inputs.first() {
            Some((name, _))
                if are_random && failure.exit_code() == 6 && failure.shown_help().is_none() =>
            {
                failure.help(format!("choose the values, as -i {}=rand:0,3", Plain(name)))
            }
            _ => failure,
        }
    }

    /// The inputs that were given. If there are none, those of the test data beside the model, where a folder
    /// was named that has them, else random ones.
    pub(super) fn inputs(&self, model: &Model, loader: &mut Loader) -> Result<Inputs, Failure> {
        let inputs = self.given_or_random(model, loader)?;
        self.check_use(loader)?;
        Ok(inputs)
    }

    fn given_or_random(&self, model: &Model, loader: &mut Loader) -> Result<Inputs, Failure> {
        let (infos, shapes) = shapes::apply(&self.shape, model.inputs())?;
        self.fitting.check_names(&infos)?;
        loader.fit(self.fitting.clone().with_shapes(shapes));
        let Some(folder) = self.data_set() else {
            if !self.input.is_empty() {
                return inputs::load(&self.input, &infos, Role::Input, loader);
            }
            if infos.iter().any(|info| !info.optional) {
                let seed = self.seed.unwrap_or(0);
                note(format!("the inputs are random, from seed {seed}"));
            }
            return inputs::random(&infos, loader);
        };
        let stored = data_set::inputs(&folder, &infos, loader)?;
        if self.data.is_none() {
            let shown = folder.to_string_lossy();
            note(format!("the inputs are those of {}", Plain(&shown)));
        }
        let mut inputs = inputs::load(&self.input, &infos, Role::Input, loader)?;
        for (name, tensor) in stored {
            if !inputs.iter().any(|(given, _)| *given == name) {
                inputs.push((name, tensor));
            }
        }
        Ok(inputs)
    }

    /// Outputs that are stored in a file, or in the folder of test data that the inputs come from, as an empty text
    /// says.
    pub(super) fn expected(
        &self,
        texts: &[String],
        outputs: &[ValueInfo],
        loader: &mut Loader,
    ) -> Result<Inputs, Failure> {
        let (of_data_set, texts): (Vec<&String>, Vec<&String>) =
            texts.iter().partition(|text| text.is_empty());
        let texts: Vec<String> = texts.into_iter().cloned().collect();
        let mut expected = inputs::load(&texts, outputs, Role::Output, loader)?;
        if of_data_set.is_empty() {
            return Ok(expected);
        }
        let folder = self.data_set().ok_or_else(|| {
            let reason = "--expect without a SOURCE is for inputs of test data";
            let failure = Failure::Usage(reason.to_string());
            failure.help("add --data DIR, or say --expect=SOURCE")
        })?;
        for (name, tensor) in data_set::outputs(&folder, outputs, loader)? {
            if !expected.iter().any(|(given, _)| *given == name) {
                expected.push((name, tensor));
            }
        }
        Ok(expected)
    }

    /// The folder of test data that inputs come from: the one that was named, else one beside the model if no inputs
    /// were given.
    fn data_set(&self) -> Option<PathBuf> {
        if self.data.is_some() || !self.input.is_empty() {
            return self.data.clone();
        }
        let beside = self.model.folder()?.join("test_data_set_0");
        beside.is_dir().then_some(beside)
    }
}
