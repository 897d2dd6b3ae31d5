//! `linn test`: runs the cases of the ONNX backend tests and compares the outputs with the stored ones.

mod case;
mod discover;
mod expectations;
mod junit;
mod report;
mod rerun;

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use linn::Simd;
use linn::text::Plain;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use regex_lite::Regex;

use super::colour::Colours;
use super::engine::Engine;
use super::progress::Progress;
use super::{Failure, Verdict, print, threads};
use case::{Settings, Trouble};
use discover::{Case, Found};
use expectations::{Expectations, Expected};
use report::{Outcome, Report, Status};

/// Run conformance cases and compare their outputs with the stored ones
///
/// A case is a folder with model.onnx and test_data_set_N/input_N.pb, output_N.pb, the layout of the
/// ONNX backend tests. An output agrees if its type and shape are the stored ones and every element
/// satisfies |got - want| <= atol + rtol * |want|; integers, booleans, strings, and all outputs of models
/// that round nothing must be equal. Exit code 1 if a case does not pass, passes against its expectation,
/// or an expectation names no case. docs/json.md lists the keys of the document linn.test/1.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Suites (folders of cases, or of links to cases), folders of suites, or single cases
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// Run only the cases whose name matches; may be repeated, one match is enough
    #[arg(long, value_name = "REGEX", value_parser = parse_regex)]
    filter: Vec<Regex>,
    /// Leave out the cases whose name matches; may be repeated
    #[arg(long, value_name = "REGEX", value_parser = parse_regex)]
    exclude: Vec<Regex>,
    /// Run only the cases that did not pass in an earlier run, of which --json wrote this document
    #[arg(long, value_name = "FILE.json")]
    rerun_failed: Option<PathBuf>,
    /// Lines `name: status reason` with the status pass, xfail, unsupported or skip; # begins a comment line
    #[arg(long, value_name = "FILE")]
    expectations: Option<PathBuf>,
    /// Fail unless at least so many cases are selected
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_tests: usize,
    /// Relative tolerance of floats [default: 1e-3, or that of the case's data.json]
    #[arg(long, value_name = "X", value_parser = parse_tolerance, allow_negative_numbers = true)]
    rtol: Option<f64>,
    /// Absolute tolerance of floats [default: 1e-7, or that of the case's data.json]
    #[arg(long, value_name = "X", value_parser = parse_tolerance, allow_negative_numbers = true)]
    atol: Option<f64>,
    /// Write the results as JSON; - is stdout, the text then goes to stderr
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the results as JUnit XML; - is stdout, the text then goes to stderr
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print the names of the selected cases and run nothing
    #[arg(long, conflicts_with_all = ["json", "junit"])]
    list: bool,
    /// Cases at a time [default: one a thread]
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Print the skipped cases and the expected failures too
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    engine: Engine,
}

impl Args {
    pub(super) fn run(self) -> Result<Verdict, Failure> {
        self.check_reports()?;
        let expectations = match &self.expectations {
            Some(file) => Expectations::read(file)?,
            None => Expectations::default(),
        };
        let found = discover::discover(&self.dirs)?;
        let selected = self.select(&found)?;
        if self.list {
            return print(report::list(&selected)).map(|()| Verdict::Passed);
        }
        let report = Report {
            found: found.cases.len(),
            rtol: self.rtol,
            atol: self.atol,
            ways: self.ways()?,
            outcomes: self.run_cases(&selected, &expectations)?,
            stale: expectations.stale(&found),
        };
        self.write_reports(&report)?;
        Ok(report.verdict())
    }

    /// The options about how models are run, where they are not the usual ones.
    fn ways(&self) -> Result<Vec<String>, Failure> {
        let options = self.engine.options()?;
        let simd = match options.simd {
            Simd::Auto => None,
            simd => Some(format!("--simd {}", simd.name())),
        };
        let opt = (!options.optimize).then(|| "--opt none".to_string());
        Ok(simd.into_iter().chain(opt).collect())
    }

    /// Refuses reports that could not be written, before the cases have taken their time.
    fn check_reports(&self) -> Result<(), Failure> {
        let reports: Vec<&Path> = [&self.json, &self.junit]
            .into_iter()
            .flatten()
            .map(PathBuf::as_path)
            .collect();
        if let [one, other] = reports[..]
            && one == other
        {
            return Err(Failure::Usage(format!(
                "--json and --junit both write {}",
                one.display()
            )));
        }
        for file in reports {
            if !report::is_stdout(file) {
                report::check_folder(file)?;
            }
        }
        Ok(())
    }

