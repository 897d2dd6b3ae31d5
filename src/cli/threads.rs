//! Threads for what the program does.

use std::io;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::Failure;

/// So many threads, or for 0 as many as the machine has.
pub(super) fn pool(threads: usize) -> Result<ThreadPool, Failure> {
    let made = ThreadPoolBuilder::new().num_threads(threads).build();
    made.map_err(|error| Failure::io("threads")(io::Error::other(error)))
}
