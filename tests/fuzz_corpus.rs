//! The corpora of the fuzz targets, `fuzz/corpus/TARGET`, through the same functions that fuzzing calls. What it has found
//! goes there, too.

#[path = "../fuzz/targets/choices.rs"]
mod choices;
#[path = "../fuzz/targets/external.rs"]
mod external;
#[path = "../fuzz/targets/limits.rs"]
mod limits;
#[path = "../fuzz/targets/load_raw.rs"]
mod load_raw;
#[path = "../fuzz/targets/load_run.rs"]
mod load_run;
#[path = "../fuzz/targets/load_structured.rs"]
mod load_structured;
#[path = "../fuzz/targets/operators.rs"]
mod operators;
#[path = "../fuzz/targets/pictures.rs"]
#[cfg(feature = "image")]
mod pictures;
#[path = "../fuzz/targets/pool_definition.rs"]
mod pool_definition;
#[path = "../fuzz/targets/pool_plan.rs"]
mod pool_plan;
#[path = "../fuzz/targets/structured.rs"]
mod structured;
#[path = "../fuzz/targets/tensor_io.rs"]
mod tensor_io;
#[path = "../fuzz/targets/unpool_indices.rs"]
mod unpool_indices;
#[path = "../fuzz/targets/values.rs"]
mod values;

#[path = "pooling/check.rs"]
#[allow(dead_code, reason = "the targets use a part of it")]
mod check;
#[path = "pooling/levels.rs"]
#[allow(dead_code, reason = "the targets use a part of it")]
mod levels;
#[path = "support/model.rs"]
mod model;
#[path = "pooling/number.rs"]
#[allow(dead_code, reason = "the targets use a part of it")]
mod number;

use std::panic::catch_unwind;
use std::path::Path;

use limits::Reached;

/// Replays a corpus. Of its inputs at `least` so many must be refused, come as far as a model, and come to the end of the
/// target, so that what is checked there is checked.
fn replay(target: &str, run: fn(&[u8]) -> Reached, least: [usize; 3]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).expect("the target has a corpus");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    paths.sort();
    let (mut reached, mut faults) = (Vec::new(), Vec::new());
    for path in &paths {
        let data = std::fs::read(path).expect("it can be read");
        match catch_unwind(|| run(&data)) {
            Ok(far) => reached.push(far),
            Err(_) => faults.push(path),
        }
    }
    assert!(
        faults.is_empty(),
        "of {} inputs these fail: {faults:?}",
        paths.len()
    );
    let count = |least: Reached| reached.iter().filter(|&&far| far >= least).count();
    let counts = [Reached::Refused, Reached::Loaded, Reached::Compared].map(count);
    println!(
        "{target}: {} inputs, {} loaded, {} compared",
        counts[0], counts[1], counts[2]
    );
    let [_, loaded, compared] = counts;
    let refused = counts[0] - loaded;
    let short = counts[0] < 20 || refused < least[0] || loaded < least[1] || compared < least[2];
    assert!(
        !short,
        "{refused} refused, {loaded} loaded, {compared} compared"
    );
}

#[test]
fn external_data() {
    replay("external", external::run, [5, 8, 8]);
}

#[test]
fn raw_models() {
    replay("load_raw", load_raw::run, [5, 10, 0]);
}

#[test]
fn structured_models() {
    replay("load_structured", load_structured::run, [3, 10, 0]);
}

#[test]
fn runs() {
    replay("load_run", load_run::run, [0, 20, 20]);
}

#[test]
#[cfg(feature = "image")]
fn pictures() {
    replay("pictures", pictures::run, [5, 10, 8]);
}

#[test]
fn pools_against_the_definition() {
    replay("pool_definition", pool_definition::run, [5, 15, 15]);
}

#[test]
fn windows() {
    replay("pool_plan", pool_plan::run, [5, 8, 5]);
}

#[test]
fn tensors() {
    replay("tensor_io", tensor_io::run, [1, 10, 10]);
}

#[test]
fn indices_of_max_unpool() {
    replay("unpool_indices", unpool_indices::run, [2, 10, 8]);
}
