//! What goes wrong around a model: memory that the system does not have, callers that disturb one another, and graphs as
//! long as files allow. Results stay the same to the bit.

#![expect(
    unsafe_code,
    reason = "a global allocator that fails cannot be written without"
)]

mod bits;
mod callers;
mod functions;
mod growth;
mod memory;
mod served;
mod soak;
mod stop;
#[path = "../support/mod.rs"]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Allocations of at most so many bytes never fail.
const SMALL: usize = 64 << 10;

/// Which of the larger ones fails, counted from 1; 0 for none.
static FAILING: AtomicUsize = AtomicUsize::new(0);
/// How many larger ones there were since one was told to fail.
static COUNT: AtomicUsize = AtomicUsize::new(0);

struct Failing;

// SAFETY: every call goes to the system's allocator unchanged, or gives null, which says that there is no memory; counting
// touches no memory of it.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > SMALL {
            let failing = FAILING.load(Ordering::SeqCst);
            if failing != 0 && COUNT.fetch_add(1, Ordering::SeqCst) + 1 == failing {
                return ptr::null_mut();
            }
        }
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Failing = Failing;

/// Does `work` while large allocation number `number` of all threads fails, and tells whether there was such a one.
fn failing<R>(number: usize, work: impl FnOnce() -> R) -> (R, bool) {
    COUNT.store(0, Ordering::SeqCst);
    FAILING.store(number, Ordering::SeqCst);
    let result = work();
    FAILING.store(0, Ordering::SeqCst);
    (result, COUNT.load(Ordering::SeqCst) >= number)
}

/// How many large allocations there are while `work` is done.
fn large<R>(work: impl FnOnce() -> R) -> usize {
    failing(usize::MAX, work);
    COUNT.load(Ordering::SeqCst)
}

/// Keeps the tests of this program apart: some take time, and some fill all threads.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
