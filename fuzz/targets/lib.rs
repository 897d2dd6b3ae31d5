//! What the fuzz targets do with an input. Each has a function `run`, which panics where linn breaks a promise.
//! `tests/fuzz_corpus.rs` of linn has the same modules, and replays the corpora.

mod external;
mod load_raw;
mod load_run;
mod load_structured;
mod pictures;
mod pool_definition;
mod pool_plan;
mod scan_raw;
mod tensor_io;
mod unpool_indices;

mod choices;
mod limits;
mod operators;
mod structured;
mod values;

#[path = "../../tests/pooling/check.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod check;
#[path = "../../tests/pooling/levels.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod levels;
#[path = "../../tests/support/model.rs"]
mod model;
#[path = "../../tests/pooling/number.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod number;

/// One function a target, for `fuzz_targets/`.
macro_rules! targets {
    ($($target:ident)*) => {
        $(pub fn $target(data: &[u8]) {
            $target::run(data);
        })*
    };
}
targets!(external load_raw load_run load_structured pictures pool_definition pool_plan scan_raw tensor_io unpool_indices);
