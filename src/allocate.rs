//! Vectors whose length comes from a file or a call: where the system has no memory for one, the work that needs it ends
//! with an error, and the program goes on.
//!
//! Kernels, which return no errors, unwind to [`attempt`] around them, and so do their threads.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::error::{Class, Error, OpError};

/// The system has no memory for so many bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Refused {
    bytes: usize,
}

impl Refused {
    /// For `len` elements.
    pub(crate) fn new<T>(len: usize) -> Refused {
        Refused {
            bytes: len.saturating_mul(size_of::<T>()),
        }
    }

    /// Not a panic: it is no fault of the program, and nothing is printed.
    fn unwind(self) -> ! {
        resume_unwind(Box::new(self))
    }

    fn text(self) -> String {
        format!("needs {} bytes, which the system does not have", self.bytes)
    }
}

impl From<Refused> for OpError {
    fn from(refused: Refused) -> OpError {
        OpError::new(Class::Limit, "", refused.text())
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Error {
        Error::limit(refused.text())
    }
}

/// Does `work`; a vector in it that the system has no memory for is an error.
pub(crate) fn attempt<R, E: From<Refused>>(work: impl FnOnce() -> Result<R, E>) -> Result<R, E> {
    // What the work was writing goes with the error.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result,
        Err(payload) => match payload.downcast::<Refused>() {
            Ok(refused) => Err((*refused).into()),
            Err(panic) => resume_unwind(panic),
        },
    }
}

/// An empty vector with room for `len` elements.
///
/// # Errors
/// The system has no memory for it.
pub(crate) fn room<T>(len: usize) -> Result<Vec<T>, Refused> {
    let mut vec = Vec::new();
    match vec.try_reserve_exact(len) {
        Ok(()) => Ok(vec),
        Err(_) => Err(Refused::new::<T>(len)),
    }
}

/// As [`room`]; within [`attempt`].
pub(crate) fn with_capacity<T>(len: usize) -> Vec<T> {
    match room(len) {
        Ok(vec) => vec,
        Err(refused) => refused.unwind(),
    }
}

/// `len` times `value`; within [`attempt`].
pub(crate) fn filled<T: Clone>(value: T, len: usize) -> Vec<T> {
    let mut vec = with_capacity(len);
    vec.resize(len, value);
    vec
}

/// A copy of `elements`; within [`attempt`].
pub(crate) fn copied<T: Clone>(elements: &[T]) -> Vec<T> {
    let mut vec = with_capacity(elements.len());
    vec.extend_from_slice(elements);
    vec
}

/// The items, of which there are as many as they say; within [`attempt`].
pub(crate) fn collected<T>(items: impl ExactSizeIterator<Item = T>) -> Vec<T> {
    let mut vec = with_capacity(items.len());
    vec.extend(items);
    vec
}

/// Adds an item; within [`attempt`].
#[inline]
pub(crate) fn push<T>(vec: &mut Vec<T>, item: T) {
    if vec.len() == vec.capacity() && vec.try_reserve(1).is_err() {
        Refused::new::<T>(vec.len() + 1).unwind();
    }
    vec.push(item);
}

/// Makes room for `more` items; within [`attempt`].
pub(crate) fn reserve<T>(vec: &mut Vec<T>, more: usize) {
    if vec.try_reserve_exact(more).is_err() {
        Refused::new::<T>(vec.len().saturating_add(more)).unwind();
    }
}

/// The items, however many there are; within [`attempt`].
pub(crate) fn gathered<T>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut vec = Vec::new();
    for item in items {
        push(&mut vec, item);
    }
    vec
}

/// As [`collected`], of items that may fail.
pub(crate) fn collected_or<T, E>(
    items: impl ExactSizeIterator<Item = Result<T, E>>,
) -> Result<Vec<T>, E> {
    let mut vec = with_capacity(items.len());
    for item in items {
        vec.push(item?);
    }
    Ok(vec)
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    #[test]
    fn what_the_system_refuses_is_an_error_from_any_thread() {
        let most = usize::MAX / 16;
        let refused = Refused { bytes: most * 8 };
        assert_eq!(room::<u64>(most), Err(refused));
        let error = attempt(|| Ok::<_, OpError>(filled(0u64, most))).unwrap_err();
        assert_eq!(error.class, Class::Limit);
        assert!(
            error
                .reason
                .contains("bytes, which the system does not have")
        );
        let error = attempt(|| {
            (0..8).into_par_iter().for_each(|index| {
                drop(with_capacity::<u64>(if index == 5 { most } else { 1 }));
            });
            Ok::<_, OpError>(())
        });
        assert!(error.is_err());
        assert_eq!(
            attempt(|| Ok::<_, OpError>(copied(&[1, 2]))),
            Ok(vec![1, 2])
        );
        assert_eq!(
            collected([1, 2].into_iter()),
            filled(1, 1).into_iter().chain([2]).collect::<Vec<_>>()
        );
        let odd = [1, 3]
            .into_iter()
            .map(|x| if x % 2 == 1 { Err(x) } else { Ok(x) });
        assert_eq!(collected_or(odd), Err(1));
    }

    #[test]
    fn other_panics_go_on() {
        let panic = catch_unwind(|| attempt(|| -> Result<(), OpError> { panic!("of somebody") }));
        assert!(panic.is_err());
    }
}
