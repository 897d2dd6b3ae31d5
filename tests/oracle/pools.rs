//! One pool, its attributes and data random.

use linn::{DType, Tensor};

use crate::support::model::OneNode;
use crate::support::{Random, Report, tensor};

/// A pool as the generator draws it.
struct Drawn {
    node: OneNode,
    axes: Vec<Axis>,
    text: String,
    dims: Vec<usize>,
}

/// A window along one spatial axis. Its arithmetic is written down once more here, so that what linn gets wrong is
/// not left out of the comparison.
struct Axis {
    input: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    pads: Pads,
    ceil: bool,
}

#[derive(Clone, Copy)]
enum Pads {
    Explicit(usize, usize),
    SameUpper,
    SameLower,
}

impl Axis {
    /// Whether tract computes windows along this axis as the standard says.
    fn is_comparable(&self) -> bool {
        let extent = (self.kernel - 1) * self.dilation + 1;
        let (outputs, begin) = match self.pads {
            Pads::Explicit(begin, end) => {
                // A kernel that does not fit into the padded input gives no output or is an error; tract takes it
                // for one window.
                let Some(room) = (self.input + begin + end).checked_sub(extent) else {
                    return false;
                };
                let steps = match self.ceil {
                    true => room.div_ceil(self.stride),
                    false => room / self.stride,
                };
                let dropped = self.ceil && steps * self.stride >= self.input + begin;
                (steps + 1 - usize::from(dropped), begin)
            }
            Pads::SameUpper | Pads::SameLower => {
                let outputs = self.input.div_ceil(self.stride);
                let total = ((outputs - 1) * self.stride + extent).saturating_sub(self.input);
                match self.pads {
                    Pads::SameUpper => (outputs, total / 2),
                    _ => (outputs, total.div_ceil(2)),
                }
            }
        };
        // A window on padding alone is the lowest finite number, with index 0, in tract's MaxPool, and NaN in its
        // AveragePool; in linn it is -inf with index -1, and 0.
        (0..outputs).all(|output| {
            let mut taps = (0..self.kernel).map(|tap| output * self.stride + tap * self.dilation);
            taps.any(|tap| (begin..begin + self.input).contains(&tap))
        })
    }
}

/// Draws the attributes that `MaxPool` and `AveragePool` share.
fn draw(random: &mut Random, operator: &str, opset: i64) -> Drawn {
    let spatial = random.range(1, 3) as usize;
    let mut dims = vec![random.range(1, 2) as usize, random.range(1, 3) as usize];
    let most = [24, 12, 7][spatial - 1];
    dims.extend((0..spatial).map(|_| random.range(1, most) as usize));
    let mut text = format!("{operator}-{opset} of {dims:?}");
    let mut list = |name: &str, low, high, n: usize| -> Vec<i64> {
        let list: Vec<i64> = (0..n).map(|_| random.range(low, high)).collect();
        text += &format!(" {name} {list:?}");
        list
    };
    let kernel = list("kernel_shape", 1, 4, spatial);
    let strides = list("strides", 1, 4, spatial);
    let dilations = list("dilations", 1, 3, spatial);
    let pads = list("pads", 0, 2, 2 * spatial);
    let mut node = OneNode::new(operator, opset).ints("kernel_shape", &kernel);
    let strided = !random.one_in(4);
    if strided {
        node = node.ints("strides", &strides);
    } else {
        text += " (stride 1)";
    }
    // AveragePool has dilations from version 19.
    let dilated = (operator == "MaxPool" || opset >= 19) && random.one_in(2);
    if dilated {
        node = node.ints("dilations", &dilations);
    } else {
        text += " (undilated)";
    }
    let mut ceil = random.one_in(2);
    let pads_of_all = match random.range(1, 6) {
        1 => {
            // Beside an auto_pad tract lets explicit pads win, linn the auto_pad, so there are none. With
            // VALID tract does not look at ceil_mode, which linn honours, so it is 0.
            node = node.string("auto_pad", "VALID");
            ceil = false;
            text += " VALID";
            Some(Pads::Explicit(0, 0))
        }
        2 => {
            node = node.string("auto_pad", "SAME_UPPER");
            text += " SAME_UPPER";
            Some(Pads::SameUpper)
        }
        3 => {
            node = node.string("auto_pad", "SAME_LOWER");
            text += " SAME_LOWER";
            Some(Pads::SameLower)
        }
        4 => {
            text += " (unpadded)";
            Some(Pads::Explicit(0, 0))
        }
        _ => {
            node = node.ints("pads", &pads);
            None
        }
    };
    if ceil {
        node = node.int("ceil_mode", 1);
        text += " ceil_mode";
    }
    let axes = (0..spatial)
        .map(|at| Axis {
            input: dims[2 + at],
            kernel: kernel[at] as usize,
            stride: if strided { strides[at] as usize } else { 1 },
            dilation: if dilated { dilations[at] as usize } else { 1 },
            pads: pads_of_all.unwrap_or(Pads::Explicit(
                pads[at] as usize,
                pads[spatial + at] as usize,
            )),
            ceil,
        })
        .collect();
    Drawn {
        node,
        axes,
        text,
        dims,
    }
}

