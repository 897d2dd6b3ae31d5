//! The forty tricky cases (36 has a sibling) as data: where engines are known to disagree, the answers that
//! follow from the definition of the operators.
//!
//! Unless a case says otherwise its input is f32 and counts 1, 2, 3 ... in C order.

use linn::{DType, Tensor};

use crate::support::model::OneNode;
use crate::support::{counting, f32s, i64s, tensor};

/// A one-node model with its inputs and the outputs that it must give.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) number: &'static str,
    pub(crate) node: OneNode,
    pub(crate) inputs: Vec<Tensor>,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f64>,
    pub(crate) indices: Option<Vec<i64>>,
}

impl Case {
    fn new(
        number: &'static str,
        node: OneNode,
        inputs: &[Tensor],
        shape: &[usize],
        values: &[f64],
    ) -> Case {
        Case {
            number,
            node,
            inputs: inputs.to_vec(),
            shape: shape.to_vec(),
            values: values.to_vec(),
            indices: None,
        }
    }

    /// The case also checks the second output.
    fn indices(mut self, indices: &[i64]) -> Case {
        self.node = self.node.outputs(2);
        self.indices = Some(indices.to_vec());
        self
    }
}

fn x(dims: &[usize]) -> Tensor {
    counting(DType::F32, dims)
}

fn pool(operator: &str, opset: i64, kernel: &[i64]) -> OneNode {
    OneNode::new(operator, opset).ints("kernel_shape", kernel)
}

fn max(opset: i64, kernel: &[i64]) -> OneNode {
    pool("MaxPool", opset, kernel)
}

fn average(opset: i64, kernel: &[i64]) -> OneNode {
    pool("AveragePool", opset, kernel)
}

fn lp(kernel: &[i64]) -> OneNode {
    pool("LpPool", 22, kernel)
}

/// Shorter names for the attributes that nearly all cases have.
trait Window {
    fn strides(self, strides: &[i64]) -> Self;
    fn pads(self, pads: &[i64]) -> Self;
    fn dilations(self, dilations: &[i64]) -> Self;
    fn auto_pad(self, auto_pad: &str) -> Self;
    fn ceil(self) -> Self;
    fn include(self) -> Self;
    fn column_major(self) -> Self;
}

impl Window for OneNode {
    fn strides(self, strides: &[i64]) -> OneNode {
        self.ints("strides", strides)
    }

    fn pads(self, pads: &[i64]) -> OneNode {
        self.ints("pads", pads)
    }

    fn dilations(self, dilations: &[i64]) -> OneNode {
        self.ints("dilations", dilations)
    }

    fn auto_pad(self, auto_pad: &str) -> OneNode {
        self.string("auto_pad", auto_pad)
    }

    fn ceil(self) -> OneNode {
        self.int("ceil_mode", 1)
    }

    fn include(self) -> OneNode {
        self.int("count_include_pad", 1)
    }

    fn column_major(self) -> OneNode {
        self.int("storage_order", 1)
    }
}

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Every case but 33, whose input is too large for a table.
pub(crate) fn cases() -> Vec<Case> {
    [
        output_sizes(),
        auto_pads(),
        odd_windows(),
        max_corners(),
        norms_and_global_pools(),
        unpools_and_regions(),
    ]
    .concat()
}

/// Cases 1 to 6: ceil_mode, its dropped window, and the divisors of averages.
fn output_sizes() -> Vec<Case> {
    vec![
        Case::new(
            "1",
            max(12, &[1, 1]).strides(&[2, 2]).ceil(),
            &[x(&[1, 1, 2, 2])],
            &[1, 1, 1, 1],
            &[1.0],
        )
        .indices(&[0]),
        Case::new(
            "2",
            max(14, &[3; 3]).strides(&[3; 3]).pads(&[1; 6]).ceil(),
            &[x(&[1, 2, 3, 6, 5])],
            &[1, 2, 2, 3, 2],
            // The second channel holds what the first does, 90 more.
            &[
                37.0, 40.0, 52.0, 55.0, 57.0, 60.0, 67.0, 70.0, 82.0, 85.0, 87.0, 90.0, 127.0,
                130.0, 142.0, 145.0, 147.0, 150.0, 157.0, 160.0, 172.0, 175.0, 177.0, 180.0,
            ],
        ),
        Case::new(
            "3",
            average(22, &[4]).strides(&[4]).ceil(),
            &[x(&[1, 1, 6])],
            &[1, 1, 2],
            &[2.5, 5.5],
        ),
        Case::new(
            "4",
            average(11, &[7])
                .strides(&[3])
                .pads(&[3, 3])
                .ceil()
                .include(),
            &[x(&[1, 1, 9])],
            &[1, 1, 4],
            &[10.0 / 7.0, 4.0, 39.0 / 7.0, 4.0],
        ),
        Case::new(
            "5",
            average(22, &[2; 3]).pads(&[0, 0, 0, 1, 0, 1]).include(),
            &[f32s(&[1, 1, 2, 2, 2], &[1.0; 8])],
            &[1, 1, 2, 1, 2],
            &[1.0, 0.5, 0.5, 0.25],
        ),
        Case::new(
            "6",
            average(22, &[3])
                .strides(&[4])
                .dilations(&[2])
                .ceil()
                .include(),
            &[x(&[1, 1, 7])],
            &[1, 1, 2],
            &[3.0, 6.0],
        ),
    ]
}

