//! Consecutive numbers: a missing one is a lost line. Only in builds for tests.

use super::FamilyContext;
use super::metrics::metrics;
use crate::procfs::ReadError;

metrics! {
    NUMBER Counter "test.number" "" "number of earlier turns of this family";
}

#[expect(clippy::unnecessary_wraps, reason = "the type of all collect functions")]
pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    cx.values.set_u64(NUMBER, Some(cx.collector.turns));
    cx.collector.turns += 1;
    Ok(())
}
