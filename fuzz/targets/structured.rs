//! Models from bytes: a few inputs, and nodes of real operators that read what is there, most of them as they should.

use linn::proto::NodeProto;
use linn::{DType, Dim, Model, Options, Tensor, ValueInfo};

use crate::choices::Choices;
use crate::limits::options;
use crate::model::{self, Build, With, body, node};
use crate::operators::{OPERATORS, Operator, WINDOWS, Want};
use crate::values::{filled, numbers};

/// The types of inputs, the usual one more often.
const TYPES: [DType; 14] = [
    DType::F32,
    DType::F32,
    DType::F32,
    DType::F32,
    DType::F32,
    DType::F32,
    DType::F64,
    DType::F16,
    DType::BF16,
    DType::U8,
    DType::I8,
    DType::I64,
    DType::I32,
    DType::Bool,
];

/// A model with inputs to run it on.
pub(crate) struct Made {
    pub(crate) build: Build,
    pub(crate) inputs: Vec<(String, Tensor)>,
    values: Vec<Value>,
    options: Options,
    opset: i64,
    /// The number of constants so far, for their names.
    constants: usize,
}

/// What is known of a value.
#[derive(Clone)]
struct Value {
    name: String,
    dtype: DType,
    /// A size that is not known is 2; with no rank there are four of them.
    dims: Vec<usize>,
}

impl From<&ValueInfo> for Value {
    fn from(info: &ValueInfo) -> Value {
        let size = |dim: &Dim| match dim {
            Dim::Known(size) => (*size).min(16),
            _ => 2,
        };
        let dims = info.dims.as_ref();
        Value {
            name: info.name.clone(),
            dtype: info.dtype,
            dims: dims.map_or(vec![2; 4], |dims| dims.iter().map(size).collect()),
        }
    }
}

impl Made {
    /// A model; nodes that linn refuses are left out, unless there are to be `bad` ones here and there.
    pub(crate) fn new(choices: &mut Choices<'_>, bad: bool) -> Made {
        let opset = choices.one_of(&[22, 21, 17, 13, 11, 7]);
        let mut made = Made {
            build: Build::new(opset),
            inputs: Vec::new(),
            values: Vec::new(),
            options: quick(),
            opset,
            constants: 0,
        };
        for _ in 0..1 + choices.below(2) {
            made.input(choices);
        }
        let most = 1 + choices.below(6);
        for at in 0..most {
            if at > 0 && choices.is_empty() {
                break;
            }
            let stays = bad && choices.one_in(8);
            // Many a node does not fit what is there; another one may.
            let _ = (0..3).any(|_| made.add(choices, at, stays));
        }
        // What the last nodes computed, with an input where there are none.
        let count = 1 + choices.below(3);
        let values = made.values.iter().rev().take(count);
        let names: Vec<String> = values.map(|info| info.name.clone()).collect();
        for name in names {
            made.build = made.build.output(&name);
        }
        made
    }

    fn input(&mut self, choices: &mut Choices<'_>) {
        let name = format!("x{}", self.inputs.len());
        let dtype = choices.one_of(&TYPES);
        let rank = choices.one_of(&[4, 4, 4, 3, 2, 1, 0, 5]);
        let mut dims: Vec<usize> = (0..rank).map(|_| 1 + choices.below(6)).collect();
        if rank > 0 && choices.one_in(16) {
            dims[0] = 0;
        }
        let text: Vec<String> = dims
            .iter()
            .map(|size| match choices.below(8) {
                7 => "?".to_string(),
                6 => format!("D{size}"),
                _ => size.to_string(),
            })
            .collect();
        let declared = (!choices.one_in(8)).then(|| text.join(","));
        let info = model::value_info(&name, dtype, declared.as_deref());
        self.build.graph().input.push(info);
        let tensor = numbers(dtype, &dims, choices, -4, 4);
        self.inputs.push((name.clone(), tensor));
        self.values.push(Value { name, dtype, dims });
    }

