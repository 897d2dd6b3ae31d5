//! `linn compare`: whether two models, two ways to run one, or stored tensors give the same.

mod first;
mod report;
mod side;

use linn::{Options, Simd};

use super::engine::{Engine, ThreadCount};
use super::model_file::ModelFile;
use super::run::Format;
use super::subject::Subject;
use super::tolerances::Tolerances;
use super::{Failure, Verdict, print};
use report::Report;
use side::{Pairs, Side, is_stored};

/// Compare two models, two ways to run one, or stored tensors
///
/// MODEL and OTHER are models, or files with tensors: .npy, .npz, .pb. Models get the same inputs, random ones if
/// none are given. Outputs belong together by name, or else by place; those of MODEL are compared with those of
/// OTHER: elements agree if |a - b| <= atol + rtol * |b|. NaN agrees with NaN, an infinity with itself, integers
/// and strings only if they are equal.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    subject: Subject,

    /// What it is compared with: another model, or stored tensors
    #[arg(required_unless_present = "against")]
    other: Option<String>,

    /// The same model run another way: none, without rewriting, or an instruction set that --simd takes
    #[arg(long, value_name = "WAY", conflicts_with = "other", value_parser = Way::parse)]
    against: Option<Way>,

    #[command(flatten)]
    tolerances: Tolerances,

    /// If models differ, name the first node whose output does, of the values that both compute by the same name
    #[arg(long)]
    first_diff: bool,

    /// What is printed: text, or a document linn.compare/1
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    #[command(flatten)]
    threads: ThreadCount,

    #[command(flatten)]
    engine: Engine,
}

const EXAMPLES: &str = "\
Examples:
  linn compare old.onnx new.onnx                      with random inputs
  linn compare a.onnx b.onnx -i x.npy --first-diff    and where they go apart
  linn compare model.onnx --against none              rewritten, and node by node
  linn compare model.onnx wanted.npz -i x.npy         with stored outputs
  linn compare got.npy wanted.npy --rtol 1e-5

Exit codes: 0 all agree, 1 something differs; others as those of run. docs/json.md lists the keys of
the document linn.compare/1.";

/// A way to run a model.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Without rewriting.
    Plain,
    Simd(Simd),
}

impl Way {
    fn parse(text: &str) -> Result<Way, String> {
        match text {
            "none" => Ok(Way::Plain),
            _ => Simd::from_name(text).map(Way::Simd).ok_or_else(|| {
                let names: Vec<&str> = Simd::names().collect();
                format!("must be none, or one of {}", names.join(", "))
            }),
        }
    }

    fn apply(self, options: &mut Options) -> Result<(), Failure> {
        match self {
            Way::Plain => options.optimize = false,
            Way::Simd(simd) => {
                simd.check()
                    .map_err(|error| Failure::Unsupported(error.to_string()))?;
                options.simd = simd;
            }
        }
        Ok(())
    }
}

impl Args {
    /// Refuses what is for models where there is none.
    fn check_stored(&self) -> Result<(), Failure> {
        let are_stored =
            is_stored(&self.subject.model()) && self.other.as_deref().is_some_and(is_stored);
        let option = match self.first_diff {
            true => Some("--first-diff"),
            false => self.subject.option(),
        };
        match option.filter(|_| are_stored) {
            Some(option) => Err(Failure::Usage(format!(
                "{option} is for models, and both sides are stored tensors"
            ))),
            None => Ok(()),
        }
    }

    pub(super) fn run(self) -> Result<Verdict, Failure> {
        self.check_stored()?;
        let mut options = self.engine.options()?;
        self.threads.set(&mut options);
        let mut loader = self.subject.loader(&options);
        let named = self.subject.model();
        let a = match is_stored(&named) {
            true => Side::stored(&named, &mut loader)?,
            false => Side::Model(Box::new(self.subject.load(&options, &mut loader)?)),
        };
        let mut other_options = options.clone();
        if let Some(way) = self.against {
            way.apply(&mut other_options)?;
        }
        let b = match self.other.as_deref() {
            Some(other) if is_stored(other) => Side::stored(other, &mut loader)?,
            Some(other) => {
                let other = ModelFile::new(other).load(&other_options, &mut loader)?;
                Side::Model(Box::new(other))
            }
            None if a.model().is_none() => {
                return Err(Failure::Usage("--against needs a model".to_string()));
            }
            None => Side::Model(Box::new(self.subject.load(&other_options, &mut loader)?)),
        };
        let inputs = match a.model().or(b.model()) {
            Some(model) => self.subject.inputs(model, &mut loader)?,
            None => Vec::new(),
        };
        let pairs = Pairs::new(a.tensors(&inputs)?, b.tensors(&inputs)?);
        let compared: Vec<&str> = pairs.both.iter().map(|pair| pair.name.as_str()).collect();
        self.tolerances.check_names(&compared)?;
        let both_exact = [&a, &b].map(|side| side.model().is_none_or(|model| model.is_exact()));
        let any_model = a.model().or(b.model()).is_some();
        let is_exact = any_model && both_exact == [true, true];
        let tolerance = |output: &str| self.tolerances.of(output, is_exact);
        let mut report = Report::new(&pairs, tolerance);
        if let (true, Some(one), Some(other)) = (self.first_diff, a.model(), b.model())
            && !report.agrees()
        {
            // Values inside have no tolerance of their own.
            let (first, compared) = first::first(one, other, &inputs, tolerance(""))
                .map_err(Failure::of(named.as_ref()))?;
            report.first = Some((first, compared));
        }
        let other = self.other.as_deref().unwrap_or(&named);
        print(match self.format {
            Format::Text => report.text(),
            Format::Json => format!("{}\n", report.json(&named, other)),
        })?;
        Ok(match report.agrees() {
            true => Verdict::Passed,
            false => Verdict::Failed,
        })
    }
}