    fn select<'a>(&self, found: &'a Found) -> Result<Vec<&'a Case>, Failure> {
        let failed = self
            .rerun_failed
            .as_deref()
            .map(rerun::failed)
            .transpose()?;
        let has_failed = |case: &&Case| {
            let failed = failed.as_ref();
            failed.is_none_or(|failed| case.names().iter().any(|name| failed.contains(name)))
        };
        let selected: Vec<&Case> = found
            .cases
            .iter()
            .filter(has_failed)
            .filter(|case| self.filter.is_empty() || case.matches(&self.filter))
            .filter(|case| !case.matches(&self.exclude))
            .collect();
        if selected.is_empty() {
            let options = match failed {
                None => "--filter and --exclude",
                Some(_) => "--filter, --exclude and --rerun-failed",
            };
            return Err(Failure::Usage(format!(
                "no case is selected: none of {} passes {options}",
                found.cases.len()
            )));
        }
        if selected.len() < self.min_tests {
            return Err(Failure::Usage(format!(
                "{} of {} cases selected, fewer than --min-tests {}",
                selected.len(),
                found.cases.len(),
                self.min_tests
            )));
        }
        Ok(selected)
    }

    /// Runs the cases, several at a time; their outcomes keep the order of the cases.
    fn run_cases(
        &self,
        cases: &[&Case],
        expectations: &Expectations,
    ) -> Result<Vec<Outcome>, Failure> {
        let settings = Settings {
            options: self.engine.options()?,
            rtol: self.rtol,
            atol: self.atol,
        };
        let progress = Progress::new(cases.len() as u64);
        let done = AtomicU64::new(0);
        let run = |case: &&Case| {
            let outcome = run_case(case, expectations, &settings);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            progress.show(done, || {
                format!("{done} of {}: {}", cases.len(), Plain(&case.name))
            });
            outcome
        };
        let all = || cases.into_par_iter().map(run).collect();
        // As many as the machine has, for 0.
        let jobs = self.jobs.map_or(0, |jobs| jobs.get().min(cases.len()));
        threads::pool(jobs)?.install(all)
    }

    /// The files come first: they are written even if nobody reads the text to its end.
    fn write_reports(&self, report: &Report) -> Result<(), Failure> {
        if let Some(file) = &self.json {
            report::write(file, &report.json())?;
        }
        if let Some(file) = &self.junit {
            report::write(file, &junit::document(report)?)?;
        }
        let to_stdout = |file: &Option<PathBuf>| file.as_deref().is_some_and(report::is_stdout);
        if to_stdout(&self.json) || to_stdout(&self.junit) {
            let text = report.text(self.verbose, Colours::of_stderr());
            let _ = io::stderr().write_all(text.as_bytes());
            return Ok(());
        }
        report::show(&report.text(self.verbose, Colours::of_stdout()))
    }
}

/// What becomes of a case.
///
/// # Errors
/// The time of the program was up, which says nothing about the case.
fn run_case(
    case: &Case,
    expectations: &Expectations,
    settings: &Settings,
) -> Result<Outcome, Failure> {
    let start = Instant::now();
    let expectation = expectations.of(case);
    let expected = expectation.map_or(Expected::Pass, |expectation| expectation.expected);
    let reason = || expectation.map_or("", |expectation| expectation.reason.as_str());
    let ran = match expected {
        Expected::Skip => Ok(()),
        _ => case::run(&case.folder, settings),
    };
    let ran = match ran {
        Err(Trouble {
            late: Some(error), ..
        }) => return Err(Failure::of(&case.folder)(error)),
        ran => ran,
    };
    let (status, detail) = match expected {
        Expected::Skip => (Status::Skipped, reason().to_string()),
        Expected::Pass => match ran {
            Ok(()) => (Status::Passed, String::new()),
            Err(trouble) if trouble.unsupported => (Status::Unsupported, trouble.detail),
            Err(trouble) => (Status::Failed, trouble.detail),
        },
        Expected::Xfail | Expected::Unsupported => match ran {
            Ok(()) => (
                Status::Xpassed,
                format!("passes, expected to fail: {}", reason()),
            ),
            Err(trouble) if expected == Expected::Unsupported && !trouble.unsupported => {
                (Status::Failed, trouble.detail)
            }
            Err(trouble) => (
                Status::Xfailed,
                format!("{} ({})", reason(), trouble.detail),
            ),
        },
    };
    Ok(Outcome {
        folder: case.folder.clone(),
        name: case.name.clone(),
        suite: case.suite.clone(),
        status,
        detail,
        time: start.elapsed(),
    })
}

fn parse_regex(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| error.to_string())
}

pub(super) fn parse_tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err("not a finite number of at least 0".to_string()),
    }
}
