//! Large vectors and long loops in parts, between which it is looked at whether the run is to stop: fresh memory alone takes
//! the system half a second for a gigabyte.

use crate::allocate;
use crate::buffer::{ALIGNMENT, Item};
use crate::error::OpError;
use crate::stop;

/// Elements of a part, where each takes little time.
pub(crate) const PART: usize = 1 << 16;

/// The most bytes of a part.
const PART_BYTES: usize = 1 << 20;

/// A buffer of more bytes is cleared in parts; smaller ones a thread may keep.
const LARGE: usize = 32 << 20;

/// Elements of type `T` that are written between looks.
const fn part<T>() -> usize {
    match size_of::<T>() {
        0..=1 => PART_BYTES,
        size => PART_BYTES.div_ceil(size),
    }
}

/// How many rows of `len` elements are done between looks.
pub(crate) fn rows(len: usize) -> usize {
    (PART / len.max(1)).max(1)
}

/// Counts what is done, so that it is looked now and then.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    done: usize,
}

impl Looks {
    /// Counts `len` more elements.
    ///
    /// # Errors
    /// It is time to look, and the run is to stop.
    #[inline]
    pub(crate) fn check(&mut self, len: usize) -> Result<(), OpError> {
        self.done = self.done.saturating_add(len);
        if self.done < PART {
            return Ok(());
        }
        self.done = 0;
        stop::check()
    }

    /// As [`Looks::check`]: whether it fails.
    #[inline]
    pub(crate) fn is_set(&mut self, len: usize) -> bool {
        self.check(len).is_err()
    }
}

/// Calls `run` with parts of `y` one after the other, and where they start.
///
/// # Errors
/// The run is to stop; it is looked between parts.
pub(crate) fn each<T>(y: &mut [T], mut run: impl FnMut(usize, &mut [T])) -> Result<(), OpError> {
    for (number, y) in y.chunks_mut(part::<T>()).enumerate() {
        if number > 0 {
            stop::check()?;
        }
        run(number * part::<T>(), y);
    }
    Ok(())
}

/// Copies `x` to `y`, which is as long.
///
/// # Errors
/// As [`each`].
pub(crate) fn copy<T: Clone>(x: &[T], y: &mut [T]) -> Result<(), OpError> {
    let x = &x[..y.len()];
    each(y, |start, y| y.clone_from_slice(&x[start..start + y.len()]))
}

/// Fills `y`.
///
/// # Errors
/// As [`each`].
pub(crate) fn fill<T: Clone>(y: &mut [T], value: &T) -> Result<(), OpError> {
    each(y, |_, y| y.fill(value.clone()))
}

/// Makes a vector `len` elements long; what it lacks is `value`. Within [`allocate::attempt`].
///
/// # Errors
/// As [`each`].
pub(crate) fn resize<T: Clone>(vec: &mut Vec<T>, len: usize, value: &T) -> Result<(), OpError> {
    vec.truncate(len);
    allocate::reserve(vec, len - vec.len());
    while vec.len() < len {
        let more = part::<T>().min(len - vec.len());
        vec.resize(vec.len() + more, value.clone());
        if vec.len() < len {
            stop::check()?;
        }
    }
    Ok(())
}

/// As [`allocate::filled`].
///
/// # Errors
/// As [`each`].
pub(crate) fn filled<T: Clone>(value: T, len: usize) -> Result<Vec<T>, OpError> {
    let mut vec = Vec::new();
    resize(&mut vec, len, &value)?;
    Ok(vec)
}

/// As [`allocate::collected`].
///
/// # Errors
/// As [`each`].
pub(crate) fn collected<T>(mut items: impl ExactSizeIterator<Item = T>) -> Result<Vec<T>, OpError> {
    let mut vec = Vec::new();
    extend(&mut vec, &mut items)?;
    Ok(vec)
}

/// As [`allocate::copied`].
///
/// # Errors
/// As [`each`].
pub(crate) fn copied<T: Clone>(elements: &[T]) -> Result<Vec<T>, OpError> {
    collected(elements.iter().cloned())
}

/// Adds items to a vector; within [`allocate::attempt`].
///
/// # Errors
/// As [`each`].
pub(crate) fn extend<T>(
    vec: &mut Vec<T>,
    items: &mut impl ExactSizeIterator<Item = T>,
) -> Result<(), OpError> {
    allocate::reserve(vec, items.len());
    while items.len() > 0 {
        vec.extend(items.by_ref().take(part::<T>()));
        if items.len() > 0 {
            stop::check()?;
        }
    }
    Ok(())
}

/// Whether all elements are as `wanted`.
///
/// # Errors
/// As [`each`].
pub(crate) fn all<T>(elements: &[T], wanted: impl Fn(&T) -> bool) -> Result<bool, OpError> {
    for (number, part) in elements.chunks(PART).enumerate() {
        if number > 0 {
            stop::check()?;
        }
        if !part.iter().all(&wanted) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// As [`Item::with_buffer`]; `work` is not done if the run is to stop before the buffer is there.
pub(crate) fn with_buffer<T: Item, const SLOT: usize>(len: usize, work: impl FnOnce(&mut [T])) {
    if len.saturating_mul(size_of::<T>()) <= LARGE {
        return T::with_buffer::<SLOT, _>(len, work);
    }
    let room = len + ALIGNMENT / size_of::<T>();
    if let Ok(mut buffer) = filled(T::default(), room) {
        let first = buffer.as_ptr().align_offset(ALIGNMENT).min(room - len);
        work(&mut buffer[first..first + len]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stop::Stop;

    #[test]
    fn parts_make_the_whole_and_end_when_the_run_is_to_stop() {
        let len = 2 * part::<u16>() + 1;
        let numbers = || (0..len).map(|at| at as u16);
        let all: Vec<u16> = numbers().collect();
        let stop = Stop::new();
        let work = || {
            let mut y = filled(0u16, len)?;
            copy(&all, &mut y)?;
            fill(&mut y, &7)?;
            resize(&mut y, len - 1, &0)?;
            Ok::<_, OpError>((collected(numbers())?, copied(&all)?, y))
        };
        let (collected, copied, filled) = stop.install(work).expect("it goes on");
        assert!(collected == all && copied == all);
        assert_eq!(filled, vec![7; len - 1]);
        let below = |most| stop.install(|| super::all(&filled, |x| *x < most));
        assert_eq!([7, 8].map(below), [Ok(false), Ok(true)]);
        stop.stop();
        assert!(stop.install(work).is_err());
        // What is short is done all the same.
        assert_eq!(stop.install(|| super::filled(1u8, 3)), Ok(vec![1; 3]));
    }

    #[test]
    fn it_is_looked_now_and_then() {
        let (stop, mut looks) = (Stop::new(), Looks::default());
        stop.stop();
        stop.install(|| {
            assert!(!looks.is_set(PART - 1));
            assert!(looks.is_set(1) && !looks.is_set(1));
            assert!(looks.check(usize::MAX).is_err());
        });
        assert!(!looks.is_set(usize::MAX));
    }

    #[test]
    fn large_buffers_are_aligned_and_made_unless_the_run_is_to_stop() {
        let mut seen = 0;
        for len in [10, LARGE / 4 + 1] {
            with_buffer::<f32, 0>(len, |buffer| {
                assert_eq!(buffer.len(), len);
                assert_eq!(buffer.as_ptr().align_offset(ALIGNMENT), 0);
                seen += 1;
            });
        }
        let stop = Stop::new();
        stop.stop();
        stop.install(|| with_buffer::<f32, 0>(LARGE / 4 + 1, |_| seen += 1));
        assert_eq!(seen, 2);
    }
}
