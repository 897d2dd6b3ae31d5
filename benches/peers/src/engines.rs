//! The engines, one a file.

mod copy;
mod linn_model;
mod linn_pooling;
mod product;
mod rten;
mod tract;

use std::error::Error;
use std::path::Path;

use product::{Product, with_gemm, with_matrixmultiply};

use crate::elements::Output;
use crate::workload::Workload;

/// An engine with a number of threads.
pub trait Engine: Sync {
    /// Gets a workload ready, or says why the engine does not run it. `input` are the elements' bytes.
    fn load(
        &self,
        workload: &Workload,
        model: &Path,
        input: &[u8],
    ) -> Result<Box<dyn Loaded>, Box<dyn Error>>;

    /// Runs `serve` where calls of this engine are to come from.
    fn within(&self, serve: &mut (dyn FnMut() + Send)) {
        serve();
    }
}

/// A workload that is ready.
pub trait Loaded {
    /// Computes it once.
    fn call(&mut self) -> Result<(), Box<dyn Error>>;

    /// Computes it once and gives the outputs.
    fn answer(&mut self) -> Result<Vec<Output>, Box<dyn Error>>;
}

pub fn find(name: &str, threads: usize) -> Result<Box<dyn Engine>, Box<dyn Error>> {
    Ok(match name {
        "linn" => Box::new(linn_model::LinnModel::new(threads)?),
        "linn-pooling" => Box::new(linn_pooling::LinnPooling::new(threads)?),
        "tract" => Box::new(tract::Tract),
        "rten" => Box::new(rten::Rten::new(threads)),
        "gemm" => Box::new(Product::new(threads, with_gemm)?),
        "matrixmultiply" => Box::new(Product::new(threads, with_matrixmultiply)?),
        "copy" => Box::new(copy::CopyLimit::new(threads)?),
        _ => return Err(format!("unknown engine {name}").into()),
    })
}

/// The version of an engine, as the lock file has it.
pub fn version(name: &str) -> &'static str {
    let package = match name {
        "linn" | "linn-pooling" => "linn",
        "tract" => "tract-onnx",
        other => other,
    };
    let lock = include_str!("../Cargo.lock");
    let (_, after) = lock
        .split_once(&format!("name = \"{package}\"\nversion = \""))
        .unwrap_or_default();
    after.split('"').next().unwrap_or_default()
}

/// A pool of rayon threads for engines that compute on the caller's.
fn rayon_pool(threads: usize) -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build()
}