/// Cases 7 to 13: automatic pads with dilations, with strides beyond the kernel, and VALID.
fn auto_pads() -> Vec<Case> {
    vec![
        Case::new(
            "7",
            max(22, &[3]).dilations(&[2]).auto_pad("SAME_UPPER"),
            &[x(&[1, 1, 8])],
            &[1, 1, 8],
            &[3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 7.0, 8.0],
        )
        .indices(&[2, 3, 4, 5, 6, 7, 6, 7]),
        Case::new(
            "8",
            average(22, &[2]).dilations(&[3]).auto_pad("SAME_LOWER"),
            &[x(&[1, 1, 4])],
            &[1, 1, 4],
            &[2.0, 3.0, 2.5, 2.0],
        ),
        Case::new(
            "9",
            max(22, &[1]).strides(&[3]).auto_pad("SAME_UPPER"),
            &[x(&[1, 1, 5])],
            &[1, 1, 2],
            &[1.0, 4.0],
        ),
        Case::new(
            "10",
            max(22, &[2]).strides(&[5]).auto_pad("SAME_UPPER"),
            &[x(&[1, 1, 9])],
            &[1, 1, 2],
            &[2.0, 7.0],
        )
        .indices(&[1, 6]),
        Case::new(
            "11",
            max(22, &[2]).strides(&[2]).auto_pad("SAME_LOWER"),
            &[x(&[1, 1, 5])],
            &[1, 1, 3],
            &[1.0, 3.0, 5.0],
        ),
        Case::new(
            "12",
            average(22, &[3]).strides(&[3]).auto_pad("VALID").ceil(),
            &[x(&[1, 1, 7])],
            &[1, 1, 3],
            &[2.0, 5.0, 7.0],
        ),
        Case::new(
            "13",
            max(22, &[3]).strides(&[2]).pads(&[1, 1]).auto_pad("VALID"),
            &[x(&[1, 1, 6])],
            &[1, 1, 2],
            &[3.0, 5.0],
        ),
    ]
}

/// Cases 14 to 21: pads as wide as the kernel, windows on padding alone, kernels wider than the input.
fn odd_windows() -> Vec<Case> {
    vec![
        Case::new(
            "14",
            average(22, &[2]).strides(&[2]).pads(&[2, 3]).include(),
            &[x(&[1, 1, 5])],
            &[1, 1, 5],
            &[0.0, 1.5, 3.5, 2.5, 0.0],
        ),
        Case::new(
            "15",
            max(22, &[2]).strides(&[2]).pads(&[2, 3]),
            &[x(&[1, 1, 5])],
            &[1, 1, 5],
            &[-INF, 2.0, 4.0, 5.0, -INF],
        )
        .indices(&[-1, 1, 3, 4, -1]),
        Case::new(
            "16",
            max(22, &[2]).dilations(&[2]).pads(&[1, 1]),
            &[f32s(&[1, 2, 1], &[5.0, 6.0])],
            &[1, 2, 1],
            &[-INF, -INF],
        )
        .indices(&[-1, -1]),
        Case::new(
            "17",
            max(22, &[2]).dilations(&[2]).pads(&[1, 1]),
            &[f32s(
                &[1, 1, 9],
                &[1.0, 9.0, 2.0, 8.0, 3.0, 7.0, 4.0, 6.0, 5.0],
            )],
            &[1, 1, 9],
            &[9.0, 2.0, 9.0, 3.0, 8.0, 4.0, 7.0, 5.0, 6.0],
        )
        .indices(&[1, 2, 1, 4, 3, 6, 5, 8, 7]),
        Case::new(
            "18",
            max(22, &[2, 2]).pads(&[1, 0, 1, 0]),
            &[x(&[1, 1, 5, 5])],
            &[1, 1, 6, 4],
            &[
                2.0, 3.0, 4.0, 5.0, 7.0, 8.0, 9.0, 10.0, 12.0, 13.0, 14.0, 15.0, 17.0, 18.0, 19.0,
                20.0, 22.0, 23.0, 24.0, 25.0, 22.0, 23.0, 24.0, 25.0,
            ],
        ),
        Case::new(
            "19",
            average(22, &[6]).strides(&[4]).ceil(),
            &[x(&[1, 1, 4])],
            &[1, 1, 1],
            &[2.5],
        ),
        Case::new(
            "20",
            max(22, &[5]).strides(&[4]),
            &[x(&[1, 1, 3])],
            &[1, 1, 0],
            &[],
        ),
        Case::new(
            "21",
            max(22, &[6]).strides(&[2]).ceil(),
            &[x(&[1, 1, 4])],
            &[1, 1, 0],
            &[],
        ),
    ]
}

