//! The named workloads on one thread, each answer checked before it is timed, beside a copy of the same
//! number of bytes.
//!
//! `cargo bench --bench pooling -- max_vgg`; see benches/README.md.

#[path = "pooling/call.rs"]
mod call;
#[path = "pooling/check.rs"]
mod check;
#[path = "pooling/workload.rs"]
mod workload;

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use half::f16;
use linn::pooling::MaxElement;
use ndarray::{Array, Dimension, Ix3, Ix4, Ix5};
use rayon::ThreadPool;

use call::{Call, Function, Tensors, any_pool, max_pool};
use check::Plane;
use workload::Workload;

fn main() -> Result<(), Box<dyn Error>> {
    let workloads: Vec<Workload> = serde_json::from_str(include_str!("workloads.json"))?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for workload in &workloads {
        let mut group = criterion.benchmark_group(&workload.name);
        group.throughput(Throughput::Bytes(workload.bytes()? as u64));
        match workload.input.len() {
            3 => pooling::<Ix3>(&mut group, workload, &pool)?,
            4 => pooling::<Ix4>(&mut group, workload, &pool)?,
            5 => pooling::<Ix5>(&mut group, workload, &pool)?,
            rank => return Err(format!("no workload has {rank} axes").into()),
        }
        copy(&mut group, workload.bytes()? / 2, &pool);
        group.finish();
    }
    criterion.final_summary();
    Ok(())
}

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn pooling<D: Dimension>(
    group: &mut Group<'_>,
    workload: &Workload,
    threads: &ThreadPool,
) -> Result<(), Box<dyn Error>> {
    match workload.dtype.as_str() {
        "f32" => bench::<f32, D>(group, workload, any_pool, threads),
        "f64" => bench::<f64, D>(group, workload, any_pool, threads),
        "f16" => bench::<f16, D>(group, workload, any_pool, threads),
        "u8" => bench::<u8, D>(group, workload, max_pool, threads),
        other => return Err(format!("no workload has elements of type {other}").into()),
    }
    Ok(())
}

fn bench<T: Number, D: Dimension>(
    group: &mut Group<'_>,
    workload: &Workload,
    function: Function<T, D>,
    threads: &ThreadPool,
) {
    let mut ready = None;
    group.bench_function("linn", |bencher| {
        // Only for the benchmarks that are asked for, and once for all of their samples.
        let call = ready.get_or_insert_with(|| checked(workload, function));
        bencher.iter_custom(|calls| {
            threads.install(|| {
                timed(calls, || {
                    call.run().expect("it has run before");
                    black_box(&call.tensors.y);
                })
            })
        });
    });
}

/// A call whose answer is right.
///
/// # Panics
/// There is none.
fn checked<T: Number, D: Dimension>(workload: &Workload, function: Function<T, D>) -> Call<T, D> {
    let mut call = Call::new(workload, elements(workload), function)
        .unwrap_or_else(|error| panic!("{}: {error}", workload.name));
    call.run()
        .unwrap_or_else(|error| panic!("{}: {error}", workload.name));
    let Tensors { x, y, indices } = &call.tensors;
    for index in check::planes(workload) {
        let plane = Plane {
            index,
            x: plane(x, index).iter().map(|x| x.widen()).collect(),
            y: plane(y, index).iter().map(|y| y.widen()).collect(),
            indices: plane(indices, index).to_vec(),
        };
        check::check(workload, &plane);
    }
    call
}

/// The elements of plane `index`.
fn plane<T, D: Dimension>(array: &Array<T, D>, index: usize) -> &[T] {
    let size = array.shape()[2..].iter().product::<usize>();
    let elements = array.as_slice().expect("it is in C order");
    elements
        .get(index * size..(index + 1) * size)
        .unwrap_or_default()
}

fn copy(group: &mut Group<'_>, len: usize, threads: &ThreadPool) {
    let (from, mut to) = (vec![1u8; len], vec![2u8; len]);
    group.bench_function("copy", |bencher| {
        bencher.iter_custom(|calls| {
            threads.install(|| {
                timed(calls, || {
                    to.copy_from_slice(black_box(&from));
                    black_box(&to);
                })
            })
        });
    });
}

fn timed(calls: u64, mut call: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..calls {
        call();
    }
    start.elapsed()
}

/// A type of elements.
trait Number: MaxElement + Default {
    /// `x`, which is in 0..1, as an element.
    fn from_unit(x: f64) -> Self;

    fn widen(self) -> f64;
}

macro_rules! floats {
    ($($float:ty: $narrow:expr),*) => {
        $(impl Number for $float {
            fn from_unit(x: f64) -> Self {
                $narrow(x)
            }

            fn widen(self) -> f64 {
                self.into()
            }
        })*
    };
}

floats!(f32: |x| x as f32, f64: |x| x, f16: f16::from_f64, u8: |x| (256.0 * x) as u8);

/// Random elements, the same in every run; maxima get some of both signs, so that padding by zeros would
/// show.
fn elements<T: Number>(workload: &Workload) -> Vec<T> {
    let least = if workload.op.contains("Max") && workload.dtype != "u8" {
        -0.5
    } else {
        0.0
    };
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let next = || {
        // Marsaglia's xorshift, 64 bits.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        T::from_unit((state >> 11) as f64 / (1u64 << 53) as f64 + least)
    };
    std::iter::repeat_with(next)
        .take(workload.input.iter().product())
        .collect()
}
