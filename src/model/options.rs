//! How a model is loaded and run.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::custom::Registry;
use crate::error::{Error, Finding, Severity};
use crate::installed::Installed;
use crate::simd::Simd;
use crate::threads;

/// How a model is loaded and run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The most bytes that the tensors of a model, or of one run, may take. 4 GiB by default.
    pub memory_limit: usize,
    /// The most rounds that the loops of one run (Loop, Scan) may take together; one that has no end stops there.
    /// 250,000 by default.
    pub round_limit: usize,
    /// A folder that links among the external data of a model may lead into, as the caches of model hubs have them;
    /// none by default, and then no link is followed.
    pub external_data_root: Option<PathBuf>,
    /// The instruction set that runs use, `Auto` by default: the best, or what [`Simd::install`] has set around
    /// the run. A model is not loaded for one that the machine lacks.
    pub simd: Simd,
    /// The threads that runs use, and the work at loading.
    pub threads: Threads,
    /// Files of external data by location, as the model names them, for a model in memory. What is here is not looked
    /// for in the folder of the model.
    ///
    /// ```
    /// use linn::{Model, Options};
    /// let mut options = Options::default();
    /// let weights: Vec<u8> = [1.0f32, 2.0].iter().flat_map(|w| w.to_le_bytes()).collect();
    /// options.external_data.insert("weights.bin".to_string(), weights.into());
    /// # let _ = |model: &[u8]| -> Result<(), linn::Error> {
    /// let model = Model::from_bytes_with(model.to_vec(), &options)?;
    /// # Ok(()) };
    /// ```
    pub external_data: BTreeMap<String, Bytes>,
    /// Operators of the caller, see [`custom`](crate::custom); none by default.
    pub operators: Registry,
    /// Sizes of dimensions that the inputs of the model have names for; none by default.
    ///
    /// ```
    /// use linn::{Model, Options};
    /// let mut options = Options::default();
    /// options.dims = vec![("N".to_string(), 1)];
    /// let model = Model::load_with("models/branches/model.onnx", &options)?;
    /// assert_eq!(model.inputs()[0].to_string(), "f32[1,2,H,W]");
    /// # Ok::<(), linn::Error>(())
    /// ```
    pub dims: Vec<(String, usize)>,
    /// Whether inputs with a default are constants and no inputs, so that more is known before a run; not so by
    /// default. Files of IR version 3 have all their weights as such inputs.
    pub fix_defaults: bool,
    /// Whether the graph is rewritten so that it runs faster, which is the default: nodes are joined, and constants laid
    /// out beforehand. Results differ in rounding at most: of the largest numbers that a sum has, and where a convolution
    /// is done in tiles of outputs, of the largest numbers near and the largest weights of a window. What is joined away is
    /// not computed any more, see [`Options::keep_values`].
    pub optimize: bool,
    /// Whether [`Model::fetch`](crate::Model::fetch) knows all values of the graph, also those that rewriting has joined away, and
    /// all constants: it then computes with the nodes as the file has them, whose constants are kept beside what
    /// rewriting makes of them. Not so by default, so that a model takes less memory. Without [`Options::optimize`] all values
    /// are known anyway.
    pub keep_values: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            memory_limit: usize::try_from(4u64 << 30).unwrap_or(usize::MAX),
            round_limit: 250_000,
            external_data_root: None,
            simd: Simd::Auto,
            threads: Threads::Current,
            external_data: BTreeMap::new(),
            operators: Registry::default(),
            dims: Vec::new(),
            fix_defaults: false,
            optimize: true,
            keep_values: false,
        }
    }
}

/// The threads that a model runs on. The results have the same bits for any number of them.
///
/// ```
/// use std::num::NonZeroUsize;
/// use linn::{Model, Options, Threads};
/// let mut options = Options::default();
/// options.threads = Threads::Count(NonZeroUsize::new(2).expect("two"));
/// let model = Model::load_with("models/branches/model.onnx", &options)?;
/// # Ok::<(), linn::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub enum Threads {
    /// Those of the rayon pool that the caller is in: the pool around it, or else the global one, whose size
    /// `RAYON_NUM_THREADS` sets; loading makes it if there is none yet.
    #[default]
    Current,
    /// A pool of so many threads for this model alone. It lives as long as the model.
    Count(NonZeroUsize),
    /// A pool of the caller.
    Pool(Arc<ThreadPool>),
}

/// What the work of a model is done with.
#[derive(Clone, Debug)]
pub(super) struct Workers {
    simd: Simd,
    pool: Option<Arc<ThreadPool>>,
}

impl Workers {
    /// # Errors
    /// The machine lacks the instruction set, or cannot have so many threads.
    pub(super) fn new(options: &Options) -> Result<Workers, Error> {
        options.simd.check().map_err(|error| {
            Error::Unsupported(vec![Finding {
                severity: Severity::Unsupported,
                node: None,
                reason: error.to_string(),
            }])
        })?;
        let pool = match &options.threads {
            Threads::Current => None,
            Threads::Pool(pool) => Some(pool.clone()),
            Threads::Count(count) => {
                let builder = ThreadPoolBuilder::new().num_threads(count.get());
                let made = builder.build();
                let made = made.map_err(|error| Error::limit(threads::refused(&error).reason))?;
                Some(Arc::new(made))
            }
        };
        Ok(Workers {
            simd: options.simd,
            pool,
        })
    }

    /// Does `work` with them.
    ///
    /// # Errors
    /// That of the work, or the system has no threads.
    pub(super) fn install<R: Send>(
        &self,
        work: impl FnOnce() -> Result<R, Error> + Send,
    ) -> Result<R, Error> {
        let work = || self.simd.install_checked(work);
        match &self.pool {
            Some(pool) => {
                let installed = Installed::hand_over();
                pool.install(|| {
                    let _entered = installed.clone().enter_always();
                    work()
                })
            }
            None => {
                threads::check().map_err(|error| Error::limit(error.reason))?;
                work()
            }
        }
    }
}
