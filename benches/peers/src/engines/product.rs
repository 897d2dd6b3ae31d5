//! The crates gemm and matrixmultiply: a product of two matrices, as their users call it.

use std::error::Error;
use std::path::Path;

use gemm::Parallelism;
use ndarray::{Array2, ArrayD};
use rayon::ThreadPool;
use tract_onnx::prelude::Framework;

use super::{Engine, Loaded, rayon_pool};
use crate::elements::{self, Output};
use crate::workload::Workload;

pub struct Product {
    pool: ThreadPool,
    multiply: Multiply,
}

type Multiply = fn(&mut Matrices);

impl Product {
    pub fn new(threads: usize, multiply: Multiply) -> Result<Product, Box<dyn Error>> {
        Ok(Product {
            pool: rayon_pool(threads)?,
            multiply,
        })
    }
}

impl Engine for Product {
    fn load(
        &self,
        workload: &Workload,
        model: &Path,
        input: &[u8],
    ) -> Result<Box<dyn Loaded>, Box<dyn Error>> {
        let [left, right] = operands(workload, model, input)?;
        Ok(Box::new(Run {
            matrices: Matrices::new(left, right, self.pool.current_num_threads())?,
            multiply: self.multiply,
        }))
    }

    fn within(&self, serve: &mut (dyn FnMut() + Send)) {
        self.pool.install(serve);
    }
}

/// What the only node of the model multiplies, be it from the model or from its inputs.
fn operands(
    workload: &Workload,
    model: &Path,
    input: &[u8],
) -> Result<[Array2<f32>; 2], Box<dyn Error>> {
    let model = tract_onnx::onnx().proto_model_for_path(model)?;
    let graph = model.graph.ok_or("the model has no graph")?;
    let node = graph.node.first().ok_or("the graph has no node")?;
    let mut inputs = elements::inputs(workload, input)?.into_iter();
    let mut operands = Vec::new();
    for name in &node.input {
        let constant = graph.initializer.iter().find(|tensor| tensor.name == *name);
        let operand = match constant {
            Some(tensor) => {
                let shape: Vec<usize> = tensor.dims.iter().map(|size| *size as usize).collect();
                ArrayD::from_shape_vec(shape, elements::read(&tensor.raw_data)?)?
            }
            None => inputs.next().ok_or("the node has more inputs")?,
        };
        operands.push(operand.into_dimensionality()?);
    }
    operands
        .try_into()
        .map_err(|_| "no node of two matrices".into())
}

/// Two matrices that fit each other, and their product, all of them row-major.
pub struct Matrices {
    left: Array2<f32>,
    right: Array2<f32>,
    y: Array2<f32>,
    threads: usize,
}

impl Matrices {
    fn new(
        left: Array2<f32>,
        right: Array2<f32>,
        threads: usize,
    ) -> Result<Matrices, &'static str> {
        if left.ncols() != right.nrows() {
            return Err("matrices that do not fit each other");
        }
        Ok(Matrices {
            y: Array2::zeros((left.nrows(), right.ncols())),
            left,
            right,
            threads,
        })
    }
}

pub fn with_gemm(matrices: &mut Matrices) {
    let Matrices {
        left,
        right,
        y,
        threads,
    } = matrices;
    let ((rows, inner), columns) = (left.dim(), right.ncols());
    let parallelism = match *threads {
        1 => Parallelism::None,
        threads => Parallelism::Rayon(threads),
    };
    // SAFETY: the arrays have as many elements as the sizes say, row after row.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            y.as_mut_ptr(),
            1,
            columns as isize,
            false,
            left.as_ptr(),
            1,
            inner as isize,
            right.as_ptr(),
            1,
            columns as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// It reads the number of its threads from the environment.
pub fn with_matrixmultiply(matrices: &mut Matrices) {
    let Matrices { left, right, y, .. } = matrices;
    let ((rows, inner), columns) = (left.dim(), right.ncols());
    // SAFETY: the arrays have as many elements as the sizes say, row after row.
    unsafe {
        matrixmultiply::sgemm(
            rows,
            inner,
            columns,
            1.0,
            left.as_ptr(),
            inner as isize,
            1,
            right.as_ptr(),
            columns as isize,
            1,
            0.0,
            y.as_mut_ptr(),
            columns as isize,
            1,
        );
    }
}

struct Run {
    matrices: Matrices,
    multiply: Multiply,
}

impl Loaded for Run {
    fn call(&mut self) -> Result<(), Box<dyn Error>> {
        (self.multiply)(&mut self.matrices);
        Ok(())
    }

    fn answer(&mut self) -> Result<Vec<Output>, Box<dyn Error>> {
        self.call()?;
        Ok(Output::all(&self.matrices.y, None))
    }
}
