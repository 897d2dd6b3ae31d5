//! The options of `linn pool`, and the window and node that they describe.

use clap::ValueEnum;
use linn::{AutoPad, DType, Window};

use super::node::Node;
use crate::cli::engine::{Kernels, MaxMemory};
use crate::cli::run::Format;
use crate::cli::{Failure, note};

/// Pool one tensor, and explain the result
///
/// Attributes mean what they mean in ONNX, at the newest version of each operator. Without -o, the result is
/// printed in nested brackets, or with --explain in aligned rows of four decimals; -o has every digit.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    #[arg(value_enum)]
    pub(super) kind: Kind,

    /// What is pooled: a shape as 1x1x4x4 or 1,1,4,4, filled with 0, 1, 2 ..., or a source as of `linn run`:
    /// values as '[1,2;3,4]', FILE.npy, FILE.npz[:KEY], FILE.pb or - for stdin. Axes N and C of size 1 are put
    /// in front of a shape or of values of rank 1 or 2
    #[arg(
        short,
        long,
        value_name = "SHAPE|SOURCE",
        allow_negative_numbers = true
    )]
    pub(super) input: String,

    /// Taps of the window: one number for all spatial axes, or one for each, as 3x2 or 3,2
    #[arg(short, long, value_name = "LIST", value_parser = parse_list, allow_hyphen_values = true)]
    pub(super) kernel: Option<List>,

    /// Elements from one window to the next. ONNX's default is 1, not the kernel
    #[arg(short, long, value_name = "LIST", value_parser = parse_list, allow_hyphen_values = true)]
    pub(super) stride: Option<List>,

    /// Elements of padding: one number, one for each spatial axis, or the beginnings of all axes and then the
    /// ends, as in ONNX
    #[arg(long, value_name = "LIST", value_parser = parse_list, allow_hyphen_values = true)]
    pub(super) pad: Option<List>,

    /// Elements from one tap to the next
    #[arg(short, long, value_name = "LIST", value_parser = parse_list, allow_hyphen_values = true)]
    pub(super) dilation: Option<List>,

    /// Keep a last window that hangs over the end, if it starts on the input or the padding before it
    #[arg(long)]
    pub(super) ceil: bool,

    /// Divide by taps on padding too (avg)
    #[arg(long)]
    pub(super) count_include_pad: bool,

    /// How padding is chosen: notset, same-upper, same-lower or valid
    #[arg(long, value_name = "HOW", value_parser = parse_auto_pad)]
    pub(super) auto_pad: Option<AutoPad>,

    /// The exponent of the norm (lp, glp); 2 unless given
    #[arg(long)]
    pub(super) p: Option<i64>,

    /// Give the places of the maxima too (max)
    #[arg(long)]
    pub(super) indices: bool,

    /// How the places count: 0 along the last axis first, 1 along the first spatial axis first (max)
    #[arg(
        long,
        requires = "indices",
        value_name = "0|1",
        value_parser = clap::value_parser!(i64).range(0..=1)
    )]
    pub(super) storage_order: Option<i64>,

    /// The type of the elements of a shape or of values; f32 unless given
    #[arg(long, value_name = "TYPE", value_parser = parse_dtype)]
    pub(super) dtype: Option<DType>,

    /// Show how each output size comes about, what each window holds, and what sums are divided by
    #[arg(long)]
    pub(super) explain: bool,

    /// Where the result goes: FILE.npy, FILE.npz, FILE.pb, FILE.json, FOLDER/ or - for JSON on stdout. The
    /// outputs are named Y and Indices
    #[arg(short, long = "output", value_name = "[NAME=]SINK")]
    pub(super) output: Vec<String>,

    /// What is printed: text, or a document linn.pool/1
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,

    #[command(flatten)]
    pub(super) memory: MaxMemory,

    #[command(flatten)]
    pub(super) kernels: Kernels,
}

