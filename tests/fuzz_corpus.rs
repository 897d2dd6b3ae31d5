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
#[path = "../fuzz/targets/scan_raw.rs"]
mod scan_raw;
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
#[path = "pooling/number.rs"]
#[allow(dead_code, reason = "the targets use a part of it")]
mod number;
#[path = "support/mod.rs"]
mod support;

use std::env;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use limits::Reached;
use support::{Random, model};

/// What a target does with an input.
type Run = fn(&[u8]) -> Reached;

/// The inputs of a target, in the order of their names.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).expect("the target has a corpus");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let data = std::fs::read(&path).expect("it can be read");
        (path, data)
    };
    paths.into_iter().map(read).collect()
}

/// Replays a corpus. Of its inputs at `least` so many must be refused, come as far as a model, and come to the end of the
/// target, so that what is checked there is checked.
fn replay(target: &str, run: Run, least: [usize; 3]) {
    let inputs = corpus(target);
    let (mut reached, mut faults) = (Vec::new(), Vec::new());
    for (path, data) in &inputs {
        match catch_unwind(|| run(data)) {
            Ok(far) => reached.push(far),
            Err(_) => faults.push(path),
        }
    }
    assert!(
        faults.is_empty(),
        "of {} inputs these fail: {faults:?}",
        inputs.len()
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

/// Changed copies of a corpus, on all cores: `LINN_FUZZ=scan_raw=100000000`. Seed by seed they are the same each time; the
/// message names the seed of one that fails.
#[test]
#[ignore = "it takes as long as LINN_FUZZ says"]
fn many() {
    let asked = env::var("LINN_FUZZ").expect("LINN_FUZZ is set, as load_raw=1000000");
    let (target, count) = asked.split_once('=').expect("a target and a number");
    let count: u64 = count.parse().expect("a number");
    let run = named(target);
    let inputs: Vec<Vec<u8>> = corpus(target).into_iter().map(|(_, data)| data).collect();
    let (next, reached) = (AtomicU64::new(0), Mutex::new([0u64; 3]));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut own = [0u64; 3];
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= count {
                break;
            }
            let data = changed(&inputs, seed);
            match catch_unwind(|| run(&data)) {
                Ok(far) => own[far as usize] += 1,
                Err(_) => panic!("{target}: seed {seed} fails: {data:?}"),
            }
        }
        let mut reached = reached.lock().expect("nobody panics with it");
        for (all, own) in reached.iter_mut().zip(own) {
            *all += own;
        }
    };
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    let [refused, loaded, compared] = reached.into_inner().expect("nobody panicked");
    println!(
        "{target}: {count} executions, {refused} refused, {loaded} loaded, {compared} compared"
    );
}

fn named(target: &str) -> Run {
    match target {
        "external" => external::run,
        "load_raw" => load_raw::run,
        "load_run" => load_run::run,
        "load_structured" => load_structured::run,
        "pool_definition" => pool_definition::run,
        "pool_plan" => pool_plan::run,
        "scan_raw" => scan_raw::run,
        "tensor_io" => tensor_io::run,
        "unpool_indices" => unpool_indices::run,
        other => panic!("there is no target {other}"),
    }
}

/// An input of the corpus with up to four places changed: a bit, a byte, a number by one, bytes left out, put in, or taken from
/// another input; in one of eight cases noise.
fn changed(inputs: &[Vec<u8>], seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed.wrapping_add(1));
    let at = |random: &mut Random, len: usize| random.next() as usize % len.max(1);
    if random.one_in(8) {
        let len = at(&mut random, 200);
        return (0..len).map(|_| random.next() as u8).collect();
    }
    let mut data = inputs[at(&mut random, inputs.len())].clone();
    for _ in 0..random.range(1, 4) {
        let place = at(&mut random, data.len());
        let len = at(&mut random, 16).min(data.len() - place.min(data.len()));
        match random.range(0, 6) {
            _ if data.is_empty() => data.push(random.next() as u8),
            0 => data[place] ^= 1 << random.range(0, 7),
            1 => data[place] = random.next() as u8,
            2 => data[place] = data[place].wrapping_add(1),
            3 => data[place] = data[place].wrapping_sub(1),
            4 => drop(data.drain(place..place + len)),
            5 => {
                let noise: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
                drop(data.splice(place..place, noise));
            }
            _ => {
                let other = &inputs[at(&mut random, inputs.len())];
                let from = at(&mut random, other.len());
                let part = other[from..].iter().copied().take(8 * len);
                drop(data.splice(place..place + len, part));
            }
        }
    }
    data
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
fn decoded_models() {
    replay("scan_raw", scan_raw::run, [3, 10, 10]);
}

#[test]
fn tensors() {
    replay("tensor_io", tensor_io::run, [1, 10, 10]);
}

#[test]
fn indices_of_max_unpool() {
    replay("unpool_indices", unpool_indices::run, [2, 10, 8]);
}
