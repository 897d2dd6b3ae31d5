//! `--expect`: whether outputs are those that are stored.

use linn::text::Plain;
use linn::{Model, Outputs};
use serde_json::{Value, json};

use super::Failure;
use super::difference::difference;
use super::inputs::Inputs;
use super::source::Loader;
use super::subject::Subject;
use super::tolerances::Tolerances;

/// What outputs are compared with.
#[derive(clap::Args)]
pub(super) struct Expect {
    /// Compare outputs with stored ones, exit code 1 if they differ: with those of the test data that the inputs are of,
    /// or with a SOURCE; may be repeated
    #[arg(
        long,
        value_name = "[NAME=]SOURCE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ""
    )]
    expect: Vec<String>,

    #[command(flatten)]
    tolerances: Tolerances,
}

impl Expect {
    /// The outputs that are expected, by their names.
    pub(super) fn load(
        &self,
        subject: &Subject,
        model: &Model,
        loader: &mut Loader,
    ) -> Result<Inputs, Failure> {
        if self.expect.is_empty() && self.tolerances.are_given() {
            let reason = "--rtol and --atol are for --expect";
            return Err(Failure::Usage(reason.to_string()));
        }
        let expected = subject.expected(&self.expect, model.outputs(), loader)?;
        let names: Vec<&str> = expected.iter().map(|(name, _)| name.as_str()).collect();
        self.tolerances.check_names(&names)?;
        Ok(expected)
    }

    /// What the outputs of a run are beside those that are expected.
    pub(super) fn findings(
        &self,
        expected: &Inputs,
        outputs: &Outputs,
        is_exact: bool,
    ) -> Vec<Finding> {
        let finding = |(name, want): &(String, _)| {
            let tolerance = self.tolerances.of(name, is_exact);
            let detail = match outputs.get(name) {
                Some(got) => difference(got, want, tolerance),
                None => Some("the run has not given it".to_string()),
            };
            Finding {
                name: name.clone(),
                rtol: tolerance.rtol,
                atol: tolerance.atol,
                detail,
            }
        };
        expected.iter().map(finding).collect()
    }
}

/// Whether an output is what was expected.
pub(super) struct Finding {
    name: String,
    rtol: f64,
    atol: f64,
    /// How it differs, if it does.
    detail: Option<String>,
}

impl Finding {
    pub(super) fn agrees(&self) -> bool {
        self.detail.is_none()
    }

    /// A line for people.
    pub(super) fn line(&self) -> String {
        let name = Plain(&self.name);
        match &self.detail {
            Some(detail) => format!("{name}  differs: {detail}\n"),
            None => {
                let (rtol, atol) = (shown(self.rtol), shown(self.atol));
                format!("{name}  as expected, rtol {rtol}, atol {atol}\n")
            }
        }
    }

    /// For the document linn.run/1.
    pub(super) fn json(&self) -> Value {
        json!({
            "name": self.name,
            "agrees": self.agrees(),
            "detail": self.detail,
            "rtol": self.rtol,
            "atol": self.atol,
        })
    }
}

/// `1e-3`
fn shown(tolerance: f64) -> String {
    match tolerance {
        0.0 => "0".to_string(),
        tolerance => format!("{tolerance:e}"),
    }
}
