//! How the largest scores are shown.

use linn::text::Plain;
use linn::{Scalar, Tensor};
use serde_json::{Value, json};

use crate::cli::cells::cells;
use crate::cli::columns::padded;
use crate::cli::{summary, tensor_json};

/// The largest scores of an output, row by row.
pub(in crate::cli) struct Ranking {
    pub(super) rows: Vec<Vec<Ranked>>,
    pub(super) is_softmax: bool,
}

/// A class and its score.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ranked {
    pub(super) class: usize,
    pub(super) label: Option<String>,
    pub(super) score: f64,
}

impl Ranking {
    /// A line with the name of the output, then one a class, with bars as long as the scores.
    fn lines(&self, name: &str, tensor: &Tensor, ascii: bool) -> String {
        let mut text = String::new();
        let softmax = match self.is_softmax {
            true => "  softmax",
            false => "",
        };
        for (index, row) in self.rows.iter().enumerate() {
            let place = match self.rows.len() {
                1 => String::new(),
                _ => format!("  row {index}"),
            };
            text += &format!("{}  {tensor}{place}{softmax}\n", Plain(name));
            text += &lines(row, ascii);
        }
        text
    }

    fn json(&self) -> Value {
        let ranked = |ranked: &Ranked| {
            let mut value = json!({
                "class": ranked.class,
                "score": tensor_json::value(Scalar::F64(ranked.score)),
            });
            if let Some(label) = &ranked.label {
                value["label"] = json!(label);
            }
            value
        };
        let row = |row: &Vec<Ranked>| row.iter().map(ranked).collect::<Vec<_>>();
        json!(self.rows.iter().map(row).collect::<Vec<_>>())
    }
}

fn lines(row: &[Ranked], ascii: bool) -> String {
    const LONGEST: f64 = 16.0;
    let label = |ranked: &Ranked| {
        let label = ranked.label.as_deref();
        label.map_or(String::new(), |label| Plain(label).to_string())
    };
    let score = |ranked: &Ranked| match ranked.score {
        score if score != 0.0 && (score.abs() < 5e-5 || score.abs() >= 1e6) => {
            format!("{score:.3e}")
        }
        score => format!("{score:.4}"),
    };
    let width = |cell: &dyn Fn(&Ranked) -> String| {
        let widths = row.iter().map(|ranked| cells(&cell(ranked)));
        widths.max().unwrap_or(0)
    };
    let class = |ranked: &Ranked| ranked.class.to_string();
    let (classes, labels, scores) = (width(&class), width(&label), width(&score));
    let bar = if ascii { "#" } else { "█" };
    let most = row.first().map_or(0.0, |ranked| ranked.score);
    let mut text = String::new();
    for ranked in row {
        let mut line = format!("  {:>classes$}", class(ranked));
        if labels > 0 {
            line += &format!("  {}", padded(&label(ranked), labels));
        }
        line += &format!("  {:>scores$}", score(ranked));
        let share = ranked.score / most;
        if most > 0.0 && most.is_finite() && share > 0.0 {
            line += &format!("  {}", bar.repeat((share * LONGEST).round() as usize));
        }
        text += line.trim_end();
        text += "\n";
    }
    text
}

/// What is shown of the outputs: their rankings, with bars of ASCII if nothing else can be shown, or statistics where they
/// have none.
pub(in crate::cli) fn text(
    outputs: &[(&str, &Tensor)],
    rankings: &[Option<Ranking>],
    ascii: bool,
) -> String {
    let mut text = String::new();
    for ((name, tensor), ranking) in outputs.iter().zip(rankings) {
        text += &match ranking {
            Some(ranking) => ranking.lines(name, tensor, ascii),
            None => summary::lines([(*name, *tensor)]),
        };
    }
    text
}

/// Adds a ranking to the document of its output.
pub(in crate::cli) fn add_json(document: &mut Value, ranking: &Ranking) {
    document["top"] = ranking.json();
    document["softmax"] = json!(ranking.is_softmax);
}
