//! By how much a time has changed, and how sure that is.
//!
//! The time of a row is divided into up to 20 stretches of as many samples each. Their medians vary as the machine
//! varies: single runs do not tell, since runs beside each other are alike. Let there be n of them before and m now.
//! The interval is that of Moses for a factor between two samples (Hollander, Wolfe and Chicken, *Nonparametric
//! Statistical Methods*, 3rd edition, section 4.3, on logarithms): of all n * m quotients of a median now and a
//! median before, ascending, it goes from the k-th to the (n * m + 1 - k)-th, where k is the greatest number such
//! that the count of Mann and Whitney is below k with a probability of at most 2.5 % if nothing has changed. It
//! assumes no shape of the distribution, and there is one from 4 stretches on. It covers what varies while the
//! benchmark runs, not what differs from one start of the program to the next.

/// The fewest stretches, before and now, that have an interval.
pub(super) const FEWEST: usize = 4;

/// The probability on each side of the interval.
const SIDE: f64 = 0.025;

/// By which part a time is longer: 0.05 is 5 % longer, -0.5 takes half of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Change {
    /// That of the medians of all runs.
    pub(super) estimate: f64,
    /// The 95 % confidence interval. It holds the estimate.
    pub(super) low: f64,
    pub(super) high: f64,
}

/// A median of all runs, and those of the stretches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Medians<'a> {
    pub(super) all: f64,
    pub(super) stretches: &'a [f64],
}

impl Change {
    /// The change from one row to another; each has [`FEWEST`] stretches at least.
    pub(super) fn new(before: Medians, now: Medians) -> Change {
        let mut quotients: Vec<f64> = before
            .stretches
            .iter()
            .flat_map(|before| now.stretches.iter().map(move |now| now / before))
            .collect();
        quotients.sort_by(f64::total_cmp);
        let rank = rank(before.stretches.len(), now.stretches.len());
        let estimate = now.all / before.all - 1.0;
        Change {
            estimate,
            low: estimate.min(quotients[rank - 1] - 1.0),
            high: estimate.max(quotients[quotients.len() - rank] - 1.0),
        }
    }

    /// Whether it is surely longer by more than `limit`: the whole interval is beyond it.
    pub(super) fn is_over(&self, limit: f64) -> bool {
        self.low > limit
    }
}

/// The k of the interval for n and m stretches, from 1; 1 too where they are too few.
fn rank(n: usize, m: usize) -> usize {
    let counts = arrangements(n, m);
    let all: f64 = counts.iter().sum();
    let below = counts.iter().scan(0.0, |sum, count| {
        *sum += count / all;
        Some(*sum)
    });
    below.take_while(|below| *below <= SIDE).count().max(1)
}

/// In how many orders of n things of one kind and m of another there are 0, 1, 2 ... pairs, one of each kind, that
/// stand the wrong way round. Exact up to 2^53, which 20 and 20 stay below.
fn arrangements(n: usize, m: usize) -> Vec<f64> {
    // The coefficients of the Gaussian binomial: the product over i = 1 ... n of (1 - q^(m + i)) / (1 - q^i).
    let mut counts = vec![0.0; n * m + 1];
    counts[0] = 1.0;
    for i in 1..=n {
        for at in (m + i..counts.len()).rev() {
            counts[at] -= counts[at - m - i];
        }
        for at in i..counts.len() {
            counts[at] += counts[at - i];
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(before: &[f64], now: &[f64]) -> Change {
        let medians = |stretches| Medians {
            all: Vec::from(stretches).iter().sum::<f64>() / Vec::from(stretches).len() as f64,
            stretches,
        };
        Change::new(medians(before), medians(now))
    }

    #[test]
    fn orders_are_counted() {
        assert_eq!(arrangements(2, 2), [1.0, 1.0, 2.0, 1.0, 1.0]);
        assert_eq!(arrangements(1, 3), [1.0; 4]);
        assert_eq!(arrangements(20, 20).iter().sum::<f64>(), 137846528820.0);
    }

    /// The tables of the two-sided test at 5 % have the greatest count that is significant: one less.
    #[test]
    fn bounds_are_those_of_the_tables_of_mann_and_whitney() {
        let table = [
            ((4, 4), 0),
            ((5, 5), 2),
            ((4, 20), 14),
            ((8, 6), 8),
            ((10, 10), 23),
            ((20, 20), 127),
        ];
        for ((n, m), count) in table {
            let expected = (count + 1, count + 1);
            assert_eq!((rank(n, m), rank(m, n)), expected, "{n} and {m}");
        }
    }

    #[test]
    fn intervals_hold_the_true_change_as_often_as_they_say() {
        // The generator of Lehmer, in [1, 2).
        let mut state = 1u64;
        let mut random = || {
            state = state * 48271 % 2147483647;
            1.0 + state as f64 / 2147483647.0
        };
        for (n, m) in [(4, 4), (20, 20), (5, 20)] {
            let mut held = 0;
            for _ in 0..4000 {
                let before: Vec<f64> = (0..n).map(|_| random()).collect();
                let now: Vec<f64> = (0..m).map(|_| 1.5 * random()).collect();
                let found = change(&before, &now);
                held += usize::from(found.low <= 0.5 && 0.5 <= found.high);
            }
            // At least 95 %, and not much more than the next narrower interval's.
            assert!((3760..3960).contains(&held), "{held} for {n} and {m}");
        }
    }

    #[test]
    fn a_change_is_surely_over_a_limit_if_its_whole_interval_is() {
        let before: Vec<f64> = (0..20).map(|at| 1.0 + 0.001 * f64::from(at)).collect();
        let slower: Vec<f64> = before.iter().map(|time| time * 1.1).collect();
        let found = change(&before, &slower);
        assert!((found.estimate - 0.1).abs() < 1e-9, "{found:?}");
        assert!(0.08 < found.low && found.low < 0.1, "{found:?}");
        assert!(0.1 < found.high && found.high < 0.12, "{found:?}");
        assert!(found.is_over(0.05) && found.is_over(0.0));
        assert!(!found.is_over(0.1) && !found.is_over(0.098), "{found:?}");

        let same = change(&before, &before);
        assert!(
            same.low < 0.0 && same.estimate == 0.0 && 0.0 < same.high,
            "{same:?}"
        );
        let faster = change(&slower, &before);
        assert!(
            faster.high < 0.0 && !faster.is_over(-0.05 + 1e-9),
            "{faster:?}"
        );
    }

    #[test]
    fn one_stretch_that_was_disturbed_hardly_counts() {
        let quiet: Vec<f64> = (0..20)
            .map(|at| 1.0 + 0.001 * f64::from(at * 7 % 20))
            .collect();
        let mut disturbed = quiet.clone();
        disturbed[3] = 50.0;
        let (before, now) = (
            Medians {
                all: 1.01,
                stretches: &quiet,
            },
            Medians {
                all: 1.01,
                stretches: &disturbed,
            },
        );
        let found = Change::new(before, now);
        assert!(-0.01 < found.low && found.high < 0.01, "{found:?}");
        // The median of all runs may lie outside all stretches' medians.
        let odd = Change::new(before, Medians { all: 1.2, ..now });
        assert_eq!(odd.high, odd.estimate);
    }
}
