//! The times of an earlier benchmark, to compare with: a document linn.bench/1 in a file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use linn::text::{Plain, Quoted};
use serde_json::{Map, Value};

use super::change::{Change, FEWEST, Medians};
use super::setup::Setup;
use super::times::Times;
use crate::cli::{Failure, say};

/// The most bytes of a file that are read: no benchmark writes so many.
const MOST_BYTES: u64 = 16 << 20;

/// The times of an earlier benchmark.
pub(super) struct Baseline {
    /// The file, as messages show it.
    pub(super) file: String,
    /// The program that timed it.
    pub(super) tool: String,
    document: Map<String, Value>,
    rows: Vec<Row>,
}

/// What it has for a number of callers and of threads.
struct Row {
    callers: u64,
    threads: u64,
    median: f64,
    stretches: Vec<f64>,
}

/// A time before, and its change since.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compared {
    /// The median, in seconds.
    pub(super) before: f64,
    pub(super) change: Change,
}

impl Baseline {
    /// # Errors
    /// The file cannot be read, or holds no times that can be compared.
    pub(super) fn read(path: &Path) -> Result<Baseline, Failure> {
        let mut text = Vec::new();
        let file = File::open(path).map_err(Failure::io(path))?;
        file.take(MOST_BYTES)
            .read_to_end(&mut text)
            .map_err(Failure::io(path))?;
        let shown = path.to_string_lossy();
        Baseline::parse(&shown, &text).map_err(|reason| broken(&shown, &reason))
    }

    fn parse(file: &str, text: &[u8]) -> Result<Baseline, String> {
        let document: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        match document.get("schema").and_then(Value::as_str) {
            Some("linn.bench/1") => {}
            Some(other) => {
                return Err(format!(
                    "schema is {}, must be 'linn.bench/1'",
                    Quoted(other)
                ));
            }
            None => return Err("no document linn.bench/1: it has no schema".to_string()),
        }
        let Value::Object(document) = document else {
            return Err("no JSON object".to_string());
        };
        let rows = document.get("rows").and_then(Value::as_array);
        let rows = rows.ok_or("rows is missing, must be a list")?.iter();
        let tool = document.get("tool").and_then(Value::as_str);
        Ok(Baseline {
            file: Plain(file).to_string(),
            tool: Plain(tool.unwrap_or("an unknown program")).to_string(),
            rows: rows
                .enumerate()
                .map(|(at, row)| Row::parse(row).map_err(|reason| format!("rows[{at}].{reason}")))
                .collect::<Result<_, _>>()?,
            document,
        })
    }

    /// Checks that it is about what is timed now: the same inputs, run in the same way, with rows for these numbers of
    /// callers and threads. Another model, processor or instruction set, or a graph that was not rewritten, is said only,
    /// since that may be what is compared; but `strict` refuses another processor, which would decide instead of the model.
    pub(super) fn check(
        &self,
        setup: &Setup,
        wanted: impl Iterator<Item = (usize, usize)>,
        strict: bool,
    ) -> Result<(), Failure> {
        for (key, now) in setup.json() {
            let before = self.document.get(&key).unwrap_or(&Value::Null);
            let must_fit = matches!(key.as_str(), "inputs" | "fresh");
            let is_unknown = before.is_null() || now.is_null();
            if *before == now || (is_unknown && !must_fit) {
                continue;
            }
            let [before, now] = [before, &now].map(|value| Plain(&value.to_string()).to_string());
            if must_fit || (key == "cpu" && strict) {
                let reason = format!("{key} is {before}, must be {now} as now");
                return Err(broken(&self.file, &reason)
                    .help("time it anew under the same conditions, with --save"));
            }
            say(
                "warning",
                format!("{}: {key} is {before}, now it is {now}", self.file),
            );
        }
        for (callers, threads) in wanted {
            if self.row(callers, threads).is_none() {
                let reason = format!("no row has concurrent {callers} and threads {threads}");
                return Err(broken(&self.file, &reason)
                    .help("say --threads and --concurrent as for the baseline"));
            }
        }
        Ok(())
    }

    /// The change since then; `None` if there is no such row, or too few samples now.
    pub(super) fn compare(
        &self,
        callers: usize,
        threads: usize,
        times: &Times,
    ) -> Option<Compared> {
        let row = self.row(callers, threads)?;
        let before = Medians {
            all: row.median,
            stretches: &row.stretches,
        };
        let now = Medians {
            all: times.median(),
            stretches: &times.stretches,
        };
        (times.stretches.len() >= FEWEST).then(|| Compared {
            before: row.median,
            change: Change::new(before, now),
        })
    }

