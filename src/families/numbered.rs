//! Numbers, one after the other: a missing one is a lost line. Only in builds for tests.

use super::table::{Metrics, metrics};
use crate::procfs::Values;

pub(super) static METRICS: Metrics = metrics! {
    Counter "test.number" "" "how many turns of this family there have been before";
};

pub(super) fn take(number: &mut u64, values: &mut Values) {
    values.set_whole(0, *number);
    *number += 1;
}
