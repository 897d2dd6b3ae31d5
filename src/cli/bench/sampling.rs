//! Timing of repeated runs, several of them to a sample where they are short.

use std::time::{Duration, Instant};

/// The least length of a sample: reading the clock costs a thousandth of it.
const SHORTEST: Duration = Duration::from_micros(20);
/// The least number of samples, unless a number of runs was asked for.
const FEWEST: usize = 5;
/// The greatest number of samples: beyond it each holds more runs, so that a long time takes no more memory.
const MOST: usize = 1 << 20;

/// How runs are timed.
pub(super) struct Sampling {
    /// How long they go on before they are timed.
    pub(super) warm_up: Duration,
    pub(super) until: Until,
}

/// When there are enough of them.
pub(super) enum Until {
    Time(Duration),
    Runs(usize),
}

/// The times of many runs.
#[derive(Debug)]
pub(super) struct Times {
    /// Seconds a run, the mean of each sample, ascending.
    seconds: Vec<f64>,
    /// How many runs were timed.
    pub(super) runs: usize,
}

impl Sampling {
    /// The times of `run`; its first error ends them.
    pub(super) fn times<E>(&self, mut run: impl FnMut() -> Result<(), E>) -> Result<Times, E> {
        let mut sample = |count: usize| {
            let start = Instant::now();
            for _ in 0..count {
                run()?;
            }
            Ok(start.elapsed())
        };
        let usual = self.runs_a_sample(&mut sample)?;
        let mut times = Times {
            seconds: Vec::new(),
            runs: 0,
        };
        let start = Instant::now();
        loop {
            let count = match self.until {
                Until::Time(time) => {
                    if start.elapsed() >= time && times.seconds.len() >= FEWEST {
                        break;
                    }
                    usual
                }
                Until::Runs(runs) => match runs - times.runs {
                    0 => break,
                    // No sample is shorter than usual, so the last one may be longer.
                    left if left / 2 < usual => left,
                    _ => usual,
                },
            };
            let took = sample(count)?;
            times.seconds.push(took.as_secs_f64() / count as f64);
            times.runs += count;
        }
        times.seconds.sort_by(f64::total_cmp);
        Ok(times)
    }

    /// Warms up, and finds how many runs a sample needs.
    fn runs_a_sample<E>(
        &self,
        sample: &mut impl FnMut(usize) -> Result<Duration, E>,
    ) -> Result<usize, E> {
        let start = Instant::now();
        let mut count = 1;
        let took = loop {
            let took = sample(count)?;
            if took < SHORTEST && count < MOST {
                count *= 2;
            } else if start.elapsed() >= self.warm_up {
                break took;
            }
        };
        let samples = match self.until {
            Until::Time(time) => time.div_duration_f64(took.max(SHORTEST)),
            Until::Runs(runs) => runs as f64 / count as f64,
        };
        let more = (samples / MOST as f64).ceil().max(1.0);
        Ok(count.saturating_mul(more as usize))
    }
}

impl Times {
    /// Seconds of the shortest run.
    pub(super) fn least(&self) -> f64 {
        self.percentile(0)
    }

    /// The least number of seconds that `percent` of 100 runs stay within.
    pub(super) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.seconds.len() * percent).div_ceil(100);
        self.seconds[rank.saturating_sub(1)]
    }

    /// Whether one run in ten takes half as long again as the usual one.
    pub(super) fn are_noisy(&self) -> bool {
        self.percentile(90) > 1.5 * self.percentile(50)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::thread::sleep;

    use super::*;

    fn sampling(until: Until) -> Sampling {
        Sampling {
            warm_up: Duration::ZERO,
            until,
        }
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times = |count: usize| Times {
            seconds: (1..=count).map(|x| x as f64).collect(),
            runs: count,
        };
        let ranks = |count| [0, 50, 90, 99].map(|percent| times(count).percentile(percent));
        assert_eq!(ranks(200), [1.0, 100.0, 180.0, 198.0]);
        assert_eq!(ranks(5), [1.0, 3.0, 5.0, 5.0]);
        assert_eq!(ranks(1), [1.0; 4]);
        assert!(times(5).are_noisy() && !times(1).are_noisy());
    }

    #[test]
    fn short_runs_share_a_sample_and_long_ones_do_not() {
        let mut runs = 0u64;
        let mut short = || {
            runs = std::hint::black_box(runs + 1);
            Ok::<(), Infallible>(())
        };
        let Ok(times) = sampling(Until::Runs(1_000_000)).times(&mut short);
        assert_eq!(times.runs, 1_000_000);
        assert!(times.seconds.len() < 100_000, "{}", times.seconds.len());
        assert!(runs > 1_000_000, "there was no warm-up");

        let long = || {
            sleep(Duration::from_millis(1));
            Ok::<(), Infallible>(())
        };
        let Ok(times) = sampling(Until::Runs(3)).times(long);
        assert_eq!((times.runs, times.seconds.len()), (3, 3));
        assert!(times.least() >= 1e-3);
        let Ok(times) = sampling(Until::Time(Duration::ZERO)).times(long);
        assert_eq!(times.runs, FEWEST);
    }

    #[test]
    fn an_error_ends_the_runs() {
        let mut left = 3;
        let failing = || {
            sleep(Duration::from_millis(1));
            left -= 1;
            if left == 0 {
                Err("as intended")
            } else {
                Ok(())
            }
        };
        let ended = sampling(Until::Runs(10)).times(failing);
        assert_eq!(ended.err(), Some("as intended"));
        assert_eq!(left, 0);
    }
}
