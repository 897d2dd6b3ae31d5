//! The library as those use it who build it in: operators of their own, threads, external data from memory.

#[path = "library/custom.rs"]
mod custom;
#[path = "library/options.rs"]
mod options;
#[path = "library/stop.rs"]
mod stop;
#[path = "support/mod.rs"]
mod support;
