//! One pool, its attributes and data random.

use linn::{AutoPad, DType, Tensor, Window};

use crate::support::model::OneNode;
use crate::support::{Random, Report, tensor};

/// A pool as the generator draws it.
struct Drawn {
    node: OneNode,
    window: Window,
    text: String,
    dims: Vec<usize>,
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
    let mut window = Window::new(kernel);
    if !random.one_in(4) {
        node = node.ints("strides", &strides);
        window = window.strides(strides);
    }
    // AveragePool has dilations from version 19.
    if (operator == "MaxPool" || opset >= 19) && random.one_in(2) {
        node = node.ints("dilations", &dilations);
        window = window.dilations(dilations);
    } else {
        text += " (undilated)";
    }
    let ceil = random.one_in(2);
    let mut take_ceil = ceil;
    match random.range(1, 6) {
        1 => {
            // Beside an auto_pad tract lets explicit pads win, linn the auto_pad, so there are none. With
            // VALID tract does not look at ceil_mode, which linn honours, so it is 0.
            node = node.string("auto_pad", "VALID");
            window = window.auto_pad(AutoPad::Valid);
            take_ceil = false;
            text += " VALID";
        }
        2 => {
            node = node.string("auto_pad", "SAME_UPPER");
            window = window.auto_pad(AutoPad::SameUpper);
            text += " SAME_UPPER";
        }
        3 => {
            node = node.string("auto_pad", "SAME_LOWER");
            window = window.auto_pad(AutoPad::SameLower);
            text += " SAME_LOWER";
        }
        4 => text += " (unpadded)",
        _ => {
            node = node.ints("pads", &pads);
            window = window.pads(pads);
        }
    }
    if take_ceil {
        node = node.int("ceil_mode", 1);
        window = window.ceil_mode(true);
        text += " ceil_mode";
    }
    Drawn {
        node,
        window,
        text,
        dims,
    }
}

impl Drawn {
    /// Whether tract computes this pool as the standard says.
    fn is_comparable(&self) -> bool {
        // A kernel that does not fit into the padded input gives no output or is an error; tract takes it for
        // one window. `axes` refuses some of these, others have an output of 0 or 1 in linn.
        let Ok(axes) = self.window.axes(&self.dims[2..]) else {
            return false;
        };
        axes.iter().all(|axis| {
            let extent = (axis.kernel - 1) * axis.dilation + 1;
            let fits = extent <= axis.input + axis.pad_begin + axis.pad_end;
            // A window on padding alone is the lowest finite number, with index 0, in tract's MaxPool, and
            // NaN in its AveragePool; in linn it is -inf with index -1, and 0.
            fits && (0..axis.output).all(|o| axis.real_taps(o).1 > 0)
        })
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
