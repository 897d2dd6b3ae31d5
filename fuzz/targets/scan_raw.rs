//! Any bytes through the look at a model before it is decoded: they are refused with a message that can be shown, or decoding
//! them ends.

use crate::limits::{MEMORY, Reached, check_error};

pub(crate) fn run(data: &[u8]) -> Reached {
    match linn::decode_model(data.to_vec(), MEMORY) {
        Ok(model) => match model.graph {
            Some(_) => Reached::Compared,
            None => Reached::Loaded,
        },
        Err(error) => {
            check_error(&error);
            Reached::Refused
        }
    }
}