impl Drawn {
    fn is_comparable(&self) -> bool {
        self.axes.iter().all(Axis::is_comparable)
    }

    /// Small whole numbers, so that there are ties.
    ///
    /// The lowest numbers of i8 and u8 are left out: tract's search starts from them with index 0 and never
    /// takes the place of an equal element. So are NaN, which tract passes over, and infinities.
    fn data(&self, random: &mut Random, dtype: DType) -> Tensor {
        let low = if dtype == DType::U8 { 1 } else { -20 };
        let len = self.dims.iter().product();
        let values: Vec<f64> = (0..len).map(|_| random.range(low, 20) as f64).collect();
        tensor(dtype, &self.dims, &values)
    }
}

#[test]
fn max_pools() {
    let mut random = Random::new(1);
    let mut report = Report::default();
    let dtypes = [DType::F32, DType::F64, DType::F16, DType::I8, DType::U8];
    while report.checks() < 400 {
        let opset = [12, 13, 18, 22][random.range(0, 3) as usize];
        let mut drawn = draw(&mut random, "MaxPool", opset);
        if !drawn.is_comparable() {
            continue;
        }
        let dtype = dtypes[random.range(0, 4) as usize];
        let storage_order = random.range(0, 1);
        let outputs = random.range(1, 2) as usize;
        drawn.node = drawn
            .node
            .outputs(outputs)
            .int("storage_order", storage_order);
        let x = drawn.data(&mut random, dtype);
        let text = format!(
            "{} {dtype}, storage_order {storage_order}, {outputs} outputs",
            drawn.text
        );
        report.check(text, crate::agree(drawn.node.like(&x).bytes(), &[x], 0.0));
    }
    report.finish(400);
}

#[test]
fn average_pools() {
    let mut random = Random::new(2);
    let mut report = Report::default();
    // tract sums in the type itself and multiplies by a rounded 1/n: with up to 64 taps that costs several
    // units in the last place, and f16 has but eleven bits.
    let dtypes = [(DType::F32, 2e-6), (DType::F64, 1e-14), (DType::F16, 2e-2)];
    while report.checks() < 400 {
        let opset = [10, 11, 19, 22][random.range(0, 3) as usize];
        let mut drawn = draw(&mut random, "AveragePool", opset);
        if !drawn.is_comparable() {
            continue;
        }
        let (dtype, bound) = dtypes[random.range(0, 2) as usize];
        let include = random.range(0, 1);
        drawn.node = drawn.node.int("count_include_pad", include);
        let x = drawn.data(&mut random, dtype);
        let text = format!("{} {dtype}, count_include_pad {include}", drawn.text);
        report.check(text, crate::agree(drawn.node.like(&x).bytes(), &[x], bound));
    }
    report.finish(400);
}

/// Not GlobalLpPool, which tract divides by the number of elements; LpPool, MaxUnpool, MaxRoiPool, RoiAlign and
/// the quantized pools it does not have.
#[test]
fn global_pools() {
    let mut random = Random::new(3);
    let mut report = Report::default();
    let dtypes = [(DType::F32, 1e-6), (DType::F64, 1e-14), (DType::F16, 1e-2)];
    while report.checks() < 120 {
        let rank = random.range(3, 5);
        let dims: Vec<usize> = (0..rank).map(|_| random.range(1, 5) as usize).collect();
        let (dtype, bound) = dtypes[random.range(0, 2) as usize];
        let values: Vec<f64> = (0..dims.iter().product::<usize>())
            .map(|_| random.range(-20, 20) as f64)
            .collect();
        let x = tensor(dtype, &dims, &values);
        for (operator, bound) in [("GlobalMaxPool", 0.0), ("GlobalAveragePool", bound)] {
            let node = OneNode::new(operator, 22).like(&x);
            let result = crate::agree(node.bytes(), std::slice::from_ref(&x), bound);
            report.check(format!("{operator} of {x}"), result);
        }
    }
    report.finish(120);
}
