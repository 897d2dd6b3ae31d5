//! The pooling engine against the definition, `linn::pooling::definition`.

mod axes;
mod buffers;
mod check;
mod every;
mod levels;
mod number;
mod planes;
mod precision;
mod properties;
mod random;
mod rows;
mod specials;
mod sweep;
mod threads;
mod tricky;
mod whole;
