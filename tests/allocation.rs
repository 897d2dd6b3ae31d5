//! A repeated run of a model or a pool asks the system for nothing but what it returns; with the caller's buffers,
//! for nothing. A file is loaded in little more memory than its weights. One test, since the counts are of the whole process.

#![expect(
    unsafe_code,
    reason = "a global allocator that counts cannot be written without"
)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use half::{bf16, f16};
use linn::pooling::{self, MaxElement, StorageOrder, SumElement};
use linn::proto::AttributeProto;
use linn::{DType, Element, Model, Tensor, Window, inputs};
use ndarray::{Array, Array4, ArrayD, Dimension, Ix3, Ix4, Ix5, IxDyn};
use support::model::{Build, OneNode, node};
use support::{Report, counting};

static COUNT: AtomicUsize = AtomicUsize::new(0);
/// Bytes that are held now, and the most that were.
static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST_HELD: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST_HELD.fetch_max(held, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The allocations of all threads while `run` runs.
fn allocations(run: impl FnOnce()) -> usize {
    let before = COUNT.load(Ordering::Relaxed);
    run();
    COUNT.load(Ordering::Relaxed) - before
}

/// Checks how often a repeated `run` asks for memory.
fn check(report: &mut Report, what: &str, wanted: usize, mut run: impl FnMut()) {
    let count = catch_unwind(AssertUnwindSafe(|| {
        run();
        run();
        allocations(&mut run)
    }));
    let result = match count {
        Ok(count) if count == wanted => Ok(()),
        Ok(count) => Err(format!("{count} allocations, wanted {wanted}")),
        Err(_) => Err("it panics".to_string()),
    };
    report.check(what, result);
}

#[test]
fn a_repeated_run_asks_the_system_for_nothing() {
    let mut report = Report::default();
    // Threads ask for memory when they start and when they first look for work, which is no part of a run.
    for _ in 0..2 {
        rayon::broadcast(|_| ());
        std::thread::sleep(Duration::from_millis(50));
    }
    weights_are_held_once(&mut report);
    pointwise_models(&mut report);
    small_pools(&mut report);
    // Work that is parted between threads is handed over in memory; what a thread does takes none.
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    one_thread.expect("a thread starts").install(|| {
        pool_models(&mut report);
        for case in CASES {
            match case.shape.len() {
                3 => pools_of_every_type::<Ix3>(&mut report, case),
                4 => pools_of_every_type::<Ix4>(&mut report, case),
                _ => pools_of_every_type::<Ix5>(&mut report, case),
            }
        }
    });
    report.finish(500);
}

/// Weights of 4 MiB, which are added to the input one after the other.
fn weights_are_held_once(report: &mut Report) {
    // A little more than whole large pages.
    let (count, len) = (8, (1 << 20) + 1000);
    let path = std::env::temp_dir().join(format!("linn_weights_{}.onnx", std::process::id()));
    let mut build = Build::new(22).input("x", DType::F32, &len.to_string());
    let weight = counting(DType::F32, &[len]);
    for index in 0..count {
        let [from, to, name] = [index, index + 1, index].map(|index| index.to_string());
        let from = if index == 0 { "x" } else { &from };
        let name = format!("w{name}");
        build = build
            .initializer(&name, &weight)
            .node(node("Add", &[from, &name], &[&to]));
    }
    let written = std::fs::write(&path, build.output(&count.to_string()).bytes());
    written.expect("there is room for a temporary file");
    let before = HELD.load(Ordering::Relaxed);
    MOST_HELD.store(before, Ordering::Relaxed);
    most_resident();
    let resident_before = most_resident();
    let model = Model::load(&path);
    let held = MOST_HELD.load(Ordering::Relaxed) - before;
    // Long weights are not from the allocator.
    let resident = most_resident().zip(resident_before);
    let resident = resident.map(|(most, before)| most.saturating_sub(before));
    let most = held.max(resident.unwrap_or(0));
    std::fs::remove_file(&path).expect("it is there");
    assert_eq!(model.expect("it is valid").inputs().len(), 1);
    let weights = count * len * size_of::<f32>();
    // What is counted has them once.
    let least = resident.map_or(0, |_| weights * 3 / 4);
    let result = match (least..=weights * 5 / 4).contains(&most) {
        true => Ok(()),
        false => Err(format!("{most} bytes for weights of {weights}")),
    };
    report.check("loading", result);
}

/// The most bytes that the process had in memory since it was asked last, where the system counts them.
fn most_resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: usize = line?.trim().strip_suffix(" kB")?.parse().ok()?;
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    Some(kib << 10)
}

