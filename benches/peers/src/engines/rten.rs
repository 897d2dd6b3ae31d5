//! rten: a model, run on a pool of threads of its own.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use half::f16;
use rten::{Model, NodeId, RunOptions, ThreadPool, Value, ValueOrView, ValueView};
use rten_tensor::AsView;

use super::{Engine, Loaded};
use crate::elements::{self, Output};
use crate::workload::Workload;

pub struct Rten {
    pool: Arc<ThreadPool>,
}

impl Rten {
    pub fn new(threads: usize) -> Rten {
        Rten {
            pool: Arc::new(ThreadPool::with_num_threads(threads)),
        }
    }
}

impl Engine for Rten {
    fn load(
        &self,
        workload: &Workload,
        model: &Path,
        input: &[u8],
    ) -> Result<Box<dyn Loaded>, Box<dyn Error>> {
        let model = Model::load_file(model)?;
        Ok(Box::new(Run {
            x: value(workload, input)?,
            input: *model.input_ids().first().ok_or("the model has no input")?,
            outputs: model.output_ids().to_vec(),
            model,
            options: RunOptions::default().with_thread_pool(Some(self.pool.clone())),
        }))
    }

    fn within(&self, serve: &mut (dyn FnMut() + Send)) {
        self.pool.run(serve);
    }
}

/// It makes f32 of the other floats of a model, and wants the input so.
fn value(workload: &Workload, input: &[u8]) -> Result<Value, Box<dyn Error>> {
    let shape = workload.input.as_slice();
    let floats: Vec<f32> = match workload.dtype.as_str() {
        "u8" => return Ok(Value::from_shape(shape, elements::read::<u8>(input)?)?),
        "f32" => elements::read(input)?,
        "f64" => elements::read::<f64>(input)?
            .iter()
            .map(|x| *x as f32)
            .collect(),
        "f16" => elements::read::<f16>(input)?
            .iter()
            .map(|x| x.to_f32())
            .collect(),
        other => return Err(format!("no workload has elements of type {other}").into()),
    };
    Ok(Value::from_shape(shape, floats)?)
}

struct Run {
    model: Model,
    x: Value,
    input: NodeId,
    outputs: Vec<NodeId>,
    options: RunOptions,
}

impl Run {
    fn run(&self) -> Result<Vec<Value>, Box<dyn Error>> {
        let inputs = vec![(self.input, ValueOrView::View(self.x.as_view()))];
        let options = Some(self.options.clone());
        Ok(self.model.run(inputs, &self.outputs, options)?)
    }
}

impl Loaded for Run {
    fn call(&mut self) -> Result<(), Box<dyn Error>> {
        black_box(self.run()?);
        Ok(())
    }

    fn answer(&mut self) -> Result<Vec<Output>, Box<dyn Error>> {
        self.run()?.iter().map(output).collect()
    }
}

fn output(value: &Value) -> Result<Output, Box<dyn Error>> {
    Ok(match value.as_view() {
        ValueView::FloatTensor(tensor) => Output::new(&tensor.to_vec()),
        ValueView::Int32Tensor(tensor) => Output::new(&tensor.to_vec()),
        ValueView::UInt8Tensor(tensor) => Output::new(&tensor.to_vec()),
        _ => return Err("an output of a type that no workload has".into()),
    })
}
