//! `linn bench`: how long a model runs, on one thread and on several.

pub(super) mod machine;
pub(super) mod report;
mod sampling;

use std::num::NonZeroUsize;
use std::time::Duration;

use linn::{Error, Model, Simd, Tensor};
use rayon::{ThreadPool, ThreadPoolBuilder};

use self::report::{Report, Row};
use self::sampling::{Sampling, Times, Until};
use super::engine::Engine;
use super::inputs::Inputs;
use super::profile::{By, Profiled};
use super::run::Format;
use super::subject::Subject;
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

    /// Threads to run on [default: as many as the machine has]
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
    #[arg(long, value_name = "N", conflicts_with = "time")]
    runs: Option<NonZeroUsize>,

    /// How long the model runs before it is timed
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = parse_time)]
    warmup: Duration,

    /// Time plain runs, which return new outputs, instead of runs into outputs that are there
    #[arg(long)]
    fresh: bool,

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
  linn bench model.onnx --runs 100 --format json      for programs";

const LONG_HELP: &str = "\
The document linn.bench/1 has the keys
  linn, tool, model, inputs, simd, cpu, fresh
              what was timed; cpu is null where the system does not tell
  load_s      seconds that loading took
  peak_bytes  most bytes that constants, values and scratch of the model took at once, with the
              outputs and without the inputs
  rss_bytes   most bytes of memory that the process had; null where the system does not tell
  rows        threads, min_s, p50_s, p90_s, p99_s (seconds a run), runs (how many were timed)
              and with --profile: profile, as in linn.run/1, times being medians

`linn run --help` lists the sources of inputs. Exit codes: 0 done, 2 wrong usage, 3 invalid model,
4 not supported, 5 inputs do not fit, 6 failed on the values, 7 over a limit, 8 a file failed.

Examples:
  linn bench model.onnx
  linn bench model.onnx --threads-sweep 1,2,4
  linn bench model.onnx --threads 1 --time 10s
  linn bench model.onnx -i x.npy --simd avx2
  linn bench model.onnx --runs 100 --format json";

impl Args {
    pub(super) fn run(self) -> Result<Verdict, Failure> {
        let options = self.engine.options()?;
        let pools = self.pools()?;
        let mut loader = self.subject.loader(&options);
        let loaded = self.subject.load(&options, &mut loader)?;
        let inputs = self.subject.inputs(&loaded.model, &mut loader)?;
        let mut bench = Bench {
            model: &loaded.model,
            inputs: &inputs,
            outputs: None,
            fresh: self.fresh,
            sampling: self.sampling(),
        };
        let mut rows = Vec::new();
        for pool in &pools {
            let times = pool
                .install(|| bench.times())
                .map_err(|error| loaded.blame(error))?;
            let profile = match self.profile {
                Some(by) => pool
                    .install(|| bench.profile(times.runs))
                    .map_err(|error| loaded.blame(error))?
                    .map(|profiled| (profiled, by)),
                None => None,
            };
            let row = Row {
                threads: pool.current_num_threads(),
                times,
                profile,
            };
            if row.times.are_noisy() {
                note(format!(
                    "the times on {} vary widely; is the machine at work on something else?",
                    row.threads_text()
                ));
            }
            rows.push(row);
        }
        let report = Report {
            model: self.subject.model(),
            inputs: &inputs,
            simd: match options.simd {
                Simd::Auto => Simd::best(),
                simd => simd,
            },
            fresh: self.fresh,
            load_time: loaded.load_time,
            peak_bytes: loaded.model.peak_bytes(),
            rows,
        };
        print(match self.format {
            Format::Text => report.text(),
            Format::Json => report.json(),
        })?;
        Ok(Verdict::Passed)
    }

    /// The threads that each row runs on. All are made first: if there cannot be so many, nothing is timed.
    fn pools(&self) -> Result<Vec<ThreadPool>, Failure> {
        let counts = match self.threads_sweep.as_slice() {
            // 0 stands for as many as the machine has.
            [] => &[self.threads.unwrap_or(0)],
            counts => counts,
        };
        let pool = |&count: &u16| {
            ThreadPoolBuilder::new()
                .num_threads(count.into())
                .build()
                .map_err(|error| Failure::Usage(format!("{count} threads: {error}")))
        };
        counts.iter().map(pool).collect()
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

/// What is timed.
struct Bench<'a> {
    model: &'a Model,
    inputs: &'a Inputs,
    /// What the first run has made; the next ones write there.
    outputs: Option<Vec<(String, Tensor)>>,
    fresh: bool,
    sampling: Sampling,
}

impl Bench<'_> {
    /// Where the time of `runs` more runs goes, on the threads that this is called on.
    fn profile(&mut self, runs: usize) -> Result<Option<Profiled>, Error> {
        const MOST: usize = 1000;
        let inputs = || {
            let inputs = self.inputs.iter();
            inputs.map(|(name, tensor)| (name.as_str(), tensor))
        };
        let mut profiles = Vec::new();
        for _ in 0..runs.min(MOST) {
            profiles.push(match &mut self.outputs {
                None => self.model.profile(inputs())?.1,
                Some(outputs) => self.model.profile_into(
                    inputs(),
                    outputs
                        .iter_mut()
                        .map(|(name, tensor)| (name.as_str(), tensor)),
                )?,
            });
        }
        Ok(Profiled::new(&profiles))
    }

    /// Times runs on the threads that this is called on.
    fn times(&mut self) -> Result<Times, Error> {
        let model = self.model;
        let inputs = || {
            let inputs = self.inputs.iter();
            inputs.map(|(name, tensor)| (name.as_str(), tensor))
        };
        if self.fresh {
            return self.sampling.times(|| model.run(inputs()).map(drop));
        }
        if self.outputs.is_none() {
            // Only a run tells how large the outputs are.
            self.outputs = Some(model.run(inputs())?.into_iter().collect());
        }
        let outputs = self.outputs.as_mut().expect("they were made above");
        self.sampling.times(|| {
            let outputs = outputs.iter_mut();
            model.run_into(
                inputs(),
                outputs.map(|(name, tensor)| (name.as_str(), tensor)),
            )
        })
    }
}

fn parse_threads() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=1024)
}

/// Reads `3s`, `1.5s`, `500ms`, `20us` or `2m`.
fn parse_time(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1e-3), ("us", 1e-6), ("s", 1.0), ("m", 60.0)];
    units
        .iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))
        .and_then(|(number, seconds)| Some(number.trim().parse::<f64>().ok()? * seconds))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "not a time, as 3s, 500ms or 2m".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(parse_time("3s"), Ok(Duration::from_secs(3)));
        assert_eq!(parse_time("1.5 ms"), Ok(Duration::from_micros(1500)));
        assert_eq!(parse_time("20us"), Ok(Duration::from_micros(20)));
        assert_eq!(parse_time("2m"), Ok(Duration::from_secs(120)));
        for text in ["3", "s", "-1s", "nans", "infs", "1e300s", "3h", ""] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}
