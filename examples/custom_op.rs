//! Runs a model with an operator that ONNX does not have: `com.example.SoftClip`, `limit * tanh(x / limit)`.
//!
//!     cargo run --example custom_op

use linn::custom::{Attributes, Fact, Operator, Outputs};
use linn::{Class, Model, OpError, Options, TensorView, inputs};
use ndarray::Array4;

/// The operator, its attribute read.
struct SoftClip {
    limit: f32,
}

impl SoftClip {
    fn read(attributes: &mut Attributes<'_, '_>) -> Result<SoftClip, OpError> {
        let limit = attributes.float("limit")?.unwrap_or(1.0);
        if limit <= 0.0 {
            let reason = format!("is {limit}, must be positive");
            return Err(OpError::invalid("limit", reason));
        }
        Ok(SoftClip { limit })
    }
}

impl Operator for SoftClip {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let [Some(x)] = inputs else {
            return Err(OpError::invalid("inputs", "are not one"));
        };
        Ok(vec![Fact::new(x.dtype, x.dims.clone())])
    }

    fn run(
        &self,
        inputs: &[Option<TensorView<'_>>],
        outputs: &mut Outputs<'_, '_, '_>,
    ) -> Result<(), OpError> {
        let [Some(x)] = inputs else {
            return Err(OpError::invalid("inputs", "are not one"));
        };
        let y = outputs.make::<f32>(0, x.shape())?;
        for (y, x) in y.iter_mut().zip(&x.view::<f32>()?) {
            *y = self.limit * (x / self.limit).tanh();
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = "examples/custom_op/model.onnx";
    // linn does not know it.
    let refused = Model::load(path).err().map(|error| error.class());
    assert_eq!(refused, Some(Class::Unsupported));

    let mut options = Options::default();
    options
        .operators
        .add("com.example", "SoftClip", SoftClip::read);
    let model = Model::load_with(path, &options)?;
    let x = Array4::from_shape_fn((1, 1, 4, 4), |(_, _, row, column)| {
        (4 * row + column) as f32
    });
    let outputs = model.run(inputs! { "x" => x.view() })?;
    println!("{:.3}", outputs["y"].view::<f32>()?);
    Ok(())
}
