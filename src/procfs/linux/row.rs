//! Rows of numbers, each known by its column.

use super::pieces::behind_last;
use crate::base::fields::{Fields, fields};
use crate::procfs::Values;

/// A column that is of no use.
pub(super) const NO: u8 = u8::MAX;

/// Takes numbers, one column after the other, as the values of these metrics, up to the first that is none.
/// Says how many columns there were.
#[inline(never)]
pub(super) fn row(fields: &mut Fields, metrics: &[u8], values: &mut Values) -> usize {
    let mut count = 0;
    for metric in metrics {
        // What is of no use has no place there, and is a number all the same.
        if !values.parse(usize::from(*metric), fields.next()) {
            break;
        }
        count += 1;
    }
    count
}

/// The name before the last colon of a line, and the fields behind it; a name may have a colon in it (an
/// alias), numbers have none.
#[inline(never)]
pub(super) fn named(line: &[u8]) -> Option<(&[u8], Fields<'_>)> {
    let (name, numbers) = line.split_at_checked(behind_last(line, b':'))?;
    Some((fields(name.strip_suffix(b":")?).next()?, fields(numbers)))
}
