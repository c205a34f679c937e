//! Metrics of the user's own.

mod file;
mod json;
mod line;

pub use file::Trouble;
pub use line::{PUSHED_MAX, read_line};

use crate::base::decimal::Fixed;
use crate::config::Number;

/// Reads the number that is asked for.
pub fn read(custom: &Number) -> Result<Fixed, Trouble> {
    let number = file::read(custom.file, custom.line, custom.field)?;
    let (factor, divisor) = custom.ratio;
    let scaled = number.moved(custom.scale).and_then(|number| match custom.ratio {
        (1, 1) => Some(number),
        _ => number.times(factor, divisor),
    });
    scaled.map(Fixed::shortened).ok_or(Trouble::NoNumber)
}