const EXAMPLES: &str = "\
Examples:
  linn pool max --input '[1,2,3,4;5,6,7,8]' --kernel 2
  linn pool avg --input 4x4 --kernel 3 --stride 2 --pad 1 --ceil --count-include-pad --explain
  linn pool max --input x.npy --kernel 3x3 --stride 2 --auto-pad same-upper --indices -o out.npz
  linn pool glp --input '[3,4]' --p 2

docs/json.md lists the keys of the document linn.pool/1.";

/// The pooling operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// The largest element of each window: MaxPool
    Max,
    /// The mean of each window: AveragePool
    Avg,
    /// The p-norm of each window: LpPool
    Lp,
    /// The largest element of each plane: GlobalMaxPool
    Gmax,
    /// The mean of each plane: GlobalAveragePool
    Gavg,
    /// The p-norm of each plane: GlobalLpPool
    Glp,
}

impl Kind {
    pub(super) fn operator(self) -> &'static str {
        match self {
            Kind::Max => "MaxPool",
            Kind::Avg => "AveragePool",
            Kind::Lp => "LpPool",
            Kind::Gmax => "GlobalMaxPool",
            Kind::Gavg => "GlobalAveragePool",
            Kind::Glp => "GlobalLpPool",
        }
    }

    pub(super) fn is_global(self) -> bool {
        matches!(self, Kind::Gmax | Kind::Gavg | Kind::Glp)
    }
}

/// Numbers between `x` or `,`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct List(Vec<i64>);

impl List {
    /// One number for all of `rank` axes, or what was given.
    fn spread(&self, rank: usize) -> Vec<i64> {
        match self.0.as_slice() {
            [one] => vec![*one; rank],
            list => list.to_vec(),
        }
    }

    /// As [`List::spread`], for beginnings and ends; one number an axis stands for both.
    fn spread_pads(&self, rank: usize) -> Vec<i64> {
        match self.0.len() {
            len if len == rank && rank > 1 => self.0.repeat(2),
            _ => self.spread(2 * rank),
        }
    }
}

fn parse_list(text: &str) -> Result<List, String> {
    text.split(['x', ','])
        .map(|number| number.trim().parse())
        .collect::<Result<_, _>>()
        .map(List)
        .map_err(|_| "must be a number, or several as 3x2 or 3,2".to_string())
}

fn parse_auto_pad(text: &str) -> Result<AutoPad, String> {
    AutoPad::from_name(&text.to_ascii_uppercase().replace('-', "_"))
        .ok_or_else(|| "must be notset, same-upper, same-lower or valid".to_string())
}

fn parse_dtype(text: &str) -> Result<DType, String> {
    DType::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = DType::ALL.iter().map(|dtype| dtype.name()).collect();
        format!("must be one of {}", names.join(", "))
    })
}

impl Args {
    /// Refuses options that the operator does not have.
    pub(super) fn check_options(&self) -> Result<(), Failure> {
        let windowed = !self.kind.is_global();
        let options = [
            ("--kernel", self.kernel.is_some(), windowed),
            ("--stride", self.stride.is_some(), windowed),
            ("--pad", self.pad.is_some(), windowed),
            ("--dilation", self.dilation.is_some(), windowed),
            ("--ceil", self.ceil, windowed),
            ("--auto-pad", self.auto_pad.is_some(), windowed),
            (
                "--count-include-pad",
                self.count_include_pad,
                self.kind == Kind::Avg,
            ),
            (
                "--p",
                self.p.is_some(),
                matches!(self.kind, Kind::Lp | Kind::Glp),
            ),
            ("--indices", self.indices, self.kind == Kind::Max),
            (
                "--storage-order",
                self.storage_order.is_some(),
                self.kind == Kind::Max,
            ),
        ];
        let operator = self.kind.operator();
        if let Some((option, ..)) = options.iter().find(|(_, given, has)| *given && !has) {
            return Err(Failure::Usage(format!("{operator} has no {option}")));
        }
        if windowed && self.kernel.is_none() {
            return Err(Failure::Usage(format!("{operator} needs a --kernel")));
        }
        if windowed && self.stride.is_none() {
            note("no --stride: it is 1 as in ONNX; many frameworks use the kernel's size");
        }
        Ok(())
    }

