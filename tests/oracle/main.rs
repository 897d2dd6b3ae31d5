//! Models with random parts, run here and in tract, another ONNX engine, which must agree.
//!
//! Where the generators leave something out, a comment says how tract differs there.

mod graphs;
mod light;
mod pools;
#[path = "../support/mod.rs"]
mod support;
mod worked;

use half::f16;
use linn::{DType, Model, Outputs, Tensor};
use support::{feed, numbers};
use tract_onnx::prelude::{
    Datum, Framework, InferenceModelExt, IntoRunnable, IntoTValue, TValue, TVec,
    Tensor as TractTensor, TractResult,
};

/// The outputs of a model in tract, as shapes and numbers.
fn tract(bytes: &[u8], inputs: &[Tensor]) -> TractResult<Vec<(Vec<usize>, Vec<f64>)>> {
    let mut bytes = bytes;
    let model = tract_onnx::onnx().model_for_read(&mut bytes)?;
    let inputs: TVec<TValue> = inputs
        .iter()
        .map(|input| Ok(to_tract(input)?.into_tvalue()))
        .collect::<TractResult<_>>()?;
    let outputs = model.into_optimized()?.into_runnable()?.run(inputs)?;
    outputs
        .iter()
        .map(|output| {
            let numbers = output.cast_to::<f64>()?;
            let view = numbers.to_plain_array_view::<f64>()?;
            Ok((output.shape().to_vec(), view.iter().copied().collect()))
        })
        .collect()
}

fn to_tract(tensor: &Tensor) -> TractResult<TractTensor> {
    fn convert<T: linn::Element + Datum + Copy>(tensor: &Tensor) -> TractResult<TractTensor> {
        TractTensor::from_shape(tensor.shape(), tensor.as_slice::<T>().expect("its type"))
    }
    match tensor.dtype() {
        DType::F32 => convert::<f32>(tensor),
        DType::F64 => convert::<f64>(tensor),
        DType::F16 => convert::<f16>(tensor),
        DType::I8 => convert::<i8>(tensor),
        DType::U8 => convert::<u8>(tensor),
        other => panic!("no test feeds {other}"),
    }
}

/// Runs a model in both engines; floats may differ by `bound` of the largest magnitude among the results.
fn agree(bytes: Vec<u8>, inputs: &[Tensor], bound: f64) -> Result<(), String> {
    let theirs = tract(&bytes, inputs).map_err(|error| format!("tract: {error:#}"))?;
    let ours = Model::from_bytes(bytes)
        .and_then(|model| feed(&model, inputs))
        .map_err(|error| format!("linn: {error}"))?;
    compare(&ours, &theirs, bound)
}

/// Says where the outputs of both engines differ first.
fn compare(ours: &Outputs, theirs: &[(Vec<usize>, Vec<f64>)], bound: f64) -> Result<(), String> {
    if ours.len() != theirs.len() {
        return Err(format!("{} outputs, in tract {}", ours.len(), theirs.len()));
    }
    for ((name, ours), (shape, theirs)) in ours.iter().zip(theirs) {
        if ours.shape()[..] != shape[..] {
            return Err(format!("{name}: {}, in tract {shape:?}", ours.shape()));
        }
        let ours = numbers(ours);
        let largest = theirs.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        let differs = |(x, y): (&f64, &f64)| (x - y).is_nan() || (x - y).abs() > bound * largest;
        if let Some(at) = ours.iter().zip(theirs).position(differs) {
            return Err(format!(
                "{name} {shape:?}: element {at} is {}, in tract {}; the largest is {largest}",
                ours[at], theirs[at]
            ));
        }
    }
    Ok(())
}