    /// Adds a node, if it can be loaded or `stays` all the same; whether that is so.
    fn add(&mut self, choices: &mut Choices<'_>, at: usize, stays: bool) -> bool {
        let before = (self.build.clone(), self.constants);
        let node = match choices.below(24) {
            23 => self.branches(choices, at),
            22 => self.rounds(choices, at),
            which => {
                // Windows first of all.
                let end = if which < 8 { WINDOWS } else { OPERATORS.len() };
                let operator = &OPERATORS[choices.below(end)];
                self.node(choices, operator, at)
            }
        };
        let outputs = node.output.clone();
        self.build = self.build.clone().node(node);
        let mut whole = self.build.clone();
        for name in &outputs {
            whole = whole.output(name);
        }
        match Model::from_bytes_with(whole.bytes(), &self.options) {
            Ok(model) => {
                let values = model.outputs().iter().map(Value::from);
                self.values.extend(values);
                true
            }
            Err(_) if stays => true,
            Err(_) => {
                (self.build, self.constants) = before;
                false
            }
        }
    }

    /// Any value that is there, the last ones more often.
    fn value(&self, choices: &mut Choices<'_>) -> Value {
        let back = choices.below(8).saturating_sub(4);
        let at = (self.values.len() - 1).saturating_sub(back);
        self.values[at].clone()
    }

    fn node(&mut self, choices: &mut Choices<'_>, operator: &Operator, at: usize) -> NodeProto {
        let first = self.value(choices);
        let rank = first.dims.len();
        let mut inputs = vec![first.name.clone()];
        for &want in operator.more {
            inputs.push(self.wanted(choices, want, &first));
        }
        let count = match choices.one_in(4) {
            true => 1,
            false => operator.outputs,
        };
        let outputs: Vec<String> = (0..count).map(|index| format!("v{at}_{index}")).collect();
        let texts = |names: &[String]| {
            names
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join("\n")
        };
        let (inputs, outputs) = (texts(&inputs), texts(&outputs));
        let mut made = node(
            operator.name,
            &inputs.split('\n').collect::<Vec<_>>(),
            &outputs.split('\n').collect::<Vec<_>>(),
        );
        for &attribute in operator.always {
            made = made.with(filled(choices, attribute, rank));
        }
        for &attribute in operator.perhaps {
            if choices.flag() {
                made = made.with(filled(choices, attribute, rank));
            }
        }
        made
    }

