//! Sorting of many items, which ends soon when the run is to stop: in runs that are then merged.

use std::cmp::Ordering;
use std::ops::Range;

use crate::allocate;
use crate::error::OpError;
use crate::parts::{self, PART};
use crate::stop;

/// Items that are sorted at once, where it takes little time to compare two.
const RUN: usize = 1 << 14;

/// Bytes that [`sort`] takes for itself.
pub(super) fn scratch_bytes<T>(len: usize) -> usize {
    if len <= RUN {
        0
    } else {
        len.saturating_mul(size_of::<T>())
    }
}

/// Sorts items by an order in which no two are equal. To compare two takes as long as `work` elements do.
///
/// # Errors
/// The run is to stop.
pub(super) fn sort<T: Copy + Default>(
    items: &mut Vec<T>,
    work: usize,
    order: impl Fn(&T, &T) -> Ordering,
) -> Result<(), OpError> {
    let run = (RUN / work.max(1)).max(1);
    for items in items.chunks_mut(run) {
        stop::check()?;
        // One item is sorted as it is: a comparison that is stopped half way might contradict others.
        items.sort_unstable_by(&order);
    }
    if items.len() <= run {
        return Ok(());
    }
    let mut other = parts::filled(T::default(), items.len())?;
    let mut len = run;
    while len < items.len() {
        for first in (0..items.len()).step_by(2 * len) {
            let [middle, end] = [len, 2 * len].map(|len| items.len().min(first + len));
            let halves = [first..middle, middle..end];
            merge(items, halves, &mut other[first..end], run, &order)?;
        }
        std::mem::swap(items, &mut other);
        len *= 2;
    }
    Ok(())
}

/// Merges two sorted ranges of `from`; `run` items between looks.
fn merge<T: Copy>(
    from: &[T],
    [mut a, mut b]: [Range<usize>; 2],
    to: &mut [T],
    run: usize,
    order: &impl Fn(&T, &T) -> Ordering,
) -> Result<(), OpError> {
    for to in to.chunks_mut(run) {
        stop::check()?;
        for to in to {
            let take_b = match (a.is_empty(), b.is_empty()) {
                (false, false) => order(&from[b.start], &from[a.start]).is_lt(),
                (empty, _) => empty,
            };
            let next = if take_b { &mut b } else { &mut a };
            *to = from[next.start];
            next.start += 1;
        }
    }
    Ok(())
}

/// Makes `chosen` the first `count` of all places below `len`, sorted by an order in which no two are equal.
///
/// # Errors
/// The run is to stop.
pub(super) fn first(
    count: usize,
    len: usize,
    chosen: &mut Vec<usize>,
    order: impl Fn(&usize, &usize) -> Ordering,
) -> Result<(), OpError> {
    chosen.clear();
    // Of few, those among the places so far are chosen, again and again.
    let block = if count <= PART { PART } else { len };
    let room = len.min(block.saturating_add(count));
    if chosen.capacity() < room {
        *chosen = allocate::with_capacity(room);
    }
    for start in (0..len).step_by(block.max(1)) {
        parts::extend(chosen, &mut (start..len.min(start + block)))?;
        choose(chosen, count, &order)?;
        chosen.truncate(count);
    }
    sort(chosen, 1, order)
}

/// Exchanges items until the first `count` are in front.
fn choose(
    items: &mut [usize],
    count: usize,
    order: &impl Fn(&usize, &usize) -> Ordering,
) -> Result<(), OpError> {
    let (mut low, mut high) = (0, items.len());
    let mut random = 1usize;
    while low < count && count < high {
        stop::check()?;
        if high - low <= 2 * PART {
            items[low..high].select_nth_unstable_by(count - low, order);
            return Ok(());
        }
        random = random
            .wrapping_mul(0x5851_f42d_4c95_7f2d_u64 as usize)
            .wrapping_add(1);
        items.swap(low, low + (random >> 16) % (high - low));
        let (pivot, mut end) = (items[low], low + 1);
        for from in (low + 1..high).step_by(PART) {
            stop::check()?;
            for at in from..high.min(from + PART) {
                if order(&items[at], &pivot).is_lt() {
                    items.swap(at, end);
                    end += 1;
                }
            }
        }
        // The pivot comes to its place.
        items.swap(low, end - 1);
        match count < end {
            true => high = end - 1,
            false => low = end,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stop::Stop;

    /// Numbers in disorder, of which some are there twice.
    fn numbers(len: usize) -> Vec<u32> {
        let mixed = |at: usize| (at as u32).wrapping_mul(0x9e37_79b9) >> 15;
        (0..len).map(mixed).collect()
    }

    #[test]
    fn runs_are_merged_to_what_sorting_at_once_gives() {
        for (len, work) in [
            (0, 1),
            (1, 1),
            (RUN, 1),
            (RUN + 1, 1),
            (5 * PART / 2, 1),
            (100, RUN),
        ] {
            let numbers = numbers(len);
            let order = |a: &usize, b: &usize| numbers[*a].cmp(&numbers[*b]).then(a.cmp(b));
            let mut expected: Vec<usize> = (0..len).collect();
            expected.sort_by(order);
            let mut places: Vec<usize> = (0..len).rev().collect();
            sort(&mut places, work, order).expect("nobody stops it");
            assert!(places == expected, "{len}");
            let mut chosen = Vec::new();
            for count in [0, len.min(1), len / 2, len.saturating_sub(1), len] {
                first(count, len, &mut chosen, order).expect("nobody stops it");
                assert!(chosen == expected[..count], "{count} of {len}");
            }
        }
    }

    #[test]
    fn the_first_of_many_are_chosen() {
        let (len, count) = (5 * PART, 2 * PART);
        let numbers = numbers(len);
        let order = |a: &usize, b: &usize| numbers[*a].cmp(&numbers[*b]).then(a.cmp(b));
        let mut expected: Vec<usize> = (0..len).collect();
        expected.sort_by(order);
        let mut chosen = Vec::new();
        first(count, len, &mut chosen, order).expect("nobody stops it");
        assert!(chosen == expected[..count]);
    }

    #[test]
    fn what_is_stopped_ends() {
        let stop = Stop::new();
        stop.stop();
        stop.install(|| {
            assert!(sort(&mut vec![2, 1], 1, Ord::cmp).is_err());
            assert!(first(1, 2, &mut Vec::new(), Ord::cmp).is_err());
            let mut items: Vec<usize> = (0..3 * PART).rev().collect();
            assert!(choose(&mut items, 2 * PART, &Ord::cmp).is_err());
        });
    }
}
