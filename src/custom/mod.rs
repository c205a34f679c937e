//! Custom metrics: numbers in files, and lines of scripts and other programs.

mod json_line;
mod number_file;
mod text_line;

pub use number_file::CustomError;
pub use text_line::{RECEIVED_MAX, read_line};

use crate::base::decimal::Fixed;
use crate::config::Number;

/// Reads a number from its file, and scales it.
pub fn read(custom: &Number) -> Result<Fixed, CustomError> {
    let number = number_file::read(custom.file, custom.line, custom.field)?;
    let (factor, divisor) = custom.ratio;
    let scaled = number.moved(custom.scale).and_then(|number| match custom.ratio {
        (1, 1) => Some(number),
        _ => number.times(factor, divisor),
    });
    scaled.map(Fixed::shortened).ok_or(CustomError::NotNumber)
}
