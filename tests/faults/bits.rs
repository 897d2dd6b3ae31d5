//! Results are the same to the bit for every number of threads, and from run to run; those of pools for every instruction
//! set too.

use linn::{Simd, Threads};

use crate::memory::{all, bits, load_with, with_threads};
use crate::support::{Report, feed};
use crate::{alone, memory};

const THREADS: [usize; 6] = [1, 2, 3, 4, 7, 16];

/// Operators whose results are those of their definition on every instruction set.
const POOLS: [&str; 6] = [
    "MaxPool",
    "AveragePool",
    "LpPool",
    "GlobalAveragePool",
    "MaxUnpool",
    "MaxRoiPool",
];

#[test]
fn threads_and_runs_give_the_same_bits() {
    let _alone = alone();
    let mut report = Report::default();
    let pools = THREADS.map(|count| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(count);
        std::sync::Arc::new(pool.build().expect("threads start"))
    });
    for case in all().iter().chain(&large()) {
        let mut of_level = Vec::new();
        for simd in Simd::available() {
            let mut wanted = None;
            for (pool, count) in pools.iter().zip(THREADS) {
                let mut options = with_threads(1);
                options.simd = simd;
                options.threads = Threads::Pool(pool.clone());
                let model = load_with(case, options).expect("it loads");
                for run in 0..2 {
                    let outputs = feed(&model, &case.inputs).expect("it runs");
                    let got = bits(&outputs);
                    let what = format!("{}, {simd:?}, {count} threads, run {run}", case.name);
                    let same = wanted.get_or_insert_with(|| got.clone()) == &got;
                    report.check(what, same.then_some(()).ok_or("other bits".to_string()));
                }
            }
            of_level.extend(wanted);
        }
        let operator = case.name.split(' ').next().unwrap_or_default();
        if POOLS.contains(&operator) {
            let same = of_level.windows(2).all(|pair| pair[0] == pair[1]);
            let same = same.then_some(()).ok_or("differs".to_string());
            report.check(format!("{} over instruction sets", case.name), same);
        }
    }
    report.finish(2000);
}

/// Work that is parted between many threads.
fn large() -> Vec<memory::Case> {
    use crate::support::model::{Build, OneNode};
    let one = |node: OneNode, shapes: &[&[usize]]| {
        let inputs: Vec<_> = (1..)
            .zip(shapes)
            .map(|(seed, dims)| memory::noise(dims, seed))
            .collect();
        let node = inputs.iter().fold(node, OneNode::like);
        let model = node.model();
        let operator = model
            .graph
            .as_ref()
            .map_or("", |graph| &graph.node[0].op_type);
        memory::cases::case(format!("{operator} large"), &Build(model.clone()), inputs)
    };
    let new = |operator: &str| OneNode::new(operator, 21);
    vec![
        one(new("MatMul"), &[&[300, 400], &[400, 700]]),
        one(new("MatMul"), &[&[2000, 300], &[300, 17]]),
        one(new("MatMul"), &[&[1, 3000], &[3000, 1500]]),
        one(new("Gemm").int("transB", 1), &[&[500, 300], &[500, 300]]),
        one(
            new("Conv").ints("pads", &[1; 4]),
            &[&[2, 48, 40, 40], &[64, 48, 3, 3]],
        ),
        one(new("Conv"), &[&[1, 16, 80, 80], &[32, 16, 5, 5]]),
        one(new("Conv"), &[&[1, 1500, 1, 1], &[1000, 1500, 1, 1]]),
        one(new("Conv"), &[&[1, 300, 14, 14], &[128, 300, 1, 1]]),
        one(
            new("Conv").int("group", 300).ints("pads", &[1; 4]),
            &[&[1, 300, 20, 20], &[300, 1, 3, 3]],
        ),
        one(
            new("Concat").int("axis", 1),
            &[&[2, 300, 500], &[2, 1, 500], &[2, 77, 500]],
        ),
        one(new("Softmax").int("axis", 1), &[&[40, 30, 400]]),
        one(new("ReduceSum"), &[&[400, 3000]]),
        one(new("ReduceMean"), &[&[3000, 400]]),
        one(
            OneNode::new("LayerNormalization", 17),
            &[&[500, 1000], &[1000]],
        ),
        one(
            new("AveragePool").ints("kernel_shape", &[7, 7]),
            &[&[1, 64, 100, 100]],
        ),
    ]
}
