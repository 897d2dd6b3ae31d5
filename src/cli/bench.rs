//! `linn bench`: how long a model runs, on one thread and on several, and whether that has changed.

mod baseline;
mod change;
pub(super) mod machine;
mod noise;
pub(super) mod report;
mod sampling;
mod setup;
mod times;
mod timing;
mod values;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use linn::Simd;

use self::baseline::Baseline;
use self::noise::{Noise, Ticks};
use self::report::{Report, Row};
use self::sampling::{Sampling, Until};
use self::setup::Setup;
use self::times::Percent;
use self::timing::{Bench, Callers};
use self::values::{parse_callers, parse_json_file, parse_percent, parse_threads};
pub(super) use self::values::{parse_time, parse_time_limit};
use super::engine::Engine;
use super::profile::By;
use super::run::Format;
use super::subject::Subject;
use super::whole_file::WholeFile;
use super::{Failure, Verdict, note, print};

/// Time a model
///
/// Runs the model on the same inputs again and again, into outputs that are there already, and prints the
/// least time of a run and the times that 50, 90 and 99 of 100 runs stay within. Loading and making the
/// inputs are not part of it. Inputs are chosen as by `linn run`.
///
/// A run of less than 20 us is too short for the clock: then several runs in a row, 20 us or a little more,
/// are timed as one, and count as their mean.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = LONG_HELP)]
pub(super) struct Args {
    #[command(flatten)]
    subject: Subject,

    /// Threads to run on [default: as many as the machine has, shared out among the callers]
    #[arg(long, value_name = "N", value_parser = parse_threads())]
    threads: Option<u16>,

    /// Numbers of threads to run on, one after the other, as 1,2,4
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        conflicts_with = "threads",
        value_parser = parse_threads()
    )]
    threads_sweep: Vec<u16>,

    /// How long each number of threads is timed, as 3s or 500ms; there are 5 runs at least
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = parse_time)]
    time: Duration,

    /// How many runs are timed, instead of for how long
    #[arg(
        long,
        value_name = "N",
        visible_alias = "iters",
        conflicts_with = "time"
    )]
    runs: Option<NonZeroUsize>,

    /// How long the model runs before it is timed
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = parse_time)]
    warmup: Duration,

    /// Time plain runs, which return new outputs, instead of runs into outputs that are there
    #[arg(long)]
    fresh: bool,

    /// Callers that run the model at once, each on threads of its own; the table has runs a second then
    #[arg(long, value_name = "N", value_parser = parse_callers(), conflicts_with = "profile")]
    concurrent: Option<u16>,

    /// Percentiles that are shown, as 50,99,99.9
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "50,90,99"
    )]
    percentiles: Vec<Percent>,

    /// Write the document linn.bench/1 to a file, as a baseline for later
    #[arg(long, value_name = "FILE.json", value_parser = parse_json_file)]
    save: Option<PathBuf>,

    /// Compare with the times that --save or --format json wrote earlier
    #[arg(long, value_name = "FILE.json")]
    baseline: Option<PathBuf>,

    /// Exit with code 1 if a row is surely slower than the baseline by more than this, as 5%
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, requires = "baseline")]
    fail_over: Option<f64>,

    /// Show where the time goes too, by operator, node or shape: the medians of as many runs again, 1000 at most
    #[arg(
        long,
        value_name = "BY",
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "op"
    )]
    profile: Option<By>,

    /// What is printed: text, or a document linn.bench/1
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    #[command(flatten)]
    engine: Engine,
}

const EXAMPLES: &str = "\
Examples:
  linn bench model.onnx                               with random inputs
  linn bench model.onnx --threads-sweep 1,2,4         what threads bring
  linn bench model.onnx --threads 1 --time 10s        longer, on one thread
  linn bench model.onnx -i x.npy --simd avx2          with other inputs, without AVX-512
  linn bench model.onnx --profile=node                which nodes take the time
  linn bench model.onnx --save base.json              for later
  linn bench model.onnx --baseline base.json --fail-over 5%   whether it is slower now
  linn bench model.onnx --runs 100 --format json      for programs";

const LONG_HELP: &str = "\
The document linn.bench/1 has the keys
  linn, tool, model, inputs, simd, cpu, fresh, optimized
              what was timed; cpu is null where the system does not tell
  load_s      seconds that loading took
  peak_bytes  most bytes that constants, values and scratch of the model took at once, with the
              outputs and without the inputs
  rss_bytes   most bytes of memory that the process had; null where the system does not tell
  baseline    with --baseline: file, tool (who wrote it), fail_over (null without)
  rows        threads, concurrent (callers), min_s, p50_s, p90_s, p99_s (seconds a run),
              percentiles (percent and time_s of each), runs (how many were timed), runs_per_s
              (of all callers), stretches_s (see below), noise (others and stolen: which share
              of the processors other programs and the host of a virtual machine took, null where
              the system does not tell; spread: of the middle half of stretches_s)
              with --profile: profile, as in linn.run/1, times being medians
              with --baseline: change (before_s, estimate, low, high, over)

A baseline is compared so: the time of a row is divided into up to 20 stretches of as many samples
each, the medians of which are kept. Of all quotients of one now and one in the baseline, ascending,
the 95 % confidence interval leaves out as many at each end as the test of Mann and Whitney says:
it goes from the 128th to the 273rd of 400. The estimate is the quotient of the medians of all runs.
--fail-over looks at the lower end of the interval: a row is too slow if all of the interval is over
the limit; then --save writes nothing. Other inputs than the baseline's, or threads that it has no
row for, are an error (5); another model, processor, instruction set or --opt is a warning, but
another processor is an error with --fail-over. The interval covers what varies during the
benchmark, not what differs from one start of the program to the next, as where memory lies: leave
that a few percent. docs/json.md lists the keys with their types.

