//! `linn inspect`: what a model is: inputs, outputs, nodes, and how much work they are.

use linn::text::Plain;
use linn::{Dim, Form, ModelInfo, NodeInfo, Totals, ValueInfo};
use serde_json::{Value, json};

use super::attributes::attributes;
use super::columns::{self, Column, short, table, wrapped};
use super::engine::Loading;
use super::model_file::ModelFile;
use super::run::Format;
use super::shapes::Dims;
use super::source::Loader;
use super::words::counted;
use super::{Failure, Verdict, print};

/// Show what a model is: inputs, outputs, nodes, and how much work they are
///
/// Types and shapes are those known before a run, ? standing for a dimension that is not. The work of a node
/// is - where a shape that it depends on is not known; --dim settles dimensions that have names. Inputs with a
/// default are taken for constants. Functions of the model are shown as the nodes in them; the nodes of the
/// graphs in a node follow it.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelFile,

    #[command(flatten)]
    dims: Dims,

    /// Show the attributes of the nodes too
    #[arg(long)]
    attrs: bool,

    /// Show the nodes that run, after rewriting, and not those of the file
    #[arg(long)]
    optimized: bool,

    /// What is printed: text, or a document linn.inspect/1
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    #[command(flatten)]
    loading: Loading,
}

impl Args {
    pub(super) fn run(self) -> Result<Verdict, Failure> {
        let mut options = self.loading.options();
        options.dims = self.dims.dim;
        options.fix_defaults = true;
        let mut loader = Loader::new(0, options.memory_limit);
        let model = self.model.load(&options, &mut loader)?.model;
        let form = match self.optimized {
            true => Form::Running,
            false => Form::Written,
        };
        let nodes: Vec<NodeInfo> = model.nodes_of(form).collect();
        let shown = Shown {
            name: self.model.text(),
            info: model.info(),
            inputs: model.inputs(),
            outputs: model.outputs(),
            nodes: &nodes,
            with_attributes: self.attrs,
            totals: model.totals_of(form),
        };
        print(match self.format {
            Format::Text => shown.text(columns::width()),
            Format::Json => format!("{}\n", shown.document()),
        })?;
        Ok(Verdict::Passed)
    }
}

/// The longest line of sentences.
const TEXT_WIDTH: usize = 100;

/// What is shown of a model.
struct Shown<'a> {
    name: String,
    info: &'a ModelInfo,
    inputs: &'a [ValueInfo],
    outputs: &'a [ValueInfo],
    nodes: &'a [NodeInfo],
    /// Whether the text has the attributes of nodes; the document always has.
    with_attributes: bool,
    totals: Totals,
}

