//! The pooling engine against the definition, `linn::pooling::definition`.

mod check;
mod number;
mod precision;
mod properties;
mod random;
mod sweep;
mod tricky;
