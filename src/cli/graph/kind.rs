//! The kinds of operators that a drawing tells apart by colour.

/// What an operator is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sums of products: convolutions, matrix products, recurrent layers.
    Product,
    /// Windows and other ways to a new size.
    Pool,
    /// A function of each element.
    Activation,
    /// What scales its input by statistics.
    Normalization,
    /// What moves elements, and computes none.
    Shape,
    /// What has graphs.
    Control,
    Other,
}

impl Kind {
    pub(super) const ALL: [Kind; 7] = [
        Kind::Product,
        Kind::Pool,
        Kind::Activation,
        Kind::Normalization,
        Kind::Shape,
        Kind::Control,
        Kind::Other,
    ];

    /// The kind of an operator; its domain may stand before it.
    pub(super) fn of(operator: &str) -> Kind {
        let name = operator.rsplit('.').next().unwrap_or(operator);
        let any = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        match name {
            "If" | "Loop" | "Scan" | "SequenceMap" => Kind::Control,
            "GRU" | "LSTM" | "RNN" | "Gemm" | "Einsum" | "Attention" => Kind::Product,
            _ if any(&["Conv", "MatMul"]) => Kind::Product,
            "MaxRoiPool" | "RoiAlign" | "Resize" | "Upsample" => Kind::Pool,
            _ if any(&["Pool", "Unpool"]) => Kind::Pool,
            "LRN" | "Dropout" => Kind::Normalization,
            _ if name.ends_with("Normalization") => Kind::Normalization,
            "Celu" | "Clip" | "Elu" | "Erf" | "Gelu" | "HardSigmoid" | "HardSwish" | "Hardmax"
            | "LeakyRelu" | "LogSoftmax" | "Mish" | "PRelu" | "Relu" | "Selu" | "Shrink"
            | "Sigmoid" | "Softmax" | "Softplus" | "Softsign" | "Swish" | "Tanh"
            | "ThresholdedRelu" => Kind::Activation,
            "Cast" | "CastLike" | "CenterCropPad" | "Compress" | "Concat" | "Constant"
            | "ConstantOfShape" | "DepthToSpace" | "Expand" | "Flatten" | "Identity" | "Pad"
            | "Reshape" | "Shape" | "Size" | "Slice" | "SpaceToDepth" | "Split" | "Squeeze"
            | "Tile" | "Transpose" | "Unsqueeze" => Kind::Shape,
            _ if any(&["Gather", "Scatter", "Sequence"]) => Kind::Shape,
            _ => Kind::Other,
        }
    }

    /// The name of its class in style sheets.
    pub(super) fn class(self) -> &'static str {
        match self {
            Kind::Product => "product",
            Kind::Pool => "pool",
            Kind::Activation => "activation",
            Kind::Normalization => "normalization",
            Kind::Shape => "shape",
            Kind::Control => "control",
            Kind::Other => "other",
        }
    }

    /// Its colours on white: of the box, of its border.
    pub(super) fn light(self) -> [&'static str; 2] {
        match self {
            Kind::Product => ["#dbeafe", "#3b82f6"],
            Kind::Pool => ["#ccfbf1", "#0d9488"],
            Kind::Activation => ["#ffe4e6", "#f43f5e"],
            Kind::Normalization => ["#ecfccb", "#65a30d"],
            Kind::Shape => ["#fef3c7", "#d97706"],
            Kind::Control => ["#f3e8ff", "#a855f7"],
            Kind::Other => ["#f1f5f9", "#64748b"],
        }
    }

    /// Its colours on black, likewise.
    pub(super) fn dark(self) -> [&'static str; 2] {
        match self {
            Kind::Product => ["#172a4f", "#60a5fa"],
            Kind::Pool => ["#0c3b38", "#2dd4bf"],
            Kind::Activation => ["#4a1524", "#fb7185"],
            Kind::Normalization => ["#263a0c", "#a3e635"],
            Kind::Shape => ["#43290b", "#fbbf24"],
            Kind::Control => ["#351556", "#c084fc"],
            Kind::Other => ["#273142", "#94a3b8"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_have_kinds_whatever_their_domain() {
        let cases = [
            ("Conv", Kind::Product),
            ("com.example.QLinearConv", Kind::Product),
            ("GlobalAveragePool", Kind::Pool),
            ("MaxUnpool", Kind::Pool),
            ("BatchNormalization", Kind::Normalization),
            ("GatherND", Kind::Shape),
            ("Loop", Kind::Control),
            ("Add", Kind::Other),
            ("", Kind::Other),
        ];
        for (operator, kind) in cases {
            assert_eq!(Kind::of(operator), kind, "{operator}");
        }
    }
}
