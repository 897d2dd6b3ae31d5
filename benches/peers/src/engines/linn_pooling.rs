//! linn's pooling functions, without ONNX.

use std::error::Error;
use std::path::Path;

use half::f16;
use ndarray::{Dimension, Ix3, Ix4, Ix5};
use rayon::ThreadPool;

use super::{Engine, Loaded, rayon_pool};
use crate::call::{Call, any_pool, max_pool};
use crate::elements::{self, Number, Output};
use crate::workload::Workload;

pub struct LinnPooling {
    pool: ThreadPool,
}

impl LinnPooling {
    pub fn new(threads: usize) -> Result<LinnPooling, Box<dyn Error>> {
        Ok(LinnPooling {
            pool: rayon_pool(threads)?,
        })
    }
}

impl Engine for LinnPooling {
    fn load(
        &self,
        workload: &Workload,
        _: &Path,
        input: &[u8],
    ) -> Result<Box<dyn Loaded>, Box<dyn Error>> {
        match workload.input.len() {
            3 => load::<Ix3>(workload, input),
            4 => load::<Ix4>(workload, input),
            5 => load::<Ix5>(workload, input),
            rank => Err(format!("no workload has {rank} axes").into()),
        }
    }

    fn within(&self, serve: &mut (dyn FnMut() + Send)) {
        self.pool.install(serve);
    }
}

fn load<D: Dimension + 'static>(
    workload: &Workload,
    input: &[u8],
) -> Result<Box<dyn Loaded>, Box<dyn Error>> {
    Ok(match workload.dtype.as_str() {
        "f32" => Box::new(Call::<f32, D>::new(
            workload,
            elements::read(input)?,
            any_pool,
        )?),
        "f64" => Box::new(Call::<f64, D>::new(
            workload,
            elements::read(input)?,
            any_pool,
        )?),
        "f16" => Box::new(Call::<f16, D>::new(
            workload,
            elements::read(input)?,
            any_pool,
        )?),
        "u8" => Box::new(Call::<u8, D>::new(
            workload,
            elements::read(input)?,
            max_pool,
        )?),
        other => return Err(format!("no workload has elements of type {other}").into()),
    })
}

impl<T: Number, D: Dimension> Loaded for Call<T, D> {
    fn call(&mut self) -> Result<(), Box<dyn Error>> {
        Ok(self.run()?)
    }

    fn answer(&mut self) -> Result<Vec<Output>, Box<dyn Error>> {
        self.run()?;
        Ok(Output::all(&self.tensors.y, Some(&self.tensors.indices)))
    }
}
