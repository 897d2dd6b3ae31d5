//! Models of real operators, attributes and initializers that are valid but odd, or broken in a node: they are loaded, or
//! refused with a message that can be shown; the same one every time, and the same as checking gives.

use prost::Message;

use crate::choices::Choices;
use crate::limits::Reached;
use crate::load_raw;
use crate::structured::Made;

pub(crate) fn run(data: &[u8]) -> Reached {
    let mut choices = Choices::new(data);
    let mut made = Made::new(&mut choices, true);
    if choices.one_in(8) {
        // Names that are there twice, or nowhere.
        let graph = made.build.graph();
        if let Some(name) = graph.initializer.first().map(|tensor| tensor.name.clone())
            && let Some(last) = graph.initializer.last_mut()
        {
            last.name = name;
        }
    }
    load_raw::run(&made.build.0.encode_to_vec())
}
