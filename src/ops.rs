//! Operators: what a node computes, and the one registry of all that linn knows.
//!
//! An operator is a file: a struct with its attributes as read, `infer` for the types and shapes of its
//! outputs, `run` for their elements. To add one, write the file and its line in [`OPS`]; inputs, outputs,
//! types and attributes are checked against [`schema`] before it sees them.

mod axes;
mod fact;
mod layout;
mod outputs;
pub(crate) mod schema;

mod affine_grid;
mod arg_extreme;
mod around;
mod attention;
mod average_pool;
mod binary;
mod bit_cast;
mod broadcast;
mod cast;
mod center_crop_pad;
mod channel_shuffle;
mod classify;
mod clip;
mod col2im;
mod compress;
mod concat;
mod constant;
mod constant_of_shape;
mod conv;
mod conv_integer;
mod conv_transpose;
mod convert;
mod convolution;
mod cumulate;
mod deform_conv;
mod dense;
mod depth_to_space;
mod dropout;
mod dynamic_quantize;
mod einsum;
mod elementwise;
mod expand;
mod expanded_conv;
mod flatten;
mod follow;
mod functions;
mod gather;
mod gemm;
mod global_pool;
mod grid_sample;
mod identity;
mod if_else;
mod indices;
mod loops;
mod lp_normalization;
mod lp_pool;
mod lrn;
mod matmul;
mod max_pool;
mod max_roi_pool;
mod max_unpool;
mod nhwc_max_pool;
mod non_max_suppression;
mod normalization;
mod number;
mod on_integers;
mod one_hot;
mod pad;
mod pow;
mod qlinear_average_pool;
mod quantize;
#[cfg(test)]
mod random_nodes;
mod range;
mod recurrent;
mod reduce;
mod reshape;
mod resize;
mod reverse_sequence;
mod roi;
mod roi_align;
mod rotary_embedding;
mod scan;
mod scatter;
mod shape;
mod slice;
mod softmax;
mod sorting;
mod split;
mod squeeze;
mod stack;
mod step;
#[cfg(test)]
mod testing;
mod top_k;
mod transpose;
mod trilu;
mod unary;
mod unique;
mod variadic;
mod weighted;
mod where_select;
mod window;

use std::fmt::Debug;
use std::sync::Arc;

use crate::error::OpError;
use crate::gemm::Activation;
use crate::model::Body;
use crate::onnx::attributes::Attributes;
use crate::tensor::{DType, Tensor, TensorView};
use schema::Schema;

pub(crate) use channel_shuffle::channel_shuffle;
pub(crate) use expanded_conv::{Expanded, Expansion};
pub use fact::Fact;
pub(crate) use fact::{Dims, Known};
pub(crate) use follow::{Absorbed, Follow, Lead, Prepared};
pub(crate) use normalization::layer_normalization;
pub(crate) use on_integers::{OnIntegers, Operand, Scaling, Way};
pub(crate) use outputs::{Memory, Outputs, Slot};
pub(crate) use step::Step;
pub(crate) use unary::gelu;

/// A kind of node.
pub(crate) struct Op {
    /// `ai.onnx` or another domain.
    pub(crate) domain: &'static str,
    /// `NodeProto.op_type`.
    pub(crate) name: &'static str,
    /// The newest version that `read` understands, with all that are older.
    pub(crate) newest: i64,
    /// Reads the attributes of a node.
    pub(crate) read: fn(&mut Attributes<'_>) -> Result<Box<dyn Operator>, OpError>,
    /// Whether every output element is an input element or a fixed value, so that nothing is rounded.
    pub(crate) exact: bool,
}

/// The optional inputs of a node: `None` where one is left out.
pub(crate) type Inputs<'a, 'b> = &'b [Option<TensorView<'a>>];

/// A node's computation, its attributes read.
pub(crate) trait Operator: Debug + Send + Sync {
    /// Types and shapes of the outputs, as far as those of the inputs tell.
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError>;

    /// What the node does to the elements of input `index`, so that the node that computes it can do it at once.
    fn follow(&self, _index: usize, _inputs: &[Option<Fact>]) -> Option<Follow> {
        None
    }

