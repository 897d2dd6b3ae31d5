//! Stopping: what is loaded or run ends soon after a deadline, or when the caller has lost interest.

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Class, OpError, Remedy};

/// A way to end runs from outside: by a deadline, or from another thread.
///
/// Runs look at it between nodes and inside long ones, some hundred times a second. One that is stopped fails with an error of
/// class [`Class::Limit`], and the model can be used again; what its outputs hold that were the caller's is not specified.
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
        let around = Installed::here();
        let installed = Installed(Some(Arc::new(Link {
            stop: self.clone(),
            around,
        })));
        let _entered = installed.enter_always();
        work()
    }

    fn error(&self) -> Option<OpError> {
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

thread_local! {
    static HERE: RefCell<Installed> = const { RefCell::new(Installed(None)) };
}

/// What is installed on a thread. An operator hands it over before it goes to other threads, and enters it there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Installed(Option<Arc<Link>>);

#[derive(Debug)]
struct Link {
    stop: Stop,
    around: Installed,
}

impl Installed {
    /// What is installed on this thread.
    fn here() -> Installed {
        HERE.with_borrow(Installed::clone)
    }

    /// What is installed on this thread, for work on other threads, which enters it there; so does what of it is done here.
    pub(crate) fn hand_over() -> HandedOver {
        HandedOver(HERE.take())
    }

    /// Installs it on this thread for as long as the result lives, unless it is set: then the work is not worth doing, since
    /// the run ends with an error.
    pub(crate) fn enter(&self) -> Option<Entered> {
        match self.error() {
            None => Some(self.enter_always()),
            Some(_) => None,
        }
    }

    /// As [`Installed::enter`], set or not.
    pub(crate) fn enter_always(&self) -> Entered {
        Entered(HERE.replace(self.clone()))
    }

    fn error(&self) -> Option<OpError> {
        let mut link = self.0.as_ref();
        while let Some(installed) = link {
            if let Some(error) = installed.stop.error() {
                return Some(error);
            }
            link = installed.around.0.as_ref();
        }
        None
    }
}

/// What is installed on a thread whose work goes to others. It is not installed there until this is dropped: a thread that
/// waits for others may do other work meanwhile, of callers who have nothing to do with it.
#[derive(Debug)]
pub(crate) struct HandedOver(Installed);

impl Deref for HandedOver {
    type Target = Installed;

    fn deref(&self) -> &Installed {
        &self.0
    }
}

impl Drop for HandedOver {
    fn drop(&mut self) {
        HERE.set(std::mem::take(&mut self.0));
    }
}

/// Puts back what was installed before.
pub(crate) struct Entered(Installed);

impl Drop for Entered {
    fn drop(&mut self) {
        HERE.set(std::mem::take(&mut self.0));
    }
}

/// Whether the work on this thread is to end.
pub(crate) fn is_set() -> bool {
    HERE.with_borrow(|here| here.error().is_some())
}

/// # Errors
/// The work on this thread is to end.
pub(crate) fn check() -> Result<(), OpError> {
    HERE.with_borrow(|here| here.error().map_or(Ok(()), Err))
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
    fn what_is_handed_over_is_not_here_meanwhile() {
        let stop = Stop::new();
        stop.stop();
        stop.install(|| {
            let handed = Installed::hand_over();
            assert!(!is_set());
            assert!(handed.enter().is_none());
            {
                let _entered = handed.enter_always();
                assert!(is_set());
            }
            assert!(!is_set());
            drop(handed);
            assert!(is_set());
        });
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
