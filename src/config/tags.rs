//! The user's tags: each has a key of its own, which no tag of a built-in metric has.

use super::FamilyTable;
use super::error::ErrorKind::{DuplicateTag, ReservedTag};
use super::error::ValueError::{NotOfKind, Part};
use super::error::ValueResult;
use super::value::pair;

/// Returns the key of a tag; that of a tag without a `=` is the whole tag.
pub(super) fn key(tag: &[u8]) -> &[u8] {
    pair(tag).map_or(tag, |(key, _)| key)
}

/// Checks a tag that is added to others.
pub(super) fn check_tag<'a>(
    tag: &'a [u8],
    mut others: impl Iterator<Item = &'a [u8]>,
    families: &FamilyTable,
) -> ValueResult<'a> {
    let key = key(tag);
    if tag.is_empty() {
        Err(NotOfKind)
    } else if (families.is_reserved_tag)(key) {
        Err(Part(ReservedTag, key))
    } else if others.any(|other| self::key(other) == key) {
        Err(Part(DuplicateTag, key))
    } else {
        Ok(())
    }
}
