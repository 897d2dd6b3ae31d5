//! The runs that are timed: of one caller, or of several at once.

use std::sync::Barrier;

use linn::{Error, Model, Tensor};
use rayon::ThreadPool;

use super::sampling::{Sampling, Timed};
use super::times::Times;
use crate::cli::Failure;
use crate::cli::inputs::Inputs;
use crate::cli::profile::Profiled;
use crate::cli::progress::Progress;
use crate::cli::threads::pool;

/// What is timed.
pub(super) struct Bench<'a> {
    pub(super) model: &'a Model,
    pub(super) inputs: &'a Inputs,
    pub(super) fresh: bool,
    pub(super) sampling: Sampling,
}

/// Callers that run the model at once, each on threads of its own.
pub(super) struct Callers {
    /// A thread a caller, which waits for its pool.
    callers: ThreadPool,
    pools: Vec<ThreadPool>,
}

impl Callers {
    /// So many callers, each on so many threads.
    pub(super) fn new(callers: usize, threads: usize) -> Result<Callers, Failure> {
        let pools = (0..callers).map(|_| pool(threads));
        Ok(Callers {
            callers: pool(callers)?,
            pools: pools.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn count(&self) -> usize {
        self.pools.len()
    }

    /// The threads of each caller.
    pub(super) fn threads(&self) -> usize {
        self.pools[0].current_num_threads()
    }

    /// As many threads as the machine has, shared out among callers.
    pub(super) fn usual_threads(callers: usize) -> Result<usize, Failure> {
        let all = pool(0)?.current_num_threads();
        Ok((all / callers).max(1))
    }

    /// `2 threads`, `4 callers, 1 thread each`
    pub(super) fn text(&self) -> String {
        let threads = match self.threads() {
            1 => "1 thread".to_string(),
            many => format!("{many} threads"),
        };
        match self.count() {
            1 => threads,
            many => format!("{many} callers, {threads} each"),
        }
    }
}

impl Bench<'_> {
    /// Times runs of all callers at once.
    pub(super) fn times(&self, callers: &Callers) -> Result<Times, Error> {
        let progress = Progress::new(STEPS);
        let all_warm = Barrier::new(callers.count());
        let timed = callers.callers.broadcast(|caller| {
            let shown = (caller.index() == 0).then_some((&progress, callers));
            callers.pools[caller.index()].install(|| self.timed(&all_warm, shown))
        });
        let timed: Vec<Timed> = timed.into_iter().collect::<Result<_, _>>()?;
        Ok(Times::new(&timed))
    }

    /// The runs of one caller, on the threads that this is called on.
    fn timed(
        &self,
        all_warm: &Barrier,
        shown: Option<(&Progress, &Callers)>,
    ) -> Result<Timed, Error> {
        let mut outputs = None;
        let mut run = || self.run(&mut outputs);
        let usual = self.sampling.runs_a_sample(&mut run);
        // Also where it failed: the others wait.
        all_warm.wait();
        self.sampling.timed(usual?, run, |done| {
            if let Some((progress, callers)) = shown {
                let what = || format!("timing {}", callers.text());
                progress.show((done * STEPS as f64) as u64, what);
            }
        })
    }

    /// One run: into outputs that are there, or else the first one makes them, since only it tells how large they
    /// are.
    fn run(&self, outputs: &mut Option<Outputs>) -> Result<(), Error> {
        if self.fresh {
            return self.model.run(self.inputs()).map(drop);
        }
        match outputs {
            Some(outputs) => self.model.run_into(self.inputs(), named(outputs)),
            None => {
                *outputs = Some(self.model.run(self.inputs())?.into_iter().collect());
                Ok(())
            }
        }
    }

    /// Where the time of `runs` more runs of one caller goes.
    pub(super) fn profile(
        &self,
        callers: &Callers,
        runs: usize,
    ) -> Result<Option<Profiled>, Error> {
        const MOST: usize = 1000;
        callers.pools[0].install(|| {
            let mut outputs = None;
            self.run(&mut outputs)?;
            let mut profiles = Vec::new();
            for _ in 0..runs.min(MOST) {
                profiles.push(match &mut outputs {
                    None => self.model.profile(self.inputs())?.1,
                    Some(outputs) => self.model.profile_into(self.inputs(), named(outputs))?,
                });
            }
            Ok(Profiled::new(&profiles))
        })
    }

    fn inputs(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.inputs
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor))
    }
}

/// The outputs of a run by name.
type Outputs = Vec<(String, Tensor)>;

fn named(outputs: &mut Outputs) -> impl Iterator<Item = (&str, &mut Tensor)> {
    outputs
        .iter_mut()
        .map(|(name, tensor)| (name.as_str(), tensor))
}

/// The steps of the progress of a row.
const STEPS: u64 = 1000;
