//! `linn run`: runs a model once, shows or saves what comes out.

use std::path::PathBuf;

use clap::ValueEnum;
use linn::{Outputs, Profile, Tensor};
use serde_json::{Value, json};

use super::engine::Engine;
use super::expect::{Expect, Finding};
use super::profile::{By, Profiled, trace};
use super::save_all::save_all;
use super::sink::{self, Sink};
use super::subject::Subject;
use super::top::{self, Top};
use super::{Failure, Verdict, columns, print, say_plain, summary};

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
    #[command(flatten)]
    subject: Subject,

    /// Where an output, or any value of the graph, goes; without NAME all outputs
    #[arg(short, long = "output", value_name = "[NAME=]SINK")]
    output: Vec<String>,

    /// Write every value that the run computes as DIR/NAME.npy, and an index of them, DIR/values.json; with --opt none,
    /// every value of the graph
    #[arg(long, value_name = "DIR")]
    save_all: Option<PathBuf>,

    #[command(flatten)]
    top: Top,

    #[command(flatten)]
    expect: Expect,

    /// Show where the time goes, by operator, node or shape: on stderr, or in the document
    #[arg(
        long,
        value_name = "BY",
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "op"
    )]
    profile: Option<By>,

    /// Write what each node does when as Chrome trace events, which Perfetto shows
    #[arg(long, value_name = "FILE.json")]
    trace: Option<PathBuf>,

    /// What is printed: text, or a document linn.run/1
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    #[command(flatten)]
    engine: Engine,
}

const EXAMPLES: &str = "\
Examples:
  linn run model.onnx                                 with random inputs
  linn run model.onnx -i x.npy -o y.npy               from numpy and back
  linn run model.onnx -i '[1,2;3,4]'                  with values
  linn run model.onnx -i a=x.npz:a -i b=rand:-1,1     inputs by name
  linn run model.onnx -i cat.jpg --labels names.txt   what is in a picture
  linn run model.onnx --data test_data_set_0 --expect stored inputs and outputs
  linn run model.onnx -i x.npy -o pool1=-             any value of the graph, as JSON
  linn run model.onnx -i x.npy -o out/                every output, as out/NAME.npy
  linn run model.onnx --profile=node                  which nodes take the time";

const LONG_HELP: &str = "\
Sources:
  FILE.npy, FILE.npz[:KEY]  arrays of numpy; without KEY the only array, or each array for the input it is
                            named after (arr_0, arr_1 ... in order)
  FILE.pb                   a TensorProto, as in the ONNX test data
  FILE.png, .jpg, .webp, .bmp
                            a picture, for an input with 1 or 3 channels: see --preprocess
  -                         any of these from stdin
  rand[:LOW,HIGH]           random: floats from 0 to 1, integers from 0 to 9, booleans; or from LOW to HIGH
  zeros, ones, iota         all 0, all 1, or 0, 1, 2 ... in C order
  '[1,2;3,4]', 5            values: commas between elements, semicolons between rows, or nested brackets;
                            axes of size 1 are put in front up to the rank of the input
  Files keep their element type unless --cast is given. Dimensions of a generated input that the model leaves
  open become 1, or what --shape or --dim says.

Recipes of --preprocess:
  imagenet                  the short side resized to 8/7 of what the input wants (256 for 224), the middle cut out,
                            (x / 255 - mean) / deviation of red, green and blue
  caffe                     resized and cut likewise; x - mean of blue, green and red
  scale01, minus1to1, raw   the whole picture resized to what the input wants; x / 255, x / 127.5 - 1, or x
  Resizing is bilinear, over all pixels that a smaller one covers. Sizes that the model leaves open are 224 for
  imagenet and caffe, else those of the picture. Pictures stand as their EXIF data say, on white where they are
  transparent; for one channel they become grey. Elements of type i8 are those of u8 less 128.

Sinks:
  FILE.npy, FILE.pb         one tensor
  FILE.json, -              one tensor as a document linn.tensor/1, in a file or on stdout
  FILE.npz                  all outputs, or one value
  FOLDER/                   all outputs as FOLDER/NAME.npy, with _ for unusual characters of NAME
  Files appear when everything has worked, each as a whole. With --save-all they appear one after another, strings as
  NAME.pb; of names that would be the same file, later ones end in -2, -3 ... The index has for each value name, file,
  dtype and shape.

