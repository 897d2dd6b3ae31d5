//! What callers install on a thread for the work that they call: stops and an instruction set. It goes along to the threads
//! that the work takes, and nowhere else.

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::Arc;

use crate::error::OpError;
use crate::simd::Simd;
use crate::stop::Stop;

/// What is installed on a thread. An operator hands it over before it goes to other threads, and enters it there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Installed {
    stop: Option<Arc<Link>>,
    /// `Auto` where none is.
    pub(crate) simd: Simd,
}

/// A stop, and those around it.
#[derive(Debug)]
struct Link {
    stop: Stop,
    around: Option<Arc<Link>>,
}

thread_local! {
    static HERE: RefCell<Installed> = const {
        RefCell::new(Installed {
            stop: None,
            simd: Simd::Auto,
        })
    };
}

/// Looks at what is installed on this thread.
pub(crate) fn with<R>(look: impl FnOnce(&Installed) -> R) -> R {
    HERE.with_borrow(look)
}

impl Installed {
    /// What is installed on this thread.
    pub(crate) fn here() -> Installed {
        with(Installed::clone)
    }

    /// This, and one more stop.
    pub(crate) fn with_stop(self, stop: Stop) -> Installed {
        let around = self.stop;
        Installed {
            stop: Some(Arc::new(Link { stop, around })),
            simd: self.simd,
        }
    }

    /// What is installed on this thread, for work on other threads, which enters it there; so does what of it is done here.
    pub(crate) fn hand_over() -> HandedOver {
        HandedOver(HERE.take())
    }

    /// Installs it on this thread for as long as the result lives, unless a stop of it is set: then the work is not worth
    /// doing, since the run ends with an error.
    pub(crate) fn enter(&self) -> Option<Entered> {
        match self.error() {
            None => Some(self.clone().enter_always()),
            Some(_) => None,
        }
    }

    /// As [`Installed::enter`], set or not.
    pub(crate) fn enter_always(self) -> Entered {
        Entered(HERE.replace(self))
    }

    /// The error of a stop that is set.
    pub(crate) fn error(&self) -> Option<OpError> {
        let mut link = self.stop.as_ref();
        while let Some(installed) = link {
            if let Some(error) = installed.stop.error() {
                return Some(error);
            }
            link = installed.around.as_ref();
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
#[derive(Debug)]
pub(crate) struct Entered(Installed);

impl Drop for Entered {
    fn drop(&mut self) {
        HERE.set(std::mem::take(&mut self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stop;

    #[test]
    fn what_is_handed_over_is_not_here_meanwhile() {
        let stop = Stop::new();
        stop.stop();
        let best = Simd::best();
        let here = || (stop::is_set(), with(|installed| installed.simd));
        stop.install(|| {
            best.install_checked(|| {
                let handed = Installed::hand_over();
                assert_eq!(here(), (false, Simd::Auto));
                assert!(handed.enter().is_none());
                {
                    let _entered = handed.clone().enter_always();
                    assert_eq!(here(), (true, best));
                }
                assert_eq!(here(), (false, Simd::Auto));
                drop(handed);
                assert_eq!(here(), (true, best));
            });
        });
        assert_eq!(here(), (false, Simd::Auto));
    }
}