/// Operators in a row, over a symbolic batch.
fn chain(operators: &[&str]) -> Model {
    let mut build = Build::new(22).input("x", DType::F32, "N,16,13,13");
    for (index, operator) in operators.iter().enumerate() {
        let from = if index == 0 {
            "x".to_string()
        } else {
            index.to_string()
        };
        let to = (index + 1).to_string();
        build = build.node(node(operator, &[&from], &[&to]));
    }
    let last = operators.len().to_string();
    let bytes = build.typed_output(&last, DType::F32, "N,16,13,13").bytes();
    Model::from_bytes(bytes).expect("the model is valid")
}

fn pointwise_models(report: &mut Report) {
    for operators in [&["Relu"][..], &["Relu", "Identity", "Relu"]] {
        let model = chain(operators);
        let x = Array4::<f32>::ones((1, 16, 13, 13));
        // The elements, and the list of outputs that holds them.
        check(report, &format!("{operators:?}"), 2, || {
            let outputs = model.run(inputs! { "x" => x.view() });
            drop(outputs.expect("it runs"));
        });
        let mut y = Array4::<f32>::zeros((1, 16, 13, 13));
        let last = operators.len().to_string();
        check(report, &format!("{operators:?} into a buffer"), 0, || {
            let ran = model.run_into(inputs! { "x" => x.view() }, [(&last, &mut y)]);
            ran.expect("it runs");
        });
    }
}

/// A model of one pool, run with its own outputs and with those of the caller.
fn pool_model(report: &mut Report, node: &OneNode, dtype: DType, shape: &[usize]) {
    let dims: Vec<String> = shape[1..].iter().map(ToString::to_string).collect();
    let bytes = node
        .clone()
        .input(dtype, &format!("N,{}", dims.join(",")))
        .bytes();
    let model = Model::from_bytes(bytes).expect("the model is valid");
    let x = counting(dtype, shape);
    let run = || model.run([("x0", &x)]).expect("it runs");
    let operator = &node.model().graph.expect("it has one").node[0];
    let attribute = |attribute: &AttributeProto| match attribute.i {
        Some(value) => format!(" {} {value}", attribute.name),
        None => format!(" {} {:?}", attribute.name, attribute.ints),
    };
    let attributes: String = operator.attribute.iter().map(attribute).collect();
    let what = format!("{} {dtype}{shape:?}{attributes}", operator.op_type);

    // The elements of each output, and the list of outputs.
    check(report, &what, operator.output.len() + 1, || drop(run()));
    let Ok(outputs) = catch_unwind(AssertUnwindSafe(run)) else {
        return;
    };
    let outputs: Vec<Tensor> = outputs.into_iter().map(|(_, y)| y).collect();
    let into = format!("{what} into buffers");
    match <[Tensor; 2]>::try_from(outputs) {
        Ok([mut y, mut indices]) => check(report, &into, 0, || {
            let buffers = [("y0", &mut y), ("y1", &mut indices)];
            model.run_into([("x0", &x)], buffers).expect("it runs");
        }),
        Err(mut outputs) => check(report, &into, 0, || {
            let buffers = [("y0", &mut outputs[0])];
            model.run_into([("x0", &x)], buffers).expect("it runs");
        }),
    }
}