Profiles: the first run of the program, so with what it does once; `linn bench --profile` shows the usual one.
  Nodes are those that run: with --opt all, one may do the work of several in the file, unless -o asks for a
  value inside the graph. A node with graphs in it counts as one. Shares are those of the time in nodes; bytes
  are read and written, MACs counted as by `linn inspect`. The document has a key profile: runs, total_s,
  nodes_s, by, groups, nodes.

The document linn.run/1 has the keys linn, model, outputs (name, dtype, shape, min, mean, max, nan, inf; data where
  they are few; with --top: softmax, and top: for each row a list of class, score, label), profile, and with
  --expect: expected (name, agrees, detail, rtol, atol). Failures: see `linn --help`.

Exit codes: 0 done, 1 not as expected, 2 wrong usage, 3 invalid model, 4 not supported, 5 inputs do not fit, 6 failed on the
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
        let mut loader = self.subject.loader(&options);
        let loaded = self.subject.load(&options, &mut loader)?;
        let model = &loaded.model;

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
        if let Some(file) = &self.trace {
            plan.check_other(file)?;
        }
        let inputs = self.subject.inputs(model, &mut loader)?;
        let expected = self.expect.load(&self.subject, model, &mut loader)?;
        let ranker = self.top.ranker(&mut loader)?;

        let shows = match self.format {
            Format::Text => plan.is_empty() || (ranker.is_some() && !plan.uses_stdout()),
            Format::Json => !plan.uses_stdout(),
        };
        let mut names: Vec<&str> = plan.names().collect();
        names.extend(expected.iter().map(|(name, _)| name.as_str()));
        if shows || ranker.is_some() {
            names.extend(&outputs);
        }
        names.sort_unstable();
        names.dedup();
        let given = inputs.iter().map(|(name, tensor)| (name, tensor));
        let (values, profile): (Outputs, Option<Profile>) =
            match self.profile.is_some() || self.trace.is_some() {
                true => model
                    .profile_fetch(given, &names)
                    .map(|(values, profile)| (values, Some(profile))),
                false => model.fetch(given, &names).map(|values| (values, None)),
            }
            .map_err(|error| loaded.blame(error))?;

        let trace = match (&self.trace, &profile) {
            (Some(file), Some(profile)) => {
                Some(trace::whole(file, &self.subject.model(), profile)?)
            }
            _ => None,
        };
        let shown: Vec<(&str, &Tensor)> = outputs
            .iter()
            .filter_map(|name| Some((*name, values.get(name)?)))
            .collect();
        let rankings = ranker.map(|ranker| ranker.rankings(&shown)).transpose()?;
        let findings = self.expect.findings(&expected, &values, model.is_exact());
        plan.write_with(trace, |name| values.get(name))?;
        if let Some(folder) = &self.save_all {
            save_all(folder, &loaded, &inputs)?;
        }
        let profiled = profile.and_then(|profile| Profiled::new(&[profile]));
        let profiled = profiled.zip(self.profile);
        let in_document = shows && self.format == Format::Json;
        if let Some((profiled, by)) = profiled.as_ref().filter(|_| !in_document) {
            say_plain(&profiled.text(*by, columns::stderr_width()));
        }
        let lines: String = findings.iter().map(Finding::line).collect();
        match self.format {
            _ if plan.uses_stdout() => say_plain(&lines),
            Format::Text => {
                let text = match &rankings {
                    _ if !shows => String::new(),
                    Some(rankings) => top::text(&shown, rankings),
                    None => summary::lines(shown),
                };
                print(text + &lines)?;
            }
            Format::Json => {
                let mut tensors: Vec<Value> = shown
                    .iter()
                    .map(|(name, tensor)| summary::json(name, tensor))
                    .collect();
                for (tensor, ranking) in tensors.iter_mut().zip(rankings.iter().flatten()) {
                    if let Some(ranking) = ranking {
                        top::add_json(tensor, ranking);
                    }
                }
                let mut document = json!({
                    "schema": "linn.run/1",
                    "linn": env!("CARGO_PKG_VERSION"),
                    "model": self.subject.model(),
                    "outputs": tensors,
                });
                if let Some((profiled, by)) = &profiled {
                    document["profile"] = profiled.json(*by);
                }
                if !findings.is_empty() {
                    document["expected"] = findings.iter().map(Finding::json).collect();
                }
                print(format!("{document}\n"))?;
            }
        }
        if !findings.iter().all(Finding::agrees) {
            return Ok(Verdict::Failed);
        }
        Ok(Verdict::Passed)
    }
}