    /// Whether it may do also what follows: to find that out takes time.
    fn absorbs(&self) -> bool {
        false
    }

    /// This operator doing also what follows.
    fn absorb(&self, _follow: Follow, _inputs: &[Option<Fact>]) -> Option<Absorbed> {
        None
    }

    /// What the node does to each element of its first input, if its output is nothing else.
    fn lead(&self, _inputs: &[Option<Fact>]) -> Option<Lead> {
        None
    }

    /// This operator doing also what leads to its first input, and the bytes that takes.
    fn led(&self, _lead: Lead, _inputs: &[Option<Fact>]) -> Option<(Arc<dyn Operator>, usize)> {
        None
    }

    /// What the node does, if it computes each element of its output of those in the same place of all channels.
    fn expansion(&self, _inputs: &[Option<Fact>]) -> Option<Expansion> {
        None
    }

    /// This operator with the one that computes its first input.
    fn expanded(&self, _expansion: Expansion, _inputs: &[Option<Fact>]) -> Option<Expanded> {
        None
    }

    /// What the node does, if exporters make chains of such nodes.
    fn step(&self, _inputs: &[Option<Fact>]) -> Option<Step> {
        None
    }

    /// What the node does, if it quantizes floats or makes floats of integers again.
    fn scaling(&self, _inputs: &[Option<Fact>]) -> Option<Scaling> {
        None
    }

    /// The operator that does the same to operands that are quantized, then `activation`, and quantizes the result.
    fn on_integers(
        &self,
        _operands: &[Operand],
        _activation: Activation<f64>,
    ) -> Option<OnIntegers> {
        None
    }

    /// Whether each element of its first output is an element of its first input, the same one for all types whose order
    /// is the same.
    fn picks(&self) -> bool {
        false
    }

    /// This operator with inputs that are constants laid out as runs want them. What takes more than `room` bytes is given up
    /// in the end; what may take many times as much as the constants looks before.
    fn prepare(&self, _inputs: &[Option<Fact>], _room: usize) -> Option<Prepared> {
        None
    }

    /// Computes the wanted outputs.
    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError>;

    /// Whether [`Operator::run_in_place`] may be tried.
    fn in_place(&self) -> bool {
        false
    }

    /// Computes the only output in the place of own input `index`, which is not among `inputs` and whose elements are
    /// in `y`, if the output has its type and shape; else returns false and leaves `y` alone, as it does on an error.
    fn run_in_place(
        &self,
        _index: usize,
        _y: &mut Tensor,
        _inputs: Inputs<'_, '_>,
    ) -> Result<bool, OpError> {
        Ok(false)
    }

    /// Whether constants that it makes of constants can be computed when the model is loaded: a loop may take any time.
    fn folds(&self) -> bool {
        self.bodies().is_empty()
    }

    /// The graphs among its attributes.
    fn bodies(&self) -> Vec<&Body> {
        Vec::new()
    }
}