/// Pools whose work is not parted, on as many threads as the machine has.
fn small_pools(report: &mut Report) {
    let shape = [1, 16, 13, 13];
    for operator in ["MaxPool", "AveragePool", "LpPool"] {
        let node = OneNode::new(operator, 22).ints("kernel_shape", &[3, 3]);
        pool_model(report, &node, DType::F32, &shape);
    }
    let node = OneNode::new("MaxPool", 22).ints("kernel_shape", &[3, 3]);
    pool_model(report, &node.outputs(2), DType::F32, &shape);
    for operator in ["GlobalMaxPool", "GlobalAveragePool"] {
        pool_model(report, &OneNode::new(operator, 22), DType::F32, &shape);
    }
}

/// A shape, and a kernel and strides for it.
#[derive(Clone, Copy)]
struct Case {
    shape: &'static [usize],
    kernel: &'static [i64],
    strides: &'static [i64],
    dilations: &'static [i64],
    pads: &'static [i64],
}

const CASES: [Case; 7] = [
    Case {
        shape: &[1, 16, 13, 13],
        kernel: &[3, 3],
        strides: &[1, 1],
        dilations: &[1, 1],
        pads: &[0, 0, 0, 0],
    },
    Case {
        shape: &[1, 64, 112, 112],
        kernel: &[3, 3],
        strides: &[2, 2],
        dilations: &[1, 1],
        pads: &[1, 1, 1, 1],
    },
    Case {
        shape: &[1, 1, 600, 300],
        kernel: &[31, 31],
        strides: &[1, 1],
        dilations: &[1, 1],
        pads: &[15, 15, 15, 15],
    },
    Case {
        shape: &[1, 1, 600, 300],
        kernel: &[31, 31],
        strides: &[2, 2],
        dilations: &[1, 2],
        pads: &[20, 3, 0, 31],
    },
    Case {
        shape: &[1, 2, 20_000],
        kernel: &[9],
        strides: &[3],
        dilations: &[2],
        pads: &[20, 3],
    },
    Case {
        shape: &[2, 3, 9, 40, 11],
        kernel: &[2, 17, 5],
        strides: &[1, 1, 3],
        dilations: &[2, 1, 1],
        pads: &[1, 8, 0, 1, 8, 0],
    },
    Case {
        shape: &[1, 3, 40, 40],
        kernel: &[2, 3],
        strides: &[50, 4],
        dilations: &[1, 20],
        pads: &[0, 40, 0, 0],
    },
];

fn pool_models(report: &mut Report) {
    for case in CASES {
        let window = |operator: &str| {
            OneNode::new(operator, 22)
                .ints("kernel_shape", case.kernel)
                .ints("strides", case.strides)
                .ints("dilations", case.dilations)
                .ints("pads", case.pads)
        };
        for dtype in [DType::F32, DType::F64, DType::F16, DType::U8, DType::I8] {
            pool_model(report, &window("MaxPool"), dtype, case.shape);
            pool_model(report, &window("MaxPool").outputs(2), dtype, case.shape);
            let column_major = window("MaxPool").outputs(2).int("storage_order", 1);
            pool_model(report, &column_major, dtype, case.shape);
        }
        for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
            for include in [0, 1] {
                let node = window("AveragePool").int("count_include_pad", include);
                pool_model(report, &node, dtype, case.shape);
            }
            for p in [1, 2, 3, 7] {
                pool_model(report, &window("LpPool").int("p", p), dtype, case.shape);
            }
            for operator in ["GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"] {
                pool_model(report, &OneNode::new(operator, 22), dtype, case.shape);
            }
        }
    }
}

