//! `linn run`: runs a model once, shows or saves what comes out.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use linn::text::Plain;
use linn::{Error, Model};
use serde_json::json;

use super::engine::Engine;
use super::inputs::{self, Inputs};
use super::sink::{self, Sink};
use super::source::Loader;
use super::{Failure, Verdict, data_set, note, print, say, summary};

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Lines for people
    #[default]
    Text,
    /// One JSON document
    Json,
}

/// Run a model once and show or save its outputs
///
/// Without -o, prints a line for each output: its type and shape, the least, mean and largest of its finite
/// elements, how many are not finite, and the values where they are few.
///
/// Without -i, the inputs are those of test_data_set_0 where MODEL is a folder that has it, else random
/// numbers. As soon as one -i is given, every input without a default needs one.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = LONG_HELP)]
pub(super) struct Args {
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

    /// Where an output, or any value of the graph, goes; without NAME all outputs
    #[arg(short, long = "output", value_name = "[NAME=]SINK")]
    output: Vec<String>,

    /// What is printed: text, or a document linn.run/1
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// Where random numbers start: the same seed gives the same inputs on every machine
    #[arg(long, value_name = "N", default_value_t)]
    seed: u64,

    #[command(flatten)]
    engine: Engine,
}

const EXAMPLES: &str = "\
Examples:
  linn run model.onnx                                 with random inputs
  linn run model.onnx -i x.npy -o y.npy               from numpy and back
  linn run model.onnx -i '[1,2;3,4]'                  with values
  linn run model.onnx -i a=x.npz:a -i b=rand:-1,1     inputs by name
  linn run model.onnx -i x.npy -o pool1=-             any value of the graph, as JSON
  linn run model.onnx -i x.npy -o out/                every output, as out/NAME.npy";

const LONG_HELP: &str = "\
Sources:
  FILE.npy, FILE.npz[:KEY]  arrays of numpy; without KEY the only array, or each array for the input it is
                            named after (arr_0, arr_1 ... in order)
  FILE.pb                   a TensorProto, as in the ONNX test data
  -                         any of these from stdin
  rand[:LOW,HIGH]           random: floats from 0 to 1, integers from 0 to 9, booleans; or from LOW to HIGH
  zeros, ones, iota         all 0, all 1, or 0, 1, 2 ... in C order
  '[1,2;3,4]', 5            values: commas between elements, semicolons between rows, or nested brackets;
                            axes of size 1 are put in front up to the rank of the input
  Files keep their element type. Dimensions of a generated input that the model leaves open become 1.

Sinks:
  FILE.npy, FILE.pb         one tensor
  FILE.json, -              one tensor as a document linn.tensor/1, in a file or on stdout
  FILE.npz                  all outputs, or one value
  FOLDER/                   all outputs as FOLDER/NAME.npy, with _ for unusual characters of NAME
  Files appear when everything has worked, each as a whole.

Exit codes: 0 done, 2 wrong usage, 3 invalid model, 4 not supported, 5 inputs do not fit, 6 failed on the
values, 7 over a limit, 8 a file failed.

Examples:
  linn run model.onnx
  linn run model.onnx -i x.npy -o y.npy
  linn run model.onnx -i '[1,2;3,4]'
  linn run model.onnx -i a=x.npz:a -i b=rand:-1,1
  linn run model.onnx -i x.npy -o pool1=-
  linn run model.onnx -i x.npy -o out/ --format json
  cat model.onnx | linn run - -i x.npy";

impl Args {
    pub(super) fn run(self) -> Result<Verdict, Failure> {
        let options = self.engine.options()?;
        let mut loader = Loader::new(self.seed, options.memory_limit);
        let located = Located::new(&self.model);
        let model = match &located.file {
            Some(file) => Model::load_with(file, &options).map_err(Failure::of(file))?,
            None => Model::from_bytes_with(loader.read(None)?, &options)
                .map_err(Failure::of(Path::new("stdin")))?,
        };
        for warning in model.warnings() {
            say("warning", warning);
        }

        let outputs: Vec<&str> = model
            .outputs()
            .iter()
            .map(|info| info.name.as_str())
            .collect();
        let sinks: Vec<Sink> = self
            .output
            .iter()
            .map(|text| Sink::parse(text, &outputs))
            .collect::<Result<_, _>>()
            .map_err(Failure::Usage)?;
        let plan = sink::Plan::new(&sinks, &outputs)?;
        let inputs = self.inputs(&model, &located, &mut loader)?;

        let shows = match self.format {
            Format::Text => plan.is_empty(),
            Format::Json => !plan.uses_stdout(),
        };
        let mut names: Vec<&str> = plan.names().collect();
        if shows {
            names.extend(&outputs);
        }
        names.sort_unstable();
        names.dedup();
        let given = inputs.iter().map(|(name, tensor)| (name, tensor));
        let values = model
            .fetch(given, &names)
            .map_err(|error| located.blame(error))?;

        plan.write(|name| values.get(name))?;
        if shows {
            let shown = outputs
                .iter()
                .filter_map(|name| Some((*name, values.get(name)?)));
            match self.format {
                Format::Text => print(summary::lines(shown))?,
                Format::Json => {
                    let document = json!({
                        "schema": "linn.run/1",
                        "linn": env!("CARGO_PKG_VERSION"),
                        "model": self.model.to_string_lossy(),
                        "outputs": shown.map(|(name, tensor)| summary::json(name, tensor)).collect::<Vec<_>>(),
                    });
                    print(format!("{document}\n"))?;
                }
            }
        }
        Ok(Verdict::Passed)
    }

    fn inputs(
        &self,
        model: &Model,
        located: &Located,
        loader: &mut Loader,
    ) -> Result<Inputs, Failure> {
        let infos = model.inputs();
        if !self.input.is_empty() {
            return inputs::load(&self.input, infos, loader);
        }
        if let Some(folder) = &located.folder {
            let data = folder.join("test_data_set_0");
            if let Some(inputs) = data_set::inputs(&data, infos, loader)? {
                note(format!("the inputs are those of {}", shown(&data)));
                return Ok(inputs);
            }
        }
        if infos.iter().any(|info| !info.optional) {
            note(format!("the inputs are random, from seed {}", self.seed));
        }
        inputs::random(infos, loader)
    }
}

/// Where a model is.
struct Located {
    /// Its file; `None` is stdin.
    file: Option<PathBuf>,
    /// The folder that was named instead of the file.
    folder: Option<PathBuf>,
}

impl Located {
    fn new(model: &Path) -> Located {
        if model == Path::new("-") {
            Located {
                file: None,
                folder: None,
            }
        } else if model.is_dir() {
            Located {
                file: Some(model.join("model.onnx")),
                folder: Some(model.to_path_buf()),
            }
        } else {
            Located {
                file: Some(model.to_path_buf()),
                folder: None,
            }
        }
    }

    fn blame(&self, error: Error) -> Failure {
        let file = self.file.as_deref().unwrap_or(Path::new("stdin"));
        Failure::of(file)(error)
    }
}

fn shown(path: &Path) -> String {
    Plain(&path.to_string_lossy()).to_string()
}
