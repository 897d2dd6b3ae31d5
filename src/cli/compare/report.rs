//! What a comparison found, for people and as JSON.

use linn::text::{Plain, Quoted};
use linn::{Scalar, Tensor};
use serde_json::{Value, json};

use super::first::First;
use super::side::{Pair, Pairs};
use crate::cli::columns::{self, Column};
use crate::cli::difference::{Difference, Tolerance, index, position, rounded, shown};
use crate::cli::node_name::node_json;
use crate::cli::tensor_json;

/// How all outputs differ.
pub(super) struct Report<'p> {
    pairs: &'p Pairs,
    /// Of each pair; `None` where types or shapes differ.
    differences: Vec<Option<Difference>>,
    /// Where models go apart, if that was asked for, and how many values were looked at.
    pub(super) first: Option<(Option<First>, usize)>,
}

impl<'p> Report<'p> {
    pub(super) fn new(pairs: &'p Pairs, tolerance: impl Fn(&str) -> Tolerance) -> Report<'p> {
        let both = pairs.both.iter();
        Report {
            pairs,
            differences: both
                .map(|pair| Difference::new(&pair.a, &pair.b, tolerance(&pair.name)))
                .collect(),
            first: None,
        }
    }

    /// Whether there is something to compare, and all of it is within the tolerances.
    pub(super) fn agrees(&self) -> bool {
        let is_within = |found: &Option<Difference>| found.as_ref().is_some_and(|d| d.beyond == 0);
        !self.differences.is_empty()
            && self.pairs.only_a.is_empty()
            && self.pairs.only_b.is_empty()
            && self.differences.iter().all(is_within)
    }

    pub(super) fn text(&self) -> String {
        let head = [
            "", "", "unequal", "beyond", "absolute", "relative", "ulp", "worst",
        ];
        let mut rows = vec![head.map(str::to_string).to_vec()];
        for (pair, found) in self.pairs.both.iter().zip(&self.differences) {
            let Pair { name, a, b, .. } = pair;
            let mut row = vec![Plain(name).to_string()];
            match found {
                None => row.push(format!("got {a}, want {b}")),
                Some(found) => {
                    row.push(a.to_string());
                    row.extend([found.unequal.to_string(), found.beyond.to_string()]);
                    let largest = found.largest.filter(|_| found.unequal > 0);
                    let number = |x: Option<f64>| x.map_or(String::new(), rounded);
                    row.push(number(largest.map(|largest| largest.absolute)));
                    row.push(number(largest.map(|largest| largest.relative)));
                    let ulps = largest.and_then(|largest| largest.ulps);
                    row.push(number(ulps.map(|ulps| ulps as f64)));
                    row.push(found.worst.map_or(String::new(), |at| worst(a, b, at)));
                }
            }
            rows.push(row);
        }
        let right = Column::Right;
        let columns = [
            Column::Name,
            Column::Left,
            right,
            right,
            right,
            right,
            right,
            Column::Left,
        ];
        let mut text = match rows.len() {
            1 => String::new(),
            _ => columns::table(&columns, &rows, columns::width()),
        };
        for (side, names) in [
            ("first", &self.pairs.only_a),
            ("second", &self.pairs.only_b),
        ] {
            for name in names {
                text += &format!("{}  only in the {side}\n", Plain(name));
            }
        }
        if let Some((first, compared)) = &self.first {
            text += &match first {
                None => format!("of {compared} values that both compute none differs beyond\n"),
                Some(first) => first_text(first),
            };
        }
        text + match self.agrees() {
            true => "all agree\n",
            false if self.differences.is_empty() => "there is nothing to compare\n",
            false => "they differ\n",
        }
    }

    pub(super) fn json(&self, a: &str, b: &str) -> Value {
        let outputs = self.pairs.both.iter().zip(&self.differences);
        let first = self.first.as_ref().and_then(|(first, _)| first.as_ref());
        json!({
            "schema": "linn.compare/1",
            "linn": env!("CARGO_PKG_VERSION"),
            "a": a,
            "b": b,
            "agree": self.agrees(),
            "outputs": outputs.map(|(pair, found)| of_pair(pair, found)).collect::<Vec<_>>(),
            "only_a": self.pairs.only_a,
            "only_b": self.pairs.only_b,
            "first_difference": first.map(first_json),
        })
    }
}

/// `[0, 3]: got 1.5, want 2.0`
fn worst(a: &Tensor, b: &Tensor, at: usize) -> String {
    let (x, y) = (shown(a, at), shown(b, at));
    format!("{}: got {x}, want {y}", position(at, b))
}

fn first_text(first: &First) -> String {
    let value = Quoted(&first.value);
    let by = match &first.node {
        Some(node) => format!("{node}, which writes {value}"),
        None => value.to_string(),
    };
    format!("first difference: {by}: {}\n", first.text)
}

fn first_json(first: &First) -> Value {
    let mut value = first.numbers.clone();
    value["value"] = json!(first.value);
    value["text"] = json!(first.text);
    value["node"] = first.node.as_ref().map_or(Value::Null, node_json);
    value
}

fn of_pair(pair: &Pair, found: &Option<Difference>) -> Value {
    let mut value = output(&pair.name, &pair.a, &pair.b, found);
    if let Some(other) = &pair.other_name {
        value["other_name"] = json!(other);
    }
    value
}

pub(super) fn output(name: &str, a: &Tensor, b: &Tensor, found: &Option<Difference>) -> Value {
    let mut value = json!({
        "name": name,
        "dtype": a.dtype().to_string(),
        "shape": a.shape().to_vec(),
        "agree": found.as_ref().is_some_and(|found| found.beyond == 0),
    });
    let Some(found) = found else {
        value["other_dtype"] = json!(b.dtype().to_string());
        value["other_shape"] = json!(b.shape().to_vec());
        return value;
    };
    value["elements"] = json!(found.elements);
    value["unequal"] = json!(found.unequal);
    value["beyond"] = json!(found.beyond);
    if let Some(largest) = found.largest {
        let number = |x: f64| tensor_json::value(Scalar::F64(x));
        value["absolute"] = number(largest.absolute);
        value["relative"] = number(largest.relative);
        value["ulps"] = json!(largest.ulps);
    }
    if let Some(at) = found.worst {
        let element = |x: &Tensor| x.as_view().scalar(at).map(tensor_json::value);
        value["worst"] = json!({
            "index": index(at, a),
            "a": element(a),
            "b": element(b),
        });
    }
    value
}
