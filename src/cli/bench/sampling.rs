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

/// The runs that one caller timed, one after the other.
#[derive(Debug)]
pub(super) struct Timed {
    /// Seconds a run, the mean of each sample, in the order of time.
    pub(super) seconds: Vec<f64>,
    /// How many runs were timed.
    pub(super) runs: usize,
    pub(super) start: Instant,
    pub(super) end: Instant,
}

impl Sampling {
    /// The times of `run`, with `usual` runs to a sample; its first error ends them. `progress` is told between
    /// samples which part of them is done.
    pub(super) fn timed<E>(
        &self,
        usual: usize,
        mut run: impl FnMut() -> Result<(), E>,
        mut progress: impl FnMut(f64),
    ) -> Result<Timed, E> {
        let mut seconds = Vec::new();
        let mut timed = 0;
        let start = Instant::now();
        loop {
            let (count, done) = match self.until {
                Until::Time(time) => {
                    let elapsed = start.elapsed();
                    if elapsed >= time && seconds.len() >= FEWEST {
                        break;
                    }
                    (usual, elapsed.div_duration_f64(time).min(1.0))
                }
                Until::Runs(runs) => {
                    let count = match runs - timed {
                        0 => break,
                        // No sample is shorter than usual, so the last one may be longer.
                        left if left / 2 < usual => left,
                        _ => usual,
                    };
                    (count, timed as f64 / runs as f64)
                }
            };
            progress(done);
            let took = sample(count, &mut run)?;
            seconds.push(took.as_secs_f64() / count as f64);
            timed += count;
        }
        Ok(Timed {
            seconds,
            runs: timed,
            start,
            end: Instant::now(),
        })
    }

    /// Warms up, and finds how many runs a sample needs.
    pub(super) fn runs_a_sample<E>(
        &self,
        mut run: impl FnMut() -> Result<(), E>,
    ) -> Result<usize, E> {
        let start = Instant::now();
        let mut count = 1;
        let took = loop {
            let took = sample(count, &mut run)?;
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

/// How long `count` runs take.
fn sample<E>(count: usize, run: &mut impl FnMut() -> Result<(), E>) -> Result<Duration, E> {
    let start = Instant::now();
    for _ in 0..count {
        run()?;
    }
    Ok(start.elapsed())
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

    fn times<E>(until: Until, mut run: impl FnMut() -> Result<(), E>) -> Result<Timed, E> {
        let sampling = sampling(until);
        let usual = sampling.runs_a_sample(&mut run)?;
        sampling.timed(usual, run, |done| assert!((0.0..=1.0).contains(&done)))
    }

    #[test]
    fn short_runs_share_a_sample_and_long_ones_do_not() {
        let mut runs = 0u64;
        let mut short = || {
            runs = std::hint::black_box(runs + 1);
            Ok::<(), Infallible>(())
        };
        let Ok(timed) = times(Until::Runs(1_000_000), &mut short);
        assert_eq!(timed.runs, 1_000_000);
        assert!(timed.seconds.len() < 100_000, "{}", timed.seconds.len());
        assert!(runs > 1_000_000, "there was no warm-up");

        let long = || {
            sleep(Duration::from_millis(1));
            Ok::<(), Infallible>(())
        };
        let Ok(timed) = times(Until::Runs(3), long);
        assert_eq!((timed.runs, timed.seconds.len()), (3, 3));
        assert!(timed.seconds.iter().all(|seconds| *seconds >= 1e-3));
        assert!(timed.end - timed.start >= Duration::from_millis(3));
        let Ok(timed) = times(Until::Time(Duration::ZERO), long);
        assert_eq!(timed.runs, FEWEST);
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
        let ended = times(Until::Runs(10), failing);
        assert_eq!(ended.err(), Some("as intended"));
        assert_eq!(left, 0);
    }
}
