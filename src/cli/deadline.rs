//! `--timeout`: the time that the program may take.
//!
//! Loading and runs look at the clock by themselves, and say where they were stopped. What does not, as a file that is slow to
//! come, is ended by a thread that waits a little longer.

use std::process;
use std::thread;
use std::time::Duration;

use linn::{Error, Stop};

use super::{Failure, progress, whole_file};

/// How much longer the thread waits.
const GRACE: Duration = Duration::from_millis(80);

/// Does `work` for at most `timeout`.
pub(super) fn within<R>(timeout: Option<Duration>, is_json: bool, work: impl FnOnce() -> R) -> R {
    let Some(timeout) = timeout else {
        return work();
    };
    // Without the thread, the work still looks at the clock.
    let named = thread::Builder::new().name("deadline".to_string());
    let _ = named.spawn(move || {
        thread::sleep(timeout.saturating_add(GRACE));
        end(timeout, is_json);
    });
    Stop::after(timeout).install(work)
}

fn end(timeout: Duration, is_json: bool) -> ! {
    // Held to the end: no file appears and none is begun any more.
    let _held = whole_file::remove_unfinished();
    progress::clear();
    let failure = Failure::Linn {
        file: None,
        error: Error::Limit {
            reason: format!("the time limit of {timeout:?} has passed"),
            memory: false,
        },
    }
    .help(HELP);
    failure.say(is_json);
    process::exit(failure.exit_code().into())
}

/// What to do about it.
pub(super) const HELP: &str = "give it more time with --timeout";