/// Every operator, by domain and name.
pub(crate) const OPS: &[Op] = &[
    unary::ABS,
    unary::ACOS,
    unary::ACOSH,
    binary::ADD,
    affine_grid::AFFINE_GRID,
    binary::AND,
    arg_extreme::ARG_MAX,
    arg_extreme::ARG_MIN,
    unary::ASIN,
    unary::ASINH,
    unary::ATAN,
    unary::ATANH,
    attention::ATTENTION,
    average_pool::AVERAGE_POOL,
    normalization::BATCH_NORMALIZATION,
    bit_cast::BIT_CAST,
    binary::BIT_SHIFT,
    binary::BITWISE_AND,
    unary::BITWISE_NOT,
    binary::BITWISE_OR,
    binary::BITWISE_XOR,
    cast::CAST,
    cast::CAST_LIKE,
    unary::CEIL,
    unary::CELU,
    center_crop_pad::CENTER_CROP_PAD,
    clip::CLIP,
    col2im::COL2IM,
    compress::COMPRESS,
    concat::CONCAT,
    constant::CONSTANT,
    constant_of_shape::CONSTANT_OF_SHAPE,
    conv::CONV,
    conv_integer::CONV_INTEGER,
    conv_transpose::CONV_TRANSPOSE,
    unary::COS,
    unary::COSH,
    cumulate::CUM_PROD,
    cumulate::CUM_SUM,
    deform_conv::DEFORM_CONV,
    depth_to_space::DEPTH_TO_SPACE,
    quantize::DEQUANTIZE_LINEAR,
    binary::DIV,
    dropout::DROPOUT,
    dynamic_quantize::DYNAMIC_QUANTIZE_LINEAR,
    einsum::EINSUM,
    unary::ELU,
    binary::EQUAL,
    unary::ERF,
    unary::EXP,
    expand::EXPAND,
    constant_of_shape::EYE_LIKE,
    flatten::FLATTEN,
    unary::FLOOR,
    recurrent::GRU,
    gather::GATHER,
    gather::GATHER_ELEMENTS,
    gather::GATHER_ND,
    unary::GELU,
    gemm::GEMM,
    global_pool::GLOBAL_AVERAGE_POOL,
    global_pool::GLOBAL_LP_POOL,
    global_pool::GLOBAL_MAX_POOL,
    binary::GREATER,
    binary::GREATER_OR_EQUAL,
    grid_sample::GRID_SAMPLE,
    normalization::GROUP_NORMALIZATION,
    unary::HARD_SIGMOID,
    unary::HARD_SWISH,
    softmax::HARDMAX,
    identity::IDENTITY,
    if_else::IF,
    normalization::INSTANCE_NORMALIZATION,
    classify::IS_INF,
    classify::IS_NAN,
    lrn::LRN,
    recurrent::LSTM,
    normalization::LAYER_NORMALIZATION,
    unary::LEAKY_RELU,
    binary::LESS,
    binary::LESS_OR_EQUAL,
    unary::LOG,
    softmax::LOG_SOFTMAX,
    loops::LOOP,
    lp_normalization::LP_NORMALIZATION,
    lp_pool::LP_POOL,
    matmul::MAT_MUL,
    matmul::MAT_MUL_INTEGER,
    variadic::MAX,
    max_pool::MAX_POOL,
    max_roi_pool::MAX_ROI_POOL,
    max_unpool::MAX_UNPOOL,
    variadic::MEAN,
    normalization::MEAN_VARIANCE_NORMALIZATION,
    variadic::MIN,
    unary::MISH,
    binary::MOD,
    binary::MUL,
    unary::NEG,
    non_max_suppression::NON_MAX_SUPPRESSION,
    compress::NON_ZERO,
    unary::NOT,
    one_hot::ONE_HOT,
    binary::OR,
    binary::PRELU,
    pad::PAD,
    pow::POW,
    conv_integer::QLINEAR_CONV,
    matmul::QLINEAR_MAT_MUL,
    quantize::QUANTIZE_LINEAR,
    normalization::RMS_NORMALIZATION,
    recurrent::RNN,
    range::RANGE,
    unary::RECIPROCAL,
    reduce::REDUCE_L1,
    reduce::REDUCE_L2,
    reduce::REDUCE_LOG_SUM,
    reduce::REDUCE_LOG_SUM_EXP,
    reduce::REDUCE_MAX,
    reduce::REDUCE_MEAN,
    reduce::REDUCE_MIN,
    reduce::REDUCE_PROD,
    reduce::REDUCE_SUM,
    reduce::REDUCE_SUM_SQUARE,
    unary::RELU,
    reshape::RESHAPE,
    resize::RESIZE,
    reverse_sequence::REVERSE_SEQUENCE,
    roi_align::ROI_ALIGN,
    rotary_embedding::ROTARY_EMBEDDING,
    unary::ROUND,
    scan::SCAN,
    scatter::SCATTER,
    scatter::SCATTER_ELEMENTS,
    scatter::SCATTER_ND,
    unary::SELU,
    shape::SHAPE,
    unary::SHRINK,
    unary::SIGMOID,
    unary::SIGN,
    unary::SIN,
    unary::SINH,
    shape::SIZE,
    slice::SLICE,
    softmax::SOFTMAX,
    unary::SOFTPLUS,
    unary::SOFTSIGN,
    depth_to_space::SPACE_TO_DEPTH,
    split::SPLIT,
    unary::SQRT,
    squeeze::SQUEEZE,
    binary::SUB,
    variadic::SUM,
    unary::SWISH,
    unary::TAN,
    unary::TANH,
    unary::THRESHOLDED_RELU,
    expand::TILE,
    top_k::TOP_K,
    transpose::TRANSPOSE,
    trilu::TRILU,
    unique::UNIQUE,
    squeeze::UNSQUEEZE,
    resize::UPSAMPLE,
    where_select::WHERE,
    binary::XOR,
    nhwc_max_pool::NHWC_MAX_POOL,
    qlinear_average_pool::QLINEAR_AVERAGE_POOL,
    qlinear_average_pool::QLINEAR_GLOBAL_AVERAGE_POOL,
];

