//! How quiet the machine was: what other programs, and other machines on the same hardware, took of its processors
//! while a row was timed, and how far the times spread.

use std::fs;

use serde_json::{Value, json};

use super::times::{Percent, Times};

/// Shares of the processors from which on they are worth a note.
const MUCH_TAKEN: f64 = 0.1;
const MUCH_STOLEN: f64 = 0.02;
/// The spread of the medians of stretches from which on it is worth a note.
const WIDE: f64 = 0.1;
/// One run in ten that takes so much longer than the usual one is worth a note.
const LONG_TAIL: f64 = 1.5;
/// Fewer ticks of the system's clock than these are no measure.
const FEWEST_TICKS: u64 = 50;

/// Ticks of the clock that the system counts the processors' time with, since it started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ticks {
    all: u64,
    /// At work, for any program.
    busy: u64,
    /// Taken by the host of a virtual machine.
    stolen: u64,
    /// At work for this process.
    own: u64,
}

/// Shares of all processors' time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shares {
    others: f64,
    stolen: f64,
}

impl Ticks {
    /// Those so far, where the system tells.
    pub(super) fn now() -> Option<Ticks> {
        let system = fs::read_to_string("/proc/stat").ok()?;
        let process = fs::read_to_string("/proc/self/stat").ok()?;
        Ticks::parse(&system, &process)
    }

    /// See proc_stat(5) and proc_pid_stat(5).
    fn parse(system: &str, process: &str) -> Option<Ticks> {
        let line = system.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let counts: Vec<u64> = line
            .split_whitespace()
            .map(|count| count.parse().ok())
            .collect::<Option<_>>()?;
        // Guests, which come after these, are part of the first two.
        let [user, nice, system, idle, waiting, hard, soft, stolen] = *counts.first_chunk()?;
        let busy = user + nice + system + hard + soft;
        // The name of the program, in parentheses, may hold spaces and parentheses itself.
        let (_, fields) = process.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(11);
        let mut count = || fields.next()?.parse::<u64>().ok();
        Some(Ticks {
            all: busy + idle + waiting + stolen,
            busy,
            stolen,
            own: count()? + count()?,
        })
    }

    /// What was taken between two counts; `None` if they are too close.
    pub(super) fn shares(before: Option<Ticks>, after: Option<Ticks>) -> Option<Shares> {
        let (before, after) = (before?, after?);
        let all = after.all.checked_sub(before.all)?;
        if all < FEWEST_TICKS {
            return None;
        }
        // The counts are not taken at one instant.
        let others = (after.busy.saturating_sub(before.busy))
            .saturating_sub(after.own.saturating_sub(before.own));
        let share = |ticks: u64| (ticks as f64 / all as f64).min(1.0);
        Some(Shares {
            others: share(others),
            stolen: share(after.stolen.saturating_sub(before.stolen)),
        })
    }
}

/// What was seen while a row was timed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Noise {
    shares: Option<Shares>,
    /// Of the middle half of the stretches' medians, as a part of their median.
    spread: f64,
    /// How much longer than the median nine runs of ten take at most.
    tail: f64,
}

impl Noise {
    pub(super) fn new(times: &Times, shares: Option<Shares>) -> Noise {
        Noise {
            shares,
            spread: times.spread(),
            tail: times.percentile(Percent::USUAL[1]) / times.median(),
        }
    }

    /// What may have changed the times; empty if nothing did.
    pub(super) fn text(&self) -> String {
        let mut seen = Vec::new();
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        if let Some(Shares { others, stolen }) = self.shares {
            if others >= MUCH_TAKEN {
                seen.push(format!(
                    "other programs used {} of the processors",
                    percent(others)
                ));
            }
            if stolen >= MUCH_STOLEN {
                seen.push(format!(
                    "the host of this machine took {} of the processors",
                    percent(stolen)
                ));
            }
        }
        if self.tail >= LONG_TAIL {
            seen.push(format!(
                "one run in ten took {:.1} times the median or longer",
                self.tail
            ));
        }
        if self.spread >= WIDE {
            seen.push(format!(
                "the times went up and down by {}",
                percent(self.spread)
            ));
        }
        seen.join(", ")
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "others": self.shares.map(|shares| shares.others),
            "stolen": self.shares.map(|shares| shares.stolen),
            "spread": self.spread,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEM: &str = "cpu  100 20 30 1000 5 6 7 8 90 0\ncpu0 1 2 3 4 5 6 7 8 9 0\nintr 5\n";
    const PROCESS: &str =
        "77 (a) b (c) R 1 77 77 0 -1 4194560 100 0 0 0 41 12 0 0 20 0 3 0 900 1000 50 1 2\n";

    #[test]
    fn counts_of_the_system() {
        let expected = Ticks {
            all: 1176,
            busy: 163,
            stolen: 8,
            own: 53,
        };
        assert_eq!(Ticks::parse(SYSTEM, PROCESS), Some(expected));
        for system in [
            "",
            "cpu0 1 2 3 4 5 6 7 8\n",
            "cpu  1 2 3\n",
            "cpu  1 2 3 4 5 6 x 8\n",
        ] {
            assert_eq!(Ticks::parse(system, PROCESS), None, "{system}");
        }
        for process in ["", "77 (a", "77 (a) R 1 2 3"] {
            assert_eq!(Ticks::parse(SYSTEM, process), None, "{process}");
        }
        if cfg!(target_os = "linux") {
            let before = Ticks::now().expect("Linux tells");
            let after = Ticks::now().expect("Linux tells");
            assert!(
                before.all <= after.all && before.own <= after.own,
                "{before:?} {after:?}"
            );
        }
    }

    #[test]
    fn shares_are_those_of_others() {
        let ticks = |all, busy, stolen, own| {
            Some(Ticks {
                all,
                busy,
                stolen,
                own,
            })
        };
        let start = ticks(1000, 500, 10, 100);
        let share =
            |all, busy, stolen, own| Ticks::shares(start, ticks(all, busy, stolen, own)).unwrap();
        let expected = Shares {
            others: 0.35,
            stolen: 0.05,
        };
        assert_eq!(share(1200, 640, 20, 170), expected);
        // Counted before the other one.
        assert_eq!(share(1200, 600, 10, 205).others, 0.0);
        assert_eq!(Ticks::shares(start, ticks(1049, 549, 10, 100)), None);
        assert_eq!(Ticks::shares(ticks(1049, 549, 10, 100), start), None);
        assert_eq!(Ticks::shares(start, None), None);
    }

    #[test]
    fn a_note_says_what_was_seen() {
        let quiet = Noise {
            shares: Some(Shares {
                others: 0.09,
                stolen: 0.01,
            }),
            spread: 0.02,
            tail: 1.1,
        };
        assert_eq!(quiet.text(), "");
        let loud = Noise {
            shares: Some(Shares {
                others: 0.35,
                stolen: 0.05,
            }),
            spread: 0.2,
            tail: 1.75,
        };
        let text = "other programs used 35 % of the processors, the host of this machine took 5 % of the processors, \
                    one run in ten took 1.8 times the median or longer, the times went up and down by 20 %";
        assert_eq!(loud.text(), text);
        let untold = Noise {
            shares: None,
            ..loud
        };
        assert!(untold.text().starts_with("one run in ten"));
        assert_eq!(untold.json()["others"], Value::Null);
    }
}
