//! `linn ops`: the operators that linn runs, and those that it lacks.

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use linn::text::{Plain, Quoted, did_you_mean, listed};
use linn::{DType, OperatorInfo};
use serde_json::json;

use super::{Failure, Verdict, note, print};

/// List the operators that linn runs, their versions and element types
///
/// The types are those of the first input (of the first output, where there is none) in the newest version.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Which operators of the standard are listed
    #[arg(long, value_enum, default_value_t)]
    status: Status,

    /// Only those of a domain, as ai.onnx
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,

    /// Only those that take all of these element types, as f16,bf16
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = type_parser(), hide_possible_values = true)]
    types: Vec<DType>,

    #[arg(long, value_enum, default_value_t = Format::Md)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  linn ops                                  all, as a table
  linn ops --types u8 --format text         those that take bytes
  linn ops --status missing                 what a model must not need

docs/json.md lists the keys of the document linn.ops/1.";

#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
enum Status {
    /// Those that linn runs
    #[default]
    Supported,
    /// Those that it does not run, with the versions that it lacks
    Missing,
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
        self.check_domain()?;
        let all: Vec<OperatorInfo> = match self.status {
            Status::Supported => linn::operators().collect(),
            Status::Missing => linn::missing_operators().collect(),
        };
        let has_all = |operator: &OperatorInfo| {
            let mut types = self.types.iter();
            types.all(|dtype| operator.types.contains(dtype))
        };
        let in_domain = |operator: &OperatorInfo| {
            let domain = self.domain.as_ref();
            domain.is_none_or(|domain| domain == operator.domain)
        };
        let all = all.into_iter();
        let operators: Vec<_> = all.filter(in_domain).filter(has_all).collect();
        if let Some(domain) = self.domain.as_ref().filter(|_| operators.is_empty())
            && self.status == Status::Missing
            && self.types.is_empty()
        {
            note(format!(
                "the operators of ai.onnx alone are known in full: of {} those that linn runs",
                Plain(domain)
            ));
        }
        print(match self.format {
            Format::Md => markdown(&operators),
            Format::Json => document(&operators, self.status),
            Format::Text => lines(&operators),
        })?;
        Ok(Verdict::Passed)
    }

    /// Refuses a domain that no operator is in.
    fn check_domain(&self) -> Result<(), Failure> {
        let Some(domain) = &self.domain else {
            return Ok(());
        };
        let operators = linn::operators().chain(linn::missing_operators());
        let mut domains: Vec<&str> = operators.map(|operator| operator.domain).collect();
        domains.sort_unstable();
        domains.dedup();
        if domains.contains(&domain.as_str()) {
            return Ok(());
        }
        let known = domains.iter().copied();
        let failure = Failure::Usage(format!(
            "no operator is in the domain {}, the domains are {}",
            Quoted(domain),
            listed(known.clone())
        ));
        Err(match did_you_mean(domain, known) {
            Some(hint) => failure.help(hint),
            None => failure,
        })
    }
}

fn type_parser() -> impl TypedValueParser<Value = DType> {
    PossibleValuesParser::new(DType::ALL.iter().map(|dtype| dtype.name()))
        .try_map(|name| DType::from_name(&name).ok_or("no element type"))
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

fn document(operators: &[OperatorInfo], status: Status) -> String {
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
        "linn": env!("CARGO_PKG_VERSION"),
        "status": match status {
            Status::Supported => "supported",
            Status::Missing => "missing",
        },
        "operators": operators.iter().map(entry).collect::<Vec<_>>(),
    });
    format!("{document}\n")
}
