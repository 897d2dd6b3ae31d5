//! The operators of the models that are made from bytes: what they read, and their attributes.

/// What an input of a node is.
#[derive(Clone, Copy)]
pub(crate) enum Want {
    /// Any value that is there.
    Value,
    /// A constant of the type of the first input, with a number for each of its channels.
    Channels,
    /// A constant of the type of the first input that broadcasts to it.
    Like,
    /// The weights of a convolution of the first input.
    Weights,
    /// The matrix that the first input is multiplied by.
    Matrix,
    /// Small `i64`, so many as the first input has axes: sizes, repeats, starts.
    Sizes,
    /// Twice as many small `i64`.
    Pads,
    /// One to three numbers as `i64`, as axes are.
    Numbers,
    /// A matrix of few `i64`, which are indices.
    Indices,
    /// As many indices as the first input has elements, in its shape.
    Places,
    /// One small `i64`.
    Number,
    /// A scalar of the type of the first input.
    Scalar,
    /// Numbers of type `f32`, so many as the first input has axes.
    Scales,
    /// Regions, `[R, 4]` and `[R, 5]`, of the type of the first input.
    Regions(usize),
    /// None.
    Omitted,
}

/// An attribute and its values.
#[derive(Clone, Copy)]
pub(crate) enum Attribute {
    Int(&'static str, i64, i64),
    Float(&'static str),
    Word(&'static str, &'static [&'static str]),
    /// A number for each spatial axis.
    Spatial(&'static str, i64, i64),
    /// Two numbers for each spatial axis.
    Pads(&'static str, i64, i64),
    /// One to three axes.
    Axes(&'static str),
    /// All axes in some order.
    Order(&'static str),
    /// So many numbers.
    Ints(&'static str, usize, i64, i64),
}

pub(crate) struct Operator {
    pub(crate) name: &'static str,
    /// The first input is any value.
    pub(crate) more: &'static [Want],
    pub(crate) outputs: usize,
    pub(crate) always: &'static [Attribute],
    pub(crate) perhaps: &'static [Attribute],
}

const fn of(
    name: &'static str,
    more: &'static [Want],
    always: &'static [Attribute],
    perhaps: &'static [Attribute],
) -> Operator {
    Operator {
        name,
        more,
        outputs: 1,
        always,
        perhaps,
    }
}

impl Operator {
    const fn outputs(self, outputs: usize) -> Operator {
        Operator { outputs, ..self }
    }
}

use Attribute::{Axes, Float, Int, Ints, Order, Pads, Spatial, Word};
use Want::{
    Channels, Indices, Like, Matrix, Number, Numbers, Omitted, Places, Regions, Scalar, Scales,
    Sizes, Value, Weights,
};

const AUTO_PAD: Attribute = Word(
    "auto_pad",
    &["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", "SAME"],
);
const KERNEL: Attribute = Spatial("kernel_shape", 1, 4);
const STRIDES: Attribute = Spatial("strides", 1, 3);
const DILATIONS: Attribute = Spatial("dilations", 1, 3);
const PADS: Attribute = Pads("pads", 0, 3);
const CEIL: Attribute = Int("ceil_mode", 0, 1);
const AXIS: Attribute = Int("axis", -4, 4);
const KEEP: Attribute = Int("keepdims", 0, 1);

/// How many of the operators, the first ones, have windows or regions.
pub(crate) const WINDOWS: usize = 14;

pub(crate) const OPERATORS: &[Operator] = &[
    of(
        "MaxPool",
        &[],
        &[KERNEL],
        &[
            STRIDES,
            DILATIONS,
            PADS,
            CEIL,
            AUTO_PAD,
            Int("storage_order", 0, 1),
        ],
    )
    .outputs(2),
    of("MaxPool", &[], &[KERNEL], &[STRIDES, PADS, CEIL]),
    of(
        "AveragePool",
        &[],
        &[KERNEL],
        &[
            STRIDES,
            DILATIONS,
            PADS,
            CEIL,
            AUTO_PAD,
            Int("count_include_pad", 0, 1),
        ],
    ),
    of(
        "LpPool",
        &[],
        &[KERNEL],
        &[STRIDES, DILATIONS, PADS, CEIL, AUTO_PAD, Int("p", 0, 4)],
    ),
    of("GlobalMaxPool", &[], &[], &[]),
    of("GlobalAveragePool", &[], &[], &[]),
    of("GlobalLpPool", &[], &[], &[Int("p", 0, 4)]),
    of("MaxUnpool", &[Places], &[KERNEL], &[STRIDES, PADS]),
    of("MaxUnpool", &[Places, Sizes], &[KERNEL], &[STRIDES, PADS]),
    of(
        "MaxRoiPool",
        &[Regions(5)],
        &[Ints("pooled_shape", 2, 1, 4)],
        &[Float("spatial_scale")],
    ),
    of(
        "RoiAlign",
        &[Regions(4), Indices],
        &[],
        &[
            Word("mode", &["avg", "max"]),
            Int("output_height", 1, 4),
            Int("output_width", 1, 4),
            Int("sampling_ratio", 0, 3),
            Float("spatial_scale"),
        ],
    ),
    of(
        "Conv",
        &[Weights],
        &[],
        &[STRIDES, DILATIONS, PADS, AUTO_PAD, Int("group", 1, 2)],
    ),
    of("Conv", &[Weights], &[Ints("pads", 4, 1, 1)], &[]),
    of(
        "ConvTranspose",
        &[Weights],
        &[],
        &[
            STRIDES,
            DILATIONS,
            PADS,
            AUTO_PAD,
            Spatial("output_padding", 0, 2),
        ],
    ),
    of(
        "Gemm",
        &[Matrix],
        &[],
        &[
            Float("alpha"),
            Float("beta"),
            Int("transA", 0, 1),
            Int("transB", 0, 1),
        ],
    ),
    of("MatMul", &[Matrix], &[], &[]),
    of("Relu", &[], &[], &[]),
    of("Sigmoid", &[], &[], &[]),
    of("Tanh", &[], &[], &[]),
    of("HardSwish", &[], &[], &[]),
    of("LeakyRelu", &[], &[], &[Float("alpha")]),
    of("Neg", &[], &[], &[]),
    of("Sqrt", &[], &[], &[]),
    of("Not", &[], &[], &[]),
    of("Add", &[Like], &[], &[]),
    of("Add", &[Value], &[], &[]),
    of("Mul", &[Like], &[], &[]),
    of("Sub", &[Value], &[], &[]),
    of("Div", &[Like], &[], &[]),
    of("Mod", &[Like], &[], &[Int("fmod", 0, 1)]),
    of("Pow", &[Like], &[], &[]),
    of("Less", &[Like], &[], &[]),
    of("Equal", &[Value], &[], &[]),
    of("Max", &[Like, Value], &[], &[]),
    of("Sum", &[Value, Value], &[], &[]),
    of("Where", &[Like, Value], &[], &[]),
    of("Clip", &[Scalar, Scalar], &[], &[]),
    of("Cast", &[], &[Int("to", 0, 25)], &[]),
    of(
        "BatchNormalization",
        &[Channels, Channels, Channels, Channels],
        &[],
        &[Float("epsilon")],
    ),
    of(
        "InstanceNormalization",
        &[Channels, Channels],
        &[],
        &[Float("epsilon")],
    ),
    of(
        "LayerNormalization",
        &[Like],
        &[],
        &[AXIS, Float("epsilon")],
    )
    .outputs(3),
    of(
        "LRN",
        &[],
        &[Int("size", 0, 5)],
        &[Float("alpha"), Float("beta"), Float("bias")],
    ),
    of("Softmax", &[], &[], &[AXIS]),
    of("LogSoftmax", &[], &[], &[AXIS]),
    of("Flatten", &[], &[], &[AXIS]),
    of("Reshape", &[Sizes], &[], &[Int("allowzero", 0, 1)]),
    of("Reshape", &[Numbers], &[], &[]),
    of("Squeeze", &[Numbers], &[], &[]),
    of("Squeeze", &[], &[], &[Axes("axes")]),
    of("Unsqueeze", &[Numbers], &[], &[]),
    of("Transpose", &[], &[], &[Order("perm")]),
    of("Concat", &[Value, Value], &[AXIS], &[]),
    of("Split", &[], &[], &[AXIS, Int("num_outputs", 0, 4)]).outputs(2),
    of("Slice", &[Sizes, Sizes], &[], &[]),
    of("Slice", &[Numbers, Numbers, Numbers, Numbers], &[], &[]),
    of(
        "Pad",
        &[Want::Pads],
        &[],
        &[Word("mode", &["constant", "reflect", "edge", "wrap"])],
    ),
    of(
        "Pad",
        &[Want::Pads, Scalar],
        &[],
        &[Word("mode", &["constant", "reflect", "edge", "wrap"])],
    ),
    of("Gather", &[Indices], &[], &[AXIS]),
    of("GatherElements", &[Places], &[], &[AXIS]),
    of("GatherND", &[Indices], &[], &[Int("batch_dims", 0, 2)]),
    of(
        "ScatterElements",
        &[Places, Value],
        &[],
        &[AXIS, Word("reduction", &["none", "add", "mul", "max"])],
    ),
    of(
        "ScatterND",
        &[Indices, Value],
        &[],
        &[Word("reduction", &["none", "add", "mul", "max"])],
    ),
    of("Expand", &[Sizes], &[], &[]),
    of("Tile", &[Sizes], &[], &[]),
    of("Shape", &[], &[], &[Int("start", -3, 3), Int("end", -3, 3)]),
    of("Size", &[], &[], &[]),
    of("ConstantOfShape", &[], &[], &[]),
    of("Range", &[Number, Number], &[], &[]),
    of("Identity", &[], &[], &[]),
    of(
        "DepthToSpace",
        &[],
        &[Int("blocksize", 0, 3)],
        &[Word("mode", &["DCR", "CRD"])],
    ),
    of("SpaceToDepth", &[], &[Int("blocksize", 0, 3)], &[]),
    of(
        "Resize",
        &[Omitted, Scales],
        &[],
        &[
            Word("mode", &["nearest", "linear", "cubic"]),
            Word(
                "coordinate_transformation_mode",
                &["half_pixel", "align_corners", "asymmetric"],
            ),
        ],
    ),
    of(
        "Resize",
        &[Omitted, Omitted, Sizes],
        &[],
        &[
            Word("mode", &["nearest", "linear", "cubic"]),
            Int("antialias", 0, 1),
        ],
    ),
    of(
        "ReduceSum",
        &[Numbers],
        &[],
        &[KEEP, Int("noop_with_empty_axes", 0, 1)],
    ),
    of("ReduceMean", &[], &[], &[KEEP, Axes("axes")]),
    of("ReduceMax", &[Numbers], &[], &[KEEP]),
    of("ReduceL2", &[], &[], &[KEEP]),
    of("ReduceLogSumExp", &[], &[], &[KEEP]),
    of(
        "ArgMax",
        &[],
        &[],
        &[AXIS, KEEP, Int("select_last_index", 0, 1)],
    ),
    of(
        "TopK",
        &[Number],
        &[],
        &[AXIS, Int("largest", 0, 1), Int("sorted", 0, 1)],
    )
    .outputs(2),
    of(
        "CumSum",
        &[Number],
        &[],
        &[Int("exclusive", 0, 1), Int("reverse", 0, 1)],
    ),
    of("NonZero", &[], &[], &[]),
    of("Unique", &[], &[], &[AXIS, Int("sorted", 0, 1)]).outputs(4),
    of("Trilu", &[], &[], &[Int("upper", 0, 1)]),
    of("Compress", &[Like], &[], &[AXIS]),
    of("OneHot", &[Number, Numbers], &[], &[AXIS]),
    of(
        "Einsum",
        &[Value],
        &[Word(
            "equation",
            &[
                "ij,jk->ik",
                "...i,...i->...",
                "ij,ij->",
                "a,b->ab",
                "iij->ij",
                "ab,",
            ],
        )],
        &[],
    ),
    of(
        "GridSample",
        &[Value],
        &[],
        &[
            Word("mode", &["linear", "nearest", "cubic"]),
            Word("padding_mode", &["zeros", "border", "reflection"]),
            Int("align_corners", 0, 1),
        ],
    ),
    of(
        "ReverseSequence",
        &[Numbers],
        &[],
        &[Int("batch_axis", 0, 2), Int("time_axis", 0, 2)],
    ),
    of(
        "NonMaxSuppression",
        &[Value, Number],
        &[],
        &[Int("center_point_box", 0, 1)],
    ),
    of("QuantizeLinear", &[Scalar], &[], &[AXIS]),
    of("DequantizeLinear", &[Scales], &[], &[AXIS]),
    of("Dropout", &[], &[], &[]).outputs(2),
    of(
        "LSTM",
        &[Matrix, Matrix],
        &[Int("hidden_size", 1, 3)],
        &[Word("direction", &["forward", "reverse", "bidirectional"])],
    )
    .outputs(3),
    of("Col2Im", &[Numbers, Numbers], &[], &[]),
    of("NoSuchOperator", &[], &[], &[]),
];
