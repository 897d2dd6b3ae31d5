//! linn as an ONNX runtime: `Model::run_into`, with outputs that are kept from call to call.

use std::error::Error;
use std::path::Path;

use half::f16;
use linn::{Model, TensorView, TensorViewMut};
use ndarray::ArrayD;
use rayon::ThreadPool;

use super::{Engine, Loaded, rayon_pool};
use crate::elements::{self, Number, Output};
use crate::workload::Workload;

pub struct LinnModel {
    pool: ThreadPool,
}

impl LinnModel {
    pub fn new(threads: usize) -> Result<LinnModel, Box<dyn Error>> {
        Ok(LinnModel {
            pool: rayon_pool(threads)?,
        })
    }
}

impl Engine for LinnModel {
    fn load(
        &self,
        workload: &Workload,
        model: &Path,
        input: &[u8],
    ) -> Result<Box<dyn Loaded>, Box<dyn Error>> {
        let model = Model::load(model)?;
        Ok(match workload.dtype.as_str() {
            "f32" => Box::new(Run::<f32>::new(model, workload, input)?),
            "f64" => Box::new(Run::<f64>::new(model, workload, input)?),
            "f16" => Box::new(Run::<f16>::new(model, workload, input)?),
            "u8" => Box::new(Run::<u8>::new(model, workload, input)?),
            other => return Err(format!("no workload has elements of type {other}").into()),
        })
    }

    fn within(&self, serve: &mut (dyn FnMut() + Send)) {
        self.pool.install(serve);
    }
}

/// What the inputs of a model are called, where it has so many.
const INPUTS: [&str; 2] = ["x", "second"];

struct Run<T> {
    model: Model,
    inputs: Vec<ArrayD<T>>,
    y: ArrayD<T>,
    indices: Option<ArrayD<i64>>,
}

impl<T: Number> Run<T> {
    fn new(model: Model, workload: &Workload, input: &[u8]) -> Result<Run<T>, Box<dyn Error>> {
        let output = workload.output.as_slice();
        Ok(Run {
            model,
            inputs: elements::inputs(workload, input)?,
            y: ArrayD::from_elem(output, T::default()),
            indices: workload.indices.then(|| ArrayD::zeros(output)),
        })
    }
}

impl<T: Number> Loaded for Run<T> {
    fn call(&mut self) -> Result<(), Box<dyn Error>> {
        let inputs = INPUTS
            .into_iter()
            .zip(self.inputs.iter().map(TensorView::from));
        match &mut self.indices {
            None => self.model.run_into(inputs, [("y", &mut self.y)])?,
            Some(indices) => {
                let outputs = [
                    ("y", TensorViewMut::try_from(&mut self.y)?),
                    ("indices", TensorViewMut::try_from(indices)?),
                ];
                self.model.run_into(inputs, outputs)?;
            }
        }
        Ok(())
    }

    fn answer(&mut self) -> Result<Vec<Output>, Box<dyn Error>> {
        self.call()?;
        Ok(Output::all(&self.y, self.indices.as_ref()))
    }
}
