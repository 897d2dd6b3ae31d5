//! Many models on all cores for as long as one likes; `scripts/soak.py` runs it and judges the memory.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use linn::{Class, Model, Options, Outputs};

use crate::memory::{Case, all, bits, load_with};
use crate::support::{Random, feed};

/// Between two lines about memory.
const PAUSE: Duration = Duration::from_secs(6);

struct Subject {
    case: Case,
    model: Model,
    hash: u64,
}

fn hash(outputs: &Outputs) -> u64 {
    let mut hasher = DefaultHasher::new();
    bits(outputs).hash(&mut hasher);
    hasher.finish()
}

#[test]
#[ignore = "it takes as many seconds as LINN_SOAK_SECONDS says"]
fn soak() {
    let seconds = env::var("LINN_SOAK_SECONDS").expect("LINN_SOAK_SECONDS is set");
    let end = Instant::now() + Duration::from_secs(seconds.parse().expect("whole seconds"));
    let subjects: Vec<Subject> = all().into_iter().map(subject).collect();
    let (runs, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for caller in 0..2 * cores {
            let (subjects, runs, wrong) = (&subjects, &runs, &wrong);
            scope.spawn(move || {
                let mut random = Random::new(caller as u64);
                while Instant::now() < end {
                    let subject = &subjects[random.next() as usize % subjects.len()];
                    let right = match random.range(0, 99) {
                        0..10 => is_refused(subject),
                        10..12 => hash(&fresh(subject)) == subject.hash,
                        _ => hash(&run(subject)) == subject.hash,
                    };
                    runs.fetch_add(1, Ordering::Relaxed);
                    wrong.fetch_add(usize::from(!right), Ordering::Relaxed);
                }
            });
        }
        let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        while Instant::now() < end {
            thread::sleep(PAUSE.min(end.saturating_duration_since(Instant::now())));
            println!(
                "soak {} {} {}",
                count(&runs),
                resident_bytes(),
                count(&wrong)
            );
        }
    });
    assert_eq!(wrong.into_inner(), 0);
}

fn subject(case: Case) -> Subject {
    let model = load_with(&case, Options::default()).expect("it loads");
    let outputs = feed(&model, &case.inputs).expect("it runs");
    let hash = hash(&outputs);
    Subject { case, model, hash }
}

fn run(subject: &Subject) -> Outputs {
    feed(&subject.model, &subject.case.inputs).expect("it runs")
}

fn fresh(subject: &Subject) -> Outputs {
    let model = load_with(&subject.case, Options::default()).expect("it loads");
    feed(&model, &subject.case.inputs).expect("it runs")
}

/// A call with an input that the model does not have, after the others.
fn is_refused(subject: &Subject) -> bool {
    let infos = subject.model.inputs().iter();
    let names = infos.map(|info| info.name.as_str()).chain(["another"]);
    let other = crate::memory::noise(&[1], 1);
    let inputs = names.zip(subject.case.inputs.iter().chain([&other]));
    let refused = subject.model.run(inputs);
    refused.is_err_and(|error| error.class() == Class::Input)
}

/// As the system counts it, in pages of 4 KiB.
fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    4096 * pages.unwrap_or(0usize)
}
