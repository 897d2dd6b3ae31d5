//! `linn run`: runs a model once, shows or saves what comes out.

mod help;

use std::path::PathBuf;

use clap::ValueEnum;
use linn::{Outputs, Profile, Tensor};
use serde_json::{Value, json};

use super::engine::{Engine, ThreadCount};
use super::expect::{Expect, Finding};
use super::profile::{By, Profiled, trace};
use super::save_all::save_all;
use super::sink::{self, Sink};
use super::subject::Subject;
use super::top::{self, Top};
use super::{Failure, Verdict, columns, locale, print, say_plain, summary};

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
#[command(after_help = help::EXAMPLES, after_long_help = help::LONG)]
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
    #[arg(long, value_name = "FILE.json", value_parser = trace::parse_file)]
    trace: Option<PathBuf>,

    /// What is printed: text, or a document linn.run/1
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    #[command(flatten)]
    threads: ThreadCount,

    #[command(flatten)]
    engine: Engine,
}

impl Args {
    pub(super) fn run(self) -> Result<Verdict, Failure> {
        let mut options = self.engine.options()?;
        self.threads.set(&mut options);
        // What is named may be any value of the graph.
        options.keep_values = self.output.iter().any(|output| output.contains('='));
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
        if ranker.is_some() && !shows {
            return Err(Failure::Usage(
                "scores are asked for and not shown, as -o writes a tensor to stdout".to_string(),
            ));
        }
        if self.profile.is_some() && self.format == Format::Json && !shows {
            let failure = Failure::Usage(
                "--profile has no document to go into, as -o writes a tensor to stdout".to_string(),
            );
            return Err(failure.help("write the tensor to a file, or leave out --format json"));
        }
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
            .map_err(|error| self.subject.advise(loaded.blame(error), &inputs))?;

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
                    Some(rankings) => top::text(&shown, rankings, locale::is_ascii()),
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