impl Shown<'_> {
    fn text(&self, width: Option<usize>) -> String {
        let mut text = format!("{}\n{}\n", Plain(&self.name), self.origin());
        text += &self.about(width.unwrap_or(TEXT_WIDTH).min(TEXT_WIDTH));
        text += "\n";
        text += &self.values(width);
        text += "\n";
        text += &self.table(width);
        text += "\n";
        text += &self.sums();
        let rule = format!("counted: {}", NodeInfo::RULE);
        text + &wrapped(&rule, width.unwrap_or(TEXT_WIDTH).min(TEXT_WIDTH))
    }

    /// What the model says of itself.
    fn about(&self, width: usize) -> String {
        let mut text = String::new();
        if !self.info.doc_string.is_empty() {
            text += &wrapped(&Plain(&self.info.doc_string).to_string(), width);
        }
        for (key, value) in &self.info.metadata {
            text += &format!("{}: {}\n", Plain(key), Plain(value));
        }
        text
    }

    /// `ir_version 8, ai.onnx 17, written by pytorch 2.4.0`
    fn origin(&self) -> String {
        let mut parts = vec![format!("ir_version {}", self.info.ir_version)];
        let opsets = self.info.opsets.iter();
        parts.extend(opsets.map(|(domain, version)| format!("{} {version}", Plain(domain))));
        let (name, version) = (&self.info.producer_name, &self.info.producer_version);
        if !name.is_empty() || !version.is_empty() {
            let producer = format!("written by {} {}", Plain(name), Plain(version));
            parts.push(producer.trim_end().to_string());
        }
        parts.join(", ")
    }

    fn values(&self, width: Option<usize>) -> String {
        let row = |kind: &str, info: &ValueInfo| {
            let name = Plain(&info.name).to_string();
            vec![kind.to_string(), name, info.to_string()]
        };
        let inputs = self.inputs.iter().map(|info| row("input", info));
        let outputs = self.outputs.iter().map(|info| row("output", info));
        let rows: Vec<Vec<String>> = inputs.chain(outputs).collect();
        let mut text = table(&[Column::Left, Column::Name, Column::Left], &rows, width);
        let fixed = self.info.fixed_inputs.len();
        if fixed > 0 {
            text += &format!("inputs with a default, taken for constants: {fixed}\n");
        }
        text
    }

    fn table(&self, width: Option<usize>) -> String {
        let mut columns = vec![
            Column::Right,
            Column::Left,
            Column::Name,
            Column::Left,
            Column::Right,
            Column::Right,
            Column::Right,
        ];
        let head = vec![
            "",
            "operator",
            "name",
            "output",
            "parameters",
            "MACs",
            "bytes",
        ];
        let mut rows: Vec<Vec<String>> = vec![head.into_iter().map(str::to_string).collect()];
        for (index, node) in self.nodes.iter().enumerate() {
            let outputs = node.outputs.iter().flatten();
            let outputs: Vec<String> = outputs.map(ToString::to_string).collect();
            let work = |count: Option<u64>| count.map_or("-".to_string(), short);
            rows.push(vec![
                index.to_string(),
                operators(node),
                node_text(node),
                outputs.join(" "),
                match node.parameters {
                    0 => String::new(),
                    parameters => short(parameters),
                },
                match node.macs {
                    Some(0) => String::new(),
                    macs => work(macs),
                },
                work(node.bytes),
            ]);
        }
        if self.with_attributes {
            columns.push(Column::Left);
            rows[0].push("attributes".to_string());
            for (row, node) in rows[1..].iter_mut().zip(self.nodes) {
                let texts = node.attributes.iter();
                let texts: Vec<String> = texts
                    .map(|attribute| format!("{} {}", Plain(&attribute.name), attribute.value))
                    .collect();
                row.push(texts.join(", "));
            }
        }
        table(&columns, &rows, width)
    }

    fn sums(&self) -> String {
        let totals = &self.totals;
        let mut text = format!(
            "{}, {} parameters of {} bytes, {} MACs, {} bytes read and written\n",
            counted(totals.nodes, "node"),
            short(totals.parameters),
            short(totals.parameter_bytes),
            short(totals.macs),
            short(totals.bytes),
        );
        if totals.uncounted + totals.unmeasured > 0 {
            text += &format!(
                "without the MACs of {} and the bytes of {}, which depend on what is not known\n",
                counted(totals.uncounted, "node"),
                totals.unmeasured
            );
        }
        text
    }

    fn document(&self) -> Value {
        let opset =
            |(domain, version): &(String, i64)| json!({"domain": domain, "version": version});
        let entry = |(key, value): &(String, String)| json!({"key": key, "value": value});
        json!({
            "schema": "linn.inspect/1",
            "linn": env!("CARGO_PKG_VERSION"),
            "model": self.name,
            "ir_version": self.info.ir_version,
            "producer": {
                "name": self.info.producer_name,
                "version": self.info.producer_version,
            },
            "doc_string": self.info.doc_string,
            "metadata": self.info.metadata.iter().map(entry).collect::<Vec<_>>(),
            "opsets": self.info.opsets.iter().map(opset).collect::<Vec<_>>(),
            "inputs": self.inputs.iter().map(value_json).collect::<Vec<_>>(),
            "fixed_inputs": self.info.fixed_inputs,
            "outputs": self.outputs.iter().map(value_json).collect::<Vec<_>>(),
            "nodes": self.nodes.iter().map(node_json).collect::<Vec<_>>(),
            "totals": {
                "nodes": self.totals.nodes,
                "parameters": self.totals.parameters,
                "parameter_bytes": self.totals.parameter_bytes,
                "macs": self.totals.macs,
                "nodes_without_macs": self.totals.uncounted,
                "bytes": self.totals.bytes,
                "nodes_without_bytes": self.totals.unmeasured,
            },
            "rule": NodeInfo::RULE,
        })
    }
}

/// `Conv + Relu`: the operator, and those whose work it does too.
fn operators(node: &NodeInfo) -> String {
    let names = [&node.name].into_iter().chain(&node.absorbed);
    let names: Vec<String> = names
        .map(|name| Plain(&name.operator).to_string())
        .collect();
    names.join(" + ")
}

/// The name of a node, or where it has none, of what it writes; behind the functions that hold it.
pub(super) fn node_text(node: &NodeInfo) -> String {
    let name = match node.name.name.as_str() {
        "" => &node.name.output,
        name => name,
    };
    let calls = node.name.calls.iter().map(|call| Plain(call).to_string());
    let parts: Vec<String> = calls.chain([Plain(name).to_string()]).collect();
    parts.join(" / ")
}

/// `{"name":..,"dtype":..,"shape":[1,"N",null]}`, the shape `null` where the rank is unknown.
pub(super) fn value_json(info: &ValueInfo) -> Value {
    let size = |dim: &Dim| match dim {
        Dim::Known(size) => json!(size),
        Dim::Symbol(name) => json!(name),
        Dim::Unknown => Value::Null,
    };
    let shape = info
        .dims
        .as_ref()
        .map(|dims| dims.iter().map(size).collect::<Vec<_>>());
    json!({
        "name": info.name,
        "dtype": info.dtype.name(),
        "shape": shape,
    })
}

pub(super) fn node_json(node: &NodeInfo) -> Value {
    let values = |infos: &[Option<ValueInfo>]| -> Vec<Value> {
        infos
            .iter()
            .map(|info| info.as_ref().map_or(Value::Null, value_json))
            .collect()
    };
    json!({
        "index": node.name.index,
        "name": node.name.name,
        "operator": node.name.operator,
        "opset": node.name.opset,
        "calls": node.name.calls.to_vec(),
        "attributes": attributes(node),
        "absorbed": node.absorbed.iter().map(|name| &name.operator).collect::<Vec<_>>(),
        "inputs": values(&node.inputs),
        "outputs": values(&node.outputs),
        "parameters": node.parameters,
        "macs": node.macs,
        "bytes": node.bytes,
    })
}