    /// Refuses lists that do not have a number for each of `rank` spatial axes.
    pub(super) fn check_lists(&self, rank: usize) -> Result<(), Failure> {
        for (option, list, most) in [
            ("--kernel", &self.kernel, rank),
            ("--stride", &self.stride, rank),
            ("--dilation", &self.dilation, rank),
            ("--pad", &self.pad, 2 * rank),
        ] {
            let Some(List(numbers)) = list else { continue };
            if ![1, rank, most].contains(&numbers.len()) {
                let failure = Failure::Usage(format!(
                    "{option} has {} numbers, the input has {rank} spatial {}",
                    numbers.len(),
                    if rank == 1 { "axis" } else { "axes" }
                ));
                return Err(match self.input.trim_start().starts_with('[') {
                    true => failure.help("brackets hold values; a shape is written 1x1x4x4"),
                    false => failure,
                });
            }
        }
        Ok(())
    }

    /// The window over `rank` spatial axes; `None` for a global pool.
    pub(super) fn window(&self, rank: usize) -> Option<Window> {
        let mut window = Window::new(self.kernel.as_ref()?.spread(rank))
            .ceil_mode(self.ceil)
            .auto_pad(self.auto_pad.unwrap_or_default());
        if let Some(stride) = &self.stride {
            window = window.strides(stride.spread(rank));
        }
        if let Some(dilation) = &self.dilation {
            window = window.dilations(dilation.spread(rank));
        }
        if let Some(pad) = &self.pad {
            window = window.pads(pad.spread_pads(rank));
        }
        Some(window)
    }

    /// The node with the attributes that were given.
    pub(super) fn node(&self, rank: usize) -> Node {
        let mut node = Node::new(self.kind.operator());
        for (name, list) in [
            ("kernel_shape", &self.kernel),
            ("strides", &self.stride),
            ("dilations", &self.dilation),
        ] {
            if let Some(list) = list {
                node.ints(name, &list.spread(rank));
            }
        }
        if let Some(pad) = &self.pad {
            node.ints("pads", &pad.spread_pads(rank));
        }
        match self.auto_pad {
            Some(AutoPad::SameUpper) => node.string("auto_pad", "SAME_UPPER"),
            Some(AutoPad::SameLower) => node.string("auto_pad", "SAME_LOWER"),
            Some(AutoPad::Valid) => node.string("auto_pad", "VALID"),
            Some(AutoPad::NotSet) | None => {}
        }
        if self.ceil {
            node.int("ceil_mode", 1);
        }
        if self.count_include_pad {
            node.int("count_include_pad", 1);
        }
        if let Some(p) = self.p {
            node.int("p", p);
        }
        if let Some(storage_order) = self.storage_order {
            node.int("storage_order", storage_order);
        }
        node
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_how_they_spread_over_axes() {
        assert_eq!(parse_list("3x2"), Ok(List(vec![3, 2])));
        assert_eq!(parse_list("3, 2"), Ok(List(vec![3, 2])));
        assert!(parse_list("3x").is_err());
        assert!(parse_list("").is_err());
        let pads = |text: &str, rank| parse_list(text).unwrap().spread_pads(rank);
        assert_eq!(pads("1", 2), [1, 1, 1, 1]);
        assert_eq!(pads("1,2", 2), [1, 2, 1, 2]);
        assert_eq!(pads("1,2", 1), [1, 2]);
        assert_eq!(pads("1,2,3,4", 2), [1, 2, 3, 4]);
        assert_eq!(pads("1", 1), [1, 1]);
    }

    #[test]
    fn auto_pad_in_any_spelling() {
        assert_eq!(parse_auto_pad("Same_Upper"), Ok(AutoPad::SameUpper));
        assert_eq!(parse_auto_pad("same-lower"), Ok(AutoPad::SameLower));
        assert!(parse_auto_pad("same").is_err());
    }
}
