//! tract: the optimised model, one state for all runs. Its pools run on one thread.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;

use half::f16;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::model::TypedSimpleState;

use super::{Engine, Loaded};
use crate::elements::{self, Number, Output};
use crate::workload::Workload;

pub struct Tract;

impl Engine for Tract {
    fn load(
        &self,
        workload: &Workload,
        model: &Path,
        input: &[u8],
    ) -> Result<Box<dyn Loaded>, Box<dyn Error>> {
        let x = match workload.dtype.as_str() {
            "f32" => tensor::<f32>(workload, input)?,
            "f64" => tensor::<f64>(workload, input)?,
            "f16" => tensor::<f16>(workload, input)?,
            "u8" => tensor::<u8>(workload, input)?,
            other => return Err(format!("no workload has elements of type {other}").into()),
        };
        let plan = tract_onnx::onnx()
            .model_for_path(model)?
            .into_optimized()?
            .into_runnable()?;
        let state = plan.spawn()?;
        Ok(Box::new(Run { state, x }))
    }
}

fn tensor<T: Number + Datum>(workload: &Workload, input: &[u8]) -> Result<TValue, Box<dyn Error>> {
    Ok(Tensor::from_shape(&workload.input, &elements::read::<T>(input)?)?.into_tvalue())
}

struct Run {
    state: TypedSimpleState,
    x: TValue,
}

impl Loaded for Run {
    fn call(&mut self) -> Result<(), Box<dyn Error>> {
        black_box(self.state.run(tvec!(self.x.clone()))?);
        Ok(())
    }

    fn answer(&mut self) -> Result<Vec<Output>, Box<dyn Error>> {
        let outputs = self.state.run(tvec!(self.x.clone()))?;
        outputs.iter().map(output).collect()
    }
}

fn output(value: &TValue) -> Result<Output, Box<dyn Error>> {
    let elements = value.try_as_plain_ram()?;
    Ok(match value.datum_type() {
        DatumType::F32 => Output::new(elements.as_slice::<f32>()?),
        DatumType::F64 => Output::new(elements.as_slice::<f64>()?),
        DatumType::F16 => Output::new(elements.as_slice::<f16>()?),
        DatumType::U8 => Output::new(elements.as_slice::<u8>()?),
        DatumType::I64 => Output::new(elements.as_slice::<i64>()?),
        other => return Err(format!("an output of type {other:?}, which no workload has").into()),
    })
}
