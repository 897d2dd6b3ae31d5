//! `--rtol` and `--atol`: how far outputs may be from what is wanted.

use linn::text::{Quoted, listed};

use super::Failure;
use super::difference::Tolerance;
use super::test::parse_tolerance;

/// Tolerances of outputs.
#[derive(clap::Args)]
pub(super) struct Tolerances {
    /// Relative tolerance, of all outputs or of one [default: 1e-3, or 0 if models only pass elements on]
    #[arg(long, value_name = "[NAME=]X", value_parser = parse_named, allow_negative_numbers = true)]
    rtol: Vec<Named>,

    /// Absolute tolerance, of all outputs or of one [default: 1e-7, or 0 if models only pass elements on]
    #[arg(long, value_name = "[NAME=]X", value_parser = parse_named, allow_negative_numbers = true)]
    atol: Vec<Named>,
}

/// A value for all outputs, or for the one with the name.
#[derive(Clone, Debug)]
struct Named {
    name: Option<String>,
    value: f64,
}

fn parse_named(text: &str) -> Result<Named, String> {
    let (name, value) = match text.rsplit_once('=') {
        Some((name, value)) => (Some(name.to_string()), value),
        None => (None, text),
    };
    parse_tolerance(value).map(|value| Named { name, value })
}

/// The value for an output: the last one for its name, else the last one for all.
fn of_output(values: &[Named], output: &str) -> Option<f64> {
    let last = |name: Option<&str>| {
        let mut values = values.iter().rev();
        values.find(|value| value.name.as_deref() == name)
    };
    last(Some(output)).or(last(None)).map(|value| value.value)
}

impl Tolerances {
    /// The tolerance for an output; by default none where everything is exact, else that of ONNX.
    pub(super) fn of(&self, output: &str, is_exact: bool) -> Tolerance {
        let default = match is_exact {
            true => Tolerance::NONE,
            false => Tolerance::ONNX,
        };
        Tolerance {
            rtol: of_output(&self.rtol, output).unwrap_or(default.rtol),
            atol: of_output(&self.atol, output).unwrap_or(default.atol),
        }
    }

    /// Whether any is given.
    pub(super) fn are_given(&self) -> bool {
        !self.rtol.is_empty() || !self.atol.is_empty()
    }

    /// Refuses a tolerance for an output that is not compared.
    pub(super) fn check_names(&self, compared: &[&str]) -> Result<(), Failure> {
        let names = self.rtol.iter().chain(&self.atol);
        for name in names.filter_map(|value| value.name.as_deref()) {
            if !compared.contains(&name) {
                return Err(Failure::Usage(format!(
                    "there is no output {} to compare; there are {}",
                    Quoted(name),
                    listed(compared.iter().copied())
                )));
            }
        }
        Ok(())
    }
}
