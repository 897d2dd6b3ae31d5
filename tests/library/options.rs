//! Options of a model: its threads, and external data from memory.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use linn::custom::{Attributes, Fact, Operator, Outputs};
use linn::proto::tensor_proto::DataLocation;
use linn::proto::{StringStringEntryProto, TensorProto};
use linn::{Class, DType, Model, OpError, Options, Simd, Tensor, TensorView, Threads, inputs};
use rayon::ThreadPoolBuilder;

use crate::support::model::{Build, With, node};
use crate::support::{counting, numbers};

/// Where an operator ran.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    threads: usize,
    name: Option<String>,
}

/// Passes its input on, and notes where it runs.
struct Spy(Arc<Mutex<Vec<Seen>>>);

impl Operator for Spy {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = inputs[0].expect("it has one");
        Ok(vec![Fact::new(x.dtype, x.dims.clone())])
    }

    fn run(
        &self,
        inputs: &[Option<TensorView<'_>>],
        outputs: &mut Outputs<'_, '_, '_>,
    ) -> Result<(), OpError> {
        let seen = Seen {
            threads: rayon::current_num_threads(),
            name: std::thread::current().name().map(str::to_string),
        };
        self.0.lock().expect("no panic").push(seen);
        let x = inputs[0].as_ref().expect("it has one");
        outputs
            .make::<f32>(0, x.shape())?
            .copy_from_slice(x.as_slice().expect("f32"));
        Ok(())
    }
}

/// A model with the spy, and what it sees in one run with these threads.
fn spied(threads: Threads) -> (Model, Arc<Mutex<Vec<Seen>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut options = Options::default();
    options.threads = threads;
    let noted = seen.clone();
    options
        .operators
        .add("spy", "Spy", move |_: &mut Attributes<'_, '_>| {
            Ok(Spy(noted.clone()))
        });
    let build = Build::new(21)
        .import("spy", 1)
        .input("x", DType::F32, "1,4")
        .node(node("Spy", &["x"], &["y"]).of("spy"))
        .output("y");
    let model = Model::from_bytes_with(build.bytes(), &options).expect("it is known");
    (model, seen)
}

fn run(model: &Model) {
    let x = counting(DType::F32, &[1, 4]);
    let outputs = model.run(inputs! { "x" => &x }).expect("it runs");
    assert_eq!(numbers(&outputs["y"]), [1.0, 2.0, 3.0, 4.0]);
}

fn count(threads: usize) -> Threads {
    Threads::Count(NonZeroUsize::new(threads).expect("some"))
}

#[test]
fn a_model_runs_on_the_threads_that_it_is_given() {
    let named = |index| format!("own-{index}");
    let pool = ThreadPoolBuilder::new()
        .num_threads(3)
        .thread_name(named)
        .build();
    let pool = Arc::new(pool.expect("three threads"));

    let (model, seen) = spied(Threads::Current);
    run(&model);
    assert_eq!(
        seen.lock().expect("no panic")[0].name,
        std::thread::current().name().map(str::to_string)
    );
    pool.install(|| run(&model));
    assert_eq!(seen.lock().expect("no panic")[1].threads, 3);

    let (model, seen) = spied(Threads::Pool(pool.clone()));
    run(&model);
    let first = seen.lock().expect("no panic")[0].clone();
    assert_eq!(first.threads, 3);
    assert!(first.name.is_some_and(|name| name.starts_with("own-")));

    let (model, seen) = spied(count(2));
    run(&model);
    // From inside another pool too: neither waits for the other for ever.
    pool.install(|| run(&model));
    let counts: Vec<usize> = seen
        .lock()
        .expect("no panic")
        .iter()
        .map(|seen| seen.threads)
        .collect();
    assert_eq!(counts, [2, 2]);
}

