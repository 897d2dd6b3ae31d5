//! Answers against the definition: the first and the last plane, of a long axis both ends.

use linn::pooling::StorageOrder;
use linn::pooling::definition::Problem;

use crate::workload::Workload;

/// An axis longer than this is checked at its ends only: the definition takes its time.
const LONG: usize = 128;

/// How much of such an end is.
const END: usize = 64;

/// Of averages and norms, relative: their results are rounded to f32.
const TOLERANCE: f64 = 1e-6;

/// The values of one plane, row-major.
pub(crate) struct Plane {
    pub(crate) index: usize,
    pub(crate) x: Vec<f64>,
    pub(crate) y: Vec<f64>,
    /// Empty where the workload has none.
    pub(crate) indices: Vec<i64>,
}

/// The first and the last plane.
pub(crate) fn planes(workload: &Workload) -> [usize; 2] {
    [0, workload.input[0] * workload.input[1] - 1]
}

/// # Panics
/// The answer is wrong.
pub(crate) fn check(workload: &Workload, plane: &Plane) {
    let problem = problem(workload);
    for part in parts(&problem, &workload.output[2..]) {
        let x = part.input.of(&plane.x);
        let (expected, indices) = answer(workload, &part.problem, &x);
        assert_eq!(
            part.problem.output_shape().as_deref(),
            Some(&part.output_shape()[..])
        );
        let tolerance = if workload.op.contains("Max") {
            0.0
        } else {
            TOLERANCE
        };
        for (got, want) in part.output.of(&plane.y).iter().zip(&expected) {
            let right = (got - want).abs() <= tolerance * want.abs();
            assert!(right, "{}: {got}, not {want}", workload.name);
        }
        if workload.indices {
            let before = plane.index * plane.x.len();
            let through: Vec<i64> = indices.iter().map(|i| i + before as i64).collect();
            assert_eq!(plane.indices, through, "Indices of {}", workload.name);
        }
    }
}

/// One plane of a workload.
fn problem(workload: &Workload) -> Problem {
    let spatial = &workload.input[2..];
    let shape: Vec<usize> = [1, 1].iter().chain(spatial).copied().collect();
    let attributes = &workload.attributes;
    if attributes.kernel_shape.is_empty() {
        let all: Vec<i64> = spatial.iter().map(|size| *size as i64).collect();
        return Problem::new(shape, all);
    }
    let mut problem = Problem::new(shape, attributes.kernel_shape.clone());
    problem.ceil_mode = attributes.ceil_mode != 0;
    let given = [
        (&mut problem.strides, &attributes.strides),
        (&mut problem.dilations, &attributes.dilations),
        (&mut problem.pads, &attributes.pads),
    ];
    for (values, attribute) in given {
        if let Some(attribute) = attribute {
            values.clone_from(attribute);
        }
    }
    problem
}

fn answer(workload: &Workload, problem: &Problem, x: &[f64]) -> (Vec<f64>, Vec<i64>) {
    let attributes = &workload.attributes;
    let y = match workload.op.as_str() {
        "MaxPool" | "GlobalMaxPool" => {
            // Of windows on padding alone no workload has any.
            return problem.max(x, StorageOrder::RowMajor, f64::NEG_INFINITY);
        }
        "LpPool" => problem.lp(x, attributes.p.unwrap_or(2.0)),
        _ => problem.average(x, attributes.count_include_pad != 0),
    };
    (y, Vec::new())
}

/// A part of a plane that is a problem of its own.
struct Part {
    problem: Problem,
    input: Block,
    output: Block,
}

impl Part {
    fn output_shape(&self) -> Vec<usize> {
        [1, 1]
            .into_iter()
            .chain(self.output.sizes.iter().copied())
            .collect()
    }
}

/// Where a part lies in a plane of extents `plane`.
struct Block {
    plane: Vec<usize>,
    starts: Vec<usize>,
    sizes: Vec<usize>,
}

impl Block {
    fn of(&self, elements: &[f64]) -> Vec<f64> {
        let mut indices = vec![0];
        for axis in 0..self.plane.len() {
            let range = self.starts[axis]..self.starts[axis] + self.sizes[axis];
            let along = |index| range.clone().map(move |at| index * self.plane[axis] + at);
            indices = indices.into_iter().flat_map(along).collect();
        }
        indices.into_iter().map(|index| elements[index]).collect()
    }
}

/// The whole plane if it is small, and otherwise its first and its last corner.
fn parts(problem: &Problem, output: &[usize]) -> Vec<Part> {
    let long = problem.shape[2..].iter().any(|size| *size > LONG);
    let global = output.iter().all(|size| *size == 1);
    if long && !global {
        vec![
            corner(problem, output, false),
            corner(problem, output, true),
        ]
    } else {
        let block = |plane: &[usize]| Block {
            plane: plane.to_vec(),
            starts: vec![0; plane.len()],
            sizes: plane.to_vec(),
        };
        vec![Part {
            problem: problem.clone(),
            input: block(&problem.shape[2..]),
            output: block(output),
        }]
    }
}

fn corner(problem: &Problem, output: &[usize], last: bool) -> Part {
    let mut part = Part {
        problem: problem.clone(),
        input: Block {
            plane: problem.shape[2..].to_vec(),
            starts: vec![],
            sizes: vec![],
        },
        output: Block {
            plane: output.to_vec(),
            starts: vec![],
            sizes: vec![],
        },
    };
    for (axis, &outputs) in output.iter().enumerate() {
        let size = problem.shape[2 + axis];
        let (stride, pad) = (problem.strides[axis] as usize, problem.pads[axis] as usize);
        let extent = (problem.kernel_shape[axis] - 1) * problem.dilations[axis] + 1;
        let (start, len, first, count) = if size <= LONG {
            (0, size, 0, outputs)
        } else if last {
            // From the first window that begins in this end.
            let first = (size - END + pad).div_ceil(stride);
            let start = first * stride - pad;
            (start, size - start, first, outputs - first)
        } else {
            // To the last window that ends in this end.
            (0, END, 0, (END + pad - extent as usize) / stride + 1)
        };
        if size > LONG {
            let cut = if last { axis } else { output.len() + axis };
            part.problem.pads[cut] = 0;
        }
        part.problem.shape[2 + axis] = len;
        part.input.starts.push(start);
        part.input.sizes.push(len);
        part.output.starts.push(first);
        part.output.sizes.push(count);
    }
    part
}