/// Cases 22 to 29: ties, storage orders, NaN, infinities, four spatial axes, no elements.
fn max_corners() -> Vec<Case> {
    let infinite = f32s(&[1, 1, 2, 2], &[-INF; 4]);
    let surrounded = max(22, &[3, 3]).pads(&[1; 4]);
    vec![
        Case::new(
            "22",
            max(22, &[2, 2]).column_major(),
            &[f32s(&[1, 1, 3, 3], &[7.0; 9])],
            &[1, 1, 2, 2],
            &[7.0; 4],
        )
        .indices(&[0, 3, 1, 4]),
        Case::new(
            "23",
            max(22, &[2, 2]).column_major(),
            &[x(&[2, 2, 2, 3])],
            &[2, 2, 1, 2],
            &[5.0, 6.0, 11.0, 12.0, 17.0, 18.0, 23.0, 24.0],
        )
        .indices(&[3, 5, 9, 11, 15, 17, 21, 23]),
        Case::new(
            "24",
            max(22, &[2; 3]).strides(&[1, 1, 2]).column_major(),
            &[x(&[1, 2, 2, 3, 4])],
            &[1, 2, 1, 2, 2],
            &[18.0, 20.0, 22.0, 24.0, 42.0, 44.0, 46.0, 48.0],
        )
        .indices(&[9, 21, 11, 23, 33, 45, 35, 47]),
        Case::new(
            "25",
            max(22, &[4]),
            &[f32s(&[1, 1, 4], &[1.0, NAN, 2.0, NAN])],
            &[1, 1, 1],
            &[NAN],
        )
        .indices(&[1]),
        Case::new(
            "26",
            surrounded.clone(),
            std::slice::from_ref(&infinite),
            &[1, 1, 2, 2],
            &[-INF; 4],
        )
        .indices(&[0; 4]),
        Case::new(
            "26 without Indices",
            surrounded,
            &[infinite],
            &[1, 1, 2, 2],
            &[-INF; 4],
        ),
        Case::new(
            "27",
            max(22, &[2, 2]).pads(&[1, 1, 0, 0]),
            &[tensor(DType::I8, &[1, 1, 2, 2], &[-128.0; 4])],
            &[1, 1, 2, 2],
            &[-128.0; 4],
        )
        .indices(&[0; 4]),
        Case::new(
            "28",
            max(22, &[2; 4]),
            &[x(&[1, 1, 2, 2, 2, 2])],
            &[1, 1, 1, 1, 1, 1],
            &[16.0],
        )
        .indices(&[15]),
        Case::new("29", max(22, &[2]), &[x(&[2, 0, 4])], &[2, 0, 3], &[]).indices(&[]),
    ]
}

