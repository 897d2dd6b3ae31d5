//! The command line: arguments in, results on stdout, everything else on stderr, an exit code.
//!
//! One file a subcommand; each has an `Args` and a `run` that returns whether all its checks passed.

mod attributes;
mod batches;
mod bench;
mod cast;
mod cells;
mod check;
mod colour;
mod columns;
mod compare;
mod completions;
mod data_set;
mod deadline;
mod difference;
mod engine;
mod env;
mod expect;
mod failure_json;
mod generate;
mod graph;
mod grid;
mod inputs;
mod inspect;
mod interrupt;
mod layout;
mod literal;
mod locale;
mod man;
mod model_file;
mod node_name;
mod npy;
mod npz;
mod number;
mod ops;
mod pool;
mod profile;
mod progress;
mod run;
mod save_all;
mod shapes;
mod sink;
mod source;
mod subject;
mod summary;
mod tensor_json;
mod test;
mod threads;
mod tolerances;
mod top;
mod usage;
mod whole_file;
mod words;

use std::fmt;
use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::styling::AnsiColor;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use linn::text::Plain;
use linn::{Class, Error, Remedy};

use self::colour::{Colours, When};
use self::usage::Usage;

/// Runs ONNX models, with the pooling family right in every corner.
#[derive(Parser)]
#[command(name = "linn", version, propagate_version = true, max_term_width = 100)]
#[command(after_long_help = failure_json::HELP)]
struct Cli {
    /// Whether there are colours
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        global = true,
        display_order = 900
    )]
    color: When,

    /// Most time that all of it may take, as 60s or 500ms
    #[arg(
        long,
        value_name = "TIME",
        value_parser = bench::parse_time_limit,
        global = true,
        display_order = 901
    )]
    timeout: Option<Duration>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Args),
    Inspect(inspect::Args),
    Check(check::Args),
    Bench(bench::Args),
    Compare(compare::Args),
    Test(test::Args),
    Pool(pool::Args),
    Ops(ops::Args),
    Graph(graph::Args),
    Env(env::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Command {
    /// Whether it may take long or writes files, so that an interrupt has something to tidy up.
    fn is_long(&self) -> bool {
        use Command::{Check, Completions, Env, Inspect, Ops};
        !matches!(
            self,
            Check(_) | Completions(_) | Env(_) | Inspect(_) | Ops(_)
        )
    }

    fn run(self) -> Result<Verdict, Failure> {
        match self {
            Command::Run(args) => args.run(),
            Command::Inspect(args) => args.run(),
            Command::Check(args) => args.run(),
            Command::Bench(args) => args.run(),
            Command::Compare(args) => args.run(),
            Command::Test(args) => args.run(),
            Command::Pool(args) => args.run(),
            Command::Ops(args) => args.run(),
            Command::Graph(args) => args.run(),
            Command::Env(args) => args.run(),
            Command::Completions(args) => args.run(),
            Command::Man(args) => args.run(),
        }
    }
}

/// Parses the arguments and runs the subcommand.
pub(crate) fn main() -> ExitCode {
    let is_json = failure_json::is_wanted(std::env::args_os());
    let Cli {
        command, timeout, ..
    } = match parse() {
        Err(said) => return answer(&said, is_json),
        Ok(cli) => cli,
    };
    if command.is_long() {
        interrupt::watch();
    }
    let outcome = deadline::within(timeout, is_json, || command.run());
    match outcome {
        Ok(Verdict::Passed) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::from(1),
        Ok(Verdict::Code(code)) => ExitCode::from(code),
        Err(Failure::BrokenPipe) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.say(is_json);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn parse() -> Result<Cli, clap::Error> {
    let when = When::among(std::env::args_os().skip(1));
    when.set();
    let mut parser = usage::with_negative_numbers(Cli::command()).color(when.choice());
    let matches = parser.try_get_matches_from_mut(std::env::args_os())?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut parser))?;
    Ok(cli)
}

/// Prints what the parser of the arguments has to say: help, the version, or what is wrong with them.
fn answer(said: &clap::Error, is_json: bool) -> ExitCode {
    if let Some(wrong) = Usage::of(said) {
        let failure = Failure::Usage(wrong.message);
        let failure = match wrong.help {
            Some(help) => failure.help(help),
            None => failure,
        };
        failure.say(is_json);
        return ExitCode::from(failure.exit_code());
    }
    let printed = said.print().and_then(|()| io::stdout().flush());
    match printed {
        // Nobody hears of a stderr that is closed.
        Err(error) if !said.use_stderr() && error.kind() != ErrorKind::BrokenPipe => {
            say("error", Failure::io("stdout")(error));
            ExitCode::from(8)
        }
        _ => ExitCode::from(said.exit_code() as u8),
    }
}

/// What a subcommand that ran to its end found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    /// It ran, and a check said no.
    Failed,
    /// It ran, and what it found has this exit code.
    Code(u8),
}

