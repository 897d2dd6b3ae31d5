//! What Ctrl-C and its like do: files that are not whole yet are taken away, then the program ends by the signal, so
//! that a shell sees 130, 143 or 129 and stops its loops. A second one ends it at once.
//!
//! A thread waits for signals, in place of a handler, which could do next to nothing. Elsewhere than on Unix the system
//! ends the program.

#[cfg(unix)]
pub(super) use unix::watch;

#[cfg(not(unix))]
pub(super) fn watch() {}

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::io;
    use std::process;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc::channel;
    use std::thread;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::flag;
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    use crate::cli::{progress, whole_file};

    /// Watches for signals from now on. Where that cannot be, they end the program as they would any other.
    pub(in crate::cli) fn watch() {
        let (ready, is_ready) = channel();
        let wait = move || {
            // Registered here, so that without this thread nothing is.
            let signals = register();
            let _ = ready.send(());
            if let Some(signal) = signals
                .ok()
                .and_then(|mut signals| signals.forever().next())
            {
                end(signal);
            }
        };
        let named = thread::Builder::new().name("signals".to_string());
        if named.spawn(wait).is_ok() {
            let _ = is_ready.recv();
        }
    }

    fn register() -> io::Result<Signals> {
        let ignored = fs::read_to_string("/proc/self/status").map_or(0, |text| ignored(&text));
        // What nohup has a program ignore stays so. Scripts have what they start in the background ignore
        // SIGINT too, but whoever sends it to that very program means it.
        let signals = [SIGINT, SIGTERM, SIGHUP]
            .into_iter()
            .filter(|signal| *signal == SIGINT || ignored >> (signal - 1) & 1 == 0);
        let signals: Vec<i32> = signals.collect();
        let waiting = Signals::new(&signals)?;
        let again = Arc::new(AtomicBool::new(false));
        for signal in signals {
            flag::register_conditional_default(signal, Arc::clone(&again))?;
            flag::register(signal, Arc::clone(&again))?;
        }
        Ok(waiting)
    }

    /// The signals that the process ignores, a bit each, as the status of it under /proc tells.
    fn ignored(status: &str) -> u64 {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .unwrap_or(0)
    }

    fn end(signal: i32) -> ! {
        // Held to the end: no file appears and none is begun any more.
        let _held = whole_file::remove_unfinished();
        progress::clear();
        let _ = emulate_default_handler(signal);
        process::exit(128 + signal)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn ignored_signals_are_a_mask() {
            let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0\n";
            assert_eq!(ignored(status), 0x1001);
            assert_eq!(ignored(status) >> (SIGHUP - 1) & 1, 1);
            assert_eq!(ignored(status) >> (SIGTERM - 1) & 1, 0);
            assert_eq!(ignored("SigIgn:\tq\n"), 0);
            assert_eq!(ignored(""), 0);
        }
    }
}
