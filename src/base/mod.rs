//! Pure code that every room may use.

pub mod backoff;
pub mod bit_set;
pub mod decimal;
pub mod double;
pub mod fields;
pub mod glob;
pub mod name;
#[cfg(test)]
pub(crate) mod random;
pub mod rate_limit;
pub mod text;
pub mod url;
pub mod wheel;
