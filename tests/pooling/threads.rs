//! Pools large enough to be parted between threads: the same bits for every number of them.

use half::{bf16, f16};
use linn::pooling::definition::Problem;
use linn::pooling::{
    StorageOrder, average_pool, global_average_pool, global_lp_pool, global_max_pool, lp_pool,
    max_pool, max_pool_with_indices,
};
use linn::{OpError, Simd};
use rayon::ThreadPool;

use crate::check::{elements, rounded, view};
use crate::every::{rough_numbers, whole_numbers};
use crate::levels::Bits;
use crate::number::{Float, Number};

/// Inputs of more than 1 MiB in `f32`, with windows for them.
fn problems() -> Vec<Problem> {
    let problem = |shape: &[usize], kernel: &[i64], strides: &[i64], pads: &[i64]| Problem {
        strides: strides.to_vec(),
        pads: pads.to_vec(),
        ..Problem::new(shape, kernel)
    };
    let far_apart = Problem {
        dilations: vec![20, 40],
        ..problem(&[1, 1, 600, 600], &[3, 2], &[50, 7], &[1, 0, 40, 0])
    };
    vec![
        problem(&[1, 1, 600, 600], &[3, 3], &[1, 1], &[1, 1, 1, 1]),
        problem(&[1, 1, 600, 600], &[3, 3], &[2, 2], &[0, 1, 1, 0]),
        problem(&[1, 1, 600, 600], &[31, 31], &[1, 1], &[15, 15, 15, 15]),
        problem(&[1, 1, 600, 600], &[40, 5], &[3, 1], &[39, 0, 5, 4]),
        problem(&[3, 97, 34, 33], &[3, 3], &[1, 1], &[1, 1, 1, 1]),
        problem(&[9, 501, 8, 8], &[2, 2], &[2, 2], &[0, 0, 0, 0]),
        problem(&[1, 2, 300_001], &[5], &[1], &[2, 2]),
        problem(&[1, 1, 600_000], &[100], &[7], &[50, 49]),
        problem(
            &[1, 3, 41, 52, 61],
            &[3, 3, 3],
            &[1, 1, 1],
            &[1, 1, 1, 1, 1, 1],
        ),
        problem(
            &[1, 2, 71, 40, 61],
            &[9, 17, 2],
            &[1, 3, 2],
            &[4, 0, 0, 4, 8, 1],
        ),
        problem(
            &[2, 1, 30, 100, 61],
            &[1, 10, 20],
            &[1, 1, 1],
            &[0, 9, 0, 0, 9, 19],
        ),
        far_apart,
    ]
}

#[test]
fn large_pools_are_the_same_on_every_number_of_threads() {
    let threads = Threads::new();
    let problems = problems();
    for (number, problem) in problems.iter().enumerate() {
        assert!(
            elements(problem) * size_of::<f32>() > 1 << 20,
            "{problem:?}"
        );
        let (whole, rough) = (
            whole_numbers(problem, number as u64),
            rough_numbers(problem, number as u64, 30),
        );
        maxima::<f32>(&threads, problem, &whole);
        sums::<f32>(&threads, problem, &rough);
        // Types are folded alike: each problem takes one of the others.
        match number % 5 {
            0 => maxima::<f64>(&threads, problem, &whole),
            1 => maxima::<i8>(&threads, problem, &whole),
            2 => maxima::<f16>(&threads, problem, &whole),
            3 => maxima::<u8>(&threads, problem, &whole),
            _ => maxima::<bf16>(&threads, problem, &whole),
        }
        match number % 3 {
            0 => sums::<f64>(&threads, problem, &rough),
            1 => sums::<f16>(&threads, problem, &rough),
            _ => sums::<bf16>(&threads, problem, &rough),
        }
    }
}

/// Pools of threads, and the instruction sets that work is done on in each.
struct Threads {
    pools: [ThreadPool; 4],
    levels: [Simd; 2],
}

impl Threads {
    fn new() -> Threads {
        let pools = [1, 2, 3, 7].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("threads start")
        });
        let plain = *Simd::available().first().expect("there is one");
        Threads {
            pools,
            levels: [plain, Simd::best()],
        }
    }

    /// Checks that `pool` gives the same everywhere.
    fn agree<T: Number, Y: Bits + Send>(
        &self,
        what: &str,
        problem: &Problem,
        pool: impl Fn() -> Result<Y, OpError> + Sync,
    ) {
        let mut first: Option<Y> = None;
        for level in self.levels {
            for threads in &self.pools {
                let y = threads.install(|| level.install(&pool).expect("the machine has it"));
                let y = y.expect("it is no error");
                let Some(first) = &first else {
                    first = Some(y);
                    continue;
                };
                if let Some(difference) = y.difference(first) {
                    let threads = threads.current_num_threads();
                    panic!(
                        "{} {what} on {level} with {threads} threads: {difference}: {problem:?}",
                        T::NAME
                    );
                }
            }
        }
    }
}

fn maxima<T: Number>(threads: &Threads, problem: &Problem, x: &[f64]) {
    let (x, window) = (rounded::<T>(x), problem.window());
    threads.agree::<T, _>("max", problem, || max_pool(view(problem, &x), &window));
    threads.agree::<T, _>("max with indices", problem, || {
        max_pool_with_indices(view(problem, &x), &window, StorageOrder::ColumnMajor)
    });
    threads.agree::<T, _>("global max", problem, || global_max_pool(view(problem, &x)));
}

fn sums<T: Float>(threads: &Threads, problem: &Problem, x: &[f64]) {
    let (x, window) = (rounded::<T>(x), problem.window());
    threads.agree::<T, _>("mean", problem, || {
        average_pool(view(problem, &x), &window, true)
    });
    threads.agree::<T, _>("2-norm", problem, || {
        lp_pool(view(problem, &x), &window, 2.0)
    });
    threads.agree::<T, _>("global mean", problem, || {
        global_average_pool(view(problem, &x))
    });
    threads.agree::<T, _>("global 7-norm", problem, || {
        global_lp_pool(view(problem, &x), 7.0)
    });
}
