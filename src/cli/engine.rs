//! The options that all subcommands share: limits, and the instruction set.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use linn::{Options, Simd, Threads};

use super::Failure;

/// What tensors may take.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct MaxMemory {
    /// Most memory that tensors may take: bytes, or a number with K, M or G. Default: the smaller of 4G and
    /// half of what is available
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_memory: Option<usize>,
}

/// What kernels are made of.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Kernels {
    /// The instruction set that kernels use; auto is the best of the machine. Pools give the same bits with all
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = simd_parser())]
    simd: Simd,
}

/// How models are loaded.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Loading {
    #[command(flatten)]
    memory: MaxMemory,

    /// A folder that links among the external data of the model may lead into; without, no link is followed
    #[arg(long, value_name = "DIR")]
    external_data_root: Option<PathBuf>,
}

/// How models are loaded and run.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Engine {
    #[command(flatten)]
    loading: Loading,

    /// Most rounds that the loops of one run may take together. Default: 250000
    #[arg(long, value_name = "COUNT")]
    max_rounds: Option<usize>,

    #[command(flatten)]
    kernels: Kernels,

    /// Whether the graph is rewritten so that it runs faster; without, each node runs as the file has it
    #[arg(long, value_name = "LEVEL", default_value = "all", value_enum)]
    opt: Opt,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq)]
enum Opt {
    None,
    All,
}

impl MaxMemory {
    /// Sets the option of the library.
    pub(super) fn set(&self, options: &mut Options) {
        options.memory_limit = self.max_memory.unwrap_or_else(usual_memory_limit);
    }
}

impl Kernels {
    /// Sets the option of the library.
    ///
    /// # Errors
    /// The machine lacks the instruction set.
    pub(super) fn set(&self, options: &mut Options) -> Result<(), Failure> {
        self.simd
            .check()
            .map_err(|error| Failure::Unsupported(error.to_string()))?;
        options.simd = self.simd;
        Ok(())
    }
}

impl Loading {
    /// The options of the library.
    pub(super) fn options(&self) -> Options {
        let mut options = Options::default();
        self.memory.set(&mut options);
        options.external_data_root = self.external_data_root.clone();
        options
    }
}

impl Engine {
    /// The options of the library.
    ///
    /// # Errors
    /// The machine lacks the instruction set.
    pub(super) fn options(&self) -> Result<Options, Failure> {
        let mut options = self.loading.options();
        self.kernels.set(&mut options)?;
        options.optimize = self.opt == Opt::All;
        options.round_limit = self.max_rounds.unwrap_or(options.round_limit);
        Ok(options)
    }
}

/// The threads of a command that runs a model on one number of them.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct ThreadCount {
    /// Threads to run on [default: as many as the machine has, or RAYON_NUM_THREADS]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl ThreadCount {
    pub(super) fn set(&self, options: &mut Options) {
        if let Some(count) = self
            .threads
            .and_then(|count| NonZeroUsize::new(count.into()))
        {
            options.threads = Threads::Count(count);
        }
    }
}

fn simd_parser() -> impl TypedValueParser<Value = Simd> {
    PossibleValuesParser::new(Simd::names())
        .try_map(|name| Simd::from_name(&name).ok_or("no instruction set"))
}

fn parse_size(text: &str) -> Result<usize, String> {
    let (digits, factor) = match text.char_indices().next_back() {
        Some((at, 'K' | 'k')) => (&text[..at], 1usize << 10),
        Some((at, 'M' | 'm')) => (&text[..at], 1 << 20),
        Some((at, 'G' | 'g')) => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    digits
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| "not a size, as 512M or 4G".to_string())
}

/// The most memory that tensors may take unless something else is said, in bytes.
pub(super) fn usual_memory_limit() -> usize {
    let most = Options::default().memory_limit;
    available_memory().map_or(most, |available| most.min(available / 2))
}

/// Bytes of memory that this process could still get, as far as the system tells.
pub(super) fn available_memory() -> Option<usize> {
    let number = |file: &str| {
        std::fs::read_to_string(file)
            .ok()?
            .trim()
            .parse::<usize>()
            .ok()
    };
    let system = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let line = text
                .lines()
                .find(|line| line.starts_with("MemAvailable:"))?;
            let kib: usize = line.split_whitespace().nth(1)?.parse().ok()?;
            kib.checked_mul(1024)
        });
    let group = number("/sys/fs/cgroup/memory.max")
        .map(|most| most.saturating_sub(number("/sys/fs/cgroup/memory.current").unwrap_or(0)));
    system.into_iter().chain(group).min()
}