/// The functions of [`pooling`] that take outputs. The rank is known to the types: a view of an array of more than four
/// dimensions that are not takes memory by itself.
fn pools_of_every_type<D: Dimension>(report: &mut Report, case: Case) {
    maxima::<f32, D>(report, case);
    maxima::<f64, D>(report, case);
    maxima::<f16, D>(report, case);
    maxima::<bf16, D>(report, case);
    maxima::<i8, D>(report, case);
    maxima::<u8, D>(report, case);
    sums::<f32, D>(report, case);
    sums::<f64, D>(report, case);
    sums::<f16, D>(report, case);
    sums::<bf16, D>(report, case);
}

impl Case {
    fn window(self) -> Window {
        Window::new(self.kernel.to_vec())
            .strides(self.strides.to_vec())
            .dilations(self.dilations.to_vec())
            .pads(self.pads.to_vec())
    }

    fn input<T: Element, D: Dimension>(self) -> Array<T, D> {
        let x = counting(T::DTYPE, self.shape);
        let x: ArrayD<T> = x.into_array().expect("it has that type");
        x.into_dimensionality().expect("it has that rank")
    }

    /// The shape of the windows' results, and that of a global pool's.
    fn outputs<D: Dimension>(self) -> [D; 2] {
        let axes = self.window().axes(&self.shape[2..]).expect("it fits");
        let mut outputs = [self.shape.to_vec(), self.shape.to_vec()];
        for (index, axis) in axes.iter().enumerate() {
            outputs[0][2 + index] = axis.output;
            outputs[1][2 + index] = 1;
        }
        outputs.map(|shape| {
            let shape = IxDyn(&shape);
            let dimensions = Array::from_elem(shape, ()).into_dimensionality::<D>();
            dimensions.expect("it has that rank").raw_dim()
        })
    }
}

fn maxima<T: MaxElement, D: Dimension>(report: &mut Report, case: Case) {
    let (x, window) = (case.input::<T, D>(), case.window());
    let [shape, global] = case.outputs::<D>();
    let mut y = Array::from_elem(shape.clone(), T::default());
    let mut indices = Array::from_elem(shape, 0);
    let mut one = Array::from_elem(global, T::default());
    let what = |pool: &str| format!("{pool} {}{:?} {:?}", T::DTYPE, case.shape, case.window());
    check(report, &what("max_pool_into"), 0, || {
        pooling::max_pool_into(x.view(), &window, y.view_mut()).expect("it fits");
    });
    check(report, &what("global_max_pool_into"), 0, || {
        pooling::global_max_pool_into(x.view(), one.view_mut()).expect("it fits");
    });
    for order in [StorageOrder::RowMajor, StorageOrder::ColumnMajor] {
        check(report, &what("max_pool_with_indices_into"), 0, || {
            let (y, indices) = (y.view_mut(), indices.view_mut());
            pooling::max_pool_with_indices_into(x.view(), &window, order, y, indices)
                .expect("it fits");
        });
    }
}

fn sums<T: SumElement, D: Dimension>(report: &mut Report, case: Case) {
    let (x, window) = (case.input::<T, D>(), case.window());
    let [shape, global] = case.outputs::<D>();
    let mut y = Array::from_elem(shape, T::default());
    let mut one = Array::from_elem(global, T::default());
    let what = |pool: &str| format!("{pool} {}{:?} {:?}", T::DTYPE, case.shape, case.window());
    for include in [false, true] {
        check(report, &what("average_pool_into"), 0, || {
            pooling::average_pool_into(x.view(), &window, include, y.view_mut()).expect("it fits");
        });
    }
    check(report, &what("global_average_pool_into"), 0, || {
        pooling::global_average_pool_into(x.view(), one.view_mut()).expect("it fits");
    });
    for p in [1.0, 2.0, 3.0, 7.0] {
        check(report, &what(&format!("lp_pool_into p {p}")), 0, || {
            pooling::lp_pool_into(x.view(), &window, p, y.view_mut()).expect("it fits");
        });
        check(
            report,
            &what(&format!("global_lp_pool_into p {p}")),
            0,
            || {
                pooling::global_lp_pool_into(x.view(), p, one.view_mut()).expect("it fits");
            },
        );
    }
}
