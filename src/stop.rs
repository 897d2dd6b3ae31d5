//! Stopping: what is loaded or run ends soon after a deadline, or when the caller has lost interest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Class, Error, OpError, Remedy};
use crate::installed::{self, Installed};

/// A way to end runs from outside: by a deadline, or from another thread.
///
/// Loading and runs look at it often enough to end within 100 ms, also inside of long nodes. What is stopped fails with an
/// error of class [`Class::Limit`], and the model can be used again; what its outputs hold that were the caller's is not
/// specified.
///
/// ```
/// use std::time::Duration;
/// use linn::{Class, Model, Stop, inputs};
///
/// let model = Model::load("models/branches/model.onnx")?;
/// let x = ndarray::Array4::<f32>::ones((1, 2, 4, 4));
/// let stop = Stop::after(Duration::from_secs(60));
/// let outputs = stop.install(|| model.run(inputs! { "x" => x.view() }))?;
/// assert_eq!(outputs["y"].shape()[..], [1, 8]);
///
/// // Another thread would hold a clone of it.
/// stop.stop();
/// let error = stop.install(|| model.run(inputs! { "x" => x.view() })).unwrap_err();
/// assert_eq!(error.class(), Class::Limit);
/// # Ok::<(), linn::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<State>);

#[derive(Debug, Default)]
struct State {
    stopped: AtomicBool,
    deadline: Option<Deadline>,
}

#[derive(Debug)]
struct Deadline {
    at: Instant,
    timeout: Duration,
}

impl Stop {
    /// One without a deadline.
    pub fn new() -> Stop {
        Stop::default()
    }

    /// One that is set when `timeout` has passed from now on.
    pub fn after(timeout: Duration) -> Stop {
        // A deadline beyond what the clock can tell is none.
        let at = Instant::now().checked_add(timeout);
        Stop(Arc::new(State {
            deadline: at.map(|at| Deadline { at, timeout }),
            ..State::default()
        }))
    }

    /// Ends what runs with it, on any thread, and whatever will.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether it has been [stopped](Stop::stop), or its deadline has passed.
    pub fn is_set(&self) -> bool {
        self.error().is_some()
    }

    /// Does `work`: what it loads and runs on this thread, and on the threads that this takes, ends when this is set, or one
    /// that is installed around it.
    pub fn install<R>(&self, work: impl FnOnce() -> R) -> R {
        let _entered = Installed::here().with_stop(self.clone()).enter_always();
        work()
    }

    pub(crate) fn error(&self) -> Option<OpError> {
        let limit = |reason: String| OpError::new(Class::Limit, "", reason);
        if self.0.stopped.load(Ordering::Relaxed) {
            return Some(limit("was stopped by the caller".to_string()));
        }
        let deadline = self.0.deadline.as_ref()?;
        (Instant::now() >= deadline.at).then(|| {
            let reason = format!(
                "was stopped: the time limit of {:?} has passed",
                deadline.timeout
            );
            limit(reason).with(Remedy::TimeLimit)
        })
    }
}

/// Whether the work on this thread is to end.
pub(crate) fn is_set() -> bool {
    check().is_err()
}

/// # Errors
/// The work on this thread is to end.
pub(crate) fn check() -> Result<(), OpError> {
    installed::with(|installed| installed.error().map_or(Ok(()), Err))
}

/// As [`check`], where a model is loaded.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_loading() -> Result<(), Error> {
    check().map_err(loading)
}

/// What stopped the loading of a model.
pub(crate) fn loading(error: OpError) -> Error {
    Error::limit(format!("loading {error}"))
}

/// Nodes of a file, or fields of them, that are read between looks.
pub(crate) const READ: usize = 1 << 9;

/// As [`check_loading`], before node or field `number`, of which only some look.
#[inline]
pub(crate) fn check_node(number: usize) -> Result<(), Error> {
    match number.is_multiple_of(READ) {
        true => check_loading(),
        false => Ok(()),
    }
}

/// Short steps that are done between looks.
const STEPS: usize = 1 << 16;

/// As [`check`], before step `number` of many short ones, of which only some look.
#[inline]
pub(crate) fn check_step(number: usize) -> Result<(), OpError> {
    match number.is_multiple_of(STEPS) {
        true => check(),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_holds_for_its_scope_and_this_thread_alone() {
        let (outer, inner) = (Stop::new(), Stop::new());
        assert!(!is_set());
        outer.install(|| {
            inner.install(|| {
                assert!(!is_set());
                inner.stop();
                assert!(is_set());
                let other = std::thread::spawn(is_set).join();
                assert!(!other.expect("it ends"));
                let here = Installed::here();
                let entered = std::thread::spawn(move || here.enter().is_none()).join();
                assert!(entered.expect("it ends"));
            });
            assert!(!is_set());
        });
        outer.stop();
        outer.install(|| Stop::new().install(|| assert!(is_set())));
        assert!(!is_set());
    }

    #[test]
    fn a_deadline_passes() {
        let stop = Stop::after(Duration::from_millis(5));
        stop.install(|| {
            assert!(check().is_ok());
            std::thread::sleep(Duration::from_millis(6));
            let error = check().unwrap_err();
            assert_eq!(error.class, Class::Limit);
            assert!(error.reason.contains("the time limit of 5ms"), "{error}");
        });
        assert!(!Stop::after(Duration::MAX).is_set());
    }
}
