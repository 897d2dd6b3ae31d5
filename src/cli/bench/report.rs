//! What a benchmark prints: a table, or a document linn.bench/1.

use std::time::Duration;

use linn::text::Plain;
use serde_json::{Value, json};

use super::baseline::{Baseline, Compared};
use super::machine;
use super::noise::Noise;
use super::setup::Setup;
use super::times::{Percent, Times};
use crate::cli::columns;
use crate::cli::profile::{By, Profiled};

/// The times of a number of callers, each on a number of threads.
pub(super) struct Row {
    pub(super) callers: usize,
    pub(super) threads: usize,
    /// `2 threads`
    pub(super) name: String,
    pub(super) times: Times,
    pub(super) noise: Noise,
    /// Where the time goes, if that was asked for.
    pub(super) profile: Option<(Profiled, By)>,
    /// What the baseline says, if there is one.
    pub(super) compared: Option<Compared>,
}

/// All that a benchmark found.
pub(super) struct Report<'a> {
    pub(super) setup: Setup<'a>,
    pub(super) percents: Vec<Percent>,
    /// Whether callers were asked for, which are shown then.
    pub(super) has_callers: bool,
    pub(super) load_time: Duration,
    pub(super) peak_bytes: usize,
    pub(super) baseline: Option<Baseline>,
    /// By which part of its time a row may be slower than in the baseline.
    pub(super) limit: Option<f64>,
    pub(super) rows: Vec<Row>,
}

impl Report<'_> {
    /// Whether a row is surely slower than the limit allows.
    pub(super) fn is_over(&self) -> bool {
        let mut compared = self.rows.iter().filter_map(|row| row.compared.as_ref());
        self.limit
            .is_some_and(|limit| compared.any(|compared| compared.change.is_over(limit)))
    }

    /// A line about the model, one about the machine, and a table in the unit that suits its least time.
    pub(super) fn text(&self) -> String {
        let load = Unit::of(self.load_time.as_secs_f64());
        let mut text = format!(
            "{}  loaded in {} {}, tensors take {}",
            Plain(&self.setup.model),
            load.show(self.load_time.as_secs_f64()),
            load.name,
            size(self.peak_bytes as u64),
        );
        if let Some(bytes) = machine::peak_resident_bytes() {
            text += &format!(", the process {}", size(bytes));
        }
        text += &format!("\n{}", self.setup.simd);
        if let Some(cpu) = &self.setup.cpu {
            text += &format!(" on {}", Plain(cpu));
        }
        text += "\n";
        text += &self.table();
        text += &self.changes();
        for row in &self.rows {
            if let Some((profiled, by)) = &row.profile {
                let profile = profiled.text(*by, columns::width());
                text += &format!("\n{}, {profile}", row.name);
            }
        }
        text
    }

    fn table(&self) -> String {
        let least = self.rows.iter().map(|row| row.times.least());
        let unit = Unit::of(least.fold(f64::INFINITY, f64::min));
        let heads = self.percents.iter().map(Percent::to_string);
        let heads = ["min".to_string()].into_iter().chain(heads);
        let mut head = vec!["threads".to_string()];
        head.extend(heads.map(|head| format!("{head} {}", unit.name)));
        head.push("runs".to_string());
        if self.has_callers {
            head.insert(0, "callers".to_string());
            head.push("runs/s".to_string());
        }
        let mut lines = vec![head];
        for row in &self.rows {
            let times = &row.times;
            let percentiles = self.percents.iter().map(|at| times.percentile(*at));
            let seconds = [times.least()].into_iter().chain(percentiles);
            let mut line = vec![row.threads.to_string()];
            line.extend(seconds.map(|seconds| unit.show(seconds)));
            line.push(times.runs.to_string());
            if self.has_callers {
                line.insert(0, row.callers.to_string());
                line.push(format!("{:.1}", times.rate));
            }
            lines.push(line);
        }
        aligned(&lines)
    }

    /// A line about the baseline, and one a row; nothing without a baseline.
    fn changes(&self) -> String {
        let Some(baseline) = &self.baseline else {
            return String::new();
        };
        let mut text = format!("\nsince {}, of {}\n", baseline.file, baseline.tool);
        let widest = self.rows.iter().map(|row| row.name.len()).max();
        for row in &self.rows {
            if let Some(change) = self.change(row) {
                let width = widest.unwrap_or(0);
                text += &format!("{:width$}  {change}\n", row.name);
            }
        }
        text
    }

    /// `p50 1.90 ms -> 2.21 ms  +16.3 % (95 % CI +14.9..+17.8)`
    pub(super) fn change(&self, row: &Row) -> Option<String> {
        let Compared { before, change } = row.compared?;
        let now = row.times.median();
        let unit = Unit::of(before.min(now));
        let percent = |part: f64| format!("{:+.1}", 100.0 * part);
        let mut text = format!(
            "p50 {} {unit} -> {} {unit}  {} % (95 % CI {}..{})",
            unit.show(before),
            unit.show(now),
            percent(change.estimate),
            percent(change.low),
            percent(change.high),
            unit = unit.name,
        );
        if let Some(limit) = self.limit {
            let over = match change {
                _ if change.is_over(limit) => Some("over"),
                _ if change.high > limit => Some("perhaps over"),
                _ => None,
            };
            if let Some(over) = over {
                text += &format!(", {over} the limit of {} %", percent(limit));
            }
        }
        Some(text)
    }

    /// The document, on one line.
    pub(super) fn json(&self) -> String {
        let mut document = json!({
            "schema": "linn.bench/1",
            "linn": env!("CARGO_PKG_VERSION"),
            "tool": concat!("linn ", env!("CARGO_PKG_VERSION")),
        });
        for (key, value) in self.setup.json() {
            document[key] = value;
        }
        document["load_s"] = json!(self.load_time.as_secs_f64());
        document["peak_bytes"] = json!(self.peak_bytes);
        document["rss_bytes"] = json!(machine::peak_resident_bytes());
        if let Some(baseline) = &self.baseline {
            document["baseline"] = json!({
                "file": baseline.file,
                "tool": baseline.tool,
                "fail_over": self.limit,
            });
        }
        document["rows"] = self.rows.iter().map(|row| self.row_json(row)).collect();
        format!("{document}\n")
    }

    fn row_json(&self, row: &Row) -> Value {
        let times = &row.times;
        let [p50, p90, p99] = Percent::USUAL.map(|percent| times.percentile(percent));
        let percentile = |percent: &Percent| json!({"percent": percent.number(), "time_s": times.percentile(*percent)});
        let mut document = json!({
            "threads": row.threads,
            "concurrent": row.callers,
            "min_s": times.least(),
            "p50_s": p50,
            "p90_s": p90,
            "p99_s": p99,
            "percentiles": self.percents.iter().map(percentile).collect::<Vec<_>>(),
            "runs": times.runs,
            "runs_per_s": times.rate,
            "stretches_s": times.stretches,
            "noise": row.noise.json(),
        });
        if let Some((profiled, by)) = &row.profile {
            document["profile"] = profiled.json(*by);
        }
        if let Some(Compared { before, change }) = &row.compared {
            document["change"] = json!({
                "before_s": before,
                "estimate": change.estimate,
                "low": change.low,
                "high": change.high,
                "over": self.limit.map(|limit| change.is_over(limit)),
            });
        }
        document
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
