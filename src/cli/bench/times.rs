//! The times of many runs: percentiles, medians of stretches of time, runs a second.

use std::fmt;
use std::str::FromStr;

use super::sampling::Timed;

/// The most stretches that the time of a row is divided into.
const STRETCHES: usize = 20;

/// The times of all callers of a row.
#[derive(Debug)]
pub(super) struct Times {
    /// Seconds a run, the mean of each sample, ascending.
    seconds: Vec<f64>,
    /// How many runs were timed.
    pub(super) runs: usize,
    /// Runs a second, of all callers together.
    pub(super) rate: f64,
    /// The medians of the stretches of time, in the order of time.
    pub(super) stretches: Vec<f64>,
}

/// A percentage, of which a time stays within as many runs of a hundred.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Percent(f64);

impl Times {
    /// The times of the runs that these callers timed at once; each has timed one at least.
    pub(super) fn new(callers: &[Timed]) -> Times {
        let all = callers.iter().flat_map(|timed| timed.seconds.iter());
        let mut seconds: Vec<f64> = all.copied().collect();
        seconds.sort_by(f64::total_cmp);
        let runs = callers.iter().map(|timed| timed.runs).sum();
        let start = callers.iter().map(|timed| timed.start).min();
        let end = callers.iter().map(|timed| timed.end).max();
        let took = start
            .zip(end)
            .map_or(f64::NAN, |(start, end)| (end - start).as_secs_f64());
        Times {
            seconds,
            runs,
            rate: runs as f64 / took,
            stretches: stretches(callers),
        }
    }

    /// Seconds of the shortest run.
    pub(super) fn least(&self) -> f64 {
        self.seconds[0]
    }

    pub(super) fn median(&self) -> f64 {
        self.percentile(Percent::MEDIAN)
    }

    /// The least number of seconds that so many of 100 runs stay within.
    pub(super) fn percentile(&self, percent: Percent) -> f64 {
        quantile(&self.seconds, percent)
    }

    /// How far the middle half of the stretches' medians spreads, as a part of their median.
    pub(super) fn spread(&self) -> f64 {
        let mut medians = self.stretches.clone();
        medians.sort_by(f64::total_cmp);
        let [low, middle, high] =
            [25.0, 50.0, 75.0].map(|percent| quantile(&medians, Percent(percent)));
        (high - low) / middle
    }
}

/// The medians of as many stretches of as many samples each. What callers did at once is in one stretch.
fn stretches(callers: &[Timed]) -> Vec<f64> {
    let fewest = callers.iter().map(|timed| timed.seconds.len()).min();
    let count = fewest.unwrap_or(0).min(STRETCHES);
    let stretch = |at: usize| {
        let parts = callers.iter().flat_map(|timed| {
            let len = timed.seconds.len();
            &timed.seconds[len * at / count..len * (at + 1) / count]
        });
        let mut seconds: Vec<f64> = parts.copied().collect();
        seconds.sort_by(f64::total_cmp);
        quantile(&seconds, Percent::MEDIAN)
    };
    (0..count).map(stretch).collect()
}

/// The least of ascending numbers that so many of a hundred stay within.
fn quantile(ascending: &[f64], percent: Percent) -> f64 {
    // A product of decimals that should be whole may be a little more.
    let rank = (ascending.len() as f64 * percent.0 / 100.0 - 1e-9).ceil();
    ascending[(rank as usize).saturating_sub(1)]
}

impl Percent {
    pub(super) const MEDIAN: Percent = Percent(50.0);
    /// Those that every table of times has.
    pub(super) const USUAL: [Percent; 3] = [Percent(50.0), Percent(90.0), Percent(99.0)];

    pub(super) fn number(self) -> f64 {
        self.0
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Percent, String> {
        match text.trim().parse::<f64>() {
            Ok(number) if (0.0..=100.0).contains(&number) => Ok(Percent(number)),
            _ => Err("not a number from 0 to 100".to_string()),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn timed(seconds: &[f64], took: u64) -> Timed {
        let start = Instant::now();
        Timed {
            seconds: seconds.to_vec(),
            runs: seconds.len(),
            start,
            end: start + Duration::from_secs(took),
        }
    }

    fn up_to(count: usize) -> Times {
        let seconds: Vec<f64> = (1..=count).map(|x| x as f64).collect();
        Times::new(&[timed(&seconds, 2)])
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let percents = [0.0, 50.0, 90.0, 99.0, 99.9, 100.0].map(Percent);
        let ranks = |count| percents.map(|percent| up_to(count).percentile(percent));
        assert_eq!(ranks(200), [1.0, 100.0, 180.0, 198.0, 200.0, 200.0]);
        assert_eq!(ranks(1000)[4], 999.0);
        assert_eq!(ranks(5), [1.0, 3.0, 5.0, 5.0, 5.0, 5.0]);
        assert_eq!(ranks(1), [1.0; 6]);
        assert_eq!((up_to(5).least(), up_to(5).median()), (1.0, 3.0));
    }

    #[test]
    fn percentages_have_names() {
        let read = |text: &str| text.parse::<Percent>().map(|percent| percent.to_string());
        assert_eq!(read("50"), Ok("p50".to_string()));
        assert_eq!(read(" 99.90"), Ok("p99.9".to_string()));
        for text in ["", "p50", "-1", "100.1", "nan", "inf", "5%"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn stretches_have_all_samples_in_the_order_of_time() {
        let times = up_to(41);
        assert_eq!(times.stretches.len(), 20);
        assert_eq!((times.stretches[0], times.stretches[19]), (1.0, 40.0));
        assert_eq!(up_to(3).stretches, [1.0, 2.0, 3.0]);
        // The middle half of them is from the 5th to the 15th.
        assert_eq!(up_to(20).spread(), 1.0);
        assert_eq!(up_to(1).spread(), 0.0);
    }

    #[test]
    fn callers_run_at_once() {
        let times = Times::new(&[timed(&[1.0, 2.0], 2), timed(&[5.0, 3.0, 4.0], 4)]);
        assert_eq!((times.runs, times.least(), times.median()), (5, 1.0, 3.0));
        assert_eq!(times.stretches, [1.0, 3.0]);
        assert!((times.rate - 5.0 / 4.0).abs() < 1e-3);
    }
}
