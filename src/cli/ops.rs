//! `linn ops`: the operators that linn runs.

use clap::ValueEnum;
use linn::OperatorInfo;
use serde_json::json;

use super::{Failure, Verdict, print};

/// List the operators that linn runs, their versions and element types
#[derive(clap::Args)]
pub(super) struct Args {
    #[arg(long, value_enum, default_value_t = Format::Md)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A table in Markdown
    Md,
    /// A document `linn.ops/1`
    Json,
    /// A line an operator, the columns between tabs
    Text,
}

impl Args {
    pub(super) fn run(self) -> Result<Verdict, Failure> {
        let operators: Vec<OperatorInfo> = linn::operators().collect();
        print(match self.format {
            Format::Md => markdown(&operators),
            Format::Json => document(&operators),
            Format::Text => lines(&operators),
        })?;
        Ok(Verdict::Passed)
    }
}

fn markdown(operators: &[OperatorInfo]) -> String {
    let row = |operator: &OperatorInfo| format!("| {} |\n", columns(operator).join(" | "));
    let rows: String = operators.iter().map(row).collect();
    format!("| operator | versions | types |\n|---|---|---|\n{rows}")
}

fn lines(operators: &[OperatorInfo]) -> String {
    let line = |operator: &OperatorInfo| columns(operator).join("\t") + "\n";
    operators.iter().map(line).collect()
}

/// Name (with the domain in front unless that is `ai.onnx`), versions, types.
fn columns(operator: &OperatorInfo) -> [String; 3] {
    let name = match operator.domain {
        "ai.onnx" => operator.name.to_string(),
        domain => format!("{domain}.{}", operator.name),
    };
    let versions: Vec<String> = operator.versions.iter().map(i64::to_string).collect();
    [name, versions.join(" "), types(operator).join(" ")]
}

fn types(operator: &OperatorInfo) -> Vec<&'static str> {
    operator.types.iter().map(|dtype| dtype.name()).collect()
}

fn document(operators: &[OperatorInfo]) -> String {
    let entry = |operator: &OperatorInfo| {
        json!({
            "domain": operator.domain,
            "name": operator.name,
            "versions": operator.versions,
            "types": types(operator),
        })
    };
    let document = json!({
        "schema": "linn.ops/1",
        "operators": operators.iter().map(entry).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}
