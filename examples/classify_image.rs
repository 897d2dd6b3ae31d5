//! Says what a network of ImageNet sees in a picture.
//!
//!     cargo run --example classify_image -- MODEL PICTURE [LABELS]
//!
//! LABELS has a name on each line.

use std::error::Error;
use std::fs;

use linn::Model;
use linn::picture::{Picture, Recipe};

/// The most bytes that a picture may take.
const MOST_BYTES: usize = 256 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (model, picture, labels) = match arguments.as_slice() {
        [model, picture] => (model, picture, None),
        [model, picture, labels] => (model, picture, Some(labels)),
        _ => return Err("usage: classify_image MODEL PICTURE [LABELS]".into()),
    };
    let labels = labels.map(fs::read_to_string).transpose()?;
    let labels: Vec<&str> = labels.iter().flat_map(|text| text.lines()).collect();
    let model = Model::load(model)?;
    let input = model
        .inputs()
        .iter()
        .find(|input| !input.optional)
        .ok_or("the model has no input")?;

    let picture = Picture::decode(&fs::read(picture)?, MOST_BYTES)?;
    let dims = input.dims.as_deref();
    let preparation = picture.prepare(Some(Recipe::ImageNet), dims, input.dtype, None)?;
    println!("{preparation}");
    let x = preparation.tensor()?;

    let outputs = model.run([(&input.name, &x)])?;
    let scores = outputs[0].view::<f32>()?;
    let mut best: Vec<(usize, f32)> = scores.iter().copied().enumerate().collect();
    best.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    for (class, score) in best.into_iter().take(5) {
        let label = labels.get(class).copied().unwrap_or_default();
        println!("{class:>5} {score:>10.4} {label}");
    }
    Ok(())
}