    /// The name of an input: that of a value, or of a new constant.
    fn wanted(&mut self, choices: &mut Choices<'_>, want: Want, first: &Value) -> String {
        let dims = &first.dims;
        let rank = dims.len();
        let channels = dims.get(1).copied().unwrap_or(1);
        let dtype = first.dtype;
        let ints = |choices: &mut Choices<'_>, dims: &[usize], least, most| {
            let len = dims.iter().product();
            let values = (0..len).map(|_| match choices.one_in(64) {
                true => choices.odd_number(),
                false => choices.range(least, most),
            });
            Tensor::new(dims, values.collect()).expect("they fill it")
        };
        let tensor = match want {
            Want::Value => return self.value(choices).name,
            Want::Omitted => return String::new(),
            Want::Channels => numbers(dtype, &[channels], choices, 0, 4),
            Want::Like => {
                let dims: Vec<usize> = dims
                    .iter()
                    .map(|&size| if choices.one_in(3) { 1 } else { size })
                    .collect();
                numbers(dtype, &dims, choices, -4, 4)
            }
            Want::Weights => {
                let made = [1 + choices.below(4), channels];
                let kernel = (2..rank.max(3)).map(|_| choices.one_of(&[3, 3, 1, 2]));
                let dims: Vec<usize> = made.into_iter().chain(kernel).collect();
                numbers(dtype, &dims, choices, -3, 3)
            }
            Want::Matrix => {
                let last = dims.last().copied().unwrap_or(1);
                numbers(dtype, &[last, 1 + choices.below(4)], choices, -3, 3)
            }
            Want::Sizes => ints(choices, &[rank], 0, 6),
            Want::Pads => ints(choices, &[2 * rank], -1, 3),
            Want::Numbers => {
                let len = 1 + choices.below(3);
                ints(choices, &[len], -3, 4)
            }
            Want::Indices => {
                let dims = [1 + choices.below(3), 1 + choices.below(3)];
                let rank = 1 + choices.below(2);
                ints(choices, &dims[..rank], 0, 3)
            }
            Want::Places => ints(choices, dims, 0, 5),
            Want::Number => {
                let rank = choices.below(2);
                ints(choices, &[1][..rank], 0, 5)
            }
            Want::Scalar => numbers(dtype, &[], choices, 0, 4),
            Want::Scales => numbers(DType::F32, &[rank], choices, 1, 3),
            Want::Regions(columns) => {
                let regions = 1 + choices.below(3);
                numbers(dtype, &[regions, columns], choices, 0, 5)
            }
        };
        let name = format!("c{}", self.constants);
        self.constants += 1;
        self.build = self.build.clone().initializer(&name, &tensor);
        name
    }

    /// An If on one of its own graphs, each a node.
    fn branches(&mut self, choices: &mut Choices<'_>, at: usize) -> NodeProto {
        let condition = Tensor::new(&[], vec![choices.flag()]).expect("one element");
        let name = format!("c{}", self.constants);
        self.constants += 1;
        self.build = self.build.clone().initializer(&name, &condition);
        let mut branch = |which: &str| {
            let value = self.value(choices).name;
            let operator = choices.one_of(&["Identity", "Relu", "Neg", "GlobalMaxPool"]);
            let output = format!("v{at}_{which}");
            let build = Build::new(self.opset)
                .node(node(operator, &[&value], &[&output]))
                .output(&output);
            build.0.graph.expect("it has a graph")
        };
        let [yes, no] = ["then", "else"].map(&mut branch);
        node("If", &[&name], &[&format!("v{at}_0")])
            .with(body("then_branch", yes))
            .with(body("else_branch", no))
    }

    /// A Loop of some rounds that adds to a value, and stacks what it has.
    fn rounds(&mut self, choices: &mut Choices<'_>, at: usize) -> NodeProto {
        let first = self.value(choices);
        let rounds = match choices.one_in(16) {
            true => choices.odd_number(),
            false => choices.range(0, 5),
        };
        let rounds = Tensor::new(&[], vec![rounds]).expect("one element");
        let name = format!("c{}", self.constants);
        self.constants += 1;
        self.build = self.build.clone().initializer(&name, &rounds);
        let (held, next) = (format!("h{at}"), format!("n{at}"));
        let (goes, on) = (format!("g{at}"), format!("o{at}"));
        let operator = choices.one_of(&["Identity", "Relu", "Neg"]);
        let mut inside = Build::new(self.opset)
            .input(&format!("i{at}"), DType::I64, "")
            .input(&goes, DType::Bool, "");
        inside
            .graph()
            .input
            .push(model::value_info(&held, first.dtype, None));
        let inside = inside
            .node(node("Identity", &[&goes], &[&on]))
            .node(node(operator, &[&held], &[&next]))
            .output(&on)
            .output(&next)
            .output(&next);
        // A value is written once, and so a second output has a name of its own.
        let mut graph = inside.0.graph.expect("it has a graph");
        let stacked = format!("s{at}");
        graph.node.push(node("Identity", &[&next], &[&stacked]));
        graph.output[2].name = stacked;
        let outputs = [format!("v{at}_0"), format!("v{at}_1")];
        node(
            "Loop",
            &[&name, "", &first.name],
            &[&outputs[0], &outputs[1]],
        )
        .with(body("body", graph))
    }
}

/// For loading a model only to see what it computes.
fn quick() -> Options {
    let mut options = options();
    options.optimize = false;
    options
}
