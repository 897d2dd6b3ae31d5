//! Lists of numbers that last as long as a model. Long ones are in large pages of memory where the system has them: it
//! clears those faster, and a processor that reads on and on looks up fewer.

use std::fmt;
use std::ops::{Deref, DerefMut};

use bytemuck::Pod;
use memmap2::MmapMut;

use crate::allocate;
use crate::error::OpError;
use crate::parts;

/// Bytes of a large page; longer lists are in such pages.
const PAGE: usize = 2 << 20;

/// A list, which is written before it is shared.
pub(crate) enum Lasting<T> {
    Heap(Vec<T>),
    Pages(Pages<T>),
}

/// Memory of whole pages, and how its bytes are read as numbers.
pub(crate) struct Pages<T> {
    map: MmapMut,
    bytes: usize,
    numbers: fn(&[u8]) -> &[T],
    numbers_mut: fn(&mut [u8]) -> &mut [T],
}

impl<T: Pod> Lasting<T> {
    /// `len` zeros; in pages only if they last. Within [`attempt`](allocate::attempt).
    ///
    /// # Errors
    /// The work is to stop.
    pub(crate) fn zeroed(len: usize, lasts: bool) -> Result<Lasting<T>, OpError> {
        if lasts && let Some(pages) = Pages::zeroed(len) {
            return Ok(Lasting::Pages(pages));
        }
        parts::filled(T::zeroed(), len).map(Lasting::Heap)
    }
}

impl<T: Pod> Pages<T> {
    /// `len` zeros, if they are many and the system gives pages.
    fn zeroed(len: usize) -> Option<Pages<T>> {
        let bytes = len.checked_mul(size_of::<T>())?;
        if bytes < PAGE {
            return None;
        }
        // Whole large pages begin where one does.
        let map = MmapMut::map_anon(bytes.checked_next_multiple_of(PAGE)?).ok()?;
        #[cfg(target_os = "linux")]
        {
            use memmap2::Advice;
            let whole = bytes / PAGE * PAGE;
            // A system without large pages gives others.
            let _ = map.advise_range(Advice::HugePage, 0, whole);
            if whole < map.len() {
                // The last numbers are to take no more than they need.
                let _ = map.advise_range(Advice::NoHugePage, whole, map.len() - whole);
            }
        }
        Some(Pages {
            map,
            bytes,
            numbers: bytemuck::cast_slice,
            numbers_mut: bytemuck::cast_slice_mut,
        })
    }
}

impl<T> Lasting<T> {
    /// As a vector, which is a copy if they are in pages. Within [`attempt`](allocate::attempt).
    pub(crate) fn into_vec(self) -> Vec<T>
    where
        T: Clone,
    {
        match self {
            Lasting::Heap(list) => list,
            Lasting::Pages(_) => allocate::copied(&self),
        }
    }

    /// As [`Lasting::into_vec`], to be made longer or shorter.
    pub(crate) fn as_vec(&mut self) -> &mut Vec<T>
    where
        T: Clone,
    {
        if let Lasting::Pages(_) = self {
            *self = Lasting::Heap(allocate::copied(self));
        }
        match self {
            Lasting::Heap(list) => list,
            Lasting::Pages(_) => unreachable!("it has just been replaced"),
        }
    }
}

impl<T> From<Vec<T>> for Lasting<T> {
    fn from(list: Vec<T>) -> Lasting<T> {
        Lasting::Heap(list)
    }
}

impl<T> Deref for Lasting<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Lasting::Heap(list) => list,
            Lasting::Pages(pages) => (pages.numbers)(&pages.map[..pages.bytes]),
        }
    }
}

impl<T> DerefMut for Lasting<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Lasting::Heap(list) => list,
            Lasting::Pages(pages) => (pages.numbers_mut)(&mut pages.map[..pages.bytes]),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Lasting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    #[test]
    fn long_and_short_lists_are_read_and_written_alike() {
        // One number more than pages hold, and one fewer than are put into pages.
        for len in [0, 1, PAGE / 4 - 1, PAGE / 4, PAGE / 2 + 1] {
            let mut list = Lasting::<f32>::zeroed(len, true).expect("nothing stops it");
            assert_eq!(matches!(list, Lasting::Pages(_)), len * 4 >= PAGE);
            assert!(list.iter().all(|&x| x == 0.0));
            assert_eq!(list.len(), len);
            for (index, x) in list.iter_mut().enumerate() {
                *x = index as f32;
            }
            let wanted: Vec<f32> = (0..len).map(|index| index as f32).collect();
            assert_eq!(*list, *wanted);
            list.as_vec().push(1.0);
            assert_eq!(list.len(), len + 1);
            assert_eq!(list.into_vec()[..len], *wanted);
        }
    }

    #[test]
    fn a_list_of_one_run_is_no_matter_of_pages() {
        let list = Lasting::<i32>::zeroed(PAGE, false).expect("nothing stops it");
        assert!(matches!(list, Lasting::Heap(_)));
    }

    #[test]
    fn what_the_system_refuses_is_an_error() {
        for len in [usize::MAX / 8, usize::MAX / 2] {
            let refused = allocate::attempt(|| Lasting::<f32>::zeroed(len, true));
            assert_eq!(refused.unwrap_err().class, Class::Limit, "{len}");
        }
    }

    #[test]
    fn rows_of_numbers_begin_at_a_line_of_the_cache() {
        let list = Lasting::<[f64; 12]>::zeroed(PAGE / 96 + 1, true).expect("nothing stops it");
        assert!(matches!(list, Lasting::Pages(_)));
        assert_eq!(list.as_ptr().align_offset(64), 0);
    }
}
