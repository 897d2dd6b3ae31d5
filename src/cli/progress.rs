//! A bar on stderr that shows how far long work is: on a terminal only, and only after a second.
//!
//! Nothing draws by itself: whoever works says between two pieces how far it is, so that a bar takes no time from
//! what is measured.

use std::env;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that is done sooner shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// The least time between two drawings.
const PAUSE: Duration = Duration::from_millis(200);

/// Whether a bar is on the terminal now.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// How far some work is. The bar is taken away when this is dropped.
pub(super) struct Progress {
    /// None where no bar is wanted.
    bar: Option<Mutex<Bar>>,
}

struct Bar {
    bar: ProgressBar,
    /// When it is drawn next.
    next: Instant,
}

impl Progress {
    /// Progress of work in `steps` steps.
    pub(super) fn new(steps: u64) -> Progress {
        let bar = is_wanted(io::stderr().is_terminal(), |name| env::var(name).ok())
            .then(|| Mutex::new(Bar::new(steps, ProgressDrawTarget::stderr())));
        Progress { bar }
    }

    /// So many steps are done; `what` is going on. Cheap, where it is too early to draw.
    pub(super) fn show(&self, done: u64, what: impl Fn() -> String) {
        let Some(bar) = &self.bar else { return };
        let mut bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now >= bar.next {
            bar.draw(done, what());
            bar.next = now + PAUSE;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            let bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
            bar.bar.finish_and_clear();
            SHOWN.store(false, Ordering::Relaxed);
        }
    }
}

impl Bar {
    fn new(steps: u64, target: ProgressDrawTarget) -> Bar {
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {wide_msg}")
            .expect("the template is well formed")
            .progress_chars("=> ");
        let bar = ProgressBar::with_draw_target(Some(steps), target).with_style(style);
        Bar {
            bar,
            next: Instant::now() + PATIENCE,
        }
    }

    fn draw(&self, done: u64, what: String) {
        SHOWN.store(true, Ordering::Relaxed);
        self.bar.set_position(done);
        self.bar.set_message(what);
    }
}

/// Takes a bar away when the program ends in the midst of its work.
pub(super) fn clear() {
    use std::io::Write;
    if SHOWN.swap(false, Ordering::Relaxed) {
        // To the first column, and nothing from there on.
        let _ = io::stderr().write_all(b"\r\x1b[K");
    }
}

/// Whether a bar is wanted on stderr, which is a terminal or not, given the variables of the environment.
fn is_wanted(is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    // Windows has no TERM, and terminals that need none.
    let can_move = match variable("TERM") {
        Some(term) => !term.is_empty() && term != "dumb",
        None => cfg!(windows),
    };
    let is_service = variable("CI").is_some_and(|value| !value.is_empty() && value != "false");
    is_terminal && can_move && !is_service
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use indicatif::TermLike;

    use super::*;

    #[test]
    fn a_bar_is_wanted_on_a_terminal_that_someone_looks_at() {
        let wanted = |is_terminal, variables: &[(&str, &str)]| {
            is_wanted(is_terminal, |name| {
                let found = variables.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| value.to_string())
            })
        };
        let xterm = ("TERM", "xterm-256color");
        assert!(wanted(true, &[xterm]));
        assert!(wanted(true, &[xterm, ("CI", ""), ("NO_COLOR", "1")]));
        assert!(wanted(true, &[xterm, ("CI", "false")]));
        assert!(!wanted(false, &[xterm]));
        assert!(!wanted(true, &[xterm, ("CI", "true")]));
        assert!(!wanted(true, &[("TERM", "dumb")]));
        assert!(!wanted(true, &[("TERM", "")]));
        assert_eq!(wanted(true, &[]), cfg!(windows));
    }

    /// A terminal that keeps what was written.
    #[derive(Clone, Debug, Default)]
    struct Kept(Arc<Mutex<String>>);

    impl Kept {
        fn add(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }

        fn take(&self) -> String {
            std::mem::take(&mut self.0.lock().unwrap())
        }
    }

    impl TermLike for Kept {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.add(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.add(text)
        }
        fn clear_line(&self) -> io::Result<()> {
            self.add("<clear>")
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_bar_is_drawn_after_a_while_and_goes_away() {
        let terminal = Kept::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let progress = Progress {
            bar: Some(Mutex::new(Bar::new(10, target))),
        };
        progress.show(1, || unreachable!("it is too early"));
        assert_eq!(terminal.take(), "");
        let soon = |progress: &Progress| {
            let bar = progress.bar.as_ref().unwrap();
            bar.lock().unwrap().next = Instant::now();
        };
        soon(&progress);
        progress.show(5, || "in the midst".to_string());
        let drawn = terminal.take();
        assert!(drawn.contains("===============>"), "{drawn}");
        assert!(drawn.contains(" 50 %  in the midst"), "{drawn}");
        progress.show(6, || unreachable!("it has just been drawn"));
        assert_eq!(terminal.take(), "");
        drop(progress);
        assert!(terminal.take().ends_with("<clear>"));

        let hidden = Progress { bar: None };
        hidden.show(5, || unreachable!("nobody looks"));
    }
}
