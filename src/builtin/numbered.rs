//! Numbers, one after the other: a missing one is a lost line. Only in builds for tests.

use super::table::{Metrics, metrics};
use super::{Sink, tell_whole};

pub(super) static METRICS: Metrics = metrics! {
    Counter "test.number" "" "how many turns of this family there have been before";
};

pub(super) fn take(number: &mut u64, sink: Sink) {
    tell_whole(sink, &METRICS, 0, &[Some(*number)]);
    *number += 1;
}