/// Cases 30 to 35.
fn norms_and_global_pools() -> Vec<Case> {
    vec![
        Case::new(
            "30",
            lp(&[4]).strides(&[4]).ceil(),
            &[x(&[1, 1, 6])],
            &[1, 1, 2],
            &[30f64.sqrt(), 61f64.sqrt()],
        ),
        Case::new(
            "31",
            lp(&[2]).int("p", 3).pads(&[1, 0]),
            &[f32s(&[1, 1, 3], &[-1.0, -2.0, -3.0])],
            &[1, 1, 3],
            &[1.0, 9f64.cbrt(), 35f64.cbrt()],
        ),
        Case::new(
            "32",
            lp(&[2]),
            &[f32s(&[1, 1, 2], &[1e20, 1e20])],
            &[1, 1, 1],
            &[1e20 * std::f64::consts::SQRT_2],
        ),
        Case::new(
            "34, one spatial axis",
            OneNode::new("GlobalMaxPool", 22),
            &[x(&[1, 2, 3])],
            &[1, 2, 1],
            &[3.0, 6.0],
        ),
        Case::new(
            "34, three spatial axes",
            OneNode::new("GlobalMaxPool", 22),
            &[x(&[1, 1, 2, 2, 2])],
            &[1, 1, 1, 1, 1],
            &[8.0],
        ),
        Case::new(
            "35",
            OneNode::new("GlobalAveragePool", 22),
            &[tensor(DType::F16, &[1, 1, 300], &[300.0; 300])],
            &[1, 1, 1],
            &[300.0],
        ),
    ]
}

/// Cases 36 to 40.
fn unpools_and_regions() -> Vec<Case> {
    let mut unpooled = [0.0; 25];
    (unpooled[0], unpooled[4], unpooled[20], unpooled[24]) = (5.0, 6.0, 7.0, 8.0);
    let from_zero = |dims: &[usize]| {
        let values: Vec<f64> = (0..dims.iter().product())
            .map(|x: usize| x as f64)
            .collect();
        f32s(dims, &values)
    };
    let align = |opset| {
        OneNode::new("RoiAlign", opset)
            .int("output_height", 2)
            .int("output_width", 2)
            .int("sampling_ratio", 2)
    };
    let aligned = [
        from_zero(&[1, 1, 4, 4]),
        f32s(&[1, 4], &[0.0, 0.0, 2.0, 2.0]),
        i64s(&[1], &[0]),
    ];
    vec![
        Case::new(
            "36",
            pool("MaxUnpool", 22, &[2, 2]).strides(&[2, 2]),
            &[
                f32s(&[1, 1, 2, 2], &[5.0, 6.0, 7.0, 8.0]),
                i64s(&[1, 1, 2, 2], &[0, 4, 20, 24]),
                i64s(&[4], &[1, 1, 5, 5]),
            ],
            &[1, 1, 5, 5],
            &unpooled,
        ),
        Case::new(
            "36b",
            pool("MaxUnpool", 22, &[2]).strides(&[2]),
            &[
                f32s(&[1, 1, 3], &[2.0, 4.0, 5.0]),
                i64s(&[1, 1, 3], &[1, 3, 4]),
                i64s(&[3], &[1, 1, 5]),
            ],
            &[1, 1, 5],
            &[0.0, 2.0, 0.0, 4.0, 5.0],
        ),
        Case::new(
            "37",
            OneNode::new("MaxRoiPool", 16).ints("pooled_shape", &[2, 2]),
            &[
                from_zero(&[1, 1, 6, 6]),
                f32s(
                    &[2, 5],
                    &[0.0, -3.0, -3.0, 2.0, 2.0, 0.0, 4.0, 4.0, 1.0, 1.0],
                ),
            ],
            &[2, 1, 2, 2],
            &[0.0, 0.0, 0.0, 14.0, 28.0, 28.0, 28.0, 28.0],
        ),
        Case::new(
            "38, opset 10",
            align(10),
            &aligned,
            &[1, 1, 2, 2],
            &[2.5, 3.5, 6.5, 7.5],
        ),
        Case::new(
            "38, opset 16",
            align(16),
            &aligned,
            &[1, 1, 2, 2],
            &[0.625, 1.5, 4.125, 5.0],
        ),
        Case::new(
            "39",
            align(16).string("mode", "max"),
            &aligned,
            &[1, 1, 2, 2],
            &[1.0, 0.9375, 3.0, 2.8125],
        ),
        Case::new(
            "40",
            pool("QLinearAveragePool", 22, &[2])
                .domain("com.microsoft")
                .strides(&[2])
                .ceil()
                .include(),
            &[
                tensor(DType::U8, &[1, 1, 5], &[10.0, 20.0, 30.0, 40.0, 50.0]),
                f32s(&[], &[1.0]),
                tensor(DType::U8, &[], &[0.0]),
                f32s(&[], &[1.0]),
                tensor(DType::U8, &[], &[0.0]),
            ],
            &[1, 1, 3],
            &[15.0, 35.0, 50.0],
        ),
    ]
}
