//! Any bytes as a picture, prepared for an input that the first 16 of them describe: pixels, or an error that can be
//! shown.

use linn::picture::{Layout, Picture, Recipe};
use linn::{DType, Dim};

use crate::choices::Choices;
use crate::limits::{MEMORY, Reached, check_text};

pub(crate) fn run(data: &[u8]) -> Reached {
    let (first, file) = data.split_at(data.len().min(16));
    let mut choices = Choices::new(first);
    let recipe = match choices.below(Recipe::ALL.len() + 1) {
        0 => None,
        chosen => Some(Recipe::ALL[chosen - 1]),
    };
    let dtype = choices.one_of(&[
        DType::F32,
        DType::U8,
        DType::F16,
        DType::I8,
        DType::F64,
        DType::I64,
    ]);
    let rank = choices.one_of(&[4, 4, 3, 2, 5]);
    let dims: Vec<Dim> = (0..rank)
        .map(|_| match choices.below(32) {
            0..=7 => Dim::Known(1),
            8..=15 => Dim::Known(3),
            16..=23 => Dim::Unknown,
            size => Dim::Known(choices.below(40) * (size - 23)),
        })
        .collect();
    let dims = (!choices.one_in(4)).then_some(dims);
    let layout = choices.one_of(&[None, Some(Layout::Nchw), Some(Layout::Nhwc)]);
    let picture = match Picture::decode(file, MEMORY) {
        Ok(picture) => picture,
        Err(error) => {
            check_text(&error.to_string());
            return Reached::Refused;
        }
    };
    let tensor = picture
        .prepare(recipe, dims.as_deref(), dtype, layout)
        .and_then(|preparation| {
            check_text(&preparation.to_string());
            preparation.tensor()
        });
    match tensor {
        Err(error) => {
            check_text(&error.to_string());
            Reached::Loaded
        }
        Ok(tensor) => {
            assert_eq!(tensor.dtype(), dtype);
            assert!(tensor.bytes() <= MEMORY, "{tensor}");
            for (dim, &size) in dims.iter().flatten().zip(tensor.shape().iter()) {
                assert!(
                    !matches!(dim, Dim::Known(known) if *known != size),
                    "{dims:?}: {tensor}"
                );
            }
            Reached::Compared
        }
    }
}