#[test]
fn a_model_with_a_pool_keeps_the_instruction_set_that_is_installed_around_the_run() {
    // One that the machine lacks is refused before anything is read, whatever the threads are.
    let mut options = Options::default();
    options.threads = count(2);
    options.simd = if cfg!(target_arch = "aarch64") {
        Simd::Avx2
    } else {
        Simd::Neon
    };
    let error = Model::load_with("models/maxpool_2d/model.onnx", &options).unwrap_err();
    assert_eq!(error.class(), Class::Unsupported);
    // Convolutions round differently with fused multiply-add, so the results tell which one was used.
    let spread = |dims: &[usize]| {
        let len: usize = dims.iter().product();
        let values = (0..len).map(|i| (i as f32 * 0.7).sin()).collect();
        Tensor::new(dims, values).expect("they fit")
    };
    let conv = Build::new(21)
        .input("x", DType::F32, "1,16,40,40")
        .initializer("w", &spread(&[16, 16, 5, 5]))
        .node(node("Conv", &["x", "w"], &["y"]))
        .output("y");
    let model = |threads| {
        let mut options = Options::default();
        options.threads = threads;
        Model::from_bytes_with(conv.bytes(), &options).expect("it is valid")
    };
    let (current, own, x) = (
        model(Threads::Current),
        model(count(2)),
        spread(&[1, 16, 40, 40]),
    );
    let on = |simd: Simd, model: &Model| {
        let outputs = simd.install(|| model.run(inputs! { "x" => &x }));
        numbers(&outputs.expect("it is available").expect("it runs")["y"])
    };
    let available = Simd::available();
    for simd in &available {
        assert_eq!(on(*simd, &current), on(*simd, &own), "{simd}");
    }
    if available.contains(&Simd::Sse2) && available.contains(&Simd::Avx2) {
        assert_ne!(on(Simd::Sse2, &own), on(Simd::Avx2, &own));
    }
}

#[test]
fn models_with_pools_of_their_own_run_inside_one_another_s_callers() {
    let runs = AtomicUsize::new(0);
    let model = spied(count(2)).0;
    rayon::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|_| {
                run(&model);
                runs.fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(runs.load(Ordering::Relaxed), 64);
}

#[test]
fn a_file_larger_than_the_memory_limit_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.onnx");
    std::fs::File::create(&path)
        .and_then(|file| file.set_len(1 << 32))
        .expect("a file with nothing in it");
    let mut options = Options::default();
    options.memory_limit = 2 << 20;
    let error = Model::load_with(&path, &options).unwrap_err();
    assert!(error.is_memory_limit(), "{error}");
    assert!(
        error
            .to_string()
            .contains("larger than the memory limit of 2097152 bytes"),
        "{error}"
    );
    let error = Model::check_with(&path, &options).unwrap_err();
    assert!(error.is_memory_limit(), "{error}");
}

/// A model that adds `w` from external data at `location` to `x`.
fn external(location: &str, entries: &[(&str, &str)]) -> Vec<u8> {
    let entry = |(key, value): (&str, &str)| StringStringEntryProto {
        key: key.to_string(),
        value: value.to_string(),
    };
    let mut build = Build::new(21)
        .input("x", DType::F32, "4")
        .node(node("Add", &["x", "w"], &["y"]))
        .output("y");
    build.graph().initializer.push(TensorProto {
        name: "w".to_string(),
        data_type: Some(1),
        dims: vec![4],
        data_location: Some(DataLocation::External.into()),
        external_data: [("location", location)]
            .iter()
            .chain(entries)
            .map(|pair| entry(*pair))
            .collect(),
        ..TensorProto::default()
    });
    build.bytes()
}

#[test]
fn external_data_come_from_memory() {
    let weights: Vec<u8> = [9.0f32, 10.0, 20.0, 30.0, 40.0]
        .iter()
        .flat_map(|w| w.to_le_bytes())
        .collect();
    let load = |model: Vec<u8>, name: &str| {
        let mut options = Options::default();
        options
            .external_data
            .insert(name.to_string(), weights.clone().into());
        Model::from_bytes_with(model, &options)
    };
    let x = counting(DType::F32, &[4]);
    let whole = [("offset", "4"), ("length", "16")];
    for location in ["w.bin", "folder/w.bin", "../never looked for"] {
        let model = load(external(location, &whole), location).expect("the bytes are there");
        let outputs = model.run(inputs! { "x" => &x }).expect("it runs");
        assert_eq!(numbers(&outputs["y"]), [11.0, 22.0, 33.0, 44.0]);
    }
    for (entries, words) in [
        (
            &[("offset", "8")][..],
            "'w.bin' has 12 bytes from offset 8, 16 are needed",
        ),
        (
            &[("offset", "99")],
            "'w.bin' has 20 bytes, the offset is 99",
        ),
        (&[("length", "20")], "'w.bin' has length 20"),
    ] {
        let error = load(external("w.bin", entries), "w.bin").unwrap_err();
        assert_eq!(error.class(), Class::Invalid);
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = load(external("w.bin", &whole), "other").unwrap_err();
    assert!(
        error.to_string().contains("'w.bin' cannot be read"),
        "{error}"
    );
}