`linn run --help` lists the sources of inputs. Exit codes: 0 done, 1 slower than
--fail-over allows, 2 wrong usage, 3 invalid model, 4 not supported, 5 inputs or the baseline do not
fit, 6 failed on the values, 7 over a limit, 8 a file failed.

Examples:
  linn bench model.onnx
  linn bench model.onnx --threads-sweep 1,2,4
  linn bench model.onnx --threads 1 --time 10s
  linn bench model.onnx -i x.npy --simd avx2
  linn bench model.onnx --runs 100 --format json";

impl Args {
    pub(super) fn run(self) -> Result<Verdict, Failure> {
        let options = self.engine.options()?;
        let all_callers = self.callers()?;
        let baseline = self.baseline.as_deref().map(Baseline::read).transpose()?;
        let mut loader = self.subject.loader(&options);
        let loaded = self.subject.load(&options, &mut loader)?;
        let inputs = self.subject.inputs(&loaded.model, &mut loader)?;
        let setup = Setup {
            model: self.subject.model(),
            inputs: &inputs,
            simd: match options.simd {
                Simd::Auto => Simd::best(),
                simd => simd,
            },
            cpu: machine::cpu(),
            fresh: self.fresh,
            optimized: options.optimize,
        };
        if let Some(baseline) = &baseline {
            let wanted = all_callers
                .iter()
                .map(|callers| (callers.count(), callers.threads()));
            baseline.check(&setup, wanted, self.fail_over.is_some())?;
        }
        let bench = Bench {
            model: &loaded.model,
            inputs: &inputs,
            fresh: self.fresh,
            sampling: self.sampling(),
        };
        let mut rows = Vec::new();
        for callers in &all_callers {
            let row = self
                .row(&bench, callers, baseline.as_ref())
                .map_err(|error| self.subject.advise(loaded.blame(error), &inputs))?;
            let seen = row.noise.text();
            if !seen.is_empty() {
                note(format!("{}: {seen}", row.name));
            }
            rows.push(row);
        }
        let report = Report {
            setup,
            percents: self.percentiles.clone(),
            has_callers: self.concurrent.is_some(),
            load_time: loaded.load_time,
            peak_bytes: loaded.model.peak_bytes(),
            baseline,
            limit: self.fail_over,
            rows,
        };
        self.show(&report)
    }

    /// Times one row.
    fn row(
        &self,
        bench: &Bench,
        callers: &Callers,
        baseline: Option<&Baseline>,
    ) -> Result<Row, linn::Error> {
        let before = Ticks::now();
        let times = bench.times(callers)?;
        let noise = Noise::new(&times, Ticks::shares(before, Ticks::now()));
        let profile = match self.profile {
            Some(by) => bench.profile(callers, times.runs)?.map(|found| (found, by)),
            None => None,
        };
        let (count, threads) = (callers.count(), callers.threads());
        Ok(Row {
            callers: count,
            threads,
            name: callers.text(),
            compared: baseline.and_then(|baseline| baseline.compare(count, threads, &times)),
            times,
            noise,
            profile,
        })
    }

    /// Prints and saves what was found. A baseline is not replaced by times that are too slow to follow it.
    fn show(&self, report: &Report) -> Result<Verdict, Failure> {
        if self.baseline.is_some() || self.save.is_some() {
            check_stretches(report)?;
        }
        let document = report.json();
        let is_over = report.is_over();
        if let Some(file) = &self.save
            && !is_over
        {
            WholeFile::new(file, |to| to.write_all(document.as_bytes()))?.appear()?;
        }
        let printed = print(match self.format {
            Format::Text => report.text(),
            Format::Json => document,
        });
        if !is_over {
            return printed.map(|()| Verdict::Passed);
        }
        if self.format == Format::Json {
            for row in &report.rows {
                if let Some(change) = report.change(row) {
                    note(format!("{}: {change}", row.name));
                }
            }
        }
        match printed {
            // A reader that goes early does not turn a slow run into a good one.
            Ok(()) | Err(Failure::BrokenPipe) => Ok(Verdict::Failed),
            Err(failure) => Err(failure),
        }
    }

    /// Who runs the model for each row. All threads are made first: if there cannot be so many, nothing is timed.
    fn callers(&self) -> Result<Vec<Callers>, Failure> {
        let count = self.concurrent.map_or(1, usize::from);
        let threads = match (self.threads_sweep.as_slice(), self.threads) {
            ([], None) => vec![Callers::usual_threads(count)?],
            ([], Some(threads)) => vec![threads.into()],
            (sweep, _) => sweep.iter().map(|threads| (*threads).into()).collect(),
        };
        let callers = |threads| Callers::new(count, threads);
        threads.into_iter().map(callers).collect()
    }

    fn sampling(&self) -> Sampling {
        Sampling {
            warm_up: self.warmup,
            until: match self.runs {
                Some(runs) => Until::Runs(runs.get()),
                None => Until::Time(self.time),
            },
        }
    }
}

/// Refuses to compare, or to keep for that, times that are too few to tell how sure a change is.
fn check_stretches(report: &Report) -> Result<(), Failure> {
    let few = |row: &&Row| row.times.stretches.len() < change::FEWEST;
    let Some(row) = report.rows.iter().find(few) else {
        return Ok(());
    };
    let failure = Failure::Usage(format!(
        "{}: {} samples are too few to compare, must be at least {}",
        row.name,
        row.times.stretches.len(),
        change::FEWEST
    ));
    Err(failure.help("time more runs, with --runs or --time; very short runs share a sample"))
}