    fn row(&self, callers: usize, threads: usize) -> Option<&Row> {
        let wanted = (callers as u64, threads as u64);
        let mut rows = self.rows.iter();
        rows.find(|row| (row.callers, row.threads) == wanted)
    }
}

impl Row {
    /// # Errors
    /// The key that is wrong, and how.
    fn parse(row: &Value) -> Result<Row, String> {
        let seconds = |value: &Value| value.as_f64().filter(|x| x.is_finite() && *x > 0.0);
        let key = |key: &str| row.get(key).unwrap_or(&Value::Null);
        let wrong = |name: &str, must: &str| {
            let found = Plain(&key(name).to_string()).to_string();
            format!("{name} is {found}, must be {must}")
        };
        let stretches = key("stretches_s").as_array().and_then(|list| {
            let list: Option<Vec<f64>> = list.iter().map(seconds).collect();
            list.filter(|list| list.len() >= FEWEST)
        });
        Ok(Row {
            callers: match row.get("concurrent") {
                None => 1,
                Some(callers) => callers
                    .as_u64()
                    .ok_or_else(|| wrong("concurrent", "a number"))?,
            },
            threads: key("threads")
                .as_u64()
                .ok_or_else(|| wrong("threads", "a number"))?,
            median: seconds(key("p50_s")).ok_or_else(|| wrong("p50_s", "seconds"))?,
            stretches: stretches.ok_or_else(|| {
                wrong(
                    "stretches_s",
                    &format!("a list of at least {FEWEST} numbers of seconds"),
                )
            })?,
        })
    }
}

fn broken(file: &str, reason: &str) -> Failure {
    Failure::Broken {
        file: Plain(file).to_string(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Value {
        json!({
            "schema": "linn.bench/1",
            "tool": "linn 0.0.1",
            "rows": [
                {"threads": 1, "p50_s": 2.0, "stretches_s": [2, 2.1, 1.9, 2.0, 2.05]},
                {"threads": 1, "concurrent": 4, "p50_s": 3.0, "stretches_s": [3, 3, 3, 3]},
            ],
        })
    }

    #[test]
    fn rows_are_found_by_callers_and_threads() {
        let baseline = Baseline::parse("base.json", good().to_string().as_bytes()).unwrap();
        let median = |callers, threads| baseline.row(callers, threads).map(|row| row.median);
        assert_eq!((median(1, 1), median(4, 1)), (Some(2.0), Some(3.0)));
        assert_eq!((median(1, 2), median(2, 1)), (None, None));
        assert_eq!(baseline.tool, "linn 0.0.1");
    }

    #[test]
    fn what_is_broken_is_named() {
        let reason = |text: &str| {
            Baseline::parse("base.json", text.as_bytes())
                .err()
                .unwrap_or_default()
        };
        let with = |path: &str, value: Value| {
            let mut document = good();
            *document.pointer_mut(path).unwrap() = value;
            reason(&document.to_string())
        };
        assert!(reason("{\"schema\":").starts_with("EOF while parsing"));
        assert!(reason("[]").contains("it has no schema"));
        assert_eq!(
            with("/schema", json!("linn.test/1")),
            "schema is 'linn.test/1', must be 'linn.bench/1'"
        );
        assert_eq!(with("/rows", json!({})), "rows is missing, must be a list");
        let cases = [
            (
                "/rows/1/threads",
                json!("x"),
                "rows[1].threads is \"x\", must be a number",
            ),
            (
                "/rows/1/concurrent",
                json!(1.5),
                "rows[1].concurrent is 1.5, must be a number",
            ),
            (
                "/rows/0/p50_s",
                json!(0),
                "rows[0].p50_s is 0, must be seconds",
            ),
            (
                "/rows/0/p50_s",
                json!(-1),
                "rows[0].p50_s is -1, must be seconds",
            ),
            (
                "/rows/0/stretches_s",
                json!([1, 2, 3]),
                "rows[0].stretches_s is [1,2,3], must be a list of at least 4 numbers of seconds",
            ),
            (
                "/rows/0/stretches_s/2",
                json!("nan"),
                "rows[0].stretches_s is [2,2.1,\"nan\",2.0,2.05], must be a list of at least 4 numbers of seconds",
            ),
        ];
        for (path, value, expected) in cases {
            assert_eq!(with(path, value), expected, "{path}");
        }
    }
}
