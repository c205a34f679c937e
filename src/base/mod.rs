//! Pure code that every room may use.

pub mod backoff;
pub mod decimal;
pub mod fields;
pub mod glob;
pub mod packed;
pub mod rate_limit;
pub mod text;
pub mod wheel;
