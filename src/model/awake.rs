//! The other threads of a pool, kept awake while a run of many nodes is on.
//!
//! rayon sends threads to sleep some microseconds after their last piece of work, and to wake one takes as long as many an
//! operator. A thread that is kept awake looks for work instead: until the run ends, or there was none for a while.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rayon::Yield;

use crate::installed;

/// A run of fewer nodes is over before it pays.
const NODES: usize = 8;

/// Whether a run of so many nodes goes on for longer than it takes to wake threads.
pub(super) fn pays(nodes: usize) -> bool {
    nodes >= NODES
}

/// How long a thread looks for work in vain.
const IDLE: Duration = Duration::from_millis(1);

/// How often a thread looks for work from one look at the clock to the next.
const LOOKS: usize = 16;

/// Threads that stay awake for as long as it lives.
pub(super) struct Awake {
    ended: Arc<AtomicBool>,
}

impl Awake {
    /// The threads of the pool that this thread is one of; `None` where that is not worth it.
    pub(super) fn keep(nodes: usize) -> Option<Awake> {
        let caller = rayon::current_thread_index()?;
        if !pays(nodes) || rayon::current_num_threads() < 2 {
            return None;
        }
        let ended = Arc::new(AtomicBool::new(false));
        let awake = Awake {
            ended: ended.clone(),
        };
        rayon::spawn_broadcast(move |thread| {
            // A thread that waits for a part of its work must see when that is done.
            if thread.index() != caller && !installed::is_entered() {
                watch(&ended);
            }
        });
        Some(awake)
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// Does what work there is.
fn watch(ended: &AtomicBool) {
    let mut busy = Instant::now();
    while busy.elapsed() < IDLE {
        for _ in 0..LOOKS {
            if ended.load(Ordering::Relaxed) {
                return;
            }
            match rayon::yield_now() {
                Some(Yield::Executed) => busy = Instant::now(),
                _ => hint::spin_loop(),
            }
        }
    }
}
