//! Any bytes as a tensor file: what is read and written again is the same tensor.

use linn::{read_tensor, write_tensor};

use crate::limits::{Reached, check_error};

pub(crate) fn run(data: &[u8]) -> Reached {
    let (name, tensor) = match read_tensor(data.to_vec()) {
        Ok(read) => read,
        Err(error) => {
            check_error(&error);
            return Reached::Refused;
        }
    };
    let written = write_tensor(&name, &tensor);
    let (again_name, again) = read_tensor(written.clone()).expect("a tensor just written");
    assert_eq!(again_name, name);
    assert_eq!(
        (again.dtype(), again.shape()),
        (tensor.dtype(), tensor.shape())
    );
    assert_eq!(again.as_view().scalars().len(), tensor.shape().elements());
    // Elements by their bits, NaNs too.
    assert_eq!(write_tensor(&name, &again), written, "{tensor}");
    Reached::Compared
}
