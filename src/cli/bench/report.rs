//! What a benchmark prints: a table, or a document linn.bench/1.

use std::time::Duration;

use linn::Simd;
use linn::text::Plain;
use serde_json::{Value, json};

use super::machine;
use super::sampling::Times;
use crate::cli::columns;
use crate::cli::inputs::Inputs;
use crate::cli::profile::{By, Profiled};

/// The times on one number of threads.
pub(super) struct Row {
    pub(super) threads: usize,
    pub(super) times: Times,
    /// Where the time goes, if that was asked for.
    pub(super) profile: Option<(Profiled, By)>,
}

/// All that a benchmark found.
pub(super) struct Report<'a> {
    pub(super) model: String,
    pub(super) inputs: &'a Inputs,
    /// The instruction set; not `Auto`.
    pub(super) simd: Simd,
    pub(super) fresh: bool,
    pub(super) load_time: Duration,
    pub(super) peak_bytes: usize,
    pub(super) rows: Vec<Row>,
}

impl Row {
    pub(super) fn threads_text(&self) -> String {
        match self.threads {
            1 => "1 thread".to_string(),
            many => format!("{many} threads"),
        }
    }

    /// Seconds: the least, and the percentiles 50, 90 and 99.
    fn seconds(&self) -> [f64; 4] {
        let times = &self.times;
        [
            times.least(),
            times.percentile(50),
            times.percentile(90),
            times.percentile(99),
        ]
    }
}

impl Report<'_> {
    /// A line about the model, one about the machine, and a table in the unit that suits its least time.
    pub(super) fn text(&self) -> String {
        let load = Unit::of(self.load_time.as_secs_f64());
        let mut text = format!(
            "{}  loaded in {} {}, tensors take {}\n",
            Plain(&self.model),
            load.show(self.load_time.as_secs_f64()),
            load.name,
            size(self.peak_bytes as u64),
        );
        let cpu = machine::cpu().map_or(String::new(), |cpu| format!(" on {}", Plain(&cpu)));
        let resident = machine::peak_resident_bytes().map_or(String::new(), |bytes| {
            format!(", the process {}", size(bytes))
        });
        text.insert_str(text.len() - 1, &resident);
        text += &format!("{}{cpu}\n", self.simd);

        let least = self.rows.iter().map(|row| row.times.least());
        let unit = Unit::of(least.fold(f64::INFINITY, f64::min));
        let heads = ["min", "p50", "p90", "p99"].map(|head| format!("{head} {}", unit.name));
        let mut lines =
            vec![[&["threads".to_string()], &heads[..], &["runs".to_string()]].concat()];
        for row in &self.rows {
            let cells = row.seconds().map(|seconds| unit.show(seconds));
            let ends = [row.threads, row.times.runs].map(|number| number.to_string());
            lines.push([&ends[..1], &cells[..], &ends[1..]].concat());
        }
        text += &aligned(&lines);
        for row in &self.rows {
            if let Some((profiled, by)) = &row.profile {
                let profile = profiled.text(*by, columns::width());
                text += &format!("\n{}, {profile}", row.threads_text());
            }
        }
        text
    }

    /// The document, on one line.
    pub(super) fn json(&self) -> String {
        let input = |(name, tensor): &(String, linn::Tensor)| {
            json!({
                "name": name,
                "dtype": tensor.dtype().name(),
                "shape": tensor.shape().to_vec(),
            })
        };
        let row = |row: &Row| {
            let [min, p50, p90, p99] = row.seconds();
            let mut document = json!({
                "threads": row.threads,
                "min_s": min,
                "p50_s": p50,
                "p90_s": p90,
                "p99_s": p99,
                "runs": row.times.runs,
            });
            if let Some((profiled, by)) = &row.profile {
                document["profile"] = profiled.json(*by);
            }
            document
        };
        let document = json!({
            "schema": "linn.bench/1",
            "linn": env!("CARGO_PKG_VERSION"),
            "tool": concat!("linn ", env!("CARGO_PKG_VERSION")),
            "model": self.model,
            "inputs": self.inputs.iter().map(input).collect::<Vec<Value>>(),
            "simd": self.simd.name(),
            "cpu": machine::cpu(),
            "fresh": self.fresh,
            "load_s": self.load_time.as_secs_f64(),
            "peak_bytes": self.peak_bytes,
            "rss_bytes": machine::peak_resident_bytes(),
            "rows": self.rows.iter().map(row).collect::<Vec<Value>>(),
        });
        format!("{document}\n")
    }
}

/// A unit of time.
pub(in crate::cli) struct Unit {
    pub(in crate::cli) name: &'static str,
    seconds: f64,
    /// Digits after the point.
    digits: usize,
}

impl Unit {
    /// The unit that shows at least three digits of `least`, and of all that is longer.
    pub(in crate::cli) fn of(least: f64) -> Unit {
        let (name, seconds) = match least {
            _ if least < 1e-3 => ("us", 1e-6),
            _ if least < 1.0 => ("ms", 1e-3),
            _ => ("s", 1.0),
        };
        let digits = match least / seconds {
            number if number < 10.0 => 3,
            number if number < 100.0 => 2,
            _ => 1,
        };
        Unit {
            name,
            seconds,
            digits,
        }
    }

    pub(in crate::cli) fn show(&self, seconds: f64) -> String {
        format!("{:.*}", self.digits, seconds / self.seconds)
    }
}

/// `512 B`, `3.1 MiB`
pub(in crate::cli) fn size(bytes: u64) -> String {
    let units = [("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} B"),
    }
}

/// Lines of cells, each column as wide as its widest cell, and numbers at its right.
fn aligned(lines: &[Vec<String>]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().enumerate();
        let cells: Vec<String> = cells
            .map(|(column, cell)| format!("{cell:>width$}", width = width(column).unwrap_or(0)))
            .collect();
        text += &cells.join("  ");
        text += "\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_suit_the_least_time() {
        let shown = |least: f64, seconds: f64| {
            let unit = Unit::of(least);
            format!("{} {}", unit.show(seconds), unit.name)
        };
        assert_eq!(shown(1.2341e-6, 1.2341e-6), "1.234 us");
        assert_eq!(shown(57.3e-6, 170e-6), "170.00 us");
        assert_eq!(shown(0.4e-3, 1.5e-3), "1500.0 us");
        assert_eq!(shown(9.8e-3, 9.8e-3), "9.800 ms");
        assert_eq!(shown(12.0, 13.0), "13.00 s");
        assert_eq!(
            (size(512), size(3 << 19)),
            ("512 B".into(), "1.5 MiB".into())
        );
    }

    #[test]
    fn columns_are_aligned_at_their_right() {
        let lines =
            [["threads", "runs"], ["1", "12345"]].map(|line| line.map(String::from).to_vec());
        assert_eq!(aligned(&lines), "threads   runs\n      1  12345\n");
    }
}