/// Why a subcommand did not run to its end.
#[derive(Debug)]
enum Failure {
    /// The arguments contradict each other or name nothing.
    Usage(String),
    /// The arguments ask for what the machine lacks.
    Unsupported(String),
    /// The library refused, because of `file` where that is known.
    Linn { file: Option<String>, error: Error },
    /// An input or output file, or the terminal, failed.
    Io { file: String, error: io::Error },
    /// A value given as an argument is broken or does not fit.
    Input(String),
    /// An input file is broken or does not fit.
    Broken { file: String, reason: String },
    /// What was given to an input is not what it takes.
    Misfit(Box<inputs::Misfit>),
    /// Another failure, and what to do about it.
    Helped { failure: Box<Failure>, help: String },
    /// The reader of our output has gone.
    BrokenPipe,
}

impl Failure {
    fn of(file: &Path) -> impl Fn(Error) -> Failure {
        let file = Plain(&file.to_string_lossy()).to_string();
        move |error| match error {
            // It names its file itself.
            Error::Io { .. } => Failure::Linn { file: None, error },
            error => Failure::Linn {
                file: Some(file.clone()),
                error,
            },
        }
    }

    fn io(file: impl AsRef<Path>) -> impl Fn(io::Error) -> Failure {
        let file = Plain(&file.as_ref().to_string_lossy()).to_string();
        move |error| Failure::Io {
            file: file.clone(),
            error,
        }
    }

    /// This failure, with what to do about it.
    fn help(self, help: impl Into<String>) -> Failure {
        Failure::Helped {
            failure: Box::new(self),
            help: help.into(),
        }
    }

    /// Says on stderr what went wrong, and what to do about it.
    fn say(&self, is_json: bool) {
        if is_json {
            return failure_json::say(self);
        }
        say("error", self);
        if let Some(help) = self.shown_help() {
            say("help", help);
        }
    }

    fn exit_code(&self) -> u8 {
        match self {
            Failure::BrokenPipe => 0,
            Failure::Helped { failure, .. } => failure.exit_code(),
            Failure::Usage(_) => 2,
            Failure::Unsupported(_) => 4,
            Failure::Input(_) | Failure::Broken { .. } | Failure::Misfit(_) => 5,
            Failure::Io { .. } => 8,
            Failure::Linn { error, .. } => exit_code(error.class()),
        }
    }

    fn shown_help(&self) -> Option<&str> {
        match self {
            Failure::Linn { error, .. } => match error.remedy() {
                Some(remedy) => option_for(remedy),
                None => match error {
                    Error::Unsupported(findings) => match findings.as_slice() {
                        [one] => check::hint(one),
                        _ => Some("`linn check` lists all of them"),
                    },
                    error => error.help(),
                },
            },
            Failure::Helped { help, .. } => Some(help),
            _ => None,
        }
    }
}

/// What to do with the option that can help.
fn option_for(remedy: Remedy) -> Option<&'static str> {
    match remedy {
        Remedy::MemoryLimit => Some("raise the limit with --max-memory"),
        Remedy::TimeLimit => Some(deadline::HELP),
        Remedy::RoundLimit => Some("raise the limit with --max-rounds"),
        Remedy::ExternalDataRoot => {
            Some("--external-data-root DIR names a folder that links may lead into")
        }
        _ => None,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(reason) | Failure::Unsupported(reason) | Failure::Input(reason) => {
                f.write_str(reason)
            }
            Failure::Misfit(misfit) => misfit.fmt(f),
            Failure::Helped { failure, .. } => failure.fmt(f),
            Failure::Linn { file: None, error } => error.fmt(f),
            Failure::Linn {
                file: Some(file),
                error,
            } => write!(f, "{file}: {error}"),
            Failure::Broken { file, reason } => write!(f, "{file}: {reason}"),
            Failure::Io { file, error } => write!(f, "{file}: {error}"),
            Failure::BrokenPipe => f.write_str("broken pipe"),
        }
    }
}

/// The exit code for an error of the library.
fn exit_code(class: Class) -> u8 {
    match class {
        Class::Invalid => 3,
        Class::Unsupported => 4,
        Class::Input => 5,
        Class::Run => 6,
        Class::Limit => 7,
        Class::Io => 8,
        _ => 101,
    }
}

/// Writes a line to stderr; a stderr that is closed is no reason to stop.
fn say(what: &str, text: impl fmt::Display) {
    let colour = match what {
        "error" => AnsiColor::Red,
        "warning" => AnsiColor::Yellow,
        "help" => AnsiColor::Green,
        _ => AnsiColor::Cyan,
    };
    let what = Colours::of_stderr().paint(colour, &format!("{what}:"));
    say_plain(&format!("{what} {text}\n"));
}

/// As [`say`], for lines that are complete.
fn say_plain(lines: &str) {
    let _ = io::stderr().lock().write_all(lines.as_bytes());
}

/// Says something on stderr that the user may not expect, and may want to change.
fn note(text: impl fmt::Display) {
    say("note", text);
}

/// Writes to stdout; a reader that has gone ends the program quietly.
fn print(text: impl fmt::Display) -> Result<(), Failure> {
    print_with(|to| write!(to, "{text}"))
}

/// As [`print`], for a text that is too long to hold in memory.
fn print_with(
    write: impl FnOnce(&mut BufWriter<StdoutLock<'static>>) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::BrokenPipe),
        Err(error) => Err(Failure::io("stdout")(error)),
    }
}
