//! The threads of rayon's global pool: what is done outside of other pools takes them, and rayon itself panics where the
//! system does not have them.

use std::error::Error as _;
use std::sync::OnceLock;

use rayon::ThreadPoolBuilder;

use crate::error::{Class, OpError};

/// Makes sure that there are threads for what comes: those of the pool around, or of the global one, which is made if there
/// is none yet.
///
/// # Errors
/// The system has no threads.
pub(crate) fn check() -> Result<(), OpError> {
    static GLOBAL: OnceLock<Result<(), OpError>> = OnceLock::new();
    // Where there are no threads at all, rayon does without.
    if cfg!(target_family = "wasm") || rayon::current_thread_index().is_some() {
        return Ok(());
    }
    GLOBAL.get_or_init(make).clone()
}

fn make() -> Result<(), OpError> {
    let Err(error) = ThreadPoolBuilder::new().build_global() else {
        return Ok(());
    };
    match error.source() {
        Some(source) => Err(refused(source)),
        // It is there already.
        None => Ok(()),
    }
}

/// What is said where the system refuses threads.
pub(crate) fn refused(error: &dyn std::fmt::Display) -> OpError {
    let reason = format!("needs threads, which the system does not have: {error}");
    OpError::new(Class::Limit, "", reason)
}