/// The entry of an operator, if linn has it.
pub(crate) fn find(domain: &str, name: &str) -> Option<&'static Op> {
    OPS.iter().find(|op| op.domain == domain && op.name == name)
}

impl Op {
    /// The versions of the standard that linn runs.
    pub(crate) fn versions(&self) -> impl DoubleEndedIterator<Item = &'static Schema> + Clone {
        let newest = self.newest;
        Schema::versions(self.domain, self.name)
            .iter()
            .filter(move |schema| schema.since <= newest)
    }
}

/// An operator, for listings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperatorInfo {
    /// `ai.onnx` or another domain.
    pub domain: &'static str,
    /// The operator, as `NodeProto.op_type` names it.
    pub name: &'static str,
    /// The opsets that brought its versions, ascending.
    pub versions: Vec<i64>,
    /// The element types that the newest version takes for its first input (gives, if it has none).
    pub types: Vec<DType>,
}

/// Every operator that linn runs, by domain and name.
pub fn operators() -> impl ExactSizeIterator<Item = OperatorInfo> {
    OPS.iter()
        .map(|op| OperatorInfo::new(op.domain, op.name, op.versions()))
}

/// Every operator of the standard that linn does not run, by domain and name, with the versions that it lacks.
pub fn missing_operators() -> impl Iterator<Item = OperatorInfo> {
    Schema::operators().filter_map(|(domain, name)| {
        let newest = find(domain, name).map(|op| op.newest);
        let lacking = Schema::versions(domain, name)
            .iter()
            .filter(|schema| newest.is_none_or(|newest| schema.since > newest));
        let info = OperatorInfo::new(domain, name, lacking);
        (!info.versions.is_empty()).then_some(info)
    })
}

impl OperatorInfo {
    fn new(
        domain: &'static str,
        name: &'static str,
        versions: impl Iterator<Item = &'static Schema> + Clone,
    ) -> OperatorInfo {
        let types = |schema: &Schema| {
            let parameter = schema.inputs.first().or(schema.outputs.first())?;
            Some(schema.types_of(parameter).iter().collect())
        };
        OperatorInfo {
            domain,
            name,
            versions: versions.clone().map(|schema| schema.since).collect(),
            types: versions.last().and_then(types).unwrap_or_default(),
        }
    }
}

/// Input `index`, which the schema requires.
pub(crate) fn required<T>(inputs: &[Option<T>], index: usize) -> &T {
    inputs[index]
        .as_ref()
        .expect("required inputs are checked when the graph is built")
}

/// The elements of an input whose type has been dispatched on.
pub(crate) fn elements<'b, T: crate::tensor::Element>(x: &'b TensorView<'_>) -> &'b [T] {
    x.as_slice()
        .expect("the type of the input was dispatched on")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_sorted_and_names_versions_that_exist() {
        let keys: Vec<_> = OPS.iter().map(|op| (op.domain, op.name)).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        for op in OPS {
            let newest = op.versions().next_back().map(|schema| schema.since);
            assert_eq!(newest, Some(op.newest), "{}", op.name);
            let known = Schema::versions(op.domain, op.name).last();
            assert_eq!(known.map(|schema| schema.since), newest, "{}", op.name);
        }
    }
}
